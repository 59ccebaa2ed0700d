/* SPDX-License-Identifier: MIT */
#include "svg.h"

#include <math.h>
#include <string.h>

#include "plot.h"

enum { HEIGHT = 300, LEFT = 76, RIGHT = 104, BOTTOM = 52, MOST_LINES = 16 };

static plot_scale scale_of(const svg_chart *c)
{
    double lo = INFINITY, hi = -INFINITY;
    for (size_t i = 0; i < c->n_lines; i++)
        for (size_t j = 0; j < c->lines[i].n; j++) {
            plot_cover(&lo, &hi, c->lines[i].value[j]);
            if (c->lines[i].lo) plot_cover(&lo, &hi, c->lines[i].lo[j]);
            if (c->lines[i].hi) plot_cover(&lo, &hi, c->lines[i].hi[j]);
        }
    if (c->zero) plot_cover(&lo, &hi, 0);
    return plot_scale_of(lo, hi, 5);
}

static double x_at(const plot *p, const svg_chart *c, size_t i)
{
    return c->n < 2 ? (p->left + p->right) / 2 : p->left + (p->right - p->left) * (double)i / (double)(c->n - 1);
}

/* Names below the axis; of many, so few that they do not touch. */
static void draw_names_below(const plot *p, const svg_chart *c)
{
    size_t longest = 1, every = 1;
    for (size_t i = 0; i < c->n; i++) longest = strlen(c->x_names[i]) > longest ? strlen(c->x_names[i]) : longest;
    while (c->n > 1 && (p->right - p->left) / (double)(c->n - 1) * (double)every < 7.6 * (double)longest + 6) every++;
    for (size_t i = 0; i < c->n; i++) {
        bool last = i + 1 == c->n, named = i % every == 0 && (last || c->n - 1 - i >= every);
        if (named || last) plot_text(p, "tick", x_at(p, c, i), p->bottom + 18, "middle", "%s", c->x_names[i]);
    }
    plot_label(p, c->x_label, false);
}

static void draw_band(const plot *p, const svg_chart *c, const svg_line *l)
{
    if (!l->lo || !l->hi || l->n < 2) return;
    buffer_printf(p->b, "<polygon class=\"band %s\" points=\"", l->css);
    for (size_t i = 0; i < l->n; i++)
        if (!isnan(l->hi[i])) buffer_printf(p->b, "%.1f,%.1f ", x_at(p, c, i), plot_y(p, l->hi[i]));
    for (size_t i = l->n; i-- > 0;)
        if (!isnan(l->lo[i])) buffer_printf(p->b, "%.1f,%.1f ", x_at(p, c, i), plot_y(p, l->lo[i]));
    buffer_text(p->b, "\"/>");
}

static void draw_line(const plot *p, const svg_chart *c, const svg_line *l)
{
    buffer_printf(p->b, "<polyline class=\"line %s\" points=\"", l->css);
    for (size_t i = 0; i < l->n; i++)
        if (!isnan(l->value[i])) buffer_printf(p->b, "%.1f,%.1f ", x_at(p, c, i), plot_y(p, l->value[i]));
    buffer_text(p->b, "\"/>");
    for (size_t i = 0; i < l->n; i++) {
        char range[80] = "";
        if (isnan(l->value[i])) continue;
        if (l->lo) snprintf(range, sizeof range, " (%.4f to %.4f)", l->lo[i], l->hi[i]);
        plot_dot(p, l->css, x_at(p, c, i), plot_y(p, l->value[i]), 3.5, "%s, %s: %.4f%s", l->name, c->x_names[i], l->value[i], range);
    }
}

static void draw_names_beside(const plot *p, const svg_chart *c)
{
    const char *name[MOST_LINES], *css[MOST_LINES];
    double y[MOST_LINES];
    size_t n = c->n_lines < MOST_LINES ? c->n_lines : MOST_LINES;
    for (size_t i = 0; i < n; i++) {
        const svg_line *l = &c->lines[i];
        name[i] = l->name;
        css[i] = l->css;
        y[i] = l->n && !isnan(l->value[l->n - 1]) ? plot_y(p, l->value[l->n - 1]) : p->bottom;
    }
    plot_names(p, p->right + 10, n, name, css, y);
}

void svg_line_chart(buffer *b, const svg_chart *c)
{
    plot p = plot_begin(b, c->title ? HEIGHT + 20 : HEIGHT, LEFT, RIGHT, BOTTOM, c->title ? c->title : c->y_label);
    if (c->title) {
        plot_text(&p, "title", 8, 18, "start", "%s", c->title);
        p.top += 20;
    }
    p.y = scale_of(c);
    plot_y_axis(&p, c->y_label);
    draw_names_below(&p, c);
    for (size_t i = 0; i < c->n_lines; i++) draw_band(&p, c, &c->lines[i]);
    for (size_t i = 0; i < c->n_lines; i++) draw_line(&p, c, &c->lines[i]);
    draw_names_beside(&p, c);
    plot_end(&p);
}
