/* SPDX-License-Identifier: MIT */
/* Pieces of the section on the language network (private to the room). */
#ifndef BROCA_REPORT_NETWORK_H
#define BROCA_REPORT_NETWORK_H

#include "dots.h"
#include "maps.h"

/* Files of kind localizer: sentences, a table, profiles (localizer.c). */
int part_localizers(buffer *b, const char *const *paths, size_t n, err *e);
/* Profiles of the clusters of the maps, a figure a file (clusters.c). */
int part_clusters(buffer *b, const map_file *f, size_t n, err *e);
/* The mark of condition number `which` of at most 4. */
dot_mark condition_mark(size_t which, const char *name, double value, double lo, double hi);

#endif
