/* SPDX-License-Identifier: MIT */
/* Items and people of a comparison: responses by the items of the activations, whole people together. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/similarity.h"

enum { LEAST_ITEMS = 4, LEAST_NEUROIDS = 3, AT_ONCE = 256 };

typedef struct { const char *text; size_t at; } named;

static int by_text(const void *a, const void *b)
{
    const named *x = a, *y = b;
    int order = strcmp(x->text, y->text);
    return order ? order : x->at < y->at ? -1 : x->at > y->at;
}

static int by_text_alone(const void *a, const void *b)
{
    return strcmp(((const named *)a)->text, ((const named *)b)->text);
}

/* item [r->n]: number of each presentation's item among those of the activations; times [a->n] how often each is there. */
static int match_items(size_t *item, size_t *times, const responses *r, const activations *a, err *e)
{
    int status = -1;
    named *list = mem_new(a->n + 1, sizeof *list, e);
    if (!list) return -1;
    for (size_t i = 0; i < a->n; i++) list[i] = (named){ a->item[i], i };
    qsort(list, a->n, sizeof *list, by_text);
    for (size_t i = 0; i < r->n; i++) {
        named key = { r->id[i], 0 }, *found = bsearch(&key, list, a->n, sizeof *list, by_text_alone);
        if (!found) {
            err_set(e, ERR_INPUT, "presentation %zu is of the item '%s', which the activations do not have", i + 1, r->id[i]);
            goto done;
        }
        item[i] = found->at;
        times[found->at]++;
    }
    for (size_t i = 0; i < a->n; i++)
        if (!times[i]) {
            err_set(e, ERR_INPUT, "item '%s' of the activations has no response", a->item[i]);
            goto done;
        }
    status = 0;
done:
    free(list);
    return status;
}

/* Groups by first appearance; of each item that of its first presentation. */
static int read_groups(similarity_data *d, const responses *r, const activations *a, const stimuli *x, const size_t *item, err *e)
{
    char **text;
    if (!r->group && !(x && x->group)) return 0;
    if (!(text = mem_new(d->n + 1, sizeof *text, e))) return -1;
    for (size_t i = r->n; r->group && i-- > 0;) text[item[i]] = r->group[i];
    for (size_t i = 0; !r->group && i < d->n; i++) {
        size_t at = stimuli_find(x, a->item[i]);
        if (at == SIZE_MAX) {
            free(text);
            return err_set(e, ERR_INPUT, "the stimuli do not have the item '%s'", a->item[i]);
        }
        text[i] = x->group[at];
    }
    for (size_t i = 0; i < d->n; i++) {
        size_t k = 0;
        while (k < i && !str_same(text[k], text[i])) k++;
        d->group[i] = k < i ? d->group[k] : (int32_t)d->groups++;
    }
    free(text);
    return 0;
}

static int exclude(similarity_data *d, const char *what, const char *reason, err *e)
{
    void *a = d->excluded, *b = d->reason;
    if (mem_grow(&a, d->n_excluded + 1, sizeof *d->excluded, e)) return -1;
    d->excluded = a;
    if (mem_grow(&b, d->n_excluded + 1, sizeof *d->reason, e)) return -1;
    d->reason = b;
    d->excluded[d->n_excluded] = arena_text(d->memory, what, strlen(what), e);
    d->reason[d->n_excluded] = arena_text(d->memory, reason, strlen(reason), e);
    if (!d->excluded[d->n_excluded] || !d->reason[d->n_excluded]) return -1;
    log_warn("%s is excluded: %s", what, reason);
    d->n_excluded++;
    return 0;
}

static size_t subject_number(similarity_data *d, const char *name, err *e)
{
    size_t s = 0;
    while (s < d->subjects && !str_same(d->subject[s], name)) s++;
    if (s == d->subjects && (d->subject[s] = arena_text(d->memory, name, strlen(name), e))) d->subjects++;
    return s;
}

/* A column [n] joins its person's, which stand a neuroid after the other until turn_over. */
static int add_neuroid(similarity_data *d, size_t s, const double *column, err *e)
{
    void *at = d->y[s];
    if (mem_grow(&at, (d->v[s] + 1) * d->n, sizeof *column, e)) return -1;
    d->y[s] = at;
    memcpy(d->y[s] + d->v[s]++ * d->n, column, d->n * sizeof *column);
    return 0;
}

