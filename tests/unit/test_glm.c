/* SPDX-License-Identifier: MIT */
/* Linear models of runs and of groups: closed forms, planted effects, errors. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "broca/glm.h"

enum { STREAM = 4000 };
static char formats[1024];

static double noise(size_t a, size_t b)
{
    return rng_normal(7, STREAM, (uint32_t)a, (uint32_t)b, 0);
}

/* a [n×n] becomes its inverse by Gauss-Jordan with pivots: another way than the fit's. */
static void invert(double *a, size_t n)
{
    double *b = calloc(n * n, sizeof *b);
    for (size_t i = 0; i < n; i++) b[i * n + i] = 1;
    for (size_t k = 0; k < n; k++) {
        size_t best = k;
        for (size_t i = k; i < n; i++)
            if (fabs(a[i * n + k]) > fabs(a[best * n + k])) best = i;
        for (size_t j = 0; j < n; j++) {
            double x = a[k * n + j], y = b[k * n + j];
            a[k * n + j] = a[best * n + j], a[best * n + j] = x;
            b[k * n + j] = b[best * n + j], b[best * n + j] = y;
        }
        double pivot = a[k * n + k];
        for (size_t j = 0; j < n; j++) a[k * n + j] /= pivot, b[k * n + j] /= pivot;
        for (size_t i = 0; i < n; i++) {
            double f = a[i * n + k];
            for (size_t j = 0; j < n && i != k; j++) a[i * n + j] -= f * a[k * n + j], b[i * n + j] -= f * b[k * n + j];
        }
    }
    memcpy(a, b, n * n * sizeof *a);
    free(b);
}

enum { N = 90, P = 4, V = 5 };

/* Closed form of one voxel with a known rho: betas, and t of the contrast c. */
static double closed_form(double *beta, const double *x, const double *y, size_t stride, double rho, const double *c)
{
    double w[N * P], z[N], cross[P * P] = { 0 }, right[P] = { 0 }, sse = 0, effect = 0, size = 0;
    for (size_t i = 0; i < N; i++) {
        z[i] = y[i * stride] - (i ? rho * y[(i - 1) * stride] : 0);
        for (size_t k = 0; k < P; k++) w[i * P + k] = x[i * P + k] - (i ? rho * x[(i - 1) * P + k] : 0);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < P; k++) {
            right[k] += w[i * P + k] * z[i];
            for (size_t l = 0; l < P; l++) cross[k * P + l] += w[i * P + k] * w[i * P + l];
        }
    invert(cross, P);
    for (size_t k = 0; k < P; k++) {
        beta[k] = 0;
        for (size_t l = 0; l < P; l++) beta[k] += cross[k * P + l] * right[l];
    }
    for (size_t i = 0; i < N; i++) {
        double r = z[i];
        for (size_t k = 0; k < P; k++) r -= w[i * P + k] * beta[k];
        sse += r * r;
    }
    for (size_t k = 0; k < P; k++) {
        effect += c[k] * beta[k];
        for (size_t l = 0; l < P; l++) size += c[k] * cross[k * P + l] * c[l];
    }
    return effect / sqrt(sse / (N - P) * size);
}

static void planted(double *x, double *y)
{
    for (size_t i = 0; i < N; i++) {
        x[i * P] = noise(i, 1);
        x[i * P + 1] = noise(i, 2) + .5 * x[i * P];
        x[i * P + 2] = 1e-3 * cos((double)i / 9); /* a scale of its own */
        x[i * P + 3] = 1;
        for (size_t j = 0; j < V; j++)
            y[i * V + j] = 100 + (double)j * x[i * P] - 2.385 * x[i * P + 1] + (i && j ? .2 * (double)j * (y[(i - 1) * V + j] - 100) : 0) + noise(i, 10 + j);
    }
}

