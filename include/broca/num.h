/* SPDX-License-Identifier: MIT */
/* num: numbers. The BLAS seam, folds, ridge and the nested fold runner, filters, resampling, statistics, distributions.
 * Matrices are row-major unless said; [a×b] is rows × columns. Sums of statistics accumulate in double. */
#ifndef BROCA_NUM_H
#define BROCA_NUM_H

#include "broca/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- BLAS and LAPACK seam (num/blas.c: the only place that includes cblas.h; LAPACK by its Fortran names) ---- */

void blas_start(void);           /* one thread inside the library, whatever OPENBLAS_NUM_THREADS says; call once */
const char *blas_name(void);     /* "OpenBLAS 0.3.21 (pthread), core SkylakeX; oneDNN 2.6.3" */
/* c [m×n] = alpha·op(a)·op(b) + beta·c, row-major, leading dimensions in elements. */
void gemm_f4(bool ta, bool tb, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda, const float *b,
             size_t ldb, float beta, float *c, size_t ldc);
void gemm_f8(bool ta, bool tb, size_t m, size_t n, size_t k, double alpha, const double *a, size_t lda, const double *b,
             size_t ldb, double beta, double *c, size_t ldc);
/* The inverse of the symmetric positive definite a [n×n], in place, both triangles; ERR_INPUT if it is not. */
int inverse_positive(size_t n, double *a, err *e);
/* Its root: a becomes the upper triangular v [n×n], the rest 0, with v v' the inverse. */
int inverse_root(size_t n, double *a, err *e);
/* b [n×m] becomes v b, or v' b with `turned`; v [n×n] upper triangular. */
void triangle_product(bool turned, size_t n, const double *v, size_t m, double *b);
/* The upper triangle of c [m×m] = a a'; a [m×k], rows lda apart. */
void gram_upper(size_t m, size_t k, const double *a, size_t lda, double *c);
/* b [n×m] = a^-1·b for the symmetric positive definite a [n×n], which becomes its Cholesky factor (upper, row-major). */
int solve_positive(size_t n, double *a, size_t m, double *b, err *e);
int cholesky(size_t n, double *a, err *e);
void cholesky_solve(size_t n, const double *root, size_t m, double *b);
/* The same three in fp32. */
int inverse_positive_f4(size_t n, float *a, err *e);
int cholesky_f4(size_t n, float *a, err *e);
void cholesky_solve_f4(size_t n, const float *root, size_t m, float *b);
/* Eigen-decomposition of the symmetric a [n×n]: values ascending in w; on return ROW i of a is the i-th eigenvector. */
int eigen_symmetric(size_t n, double *a, double *w, err *e);
/* Thin SVD of a [m×n] (destroyed): u [m×r], s [r] falling, vt [r×n], r = min(m,n). */
int svd_thin(size_t m, size_t n, double *a, double *u, double *s, double *vt, err *e);

/* ---- products with an operand that is packed once (num/packed.c): oneDNN where it is built in, else OpenBLAS ---- */

typedef enum { PACKED_F4, PACKED_BF16, PACKED_I8 } packed_kind;
typedef struct packed packed;
const char *packed_name(void);     /* "; oneDNN 2.6.3" or "" */
bool packed_has(packed_kind kind); /* BF16, I8: built with oneDNN, on a processor that multiplies those */
/* b [n×k] packed for y [m×n] = x [m×k] · b'; m and the distances of x's and y's rows are fixed, b is read, not kept. BF16: x and b
 * rounded to bf16, sums in fp32. I8: x and b rounded row by row (i8_round), sums exact; y in units of a step of x's row. */
int packed_new(packed **out, packed_kind kind, size_t m, size_t stride, size_t y_stride, const float *b, size_t n, size_t k, err *e);
/* x [m×stride] float, uint16_t (bf16_round) or int8_t (i8_round), y [m×y_stride]. Single-threaded; calls on one `packed` may run side by side. */
int packed_product(const packed *p, const void *x, float *y, err *e);
size_t packed_bytes(const packed *p);
void packed_free(packed *p);
/* The same by three loops. */
void packed_reference(float *y, const float *x, const float *b, size_t m, size_t n, size_t k, packed_kind kind);
/* Rounded to nearest, ties to even; no NaN. */
static inline uint16_t bf16_of(float x)
{
    union { float f; uint32_t u; } bits = { x };
    return (uint16_t)((bits.u + 0x7fff + ((bits.u >> 16) & 1)) >> 16);
}
static inline float bf16_value(uint16_t x)
{
    union { uint32_t u; float f; } bits = { (uint32_t)x << 16 };
    return bits.f;
}
/* out [n]: x over the step that it returns, the largest magnitude / 127; to nearest, ties to even. */
float i8_round(int8_t *out, const float *x, size_t n);
void bf16_round(uint16_t *out, const float *x, size_t n);
/* c [m×n] = op(a)·op(b), plus c with `add`; a, b bf16, sums in fp32; row-major, leading dimensions in elements. The plan of each
 * shape is made at its first call and kept. Single-threaded, as gemm_f4. ERR_USAGE without packed_has(PACKED_BF16). */
