/* SPDX-License-Identifier: MIT */
/* encode: nested cross-validated ridge from features to responses (METHODS 3, CONTRACT "Encoding rules"). Order: words -> rows
 * of the responses on the full run -> delays -> first rows dropped -> filter per outer-fold block -> per fold: confounds,
 * standardisation, inner folds, ridge. */
#ifndef BROCA_ENCODE_H
#define BROCA_ENCODE_H

#include "broca/base.h"
#include "broca/num.h"
#include "broca/responses.h"
#include "broca/stimuli.h"
#include "broca/store.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what the user asks for ---- */

typedef enum { DOWNSAMPLE_SUM, DOWNSAMPLE_MEAN, DOWNSAMPLE_LANCZOS } downsample_by;
/* What takes the place of the responses (METHODS 5.7): rotated within runs, groups (or items) permuted, phases randomised. */
typedef enum { NULL_NONE, NULL_CIRCULAR, NULL_GROUP, NULL_PHASE } null_kind;

typedef struct {
    const char *const *features; size_t n_features; /* "NAME=FILE[:tap[,tap...]]" */
    const char *const *delays; size_t n_delays;     /* "[NAME=]1,2,3,4", TRs, or seconds as 2s */
    const char *baseline;        /* "A+B" or NULL */
    const char *const *bands; size_t n_bands;       /* "A+B": further joint sets */
    size_t candidates;           /* of gamma for joint sets */
    double *gammas; size_t n_gammas, gamma_bands;   /* or given ones [n_gammas×gamma_bands], each summing to 1 */
    const char *partition;       /* "A,B[,C]": variance partitioning of these sets, or NULL */
    bool group;                  /* --target */
    bool add_mean;               /* a further neuroid "mean" a subject: the z-scored mean of its ROIs */
    paper_rule paper;            /* --mode replicate: PAPER_NONE is strict */
    bool shuffle_labels;         /* PAPER_HADIDI2025: labels of the folds permuted by NumPy's shuffle after seed shuffle_seed */
    uint32_t shuffle_seed;
    size_t shuffle_parts[2];     /* rows of two data sets that one generator shuffles in turn, this run's among them; 0: one set */
    const char *folds, *inner;   /* NULL: CONTRACT's defaults */
    inner_by inner_by;           /* or leave-one-out or generalised cross-validation of the training rows */
    bool allow_random;
    bool leak_test;              /* folds as they are, whatever their kind */
    double *alphas; size_t n_alphas;
    bool alpha_shared;
    select_by select;
    downsample_by downsample;
    double lanczos_lobes;
    hrf_kind hrf; size_t hrf_parts; /* words convolved with it instead of downsampled and delayed; 0 parts: none */
    double highpass_s;           /* 0: none */
    bool highpass_run;           /* scope=run */
    const char *confounds;       /* NULL: none */
    size_t drop_start;
    bool standardise_x, standardise_y;
    const char *const *units;    /* "[NAME=]FILE[:WHAT]" as encode_units_parse reads it; the first that fits a set counts */
    size_t n_units;
    bool save_prediction, save_weight, save_inner;
    null_kind null; size_t n_null; /* refitted null responses; n_null is capped at how many different ones there are */
    const char *null_sets;       /* "A,B": feature sets that are fitted to null responses, with the baseline; NULL: all */
    const char *jackknife;       /* blocks left out: "30s", "group", "42-items"; NULL: none */
    const char *journal;         /* file that keeps finished fits while the run lasts; NULL: none */
    const char *identity;        /* 64 characters that name options, inputs and program */
    bool resume;                 /* what the journal holds must be of this run */
    size_t memory;               /* bytes that the process may take at its peak; 0: no limit */
    uint64_t seed;
} encode_options;

/* Which units of an activations file are features: those that a localizer selected, all others with a finite t, or its control
 * number N (METHODS 6.6, 6.9). */
typedef enum { UNITS_OF_SELECTION, UNITS_OF_COMPLEMENT, UNITS_OF_CONTROL } units_choice;
typedef struct {
    char name[128];   /* of the sets that it is for; "": all */
    char path[2048];  /* file of kind localizer */
    size_t path_at;   /* where the path begins in the text */
    units_choice which;
    size_t control;
} encode_units;
/* "[NAME=]FILE[:selected|complement|control.N]"; ERR_USAGE. */
int encode_units_parse(encode_units *u, const char *text, err *e);

/* "-1:6:22" (log10 LO:HI:N) or "1,10,100"; malloc'ed. ERR_USAGE for alpha < 0 or not finite. */
int encode_alphas(double **out, size_t *n, const char *text, err *e);
/* "1,1;1,0": given candidates of gamma, scaled to sum to 1. ERR_USAGE: not numbers >= 0, all 0, rows of different length. */
int encode_gammas(encode_options *o, const char *text, err *e);
/* "42" or "42,384+243": seed of the shuffle, rows of its parts. ERR_USAGE. */
int encode_shuffle(encode_options *o, const char *text, err *e);
/* --mode replicate:NAME: everything that the paper's code decides is set; alphas and candidates only where they are not given.
 * ERR_USAGE with the nearest name. */
int encode_replicate(encode_options *o, const char *name, bool alphas_given, bool candidates_given, err *e);
/* What the mode takes where --alphas is not given, as encode_alphas reads it. */
const char *encode_replicate_alphas(paper_rule rule);
/* "circular:199", "group:999", "phase:199" */
int encode_null(encode_options *o, const char *text, err *e);
/* "128" or "128,scope=run" */
int encode_highpass(encode_options *o, const char *text, err *e);