static void fits_equal_the_closed_form(void **state)
{
    (void)state;
    double x[N * P], y[N * V], effect[V], variance[V], beta[P];
    const double c[P] = { 1, -1, 0, 0 };
    planted(x, y);
    for (int noisy = 0; noisy < 2; noisy++) {
        glm_fit *f = NULL;
        err e = { 0 };
        assert_int_equal(glm_fit_run(&f, x, N, P, NULL, y, V, V, noisy ? NOISE_AR1 : NOISE_OLS, &e), 0);
        assert_int_equal(glm_contrast(f, c, effect, variance, &e), 0);
        assert_true(f->dof == N - P);
        for (size_t j = 0; j < V; j++) {
            double t = closed_form(beta, x, y + j, V, noisy ? f->binned[j] : 0, c);
            for (size_t k = 0; k < P; k++) assert_true(fabs(f->beta[k * V + j] - beta[k]) <= 1e-8 * fmax(1, fabs(beta[k])));
            assert_true(fabs(effect[j] / sqrt(variance[j]) - t) <= 1e-8 * fabs(t));
            assert_true(!noisy || fabs(f->rho[j] * 100 - f->binned[j] * 100) < 1);
        }
        assert_true(!noisy || (f->binned[4] > .3 && f->bins > 1));
        glm_fit_free(f);
    }
}

/* AR(1) noise makes least squares too sure; whitening mends it. */
static void whitening_gives_t_the_width_it_should_have(void **state)
{
    (void)state;
    enum { LONG = 240, MANY = 1500 };
    double *x = calloc(LONG * 2, sizeof *x), *y = calloc(LONG * MANY, sizeof *y), *effect = calloc(MANY, sizeof *effect), *variance = calloc(MANY, sizeof *variance);
    const double c[2] = { 1, 0 };
    for (size_t i = 0; i < LONG; i++) {
        x[2 * i] = i / 20 % 2 ? 1 : 0; /* blocks */
        x[2 * i + 1] = 1;
        for (size_t j = 0; j < MANY; j++) y[i * MANY + j] = (i ? .5 * y[(i - 1) * MANY + j] : 0) + noise(i, 100 + j);
    }
    for (int noisy = 0; noisy < 2; noisy++) {
        glm_fit *f = NULL;
        err e = { 0 };
        double square = 0, rho = 0;
        assert_int_equal(glm_fit_run(&f, x, LONG, 2, NULL, y, MANY, MANY, noisy ? NOISE_AR1 : NOISE_OLS, &e), 0);
        assert_int_equal(glm_contrast(f, c, effect, variance, &e), 0);
        for (size_t j = 0; j < MANY; j++) {
            square += effect[j] * effect[j] / variance[j] / MANY;
            rho += f->rho[j] / MANY;
        }
        if (noisy) assert_true(square > .85 && square < 1.25 && fabs(rho - .5) < .05);
        else assert_true(square > 2);
        glm_fit_free(f);
    }
    free(x);
    free(y);
    free(effect);
    free(variance);
}

static void voxels_without_variance_have_no_t(void **state)
{
    (void)state;
    double x[N * P], y[N * V], effect[V], variance[V];
    const double c[P] = { 1, 0, 0, 0 };
    glm_fit *f = NULL;
    err e = { 0 };
    planted(x, y);
    for (size_t i = 0; i < N; i++) y[i * V + 1] = .1;
    y[17 * V + 3] = NAN;
    assert_int_equal(glm_fit_run(&f, x, N, P, NULL, y, V, V, NOISE_AR1, &e), 0);
    assert_int_equal(glm_contrast(f, c, effect, variance, &e), 0);
    for (size_t j = 0; j < V; j++) assert_int_equal(isnan(effect[j]) != 0, j == 1 || j == 3);
    glm_fit_free(f);
}

