/* SPDX-License-Identifier: MIT */
/* The product of kind `encoding` (CONTRACT "Files"). */
#include <stdlib.h>
#include <string.h>

#include "sets.h"

typedef struct {
    store *s;
    const encoded *x;
    const encoded_set *set;
    const char *folder; /* "set" or "nested" */
} writer;

static void name(char *path, size_t room, const writer *w, const char *what)
{
    snprintf(path, room, "%s/%.400s%s%s", w->folder, w->set->name, *what ? "/" : "", what);
}

/* [rows×v]; NULL: not there. */
static int put_table(const writer *w, const char *what, const double *data, size_t rows, err *e)
{
    char path[512];
    const size_t dims[2] = { rows, w->x->v };
    name(path, sizeof path, w, what);
    return data ? store_write_f8(w->s, path, 2, dims, data, e) : 0;
}

static int put_row(const writer *w, const char *what, const double *data, err *e)
{
    char path[512];
    name(path, sizeof path, w, what);
    return store_put_f8(w->s, path, data, w->x->v, e);
}

static int put_cube(const writer *w, const char *what, const double *data, size_t a, size_t b, err *e)
{
    char path[512];
    const size_t dims[3] = { a, b, w->x->v };
    name(path, sizeof path, w, what);
    return data ? store_write_f8(w->s, path, 3, dims, data, e) : 0;
}

/* The candidates that gamma numbers; [F×candidates×bands] where each fold has its own. */
static int put_candidates(const writer *w, const encode_options *o, err *e)
{
    char path[512];
    double *one = NULL, *all = NULL;
    size_t n = 0, bands = w->set->n_bands, times = w->x->draw_of && !o->gammas ? w->x->folds : 1;
    int status = -1;
    if (!w->set->gamma) return 0;
    for (size_t f = 0; f < times; f++, free(one)) {
        if (candidates_of(&one, &n, bands, o, w->x, f, e)) goto done;
        if (!all && !(all = mem_new(times * n * bands, sizeof *all, e))) {
            free(one);
            goto done;
        }
        memcpy(all + f * n * bands, one, n * bands * sizeof *all);
    }
    const size_t dims[3] = { times, n, bands };
    name(path, sizeof path, w, "candidates");
    status = times > 1 ? store_write_f8(w->s, path, 3, dims, all, e) : store_write_f8(w->s, path, 2, dims + 1, all, e);
done:
    free(all);
    return status;
}

static int put_cells(const writer *w, const char *what, const int32_t *data, err *e)
{
    char path[512];
    const size_t cells[2] = { w->x->folds, w->x->v };
    name(path, sizeof path, w, what);
    return data ? store_write_i4(w->s, path, 2, cells, data, e) : 0;
}

static int put_counts(const writer *w, const char *what, const int32_t *data, err *e)
{
    char path[512];
    name(path, sizeof path, w, what);
    return store_put_i4(w->s, path, data, w->x->v, e);
}

/* [parts×5×v]: sums of y, prediction, and their squares and product. */
static int put_parts(const writer *w, err *e)
{
    size_t v = w->x->v, n = w->x->parts;
    double *cube = w->set->part ? mem_new(n * 5 * v + 1, sizeof *cube, e) : NULL;
    if (!w->set->part) return 0;
    for (size_t k = 0; cube && k < n; k++)
        for (size_t j = 0; j < v; j++) {
            const part_sums *p = &w->set->part[k * v + j];
            const double sums[5] = { p->y, p->p, p->yy, p->pp, p->yp };
            for (size_t i = 0; i < 5; i++) cube[(k * 5 + i) * v + j] = sums[i];
        }
    int status = cube ? put_cube(w, "part", cube, n, 5, e) : -1;
    free(cube);
    return status;
}

static int put_inference(const writer *w, err *e)
{
    const encoded_set *t = w->set;
    const encoded *x = w->x;
    return put_table(w, "null_r", t->null_r, x->n_null, e) || put_table(w, "null_r2", t->null_r2, x->n_null, e) ||
                   put_table(w, "null_delta_r", t->null_delta_r, x->n_null, e) ||
                   put_table(w, "null_delta_r2", t->null_delta_r2, x->n_null, e) || put_table(w, "jack_r", t->jack_r, x->blocks, e) ||
                   put_table(w, "jack_r2", t->jack_r2, x->blocks, e) || put_table(w, "left_r", t->left_r, x->people, e) ||
                   put_table(w, "left_r2", t->left_r2, x->people, e) ||
                   put_cube(w, "left_jack_r", t->left_jack_r, x->people, x->blocks, e) ||
                   put_cube(w, "left_jack_r2", t->left_jack_r2, x->people, x->blocks, e) || put_parts(w, e)
               ? -1 : 0;
}

