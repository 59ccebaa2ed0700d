/* SPDX-License-Identifier: MIT */
/* Exact operators of the inner folds, for one candidate of gamma. Two ways:
 * - a decomposition an inner fold (factor.c), which serves any number of alphas;
 * - for large kernels and few alphas one inverse an alpha serves every inner fold. With G = (K + alpha I)^-1 on the outer
 *   training rows and G~ = G - G11'G/(1'G1) (the free intercept), the residuals of a left-out block R are exactly
 *   e_R = (G~_RR)^-1 (G~ y)_R, so that the prediction is -(G~_RR)^-1 G~_RT y_T: one Cholesky inverse and a solve a block
 *   instead of a decomposition a block. (Block form of the leave-one-out identity; Golub, Heath and Wahba 1979.) */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ridge.h"

/* From here on a decomposition costs more than this many inverses (measured: an eigendecomposition is about six). */
enum { INVERSE_ROWS = 512, INVERSE_ALPHAS = 12 };

void inner_set_free(inner_set *s)
{
    if (!s) return;
    for (size_t k = 0; s->fold && k < s->count; k++) {
        free(s->fold[k].train);
        free(s->fold[k].valid);
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
    if (!(s->fold = mem_new(s->count + 1, sizeof *s->fold, e))) goto failed;
    for (size_t k = 0; k < s->count; k++) {
        inner_rows *r = &s->fold[k];
        r->train = mem_new(f->n + 1, sizeof *r->train, e);
        r->valid = mem_new(f->n + 1, sizeof *r->valid, e);
        if (!r->train || !r->valid) goto failed;
        for (size_t i = 0; i < f->n; i++) {
            size_t at = k * q->n + f->train_row[i];
            if (q->inner->train[at]) r->train[r->n++] = i;
            if (q->inner->test[at]) r->valid[r->m++] = i;
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

void inner_operators_free(inner_operators *o, size_t count)
{
    if (!o) return;
    for (size_t k = 0; k < count; k++) {
        if (o->fold) factor_free(o->fold[k]);
        if (o->shrink) free(o->shrink[k]);
        if (o->apply) free(o->apply[k]);
    }
    free(o->shrink);
    free(o->test);
    free(o->fold);
    free(o->apply);
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

static int decompose(inner_operators *o, const fold_features *f, const inner_set *s, const nested_problem *q, const double *gamma,
                     err *e)
{
    int failed = 0;
    o->fold = mem_new(s->count + 1, sizeof *o->fold, e);
    o->shrink = mem_new(s->count + 1, sizeof *o->shrink, e);
    if (!o->fold || !o->shrink) return -1;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_count())
    for (size_t k = 0; k < s->count; k++) {
        err own = { 0 };
        factor_plan plan = { .gamma = gamma, .train = s->fold[k].train, .predict = s->fold[k].valid, .n = s->fold[k].n,
                             .m = s->fold[k].m, .smallest_alpha = s->smallest_alpha };
        if (!factor_new(&o->fold[k], f, &plan, &own) && (o->shrink[k] = shrink_table(o->fold[k], q, &own))) continue;
        err_while(&own, "decomposing inner fold %zu", k + 1);
#pragma omp critical(broca_operator)
        {
            if (!failed) *e = own;
            failed = 1;
        }
    }
    return failed ? -1 : 0;
}

/* ---- an inverse an alpha ---- */

/* g [n×n] = G~ of the kernel k (already weighted, centred or not: the intercept is free). */
static int inverse_free_intercept(double *g, const double *k, size_t n, double alpha, double *sums, err *e)
{
    double total = 0;
    memcpy(g, k, n * n * sizeof *g);
    for (size_t i = 0; i < n; i++) g[i * n + i] += alpha;
    if (inverse_positive(n, g, e)) return -1;
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < n; j++) sum += g[i * n + j];
        total += sums[i] = sum;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) g[i * n + j] -= sums[i] * sums[j] / total;
    return 0;
}

/* apply [m×n_T] = -(G~_RR)^-1 G~_RT, rows of the validation set alone; R are all rows that the fold leaves out. */
static int leave_out(double *apply, const double *g, size_t n, const inner_rows *r, err *e)
{
    int status = -1;
    size_t left = n - r->n, at = 0;
    size_t *out = mem_new(left + 1, sizeof *out, e);
    uint8_t *in = mem_new(n, 1, e);
    double *own = mem_new(left * left, sizeof *own, e), *rest = mem_new(left * r->n, sizeof *rest, e);
    if (!out || !in || !own || !rest) goto done;
    for (size_t i = 0; i < r->n; i++) in[r->train[i]] = 1;
    for (size_t i = 0; i < n; i++)
        if (!in[i]) out[at++] = i;
    for (size_t i = 0; i < left; i++) {
        for (size_t j = 0; j < left; j++) own[i * left + j] = g[out[i] * n + out[j]];
        for (size_t j = 0; j < r->n; j++) rest[i * r->n + j] = -g[out[i] * n + r->train[j]];
    }
    if (solve_positive(left, own, r->n, rest, e)) goto done;
    at = 0;
    for (size_t i = 0; i < r->m; i++) {
        while (out[at] != r->valid[i]) at++; /* both rise */
        memcpy(apply + i * r->n, rest + at * r->n, r->n * sizeof *apply);
    }
    status = 0;
done:
    free(out);
    free(in);
    free(own);
    free(rest);
    return status;
}

static int invert_alpha(inner_operators *o, const double *kernel, const double *cross, const fold_features *f, const inner_set *s,
                        double alpha, size_t number, err *e)
{
    size_t n = f->n;
    int status = -1;
    double *g = mem_new(n * n, sizeof *g, e), *sums = mem_new(n, sizeof *sums, e);
    if (!g || !sums || inverse_free_intercept(g, kernel, n, alpha, sums, e)) goto done;
    for (size_t k = 0; k < s->count; k++)
        if (leave_out(o->apply[k] + number * s->fold[k].m * s->fold[k].n, g, n, &s->fold[k], e)) goto done;
    if (o->test) gemm_f8(false, false, f->t, n, n, 1, cross, n, g, n, 0, o->test + number * f->t * n, n);
    status = 0;
done:
    free(g);
    free(sums);
    return status;
}

static int invert(inner_operators *o, const fold_features *f, const inner_set *s, const nested_problem *q, const double *gamma, err *e)
{
    int failed = 0, status = -1;
    size_t n = f->n;
    size_t *all = mem_new(n + f->t, sizeof *all, e);
    double *kernel = mem_new(n * n, sizeof *kernel, e), *mean = mem_new(n, sizeof *mean, e);
    double *cross = s->test_apply ? mem_new(f->t * n, sizeof *cross, e) : NULL;
    if (!(o->apply = mem_new(s->count + 1, sizeof *o->apply, e)) || !all || !kernel || !mean || (s->test_apply && !cross)) goto done;
    if (s->test_apply && !(o->test = mem_new(q->n_alphas * f->t * n, sizeof(double), e))) goto done;
    for (size_t k = 0; k < s->count; k++)
        if (!(o->apply[k] = mem_new(q->n_alphas * s->fold[k].m * s->fold[k].n, sizeof(double), e))) goto done;
    for (size_t i = 0; i < n + f->t; i++) all[i] = i;
    factor_plan plan = { .gamma = gamma, .train = all, .predict = all + n, .n = n, .m = cross ? f->t : 0 };
    centred_kernel(kernel, cross, f, &plan, SIZE_MAX, mean);
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_count())
    for (size_t a = 0; a < q->n_alphas; a++) {
        err own = { 0 };
        if (!invert_alpha(o, kernel, cross, f, s, q->alphas[a], a, &own)) continue;
        err_while(&own, "inverting the kernel at alpha %g", q->alphas[a]);
#pragma omp critical(broca_operator)
        {
            if (!failed) *e = own;
            failed = 1;
        }
    }
    status = failed ? -1 : 0;
done:
    free(all);
    free(kernel);
    free(cross);
    free(mean);
    return status;
}

int inner_operators_new(inner_operators **out, const fold_features *f, const inner_set *s, const nested_problem *q,
                        const double *gamma, err *e)
{
    inner_operators *o = mem_new(1, sizeof *o, e);
    *out = NULL;
    if (!o) return -1;
    if (s->by_inverse ? invert(o, f, s, q, gamma, e) : decompose(o, f, s, q, gamma, e)) {
        inner_operators_free(o, s->count);
        return -1;
    }
    *out = o;
    return 0;
}
