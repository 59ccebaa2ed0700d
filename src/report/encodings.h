/* SPDX-License-Identifier: MIT */
/* What the figures show of files of kind encoding: folds, chosen alphas, exclusions, configuration (private to the room). */
#ifndef BROCA_REPORT_ENCODINGS_H
#define BROCA_REPORT_ENCODINGS_H

#include "broca/base.h"
#include "broca/store.h"

typedef struct {
    char *name;    /* "baseline", "trained:h.0", "trained:h.0+baseline" */
    char *kind;    /* baseline, model, joint */
    double *alpha; /* [folds×v] NaN: excluded */
    double *r;     /* [v] mean over folds */
    int64_t columns;
} encoded_part;

typedef struct {
    const char *path;
    char *target, *folds_text, *inner_text;
    char *mode, *differs;         /* "strict"; "replicate:NAME" and what its paper's code does otherwise */
    json *config;
    size_t n, v, folds;           /* presentations, neuroids, outer folds */
    char **subject, **roi;        /* [v] */
    uint8_t *test, *train;        /* [folds×n] */
    double *grid;                 /* [n_grid] alphas that could be chosen, ascending */
    size_t n_grid;
    size_t n_excluded;
    char **excluded, **reason;    /* [n_excluded] */
    size_t n_parts;
    encoded_part *parts;
} encoding_view;

typedef struct {
    size_t n;
    encoding_view *at;
    arena *memory;
} encoding_views;

int encoding_views_read(encoding_views *out, const char *const *paths, size_t n, err *e);
void encoding_views_free(encoding_views *v);
const encoding_view *encoding_view_of(const encoding_views *v, const char *target); /* NULL: none */
/* A setting as text ("" where there is none); numbers as %g. */
const char *encoding_setting(const encoding_view *v, const char *name, char *room, size_t size);
/* Is this set one of the model's ("trained" for "trained:h.0")? */
bool encoded_part_of(const encoded_part *p, const char *model);

#endif