int gemm_bf16(bool ta, bool tb, size_t m, size_t n, size_t k, const uint16_t *a, size_t lda, const uint16_t *b, size_t ldb, bool add,
              float *c, size_t ldc, err *e);

/* ---- folds (num/folds.c; CONTRACT "Folds") ---- */

typedef enum {
    FOLD_CONTIGUOUS, FOLD_GROUP, FOLD_LOGO, FOLD_RANDOM, FOLD_GIVEN,
    FOLD_KFOLD, FOLD_SHUFFLE_SPLIT, FOLD_GROUP_KFOLD, FOLD_STRATIFIED, FOLD_STRATIFIED21 /* scikit-learn's (legacy_folds.c) */
} fold_kind;
typedef struct {
    fold_kind kind;
    size_t k;
    double gap_s;       /* contiguous; 0 if not said */
    double train_share; /* shufflesplit */
    bool has_seed;
    uint64_t seed;
    bool at_most;       /* fewer groups than k: as many folds as groups, at least 2 (the default inner scheme) */
    char file[1024];    /* given: table with a column `fold` (or a single column), a row a presentation */
} fold_scheme;
/* "contiguous:6,gap=10" ...; ERR_USAGE with the nearest word. */
int fold_scheme_parse(fold_scheme *out, const char *text, err *e);
/* Do its folds part neighbours and members of a group (random, kfold, shufflesplit, stratified)? Strict mode refuses them. */
bool fold_scheme_parts_neighbours(const fold_scheme *s);

typedef struct {
    size_t n;                 /* presentations */
    const int32_t *run;       /* NULL: one run */
    const double *onset;      /* seconds, NULL: row number */
    const char *const *group; /* NULL: none */
    const int32_t *given;     /* fold per presentation for FOLD_GIVEN, -1 never; else NULL */
} fold_items;
typedef struct {
    size_t n, count;
    uint8_t *test;  /* [count×n] */
    uint8_t *train; /* [count×n] */
} folds;
/* Folds among the rows with use[i] != 0 (NULL: all). Fails: fewer groups than K, an empty training set, < 2 test rows. */
int folds_make(folds **out, const fold_scheme *scheme, const fold_items *items, const uint8_t *use, err *e);
void folds_free(folds *f);
/* Default inner scheme for an outer one (CONTRACT): contiguous:5 with the outer gap; group:5 capped by groups left;
 * random:5 with the outer seed; for given and scikit-learn's it must be named: ERR_USAGE. */
int folds_inner(fold_scheme *out, const fold_scheme *outer, err *e);
/* "contiguous:6,gap=10": what fold_scheme_parse reads. */
void fold_scheme_text(const fold_scheme *s, char *text, size_t room);

/* ---- NumPy's legacy generator and the folds drawn from it (num/legacy.c, num/legacy_folds.c; METHODS 0): replicate modes ---- */

typedef struct { uint32_t word[624]; size_t at; bool has_normal; double normal; } legacy_rng;
void legacy_start(legacy_rng *g, uint32_t seed);           /* RandomState(seed) */
uint32_t legacy_word(legacy_rng *g);                       /* 32 bits */
uint32_t legacy_up_to(legacy_rng *g, uint32_t most);       /* a whole number in [0, most], by masked rejection */
double legacy_uniform(legacy_rng *g);                      /* random_sample: 53 bits of two words */
double legacy_normal(legacy_rng *g);                       /* standard_normal: polar method, the second of a pair is kept */
double legacy_gamma(legacy_rng *g, double shape);          /* standard_gamma */
void legacy_dirichlet(legacy_rng *g, double *out, size_t rows, size_t k, double shape); /* dirichlet([shape] * k, rows): [rows×k] */
void legacy_shuffle(legacy_rng *g, size_t *p, size_t n);   /* n < 2^32 */
void legacy_permutation(legacy_rng *g, size_t *p, size_t n); /* choice(n, k, replace=False): its first k */
void legacy_choice(legacy_rng *g, size_t *out, size_t n, size_t k); /* choice(n, k), with replacement */
/* fold [n] of each row; group and label texts are sorted by bytes. KFold(k, shuffle, seed); GroupKFold(k, shuffle, seed) of
 * scikit-learn >= 1.6, without shuffle _sizes; StratifiedKFold(k, shuffle, seed), before_022: as before scikit-learn 0.22. */
