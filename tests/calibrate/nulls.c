/* SPDX-License-Identifier: MIT */
/* Are the nulls calibrated? (METHODS 5.9.) Listeners whose responses have nothing to do with the story, phase-randomised ones of
 * alice2016 or simulated ones, go the whole path: filter, folds, alpha and gamma, the layer chosen anew, the Delta over the
 * baseline by Freedman and Lane; p from rotations that are refitted. All of them and all their rotations are columns of one run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alice.h"
#include "rows.h"

static const double level = .05;
static size_t surrogates = 500, batch_size = 25, rotations = 20, single_subjects = 6, single_rois = 2;
enum { GROUP_R, GROUP_DELTA, SINGLE_R, SINGLE_DELTA, GROUP_R_NO_REFIT, SINGLE_R_NO_REFIT, TESTS };
static const char *const test_names[TESTS] = { "group_r", "group_delta_r2", "single_r", "single_delta_r2", "group_r", "single_r" };

typedef struct {
    const listeners *a;
    const path *p;
    bool simulated;
    size_t G, C;              /* group columns (a region each), all columns of one data set */
    double *beyond[TESTS], *score[TESTS], *null_mean[TESTS]; /* [surrogates] null scores at least as high, the score, their mean */
    uint8_t *done;            /* [surrogates] */
    char kept[1024];          /* file of what is finished: the same settings go on from there */
    char settings[128];
} study;

/* ---- one data set ---- */

/* Autocorrelated noise: half of the variance is shared by all listeners, region by region. */
static void simulate(double *y, const listeners *a, uint32_t number)
{
    static const double phi = .7;
    size_t n = a->design.n;
    for (size_t j = 0; j < a->v; j++) {
        double own = 0, shared = 0;
        for (size_t i = 0; i < n + 50; i++) { /* 50 volumes until the start is forgotten */
            uint32_t t = (uint32_t)i, roi = (uint32_t)(j % a->rois);
            own = phi * own + rng_normal(number, RNG_STUDIES, t, 1000 + (uint32_t)j, 0);
            shared = phi * shared + rng_normal(number, RNG_STUDIES, t, roi, 0);
            if (i >= 50) y[(i - 50) * a->v + j] = own + shared;
        }
    }
}

static int make(double *y, const study *s, size_t number, err *e)
{
    const listeners *a = s->a;
    if (s->simulated) {
        simulate(y, a, (uint32_t)number);
        return 0;
    }
    return phase_surrogate(y, a->y, a->design.n, a->v, NULL, 2026, (uint32_t)number, e);
}

/* Filtered series y [n×v] into the columns of data set `at` of this batch: for each fold the group's means of z-scored series, and
 * some single listeners. */
static void place(path_columns *c, const study *s, const double *y, size_t at)
{
    const listeners *a = s->a;
    size_t n = a->design.n, v = a->v;
    for (size_t f = 0; f < s->p->outer->count; f++) {
        const uint8_t *train = s->p->outer->train + f * n;
        double *to = c->series[f] + at * s->C;
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < s->C; k++) to[i * c->v + k] = 0;
        for (size_t j = 0; j < v; j++) {
            double mean = 0, square = 0, count = 0;
            for (size_t i = 0; i < n; i++)
                if (train[i]) {
                    mean += y[i * v + j];
                    square += y[i * v + j] * y[i * v + j];
                    count++;
                }
            mean /= count;
            double sd = sqrt(square / count - mean * mean);
            for (size_t i = 0; i < n; i++) to[i * c->v + j % a->rois] += (y[i * v + j] - mean) / sd / (double)a->subjects;
        }
        for (size_t k = 0; k < single_subjects; k++)
            for (size_t g = 0; g < single_rois; g++)
                for (size_t i = 0; i < n; i++) to[i * c->v + s->G + k * single_rois + g] = y[i * v + k * a->rois + g];
    }
}

/* lag of rotation k (from 1) of a data set: without replacement from [15, n - 15]. */
static void draw_lags(size_t *lag, size_t number, size_t n)
{
    size_t m = n - 29, *all = malloc(m * sizeof *all);
    for (size_t i = 0; i < m; i++) all[i] = 15 + i;
    rng_shuffle(all, m, 77, RNG_STUDIES, (uint32_t)number, 7);
    memcpy(lag, all, rotations * sizeof *lag);
    free(all);
}

typedef struct { double *y, *rest, *base, *work; size_t *lag; } space;

static void rotate(double *out, const double *y, size_t n, size_t v, size_t lag)
{
    for (size_t i = 0; i < n; i++) memcpy(out + ((i + lag) % n) * v, y + i * v, v * sizeof *y);
}

