/* SPDX-License-Identifier: MIT */
/* Inputs: the maps of a localizer file, the sheets of its taps, the faces of a mesh. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/activations.h"
#include "parts.h"

static int read_column(double **out, store *s, const char *tap, const char *what, size_t n, arena *a, err *e)
{
    char name[512];
    snprintf(name, sizeof name, "tap/%s/%s", tap, what);
    *out = NULL;
    return store_column_f8(s, name, n, a, out, e);
}

static int read_selected(const uint8_t **out, store *s, const char *tap, const char *what, size_t n, arena *a, err *e)
{
    char name[512];
    uint8_t *values = NULL, *kept;
    size_t count = 0;
    snprintf(name, sizeof name, "tap/%s/%s", tap, what);
    *out = NULL;
    if (!store_has(s, name)) return 0;
    if (store_read_u1(s, name, &values, &count, e)) return -1;
    if (count != n) {
        free(values);
        return err_set(e, ERR_INPUT, "%s: /%s has %zu values, t has %zu", store_path(s), name, count, n);
    }
    if ((kept = arena_get(a, n, e))) memcpy(kept, values, n);
    free(values);
    *out = kept;
    return kept ? 0 : -1;
}

static int read_tap(topography_data *d, store *s, const char *tap, err *e)
{
    topography_input *t = &d->taps[d->n];
    char name[512];
    store_shape_t shape;
    double *values, *q;
    snprintf(name, sizeof name, "tap/%s/t", tap);
    if (store_shape(s, name, &shape, e)) return -1;
    if (shape.rank != 1 || shape.type == STORE_TEXT || shape.dims[0] == 0)
        return err_set(e, ERR_INPUT, "%s: /%s is not a map", store_path(s), name);
    t->d = shape.dims[0];
    if (!(t->name = arena_text(d->memory, tap, strlen(tap), e))) return -1;
    if (read_column(&values, s, tap, "t", t->d, d->memory, e) || read_column(&q, s, tap, "q", t->d, d->memory, e) ||
        read_selected(&t->selected, s, tap, "selected", t->d, d->memory, e) ||
        read_selected(&t->first, s, tap, "selected_first_half", t->d, d->memory, e))
        return -1;
    t->t = values;
    t->q = q;
    d->n++;
    return 0;
}

static int by_tap(const void *a, const void *b)
{
    return tap_compare(*(char *const *)a, *(char *const *)b);
}

static int read_text(char **out, store *s, const char *attribute, arena *a, err *e)
{
    char *text = NULL;
    if (store_get_text(s, "/", attribute, &text, e)) return -1;
    *out = arena_text(a, text, strlen(text), e);
    free(text);
    return *out ? 0 : -1;
}

static int read_condition(topography_data *d, store *s, err *e)
{
    static char column[] = "condition";
    d->condition = column; /* what other programs wrote has no such attribute */
    return store_has_attribute(s, "/", "condition") ? read_text(&d->condition, s, "condition", d->memory, e) : 0;
}

static int read_config(topography_data *d, store *s, err *e)
{
    char *config = NULL;
    json *j = NULL;
    size_t value = 1;
    if (store_get_text(s, "/", "config", &config, e)) return -1;
    int status = json_parse(&j, config, strlen(config), store_path(s), e);
    if (!status) {
        const char *text = json_text(json_get(j, "seed"), NULL);
        double number = json_number(json_get(j, "seed"), 1);
        if (!text) value = number >= 0 ? (size_t)number : 1;
        else if (parse_size(text, &value)) value = 1;
        d->absolute = str_same(json_text(json_get(j, "value"), ""), "absolute");
    }
    d->seed = value;
    json_free(j);
    free(config);
    return status;
}

