/* SPDX-License-Identifier: MIT */
/* Responses from NIfTI volumes: the runs of a series, or maps (a row each); voxels of a mask, regions by parcels. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "images.h"

/* One of several files of volumes, all on the grid of the first. */
static int open_next(volume **v, const space *grid, const char *path, const char *first, err *e)
{
    if (volume_open(v, path, e)) return -1;
    if (!grid || space_same(grid, volume_space(*v))) return 0;
    err_set(e, ERR_INPUT, "%s is on another grid than %s", path, first);
    return err_hint(e, "maps and runs of one subject or one template share their voxels: resample them first");
}

/* ---- which voxels ---- */

typedef struct {
    double least, most;
    bool out; /* not finite somewhere; of maps: zero somewhere */
} extent;

static void widen(extent *x, const double *values, size_t n, bool maps)
{
    for (size_t v = 0; v < n; v++) {
        x[v].out = x[v].out || !isfinite(values[v]) || (maps && values[v] == 0);
        x[v].least = fmin(x[v].least, values[v]);
        x[v].most = fmax(x[v].most, values[v]);
    }
}

/* Without a mask: voxels that are finite everywhere and, of maps, nowhere exactly 0; of a series, not constant. */
static int common_voxels(uint8_t *keep, const image_source *s, const space *grid, bool maps, err *e)
{
    size_t n = space_voxels(grid);
    extent *x = mem_new(n, sizeof *x, e);
    double *values = mem_new(n, sizeof *values, e);
    int status = -1;
    if (!x || !values) goto done;
    for (size_t v = 0; v < n; v++) x[v] = (extent){ INFINITY, -INFINITY, false };
    for (size_t f = 0; f < s->n; f++) {
        volume *v = NULL;
        bool bad = open_next(&v, grid, s->paths[f], s->paths[0], e) != 0;
        for (size_t t = 0; !bad && t < volume_count(v); t++) {
            bad = volume_next(v, values, e) != 0;
            if (!bad) widen(x, values, n, maps);
        }
        volume_close(v);
        if (bad) goto done;
    }
    for (size_t v = 0; v < n; v++) keep[v] = (uint8_t)(!x[v].out && (maps || x[v].most > x[v].least));
    status = 0;
done:
    free(x);
    free(values);
    return status;
}

static int masked_voxels(uint8_t *keep, const char *path, const space *grid, err *e)
{
    space own;
    double *mask = NULL;
    if (volume_read(&own, &mask, path, e)) return err_while(e, "reading the mask");
    int status = 0;
    if (!space_same(grid, &own)) {
        status = err_set(e, ERR_INPUT, "the mask %s is on another grid than the images (%zu × %zu × %zu voxels against %zu × %zu × %zu, or elsewhere)",
                         path, own.shape[0], own.shape[1], own.shape[2], grid->shape[0], grid->shape[1], grid->shape[2]);
    }
    for (size_t v = 0; !status && v < space_voxels(grid); v++) keep[v] = (uint8_t)(isfinite(mask[v]) && mask[v] != 0);
    free(mask);
    return status;
}

/* ---- regions ---- */

/* The parcel's number at each voxel of the grid, 0: none. */
static int parcel_numbers(double *number, const char *path, const space *grid, err *e)
{
    space own;
    double *parcels = NULL;
    size_t n = space_voxels(grid), *at = mem_new(n, sizeof *at, e);
    int status = -1;
    if (!at || volume_read(&own, &parcels, path, e) || space_nearest(at, grid, &own, e)) goto done;
    for (size_t v = 0; v < n; v++) {
        number[v] = at[v] == SIZE_MAX || !isfinite(parcels[at[v]]) ? 0 : parcels[at[v]];
        if (floor(number[v]) == number[v] && fabs(number[v]) < 1e9) continue;
        err_set(e, ERR_INPUT, "%s: parcel number %g is no whole number", path, number[v]);
        goto done;
    }
    if (grid->from == SPACE_NONE || own.from == SPACE_NONE) log_warn("%s: joined voxel by voxel, a grid has no affine", path);
    status = 0;
done:
    if (status) err_while(e, "reading the parcels %s", path);
    free(at);
    free(parcels);
    return status;
}

