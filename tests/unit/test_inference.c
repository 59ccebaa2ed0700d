/* SPDX-License-Identifier: MIT */
/* From encode's jackknife and nulls to the intervals and p of score: numbers worked out by hand, and what must not change. */
#include "check.h"

#include "broca/encode.h"
#include "broca/num.h"
#include "broca/score.h"
#include "broca/simulate.h"

enum { VOLUMES = 240, SUBJECTS = 4, ROIS = 2, WIDTH = 5 };

static void ok(int status, const err *e)
{
    if (status) fail_msg("%s", err_text(e));
}

/* ---- the crossed jackknife by hand ---- */

static void variances_add_up_as_the_formula_says(void **state)
{
    (void)state;
    const double left[4] = { 1, 2, 4, 5 }; /* mean 3, squares 4+1+1+4 = 10, times 3/4 */
    assert_true(fabs(jackknife_variance(left, 4, 1) - 7.5) < 1e-12);
    crossed_sample c = { .theta = 1, .v_subjects = .04, .v_blocks = .02, .mean_v_blocks = .05, .subjects = 4, .blocks = 11 };
    crossed_interval i = interval_crossed(&c, .95);
    assert_true(fabs(i.v_both - .01) < 1e-12);
    assert_true(fabs(i.v - .05) < 1e-12);
    double dof = .05 * .05 / (.04 * .04 / 3 + .02 * .02 / 10 + .01 * .01 / 30);
    assert_true(fabs(i.dof - dof) < 1e-9);
    assert_true(fabs(i.bounds.hi - 1 - t_quantile(.975, dof) * sqrt(.05)) < 1e-12);
    c.group = true;
    i = interval_crossed(&c, .95);
    assert_true(fabs(i.v_both - .09) < 1e-12);
    assert_true(fabs(i.v - .04) < 1e-12); /* no variance of the stimuli below 0 */
    assert_true(i.dof == 3);
    c = (crossed_sample){ .theta = 2, .blocks = 5, .subjects = 1 };
    i = interval_crossed(&c, .95);
    assert_true(i.flat && i.bounds.lo == 2 && i.bounds.hi == 2);
}

/* Two subjects whose scores move against each other when blocks go: nothing is left for the stimuli, however large the block variance
 * of each; moving together, it is their covariance that is added. */
static void the_stimuli_add_the_covariance_of_two_subjects(void **state)
{
    (void)state;
    const double one[4] = { 1, 2, 4, 5 }, other[2][4] = { { 5, 5, 2, 2 }, { 2, 3, 3, 6 } };
    for (int k = 0; k < 2; k++) {
        double mean[4], covariance = 0;
        for (int j = 0; j < 4; j++) {
            mean[j] = (one[j] + other[k][j]) / 2;
            covariance += .75 * (one[j] - 3) * (other[k][j] - 3.5);
        }
        crossed_sample c = { .theta = 1, .v_subjects = .385, .v_blocks = jackknife_variance(mean, 4, 1), .subjects = 2, .blocks = 4,
                             .mean_v_blocks = (jackknife_variance(one, 4, 1) + jackknife_variance(other[k], 4, 1)) / 2 };
        crossed_interval i = interval_crossed(&c, .95);
        if (k == 1) assert_true(i.v < c.v_blocks); /* which is no bound */
        assert_true(fabs(i.v - (.385 + fmax(0, covariance))) < 1e-12);
        assert_true((covariance > 0) == (k == 1));
    }
}

/* ---- from responses to rows ---- */

static float features[2][VOLUMES * WIDTH], rate[VOLUMES];

static void write_features(const char *path, const char *tap, const float *at, size_t width)
{
    err e = { 0 };
    store *s = NULL;
    char name[64], *id[VOLUMES], text[VOLUMES][16];
    const size_t dims[2] = { VOLUMES, width };
    ok(store_create(&s, path, "activations", NULL, &e), &e);
    for (size_t i = 0; i < VOLUMES; i++) {
        snprintf(text[i], sizeof text[i], "v%zu", i);
        id[i] = text[i];
    }
    snprintf(name, sizeof name, "tap/%s", tap);
    ok(store_put_text(s, "item/id", id, VOLUMES, &e) || store_write_f4(s, name, 2, dims, at, &e) ||
           store_set_text(s, "/", "pooling", "volume", &e),
       &e);
    ok(store_commit(s, &e), &e);
}

