/* SPDX-License-Identifier: MIT */
/* p values from null samples (METHODS 5.7, 5.8), sign flips, and the rows of a rotation. */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool counts(double null, double observed, tail which)
{
    if (which == TAIL_BOTH) return fabs(null) >= fabs(observed);
    return which == TAIL_GREATER ? null >= observed : null <= observed;
}

double permutation_p(double observed, const double *null, size_t n, size_t stride, tail which)
{
    size_t beyond = 0;
    if (isnan(observed)) return NAN;
    for (size_t k = 0; k < n; k++) beyond += counts(null[k * stride], observed, which);
    return (1 + (double)beyond) / (1 + (double)n);
}

double permutation_z(double observed, const double *null, size_t n, size_t stride)
{
    double mean = 0, square = 0;
    for (size_t k = 0; k < n; k++) mean += null[k * stride];
    mean /= (double)n;
    for (size_t k = 0; k < n; k++) square += (null[k * stride] - mean) * (null[k * stride] - mean);
    return (observed - mean) / sqrt(square / ((double)n - 1));
}

int permutation_max_p(double *p, const double *observed, size_t m, const double *null, size_t n, err *e)
{
    double *most = mem_new(n + 1, sizeof *most, e);
    if (!most) return -1;
    for (size_t k = 0; k < n; k++) {
        most[k] = -INFINITY;
        for (size_t j = 0; j < m; j++)
            if (null[k * m + j] > most[k]) most[k] = null[k * m + j];
    }
    for (size_t j = 0; j < m; j++) p[j] = permutation_p(observed[j], most, n, 1, TAIL_GREATER);
    free(most);
    return 0;
}

/* ---- sign flips ---- */

enum { EXACT_FLIPS = 20 }; /* up to here all 2^n are taken */

static double flipped_sum(const double *x, size_t n, uint32_t signs)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += signs >> i & 1 ? -x[i] : x[i];
    return sum;
}

double sign_flip_p(const double *x, size_t n, tail which)
{
    double observed = 0, scale = 0, slack;
    size_t beyond = 0, all;
    if (n == 0 || n > EXACT_FLIPS) return NAN;
    for (size_t i = 0; i < n; i++) {
        observed += x[i];
        scale += fabs(x[i]);
    }
    if (isnan(observed)) return NAN;
    slack = 1e-12 * scale; /* sums in another order are ties all the same */
    all = (size_t)1 << n;
    for (size_t k = 0; k < all; k++) {
        double sum = flipped_sum(x, n, (uint32_t)k);
        if (which == TAIL_BOTH) beyond += fabs(sum) >= fabs(observed) - slack;
        else beyond += which == TAIL_GREATER ? sum >= observed - slack : sum <= observed + slack;
    }
    return (double)beyond / (double)all;
}

double sign_flip_random_p(const double *x, size_t n, tail which, size_t draws, uint64_t seed)
{
    double observed = 0, scale = 0;
    size_t beyond = 0;
    for (size_t i = 0; i < n; i++) {
        observed += x[i];
        scale += fabs(x[i]);
    }
    if (n == 0 || isnan(observed)) return NAN;
    for (size_t k = 0; k < draws; k++) {
        double sum = 0, slack = 1e-12 * scale;
        for (size_t first = 0; first < n; first += 32) {
            size_t width = n - first < 32 ? n - first : 32;
            sum += flipped_sum(x + first, width, rng_draw(seed, RNG_SIGN_FLIPS, (uint32_t)k, (uint32_t)(first / 32), 0).w[0]);
        }
        if (which == TAIL_BOTH) beyond += fabs(sum) >= fabs(observed) - slack;
        else beyond += which == TAIL_GREATER ? sum >= observed - slack : sum <= observed + slack;
    }
    return (1 + (double)beyond) / (1 + (double)draws);
}

/* ---- rotations ---- */

/* The rows of a run, in their order, keep their places; what they hold comes from `lag` rows of the run before. */
int rotation_rows(size_t *from, const int32_t *run, size_t n, const size_t *lag, err *e)
{
    size_t runs = 0;
    uint8_t *seen = mem_new(n + 1, 1, e);
    size_t *row = mem_new(n + 1, sizeof *row, e);
    int status = seen && row ? 0 : -1;
    for (size_t i = 0; i < n && !status; i++) {
        size_t length = 0;
        if (seen[i]) continue;
        for (size_t k = i; k < n; k++)
            if (!run || run[k] == run[i]) {
                seen[k] = 1;
                row[length++] = k;
            }
        for (size_t k = 0; k < length; k++) from[row[(k + lag[runs]) % length]] = row[k];
        runs++;
    }
    free(seen);
    free(row);
    return status;
}
