/* SPDX-License-Identifier: MIT */
#include "rows.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static FILE *file;
static size_t failures;

int rows_open(const char *path)
{
    file = fopen(path, "a");
    if (!file) perror(path);
    return file ? 0 : -1;
}

void row(const char *check, double value, double lo, double hi, size_t n)
{
    int good = value >= lo && value <= hi;
    failures += !good;
    fprintf(file, "%s\t%.6g\t%.6g\t%.6g\t%zu\t%s\n", check, value, lo, hi, n, good ? "pass" : "fail");
    fflush(file);
    printf("%-4s %-52s %10.4g   [%g, %g]  n %zu\n", good ? "ok" : "FAIL", check, value, lo, hi, n);
    fflush(stdout);
}

int rows_close(void)
{
    fclose(file);
    return failures > 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double uniform_p(double *u, size_t n)
{
    double d = 0, lambda, p = 0, m = sqrt((double)n);
    qsort(u, n, sizeof *u, by_value);
    for (size_t i = 0; i < n; i++)
        d = fmax(d, fmax((double)(i + 1) / (double)n - u[i], u[i] - (double)i / (double)n));
    lambda = (m + .12 + .11 / m) * d;
    for (int j = 1; j <= 100; j++) p += (j % 2 ? 2 : -2) * exp(-2 * j * j * lambda * lambda);
    return fmin(1, fmax(0, p));
}
