/* SPDX-License-Identifier: MIT */
/* Responses from GIFTI metric files (vertices are neuroids) and from npy matrices (columns are neuroids). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "images.h"

/* ---- GIFTI ---- */

/* Arrays of one number a vertex, or one array [vertices × rows]. */
static size_t rows_of(const gifti *g)
{
    return g->n == 1 && g->arrays[0].rank == 2 ? g->arrays[0].dims[1] : g->n;
}

static double value_at(const gifti *g, size_t row, size_t vertex)
{
    const gifti_array *a = &g->arrays[g->n == 1 ? 0 : row];
    return g->n == 1 && a->rank == 2 ? a->at[vertex * a->dims[1] + row] : a->at[vertex];
}

static int check_metric(const gifti *g, size_t vertices, const char *path, err *e)
{
    for (size_t k = 0; k < g->n; k++) {
        const gifti_array *a = &g->arrays[k];
        if (str_same(a->intent, "NIFTI_INTENT_TRIANGLE") || str_same(a->intent, "NIFTI_INTENT_POINTSET"))
            return err_set(e, ERR_INPUT, "%s is a surface, a map or series on its vertices is expected", path);
        if (a->rank > 2 || (a->rank == 2 && a->dims[1] != 1 && g->n > 1))
            return err_set(e, ERR_INPUT, "%s: array %zu is neither a map nor [vertices × rows]", path, k);
        if (a->dims[0] != vertices) return err_set(e, ERR_INPUT, "%s: array %zu has %zu vertices, %zu are expected", path, k, a->dims[0], vertices);
    }
    return 0;
}

static int read_metric(gifti **g, size_t *vertices, const char *path, err *e)
{
    if (gifti_read(g, path, e)) return -1;
    if (*vertices == 0) *vertices = (*g)->arrays[0].dims[0];
    return check_metric(*g, *vertices, path, e);
}

static int masked_vertices(uint8_t *keep, size_t vertices, const char *path, err *e)
{
    gifti *g = NULL;
    int status = read_metric(&g, &vertices, path, e);
    for (size_t v = 0; !status && v < vertices; v++) keep[v] = (uint8_t)(isfinite(value_at(g, 0, v)) && value_at(g, 0, v) != 0);
    gifti_free(g);
    return status ? err_while(e, "reading the mask") : 0;
}

static void common_vertices(uint8_t *keep, size_t vertices, gifti *const *files, size_t n)
{
    for (size_t v = 0; v < vertices; v++) {
        keep[v] = 1;
        for (size_t f = 0; f < n; f++)
            for (size_t k = 0; k < rows_of(files[f]); k++) keep[v] = keep[v] && isfinite(value_at(files[f], k, v));
    }
}

static int place_vertices(responses *r, const char *path, const size_t *vertex, size_t vertices, err *e)
{
    gifti *g = NULL;
    double **at[3] = { &r->x, &r->y, &r->z };
    int status = -1;
    if (!path) return 0;
    if (gifti_read(&g, path, e)) goto done;
    const gifti_array *points = gifti_find(g, "NIFTI_INTENT_POINTSET");
    if (!points || points->dims[0] != vertices) {
        err_set(e, ERR_INPUT, "%s has %zu vertices, the maps have %zu", path, points ? points->dims[0] : 0, vertices);
        goto done;
    }
    for (size_t axis = 0; axis < 3; axis++) {
        if (!(*at[axis] = arena_get(r->memory, (r->v + 1) * sizeof(double), e))) goto done;
        for (size_t k = 0; k < r->v; k++) (*at[axis])[k] = points->at[3 * vertex[k] + axis];
    }
    status = 0;
done:
    if (status) err_while(e, "reading the surface %s", path);
    gifti_free(g);
    return status;
}

static int label_vertices(responses *r, const image_source *s, const gifti *parcels, const size_t *vertex, err *e)
{
    parcel_names names;
    char roi[256];
    int status = -1;
    if (parcel_names_read(&names, s->parcel_names, e)) goto done;
    for (size_t k = 0; k < r->v; k++) {
        double number = parcels ? value_at(parcels, 0, vertex[k]) : 0;
        const char *own = parcels && number != 0 ? gifti_label(parcels, number) : NULL;
        if (parcel_name(roi, sizeof roi, &names, isfinite(number) ? number : 0, e)) goto done;
        if (own && !s->parcel_names) snprintf(roi, sizeof roi, "%s", own);
        if (responses_label(r, k, s->subject, parcels ? roi : "cortex", (int32_t)vertex[k], e)) goto done;
    }
    status = 0;
done:
    parcel_names_free(&names);
    return status;
}

