/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "broca/behave.h"

enum { N = 6 };
static const float logits[N] = { 1.2f, 2.385f, -0.7f, 2.385f, 0.1f, -3.0f };

static void shares(const behave_sampling *how, double *share)
{
    size_t order[N];
    double p[N];
    memset(share, 0, N * sizeof *share);
    for (size_t k = 0; k < 40000; k++)
        share[behave_choose(logits, N, how, k, order, p)] += 1.0 / 40000;
}

static void draws_have_the_probabilities_of_the_softmax(void **state)
{
    (void)state;
    const double temperatures[] = { .5, 1, 3 };
    for (int t = 0; t < 3; t++) {
        behave_sampling how = { .temperature = temperatures[t], .top_p = 1, .seed = 11 };
        double share[N], want[N], sum = 0;
        shares(&how, share);
        for (int i = 0; i < N; i++)
            sum += want[i] = exp((double)logits[i] / how.temperature);
        for (int i = 0; i < N; i++) /* 5 standard errors */
            assert_near(share[i], want[i] / sum, 5 * sqrt(want[i] / sum / 40000) + 1e-4);
    }
}

static void top_k_and_top_p_leave_the_rest_out(void **state)
{
    (void)state;
    double share[N];
    shares(&(behave_sampling){ .temperature = 1, .top_p = 1, .top_k = 3, .seed = 2 }, share);
    assert_true(share[1] > 0 && share[3] > 0 && share[0] > 0);
    assert_near(share[2] + share[4] + share[5], 0, 0);
    /* ties: of the two most probable the smaller id is kept first */
    shares(&(behave_sampling){ .temperature = 1, .top_p = 1, .top_k = 1, .seed = 2 }, share);
    assert_near(share[1], 1, 1e-9);
    shares(&(behave_sampling){ .temperature = 1, .top_p = 1e-9, .seed = 2 }, share);
    assert_near(share[1], 1, 1e-9);
    /* e^2.385 twice of a sum of 26.9: .81; together with e^1.2 .93 */
    shares(&(behave_sampling){ .temperature = 1, .top_p = .8, .seed = 2 }, share);
    assert_near(share[1] + share[3], 1, 1e-9);
    shares(&(behave_sampling){ .temperature = 1, .top_p = .85, .seed = 2 }, share);
    assert_true(share[0] > .1 && share[4] == 0);
}

static void greedy_takes_the_smallest_of_equal_ids(void **state)
{
    (void)state;
    size_t order[N];
    double p[N];
    assert_int_equal(behave_choose(logits, N, &(behave_sampling){ .top_p = 1 }, 0, order, p), 1);
    assert_int_equal(behave_argmax(logits, N), 1);
}

static void sampled_texts_depend_on_the_seed_alone(void **state)
{
    (void)state;
    err e = { 0 };
    model *m = NULL;
    continuation a, b, c;
    const int32_t prompt[] = { 3, 1, 4 };
    if (model_architecture(&m, "gpt2,layers=1,width=16,heads=2,vocab=50,context=24", 5, &e))
        fail_msg("%s", err_text(&e));
    behave_sampling how = { .temperature = 1, .top_p = 1, .seed = 1 };
    assert_int_equal(behave_generate(&a, m, prompt, 3, 12, -1, &how, &e), 0);
    assert_int_equal(behave_generate(&b, m, prompt, 3, 20, -1, &how, &e), 0);
    how.seed = 2;
    assert_int_equal(behave_generate(&c, m, prompt, 3, 12, -1, &how, &e), 0);
    assert_int_equal(a.n, 15);
    assert_memory_equal(a.ids, b.ids, a.n * sizeof *a.ids); /* a longer one begins alike */
    assert_memory_not_equal(a.ids, c.ids, a.n * sizeof *a.ids);
    how.temperature = -1;
    free(a.ids);
    assert_int_equal(behave_generate(&a, m, prompt, 3, 12, -1, &how, &e), -1);
    assert_says(e, "temperature is at least 0");
    how = (behave_sampling){ .temperature = 1, .top_p = 0 };
    assert_int_equal(behave_generate(&a, m, prompt, 3, 12, -1, &how, &e), -1);
    assert_says(e, "top-p is above 0");
    free(b.ids);
    free(c.ids);
    model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_have_the_probabilities_of_the_softmax),
        cmocka_unit_test(top_k_and_top_p_leave_the_rest_out),
        cmocka_unit_test(greedy_takes_the_smallest_of_equal_ids),
        cmocka_unit_test(sampled_texts_depend_on_the_seed_alone),
    };
    threads_start(1);
    return cmocka_run_group_tests(tests, NULL, test_clean);
}
