/* SPDX-License-Identifier: MIT */
/* Every model of every encoding: nested layer, layer curve, and what it adds to the baseline. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"
#include "inference.h"
#include "parts.h"

typedef struct {
    scores *out;
    const encoding *x;
    const ceiling_file *c;
    const score_options *o;
    double *r, *r2, *base_r, *base_r2, *delta; /* [v] */
    size_t *choice;                            /* [folds×subjects] */
    const encoding_set *set, *base;            /* what has the replicates of w->choice, and of the baseline; NULL: none */
    bool has_baseline;
} worker;

/* a - b, malloc'ed; b NULL: a copy. NULL where a is not stored, or b is not but should be. */
static double *difference(const double *a, const double *b, bool delta, size_t n, err *e)
{
    double *out = a && (b || !delta) ? mem_copy(a, n * sizeof *a, e) : NULL;
    for (size_t i = 0; out && delta && i < n; i++) out[i] -= b[i];
    return out;
}

/* Rows of one measure, with what w->set (less the baseline for a delta) stores of replicates. */
static int measure(worker *w, const char *model, const char *layer, set_kind kind, const char *name, bool squared,
                   const double *values, err *e)
{
    const encoding *x = w->x;
    const encoding_set none = { 0 }, *t = w->set ? w->set : &none, *b = w->base ? w->base : &none;
    score_label label = { model, layer, set_kind_name(kind), name, squared };
    size_t first = w->out->n_rows;
    bool delta = str_begins(name, "delta"), nested = str_same(layer, "nested");
    if (score_rows(w->out, x, w->c, &label, values, w->o->aggregate, e)) return -1;
    if (w->o->aggregate != AGGREGATE_SUBJECT) return 0;
    double *jack = difference(squared ? t->jack_r2 : t->jack_r, squared ? b->jack_r2 : b->jack_r, delta, x->blocks * x->v, e);
    double *left = difference(squared ? t->left_r2 : t->left_r, squared ? b->left_r2 : b->left_r, delta, x->people * x->v, e);
    double *both = difference(squared ? t->left_jack_r2 : t->left_jack_r, squared ? b->left_jack_r2 : b->left_jack_r, delta,
                              x->people * x->blocks * x->v, e);
    const double *null = delta ? (squared ? t->null_delta_r2 : t->null_delta_r) : squared ? t->null_r2 : t->null_r;
    replicates rep = { values, jack, left, both, null };
    int status = e->kind ? -1 : score_infer(w->out, first, x, &rep, w->o, nested, e);
    if (!status && nested && null && w->o->family == FAMILY_VOXEL && str_same(name, kind == SET_PLAIN ? "r" : "delta_r2"))
        status = score_voxel_family(w->out, x, &label, values, null, e);
    free(jack);
    free(left);
    free(both);
    return status;
}

static const encoding_set *nested_set(const encoding *x, const char *model, set_kind kind)
{
    for (size_t k = 0; k < x->n_nested; k++)
        if (x->nested[k].kind == kind && str_same(x->nested[k].model, model)) return &x->nested[k];
    return NULL;
}

/* The measures of w->choice: r, R², and for a joint model what it adds. */
static int all_measures(worker *w, const char *model, const char *layer, set_kind kind, err *e)
{
    score_neuroids(w->r, w->r2, w->x, w->choice, &w->out->n_nan);
    if (measure(w, model, layer, kind, "r", false, w->r, e) || measure(w, model, layer, kind, "r2", true, w->r2, e))
        return -1;
    if (kind != SET_JOINT || !w->has_baseline) return 0;
    for (size_t j = 0; j < w->x->v; j++)
        w->delta[j] = w->r[j] - w->base_r[j];
    if (measure(w, model, layer, kind, "delta_r", false, w->delta, e)) return -1;
    for (size_t j = 0; j < w->x->v; j++)
        w->delta[j] = w->r2[j] - w->base_r2[j];
    return measure(w, model, layer, kind, "delta_r2", true, w->delta, e);
}

static void choose_one(worker *w, size_t set)
{
    for (size_t i = 0; i < w->x->folds * w->x->subjects; i++)
        w->choice[i] = set;
}

static const char *keep(worker *w, const char *text, err *e)
{
    return arena_text(w->out->memory, text, strlen(text), e);
}

static int note_choices(worker *w, const char *model, set_kind kind, err *e)
{
    scores *out = w->out;
    for (size_t s = 0; s < w->x->subjects; s++)
        for (size_t f = 0; f < w->x->folds; f++) {
            void *list = out->choices;
            if (mem_grow(&list, out->n_choices + 1, sizeof *out->choices, e)) return -1;
            out->choices = list;
            score_choice *to = &out->choices[out->n_choices];
            *to = (score_choice){ keep(w, model, e),
                                  set_kind_name(kind),
                                  w->x->group ? "group" : "single",
                                  keep(w, w->x->subject[s], e),
                                  keep(w, w->x->sets[w->choice[f * w->x->subjects + s]].tap, e),
                                  f + 1 };
            if (!to->model || !to->subject || !to->layer) return -1;
            out->n_choices++;
        }
    return 0;
}

