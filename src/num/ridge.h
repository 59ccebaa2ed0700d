/* SPDX-License-Identifier: MIT */
/* Private to num: what the files of nested ridge share. One outer fold is worked so: features.c (rows, columns, kernels) ->
 * a candidate of gamma at a time: operator.c (exact operators of the inner folds), screen.c (the same in fp32), exact.c
 * (fp64 scores), choose.c (which alpha) -> refit.c. Columns of Y go in blocks of BLOCK. */
#ifndef BROCA_NUM_RIDGE_H
#define BROCA_NUM_RIDGE_H

#include "broca/num.h"

#define EPSILON_F8 2.220446049250313e-16

/* Columns are worked in blocks of a fixed width, padded with zeros, in panels of a fixed width each, so that the bits of a
 * column depend neither on the number of columns nor on the threads (CONTRACT "Determinism"). */
enum { PANEL = 64, BLOCK = 256 };

/* From so many rows on a decomposition costs more than so many inverses (measured: an eigendecomposition is about six). */
enum { INVERSE_ROWS = 512, INVERSE_ALPHAS = 12 };

/* Elementwise loops for the machine at hand. No fused multiply-add (-ffp-contract=off), so every clone gives the same bits. */
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HOT __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#else
#define HOT
#endif

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
/* HKH [n×n] and the cross kernel [m×n] of one band, or of the sum weighted by gamma (SIZE_MAX), centred on the plan's
 * training rows; mean [n] is space. cross may be NULL with m = 0. */
void centred_kernel(double *k, double *cross, const fold_features *f, const factor_plan *plan, size_t band_index, double *mean);
/* That of all training rows: *out [n×n], the caller's. */
int whole_kernel(double **out, const fold_features *f, const double *gamma, err *e);

/* ---- exact operators of the inner folds of one candidate (operator.c) ---- */

typedef struct {
    size_t n, m, left;       /* training rows, validation rows, rows not trained on (validation rows and gaps) */
    size_t *train, *valid;   /* rows of the features */
    size_t *out, *place;     /* [left] rows not trained on; [m] where among them the validation rows are */
} inner_rows;
typedef struct {
    size_t count, rows;      /* inner folds; training rows of the outer fold */
    inner_rows *fold;
    double smallest_alpha;
    bool whole;              /* the decomposition of all training rows is wanted, too */
    bool by_inverse;         /* large kernels and few alphas: one inverse an alpha serves all inner folds */
} inner_set;
int inner_set_new(inner_set **out, const fold_features *f, const nested_problem *q, err *e);
void inner_set_free(inner_set *s);

/* G~ [n×n] of a kernel and one alpha, whose inverse serves every inner fold; sums [n] is space. */
int inverse_free_intercept(double *g, const double *kernel, size_t n, double alpha, double *sums, err *e);
/* One alpha by a root of its inverse. Inner fold k leaves out rows R, whose residuals are (G~_RR)^-1 (G~ y)_R: G = v v' [n×n],
 * row sums g1 [n] of G, their total, own [left×left] the Cholesky factor of G~_RR; y on the outer fold's centre. */
typedef struct {
    double *v, *g1, total, **own;
} left_out;
int left_out_new(left_out **out, const inner_set *s, err *e);
/* space [n×n] is overwritten. */
int left_out_set(left_out *l, const double *kernel, double alpha, const inner_set *s, double *space, err *e);
/* y [n×m], m at most PANEL, becomes G~ y. */
void left_out_apply(const left_out *l, size_t n, size_t m, double *y);
void left_out_free(left_out *l, size_t count);

typedef struct {
    factor **fold;           /* [K], or NULL with by_inverse */
    double **shrink;         /* [K] d of each component and alpha [r×A] */
    factor *whole;           /* of all training rows for the test rows */
    left_out **inverse;      /* [A] with by_inverse, else NULL */
} inner_operators;
int inner_operators_new(inner_operators **out, const fold_features *f, const inner_set *s, const nested_problem *q,
                        const double *gamma, err *e);
void inner_operators_free(inner_operators *o, const inner_set *s, size_t n_alphas);

/* ---- exact scores (exact.c) ---- */

typedef struct { uint16_t column, alpha; } score_pair;
typedef struct exact_space exact_space;
exact_space *exact_space_new(const inner_set *s, err *e);
void exact_space_free(exact_space *x);
/* Mean inner score of each pair: y[k] [rows×BLOCK] by rows of the features, centred on the outer training rows; a pair's column
 * is column % BLOCK of y[column / BLOCK] (by inverses there is one block). Pairs sorted by column. n_nan[i] counts inner folds left out; NaN if all are. The bits of a pair depend on nothing but its column. */
int exact_scores(exact_space *x, const inner_set *s, const inner_operators *o, const nested_problem *q, const double *const *y,
                 const score_pair *pair, size_t n, double *score, int32_t *n_nan, err *e);

