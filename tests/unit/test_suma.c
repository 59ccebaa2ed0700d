/* SPDX-License-Identifier: MIT */
/* SUMA: the forward pass against its own definition in fp64 (METHODS 7.1-7.3), what its attention can and cannot see,
 * its weights by seed, its folders, and what is refused. */
#include "check.h"

#include "broca/model.h"
#include "broca/num.h"
#include "broca/store.h"

enum { TOKENS = 37, WIDEST = 192, VOCABULARY = 40 };

static model *make(const char *arch, uint64_t seed)
{
    err e = { 0 };
    model *m = NULL;
    if (model_architecture(&m, arch, seed, &e)) fail_msg("%s", err_text(&e));
    return m;
}

typedef struct {
    float rows[3][TOKENS * WIDEST]; /* up to 3 taps of one sequence, or one tap of 3 sequences */
    bool by_sequence;
} caught;

static int catch (void *user, size_t sequence, size_t tap, const float *rows, size_t length, size_t width, err *e)
{
    caught *c = user;
    (void)e;
    memcpy(c->rows[c->by_sequence ? sequence : tap], rows, length * width * sizeof *rows);
    return 0;
}

static void run(const model *m, const int32_t *ids, size_t length, const char *const *taps, size_t n, caught *c)
{
    err e = { 0 };
    model_batch b = { 1, &ids, &length };
    memset(c, 0, sizeof *c);
    if (model_forward(m, &b, taps, n, catch, c, NULL, &e)) fail_msg("%s", err_text(&e));
}

static void fill(int32_t *ids, size_t n, uint32_t salt)
{
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)rng_below(7, RNG_SIM_TEXT, (uint32_t)i, salt, 0, VOCABULARY);
}

/* ---- the definition, row by row in fp64, with weights drawn anew from the generator ---- */

typedef struct {
    size_t d, heads, cycles, inner;
    const char *attention;
    bool residual;
    uint64_t seed;
} shape;

static double q_gain = 1; /* what the weights of q are multiplied with */

/* out [rows] = W x, W [rows×columns] of tensor `number`. */
static void times(double *out, const double *x, size_t rows, size_t columns, uint32_t number, uint64_t seed)
{
    for (size_t i = 0; i < rows; i++) {
        out[i] = 0;
        for (size_t j = 0; j < columns; j++)
            out[i] +=
                (double)(float)(0.02 * rng_normal(seed, RNG_WEIGHTS, (uint32_t)(i * columns + j), number, 0)) * x[j];
        if (number == 2) out[i] *= q_gain;
    }
}

static void normed(double *out, const double *x, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += x[i] * x[i];
    for (size_t i = 0; i < d; i++)
        out[i] = x[i] / sqrt(sum / (double)d + 1e-6);
}

static void weigh(double *w, const double *q, const double *k, const shape *s, size_t t, size_t head)
{
    size_t size = s->d / s->heads;
    double total = 0, most = -INFINITY;
    for (size_t j = 0; j <= t; j++) {
        double score = 0;
        for (size_t i = 0; i < size; i++)
            score += q[t * WIDEST + head * size + i] * k[j * WIDEST + head * size + i];
        w[j] = score / sqrt((double)size);
        most = fmax(most, w[j]);
    }
    for (size_t j = 0; j <= t; j++) {
        w[j] = str_same(s->attention, "mean") ? 1 : str_same(s->attention, "linear") ? w[j] : exp(w[j] - most);
        total += w[j];
    }
    if (!str_same(s->attention, "softmax")) total = (double)(t + 1);
    for (size_t j = 0; j <= t; j++)
        w[j] /= total;
}

static void gated(double *out, const double *x, const shape *s)
{
    static double gate[2 * WIDEST], up[2 * WIDEST];
    times(gate, x, s->inner, s->d, 7, s->seed);
    times(up, x, s->inner, s->d, 8, s->seed);
    for (size_t i = 0; i < s->inner; i++)
        up[i] *= gate[i] / (1 + exp(-gate[i]));
    times(out, up, s->d, s->inner, 9, s->seed);
}

