/* SPDX-License-Identifier: MIT */
/* Subjects' maps and functional regions from the files that broca glm wrote. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "brain.h"

typedef struct {
    store *s;
    arena *memory;
    size_t v;
    int32_t *index;
    double *effect, *x, *y, *z;
    char **subject, **roi;
    space grid;
} subject_file;

static int open_file(subject_file *f, const char *path, const char *map, err *e)
{
    char name[512];
    char **maps = NULL;
    size_t n = 0;
    store_shape_t shape;
    int status = -1;
    if (!(f->memory = arena_new(e)) || store_open(&f->s, path, "localizer", e) || store_list(f->s, "tap", &maps, &n, e)) goto done;
    if (!map && n == 1) map = maps[0];
    if (!map) {
        err_set(e, ERR_USAGE, "%s has %zu maps: --map says which", path, n);
        goto done;
    }
    snprintf(name, sizeof name, "tap/%.400s/effect", map);
    if (!store_has(f->s, name)) {
        err_set(e, ERR_INPUT, "%s has no map %s of effects", path, map);
        const char *nearest = n ? str_nearest(map, (const char *const *)maps) : NULL;
        if (nearest) err_hint(e, "did you mean %s?", nearest);
        else err_hint(e, "files of broca glm are expected");
        goto done;
    }
    if (store_shape(f->s, name, &shape, e)) goto done;
    f->v = shape.dims[0];
    if (store_column_f8(f->s, name, f->v, f->memory, &f->effect, e) || store_column_i4(f->s, "neuroid/index", f->v, f->memory, &f->index, e) ||
        store_column_text(f->s, "neuroid/subject", f->v, f->memory, &f->subject, e) || store_column_text(f->s, "neuroid/roi", f->v, f->memory, &f->roi, e) ||
        store_column_f8(f->s, "neuroid/x", f->v, f->memory, &f->x, e) || store_column_f8(f->s, "neuroid/y", f->v, f->memory, &f->y, e) ||
        store_column_f8(f->s, "neuroid/z", f->v, f->memory, &f->z, e) || grid_read(f->s, &f->grid, e))
        goto done;
    if (f->index && f->subject && f->roi) status = 0;
    else err_set(e, ERR_INPUT, "%s does not say which voxels its maps are of", path);
done:
    free(maps);
    return status;
}

static void close_file(subject_file *f)
{
    store_close(f->s);
    arena_free(f->memory);
}

/* Neuroids of the first file that the others have, too (indices rise). */
static size_t shared(size_t *at, const subject_file *files, size_t n)
{
    size_t kept = 0;
    size_t *next = at + files[0].v * n; /* [n] where each file is */
    memset(next, 0, n * sizeof *next);
    for (size_t j = 0; j < files[0].v; j++) {
        bool all = true;
        for (size_t f = 0; f < n; f++) {
            while (next[f] < files[f].v && files[f].index[next[f]] < files[0].index[j]) next[f]++;
            all = all && next[f] < files[f].v && files[f].index[next[f]] == files[0].index[j];
            at[kept * n + f] = next[f];
        }
        kept += all;
    }
    return kept;
}

static int copy_places(responses *r, const subject_file *f, const size_t *at, size_t n, err *e)
{
    const double *from[3] = { f->x, f->y, f->z };
    double **to[3] = { &r->x, &r->y, &r->z };
    for (size_t k = 0; k < 3; k++) {
        if (!from[k]) continue;
        if (!(*to[k] = arena_get(r->memory, (r->v + 1) * sizeof(double), e))) return -1;
        for (size_t j = 0; j < r->v; j++) (*to[k])[j] = from[k][at[j * n]];
    }
    return 0;
}

int group_read(responses **out, const char *const *paths, size_t n, const char *map, err *e)
{
    subject_file *files = mem_new(n, sizeof *files, e);
    size_t *at = NULL, kept, f = 0;
    responses *r = NULL;
    int status = -1;
    *out = NULL;
    if (!files) return -1;
    for (f = 0; f < n; f++) {
        if (open_file(&files[f], paths[f], map, e)) goto done;
        if (memcmp(files[f].grid.shape, files[0].grid.shape, sizeof files[0].grid.shape) == 0) continue;
        err_set(e, ERR_INPUT, "%s is on another grid than %s", paths[f], paths[0]);
        err_hint(e, "subjects are compared voxel by voxel: bring them to one template first");
        goto done;
    }
    if (!(at = mem_new((files[0].v + 1) * n, sizeof *at, e))) goto done;
    kept = shared(at, files, n);
    if (kept == 0) {
        err_set(e, ERR_INPUT, "the %zu subjects have no voxel in common", n);
        goto done;
    }
    if (!(r = responses_make(n, kept, e)) || copy_places(r, &files[0], at, n, e)) goto done;
    r->grid = files[0].grid;
    for (size_t j = 0; j < kept; j++)
        if (responses_label(r, j, "group", files[0].roi[at[j * n]], files[0].index[at[j * n]], e)) goto done;
    for (f = 0; f < n; f++) {
        if (!(r->id[f] = arena_text(r->memory, files[f].subject[0], strlen(files[f].subject[0]), e))) goto done;
        for (size_t j = 0; j < kept; j++) r->data[f * kept + j] = (float)files[f].effect[at[j * n + f]];
    }
    *out = r;
    r = NULL;
    status = 0;
done:
    if (status && f < n) err_while(e, "reading the map of %s", paths[f]);
    for (size_t k = 0; k < n; k++) close_file(&files[k]);
    free(files);
    free(at);
    responses_free(r);
    return status;
}

