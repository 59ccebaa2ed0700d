/* SPDX-License-Identifier: MIT */
/* Localizer on held-out items: halves keep groups whole and conditions even, the test of the second half is that of its
 * own items and keeps its rate without an effect, permuted labels likewise, profile and stability follow planted truth.
 */
#include "check.h"

#include "broca/localize.h"
#include "broca/num.h"
#include "broca/store.h"

enum { N = 160, D = 30, KINDS = 4 };
static const char *const names[KINDS] = { "S", "W", "J", "N" };

typedef struct {
    float a[N * D], b[N * D];
    int8_t condition[N];
    int32_t tokens[N], label[N], group[N];
    localize_tap taps[2];
    localize_input in;
} material;

/* Items in blocks of S, W, J, N; item k of S, J and N comes from sentence k, W from none. */
static material *noise(uint64_t seed)
{
    material *m = calloc(1, sizeof *m);
    for (uint32_t i = 0; i < N; i++) {
        m->label[i] = (int32_t)i / (N / KINDS);
        m->condition[i] = m->label[i] == 0 ? 1 : m->label[i] == 3 ? 0 : -1;
        m->group[i] = m->label[i] == 1 ? 0 : 1 + (int32_t)i % (N / KINDS);
        m->tokens[i] = 12 + (int32_t)rng_below(seed, RNG_SIM_TEXT, i, 0, 0, 6);
        for (uint32_t u = 0; u < D; u++) {
            m->a[i * D + u] = (float)rng_normal(seed, RNG_SIM_NOISE, i, u, 0);
            m->b[i * D + u] = (float)rng_normal(seed, RNG_SIM_NOISE, i, u, 1);
        }
    }
    m->taps[0] = (localize_tap){ "h.0", D, m->a };
    m->taps[1] = (localize_tap){ "h.1", D, m->b };
    m->in = (localize_input){ .n = N,
                              .condition = m->condition,
                              .tokens = m->tokens,
                              .n_taps = 2,
                              .taps = m->taps,
                              .group = m->group,
                              .label = m->label,
                              .n_labels = KINDS,
                              .labels = names };
    return m;
}

static localizer *run(const material *m, const localize_options *o)
{
    localizer *l = NULL;
    err e = { 0 };
    if (localize(&l, &m->in, o, &e)) fail_msg("%s", err_text(&e));
    return l;
}

static localize_options options(const char *select)
{
    err e = { 0 };
    localize_options o = localize_defaults();
    assert_int_equal(localize_parse_select(&o, select, &e), 0);
    o.match = MATCH_NONE;
    o.split_half = true;
    o.splits = 10;
    o.permutations = 49;
    o.controls = 9;
    return o;
}

static void halves_keep_groups_whole_and_conditions_even(void **state)
{
    (void)state;
    material *m = noise(1);
    uint8_t half[N], other[N];
    err e = { 0 };
    for (uint32_t number = 0; number < 5; number++) {
        assert_int_equal(localize_halves(half, &m->in, 3, number, &e), 0);
        size_t count[KINDS] = { 0 };
        for (size_t i = 0; i < N; i++) {
            count[m->label[i]] += half[i];
            for (size_t j = 0; j < i; j++)
                if (m->label[i] != 1 && m->label[j] != 1 && m->group[i] == m->group[j])
                    assert_int_equal(half[i], half[j]);
        }
        for (size_t k = 0; k < KINDS; k++)
            assert_int_equal(count[k], N / KINDS / 2);
        if (number) assert_memory_not_equal(half, other, N);
        memcpy(other, half, N);
    }
    assert_int_equal(localize_halves(half, &m->in, 4, 4, &e), 0);
    assert_memory_not_equal(half, other, N);
    free(m);
}