int parcel_names_read(parcel_names *p, const char *path, err *e)
{
    size_t label, name;
    *p = (parcel_names){ 0 };
    if (!path) return 0;
    if (table_read(&p->t, path, 0, true, e) || table_find(p->t, "label", &label, e) || table_find(p->t, "name", &name, e)) return -1;
    p->label = label;
    p->name = name;
    return 0;
}

int parcel_name(char *text, size_t room, const parcel_names *p, double number, err *e)
{
    snprintf(text, room, number == 0 ? "none" : "parcel%.0f", number);
    for (size_t i = 0; number != 0 && p->t && i < table_rows(p->t); i++) {
        double label;
        if (table_number(p->t, i, p->label, &label, e)) return -1;
        if (label == number) snprintf(text, room, "%s", table_cell(p->t, i, p->name));
    }
    return 0;
}

bool responses_in_parcel(const char *roi)
{
    return !str_same(roi, "none") && !str_same(roi, "brain") && !str_same(roi, "cortex") && !str_same(roi, "all");
}

void parcel_names_free(parcel_names *p)
{
    table_free(p->t);
}

/* ---- rows ---- */

/* "Words_1" of "data/Words_1.nii.gz". */
void image_id(char *id, size_t room, const char *path)
{
    static const char *const ends[] = { ".gz", ".nii", ".hdr", ".gii", ".func", ".shape", ".npy" };
    const char *slash = strrchr(path, '/');
    snprintf(id, room, "%s", slash ? slash + 1 : path);
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++)
        if (str_ends(id, ends[k]) && strlen(id) > strlen(ends[k])) id[strlen(id) - strlen(ends[k])] = 0;
}

int image_row(responses *r, const image_source *s, size_t row, size_t file, size_t at, size_t in_file, err *e)
{
    char id[512], name[400];
    image_id(name, sizeof name, s->paths[file]);
    if (s->ids) snprintf(id, sizeof id, "%s", s->ids[row]);
    else if (!isnan(r->tr) && s->n == 1) snprintf(id, sizeof id, "volume%zu", at);
    else if (!isnan(r->tr)) snprintf(id, sizeof id, "run%zu.volume%zu", file + 1, at);
    else if (in_file > 1) snprintf(id, sizeof id, "%s.%zu", name, at);
    else snprintf(id, sizeof id, "%s", name);
    if (!(r->id[row] = arena_text(r->memory, id, strlen(id), e))) return -1;
    if (isnan(r->tr)) return 0;
    r->run[row] = (int32_t)file + 1;
    r->onset[row] = (double)at * r->tr;
    return 0;
}

int image_time(responses *r, const image_source *s, double tr, err *e)
{
    r->tr = s->ids ? NAN : tr;
    if (!isnan(r->tr) && !(r->onset = arena_get(r->memory, (r->n + 1) * sizeof *r->onset, e))) return -1;
    if (s->ids && s->n_ids != r->n)
        return err_set(e, ERR_INPUT, "the stimuli have %zu items, the images %zu volumes", s->n_ids, r->n);
    return 0;
}

/* Counts volumes; all of the runs have one TR. */
static int survey(const image_source *s, space *grid, size_t *rows, bool *series, double *tr, err *e)
{
    *rows = 0;
    *series = false;
    *tr = s->tr_s > 0 ? s->tr_s : NAN;
    for (size_t f = 0; f < s->n; f++) {
        volume *v = NULL;
        if (open_next(&v, f ? grid : NULL, s->paths[f], s->paths[0], e)) {
            volume_close(v);
            return -1;
        }
        double own = volume_tr(v);
        size_t count = volume_count(v);
        *grid = *volume_space(v);
        *rows += count;
        *series = *series || count > 1;
        volume_close(v);
        if (s->tr_s > 0 || s->ids || count == 1) continue;
        if (isnan(own)) {
            err_set(e, ERR_INPUT, "%s: %zu volumes, and the header does not say how far apart in time", s->paths[f], count);
            return err_hint(e, "--tr with the repetition time in seconds; or --stimuli where the volumes are items");
        }
        if (!isnan(*tr) && fabs(own - *tr) > 1e-6)
            return err_set(e, ERR_INPUT, "%s has a repetition time of %g s, the runs before it %g s", s->paths[f], own, *tr);
        *tr = own;
    }
    if (!*series) *tr = NAN;
    return 0;
}