static void a_contrast_that_the_design_cannot_tell_is_an_error(void **state)
{
    (void)state;
    double x[N * P], y[N * V], effect[V], variance[V];
    const double one[P] = { 1, 0, 0, 0 }, sum[P] = { 1, 1, 0, 0 };
    glm_fit *f = NULL;
    err e = { 0 };
    planted(x, y);
    for (size_t i = 0; i < N; i++) x[i * P + 1] = x[i * P]; /* they always come together */
    assert_int_equal(glm_fit_run(&f, x, N, P, NULL, y, V, V, NOISE_OLS, &e), 0);
    assert_true(f->dof == N - 3);
    assert_int_equal(glm_contrast(f, sum, effect, variance, &e), 0);
    assert_int_equal(glm_contrast(f, one, effect, variance, &e), -1);
    assert_non_null(strstr(e.text, "rank 3 of 4"));
    glm_fit_free(f);
}

static void any_number_of_threads_gives_the_same_bytes(void **state)
{
    (void)state;
    enum { MANY = 700 };
    double x[N * P], y[N * V];
    float *wide = calloc(N * MANY, sizeof *wide);
    glm_fit *f[2];
    err e = { 0 };
    planted(x, y);
    for (size_t i = 0; i < N * MANY; i++) wide[i] = (float)(y[i / MANY * V + i % V] + noise(i, 3));
    for (size_t k = 0; k < 2; k++) {
        threads_start(k ? 3 : 1);
        assert_int_equal(glm_fit_run(&f[k], x, N, P, wide, NULL, MANY, MANY, NOISE_AR1, &e), 0);
    }
    threads_start(0);
    assert_memory_equal(f[0]->beta, f[1]->beta, P * MANY * sizeof(double));
    assert_memory_equal(f[0]->dispersion, f[1]->dispersion, MANY * sizeof(double));
    glm_fit_free(f[0]);
    glm_fit_free(f[1]);
    free(wide);
}

/* ---- contrasts and events ---- */

static void weights_are(const char *text, double f, double non_words, double words)
{
    static const char *const names[] = { "F", "non-words", "words" };
    double w[3];
    err e = { 0 };
    if (contrast_weights(w, names, 3, text, &e)) fail_msg("%s: %s", text, err_text(&e));
    if (w[0] != f || w[1] != non_words || w[2] != words) fail_msg("%s: %g %g %g", text, w[0], w[1], w[2]);
}

static void contrasts_are_read(void **state)
{
    (void)state;
    static const char *const names[] = { "F", "non-words", "words" };
    static const char *const bad[] = { "", "words-", "words--F", "(words-F", "words F", "2*", "words-words", "()" };
    double w[3];
    weights_are("words-non-words", 0, -1, 1);
    weights_are("non-words - F", -1, 1, 0);
    weights_are("words+non-words-2*F", -2, 1, 1);
    weights_are("-(F+words)+.5non-words", -1, .5, -1);
    weights_are("(words+F)-(non-words)", 1, -1, 1);
    weights_are("words", 0, 0, 1);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        err e = { 0 };
        if (!contrast_weights(w, names, 3, bad[k], &e)) fail_msg("'%s' is read", bad[k]);
        assert_non_null(strstr(e.text, "cannot be read"));
    }
    err e = { 0 };
    assert_int_equal(contrast_weights(w, names, 3, "words-fixation", &e), -1);
    assert_non_null(strstr(e.text, "'fixation'"));
    assert_non_null(strstr(e.hint, "F non-words words"));
}

static void damaged_events_of_the_mirror_are_named(void **state)
{
    static const char *const files[][2] = { { "events_bad_onset.tsv", "row 1: onset is 'n/a'" }, { "events_missing_column.tsv", "duration" },
                                            { "events_negative_duration.tsv", "row 1: duration is -2" } };
    (void)state;
    if (!*formats) {
        print_message("no ../shared/data/formats (BROCA_SHARED names another place)\n");
        skip();
    }
    for (size_t k = 0; k < 3; k++) {
        char path[1200];
        const char *paths[] = { path };
        events *v = NULL;
        err e = { 0 };
        snprintf(path, sizeof path, "%s/damaged/%s", formats, files[k][0]);
        assert_int_equal(events_read(&v, paths, 1, &e), -1);
        if (e.kind != ERR_INPUT || !strstr(e.text, files[k][1]) || !strstr(e.text, files[k][0])) fail_msg("%s", err_text(&e));
    }
}

