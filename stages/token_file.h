/* SPDX-License-Identifier: MIT */
/* A token file of broca corpus, told as inspect tells HDF5 files. */
#ifndef BROCA_TOKEN_FILE_H
#define BROCA_TOKEN_FILE_H

#include <string.h>

#include "broca/corpus.h"
#include "broca/store.h"

static inline bool token_file(const char *path)
{
    char head[8] = "";
    FILE *f = fopen(path, "rb");
    bool found = f && fread(head, 1, sizeof head, f) == sizeof head && memcmp(head, "BROCATOK", sizeof head) == 0;
    if (f) fclose(f);
    return found;
}

static inline void token_file_text(buffer *b, const char *path, const corpus_facts *f, const json *notes)
{
    static const char *const split[] = { "training", "validation" };
    buffer_printf(b,
                  "file           %s\nkind           corpus, sha256 %s\nvocabulary     %zu, %zu bytes a token, "
                  "tokenizer sha256 %s\n",
                  path, f->sha256, f->vocabulary, f->token_bytes, f->tokenizer_sha256);
    if (f->end >= 0) buffer_printf(b, "end symbol     %d\n", f->end);
    for (int s = 0; s < 2; s++)
        buffer_printf(b, "%-14s %zu tokens of %zu documents, %zu bytes of text\n", split[s], f->tokens[s],
                      f->documents[s], f->text_bytes[s]);
    buffer_printf(b, "sources        %zu\n", f->sources);
    for (const json *j = json_first(json_get(notes, "sources")); j; j = json_next(j))
        buffer_printf(b, "  %-24s %.0f bytes, %.0f + %.0f documents, sha256 %s\n", json_text(json_get(j, "name"), ""),
                      json_number(json_get(j, "bytes"), 0), json_number(json_get(j, "documents"), 0),
                      json_number(json_get(j, "validation"), 0), json_text(json_get(j, "sha256"), ""));
}

static inline void token_file_json(buffer *b, const char *path, const corpus_facts *f, const char *notes, size_t n)
{
    buffer_text(b, "{\"event\":\"result\",\"stage\":\"inspect\",\"file\":");
    json_quote(b, path);
    buffer_printf(b,
                  ",\"kind\":\"corpus\",\"sha256\":\"%s\",\"vocabulary\":%zu,\"token_bytes\":%zu,\"end\":%d,"
                  "\"tokenizer_sha256\":\"%s\"",
                  f->sha256, f->vocabulary, f->token_bytes, f->end, f->tokenizer_sha256);
    buffer_printf(b, ",\"tokens\":[%zu,%zu],\"documents\":[%zu,%zu],\"text_bytes\":[%zu,%zu],\"notes\":", f->tokens[0],
                  f->tokens[1], f->documents[0], f->documents[1], f->text_bytes[0], f->text_bytes[1]);
    buffer_add(b, notes, n);
    buffer_text(b, "}\n");
}

/* Everything is read: a token file that is shown is whole. */
static inline int token_file_inspect(buffer *b, const char *path, bool as_json, err *e)
{
    corpus *c = NULL;
    json *notes = NULL;
    size_t n;
    int status = -1;
    if (corpus_open(&c, path, e) || corpus_verify(c, e)) goto done;
    const char *text = corpus_notes(c, &n);
    if (json_parse(&notes, text, n, path, e)) goto done;
    if (as_json)
        token_file_json(b, path, corpus_about(c), text, n);
    else
        token_file_text(b, path, corpus_about(c), notes);
    status = 0;
done:
    json_free(notes);
    corpus_free(c);
    return status;
}

#endif
