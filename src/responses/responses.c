/* SPDX-License-Identifier: MIT */
/* Files of kind `responses`. */
#include "broca/responses.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

responses *responses_make(size_t n, size_t v, err *e)
{
    size_t cells;
    responses *r = mem_new(1, sizeof *r, e);
    if (!r) return NULL;
    if (!(r->memory = arena_new(e))) goto fail;
    r->n = n;
    r->v = v;
    r->tr = NAN;
    if (size_mul(n, v, &cells, e) || size_mul(cells, sizeof(float), &cells, e)) goto fail;
    r->id = arena_get(r->memory, (n + 1) * sizeof *r->id, e);
    r->run = arena_get(r->memory, (n + 1) * sizeof *r->run, e);
    r->subject = arena_get(r->memory, (v + 1) * sizeof *r->subject, e);
    r->roi = arena_get(r->memory, (v + 1) * sizeof *r->roi, e);
    r->index = arena_get(r->memory, (v + 1) * sizeof *r->index, e);
    r->data = mem_new(n, v * sizeof *r->data, e);
    if (!r->id || !r->run || !r->subject || !r->roi || !r->index || !r->data) goto fail;
    for (size_t i = 0; i < n; i++) r->run[i] = 1;
    return r;
fail:
    responses_free(r);
    return NULL;
}

int responses_label(responses *r, size_t neuroid, const char *subject, const char *roi, int32_t index, err *e)
{
    r->subject[neuroid] = arena_text(r->memory, subject, strlen(subject), e);
    r->roi[neuroid] = arena_text(r->memory, roi, strlen(roi), e);
    r->index[neuroid] = index;
    return r->subject[neuroid] && r->roi[neuroid] ? 0 : -1;
}

int responses_exclude(responses *r, const char *what, const char *reason, err *e)
{
    size_t n = r->n_excluded;
    char **excluded = arena_get(r->memory, (n + 1) * sizeof *excluded, e);
    char **reasons = arena_get(r->memory, (n + 1) * sizeof *reasons, e);
    if (!excluded || !reasons) return -1;
    for (size_t i = 0; i < n; i++) {
        excluded[i] = r->excluded[i];
        reasons[i] = r->reason[i];
    }
    excluded[n] = arena_text(r->memory, what, strlen(what), e);
    reasons[n] = arena_text(r->memory, reason, strlen(reason), e);
    if (!excluded[n] || !reasons[n]) return -1;
    r->excluded = excluded;
    r->reason = reasons;
    r->n_excluded = n + 1;
    return 0;
}

void responses_free(responses *r)
{
    if (!r) return;
    free(r->data);
    store_close(r->file);
    arena_free(r->memory);
    free(r);
}

static int read_presentations(store *s, responses *r, err *e)
{
    arena *a = r->memory;
    if (store_column_text(s, "presentation/id", r->n, a, &r->id, e) ||
        store_column_i4(s, "presentation/run", r->n, a, &r->run, e) ||
        store_column_f8(s, "presentation/onset", r->n, a, &r->onset, e) ||
        store_column_i4(s, "presentation/repeat", r->n, a, &r->repeat, e) ||
        store_column_text(s, "presentation/group", r->n, a, &r->group, e))
        return -1;
    if (r->id[0] || !r->n) return 0;
    return err_set(e, ERR_INPUT, "%s: /presentation/id is missing", store_path(s));
}

static int read_neuroids(store *s, responses *r, err *e)
{
    arena *a = r->memory;
    if (store_column_text(s, "neuroid/subject", r->v, a, &r->subject, e) ||
        store_column_text(s, "neuroid/roi", r->v, a, &r->roi, e) ||
        store_column_i4(s, "neuroid/index", r->v, a, &r->index, e) ||
        store_column_f8(s, "neuroid/x", r->v, a, &r->x, e) || store_column_f8(s, "neuroid/y", r->v, a, &r->y, e) ||
        store_column_f8(s, "neuroid/z", r->v, a, &r->z, e))
        return -1;
    if (!r->v || (r->subject[0] && r->roi[0])) return 0;
    return err_set(e, ERR_INPUT, "%s: /neuroid/subject or /neuroid/roi is missing", store_path(s));
}

