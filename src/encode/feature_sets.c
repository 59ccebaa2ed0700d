/* SPDX-License-Identifier: MIT */
/* Sets of features: rows of words and items to the rows of the responses, delays, and the list that they make (METHODS 3.1, 3.2). */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "features.h"

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

/* Word vectors to the samples of the responses; --downsample mean adds a column: has a word. */
int words_to_samples(double **out, size_t *d, const feature_context *c, const float *f, size_t width, size_t words, const double *onset,
                     const int32_t *word_run, err *e)
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

/* The first presentations whose item the features do not have, and what those have instead. sorted: texts of the items. */
static void different_stimuli(const responses *r, size_t first, char ***sorted, char **item, size_t items, err *e)
{
    enum { SHOWN = 3 };
    char missing[400] = "", there[400] = "";
    size_t count = 0, shown = 0;
    for (size_t i = first; i < r->n; i++) {
        char **key = &r->id[i];
        if (bsearch(&key, sorted, items, sizeof *sorted, by_id)) continue;
        if (count++ < SHOWN) snprintf(missing + strlen(missing), sizeof missing - strlen(missing), "%s%zu '%.100s'", count > 1 ? ", " : "", i + 1, r->id[i]);
    }
    for (size_t k = 0; k < items && shown < SHOWN; k++) {
        bool used = false;
        for (size_t i = 0; i < r->n && !used; i++) used = str_same(r->id[i], item[k]);
        if (used) continue;
        snprintf(there + strlen(there), sizeof there - strlen(there), "%s'%.100s'", shown++ ? ", " : "", item[k]);
    }
    err_set(e, ERR_INPUT, "%zu of %zu presentations are of items that the features do not have: presentation %s%s", count, r->n, missing,
            count > SHOWN ? ", ..." : "");
    if (shown) err_hint(e, "features and responses must be of the same stimuli; only the features have %s%s", there, shown == SHOWN ? ", ..." : "");
    else err_hint(e, "features and responses must be of the same stimuli; extract the missing items, too");
}

/* Rows of items to presentations by id; repeats take the item's row again. */
int items_to_presentations(double **out, const feature_context *c, const float *f, size_t width, char **item, size_t items, err *e)
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
            different_stimuli(r, i, sorted, item, items, e);
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

/* What single precision cannot hold is not screened in it: said here, where the column still has a name. */
static int check_range(const double *x, size_t n, size_t d, const char *name, err *e)
{
    for (size_t i = 0; i < n * d; i++)
        if (fabs(x[i]) > (double)FLT_MAX)
            return err_set(e, ERR_INPUT, "features %s: column %zu overflows float32 (%g in row %zu)", name, i % d + 1, x[i], i / d + 1);
    return 0;
}

int add_set(feature_list *l, const char *name, const char *delay_name, double *x, size_t d, const feature_context *c, err *e)
{
    long *delays = NULL;
    size_t m;
    double *delayed = NULL;
    int status = -1;
    if (feature_find(l, name)) return err_set(e, ERR_USAGE, "two feature sets are called '%s'", name);
    if (check_range(x, c->r->n, d, name, e) || delays_of(&delays, &m, delay_name, c->o, c->r->tr, e)) goto done;
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
    l->at[l->n++] = (feature_set){ .name = copy, .p = p, .x = kept };
    status = 0;
done:
    free(delays);
    free(delayed);
    return status;
}

int append_columns(double **x, size_t *d, double *more, size_t width, size_t n, err *e)
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
