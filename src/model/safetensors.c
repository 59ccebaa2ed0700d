/* SPDX-License-Identifier: MIT */
#include "safetensors.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broca/store.h"

enum { HEADER_LIMIT = 100 * 1000 * 1000, INDEX_LIMIT = 100 * 1000 * 1000 }; /* the format's own limit on headers */

typedef struct {
    const char *name;
    unsigned char *map;
    size_t bytes;
} st_file;

typedef struct {
    const char *name, *target;
} st_alias;

struct safetensors {
    arena *memory;
    st_file *files;
    const char **file_names;
    size_t n_files;
    st_tensor *tensors;
    size_t n, room;
    st_alias *aliases;
    size_t n_aliases;
};

static const struct {
    const char *name;
    st_type type;
    size_t bytes;
} dtypes[] = {
    { "F64", ST_F64, 8 }, { "F32", ST_F32, 4 }, { "F16", ST_F16, 2 }, { "BF16", ST_BF16, 2 }, { "I64", ST_OTHER, 8 },
    { "U64", ST_OTHER, 8 }, { "I32", ST_OTHER, 4 }, { "U32", ST_OTHER, 4 }, { "I16", ST_OTHER, 2 }, { "U16", ST_OTHER, 2 },
    { "I8", ST_OTHER, 1 }, { "U8", ST_OTHER, 1 }, { "BOOL", ST_OTHER, 1 }, { "F8_E4M3", ST_OTHER, 1 },
    { "F8_E5M2", ST_OTHER, 1 },
};

/* ---- header ---- */

/* A whole number that fits: JSON numbers are doubles, exact up to 2^53. */
static int whole(const json *j, size_t *out)
{
    double v = json_number(j, -1);
    if (!(v >= 0) || v > 9007199254740992.0 || floor(v) != v) return -1;
    *out = (size_t)v;
    return 0;
}

static int read_shape(st_tensor *t, const json *j, const char *path, err *e)
{
    t->elements = 1;
    if (!json_is_array(j)) return err_set(e, ERR_INPUT, "%s: tensor %s has no shape", path, t->name);
    for (const json *d = json_first(j); d; d = json_next(d)) {
        if (t->rank == 8) return err_set(e, ERR_INPUT, "%s: tensor %s has more than 8 dimensions", path, t->name);
        if (whole(d, &t->dims[t->rank]))
            return err_set(e, ERR_INPUT, "%s: tensor %s: dimension %d is not a whole number", path, t->name, t->rank);
        if (size_mul(t->elements, t->dims[t->rank], &t->elements, e)) return err_while(e, "reading tensor %s of %s", t->name, path);
        t->rank++;
    }
    return 0;
}

static int read_place(st_tensor *t, const json *j, const st_file *f, size_t data, const char *path, err *e)
{
    const json *first = json_first(j), *second = json_next(first);
    size_t begin, end, room = f->bytes - data;
    if (!json_is_array(j) || json_count(j) != 2 || whole(first, &begin) || whole(second, &end) || end < begin)
        return err_set(e, ERR_INPUT, "%s: tensor %s: data_offsets are not two rising whole numbers", path, t->name);
    if (end > room) {
        err_set(e, ERR_INPUT, "%s: tensor %s ends at byte %zu of the data, the file holds %zu", path, t->name, end, room);
        return err_hint(e, "the file is truncated or damaged; obtain it again");
    }
    t->begin = begin;
    t->bytes = end - begin;
    t->at = f->map + data + begin;
    return 0;
}

static int read_tensor(st_tensor *t, const json *j, const st_file *f, size_t data, const char *path, err *e)
{
    const char *dtype = json_text(json_get(j, "dtype"), NULL);
    size_t size = 0, bytes;
    t->file = f->name;
    if (!dtype) return err_set(e, ERR_INPUT, "%s: tensor %s has no dtype", path, t->name);
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (str_same(dtypes[i].name, dtype)) {
            size = dtypes[i].bytes;
            t->type = dtypes[i].type;
        }
    if (!size) return err_set(e, ERR_INPUT, "%s: tensor %s: unknown dtype '%.20s'", path, t->name, dtype);
    snprintf(t->dtype, sizeof t->dtype, "%s", dtype);
    if (read_shape(t, json_get(j, "shape"), path, e)) return -1;
    if (read_place(t, json_get(j, "data_offsets"), f, data, path, e)) return -1;
    if (size_mul(t->elements, size, &bytes, e)) return err_while(e, "reading tensor %s of %s", t->name, path);
    if (bytes == t->bytes) return 0;
    return err_set(e, ERR_INPUT, "%s: tensor %s: %zu elements of %s are %zu bytes, the header gives it %zu", path, t->name,
                   t->elements, dtype, bytes, t->bytes);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const st_tensor *)a)->name, ((const st_tensor *)b)->name);
}

