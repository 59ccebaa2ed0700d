/* SPDX-License-Identifier: MIT */
/* Which text is tokenised whole, and which tokens the model reads at once (METHODS 2.3, 2.4). */
#include <stdlib.h>
#include <string.h>

#include "plan.h"

typedef struct {
    extract_plan *p;
    const tokenizer *t;
    size_t limit;          /* tokens of a context, special ones counted */
    token_list tokens;     /* scratch */
} maker;

bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* ---- tokens of a text ---- */

static void trim(passage *q, size_t i, size_t begin, size_t end)
{
    q->from[i] = begin;
    while (begin < end && is_blank(q->text[begin])) begin++;
    while (end > begin && is_blank(q->text[end - 1])) end--;
    q->begin[i] = begin;
    q->end[i] = end;
}

/* Encodes into m->tokens; *lead counts the special tokens in front. Those behind the text are left out: what comes later
 * changes nothing in a causal model. */
static int encode(maker *m, const char *text, size_t bytes, size_t *lead, size_t *count, err *e)
{
    if (tokenizer_encode(m->t, text, bytes, m->p->o.special, &m->tokens, e)) return -1;
    size_t n = m->tokens.n;
    *lead = 0;
    while (*lead < n && m->tokens.special[*lead]) ++*lead;
    while (n > *lead && m->tokens.special[n - 1]) n--;
    *count = n - *lead;
    return 0;
}

/* A passage of the encoded text. */
static passage *add_passage(maker *m, const char *text, size_t bytes, size_t lead, size_t count, err *e)
{
    extract_plan *p = m->p;
    arena *a = p->memory;
    if (p->n_passages == p->room_passages) {
        void *list = p->passages;
        if (mem_grow(&list, p->room_passages * 2 + 64, sizeof *p->passages, e)) return NULL;
        p->passages = list;
        p->room_passages = p->room_passages * 2 + 64;
    }
    passage *q = &p->passages[p->n_passages];
    memset(q, 0, sizeof *q);
    q->n = count;
    size_t room = (count + 1) * sizeof(size_t);
    if (!(q->text = arena_text(a, text, bytes, e)) || !(q->id = arena_get(a, room, e)) || !(q->begin = arena_get(a, room, e)) ||
        !(q->end = arena_get(a, room, e)) || !(q->from = arena_get(a, room, e)) ||
        !(q->sequence = arena_get(a, (count + 1) * sizeof(long), e)) || !(q->position = arena_get(a, room, e)))
        return NULL;
    for (size_t i = 0; i < count; i++) {
        int64_t begin = m->tokens.begin[lead + i], end = m->tokens.end[lead + i];
        if (begin < 0 || end < begin || (size_t)end > bytes) begin = end = 0;
        q->id[i] = m->tokens.id[lead + i];
        q->sequence[i] = NOWHERE;
        trim(q, i, (size_t)begin, (size_t)end);
    }
    p->n_passages++;
    return q;
}

/* ---- sequences ---- */

/* The special tokens in front and tokens [first, end) of the passage; the vectors of [own, end) are taken from it. */
static int add_sequence(maker *m, passage *q, const int32_t *special, size_t lead, size_t first, size_t own, size_t end, err *e)
{
    extract_plan *p = m->p;
    if (p->n_sequences == p->room_sequences) {
        void *list = p->sequences;
        if (mem_grow(&list, p->room_sequences * 2 + 64, sizeof *p->sequences, e)) return -1;
        p->sequences = list;
        p->room_sequences = p->room_sequences * 2 + 64;
    }
    sequence *s = &p->sequences[p->n_sequences];
    s->lead = lead;
    s->length = lead + end - first;
    s->ids = arena_get(p->memory, (s->length + 1) * sizeof *s->ids, e);
    if (!s->ids) return -1;
    memcpy(s->ids, special, lead * sizeof *s->ids);
    memcpy(s->ids + lead, q->id + first, (end - first) * sizeof *s->ids);
    for (size_t i = own; i < end; i++) {
        q->sequence[i] = (long)p->n_sequences;
        q->position[i] = lead + i - first;
    }
    p->n_sequences++;
    p->facts.computed += s->length;
    if (s->length > p->facts.longest) p->facts.longest = s->length;
    return 0;
}

