/* SPDX-License-Identifier: MIT */
/* OASM (METHODS 3.12): features that say nothing but which rows are neighbours. An identity matrix, smoothed by a Gaussian along
 * the columns within each block: what predicts with it predicts from neighbours in time. */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t oasm_radius(double sigma)
{
    return (size_t)floor(4 * sigma + .5);
}

/* Place j of a line of n mirrored at its ends with the end repeated (d c b a | a b c d | d c b a). */
static size_t mirrored(long j, long n)
{
    long period = 2 * n;
    j %= period;
    if (j < 0) j += period;
    return (size_t)(j < n ? j : period - 1 - j);
}

int oasm_features(double *out, const int32_t *block, size_t n, double sigma, err *e)
{
    long radius = (long)oasm_radius(sigma);
    int status = -1;
    double *weight = mem_new((size_t)radius + 1, sizeof *weight, e), sum = 0;
    size_t *row = mem_new(n + 1, sizeof *row, e);
    uint8_t *seen = mem_new(n + 1, 1, e);
    if (!weight || !row || !seen) goto done;
    for (long k = 0; k <= radius; k++) {
        weight[k] = k ? exp(-.5 * (double)(k * k) / (sigma * sigma)) : 1;
        sum += k ? 2 * weight[k] : weight[k];
    }
    for (long k = 0; k <= radius; k++) weight[k] /= sum;
    memset(out, 0, n * n * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        long size = 0;
        if (seen[i]) continue;
        for (size_t k = i; k < n; k++)
            if (!block || block[k] == block[i]) {
                seen[k] = 1;
                row[size++] = k;
            }
        for (long j = 0; j < size; j++)
            for (long k = -radius; k <= radius; k++)
                out[row[mirrored(j + k, size)] * n + row[j]] += weight[k < 0 ? -k : k];
    }
    status = 0;
done:
    free(weight);
    free(row);
    free(seen);
    return status;
}
