/* SPDX-License-Identifier: MIT */
/* The choice among inner scores (CONTRACT "Encoding rules"). */
#include <math.h>

#include "ridge.h"

static double slack(double best, select_by select)
{
    return select == SELECT_MSE ? 1e-12 * fabs(best) : 1e-12;
}

size_t choose_alpha(const double *score, size_t stride, const double *alphas, size_t n, select_by select, double *best)
{
    size_t chosen = 0;
    *best = NAN;
    for (size_t a = 0; a < n; a++)
        if (!isnan(score[a * stride]) && !(score[a * stride] <= *best)) *best = score[a * stride];
    if (isnan(*best)) { /* nothing to choose by: the largest alpha */
        for (size_t a = 1; a < n; a++)
            if (alphas[a] > alphas[chosen]) chosen = a;
        return chosen;
    }
    double least = *best - slack(*best, select), largest = -1;
    for (size_t a = 0; a < n; a++)
        if (score[a * stride] >= least && alphas[a] > largest) {
            largest = alphas[a];
            chosen = a;
        }
    *best = score[chosen * stride];
    return chosen;
}

size_t choose_himalaya(const double *score, size_t stride, const double *alphas, size_t n, double *best)
{
    size_t chosen = 0;
    *best = -INFINITY;
    for (size_t a = 0; a < n; a++) {
        double value = score[a * stride] + 1e-10 * log(alphas[a]); /* alpha 0: -inf, never the best */
        if (value > *best) {
            *best = value;
            chosen = a;
        }
    }
    return chosen;
}

bool beats(double score, double best, select_by select)
{
    if (isnan(score)) return false;
    return isnan(best) || score > best + slack(best, select);
}
