/* SPDX-License-Identifier: MIT */
/* Models that differ in their seed alone (untrained.s1, untrained.s2, ...): mean and range stand beside the trained
 * model. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

typedef struct {
    const score_row *row;
    size_t stem;  /* length of NAME in NAME.sN */
    size_t place; /* of the row; of a group, that of its first row */
} entry;

/* Length of NAME in NAME.sN, or 0. */
static size_t stem(const char *model)
{
    const char *dot = strrchr(model, '.');
    if (!dot || dot == model || dot[1] != 's' || !dot[2]) return 0;
    return strspn(dot + 2, "0123456789") == strlen(dot + 2) ? (size_t)(dot - model) : 0;
}

/* 0 for rows that differ in the seed alone. */
static int compare(const entry *x, const entry *y)
{
    const score_row *a = x->row, *b = y->row;
    int order = (x->stem > y->stem) - (x->stem < y->stem);
    if (!order) order = memcmp(a->model, b->model, x->stem);
    if (!order) order = strcmp(a->subject, b->subject);
    if (!order) order = strcmp(a->layer, b->layer);
    if (!order) order = strcmp(a->roi, b->roi);
    if (!order) order = strcmp(a->measure, b->measure);
    if (!order) order = strcmp(a->kind, b->kind);
    if (!order) order = strcmp(a->target, b->target);
    return order;
}

static int by_key(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int order = compare(x, y);
    return order ? order : (x->place > y->place) - (x->place < y->place);
}

typedef struct {
    score_row row;
    size_t place;
} summary;

static int by_place(const void *a, const void *b)
{
    const summary *x = a, *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

static score_row summarise(const entry *list, size_t n)
{
    double sum = 0, ratios = 0;
    score_row row = *list[0].row;
    row.lo = INFINITY;
    row.hi = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        sum += list[i].row->value;
        ratios += list[i].row->normalised; /* NaN for all seeds or for none: their ceiling is the same */
        row.lo = fmin(row.lo, list[i].row->value);
        row.hi = fmax(row.hi, list[i].row->value);
    }
    row.value = sum / (double)n;
    row.normalised = ratios / (double)n;
    row.n = n;
    row.interval = "range over seeds";
    row.null = "";
    row.bca_lo = row.bca_hi = row.p = row.null_mean = row.p_max = row.q = row.p_t = row.p_flip = NAN;
    return row;
}

int score_seeds(scores *out, err *e)
{
    int status = -1;
    size_t n = 0, groups = 0;
    entry *list = mem_new(out->n_rows, sizeof *list, e);
    summary *made = mem_new(out->n_rows, sizeof *made, e);
    if (!list || !made) goto done;
    for (size_t i = 0; i < out->n_rows; i++) {
        size_t length = stem(out->rows[i].model);
        if (length) list[n++] = (entry){ &out->rows[i], length, i };
    }
    qsort(list, n, sizeof *list, by_key);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && compare(&list[i], &list[j]) == 0; j++) {
        }
        if (j - i < 2) continue;
        made[groups] = (summary){ summarise(list + i, j - i), list[i].place };
        made[groups].row.model = arena_text(out->memory, list[i].row->model, list[i].stem, e);
        if (!made[groups++].row.model) goto done;
    }
    qsort(made, groups, sizeof *made, by_place);
    for (size_t i = 0; i < groups; i++)
        if (score_add(out, &made[i].row, e)) goto done;
    status = 0;
done:
    free(list);
    free(made);
    return status;
}
