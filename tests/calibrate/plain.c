/* SPDX-License-Identifier: MIT */
#include "plain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };
static const double alphas[] = { 1, 10, 100, 1000, 10000 };
static const double gammas[3][2] = { { .5, .5 }, { 1, 0 }, { 0, 1 } };

/* a [n×n], b [n] -> b = a^-1 b; partial pivoting. */
static void solve(double a[MOST][MOST], double *b, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        size_t best = k;
        for (size_t i = k + 1; i < n; i++)
            if (fabs(a[i][k]) > fabs(a[best][k])) best = i;
        for (size_t j = 0; j < n; j++) {
            double other = a[k][j];
            a[k][j] = a[best][j];
            a[best][j] = other;
        }
        double other = b[k];
        b[k] = b[best];
        b[best] = other;
        for (size_t i = k + 1; i < n; i++) {
            double f = a[i][k] / a[k][k];
            for (size_t j = k; j < n; j++) a[i][j] -= f * a[k][j];
            b[i] -= f * b[k];
        }
    }
    for (size_t k = n; k-- > 0;) {
        for (size_t j = k + 1; j < n; j++) b[k] -= a[k][j] * b[j];
        b[k] /= a[k][k];
    }
}

/* Predictions of all rows from a ridge with intercept on the rows with in[i]: z [n×p]. */
static void ridge(double *prediction, const double *z, const double *y, const uint8_t *in, size_t n, size_t p, double alpha)
{
    double a[MOST][MOST] = { { 0 } }, w[MOST] = { 0 }, mean[MOST] = { 0 }, y_mean = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!in[i]) continue;
        for (size_t j = 0; j < p; j++) mean[j] += z[i * p + j];
        y_mean += y[i];
        count++;
    }
    for (size_t j = 0; j < p; j++) mean[j] /= count;
    y_mean /= count;
    for (size_t i = 0; i < n; i++) {
        if (!in[i]) continue;
        for (size_t j = 0; j < p; j++) {
            for (size_t k = 0; k < p; k++) a[j][k] += (z[i * p + j] - mean[j]) * (z[i * p + k] - mean[k]);
            w[j] += (z[i * p + j] - mean[j]) * (y[i] - y_mean);
        }
    }
    for (size_t j = 0; j < p; j++) a[j][j] += alpha;
    solve(a, w, p);
    for (size_t i = 0; i < n; i++) {
        prediction[i] = y_mean;
        for (size_t j = 0; j < p; j++) prediction[i] += (z[i * p + j] - mean[j]) * w[j];
    }
}

/* x [n×p] standardised on the training rows, divided by the root of the band's width and multiplied by that of gamma. */
static void scale(double *z, const double *x, const double *base, const uint8_t *train, size_t n, size_t p, size_t k, const double *gamma)
{
    size_t width = (x ? p : 0) + (base ? k : 0);
    for (size_t j = 0; j < width; j++) {
        bool model = x && j < p;
        const double *from = model ? x + j : base + (x ? j - p : j);
        size_t stride = model ? p : k;
        double mean = 0, square = 0, count = 0, factor;
        for (size_t i = 0; i < n; i++)
            if (train[i]) {
                mean += from[i * stride];
                count++;
            }
        mean /= count;
        for (size_t i = 0; i < n; i++)
            if (train[i]) square += (from[i * stride] - mean) * (from[i * stride] - mean);
        factor = sqrt((x && base ? gamma[model ? 0 : 1] : 1) / (double)(model ? p : k)) / sqrt(square / count);
        for (size_t i = 0; i < n; i++) z[i * width + j] = (from[i * stride] - mean) * factor;
    }
}

typedef struct { double sse, sst; } errors;

/* The test errors of one outer fold with alpha and gamma of the least inner error. */
static errors fold(double *z, double *prediction, const double *x, const double *base, const double *y, const folds *outer, const folds *inner,
                   size_t f, size_t n, size_t p, size_t k)
{
    const uint8_t *train = outer->train + f * n, *test = outer->test + f * n;
    size_t width = (x ? p : 0) + (base ? k : 0), best_g = 0, best_a = 0;
    double least = INFINITY, mean = 0, count = 0;
    errors out = { 0, 0 };
    for (size_t g = 0; g < (x && base ? 3 : 1); g++) {
        scale(z, x, base, train, n, p, k, gammas[g]);
        for (size_t a = 0; a < sizeof alphas / sizeof *alphas; a++) {
            double error = 0;
            for (size_t h = 0; h < inner->count; h++) {
                double sum = 0, rows = 0;
                ridge(prediction, z, y, inner->train + h * n, n, width, alphas[a]);
                for (size_t i = 0; i < n; i++)
                    if (inner->test[h * n + i]) {
                        sum += (y[i] - prediction[i]) * (y[i] - prediction[i]);
                        rows++;
                    }
                error += sum / rows / (double)inner->count;
            }
            if (error < least * (1 - 1e-12) || (g == best_g && error <= least * (1 + 1e-12))) { /* equal ones: the larger alpha */
                least = fmin(least, error);
                best_g = g;
                best_a = a;
            }
        }
    }
    scale(z, x, base, train, n, p, k, gammas[best_g]);
    ridge(prediction, z, y, train, n, width, alphas[best_a]);
    for (size_t i = 0; i < n; i++)
        if (train[i]) {
            mean += y[i];
            count++;
        }
    mean /= count;
    for (size_t i = 0; i < n; i++)
        if (test[i]) {
            out.sse += (y[i] - prediction[i]) * (y[i] - prediction[i]);
            out.sst += (y[i] - mean) * (y[i] - mean);
        }
    return out;
}

int plain_delta(double *delta, const study_design *d, const study_plan *plan, uint32_t number, err *e)
{
    size_t n = d->rows, p = d->width, k = d->base_width, S = d->subjects;
    double *x = mem_new(n * p, sizeof *x, e), *base = mem_new(n * k, sizeof *x, e), *y = mem_new(n * S, sizeof *x, e);
    double *one = mem_new(2 * n, sizeof *x, e), *z = mem_new(n * (p + k), sizeof *x, e);
    int status = -1;
    *delta = 0;
    if (!x || !base || !y || !one || !z) goto done;
    study_draw(x, base, y, plan, number);
    for (size_t s = 0; s < S; s++) {
        double joint = 0, alone = 0, total = 0;
        for (size_t i = 0; i < n; i++) one[i] = y[i * S + s];
        for (size_t f = 0; f < study_outer(plan)->count; f++) {
            errors a = fold(z, one + n, x, base, one, study_outer(plan), study_inner(plan, f), f, n, p, k);
            errors b = fold(z, one + n, NULL, base, one, study_outer(plan), study_inner(plan, f), f, n, p, k);
            joint += a.sse;
            alone += b.sse;
            total += a.sst;
        }
        *delta += (alone - joint) / total / (double)S;
    }
    status = 0;
done:
    free(x);
    free(base);
    free(y);
    free(one);
    free(z);
    return status;
}
