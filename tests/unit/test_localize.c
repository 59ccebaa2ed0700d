/* SPDX-License-Identifier: MIT */
/* Localizer: planted units are found, exactly k are selected, ties and units without variance follow the rule, tokens
 * are matched or say why not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broca/localize.h"
#include "broca/num.h"

enum { N = 200, D = 40 };

typedef struct {
    float a[N * D], b[N * D];
    int8_t condition[N];
    int32_t tokens[N];
    localize_tap taps[2];
    localize_input in;
} material;

/* Items alternate S, N; noise everywhere. */
static material *noise(void)
{
    material *m = calloc(1, sizeof *m);
    for (uint32_t i = 0; i < N; i++) {
        m->condition[i] = i % 2 == 0;
        m->tokens[i] = 12 + (int32_t)rng_below(5, RNG_SIM_TEXT, i, 0, 0, 6);
        for (uint32_t u = 0; u < D; u++) {
            m->a[i * D + u] = (float)rng_normal(5, RNG_SIM_NOISE, i, u, 0);
            m->b[i * D + u] = (float)rng_normal(5, RNG_SIM_NOISE, i, u, 1);
        }
    }
    m->taps[0] = (localize_tap){ "h.0", D, m->a };
    m->taps[1] = (localize_tap){ "h.1", D, m->b };
    m->in = (localize_input){ .n = N, .condition = m->condition, .tokens = m->tokens, .n_taps = 2, .taps = m->taps };
    return m;
}

static localizer *run(const material *m, localize_options o)
{
    localizer *l = NULL;
    err e = { 0 };
    if (localize(&l, &m->in, &o, &e)) fail_msg("%s", err_text(&e));
    return l;
}

static localize_options options(const char *select, localize_match match)
{
    err e = { 0 };
    localize_options o = localize_defaults();
    assert_int_equal(localize_parse_select(&o, select, &e), 0);
    o.match = match;
    return o;
}

static double welch_p(const material *m, size_t unit)
{
    double a[N / 2], b[N / 2];
    for (size_t i = 0; i < N; i++)
        (m->condition[i] ? a : b)[i / 2] = m->a[i * D + unit];
    return welch(a, N / 2, b, N / 2).p;
}

static void planted_units_are_selected(void **state)
{
    (void)state;
    material *m = noise();
    for (size_t i = 0; i < N; i++)
        for (size_t u = 0; u < 5; u++)
            m->b[i * D + 7 * u] += m->condition[i] ? 1.385f : 0;
    localizer *l = run(m, options("k:5", MATCH_NONE));
    assert_int_equal(l->n_selected, 5);
    for (size_t u = 0; u < 5; u++)
        assert_int_equal(l->taps[1].selected[7 * u], 1);
    assert_int_equal(l->taps[0].n_selected, 0);
    assert_true(l->taps[1].q[7] < 1e-6 && l->taps[1].mean_pos[7] - l->taps[1].mean_neg[7] > .8);
    localizer_free(l);
    l = run(m, options("q:.01", MATCH_NONE));
    assert_true(l->n_selected >= 5 && l->n_selected <= 7);
    localizer_free(l);
    free(m);
}

static void a_suppressed_unit_is_not_selected(void **state)
{
    (void)state;
    material *m = noise();
    for (size_t i = 0; i < N; i++)
        m->a[i * D + 3] -= m->condition[i] ? 3 : 0;
    localizer *l = run(m, options("q:.05", MATCH_NONE));
    assert_true(l->taps[0].q[3] < 1e-10);
    assert_int_equal(l->taps[0].selected[3], 0);
    localizer_free(l);
    free(m);
}