/* u, o, h [n×WIDEST]: ln_1, attn and the block's output of the last cycle. */
static void define(const shape *s, const int32_t *ids, size_t n, double *u, double *o, double *h)
{
    static double q[TOKENS * WIDEST], k[TOKENS * WIDEST], v[TOKENS * WIDEST];
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < s->d; i++)
            h[t * WIDEST + i] =
                (double)(float)(0.02 * rng_normal(s->seed, RNG_WEIGHTS, (uint32_t)((size_t)ids[t] * s->d + i), 0, 0));
    for (size_t c = 0; c < s->cycles; c++) {
        for (size_t t = 0; t < n; t++) {
            normed(u + t * WIDEST, h + t * WIDEST, s->d);
            times(q + t * WIDEST, u + t * WIDEST, s->d, s->d, 2, s->seed);
            times(k + t * WIDEST, u + t * WIDEST, s->d, s->d, 3, s->seed);
            times(v + t * WIDEST, u + t * WIDEST, s->d, s->d, 4, s->seed);
        }
        for (size_t t = 0; t < n; t++) {
            double w[TOKENS], mixed[WIDEST] = { 0 }, *x = h + t * WIDEST, m[WIDEST], y[WIDEST];
            for (size_t i = 0; i < s->d; i++) {
                weigh(w, q, k, s, t, i / (s->d / s->heads));
                for (size_t j = 0; j <= t; j++)
                    mixed[i] += w[j] * v[j * WIDEST + i];
            }
            times(o + t * WIDEST, mixed, s->d, s->d, 5, s->seed);
            for (size_t i = 0; i < s->d; i++)
                x[i] = o[t * WIDEST + i] + (s->residual ? x[i] : 0);
            if (!s->inner) continue;
            normed(y, x, s->d);
            gated(m, y, s);
            for (size_t i = 0; i < s->d; i++)
                x[i] = m[i] + (s->residual ? x[i] : 0);
        }
    }
}

static void compare(const char *what, const float *got, const double *want, size_t n, size_t d, double tolerance)
{
    double scale = 0;
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < d; i++)
            scale = fmax(scale, fabs(want[t * WIDEST + i]));
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < d; i++)
            if (!(fabs((double)got[t * d + i] - want[t * WIDEST + i]) <= tolerance * scale))
                fail_msg("%s: row %zu, unit %zu: %g, expected %g", what, t, i, (double)got[t * d + i],
                         want[t * WIDEST + i]);
}

static void the_forward_pass_is_its_definition(void **state)
{
    static const struct {
        const char *arch;
        shape s;
    } cases[] = {
        { "suma,d=96,heads=12,cycles=1", { 96, 12, 1, 0, "softmax", true, 3 } },
        { "suma,d=144,heads=18,cycles=2",
          { 144, 18, 2, 0, "softmax", true, 4 } }, /* one whole group of heads and two more */
        { "suma,d=160,heads=32,cycles=3", { 160, 32, 3, 0, "softmax", true, 5 } }, /* heads of 5 */
        { "suma,d=96,heads=2,cycles=2", { 96, 2, 2, 0, "softmax", true, 6 } },     /* few large heads: products */
        { "suma,d=96,heads=2,cycles=2,attention=linear", { 96, 2, 2, 0, "linear", true, 7 } },
        { "suma,d=144,heads=18,cycles=2,attention=linear", { 144, 18, 2, 0, "linear", true, 7 } },
        { "suma,d=128,heads=16,cycles=2,attention=mean", { 128, 16, 2, 0, "mean", true, 8 } },
        { "suma,d=128,heads=16,cycles=2,residual=no", { 128, 16, 2, 0, "softmax", false, 9 } },
        { "suma,d=96,heads=12,cycles=2,mlp=yes,inner=100", { 96, 12, 2, 100, "softmax", true, 10 } },
        { "suma,d=96,heads=12,mlp=yes,inner=100,residual=no", { 96, 12, 2, 100, "softmax", false, 11 } },
    };
    static const char *const taps[] = { "h.0.ln_1", "h.0.attn", "h.0" };
    static double want[3][TOKENS * WIDEST];
    static caught c;
    int32_t ids[TOKENS];
    (void)state;
    fill(ids, TOKENS, 1);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char arch[200];
        snprintf(arch, sizeof arch, "%s,vocab=%d", cases[k].arch, VOCABULARY);
        model *m = make(arch, cases[k].s.seed);
        define(&cases[k].s, ids, TOKENS, want[0], want[1], want[2]);
        run(m, ids, TOKENS, taps, 3, &c);
        for (size_t i = 0; i < 3; i++)
            compare(cases[k].arch, c.rows[i], want[i], TOKENS, cases[k].s.d, 3e-6);
        model_free(m);
    }
}

