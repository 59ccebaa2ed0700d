/* SPDX-License-Identifier: MIT */
/* Models that differ in their seed alone (untrained.s1, untrained.s2, ...): mean and range stand beside the trained model. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

/* Length of NAME in NAME.sN, or 0. */
static size_t stem(const char *model)
{
    const char *dot = strrchr(model, '.');
    if (!dot || dot == model || dot[1] != 's' || !dot[2]) return 0;
    return strspn(dot + 2, "0123456789") == strlen(dot + 2) ? (size_t)(dot - model) : 0;
}

static bool same_place(const score_row *a, const score_row *b, size_t length)
{
    return stem(b->model) == length && memcmp(a->model, b->model, length) == 0 && str_same(a->layer, b->layer) &&
           str_same(a->kind, b->kind) && str_same(a->target, b->target) && str_same(a->roi, b->roi) &&
           str_same(a->subject, b->subject) && str_same(a->measure, b->measure);
}

static int summarise(scores *out, size_t first, uint8_t *taken, size_t rows, err *e)
{
    size_t length = stem(out->rows[first].model), n = 0, with_ratio = 0;
    double sum = 0, ratios = 0, lo = INFINITY, hi = -INFINITY;
    for (size_t i = first; i < rows; i++) {
        if (taken[i] || !same_place(&out->rows[first], &out->rows[i], length)) continue;
        const score_row *r = &out->rows[i];
        taken[i] = 1;
        n++;
        sum += r->value;
        lo = fmin(lo, r->value);
        hi = fmax(hi, r->value);
        if (isnan(r->normalised)) continue;
        ratios += r->normalised;
        with_ratio++;
    }
    if (n < 2) return 0;
    score_row row = out->rows[first];
    char *name = str_format(e, "%.*s", (int)length, row.model);
    if (!name) return -1;
    row.model = name;
    row.value = sum / (double)n;
    row.normalised = with_ratio == n ? ratios / (double)n : NAN;
    row.lo = lo;
    row.hi = hi;
    row.n = n;
    row.interval = "range over seeds";
    int status = score_add(out, &row, e);
    free(name);
    return status;
}

int score_seeds(scores *out, err *e)
{
    int status = 0;
    size_t rows = out->n_rows;
    uint8_t *taken = mem_new(rows, 1, e);
    if (!taken) return -1;
    for (size_t i = 0; i < rows && status == 0; i++)
        if (!taken[i] && stem(out->rows[i].model)) status = summarise(out, i, taken, rows, e);
    free(taken);
    return status;
}
