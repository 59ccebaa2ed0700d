/* SPDX-License-Identifier: MIT */
/* What the calibration programs share: rows of results/checks/calibrate.tsv, and a test of uniform p. */
#ifndef BROCA_CALIBRATE_ROWS_H
#define BROCA_CALIBRATE_ROWS_H

#include <stddef.h>

/* Appends "check value lo hi n status" to the file that begin_rows opened; pass if lo <= value <= hi. Prints it, too. */
int rows_open(const char *path);
void row(const char *check, double value, double lo, double hi, size_t n);
int rows_close(void); /* 1 if a row failed */
/* p of the Kolmogorov-Smirnov test that u [n] is uniform on (0, 1) (asymptotic); u is sorted. */
double uniform_p(double *u, size_t n);

#endif
