/* SPDX-License-Identifier: MIT */
/* Strict, or what a paper's code did: named on every page, with what differs (METHODS "Modes", 3.13, 12). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "parts.h"

static const char strict[] = "test data are separated from training data in time or by groups of items; layer, penalties and weights of bands are "
                             "chosen on training data alone; a baseline, untrained networks and a ceiling of the same folds and target stand "
                             "beside the score.";

void part_mode(buffer *b, const report_view *v)
{
    const encoding_view *x = encoding_view_of(v->x, v->target);
    if (!x) return;
    buffer_text(b, "<p class=\"mode\"><b>Mode: ");
    if (str_begins(x->mode, "replicate:")) {
        html_text(b, x->mode);
        buffer_text(b, ".</b> This repeats what a published code did, to compare with its figures. What differs from strict: ");
        html_text(b, x->differs);
        buffer_text(b, ".</p>\n");
        return;
    }
    buffer_text(b, "strict.</b> What differs from common practice: ");
    html_text(b, strict);
    if (str_begins(x->folds_text, "random")) buffer_text(b, " <b>But the folds are random, by the user's wish: neighbours of test items are in training.</b>");
    buffer_text(b, "</p>\n");
}

/* ---- what a paper's code reads on the same responses ---- */

static void mean_line(buffer *b, const encoding_view *x, const char *shown, const encoded_part *const *part, size_t n)
{
    buffer_text(b, "<tr>");
    html_cell(b, shown);
    for (size_t j = 0; j < x->v; j++) {
        double sum = 0;
        for (size_t k = 0; k < n; k++) sum += part[k]->r ? part[k]->r[j] : NAN;
        html_number(b, sum / (double)n, 3);
    }
    buffer_text(b, "</tr>\n");
}

/* "untrained.s3:h.0" and so on: all seeds of one layer as one line. */
static int seed_lines(buffer *b, const encoding_view *x, const char *seeds, err *e)
{
    const encoded_part **of = mem_new(x->n_parts, sizeof *of, e);
    size_t stem = strlen(seeds);
    if (!of) return -1;
    for (size_t i = 0; i < x->n_parts; i++) {
        const char *name = x->parts[i].name, *tap = strchr(name, ':');
        size_t n = 0;
        char shown[300];
        if (!tap || strncmp(name, seeds, stem) || name[stem] != '.') continue;
        bool first = true;
        for (size_t k = 0; k < x->n_parts; k++) {
            const char *other = strchr(x->parts[k].name, ':');
            if (!other || strncmp(x->parts[k].name, seeds, stem) || x->parts[k].name[stem] != '.' || !str_same(other, tap)) continue;
            first = first && k >= i;
            of[n++] = &x->parts[k];
        }
        if (!first) continue;
        snprintf(shown, sizeof shown, "%.150s%.100s, mean of %zu seeds", seeds, tap, n);
        mean_line(b, x, shown, of, n);
    }
    free(of);
    return 0;
}

/* Few neuroids, as regions: a column each; of many only that they are there. */
static int one_replicate(buffer *b, const report_view *v, const encoding_view *x, err *e)
{
    buffer_text(b, "<h3>Mode ");
    html_text(b, x->mode);
    buffer_text(b, "</h3>\n<p>The same features and responses as that paper's code would have them, to compare with its figures; not to be put in one "
                   "column with those above. Folds: ");
    html_text(b, x->folds_text);
    buffer_text(b, ". What differs from strict: ");
    html_text(b, x->differs);
    buffer_text(b, ".</p>\n");
    if (x->v > 24) return 0;
    buffer text = { 0 };
    buffer_text(&text, "features");
    for (size_t j = 0; j < x->v; j++) buffer_printf(&text, "|#%s", x->roi[j]);
    if (!text.failed) html_table_begin(b, text.at);
    for (size_t i = 0; i < x->n_parts; i++) {
        const encoded_part *p = &x->parts[i];
        if (v->seeds && strncmp(p->name, v->seeds, strlen(v->seeds)) == 0 && p->name[strlen(v->seeds)] == '.') continue;
        mean_line(b, x, p->name, &(const encoded_part *){ p }, 1);
    }
    int status = v->seeds ? seed_lines(b, x, v->seeds, e) : 0;
    html_table_end(b);
    buffer_text(b, "<p class=\"note\">r: correlation, mean over test folds.</p>\n");
    free(text.at);
    return status;
}

int part_replicates(buffer *b, const report_view *v, const encoding_views *x, err *e)
{
    for (size_t i = 0; i < x->n; i++) {
        if (!i) buffer_text(b, "<h2>Beside it: what a published code reads</h2>\n");
        if (one_replicate(b, v, &x->at[i], e)) return -1;
    }
    return 0;
}
