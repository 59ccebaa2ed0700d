/* SPDX-License-Identifier: MIT */
/* A file of kind topography as the page needs it (private to the room). */
#ifndef BROCA_REPORT_MAPS_H
#define BROCA_REPORT_MAPS_H

#include "broca/base.h"

typedef struct {
    char *name;
    size_t d, rows, columns;
    double *t, *positions; /* positions NULL on a mesh */
    uint8_t *selected;
    double *map, *smooth;  /* [rows×columns]; [smooth_size] */
    uint8_t *chosen;       /* [rows×columns] or NULL */
    size_t smooth_size[2], curve_n;
    double *distance, *r, *lo, *hi; /* [curve_n] */
    char note[96], smooth_note[96], curve_note[96];
} map_tap;

/* Held-out responses of the selected units (sign 0) and of clusters by condition, a row each. */
typedef struct {
    size_t n;
    char **tap, **condition;       /* [n] */
    int32_t *sign, *cluster, *units;
    double *mean, *lo, *hi;
} map_profile;

typedef struct {
    const char *path;
    char *label, *contrast, *match, *layout;
    char *title; /* the label, and what the layout is where it is not the model's own */
    size_t n;
    char **tap;
    double *I, *p, *p_labels, *smoothed, *mean, *sd, *p_presmooth, *t_min, *t_max, *kept;
    double fwhm;
    map_tap *maps;
    map_profile profile;
    arena *memory;
} map_file;

/* Zeroed before; whatever was reached belongs to f->memory, also on failure. */
int read_map_file(map_file *f, const char *path, err *e);
/* results/localizer/topolm-small.sheet.h5 -> "topolm-small": what figures call a file; NULL on error. */
char *file_label(const char *path, arena *a, err *e);

#endif
