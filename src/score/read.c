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

static int read_set(encoding_set *t, store *s, const encoding *x, const char *name, err *e)
{
    int status = -1;
    char *group = str_format(e, "/set/%s", name), *kind = NULL;
    if (!group || store_get_text(s, group, "kind", &kind, e) || name_set(t, name, kind, x->path, e)) goto done;
    if (read_table(&t->r, s, x, name, "r", true, e) || read_table(&t->r2_train, s, x, name, "r2_train", true, e) ||
        read_table(&t->inner, s, x, name, "inner_best", t->kind != SET_BASELINE, e) ||
        read_table(&t->sse, s, x, name, "sse", false, e))
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
    if (read_sets(x, s, e) || read_table(&x->sst, s, x, NULL, "sst", false, e) || read_about(x, s, e)) goto done;
    if (x->n_sets == 0) {
        err_set(e, ERR_INPUT, "%s: no feature sets", path);
        goto done;
    }
    find_used(x);
    if (x->subjects == 0) {
        err_set(e, ERR_INPUT, "%s: every neuroid is excluded", path);
        goto done;
    }
    *out = x;
    x = NULL;
    status = 0;
done:
    store_close(s);
    encoding_free(x);
    if (status) err_while(e, "reading the encoding %s", path);
    return status;
}

void encoding_free(encoding *x)
{
    if (!x) return;
    for (size_t k = 0; k < x->n_sets; k++) {
        encoding_set *t = &x->sets[k];
        void *owned[] = { t->name, t->model, t->tap, t->r, t->r2_train, t->inner, t->sse };
        for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
            free(owned[i]);
    }
    void *owned[] = { x->sets, x->subject, x->roi,      x->subject_of, x->roi_of,       x->use,
                      x->sst,  x->units,   x->baseline, x->config,     x->subject_text, x->roi_text };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        free(owned[i]);
    free(x);
}
