/* SPDX-License-Identifier: MIT */
/* Ceilings: simulated subjects with a known reliability, invariances, and what cannot have a ceiling. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "broca/ceiling.h"
#include "broca/num.h"

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("got %.15g, expected %.15g within %g", got, want, tolerance);
}

/* y_s = √ρ·signal + √(1-ρ)·noise_s, so that two subjects correlate by ρ; regions "A" (rho_a) and "B" (rho_b). */
static responses *listeners(size_t n, size_t subjects, double rho_a, double rho_b, uint64_t seed)
{
    err e = { 0 };
    responses *r = responses_make(n, 2 * subjects, &e);
    char name[16];
    assert_non_null(r);
    r->tr = 2;
    r->onset = arena_get(r->memory, n * sizeof *r->onset, &e);
    for (size_t i = 0; i < n; i++)
        r->onset[i] = 2.0 * (double)i;
    for (uint32_t s = 0; s < subjects; s++)
        for (uint32_t g = 0; g < 2; g++) {
            double rho = g ? rho_b : rho_a;
            size_t j = 2 * s + g;
            snprintf(name, sizeof name, "s%u", s);
            assert_int_equal(responses_label(r, j, name, g ? "B" : "A", (int32_t)g, &e), 0);
            for (uint32_t i = 0; i < n; i++)
                r->data[i * r->v + j] = (float)(sqrt(rho) * rng_normal(seed, RNG_SIM_FEATURES, i, g, 0) +
                                                sqrt(1 - rho) * rng_normal(seed, RNG_SIM_NOISE, i, g, s));
        }
    return r;
}

static ceiling *estimate(const responses *r, ceiling_options o)
{
    ceiling *c = NULL;
    err e = { 0 };
    if (ceiling_estimate(&c, r, &o, &e)) fail_msg("%s", err_text(&e));
    return c;
}

static ceiling_options with(ceiling_method m, bool group)
{
    ceiling_options o = ceiling_defaults();
    o.method = m;
    o.group = group;
    return o;
}

enum { ROWS = 3000, SUBJECTS = 12 };

static void planted_reliability_comes_back(void **state)
{
    (void)state;
    responses *r = listeners(ROWS, SUBJECTS, .1, .3, 7);
    ceiling *one = estimate(r, with(CEILING_ISC, false)), *all = estimate(r, with(CEILING_ISC, true));
    assert_int_equal(one->n, 2);
    assert_string_equal(one->roi[1], "B");
    near(one->value[0], sqrt(.1), .015); /* sd of r̄ with 66 pairs of 3,000 rows is about .005 */
    near(one->value[1], sqrt(.3), .015);
    near(all->value[0], sqrt(spearman_brown(.1, SUBJECTS)), .015);
    near(all->value[1], sqrt(spearman_brown(.3, SUBJECTS)), .015);
    near(all->average, (all->value[0] + all->value[1]) / 2, 1e-15);
    assert_true(one->lo[0] < sqrt(.1) && sqrt(.1) < one->hi[0]);
    assert_true(one->mean_r_lo[1] > .2 && one->mean_r_hi[1] < .4);
    double corrected = 0, raw = 0;
    for (size_t s = 0; s < SUBJECTS; s++) {
        corrected += one->corrected[s * 2 + 1] / SUBJECTS;
        raw += one->loo[s * 2 + 1] / SUBJECTS;
    }
    near(corrected, one->value[1], .01);                                   /* the correction gives √r̄ again */
    near(raw, .3 * sqrt((SUBJECTS - 1) / (1 + (SUBJECTS - 2) * .3)), .02); /* METHODS 4.4: E c_s */
    ceiling_free(one);
    ceiling_free(all);
    responses_free(r);
}

