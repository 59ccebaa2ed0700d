/* SPDX-License-Identifier: MIT */
/* Fits that keep alpha and gamma while blocks of rows are left out: the same as fitting the other rows afresh. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broca/num.h"

enum { ROWS = 60, BLOCKS = 7, RESPONSES = 5, WIDEST = 90 };

typedef struct {
    double x[ROWS * WIDEST], y[ROWS * RESPONSES];
    uint8_t train[ROWS], test[ROWS];
    int32_t block[ROWS];
    size_t p;
} data;

static int read_columns(void *context, size_t first, size_t width, double *out, err *e)
{
    const double *y = context;
    (void)e;
    for (size_t i = 0; i < ROWS; i++) memcpy(out + i * width, y + i * RESPONSES + first, width * sizeof *out);
    return 0;
}

/* Rows 20-35 are tested; a gap of 3 on both sides; blocks of 9 rows straddle the ends, the last rows are in no block. */
static void make(data *d, size_t p)
{
    d->p = p;
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t k = 0; k < p; k++) d->x[i * p + k] = rng_normal(5, 1, (uint32_t)i, (uint32_t)k, 0) + 2.385;
        for (size_t j = 0; j < RESPONSES; j++)
            d->y[i * RESPONSES + j] = .3 * (double)j + d->x[i * p + j] + 2 * rng_normal(6, 1, (uint32_t)i, (uint32_t)j, 0);
        d->test[i] = i >= 20 && i < 36;
        d->train[i] = i < 17 || i >= 39;
        d->block[i] = i / 9 < BLOCKS - 1 ? (int32_t)(i / 9) : -1;
    }
    for (size_t i = 24; i < 36; i++) d->block[i] = BLOCKS - 1; /* a block of test rows alone */
}

static nested_problem problem_of(data *d, const double *alphas, size_t n)
{
    nested_problem q = { .x = d->x, .n = ROWS, .p = d->p, .y = d->y, .v = RESPONSES, .train = d->train, .test = d->test, .alphas = alphas,
                         .n_alphas = n, .select = SELECT_MSE };
    return q;
}

/* Of one response with its block left out, fitted afresh with the alpha given. */
static fit_score afresh(const data *d, size_t j, size_t block, double alpha, const band *bands, const double *gamma)
{
    data *less = malloc(sizeof *less);
    fit_score score[RESPONSES];
    nested_result out = { .score = score };
    err e = { 0 };
    *less = *d;
    for (size_t i = 0; i < ROWS; i++)
        if (d->block[i] == (int32_t)block) less->train[i] = less->test[i] = 0;
    nested_problem q = problem_of(less, &alpha, 1);
    q.bands = bands;
    q.n_bands = bands ? 2 : 0;
    q.gammas = gamma;
    q.n_gammas = bands ? 1 : 0;
    assert_int_equal(nested_ridge(&q, NULL, &out, &e), 0);
    free(less);
    return score[j];
}

static void near(double got, double want)
{
    if (fabs(got - want) > 1e-9 * (1 + fabs(want))) fail_msg("%.17g is not %.17g", got, want);
}

static void compare(size_t p, bool banded)
{
    static const double alphas[] = { 3, 30, 300 }, gammas[] = { .5, .5, 1, 0, .2, .8 };
    static const size_t of[RESPONSES] = { 0, 1, 2, 3, 4 };
    data *d = malloc(sizeof *d);
    fold_scheme scheme;
    folds *inner = NULL;
    err e = { 0 };
    double alpha[RESPONSES];
    int32_t gamma[RESPONSES] = { 0 };
    fit_score score[RESPONSES], held[(1 + BLOCKS) * RESPONSES];
    part_sums part[BLOCKS * RESPONSES];
    make(d, p);
    const band bands[2] = { { 0, 4 }, { 4, p - 4 } };
    assert_int_equal(fold_scheme_parse(&scheme, "contiguous:3,gap=1", &e), 0);
    assert_int_equal(folds_make(&inner, &scheme, &(fold_items){ .n = ROWS }, d->train, &e), 0);
    nested_problem q = problem_of(d, alphas, 3);
    held_fits h = { .v = RESPONSES, .source = read_columns, .context = d->y, .of = of, .blocks = BLOCKS, .block = d->block };
    nested_result out = { .score = score, .alpha = alpha, .gamma = gamma, .held = held, .part = part };
    q.inner = inner;
    q.held = &h;
    q.bands = bands;
    q.n_bands = banded ? 2 : 0;
    q.gammas = gammas;
    q.n_gammas = banded ? 3 : 0;
    assert_int_equal(nested_ridge(&q, NULL, &out, &e), 0);
    for (size_t j = 0; j < RESPONSES; j++) {
        double sse = 0;
        near(held[j].r, score[j].r);
        near(held[j].sst, score[j].sst);
        for (size_t k = 0; k < BLOCKS; k++) {
            fit_score want = afresh(d, j, k, alpha[j], banded ? bands : NULL, gammas + 2 * gamma[j]);
            near(held[(1 + k) * RESPONSES + j].r, want.r);
            near(held[(1 + k) * RESPONSES + j].sse, want.sse);
            near(held[(1 + k) * RESPONSES + j].sst, want.sst);
            const part_sums *s = &part[k * RESPONSES + j];
            sse += s->yy - 2 * s->yp + s->pp;
        }
        near(sse, score[j].sse); /* every test row is in one block */
    }
    folds_free(inner);
    free(d);
}

static void a_block_left_out_is_a_fit_without_it(void **state)
{
    (void)state;
    compare(12, false); /* by singular values */
    compare(90, false); /* by the kernel */
    compare(50, false); /* more columns than rows of training, fewer than all */
    compare(12, true);
    compare(90, true);
}

static void a_fit_that_interpolates_cannot_leave_rows_out(void **state)
{
    static const double alphas[] = { 0 };
    static const size_t of[RESPONSES] = { 0, 1, 2, 3, 4 };
    data *d = malloc(sizeof *d);
    err e = { 0 };
    fit_score held[(1 + BLOCKS) * RESPONSES];
    (void)state;
    make(d, 90);
    nested_problem q = problem_of(d, alphas, 1);
    held_fits h = { .v = RESPONSES, .source = read_columns, .context = d->y, .of = of, .blocks = BLOCKS, .block = d->block };
    nested_result out = { .held = held };
    q.held = &h;
    assert_int_equal(nested_ridge(&q, NULL, &out, &e), -1);
    assert_non_null(strstr(err_text(&e), "alpha 0"));
    free(d);
}

int main(void)
{
    blas_start();
    threads_start(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_left_out_is_a_fit_without_it),
        cmocka_unit_test(a_fit_that_interpolates_cannot_leave_rows_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
