/* SPDX-License-Identifier: MIT */
/* Stimuli from tables: items, and timed words. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"

static const char *const known[] = { "id", "text", "group", "condition", "run", "onset", "duration", NULL };

static bool is_known(const char *name)
{
    for (size_t i = 0; known[i]; i++)
        if (str_same(known[i], name)) return true;
    return false;
}

static int text_cells(const table *t, const char *name, arena *a, char ***out, err *e)
{
    size_t column, n = table_rows(t);
    if (!table_has(t, name)) return 0;
    if (table_find(t, name, &column, e) || !(*out = arena_get(a, (n + 1) * sizeof **out, e))) return -1;
    for (size_t i = 0; i < n; i++) {
        const char *cell = table_cell(t, i, column);
        if (!((*out)[i] = arena_text(a, cell, strlen(cell), e))) return -1;
    }
    return 0;
}

static int real_cells(const table *t, const char *name, arena *a, double **out, err *e)
{
    size_t column, n = table_rows(t);
    if (!table_has(t, name)) return 0;
    if (table_find(t, name, &column, e) || !(*out = arena_get(a, (n + 1) * sizeof **out, e))) return -1;
    for (size_t i = 0; i < n; i++)
        if (table_number(t, i, column, &(*out)[i], e)) return -1;
    return 0;
}

static int run_cells(const table *t, const char *path, arena *a, int32_t **out, err *e)
{
    double *values = NULL;
    size_t n = table_rows(t);
    if (real_cells(t, "run", a, &values, e)) return -1;
    if (!values) return 0;
    if (!(*out = arena_get(a, (n + 1) * sizeof **out, e))) return -1;
    for (size_t i = 0; i < n; i++) {
        if (values[i] != floor(values[i]) || fabs(values[i]) > 1e9)
            return err_set(e, ERR_INPUT, "%s: row %zu: run %g is no whole number", path, i + 1, values[i]);
        (*out)[i] = (int32_t)values[i];
    }
    return 0;
}

static int number_items(stimuli *x, err *e)
{
    char name[32];
    if (x->id) return 0;
    if (!(x->id = arena_get(x->memory, (x->n + 1) * sizeof *x->id, e))) return -1;
    for (size_t i = 0; i < x->n; i++) {
        int length = snprintf(name, sizeof name, "item%zu", i + 1);
        if (!(x->id[i] = arena_text(x->memory, name, (size_t)length, e))) return -1;
    }
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int check_unique(const stimuli *x, const char *path, err *e)
{
    char **sorted = mem_copy(x->id, (x->n + 1) * sizeof *x->id, e);
    int status = 0;
    if (!sorted) return -1;
    qsort(sorted, x->n, sizeof *sorted, by_text);
    for (size_t i = 1; i < x->n && !status; i++)
        if (str_same(sorted[i], sorted[i - 1]))
            status = err_set(e, ERR_INPUT, "%s: the id '%s' stands twice", path, sorted[i]);
    free(sorted);
    return status;
}

static int extra_columns(stimuli *x, const table *t, err *e)
{
    char unnamed[32];
    if (!(x->extra = arena_get(x->memory, (table_columns(t) + 1) * sizeof *x->extra, e))) return -1;
    for (size_t c = 0; c < table_columns(t); c++) {
        const char *name = table_name(t, c), *kept = name;
        if (is_known(name)) continue;
        snprintf(unnamed, sizeof unnamed, "column%zu", c + 1);
        if (!*name) kept = unnamed; /* row numbers that some programs write */
        text_column *to = &x->extra[x->n_extra++];
        if (!(to->name = arena_text(x->memory, kept, strlen(kept), e))) return -1;
        for (char *p = to->name; *p; p++)
            if (*p == '/') *p = '_'; /* a slash would make a group of it */
        if (text_cells(t, name, x->memory, &to->value, e)) return -1;
    }
    return 0;
}

static int allocate_words(stimuli *x, size_t n, err *e)
{
    arena *a = x->memory;
    x->words = n;
    x->word_item = arena_get(a, (n + 1) * sizeof *x->word_item, e);
    x->word_begin = arena_get(a, (n + 1) * sizeof *x->word_begin, e);
    x->word_end = arena_get(a, (n + 1) * sizeof *x->word_end, e);
    return x->word_item && x->word_begin && x->word_end ? 0 : -1;
}

