/* SPDX-License-Identifier: MIT */
/* score: encodings made into rows of scores, beside their ceilings (METHODS 5.1-5.3, 4.7). Nothing is fitted again.
 *
 * Rows (scores.tsv, and the columns below /row of kind `scores`):
 *   model       NAME of the feature set; "baseline"; a group of seeds "untrained" for untrained.s1, untrained.s2, ...
 *   layer       "nested": in every outer fold the layer with the best inner score averaged over the subject's neuroids; a tap's
 *               name for the layer curve (or for --layer NAME); "" for the baseline
 *   kind        plain (the model alone), joint (baseline + model), baseline
 *   target      group, single
 *   roi         a ROI; "mean": the mean time course of --add-mean; "average": the average of the ROIs' scores, without "mean"
 *   subject     "group"; a subject; "all": over subjects
 *   measure     r (mean over folds), r2 (pooled, about training means), delta_r, delta_r2 (joint - baseline)
 *   value       constant predictions count as r = 0 (attribute n_nan)
 *   ceiling     of the same target; of r, or squared for r2; single subjects: c_s/sqrt(rho_(S-1)); NaN if there is none
 *   normalised  value/ceiling, aggregated first, then divided, over the ROIs that have a ceiling; NaN if none, or if fewer than
 *               10 subjects leave the agreement in doubt (lower bound of the mean r <= .05)
 *   lo, hi      95 % interval of `interval` (METHODS 5.6); NaN without one. For a group of seeds the range over seeds
 *   interval    what lo and hi are: "crossed jackknife, new subjects and stimuli" (refitted; of a group its subjects are left out
 *               one by one), "jackknife over blocks, this subject", "jackknife over blocks" (one pooled target), "crossed BCa, new
 *               subjects and stimuli, training variance not included", "t over subjects, this stimulus", "range over seeds",
 *               "none"; ", no variance" is added where the width is 0
 *   bca_lo, bca_hi  the crossed bootstrap (BCa, 10,000 draws, not refitted) beside the jackknife: rows over subjects, nested
 *   p           of the null that encode refitted (layer, alpha and gamma chosen anew in each): of r and r2 against rotated
 *               (permuted, randomised) responses, of delta_r and delta_r2 by Freedman and Lane; one-sided, (1 + #)/(1 + N)
 *   null        which: "circular:199" ...; "" without one
 *   null_mean   mean of the null values (a band of noise has a Delta R2 < 0: value - null_mean says what is gained beyond that)
 *   p_max, q    p by the maximum over the family, and p adjusted by Benjamini and Hochberg within it; attribute `family`: "roi":
 *               the ROIs of one model, layer, kind, target, subject and measure (without their average)
 *   p_t, p_flip rows over subjects: two-sided t and sign flips of the subjects' values: they test "the mean is not 0 for this
 *               stimulus", not "unrelated to the responses"
 *   n           subject rows: neuroids; "all": subjects; a group of seeds: seeds
 *   units, baseline   what the encoding says about them
 *
 * measure omega: 100·(1 - clip((B - S)/L, 0, 1)) % of METHODS 5.4 on unclipped averages, for subjects whose L is above 0 with its
 * lower bound; interval by the bootstrap.
 * model "A - B" (--against B): paired differences, the same subjects and blocks left out for both; p_t and p_flip alone.
 * Null values of rows, for drawing: /null/row i8 [K] numbers of rows (nested layer; group, or over subjects), /null/value f8
 * [K×N]; NaN behind the last of a shorter null.
 * --family voxel: /voxel/MODEL/MEASURE/{subject,roi,value,p,p_max,q} [v]. */
#ifndef BROCA_SCORE_H
#define BROCA_SCORE_H

#include "broca/base.h"
#include "broca/store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { AGGREGATE_SUBJECT, AGGREGATE_MEDIAN, AGGREGATE_POOLED } score_aggregate;

typedef enum { INTERVAL_JACKKNIFE, INTERVAL_BCA, INTERVAL_T, INTERVAL_NONE } score_interval;
typedef enum { FAMILY_ROI, FAMILY_VOXEL } score_family;

typedef struct {
    score_aggregate aggregate;
    const char *layer; /* "nested" or a tap */
    score_interval interval;
    score_family family;
    const char *against; /* a model, or a group of seeds, that every other is compared with; NULL: none */
} score_options;

typedef struct {
    const char *model, *layer, *kind, *target, *roi, *subject, *measure, *interval, *null, *units, *baseline;
    double value, ceiling, normalised, lo, hi, bca_lo, bca_hi, p, null_mean, p_max, q, p_t, p_flip;
    size_t n;
} score_row;

typedef struct { size_t row, n; const double *value; } score_null; /* null values [n] of a row */

/* --family voxel: every neuroid with its p of the nested layer; measures r (plain) and delta_r2 (joint). */
typedef struct {
    const char *model, *kind, *target, *measure;
    size_t n, n_null;
    const char *const *subject, *const *roi; /* [n] */
    const double *value, *p, *p_max, *q;     /* [n] NaN where excluded */
} score_voxels;

/* Which layer was chosen: fold by fold for the target's neuroids. */
typedef struct {
    const char *model, *kind, *target, *subject, *layer;
    size_t fold; /* from 1 */
} score_choice;

/* The best layer on test data, for comparison: never used. */
typedef struct {
    const char *model, *kind, *target, *layer;
    size_t searched;
} score_oracle;

typedef struct {
    size_t n_rows, n_choices, n_oracles, n_nulls, n_voxels;
    score_row *rows;
    score_choice *choices;
    score_oracle *oracles;
    score_null *nulls;
    score_voxels *voxels;
    size_t n_nan;       /* fold correlations that were undefined and count 0 */
    size_t n_no_ratio;  /* ROIs with a ceiling that is too uncertain to divide by */
    bool exact_pooling; /* pooled R² from sums of squares; else the mean of the folds' R² */
    arena *memory;
} scores;

/* Fails: not an encoding, damaged shapes, a ceiling of another target or metric, the same model twice, an unknown
 * layer. */
int score(scores **out, const char *const *encodings, size_t n, const char *const *ceilings, size_t m,
          const score_options *o, err *e);
/* The row, or NULL. */
const score_row *score_find(const scores *s, const char *model, const char *layer, const char *kind, const char *target,
                            const char *roi, const char *subject, const char *measure);
/* Kind `scores`: columns below /row, /choice, /oracle; attributes aggregate, layer, n_nan, pooling. */
int scores_put(store *s, const scores *x, const score_options *o, err *e);
/* The rows as a table beside the product (atomic). */
int scores_tsv(const scores *x, const char *path, err *e);
void scores_free(scores *s);

#ifdef __cplusplus
}
#endif
#endif
