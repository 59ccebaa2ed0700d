/* SPDX-License-Identifier: MIT */
/* Inside of extract. */
#ifndef BROCA_EXTRACT_PLAN_H
#define BROCA_EXTRACT_PLAN_H

#include "broca/extract.h"

enum { NOWHERE = -1 };

/* What the model reads at once: `lead` special tokens, then tokens first ... of a passage. */
typedef struct {
    int32_t *ids;
    size_t length, lead;
} sequence;

/* A text that was tokenised whole. */
typedef struct {
    char *text;
    size_t n;              /* tokens, special ones left out */
    int32_t *id;
    size_t *begin, *end;   /* bytes of the text, blanks at both ends of a token left out; equal: nothing but blanks */
    size_t *from;          /* where the token began before blanks were left out */
    long *sequence;        /* which one a token's vector comes from, NOWHERE: cut off */
    size_t *position;      /* and where in it */
} passage;

/* An item is bytes [begin, end) and tokens [first, last) of a passage. */
typedef struct {
    size_t passage, begin, end, first, last;
} item_place;

typedef struct {
    size_t sequence, position;
} pick;

/* A token of an item: bytes of the item's text, and where its vector and its surprisal are found. */
typedef struct {
    int32_t item, begin, end;
    pick at;
} token_row;

struct extract_plan {
    const stimuli *x;
    extract_options o;
    extract_facts facts;
    arena *memory;
    passage *passages;
    size_t n_passages, room_passages;
    sequence *sequences;
    size_t n_sequences, room_sequences;
    item_place *item;      /* [x->n] */
    int32_t *item_tokens;  /* [x->n] */
    size_t *pick_begin;    /* [rows + 1] */
    size_t n_rows, room_rows;
    pick *picks;           /* which vectors enter a row */
    size_t n_picks, room_picks;
    token_row *tokens;     /* in order of items */
    size_t n_tokens, room_tokens;
};

/* ---- contexts.c: items -> passages -> sequences ---- */
int plan_contexts(extract_plan *p, const tokenizer *t, size_t limit, err *e);
bool is_blank(char c);

/* ---- rows.c: tokens of items and words -> rows ---- */
int plan_rows(extract_plan *p, err *e);

#endif
