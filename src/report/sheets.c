/* SPDX-License-Identifier: MIT */
/* Maps on sheets: a diverging scale pinned at 0 and shared by all panels, contours of the selected units. */
#include "sheets.h"

#include <math.h>
#include <string.h>

#include "svg.h"

enum { PANEL = 140, GAP = 14, HEAD = 44, TITLE = 26, LEVELS = 20, SCALE_WIDTH = 400 };

/* Blue, white, red (ColorBrewer's RdBu ends), level from -LEVELS to LEVELS. */
static void shade(uint8_t rgb[3], int level)
{
    static const int ends[2][3] = { { 33, 102, 172 }, { 178, 24, 43 } };
    double share = fabs((double)level) / LEVELS;
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)lround(255 + share * (ends[level > 0][c] - 255));
}

static void colour(char text[8], int level)
{
    uint8_t rgb[3];
    shade(rgb, level);
    snprintf(text, 8, "#%02x%02x%02x", rgb[0], rgb[1], rgb[2]);
}

static int level_of(double v, double limit)
{
    double share = fmax(-1, fmin(1, v / limit));
    return (int)lround(share * LEVELS);
}

void diverging_colour(uint8_t rgb[3], double value, double limit)
{
    if (isnan(value)) memset(rgb, 0x8a, 3);
    else shade(rgb, level_of(value, limit));
}

/* All cells of one colour are one path: a sheet takes a few kilobytes. */
static void draw_cells(buffer *b, const sheet_panel *p, double limit)
{
    for (int level = -LEVELS; level <= LEVELS; level++) {
        bool open = false;
        for (size_t i = 0; i < p->rows * p->columns; i++) {
            char fill[8];
            if (isnan(p->value[i]) || level_of(p->value[i], limit) != level) continue;
            if (!open) {
                colour(fill, level);
                buffer_printf(b, "<path fill=\"%s\" d=\"", fill);
                open = true;
            }
            buffer_printf(b, "M%zu %zuh1v1h-1z", i % p->columns, i / p->columns);
        }
        if (open) buffer_text(b, "\"/>");
    }
}

static bool chosen(const sheet_panel *p, size_t row, size_t column)
{
    return row < p->rows && column < p->columns && p->selected[row * p->columns + column];
}

/* The edges between a selected unit and one that is not. -1 wraps to a row or column beyond the sheet. */
static void draw_contours(buffer *b, const sheet_panel *p)
{
    bool open = false;
    if (!p->selected) return;
    for (size_t r = 0; r < p->rows; r++)
        for (size_t c = 0; c < p->columns; c++) {
            if (!chosen(p, r, c)) continue;
            if (!open) buffer_text(b, "<path fill=\"none\" stroke=\"#111\" stroke-width=\"1.6\" vector-effect=\"non-scaling-stroke\" d=\"");
            open = true;
            if (!chosen(p, r - 1, c)) buffer_printf(b, "M%zu %zuh1", c, r);
            if (!chosen(p, r + 1, c)) buffer_printf(b, "M%zu %zuh1", c, r + 1);
            if (!chosen(p, r, c - 1)) buffer_printf(b, "M%zu %zuv1", c, r);
            if (!chosen(p, r, c + 1)) buffer_printf(b, "M%zu %zuv1", c + 1, r);
        }
    if (open) buffer_text(b, "\"/>");
}

static void head(buffer *b, const char *name, const char *note, double x, double y)
{
    buffer_printf(b, "<text class=\"name\" x=\"%.1f\" y=\"%.1f\">", x, y - 25);
    html_text(b, name);
    buffer_printf(b, "</text><text class=\"tick\" x=\"%.1f\" y=\"%.1f\">", x, y - 7);
    html_text(b, note);
    buffer_text(b, "</text>");
}

static void begin(buffer *b, const char *title, size_t n, size_t across, double *width)
{
    size_t down = (n + across - 1) / across, wide = n < across ? n : across;
    *width = (double)wide * (PANEL + GAP) + GAP;
    buffer_printf(b, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", *width,
                  TITLE + (double)down * (PANEL + HEAD + GAP) + GAP);
    html_text(b, title);
    buffer_printf(b, "\"><text class=\"title\" x=\"%d\" y=\"18\">", GAP);
    html_text(b, title);
    buffer_text(b, "</text>");
}

