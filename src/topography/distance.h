/* SPDX-License-Identifier: MIT */
/* What the distance curve and the optimised layout share (private to the room). */
#ifndef BROCA_TOPOGRAPHY_DISTANCE_H
#define BROCA_TOPOGRAPHY_DISTANCE_H

#include "parts.h"

/* r [d×d]: Pearson of the rows of x [d×s]; constant rows are marked and have r = 0. */
int unit_correlations(double *r, uint8_t *constant, const double *x, size_t d, size_t s, err *e);
/* distance [d×d] between positions [d×2]. */
void place_distances(double *distance, const double *positions, size_t d);

#endif
