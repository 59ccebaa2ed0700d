/* SPDX-License-Identifier: MIT */
/* Intervals, Delta and ceilings against truths that are known: many small studies of 20 subjects who read the same items, stimuli and
 * subjects drawn anew in each (METHODS 5.6, 5.9, 4.4). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"
#include "broca/simulate.h"
#include "bootstrap.h"
#include "plain.h"
#include "rows.h"

static size_t studies = 1000;

/* ---- coverage ---- */

enum { R, DELTA, MEASURES };
static const char *const measure_names[MEASURES] = { "r", "delta_r2" };

typedef struct {
    size_t n;
    study_interval *at[MEASURES]; /* [n] */
} results;

static int run_all(results *out, const study_design *d, size_t n, err *e)
{
    int failed = 0;
    study_plan *p = NULL;
    out->n = n;
    for (int m = 0; m < MEASURES; m++)
        if (!(out->at[m] = mem_new(n, sizeof **out->at, e))) return -1;
    if (study_plan_new(&p, d, e)) return -1;
#pragma omp parallel for schedule(dynamic, 4) num_threads(threads_count())
    for (size_t i = 0; i < n; i++) {
        err own = { 0 };
        study_result r;
        if (study_run(&r, p, (uint32_t)i, &own)) {
#pragma omp critical
            {
                failed = 1;
                *e = own;
            }
            continue;
        }
        out->at[R][i] = r.r;
        out->at[DELTA][i] = r.delta;
    }
    study_plan_free(p);
    return failed ? -1 : 0;
}

static double coverage(const results *r, int measure, double half(const study_interval *))
{
    const study_interval *at = r->at[measure];
    double truth = 0, inside = 0, n = (double)r->n;
    for (size_t i = 0; i < r->n; i++) truth += at[i].theta / n; /* unbiased for the expected cross-validated score */
    for (size_t i = 0; i < r->n; i++) inside += fabs(at[i].theta - truth) <= half(&at[i]);
    return inside / n;
}

static double crossed(const study_interval *i)
{
    return (i->hi - i->lo) / 2;
}

/* Blocks drawn within each subject: as if nobody shared a stimulus. */
static double within_subjects(const study_interval *i)
{
    return 1.96 * sqrt(i->v_subjects + i->mean_v_blocks / (double)i->subjects);
}

static double over_subjects(const study_interval *i)
{
    return t_quantile(.975, (double)i->subjects - 1) * sqrt(i->v_subjects);
}

typedef struct { const char *name; double shared, specific; bool group, shortcuts; } coverage_case;

/* n studies of 24 passages of so many sentences; shortcuts are seen to fail. */
static int cover(const coverage_case *c, size_t sentences, size_t n, uint64_t seed, const char *prefix, err *e)
{
    char name[96];
    results r;
    study_design d = study_defaults();
    d.rows = 24 * sentences;
    d.per_group = sentences;
    d.shared = c->shared;
    d.specific = c->specific;
    d.group = c->group;
    d.seed = seed;
    if (run_all(&r, &d, n, e)) return -1;
    for (int m = 0; m < MEASURES; m++) {
        snprintf(name, sizeof name, "coverage.%s%s.%s", prefix, c->name, measure_names[m]);
        row(name, coverage(&r, m, crossed), m == R ? .93 : .91, m == R ? .97 : .98, n);
    }
    if (c->shortcuts) {
        row("coverage.shortcut_t_over_subjects.r", coverage(&r, R, over_subjects), 0, .9, n);
        row("coverage.shortcut_blocks_drawn_within_subjects.r", coverage(&r, R, within_subjects), 0, .9, n);
    }
    for (int m = 0; m < MEASURES; m++) free(r.at[m]);
    return 0;
}

