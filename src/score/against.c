/* SPDX-License-Identifier: MIT */
/* Two models side by side: the same subjects and the same blocks are left out for both (METHODS 5.6). A model NAME of which there are
 * seeds (NAME.s1, NAME.s2, ...) counts with their mean; seeds are never resampled. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inference.h"

typedef struct {
    scores *out;
    const score_options *o;
    encoding **x;
    size_t n;
} pairing;

bool score_model_is(const char *model, const char *name)
{
    size_t n = strlen(name);
    if (strncmp(model, name, n) != 0) return false;
    return !model[n] || (str_begins(model + n, ".s") && model[n + 2] && strspn(model + n + 2, "0123456789") == strlen(model + n + 2));
}

/* Same neuroids, and the same blocks left out. */
static bool alike(const encoding *a, const encoding *b)
{
    if (a == b) return true;
    if (a->group != b->group || a->v != b->v || a->folds != b->folds || a->blocks != b->blocks || a->people != b->people ||
        a->presentations != b->presentations)
        return false;
    for (size_t j = 0; j < a->v; j++)
        if (a->use[j] != b->use[j] || !str_same(a->subject_text[j], b->subject_text[j]) || !str_same(a->roi_text[j], b->roi_text[j])) return false;
    return !a->blocks || memcmp(a->block, b->block, a->presentations * sizeof *a->block) == 0;
}

/* sum [rows×v] += times · more; a table that is not stored makes the sum unknown. */
static void add_table(double **sum, const double *more, size_t cells, double times)
{
    if (!more || !*sum) {
        free(*sum);
        *sum = NULL;
        return;
    }
    for (size_t i = 0; i < cells; i++) (*sum)[i] += times * more[i];
}

typedef struct { double *value, *jack, *left, *left_jack; } sums;

static void sums_free(sums *s)
{
    free(s->value);
    free(s->jack);
    free(s->left);
    free(s->left_jack);
}

static int sums_new(sums *s, const encoding *x, err *e)
{
    *s = (sums){ mem_new(x->v + 1, sizeof(double), e), mem_new(x->blocks * x->v + 1, sizeof(double), e),
                 mem_new(x->people * x->v + 1, sizeof(double), e), mem_new(x->people * x->blocks * x->v + 1, sizeof(double), e) };
    return s->value && s->jack && s->left && s->left_jack ? 0 : -1;
}

static int add_set(sums *s, const encoding *x, const encoding_set *t, bool squared, double times, err *e)
{
    double *r = mem_new(2 * x->v + 1, sizeof *r, e);
    if (!r) return -1;
    score_set_values(r, r + x->v, x, t);
    add_table(&s->value, squared ? r + x->v : r, x->v, times);
    add_table(&s->jack, squared ? t->jack_r2 : t->jack_r, x->blocks * x->v, times);
    add_table(&s->left, squared ? t->left_r2 : t->left_r, x->people * x->v, times);
    add_table(&s->left_jack, squared ? t->left_jack_r2 : t->left_jack_r, x->people * x->blocks * x->v, times);
    free(r);
    return 0;
}

/* The rows of one measure: a - mean of the others. */
static int pair_measure(const pairing *p, const encoding *x, const encoding_set *a, const encoding *y, const char *measure, err *e)
{
    sums s = { 0 };
    bool squared = str_ends(measure, "r2");
    size_t others = 0, first = p->out->n_rows;
    int status = -1;
    char *name = str_format(e, "%s - %s", a->model, p->o->against);
    for (size_t k = 0; k < y->n_nested; k++) others += y->nested[k].kind == a->kind && score_model_is(y->nested[k].model, p->o->against);
    if (!name || sums_new(&s, x, e) || add_set(&s, x, a, squared, 1, e)) goto done;
    for (size_t k = 0; k < y->n_nested; k++) {
        const encoding_set *t = &y->nested[k];
        if (t->kind == a->kind && score_model_is(t->model, p->o->against) && add_set(&s, y, t, squared, -1 / (double)others, e)) goto done;
    }
    score_label label = { name, "nested", set_kind_name(a->kind), measure, squared };
    replicates rep = { s.value, s.jack, s.left, s.left_jack, NULL };
    if (score_rows(p->out, x, NULL, &label, s.value, p->o->aggregate, e)) goto done;
    status = p->o->aggregate == AGGREGATE_SUBJECT ? score_infer(p->out, first, x, &rep, p->o, false, e) : 0;
done:
    sums_free(&s);
    free(name);
    return status;
}

static int pair_model(const pairing *p, const encoding *x, const encoding_set *a, size_t *pairs, err *e)
{
    const encoding *y = NULL;
    for (size_t i = 0; i < p->n && !y; i++)
        for (size_t k = 0; k < p->x[i]->n_nested && alike(x, p->x[i]); k++)
            if (p->x[i]->nested[k].kind == a->kind && score_model_is(p->x[i]->nested[k].model, p->o->against)) y = p->x[i];
    if (!y) return 0;
    ++*pairs;
    if (a->kind == SET_JOINT) return pair_measure(p, x, a, y, "delta_r", e) || pair_measure(p, x, a, y, "delta_r2", e) ? -1 : 0;
    return pair_measure(p, x, a, y, "r", e) || pair_measure(p, x, a, y, "r2", e) ? -1 : 0;
}

int score_against(scores *out, encoding **x, size_t n, const score_options *o, err *e)
{
    pairing p = { out, o, x, n };
    size_t pairs = 0;
    if (!o->against) return 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < x[i]->n_nested; k++)
            if (!score_model_is(x[i]->nested[k].model, o->against) && pair_model(&p, x[i], &x[i]->nested[k], &pairs, e)) return -1;
    if (pairs) return 0;
    err_set(e, ERR_USAGE, "--against %s: no encoding has that model beside another with the same subjects and blocks", o->against);
    return err_hint(e, "encode both with --jackknife");
}
