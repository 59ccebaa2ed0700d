/* SPDX-License-Identifier: MIT */
/* Activations files brought together with the conditions of their items. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/activations.h"
#include "broca/localize.h"

static size_t find_text(char *const *list, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (str_same(list[i], text)) return i;
    return SIZE_MAX;
}

static bool same_items(const localize_data *d, const activations *a)
{
    if (d->in.n != a->items) return false;
    for (size_t i = 0; i < a->items; i++)
        if (!str_same(d->id[i], a->item[i])) return false;
    return true;
}

static int add_items(localize_data *d, const activations *a, const char *path, err *e)
{
    size_t n = d->in.n;
    void *id = d->id, *tokens = d->tokens;
    bool known = n == 0 ? a->item_tokens != NULL : d->tokens && a->item_tokens;
    if (mem_grow(&id, n + a->items, sizeof *d->id, e)) return -1;
    d->id = id;
    if (known) {
        if (mem_grow(&tokens, n + a->items, sizeof *d->tokens, e)) return -1;
        d->tokens = tokens;
    } else {
        free(d->tokens);
        d->tokens = NULL;
    }
    for (size_t i = 0; i < a->items; i++) {
        if (find_text(d->id, n + i, a->item[i]) != SIZE_MAX)
            return err_set(e, ERR_INPUT, "%s: item %s occurs twice", path, a->item[i]);
        if (!(d->id[n + i] = arena_text(d->memory, a->item[i], strlen(a->item[i]), e))) return -1;
        if (known) d->tokens[n + i] = a->item_tokens[i];
    }
    d->in.n = n + a->items;
    return 0;
}

static int add_tap(localize_data *d, const char *name, float *rows, size_t width, err *e)
{
    void *taps = d->taps;
    if (mem_grow(&taps, d->in.n_taps + 1, sizeof *d->taps, e)) return -1;
    d->taps = taps;
    localize_tap *t = &d->taps[d->in.n_taps];
    *t = (localize_tap){ NULL, width, rows };
    if (!(t->name = arena_text(d->memory, name, strlen(name), e))) return -1;
    d->in.n_taps++;
    return 0;
}

/* The first file, or more taps of the same items. */
static int add_taps(localize_data *d, activations *a, const char *path, err *e)
{
    for (size_t k = 0; k < a->taps; k++) {
        float *rows = NULL;
        size_t width = 0;
        for (size_t j = 0; j < d->in.n_taps; j++)
            if (str_same(d->taps[j].name, a->tap[k])) {
                err_set(e, ERR_INPUT, "%s: tap %s is in a file before it, with the same items", path, a->tap[k]);
                return err_hint(e, "run broca localize for each model");
            }
        if (activations_tap(a, a->tap[k], &rows, &width, e)) return -1;
        if (add_tap(d, a->tap[k], rows, width, e)) {
            free(rows);
            return -1;
        }
    }
    return 0;
}

/* More items of the same taps. before: rows so far. */
static int append_rows(localize_data *d, activations *a, size_t before, const char *path, err *e)
{
    for (size_t j = 0; j < d->in.n_taps; j++) {
        localize_tap *t = &d->taps[j];
        void *all = (void *)(uintptr_t)t->x;
        float *rows = NULL;
        size_t width = 0;
        if (activations_tap(a, t->name, &rows, &width, e)) return -1;
        if (width != t->d) {
            free(rows);
            return err_set(e, ERR_INPUT, "%s: tap %s has %zu units, %zu in the file before it", path, t->name, width,
                           t->d);
        }
        if (mem_grow(&all, (before + a->items) * t->d, sizeof *rows, e)) {
            free(rows);
            return -1;
        }
        memcpy((float *)all + before * t->d, rows, a->items * t->d * sizeof *rows);
        t->x = all;
        free(rows);
    }
    return 0;
}

static int add_file(localize_data *d, const char *path, char **model, err *e)
{
    int status = -1;
    activations *a = NULL;
    size_t before = d->in.n;
    if (activations_open(&a, path, e)) goto done;
    if (a->per_word || a->per_token) {
        err_set(e, ERR_INPUT, "%s: a row is a %s; a localizer compares items", path, activations_row(a));
        err_hint(e, "broca extract --pool last");
        goto done;
    }
    const char *identity = activations_attribute(a, "model_sha256");
    if (before == 0) {
        if (add_items(d, a, path, e) || add_taps(d, a, path, e)) goto done;
        if (!(*model = mem_text(identity, e))) goto done;
    } else if (same_items(d, a)) {
        if (add_taps(d, a, path, e)) goto done;
    } else {
        if (!str_same(identity, *model)) {
            err_set(e, ERR_INPUT, "%s: other items and another model than the file before it", path);
            goto done;
        }
        if (add_items(d, a, path, e) || append_rows(d, a, before, path, e)) goto done;
    }
    status = 0;
done:
    activations_close(a);
    return status;
}

