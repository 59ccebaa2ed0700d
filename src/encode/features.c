/* SPDX-License-Identifier: MIT */
/* Features: from files to delayed columns on the rows of the responses (METHODS 3.1, 3.2). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/activations.h"
#include "sets.h"

void feature_list_free(feature_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->at[i].name);
        free(l->at[i].x);
    }
    free(l->at);
    *l = (feature_list){ 0 };
}

const feature_set *feature_find(const feature_list *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_same(l->at[i].name, name)) return &l->at[i];
    return NULL;
}

/* "NAME=FILE[:taps]": a colon belongs to the taps only when what stands before it is a file. */
typedef struct {
    char *name, *path, *taps; /* taps NULL: all, a set each */
} feature_spec;

static void spec_free(feature_spec *s)
{
    free(s->name);
    free(s->path);
    free(s->taps);
}

static int spec_parse(feature_spec *s, const char *text, err *e)
{
    const char *equals = strchr(text, '=');
    *s = (feature_spec){ 0 };
    if (!equals || equals == text || !equals[1]) return err_set(e, ERR_USAGE, "--features is NAME=FILE[:tap,...], not '%s'", text);
    if (strcspn(text, ":+") < (size_t)(equals - text))
        return err_set(e, ERR_USAGE, "--features: a name holds neither ':' nor '+', '%s' does", text);
    if (!(s->name = str_format(e, "%.*s", (int)(equals - text), text)) || !(s->path = mem_text(equals + 1, e))) return -1;
    char *colon = strrchr(s->path, ':');
    if (file_exists(s->path) || !colon) return 0;
    *colon = 0;
    return (s->taps = mem_text(colon + 1, e)) ? 0 : -1;
}

/* ---- delays ---- */

static int delay_of(long *out, const char *text, double tr, err *e)
{
    size_t n = strlen(text);
    if (n && text[n - 1] == 's') {
        char number[64];
        double seconds;
        snprintf(number, sizeof number, "%.*s", (int)(n - 1), text);
        if (parse_double(number, &seconds) || !isfinite(seconds)) return err_set(e, ERR_USAGE, "--delays: '%s' is no delay", text);
        if (!(tr > 0)) return err_set(e, ERR_USAGE, "--delays in seconds need responses with a tr");
        double steps = seconds / tr;
        if (fabs(steps - round(steps)) > 1e-6) return err_set(e, ERR_USAGE, "--delays: %s is no multiple of the tr of %g s", text, tr);
        *out = (long)round(steps);
        return 0;
    }
    return parse_long(text, out) ? err_set(e, ERR_USAGE, "--delays: '%s' is no whole number of TRs (seconds: 2s)", text) : 0;
}

static const char *delay_text(const char *name, const encode_options *o)
{
    const char *text = NULL;
    size_t n = strlen(name);
    for (size_t i = 0; i < o->n_delays; i++) {
        const char *equals = strchr(o->delays[i], '=');
        if (!equals && !text) text = o->delays[i];
        if (equals && (size_t)(equals - o->delays[i]) == n && strncmp(o->delays[i], name, n) == 0) return equals + 1;
    }
    return text;
}

/* Delays of the set called name: its own, else the unnamed ones, else none (0) for items and METHODS' 2-8 s for time series. */
static int delays_of(long **out, size_t *n, const char *name, const encode_options *o, double tr, err *e)
{
    char standard[256] = "0";
    const char *text = delay_text(name, o);
    if (!text && tr > 0 && !o->hrf_parts) {
        size_t used = 0;
        standard[0] = 0;
        for (long k = (long)ceil(2 / tr - 1e-9); k <= (long)floor(8 / tr + 1e-9) && used < sizeof standard - 24; k++)
            used += (size_t)snprintf(standard + used, sizeof standard - used, "%s%ld", used ? "," : "", k);
    }
    if (!text) text = *standard ? standard : "0";
    char **part = str_split(text, ',', n, e);
    int status = -1;
    if (!part || !(*out = mem_new(*n, sizeof **out, e))) goto done;
    for (size_t i = 0; i < *n; i++)
        if (delay_of(&(*out)[i], part[i], tr, e)) goto done;
    status = 0;
done:
    free(part);
    return status;
}

/* ---- rows ---- */

typedef struct {
    const responses *r;
    const used_rows *u;
    const encode_options *o;
} context;

