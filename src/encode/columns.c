/* SPDX-License-Identifier: MIT */
/* Other columns for a finished run: those of the neuroids that are wanted, in their order, NaN where the run has none. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sets.h"

typedef enum { REALS, COUNTS, SUMS, PARTS, PLACES } cell_kind;

static const size_t sizes[] = { sizeof(double), sizeof(int32_t), sizeof(product_sums), sizeof(part_sums), sizeof(size_t) };

static void fill_nothing(char *at, cell_kind kind)
{
    static const double nan_f8 = NAN;
    static const product_sums nan_sums = { NAN, NAN, NAN };
    static const part_sums nan_parts = { NAN, NAN, NAN, NAN, NAN };
    static const int32_t none = 0;
    static const size_t nowhere = SIZE_MAX;
    const void *nothing[] = { &nan_f8, &none, &nan_sums, &nan_parts, &nowhere };
    memcpy(at, nothing[kind], sizes[kind]);
}

/* *cells [rows×old_v] becomes [rows×v]; map[j]: old column or SIZE_MAX. NULL stays NULL. */
static int remap(void *cells, cell_kind kind, size_t rows, size_t old_v, const size_t *map, size_t v, err *e)
{
    void **place = cells;
    char *from = *place, *to;
    size_t size = sizes[kind];
    if (!from || !rows) return 0;
    if (!(to = mem_new(rows * v + 1, size, e))) return -1;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < v; j++) {
            if (map[j] == SIZE_MAX) fill_nothing(to + (i * v + j) * size, kind);
            else memcpy(to + (i * v + j) * size, from + (i * old_v + map[j]) * size, size);
        }
    free(from);
    *place = to;
    return 0;
}

static int remap_set(encoded_set *s, const encoded *x, const size_t *map, size_t v, err *e)
{
    size_t F = x->folds, old = x->v;
    const struct { void *cells; cell_kind kind; size_t rows; } list[] = {
        { &s->alpha, REALS, F }, { &s->inner_best, REALS, F }, { &s->r, REALS, F }, { &s->r2, REALS, F }, { &s->r2_train, REALS, F },
        { &s->sse, REALS, F }, { &s->sums, SUMS, F }, { &s->gamma, COUNTS, F }, { &s->share, REALS, F * s->n_bands },
        { &s->r_mean, REALS, 1 }, { &s->r_pooled, REALS, 1 }, { &s->r2_pooled, REALS, 1 }, { &s->n_nan, COUNTS, 1 },
        { &s->n_edge, COUNTS, 1 }, { &s->null_r, REALS, x->n_null }, { &s->null_r2, REALS, x->n_null },
        { &s->null_delta_r, REALS, x->n_null }, { &s->null_delta_r2, REALS, x->n_null },
        { &s->jack_r, REALS, x->blocks }, { &s->jack_r2, REALS, x->blocks }, { &s->left_r, REALS, x->people },
        { &s->left_r2, REALS, x->people }, { &s->left_jack_r, REALS, x->people * x->blocks },
        { &s->left_jack_r2, REALS, x->people * x->blocks }, { &s->part, PARTS, x->parts }, { &s->layer, COUNTS, F },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (remap(list[i].cells, list[i].kind, list[i].rows, old, map, v, e)) return -1;
    return 0;
}

int encoded_columns(encoded *x, const size_t *map, size_t v, err *e)
{
    for (size_t i = 0; i < x->n_sets; i++)
        if (remap_set(&x->sets[i], x, map, v, e)) return -1;
    for (size_t i = 0; i < x->n_nested; i++)
        if (remap_set(&x->nested[i], x, map, v, e)) return -1;
    if (remap(&x->sst, REALS, x->folds, x->v, map, v, e) || remap(&x->saved_response, PLACES, 1, x->v, map, v, e)) return -1;
    x->v = v;
    return 0;
}
