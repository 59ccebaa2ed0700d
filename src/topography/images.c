/* SPDX-License-Identifier: MIT */
/* Maps of brains: t maps in NIfTI or GIFTI files, neighbours among voxels, faces of a surface. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

/* ---- neighbours among voxels ---- */

/* Steps of a voxel's neighbours: 6 share a face, 18 a face or an edge, 26 a corner as well. */
static size_t steps(int step[26][3], int neighbours)
{
    size_t n = 0;
    for (int c = 0; c < 27; c++) {
        int s[3] = { c % 3 - 1, c / 3 % 3 - 1, c / 9 - 1 }, moved = abs(s[0]) + abs(s[1]) + abs(s[2]);
        if (moved == 0 || moved > (neighbours == 6 ? 1 : neighbours == 18 ? 2 : 3)) continue;
        memcpy(step[n++], s, sizeof s);
    }
    return n;
}

/* The unit at each place of the grid, SIZE_MAX: none. */
static size_t *places(const int32_t *index, size_t n, const size_t shape[3], err *e)
{
    size_t voxels = shape[0] * shape[1] * shape[2], *place = mem_new(voxels, sizeof *place, e);
    if (!place) return NULL;
    memset(place, 0xff, voxels * sizeof *place);
    for (size_t u = 0; u < n; u++) {
        if (index[u] < 0 || (size_t)index[u] >= voxels) err_set(e, ERR_INPUT, "unit %zu is voxel %d of a grid of %zu", u, index[u], voxels);
        else if (place[index[u]] != SIZE_MAX) {
            err_set(e, ERR_INPUT, "units %zu and %zu are both voxel %d", place[index[u]], u, index[u]);
            err_hint(e, "one subject a map");
        } else {
            place[index[u]] = u;
            continue;
        }
        free(place);
        return NULL;
    }
    return place;
}

int graph_voxels(graph **out, const int32_t *index, size_t n, const size_t shape[3], int neighbours, err *e)
{
    int step[26][3], status = -1;
    size_t each = steps(step, neighbours), count = 0, room;
    size_t *place = NULL, *from = NULL, *to = NULL;
    *out = NULL;
    if (neighbours != 6 && neighbours != 18 && neighbours != 26) return err_set(e, ERR_USAGE, "a voxel has 6, 18 or 26 neighbours, not %d", neighbours);
    if (size_mul(n, each, &room, e)) return -1;
    place = places(index, n, shape, e);
    from = mem_new(room, sizeof *from, e);
    to = mem_new(room, sizeof *to, e);
    if (!place || !from || !to) goto done;
    for (size_t u = 0; u < n; u++) {
        size_t at[3] = { (size_t)index[u] % shape[0], (size_t)index[u] / shape[0] % shape[1], (size_t)index[u] / shape[0] / shape[1] };
        for (size_t k = 0; k < each; k++) {
            size_t x = at[0] + (size_t)step[k][0], y = at[1] + (size_t)step[k][1], z = at[2] + (size_t)step[k][2]; /* -1 wraps */
            if (x >= shape[0] || y >= shape[1] || z >= shape[2]) continue;
            size_t other = place[x + shape[0] * (y + shape[1] * z)];
            if (other == SIZE_MAX) continue;
            from[count] = u;
            to[count++] = other;
        }
    }
    status = graph_edges(out, n, from, to, NULL, count, e);
done:
    free(place);
    free(from);
    free(to);
    return status;
}

int topography_voxels(graph **out, const topography_data *d, int neighbours, err *e)
{
    if (d->index && d->grid.shape[0]) return graph_voxels(out, d->index, d->taps[0].d, d->grid.shape, neighbours, e);
    *out = NULL;
    err_set(e, ERR_INPUT, "the maps do not say which voxels their units are");
    return err_hint(e, "voxel neighbours are for maps of broca glm and group, or NIfTI files (--map)");
}

/* ---- meshes ---- */

