/* SPDX-License-Identifier: MIT */
/* glm: linear models of runs and of groups, a header of the room localize. Designs of events as nilearn makes them (METHODS 3.3,
 * 3.4), least squares with or without AR(1) noise, contrasts, runs joined by fixed effects, functional regions measured on other
 * runs than chose them, and one-sample t over subjects. */
#ifndef BROCA_GLM_H
#define BROCA_GLM_H

#include "broca/num.h"
#include "broca/responses.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- events (localize/events.c): tables with columns onset, duration (s), trial_type and, optionally, modulation and run ---- */

typedef struct {
    size_t n, n_conditions;
    double *onset, *duration, *amplitude; /* [n] amplitude: modulation, else 1 */
    int32_t *run, *condition;             /* [n] run from 1; number of the condition */
    char **conditions;                    /* [n_conditions] in alphabetical order */
    arena *memory;
} events;
/* A table a run in order; or one table with a column run (else it is run 1). ERR_INPUT names file, row and column: a missing
 * column, an onset that is no number, a negative duration, no event at all. */
int events_read(events **out, const char *const *paths, size_t n, err *e);
void events_free(events *v); /* NULL is fine */

/* ---- designs (localize/glm_design.c) ---- */

typedef enum { DRIFT_COSINE, DRIFT_POLYNOMIAL, DRIFT_NONE } drift_kind;
typedef struct {
    hrf_kind hrf;
    size_t parts;       /* 1: canonical; 2: + derivative; 3: + dispersion */
    const long *fir;    /* delays in frames instead of a response function; NULL */
    size_t n_fir;
    size_t oversampling;
    drift_kind drift;
    double highpass_s;  /* cosines up to floor(2·n·TR/highpass_s) */
    size_t order;       /* of the polynomial */
} glm_design_rule;
glm_design_rule glm_design_defaults(void); /* nilearn-spm, oversampling 50, cosines of 128 s */

typedef struct {
    size_t n, p;
    double *x;     /* [n×p] */
    char **names;  /* conditions (each with its derivatives), confounds, drifts, constant */
    size_t *column; /* [conditions] first column of each condition */
    uint8_t *absent; /* [conditions] without an event in this run: its columns are zero */
    arena *memory;
} glm_design;
/* Columns of run `run` at frame times [n]; confounds [n×k] with names (NULL: c0, c1, ...). */
int glm_design_make(glm_design **out, const glm_design_rule *rule, const events *v, int32_t run, const double *frame, size_t n, const double *confounds,
                size_t k, const char *const *names, err *e);
void glm_design_free(glm_design *d);

/* ---- fits (localize/glm_fit.c) ---- */

typedef enum { NOISE_OLS, NOISE_AR1 } noise_kind;
typedef struct {
    size_t n, p, v, rank;
    double dof;         /* n - rank */
    double *beta;       /* [p×v] */
    double *dispersion; /* [v] SSE of the (whitened) fit / dof */
    double *rho;        /* [v] as estimated; 0 with NOISE_OLS */
    double *binned;     /* [v] truncated toward zero to hundredths: what whitened */
    size_t bins;
    int32_t *bin;       /* [v] */
    double *covariance; /* [bins×p×p] (X'X)^-1 of the whitened glm_design */
    double *space;      /* [p×p] projector on the rows of the design: a contrast outside of it cannot be estimated */
} glm_fit;
/* y: column j of row i is y[i·stride + j], float or double (the other NULL). AR(1) as nilearn has it: rho of the least-squares
 * residuals less their grand mean, y_t - rho·y_(t-1) with the first row as it is. Constant columns and columns with NaN: beta NaN. */
int glm_fit_run(glm_fit **out, const double *x, size_t n, size_t p, const float *y4, const double *y8, size_t stride, size_t v, noise_kind noise,
                err *e);
/* effect and variance [v] of the weights c [p]. ERR_INPUT where the design cannot tell (rank). */
int glm_contrast(const glm_fit *f, const double *c, double *effect, double *variance, err *e);
/* F [v] with q and dof degrees of freedom of the rows of c [q×p], which must not depend on one another. */
int glm_f(const glm_fit *f, const double *c, size_t q, double *F, err *e);
void glm_fit_free(glm_fit *f);

/* ---- contrasts (localize/weights.c) ---- */

