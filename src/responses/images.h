/* SPDX-License-Identifier: MIT */
/* What the sources of images share (private to the room). */
#ifndef BROCA_RESPONSES_IMAGES_H
#define BROCA_RESPONSES_IMAGES_H

#include "broca/responses.h"

/* Names of parcels: a table with columns label and name; path NULL: none. Free whatever was reached. */
typedef struct {
    table *t;
    size_t label, name;
} parcel_names;
int parcel_names_read(parcel_names *p, const char *path, err *e);
int parcel_name(char *text, size_t room, const parcel_names *p, double number, err *e); /* "none" for 0, else the name or parcelN */
void parcel_names_free(parcel_names *p);

void image_id(char *id, size_t room, const char *path); /* the file's name without its endings */
/* tr, onsets; the items of the source must be as many as rows. */
int image_time(responses *r, const image_source *s, double tr, err *e);
/* Name, run and onset of row `row`: number `at` of file `file`, which has `in_file` rows. */
int image_row(responses *r, const image_source *s, size_t row, size_t file, size_t at, size_t in_file, err *e);
/* Confounds of the source's tables, a table a run. */
int image_confounds(responses *r, const image_source *s, err *e);

#endif
