/* SPDX-License-Identifier: MIT */
/* Scores: numbers worked out by hand from small encodings; refusals. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "broca/score.h"

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("got %.15g, expected %.15g within %g", got, want, tolerance);
}

static char folder[] = "/tmp/broca-score-XXXXXX";
static char path_text[8][128];

static const char *path(int i, const char *name)
{
    snprintf(path_text[i], sizeof path_text[i], "%s/%s.h5", folder, name);
    return path_text[i];
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[256];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

enum { F = 3, MOST = 8 };

typedef struct {
    store *s;
    size_t v;
    bool sums;
} writer;

static void ok(int status, const err *e)
{
    if (status) fail_msg("%s", err_text(e));
}

static writer begin(const char *file, const char *const *subject, const char *const *roi, size_t v, bool sums,
                    const char *baseline)
{
    err e = { 0 };
    writer w = { NULL, v, sums };
    char config[128];
    size_t test[2] = { F, 6 }, grid[2] = { F, v };
    uint8_t mask[F * 6] = { 0 };
    double sst[F * MOST];
    snprintf(config, sizeof config, "{\"baseline\":\"%s\",\"folds\":\"contiguous:3\"}", baseline);
    ok(store_create(&w.s, file, "encoding", config, &e), &e);
    ok(store_write_text(w.s, "/neuroid/subject", subject, v, &e), &e);
    ok(store_write_text(w.s, "/neuroid/roi", roi, v, &e), &e);
    ok(store_write_u1(w.s, "/fold/test", 2, test, mask, &e), &e);
    for (size_t f = 0; f < F; f++)
        for (size_t j = 0; j < v; j++)
            sst[f * v + j] = 10.0 * (double)(f + 1);
    if (sums) ok(store_write_f8(w.s, "/fold/sst", 2, grid, sst, &e), &e);
    return w;
}

/* r of fold f, neuroid j: r + .01·j; R² of fold f: r2; inner score: inner[f]. */
static void add_set(writer *w, const char *name, const char *kind, double r, const double *r2, const double *inner)
{
    err e = { 0 };
    size_t grid[2] = { F, w->v };
    double a[F * MOST], b[F * MOST], c[F * MOST], d[F * MOST];
    char text[128];
    for (size_t f = 0; f < F; f++)
        for (size_t j = 0; j < w->v; j++) {
            a[f * w->v + j] = r + .01 * (double)j;
            b[f * w->v + j] = r2[f];
            c[f * w->v + j] = inner ? inner[f] : 0;
            d[f * w->v + j] = (1 - r2[f]) * 10.0 * (double)(f + 1);
        }
    snprintf(text, sizeof text, "/set/%s/r", name);
    ok(store_write_f8(w->s, text, 2, grid, a, &e), &e);
    snprintf(text, sizeof text, "/set/%s/r2_train", name);
    ok(store_write_f8(w->s, text, 2, grid, b, &e), &e);
    snprintf(text, sizeof text, "/set/%s/inner_best", name);
    ok(store_write_f8(w->s, text, 2, grid, c, &e), &e);
    snprintf(text, sizeof text, "/set/%s/sse", name);
    if (w->sums) ok(store_write_f8(w->s, text, 2, grid, d, &e), &e);
    snprintf(text, sizeof text, "/set/%s", name);
    ok(store_set_text(w->s, text, "kind", kind, &e), &e);
}

static void end(writer *w)
{
    err e = { 0 };
    ok(store_commit(w->s, &e), &e);
}

static const double base_r2[F] = { .10, .20, .30 }, low[F] = { .12, .26, .30 }, high[F] = { .20, .10, .60 };
/* folds 1 and 3 choose h.10 by inner score, fold 2 h.2 */
static const double inner_low[F] = { .1, .5, .1 }, inner_high[F] = { .2, .4, .3 };

static void write_group(const char *file, bool sums)
{
    static const char *const subject[] = { "group", "group" }, *const roi[] = { "A", "B" };
    writer w = begin(file, subject, roi, 2, sums, "rate");
    add_set(&w, "baseline", "baseline", .3, base_r2, NULL);
    add_set(&w, "m:h.2", "model", .2, low, inner_low);
    add_set(&w, "m:h.10", "model", .4, high, inner_high);
    add_set(&w, "m:h.2+baseline", "joint", .35, low, inner_low);
    add_set(&w, "m:h.10+baseline", "joint", .5, high, inner_high);
    for (int seed = 1; seed <= 3; seed++) {
        char name[64];
        double r2[F] = { .1 * seed, .1 * seed, .1 * seed };
        snprintf(name, sizeof name, "u.s%d:h.2", seed);
        add_set(&w, name, "model", .1 * seed, r2, inner_low);
        snprintf(name, sizeof name, "u.s%d:h.2+baseline", seed);
        add_set(&w, name, "joint", .1 * seed, r2, inner_low);
    }
    end(&w);
}

