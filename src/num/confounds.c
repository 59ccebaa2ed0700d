/* SPDX-License-Identifier: MIT */
/* Confounds learnt on training rows (METHODS 3.5) and the rule of what counts as constant (CONTRACT). */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>

bool column_constant(const double *x, size_t n, size_t stride, const uint8_t *use)
{
    double low = INFINITY, high = -INFINITY, largest = 0;
    for (size_t i = 0; i < n; i++) {
        double value = x[i * stride];
        if (use && !use[i]) continue;
        if (!isfinite(value)) return false; /* for the caller to name */
        if (value < low) low = value;
        if (value > high) high = value;
        if (fabs(value) > largest) largest = fabs(value);
    }
    return !(high - low > 1e-12 * largest); /* no row, too */
}

/* Means of the columns of a [n×k] over the rows of train, in two passes (means may be large next to the spread). */
static void train_means(double *mean, const double *a, size_t n, size_t k, const uint8_t *train, size_t rows)
{
    for (size_t j = 0; j < k; j++) mean[j] = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t j = 0; j < k; j++) {
            double sum = 0;
            for (size_t i = 0; i < n; i++)
                if (train[i]) sum += a[i * k + j] - mean[j];
            mean[j] += sum / (double)rows;
        }
}

/* Centred training rows of a [n×k] divided by scale [k] (NULL: 1). */
static void gather(double *out, const double *a, size_t n, size_t k, const uint8_t *train, const double *mean,
                   const double *scale)
{
    size_t r = 0;
    for (size_t i = 0; i < n; i++) {
        if (!train[i]) continue;
        for (size_t j = 0; j < k; j++) out[r * k + j] = (a[i * k + j] - mean[j]) / (scale ? scale[j] : 1);
        r++;
    }
}

/* Infinite where a column is constant up to rounding (about its mean, size): divided by it, the column is zero. */
static void column_sds(double *sd, const double *z, size_t rows, size_t k, const double *size)
{
    for (size_t j = 0; j < k; j++) {
        double sum = 0;
        for (size_t i = 0; i < rows; i++) sum += z[i * k + j] * z[i * k + j];
        sd[j] = sqrt(sum / (double)rows);
        if (!(sd[j] > 1e-12 * fabs(size[j]))) sd[j] = INFINITY;
    }
}

/* beta = pinv(z) y, by SVD of z [rows×k] (destroyed): confounds may be collinear. yc [rows×v]. */
static int least_squares(double *beta, double *z, const double *yc, size_t rows, size_t k, size_t v, err *e)
{
    int status = -1;
    size_t r = rows < k ? rows : k;
    double *u = mem_new(rows * r, sizeof *u, e), *s = mem_new(r, sizeof *s, e), *vt = mem_new(r * k, sizeof *vt, e);
    double *uy = mem_new(r * v, sizeof *uy, e);
    if (!u || !s || !vt || !uy || svd_thin(rows, k, z, u, s, vt, e)) goto done;
    gemm_f8(true, false, r, v, rows, 1, u, r, yc, v, 0, uy, v);
    /* Columns of one size that are the same up to the rounding of what was measured (1e-6 beside 3 has ten digits left) are
     * one confound: a direction made of rounding would be fitted to noise. */
    double smallest = 1e-8 * s[0];
    for (size_t i = 0; i < r; i++)
        for (size_t j = 0; j < v; j++) uy[i * v + j] = s[i] > smallest ? uy[i * v + j] / s[i] : 0;
    gemm_f8(true, false, k, v, r, 1, vt, k, uy, v, 0, beta, v);
    status = 0;
done:
    free(u);
    free(s);
    free(vt);
    free(uy);
    return status;
}

int remove_confounds(double *y, size_t n, size_t v, const double *z, size_t k, const uint8_t *train, double *beta, err *e)
{
    int status = -1;
    size_t rows = 0;
    if (k == 0) return 0;
    for (size_t i = 0; i < n; i++) rows += train[i] != 0;
    if (rows <= k + 1) return err_set(e, ERR_INPUT, "%zu training rows are too few for %zu confounds", rows, k);
    double *zm = mem_new(k, sizeof *zm, e), *sd = mem_new(k, sizeof *sd, e), *ym = mem_new(v, sizeof *ym, e);
    double *zc = mem_new(rows * k, sizeof *zc, e), *yc = mem_new(rows * v, sizeof *yc, e);
    double *b = mem_new(k * v, sizeof *b, e);
    if (!zm || !sd || !ym || !zc || !yc || !b) goto done;
    train_means(zm, z, n, k, train, rows);
    train_means(ym, y, n, v, train, rows);
    gather(zc, z, n, k, train, zm, NULL);
    column_sds(sd, zc, rows, k, zm); /* mm and radians: columns of one size before the rank is judged */
    gather(zc, z, n, k, train, zm, sd);
    gather(yc, y, n, v, train, ym, NULL);
    if (least_squares(b, zc, yc, rows, k, v, e)) goto done;
    for (size_t c = 0; c < k; c++)
        for (size_t j = 0; j < v; j++) b[c * v + j] /= sd[c];
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < k; c++)
            for (size_t j = 0; j < v; j++) y[i * v + j] -= (z[i * k + c] - zm[c]) * b[c * v + j];
    for (size_t i = 0; beta && i < k * v; i++) beta[i] = b[i];
    status = 0;
done:
    free(zm);
    free(sd);
    free(ym);
    free(zc);
    free(yc);
    free(b);
    return status;
}
