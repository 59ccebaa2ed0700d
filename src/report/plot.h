/* SPDX-License-Identifier: MIT */
/* What every figure is drawn with: round scales, axes with their units, texts, marks (private to the room). Text is text,
 * colours are classes of the page's style, hover is <title>. A figure is PLOT_WIDTH wide, so that its texts have their size
 * on a wide page and stay legible at 400 pixels. */
#ifndef BROCA_REPORT_PLOT_H
#define BROCA_REPORT_PLOT_H

#include "broca/base.h"

enum { PLOT_WIDTH = 480 };

typedef struct {
    double lo, hi, step;
    int digits; /* after the point, so that the ticks differ */
} plot_scale;

/* Steps of 1, 2 or 5 times a power of ten, about so many, which cover lo to hi (NaN or lo > hi: 0 to 1). */
plot_scale plot_scale_of(double lo, double hi, size_t ticks);
/* The same steps, but no wider than lo to hi and a little: ticks lie inside. */
plot_scale plot_scale_tight(double lo, double hi, size_t ticks);
/* Makes *lo and *hi cover v; NaN does nothing. Begin with INFINITY and -INFINITY. */
void plot_cover(double *lo, double *hi, double v);

typedef struct {
    buffer *b;
    double left, top, right, bottom; /* of the plotting area */
    plot_scale x, y;
} plot;

/* height: of the picture; the margins leave room for axes. */
plot plot_begin(buffer *b, double height, double left, double right, double bottom, const char *aria);
/* The same as a file of its own: with the style of the page, a background, and its title on hover. */
plot plot_begin_file(buffer *b, double height, double left, double right, double bottom, const char *title);
void plot_end(plot *p);
/* A line of a style through the points whose y is a number. */
void plot_line_through(const plot *p, const char *style, size_t n, const double *x, const double *y);
double plot_x(const plot *p, double v);
double plot_y(const plot *p, double v);
/* Grid lines, tick values, and what the axis shows with its unit. */
void plot_x_axis(const plot *p, const char *label);
void plot_y_axis(const plot *p, const char *label);
void plot_label(const plot *p, const char *label, bool vertical); /* of an axis without a scale */
void plot_text(const plot *p, const char *css, double x, double y, const char *anchor, const char *format, ...)
    BROCA_PRINTF(6, 7);
void plot_line(const plot *p, const char *css, double x1, double y1, double x2, double y2);
void plot_box(const plot *p, const char *css, double x, double y, double width, double height, const char *format, ...)
    BROCA_PRINTF(7, 8);
/* A dot that says on hover what it is. */
void plot_dot(const plot *p, const char *css, double x, double y, double radius, const char *format, ...) BROCA_PRINTF(6, 7);
/* Names in a column at x, each at its y or below its neighbour; none leaves the picture. */
void plot_names(const plot *p, double x, size_t n, const char *const *name, const char *const *css, const double *y);

#endif
