/* SPDX-License-Identifier: MIT */
/* Student's t and the normal distribution, as logarithms that stay exact where p itself is zero, and the gamma distribution.
 * GSL gives the special functions; the far tail of t is the continued fraction of the incomplete beta function with its
 * prefactor in logarithms. */
#include "broca/num.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_sf_erf.h>
#include <gsl/gsl_sf_gamma.h>
#include <math.h>

enum { MOST_TERMS = 100000 };

/* GSL's default handler aborts; every call here checks its result instead. */
static void quiet(void)
{
    static bool done;
    if (!done) gsl_set_error_handler_off();
    done = true;
}

/* Continued fraction of I_x(a, b) by Lentz's method (Press et al.; DLMF 8.17.22); for x < (a + 1)/(a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1), f;
    if (fabs(d) < tiny) d = tiny;
    d = 1 / d;
    f = d;
    for (int m = 1; m <= MOST_TERMS; m++) {
        double m2 = 2.0 * m, step;
        double even = m * (b - m) * x / ((a + m2 - 1) * (a + m2));
        double odd = -(a + m) * (a + b + m) * x / ((a + m2) * (a + m2 + 1));
        d = 1 + even * d;
        c = 1 + even / c;
        if (fabs(d) < tiny) d = tiny;
        if (fabs(c) < tiny) c = tiny;
        d = 1 / d;
        f *= d * c;
        d = 1 + odd * d;
        c = 1 + odd / c;
        if (fabs(d) < tiny) d = tiny;
        if (fabs(c) < tiny) c = tiny;
        d = 1 / d;
        step = d * c;
        f *= step;
        if (fabs(step - 1) < 1e-15) break;
    }
    return f;
}

static double log_beta(double a, double b)
{
    gsl_sf_result r;
    quiet();
    return gsl_sf_lnbeta_e(a, b, &r) == GSL_SUCCESS ? r.val : NAN;
}

/* log P(|T| >= t), t >= 0: log I_x(dof/2, 1/2) with x = dof/(dof + t²); log x and log(1 - x) come from t/√dof, because
 * x itself rounds to 0 or 1. */
static double log_two_sided(double t, double dof)
{
    double a = dof / 2, u, log_x, log_y, x, y;
    if (t == 0) return 0;
    if (isinf(t)) return -INFINITY;
    u = t / sqrt(dof);
    log_x = u > 1e8 ? -2 * log(u) : -log1p(u * u);
    log_y = 2 * log(u) + log_x;
    x = exp(log_x);
    y = exp(log_y);
    double front = a * log_x + 0.5 * log_y - log_beta(a, 0.5);
    if (x < (a + 1) / (a + 2.5)) return front - log(a) + log(beta_fraction(a, 0.5, x));
    return log1p(-exp(front + M_LN2) * beta_fraction(0.5, a, y)); /* 1/b = 2 for b = 1/2 */
}

double t_log_p(double t, double dof, tail which)
{
    double both;
    if (isnan(t)) return NAN;
    if (isinf(t) && !(dof <= 0))
        both = -INFINITY; /* whatever the dof, even unknown */
    else if (isnan(dof) || !(dof > 0))
        return NAN;
    else if (isinf(dof))
        both = fmin(0, normal_log_upper(fabs(t)) + M_LN2);
    else
        both = log_two_sided(fabs(t), dof);
    if (which == TAIL_BOTH) return both;
    if ((t > 0) == (which == TAIL_GREATER) || t == 0) return both - M_LN2;
    return log1p(-exp(both) / 2);
}

double t_quantile(double p, double dof)
{
    if (!(p >= 0 && p <= 1) || !(dof > 0)) return NAN;
    if (p == 0.5) return 0;
    if (p == 0) return -INFINITY;
    if (p == 1) return INFINITY;
    if (isinf(dof)) return normal_quantile(p);
    quiet();
    double upper = p > 0.5 ? 1 - p : p, t = p > 0.5 ? gsl_cdf_tdist_Pinv(p, dof) : -gsl_cdf_tdist_Pinv(p, dof);
    /* Newton in log p: GSL's inverse is a few digits short for small dof */
    for (int i = 0; i < 4 && isfinite(t); i++) {
        double have = t_log_p(t, dof, TAIL_GREATER);
        double log_density = -log_beta(dof / 2, 0.5) - 0.5 * log(dof) - (dof + 1) / 2 * log1p(t * t / dof);
        double step = (have - log(upper)) / exp(log_density - have);
        if (!isfinite(step)) break;
        t += step;
        if (fabs(step) <= 1e-15 * fabs(t)) break;
    }
    return p > 0.5 ? t : -t;
}

double normal_log_upper(double z)
{
    gsl_sf_result r;
    if (isnan(z)) return NAN;
    if (z < 0) return log1p(-erfc(-z / M_SQRT2) / 2);
    if (z < 30) return log(erfc(z / M_SQRT2) / 2);
    if (isinf(z)) return -INFINITY;
    quiet();
    return gsl_sf_log_erfc_e(z / M_SQRT2, &r) == GSL_SUCCESS ? r.val - M_LN2 : NAN;
}

double normal_quantile(double p)
{
    if (!(p >= 0 && p <= 1)) return NAN;
    quiet();
    return gsl_cdf_ugaussian_Pinv(p);
}

double gamma_density(double x, double shape, double scale)
{
    quiet();
    return gsl_ran_gamma_pdf(x, shape, scale);
}

double gamma_distribution(double x, double shape, double scale)
{
    quiet();
    return gsl_cdf_gamma_P(x, shape, scale);
}
