/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "broca/num.h"
#include "broca/simulate.h"

enum { WORDS = 900, D = 5 };

static stimuli story(arena *a, err *e)
{
    stimuli x = { .n = 1, .words = WORDS };
    x.word_onset = arena_get(a, WORDS * sizeof(double), e);
    x.word_offset = arena_get(a, WORDS * sizeof(double), e);
    for (uint32_t i = 0; i < WORDS; i++) {
        x.word_onset[i] = i ? x.word_offset[i - 1] + 0.6 * rng_uniform(3, RNG_SIM_TEXT, i, 0, 0) : 0.1;
        x.word_offset[i] = x.word_onset[i] + 0.2;
    }
    return x;
}

static void simulate(responses **r, simulated_truth **t, const simulation *q)
{
    err e = { 0 };
    arena *a = arena_new(&e);
    stimuli x = story(a, &e);
    static float features[WORDS * D];
    for (uint32_t i = 0; i < WORDS * D; i++) features[i] = (float)rng_normal(9, RNG_SIM_FEATURES, i, 0, 0);
    if (simulate_responses(r, t, &x, features, WORDS, D, q, &e)) fail_msg("%s", err_text(&e));
    arena_free(a);
}

/* Mean over the blocks of the mean correlation of all pairs. */
static double blockwise_pairs(const double *y, size_t n, size_t v, size_t blocks)
{
    double sum = 0;
    size_t first = 0;
    for (size_t b = 0; b < blocks; b++) {
        size_t length = n / blocks + (b < n % blocks);
        sum += pairwise_r(y + first * v, length, v) / (double)blocks;
        first += length;
    }
    return sum;
}

/* Correlation between all pairs of many listeners of one region recovers the planted shared share, filter or none. */
static void pairs_of_listeners_correlate_as_planted(void **state)
{
    (void)state;
    for (int filtered = 0; filtered < 2; filtered++) {
        size_t blocks = filtered ? 4 : 1;
        simulation q = { .subjects = 60, .first_subject = 1, .neuroids = 1, .shares = { .2, .1, .1, .05 }, .ar = .5, .tr_s = 2,
                         .highpass_s = filtered ? 100 : 0, .filter_blocks = blocks, .seed = 11 };
        responses *r = NULL;
        simulated_truth *t = NULL;
        err e = { 0 };
        simulate(&r, &t, &q);
        double *y = mem_new(r->n * r->v, sizeof *y, &e);
        int32_t *block = mem_new(r->n, sizeof *block, &e);
        for (size_t i = 0; i < r->n * r->v; i++) y[i] = (double)r->data[i];
        for (size_t b = 0, i = 0; b < blocks; b++)
            for (size_t k = 0; k < r->n / blocks + (b < r->n % blocks); k++) block[i++] = (int32_t)b;
        if (filtered) assert_int_equal(highpass(y, r->n, r->v, block, 2, 100, &e), 0);
        assert_near(blockwise_pairs(y, r->n, r->v, blocks), t->pairwise[0], .03);
        /* METHODS 4.4: the ceilings follow from the correlation of pairs, but for the bias of r in short blocks */
        assert_near(t->ceiling_single[0], sqrt(t->pairwise[0]), .02);
        assert_near(t->ceiling_group[0], sqrt(60 * t->pairwise[0] / (1 + 59 * t->pairwise[0])), .01);
        if (!filtered) assert_near(t->pairwise[0], .3, .04); /* shares .2 + .1; the two are orthogonal */
        free(y);
        free(block);
        responses_free(r);
        simulated_truth_free(t);
    }
}

static void other_listeners_of_one_seed_hear_the_same_signal(void **state)
{
    (void)state;
    simulation q = { .subjects = 2, .first_subject = 1, .neuroids = 2, .shares = { .3, 0, 0, 0 }, .tr_s = 2, .seed = 4 };
    responses *a = NULL, *b = NULL;
    simulated_truth *ta = NULL, *tb = NULL;
    simulate(&a, &ta, &q);
    q.first_subject = 2;
    simulate(&b, &tb, &q);
    assert_memory_equal(ta->model, tb->model, a->n * 2 * sizeof(double));
    for (size_t i = 0; i < a->n; i++) assert_true(a->data[i * 4 + 2] == b->data[i * 4]); /* subject 2 in both */
    assert_true(a->data[0] != b->data[0]);
    responses_free(a);
    responses_free(b);
    simulated_truth_free(ta);
    simulated_truth_free(tb);
}

static void shares_above_one_are_refused(void **state)
{
    (void)state;
    err e = { 0 };
    responses *r = NULL;
    simulated_truth *t = NULL;
    stimuli x = { 0 };
    simulation q = { .subjects = 2, .neuroids = 2, .shares = { .8, .3, 0, 0 }, .tr_s = 2 };
    assert_int_equal(simulate_responses(&r, &t, &x, NULL, 0, 1, &q, &e), -1);
    assert_says(e, "sum to at most 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_of_listeners_correlate_as_planted),
        cmocka_unit_test(other_listeners_of_one_seed_hear_the_same_signal),
        cmocka_unit_test(shares_above_one_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, test_clean);
}
