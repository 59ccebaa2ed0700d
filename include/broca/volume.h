/* SPDX-License-Identifier: MIT */
/* volume: images and arrays of others, a header of the room store. NIfTI-1 and -2 volumes, GIFTI surfaces and metric, npy arrays.
 * What a header promises is checked against the length of the file before anything is allocated. */
#ifndef BROCA_VOLUME_H
#define BROCA_VOLUME_H

#include "broca/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- grids of voxels in millimetres (store/space.c) ---- */

typedef enum { SPACE_NONE, SPACE_QFORM, SPACE_SFORM } space_from;
typedef struct {
    size_t shape[3];   /* voxels along i, j, k; i runs fastest: voxel number i + shape[0]·(j + shape[1]·k) */
    space_from from;   /* SPACE_NONE: the file does not say where its voxels lie */
    double affine[12]; /* rows x, y, z: mm = affine·(i, j, k, 1); SPACE_NONE: voxel sizes, origin at voxel 0 */
} space;

size_t space_voxels(const space *s);
void space_mm(const space *s, size_t voxel, double mm[3]);
/* Same shape and the same places within a thousandth of a millimetre (both without a place: same shape). */
bool space_same(const space *a, const space *b);
/* For each voxel of `of` the voxel of `in` that is nearest to its centre, SIZE_MAX outside: at [space_voxels(of)]. Indices are
 * rounded to the nearest whole number, exact halves (within 1e-8) to the even one. Without an affine on either side grids of
 * one shape are joined voxel by voxel; others are ERR_INPUT. */
int space_nearest(size_t *at, const space *of, const space *in, err *e);

/* ---- NIfTI (store/nifti.c): .nii, .nii.gz, .hdr + .img; both byte orders; real numbers of 8 to 64 bits ---- */

typedef struct volume volume;
/* Reads and checks the header. sform wins over qform. Fails: ERR_INPUT names the file and what is wrong; ANALYZE 7.5, complex
 * and colour images are refused by name. */
int volume_open(volume **out, const char *path, err *e);
const space *volume_space(const volume *v);
size_t volume_count(const volume *v); /* volumes along the fourth dimension, 1 for a map */
double volume_tr(const volume *v);    /* seconds; NaN: not a series, or the header has no unit of time */
void volume_zooms(const volume *v, double zooms[4]); /* pixdim as it stands */
int volume_rank(const volume *v);                    /* dimensions that the header names, 3 or more */
/* The next volume, scaled by slope and intercept (a slope of 0 or not finite: neither): out [space_voxels]. Reading the last
 * one reads the file to its end, so that a checksum is checked. */
int volume_next(volume *v, double *out, err *e);
void volume_close(volume *v); /* NULL is fine */
/* A map: a file of one volume, malloc'ed. */
int volume_read(space *s, double **out, const char *path, err *e);
/* Volumes [count × voxels] as float32 NIfTI-1 in one file (.nii, or .nii.gz by its name); tr NaN: none. */
int volume_write(const char *path, const space *s, const float *data, size_t count, double tr, err *e);

/* ---- GIFTI (store/gifti.c; expat) ---- */

typedef struct {
    char *intent; /* "NIFTI_INTENT_POINTSET" */
    int rank;
    size_t dims[6], count;
    double *at;   /* [count] row-major, whatever the file's order */
} gifti_array;
typedef struct {
    size_t n, n_labels;
    gifti_array *arrays;
    int64_t *key; /* [n_labels] of the label table */
    char **name;
    arena *memory;
} gifti;
/* ASCII, base64 and zlib-compressed base64 in the file itself. Triangles must name vertices of the file's point set. */
int gifti_read(gifti **out, const char *path, err *e);
const gifti_array *gifti_find(const gifti *g, const char *intent); /* the first with this intent, or NULL */
const char *gifti_label(const gifti *g, double key);               /* NULL: no such key */
void gifti_free(gifti *g); /* NULL is fine */

/* ---- npy (store/npy.c): versions 1 to 3, whole and floating numbers and bool, C and Fortran order ---- */

typedef struct {
    int rank;
    size_t dims[8], count;
    double *at; /* [count] row-major */
} npy_array;
int npy_read(npy_array *out, const char *path, err *e);
void npy_free(npy_array *a);

/* ---- PNG (store/png.c) ---- */

/* A picture [height×width×4] (red, green, blue, opacity) as the bytes of a PNG file, added to out. */
int png_encode(buffer *out, const uint8_t *rgba, size_t width, size_t height, err *e);

#ifdef __cplusplus
}
#endif
#endif