int legacy_kfold(int32_t *fold, size_t n, size_t k, uint32_t seed, err *e);
int legacy_group_kfold(int32_t *fold, const char *const *group, size_t n, size_t k, uint32_t seed, err *e);
int legacy_group_kfold_sizes(int32_t *fold, const char *const *group, size_t n, size_t k, err *e);
int legacy_stratified(int32_t *fold, const char *const *label, size_t n, size_t k, uint32_t seed, bool before_022, err *e);
/* ShuffleSplit(repeats, train_size, random_state): masks [repeats×n]; n_train = floor(train_share·n), the rest tested. */
int legacy_shuffle_split(uint8_t *test, uint8_t *train, size_t n, size_t repeats, double train_share, uint32_t seed, err *e);

/* ---- preparation of features and responses (num/prepare.c, num/highpass.c) ---- */

/* X [n×d] -> delayed [n×(d·m)], delay-major; row i of block k is X[i - delay[k]] of the same run, zeros beyond (METHODS 3.2). */
int delay_columns(double **out, const double *x, size_t n, size_t d, const int32_t *run, const long *delays, size_t m, err *e);
/* METHODS 3.1: sums (or means) of word vectors f [m×d] with onset in [s_i, s_i+tr); out [n×d] zeroed first.
 * word_run may be NULL. count (may be NULL) gets words per sample. */
int downsample_sum(double *out, double *count, const float *f, const double *onset, const int32_t *word_run, size_t m,
                   size_t d, const double *sample, const int32_t *run, size_t n, double tr, err *e);
/* The unnormalised Lanczos sum of METHODS 3.1, per run. cutoff_mult 1, window a. */
int downsample_lanczos(double *out, const float *f, const double *onset, const int32_t *word_run, size_t m, size_t d,
                       const double *sample, const int32_t *run, size_t n, double tr, double a, double cutoff_mult, err *e);
/* Removes constant + DCT drift (METHODS 3.4) from each column of y [n×v], separately for each block: rows with equal
 * block[i], whatever the number, taken in order of row (NULL: one block). Runs and folds are the caller's to number apart.
 * K = floor(2·N·tr/cutoff); ERR_INPUT if K >= N/4. The filtered columns have mean 0 in each block. */
int highpass(double *y, size_t n, size_t v, const int32_t *block, double tr, double cutoff_s, err *e);
/* METHODS 3.5 (1): least squares of y [n×v] on z [n×k] and a constant over the rows with train[i] != 0; then
 * y -= (z - mean of z over those rows)·beta on all rows, so that the training mean of y stays. beta [k×v] may be NULL. */
int remove_confounds(double *y, size_t n, size_t v, const double *z, size_t k, const uint8_t *train, double *beta, err *e);
/* Constant by CONTRACT's rule: max - min <= 1e-12·max|x| over x[row·stride] of the rows with use[row] != 0 (NULL: all). */
bool column_constant(const double *x, size_t n, size_t stride, const uint8_t *use);

/* ---- haemodynamic responses (num/hrf.c; METHODS 3.3) ---- */

typedef enum { HRF_SPM, HRF_GLOVER, HRF_VMT, HRF_NILEARN_SPM, HRF_NILEARN_GLOVER } hrf_kind;
typedef enum { HRF_CANONICAL, HRF_DERIVATIVE, HRF_DISPERSION } hrf_part;
typedef struct { double delay, undershoot, dispersion, u_dispersion, ratio; } hrf_shape; /* seconds */
hrf_shape hrf_shape_of(hrf_kind kind);
/* "spm", "nilearn-glover+derivative+dispersion"; parts 1 to 3; ERR_USAGE with the nearest name. */
int hrf_parse(hrf_kind *kind, size_t *parts, const char *text, err *e);
double hrf_at(hrf_shape s, double t);       /* not normalised; 0 before 0 */
double hrf_integral(hrf_shape s, double t); /* from 0 to t */
/* The kernel of a part sampled every tr/oversampling s over 32 s, canonical of sum 1; malloc'ed. */
int hrf_kernel(double **out, size_t *n, hrf_kind kind, hrf_part part, double tr, size_t oversampling, err *e);
/* Word vectors f [m×d] as impulses on a fine grid (tr/16; nilearn's kernels tr/50, vmt tr), convolved and taken at the samples;
 * causal, per run. out [n×(d·parts)], part-major. */