static void write_ceiling(const char *file, const char *target, double a, double b, int subjects, double lower)
{
    err e = { 0 };
    store *s = NULL;
    size_t n = 2, grid[2] = { 2, 2 };
    const char *const roi[] = { "A", "B" }, *const who[] = { target, target }, *const subject[] = { "s1", "s2" };
    double value[2] = { a, b }, square[2] = { a * a, b * b }, lo[2] = { lower, lower },
           corrected[4] = { .4, .2, .8, -.1 };
    int32_t count[2] = { subjects, subjects };
    ok(store_create(&s, file, "ceiling", NULL, &e), &e);
    ok(store_write_text(s, "/neuroid/roi", roi, 2, &e) || store_write_text(s, "/neuroid/subject", who, 2, &e), &e);
    ok(store_write_f8(s, "/ceiling", 1, &n, value, &e) || store_write_f8(s, "/ceiling_r2", 1, &n, square, &e), &e);
    ok(store_write_f8(s, "/mean_r_lo", 1, &n, lo, &e) || store_write_i4(s, "/n_subjects", 1, &n, count, &e), &e);
    ok(store_write_text(s, "/loo/subject", subject, 2, &e) ||
           store_write_f8(s, "/loo/corrected", 2, grid, corrected, &e),
       &e);
    ok(store_set_text(s, "/", "target", target, &e) || store_set_text(s, "/", "metric", "r", &e) ||
           store_set_text(s, "/", "method", "isc", &e),
       &e);
    ok(store_commit(s, &e), &e);
}

static scores *scored(const char *encoding, const char *ceiling, score_aggregate how, const char *layer)
{
    scores *x = NULL;
    err e = { 0 };
    score_options o = { how, layer, INTERVAL_JACKKNIFE, FAMILY_ROI, NULL };
    if (score(&x, &encoding, 1, &ceiling, ceiling ? 1 : 0, &o, &e)) fail_msg("%s", err_text(&e));
    return x;
}

static const score_row *find(const scores *x, const char *model, const char *layer, const char *kind,
                             const char *target, const char *roi, const char *subject, const char *measure)
{
    const score_row *r = score_find(x, model, layer, kind, target, roi, subject, measure);
    if (!r) fail_msg("no row %s %s %s %s %s %s %s", model, layer, kind, target, roi, subject, measure);
    return r;
}

static void the_nested_layer_is_chosen_fold_by_fold(void **state)
{
    (void)state;
    write_group(path(0, "group"), true);
    scores *x = scored(path(0, "group"), NULL, AGGREGATE_SUBJECT, "nested");
    assert_true(x->exact_pooling);
    /* sst 10 20 30: nested folds take .20 .26 .60 */
    double nested = (.20 * 10 + .26 * 20 + .60 * 30) / 60, base = (.10 * 10 + .20 * 20 + .30 * 30) / 60;
    near(find(x, "m", "nested", "joint", "group", "A", "group", "r2")->value, nested, 1e-12);
    near(find(x, "m", "nested", "joint", "group", "A", "group", "delta_r2")->value, nested - base, 1e-12);
    near(find(x, "m", "nested", "joint", "group", "A", "group", "r")->value, (.5 + .35 + .5) / 3, 1e-12);
    near(find(x, "m", "nested", "joint", "group", "B", "group", "delta_r")->value, (.5 + .35 + .5) / 3 - .3, 1e-12);
    near(find(x, "m", "nested", "plain", "group", "average", "group", "r")->value, (.4 + .2 + .4) / 3 + .005, 1e-12);
    near(find(x, "m", "h.10", "joint", "group", "A", "group", "r2")->value, (.2 * 10 + .1 * 20 + .6 * 30) / 60, 1e-12);
    near(find(x, "baseline", "", "baseline", "group", "B", "group", "r")->value, .31, 1e-12);
    assert_null(score_find(x, "m", "nested", "plain", "group", "A", "group", "delta_r2"));
    size_t low_layers = 0;
    for (size_t i = 0; i < x->n_choices; i++) {
        bool second = x->choices[i].fold == 2;
        if (!str_same(x->choices[i].model, "m")) continue;
        assert_string_equal(x->choices[i].layer, second ? "h.2" : "h.10");
        low_layers += second;
    }
    assert_int_equal(low_layers, 2); /* plain and joint */
    assert_string_equal(x->oracles[0].layer, "h.10");
    assert_int_equal(x->oracles[0].searched, 2);
    assert_true(isnan(find(x, "m", "nested", "joint", "group", "A", "group", "delta_r2")->p)); /* nothing is invented */
    scores_free(x);
}

