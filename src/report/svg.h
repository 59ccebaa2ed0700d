/* SPDX-License-Identifier: MIT */
/* A line chart over named positions, as layers (private to the room). */
#ifndef BROCA_REPORT_SVG_H
#define BROCA_REPORT_SVG_H

#include "broca/base.h"
#include "html.h"

typedef struct {
    const char *name;          /* shown at the line's right end and on hover */
    const char *css;           /* class: s1 ... s4, or rule (a horizontal reference line) */
    size_t n;
    const double *value;       /* [n], NaN: a gap */
    const double *lo, *hi;     /* [n] band, or NULL */
} svg_line;

typedef struct {
    const char *title;         /* drawn above, or NULL */
    const char *y_label, *x_label;
    size_t n;                  /* positions on the x axis */
    const char *const *x_names;/* [n] */
    size_t n_lines;
    const svg_line *lines;
    bool zero;                 /* the y axis must show 0 */
} svg_chart;

void svg_line_chart(buffer *b, const svg_chart *c);

#endif
