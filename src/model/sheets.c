/* SPDX-License-Identifier: MIT */
/* Where the units of a tap lie: topography.safetensors of a model folder, or /sheet of a file of kind activations. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "broca/activations.h"
#include "safetensors.h"

enum { CONFIG_LIMIT = 16 * 1024 * 1024 };

static int sheets_new(sheets **out, size_t most, err *e)
{
    sheets *s = mem_new(1, sizeof *s, e);
    if (!s) return -1;
    if (!(s->memory = arena_new(e)) || !(s->tap = arena_get(s->memory, (most + 1) * sizeof *s->tap, e)) ||
        !(s->d = arena_get(s->memory, (most + 1) * sizeof *s->d, e)) ||
        !(s->at = arena_get(s->memory, (most + 1) * sizeof *s->at, e))) {
        sheets_free(s);
        return -1;
    }
    *out = s;
    return 0;
}

/* Inserted in the order of the network. */
static int sheets_add(sheets *s, const char *tap, size_t d, double **at, err *e)
{
    size_t i = s->n;
    char *name = arena_text(s->memory, tap, strlen(tap), e);
    double *positions = arena_get(s->memory, 2 * d * sizeof *positions, e);
    if (!name || !positions) return -1;
    for (; i && tap_compare(s->tap[i - 1], name) > 0; i--) {
        s->tap[i] = s->tap[i - 1];
        s->d[i] = s->d[i - 1];
        s->at[i] = s->at[i - 1];
    }
    s->tap[i] = name;
    s->d[i] = d;
    *at = s->at[i] = positions;
    s->n++;
    return 0;
}

/* ---- topography.safetensors ---- */

/* `placement` of the config.json beside the file; "" without one. */
static int placement_of(char *text, size_t room, const char *folder, err *e)
{
    json *j = NULL;
    char *path = str_format(e, "%s/config.json", folder);
    *text = 0;
    if (!path) return -1;
    if (file_exists(path)) {
        if (json_read(&j, path, CONFIG_LIMIT, e)) {
            free(path);
            return -1;
        }
        snprintf(text, room, "%s", json_text(json_get(json_get(j, "topography"), "placement"), ""));
    }
    free(path);
    json_free(j);
    return 0;
}

/* Name of the tap that has this sheet; false: broca has no such tap. */
static bool tap_name(char *name, size_t room, const char *tensor, bool post)
{
    snprintf(name, room, "%s", tensor);
    if (!post || !str_begins(name, "h.")) return true;
    if (str_ends(name, ".attn")) return false;
    if (str_ends(name, ".mlp")) name[strlen(name) - strlen(".mlp")] = 0;
    return true;
}

static int add_tensor(sheets *s, const st_tensor *t, const char *path, bool post, size_t *left_out, err *e)
{
    int status = -1;
    char name[256];
    double *at;
    float *values = NULL;
    if (t->rank != 2 || t->dims[1] != 2 || t->dims[0] == 0 || strlen(t->name) >= sizeof name) {
        err_set(e, ERR_INPUT, "%s: tensor %.200s is no list of positions [units×2]", path, t->name);
        return -1;
    }
    if (!tap_name(name, sizeof name, t->name, post)) {
        ++*left_out;
        return 0;
    }
    if (!(values = mem_new(t->elements, sizeof *values, e)) || safetensors_read(t, values, e)) goto done;
    if (sheets_add(s, name, t->dims[0], &at, e)) goto done;
    for (size_t i = 0; i < t->elements; i++)
        at[i] = (double)values[i];
    status = 0;
done:
    free(values);
    return status;
}

static int read_safetensors(sheets **out, const char *folder, const char *path, err *e)
{
    int status = -1;
    char placement[16];
    size_t left_out = 0;
    safetensors *file = NULL;
    sheets *s = NULL;
    if (placement_of(placement, sizeof placement, folder, e) || safetensors_open_file(&file, path, e)) goto done;
    if (sheets_new(&s, safetensors_count(file), e)) goto done;
    for (size_t i = 0; i < safetensors_count(file); i++)
        if (add_tensor(s, safetensors_at(file, i), path, str_same(placement, "post"), &left_out, e)) goto done;
    if (left_out)
        log_warn("%s: the sheets of %zu taps are of the stream between two sublayers, which is no tap here: left out", path,
                 left_out);
    *out = s;
    s = NULL;
    status = 0;
done:
    safetensors_close(file);
    sheets_free(s);
    return status;
}

