/* SPDX-License-Identifier: MIT */
/* Reads files of broca glm and group for the section on brains. */
#include "brains.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/responses.h"
#include "broca/store.h"

static int text_attribute(char **out, store *s, const char *name, arena *a, err *e)
{
    char *text = NULL;
    if (store_has_attribute(s, "/", name) && store_get_text(s, "/", name, &text, e)) return -1;
    *out = arena_text(a, text ? text : "", text ? strlen(text) : 0, e);
    free(text);
    return *out ? 0 : -1;
}

static int count_attribute(size_t *out, store *s, const char *name, err *e)
{
    int64_t value = 0;
    if (store_has_attribute(s, "/", name) && store_get_int(s, "/", name, &value, e)) return -1;
    *out = value > 0 ? (size_t)value : 0;
    return 0;
}

static int column(double **out, store *s, const char *group, const char *what, size_t n, arena *a, err *e)
{
    char name[600];
    snprintf(name, sizeof name, "%s/%s", group, what);
    return store_column_f8(s, name, n, a, out, e);
}

static int read_selected(brain_tap *t, store *s, const char *group, size_t v, arena *a, err *e)
{
    char name[600];
    uint8_t *values = NULL;
    size_t n = 0;
    snprintf(name, sizeof name, "%s/selected", group);
    if (!store_has(s, name)) return 0;
    if (store_read_u1(s, name, &values, &n, e)) return -1;
    if (n == v && (t->selected = arena_get(a, v + 1, e))) memcpy(t->selected, values, v);
    free(values);
    if (n != v) return err_set(e, ERR_INPUT, "%s: /%s has %zu units, expected %zu", store_path(s), name, n, v);
    return t->selected ? 0 : -1;
}

static int read_tap(brain_file *f, store *s, const char *name, err *e)
{
    brain_tap *t = &f->taps[f->n];
    char group[540];
    double *dof = NULL;
    snprintf(group, sizeof group, "tap/%.500s", name);
    t->peak = t->trough = SIZE_MAX;
    if (!(t->name = arena_text(f->memory, name, strlen(name), e)) || column(&t->t, s, group, "t", f->v, f->memory, e) ||
        column(&dof, s, group, "dof", f->v, f->memory, e) || read_selected(t, s, group, f->v, f->memory, e))
        return -1;
    if (!t->t) return err_set(e, ERR_INPUT, "%s: map %s has no t", store_path(s), name);
    t->dof = dof && f->v ? dof[0] : NAN;
    for (size_t j = 0; j < f->v; j++) {
        t->n_selected += t->selected && t->selected[j];
        if (!isfinite(t->t[j])) continue;
        if (t->peak == SIZE_MAX || t->t[j] > t->t[t->peak]) t->peak = j;
        if (t->trough == SIZE_MAX || t->t[j] < t->t[t->trough]) t->trough = j;
    }
    f->n++;
    return 0;
}

static int read_taps(brain_file *f, store *s, err *e)
{
    char **names = NULL;
    size_t n = 0;
    int status = -1;
    if (store_list(s, "tap", &names, &n, e) || !(f->taps = arena_get(f->memory, (n + 1) * sizeof *f->taps, e))) goto done;
    for (size_t k = 0; k < n; k++)
        if (read_tap(f, s, names[k], e)) goto done;
    status = 0;
done:
    free(names);
    return status;
}

static int length_of(size_t *n, store *s, const char *name, err *e)
{
    store_shape_t shape;
    *n = 0;
    if (!store_has(s, name)) return 0;
    if (store_shape(s, name, &shape, e)) return -1;
    *n = shape.rank == 1 ? shape.dims[0] : 0;
    return 0;
}

static int read_parcels(brain_file *f, store *s, err *e)
{
    arena *a = f->memory;
    if (length_of(&f->parcels_n, s, "parcel/roi", e) || f->parcels_n == 0) return f->parcels_n ? -1 : 0;
    size_t n = f->parcels_n;
    if (store_column_text(s, "parcel/roi", n, a, &f->parcel, e) || store_column_i4(s, "parcel/voxels", n, a, &f->parcel_voxels, e) ||
        column(&f->parcel_t, s, "parcel", "mean_t", n, a, e) || column(&f->parcel_effect, s, "parcel", "effect", n, a, e) ||
        column(&f->parcel_lo, s, "parcel", "lo", n, a, e) || column(&f->parcel_hi, s, "parcel", "hi", n, a, e) ||
        column(&f->parcel_p, s, "parcel", "p", n, a, e))
        return -1;
    if (f->parcel_voxels && f->parcel_t && f->parcel_effect && f->parcel_lo && f->parcel_hi && f->parcel_p) return 0;
    return err_set(e, ERR_INPUT, "%s: /parcel is not whole", store_path(s));
}

