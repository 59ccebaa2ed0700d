/* SPDX-License-Identifier: MIT */
/* Haemodynamic responses: sums, published values, causality, linearity, runs apart. */
#include <math.h>
#include <string.h>

#include "broca/num.h"
#include "check.h"

static void kernels_have_sum_one_and_published_values(void **state)
{
    (void)state;
    static const double vmt[8] = { 0, .08015, .34712, .35654, .20144, .07632, .01222, -.01369 };
    double *h, sum;
    size_t n;
    err e = { 0 };
    for (hrf_kind k = HRF_SPM; k <= HRF_NILEARN_GLOVER; k++) {
        assert_int_equal(hrf_kernel(&h, &n, k, HRF_CANONICAL, 2, 16, &e), 0);
        sum = 0;
        for (size_t i = 0; i < n; i++) sum += h[i];
        assert_true(fabs(sum - 1) < 1e-12);
        free(h);
    }
    assert_int_equal(hrf_kernel(&h, &n, HRF_VMT, HRF_CANONICAL, 2, 1, &e), 0);
    for (size_t i = 0; i < 8; i++) assert_true(fabs(h[i] - vmt[i]) < 6e-6);
    free(h);
    assert_int_equal(hrf_kernel(&h, &n, HRF_SPM, HRF_CANONICAL, 0, 1, &e), -1);
}

static void names_are_read(void **state)
{
    (void)state;
    hrf_kind k;
    size_t parts;
    err e = { 0 };
    assert_int_equal(hrf_parse(&k, &parts, "nilearn-glover+derivative+dispersion", &e), 0);
    assert_int_equal(k, HRF_NILEARN_GLOVER);
    assert_int_equal(parts, 3);
    assert_int_equal(hrf_parse(&k, &parts, "glovr", &e), -1);
    assert_non_null(strstr(err_text(&e), "glover"));
    err_clear(&e);
    assert_int_equal(hrf_parse(&k, &parts, "spm+dispersion", &e), -1);
}

static void words_are_convolved_causally_and_run_by_run(void **state)
{
    (void)state;
    enum { N = 40 };
    double sample[N], out[N], both[N], twice[N], onset[2] = { 20.3, 30 };
    int32_t run[N], word_run[2] = { 1, 2 };
    float f[2] = { 1, 3 };
    err e = { 0 };
    for (size_t i = 0; i < N; i++) {
        sample[i] = 2.0 * (double)(i % 20);
        run[i] = i < 20 ? 1 : 2;
    }
    onset[0] = 10.3;
    onset[1] = 4;
    assert_int_equal(hrf_words(out, f, onset, word_run, 1, 1, sample, run, N, 2, HRF_SPM, 1, &e), 0);
    for (size_t i = 0; i < N; i++)
        if (i < 6 || i >= 20) assert_true(out[i] == 0); /* before the word, and the other run */
    double peak = 0, at = 0;
    for (size_t i = 0; i < 20; i++)
        if (out[i] > peak) peak = out[i], at = sample[i];
    assert_true(at >= 14 && at <= 16); /* about 5 s after */
    /* against the definition: the density at the distance, up to the bin of tr/16 */
    hrf_shape s = hrf_shape_of(HRF_SPM);
    double norm = 0;
    for (size_t i = 0; i <= 256; i++) norm += hrf_at(s, (double)i * .125);
    for (size_t i = 6; i < 20; i++) assert_true(fabs(out[i] - hrf_at(s, sample[i] - 10.25) / norm) < 1e-12);
    assert_int_equal(hrf_words(both, f, onset, word_run, 2, 1, sample, run, N, 2, HRF_SPM, 1, &e), 0);
    for (size_t i = 0; i < 20; i++) assert_true(both[i] == out[i]);
    for (size_t i = 22; i < 30; i++) assert_true(fabs(both[i] - 3 * hrf_at(s, sample[i] - 4) / norm) < 1e-12);
    f[0] = 2;
    assert_int_equal(hrf_words(twice, f, onset, word_run, 1, 1, sample, run, N, 2, HRF_SPM, 1, &e), 0);
    for (size_t i = 0; i < N; i++) assert_true(fabs(twice[i] - 2 * out[i]) < 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(kernels_have_sum_one_and_published_values), cmocka_unit_test(names_are_read),
                                        cmocka_unit_test(words_are_convolved_causally_and_run_by_run) };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
