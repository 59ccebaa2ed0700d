/* SPDX-License-Identifier: MIT */
/* Byte-pair merges over counted words (Sennrich et al. 2016): each word is a list of token ids with a count; a table
 * holds the count of every pair of neighbours and the words it was seen in; a heap gives the most frequent pair.
 * Entries of the heap whose count has changed since are put back with their present one when they come up. */
#include "corpus_inside.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    bpe_pair pair;
    uint64_t count;
    uint32_t *in; /* words it was seen in, some of them no more */
    size_t n, room;
} pair_entry;

typedef struct {
    uint64_t count;
    uint32_t entry;
} heap_item;

typedef struct {
    uint32_t *ids;    /* of all words, one after the other */
    size_t *begin;    /* [n] */
    uint32_t *length; /* [n]: shrinks in place */
    uint64_t *count;  /* [n] */
    size_t n;
    pair_entry *entry;
    size_t n_entries, entry_room;
    uint32_t *slot; /* index + 1 of the entry of a pair */
    size_t n_slots;
    heap_item *heap;
    size_t n_heap, heap_room;
    uint32_t *touched; /* entries whose count rose in this merge */
    size_t n_touched, touched_room;
} merger;

/* ---- the table of pairs ---- */

static size_t pair_hash(bpe_pair p)
{
    uint64_t h = ((uint64_t)p.left << 32 | p.right) * 0x9e3779b97f4a7c15u;
    return (size_t)(h ^ h >> 29);
}

static int grow_list(void **list, size_t *room, size_t n, size_t size, err *e)
{
    if (n < *room) return 0;
    size_t more = *room ? *room + *room / 2 + 1 : 4;
    if (mem_grow(list, more, size, e)) return -1;
    *room = more;
    return 0;
}

static int grow_slots(merger *m, err *e)
{
    size_t n = m->n_slots ? 2 * m->n_slots : 4096;
    uint32_t *more = mem_new(n, sizeof *more, e);
    if (!more) return -1;
    for (size_t i = 0; i < m->n_entries; i++) {
        size_t k = pair_hash(m->entry[i].pair) & (n - 1);
        while (more[k])
            k = (k + 1) & (n - 1);
        more[k] = (uint32_t)i + 1;
    }
    free(m->slot);
    m->slot = more;
    m->n_slots = n;
    return 0;
}

/* Index of the pair's entry, made if it is new; SIZE_MAX for lack of memory. */
static size_t find_pair(merger *m, bpe_pair p, err *e)
{
    if (4 * (m->n_entries + 1) > 3 * m->n_slots && grow_slots(m, e)) return SIZE_MAX;
    size_t k = pair_hash(p) & (m->n_slots - 1);
    for (; m->slot[k]; k = (k + 1) & (m->n_slots - 1)) {
        const pair_entry *x = &m->entry[m->slot[k] - 1];
        if (x->pair.left == p.left && x->pair.right == p.right) return m->slot[k] - 1;
    }
    void *list = m->entry;
    if (grow_list(&list, &m->entry_room, m->n_entries, sizeof *m->entry, e)) return SIZE_MAX;
    m->entry = list;
    m->entry[m->n_entries] = (pair_entry){ .pair = p };
    m->slot[k] = (uint32_t)m->n_entries + 1;
    return m->n_entries++;
}

static int see_in(pair_entry *x, uint32_t word_index, err *e)
{
    if (x->n && x->in[x->n - 1] == word_index) return 0;
    void *list = x->in;
    if (grow_list(&list, &x->room, x->n, sizeof *x->in, e)) return -1;
    x->in = list;
    x->in[x->n++] = word_index;
    return 0;
}

static int rose(merger *m, size_t index, err *e)
{
    void *list = m->touched;
    if (grow_list(&list, &m->touched_room, m->n_touched, sizeof *m->touched, e)) return -1;
    m->touched = list;
    m->touched[m->n_touched++] = (uint32_t)index;
    return 0;
}

/* Counts the pairs of a word in (add) or out. */
static int count_pairs(merger *m, uint32_t w, bool add, err *e)
{
    const uint32_t *id = m->ids + m->begin[w];
    for (uint32_t i = 1; i < m->length[w]; i++) {
        size_t k = find_pair(m, (bpe_pair){ id[i - 1], id[i] }, e);
        if (k == SIZE_MAX) return -1;
        pair_entry *x = &m->entry[k];
        if (!add) {
            x->count -= m->count[w];
            continue;
        }
        x->count += m->count[w];
        if (see_in(x, w, e) || rose(m, k, e)) return -1;
    }
    return 0;
}

/* ---- the heap ---- */

