/* SPDX-License-Identifier: MIT */
/* Statistics: closed examples of METHODS 13, exact tails, planted reliabilities, and what must not be a number. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broca/num.h"

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("got %.15g, expected %.15g within %g", got, want, tolerance);
}

static const double a4[] = { 2.1, 2.5, 1.9, 3.0 }, b5[] = { 1.0, 1.4, .7, 1.9, 1.2 };

static void welch_gives_the_example_of_the_methods(void **state)
{
    (void)state;
    t_result r = welch(a4, 4, b5, 5);
    near(r.t, 3.597138, 5e-7);
    near(r.dof, 6.310133, 5e-7);
    near(r.p, .01046477, 5e-9);
    near(r.log_p, log(r.p), 1e-12);
}

static void t_does_not_move_with_a_common_offset(void **state)
{
    (void)state;
    double a[4], b[5];
    for (int i = 0; i < 4; i++)
        a[i] = a4[i] + 0x1p20;
    for (int i = 0; i < 5; i++)
        b[i] = b5[i] + 0x1p20;
    near(welch(a, 4, b, 5).t, welch(a4, 4, b5, 5).t, 1e-8);
}

static void units_without_variance_have_no_t_or_an_infinite_one(void **state)
{
    (void)state;
    double same[3] = { .1, .1, .1 }, other[3] = { .2, .2, .2 };
    assert_true(isnan(welch(same, 3, same, 3).t));
    t_result r = welch(other, 3, same, 3);
    assert_true(isinf(r.t) && r.t > 0 && isnan(r.dof));
    assert_true(r.p == 0 && isinf(r.log_p));
    assert_true(isnan(one_sample(same, 3, .1).t));
    double with_nan[3] = { 1, NAN, 2 };
    assert_true(isnan(welch(with_nan, 3, same, 3).t));
    assert_true(isnan(paired(same, other, 1).t));
}

static void tails_of_cauchy_and_two_df_are_closed_forms(void **state)
{
    (void)state;
    for (double t = 1e-3; t < 1e9; t *= 7) {
        double one = atan(1 / t) / M_PI, root = sqrt(2 + t * t), two = 1 / (root * (root + t));
        near(t_log_p(t, 1, TAIL_GREATER) / log(one), 1, 1e-12);
        near(t_log_p(t, 2, TAIL_GREATER) / log(two), 1, 1e-12);
        near(t_log_p(-t, 2, TAIL_LESS), t_log_p(t, 2, TAIL_GREATER), 0);
        near(exp(t_log_p(-t, 1, TAIL_GREATER)) + one, 1, 1e-14);
    }
    near(t_quantile(.9995, 1), tan(M_PI * .4995), 1e-9 * 636);
    near(t_quantile(.025, 7.5), -t_quantile(.975, 7.5), 1e-12);
}

static void log_p_goes_on_where_p_is_zero(void **state)
{
    (void)state;
    /* the leading term of the tail: log(2·c·dof^((dof-1)/2)·t^-dof), exact to O(dof²/t²) */
    double dof = 1e4, t = 1e12;
    double c = lgamma((dof + 1) / 2) - lgamma(dof / 2) - .5 * log(M_PI * dof);
    double leading = M_LN2 + c + (dof + 1) / 2 * log(dof) - log(dof) - dof * log(t);
    near(t_log_p(t, dof, TAIL_BOTH) / leading, 1, 1e-10);
    assert_true(t_log_p(t, dof, TAIL_BOTH) < -2e5);
    assert_true(exp(t_log_p(t, dof, TAIL_BOTH)) == 0);
    near(t_log_p(5, INFINITY, TAIL_BOTH), normal_log_upper(5) + M_LN2, 1e-12);
    near(normal_log_upper(30) / (-.5 * 900 - log(30 * sqrt(2 * M_PI)) + log1p(-1. / 900 + 3. / 810000)), 1, 1e-9);
}

static void adjusted_p_gives_the_example_and_leaves_nan_out(void **state)
{
    (void)state;
    double p[] = { .01, .04, .03, .005, .5 }, want[] = { .025, .05, .05, .025, .5 }, q[6];
    err e = { 0 };
    assert_int_equal(benjamini_hochberg(p, 5, q, &e), 0);
    for (int i = 0; i < 5; i++)
        near(q[i], want[i], 1e-15);
    double with[] = { .01, NAN, .04, .03, .005, .5 };
    assert_int_equal(benjamini_hochberg(with, 6, with, &e), 0); /* in place */
    assert_true(isnan(with[1]));
    near(with[2], .05, 1e-15);
}

static void a_covariate_takes_away_what_it_explains(void **state)
{
    (void)state;
    /* value = 3·c exactly plus 2 for the condition plus a noise that is orthogonal to everything */
    double ca[4] = { 1, 2, 3, 4 }, cb[4] = { 3, 4, 5, 6 }, noise[4] = { .1, -.1, -.1, .1 }, a[4], b[4];
    for (int i = 0; i < 4; i++) {
        a[i] = 3 * ca[i] + 2 + noise[i];
        b[i] = 3 * cb[i] + noise[i];
    }
    t_result r = covariate_t(a, ca, 4, b, cb, 4);
    double s2 = 8 * .01 / 5, variance = s2 * (.25 + .25 + 4. / 10);
    near(r.t, 2 / sqrt(variance), 1e-9);
    near(r.dof, 5, 0);
    assert_true(welch(a, 4, b, 4).t < 0); /* without it the sign is wrong */
    double equal[4] = { 5, 5, 5, 5 }, more[4] = { 6, 6, 6, 6 };
    near(covariate_t(a, equal, 4, b, equal, 4).t, student(a, 4, b, 4).t, 1e-12);
    assert_true(isnan(covariate_t(a, equal, 4, b, more, 4).t)); /* the covariate is the condition */
}

