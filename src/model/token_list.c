/* SPDX-License-Identifier: MIT */
/* The list that encoding appends to. */
#include <stdlib.h>

#include "tokenizer.h"

void token_list_free(token_list *l)
{
    free(l->id);
    free(l->begin);
    free(l->end);
    free(l->special);
    *l = (token_list){ 0 };
}

int token_add(token_list *l, int32_t id, int64_t begin, int64_t end, bool special, err *e)
{
    if (l->n == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        void *ids = l->id, *b = l->begin, *z = l->end, *s = l->special;
        if (mem_grow(&ids, room, sizeof *l->id, e)) return -1;
        l->id = ids;
        if (mem_grow(&b, room, sizeof *l->begin, e)) return -1;
        l->begin = b;
        if (mem_grow(&z, room, sizeof *l->end, e)) return -1;
        l->end = z;
        if (mem_grow(&s, room, sizeof *l->special, e)) return -1;
        l->special = s;
        l->room = room;
    }
    l->id[l->n] = id;
    l->begin[l->n] = begin;
    l->end[l->n] = end;
    l->special[l->n++] = special;
    return 0;
}
