/* SPDX-License-Identifier: MIT */
/* Every subject a point: what the model adds to the baseline in each. */
#include <math.h>
#include <stdlib.h>

#include "dots.h"
#include "figures.h"
#include "finding.h"
#include "html.h"

static bool is_of(const score_rows *r, size_t i, const char *model, const char *roi)
{
    return str_same(r->model[i], model) && str_same(r->layer[i], "nested") && str_same(r->target[i], "single") &&
           str_same(r->roi[i], roi) && str_same(r->measure[i], "delta_r2") && !str_same(r->subject[i], "all");
}

static int add_points(dot_row *row, const report_view *v, const char *roi, arena *a, err *e)
{
    size_t n = 0;
    for (size_t i = 0; i < v->r->n; i++) n += is_of(v->r, i, v->model, roi);
    double *value = arena_get(a, (n + 1) * sizeof *value, e);
    const char **name = arena_get(a, (n + 1) * sizeof *name, e);
    if (!value || !name) return -1;
    for (size_t i = 0; i < v->r->n; i++) {
        if (!is_of(v->r, i, v->model, roi)) continue;
        value[row->n_points] = v->r->value[i];
        name[row->n_points++] = v->r->subject[i];
    }
    row->point = value;
    row->point_name = name;
    return 0;
}

int figure_subjects(buffer *b, const report_view *v, err *e)
{
    dot_row *row = NULL;
    arena *a = arena_new(e);
    size_t n, subjects = 0;
    int status = -1;
    if (!a || figure_rows(&row, &n, v, "single", e)) goto done;
    for (size_t i = 0; i < n; i++) {
        size_t all = finding_row(v->r, v->model, "nested", NULL, "single", row[i].name, "delta_r2");
        row[i].n = 1;
        row[i].mark[0] = all == SIZE_MAX ? (dot_mark){ MARK_CIRCLE, "s1", "mean over subjects", NAN, NAN, NAN, NULL }
                                         : (dot_mark){ MARK_CIRCLE, "s1", "mean over subjects", v->r->value[all], v->r->lo[all],
                                                       v->r->hi[all], v->r->interval[all] };
        if (add_points(&row[i], v, row[i].name, a, e)) goto done;
        subjects = row[i].n_points > subjects ? row[i].n_points : subjects;
    }
    status = 0;
    if (subjects < 2) goto done;
    html_figure_begin(b, "Every subject.", "What the model adds to the baseline in each of %zu subjects; layer chosen inside the training "
                                           "data of each.", subjects);
    dot_legend(b, row, n, "one subject");
    svg_dot_rows(b, row, n, "ΔR² (share of variance)", "ΔR² of every subject");
    html_figure_end(b);
done:
    free(row);
    arena_free(a);
    return status;
}
