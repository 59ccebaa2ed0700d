/* SPDX-License-Identifier: MIT */
/* What a crossed bootstrap of a group's score would be: subjects and passages drawn, the same passages for all, predictions fixed. The
 * product has none (docs/intervals.md); this shows why. */
#ifndef BROCA_CALIBRATE_BOOTSTRAP_H
#define BROCA_CALIBRATE_BOOTSTRAP_H

#include "broca/num.h"
#include "broca/simulate.h"

typedef struct { double theta, z0, bias; limits bca, percentile; } group_bootstrap; /* bias: mean of the draws less theta */
/* One study: r of the mean over subjects, mean of the folds, each counted by its rows. */
int group_bootstrap_run(group_bootstrap *out, const study_design *d, const study_plan *p, uint32_t number, err *e);

#endif
