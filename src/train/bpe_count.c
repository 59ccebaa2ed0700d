/* SPDX-License-Identifier: MIT */
/* How often each of GPT-2's pieces occurs in the training documents, in bounded memory. */
#include "corpus_inside.h"

#include <omp.h>
#include <stdlib.h>

static const size_t longest_piece = 1024;

typedef struct {
    piece_cursor *cursor;
    words words;
    uint64_t pieces, long_pieces;
    err error;
} counter;

static int count_chunk(counter *c, const text_chunk *x)
{
    const char *at;
    size_t n;
    int more;
    bool fresh;
    piece_cursor_start(c->cursor, x->at, x->n);
    while ((more = piece_next(c->cursor, &at, &n, &c->error)) == 1) {
        c->pieces++;
        if (n > longest_piece) {
            c->long_pieces++;
            continue;
        }
        word *w = words_get(&c->words, at, n, word_hash(at, n), &fresh, &c->error);
        if (!w) return -1;
        w->value++;
    }
    return more;
}

static int count_block(counter *c, int n, const text_blocks *b, err *e)
{
#pragma omp parallel for schedule(dynamic) num_threads(n)
    for (size_t i = 0; i < b->n_tasks; i++) {
        counter *mine = &c[omp_get_thread_num()];
        for (size_t k = b->task[i].first; k < b->task[i].end && mine->error.kind == ERR_NONE; k++)
            if (count_chunk(mine, &b->chunk[k])) break;
    }
    for (int i = 0; i < n; i++)
        if (c[i].error.kind != ERR_NONE) {
            *e = c[i].error;
            return -1;
        }
    return 0;
}

/* Adds what a thread counted to all. Sums do not depend on the order; the order of the list does, and nobody looks at
 * it. */
static int gather(words *all, counter *c, bpe_facts *facts, err *e)
{
    for (size_t i = 0; i < c->words.n; i++) {
        const word *x = &c->words.word[i];
        bool fresh;
        word *w = words_get(all, words_text(&c->words, x), x->n, x->hash, &fresh, e);
        if (!w) return -1;
        w->value += x->value;
    }
    words_clear(&c->words);
    facts->pieces += c->pieces;
    facts->long_pieces += c->long_pieces;
    c->pieces = c->long_pieces = 0;
    return 0;
}

static size_t footprint(const words *w)
{
    return 64 * w->n + 16 * w->key_n;
}

/* Forgets the rarest words until the tables take at most half of the memory. */
static void forget(words *w, size_t memory, bpe_facts *facts)
{
    if (!memory || footprint(w) <= memory) return;
    for (uint64_t least = 1; footprint(w) > memory / 2; least++) {
        for (size_t i = 0; i < w->n; i++)
            if (w->word[i].value == least) facts->forgotten += least;
        words_drop(w, least);
        /* a word forgotten k times before may have had the floor of each time more */
        if (footprint(w) <= memory / 2) facts->floor += least;
    }
}

int bpe_count(const corpus_texts *t, size_t memory, words *out, bpe_facts *facts, err *e)
{
    int n = threads_count(), status = -1;
    text_blocks b;
    progress p;
    piece_pattern *pattern = NULL;
    counter *c = mem_new((size_t)n, sizeof *c, e);
    blocks_start(&b, t, CORPUS_TRAIN, false);
    progress_start(&p, "counting words", t->bytes[CORPUS_TRAIN]);
    if (!c || piece_pattern_new(&pattern, e)) goto done;
    for (int i = 0; i < n; i++)
        if (!(c[i].cursor = piece_cursor_new(pattern, e))) goto done;
    for (;;) {
        if (blocks_next(&b, e)) goto done;
        if (!b.n_chunks) break;
        if (count_block(c, n, &b, e)) goto done;
        for (int i = 0; i < n; i++)
            if (gather(out, &c[i], facts, e)) goto done;
        forget(out, memory, facts);
        progress_step(&p, b.bytes);
        if (interrupted()) {
            err_set(e, ERR_INTERRUPTED, "interrupted while words were counted");
            goto done;
        }
    }
    facts->words = out->n;
    status = 0;
done:
    progress_end(&p);
    for (int i = 0; c && i < n; i++) {
        piece_cursor_free(c[i].cursor);
        words_free(&c[i].words);
    }
    free(c);
    piece_pattern_free(pattern);
    blocks_free(&b);
    return status;
}
