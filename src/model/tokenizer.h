/* SPDX-License-Identifier: MIT */
/* Inside of the tokenizers (private to the room). A text goes through: added tokens, normalizers, pre-tokenizers, BPE,
 * post-processor; every byte on the way remembers which bytes of the original it came from. */
#ifndef BROCA_TOKENIZER_H
#define BROCA_TOKENIZER_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "broca/model.h"

/* Text whose byte i comes from bytes [b[i], e[i]) of the original. */
typedef struct {
    char *at;
    uint32_t *b, *e;
    size_t n, room;
} aligned;
int aligned_add(aligned *t, const char *bytes, size_t n, uint32_t b, uint32_t e, err *why);
int aligned_copy(aligned *to, const aligned *from, size_t first, size_t end, err *why);
void aligned_free(aligned *t);
/* Original text: each byte of a character has the character's span. Ill-formed UTF-8 becomes U+FFFD, one for each maximal
 * ill-formed part. */
int aligned_original(aligned *t, const char *text, size_t n, err *why);
size_t utf8_length(const char *at, size_t left); /* bytes of the character at `at` (text is well formed) */

typedef enum { NORM_PREPEND, NORM_REPLACE, NORM_NFC, NORM_NFKC, NORM_LOWERCASE } norm_kind;
typedef struct {
    norm_kind kind;
    char *from, *to;
} norm_step;

typedef enum { SPLIT_BYTELEVEL, SPLIT_PATTERN, SPLIT_METASPACE, SPLIT_DIGITS } split_kind;
typedef struct {
    split_kind kind;
    pcre2_code *pattern;      /* BYTELEVEL with use_regex, PATTERN */
    bool prefix_space, removed, inverted;
    char *replacement;        /* METASPACE */
    bool prepend_always, prepend_first, split;
} split_step;

typedef enum { DECODE_BYTELEVEL, DECODE_REPLACE, DECODE_BYTEFALLBACK, DECODE_FUSE, DECODE_STRIP, DECODE_METASPACE } decode_kind;
typedef struct {
    decode_kind kind;
    char *from, *to;
    size_t start, stop;
    bool prepend;
} decode_step;

typedef struct {
    int32_t id;
    char *content, *normalized_content;
    size_t length, normalized_length;
    bool special, normalized, lstrip, rstrip, single_word;
} added_token;

typedef struct {
    int32_t left, right, rank, merged;
} merge_entry;

struct tokenizer {
    arena *memory;
    char **token;             /* [vocabulary] by id; NULL: a hole */
    size_t vocabulary;
    int32_t *slots;           /* open addressing: text -> id, -1 empty; n_slots is a power of 2 */
    size_t n_slots;
    merge_entry *merges;      /* open addressing: (left, right); left = -1 empty */
    size_t n_merge_slots;
    int32_t unknown;          /* -1: none */
    bool fuse_unknown, byte_fallback, ignore_merges, bytes_only;
    char *end_of_word;        /* suffix of the last symbol of a piece, or NULL */
    norm_step *norm;
    size_t n_norm;
    split_step *split;
    size_t n_split;
    decode_step *decode;
    size_t n_decode;
    added_token *added;
    size_t n_added;
    int32_t *before, *after;  /* special ids put around a text */
    size_t n_before, n_after;
    bool trim_offsets, trim_prefix; /* ByteLevel or Roberta post-processor: blanks do not count in spans */
    sha_hex hash;
};

int32_t vocabulary_find(const tokenizer *t, const char *text, size_t n); /* -1: not there */
const merge_entry *merge_find(const tokenizer *t, int32_t left, int32_t right);
int normalize(const tokenizer *t, aligned *text, err *e); /* in place */

/* Pieces of a text, in order; each is an aligned text of its own. */
typedef struct {
    aligned *at;
    size_t n, room;
} pieces;
void pieces_free(pieces *p);
/* Pre-tokenizes one stretch of normalized text; at_start: it begins where the original begins. */
int split_text(const tokenizer *t, const aligned *text, bool at_start, pieces *out, err *e);
/* Appends the tokens of one piece. */
int bpe_encode(const tokenizer *t, const aligned *piece, token_list *out, err *e);
int token_add(token_list *l, int32_t id, int64_t begin, int64_t end, bool special, err *e);
/* The Unicode character that stands for a byte in byte-level vocabularies, as UTF-8; returns its length. */
size_t byte_character(unsigned char byte, char out[4]);
/* The byte that a character of a byte-level vocabulary stands for, or -1. */
int character_byte(const char *at, size_t n);

#endif
