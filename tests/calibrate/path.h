/* SPDX-License-Identifier: MIT */
/* The whole path for many data sets that share features: series of a fold, nested ridge, layers chosen inside the training data. */
#ifndef BROCA_CALIBRATE_PATH_H
#define BROCA_CALIBRATE_PATH_H

#include "broca/num.h"

enum { MOST_LAYERS = 4, MOST_FITS = 1 + 2 * MOST_LAYERS };

/* Features on the used rows, undelayed rows dropped. Fits: the baseline, the layers, the layers with the baseline. */
typedef struct {
    size_t n, layers, p[MOST_LAYERS], base_p;
    double tr, *x[MOST_LAYERS], *base; /* [n×p], before the filter */
    int32_t *run;
    double *onset;
    const char *outer_scheme;
    double cutoff_s;      /* 0: no filter */
    bool cutoff_run;      /* a filter of whole runs: what strict mode never does */
    size_t candidates;
    double *alphas; size_t n_alphas;
} path_design;

typedef struct {
    const path_design *d;
    folds *outer, **inner;
    int32_t *block;
    size_t n_fits, width[MOST_FITS], bands[MOST_FITS];
    double *filtered[MOST_FITS]; /* [n×width] */
    uint8_t *keep[MOST_FITS];    /* [F][width] columns that vary on the training rows before the filter */
    double *gammas;
    double *base_inverse;        /* [base_p×n] least squares of filtered series on the filtered baseline */
} path;

int path_new(path *p, const path_design *d, err *e);
void path_free(path *p);
/* What least squares of the filtered y [n×v] on the filtered baseline gives for the unfiltered one: [n×v]. */
void path_baseline_part(double *out, const path *p, const double *y, size_t v, err *e);
int path_filter(double *y, const path *p, size_t v, err *e);

/* Scores of V columns in every fold: fit k is made for the columns with wanted[k][j]. */
typedef struct {
    size_t v;
    double **series;             /* [F] [n×v] */
    uint8_t *wanted[MOST_FITS];  /* [v] */
    double *r[MOST_FITS], *sse[MOST_FITS], *inner[MOST_FITS]; /* [F×v], NaN where not wanted */
    double *sst;                 /* [F×v] */
    float *prediction[MOST_FITS]; /* [n×v] or NULL */
} path_columns;
int path_columns_new(path_columns *c, const path *p, size_t v, err *e);
void path_columns_free(path_columns *c, const path *p);
int path_run(path_columns *c, const path *p, err *e);

/* Mean over the listed columns of r (mean of folds) and of pooled R², each fold with the layer whose mean inner score over these
 * columns is best. joint: of the fits with the baseline; layers 0: the baseline itself. */
typedef struct { double r, r2; } path_score;
path_score path_nested(const path_columns *c, const path *p, const size_t *column, size_t n, bool joint, bool baseline, size_t *layer);

#endif