/* The whole of it done by hand: selection by Welch over the first half, Welch over the second half's mean z. */
static void the_test_is_that_of_the_second_half(void **state)
{
    (void)state;
    material *m = noise(2);
    localize_options o = options("k:6");
    for (size_t i = 0; i < N; i++)
        for (size_t u = 0; u < 6; u++)
            m->a[i * D + 2 * u] += m->condition[i] == 1 ? .9f : 0;
    localizer *l = run(m, &o);
    const localizer_heldout *h = l->heldout;
    uint8_t half[N];
    err e = { 0 };
    double t[2 * D], lowest = INFINITY, largest = -INFINITY, value[N] = { 0 }, a[N], b[N];
    assert_non_null(h);
    assert_int_equal(localize_halves(half, &m->in, o.seed, 0, &e), 0);
    for (size_t u = 0; u < 2 * D; u++) {
        const float *x = u < D ? m->a + u : m->b + u - D;
        size_t na = 0, nb = 0;
        for (size_t i = 0; i < N; i++) {
            if (half[i] == 0 && m->condition[i] == 1) a[na++] = x[i * D];
            if (half[i] == 0 && m->condition[i] == 0) b[nb++] = x[i * D];
        }
        t[u] = welch(a, na, b, nb).t;
        if (h->selected[u]) lowest = fmin(lowest, t[u]);
        largest = fmax(largest, t[u]);
    }
    for (size_t u = 0; u < 2 * D; u++) {
        if (!h->selected[u]) {
            assert_true(t[u] < lowest);
            continue;
        }
        double all[N];
        for (size_t i = 0; i < N; i++)
            all[i] = u < D ? m->a[i * D + u] : m->b[i * D + u - D];
        double mean = mean_f8(all, N), sd = sqrt(variance_f8(all, N, 0));
        for (size_t i = 0; i < N; i++)
            value[i] += (all[i] - mean) / sd / 6;
    }
    size_t na = 0, nb = 0;
    for (size_t i = 0; i < N; i++) {
        if (half[i] == 1 && m->condition[i] == 1) a[na++] = value[i];
        if (half[i] == 1 && m->condition[i] == 0) b[nb++] = value[i];
    }
    t_result want = welch(a, na, b, nb);
    assert_int_equal(h->n_selected, 6);
    assert_near(h->largest, largest, 1e-10 * largest);
    assert_near(h->test.t, want.t, 1e-9);
    assert_near(h->test.p, want.p, 1e-12);
    assert_near(h->difference, mean_f8(a, na) - mean_f8(b, nb), 1e-12);
    assert_int_equal(h->report_pos, na);
    assert_true(want.t > 4 && h->p_permutation == 1. / 50 && h->p_control == 1. / 10);
    assert_int_equal(h->n_items, N / 2);
    for (size_t i = 0; i < h->n_items; i++) {
        assert_int_equal(half[h->item[i]], 1);
        assert_near(h->value[i], value[h->item[i]], 1e-12);
    }
    localizer_free(l);
    free(m);
}

static void the_covariate_is_in_both_halves(void **state)
{
    (void)state;
    material *m = noise(12);
    localize_options o = options("k:6");
    o.match = MATCH_COVARIATE;
    for (uint32_t i = 0; i < N; i++)
        m->tokens[i] += m->label[i] == 3 ? 2 : 0;
    localizer *l = run(m, &o);
    const localizer_heldout *h = l->heldout;
    double largest = -INFINITY, a[N], b[N], ca[N], cb[N];
    uint8_t half[N];
    err e = { 0 };
    assert_int_equal(localize_halves(half, &m->in, o.seed, 0, &e), 0);
    for (size_t u = 0; u < 2 * D + 1; u++) { /* the last: the values of the second half */
        size_t na = 0, nb = 0, k = 0;
        for (size_t i = 0; i < N; i++) {
            double x = u == 2 * D ? 0 : u < D ? m->a[i * D + u] : m->b[i * D + u - D];
            if (u == 2 * D && half[i] == 1) x = h->value[k++];
            if (half[i] != (u == 2 * D) || m->condition[i] < 0) continue;
            (m->condition[i] ? a : b)[m->condition[i] ? na : nb] = x;
            (m->condition[i] ? ca : cb)[m->condition[i] ? na++ : nb++] = m->tokens[i];
        }
        double t = covariate_t(a, ca, na, b, cb, nb).t;
        if (u < 2 * D)
            largest = fmax(largest, t);
        else
            assert_near(h->test.t, t, 1e-10);
    }
    assert_near(h->largest, largest, 1e-9);
    localizer_free(l);
    free(m);
}

/* Every unit carries the same signal: whichever units a permutation selects, its t comes from how it dealt the second
 * half. */
static void every_permutation_deals_anew(void **state)
{
    (void)state;
    material *m = noise(13);
    localize_options o = options("k:6");
    o.permutations = 400;
    for (uint32_t i = 0; i < N; i++)
        for (size_t u = 0; u < D; u++) {
            float own = 20 * (float)rng_normal(14, RNG_SIM_NOISE, i, 0, 2);
            m->a[i * D + u] += own;
            m->b[i * D + u] += own;
        }
    localizer *l = run(m, &o);
    assert_near(mean_f8(l->heldout->null_t, 400), 0, .2);
    assert_near(variance_f8(l->heldout->null_t, 400, 1), 38. / 36, .3); /* of t with 38 degrees of freedom */
    localizer_free(l);
    free(m);
}

/* No effect: 200 data sets, both p's at their rate. (The same items for both would reject nearly always: so it is
 * checked that the selection does look significant on its own items.) */
