/* SPDX-License-Identifier: MIT */
/* stimuli: items in presentation order with their text, conditions, groups, runs and timed words (METHODS 1). */
#ifndef BROCA_STIMULI_H
#define BROCA_STIMULI_H

#include "broca/base.h"
#include "broca/store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    char *name;
    char **value; /* [n] */
} text_column;

typedef struct {
    size_t n;
    char **id, **text;       /* [n], UTF-8 */
    char **group;            /* [n] or NULL: what must not be split */
    char **condition;        /* [n] or NULL */
    int32_t *run;            /* [n] or NULL */
    double *onset, *duration;/* [n] seconds or NULL */
    size_t n_extra;
    text_column *extra;      /* further columns as given */
    size_t words;            /* 0: no word table */
    int32_t *word_item;      /* [words] index of the item */
    char **word_text;        /* [words] */
    double *word_onset, *word_offset; /* [words] seconds on the clock of the responses; NaN unknown */
    double *word_log_frequency; /* [words] or NULL: stimuli_add_frequency */
    int32_t *word_begin, *word_end;   /* [words] byte span in the item's text */
    arena *memory;           /* owns every text and array */
} stimuli;

/* A file of kind stimuli. Free with stimuli_free. */
int stimuli_read(stimuli **out, const char *path, err *e);
int stimuli_put(store *s, const stimuli *x, err *e); /* writes /item and /word into a new product */
void stimuli_free(stimuli *x);
/* Index of the item called id, or SIZE_MAX. */
size_t stimuli_find(const stimuli *x, const char *id);
/* x->condition becomes the further column called so ("condition": as it is). ERR_USAGE: no such column, names those there are. */
int stimuli_use_condition(stimuli *x, const char *column, err *e);

/* A table (CSV, TSV) with columns text and, optionally, id (else item1, ...), group, condition, run, onset, duration;
 * every further column is kept. `words` (may be NULL): a table with columns item, word, onset, offset (seconds), in order:
 * each word must occur in its item's text after the one before it (names table, row, word). */
int stimuli_from_table(stimuli **out, const table_source *source, const char *words, err *e);
/* Gives items that are nearly the same one group, whatever groups they had: those whose bags of lower-case words (letters and
 * digits; punctuation is none) differ by at most one word, and chains of such items. The group is called by its first
 * item. *joined: items that share their group with another. */
int stimuli_group_similar(stimuli *x, size_t *joined, err *e);
/* A table of timed words alone (columns word, onset, offset; optional text = as printed): one item, text joined by blanks. */
int stimuli_from_words(stimuli **out, const char *path, const char *id, err *e);
/* alice2016: Praat TextGrid (long text form), tier "word"; pauses ("sp", empty) are no words; clitics are joined to their
 * host (one word, the host's onset, the clitic's offset); text joined by blanks; one item "alice", run 1. Times are those
 * of the TextGrid. Fails on overlapping intervals, naming both and their times. */
int stimuli_from_textgrid(stimuli **out, const char *path, const char *id, err *e);

/* The published language localizer (Fedorenko et al. 2010): the ten tables langloc_fmri_run{1,2}_stim_set{1..5}.csv of a folder.
 * Texts in lower case, conditions S and N, a further column `set`. */
int stimuli_from_langloc(stimuli **out, const char *folder, err *e);

/* Built-in features of words (METHODS 3.10), one value a word: "word_rate" (1), "word_letters", "word_log_frequency" (where a table
 * gave it). out [words]. */
int stimuli_word_feature(const stimuli *x, const char *name, float *out, err *e);
/* Adds the column log_frequency of items and, where they are timed, of words: mean over the words of ln((count + 1)/(all counts + all types)), from a table with columns
 * word and count (or these two without a header; packed by gzip or not). *unknown of *words are not in it. */
int stimuli_add_frequency(stimuli *x, const char *path, size_t *unknown, size_t *words, err *e);
/* Built-in features of items (METHODS 3.10): "item_words", "item_characters", "item_word_length" (characters a word),
 * "item_number" (in its run, from 1), "group_position" (11 columns: one-hot up to 10, then a ramp that saturates), or a further
 * column of the user's table, if it holds numbers. *out [n×width], malloc'ed. */
int stimuli_item_feature(const stimuli *x, const char *name, float **out, size_t *width, err *e);

/* A table with the column id (or item) whose further columns are numbers: features of items. *ids is one allocation. *values
 * [n×width]. */
int stimuli_table_features(char ***ids, float **values, size_t *n, size_t *width, const table_source *source, err *e);

#ifdef __cplusplus
}
#endif
#endif