static int fill_one(path_columns *c, const study *s, space *w, size_t number, size_t in_batch, err *e)
{
    const listeners *a = s->a;
    size_t n = a->design.n, v = a->v, first = in_batch * (1 + 2 * rotations), cells = n * v;
    if (make(w->y, s, number, e)) return -1;
    draw_lags(w->lag, number, n);
    memcpy(w->work, w->y, cells * sizeof *w->y);
    if (path_filter(w->work, s->p, v, e)) return -1;
    place(c, s, w->work, first);
    path_baseline_part(w->base, s->p, w->work, v, e);
    for (size_t i = 0; i < cells; i++) w->rest[i] = w->y[i] - w->base[i];
    for (size_t k = 0; k < rotations; k++) {
        rotate(w->work, w->y, n, v, w->lag[k]);
        if (path_filter(w->work, s->p, v, e)) return -1;
        place(c, s, w->work, first + 1 + k);
        rotate(w->work, w->rest, n, v, w->lag[k]);
        for (size_t i = 0; i < cells; i++) w->work[i] += w->base[i];
        if (path_filter(w->work, s->p, v, e)) return -1;
        place(c, s, w->work, first + 1 + rotations + k);
    }
    return 0;
}

static int fill(path_columns *c, const study *s, const size_t *number, size_t count, err *e)
{
    int failed = 0;
    size_t cells = s->a->design.n * s->a->v;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_count())
    for (size_t i = 0; i < count; i++) {
        err own = { 0 };
        space w = { mem_new(cells, 8, &own), mem_new(cells, 8, &own), mem_new(cells, 8, &own), mem_new(cells, 8, &own),
                    mem_new(rotations, sizeof(size_t), &own) };
        if (!w.y || !w.rest || !w.base || !w.work || !w.lag || fill_one(c, s, &w, number[i], i, &own)) {
#pragma omp critical
            {
                failed = 1;
                *e = own;
            }
        }
        free(w.y);
        free(w.rest);
        free(w.base);
        free(w.work);
        free(w.lag);
    }
    for (size_t j = 0; j < c->v; j++) { /* rotations: the layers alone; Freedman and Lane's: with the baseline */
        size_t refit = j / s->C % (1 + 2 * rotations), L = s->p->d->layers;
        c->wanted[0][j] = 1;
        for (size_t l = 0; l < L; l++) {
            c->wanted[1 + l][j] = refit <= rotations;
            c->wanted[1 + L + l][j] = refit == 0 || refit > rotations;
        }
    }
    return failed ? -1 : 0;
}

/* ---- its tests ---- */

/* Mean over units that choose their layer together: the group's regions, or each listener's own. */
static path_score score_of(const path_columns *c, const study *s, size_t data, bool single, bool joint, bool baseline, size_t *layer)
{
    size_t column[256], units = single ? single_subjects : 1, wide = single ? single_rois : s->G;
    path_score sum = { 0, 0 };
    for (size_t k = 0; k < units; k++) {
        for (size_t g = 0; g < wide; g++) column[g] = data * s->C + (single ? s->G + k * single_rois : 0) + g;
        path_score one = path_nested(c, s->p, column, wide, joint, baseline, layer ? layer + k * s->p->outer->count : NULL);
        sum.r += one.r / (double)units;
        sum.r2 += one.r2 / (double)units;
    }
    return sum;
}

/* Mean r of the same predictions when they are rotated against the responses: the shortcut. */
static double rotated_r(const path_columns *c, const study *s, size_t data, bool single, const size_t *layer, size_t lag)
{
    size_t n = s->a->design.n, F = s->p->outer->count, units = single ? single_subjects : 1, wide = single ? single_rois : s->G;
    double sum = 0, *y = malloc(n * sizeof *y), *p = malloc(n * sizeof *p);
    for (size_t k = 0; k < units; k++)
        for (size_t g = 0; g < wide; g++) {
            size_t column = data * s->C + (single ? s->G + k * single_rois : 0) + g;
            for (size_t f = 0; f < F; f++)
                for (size_t i = 0; i < n; i++) {
                    if (!s->p->outer->test[f * n + i]) continue;
                    y[i] = c->series[f][i * c->v + column];
                    p[(i + lag) % n] = (double)c->prediction[layer[k * F + f]][i * c->v + column];
                }
            for (size_t f = 0; f < F; f++) {
                size_t m = 0, first = 0;
                for (size_t i = 0; i < n; i++) {
                    if (!s->p->outer->test[f * n + i]) continue;
                    if (!m) first = i;
                    m++;
                }
                double r = pearson(y + first, p + first, m); /* test blocks are contiguous */
                sum += (isnan(r) ? 0 : r) / (double)(F * units * wide);
            }
        }
    free(y);
    free(p);
    return sum;
}

