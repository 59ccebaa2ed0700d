/* SPDX-License-Identifier: MIT */
/* Texts encoded into a token file: a block of documents at a time, each document whole by one thread, written in order.
 */
#include "corpus_inside.h"

#include <errno.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "broca/store.h"
#include "corpus_layout.h"

typedef struct {
    const corpus_texts *texts;
    const tokenizer *k;
    const corpus_options *options;
    const char *path;
    corpus_header h;
    FILE *f;
    sha *hash;
    uint64_t at;      /* bytes written so far */
    uint64_t *starts; /* [documents + 1] */
    bool failed;      /* a write failed; errno was kept */
    int why;
} writer;

/* ---- bytes ---- */

static void put(writer *w, const void *bytes, size_t n)
{
    if (w->failed || !n) return;
    if (fwrite(bytes, 1, n, w->f) != n) {
        w->failed = true;
        w->why = errno;
        return;
    }
    sha_add(w->hash, bytes, n);
    w->at += n;
}

static void align(writer *w)
{
    static const char zero[8];
    put(w, zero, (8 - w->at % 8) % 8);
}

/* ---- encoding ---- */

static void narrow(const writer *w, const token_list *l, int32_t end, void *out)
{
    size_t n = l->n + (end >= 0);
    for (size_t i = 0; i < n; i++) {
        int32_t id = i < l->n ? l->id[i] : end;
        if (w->h.token_bytes == 2)
            ((uint16_t *)out)[i] = (uint16_t)id;
        else
            ((uint32_t *)out)[i] = (uint32_t)id;
    }
}

static int encode_document(const writer *w, text_chunk *c, token_list *l, void **out, err *e)
{
    if (tokenizer_encode(w->k, c->at, c->n, false, l, e))
        return err_while(e, "encoding %s", w->texts->source[w->texts->document[c->document].source].path);
    c->tokens = l->n + (w->h.end >= 0);
    if (!(*out = mem_new(c->tokens, w->h.token_bytes, e))) return -1;
    narrow(w, l, w->h.end, *out);
    return 0;
}

static int encode_block(const writer *w, text_blocks *b, token_list *lists, void **made, err *e)
{
    err *errors = mem_new((size_t)threads_count(), sizeof *errors, e);
    int status = 0;
    if (!errors) return -1;
#pragma omp parallel for schedule(dynamic) num_threads(threads_count())
    for (size_t i = 0; i < b->n_chunks; i++) {
        int me = omp_get_thread_num();
        if (errors[me].kind == ERR_NONE) encode_document(w, &b->chunk[i], &lists[me], &made[i], &errors[me]);
    }
    for (int i = 0; i < threads_count() && !status; i++)
        if (errors[i].kind != ERR_NONE) {
            *e = errors[i];
            status = -1;
        }
    free(errors);
    return status;
}

static int write_block(writer *w, text_blocks *b, token_list *lists, err *e)
{
    void **made = mem_new(b->n_chunks, sizeof *made, e);
    int status = made ? encode_block(w, b, lists, made, e) : -1;
    for (size_t i = 0; made && i < b->n_chunks; i++) {
        if (!status) {
            size_t d = b->chunk[i].document;
            put(w, made[i], b->chunk[i].tokens * w->h.token_bytes);
            w->starts[d + 1] = w->starts[d] + b->chunk[i].tokens;
        }
        free(made[i]);
    }
    free(made);
    return status;
}

static int write_tokens(writer *w, err *e)
{
    text_blocks b = { 0 };
    progress p;
    int n = threads_count(), status = -1;
    token_list *lists = mem_new((size_t)n, sizeof *lists, e);
    progress_start(&p, "encoding", w->texts->bytes[0] + w->texts->bytes[1]);
    if (!lists) goto done;
    for (corpus_split split = CORPUS_TRAIN; split <= CORPUS_VALIDATION; split++) {
        blocks_free(&b);
        blocks_start(&b, w->texts, split, true);
        for (;;) {
            if (blocks_next(&b, e)) goto done;
            if (!b.n_chunks) break;
            if (write_block(w, &b, lists, e)) goto done;
            progress_step(&p, b.bytes);
            if (interrupted()) {
                err_set(e, ERR_INTERRUPTED, "interrupted while texts were encoded");
                goto done;
            }
        }
    }
    status = 0;
done:
    progress_end(&p);
    blocks_free(&b);
    for (int i = 0; lists && i < n; i++)
        token_list_free(&lists[i]);
    free(lists);
    return status;
}

