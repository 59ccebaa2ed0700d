/* SPDX-License-Identifier: MIT */
/* Aligned texts and normalizers. */
#include "tokenizer.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

int aligned_add(aligned *t, const char *bytes, size_t n, uint32_t b, uint32_t e, err *why)
{
    if (t->room - t->n < n + 1) {
        size_t room = (t->n + n + 1) * 2 + 32;
        void *at = t->at, *bs = t->b, *es = t->e;
        if (mem_grow(&at, room, 1, why)) return -1;
        t->at = at;
        if (mem_grow(&bs, room, sizeof *t->b, why)) return -1;
        t->b = bs;
        if (mem_grow(&es, room, sizeof *t->e, why)) return -1;
        t->e = es;
        t->room = room;
    }
    memcpy(t->at + t->n, bytes, n);
    for (size_t i = 0; i < n; i++) {
        t->b[t->n + i] = b;
        t->e[t->n + i] = e;
    }
    t->n += n;
    t->at[t->n] = 0;
    return 0;
}

int aligned_copy(aligned *to, const aligned *from, size_t first, size_t end, err *why)
{
    if (aligned_add(to, from->at ? from->at + first : "", end - first, 0, 0, why)) return -1;
    for (size_t i = first; i < end; i++) {
        to->b[to->n - (end - i)] = from->b[i];
        to->e[to->n - (end - i)] = from->e[i];
    }
    return 0;
}

void aligned_free(aligned *t)
{
    free(t->at);
    free(t->b);
    free(t->e);
    *t = (aligned){ 0 };
}

size_t utf8_length(const char *at, size_t left)
{
    unsigned char c = (unsigned char)*at;
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return n < left ? n : left;
}

/* Length of the well-formed character at p, or 0 with *bad = length of the maximal ill-formed part (Unicode 3.9, table 3-7). */
static size_t well_formed(const unsigned char *p, size_t left, size_t *bad)
{
    size_t more;
    unsigned char lo = 0x80, hi = 0xbf;
    *bad = 1;
    if (p[0] < 0x80) return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) more = 1;
    else if (p[0] >= 0xe0 && p[0] <= 0xef) more = 2;
    else if (p[0] >= 0xf0 && p[0] <= 0xf4) more = 3;
    else return 0;
    if (p[0] == 0xe0) lo = 0xa0;
    if (p[0] == 0xed) hi = 0x9f;
    if (p[0] == 0xf0) lo = 0x90;
    if (p[0] == 0xf4) hi = 0x8f;
    for (size_t k = 1; k <= more; k++) {
        if (k >= left || p[k] < lo || p[k] > hi) return 0;
        lo = 0x80;
        hi = 0xbf;
        *bad = k + 1;
    }
    return more + 1;
}

int aligned_original(aligned *t, const char *text, size_t n, err *why)
{
    if (n > UINT32_MAX / 2) return err_set(why, ERR_INPUT, "a text of %zu bytes is too long to tokenize", n);
    if (aligned_add(t, "", 0, 0, 0, why)) return -1;
    for (size_t i = 0; i < n;) {
        size_t bad, good = well_formed((const unsigned char *)text + i, n - i, &bad), length = good ? good : bad;
        const char *bytes = good ? text + i : "\xef\xbf\xbd";
        if (aligned_add(t, bytes, good ? good : 3, (uint32_t)i, (uint32_t)(i + length), why)) return -1;
        i += length;
    }
    return 0;
}

/* What is put in front shares the span of the first character, as the reference's alignment has it. */
static int prepend(aligned *text, const char *what, err *e)
{
    aligned out = { 0 };
    if (!text->n) return 0;
    if (aligned_add(&out, what, strlen(what), text->b[0], text->e[0], e) || aligned_copy(&out, text, 0, text->n, e)) {
        aligned_free(&out);
        return -1;
    }
    aligned_free(text);
    *text = out;
    return 0;
}

static int replace(aligned *text, const char *from, const char *to, err *e)
{
    aligned out = { 0 };
    size_t n = strlen(from);
    int status = aligned_add(&out, "", 0, 0, 0, e);
    for (size_t i = 0; i < text->n && !status;) {
        if (n && text->n - i >= n && memcmp(text->at + i, from, n) == 0) {
            status = aligned_add(&out, to, strlen(to), text->b[i], text->e[i + n - 1], e);
            i += n;
        } else {
            status = aligned_copy(&out, text, i, i + 1, e);
            i++;
        }
    }
    if (status) {
        aligned_free(&out);
        return -1;
    }
    aligned_free(text);
    *text = out;
    return 0;
}