static int put_scores(const writer *w, err *e)
{
    const encoded_set *t = w->set;
    size_t F = w->x->folds;
    return put_table(w, "alpha", t->alpha, F, e) || put_table(w, "inner_best", t->inner_best, F, e) || put_table(w, "r", t->r, F, e) ||
                   put_table(w, "r2", t->r2, F, e) || put_table(w, "r2_train", t->r2_train, F, e) || put_table(w, "sse", t->sse, F, e) ||
                   put_row(w, "r_mean", t->r_mean, e) || put_row(w, "r_pooled", t->r_pooled, e) || put_row(w, "r2_pooled", t->r2_pooled, e) ||
                   put_counts(w, "n_nan", t->n_nan, e) || put_counts(w, "n_edge", t->n_edge, e) || put_inference(w, e)
               ? -1 : 0;
}

static int put_set(store *s, const encoded *x, const encoded_set *t, const encode_options *o, err *e)
{
    char path[512];
    writer w = { s, x, t, "set" };
    if (put_scores(&w, e) || put_cells(&w, "gamma", t->gamma, e) || put_cube(&w, "share", t->share, x->folds, t->n_bands, e) ||
        saved_to_product(s, x, (size_t)(t - x->sets), e) || put_candidates(&w, o, e))
        return -1;
    name(path, sizeof path, &w, "");
    return store_set_text(s, path, "kind", t->kind, e) || store_set_int(s, path, "columns", (int64_t)t->p, e) ||
                   store_set_int(s, path, "bands", (int64_t)t->n_bands, e) ||
                   store_set_int(s, path, "dropped", (int64_t)t->dropped, e)
               ? -1 : 0;
}

/* The layer that each fold took, by number and name. */
static int put_nested(store *s, const encoded *x, const encoded_set *t, err *e)
{
    char path[512];
    writer w = { s, x, t, "nested" };
    if (put_scores(&w, e) || put_cells(&w, "layer", t->layer, e)) return -1;
    name(path, sizeof path, &w, "tap");
    if (store_put_text(s, path, t->taps, t->n_taps, e)) return -1;
    name(path, sizeof path, &w, "");
    return store_set_text(s, path, "kind", t->kind, e);
}

static int put_blocks(store *s, const encoded *x, const encode_options *o, err *e)
{
    char text[64];
    static const char *const names[] = { "none", "circular", "group", "phase" };
    snprintf(text, sizeof text, "%s:%zu", names[o->null], x->n_null);
    if (x->n_null && store_set_text(s, "/", "null", text, e)) return -1;
    if (!x->blocks) return 0;
    if (store_put_i4(s, "jackknife/block", x->block, x->n, e) || store_put_i4(s, "jackknife/part_block", x->part_block, x->parts, e) ||
        store_put_i4(s, "jackknife/part_fold", x->part_fold, x->parts, e) || store_put_i4(s, "jackknife/part_n", x->part_n, x->parts, e) ||
        (x->people && store_put_text(s, "jackknife/subject", x->left, x->people, e)))
        return -1;
    return store_set_text(s, "/", "jackknife", o->jackknife, e) || store_set_int(s, "jackknife", "blocks", (int64_t)x->blocks, e) ? -1 : 0;
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
        if (put_set(s, x, &x->sets[i], o, e)) return err_while(e, "writing the set %s", x->sets[i].name);
    for (size_t i = 0; i < x->n_nested; i++)
        if (put_nested(s, x, &x->nested[i], e)) return err_while(e, "writing the nested layers of %s", x->nested[i].name);
    if (put_blocks(s, x, o, e)) return -1;
    return paper_put(s, x, o, e) || partition_put(s, x, o, e) || store_set_text(s, "/", "target", o->group ? "group" : "single", e) ||
                   store_set_text(s, "/", "folds", x->folds_text, e) || store_set_text(s, "/", "inner", x->inner_text, e)
               ? -1 : 0;
}