static int note_oracle(worker *w, const char *model, set_kind kind, const char *layer, size_t searched, err *e)
{
    void *list = w->out->oracles;
    if (mem_grow(&list, w->out->n_oracles + 1, sizeof *w->out->oracles, e)) return -1;
    w->out->oracles = list;
    score_oracle *to = &w->out->oracles[w->out->n_oracles];
    *to = (score_oracle){ keep(w, model, e), set_kind_name(kind), w->x->group ? "group" : "single", keep(w, layer, e),
                          searched };
    if (!to->model || !to->layer) return -1;
    w->out->n_oracles++;
    return 0;
}

static double mean_used(const encoding *x, const double *values)
{
    double sum = 0, n = 0;
    for (size_t j = 0; j < x->v; j++) {
        if (!x->use[j] || isnan(values[j]) || score_is_mean(x->roi_text[j])) continue;
        sum += values[j];
        n++;
    }
    return n > 0 ? sum / n : -INFINITY;
}

/* All layers of one model and kind. */
static int score_model(worker *w, const char *model, set_kind kind, err *e)
{
    int status = -1;
    const encoding *x = w->x;
    size_t n = 0, best_layer = 0, wanted = SIZE_MAX, *sets = mem_new(x->n_sets, sizeof *sets, e);
    double best = -INFINITY;
    if (!sets) return -1;
    for (size_t k = 0; k < x->n_sets; k++)
        if (x->sets[k].kind == kind && str_same(x->sets[k].model, model)) sets[n++] = k;
    if (n == 0) {
        status = 0;
        goto done;
    }
    for (size_t k = 0; k < n; k++) {
        choose_one(w, sets[k]);
        w->set = &x->sets[sets[k]];
        if (all_measures(w, model, x->sets[sets[k]].tap, kind, e)) goto done;
        if (str_same(x->sets[sets[k]].tap, w->o->layer)) wanted = k;
        double mean = mean_used(x, w->r2);
        if (mean > best) {
            best = mean;
            best_layer = k;
        }
    }
    if (str_same(w->o->layer, "nested")) {
        w->set = nested_set(x, model, kind);
        if (score_nested(w->choice, x, sets, n, e) || all_measures(w, model, "nested", kind, e) ||
            note_choices(w, model, kind, e) || note_oracle(w, model, kind, x->sets[sets[best_layer]].tap, n, e))
            goto done;
    } else if (wanted == SIZE_MAX) {
        err_set(e, ERR_USAGE, "%s: model %s has no layer '%s'", x->path, model, w->o->layer);
        err_hint(e, "--layer nested, or one of the %zu taps, as %s", n, x->sets[sets[0]].tap);
        goto done;
    }
    status = 0;
done:
    free(sets);
    return status;
}

/* The baseline of this encoding; a second encoding of the same target must have the same. */
static int score_baseline(worker *w, bool first, err *e)
{
    const encoding *x = w->x;
    if (x->sets[0].kind != SET_BASELINE) return 0;
    choose_one(w, 0);
    w->has_baseline = true;
    w->set = w->base = &x->sets[0];
    size_t undefined = 0;
    score_neuroids(w->base_r, w->base_r2, x, w->choice, &undefined);
    return first ? all_measures(w, "baseline", "", SET_BASELINE, e) : 0;
}

static bool seen(const scores *out, const char *model, const char *target)
{
    for (size_t i = 0; i < out->n_rows; i++)
        if (str_same(out->rows[i].model, model) && str_same(out->rows[i].target, target)) return true;
    return false;
}

/* Seeds are summed up: no intervals of their own beside the jackknife's. */
static bool is_seed(const char *model)
{
    const char *dot = strrchr(model, '.');
    return dot && dot != model && dot[1] == 's' && dot[2] && strspn(dot + 2, "0123456789") == strlen(dot + 2);
}

