/* SPDX-License-Identifier: MIT */
/* Features of items that need no model (METHODS 3.10): what a baseline is made of. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/stimuli.h"

enum { ONE_HOT = 10, RAMP = 10 };

static const char *const names[] = { "item_words", "item_characters", "item_word_length", "item_number", "group_position", NULL };

/* Words by blanks; characters of UTF-8, blanks within the text too. */
static void count(const char *text, double *words, double *characters, double *inside)
{
    bool in_word = false;
    *words = *characters = *inside = 0;
    for (; *text; text++) {
        bool blank = strchr(" \t\n\r", *text) != NULL, first = ((unsigned char)*text & 0xc0) != 0x80;
        *words += !blank && !in_word;
        *characters += first;
        *inside += first && !blank;
        in_word = !blank;
    }
}

/* One-hot up to 10, then a ramp that saturates after 10 more. Items of one group in order, wherever they stand. */
static int group_positions(const stimuli *x, float *out, err *e)
{
    if (!x->group) return err_set(e, ERR_INPUT, "these stimuli have no groups, which the feature 'group_position' needs");
    for (size_t i = 0; i < x->n; i++) {
        size_t before = 0;
        for (size_t k = i; k-- > 0 && before < ONE_HOT + RAMP;) before += str_same(x->group[k], x->group[i]);
        if (before < ONE_HOT) out[i * (ONE_HOT + 1) + before] = 1;
        else out[i * (ONE_HOT + 1) + ONE_HOT] = (float)(before - ONE_HOT + 1 < RAMP ? before - ONE_HOT + 1 : RAMP);
    }
    return 0;
}

/* Number of an item within its run, from 1. */
static void numbers(const stimuli *x, float *out)
{
    for (size_t i = 0; i < x->n; i++) {
        size_t k = i;
        out[i] = 1;
        while (k-- > 0)
            if (!x->run || x->run[k] == x->run[i]) {
                out[i] = out[k] + 1;
                break;
            }
    }
}

/* A further column of the user's table, if all of it are numbers. */
static int own_column(const stimuli *x, const text_column *c, float *out, err *e)
{
    for (size_t i = 0; i < x->n; i++) {
        double value;
        if (parse_double(c->value[i], &value) || !isfinite(value))
            return err_set(e, ERR_INPUT, "item '%s': '%.60s' in the column '%s' is no number", x->id[i], c->value[i], c->name);
        if (fabs(value) > (double)FLT_MAX)
            return err_set(e, ERR_INPUT, "item '%s': %g in the column '%s' overflows float32", x->id[i], value, c->name);
        out[i] = (float)value;
    }
    return 0;
}

static int unknown(const stimuli *x, const char *name, err *e)
{
    const char **all = mem_new(x->n_extra + sizeof names / sizeof *names + 1, sizeof *all, e);
    size_t n = 0;
    if (!all) return -1;
    for (size_t i = 0; names[i]; i++) all[n++] = names[i];
    for (size_t i = 0; i < x->n_extra; i++) all[n++] = x->extra[i].name;
    const char *nearest = str_nearest(name, all);
    err_set(e, ERR_USAGE, "no feature of these stimuli is called '%s'", name);
    if (nearest) err_hint(e, "did you mean '%s'?", nearest);
    else err_hint(e, "of items there are item_words, item_characters, item_word_length, item_number, group_position and the "
                     "further columns of the table; of timed words word_rate and word_letters");
    free(all);
    return -1;
}

int stimuli_item_feature(const stimuli *x, const char *name, float **out, size_t *width, err *e)
{
    bool position = str_same(name, "group_position");
    int status = 0;
    *width = position ? ONE_HOT + 1 : 1;
    float *f = *out = mem_new(x->n * *width + 1, sizeof *f, e);
    if (!f) return -1;
    if (position) status = group_positions(x, f, e);
    else if (str_same(name, "item_number")) numbers(x, f);
    else if (str_begins(name, "item_word") || str_same(name, "item_characters")) {
        for (size_t i = 0; i < x->n && !status; i++) {
            double words, characters, inside;
            count(x->text[i], &words, &characters, &inside);
            if (str_same(name, "item_words")) f[i] = (float)words;
            else if (str_same(name, "item_characters")) f[i] = (float)characters;
            else if (str_same(name, "item_word_length")) f[i] = (float)(words > 0 ? inside / words : 0);
            else status = unknown(x, name, e);
        }
    } else {
        const text_column *own = NULL;
        for (size_t i = 0; i < x->n_extra && !own; i++)
            if (str_same(x->extra[i].name, name)) own = &x->extra[i];
        status = own ? own_column(x, own, f, e) : unknown(x, name, e);
    }
    if (!status) return 0;
    free(f);
    *out = NULL;
    return -1;
}

static bool is_id(const char *name)
{
    return str_same(name, "id") || str_same(name, "item") || str_same(name, "text");
}

int stimuli_table_features(char ***ids, float **values, size_t *n, size_t *width, const table_source *source, err *e)
{
    table *t = NULL;
    size_t id, bytes = 0, at = 0;
    double value;
    int status = -1;
    *ids = NULL;
    *values = NULL;
    *width = 0;
    if (table_open(&t, source, e) || table_find(t, table_has(t, "id") ? "id" : "item", &id, e)) goto done;
    *n = table_rows(t);
    for (size_t c = 0; c < table_columns(t); c++) *width += !is_id(table_name(t, c));
    if (!*n || !*width) {
        err_set(e, ERR_INPUT, "%s: %zu rows and %zu columns of numbers", source->path, *n, *width);
        goto done;
    }
    for (size_t i = 0; i < *n; i++) bytes += strlen(table_cell(t, i, id)) + 1;
    if (!(*values = mem_new(*n * *width, sizeof **values, e)) || !(*ids = mem_new(*n * sizeof **ids + bytes, 1, e))) goto done;
    char *text = (char *)(*ids + *n);
    for (size_t i = 0; i < *n; i++) {
        const char *cell = table_cell(t, i, id);
        (*ids)[i] = strcpy(text, cell);
        text += strlen(cell) + 1;
        for (size_t c = 0; c < table_columns(t); c++) {
            if (is_id(table_name(t, c))) continue;
            if (table_number(t, i, c, &value, e)) goto done;
            if (!isfinite(value)) {
                err_set(e, ERR_INPUT, "%s: row %zu, column '%s' is no finite number", source->path, i + 1, table_name(t, c));
                goto done;
            }
            (*values)[at++] = (float)value;
        }
    }
    status = 0;
done:
    if (status) {
        err_while(e, "reading features from the table %s", source->path);
        free(*ids);
        free(*values);
        *ids = NULL;
        *values = NULL;
    }
    table_free(t);
    return status;
}
