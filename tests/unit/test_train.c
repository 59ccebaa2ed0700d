/* SPDX-License-Identifier: MIT */
/* The training engine: every derivative against central differences in fp64, the same bytes on any number of threads, folders
 * that the models' room reads, draws, rates, errors. */
#include "check.h"

#include "broca/model.h"
#include "broca/num.h"
#include "broca/store.h"
#include "broca/train.h"

/* Two layers on sheets of 3 × 4, windows of 5 tokens, a target that does not count. */
static void tiny(train_model *m, train_plan *p, train_family family)
{
    train_defaults(m, p);
    m->family = family;
    m->vocabulary = 11, m->context = 7, m->layers = 2, m->width = 12, m->heads = family == TRAIN_LLAMA ? 6 : 3;
    m->kv_heads = family == TRAIN_LLAMA ? 2 : 0;
    m->inner = 20;
    m->sheet_rows = 3, m->sheet_columns = 4, m->radius = 2, m->neighbourhoods = 2;
    m->init_std = .3;
    m->precision = TRAIN_FP64;
    p->windows = 3, p->length = 5, p->micro_batches = 1;
    p->steps = 10, p->warmup = 2;
}

static const int32_t inputs[15] = { 3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 10 };
static const int32_t targets[15] = { 1, 4, 1, 5, -1, 2, 6, 5, 3, 5, 8, 9, 7, 10, 0 };
static const size_t chosen_lists[4][2] = { { 0, 1 }, { 1, 0 }, { 0, 1 }, { 1, 0 } };
static const size_t *const chosen[4] = { chosen_lists[0], chosen_lists[1], chosen_lists[2], chosen_lists[3] };
static const train_batch batch = { .inputs = inputs, .targets = targets, .windows = 3, .length = 5, .chosen = chosen, .n_chosen = 2 };

static trainer *make(const train_model *m, const train_plan *p, uint64_t seed)
{
    err e = { 0 };
    trainer *t = NULL;
    if (trainer_new(&t, m, p, seed, &e)) fail_msg("%s", err_text(&e));
    return t;
}

/* CE + alpha · sum of the taps' losses: what trainer_add follows (activation decay left out). */
static double objective(trainer *t)
{
    err e = { 0 };
    double ce, spatial[4], sum = 0;
    if (trainer_add(t, &batch, 0, &ce, spatial, NULL, &e)) fail_msg("%s", err_text(&e));
    for (size_t i = 0; i < trainer_taps(t); i++) sum += spatial[i];
    return ce + trainer_model(t)->alpha * sum;
}

/* Biases and gains get values of their own, so that none of their derivatives is hidden by a 0 or a 1. */
static void stir(trainer *t)
{
    for (size_t k = 0; k < trainer_tensors(t); k++) {
        const train_tensor *s = trainer_tensor(t, k);
        for (size_t i = 0; !s->columns && i < s->elements; i++) ((double *)s->value)[i] += .2 * rng_normal(7, 100, (uint32_t)i, (uint32_t)k, 0);
    }
}

/* The largest difference of a derivative from (f(w + h) - f(w - h))/2h, over every number of every tensor. */
static void assert_derivatives(const train_model *m, const train_plan *p)
{
    err e = { 0 };
    trainer *t = make(m, p, 5);
    const double h = 1e-5, weight = .7;
    stir(t);
    trainer_begin(t);
    if (trainer_add(t, &batch, weight, NULL, NULL, NULL, &e)) fail_msg("%s", err_text(&e));
    for (size_t k = 0; k < trainer_tensors(t); k++) {
        const train_tensor *s = trainer_tensor(t, k);
        double most = 0;
        for (size_t i = 0; i < s->elements; i++) {
            double *w = (double *)s->value + i, kept = *w, up, down;
            *w = kept + h;
            up = objective(t);
            *w = kept - h;
            down = objective(t);
            *w = kept;
            double g = ((double *)s->gradient)[i], want = weight * (up - down) / (2 * h);
            if (fabs(g) > most) most = fabs(g);
            if (fabs(g - want) > 2e-8) fail_msg("%s[%zu]: %.12g, central difference %.12g", s->name, i, g, want);
        }
        if (!(most > 1e-4)) fail_msg("%s: the largest derivative is %g; the test says nothing", s->name, most);
    }
    trainer_free(t);
}

