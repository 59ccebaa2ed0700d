/* SPDX-License-Identifier: MIT */
/* Which presentations each fold tests, which it trains on, and which are left out between the two. */
#include <stdlib.h>

#include "figures.h"
#include "html.h"
#include "plot.h"

enum { ROW = 24, LEFT = 74, RIGHT = 16, BOTTOM = 52, MOST_FOLDS = 40 };
enum { TEST, TRAIN, GAP, DROPPED, CLASSES };

static int class_of(const encoding_view *x, size_t f, size_t i)
{
    if (x->test[f * x->n + i]) return TEST;
    if (x->train[f * x->n + i]) return TRAIN;
    for (size_t k = 0; k < x->folds; k++)
        if (x->test[k * x->n + i]) return GAP;
    return DROPPED; /* no fold tests it: rows dropped at the start */
}

/* All stretches of one class of a fold as one path. */
static void stretches(const plot *p, const encoding_view *x, size_t f, int class, size_t count, double top)
{
    static const char *const css[CLASSES] = { "fold test", "fold train", "fold gap", "fold dropped" };
    static const char *const what[CLASSES] = { "tested", "trained on", "left out beside the test block (gap)", "dropped at the start" };
    if (!count) return;
    buffer_printf(p->b, "<path class=\"%s\" d=\"", css[class]);
    for (size_t i = 0; i < x->n;) {
        size_t j = i;
        while (j < x->n && class_of(x, f, j) == class) j++;
        if (j > i)
            buffer_printf(p->b, "M%.1f %.0fh%.1fv%dh-%.1fz", plot_x(p, (double)i), top + 3, plot_x(p, (double)j) - plot_x(p, (double)i),
                          ROW - 6, plot_x(p, (double)j) - plot_x(p, (double)i));
        i = j > i ? j : i + 1;
    }
    buffer_printf(p->b, "\"><title>fold %zu: %zu %s</title></path>", f + 1, count, what[class]);
}

int figure_folds(buffer *b, const report_view *v, err *e)
{
    const encoding_view *x = v->x->n ? &v->x->at[0] : NULL;
    size_t gaps = 0, dropped = 0;
    (void)e;
    if (!x || !x->folds || !x->n) return 0;
    size_t shown = x->folds < MOST_FOLDS ? x->folds : MOST_FOLDS;
    for (size_t i = 0; i < x->n; i++) {
        gaps += class_of(x, 0, i) == GAP;
        dropped += class_of(x, 0, i) == DROPPED;
    }
    html_figure_begin(b, "Folds.", "%s; inner folds %s.%s%s%s", x->folds_text, *x->inner_text ? x->inner_text : "none",
                      gaps ? " Presentations beside a test block are left out of training, since neighbours in time are alike." : "",
                      dropped ? " The start of each run is dropped." : "", shown < x->folds ? " (The first 40 folds are drawn.)" : "");
    buffer_text(b, "<p class=\"legend\"><span><span class=\"name s2\">■</span> test</span> <span><span class=\"name s1\">■</span> training</span>");
    if (gaps) buffer_text(b, " <span><span class=\"name gap\">□</span> gap</span>");
    if (dropped) buffer_text(b, " <span><span class=\"name s3\">■</span> dropped</span>");
    buffer_text(b, "</p>\n");
    plot p = plot_begin(b, 14 + ROW * (double)shown + BOTTOM, LEFT, RIGHT, BOTTOM, "folds");
    p.x = plot_scale_of(0, (double)x->n, 6);
    p.x.hi = (double)x->n;
    for (size_t f = 0; f < shown; f++) {
        size_t count[CLASSES] = { 0 };
        double top = p.top + ROW * (double)f;
        for (size_t i = 0; i < x->n; i++) count[class_of(x, f, i)]++;
        plot_text(&p, "row", p.left - 8, top + ROW / 2 + 5, "end", "fold %zu", f + 1);
        for (int class = 0; class < CLASSES; class++) stretches(&p, x, f, class, count[class], top);
    }
    for (double at = p.x.lo; at <= p.x.hi; at += p.x.step) plot_text(&p, "tick", plot_x(&p, at), p.bottom + 18, "middle", "%.0f", at);
    plot_label(&p, "presentation (number, in the order of the responses)", false);
    plot_end(&p);
    html_figure_end(b);
    return 0;
}
