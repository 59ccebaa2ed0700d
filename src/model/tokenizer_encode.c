/* SPDX-License-Identifier: MIT */
/* Encoding: added tokens first, then normalizers, pre-tokenizers and BPE on what lies between them. */
#include "tokenizer.h"

#include <string.h>
#include <utf8proc.h>

static bool is_word(const char *at, size_t left)
{
    utf8proc_int32_t c;
    if (!left || utf8proc_iterate((const utf8proc_uint8_t *)at, (utf8proc_ssize_t)left, &c) < 1) return false;
    utf8proc_category_t k = utf8proc_category(c);
    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_NO) || k == UTF8PROC_CATEGORY_PC;
}

static size_t before(const char *text, size_t at)
{
    do at--;
    while (at && ((unsigned char)text[at] & 0xc0) == 0x80);
    return at;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The longest added token of the given class that begins at byte i; NULL: none. */
static const added_token *added_at(const tokenizer *t, const aligned *text, size_t i, bool normalized)
{
    const added_token *best = NULL;
    size_t longest = 0;
    for (size_t k = 0; k < t->n_added; k++) {
        const added_token *a = &t->added[k];
        if (a->normalized != normalized) continue;
        size_t n = a->normalized_length;
        if (n <= longest || text->n - i < n || memcmp(text->at + i, a->normalized_content, n) != 0) continue;
        best = a;
        longest = n;
    }
    return best;
}

static bool stands_alone(const added_token *a, const aligned *text, size_t first, size_t end)
{
    if (!a->single_word) return true;
    if (first && is_word(text->at + before(text->at, first), text->n)) return false;
    return end >= text->n || !is_word(text->at + end, text->n - end);
}

typedef int (*stretch)(const tokenizer *t, aligned *text, bool at_start, token_list *out, err *e);

/* Cuts text at the added tokens of one class; what lies between goes to next. */
static int cut_added(const tokenizer *t, const aligned *text, bool normalized, bool at_start, stretch next, token_list *out,
                     err *e)
{
    size_t last = 0, i = 0;
    while (i <= text->n) {
        const added_token *a = i < text->n ? added_at(t, text, i, normalized) : NULL;
        size_t end = a ? i + a->normalized_length : i;
        if (a && !stands_alone(a, text, i, end)) {
            i = end;
            continue;
        }
        if (!a && i < text->n) {
            i += utf8_length(text->at + i, text->n - i);
            continue;
        }
        size_t first = i;
        if (a && a->lstrip)
            while (first > last && is_blank(text->at[first - 1])) first--;
        if (a && a->rstrip)
            while (end < text->n && is_blank(text->at[end])) end++;
        if (first > last) {
            aligned part = { 0 };
            int bad = aligned_copy(&part, text, last, first, e) || next(t, &part, at_start && last == 0, out, e);
            aligned_free(&part);
            if (bad) return -1;
        }
        if (!a) break;
        if (token_add(out, a->id, text->b[first], text->e[end - 1], false, e)) return -1;
        i = last = end;
    }
    return 0;
}

static int encode_pieces(const tokenizer *t, aligned *text, bool at_start, token_list *out, err *e)
{
    pieces p = { 0 };
    int status = split_text(t, text, at_start, &p, e);
    for (size_t i = 0; i < p.n && !status; i++) status = bpe_encode(t, &p.at[i], out, e);
    pieces_free(&p);
    return status;
}

static int encode_raw(const tokenizer *t, aligned *text, bool at_start, token_list *out, err *e)
{
    if (normalize(t, text, e)) return -1;
    return cut_added(t, text, true, at_start, encode_pieces, out, e);
}

/* Bytes of the blank at p (U+0120, the blank of byte-level vocabularies); 0: none. */
static size_t blank_at(const char *p, size_t left)
{
    return left >= 2 && memcmp(p, "\xc4\xa0", 2) == 0 ? 2 : 0;
}

static size_t leading_blanks(const char *text)
{
    size_t count = 0, n = strlen(text);
    for (size_t i = 0, step; i < n && (step = blank_at(text + i, n - i)); i += step) count++;
    return count;
}

static size_t trailing_blanks(const char *text)
{
    size_t count = 0;
    for (size_t n = strlen(text); n; count++) {
        size_t at = before(text, n);
        if (blank_at(text + at, n - at) != n - at) break;
        n = at;
    }
    return count;
}

static bool is_added(const tokenizer *t, int32_t id)
{
    for (size_t k = 0; k < t->n_added; k++)
        if (t->added[k].id == id) return true;
    return false;
}

/* Blanks at the ends of a token do not count in its span where the post-processor says so, a character each; the one that
 * the pre-tokenizer put in front of the text was never there to be taken off. */
static void trim_spans(const tokenizer *t, const char *text, token_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->special[i]) continue;
        if (is_added(t, l->id[i])) { /* with the blanks that it took along */
            while (l->begin[i] < l->end[i] && is_blank(text[l->begin[i]])) l->begin[i]++;
            while (l->end[i] > l->begin[i] && is_blank(text[l->end[i] - 1])) l->end[i]--;
            continue;
        }
        size_t leading = leading_blanks(t->token[l->id[i]]), trailing = trailing_blanks(t->token[l->id[i]]);
        if (l->begin[i] == 0 && t->trim_prefix && leading == 1) leading = 0;
        while (leading-- && l->begin[i] < l->end[i])
            l->begin[i] += (int64_t)utf8_length(text + l->begin[i], (size_t)(l->end[i] - l->begin[i]));
        while (trailing-- && l->end[i] > l->begin[i]) l->end[i] = (int64_t)before(text, (size_t)l->end[i]);
    }
}

static int encode_bytes(const char *text, size_t bytes, token_list *out, err *e)
{
    for (size_t i = 0; i < bytes; i++)
        if (token_add(out, (unsigned char)text[i], (int64_t)i, (int64_t)i + 1, false, e)) return -1;
    return 0;
}

int tokenizer_encode(const tokenizer *t, const char *text, size_t bytes, bool special, token_list *out, err *e)
{
    aligned original = { 0 };
    int status = -1;
    out->n = 0;
    for (size_t i = 0; special && i < t->n_before; i++)
        if (token_add(out, t->before[i], 0, 0, true, e)) return -1;
    if (t->bytes_only) {
        if (encode_bytes(text, bytes, out, e)) return -1;
    } else {
        if (aligned_original(&original, text, bytes, e)) goto done;
        if (cut_added(t, &original, false, true, encode_raw, out, e)) goto done;
        if (t->trim_offsets) trim_spans(t, text, out);
    }
    for (size_t i = 0; special && i < t->n_after; i++)
        if (token_add(out, t->after[i], 0, 0, true, e)) goto done;
    status = 0;
done:
    aligned_free(&original);
    return status;
}

size_t tokenizer_vocabulary(const tokenizer *t)
{
    return t->vocabulary;
}

sha_hex tokenizer_hash(const tokenizer *t)
{
    return t->hash;
}
