/* SPDX-License-Identifier: MIT */
/* Ids back to text, by the decoders that the file lists. */
#include "tokenizer.h"

#include <stdlib.h>
#include <string.h>

/* The texts of the tokens on their way through the decoders. */
typedef struct {
    buffer *at;
    size_t n;
} parts;

static void parts_free(parts *p)
{
    for (size_t i = 0; i < p->n; i++) free(p->at[i].at);
    free(p->at);
    *p = (parts){ 0 };
}

static int parts_take(parts *p, const tokenizer *t, const int32_t *ids, size_t n, bool skip_special, err *e)
{
    if (!(p->at = mem_new(n + 1, sizeof *p->at, e))) return -1;
    for (size_t i = 0; i < n; i++) {
        bool skip = false;
        if (ids[i] < 0 || (size_t)ids[i] >= t->vocabulary || !t->token[ids[i]])
            return err_set(e, ERR_INPUT, "token id %d is not in the vocabulary of %zu", ids[i], t->vocabulary);
        for (size_t k = 0; k < t->n_added; k++) skip = skip || (skip_special && t->added[k].id == ids[i] && t->added[k].special);
        if (skip) continue;
        buffer_text(&p->at[p->n], t->token[ids[i]]);
        p->n++;
    }
    return 0;
}

static void fuse(parts *p)
{
    for (size_t i = 1; i < p->n; i++) {
        buffer_add(&p->at[0], p->at[i].at ? p->at[i].at : "", p->at[i].size);
        free(p->at[i].at);
        p->at[i] = (buffer){ 0 };
    }
    if (p->n) p->n = 1;
}

static void replace_in(buffer *b, const char *from, const char *to)
{
    buffer out = { 0 };
    size_t n = strlen(from);
    for (size_t i = 0; i < b->size;) {
        bool found = b->size - i >= n && memcmp(b->at + i, from, n) == 0;
        if (found) buffer_text(&out, to);
        else buffer_add(&out, b->at + i, 1);
        i += found ? n : 1;
    }
    free(b->at);
    *b = out;
}

static void strip_in(buffer *b, const decode_step *s)
{
    size_t n = strlen(s->from), first = 0, end = b->size;
    for (size_t k = 0; k < s->start && end - first >= n && memcmp(b->at + first, s->from, n) == 0; k++) first += n;
    for (size_t k = 0; k < s->stop && end - first >= n && memcmp(b->at + end - n, s->from, n) == 0; k++) end -= n;
    if (b->at) memmove(b->at, b->at + first, end - first);
    b->size = end - first;
    if (b->at) b->at[b->size] = 0;
}

/* Bytes with ill-formed parts as U+FFFD, one each. */
static int well_form(buffer *to, const char *bytes, size_t n, err *e)
{
    aligned text = { 0 };
    int status = aligned_original(&text, bytes, n, e);
    if (!status) buffer_add(to, text.at, text.n);
    aligned_free(&text);
    return status;
}

static bool all_well_formed(const char *bytes, size_t n, err *e)
{
    aligned text = { 0 };
    bool good = !aligned_original(&text, bytes, n, e) && text.n == n && memcmp(text.at, bytes, n) == 0;
    aligned_free(&text);
    return good;
}

static int byte_level(parts *p, err *e)
{
    buffer bytes = { 0 }, out = { 0 };
    for (size_t i = 0; i < p->n; i++) {
        const buffer *b = &p->at[i];
        size_t before = bytes.size;
        for (size_t k = 0; k < b->size;) {
            size_t n = utf8_length(b->at + k, b->size - k);
            int byte = character_byte(b->at + k, n);
            if (byte < 0) { /* not of this alphabet: an added token, taken as it is */
                bytes.size = before;
                buffer_add(&bytes, b->at, b->size);
                break;
            }
            buffer_add(&bytes, &(char){ (char)byte }, 1);
            k += n;
        }
    }
    int status = well_form(&out, bytes.at ? bytes.at : "", bytes.size, e);
    free(bytes.at);
    fuse(p);
    if (!p->n) {
        free(out.at);
        return status;
    }
    free(p->at[0].at);
    p->at[0] = out;
    return status;
}

static bool byte_token(const buffer *b, unsigned char *byte)
{
    unsigned value;
    char end;
    if (b->size != 6 || !str_begins(b->at, "<0x") || sscanf(b->at, "<0x%2x%c", &value, &end) != 2 || end != '>') return false;
    *byte = (unsigned char)value;
    return true;
}

/* A run of <0xNN> becomes its characters, or a U+FFFD for each byte if they are none. */
static int byte_fallback(parts *p, err *e)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->n;) {
        buffer run = { 0 }, out = { 0 };
        unsigned char byte;
        size_t k = i;
        while (k < p->n && byte_token(&p->at[k], &byte)) {
            buffer_add(&run, &byte, 1);
            free(p->at[k].at);
            p->at[k++] = (buffer){ 0 };
        }
        if (k == i) {
            buffer moved = p->at[i];
            p->at[i] = (buffer){ 0 };
            p->at[kept++] = moved;
            i++;
            continue;
        }
        if (all_well_formed(run.at, run.size, e)) buffer_add(&out, run.at, run.size);
        else
            for (size_t j = 0; j < run.size; j++) buffer_text(&out, "\xef\xbf\xbd");
        free(run.at);
        p->at[kept++] = out;
        i = k;
    }
    p->n = kept;
    return 0;
}

static int one_step(const decode_step *s, parts *p, err *e)
{
    switch (s->kind) {
    case DECODE_BYTELEVEL: return byte_level(p, e);
    case DECODE_BYTEFALLBACK: return byte_fallback(p, e);
    case DECODE_FUSE: fuse(p); return 0;
    case DECODE_REPLACE:
        for (size_t i = 0; i < p->n; i++) replace_in(&p->at[i], s->from, s->to);
        return 0;
    case DECODE_STRIP:
        for (size_t i = 0; i < p->n; i++) strip_in(&p->at[i], s);
        return 0;
    case DECODE_METASPACE: break;
    }
    for (size_t i = 0; i < p->n; i++) {
        replace_in(&p->at[i], s->from, " ");
        if (i == 0 && s->prepend) strip_in(&p->at[0], &(decode_step){ .from = (char *)" ", .start = 1 });
    }
    return 0;
}

int tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t n, bool skip_special, buffer *out, err *e)
{
    parts p = { 0 };
    int status = -1;
    if (t->bytes_only) {
        buffer bytes = { 0 };
        for (size_t i = 0; i < n; i++)
            if (ids[i] >= 0 && ids[i] < 256) buffer_add(&bytes, &(char){ (char)ids[i] }, 1);
        status = well_form(out, bytes.at ? bytes.at : "", bytes.size, e);
        free(bytes.at);
        return status;
    }
    if (parts_take(&p, t, ids, n, skip_special, e)) goto done;
    for (size_t i = 0; i < t->n_decode; i++)
        if (one_step(&t->decode[i], &p, e)) goto done;
    for (size_t i = 0; i < p.n; i++) {
        if (i && !t->n_decode) buffer_text(out, " "); /* no decoder: tokens with blanks between */
        buffer_add(out, p.at[i].at ? p.at[i].at : "", p.at[i].size);
    }
    status = buffer_ok(out, e);
done:
    parts_free(&p);
    return status;
}