static void every_derivative_of_gpt2_is_right(void **state)
{
    train_model m;
    train_plan p;
    (void)state;
    for (int k = 0; k < 4; k++) {
        tiny(&m, &p, TRAIN_GPT2);
        m.bias = k & 1;
        m.tied = k != 1;
        m.alpha = k == 0 ? 0 : .8;
        m.placement = k == 2 ? TRAIN_POST : TRAIN_PRE;
        assert_derivatives(&m, &p);
    }
}

static void every_derivative_of_llama_is_right(void **state)
{
    train_model m;
    train_plan p;
    (void)state;
    for (int k = 0; k < 2; k++) {
        tiny(&m, &p, TRAIN_LLAMA);
        m.tied = k == 0;
        m.alpha = .8;
        m.placement = k ? TRAIN_POST : TRAIN_PRE;
        assert_derivatives(&m, &p);
    }
}

static void the_largest_neighbourhood_alone_is_followed(void **state)
{
    train_model m;
    train_plan p;
    (void)state;
    tiny(&m, &p, TRAIN_GPT2);
    m.alpha = .8;
    m.maximum = true;
    assert_derivatives(&m, &p);
}

/* Windows longer than an attention block, so that blocks meet. */
static void attention_in_blocks_has_the_derivatives_of_one(void **state)
{
    enum { LENGTH = 150 };
    train_model m;
    train_plan p;
    err e = { 0 };
    int32_t in[LENGTH], out[LENGTH];
    double ce, up, down;
    (void)state;
    tiny(&m, &p, TRAIN_LLAMA);
    m.context = p.length = LENGTH;
    p.windows = 1;
    m.alpha = 0, m.sheet_rows = m.sheet_columns = 0;
    trainer *t = make(&m, &p, 5);
    for (int i = 0; i < LENGTH; i++) in[i] = (i * i + 3 * i) % 11, out[i] = (in[i] + i) % 11;
    train_batch b = { .inputs = in, .targets = out, .windows = 1, .length = LENGTH };
    trainer_begin(t);
    if (trainer_add(t, &b, 1, &ce, NULL, NULL, &e)) fail_msg("%s", err_text(&e));
    for (size_t k = 0; k < trainer_tensors(t); k++) {
        const train_tensor *s = trainer_tensor(t, k);
        for (size_t i = 0; i < s->elements; i += 1 + s->elements / 17) {
            double *w = (double *)s->value + i, kept = *w;
            *w = kept + 1e-5;
            trainer_add(t, &b, 0, &up, NULL, NULL, &e);
            *w = kept - 1e-5;
            trainer_add(t, &b, 0, &down, NULL, NULL, &e);
            *w = kept;
            assert_near(((double *)s->gradient)[i], (up - down) / 2e-5, 1e-8);
        }
    }
    trainer_free(t);
}

/* decay · sum over taps of mean |row|², by the difference that it makes to the gradient of a bias: for `pre` taps the sublayer's
 * own bias b sees 2·decay·mean(tap). */
