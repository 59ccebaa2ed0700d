/* SPDX-License-Identifier: MIT */
/* oracles/tokenizers: ids, byte spans, special tokens and decoding of every text, compared exactly. */
#include "oracle.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "broca/model.h"
#include "broca/store.h"

static int unpack(const char *from, const char *to)
{
    char block[1 << 16];
    int n;
    gzFile in = gzopen(from, "rb");
    FILE *out = fopen(to, "wb");
    while (in && out && (n = gzread(in, block, sizeof block)) > 0) fwrite(block, 1, (size_t)n, out);
    bool good = in && out;
    if (in) gzclose(in);
    if (out) fclose(out);
    return good ? 0 : -1;
}

static int open_packed(tokenizer **t, const char *path, err *e)
{
    static const char *const names[] = { "vocab.json", "merges.txt", "tokenizer.json" };
    char folder[] = "/tmp/broca-oracle-XXXXXX", from[4096], to[4096];
    if (!mkdtemp(folder)) return -1;
    for (size_t i = 0; i < 3; i++) {
        snprintf(from, sizeof from, "%s/%s.gz", path, names[i]);
        snprintf(to, sizeof to, "%s/%s", folder, names[i]);
        if (file_exists(from) && unpack(from, to)) return -1;
    }
    int status = tokenizer_open(t, folder, e);
    for (size_t i = 0; i < 3; i++) {
        snprintf(to, sizeof to, "%s/%s", folder, names[i]);
        unlink(to);
    }
    rmdir(folder);
    return status;
}

static int open_case(tokenizer **t, const oracle_case *c, const char *file, err *e)
{
    char path[4096];
    if (str_ends(file, ".gz")) return open_packed(t, c->path, e);
    snprintf(path, sizeof path, "%s/%s", c->path, file);
    if (str_same(file, "vocab.json")) return tokenizer_open(t, c->path, e);
    return tokenizer_open_file(t, path, e);
}

/* The text of a row; bytes_hex is the text where it is there. *n: its bytes. */
static char *text_of(const json *entry, size_t *n)
{
    const char *hex = json_text(json_get(entry, "bytes_hex"), NULL), *text = json_text(json_get(entry, "text"), "");
    if (!hex) {
        *n = strlen(text);
        return strdup(text);
    }
    char *bytes = calloc(strlen(hex) / 2 + 1, 1);
    for (*n = 0; bytes && hex[2 * *n] && hex[2 * *n + 1]; ++*n) {
        char pair[3] = { hex[2 * *n], hex[2 * *n + 1], 0 };
        bytes[*n] = (char)strtol(pair, NULL, 16);
    }
    return bytes;
}

static bool same_ids(const token_list *got, const json *want)
{
    size_t i = 0;
    for (const json *w = json_first(want); w; w = json_next(w), i++)
        if (i >= got->n || got->id[i] != (int32_t)json_number(w, -1)) return false;
    return i == got->n;
}

static bool same_spans(const token_list *got, const json *want)
{
    size_t i = 0;
    for (const json *w = json_first(want); w; w = json_next(w), i++) {
        const json *b = json_first(w), *e = json_next(b);
        if (i >= got->n || got->begin[i] != (int64_t)json_number(b, -1) || got->end[i] != (int64_t)json_number(e, -1)) return false;
    }
    return i == got->n;
}

static bool same_decoding(const tokenizer *t, const token_list *ids, bool skip, const json *want, const char *text, err *e)
{
    buffer b = { 0 };
    bool same = !tokenizer_decode(t, ids->id, ids->n, skip, &b, e) &&
                str_same(b.at ? b.at : "", json_bool(want, false) ? text : json_text(want, ""));
    free(b.at);
    return same;
}