/* ---- functional regions ---- */

typedef struct {
    size_t n, conditions;
    char **roi, **condition;
    double *effect, *response;
    arena *memory;
} region_file;

static int read_regions(region_file *f, const char *path, err *e)
{
    store *s = NULL;
    store_shape_t shape;
    double *response = NULL;
    size_t count = 0;
    int status = -1;
    if (!(f->memory = arena_new(e)) || store_open(&s, path, "localizer", e)) goto done;
    if (!store_has(s, "froi/response")) {
        status = 0;
        goto done;
    }
    if (store_shape(s, "froi/response", &shape, e)) goto done;
    f->n = shape.dims[0];
    f->conditions = shape.dims[1];
    if (store_column_text(s, "froi/roi", f->n, f->memory, &f->roi, e) || store_column_f8(s, "froi/effect", f->n, f->memory, &f->effect, e) ||
        store_column_text(s, "froi/condition", f->conditions, f->memory, &f->condition, e) || store_read_f8(s, "froi/response", &response, &count, e))
        goto done;
    if (!f->roi || !f->effect || !f->condition || count != f->n * f->conditions) {
        err_set(e, ERR_INPUT, "%s: /froi is not whole", path);
        goto done;
    }
    if ((f->response = arena_get(f->memory, count * sizeof *response + 1, e))) {
        memcpy(f->response, response, count * sizeof *response);
        status = 0;
    }
done:
    free(response);
    store_close(s);
    return status;
}

/* A region over the subjects that have it. */
static void join(group_result *g, size_t region, const region_file *files, size_t n, double *x)
{
    size_t m = 0;
    for (size_t f = 0; f < n; f++)
        for (size_t k = 0; k < files[f].n; k++) {
            if (!str_same(files[f].roi[k], g->regions[region])) continue;
            x[m++] = files[f].effect[k];
            for (size_t c = 0; c < g->n_conditions; c++) g->region_condition[region * g->n_conditions + c] += files[f].response[k * g->n_conditions + c];
            break;
        }
    for (size_t c = 0; c < g->n_conditions; c++) g->region_condition[region * g->n_conditions + c] /= (double)m;
    g->region_subjects[region] = (int32_t)m;
    g->region_t[region] = one_sample(x, m, 0);
    double half = m > 1 ? t_quantile(.975, (double)m - 1) * sqrt(variance_f8(x, m, 1) / (double)m) : NAN;
    g->region_effect[region] = mean_f8(x, m);
    g->region_lo[region] = g->region_effect[region] - half;
    g->region_hi[region] = g->region_effect[region] + half;
}

static int name_regions(group_result *g, const region_file *first, err *e)
{
    arena *a = g->memory;
    g->n_regions = first->n;
    g->n_conditions = first->conditions;
    g->regions = arena_get(a, (first->n + 1) * sizeof *g->regions, e);
    g->conditions = arena_get(a, (first->conditions + 1) * sizeof *g->conditions, e);
    double **columns[] = { &g->region_effect, &g->region_lo, &g->region_hi };
    for (size_t k = 0; k < 3; k++)
        if (!(*columns[k] = arena_get(a, (first->n + 1) * sizeof(double), e))) return -1;
    g->region_condition = arena_get(a, (first->n * first->conditions + 1) * sizeof(double), e);
    g->region_t = arena_get(a, (first->n + 1) * sizeof *g->region_t, e);
    g->region_subjects = arena_get(a, (first->n + 1) * sizeof *g->region_subjects, e);
    if (!g->regions || !g->conditions || !g->region_condition || !g->region_t || !g->region_subjects) return -1;
    for (size_t k = 0; k < first->n; k++)
        if (!(g->regions[k] = arena_text(a, first->roi[k], strlen(first->roi[k]), e))) return -1;
    for (size_t k = 0; k < first->conditions; k++)
        if (!(g->conditions[k] = arena_text(a, first->condition[k], strlen(first->condition[k]), e))) return -1;
    return 0;
}

int group_regions(group_result *g, const char *const *paths, size_t n, err *e)
{
    region_file *files = mem_new(n, sizeof *files, e);
    double *x = mem_new(n, sizeof *x, e);
    int status = -1;
    if (!files || !x) goto done;
    for (size_t f = 0; f < n; f++) {
        if (read_regions(&files[f], paths[f], e)) goto done;
        bool same = files[f].conditions == files[0].conditions;
        for (size_t c = 0; same && c < files[0].conditions; c++) same = str_same(files[f].condition[c], files[0].condition[c]);
        if (same) continue;
        err_set(e, ERR_INPUT, "%s has other conditions in its functional regions than %s", paths[f], paths[0]);
        goto done;
    }
    if (name_regions(g, &files[0], e)) goto done;
    for (size_t k = 0; k < g->n_regions; k++) join(g, k, files, n, x);
    status = 0;
done:
    for (size_t f = 0; files && f < n; f++) arena_free(files[f].memory);
    free(files);
    free(x);
    return status;
}