/* More frequent first; ties to the smaller (left id, right id). */
static bool before(const merger *m, heap_item a, heap_item b)
{
    if (a.count != b.count) return a.count > b.count;
    bpe_pair p = m->entry[a.entry].pair, q = m->entry[b.entry].pair;
    return p.left != q.left ? p.left < q.left : p.right < q.right;
}

static int heap_put(merger *m, uint32_t entry, err *e)
{
    void *list = m->heap;
    if (grow_list(&list, &m->heap_room, m->n_heap, sizeof *m->heap, e)) return -1;
    m->heap = list;
    heap_item x = { m->entry[entry].count, entry };
    size_t i = m->n_heap++;
    for (; i && before(m, x, m->heap[(i - 1) / 2]); i = (i - 1) / 2)
        m->heap[i] = m->heap[(i - 1) / 2];
    m->heap[i] = x;
    return 0;
}

static heap_item heap_take(merger *m)
{
    heap_item top = m->heap[0], x = m->heap[--m->n_heap];
    size_t i = 0;
    for (size_t k; (k = 2 * i + 1) < m->n_heap; i = k) {
        if (k + 1 < m->n_heap && before(m, m->heap[k + 1], m->heap[k])) k++;
        if (!before(m, m->heap[k], x)) break;
        m->heap[i] = m->heap[k];
    }
    m->heap[i] = x;
    return top;
}

/* Entries whose counts rose get an item of the present count; older items of theirs are found stale when they come up.
 */
