/* SPDX-License-Identifier: MIT */
/* Private to the room. */
#ifndef BROCA_SIMILARITY_PARTS_H
#define BROCA_SIMILARITY_PARTS_H

#include "broca/similarity.h"

/* Used items by group (each a group of its own where there are none). */
typedef struct { size_t groups, *first, *item; } members; /* [groups+1], [n] */
int members_new(members *m, const similarity_data *d, const uint8_t *used, err *e);
void members_free(members *m);
/* from [n]: permutation `number` (0, 1, ...) of the used items; others are not written. */
int members_permute(size_t *from, const members *m, uint64_t seed, size_t number, err *e);

#endif
