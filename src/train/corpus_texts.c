/* SPDX-License-Identifier: MIT */
/* Text files, mapped, checked and cut into documents; which documents are for validation. */
#include "corpus_inside.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- files ---- */

static int map_file(text_source *s, err *e)
{
    struct stat st;
    int status = -1, fd = open(s->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_set(e, ERR_INPUT, "%s cannot be opened", s->path);
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        err_set(e, ERR_INPUT, "%s is no regular file", s->path);
        goto done;
    }
    if (st.st_size == 0) {
        err_set(e, ERR_INPUT, "%s is empty", s->path);
        goto done;
    }
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        err_system(e, "%s cannot be mapped", s->path);
        goto done;
    }
    madvise(map, (size_t)st.st_size, MADV_SEQUENTIAL);
    s->at = map;
    s->n = (size_t)st.st_size;
    status = 0;
done:
    close(fd);
    return status;
}

/* Bytes of the well-formed character at `at` (The Unicode Standard, table 3-7), 0: there is none. */
static size_t character(const unsigned char *at, size_t left)
{
    unsigned char c = at[0];
    if (c < 0x80) return 1;
    size_t n = c >= 0xc2 && c <= 0xdf ? 2 : c >= 0xe0 && c <= 0xef ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
    if (!n || left < n) return 0;
    unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80, high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high) return 0;
    for (size_t i = 2; i < n; i++)
        if (at[i] < 0x80 || at[i] > 0xbf) return 0;
    return n;
}

static int check_text(const text_source *s, err *e)
{
    const unsigned char *at = (const unsigned char *)s->at;
    size_t line = 1;
    bool text = false;
    for (size_t i = 0; i < s->n;) {
        size_t n = character(at + i, s->n - i);
        if (!n) {
            err_set(e, ERR_INPUT, "%s is no UTF-8 text: byte %zu (0x%02x) on line %zu", s->path, i, at[i], line);
            return err_hint(e, "iconv -f ISO-8859-1 -t UTF-8 converts western European texts");
        }
        line += at[i] == '\n';
        text |= at[i] > ' ';
        i += n;
    }
    return text ? 0 : err_set(e, ERR_INPUT, "%s holds nothing but blanks", s->path);
}

static int add_source(corpus_texts *t, const char *path, bool held_out, err *e)
{
    text_source *s = &t->source[t->n_sources];
    *s = (text_source){ .held_out = held_out };
    if (!(s->path = mem_text(path, e))) return -1;
    t->n_sources++;
    const char *slash = strrchr(s->path, '/');
    s->name = slash ? slash + 1 : s->path;
    if (map_file(s, e) || check_text(s, e)) return -1;
    s->hash = sha_bytes(s->at, s->n);
    for (const text_source *o = t->source; o < s; o++)
        if (str_same(o->hash.hex, s->hash.hex)) {
            err_set(e, ERR_INPUT, "%s and %s hold the same text", o->path, s->path);
            return err_hint(e, "name each text once; one that is held out must not be trained on");
        }
    return 0;
}

/* ---- documents ---- */

static bool blank(const char *at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)at[i] > ' ') return false;
    return true;
}

static int add_document(corpus_texts *t, size_t source, const char *at, size_t n, err *e)
{
    if (blank(at, n)) return 0;
    if (t->n_documents == t->room) {
        void *list = t->document;
        size_t room = t->room ? 2 * t->room : 64;
        if (mem_grow(&list, room, sizeof *t->document, e)) return -1;
        t->document = list;
        t->room = room;
    }
    t->document[t->n_documents++] =
        (text_document){ .at = at, .n = n, .source = (uint32_t)source, .validation = t->source[source].held_out };
    return 0;
}

/* separator NULL: a document a line, without its line end; else a document ends at each line that is the separator. */
static int cut_lines(corpus_texts *t, size_t source, const char *separator, err *e)
{
    const text_source *s = &t->source[source];
    size_t first = 0, length = separator ? strlen(separator) : 0;
    for (size_t i = 0; i < s->n;) {
        const char *line_end = memchr(s->at + i, '\n', s->n - i);
        size_t end = line_end ? (size_t)(line_end - s->at) : s->n, n = end - i;
        if (n && s->at[i + n - 1] == '\r') n--;
        bool cut = !separator || (n == length && memcmp(s->at + i, separator, n) == 0);
        if (cut && add_document(t, source, s->at + first, separator ? i - first : n, e)) return -1;
        i = line_end ? end + 1 : s->n;
        if (cut) first = i;
    }
    return separator ? add_document(t, source, s->at + first, s->n - first, e) : 0;
}