/* A run as preprocessing programs leave it: mask, confounds, events; betas and t by statsmodels given the stated design. */
static void the_run_of_the_mirror_is_fitted_as_stated(void **state)
{
    (void)state;
    if (!*formats) {
        print_message("no ../shared/data/formats (BROCA_SHARED names another place)\n");
        skip();
    }
    char bold[1200], mask[1200], list[1200], path[1200];
    const char *paths[] = { bold }, *tables[] = { list }, *names[] = { path };
    responses *r = NULL;
    events *v = NULL;
    store *s = NULL;
    glm_fit *f = NULL;
    err e = { 0 };
    double *x = NULL, *beta = NULL, *c = NULL, *t = NULL, *ijk = NULL, *series = NULL;
    size_t n;
    snprintf(bold, sizeof bold, "%s/bids/sub-01/func/sub-01_task-langloc_run-01_bold.nii.gz", formats);
    snprintf(mask, sizeof mask, "%s/bids/derivatives/prep/sub-01/func/sub-01_task-langloc_run-01_desc-brain_mask.nii.gz", formats);
    snprintf(list, sizeof list, "%s/bids/derivatives/prep/sub-01/func/sub-01_task-langloc_run-01_desc-confounds_timeseries.tsv", formats);
    const image_source source = { .paths = paths, .n = 1, .mask = mask, .subject = "sub-01", .confounds = tables, .n_confounds = 1 };
    if (responses_from_nifti(&r, &source, &e)) fail_msg("%s", err_text(&e));
    assert_true(r->n == 60 && r->v == 115 && r->tr == 2 && r->confounds[0].k == 6);
    snprintf(path, sizeof path, "%s/bids/sub-01/func/sub-01_task-langloc_run-01_events.tsv", formats);
    if (events_read(&v, names, 1, &e)) fail_msg("%s", err_text(&e));
    assert_true(v->n == 7 && v->n_conditions == 3 && str_same(v->conditions[1], "nonwords"));
    snprintf(path, sizeof path, "%s/bids/expected.h5", formats);
    if (store_open(&s, path, NULL, &e) || store_read_f8(s, "design", &x, &n, &e) || store_read_f8(s, "betas", &beta, &n, &e) ||
        store_read_f8(s, "contrast", &c, &n, &e) || store_read_f8(s, "t", &t, &n, &e) || store_read_f8(s, "mask_ijk", &ijk, &n, &e) ||
        store_read_f8(s, "masked_bold", &series, &n, &e))
        fail_msg("%s", err_text(&e));
    double y[60 * 115]; /* as the image's int16 and slope give them; responses keep float32 */
    for (size_t k = 0; k < 60 * 115; k++) y[k] = series[k % 115 * 60 + k / 115];
    if (glm_fit_run(&f, x, 60, 11, NULL, y, 115, 115, NOISE_OLS, &e)) fail_msg("%s", err_text(&e));
    double effect[115], variance[115];
    assert_int_equal(glm_contrast(f, c, effect, variance, &e), 0);
    for (size_t j = 0; j < 115; j++) {
        size_t voxel = (size_t)(ijk[3 * j] + 6 * (ijk[3 * j + 1] + 5 * ijk[3 * j + 2])), at = 0;
        while (at < 115 && (size_t)r->index[at] != voxel) at++;
        assert_true(at < 115);
        for (size_t i = 0; i < 60; i++) assert_true(fabs((double)r->data[i * 115 + at] - series[j * 60 + i]) <= 1e-6 * fabs(series[j * 60 + i]));
        for (size_t k = 0; k < 11; k++) assert_true(fabs(f->beta[k * 115 + j] - beta[j * 11 + k]) <= 1e-8 * fmax(1, fabs(beta[j * 11 + k])));
        assert_true(fabs(effect[j] / sqrt(variance[j]) - t[j]) <= 1e-8 * fmax(1, fabs(t[j])));
    }
    double *owned[] = { x, beta, c, t, ijk, series };
    for (size_t k = 0; k < 6; k++) free(owned[k]);
    glm_fit_free(f);
    store_close(s);
    events_free(v);
    responses_free(r);
}

