/* SPDX-License-Identifier: MIT */
/* report: one self-contained HTML page. The finding in plain words first, then the table, the layer curve, what was left out,
 * how it was made and how to make it again. No script, no outside file. */
#ifndef BROCA_REPORT_H
#define BROCA_REPORT_H

#include "broca/base.h"
#include "broca/simulate.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Localizers of models, maps on sheets, maps of brains. */
typedef struct {
    const char *const *localizers; /* files of kind localizer */
    size_t n_localizers;
    const char *const *maps;       /* files of kind topography */
    size_t n_maps;
    const char *const *brains;     /* files of broca glm and group, and of kind topography on voxels or vertices */
    size_t n_brains;
} report_networks;

typedef struct {
    const char *const *logs; /* "NAME=train_log.tsv", at most 4 */
    size_t n_logs;
    const char *sweep;       /* table of short runs: alpha, steps, validation_ce, moran_mean; NULL: none */
} report_training_inputs;

typedef struct {
    const char *title;
    const char *roi;                 /* region of the first sentence; NULL: the average of the regions */
    const char *scores;              /* file of kind scores */
    const char *const *encodings;    /* files of kind encoding (alpha warnings, folds, exclusions) */
    size_t n_encodings;
    const char *const *replicates;   /* files of kind encoding made in a replicate mode, shown beside with their mode */
    size_t n_replicates;
    const char *truth;               /* simulated responses with /truth, or NULL: planted values beside the estimates */
    const char *const *ceilings;     /* files of kind ceiling: their method, and their intervals beside planted ones */
    size_t n_ceilings;
    const char *population;          /* scores of many more listeners of the same kind: their mean is the expected
                                      * cross-validated score at this length of story; NULL: none */
    const report_networks *networks; /* a section on the language network of models, or NULL */
    report_training_inputs training; /* how models were trained, in a section of its own */
    const char *calibration;         /* table of make calibrate, in a section of its own; NULL: none */
} report_inputs;

/* The finding as one or two sentences of plain text (METHODS 5.3): ΔR² of the group target averaged over regions, layer
 * nested; if nothing is added beyond the baseline it says so. malloc'ed. */
int report_finding(char **out, const report_inputs *in, err *e);
/* The whole page. malloc'ed bytes in *b. Fails: no scores, an encoding of another experiment than the scores. */
int report_page(buffer *b, const report_inputs *in, err *e);

/* The language network of models (report/localizer.c, topography.c, clusters.c): what was selected, the test on held-out items,
 * profiles of conditions; then the maps side by side: a table, the sheets of all taps with contours of the selected units on one
 * diverging scale pinned at 0, distance curves, histograms of t, profiles of clusters. A part of a page, or a page of its own. */
int report_network(buffer *b, const report_networks *in, err *e);
int report_network_page(buffer *b, const char *title, const report_networks *in, const report_training_inputs *training, err *e);
/* Maps of broca glm and group (report/brains.c): finding, mosaics of axial slices on one diverging scale pinned at 0 with outlines of
 * the brain, of the parcels and of the selected voxels; effects in parcels and functional regions; histograms of t; Moran's I where
 * files of kind topography are among them. Part of a page.
 * ERR_INPUT: maps without a grid of voxels. */
int report_brains(buffer *b, const char *const *paths, size_t n, err *e);
/* Curves of loss and spatial loss, and loss against topography over alpha (report/training.c). Part of a page. */
int report_training(buffer *b, const report_training_inputs *in, err *e);
/* What make calibrate found (report/calibration.c): false positives in their band, histograms of p from FILE.p.tsv where FILE.tsv has one
 * beside it, coverage of intervals, scores of noise; the shortcuts beside them. Part of a page. */
int report_calibration(buffer *b, const char *path, err *e);
/* The curve of power_estimate (report/power.c) as an SVG of its own: rows [plan->n_subjects] in any order, Wilson's band, a line at
 * power .8. */
int report_power(buffer *b, const power_row *rows, const power_plan *plan, err *e);

#ifdef __cplusplus
}
#endif
#endif
