/* SPDX-License-Identifier: MIT */
/* Maps on sheets, histograms and curves as small multiples (private to the room). */
#ifndef BROCA_REPORT_SHEETS_H
#define BROCA_REPORT_SHEETS_H

#include "broca/base.h"

typedef struct {
    const char *name, *note; /* shown above the panel: tap, and what its map says */
    size_t rows, columns;
    double *value;           /* [rows×columns] NaN: no unit */
    uint8_t *selected;       /* [rows×columns] or NULL: contours */
} sheet_panel;

/* A grid of sheets. limit: the colour at ±limit, the same for every figure of a page; 0 is white. */
void svg_sheets(buffer *b, const char *title, const sheet_panel *panel, size_t n, size_t across, double limit);
/* Red, green, blue of a value on that scale; without a value: grey. */
void diverging_colour(uint8_t rgb[3], double value, double limit);
/* The colours from -limit to limit with their values. */
void svg_scale(buffer *b, const char *label, double limit);

typedef struct {
    const char *name, *note;
    size_t n;
    const double *x, *y;     /* [n] NaN: a gap */
    const double *lo, *hi;   /* [n] band, or NULL */
    bool bars;               /* y from 0 as bars of equal width instead of a line */
} curve_panel;

/* Panels with common axes: those that scale [n_scale] need, of which panel [n] are a part. */
void svg_curves(buffer *b, const char *title, const char *x_label, const char *y_label, const curve_panel *panel, size_t n,
                size_t across, const curve_panel *scale, size_t n_scale);

#endif
