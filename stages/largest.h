/* SPDX-License-Identifier: MIT */
/* The ten largest |values| of a tap: a few units of a model may dominate the rest (METHODS 2.7). */
#ifndef BROCA_LARGEST_H
#define BROCA_LARGEST_H

#include <math.h>

#include "foreign.h"

enum { LARGEST = 10, BLOCK = 256 };

typedef struct {
    double value;
    size_t row, unit;
} entry;

typedef struct {
    entry top[LARGEST];
    size_t n, bad; /* bad: values that are not finite */
    double rms;
} largest;

static inline void consider(largest *l, entry x)
{
    size_t i = l->n < LARGEST ? l->n++ : LARGEST - 1;
    for (; i > 0 && fabs(l->top[i - 1].value) < fabs(x.value); i--) l->top[i] = l->top[i - 1];
    l->top[i] = x;
}

static inline int find_largest(store *s, const foreign_dataset *d, largest *l, err *e)
{
    size_t rows = d->shape.dims[0], columns = d->shape.dims[1], good = 0;
    double sum = 0;
    float *block = mem_new(rows, BLOCK * sizeof *block, e);
    if (!block) return -1;
    memset(l, 0, sizeof *l);
    for (size_t first = 0; first < columns; first += BLOCK) {
        size_t width = columns - first < BLOCK ? columns - first : BLOCK;
        if (store_read_columns_f4(s, d->name, first, width, block, e)) {
            free(block);
            return -1;
        }
        for (size_t i = 0; i < rows * width; i++) {
            double x = (double)block[i];
            if (!isfinite(x)) {
                l->bad++;
                continue;
            }
            sum += x * x;
            good++;
            if (l->n < LARGEST || fabs(x) > fabs(l->top[LARGEST - 1].value))
                consider(l, (entry){ x, i / width, first + i % width });
        }
    }
    l->rms = good ? sqrt(sum / (double)good) : NAN;
    free(block);
    return 0;
}

#endif
