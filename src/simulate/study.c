/* SPDX-License-Identifier: MIT */
/* One small study: everything drawn anew, then the nested path and the crossed jackknife (METHODS 5.6). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/simulate.h"

enum { OF_GROUP = 1 << 20, MODEL = 1, STIMULUS = 400, BASELINE = 500, MIXTURE = 1000, NOISE = 100000 }; /* what a number is drawn for */
static const double within_group = .3, phi_features = .6, phi_noise = .4, gap_s = 10, block_s = 30;
static const double alphas[] = { 1, 10, 100, 1000, 10000 };
enum { ALPHAS = sizeof alphas / sizeof *alphas, CANDIDATES = 3, BLOCKS_OF_ITEMS = 24 };
enum { PLAIN, BASE, JOINT, FITS };

struct study_plan {
    study_design d;
    int32_t *run, *block;     /* [rows] */
    size_t *group;            /* [rows] items */
    size_t blocks, held;      /* held: responses whose fits are held */
    folds *outer, **inner;
    double *gammas;
    double *left;             /* [F][1+blocks] share of a fold's test rows that are left without a block */
};

study_design study_defaults(void)
{
    return (study_design){ .subjects = 20, .rows = 120, .runs = 1, .per_group = 5, .width = 6, .base_width = 2, .stimulus = .1, .seed = 1 };
}

/* ---- plan ---- */

void study_plan_free(study_plan *p)
{
    if (!p) return;
    for (size_t f = 0; p->inner && p->outer && f < p->outer->count; f++) folds_free(p->inner[f]);
    folds_free(p->outer);
    free(p->inner);
    free(p->run);
    free(p->block);
    free(p->group);
    free(p->gammas);
    free(p->left);
    free(p);
}

static int check(const study_design *d, err *e)
{
    double sum = d->shared + d->specific + d->stimulus;
    if (d->subjects < 2) return err_set(e, ERR_USAGE, "a study needs at least 2 subjects");
    if (d->width < 2 || d->base_width < 1 || d->width > 300 || d->base_width > 100) return err_set(e, ERR_USAGE, "a study needs 2 to 300 features and 1 to 100 of the baseline");
    if (!(d->shared >= 0 && d->specific >= 0 && d->stimulus >= 0 && sum <= 1 + 1e-12))
        return err_set(e, ERR_USAGE, "shares of %g, %g and %g of the variance do not fit into 1", d->shared, d->specific, d->stimulus);
    if (!d->runs || d->rows < 24 * (d->tr_s > 0 ? d->runs : 1)) return err_set(e, ERR_USAGE, "%zu rows in %zu runs are too few", d->rows, d->runs);
    return 0;
}

/* Rows of a run are cut into blocks of 30 s; groups into about 24 blocks. */
static void make_blocks(study_plan *p)
{
    const study_design *d = &p->d;
    size_t each = d->rows / d->runs, per = d->per_group ? d->per_group : 1, groups = (d->rows + per - 1) / per;
    for (size_t i = 0; i < d->rows; i++) {
        size_t run = i / each < d->runs ? i / each : d->runs - 1;
        p->run[i] = (int32_t)run;
        p->group[i] = i / per;
    }
    if (!(d->tr_s > 0)) {
        p->blocks = groups < BLOCKS_OF_ITEMS ? groups : BLOCKS_OF_ITEMS;
        for (size_t i = 0; i < d->rows; i++) p->block[i] = (int32_t)(p->group[i] * p->blocks / groups);
        return;
    }
    for (size_t run = 0; run < d->runs; run++) {
        size_t n = 0, at = 0, m;
        for (size_t i = 0; i < d->rows; i++) n += p->run[i] == (int32_t)run;
        m = (size_t)fmax(1, floor((double)n * d->tr_s / block_s + .5));
        for (size_t i = 0; i < d->rows; i++)
            if (p->run[i] == (int32_t)run) p->block[i] = (int32_t)(p->blocks + at++ * m / n);
        p->blocks += m;
    }
}

