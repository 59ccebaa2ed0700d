/* SPDX-License-Identifier: MIT */
/* corpus: text files -> one token file that training maps into memory, and byte-level BPE tokenizers trained on the same
 * texts. Belongs to the room `train`.
 *
 * A token file, little-endian, offsets in bytes from its start, every section at a multiple of 8:
 *
 *      0  8  magic "BROCATOK"                       64  8  offset of the tokens (256)
 *      8  4  version (1)                            72  8  offset of the document starts
 *     12  4  bytes a token (2 or 4)                 80  8  offset of the document bytes
 *     16  8  vocabulary                             88  8  offset of the document sources
 *     24  8  tokens, all                            96  8  offset of the notes (JSON)     104  8  their length
 *     32  8  tokens of the training documents      112  8  offset of the tokenizer.json   120  8  its length, 0: none
 *     40  8  documents, all                        128  4  id of the end symbol, -1: none 132  4  zero
 *     48  8  training documents                    136  8  length of the file
 *     56  8  sources (text files)                  144 32  SHA-256 of the tokenizer       176 32  SHA-256 of bytes [256, end)
 *                                                  208 48  zero
 *
 *     tokens     u2 or u4 [tokens]     all training documents one after the other, then all validation documents
 *     starts     u8 [documents + 1]    first token of each document; the last entry is the number of tokens
 *     bytes      u8 [documents]        bytes of text of each document (bits per byte)
 *     sources    u4 [documents]        which source each document came from
 *     notes      {"broca", "config", "sources": [{"name", "bytes", "sha256", "documents", "validation"}]}
 *     tokenizer  the tokenizer.json as it was, byte for byte: what a model trained on these tokens needs beside it
 *
 * u2 when the vocabulary has at most 65,536 entries. The end symbol, when there is one, is the last token of each document. */
#ifndef BROCA_CORPUS_H
#define BROCA_CORPUS_H

#include "broca/base.h"
#include "broca/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- reading (train/corpus_read.c) ---- */

typedef struct corpus corpus; /* a mapped token file; reading is thread-safe */

typedef enum { CORPUS_TRAIN, CORPUS_VALIDATION } corpus_split;

typedef struct {
    size_t vocabulary, token_bytes;
    size_t documents[2], tokens[2], text_bytes[2]; /* [CORPUS_TRAIN], [CORPUS_VALIDATION]; bytes of text without end symbols */
    size_t sources;
    int32_t end;                                   /* id of the end symbol, -1: none */
    char tokenizer_sha256[65];
    char sha256[65];                               /* of everything behind the header: the corpus's identity */
} corpus_facts;

/* Maps a token file. Everything but the tokens' values is checked: magic, version, length of the file, sections, document
 * starts. Fails with ERR_INPUT that names the file and says what is wrong ("cut short: 1,000 of 4,096 bytes").
 * Free with corpus_free. */
int corpus_open(corpus **out, const char *path, err *e);
const corpus_facts *corpus_about(const corpus *c);
/* out[0..n-1] = the tokens [start, start + n) of a split (counted from the split's first token; windows may span documents).
 * ERR_INPUT when they are not all there, or when one is not below the vocabulary (names its place). */
int corpus_window(const corpus *c, corpus_split split, size_t start, size_t n, int32_t *out, err *e);

/* The tokenizer.json that made the tokens, borrowed, *n bytes; NULL when the file holds none. */
const char *corpus_tokenizer(const corpus *c, size_t *n);
/* The notes (JSON), borrowed, *n bytes, not NUL-terminated. */
const char *corpus_notes(const corpus *c, size_t *n);
/* Reads everything: every token below the vocabulary, SHA-256 as in the header. ERR_INPUT names file and place. */
int corpus_verify(const corpus *c, err *e);
void corpus_free(corpus *c); /* NULL is fine */

/* ---- texts (train/corpus_texts.c) ---- */

