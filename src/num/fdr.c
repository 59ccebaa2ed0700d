/* SPDX-License-Identifier: MIT */
/* p values adjusted for their number (METHODS 5.8). NaN p are not counted and stay NaN. */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    double p;
    size_t at;
} entry;

static int by_p(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->p != y->p) return x->p < y->p ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* The p that are numbers, ascending. */
static entry *sorted(const double *p, size_t n, size_t *count, err *e)
{
    entry *list = mem_new(n, sizeof *list, e);
    *count = 0;
    if (!list) return NULL;
    for (size_t i = 0; i < n; i++)
        if (!isnan(p[i])) list[(*count)++] = (entry){ p[i], i };
    qsort(list, *count, sizeof *list, by_p);
    return list;
}

/* q_(i) = min over k >= i of factor·m·p_(k)/k, at most 1 */
static int step_up(const double *p, size_t n, bool yekutieli, double *q, err *e)
{
    size_t m;
    double factor = 1, least = 1;
    entry *list = sorted(p, n, &m, e);
    if (!list) return -1;
    if (yekutieli) {
        factor = 0;
        for (size_t i = 1; i <= m; i++)
            factor += 1 / (double)i;
    }
    for (size_t i = 0; i < n; i++)
        q[i] = NAN;
    for (size_t i = m; i-- > 0;) {
        least = fmin(least, list[i].p * ((double)m * factor) / (double)(i + 1));
        q[list[i].at] = least;
    }
    free(list);
    return 0;
}

int benjamini_hochberg(const double *p, size_t n, double *q, err *e)
{
    return step_up(p, n, false, q, e);
}

int benjamini_yekutieli(const double *p, size_t n, double *q, err *e)
{
    return step_up(p, n, true, q, e);
}

int holm(const double *p, size_t n, double *q, err *e)
{
    size_t m;
    double most = 0;
    entry *list = sorted(p, n, &m, e);
    if (!list) return -1;
    for (size_t i = 0; i < n; i++)
        q[i] = NAN;
    for (size_t i = 0; i < m; i++) {
        most = fmax(most, fmin(1, list[i].p * (double)(m - i)));
        q[list[i].at] = most;
    }
    free(list);
    return 0;
}

void bonferroni(const double *p, size_t n, double *q)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(p[i])) m++;
    for (size_t i = 0; i < n; i++)
        q[i] = isnan(p[i]) ? NAN : fmin(1, p[i] * (double)m);
}
