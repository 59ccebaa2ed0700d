/* SPDX-License-Identifier: MIT */
/* What was left out and why, and what a reader should know. */
#include <math.h>
#include <stdlib.h>

#include "finding.h"
#include "html.h"
#include "parts.h"

static void row(buffer *b, const char *what, const char *reason)
{
    buffer_text(b, "<tr>");
    html_cell(b, what);
    html_cell(b, reason);
    buffer_text(b, "</tr>\n");
}

static bool said_before(const encoding_views *x, size_t file, size_t k)
{
    for (size_t i = 0; i < file; i++)
        for (size_t j = 0; j < x->at[i].n_excluded; j++)
            if (str_same(x->at[i].excluded[j], x->at[file].excluded[k]) && str_same(x->at[i].reason[j], x->at[file].reason[k])) return true;
    return false;
}

static void exclusions(buffer *b, const encoding_views *x)
{
    size_t n = 0, all = 0;
    for (size_t i = 0; i < x->n; i++)
        for (size_t k = 0; k < x->at[i].n_excluded; k++) all += !said_before(x, i, k);
    if (!all) {
        buffer_text(b, "<p>No subject and no response was excluded.</p>\n");
        return;
    }
    if (all > 12) html_fold_begin(b, "Excluded: %zu", all);
    html_table_begin(b, "excluded|reason");
    for (size_t i = 0; i < x->n; i++)
        for (size_t k = 0; k < x->at[i].n_excluded; k++)
            if (!said_before(x, i, k) && n++ < 2000) row(b, x->at[i].excluded[k], x->at[i].reason[k]);
    html_table_end(b);
    if (all > 12) html_fold_end(b);
}

int part_excluded(buffer *b, const report_view *v, const report_inputs *in, err *e)
{
    const score_rows *r = v->r;
    size_t first = finding_row(r, v->model, "nested", NULL, v->target, v->roi, "delta_r2");
    (void)in;
    (void)e;
    buffer_text(b, "<h2>What was left out, and what to know</h2>\n");
    exclusions(b, v->x);
    buffer_text(b, "<ul>\n");
    for (size_t i = 0; i < r->n_warnings; i++) {
        buffer_text(b, "<li>");
        html_text(b, r->warning[i]);
        buffer_text(b, "</li>\n");
    }
    buffer_text(b, "<li>ΔR² of features that carry nothing is below zero, since a fit to noise costs something: a small negative value is "
                   "no evidence against unique variance, a small positive one none for it.</li>\n");
    if (first != SIZE_MAX && isnan(r->lo[first]))
        buffer_text(b, "<li>No interval was asked for: <code>broca encode --jackknife</code> leaves blocks of the stimulus out and fits "
                       "again.</li>\n");
    if (first != SIZE_MAX && isnan(r->p[first]))
        buffer_text(b, "<li>No null was asked for: <code>broca encode --null</code> fits rotated or permuted responses; without it there is "
                       "no p.</li>\n");
    buffer_text(b, "</ul>\n");
    return 0;
}
