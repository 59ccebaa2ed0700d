/* SPDX-License-Identifier: MIT */
/* From a responses file to series: rows dropped, unusable neuroids left out, folds, filter blocks, confounds. */
#include "data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t name_index(char **list, size_t *count, char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (str_same(list[i], name)) return i;
    list[*count] = name;
    return (*count)++;
}

/* Rows after the first `drop` of each run, in their order. */
static int kept_rows(size_t **out, size_t *count, const responses *r, size_t drop, err *e)
{
    size_t *rows = mem_new(r->n, sizeof *rows, e);
    *out = rows;
    *count = 0;
    if (!rows) return -1;
    for (size_t i = 0, seen = 0; i < r->n; i++) {
        seen = i > 0 && (!r->run || r->run[i] == r->run[i - 1]) ? seen + 1 : 0;
        if (seen >= drop) rows[(*count)++] = i;
    }
    if (*count < 4)
        return err_set(e, ERR_INPUT, "%zu rows are left of %zu after %zu are dropped from each run", *count, r->n,
                       drop);
    return 0;
}

/* Constant neuroids and those with a NaN in a used row are left out (CONTRACT). */
static bool usable(const responses *r, size_t j, const size_t *rows, size_t n)
{
    double low = INFINITY, high = -INFINITY, largest = 0;
    for (size_t i = 0; i < n; i++) {
        double x = r->data[rows[i] * r->v + j];
        if (!isfinite(x)) return false;
        low = fmin(low, x);
        high = fmax(high, x);
        largest = fmax(largest, fabs(x));
    }
    return high - low > 1e-12 * largest;
}

/* Numbers the neuroids of each subject within a ROI, and makes the table that finds them. */
static int index_columns(ceiling_data *d, err *e)
{
    size_t cells = 0, *count = mem_new(d->subjects * d->rois, sizeof *count, e);
    if (!count) return -1;
    for (size_t k = 0; k < d->v; k++) {
        d->place[k] = count[d->subject[k] * d->rois + d->roi[k]]++;
        if (d->place[k] + 1 > d->width[d->roi[k]]) d->width[d->roi[k]] = d->place[k] + 1;
    }
    free(count);
    if (!(d->first = mem_new(d->rois, sizeof *d->first, e))) return -1;
    for (size_t g = 0; g < d->rois; g++) {
        d->first[g] = cells;
        cells += d->width[g] * d->subjects;
    }
    if (!(d->column = mem_new(cells, sizeof *d->column, e))) return -1;
    for (size_t i = 0; i < cells; i++)
        d->column[i] = SIZE_MAX;
    for (size_t k = 0; k < d->v; k++)
        d->column[d->first[d->roi[k]] + d->place[k] * d->subjects + d->subject[k]] = k;
    return 0;
}

static int take_columns(ceiling_data *d, const responses *r, const size_t *rows, err *e)
{
    d->subject = mem_new(r->v, sizeof *d->subject, e);
    d->roi = mem_new(r->v, sizeof *d->roi, e);
    d->place = mem_new(r->v, sizeof *d->place, e);
    d->subject_name = mem_new(r->v, sizeof *d->subject_name, e);
    d->roi_name = mem_new(r->v, sizeof *d->roi_name, e);
    d->width = mem_new(r->v, sizeof *d->width, e);
    size_t *from = mem_new(r->v, sizeof *from, e);
    if (!d->subject || !d->roi || !d->place || !d->subject_name || !d->roi_name || !d->width || !from) goto failed;
    for (size_t j = 0; j < r->v; j++) {
        if (!usable(r, j, rows, d->n)) {
            d->n_excluded++;
            log_warn("neuroid %s %s is constant or holds a NaN: left out of the ceiling", r->subject[j], r->roi[j]);
            continue;
        }
        size_t s = name_index(d->subject_name, &d->subjects, r->subject[j]),
               g = name_index(d->roi_name, &d->rois, r->roi[j]);
        d->subject[d->v] = s;
        d->roi[d->v] = g;
        from[d->v++] = j;
    }
    if (d->v == 0) {
        err_set(e, ERR_INPUT, "no neuroid is usable: every one is constant or holds a NaN");
        goto failed;
    }
    d->y = mem_new(d->n * d->v, sizeof *d->y, e);
    if (!d->y || index_columns(d, e)) goto failed;
    for (size_t i = 0; i < d->n; i++)
        for (size_t k = 0; k < d->v; k++)
            d->y[i * d->v + k] = r->data[rows[i] * r->v + from[k]];
    free(from);
    return 0;
failed:
    free(from);
    return -1;
}

