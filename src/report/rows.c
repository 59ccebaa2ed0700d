/* SPDX-License-Identifier: MIT */
#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void score_rows_free(score_rows *r)
{
    if (!r) return;
    free(r->null_row);
    free(r->null_value);
    arena_free(r->memory);
    free(r);
}

static int read_warnings(store *s, score_rows *r, err *e)
{
    store_shape_t shape;
    if (!store_has(s, "warnings")) return 0;
    if (store_shape(s, "warnings", &shape, e)) return -1;
    r->n_warnings = shape.dims[0];
    return store_column_text(s, "warnings", r->n_warnings, r->memory, &r->warning, e);
}

static int length_of(store *s, const char *name, size_t *n, err *e)
{
    store_shape_t shape;
    *n = 0;
    if (!store_has(s, name)) return 0;
    if (store_shape(s, name, &shape, e)) return -1;
    *n = shape.dims[0];
    return 0;
}

/* Columns that a file without intervals and nulls does not hold. */
static int optional_column(double **out, store *s, score_rows *r, const char *name, err *e)
{
    if (!(*out = arena_get(r->memory, (r->n + 1) * sizeof **out, e))) return -1;
    for (size_t i = 0; i < r->n; i++) (*out)[i] = NAN;
    return store_column_f8(s, name, r->n, r->memory, out, e);
}

static int read_inference(store *s, score_rows *r, err *e)
{
    const struct {
        const char *name;
        double **to;
    } list[] = { { "row/bca_lo", &r->bca_lo }, { "row/bca_hi", &r->bca_hi }, { "row/null_mean", &r->null_mean }, { "row/p_max", &r->p_max },
                 { "row/q", &r->q },           { "row/p_t", &r->p_t },       { "row/p_flip", &r->p_flip } };
    for (size_t k = 0; k < sizeof list / sizeof *list; k++)
        if (optional_column(list[k].to, s, r, list[k].name, e)) return -1;
    static char none[1] = "";
    if (!(r->null = arena_get(r->memory, (r->n + 1) * sizeof *r->null, e))) return -1;
    for (size_t i = 0; i < r->n; i++) r->null[i] = none;
    return store_column_text(s, "row/null", r->n, r->memory, &r->null, e);
}

static int read_null_values(store *s, score_rows *r, const char *path, err *e)
{
    store_shape_t shape;
    size_t rows, values;
    if (!store_has(s, "null/value")) return 0;
    if (store_shape(s, "null/value", &shape, e) || store_read_i8(s, "null/row", &r->null_row, &rows, e) ||
        store_read_f8(s, "null/value", &r->null_value, &values, e))
        return -1;
    if (shape.rank != 2 || shape.dims[0] != rows) return err_set(e, ERR_INPUT, "%s: /null/value is not rows × samples", path);
    r->n_null_rows = rows;
    r->n_null = shape.dims[1];
    return 0;
}

const double *score_null_of(const score_rows *r, size_t row)
{
    for (size_t k = 0; k < r->n_null_rows; k++)
        if (row != SIZE_MAX && r->null_row[k] == (int64_t)row) return r->null_value + k * r->n_null;
    return NULL;
}

static int read_choices(store *s, score_rows *r, err *e)
{
    arena *a = r->memory;
    if (length_of(s, "choice/layer", &r->n_choices, e) || length_of(s, "oracle/layer", &r->n_oracles, e)) return -1;
    return store_column_text(s, "choice/model", r->n_choices, a, &r->choice_model, e) ||
                   store_column_text(s, "choice/kind", r->n_choices, a, &r->choice_kind, e) ||
                   store_column_text(s, "choice/target", r->n_choices, a, &r->choice_target, e) ||
                   store_column_text(s, "choice/subject", r->n_choices, a, &r->choice_subject, e) ||
                   store_column_text(s, "choice/layer", r->n_choices, a, &r->choice_layer, e) ||
                   store_column_i4(s, "choice/fold", r->n_choices, a, &r->choice_fold, e) ||
                   store_column_text(s, "oracle/model", r->n_oracles, a, &r->oracle_model, e) ||
                   store_column_text(s, "oracle/kind", r->n_oracles, a, &r->oracle_kind, e) ||
                   store_column_text(s, "oracle/target", r->n_oracles, a, &r->oracle_target, e) ||
                   store_column_text(s, "oracle/layer", r->n_oracles, a, &r->oracle_layer, e)
               ? -1
               : 0;
}

