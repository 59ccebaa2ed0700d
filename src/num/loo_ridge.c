/* SPDX-License-Identifier: MIT */
/* Ridge whose alpha is chosen by exact leave-one-out errors, as papers used it through scikit-learn's RidgeCV (METHODS 3.6, 3.13,
 * 9.2). With X = U diag(s) V' centred and G = XX' + alpha I, the error of row i left out is c_i/(G^-1)_ii, c = G^-1 y, on the
 * complement of the constant. Where U spans that whole complement (more columns than rows) only its part counts and alpha
 * may be as small as 1e-30; residual/(1 - h) would cancel there. Else both are multiplied by alpha, and the rest of the
 * complement, of eigenvalue alpha, stands in full. */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>

#include "ridge.h"

struct loo_ridge {
    size_t n, p, r, rank;  /* r = min(n, p); rank: singular values above rounding */
    double *mean;          /* [p] */
    double *u, *s, *vt;    /* [n×r], [r], [r×p] */
    bool whole;            /* u spans all that is orthogonal to the constant */
};

void loo_ridge_free(loo_ridge *f)
{
    if (!f) return;
    free(f->mean);
    free(f->u);
    free(f->s);
    free(f->vt);
    free(f);
}

int loo_ridge_new(loo_ridge **out, const double *x, size_t n, size_t p, err *e)
{
    double *centred = NULL;
    int status = -1;
    *out = NULL;
    if (n < 3 || !p) return err_set(e, ERR_INPUT, "ridge of %zu rows and %zu columns: at least 3 and 1", n, p);
    loo_ridge *f = mem_new(1, sizeof *f, e);
    if (!f) return -1;
    f->n = n;
    f->p = p;
    f->r = n < p ? n : p;
    f->mean = mem_new(p, sizeof *f->mean, e);
    f->u = mem_new(n * f->r, sizeof *f->u, e);
    f->s = mem_new(f->r, sizeof *f->s, e);
    f->vt = mem_new(f->r * p, sizeof *f->vt, e);
    if (!f->mean || !f->u || !f->s || !f->vt) goto done;
    column_means(f->mean, x, n, p);
    if (!(centred = centred_copy(x, n, p, f->mean, e)) || svd_thin(n, p, centred, f->u, f->s, f->vt, e)) goto done;
    double smallest = f->s[0] * (double)(n > p ? n : p) * EPSILON_F8;
    while (f->rank < f->r && f->s[f->rank] > smallest) f->rank++;
    f->whole = f->rank + 1 >= n;
    *out = f;
    f = NULL;
    status = 0;
done:
    free(centred);
    loo_ridge_free(f);
    return status;
}

/* Diagonal of G^-1 on the complement of the constant; times alpha unless f->whole. */
static void inverse_diagonal(double *d, const loo_ridge *f, double alpha)
{
    for (size_t i = 0; i < f->n; i++) d[i] = f->whole ? 0 : 1 - 1 / (double)f->n;
    for (size_t k = 0; k < f->rank; k++) {
        double own = 1 / (f->s[k] * f->s[k] + alpha), share = f->whole ? own : alpha * own - 1;
        for (size_t i = 0; i < f->n; i++) d[i] += share * f->u[i * f->r + k] * f->u[i * f->r + k];
    }
}

int loo_ridge_errors(const loo_ridge *f, const double *y, size_t v, const double *alphas, size_t n_alphas, double *mse, err *e)
{
    int status = -1;
    size_t n = f->n, r = f->rank;
    double *mean = mem_new(v, sizeof *mean, e), *yc = NULL, *z = mem_new(r * v + 1, sizeof *z, e);
    double *c = mem_new(n * v, sizeof *c, e), *scaled = mem_new(r * v + 1, sizeof *scaled, e), *d = mem_new(n, sizeof *d, e);
    if (!mean || !z || !c || !scaled || !d) goto done;
    column_means(mean, y, n, v);
    if (!(yc = centred_copy(y, n, v, mean, e))) goto done;
    if (r) gemm_f8(true, false, r, v, n, 1, f->u, f->r, yc, v, 0, z, v);
    for (size_t a = 0; a < n_alphas; a++) {
        for (size_t k = 0; k < r; k++) {
            double own = 1 / (f->s[k] * f->s[k] + alphas[a]), share = f->whole ? own : alphas[a] * own - 1;
            for (size_t j = 0; j < v; j++) scaled[k * v + j] = share * z[k * v + j];
        }
        for (size_t i = 0; i < n * v; i++) c[i] = f->whole ? 0 : yc[i];
        if (r) gemm_f8(false, false, n, v, r, 1, f->u, f->r, scaled, v, 1, c, v);
        inverse_diagonal(d, f, alphas[a]);
        for (size_t j = 0; j < v; j++) mse[a * v + j] = 0;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < v; j++) {
                double error = c[i * v + j] / d[i];
                mse[a * v + j] += error * error / (double)n;
            }
    }
    status = 0;
done:
    free(mean);
    free(yc);
    free(z);
    free(c);
    free(scaled);
    free(d);
    return status;
}

size_t loo_ridge_choose(const double *mse, size_t stride, size_t n_alphas)
{
    size_t chosen = 0;
    for (size_t a = 1; a < n_alphas; a++)
        if (mse[a * stride] < mse[chosen * stride] * (1 - 1e-12)) chosen = a;
    return chosen;
}

int loo_ridge_fit(const loo_ridge *f, const double *y, size_t v, const double *alpha, double *w, double *b, err *e)
{
    int status = -1;
    size_t n = f->n, r = f->rank;
    double *mean = mem_new(v, sizeof *mean, e), *yc = NULL, *z = mem_new(r * v + 1, sizeof *z, e);
    if (!mean || !z) goto done;
    column_means(mean, y, n, v);
    if (!(yc = centred_copy(y, n, v, mean, e))) goto done;
    if (r) gemm_f8(true, false, r, v, n, 1, f->u, f->r, yc, v, 0, z, v);
    for (size_t k = 0; k < r; k++)
        for (size_t j = 0; j < v; j++) z[k * v + j] *= ridge_shrink(f->s[k], 0, alpha[j]);
    for (size_t i = 0; i < f->p * v; i++) w[i] = 0;
    if (r) gemm_f8(true, false, f->p, v, r, 1, f->vt, f->p, z, v, 0, w, v);
    for (size_t j = 0; j < v; j++) {
        b[j] = mean[j];
        for (size_t i = 0; i < f->p; i++) b[j] -= f->mean[i] * w[i * v + j];
    }
    status = 0;
done:
    free(mean);
    free(yc);
    free(z);
    return status;
}
