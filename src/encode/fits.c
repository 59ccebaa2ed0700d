/* SPDX-License-Identifier: MIT */
/* Which fits are made: the baseline, every set alone, and every set jointly with the baseline; joint sets asked for. */
#include <stdlib.h>
#include <string.h>

#include "sets.h"

void fits_free(fit_set *s, size_t n)
{
    for (size_t i = 0; s && i < n; i++) {
        free(s[i].name);
        free(s[i].part);
        free(s[i].band);
        free(s[i].column);
        free(s[i].held_of);
    }
    free(s);
}

static int unknown_set(const char *name, const feature_list *l, err *e)
{
    const char **names = mem_new(l->n + 1, sizeof *names, e);
    if (!names) return -1;
    for (size_t i = 0; i < l->n; i++) names[i] = l->at[i].name;
    err_set(e, ERR_USAGE, "no feature set is called '%s'", name);
    const char *nearest = str_nearest(name, names);
    if (nearest) err_hint(e, "did you mean '%s'?", nearest);
    free(names);
    return -1;
}

static int add_part(fit_set *s, const feature_set *f, size_t band_number, err *e)
{
    if (f->oasm && s->n_parts + s->joined)
        return err_set(e, ERR_USAGE, "%s is OASM, a test for leaking folds: it is fitted alone, in no baseline and no band", f->name);
    s->as_is = f->oasm;
    void *part = s->part, *bands = s->band;
    if (mem_grow(&part, s->n_parts + 1, sizeof *s->part, e)) return -1;
    s->part = part;
    if (mem_grow(&bands, s->n_parts + 1, sizeof *s->band, e)) return -1;
    s->band = bands;
    s->part[s->n_parts] = f;
    s->band[s->n_parts++] = band_number;
    s->p += f->p;
    if (band_number >= s->n_bands) s->n_bands = band_number + 1;
    return 0;
}

/* Adds the sets of "A+B": all to one band, or a band each. */
static int add_parts(fit_set *s, const char *text, size_t first_band, bool band_each, const feature_list *l, err *e)
{
    size_t n;
    char **names = str_split(text, '+', &n, e);
    int status = names ? 0 : -1;
    for (size_t i = 0; i < n && !status; i++) {
        const feature_set *f = feature_find(l, names[i]);
        status = f ? add_part(s, f, first_band + (band_each ? i : 0), e) : unknown_set(names[i], l, e);
    }
    free(names);
    return status;
}

static bool in_baseline(const char *name, const encode_options *o)
{
    size_t n = strlen(name);
    for (const char *p = o->baseline; p; p = strchr(p, '+') ? strchr(p, '+') + 1 : NULL)
        if (strncmp(p, name, n) == 0 && (p[n] == 0 || p[n] == '+')) return true;
    return false;
}

static fit_set *next_fit(fit_set **list, size_t *n, const char *kind, err *e)
{
    void *at = *list;
    if (mem_grow(&at, *n + 1, sizeof **list, e)) return NULL;
    *list = at;
    fit_set *s = &(*list)[(*n)++];
    *s = (fit_set){ .kind = kind, .joined = !str_same(kind, "model") };
    return s;
}

static int fit_baseline(fit_set **list, size_t *n, const feature_list *l, const encode_options *o, err *e)
{
    fit_set *s = next_fit(list, n, "baseline", e);
    if (!s || !(s->name = mem_text("baseline", e))) return -1;
    s->divide = true;
    return add_parts(s, o->baseline, 0, false, l, e);
}

static int fit_model(fit_set **list, size_t *n, const feature_set *f, const encode_options *o, err *e)
{
    fit_set *s = next_fit(list, n, "model", e);
    if (!s || !(s->name = mem_text(f->name, e))) return -1;
    s->divide = o->baseline || o->partition;
    return add_part(s, f, 0, e);
}

static int fit_joint(fit_set **list, size_t *n, const feature_set *f, const feature_list *l, const encode_options *o, err *e)
{
    fit_set *s = next_fit(list, n, "joint", e);
    if (!s || !(s->name = str_format(e, "%s+baseline", f->name))) return -1;
    s->divide = s->over_baseline = true;
    return add_part(s, f, 0, e) || add_parts(s, o->baseline, 1, false, l, e) ? -1 : 0;
}

/* A fit of every subset that is not there yet. */
static int fit_partition(fit_set **list, size_t *n, const feature_list *l, const encode_options *o, err *e)
{
    char **set = NULL, name[1024];
    size_t sets;
    int status = -1;
    if (!o->partition) return 0;
    if (partition_names(&set, &sets, o, e)) return -1;
    for (size_t subset = 1; subset < (size_t)1 << sets; subset++) {
        bool there = false;
        partition_fit(name, sizeof name, set, sets, subset);
        for (size_t i = 0; i < *n && !there; i++) there = str_same((*list)[i].name, name);
        if (there) continue;
        fit_set *s = next_fit(list, n, subset & (subset - 1) ? "joint" : "model", e);
        if (!s || !(s->name = mem_text(name, e))) goto done;
        s->divide = true;
        if (add_parts(s, name, 0, true, l, e)) goto done;
    }
    status = 0;
done:
    free(set);
    return status;
}

/* Papers without bands put columns side by side. */
static void one_band(fit_set *s)
{
    for (size_t k = 0; k < s->n_parts; k++) s->band[k] = 0;
    s->n_bands = 1;
}

int fits_make(fit_set **out, size_t *n, const feature_list *l, const encode_options *o, err *e)
{
    *out = NULL;
    *n = 0;
    if (o->baseline && fit_baseline(out, n, l, o, e)) return err_while(e, "taking the baseline '%s'", o->baseline);
    for (size_t i = 0; i < l->n; i++) {
        if (in_baseline(l->at[i].name, o)) continue;
        if (fit_model(out, n, &l->at[i], o, e)) return -1;
        if (o->baseline && !l->at[i].oasm && fit_joint(out, n, &l->at[i], l, o, e)) return -1;
    }
    for (size_t i = 0; i < o->n_bands; i++) {
        fit_set *s = next_fit(out, n, "joint", e);
        if (!s || !(s->name = mem_text(o->bands[i], e))) return -1;
        s->divide = true;
        if (add_parts(s, o->bands[i], 0, true, l, e)) return err_while(e, "taking the bands '%s'", o->bands[i]);
    }
    if (fit_partition(out, n, l, o, e)) return err_while(e, "taking --partition %s", o->partition);
    for (size_t i = 0; i < *n && o->paper; i++) {
        (*out)[i].divide = false;
        if (o->paper != PAPER_HADIDI2025) one_band(&(*out)[i]);
    }
    return 0;
}
