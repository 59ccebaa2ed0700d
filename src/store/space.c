/* SPDX-License-Identifier: MIT */
/* Grids of voxels: where they lie, and which voxel of one grid is nearest to one of another. */
#include <math.h>

#include "broca/volume.h"

size_t space_voxels(const space *s)
{
    return s->shape[0] * s->shape[1] * s->shape[2];
}

static void place(const double affine[12], const double at[3], double out[3])
{
    for (size_t row = 0; row < 3; row++) {
        const double *a = affine + 4 * row;
        out[row] = a[0] * at[0] + a[1] * at[1] + a[2] * at[2] + a[3];
    }
}

static void index_of(const space *s, size_t voxel, double at[3])
{
    at[0] = (double)(voxel % s->shape[0]);
    at[1] = (double)(voxel / s->shape[0] % s->shape[1]);
    at[2] = (double)(voxel / s->shape[0] / s->shape[1]);
}

void space_mm(const space *s, size_t voxel, double mm[3])
{
    double at[3];
    index_of(s, voxel, at);
    place(s->affine, at, mm);
}

static bool same_shape(const space *a, const space *b)
{
    return a->shape[0] == b->shape[0] && a->shape[1] == b->shape[1] && a->shape[2] == b->shape[2];
}

/* The eight corners of one grid lie where those of the other do. */
static bool same_place(const space *a, const space *b)
{
    for (size_t corner = 0; corner < 8; corner++) {
        double at[3], x[3], y[3];
        for (size_t axis = 0; axis < 3; axis++) at[axis] = corner >> axis & 1 ? (double)(a->shape[axis] - 1) : 0;
        place(a->affine, at, x);
        place(b->affine, at, y);
        for (size_t axis = 0; axis < 3; axis++)
            if (!(fabs(x[axis] - y[axis]) <= 1e-3)) return false;
    }
    return true;
}

bool space_same(const space *a, const space *b)
{
    if (!same_shape(a, b) || (a->from == SPACE_NONE) != (b->from == SPACE_NONE)) return false;
    return a->from == SPACE_NONE || same_place(a, b);
}

/* Inverse of the affine by cofactors. */
static int inverse(double out[12], const double a[12], err *e)
{
    double c[9], size = 0;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            int i1 = (i + 1) % 3, i2 = (i + 2) % 3, j1 = (j + 1) % 3, j2 = (j + 2) % 3;
            c[3 * i + j] = a[4 * i1 + j1] * a[4 * i2 + j2] - a[4 * i1 + j2] * a[4 * i2 + j1];
            size = fmax(size, fabs(a[4 * i + j]));
        }
    double determinant = a[0] * c[0] + a[1] * c[1] + a[2] * c[2];
    if (!(fabs(determinant) > 1e-9 * size * size * size))
        return err_set(e, ERR_INPUT, "the affine of a grid cannot be inverted (determinant %g): its voxels have no volume", determinant);
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) out[4 * i + j] = c[3 * j + i] / determinant;
        out[4 * i + 3] = -(out[4 * i] * a[3] + out[4 * i + 1] * a[7] + out[4 * i + 2] * a[11]);
    }
    return 0;
}

/* Grids of 2 and 3 mm meet at exact halves for every second index: rounding of the product must not decide there. */
static double nearest_even(double x)
{
    return rint(rint(x * 1e8) / 1e8);
}

int space_nearest(size_t *at, const space *of, const space *in, err *e)
{
    double back[12];
    size_t n = space_voxels(of);
    if (of->from == SPACE_NONE || in->from == SPACE_NONE) {
        if (!same_shape(of, in)) {
            err_set(e, ERR_INPUT, "a grid of %zu × %zu × %zu voxels and one of %zu × %zu × %zu cannot be joined: %s has no affine", of->shape[0],
                    of->shape[1], of->shape[2], in->shape[0], in->shape[1], in->shape[2], in->from == SPACE_NONE ? "the second" : "the first");
            return err_hint(e, "resample it to the other grid with a tool that knows where it lies, or set its sform");
        }
        for (size_t v = 0; v < n; v++) at[v] = v;
        return 0;
    }
    if (inverse(back, in->affine, e)) return -1;
    for (size_t v = 0; v < n; v++) {
        double mm[3], x[3];
        bool inside = true;
        space_mm(of, v, mm);
        place(back, mm, x);
        for (size_t axis = 0; axis < 3; axis++) {
            x[axis] = nearest_even(x[axis]);
            inside = inside && x[axis] >= 0 && x[axis] < (double)in->shape[axis];
        }
        at[v] = inside ? (size_t)x[0] + in->shape[0] * ((size_t)x[1] + in->shape[1] * (size_t)x[2]) : SIZE_MAX;
    }
    return 0;
}