/* The best model there can be, the signal itself, scores the ceiling of either target. */
static void the_true_signal_scores_the_ceiling(void **state)
{
    (void)state;
    responses *r = listeners(ROWS, SUBJECTS, .1, .3, 11);
    double *signal = calloc(ROWS, sizeof *signal), *mean = calloc(ROWS, sizeof *mean), *own = calloc(ROWS, sizeof *own),
           single = 0;
    for (uint32_t i = 0; i < ROWS; i++) {
        signal[i] = rng_normal(11, RNG_SIM_FEATURES, i, 1, 0);
        for (size_t s = 0; s < SUBJECTS; s++)
            mean[i] += r->data[i * r->v + 2 * s + 1];
    }
    for (size_t s = 0; s < SUBJECTS; s++) {
        for (size_t i = 0; i < ROWS; i++)
            own[i] = r->data[i * r->v + 2 * s + 1];
        single += pearson(own, signal, ROWS) / SUBJECTS;
    }
    ceiling *one = estimate(r, with(CEILING_ISC, false)), *all = estimate(r, with(CEILING_ISC, true));
    near(pearson(mean, signal, ROWS) / all->value[1], 1, .02);
    near(single / one->value[1], 1, .02);
    ceiling_free(one);
    ceiling_free(all);
    responses_free(r);
    free(signal);
    free(mean);
    free(own);
}

static void three_methods_agree_on_the_same_subjects(void **state)
{
    (void)state;
    responses *r = listeners(ROWS, SUBJECTS, .1, .3, 13);
    for (int group = 0; group < 2; group++) {
        ceiling *isc = estimate(r, with(CEILING_ISC, group)), *half = estimate(r, with(CEILING_SPLITHALF, group));
        ceiling *snr = estimate(r, with(CEILING_SNR, group));
        for (size_t g = 0; g < 2; g++) {
            near(half->value[g], isc->value[g], .01);
            near(snr->value[g], isc->value[g], .01);
            assert_true(isnan(half->lo[g])); /* no interval is invented */
        }
        ceiling_free(isc);
        ceiling_free(half);
        ceiling_free(snr);
    }
    responses_free(r);
}

/* Only the mean of the subjects is at hand, and what the noise of one was: the same ceiling as from all of them. */
static void published_noise_gives_the_ceiling_of_a_mean(void **state)
{
    (void)state;
    err e = { 0 };
    responses *all = listeners(ROWS, SUBJECTS, .1, .3, 17), *mean = responses_make(ROWS, 2, &e);
    double noise[2] = { 0 }, cell[SUBJECTS];
    char text[200];
    char path[64];
    ceiling_options o = with(CEILING_SNR, false);
    snprintf(path, sizeof path, "/tmp/published_noise.%d.csv", (int)getpid());
    ceiling *c = NULL;
    for (size_t g = 0; g < 2; g++) {
        assert_int_equal(responses_label(mean, g, "mean", g ? "B" : "A", (int32_t)g, &e), 0);
        for (size_t i = 0; i < ROWS; i++) {
            for (size_t s = 0; s < SUBJECTS; s++) cell[s] = (double)all->data[i * all->v + 2 * s + g];
            mean->data[i * 2 + g] = (float)mean_f8(cell, SUBJECTS);
            noise[g] += variance_f8(cell, SUBJECTS, 1) / ROWS;
        }
    }
    snprintf(text, sizeof text, "roi,sd_noise\nA,%.12g\nB,%.12g\n", sqrt(noise[0]), sqrt(noise[1]));
    assert_int_equal(atomic_write(path, text, strlen(text), &e), 0);
    o.folds = "none";
    o.noise = path;
    o.average = SUBJECTS;
    c = estimate(mean, o);
    near(c->value[0], sqrt(SUBJECTS * .1 / (1 + (SUBJECTS - 1) * .1)), .02);
    near(c->value[1], sqrt(SUBJECTS * .3 / (1 + (SUBJECTS - 1) * .3)), .02);
    ceiling_free(c);
    c = NULL;
    o.average = 0; /* of how many people the mean is must be said */
    assert_int_equal(ceiling_estimate(&c, mean, &o, &e), -1);
    assert_non_null(strstr(err_text(&e), "needs --average"));
    err_clear(&e);
    o.average = SUBJECTS;
    assert_int_equal(atomic_write(path, "roi,sd_noise\nC,1\n", 17, &e), 0);
    assert_int_equal(ceiling_estimate(&c, mean, &o, &e), -1);
    assert_non_null(strstr(err_text(&e), "no row for any of the 2 ROIs"));
    err_clear(&e);
    remove(path);
    responses_free(all);
    responses_free(mean);
}

