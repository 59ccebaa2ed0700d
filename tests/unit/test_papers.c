/* SPDX-License-Identifier: MIT */
/* What papers' code computes: check numbers of METHODS 13, and properties. */
#include "broca/num.h"
#include "check.h"

static const double X[] = { 1, 0, 2, 1, 3, -1, 4, 2, 5, 0 }, Y[] = { 1, 3, 2, 6, 4 };

static void leave_one_out_ridge_has_the_check_numbers(void **state)
{
    (void)state;
    static const double alphas[] = { 0, 1, 10 }, want[3][4] = { { .788235, 1.117647, .388235, .547344 }, { .732143, .946429, .625, .807515 },
        { .429703, .405941, 1.748515, 2.663623 } };
    double mse[3], w[2], b;
    err e = { 0 };
    loo_ridge *f = NULL;
    assert_int_equal(loo_ridge_new(&f, X, 5, 2, &e), 0);
    assert_int_equal(loo_ridge_errors(f, Y, 1, alphas, 3, mse, &e), 0);
    for (int a = 0; a < 3; a++) {
        assert_int_equal(loo_ridge_fit(f, Y, 1, &alphas[a], w, &b, &e), 0);
        assert_near(w[0], want[a][0], 5e-7);
        assert_near(w[1], want[a][1], 5e-7);
        assert_near(b, want[a][2], 5e-7);
        assert_near(mse[a], want[a][3], 5e-7);
    }
    assert_int_equal(loo_ridge_choose(mse, 1, 3), 0);
    loo_ridge_free(f);
}

/* Five rows, eight columns: leaving a row out by hand gives the same errors, down to alphas that cancel in residual/(1 - h). */
static void leave_one_out_equals_leaving_rows_out(void **state)
{
    (void)state;
    enum { N = 5, P = 8 };
    double x[N * P], y[N], alphas[] = { 1e-20, 1e-3, 2.385 }, mse[3];
    err e = { 0 };
    loo_ridge *f = NULL;
    for (int i = 0; i < N * P; i++) x[i] = sin(1.7 * i * i + 2.385);
    for (int i = 0; i < N; i++) y[i] = cos(3.1 * i) + i;
    assert_int_equal(loo_ridge_new(&f, x, N, P, &e), 0);
    assert_int_equal(loo_ridge_errors(f, y, 1, alphas, 3, mse, &e), 0);
    loo_ridge_free(f);
    for (int a = 0; a < 3; a++) {
        double sum = 0;
        for (int out = 0; out < N; out++) {
            double xs[(N - 1) * P], ys[N - 1], w[P], b, own;
            for (int i = 0, at = 0; i < N; i++) {
                if (i == out) continue;
                memcpy(xs + at * P, x + i * P, sizeof(double) * P);
                ys[at++] = y[i];
            }
            assert_int_equal(ridge_fit(xs, N - 1, P, ys, 1, &alphas[a], true, w, &b, &e), 0);
            own = b;
            for (int j = 0; j < P; j++) own += x[out * P + j] * w[j];
            sum += (y[out] - own) * (y[out] - own) / N;
        }
        assert_near(mse[a], sum, 1e-8);
    }
}

static void equal_errors_leave_the_first_alpha(void **state)
{
    (void)state;
    const double mse[] = { 2.385, 2.385 * (1 - 1e-14), 2.385, 2.384, 2.384 };
    assert_int_equal(loo_ridge_choose(mse, 1, 3), 0);
    assert_int_equal(loo_ridge_choose(mse, 1, 5), 3);
}

static void a_constant_prediction_counts_as_each_paper_counted_it(void **state)
{
    (void)state;
    const double y[] = { 1, 2.5, 2, 4 }, p[] = { 2.385, 2.385, 2.385, 2.385 };
    assert_true(isnan(paper_r(PAPER_SCHRIMPF2021, y, p, 4, 1)));
    assert_near(paper_r(PAPER_BRAINSCORE, y, p, 4, 1), 0, 1e-6);
    assert_near(paper_r(PAPER_TUCKUTE2024, y, p, 4, 1), 0, 0);
    assert_near(paper_r(PAPER_HADIDI2025, y, p, 4, 1), 0, 0);
    for (int rule = PAPER_SCHRIMPF2021; rule <= PAPER_HADIDI2025; rule++) assert_near(paper_r((paper_rule)rule, y, y, 4, 1), 1, 1e-7);
}

static void omega_has_the_check_numbers(void **state)
{
    (void)state;
    assert_near(paper_omega(.030, .025, .020), 60, 1e-9);
    assert_near(paper_omega(.020, .025, .020), 80, 1e-9);
    assert_near(paper_omega(.01, .01, .02), 100, 1e-9);
    assert_near(paper_omega(.5, 0, .1), 100, 0);
}

static void the_extrapolation_has_the_check_numbers(void **state)
{
    (void)state;
    const double x[] = { 2, 3, 4, 5 }, y[] = { .10, .14, .165, .18 }, bad[] = { .1, NAN, .2, .3 };
    double v0, tau, sse;
    assert_true(extrapolate_fit(x, y, NULL, 4, &v0, &tau, &sse));
    assert_near(v0, .243041, 5e-7);
    assert_near(tau, 3.610208, 2e-5); /* the check number is of a fit that stopped at 1e-8 */
    assert_false(extrapolate_fit(x, bad, NULL, 4, &v0, &tau, &sse));
    assert_true(isnan(v0));
}

static void alignment_has_the_check_numbers(void **state)
{
    (void)state;
    const double x[] = { 1, 0, 0, 1, 1, 1, 2, 0, 0, -1 }, y[] = { 1, 0, 2, 2, -1 };
    double k[25], l[25], got;
    err e = { 0 };
    gram_linear(k, x, 5, 2);
    gram_linear(l, y, 5, 1);
    assert_int_equal(cka(k, l, 5, false, &got, &e), 0);
    assert_near(got, .714200, 5e-7);
    assert_int_equal(cka(k, l, 5, true, &got, &e), 0);
    assert_near(got, .466667, 5e-7);
    assert_int_equal(cka(k, l, 3, true, &got, &e), -1);
    assert_says(e, "too few");
}

static void rows_of_oasm_sum_to_one_and_reach_no_further_than_twice_the_radius(void **state)
{
    (void)state;
    enum { N = 40 };
    double x[N * N];
    err e = { 0 };
    assert_int_equal(oasm_radius(1), 4);
    assert_int_equal(oasm_features(x, NULL, N, 1, &e), 0);
    for (size_t i = 0; i < N; i++) {
        assert_near(sum_f8(x + i * N, N), 1, 1e-12);
        for (size_t k = i + 9; k < N; k++) {
            double product = 0;
            for (size_t j = 0; j < N; j++) product += x[i * N + j] * x[k * N + j];
            assert_near(product, 0, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leave_one_out_ridge_has_the_check_numbers),
        cmocka_unit_test(leave_one_out_equals_leaving_rows_out),
        cmocka_unit_test(equal_errors_leave_the_first_alpha),
        cmocka_unit_test(a_constant_prediction_counts_as_each_paper_counted_it),
        cmocka_unit_test(omega_has_the_check_numbers),
        cmocka_unit_test(the_extrapolation_has_the_check_numbers),
        cmocka_unit_test(alignment_has_the_check_numbers),
        cmocka_unit_test(rows_of_oasm_sum_to_one_and_reach_no_further_than_twice_the_radius),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
