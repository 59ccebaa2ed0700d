/* SPDX-License-Identifier: MIT */
#ifndef BROCA_REPORT_STYLE_H
#define BROCA_REPORT_STYLE_H

#include "broca/report.h"
#include "rows.h"

extern const char report_style[];
/* Planted values of simulated responses beside the estimates. */
int report_truth(buffer *b, const score_rows *r, const report_inputs *in, err *e);

#endif
