/* SPDX-License-Identifier: MIT */
/* Maps of voxels as images: a dataset [neuroids] or [rows × neuroids] of a product that says where its neuroids lie. */
#ifndef BROCA_NIFTI_H
#define BROCA_NIFTI_H

#include <math.h>
#include <stdlib.h>

#include "broca/base.h"
#include "broca/responses.h"
#include "broca/store.h"
#include "broca/volume.h"

/* NaN outside of the neuroids. values [rows × v] of the dataset called name. */
static inline int nifti_spread(const char *path, const space *g, const int32_t *index, size_t v, const float *values, size_t rows, err *e)
{
    size_t voxels = space_voxels(g), bytes;
    if (size_mul(voxels, rows, &bytes, e)) return -1;
    float *out = mem_new(bytes, sizeof *out, e);
    if (!out) return -1;
    for (size_t i = 0; i < bytes; i++) out[i] = NAN;
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < v; j++) out[r * voxels + (size_t)index[j]] = values[r * v + j];
    int status = volume_write(path, g, out, rows, NAN, e);
    free(out);
    return status;
}

static inline int write_nifti(const char *path, store *s, const char *name, const store_shape_t *shape, err *e)
{
    space g = { 0 };
    int32_t *index = NULL;
    float *values = NULL;
    size_t v = 0, count = 0;
    int status = -1;
    if (grid_read(s, &g, e)) goto done;
    if (g.shape[0] * g.shape[1] * g.shape[2] == 0 || g.shape[1] * g.shape[2] == 1 || !store_has(s, "neuroid/index")) {
        err_set(e, ERR_INPUT, "the file does not say which voxels its neuroids are");
        err_hint(e, "products of broca import --from nifti, glm and group can be written as images");
        goto done;
    }
    if (store_read_i4(s, "neuroid/index", &index, &v, e) || store_read_f4(s, name, &values, &count, e)) goto done;
    if (shape->rank < 1 || shape->rank > 2 || shape->dims[shape->rank - 1] != v || count % v) {
        err_set(e, ERR_INPUT, "%s has no value a voxel (%zu of them)", name, v);
        goto done;
    }
    for (size_t j = 0; j < v; j++)
        if (index[j] < 0 || (size_t)index[j] >= space_voxels(&g)) {
            err_set(e, ERR_INPUT, "neuroid %zu is voxel %d of a grid of %zu", j, index[j], space_voxels(&g));
            goto done;
        }
    status = nifti_spread(path, &g, index, v, values, count / v, e);
done:
    free(index);
    free(values);
    return status;
}

#endif
