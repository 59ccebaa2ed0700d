/* SPDX-License-Identifier: MIT */
#ifndef LOCALIZE_HELDOUT_H
#define LOCALIZE_HELDOUT_H

#include <math.h>

#include "parts.h"

enum { HELDOUT_TAPS = 1 << 16 }; /* last counter of RNG_CONTROLS: draws beside those of the whole contrast */

/* The contrast's items of one half. */
typedef struct {
    size_t n, pos;
    size_t *item;
    uint8_t *label;
    double *tokens, *axis;
} half_items;

typedef struct {
    const localize_input *in;
    const localize_options *o;
    localize_options pick; /* how a half selects */
    const t_map *m;        /* the map that selects: its items and covariate */
    size_t units;
    uint8_t *half; /* [in->n] */
    half_items part[2];
    double *centre, *scale, *work;
} heldout_space;

static inline bool item_counts(const localize_input *in, size_t i)
{
    return in->condition[i] >= 0 || (in->label && in->label[i] >= 0);
}

static inline double item_value(const heldout_space *s, const localize_tap *tap, size_t item, size_t unit)
{
    double x = (double)tap->x[item * tap->d + unit];
    return s->o->absolute ? fabs(x) : x;
}

/* ---- heldout_items.c ---- */

/* Of s with in, o, m, units set: room, the units' scales over all items, and split 0. heldout_close also after an error. */
int heldout_open(heldout_space *s, err *e);
void heldout_close(heldout_space *s);
/* part[0] and part[1] by split `number`. */
int heldout_split(heldout_space *s, uint32_t number, err *e);
/* t [count×units] of half `which` under labels and tokens [count×part.n]. */
int heldout_map(double *t, const heldout_space *s, int which, const uint8_t *label, const double *tokens, size_t count,
                err *e);
/* value [n]: mean z of the selected units in each item. */
void heldout_values(double *value, const heldout_space *s, const uint8_t *selected, const size_t *item, size_t n);
/* The test of values [n] under label and, with the covariate, tokens; work [2n]. */
t_result heldout_test(const heldout_space *s, const double *value, const uint8_t *label, const double *tokens, size_t n,
                      double *work);
double largest_of(const double *t, size_t n);

/* reselect.c: null_* and the p's of out. */
int heldout_permute(localizer_heldout *out, const heldout_space *s, err *e);
/* overlap.c: split_* of out; t [2×units] is room. */
int heldout_stability(localizer_heldout *out, heldout_space *s, double *t, err *e);

#endif
