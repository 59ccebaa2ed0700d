/* SPDX-License-Identifier: MIT */
/* Reads files of kind topography for the page on maps. */
#include "maps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/store.h"

static int read_dataset(double **out, size_t *n, store *s, const char *tap, const char *what, arena *a, err *e)
{
    char name[512];
    store_shape_t shape;
    snprintf(name, sizeof name, "tap/%s/%s", tap, what);
    *out = NULL;
    *n = 0;
    if (!store_has(s, name)) return 0;
    if (store_shape(s, name, &shape, e)) return -1;
    if (shape.rank == 1) {
        *n = shape.dims[0];
        return store_column_f8(s, name, *n, a, out, e);
    }
    double *values = NULL;
    if (store_read_f8(s, name, &values, n, e)) return -1;
    if ((*out = arena_get(a, *n * sizeof **out + 1, e))) memcpy(*out, values, *n * sizeof **out);
    free(values);
    return *out ? 0 : -1;
}

static int read_selected(map_tap *t, store *s, arena *a, err *e)
{
    char name[512];
    uint8_t *values = NULL;
    size_t n = 0;
    snprintf(name, sizeof name, "tap/%s/selected", t->name);
    if (!store_has(s, name)) return 0;
    if (store_read_u1(s, name, &values, &n, e)) return -1;
    if (n == t->d && (t->selected = arena_get(a, n, e))) memcpy(t->selected, values, n);
    free(values);
    if (n != t->d) return err_set(e, ERR_INPUT, "%s: /%s has %zu units, the map has %zu", store_path(s), name, n, t->d);
    return t->selected ? 0 : -1;
}

/* Units as a picture: row = coordinate 0, column = coordinate 1, from the least position. */
static int picture(map_tap *t, arena *a, err *e)
{
    double least[2] = { INFINITY, INFINITY }, most[2] = { -INFINITY, -INFINITY };
    for (size_t k = 0; k < 2 * t->d; k++) {
        least[k % 2] = fmin(least[k % 2], t->positions[k]);
        most[k % 2] = fmax(most[k % 2], t->positions[k]);
    }
    if (!(most[0] - least[0] < 4096 && most[1] - least[1] < 4096))
        return err_set(e, ERR_INPUT, "the sheet of %s is too large to draw", t->name);
    t->rows = (size_t)(most[0] - least[0]) + 1;
    t->columns = (size_t)(most[1] - least[1]) + 1;
    t->map = arena_get(a, t->rows * t->columns * sizeof *t->map, e);
    t->chosen = t->selected ? arena_get(a, t->rows * t->columns, e) : NULL;
    if (!t->map || (t->selected && !t->chosen)) return -1;
    for (size_t i = 0; i < t->rows * t->columns; i++)
        t->map[i] = NAN;
    for (size_t k = 0; k < t->d; k++) {
        size_t at = (size_t)(t->positions[2 * k] - least[0]) * t->columns + (size_t)(t->positions[2 * k + 1] - least[1]);
        t->map[at] = t->t[k];
        if (t->chosen) t->chosen[at] = t->selected[k];
    }
    return 0;
}

static int read_smooth(map_tap *t, store *s, arena *a, err *e)
{
    char name[512];
    store_shape_t shape;
    size_t n;
    if (read_dataset(&t->smooth, &n, s, t->name, "smoothed_t", a, e) || !t->smooth) return t->smooth ? -1 : 0;
    snprintf(name, sizeof name, "tap/%s/smoothed_t", t->name);
    if (store_shape(s, name, &shape, e)) return -1;
    if (shape.rank != 2) return err_set(e, ERR_INPUT, "%s: /%s is no picture", store_path(s), name);
    memcpy(t->smooth_size, shape.dims, sizeof t->smooth_size);
    return 0;
}

static int read_curve(map_tap *t, store *s, arena *a, err *e)
{
    size_t n[4];
    if (read_dataset(&t->distance, &n[0], s, t->name, "distance/distance", a, e) ||
        read_dataset(&t->r, &n[1], s, t->name, "distance/r", a, e) ||
        read_dataset(&t->lo, &n[2], s, t->name, "distance/null_lo", a, e) ||
        read_dataset(&t->hi, &n[3], s, t->name, "distance/null_hi", a, e))
        return -1;
    if (n[1] != n[0] || n[2] != n[0] || n[3] != n[0])
        return err_set(e, ERR_INPUT, "%s: the distance curve of %s has columns of different lengths", store_path(s), t->name);
    t->curve_n = n[0];
    return 0;
}

static int read_tap(map_file *f, size_t k, store *s, err *e)
{
    map_tap *t = &f->maps[k];
    size_t n;
    t->name = f->tap[k];
    if (read_dataset(&t->t, &t->d, s, t->name, "t", f->memory, e) || read_selected(t, s, f->memory, e) ||
        read_dataset(&t->positions, &n, s, t->name, "positions", f->memory, e))
        return -1;
    if (!t->t || (t->positions && n != 2 * t->d))
        return err_set(e, ERR_INPUT, "%s: map %s is not whole", store_path(s), t->name);
    if (t->positions && picture(t, f->memory, e)) return -1;
    if (read_smooth(t, s, f->memory, e) || read_curve(t, s, f->memory, e)) return -1;
    snprintf(t->note, sizeof t->note, "I %.3f, p %.3g", f->I[k], f->p[k]);
    snprintf(t->smooth_note, sizeof t->smooth_note, "%.3f (null %.3f)", f->smoothed[k], f->mean[k]);
    size_t language = 0;
    for (size_t u = 0; t->selected && u < t->d; u++)
        language += t->selected[u];
    snprintf(t->curve_note, sizeof t->curve_note, "%zu of %zu selected", language, t->d);
    return 0;
}

