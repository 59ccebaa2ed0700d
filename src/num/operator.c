/* SPDX-License-Identifier: MIT */
/* Exact operators of the inner folds, for one candidate of gamma. Two ways:
 * - a decomposition an inner fold (factor.c), which serves any number of alphas;
 * - for large kernels and few alphas one inverse an alpha serves every inner fold. With G = (K + alpha I)^-1 on the outer
 *   training rows and G~ = G - G11'G/(1'G1) (the free intercept), the residuals of a left-out block R are exactly
 *   e_R = (G~_RR)^-1 (G~ y)_R: one Cholesky inverse and a solve a block instead of a decomposition a block. (Block form of the leave-one-out identity; Golub, Heath and Wahba 1979.) */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ridge.h"

void inner_set_free(inner_set *s)
{
    if (!s) return;
    for (size_t k = 0; s->fold && k < s->count; k++) {
        size_t *owned[] = { s->fold[k].train, s->fold[k].valid, s->fold[k].out, s->fold[k].place };
        for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
    }
    free(s->fold);
    free(s);
}

int inner_set_new(inner_set **out, const fold_features *f, const nested_problem *q, err *e)
{
    inner_set *s = mem_new(1, sizeof *s, e);
    *out = NULL;
    if (!s) return -1;
    s->smallest_alpha = INFINITY;
    for (size_t a = 0; a < q->n_alphas; a++) s->smallest_alpha = fmin(s->smallest_alpha, q->alphas[a]);
    s->count = q->inner ? q->inner->count : 0;
    s->rows = f->n;
    if (!(s->fold = mem_new(s->count + 1, sizeof *s->fold, e))) goto failed;
    for (size_t k = 0; k < s->count; k++) {
        inner_rows *r = &s->fold[k];
        r->train = mem_new(f->n + 1, sizeof *r->train, e);
        r->valid = mem_new(f->n + 1, sizeof *r->valid, e);
        r->out = mem_new(f->n + 1, sizeof *r->out, e);
        r->place = mem_new(f->n + 1, sizeof *r->place, e);
        if (!r->train || !r->valid || !r->out || !r->place) goto failed;
        for (size_t i = 0; i < f->n; i++) {
            size_t at = k * q->n + f->train_row[i];
            if (q->inner->train[at]) r->train[r->n++] = i;
            if (q->inner->test[at]) {
                r->place[r->m] = r->left;
                r->valid[r->m++] = i;
            }
            if (!q->inner->train[at]) r->out[r->left++] = i;
        }
        if (r->n < 2 || r->m < 1) {
            err_set(e, ERR_INPUT, "inner fold %zu has %zu training and %zu validation rows", k + 1, r->n, r->m);
            goto failed;
        }
    }
    s->by_inverse = f->kernel && f->n >= INVERSE_ROWS && q->n_alphas <= INVERSE_ALPHAS && s->count && q->by == INNER_FOLDS;
    if (s->by_inverse) { /* alpha well above the rounding of the kernel, as in factor.c */
        double trace = 0;
        for (size_t b = 0; b < f->n_bands; b++)
            for (size_t i = 0; i < f->n; i++) trace += f->kernel[(b * (f->n + f->t) + i) * f->n + i];
        s->by_inverse = s->smallest_alpha >= 1e-7 * trace;
    }
    *out = s;
    return 0;
failed:
    inner_set_free(s);
    return -1;
}

void inner_operators_free(inner_operators *o, const inner_set *s, size_t n_alphas)
{
    if (!o) return;
    for (size_t k = 0; k < s->count; k++) {
        if (o->fold) factor_free(o->fold[k]);
        if (o->shrink) free(o->shrink[k]);
    }
    factor_free(o->whole);
    for (size_t a = 0; o->inverse && a < n_alphas; a++) left_out_free(o->inverse[a], s->count);
    free(o->shrink);
    free(o->fold);
    free(o->inverse);
    free(o);
}

/* ---- a decomposition a fold ---- */

