/* SPDX-License-Identifier: MIT */
/* --features: what each names, and sets of files of activations. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/activations.h"
#include "features.h"

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

static int check_finite(const float *f, size_t n, size_t width, const char *name, err *e)
{
    for (size_t i = 0; i < n * width; i++)
        if (!isfinite(f[i]))
            return err_set(e, ERR_INPUT, "features %s: row %zu, column %zu is %s", name, i / width + 1, i % width + 1,
                           isnan(f[i]) ? "not a number" : "infinite: the column overflows float32");
    return 0;
}

/* ---- one file ---- */

static int word_runs(int32_t **out, const activations *a, err *e)
{
    if (!a->item_run) return 0;
    if (!(*out = mem_new(a->words, sizeof **out, e))) return -1;
    for (size_t i = 0; i < a->words; i++) (*out)[i] = a->item_run[a->word_item[i]];
    return 0;
}

static int rows_of_tap(double **x, size_t *d, activations *a, const char *tap, const feature_context *c, const char *name, err *e)
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

/* NAME=FILE:a,b is one set; NAME=FILE a set a tap. */
static int read_activations(feature_list *l, const feature_spec *s, const feature_context *c, err *e)
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

static int read_one(feature_list *l, const char *text, const feature_context *c, err *e)
{
    feature_spec s;
    store *file = NULL;
    int status = -1;
    if (spec_parse(&s, text, e)) goto done;
    if (str_same(s.path, "oasm") && s.taps) {
        status = read_oasm(l, &s, c, e);
        goto done;
    }
    if (store_open(&file, s.path, NULL, e)) goto done;
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
    feature_context c = { r, u, o };
    if (!o->n_features) return err_set(e, ERR_USAGE, "--features NAME=FILE is needed");
    for (size_t i = 0; i < o->n_features; i++)
        if (read_one(out, o->features[i], &c, e)) return -1;
    return check_delay_names(o, out, e) || check_unit_names(o, out, e) ? -1 : 0;
}
