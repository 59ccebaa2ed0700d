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

/* Mean over the words of a text (of a label such as "she'd" one, of "daisy chain" two). */
static int mean_of(double *mean, const lexicon *l, const char *text, size_t *unknown, size_t *words, err *e)
{
    char **bag = NULL, *copy = NULL;
    size_t m = 0;
    double sum = 0;
    int status = stimuli_bag(&bag, &m, &copy, text, e);
    for (size_t k = 0; k < m && !status; k++) sum += log_share(l, bag[k], unknown);
    *words += m;
    *mean = m ? sum / (double)m : log(1 / l->total);
    free(bag);
    free(copy);
    return status;
}

static int of_words(stimuli *x, const lexicon *l, err *e)
{
    size_t unknown = 0, words = 0;
    if (!x->words) return 0;
    if (!(x->word_log_frequency = arena_get(x->memory, x->words * sizeof *x->word_log_frequency, e))) return -1;
    for (size_t i = 0; i < x->words; i++)
        if (mean_of(&x->word_log_frequency[i], l, x->word_text[i], &unknown, &words, e)) return -1;
    return 0;
}

int stimuli_add_frequency(stimuli *x, const char *path, size_t *unknown, size_t *words, err *e)
{
    lexicon l = { 0 };
    char text[40];
    int status = -1;
    *unknown = *words = 0;
    char **value = arena_get(x->memory, (x->n + 1) * sizeof *value, e);
    if (!value || lexicon_read(&l, path, e)) goto done;
    for (size_t i = 0; i < x->n; i++) {
        double mean;
        if (mean_of(&mean, &l, x->text[i], unknown, words, e)) goto done;
        snprintf(text, sizeof text, "%.9g", mean);
        if (!(value[i] = arena_text(x->memory, text, strlen(text), e))) goto done;
    }
    status = add_column(x, value, e) || of_words(x, &l, e) ? -1 : 0;
done:
    if (status) err_while(e, "reading word frequencies from %s", path);
    free(l.at);
    arena_free(l.memory);
    return status;
}