static int heap_refresh(merger *m, err *e)
{
    for (size_t i = 0; i < m->n_touched; i++) {
        uint32_t k = m->touched[i];
        bool again = i && m->touched[i - 1] == k;
        if (!again && m->entry[k].count && heap_put(m, k, e)) return -1;
    }
    m->n_touched = 0;
    return 0;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* ---- words as ids ---- */

static int start(merger *m, words *w, err *e)
{
    size_t ids[256], at = 0;
    for (size_t i = 0; i < 256; i++)
        ids[bpe_first_byte(i)] = i;
    m->n = w->n;
    if (!(m->ids = mem_new(w->key_n, sizeof *m->ids, e)) || !(m->begin = mem_new(w->n, sizeof *m->begin, e)) ||
        !(m->length = mem_new(w->n, sizeof *m->length, e)) || !(m->count = mem_new(w->n, sizeof *m->count, e)))
        return -1;
    for (size_t i = 0; i < w->n; i++) {
        const unsigned char *text = (const unsigned char *)words_text(w, &w->word[i]);
        m->begin[i] = at;
        m->length[i] = w->word[i].n;
        m->count[i] = w->word[i].value;
        for (size_t k = 0; k < w->word[i].n; k++)
            m->ids[at++] = (uint32_t)ids[text[k]];
    }
    words_free(w);
    for (size_t i = 0; i < m->n; i++)
        if (count_pairs(m, (uint32_t)i, true, e)) return -1;
    if (m->n_touched) qsort(m->touched, m->n_touched, sizeof *m->touched, by_number);
    return heap_refresh(m, e);
}

/* Every occurrence of the pair in a word becomes id, from the left. */
static void replace(merger *m, uint32_t w, bpe_pair p, uint32_t id)
{
    uint32_t *at = m->ids + m->begin[w], n = 0;
    for (uint32_t i = 0; i < m->length[w]; i++) {
        bool here = i + 1 < m->length[w] && at[i] == p.left && at[i + 1] == p.right;
        at[n++] = here ? id : at[i];
        i += here;
    }
    m->length[w] = n;
}

static bool holds(const merger *m, uint32_t w, bpe_pair p)
{
    const uint32_t *at = m->ids + m->begin[w];
    for (uint32_t i = 1; i < m->length[w]; i++)
        if (at[i - 1] == p.left && at[i] == p.right) return true;
    return false;
}

static int apply(merger *m, size_t index, uint32_t id, err *e)
{
    bpe_pair p = m->entry[index].pair;
    uint32_t *in = m->entry[index].in;
    size_t n = m->entry[index].n;
    int status = 0;
    m->entry[index].in = NULL;
    m->entry[index].n = m->entry[index].room = 0;
    for (size_t i = 0; i < n && !status; i++) {
        if (!holds(m, in[i], p)) continue;
        status = count_pairs(m, in[i], false, e);
        if (!status) replace(m, in[i], p, id);
        if (!status) status = count_pairs(m, in[i], true, e);
    }
    free(in);
    if (m->n_touched) qsort(m->touched, m->n_touched, sizeof *m->touched, by_number);
    return status ? -1 : heap_refresh(m, e);
}

/* ---- the model that grows ---- */

static int add_token(bpe_model *b, const char *text, size_t n, err *e)
{
    void *list = b->begin;
    if (grow_list(&list, &b->room, b->n + 1, sizeof *b->begin, e)) return -1;
    b->begin = list;
    buffer_add(&b->text, text, n);
    b->begin[++b->n] = b->text.size;
    return buffer_ok(&b->text, e);
}

static int first_tokens(bpe_model *b, words *known, err *e)
{
    bool fresh;
    if (!(b->begin = mem_new(512, sizeof *b->begin, e))) return -1;
    b->room = 512;
    for (size_t i = 0; i < 256; i++) {
        char c = (char)bpe_first_byte(i);
        word *w = words_get(known, &c, 1, word_hash(&c, 1), &fresh, e);
        if (!w || add_token(b, &c, 1, e)) return -1;
        w->value = i;
    }
    return 0;
}

/* The id that the merged text has, or gets. */
static int token_of(bpe_model *b, words *known, bpe_pair p, uint32_t *id, err *e)
{
    bool fresh;
    size_t left = b->begin[p.left + 1] - b->begin[p.left], right = b->begin[p.right + 1] - b->begin[p.right];
    char text[2048];
    memcpy(text, b->text.at + b->begin[p.left], left);
    memcpy(text + left, b->text.at + b->begin[p.right], right);
    word *w = words_get(known, text, left + right, word_hash(text, left + right), &fresh, e);
    if (!w) return -1;
    if (fresh) {
        w->value = b->n;
        if (add_token(b, text, left + right, e)) return -1;
    }
    *id = (uint32_t)w->value;
    return 0;
}

static bool is_end(const bpe_model *b, bpe_pair p, const char *end)
{
    size_t left = b->begin[p.left + 1] - b->begin[p.left], right = b->begin[p.right + 1] - b->begin[p.right];
    return end && strlen(end) == left + right && memcmp(end, b->text.at + b->begin[p.left], left) == 0 &&
           memcmp(end + left, b->text.at + b->begin[p.right], right) == 0;
}

static int add_merge(bpe_model *b, bpe_pair p, err *e)
{
    void *list = b->merge;
    if (grow_list(&list, &b->merge_room, b->n_merges, sizeof *b->merge, e)) return -1;
    b->merge = list;
    b->merge[b->n_merges++] = p;
    return 0;
}

static int merge_all(bpe_model *b, merger *m, words *known, size_t tokens, const char *end, bpe_facts *facts, err *e)
{
    progress p;
    int status = -1;
    progress_start(&p, "merging pairs", tokens - b->n);
    while (b->n < tokens) {
        heap_item top = { 0, 0 };
        size_t before_n = b->n;
        uint32_t id;
        if (m->n_heap) top = heap_take(m);
        if (top.count < 2) {
            err_set(e, ERR_INPUT, "the texts have pairs that occur twice for a vocabulary of %zu, not of %zu",
                    b->n + (end != NULL), tokens + (end != NULL));
            err_hint(e, "give more text, or --train-bpe %zu", b->n + (end != NULL));
            goto done;
        }
        const pair_entry *x = &m->entry[top.entry];
        if (x->count != top.count) {
            if (x->count && x->count < top.count && heap_put(m, top.entry, e)) goto done;
            continue;
        }
        bpe_pair pair = x->pair;
        if (is_end(b, pair, end)) continue;
        if (token_of(b, known, pair, &id, e) || add_merge(b, pair, e) || apply(m, top.entry, id, e)) goto done;
        facts->last_count = top.count;
        progress_step(&p, b->n - before_n);
        if (interrupted()) {
            err_set(e, ERR_INTERRUPTED, "interrupted while pairs were merged");
            goto done;
        }
    }
    status = 0;
done:
    progress_end(&p);
    return status;
}

int bpe_merge(bpe_model *b, words *w, size_t tokens, const char *end, bpe_facts *facts, err *e)
{
    merger m = { 0 };
    words known = { 0 };
    int status =
        first_tokens(b, &known, e) || start(&m, w, e) || merge_all(b, &m, &known, tokens, end, facts, e) ? -1 : 0;
    for (size_t i = 0; i < m.n_entries; i++)
        free(m.entry[i].in);
    free(m.entry);
    free(m.ids);
    free(m.begin);
    free(m.length);
    free(m.count);
    free(m.slot);
    free(m.heap);
    free(m.touched);
    words_free(&known);
    return status;
}

void bpe_model_free(bpe_model *b)
{
    free(b->text.at);
    free(b->begin);
    free(b->merge);
    *b = (bpe_model){ 0 };
}