/* given:FILE: a fold a presentation of the whole file, in a column `fold` or the only one. */
static int given_folds(int32_t **out, const fold_scheme *scheme, size_t n, err *e)
{
    table *t = NULL;
    size_t column = 0;
    int status = -1;
    int32_t *fold = mem_new(n, sizeof *fold, e);
    if (!fold || table_read(&t, scheme->file, 0, true, e)) goto done;
    if (table_columns(t) > 1 && table_find(t, "fold", &column, e)) goto done;
    if (table_rows(t) != n) {
        err_set(e, ERR_INPUT, "%s: %zu rows, the responses have %zu presentations", scheme->file, table_rows(t), n);
        goto done;
    }
    for (size_t i = 0; i < n; i++) {
        double x;
        if (table_number(t, i, column, &x, e)) goto done;
        if (!(x >= -1 && x < 1e6) || x != floor(x)) {
            err_set(e, ERR_INPUT, "%s: row %zu: fold %g is not a whole number from -1", scheme->file, i + 1, x);
            goto done;
        }
        fold[i] = (int32_t)x;
    }
    *out = fold;
    fold = NULL;
    status = 0;
done:
    free(fold);
    table_free(t);
    return status;
}

typedef struct {
    int32_t *run, *given;
    double *onset;
    const char **group;
} row_facts;

static int take_rows(row_facts *x, ceiling_data *d, const responses *r, const size_t *rows, err *e)
{
    if (!(x->run = mem_new(d->n, sizeof *x->run, e)) || !(d->id = mem_new(d->n, sizeof *d->id, e))) return -1;
    if (r->onset && !(x->onset = mem_new(d->n, sizeof *x->onset, e))) return -1;
    if (r->group && !(x->group = mem_new(d->n, sizeof *x->group, e))) return -1;
    if (r->repeat && !(d->repeat = mem_new(d->n, sizeof *d->repeat, e))) return -1;
    for (size_t i = 0; i < d->n; i++) {
        x->run[i] = r->run ? r->run[rows[i]] : 1;
        d->id[i] = r->id ? r->id[rows[i]] : NULL;
        if (x->onset) x->onset[i] = r->onset[rows[i]];
        if (x->group) x->group[i] = r->group[rows[i]];
        if (d->repeat) d->repeat[i] = r->repeat[rows[i]];
    }
    return 0;
}

static const char *scheme_of(const responses *r, const ceiling_options *o)
{
    if (o->folds) return o->folds;
    if (o->paper == PAPER_SCHRIMPF2021) return "kfold:5,seed=1";
    if (o->paper == PAPER_BRAINSCORE) return r->group ? "groupkfold:8,seed=1234" : "shufflesplit:10,train=.9,seed=1";
    return !isnan(r->tr) ? "contiguous:6,gap=10" : r->group ? "group:5" : NULL;
}

static int make_inner(ceiling_data *d, const fold_scheme *outer, const fold_items *items, err *e)
{
    fold_scheme inner;
    if (folds_inner(&inner, outer, e)) return -1;
    if (!(d->inner = mem_new(d->folds, sizeof *d->inner, e))) return -1;
    for (size_t f = 0; f < d->folds; f++)
        if (folds_make(&d->inner[f], &inner, items, d->train + f * d->n, e)) return err_while(e, "making the inner folds of fold %zu", f + 1);
    return 0;
}

static int make_folds(ceiling_data *d, folds **made, const row_facts *x, const int32_t *given, const char *text,
                      const ceiling_options *o, fold_scheme *scheme, err *e)
{
    fold_items items = { d->n, x->run, x->onset, x->group, given };
    if (fold_scheme_parse(scheme, text, e)) return -1;
    if (fold_scheme_parts_neighbours(scheme) && !o->allow_random && !o->paper) {
        err_set(e, ERR_USAGE, "random folds leak between neighbours and are refused in strict mode");
        return err_hint(e, "--allow-random if that is what you want to show");
    }
    if (folds_make(made, scheme, &items, NULL, e)) return -1;
    fold_scheme_text(scheme, d->folds_text, sizeof d->folds_text);
    d->folds = (*made)->count;
    d->test = mem_copy((*made)->test, d->folds * d->n, e);
    d->train = mem_copy((*made)->train, d->folds * d->n, e);
    if (!d->test || !d->train) return -1;
    return o->method == CEILING_EXTRAPOLATE && !o->paper ? make_inner(d, scheme, &items, e) : 0;
}

/* --folds none: the whole is one test block, and what is learnt is learnt on it. */
static int one_block(ceiling_data *d, err *e)
{
    snprintf(d->folds_text, sizeof d->folds_text, "none");
    d->folds = 1;
    d->test = mem_new(d->n, 1, e);
    d->train = mem_new(d->n, 1, e);
    if (!d->test || !d->train) return -1;
    memset(d->test, 1, d->n);
    memset(d->train, 1, d->n);
    return 0;
}

static const confound *find_confound(const responses *r, const char *name, const char *subject)
{
    const confound *common = NULL;
    for (size_t i = 0; i < r->n_confounds; i++) {
        const confound *c = &r->confounds[i];
        if (!str_same(c->name, name)) continue;
        if (!c->subject)
            common = c;
        else if (str_same(c->subject, subject))
            return c;
    }
    return common;
}