/* ---- sections behind the tokens ---- */

static void write_documents(writer *w)
{
    const corpus_texts *t = w->texts;
    align(w);
    w->h.starts_at = w->at;
    put(w, w->starts, (t->n_documents + 1) * sizeof *w->starts);
    w->h.bytes_at = w->at;
    for (size_t i = 0; i < t->n_documents; i++) {
        uint64_t n = t->document[i].n;
        put(w, &n, sizeof n);
    }
    w->h.sources_at = w->at;
    for (size_t i = 0; i < t->n_documents; i++)
        put(w, &t->document[i].source, sizeof t->document[i].source);
    align(w);
}

/* Names of files, not their folders: where they lay is not to change a byte. */
static int write_notes(writer *w, err *e)
{
    buffer b = { 0 };
    buffer_printf(&b, "{\"broca\":\"%s\",\"config\":%s,\"sources\":[", BROCA_VERSION,
                  w->options->config ? w->options->config : "{}");
    for (size_t i = 0; i < w->texts->n_sources; i++) {
        const text_source *s = &w->texts->source[i];
        buffer_text(&b, i ? ",{\"name\":" : "{\"name\":");
        json_quote(&b, s->name);
        buffer_printf(&b, ",\"bytes\":%zu,\"sha256\":\"%s\",\"documents\":%zu,\"validation\":%zu}", s->n, s->hash.hex,
                      s->documents[CORPUS_TRAIN], s->documents[CORPUS_VALIDATION]);
    }
    buffer_text(&b, "]}");
    int status = buffer_ok(&b, e);
    if (!status) {
        w->h.notes_at = w->at;
        w->h.notes_length = b.size;
        put(w, b.at, b.size);
        align(w);
    }
    free(b.at);
    return status;
}

static void unhex(unsigned char *out, const char *text)
{
    for (int i = 0; i < 32; i++) {
        char two[3] = { text[2 * i], text[2 * i + 1], 0 };
        out[i] = (unsigned char)strtoul(two, NULL, 16);
    }
}

static int write_tokenizer(writer *w, err *e)
{
    static const size_t limit = (size_t)1 << 30;
    char *bytes = NULL;
    size_t n = 0;
    unhex(w->h.tokenizer_sha256, tokenizer_hash(w->k).hex);
    if (!w->options->tokenizer) return 0;
    if (file_read(&bytes, &n, w->options->tokenizer, limit, e)) return -1;
    w->h.tokenizer_at = w->at;
    w->h.tokenizer_length = n;
    put(w, bytes, n);
    free(bytes);
    return 0;
}

/* ---- the end symbol ---- */

static int one_token(const tokenizer *k, const char *text, int32_t *id, err *e)
{
    token_list l = { 0 };
    int status = tokenizer_encode(k, text, strlen(text), false, &l, e);
    *id = !status && l.n == 1 ? l.id[0] : -1;
    token_list_free(&l);
    return status;
}

static int find_end(const tokenizer *k, const corpus_options *o, int32_t *id, err *e)
{
    static const char *const usual[] = { "<|endoftext|>", "</s>", "<|end_of_text|>" };
    *id = -1;
    if (o->end && str_same(o->end, "none")) return 0;
    if (o->end) {
        if (one_token(k, o->end, id, e)) return -1;
        return *id >= 0 ? 0 : err_set(e, ERR_USAGE, "the end symbol '%s' is not one token of the tokenizer", o->end);
    }
    if (!o->tokenizer) { /* the built-in bytes: 256 is the start of a text, and the end of the one before */
        *id = tokenizer_vocabulary(k) > 256 ? 256 : -1;
        return 0;
    }
    for (size_t i = 0; i < sizeof usual / sizeof *usual && *id < 0; i++)
        if (one_token(k, usual[i], id, e)) return -1;
    if (*id >= 0) return 0;
    err_set(e, ERR_USAGE, "none of <|endoftext|>, </s>, <|end_of_text|> is one token of the tokenizer");
    return err_hint(e, "--end names the symbol that ends a document, or none");
}

