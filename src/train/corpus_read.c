/* SPDX-License-Identifier: MIT */
/* Token files, mapped. What the header claims is checked against the file's length before it is believed. */
#include "broca/corpus.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "corpus_layout.h"

struct corpus {
    char *path;
    const unsigned char *map;
    size_t bytes;
    const corpus_header *h;
    const uint64_t *starts;
    corpus_facts facts;
};

static int map_file(corpus *c, err *e)
{
    struct stat st;
    int status = -1, fd = open(c->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_set(e, ERR_INPUT, "%s cannot be opened", c->path);
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        err_set(e, ERR_INPUT, "%s is no regular file", c->path);
        goto done;
    }
    if (st.st_size < CORPUS_HEADER) {
        err_set(e, ERR_INPUT, "%s has %lld bytes, too few for a token file", c->path, (long long)st.st_size);
        err_hint(e, "broca corpus makes token files of texts");
        goto done;
    }
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        err_system(e, "%s cannot be mapped", c->path);
        goto done;
    }
    c->map = map;
    c->bytes = (size_t)st.st_size;
    c->h = map;
    status = 0;
done:
    close(fd);
    return status;
}

static int check_header(const corpus *c, err *e)
{
    const corpus_header *h = c->h;
    if (memcmp(h->magic, CORPUS_MAGIC, sizeof h->magic)) {
        err_set(e, ERR_INPUT, "%s is no token file", c->path);
        return err_hint(e, "broca corpus makes token files of texts");
    }
    if (h->version != CORPUS_VERSION)
        return err_set(e, ERR_INPUT, "%s has version %u, this broca reads %d", c->path, h->version, CORPUS_VERSION);
    if (h->file_length > c->bytes) {
        err_set(e, ERR_INPUT, "%s is cut short: %zu of %llu bytes", c->path, c->bytes,
                (unsigned long long)h->file_length);
        return err_hint(e, "obtain or make it again");
    }
    if (h->file_length != c->bytes)
        return err_set(e, ERR_INPUT, "%s has %zu bytes, its header says %llu", c->path, c->bytes,
                       (unsigned long long)h->file_length);
    if ((h->token_bytes != 2 && h->token_bytes != 4) || h->vocabulary < 1 || h->vocabulary > INT32_MAX ||
        (h->token_bytes == 2 && h->vocabulary > 65536) || h->end < -1 ||
        (h->end >= 0 && (uint64_t)h->end >= h->vocabulary))
        return err_set(e, ERR_INPUT,
                       "%s: %u bytes a token, a vocabulary of %llu and the end symbol %d do not go together", c->path,
                       h->token_bytes, (unsigned long long)h->vocabulary, h->end);
    if (h->train_tokens > h->tokens || h->train_documents > h->documents)
        return err_set(e, ERR_INPUT, "%s: more tokens or documents are for training than there are", c->path);
    if (h->sources > h->documents) /* each has one at least */
        return err_set(e, ERR_INPUT, "%s: %llu sources have %llu documents", c->path, (unsigned long long)h->sources,
                       (unsigned long long)h->documents);
    return 0;
}

/* A section of n elements of `size` bytes lies inside of the file, at a multiple of 8. */
static int check_section(const corpus *c, const char *what, uint64_t at, uint64_t n, uint64_t size, err *e)
{
    if (at >= CORPUS_HEADER && at % 8 == 0 && at <= c->bytes && n <= (c->bytes - at) / size) return 0;
    return err_set(e, ERR_INPUT, "%s: the %s (%llu of %llu bytes from byte %llu) do not lie in the file of %zu bytes",
                   c->path, what, (unsigned long long)n, (unsigned long long)size, (unsigned long long)at, c->bytes);
}

static int check_sections(const corpus *c, err *e)
{
    const corpus_header *h = c->h;
    if (check_section(c, "tokens", h->tokens_at, h->tokens, h->token_bytes, e) ||
        check_section(c, "document starts", h->starts_at, h->documents + 1, 8, e) ||
        check_section(c, "document bytes", h->bytes_at, h->documents, 8, e) ||
        check_section(c, "document sources", h->sources_at, h->documents, 4, e) ||
        check_section(c, "notes", h->notes_at, h->notes_length, 1, e) ||
        (h->tokenizer_length && check_section(c, "bytes of the tokenizer", h->tokenizer_at, h->tokenizer_length, 1, e)))
        return -1;
    return 0;
}

