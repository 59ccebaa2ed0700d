/* SPDX-License-Identifier: MIT */
/* A file of broca glm or group as the page needs it (private to the room). */
#ifndef BROCA_REPORT_BRAINS_H
#define BROCA_REPORT_BRAINS_H

#include "broca/volume.h"

typedef struct {
    char *name;
    double *t;          /* [v] */
    uint8_t *selected;  /* [v] */
    size_t n_selected, peak, trough; /* units; SIZE_MAX: no t */
    double dof;
} brain_tap;

typedef struct {
    const char *path;
    char *label, *selection, **roi;
    size_t v, n, parcels_n, froi_n, conditions, subjects, runs; /* subjects 0: one subject's runs */
    int32_t *index;
    space grid;
    brain_tap *taps;
    double limit_fwe, p_fwe_peak;          /* NaN: no random signs */
    char **parcel, **froi, **condition;
    int32_t *parcel_voxels, *froi_count;   /* froi_count: subjects, or chosen voxels */
    double *parcel_t, *parcel_effect, *parcel_lo, *parcel_hi, *parcel_p;
    double *froi_effect, *froi_lo, *froi_hi, *froi_p, *froi_response; /* lo, hi, p NULL for one subject */
    arena *memory;
} brain_file;

/* Zeroed before; whatever was reached belongs to f->memory, also on failure. */
int read_brain_file(brain_file *f, const char *path, err *e);

#endif
