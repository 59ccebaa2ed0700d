/* SPDX-License-Identifier: MIT */
/* What every way of choosing and of refitting on an outer fold shares: blocks of responses, and the first error of all threads. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nested.h"

void block_free(block *b)
{
    free(b->rows);
    free(b->y);
}

int block_space(block *b, const work *w, err *e)
{
    *b = (block){ .rows = w->q->source ? mem_new(w->q->n * BLOCK, sizeof(double), e) : NULL };
    b->y = mem_new((w->f->n + w->f->t) * BLOCK, sizeof(double), e);
    return b->y && (b->rows || !w->q->source) ? 0 : -1;
}

HOT static void subtract_rows(double *y, size_t rows, const double *mean)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < BLOCK; j++) y[i * BLOCK + j] -= mean[j];
}

HOT static void sum_squares(double *sum, const double *y, size_t rows)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < BLOCK; j++) sum[j] += y[i * BLOCK + j] * y[i * BLOCK + j];
}

int block_load(block *b, const work *w, size_t number, err *e)
{
    const nested_problem *q = w->q;
    size_t n = w->f->n, t = w->f->t;
    b->first = number * BLOCK;
    b->width = q->v - b->first < BLOCK ? q->v - b->first : BLOCK;
    if (q->source && q->source(q->context, b->first, b->width, b->rows, e)) return -1;
    for (size_t i = 0; i < n + t; i++) {
        size_t row = i < n ? w->f->train_row[i] : w->f->test_row[i - n];
        const double *from = q->source ? b->rows + row * b->width : q->y + row * q->v + b->first;
        memcpy(b->y + i * BLOCK, from, b->width * sizeof *from);
        memset(b->y + i * BLOCK + b->width, 0, (BLOCK - b->width) * sizeof *from);
    }
    column_means(b->mean, b->y, n, BLOCK);
    subtract_rows(b->y, n + t, b->mean);
    memset(b->sd, 0, sizeof b->sd);
    sum_squares(b->sd, b->y, n);
    for (size_t j = 0; j < BLOCK; j++) b->sd[j] = sqrt(b->sd[j] / (double)n);
    return 0;
}

bool wants_weights(const nested_result *out)
{
    return out->weight || (out->sink && out->sink->weights);
}

const double *gamma_row(const work *w, size_t g)
{
    return w->f->n_bands > 1 ? w->q->gammas + g * w->f->n_bands : NULL;
}

/* ---- errors of threads ---- */

void trouble_note(trouble *t, const err *own)
{
#pragma omp critical(broca_nested)
    {
        if (!t->failed) t->first = *own;
        t->failed = 1;
    }
}

bool in_trouble(trouble *t)
{
    int failed;
#pragma omp atomic read
    failed = t->failed;
    return failed != 0;
}