static int read_faces(graph **out, size_t *vertices, const char *path, err *e)
{
    gifti *g = NULL;
    int64_t *faces = NULL;
    int status = -1;
    if (gifti_read(&g, path, e)) return -1;
    const gifti_array *a = gifti_find(g, "NIFTI_INTENT_TRIANGLE"), *points = gifti_find(g, "NIFTI_INTENT_POINTSET");
    if (!a || !points) {
        err_set(e, ERR_INPUT, "%s is no surface: it has no %s", path, a ? "points" : "triangles");
        goto done;
    }
    *vertices = points->dims[0];
    if (!(faces = mem_new(a->count, sizeof *faces, e))) goto done;
    for (size_t k = 0; k < a->count; k++) faces[k] = (int64_t)a->at[k];
    status = graph_mesh(out, faces, a->dims[0], *vertices, e);
done:
    free(faces);
    gifti_free(g);
    return status;
}

/* Maps of some vertices of a surface of `vertices`: the others have no value. */
static int spread(topography_data *d, size_t vertices, const char *path, err *e)
{
    for (size_t k = 0; k < d->n; k++) {
        topography_input *t = &d->taps[k];
        if (t->d == vertices) continue;
        if (!d->index || d->grid.shape[0] * d->grid.shape[1] * d->grid.shape[2] != vertices)
            return err_set(e, ERR_INPUT, "%s has %zu vertices, map %s has %zu units", path, vertices, t->name, t->d);
        double *wide = arena_get(d->memory, vertices * sizeof *wide, e), *q = t->q ? arena_get(d->memory, vertices * sizeof *q, e) : NULL;
        uint8_t *selected = t->selected ? arena_get(d->memory, vertices, e) : NULL;
        if (!wide || (t->q && !q) || (t->selected && !selected)) return -1;
        for (size_t v = 0; v < vertices; v++) {
            wide[v] = NAN;
            if (q) q[v] = NAN;
        }
        for (size_t u = 0; u < t->d; u++) {
            if (d->index[u] < 0 || (size_t)d->index[u] >= vertices) return err_set(e, ERR_INPUT, "unit %zu is vertex %d of %zu", u, d->index[u], vertices);
            wide[d->index[u]] = t->t[u];
            if (q) q[d->index[u]] = t->q[u];
            if (selected) selected[d->index[u]] = t->selected[u];
        }
        t->t = wide;
        t->q = q;
        t->selected = selected;
        t->d = vertices;
    }
    return 0;
}

/* A vertex with a value must lie in a face: else map and mesh do not belong together. */
static int check_isolated(const graph *g, const topography_data *d, const char *path, err *e)
{
    for (size_t k = 0; k < d->n; k++) {
        size_t alone = 0, first = 0;
        for (size_t v = 0; v < g->n; v++)
            if (g->begin[v] == g->begin[v + 1] && isfinite(d->taps[k].t[v]) && alone++ == 0) first = v;
        if (alone == 0) continue;
        err_set(e, ERR_INPUT, "%s: %zu vertices with a value in map %s lie in no face, the first is %zu", path, alone, d->taps[k].name, first);
        return err_hint(e, "is the mesh of another surface than the map? vertices without neighbours must hold NaN");
    }
    return 0;
}

int topography_surface(graph **out, topography_data *d, const char *path, err *e)
{
    size_t vertices = d->taps[0].d;
    graph *g = NULL;
    *out = NULL;
    if (str_ends(path, ".gii") ? read_faces(&g, &vertices, path, e) || spread(d, vertices, path, e) : topography_mesh(&g, path, vertices, e)) goto failed;
    if (check_isolated(g, d, path, e)) goto failed;
    *out = g;
    return 0;
failed:
    graph_free(g);
    return -1;
}

/* ---- maps in files of their own ---- */

static int add_map(topography_data *d, const char *name, const double *values, size_t n, err *e)
{
    topography_input *taps = arena_get(d->memory, (d->n + 1) * sizeof *taps, e);
    double *copy = arena_get(d->memory, n * sizeof *copy + 1, e);
    if (!taps || !copy) return -1;
    if (d->n) memcpy(taps, d->taps, d->n * sizeof *taps);
    memcpy(copy, values, n * sizeof *copy);
    taps[d->n] = (topography_input){ .name = arena_text(d->memory, name, strlen(name), e), .d = n, .t = copy };
    d->taps = taps;
    return taps[d->n++].name ? 0 : -1;
}

