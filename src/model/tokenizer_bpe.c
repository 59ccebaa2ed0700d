/* SPDX-License-Identifier: MIT */
/* Byte-pair encoding of one piece (Sennrich et al. 2016): always the merge of lowest rank, leftmost first. A heap of
 * candidate pairs over a linked list of symbols, so that a piece of n characters costs n log n: some tokenizers have no
 * pre-tokenizer, and a piece is a whole story. */
#include "tokenizer.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    int32_t id;
    size_t first, end; /* bytes of the piece */
    int64_t before, after;
} symbol;

typedef struct {
    int32_t rank, merged;
    size_t at;
} candidate;

typedef struct {
    symbol *at;
    size_t n;
    candidate *heap;
    size_t n_heap, room;
} word;

static bool earlier(const candidate *a, const candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static int heap_push(word *w, candidate c, err *e)
{
    if (w->n_heap == w->room) {
        void *heap = w->heap;
        size_t room = w->room ? 2 * w->room : 64;
        if (mem_grow(&heap, room, sizeof *w->heap, e)) return -1;
        w->heap = heap;
        w->room = room;
    }
    size_t i = w->n_heap++;
    for (; i && earlier(&c, &w->heap[(i - 1) / 2]); i = (i - 1) / 2) w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = c;
    return 0;
}

static candidate heap_pop(word *w)
{
    candidate top = w->heap[0], last = w->heap[--w->n_heap];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= w->n_heap) break;
        if (child + 1 < w->n_heap && earlier(&w->heap[child + 1], &w->heap[child])) child++;
        if (!earlier(&w->heap[child], &last)) break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = last;
    return top;
}

static int propose(const tokenizer *t, word *w, int64_t at, err *e)
{
    if (at < 0 || w->at[at].after < 0) return 0;
    const merge_entry *m = merge_find(t, w->at[at].id, w->at[w->at[at].after].id);
    return m ? heap_push(w, (candidate){ m->rank, m->merged, (size_t)at }, e) : 0;
}

static void symbol_add(word *w, int32_t id, size_t first, size_t end)
{
    w->at[w->n] = (symbol){ id, first, end, (int64_t)w->n - 1, -1 };
    if (w->n) w->at[w->n - 1].after = (int64_t)w->n;
    w->n++;
}

/* Every byte of an unknown character as <0xNN>, if the vocabulary has them all. */
static bool fall_back(const tokenizer *t, word *w, const char *text, size_t first, size_t end)
{
    int32_t ids[4];
    char name[8];
    if (!t->byte_fallback) return false;
    for (size_t i = first; i < end; i++) {
        snprintf(name, sizeof name, "<0x%02X>", (unsigned)(unsigned char)text[i]);
        if ((ids[i - first] = vocabulary_find(t, name, 6)) < 0) return false;
    }
    for (size_t i = first; i < end; i++) symbol_add(w, ids[i - first], i, i + 1);
    return true;
}

static int32_t initial_symbol(const tokenizer *t, const aligned *p, size_t first, size_t end)
{
    char text[64];
    if (!t->end_of_word || end < p->n) return vocabulary_find(t, p->at + first, end - first);
    int n = snprintf(text, sizeof text, "%.*s%s", (int)(end - first), p->at + first, t->end_of_word);
    return vocabulary_find(t, text, (size_t)n);
}

/* Characters as symbols; unknown ones as bytes, else the unknown token (neighbours fused where the file says so), else left
 * out. */
static void spell(const tokenizer *t, const aligned *p, word *w)
{
    bool unknown_before = false;
    for (size_t i = 0; i < p->n;) {
        size_t end = i + utf8_length(p->at + i, p->n - i);
        int32_t id = initial_symbol(t, p, i, end);
        bool unknown = false;
        if (id >= 0) {
            symbol_add(w, id, i, end);
        } else if (!fall_back(t, w, p->at, i, end) && t->unknown >= 0) {
            unknown = true;
            if (unknown_before && t->fuse_unknown) w->at[w->n - 1].end = end;
            else symbol_add(w, t->unknown, i, end);
        }
        unknown_before = unknown;
        i = end;
    }
}

static int merge_all(const tokenizer *t, word *w, err *e)
{
    for (size_t i = 0; i < w->n; i++)
        if (propose(t, w, (int64_t)i, e)) return -1;
    while (w->n_heap) {
        candidate c = heap_pop(w);
        symbol *s = &w->at[c.at];
        if (s->id < 0 || s->after < 0) continue; /* merged away since */
        symbol *next = &w->at[s->after];
        const merge_entry *m = merge_find(t, s->id, next->id);
        if (!m || m->merged != c.merged) continue;
        s->id = m->merged;
        s->end = next->end;
        next->id = -1;
        s->after = next->after;
        if (s->after >= 0) w->at[s->after].before = (int64_t)c.at;
        if (propose(t, w, s->before, e) || propose(t, w, (int64_t)c.at, e)) return -1;
    }
    return 0;
}

/* The span of a token: from the least to the greatest original byte of what it was made of. */
static int emit(const aligned *p, int32_t id, size_t first, size_t end, token_list *out, err *e)
{
    uint32_t b = p->b[first], z = p->e[first];
    for (size_t i = first; i < end; i++) {
        if (p->b[i] < b) b = p->b[i];
        if (p->e[i] > z) z = p->e[i];
    }
    return token_add(out, id, b, z, false, e);
}

int bpe_encode(const tokenizer *t, const aligned *piece, token_list *out, err *e)
{
    word w = { 0 };
    int status = -1;
    int32_t whole = t->ignore_merges ? vocabulary_find(t, piece->at, piece->n) : -1;
    if (whole >= 0) return emit(piece, whole, 0, piece->n, out, e);
    if (!(w.at = mem_new(piece->n + 1, sizeof *w.at, e))) return -1;
    spell(t, piece, &w);
    if (merge_all(t, &w, e)) goto done;
    for (size_t i = 0; i < w.n; i++)
        if (w.at[i].id >= 0 && emit(piece, w.at[i].id, w.at[i].first, w.at[i].end, out, e)) goto done;
    status = 0;
done:
    free(w.heap);
    free(w.at);
    return status;
}
