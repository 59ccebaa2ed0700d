/* SPDX-License-Identifier: MIT */
/* GPT-2's pieces of a text (Radford et al. 2019), by the pattern that the room `model` uses for tokenizers of this kind. */
#include "corpus_inside.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

struct pieces_by_pattern {
    pcre2_code *code;
};

struct piece_cursor {
    const piece_pattern *pattern;
    pcre2_match_data *match;
    const char *text;
    size_t n, at;
};

static const char gpt2_pattern[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

int piece_pattern_new(piece_pattern **out, err *e)
{
    int code;
    size_t at;
    piece_pattern *p = mem_new(1, sizeof *p, e);
    if (!p) return -1;
    p->code = pcre2_compile((PCRE2_SPTR)gpt2_pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
    if (!p->code) {
        free(p);
        return err_set(e, ERR_ENVIRONMENT, "PCRE2 does not take the pattern of GPT-2 (error %d)", code);
    }
    pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE); /* without it matching is slower, and the same */
    *out = p;
    return 0;
}

void piece_pattern_free(piece_pattern *p)
{
    if (!p) return;
    pcre2_code_free(p->code);
    free(p);
}

piece_cursor *piece_cursor_new(const piece_pattern *p, err *e)
{
    piece_cursor *c = mem_new(1, sizeof *c, e);
    if (!c) return NULL;
    c->pattern = p;
    c->match = pcre2_match_data_create_from_pattern(p->code, NULL);
    if (c->match) return c;
    free(c);
    err_memory(e, 64);
    return NULL;
}

void piece_cursor_start(piece_cursor *c, const char *text, size_t n)
{
    c->text = text;
    c->n = n;
    c->at = 0;
}

/* Every character belongs to one of the alternatives, so that pieces follow one another without a gap. */
int piece_next(piece_cursor *c, const char **at, size_t *n, err *e)
{
    if (c->at == c->n) return 0;
    int found = pcre2_match(c->pattern->code, (PCRE2_SPTR)c->text, c->n, c->at, PCRE2_NO_UTF_CHECK | PCRE2_ANCHORED,
                            c->match, NULL);
    if (found < 0) return err_set(e, ERR_INPUT, "the pattern of GPT-2 fails on this text (PCRE2 error %d)", found);
    size_t end = pcre2_get_ovector_pointer(c->match)[1];
    *at = c->text + c->at;
    *n = end - c->at;
    c->at = end;
    return 1;
}

void piece_cursor_free(piece_cursor *c)
{
    if (!c) return;
    pcre2_match_data_free(c->match);
    free(c);
}