static int report_coverage(err *e)
{
    static const coverage_case cases[] = {
        { "single.shared_signal", .2, 0, false, true },
        { "single.unshared_signal", 0, .2, false, false },
        { "group.shared_signal", .2, 0, true, false },
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        coverage_case shorter = cases[k];
        shorter.shortcuts = false;
        if (cover(&cases[k], 10, studies, 100 + k, "", e)) return -1;
        /* half as many sentences lie close to a limit: four times the studies tell on which side (a share of .965 is known to .003) */
        if (cover(&shorter, 5, 4 * studies, 110 + k, "120_items.", e)) return -1;
    }
    return 0;
}

/* Why a group target has no bootstrap beside its jackknife: subjects drawn twice make the mean noisier (docs/intervals.md). */
static int report_group_bootstrap(err *e)
{
    int failed = 0;
    double truth = 0, n = (double)studies, bca = 0, percentile = 0, z0 = 0, bias = 0;
    study_plan *plan = NULL;
    study_design d = study_defaults();
    group_bootstrap *list = mem_new(studies, sizeof *list, e);
    d.rows = 240;
    d.per_group = 10;
    d.shared = .2;
    d.group = true;
    d.seed = 120;
    if (!list || study_plan_new(&plan, &d, e)) return -1;
#pragma omp parallel for schedule(dynamic, 4) num_threads(threads_count())
    for (size_t i = 0; i < studies; i++) {
        err own = { 0 };
        if (group_bootstrap_run(&list[i], &d, plan, (uint32_t)i, &own)) failed = 1;
    }
    study_plan_free(plan);
    if (failed) return err_set(e, ERR_MEMORY, "the group's bootstrap failed");
    for (size_t i = 0; i < studies; i++) truth += list[i].theta / n;
    for (size_t i = 0; i < studies; i++) {
        bca += list[i].bca.lo <= truth && truth <= list[i].bca.hi;
        percentile += list[i].percentile.lo <= truth && truth <= list[i].percentile.hi;
        z0 += list[i].z0 / n;
        bias += list[i].bias / n;
    }
    printf("     bootstrap of a group's r of %.3f: draws lie %.4f from it, z0 %.2f, percentile interval covers %.3f\n", truth, bias, z0, percentile / n);
    row("coverage.shortcut_group_bca_without_refit.r", bca / n, 0, .9, studies);
    free(list);
    return 0;
}

/* ---- Delta beside another implementation ---- */

static int report_delta(err *e)
{
    static const struct { const char *name; double explains; } cases[] = { { "none", 0 }, { "half", .5 }, { "all", 1 } };
    char name[96];
    for (size_t k = 0; k < 3; k++) {
        results r;
        int failed = 0;
        study_design d = study_defaults();
        double *other = mem_new(studies, sizeof *other, e), *ours = mem_new(studies, sizeof *ours, e);
        d.shared = .2;
        d.explained_by_baseline = cases[k].explains;
        d.subjects = 2; /* the mean over subjects has the expectation of one: two suffice */
        d.seed = 200 + k;
        if (!other || !ours || run_all(&r, &d, studies, e)) return -1;
        study_plan *plan = NULL;
        d.seed = 300 + k; /* other studies */
        if (study_plan_new(&plan, &d, e)) return -1;
#pragma omp parallel for schedule(dynamic, 4) num_threads(threads_count())
        for (size_t i = 0; i < studies; i++) {
            err own = { 0 };
            if (plain_delta(&other[i], &d, plan, (uint32_t)i, &own)) failed = 1;
            ours[i] = r.at[DELTA][i].theta;
        }
        study_plan_free(plan);
        if (failed) return err_set(e, ERR_MEMORY, "the plain implementation failed");
        double n = (double)studies, difference = mean_f8(ours, studies) - mean_f8(other, studies);
        double se = sqrt((variance_f8(ours, studies, 1) + variance_f8(other, studies, 1)) / n);
        printf("     Delta R2, baseline explains %s of the signal: %.5f, plain implementation %.5f, SE of the difference %.5f\n", cases[k].name,
               mean_f8(ours, studies), mean_f8(other, studies), se);
        snprintf(name, sizeof name, "delta_r2.baseline_explains_%s.less_expected_in_se", cases[k].name);
        row(name, difference / se, -3, 3, studies);
        for (int m = 0; m < MEASURES; m++) free(r.at[m]);
        free(other);
        free(ours);
    }
    return 0;
}