int hrf_words(double *out, const float *f, const double *onset, const int32_t *word_run, size_t m, size_t d, const double *sample,
              const int32_t *run, size_t n, double tr, hrf_kind kind, size_t parts, err *e);
/* Regressors of events at rising frame times as nilearn's compute_regressor makes them (further columns orthogonal to those
 * before): out [n×parts], or FIR: [n×n_fir] of delays in frames (oversampling 1: whether an event is on; more: its share of the frame). */
int hrf_events(double *out, const double *onset, const double *duration, const double *amplitude, size_t m, const double *frame, size_t n,
               size_t oversampling, hrf_kind kind, size_t parts, const long *fir, size_t n_fir, err *e);

/* ---- nested cross-validated ridge (num/ridge.c, num/nested.c; METHODS 3.5-3.9) ---- */

typedef enum { SELECT_MSE, SELECT_R2, SELECT_R } select_by;
/* How the inner score is made: inner folds, or leave-one-out or generalised cross-validation of the training rows (METHODS
 * 3.6). The last two look at neighbours in time: never by default. */
typedef enum { INNER_FOLDS, INNER_LOO, INNER_GCV } inner_by;
/* Columns [first, first+width) of the responses of this fold, all rows of the problem: out [n×width]. Called from several
 * threads. */
typedef int (*response_source)(void *context, size_t first, size_t width, double *out, err *e);
typedef struct { size_t first, width; } band; /* columns [first, first+width) of x */

/* Fits that keep a response's alpha and gamma (METHODS 5.6, the jackknife with refit): on all training rows, then without each
 * block of rows in training and test. Exact, without a decomposition a block: leaving rows out is the fit of the responses that
 * have their left-out predictions in these rows. As in inner folds, X and y are centred anew and keep their scale. */
typedef struct {
    size_t v;
    response_source source; void *context; /* responses, all rows of the problem */
    const size_t *of;          /* [v] response of the problem whose choice is kept */
    size_t blocks;
    const int32_t *block;      /* [n] block of each row, -1: in none */
} held_fits;
/* Sums over the test rows of a block: y and prediction about the fold's training mean of y. What a bootstrap of blocks draws. */
typedef struct { double y, p, yy, pp, yp; } part_sums;

typedef struct {
    const double *x; size_t n, p;      /* features, all rows (already delayed and filtered) */
    const double *y; size_t v;         /* responses [n×v], already filtered; constant or NaN columns are the caller's to exclude */
    response_source source; void *context; /* instead of y: read block by block */
    const uint8_t *train;              /* [n] rows of this outer fold's training set */
    const uint8_t *test;               /* [n] */
    const folds *inner;                /* inner folds over the training rows (n rows; masks inside train) */
    const double *alphas; size_t n_alphas;
    select_by select;
    inner_by by;
    bool alpha_shared;                 /* one alpha for all columns of y */
    bool exhaustive;                   /* every alpha is scored in fp64, none screened: the same choice, slower */
    bool standardise;                  /* columns of x by mean and sd (ddof 0) of the outer training rows */
    bool himalaya;                     /* ties as himalaya breaks them: 1e-10 ln(alpha) is added, the first maximum wins, alpha 0 never */
    const band *bands; size_t n_bands; /* 0 or 1: plain ridge */
    bool divide_by_width;              /* each band divided by sqrt(p_b) (strict, METHODS 3.8) */
    const double *gammas; size_t n_gammas; /* [n_gammas×n_bands]; NULL with n_bands < 2 */
    const held_fits *held;             /* NULL: none */
} nested_problem;

/* Scores of a test fold (CONTRACT "Encoding rules"): y and prediction [n] with a stride. r is NaN for a constant y or a
 * prediction whose sd is <= 1e-9·train_sd; r2 is about the test mean (NaN for a constant y), r2_train about train_mean.
 * sse, sst (about train_mean), and the sums of products about the fold's means that the pooled r is made of. */
typedef struct { double r, r2, r2_train, sse, sst, yy, pp, yp; } fit_score;
fit_score score_fold(const double *y, const double *prediction, size_t n, size_t stride, double train_mean,
                     double train_sd);

/* What takes a fit as it is made, so that nobody holds the fits of all responses: called once for each response from any thread, in
 * any order, after its score was written. y and prediction [t] of the test rows, weight [p] (NULL unless weights is set) are lent. */
