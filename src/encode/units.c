/* SPDX-License-Identifier: MIT */
/* Features of a localizer's units alone (METHODS 6.9), or of the units that they are to be compared with. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sets.h"

static int read_what(encode_units *u, const char *text, err *e)
{
    if (str_same(text, "selected"))
        u->which = UNITS_OF_SELECTION;
    else if (str_same(text, "complement"))
        u->which = UNITS_OF_COMPLEMENT;
    else if (str_begins(text, "control.") && !parse_size(text + strlen("control."), &u->control))
        u->which = UNITS_OF_CONTROL;
    else {
        err_set(e, ERR_USAGE, "--units: '%s' is neither selected, complement nor control.N", text);
        return err_hint(e, "--units [NAME=]FILE[:selected|complement|control.N]; controls are numbered from 0");
    }
    return 0;
}

int encode_units_parse(encode_units *u, const char *text, err *e)
{
    const char *path = text, *equals = strchr(text, '=');
    char *colon;
    *u = (encode_units){ .which = UNITS_OF_SELECTION };
    if (strlen(text) >= sizeof u->path) return err_set(e, ERR_USAGE, "--units %.60s...: too long", text);
    if (equals && (size_t)(equals - text) < sizeof u->name && !file_exists(text)) {
        memcpy(u->name, text, (size_t)(equals - text));
        path = equals + 1;
    }
    u->path_at = (size_t)(path - text);
    snprintf(u->path, sizeof u->path, "%s", path);
    if (file_exists(u->path) || !(colon = strrchr(u->path, ':'))) return 0;
    *colon = 0;
    return read_what(u, colon + 1, e);
}

/* keep [count]: 1 for the units that stay. */
static int read_selected(uint8_t **keep, size_t *count, store *s, const char *tap, err *e)
{
    char name[300];
    snprintf(name, sizeof name, "tap/%.200s/selected", tap);
    return store_read_u1(s, name, keep, count, e);
}

static int read_complement(uint8_t **keep, size_t *count, store *s, const char *tap, err *e)
{
    char name[300];
    double *t = NULL;
    size_t n;
    int status = -1;
    snprintf(name, sizeof name, "tap/%.200s/t", tap);
    if (read_selected(keep, count, s, tap, e) || store_read_f8(s, name, &t, &n, e)) goto done;
    if (n != *count) {
        err_set(e, ERR_INPUT, "%s: %s has %zu units, %zu are selected from", store_path(s), name, n, *count);
        goto done;
    }
    for (size_t j = 0; j < n; j++)
        (*keep)[j] = !(*keep)[j] && isfinite(t[j]);
    status = 0;
done:
    free(t);
    return status;
}

static int read_control(uint8_t **keep, size_t *count, store *s, const char *tap, size_t number, err *e)
{
    char name[300];
    store_shape_t shape;
    uint8_t *all = NULL;
    size_t n;
    snprintf(name, sizeof name, "tap/%.200s/control", tap);
    if (!store_has(s, name)) {
        err_set(e, ERR_INPUT, "%s holds no control units of %s", store_path(s), tap);
        return err_hint(e, "broca localize --controls N");
    }
    if (store_shape(s, name, &shape, e)) return -1;
    if (shape.rank != 2 || number >= shape.dims[0])
        return err_set(e, ERR_INPUT, "%s: there are %zu sets of control units (from 0), not a set %zu", store_path(s),
                       shape.rank == 2 ? shape.dims[0] : 0, number);
    if (store_read_u1(s, name, &all, &n, e)) return -1;
    *count = shape.dims[1];
    if ((*keep = mem_new(*count, 1, e))) memcpy(*keep, all + number * *count, *count);
    free(all);
    return *keep ? 0 : -1;
}

static void keep_columns(float *rows, size_t n, size_t *width, const uint8_t *keep)
{
    size_t k = 0, count = *width;
    for (size_t j = 0; j < count; j++)
        k += keep[j] != 0;
    for (size_t i = 0, to = 0; i < n; i++)
        for (size_t j = 0; j < count; j++)
            if (keep[j]) rows[to++] = rows[i * count + j];
    *width = k;
}

static int keep_units(float *rows, size_t n, size_t *width, const encode_units *u, const char *tap, err *e)
{
    store *s = NULL;
    uint8_t *keep = NULL;
    size_t count = 0;
    int status = -1;
    if (store_open(&s, u->path, "localizer", e)) goto done;
    if (u->which == UNITS_OF_SELECTION    ? read_selected(&keep, &count, s, tap, e)
        : u->which == UNITS_OF_COMPLEMENT ? read_complement(&keep, &count, s, tap, e)
                                          : read_control(&keep, &count, s, tap, u->control, e))
        goto done;
    if (count != *width) {
        err_set(e, ERR_INPUT, "%s: tap %s has %zu units, the features %zu", u->path, tap, count, *width);
        goto done;
    }
    keep_columns(rows, n, width, keep);
    status = 0;
done:
    free(keep);
    store_close(s);
    return status;
}

int units_of_set(float *rows, size_t n, size_t *width, const encode_options *o, const char *set, const char *tap,
                 err *e)
{
    for (size_t i = 0; i < o->n_units; i++) {
        encode_units u;
        if (encode_units_parse(&u, o->units[i], e)) return -1;
        if (*u.name && !str_same(u.name, set)) continue;
        return keep_units(rows, n, width, &u, tap, e);
    }
    return 0;
}