static int read_table(map_file *f, store *s, err *e)
{
    const struct {
        const char *name;
        double **to;
    } columns[] = { { "I", &f->I },
                    { "p", &f->p },
                    { "p_labels", &f->p_labels },
                    { "smoothed", &f->smoothed },
                    { "presmooth_mean", &f->mean },
                    { "presmooth_sd", &f->sd },
                    { "p_presmooth", &f->p_presmooth },
                    { "t_min", &f->t_min },
                    { "t_max", &f->t_max },
                    { "clusters_kept", &f->kept } };
    store_shape_t shape;
    if (store_shape(s, "table/tap", &shape, e)) return -1;
    if (shape.rank != 1) return err_set(e, ERR_INPUT, "%s: /table/tap is not a column", store_path(s));
    f->n = shape.dims[0];
    if (store_column_text(s, "table/tap", f->n, f->memory, &f->tap, e)) return -1;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        char name[64];
        snprintf(name, sizeof name, "table/%s", columns[i].name);
        if (store_column_f8(s, name, f->n, f->memory, columns[i].to, e)) return -1;
        if (!*columns[i].to) return err_set(e, ERR_INPUT, "%s: no /%s", store_path(s), name);
    }
    return 0;
}

static int read_text(char **out, store *s, const char *attribute, arena *a, err *e)
{
    char *text = NULL;
    if (store_has_attribute(s, "/", attribute) && store_get_text(s, "/", attribute, &text, e)) return -1;
    *out = arena_text(a, text ? text : "", text ? strlen(text) : 0, e);
    free(text);
    return *out ? 0 : -1;
}

char *file_label(const char *path, arena *a, err *e)
{
    static const char *const kinds[] = { ".h5", ".sheet", ".units", ".topography", ".localizer" };
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = strlen(name);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        size_t m = strlen(kinds[k]);
        if (n > m && memcmp(name + n - m, kinds[k], m) == 0) n -= m;
    }
    return arena_text(a, name, n, e);
}

static int read_profile(map_profile *p, store *s, arena *a, err *e)
{
    store_shape_t shape;
    if (!store_has(s, "profile/tap")) return 0;
    if (store_shape(s, "profile/tap", &shape, e)) return -1;
    if (shape.rank != 1) return err_set(e, ERR_INPUT, "%s: /profile/tap is not a column", store_path(s));
    size_t n = shape.dims[0];
    if (store_column_text(s, "profile/tap", n, a, &p->tap, e) || store_column_text(s, "profile/condition", n, a, &p->condition, e) ||
        store_column_i4(s, "profile/sign", n, a, &p->sign, e) || store_column_i4(s, "profile/cluster", n, a, &p->cluster, e) ||
        store_column_i4(s, "profile/units", n, a, &p->units, e) || store_column_f8(s, "profile/mean", n, a, &p->mean, e) ||
        store_column_f8(s, "profile/lo", n, a, &p->lo, e) || store_column_f8(s, "profile/hi", n, a, &p->hi, e))
        return -1;
    if (!p->condition || !p->sign || !p->cluster || !p->units || !p->mean || !p->lo || !p->hi)
        return err_set(e, ERR_INPUT, "%s: /profile is not whole", store_path(s));
    p->n = n;
    return 0;
}

static int file_title(map_file *f, store *s, err *e)
{
    char text[400];
    int64_t seed = 1;
    if (store_has_attribute(s, "/", "layout_seed") && store_get_int(s, "/", "layout_seed", &seed, e)) return -1;
    bool own = !*f->layout || str_same(f->layout, "given") || str_same(f->layout, "mesh");
    int n = own ? snprintf(text, sizeof text, "%.200s", f->label)
                : snprintf(text, sizeof text, "%.200s: %s layout%s, seed %lld", f->label, f->layout,
                           str_same(f->layout, "optimised") ? " made afterwards" : "", (long long)seed);
    return (f->title = arena_text(f->memory, text, (size_t)n, e)) ? 0 : -1;
}

int read_map_file(map_file *f, const char *path, err *e)
{
    int status = -1;
    store *s = NULL;
    f->path = path;
    if (!(f->memory = arena_new(e)) || store_open(&s, path, "topography", e)) goto done;
    if (!(f->label = file_label(path, f->memory, e)) || read_table(f, s, e) || read_profile(&f->profile, s, f->memory, e) || store_get_real(s, "/", "fwhm", &f->fwhm, e) ||
        read_text(&f->contrast, s, "contrast", f->memory, e) || read_text(&f->match, s, "match", f->memory, e) ||
        read_text(&f->layout, s, "layout", f->memory, e) || file_title(f, s, e))
        goto done;
    if (!(f->maps = arena_get(f->memory, f->n * sizeof *f->maps + 1, e))) goto done;
    for (size_t k = 0; k < f->n; k++)
        if (read_tap(f, k, s, e)) goto done;
    status = 0;
done:
    if (status) err_while(e, "reading the maps of %s", path);
    store_close(s);
    return status;
}