/* The items that the localizer's first half did not use, if it has halves. */
static int read_held(topography_data *d, store *s, err *e)
{
    store_shape_t shape;
    if (!store_has(s, "heldout/item/id")) return 0;
    if (store_shape(s, "heldout/item/id", &shape, e)) return -1;
    if (shape.rank != 1) return err_set(e, ERR_INPUT, "%s: /heldout/item/id is not a column", store_path(s));
    if (store_column_text(s, "heldout/item/id", shape.dims[0], d->memory, &d->held, e)) return -1;
    d->n_held = shape.dims[0];
    return 0;
}

static int read_maps(topography_data *d, store *s, err *e)
{
    char **names = NULL;
    size_t n = 0;
    int status = -1;
    if (store_list(s, "tap", &names, &n, e)) goto done;
    if (n == 0) {
        err_set(e, ERR_INPUT, "%s holds no map", store_path(s));
        goto done;
    }
    if (!(d->taps = arena_get(d->memory, n * sizeof *d->taps, e))) goto done;
    qsort(names, n, sizeof *names, by_tap);
    for (size_t k = 0; k < n; k++)
        if (read_tap(d, s, names[k], e)) goto done;
    status = read_text(&d->contrast, s, "contrast", d->memory, e) || read_text(&d->test, s, "test", d->memory, e) ||
                     read_text(&d->match, s, "match", d->memory, e) || read_condition(d, s, e) || read_config(d, s, e) || read_held(d, s, e)
                 ? -1
                 : 0;
done:
    free(names);
    return status;
}

/* Where the units of maps of brains lie: in all maps the same. */
static int read_grid(topography_data *d, store *s, err *e)
{
    int64_t *shape = NULL;
    size_t n = 0;
    if (!store_has(s, "space/shape") || !store_has(s, "neuroid/index")) return 0;
    if (store_read_i8(s, "space/shape", &shape, &n, e)) return -1;
    bool ok = n == 3 && shape[0] > 0 && shape[1] > 0 && shape[2] > 0 && shape[0] <= INT32_MAX && shape[1] <= INT32_MAX / shape[0] &&
              shape[2] <= INT32_MAX / shape[0] / shape[1];
    for (size_t k = 0; ok && k < 3; k++)
        d->grid.shape[k] = (size_t)shape[k];
    free(shape);
    if (!ok) return err_set(e, ERR_INPUT, "%s: /space/shape is no grid", store_path(s));
    return store_column_i4(s, "neuroid/index", d->taps[0].d, d->memory, &d->index, e);
}

/* One warning for all of them. */
static void tell_without_sheet(const char *names, size_t n)
{
    if (n) log_warn("%zu taps without a sheet are left out:%s", n, names);
}

/* Positions of each tap; those without are left out, since a sheet that a model lacks cannot be read. */
static int join_sheets(topography_data *d, const sheets *s, const char *path, err *e)
{
    size_t kept = 0, without = 0, used = 0;
    char names[160] = "";
    for (size_t k = 0; k < d->n; k++) {
        topography_input t = d->taps[k];
        size_t at = sheets_find(s, t.name);
        if (at == SIZE_MAX) {
            without++;
            if (used + strlen(t.name) + 8 < sizeof names) {
                used += (size_t)snprintf(names + used, sizeof names - used, " %s", t.name);
            } else if (used < sizeof names) {
                snprintf(names + used, sizeof names - used, " ...");
                used = sizeof names;
            }
            continue;
        }
        if (s->d[at] != t.d)
            return err_set(e, ERR_INPUT, "%s: the sheet of %s has %zu units, the map has %zu", path, t.name, s->d[at], t.d);
        double *positions = arena_get(d->memory, 2 * t.d * sizeof *positions, e);
        if (!positions) return -1;
        memcpy(positions, s->at[at], 2 * t.d * sizeof *positions);
        t.positions = positions;
        d->taps[kept++] = t;
    }
    d->n = kept;
    if (kept) {
        tell_without_sheet(names, without);
        return 0;
    }
    err_set(e, ERR_INPUT, "%s: no map has a sheet there", path);
    return err_hint(e, "the sheets of a TopoLM are those of h.I.attn and h.I.mlp: broca extract --layers sublayers");
}

