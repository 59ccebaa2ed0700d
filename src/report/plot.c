/* SPDX-License-Identifier: MIT */
#include "plot.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "html.h"
#include "style.h"

enum { TOP = 14, TEXT = 14 };

void plot_cover(double *lo, double *hi, double v)
{
    if (isnan(v)) return;
    if (v < *lo) *lo = v;
    if (v > *hi) *hi = v;
}

plot_scale plot_scale_of(double lo, double hi, size_t ticks)
{
    plot_scale s;
    if (!(hi >= lo) || !isfinite(lo) || !isfinite(hi)) lo = 0, hi = 1;
    if (hi - lo < 1e-9) hi = lo + 1e-3;
    double raw = (hi - lo) / (double)ticks, power = pow(10, floor(log10(raw)));
    s.step = raw / power <= 1 ? power : raw / power <= 2 ? 2 * power : raw / power <= 5 ? 5 * power : 10 * power;
    s.lo = s.step * floor(lo / s.step + 1e-9);
    s.hi = s.step * ceil(hi / s.step - 1e-9);
    s.digits = s.step < 1 ? (int)ceil(-log10(s.step) - 1e-9) : 0;
    return s;
}

plot_scale plot_scale_tight(double lo, double hi, size_t ticks)
{
    plot_scale s = plot_scale_of(lo, hi, ticks);
    double margin = .03 * (hi - lo);
    if (!(hi - lo > 1e-9)) return s;
    s.lo = fmax(s.lo, lo - margin);
    s.hi = fmin(s.hi, hi + margin);
    return s;
}

/* First tick that lies on the axis. */
static double first_tick(const plot_scale *s)
{
    return s->step * ceil(s->lo / s->step - 1e-9);
}