static void exactly_k_with_ties_by_tap_then_unit(void **state)
{
    (void)state;
    material *m = noise();
    for (size_t i = 0; i < N; i++)
        for (size_t u = 0; u < 4; u++)
            m->a[i * D + 30 + u] = m->b[i * D + u] = (float)m->condition[i] + .1f * (float)(i / 2 % 5);
    localizer *l = run(m, options("k:6", MATCH_NONE));
    assert_int_equal(l->n_selected, 6);
    for (size_t u = 0; u < 4; u++) {
        assert_int_equal(l->taps[0].selected[30 + u], 1);
        assert_int_equal(l->taps[1].selected[u], u < 2);
    }
    localizer_free(l);
    localize_options o = options("top:5%", MATCH_NONE); /* 5 % of 40: 2 in each tap */
    o.per_layer = true;
    l = run(m, o);
    assert_int_equal(l->taps[0].n_selected, 2);
    assert_int_equal(l->taps[1].n_selected, 2);
    localizer_free(l);
    l = run(m, options("top:.00625", MATCH_NONE)); /* half a unit of 80 rounds up */
    assert_int_equal(l->n_selected, 1);
    localizer_free(l);
    l = run(m, options("range:0-5", MATCH_NONE)); /* the lowest t */
    assert_int_equal(l->n_selected, 4);
    assert_int_equal(l->taps[0].selected[30], 0);
    localizer_free(l);
    free(m);
}

static void units_without_variance_are_never_selected(void **state)
{
    (void)state;
    material *m = noise();
    for (size_t i = 0; i < N; i++) {
        m->a[i * D + 1] = 2.385f;
        m->b[i * D + 2] = m->condition[i] ? 1 : 0;
    }
    localizer *l = run(m, options("top:100%", MATCH_NONE));
    assert_int_equal(l->n_nan, 1);
    assert_int_equal(l->n_infinite, 1);
    assert_int_equal(l->infinite[0], D + 2);
    assert_int_equal(l->n_selected, 2 * D - 2);
    assert_int_equal(l->taps[0].selected[1] + l->taps[1].selected[2], 0);
    assert_true(isnan(l->taps[0].q[1]) && isnan(l->taps[1].q[2]));
    localizer_free(l);
    free(m);
}

/* A unit that follows the number of tokens only: found without matching, gone with either remedy. */
static void token_counts_do_not_pass_for_language(void **state)
{
    (void)state;
    material *m = noise();
    for (uint32_t i = 0; i < N; i++) {
        m->tokens[i] += m->condition[i] ? 0 : 2;
        for (size_t u = 0; u < 3; u++)
            m->a[i * D + u] = .3f * m->a[i * D + u] - .5f * (float)m->tokens[i];
    }
    localizer *plain = run(m, options("k:3", MATCH_NONE)), *matched = run(m, options("k:3", MATCH_TOKENS));
    localizer *with = run(m, options("k:3", MATCH_COVARIATE));
    assert_int_equal(plain->taps[0].selected[0] + plain->taps[0].selected[1] + plain->taps[0].selected[2], 3);
    assert_int_equal(matched->used, MATCH_TOKENS);
    assert_true(matched->pairs >= 40 && matched->used_pos == matched->pairs);
    for (size_t u = 0; u < 3; u++) {
        assert_true(fabs(matched->taps[0].t[u]) < 3.5);
        assert_true(fabs(with->taps[0].t[u]) < 3.5);
        assert_true(plain->taps[0].t[u] > 6);
        assert_true(matched->taps[0].t_plain[u] == plain->taps[0].t[u]);
        assert_true(matched->taps[0].t_covariate[u] == with->taps[0].t[u]);
    }
    assert_true(matched->common < 1 && matched->n_maps == 3);
    localizer_free(plain);
    localizer_free(matched);
    localizer_free(with);
    free(m);
}

static void far_apart_counts_are_said_not_to_match(void **state)
{
    (void)state;
    material *m = noise();
    for (size_t i = 0; i < N; i++)
        m->tokens[i] += m->condition[i] ? 0 : 20;
    localizer *l = run(m, options("k:3", MATCH_TOKENS));
    assert_int_equal(l->pairs, 0);
    assert_int_equal(l->used, MATCH_COVARIATE);
    assert_non_null(strstr(l->why, "not matchable"));
    assert_null(l->taps[0].t_matched);
    localizer_free(l);
    m->in.tokens = NULL;
    l = run(m, options("k:3", MATCH_TOKENS));
    assert_int_equal(l->used, MATCH_NONE);
    assert_non_null(strstr(l->why, "do not say how many tokens"));
    localizer_free(l);
    free(m);
}

