/* SPDX-License-Identifier: MIT */
/* Correlation between the responses of two units against their distance on the sheet, beside permuted positions. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "distance.h"

int unit_correlations(double *r, uint8_t *constant, const double *x, size_t d, size_t s, err *e)
{
    double *z = mem_copy(x, d * s * sizeof *z, e);
    if (!z) return -1;
    for (size_t k = 0; k < d; k++) {
        double *row = z + k * s, mean = mean_f8(row, s), length = sqrt(variance_f8(row, s, 0) * (double)s);
        constant[k] = !(length > 0);
        for (size_t i = 0; i < s; i++)
            row[i] = constant[k] ? 0 : (row[i] - mean) / length;
    }
    gemm_f8(false, true, d, d, s, 1, z, s, z, s, 0, r, d);
    free(z);
    return 0;
}

void place_distances(double *distance, const double *positions, size_t d)
{
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < d; j++)
            distance[i * d + j] =
                hypot(positions[2 * i] - positions[2 * j], positions[2 * i + 1] - positions[2 * j + 1]);
}

typedef struct {
    size_t d, bins;
    const double *r, *distance; /* [d×d] by unit; by place */
    double *near;               /* [d×d] 1/(1 + distance) by place */
    uint16_t *bin;              /* [d×d] by place */
    const uint8_t *constant;    /* [d] by unit */
} pairs;

/* Place k holds unit order[k]: Σ r, count and Σ distance of each bin (the last two may be NULL), and Pearson of r and near. */
static double curve_of(const pairs *p, const size_t *order, double *sum, int64_t *count, double *distance)
{
    double n = 0, sr = 0, sd = 0, rr = 0, dd = 0, rd = 0;
    memset(sum, 0, p->bins * sizeof *sum);
    for (size_t i = 0; i < p->d; i++) {
        const double *row = p->r + order[i] * p->d;
        if (p->constant[order[i]]) continue;
        for (size_t j = 0; j < i; j++) {
            if (p->constant[order[j]]) continue;
            size_t at = i * p->d + j, b = p->bin[at];
            double r = row[order[j]], near = p->near[at];
            sum[b] += r;
            if (count) count[b]++;
            if (distance) distance[b] += p->distance[at];
            n++;
            sr += r;
            sd += near;
            rr += r * r;
            dd += near * near;
            rd += r * near;
        }
    }
    double a = rr - sr * sr / n, b = dd - sd * sd / n;
    return n > 1 && a > 1e-12 * rr && b > 1e-12 * dd ? (rd - sr * sd / n) / sqrt(a * b) : NAN;
}

