/* SPDX-License-Identifier: MIT */
/* Feature sets of an encoding run (private to the room). */
#ifndef BROCA_ENCODE_SETS_H
#define BROCA_ENCODE_SETS_H

#include "broca/encode.h"

/* One feature set on the rows that are used: delayed, first rows dropped, not yet filtered. */
typedef struct {
    char *name;
    size_t p;
    double *x; /* [n×p] */
    bool oasm; /* is fitted alone and never standardised */
    size_t reach; /* OASM: samples of a block further apart than this share no column */
} feature_set;

typedef struct {
    size_t n, room;
    feature_set *at;
} feature_list;

/* The rows of the responses that are used, in their order. */
typedef struct {
    size_t all, n;       /* presentations in the file; kept */
    size_t *row;         /* [n] their numbers */
    int32_t *run, *all_run; /* [n], [all] */
    double *onset;       /* [n] or NULL */
    char **group;        /* [n] or NULL, borrowed */
} used_rows;
int used_rows_new(used_rows *u, const responses *r, const stimuli *x, size_t drop_start, err *e);
void used_rows_free(used_rows *u);

int features_read(feature_list *out, const responses *r, const used_rows *u, const encode_options *o, err *e);
/* OASM's blocks, one number a used row: runs of a time series, else groups, else runs. ERR_INPUT where there is neither. */
int oasm_blocks(int32_t *block, const responses *r, const used_rows *u, err *e);
/* Do folds keep test and training rows of a block further apart than reach? */
bool oasm_apart(const folds *f, const int32_t *block, size_t n, size_t reach);
void feature_list_free(feature_list *l);
const feature_set *feature_find(const feature_list *l, const char *name);

/* The columns of rows [n×width] that o->units leaves of a tap of the set called so; *width may become 0 (units.c). */
int units_of_set(float *rows, size_t n, size_t *width, const encode_options *o, const char *set, const char *tap, err *e);

/* Bands of one fit: columns side by side. */
typedef struct {
    char *name;
    const char *kind;
    const feature_set **part; /* [n_parts] */
    size_t *band;             /* [n_parts] which band the part belongs to */
    size_t n_parts, n_bands, p;
    bool divide;              /* by sqrt of the width: what enters a delta */
    bool over_baseline;       /* joint with the baseline: its null is Freedman and Lane's */
    size_t *held_of;          /* responses of the jackknife: which of the columns' choice they keep */
    size_t *column, n_columns; /* columns of the targets that are fitted (null responses of some sets alone) */
    bool joined;              /* a baseline or several bands */
    bool as_is;               /* OASM: columns are centred only */
} fit_set;
int fits_make(fit_set **out, size_t *n, const feature_list *l, const encode_options *o, err *e);
void fits_free(fit_set *s, size_t n);

/* Candidates of gamma of a fit with that many bands on an outer fold: given, or drawn (PAPER_HADIDI2025: for each fold anew);
 * *out [*n×bands], malloc'ed. */
int candidates_of(double **out, size_t *n, size_t bands, const encode_options *o, const encoded *x, size_t fold, err *e);
/* --partition A,B[,C]: the sets' names; 2 or 3 (partition.c). The fits of all subsets are joint ones of fits.c, called A+B. */
int partition_names(char ***out, size_t *n, const encode_options *o, err *e);
/* Name of the fit of a subset (bit k: set k), as A+C. */
void partition_fit(char *name, size_t room, char *const *set, size_t n, size_t subset);
int partition_put(store *s, const encoded *x, const encode_options *o, err *e);

/* Responses of the run: columns (neuroids) that are used, filtered but not yet freed of confounds. */
typedef struct {
    size_t n, v;         /* rows used, columns of the file that are usable */
    double *y;           /* [n×v] filtered; NULL: read from the responses block by block (targets_load was not called) */
    size_t *column;      /* [v] number in the responses */
    const size_t *row;   /* [n] of the responses, borrowed */
    const int32_t *block; /* [n] of the filter, borrowed */
    double highpass_s;
    size_t out_v;        /* neuroids of the result */
    const responses *r;
    bool group, add_mean;
    size_t n_confounds;
    double **confound;   /* [n_confounds] filtered [n×k] */
    size_t *confound_k;
    char **confound_subject; /* NULL entry: for all */
    /* result neuroid of each usable column, and names of the result's neuroids */
    char **subject, **roi;   /* [out_v] */
    int32_t *index;          /* [out_v] */
    size_t *place;       /* [v] result neuroid that the column goes to (single: itself) */
    size_t *confound_of; /* [v] its confounds, SIZE_MAX: none */
    arena *memory;
} targets;
int targets_new(targets *t, encoded *result, const responses *r, const used_rows *u, const int32_t *block,
                const encode_options *o, err *e);
