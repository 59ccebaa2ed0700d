/* SPDX-License-Identifier: MIT */
/* Predictions, weights and inner scores from their file to the product, a block of 256 neuroids at a time. */
#include <math.h>
#include <stdlib.h>

#include "sets.h"

typedef struct {
    store *s;
    const encoded *x;
    size_t set, first, width; /* neuroids of the block */
    void *vectors;            /* those of one fold, a neuroid after the other */
} block_reader;

/* Vectors of the block, neighbours in one read; those of excluded neuroids stay as they are. */
static int read_block(const block_reader *b, size_t fold, saved_kind kind, err *e)
{
    const encoded *x = b->x;
    const size_t *from = x->saved_response + b->first;
    size_t job = b->set * x->folds + fold, bytes = saved_length(x->saved, job, kind) * (kind == SAVED_INNER ? sizeof(double) : sizeof(float));
    for (size_t j = 0, m; j < b->width; j += m) {
        m = 1;
        if (from[j] == SIZE_MAX) continue;
        while (j + m < b->width && from[j + m] == from[j] + m) m++;
        if (saved_get(x->saved, job, kind, from[j], m, (char *)b->vectors + j * bytes, e)) return -1;
    }
    return 0;
}

static bool is_there(const block_reader *b, size_t j)
{
    return b->x->saved_response[b->first + j] != SIZE_MAX;
}

/* cells [N×width] from the tested rows of each fold. */
static int prediction_block(void *cells, const block_reader *b, err *e)
{
    float *to = cells;
    const float *from = b->vectors;
    size_t n = b->x->n, width = b->width;
    for (size_t i = 0; i < n * width; i++) to[i] = NAN;
    for (size_t f = 0; f < b->x->folds; f++) {
        size_t t = saved_length(b->x->saved, b->set * b->x->folds + f, SAVED_PREDICTION), k = 0;
        if (read_block(b, f, SAVED_PREDICTION, e)) return -1;
        for (size_t i = 0; i < n; i++) {
            if (!b->x->test[f * n + i]) continue;
            for (size_t j = 0; j < width; j++)
                if (is_there(b, j)) to[i * width + j] = from[j * t + k];
            k++;
        }
    }
    return 0;
}

/* cells [p×width]: the mean over folds, whose number has divided already. */
static int weight_block(void *cells, const block_reader *b, err *e)
{
    float *to = cells;
    const float *from = b->vectors;
    size_t p = b->x->sets[b->set].p, width = b->width;
    for (size_t i = 0; i < p * width; i++) to[i] = is_there(b, i % width) ? 0 : NAN;
    for (size_t f = 0; f < b->x->folds; f++) {
        if (read_block(b, f, SAVED_WEIGHT, e)) return -1;
        for (size_t j = 0; j < width; j++)
            for (size_t i = 0; i < p && is_there(b, j); i++) to[i * width + j] += from[j * p + i];
    }
    return 0;
}

/* cells [F×A×width] */
static int inner_block(void *cells, const block_reader *b, err *e)
{
    double *to = cells;
    const double *from = b->vectors;
    size_t A = saved_length(b->x->saved, b->set * b->x->folds, SAVED_INNER), width = b->width;
    for (size_t f = 0; f < b->x->folds; f++) {
        if (read_block(b, f, SAVED_INNER, e)) return -1;
        for (size_t a = 0; a < A; a++)
            for (size_t j = 0; j < width; j++) to[(f * A + a) * width + j] = is_there(b, j) ? from[j * A + a] : NAN;
    }
    return 0;
}

/* Longest vector of any fold. */
static size_t longest(const encoded *x, size_t set, saved_kind kind)
{
    size_t most = 0;
    for (size_t f = 0; f < x->folds; f++) {
        size_t n = saved_length(x->saved, set * x->folds + f, kind);
        most = n > most ? n : most;
    }
    return most;
}

static int put_kind(store *s, const encoded *x, size_t set, saved_kind kind, err *e)
{
    static const char *const names[] = { "prediction", "weight", "inner" };
    static int (*const blocks[])(void *, const block_reader *, err *) = { prediction_block, weight_block, inner_block };
    size_t most = longest(x, set, kind), size = kind == SAVED_INNER ? sizeof(double) : sizeof(float);
    size_t rows = kind == SAVED_PREDICTION ? x->n : kind == SAVED_WEIGHT ? most : x->folds * most;
    const size_t flat[] = { rows, x->v }, cube[] = { x->folds, most, x->v };
    char path[512];
    int status = -1;
    if (!most) return 0;
    snprintf(path, sizeof path, "set/%.400s/%s", x->sets[set].name, names[kind]);
    block_reader b = { s, x, set, 0, 0, mem_new(BLOCK_OF_RESPONSES * most, size, e) };
    void *cells = mem_new(rows * BLOCK_OF_RESPONSES, size, e);
    bool inner = kind == SAVED_INNER;
    if (!b.vectors || !cells || store_make(s, path, inner ? STORE_F8 : STORE_F4, inner ? 3 : 2, inner ? cube : flat, e)) goto done;
    for (; b.first < x->v; b.first += b.width) {
        b.width = x->v - b.first < BLOCK_OF_RESPONSES ? x->v - b.first : BLOCK_OF_RESPONSES;
        const size_t at[3] = { 0, inner ? 0 : b.first, b.first }, dims[3] = { inner ? x->folds : rows, inner ? most : b.width, b.width };
        if (blocks[kind](cells, &b, e) || (inner ? store_fill_f8(s, path, at, dims, cells, e) : store_fill_f4(s, path, at, dims, cells, e))) goto done;
    }
    status = 0;
done:
    free(b.vectors);
    free(cells);
    return status;
}

int saved_to_product(store *s, const encoded *x, size_t set, err *e)
{
    for (int kind = 0; kind < SAVED_KINDS && x->saved; kind++)
        if (put_kind(s, x, set, (saved_kind)kind, e)) return -1;
    return 0;
}