static int make_folds(study_plan *p, err *e)
{
    const study_design *d = &p->d;
    size_t n = d->rows;
    char scheme_text[64];
    char **name = NULL, *text = NULL;
    double *onset = NULL;
    fold_scheme outer, inner;
    int status = -1;
    if (d->tr_s > 0) snprintf(scheme_text, sizeof scheme_text, "contiguous:6,gap=%g", gap_s);
    else snprintf(scheme_text, sizeof scheme_text, "group:4");
    if (!(name = mem_new(n, sizeof *name, e)) || !(text = mem_new(n, 24, e)) || !(onset = mem_new(n, sizeof *onset, e))) goto done;
    for (size_t i = 0; i < n; i++) {
        name[i] = text + 24 * i;
        snprintf(name[i], 24, "%zu", p->group[i]);
        onset[i] = d->tr_s * (double)i;
    }
    fold_items items = { .n = n, .run = p->run, .onset = onset, .group = d->tr_s > 0 ? NULL : (const char *const *)name };
    if (fold_scheme_parse(&outer, scheme_text, e) || folds_make(&p->outer, &outer, &items, NULL, e) || folds_inner(&inner, &outer, e)) goto done;
    if (!(d->tr_s > 0)) inner.k = 3;
    if (!(p->inner = mem_new(p->outer->count, sizeof *p->inner, e))) goto done;
    for (size_t f = 0; f < p->outer->count; f++)
        if (folds_make(&p->inner[f], &inner, &items, p->outer->train + f * n, e)) goto done;
    status = 0;
done:
    free(name);
    free(text);
    free(onset);
    return status;
}

static int count_left(study_plan *p, err *e)
{
    size_t F = p->outer->count, rows = 1 + p->blocks;
    if (!(p->left = mem_new(F * rows, sizeof *p->left, e))) return -1;
    for (size_t f = 0; f < F; f++)
        for (size_t b = 0; b < rows; b++) {
            double all = 0, kept = 0;
            for (size_t i = 0; i < p->d.rows; i++) {
                all += p->outer->test[f * p->d.rows + i];
                kept += p->outer->test[f * p->d.rows + i] && (b == 0 || p->block[i] != (int32_t)(b - 1));
            }
            p->left[f * rows + b] = kept / all;
        }
    return 0;
}

int study_plan_new(study_plan **out, const study_design *d, err *e)
{
    study_plan *p = NULL;
    *out = NULL;
    if (check(d, e) || !(p = mem_new(1, sizeof *p, e))) return -1;
    p->d = *d;
    p->held = d->group ? 1 + d->subjects : d->subjects;
    p->run = mem_new(d->rows, sizeof *p->run, e);
    p->block = mem_new(d->rows, sizeof *p->block, e);
    p->group = mem_new(d->rows, sizeof *p->group, e);
    p->gammas = mem_new(2 * CANDIDATES, sizeof *p->gammas, e);
    if (!p->run || !p->block || !p->group || !p->gammas) goto failed;
    make_blocks(p);
    if (p->blocks < 3) {
        err_set(e, ERR_USAGE, "%zu rows make %zu blocks for the jackknife, at least 3 are needed", d->rows, p->blocks);
        goto failed;
    }
    if (make_folds(p, e) || count_left(p, e) || gamma_candidates(p->gammas, CANDIDATES, 2, d->seed, e)) goto failed;
    *out = p;
    return 0;
failed:
    study_plan_free(p);
    return -1;
}

const folds *study_outer(const study_plan *p)
{
    return p->outer;
}

const folds *study_inner(const study_plan *p, size_t fold)
{
    return p->inner[fold];
}

/* ---- data ---- */

static double normal(const study_plan *p, size_t row, size_t what, uint32_t number)
{
    return rng_normal(p->d.seed, RNG_STUDIES, (uint32_t)row, (uint32_t)what, number);
}

/* One column of unit variance: autocorrelated within runs, or alike within groups. */
static void column(double *out, size_t stride, const study_plan *p, double phi, size_t what, uint32_t number)
{
    const study_design *d = &p->d;
    double last = 0;
    for (size_t i = 0; i < d->rows; i++) {
        double own = normal(p, i, what, number);
        if (!(d->tr_s > 0)) {
            out[i * stride] = sqrt(within_group) * normal(p, OF_GROUP + p->group[i], what, number) + sqrt(1 - within_group) * own;
            continue;
        }
        bool first = i == 0 || p->run[i] != p->run[i - 1];
        last = first ? own : phi * last + sqrt(1 - phi * phi) * own;
        out[i * stride] = last;
    }
}

