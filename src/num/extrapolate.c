/* SPDX-License-Identifier: MIT */
/* The extrapolated ceiling's curve (METHODS 4.1): v0 (1 - exp(-x/tau)) through mean scores at growing numbers of subjects,
 * 0 <= v0 <= 1, tau > 0. For a given tau the best v0 has a closed form, so that one search over tau finds the least sum of
 * squares there is; where v0 ends at a bound, tau is hardly determined. */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>

enum { GRID = 240 };
static const double log_lo = -4.6, log_hi = 13.8; /* tau from .01 to 1e6 */

typedef struct {
    const double *x, *y, *weight;
    size_t n;
} points;

/* The best v0 at this tau, its sum of squares, and in *slope (may be NULL) the sign of the derivative by tau. */
static double fit_v0(const points *q, double tau, double *v0, double *slope)
{
    double gy = 0, gg = 0, sse = 0, d = 0;
    for (size_t i = 0; i < q->n; i++) {
        double g = -expm1(-q->x[i] / tau), w = q->weight ? q->weight[i] : 1;
        gy += w * g * q->y[i];
        gg += w * g * g;
    }
    *v0 = fmin(fmax(gy / gg, 0), 1);
    for (size_t i = 0; i < q->n; i++) {
        double error = q->y[i] + *v0 * expm1(-q->x[i] / tau), w = q->weight ? q->weight[i] : 1;
        sse += w * error * error;
        d += w * error * *v0 * q->x[i] * exp(-q->x[i] / tau); /* v0 is the best or at a bound: its own part is 0 */
    }
    if (slope) *slope = d;
    return sse;
}

bool extrapolate_fit(const double *x, const double *y, const double *weight, size_t n, double *v0, double *tau, double *sse)
{
    points q = { x, y, weight, n };
    double least = INFINITY, step = (log_hi - log_lo) / GRID, best = 0, v, lower, upper;
    *v0 = *tau = *sse = NAN;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(y[i])) return false;
    for (int i = 0; i <= GRID; i++) {
        double s = fit_v0(&q, exp(log_lo + i * step), &v, NULL);
        if (s < least) {
            least = s;
            best = log_lo + i * step;
        }
    }
    double a = best - step, b = best + step;
    fit_v0(&q, exp(a), &v, &lower);
    fit_v0(&q, exp(b), &v, &upper);
    for (int i = 0; i < 60 && lower < 0 && upper > 0; i++) { /* the derivative's zero, which is sharper than the minimum */
        double slope;
        best = (a + b) / 2;
        fit_v0(&q, exp(best), &v, &slope);
        if (slope < 0) a = best;
        else b = best;
    }
    *tau = exp(best);
    *sse = fit_v0(&q, *tau, v0, NULL);
    return true;
}

static double at(const double *v0, const double *tau, size_t b, double x)
{
    return -v0[b] * expm1(-x / tau[b]);
}

int extrapolate_interval(const double *v0, const double *tau, size_t n, double center, size_t *endpoint, double *below, double *above, err *e)
{
    enum { LAST = 999 };
    size_t m;
    double before = 0, *y = mem_new(n + 1, sizeof *y, e);
    if (!y) return -1;
    *endpoint = SIZE_MAX;
    *below = *above = NAN;
    for (size_t x = 0; x <= LAST && *endpoint == SIZE_MAX; x++) {
        m = 0;
        for (size_t b = 0; b < n; b++)
            if (!isnan(v0[b])) y[m++] = at(v0, tau, b, (double)x);
        double median = median_f8(y, m);
        if (x && median - before < .0005) *endpoint = x - 1;
        before = median;
    }
    m = 0;
    for (size_t b = 0; b < n && *endpoint != SIZE_MAX; b++)
        if (!isnan(v0[b])) y[m++] = at(v0, tau, b, (double)*endpoint);
    if (m) {
        median_f8(y, m); /* sorts */
        *below = center - quantile_f8(y, m, .025);
        *above = quantile_f8(y, m, .975) - center;
    }
    free(y);
    return 0;
}
