/* SPDX-License-Identifier: MIT */
/* The figures of the page, a file each (private to the room). Each writes nothing where it has nothing to show. */
#ifndef BROCA_REPORT_FIGURES_H
#define BROCA_REPORT_FIGURES_H

#include "dots.h"
#include "encodings.h"
#include "rows.h"

typedef struct {
    const score_rows *r;
    const encoding_views *x;
    const char *model, *seeds; /* whom the page is about; its untrained seeds, or NULL */
    const char *reference;     /* the model that it is compared with, or NULL */
    const char *roi;           /* region of the first sentence, or "average" */
    const char *target;        /* that of the first sentence */
} report_view;

int figure_layers(buffer *b, const report_view *v, const char *target, err *e);   /* every layer, ΔR² and r */
int figure_ceiling(buffer *b, const report_view *v, const char *target, err *e);  /* scores against ceiling, a row a region */
int figure_delta(buffer *b, const report_view *v, const char *target, err *e);    /* ΔR² with intervals */
int figure_difference(buffer *b, const report_view *v, const char *target, err *e); /* ΔR² of the model less that of what it is compared with */
int figure_subjects(buffer *b, const report_view *v, err *e);                     /* ΔR² of each subject */
int figure_null(buffer *b, const report_view *v, const char *target, err *e);     /* null distribution and what was observed */
int figure_alphas(buffer *b, const report_view *v, const char *target, err *e);   /* chosen penalties */
int figure_folds(buffer *b, const report_view *v, err *e);                        /* test blocks, gaps, training */

/* "mean over subjects", "single subjects", or the only subject's name. */
const char *target_words(const score_rows *r, const char *target);
/* ROIs of a target in the file's order, the headline's first; *list is one allocation. */
int figure_rois(const char ***list, size_t *n, const report_view *v, const char *target, err *e);
/* A row for each of them, with its name only; *row is one allocation. */
int figure_rows(dot_row **row, size_t *n, const report_view *v, const char *target, err *e);

#endif