static int cut(corpus_texts *t, const char *how, err *e)
{
    if (str_same(how, "separator:") ||
        !(str_same(how, "file") || str_same(how, "line") || str_begins(how, "separator:")))
        return err_set(e, ERR_USAGE, "documents are file, line or separator:TEXT, not '%s'", how);
    for (size_t i = 0; i < t->n_sources; i++)
        if (str_same(how, "file") ? add_document(t, i, t->source[i].at, t->source[i].n, e)
                                  : cut_lines(t, i, str_same(how, "line") ? NULL : how + strlen("separator:"), e))
            return -1;
    return 0;
}

/* ---- the split ---- */

/* Documents of the held-out files come last, so that the others are [0, n). */
static int choose_validation(corpus_texts *t, const corpus_recipe *r, err *e)
{
    size_t n = 0;
    while (n < t->n_documents && !t->document[n].validation)
        n++;
    if (r->validation == 0) return 0;
    if (n < 2) return err_set(e, ERR_INPUT, "%zu document%s cannot be split for validation", n, n == 1 ? "" : "s");
    size_t want = (size_t)llround(r->validation * (double)n), *order = mem_new(n, sizeof *order, e);
    if (!order) return -1;
    want = want < 1 ? 1 : want > n - 1 ? n - 1 : want;
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    rng_shuffle(order, n, r->seed, RNG_CORPUS, 0, 0);
    for (size_t i = 0; i < want; i++)
        t->document[order[i]].validation = true;
    free(order);
    return 0;
}

/* Training documents first, each split in the order it had. */
static int arrange(corpus_texts *t, err *e)
{
    size_t at[2] = { 0, 0 };
    text_document *sorted = mem_new(t->n_documents, sizeof *sorted, e);
    if (!sorted) return -1;
    for (size_t i = 0; i < t->n_documents; i++) {
        const text_document *d = &t->document[i];
        t->count[d->validation]++;
        t->bytes[d->validation] += d->n;
        t->source[d->source].documents[d->validation]++;
    }
    at[CORPUS_VALIDATION] = t->count[CORPUS_TRAIN];
    for (size_t i = 0; i < t->n_documents; i++)
        sorted[at[t->document[i].validation]++] = t->document[i];
    free(t->document);
    t->document = sorted;
    t->room = t->n_documents;
    return 0;
}

int corpus_texts_open(corpus_texts **out, const corpus_recipe *r, err *e)
{
    corpus_texts *t = NULL;
    if (r->n_train == 0) return err_set(e, ERR_USAGE, "no text file is named");
    if (!(r->validation >= 0 && r->validation < 1))
        return err_set(e, ERR_USAGE, "the share of documents for validation is at least 0 and below 1, not %g",
                       r->validation);
    if (!(t = mem_new(1, sizeof *t, e)) || !(t->source = mem_new(r->n_train + r->n_held_out, sizeof *t->source, e)))
        goto fail;
    for (size_t i = 0; i < r->n_train; i++)
        if (add_source(t, r->train[i], false, e)) goto fail;
    for (size_t i = 0; i < r->n_held_out; i++)
        if (add_source(t, r->held_out[i], true, e)) goto fail;
    if (cut(t, r->documents, e) || choose_validation(t, r, e) || arrange(t, e)) goto fail;
    *out = t;
    return 0;
fail:
    corpus_texts_free(t);
    return -1;
}

size_t corpus_texts_count(const corpus_texts *t, corpus_split split)
{
    return t->count[split];
}

size_t corpus_texts_bytes(const corpus_texts *t, corpus_split split)
{
    return t->bytes[split];
}

size_t corpus_texts_sources(const corpus_texts *t)
{
    return t->n_sources;
}

const char *corpus_texts_path(const corpus_texts *t, size_t source)
{
    return t->source[source].path;
}

const char *corpus_texts_sha256(const corpus_texts *t, size_t source)
{
    return t->source[source].hash.hex;
}

void corpus_texts_free(corpus_texts *t)
{
    if (!t) return;
    for (size_t i = 0; t->source && i < t->n_sources; i++) {
        if (t->source[i].at) munmap((void *)(uintptr_t)t->source[i].at, t->source[i].n);
        free(t->source[i].path);
    }
    free(t->source);
    free(t->document);
    free(t);
}
