/* SPDX-License-Identifier: MIT */
/* Intervals from resamples: percentile, basic, bias-corrected and accelerated (Efron 1987; METHODS 5.6), and of t. */
#include "broca/num.h"

#include <math.h>

limits interval_percentile(double *sorted, size_t n, double level)
{
    double tail_share = (1 - level) / 2;
    return (limits){ quantile_f8(sorted, n, tail_share), quantile_f8(sorted, n, 1 - tail_share) };
}

limits interval_basic(double theta, double *sorted, size_t n, double level)
{
    limits p = interval_percentile(sorted, n, level);
    return (limits){ 2 * theta - p.hi, 2 * theta - p.lo };
}

limits interval_t(const double *x, size_t n, double level)
{
    double mean = mean_f8(x, n), half = n < 2 ? NAN : t_quantile((1 + level) / 2, (double)n - 1) * sqrt(variance_f8(x, n, 1) / (double)n);
    return (limits){ mean - half, mean + half };
}

double normal_distribution(double z)
{
    return exp(normal_log_upper(-z));
}

double jackknife_acceleration(const double *left_out, size_t n)
{
    double mean = mean_f8(left_out, n), cubes = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        double u = mean - left_out[i];
        cubes += u * u * u;
        squares += u * u;
    }
    return cubes / (6 * pow(squares, 1.5));
}

/* Share of draws below theta, ties counted half. */
static double share_below(double theta, const double *sorted, size_t n)
{
    size_t below = 0, at_most = 0;
    for (size_t i = 0; i < n; i++) {
        below += sorted[i] < theta;
        at_most += sorted[i] <= theta;
    }
    return (double)(below + at_most) / (2 * (double)n);
}

bca_interval interval_bca(double theta, double *sorted, size_t n, double acceleration, double level)
{
    bca_interval b = { .bounds = { theta, theta }, .z0 = NAN, .acceleration = acceleration, .level_lo = NAN, .level_hi = NAN };
    double z = normal_quantile((1 + level) / 2), a = acceleration;
    if (n == 0) return b;
    b.z0 = normal_quantile(share_below(theta, sorted, n));
    b.flat = sorted[0] == sorted[n - 1];
    if (b.flat || isnan(a)) return b;
    b.level_lo = normal_distribution(b.z0 + (b.z0 - z) / (1 - a * (b.z0 - z)));
    b.level_hi = normal_distribution(b.z0 + (b.z0 + z) / (1 - a * (b.z0 + z)));
    b.bounds = (limits){ quantile_f8(sorted, n, b.level_lo), quantile_f8(sorted, n, b.level_hi) };
    return b;
}
