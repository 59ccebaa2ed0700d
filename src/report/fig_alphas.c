/* SPDX-License-Identifier: MIT */
/* Which penalties the inner folds chose; those at an end of the grid are marked, since a better one may lie beyond it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"
#include "html.h"
#include "plot.h"

enum { PANEL = 92, LEFT = 92, RIGHT = 14, BOTTOM = 52, PANELS = 3 };

typedef struct {
    const char *name, *css;
    size_t *count, all, edge; /* count [n_grid] */
    double most;
} histogram;

static size_t place(const encoding_view *x, double alpha)
{
    size_t best = 0;
    for (size_t k = 1; k < x->n_grid; k++)
        if (fabs(x->grid[k] - alpha) < fabs(x->grid[best] - alpha)) best = k;
    return best;
}

static bool belongs(const encoded_part *p, const char *model)
{
    if (str_same(model, "baseline")) return str_same(p->kind, "baseline");
    if (!str_same(p->kind, "model")) return false;
    if (encoded_part_of(p, model)) return true;
    size_t n = strlen(model); /* a seed of the group "untrained": untrained.s1:h.0 */
    return strncmp(p->name, model, n) == 0 && p->name[n] == '.' && p->name[n + 1] == 's';
}

static int gather(histogram *h, const encoding_view *x, err *e)
{
    if (!(h->count = mem_new(x->n_grid, sizeof *h->count, e))) return -1;
    for (size_t i = 0; i < x->n_parts; i++) {
        const encoded_part *p = &x->parts[i];
        if (!p->alpha || !belongs(p, h->name)) continue;
        for (size_t k = 0; k < x->folds * x->v; k++) {
            if (isnan(p->alpha[k])) continue;
            size_t at = place(x, p->alpha[k]);
            h->count[at]++;
            h->all++;
            h->edge += at == 0 || at + 1 == x->n_grid;
        }
    }
    for (size_t k = 0; k < x->n_grid; k++)
        if (h->all) h->most = fmax(h->most, 100.0 * (double)h->count[k] / (double)h->all);
    return 0;
}

static void draw_panel(buffer *b, const plot *whole, const histogram *h, const encoding_view *x, double top)
{
    plot p = *whole;
    p.b = b;
    p.top = top + 24;
    p.bottom = top + PANEL - 8;
    p.y = plot_scale_of(0, h->most, 2);
    for (double v = 0; v <= p.y.hi + p.y.step / 2; v += p.y.step) {
        plot_line(&p, v == 0 ? "zero" : "grid", p.left, plot_y(&p, v), p.right, plot_y(&p, v));
        plot_text(&p, "tick", p.left - 6, plot_y(&p, v) + 5, "end", "%.*f", p.y.digits, v);
    }
    plot_text(&p, "row", p.left, p.top - 8, "start", "%s", h->name);
    double width = (p.right - p.left) / (p.x.hi - p.x.lo) * (log10(x->grid[1]) - log10(x->grid[0])) * .8;
    for (size_t k = 0; k < x->n_grid; k++) {
        double share = 100.0 * (double)h->count[k] / (double)h->all;
        bool edge = k == 0 || k + 1 == x->n_grid;
        if (!h->count[k]) continue;
        plot_box(&p, edge ? "bar edge" : h->css, plot_x(&p, log10(x->grid[k])) - width / 2, plot_y(&p, share), width,
                 p.bottom - plot_y(&p, share), "%s, α = %.3g: %.1f %% (%zu of %zu)%s", h->name, x->grid[k], share, h->count[k], h->all,
                 edge ? ", an end of the grid" : "");
    }
}

int figure_alphas(buffer *b, const report_view *v, const char *target, err *e)
{
    const encoding_view *x = encoding_view_of(v->x, target);
    histogram h[PANELS] = { { .name = "baseline", .css = "bar s3" }, { .name = v->model, .css = "bar s1" },
                            { .name = v->seeds ? v->seeds : "", .css = "bar s2" } };
    size_t panels = 0, all = 0, edge = 0;
    int status = -1;
    if (!x || x->n_grid < 3 || !(x->grid[0] > 0)) return 0; /* one given alpha has no distribution */
    for (size_t k = 0; k < (v->seeds ? PANELS : 2); k++) {
        if (gather(&h[k], x, e)) goto done;
        panels += h[k].all > 0;
        all += h[k].all;
        edge += h[k].edge;
    }
    status = 0;
    if (!panels) goto done;
    double share = 100.0 * (double)edge / (double)all;
    html_figure_begin(b, "Penalties that were chosen.", "%s: α of each fold, layer and response. %.1f %% lie at an end of the grid%s",
                      target_words(v->r, target), share, share > 10 ? ": more than 10 %, so the grid may be too narrow." : ".");
    plot p = plot_begin(b, 14 + PANEL * (double)panels + BOTTOM, LEFT, RIGHT, BOTTOM, "histogram of chosen penalties");
    p.x = plot_scale_tight(log10(x->grid[0]) - .1, log10(x->grid[x->n_grid - 1]) + .1, 7);
    for (double at = ceil(p.x.lo); at <= p.x.hi; at++) { /* 0 is a value like others here */
        plot_line(&p, "grid", plot_x(&p, at), p.top, plot_x(&p, at), p.bottom);
        plot_text(&p, "tick", plot_x(&p, at), p.bottom + 18, "middle", "%.0f", fabs(at) < .5 ? 0.0 : at);
    }
    plot_label(&p, "log₁₀ α (penalty, in units of the sum of squares)", false);
    plot_label(&p, "% of choices", true);
    for (size_t k = 0, at = 0; k < PANELS; k++)
        if (h[k].all) draw_panel(b, &p, &h[k], x, 14 + PANEL * (double)at++);
    plot_end(&p);
    html_figure_end(b);
done:
    for (size_t k = 0; k < PANELS; k++) free(h[k].count);
    return status;
}
