/* SPDX-License-Identifier: MIT */
#ifndef BROCA_REPORT_FINDING_H
#define BROCA_REPORT_FINDING_H

#include "rows.h"

/* Sentences, a paragraph a line. */
int finding_text(buffer *b, const score_rows *r, err *e);
const char *finding_model(const score_rows *r);
const char *finding_seeds(const score_rows *r);
/* The row over all subjects (single) or of the group. */
size_t finding_row(const score_rows *r, const char *model, const char *layer, const char *kind, const char *target,
                   const char *roi, const char *measure);

#endif