/* Layer h.1 drives everybody; h.0 is noise. */
static responses *listeners(void)
{
    err e = { 0 };
    responses *r = responses_make(VOLUMES, SUBJECTS * ROIS, &e);
    static double onset[VOLUMES];
    assert_non_null(r);
    r->tr = 2;
    r->onset = onset;
    for (size_t i = 0; i < VOLUMES; i++) {
        char text[16];
        snprintf(text, sizeof text, "v%zu", i);
        onset[i] = 2 * (double)i;
        r->id[i] = arena_text(r->memory, text, strlen(text), &e);
        rate[i] = (float)rng_normal(3, 1, (uint32_t)i, 0, 0);
        for (size_t k = 0; k < WIDTH; k++)
            for (size_t l = 0; l < 2; l++) features[l][i * WIDTH + k] = (float)rng_normal(4, 1, (uint32_t)i, (uint32_t)k, (uint32_t)l);
        for (size_t j = 0; j < r->v; j++)
            r->data[i * r->v + j] = features[1][i * WIDTH + j % ROIS] + .5f * rate[i] + 2 * (float)rng_normal(5, 1, (uint32_t)i, (uint32_t)j, 0);
    }
    for (size_t j = 0; j < r->v; j++) {
        char subject[24], roi[24];
        snprintf(subject, sizeof subject, "s%zu", j / ROIS);
        snprintf(roi, sizeof roi, "r%zu", j % ROIS);
        ok(responses_label(r, j, subject, roi, (int32_t)(j % ROIS), &e), &e);
    }
    write_features(test_path("h0.h5"), "h.0", features[0], WIDTH);
    write_features(test_path("h1.h5"), "h.1", features[1], WIDTH);
    write_features(test_path("rate.h5"), "rate", rate, 1);
    return r;
}

static const char *feature_text[3];
static double alphas[] = { 1, 100, 10000 };

static encode_options options(bool group)
{
    static char text[3][600];
    static const char *const delays[] = { "0" };
    snprintf(text[0], sizeof text[0], "m=%s", test_path("m.h5"));
    snprintf(text[1], sizeof text[1], "rate=%s:rate", test_path("rate.h5"));
    for (int i = 0; i < 2; i++) feature_text[i] = text[i];
    return (encode_options){ .features = feature_text, .n_features = 2, .delays = delays, .n_delays = 1, .baseline = "rate", .candidates = 3,
                             .group = group, .alphas = alphas, .n_alphas = 3, .standardise_x = true, .folds = "contiguous:4,gap=10",
                             .null = NULL_CIRCULAR, .n_null = 19, .jackknife = "30s", .seed = 1 };
}

/* Both layers in one file. */
static void join_layers(void)
{
    err e = { 0 };
    store *s = NULL;
    char *id[VOLUMES], text[VOLUMES][16];
    const size_t dims[2] = { VOLUMES, WIDTH };
    ok(store_create(&s, test_path("m.h5"), "activations", NULL, &e), &e);
    for (size_t i = 0; i < VOLUMES; i++) {
        snprintf(text[i], sizeof text[i], "v%zu", i);
        id[i] = text[i];
    }
    ok(store_put_text(s, "item/id", id, VOLUMES, &e) || store_write_f4(s, "tap/h.0", 2, dims, features[0], &e) ||
           store_write_f4(s, "tap/h.1", 2, dims, features[1], &e) || store_set_text(s, "/", "pooling", "volume", &e),
       &e);
    ok(store_commit(s, &e), &e);
}