static int by_place(const void *a, const void *b)
{
    const st_tensor *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* The format allows neither holes nor overlaps: the tensors of one file cover its data exactly. */
static int check_cover(st_tensor *t, size_t n, size_t room, const char *path, err *e)
{
    size_t at = 0;
    if (n) qsort(t, n, sizeof *t, by_place);
    for (size_t i = 0; i < n; i++) {
        if (t[i].begin < at)
            return err_set(e, ERR_INPUT, "%s: tensors %s and %s overlap at byte %zu of the data", path, t[i - 1].name, t[i].name,
                           t[i].begin);
        if (t[i].begin > at)
            return err_set(e, ERR_INPUT, "%s: bytes %zu to %zu of the data belong to no tensor", path, at, t[i].begin);
        at += t[i].bytes;
    }
    if (at == room) return 0;
    return err_set(e, ERR_INPUT, "%s: the tensors cover %zu bytes of data, the file holds %zu", path, at, room);
}

static int add_alias(safetensors *s, const char *name, const char *target, err *e)
{
    void *list = s->aliases;
    if (mem_grow(&list, s->n_aliases + 1, sizeof *s->aliases, e)) return -1;
    s->aliases = list;
    st_alias *a = &s->aliases[s->n_aliases];
    a->name = arena_text(s->memory, name, strlen(name), e);
    a->target = arena_text(s->memory, target, strlen(target), e);
    if (!a->name || !a->target) return -1;
    s->n_aliases++;
    return 0;
}

static int read_entries(safetensors *s, const json *header, const st_file *f, size_t data, const char *path, err *e)
{
    size_t first = s->n;
    for (const json *j = json_first(header); j; j = json_next(j)) {
        const char *name = json_key(j);
        if (str_same(name, "__metadata__")) {
            for (const json *k = json_first(j); k; k = json_next(k))
                if (json_is_text(k) && add_alias(s, json_key(k), json_text(k, ""), e)) return -1;
            continue;
        }
        if (s->n == s->room) {
            void *list = s->tensors;
            if (mem_grow(&list, s->room * 2 + 64, sizeof *s->tensors, e)) return -1;
            s->tensors = list;
            s->room = s->room * 2 + 64;
        }
        st_tensor *t = &s->tensors[s->n];
        memset(t, 0, sizeof *t);
        t->name = arena_text(s->memory, name, strlen(name), e);
        if (!t->name || read_tensor(t, j, f, data, path, e)) return -1;
        s->n++;
    }
    return check_cover(s->tensors + first, s->n - first, f->bytes - data, path, e);
}

static int read_header(safetensors *s, const st_file *f, const char *path, err *e)
{
    json *header = NULL;
    uint64_t length = 0;
    if (f->bytes < 8) return err_set(e, ERR_INPUT, "%s: %zu bytes are no safetensors file", path, f->bytes);
    for (int i = 7; i >= 0; i--) length = length << 8 | f->map[i];
    if (length > HEADER_LIMIT || length > f->bytes - 8) {
        err_set(e, ERR_INPUT, "%s: the header claims %llu bytes, the file has %zu", path, (unsigned long long)length, f->bytes);
        return err_hint(e, "the file is truncated or is no safetensors file");
    }
    int status = -1;
    if (json_parse(&header, (const char *)f->map + 8, (size_t)length, path, e)) goto done;
    if (!json_is_object(header)) {
        err_set(e, ERR_INPUT, "%s: the header is not a JSON object", path);
        goto done;
    }
    status = read_entries(s, header, f, 8 + (size_t)length, path, e);
done:
    json_free(header);
    return status;
}

/* ---- files ---- */

static int map_file(st_file *f, const char *path, err *e)
{
    struct stat st;
    int status = -1, fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_set(e, ERR_INPUT, "%s cannot be opened", path);
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0) {
        err_set(e, ERR_INPUT, "%s is empty or not a file", path);
        goto done;
    }
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        err_system(e, "%s cannot be mapped", path);
        goto done;
    }
    f->map = map;
    f->bytes = (size_t)st.st_size;
    status = 0;