typedef struct {
    const char *const *train;    /* n_train files whose documents are split by `validation` */
    size_t n_train;
    const char *const *held_out; /* n_held_out files whose documents are all for validation */
    size_t n_held_out;
    const char *documents;       /* "file": a document a file; "line": a line; "separator:TEXT": ends at each line that is TEXT */
    double validation;           /* share of the documents of `train` for validation: [0, 1) */
    uint64_t seed;               /* of the shuffle that chooses them */
} corpus_recipe;

typedef struct corpus_texts corpus_texts; /* mapped files, cut into documents */

/* Maps the files, checks that they are UTF-8, hashes them and cuts them into documents. With a share > 0 round(share·n)
 * documents, at least one and at most n - 1, are for validation: the first of a shuffle (seed, RNG stream 41). Lines and
 * stretches of nothing but blanks are no documents. Memory: 24 bytes a document; the texts themselves stay in their files.
 * Fails with ERR_INPUT: a file that is no UTF-8 (offset and line), without text, no regular file; a file given twice. */
int corpus_texts_open(corpus_texts **out, const corpus_recipe *r, err *e);
size_t corpus_texts_count(const corpus_texts *t, corpus_split split); /* documents */
size_t corpus_texts_bytes(const corpus_texts *t, corpus_split split);
size_t corpus_texts_sources(const corpus_texts *t);
/* Path and SHA-256 of a source; borrowed. Held-out sources come last. */
const char *corpus_texts_path(const corpus_texts *t, size_t source);
const char *corpus_texts_sha256(const corpus_texts *t, size_t source);
void corpus_texts_free(corpus_texts *t);

/* ---- training a byte-level BPE (train/bpe_*.c; Sennrich et al. 2016) ---- */

typedef struct {
    size_t vocabulary;   /* 256 bytes + merges + the end symbol, if any */
    const char *end;     /* text of the end symbol, the last id; NULL: none */
    size_t memory;       /* bytes for the word and pair tables, 0: no limit; at least 64 MiB */
} bpe_recipe;

typedef struct {
    size_t words;        /* different pieces counted */
    uint64_t pieces;     /* pieces of text */
    uint64_t floor;      /* 0, or: words of at most about this count may have been forgotten for lack of memory */
    uint64_t forgotten;  /* pieces whose counts were forgotten */
    uint64_t long_pieces; /* pieces of more than 1,024 bytes, not counted */
    uint64_t last_count; /* count of the last merge when it was made */
} bpe_facts;

/* Trains on the training documents and appends a tokenizer.json to *json (which Hugging Face's `tokenizers` reads).
 * Pieces by GPT-2's pattern; ids 0-255 are the bytes in GPT-2's order; then the merges: the most frequent pair first, ties to
 * the smaller (left id, right id), as in BpeTrainer of `tokenizers`. A merge whose text is a token already keeps that
 * token's id.
 * The same bytes on any number of threads. With a memory limit words are counted in blocks of 16 MiB of text; when the
 * tables would exceed the limit (64 bytes a word + 16 bytes a byte of its text), the words of the least counts, all of count
 * 1, then 2 ..., are forgotten until they take at most half of it: the result depends on the limit, never on threads.
 * Fails: ERR_USAGE for a vocabulary below 257 + the end symbol; ERR_INPUT when the texts have too few pairs that occur
 * twice for such a vocabulary (says how large it can be). facts may be NULL. */
int bpe_train(const corpus_texts *t, const bpe_recipe *r, buffer *json, bpe_facts *facts, err *e);

/* ---- writing (train/corpus_write.c) ---- */

typedef struct {
    const char *tokenizer; /* path of a tokenizer.json, whose bytes are kept in the file; NULL: none is kept */
    const char *end;       /* text of the end symbol, one token of the tokenizer; "none"; NULL: <|endoftext|>, </s>,
                              <|end_of_text|>, whichever is one token; the built-in bytes: 256 */
    const char *config;    /* JSON, into the notes */
} corpus_options;

/* Encodes every document whole, appends the end symbol, writes the file whole or not at all. The same bytes on any number
 * of threads. facts (may be NULL) as corpus_about would tell. */
int corpus_write(const corpus_texts *t, const tokenizer *k, const corpus_options *o, const char *path, corpus_facts *facts,
                 err *e);

#ifdef __cplusplus
}
#endif
#endif