typedef struct {
    void *context;
    bool weights;
    void (*take)(void *context, size_t response, const double *y, const double *prediction, const double *weight);
} fit_sink;

/* Arrays are the caller's; pointers may be NULL when not wanted. t = test rows in order of row number. */
typedef struct {
    fit_score *score;    /* [v] of the test rows */
    double *alpha;       /* [v] */
    int32_t *gamma;      /* [v] candidate chosen */
    double *inner_best;  /* [v] mean inner score of the chosen one (of screening accuracy, 1e-5, where nothing came near it) */
    double *inner;       /* [n_gammas × n_alphas × v] mean inner scores */
    double *prediction;  /* [t×v] training mean of y included */
    double *share;       /* [n_bands×v] product measure about the training mean (METHODS 3.9) */
    double *y_mean;      /* [v] mean of y over the training rows */
    double *weight;      /* [p×v] in units of standardised columns of x */
    const fit_sink *sink; /* takes prediction and weight a response at a time */
    fit_score *held;     /* [(1 + blocks)×held.v]; NaN where a block leaves fewer than 2 test rows */
    part_sums *part;     /* [blocks×held.v] of the fits on all training rows */
    size_t dropped;      /* columns dropped as constant on training rows */
    size_t *n_nan_inner; /* [v] count of NaN inner scores left out, of the scores that were made in fp64 */
    size_t screened, rescored, pairs; /* responses screened in fp32; of them scored again in fp64; (response, alpha) pairs
                                         scored again; of n_gammas candidates each counts */
} nested_result;
/* One outer fold. A block of 256 columns is the unit of work: nothing that is computed for one depends on which others are there
 * (but for a window of screening, which never decides), so that a fold's blocks may be given to threads, and later to ranks of
 * MPI or to jobs of an array, in any order and number; each needs the features and its own 256 columns. Column blocks of 256 padded to full width, each single-threaded: same bytes for any thread count. With 1,024
 * responses and more, alphas are screened in fp32 and what comes near the best is scored again in fp64, which alone decides.
 * keep [p] (may be NULL): columns with keep[j] = 0 are dropped (constant before filtering, CONTRACT). */
int nested_ridge(const nested_problem *q, const uint8_t *keep, nested_result *out, err *e);
/* Peak memory of one outer fold in bytes, responses and results of the caller's not counted: features (n + t) p, their Gram
 * matrices, operators of the inner folds, threads × a panel of 256 (4 × 256) columns. rows: of the problem; v, gammas, inner as
 * there. Within 10 % of what is measured for the rows of the bench (make bench prints both). */
typedef struct { size_t rows, n, t, p, v, bands, n_alphas, gammas, inner; } nested_size;
double nested_memory(const nested_size *s, size_t threads);

/* Plain ridge, one alpha per column of y (METHODS 3.6): w [p×v] and intercept b [v]; alpha 0 is the minimum-norm solution.
 * intercept false: b = 0 and nothing is centred. */
int ridge_fit(const double *x, size_t n, size_t p, const double *y, size_t v, const double *alpha, bool intercept,
              double *w, double *b, err *e);
/* Effective degrees of freedom sum s²/(s²+alpha) of the centred x [n×p] (the intercept not counted) and the hat matrix's
 * diagonal [n] (1/n of the intercept included; leave-one-out residuals divide by 1 - h, METHODS 3.6). hat may be NULL. */
int ridge_hat(const double *x, size_t n, size_t p, double alpha, double *df, double *hat, err *e);
/* Ridge with alpha by exact leave-one-out errors (num/loo_ridge.c; METHODS 3.6), sound for any alpha > 0 however small: one
 * decomposition of the centred x [n×p] for any number of responses and alphas. Nothing is scaled. Free with loo_ridge_free. */
typedef struct loo_ridge loo_ridge;
int loo_ridge_new(loo_ridge **out, const double *x, size_t n, size_t p, err *e);
/* mse [n_alphas×v]: mean squared error of the rows left out, of each column of y [n×v]. */
int loo_ridge_errors(const loo_ridge *f, const double *y, size_t v, const double *alphas, size_t n_alphas, double *mse, err *e);
/* The first alpha of the list wins unless a later one is better by more than 1e-12 (relative). */
size_t loo_ridge_choose(const double *mse, size_t stride, size_t n_alphas);
/* w [p×v] and b [v], an alpha a column; 0: least squares of minimum norm. */
int loo_ridge_fit(const loo_ridge *f, const double *y, size_t v, const double *alpha, double *w, double *b, err *e);
void loo_ridge_free(loo_ridge *f);