/* Blocks of N tokens, special ones counted, stride floor(N/2): each block gives the vectors of its last stride positions, the
 * first block all of its. */
static int add_windows(maker *m, passage *q, const int32_t *special, size_t lead, err *e)
{
    size_t stride = m->limit / 2, width;
    if (m->limit < 2 || m->limit - lead < stride || m->limit <= lead)
        return err_set(e, ERR_USAGE, "--context window:%zu leaves no room for text beside %zu special tokens", m->limit, lead);
    width = m->limit - lead;
    for (size_t first = 0, done = 0; done < q->n; first += stride) {
        size_t end = first + width < q->n ? first + width : q->n;
        if (add_sequence(m, q, special, lead, first, done, end, e)) return -1;
        done = end;
    }
    return 0;
}

static int empty_item(const extract_plan *p, size_t item, err *e)
{
    err_set(e, ERR_INPUT, "item %zu (%s) has no tokens: its text is %s", item, p->x->id[item],
            *p->x->text[item] ? "nothing that the tokenizer keeps" : "empty");
    return err_hint(e, "leave items without text out of the stimuli");
}

/* ---- context none ---- */

static int too_long(const extract_plan *p, size_t item, size_t tokens, size_t limit, err *e)
{
    err_set(e, ERR_INPUT, "item %zu (%s) has %zu tokens, the model takes %zu at once", item, p->x->id[item], tokens, limit);
    return err_hint(e, "--context window:%zu reads long text in overlapping blocks; --truncate N cuts it", limit);
}

static int add_item_alone(maker *m, size_t i, err *e)
{
    extract_plan *p = m->p;
    const char *text = p->x->text[i];
    size_t bytes = strlen(text), lead, count, kept;
    if (encode(m, text, bytes, &lead, &count, e)) return -1;
    if (!count) return empty_item(p, i, e);
    kept = count;
    if (p->o.truncate && lead + kept > p->o.truncate) {
        if (p->o.truncate <= lead) return err_set(e, ERR_USAGE, "--truncate %zu leaves special tokens only", p->o.truncate);
        kept = p->o.truncate - lead;
        p->facts.cut++;
    }
    if (lead + kept > m->limit) return too_long(p, i, lead + kept, m->limit, e);
    passage *q = add_passage(m, text, bytes, lead, count, e);
    if (!q) return -1;
    p->item[i] = (item_place){ p->n_passages - 1, 0, bytes, 0, count };
    return add_sequence(m, q, m->tokens.id, lead, 0, 0, kept, e);
}

/* ---- context window: a group's items joined ---- */

static int add_running_text(maker *m, const size_t *members, size_t n, err *e)
{
    extract_plan *p = m->p;
    buffer text = { 0 };
    size_t lead, count;
    int status = -1;
    for (size_t k = 0; k < n; k++) {
        item_place *at = &p->item[members[k]];
        if (k) buffer_text(&text, " ");
        at->passage = p->n_passages;
        at->begin = text.size;
        buffer_text(&text, p->x->text[members[k]]);
        at->end = text.size;
    }
    if (buffer_ok(&text, e) || encode(m, text.at ? text.at : "", text.size, &lead, &count, e)) goto done;
    if (!count) {
        empty_item(p, members[0], e);
        goto done;
    }
    passage *q = add_passage(m, text.at, text.size, lead, count, e);
    if (!q) goto done;
    for (size_t k = 0; k < n; k++) p->item[members[k]].last = count;
    status = add_windows(m, q, m->tokens.id, lead, e);
done:
    free(text.at);
    return status;
}

/* ---- context group: item i after the items before it ---- */

/* Are the tokens of a shorter text the first ones of the passage q, so that its vectors can be read there? */
static bool begins_with(const passage *q, const token_list *l, size_t lead, size_t count)
{
    if (count > q->n) return false;
    for (size_t i = 0; i < count; i++)
        if (q->id[i] != l->id[lead + i]) return false;
    return true;
}

