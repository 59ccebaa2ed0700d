/* SPDX-License-Identifier: MIT */
/* A hash table of words: open addressing over a list, texts one after the other in one block. */
#include "corpus_inside.h"

#include <stdlib.h>
#include <string.h>

uint32_t word_hash(const char *text, size_t n)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ n;
    for (; n >= 8; text += 8, n -= 8) {
        uint64_t part;
        memcpy(&part, text, 8);
        h = (h ^ part) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    uint64_t rest = 0;
    memcpy(&rest, text, n);
    h = (h ^ rest) * 0xc4ceb9fe1a85ec53u;
    return (uint32_t)(h >> 32);
}

const char *words_text(const words *w, const word *x)
{
    return w->key + x->at;
}

static void place(words *w, size_t index)
{
    size_t i = w->word[index].hash & (w->n_slots - 1);
    while (w->slot[i]) i = (i + 1) & (w->n_slots - 1);
    w->slot[i] = (uint32_t)index + 1;
}

static int grow_slots(words *w, err *e)
{
    size_t n = w->n_slots ? 2 * w->n_slots : 1024;
    uint32_t *more = mem_new(n, sizeof *more, e);
    if (!more) return -1;
    free(w->slot);
    w->slot = more;
    w->n_slots = n;
    for (size_t i = 0; i < w->n; i++) place(w, i);
    return 0;
}

static int grow(words *w, size_t n, err *e)
{
    if (w->n == w->room) {
        void *list = w->word;
        size_t room = w->room ? w->room + w->room / 2 : 1024;
        if (mem_grow(&list, room, sizeof *w->word, e)) return -1;
        w->word = list;
        w->room = room;
    }
    if (w->key_room - w->key_n < n) {
        void *key = w->key;
        size_t room = w->key_room + w->key_room / 2 + n + 4096;
        if (mem_grow(&key, room, 1, e)) return -1;
        w->key = key;
        w->key_room = room;
    }
    return 4 * (w->n + 1) > 3 * w->n_slots ? grow_slots(w, e) : 0;
}

word *words_get(words *w, const char *text, size_t n, uint32_t hash, bool *fresh, err *e)
{
    *fresh = false;
    for (size_t i = hash & (w->n_slots - 1); w->n_slots && w->slot[i]; i = (i + 1) & (w->n_slots - 1)) {
        word *x = &w->word[w->slot[i] - 1];
        if (x->hash == hash && x->n == n && memcmp(w->key + x->at, text, n) == 0) return x;
    }
    if (w->n >= UINT32_MAX - 1 || n > UINT32_MAX) {
        err_set(e, ERR_INPUT, "the texts have more than %u different words", UINT32_MAX - 1);
        err_hint(e, "--memory SIZE limits them");
        return NULL;
    }
    if (grow(w, n, e)) return NULL;
    word *x = &w->word[w->n];
    *x = (word){ .value = 0, .at = w->key_n, .n = (uint32_t)n, .hash = hash };
    memcpy(w->key + w->key_n, text, n);
    w->key_n += n;
    place(w, w->n++);
    *fresh = true;
    return x;
}

void words_clear(words *w)
{
    w->n = w->key_n = 0;
    if (w->n_slots) memset(w->slot, 0, w->n_slots * sizeof *w->slot);
}

/* Texts lie in the order of the list, so that both move down in place. */
void words_drop(words *w, uint64_t least)
{
    size_t kept = 0, bytes = 0;
    for (size_t i = 0; i < w->n; i++) {
        word x = w->word[i];
        if (x.value <= least) continue;
        memmove(w->key + bytes, w->key + x.at, x.n);
        x.at = bytes;
        bytes += x.n;
        w->word[kept++] = x;
    }
    words_clear(w);
    w->n = kept;
    w->key_n = bytes;
    for (size_t i = 0; i < kept; i++) place(w, i);
}

void words_free(words *w)
{
    free(w->word);
    free(w->slot);
    free(w->key);
    *w = (words){ 0 };
}
