/* SPDX-License-Identifier: MIT */
/* Arithmetic of noise ceilings (METHODS 4.2-4.5). */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>

double spearman_brown(double r, double times)
{
    return times * r / (1 + (times - 1) * r);
}

/* Mean and ddof-1 variance of what is there in a row. */
static size_t row_moments(const double *row, size_t repeats, double *mean, double *variance)
{
    size_t m = 0;
    double sum = 0, square = 0;
    for (size_t k = 0; k < repeats; k++)
        if (!isnan(row[k])) {
            sum += row[k];
            m++;
        }
    *mean = m ? sum / (double)m : NAN;
    for (size_t k = 0; k < repeats; k++)
        if (!isnan(row[k])) square += (row[k] - *mean) * (row[k] - *mean);
    *variance = m > 1 ? square / ((double)m - 1) : NAN;
    return m;
}

int snr_variances(const double *d, size_t n, size_t repeats, double *noise_var, double *signal_var)
{
    double noise = 0, inverse = 0, grand = 0, signal = 0, mean, variance;
    size_t used = 0, with_noise = 0;
    *noise_var = *signal_var = NAN;
    for (size_t i = 0; i < n; i++) {
        size_t have = row_moments(d + i * repeats, repeats, &mean, &variance);
        if (have == 0) continue;
        used++;
        grand += mean;
        inverse += 1 / (double)have;
        if (have < 2) continue;
        with_noise++;
        noise += variance;
    }
    if (used < 2 || with_noise == 0) return -1;
    noise /= (double)with_noise;
    grand /= (double)used;
    for (size_t i = 0; i < n; i++) {
        if (row_moments(d + i * repeats, repeats, &mean, &variance) == 0) continue;
        signal += (mean - grand) * (mean - grand);
    }
    *noise_var = noise;
    *signal_var =
        signal / ((double)used - 1) - noise * inverse / (double)used; /* inverse/used: 1/harmonic mean of R_i */
    return 0;
}

double snr_ceiling(const double *d, size_t n, size_t repeats, double m, double *noise_var, double *signal_var,
                   double *ncsnr)
{
    double noise, signal, ratio;
    if (snr_variances(d, n, repeats, &noise, &signal) == 0) signal = fmax(0, signal);
    ratio = noise == 0 ? INFINITY : sqrt(signal / noise);
    if (noise_var) *noise_var = noise;
    if (signal_var) *signal_var = signal;
    if (ncsnr) *ncsnr = ratio;
    if (noise == 0) return 1;
    return sqrt(ratio * ratio / (ratio * ratio + 1 / m));
}

static void column(double *out, const double *y, size_t n, size_t stride)
{
    for (size_t i = 0; i < n; i++)
        out[i] = y[i * stride];
}

double pairwise_r(const double *y, size_t n, size_t subjects)
{
    double sum = 0, *a, *b;
    err e = { 0 };
    if (subjects < 2) return NAN;
    a = mem_new(2 * n, sizeof *a, &e);
    if (!a) return NAN;
    b = a + n;
    for (size_t s = 0; s < subjects; s++) {
        column(a, y + s, n, subjects);
        for (size_t o = 0; o < s; o++) {
            column(b, y + o, n, subjects);
            sum += pearson(a, b, n);
        }
    }
    free(a);
    return sum / ((double)subjects * (double)(subjects - 1) / 2);
}

int leave_one_out_r(const double *y, size_t n, size_t subjects, double *out, err *e)
{
    double *total = mem_new(2 * n, sizeof *total, e), *own, *others;
    if (!total) return -1;
    own = mem_new(n, sizeof *own, e);
    if (!own) {
        free(total);
        return -1;
    }
    others = total + n;
    for (size_t i = 0; i < n; i++)
        total[i] = sum_f8(y + i * subjects, subjects);
    for (size_t s = 0; s < subjects; s++) {
        column(own, y + s, n, subjects);
        for (size_t i = 0; i < n; i++)
            others[i] = (total[i] - own[i]) / (double)(subjects - 1);
        out[s] = subjects > 1 ? pearson(own, others, n) : NAN;
    }
    free(own);
    free(total);
    return 0;
}

double explainable_variance(const double *y, size_t n, size_t repeats, err *e)
{
    double *z = mem_new(n, sizeof *z, e), *mean = mem_new(n, sizeof *mean, e), of_mean = NAN, each = 0;
    if (!z || !mean) goto done;
    for (size_t s = 0; s < repeats; s++) {
        column(z, y + s, n, repeats);
        double centre = mean_f8(z, n), sd = sqrt(variance_f8(z, n, 0));
        for (size_t i = 0; i < n; i++) {
            z[i] = (z[i] - centre) / sd;
            mean[i] += z[i] / (double)repeats;
        }
        each += variance_f8(z, n, 1) / (double)repeats;
    }
    of_mean = variance_f8(mean, n, 1) / each;
done:
    free(z);
    free(mean);
    return of_mean;
}
