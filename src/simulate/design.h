/* SPDX-License-Identifier: MIT */
#ifndef BROCA_SIMULATE_DESIGN_H
#define BROCA_SIMULATE_DESIGN_H

#include "broca/simulate.h"

/* Features on the rows of the responses: model [n×d], orthogonal to base [n] (unit variance); all in the caller's arena. */
typedef struct {
    size_t n, d;
    double tr;
    double *model, *base, *onset;
} design;

int design_make(design *q, const stimuli *x, const float *features, size_t rows, size_t d, double tr, arena *a, err *e);
void design_standardise(double *x, size_t n, size_t d);

#endif
