/* SPDX-License-Identifier: MIT */
/* Reading datasets. What a header promises is checked against the file before anything is allocated. */
#include "hdf5_store.h"

#include <stdlib.h>
#include <string.h>

static hid_t open_dataset(store *s, const char *name, err *e)
{
    if (!store_has(s, name)) {
        err_set(e, ERR_INPUT, "%s: no dataset %s", s->path, name);
        return -1;
    }
    hid_t d = H5Dopen2(s->file, name, H5P_DEFAULT);
    if (d < 0) hdf5_error(s, e, "%s cannot be opened as a dataset", name);
    return d;
}

static int type_of(hid_t d, store_type *out)
{
    hid_t type = H5Dget_type(d);
    H5T_class_t class = H5Tget_class(type);
    size_t size = H5Tget_size(type);
    H5Tclose(type);
    if (class == H5T_FLOAT) *out = size <= 4 ? STORE_F4 : STORE_F8;
    else if (class == H5T_INTEGER || class == H5T_ENUM) *out = size == 1 ? STORE_U1 : size <= 4 ? STORE_I4 : STORE_I8;
    else if (class == H5T_STRING) *out = STORE_TEXT;
    else return -1;
    return 0;
}

static int shape_of(store *s, hid_t d, const char *name, store_shape_t *shape, err *e)
{
    hsize_t dims[H5S_MAX_RANK] = { 0 };
    hid_t space = H5Dget_space(d);
    int rank = H5Sget_simple_extent_ndims(space);
    memset(shape, 0, sizeof *shape);
    bool known = rank >= 0 && rank <= 4 && H5Sget_simple_extent_dims(space, dims, NULL) == rank;
    H5Sclose(space);
    if (type_of(d, &shape->type)) return err_set(e, ERR_INPUT, "%s: %s is neither numbers nor texts", s->path, name);
    if (!known) return err_set(e, ERR_INPUT, "%s: %s has %d dimensions, at most 4 are read", s->path, name, rank);
    shape->rank = rank;
    for (int i = 0; i < rank; i++) shape->dims[i] = (size_t)dims[i];
    return 0;
}

int store_shape(store *s, const char *name, store_shape_t *shape, err *e)
{
    hid_t d = open_dataset(s, name, e);
    if (d < 0) return -1;
    int status = shape_of(s, d, name, shape, e);
    H5Dclose(d);
    return status;
}

/* gzip packs at most about 1,030 : 1, so a dataset cannot be much larger than that times the file. */
static int count_of(store *s, const char *name, const store_shape_t *shape, size_t item, size_t *count, err *e)
{
    size_t n = 1, bytes;
    for (int i = 0; i < shape->rank; i++)
        if (size_mul(n, shape->dims[i], &n, e)) return err_while(e, "reading the shape of %s in %s", name, s->path);
    if (size_mul(n, item, &bytes, e)) return err_while(e, "reading the shape of %s in %s", name, s->path);
    size_t limit = s->bytes < SIZE_MAX / 1100 ? s->bytes * 1100 : SIZE_MAX;
    if (limit < (size_t)64 << 20) limit = (size_t)64 << 20;
    if (!s->atomic && bytes > limit)
        return err_set(e, ERR_INPUT, "%s: %s claims %zu bytes, the file has %zu", s->path, name, bytes, s->bytes);
    *count = n;
    return 0;
}

static int read_numbers(store *s, const char *name, hid_t type, size_t item, void **out, size_t *count, err *e)
{
    store_shape_t shape;
    int status = -1;
    hid_t d = open_dataset(s, name, e);
    if (d < 0) return -1;
    if (shape_of(s, d, name, &shape, e) || count_of(s, name, &shape, item, count, e)) goto done;
    if (shape.type == STORE_TEXT) {
        err_set(e, ERR_INPUT, "%s: %s holds texts, numbers are expected", s->path, name);
        goto done;
    }
    if (!(*out = mem_new(*count, item, e))) goto done;
    if (*count && H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *out) < 0) {
        hdf5_error(s, e, "%s cannot be read", name);
        free(*out);
        *out = NULL;
        goto done;
    }
    status = 0;
done:
    H5Dclose(d);
    return status;
}

#define READER(suffix, c_type, hdf5_kind)                                                                              \
    int store_read_##suffix(store *s, const char *name, c_type **out, size_t *count, err *e)                           \
    {                                                                                                                  \
        void *data = NULL;                                                                                             \
        if (read_numbers(s, name, hdf5_kind, sizeof(c_type), &data, count, e)) return -1;                              \
        *out = data;                                                                                                   \
        return 0;                                                                                                      \
    }
READER(f4, float, H5T_NATIVE_FLOAT)
READER(f8, double, H5T_NATIVE_DOUBLE)
READER(i4, int32_t, H5T_NATIVE_INT32)
READER(i8, int64_t, H5T_NATIVE_INT64)
READER(u1, uint8_t, H5T_NATIVE_UINT8)

