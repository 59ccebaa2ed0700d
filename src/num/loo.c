/* SPDX-License-Identifier: MIT */
/* Leave-one-out and generalised cross-validation from one decomposition (METHODS 3.6): e_i = (y_i - ŷ_i)/(1 - h_i) with
 * h_i = 1/n + sum_k U_ik² s_k²/(s_k² + alpha); GCV takes the mean of h for every row (Golub, Heath and Wahba 1979). */
#include <math.h>
#include <string.h>

#include "ridge.h"

size_t loo_space(const factor *f)
{
    return f->n + (2 * f->r + 2 * f->n) * PANEL;
}

/* Share of y that component k keeps at alpha: s²/(s² + alpha). */
static double kept(const factor *f, size_t k, double alpha)
{
    double l = f->lambda[k] > 0 ? f->lambda[k] : 0;
    return l * factor_shrink(f, k, alpha); /* l is s² of a kernel, where d = 1/(s² + alpha); s of X, where d = s/(s² + alpha) */
}

static void leverages(double *h, const factor *f, double alpha, bool mean)
{
    double sum = 0;
    for (size_t i = 0; i < f->n; i++) h[i] = 1 / (double)f->n;
    for (size_t k = 0; k < f->r; k++) {
        double share = kept(f, k, alpha);
        for (size_t i = 0; i < f->n; i++) h[i] += share * f->left[i * f->r + k] * f->left[i * f->r + k];
    }
    for (size_t i = 0; i < f->n; i++) sum += h[i];
    for (size_t i = 0; i < f->n && mean; i++) h[i] = sum / (double)f->n;
}

/* Column j of predictions left out against y. */
static double score_column(const double *y, const double *out, size_t n, select_by select)
{
    double yy = 0, ee = 0, op = 0, oo = 0, om = 0;
    for (size_t i = 0; i < n; i++) om += out[i * PANEL] / (double)n;
    for (size_t i = 0; i < n; i++) {
        double e = y[i * BLOCK] - out[i * PANEL], o = out[i * PANEL] - om;
        yy += y[i * BLOCK] * y[i * BLOCK];
        ee += e * e;
        op += y[i * BLOCK] * o;
        oo += o * o;
    }
    if (select == SELECT_MSE) return -ee / (double)n;
    if (!(yy > 0)) return NAN;
    if (select == SELECT_R2) return 1 - ee / yy;
    return oo > 1e-18 * yy ? op / sqrt(yy) / sqrt(oo) : NAN;
}

void loo_scores(double *score, const factor *f, const nested_problem *q, const double *y, double *space)
{
    double *h = space, *z = h + f->n, *scaled = z + f->r * PANEL, *out = scaled + f->r * PANEL;
    gemm_f8(true, false, f->r, PANEL, f->n, 1, f->left, f->r, y, BLOCK, 0, z, PANEL);
    for (size_t a = 0; a < q->n_alphas; a++) {
        leverages(h, f, q->alphas[a], q->by == INNER_GCV);
        for (size_t k = 0; k < f->r; k++) {
            double share = kept(f, k, q->alphas[a]);
            for (size_t j = 0; j < PANEL; j++) scaled[k * PANEL + j] = share * z[k * PANEL + j];
        }
        gemm_f8(false, false, f->n, PANEL, f->r, 1, f->left, f->r, scaled, PANEL, 0, out, PANEL);
        for (size_t i = 0; i < f->n; i++)
            for (size_t j = 0; j < PANEL; j++) {
                double residual = y[i * BLOCK + j] - out[i * PANEL + j];
                out[i * PANEL + j] = y[i * BLOCK + j] - residual / (1 - h[i]);
            }
        for (size_t j = 0; j < PANEL; j++) score[a * PANEL + j] = score_column(y + j, out + j, f->n, q->select);
    }
}