static int check_size(const topography_data *d, size_t n, const char *path, err *e)
{
    if (d->n == 0 || d->taps[0].d == n) return 0;
    return err_set(e, ERR_INPUT, "%s has %zu values, the maps before it %zu", path, n, d->taps[0].d);
}

static int add_gifti(topography_data *d, const char *path, const char *name, err *e)
{
    gifti *g = NULL;
    char full[300];
    int status = gifti_read(&g, path, e);
    for (size_t k = 0; !status && k < g->n; k++) {
        const gifti_array *a = &g->arrays[k];
        snprintf(full, sizeof full, g->n > 1 ? "%s.%zu" : "%s", name, k);
        if (str_same(a->intent, "NIFTI_INTENT_POINTSET") || str_same(a->intent, "NIFTI_INTENT_TRIANGLE") || (a->rank == 2 && a->dims[1] != 1) || a->rank > 2)
            status = err_set(e, ERR_INPUT, "%s: array %zu is no map of a value a vertex", path, k);
        else status = check_size(d, a->count, path, e) || add_map(d, full, a->at, a->count, e) ? -1 : 0;
    }
    gifti_free(g);
    return status;
}

/* An exact 0 is how most programs write "outside of the brain". */
static int add_nifti(topography_data *d, const char *path, const char *name, err *e)
{
    space own;
    double *values = NULL;
    int status = -1;
    if (volume_read(&own, &values, path, e)) return -1;
    size_t n = space_voxels(&own);
    if (d->n && !space_same(&own, &d->grid)) {
        err_set(e, ERR_INPUT, "%s is on another grid than the maps before it", path);
        goto done;
    }
    d->grid = own;
    for (size_t v = 0; v < n; v++)
        if (values[v] == 0) values[v] = NAN;
    status = add_map(d, name, values, n, e);
done:
    free(values);
    return status;
}

/* Voxels that some map has, in place of the whole grid. */
static int common_index(topography_data *d, err *e)
{
    size_t n = space_voxels(&d->grid), kept = 0;
    if (n > INT32_MAX || !(d->index = arena_get(d->memory, n * sizeof *d->index, e))) return -1;
    for (size_t v = 0; v < n; v++) {
        bool any = false;
        for (size_t k = 0; k < d->n && !any; k++) any = isfinite(d->taps[k].t[v]);
        if (any) d->index[kept++] = (int32_t)v;
    }
    for (size_t k = 0; k < d->n; k++) {
        double *to = arena_get(d->memory, kept * sizeof *to + 1, e);
        if (!to) return -1;
        for (size_t u = 0; u < kept; u++) to[u] = d->taps[k].t[d->index[u]];
        d->taps[k].t = to;
        d->taps[k].d = kept;
    }
    return kept ? 0 : err_set(e, ERR_INPUT, "the maps hold no value");
}

int topography_maps(topography_data **out, const char *const *paths, size_t n, err *e)
{
    static char contrast[] = "maps", test[] = "given", match[] = "none";
    topography_data *d = mem_new(1, sizeof *d, e);
    bool surface = n && str_ends(paths[0], ".gii");
    int status = -1;
    *out = NULL;
    if (!d || !(d->memory = arena_new(e))) goto done;
    d->contrast = contrast;
    d->test = test;
    d->match = match;
    d->condition = contrast;
    for (size_t k = 0; k < n; k++) {
        const char *slash = strrchr(paths[k], '/'), *name = slash ? slash + 1 : paths[k];
        char base[256];
        snprintf(base, sizeof base, "%.*s", (int)strcspn(name, "."), name);
        if (str_ends(paths[k], ".gii") != surface) {
            err_set(e, ERR_USAGE, "maps of a surface and maps of voxels do not go together");
            goto done;
        }
        if (surface ? add_gifti(d, paths[k], base, e) : add_nifti(d, paths[k], base, e)) goto done;
    }
    if (!surface && common_index(d, e)) goto done;
    *out = d;
    d = NULL;
    status = 0;
done:
    topography_data_free(d);
    return status;
}