static void take(study *s, int test, size_t number, double observed, const double *null)
{
    s->beyond[test][number] = s->null_mean[test][number] = 0;
    s->score[test][number] = observed;
    for (size_t k = 0; k < rotations; k++) {
        s->null_mean[test][number] += null[k] / (double)rotations;
        s->beyond[test][number] += null[k] >= observed;
    }
}

/* ---- what is finished ---- */

static void read_kept(study *s)
{
    char line[256];
    FILE *f = fopen(s->kept, "r");
    if (!f) return;
    if (fgets(line, sizeof line, f) && strncmp(line, s->settings, strlen(s->settings)) == 0)
        while (fgets(line, sizeof line, f)) {
            size_t one;
            int test;
            double score, mean, beyond;
            if (sscanf(line, "%zu\t%d\t%lf\t%lf\t%lf", &one, &test, &score, &mean, &beyond) != 5 || one >= surrogates || test < 0 || test >= TESTS)
                break;
            s->score[test][one] = score;
            s->null_mean[test][one] = mean;
            s->beyond[test][one] = beyond;
            s->done[one] = test == TESTS - 1; /* the last line of a data set */
        }
    fclose(f);
}

static int write_kept(const study *s)
{
    FILE *f = fopen(s->kept, "w");
    if (!f) return -1;
    fprintf(f, "%s\n", s->settings);
    for (size_t i = 0; i < surrogates; i++)
        for (int t = 0; t < TESTS && s->done[i]; t++)
            fprintf(f, "%zu\t%d\t%.17g\t%.17g\t%.0f\n", i, t, s->score[t][i], s->null_mean[t][i], s->beyond[t][i]);
    return fclose(f);
}

static void test_one(study *s, const path_columns *c, size_t number, size_t in_batch)
{
    size_t first = in_batch * (1 + 2 * rotations), lag[1024], layer[64 * 32];
    double null[1024], delta[1024], shortcut[1024];
    draw_lags(lag, number, s->a->design.n);
    for (int single = 0; single < 2; single++) {
        double observed = score_of(c, s, first, single, false, false, layer).r;
        double gain = score_of(c, s, first, single, true, false, NULL).r2 - score_of(c, s, first, single, false, true, NULL).r2;
        for (size_t k = 0; k < rotations; k++) {
            size_t other = first + 1 + rotations + k;
            null[k] = score_of(c, s, first + 1 + k, single, false, false, NULL).r;
            delta[k] = score_of(c, s, other, single, true, false, NULL).r2 - score_of(c, s, other, single, false, true, NULL).r2;
            shortcut[k] = rotated_r(c, s, first, single, layer, lag[k]);
        }
        take(s, single ? SINGLE_R : GROUP_R, number, observed, null);
        take(s, single ? SINGLE_DELTA : GROUP_DELTA, number, gain, delta);
        take(s, single ? SINGLE_R_NO_REFIT : GROUP_R_NO_REFIT, number, observed, shortcut);
    }
}

static int run_batch(study *s, const size_t *number, size_t count, err *e)
{
    path_columns c;
    int status = -1;
    if (path_columns_new(&c, s->p, count * (1 + 2 * rotations) * s->C, e)) goto done;
    for (size_t l = 0; l < s->p->d->layers; l++)
        if (!(c.prediction[1 + l] = mem_new(s->a->design.n * c.v, sizeof(float), e))) goto done;
    if (fill(&c, s, number, count, e) || path_run(&c, s->p, e)) goto done;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_count())
    for (size_t i = 0; i < count; i++) test_one(s, &c, number[i], i);
    for (size_t i = 0; i < count; i++) s->done[number[i]] = 1;
    status = write_kept(s) ? err_system(e, "%s", s->kept) : 0;
done:
    path_columns_free(&c, s->p);
    return status;
}

/* ---- rows ---- */

