/* SPDX-License-Identifier: MIT */
/* Options of extract, and the plan as a whole. */
#include <stdlib.h>
#include <string.h>

#include "plan.h"

int extract_context(extract_options *o, const char *text, err *e)
{
    static const char *const words[] = { "none", "group", "window", NULL };
    o->window = 0;
    if (str_same(text, "none")) o->context = CONTEXT_NONE;
    else if (str_same(text, "group")) o->context = CONTEXT_GROUP;
    else if (str_same(text, "window")) o->context = CONTEXT_WINDOW;
    else if (str_begins(text, "window:")) {
        o->context = CONTEXT_WINDOW;
        if (parse_size(text + 7, &o->window) || o->window < 2)
            return err_set(e, ERR_USAGE, "--context window:N: N is a number of tokens, at least 2, not '%s'", text + 7);
    } else {
        err_set(e, ERR_USAGE, "--context is none, group or window:N, not '%s'", text);
        const char *nearest = str_nearest(text, words);
        return nearest ? err_hint(e, "did you mean %s?", nearest) : -1;
    }
    return 0;
}

int extract_pool(extract_options *o, const char *text, err *e)
{
    static const char *const words[] = { "last", "mean", "sum", "first", "none", "word", "word-mean", NULL };
    for (int i = 0; words[i]; i++)
        if (str_same(words[i], text)) {
            o->pool = (pool_kind)i;
            return 0;
        }
    err_set(e, ERR_USAGE, "--pool is last, mean, sum, first, none, word or word-mean, not '%s'", text);
    const char *nearest = str_nearest(text, words);
    return nearest ? err_hint(e, "did you mean %s?", nearest) : -1;
}

int extract_plan_new(extract_plan **out, const tokenizer *t, size_t context, const stimuli *x, const extract_options *o, err *e)
{
    int status = -1;
    extract_plan *p = mem_new(1, sizeof *p, e);
    if (!p) return -1;
    p->x = x;
    p->o = *o;
    if (!x->n) {
        err_set(e, ERR_INPUT, "the stimuli have no items");
        goto done;
    }
    if (!(p->memory = arena_new(e)) || !(p->item = mem_new(x->n, sizeof *p->item, e)) ||
        !(p->item_tokens = mem_new(x->n, sizeof *p->item_tokens, e)))
        goto done;
    if (plan_contexts(p, t, context, e) || plan_rows(p, e)) goto done;
    *out = p;
    p = NULL;
    status = 0;
done:
    extract_plan_free(p);
    return status;
}

const extract_facts *extract_about(const extract_plan *p)
{
    return &p->facts;
}

void extract_plan_free(extract_plan *p)
{
    if (!p) return;
    arena_free(p->memory);
    free(p->passages);
    free(p->sequences);
    free(p->item);
    free(p->item_tokens);
    free(p->pick_begin);
    free(p->picks);
    free(p->tokens);
    free(p);
}
