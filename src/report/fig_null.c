/* SPDX-License-Identifier: MIT */
/* What the score would be if the responses had nothing to do with the stimulus, and what it is. */
#include <math.h>

#include "figures.h"
#include "finding.h"
#include "html.h"
#include "plot.h"

enum { HEIGHT = 230, LEFT = 64, RIGHT = 18, BOTTOM = 52, BARS = 30 };

/* Targets may have different numbers of refits: the shorter is filled up with NaN. */
static size_t refits(const double *null, size_t n)
{
    size_t there = 0;
    for (size_t i = 0; i < n; i++) there += isnan(null[i]) ? 0 : 1;
    return there;
}

static void draw(buffer *b, const score_rows *r, size_t row, const double *null, const char *label)
{
    size_t all = refits(null, r->n_null);
    double lo = INFINITY, hi = -INFINITY, observed = r->value[row];
    size_t count[BARS] = { 0 }, most = 0;
    for (size_t i = 0; i < r->n_null; i++) plot_cover(&lo, &hi, null[i]);
    plot p = plot_begin(b, HEIGHT, LEFT, RIGHT, BOTTOM, "null distribution");
    double first = lo, width = (hi - lo) / BARS;
    plot_cover(&lo, &hi, observed);
    plot_cover(&lo, &hi, 0);
    p.x = plot_scale_tight(lo, hi, 5);
    for (size_t i = 0; i < r->n_null; i++) {
        if (isnan(null[i])) continue;
        size_t at = width > 0 ? (size_t)((null[i] - first) / width) : 0;
        count[at < BARS ? at : BARS - 1]++;
    }
    for (size_t k = 0; k < BARS; k++) most = count[k] > most ? count[k] : most;
    p.y = plot_scale_of(0, (double)most, 3);
    plot_y_axis(&p, "number of refits");
    plot_x_axis(&p, label);
    for (size_t k = 0; k < BARS; k++)
        if (count[k])
            plot_box(&p, "bar s3", plot_x(&p, first + width * (double)k), plot_y(&p, (double)count[k]),
                     plot_x(&p, first + width) - plot_x(&p, first), p.bottom - plot_y(&p, (double)count[k]), "%.4f to %.4f: %zu of %zu",
                     first + width * (double)k, first + width * (double)(k + 1), count[k], all);
    char text[HTML_SIGNED];
    double x = plot_x(&p, observed);
    bool right = x > (p.left + p.right) / 2;
    plot_line(&p, "observed", x, p.top, x, p.bottom);
    plot_text(&p, "name s1", right ? x - 6 : x + 6, p.top + 12, right ? "end" : "start", "observed %s", html_signed(observed, text));
    plot_end(&p);
}

int figure_null(buffer *b, const report_view *v, const char *target, err *e)
{
    const score_rows *r = v->r;
    size_t row = finding_row(r, v->model, "nested", NULL, target, v->roi, "delta_r2");
    const double *null = score_null_of(r, row);
    (void)e;
    if (!null || !refits(null, r->n_null)) return 0;
    html_figure_begin(b, "If the responses had nothing to do with the stimulus.",
                      "%s: ΔR² of %zu refits (%s), each with layer and penalties chosen anew; mean %+.4f. p = %.3g: the share of refits that "
                      "reach what was observed, which counts as one of them.",
                      target_words(r, target), refits(null, r->n_null), r->null[row], r->null_mean[row], r->p[row]);
    draw(b, r, row, null, "ΔR² (share of variance)");
    html_figure_end(b);
    return 0;
}