/* Word vectors to the samples of the responses; --downsample mean adds a column: has a word. */
static int words_to_samples(double **out, size_t *d, const context *c, const float *f, size_t width, size_t words,
                            const double *onset, const int32_t *word_run, err *e)
{
    const responses *r = c->r;
    double *count = NULL;
    int status = -1;
    bool mean = c->o->downsample == DOWNSAMPLE_MEAN;
    if (!(r->tr > 0)) return err_set(e, ERR_INPUT, "the features have a row a word, the responses no tr: say --pool last when extracting");
    for (size_t i = 0; i < words; i++)
        if (!isfinite(onset[i])) return err_set(e, ERR_INPUT, "word %zu has no onset", i + 1);
    double *x = mem_new(r->n * width * (c->o->hrf_parts ? c->o->hrf_parts : 1), sizeof *x, e);
    if (!x || !(count = mem_new(r->n, sizeof *count, e))) goto done;
    if (c->o->hrf_parts) { /* instead of downsampling and delays (METHODS 3.3) */
        if (hrf_words(x, f, onset, word_run, words, width, r->onset, r->run, r->n, r->tr, c->o->hrf, c->o->hrf_parts, e)) goto done;
        *d = width * c->o->hrf_parts;
        *out = x;
        x = NULL;
        status = 0;
        goto done;
    }
    if (c->o->downsample == DOWNSAMPLE_LANCZOS
            ? downsample_lanczos(x, f, onset, word_run, words, width, r->onset, r->run, r->n, r->tr, c->o->lanczos_lobes, 1, e)
            : downsample_sum(x, count, f, onset, word_run, words, width, r->onset, r->run, r->n, r->tr, e))
        goto done;
    *d = width + mean;
    if (!mean) {
        *out = x;
        x = NULL;
        status = 0;
        goto done;
    }
    if (!(*out = mem_new(r->n * *d, sizeof **out, e))) goto done;
    for (size_t i = 0; i < r->n; i++) {
        for (size_t j = 0; j < width; j++) (*out)[i * *d + j] = count[i] > 0 ? x[i * width + j] / count[i] : 0;
        (*out)[i * *d + width] = count[i] > 0;
    }
    status = 0;
done:
    free(x);
    free(count);
    return status;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(**(char **const *)a, **(char **const *)b);
}

/* Rows of items to presentations by id; repeats take the item's row again. */
static int items_to_presentations(double **out, const context *c, const float *f, size_t width, char **item, size_t items, err *e)
{
    const responses *r = c->r;
    int status = -1;
    char ***sorted = mem_new(items, sizeof *sorted, e);
    double *x = mem_new(r->n * width, sizeof *x, e);
    if (!sorted || !x) goto done;
    for (size_t i = 0; i < items; i++) sorted[i] = &item[i];
    qsort(sorted, items, sizeof *sorted, by_id);
    for (size_t i = 0; i < r->n; i++) {
        char **key = &r->id[i], ***found = bsearch(&key, sorted, items, sizeof *sorted, by_id);
        if (!found) {
            err_set(e, ERR_INPUT, "presentation %zu is of the item '%s', which the features do not have (their first is '%s')", i + 1,
                    r->id[i], items ? item[0] : "");
            err_hint(e, "features and responses must be of the same stimuli");
            goto done;
        }
        size_t row = (size_t)(*found - item);
        for (size_t j = 0; j < width; j++) x[i * width + j] = (double)f[row * width + j];
    }
    *out = x;
    x = NULL;
    status = 0;
done:
    free(sorted);
    free(x);
    return status;
}

static int check_finite(const float *f, size_t n, size_t width, const char *name, err *e)
{
    for (size_t i = 0; i < n * width; i++)
        if (!isfinite(f[i])) return err_set(e, ERR_INPUT, "features %s: row %zu, column %zu is not finite", name, i / width + 1, i % width + 1);
    return 0;
}

