/* SPDX-License-Identifier: MIT */
/* Cross-validated Delta R² by a second implementation that shares nothing with num/ but the folds: normal equations solved by Gaussian
 * elimination for every subject, fold, gamma and alpha. */
#ifndef BROCA_CALIBRATE_PLAIN_H
#define BROCA_CALIBRATE_PLAIN_H

#include "broca/simulate.h"

int plain_delta(double *delta, const study_design *d, const study_plan *p, uint32_t number, err *e);

#endif
