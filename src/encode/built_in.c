/* SPDX-License-Identifier: MIT */
/* Features that need no model: the baseline's columns (METHODS 3.10) and OASM (3.12). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "features.h"

/* ---- columns of stimuli ---- */

static int runs_of_words(int32_t **out, const stimuli *x, err *e)
{
    *out = NULL;
    if (!x->run) return 0;
    if (!(*out = mem_new(x->words + 1, sizeof **out, e))) return -1;
    for (size_t i = 0; i < x->words; i++) (*out)[i] = x->run[x->word_item[i]];
    return 0;
}

/* A value a word, on the samples; has_word says whether a sample has one. */
static int word_column(double **rows, size_t *width, const stimuli *x, const char *name, const feature_context *c, err *e)
{
    if (!(c->r->tr > 0)) return err_set(e, ERR_USAGE, "'%s' is a feature of timed words, the responses are no time series", name);
    bool has = str_same(name, "has_word");
    int32_t *runs = NULL;
    float *f = mem_new(x->words + 1, sizeof *f, e);
    int status = -1;
    if (!f || runs_of_words(&runs, x, e) || stimuli_word_feature(x, has ? "word_rate" : name, f, e)) goto done;
    if (!has) {
        status = words_to_samples(rows, width, c, f, 1, x->words, x->word_onset, runs, e);
        goto done;
    }
    double *sum = mem_new(c->r->n, sizeof *sum, e), *count = mem_new(c->r->n, sizeof *count, e);
    if (sum && count && !downsample_sum(sum, count, f, x->word_onset, runs, x->words, 1, c->r->onset, c->r->run, c->r->n, c->r->tr, e)) {
        for (size_t i = 0; i < c->r->n; i++) sum[i] = count[i] > 0;
        *rows = sum;
        *width = 1;
        sum = NULL;
        status = 0;
    }
    free(sum);
    free(count);
done:
    free(f);
    free(runs);
    return status;
}

static int item_column(double **rows, size_t *width, const stimuli *x, const char *name, const feature_context *c, err *e)
{
    float *f = NULL;
    int status = stimuli_item_feature(x, name, &f, width, e) ? -1 : items_to_presentations(rows, c, f, *width, x->id, x->n, e);
    free(f);
    return status;
}

/* "baseline": every column there is of METHODS 3.10. */
static const char *standing_for(const char *names, const stimuli *x, bool series)
{
    if (!str_same(names, "baseline")) return names;
    if (series) return "word_rate,has_word";
    bool frequency = false;
    for (size_t k = 0; k < x->n_extra; k++) frequency = frequency || str_same(x->extra[k].name, "log_frequency");
    if (frequency && x->group) return "item_words,item_characters,item_word_length,log_frequency,group_position,item_number";
    if (frequency) return "item_words,item_characters,item_word_length,log_frequency,item_number";
    return x->group ? "item_words,item_characters,item_word_length,group_position,item_number"
                    : "item_words,item_characters,item_word_length,item_number";
}

int read_built_in(feature_list *l, const feature_spec *s, const feature_context *c, err *e)
{
    stimuli *x = NULL;
    double *all = NULL, *rows = NULL;
    char **name = NULL;
    size_t d = 0, width, n = 0;
    int status = -1;
    bool series = c->r->tr > 0;
    if (!s->taps) return err_set(e, ERR_USAGE, "--features %s=%s: say which built-in feature, as %s:%s", s->name, s->path, s->path,
                                 series ? "word_rate" : "item_words,item_number");
    if (stimuli_read(&x, s->path, e) || !(name = str_split(standing_for(s->taps, x, series), ',', &n, e))) goto done;
    for (size_t k = 0; k < n; k++) {
        free(rows);
        rows = NULL;
        bool of_words = str_begins(name[k], "word_") || str_same(name[k], "has_word");
        if (of_words ? word_column(&rows, &width, x, name[k], c, e) : item_column(&rows, &width, x, name[k], c, e)) goto done;
        if (append_columns(&all, &d, rows, width, c->r->n, e)) goto done;
    }
    status = add_set(l, s->name, s->name, all, d, c, e);
done:
    free(rows);
    free(all);
    free(name);
    stimuli_free(x);
    return status;
}

/* ---- OASM ---- */

int oasm_blocks(int32_t *block, const responses *r, const used_rows *u, err *e)
{
    bool runs = false;
    for (size_t i = 1; i < u->n; i++) runs = runs || u->run[i] != u->run[0];
    for (size_t i = 0; i < u->n; i++) {
        block[i] = u->run[i];
        if (r->tr > 0 || !u->group) continue;
        size_t first = i; /* number of the group: the row of its first appearance */
        for (size_t k = 0; k < i && first == i; k++)
            if (str_same(u->group[k], u->group[i])) first = (size_t)block[k];
        block[i] = (int32_t)first;
    }
    if (r->tr > 0 || u->group || runs) return 0;
    err_set(e, ERR_INPUT, "OASM needs blocks of neighbours: a time series, groups, or runs; there are none");
    return err_hint(e, "give the stimuli that hold groups");
}

bool oasm_apart(const folds *f, const int32_t *block, size_t n, size_t reach)
{
    for (size_t k = 0; k < f->count; k++)
        for (size_t i = 0; i < n; i++) {
            size_t steps = 0;
            if (!f->test[k * n + i]) continue;
            for (size_t j = i + 1; j < n && steps < reach; j++) { /* forwards, backwards below: only rows of the block are steps */
                if (block[j] != block[i]) continue;
                steps++;
                if (f->train[k * n + j]) return false;
            }
            steps = 0;
            for (size_t j = i; j-- > 0 && steps < reach;) {
                if (block[j] != block[i]) continue;
                steps++;
                if (f->train[k * n + j]) return false;
            }
        }
    return true;
}

int read_oasm(feature_list *l, const feature_spec *s, const feature_context *c, err *e)
{
    double sigma, *x = NULL;
    size_t n = c->u->n, cells;
    int status = -1;
    if (parse_double(s->taps, &sigma) || !(sigma >= 0 && sigma <= 1000))
        return err_set(e, ERR_USAGE, "--features %s=oasm:SIGMA: sigma is a number of samples from 0 to 1000, not '%s'", s->name, s->taps);
    if (feature_find(l, s->name)) return err_set(e, ERR_USAGE, "two feature sets are called '%s'", s->name);
    int32_t *block = mem_new(n, sizeof *block, e);
    if (!block || size_mul(n, n, &cells, e) || !(x = mem_new(cells, sizeof *x, e))) goto done;
    if (oasm_blocks(block, c->r, c->u, e) || oasm_features(x, block, n, sigma, e)) goto done;
    void *at = l->at;
    char *name = mem_text(s->name, e);
    if (!name || mem_grow(&at, l->n + 1, sizeof *l->at, e)) {
        free(name);
        goto done;
    }
    l->at = at;
    l->at[l->n++] = (feature_set){ .name = name, .p = n, .x = x, .oasm = true, .reach = 2 * oasm_radius(sigma) };
    x = NULL;
    status = 0;
done:
    free(block);
    free(x);
    return status;
}