static void corner(size_t i, size_t across, double *x, double *y)
{
    *x = GAP + (double)(i % across) * (PANEL + GAP);
    *y = TITLE + HEAD + (double)(i / across) * (PANEL + HEAD + GAP);
}

void svg_sheets(buffer *b, const char *title, const sheet_panel *panel, size_t n, size_t across, double limit)
{
    double width, x, y;
    begin(b, title, n, across, &width);
    for (size_t i = 0; i < n; i++) {
        const sheet_panel *p = &panel[i];
        size_t side = p->rows > p->columns ? p->rows : p->columns;
        corner(i, across, &x, &y);
        head(b, p->name, p->note, x, y);
        buffer_printf(b, "<g transform=\"translate(%.1f %.1f) scale(%.4f)\" shape-rendering=\"crispEdges\">", x, y,
                      PANEL / (double)side);
        buffer_printf(b, "<rect width=\"%zu\" height=\"%zu\" fill=\"#8a8a8a\"/>", p->columns, p->rows);
        draw_cells(b, p, limit);
        draw_contours(b, p);
        buffer_text(b, "</g>");
    }
    buffer_text(b, "</svg>\n");
}

void svg_scale(buffer *b, const char *label, double limit)
{
    double step = (double)SCALE_WIDTH / (2 * LEVELS + 1);
    buffer_printf(b, "<svg viewBox=\"0 0 %d 64\" role=\"img\" style=\"max-width:%dpx\" aria-label=\"scale\">", SCALE_WIDTH + 2 * GAP,
                  SCALE_WIDTH + 2 * GAP);
    for (int level = -LEVELS; level <= LEVELS; level++) {
        char fill[8];
        colour(fill, level);
        buffer_printf(b, "<rect x=\"%.2f\" y=\"4\" width=\"%.2f\" height=\"16\" fill=\"%s\"/>", GAP + step * (level + LEVELS),
                      step + .3, fill);
    }
    for (int k = -1; k <= 1; k++) /* 0 without a sign */
        buffer_printf(b, "<text class=\"tick\" x=\"%.1f\" y=\"36\" text-anchor=\"middle\">%.*f</text>",
                      GAP + SCALE_WIDTH * (k + 1) / 2., limit < 10 && k ? 1 : 0, k * limit);
    buffer_printf(b, "<text class=\"label\" x=\"%d\" y=\"56\" text-anchor=\"middle\">", GAP + SCALE_WIDTH / 2);
    html_text(b, label);
    buffer_text(b, "</text></svg>\n");
}

/* ---- curves ---- */

typedef struct {
    double lo, hi, step;
} range;

static void widen(range *r, double v)
{
    if (!isfinite(v)) return;
    r->lo = fmin(r->lo, v);
    r->hi = fmax(r->hi, v);
}

/* Round steps of 1, 2 or 5: at most four of them. */
static void round_steps(range *r)
{
    if (!(r->hi > r->lo)) {
        r->lo = isfinite(r->lo) ? r->lo - .5 : 0;
        r->hi = r->lo + 1;
    }
    double raw = (r->hi - r->lo) / 4, power = pow(10, floor(log10(raw)));
    r->step = raw / power <= 1 ? power : raw / power <= 2 ? 2 * power : raw / power <= 5 ? 5 * power : 10 * power;
}

static void ranges(range *x, range *y, const curve_panel *panel, size_t n)
{
    *x = *y = (range){ INFINITY, -INFINITY, 1 };
    widen(y, 0);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < panel[i].n; k++) {
            widen(x, panel[i].x[k]);
            widen(y, panel[i].y[k]);
            if (panel[i].lo) widen(y, panel[i].lo[k]);
            if (panel[i].hi) widen(y, panel[i].hi[k]);
        }
    round_steps(x);
    round_steps(y);
}

enum { LEFT = 34, FOOT = 30 };

static double across_at(const range *r, double v)
{
    return LEFT + (PANEL - LEFT) * (v - r->lo) / (r->hi - r->lo);
}

