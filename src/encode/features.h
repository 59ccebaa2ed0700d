/* SPDX-License-Identifier: MIT */
/* How feature sets are made (private to the room): features.c reads files of activations, built_in.c features that need no model;
 * both make sets with feature_sets.c. */
#ifndef BROCA_ENCODE_FEATURES_H
#define BROCA_ENCODE_FEATURES_H

#include "sets.h"

/* "NAME=FILE[:taps]": a colon belongs to the taps only when what stands before it is a file. */
typedef struct {
    char *name, *path, *taps; /* taps NULL: all, a set each */
} feature_spec;

typedef struct {
    const responses *r;
    const used_rows *u;
    const encode_options *o;
} feature_context;

/* Word vectors f [words×width] to the samples of the responses, out [r->n×*d] malloc'ed; --downsample mean adds a column: has a word. */
int words_to_samples(double **out, size_t *d, const feature_context *c, const float *f, size_t width, size_t words, const double *onset,
                     const int32_t *word_run, err *e);
/* Rows of items to presentations by id; repeats take the item's row again. */
int items_to_presentations(double **out, const feature_context *c, const float *f, size_t width, char **item, size_t items, err *e);
/* Delays the columns x [r->n×d] on the full runs, drops the first rows, and appends to the list. */
int add_set(feature_list *l, const char *name, const char *delay_name, double *x, size_t d, const feature_context *c, err *e);
/* Columns more [n×width] to the right of *x [n×*d]. */
int append_columns(double **x, size_t *d, double *more, size_t width, size_t n, err *e);

/* NAME=STIMULI:a,b (METHODS 3.10) and NAME=oasm:SIGMA (3.12). */
int read_built_in(feature_list *l, const feature_spec *s, const feature_context *c, err *e);
int read_oasm(feature_list *l, const feature_spec *s, const feature_context *c, err *e);

#endif
