/* SPDX-License-Identifier: MIT */
/* safetensors files of any tensors: the one writer, and a reader by name. */
#include "broca/tensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/store.h"
#include "safetensors.h"

static const char *const type_name[] = { "F32", "F16", "F64" };
static const size_t type_bytes[] = { 4, 2, 8 };

static size_t elements(const stored_tensor *t)
{
    return t->rows * (t->columns ? t->columns : 1);
}

/* The header is padded with blanks to 8 bytes, so that tensors lie aligned in a mapping. */
static void write_header(const stored_tensor *list, size_t n, buffer *b)
{
    size_t at = 0;
    buffer_text(b, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < n; i++) {
        const stored_tensor *t = &list[i];
        size_t bytes = elements(t) * type_bytes[t->type];
        buffer_printf(b, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%zu", t->name, type_name[t->type], t->rows);
        if (t->columns) buffer_printf(b, ",%zu", t->columns);
        buffer_printf(b, "],\"data_offsets\":[%zu,%zu]}", at, at + bytes);
        at += bytes;
    }
    buffer_text(b, "}");
    while (b->size % 8) buffer_text(b, " ");
}

/* Round to nearest, ties to even; below 2^-14 in steps of 2^-24. */
static uint16_t to_f16(float x)
{
    union { float f; uint32_t u; } v = { x };
    uint16_t sign = (uint16_t)(v.u >> 16 & 0x8000);
    v.u &= 0x7fffffff;
    if (v.f < 6.103515625e-05f) return (uint16_t)(sign | (uint16_t)lrintf(v.f * 16777216.0f));
    uint32_t rest = v.u & 0x1fff, half = (v.u - 0x38000000) >> 13;
    if (rest > 0x1000 || (rest == 0x1000 && (half & 1))) half++;
    return (uint16_t)(sign | half);
}

static double value_at(const stored_tensor *t, size_t i)
{
    if (!t->at) return 0;
    return t->wide ? ((const double *)t->at)[i] : (double)((const float *)t->at)[i];
}

/* Converts elements from ... in place of one part of the file. */
static int convert(const stored_tensor *t, size_t from, size_t count, void *to, err *e)
{
    for (size_t i = 0; i < count; i++) {
        double x = value_at(t, from + i);
        float narrow = (float)x;
        uint16_t half;
        switch (t->type) {
        case STORED_F64: memcpy((double *)to + i, &x, sizeof x); break;
        case STORED_F32: memcpy((float *)to + i, &narrow, sizeof narrow); break;
        case STORED_F16:
            if (!(fabsf(narrow) < 65520))
                return err_set(e, ERR_INPUT, "tensor %s, element %zu: %g is beyond half precision", t->name, from + i, x);
            half = to_f16(narrow);
            memcpy((uint16_t *)to + i, &half, sizeof half);
        }
    }
    return 0;
}

static int write_tensor(FILE *f, const stored_tensor *t, void *part, size_t room, const char *path, err *e)
{
    size_t n = elements(t), most = room / type_bytes[t->type];
    for (size_t from = 0; from < n; from += most) {
        size_t count = n - from < most ? n - from : most;
        if (convert(t, from, count, part, e)) return -1;
        if (fwrite(part, type_bytes[t->type], count, f) != count) return err_system(e, "%s cannot be written", path);
    }
    return 0;
}

int tensors_write(const char *path, const stored_tensor *list, size_t n, err *e)
{
    enum { PART = 1 << 20 };
    buffer header = { 0 };
    atomic *file = NULL;
    FILE *f = NULL;
    int status = -1;
    unsigned char length[8];
    void *part = mem_new(PART, 1, e);
    write_header(list, n, &header);
    if (!part || buffer_ok(&header, e) || atomic_open(&file, path, e)) goto done;
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)header.size >> (8 * i));
    if (!(f = fopen(atomic_temporary(file), "wb")) || fwrite(length, 1, 8, f) != 8 ||
        fwrite(header.at, 1, header.size, f) != header.size) {
        err_system(e, "%s cannot be written", path);
        goto done;
    }
    for (size_t i = 0; i < n; i++)
        if (write_tensor(f, &list[i], part, PART, path, e)) goto done;
    int bad = fclose(f);
    f = NULL;
    if (bad) {
        err_system(e, "%s cannot be written", path);
        goto done;
    }
    status = atomic_commit(file, e);
    file = NULL;
done:
    if (f) fclose(f);
    atomic_abandon(file);
    free(header.at);
    free(part);
    return status;
}

int tensors_read(const char *path, const stored_tensor *list, size_t n, err *e)
{
    safetensors *file = NULL;
    int status = -1;
    if (safetensors_open_file(&file, path, e)) return -1;
    for (size_t i = 0; i < n; i++) {
        const stored_tensor *t = &list[i];
        const st_tensor *found = safetensors_find(file, t->name);
        if (!found) {
            err_set(e, ERR_INPUT, "%s: the tensor %s is missing", path, t->name);
            goto done;
        }
        bool same = t->columns ? found->rank == 2 && found->dims[0] == t->rows && found->dims[1] == t->columns
                               : found->rank == 1 && found->dims[0] == t->rows;
        if (!same) {
            err_set(e, ERR_INPUT, "%s: tensor %s has another shape than %zu × %zu", path, t->name, t->rows, t->columns);
            goto done;
        }
        if (t->wide ? safetensors_read_f8(found, t->at, e) : safetensors_read(found, t->at, e)) goto done;
    }
    status = 0;
done:
    safetensors_close(file);
    return status;
}