int targets_load(targets *t, err *e);
/* Series of one fold [n×out_v]: confounds removed and (group, mean, or asked) z-scored by the training rows. */
int targets_fold(double *out, const targets *t, const uint8_t *train, bool standardise, err *e);
/* The same from the first `columns` columns without those of one subject (NULL: all are there). */
int targets_fold_without(double *out, const targets *t, size_t columns, const char *subject, const uint8_t *train, bool standardise, err *e);
void targets_free(targets *t);
/* The series of one fold as nested_ridge reads them (a response_source, fold_series its context): made block by block from
 * the filtered responses, or taken from ready [n×out_v], what targets_fold made (groups and means need all columns). */
typedef struct {
    const targets *targets;
    const uint8_t *train;
    bool standardise;
    const double *ready;
} fold_series;
int fold_series_read(void *context, size_t first, size_t width, double *out, err *e);

/* ---- memory (memory.c) ---- */

enum {
    BLOCK_OF_RESPONSES = 256, /* that are read, fitted and written together */
    JOBS_SIDE_BY_SIDE = 4 * BLOCK_OF_RESPONSES /* neuroids: with fewer, jobs go side by side, else the blocks of one job */
};
typedef struct {
    const encode_options *o;
    const fit_set *fits;
    size_t n_fits, n, all, folds, inner, v, out_v, held_v, blocks; /* rows used, of the file; columns; of the jackknife */
    bool at_once;                                                  /* series of all columns are made together */
} run_size;
/* Bytes at the peak beside the features: of a fold's work, of responses whole or in blocks, of what is kept. */
typedef struct { double fold, responses, blocks, results; } run_memory;
run_memory memory_of(const run_size *s);
/* *blocks: the responses are to stay in their file. ERR_USAGE where even so the process would take more than limit bytes. */
int memory_obey(bool *blocks, const run_size *s, const responses *r, size_t limit, err *e);

/* What a run has finished (journal.c). identity: 64 characters that name options, inputs and program. must_match: what is there
 * has to be of this run, ERR_INPUT else; without it, another run's is replaced. NULL journals are empty and take nothing. */
typedef struct journal journal;
int journal_open(journal **out, const char *path, const char *identity, size_t jobs, bool must_match, err *e);
bool journal_find(const journal *j, size_t job, const void **payload, size_t *bytes);
bool journal_holds(const journal *j); /* is there anything to resume from? */
bool journal_takes(const journal *j); /* would journal_add write? */
void journal_add(journal *j, size_t job, const void *payload, size_t bytes);
void journal_close(journal *j, bool finished); /* finished: the file goes */

/* The columns of a finished run become v others: map[j] is the column that stands at j afterwards, SIZE_MAX: none, NaN. The names
 * of the neuroids are the caller's to change. */
int encoded_columns(encoded *x, const size_t *map, size_t v, err *e);

/* What --save asks for: in a file beside the journal (path NULL: without a name) as it is made, a vector a response
 * (`vectors` of them) of a job, so that it is never whole in memory (saved.c). length [jobs×SAVED_KINDS]: values of a vector, 0: not kept. */