/* ---- runs, functional regions ---- */

enum { FRAMES = 100, VOXELS = 400 };
static const double tr = 2;

static events *four_runs(void)
{
    static char *names[] = { "N", "S" };
    err e = { 0 };
    events *v = calloc(1, sizeof *v);
    v->memory = arena_new(&e);
    v->n = 4 * 12;
    v->n_conditions = 2;
    v->conditions = names;
    double **real[] = { &v->onset, &v->duration, &v->amplitude };
    for (size_t k = 0; k < 3; k++) *real[k] = arena_get(v->memory, v->n * sizeof(double), &e);
    v->run = arena_get(v->memory, v->n * sizeof *v->run, &e);
    v->condition = arena_get(v->memory, v->n * sizeof *v->condition, &e);
    for (size_t i = 0; i < v->n; i++) {
        v->run[i] = (int32_t)(i / 12) + 1;
        v->onset[i] = 4 + 15.5 * (double)(i % 12);
        v->duration[i] = 8;
        v->amplitude[i] = 1;
        v->condition[i] = (int32_t)((i + i / 12) % 2);
    }
    return v;
}

/* Two parcels of 200 voxels: in the first one a tenth responds to S by 3 and to N by 1, the other responds to nothing. */
static responses *four_runs_of_data(const events *v)
{
    err e = { 0 };
    responses *r = responses_make(4 * FRAMES, VOXELS, &e);
    r->tr = tr;
    r->onset = arena_get(r->memory, r->n * sizeof *r->onset, &e);
    for (size_t i = 0; i < r->n; i++) {
        r->run[i] = (int32_t)(i / FRAMES) + 1;
        r->onset[i] = tr * (double)(i % FRAMES);
        r->id[i] = "volume";
    }
    for (size_t j = 0; j < VOXELS; j++) responses_label(r, j, "s1", j < 200 ? "one" : "two", (int32_t)j, &e);
    for (int32_t run = 1; run <= 4; run++) {
        glm_design_rule rule = glm_design_defaults();
        glm_design *d = NULL;
        assert_int_equal(glm_design_make(&d, &rule, v, run, r->onset, FRAMES, NULL, 0, NULL, &e), 0);
        for (size_t i = 0; i < FRAMES; i++)
            for (size_t j = 0; j < VOXELS; j++) {
                double signal = j % 10 == 3 && j < 200 ? d->x[i * d->p] + 3 * d->x[i * d->p + 1] : 0;
                r->data[((size_t)(run - 1) * FRAMES + i) * VOXELS + j] = (float)(50 + signal + .5 * noise((size_t)run * FRAMES + i, 5000 + j));
            }
        glm_design_free(d);
    }
    return r;
}

static void functional_regions_recover_what_was_planted(void **state)
{
    (void)state;
    static const char *const contrasts[] = { "language=S-N", "S" };
    events *v = four_runs();
    responses *r = four_runs_of_data(v);
    glm *g = NULL;
    err e = { 0 };
    const glm_options o = { contrasts, 2, glm_design_defaults(), NOISE_AR1, NULL, "k:20", .1 };
    if (glm_runs(&g, r, v, &o, &e)) fail_msg("%s", err_text(&e));
    assert_int_equal(g->runs, 4);
    assert_string_equal(g->maps[0].name, "language");
    assert_true(g->maps[0].dof == 4 * (FRAMES - 2 - 3 - 1));
    for (size_t j = 0; j < VOXELS; j++) assert_int_equal(g->maps[0].selected[j], j < 200 && j % 10 == 3);
    const froi_table *f = g->froi;
    assert_int_equal(f->n, 2);
    assert_true(f->chosen[0] == 20 && f->voxels[0] == 200);
    assert_true(fabs(f->effect[0] - 2) < .1 && fabs(f->all[0] - .2) < .1);
    assert_true(fabs(f->condition[1] - 3) < .1 && fabs(f->condition[0] - 1) < .1);
    assert_true(fabs(f->effect[1]) < .1); /* chosen by chance, measured elsewhere: nothing */
    glm_free(g);
    responses_free(r);
    events_free(v);
}

