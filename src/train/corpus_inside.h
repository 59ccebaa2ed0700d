/* SPDX-License-Identifier: MIT */
/* Inside of corpora (private to the room): documents, the blocks of text that passes over them work on, GPT-2's pieces. */
#ifndef BROCA_CORPUS_INSIDE_H
#define BROCA_CORPUS_INSIDE_H

#include "broca/corpus.h"

typedef struct {
    char *path;
    const char *name;  /* last part of path */
    const char *at;    /* mapped */
    size_t n;
    bool held_out;
    sha_hex hash;
    size_t documents[2]; /* by split */
} text_source;

typedef struct {
    const char *at; /* in the source's map */
    size_t n;
    uint32_t source;
    bool validation;
} text_document;

struct corpus_texts {
    text_source *source;
    size_t n_sources;
    text_document *document; /* training documents first, each split in the order of the files */
    size_t n_documents, room;
    size_t count[2], bytes[2];
};

/* ---- passes over the documents of a split, a block of text at a time (corpus_blocks.c) ---- */

/* A stretch of one document that may be cut into pieces alone: it ends at the end of the document, or (not whole) where a
 * blank follows a printable ASCII character, which is between two of GPT-2's pieces whatever stands around it. */
typedef struct {
    const char *at;
    size_t n, document; /* index in corpus_texts */
    size_t tokens;      /* for the user: tokens made of it */
    bool last;          /* the document ends here */
} text_chunk;

/* Chunks [first, end) of a block: what one thread does at a time. */
typedef struct {
    size_t first, end;
} text_task;

typedef struct {
    const corpus_texts *texts;
    bool whole;                     /* never cut a document */
    size_t document, end, offset;   /* next one, its split's end, bytes of it that are done */
    text_chunk *chunk;
    size_t n_chunks, chunk_room;
    text_task *task;
    size_t n_tasks, task_room;
    size_t bytes;                   /* of this block */
} text_blocks;

void blocks_start(text_blocks *b, const corpus_texts *t, corpus_split split, bool whole);
/* Fills the next block: at least 16 MiB of text (less at the end; none: n_chunks 0), tasks of at least 256 KiB. Pages of the
 * block before are given back to the system. Blocks depend on the texts alone. */
int blocks_next(text_blocks *b, err *e);
void blocks_free(text_blocks *b);

/* ---- GPT-2's pieces (corpus_pieces.c) ---- */

typedef struct pieces_by_pattern piece_pattern; /* compiled; shared by threads */
typedef struct piece_cursor piece_cursor;       /* one a thread */
int piece_pattern_new(piece_pattern **out, err *e);
void piece_pattern_free(piece_pattern *p);
piece_cursor *piece_cursor_new(const piece_pattern *p, err *e);
void piece_cursor_start(piece_cursor *c, const char *text, size_t n);
/* The next piece: 1, 0 at the end, -1 on an error. The text must be UTF-8. */
int piece_next(piece_cursor *c, const char **at, size_t *n, err *e);
void piece_cursor_free(piece_cursor *c);

/* ---- hash table of words (corpus_words.c) ---- */

typedef struct {
    uint64_t value; /* a count, or what the user keeps */
    size_t at;      /* its text in key */
    uint32_t n, hash;
} word;

typedef struct {
    word *word;
    size_t n, room;
    uint32_t *slot; /* index + 1, 0: empty; n_slots is a power of 2 */
    size_t n_slots;
    char *key;
    size_t key_n, key_room;
} words;

uint32_t word_hash(const char *text, size_t n);
/* The word's entry, made with value 0 if it is new (*fresh); NULL with *e set for lack of memory. Valid until the next. */
word *words_get(words *w, const char *text, size_t n, uint32_t hash, bool *fresh, err *e);
const char *words_text(const words *w, const word *x);
/* Forgets every word, or those whose value is at most `least`; memory is kept. */
void words_clear(words *w);
void words_drop(words *w, uint64_t least);
void words_free(words *w);

/* ---- BPE (bpe_count.c, bpe_merge.c, bpe_json.c) ---- */

int bpe_count(const corpus_texts *t, size_t memory, words *out, bpe_facts *facts, err *e);

typedef struct {
    uint32_t left, right;
} bpe_pair;

typedef struct {
    buffer text;      /* bytes of all tokens, one after the other */
    size_t *begin;    /* [n + 1] */
    size_t n, room;
    bpe_pair *merge;
    size_t n_merges, merge_room;
} bpe_model;

/* Frees the words as soon as it has them in its own form. tokens: 256 + new ones. end: text no token may have, or NULL. */
int bpe_merge(bpe_model *m, words *w, size_t tokens, const char *end, bpe_facts *facts, err *e);
void bpe_model_free(bpe_model *m);
unsigned char bpe_first_byte(size_t id);                              /* the byte of id 0 ... 255 */
int bpe_key(const bpe_model *m, size_t id, buffer *out, err *e);      /* as tokenizer.json spells it; out is emptied first */
int bpe_json(const bpe_model *m, const char *end, buffer *json, err *e);

#endif