/* ---- the true signal against its ceilings ---- */

enum { VOLUMES = 300, LISTENERS = 20 };

/* Autocorrelated series of unit variance. */
static void series(double *y, size_t stride, double phi, uint32_t what, uint32_t study)
{
    double x = rng_normal(9, RNG_STUDIES, 0, what, study);
    for (uint32_t i = 0; i < VOLUMES; i++) {
        y[i * stride] = x;
        x = phi * x + sqrt(1 - phi * phi) * rng_normal(9, RNG_STUDIES, i + 1, what, study);
    }
}

typedef struct { double group, single, pairwise; } heard;

/* Signal and listeners go through the same filter by blocks; scores and agreement are means over blocks. */
static int hear(heard *h, uint32_t study, err *e)
{
    enum { BLOCKS = 6, LENGTH = VOLUMES / BLOCKS };
    static const double isc = .15;
    double signal[VOLUMES], *y = mem_new(VOLUMES * LISTENERS, sizeof *y, e), mean[VOLUMES] = { 0 }, one[VOLUMES];
    int32_t block[VOLUMES];
    int status = -1;
    *h = (heard){ 0 };
    series(signal, 1, .6, 1000, study);
    for (uint32_t s = 0; y && s < LISTENERS; s++) {
        series(y + s, LISTENERS, .4, s, study);
        for (size_t i = 0; i < VOLUMES; i++) y[i * LISTENERS + s] = sqrt(isc) * signal[i] + sqrt(1 - isc) * y[i * LISTENERS + s];
    }
    for (size_t i = 0; i < VOLUMES; i++) block[i] = (int32_t)(i / LENGTH);
    if (!y || highpass(signal, VOLUMES, 1, block, 2, 90, e) || highpass(y, VOLUMES, LISTENERS, block, 2, 90, e) ||
        series_zscore(y, VOLUMES, LISTENERS, (const uint8_t *)memset(one, 1, sizeof one), e))
        goto done;
    for (size_t i = 0; i < VOLUMES; i++)
        for (size_t s = 0; s < LISTENERS; s++) mean[i] += y[i * LISTENERS + s] / LISTENERS;
    for (size_t b = 0; b < BLOCKS; b++) {
        h->group += pearson(signal + b * LENGTH, mean + b * LENGTH, LENGTH) / BLOCKS;
        h->pairwise += pairwise_r(y + b * LENGTH * LISTENERS, LENGTH, LISTENERS) / BLOCKS;
        for (size_t s = 0; s < LISTENERS; s++) {
            for (size_t i = 0; i < LENGTH; i++) one[i] = y[(b * LENGTH + i) * LISTENERS + s];
            h->single += pearson(signal + b * LENGTH, one, LENGTH) / BLOCKS / LISTENERS;
        }
    }
    status = 0;
done:
    free(y);
    return status;
}

static int report_ceilings(err *e)
{
    double group = 0, single = 0, group_ceiling = 0, single_ceiling = 0;
    for (size_t i = 0; i < studies; i++) {
        heard h;
        if (hear(&h, (uint32_t)i, e)) return -1;
        double agreement = fmax(0, h.pairwise);
        group += h.group; /* sums: the ratio of means */
        single += h.single;
        group_ceiling += sqrt(spearman_brown(agreement, LISTENERS));
        single_ceiling += sqrt(agreement);
    }
    row("ceiling.true_signal_over_group_ceiling", group / group_ceiling, .95, 1.05, studies);
    row("ceiling.true_signal_over_single_ceiling", single / single_ceiling, .95, 1.05, studies);
    return 0;
}