/* "S-N", "S+N-2*F", "(S+W)-(J+N)", "words-nonwords" over the names of conditions: weights [n]. Names may hold dashes: the longest
 * that fits counts. ERR_INPUT names an absent condition with those there are. */
int contrast_weights(double *out, const char *const *conditions, size_t n, const char *text, err *e);

/* ---- maps (localize/brain.c): what first and second level have in common; written as kind `localizer` ---- */

typedef struct {
    char *name;
    double dof;
    double *effect, *variance, *t, *p, *log_p, *q, *mean_pos, *mean_neg; /* [v] */
    uint8_t *selected;
    size_t n_selected;
} brain_map;

/* Functional regions: in each parcel of each subject the `share` of voxels with the highest t on one half of the runs, measured on
 * the other half; both ways, averaged. */
typedef struct {
    size_t n;
    char **subject, **roi;
    int32_t *voxels, *chosen;       /* [n] of the parcel; chosen in each half */
    double *effect, *all;           /* [n] of the contrast in the chosen voxels; in all voxels of the parcel */
    double *condition;              /* [n×n_conditions] response to each condition in the chosen voxels */
    size_t n_conditions;
    char **conditions;
} froi_table;

typedef struct {
    const char *const *contrasts; /* [n_contrasts] "NAME=WEIGHTS" or "WEIGHTS" */
    size_t n_contrasts;
    glm_design_rule rule;
    noise_kind noise;
    const char *confounds;        /* name, or NULL: none */
    const char *select;           /* as broca localize: top:1%, k:N, q:.05 */
    double froi;                  /* share of voxels, 0: none */
} glm_options;

typedef struct {
    size_t v, runs, n_maps;
    brain_map *maps;
    glm_design **designs;             /* [runs] */
    size_t n_constant;            /* neuroids that do not vary, or hold NaN, in some run */
    double rho;                   /* median of rho over neuroids and runs; NaN with NOISE_OLS */
    char **contrast;              /* [n_maps] the weights as text */
    froi_table *froi;             /* NULL: one run, no parcels, not asked for */
    char froi_why[160];
    arena *memory;
} glm;
/* Each run by itself; effects are averaged over runs, t = mean effect / sqrt(sum of variances)·runs, dof summed. */
int glm_runs(glm **out, const responses *r, const events *v, const glm_options *o, err *e);
int glm_put(store *s, const glm *g, const responses *r, const char *select, const char *test, err *e);
void glm_free(glm *g);

/* ---- groups (localize/group.c) ---- */

typedef struct {
    const char *select;
    size_t flips;                 /* random signs for the p of the largest |t|; 0: none */
    uint64_t seed;
} group_options;

typedef struct {
    size_t n;                     /* parcels, the last one all of them together */
    char **roi;
    int32_t *voxels;
    double *mean_t;
    t_result *over;               /* t over subjects of the mean effect in the parcel */
    double *effect, *lo, *hi;     /* mean over subjects, 95 % t interval */
} parcel_table;

typedef struct {
    size_t subjects, v, common, finite; /* neuroids; with a value in every subject; with a t */
    brain_map map;
    size_t peak, trough;          /* neuroids of the largest and the smallest t */
    double *p_fwe;                /* [v] of max |t| under random signs, or NULL */
    double limit;                 /* 95 % point of max |t| */
    parcel_table parcels;         /* n 0: no parcels */
    char **regions;               /* functional regions of subjects' glm files: */
    size_t n_regions, n_conditions;
    char **conditions;
    t_result *region_t;
    double *region_effect, *region_lo, *region_hi, *region_condition; /* [n_regions], the last [n_regions×n_conditions] */
    int32_t *region_subjects;     /* [n_regions] */
    arena *memory;
} group_result;
/* A row of r is a subject's map. ERR_INPUT: fewer than 2 subjects. Neuroids with NaN or an exact 0 in any subject have no t. */
int group_maps(group_result **out, const responses *r, const group_options *o, err *e);
/* Maps of subjects' glm files: /tap/MAP/effect on one grid become the rows of responses; neuroids that every file has. */
int group_read(responses **out, const char *const *paths, size_t n, const char *map, err *e);
/* Adds the functional regions of the same files. */
int group_regions(group_result *g, const char *const *paths, size_t n, err *e);
int group_put(store *s, const group_result *g, const responses *r, const char *select, err *e);
void group_free(group_result *g);

#ifdef __cplusplus
}
#endif
#endif