static int fill(responses *r, const image_source *s, const size_t *voxel, const space *grid, err *e)
{
    double *values = mem_new(space_voxels(grid), sizeof *values, e);
    size_t row = 0;
    int status = values ? 0 : -1;
    for (size_t f = 0; !status && f < s->n; f++) {
        volume *v = NULL;
        status = open_next(&v, grid, s->paths[f], s->paths[0], e);
        for (size_t t = 0; !status && t < volume_count(v); t++, row++) {
            status = volume_next(v, values, e) || image_row(r, s, row, f, t, volume_count(v), e) ? -1 : 0;
            for (size_t k = 0; !status && k < r->v; k++) r->data[row * r->v + k] = (float)values[voxel[k]];
        }
        volume_close(v);
    }
    free(values);
    return status;
}

static int label(responses *r, const image_source *s, const size_t *voxel, const double *number, err *e)
{
    parcel_names names;
    char roi[256];
    int status = -1;
    double *at[3];
    if (parcel_names_read(&names, s->parcel_names, e)) goto done;
    for (int k = 0; k < 3; k++)
        if (!(at[k] = arena_get(r->memory, (r->v + 1) * sizeof **at, e))) goto done;
    for (size_t k = 0; k < r->v; k++) {
        double mm[3];
        space_mm(&r->grid, voxel[k], mm);
        for (int axis = 0; axis < 3; axis++) at[axis][k] = mm[axis];
        if (parcel_name(roi, sizeof roi, &names, number[voxel[k]], e)) goto done;
        if (!s->parcels) snprintf(roi, sizeof roi, "brain");
        if (responses_label(r, k, s->subject, roi, (int32_t)voxel[k], e)) goto done;
    }
    if (r->grid.from != SPACE_NONE) r->x = at[0], r->y = at[1], r->z = at[2];
    status = 0;
done:
    parcel_names_free(&names);
    return status;
}

int responses_from_nifti(responses **out, const image_source *s, err *e)
{
    space grid;
    size_t rows = 0, kept = 0, n, *voxel = NULL;
    bool series;
    double tr, *number = NULL;
    uint8_t *keep = NULL;
    responses *r = NULL;
    int status = -1;
    *out = NULL;
    if (survey(s, &grid, &rows, &series, &tr, e)) goto done;
    n = space_voxels(&grid);
    if (n > INT32_MAX) {
        err_set(e, ERR_INPUT, "%s has %zu voxels, at most 2^31 are numbered", s->paths[0], n);
        goto done;
    }
    keep = mem_new(n, 1, e);
    number = mem_new(n, sizeof *number, e);
    voxel = mem_new(n, sizeof *voxel, e);
    if (!keep || !number || !voxel) goto done;
    if (s->mask ? masked_voxels(keep, s->mask, &grid, e) : common_voxels(keep, s, &grid, !series || s->ids, e)) goto done;
    if (s->parcels && parcel_numbers(number, s->parcels, &grid, e)) goto done;
    for (size_t v = 0; v < n; v++)
        if (keep[v] && (!s->inside || number[v] != 0)) voxel[kept++] = v;
    if (kept == 0) {
        err_set(e, ERR_INPUT, "no voxel is left of %zu", n);
        err_hint(e, s->mask ? "is the mask empty, or its parcels elsewhere?" : "voxels must be finite in every volume and vary: give a --mask");
        goto done;
    }
    if (!(r = responses_make(rows, kept, e))) goto done;
    r->grid = grid;
    if (image_time(r, s, tr, e) || label(r, s, voxel, number, e) || fill(r, s, voxel, &grid, e) || image_confounds(r, s, e)) goto done;
    *out = r;
    r = NULL;
    status = 0;
done:
    responses_free(r);
    free(keep);
    free(number);
    free(voxel);
    return status;
}
