/* SPDX-License-Identifier: MIT */
/* Reads what `broca encode` stored. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/activations.h"
#include "parts.h"

const char *set_kind_name(set_kind k)
{
    return k == SET_BASELINE ? "baseline" : k == SET_PLAIN ? "plain" : "joint";
}

/* [rows×v] of a set, rows 0: any number, stored in *rows; NULL without an error where it is not there and not needed. path of the
 * set: "/set/NAME". */
static int read_rows(double **out, size_t *rows, store *s, const encoding *x, const char *set, const char *what, err *e)
{
    int status = -1;
    store_shape_t shape;
    size_t count = 0, all = 1;
    char *name = str_format(e, "%s/%s", set, what);
    if (!name) return -1;
    if (!store_has(s, name)) {
        status = 0;
        goto done;
    }
    if (store_shape(s, name, &shape, e)) goto done;
    for (int k = 0; k + 1 < shape.rank; k++) all *= shape.dims[k];
    if (shape.rank < 2 || shape.dims[shape.rank - 1] != x->v || (*rows && all != *rows)) {
        err_set(e, ERR_INPUT, "%s: %s is not %zu × %zu", x->path, name, *rows, x->v);
        goto done;
    }
    *rows = all;
    status = store_read_f8(s, name, out, &count, e);
done:
    free(name);
    return status;
}