static void pairs_are_close_disjoint_and_as_many_as_there_can_be(void **state)
{
    (void)state;
    int8_t condition[8] = { 1, 1, 1, 1, 0, 0, 0, 0 };
    int32_t tokens[8] = { 10, 12, 14, 30, 12, 14, 16, 40 };
    size_t pos[8], neg[8], pairs = 0;
    bool used[8] = { false };
    err e = { 0 };
    assert_int_equal(localize_pairs(pos, neg, &pairs, condition, tokens, 8, 2, 1, &e), 0);
    assert_int_equal(pairs, 3); /* 10-12 12-14 14-16; nearest-first would find 12-12 14-14 only */
    for (size_t i = 0; i < pairs; i++) {
        assert_true(abs(tokens[pos[i]] - tokens[neg[i]]) <= 2 && !used[pos[i]] && !used[neg[i]]);
        assert_true(condition[pos[i]] == 1 && condition[neg[i]] == 0);
        used[pos[i]] = used[neg[i]] = true;
    }
}

static void false_positives_stay_at_their_rate(void **state)
{
    (void)state;
    material *m = noise();
    localizer *l = run(m, options("k:1", MATCH_TOKENS));
    size_t below = 0;
    for (size_t k = 0; k < 2; k++)
        for (size_t u = 0; u < D; u++)
            below += l->taps[k].p[u] < .05;
    assert_true(below <= 10); /* 80 units: 4 expected, more than 10 has p .002 */
    localizer_free(l);
    free(m);
}

static void contrasts_and_selections_are_read_or_refused(void **state)
{
    (void)state;
    const char *names[4] = { "non-word", "word", "word", NULL };
    int8_t out[4];
    err e = { 0 };
    assert_int_equal(localize_contrast(out, names, 4, "word-non-word", false, &e), 0);
    assert_int_equal(out[0], 0);
    assert_int_equal(out[1], 1);
    assert_int_equal(out[3], -1);
    assert_int_equal(localize_contrast(out, names, 4, "non-word-word", false, &e), 0);
    assert_int_equal(out[0], 1);
    assert_int_equal(localize_contrast(out, names, 4, "word-list", false, &e), -1);
    assert_non_null(strstr(err_text(&e), "non-word word"));
    assert_int_equal(localize_contrast(out, names, 4, "word", true, &e), 0);
    assert_int_equal(out[0], -1);
    static const char *const wrong[] = { "top:0", "top:101%",  "top:",    "k:0",   "k:x",
                                         "q:2",   "range:5-5", "range:9", "best:3" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        localize_options o = localize_defaults();
        if (localize_parse_select(&o, wrong[i], &e) == 0) fail_msg("'%s' was accepted", wrong[i]);
        assert_int_equal(e.kind, ERR_USAGE);
    }
}

static void a_value_that_is_not_finite_is_named(void **state)
{
    (void)state;
    material *m = noise();
    localizer *l = NULL;
    localize_options o = options("k:1", MATCH_NONE);
    err e = { 0 };
    m->b[3 * D + 4] = NAN;
    assert_int_equal(localize(&l, &m->in, &o, &e), -1);
    assert_null(l);
    assert_non_null(strstr(err_text(&e), "tap h.1: item 4, unit 4"));
    m->condition[3] = -1; /* no item of the contrast: nobody asks */
    assert_int_equal(localize(&l, &m->in, &o, &e), 0);
    localizer_free(l);
    free(m);
}

