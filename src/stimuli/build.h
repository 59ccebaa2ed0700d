/* SPDX-License-Identifier: MIT */
/* Making stimuli in memory (private to the room). */
#ifndef BROCA_STIMULI_BUILD_H
#define BROCA_STIMULI_BUILD_H

#include "broca/stimuli.h"

stimuli *stimuli_new(err *e);
/* The words of a text in lower case (ASCII; other letters as they are), sorted; punctuation is none. *words [m] points into
 * *copy; free both. */
int stimuli_bag(char ***words, size_t *m, char **copy, const char *text, err *e);
/* One timed word as a source gives it; text points into the source. */
typedef struct {
    char *text;
    double onset, offset;
} timed_word;
/* One item called id, run 1, whose text is the words joined by single blanks. Fails on words that overlap in time (more than
 * 1 microsecond) or run backwards; path names the source. */
int stimuli_join(stimuli **out, const timed_word *words, size_t n, const char *id, const char *path, err *e);

#endif
