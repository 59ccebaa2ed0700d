/* SPDX-License-Identifier: MIT */
/* t tests (METHODS 6.1, 6.3). Variances are two-pass, so that a mean of 1e6 with a sd of 1e-3 keeps its digits. */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>

/* difference/√square with its dof; without variance t is ±inf, or NaN where there is no difference either. */
static t_result t_of(double difference, double square, double dof)
{
    t_result r = { NAN, dof, NAN, NAN };
    if (isnan(difference) || isnan(square)) return r;
    if (square == 0) {
        if (difference == 0) return r;
        r.t = copysign(INFINITY, difference);
    } else {
        r.t = difference / sqrt(square);
    }
    r.log_p = t_log_p(r.t, dof, TAIL_BOTH);
    r.p = exp(r.log_p);
    return r;
}

t_result welch(const double *a, size_t na, const double *b, size_t nb)
{
    if (na < 2 || nb < 2) return (t_result){ NAN, NAN, NAN, NAN };
    double sa = variance_f8(a, na, 1) / (double)na, sb = variance_f8(b, nb, 1) / (double)nb, largest = fmax(sa, sb);
    double dof = NAN;
    if (largest > 0) { /* scaled: variances of 1e-200 have squares of 0 */
        double fa = sa / largest, fb = sb / largest;
        dof = (fa + fb) * (fa + fb) / (fa * fa / ((double)na - 1) + fb * fb / ((double)nb - 1));
    }
    return t_of(mean_f8(a, na) - mean_f8(b, nb), sa + sb, dof);
}

t_result student(const double *a, size_t na, const double *b, size_t nb)
{
    if (na < 2 || nb < 2) return (t_result){ NAN, NAN, NAN, NAN };
    double dof = (double)(na + nb) - 2;
    double pooled = (variance_f8(a, na, 1) * ((double)na - 1) + variance_f8(b, nb, 1) * ((double)nb - 1)) / dof;
    return t_of(mean_f8(a, na) - mean_f8(b, nb), pooled * (1 / (double)na + 1 / (double)nb), dof);
}

double cohen_d(const double *a, size_t na, const double *b, size_t nb)
{
    t_result r = student(a, na, b, nb);
    return r.t * sqrt(1 / (double)na + 1 / (double)nb);
}

t_result one_sample(const double *a, size_t n, double mu)
{
    if (n < 2) return (t_result){ NAN, NAN, NAN, NAN };
    return t_of(mean_f8(a, n) - mu, variance_f8(a, n, 1) / (double)n, (double)n - 1);
}

/* Differences are formed on the fly, twice: no memory that could fail. */
t_result paired(const double *a, const double *b, size_t n)
{
    double mean = 0, rest = 0, square = 0;
    bool equal = true;
    if (n < 2) return (t_result){ NAN, NAN, NAN, NAN };
    for (size_t i = 0; i < n; i++) {
        mean += a[i] - b[i];
        equal = equal && a[i] - b[i] == a[0] - b[0];
    }
    mean /= (double)n;
    for (size_t i = 0; i < n; i++)
        rest += a[i] - b[i] - mean;
    mean += rest / (double)n;
    for (size_t i = 0; i < n; i++)
        square += (a[i] - b[i] - mean) * (a[i] - b[i] - mean);
    if (equal) {
        mean = a[0] - b[0];
        square = 0;
    }
    return t_of(mean, square / ((double)n - 1) / (double)n, (double)n - 1);
}

typedef struct {
    double n, value, covariate, vv, cc, vc;
} moments;

static moments moments_of(const double *v, const double *c, size_t n)
{
    moments m = { (double)n, mean_f8(v, n), mean_f8(c, n), 0, 0, 0 };
    for (size_t i = 0; i < n; i++) {
        double x = v[i] - m.value, y = c[i] - m.covariate;
        m.vv += x * x;
        m.cc += y * y;
        m.vc += x * y;
    }
    return m;
}

/* OLS of the value on intercept, condition and covariate. With both groups centred on their own means (Frisch-Waugh)
 * the slope is Σvc/Σcc within groups, and the condition's coefficient the difference of means less slope × difference
 * of c. */
t_result covariate_t(const double *a, const double *ca, size_t na, const double *b, const double *cb, size_t nb)
{
    if (na < 1 || nb < 1 || na + nb < 4) return (t_result){ NAN, NAN, NAN, NAN };
    moments ma = moments_of(a, ca, na), mb = moments_of(b, cb, nb);
    double cc = ma.cc + mb.cc, vc = ma.vc + mb.vc, vv = ma.vv + mb.vv, dof = ma.n + mb.n - 3;
    double dc = ma.covariate - mb.covariate, dv = ma.value - mb.value,
           size = fmax(fabs(ma.covariate), fabs(mb.covariate));
    if (cc <= 1e-24 * size * size * (ma.n + mb.n)) {                /* no spread of the covariate within the groups */
        if (fabs(dc) <= 1e-12 * size) return student(a, na, b, nb); /* none between them either: it says nothing */
        return (t_result){ NAN, dof, NAN, NAN };                    /* it is the condition: not separable */
    }
    double slope = vc / cc, residual = vv - slope * vc;
    if (residual <= 1e-15 * vv) residual = 0;
    double square = residual / dof * (1 / ma.n + 1 / mb.n + dc * dc / cc), difference = dv - slope * dc;
    if (residual == 0 && fabs(difference) <= 1e-12 * (fabs(ma.value) + fabs(mb.value))) difference = 0;
    return t_of(difference, square, dof);
}
