/* SPDX-License-Identifier: MIT */
/* Plain ridge (METHODS 3.6) by the SVD of centred X: normal equations would lose half of the digits. */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ridge.h"

HOT static void column_sums(double *sum, const double *a, size_t n, size_t k, size_t width, const double *mean)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < width; j++) sum[j] += a[i * k + j] - mean[j];
}

void column_means(double *mean, const double *a, size_t n, size_t k)
{
    enum { MANY = 1 << 20 };
    for (size_t j = 0; j < k; j++) mean[j] = 0;
#pragma omp parallel for num_threads(threads_count()) if (n * k > MANY)
    for (size_t first = 0; first < k; first += PANEL)
        for (int pass = 0; pass < 2; pass++) { /* the second takes away what rounding of a large mean left */
            size_t width = k - first < PANEL ? k - first : PANEL;
            double sum[PANEL] = { 0 };
            column_sums(sum, a + first, n, k, width, mean + first);
            for (size_t j = 0; j < width; j++) mean[first + j] += sum[j] / (double)n;
        }
}

double *centred_copy(const double *a, size_t n, size_t k, const double *mean, err *e)
{
    double *c = mem_new(n * k, sizeof *c, e);
    if (!c) return NULL;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < k; j++) c[i * k + j] = a[i * k + j] - (mean ? mean[j] : 0);
    return c;
}

double ridge_shrink(double s, double smallest, double alpha)
{
    if (s <= smallest && alpha == 0) return 0; /* pseudo-inverse */
    return s == 0 ? 0 : s / (s * s + alpha);
}

static int check_fit(size_t n, size_t p, size_t v, const double *alpha, err *e)
{
    if (n == 0 || p == 0 || v == 0) return err_set(e, ERR_INPUT, "ridge of %zu rows, %zu columns, %zu responses", n, p, v);
    for (size_t j = 0; j < v; j++)
        if (!(alpha[j] >= 0) || isinf(alpha[j])) return err_set(e, ERR_INPUT, "alpha is %g, expected >= 0", alpha[j]);
    return 0;
}

int ridge_fit(const double *x, size_t n, size_t p, const double *y, size_t v, const double *alpha, bool intercept,
              double *w, double *b, err *e)
{
    int status = -1;
    size_t r = n < p ? n : p, longer = n < p ? p : n;
    double *xm = NULL, *ym = NULL, *xc = NULL, *yc = NULL, *u = NULL, *s = NULL, *vt = NULL, *uy = NULL;
    if (check_fit(n, p, v, alpha, e)) return -1;
    xm = mem_new(p, sizeof *xm, e);
    ym = mem_new(v, sizeof *ym, e);
    u = mem_new(n * r, sizeof *u, e);
    s = mem_new(r, sizeof *s, e);
    vt = mem_new(r * p, sizeof *vt, e);
    uy = mem_new(r * v, sizeof *uy, e);
    if (!xm || !ym || !u || !s || !vt || !uy) goto done;
    if (intercept) {
        column_means(xm, x, n, p);
        column_means(ym, y, n, v);
    }
    xc = centred_copy(x, n, p, xm, e);
    yc = centred_copy(y, n, v, ym, e);
    if (!xc || !yc || svd_thin(n, p, xc, u, s, vt, e)) goto done;
    gemm_f8(true, false, r, v, n, 1, u, r, yc, v, 0, uy, v);
    for (size_t i = 0; i < r; i++)
        for (size_t j = 0; j < v; j++) uy[i * v + j] *= ridge_shrink(s[i], s[0] * (double)longer * EPSILON_F8, alpha[j]);
    gemm_f8(true, false, p, v, r, 1, vt, p, uy, v, 0, w, v);
    for (size_t j = 0; j < v; j++) {
        double sum = 0;
        for (size_t i = 0; i < p; i++) sum += xm[i] * w[i * v + j];
        b[j] = ym[j] - sum;
    }
    status = 0;
done:
    free(xm);
    free(ym);
    free(xc);
    free(yc);
    free(u);
    free(s);
    free(vt);
    free(uy);
    return status;
}

int ridge_hat(const double *x, size_t n, size_t p, double alpha, double *df, double *hat, err *e)
{
    int status = -1;
    size_t r = n < p ? n : p;
    double *mean = mem_new(p, sizeof *mean, e), *xc = NULL, *u = mem_new(n * r, sizeof *u, e), *s = mem_new(r, sizeof *s, e);
    double *vt = mem_new(r * p, sizeof *vt, e);
    if (!mean || !u || !s || !vt || check_fit(n, p, 1, &alpha, e)) goto done;
    column_means(mean, x, n, p);
    if (!(xc = centred_copy(x, n, p, mean, e)) || svd_thin(n, p, xc, u, s, vt, e)) goto done;
    double smallest = s[0] * (double)(n > p ? n : p) * EPSILON_F8;
    *df = 0;
    for (size_t i = 0; hat && i < n; i++) hat[i] = 1 / (double)n;
    for (size_t k = 0; k < r; k++) {
        double share = s[k] * ridge_shrink(s[k], smallest, alpha);
        *df += share;
        for (size_t i = 0; hat && i < n; i++) hat[i] += share * u[i * r + k] * u[i * r + k];
    }
    status = 0;
done:
    free(mean);
    free(xc);
    free(u);
    free(s);
    free(vt);
    return status;
}