static scores *scored(bool group, int threads, encoded **kept)
{
    err e = { 0 };
    responses *r = listeners();
    encoded *x = NULL;
    scores *out = NULL;
    store *s = NULL;
    join_layers();
    threads_start((size_t)threads);
    encode_options o = options(group);
    ok(encode(&x, r, NULL, &o, &e), &e);
    const char *file = test_path(group ? "group.h5" : "single.h5");
    ok(store_create(&s, file, "encoding", "{\"baseline\":\"rate\"}", &e), &e);
    ok(encoded_put(s, x, &o, &e) || store_commit(s, &e), &e);
    score_options how = { AGGREGATE_SUBJECT, "nested", INTERVAL_JACKKNIFE, FAMILY_ROI, NULL };
    ok(score(&out, &file, 1, NULL, 0, &how, &e), &e);
    if (kept) *kept = x;
    else encoded_free(x);
    r->onset = NULL;
    responses_free(r);
    return out;
}

static const score_row *row_of(const scores *x, const char *layer, const char *kind, const char *target, const char *roi, const char *subject,
                               const char *measure)
{
    const score_row *row = score_find(x, "m", layer, kind, target, roi, subject, measure);
    if (!row) fail_msg("no row %s %s %s %s %s", layer, kind, roi, subject, measure);
    return row;
}

/* The value of the nested rows is that of the nested set, its interval holds it, a planted signal is above every null. */
static void a_planted_signal_has_an_interval_above_0_and_the_least_p(void **state)
{
    (void)state;
    for (int group = 0; group < 2; group++) {
        encoded *x = NULL;
        scores *s = scored(group, 2, &x);
        const char *target = group ? "group" : "single", *who = group ? "group" : "all";
        const score_row *delta = row_of(s, "nested", "joint", target, "average", who, "delta_r2");
        const score_row *r = row_of(s, "nested", "plain", target, "average", who, "r");
        assert_true(delta->lo > 0 && delta->lo < delta->value && delta->value < delta->hi);
        assert_true(fabs(delta->p - .05) < 1e-12 && fabs(r->p - .05) < 1e-12); /* 1/(1 + 19) */
        assert_true(fabs(delta->null_mean) < .05 && delta->null_mean < delta->value);
        assert_string_equal(delta->null, "circular:19");
        assert_string_equal(delta->interval, "crossed jackknife, new subjects and stimuli");
        assert_true(row_of(s, "nested", "plain", target, "r0", who, "r")->p_max <= .1);
        assert_int_equal(x->n_nested, 2);
        double mean = 0, count = 0;
        for (size_t j = 0; j < x->v; j++, count++) mean += x->nested[0].r_mean[j];
        assert_true(fabs(mean / count - r->value) < 1e-12);
        /* the noise layer adds nothing, and its interval says so */
        assert_true(row_of(s, "h.0", "joint", target, "average", who, "delta_r2")->lo < 0);
        if (!group) {
            assert_true(r->bca_lo < r->value && r->value < r->bca_hi);
            assert_string_equal(row_of(s, "nested", "plain", target, "average", "s1", "r")->interval, "jackknife over blocks, this subject");
        } else assert_int_equal(x->people, SUBJECTS);
        encoded_free(x);
        scores_free(s);
    }
}

/* Every neuroid has its p in the product; r of the model alone, Delta R² of the joint one. */
static void a_family_of_neuroids_is_written(void **state)
{
    err e = { 0 };
    store *s = NULL;
    scores *x = NULL;
    double *p = NULL;
    size_t n = 0;
    (void)state;
    scores_free(scored(false, 2, NULL));
    const char *file = test_path("single.h5"), *product = test_path("voxels.h5");
    score_options how = { AGGREGATE_SUBJECT, "nested", INTERVAL_JACKKNIFE, FAMILY_VOXEL, NULL };
    ok(score(&x, &file, 1, NULL, 0, &how, &e), &e);
    assert_int_equal(x->n_voxels, 2);
    ok(store_create(&s, product, "scores", NULL, &e), &e);
    ok(scores_put(s, x, &how, &e) || store_commit(s, &e), &e);
    ok(store_open(&s, product, "scores", &e) || store_read_f8(s, "/voxel/m.single/delta_r2/p_max", &p, &n, &e), &e);
    assert_int_equal(n, SUBJECTS * ROIS);
    for (size_t j = 0; j < n; j++) assert_true(p[j] >= x->voxels[1].p[j] && p[j] <= 1);
    free(p);
    store_close(s);
    scores_free(x);
}

