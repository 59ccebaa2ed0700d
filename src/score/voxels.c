/* SPDX-License-Identifier: MIT */
/* Every neuroid a member of one family (METHODS 5.8). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inference.h"

static void *kept(scores *out, const void *from, size_t bytes, err *e)
{
    void *to = arena_get(out->memory, bytes + 1, e);
    if (to) memcpy(to, from, bytes);
    return to;
}

static const char *const *kept_texts(scores *out, char *const *texts, size_t n, err *e)
{
    const char **to = arena_get(out->memory, (n + 1) * sizeof *to, e);
    for (size_t j = 0; to && j < n; j++)
        if (!(to[j] = arena_text(out->memory, texts[j], strlen(texts[j]), e))) return NULL;
    return to;
}

/* nulls [n_null×m] of the neuroids that are used. */
static int fill(double *p, double *p_max, double *q, const encoding *x, const double *values, const double *null, err *e)
{
    size_t m = 0, *at = mem_new(x->v + 1, sizeof *at, e);
    double *nulls = mem_new(x->n_null * x->v + 1, sizeof *nulls, e), *observed = mem_new(2 * x->v + 1, sizeof *observed, e);
    int status = at && nulls && observed ? 0 : -1;
    for (size_t j = 0; j < x->v && !status; j++) {
        p[j] = p_max[j] = q[j] = NAN;
        if (x->use[j]) at[m++] = j;
    }
    for (size_t j = 0; j < m && !status; j++) {
        observed[j] = values[at[j]];
        for (size_t k = 0; k < x->n_null; k++) nulls[k * m + j] = null[k * x->v + at[j]];
        p[at[j]] = permutation_p(observed[j], null + at[j], x->n_null, x->v, TAIL_GREATER);
    }
    if (!status) status = benjamini_hochberg(p, x->v, q, e) || permutation_max_p(observed + m, observed, m, nulls, x->n_null, e) ? -1 : 0;
    for (size_t j = 0; j < m && !status; j++) p_max[at[j]] = observed[m + j];
    if (!status && x->n_null < 20 * m)
        log_warn("%zu null responses for a family of %zu neuroids: a lone discovery needs 20 times as many (p is at least %.2g)", x->n_null, m,
                 1 / (1 + (double)x->n_null));
    free(at);
    free(nulls);
    free(observed);
    return status;
}

int score_voxel_family(scores *out, const encoding *x, const score_label *label, const double *values, const double *null, err *e)
{
    size_t bytes = x->v * sizeof(double);
    void *list = out->voxels;
    double *p = arena_get(out->memory, bytes + 1, e), *p_max = arena_get(out->memory, bytes + 1, e), *q = arena_get(out->memory, bytes + 1, e);
    if (!p || !p_max || !q || fill(p, p_max, q, x, values, null, e) || mem_grow(&list, out->n_voxels + 1, sizeof *out->voxels, e)) return -1;
    out->voxels = list;
    score_voxels *to = &out->voxels[out->n_voxels];
    *to = (score_voxels){ .model = arena_text(out->memory, label->model, strlen(label->model), e), .kind = label->kind,
                          .target = x->group ? "group" : "single", .measure = label->measure, .n = x->v, .n_null = x->n_null,
                          .subject = kept_texts(out, x->subject_text, x->v, e), .roi = kept_texts(out, x->roi_text, x->v, e),
                          .value = kept(out, values, bytes, e), .p = p, .p_max = p_max, .q = q };
    if (!to->model || !to->subject || !to->roi || !to->value) return -1;
    out->n_voxels++;
    return 0;
}