/* ---- OASM: features that know nothing but which rows are neighbours ---- */

static int oasm_scores(double *r, size_t v, const char *scheme_text, double sigma, size_t *distinct, err *e)
{
    enum { BLOCKS = 6, ROWS = VOLUMES / BLOCKS };
    fold_scheme scheme, inner_scheme;
    folds *outer = NULL, *inner = NULL;
    double *x = mem_new(VOLUMES * VOLUMES, sizeof *x, e), *y = mem_new(VOLUMES * v, sizeof *y, e), alphas[] = { 1, 10, 100, 1000 };
    int32_t *block = mem_new(VOLUMES, sizeof *block, e); /* one run */
    fit_score *score = mem_new(v, sizeof *score, e);
    int status = -1;
    *distinct = 0;
    if (!x || !y || !block || !score || oasm_features(x, block, VOLUMES, sigma, e) || fold_scheme_parse(&scheme, scheme_text, e)) goto done;
    if (folds_make(&outer, &scheme, &(fold_items){ .n = VOLUMES }, NULL, e) || folds_inner(&inner_scheme, &scheme, e)) goto done;
    for (size_t j = 0; j < v; j++) {
        r[j] = 0;
        series(y + j, v, .9, 2000 + (uint32_t)j, 0);
    }
    for (size_t f = 0; f < outer->count; f++) {
        const uint8_t *train = outer->train + f * VOLUMES;
        nested_problem q = { .x = x, .n = VOLUMES, .p = VOLUMES, .y = y, .v = v, .train = train, .test = outer->test + f * VOLUMES,
                             .alphas = alphas, .n_alphas = 4, .select = SELECT_MSE };
        nested_result out = { .score = score };
        if (folds_make(&inner, &inner_scheme, &(fold_items){ .n = VOLUMES }, train, e)) goto done;
        q.inner = inner;
        if (nested_ridge(&q, NULL, &out, e)) goto done;
        folds_free(inner);
        inner = NULL;
        for (size_t j = 0; j < v; j++) {
            r[j] += (isnan(score[j].r) ? 0 : score[j].r) / (double)outer->count;
            *distinct += isnan(score[j].r) ? 0 : 1;
        }
    }
    status = 0;
done:
    folds_free(outer);
    folds_free(inner);
    free(x);
    free(y);
    free(block);
    free(score);
    return status;
}

static int report_oasm(err *e)
{
    enum { COLUMNS = 100 };
    double r[COLUMNS];
    size_t distinct = 0;
    if (oasm_scores(r, COLUMNS, "random:6", 1, &distinct, e)) return -1;
    row("oasm.shuffled_folds.mean_r", mean_f8(r, COLUMNS), .4, 1, COLUMNS);
    if (oasm_scores(r, COLUMNS, "contiguous:6,gap=8", 1, &distinct, e)) return -1; /* 2·floor(4·1 + 1/2) rows */
    row("oasm.contiguous_folds.mean_r", mean_f8(r, COLUMNS), 0, 0, COLUMNS);
    row("oasm.contiguous_folds.predictions_that_vary", (double)distinct, 0, 0, COLUMNS);
    return 0;
}

int main(int argc, char **argv)
{
    err e = { 0 };
    int status = 1;
    if (argc != 2) {
        fprintf(stderr, "usage: studies CALIBRATE.tsv\n");
        return 2;
    }
    if (getenv("CALIBRATE_STUDIES")) parse_size(getenv("CALIBRATE_STUDIES"), &studies);
    blas_start();
    threads_start(0);
    if (rows_open(argv[1]) || report_ceilings(&e) || report_oasm(&e) || report_coverage(&e) || report_group_bootstrap(&e) || report_delta(&e)) goto done;
    status = rows_close();
done:
    if (e.kind) fprintf(stderr, "calibrate: %s\n", err_text(&e));
    return status;
}
