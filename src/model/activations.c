/* SPDX-License-Identifier: MIT */
/* Files of kind `activations`, read. */
#include "broca/activations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- order of names ---- */

typedef struct {
    int group;   /* embed 0, blocks 1, anything else 2, final 3, logits 4 */
    long block;
    int part;    /* order of computation inside a block; the block's output is its last */
} tap_place;

static tap_place place_of(const char *tap)
{
    static const char *const parts[] = { ".ln_1", ".attn", ".ln_2", ".mlp" };
    if (str_same(tap, "embed")) return (tap_place){ 0, 0, 0 };
    if (str_same(tap, "final")) return (tap_place){ 3, 0, 0 };
    if (str_same(tap, "logits")) return (tap_place){ 4, 0, 0 };
    if (!str_begins(tap, "h.") || tap[2] < '0' || tap[2] > '9') return (tap_place){ 2, 0, 0 };
    char *rest = NULL;
    long block = strtol(tap + 2, &rest, 10);
    for (int i = 0; i < 4; i++)
        if (str_same(rest, parts[i])) return (tap_place){ 1, block, i };
    return (tap_place){ 1, block, 4 };
}

int tap_compare(const char *a, const char *b)
{
    tap_place x = place_of(a), y = place_of(b);
    if (x.group != y.group) return x.group < y.group ? -1 : 1;
    if (x.block != y.block) return x.block < y.block ? -1 : 1;
    if (x.part != y.part) return x.part < y.part ? -1 : 1;
    return strcmp(a, b);
}

static int compare_names(const void *a, const void *b)
{
    return tap_compare(*(char *const *)a, *(char *const *)b);
}

/* ---- tables ---- */

static int read_taps(activations *a, err *e)
{
    char **names = NULL;
    size_t n = 0;
    int status = -1;
    const char *path = store_path(a->file);
    if (!store_is_group(a->file, "tap")) {
        err_set(e, ERR_INPUT, "%s: there is no group /tap", path);
        goto done;
    }
    if (store_list(a->file, "tap", &names, &n, e)) goto done;
    if (n == 0) {
        err_set(e, ERR_INPUT, "%s: /tap is empty", path);
        goto done;
    }
    a->tap = arena_get(a->memory, (n + 1) * sizeof *a->tap, e);
    if (!a->tap) goto done;
    for (size_t i = 0; i < n; i++)
        if (!(a->tap[i] = arena_text(a->memory, names[i], strlen(names[i]), e))) goto done;
    qsort(a->tap, n, sizeof *a->tap, compare_names);
    a->taps = n;
    for (size_t i = 0; i < n; i++) {
        store_shape_t shape;
        char name[512];
        snprintf(name, sizeof name, "tap/%s", a->tap[i]);
        if (store_shape(a->file, name, &shape, e)) goto done;
        if (shape.rank != 2 || shape.type == STORE_TEXT) {
            err_set(e, ERR_INPUT, "%s: tap %s is not a matrix of numbers", path, a->tap[i]);
            goto done;
        }
        if (i == 0) a->n = shape.dims[0];
        if (shape.dims[0] != a->n) {
            err_set(e, ERR_INPUT, "%s: tap %s has %zu rows, tap %s has %zu", path, a->tap[i], shape.dims[0], a->tap[0], a->n);
            err_hint(e, "the file is damaged or was edited; extract it again");
            goto done;
        }
    }
    status = 0;
done:
    free(names);
    return status;
}

static int read_items(activations *a, err *e)
{
    store_shape_t shape;
    if (store_shape(a->file, "item/id", &shape, e)) return -1;
    if (shape.rank != 1) return err_set(e, ERR_INPUT, "%s: /item/id is not a column", store_path(a->file));
    a->items = shape.dims[0];
    if (store_column_text(a->file, "item/id", a->items, a->memory, &a->item, e)) return -1;
    if (store_column_i4(a->file, "item/run", a->items, a->memory, &a->item_run, e)) return -1;
    return store_column_i4(a->file, "item/tokens", a->items, a->memory, &a->item_tokens, e);
}

static int check_item(const activations *a, const int32_t *item, const char *what, err *e)
{
    for (size_t i = 0; i < a->n; i++)
        if (item[i] < 0 || (size_t)item[i] >= a->items)
            return err_set(e, ERR_INPUT, "%s: %s %zu belongs to item %d of %zu", store_path(a->file), what, i, item[i],
                           a->items);
    return 0;
}

static double *unknown_times(size_t n, arena *memory, err *e)
{
    double *times = arena_get(memory, (n + 1) * sizeof *times, e);
    for (size_t i = 0; times && i < n; i++) times[i] = NAN;
    return times;
}

static int read_words(activations *a, err *e)
{
    store *s = a->file;
    size_t n = a->words = a->n;
    arena *m = a->memory;
    a->per_word = true;
    if (store_column_i4(s, "word/item", n, m, &a->word_item, e) || store_column_text(s, "word/text", n, m, &a->word_text, e) ||
        store_column_f8(s, "word/onset", n, m, &a->word_onset, e) || store_column_f8(s, "word/offset", n, m, &a->word_offset, e) ||
        store_column_i4(s, "word/begin", n, m, &a->word_begin, e) || store_column_i4(s, "word/end", n, m, &a->word_end, e))
        return -1;
    if (!a->word_text) return err_set(e, ERR_INPUT, "%s: /word/text is missing", store_path(s));
    if (!a->word_onset && !(a->word_onset = unknown_times(n, m, e))) return -1;
    if (!a->word_offset && !(a->word_offset = unknown_times(n, m, e))) return -1;
    return check_item(a, a->word_item, "word", e);
}