/* p of every data set, for drawing: CALIBRATE.p.tsv. */
static int write_p(const study *s, const char *tsv, const char *what)
{
    char file[1024];
    size_t stem = strlen(tsv) - (str_ends(tsv, ".tsv") ? 4 : 0), steps = 1 + rotations;
    snprintf(file, sizeof file, "%.*s.p.tsv", (int)stem, tsv);
    FILE *f = fopen(file, s->simulated ? "a" : "w");
    if (!f) return -1;
    if (!s->simulated) fprintf(f, "data\ttest\tnumber\tp\tsteps\tscore\tnull_mean\n");
    for (int t = 0; t < TESTS; t++)
        for (size_t i = 0; i < surrogates; i++)
            fprintf(f, "%s\t%s%s\t%zu\t%.6g\t%zu\t%.6g\t%.6g\n", what, test_names[t], t >= GROUP_R_NO_REFIT ? "_no_refit" : "", i,
                    (1 + s->beyond[t][i]) / (double)steps, steps, s->score[t][i], s->null_mean[t][i]);
    return fclose(f);
}

static void report(study *s, const char *what)
{
    char name[128];
    double n = (double)surrogates, spread = 2.576 * sqrt(level * (1 - level) * n);
    /* 13-38 of 500: the central 99 % of a binomial count at .05 */
    double lo = surrogates == 500 ? 13 : ceil(level * n - spread), hi = surrogates == 500 ? 38 : floor(level * n + spread);
    for (int t = 0; t < TESTS; t++) {
        double count = 0, *d = malloc(surrogates * sizeof *d), *u = malloc(surrogates * sizeof *u);
        for (size_t i = 0; i < surrogates; i++) {
            count += (1 + s->beyond[t][i]) / (1 + (double)rotations) < level;
            d[i] = s->score[t][i] - s->null_mean[t][i];
            /* p is discrete: spread within its step */
            u[i] = (s->beyond[t][i] + rng_uniform(5, RNG_STUDIES, (uint32_t)i, (uint32_t)t, 9)) / (1 + (double)rotations);
        }
        if (t == GROUP_R_NO_REFIT || t == SINGLE_R_NO_REFIT) { /* seen to fail: more false positives than chance allows */
            snprintf(name, sizeof name, "%s.shortcut_rotation_without_refit.%s", what, test_names[t]);
            row(name, count, hi + 1, n, surrogates);
        } else {
            snprintf(name, sizeof name, "%s.false_positives.%s", what, test_names[t]);
            row(name, count, lo, hi, surrogates);
            snprintf(name, sizeof name, "%s.uniform_p_ks.%s", what, test_names[t]);
            row(name, uniform_p(u, surrogates), .01, 1, surrogates);
            snprintf(name, sizeof name, "%s.mean_score_less_null_mean_in_se.%s", what, test_names[t]);
            row(name, mean_f8(d, surrogates) / sqrt(variance_f8(d, surrogates, 1) / n), -3, 3, surrogates);
        }
        free(d);
        free(u);
    }
}

static int run_study(const listeners *a, const path *p, const char *tsv, bool simulated, err *e)
{
    study s = { .a = a, .p = p, .simulated = simulated, .G = a->rois, .C = a->rois + single_subjects * single_rois };
    const char *name = simulated ? "simulated_noise" : "alice_surrogates";
    double started = clock_s(), cpu = clock_cpu_s();
    size_t number[256], finished = 0;
    int status = -1;
    snprintf(s.kept, sizeof s.kept, "%.900s.%s", tsv, name);
    snprintf(s.settings, sizeof s.settings, "# %zu data sets, %zu rotations, %zu single listeners x %zu regions", surrogates, rotations,
             single_subjects, single_rois);
    s.done = mem_new(surrogates, 1, e);
    for (int t = 0; t < TESTS; t++) {
        s.beyond[t] = mem_new(surrogates, sizeof(double), e);
        s.score[t] = mem_new(surrogates, sizeof(double), e);
        s.null_mean[t] = mem_new(surrogates, sizeof(double), e);
        if (!s.done || !s.beyond[t] || !s.score[t] || !s.null_mean[t]) goto done;
    }
    read_kept(&s);
    for (;;) {
        size_t count = 0;
        finished = 0;
        for (size_t i = 0; i < surrogates; i++) {
            finished += s.done[i];
            if (!s.done[i] && count < batch_size) number[count++] = i;
        }
        if (finished) fprintf(stderr, "calibrate: %s: %zu of %zu data sets, %.0f s, %.0f s of processor\n", name, finished, surrogates,
                              clock_s() - started, clock_cpu_s() - cpu);
        if (!count) break;
        if (run_batch(&s, number, count, e)) goto done;
    }
    report(&s, name);
    status = write_p(&s, tsv, name) ? err_system(e, "%s", tsv) : 0;
done:
    free(s.done);
    for (int t = 0; t < TESTS; t++) {
        free(s.beyond[t]);
        free(s.score[t]);
        free(s.null_mean[t]);
    }
    return status;
}

