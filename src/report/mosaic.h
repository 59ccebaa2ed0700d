/* SPDX-License-Identifier: MIT */
/* Axial slices of a map of voxels (private to the room). */
#ifndef BROCA_REPORT_MOSAIC_H
#define BROCA_REPORT_MOSAIC_H

#include "broca/volume.h"

typedef struct {
    const char *title;        /* said, not shown */
    const space *grid;
    const double *value;      /* [voxels] NaN: no value */
    const uint8_t *inside;    /* [voxels] of the brain: outlined */
    const uint8_t *parcel;    /* [voxels] or NULL: outlined in green */
    const uint8_t *selected;  /* [voxels] or NULL: outlined in black */
    size_t mark;              /* voxel with a ring around it; SIZE_MAX: none; its slice is shown */
    double limit;             /* the colour at ±limit; 0 is white */
} mosaic;

/* At most `slices` slices from bottom to top, left of the person on the left, front up. */
int svg_mosaic(buffer *b, const mosaic *m, size_t slices, err *e);

#endif
