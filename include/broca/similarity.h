/* SPDX-License-Identifier: MIT */
/* similarity: do a model's activations and a person's responses lay items out alike (METHODS 5.11, 5.12)? RSA: Spearman's
 * correlation of dissimilarities over pairs of items of different groups. CKA: alignment of kernels by the unbiased HSIC. */
#ifndef BROCA_SIMILARITY_H
#define BROCA_SIMILARITY_H

#include "broca/activations.h"
#include "broca/num.h"
#include "broca/responses.h"
#include "broca/stimuli.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { SIMILARITY_RSA, SIMILARITY_CKA } similarity_metric;
typedef struct {
    similarity_metric metric;
    bool rbf;             /* CKA: kernel exp(-d²/(2 s²)) instead of the inner product */
    size_t permutations;  /* of whole groups of equal size, of items where there are none */
    uint64_t seed;        /* stream RNG_NULL_GROUPS */
} similarity_options;

/* Items of the activations with their responses, the mean over presentations. Neuroids that are constant or hold a NaN are left out,
 * for RSA also people with fewer than 3. */
typedef struct {
    size_t n, groups;     /* items; 0 groups: none, every pair counts */
    int32_t *group;       /* [n] */
    size_t subjects;
    char **subject;       /* [subjects] */
    size_t *v;            /* [subjects] neuroids */
    double **y;           /* [subjects] of [n×v] */
    size_t n_excluded;
    char **excluded, **reason;
    arena *memory;
} similarity_data;

/* Groups come from the responses, else from x (may be NULL). Free with similarity_data_free. Fails: ERR_INPUT for a time series, rows
 * that are no items, an item that one side lacks (named), fewer than 4 items, nobody left. */
int similarity_data_read(similarity_data **out, const responses *r, const activations *a, const stimuli *x, similarity_metric metric, err *e);
void similarity_data_free(similarity_data *d);

typedef struct {
    double mean, p, z;    /* over subjects; greater than the permutations' */
    size_t dropped;       /* items whose dissimilarity is not defined: a constant row of the model or of somebody */
} similarity_score;

/* value [subjects] and null [permutations] of the rows x [d->n×p]; the same bytes for any number of threads. NaN where nothing is
 * defined. Fails: ERR_INPUT where fewer than 4 items or no pair is left. */
int similarity_of(similarity_score *score, double *value, double *null, const double *x, size_t p, const similarity_data *d,
                  const similarity_options *o, err *e);
/* RSA: ceiling [subjects], correlation of each person's dissimilarities with those of the others, as if these were many (METHODS
 * 4.4); NaN for fewer than 2 people or without agreement. */
int similarity_ceiling(double *ceiling, const similarity_data *d, err *e);

/* Every tap of a file, or those named. */
typedef struct {
    size_t taps, subjects, permutations;
    char **tap;              /* [taps] */
    similarity_score *score; /* [taps] */
    double *value, *null;    /* [taps×subjects], [taps×permutations] */
    double *ceiling;         /* [subjects]; NULL: CKA has none */
} similarity_table;
/* taps: "h.0,h.1", NULL: all. Free with similarity_table_free. */
int similarity_run(similarity_table **out, activations *a, const char *taps, const similarity_data *d, const similarity_options *o, err *e);
int similarity_put(store *s, const similarity_table *t, const similarity_data *d, const similarity_options *o, err *e);
void similarity_table_free(similarity_table *t);

#ifdef __cplusplus
}
#endif
#endif
