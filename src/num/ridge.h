/* SPDX-License-Identifier: MIT */
/* Private to num: what ridge.c, factor.c, inner.c and nested.c share. */
#ifndef BROCA_NUM_RIDGE_H
#define BROCA_NUM_RIDGE_H

#include "broca/num.h"

#define EPSILON_F8 2.220446049250313e-16

/* Columns are worked in panels of this fixed width, the last one padded with zeros, so that the bits of a column depend
 * neither on the number of columns nor on the threads. Four panels make CONTRACT's block of 256. */
enum { PANEL = 64 };

void column_means(double *mean, const double *a, size_t n, size_t k);
double *centred_copy(const double *a, size_t n, size_t k, const double *mean, err *e); /* mean NULL: a copy */
double ridge_shrink(double s, double smallest, double alpha);                          /* s/(s²+alpha) */

/* The features of one outer fold: kept columns, standardised, divided by sqrt(p_b), training rows first, then test rows. */
typedef struct {
    size_t n, t, p;             /* training rows, test rows, kept columns */
    size_t *train_row, *test_row, *column; /* numbers in the problem's x */
    double *x;                  /* [(n+t)×p] */
    double *scale;              /* [p] what a column was multiplied with after standardising: 1/sqrt(p_b) or 1 */
    size_t n_bands;
    size_t *band_of;            /* [p] */
    double *kernel;             /* [n_bands][(n+t)×n], NULL when p <= n or alpha 0 is on the grid */
} fold_features;
int fold_features_new(fold_features **out, const nested_problem *q, const uint8_t *keep, err *e);
void fold_features_free(fold_features *f);

/* Ridge of one training subset, for every alpha: prediction = apply · (d(alpha) ∘ (left' · centred y)). The rows of
 * features are numbered as in fold_features. */
typedef struct {
    size_t n, m, r;      /* training rows, rows to predict, rank */
    double *left;        /* [n×r] */
    double *lambda;      /* [r] eigenvalues of the kernel, or singular values of X */
    bool is_kernel;      /* d = 1/(lambda + alpha), else ridge_shrink(lambda) */
    double smallest;     /* singular values up to here are 0 */
    size_t n_parts;      /* 1, or one a band */
    double *apply;       /* [n_parts][m×r] */
    double *to_weight;   /* [p×r] or NULL: weight of the kept columns = to_weight · (d ∘ left' y) */
} factor;
typedef struct {
    const double *gamma;          /* [n_bands] or NULL */
    const size_t *train, *predict;
    size_t n, m;
    bool parts, weights;
    double smallest_alpha;
} factor_plan;
int factor_new(factor **out, const fold_features *f, const factor_plan *plan, err *e);
double factor_shrink(const factor *f, size_t i, double alpha);
void factor_free(factor *f);

/* Adds the inner scores of one (candidate, inner fold): sum[A×v] += score, count[A×v] += 1 where it is not NaN. y [rows×v]
 * by rows of the features. */
int inner_scores(double *sum, int32_t *count, const factor *f, const factor_plan *plan, const nested_problem *q,
                 const double *y, err *e);
/* Largest alpha among those whose mean score is within 1e-12 of the best (CONTRACT tie rule); score [n_alphas] with a stride.
 * *best NaN when all are NaN (the largest alpha then). */
size_t choose_alpha(const double *score, size_t stride, const double *alphas, size_t n, select_by select, double *best);
/* Is a later candidate's score better than the best so far by more than a tie? */
bool beats(double score, double best, select_by select);

#endif
