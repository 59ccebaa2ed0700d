/* SPDX-License-Identifier: MIT */
/* Layouts of units on a sheet for models that have none. */
#include <math.h>
#include <stdlib.h>

#include "distance.h"

const char *layout_name(layout_kind k)
{
    static const char *const names[] = { "given", "grid", "random", "optimised" };
    return names[k];
}

void layout_sides(size_t d, size_t *rows, size_t *columns)
{
    size_t root = (size_t)floor(sqrt((double)d));
    while (root * root > d) root--;
    while ((root + 1) * (root + 1) <= d) root++;
    for (size_t a = root; a > 0; a--)
        if (d % a == 0 && d / a <= 2 * a) {
            *rows = a;
            *columns = d / a;
            return;
        }
    *rows = root;
    *columns = root ? (d + root - 1) / root : 0;
}

int layout_make(double *positions, size_t d, layout_kind kind, uint64_t seed, uint32_t tap, err *e)
{
    size_t rows, columns;
    layout_sides(d, &rows, &columns);
    size_t places = rows * columns, *order = mem_new(places, sizeof *order, e);
    if (!order) return -1;
    for (size_t i = 0; i < places; i++)
        order[i] = i;
    if (kind != LAYOUT_GRID) rng_shuffle(order, places, seed, RNG_LAYOUT, tap, 0);
    for (size_t k = 0; k < d; k++) {
        positions[2 * k] = (double)(order[k] / columns);
        positions[2 * k + 1] = (double)(order[k] % columns);
    }
    free(order);
    return 0;
}

static double near_of(const double *positions, size_t i, size_t j)
{
    return 1 / (1 + hypot(positions[2 * i] - positions[2 * j], positions[2 * i + 1] - positions[2 * j + 1]));
}

/* Change of Σ r_ij/(1 + distance) when units a and b change places; their own pair keeps its distance. */
static double gain(const double *r, const double *positions, size_t d, size_t a, size_t b)
{
    double sum = 0;
    for (size_t k = 0; k < d; k++)
        if (k != a && k != b) sum += (r[a * d + k] - r[b * d + k]) * (near_of(positions, b, k) - near_of(positions, a, k));
    return sum;
}

int layout_optimise(double *positions, size_t d, const double *x, size_t s, size_t sweeps, uint64_t seed, uint32_t tap, err *e)
{
    int status = -1;
    size_t cells, proposals;
    double *r = NULL;
    uint8_t *constant = NULL;
    if (size_mul(d, d, &cells, e) || size_mul(d, sweeps, &proposals, e)) return -1;
    r = mem_new(cells, sizeof *r, e);
    constant = mem_new(d, 1, e);
    if (!r || !constant || unit_correlations(r, constant, x, d, s, e)) goto done;
    if (layout_make(positions, d, LAYOUT_RANDOM, seed, tap, e)) goto done;
    for (size_t k = 0; k < proposals; k++) {
        rng_words w = rng_draw(seed, RNG_SWAPS, (uint32_t)k, tap, (uint32_t)(k >> 32));
        size_t a = (size_t)(((uint64_t)w.w[0] * d) >> 32), b = (size_t)(((uint64_t)w.w[1] * d) >> 32);
        if (a == b || !(gain(r, positions, d, a, b) > 1e-12)) continue;
        for (size_t axis = 0; axis < 2; axis++) {
            double swap = positions[2 * a + axis];
            positions[2 * a + axis] = positions[2 * b + axis];
            positions[2 * b + axis] = swap;
        }
    }
    status = 0;
done:
    free(r);
    free(constant);
    return status;
}
