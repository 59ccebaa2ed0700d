/* SPDX-License-Identifier: MIT */
/* broca-tokenize: the tokens of every item, alone, as the model's tokenizer files say. */
#include <stdlib.h>
#include <string.h>

#include "broca/model.h"
#include "broca/stimuli.h"
#include "stage.h"

typedef struct {
    common_options common;
    const char *stimuli, *model, *special;
} tokenize_options;

#define AT(field) offsetof(tokenize_options, field)
static const option options[] = {
    { "stimuli", OPT_TEXT, AT(stimuli), NULL, "FILE", false, "items to tokenize" },
    { "model", OPT_TEXT, AT(model), NULL, "DIR", false, "folder with tokenizer.json or vocab.json + merges.txt; or: bytes" },
    { "special", OPT_ENUM, AT(special), "yes", "yes no", true, "special tokens of the post-processor" },
    COMMON_OPTIONS(tokenize_options),
    { 0 }
};
static const option_help help = { "tokenize", "ids and byte spans, exactly as the model's files say", NULL, NULL };

typedef struct {
    size_t n, room;
    int32_t *id;
    int64_t *span;  /* [n×2] */
    int64_t *begin; /* [items+1] */
} all_tokens;

static int add(all_tokens *a, const token_list *l, err *e)
{
    if (a->room - a->n < l->n) {
        size_t room = 2 * (a->n + l->n) + 64;
        void *ids = a->id, *spans = a->span;
        if (mem_grow(&ids, room, sizeof *a->id, e)) return -1;
        a->id = ids;
        if (mem_grow(&spans, room, 2 * sizeof *a->span, e)) return -1;
        a->span = spans;
        a->room = room;
    }
    for (size_t i = 0; i < l->n; i++) {
        a->id[a->n + i] = l->id[i];
        a->span[2 * (a->n + i)] = l->begin[i];
        a->span[2 * (a->n + i) + 1] = l->end[i];
    }
    a->n += l->n;
    return 0;
}

static int tokenize_items(all_tokens *a, const tokenizer *t, const stimuli *x, bool special, err *e)
{
    token_list l = { 0 };
    int status = -1;
    if (!(a->begin = mem_new(x->n + 1, sizeof *a->begin, e))) goto done;
    for (size_t i = 0; i < x->n; i++) {
        if (tokenizer_encode(t, x->text[i], strlen(x->text[i]), special, &l, e) || add(a, &l, e)) {
            err_while(e, "tokenizing item %s", x->id[i]);
            goto done;
        }
        a->begin[i + 1] = (int64_t)a->n;
    }
    status = 0;
done:
    token_list_free(&l);
    return status;
}

static int put(store *p, const all_tokens *a, const stimuli *x, const tokenizer *t, err *e)
{
    const size_t n[1] = { a->n }, items[1] = { x->n + 1 }, spans[2] = { a->n, 2 };
    return store_set_text(p, "/", "tokenizer_sha256", tokenizer_hash(t).hex, e) ||
                   store_put_text(p, "item/id", x->id, x->n, e) || store_write_i4(p, "ids", 1, n, a->id, e) ||
                   store_write_i8(p, "item_begin", 1, items, a->begin, e) || store_write_i8(p, "span", 2, spans, a->span, e)
               ? -1 : 0;
}

int main(int argc, char **argv)
{
    tokenize_options o;
    stage s;
    stimuli *x = NULL;
    tokenizer *t = NULL;
    all_tokens a = { 0 };
    if (stage_begin(&s, argc, argv, &help, options, &o, &o.common)) goto done;
    if (stage_needs(&s, "stimuli", o.stimuli) || stage_needs(&s, "model", o.model)) goto done;
    if (stage_input(&s, "stimuli", o.stimuli) || stimuli_read(&x, o.stimuli, &s.err)) goto done;
    if (str_same(o.model, "bytes") ? tokenizer_open_bytes(&t, &s.err) : tokenizer_open(&t, o.model, &s.err)) goto done;
    if (stage_input_hashed(&s, "model", "tokenizer", o.model, tokenizer_hash(t).hex)) goto done;
    if (stage_plan(&s, "%zu items, a vocabulary of %zu", x->n, tokenizer_vocabulary(t))) goto done;
    if (tokenize_items(&a, t, x, str_same(o.special, "yes"), &s.err)) goto done;
    store *product = stage_create(&s, "tokens");
    if (!product || put(product, &a, x, t, &s.err) || stage_commit(&s)) goto done;
    stage_result(&s, "%zu tokens of %zu items", a.n, x->n);
done:
    free(a.id);
    free(a.span);
    free(a.begin);
    tokenizer_free(t);
    stimuli_free(x);
    return stage_end(&s);
}