static void errors_of_runs_name_what_is_wrong(void **state)
{
    (void)state;
    static const char *const absent[] = { "S-fixation" }, *const good[] = { "S-N" };
    events *v = four_runs();
    responses *r = four_runs_of_data(v);
    glm *g = NULL;
    err e = { 0 };
    glm_options o = { absent, 1, glm_design_defaults(), NOISE_AR1, NULL, "q:.05", 0 };
    assert_int_equal(glm_runs(&g, r, v, &o, &e), -1);
    assert_non_null(strstr(e.text, "'fixation'"));
    o.contrasts = good;
    for (size_t i = 12; i < 24; i++) v->condition[i] = 1; /* no N in run 2 */
    assert_int_equal(glm_runs(&g, r, v, &o, &e), -1);
    assert_non_null(strstr(e.text, "condition N of contrast S-N has no event in run 2"));
    for (size_t i = 12; i < 24; i++) v->run[i] = 3; /* no event in run 2 */
    assert_int_equal(glm_runs(&g, r, v, &o, &e), -1);
    assert_non_null(strstr(e.text, "run 2 has no events"));
    v->run[0] = 9;
    assert_int_equal(glm_runs(&g, r, v, &o, &e), -1);
    assert_non_null(strstr(e.text, "no such run"));
    r->tr = NAN;
    assert_int_equal(glm_runs(&g, r, v, &o, &e), -1);
    assert_non_null(strstr(e.text, "time series"));
    responses_free(r);
    events_free(v);
}

/* ---- groups ---- */

static responses *subjects(size_t n)
{
    err e = { 0 };
    responses *r = responses_make(n, 60, &e);
    for (size_t i = 0; i < n; i++) {
        r->id[i] = "subject";
        for (size_t j = 0; j < 60; j++) r->data[i * 60 + j] = (float)((j == 7 ? 3 : 0) + noise(i, 9000 + j));
    }
    for (size_t j = 0; j < 60; j++) responses_label(r, j, "s1", j < 10 ? "parcel1" : j < 30 ? "parcel2" : "none", (int32_t)j, &e);
    return r;
}

static void groups_find_the_planted_voxel_and_leave_out_what_a_subject_lacks(void **state)
{
    (void)state;
    responses *r = subjects(12);
    group_result *g = NULL;
    err e = { 0 };
    const group_options o = { "q:.05", 499, 1 };
    double x[12];
    r->data[3 * 60 + 20] = NAN;
    r->data[4 * 60 + 21] = 0;
    assert_int_equal(group_maps(&g, r, &o, &e), 0);
    assert_true(g->common == 58 && g->finite == 58 && g->peak == 7);
    assert_true(isnan(g->map.t[20]) && isnan(g->map.t[21]) && isnan(g->p_fwe[20]));
    for (size_t i = 0; i < 12; i++) x[i] = (double)r->data[i * 60 + 7];
    assert_true(fabs(g->map.t[7] - one_sample(x, 12, 0).t) < 1e-12);
    assert_true(g->p_fwe[7] <= .01 && g->limit > 3 && g->limit < 8);
    assert_int_equal(g->parcels.n, 3);
    assert_true(g->parcels.voxels[0] == 10 && g->parcels.voxels[1] == 18 && g->parcels.voxels[2] == 28);
    double sum = 0;
    for (size_t j = 0; j < 10; j++) sum += g->map.t[j] / 10;
    assert_true(fabs(g->parcels.mean_t[0] - sum) < 1e-12);
    group_free(g);
    responses_free(r);
    r = subjects(1);
    assert_int_equal(group_maps(&g, r, &o, &e), -1);
    assert_non_null(strstr(e.text, "a t over subjects of 1 subject"));
    responses_free(r);
}