static void bytes_do_not_depend_on_threads(void **state)
{
    (void)state;
    for (int group = 0; group < 2; group++) {
        encoded *one = NULL, *three = NULL;
        scores *a = scored(group, 1, &one), *b = scored(group, 3, &three);
        for (size_t i = 0; i < one->n_nested; i++) {
            const encoded_set *s = &one->nested[i], *t = &three->nested[i];
            assert_memory_equal(s->null_r2, t->null_r2, one->n_null * one->v * sizeof(double));
            assert_memory_equal(s->jack_r2, t->jack_r2, one->blocks * one->v * sizeof(double));
            assert_memory_equal(s->part, t->part, one->parts * one->v * sizeof *s->part);
            if (s->left_jack_r) assert_memory_equal(s->left_jack_r, t->left_jack_r, one->people * one->blocks * one->v * sizeof(double));
        }
        for (size_t i = 0; i < a->n_rows; i++) assert_memory_equal(&a->rows[i].lo, &b->rows[i].lo, sizeof(double));
        encoded_free(one);
        encoded_free(three);
        scores_free(a);
        scores_free(b);
    }
}

static void what_cannot_be_done_is_refused(void **state)
{
    static const struct { const char *jackknife; null_kind null; const char *says; } cases[] = {
        { "30", NULL_NONE, "--jackknife is" }, { "group", NULL_NONE, "no groups" }, { "400s", NULL_NONE, "at least 3" } };
    err e = { 0 };
    encode_options read = { 0 };
    (void)state;
    responses *r = listeners();
    join_layers();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        encoded *x = NULL;
        encode_options o = options(false);
        e = (err){ 0 };
        o.jackknife = cases[i].jackknife;
        o.null = cases[i].null;
        o.n_null = 0;
        assert_int_equal(encode(&x, r, NULL, &o, &e), -1);
        if (!strstr(err_text(&e), cases[i].says)) fail_msg("%s", err_text(&e));
    }
    assert_int_equal(encode_null(&read, "circle:9", &e), -1);
    assert_int_equal(encode_null(&read, "group:0", &e), -1);
    assert_int_equal(encode_null(&read, "phase:99", &e), 0);
    assert_int_equal(read.n_null, 99);
    r->onset = NULL;
    responses_free(r);
}

/* ---- planning ---- */

static void more_subjects_and_a_stronger_signal_mean_more_power(void **state)
{
    static const size_t subjects[] = { 4, 16 };
    err e = { 0 };
    power_row none[2], strong[2];
    power_plan p = { .subjects = subjects, .n_subjects = 2, .rows = 240, .runs = 1, .per_group = 10, .width = 4, .ceiling = .5, .studies = 30, .seed = 1 };
    (void)state;
    ok(power_estimate(none, &p, &e), &e);
    p.delta_r2 = .3;
    ok(power_estimate(strong, &p, &e), &e);
    assert_true(none[0].power <= .2 && none[1].power <= .2);
    assert_true(strong[0].power > none[0].power && strong[1].power > .8);
    assert_true(strong[0].lo <= strong[0].power && strong[0].power <= strong[0].hi);
    p.delta_r2 = .9;
    assert_int_equal(power_estimate(strong, &p, &e), -1);
    assert_non_null(strstr(err_text(&e), "ceiling"));
}

int main(void)
{
    blas_start();
    threads_start(2);
    log_options quiet = { .quiet = true };
    log_start(&quiet);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variances_add_up_as_the_formula_says),
        cmocka_unit_test(the_stimuli_add_the_covariance_of_two_subjects),
        cmocka_unit_test(a_planted_signal_has_an_interval_above_0_and_the_least_p),
        cmocka_unit_test(a_family_of_neuroids_is_written),
        cmocka_unit_test(bytes_do_not_depend_on_threads),
        cmocka_unit_test(what_cannot_be_done_is_refused),
        cmocka_unit_test(more_subjects_and_a_stronger_signal_mean_more_power),
    };
    return cmocka_run_group_tests(tests, NULL, test_clean);
}
