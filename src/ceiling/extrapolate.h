/* SPDX-License-Identifier: MIT */
/* The extrapolated ceiling (METHODS 4.1): pools.c draws subsets of subjects and predicts each member from the others;
 * extrapolate.c fits a curve through the scores at each size. Private to the room. */
#ifndef CEILING_EXTRAPOLATE_H
#define CEILING_EXTRAPOLATE_H

#include "data.h"

typedef struct {
    size_t n, subjects;  /* subsets, subjects */
    uint8_t *member;     /* [n×subjects] */
    uint8_t *times;      /* [n×subjects] how often the member is predicted (replicate modes draw with replacement) */
    size_t *size;        /* [n] */
} subject_subsets;

/* Every subset of 2 and more subjects, or `most` different ones of a size that has more; papers: see METHODS 4.1. */
int subsets_new(subject_subsets *s, size_t subjects, const ceiling_options *o, err *e);
void subsets_free(subject_subsets *s);
/* r [n×folds×v] of each neuroid predicted from the neuroids of the other members, NaN where its subject is not predicted. */
int pools_predict(double *r, const subject_subsets *s, const ceiling_data *d, const ceiling_options *o, err *e);

#endif