static void activation_decay_pulls_taps_to_zero(void **state)
{
    train_model m;
    train_plan p;
    err e = { 0 };
    double with[12], without[12];
    (void)state;
    tiny(&m, &p, TRAIN_GPT2);
    m.bias = true;
    m.layers = 1;
    for (int k = 0; k < 2; k++) {
        m.activation_decay = k ? .5 : 0;
        trainer *t = make(&m, &p, 5);
        stir(t);
        for (size_t i = 0; i < trainer_tensors(t); i++) {
            const train_tensor *s = trainer_tensor(t, i);
            if (str_ends(s->name, "mlp.c_proj.weight")) memset(s->value, 0, s->elements * sizeof(double));
        }
        trainer_begin(t);
        assert_int_equal(trainer_add(t, &batch, 1, NULL, NULL, NULL, &e), 0);
        for (size_t i = 0; i < trainer_tensors(t); i++) {
            const train_tensor *s = trainer_tensor(t, i);
            if (!str_ends(s->name, "mlp.c_proj.bias")) continue;
            memcpy(k ? with : without, s->gradient, sizeof with);
            for (size_t j = 0; k && j < 12; j++) assert_near(with[j] - without[j], 2 * .5 * ((double *)s->value)[j], 1e-12);
        }
        trainer_free(t);
    }
}

/* ---- steps ---- */

static void tokens_for(int32_t *at, size_t n, size_t step)
{
    for (size_t i = 0; i < n; i++) at[i] = (int32_t)rng_below(3, 100, (uint32_t)i, (uint32_t)step, 0, 11);
}

static trainer *run_steps(const train_model *m, const train_plan *p, size_t from, size_t to, trainer *t, train_stats *s)
{
    err e = { 0 };
    size_t n = p->micro_batches * p->windows * (p->length + 1);
    int32_t *at = malloc(n * sizeof *at);
    if (!t) t = make(m, p, 9);
    for (size_t i = from; i < to; i++) {
        tokens_for(at, n, i);
        if (trainer_step(t, at, i, train_rate(p, i), s, &e)) fail_msg("%s", err_text(&e));
    }
    free(at);
    return t;
}

static void assert_same_weights(const trainer *a, const trainer *b)
{
    for (size_t k = 0; k < trainer_tensors(a); k++) {
        const train_tensor *x = trainer_tensor(a, k), *y = trainer_tensor(b, k);
        assert_memory_equal(x->value, y->value, x->elements * trainer_element(a));
        assert_memory_equal(x->m, y->m, x->elements * trainer_element(a));
        assert_memory_equal(x->v, y->v, x->elements * trainer_element(a));
    }
}

/* More rows than one block, so that threads have something to share. */
static void wider(train_model *m, train_plan *p, train_family family)
{
    tiny(m, p, family);
    m->precision = TRAIN_FP32;
    m->alpha = .5;
    m->init_std = .05;
    m->context = p->length = 70;
    p->windows = 8;
    p->micro_batches = 2;
}

static void the_bytes_are_the_same_on_any_number_of_threads(void **state)
{
    train_model m;
    train_plan p;
    train_stats s, other;
    (void)state;
    for (int family = 0; family < 2; family++) {
        wider(&m, &p, family ? TRAIN_LLAMA : TRAIN_GPT2);
        threads_start(1);
        trainer *one = run_steps(&m, &p, 0, 3, NULL, &s);
        for (size_t n = 2; n <= 3; n++) {
            threads_start(n);
            trainer *more = run_steps(&m, &p, 0, 3, NULL, &other);
            assert_same_weights(one, more);
            assert_memory_equal(&s, &other, sizeof s);
            trainer_free(more);
        }
        threads_start(1);
        trainer_free(one);
    }
}

/* Copying values, moments and the number of updates is all that a checkpoint needs. */
static void a_run_goes_on_from_its_tensors_to_the_same_bytes(void **state)
{
    train_model m;
    train_plan p;
    train_stats s;
    (void)state;
    wider(&m, &p, TRAIN_GPT2);
    trainer *whole = run_steps(&m, &p, 0, 4, NULL, &s), *half = run_steps(&m, &p, 0, 2, NULL, &s), *rest = make(&m, &p, 9);
    for (size_t k = 0; k < trainer_tensors(half); k++) {
        const train_tensor *from = trainer_tensor(half, k), *to = trainer_tensor(rest, k);
        memcpy(to->value, from->value, from->elements * 4);
        memcpy(to->m, from->m, from->elements * 4);
        memcpy(to->v, from->v, from->elements * 4);
    }
    trainer_set_updates(rest, trainer_updates(half));
    run_steps(&m, &p, 2, 4, rest, &s);
    assert_same_weights(whole, rest);
    trainer_free(whole);
    trainer_free(half);
    trainer_free(rest);
}

