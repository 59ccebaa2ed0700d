/* SPDX-License-Identifier: MIT */
/* Private to the room. */
#ifndef BROCA_TOPOGRAPHY_PARTS_H
#define BROCA_TOPOGRAPHY_PARTS_H

#include "broca/num.h"
#include "broca/topography.h"

/* Streams of random numbers (base.h lists those of the other rooms; none is used twice). */
enum {
    RNG_POSITIONS = 31, /* (index, permutation, map) */
    RNG_LABELS = 32,    /* (index, permutation, map) */
    RNG_SWAPS = 33,     /* (proposal, tap, 0): both units of a proposed swap */
    RNG_NOISE = 34      /* (unit, map, 0) */
};

/* identity, then shuffled: who stands at place k. */
void shuffled(size_t *order, size_t n, uint64_t seed, uint32_t stream, uint32_t permutation, uint32_t map);
/* Σ w_ij z_i z_j of the centred z, in the order of the graph. */
double moran_product(const graph *g, const double *z);
/* t of each row of x [rows × (n_pos + n_neg)]; columns in the order given (NULL: as they stand). room: 2·(n_pos + n_neg). */
void contrast_rows(double *t, const double *x, size_t rows, const topography_contrast *c, const size_t *order, double *room);

#endif
