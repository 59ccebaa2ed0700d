/* SPDX-License-Identifier: MIT */
/* The features of one outer fold: constant columns dropped, the rest standardised on the training rows, bands scaled, and
 * (more columns than rows) one Gram matrix a band, of which every candidate and every inner fold is a weighted, centred part. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ridge.h"

static int list_rows(size_t **out, size_t *count, const uint8_t *mask, size_t n, err *e)
{
    size_t m = 0;
    size_t *rows = mem_new(n, sizeof *rows, e);
    if (!rows) return -1;
    for (size_t i = 0; i < n; i++)
        if (mask[i]) rows[m++] = i;
    *out = rows;
    *count = m;
    return 0;
}

HOT static void widen(double *low, double *high, double *odd, const double *row, size_t p)
{
    for (size_t j = 0; j < p; j++) {
        low[j] = row[j] < low[j] ? row[j] : low[j];
        high[j] = row[j] > high[j] ? row[j] : high[j];
        odd[j] += row[j] - row[j]; /* NaN once a value is not finite */
    }
}

/* Constant on training rows by CONTRACT's rule (column_constant), row by row; what is not finite is for check_finite to name. */
static int constant_columns(uint8_t *constant, const fold_features *f, const nested_problem *q, err *e)
{
    double *low = mem_new(q->p + 1, sizeof *low, e), *high = mem_new(q->p + 1, sizeof *high, e), *odd = mem_new(q->p + 1, sizeof *odd, e);
    if (low && high && odd) {
        for (size_t j = 0; j < q->p; j++) {
            low[j] = INFINITY;
            high[j] = -INFINITY;
        }
        for (size_t i = 0; i < f->n; i++) widen(low, high, odd, q->x + f->train_row[i] * q->p, q->p);
        for (size_t j = 0; j < q->p; j++)
            constant[j] = odd[j] == 0 && high[j] - low[j] <= 1e-12 * fmax(fabs(low[j]), fabs(high[j]));
    }
    int status = low && high && odd ? 0 : -1;
    free(odd);
    free(low);
    free(high);
    return status;
}

static int keep_columns(fold_features *f, const nested_problem *q, const uint8_t *keep, err *e)
{
    f->n_bands = q->n_bands > 1 ? q->n_bands : 1;
    f->column = mem_new(q->p, sizeof *f->column, e);
    f->band_of = mem_new(q->p, sizeof *f->band_of, e);
    uint8_t *constant = mem_new(q->p + 1, 1, e);
    if (!f->column || !f->band_of || !constant || constant_columns(constant, f, q, e)) {
        free(constant);
        return -1;
    }
    for (size_t j = 0; j < q->p; j++) {
        size_t b = 0;
        if ((keep && !keep[j]) || constant[j]) continue;
        while (q->n_bands > 1 && b < q->n_bands && (j < q->bands[b].first || j - q->bands[b].first >= q->bands[b].width)) b++;
        if (b == f->n_bands) continue; /* in no band */
        f->column[f->p] = j;
        f->band_of[f->p++] = b;
    }
    free(constant);
    return 0;
}

static int check_finite(const fold_features *f, const nested_problem *q, err *e)
{
    bool finite = true;
#pragma omp parallel for num_threads(threads_count()) reduction(&& : finite)
    for (size_t i = 0; i < f->n + f->t; i++) {
        const double *row = q->x + (i < f->n ? f->train_row[i] : f->test_row[i - f->n]) * q->p;
        double odd = 0;
        for (size_t j = 0; j < f->p; j++) odd += row[f->column[j]] - row[f->column[j]]; /* NaN once a value is not finite */
        finite = finite && odd == 0;
    }
    for (size_t i = 0; i < f->n + f->t && !finite; i++) {
        size_t row = i < f->n ? f->train_row[i] : f->test_row[i - f->n];
        for (size_t j = 0; j < f->p; j++)
            if (!isfinite(q->x[row * q->p + f->column[j]]))
                return err_set(e, ERR_INPUT, "features: row %zu, column %zu is not finite", row, f->column[j]);
    }
    return 0;
}

/* Columns of x (rows p apart) less mean; sum: squares of the first n rows, in order of rows. */
HOT static void subtract_and_square(double *x, size_t rows, size_t n, size_t p, size_t width, const double *mean, double *sum)
{
    for (size_t i = 0; i < rows; i++) {
        double *row = x + i * p;
        for (size_t j = 0; j < width; j++) row[j] -= mean[j];
        for (size_t j = 0; j < width && i < n; j++) sum[j] += row[j] * row[j];
    }
}

HOT static void multiply_columns(double *x, size_t rows, size_t p, size_t width, const double *by)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < width; j++) x[i * p + j] *= by[j];
}

/* Columns [first, first + width): factor_of becomes what they were multiplied with. */
static void standardise_columns(fold_features *f, const nested_problem *q, size_t first, size_t width, const double *mean, double *factor_of)
{
    subtract_and_square(f->x + first, f->n + f->t, f->n, f->p, width, mean + first, factor_of + first);
    for (size_t j = first; j < first + width; j++)
        factor_of[j] = f->scale[j] / (q->standardise ? sqrt(factor_of[j] / (double)f->n) : 1);
    multiply_columns(f->x + first, f->n + f->t, f->p, width, factor_of + first);
}

