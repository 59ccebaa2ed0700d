/* SPDX-License-Identifier: MIT */
/* Inside of training runs (private to the room): where a run is, its checkpoint, its log. */
#ifndef BROCA_TRAINING_INSIDE_H
#define BROCA_TRAINING_INSIDE_H

#include <stdio.h>

#include "broca/store.h"
#include "broca/training.h"

/* ERR_INPUT names every key whose value in the JSON object differs. */
int settings_same(const training_settings *s, const json *theirs, const char *where, err *e);

/* ---- where a run is ---- */

typedef struct {
    size_t step;       /* the next one */
    double mean_ce;    /* running mean of the training loss, for divergence */
    size_t log_bytes;  /* length of the log up to here */
} training_state;

/* ---- checkpoints (checkpoint.c) ---- */

typedef struct {
    const training_settings *settings;
    uint64_t seed;
    const char *corpus_sha256;
} training_identity;

bool checkpoint_there(const char *folder);
/* Writes weights, moments, counters, layouts; the checkpoint before is removed when the new one is whole. */
int checkpoint_write(const char *folder, const trainer *t, const training_identity *id, const training_state *s, err *e);
/* Checks that it is of this identity and whole; sets weights, moments and the number of updates. */
int checkpoint_read(const char *folder, trainer *t, const training_identity *id, training_state *s, err *e);

/* ---- the log (training_log.c) ---- */

typedef struct {
    char *path;
    FILE *f;
    size_t bytes;
} training_log;

/* A new one, or (bytes > 0) the present one cut to that length. */
int training_log_open(training_log *l, const char *folder, size_t bytes, err *e);
typedef struct {
    size_t step, tokens;
    double rate;
    train_stats stats;
    bool validated;
    double ce, bits_per_byte, spatial; /* validation */
} training_log_row;
int training_log_add(training_log *l, const training_log_row *row, err *e);
/* Onto the disk. */
int training_log_sync(training_log *l, err *e);
void training_log_close(training_log *l);

#endif
