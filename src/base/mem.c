/* SPDX-License-Identifier: MIT */
/* Checked memory, arenas, growing buffers. */
#include "broca/base.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_long fail_in;

void mem_fail_at(long n)
{
    atomic_store(&fail_in, n);
}

static bool must_fail(void)
{
    if (atomic_load(&fail_in) <= 0) return false;
    return atomic_fetch_sub(&fail_in, 1) == 1;
}

int size_mul(size_t a, size_t b, size_t *out, err *e)
{
    if (!__builtin_mul_overflow(a, b, out)) return 0;
    return err_set(e, ERR_INPUT, "size overflows: %zu times %zu", a, b);
}

int size_add(size_t a, size_t b, size_t *out, err *e)
{
    if (!__builtin_add_overflow(a, b, out)) return 0;
    return err_set(e, ERR_INPUT, "size overflows: %zu plus %zu", a, b);
}

void *mem_new(size_t count, size_t size, err *e)
{
    size_t bytes;
    if (size_mul(count, size, &bytes, e)) return NULL;
    void *p = must_fail() ? NULL : calloc(bytes ? bytes : 1, 1);
    if (!p) err_memory(e, bytes);
    return p;
}

int mem_grow(void **p, size_t count, size_t size, err *e)
{
    size_t bytes;
    if (size_mul(count, size, &bytes, e)) return -1;
    void *grown = must_fail() ? NULL : realloc(*p, bytes ? bytes : 1);
    if (!grown) return err_memory(e, bytes);
    *p = grown;
    return 0;
}

void *mem_copy(const void *from, size_t bytes, err *e)
{
    void *p = mem_new(bytes, 1, e);
    if (p && bytes) memcpy(p, from, bytes);
    return p;
}

char *mem_text(const char *text, err *e)
{
    return mem_copy(text, strlen(text) + 1, e);
}

typedef struct chunk {
    struct chunk *next;
    size_t used, room;
    _Alignas(16) unsigned char at[];
} chunk;

struct arena {
    chunk *first;
};

enum { CHUNK = 64 * 1024 };

arena *arena_new(err *e)
{
    return mem_new(1, sizeof(arena), e);
}

void *arena_get(arena *a, size_t bytes, err *e)
{
    size_t wanted;
    if (size_add(bytes, 15, &wanted, e)) return NULL;
    wanted &= ~(size_t)15;
    if (!a->first || a->first->room - a->first->used < wanted) {
        size_t room = wanted > CHUNK / 4 ? wanted : CHUNK, all;
        if (size_add(room, sizeof(chunk), &all, e)) return NULL;
        chunk *c = mem_new(all, 1, e);
        if (!c) return NULL;
        c->room = room;
        if (a->first && wanted > CHUNK / 4) { /* a big block: keep filling the current chunk afterwards */
            c->next = a->first->next;
            a->first->next = c;
            c->used = wanted;
            return c->at;
        }
        c->next = a->first;
        a->first = c;
    }
    void *p = a->first->at + a->first->used;
    a->first->used += wanted;
    return p;
}

char *arena_text(arena *a, const char *text, size_t length, err *e)
{
    char *p = arena_get(a, length + 1, e);
    if (p) memcpy(p, text, length);
    return p;
}

void arena_free(arena *a)
{
    if (!a) return;
    for (chunk *c = a->first, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(a);
}

void buffer_add(buffer *b, const void *bytes, size_t n)
{
    if (b->failed) return;
    if (b->room - b->size < n + 1) {
        err ignored = { 0 };
        size_t room = b->room * 2 > b->size + n + 1 ? b->room * 2 : b->size + n + 64;
        void *at = b->at;
        if (mem_grow(&at, room, 1, &ignored)) {
            b->failed = true;
            return;
        }
        b->at = at;
        b->room = room;
    }
    if (n) memcpy(b->at + b->size, bytes, n);
    b->size += n;
    b->at[b->size] = 0;
}

void buffer_text(buffer *b, const char *text)
{
    buffer_add(b, text, strlen(text));
}

void buffer_printf(buffer *b, const char *format, ...)
{
    char small[512];
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int n = vsnprintf(small, sizeof small, format, list);
    va_end(list);
    if (n >= 0 && (size_t)n < sizeof small) {
        buffer_add(b, small, (size_t)n);
    } else if (n >= 0) {
        char *big = malloc((size_t)n + 1);
        if (big) vsnprintf(big, (size_t)n + 1, format, again);
        if (big) buffer_add(b, big, (size_t)n);
        else b->failed = true;
        free(big);
    }
    va_end(again);
}

int buffer_ok(const buffer *b, err *e)
{
    return b->failed ? err_memory(e, b->room * 2) : 0;
}
