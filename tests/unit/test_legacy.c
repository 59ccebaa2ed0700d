/* SPDX-License-Identifier: MIT */
/* NumPy's legacy generator and scikit-learn's folds: the check numbers of METHODS 13. */
#include <string.h>

#include "broca/num.h"
#include "check.h"

static void the_words_of_four_seeds_are_those_of_RandomState(void **state)
{
    (void)state;
    static const uint32_t seeds[] = { 0, 1, 42, 1234 }, want[4][3] = { { 2357136044u, 2546248239u, 3071714933u },
        { 1791095845u, 4282876139u, 3093770124u }, { 1608637542u, 3421126067u, 4083286876u }, { 822569775u, 2137449171u, 2671936806u } };
    for (int s = 0; s < 4; s++) {
        legacy_rng g;
        legacy_start(&g, seeds[s]);
        for (int i = 0; i < 3; i++) assert_int_equal(legacy_word(&g), want[s][i]);
    }
}

static void permutations_and_choices_are_those_of_RandomState(void **state)
{
    (void)state;
    static const uint32_t seeds[] = { 0, 1, 42 };
    static const size_t want[3][10] = { { 2, 8, 4, 9, 1, 6, 7, 3, 0, 5 }, { 2, 9, 6, 4, 0, 3, 1, 7, 8, 5 }, { 8, 1, 5, 0, 7, 2, 9, 4, 3, 6 } };
    static const size_t chosen[6] = { 4, 0, 3, 3, 3, 1 };
    size_t p[10];
    legacy_rng g;
    for (int s = 0; s < 3; s++) {
        legacy_start(&g, seeds[s]);
        legacy_permutation(&g, p, 10);
        assert_memory_equal(p, want[s], sizeof p);
    }
    legacy_start(&g, 0);
    legacy_choice(&g, p, 5, 6);
    assert_memory_equal(p, chosen, sizeof chosen);
}

/* RandomState(42) of NumPy 1.24.2: shuffle(arange(10)), dirichlet([.1] * 3, 2), dirichlet([1.] * 3, 2), standard_gamma(2.385) thrice,
 * random_sample(): each takes up where the one before left the generator. */
static void gamma_and_dirichlet_draws_are_those_of_RandomState(void **state)
{
    (void)state;
    static const double low[6] = { 5.85292713269141e-09, 0.1630579128957059, 0.8369420812513669, 0.00011766825749502106, 2.7193148058415465e-05, 0.9998551385944465 },
        one[6] = { 0.2389063081385765, 0.6568241416292061, 0.10426955023221739, 0.24492010828846594, 0.3234340045937876, 0.4316458871177465 },
        large[3] = { 1.2756595771631638, 3.032431628404776, 2.2317553818409928 };
    size_t p[10];
    double row[6];
    legacy_rng g;
    legacy_start(&g, 42);
    legacy_permutation(&g, p, 10);
    legacy_dirichlet(&g, row, 2, 3, .1);
    for (int i = 0; i < 6; i++) assert_near(row[i], low[i], 1e-15 * low[i]);
    legacy_dirichlet(&g, row, 2, 3, 1);
    for (int i = 0; i < 6; i++) assert_near(row[i], one[i], 1e-15 * one[i]);
    for (int i = 0; i < 3; i++) assert_near(legacy_gamma(&g, 2.385), large[i], 1e-15 * large[i]);
    assert_near(legacy_uniform(&g), 0.06505159298527952, 0);
}

static void a_number_up_to_nothing_draws_nothing(void **state)
{
    (void)state;
    legacy_rng g;
    legacy_start(&g, 1);
    assert_int_equal(legacy_up_to(&g, 0), 0);
    assert_int_equal(legacy_word(&g), 1791095845u);
}

static void kfold_cuts_the_shuffled_rows(void **state)
{
    (void)state;
    err e = { 0 };
    int32_t fold[10];
    static const int32_t want[10] = { 1, 1, 0, 1, 0, 2, 0, 2, 2, 0 };
    assert_int_equal(legacy_kfold(fold, 10, 3, 1, &e), 0);
    assert_memory_equal(fold, want, sizeof want);
}

static void shuffle_split_tests_the_head_of_each_permutation(void **state)
{
    (void)state;
    err e = { 0 };
    uint8_t test[20], train[20], want[20] = { 0 };
    want[2] = want[9] = want[10 + 9] = want[10 + 5] = 1;
    assert_int_equal(legacy_shuffle_split(test, train, 10, 2, .8, 1, &e), 0);
    assert_memory_equal(test, want, sizeof want);
    for (int i = 0; i < 20; i++) assert_int_equal(test[i] + train[i], 1);
}

static void stratified_folds_of_the_old_kind_favour_the_first_in_every_class(void **state)
{
    (void)state;
    err e = { 0 };
    int32_t fold[416];
    static const char *const label[] = { "0", "0", "0", "1", "1", "1" };
    static const int32_t want[] = { 0, 1, 0, 1, 0, 0 };
    assert_int_equal(legacy_stratified(fold, label, 6, 2, 1, true, &e), 0);
    assert_memory_equal(fold, want, sizeof want);
    char names[52][8];
    const char *sentence[416];
    size_t size[2][5] = { { 0 } };
    static const size_t old[5] = { 104, 104, 104, 52, 52 }, new[5] = { 84, 83, 83, 83, 83 };
    for (int i = 0; i < 416; i++) {
        snprintf(names[i / 8], sizeof names[0], "s%02d", i / 8);
        sentence[i] = names[i / 8];
    }
    for (int kind = 0; kind < 2; kind++) {
        assert_int_equal(legacy_stratified(fold, sentence, 416, 5, 1, kind == 0, &e), 0);
        for (int i = 0; i < 416; i++) size[kind][fold[i]]++;
    }
    assert_memory_equal(size[0], old, sizeof old);
    assert_memory_equal(size[1], new, sizeof new);
}

static void shuffled_group_folds_hold_the_groups_of_scikit_learn(void **state)
{
    (void)state;
    err e = { 0 };
    static const int order[] = { 7, 16, 2, 3, 1, 18, 5, 4, 0, 8, 13, 21, 10, 22, 20, 14, 11, 9, 17, 23, 12, 6, 19, 15 };
    static const int end[] = { 3, 6, 9, 12, 14, 16, 18, 20, 22, 24 };
    char names[24][8];
    const char *group[24];
    int32_t fold[24];
    for (int i = 0; i < 24; i++) {
        snprintf(names[i], sizeof names[i], "g%02d", i);
        group[i] = names[i];
    }
    assert_int_equal(legacy_group_kfold(fold, group, 24, 10, 1234, &e), 0);
    for (int f = 0, at = 0; f < 10; f++)
        for (; at < end[f]; at++) assert_int_equal(fold[order[at]], f);
    assert_int_equal(legacy_group_kfold(fold, group, 24, 25, 1234, &e), -1);
    assert_non_null(strstr(e.text, "24 groups are too few for 25 folds"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_words_of_four_seeds_are_those_of_RandomState),
        cmocka_unit_test(permutations_and_choices_are_those_of_RandomState),
        cmocka_unit_test(gamma_and_dirichlet_draws_are_those_of_RandomState),
        cmocka_unit_test(a_number_up_to_nothing_draws_nothing),
        cmocka_unit_test(kfold_cuts_the_shuffled_rows),
        cmocka_unit_test(shuffle_split_tests_the_head_of_each_permutation),
        cmocka_unit_test(stratified_folds_of_the_old_kind_favour_the_first_in_every_class),
        cmocka_unit_test(shuffled_group_folds_hold_the_groups_of_scikit_learn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
