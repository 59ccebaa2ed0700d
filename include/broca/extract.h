/* SPDX-License-Identifier: MIT */
/* extract: what a language model computes over a stimulus set, as a file of kind activations (METHODS 2.3-2.6).
 *
 *     items -> passages (what is tokenised whole) -> sequences (what the model reads at once) -> rows (an item, word or token)
 *
 * A plan says which token of which sequence enters which row. It needs the tokenizer and the model's limit only, so one plan
 * serves many models, e.g. the seeds of an untrained one. */
#ifndef BROCA_EXTRACT_H
#define BROCA_EXTRACT_H

#include "broca/base.h"
#include "broca/model.h"
#include "broca/stimuli.h"
#include "broca/store.h"

#ifdef __cplusplus
extern "C" {
#endif

/* none: each item alone. group: an item after those of its group before it, joined by one blank; each such text is tokenised
 * on its own, so that no token sees past its item; of longer ones the last tokens are kept. window: running text (a group's
 * items joined, or an item alone where there are no groups) in blocks of N tokens with stride N/2. */
typedef enum { CONTEXT_NONE, CONTEXT_GROUP, CONTEXT_WINDOW } context_kind;
typedef enum { POOL_LAST, POOL_MEAN, POOL_SUM, POOL_FIRST, POOL_NONE, POOL_WORD, POOL_WORD_MEAN } pool_kind;

typedef struct {
    context_kind context;
    size_t window;    /* tokens a block, special ones counted; 0: the model's limit */
    pool_kind pool;
    bool special;     /* symbols of the post-processor in front of each context */
    size_t truncate;  /* none: first tokens kept of an item, special ones counted; group: last tokens of a context; 0: off */
} extract_options;

/* "none", "group", "window", "window:N" into o; ERR_USAGE otherwise. */
int extract_context(extract_options *o, const char *text, err *e);
/* "last" ... "word-mean". */
int extract_pool(extract_options *o, const char *text, err *e);

typedef struct extract_plan extract_plan;
typedef struct {
    size_t rows;        /* of every tap */
    size_t tokens;      /* of the items, special ones not counted */
    size_t sequences, longest, computed; /* computed: tokens that go through the model */
    size_t look_ahead;  /* pool word: words that no token ends in; the covering token sees past them */
    size_t cut;         /* items that lost tokens to a limit */
} extract_facts;

/* context: the model's limit. x and o must outlive the plan. Fails: ERR_INPUT for an item without text or tokens (names it),
 * an item longer than the limit (suggests window), a word without token; ERR_USAGE for impossible options. */
int extract_plan_new(extract_plan **out, const tokenizer *t, size_t context, const stimuli *x, const extract_options *o, err *e);
const extract_facts *extract_about(const extract_plan *p);
void extract_plan_free(extract_plan *p); /* NULL is fine */

/* Computes and writes /tap/NAME, /item/{id,run,tokens,group,condition}, with pool word the group /word, with pool none or
 * surprisal /token/{item,span}, with surprisal /surprisal (nats; NaN for the first token of a context). Taps as model_taps gives them.
 * Rows are computed and written in chunks of bounded memory. */
int extract_write(store *s, const model *m, const extract_plan *p, const char *const *taps, size_t n_taps, bool surprisal, err *e);

#ifdef __cplusplus
}
#endif
#endif