done:
    close(fd);
    return status;
}

static int add_file(safetensors *s, const char *folder, const char *name, err *e)
{
    void *list = s->files;
    char *path = NULL;
    int status = -1;
    if (mem_grow(&list, s->n_files + 1, sizeof *s->files, e)) return -1;
    s->files = list;
    st_file *f = &s->files[s->n_files];
    memset(f, 0, sizeof *f);
    if (!(f->name = arena_text(s->memory, name, strlen(name), e))) goto done;
    if (!(path = str_format(e, "%s/%s", folder, name)) || map_file(f, path, e)) goto done;
    s->n_files++;
    status = read_header(s, f, path, e);
done:
    free(path);
    return status;
}

static const st_tensor *find_exact(const safetensors *s, const char *name)
{
    st_tensor key = { .name = name };
    return s->n ? bsearch(&key, s->tensors, s->n, sizeof *s->tensors, by_name) : NULL;
}

static int open_shards(safetensors *s, const char *folder, const char *path, err *e)
{
    json *index = NULL;
    int status = -1;
    if (json_read(&index, path, INDEX_LIMIT, e)) goto done;
    const json *map = json_get(index, "weight_map");
    if (!json_is_object(map) || !json_count(map)) {
        err_set(e, ERR_INPUT, "%s: there is no weight_map", path);
        goto done;
    }
    for (const json *j = json_first(map); j; j = json_next(j)) {
        const char *name = json_text(j, "");
        bool known = false;
        if (!*name || strchr(name, '/')) {
            err_set(e, ERR_INPUT, "%s: tensor %s is said to be in '%s', which is no file of this folder", path, json_key(j), name);
            goto done;
        }
        for (size_t i = 0; i < s->n_files && !known; i++) known = str_same(s->files[i].name, name);
        if (!known && add_file(s, folder, name, e)) goto done;
    }
    if (s->n) qsort(s->tensors, s->n, sizeof *s->tensors, by_name);
    for (const json *j = json_first(map); j; j = json_next(j)) {
        const st_tensor *t = find_exact(s, json_key(j));
        if (t && str_same(t->file, json_text(j, ""))) continue;
        err_set(e, ERR_INPUT, "%s: tensor %s is not in %s", path, json_key(j), json_text(j, ""));
        goto done;
    }
    status = 0;
done:
    json_free(index);
    return status;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int finish(safetensors *s, const char *where, err *e)
{
    if (s->n) qsort(s->tensors, s->n, sizeof *s->tensors, by_name);
    for (size_t i = 1; i < s->n; i++)
        if (str_same(s->tensors[i - 1].name, s->tensors[i].name))
            return err_set(e, ERR_INPUT, "%s: tensor %s is there twice", where, s->tensors[i].name);
    s->file_names = arena_get(s->memory, (s->n_files + 1) * sizeof *s->file_names, e);
    if (!s->file_names) return -1;
    for (size_t i = 0; i < s->n_files; i++) s->file_names[i] = s->files[i].name;
    qsort(s->file_names, s->n_files, sizeof *s->file_names, compare_text);
    return 0;
}

static safetensors *new_set(err *e)
{
    safetensors *s = mem_new(1, sizeof *s, e);
    if (s && !(s->memory = arena_new(e))) {
        free(s);
        s = NULL;
    }
    return s;
}

int safetensors_open_file(safetensors **out, const char *path, err *e)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? str_format(e, "%.*s", (int)(slash - path), path) : mem_text(".", e);
    safetensors *s = new_set(e);
    int status = -1;
    if (!folder || !s || add_file(s, folder, slash ? slash + 1 : path, e) || finish(s, path, e)) goto done;
    *out = s;
    s = NULL;
    status = 0;
done:
    free(folder);
    safetensors_close(s);
    return status;
}

