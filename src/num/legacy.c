/* SPDX-License-Identifier: MIT */
/* NumPy's legacy generator RandomState (METHODS 0), which the Python code of several papers drew folds and subjects with:
 * MT19937 (Matsumoto & Nishimura 1998, integer initialisation of 2002), masked rejection, Fisher-Yates from the top. */
#include "broca/num.h"

#include <math.h>

enum { WORDS = 624, LAG = 397 };

void legacy_start(legacy_rng *g, uint32_t seed)
{
    g->word[0] = seed;
    for (uint32_t i = 1; i < WORDS; i++) g->word[i] = 1812433253u * (g->word[i - 1] ^ (g->word[i - 1] >> 30)) + i;
    g->at = WORDS;
    g->has_normal = false;
}

static void refill(legacy_rng *g)
{
    for (int i = 0; i < WORDS; i++) {
        uint32_t y = (g->word[i] & 0x80000000u) | (g->word[(i + 1) % WORDS] & 0x7fffffffu);
        g->word[i] = g->word[(i + LAG) % WORDS] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    g->at = 0;
}

uint32_t legacy_word(legacy_rng *g)
{
    if (g->at == WORDS) refill(g);
    uint32_t y = g->word[g->at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

uint32_t legacy_up_to(legacy_rng *g, uint32_t most)
{
    uint32_t mask = most, value;
    if (!most) return 0;
    for (int shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
    do value = legacy_word(g) & mask;
    while (value > most);
    return value;
}

double legacy_uniform(legacy_rng *g)
{
    uint32_t high = legacy_word(g) >> 5, low = legacy_word(g) >> 6;
    return ((double)high * 67108864 + (double)low) / 9007199254740992;
}

double legacy_normal(legacy_rng *g)
{
    double a, b, square;
    if (g->has_normal) {
        g->has_normal = false;
        return g->normal;
    }
    do {
        a = 2 * legacy_uniform(g) - 1;
        b = 2 * legacy_uniform(g) - 1;
        square = a * a + b * b;
    } while (square >= 1 || square == 0);
    double f = sqrt(-2 * log(square) / square);
    g->normal = f * a;
    g->has_normal = true;
    return f * b;
}

void legacy_shuffle(legacy_rng *g, size_t *p, size_t n)
{
    for (size_t i = n; i-- > 1;) {
        size_t j = legacy_up_to(g, (uint32_t)i), other = p[i];
        p[i] = p[j];
        p[j] = other;
    }
}

void legacy_permutation(legacy_rng *g, size_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) p[i] = i;
    legacy_shuffle(g, p, n);
}

void legacy_choice(legacy_rng *g, size_t *out, size_t n, size_t k)
{
    for (size_t i = 0; i < k; i++) out[i] = legacy_up_to(g, (uint32_t)(n - 1));
}
