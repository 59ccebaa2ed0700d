/* SPDX-License-Identifier: MIT */
/* Screening in fp32 never changes the choice: the same alphas, candidates, predictions and scores as with every alpha scored in
 * fp64, for features with flat, decaying and degenerate spectra and responses of which one in three is pure noise. With
 * SCREEN_RESPONSES=25000 (make test-slow) these are 100,000 responses a row of the bench. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"
#include "check.h"

typedef enum { FLAT, DECAYING, DEGENERATE, FEW, SPECTRA } spectrum_kind;
static const char *const names[SPECTRA] = { "flat", "decaying", "degenerate", "few" };

typedef struct {
    size_t n, p, bands, n_alphas, gammas;
    double low, high;
    select_by select;
} shape;

typedef struct {
    double *x, *y;
    size_t v;
} data;

static double draw(uint32_t a, uint32_t b, uint32_t c)
{
    return rng_normal(11, RNG_SIM_FEATURES, a, b, c);
}

/* Flat: white columns. Decaying: 40 factors of falling size. Degenerate: columns in 20 groups of copies, one-hot rows
 * beside (equal eigenvalues). Few: three factors and hardly anything else. */
static double *features(const shape *s, spectrum_kind kind)
{
    double *x = calloc(s->n * s->p, sizeof *x);
    size_t factors = kind == FEW ? 3 : 40;
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = 0; j < s->p; j++) {
            double value = 0;
            uint32_t row = (uint32_t)i, column = (uint32_t)j;
            if (kind == FLAT) value = draw(row, column, 1);
            else if (kind == DEGENERATE) value = j % 2 ? draw(row, column % 20, 2) : (double)(i % 40 == j % 40);
            else {
                for (size_t k = 0; k < factors; k++)
                    value += draw(row, (uint32_t)k, 3) * draw(column, (uint32_t)k, 4) / (double)(k + 1);
                value += (kind == FEW ? 1e-6 : 0.2) * draw(row, column, 5);
            }
            x[i * s->p + j] = value;
        }
    return x;
}

static double *responses(const shape *s, const double *x, size_t v)
{
    double *y = calloc(s->n * v, sizeof *y);
#pragma omp parallel for
    for (size_t j = 0; j < v; j++)
        for (size_t i = 0; i < s->n; i++) {
            double sum = draw((uint32_t)i, (uint32_t)j, 6);
            for (size_t k = 0; k < 5 && j % 3; k++)
                sum += pow(10, (double)(j % 7) / 2 - 2) * x[i * s->p + (j * 13 + k * 29) % s->p] * draw((uint32_t)k, (uint32_t)j, 7);
            y[i * v + j] = sum * pow(10, (double)(j % 5) * 2 - 4) + 3;
        }
    return y;
}

static size_t responses_wanted(void)
{
    const char *text = getenv("SCREEN_RESPONSES");
    size_t v = text ? (size_t)atol(text) : 1100;
    assert_true(v >= 1024); /* fewer are not screened */
    return v;
}

typedef struct {
    double *alpha;
    int32_t *gamma;
    fit_score *score;
    size_t screened, rescored;
} answer;