static int check_documents(const corpus *c, err *e)
{
    const corpus_header *h = c->h;
    const uint64_t *start = (const uint64_t *)(const void *)(c->map + h->starts_at);
    const uint32_t *source = (const uint32_t *)(const void *)(c->map + h->sources_at);
    for (uint64_t i = 0; i < h->documents; i++) {
        if (start[i] > start[i + 1])
            return err_set(e, ERR_INPUT, "%s: document %llu ends before it starts", c->path, (unsigned long long)i);
        if (source[i] >= h->sources)
            return err_set(e, ERR_INPUT, "%s: document %llu is of source %u of %llu", c->path, (unsigned long long)i,
                           source[i], (unsigned long long)h->sources);
    }
    if (start[0] != 0 || start[h->documents] != h->tokens || start[h->train_documents] != h->train_tokens)
        return err_set(e, ERR_INPUT, "%s: the document starts do not cover its %llu tokens", c->path,
                       (unsigned long long)h->tokens);
    return 0;
}

static void hex(char *out, const unsigned char *bytes)
{
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static void tell(corpus *c)
{
    const corpus_header *h = c->h;
    const uint64_t *bytes = (const uint64_t *)(const void *)(c->map + h->bytes_at);
    corpus_facts *f = &c->facts;
    *f = (corpus_facts){
        .vocabulary = h->vocabulary, .token_bytes = h->token_bytes, .sources = h->sources, .end = h->end
    };
    f->documents[CORPUS_TRAIN] = h->train_documents;
    f->documents[CORPUS_VALIDATION] = h->documents - h->train_documents;
    f->tokens[CORPUS_TRAIN] = h->train_tokens;
    f->tokens[CORPUS_VALIDATION] = h->tokens - h->train_tokens;
    for (uint64_t i = 0; i < h->documents; i++)
        f->text_bytes[i >= h->train_documents] += bytes[i];
    hex(f->tokenizer_sha256, h->tokenizer_sha256);
    hex(f->sha256, h->sha256);
}

int corpus_open(corpus **out, const char *path, err *e)
{
    corpus *c = mem_new(1, sizeof *c, e);
    if (!c) return -1;
    if (!(c->path = mem_text(path, e)) || map_file(c, e) || check_header(c, e) || check_sections(c, e) ||
        check_documents(c, e)) {
        corpus_free(c);
        return -1;
    }
    tell(c);
    *out = c;
    return 0;
}

const corpus_facts *corpus_about(const corpus *c)
{
    return &c->facts;
}

static uint32_t token(const corpus *c, uint64_t i)
{
    const unsigned char *at = c->map + c->h->tokens_at;
    return c->h->token_bytes == 2 ? ((const uint16_t *)(const void *)at)[i] : ((const uint32_t *)(const void *)at)[i];
}

static int out_of_range(const corpus *c, uint64_t i, err *e)
{
    return err_set(e, ERR_INPUT, "%s: token %llu is %u, beyond the vocabulary of %llu", c->path, (unsigned long long)i,
                   token(c, i), (unsigned long long)c->h->vocabulary);
}

int corpus_window(const corpus *c, corpus_split split, size_t start, size_t n, int32_t *out, err *e)
{
    size_t all = c->facts.tokens[split], first = split == CORPUS_TRAIN ? 0 : c->h->train_tokens;
    if (start > all || n > all - start)
        return err_set(e, ERR_INPUT, "%s has %zu %s tokens, not [%zu, %zu)", c->path, all,
                       split == CORPUS_TRAIN ? "training" : "validation", start, start + n);
    for (size_t i = 0; i < n; i++) {
        uint32_t t = token(c, first + start + i);
        if (t >= c->h->vocabulary) return out_of_range(c, first + start + i, e);
        out[i] = (int32_t)t;
    }
    return 0;
}

const char *corpus_tokenizer(const corpus *c, size_t *n)
{
    *n = c->h->tokenizer_length;
    return *n ? (const char *)c->map + c->h->tokenizer_at : NULL;
}

const char *corpus_notes(const corpus *c, size_t *n)
{
    *n = c->h->notes_length;
    return (const char *)c->map + c->h->notes_at;
}

int corpus_verify(const corpus *c, err *e)
{
    for (uint64_t i = 0; i < c->h->tokens; i++)
        if (token(c, i) >= c->h->vocabulary) return out_of_range(c, i, e);
    sha_hex found = sha_bytes(c->map + CORPUS_HEADER, c->bytes - CORPUS_HEADER);
    if (str_same(found.hex, c->facts.sha256)) return 0;
    err_set(e, ERR_INPUT, "%s: its bytes are not those it was written with (SHA-256 %.12s..., expected %.12s...)",
            c->path, found.hex, c->facts.sha256);
    return err_hint(e, "the file is damaged or was edited; make it again");
}

void corpus_free(corpus *c)
{
    if (!c) return;
    if (c->map) munmap((void *)(uintptr_t)c->map, c->bytes);
    free(c->path);
    free(c);
}