static int read_tokens(activations *a, err *e)
{
    store_shape_t shape;
    int32_t *span = NULL;
    size_t count = 0, n = a->tokens = a->n;
    int status = -1;
    a->per_token = true;
    if (store_column_i4(a->file, "token/item", n, a->memory, &a->token_item, e)) return -1;
    if (check_item(a, a->token_item, "token", e)) return -1;
    if (!store_has(a->file, "token/span")) return 0;
    if (store_shape(a->file, "token/span", &shape, e)) return -1;
    if (shape.rank != 2 || shape.dims[0] != n || shape.dims[1] != 2)
        return err_set(e, ERR_INPUT, "%s: /token/span is not [%zu×2]", store_path(a->file), n);
    if (store_read_i4(a->file, "token/span", &span, &count, e)) return -1;
    a->token_begin = arena_get(a->memory, (n + 1) * sizeof *a->token_begin, e);
    a->token_end = arena_get(a->memory, (n + 1) * sizeof *a->token_end, e);
    if (!a->token_begin || !a->token_end) goto done;
    for (size_t i = 0; i < n; i++) {
        a->token_begin[i] = span[2 * i];
        a->token_end[i] = span[2 * i + 1];
    }
    status = 0;
done:
    free(span);
    return status;
}

/* Files with surprisal hold the table of tokens whatever their rows are. */
static bool rows_are_tokens(activations *a)
{
    const char *pooling = activations_attribute(a, "pooling");
    return store_has(a->file, "token/item") && (!*pooling || str_same(pooling, "none"));
}

static int read_rows(activations *a, err *e)
{
    if (store_has(a->file, "word/item")) return read_words(a, e);
    if (rows_are_tokens(a)) return read_tokens(a, e);
    if (a->n == a->items) return 0;
    err_set(e, ERR_INPUT, "%s: tap %s has %zu rows, /item/id has %zu", store_path(a->file), a->tap[0], a->n, a->items);
    return err_hint(e, "the file is damaged or was edited; extract it again");
}

/* ---- public ---- */

int activations_open(activations **out, const char *path, err *e)
{
    int status = -1;
    activations *a = mem_new(1, sizeof *a, e);
    if (!a) return -1;
    if (!(a->memory = arena_new(e))) goto done;
    if (store_open(&a->file, path, "activations", e)) goto done;
    if (read_taps(a, e) || read_items(a, e) || read_rows(a, e)) goto done;
    *out = a;
    a = NULL;
    status = 0;
done:
    if (status) err_while(e, "reading activations from %s", path);
    activations_close(a);
    return status;
}

void activations_close(activations *a)
{
    if (!a) return;
    store_close(a->file);
    arena_free(a->memory);
    free(a);
}

bool activations_has(const activations *a, const char *tap)
{
    for (size_t i = 0; i < a->taps; i++)
        if (str_same(a->tap[i], tap)) return true;
    return false;
}

static int unknown_tap(const activations *a, const char *tap, err *e)
{
    buffer known = { 0 };
    for (size_t i = 0; i < a->taps && i < 24; i++) buffer_printf(&known, "%s%s", i ? " " : "", a->tap[i]);
    err_set(e, ERR_USAGE, "%s has no tap '%s'", store_path(a->file), tap);
    err_hint(e, "it has %s%s", known.at ? known.at : "", a->taps > 24 ? " ..." : "");
    free(known.at);
    return -1;
}

int activations_width(activations *a, const char *tap, size_t *width, err *e)
{
    store_shape_t shape;
    char name[512];
    if (!activations_has(a, tap)) return unknown_tap(a, tap, e);
    snprintf(name, sizeof name, "tap/%s", tap);
    if (store_shape(a->file, name, &shape, e)) return -1;
    *width = shape.dims[1];
    return 0;
}

int activations_tap(activations *a, const char *tap, float **rows, size_t *width, err *e)
{
    char name[512];
    size_t count = 0;
    if (activations_width(a, tap, width, e)) return -1;
    snprintf(name, sizeof name, "tap/%s", tap);
    return store_read_f4(a->file, name, rows, &count, e);
}

const char *activations_row(const activations *a)
{
    return a->per_word ? "word" : a->per_token ? "token" : "item";
}

const char *activations_attribute(activations *a, const char *name)
{
    char *text = NULL, number[64];
    int64_t value;
    err e = { 0 };
    const char *kept = "";
    if (!store_has_attribute(a->file, "/", name)) return kept;
    if (store_get_text(a->file, "/", name, &text, &e) == 0) {
        kept = arena_text(a->memory, text, strlen(text), &e);
    } else if (store_get_int(a->file, "/", name, &value, &e) == 0) {
        snprintf(number, sizeof number, "%lld", (long long)value);
        kept = arena_text(a->memory, number, strlen(number), &e);
    }
    free(text);
    return kept ? kept : "";
}