static void without_sums_of_squares_folds_are_averaged_and_it_is_said(void **state)
{
    (void)state;
    write_group(path(0, "plain"), false);
    scores *x = scored(path(0, "plain"), NULL, AGGREGATE_SUBJECT, "h.2");
    assert_false(x->exact_pooling);
    near(find(x, "m", "h.2", "joint", "group", "A", "group", "r2")->value, (.12 + .26 + .30) / 3, 1e-12);
    assert_null(score_find(x, "m", "nested", "joint", "group", "A", "group", "r2"));
    scores_free(x);
}

static void ratios_divide_after_averaging_and_by_their_own_ceiling(void **state)
{
    (void)state;
    write_group(path(0, "g"), true);
    write_ceiling(path(1, "cg"), "group", .8, .5, 27, .02);
    scores *x = scored(path(0, "g"), path(1, "cg"), AGGREGATE_SUBJECT, "nested");
    const score_row *r = find(x, "baseline", "", "baseline", "group", "average", "group", "r");
    near(r->normalised, (.30 + .31) / (.8 + .5), 1e-12);
    near(r->ceiling, .65, 1e-12);
    const score_row *r2 = find(x, "baseline", "", "baseline", "group", "A", "group", "r2");
    near(r2->normalised, r2->value / .64, 1e-12);
    scores_free(x);
    /* few subjects and a lower bound that is not above .05: the ceiling stands there, and nothing is divided */
    write_ceiling(path(1, "few"), "group", .8, .5, 5, .02);
    x = scored(path(0, "g"), path(1, "few"), AGGREGATE_SUBJECT, "nested");
    r = find(x, "baseline", "", "baseline", "group", "A", "group", "r");
    near(r->ceiling, .8, 1e-12);
    assert_true(isnan(r->normalised));
    assert_int_equal(x->n_no_ratio, 2);
    scores_free(x);
    /* a ROI without a ceiling stays in the raw average and leaves the ratio */
    write_ceiling(path(1, "one"), "group", .8, NAN, 27, .1);
    x = scored(path(0, "g"), path(1, "one"), AGGREGATE_SUBJECT, "nested");
    r = find(x, "baseline", "", "baseline", "group", "average", "group", "r");
    near(r->value, .305, 1e-12);
    near(r->normalised, .30 / .8, 1e-12);
    scores_free(x);
}

static void seeds_become_a_mean_and_a_range(void **state)
{
    (void)state;
    write_group(path(0, "g"), true);
    scores *x = scored(path(0, "g"), NULL, AGGREGATE_SUBJECT, "nested");
    const score_row *r = find(x, "u", "nested", "joint", "group", "A", "group", "r2");
    near(r->value, .2, 1e-12);
    near(r->lo, .1, 1e-12);
    near(r->hi, .3, 1e-12);
    assert_int_equal(r->n, 3);
    assert_string_equal(r->interval, "range over seeds");
    assert_string_equal(find(x, "m", "nested", "joint", "group", "A", "group", "r2")->interval, "none");
    scores_free(x);
}

/* Subject s1 has two neuroids in A, s2 one; the last neuroid is excluded by encode. */
static void write_single(const char *file)
{
    static const char *const subject[] = { "s1", "s1", "s1", "s2", "s2", "s2" }, *const roi[] = { "A", "A", "B",
                                                                                                  "A", "B", "B" };
    err e = { 0 };
    writer w = begin(file, subject, roi, 6, true, "rate");
    size_t grid[2] = { F, 6 };
    double x[F * 6];
    for (size_t i = 0; i < F * 6; i++)
        x[i] = i % 6 == 5 ? NAN : .2 + .1 * (double)(i % 6);
    x[0] = NAN; /* fold 1, neuroid 0: a constant prediction */
    ok(store_write_f8(w.s, "/set/m:h.0/r", 2, grid, x, &e), &e);
    for (size_t i = 0; i < F * 6; i++)
        x[i] = i % 6 == 5 ? NAN : .1;
    ok(store_write_f8(w.s, "/set/m:h.0/r2_train", 2, grid, x, &e) ||
           store_write_f8(w.s, "/set/m:h.0/inner_best", 2, grid, x, &e) ||
           store_set_text(w.s, "/set/m:h.0", "kind", "model", &e),
       &e);
    end(&w);
}

