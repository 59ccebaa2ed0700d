/* SPDX-License-Identifier: MIT */
/* responses: presentations × neuroids, with runs, subjects, regions, confounds (CONTRACT kind `responses`). */
#ifndef BROCA_RESPONSES_H
#define BROCA_RESPONSES_H

#include "broca/base.h"
#include "broca/store.h"
#include "broca/volume.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    char *name;      /* "motion" */
    char *subject;   /* NULL: the same for all */
    size_t k;
    double *at;      /* [n×k] */
} confound;          /* stored as /confound/NAME [n×k] or /confound/NAME/SUBJECT [n×k] */

typedef struct {
    size_t n, v;
    char **id;                 /* [n] presentation ids (repeats of an item share one) */
    int32_t *run;              /* [n] */
    double *onset;             /* [n] seconds, on the clock of the stimuli; NULL: items without time */
    int32_t *repeat;           /* [n] or NULL */
    char **group;              /* [n] or NULL (an addition to the contract: where a table gives it) */
    char **subject, **roi;     /* [v] */
    int32_t *index;            /* [v] number within subject */
    double *x, *y, *z;         /* [v] mm or NULL */
    space grid;                /* of voxels (vertices: shape [v, 1, 1], no affine): index is the number there; shape 0: none */
    float *data;               /* [n×v] row-major; NULL: in the file, see responses_columns */
    store *file;               /* of responses_open, else NULL */
    double tr;                 /* seconds, NaN: no time series */
    size_t n_confounds;
    confound *confounds;
    size_t n_excluded;         /* subjects or neuroids left out at import, with reasons */
    char **excluded, **reason; /* [n_excluded] */
    arena *memory;
} responses;

/* Responses in memory: ids empty, run all 1, data [n×v] zeroed, tr NaN. Texts are copied into the responses' own memory. */
responses *responses_make(size_t n, size_t v, err *e);
int responses_label(responses *r, size_t neuroid, const char *subject, const char *roi, int32_t index, err *e);
int responses_exclude(responses *r, const char *what, const char *reason, err *e);
int responses_read(responses **out, const char *path, err *e);
/* The same but for data, which stay in the file, open until responses_free. */
int responses_open(responses **out, const char *path, err *e);
/* Columns [first, first + width) into out [n×width], from memory or from the file; several threads may call it. */
int responses_columns(const responses *r, size_t first, size_t width, float *out, err *e);
int responses_put(store *s, const responses *r, err *e);
void responses_free(responses *r);
/* Group /space of a product: shape [3] and, where it is known, affine [3×4]. Without the group: shape 0. */
int grid_read(store *s, space *g, err *e);
int grid_put(store *s, const space *g, err *e);

/* Where name is NAME24 and only NAME is there: adds NAME24, values, first differences within runs and the squares of both. Any
 * other name, NULL too: nothing. */
int responses_derive_confound(responses *r, const char *name, err *e);

/* alice2016's folder: 6-mm (or 10-mm) time courses of the usable subjects × 6 ROIs, onset 20 + 2k s, tr 2, motion with its
 * first 10 rows cut. A subject whose values are all equal is excluded with its reason (s33). */
int responses_from_alice(responses **out, const char *folder, int radius_mm, err *e);
/* alice2016's published, already convolved predictors (subject s18's files) as features with a row a volume. */
int alice_predictors(double **rate, double **sound_power, size_t *n, const char *folder, err *e);
/* A table with a row a presentation: column id (or item), optional run, onset, group, repeat; every further column a neuroid.
 * Column names "SUBJECT:ROI" or "ROI" (of `subject`; NULL: "s1"); columns text and condition are of the stimuli and passed
 * over. tr NaN: item-level. */
int responses_from_table(responses **out, const table_source *source, const char *subject, double tr, err *e);

/* Images and matrices (responses/images.c, surfaces.c): files are the runs of a series in order, or maps, a row each. */
typedef struct {
    const char *const *paths;
    size_t n;
    const char *mask;          /* NULL: voxels finite in every volume and, of maps, nowhere 0; of a series, not constant */
    const char *parcels;       /* region numbers, 0: none; regions are called as in parcel_names, or "parcelN"; outside "none" */
    const char *parcel_names;  /* a table with columns label and name, or NULL */
    bool inside;               /* neuroids of parcels alone */
    const char *surface;       /* gifti: where the vertices lie, or NULL */
    const char *subject;
    double tr_s;               /* 0: as the header says */
    const char *const *ids;    /* [n_ids] rows are these items and have no time, or NULL */
    size_t n_ids;
    const char *const *confounds; /* tables, one a run: FILE or FILE:COLUMN,COLUMN; by default the six of a rigid body */
    size_t n_confounds;
} image_source;
/* Parcels lie on any grid with an affine: the nearest voxel, exact halves to the even one (volume.h). Fails: another grid of the
 * mask or of a run, parcels on another grid without an affine, volumes without a time between them. */
/* Whether roi names a parcel: not "none", nor what the importers call a whole brain. */
bool responses_in_parcel(const char *roi);
int responses_from_nifti(responses **out, const image_source *s, err *e);
int responses_from_gifti(responses **out, const image_source *s, err *e);
int responses_from_npy(responses **out, const image_source *s, err *e);

#ifdef __cplusplus
}
#endif
#endif