/* The same four windows as one micro-batch of four or four of one: the same gradient where no correlation is taken. */
static void accumulation_adds_up_to_the_whole_batch(void **state)
{
    train_model m;
    train_plan p;
    train_stats one, four;
    (void)state;
    tiny(&m, &p, TRAIN_GPT2);
    p.windows = 4;
    trainer *a = run_steps(&m, &p, 0, 1, NULL, &one);
    p.windows = 1, p.micro_batches = 4;
    trainer *b = run_steps(&m, &p, 0, 1, NULL, &four);
    assert_near(one.ce, four.ce, 1e-13);
    assert_near(one.gradient_norm, four.gradient_norm, 1e-13);
    for (size_t k = 0; k < trainer_tensors(a); k++) {
        const train_tensor *x = trainer_tensor(a, k), *y = trainer_tensor(b, k);
        for (size_t i = 0; i < x->elements; i++) assert_near(((double *)x->gradient)[i], ((double *)y->gradient)[i], 1e-14);
    }
    trainer_free(a);
    trainer_free(b);
}

static void a_smoothness_loss_lays_units_out(void **state)
{
    train_model m;
    train_plan p;
    train_stats first, last;
    (void)state;
    wider(&m, &p, TRAIN_GPT2);
    m.alpha = 2.5;
    p.peak = 1e-2, p.steps = 60, p.micro_batches = 1;
    trainer *t = run_steps(&m, &p, 0, 1, NULL, &first);
    run_steps(&m, &p, 1, 60, t, &last);
    assert_true(first.spatial > .35);
    assert_true(last.spatial < .2);
    trainer_free(t);
}

static void an_evaluation_changes_nothing(void **state)
{
    train_model m;
    train_plan p;
    train_stats s;
    err e = { 0 };
    double ce, again, spatial[4];
    int32_t at[10 * 71];
    (void)state;
    wider(&m, &p, TRAIN_GPT2);
    trainer *a = run_steps(&m, &p, 0, 2, NULL, &s), *b = run_steps(&m, &p, 0, 1, NULL, &s);
    tokens_for(at, 10 * 71, 99);
    assert_int_equal(trainer_evaluate(b, at, 10, &ce, spatial, &e), 0); /* a batch of 8 and one of 2 */
    assert_int_equal(trainer_evaluate(b, at, 10, &again, NULL, &e), 0);
    assert_true(ce == again);
    assert_true(ce > 2 && ce < 3);
    run_steps(&m, &p, 1, 2, b, &s);
    assert_same_weights(a, b);
    trainer_free(a);
    trainer_free(b);
}

/* ---- mixed precision ---- */

static void bf16_bytes_are_the_same_on_any_number_of_threads(void **state)
{
    train_model m;
    train_plan p;
    train_stats s, other;
    (void)state;
    if (!packed_has(PACKED_BF16)) skip(); /* no oneDNN, or no bf16 here */
    wider(&m, &p, TRAIN_GPT2);
    m.precision = TRAIN_BF16;
    trainer *one = run_steps(&m, &p, 0, 3, NULL, &s);
    for (size_t n = 2; n <= 3; n++) {
        threads_start(n);
        trainer *more = run_steps(&m, &p, 0, 3, NULL, &other);
        threads_start(1);
        assert_same_weights(one, more);
        assert_memory_equal(&s, &other, sizeof s);
        trainer_free(more);
    }
    trainer_free(one);
}