static void aggregation_goes_by_subject_by_median_or_pooled(void **state)
{
    (void)state;
    write_single(path(0, "single"));
    write_ceiling(path(1, "cs"), "single", .5, .4, 27, .1);
    scores *x = scored(path(0, "single"), path(1, "cs"), AGGREGATE_SUBJECT, "nested");
    double first = (0 + .2 + .2) / 3; /* the undefined r counts 0 */
    const score_row *r = find(x, "m", "nested", "plain", "single", "A", "s1", "r");
    near(r->value, (first + .3) / 2, 1e-12);
    assert_int_equal(r->n, 2);
    near(r->ceiling, .4, 1e-12); /* this subject's corrected leave-one-out r */
    r = find(x, "m", "nested", "plain", "single", "A", "all", "r");
    near(r->value, ((first + .3) / 2 + .5) / 2, 1e-12);
    assert_int_equal(r->n, 2);
    near(r->normalised, r->value / .5, 1e-12);
    /* two subjects: half the distance between them is t(.975, 1)·s/sqrt(2) = 12.7062·|a - b|/2 */
    double one = find(x, "m", "nested", "plain", "single", "A", "s1", "r")->value;
    double two = 2 * r->value - one; /* of the other subject */
    near(r->hi - r->value, 12.706204736 * fabs(one - two) / 2, 1e-6);
    near(r->value - r->lo, r->hi - r->value, 1e-12);
    assert_string_equal(r->interval, "t over subjects, this stimulus");
    r = find(x, "m", "nested", "plain", "single", "B", "s2", "r");
    assert_true(isnan(r->ceiling) && isnan(r->normalised)); /* this subject does not follow the others there */
    near(find(x, "m", "nested", "plain", "single", "average", "all", "r")->value,
         (((first + .3) / 2 + .5) / 2 + (.4 + .6) / 2) / 2, 1e-12);
    assert_true(x->n_nan >= 1);
    scores_free(x);
    x = scored(path(0, "single"), NULL, AGGREGATE_POOLED, "nested");
    near(find(x, "m", "nested", "plain", "single", "A", "all", "r")->value, .3, 1e-12);
    assert_null(score_find(x, "m", "nested", "plain", "single", "A", "s1", "r"));
    scores_free(x);
    x = scored(path(0, "single"), NULL, AGGREGATE_MEDIAN, "nested");
    near(find(x, "m", "nested", "plain", "single", "A", "all", "r")->value, ((first + .3) / 2 + .5) / 2, 1e-12);
    scores_free(x);
}

static void refuse(const char *const *encodings, size_t n, const char *const *ceilings, size_t m, const char *layer,
                   const char *why)
{
    scores *x = NULL;
    err e = { 0 };
    score_options o = { AGGREGATE_SUBJECT, layer, INTERVAL_JACKKNIFE, FAMILY_ROI, NULL };
    assert_int_equal(score(&x, encodings, n, ceilings, m, &o, &e), -1);
    assert_null(x);
    if (!strstr(err_text(&e), why)) fail_msg("'%s' is not in: %s", why, err_text(&e));
    assert_int_equal(err_status(&e), 2);
}

static void what_does_not_belong_together_is_refused(void **state)
{
    (void)state;
    err e = { 0 };
    store *s = NULL;
    write_group(path(0, "g"), true);
    write_ceiling(path(1, "cs"), "single", .5, .4, 27, .1);
    const char *encodings[2] = { path(0, "g"), path(0, "g") }, *ceilings[2] = { path(1, "cs"), path(1, "cs") };
    refuse(encodings, 1, ceilings, 1, "nested", "is a ceiling of target single, and no encoding has that target");
    refuse(encodings, 2, NULL, 0, "nested", "model m is in an encoding before it");
    refuse(encodings, 1, NULL, 0, "h.3", "has no layer 'h.3'");
    refuse(ceilings, 1, NULL, 0, "nested", "ceiling");
    write_single(path(2, "single"));
    encodings[0] = path(2, "single");
    refuse(encodings, 1, ceilings, 2, "nested", "are both ceilings of target single");
    write_ceiling(path(3, "r2"), "single", .5, .4, 27, .1);
    ceilings[0] = path(3, "other");
    ok(store_create(&s, path(3, "other"), "ceiling", NULL, &e) || store_set_text(s, "/", "target", "single", &e) ||
           store_set_text(s, "/", "metric", "r2", &e) || store_commit(s, &e),
       &e);
    refuse(encodings, 1, ceilings, 1, "nested", "a ceiling of r2");
    static const char *const subject[] = { "group", "s1" }, *const roi[] = { "A", "A" };
    writer w = begin(path(4, "mixed"), subject, roi, 2, true, "rate");
    add_set(&w, "m:h.0", "model", .1, low, low);
    end(&w);
    encodings[0] = path(4, "mixed");
    refuse(encodings, 1, NULL, 0, "nested", "1 of 2 neuroids are of the group");
}

