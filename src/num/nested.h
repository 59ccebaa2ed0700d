/* SPDX-License-Identifier: MIT */
/* Private to num: the work on one outer fold, shared by all ways of choosing and of refitting. */
#ifndef BROCA_NUM_NESTED_H
#define BROCA_NUM_NESTED_H

#include "ridge.h"

enum {
    SCREEN_FROM = 1024,            /* responses; below, what screening saves is not worth its operators */
    OPERATORS_AT_ONCE = 40,        /* candidates whose operators select_inverse holds, */
    RESPONSES_AT_ONCE = 16 * BLOCK, /* and responses that it screens together, */
    MOST_CONTENDERS = 8192,         /* or scores in fp64 together; */
    MOST_GATHERED = 64 * BLOCK      /* responses that the refits of several candidates share */
};

typedef struct {
    const nested_problem *q;
    nested_result *out;
    fold_features *f;
    inner_set *inner;
    size_t n_candidates, blocks;
    bool screened;
    choice c;
    double *sum;         /* [A×v] scores of one candidate, where all are wanted at once */
    int32_t *nans;       /* [A×v] */
    struct chosen *chosen; /* responses by candidate, once gathered for all; or NULL */
    struct refit *early; /* refit of the only candidate, open while alphas are chosen; or NULL */
} work;

/* A block of responses: rows of the features, centred on the training rows. */
typedef struct {
    double *rows, *y;    /* [n×BLOCK] rows of the problem, [(n+t)×BLOCK] */
    double mean[BLOCK], sd[BLOCK];
    size_t first, width;
} block;

bool operators_pay(const fold_features *f); /* nested_memory.c */

/* ---- nested_block.c ---- */

bool wants_weights(const nested_result *out);
void block_free(block *b);
int block_space(block *b, const work *w, err *e);
/* Reads block `number`; BLOCK columns, zeros beyond the last. */
int block_load(block *b, const work *w, size_t number, err *e);
const double *gamma_row(const work *w, size_t g);

/* First error of a parallel loop. */
typedef struct { int failed; err first; } trouble;
void trouble_note(trouble *t, const err *own);
bool in_trouble(trouble *t);

/* Takes candidate g for response j if its score beats the best so far. */
void take(choice *c, size_t j, size_t g, size_t alpha, double best, select_by select);
/* Scores every alpha of candidate g in fp64 and chooses; whole: leave-one-out by the factor of all training rows. */
int select_exact(work *w, const inner_operators *o, const factor *whole, size_t g, err *e);
/* The same choice by screening in fp32. */
int select_screened(work *w, const inner_operators *o, size_t g, err *e);
/* The same choice among all candidates by inverses, screened. */
int select_inverse(work *w, err *e);
/* The refit by an operator an alpha, made when first used, of blocks as they are loaded (refit.c). whole: the decomposition of all
 * training rows, which the refit takes over. */
typedef struct refit refit;
typedef struct refit_space refit_space;
refit *refit_open(const work *w, factor *whole, err *e);
/* The same by operators of inverses at hand while alphas are chosen: one of `alpha` by a root of its inverse (inverse_root). */
bool refit_can_open(const work *w);
refit *refit_open_inverse(const work *w, err *e);
int refit_operator(refit *x, size_t alpha, const double *root, err *e);
void refit_close(refit *x, size_t n_alphas);
refit_space *refit_space_new(const refit *x, err *e);
void refit_space_free(refit_space *s);
int refit_blocks(refit *x, refit_space *s, const work *w, const block *b, size_t blocks, err *e);
/* Fits candidate g on all training rows for the responses that chose it, and writes what is wanted. */
int refit_candidate(work *w, size_t g, err *e);
void chosen_close(struct chosen *c);
/* The held fits whose response chose candidate g (held.c). */
int held_candidate(const work *w, size_t g, err *e);

#endif