/* bf16 keeps 8 bits: each gradient lies within some per cent of fp32's, and is not the same. */
static void bf16_gradients_are_those_of_fp32_but_for_rounding(void **state)
{
    train_model m;
    train_plan p;
    train_stats s, narrow;
    (void)state;
    if (!packed_has(PACKED_BF16)) skip();
    for (int family = 0; family < 2; family++) {
        wider(&m, &p, family ? TRAIN_LLAMA : TRAIN_GPT2);
        m.bias = !family;
        trainer *a = run_steps(&m, &p, 0, 1, NULL, &s);
        m.precision = TRAIN_BF16;
        trainer *b = run_steps(&m, &p, 0, 1, NULL, &narrow);
        assert_near(narrow.ce, s.ce, 2e-3);
        assert_near(narrow.spatial, s.spatial, 2e-3);
        for (size_t k = 0; k < trainer_tensors(a); k++) {
            const train_tensor *x = trainer_tensor(a, k), *y = trainer_tensor(b, k);
            double size = 0, apart = 0;
            for (size_t i = 0; i < x->elements; i++) {
                double g = (double)((float *)x->gradient)[i], d = (double)((float *)y->gradient)[i] - g;
                size += g * g;
                apart += d * d;
            }
            if (!(sqrt(apart) < .06 * sqrt(size)) || !(apart > 0))
                fail_msg("%s: gradients of length %g are %g apart", x->name, sqrt(size), sqrt(apart));
        }
        trainer_free(a);
        trainer_free(b);
    }
}

/* A language that can be learned: each token tells which four may come next. */
static void chain(int32_t *at, size_t windows, size_t length, size_t step)
{
    for (size_t w = 0; w < windows; w++)
        for (size_t i = 0; i < length; i++) {
            uint32_t r = rng_below(4, 101, (uint32_t)(w * length + i), (uint32_t)step, 0, 64), choice = rng_below(4, 102, (uint32_t)(w * length + i), (uint32_t)step, 0, 4);
            at[w * length + i] = (int32_t)(i ? rng_below(4, 103, (uint32_t)at[w * length + i - 1], choice, 0, 64) : r);
        }
}

static double mean_loss(train_model *m, train_plan *p, size_t steps, double *last)
{
    err e = { 0 };
    train_stats s;
    size_t n = p->windows * (p->length + 1);
    double sum = 0, late = 0;
    int32_t *at = malloc(n * sizeof *at);
    trainer *t = make(m, p, 6);
    for (size_t i = 0; i < steps; i++) {
        chain(at, p->windows, p->length + 1, i);
        if (trainer_step(t, at, i, train_rate(p, i), &s, &e)) fail_msg("%s", err_text(&e));
        sum += s.ce / (double)steps;
        if (i + 10 >= steps) late += s.ce / 10;
    }
    *last = late;
    trainer_free(t);
    free(at);
    return sum;
}

/* TRAIN_STEPS=500 (make test-slow): the whole of what is claimed. */
static void bf16_learns_what_fp32_learns(void **state)
{
    const char *asked = getenv("TRAIN_STEPS");
    size_t steps = asked ? (size_t)atoi(asked) : 60;
    train_model m;
    train_plan p;
    double last[2], mean[2];
    (void)state;
    if (!packed_has(PACKED_BF16)) skip();
    tiny(&m, &p, TRAIN_GPT2);
    m.vocabulary = 64, m.context = p.length = 32, m.width = 48, m.heads = 4, m.inner = 192, m.sheet_rows = 6, m.sheet_columns = 8;
    m.alpha = .25;
    m.init_std = .02;
    p.windows = 8, p.steps = steps, p.warmup = steps / 10, p.peak = 4e-3, p.floor = 4e-4;
    for (int k = 0; k < 2; k++) {
        m.precision = k ? TRAIN_BF16 : TRAIN_FP32;
        mean[k] = mean_loss(&m, &p, steps, &last[k]);
    }
    print_message("%zu steps: mean loss %.4f in fp32, %.4f in bf16; last ten %.4f, %.4f\n", steps, mean[0], mean[1], last[0], last[1]);
    assert_true(last[0] < 3.9); /* ln 64 is 4.16 */
    assert_near(mean[1], mean[0], .02);
    assert_near(last[1], last[0], .02);
}

