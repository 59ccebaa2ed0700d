/* SPDX-License-Identifier: MIT */
/* Refit of one candidate on all training rows: predictions of the test rows, by band when shares are wanted, and weights.
 * By a decomposition, which serves any alpha; or, for large kernels, by the operators that came with the inverses, or by one
 * Cholesky factor for each alpha that was chosen: coefficients c = (K + alpha I)^-1 y, prediction = cross kernel · c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ridge.h"

struct refit {
    const fold_features *features;
    size_t n, t, n_parts;
    bool weights;
    const double *gamma;
    factor *f;                /* by a decomposition */
    const double *test;       /* [A][t×n] borrowed, or NULL */
    double **root;            /* [A] Cholesky factors [n×n] of the alphas that are used */
    double *cross;            /* [n_parts][t×n] centred cross kernels */
};

struct refit_space {
    double *y, *z, *scaled, *parts, *weight, *one; /* [n×PANEL] each but parts [n_parts][t×PANEL], weight [p×PANEL] */
    size_t n_parts;
};

void refit_free(refit *x)
{
    if (!x) return;
    factor_free(x->f);
    for (size_t a = 0; x->root && x->root[a] != (double *)x; a++) free(x->root[a]);
    free(x->root);
    free(x->cross);
    free(x);
}

/* Cholesky factors of the alphas in use; the list ends with a mark, since some entries are NULL. */
static int make_roots(refit *x, const double *kernel, const nested_problem *q, const uint8_t *used, err *e)
{
    int failed = 0;
    size_t n = x->n;
    if (!(x->root = mem_new(q->n_alphas + 1, sizeof *x->root, e))) return -1;
    x->root[q->n_alphas] = (double *)x;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_count())
    for (size_t a = 0; a < q->n_alphas; a++) {
        err own = { 0 };
        if (!used[a]) continue;
        double *k = mem_copy(kernel, n * n * sizeof *k, &own);
        for (size_t i = 0; k && i < n; i++) k[i * n + i] += q->alphas[a];
        x->root[a] = k;
        if (k && !cholesky(n, k, &own)) continue;
#pragma omp critical(broca_refit)
        {
            if (!failed) *e = own;
            failed = 1;
        }
    }
    return failed ? -1 : 0;
}

static int by_cholesky(refit *x, const nested_problem *q, const double *gamma, const uint8_t *used, err *e)
{
    int status = -1;
    const fold_features *f = x->features;
    size_t n = f->n, t = f->t;
    size_t *all = mem_new(n + t, sizeof *all, e);
    double *kernel = mem_new(n * n, sizeof *kernel, e), *mean = mem_new(n, sizeof *mean, e);
    x->cross = mem_new(x->n_parts * t * n + 1, sizeof *x->cross, e);
    if (!all || !kernel || !mean || !x->cross) goto done;
    for (size_t i = 0; i < n + t; i++) all[i] = i;
    factor_plan plan = { .gamma = gamma, .train = all, .predict = all + n, .n = n, .m = t };
    for (size_t b = 0; b < x->n_parts && x->n_parts > 1; b++)
        centred_kernel(kernel, x->cross + b * t * n, f, &plan, b, mean);
    if (x->n_parts > 1) plan.m = 0;
    centred_kernel(kernel, x->cross, f, &plan, SIZE_MAX, mean);
    status = make_roots(x, kernel, q, used, e);
done:
    free(all);
    free(kernel);
    free(mean);
    return status;
}

int refit_new(refit **out, const fold_features *f, const inner_set *s, const inner_operators *o, const nested_problem *q,
              const nested_result *want, const double *gamma, const uint8_t *used, err *e)
{
    int status = -1;
    size_t *all = NULL;
    refit *x = mem_new(1, sizeof *x, e);
    *out = NULL;
    if (!x) return -1;
    *x = (refit){ .features = f, .n = f->n, .t = f->t, .n_parts = want->share && f->n_bands > 1 ? f->n_bands : 1,
                  .weights = want->weight != NULL, .gamma = gamma };
    if (s->by_inverse && o && o->test && x->n_parts == 1 && !x->weights) {
        x->test = o->test;
        status = 0;
    } else if (s->by_inverse && !x->weights) {
        status = by_cholesky(x, q, gamma, used, e);
    } else if ((all = mem_new(f->n + f->t + 1, sizeof *all, e))) {
        for (size_t i = 0; i < f->n + f->t; i++) all[i] = i;
        factor_plan plan = { .gamma = gamma, .train = all, .predict = all + f->n, .n = f->n, .m = f->t, .parts = x->n_parts > 1,
                             .weights = x->weights, .smallest_alpha = s->smallest_alpha };
        status = factor_new(&x->f, f, &plan, e);
    }
    free(all);
    if (status) refit_free(x);
    else *out = x;
    return status;
}

