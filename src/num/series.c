/* SPDX-License-Identifier: MIT */
/* Responses as one fold sees them: the blocks of the filter, confounds and scales learnt on training rows. */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Test fold of a row, -1: none. */
static int64_t fold_of(const folds *f, size_t row)
{
    for (size_t k = 0; f && k < f->count; k++)
        if (f->test[k * f->n + row]) return (int64_t)k;
    return -1;
}

int series_blocks(int32_t *block, const int32_t *run, size_t n, const folds *f, err *e)
{
    int32_t next = 0;
    int64_t *fold = mem_new(n, sizeof *fold, e);
    if (!fold) return -1;
    for (size_t i = 0; i < n; i++)
        fold[i] = fold_of(f, i);
    for (size_t i = 0; i < n; i++) {
        block[i] = -1;
        /* the last rows first: neighbours share a block, so that the search is short for sorted rows */
        for (size_t j = i; j-- > 0;)
            if (fold[j] == fold[i] && (!run || run[j] == run[i])) {
                block[i] = block[j];
                break;
            }
        if (block[i] < 0) block[i] = next++;
    }
    free(fold);
    return 0;
}

int series_zscore(double *y, size_t n, size_t v, const uint8_t *train, err *e)
{
    double *x = mem_new(n, sizeof *x, e);
    if (!x) return -1;
    for (size_t j = 0; j < v; j++) {
        size_t m = 0;
        bool constant = column_constant(y + j, n, v, train);
        for (size_t i = 0; i < n; i++)
            if (!train || train[i]) x[m++] = y[i * v + j];
        double mean = mean_f8(x, m), sd = sqrt(variance_f8(x, m, 0));
        for (size_t i = 0; i < n; i++)
            y[i * v + j] = constant ? 0 : (y[i * v + j] - mean) / sd;
    }
    free(x);
    return 0;
}

int series_fold(double *out, const double *y, size_t n, size_t v, const double *z, size_t k, const uint8_t *train,
                err *e)
{
    memcpy(out, y, n * v * sizeof *out);
    if (z && k && remove_confounds(out, n, v, z, k, train, NULL, e)) return -1;
    return series_zscore(out, n, v, train, e);
}

int series_zscore_runs(double *y, size_t n, size_t v, const int32_t *run, err *e)
{
    uint8_t *use = mem_new(n, 1, e), *seen = mem_new(n, 1, e);
    int status = use && seen ? 0 : -1;
    for (size_t i = 0; i < n && !status; i++) {
        if (seen[i]) continue;
        for (size_t k = 0; k < n; k++) seen[k] |= use[k] = run[k] == run[i];
        for (size_t j = 0; j < v; j++) {
            double sum = 0, square = 0, count = 0;
            bool constant = column_constant(y + j, n, v, use);
            for (size_t k = 0; k < n; k++)
                if (use[k]) {
                    sum += y[k * v + j];
                    count++;
                }
            for (size_t k = 0; k < n; k++)
                if (use[k]) square += (y[k * v + j] - sum / count) * (y[k * v + j] - sum / count);
            for (size_t k = 0; k < n; k++)
                if (use[k]) y[k * v + j] = constant ? 0 : (y[k * v + j] - sum / count) / sqrt(square / count);
        }
    }
    free(use);
    free(seen);
    return status;
}
