/* SPDX-License-Identifier: MIT */
/* The npy format, version 1.0 (NEP 1): magic, header length, a Python dict padded to 64 bytes, the array row-major. */
#ifndef BROCA_NPY_H
#define BROCA_NPY_H

#include <stdio.h>
#include <string.h>

#include "broca/base.h"
#include "broca/store.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NPY_ORDER "<"
#else
#define NPY_ORDER ">"
#endif

/* Next code point of UTF-8; a byte that cannot stand there becomes U+FFFD. Advances *text. */
static inline uint32_t npy_point(const char **text)
{
    const unsigned char *p = (const unsigned char *)*text;
    int more = p[0] < 0x80 ? 0 : (p[0] & 0xe0) == 0xc0 ? 1 : (p[0] & 0xf0) == 0xe0 ? 2 : (p[0] & 0xf8) == 0xf0 ? 3 : -1;
    uint32_t point = more < 0 ? 0xfffd : more == 0 ? p[0] : p[0] & (0x3fu >> more);
    *text += 1;
    for (int i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0xfffd;
        point = point << 6 | (p[i] & 0x3fu);
    }
    *text += more > 0 ? more : 0;
    return point > 0x10ffff ? 0xfffd : point;
}

static inline size_t npy_points(const char *text)
{
    size_t n = 0;
    for (; *text; n++) npy_point(&text);
    return n;
}

static inline void npy_header(FILE *f, const char *type, const store_shape_t *shape)
{
    char dict[512];
    int n = snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': False, 'shape': (", type);
    for (int i = 0; i < shape->rank; i++)
        n += snprintf(dict + n, sizeof dict - (size_t)n, "%zu%s", shape->dims[i], i + 1 < shape->rank ? ", " : shape->rank == 1 ? "," : "");
    n += snprintf(dict + n, sizeof dict - (size_t)n, "), }");
    while ((n + 11) % 64) dict[n++] = ' '; /* 10 bytes before, the newline after */
    dict[n++] = '\n';
    const unsigned char head[10] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(n & 0xff), (unsigned char)(n >> 8) };
    fwrite(head, 1, sizeof head, f);
    fwrite(dict, 1, (size_t)n, f);
}

static inline const char *npy_type(store_type type)
{
    static const char *const types[] = { NPY_ORDER "f4", NPY_ORDER "f8", NPY_ORDER "i4", NPY_ORDER "i8", "|u1" };
    return types[type];
}

/* Texts as fixed-length Unicode, which every version of NumPy reads as str. */
static inline void npy_texts(FILE *f, const store_shape_t *shape, char *const *texts, size_t count)
{
    size_t longest = 1;
    char type[40];
    for (size_t i = 0; i < count; i++) {
        size_t n = npy_points(texts[i]);
        if (n > longest) longest = n;
    }
    snprintf(type, sizeof type, NPY_ORDER "U%zu", longest);
    npy_header(f, type, shape);
    for (size_t i = 0; i < count; i++) {
        const char *p = texts[i];
        for (size_t j = 0; j < longest; j++) {
            uint32_t point = *p ? npy_point(&p) : 0;
            fwrite(&point, sizeof point, 1, f);
        }
    }
}

#endif
