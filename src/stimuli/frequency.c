/* SPDX-License-Identifier: MIT */
/* How common words are, from a user's table of counts (METHODS 3.10). Of an unknown word the count is 0; ln of the share of
 * (count + 1) among all counts and types, so that nothing is infinite. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"

typedef struct {
    char *word;
    double count;
} entry;

typedef struct {
    entry *at;
    size_t n;
    double total; /* counts and types */
    arena *memory;
} lexicon;

static int by_word(const void *a, const void *b)
{
    return strcmp(((const entry *)a)->word, ((const entry *)b)->word);
}

static void lower(char *p)
{
    for (; *p; p++)
        if (*p >= 'A' && *p <= 'Z') *p = (char)(*p - 'A' + 'a');
}

/* Columns word and count; or two columns without a header. */
static int lexicon_read(lexicon *l, const char *path, err *e)
{
    table *t = NULL;
    int status = -1;
    if (table_read(&t, path, 0, false, e)) goto done;
    if (table_columns(t) < 2 || table_rows(t) < 2) {
        err_set(e, ERR_INPUT, "%s: a word and its count a line are expected", path);
        goto done;
    }
    size_t rows = table_rows(t), word = 0, count = 1, first = 0;
    for (size_t c = 0; c < table_columns(t); c++) {
        if (str_same(table_cell(t, 0, c), "word")) word = c, first = 1;
        if (str_same(table_cell(t, 0, c), "count")) count = c, first = 1;
    }
    if (!(l->at = mem_new(rows, sizeof *l->at, e)) || !(l->memory = arena_new(e))) goto done;
    for (size_t i = first; i < rows; i++) {
        const char *cell = table_cell(t, i, word);
        entry *to = &l->at[l->n];
        if (table_number(t, i, count, &to->count, e)) goto done;
        if (!(to->count >= 0) || !isfinite(to->count)) {
            err_set(e, ERR_INPUT, "%s: line %zu: the count of '%s' is no number of words", path, i + 1, cell);
            goto done;
        }
        if (!(to->word = arena_text(l->memory, cell, strlen(cell), e))) goto done;
        lower(to->word);
        l->total += to->count + 1;
        l->n++;
    }
    qsort(l->at, l->n, sizeof *l->at, by_word);
    status = 0;
done:
    table_free(t);
    return status;
}

/* Upper- and lower-case forms are one word: their counts add up. */
static double log_share(const lexicon *l, char *word, size_t *unknown)
{
    entry key = { word, 0 };
    const entry *found = bsearch(&key, l->at, l->n, sizeof *l->at, by_word);
    double count = 0;
    if (!found) ++*unknown;
    else {
        while (found > l->at && str_same(found[-1].word, word)) found--;
        for (; found < l->at + l->n && str_same(found->word, word); found++) count += found->count;
    }
    return log((count + 1) / l->total);
}

static int add_column(stimuli *x, char **value, err *e)
{
    arena *a = x->memory;
    text_column *more = arena_get(a, (x->n_extra + 1) * sizeof *more, e);
    if (!more) return -1;
    if (x->n_extra) memcpy(more, x->extra, x->n_extra * sizeof *more);
    for (size_t i = 0; i < x->n_extra; i++)
        if (str_same(more[i].name, "log_frequency"))
            return err_set(e, ERR_INPUT, "the table has a column log_frequency already; leave --frequencies out to use it");
    more[x->n_extra] = (text_column){ arena_text(a, "log_frequency", strlen("log_frequency"), e), value };
    x->extra = more;
    return more[x->n_extra++].name ? 0 : -1;
}

int stimuli_add_frequency(stimuli *x, const char *path, size_t *unknown, size_t *words, err *e)
{
    lexicon l = { 0 };
    char **bag = NULL, *copy = NULL, text[40];
    int status = -1;
    *unknown = *words = 0;
    char **value = arena_get(x->memory, (x->n + 1) * sizeof *value, e);
    if (!value || lexicon_read(&l, path, e)) goto done;
    for (size_t i = 0; i < x->n; i++) {
        size_t m;
        double sum = 0;
        if (stimuli_bag(&bag, &m, &copy, x->text[i], e)) goto done;
        for (size_t k = 0; k < m; k++) sum += log_share(&l, bag[k], unknown);
        *words += m;
        snprintf(text, sizeof text, "%.9g", m ? sum / (double)m : log(1 / l.total));
        if (!(value[i] = arena_text(x->memory, text, strlen(text), e))) goto done;
        free(bag);
        free(copy);
        bag = NULL;
        copy = NULL;
    }
    status = add_column(x, value, e);
done:
    if (status) err_while(e, "reading word frequencies from %s", path);
    free(bag);
    free(copy);
    free(l.at);
    arena_free(l.memory);
    return status;
}
