/* SPDX-License-Identifier: MIT */
/* In which order figures and tables list the regions: the first sentence's, then the rest of the file's. */
#include <stdlib.h>

#include "figures.h"

int figure_rois(const char ***list, size_t *n, const report_view *v, const char *target, err *e)
{
    char **all = NULL;
    size_t m = 0, k = 0;
    if (score_distinct(&all, &m, v->r, v->r->roi, target, e)) return -1;
    const char **out = mem_new(m + 1, sizeof *out, e);
    if (out) {
        for (size_t i = 0; i < m; i++)
            if (str_same(all[i], v->roi)) out[k++] = all[i];
        for (size_t i = 0; i < m; i++)
            if (str_same(all[i], "average") && !str_same(v->roi, "average")) out[k++] = all[i];
        for (size_t i = 0; i < m; i++)
            if (!str_same(all[i], v->roi) && !str_same(all[i], "average")) out[k++] = all[i];
    }
    free(all);
    *list = out;
    *n = k;
    return out ? 0 : -1;
}

int figure_rows(dot_row **row, size_t *n, const report_view *v, const char *target, err *e)
{
    const char **rois = NULL;
    if (figure_rois(&rois, n, v, target, e)) return -1;
    *row = mem_new(*n, sizeof **row, e);
    for (size_t i = 0; *row && i < *n; i++) (*row)[i].name = rois[i];
    free(rois);
    return *row ? 0 : -1;
}