/* Texts of a packed [count × width] block; padding of NULs or blanks is cut. */
static int unpack(const char *packed, size_t count, size_t width, bool blanks, char ***out, err *e)
{
    size_t bytes;
    if (size_mul(count, width + 1 + sizeof(char *), &bytes, e)) return -1;
    char **texts = mem_new(bytes + sizeof *texts, 1, e);
    if (!texts) return -1;
    char *to = (char *)(texts + count + 1);
    for (size_t i = 0; i < count; i++) {
        const char *from = packed + i * width;
        size_t n = strnlen(from, width);
        while (blanks && n && from[n - 1] == ' ') n--;
        texts[i] = to;
        memcpy(to, from, n);
        to[n] = 0;
        to += width + 1;
    }
    *out = texts;
    return 0;
}

static int read_fixed(store *s, hid_t d, const char *name, hid_t type, const store_shape_t *shape, char ***out, size_t *count,
                      err *e)
{
    size_t width = H5Tget_size(type), bytes;
    if (count_of(s, name, shape, width + sizeof(char *), count, e) || size_mul(*count, width, &bytes, e)) return -1;
    char *packed = mem_new(bytes, 1, e);
    if (!packed) return -1;
    int status = -1;
    if (*count && H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, packed) < 0) hdf5_error(s, e, "%s cannot be read", name);
    else status = unpack(packed, *count, width, H5Tget_strpad(type) == H5T_STR_SPACEPAD, out, e);
    free(packed);
    return status;
}

static int read_variable(store *s, hid_t d, const char *name, hid_t type, const store_shape_t *shape, char ***out,
                         size_t *count, err *e)
{
    size_t bytes = 0;
    int status = -1;
    if (count_of(s, name, shape, sizeof(char *), count, e)) return -1;
    char **raw = mem_new(*count + 1, sizeof *raw, e);
    if (!raw) return -1;
    hid_t space = H5Dget_space(d);
    if (*count && H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw) < 0) {
        hdf5_error(s, e, "%s cannot be read", name);
        goto done;
    }
    for (size_t i = 0; i < *count; i++) bytes += (raw[i] ? strlen(raw[i]) : 0) + 1;
    char **texts = mem_new((*count + 1) * sizeof *texts + bytes, 1, e);
    if (!texts) goto reclaim;
    char *to = (char *)(texts + *count + 1);
    for (size_t i = 0; i < *count; i++) {
        size_t n = raw[i] ? strlen(raw[i]) : 0;
        if (n) memcpy(to, raw[i], n);
        texts[i] = to;
        to += n + 1;
    }
    *out = texts;
    status = 0;
reclaim:
    if (*count) H5Dvlen_reclaim(type, space, H5P_DEFAULT, raw);
done:
    H5Sclose(space);
    free(raw);
    return status;
}

int store_read_text(store *s, const char *name, char ***out, size_t *count, err *e)
{
    store_shape_t shape;
    int status = -1;
    hid_t d = open_dataset(s, name, e);
    if (d < 0) return -1;
    hid_t type = H5Dget_type(d);
    if (shape_of(s, d, name, &shape, e)) goto done;
    if (shape.type != STORE_TEXT) err_set(e, ERR_INPUT, "%s: %s holds numbers, texts are expected", s->path, name);
    else if (H5Tis_variable_str(type) > 0) status = read_variable(s, d, name, type, &shape, out, count, e);
    else status = read_fixed(s, d, name, type, &shape, out, count, e);
done:
    H5Tclose(type);
    H5Dclose(d);
    return status;
}

int store_read_columns_f4(store *s, const char *name, size_t first, size_t width, float *out, err *e)
{
    store_shape_t shape;
    int status = -1;
    hid_t d = open_dataset(s, name, e);
    if (d < 0) return -1;
    if (shape_of(s, d, name, &shape, e)) goto done;
    if (shape.rank != 2 || shape.type == STORE_TEXT || first > shape.dims[1] || width > shape.dims[1] - first) {
        err_set(e, ERR_INPUT, "%s: %s has no columns %zu to %zu", s->path, name, first, first + width);
        goto done;
    }
    hsize_t from[2] = { 0, first }, size[2] = { shape.dims[0], width };
    hid_t space = H5Dget_space(d), memory = H5Screate_simple(2, size, NULL);
    bool bad = size[0] && size[1] && (H5Sselect_hyperslab(space, H5S_SELECT_SET, from, NULL, size, NULL) < 0 ||
                                      H5Dread(d, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, out) < 0);
    if (bad) hdf5_error(s, e, "columns of %s cannot be read", name);
    H5Sclose(memory);
    H5Sclose(space);
    status = bad ? -1 : 0;
done:
    H5Dclose(d);
    return status;
}