static int read_neuroids(similarity_data *d, const responses *r, const size_t *item, const size_t *times, err *e)
{
    double *column = mem_new(d->n + 1, sizeof *column, e);
    float *part = mem_new(r->n * AT_ONCE, sizeof *part, e);
    int status = -1;
    char name[256];
    if (!column || !part) goto done;
    for (size_t j = 0; j < r->v; j++) {
        size_t width = r->v - j / AT_ONCE * AT_ONCE < AT_ONCE ? r->v % AT_ONCE : AT_ONCE, s = subject_number(d, r->subject[j], e);
        bool finite = true;
        if (s == d->subjects || (j % AT_ONCE == 0 && responses_columns(r, j, width, part, e))) goto done;
        memset(column, 0, d->n * sizeof *column);
        for (size_t i = 0; i < r->n; i++) column[item[i]] += (double)part[i * width + j % AT_ONCE] / (double)times[item[i]];
        for (size_t i = 0; i < d->n; i++) finite = finite && isfinite(column[i]);
        bool good = finite && !column_constant(column, d->n, 1, NULL);
        snprintf(name, sizeof name, "neuroid %.80s:%.80s:%d", r->subject[j], r->roi[j], r->index[j]);
        if (good ? add_neuroid(d, s, column, e) : exclude(d, name, finite ? "constant over items" : "not a finite number for some item", e)) goto done;
    }
    status = 0;
done:
    free(column);
    free(part);
    return status;
}

/* [v][n] -> [n][v] */
static int turn_over(double **y, size_t n, size_t v, err *e)
{
    double *turned = mem_new(n * v + 1, sizeof *turned, e);
    if (!turned) return -1;
    for (size_t j = 0; j < v; j++)
        for (size_t i = 0; i < n; i++) turned[i * v + j] = (*y)[j * n + i];
    free(*y);
    *y = turned;
    return 0;
}

/* People with enough neuroids stay, in their order. */
static int keep_people(similarity_data *d, size_t least, err *e)
{
    size_t kept = 0;
    char reason[128];
    for (size_t s = 0; s < d->subjects; s++) {
        if (d->v[s] < least) {
            snprintf(reason, sizeof reason, "%zu neuroids are left, %zu are needed", d->v[s], least);
            if (exclude(d, d->subject[s], reason, e)) return -1;
            free(d->y[s]);
            d->y[s] = NULL;
            continue;
        }
        double *y = d->y[s];
        d->y[s] = NULL;
        d->subject[kept] = d->subject[s];
        d->v[kept] = d->v[s];
        d->y[kept] = y;
        if (turn_over(&d->y[kept++], d->n, d->v[s], e)) return -1;
    }
    d->subjects = kept;
    return kept ? 0 : err_set(e, ERR_INPUT, "nobody has %zu neuroids that vary", least);
}

static similarity_data *data_space(size_t n, size_t people, err *e)
{
    similarity_data *d = mem_new(1, sizeof *d, e);
    if (!d) return NULL;
    d->n = n;
    d->memory = arena_new(e);
    d->group = mem_new(n + 1, sizeof *d->group, e);
    d->subject = mem_new(people + 1, sizeof *d->subject, e);
    d->v = mem_new(people + 1, sizeof *d->v, e);
    d->y = mem_new(people + 1, sizeof *d->y, e);
    if (d->memory && d->group && d->subject && d->v && d->y) return d;
    similarity_data_free(d);
    return NULL;
}

int similarity_data_read(similarity_data **out, const responses *r, const activations *a, const stimuli *x, similarity_metric metric, err *e)
{
    similarity_data *d = NULL;
    size_t *item = NULL, *times = NULL;
    int status = -1;
    *out = NULL;
    if (r->tr > 0) return err_set(e, ERR_INPUT, "the responses are a time series: similarity compares items");
    if (a->per_word || a->per_token) {
        err_set(e, ERR_INPUT, "a row of the activations is a %s: similarity compares items", activations_row(a));
        return err_hint(e, "extract them with --pool last or mean");
    }
    if (a->n < LEAST_ITEMS) return err_set(e, ERR_INPUT, "%zu items are too few, at least %d are needed", a->n, LEAST_ITEMS);
    if (!(d = data_space(a->n, r->v, e))) return -1;
    item = mem_new(r->n + 1, sizeof *item, e);
    times = mem_new(a->n + 1, sizeof *times, e);
    if (!item || !times || match_items(item, times, r, a, e) || read_groups(d, r, a, x, item, e)) goto done;
    if (read_neuroids(d, r, item, times, e) || keep_people(d, metric == SIMILARITY_RSA ? LEAST_NEUROIDS : 1, e)) goto done;
    *out = d;
    d = NULL;
    status = 0;
done:
    free(item);
    free(times);
    similarity_data_free(d);
    return status;
}

void similarity_data_free(similarity_data *d)
{
    if (!d) return;
    for (size_t s = 0; d->y && s < d->subjects; s++) free(d->y[s]);
    free(d->y);
    free(d->v);
    free(d->subject);
    free(d->group);
    free(d->excluded);
    free(d->reason);
    arena_free(d->memory);
    free(d);
}