/* ---- the file ---- */

static int write_all(writer *w, err *e)
{
    const corpus_texts *t = w->texts;
    corpus_header *h = &w->h;
    memcpy(h->magic, CORPUS_MAGIC, sizeof h->magic);
    h->version = CORPUS_VERSION;
    h->vocabulary = tokenizer_vocabulary(w->k);
    h->token_bytes = h->vocabulary <= 65536 ? 2 : 4;
    h->documents = t->n_documents;
    h->train_documents = t->count[CORPUS_TRAIN];
    h->sources = t->n_sources;
    h->tokens_at = CORPUS_HEADER;
    if (fwrite(h, 1, sizeof *h, w->f) != sizeof *h) { /* room for it; the true one comes last */
        w->failed = true;
        w->why = errno;
    }
    w->at = CORPUS_HEADER;
    if (write_tokens(w, e)) return -1;
    h->tokens = w->starts[t->n_documents];
    h->train_tokens = w->starts[t->count[CORPUS_TRAIN]];
    write_documents(w);
    if (write_notes(w, e) || write_tokenizer(w, e)) return -1;
    h->file_length = w->at;
    sha_hex hash = sha_end(w->hash);
    w->hash = NULL;
    unhex(h->sha256, hash.hex);
    if (!w->failed && (fseek(w->f, 0, SEEK_SET) || fwrite(h, 1, sizeof *h, w->f) != sizeof *h)) {
        w->failed = true;
        w->why = errno;
    }
    return 0;
}

static void tell(const writer *w, corpus_facts *f, sha_hex tokenizer_sha)
{
    const corpus_texts *t = w->texts;
    *f = (corpus_facts){
        .vocabulary = w->h.vocabulary, .token_bytes = w->h.token_bytes, .sources = w->h.sources, .end = w->h.end
    };
    for (int s = 0; s < 2; s++) {
        f->documents[s] = t->count[s];
        f->text_bytes[s] = t->bytes[s];
    }
    f->tokens[CORPUS_TRAIN] = w->h.train_tokens;
    f->tokens[CORPUS_VALIDATION] = w->h.tokens - w->h.train_tokens;
    memcpy(f->tokenizer_sha256, tokenizer_sha.hex, sizeof f->tokenizer_sha256);
    for (int i = 0; i < 32; i++)
        snprintf(f->sha256 + 2 * i, 3, "%02x", w->h.sha256[i]);
}

int corpus_write(const corpus_texts *t, const tokenizer *k, const corpus_options *o, const char *path,
                 corpus_facts *facts, err *e)
{
    writer w = { .texts = t, .k = k, .options = o, .path = path };
    atomic *file = NULL;
    int status = -1;
    if (find_end(k, o, &w.h.end, e) || atomic_open(&file, path, e)) goto done;
    if (!(w.starts = mem_new(t->n_documents + 1, sizeof *w.starts, e)) || !(w.hash = sha_new(e))) goto done;
    if (!(w.f = fopen(atomic_temporary(file), "wb"))) {
        err_system(e, "%s", atomic_temporary(file));
        goto done;
    }
    status = write_all(&w, e);
    if (fclose(w.f) && !w.failed) {
        w.failed = true;
        w.why = errno;
    }
    if (!status && w.failed) {
        errno = w.why;
        status = err_system(e, "writing %s", path);
    }
    if (!status) {
        status = atomic_commit(file, e);
        file = NULL;
    }
    if (!status && facts) tell(&w, facts, tokenizer_hash(k));
done:
    atomic_abandon(file);
    if (w.hash) sha_end(w.hash);
    free(w.starts);
    return status;
}