/* The same of up to PANEL columns y[c] [rows] for one alpha, by its inverse. */
void exact_columns(exact_space *x, const inner_set *s, const left_out *l, select_by select, const double *const *y, size_t n,
                   double *score, int32_t *n_nan);

/* ---- screening: a column of Y is a row here (rows.c) ---- */

/* What an inner fold takes of a block of responses of unit variance. */
typedef struct {
    float *rows;                                  /* [BLOCK×(n+m)] training rows, then validation rows */
    size_t n, m;
    int8_t *rounded;                              /* [BLOCK×n] training rows in steps, or NULL */
    float step[BLOCK];                            /* of a response's rounded rows, else 1 */
    float train_mean[BLOCK], valid_mean[BLOCK];
    float about_train[BLOCK], about_valid[BLOCK]; /* sums of squares of validation rows about either mean */
} fold_rows;
/* y [rows×BLOCK] of outer training rows -> out [BLOCK×rows], each times scale. */
void responses_as_rows(float *out, const double *y, size_t rows, const double *scale);
int fold_rows_new(fold_rows *x, const inner_set *s, bool rounded, err *e);
void fold_rows_free(fold_rows *x);
void fold_rows_take(fold_rows *x, const inner_rows *r, const float *y, size_t rows, size_t width);
/* Adds share of the fold to the scale of each column's rounding (window = tau · scale); unsure[j] where an exact score is
 * needed whatever the value, because the column hardly varies in the fold. */
void add_scale(float *scale, uint8_t *unsure, const fold_rows *x, select_by select, float share, size_t width);
/* Adds share of the score of predictions p [width×m] in units of a step; NaN where an exact score must say (a prediction that hardly varies).
 * score has a stride. */
void add_prediction_scores(float *score, size_t stride, const fold_rows *x, const float *p, select_by select, float share, size_t width);

/* ---- fp32 screening by partial fractions (screen.c) ---- */

typedef struct screen screen; /* of one inner fold */
int screen_new(screen **out, const inner_set *s, const inner_operators *o, size_t k, const nested_problem *q, err *e);
void screen_free(screen *x);
typedef struct screen_space screen_space;
screen_space *screen_space_new(const inner_set *s, screen *const *screens, const nested_problem *q, err *e);
void screen_space_free(screen_space *x);
/* Scores [BLOCK×A] of all alphas of responses y [BLOCK×rows] of unit variance (NaN where an exact score must say), and of each
 * response the scale of their rounding (window = tau · scale); unsure[j] where an exact score is needed whatever the value. */
int screen_scores(float *score, float *scale, uint8_t *unsure, screen_space *x, screen *const *screens, const inner_set *s,
                  const nested_problem *q, const float *y, size_t rows, err *e);

/* ---- fp32 operators by inverses (mixed.c) ---- */

/* One (gamma, alpha): an operator an inner fold, prediction of the validation rows = plain · y of the training rows. */
typedef struct {
    float **plain;  /* [K] [m×n], NULL where only the packed one is used */
    packed **fast;  /* [K] int8 where that is at hand, else fp32 */
    double strain;  /* trace of the kernel over alpha, if it was inverted in fp32: what fp32 rounding grows with; else 0 */
} quick;
/* What making one needs, a thread's; those of fp64 where it has to. */
typedef struct { float *g, *rest, *own, *operator; double *sums, *g_f8, *rest_f8, *own_f8; } quick_space;
int quick_space_new(quick_space *space, const inner_set *s, size_t n, err *e);
void quick_space_free(quick_space *space);
int quick_new(quick *q, quick_space *space, const inner_set *s, const double *kernel, size_t n, double alpha, packed_kind kind, err *e);
void quick_free(quick *q, const inner_set *s);

/* ---- the choice (choose.c) ---- */

/* Largest alpha among those whose mean score is within 1e-12 of the best (CONTRACT tie rule); score [n_alphas] with a stride.
 * *best NaN when all are NaN (the largest alpha then). */
size_t choose_alpha(const double *score, size_t stride, const double *alphas, size_t n, select_by select, double *best);
/* himalaya's choice: the first maximum of score + 1e-10 ln(alpha), which *best holds. */
size_t choose_himalaya(const double *score, size_t stride, const double *alphas, size_t n, double *best);
/* Is a later candidate's score better than the best so far by more than a tie? */
bool beats(double score, double best, select_by select);

/* The best candidate so far of every response. */
typedef struct {
    size_t *alpha;   /* [v] index */
    int32_t *gamma;  /* [v] */
    double *best;    /* [v] */
    size_t screened, rescored, pairs; /* responses screened; of them scored again; pairs scored again */
} choice;

/* ---- leave-one-out and generalised cross-validation (loo.c) ---- */
/* Scores [A×PANEL] of a panel y [n×BLOCK, the first PANEL columns] about its training mean, from the factor of all training
 * rows (METHODS 3.6). space: loo_space(f) doubles. */
void loo_scores(double *score, const factor *f, const nested_problem *q, const double *y, double *space);
size_t loo_space(const factor *f);

#endif
