/* SPDX-License-Identifier: MIT */
/* The listeners of alice2016 and the features of its story, as pipeline/experiments/alice.mk makes them. */
#ifndef BROCA_CALIBRATE_ALICE_H
#define BROCA_CALIBRATE_ALICE_H

#include "path.h"

typedef struct {
    path_design design;
    size_t subjects, rois, v; /* v = subjects·rois, subject-major */
    double *y;                /* [n×v] volumes from the eleventh on, motion removed from all of them */
} listeners;
/* folder: results/alice. taps: names of the layers. */
int listeners_read(listeners *a, const char *folder, const char *const *taps, size_t n_taps, err *e);
void listeners_free(listeners *a);

#endif
