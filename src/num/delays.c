/* SPDX-License-Identifier: MIT */
/* FIR delays (METHODS 3.2): shifted copies of the columns, delay-major, never across the edge of a run. */
#include "broca/num.h"

#include <stdlib.h>
#include <string.h>

/* source[i] = row of the same run that lies `delay` rows of that run before row i, or n if there is none. */
static void source_rows(size_t *source, size_t n, const int32_t *run, long delay, size_t *rows)
{
    memset(source, 0xff, n * sizeof *source);
    for (size_t i = 0; i < n; i++) {
        size_t m = 0;
        if (source[i] != SIZE_MAX) continue; /* its run is done */
        for (size_t j = i; j < n; j++)
            if (!run || run[j] == run[i]) rows[m++] = j;
        for (size_t j = 0; j < m; j++) {
            long from = (long)j - delay;
            source[rows[j]] = from >= 0 && (size_t)from < m ? rows[from] : n;
        }
    }
}

int delay_columns(double **out, const double *x, size_t n, size_t d, const int32_t *run, const long *delays, size_t m, err *e)
{
    int status = -1;
    size_t width, cells;
    double *y = NULL;
    size_t *source = NULL, *rows = NULL;
    *out = NULL;
    if (size_mul(d, m, &width, e) || size_mul(width, n, &cells, e)) return -1;
    y = mem_new(cells, sizeof *y, e);
    source = mem_new(n, sizeof *source, e);
    rows = mem_new(n, sizeof *rows, e);
    if (!y || !source || !rows) goto done;
    for (size_t k = 0; k < m; k++) {
        source_rows(source, n, run, delays[k], rows);
        for (size_t i = 0; i < n; i++)
            if (source[i] < n) memcpy(y + i * width + k * d, x + source[i] * d, d * sizeof *y);
    }
    *out = y;
    y = NULL;
    status = 0;
done:
    free(y);
    free(source);
    free(rows);
    return status;
}
