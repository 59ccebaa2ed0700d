/* SPDX-License-Identifier: MIT */
/* Files of kind `stimuli`: the groups /item and /word. */
#include "broca/stimuli.h"

#include <stdlib.h>
#include <string.h>

#include "build.h"

static const char *const known[] = { "id", "text", "group", "condition", "run", "onset", "duration", NULL };

stimuli *stimuli_new(err *e)
{
    stimuli *x = mem_new(1, sizeof *x, e);
    if (!x) return NULL;
    x->memory = arena_new(e);
    if (x->memory) return x;
    free(x);
    return NULL;
}

void stimuli_free(stimuli *x)
{
    if (!x) return;
    arena_free(x->memory);
    free(x);
}

static bool is_known(const char *name)
{
    for (size_t i = 0; known[i]; i++)
        if (str_same(known[i], name)) return true;
    return false;
}

/* Further columns are texts; numeric ones that other programs wrote are left where they are. */
static int read_extra(store *s, stimuli *x, err *e)
{
    char **names = NULL, path[512];
    size_t n;
    if (store_list(s, "item", &names, &n, e)) return -1;
    int status = -1;
    x->extra = arena_get(x->memory, (n + 1) * sizeof *x->extra, e);
    if (!x->extra) goto done;
    for (size_t i = 0; i < n; i++) {
        store_shape_t shape;
        if (is_known(names[i])) continue;
        snprintf(path, sizeof path, "item/%s", names[i]);
        if (store_shape(s, path, &shape, e)) goto done;
        if (shape.type != STORE_TEXT) continue;
        text_column *c = &x->extra[x->n_extra];
        c->name = arena_text(x->memory, names[i], strlen(names[i]), e);
        if (!c->name || store_column_text(s, path, x->n, x->memory, &c->value, e)) goto done;
        x->n_extra++;
    }
    status = 0;
done:
    free(names);
    return status;
}

static int check_words(const stimuli *x, const char *path, err *e)
{
    for (size_t i = 0; i < x->words; i++) {
        if (x->word_item[i] < 0 || (size_t)x->word_item[i] >= x->n)
            return err_set(e, ERR_INPUT, "%s: word %zu belongs to item %d of %zu", path, i, x->word_item[i], x->n);
        if (!x->word_begin) continue;
        size_t length = strlen(x->text[x->word_item[i]]);
        if (x->word_begin[i] < 0 || x->word_end[i] <= x->word_begin[i] || (size_t)x->word_end[i] > length)
            return err_set(e, ERR_INPUT, "%s: word %zu spans bytes %d to %d of a text of %zu", path, i, x->word_begin[i],
                           x->word_end[i], length);
    }
    return 0;
}

static int read_words(store *s, stimuli *x, err *e)
{
    store_shape_t shape;
    arena *a = x->memory;
    if (!store_has(s, "word")) return 0;
    if (store_shape(s, "word/item", &shape, e)) return -1;
    size_t n = x->words = shape.dims[0];
    if (store_column_i4(s, "word/item", n, a, &x->word_item, e) || store_column_text(s, "word/text", n, a, &x->word_text, e) ||
        store_column_f8(s, "word/onset", n, a, &x->word_onset, e) || store_column_f8(s, "word/offset", n, a, &x->word_offset, e) ||
        store_column_f8(s, "word/log_frequency", n, a, &x->word_log_frequency, e) ||
        store_column_i4(s, "word/begin", n, a, &x->word_begin, e) || store_column_i4(s, "word/end", n, a, &x->word_end, e))
        return -1;
    if (!x->word_text || !x->word_onset || !x->word_offset || !x->word_begin || !x->word_end)
        return err_set(e, ERR_INPUT, "%s: /word lacks one of text, onset, offset, begin, end", store_path(s));
    return check_words(x, store_path(s), e);
}

int stimuli_read(stimuli **out, const char *path, err *e)
{
    store *s = NULL;
    stimuli *x = NULL;
    store_shape_t shape;
    int status = -1;
    if (store_open(&s, path, "stimuli", e)) goto done;
    if (!(x = stimuli_new(e))) goto done;
    if (store_shape(s, "item/id", &shape, e)) goto done;
    size_t n = x->n = shape.dims[0];
    if (store_column_text(s, "item/id", n, x->memory, &x->id, e) || store_column_text(s, "item/text", n, x->memory, &x->text, e) ||
        store_column_text(s, "item/group", n, x->memory, &x->group, e) ||
        store_column_text(s, "item/condition", n, x->memory, &x->condition, e) ||
        store_column_i4(s, "item/run", n, x->memory, &x->run, e) || store_column_f8(s, "item/onset", n, x->memory, &x->onset, e) ||
        store_column_f8(s, "item/duration", n, x->memory, &x->duration, e))
        goto done;
    if (!x->text) {
        err_set(e, ERR_INPUT, "%s: /item/text is missing", path);
        goto done;
    }
    if (read_extra(s, x, e) || read_words(s, x, e)) goto done;
    *out = x;
    x = NULL;
    status = 0;
done:
    if (status) err_while(e, "reading stimuli from %s", path);
    stimuli_free(x);
    store_close(s);
    return status;
}

int stimuli_put(store *s, const stimuli *x, err *e)
{
    char path[512];
    size_t n = x->n, m = x->words;
    if (store_put_text(s, "item/id", x->id, n, e) || store_put_text(s, "item/text", x->text, n, e) ||
        store_put_text(s, "item/group", x->group, n, e) || store_put_text(s, "item/condition", x->condition, n, e) ||
        store_put_i4(s, "item/run", x->run, n, e) || store_put_f8(s, "item/onset", x->onset, n, e) ||
        store_put_f8(s, "item/duration", x->duration, n, e))
        return -1;
    for (size_t i = 0; i < x->n_extra; i++) {
        snprintf(path, sizeof path, "item/%s", x->extra[i].name);
        if (store_put_text(s, path, x->extra[i].value, n, e)) return -1;
    }
    if (!m) return 0;
    if (store_put_i4(s, "word/item", x->word_item, m, e) || store_put_text(s, "word/text", x->word_text, m, e) ||
        store_put_f8(s, "word/onset", x->word_onset, m, e) || store_put_f8(s, "word/offset", x->word_offset, m, e) ||
        (x->word_log_frequency && store_put_f8(s, "word/log_frequency", x->word_log_frequency, m, e)) ||
        store_put_i4(s, "word/begin", x->word_begin, m, e) || store_put_i4(s, "word/end", x->word_end, m, e))
        return -1;
    return 0;
}

size_t stimuli_find(const stimuli *x, const char *id)
{
    for (size_t i = 0; i < x->n; i++)
        if (str_same(x->id[i], id)) return i;
    return SIZE_MAX;
}

int stimuli_use_condition(stimuli *x, const char *column, err *e)
{
    char names[256] = "";
    size_t used = 0;
    if (str_same(column, "condition")) return 0;
    for (size_t i = 0; i < x->n_extra; i++) {
        if (str_same(x->extra[i].name, column)) {
            x->condition = x->extra[i].value;
            return 0;
        }
        if (used < sizeof names) used += (size_t)snprintf(names + used, sizeof names - used, " %.60s", x->extra[i].name);
    }
    return err_set(e, ERR_USAGE, "the stimuli have no column '%s'; beside condition there are:%s", column, used ? names : " none");
}
