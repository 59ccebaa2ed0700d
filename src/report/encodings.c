/* SPDX-License-Identifier: MIT */
#include "encodings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/activations.h"

static int keep_text(char **out, store *s, const char *object, const char *name, arena *a, err *e)
{
    char *text = NULL;
    if (store_has_attribute(s, object, name) && store_get_text(s, object, name, &text, e)) return -1;
    *out = arena_text(a, text ? text : "", text ? strlen(text) : 0, e);
    free(text);
    return *out ? 0 : -1;
}

static int keep_bytes(void **out, const void *from, size_t bytes, arena *a, err *e)
{
    if (!(*out = arena_get(a, bytes + 1, e))) return -1;
    memcpy(*out, from, bytes);
    return 0;
}

static int read_mask(uint8_t **out, store *s, const char *name, encoding_view *v, arena *a, err *e)
{
    store_shape_t shape;
    uint8_t *mask = NULL;
    void *kept;
    size_t count;
    if (store_shape(s, name, &shape, e)) return -1;
    if (shape.rank != 2 || (v->folds && (shape.dims[0] != v->folds || shape.dims[1] != v->n)))
        return err_set(e, ERR_INPUT, "%s: /%s is not folds × presentations", v->path, name);
    v->folds = shape.dims[0];
    v->n = shape.dims[1];
    if (store_read_u1(s, name, &mask, &count, e)) return -1;
    int status = keep_bytes(&kept, mask, count, a, e);
    free(mask);
    *out = kept;
    return status;
}

static int read_part(encoded_part *p, store *s, const char *name, const encoding_view *v, arena *a, err *e)
{
    char path[600];
    double *alpha = NULL;
    void *kept = NULL;
    size_t count;
    snprintf(path, sizeof path, "/set/%.500s", name);
    if (!(p->name = arena_text(a, name, strlen(name), e)) || keep_text(&p->kind, s, path, "kind", a, e)) return -1;
    if (store_has_attribute(s, path, "columns") && store_get_int(s, path, "columns", &p->columns, e)) return -1;
    snprintf(path, sizeof path, "/set/%.500s/r_mean", name);
    if (store_column_f8(s, path, v->v, a, &p->r, e)) return -1;
    snprintf(path, sizeof path, "/set/%.500s/alpha", name);
    if (!store_has(s, path)) return 0;
    if (store_read_f8(s, path, &alpha, &count, e)) return -1;
    int status = count != v->folds * v->v
                     ? err_set(e, ERR_INPUT, "%s: %s is not folds × neuroids", v->path, path)
                     : keep_bytes(&kept, alpha, count * sizeof *alpha, a, e);
    free(alpha);
    p->alpha = kept;
    return status;
}

/* Baseline, then models by name, layers in the network's order. */
static int by_layer(const void *a, const void *b)
{
    const encoded_part *x = a, *y = b;
    const char *cx = strchr(x->name, ':'), *cy = strchr(y->name, ':');
    size_t nx = cx ? (size_t)(cx - x->name) : strlen(x->name), ny = cy ? (size_t)(cy - y->name) : strlen(y->name);
    int order = strncmp(x->name, y->name, nx < ny ? nx : ny);
    if (!order) order = (nx > ny) - (nx < ny);
    if (!order && cx && cy) order = tap_compare(cx + 1, cy + 1);
    return order ? order : strcmp(x->name, y->name);
}

static int read_parts(encoding_view *v, store *s, arena *a, err *e)
{
    char **names = NULL;
    size_t n;
    int status = -1;
    if (store_list(s, "/set", &names, &n, e)) return -1;
    if (!(v->parts = arena_get(a, (n + 1) * sizeof *v->parts, e))) goto done;
    for (size_t i = 0; i < n; i++)
        if (read_part(&v->parts[v->n_parts++], s, names[i], v, a, e)) goto done;
    qsort(v->parts, v->n_parts, sizeof *v->parts, by_layer);
    status = 0;
done:
    free(names);
    return status;
}

static int read_grid(encoding_view *v, store *s, arena *a, err *e)
{
    store_shape_t shape;
    if (!store_has(s, "alpha")) return 0;
    if (store_shape(s, "alpha", &shape, e)) return -1;
    v->n_grid = shape.dims[0];
    return store_column_f8(s, "alpha", v->n_grid, a, &v->grid, e);
}

