/* SPDX-License-Identifier: MIT */
/* simulate: listeners and readers with planted truth (DESIGN "Simulation is a feature"). */
#ifndef BROCA_SIMULATE_H
#define BROCA_SIMULATE_H

#include "broca/base.h"
#include "broca/num.h"
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

/* ---- studies with everything drawn anew: to plan with, and to calibrate intervals (study.c, power.c) ---- */

/* A small study of subjects who all hear or read the same. Every subject's response (one region, unit variance) is
 *   sqrt(shared)·signal + sqrt(specific)·own mixture of the model's features + sqrt(stimulus)·what all share beside + noise of his own;
 * signal = sqrt(1 - explained_by_baseline)·mixture of the model's features + sqrt(explained_by_baseline)·first baseline column; one of
 * the model's features is half of that column. */
typedef struct {
    size_t subjects;
    size_t rows, runs;             /* items, or volumes of all runs */
    double tr_s;                   /* 0: items in groups of per_group; else autocorrelated volumes */
    size_t per_group;
    size_t width, base_width;      /* features of the model (at least 2), of the baseline (at least 1) */
    double shared, specific, stimulus, explained_by_baseline;
    bool group;                    /* target: the mean over subjects; else the mean of the subjects' scores */
    uint64_t seed;
} study_design;
study_design study_defaults(void); /* 20 subjects, 24 groups of 5 items, 6 and 2 features, stimulus .1 */

typedef struct study_plan study_plan; /* folds and blocks, shared by all studies of a design */
int study_plan_new(study_plan **out, const study_design *d, err *e);
void study_plan_free(study_plan *p);
const folds *study_outer(const study_plan *p);
const folds *study_inner(const study_plan *p, size_t fold);

/* Draws study `number`: x [rows×width], base [rows×base_width], y [rows×subjects]. Stream RNG_STUDIES. */
void study_draw(double *x, double *base, double *y, const study_plan *p, uint32_t number);

typedef struct {
    double theta, lo, hi;          /* crossed jackknife with refit, 95 % */
    double v_subjects, mean_v_blocks;
    size_t subjects;
} study_interval;
typedef struct { study_interval r, delta; } study_result; /* r of the model alone; Delta R² over the baseline */
/* The study through the nested path: folds by groups (or contiguous with gaps), alpha and gamma by inner folds, the jackknife over
 * about 24 blocks (volumes: 30 s). */
int study_run(study_result *out, const study_plan *p, uint32_t number, err *e);

/* A planned study: ceiling (r of a perfect model with one subject), and the share of the group mean's variance that the model explains
 * beyond the baseline with `subjects` of the first entry. */
typedef struct {
    const size_t *subjects; size_t n_subjects; /* numbers of subjects to compare */
    size_t rows, runs;
    double tr_s;
    size_t per_group, width;
    double ceiling, delta_r2, baseline_r2;
    size_t studies;
    uint64_t seed;
} power_plan;
typedef struct { size_t subjects; double power, lo, hi, mean_delta, mean_width; } power_row; /* lo, hi: 95 % of the share (Wilson) */
/* rows [n_subjects]: the share of simulated studies whose interval of Delta R² lies above 0. Fails: a Delta that the ceiling does
 * not allow, too few rows. */
int power_estimate(power_row *rows, const power_plan *p, err *e);

#ifdef __cplusplus
}
#endif
#endif