/* ---- folders ---- */

/* The mean surprisal that the models' room computes from the saved folder. */
static double surprisal(const char *folder, const int32_t *tokens, size_t windows, size_t length)
{
    err e = { 0 };
    model *m = NULL;
    double sum = 0;
    const int32_t *ids[16];
    size_t lengths[16];
    float *nll[16], room[16 * 128];
    if (model_open(&m, folder, &e)) fail_msg("%s", err_text(&e));
    for (size_t i = 0; i < windows; i++) ids[i] = tokens + i * length, lengths[i] = length, nll[i] = room + i * length;
    model_batch b = { .n = windows, .ids = ids, .length = lengths };
    if (model_forward(m, &b, NULL, 0, NULL, NULL, nll, &e)) fail_msg("%s", err_text(&e));
    for (size_t i = 0; i < windows; i++)
        for (size_t k = 1; k < length; k++) sum += (double)nll[i][k];
    model_free(m);
    return sum / (double)(windows * (length - 1));
}

static void a_saved_folder_says_what_the_trainer_says(void **state)
{
    train_model m;
    train_plan p;
    train_stats s;
    err e = { 0 };
    int32_t at[8 * 70];
    double ce, full, half;
    (void)state;
    tokens_for(at, 8 * 70, 50);
    for (int k = 0; k < 4; k++) {
        char folder[600];
        wider(&m, &p, k < 2 ? TRAIN_GPT2 : TRAIN_LLAMA);
        m.bias = k == 1;
        m.tied = k != 3 && k != 1;
        p.length = 69;
        trainer *t = run_steps(&m, &p, 0, 3, NULL, &s);
        snprintf(folder, sizeof folder, "%s/saved%d", test_folder(), k);
        assert_int_equal(trainer_evaluate(t, at, 8, &ce, NULL, &e), 0);
        if (trainer_save(t, folder, false, &e)) fail_msg("%s", err_text(&e));
        full = surprisal(folder, at, 8, 70);
        assert_near(full, ce, 2e-6);
        if (trainer_save(t, folder, true, &e)) fail_msg("%s", err_text(&e));
        half = surprisal(folder, at, 8, 70);
        assert_near(half, ce, 2e-3);
        assert_true(half != full);
        trainer_free(t);
    }
}

static void weights_are_written_and_read_exactly(void **state)
{
    train_model m;
    train_plan p;
    train_stats s;
    err e = { 0 };
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        wider(&m, &p, TRAIN_GPT2);
        m.precision = wide ? TRAIN_FP64 : TRAIN_FP32;
        trainer *a = run_steps(&m, &p, 0, 1, NULL, &s), *b = make(&m, &p, 44);
        const char *path = test_path("weights.safetensors");
        if (trainer_write_weights(a, path, &e) || trainer_read_weights(b, path, &e)) fail_msg("%s", err_text(&e));
        for (size_t k = 0; k < trainer_tensors(a); k++)
            assert_memory_equal(trainer_tensor(a, k)->value, trainer_tensor(b, k)->value, trainer_tensor(a, k)->elements * trainer_element(a));
        m.layers = 3;
        trainer *other = make(&m, &p, 1);
        assert_int_equal(trainer_read_weights(other, path, &e), -1);
        assert_says(e, "transformer.h.2.ln_1.weight is missing");
        err_clear(&e);
        trainer_free(a);
        trainer_free(b);
        trainer_free(other);
    }
}

/* ---- draws, rates, errors ---- */

static void the_rate_rises_and_falls_as_the_plan_says(void **state)
{
    train_model m;
    train_plan p;
    (void)state;
    train_defaults(&m, &p);
    assert_near(train_rate(&p, 0), 0, 0);
    assert_near(train_rate(&p, 50), 5e-4, 1e-18);
    assert_near(train_rate(&p, 100), 1e-3, 1e-18);
    assert_near(train_rate(&p, 650), 5.5e-4, 1e-15);
    assert_near(train_rate(&p, 1200), 1e-4, 1e-18);
    assert_near(train_rate(&p, 5000), 1e-4, 1e-18);
}