/* What papers' code made of predictions (num/paper_scores.c; METHODS 3.13). */
typedef enum { PAPER_NONE, PAPER_SCHRIMPF2021, PAPER_BRAINSCORE, PAPER_TUCKUTE2024, PAPER_HADIDI2025 } paper_rule;
/* Their correlation of y and prediction: NaN of a constant (2021), 1e-8 in the norms so that it counts 0, 0 below an sd of 1e-7,
 * 0 where the norm is at most 1e-5 of the mean. */
double paper_r(paper_rule rule, const double *y, const double *prediction, size_t n, size_t stride);
/* One outer fold by a paper's regression (num/paper_fit.c): least squares of minimum norm where the only alpha is 0; else alpha by
 * leave-one-out errors of the training rows, one for all neuroids where q->alpha_shared; PAPER_HADIDI2025 by nested_ridge and
 * himalaya's ties. score[].r is the paper's. Bands are columns side by side but for PAPER_HADIDI2025. */
int paper_ridge(const nested_problem *q, paper_rule rule, nested_result *out, err *e);
/* Brain-Score: median over neuroids in each fold, mean over folds; r [count×v]. */
int paper_median_of_folds(double *score, const double *r, size_t count, size_t v, err *e);
/* 2021: median over a subject's neuroids (NaN left out), median over subjects; the median absolute deviation over subjects. */
int paper_median_of_subjects(double *score, double *deviation, const double *r, char *const *subject, size_t v, err *e);
/* 1 - sum of sse / sum of sst about the training mean, over folds. */
double paper_r2_out_of_sample(const double *sse, const double *sst, size_t count, size_t stride);
/* Omega (METHODS 5.4) in per cent, clipped as there. */
double paper_omega(double both, double llm, double simple);

/* METHODS 3.9: r2 [2^sets] of the model of each subset (bit k: set k; r2[0] is not read) -> part [2^sets]: explained by exactly
 * the sets of the subset together. Parts may be negative; they sum to the R2 of all. */
void variance_partition(double *part, const double *r2, size_t sets);
/* METHODS 3.8: candidates of random search: equal weights, the corners, then Dirichlet draws alternating concentration
 * 0.1 and 1.0, from stream RNG_GAMMA. out [count×bands], rows sum to 1. */
int gamma_candidates(double *out, size_t count, size_t bands, uint64_t seed, err *e);

/* ---- statistics (num/stats.c) ---- */

double sum_f8(const double *x, size_t n);
double mean_f8(const double *x, size_t n);
double variance_f8(const double *x, size_t n, int ddof);
double pearson(const double *a, const double *b, size_t n); /* NaN if either is constant */
double median_f8(double *x, size_t n);                      /* sorts x; NaN if n = 0 */
double quantile_f8(double *sorted, size_t n, double q);     /* type 7 of a sorted array */

typedef struct { double t, dof, log_p, p; } t_result; /* two-sided; log_p natural, exact far into the tail */
/* METHODS 6.1. No variance in both and equal means: t NaN; unequal: t ±inf, dof NaN. NaN values: t NaN. */
t_result welch(const double *a, size_t na, const double *b, size_t nb);
t_result student(const double *a, size_t na, const double *b, size_t nb);
t_result paired(const double *a, const double *b, size_t n);
t_result one_sample(const double *a, size_t n, double mu);
/* t of the condition indicator (1 for a, 0 for b) in OLS of the value on condition and covariate (METHODS 6.3 c). */
t_result covariate_t(const double *a, const double *ca, size_t na, const double *b, const double *cb, size_t nb);
double cohen_d(const double *a, size_t na, const double *b, size_t nb); /* pooled sd; NaN without variance and difference */
/* Benjamini-Hochberg; NaN p are not in m and stay NaN (METHODS 5.8). q may equal p. */
int benjamini_hochberg(const double *p, size_t n, double *q, err *e);
/* The same conventions: Benjamini-Yekutieli (any dependence), Holm, Bonferroni. */
int benjamini_yekutieli(const double *p, size_t n, double *q, err *e);
int holm(const double *p, size_t n, double *q, err *e);
void bonferroni(const double *p, size_t n, double *q);

/* Means of value [n] by label (0 ... n_labels-1; -1: none) with 95 % t intervals over the items; labels with 2 items and more, in
 * order. Returns how many; out has room for n_labels. (num/profile.c) */
typedef struct { size_t label, n; double mean, lo, hi; } profile_row;
size_t profile_by_label(profile_row *out, const double *value, const int32_t *label, size_t n, size_t n_labels);

