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

/* How the next token is chosen. temperature 0: greedy, the most probable one, the smallest id of equal ones; else drawn from
 * softmax(logits / temperature), of the top_k most probable tokens (0: all), and of those the fewest whose probability is at
 * least top_p together (1: all; Holtzman et al. 2020). Counter-based: (seed, stream 50, position) decides a draw. */
typedef struct {
    double temperature, top_p;
    size_t top_k;
    uint64_t seed;
} behave_sampling;

/* At most `tokens` new tokens. stop_id -1: go on whatever comes. The whole prefix is computed again each step. Fails: ERR_INPUT
 * for an empty prompt, one beyond the model's limit, ids beyond its vocabulary, a model without head; ERR_USAGE for a
 * temperature below 0 or a top_p outside of (0, 1]. */
int behave_generate(continuation *out, const model *m, const int32_t *prompt, size_t n, size_t tokens, int32_t stop_id,
                    const behave_sampling *how, err *e);
/* Index of the largest of n values, the smallest index of equal ones. */
size_t behave_argmax(const float *x, size_t n);
/* The token at `position` by a rule that has been checked; order [n] and p [n] are scratch. */
size_t behave_choose(const float *logits, size_t n, const behave_sampling *how, size_t position, size_t *order, double *p);

#ifdef __cplusplus
}
#endif
#endif
