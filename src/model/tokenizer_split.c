/* SPDX-License-Identifier: MIT */
/* Pre-tokenizers: a text into pieces that merges never cross. */
#include "tokenizer.h"

#include <stdlib.h>
#include <string.h>

void pieces_free(pieces *p)
{
    for (size_t i = 0; i < p->n; i++) aligned_free(&p->at[i]);
    free(p->at);
    *p = (pieces){ 0 };
}

/* A new empty piece at the end. */
static aligned *piece_add(pieces *p, err *e)
{
    if (p->n == p->room) {
        void *at = p->at;
        size_t room = p->room ? 2 * p->room : 64;
        if (mem_grow(&at, room, sizeof *p->at, e)) return NULL;
        p->at = at;
        p->room = room;
    }
    p->at[p->n] = (aligned){ 0 };
    return &p->at[p->n++];
}

static int piece_cut(pieces *out, const aligned *text, size_t first, size_t end, err *e)
{
    if (first == end) return 0;
    aligned *to = piece_add(out, e);
    return to ? aligned_copy(to, text, first, end, e) : -1;
}

/* Matches are pieces, and so is what lies between them (behaviour Isolated); Removed drops the matches. */
static int by_pattern(const split_step *s, const aligned *text, pieces *out, err *e)
{
    pcre2_match_data *m = pcre2_match_data_create_from_pattern(s->pattern, NULL);
    size_t at = 0, last = 0;
    int status = 0;
    if (!m) return err_memory(e, 64);
    while (at <= text->n && !status) {
        int found = pcre2_match(s->pattern, (PCRE2_SPTR)(text->at ? text->at : ""), text->n, at, PCRE2_NO_UTF_CHECK, m, NULL);
        if (found == PCRE2_ERROR_NOMATCH) break;
        if (found < 0) {
            status = err_set(e, ERR_INPUT, "the tokenizer's pattern fails on this text (PCRE2 error %d)", found);
            break;
        }
        size_t first = pcre2_get_ovector_pointer(m)[0], end = pcre2_get_ovector_pointer(m)[1];
        if (end == first) {
            at = end < text->n ? end + utf8_length(text->at + end, text->n - end) : text->n + 1;
            continue;
        }
        status = piece_cut(out, text, last, first, e);
        if (!status && !s->removed) status = piece_cut(out, text, first, end, e);
        at = last = end;
    }
    if (!status) status = piece_cut(out, text, last, text->n, e);
    pcre2_match_data_free(m);
    return status;
}

/* GPT-2's table: printable bytes stand for themselves, the others for U+0100 and up, in order. */
size_t byte_character(unsigned char byte, char out[4])
{
    unsigned c = byte;
    if (c < 33) c += 256;
    else if (c >= 127 && c <= 160) c += 256 + 33 - 127;
    else if (c == 173) c = 256 + 33 + 34;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    out[0] = (char)(0xc0 | (c >> 6));
    out[1] = (char)(0x80 | (c & 0x3f));
    return 2;
}

int character_byte(const char *at, size_t n)
{
    for (int byte = 0; byte < 256; byte++) {
        char c[4];
        size_t length = byte_character((unsigned char)byte, c);
        if (length == n && memcmp(c, at, n) == 0) return byte;
    }
    return -1;
}

static int bytes_to_characters(aligned *piece, err *e)
{
    aligned out = { 0 };
    int status = 0;
    for (size_t i = 0; i < piece->n && !status; i++) {
        char c[4];
        size_t n = byte_character((unsigned char)piece->at[i], c);
        status = aligned_add(&out, c, n, piece->b[i], piece->e[i], e);
    }
    if (status) {
        aligned_free(&out);
        return -1;
    }
    aligned_free(piece);
    *piece = out;
    return 0;
}

static int byte_level(const split_step *s, const aligned *text, pieces *out, err *e)
{
    aligned spaced = { 0 };
    size_t first = out->n;
    int status = -1;
    if (s->prefix_space && text->n && text->at[0] != ' ') {
        if (aligned_add(&spaced, " ", 1, text->b[0], text->e[0], e)) goto done;
    }
    if (aligned_copy(&spaced, text, 0, text->n, e)) goto done;
    if (s->pattern ? by_pattern(s, &spaced, out, e) : piece_cut(out, &spaced, 0, spaced.n, e)) goto done;
    for (size_t i = first; i < out->n; i++)
        if (bytes_to_characters(&out->at[i], e)) goto done;
    status = 0;
done:
    aligned_free(&spaced);
    return status;
}

static int metaspace(const split_step *s, const aligned *text, bool at_start, pieces *out, err *e)
{
    aligned marked = { 0 };
    size_t n = strlen(s->replacement), last = 0;
    int status = -1;
    bool wanted = s->prepend_always || (s->prepend_first && at_start);
    bool begins = text->n && (text->at[0] == ' ' || (text->n >= n && memcmp(text->at, s->replacement, n) == 0));
    if (wanted && text->n && !begins && aligned_add(&marked, s->replacement, n, text->b[0], text->e[0], e)) goto done;
    for (size_t i = 0; i < text->n; i++) {
        if (text->at[i] == ' ' ? aligned_add(&marked, s->replacement, n, text->b[i], text->e[i], e)
                               : aligned_copy(&marked, text, i, i + 1, e))
            goto done;
    }
    for (size_t i = 1; s->split && i + n <= marked.n; i++)
        if (memcmp(marked.at + i, s->replacement, n) == 0) {
            if (piece_cut(out, &marked, last, i, e)) goto done;
            last = i;
        }
    status = piece_cut(out, &marked, last, marked.n, e);
done:
    aligned_free(&marked);
    return status;
}

static int one_step(const split_step *s, const aligned *text, bool at_start, pieces *out, err *e)
{
    switch (s->kind) {
    case SPLIT_BYTELEVEL: return byte_level(s, text, out, e);
    case SPLIT_METASPACE: return metaspace(s, text, at_start, out, e);
    case SPLIT_PATTERN:
    case SPLIT_DIGITS: break;
    }
    return by_pattern(s, text, out, e);
}

int split_text(const tokenizer *t, const aligned *text, bool at_start, pieces *out, err *e)
{
    pieces now = { 0 }, next = { 0 };
    int status = piece_cut(&now, text, 0, text->n, e);
    for (size_t i = 0; i < t->n_split && !status; i++) {
        for (size_t j = 0; j < now.n && !status; j++) status = one_step(&t->split[i], &now.at[j], at_start && j == 0, &next, e);
        pieces_free(&now);
        now = next;
        next = (pieces){ 0 };
    }
    for (size_t j = 0; j < now.n && !status; j++) {
        aligned *to = piece_add(out, e);
        status = to ? 0 : -1;
        if (to) {
            *to = now.at[j];
            now.at[j] = (aligned){ 0 };
        }
    }
    pieces_free(&now);
    pieces_free(&next);
    return status;
}
