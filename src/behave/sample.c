/* SPDX-License-Identifier: MIT */
/* The next token: the most probable one, or drawn. */
#include <math.h>
#include <stdlib.h>

#include "broca/behave.h"

size_t behave_argmax(const float *x, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

/* Falling logits, rising ids: the order does not depend on the sort. */
static int by_logit(const void *a, const void *b, void *logits)
{
    const float *x = logits;
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    if (x[i] != x[j]) return x[i] > x[j] ? -1 : 1;
    return i < j ? -1 : i > j;
}

size_t behave_choose(const float *logits, size_t n, const behave_sampling *how, size_t position, size_t *order,
                     double *p)
{
    if (how->temperature == 0) return behave_argmax(logits, n);
    size_t kept = how->top_k && how->top_k < n ? how->top_k : n;
    double sum = 0, reached = 0;
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    qsort_r(order, n, sizeof *order, by_logit, (void *)(uintptr_t)logits);
    for (size_t i = 0; i < kept; i++) {
        p[i] = exp(((double)logits[order[i]] - (double)logits[order[0]]) / how->temperature);
        sum += p[i];
    }
    for (size_t i = 0; i < kept; i++) {
        reached += p[i];
        if (reached >= how->top_p * sum) kept = i + 1;
    }
    double left = rng_uniform(how->seed, RNG_SAMPLE, (uint32_t)position, 0, 0) * reached;
    for (size_t i = 0; i + 1 < kept; i++)
        if ((left -= p[i]) < 0) return order[i];
    return order[kept - 1];
}