static void units_and_order_of_subjects_do_not_matter(void **state)
{
    (void)state;
    responses *r = listeners(300, 5, .4, .3, 17), *other = listeners(300, 5, .4, .3, 17);
    ceiling_options o = with(CEILING_ISC, true);
    o.draws = 0;
    ceiling *before = estimate(r, o);
    for (size_t i = 0; i < 300; i++) {
        for (size_t j = 0; j < 10; j++)
            other->data[i * 10 + j] = r->data[i * 10 + (9 - j) / 2 * 2 + j % 2];
        other->data[i * 10] = 64 * other->data[i * 10] + 512;
    }
    ceiling *after = estimate(other, o);
    for (size_t g = 0; g < 2; g++)
        near(after->value[g], before->value[g], 1e-6); /* the data are floats */
    ceiling_free(before);
    ceiling_free(after);
    responses_free(r);
    responses_free(other);
}

/* A shared confound looks like shared signal until it is removed. */
static void confounds_are_taken_out_in_every_fold(void **state)
{
    (void)state;
    err e = { 0 };
    responses *r = listeners(ROWS, 6, .2, .2, 19);
    r->confounds = arena_get(r->memory, sizeof *r->confounds, &e);
    r->confounds[0].name = arena_text(r->memory, "motion", 6, &e);
    r->confounds[0].k = 1;
    r->confounds[0].at = arena_get(r->memory, ROWS * sizeof(double), &e);
    r->n_confounds = 1;
    for (uint32_t i = 0; i < ROWS; i++) {
        r->confounds[0].at[i] = rng_normal(19, RNG_SIM_MOTION, i, 0, 0);
        for (size_t j = 0; j < r->v; j++)
            r->data[i * r->v + j] += (float)r->confounds[0].at[i];
    }
    ceiling_options o = with(CEILING_ISC, false);
    o.draws = 0;
    ceiling *raw = estimate(r, o);
    o.confounds = "motion";
    ceiling *clean = estimate(r, o);
    near(raw->mean_r[0], 1.2 / 2, .03);
    near(clean->mean_r[0], .2, .03);
    ceiling_free(raw);
    ceiling_free(clean);
    o.confounds = "breath";
    ceiling *none = NULL;
    assert_int_equal(ceiling_estimate(&none, r, &o, &e), -1);
    assert_null(none);
    assert_non_null(strstr(err_text(&e), "no confounds 'breath' for subject s0"));
    responses_free(r);
}

static void noise_has_no_ceiling_and_is_counted(void **state)
{
    (void)state;
    responses *r = listeners(600, 5, 0, .4, 23);
    ceiling *c = estimate(r, with(CEILING_ISC, true));
    assert_true(isnan(c->value[0]) && isnan(c->lo[0]));
    assert_int_equal(c->n_undefined, 1);
    assert_int_equal(c->n_average, 1);
    near(c->average, c->value[1], 1e-15);
    ceiling_free(c);
    responses_free(r);
}

/* Items presented four times to one subject: r of one presentation with the signal is √ρ. */
static void repeats_give_the_ceiling_of_one_presentation(void **state)
{
    (void)state;
    enum { ITEMS = 1500, TIMES = 4 };
    err e = { 0 };
    responses *r = responses_make(ITEMS * TIMES, 1, &e);
    char name[16];
    assert_int_equal(responses_label(r, 0, "s1", "A", 0, &e), 0);
    r->repeat = arena_get(r->memory, r->n * sizeof *r->repeat, &e);
    for (uint32_t i = 0; i < r->n; i++) {
        uint32_t item = i % ITEMS;
        r->id[i] = arena_text(r->memory, name, (size_t)snprintf(name, sizeof name, "i%u", item), &e);
        r->repeat[i] = (int32_t)(i / ITEMS);
        r->data[i] = (float)(sqrt(.4) * rng_normal(3, RNG_SIM_FEATURES, item, 0, 0) +
                             sqrt(.6) * rng_normal(3, RNG_SIM_NOISE, i, 0, 0));
    }
    for (int method = CEILING_SPLITHALF; method <= CEILING_SNR; method++) {
        ceiling_options o = with((ceiling_method)method, false);
        o.folds = "none";
        ceiling *c = estimate(r, o);
        near(c->value[0], sqrt(.4), .02);
        assert_int_equal(c->n_subjects[0], TIMES);
        ceiling_free(c);
        o.average = TIMES;
        c = estimate(r, o);
        near(c->value[0], sqrt(spearman_brown(.4, TIMES)), .02);
        ceiling_free(c);
    }
    ceiling_options o = with(CEILING_ISC, false);
    o.folds = "none";
    ceiling *c = NULL;
    assert_int_equal(ceiling_estimate(&c, r, &o, &e), -1);
    assert_non_null(strstr(err_text(&e), "at least 2 subjects"));
    err_clear(&e);
    o.folds = NULL;
    assert_int_equal(ceiling_estimate(&c, r, &o, &e), -1);
    assert_non_null(strstr(err_text(&e), "--folds is needed"));
    responses_free(r);
}