/* With constant units the bins hold other pairs after a permutation: each has its own count. */
static int permuted(const pairs *p, double *curves, double *slopes, size_t count, uint64_t seed, uint32_t number, err *e)
{
    size_t threads = (size_t)threads_count();
    size_t *order = mem_new(threads * p->d, sizeof *order, e);
    int64_t *filled = mem_new(threads * p->bins, sizeof *filled, e);
    if (!order || !filled) {
        free(order);
        free(filled);
        return -1;
    }
#pragma omp parallel for schedule(static) num_threads(threads_count())
    for (size_t k = 0; k < count; k++) {
        size_t me = (size_t)omp_get_thread_num(), *own = order + me * p->d;
        int64_t *n = filled + me * p->bins;
        double *sum = curves + k * p->bins;
        memset(n, 0, p->bins * sizeof *n);
        shuffled(own, p->d, seed, RNG_POSITIONS, (uint32_t)k, number);
        slopes[k] = curve_of(p, own, sum, n, NULL);
        for (size_t b = 0; b < p->bins; b++)
            sum[b] = n[b] ? sum[b] / (double)n[b] : NAN;
    }
    free(order);
    free(filled);
    return 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Mean and central 95 % of each bin over the permutations. */
static void null_band(distance_curve *c, const double *curves, size_t count, double *column)
{
    for (size_t b = 0; b < c->bins; b++) {
        size_t n = 0;
        for (size_t k = 0; k < count; k++)
            if (!isnan(curves[k * c->bins + b])) column[n++] = curves[k * c->bins + b];
        qsort(column, n, sizeof *column, by_value);
        c->null_mean[b] = mean_f8(column, n);
        c->lo[b] = quantile_f8(column, n, .025);
        c->hi[b] = quantile_f8(column, n, .975);
    }
}

static int curve_new(distance_curve **out, size_t bins, err *e)
{
    distance_curve *c = mem_new(1, sizeof *c, e);
    if (!c) return -1;
    c->bins = bins;
    c->distance = mem_new(bins, sizeof *c->distance, e);
    c->r = mem_new(bins, sizeof *c->r, e);
    c->null_mean = mem_new(bins, sizeof *c->null_mean, e);
    c->lo = mem_new(bins, sizeof *c->lo, e);
    c->hi = mem_new(bins, sizeof *c->hi, e);
    c->pairs = mem_new(bins, sizeof *c->pairs, e);
    if (!c->distance || !c->r || !c->null_mean || !c->lo || !c->hi || !c->pairs) {
        distance_free(c);
        return -1;
    }
    *out = c;
    return 0;
}

static int set_bins(pairs *p, err *e)
{
    for (size_t at = 0; at < p->d * p->d; at++) {
        double place = fmax(1, floor(p->distance[at] + 0.5));
        if (!(place < 4096)) return err_set(e, ERR_INPUT, "units lie %g apart: no sheet is that large", p->distance[at]);
        p->bin[at] = (uint16_t)(place - 1);
        if (p->bin[at] >= p->bins) p->bins = p->bin[at] + (size_t)1;
        p->near[at] = 1 / (1 + p->distance[at]);
    }
    return 0;
}

static void fill(distance_curve *c, const pairs *p, size_t *order, const double *slopes, size_t count)
{
    size_t at_least = 0, valid = 0;
    for (size_t k = 0; k < p->d; k++) {
        order[k] = k;
        c->constant += p->constant[k];
    }
    c->slope = curve_of(p, order, c->r, c->pairs, c->distance);
    for (size_t b = 0; b < c->bins; b++) {
        c->r[b] = c->pairs[b] ? c->r[b] / (double)c->pairs[b] : NAN;
        c->distance[b] = c->pairs[b] ? c->distance[b] / (double)c->pairs[b] : NAN;
    }
    for (size_t k = 0; k < count; k++) {
        valid += isnan(slopes[k]) ? 0 : 1;
        at_least += slopes[k] >= c->slope - 1e-12;
    }
    c->p = isnan(c->slope) || !valid ? NAN : ((double)at_least + 1) / ((double)valid + 1);
}

int distance_correlation(distance_curve **out, const double *x, size_t d, size_t s, const double *positions, size_t count,
                         uint64_t seed, uint32_t number, err *e)
{
    int status = -1;
    distance_curve *c = NULL;
    size_t cells = 0, *order = NULL;
    double *r = NULL, *distance = NULL, *curves = NULL, *slopes = NULL, *column = NULL;
    pairs p = { .d = d };
    uint8_t *constant = mem_new(d, 1, e);
    *out = NULL;
    if (!constant || size_mul(d, d, &cells, e)) goto done;
    r = mem_new(cells, sizeof *r, e);
    distance = mem_new(cells, sizeof *distance, e);
    p.near = mem_new(cells, sizeof *p.near, e);
    p.bin = mem_new(cells, sizeof *p.bin, e);
    order = mem_new(d, sizeof *order, e);
    if (!r || !distance || !p.near || !p.bin || !order || unit_correlations(r, constant, x, d, s, e)) goto done;
    place_distances(distance, positions, d);
    p.r = r;
    p.distance = distance;
    p.constant = constant;
    if (set_bins(&p, e) || curve_new(&c, p.bins, e)) goto done;
    curves = mem_new(count * p.bins, sizeof *curves, e);
    slopes = mem_new(count, sizeof *slopes, e);
    column = mem_new(count, sizeof *column, e);
    if (!curves || !slopes || !column || permuted(&p, curves, slopes, count, seed, number, e)) goto done;
    null_band(c, curves, count, column);
    fill(c, &p, order, slopes, count);
    *out = c;
    c = NULL;
    status = 0;
done:
    distance_free(c);
    free(constant);
    free(r);
    free(distance);
    free(p.near);
    free(p.bin);
    free(order);
    free(curves);
    free(slopes);
    free(column);
    return status;
}

void distance_free(distance_curve *c)
{
    if (!c) return;
    free(c->distance);
    free(c->r);
    free(c->null_mean);
    free(c->lo);
    free(c->hi);
    free(c->pairs);
    free(c);
}
