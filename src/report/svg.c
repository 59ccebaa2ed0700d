/* SPDX-License-Identifier: MIT */
#include "svg.h"

#include <math.h>

enum { WIDTH = 640, HEIGHT = 300, LEFT = 96, RIGHT = 120, TOP = 34, BOTTOM = 46, TICKS = 5 };

void html_text(buffer *b, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&': buffer_text(b, "&amp;"); break;
        case '<': buffer_text(b, "&lt;"); break;
        case '>': buffer_text(b, "&gt;"); break;
        case '"': buffer_text(b, "&quot;"); break;
        default: buffer_add(b, text, 1);
        }
    }
}

typedef struct {
    double lo, hi, step;
    size_t n;
} axis;

static void widen(axis *a, double v)
{
    if (isnan(v)) return;
    if (v < a->lo) a->lo = v;
    if (v > a->hi) a->hi = v;
}

/* Round steps of 1, 2 or 5 so that about TICKS of them cover the data. */
static axis make_axis(const svg_chart *c)
{
    axis a = { INFINITY, -INFINITY, 1, c->n };
    for (size_t i = 0; i < c->n_lines; i++)
        for (size_t j = 0; j < c->lines[i].n; j++) {
            widen(&a, c->lines[i].value[j]);
            if (c->lines[i].lo) widen(&a, c->lines[i].lo[j]);
            if (c->lines[i].hi) widen(&a, c->lines[i].hi[j]);
        }
    if (c->zero) widen(&a, 0);
    if (!(a.hi >= a.lo)) a.lo = 0, a.hi = 1;
    if (a.hi - a.lo < 1e-9) a.hi = a.lo + 1e-3;
    double raw = (a.hi - a.lo) / TICKS, power = pow(10, floor(log10(raw)));
    a.step = raw / power <= 1 ? power : raw / power <= 2 ? 2 * power : raw / power <= 5 ? 5 * power : 10 * power;
    a.lo = a.step * floor(a.lo / a.step + 1e-9);
    a.hi = a.step * ceil(a.hi / a.step - 1e-9);
    return a;
}

static double x_at(const axis *a, size_t i)
{
    double inner = WIDTH - LEFT - RIGHT;
    return a->n < 2 ? LEFT + inner / 2 : LEFT + inner * (double)i / (double)(a->n - 1);
}

static double y_at(const axis *a, double v)
{
    return TOP + (HEIGHT - TOP - BOTTOM) * (a->hi - v) / (a->hi - a->lo);
}

static void draw_axes(buffer *b, const svg_chart *c, const axis *a)
{
    int digits = a->step < 1 ? (int)ceil(-log10(a->step) - 1e-9) : 0;
    for (double v = a->lo; v <= a->hi + a->step / 2; v += a->step) {
        double shown = fabs(v) < a->step / 2 ? 0 : v;
        buffer_printf(b, "<line class=\"%s\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", shown == 0 ? "zero" : "grid", LEFT,
                      WIDTH - RIGHT, y_at(a, v), y_at(a, v));
        buffer_printf(b, "<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.*f</text>", LEFT - 8, y_at(a, v) + 4,
                      digits, shown);
    }
    for (size_t i = 0; i < c->n; i++) {
        buffer_printf(b, "<text class=\"tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", x_at(a, i), HEIGHT - BOTTOM + 18);
        html_text(b, c->x_names[i]);
        buffer_text(b, "</text>");
    }
    buffer_printf(b, "<text class=\"label\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">", LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 8);
    html_text(b, c->x_label);
    buffer_printf(b, "</text><text class=\"label\" transform=\"translate(20 %d) rotate(-90)\" text-anchor=\"middle\">",
                  TOP + (HEIGHT - TOP - BOTTOM) / 2);
    html_text(b, c->y_label);
    buffer_printf(b, "</text><text class=\"title\" x=\"%d\" y=\"18\">", LEFT);
    html_text(b, c->title);
    buffer_text(b, "</text>");
}

static void draw_band(buffer *b, const svg_line *l, const axis *a)
{
    if (!l->lo || !l->hi || l->n < 2) return;
    buffer_printf(b, "<polygon class=\"band %s\" points=\"", l->css);
    for (size_t i = 0; i < l->n; i++) buffer_printf(b, "%.1f,%.1f ", x_at(a, i), y_at(a, l->hi[i]));
    for (size_t i = l->n; i-- > 0;) buffer_printf(b, "%.1f,%.1f ", x_at(a, i), y_at(a, l->lo[i]));
    buffer_text(b, "\"/>");
}

static void draw_line(buffer *b, const svg_chart *c, const svg_line *l, const axis *a)
{
    buffer_printf(b, "<polyline class=\"line %s\" points=\"", l->css);
    for (size_t i = 0; i < l->n; i++)
        if (!isnan(l->value[i])) buffer_printf(b, "%.1f,%.1f ", x_at(a, i), y_at(a, l->value[i]));
    buffer_text(b, "\"/>");
    for (size_t i = 0; i < l->n; i++) {
        if (isnan(l->value[i])) continue;
        buffer_printf(b, "<circle class=\"dot %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>", l->css, x_at(a, i), y_at(a, l->value[i]));
        html_text(b, l->name);
        buffer_text(b, ", ");
        html_text(b, c->x_names[i]);
        buffer_printf(b, ": %.4f", l->value[i]);
        if (l->lo) buffer_printf(b, " (%.4f to %.4f)", l->lo[i], l->hi[i]);
        buffer_text(b, "</title></circle>");
    }
}

/* Names at the right ends, pushed apart so that none overlaps its neighbour. */
static void draw_names(buffer *b, const svg_chart *c, const axis *a)
{
    size_t order[16], n = c->n_lines < 16 ? c->n_lines : 16;
    double y[16], last = -1e9;
    for (size_t i = 0; i < n; i++) {
        const svg_line *l = &c->lines[i];
        order[i] = i;
        y[i] = l->n && !isnan(l->value[l->n - 1]) ? y_at(a, l->value[l->n - 1]) : HEIGHT;
    }
    for (size_t i = 1; i < n; i++)
        for (size_t j = i; j && y[order[j]] < y[order[j - 1]]; j--) {
            size_t swap = order[j];
            order[j] = order[j - 1];
            order[j - 1] = swap;
        }
    for (size_t i = 0; i < n; i++) {
        const svg_line *l = &c->lines[order[i]];
        double at = y[order[i]] + 4 > last + 15 ? y[order[i]] + 4 : last + 15;
        buffer_printf(b, "<text class=\"name %s\" x=\"%d\" y=\"%.1f\">", l->css, WIDTH - RIGHT + 10, at);
        html_text(b, l->name);
        buffer_text(b, "</text>");
        last = at;
    }
}

void svg_line_chart(buffer *b, const svg_chart *c)
{
    axis a = make_axis(c);
    buffer_printf(b, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, HEIGHT);
    html_text(b, c->title);
    buffer_text(b, "\">");
    draw_axes(b, c, &a);
    for (size_t i = 0; i < c->n_lines; i++) draw_band(b, &c->lines[i], &a);
    for (size_t i = 0; i < c->n_lines; i++) draw_line(b, c, &c->lines[i], &a);
    draw_names(b, c, &a);
    buffer_text(b, "</svg>\n");
}