/* r: what else is wanted. */
static answer fit_into(nested_result r, const shape *s, const data *d, bool exhaustive)
{
    err e = { 0 };
    answer a = { calloc(d->v, sizeof(double)), calloc(d->v, sizeof(int32_t)), calloc(d->v, sizeof(fit_score)), 0, 0 };
    uint8_t *train = calloc(s->n, 1), *test = calloc(s->n, 1), *in = calloc(4 * s->n, 1), *out = calloc(4 * s->n, 1);
    double *alphas = calloc(s->n_alphas, sizeof *alphas), *gammas = calloc(s->gammas * s->bands + 1, sizeof *gammas);
    band bands[4];
    for (size_t i = 0; i < s->n; i++) {
        test[i] = i % 6 == 5;
        train[i] = i % 6 < 4; /* the rest is a gap */
        for (size_t k = 0; k < 4 && train[i]; k++) {
            out[k * s->n + i] = i * 4 / s->n == k;
            in[k * s->n + i] = !out[k * s->n + i] && i % 6 != 0 + 3 * (i * 4 / s->n == k + 1); /* with rows left out, too */
        }
    }
    for (size_t k = 0; k < s->n_alphas; k++) alphas[k] = pow(10, s->low + (s->high - s->low) * (double)k / (double)(s->n_alphas - 1));
    for (size_t b = 0; b < s->bands; b++) bands[b] = (band){ b * (s->p / s->bands), s->p / s->bands };
    if (s->bands > 1) assert_int_equal(gamma_candidates(gammas, s->gammas, s->bands, 5, &e), 0);
    folds inner = { s->n, 4, out, in };
    nested_problem q = { .x = d->x, .n = s->n, .p = s->p, .y = d->y, .v = d->v, .train = train, .test = test, .inner = &inner,
                         .alphas = alphas, .n_alphas = s->n_alphas, .select = s->select, .exhaustive = exhaustive, .standardise = true,
                         .bands = bands, .n_bands = s->bands, .gammas = gammas, .n_gammas = s->gammas };
    r.score = a.score;
    r.alpha = a.alpha;
    r.gamma = a.gamma;
    if (nested_ridge(&q, NULL, &r, &e)) fail_msg("%s", err_text(&e));
    a.screened = r.screened;
    a.rescored = r.rescored;
    free(train);
    free(test);
    free(in);
    free(out);
    free(alphas);
    free(gammas);
    return a;
}

static answer fit(const shape *s, const data *d, bool exhaustive)
{
    return fit_into((nested_result){ 0 }, s, d, exhaustive);
}

static void answer_free(answer *a)
{
    free(a->alpha);
    free(a->gamma);
    free(a->score);
}

static void same_choice(const char *row, const shape *s)
{
    for (spectrum_kind kind = FLAT; kind < SPECTRA; kind++) {
        size_t v = responses_wanted(), differ = 0;
        data d = { .x = features(s, kind), .v = v };
        d.y = responses(s, d.x, v);
        answer fast = fit(s, &d, false), all = fit(s, &d, true);
        assert_int_equal(fast.screened, v * (s->bands > 1 ? s->gammas : 1));
        assert_int_equal(all.screened, 0);
        for (size_t j = 0; j < v; j++) differ += fast.alpha[j] != all.alpha[j] || fast.gamma[j] != all.gamma[j];
        print_message("# row %s, %s: %zu of %zu choices differ, %.1f %% scored again\n", row, names[kind], differ, v,
                      100.0 * (double)fast.rescored / (double)fast.screened);
        assert_int_equal(differ, 0);
        assert_memory_equal(fast.score, all.score, v * sizeof *fast.score);
        answer_free(&fast);
        answer_free(&all);
        free(d.x);
        free(d.y);
    }
}

static void row_a_by_r2(void **state)
{
    (void)state;
    shape s = { 120, 200, 1, 20, 1, -5, 8, SELECT_R2 };
    same_choice("A", &s);
    s.p = 30; /* fewer columns than rows */
    same_choice("A, n > p", &s);
}

static void row_a_by_r(void **state)
{
    (void)state;
    shape s = { 120, 200, 1, 20, 1, -5, 8, SELECT_R };
    same_choice("A-r", &s);
}

static void row_b_by_inverses(void **state)
{
    (void)state;
    shape s = { 780, 820, 1, 6, 1, 0, 6, SELECT_MSE }; /* 520 training rows: inverses serve all inner folds */
    same_choice("B", &s);
    s.select = SELECT_R;
    s.n_alphas = 4;
    same_choice("B by r", &s);
}

static void row_c_bands(void **state)
{
    (void)state;
    shape s = { 120, 210, 3, 8, 6, 0, 6, SELECT_MSE };
    same_choice("C", &s);
    shape large = { 780, 840, 3, 4, 5, 0, 6, SELECT_MSE };
    same_choice("C by inverses", &large);
}

typedef struct { double *prediction, *weight, *y; size_t t, p, v, *times; } kept_fits; /* as nested_result's arrays; calls a response */