static int fill_vertices(responses *r, const image_source *s, gifti *const *files, const size_t *vertex, err *e)
{
    size_t row = 0;
    for (size_t f = 0; f < s->n; f++)
        for (size_t t = 0; t < rows_of(files[f]); t++, row++) {
            if (image_row(r, s, row, f, t, rows_of(files[f]), e)) return -1;
            for (size_t k = 0; k < r->v; k++) r->data[row * r->v + k] = (float)value_at(files[f], t, vertex[k]);
        }
    return 0;
}

int responses_from_gifti(responses **out, const image_source *s, err *e)
{
    size_t rows = 0, vertices = 0, kept = 0, *vertex = NULL;
    gifti **files = mem_new(s->n, sizeof *files, e), *parcels = NULL;
    uint8_t *keep = NULL;
    responses *r = NULL;
    int status = -1;
    *out = NULL;
    for (size_t f = 0; files && f < s->n; f++) {
        if (read_metric(&files[f], &vertices, s->paths[f], e)) goto done;
        rows += rows_of(files[f]);
    }
    if (!files || !(keep = mem_new(vertices, 1, e)) || !(vertex = mem_new(vertices, sizeof *vertex, e))) goto done;
    if (vertices > INT32_MAX) goto done;
    if (!s->mask) common_vertices(keep, vertices, files, s->n);
    else if (masked_vertices(keep, vertices, s->mask, e)) goto done;
    if (s->parcels && read_metric(&parcels, &vertices, s->parcels, e)) goto done;
    for (size_t v = 0; v < vertices; v++)
        if (keep[v] && (!s->inside || (parcels && value_at(parcels, 0, v) != 0))) vertex[kept++] = v;
    if (kept == 0) {
        err_set(e, ERR_INPUT, "no vertex is left of %zu", vertices);
        goto done;
    }
    if (!(r = responses_make(rows, kept, e))) goto done;
    r->grid.shape[0] = vertices;
    r->grid.shape[1] = r->grid.shape[2] = 1;
    if (image_time(r, s, s->tr_s > 0 ? s->tr_s : NAN, e) || place_vertices(r, s->surface, vertex, vertices, e) ||
        label_vertices(r, s, parcels, vertex, e) || fill_vertices(r, s, files, vertex, e) || image_confounds(r, s, e))
        goto done;
    *out = r;
    r = NULL;
    status = 0;
done:
    for (size_t f = 0; files && f < s->n; f++) gifti_free(files[f]);
    free(files);
    gifti_free(parcels);
    free(keep);
    free(vertex);
    responses_free(r);
    return status;
}

/* ---- npy ---- */

static int read_matrix(npy_array *a, const char *path, err *e)
{
    if (npy_read(a, path, e)) return -1;
    if (a->rank == 2 && a->count) return 0;
    err_set(e, ERR_INPUT, "%s has %d dimensions and %zu numbers, a matrix [presentations × neuroids] is expected", path, a->rank, a->count);
    npy_free(a);
    return -1;
}

int responses_from_npy(responses **out, const image_source *s, err *e)
{
    npy_array *files = mem_new(s->n, sizeof *files, e);
    size_t rows = 0, row = 0;
    responses *r = NULL;
    int status = -1;
    *out = NULL;
    for (size_t f = 0; files && f < s->n; f++) {
        if (read_matrix(&files[f], s->paths[f], e)) goto done;
        rows += files[f].dims[0];
        if (files[f].dims[1] == files[0].dims[1]) continue;
        err_set(e, ERR_INPUT, "%s has %zu columns, %s %zu", s->paths[f], files[f].dims[1], s->paths[0], files[0].dims[1]);
        goto done;
    }
    if (!files || files[0].dims[1] > INT32_MAX || !(r = responses_make(rows, files[0].dims[1], e))) goto done;
    if (image_time(r, s, s->tr_s > 0 ? s->tr_s : NAN, e)) goto done;
    for (size_t k = 0; k < r->v; k++)
        if (responses_label(r, k, s->subject, "all", (int32_t)k, e)) goto done;
    for (size_t f = 0; f < s->n; f++)
        for (size_t t = 0; t < files[f].dims[0]; t++, row++) {
            if (image_row(r, s, row, f, t, files[f].dims[0], e)) goto done;
            for (size_t k = 0; k < r->v; k++) r->data[row * r->v + k] = (float)files[f].at[t * r->v + k];
        }
    if (image_confounds(r, s, e)) goto done;
    *out = r;
    r = NULL;
    status = 0;
done:
    for (size_t f = 0; files && f < s->n; f++) npy_free(&files[f]);
    free(files);
    responses_free(r);
    return status;
}