static const char *check_row(const tokenizer *t, const json *row, const json *entry, err *e)
{
    size_t n;
    token_list plain = { 0 }, special = { 0 }, raw = { 0 };
    const char *wrong = NULL, *shown = json_text(json_get(entry, "text"), "");
    char *text = text_of(entry, &n);
    const json *want_special = json_get(row, "ids_special"), *skipping = json_get(row, "decoded_skip_special");
    /* spans are given for the text with U+FFFD where the bytes were ill-formed; the raw bytes must give the same ids */
    if (!text || tokenizer_encode(t, text, n, false, &raw, e) || tokenizer_encode(t, shown, strlen(shown), false, &plain, e) ||
        tokenizer_encode(t, text, n, true, &special, e))
        wrong = "error";
    else if (!same_ids(&raw, json_get(row, "ids"))) wrong = "ids of the raw bytes";
    else if (!same_ids(&plain, json_get(row, "ids"))) wrong = "ids";
    else if (json_get(row, "span") && !same_spans(&plain, json_get(row, "span"))) wrong = "spans";
    else if (!same_ids(&special, want_special ? want_special : json_get(row, "ids"))) wrong = "ids with special tokens";
    else if (!same_decoding(t, &plain, false, json_get(row, "decoded"), shown, e)) wrong = "decoding";
    else if (!same_decoding(t, &special, true, skipping ? skipping : json_get(row, "decoded"), shown, e))
        wrong = "decoding without special tokens";
    token_list_free(&plain);
    token_list_free(&raw);
    token_list_free(&special);
    free(text);
    return wrong;
}

static void check_rows(const tokenizer *t, const json *expected, const json *texts, oracle_result *r)
{
    const json *entry = json_first(texts);
    size_t rows = 0, failed = 0;
    for (const json *row = json_first(json_get(expected, "rows")); row; row = json_next(row), entry = json_next(entry), rows++) {
        err e = { 0 };
        const char *id = json_text(json_get(row, "id"), "?");
        const char *wrong = str_same(id, json_text(json_get(entry, "id"), "")) ? check_row(t, row, entry, &e) : "order of texts";
        if (wrong && !failed++) oracle_end(r, ORACLE_FAIL, "text %s: %s differ %s", id, wrong, err_text(&e));
    }
    if (failed) {
        char more[64];
        snprintf(more, sizeof more, " (%zu of %zu rows)", failed, rows);
        strncat(r->reason, more, sizeof r->reason - strlen(r->reason) - 1);
    }
    if (!rows) oracle_end(r, ORACLE_FAIL, "no rows");
}

oracle_status check_tokenizers(const oracle_case *c, oracle_result *r)
{
    char path[4096], texts_path[2048];
    json *expected = NULL, *texts = NULL;
    tokenizer *t = NULL;
    err e = { 0 };
    snprintf(path, sizeof path, "%s/expected.json", c->path);
    if (oracle_sibling(c, "texts.json", texts_path, sizeof texts_path)) return oracle_end(r, ORACLE_UNREADABLE, "no texts.json");
    if (json_read(&expected, path, 64u << 20, &e) || json_read(&texts, texts_path, 64u << 20, &e)) {
        oracle_end(r, ORACLE_UNREADABLE, "%s", err_text(&e));
        goto done;
    }
    if (open_case(&t, c, json_text(json_get(expected, "tokenizer"), "tokenizer.json"), &e)) {
        oracle_status s = strstr(err_text(&e), "not known yet") ? ORACLE_SKIP : ORACLE_FAIL;
        e.text[strcspn(e.text, "\n")] = 0;
        const char *slash = strrchr(e.text, '/');
        oracle_end(r, s, "%s", slash ? slash + 1 : e.text);
        goto done;
    }
    check_rows(t, expected, texts, r);
    if ((double)tokenizer_vocabulary(t) != json_number(json_get(expected, "vocab_size"), -1) && r->status == ORACLE_PASS)
        oracle_end(r, ORACLE_FAIL, "vocabulary of %zu", tokenizer_vocabulary(t));
done:
    tokenizer_free(t);
    json_free(expected);
    json_free(texts);
    return r->status;
}