static void each_sheet_is_a_permutation_of_its_own(void **state)
{
    train_model m;
    train_plan p;
    (void)state;
    tiny(&m, &p, TRAIN_GPT2);
    trainer *t = make(&m, &p, 2);
    assert_int_equal(trainer_taps(t), 4);
    assert_string_equal(trainer_tap(t, 3), "h.1.mlp");
    assert_int_equal(trainer_neighbourhoods(t), 2); /* centres at (1, 1) and (1, 2) */
    for (size_t k = 0; k < 4; k++) {
        int seen[12] = { 0 };
        const float *at = trainer_positions(t, k);
        const size_t *members;
        for (size_t i = 0; i < 12; i++) seen[(int)at[2 * i] * 4 + (int)at[2 * i + 1]]++;
        for (size_t i = 0; i < 12; i++) assert_int_equal(seen[i], 1);
        assert_int_equal(trainer_members(t, k, 1, &members), 9);
    }
    assert_memory_not_equal(trainer_positions(t, 0), trainer_positions(t, 1), 24 * sizeof(float));
    trainer_free(t);
}

static void a_layout_with_two_units_on_one_place_is_refused(void **state)
{
    train_model m;
    train_plan p;
    err e = { 0 };
    double at[24];
    (void)state;
    tiny(&m, &p, TRAIN_GPT2);
    trainer *t = make(&m, &p, 2);
    for (int i = 0; i < 12; i++) at[2 * i] = i / 4, at[2 * i + 1] = i % 4;
    assert_int_equal(trainer_place(t, 1, at, &e), 0);
    at[7] = 2;
    assert_int_equal(trainer_place(t, 1, at, &e), -1);
    assert_says(e, "unit 3 lies at (0, 2), which is another unit's place");
    trainer_free(t);
}

static void assert_refused(const train_model *m, const train_plan *p, const char *text)
{
    err e = { 0 };
    trainer *t = NULL;
    assert_int_equal(trainer_new(&t, m, p, 1, &e), -1);
    assert_null(t);
    assert_says(e, text);
}

static void impossible_sizes_are_named(void **state)
{
    train_model m;
    train_plan p;
    (void)state;
    tiny(&m, &p, TRAIN_GPT2);
    m.sheet_columns = 5;
    assert_refused(&m, &p, "the width 12 is not 3 × 5, the rows × columns of the sheet");
    tiny(&m, &p, TRAIN_GPT2);
    m.heads = 5;
    assert_refused(&m, &p, "the width 12 cannot be divided among 5 heads");
    tiny(&m, &p, TRAIN_GPT2);
    m.neighbourhoods = 3;
    assert_refused(&m, &p, "3 neighbourhoods cannot be drawn");
    tiny(&m, &p, TRAIN_GPT2);
    p.length = 8;
    assert_refused(&m, &p, "windows of 8 tokens are longer than the context 7");
    tiny(&m, &p, TRAIN_LLAMA);
    m.kv_heads = 4;
    assert_refused(&m, &p, "6 heads cannot share 4 key/value heads");
    tiny(&m, &p, TRAIN_GPT2);
    m.sheet_rows = m.sheet_columns = 0, m.alpha = 1;
    assert_refused(&m, &p, "need a sheet");
}

static void a_token_out_of_range_is_named_by_its_place(void **state)
{
    train_model m;
    train_plan p;
    train_stats s;
    err e = { 0 };
    int32_t at[18];
    (void)state;
    tiny(&m, &p, TRAIN_GPT2);
    trainer *t = make(&m, &p, 2);
    tokens_for(at, 18, 0);
    at[6 + 5] = 11; /* the last one of window 1 is only a target */
    assert_int_equal(trainer_step(t, at, 4, 1e-3, &s, &e), -1);
    assert_says(e, "window 1, place 5: the token 11 is not below the vocabulary 11");
    assert_says(e, "step 4");
    assert_int_equal(trainer_updates(t), 0);
    trainer_free(t);
}

