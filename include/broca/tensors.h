/* SPDX-License-Identifier: MIT */
/* tensors: safetensors files, written whole or not at all, and read by name. Belongs to the room `model`. */
#ifndef BROCA_TENSORS_H
#define BROCA_TENSORS_H

#include "broca/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { STORED_F32, STORED_F16, STORED_F64 } stored_type;
typedef struct {
    const char *name;
    size_t rows, columns; /* columns 0: a vector */
    void *at;             /* floats, or doubles when `wide`; written NULL: zeros */
    bool wide;
    stored_type type;     /* in the file (writing) */
} stored_tensor;

/* Writes the tensors in their order. F16 rounds to nearest, ties to even; a number beyond its range is ERR_INPUT (names tensor
 * and element). */
int tensors_write(const char *path, const stored_tensor *list, size_t n, err *e);
/* Fills `at` of each tensor from the file. ERR_INPUT: a tensor that is missing, of another shape, or holds NaN or inf. Tensors
 * that are not asked for are left alone. */
int tensors_read(const char *path, const stored_tensor *list, size_t n, err *e);

#ifdef __cplusplus
}
#endif
#endif