/* Delays the columns x [all×d] on the full runs, drops the first rows, and appends to the list. */
static int add_set(feature_list *l, const char *name, const char *delay_name, double *x, size_t d, const context *c, err *e)
{
    long *delays = NULL;
    size_t m;
    double *delayed = NULL;
    int status = -1;
    if (feature_find(l, name)) return err_set(e, ERR_USAGE, "two feature sets are called '%s'", name);
    if (delays_of(&delays, &m, delay_name, c->o, c->r->tr, e)) goto done;
    if (delay_columns(&delayed, x, c->r->n, d, c->r->run, delays, m, e)) goto done;
    size_t p = d * m;
    double *kept = mem_new(c->u->n * p, sizeof *kept, e);
    if (!kept) goto done;
    for (size_t i = 0; i < c->u->n; i++) memcpy(kept + i * p, delayed + c->u->row[i] * p, p * sizeof *kept);
    void *at = l->at;
    char *copy = mem_text(name, e);
    if (!copy || mem_grow(&at, l->n + 1, sizeof *l->at, e)) {
        free(copy);
        free(kept);
        goto done;
    }
    l->at = at;
    l->at[l->n++] = (feature_set){ copy, p, kept };
    status = 0;
done:
    free(delays);
    free(delayed);
    return status;
}

/* ---- one file ---- */

static int word_runs(int32_t **out, const activations *a, err *e)
{
    if (!a->item_run) return 0;
    if (!(*out = mem_new(a->words, sizeof **out, e))) return -1;
    for (size_t i = 0; i < a->words; i++) (*out)[i] = a->item_run[a->word_item[i]];
    return 0;
}

static int rows_of_tap(double **x, size_t *d, activations *a, const char *tap, const context *c, const char *name, err *e)
{
    float *rows = NULL;
    int32_t *runs = NULL;
    size_t width;
    int status = -1;
    if (activations_tap(a, tap, &rows, &width, e) || check_finite(rows, a->n, width, name, e)) goto done;
    if (units_of_set(rows, a->n, &width, c->o, name, tap, e)) goto done;
    *d = width;
    if (!width) { /* no unit of this tap is selected */
        status = 0;
        goto done;
    }
    if (a->per_token) {
        err_set(e, ERR_INPUT, "features %s have a row a token; extract them with --pool word or a row an item", name);
        goto done;
    }
    if (a->per_word) {
        if (word_runs(&runs, a, e)) goto done;
        status = words_to_samples(x, d, c, rows, width, a->words, a->word_onset, runs, e);
    } else {
        status = items_to_presentations(x, c, rows, width, a->item, a->items, e);
    }
done:
    free(runs);
    free(rows);
    return status;
}

static int append_columns(double **x, size_t *d, double *more, size_t width, size_t n, err *e)
{
    double *both = mem_new(n * (*d + width), sizeof *both, e);
    if (!both) return -1;
    for (size_t i = 0; i < n; i++) {
        if (*d) memcpy(both + i * (*d + width), *x + i * *d, *d * sizeof *both);
        memcpy(both + i * (*d + width) + *d, more + i * width, width * sizeof *both);
    }
    free(*x);
    *x = both;
    *d += width;
    return 0;
}

/* NAME=FILE:a,b is one set; NAME=FILE a set a tap. */
static int read_activations(feature_list *l, const feature_spec *s, const context *c, err *e)
{
    activations *a = NULL;
    double *x = NULL, *part = NULL;
    char **taps = NULL, *name = NULL;
    size_t n = 0, d = 0, width, units = 0;
    int status = -1;
    if (activations_open(&a, s->path, e)) return -1;
    if (s->taps && !(taps = str_split(s->taps, ',', &n, e))) goto done;
    for (size_t i = 0; i < (taps ? n : a->taps); i++) {
        free(part);
        part = NULL;
        const char *tap = taps ? taps[i] : a->tap[i];
        if (rows_of_tap(&part, &width, a, tap, c, s->name, e)) goto done;
        if (!width) {
            log_warn("features %s: no unit of tap %s is selected: left out", s->name, tap);
            continue;
        }
        units += width;
        if (taps) {
            if (append_columns(&x, &d, part, width, c->r->n, e)) goto done;
            continue;
        }
        free(name);
        if (!(name = str_format(e, "%s:%s", s->name, tap)) || add_set(l, name, s->name, part, width, c, e)) goto done;
    }
    if (!units) {
        err_set(e, ERR_INPUT, "features %s: no unit of any tap is selected", s->name);
        goto done;
    }
    status = taps ? add_set(l, s->name, s->name, x, d, c, e) : 0;
done:
    free(name);
    free(taps);
    free(part);
    free(x);
    activations_close(a);
    return status;
}