int topography_read(topography_data **out, const char *localizer, const char *sheets_path, err *e)
{
    int status = -1;
    store *s = NULL;
    sheets *places = NULL;
    topography_data *d = mem_new(1, sizeof *d, e);
    *out = NULL;
    if (!d || !(d->memory = arena_new(e)) || store_open(&s, localizer, "localizer", e) || read_maps(d, s, e) || read_grid(d, s, e))
        goto done;
    if (sheets_path && (sheets_read(&places, sheets_path, e) || join_sheets(d, places, sheets_path, e))) goto done;
    *out = d;
    d = NULL;
    status = 0;
done:
    sheets_free(places);
    store_close(s);
    topography_data_free(d);
    return status;
}

static int noise_map(topography_data *d, size_t rows, size_t columns, uint64_t seed, err *e)
{
    topography_input *t = &d->taps[d->n];
    char name[32];
    snprintf(name, sizeof name, "noise.%05zu", d->n + 1);
    t->d = rows * columns;
    double *map = arena_get(d->memory, t->d * sizeof *map, e), *at = arena_get(d->memory, 2 * t->d * sizeof *at, e);
    if (!map || !at || !(t->name = arena_text(d->memory, name, strlen(name), e))) return -1;
    for (size_t u = 0; u < t->d; u++) {
        map[u] = rng_normal(seed, RNG_NOISE, (uint32_t)u, (uint32_t)d->n, 0);
        at[2 * u] = (double)(u / columns);
        at[2 * u + 1] = (double)(u % columns);
    }
    t->t = map;
    t->positions = at;
    d->n++;
    return 0;
}

int topography_noise(topography_data **out, size_t maps, size_t rows, size_t columns, uint64_t seed, err *e)
{
    static char contrast[] = "noise", none[] = "none";
    topography_data *d = NULL;
    *out = NULL;
    if (maps == 0 || rows == 0 || columns == 0 || maps > 100000 || rows > 4096 || columns > 4096)
        return err_set(e, ERR_USAGE, "%zu maps of %zu by %zu units", maps, rows, columns);
    if (!(d = mem_new(1, sizeof *d, e))) return -1;
    d->contrast = contrast;
    d->test = d->match = none;
    if (!(d->memory = arena_new(e)) || !(d->taps = arena_get(d->memory, maps * sizeof *d->taps, e))) goto failed;
    for (size_t k = 0; k < maps; k++)
        if (noise_map(d, rows, columns, seed, e)) goto failed;
    *out = d;
    return 0;
failed:
    topography_data_free(d);
    return -1;
}

int topography_mesh(graph **out, const char *path, size_t n, err *e)
{
    static const char *const corner[] = { "a", "b", "c" };
    int status = -1;
    table *t = NULL;
    int64_t *faces = NULL;
    size_t column[3];
    *out = NULL;
    if (table_read(&t, path, 0, true, e)) goto done;
    for (size_t c = 0; c < 3; c++)
        if (table_find(t, corner[c], &column[c], e)) goto done;
    if (!(faces = mem_new(3 * table_rows(t), sizeof *faces, e))) goto done;
    for (size_t f = 0; f < 3 * table_rows(t); f++) {
        double v;
        if (table_number(t, f / 3, column[f % 3], &v, e)) goto done;
        if (!(v >= 0 && v < 1e9 && floor(v) == v)) {
            err_set(e, ERR_INPUT, "%s: row %zu, column %s: %g is no number of a vertex", path, f / 3 + 1, corner[f % 3], v);
            goto done;
        }
        faces[f] = (int64_t)v;
    }
    status = graph_mesh(out, faces, table_rows(t), n, e);
done:
    if (status) err_while(e, "reading the mesh %s", path);
    free(faces);
    table_free(t);
    return status;
}

void topography_data_free(topography_data *d)
{
    if (!d) return;
    arena_free(d->memory);
    free(d);
}