static int read_replicates(encoding_set *t, store *s, encoding *x, const char *set, err *e)
{
    size_t crossed = x->people * x->blocks, sums = x->parts * 5;
    struct { double **to; size_t *rows; const char *what; } list[] = {
        { &t->null_r, &x->n_null, "null_r" }, { &t->null_r2, &x->n_null, "null_r2" }, { &t->null_delta_r, &x->n_null, "null_delta_r" },
        { &t->null_delta_r2, &x->n_null, "null_delta_r2" }, { &t->jack_r, &x->blocks, "jack_r" }, { &t->jack_r2, &x->blocks, "jack_r2" },
        { &t->left_r, &x->people, "left_r" }, { &t->left_r2, &x->people, "left_r2" }, { &t->left_jack_r, &crossed, "left_jack_r" },
        { &t->left_jack_r2, &crossed, "left_jack_r2" }, { &t->part, &sums, "part" },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (read_rows(list[i].to, list[i].rows, s, x, set, list[i].what, e)) return -1;
    return 0;
}

static int read_counts(int32_t **out, size_t *n, store *s, const encoding *x, const char *name, err *e)
{
    size_t count = 0;
    if (store_read_i4(s, name, out, &count, e)) return -1;
    if (*n && count != *n) return err_set(e, ERR_INPUT, "%s: %s has %zu entries, expected %zu", x->path, name, count, *n);
    *n = count;
    return 0;
}

/* Blocks, and pairs of a block and a fold, in the order of folds. */
static int read_blocks(encoding *x, store *s, err *e)
{
    int64_t blocks = 0;
    char **people = NULL;
    if (store_has_attribute(s, "/", "null") ? store_get_text(s, "/", "null", &x->null, e) : !(x->null = mem_text("", e))) return -1;
    if (!store_has(s, "/jackknife/block")) return 0;
    if (store_get_int(s, "/jackknife", "blocks", &blocks, e) || read_counts(&x->block, &x->presentations, s, x, "/jackknife/block", e) ||
        read_counts(&x->part_block, &x->parts, s, x, "/jackknife/part_block", e) ||
        read_counts(&x->part_fold, &x->parts, s, x, "/jackknife/part_fold", e) || read_counts(&x->part_n, &x->parts, s, x, "/jackknife/part_n", e))
        return -1;
    if (store_has(s, "/jackknife/subject") && store_read_text(s, "/jackknife/subject", &people, &x->people, e)) return -1;
    free(people);
    x->blocks = blocks > 0 ? (size_t)blocks : 0;
    for (size_t i = 0; i < x->parts; i++)
        if (x->part_block[i] < 0 || (size_t)x->part_block[i] >= x->blocks || x->part_fold[i] < 0 || (size_t)x->part_fold[i] >= x->folds)
            return err_set(e, ERR_INPUT, "%s: /jackknife: part %zu is of a block or a fold that is not there", x->path, i);
    return 0;
}

/* [folds×v] of a set; NULL without an error where it is not there and not needed. */
static int read_table(double **out, store *s, const encoding *x, const char *set, const char *what, bool needed, err *e)
{
    int status = -1;
    store_shape_t shape;
    size_t count = 0;
    char *name = set ? str_format(e, "/set/%s/%s", set, what) : str_format(e, "/fold/%s", what);
    if (!name) return -1;
    if (!needed && !store_has(s, name)) {
        status = 0;
        goto done;
    }
    if (store_shape(s, name, &shape, e)) goto done;
    if (shape.rank != 2 || shape.dims[0] != x->folds || shape.dims[1] != x->v) {
        err_set(e, ERR_INPUT, "%s: %s is not folds × neuroids (%zu × %zu)", x->path, name, x->folds, x->v);
        goto done;
    }
    status = store_read_f8(s, name, out, &count, e);
done:
    free(name);
    return status;
}

/* "NAME:tap" or "NAME:tap+baseline"; the kind is the attribute's. */
static int name_set(encoding_set *t, const char *name, const char *kind, const char *path, err *e)
{
    char *colon;
    t->kind = str_same(kind, "baseline") ? SET_BASELINE : str_same(kind, "joint") ? SET_JOINT : SET_PLAIN;
    if (!str_same(kind, "baseline") && !str_same(kind, "joint") && !str_same(kind, "model"))
        return err_set(e, ERR_INPUT, "%s: set %s is of kind '%s', expected baseline, model or joint", path, name, kind);
    if (!(t->name = mem_text(name, e))) return -1;
    if (t->kind == SET_BASELINE) return 0;
    if (!(t->model = mem_text(name, e))) return -1;
    if (t->kind == SET_JOINT && str_ends(t->model, "+baseline")) t->model[strlen(t->model) - strlen("+baseline")] = 0;
    colon = strchr(t->model, ':');
    if (!(t->tap = mem_text(colon ? colon + 1 : "", e))) return -1;
    if (colon) *colon = 0;
    return 0;
}

static int read_set(encoding_set *t, store *s, encoding *x, const char *name, err *e)
{
    int status = -1;
    char *group = str_format(e, "/set/%s", name), *kind = NULL;
    if (!group || store_get_text(s, group, "kind", &kind, e) || name_set(t, name, kind, x->path, e)) goto done;
    if (read_table(&t->r, s, x, name, "r", true, e) || read_table(&t->r2_train, s, x, name, "r2_train", true, e) ||
        read_table(&t->inner, s, x, name, "inner_best", t->kind != SET_BASELINE, e) ||
        read_table(&t->sse, s, x, name, "sse", false, e) || read_replicates(t, s, x, group, e))
        goto done;
    status = 0;
done:
    free(group);
    free(kind);
    return status;
}

static int by_order(const void *a, const void *b)
{
    const encoding_set *x = a, *y = b;
    int order;
    if ((x->kind == SET_BASELINE) != (y->kind == SET_BASELINE)) return x->kind == SET_BASELINE ? -1 : 1;
    if (x->kind == SET_BASELINE) return strcmp(x->name, y->name);
    order = strcmp(x->model, y->model);
    if (!order) order = (x->kind > y->kind) - (x->kind < y->kind);
    if (!order) order = tap_compare(x->tap, y->tap);
    return order;
}

static int read_sets(encoding *x, store *s, err *e)
{
    int status = -1;
    char **names = NULL;
    size_t n = 0, baselines = 0;
    if (store_list(s, "/set", &names, &n, e) || !(x->sets = mem_new(n, sizeof *x->sets, e))) goto done;
    for (size_t i = 0; i < n; i++) {
        x->n_sets++; /* counted first, so that a half-read set is freed */
        if (read_set(&x->sets[i], s, x, names[i], e)) goto done;
        baselines += x->sets[i].kind == SET_BASELINE;
    }
    if (baselines > 1) {
        err_set(e, ERR_INPUT, "%s: %zu baselines", x->path, baselines);
        goto done;
    }
    qsort(x->sets, x->n_sets, sizeof *x->sets, by_order);
    status = 0;
done:
    free(names);
    return status;
}

/* /nested/NAME: of the same shape as a set. */
static int read_nested(encoding *x, store *s, err *e)
{
    int status = -1;
    char **names = NULL, *group = NULL, *kind = NULL;
    size_t n = 0;
    if (!store_has(s, "/nested")) return 0;
    if (store_list(s, "/nested", &names, &n, e) || !(x->nested = mem_new(n + 1, sizeof *x->nested, e))) goto done;
    for (size_t i = 0; i < n; i++) {
        encoding_set *t = &x->nested[x->n_nested++];
        size_t folds = x->folds;
        free(group);
        free(kind);
        kind = NULL;
        if (!(group = str_format(e, "/nested/%s", names[i])) || store_get_text(s, group, "kind", &kind, e) ||
            name_set(t, names[i], kind, x->path, e) || read_rows(&t->r, &folds, s, x, group, "r", e) ||
            read_rows(&t->sse, &folds, s, x, group, "sse", e) || read_replicates(t, s, x, group, e))
            goto done;
        if (!t->r || !t->sse || t->kind == SET_BASELINE) {
            err_set(e, ERR_INPUT, "%s: %s has no r or sse", x->path, group);
            goto done;
        }
    }
    status = 0;
done:
    free(names);
    free(group);
    free(kind);
    return status;
}

static size_t name_index(char **list, size_t *count, char *name)
{
    for (size_t i = 0; i < *count; i++)
        if (str_same(list[i], name)) return i;
    list[*count] = name;
    return (*count)++;
}

static int read_neuroids(encoding *x, store *s, err *e)
{
    size_t rois = 0, with_group = 0;
    if (store_read_text(s, "/neuroid/subject", &x->subject_text, &x->v, e) ||
        store_read_text(s, "/neuroid/roi", &x->roi_text, &rois, e))
        return -1;
    if (rois != x->v || x->v == 0)
        return err_set(e, ERR_INPUT, "%s: /neuroid/subject has %zu entries, /neuroid/roi %zu", x->path, x->v, rois);
    x->subject = mem_new(x->v, sizeof *x->subject, e);
    x->roi = mem_new(x->v, sizeof *x->roi, e);
    x->subject_of = mem_new(x->v, sizeof *x->subject_of, e);
    x->roi_of = mem_new(x->v, sizeof *x->roi_of, e);
    x->use = mem_new(x->v, 1, e);
    if (!x->subject || !x->roi || !x->subject_of || !x->roi_of || !x->use) return -1;
    for (size_t j = 0; j < x->v; j++)
        with_group += str_same(x->subject_text[j], "group");
    if (with_group != 0 && with_group != x->v)
        return err_set(e, ERR_INPUT, "%s: %zu of %zu neuroids are of the group, the rest of single subjects", x->path,
                       with_group, x->v);
    x->group = with_group > 0;
    return 0;
}

/* Excluded neuroids are NaN in everything; they are no part of averages. A NaN r of a fold alone is a constant
 * prediction. */
static void find_used(encoding *x)
{
    for (size_t j = 0; j < x->v; j++) {
        for (size_t k = 0; k < x->n_sets && !x->use[j]; k++)
            for (size_t f = 0; f < x->folds; f++)
                if (!isnan(x->sets[k].r2_train[f * x->v + j]) || !isnan(x->sets[k].r[f * x->v + j])) x->use[j] = 1;
        if (!x->use[j]) continue;
        x->subject_of[j] = name_index(x->subject, &x->subjects, x->subject_text[j]);
        x->roi_of[j] = name_index(x->roi, &x->rois, x->roi_text[j]);
    }
}

static int read_about(encoding *x, store *s, err *e)
{
    json *config = NULL;
    if (store_has_attribute(s, "/", "config")) {
        if (store_get_text(s, "/", "config", &x->config, e)) return -1;
        if (json_parse(&config, x->config, strlen(x->config), x->path, e)) return -1;
    }
    x->units = mem_text(json_text(json_get(config, "units"), "all"), e);
    x->baseline = mem_text(json_text(json_get(config, "baseline"), ""), e);
    json_free(config);
    return x->units && x->baseline ? 0 : -1;
}

int encoding_read(encoding **out, const char *path, err *e)
{
    int status = -1;
    store *s = NULL;
    store_shape_t shape;
    encoding *x = mem_new(1, sizeof *x, e);
    *out = NULL;
    if (!x) return -1;
    x->path = path;
    if (store_open(&s, path, "encoding", e) || read_neuroids(x, s, e)) goto done;
    if (store_shape(s, "/fold/test", &shape, e)) goto done;
    x->folds = shape.dims[0];
    if (shape.rank != 2 || x->folds == 0) {
        err_set(e, ERR_INPUT, "%s: /fold/test is not folds × presentations", path);
        goto done;
    }
    if (read_blocks(x, s, e) || read_sets(x, s, e) || read_nested(x, s, e) || read_table(&x->sst, s, x, NULL, "sst", false, e) ||
        read_about(x, s, e))
        goto done;
    if (x->n_sets == 0) {
        err_set(e, ERR_INPUT, "%s: no feature sets", path);
        goto done;
    }
    find_used(x);
    if (x->subjects == 0) {
        err_set(e, ERR_INPUT, "%s: every neuroid is excluded", path);
        goto done;
    }
    if (!(x->cell_n = mem_new(x->subjects * x->rois + 1, sizeof *x->cell_n, e))) goto done;
    for (size_t j = 0; j < x->v; j++) x->cell_n[x->subject_of[j] * x->rois + x->roi_of[j]] += x->use[j];
    *out = x;
    x = NULL;
    status = 0;
done:
    store_close(s);
    encoding_free(x);
    if (status) err_while(e, "reading the encoding %s", path);
    return status;
}

static void set_free(encoding_set *t)
{
    void *owned[] = { t->name,   t->model,   t->tap,         t->r,            t->r2_train, t->inner,   t->sse,          t->jack_r,        t->jack_r2,
                      t->left_r, t->left_r2, t->left_jack_r, t->left_jack_r2, t->null_r,   t->null_r2, t->null_delta_r, t->null_delta_r2, t->part };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        free(owned[i]);
}

void encoding_free(encoding *x)
{
    if (!x) return;
    for (size_t k = 0; k < x->n_sets; k++)
        set_free(&x->sets[k]);
    for (size_t k = 0; k < x->n_nested; k++)
        set_free(&x->nested[k]);
    free(x->nested);
    free(x->block);
    free(x->part_block);
    free(x->part_fold);
    free(x->part_n);
    free(x->null);
    free(x->cell_n);
    void *owned[] = { x->sets, x->subject, x->roi,      x->subject_of, x->roi_of,       x->use,
                      x->sst,  x->units,   x->baseline, x->config,     x->subject_text, x->roi_text };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        free(owned[i]);
    free(x);
}