/* ---- /sheet of activations ---- */

static int add_dataset(sheets *s, store *file, const char *tap, err *e)
{
    int status = -1;
    store_shape_t shape;
    size_t count;
    double *values = NULL, *at;
    char *name = str_format(e, "sheet/%s", tap);
    if (!name || store_shape(file, name, &shape, e)) goto done;
    if (shape.rank != 2 || shape.dims[1] != 2 || shape.dims[0] == 0 || shape.type == STORE_TEXT) {
        err_set(e, ERR_INPUT, "%s: /%s is no list of positions [units×2]", store_path(file), name);
        goto done;
    }
    if (store_read_f8(file, name, &values, &count, e)) goto done;
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i])) {
            err_set(e, ERR_INPUT, "%s: /%s: the position of unit %zu is not finite", store_path(file), name, i / 2);
            goto done;
        }
    if (sheets_add(s, tap, shape.dims[0], &at, e)) goto done;
    memcpy(at, values, count * sizeof *at);
    status = 0;
done:
    free(values);
    free(name);
    return status;
}

static int read_activations(sheets **out, const char *path, err *e)
{
    int status = -1;
    store *file = NULL;
    sheets *s = NULL;
    char **names = NULL;
    size_t n = 0;
    if (store_open(&file, path, "activations", e)) goto done;
    if (store_has(file, "sheet") && store_list(file, "sheet", &names, &n, e)) goto done;
    if (sheets_new(&s, n, e)) goto done;
    for (size_t i = 0; i < n; i++)
        if (add_dataset(s, file, names[i], e)) goto done;
    *out = s;
    s = NULL;
    status = 0;
done:
    free(names);
    store_close(file);
    sheets_free(s);
    return status;
}

/* ---- public ---- */

int sheets_read(sheets **out, const char *path, err *e)
{
    struct stat about;
    int status = -1;
    char *file = NULL, *folder = NULL, *slash;
    *out = NULL;
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode)) {
        if ((file = str_format(e, "%s/topography.safetensors", path))) status = read_safetensors(out, path, file, e);
    } else if (str_ends(path, ".safetensors")) {
        if (!(folder = mem_text(path, e))) goto done;
        slash = strrchr(folder, '/');
        if (slash) *slash = 0;
        status = read_safetensors(out, slash ? folder : ".", path, e);
    } else {
        status = read_activations(out, path, e);
    }
    if (!status && (*out)->n == 0) {
        sheets_free(*out);
        *out = NULL;
        status = err_set(e, ERR_INPUT, "%s holds no sheet", path);
        err_hint(e, "a model folder with topography.safetensors, or its activations");
    }
done:
    if (status) err_while(e, "reading sheets");
    free(file);
    free(folder);
    return status;
}

size_t sheets_find(const sheets *s, const char *tap)
{
    for (size_t i = 0; s && i < s->n; i++)
        if (str_same(s->tap[i], tap)) return i;
    return SIZE_MAX;
}

int sheets_put(store *file, const sheets *s, const char *tap, size_t d, err *e)
{
    int status = -1;
    size_t k = sheets_find(s, tap);
    if (k == SIZE_MAX) return 0;
    if (s->d[k] != d)
        return err_set(e, ERR_INPUT, "the sheet of %s has %zu units, the tap has %zu", tap, s->d[k], d);
    const size_t dims[2] = { d, 2 };
    char *name = str_format(e, "sheet/%s", tap);
    float *values = mem_new(2 * d, sizeof *values, e);
    if (name && values) {
        for (size_t i = 0; i < 2 * d; i++)
            values[i] = (float)s->at[k][i];
        status = store_write_f4(file, name, 2, dims, values, e);
    }
    free(name);
    free(values);
    return status;
}

void sheets_free(sheets *s)
{
    if (!s) return;
    arena_free(s->memory);
    free(s);
}
