/* SPDX-License-Identifier: MIT */
/* The product of kind `scores`, and the table beside it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "parts.h"

typedef struct {
    const char *name;
    size_t offset;
    char type; /* t: text, f: number, n: count */
} column;

static const column columns[] = {
    { "model", offsetof(score_row, model), 't' },
    { "layer", offsetof(score_row, layer), 't' },
    { "kind", offsetof(score_row, kind), 't' },
    { "target", offsetof(score_row, target), 't' },
    { "roi", offsetof(score_row, roi), 't' },
    { "subject", offsetof(score_row, subject), 't' },
    { "measure", offsetof(score_row, measure), 't' },
    { "value", offsetof(score_row, value), 'f' },
    { "ceiling", offsetof(score_row, ceiling), 'f' },
    { "normalised", offsetof(score_row, normalised), 'f' },
    { "lo", offsetof(score_row, lo), 'f' },
    { "hi", offsetof(score_row, hi), 'f' },
    { "p", offsetof(score_row, p), 'f' },
    { "n", offsetof(score_row, n), 'n' },
    { "bca_lo", offsetof(score_row, bca_lo), 'f' },
    { "bca_hi", offsetof(score_row, bca_hi), 'f' },
    { "null", offsetof(score_row, null), 't' },
    { "null_mean", offsetof(score_row, null_mean), 'f' },
    { "p_max", offsetof(score_row, p_max), 'f' },
    { "q", offsetof(score_row, q), 'f' },
    { "p_t", offsetof(score_row, p_t), 'f' },
    { "p_flip", offsetof(score_row, p_flip), 'f' },
    { "interval", offsetof(score_row, interval), 't' },
    { "units", offsetof(score_row, units), 't' },
    { "baseline", offsetof(score_row, baseline), 't' },
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static const void *cell(const score_row *row, const column *c)
{
    return (const char *)row + c->offset;
}

static int put_column(store *s, const scores *x, const column *c, err *e)
{
    int status = -1;
    size_t n = x->n_rows;
    char *name = str_format(e, "/row/%s", c->name);
    const char **text = mem_new(n, sizeof *text, e);
    double *number = mem_new(n, sizeof *number, e);
    int64_t *count = mem_new(n, sizeof *count, e);
    if (!name || !text || !number || !count) goto done;
    for (size_t i = 0; i < n; i++) {
        const void *at = cell(&x->rows[i], c);
        if (c->type == 't') text[i] = *(const char *const *)at;
        if (c->type == 'f') number[i] = *(const double *)at;
        if (c->type == 'n') count[i] = (int64_t) * (const size_t *)at;
    }
    status = c->type == 't'   ? store_write_text(s, name, text, n, e)
             : c->type == 'f' ? store_write_f8(s, name, 1, &n, number, e)
                              : store_write_i8(s, name, 1, &n, count, e);
done:
    free(name);
    free(text);
    free(number);
    free(count);
    return status;
}

static int put_texts(store *s, const char *name, const void *first, size_t stride, size_t n, err *e)
{
    const char **text = mem_new(n, sizeof *text, e);
    int status;
    if (!text) return -1;
    for (size_t i = 0; i < n; i++)
        text[i] = *(const char *const *)((const char *)first + i * stride);
    status = store_write_text(s, name, text, n, e);
    free(text);
    return status;
}

static int put_counts(store *s, const char *name, const void *first, size_t stride, size_t n, err *e)
{
    int64_t *count = mem_new(n, sizeof *count, e);
    int status;
    if (!count) return -1;
    for (size_t i = 0; i < n; i++)
        count[i] = (int64_t) * (const size_t *)(const void *)((const char *)first + i * stride);
    status = store_write_i8(s, name, 1, &n, count, e);
    free(count);
    return status;
}

static int put_choices(store *s, const scores *x, err *e)
{
    const score_choice *c = x->choices;
    const score_oracle *o = x->oracles;
    size_t n = x->n_choices, m = x->n_oracles;
    if (n > 0 && (put_texts(s, "/choice/model", &c->model, sizeof *c, n, e) ||
                  put_texts(s, "/choice/kind", &c->kind, sizeof *c, n, e) ||
                  put_texts(s, "/choice/target", &c->target, sizeof *c, n, e) ||
                  put_texts(s, "/choice/subject", &c->subject, sizeof *c, n, e) ||
                  put_counts(s, "/choice/fold", &c->fold, sizeof *c, n, e) ||
                  put_texts(s, "/choice/layer", &c->layer, sizeof *c, n, e)))
        return -1;
    if (m > 0 &&
        (put_texts(s, "/oracle/model", &o->model, sizeof *o, m, e) ||
         put_texts(s, "/oracle/kind", &o->kind, sizeof *o, m, e) ||
         put_texts(s, "/oracle/target", &o->target, sizeof *o, m, e) ||
         put_texts(s, "/oracle/layer", &o->layer, sizeof *o, m, e) ||
         put_counts(s, "/oracle/searched", &o->searched, sizeof *o, m, e) ||
         store_set_text(s, "/oracle", "note", "best layer on test data, for comparison; no score rests on it", e)))
        return -1;
    return 0;
}

static int put_nulls(store *s, const scores *x, err *e)
{
    size_t most = 0, n = x->n_nulls;
    for (size_t i = 0; i < n; i++) most = x->nulls[i].n > most ? x->nulls[i].n : most;
    if (!n) return 0;
    double *value = mem_new(n * most + 1, sizeof *value, e);
    const size_t dims[2] = { n, most };
    if (!value) return -1;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < most; k++) value[i * most + k] = k < x->nulls[i].n ? x->nulls[i].value[k] : NAN;
    int status = put_counts(s, "/null/row", &x->nulls->row, sizeof *x->nulls, n, e) || store_write_f8(s, "/null/value", 2, dims, value, e) ? -1 : 0;
    free(value);
    return status;
}

