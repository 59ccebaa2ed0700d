/* SPDX-License-Identifier: MIT */
/* NumPy's legacy generator RandomState (METHODS 0), which the Python code of several papers drew folds and subjects with:
 * MT19937 (Matsumoto & Nishimura 1998, integer initialisation of 2002), masked rejection, Fisher-Yates from the top; gamma draws by
 * Marsaglia & Tsang (2000), below a shape of 1 by Ahrens & Dieter (1974) in Best's form, in NumPy's order of draws. */
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

static double standard_exponential(legacy_rng *g)
{
    return -log(1.0 - legacy_uniform(g));
}

static double gamma_below_1(legacy_rng *g, double shape)
{
    for (;;) {
        double u = legacy_uniform(g), v = standard_exponential(g);
        if (u <= 1.0 - shape) {
            double x = pow(u, 1 / shape);
            if (x <= v) return x;
        } else {
            double y = -log((1 - u) / shape), x = pow(1.0 - shape + shape * y, 1 / shape);
            if (x <= v + y) return x;
        }
    }
}

double legacy_gamma(legacy_rng *g, double shape)
{
    double b = shape - 1 / 3.0, c = 1 / sqrt(9 * b), x, v, u;
    if (shape == 1) return standard_exponential(g);
    if (shape < 1) return shape > 0 ? gamma_below_1(g, shape) : 0;
    for (;;) {
        do {
            x = legacy_normal(g);
            v = 1 + c * x;
        } while (v <= 0);
        v = v * v * v;
        u = legacy_uniform(g);
        if (u < 1 - 0.0331 * (x * x) * (x * x) || log(u) < 0.5 * x * x + b * (1 - v + log(v))) return b * v;
    }
}

void legacy_dirichlet(legacy_rng *g, double *out, size_t rows, size_t k, double shape)
{
    for (size_t i = 0; i < rows; i++) {
        double *row = out + i * k, sum = 0;
        for (size_t j = 0; j < k; j++) sum += row[j] = legacy_gamma(g, shape);
        for (size_t j = 0; j < k; j++) row[j] *= 1 / sum;
    }
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
