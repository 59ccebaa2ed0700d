/* SPDX-License-Identifier: MIT */
#include "path.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- design ---- */

static int join(double **out, const path_design *d, size_t fit, size_t *width, size_t *bands)
{
    size_t layer = fit ? (fit - 1) % d->layers : 0, at = 0;
    bool model = fit > 0, base = fit == 0 || fit > d->layers;
    err e = { 0 };
    *width = (model ? d->p[layer] : 0) + (base ? d->base_p : 0);
    *bands = model && base ? 2 : 1;
    if (!(*out = mem_new(d->n * *width + 1, sizeof **out, &e))) return -1;
    for (size_t i = 0; i < d->n; i++) {
        if (model) memcpy(*out + at, d->x[layer] + i * d->p[layer], d->p[layer] * sizeof **out);
        at += model ? d->p[layer] : 0;
        if (base) memcpy(*out + at, d->base + i * d->base_p, d->base_p * sizeof **out);
        at += base ? d->base_p : 0;
    }
    return 0;
}

int path_filter(double *y, const path *p, size_t v, err *e)
{
    return p->d->cutoff_s > 0 ? highpass(y, p->d->n, v, p->block, p->d->tr, p->d->cutoff_s, e) : 0;
}

/* Rows of the pseudo-inverse are what least squares gives for the unit vectors. */
static int invert_baseline(path *p, err *e)
{
    size_t n = p->d->n;
    double zero = 0, b, *unit = mem_new(n, sizeof *unit, e), *w = mem_new(p->d->base_p + 1, sizeof *w, e);
    int status = unit && w && (p->base_inverse = mem_new(p->d->base_p * n + 1, sizeof *unit, e)) ? 0 : -1;
    for (size_t i = 0; i < n && !status; i++) {
        unit[i] = 1;
        status = ridge_fit(p->filtered[0], n, p->d->base_p, unit, 1, &zero, true, w, &b, e);
        for (size_t j = 0; j < p->d->base_p; j++) p->base_inverse[j * n + i] = w[j];
        unit[i] = 0;
    }
    free(unit);
    free(w);
    return status;
}

void path_baseline_part(double *out, const path *p, const double *y, size_t v, err *e)
{
    size_t n = p->d->n, k = p->d->base_p;
    double *w = mem_new(k * v + 1, sizeof *w, e);
    if (!w) return;
    gemm_f8(false, false, k, v, n, 1, p->base_inverse, n, y, v, 0, w, v);
    gemm_f8(false, false, n, v, k, 1, p->d->base, k, w, v, 0, out, v);
    free(w);
}

static int make_folds(path *p, err *e)
{
    const path_design *d = p->d;
    fold_scheme outer, inner;
    fold_items items = { .n = d->n, .run = d->run, .onset = d->onset };
    if (fold_scheme_parse(&outer, d->outer_scheme, e) || folds_make(&p->outer, &outer, &items, NULL, e) || folds_inner(&inner, &outer, e)) return -1;
    if (!(p->inner = mem_new(p->outer->count, sizeof *p->inner, e)) || !(p->block = mem_new(d->n, sizeof *p->block, e))) return -1;
    for (size_t f = 0; f < p->outer->count; f++)
        if (folds_make(&p->inner[f], &inner, &items, p->outer->train + f * d->n, e)) return -1;
    return series_blocks(p->block, d->run, d->n, d->cutoff_run ? NULL : p->outer, e);
}

int path_new(path *p, const path_design *d, err *e)
{
    *p = (path){ .d = d, .n_fits = 1 + 2 * d->layers };
    if (make_folds(p, e)) return -1;
    for (size_t k = 0; k < p->n_fits; k++) {
        size_t w;
        if (join(&p->filtered[k], d, k, &p->width[k], &p->bands[k])) return -1;
        w = p->width[k];
        if (!(p->keep[k] = mem_new(p->outer->count * w + 1, 1, e))) return -1;
        for (size_t f = 0; f < p->outer->count; f++)
            for (size_t j = 0; j < w; j++)
                p->keep[k][f * w + j] = !column_constant(p->filtered[k] + j, d->n, w, p->outer->train + f * d->n);
        if (path_filter(p->filtered[k], p, w, e)) return -1;
    }
    if (!(p->gammas = mem_new(d->candidates * 2 + 1, sizeof *p->gammas, e)) || gamma_candidates(p->gammas, d->candidates, 2, 1, e)) return -1;
    return invert_baseline(p, e);
}

void path_free(path *p)
{
    for (size_t f = 0; p->inner && p->outer && f < p->outer->count; f++) folds_free(p->inner[f]);
    for (size_t k = 0; k < p->n_fits; k++) {
        free(p->filtered[k]);
        free(p->keep[k]);
    }
    folds_free(p->outer);
    free(p->inner);
    free(p->block);
    free(p->gammas);
    free(p->base_inverse);
}

/* ---- columns ---- */

int path_columns_new(path_columns *c, const path *p, size_t v, err *e)
{
    size_t F = p->outer->count;
    *c = (path_columns){ .v = v, .series = mem_new(F, sizeof *c->series, e), .sst = mem_new(F * v, sizeof(double), e) };
    if (!c->series || !c->sst) return -1;
    for (size_t f = 0; f < F; f++)
        if (!(c->series[f] = mem_new(p->d->n * v, sizeof(double), e))) return -1;
    for (size_t k = 0; k < p->n_fits; k++) {
        c->wanted[k] = mem_new(v, 1, e);
        c->r[k] = mem_new(F * v, sizeof(double), e);
        c->sse[k] = mem_new(F * v, sizeof(double), e);
        c->inner[k] = mem_new(F * v, sizeof(double), e);
        if (!c->wanted[k] || !c->r[k] || !c->sse[k] || !c->inner[k]) return -1;
    }
    return 0;
}

