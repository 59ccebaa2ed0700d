/* SPDX-License-Identifier: MIT */
/* The documents of a split as blocks of text. A block's limits depend on the texts alone: neither threads nor memory move
 * them, so that what is decided between blocks (which words are forgotten) is the same everywhere. */
#include "corpus_inside.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t block_bytes = (size_t)16 << 20, task_bytes = (size_t)256 << 10;

void blocks_start(text_blocks *b, const corpus_texts *t, corpus_split split, bool whole)
{
    *b = (text_blocks){ .texts = t, .whole = whole };
    b->document = split == CORPUS_TRAIN ? 0 : t->count[CORPUS_TRAIN];
    b->end = b->document + t->count[split];
}

/* First place at or after `from` where the text may be cut; n if there is none. */
static size_t safe_cut(const char *text, size_t from, size_t n)
{
    for (size_t i = from ? from : 1; i < n; i++)
        if ((text[i] == ' ' || text[i] == '\n') && text[i - 1] > ' ' && text[i - 1] < 127) return i;
    return n;
}

static int add_chunk(text_blocks *b, text_chunk c, err *e)
{
    if (b->n_chunks == b->chunk_room) {
        void *list = b->chunk;
        size_t room = b->chunk_room ? 2 * b->chunk_room : 256;
        if (mem_grow(&list, room, sizeof *b->chunk, e)) return -1;
        b->chunk = list;
        b->chunk_room = room;
    }
    b->chunk[b->n_chunks++] = c;
    b->bytes += c.n;
    return 0;
}

static int add_task(text_blocks *b, size_t first, err *e)
{
    if (b->n_tasks == b->task_room) {
        void *list = b->task;
        size_t room = b->task_room ? 2 * b->task_room : 128;
        if (mem_grow(&list, room, sizeof *b->task, e)) return -1;
        b->task = list;
        b->task_room = room;
    }
    b->task[b->n_tasks++] = (text_task){ first, b->n_chunks };
    return 0;
}

/* Tells the system that the pages of [from, to) are not needed any more: they are the file's, and can be read again. */
static void give_back(const char *from, const char *to)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), a = ((uintptr_t)from + page - 1) / page * page, z = (uintptr_t)to / page * page;
    if (a < z) madvise((void *)a, z - a, MADV_DONTNEED);
}

static void release(const text_blocks *b)
{
    if (!b->n_chunks) return;
    const text_chunk *first = &b->chunk[0], *last = &b->chunk[b->n_chunks - 1];
    const corpus_texts *t = b->texts;
    uint32_t s0 = t->document[first->document].source, s1 = t->document[last->document].source;
    for (uint32_t s = s0; s <= s1; s++)
        give_back(s == s0 ? first->at : t->source[s].at, s == s1 ? last->at + last->n : t->source[s].at + t->source[s].n);
}

int blocks_next(text_blocks *b, err *e)
{
    size_t first = 0, in_task = 0;
    release(b);
    b->n_chunks = b->n_tasks = b->bytes = 0;
    while (b->document < b->end && b->bytes < block_bytes) {
        const text_document *d = &b->texts->document[b->document];
        size_t left = d->n - b->offset;
        size_t n = b->whole || left <= task_bytes ? left : safe_cut(d->at + b->offset, task_bytes, left);
        text_chunk c = { .at = d->at + b->offset, .n = n, .document = b->document, .last = n == left };
        if (add_chunk(b, c, e)) return -1;
        b->offset = c.last ? 0 : b->offset + n;
        b->document += c.last;
        in_task += n;
        if (in_task < task_bytes) continue;
        if (add_task(b, first, e)) return -1;
        first = b->n_chunks;
        in_task = 0;
    }
    return first < b->n_chunks ? add_task(b, first, e) : 0;
}

void blocks_free(text_blocks *b)
{
    free(b->chunk);
    free(b->task);
    *b = (text_blocks){ 0 };
}
