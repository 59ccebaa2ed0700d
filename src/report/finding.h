/* SPDX-License-Identifier: MIT */
#ifndef BROCA_REPORT_FINDING_H
#define BROCA_REPORT_FINDING_H

#include "rows.h"

/* Sentences, a paragraph a line. roi: region of the first sentence; NULL: "average". */
int finding_text(buffer *b, const score_rows *r, const char *roi, err *e);
const char *finding_model(const score_rows *r);
/* The model that score --against named, if it is one that was scored; NULL: none. */
const char *finding_reference(const score_rows *r);
/* Name of the rows that hold the difference of finding_model to it; NULL: none. */
const char *finding_difference(const score_rows *r);
/* The group of untrained seeds, or NULL; also where it is the model itself. */
const char *finding_seeds(const score_rows *r);
/* What others are compared with is such a group, as random sets of units NAME.s1, NAME.s2, ...: no untrained networks. */
bool finding_seeds_are_reference(const score_rows *r);
/* Further models beside them (groups of seeds as one); *list is one allocation. */
int finding_others(char ***list, size_t *n, const score_rows *r, err *e);
/* Target of the first sentence: group where there is one, else single. */
const char *finding_target(const score_rows *r, const char *roi);
/* The row over all subjects (single) or of the group. */
size_t finding_row(const score_rows *r, const char *model, const char *layer, const char *kind, const char *target,
                   const char *roi, const char *measure);

#endif