void path_columns_free(path_columns *c, const path *p)
{
    for (size_t f = 0; c->series && f < p->outer->count; f++) free(c->series[f]);
    for (size_t k = 0; k < p->n_fits; k++) {
        free(c->wanted[k]);
        free(c->r[k]);
        free(c->sse[k]);
        free(c->inner[k]);
        free(c->prediction[k]);
    }
    free(c->series);
    free(c->sst);
}

typedef struct { const double *series; size_t n, v; const size_t *column; } reader;

static int read_columns(void *context, size_t first, size_t width, double *out, err *e)
{
    const reader *s = context;
    (void)e;
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = 0; j < width; j++) out[i * width + j] = s->series[i * s->v + s->column[first + j]];
    return 0;
}

static int run_fit(path_columns *c, const path *p, size_t k, size_t f, const size_t *column, size_t m, err *e)
{
    const path_design *d = p->d;
    size_t n = d->n, v = c->v, t = 0, at = 0;
    const uint8_t *train = p->outer->train + f * n, *test = p->outer->test + f * n;
    const band bands[2] = { { 0, p->width[k] - (p->bands[k] > 1 ? d->base_p : 0) }, { p->width[k] - d->base_p, d->base_p } };
    reader from = { c->series[f], n, v, column };
    nested_problem q = { .x = p->filtered[k], .n = n, .p = p->width[k], .source = read_columns, .context = &from, .v = m, .train = train,
                         .test = test, .inner = p->inner[f], .alphas = d->alphas, .n_alphas = d->n_alphas, .select = SELECT_MSE,
                         .standardise = true, .bands = bands, .n_bands = p->bands[k], .divide_by_width = true,
                         .gammas = p->bands[k] > 1 ? p->gammas : NULL, .n_gammas = d->candidates };
    int status = -1;
    for (size_t i = 0; i < n; i++) t += test[i];
    fit_score *score = mem_new(m + 1, sizeof *score, e);
    double *inner = mem_new(m + 1, sizeof *inner, e), *made = c->prediction[k] ? mem_new(t * m + 1, sizeof *made, e) : NULL;
    nested_result out = { .score = score, .inner_best = inner, .prediction = made };
    if (!score || !inner || (c->prediction[k] && !made) || nested_ridge(&q, p->keep[k] + f * p->width[k], &out, e)) goto done;
    for (size_t j = 0; j < m; j++) {
        size_t to = f * v + column[j];
        c->r[k][to] = score[j].r;
        c->sse[k][to] = score[j].sse;
        c->inner[k][to] = inner[j];
        if (k == 0) c->sst[to] = score[j].sst;
    }
    for (size_t i = 0; i < n && made; i++) {
        if (!test[i]) continue;
        for (size_t j = 0; j < m; j++) c->prediction[k][i * v + column[j]] = (float)made[at * m + j];
        at++;
    }
    status = 0;
done:
    free(score);
    free(inner);
    free(made);
    return status;
}

int path_run(path_columns *c, const path *p, err *e)
{
    size_t *column = mem_new(c->v + 1, sizeof *column, e), F = p->outer->count;
    int status = column ? 0 : -1;
    for (size_t k = 0; k < p->n_fits && !status; k++) {
        size_t m = 0;
        for (size_t j = 0; j < c->v; j++)
            if (c->wanted[k][j]) column[m++] = j;
        for (size_t i = 0; i < F * c->v; i++) c->r[k][i] = c->sse[k][i] = c->inner[k][i] = NAN;
        for (size_t f = 0; f < F && !status && m; f++) status = run_fit(c, p, k, f, column, m, e);
    }
    free(column);
    return status;
}

path_score path_nested(const path_columns *c, const path *p, const size_t *column, size_t n, bool joint, bool baseline, size_t *layer)
{
    size_t F = p->outer->count, L = p->d->layers, chosen[64] = { 0 };
    path_score s = { 0, 0 };
    for (size_t f = 0; f < F && !baseline; f++) {
        double best = -INFINITY;
        for (size_t l = 0; l < L; l++) {
            double sum = 0, count = 0;
            size_t k = 1 + l + (joint ? L : 0);
            for (size_t j = 0; j < n; j++) {
                double inner = c->inner[k][f * c->v + column[j]];
                if (isnan(inner)) continue;
                sum += inner;
                count++;
            }
            if (count > 0 && sum / count > best) {
                best = sum / count;
                chosen[f] = k;
            }
        }
    }
    for (size_t f = 0; f < F && layer; f++) layer[f] = chosen[f];
    for (size_t j = 0; j < n; j++) {
        double r = 0, sse = 0, sst = 0;
        for (size_t f = 0; f < F; f++) {
            size_t at = f * c->v + column[j];
            double one = c->r[chosen[f]][at];
            r += isnan(one) ? 0 : one;
            sse += c->sse[chosen[f]][at];
            sst += c->sst[at];
        }
        s.r += r / (double)F / (double)n;
        s.r2 += (1 - sse / sst) / (double)n;
    }
    return s;
}