/* ---- shortcuts that leak: their mean score on pure autocorrelated noise is not 0 ---- */

static int leak(const listeners *a, const char *scheme, bool filter_run, double cutoff_s, double *mean, double *se, size_t *n, err *e)
{
    path p = { 0 };
    path_columns c = { 0 };
    path_design d = a->design;
    int status = -1;
    size_t v = 4 * a->v, rows = d.n;
    double *r = mem_new(v, sizeof *r, e);
    d.outer_scheme = scheme;
    d.cutoff_run = filter_run;
    d.cutoff_s = cutoff_s;
    d.layers = 1;
    if (!r || path_new(&p, &d, e) || path_columns_new(&c, &p, v, e)) goto done;
    for (size_t j = 0; j < v; j++) {
        double noise = 0;
        for (size_t i = 0; i < rows + 50; i++) {
            noise = .7 * noise + rng_normal(31, RNG_STUDIES, (uint32_t)i, (uint32_t)j, 3);
            if (i >= 50) c.series[0][(i - 50) * v + j] = noise;
        }
        c.wanted[0][j] = c.wanted[1][j] = 1;
    }
    if (path_filter(c.series[0], &p, v, e)) goto done;
    for (size_t f = 1; f < p.outer->count; f++) memcpy(c.series[f], c.series[0], rows * v * sizeof(double));
    if (path_run(&c, &p, e)) goto done;
    for (size_t j = 0; j < v; j++) r[j] = path_nested(&c, &p, &j, 1, false, false, NULL).r;
    *mean = mean_f8(r, v);
    *se = sqrt(variance_f8(r, v, 1) / (double)v);
    *n = v;
    status = 0;
done:
    path_columns_free(&c, &p);
    path_free(&p);
    free(r);
    return status;
}

static int report_leaks(const listeners *a, err *e)
{
    static const struct { const char *name, *scheme; bool run, leaks; double cutoff; } cases[] = {
        { "noise.mean_r.contiguous_folds", "contiguous:6,gap=10", false, false, 0 },
        { "noise.mean_r.filter_by_fold_block", "contiguous:6,gap=10", false, false, 128 },
        { "noise.shortcut_whole_run_filter.mean_r", "contiguous:6,gap=10", true, true, 128 },
        { "noise.shortcut_shuffled_folds.mean_r", "random:6", true, true, 128 },
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        double mean, se;
        size_t n;
        if (leak(a, cases[k].scheme, cases[k].run, cases[k].cutoff, &mean, &se, &n, e)) return -1;
        /* columns are independent, but share the features: 4 SE */
        row(cases[k].name, mean, cases[k].leaks ? 4 * se : -4 * se, cases[k].leaks ? 1 : 4 * se, n);
    }
    return 0;
}

static void environment(const char *name, size_t *value)
{
    const char *text = getenv(name);
    if (text) parse_size(text, value);
}

int main(int argc, char **argv)
{
    static const char *const taps[] = { "h.0", "h.1" };
    static double alphas[] = { 1, 10, 100, 1e3, 1e4, 1e5, 1e6 };
    listeners a = { 0 };
    path p = { 0 };
    err e = { 0 };
    int status = 1;
    if (argc != 3) {
        fprintf(stderr, "usage: nulls RESULTS/alice CALIBRATE.tsv\n");
        return 2;
    }
    environment("CALIBRATE_SURROGATES", &surrogates);
    environment("CALIBRATE_ROTATIONS", &rotations);
    environment("CALIBRATE_BATCH", &batch_size);
    environment("CALIBRATE_SUBJECTS", &single_subjects);
    environment("CALIBRATE_ROIS", &single_rois);
    if (batch_size > 256 || rotations > 320 || single_subjects > 27 || single_rois > 6) return 2;
    blas_start();
    threads_start(0);
    if (rows_open(argv[2]) || listeners_read(&a, argv[1], taps, 2, &e)) goto done;
    a.design.outer_scheme = "contiguous:6,gap=10";
    a.design.cutoff_s = 128;
    a.design.candidates = 3; /* the corners and equal weights */
    a.design.alphas = alphas;
    a.design.n_alphas = sizeof alphas / sizeof *alphas;
    if (path_new(&p, &a.design, &e) || report_leaks(&a, &e) || run_study(&a, &p, argv[2], false, &e)) goto done;
    if (run_study(&a, &p, argv[2], true, &e)) goto done;
    status = rows_close();
done:
    if (e.kind) fprintf(stderr, "calibrate: %s\n", err_text(&e));
    path_free(&p);
    listeners_free(&a);
    return status;
}