static void unusable_neuroids_are_left_out_and_must_still_match(void **state)
{
    (void)state;
    err e = { 0 };
    responses *r = listeners(400, 4, .3, .3, 29);
    for (size_t i = 0; i < 400; i++)
        r->data[i * r->v + 3] = 7; /* subject 1, B */
    ceiling_options o = with(CEILING_ISC, true);
    o.draws = 0;
    ceiling *c = estimate(r, o);
    assert_int_equal(c->n_excluded, 1);
    assert_int_equal(c->n_subjects[0], 4);
    assert_int_equal(c->n_subjects[1], 3);
    assert_true(isnan(c->loo[1 * 2 + 1]));
    ceiling_free(c);
    for (size_t j = 0; j < 4; j++)
        responses_label(r, j, j < 2 ? "s0" : "s1", "A", (int32_t)j, &e); /* 2 and now 1 of A */
    assert_int_equal(ceiling_estimate(&c, r, &o, &e), -1);
    assert_non_null(strstr(err_text(&e), "cannot be matched"));
    responses_free(r);
}

static void dropped_rows_do_not_count(void **state)
{
    (void)state;
    responses *r = listeners(410, 4, .3, .3, 31);
    for (size_t i = 0; i < 10 * r->v; i++)
        r->data[i] = 1e4f; /* a start-up that all share */
    ceiling_options o = with(CEILING_ISC, false);
    o.draws = 0;
    ceiling *with_start = estimate(r, o);
    o.drop_start = 10;
    ceiling *without = estimate(r, o);
    assert_true(with_start->mean_r[0] > without->mean_r[0] + .05);
    near(without->mean_r[0], .3, .06);
    ceiling_free(with_start);
    ceiling_free(without);
    responses_free(r);
}