static int add_context(maker *m, const size_t *members, size_t k, const buffer *text, const size_t *ends, size_t *owner, err *e)
{
    extract_plan *p = m->p;
    size_t item = members[k], bytes = ends[k], begin = k ? ends[k - 1] + 1 : 0, lead, count, limit = m->limit;
    if (encode(m, text->at, bytes, &lead, &count, e)) return -1;
    if (!count) return empty_item(p, item, e);
    if (p->o.truncate && p->o.truncate < limit) limit = p->o.truncate;
    if (limit <= lead) return err_set(e, ERR_USAGE, "--truncate %zu leaves special tokens only", limit);
    /* Causal: the longer context of a later item holds the same vectors, if its tokens begin alike and none was cut off. */
    bool shared = *owner != SIZE_MAX && begins_with(&p->passages[*owner], &m->tokens, lead, count);
    if (!shared) {
        passage *q = add_passage(m, text->at, bytes, lead, count, e);
        if (!q) return -1;
        size_t first = lead + count > limit ? lead + count - limit : 0;
        if (add_sequence(m, q, m->tokens.id, lead, first, first, count, e)) return -1;
        *owner = first ? SIZE_MAX : p->n_passages - 1;
    }
    p->item[item] = (item_place){ shared ? *owner : p->n_passages - 1, begin, bytes, 0, count };
    return 0;
}

static int add_group(maker *m, const size_t *members, size_t n, err *e)
{
    buffer text = { 0 };
    size_t owner = SIZE_MAX;
    int status = -1;
    size_t *ends = mem_new(n, sizeof *ends, e);
    if (!ends) goto done;
    for (size_t k = 0; k < n; k++) {
        if (k) buffer_text(&text, " ");
        buffer_text(&text, m->p->x->text[members[k]]);
        ends[k] = text.size;
    }
    if (buffer_ok(&text, e)) goto done;
    for (size_t k = n; k-- > 0;)
        if (add_context(m, members, k, &text, ends, &owner, e)) goto done;
    status = 0;
done:
    free(text.at);
    free(ends);
    return status;
}

/* ---- groups in order of first appearance ---- */

typedef struct {
    const char *name;
    size_t item;
} member;

static int by_name_then_item(const void *a, const void *b)
{
    const member *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : x->item < y->item ? -1 : x->item > y->item;
}

typedef int (*group_adder)(maker *m, const size_t *members, size_t n, err *e);

/* Items of a group keep their order; groups follow one another by name, which no result depends on. */
static int each_group(maker *m, group_adder add, err *e)
{
    size_t n = m->p->x->n;
    int status = -1;
    member *all = mem_new(n, sizeof *all, e);
    size_t *members = mem_new(n, sizeof *members, e);
    if (!all || !members) goto done;
    for (size_t i = 0; i < n; i++) all[i] = (member){ m->p->x->group[i], i };
    qsort(all, n, sizeof *all, by_name_then_item);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && str_same(all[end].name, all[i].name); end++) members[end - i] = all[end].item;
        if (add(m, members, end - i, e)) goto done;
    }
    status = 0;
done:
    free(all);
    free(members);
    return status;
}

int plan_contexts(extract_plan *p, const tokenizer *t, size_t limit, err *e)
{
    maker m = { .p = p, .t = t, .limit = limit };
    int status = -1;
    if (p->o.context == CONTEXT_WINDOW && p->o.window) m.limit = p->o.window;
    if (m.limit > limit) {
        err_set(e, ERR_USAGE, "--context window:%zu is beyond the model's limit of %zu tokens", m.limit, limit);
        goto done;
    }
    if (p->o.context == CONTEXT_WINDOW && p->o.truncate) {
        err_set(e, ERR_USAGE, "--truncate goes with --context none or group; a window has its own length");
        goto done;
    }
    if (p->o.context == CONTEXT_GROUP && !p->x->group) {
        err_set(e, ERR_USAGE, "--context group: the stimuli have no groups");
        err_hint(e, "import them with a column group, or use --context none or window:N");
        goto done;
    }
    if (p->o.context != CONTEXT_NONE && p->x->group) {
        status = each_group(&m, p->o.context == CONTEXT_GROUP ? add_group : add_running_text, e);
        goto done;
    }
    for (size_t i = 0; i < p->x->n; i++)
        if (p->o.context == CONTEXT_NONE ? add_item_alone(&m, i, e) : add_running_text(&m, &i, 1, e)) {
            err_while(e, "tokenising item %zu (%s)", i, p->x->id[i]);
            goto done;
        }
    status = 0;
done:
    token_list_free(&m.tokens);
    return status;
}
