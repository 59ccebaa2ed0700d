/* SPDX-License-Identifier: MIT */
/* The header of a token file as include/broca/corpus.h draws it (private to the room). */
#ifndef BROCA_CORPUS_LAYOUT_H
#define BROCA_CORPUS_LAYOUT_H

#include <stdint.h>

enum { CORPUS_HEADER = 256, CORPUS_VERSION = 1 };
#define CORPUS_MAGIC "BROCATOK"

typedef struct {
    char magic[8];
    uint32_t version, token_bytes;
    uint64_t vocabulary, tokens, train_tokens, documents, train_documents, sources;
    uint64_t tokens_at, starts_at, bytes_at, sources_at, notes_at, notes_length, tokenizer_at, tokenizer_length;
    int32_t end;
    uint32_t zero;
    uint64_t file_length;
    unsigned char tokenizer_sha256[32], sha256[32];
    unsigned char rest[48];
} corpus_header;

_Static_assert(sizeof(corpus_header) == CORPUS_HEADER, "the header has 256 bytes without padding");
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "token files are little-endian and mapped as they are"
#endif

#endif
