/* SPDX-License-Identifier: MIT */
/* Inner scores in fp64: what decides. Each (response, alpha) is predicted and scored in a panel of its own place, whichever
 * others are asked for. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ridge.h"

struct exact_space {
    double *train, *valid, *z;            /* [n×PANEL], [m×PANEL], [r×PANEL] of the columns at hand */
    double *scaled, *target, *prediction; /* [max(r,n)×PANEL], [m×PANEL], [m×PANEL] of the pairs at hand */
    double *score;                        /* [PANEL] */
};

void exact_space_free(exact_space *x)
{
    if (!x) return;
    free(x->train);
    free(x->valid);
    free(x->z);
    free(x->scaled);
    free(x->target);
    free(x->prediction);
    free(x->score);
    free(x);
}

exact_space *exact_space_new(const inner_set *s, err *e)
{
    size_t n = s->rows + 1, m = 1;
    exact_space *x = mem_new(1, sizeof *x, e);
    if (!x) return NULL;
    for (size_t k = 0; k < s->count; k++) {
        if (s->fold[k].n > n) n = s->fold[k].n;
        if (s->fold[k].left > n) n = s->fold[k].left;
        if (s->fold[k].m > m) m = s->fold[k].m;
    }
    x->train = mem_new(n * PANEL, sizeof(double), e);
    x->valid = mem_new(m * PANEL, sizeof(double), e);
    x->z = mem_new(n * PANEL, sizeof(double), e);
    x->scaled = mem_new(n * PANEL, sizeof(double), e);
    x->target = mem_new(m * PANEL, sizeof(double), e);
    x->prediction = mem_new(m * PANEL, sizeof(double), e);
    x->score = mem_new(PANEL, sizeof(double), e);
    if (x->train && x->valid && x->z && x->scaled && x->target && x->prediction && x->score) return x;
    exact_space_free(x);
    return NULL;
}

enum { TILE = 16 };

static size_t whole_tiles(size_t n)
{
    return (n + TILE - 1) / TILE * TILE;
}

/* The columns of the panel, gathered: training rows centred on their mean where a decomposition is applied. */
typedef struct {
    size_t n, wide;              /* columns, and that rounded up to a whole tile of the kernels */
    uint16_t column[PANEL];
    double mean[PANEL], sd[PANEL];
} gathered;

/* y: blocks; column c is column c % BLOCK of block c / BLOCK. */
static void gather(exact_space *x, gathered *g, const inner_rows *r, const double *const *y)
{
    const double *column[PANEL];
    g->wide = whole_tiles(g->n);
    for (size_t j = 0; j < g->n; j++) column[j] = y[g->column[j] / BLOCK] + g->column[j] % BLOCK;
    for (size_t i = 0; i < r->n; i++) {
        double *to = x->train + i * PANEL;
        for (size_t j = 0; j < g->n; j++) to[j] = column[j][r->train[i] * BLOCK];
        for (size_t j = g->n; j < g->wide; j++) to[j] = 0;
    }
    for (size_t i = 0; i < r->m; i++)
        for (size_t j = 0; j < g->n; j++) x->valid[i * PANEL + j] = column[j][r->valid[i] * BLOCK];
}

HOT static void centre(exact_space *x, gathered *g, size_t n)
{
    double square[PANEL] = { 0 };
    memset(g->mean, 0, sizeof g->mean);
    for (int pass = 0; pass < 2; pass++) { /* means may be large next to the spread */
        double sum[PANEL] = { 0 };
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < g->wide; j++) sum[j] += x->train[i * PANEL + j] - g->mean[j];
        for (size_t j = 0; j < g->wide; j++) g->mean[j] += sum[j] / (double)n;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < g->wide; j++) {
            double d = x->train[i * PANEL + j] -= g->mean[j];
            square[j] += d * d;
        }
    for (size_t j = 0; j < g->wide; j++) g->sd[j] = sqrt(square[j] / (double)n);
}

