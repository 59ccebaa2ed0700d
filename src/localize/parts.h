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
int map_make(t_map *m, const localize_input *in, size_t units, localize_test test, err *e);
/* Fills m->selected by o from m->result and m->q. */
int map_select(t_map *m, const localize_input *in, size_t units, const localize_options *o, err *e);
void map_free(t_map *m);

#endif