/* Finds each word in its item's text, after the one before it. */
static int place_words(stimuli *x, char *const *item, const char *path, err *e)
{
    size_t at = SIZE_MAX;
    const char *from = NULL;
    for (size_t i = 0; i < x->words; i++) {
        if (at == SIZE_MAX || !str_same(item[i], x->id[at])) {
            at = stimuli_find(x, item[i]);
            if (at == SIZE_MAX) return err_set(e, ERR_INPUT, "%s: row %zu: no item is called '%s'", path, i + 1, item[i]);
            from = x->text[at];
        }
        const char *found = *x->word_text[i] ? strstr(from, x->word_text[i]) : NULL;
        if (!found)
            return err_set(e, ERR_INPUT, "%s: row %zu: '%s' does not occur in what is left of the text of item '%s'", path,
                           i + 1, x->word_text[i], item[i]);
        x->word_item[i] = (int32_t)at;
        x->word_begin[i] = (int32_t)(found - x->text[at]);
        from = found + strlen(x->word_text[i]);
        x->word_end[i] = (int32_t)(from - x->text[at]);
    }
    return 0;
}

static int add_words(stimuli *x, const char *path, err *e)
{
    table *t = NULL;
    char **item = NULL;
    int status = -1;
    size_t column;
    if (table_read(&t, path, 0, true, e)) goto done;
    if (table_find(t, "item", &column, e) || table_find(t, "word", &column, e)) goto done;
    if (allocate_words(x, table_rows(t), e)) goto done;
    if (text_cells(t, "item", x->memory, &item, e) || text_cells(t, "word", x->memory, &x->word_text, e)) goto done;
    if (table_find(t, "onset", &column, e) || table_find(t, "offset", &column, e)) goto done;
    if (real_cells(t, "onset", x->memory, &x->word_onset, e) || real_cells(t, "offset", x->memory, &x->word_offset, e))
        goto done;
    status = place_words(x, item, path, e);
done:
    table_free(t);
    return status;
}

int stimuli_from_table(stimuli **out, const table_source *source, const char *words, err *e)
{
    const char *path = source->path;
    table *t = NULL;
    stimuli *x = NULL;
    size_t column;
    int status = -1;
    if (table_open(&t, source, e)) goto done;
    if (!(x = stimuli_new(e))) goto done;
    x->n = table_rows(t);
    if (!x->n) {
        err_set(e, ERR_INPUT, "%s: no rows", path);
        goto done;
    }
    if (table_find(t, "text", &column, e)) goto done;
    arena *a = x->memory;
    if (text_cells(t, "id", a, &x->id, e) || text_cells(t, "text", a, &x->text, e) ||
        text_cells(t, "group", a, &x->group, e) || text_cells(t, "condition", a, &x->condition, e) ||
        run_cells(t, path, a, &x->run, e) || real_cells(t, "onset", a, &x->onset, e) ||
        real_cells(t, "duration", a, &x->duration, e) || extra_columns(x, t, e))
        goto done;
    if (number_items(x, e) || check_unique(x, path, e)) goto done;
    if (words && add_words(x, words, e)) goto done;
    *out = x;
    x = NULL;
    status = 0;
done:
    if (status) err_while(e, "reading stimuli from the table %s", path);
    stimuli_free(x);
    table_free(t);
    return status;
}

int stimuli_from_words(stimuli **out, const char *path, const char *id, err *e)
{
    table *t = NULL;
    timed_word *words = NULL;
    size_t onset, offset, word;
    int status = -1;
    if (table_read(&t, path, 0, true, e)) goto done;
    if (table_find(t, "onset", &onset, e) || table_find(t, "offset", &offset, e)) goto done;
    if (table_find(t, table_has(t, "text") ? "text" : "word", &word, e)) goto done;
    if (!(words = mem_new(table_rows(t) + 1, sizeof *words, e))) goto done;
    for (size_t i = 0; i < table_rows(t); i++) {
        /* borrowed from the table, which outlives the join; never written to */
        union { const char *in; char *out; } cell = { .in = table_cell(t, i, word) };
        words[i].text = cell.out;
        if (table_number(t, i, onset, &words[i].onset, e) || table_number(t, i, offset, &words[i].offset, e)) goto done;
        if (!*words[i].text) {
            err_set(e, ERR_INPUT, "%s: row %zu: an empty word", path, i + 1);
            goto done;
        }
    }
    status = stimuli_join(out, words, table_rows(t), id, path, e);
done:
    if (status) err_while(e, "reading timed words from the table %s", path);
    free(words);
    table_free(t);
    return status;
}