/* Scores of a panel of predictions by CONTRACT's rules (as score_fold, a column each). */
HOT static void panel_scores(double *score, const double *y, const double *p, size_t m, size_t wide, const double *sd, select_by select)
{
    double a[PANEL] = { 0 }, b[PANEL] = { 0 }, aa[PANEL] = { 0 }, bb[PANEL] = { 0 }, ab[PANEL] = { 0 };
    double lo[PANEL], hi[PANEL], size[PANEL] = { 0 };
    if (select == SELECT_MSE) {
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < wide; j++) {
                double d = y[i * PANEL + j] - p[i * PANEL + j];
                aa[j] += d * d;
            }
        for (size_t j = 0; j < wide; j++) score[j] = -aa[j] / (double)m;
        return;
    }
    for (size_t j = 0; j < wide; j++) lo[j] = hi[j] = y[j];
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < wide; j++) {
            double v = y[i * PANEL + j];
            a[j] += v;
            b[j] += p[i * PANEL + j];
            lo[j] = v < lo[j] ? v : lo[j];
            hi[j] = v > hi[j] ? v : hi[j];
            size[j] = fabs(v) > size[j] ? fabs(v) : size[j];
        }
    for (size_t j = 0; j < wide; j++) {
        a[j] /= (double)m;
        b[j] /= (double)m;
    }
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < wide; j++) {
            double dy = y[i * PANEL + j] - a[j], dp = p[i * PANEL + j] - b[j], d = y[i * PANEL + j] - p[i * PANEL + j];
            aa[j] += dy * dy;
            bb[j] += select == SELECT_R2 ? d * d : dp * dp;
            ab[j] += dy * dp;
        }
    for (size_t j = 0; j < wide; j++) {
        bool constant = !(hi[j] - lo[j] > 1e-12 * size[j]);
        if (constant) score[j] = NAN;
        else if (select == SELECT_R2) score[j] = 1 - bb[j] / aa[j];
        else if (!(sd[j] > 0) || !(sqrt(bb[j] / (double)m) > 1e-9 * sd[j])) score[j] = NAN;
        else score[j] = fmax(-1, fmin(1, ab[j] / sqrt(aa[j]) / sqrt(bb[j])));
    }
}

/* Up to PANEL pairs, whose columns stand in g at place[i]: their predictions by the decomposition. */
static void predict_factor(exact_space *x, const factor *f, const double *shrink, const gathered *g, size_t n_alphas,
                           const score_pair *pair, const uint8_t *place, size_t n)
{
    size_t wide = whole_tiles(n);
    for (size_t i = 0; i < f->r; i++) {
        const double *d = shrink + i * n_alphas, *z = x->z + i * PANEL;
        double *to = x->scaled + i * PANEL;
        for (size_t c = 0; c < n; c++) to[c] = d[pair[c].alpha] * z[place[c]];
        for (size_t c = n; c < wide; c++) to[c] = 0;
    }
    gemm_f8(false, false, f->m, wide, f->r, 1, f->apply, f->r, x->scaled, PANEL, 0, x->prediction, PANEL);
    for (size_t i = 0; i < f->m; i++)
        for (size_t c = 0; c < n; c++) x->prediction[i * PANEL + c] += g->mean[place[c]];
}

static void add_scores(exact_space *x, const gathered *g, const inner_rows *r, select_by select, const uint8_t *place, size_t n,
                       double *score, int32_t *n_nan)
{
    double sd[PANEL] = { 0 };
    for (size_t c = 0; c < n; c++) sd[c] = g->sd[place[c]];
    for (size_t i = 0; i < r->m; i++) {
        for (size_t c = 0; c < n; c++) x->target[i * PANEL + c] = x->valid[i * PANEL + place[c]];
        for (size_t c = n; c < whole_tiles(n); c++) x->target[i * PANEL + c] = 0;
    }
    panel_scores(x->score, x->target, x->prediction, r->m, whole_tiles(n), sd, select);
    for (size_t c = 0; c < n; c++) {
        if (isnan(x->score[c])) n_nan[c]++;
        else score[c] += x->score[c];
    }
}

/* Pairs of up to PANEL different columns. place[i] of each pair. */
static void score_columns(exact_space *x, gathered *g, const inner_set *s, const inner_operators *o, const nested_problem *q,
                          const double *const *y, const score_pair *pair, const uint8_t *place, size_t n, double *score, int32_t *n_nan)
{
    for (size_t k = 0; k < s->count; k++) {
        const factor *f = o->fold[k];
        gather(x, g, &s->fold[k], y);
        centre(x, g, s->fold[k].n);
        gemm_f8(true, false, f->r, g->wide, f->n, 1, f->left, f->r, x->train, PANEL, 0, x->z, PANEL);
        for (size_t first = 0; first < n; first += PANEL) {
            size_t width = n - first < PANEL ? n - first : PANEL;
            predict_factor(x, f, o->shrink[k], g, q->n_alphas, pair + first, place + first, width);
            add_scores(x, g, &s->fold[k], q->select, place + first, width, score + first, n_nan + first);
        }
    }
}

