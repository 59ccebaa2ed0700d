/* SPDX-License-Identifier: MIT */
/* From what encode stored beside its scores, blocks left out, subjects left out, null responses, to intervals and p of rows. */
#ifndef SCORE_INFERENCE_H
#define SCORE_INFERENCE_H

#include "broca/num.h"
#include "parts.h"

/* One measure of every neuroid, and what else is known of it; NULL: not stored. */
typedef struct {
    const double *value;     /* [v] */
    const double *jack;      /* [blocks×v] */
    const double *left;      /* [people×v] group */
    const double *left_jack; /* [people×blocks×v] */
    const double *null;      /* [n_null×v] */
} replicates;

/* What a row is made of: SIZE_MAX stands for all subjects, or the average of the ROIs. */
typedef struct { size_t subject, roi; } row_place;
row_place row_place_of(const encoding *x, const score_row *row);
/* One number for each (subject, ROI): the mean over its neuroids, NaN where there are none. cell [subjects×rois]. */
void score_cells(double *cell, const encoding *x, const double *values);
double row_value(const encoding *x, const double *cell, row_place p);

/* Intervals and p of the rows [first, n_rows), which score_rows made of rep->value. keep_null: for drawing. */
int score_infer(scores *out, size_t first, const encoding *x, const replicates *rep, const score_options *o, bool keep_null, err *e);

/* The crossed bootstrap of METHODS 5.6 from sums over blocks, not refitted: intervals beside the jackknife's for rows over subjects,
 * layer nested; and Omega (METHODS 5.4) of every subject. base may be NULL. */
int score_resample(scores *out, const encoding *x, const encoding_set *base, const encoding_set *plain, const encoding_set *joint,
                   const score_options *o, err *e);

#endif