static void product_and_table_hold_the_same_rows(void **state)
{
    (void)state;
    err e = { 0 };
    store *s = NULL;
    table *t = NULL;
    double *value = NULL, cell;
    size_t n = 0, column;
    score_options o = { AGGREGATE_SUBJECT, "nested", INTERVAL_JACKKNIFE, FAMILY_ROI, NULL };
    write_group(path(0, "g"), true);
    scores *x = scored(path(0, "g"), NULL, AGGREGATE_SUBJECT, "nested");
    char tsv[160];
    snprintf(tsv, sizeof tsv, "%s/scores.tsv", folder);
    ok(store_create(&s, path(1, "scores"), "scores", NULL, &e), &e);
    ok(scores_put(s, x, &o, &e) || store_commit(s, &e) || scores_tsv(x, tsv, &e), &e);
    ok(store_open(&s, path(1, "scores"), "scores", &e) || store_read_f8(s, "/row/value", &value, &n, &e), &e);
    ok(table_read(&t, tsv, '\t', true, &e) || table_find(t, "value", &column, &e), &e);
    assert_int_equal(n, x->n_rows);
    assert_int_equal(table_rows(t), n);
    for (size_t i = 0; i < n; i++) {
        ok(table_number(t, i, column, &cell, &e), &e);
        assert_true(cell == x->rows[i].value && value[i] == cell);
    }
    assert_true(store_has(s, "/choice/layer") && store_has(s, "/oracle/layer"));
    store_close(s);
    table_free(t);
    free(value);
    scores_free(x);
}

static void a_mean_time_course_is_no_part_of_the_average(void **state)
{
    (void)state;
    static const char *const subject[] = { "group", "group", "group" }, *const roi[] = { "A", "mean", "B" };
    writer w = begin(path(0, "mean"), subject, roi, 3, true, "rate");
    add_set(&w, "m:h.0", "model", .2, low, low);
    end(&w);
    scores *x = scored(path(0, "mean"), NULL, AGGREGATE_SUBJECT, "nested");
    near(find(x, "m", "nested", "plain", "group", "mean", "group", "r")->value, .21, 1e-12);
    near(find(x, "m", "nested", "plain", "group", "average", "group", "r")->value, (.20 + .22) / 2, 1e-12);
    assert_int_equal(find(x, "m", "nested", "plain", "group", "average", "group", "r")->n, 2);
    scores_free(x);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    write_group(path(0, "g"), true);
    write_ceiling(path(1, "cg"), "group", .8, .5, 27, .02);
    const char *encoding = path(0, "g"), *ceiling = path(1, "cg");
    score_options o = { AGGREGATE_SUBJECT, "nested", INTERVAL_JACKKNIFE, FAMILY_ROI, NULL };
    int status = -1;
    for (long k = 1; status && k < 20000; k++) {
        err e = { 0 };
        scores *x = NULL;
        mem_fail_at(k);
        status = score(&x, &encoding, 1, &ceiling, 1, &o, &e);
        mem_fail_at(0);
        if (status) assert_int_equal(e.kind, ERR_MEMORY);
        if (status) assert_null(x);
        scores_free(x);
    }
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nested_layer_is_chosen_fold_by_fold),
        cmocka_unit_test(without_sums_of_squares_folds_are_averaged_and_it_is_said),
        cmocka_unit_test(ratios_divide_after_averaging_and_by_their_own_ceiling),
        cmocka_unit_test(seeds_become_a_mean_and_a_range),
        cmocka_unit_test(aggregation_goes_by_subject_by_median_or_pooled),
        cmocka_unit_test(what_does_not_belong_together_is_refused),
        cmocka_unit_test(product_and_table_hold_the_same_rows),
        cmocka_unit_test(a_mean_time_course_is_no_part_of_the_average),
        cmocka_unit_test(every_allocation_may_fail),
    };
    log_start(&(log_options){ .quiet = true, .stage = "test" });
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