static int read_regions(brain_file *f, store *s, err *e)
{
    arena *a = f->memory;
    double *response = NULL;
    size_t count = 0;
    if (length_of(&f->froi_n, s, "froi/roi", e) || length_of(&f->conditions, s, "froi/condition", e)) return -1;
    size_t n = f->froi_n;
    if (n == 0) return 0;
    if (store_column_text(s, "froi/roi", n, a, &f->froi, e) || store_column_text(s, "froi/condition", f->conditions, a, &f->condition, e) ||
        store_column_i4(s, "froi/subjects", n, a, &f->froi_count, e) ||
        (!f->froi_count && store_column_i4(s, "froi/chosen", n, a, &f->froi_count, e)) || column(&f->froi_effect, s, "froi", "effect", n, a, e) ||
        column(&f->froi_lo, s, "froi", "lo", n, a, e) || column(&f->froi_hi, s, "froi", "hi", n, a, e) || column(&f->froi_p, s, "froi", "p", n, a, e))
        return -1;
    if (store_read_f8(s, "froi/response", &response, &count, e)) return -1;
    bool whole = count == n * f->conditions && f->froi_effect && f->froi_count && (f->froi_response = arena_get(a, count * sizeof *response + 1, e));
    if (whole) memcpy(f->froi_response, response, count * sizeof *response);
    free(response);
    return whole ? 0 : err_set(e, ERR_INPUT, "%s: /froi is not whole", store_path(s));
}

static int read_signs(brain_file *f, store *s, err *e)
{
    double *p = NULL;
    f->limit_fwe = f->p_fwe_peak = NAN;
    if (!store_has(s, "tap/group/p_fwe")) return 0;
    if (column(&p, s, "tap/group", "p_fwe", f->v, f->memory, e) || store_get_real(s, "/", "max_t_95", &f->limit_fwe, e)) return -1;
    const brain_tap *t = &f->taps[0];
    if (t->peak != SIZE_MAX) f->p_fwe_peak = p[fabs(t->t[t->trough]) > t->t[t->peak] ? t->trough : t->peak];
    return 0;
}

static int check_voxels(const brain_file *f, err *e)
{
    if (f->grid.shape[0] && f->index && f->roi && f->grid.shape[1] * f->grid.shape[2] > 1) {
        for (size_t j = 0; j < f->v; j++)
            if (f->index[j] < 0 || (size_t)f->index[j] >= space_voxels(&f->grid)) return err_set(e, ERR_INPUT, "%s: unit %zu is voxel %d", f->path, j, f->index[j]);
        return 0;
    }
    err_set(e, ERR_INPUT, "%s: its maps do not lie on a grid of voxels", f->path);
    return err_hint(e, "files of broca glm and group whose responses came from NIfTI are drawn");
}

int read_brain_file(brain_file *f, const char *path, err *e)
{
    store *s = NULL;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    int status = -1;
    f->path = path;
    if (!(f->memory = arena_new(e)) || !(f->label = arena_text(f->memory, name, dot ? (size_t)(dot - name) : strlen(name), e)) ||
        store_open(&s, path, "localizer", e))
        goto done;
    if (length_of(&f->v, s, "neuroid/index", e) || store_column_i4(s, "neuroid/index", f->v, f->memory, &f->index, e) ||
        store_column_text(s, "neuroid/roi", f->v, f->memory, &f->roi, e) || grid_read(s, &f->grid, e) || check_voxels(f, e) || read_taps(f, s, e) ||
        text_attribute(&f->selection, s, "selection", f->memory, e) || count_attribute(&f->subjects, s, "subjects", e) ||
        count_attribute(&f->runs, s, "runs", e) || read_signs(f, s, e) || read_parcels(f, s, e) || read_regions(f, s, e))
        goto done;
    status = 0;
done:
    if (status) err_while(e, "reading the maps of %s", path);
    store_close(s);
    return status;
}
