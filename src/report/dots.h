/* SPDX-License-Identifier: MIT */
/* A row a region: marks with intervals on one common axis (private to the room). */
#ifndef BROCA_REPORT_DOTS_H
#define BROCA_REPORT_DOTS_H

#include "broca/base.h"

typedef enum { MARK_CIRCLE, MARK_DIAMOND, MARK_TRIANGLE, MARK_TICK, MARKS } mark_shape;

typedef struct {
    mark_shape shape;
    const char *css;       /* s1 ... s5 */
    const char *name;      /* said on hover and in the legend */
    double value, lo, hi;  /* NaN: no mark, no interval */
    const char *interval;  /* what lo and hi are, for the hover */
} dot_mark;

typedef struct {
    const char *name;
    size_t n;
    dot_mark mark[4];
    size_t n_points;       /* small ones beside, as subjects */
    const double *point;   /* [n_points] */
    const char *const *point_name;
} dot_row;

/* x_label with its unit. The axis shows 0. */
void svg_dot_rows(buffer *b, const dot_row *row, size_t n, const char *x_label, const char *aria);
/* "● trained  ◆ untrained": the marks of the first row that has any, as text. */
void dot_legend(buffer *b, const dot_row *row, size_t n, const char *points);

#endif
