/* SPDX-License-Identifier: MIT */
/* What the clusters of each sheet respond to, from items that did not make them: the largest ones of a file, a row
 * each. */
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "network.h"

enum { MOST_ROWS = 16, CONDITIONS = 4 };

/* Rows of a file's /profile from `first` that belong to one set of units. */
static size_t same_units(const map_file *f, size_t first)
{
    size_t n = 1;
    while (first + n < f->profile.n && str_same(f->profile.tap[first], f->profile.tap[first + n]) &&
           f->profile.sign[first] == f->profile.sign[first + n] &&
           f->profile.cluster[first] == f->profile.cluster[first + n])
        n++;
    return n;
}

typedef struct {
    size_t first, n;
    int32_t units;
} entry;

static int by_size(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->units != y->units) return x->units > y->units ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

static int by_place(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

static size_t clusters_of(entry *list, const map_file *f)
{
    size_t n = 0;
    for (size_t i = 0, rows; i < f->profile.n; i += rows) {
        rows = same_units(f, i);
        if (f->profile.sign[i]) list[n++] = (entry){ i, rows, f->profile.units[i] };
    }
    return n;
}

static int one_file(buffer *b, const map_file *f, err *e)
{
    entry *list = mem_new(f->profile.n, sizeof *list, e);
    dot_row row[MOST_ROWS];
    char name[MOST_ROWS][80];
    if (!list) return -1;
    size_t all = clusters_of(list, f), n = all < MOST_ROWS ? all : MOST_ROWS;
    qsort(list, all, sizeof *list, by_size);
    qsort(list, n, sizeof *list, by_place);
    for (size_t i = 0; i < n; i++) {
        size_t at = list[i].first;
        snprintf(name[i], sizeof name[i], "%.30s %s%d (%d)", f->profile.tap[at], f->profile.sign[at] > 0 ? "+" : "−",
                 f->profile.cluster[at], f->profile.units[at]);
        row[i] = (dot_row){ .name = name[i], .n = list[i].n < CONDITIONS ? list[i].n : CONDITIONS };
        for (size_t c = 0; c < row[i].n; c++)
            row[i].mark[c] = condition_mark(c, f->profile.condition[at + c], f->profile.mean[at + c],
                                            f->profile.lo[at + c], f->profile.hi[at + c]);
    }
    if (n) {
        html_figure_begin(
            b, f->label,
            "What its clusters respond to: sign of t and number of the cluster, its units in brackets%s; bars: 95 %% intervals over items.%s",
            n < all ? "; the largest ones" : "",
            str_same(f->layout, "given") ? "" : " The layout is not the model’s own.");
        dot_legend(b, row, n, NULL);
        svg_dot_rows(b, row, n, "mean response (z)", "response profiles of clusters");
        html_figure_end(b);
    }
    free(list);
    return 0;
}

int part_clusters(buffer *b, const map_file *f, size_t n, err *e)
{
    bool any = false;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < f[i].profile.n; k++)
            any = any || f[i].profile.sign[k];
    if (!any) return 0;
    buffer_text(b, "<h3>What clusters respond to</h3>\n<p>Clusters grow on the t map of one half of the items (units "
                   "that are significant by the same rule, "
                   "neighbours on the sheet); the response of a cluster is the mean over its units, each z-scored, to "
                   "the other half.</p>\n<div class=\"grid\">\n");
    for (size_t i = 0; i < n; i++)
        if (one_file(b, &f[i], e)) return -1;
    buffer_text(b, "</div>\n");
    return 0;
}
