/* SPDX-License-Identifier: MIT */
/* The rows of a file of kind scores, and looking them up (private to the room). */
#ifndef BROCA_REPORT_ROWS_H
#define BROCA_REPORT_ROWS_H

#include "broca/base.h"
#include "broca/store.h"

typedef struct {
    size_t n;
    char **model, **layer, **kind, **target, **roi, **subject, **measure, **interval; /* [n] */
    char **units, **baseline;                                                         /* [n] or NULL */
    double *value, *ceiling, *normalised, *lo, *hi, *p;
    char **null;            /* [n] which null p is of, "" without */
    double *bca_lo, *bca_hi, *null_mean, *p_max, *q, *p_t, *p_flip; /* [n] NaN where the file has none */
    size_t n_null_rows, n_null; /* rows with samples, samples of each */
    int64_t *null_row;      /* [n_null_rows] */
    double *null_value;     /* [n_null_rows×n_null] */
    int32_t *count;
    size_t n_choices;       /* layers chosen inside the training data, fold by fold */
    char **choice_model, **choice_kind, **choice_target, **choice_subject, **choice_layer;
    int32_t *choice_fold;   /* [n_choices] from 1 */
    size_t n_oracles;       /* best layers on test data */
    char **oracle_model, **oracle_kind, **oracle_target, **oracle_layer;
    size_t n_warnings;
    char **warning;
    arena *memory;
} score_rows;

int score_rows_read(score_rows **out, const char *path, err *e);
void score_rows_free(score_rows *r);
/* Index of the first row that fits (NULL: any), or SIZE_MAX. */
size_t score_row_find(const score_rows *r, const char *model, const char *layer, const char *kind, const char *target,
                      const char *roi, const char *subject, const char *measure);
double score_row_value(const score_rows *r, size_t row); /* NaN for SIZE_MAX */
const double *score_null_of(const score_rows *r, size_t row); /* [n_null] or NULL */
/* Different texts of a column in order of appearance among the rows with this target; *list is one allocation. */
int score_distinct(char ***list, size_t *n, const score_rows *r, char *const *column, const char *target, err *e);

#endif