int safetensors_open(safetensors **out, const char *folder, err *e)
{
    int status = -1;
    safetensors *s = new_set(e);
    char *single = str_format(e, "%s/model.safetensors", folder), *index = str_format(e, "%s.index.json", single ? single : "");
    if (!s || !single || !index) goto done;
    if (file_exists(single)) {
        if (add_file(s, folder, "model.safetensors", e)) goto done;
    } else if (file_exists(index)) {
        if (open_shards(s, folder, index, e)) goto done;
    } else {
        err_set(e, ERR_INPUT, "%s has neither model.safetensors nor model.safetensors.index.json", folder);
        err_hint(e, "other formats (pytorch_model.bin) are to be converted first; --untrained needs no weights");
        goto done;
    }
    if (finish(s, folder, e)) goto done;
    *out = s;
    s = NULL;
    status = 0;
done:
    free(single);
    free(index);
    safetensors_close(s);
    return status;
}

void safetensors_close(safetensors *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->n_files; i++) munmap(s->files[i].map, s->files[i].bytes);
    free(s->files);
    free(s->tensors);
    free(s->aliases);
    arena_free(s->memory);
    free(s);
}

const st_tensor *safetensors_find(const safetensors *s, const char *name)
{
    const st_tensor *t = find_exact(s, name);
    for (size_t i = 0; !t && i < s->n_aliases; i++)
        if (str_same(s->aliases[i].name, name)) t = find_exact(s, s->aliases[i].target);
    return t;
}

size_t safetensors_count(const safetensors *s)
{
    return s->n;
}

const st_tensor *safetensors_at(const safetensors *s, size_t i)
{
    return &s->tensors[i];
}

size_t safetensors_files(const safetensors *s, const char *const **names)
{
    *names = s->file_names;
    return s->n_files;
}

/* ---- values ---- */

static float from_bits(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* IEEE binary16, subnormals included. */
static float from_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h >> 15) << 31, exponent = (h >> 10) & 31, fraction = h & 1023;
    if (exponent == 31) return from_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent) return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
    float value = (float)fraction * 0x1p-24f;
    return sign ? -value : value;
}

/* The mapping need not be aligned: memcpy of each element. */
static double element(const st_tensor *t, size_t i)
{
    uint32_t w;
    uint16_t h;
    double d;
    switch (t->type) {
    case ST_F32: memcpy(&w, t->at + 4 * i, 4); return (double)from_bits(w);
    case ST_F16: memcpy(&h, t->at + 2 * i, 2); return (double)from_f16(h);
    case ST_BF16: memcpy(&h, t->at + 2 * i, 2); return (double)from_bits((uint32_t)h << 16);
    case ST_F64: memcpy(&d, t->at + 8 * i, 8); return d;
    default: return NAN;
    }
}

static int not_finite(const st_tensor *t, size_t i, double value, err *e)
{
    const char *what = isnan(value) ? "NaN" : value > 0 ? "inf" : "-inf";
    if (t->rank == 2)
        return err_set(e, ERR_INPUT, "%s: tensor %s holds %s at row %zu, column %zu", t->file, t->name, what, i / t->dims[1],
                       i % t->dims[1]);
    return err_set(e, ERR_INPUT, "%s: tensor %s holds %s at element %zu", t->file, t->name, what, i);
}

static int check_type(const st_tensor *t, err *e)
{
    if (t->type != ST_OTHER) return 0;
    return err_set(e, ERR_INPUT, "%s: tensor %s is of dtype %s; weights are F32, F16, BF16 or F64", t->file, t->name, t->dtype);
}

int safetensors_read(const st_tensor *t, float *out, err *e)
{
    if (check_type(t, e)) return -1;
    for (size_t i = 0; i < t->elements; i++) {
        out[i] = (float)element(t, i);
        if (!isfinite(out[i])) return not_finite(t, i, (double)out[i], e);
    }
    return 0;
}

int safetensors_read_f8(const st_tensor *t, double *out, err *e)
{
    if (check_type(t, e)) return -1;
    for (size_t i = 0; i < t->elements; i++) {
        out[i] = element(t, i);
        if (!isfinite(out[i])) return not_finite(t, i, out[i], e);
    }
    return 0;
}