static double *shrink_table(const factor *f, const nested_problem *q, err *e)
{
    double *d = mem_new(f->r * q->n_alphas + 1, sizeof *d, e);
    for (size_t i = 0; d && i < f->r; i++)
        for (size_t a = 0; a < q->n_alphas; a++) d[i * q->n_alphas + a] = factor_shrink(f, i, q->alphas[a]);
    return d;
}

static int decompose_whole(inner_operators *o, const fold_features *f, const inner_set *s, err *e)
{
    size_t *all = mem_new(f->n + f->t, sizeof *all, e);
    if (!all) return -1;
    for (size_t i = 0; i < f->n + f->t; i++) all[i] = i;
    factor_plan plan = { .train = all, .predict = all + f->n, .n = f->n, .m = f->t, .smallest_alpha = s->smallest_alpha };
    int status = factor_new(&o->whole, f, &plan, e);
    free(all);
    return status;
}

static int decompose_fold(inner_operators *o, const fold_features *f, const inner_set *s, const nested_problem *q, const double *gamma,
                          size_t k, err *e)
{
    factor_plan plan = { .gamma = gamma, .train = s->fold[k].train, .predict = s->fold[k].valid, .n = s->fold[k].n, .m = s->fold[k].m,
                         .smallest_alpha = s->smallest_alpha };
    if (!factor_new(&o->fold[k], f, &plan, e) && (o->shrink[k] = shrink_table(o->fold[k], q, e))) return 0;
    return err_while(e, "decomposing inner fold %zu", k + 1);
}

static int decompose(inner_operators *o, const fold_features *f, const inner_set *s, const nested_problem *q, const double *gamma,
                     err *e)
{
    int failed = 0;
    o->fold = mem_new(s->count + 1, sizeof *o->fold, e);
    o->shrink = mem_new(s->count + 1, sizeof *o->shrink, e);
    if (!o->fold || !o->shrink) return -1;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_count())
    for (size_t task = 0; task < s->count + s->whole; task++) { /* the largest first */
        err own = { 0 };
        if (s->whole && !task ? !decompose_whole(o, f, s, &own) : !decompose_fold(o, f, s, q, gamma, task - s->whole, &own)) continue;
#pragma omp critical(broca_operator)
        {
            if (!failed) *e = own;
            failed = 1;
        }
    }
    return failed ? -1 : 0;
}

/* ---- an inverse an alpha ---- */

HOT static void add_row(double *sum, const double *row, size_t n)
{
    for (size_t j = 0; j < n; j++) sum[j] += row[j];
}

HOT static void subtract_row(double *row, const double *sums, double times, size_t n)
{
    for (size_t j = 0; j < n; j++) row[j] -= times * sums[j];
}

int inverse_free_intercept(double *g, const double *kernel, size_t n, double alpha, double *sums, err *e)
{
    double total = 0;
    memcpy(g, kernel, n * n * sizeof *g);
    for (size_t i = 0; i < n; i++) g[i * n + i] += alpha;
    if (inverse_positive(n, g, e)) return -1;
    memset(sums, 0, n * sizeof *sums);
    for (size_t i = 0; i < n; i++) add_row(sums, g + i * n, n); /* symmetric: columns for rows */
    for (size_t i = 0; i < n; i++) total += sums[i];
    for (size_t i = 0; i < n; i++) subtract_row(g + i * n, sums, sums[i] / total, n);
    return 0;
}

void left_out_free(left_out *l, size_t count)
{
    if (!l) return;
    for (size_t k = 0; l->own && k < count; k++) free(l->own[k]);
    free(l->own);
    free(l->v);
    free(l->g1);
    free(l);
}

int left_out_new(left_out **out, const inner_set *s, err *e)
{
    left_out *l = mem_new(1, sizeof *l, e);
    *out = NULL;
    if (!l) return -1;
    l->v = mem_new(s->rows * s->rows, sizeof *l->v, e);
    l->g1 = mem_new(s->rows, sizeof *l->g1, e);
    l->own = mem_new(s->count + 1, sizeof *l->own, e);
    if (!l->v || !l->g1 || !l->own) goto failed;
    for (size_t k = 0; k < s->count; k++)
        if (!(l->own[k] = mem_new(s->fold[k].left * s->fold[k].left, sizeof **l->own, e))) goto failed;
    *out = l;
    return 0;
failed:
    left_out_free(l, s->count);
    return -1;
}