static kept_fits kept_new(const shape *s, size_t v)
{
    size_t t = s->n / 6;
    return (kept_fits){ calloc(t * v, sizeof(double)), calloc(s->p * v, sizeof(double)), calloc(t * v, sizeof(double)), t, s->p, v, calloc(v, sizeof(size_t)) };
}

static void kept_free(kept_fits *k)
{
    free(k->prediction);
    free(k->weight);
    free(k->y);
    free(k->times);
}

static void keep_fit(void *context, size_t response, const double *y, const double *prediction, const double *weight)
{
    kept_fits *k = context; /* a response is one thread's */
    k->times[response]++;
    for (size_t i = 0; i < k->t; i++) {
        k->prediction[i * k->v + response] = prediction[i];
        k->y[i * k->v + response] = y[i];
    }
    for (size_t i = 0; i < k->p && weight; i++) k->weight[i * k->v + response] = weight[i];
}

/* The arrays and the sink get the same, each response once, with weights and without, whichever way alphas were chosen and refitted. */
static void a_sink_takes_what_the_arrays_hold(void **state)
{
    (void)state;
    static const shape shapes[] = { { 120, 200, 1, 20, 1, -5, 8, SELECT_R2 }, { 120, 30, 1, 20, 1, -5, 8, SELECT_MSE }, { 780, 820, 1, 6, 1, 0, 6, SELECT_MSE },
                                    { 780, 840, 3, 4, 2, 0, 6, SELECT_MSE } };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int weights = 0; weights < 2; weights++) {
            const shape *s = &shapes[i];
            size_t v = 1100;
            data d = { .x = features(s, DECAYING), .v = v };
            d.y = responses(s, d.x, v);
            kept_fits array = kept_new(s, v), taken = kept_new(s, v);
            fit_sink sink = { &taken, weights != 0, keep_fit };
            answer a = fit_into((nested_result){ .prediction = array.prediction, .weight = weights ? array.weight : NULL }, s, &d, false);
            answer b = fit_into((nested_result){ .sink = &sink }, s, &d, false);
            assert_memory_equal(array.prediction, taken.prediction, taken.t * v * sizeof(double));
            assert_memory_equal(array.weight, taken.weight, s->p * v * sizeof(double));
            for (size_t j = 0; j < v; j++) {
                assert_int_equal(taken.times[j], 1);
                if (weights) assert_true(taken.weight[3 * v + j] != 0);
                assert_true(fabs(taken.y[j] - d.y[5 * v + j]) <= 1e-12 * fabs(d.y[5 * v + j])); /* row 5 is the first under test */
            }
            answer_free(&a);
            answer_free(&b);
            kept_free(&array);
            kept_free(&taken);
            free(d.x);
            free(d.y);
        }
}

/* Constant responses, constant in a validation fold, huge and tiny: the exact score decides what they get. */
static void odd_responses(void **state)
{
    (void)state;
    shape s = { 120, 200, 1, 20, 1, -5, 8, SELECT_R };
    for (s.select = SELECT_MSE; s.select <= SELECT_R; s.select++) {
        size_t v = 1100;
        data d = { .x = features(&s, DECAYING), .v = v };
        d.y = responses(&s, d.x, v);
        for (size_t i = 0; i < s.n; i++) {
            d.y[i * v + 7] = 4;
            d.y[i * v + 300] = i < s.n / 4 ? 1 : d.y[i * v + 300];
            d.y[i * v + 301] *= 1e150;
            d.y[i * v + 302] *= 1e-150;
            d.y[i * v + 303] = i == 50;
        }
        answer fast = fit(&s, &d, false), all = fit(&s, &d, true);
        assert_memory_equal(fast.alpha, all.alpha, v * sizeof *fast.alpha);
        answer_free(&fast);
        answer_free(&all);
        free(d.x);
        free(d.y);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_a_by_r2), cmocka_unit_test(row_a_by_r), cmocka_unit_test(row_b_by_inverses), cmocka_unit_test(row_c_bands),
        cmocka_unit_test(odd_responses), cmocka_unit_test(a_sink_takes_what_the_arrays_hold),
    };
    threads_start(0);
    blas_start();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
