/* SPDX-License-Identifier: MIT */
/* Philox4x32-10 (Salmon et al. 2011) through Random123; CONTRACT "Determinism". */
#include "broca/base.h"

#include <Random123/philox.h>
#include <math.h>

rng_words rng_draw(uint64_t seed, uint32_t stream, uint32_t a, uint32_t b, uint32_t c)
{
    philox4x32_ctr_t counter = { { a, b, c, stream } };
    philox4x32_key_t key = { { (uint32_t)seed, (uint32_t)(seed >> 32) } };
    philox4x32_ctr_t out = philox4x32(counter, key);
    return (rng_words){ { out.v[0], out.v[1], out.v[2], out.v[3] } };
}

static const double two32 = 4294967296.0;

double rng_uniform(uint64_t seed, uint32_t stream, uint32_t a, uint32_t b, uint32_t c)
{
    return ((double)rng_draw(seed, stream, a, b, c).w[0] + 0.5) / two32;
}

double rng_normal(uint64_t seed, uint32_t stream, uint32_t a, uint32_t b, uint32_t c)
{
    rng_words w = rng_draw(seed, stream, a, b, c);
    return sqrt(-2 * log(((double)w.w[0] + 0.5) / two32)) * cos(2 * M_PI * (double)w.w[1] / two32);
}

uint32_t rng_below(uint64_t seed, uint32_t stream, uint32_t a, uint32_t b, uint32_t c, uint32_t m)
{
    return (uint32_t)(((uint64_t)rng_draw(seed, stream, a, b, c).w[0] * m) >> 32);
}

void rng_shuffle(size_t *p, size_t n, uint64_t seed, uint32_t stream, uint32_t b, uint32_t c)
{
    for (size_t i = 0; i < n; i++) {
        size_t j = i + rng_below(seed, stream, (uint32_t)i, b, c, (uint32_t)(n - i)), swap = p[i];
        p[i] = p[j];
        p[j] = swap;
    }
}
