/* SPDX-License-Identifier: MIT */
/* Candidates of banded ridge's random search (METHODS 3.8). A Dirichlet draw is a set of gamma draws divided by their sum.
 * Gamma draws: G. Marsaglia and W. W. Tsang (2000), ACM Trans. Math. Softw. 26, 363; a shape c < 1 as gamma(c + 1)·U^(1/c),
 * in logarithms, because U^10 underflows easily. */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>

static double log_gamma_draw(double shape, uint64_t seed, uint32_t band_index, uint32_t draw)
{
    double boost = 0, d, c;
    if (shape < 1) {
        boost = log(rng_uniform(seed, RNG_GAMMA, band_index, draw, UINT32_MAX)) / shape;
        shape += 1;
    }
    d = shape - 1.0 / 3;
    c = 1 / sqrt(9 * d);
    for (uint32_t attempt = 0; attempt < 1000; attempt++) { /* 95 % are accepted: 1000 never end */
        double x = rng_normal(seed, RNG_GAMMA, band_index, draw, 2 * attempt), v = 1 + c * x;
        if (v <= 0) continue;
        v = v * v * v;
        if (log(rng_uniform(seed, RNG_GAMMA, band_index, draw, 2 * attempt + 1)) < x * x / 2 + d - d * v + d * log(v))
            return log(d * v) + boost;
    }
    return log(d) + boost;
}

static void dirichlet(double *row, size_t bands, double concentration, uint64_t seed, uint32_t draw)
{
    double largest = -INFINITY, sum = 0;
    for (size_t b = 0; b < bands; b++) {
        row[b] = log_gamma_draw(concentration, seed, (uint32_t)b, draw);
        if (row[b] > largest) largest = row[b];
    }
    for (size_t b = 0; b < bands; b++) sum += row[b] = exp(row[b] - largest);
    for (size_t b = 0; b < bands; b++) row[b] /= sum;
}

int gamma_candidates(double *out, size_t count, size_t bands, uint64_t seed, err *e)
{
    if (count == 0 || bands == 0)
        return err_set(e, ERR_INPUT, "banded ridge needs candidates and bands, not %zu and %zu", count, bands);
    for (size_t i = 0; i < count; i++) {
        double *row = out + i * bands;
        if (i == 0)
            for (size_t b = 0; b < bands; b++) row[b] = 1 / (double)bands;
        else if (i <= bands)
            for (size_t b = 0; b < bands; b++) row[b] = b == i - 1;
        else
            dirichlet(row, bands, (i - bands - 1) % 2 ? 1.0 : 0.1, seed, (uint32_t)(i - bands - 1));
    }
    return 0;
}