/* The model with the weights of q times a power of two, through a folder. */
static model *steep(const char *arch, uint64_t seed, size_t d, float gain)
{
    model *m = make(arch, seed), *out = NULL;
    err e = { 0 };
    char *bytes = NULL, path[1100];
    size_t n = 0;
    if (model_save(m, test_path("steep"), &e)) fail_msg("%s", err_text(&e));
    snprintf(path, sizeof path, "%s/model.safetensors", test_path("steep"));
    assert_int_equal(file_read(&bytes, &n, path, 1 << 24, &e), 0);
    size_t header = 8 + (size_t)(unsigned char)bytes[0] + 256 * (size_t)(unsigned char)bytes[1];
    for (size_t i = 0; i < d * d; i++) {
        float w;
        char *at = bytes + header + ((VOCABULARY + 1) * d + i) * sizeof w; /* after the embedding and ln_1 */
        memcpy(&w, at, sizeof w);
        w *= gain;
        memcpy(at, &w, sizeof w);
    }
    assert_int_equal(atomic_write(path, bytes, n, &e), 0);
    if (model_open(&out, test_path("steep"), &e)) fail_msg("%s", err_text(&e));
    free(bytes);
    model_free(m);
    return out;
}

/* Scores with a standard deviation of 0.3, 5 and 300: exp over its whole range, no overflow, no head lost. */
static void attention_may_be_soft_or_steep(void **state)
{
    static caught c;
    static double want[3][TOKENS * WIDEST];
    static const char *const tap = "h.0.attn";
    static const float gains[] = { 8, 128, 8192 };
    const shape s = { 96, 12, 1, 0, "softmax", true, 12 };
    int32_t ids[TOKENS];
    (void)state;
    for (size_t i = 0; i < TOKENS; i++)
        ids[i] = (int32_t)i; /* each once: two equal keys would tie */
    for (size_t k = 0; k < 3; k++) {
        model *m = steep("suma,d=96,heads=12,cycles=1,vocab=40", 12, 96, gains[k]);
        q_gain = (double)gains[k];
        define(&s, ids, TOKENS, want[0], want[1], want[2]);
        q_gain = 1;
        run(m, ids, TOKENS, &tap, 1, &c);
        compare("steep", c.rows[0], want[1], TOKENS, 96, 2e-5); /* a score of 300 is known to 2e-5 in fp32 */
        model_free(m);
    }
}

static void a_token_sees_its_past_only(void **state)
{
    static caught a, b;
    static const char *const tap = "final", *const kinds[] = { "softmax", "mean", "linear" };
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        char arch[120];
        snprintf(arch, sizeof arch, "suma,d=96,heads=12,vocab=40,attention=%s", kinds[k]);
        model *m = make(arch, 3);
        int32_t x[TOKENS], y[TOKENS];
        fill(x, TOKENS, 3);
        memcpy(y, x, sizeof y);
        y[30] = (y[30] + 1) % VOCABULARY;
        run(m, x, TOKENS, &tap, 1, &a);
        run(m, y, TOKENS, &tap, 1, &b);
        assert_memory_equal(a.rows[0], b.rows[0], 30 * 96 * sizeof(float));
        assert_memory_not_equal(a.rows[0] + 30 * 96, b.rows[0] + 30 * 96, 96 * sizeof(float));
        run(m, x, 30, &tap, 1, &b); /* how long the sequence goes on is not its past's business */
        assert_memory_equal(a.rows[0], b.rows[0], 30 * 96 * sizeof(float));
        model_free(m);
    }
}

/* Without positions one cycle knows which tokens came before, not in which order; two cycles do. */
static void order_enters_with_the_second_cycle(void **state)
{
    static caught a, b;
    static const char *const tap = "h.0";
    (void)state;
    for (int cycles = 1; cycles <= 2; cycles++) {
        char arch[120];
        snprintf(arch, sizeof arch, "suma,d=96,heads=12,vocab=40,cycles=%d", cycles);
        model *m = make(arch, 3);
        int32_t x[TOKENS], y[TOKENS];
        double difference = 0, size = 0;
        fill(x, TOKENS, 4);
        for (size_t i = 0; i < TOKENS - 1; i++)
            y[i] = x[TOKENS - 2 - i];
        y[TOKENS - 1] = x[TOKENS - 1];
        run(m, x, TOKENS, &tap, 1, &a);
        run(m, y, TOKENS, &tap, 1, &b);
        for (size_t i = (TOKENS - 1) * 96; i < TOKENS * 96; i++) {
            difference += fabs((double)a.rows[0][i] - (double)b.rows[0][i]);
            size += fabs((double)a.rows[0][i]);
        }
        if (cycles == 1)
            assert_true(difference < 1e-5 * size);
        else
            assert_true(difference > 1e-2 * size);
        model_free(m);
    }
}