static int read_excluded(encoding_view *v, store *s, arena *a, err *e)
{
    store_shape_t shape;
    if (!store_has(s, "excluded/neuroid")) return 0;
    if (store_shape(s, "excluded/neuroid", &shape, e)) return -1;
    v->n_excluded = shape.dims[0];
    return store_column_text(s, "excluded/neuroid", v->n_excluded, a, &v->excluded, e) ||
                   store_column_text(s, "excluded/reason", v->n_excluded, a, &v->reason, e)
               ? -1
               : 0;
}

static int read_config(encoding_view *v, store *s, err *e)
{
    char *text = NULL;
    if (!store_has_attribute(s, "/", "config")) return 0;
    if (store_get_text(s, "/", "config", &text, e)) return -1;
    int status = json_parse(&v->config, text, strlen(text), v->path, e);
    free(text);
    return status;
}

static int read_view(encoding_view *v, const char *path, arena *a, err *e)
{
    store *s = NULL;
    store_shape_t shape;
    int status = -1;
    v->path = path;
    if (store_open(&s, path, "encoding", e) || store_shape(s, "neuroid/roi", &shape, e)) goto done;
    v->v = shape.dims[0];
    if (store_column_text(s, "neuroid/subject", v->v, a, &v->subject, e) ||
        store_column_text(s, "neuroid/roi", v->v, a, &v->roi, e) || read_mask(&v->test, s, "fold/test", v, a, e) ||
        read_mask(&v->train, s, "fold/train", v, a, e) || keep_text(&v->target, s, "/", "target", a, e) ||
        keep_text(&v->folds_text, s, "/", "folds", a, e) || keep_text(&v->inner_text, s, "/", "inner", a, e) ||
        keep_text(&v->mode, s, "/", "mode", a, e) || keep_text(&v->differs, s, "/", "differs_from_strict", a, e) ||
        read_grid(v, s, a, e) || read_excluded(v, s, a, e) || read_config(v, s, e) || read_parts(v, s, a, e))
        goto done;
    status = 0;
done:
    if (status) err_while(e, "reading %s for the report", path);
    store_close(s);
    return status;
}

int encoding_views_read(encoding_views *out, const char *const *paths, size_t n, err *e)
{
    *out = (encoding_views){ .memory = arena_new(e), .at = mem_new(n, sizeof *out->at, e) };
    if (!out->memory || !out->at) return -1;
    for (size_t i = 0; i < n; i++) {
        out->n++;
        if (read_view(&out->at[i], paths[i], out->memory, e)) return -1;
    }
    return 0;
}

void encoding_views_free(encoding_views *v)
{
    for (size_t i = 0; i < v->n; i++) json_free(v->at[i].config);
    free(v->at);
    arena_free(v->memory);
    *v = (encoding_views){ 0 };
}

const encoding_view *encoding_view_of(const encoding_views *v, const char *target)
{
    for (size_t i = 0; i < v->n; i++)
        if (str_same(v->at[i].target, target)) return &v->at[i];
    return NULL;
}

const char *encoding_setting(const encoding_view *v, const char *name, char *room, size_t size)
{
    const json *j = v ? json_get(v->config, name) : NULL;
    if (!j || json_is_null(j)) return "";
    if (json_is_text(j)) return json_text(j, "");
    if (json_is_number(j)) snprintf(room, size, "%g", json_number(j, 0));
    else if (json_is_array(j)) {
        size_t used = 0;
        room[0] = 0;
        for (const json *c = json_first(j); c && used + 2 < size; c = json_next(c)) {
            int wrote = snprintf(room + used, size - used, "%s%s", used ? "; " : "", json_text(c, ""));
            used += wrote > 0 ? (size_t)wrote : 0;
        }
    } else snprintf(room, size, "%s", json_bool(j, false) ? "yes" : "");
    return room;
}

bool encoded_part_of(const encoded_part *p, const char *model)
{
    size_t n = strlen(model);
    return strncmp(p->name, model, n) == 0 && (p->name[n] == ':' || p->name[n] == 0);
}