/* Conditions numbered in order of first appearance. */
static int number_labels(localize_data *d, const char *const *name, err *e)
{
    size_t n = d->in.n, m = 0;
    d->label = mem_new(n, sizeof *d->label, e);
    d->labels = mem_new(n, sizeof *d->labels, e);
    if (!d->label || !d->labels) return -1;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        d->label[i] = -1;
        if (!name[i] || !*name[i]) continue;
        while (k < m && !str_same(d->labels[k], name[i]))
            k++;
        if (k == m && !(d->labels[m++] = arena_text(d->memory, name[i], strlen(name[i]), e))) return -1;
        d->label[i] = (int32_t)k;
    }
    d->in.n_labels = m;
    return 0;
}

static int number_groups(localize_data *d, const stimuli *s, err *e)
{
    size_t n = d->in.n, m = 0;
    const char **known;
    if (!s->group) return 0;
    if (!(d->group = mem_new(n, sizeof *d->group, e)) || !(known = mem_new(n, sizeof *known, e))) return -1;
    for (size_t i = 0; i < n; i++) {
        const char *name = s->group[stimuli_find(s, d->id[i])];
        size_t k = 0;
        d->group[i] = -1;
        if (!name || !*name) continue;
        while (k < m && !str_same(known[k], name))
            k++;
        if (k == m) known[m++] = name;
        d->group[i] = (int32_t)k;
    }
    free(known);
    return 0;
}

static int join_conditions(localize_data *d, const stimuli *s, const char *contrast, bool one, err *e)
{
    int status = -1;
    const char **name = mem_new(d->in.n, sizeof *name, e);
    d->condition = mem_new(d->in.n, sizeof *d->condition, e);
    if (!name || !d->condition) goto done;
    if (!s->condition) {
        err_set(e, ERR_INPUT, "the stimuli have no conditions");
        err_hint(e, "a column `condition` in the table given to broca import");
        goto done;
    }
    for (size_t i = 0; i < d->in.n; i++) {
        size_t at = stimuli_find(s, d->id[i]);
        if (at == SIZE_MAX) {
            err_set(e, ERR_INPUT, "item %s of the activations is not among the stimuli", d->id[i]);
            err_hint(e, "give the stimuli that were extracted");
            goto done;
        }
        name[i] = s->condition[at];
    }
    if (localize_contrast(d->condition, name, d->in.n, contrast, one, e)) goto done;
    status = number_labels(d, name, e) || number_groups(d, s, e) ? -1 : 0;
done:
    free(name);
    return status;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The same text at another place of a batch gives a unit that differs in its last bits: such units would have a t of rounding.
 * Those that vary over all items by no more than 1e-6 of their size, or of the median unit's, become constant. */
static int flatten_tap(localize_tap *t, size_t n, err *e)
{
    union { const float *in; float *out; } x = { t->x };
    float *span = mem_new(t->d, sizeof *span, e), *size = mem_new(2 * t->d, sizeof *size, e), *sorted = size ? size + t->d : NULL;
    int status = -1;
    if (!span || !size) goto done;
    for (size_t u = 0; u < t->d; u++) {
        float lo = x.in[u], hi = lo;
        for (size_t i = 1; i < n; i++) {
            lo = fminf(lo, x.in[i * t->d + u]);
            hi = fmaxf(hi, x.in[i * t->d + u]);
        }
        span[u] = hi - lo;
        size[u] = sorted[u] = fmaxf(fabsf(lo), fabsf(hi));
    }
    qsort(sorted, t->d, sizeof *sorted, by_value);
    for (size_t u = 0; u < t->d; u++)
        if (span[u] > 0 && span[u] <= 1e-6f * fmaxf(size[u], sorted[t->d / 2]))
            for (size_t i = 1; i < n; i++)
                x.out[i * t->d + u] = x.out[u];
    status = 0;
done:
    free(span);
    free(size);
    return status;
}

int localize_read(localize_data **out, const char *const *paths, size_t count, const stimuli *conditions,
                  const char *contrast, bool one, err *e)
{
    int status = -1;
    char *model = NULL;
    localize_data *d = mem_new(1, sizeof *d, e);
    *out = NULL;
    if (!d || !(d->memory = arena_new(e))) goto done;
    for (size_t i = 0; i < count; i++)
        if (add_file(d, paths[i], &model, e)) goto done;
    for (size_t k = 0; k < d->in.n_taps; k++)
        if (d->in.n && flatten_tap(&d->taps[k], d->in.n, e)) goto done;
    if (join_conditions(d, conditions, contrast, one, e)) goto done;
    d->in.condition = d->condition;
    d->in.tokens = d->tokens;
    d->in.group = d->group;
    d->in.label = d->label;
    d->in.labels = d->labels;
    d->in.taps = d->taps;
    *out = d;
    d = NULL;
    status = 0;
done:
    free(model);
    localize_data_free(d);
    return status;
}

void localize_data_free(localize_data *d)
{
    if (!d) return;
    for (size_t k = 0; k < d->in.n_taps; k++)
        free((void *)(uintptr_t)d->taps[k].x);
    free(d->taps);
    free(d->condition);
    free(d->tokens);
    free(d->group);
    free(d->label);
    free(d->labels);
    free(d->id);
    arena_free(d->memory);
    free(d);
}