static void threads_and_neighbours_change_no_byte(void **state)
{
    static caught a, b;
    static const char *const tap = "h.0.attn";
    int32_t x[3][TOKENS];
    const int32_t *ids[3] = { x[0], x[1], x[2] };
    const size_t length[3] = { 5, TOKENS, 12 };
    model_batch batch = { 3, ids, length };
    err e = { 0 };
    (void)state;
    for (uint32_t i = 0; i < 3; i++)
        fill(x[i], TOKENS, 5 + i);
    model *m = make("suma,d=144,heads=18,vocab=40", 3);
    a.by_sequence = b.by_sequence = true;
    threads_start(1);
    assert_int_equal(model_forward(m, &batch, &tap, 1, catch, &a, NULL, &e), 0);
    threads_start(4);
    assert_int_equal(model_forward(m, &batch, &tap, 1, catch, &b, NULL, &e), 0);
    assert_memory_equal(a.rows, b.rows, sizeof a.rows);
    threads_start(1);
    run(m, x[1], TOKENS, &tap, 1, &b);
    for (size_t i = 0; i < TOKENS * 144; i++)
        assert_near(b.rows[0][i], a.rows[1][i], 1e-5);
    model_free(m);
}

static void a_seed_draws_the_same_attention_with_and_without_mlp(void **state)
{
    static caught a, b;
    static const char *const taps[] = { "embed", "h.0.attn" };
    int32_t ids[TOKENS];
    (void)state;
    fill(ids, TOKENS, 9);
    model *with = make("suma,d=96,heads=12,cycles=1,vocab=40,mlp=yes", 3),
          *without = make("suma,d=96,heads=12,cycles=1,vocab=40", 3);
    run(with, ids, TOKENS, taps, 2, &a);
    run(without, ids, TOKENS, taps, 2, &b);
    assert_memory_equal(a.rows, b.rows, 2 * sizeof a.rows[0]);
    assert_int_equal(model_about(without)->parameters, 40 * 96 + 2 * 96 + 4 * 96 * 96);
    assert_int_equal(model_about(with)->parameters, 40 * 96 + 3 * 96 + 4 * 96 * 96 + 3 * 256 * 96);
    assert_false(model_about(with)->has_head);
    model_free(with);
    model_free(without);
}

static void folders_come_back_bit_for_bit(void **state)
{
    static caught a, b;
    static const char *const taps[] = { "h.0.ln_1", "h.0.attn", "final" };
    static const char *const archs[] = {
        "suma,d=96,heads=12,cycles=3,vocab=40",
        "suma,d=96,heads=12,vocab=40,attention=mean,residual=no,mlp=yes,inner=72,context=60",
        "suma,d=96,heads=2,vocab=40,attention=linear"
    };
    int32_t ids[TOKENS];
    err e = { 0 };
    (void)state;
    fill(ids, TOKENS, 10);
    for (size_t k = 0; k < 3; k++) {
        model *m = make(archs[k], 5), *again = NULL;
        const char *folder = test_path(k == 0 ? "one" : k == 1 ? "two" : "three");
        if (model_save(m, folder, &e) || model_open(&again, folder, &e)) fail_msg("%s", err_text(&e));
        run(m, ids, TOKENS, taps, 3, &a);
        run(again, ids, TOKENS, taps, 3, &b);
        assert_memory_equal(a.rows, b.rows, sizeof a.rows);
        assert_int_equal(model_about(m)->context, model_about(again)->context);
        assert_string_equal(model_about(again)->family, "suma");
        assert_false(model_is_untrained(again));
        model_free(again);
        if (model_untrained(&again, folder, 5, &e))
            fail_msg("%s", err_text(&e)); /* the folder's config, the same seed */
        run(again, ids, TOKENS, taps, 3, &b);
        assert_memory_equal(a.rows, b.rows, sizeof a.rows);
        model_free(again);
        model_free(m);
    }
}