static int read_confound(store *s, const char *path, const char *name, const char *subject, responses *r, err *e)
{
    store_shape_t shape;
    double *values = NULL;
    size_t count;
    if (store_shape(s, path, &shape, e)) return -1;
    if (shape.rank != 2 || shape.dims[0] != r->n)
        return err_set(e, ERR_INPUT, "%s: %s is not [%zu × columns]", store_path(s), path, r->n);
    if (store_read_f8(s, path, &values, &count, e)) return -1;
    confound *c = &r->confounds[r->n_confounds++];
    c->name = arena_text(r->memory, name, strlen(name), e);
    c->subject = subject ? arena_text(r->memory, subject, strlen(subject), e) : NULL;
    c->k = shape.dims[1];
    c->at = arena_get(r->memory, (count + 1) * sizeof *c->at, e);
    if (c->at) memcpy(c->at, values, count * sizeof *values);
    free(values);
    return c->name && c->at && (!subject || c->subject) ? 0 : -1;
}

static int room_for_confounds(responses *r, size_t more, err *e)
{
    confound *list = arena_get(r->memory, (r->n_confounds + more + 1) * sizeof *list, e);
    if (!list) return -1;
    if (r->n_confounds) memcpy(list, r->confounds, r->n_confounds * sizeof *list);
    r->confounds = list;
    return 0;
}

static int read_confounds(store *s, responses *r, err *e)
{
    char **names = NULL, **subjects = NULL, path[512];
    size_t n = 0, m = 0;
    int status = -1;
    if (!store_has(s, "confound")) return 0;
    if (store_list(s, "confound", &names, &n, e)) goto done;
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "confound/%s", names[i]);
        if (!store_is_group(s, path)) {
            if (room_for_confounds(r, 1, e) || read_confound(s, path, names[i], NULL, r, e)) goto done;
            continue;
        }
        free(subjects);
        subjects = NULL;
        if (store_list(s, path, &subjects, &m, e) || room_for_confounds(r, m, e)) goto done;
        for (size_t j = 0; j < m; j++) {
            snprintf(path, sizeof path, "confound/%s/%s", names[i], subjects[j]);
            if (read_confound(s, path, names[i], subjects[j], r, e)) goto done;
        }
    }
    status = 0;
done:
    free(subjects);
    free(names);
    return status;
}

static int read_excluded(store *s, responses *r, err *e)
{
    store_shape_t shape;
    if (!store_has(s, "excluded/neuroid")) return 0;
    if (store_shape(s, "excluded/neuroid", &shape, e)) return -1;
    r->n_excluded = shape.dims[0];
    return store_column_text(s, "excluded/neuroid", r->n_excluded, r->memory, &r->excluded, e) ||
                   store_column_text(s, "excluded/reason", r->n_excluded, r->memory, &r->reason, e)
               ? -1 : 0;
}

int grid_read(store *s, space *g, err *e)
{
    int64_t *shape = NULL;
    double *affine = NULL;
    size_t n = 0, m = 0;
    int status = -1;
    *g = (space){ 0 };
    if (!store_has(s, "space/shape")) return 0;
    if (store_read_i8(s, "space/shape", &shape, &n, e)) goto done;
    bool placed = store_has(s, "space/affine");
    if (placed && store_read_f8(s, "space/affine", &affine, &m, e)) goto done;
    if (n != 3 || (placed && m != 12) || shape[0] < 1 || shape[1] < 1 || shape[2] < 1 || shape[0] > INT32_MAX || shape[1] > INT32_MAX / shape[0] ||
        shape[2] > INT32_MAX / shape[0] / shape[1]) {
        err_set(e, ERR_INPUT, "%s: /space is no grid of voxels", store_path(s));
        goto done;
    }
    for (size_t k = 0; k < 3; k++) g->shape[k] = (size_t)shape[k];
    if (placed) {
        g->from = SPACE_SFORM;
        memcpy(g->affine, affine, sizeof g->affine);
    }
    status = 0;
done:
    free(shape);
    free(affine);
    return status;
}

int grid_put(store *s, const space *g, err *e)
{
    const size_t three = 3, affine[2] = { 3, 4 };
    const int64_t shape[3] = { (int64_t)g->shape[0], (int64_t)g->shape[1], (int64_t)g->shape[2] };
    if (!g->shape[0]) return 0;
    if (store_write_i8(s, "space/shape", 1, &three, shape, e)) return -1;
    return g->from == SPACE_NONE ? 0 : store_write_f8(s, "space/affine", 2, affine, g->affine, e);
}