static int take_confounds(ceiling_data *d, const responses *r, const size_t *rows, const char *name, err *e)
{
    d->confound = mem_new(d->subjects, sizeof *d->confound, e);
    d->confound_k = mem_new(d->subjects, sizeof *d->confound_k, e);
    if (!d->confound || !d->confound_k) return -1;
    for (size_t s = 0; s < d->subjects; s++) {
        const confound *c = find_confound(r, name, d->subject_name[s]);
        if (!c) {
            err_set(e, ERR_INPUT, "no confounds '%s' for subject %s", name, d->subject_name[s]);
            return err_hint(e, "broca inspect lists what the responses file holds below /confound");
        }
        double *z = d->confound[s] = mem_new(d->n * c->k, sizeof *z, e);
        if (!z) return -1;
        d->confound_k[s] = c->k;
        for (size_t i = 0; i < d->n; i++)
            for (size_t k = 0; k < c->k; k++) {
                z[i * c->k + k] = c->at[rows[i] * c->k + k];
                if (!isfinite(z[i * c->k + k]))
                    return err_set(e, ERR_INPUT, "confounds '%s' of %s: row %zu, column %zu is not a finite number",
                                   name, d->subject_name[s], rows[i], k);
            }
    }
    return 0;
}

/* The same operator on responses and confounds; else removing the confounds would put slow drift back. */
static int filter(ceiling_data *d, const responses *r, const row_facts *x, const folds *f, const ceiling_options *o,
                  err *e)
{
    int status = -1;
    int32_t *block;
    if (!(o->highpass_s > 0)) return 0;
    if (isnan(r->tr)) return err_set(e, ERR_USAGE, "--highpass needs a time series; these responses have no tr");
    block = mem_new(d->n, sizeof *block, e);
    if (!block || series_blocks(block, x->run, d->n, o->scope_run ? NULL : f, e)) goto done;
    if (highpass(d->y, d->n, d->v, block, r->tr, o->highpass_s, e)) goto done;
    for (size_t s = 0; d->confound && s < d->subjects; s++)
        if (highpass(d->confound[s], d->n, d->confound_k[s], block, r->tr, o->highpass_s, e)) goto done;
    if (f && !o->scope_run && (double)d->n / (double)f->count * r->tr < o->highpass_s / 2)
        log_warn("test blocks of %.0f s are shorter than half of the high-pass cut-off of %g s: the filter takes "
                 "signal away",
                 (double)d->n / (double)f->count * r->tr, o->highpass_s);
    status = 0;
done:
    free(block);
    return status;
}

int ceiling_data_new(ceiling_data **out, const responses *r, const ceiling_options *o, err *e)
{
    int status = -1;
    size_t *rows = NULL;
    folds *made = NULL;
    row_facts x = { 0 };
    fold_scheme scheme;
    const char *text = scheme_of(r, o);
    int32_t *given = NULL;
    ceiling_data *d = mem_new(1, sizeof *d, e);
    if (!d || kept_rows(&rows, &d->n, r, o->drop_start, e) || take_columns(d, r, rows, e) ||
        take_rows(&x, d, r, rows, e))
        goto done;
    if (!text) {
        err_set(e, ERR_USAGE, "the responses have neither a tr nor groups: --folds is needed");
        err_hint(e, "--folds given:FILE, or --folds none for a ceiling of the whole");
        goto done;
    }
    if (str_same(text, "none")) {
        if (o->method == CEILING_EXTRAPOLATE) {
            err_set(e, ERR_USAGE, "--method extrapolate predicts held-out presentations: it needs folds, not --folds none");
            goto done;
        }
        if (one_block(d, e)) goto done;
    } else {
        if (fold_scheme_parse(&scheme, text, e)) goto done;
        if (scheme.kind == FOLD_GIVEN) {
            if (given_folds(&given, &scheme, r->n, e)) goto done;
            for (size_t i = 0; i < d->n; i++)
                given[i] = given[rows[i]];
        }
        if (make_folds(d, &made, &x, given, text, o, &scheme, e)) goto done;
    }
    if (o->confounds && take_confounds(d, r, rows, o->confounds, e)) goto done;
    if (filter(d, r, &x, made, o, e)) goto done;
    *out = d;
    d = NULL;
    status = 0;
done:
    ceiling_data_free(d);
    folds_free(made);
    free(rows);
    free(given);
    free(x.run);
    free(x.onset);
    free(x.group);
    return status;
}

void ceiling_data_free(ceiling_data *d)
{
    if (!d) return;
    for (size_t s = 0; d->confound && s < d->subjects; s++)
        free(d->confound[s]);
    free(d->confound);
    free(d->confound_k);
    free(d->y);
    free(d->subject);
    free(d->roi);
    free(d->place);
    free(d->subject_name);
    free(d->roi_name);
    free(d->width);
    free(d->first);
    free(d->column);
    free(d->id);
    free(d->repeat);
    for (size_t f = 0; d->inner && f < d->folds; f++)
        folds_free(d->inner[f]);
    free(d->inner);
    free(d->test);
    free(d->train);
    free(d);
}