/* Can the character change or vanish because of what stands before it: combining marks, Hangul vowels and finals, and a few
 * marks of combining class 0 that compose (U+09BE ... U+1B35). */
static bool composes_back(const char *at, size_t left)
{
    static const utf8proc_int32_t marks[] = { 0x9be, 0x9d7, 0xb3e, 0xb56, 0xb57, 0xbbe, 0xbd7, 0xcc2, 0xcd5, 0xcd6, 0xd3e,
                                              0xd57, 0xdcf, 0xddf, 0x102e, 0x1b35 };
    utf8proc_int32_t c;
    if (utf8proc_iterate((const utf8proc_uint8_t *)at, (utf8proc_ssize_t)left, &c) < 1) return false;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (c == marks[i]) return true;
    return utf8proc_get_property(c)->combining_class || (c >= 0x1161 && c <= 0x1175) || (c >= 0x11a8 && c <= 0x11c2);
}

static size_t count_characters(const char *at, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += ((unsigned char)at[i] & 0xc0) != 0x80;
    return count;
}

/* What a stretch became: its first character keeps the span of the stretch's first, as the reference's alignment has it; marks
 * that are left keep their own. */
static int add_composed(aligned *out, const char *made, size_t n, const aligned *text, size_t first, size_t end, err *e)
{
    size_t left = count_characters(made, n), from = first, before = count_characters(text->at + first, end - first);
    for (size_t i = 0; i < n; left--) {
        size_t length = utf8_length(made + i, n - i);
        if (aligned_add(out, made + i, length, text->b[from], text->e[from], e)) return -1;
        i += length;
        while (before > left - 1 && before > 1) { /* as many parts behind as characters are still to come */
            from += utf8_length(text->at + from, end - from);
            before--;
        }
    }
    return 0;
}

/* Normalization forms work on stretches: a character and those after it that may compose with it. */
static int form(aligned *text, bool compatibility, bool lower, err *e)
{
    aligned out = { 0 };
    int status = aligned_add(&out, "", 0, 0, 0, e);
    for (size_t i = 0; i < text->n && !status;) {
        size_t end = i + utf8_length(text->at + i, text->n - i);
        while (!lower && end < text->n && composes_back(text->at + end, text->n - end))
            end += utf8_length(text->at + end, text->n - end);
        utf8proc_uint8_t *made = NULL;
        int options = UTF8PROC_STABLE | (lower ? 0 : UTF8PROC_COMPOSE) | (compatibility ? UTF8PROC_COMPAT : 0);
        utf8proc_ssize_t n = -1;
        if (lower) {
            utf8proc_int32_t c;
            utf8proc_uint8_t small[4];
            if (utf8proc_iterate((const utf8proc_uint8_t *)text->at + i, (utf8proc_ssize_t)(end - i), &c) > 0) {
                n = utf8proc_encode_char(c == 0x130 ? 'i' : utf8proc_tolower(c), small);
                status = aligned_add(&out, (const char *)small, (size_t)n, text->b[i], text->e[end - 1], e);
                /* the one character whose small form is two: I with a dot above */
                if (!status && c == 0x130) status = aligned_add(&out, "\xcc\x87", 2, text->b[i], text->e[end - 1], e);
            }
        } else {
            n = utf8proc_map((const utf8proc_uint8_t *)text->at + i, (utf8proc_ssize_t)(end - i), &made, (utf8proc_option_t)options);
            if (n < 0) status = err_set(e, ERR_INPUT, "normalizing text: %s", utf8proc_errmsg(n));
            else if ((size_t)n == end - i && memcmp(made, text->at + i, end - i) == 0) status = aligned_copy(&out, text, i, end, e);
            else status = add_composed(&out, (const char *)made, (size_t)n, text, i, end, e);
            free(made);
        }
        i = end;
    }
    if (status) {
        aligned_free(&out);
        return -1;
    }
    aligned_free(text);
    *text = out;
    return 0;
}

int normalize(const tokenizer *t, aligned *text, err *e)
{
    for (size_t i = 0; i < t->n_norm; i++) {
        const norm_step *s = &t->norm[i];
        int status = 0;
        switch (s->kind) {
        case NORM_PREPEND: status = prepend(text, s->to, e); break;
        case NORM_REPLACE: status = replace(text, s->from, s->to, e); break;
        case NORM_NFC: status = form(text, false, false, e); break;
        case NORM_NFKC: status = form(text, true, false, e); break;
        case NORM_LOWERCASE: status = form(text, false, true, e); break;
        }
        if (status) return -1;
    }
    return 0;
}
