/* SPDX-License-Identifier: MIT */
#include "dots.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "plot.h"

enum { ROW = 34, ROW_WITH_POINTS = 46, BOTTOM = 52, RIGHT = 18, BINS = 90 };

static double left_margin(const dot_row *row, size_t n)
{
    size_t longest = 4;
    for (size_t i = 0; i < n; i++) longest = strlen(row[i].name) > longest ? strlen(row[i].name) : longest;
    double width = 18 + 8.2 * (double)longest;
    return width > 200 ? 200 : width;
}

static plot_scale scale_of(const dot_row *row, size_t n)
{
    double lo = 0, hi = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < row[i].n; k++) {
            plot_cover(&lo, &hi, row[i].mark[k].value);
            plot_cover(&lo, &hi, row[i].mark[k].lo);
            plot_cover(&lo, &hi, row[i].mark[k].hi);
        }
        for (size_t k = 0; k < row[i].n_points; k++) plot_cover(&lo, &hi, row[i].point[k]);
    }
    return plot_scale_tight(lo, hi, 5);
}

static void hover_text(char *room, size_t size, const dot_row *row, const dot_mark *m)
{
    snprintf(room, size, "%s, %s: %.4f", row->name, m->name, html_rounded(m->value, 4));
    size_t used = strlen(room);
    if (!isnan(m->lo) && !isnan(m->hi))
        snprintf(room + used, size - used, " [%.4f, %.4f]%s%s", m->lo, m->hi, m->interval ? ", " : "", m->interval ? m->interval : "");
}

static void draw_shape(const plot *p, const dot_mark *m, double x, double y, const char *title)
{
    static const char *const outline[MARKS] = { [MARK_DIAMOND] = "M%.1f %.1f m0 -6 l6 6 l-6 6 l-6 -6z",
                                                [MARK_TRIANGLE] = "M%.1f %.1f m0 -6 l6 10.5 h-12z",
                                                [MARK_TICK] = "M%.1f %.1f m-1.5 -9 h3 v18 h-3z" };
    if (m->shape == MARK_CIRCLE) {
        plot_dot(p, m->css, x, y, 5, "%s", title);
        return;
    }
    char path[120];
    snprintf(path, sizeof path, m->shape == MARK_DIAMOND    ? outline[MARK_DIAMOND]
                                : m->shape == MARK_TRIANGLE ? outline[MARK_TRIANGLE]
                                                            : outline[MARK_TICK], x, y);
    buffer_printf(p->b, "<path class=\"dot %s\" d=\"%s\"><title>", m->css, path);
    html_text(p->b, title);
    buffer_text(p->b, "</title></path>");
}

static void draw_mark(const plot *p, const dot_row *row, const dot_mark *m, double y)
{
    char title[400], css[40];
    if (isnan(m->value)) return;
    hover_text(title, sizeof title, row, m);
    if (!isnan(m->lo) && !isnan(m->hi)) {
        snprintf(css, sizeof css, "whisker %s", m->css);
        plot_line(p, css, plot_x(p, m->lo), y, plot_x(p, m->hi), y);
    }
    draw_shape(p, m, plot_x(p, m->value), y, title);
}

/* Points that would lie on one another are stacked downwards. */
static void draw_points(const plot *p, const dot_row *row, double y)
{
    size_t seen[BINS] = { 0 };
    for (size_t k = 0; k < row->n_points; k++) {
        double v = row->point[k];
        if (isnan(v)) continue;
        double share = (v - p->x.lo) / (p->x.hi - p->x.lo);
        size_t bin = share <= 0 ? 0 : share >= 1 ? BINS - 1 : (size_t)(share * BINS);
        double down = 5.0 * (double)seen[bin]++;
        plot_dot(p, "point", plot_x(p, v), y + (down < 22 ? down : 22), 2.6, "%s, %s: %.4f", row->name, row->point_name[k], v);
    }
}

void svg_dot_rows(buffer *b, const dot_row *row, size_t n, const char *x_label, const char *aria)
{
    bool points = false;
    for (size_t i = 0; i < n; i++) points = points || row[i].n_points;
    double height = points ? ROW_WITH_POINTS : ROW, at;
    plot p = plot_begin(b, height * (double)n + 14 + BOTTOM, left_margin(row, n), RIGHT, BOTTOM, aria);
    p.x = scale_of(row, n);
    plot_x_axis(&p, x_label);
    at = p.top;
    for (size_t i = 0; i < n; i++, at += height) {
        double middle = at + (points ? 14 : height / 2);
        if (i) plot_line(&p, "grid", p.left, at, p.right, at);
        plot_text(&p, "row", p.left - 8, middle + 5, "end", "%s", row[i].name);
        for (size_t k = row[i].n; k-- > 0;) /* the first on top; pushed apart a little, so that none hides another */
            draw_mark(&p, &row[i], &row[i].mark[k],
                      row[i].mark[k].shape == MARK_TICK ? middle : middle + 5 * ((double)k - (double)(row[i].n - 1) / 2));
        if (row[i].n_points) draw_points(&p, &row[i], middle + 11);
    }
    plot_end(&p);
}

void dot_legend(buffer *b, const dot_row *row, size_t n, const char *points)
{
    static const char *const sign[MARKS] = { "●", "◆", "▲", "❙" };
    bool said[MARKS] = { false };
    buffer_text(b, "<p class=\"legend\">");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < row[i].n; k++) {
            const dot_mark *m = &row[i].mark[k];
            if (isnan(m->value) || said[m->shape]) continue;
            said[m->shape] = true;
            buffer_printf(b, "<span><span class=\"name %s\">%s</span> ", m->css, sign[m->shape]);
            html_text(b, m->name);
            if (m->interval && !isnan(m->lo)) {
                buffer_text(b, ", ");
                html_text(b, m->interval);
            }
            buffer_text(b, "</span> ");
        }
    if (points) {
        buffer_text(b, "<span><span class=\"name point\">•</span> ");
        html_text(b, points);
        buffer_text(b, "</span>");
    }
    buffer_text(b, "</p>\n");
}
