/* SPDX-License-Identifier: MIT */
/* The nulls of the analysis (private to the room). */
#ifndef BROCA_TOPOGRAPHY_ANALYSE_H
#define BROCA_TOPOGRAPHY_ANALYSE_H

#include "parts.h"

/* I of x [g->n] in place (it is centred); s0 = sum of the weights. NaN where a value is not finite or all are equal. */
double moran_value(const graph *g, double *x, double s0);
/* The map [d] with NaN where a unit is not significant by o, sign·t > 0; the rule's threshold is the smallest |t| that is left.
 * False: no unit is. */
bool significant(double *map, cluster_rule *rule, const double *t, const double *q, size_t d, const topography_options *o,
                 int sign);
/* Who is whose neighbour on the map's sheet, or on o->mesh. */
int tap_graph(graph **out, const topography_tap *t, const topography_options *o, bool corners, err *e);
/* I of the map with the labels of items permuted, x [d × (n_pos + n_neg)]; used [g->n]: units of the map that the graph has. */
int labels_null(double *null, size_t count, const graph *g, const size_t *used, const double *x, size_t d,
                const topography_contrast *c, uint64_t seed, err *e);
/* I of the readout with unit positions permuted before it. x [d×s]: responses, or a map (s = 1, c NULL). */
int presmooth_null(double *null, size_t count, const readout *r, const graph *g, const double *x, size_t s,
                   const topography_contrast *c, uint64_t seed, uint32_t number, err *e);

#endif