static void threads_change_no_byte(void **state)
{
    (void)state;
    material *m = noise();
    threads_start(1);
    localizer *one = run(m, options("k:9", MATCH_TOKENS));
    threads_start(4);
    localizer *four = run(m, options("k:9", MATCH_TOKENS));
    for (size_t k = 0; k < 2; k++) {
        assert_memory_equal(one->taps[k].t, four->taps[k].t, D * sizeof(double));
        assert_memory_equal(one->taps[k].selected, four->taps[k].selected, D);
    }
    localizer_free(one);
    localizer_free(four);
    threads_start(1);
    free(m);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    material *m = noise();
    localize_options o = options("k:5", MATCH_TOKENS);
    int status = -1;
    for (long k = 1; status && k < 1000; k++) {
        err e = { 0 };
        localizer *l = NULL;
        mem_fail_at(k);
        status = localize(&l, &m->in, &o, &e);
        mem_fail_at(0);
        if (status) assert_int_equal(e.kind, ERR_MEMORY);
        if (status) assert_null(l);
        localizer_free(l);
    }
    assert_int_equal(status, 0);
    free(m);
}

/* ---- permuted labels ---- */

/* 3 against 3: every label is one of 20, so that p can be counted by hand. */
static void permuted_labels_give_the_share_of_larger_t(void **state)
{
    (void)state;
    static const float x[6] = { 4.1f, 2.7f, 5.9f, 1.3f, 3.1f, 2.2f };
    static const int8_t condition[6] = { 1, 1, 1, 0, 0, 0 };
    const localize_tap tap = { "h.0", 1, x };
    localize_input in = { .n = 6, .condition = condition, .n_taps = 1, .taps = &tap };
    localize_options o = options("k:1", MATCH_NONE);
    localizer *l = NULL;
    err e = { 0 };
    double observed = 0, larger = 0, all = 0;
    for (int mask = 0x38; mask >= 0; mask--) { /* the first: items 0 to 2 (bits from the top) */
        double a[6], b[6];
        size_t na = 0, nb = 0;
        for (int i = 0; i < 6; i++)
            if (mask >> (5 - i) & 1)
                a[na++] = x[i];
            else
                b[nb++] = x[i];
        if (na != 3) continue;
        double t = fabs(welch(a, 3, b, 3).t);
        if (mask == 0x38) observed = t;
        larger += t >= observed - 1e-9;
        all++;
    }
    assert_true(all == 20);
    o.test = LOCALIZE_PERMUTATION;
    o.permutations = 4000;
    if (localize(&l, &in, &o, &e)) fail_msg("%s", err_text(&e));
    assert_true(fabs(l->taps[0].p[0] - larger / 20) < .02); /* 3 standard errors of 4000 draws */
    assert_true(fabs(l->taps[0].t[0] - observed) < 1e-12 && l->taps[0].log_p[0] == log(l->taps[0].p[0]));
    localizer_free(l);
}

static void planted_units_have_the_smallest_p_there_is(void **state)
{
    (void)state;
    material *m = noise();
    for (size_t i = 0; i < N; i++)
        m->b[i * D + 7] += m->condition[i] ? 2.385f : 0;
    localize_options o = options("k:1", MATCH_NONE);
    o.test = LOCALIZE_PERMUTATION;
    o.permutations = 499;
    localizer *l = run(m, o);
    size_t below = 0;
    assert_true(fabs(l->taps[1].p[7] - 1. / 500) < 1e-12);
    for (size_t u = 0; u < D; u++) {
        double student = welch_p(m, u);
        below += l->taps[0].p[u] < .05;
        if (fabs(l->taps[0].p[u] - student) > 4 * sqrt(student * (1 - student) / 499) + .006)
            fail_msg("unit %zu: p %g, by Student %g", u, l->taps[0].p[u], student);
    }
    assert_true(below <= 7);
    localizer_free(l);
    free(m);
}