static void the_filter_option_is_read(void **state)
{
    (void)state;
    err e = { 0 };
    ceiling_options o = ceiling_defaults();
    assert_int_equal(ceiling_highpass(&o, "128,scope=run", &e), 0);
    assert_true(o.scope_run && o.highpass_s == 128);
    assert_int_equal(ceiling_highpass(&o, "100.5", &e), 0);
    assert_true(!o.scope_run && o.highpass_s == 100.5);
    assert_int_equal(ceiling_highpass(&o, "128,scope=story", &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
    assert_int_equal(ceiling_highpass(&o, "-3", &e), -1);
}

static void groups_of_the_stimuli_make_folds(void **state)
{
    (void)state;
    err e = { 0 };
    responses *r = listeners(60, 3, .5, .5, 41);
    char *id[3] = { "a", "b", "c" }, *group[3] = { "g1", "g2", "g3" };
    stimuli x = { .n = 3, .id = id, .group = group };
    ceiling_options o = with(CEILING_ISC, false);
    ceiling *c = NULL;
    for (size_t i = 0; i < 60; i++)
        r->id[i] = id[i / 20];
    o.folds = "logo";
    o.draws = 0;
    assert_int_equal(ceiling_estimate(&c, r, &o, &e), -1);
    err_clear(&e);
    assert_int_equal(ceiling_groups(r, &x, &e), 0);
    c = estimate(r, o);
    assert_int_equal(c->folds, 3);
    ceiling_free(c);
    r->group = NULL;
    r->id[59] = "elsewhere";
    assert_int_equal(ceiling_groups(r, &x, &e), -1);
    assert_non_null(strstr(err_text(&e), "presentation 60 (elsewhere)"));
    responses_free(r);
}

/* A subject predicted from m others: r = √ρ·√(mρ/(1 + (m-1)ρ)), rising to √ρ; an exponential flattens sooner than that curve, so that
 * its end lies near the last point, well below √ρ. */
static void pools_of_subjects_follow_the_planted_curve(void **state)
{
    (void)state;
    const double rho = .3;
    responses *r = listeners(1200, 6, rho, rho, 5);
    ceiling_options o = with(CEILING_EXTRAPOLATE, false);
    o.draws = 50;
    ceiling *c = estimate(r, o);
    assert_non_null(c->curve);
    assert_int_equal(c->curve->K, 5);
    assert_int_equal(c->curve->subsets, 57); /* 2^6 - 1 - 6 */
    for (size_t k = 0; k < c->curve->K; k++) {
        double m = (double)k + 1, mean = 0;
        for (size_t j = 0; j < c->curve->v; j++) mean += c->curve->curve[k * c->curve->v + j] / (double)c->curve->v;
        near(mean, sqrt(rho) * sqrt(m * rho / (1 + (m - 1) * rho)), .025);
    }
    for (size_t g = 0; g < 2; g++) {
        double m = 5;
        near(c->value[g], sqrt(rho) * sqrt(m * rho / (1 + (m - 1) * rho)), .04);
        assert_true(c->lo[g] > .3 && c->lo[g] < c->hi[g] && c->hi[g] < sqrt(rho));
    }
    o.paper = PAPER_BRAINSCORE;
    ceiling *b = estimate(r, o);
    near(b->median, c->median, .05); /* its axis counts the subject itself, which changes little here */
    ceiling_free(b);
    ceiling_free(c);
    responses_free(r);
}

static void extrapolation_refuses_few_subjects_and_groups(void **state)
{
    (void)state;
    responses *few = listeners(300, 3, .3, .3, 5), *r = listeners(300, 5, .3, .3, 5);
    ceiling_options o = with(CEILING_EXTRAPOLATE, false);
    ceiling *c = NULL;
    err e = { 0 };
    assert_int_equal(ceiling_estimate(&c, few, &o, &e), -1);
    assert_non_null(strstr(err_text(&e), "3 subjects give too few points"));
    e = (err){ 0 };
    o.group = true;
    assert_int_equal(ceiling_estimate(&c, r, &o, &e), -1);
    assert_non_null(strstr(err_text(&e), "the target is single"));
    e = (err){ 0 };
    o.group = false;
    o.folds = "none";
    assert_int_equal(ceiling_estimate(&c, r, &o, &e), -1);
    assert_non_null(strstr(err_text(&e), "needs folds"));
    responses_free(few);
    responses_free(r);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    responses *r = listeners(80, 3, .5, .5, 37);
    for (int method = CEILING_ISC; method <= CEILING_SNR; method++) {
        ceiling_options o = with((ceiling_method)method, true);
        o.highpass_s = 100;
        o.folds = "contiguous:2,gap=4";
        o.add_mean = true;
        o.draws = 10;
        int status = -1;
        for (long k = 1; status && k < 5000; k++) {
            err e = { 0 };
            ceiling *c = NULL;
            mem_fail_at(k);
            status = ceiling_estimate(&c, r, &o, &e);
            mem_fail_at(0);
            if (status) assert_int_equal(e.kind, ERR_MEMORY);
            if (status) assert_null(c);
            ceiling_free(c);
        }
        assert_int_equal(status, 0);
    }
    responses_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_reliability_comes_back),
        cmocka_unit_test(the_true_signal_scores_the_ceiling),
        cmocka_unit_test(three_methods_agree_on_the_same_subjects),
        cmocka_unit_test(published_noise_gives_the_ceiling_of_a_mean),
        cmocka_unit_test(units_and_order_of_subjects_do_not_matter),
        cmocka_unit_test(confounds_are_taken_out_in_every_fold),
        cmocka_unit_test(noise_has_no_ceiling_and_is_counted),
        cmocka_unit_test(repeats_give_the_ceiling_of_one_presentation),
        cmocka_unit_test(unusable_neuroids_are_left_out_and_must_still_match),
        cmocka_unit_test(dropped_rows_do_not_count),
        cmocka_unit_test(the_filter_option_is_read),
        cmocka_unit_test(groups_of_the_stimuli_make_folds),
        cmocka_unit_test(pools_of_subjects_follow_the_planted_curve),
        cmocka_unit_test(extrapolation_refuses_few_subjects_and_groups),
        cmocka_unit_test(every_allocation_may_fail),
    };
    log_start(&(log_options){ .quiet = true, .stage = "test" });
    return cmocka_run_group_tests(tests, NULL, NULL);
}