/* ---- images as responses ---- */

static void maps_on_two_grids_and_parcels_without_a_place_are_refused(void **state)
{
    (void)state;
    char folder[128], a[256], b[256], parcels[256], command[300];
    space s = { { 3, 2, 2 }, SPACE_SFORM, { 3, 0, 0, 0, 0, 3, 0, 0, 0, 0, 3, 0 } }, other = s;
    float data[64];
    err e = { 0 };
    responses *r = NULL;
    snprintf(folder, sizeof folder, "/tmp/broca-glm-%d", (int)getpid());
    assert_int_equal(folder_make(folder, &e), 0);
    snprintf(a, sizeof a, "%s/a.nii", folder);
    snprintf(b, sizeof b, "%s/b.nii.gz", folder);
    snprintf(parcels, sizeof parcels, "%s/p.nii", folder);
    for (size_t k = 0; k < 64; k++) data[k] = (float)(k + 1);
    data[5] = NAN;
    assert_int_equal(volume_write(a, &s, data, 1, NAN, &e), 0);
    assert_int_equal(volume_write(b, &s, data + 2, 1, NAN, &e), 0);
    const char *paths[] = { a, b };
    image_source source = { .paths = paths, .n = 2, .subject = "s1", .parcels = parcels };
    for (size_t k = 0; k < 64; k++) data[k] = (float)(k % 3);
    other.shape[0] = 5;
    other.from = SPACE_NONE;
    assert_int_equal(volume_write(parcels, &other, data, 1, NAN, &e), 0);
    assert_int_equal(responses_from_nifti(&r, &source, &e), -1);
    assert_non_null(strstr(e.text, "has no affine"));
    other = (space){ { 5, 3, 3 }, SPACE_SFORM, { 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0 } };
    assert_int_equal(volume_write(parcels, &other, data, 1, NAN, &e), 0);
    if (responses_from_nifti(&r, &source, &e)) fail_msg("%s", err_text(&e));
    assert_true(r->n == 2 && r->v == 10); /* voxels 5 and 3 are NaN in one of them */
    assert_true(r->index[3] == 4 && r->x[3] == 3 && r->y[3] == 3 && r->data[10 + 3] == 7);
    assert_string_equal(r->id[1], "b");
    assert_string_equal(r->roi[1], "parcel2"); /* 3 mm is 1.5 voxels of 2 mm: the even one, 2 */
    assert_string_equal(r->roi[0], "none");
    responses_free(r);
    s.affine[3] = 1;
    assert_int_equal(volume_write(b, &s, data, 1, NAN, &e), 0);
    assert_int_equal(responses_from_nifti(&r, &source, &e), -1);
    assert_non_null(strstr(e.text, "on another grid"));
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const char *shared = getenv("BROCA_SHARED");
    snprintf(formats, sizeof formats, "%.900s/data/formats", shared ? shared : "../shared");
    if (!file_exists(formats)) *formats = 0;
    threads_start(0);
    blas_start();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fits_equal_the_closed_form),
        cmocka_unit_test(whitening_gives_t_the_width_it_should_have),
        cmocka_unit_test(voxels_without_variance_have_no_t),
        cmocka_unit_test(a_contrast_that_the_design_cannot_tell_is_an_error),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bytes),
        cmocka_unit_test(contrasts_are_read),
        cmocka_unit_test(damaged_events_of_the_mirror_are_named),
        cmocka_unit_test(the_run_of_the_mirror_is_fitted_as_stated),
        cmocka_unit_test(functional_regions_recover_what_was_planted),
        cmocka_unit_test(errors_of_runs_name_what_is_wrong),
        cmocka_unit_test(groups_find_the_planted_voxel_and_leave_out_what_a_subject_lacks),
        cmocka_unit_test(maps_on_two_grids_and_parcels_without_a_place_are_refused),
    };
    return cmocka_run_group_tests_name("glm", tests, NULL, NULL);
}
