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
    size_t row = model ? finding_row(v->r, model, "nested", NULL, target, roi, "delta_r2") : SIZE_MAX;
    if (row == SIZE_MAX) return (dot_mark){ shape, css, model, NAN, NAN, NAN, NULL };
    return (dot_mark){ shape, css, model, v->r->value[row], v->r->lo[row], v->r->hi[row], v->r->interval[row] };
}

static dot_row row_of(const report_view *v, const char *target, const char *roi)
{
    dot_row row = { .name = roi, .n = 1, .mark = { mark_of(v, v->model, target, roi, MARK_CIRCLE, "s1") } };
    if (v->reference) row.mark[row.n++] = mark_of(v, v->reference, target, roi, MARK_TRIANGLE, "s5");
    if (v->seeds) row.mark[row.n++] = mark_of(v, v->seeds, target, roi, MARK_DIAMOND, "s2");
    return row;
}

int figure_delta(buffer *b, const report_view *v, const char *target, err *e)
{
    const char **rois = NULL;
    dot_row *row = NULL;
    size_t n;
    int status = -1;
    if (finding_row(v->r, v->model, "nested", NULL, target, v->roi, "delta_r2") == SIZE_MAX) return 0;
    if (figure_rois(&rois, &n, v, target, e) || !(row = mem_new(n, sizeof *row, e))) goto done;
    for (size_t i = 0; i < n; i++)
        row[i] = row_of(v, target, rois[i]);
    bool interval = !isnan(row[0].mark[0].lo);
    html_figure_begin(b, "What the model adds to the baseline.", "%s; layer chosen inside the training data of each fold.%s",
                      target_words(v->r, target), interval ? "" : " No interval was asked for.");
    dot_legend(b, row, n, NULL);
    svg_dot_rows(b, row, n, "ΔR² (share of variance)", "ΔR² by region");
    html_figure_end(b);
    status = 0;
done:
    free(rois);
    free(row);
    return status;
}

int figure_difference(buffer *b, const report_view *v, const char *target, err *e)
{
    const char **rois = NULL, *reference = finding_reference(v->r);
    char name[300], label[340];
    dot_row *row = NULL;
    size_t n;
    int status = -1;
    snprintf(name, sizeof name, "%.140s - %.140s", v->model, reference ? reference : "");
    snprintf(label, sizeof label, "ΔR² of %.140s - ΔR² of %.140s (share of variance)", v->model, reference ? reference : "");
    if (!reference || finding_row(v->r, name, "nested", NULL, target, v->roi, "delta_r2") == SIZE_MAX) return 0;
    if (figure_rois(&rois, &n, v, target, e) || !(row = mem_new(n, sizeof *row, e))) goto done;
    for (size_t i = 0; i < n; i++) row[i] = (dot_row){ .name = rois[i], .n = 1, .mark = { mark_of(v, name, target, rois[i], MARK_CIRCLE, "s1") } };
    char title[200];
    snprintf(title, sizeof title, "The difference to %.140s.", reference);
    html_figure_begin(b, title, "%s; the same subjects and blocks are left out for both%s.", target_words(v->r, target),
                      finding_seeds_are_reference(v->r) ? ", and the mean over the sets is taken off" : "");
    dot_legend(b, row, n, NULL);
    svg_dot_rows(b, row, n, label, "difference of ΔR² by region");
    html_figure_end(b);
    status = 0;
done:
    free(rois);
    free(row);
    return status;
}