/* Ranks from 1, ties share their average. */
int ranks_average(const double *x, size_t n, double *rank, err *e);
int spearman(const double *a, const double *b, size_t n, double *r, err *e);
double kendall_b(const double *a, const double *b, size_t n); /* every pair is looked at: n^2 */
double correlation_p(double r, size_t n); /* two-sided, by t of n - 2 */
/* Raw median absolute deviation (times 1/0.67449 it estimates a normal sd). */
int mad_f8(const double *x, size_t n, double *mad, err *e);

/* ---- distributions (num/distributions.c; GSL where it is exact enough) ---- */
typedef enum { TAIL_BOTH, TAIL_GREATER, TAIL_LESS } tail;
double t_log_p(double t, double dof, tail which); /* natural log, 1e-8 relative down to -1e7 */
double t_quantile(double p, double dof);
double normal_log_upper(double z);
double normal_quantile(double p);
/* Gamma distribution with mean shape·scale: its density, and P(X <= x). */
double gamma_density(double x, double shape, double scale);
double gamma_distribution(double x, double shape, double scale);

/* ---- inference (num/bootstrap.c, jackknife.c, permutation.c, surrogate.c; METHODS 5.6-5.9) ---- */

typedef struct { double lo, hi; } limits;
/* Of n ascending resampled values; level .95. */
limits interval_percentile(double *sorted, size_t n, double level);
limits interval_basic(double theta, double *sorted, size_t n, double level);
limits interval_t(const double *x, size_t n, double level); /* of the mean */
double normal_distribution(double z);
/* a of METHODS 5.6 from the values with one subject left out; NaN if they are all equal. */
double jackknife_acceleration(const double *left_out, size_t n);
typedef struct { limits bounds; double z0, acceleration, level_lo, level_hi; bool flat; } bca_interval;
/* flat: all draws are equal, bounds are theta (SciPy: NaN). */
bca_interval interval_bca(double theta, double *sorted, size_t n, double acceleration, double level);

double jackknife_variance(const double *left_out, size_t m, size_t stride);
/* What the crossed jackknife is made of. Single subjects: v_subjects = var(theta_s)/S, mean_v_blocks over subjects of their own
 * block variance. Group: v_subjects by leaving subjects out, mean_v_blocks of the groups without one subject. subjects 0 or 1:
 * blocks alone. v = v_subjects + max(0, v_blocks - v_both), the second the jackknife's covariance of two subjects; dof by
 * Satterthwaite from the three, or subjects - 1 where v is v_subjects alone (docs/intervals.md). */
typedef struct {
    double theta, v_subjects, v_blocks, mean_v_blocks;
    size_t subjects, blocks;
    bool group;
} crossed_sample;
typedef struct { limits bounds; double v, v_subjects, v_blocks, v_both, dof; bool flat; } crossed_interval;
crossed_interval interval_crossed(const crossed_sample *c, double level);

/* (1 + #{null at least as extreme})/(1 + n), ties count; NaN observed: NaN. null has a stride. */
double permutation_p(double observed, const double *null, size_t n, size_t stride, tail which);
double permutation_z(double observed, const double *null, size_t n, size_t stride); /* ddof 1 */
/* Family-wise by the maximum over the m columns: observed [m], null [n×m]. */
int permutation_max_p(double *p, const double *observed, size_t m, const double *null, size_t n, err *e);
/* Mean of x over all 2^n sign flips (n <= 20, else NaN), identity included: p = share at least as extreme. */
double sign_flip_p(const double *x, size_t n, tail which);
double sign_flip_random_p(const double *x, size_t n, tail which, size_t draws, uint64_t seed); /* stream RNG_SIGN_FLIPS */
/* Rotation within runs (numbered by first appearance): after it, row i holds what stood at from[i]. lag [runs]. */
int rotation_rows(size_t *from, const int32_t *run, size_t n, const size_t *lag, err *e);
/* phase [n/2+1]: added to the phase of each frequency but 0 and the highest of an even n; h [n] is the circular kernel of that. */
int phase_kernel(double *h, size_t n, const double *phase, err *e);
int phase_convolve(double *out, const double *y, size_t n, size_t v, const double *phase, err *e); /* y, out [n×v]: one run */
/* Surrogate `number` of y [n×v], run by run, uniform phases of stream RNG_PHASES, the same for all columns. */
int phase_surrogate(double *out, const double *y, size_t n, size_t v, const int32_t *run, uint64_t seed, uint32_t number, err *e);