/* Units that follow token count, conditions that differ in it: p without the covariate is small, with it uniform. */
static void permuted_labels_leave_token_counts_with_the_activations(void **state)
{
    (void)state;
    material *m = noise();
    for (uint32_t i = 0; i < N; i++) {
        m->tokens[i] += m->condition[i] ? 0 : 3;
        for (size_t u = 0; u < D; u++)
            m->a[i * D + u] -= .5f * (float)m->tokens[i];
    }
    localize_options o = options("k:1", MATCH_NONE);
    o.test = LOCALIZE_PERMUTATION;
    o.permutations = 199;
    localizer *plain = run(m, o);
    o.match = MATCH_COVARIATE;
    localizer *with = run(m, o);
    size_t small[2] = { 0, 0 };
    for (size_t u = 0; u < D; u++) {
        small[0] += plain->taps[0].p[u] < .05;
        small[1] += with->taps[0].p[u] < .05;
    }
    assert_int_equal(small[0], D);
    assert_true(small[1] <= 7); /* of 40: 2 expected, more than 7 has p .001 */
    localizer_free(plain);
    localizer_free(with);
    free(m);
}

/* ---- controls, other values, other rules ---- */

static void controls_match_the_layers_and_avoid_the_selected(void **state)
{
    (void)state;
    material *m = noise();
    localize_options o = options("k:20", MATCH_NONE);
    o.controls = 6;
    localizer *l = run(m, o);
    assert_int_equal(l->n_controls, 6);
    assert_int_equal(l->controls_short, 0);
    for (size_t k = 0; k < 2; k++)
        for (size_t c = 0; c < 6; c++) {
            const uint8_t *set = l->taps[k].control + c * D;
            size_t n = 0;
            for (size_t u = 0; u < D; u++) {
                n += set[u];
                assert_false(set[u] && l->taps[k].selected[u]);
            }
            assert_int_equal(n, l->taps[k].n_selected);
            if (c) assert_memory_not_equal(set, set - D, D);
        }
    uint8_t third[D];
    size_t selected = l->taps[0].n_selected;
    memcpy(third, l->taps[0].control + 2 * D, D);
    err e = { 0 };
    assert_int_equal(localizer_choose(l, 6, &e), -1);
    assert_int_equal(localizer_choose(l, 2, &e), 0);
    assert_memory_equal(l->taps[0].selected, third, D);
    localizer_free(l);
    l = run(m, o);
    assert_int_equal(localizer_choose(l, UNITS_COMPLEMENT, &e), 0);
    assert_int_equal(l->n_selected, 2 * D - 20);
    assert_int_equal(l->taps[0].n_selected, D - selected);
    localizer_free(l);
    o = options("top:90%", MATCH_NONE);
    o.controls = 1;
    l = run(m, o);
    assert_int_equal(l->controls_short, 2); /* fewer are left than were selected: said, not padded */
    localizer_free(l);
    free(m);
}

static void absolute_values_find_units_that_swing(void **state)
{
    (void)state;
    material *m = noise();
    for (size_t i = 0; i < N; i++)
        m->a[i * D + 9] *= m->condition[i] ? 3 : 1;
    localize_options o = options("k:1", MATCH_NONE);
    localizer *plain = run(m, o);
    o.absolute = true;
    localizer *l = run(m, o);
    assert_int_equal(l->taps[0].selected[9], 1);
    assert_int_equal(plain->taps[0].selected[9], 0);
    assert_null(plain->taps[0].t_activation);
    assert_memory_equal(l->taps[0].t_activation, plain->taps[0].t, D * sizeof(double));
    localizer_free(plain);
    localizer_free(l);
    free(m);
}

/* The published rule: ranks of distinct t; the strict one: exactly k. */
static void replicated_ranks_take_equal_units_together(void **state)
{
    (void)state;
    material *m = noise();
    for (size_t i = 0; i < N; i++)
        for (size_t u = 0; u < 4; u++)
            m->a[i * D + 30 + u] = (float)m->condition[i] + .1f * (float)(i / 2 % 5);
    localize_options o = options("k:2", MATCH_NONE);
    o.ranks = true;
    localizer *l = run(m, o);
    assert_int_equal(l->n_selected, 5); /* four of the first rank, one of the second */
    localizer_free(l);
    o = options("top:4.9%", MATCH_NONE); /* 3.92 units of 80 */
    l = run(m, o);
    assert_int_equal(l->n_selected, 4);
    localizer_free(l);
    o.truncate = true;
    l = run(m, o);
    assert_int_equal(l->n_selected, 3);
    localizer_free(l);
    free(m);
}