static void without_an_effect_both_p_keep_their_rate(void **state)
{
    (void)state;
    size_t welch_below = 0, permuted_below = 0, with_below = 0, own_below = 0;
    for (uint64_t seed = 100; seed < 300; seed++) {
        material *m = noise(seed);
        localize_options o = options("k:6");
        o.splits = o.controls = 0;
        o.permutations = 39;
        localizer *l = run(m, &o);
        welch_below += l->heldout->test.p < .05;
        permuted_below += l->heldout->p_permutation <= .05;
        bool any = false;
        for (size_t u = 0; u < 2 * D; u++)
            any = any || (l->taps[u / D].selected[u % D] && l->taps[u / D].p[u % D] < .05);
        own_below += any;
        localizer_free(l);
        o.match =
            MATCH_COVARIATE; /* and with a token count that drives every unit and differs between the conditions */
        for (uint32_t i = 0; i < N; i++) {
            m->tokens[i] += m->label[i] == 3 ? 3 : 0;
            for (size_t u = 0; u < D; u++)
                m->a[i * D + u] -= .4f * (float)m->tokens[i];
        }
        l = run(m, &o);
        assert_true(l->heldout->covariate);
        with_below += l->heldout->p_permutation <= .05;
        localizer_free(l);
        free(m);
    }
    /* 10 of 200 expected; fewer than 2 or more than 20 has p < .002 */
    assert_in_range(welch_below, 2, 20);
    assert_in_range(permuted_below, 2, 20);
    assert_in_range(with_below, 2, 20);
    assert_true(own_below > 120);
}

static void the_profile_is_that_of_held_out_items(void **state)
{
    (void)state;
    static const float planted[KINDS] = { 2, 1, 1, 0 };
    material *m = noise(5);
    localize_options o = options("k:5");
    for (size_t i = 0; i < N; i++)
        for (size_t u = 0; u < 5; u++)
            m->b[i * D + u] += 1.385f * planted[m->label[i]];
    localizer *l = run(m, &o);
    const localizer_heldout *h = l->heldout;
    assert_int_equal(h->n_profile, KINDS);
    for (size_t k = 0; k < KINDS; k++) {
        double own[N], sd;
        size_t n = 0;
        for (size_t i = 0; i < h->n_items; i++)
            if (m->label[h->item[i]] == (int32_t)k) own[n++] = h->value[i];
        assert_int_equal(h->profile_n[k], N / KINDS / 2);
        sd = sqrt(variance_f8(own, n, 1));
        assert_near(h->profile_mean[k], mean_f8(own, n), 1e-12);
        assert_near(h->profile_hi[k] - h->profile_mean[k], 2.093024054408 * sd / sqrt(20), 1e-9); /* t .975 of 19 */
    }
    assert_true(h->profile_lo[0] > h->profile_hi[1] && h->profile_lo[1] > h->profile_hi[3] &&
                h->profile_lo[2] > h->profile_hi[3]);
    assert_true(h->profile_lo[1] < h->profile_hi[2] && h->profile_lo[2] < h->profile_hi[1]);
    localizer_free(l);
    free(m);
}

static void stability_is_whole_for_planted_units_and_chance_for_noise(void **state)
{
    (void)state;
    localize_options o = options("k:12");
    double dice = 0, r = 0;
    o.permutations = 0;
    for (uint64_t seed = 400; seed < 440; seed++) { /* splits of one data set are not samples: 40 data sets */
        material *m = noise(seed);
        localizer *l = run(m, &o);
        const localizer_heldout *h = l->heldout;
        assert_near(h->chance_dice, .2, 1e-12);
        assert_near(h->chance_jaccard, 12. / (2 * 60 - 12), 1e-12);
        for (size_t k = 0; k < 10; k++)
            assert_near(h->split_jaccard[k], h->split_dice[k] / (2 - h->split_dice[k]), 1e-12);
        assert_true(isnan(h->p_permutation));
        dice += mean_f8(h->split_dice, 10) / 40;
        r += mean_f8(h->split_r, 10) / 40;
        localizer_free(l);
        free(m);
    }
    assert_near(dice, .2, .04); /* a data set's mean has an sd of about .06: 4 standard errors */
    assert_near(r, 0, .08);
    material *m = noise(6);
    for (size_t i = 0; i < N; i++)
        for (size_t u = 0; u < 12; u++)
            m->a[i * D + u] += m->condition[i] == 1 ? 5 : 0;
    localizer *l = run(m, &o);
    for (size_t k = 0; k < 10; k++)
        assert_true(l->heldout->split_dice[k] == 1 && l->heldout->split_r[k] > .8);
    localizer_free(l);
    free(m);
}