static double down_at(const range *r, double v)
{
    return (PANEL - FOOT) * (r->hi - v) / (r->hi - r->lo);
}

static int digits_of(double step)
{
    return step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;
}

static void draw_ticks(buffer *b, const range *x, const range *y)
{
    for (double v = y->step * ceil(y->lo / y->step - 1e-9); v <= y->hi + 1e-9 * y->step; v += y->step) {
        bool zero = fabs(v) < y->step / 2;
        buffer_printf(b, "<line class=\"%s\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", zero ? "zero" : "grid", LEFT, PANEL,
                      down_at(y, v), down_at(y, v));
        buffer_printf(b, "<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.*f</text>", LEFT - 4,
                      down_at(y, v) + 4, digits_of(y->step), zero ? 0 : v);
    }
    for (double v = x->step * ceil(x->lo / x->step - 1e-9); v <= x->hi + 1e-9 * x->step; v += x->step) {
        bool zero = fabs(v) < x->step / 2;
        if (zero)
            buffer_printf(b, "<line class=\"zero\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"%d\"/>", across_at(x, 0), across_at(x, 0),
                          PANEL - FOOT);
        buffer_printf(b, "<text class=\"tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.*f</text>", across_at(x, v),
                      PANEL - FOOT + 14, digits_of(x->step), zero ? 0 : v);
    }
}

static void draw_bars(buffer *b, const curve_panel *p, const range *x, const range *y)
{
    double width = p->n > 1 ? across_at(x, p->x[1]) - across_at(x, p->x[0]) : 10;
    buffer_text(b, "<g style=\"fill:var(--s1)\">");
    for (size_t k = 0; k < p->n; k++)
        if (p->y[k] > 0)
            buffer_printf(b, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", across_at(x, p->x[k]) - width / 2,
                          down_at(y, p->y[k]), fmax(.5, width - .5), down_at(y, 0) - down_at(y, p->y[k]));
    buffer_text(b, "</g>");
}

static void draw_curve(buffer *b, const curve_panel *p, const range *x, const range *y)
{
    if (p->lo && p->hi) {
        buffer_text(b, "<polygon class=\"band s2\" points=\"");
        for (size_t k = 0; k < p->n; k++)
            if (isfinite(p->hi[k])) buffer_printf(b, "%.1f,%.1f ", across_at(x, p->x[k]), down_at(y, p->hi[k]));
        for (size_t k = p->n; k-- > 0;)
            if (isfinite(p->lo[k])) buffer_printf(b, "%.1f,%.1f ", across_at(x, p->x[k]), down_at(y, p->lo[k]));
        buffer_text(b, "\"/>");
    }
    buffer_text(b, "<polyline class=\"line s1\" points=\"");
    for (size_t k = 0; k < p->n; k++)
        if (isfinite(p->y[k]) && isfinite(p->x[k])) buffer_printf(b, "%.1f,%.1f ", across_at(x, p->x[k]), down_at(y, p->y[k]));
    buffer_text(b, "\"/>");
}

void svg_curves(buffer *b, const char *title, const char *x_label, const char *y_label, const curve_panel *panel, size_t n,
                size_t across, const curve_panel *scale, size_t n_scale)
{
    range xs, ys;
    double width, x, y;
    ranges(&xs, &ys, scale, n_scale);
    begin(b, title, n, across, &width);
    for (size_t i = 0; i < n; i++) {
        corner(i, across, &x, &y);
        head(b, panel[i].name, panel[i].note, x, y);
        buffer_printf(b, "<g transform=\"translate(%.1f %.1f)\">", x, y);
        draw_ticks(b, &xs, &ys);
        if (panel[i].bars) draw_bars(b, &panel[i], &xs, &ys);
        else draw_curve(b, &panel[i], &xs, &ys);
        buffer_printf(b, "<text class=\"tick\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">", (LEFT + PANEL) / 2, PANEL - 1);
        html_text(b, x_label);
        buffer_text(b, "</text></g>");
    }
    buffer_printf(b, "<text class=\"tick\" x=\"%.0f\" y=\"18\" text-anchor=\"end\">", width - GAP);
    html_text(b, y_label);
    buffer_text(b, "</text></svg>\n");
}
