/* SPDX-License-Identifier: MIT */
/* Datasets: chunked, checksummed, without times; the layout that CONTRACT.md found robust against damage. */
#include "hdf5_store.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 1024, NEUROIDS = 256, LINE = 65536, LONGEST_TEXT = 65536 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Blocks of 256 neuroids, at most 1,024 rows; an empty array is extensible with chunk 1. */
static void chunk_shape(int rank, const size_t *dims, hsize_t *chunk)
{
    for (int i = 0; i < rank; i++) {
        size_t most = rank == 1 ? LINE : i == rank - 1 ? NEUROIDS : rank == 3 && i == 0 ? 4 : rank == 3 ? 128 : ROWS;
        chunk[i] = dims[i] ? smaller(dims[i], most) : 1;
    }
}

static hid_t creation_properties(int rank, const size_t *dims, size_t item_bytes, bool compress)
{
    hsize_t chunk[3];
    size_t bytes = item_bytes;
    hid_t p = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(p, false);
    if (!rank) return p;
    chunk_shape(rank, dims, chunk);
    H5Pset_chunk(p, rank, chunk);
    for (int i = 0; i < rank; i++) bytes *= dims[i];
    if (compress && bytes > (size_t)1 << 20) {
        H5Pset_shuffle(p);
        H5Pset_deflate(p, 4);
    }
    H5Pset_fletcher32(p);
    return p;
}

static hid_t make_space(int rank, const size_t *dims)
{
    hsize_t now[3] = { 0 }, most[3] = { 0 };
    bool empty = false;
    if (!rank) return H5Screate(H5S_SCALAR);
    for (int i = 0; i < rank; i++) {
        now[i] = most[i] = dims[i];
        empty = empty || !dims[i];
    }
    for (int i = 0; i < rank && empty; i++) most[i] = H5S_UNLIMITED;
    return H5Screate_simple(rank, now, most);
}

/* Groups on the way, without times: the library would stamp those that it makes by itself. */
static int make_groups(store *s, const char *name, err *e)
{
    char part[512];
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - name), name);
        if (!*part || H5Lexists(s->file, part, H5P_DEFAULT) > 0) continue;
        hid_t properties = H5Pcreate(H5P_GROUP_CREATE);
        H5Pset_obj_track_times(properties, false);
        hid_t g = H5Gcreate2(s->file, part, H5P_DEFAULT, properties, H5P_DEFAULT);
        H5Pclose(properties);
        if (g < 0) return hdf5_error(s, e, "group %s cannot be made", part);
        H5Gclose(g);
    }
    return 0;
}

static hid_t make_dataset(store *s, const char *name, hid_t type, int rank, const size_t *dims, bool compress, err *e)
{
    if (make_groups(s, name, e)) return -1;
    hid_t space = make_space(rank, dims);
    hid_t properties = creation_properties(rank, dims, H5Tget_size(type), compress);
    hid_t d = H5Dcreate2(s->file, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    if (d < 0) hdf5_error(s, e, "dataset %s cannot be made", name);
    H5Pclose(properties);
    H5Sclose(space);
    return d;
}

static int write_whole(store *s, const char *name, hid_t type, int rank, const size_t *dims, const void *data, bool compress,
                       err *e)
{
    size_t count = 1;
    hid_t d = make_dataset(s, name, type, rank, dims, compress, e);
    if (d < 0) return -1;
    for (int i = 0; i < rank; i++) count *= dims[i];
    bool bad = count && H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0;
    if (bad) hdf5_error(s, e, "dataset %s cannot be written", name);
    if (H5Dclose(d) < 0 && !bad) {
        hdf5_error(s, e, "dataset %s cannot be closed", name);
        bad = true;
    }
    return bad ? -1 : 0;
}

int store_write_f4(store *s, const char *name, int rank, const size_t *dims, const float *data, err *e)
{
    return write_whole(s, name, H5T_IEEE_F32LE, rank, dims, data, false, e);
}

int store_write_f8(store *s, const char *name, int rank, const size_t *dims, const double *data, err *e)
{
    return write_whole(s, name, H5T_IEEE_F64LE, rank, dims, data, false, e);
}

int store_write_i4(store *s, const char *name, int rank, const size_t *dims, const int32_t *data, err *e)
{
    return write_whole(s, name, H5T_STD_I32LE, rank, dims, data, true, e);
}

int store_write_i8(store *s, const char *name, int rank, const size_t *dims, const int64_t *data, err *e)
{
    return write_whole(s, name, H5T_STD_I64LE, rank, dims, data, true, e);
}

int store_write_u1(store *s, const char *name, int rank, const size_t *dims, const uint8_t *data, err *e)
{
    return write_whole(s, name, H5T_STD_U8LE, rank, dims, data, true, e);
}

int store_write_text(store *s, const char *name, const char *const *texts, size_t count, err *e)
{
    size_t longest = 1, bytes;
    int status = -1;
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(texts[i]);
        if (n > LONGEST_TEXT) return err_set(e, ERR_INPUT, "%s: text %zu of %s has %zu bytes, at most %d are stored", s->path, i,
                                             name, n, LONGEST_TEXT);
        if (n > longest) longest = n;
    }
    if (size_mul(count ? count : 1, longest, &bytes, e)) return -1;
    char *packed = mem_new(bytes, 1, e);
    hid_t type = H5Tcopy(H5T_C_S1);
    if (!packed) goto done;
    for (size_t i = 0; i < count; i++) memcpy(packed + i * longest, texts[i], strlen(texts[i]));
    H5Tset_size(type, longest);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
    status = write_whole(s, name, type, 1, &count, packed, true, e);
done:
    H5Tclose(type);
    free(packed);
    return status;
}

int store_make(store *s, const char *name, store_type type, int rank, const size_t *dims, err *e)
{
    hid_t d = make_dataset(s, name, hdf5_type(type), rank, dims, type != STORE_F4 && type != STORE_F8, e);
    if (d < 0) return -1;
    H5Dclose(d);
    return 0;
}

static int fill(store *s, const char *name, hid_t type, const size_t *start, const size_t *dims, const void *data, err *e)
{
    hsize_t from[3] = { 0 }, size[3] = { 0 };
    size_t count = 1;
    hid_t d = H5Dopen2(s->file, name, H5P_DEFAULT);
    if (d < 0) return hdf5_error(s, e, "dataset %s cannot be opened", name);
    hid_t space = H5Dget_space(d);
    int rank = H5Sget_simple_extent_ndims(space);
    for (int i = 0; i < rank && i < 3; i++) {
        from[i] = start[i];
        size[i] = dims[i];
        count *= dims[i];
    }
    hid_t memory = H5Screate_simple(rank, size, NULL);
    bool bad = count && (H5Sselect_hyperslab(space, H5S_SELECT_SET, from, NULL, size, NULL) < 0 ||
                         H5Dwrite(d, type, memory, space, H5P_DEFAULT, data) < 0);
    if (bad) hdf5_error(s, e, "a part of dataset %s cannot be written", name);
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(d);
    return bad ? -1 : 0;
}

int store_fill_f4(store *s, const char *name, const size_t *start, const size_t *dims, const float *data, err *e)
{
    return fill(s, name, H5T_NATIVE_FLOAT, start, dims, data, e);
}

int store_fill_f8(store *s, const char *name, const size_t *start, const size_t *dims, const double *data, err *e)
{
    return fill(s, name, H5T_NATIVE_DOUBLE, start, dims, data, e);
}
