/* SPDX-License-Identifier: MIT */
/* safetensors files of a model folder, mapped; one file, or shards with an index. Every size that a header tells is checked
 * against the file's length before it is believed. */
#ifndef BROCA_SAFETENSORS_H
#define BROCA_SAFETENSORS_H

#include "broca/base.h"

typedef enum { ST_OTHER, ST_F64, ST_F32, ST_F16, ST_BF16 } st_type; /* OTHER: known size, holds no weights (I64, BOOL ...) */

typedef struct {
    const char *name, *file; /* file: name of the file that holds it */
    st_type type;
    char dtype[12];
    int rank;
    size_t dims[8];
    size_t elements;
    const unsigned char *at; /* not aligned */
    size_t begin, bytes;     /* place in its file's data */
} st_tensor;

typedef struct safetensors safetensors;
/* model.safetensors or model.safetensors.index.json of the folder. */
int safetensors_open(safetensors **out, const char *folder, err *e);
int safetensors_open_file(safetensors **out, const char *path, err *e);
/* By name, or by an alias of __metadata__; NULL if it is not there. */
const st_tensor *safetensors_find(const safetensors *s, const char *name);
size_t safetensors_count(const safetensors *s);
const st_tensor *safetensors_at(const safetensors *s, size_t i); /* sorted by name */
size_t safetensors_files(const safetensors *s, const char *const **names); /* names of the files, sorted */
/* Widens to fp32 (F64: rounds). ERR_INPUT names tensor and element at the first NaN or inf. */
int safetensors_read(const st_tensor *t, float *out, err *e);
int safetensors_read_f8(const st_tensor *t, double *out, err *e); /* F64 exactly */
void safetensors_close(safetensors *s);

#endif
