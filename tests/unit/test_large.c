/* SPDX-License-Identifier: MIT */
/* Sizes whose products pass 2^31: a million responses of a few rows, a hundred thousand rows of a few columns (LARGE=1: make
 * test-slow; small otherwise), responses made block by block. Planted responses are predicted, noise is not; the time of a
 * response does not grow with their number. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"
#include "check.h"

static bool large(void)
{
    return getenv("LARGE") != NULL;
}

typedef struct { const double *x; size_t n, p; } made;

static double draw(size_t a, size_t b, uint32_t c)
{
    return rng_normal(17, RNG_SIM_FEATURES, (uint32_t)a, (uint32_t)b, c);
}

/* Response j: column j % p of x and noise of one tenth; every fourth noise alone. The noise repeats after 4,096 responses. */
static int planted(void *context, size_t first, size_t width, double *out, err *e)
{
    const made *m = context;
    (void)e;
    for (size_t j = 0; j < width; j++)
        for (size_t i = 0; i < m->n; i++) {
            size_t number = first + j;
            uint32_t h = (uint32_t)(i * 2654435761u) ^ (uint32_t)(number % 4096 * 40503u + 12345u);
            h ^= h >> 15;
            h *= 2246822519u;
            h ^= h >> 13;
            double noise = ((double)h / 4294967296.0 - 0.5) * 3.46;
            out[i * width + j] = number % 4 == 3 ? noise : m->x[i * m->p + number % m->p] + 0.1 * noise;
        }
    return 0;
}

/* What noise of one tenth leaves of r: nearly 1 where columns are fewer than training rows; else the rows span only their share
 * of the space in which the column lies, here 240 of 400: r is about .77, with 60 test rows within seven times .05. */
static double least_r(size_t n, size_t p)
{
    return 4 * n / 5 > p ? 0.9 : 0.4;
}

/* The last responses are those of whole periods before, to the bit: nothing was written at a number that wrapped. */
static void ends_as_it_was_before(const fit_score *score, const double *alpha, size_t p, size_t v)
{
    enum { LAST = 4096 };
    size_t before = v - LAST - 4096 * p;
    assert_memory_equal(score + v - LAST, score + before, LAST * sizeof *score);
    assert_memory_equal(alpha + v - LAST, alpha + before, LAST * sizeof *alpha);
}

/* Seconds that n rows, p columns, v responses take. */
static double fit(size_t n, size_t p, size_t v, size_t n_alphas)
{
    err e = { 0 };
    double *x = calloc(n * p, sizeof *x), *alphas = calloc(n_alphas, sizeof *alphas), *alpha = calloc(v, sizeof *alpha);
    uint8_t *train = calloc(n, 1), *test = calloc(n, 1), *in = calloc(3 * n, 1), *out = calloc(3 * n, 1);
    fit_score *score = calloc(v, sizeof *score);
    for (size_t i = 0; i < n * p; i++) x[i] = draw(i, 0, 1);
    for (size_t a = 0; a < n_alphas; a++) alphas[a] = pow(10, (double)a - 2);
    for (size_t i = 0; i < n; i++) {
        test[i] = i % 5 == 0;
        train[i] = !test[i];
        for (size_t k = 0; k < 3 && train[i]; k++) {
            out[k * n + i] = i * 3 / n == k;
            in[k * n + i] = !out[k * n + i];
        }
    }
    made m = { x, n, p };
    folds inner = { n, 3, out, in };
    nested_problem q = { .x = x, .n = n, .p = p, .source = planted, .context = &m, .v = v, .train = train, .test = test, .inner = &inner,
                         .alphas = alphas, .n_alphas = n_alphas, .select = SELECT_MSE, .standardise = true };
    nested_result r = { .score = score, .alpha = alpha };
    double start = clock_cpu_s();
    if (nested_ridge(&q, NULL, &r, &e)) fail_msg("%s", err_text(&e));
    double seconds = clock_cpu_s() - start;
    for (size_t j = 0; j < v; j += v / 100 + 1) {
        if (j % 4 != 3 && !(score[j].r > least_r(n, p))) fail_msg("response %zu of %zu: r %g", j, v, score[j].r);
        if (j % 4 == 3 && n > 1000 && !(fabs(score[j].r) < 0.2)) fail_msg("noise %zu of %zu: r %g", j, v, score[j].r);
    }
    if (v > 4096 * (p + 1)) ends_as_it_was_before(score, alpha, p, v);
    free(x);
    free(alphas);
    free(alpha);
    free(train);
    free(test);
    free(in);
    free(out);
    free(score);
    return seconds;
}

static void many_responses(void **state)
{
    (void)state;
    fit(60, 4, large() ? 1000000 : 24000, 5);
    fit(60, 4, large() ? 1000000 : 24000, 14);
}

static void many_rows(void **state)
{
    (void)state;
    fit(large() ? 100000 : 5000, 6, 1100, 5); /* screened */
    fit(large() ? 100000 : 5000, 6, 40, 5);
}

static void time_is_linear_in_responses(void **state)
{
    (void)state;
    if (!large()) skip();
    size_t n = 300, p = 400;
    double few = fit(n, p, 5000, 20), some = fit(n, p, 20000, 20), many = fit(n, p, 100000, 20);
    double slope = (some - few) / 15000, expected = few + slope * 95000;
    print_message("# 5,000, 20,000, 100,000 responses: %.2f, %.2f, %.2f s of processor, a line gives %.2f\n", few, some, many, expected);
    assert_true(many < 1.3 * expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(many_responses), cmocka_unit_test(many_rows), cmocka_unit_test(time_is_linear_in_responses) };
    threads_start(0);
    blas_start();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
