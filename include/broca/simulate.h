/* SPDX-License-Identifier: MIT */
/* simulate: listeners and readers with planted truth (DESIGN "Simulation is a feature"). */
#ifndef BROCA_SIMULATE_H
#define BROCA_SIMULATE_H

#include "broca/base.h"
#include "broca/responses.h"
#include "broca/stimuli.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Shares of a neuroid's variance (before any filter); what is left of 1 is autocorrelated noise of that subject. */
typedef struct {
    double model;    /* shared by all subjects: a mixture of model features, made orthogonal to the baseline */
    double baseline; /* shared: word rate (time series) or item length (items) */
    double specific; /* model features with weights of the subject's own, orthogonal to the baseline */
    double motion;   /* the subject's motion parameters (time series only) */
} simulated_shares;

typedef struct {
    size_t subjects, first_subject; /* subjects are numbered; those of one seed share signals, so more of the same people's
                                     * kind are had with a later first_subject */
    size_t neuroids;                /* per subject; all of one region "roi1" ... one region each */
    simulated_shares shares;
    double ar;                      /* AR(1) coefficient of the noise, 0 <= ar < 1 */
    double tr_s;                    /* 0: a row an item */
    double highpass_s;              /* > 0: the truth (ceilings) is that after this filter on blocks of filter_blocks */
    size_t filter_blocks;           /* contiguous blocks that the filter is made for */
    bool motion_removed;            /* the analysis removes motion: the planted ceilings are what that leaves */
    size_t drop_start;              /* first rows that the analysis will drop; the truth leaves them out */
    uint64_t seed;
} simulation;

typedef struct {
    size_t rois;
    double *model, *baseline;          /* [n×rois] unit variance before the filter, as planted */
    double *ceiling_single, *ceiling_group, *pairwise; /* [rois] expected r of the true shared signal inside the blocks */
    double *r2_model, *r2_baseline;    /* [rois] share of the group mean's variance that each band explains, after the filter */
    arena *memory;
} simulated_truth;

/* features [rows×d]: a row a word of x (time series: the words' vectors) or a row an item. The responses get one run, ids
 * "volumeK" (or the items' ids), confound "motion" per subject. Same seed and numbers, same bytes, whatever the threads.
 * Fails: shares < 0 or > 1 in sum, no timed words for a time series, fewer than 8 rows. */
int simulate_responses(responses **out, simulated_truth **truth, const stimuli *x, const float *features, size_t rows, size_t d,
                       const simulation *q, err *e);
/* Writes /truth/... into the product. */
int simulated_truth_put(store *s, const simulated_truth *t, const simulation *q, err *e);
void simulated_truth_free(simulated_truth *t);

#ifdef __cplusplus
}
#endif
#endif
