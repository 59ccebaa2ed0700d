/* SPDX-License-Identifier: MIT */
/* The product of kind `encoding` (CONTRACT "Files"). */
#include <stdlib.h>

#include "sets.h"

typedef struct {
    store *s;
    const encoded *x;
    const encoded_set *set;
} writer;

static int put_table(const writer *w, const char *name, const double *data, err *e)
{
    char path[512];
    const size_t dims[2] = { w->x->folds, w->x->v };
    snprintf(path, sizeof path, "set/%.400s/%s", w->set->name, name);
    return store_write_f8(w->s, path, 2, dims, data, e);
}

static int put_row(const writer *w, const char *name, const double *data, err *e)
{
    char path[512];
    snprintf(path, sizeof path, "set/%.400s/%s", w->set->name, name);
    return store_put_f8(w->s, path, data, w->x->v, e);
}

static int put_extras(const writer *w, size_t n_alphas, err *e)
{
    char path[512];
    const encoded_set *t = w->set;
    const encoded *x = w->x;
    const size_t cells[2] = { x->folds, x->v }, share[3] = { x->folds, t->n_bands, x->v }, inner[3] = { x->folds, n_alphas, x->v };
    const size_t prediction[2] = { x->n, x->v }, weight[2] = { t->p, x->v };
    const size_t null[2] = { x->n_null, x->v };
    snprintf(path, sizeof path, "set/%.400s/null_r", t->name);
    if (t->null_r && store_write_f8(w->s, path, 2, null, t->null_r, e)) return -1;
    snprintf(path, sizeof path, "set/%.400s/null_r2", t->name);
    if (t->null_r2 && store_write_f8(w->s, path, 2, null, t->null_r2, e)) return -1;
    snprintf(path, sizeof path, "set/%.400s/gamma", t->name);
    if (t->gamma && store_write_i4(w->s, path, 2, cells, t->gamma, e)) return -1;
    snprintf(path, sizeof path, "set/%.400s/share", t->name);
    if (t->share && store_write_f8(w->s, path, 3, share, t->share, e)) return -1;
    snprintf(path, sizeof path, "set/%.400s/inner", t->name);
    if (t->inner && store_write_f8(w->s, path, 3, inner, t->inner, e)) return -1;
    snprintf(path, sizeof path, "set/%.400s/prediction", t->name);
    if (t->prediction && store_write_f4(w->s, path, 2, prediction, t->prediction, e)) return -1;
    snprintf(path, sizeof path, "set/%.400s/weight", t->name);
    if (t->weight && store_write_f4(w->s, path, 2, weight, t->weight, e)) return -1;
    return 0;
}

static int put_counts(const writer *w, err *e)
{
    char path[512];
    snprintf(path, sizeof path, "set/%.400s/n_nan", w->set->name);
    if (store_put_i4(w->s, path, w->set->n_nan, w->x->v, e)) return -1;
    snprintf(path, sizeof path, "set/%.400s/n_edge", w->set->name);
    return store_put_i4(w->s, path, w->set->n_edge, w->x->v, e);
}

static int put_set(store *s, const encoded *x, const encoded_set *t, size_t n_alphas, err *e)
{
    char path[512];
    writer w = { s, x, t };
    if (put_table(&w, "alpha", t->alpha, e) || put_table(&w, "inner_best", t->inner_best, e) || put_table(&w, "r", t->r, e) ||
        put_table(&w, "r2", t->r2, e) || put_table(&w, "r2_train", t->r2_train, e) || put_table(&w, "sse", t->sse, e) ||
        put_row(&w, "r_mean", t->r_mean, e) || put_row(&w, "r_pooled", t->r_pooled, e) ||
        put_row(&w, "r2_pooled", t->r2_pooled, e) || put_counts(&w, e) || put_extras(&w, n_alphas, e))
        return -1;
    snprintf(path, sizeof path, "set/%.400s", t->name);
    return store_set_text(s, path, "kind", t->kind, e) || store_set_int(s, path, "columns", (int64_t)t->p, e) ||
                   store_set_int(s, path, "bands", (int64_t)t->n_bands, e) ||
                   store_set_int(s, path, "dropped", (int64_t)t->dropped, e)
               ? -1 : 0;
}

int encoded_put(store *s, const encoded *x, const encode_options *o, err *e)
{
    const size_t masks[2] = { x->folds, x->n }, cells[2] = { x->folds, x->v };
    if (store_put_text(s, "neuroid/subject", x->subject, x->v, e) || store_put_text(s, "neuroid/roi", x->roi, x->v, e) ||
        store_put_i4(s, "neuroid/index", x->index, x->v, e) || store_write_u1(s, "fold/test", 2, masks, x->test, e) ||
        store_write_u1(s, "fold/train", 2, masks, x->train, e) || store_write_f8(s, "fold/sst", 2, cells, x->sst, e) ||
        store_put_f8(s, "alpha", o->alphas, o->n_alphas, e))
        return -1;
    if (x->n_excluded && (store_put_text(s, "excluded/neuroid", x->excluded, x->n_excluded, e) ||
                          store_put_text(s, "excluded/reason", x->reason, x->n_excluded, e)))
        return -1;
    for (size_t i = 0; i < x->n_sets; i++)
        if (put_set(s, x, &x->sets[i], o->n_alphas, e)) return err_while(e, "writing the set %s", x->sets[i].name);
    return paper_put(s, x, o, e) || store_set_text(s, "/", "target", o->group ? "group" : "single", e) ||
                   store_set_text(s, "/", "folds", x->folds_text, e) || store_set_text(s, "/", "inner", x->inner_text, e)
               ? -1 : 0;
}