static void what_matching_changes_is_told(void **state)
{
    (void)state;
    material *m = noise();
    for (uint32_t i = 0; i < N; i++) {
        m->tokens[i] += m->condition[i] ? 0 : 2;
        for (size_t u = 0; u < 2; u++)
            m->a[i * D + u] -= (float)m->tokens[i];
        for (size_t u = 2; u < 4; u++)
            m->a[i * D + u] += m->condition[i] ? 3 : 0;
    }
    localizer *l = run(m, options("k:4", MATCH_TOKENS));
    assert_true(fabs(l->unmatched - .5) < .26 && l->unmatched_r > .2 && l->unmatched_r < .999);
    localizer_free(l);
    l = run(m, options("k:4", MATCH_NONE));
    assert_true(isnan(l->unmatched));
    localizer_free(l);
    free(m);
}

static void contrasts_may_add_conditions(void **state)
{
    (void)state;
    static const char *const names[6] = { "S", "W", "J", "N", "S", "rest" };
    static const struct {
        const char *contrast;
        int8_t out[6];
    } right[] = { { "(S+W)-(J+N)", { 1, 1, 0, 0, 1, -1 } },
                  { "S+J-W-N", { 1, 0, 1, 0, 1, -1 } },
                  { "S-W-J+N", { 1, 0, 0, 1, 1, -1 } },
                  { "S-(W-N)", { 1, 0, -1, 1, 1, -1 } },
                  { "S-(J+W+N)", { 1, 0, 0, 0, 1, -1 } } };
    static const char *const wrong[] = { "(S+W)-(S+N)", "S+W", "(S+W-N", "S-X-N", "()", "S+W-J+", "S--N" };
    int8_t out[6];
    err e = { 0 };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        if (localize_contrast(out, names, 6, right[i].contrast, false, &e)) fail_msg("%s", err_text(&e));
        assert_memory_equal(out, right[i].out, 6);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (localize_contrast(out, names, 6, wrong[i], false, &e) == 0) fail_msg("%s was accepted", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_units_are_selected),
        cmocka_unit_test(a_suppressed_unit_is_not_selected),
        cmocka_unit_test(exactly_k_with_ties_by_tap_then_unit),
        cmocka_unit_test(units_without_variance_are_never_selected),
        cmocka_unit_test(token_counts_do_not_pass_for_language),
        cmocka_unit_test(far_apart_counts_are_said_not_to_match),
        cmocka_unit_test(pairs_are_close_disjoint_and_as_many_as_there_can_be),
        cmocka_unit_test(false_positives_stay_at_their_rate),
        cmocka_unit_test(contrasts_and_selections_are_read_or_refused),
        cmocka_unit_test(a_value_that_is_not_finite_is_named),
        cmocka_unit_test(threads_change_no_byte),
        cmocka_unit_test(permuted_labels_give_the_share_of_larger_t),
        cmocka_unit_test(planted_units_have_the_smallest_p_there_is),
        cmocka_unit_test(permuted_labels_leave_token_counts_with_the_activations),
        cmocka_unit_test(controls_match_the_layers_and_avoid_the_selected),
        cmocka_unit_test(absolute_values_find_units_that_swing),
        cmocka_unit_test(replicated_ranks_take_equal_units_together),
        cmocka_unit_test(what_matching_changes_is_told),
        cmocka_unit_test(contrasts_may_add_conditions),
        cmocka_unit_test(every_allocation_may_fail),
    };
    blas_start();
    log_start(&(log_options){ .quiet = true, .stage = "test" });
    return cmocka_run_group_tests(tests, NULL, NULL);
}