/* One built-in feature: of timed words, downsampled, or of items. */
static int built_in_rows(double **rows, size_t *d, const stimuli *x, const char *name, const context *c, err *e)
{
    float *f = NULL;
    int32_t *runs = NULL;
    size_t width;
    int status = -1;
    if (!str_begins(name, "word_")) {
        if (stimuli_item_feature(x, name, &f, &width, e)) goto done;
        *d = width;
        status = items_to_presentations(rows, c, f, width, x->id, x->n, e);
        goto done;
    }
    if (!(f = mem_new(x->words + 1, sizeof *f, e)) || stimuli_word_feature(x, name, f, e)) goto done;
    if (x->run) {
        if (!(runs = mem_new(x->words, sizeof *runs, e))) goto done;
        for (size_t i = 0; i < x->words; i++) runs[i] = x->run[x->word_item[i]];
    }
    status = words_to_samples(rows, d, c, f, 1, x->words, x->word_onset, runs, e);
done:
    free(f);
    free(runs);
    return status;
}

/* Built-in features of a stimuli file: NAME=stimuli.h5:word_rate, NAME=stimuli.h5:item_words,item_characters. */
static int read_built_in(feature_list *l, const feature_spec *s, const context *c, err *e)
{
    stimuli *x = NULL;
    double *rows = NULL, *part = NULL;
    size_t n = 0, d = 0, width;
    char **names = NULL;
    int status = -1;
    if (!s->taps) return err_set(e, ERR_USAGE, "--features %s=%s: say which built-in feature, as %s:word_rate", s->name, s->path, s->path);
    if (stimuli_read(&x, s->path, e) || !(names = str_split(s->taps, ',', &n, e))) goto done;
    for (size_t i = 0; i < n; i++) {
        free(part);
        part = NULL;
        if (built_in_rows(&part, &width, x, names[i], c, e) || append_columns(&rows, &d, part, width, c->r->n, e)) goto done;
    }
    status = add_set(l, s->name, s->name, rows, d, c, e);
done:
    free(names);
    free(part);
    free(rows);
    stimuli_free(x);
    return status;
}

static int read_one(feature_list *l, const char *text, const context *c, err *e)
{
    feature_spec s;
    store *file = NULL;
    int status = -1;
    if (spec_parse(&s, text, e) || store_open(&file, s.path, NULL, e)) goto done;
    bool built_in = str_same(store_kind(file), "stimuli");
    store_close(file);
    file = NULL;
    status = built_in ? read_built_in(l, &s, c, e) : read_activations(l, &s, c, e);
done:
    store_close(file);
    spec_free(&s);
    if (status) err_while(e, "reading features '%s'", text);
    return status;
}

static int check_unit_names(const encode_options *o, const feature_list *l, err *e)
{
    for (size_t i = 0; i < o->n_units; i++) {
        encode_units u;
        bool known = false;
        if (encode_units_parse(&u, o->units[i], e)) return -1;
        size_t n = strlen(u.name);
        for (size_t k = 0; k < l->n && !known; k++)
            known = !n || (strncmp(l->at[k].name, u.name, n) == 0 && (l->at[k].name[n] == 0 || l->at[k].name[n] == ':'));
        if (!known) return err_set(e, ERR_USAGE, "--units %s: no feature set is called %s", o->units[i], u.name);
    }
    return 0;
}

static int check_delay_names(const encode_options *o, const feature_list *l, err *e)
{
    for (size_t i = 0; i < o->n_delays; i++) {
        const char *equals = strchr(o->delays[i], '=');
        bool known = !equals;
        size_t n = equals ? (size_t)(equals - o->delays[i]) : 0;
        for (size_t k = 0; k < l->n && !known; k++)
            known = strncmp(l->at[k].name, o->delays[i], n) == 0 && (l->at[k].name[n] == 0 || l->at[k].name[n] == ':');
        if (!known) return err_set(e, ERR_USAGE, "--delays %s: no feature set has that name", o->delays[i]);
    }
    return 0;
}

int features_read(feature_list *out, const responses *r, const used_rows *u, const encode_options *o, err *e)
{
    context c = { r, u, o };
    if (!o->n_features) return err_set(e, ERR_USAGE, "--features NAME=FILE is needed");
    for (size_t i = 0; i < o->n_features; i++)
        if (read_one(out, o->features[i], &c, e)) return -1;
    return check_delay_names(o, out, e) || check_unit_names(o, out, e) ? -1 : 0;
}
