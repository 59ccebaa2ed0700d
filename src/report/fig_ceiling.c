/* SPDX-License-Identifier: MIT */
/* Scores beside the best that any model could reach, a row a region. */
#include <math.h>
#include <stdlib.h>

#include "dots.h"
#include "figures.h"
#include "finding.h"
#include "html.h"

static dot_mark mark_of(const report_view *v, const char *model, const char *name, const char *kind, const char *target,
                        const char *roi, mark_shape shape, const char *css)
{
    const char *layer = str_same(kind, "baseline") ? NULL : "nested";
    size_t row = model ? finding_row(v->r, model, layer, kind, target, roi, "r") : SIZE_MAX;
    if (row == SIZE_MAX) return (dot_mark){ shape, css, name, NAN, NAN, NAN, NULL };
    return (dot_mark){ shape, css, name, v->r->value[row], v->r->lo[row], v->r->hi[row], v->r->interval[row] };
}

int figure_ceiling(buffer *b, const report_view *v, const char *target, err *e)
{
    dot_row *row;
    size_t n, ceilings = 0;
    char alone[200], untrained[200];
    if (figure_rows(&row, &n, v, target, e)) return -1;
    snprintf(alone, sizeof alone, "%.150s alone", v->model);
    snprintf(untrained, sizeof untrained, "%.150s alone", v->seeds ? v->seeds : "");
    for (size_t i = 0; i < n; i++) {
        const char *roi = row[i].name;
        size_t base = finding_row(v->r, "baseline", NULL, NULL, target, roi, "r");
        size_t any = base != SIZE_MAX ? base : finding_row(v->r, v->model, "nested", "plain", target, roi, "r");
        double ceiling = any == SIZE_MAX ? NAN : v->r->ceiling[any];
        if (!isnan(ceiling)) ceilings++;
        row[i] = (dot_row){ .name = roi, .n = 4,
                            .mark = { mark_of(v, v->model, alone, "plain", target, roi, MARK_CIRCLE, "s1"),
                                      mark_of(v, v->seeds, untrained, "plain", target, roi, MARK_DIAMOND, "s2"),
                                      mark_of(v, "baseline", "baseline alone", "baseline", target, roi, MARK_TRIANGLE, "s3"),
                                      { MARK_TICK, "s4", "ceiling: the best that any model could reach", ceiling, NAN, NAN, NULL } } };
    }
    html_figure_begin(b, "Scores and their ceiling.", "%s.%s", target_words(v->r, target),
                      ceilings ? "" : " No ceiling was given, so nothing is divided by one.");
    dot_legend(b, row, n, NULL);
    svg_dot_rows(b, row, n, "r (correlation, mean over test folds)", "scores against ceilings by region");
    html_figure_end(b);
    free(row);
    return 0;
}
