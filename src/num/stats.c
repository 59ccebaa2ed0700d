/* SPDX-License-Identifier: MIT */
/* Sums, moments, order statistics, correlations. Sums run in the order of the array. */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>

double sum_f8(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}

/* The second pass takes off what rounding of large values left: a constant array has exactly its value as mean. */
double mean_f8(const double *x, size_t n)
{
    double mean, rest = 0;
    if (n == 0) return NAN;
    mean = sum_f8(x, n) / (double)n;
    if (!isfinite(mean)) return mean;
    for (size_t i = 0; i < n; i++)
        rest += x[i] - mean;
    return mean + rest / (double)n;
}

static bool all_equal(const double *x, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (x[i] != x[0]) return false;
    return true;
}

double variance_f8(const double *x, size_t n, int ddof)
{
    double mean = mean_f8(x, n), sum = 0;
    if ((double)n - ddof <= 0) return NAN;
    if (all_equal(x, n) && isfinite(x[0])) return 0; /* exactly, however the mean was rounded */
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sum / ((double)n - ddof);
}

double pearson(const double *a, const double *b, size_t n)
{
    double ma, mb, aa = 0, bb = 0, ab = 0, r;
    if (n < 2 || all_equal(a, n) || all_equal(b, n)) return NAN;
    ma = mean_f8(a, n);
    mb = mean_f8(b, n);
    for (size_t i = 0; i < n; i++) {
        double x = a[i] - ma, y = b[i] - mb;
        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    r = ab / (sqrt(aa) * sqrt(bb));
    return isnan(r) ? NAN : fmax(-1, fmin(1, r));
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median_f8(double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(x[i])) return NAN;
    if (n == 0) return NAN;
    qsort(x, n, sizeof *x, by_value);
    return n % 2 ? x[n / 2] : x[n / 2 - 1] + (x[n / 2] - x[n / 2 - 1]) / 2;
}

double quantile_f8(double *sorted, size_t n, double q)
{
    if (n == 0 || !(q >= 0 && q <= 1)) return NAN;
    double at = q * (double)(n - 1), low = floor(at);
    size_t i = (size_t)low;
    if (i + 1 >= n) return sorted[n - 1];
    return sorted[i] + (at - low) * (sorted[i + 1] - sorted[i]);
}

int mad_f8(const double *x, size_t n, double *mad, err *e)
{
    double *copy = mem_copy(x, n * sizeof *x, e), median;
    if (!copy) return -1;
    median = median_f8(copy, n);
    for (size_t i = 0; i < n; i++)
        copy[i] = fabs(x[i] - median);
    *mad = median_f8(copy, n);
    free(copy);
    return 0;
}

typedef struct {
    double value;
    size_t at;
} ranked;

static int by_ranked_value(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

int ranks_average(const double *x, size_t n, double *rank, err *e)
{
    ranked *order;
    bool nan_seen = false;
    for (size_t i = 0; i < n; i++)
        nan_seen = nan_seen || isnan(x[i]);
    if (nan_seen) {
        for (size_t i = 0; i < n; i++)
            rank[i] = NAN;
        return 0;
    }
    order = mem_new(n, sizeof *order, e);
    if (!order) return -1;
    for (size_t i = 0; i < n; i++)
        order[i] = (ranked){ x[i], i };
    qsort(order, n, sizeof *order, by_ranked_value);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && order[j].value == order[i].value; j++) {
        }
        for (size_t k = i; k < j; k++)
            rank[order[k].at] = (double)(i + j + 1) / 2;
    }
    free(order);
    return 0;
}

int spearman(const double *a, const double *b, size_t n, double *r, err *e)
{
    int status = -1;
    double *ra = mem_new(n, sizeof *ra, e), *rb = mem_new(n, sizeof *rb, e);
    if (!ra || !rb || ranks_average(a, n, ra, e) || ranks_average(b, n, rb, e)) goto done;
    *r = pearson(ra, rb, n);
    status = 0;
done:
    free(ra);
    free(rb);
    return status;
}

double kendall_b(const double *a, const double *b, size_t n)
{
    double score = 0, untied_a = 0, untied_b = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            double x = a[i] - a[j], y = b[i] - b[j];
            if (isnan(x) || isnan(y)) return NAN;
            score += (double)(((x > 0) - (x < 0)) * ((y > 0) - (y < 0)));
            untied_a += x != 0;
            untied_b += y != 0;
        }
    return untied_a > 0 && untied_b > 0 ? score / (sqrt(untied_a) * sqrt(untied_b)) : NAN;
}

double correlation_p(double r, size_t n)
{
    double dof = (double)n - 2;
    if (isnan(r) || dof <= 0) return NAN;
    return exp(t_log_p(r * sqrt(dof / ((1 - r) * (1 + r))), dof, TAIL_BOTH));
}