int score_rows_read(score_rows **out, const char *path, err *e)
{
    store *s = NULL;
    store_shape_t shape;
    int status = -1;
    score_rows *r = mem_new(1, sizeof *r, e);
    if (!r) return -1;
    if (!(r->memory = arena_new(e)) || store_open(&s, path, "scores", e)) goto done;
    if (store_shape(s, "row/model", &shape, e)) goto done;
    size_t n = r->n = shape.dims[0];
    arena *a = r->memory;
    if (store_column_text(s, "row/model", n, a, &r->model, e) || store_column_text(s, "row/layer", n, a, &r->layer, e) ||
        store_column_text(s, "row/kind", n, a, &r->kind, e) || store_column_text(s, "row/target", n, a, &r->target, e) ||
        store_column_text(s, "row/roi", n, a, &r->roi, e) || store_column_text(s, "row/subject", n, a, &r->subject, e) ||
        store_column_text(s, "row/measure", n, a, &r->measure, e) || store_column_f8(s, "row/value", n, a, &r->value, e) ||
        store_column_f8(s, "row/ceiling", n, a, &r->ceiling, e) ||
        store_column_f8(s, "row/normalised", n, a, &r->normalised, e) || store_column_f8(s, "row/lo", n, a, &r->lo, e) ||
        store_column_f8(s, "row/hi", n, a, &r->hi, e) || store_column_f8(s, "row/p", n, a, &r->p, e) ||
        store_column_text(s, "row/interval", n, a, &r->interval, e) || store_column_i4(s, "row/n", n, a, &r->count, e) ||
        store_column_text(s, "row/units", n, a, &r->units, e) || store_column_text(s, "row/baseline", n, a, &r->baseline, e) ||
        read_choices(s, r, e) || read_inference(s, r, e) || read_null_values(s, r, path, e) ||
        read_warnings(s, r, e))
        goto done;
    if (!r->layer || !r->kind || !r->target || !r->roi || !r->subject || !r->measure || !r->value || !r->ceiling ||
        !r->normalised || !r->lo || !r->hi || !r->p || !r->count || !r->interval) {
        err_set(e, ERR_INPUT, "%s: a column of /row is missing", path);
        goto done;
    }
    *out = r;
    r = NULL;
    status = 0;
done:
    if (status) err_while(e, "reading scores from %s", path);
    store_close(s);
    score_rows_free(r);
    return status;
}

static bool fits(const char *wanted, const char *have)
{
    return !wanted || str_same(wanted, have);
}

size_t score_row_find(const score_rows *r, const char *model, const char *layer, const char *kind, const char *target,
                      const char *roi, const char *subject, const char *measure)
{
    for (size_t i = 0; i < r->n; i++)
        if (fits(model, r->model[i]) && fits(layer, r->layer[i]) && fits(kind, r->kind[i]) && fits(target, r->target[i]) &&
            fits(roi, r->roi[i]) && fits(subject, r->subject[i]) && fits(measure, r->measure[i]))
            return i;
    return SIZE_MAX;
}

double score_row_value(const score_rows *r, size_t row)
{
    return row == SIZE_MAX ? NAN : r->value[row];
}

int score_distinct(char ***list, size_t *n, const score_rows *r, char *const *column, const char *target, err *e)
{
    char **out = mem_new(r->n + 1, sizeof *out, e);
    if (!out) return -1;
    *n = 0;
    for (size_t i = 0; i < r->n; i++) {
        bool known = !fits(target, r->target[i]);
        for (size_t k = 0; k < *n && !known; k++) known = str_same(out[k], column[i]);
        if (!known) out[(*n)++] = column[i];
    }
    *list = out;
    return 0;
}
