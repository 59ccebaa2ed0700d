/* SPDX-License-Identifier: MIT */
/* The readout of a sheet: every point of a grid sees all units through a Gaussian density (METHODS 8.8). */
#include <math.h>
#include <stdlib.h>

#include "parts.h"

enum { MOST_POINTS = 1 << 24 };

/* Points along one coordinate: from floor(min) in steps of spacing while below ceil(max) + 1. */
static int axis_points(double **out, size_t *n, const double *positions, size_t d, size_t axis, double spacing, err *e)
{
    double lo = positions[axis], hi = lo;
    for (size_t k = 0; k < d; k++) {
        double p = positions[2 * k + axis];
        if (!isfinite(p)) return err_set(e, ERR_INPUT, "unit %zu has no position on coordinate %zu", k, axis);
        lo = fmin(lo, p);
        hi = fmax(hi, p);
    }
    lo = floor(lo);
    double steps = ceil((ceil(hi) + 1 - lo) / spacing);
    if (!(steps <= MOST_POINTS))
        return err_set(e, ERR_INPUT, "positions from %g to %g in steps of %g are too many points", lo, hi, spacing);
    *n = (size_t)steps;
    if (!(*out = mem_new(*n, sizeof **out, e))) return -1;
    for (size_t i = 0; i < *n; i++)
        (*out)[i] = lo + (double)i * spacing;
    return 0;
}

static void fill_kernel(readout *r, const double *positions, bool normalise)
{
    double sigma = r->fwhm / sqrt(8 * M_LN2), two = 2 * sigma * sigma;
    for (size_t p = 0; p < r->n; p++) {
        double *row = r->kernel + p * r->d;
        for (size_t k = 0; k < r->d; k++) {
            double a = r->points[2 * p] - positions[2 * k], b = r->points[2 * p + 1] - positions[2 * k + 1];
            row[k] = exp(-(a * a + b * b) / two) / (M_PI * two);
        }
        r->mass[p] = sum_f8(row, r->d);
        for (size_t k = 0; normalise && r->mass[p] > 0 && k < r->d; k++)
            row[k] /= r->mass[p];
    }
}

static int fill_points(readout *r, const double *positions, err *e)
{
    double *axis[2] = { NULL, NULL };
    int status = -1;
    size_t cells;
    for (size_t a = 0; a < 2; a++)
        if (axis_points(&axis[a], &r->size[a], positions, r->d, a, r->spacing, e)) goto done;
    if (size_mul(r->size[0], r->size[1], &r->n, e) || size_mul(r->n, r->d, &cells, e)) goto done;
    if (cells > (size_t)1 << 31) {
        err_set(e, ERR_INPUT, "a readout of %zu units at %zu points is too large", r->d, r->n);
        err_hint(e, "a larger --spacing");
        goto done;
    }
    r->points = mem_new(2 * r->n, sizeof *r->points, e);
    r->kernel = mem_new(cells, sizeof *r->kernel, e);
    r->mass = mem_new(r->n, sizeof *r->mass, e);
    if (!r->points || !r->kernel || !r->mass) goto done;
    for (size_t p = 0; p < r->n; p++) {
        r->points[2 * p] = axis[0][p % r->size[0]];
        r->points[2 * p + 1] = axis[1][p / r->size[0]];
    }
    status = 0;
done:
    free(axis[0]);
    free(axis[1]);
    return status;
}

int readout_new(readout **out, const double *positions, size_t d, double fwhm, double spacing, bool normalise, err *e)
{
    *out = NULL;
    if (!(fwhm > 0) || !isfinite(fwhm) || !(spacing > 0) || !isfinite(spacing))
        return err_set(e, ERR_USAGE, "a readout needs an FWHM and a spacing above 0, not %g and %g", fwhm, spacing);
    if (d == 0) return err_set(e, ERR_INPUT, "a readout of no units");
    readout *r = mem_new(1, sizeof *r, e);
    if (!r) return -1;
    *r = (readout){ .d = d, .fwhm = fwhm, .spacing = spacing };
    if (fill_points(r, positions, e)) {
        readout_free(r);
        return -1;
    }
    fill_kernel(r, positions, normalise);
    *out = r;
    return 0;
}

void readout_apply(const readout *r, const double *x, size_t s, double *out)
{
    gemm_f8(false, false, r->n, s, r->d, 1, r->kernel, r->d, x, s, 0, out, s);
}

int readout_graph(graph **out, const readout *r, bool corners, err *e)
{
    return graph_lattice(out, r->size[1], r->size[0], corners, e);
}

void readout_free(readout *r)
{
    if (!r) return;
    free(r->points);
    free(r->kernel);
    free(r->mass);
    free(r);
}