/* Cholesky factor of G~_RR: rows of v are 0 up to their diagonal. Neighbouring rows are read in place. */
static int leave_out(double *own, const left_out *l, size_t n, const inner_rows *r, double *space, err *e)
{
    size_t first = r->left ? r->out[0] : 0, width = n - first;
    bool together = r->left && r->out[r->left - 1] - first + 1 == r->left;
    for (size_t i = 0; i < r->left && !together; i++) memcpy(space + i * width, l->v + r->out[i] * n + first, width * sizeof *space);
    gram_upper(r->left, width, together ? l->v + first * n + first : space, together ? n : width, own);
    for (size_t i = 0; i < r->left; i++)
        for (size_t j = i; j < r->left; j++) own[i * r->left + j] -= l->g1[r->out[i]] * l->g1[r->out[j]] / l->total;
    return cholesky(r->left, own, e);
}

int left_out_set(left_out *l, const double *kernel, double alpha, const inner_set *s, double *space, err *e)
{
    size_t n = s->rows;
    memcpy(l->v, kernel, n * n * sizeof *l->v);
    for (size_t i = 0; i < n; i++) {
        l->v[i * n + i] += alpha;
        l->g1[i] = 1;
    }
    int status = inverse_root(n, l->v, e);
    if (!status) {
        triangle_product(true, n, l->v, 1, l->g1);
        triangle_product(false, n, l->v, 1, l->g1);
        l->total = 0;
        for (size_t i = 0; i < n; i++) l->total += l->g1[i];
    }
    for (size_t k = 0; k < s->count && !status; k++) status = leave_out(l->own[k], l, n, &s->fold[k], space, e);
    return status ? err_while(e, "inverting the kernel at alpha %g", alpha) : 0;
}

void left_out_apply(const left_out *l, size_t n, size_t m, double *y)
{
    double sum[PANEL] = { 0 };
    triangle_product(true, n, l->v, m, y);
    triangle_product(false, n, l->v, m, y);
    for (size_t i = 0; i < n; i++) add_row(sum, y + i * m, m);
    for (size_t i = 0; i < n; i++) subtract_row(y + i * m, sum, l->g1[i] / l->total, m); /* what the intercept takes */
}

static int invert(inner_operators *o, const fold_features *f, const inner_set *s, const nested_problem *q, const double *gamma, err *e)
{
    int failed = 0, status = -1;
    double *kernel = NULL;
    if (!(o->inverse = mem_new(q->n_alphas + 1, sizeof *o->inverse, e)) || whole_kernel(&kernel, f, gamma, e)) return -1;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_count())
    for (size_t a = 0; a < q->n_alphas; a++) {
        err own = { 0 };
        double *space = mem_new(f->n * f->n, sizeof *space, &own);
        int bad = !space || left_out_new(&o->inverse[a], s, &own) || left_out_set(o->inverse[a], kernel, q->alphas[a], s, space, &own);
        free(space);
        if (!bad) continue;
#pragma omp critical(broca_operator)
        {
            if (!failed) *e = own;
            failed = 1;
        }
    }
    status = failed ? -1 : 0;
    free(kernel);
    return status;
}

int inner_operators_new(inner_operators **out, const fold_features *f, const inner_set *s, const nested_problem *q,
                        const double *gamma, err *e)
{
    inner_operators *o = mem_new(1, sizeof *o, e);
    *out = NULL;
    if (!o) return -1;
    if (s->by_inverse ? invert(o, f, s, q, gamma, e) : decompose(o, f, s, q, gamma, e)) {
        inner_operators_free(o, s, q->n_alphas);
        return -1;
    }
    *out = o;
    return 0;
}
