/* SPDX-License-Identifier: MIT */
/* What the model adds to the baseline: ΔR² with its interval, a row a region. */
#include <math.h>
#include <stdlib.h>

#include "dots.h"
#include "figures.h"
#include "finding.h"
#include "html.h"

static dot_mark mark_of(const report_view *v, const char *model, const char *target, const char *roi, mark_shape shape, const char *css)
{
    size_t row = finding_row(v->r, model, "nested", NULL, target, roi, "delta_r2");
    if (row == SIZE_MAX) return (dot_mark){ shape, css, model, NAN, NAN, NAN, NULL };
    return (dot_mark){ shape, css, model, v->r->value[row], v->r->lo[row], v->r->hi[row], v->r->interval[row] };
}

static void add_mark(dot_row *row, const report_view *v, const char *model, const char *target, mark_shape shape, const char *css)
{
    if (model) row->mark[row->n++] = mark_of(v, model, target, row->name, shape, css);
}

int figure_delta(buffer *b, const report_view *v, const char *target, err *e)
{
    dot_row *row;
    size_t n;
    if (finding_row(v->r, v->model, "nested", NULL, target, v->roi, "delta_r2") == SIZE_MAX) return 0;
    if (figure_rows(&row, &n, v, target, e)) return -1;
    for (size_t i = 0; i < n; i++) {
        add_mark(&row[i], v, v->model, target, MARK_CIRCLE, "s1");
        add_mark(&row[i], v, v->reference, target, MARK_TRIANGLE, "s5");
        add_mark(&row[i], v, v->seeds, target, MARK_DIAMOND, "s2");
    }
    bool interval = !isnan(row[0].mark[0].lo);
    html_figure_begin(b, "What the model adds to the baseline.", "%s; layer chosen inside the training data of each fold.%s",
                      target_words(v->r, target), interval ? "" : " No interval was asked for.");
    dot_legend(b, row, n, NULL);
    svg_dot_rows(b, row, n, "ΔR² (share of variance)", "ΔR² by region");
    html_figure_end(b);
    free(row);
    return 0;
}

int figure_difference(buffer *b, const report_view *v, const char *target, err *e)
{
    const char *reference = finding_reference(v->r), *difference = finding_difference(v->r);
    char title[200], label[340];
    dot_row *row;
    size_t n;
    if (!difference || finding_row(v->r, difference, "nested", NULL, target, v->roi, "delta_r2") == SIZE_MAX) return 0;
    if (figure_rows(&row, &n, v, target, e)) return -1;
    for (size_t i = 0; i < n; i++) add_mark(&row[i], v, difference, target, MARK_CIRCLE, "s1");
    snprintf(label, sizeof label, "ΔR² of %.140s - ΔR² of %.140s (share of variance)", v->model, reference);
    snprintf(title, sizeof title, "The difference to %.140s.", reference);
    html_figure_begin(b, title, "%s; the same subjects and blocks are left out for both%s.", target_words(v->r, target),
                      finding_seeds_are_reference(v->r) ? ", and the mean over the sets is taken off" : "");
    dot_legend(b, row, n, NULL);
    svg_dot_rows(b, row, n, label, "difference of ΔR² by region");
    html_figure_end(b);
    free(row);
    return 0;
}