int responses_open(responses **out, const char *path, err *e)
{
    store *s = NULL;
    responses *r = NULL;
    store_shape_t shape;
    if (store_open(&s, path, "responses", e)) goto done;
    if (store_shape(s, "data", &shape, e)) goto done;
    if (shape.rank != 2) {
        err_set(e, ERR_INPUT, "%s: /data has %d dimensions, expected presentations × neuroids", path, shape.rank);
        goto done;
    }
    if (!(r = responses_make(shape.dims[0], shape.dims[1], e))) goto done;
    free(r->data);
    r->data = NULL;
    if (read_presentations(s, r, e) || read_neuroids(s, r, e) || read_confounds(s, r, e) || read_excluded(s, r, e) || grid_read(s, &r->grid, e))
        goto done;
    if (store_has_attribute(s, "/", "tr") && store_get_real(s, "/", "tr", &r->tr, e)) goto done;
    if (!isnan(r->tr) && (!(r->tr > 0) || !r->onset)) {
        err_set(e, ERR_INPUT, "%s: a time series needs tr > 0 and /presentation/onset", path);
        goto done;
    }
    r->file = s;
    *out = r;
    return 0;
done:
    err_while(e, "reading responses from %s", path);
    responses_free(r);
    store_close(s);
    return -1;
}

int responses_read(responses **out, const char *path, err *e)
{
    size_t count;
    responses *r;
    if (responses_open(&r, path, e)) return -1;
    if (store_read_f4(r->file, "data", &r->data, &count, e)) {
        err_while(e, "reading responses from %s", path);
        responses_free(r);
        return -1;
    }
    store_close(r->file);
    r->file = NULL;
    *out = r;
    return 0;
}

int responses_columns(const responses *r, size_t first, size_t width, float *out, err *e)
{
    int status = 0;
    if (r->data) {
        for (size_t i = 0; i < r->n; i++) memcpy(out + i * width, r->data + i * r->v + first, width * sizeof *out);
        return 0;
    }
#pragma omp critical(broca_store) /* HDF5 is for one thread at a time */
    status = store_read_columns_f4(r->file, "data", first, width, out, e);
    return status;
}

static int put_confounds(store *s, const responses *r, err *e)
{
    char path[512];
    for (size_t i = 0; i < r->n_confounds; i++) {
        const confound *c = &r->confounds[i];
        const size_t dims[2] = { r->n, c->k };
        snprintf(path, sizeof path, "confound/%s%s%s", c->name, c->subject ? "/" : "", c->subject ? c->subject : "");
        if (store_write_f8(s, path, 2, dims, c->at, e)) return -1;
    }
    return 0;
}

int responses_put(store *s, const responses *r, err *e)
{
    const size_t dims[2] = { r->n, r->v };
    if (!isnan(r->tr) && store_set_real(s, "/", "tr", r->tr, e)) return -1;
    if (store_put_text(s, "presentation/id", r->id, r->n, e) || store_put_i4(s, "presentation/run", r->run, r->n, e) ||
        store_put_f8(s, "presentation/onset", r->onset, r->n, e) ||
        store_put_i4(s, "presentation/repeat", r->repeat, r->n, e) ||
        store_put_text(s, "presentation/group", r->group, r->n, e) ||
        store_put_text(s, "neuroid/subject", r->subject, r->v, e) || store_put_text(s, "neuroid/roi", r->roi, r->v, e) ||
        store_put_i4(s, "neuroid/index", r->index, r->v, e) || store_put_f8(s, "neuroid/x", r->x, r->v, e) ||
        store_put_f8(s, "neuroid/y", r->y, r->v, e) || store_put_f8(s, "neuroid/z", r->z, r->v, e))
        return -1;
    if (r->n_excluded && (store_put_text(s, "excluded/neuroid", r->excluded, r->n_excluded, e) ||
                          store_put_text(s, "excluded/reason", r->reason, r->n_excluded, e)))
        return -1;
    if (put_confounds(s, r, e) || grid_put(s, &r->grid, e)) return -1;
    return store_write_f4(s, "data", 2, dims, r->data, e);
}
