/* SPDX-License-Identifier: MIT */
/* behave: what a language model does with text, rather than what is inside of it. */
#ifndef BROCA_BEHAVE_H
#define BROCA_BEHAVE_H

#include "broca/base.h"
#include "broca/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    int32_t *ids;     /* prompt and continuation; free */
    size_t n, prompt; /* of all; of the prompt */
    bool stopped;     /* by the end symbol, which is the last id */
    bool full;        /* by the model's limit */
} continuation;

/* Greedy: the most probable token each step, the smallest id of equal ones; at most `tokens` new ones. stop_id -1: go on
 * whatever comes. The whole prefix is computed again each step. Fails: ERR_INPUT for an empty prompt, one beyond the model's
 * limit, ids beyond its vocabulary, a model without head. */
int behave_generate(continuation *out, const model *m, const int32_t *prompt, size_t n, size_t tokens, int32_t stop_id, err *e);
/* Index of the largest of n values, the smallest index of equal ones. */
size_t behave_argmax(const float *x, size_t n);

#ifdef __cplusplus
}
#endif
#endif