void refit_space_free(refit_space *s)
{
    if (!s) return;
    free(s->y);
    free(s->z);
    free(s->scaled);
    free(s->parts);
    free(s->weight);
    free(s->one);
    free(s);
}

refit_space *refit_space_new(const refit *x, err *e)
{
    size_t rank = x->f ? x->f->r : x->n;
    refit_space *s = mem_new(1, sizeof *s, e);
    if (!s) return NULL;
    s->n_parts = x->n_parts;
    s->y = mem_new(x->n * PANEL, sizeof(double), e);
    s->z = mem_new((rank + 1) * PANEL, sizeof(double), e);
    s->scaled = mem_new((rank + 1) * PANEL, sizeof(double), e);
    s->parts = mem_new(x->n_parts * x->t * PANEL + 1, sizeof(double), e);
    s->weight = mem_new((x->weights ? x->features->p : 0) * PANEL + 1, sizeof(double), e);
    s->one = mem_new((x->t + 1) * PANEL, sizeof(double), e);
    if (s->y && s->z && s->scaled && s->parts && s->weight && s->one) return s;
    refit_space_free(s);
    return NULL;
}

static void panel_by_factor(refit_space *s, const refit *x, const nested_problem *q, const double *y, const size_t *alpha)
{
    const factor *f = x->f;
    gemm_f8(true, false, f->r, PANEL, f->n, 1, f->left, f->r, y, BLOCK, 0, s->z, PANEL);
    for (size_t i = 0; i < f->r; i++)
        for (size_t j = 0; j < PANEL; j++)
            s->scaled[i * PANEL + j] = alpha[j] == SIZE_MAX ? 0 : s->z[i * PANEL + j] * factor_shrink(f, i, q->alphas[alpha[j]]);
    for (size_t b = 0; b < f->n_parts; b++)
        gemm_f8(false, false, x->t, PANEL, f->r, 1, f->apply + b * x->t * f->r, f->r, s->scaled, PANEL, 0,
                s->parts + b * x->t * PANEL, PANEL);
    if (x->weights && x->features->p)
        gemm_f8(false, false, x->features->p, PANEL, f->r, 1, f->to_weight, f->r, s->scaled, PANEL, 0, s->weight, PANEL);
}

/* Alphas one by one: columns that chose another are zero, so that every column keeps its place in the panel. */
static void panel_by_alpha(refit_space *s, const refit *x, const nested_problem *q, const double *y, const size_t *alpha)
{
    size_t n = x->n, t = x->t;
    for (size_t a = 0; a < q->n_alphas; a++) {
        bool any = false;
        for (size_t j = 0; j < PANEL; j++) any = any || alpha[j] == a;
        if (!any) continue;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < PANEL; j++) s->y[i * PANEL + j] = alpha[j] == a ? y[i * BLOCK + j] : 0;
        if (!x->test) cholesky_solve(n, x->root[a], PANEL, s->y);
        for (size_t b = 0; b < x->n_parts; b++) {
            const double *apply = x->test ? x->test + a * t * n : x->cross + b * t * n;
            gemm_f8(false, false, t, PANEL, n, 1, apply, n, s->y, PANEL, 0, s->one, PANEL);
            for (size_t i = 0; i < t; i++)
                for (size_t j = 0; j < PANEL; j++)
                    if (alpha[j] == a) s->parts[(b * t + i) * PANEL + j] = s->one[i * PANEL + j];
        }
    }
}

void refit_panel(refit_space *s, const refit *x, const nested_problem *q, const double *y, const size_t *alpha)
{
    if (x->f) panel_by_factor(s, x, q, y, alpha);
    else panel_by_alpha(s, x, q, y, alpha);
}

const double *refit_parts(const refit_space *s, size_t *n_parts)
{
    *n_parts = s->n_parts;
    return s->parts;
}

const double *refit_weights(const refit_space *s)
{
    return s->weight;
}
