/* SPDX-License-Identifier: MIT */
/* Which tokens are an item's or a word's, and which of their vectors enter a row (METHODS 2.3-2.5). */
#include <stdlib.h>
#include <string.h>

#include "plan.h"

static int grow(void **list, size_t *room, size_t n, size_t size, err *e)
{
    if (n < *room) return 0;
    if (mem_grow(list, *room * 2 + 256, size, e)) return -1;
    *room = *room * 2 + 256;
    return 0;
}

static pick place_of(const passage *q, size_t token)
{
    return (pick){ (size_t)q->sequence[token], q->position[token] };
}

static int add_pick(extract_plan *p, const passage *q, size_t token, err *e)
{
    void *list = p->picks;
    if (grow(&list, &p->room_picks, p->n_picks, sizeof *p->picks, e)) return -1;
    p->picks = list;
    p->picks[p->n_picks++] = place_of(q, token);
    return 0;
}

/* The picks since the last row make a row. */
static int end_row(extract_plan *p, err *e)
{
    void *list = p->pick_begin;
    if (grow(&list, &p->room_rows, p->n_rows + 1, sizeof *p->pick_begin, e)) return -1;
    p->pick_begin = list;
    p->pick_begin[0] = 0;
    p->pick_begin[++p->n_rows] = p->n_picks;
    return 0;
}

/* A token is the item's if it covers one of its bytes that is no blank. Tokens of nothing but blanks are the item's in which
 * they begin, those of the joining blank the next item's; at the end of the passage the last item's. */
static bool belongs(const item_place *at, const passage *q, size_t i)
{
    if (q->begin[i] < q->end[i]) return q->begin[i] < at->end && q->end[i] > at->begin;
    size_t earliest = at->begin ? at->begin - 1 : 0;
    return q->from[i] >= earliest && (q->from[i] < at->end || (q->text[at->end] == 0 && at->end > at->begin));
}

static int add_token(extract_plan *p, size_t item, const item_place *at, const passage *q, size_t i, err *e)
{
    void *list = p->tokens;
    if (grow(&list, &p->room_tokens, p->n_tokens, sizeof *p->tokens, e)) return -1;
    p->tokens = list;
    size_t begin = q->begin[i] > at->begin ? q->begin[i] - at->begin : 0;
    size_t end = q->end[i] < at->end ? q->end[i] : at->end;
    end = end > at->begin + begin ? end - at->begin : begin;
    p->tokens[p->n_tokens++] = (token_row){ (int32_t)item, (int32_t)begin, (int32_t)end, place_of(q, i) };
    return 0;
}

/* ---- rows of items and tokens ---- */

static int item_rows(extract_plan *p, size_t item, err *e)
{
    const item_place *at = &p->item[item];
    const passage *q = &p->passages[at->passage];
    size_t found = 0, cut = 0, first = SIZE_MAX, last = SIZE_MAX;
    for (size_t i = at->first; i < at->last; i++) {
        if (!belongs(at, q, i)) continue;
        found++;
        if (q->sequence[i] == NOWHERE) {
            cut++;
            continue;
        }
        if (first == SIZE_MAX) first = i;
        last = i;
        if (add_token(p, item, at, q, i, e)) return -1;
        if ((p->o.pool == POOL_MEAN || p->o.pool == POOL_SUM || p->o.pool == POOL_NONE) && add_pick(p, q, i, e)) return -1;
        if (p->o.pool == POOL_NONE && end_row(p, e)) return -1;
    }
    if (!found || last == SIZE_MAX)
        return err_set(e, ERR_INPUT, "item %zu (%s) has no tokens%s", item, p->x->id[item], found ? " within the limit" : "");
    if (cut && p->o.context == CONTEXT_GROUP) p->facts.cut++;
    p->item_tokens[item] = (int32_t)(found - cut);
    if (p->o.pool == POOL_LAST && add_pick(p, q, last, e)) return -1;
    if (p->o.pool == POOL_FIRST && add_pick(p, q, first, e)) return -1;
    bool per_item = p->o.pool == POOL_MEAN || p->o.pool == POOL_SUM || p->o.pool == POOL_LAST || p->o.pool == POOL_FIRST;
    return per_item ? end_row(p, e) : 0;
}

/* ---- rows of words ---- */

static int word_error(const extract_plan *p, size_t word, const char *why, err *e)
{
    size_t item = (size_t)p->x->word_item[word];
    return err_set(e, ERR_INPUT, "word %zu ('%.60s') of item %s %s", word, p->x->word_text[word], p->x->id[item], why);
}

/* First token from `from` on that reaches beyond byte `begin`: spans rise with the index. */
static size_t skip_before(const item_place *at, const passage *q, size_t from, size_t begin)
{
    while (from < at->last && q->end[from] <= begin) from++;
    return from;
}

static int word_row(extract_plan *p, size_t word, size_t *from, err *e)
{
    const item_place *at = &p->item[p->x->word_item[word]];
    const passage *q = &p->passages[at->passage];
    size_t begin = at->begin + (size_t)p->x->word_begin[word], end = at->begin + (size_t)p->x->word_end[word];
    size_t inside = SIZE_MAX, cover = SIZE_MAX, picked = 0;
    *from = skip_before(at, q, *from, begin);
    for (size_t i = *from; i < at->last && q->begin[i] < end; i++) {
        if (q->end[i] <= begin || q->begin[i] == q->end[i]) continue;
        if (q->sequence[i] == NOWHERE) return word_error(p, word, "lies beyond the limit of tokens", e);
        if (q->end[i] > end) {
            cover = i;
            continue;
        }
        inside = i;
        if (p->o.pool == POOL_WORD_MEAN && (picked++, add_pick(p, q, i, e))) return -1;
    }
    if (inside == SIZE_MAX && cover == SIZE_MAX) return word_error(p, word, "is covered by no token", e);
    if (inside == SIZE_MAX) p->facts.look_ahead++;
    if (!picked && add_pick(p, q, inside != SIZE_MAX ? inside : cover, e)) return -1;
    return end_row(p, e);
}

static int word_rows(extract_plan *p, err *e)
{
    size_t from = 0;
    int32_t item = -1;
    if (!p->x->words) {
        err_set(e, ERR_USAGE, "--pool word: the stimuli have no word table");
        return err_hint(e, "import them with --words TABLE");
    }
    for (size_t w = 0; w < p->x->words; w++) {
        if (p->x->word_item[w] != item || (w && p->x->word_begin[w] < p->x->word_begin[w - 1])) from = 0;
        item = p->x->word_item[w];
        if (word_row(p, w, &from, e)) return -1;
    }
    return 0;
}

int plan_rows(extract_plan *p, err *e)
{
    for (size_t i = 0; i < p->x->n; i++)
        if (item_rows(p, i, e)) return -1;
    if ((p->o.pool == POOL_WORD || p->o.pool == POOL_WORD_MEAN) && word_rows(p, e)) return -1;
    p->facts.rows = p->n_rows;
    p->facts.tokens = p->n_tokens;
    p->facts.sequences = p->n_sequences;
    return 0;
}