/* Centre on the training rows, divide by their sd when asked (else the inner folds' centring would do alone). */
static int standardise(fold_features *f, const nested_problem *q, err *e)
{
    size_t rows = f->n + f->t, *width = mem_new(f->n_bands, sizeof *width, e);
    f->x = mem_new(rows * f->p, sizeof *f->x, e);
    f->scale = mem_new(f->p, sizeof *f->scale, e);
    double *mean = mem_new(f->p, sizeof *mean, e), *factor_of = mem_new(f->p, sizeof *factor_of, e);
    if (!width || !f->x || !f->scale || !mean || !factor_of) {
        free(width);
        free(mean);
        free(factor_of);
        return -1;
    }
#pragma omp parallel for num_threads(threads_count())
    for (size_t i = 0; i < rows; i++) {
        const double *from = q->x + (i < f->n ? f->train_row[i] : f->test_row[i - f->n]) * q->p;
        for (size_t j = 0; j < f->p; j++) f->x[i * f->p + j] = from[f->column[j]];
    }
    column_means(mean, f->x, f->n, f->p);
    for (size_t j = 0; j < f->p; j++) width[f->band_of[j]]++;
    for (size_t j = 0; j < f->p; j++) f->scale[j] = q->divide_by_width ? 1 / sqrt((double)width[f->band_of[j]]) : 1;
#pragma omp parallel for num_threads(threads_count())
    for (size_t first = 0; first < f->p; first += BLOCK)
        standardise_columns(f, q, first, f->p - first < BLOCK ? f->p - first : BLOCK, mean, factor_of);
    free(factor_of);
    free(width);
    free(mean);
    return 0;
}

/* k [rows×n] = a·(first n rows of a)', rows of a `apart`; in square pieces side by side; pieces below the diagonal are mirrored. */
static void gram(double *k, const double *a, size_t rows, size_t n, size_t width, size_t apart)
{
    enum { SIDE = 256 };
    size_t high = (rows + SIDE - 1) / SIDE, wide = (n + SIDE - 1) / SIDE;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_count())
    for (size_t piece = 0; piece < high * wide; piece++) {
        size_t i0 = piece / wide * SIDE, j0 = piece % wide * SIDE;
        size_t m = rows - i0 < SIDE ? rows - i0 : SIDE, w = n - j0 < SIDE ? n - j0 : SIDE;
        if (i0 < j0) continue; /* its mirror image is made instead */
        gemm_f8(false, true, m, w, width, 1, a + i0 * apart, apart, a + j0 * apart, apart, 0, k + i0 * n + j0, n);
        for (size_t i = i0; i < i0 + m && i < n && i0 > j0; i++)
            for (size_t j = j0; j < j0 + w; j++) k[j * n + i] = k[i * n + j];
    }
}

/* The columns of band b that are neighbours from *first on; returns how many the band has. */
static size_t band_columns(size_t *first, bool *together, const fold_features *f, size_t b)
{
    size_t width = 0;
    *together = true;
    for (size_t j = 0; j < f->p; j++) {
        if (f->band_of[j] != b) continue;
        if (!width) *first = j;
        *together = *together && j - *first == width;
        width++;
    }
    return width;
}

static int gather_band(double **out, const fold_features *f, size_t b, size_t width, err *e)
{
    double *part = *out = mem_new((f->n + f->t) * width, sizeof *part, e);
    for (size_t i = 0, k = 0; part && i < f->n + f->t; i++)
        for (size_t j = 0; j < f->p; j++)
            if (f->band_of[j] == b) part[k++] = f->x[i * f->p + j];
    return part ? 0 : -1;
}

/* Gram matrix of each band: all rows against the training rows. */
static int make_kernels(fold_features *f, err *e)
{
    size_t rows = f->n + f->t, cells;
    if (size_mul(rows * f->n, f->n_bands, &cells, e) || !(f->kernel = mem_new(cells, sizeof *f->kernel, e))) return -1;
    for (size_t b = 0; b < f->n_bands; b++) {
        bool together;
        size_t first = 0, width = band_columns(&first, &together, f, b);
        double *part = NULL, *k = f->kernel + b * rows * f->n;
        if (!together && gather_band(&part, f, b, width, e)) return -1;
        if (width) gram(k, part ? part : f->x + first, rows, f->n, width, part ? width : f->p);
        free(part);
    }
    return 0;
}

int fold_features_new(fold_features **out, const nested_problem *q, const uint8_t *keep, err *e)
{
    bool zero = false;
    *out = NULL;
    fold_features *f = mem_new(1, sizeof *f, e);
    if (!f) return -1;
    for (size_t a = 0; a < q->n_alphas; a++) zero = zero || q->alphas[a] == 0;
    if (list_rows(&f->train_row, &f->n, q->train, q->n, e) || list_rows(&f->test_row, &f->t, q->test, q->n, e)) goto failed;
    if (f->n <= 2) {
        err_set(e, ERR_INPUT, "%zu training rows; ridge needs at least 3", f->n);
        goto failed;
    }
    if (keep_columns(f, q, keep, e) || check_finite(f, q, e) || standardise(f, q, e)) goto failed;
    if (f->p > f->n && !zero && make_kernels(f, e)) goto failed;
    *out = f;
    return 0;
failed:
    fold_features_free(f);
    return -1;
}

void fold_features_free(fold_features *f)
{
    if (!f) return;
    free(f->train_row);
    free(f->test_row);
    free(f->column);
    free(f->x);
    free(f->scale);
    free(f->band_of);
    free(f->kernel);
    free(f);
}