static int put_voxels(store *s, const scores *x, err *e)
{
    for (size_t i = 0; i < x->n_voxels; i++) {
        const score_voxels *v = &x->voxels[i];
        const struct { const char *name; const double *at; } list[] = { { "value", v->value }, { "p", v->p }, { "p_max", v->p_max }, { "q", v->q } };
        char name[512];
        for (size_t k = 0; k < 4; k++) {
            snprintf(name, sizeof name, "/voxel/%.200s.%s/%s/%s", v->model, v->target, v->measure, list[k].name);
            if (store_write_f8(s, name, 1, &v->n, list[k].at, e)) return -1;
        }
        snprintf(name, sizeof name, "/voxel/%.200s.%s/%s/subject", v->model, v->target, v->measure);
        if (store_write_text(s, name, v->subject, v->n, e)) return -1;
        snprintf(name, sizeof name, "/voxel/%.200s.%s/%s/roi", v->model, v->target, v->measure);
        if (store_write_text(s, name, v->roi, v->n, e)) return -1;
    }
    return 0;
}

int scores_put(store *s, const scores *x, const score_options *o, err *e)
{
    const char *how = o->aggregate == AGGREGATE_SUBJECT  ? "subject"
                      : o->aggregate == AGGREGATE_MEDIAN ? "median"
                                                         : "pooled";
    for (size_t k = 0; k < COLUMNS; k++)
        if (put_column(s, x, &columns[k], e)) return -1;
    if (put_choices(s, x, e) || put_nulls(s, x, e) || put_voxels(s, x, e)) return -1;
    if (store_set_text(s, "/", "family", o->family == FAMILY_ROI ? "roi" : "voxel", e)) return -1;
    return store_set_text(s, "/", "aggregate", how, e) || store_set_text(s, "/", "layer", o->layer, e) ||
                   store_set_int(s, "/", "n_nan", (int64_t)x->n_nan, e) ||
                   store_set_text(s, "/", "pooling",
                                  x->exact_pooling ? "sums of squares over folds" : "mean of the folds' R2", e)
               ? -1
               : 0;
}

int scores_tsv(const scores *x, const char *path, err *e)
{
    int status = -1;
    buffer b = { 0 };
    for (size_t k = 0; k < COLUMNS; k++)
        buffer_printf(&b, "%s%s", k ? "\t" : "", columns[k].name);
    buffer_text(&b, "\n");
    for (size_t i = 0; i < x->n_rows; i++)
        for (size_t k = 0; k < COLUMNS; k++) {
            const void *at = cell(&x->rows[i], &columns[k]);
            if (columns[k].type == 't') tsv_text(&b, *(const char *const *)at);
            if (columns[k].type == 'f') tsv_number(&b, *(const double *)at);
            if (columns[k].type == 'n') buffer_printf(&b, "%zu", *(const size_t *)at);
            buffer_text(&b, k + 1 < COLUMNS ? "\t" : "\n");
        }
    if (!buffer_ok(&b, e)) status = atomic_write(path, b.at, b.size, e);
    free(b.at);
    return status;
}
