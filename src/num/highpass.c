/* SPDX-License-Identifier: MIT */
/* High-pass filter (METHODS 3.4): constant and slow cosines are projected out, block by block. The DCT-II regressors of a
 * block are orthogonal to one another and to the constant, so the projection is K + 1 inner products. */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Subtracts from the rows (of y [·×v]) their projection on the regressor c with squared length norm2. sum [v] is scratch. */
static void project_out(double *y, size_t v, const size_t *rows, size_t n, const double *c, double norm2, double *sum)
{
    memset(sum, 0, v * sizeof *sum);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < v; j++) sum[j] += c[i] * y[rows[i] * v + j];
    for (size_t j = 0; j < v; j++) sum[j] /= norm2;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < v; j++) y[rows[i] * v + j] -= c[i] * sum[j];
}

static int filter_block(double *y, size_t v, const size_t *rows, size_t n, double tr, double cutoff_s, double *c, double *sum,
                        err *e)
{
    double cosines = floor(2 * (double)n * tr / cutoff_s);
    if (cosines >= (double)n / 4) {
        err_set(e, ERR_INPUT, "high-pass %g s on a block of %zu samples of %g s takes %g regressors, a quarter of it or more",
                cutoff_s, n, tr, cosines);
        return err_hint(e, "a longer cut-off; 128 s is usual");
    }
    for (size_t i = 0; i < n; i++) c[i] = 1;
    project_out(y, v, rows, n, c, (double)n, sum);
    for (size_t k = 1; k <= (size_t)cosines; k++) {
        for (size_t i = 0; i < n; i++) c[i] = cos(M_PI * (double)k * ((double)i + 0.5) / (double)n);
        project_out(y, v, rows, n, c, (double)n / 2, sum);
    }
    /* again: what rounding of large means left over */
    for (size_t i = 0; i < n; i++) c[i] = 1;
    project_out(y, v, rows, n, c, (double)n, sum);
    return 0;
}

int highpass(double *y, size_t n, size_t v, const int32_t *block, double tr, double cutoff_s, err *e)
{
    int status = -1;
    if (!(tr > 0) || !(cutoff_s > 0) || !isfinite(tr) || !isfinite(cutoff_s))
        return err_set(e, ERR_INPUT, "high-pass needs a TR and a cut-off > 0, not %g s and %g s", tr, cutoff_s);
    size_t *rows = mem_new(n, sizeof *rows, e);
    double *c = mem_new(n, sizeof *c, e), *sum = mem_new(v, sizeof *sum, e);
    uint8_t *done_row = mem_new(n, 1, e);
    if (!rows || !c || !sum || !done_row) goto done;
    for (size_t i = 0; i < n; i++) {
        size_t m = 0;
        if (done_row[i]) continue;
        for (size_t j = i; j < n; j++)
            if (!block || block[j] == block[i]) {
                rows[m++] = j;
                done_row[j] = 1;
            }
        if (filter_block(y, v, rows, m, tr, cutoff_s, c, sum, e)) goto done;
    }
    status = 0;
done:
    free(rows);
    free(c);
    free(sum);
    free(done_row);
    return status;
}