static void what_cannot_be_split_says_why(void **state)
{
    (void)state;
    material *m = noise(7);
    localize_options o = options("k:2");
    for (size_t i = 0; i < N; i++)
        if (i % 40 > 2) m->condition[i] = -1; /* 3 of each */
    localizer *l = run(m, &o);
    assert_null(l->heldout);
    assert_non_null(strstr(l->heldout_why, "too few"));
    localizer_free(l);
    free(m);
    m = noise(7);
    o = options("q:1e-9");
    l = run(m, &o);
    assert_null(l->heldout);
    assert_non_null(strstr(l->heldout_why, "no unit is selected"));
    localizer_free(l);
    o = options("k:2");
    o.test = LOCALIZE_PAIRED;
    l = run(m, &o);
    assert_non_null(strstr(l->heldout_why, "two sets"));
    localizer_free(l);
    m->a[50 * D] = NAN; /* an item of W: it would be in the profile */
    err e = { 0 };
    l = NULL;
    o.test = LOCALIZE_WELCH;
    assert_int_equal(localize(&l, &m->in, &o, &e), -1);
    assert_says(e, "item 51, unit 0 is not finite");
    free(m);
}

static void constant_units_are_left_out_of_everything(void **state)
{
    (void)state;
    material *m = noise(8);
    localize_options o = options("top:100%");
    for (size_t i = 0; i < N; i++) {
        m->a[i * D + 3] = 2.385f;
        m->b[i * D + 4] = m->condition[i] == 1 ? 1 : 0;
    }
    localizer *l = run(m, &o);
    assert_int_equal(l->heldout->n_selected, 2 * D - 2);
    assert_int_equal(l->heldout->selected[3] + l->heldout->selected[D + 4], 0);
    assert_true(isfinite(l->heldout->test.t) && isfinite(l->heldout->largest));
    localizer_free(l);
    free(m);
}

static void threads_change_no_byte(void **state)
{
    (void)state;
    material *m = noise(9);
    localize_options o = options("k:7");
    o.match = MATCH_COVARIATE;
    threads_start(1);
    localizer *one = run(m, &o);
    threads_start(4);
    localizer *four = run(m, &o);
    threads_start(1);
    assert_memory_equal(one->heldout->null_t, four->heldout->null_t, o.permutations * sizeof(double));
    assert_memory_equal(one->heldout->null_largest, four->heldout->null_largest, o.permutations * sizeof(double));
    assert_memory_equal(one->heldout->control_t, four->heldout->control_t, o.controls * sizeof(double));
    assert_memory_equal(one->heldout->split_r, four->heldout->split_r, o.splits * sizeof(double));
    assert_memory_equal(one->heldout->value, four->heldout->value, one->heldout->n_items * sizeof(double));
    localizer_free(one);
    localizer_free(four);
    free(m);
}

static void two_files_are_compared(void **state)
{
    (void)state;
    material *m = noise(10);
    localize_options o = options("k:10");
    err e = { 0 };
    const char *path = test_path("l.h5");
    localizer *l = run(m, &o);
    localizer_overlap with;
    store *s = NULL;
    if (store_create(&s, path, "localizer", "{}", &e) || localizer_put(s, l, "S-N", "k:10", "welch", &e) ||
        store_commit(s, &e))
        fail_msg("%s", err_text(&e));
    if (localizer_compare(&with, l, path, &e)) fail_msg("%s", err_text(&e));
    assert_true(with.dice == 1 && with.jaccard == 1 && with.r > 1 - 1e-12 && with.units == 2 * D && with.common == 10);
    assert_near(with.chance_dice, 10. / 60, 1e-12);
    localizer_choose(l, UNITS_COMPLEMENT, &e);
    assert_int_equal(localizer_compare(&with, l, path, &e), 0);
    assert_true(with.dice == 0 && with.common == 0);
    l->taps[1].d--;
    assert_int_equal(localizer_compare(&with, l, path, &e), -1);
    assert_says(e, "has 30 units, here it has 29");
    l->taps[1].d++;
    localizer_free(l);
    free(m);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    material *m = noise(11);
    localize_options o = options("k:5");
    int status = -1;
    o.permutations = 3;
    o.controls = 2;
    o.splits = 2;
    for (long k = 1; status && k < 3000; k++) {
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_keep_groups_whole_and_conditions_even),
        cmocka_unit_test(the_test_is_that_of_the_second_half),
        cmocka_unit_test(the_covariate_is_in_both_halves),
        cmocka_unit_test(every_permutation_deals_anew),
        cmocka_unit_test(without_an_effect_both_p_keep_their_rate),
        cmocka_unit_test(the_profile_is_that_of_held_out_items),
        cmocka_unit_test(stability_is_whole_for_planted_units_and_chance_for_noise),
        cmocka_unit_test(what_cannot_be_split_says_why),
        cmocka_unit_test(constant_units_are_left_out_of_everything),
        cmocka_unit_test(threads_change_no_byte),
        cmocka_unit_test(two_files_are_compared),
        cmocka_unit_test(every_allocation_may_fail),
    };
    blas_start();
    threads_start(1);
    log_start(&(log_options){ .quiet = true, .stage = "test" });
    return cmocka_run_group_tests(tests, NULL, test_clean);
}