/* Training rows, for their spread, and validation rows of a fold. */
static void gather_columns(exact_space *x, gathered *g, const inner_rows *r, const double *const *y, select_by select)
{
    for (size_t i = 0; i < r->m; i++)
        for (size_t c = 0; c < g->n; c++) x->valid[i * PANEL + c] = y[c][r->valid[i]];
    if (select == SELECT_MSE) return;
    for (size_t i = 0; i < r->n; i++) {
        for (size_t c = 0; c < g->n; c++) x->train[i * PANEL + c] = y[c][r->train[i]];
        for (size_t c = g->n; c < g->wide; c++) x->train[i * PANEL + c] = 0;
    }
    centre(x, g, r->n);
}

/* By inverses an alpha has operators of its own. */
void exact_columns(exact_space *x, const inner_set *s, const left_out *l, select_by select, const double *const *y, size_t n,
                   double *score, int32_t *n_nan)
{
    uint8_t place[PANEL];
    gathered g = { .n = n, .wide = whole_tiles(n) };
    double *residual = x->scaled;
    for (size_t c = 0; c < n; c++) place[c] = (uint8_t)c;
    memset(score, 0, n * sizeof *score);
    memset(n_nan, 0, n * sizeof *n_nan);
    for (size_t i = 0; i < s->rows; i++)
        for (size_t c = 0; c < g.wide; c++) x->z[i * g.wide + c] = c < n ? y[c][i] : 0;
    left_out_apply(l, s->rows, g.wide, x->z);
    for (size_t k = 0; k < s->count; k++) {
        const inner_rows *r = &s->fold[k];
        gather_columns(x, &g, r, y, select);
        for (size_t i = 0; i < r->left; i++) memcpy(residual + i * g.wide, x->z + r->out[i] * g.wide, g.wide * sizeof *residual);
        cholesky_solve(r->left, l->own[k], g.wide, residual);
        for (size_t i = 0; i < r->m; i++)
            for (size_t c = 0; c < n; c++) x->prediction[i * PANEL + c] = x->valid[i * PANEL + c] - residual[r->place[i] * g.wide + c];
        add_scores(x, &g, r, select, place, n, score, n_nan);
    }
    for (size_t c = 0; c < n; c++) {
        int32_t count = (int32_t)s->count - n_nan[c];
        score[c] = count > 0 ? score[c] / count : NAN;
    }
}

/* Pairs of a block by inverses: alpha by alpha, up to PANEL columns at a time. */
static int by_alpha(exact_space *x, const inner_set *s, const inner_operators *o, const nested_problem *q, const double *y,
                    const score_pair *pair, size_t n, double *score, int32_t *n_nan, err *e)
{
    size_t rows = s->rows, at[PANEL];
    double part[PANEL];
    int32_t nans[PANEL];
    const double *column[PANEL];
    double *copy = mem_new(rows * PANEL + 1, sizeof *copy, e);
    if (!copy) return -1;
    for (size_t a = 0; a < q->n_alphas; a++) {
        size_t m = 0;
        for (size_t i = 0; i <= n; i++) {
            if (i < n && pair[i].alpha == a) {
                for (size_t k = 0; k < rows; k++) copy[m * rows + k] = y[k * BLOCK + pair[i].column];
                column[m] = copy + m * rows;
                at[m++] = i;
            }
            if (!m || (m < PANEL && i < n)) continue;
            exact_columns(x, s, o->inverse[a], q->select, column, m, part, nans);
            for (size_t c = 0; c < m; c++) {
                score[at[c]] = part[c];
                n_nan[at[c]] = nans[c];
            }
            m = 0;
        }
    }
    free(copy);
    return 0;
}

int exact_scores(exact_space *x, const inner_set *s, const inner_operators *o, const nested_problem *q, const double *const *y,
                 const score_pair *pair, size_t n, double *score, int32_t *n_nan, err *e)
{
    uint8_t *place;
    if (s->by_inverse) return by_alpha(x, s, o, q, *y, pair, n, score, n_nan, e);
    if (!(place = mem_new(n + 1, 1, e))) return -1;
    memset(score, 0, n * sizeof *score);
    memset(n_nan, 0, n * sizeof *n_nan);
    for (size_t first = 0; first < n;) {
        gathered g = { 0 };
        size_t last = first;
        for (; last < n; last++) {
            if (!g.n || g.column[g.n - 1] != pair[last].column) {
                if (g.n == PANEL) break;
                g.column[g.n++] = pair[last].column;
            }
            place[last] = (uint8_t)(g.n - 1);
        }
        score_columns(x, &g, s, o, q, y, pair + first, place + first, last - first, score + first, n_nan + first);
        first = last;
    }
    for (size_t i = 0; i < n; i++) {
        int32_t count = (int32_t)s->count - n_nan[i];
        score[i] = count > 0 ? score[i] / count : NAN;
    }
    free(place);
    return 0;
}
