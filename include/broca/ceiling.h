/* SPDX-License-Identifier: MIT */
/* ceiling: the score that a perfect model of this target would get by this metric on these folds
 * (METHODS 4.1-4.4, 4.6). The responses go the way that `encode` sends them: first rows dropped, filter per fold block,
 * confounds and scale learnt on the fold's training rows, correlations on its test rows. */
#ifndef BROCA_CEILING_H
#define BROCA_CEILING_H

#include "broca/base.h"
#include "broca/num.h"
#include "broca/responses.h"
#include "broca/stimuli.h"
#include "broca/store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { CEILING_ISC, CEILING_SPLITHALF, CEILING_SNR, CEILING_EXTRAPOLATE } ceiling_method;

typedef struct {
    ceiling_method method;
    bool group;        /* target: the mean over subjects; else a single subject */
    const char *folds; /* a scheme (CONTRACT "Folds"), "none": everything is one test block, NULL: the default scheme */
    bool allow_random;
    double highpass_s;     /* 0: no filter */
    bool scope_run;        /* filter whole runs, not fold blocks (to compare with published figures; marked) */
    const char *confounds; /* NULL: none; removed per fold, after the same filter */
    size_t drop_start;     /* rows at the start of every run */
    bool add_mean; /* an entry "mean": the z-scored mean of a subject's ROIs (another target than the average of scores)
                    */
    size_t draws;  /* bootstrap draws over subjects × folds (isc); 0: no interval */
    size_t splits; /* splithalf: random halves */
    size_t subsets;   /* extrapolate: subsets of subjects of a size; all where there are not more */
    paper_rule paper; /* extrapolate: PAPER_NONE strict, PAPER_SCHRIMPF2021, PAPER_BRAINSCORE */
    const char *noise; /* snr: table with columns roi, sd_noise (of one person) for responses that are a mean; NULL: from the data */
    double average; /* snr: number of repeats averaged in the target, 0: 1 for single, all for group */
    uint64_t seed;
} ceiling_options;

/* Extrapolation of each neuroid (METHODS 4.1): v0 (1 - exp(-x/tau)); strict: x = pool size, papers: x = pool size + 1. */
typedef struct {
    size_t v, K, subsets;
    double *v0, *tau, *lo, *hi; /* [v] NaN: no fit; lo, hi in replicate modes */
    int32_t *at_bound;          /* [v] v0 ended at 1 */
    double *curve;              /* [K×v] mean score at each number of subjects */
    int32_t *subjects;          /* [K] 2 ... S, the predicted one counted */
    const char **subject, **roi; /* [v] borrowed from the ceiling */
} extrapolation;

/* One entry a ROI. Its neuroids enter by r̄ averaged before the root (METHODS 4.6); several neuroids of a ROI are
 * matched over subjects by their order, so every subject needs the same number. R² ceilings are squares of those of r.
 */
typedef struct {
    size_t n;        /* entries: ROIs by first appearance, then "mean" if asked */
    size_t subjects; /* subjects with any usable neuroid */
    size_t folds;
    char **roi;                    /* [n] */
    double *mean_r;                /* [n] reliability of one subject or repeat (isc: r̄) */
    double *mean_r_lo, *mean_r_hi; /* [n] 95 % of r̄, NaN without bootstrap */
    double *value, *lo, *hi;       /* [n] ceiling of r; value NaN where r̄ <= 0 or its lower bound is */
    int32_t *n_subjects;           /* [n] subjects (or repeats) that entered */
    char **subject;                /* [subjects] */
    double *loo, *corrected;       /* [subjects×n] isc: c_s averaged over folds, and c_s/√ρ_(S-1); NaN if absent */
    size_t n_average;              /* ROIs with a ceiling (not "mean") */
    double average, average_lo, average_hi; /* mean of their ceilings: what an average of scores is divided by */
    double median;                          /* extrapolate: over all neuroids (the papers' number) */
    extrapolation *curve;                   /* extrapolate, else NULL */
    size_t n_undefined;                     /* entries without a ceiling */
    size_t n_nan;                           /* correlations of constant series, which count 0 */
    size_t n_excluded;                      /* neuroids left out: constant or with NaN */
    char *folds_text;                       /* the scheme that was used */
    arena *memory;
} ceiling;

/* Defaults of strict mode: isc, single, 2,000 draws, 100 splits, 200 subsets, seed 1. */
ceiling_options ceiling_defaults(void);
/* "128" or "128,scope=run" (or fold) into the two fields; ERR_USAGE. */
int ceiling_highpass(ceiling_options *o, const char *text, err *e);
/* Gives presentations the groups of their items (matched by id) where the responses have none, for folds by group. */
int ceiling_groups(responses *r, const stimuli *x, err *e);
/* Fails: fewer than 2 subjects (isc), neither subjects nor repeats to split, neuroids of a ROI that cannot be matched,
 * unknown confounds, folds that cannot be made. *out is freed with ceiling_free. */
int ceiling_estimate(ceiling **out, const responses *r, const ceiling_options *o, err *e);
/* Kind `ceiling`: /ceiling, /ceiling_r2, /interval/{lo,hi}, /mean_r, /mean_r_lo, /mean_r_hi, /n_subjects by ROI;
 * /neuroid/ {subject,roi} ("group" or "single"); /average/{ceiling,lo,hi}; /loo/{subject,r,corrected}; attributes
 * target, metric, method, folds, subjects, n_undefined, n_nan, n_excluded, drop_start, highpass. */
int ceiling_put(store *s, const ceiling *c, const ceiling_options *o, err *e);
void ceiling_free(ceiling *c);

#ifdef __cplusplus
}
#endif
#endif
