/* SPDX-License-Identifier: MIT */
#ifndef LOCALIZE_PARTS_H
#define LOCALIZE_PARTS_H

#include "broca/localize.h"
#include "broca/num.h"

/* One t map over all taps: units are numbered through the taps in order. */
typedef struct {
    size_t n_pos, n_neg;
    size_t *pos, *neg; /* items */
    bool covariate;
    t_result *result;                /* [units] */
    double *q, *mean_pos, *mean_neg; /* [units] */
    uint8_t *selected;               /* [units] */
    size_t n_selected;
} t_map;

/* Fills m->result, means and q. m->pos, m->neg are set; tokens may be NULL without covariate. */
int map_make(t_map *m, const localize_input *in, size_t units, const localize_options *o, err *e);
/* Fills m->selected by o from m->result and m->q. */
int map_select(t_map *m, const localize_input *in, size_t units, const localize_options *o, err *e);
void map_free(t_map *m);
/* selected [units] by t [units] alone; q may be NULL unless o selects by it. Returns the count, SIZE_MAX on error.
 * *missing (may be NULL): units that were to be selected beyond those with a finite t. */
size_t select_units(uint8_t *selected, const double *t, const double *q, const localize_input *in, size_t units,
                    const localize_options *o, size_t *missing, err *e);

/* Last counter of the stream RNG_SPLITS: (index, number, what). */
enum { DRAW_HALVES = 0, DRAW_LABELS = 1, DRAW_FIRST_HALF = 2, DRAW_SECOND_HALF = 3 };

/* ---- designs.c: t maps of many designs ---- */
typedef struct {
    const localize_input *in;
    size_t n;
    const size_t *item;   /* [n] */
    const double *tokens; /* [n] covariate, or NULL */
    const double *axis;   /* [n] unit_axis of tokens */
    bool absolute;
} design_items;
void unit_axis(double *out, const double *x, size_t n);
/* t [count×units] of label [count×n] and, with v->tokens, tokens [count×n]. NaN: no variance. */
int designs_t(double *t, const design_items *v, const uint8_t *label, const double *tokens, size_t count, size_t units,
              err *e);

/* p of m->result by o->permutations of the labels, in place of Student's (permute.c). */
int map_permute(t_map *m, const localize_input *in, size_t units, const localize_options *o, err *e);
/* l->heldout of the items that made m (heldout.c). */
int heldout_make(localizer *l, const t_map *m, const localize_input *in, const localize_options *o, err *e);
void heldout_free(localizer_heldout *h);
/* control [count×d] of each tap: as many units as selected, from those that are not and have a finite t (controls.c).
 */
int controls_draw(localizer *l, const localize_options *o, err *e);
int controls_of(uint8_t *control, size_t *missing, const uint8_t *selected, const double *t, size_t d, uint32_t tap,
                size_t count, uint64_t seed, err *e);

#endif