typedef enum { SAVED_PREDICTION, SAVED_WEIGHT, SAVED_INNER, SAVED_KINDS } saved_kind; /* f4 [t], f4 [p], f8 [A] */
typedef struct saved saved;
int saved_open(saved **out, const char *path, size_t jobs, size_t vectors, const size_t *length, err *e);
/* values/divide; from any thread. ERR_ENVIRONMENT: no room. */
int saved_put(saved *s, size_t job, saved_kind kind, size_t response, const double *values, double divide, err *e);
/* Vectors of responses [first, first+count), one after the other. */
int saved_get(const saved *s, size_t job, saved_kind kind, size_t first, size_t count, void *out, err *e);
size_t saved_length(const saved *s, size_t job, saved_kind kind);
int saved_digest(const saved *s, size_t job, sha_hex *out, err *e); /* of all vectors of a job */
void saved_unname(saved *s);         /* the file goes once it is closed */
void saved_close(saved *s, bool keep); /* keep: for a run that resumes */
/* Into the product, block by block (put_saved.c). */
int saved_to_product(store *s, const encoded *x, size_t set, err *e);

/* ---- null responses (null.c) ---- */

/* Further neuroids of an expanded responses file are null responses: number 1..N, and N+1..2N those of Freedman and Lane. */
size_t null_number(const encoded *x, size_t j);        /* of result neuroid j; 0: none */
size_t null_number_of(const char *subject, const char *roi);
/* How many different ones there are is the cap of *n. base [n used×r->v]: the baseline's fit of each neuroid, or NULL. */
int null_responses(responses **out, size_t *n, const responses *r, const used_rows *u, const encode_options *o, double gap_s,
                   const double *base, err *e);
/* The scores of null neuroids go to the null arrays, the neuroids that are to their places. */
int null_split(encoded *x, const encode_options *o, err *e);

/* --mode replicate (replicate.c): default folds of the mode; inner folds of hadidi2025; its candidates of gamma; what differs from
 * strict, as warnings; attributes and aggregated scores of the product. */
int paper_outer_folds(char *text, size_t room, const encode_options *o, const used_rows *u, err *e);
int paper_inner_folds(fold_scheme *inner, const fold_scheme *outer);
/* rows: used; fold: in the paper's order. */
int paper_candidates(double *out, size_t count, size_t bands, const encode_options *o, size_t rows, size_t fold, err *e);
/* Items in the order and with the labels that --shuffle-labels gives them; what it makes is for free_shuffled. label: of the fold
 * tables, permuted in place, or NULL. */
typedef struct { char **group; double *onset; } shuffled_items;
int paper_shuffle(shuffled_items *out, fold_items *items, const encode_options *o, err *e);
int paper_shuffle_given(int32_t *label, size_t n, const encode_options *o, err *e);
void shuffled_items_free(shuffled_items *s);
/* *draw_of [F]: the paper went through the folds in the order of their labels. */
int paper_order(size_t **draw_of, const folds *outer, const fold_scheme *scheme, const char *const *group, err *e);
void paper_warn(const encode_options *o, const char *folds_text);
int paper_put(store *s, const encoded *x, const encode_options *o, err *e);
/* ---- blocks left out (jackknife.c) ---- */

typedef struct held_score { double r, sse, sst; } held_score;
/* Block of each used row; *count of them. */
int jackknife_blocks(int32_t **block, size_t *count, const responses *r, const used_rows *u, const char *text, err *e);
/* The responses whose fits are held: neuroids that are, then (group) means without one subject, [subject][neuroid]. */
typedef struct {
    size_t v, real, people;
    size_t *of;              /* [v] column of the targets */
    char **left;             /* [people] borrowed */
} held_columns;
int held_columns_new(held_columns *h, const targets *t, err *e);
void held_columns_free(held_columns *h);
typedef struct {
    const held_columns *columns;
    const fold_series *series;
    const double *without;   /* [n×(people·real)] group means without one subject of this fold */
} held_series;
int held_series_read(void *context, size_t first, size_t width, double *out, err *e);
int held_without(double **out, const held_columns *h, const targets *t, const uint8_t *train, err *e);
/* From the held scores of each fold to jack_*, left_* and part of every set. */
int jackknife_finish(encoded *x, const held_columns *h, const uint8_t *test, const int32_t *block, size_t n, err *e);

/* ---- the layer chosen inside the training data (nested.c) ---- */
int nested_layers(encoded *x, const held_columns *h, err *e);
void encoded_set_free(encoded_set *s);
void encoded_set_summarise(encoded_set *s, encoded *x, const encode_options *o);

#endif
