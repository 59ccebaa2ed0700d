/* SPDX-License-Identifier: MIT */
/* One decomposition serves all alphas (METHODS 3.6): eigenvectors of the centred kernel where there are more columns than
 * rows and alpha is well above its rounding, else the SVD of the centred, scaled X. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ridge.h"

/* Rounding of an eigenvalue is about 1e-16 of the largest, so that at this ratio of alpha to it predictions by the kernel are
 * right to 1e-6. Below, the SVD is. */
static const double kernel_floor = 1e-10;

static double gamma_of(const factor_plan *plan, size_t band_index)
{
    return plan->gamma ? plan->gamma[band_index] : 1;
}

static factor *factor_space(const fold_features *f, const factor_plan *plan, size_t r, err *e)
{
    factor *x = mem_new(1, sizeof *x, e);
    if (!x) return NULL;
    x->n = plan->n;
    x->m = plan->m;
    x->r = r;
    x->n_parts = plan->parts ? f->n_bands : 1;
    x->left = mem_new(x->n * r, sizeof *x->left, e);
    x->lambda = mem_new(r, sizeof *x->lambda, e);
    x->apply = mem_new(x->n_parts * x->m * r, sizeof *x->apply, e);
    if (plan->weights) x->to_weight = mem_new(f->p * r, sizeof *x->to_weight, e);
    if (x->left && x->lambda && x->apply && (x->to_weight || !plan->weights)) return x;
    factor_free(x);
    return NULL;
}

/* ---- by the kernel ---- */

/* Sums of columns [first, last) of k [n×n], in order of rows. */
HOT static void sum_columns(double *sum, const double *k, size_t n, size_t first, size_t last)
{
    for (size_t j = first; j < last; j++) sum[j] = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = first; j < last; j++) sum[j] += k[i * n + j];
}

/* Row i of the plan of one band's kernel, or of the weighted sum of bands. */
HOT static void kernel_row(double *to, const fold_features *f, const factor_plan *plan, size_t band_index, size_t i)
{
    size_t rows = f->n + f->t, row = i < plan->n ? plan->train[i] : plan->predict[i - plan->n];
    memset(to, 0, plan->n * sizeof *to);
    for (size_t b = 0; b < f->n_bands; b++) {
        const double *from = f->kernel + (b * rows + row) * f->n, g = gamma_of(plan, b);
        if ((band_index != SIZE_MAX && b != band_index) || g == 0) continue;
        for (size_t j = 0; j < plan->n; j++) to[j] += g * from[plan->train[j]];
    }
}

/* k [n×n] and cross [m×n] of one band or of the weighted sum of bands (band_index SIZE_MAX), centred on the training rows:
 * H K H and (K' - 1 mean') H. */
void centred_kernel(double *k, double *cross, const fold_features *f, const factor_plan *plan, size_t band_index, double *mean)
{
    enum { MANY = 1 << 20 };
    size_t n = plan->n, m = plan->m;
    double all = 0;
#pragma omp parallel num_threads(threads_count()) if (n * n > MANY)
    {
#pragma omp for
        for (size_t i = 0; i < n + m; i++) kernel_row(i < n ? k + i * n : cross + (i - n) * n, f, plan, band_index, i);
#pragma omp for
        for (size_t j = 0; j < n; j += BLOCK) sum_columns(mean, k, n, j, j + BLOCK < n ? j + BLOCK : n);
#pragma omp single
        {
            for (size_t j = 0; j < n; j++) all += mean[j] /= (double)n;
            all /= (double)n;
        }
#pragma omp for
        for (size_t i = 0; i < n + m; i++) {
            double *row = i < n ? k + i * n : cross + (i - n) * n, own = 0;
            if (i < n) own = mean[i]; /* symmetric: the bits of H K H stay symmetric */
            else {
                for (size_t j = 0; j < n; j++) own += row[j];
                own /= (double)n;
            }
            for (size_t j = 0; j < n; j++) row[j] = row[j] - mean[j] - own + all;
        }
    }
}

int whole_kernel(double **out, const fold_features *f, const double *gamma, err *e)
{
    int status = -1;
    size_t *all = mem_new(f->n, sizeof *all, e);
    double *kernel = mem_new(f->n * f->n, sizeof *kernel, e), *mean = mem_new(f->n, sizeof *mean, e);
    if (all && kernel && mean) {
        for (size_t i = 0; i < f->n; i++) all[i] = i;
        factor_plan plan = { .gamma = gamma, .train = all, .n = f->n };
        centred_kernel(kernel, NULL, f, &plan, SIZE_MAX, mean);
        *out = kernel;
        kernel = NULL;
        status = 0;
    }
    free(all);
    free(kernel);
    free(mean);
    return status;
}

/* Weights of the kept columns: w = Z'·left·d·left'y with Z the centred, gamma-scaled columns; centring needs no extra step,
 * because left is orthogonal to the constant wherever lambda > 0 (and H z = z - mean is applied here all the same). */
static int kernel_weights(factor *x, const fold_features *f, const factor_plan *plan, err *e)
{
    double *z = mem_new(plan->n * f->p, sizeof *z, e), *mean = mem_new(f->p, sizeof *mean, e);
    if (!z || !mean) {
        free(z);
        free(mean);
        return -1;
    }
    for (size_t i = 0; i < plan->n; i++)
        for (size_t j = 0; j < f->p; j++)
            z[i * f->p + j] = sqrt(gamma_of(plan, f->band_of[j])) * f->x[plan->train[i] * f->p + j];
    column_means(mean, z, plan->n, f->p);
    for (size_t i = 0; i < plan->n; i++)
        for (size_t j = 0; j < f->p; j++) z[i * f->p + j] -= mean[j];
    gemm_f8(true, false, f->p, x->r, plan->n, 1, z, f->p, x->left, x->r, 0, x->to_weight, x->r);
    free(z);
    free(mean);
    return 0;
}