void study_draw(double *x, double *base, double *y, const study_plan *p, uint32_t number)
{
    const study_design *d = &p->d;
    size_t n = d->rows, w = d->width, k = d->base_width, S = d->subjects, alike = w - 1;
    double noise = sqrt(fmax(0, 1 - d->shared - d->specific - d->stimulus)), h = d->explained_by_baseline;
    for (size_t j = 0; j < w; j++) column(x + j, w, p, phi_features, MODEL + j, number);
    for (size_t j = 0; j < k; j++) column(base + j, k, p, phi_features, BASELINE + j, number);
    for (size_t i = 0; i < n; i++) x[i * w + alike] = sqrt(.5) * (x[i * w + alike] + base[i * k]);
    for (size_t s = 0; s < S; s++) column(y + s, S, p, phi_noise, NOISE + s, number);
    for (size_t i = 0; i < n; i++) {
        double signal = 0;
        for (size_t j = 0; j < alike; j++) signal += x[i * w + j];
        signal = sqrt(1 - h) * signal / sqrt((double)alike) + sqrt(h) * base[i * k];
        for (size_t s = 0; s < S; s++) y[i * S + s] = noise * y[i * S + s] + sqrt(d->shared) * signal;
    }
    if (d->stimulus > 0) {
        double last = 0;
        for (size_t i = 0; i < n; i++) {
            double own = normal(p, i, STIMULUS, number);
            bool first = i == 0 || p->run[i] != p->run[i - 1];
            if (d->tr_s > 0) last = first ? own : phi_noise * last + sqrt(1 - phi_noise * phi_noise) * own;
            else last = sqrt(within_group) * normal(p, OF_GROUP + p->group[i], STIMULUS, number) + sqrt(1 - within_group) * own;
            for (size_t s = 0; s < S; s++) y[i * S + s] += sqrt(d->stimulus) * last;
        }
    }
    for (size_t s = 0; s < S && d->specific > 0; s++) {
        double weight[300], square = 0;
        for (size_t j = 0; j < alike; j++) {
            weight[j] = normal(p, j, MIXTURE + s, number);
            square += weight[j] * weight[j];
        }
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < alike; j++) y[i * S + s] += sqrt(d->specific / square) * weight[j] * x[i * w + j];
    }
}

/* ---- fits ---- */

typedef struct { double r, sse, sst; } one_score;
typedef struct {
    double *x[FITS], *y, *target;  /* features; subjects [n×S]; what is fitted and held [n×held] */
    size_t width[FITS];
    one_score *score[FITS];        /* [F][(1+blocks)×held] */
    fit_score *held, *own;
    size_t *of;
} workspace;

static void workspace_free(workspace *w)
{
    for (int k = 0; k < FITS; k++) {
        free(w->x[k]);
        free(w->score[k]);
    }
    free(w->y);
    free(w->target);
    free(w->held);
    free(w->own);
    free(w->of);
}

static int workspace_new(workspace *w, const study_plan *p, err *e)
{
    const study_design *d = &p->d;
    size_t n = d->rows, scores = (1 + p->blocks) * p->held;
    *w = (workspace){ .width = { d->width, d->base_width, d->width + d->base_width } };
    for (int k = 0; k < FITS; k++) {
        w->x[k] = mem_new(n * w->width[k], sizeof(double), e);
        w->score[k] = mem_new(p->outer->count * scores, sizeof **w->score, e);
        if (!w->x[k] || !w->score[k]) return -1;
    }
    w->y = mem_new(n * d->subjects, sizeof(double), e);
    w->target = mem_new(n * p->held, sizeof(double), e);
    w->held = mem_new(scores, sizeof *w->held, e);
    w->own = mem_new(p->held, sizeof *w->own, e);
    w->of = mem_new(p->held, sizeof *w->of, e);
    return w->y && w->target && w->held && w->own && w->of ? 0 : -1;
}

/* Single: the subjects themselves. Group: their mean, then the means without each. */
static void make_targets(workspace *w, const study_plan *p)
{
    size_t n = p->d.rows, S = p->d.subjects;
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t s = 0; s < S; s++) sum += w->y[i * S + s];
        for (size_t s = 0; s < S && p->d.group; s++) w->target[i * p->held + 1 + s] = (sum - w->y[i * S + s]) / (double)(S - 1);
        for (size_t s = 0; s < S && !p->d.group; s++) w->target[i * p->held + s] = w->y[i * S + s];
        if (p->d.group) w->target[i * p->held] = sum / (double)S;
    }
    for (size_t j = 0; j < p->held; j++) w->of[j] = p->d.group ? 0 : j;
    for (size_t i = 0; i < n; i++) {
        memcpy(w->x[JOINT] + i * w->width[JOINT], w->x[PLAIN] + i * w->width[PLAIN], w->width[PLAIN] * sizeof(double));
        memcpy(w->x[JOINT] + i * w->width[JOINT] + w->width[PLAIN], w->x[BASE] + i * w->width[BASE], w->width[BASE] * sizeof(double));
    }
}

typedef struct { const double *target; size_t n, held; } reader;

static int read_targets(void *context, size_t first, size_t width, double *out, err *e)
{
    const reader *r = context;
    (void)e;
    for (size_t i = 0; i < r->n; i++) memcpy(out + i * width, r->target + i * r->held + first, width * sizeof *out);
    return 0;
}