static void divergence_stops_before_a_weight_changes(void **state)
{
    train_model m;
    train_plan p;
    train_stats s;
    err e = { 0 };
    int32_t at[18];
    (void)state;
    tiny(&m, &p, TRAIN_GPT2);
    trainer *t = make(&m, &p, 2);
    double *w = trainer_tensor(t, 0)->value, kept = w[0];
    tokens_for(at, 18, 0);
    w[5] = NAN;
    assert_int_equal(trainer_step(t, at, 3, 1e-3, &s, &e), -1);
    assert_says(e, "diverged");
    assert_says(e, "step 3");
    assert_true(w[0] == kept && trainer_updates(t) == 0);
    trainer_free(t);
}

/* A unit of a tap that never changes has no correlation: counted, not followed, and the rest goes on. */
static void constant_units_are_counted(void **state)
{
    train_model m;
    train_plan p;
    train_stats s = { 0 };
    err e = { 0 };
    (void)state;
    tiny(&m, &p, TRAIN_GPT2);
    m.alpha = .5;
    trainer *t = make(&m, &p, 2);
    for (size_t k = 0; k < trainer_tensors(t); k++) {
        const train_tensor *x = trainer_tensor(t, k);
        for (size_t i = 0; str_ends(x->name, "h.0.attn.c_proj.weight") && i < 12; i++) ((double *)x->value)[i * 12 + 3] = 0;
    }
    trainer_begin(t);
    assert_int_equal(trainer_add(t, &batch, 1, NULL, NULL, &s, &e), 0);
    assert_int_equal(trainer_update(t, 1e-3, &s, &e), 0);
    assert_int_equal(s.guarded_units, 1);
    assert_int_equal(s.guarded_neighbourhoods, 0);
    trainer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_derivative_of_gpt2_is_right),
        cmocka_unit_test(every_derivative_of_llama_is_right),
        cmocka_unit_test(the_largest_neighbourhood_alone_is_followed),
        cmocka_unit_test(attention_in_blocks_has_the_derivatives_of_one),
        cmocka_unit_test(activation_decay_pulls_taps_to_zero),
        cmocka_unit_test(the_bytes_are_the_same_on_any_number_of_threads),
        cmocka_unit_test(a_run_goes_on_from_its_tensors_to_the_same_bytes),
        cmocka_unit_test(accumulation_adds_up_to_the_whole_batch),
        cmocka_unit_test(a_smoothness_loss_lays_units_out),
        cmocka_unit_test(an_evaluation_changes_nothing),
        cmocka_unit_test(bf16_bytes_are_the_same_on_any_number_of_threads),
        cmocka_unit_test(bf16_gradients_are_those_of_fp32_but_for_rounding),
        cmocka_unit_test(bf16_learns_what_fp32_learns),
        cmocka_unit_test(a_saved_folder_says_what_the_trainer_says),
        cmocka_unit_test(weights_are_written_and_read_exactly),
        cmocka_unit_test(the_rate_rises_and_falls_as_the_plan_says),
        cmocka_unit_test(each_sheet_is_a_permutation_of_its_own),
        cmocka_unit_test(a_layout_with_two_units_on_one_place_is_refused),
        cmocka_unit_test(impossible_sizes_are_named),
        cmocka_unit_test(a_token_out_of_range_is_named_by_its_place),
        cmocka_unit_test(divergence_stops_before_a_weight_changes),
        cmocka_unit_test(constant_units_are_counted),
    };
    threads_start(1); /* networks of a few hundred numbers; threads have a test of their own */
    blas_start();
    return cmocka_run_group_tests(tests, NULL, test_clean);
}