plot plot_begin(buffer *b, double height, double left, double right, double bottom, const char *aria)
{
    buffer_printf(b, "<svg class=\"plot\" viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"", PLOT_WIDTH, height);
    html_text(b, aria);
    buffer_text(b, "\">");
    return (plot){ b, left, TOP, PLOT_WIDTH - right, height - bottom, { 0, 1, 1, 0 }, { 0, 1, 1, 0 } };
}

plot plot_begin_file(buffer *b, double height, double left, double right, double bottom, const char *title)
{
    buffer_printf(b, "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" width=\"%d\" height=\"%.0f\" viewBox=\"0 0 %d %.0f\" role=\"img\">\n<title>",
                  PLOT_WIDTH, height, PLOT_WIDTH, height);
    html_text(b, title);
    buffer_printf(b, "</title>\n<style>%s</style>\n<rect class=\"paper\" width=\"%d\" height=\"%.0f\"/>\n", report_style, PLOT_WIDTH, height);
    return (plot){ b, left, TOP, PLOT_WIDTH - right, height - bottom, { 0, 1, 1, 0 }, { 0, 1, 1, 0 } };
}

void plot_line_through(const plot *p, const char *style, size_t n, const double *x, const double *y)
{
    buffer_printf(p->b, "<polyline class=\"line %s\" points=\"", style);
    for (size_t i = 0; i < n; i++)
        if (!isnan(y[i])) buffer_printf(p->b, "%.1f,%.1f ", plot_x(p, x[i]), plot_y(p, y[i]));
    buffer_text(p->b, "\"/>");
}

void plot_end(plot *p)
{
    buffer_text(p->b, "</svg>\n");
}

double plot_x(const plot *p, double v)
{
    return p->left + (p->right - p->left) * (v - p->x.lo) / (p->x.hi - p->x.lo);
}

double plot_y(const plot *p, double v)
{
    return p->top + (p->bottom - p->top) * (p->y.hi - v) / (p->y.hi - p->y.lo);
}

void plot_text(const plot *p, const char *css, double x, double y, const char *anchor, const char *format, ...)
{
    char text[600];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    buffer_printf(p->b, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", css, x, y, anchor);
    html_text(p->b, text);
    buffer_text(p->b, "</text>");
}

void plot_line(const plot *p, const char *css, double x1, double y1, double x2, double y2)
{
    buffer_printf(p->b, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", css, x1, y1, x2, y2);
}

static void hover(buffer *b, const char *format, va_list list)
{
    char text[600];
    vsnprintf(text, sizeof text, format, list);
    buffer_text(b, "<title>");
    html_text(b, text);
    buffer_text(b, "</title>");
}

void plot_box(const plot *p, const char *css, double x, double y, double width, double height, const char *format, ...)
{
    va_list list;
    buffer_printf(p->b, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">", css, x, y, width, height);
    va_start(list, format);
    hover(p->b, format, list);
    va_end(list);
    buffer_text(p->b, "</rect>");
}

void plot_dot(const plot *p, const char *css, double x, double y, double radius, const char *format, ...)
{
    va_list list;
    buffer_printf(p->b, "<circle class=\"dot %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\">", css, x, y, radius);
    va_start(list, format);
    hover(p->b, format, list);
    va_end(list);
    buffer_text(p->b, "</circle>");
}

void plot_label(const plot *p, const char *label, bool vertical)
{
    double middle = vertical ? (p->top + p->bottom) / 2 : (p->left + p->right) / 2;
    if (vertical) buffer_printf(p->b, "<text class=\"label\" transform=\"translate(14 %.1f) rotate(-90)\" text-anchor=\"middle\">", middle);
    else buffer_printf(p->b, "<text class=\"label\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", middle, p->bottom + 40);
    html_text(p->b, label);
    buffer_text(p->b, "</text>");
}

static double shown(double v, double step)
{
    return fabs(v) < step / 2 ? 0 : v;
}

void plot_x_axis(const plot *p, const char *label)
{
    const plot_scale *s = &p->x;
    for (double v = first_tick(s); v <= s->hi + 1e-9 * s->step; v += s->step) {
        double x = plot_x(p, v);
        plot_line(p, shown(v, s->step) == 0 ? "zero" : "grid", x, p->top, x, p->bottom);
        plot_text(p, "tick", x, p->bottom + 18, "middle", "%.*f", s->digits, shown(v, s->step));
    }
    plot_label(p, label, false);
}

void plot_y_axis(const plot *p, const char *label)
{
    const plot_scale *s = &p->y;
    for (double v = first_tick(s); v <= s->hi + 1e-9 * s->step; v += s->step) {
        double y = plot_y(p, v);
        plot_line(p, shown(v, s->step) == 0 ? "zero" : "grid", p->left, y, p->right, y);
        plot_text(p, "tick", p->left - 6, y + 5, "end", "%.*f", s->digits, shown(v, s->step));
    }
    plot_label(p, label, true);
}

void plot_names(const plot *p, double x, size_t n, const char *const *name, const char *const *css, const double *y)
{
    size_t order[16];
    double at[16];
    if (n > 16) n = 16;
    for (size_t i = 0; i < n; i++) {
        order[i] = i;
        for (size_t j = i; j && y[order[j]] < y[order[j - 1]]; j--) {
            size_t swap = order[j];
            order[j] = order[j - 1];
            order[j - 1] = swap;
        }
    }
    for (size_t i = 0; i < n; i++) {
        at[i] = y[order[i]] + 4;
        if (i && at[i] < at[i - 1] + TEXT + 1) at[i] = at[i - 1] + TEXT + 1;
    }
    double over = n ? at[n - 1] - (p->bottom + 4) : 0; /* pushed below the axis: push all up again */
    for (size_t i = n; over > 0 && i-- > 0;) {
        double most = i + 1 < n ? at[i + 1] - (TEXT + 1) : p->bottom + 4;
        if (at[i] > most) at[i] = most;
    }
    for (size_t i = 0; i < n; i++) {
        char style[80];
        snprintf(style, sizeof style, "name %s", css[order[i]]);
        plot_text(p, style, x, at[i], "start", "%s", name[order[i]]);
    }
}