static int fit(workspace *w, const study_plan *p, int k, size_t f, err *e)
{
    size_t n = p->d.rows, scores = (1 + p->blocks) * p->held;
    const band bands[2] = { { 0, w->width[PLAIN] }, { w->width[PLAIN], w->width[BASE] } };
    reader from = { w->target, n, p->held };
    held_fits held = { .v = p->held, .source = read_targets, .context = &from, .of = w->of, .blocks = p->blocks, .block = p->block };
    nested_problem q = { .x = w->x[k], .n = n, .p = w->width[k], .source = read_targets, .context = &from, .v = p->d.group ? 1 : p->held,
                         .train = p->outer->train + f * n, .test = p->outer->test + f * n, .inner = p->inner[f], .alphas = alphas,
                         .n_alphas = ALPHAS, .select = SELECT_MSE, .standardise = true, .divide_by_width = true, .held = &held,
                         .bands = bands, .n_bands = k == JOINT ? 2 : 0, .gammas = k == JOINT ? p->gammas : NULL, .n_gammas = CANDIDATES };
    nested_result out = { .score = w->own, .held = w->held };
    if (nested_ridge(&q, NULL, &out, e)) return -1;
    for (size_t i = 0; i < scores; i++)
        w->score[k][f * scores + i] = (one_score){ isnan(w->held[i].r) ? 0 : w->held[i].r, w->held[i].sse, w->held[i].sst };
    return 0;
}

/* ---- scores ---- */

/* Of held response j without block `row - 1` (0: nothing left out). A fold counts by what is left of it, as encode has it. */
static double measure(const workspace *w, const study_plan *p, bool delta, size_t row, size_t j)
{
    size_t F = p->outer->count, scores = (1 + p->blocks) * p->held;
    double r = 0, weight = 0, sse[FITS] = { 0 }, sst = 0;
    for (size_t f = 0; f < F; f++) {
        double left = p->left[f * (1 + p->blocks) + row];
        weight += left;
        for (int k = 0; k < FITS; k++) {
            const one_score *s = &w->score[k][f * scores + row * p->held + j];
            if (k == PLAIN) r += left * s->r;
            if (k == PLAIN) sst += s->sst;
            sse[k] += s->sse;
        }
    }
    return delta ? (sse[BASE] - sse[JOINT]) / sst : r / weight;
}

static study_interval crossed(const workspace *w, const study_plan *p, bool delta, double *list)
{
    size_t S = p->d.subjects, B = p->blocks, units = p->d.group ? 1 : S;
    crossed_sample c = { .subjects = S, .blocks = B, .group = p->d.group };
    double *block = list + S;
    for (size_t j = 0; j < units; j++) c.theta += measure(w, p, delta, 0, j) / (double)units;
    for (size_t s = 0; s < S; s++) {
        size_t j = p->d.group ? 1 + s : s;
        list[s] = measure(w, p, delta, 0, j);
        for (size_t b = 0; b < B; b++) block[b] = measure(w, p, delta, 1 + b, j);
        c.mean_v_blocks += jackknife_variance(block, B, 1) / (double)S;
    }
    c.v_subjects = p->d.group ? jackknife_variance(list, S, 1) : variance_f8(list, S, 1) / (double)S;
    for (size_t b = 0; b < B; b++) {
        block[b] = 0;
        for (size_t j = 0; j < units; j++) block[b] += measure(w, p, delta, 1 + b, j) / (double)units;
    }
    c.v_blocks = jackknife_variance(block, B, 1);
    crossed_interval i = interval_crossed(&c, .95);
    return (study_interval){ c.theta, i.bounds.lo, i.bounds.hi, c.v_subjects, c.mean_v_blocks, S };
}

int study_run(study_result *out, const study_plan *p, uint32_t number, err *e)
{
    workspace w;
    double *list = mem_new(p->d.subjects + p->blocks, sizeof *list, e);
    int status = -1;
    if (workspace_new(&w, p, e) || !list) goto done;
    study_draw(w.x[PLAIN], w.x[BASE], w.y, p, number);
    make_targets(&w, p);
    for (int k = 0; k < FITS; k++)
        for (size_t f = 0; f < p->outer->count; f++)
            if (fit(&w, p, k, f, e)) {
                err_while(e, "simulated study %u", number);
                goto done;
            }
    out->r = crossed(&w, p, false, list);
    out->delta = crossed(&w, p, true, list);
    status = 0;
done:
    free(list);
    workspace_free(&w);
    return status;
}