/* ---- what comes out ---- */

typedef struct { double yy, pp, yp; } product_sums; /* about the fold's means: what the pooled r is made of */

typedef struct {
    char *name;                  /* "baseline", "NAME:tap", "NAME:tap+baseline" */
    const char *kind;            /* baseline, model, joint */
    size_t p, n_bands, dropped;  /* dropped: most columns that a fold dropped as constant */
    double *alpha, *inner_best, *r, *r2, *r2_train, *sse; /* [F×v] */
    product_sums *sums;          /* [F×v] */
    int32_t *gamma;              /* [F×v], joint */
    double *share;               /* [F×bands×v], joint */
    double *r_mean, *r_pooled, *r2_pooled; /* [v] */
    int32_t *n_nan, *n_edge;     /* [v] */
    double *null_r, *null_r2;    /* [n_null×v] mean r and pooled R² of null responses; joint with the baseline: of Freedman and Lane's,
                                  * baseline's full-sample fit + null residuals, everything fitted anew; NULL: not asked of this set */
    double *null_delta_r, *null_delta_r2; /* [n_null×v] joint - baseline of the latter */
    double *jack_r, *jack_r2;    /* [blocks×v] without each block, alpha, gamma and layer held (METHODS 5.6) */
    double *left_r, *left_r2;    /* [people×v] group: of the mean without each subject */
    double *left_jack_r, *left_jack_r2; /* [people×blocks×v] and without each block */
    part_sums *part;             /* [parts×v] nested sets and the baseline: sums a bootstrap of blocks draws from */
    struct held_score *held;     /* [F×(1+blocks)×held v] while the run lasts */
    part_sums *held_part;        /* [F×blocks×held v] likewise */
    char **taps; size_t n_taps;  /* nested sets: names of the sets chosen from, */
    int32_t *layer;              /* [F×v] and which of them a fold takes */
} encoded_set;

typedef struct {
    size_t n, v, folds;          /* presentations of the file (dropped rows included), neuroids, outer folds */
    char **subject, **roi;       /* [v] */
    int32_t *index;              /* [v] */
    uint8_t *test, *train;       /* [F×n] */
    double *sst;                 /* [F×v] about the training mean */
    size_t n_null;
    size_t blocks, people;       /* of the jackknife: blocks of presentations; group: subjects left out */
    int32_t *block;              /* [n] block of each presentation, -1: not used */
    char **left;                 /* [people] names */
    size_t parts;                /* pairs of a block and a fold that tests rows of it */
    int32_t *part_block, *part_fold, *part_n; /* [parts] their numbers, and the rows that they share */
    size_t n_sets;
    encoded_set *sets;
    size_t n_nested;             /* with a null or a jackknife: each model NAME with, fold by fold, the layer whose inner score is best */
    encoded_set *nested;         /* on average over the subject's neuroids; "NAME" (model), "NAME+baseline" (joint) */
    size_t n_excluded;
    char **excluded, **reason;
    char folds_text[160], inner_text[160];
    bool oasm_apart;             /* OASM among the features: no test row shares a column with a training row */
    size_t edges, choices;       /* alphas chosen at an end of the grid, of all choices */
    size_t screened, rescored;   /* responses whose alphas were screened in fp32; of them scored again in fp64 */
    size_t rows;                 /* presentations used */
    size_t *draw_of;             /* [F] PAPER_HADIDI2025: number in the paper's order of folds, in which it drew candidates; else NULL */
    struct saved *saved;         /* predictions, weights (mean over folds) and inner scores that were asked for: in a file, out of which */
    size_t *saved_response;      /* [v] encoded_put writes them; SIZE_MAX: excluded */
    arena *memory;
} encoded;

/* x (stimuli) may be NULL; groups of items come from it or from the responses. Free with encoded_free. Same bytes for any
 * number of threads. Fails: different stimuli in features and responses (names the first), unknown sets, fewer groups than
 * folds, nothing left to fit; a limit of memory below what the run takes with responses in blocks (ERR_USAGE, says how much);
 * ERR_INTERRUPTED on a signal. */
int encode(encoded **out, const responses *r, const stimuli *x, const encode_options *o, err *e);
int encoded_put(store *s, const encoded *x, const encode_options *o, err *e);
void encoded_free(encoded *x);

/* ---- do folds leak? (encode/leak.c; METHODS 3.12) ---- */

typedef struct {
    double sigma;
    size_t reach;      /* samples: OASM's rows further apart share no column */
    bool apart;        /* these folds keep all test and training rows of a block further apart: r must be 0 exactly */
    double r;          /* mean over neuroids of r averaged over folds; a constant prediction counts 0 */
    size_t predicted;  /* neuroids with a prediction that is not constant */
    double p;          /* against responses with their presentations shuffled */
} leak_row;
/* OASM of five sigmas on the responses, by encode's default folds or `scheme`; *rows is the caller's to free. folds_text names
 * them. 99 shuffles (19 with more than 200 neuroids) from stream RNG_LEAK. */
int encode_leak(leak_row **rows, size_t *n, char *folds_text, size_t room, const responses *r, const stimuli *x, const char *scheme, err *e);
/* First lag in samples at which the mean autocorrelation of the responses within runs is below .1; SIZE_MAX: none up to n/4. */
size_t encode_correlated_lag(const responses *r);
/* Rows × columns, folds, fits and peak memory in words, for --dry-run. */
int encode_plan(buffer *b, const responses *r, const stimuli *x, const encode_options *o, err *e);

#ifdef __cplusplus
}
#endif
#endif
