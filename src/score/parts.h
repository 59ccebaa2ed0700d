/* SPDX-License-Identifier: MIT */
#ifndef SCORE_PARTS_H
#define SCORE_PARTS_H

#include "broca/score.h"

typedef enum { SET_BASELINE, SET_PLAIN, SET_JOINT, SET_KINDS } set_kind;

typedef struct {
    char *name, *model, *tap; /* model and tap NULL for the baseline */
    set_kind kind;
    double *r, *r2_train, *inner, *sse; /* [folds×v]; sse may be NULL */
    double *jack_r, *jack_r2;           /* [blocks×v] or NULL, as all below */
    double *left_r, *left_r2;           /* [people×v] */
    double *left_jack_r, *left_jack_r2; /* [people×blocks×v] */
    double *null_r, *null_r2, *null_delta_r, *null_delta_r2; /* [n_null×v] */
    double *part;                       /* [parts×5×v] */
} encoding_set;

typedef struct {
    const char *path;
    size_t folds, v, n_sets;
    encoding_set *sets; /* baseline first, then models by name, taps in the network's order */
    size_t n_nested;
    encoding_set *nested; /* with a jackknife or nulls: a model's layers chosen fold by fold; tap "nested" */
    size_t presentations, blocks, people, n_null, parts;
    int32_t *block, *part_block, *part_fold, *part_n; /* [presentations], [parts] */
    char *null;              /* "circular:199" or "" */
    size_t *cell_n;          /* [subjects×rois] neuroids */
    size_t subjects, rois;
    char **subject, **roi;       /* names */
    size_t *subject_of, *roi_of; /* [v] */
    uint8_t *use;                /* [v] 0: excluded by encode */
    double *sst;                 /* [folds×v] or NULL */
    bool group;
    char *units, *baseline, *config;
    char **subject_text, **roi_text; /* allocations of the names */
} encoding;

typedef struct {
    const char *path;
    bool group;
    size_t n, subjects;
    char **roi, **subject;
    double *value, *value_r2; /* [n] */
    double *corrected;        /* [subjects×n], single only; NULL: absent */
    uint8_t *ratio;           /* [n] may be divided by */
    char *config, *folds;
} ceiling_file;

int encoding_read(encoding **out, const char *path, err *e);
void encoding_free(encoding *x);
const char *set_kind_name(set_kind k);
int ceiling_file_read(ceiling_file **out, const char *path, err *e);
void ceiling_file_free(ceiling_file *c);
/* Warns where folds, filter, confounds or dropped rows of the two configurations differ. */
void score_compare_configs(const encoding *x, const ceiling_file *c);

/* r and pooled R² of each neuroid when fold f of subject s takes set choice[f·subjects + s]. Counts undefined r into
 * *n_nan. */
void score_neuroids(double *r, double *r2, const encoding *x, const size_t *choice, size_t *n_nan);
/* Nested choice among the sets listed: the best inner score averaged over the subject's neuroids, the first of equals.
 */
int score_nested(size_t *choice, const encoding *x, const size_t *sets, size_t n, err *e);

/* The neuroid that --add-mean adds: the mean time course of a subject's ROIs, another target than their average score.
 */
bool score_is_mean(const char *roi);

typedef struct {
    const char *model, *layer, *kind, *measure;
    bool squared; /* compared with the ceiling of R² */
} score_label;
/* Adds the rows of one measure with a value a neuroid. */
int score_rows(scores *out, const encoding *x, const ceiling_file *c, const score_label *label, const double *values,
               score_aggregate how, err *e);
/* r and pooled R² of a set itself. */
void score_set_values(double *r, double *r2, const encoding *x, const encoding_set *t);
bool score_model_is(const char *model, const char *name); /* NAME itself or a seed of it: NAME.s3 */
/* --family voxel: p of every neuroid, family-wise and by false discovery rate. */
int score_voxel_family(scores *out, const encoding *x, const score_label *label, const double *values, const double *null, err *e);
int score_against(scores *out, encoding **x, size_t n, const score_options *o, err *e);
int score_add(scores *out, const score_row *row, err *e); /* texts are copied */
/* Rows of models NAME.sN, N = seeds, summed up as model NAME: mean and range. */
int score_seeds(scores *out, err *e);

#endif
