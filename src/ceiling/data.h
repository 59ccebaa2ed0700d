/* SPDX-License-Identifier: MIT */
/* Responses as the ceiling needs them: usable columns known by (ROI, place within ROI, subject), filtered, with folds.
 */
#ifndef CEILING_DATA_H
#define CEILING_DATA_H

#include "broca/ceiling.h"
#include "broca/num.h"

typedef struct {
    size_t n, v;                   /* rows kept, usable neuroids */
    double *y;                     /* [n×v] filtered, columns sorted by subject */
    size_t *subject, *roi, *place; /* [v] */
    size_t subjects, rois;
    char **subject_name, **roi_name; /* borrowed from the responses */
    size_t *width;                   /* [rois] places */
    size_t *first, *column;          /* column[first[roi] + place·subjects + subject], SIZE_MAX: none */
    char **id;                       /* [n] borrowed */
    int32_t *repeat;                 /* [n] or NULL */
    size_t folds;
    uint8_t *test, *train; /* [folds×n] */
    folds **inner;         /* [folds] default inner folds (extrapolate, strict), else NULL */
    double **confound;     /* [subjects] [n×k], filtered; NULL: none */
    size_t *confound_k;    /* [subjects] */
    size_t n_excluded;
    char folds_text[128];
} ceiling_data;

int ceiling_data_new(ceiling_data **out, const responses *r, const ceiling_options *o, err *e);
void ceiling_data_free(ceiling_data *d);
/* Series of fold f, confounds removed and z-scored by its training rows: [n×v]. */
int ceiling_fold(double *out, const ceiling_data *d, size_t f, err *e);
/* z-scored mean of a subject's ROIs (each ROI the mean of its places) of such a series: mean [n×subjects]. */
int ceiling_mean_series(double *mean, const double *z, const ceiling_data *d, size_t f, err *e);
/* Column of (roi, place, subject), SIZE_MAX if there is none. */
size_t ceiling_column(const ceiling_data *d, size_t roi, size_t place, size_t subject);
/* Every subject that has a ROI has the same number of its neuroids; else they cannot be matched. */
int ceiling_matched(const ceiling_data *d, err *e);
/* The methods fill value, mean_r, n_subjects, ... of c, whose arrays exist. */
int ceiling_isc(ceiling *c, const ceiling_data *d, const ceiling_options *o, err *e);
int ceiling_halves(ceiling *c, const ceiling_data *d, const ceiling_options *o, err *e);
int ceiling_extrapolate(ceiling *c, const ceiling_data *d, const ceiling_options *o, err *e);
void extrapolation_free(extrapolation *x);
int ceiling_snr(ceiling *c, const ceiling_data *d, const ceiling_options *o, err *e);
int ceiling_published(ceiling *c, const ceiling_data *d, const ceiling_options *o, err *e);
/* Items that were presented several times: item [n] numbers the item of a row; returns the largest number of repeats.
 */
int ceiling_repeats(size_t *item, size_t *items, size_t *most, const ceiling_data *d, err *e);

/* Hands every table of replicates of fold f to take: d [items×repeats], NaN where one is missing. Replicates are
 * subjects for the group target, else presentations of an item (per neuroid), or subjects again where nothing is
 * repeated. entry: ROI, or d->rois for the mean. */
typedef int (*ceiling_take)(void *into, const double *cells, size_t items, size_t repeats, size_t entry, err *e);
int ceiling_tables(const ceiling_data *d, size_t f, const ceiling_options *o, ceiling_take take, void *into, err *e);

#endif