/* ---- noise ceilings' arithmetic (num/reliability.c; METHODS 4) ---- */
double spearman_brown(double r, double times);
/* METHODS 4.3: d [n items × R]; NaN allowed. Returns NC as correlation for a mean of m; also variances when not NULL. */
double snr_ceiling(const double *d, size_t n, size_t repeats, double m, double *noise_var, double *signal_var, double *ncsnr);
/* The two variances alone, the signal's not cut off at 0 (to be averaged before the root); -1 and NaN without repeats. */
int snr_variances(const double *d, size_t n, size_t repeats, double *noise_var, double *signal_var);
/* Mean over pairs of columns of r, y [n×S] (METHODS 4.4). */
double pairwise_r(const double *y, size_t n, size_t subjects);
/* r of each column of y [n×S] with the mean of the others; out [S]. The columns are not rescaled here. */
int leave_one_out_r(const double *y, size_t n, size_t subjects, double *out, err *e);
double explainable_variance(const double *y, size_t n, size_t repeats, err *e); /* METHODS 4.5, uncorrected; NaN on error */

/* Least-squares v0 (1 - exp(-x/tau)), 0 <= v0 <= 1, tau > 0 (num/extrapolate.c; METHODS 4.1); weight NULL: 1. false and NaN: a y
 * is not finite. tau means little where v0 is at a bound. */
bool extrapolate_fit(const double *x, const double *y, const double *weight, size_t n, double *v0, double *tau, double *sse);
/* Of n fits (NaN left out): the first x of 0..998 at which the median curve grows by less than .0005 (SIZE_MAX: none), and how far
 * the 2.5 and 97.5 percentiles of the curves there lie below and above center. */
int extrapolate_interval(const double *v0, const double *tau, size_t n, double center, size_t *endpoint, double *below, double *above, err *e);

/* ---- similarity of representations (num/similarity.c; METHODS 5.11, 5.12) ---- */
typedef enum { RDM_CORRELATION, RDM_COSINE, RDM_EUCLIDEAN, RDM_SQEUCLIDEAN } rdm_kind;
/* Dissimilarities of the rows of x [n×p], the upper triangle row by row [n(n-1)/2]; 1 - r of a constant row is NaN. */
void rdm(double *out, rdm_kind kind, const double *x, size_t n, size_t p);
double kendall_a(const double *a, const double *b, size_t n);
int rank_cosine(const double *a, const double *b, size_t n, double *out, err *e);
void gram_linear(double *k, const double *x, size_t n, size_t p);
/* exp(-d²/(2 s²)), s² the median of the squared distances that are not 0. */
int gram_rbf(double *k, const double *x, size_t n, size_t p, err *e);
int hsic(const double *k, const double *l, size_t n, double *out, err *e);          /* sum of HKH ∘ HLH */
int hsic_unbiased(const double *k, const double *l, size_t n, double *out, err *e); /* n >= 4; may be negative */
/* HSIC(K,L)/sqrt(HSIC(K,K)·HSIC(L,L)); NaN where a norm is not positive. */
int cka(const double *k, const double *l, size_t n, bool unbiased, double *out, err *e);

/* OASM (num/oasm.c; METHODS 3.12): out [n×n], the identity smoothed along columns within each block (rows with equal block[i], in
 * order; NULL: one). sigma 0 is the identity. Rows further apart than 2·radius samples share no column. */
size_t oasm_radius(double sigma);
int oasm_features(double *out, const int32_t *block, size_t n, double sigma, err *e);

/* ---- series: responses as a fold sees them (num/series.c; METHODS 3.4, 3.5, CONTRACT "Encoding rules") ---- */

/* Filter blocks (METHODS 3.4): block [n] numbers run × test fold (scope fold) or run alone (folds NULL). Rows in no test
 * set of f form one block a run. */
int series_blocks(int32_t *block, const int32_t *run, size_t n, const folds *f, err *e);
/* z-scores the columns of y [n×v] in place by mean and sd (ddof 0) of the rows with train[i] != 0; columns that are
 * constant on those rows become zero. */
int series_zscore(double *y, size_t n, size_t v, const uint8_t *train, err *e);
/* Mean and sd (ddof 0) of each run; a column that is constant within a run becomes 0 there. In place (replicate modes; a leak
 * of the test mean where a run holds test rows). */
int series_zscore_runs(double *y, size_t n, size_t v, const int32_t *run, err *e);
/* Copy of y [n×v] (already filtered) with the confounds z [n×k] (NULL: none) learnt on the training rows removed, then
 * z-scored. out [n×v]. */
int series_fold(double *out, const double *y, size_t n, size_t v, const double *z, size_t k, const uint8_t *train, err *e);

#ifdef __cplusplus
}
#endif
#endif