static void ceilings_give_the_examples_of_the_methods(void **state)
{
    (void)state;
    double d[] = { 1, 2, 1.5, 0, .5, -.5, 3, 2, 2.5, 1, 0, .2 }, noise, signal, ratio;
    near(snr_ceiling(d, 4, 3, 3, &noise, &signal, &ratio), .965708, 5e-7);
    near(noise, .2575, 1e-12);
    near(signal, 1.1875, 1e-12);
    near(ratio, 2.147475, 5e-7);
    near(sqrt(spearman_brown(.1, 5)), .597614, 5e-7);
    double y[10] = { 1, .8, 2, 1.5, 0, .3, -1, -1.2, .5, .1 };
    err e = { 0 };
    double ev = explainable_variance(y, 5, 2, &e);
    near(ev, .981961, 5e-7);
    near(ev - (1 - ev), .963922, 5e-7);
}

static void gaps_in_repeats_do_not_count_as_values(void **state)
{
    (void)state;
    double d[] = { 1, 2, NAN, 0, .5, NAN, 3, 2, NAN, 1, 0, NAN }, two[] = { 1, 2, 0, .5, 3, 2, 1, 0 };
    near(snr_ceiling(d, 4, 3, 3, NULL, NULL, NULL), snr_ceiling(two, 4, 2, 3, NULL, NULL, NULL), 1e-15);
    double alone[] = { 1, NAN, 2, NAN, 3, NAN };
    assert_true(isnan(snr_ceiling(alone, 3, 2, 2, NULL, NULL, NULL)));
    double equal[] = { 1, 1, 2, 2, 5, 5 };
    near(snr_ceiling(equal, 3, 2, 2, NULL, NULL, NULL), 1, 0);
}

static void constant_series_have_no_correlation(void **state)
{
    (void)state;
    double x[4] = { .1, .1, .1, .1 }, y[4] = { 1, 2, 3, 5 };
    assert_true(isnan(pearson(x, y, 4)));
    near(pearson(y, y, 4), 1, 1e-15);
    near(median_f8((double[]){ 3, 1, 2, 10 }, 4), 2.5, 0);
    assert_true(isnan(median_f8(NULL, 0)));
    near(quantile_f8((double[]){ 1, 2, 4 }, 3, .75), 3, 0);
}

static void series_blocks_are_run_by_fold(void **state)
{
    (void)state;
    int32_t run[6] = { 1, 1, 1, 2, 2, 2 }, block[6];
    uint8_t test[12] = { 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1 };
    folds f = { 6, 2, test, test };
    err e = { 0 };
    assert_int_equal(series_blocks(block, run, 6, &f, &e), 0);
    int32_t want[6] = { 0, 0, 1, 2, 2, 2 };
    assert_memory_equal(block, want, sizeof want);
    assert_int_equal(series_blocks(block, run, 6, NULL, &e), 0);
    int32_t runs[6] = { 0, 0, 0, 1, 1, 1 };
    assert_memory_equal(block, runs, sizeof runs);
}

/* What is learnt on training rows must not change when test rows change. */
static void a_fold_learns_nothing_from_its_test_rows(void **state)
{
    (void)state;
    enum { N = 12 };
    double y[N], other[N], z[N], out[N], out2[N];
    uint8_t train[N];
    err e = { 0 };
    for (int i = 0; i < N; i++) {
        y[i] = sin(2.385 * i) + i;
        z[i] = cos(1.7 * i);
        train[i] = i >= 4;
        other[i] = train[i] ? y[i] : 100. * i;
    }
    assert_int_equal(series_fold(out, y, N, 1, z, 1, train, &e), 0);
    assert_int_equal(series_fold(out2, other, N, 1, z, 1, train, &e), 0);
    assert_memory_equal(out + 4, out2 + 4, (N - 4) * sizeof *out);
    near(mean_f8(out + 4, N - 4), 0, 1e-14);
    near(variance_f8(out + 4, N - 4, 0), 1, 1e-14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(welch_gives_the_example_of_the_methods),
        cmocka_unit_test(t_does_not_move_with_a_common_offset),
        cmocka_unit_test(units_without_variance_have_no_t_or_an_infinite_one),
        cmocka_unit_test(tails_of_cauchy_and_two_df_are_closed_forms),
        cmocka_unit_test(log_p_goes_on_where_p_is_zero),
        cmocka_unit_test(adjusted_p_gives_the_example_and_leaves_nan_out),
        cmocka_unit_test(a_covariate_takes_away_what_it_explains),
        cmocka_unit_test(ceilings_give_the_examples_of_the_methods),
        cmocka_unit_test(gaps_in_repeats_do_not_count_as_values),
        cmocka_unit_test(constant_series_have_no_correlation),
        cmocka_unit_test(series_blocks_are_run_by_fold),
        cmocka_unit_test(a_fold_learns_nothing_from_its_test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