/* *usable false: alpha is too small for the kernel, take the SVD. */
static int by_kernel(factor **out, bool *usable, const fold_features *f, const factor_plan *plan, err *e)
{
    int status = -1;
    size_t n = plan->n, m = plan->m;
    factor *x = factor_space(f, plan, n, e);
    double *k = mem_new(n * n, sizeof *k, e), *cross = mem_new(m * n, sizeof *cross, e), *mean = mem_new(n, sizeof *mean, e);
    double *work = mem_new(n * n, sizeof *work, e);
    if (!x || !k || !cross || !mean || !work) goto done;
    x->is_kernel = true;
    centred_kernel(k, cross, f, plan, SIZE_MAX, mean);
    if (eigen_symmetric(n, k, x->lambda, e)) goto done;
    *usable = plan->smallest_alpha >= kernel_floor * x->lambda[n - 1];
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) x->left[j * n + i] = k[i * n + j];
    for (size_t b = 0; *usable && b < x->n_parts; b++) {
        if (plan->parts) centred_kernel(work, cross, f, plan, b, mean);
        gemm_f8(false, true, m, n, n, 1, cross, n, k, n, 0, x->apply + b * m * n, n);
    }
    if (*usable && plan->weights && kernel_weights(x, f, plan, e)) goto done;
    *out = x;
    x = NULL;
    status = 0;
done:
    factor_free(x);
    free(k);
    free(cross);
    free(mean);
    free(work);
    return status;
}

/* ---- by the SVD ---- */

/* Centred, gamma-scaled rows of X: training rows to train, the rest to predict, both on the training mean. */
static int scaled_rows(double *train, double *predict, const fold_features *f, const factor_plan *plan, err *e)
{
    double *mean = mem_new(f->p, sizeof *mean, e);
    if (!mean) return -1;
    for (size_t i = 0; i < plan->n + plan->m; i++) {
        bool fit = i < plan->n;
        double *to = fit ? train + i * f->p : predict + (i - plan->n) * f->p;
        const double *from = f->x + (fit ? plan->train[i] : plan->predict[i - plan->n]) * f->p;
        for (size_t j = 0; j < f->p; j++) to[j] = sqrt(gamma_of(plan, f->band_of[j])) * from[j];
    }
    column_means(mean, train, plan->n, f->p);
    for (size_t i = 0; i < plan->n; i++)
        for (size_t j = 0; j < f->p; j++) train[i * f->p + j] -= mean[j];
    for (size_t i = 0; i < plan->m; i++)
        for (size_t j = 0; j < f->p; j++) predict[i * f->p + j] -= mean[j];
    free(mean);
    return 0;
}

/* apply of one band: the columns of the others count as 0. */
static int svd_apply(factor *x, const fold_features *f, const double *predict, const double *vt, err *e)
{
    double *part = mem_new(x->m * f->p, sizeof *part, e);
    if (!part) return -1;
    for (size_t b = 0; b < x->n_parts; b++) {
        for (size_t i = 0; i < x->m * f->p; i++)
            part[i] = x->n_parts == 1 || f->band_of[i % f->p] == b ? predict[i] : 0;
        gemm_f8(false, true, x->m, x->r, f->p, 1, part, f->p, vt, f->p, 0, x->apply + b * x->m * x->r, x->r);
    }
    free(part);
    return 0;
}

static int by_svd(factor **out, const fold_features *f, const factor_plan *plan, err *e)
{
    int status = -1;
    size_t n = plan->n, p = f->p, r = n < p ? n : p;
    factor *x = factor_space(f, plan, r, e);
    double *train = mem_new(n * p, sizeof *train, e), *predict = mem_new(plan->m * p, sizeof *predict, e);
    double *vt = mem_new(r * p, sizeof *vt, e);
    if (!x || !train || !predict || !vt) goto done;
    if (p > 0) {
        if (scaled_rows(train, predict, f, plan, e) || svd_thin(n, p, train, x->left, x->lambda, vt, e)) goto done;
        x->smallest = x->lambda[0] * (double)(n > p ? n : p) * EPSILON_F8;
        if (svd_apply(x, f, predict, vt, e)) goto done;
        for (size_t i = 0; plan->weights && i < r; i++)
            for (size_t j = 0; j < p; j++) x->to_weight[j * r + i] = vt[i * p + j];
    }
    *out = x;
    x = NULL;
    status = 0;
done:
    factor_free(x);
    free(train);
    free(predict);
    free(vt);
    return status;
}

int factor_new(factor **out, const fold_features *f, const factor_plan *plan, err *e)
{
    bool usable = false;
    *out = NULL;
    if (f->kernel && plan->n < f->p) {
        if (by_kernel(out, &usable, f, plan, e)) return -1;
        if (usable) return 0;
        factor_free(*out);
        *out = NULL;
    }
    return by_svd(out, f, plan, e);
}

double factor_shrink(const factor *f, size_t i, double alpha)
{
    if (!f->is_kernel) return ridge_shrink(f->lambda[i], f->smallest, alpha);
    return 1 / ((f->lambda[i] > 0 ? f->lambda[i] : 0) + alpha);
}

void factor_free(factor *f)
{
    if (!f) return;
    free(f->left);
    free(f->lambda);
    free(f->apply);
    free(f->to_weight);
    free(f);
}