static void taps_that_are_not_there_are_refused(void **state)
{
    err e = { 0 };
    char **names = NULL;
    size_t n = 0;
    (void)state;
    model *m = make("suma,d=96,heads=12,vocab=40", 3), *with = make("suma,d=96,heads=12,vocab=40,mlp=yes", 3);
    assert_int_equal(model_taps(m, "sublayers", &names, &n, &e), 0);
    assert_int_equal(n, 5);
    assert_string_equal(names[1], "h.0.ln_1");
    assert_string_equal(names[2], "h.0.attn");
    free(names);
    assert_int_equal(model_taps(with, "sublayers", &names, &n, &e), 0);
    assert_int_equal(n, 7);
    free(names);
    assert_int_equal(model_taps(m, "h.0.mlp", &names, &n, &e), -1);
    assert_says(e, "unknown tap 'h.0.mlp'");
    assert_int_equal(model_taps(m, "h.1.attn", &names, &n, &e), -1);
    assert_int_equal(model_taps(m, "logits", &names, &n, &e), -1);
    assert_says(e, "no head");
    model_free(m);
    model_free(with);
}

static void what_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *arch, *says;
    } wrong[] = {
        { "suma,d=96,heads=13", "cannot be divided among 13 heads" },
        { "suma,d=96,attention=maximum", "attention is one of softmax mean linear, not 'maximum'" },
        { "suma,d=96,cycles=0", "cycles is a whole number" },
        { "suma,d=96,inner=40", "there is none" },
        { "suma,d=96,layers=2", "suma has no layers" },
        { "suma,d=96,cycle=2", "did you mean cycles?" },
        { "suma,d=96,residual=maybe", "one of no yes" },
        { "gpt2,cycles=2", "gpt2 has no cycles" },
        { "summa,d=96", "the nearest one is 'suma'" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        err e = { 0 };
        model *m = NULL;
        if (model_architecture(&m, wrong[i].arch, 1, &e) == 0) fail_msg("%s was accepted", wrong[i].arch);
        assert_null(m);
        assert_int_equal(e.kind, ERR_USAGE);
        assert_says(e, wrong[i].says);
    }
}

static void configs_that_cannot_be_are_refused(void **state)
{
    static const struct {
        const char *config, *says;
    } wrong[] = {
        { "{\"model_type\": \"suma\", \"num_attention_heads\": 4}", "hidden_size is missing" },
        { "{\"model_type\": \"suma\", \"hidden_size\": 30, \"num_attention_heads\": 4}", "cannot be divided" },
        { "{\"model_type\": \"suma\", \"hidden_size\": 32, \"num_attention_heads\": 4, \"attention\": \"local\"}",
          "'local' is not known" },
        { "{\"model_type\": \"suma\", \"hidden_size\": 32, \"num_attention_heads\": 4, \"num_cycles\": 1.5}",
          "num_cycles is not a whole" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        err e = { 0 };
        model *m = NULL;
        folder_make(test_path("wrong"), &e);
        test_write("wrong/config.json", wrong[i].config);
        assert_int_equal(model_open(&m, test_path("wrong"), &e), -1);
        assert_says(e, wrong[i].says);
    }
}

static void every_allocation_may_fail(void **state)
{
    int32_t ids[TOKENS];
    const int32_t *at = ids;
    const size_t length = TOKENS;
    const char *const tap = "h.0.attn";
    static caught c;
    int status = -1;
    (void)state;
    fill(ids, TOKENS, 11);
    for (long k = 1; status && k < 500; k++) {
        err e = { 0 };
        model *m = NULL;
        model_batch b = { 1, &at, &length };
        mem_fail_at(k);
        status = model_architecture(&m, "suma,d=96,heads=12,vocab=40", 1, &e);
        if (!status) status = model_forward(m, &b, &tap, 1, catch, &c, NULL, &e);
        mem_fail_at(0);
        if (status) assert_int_equal(e.kind, ERR_MEMORY);
        model_free(m);
    }
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_forward_pass_is_its_definition),
        cmocka_unit_test(attention_may_be_soft_or_steep),
        cmocka_unit_test(a_token_sees_its_past_only),
        cmocka_unit_test(order_enters_with_the_second_cycle),
        cmocka_unit_test(threads_and_neighbours_change_no_byte),
        cmocka_unit_test(a_seed_draws_the_same_attention_with_and_without_mlp),
        cmocka_unit_test(folders_come_back_bit_for_bit),
        cmocka_unit_test(taps_that_are_not_there_are_refused),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(configs_that_cannot_be_are_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    blas_start();
    threads_start(1);
    log_start(&(log_options){ .quiet = true, .stage = "test" });
    return cmocka_run_group_tests(tests, NULL, test_clean);
}