static int score_encoding(scores *out, const encoding *x, const ceiling_file *c, const score_options *o, err *e)
{
    int status = -1;
    const char *target = x->group ? "group" : "single", *last = NULL;
    worker w = { .out = out, .x = x, .c = c, .o = o };
    double *room = mem_new(5 * x->v, sizeof *room, e);
    w.choice = mem_new(x->folds * x->subjects, sizeof *w.choice, e);
    if (!room || !w.choice) goto done;
    w.r = room;
    w.r2 = room + x->v;
    w.base_r = room + 2 * x->v;
    w.base_r2 = room + 3 * x->v;
    w.delta = room + 4 * x->v;
    if (!x->sst) out->exact_pooling = false;
    if (score_baseline(&w, !seen(out, "baseline", target), e)) goto done;
    for (size_t k = 0; k < x->n_sets; k++) {
        const char *model = x->sets[k].model;
        if (!model || (last && str_same(model, last))) continue;
        if (seen(out, model, target)) {
            err_set(e, ERR_INPUT, "%s: model %s is in an encoding before it, with the same target", x->path, model);
            goto done;
        }
        if (score_model(&w, model, SET_PLAIN, e) || score_model(&w, model, SET_JOINT, e)) goto done;
        if (str_same(o->layer, "nested") && o->aggregate == AGGREGATE_SUBJECT && !is_seed(model) &&
            score_resample(out, x, w.base, nested_set(x, model, SET_PLAIN), nested_set(x, model, SET_JOINT), o, e))
            goto done;
        last = model;
    }
    status = 0;
done:
    free(room);
    free(w.choice);
    return status;
}

static int match_ceilings(ceiling_file **of, encoding **x, size_t n, ceiling_file **c, size_t m, err *e)
{
    for (size_t k = 0; k < m; k++) {
        bool used = false;
        for (size_t i = 0; i < n; i++) {
            if (x[i]->group != c[k]->group) continue;
            if (of[i])
                return err_set(e, ERR_USAGE, "%s and %s are both ceilings of target %s", of[i]->path, c[k]->path,
                               c[k]->group ? "group" : "single");
            of[i] = c[k];
            used = true;
            score_compare_configs(x[i], c[k]);
        }
        if (used) continue;
        err_set(e, ERR_INPUT, "%s is a ceiling of target %s, and no encoding has that target", c[k]->path,
                c[k]->group ? "group" : "single");
        return err_hint(e, "a score is only divided by the ceiling of its own target: broca ceiling --target %s",
                        c[k]->group ? "single" : "group");
    }
    return 0;
}

/* Deltas of one target over different baselines must not stand in one table as if they were alike. */
static int same_baselines(encoding **x, size_t n, err *e)
{
    for (size_t i = 1; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (x[i]->group == x[j]->group && !str_same(x[i]->baseline, x[j]->baseline))
                return err_set(e, ERR_INPUT, "%s has the baseline '%s', %s has '%s'", x[i]->path, x[i]->baseline,
                               x[j]->path, x[j]->baseline);
    return 0;
}

int score(scores **out, const char *const *encodings, size_t n, const char *const *ceilings, size_t m,
          const score_options *o, err *e)
{
    int status = -1;
    encoding **x = mem_new(n, sizeof *x, e);
    ceiling_file **c = mem_new(m, sizeof *c, e), **of = mem_new(n, sizeof *of, e);
    scores *s = mem_new(1, sizeof *s, e);
    *out = NULL;
    if (!x || !c || !of || !s || !(s->memory = arena_new(e))) goto done;
    s->exact_pooling = true;
    for (size_t i = 0; i < n; i++)
        if (encoding_read(&x[i], encodings[i], e)) goto done;
    for (size_t k = 0; k < m; k++) {
        if (ceiling_file_read(&c[k], ceilings[k], e)) goto done;
        for (size_t g = 0; g < c[k]->n; g++)
            s->n_no_ratio += !c[k]->ratio[g] && !isnan(c[k]->value[g]);
    }
    if (same_baselines(x, n, e) || match_ceilings(of, x, n, c, m, e)) goto done;
    for (size_t i = 0; i < n; i++)
        if (score_encoding(s, x[i], of[i], o, e)) goto done;
    if (score_seeds(s, e) || score_against(s, x, n, o, e)) goto done;
    *out = s;
    s = NULL;
    status = 0;
done:
    for (size_t i = 0; x && i < n; i++)
        encoding_free(x[i]);
    for (size_t k = 0; c && k < m; k++)
        ceiling_file_free(c[k]);
    free(x);
    free(c);
    free(of);
    scores_free(s);
    return status;
}

const score_row *score_find(const scores *s, const char *model, const char *layer, const char *kind, const char *target,
                            const char *roi, const char *subject, const char *name)
{
    for (size_t i = 0; i < s->n_rows; i++) {
        const score_row *r = &s->rows[i];
        if (str_same(r->model, model) && str_same(r->layer, layer) && str_same(r->kind, kind) &&
            str_same(r->target, target) && str_same(r->roi, roi) && str_same(r->subject, subject) &&
            str_same(r->measure, name))
            return r;
    }
    return NULL;
}

void scores_free(scores *s)
{
    if (!s) return;
    free(s->rows);
    free(s->choices);
    free(s->oracles);
    free(s->nulls);
    free(s->voxels);
    arena_free(s->memory);
    free(s);
}
