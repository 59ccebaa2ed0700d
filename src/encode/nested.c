/* SPDX-License-Identifier: MIT */
/* The layer chosen inside the training data: in each outer fold, for each subject, the one whose inner score is best on average over
 * the subject's neuroids (METHODS 5.2). For null responses the choice is made anew; for what a jackknife leaves out it is held. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sets.h"

/* Neuroids that choose together: of one subject, and of one null. */
typedef struct { size_t n, *of; uint8_t *counts; } choosers; /* [v]; counts 0: the mean time course, which follows the others */

static bool same_part(const char *a, const char *b)
{
    size_t n = strcspn(a, "\x1f");
    return n == strcspn(b, "\x1f") && strncmp(a, b, n) == 0;
}

typedef struct { const encoded *x; size_t at, number; } chooser_key;

static int by_key(const void *a, const void *b)
{
    const chooser_key *p = a, *q = b;
    if (p->number != q->number) return p->number < q->number ? -1 : 1;
    const char *s = p->x->subject[p->at], *t = q->x->subject[q->at];
    if (!same_part(s, t)) return strcmp(s, t);
    return p->at < q->at ? -1 : p->at > q->at;
}

static int choosers_new(choosers *c, const encoded *x, err *e)
{
    chooser_key *key = mem_new(x->v + 1, sizeof *key, e);
    *c = (choosers){ .of = mem_new(x->v + 1, sizeof *c->of, e), .counts = mem_new(x->v + 1, 1, e) };
    if (!key || !c->of || !c->counts) {
        free(key);
        return -1;
    }
    for (size_t j = 0; j < x->v; j++) {
        key[j] = (chooser_key){ x, j, null_number(x, j) };
        c->counts[j] = !same_part(x->roi[j], "mean");
    }
    qsort(key, x->v, sizeof *key, by_key);
    for (size_t j = 0; j < x->v; j++) {
        bool same = j && key[j].number == key[j - 1].number && same_part(x->subject[key[j].at], x->subject[key[j - 1].at]);
        c->n += !same;
        c->of[key[j].at] = c->n - 1;
    }
    free(key);
    return 0;
}

static int set_space(encoded_set *s, const encoded_set *like, const encoded *x, const held_columns *h, size_t n, err *e)
{
    size_t cells = x->folds * x->v;
    double **tables[] = { &s->alpha, &s->inner_best, &s->r, &s->r2, &s->r2_train, &s->sse };
    *s = (encoded_set){ .kind = like->kind, .n_bands = like->n_bands, .p = like->p };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (!(*tables[i] = mem_new(cells, sizeof(double), e))) return -1;
    s->r_mean = mem_new(x->v, sizeof(double), e);
    s->r_pooled = mem_new(x->v, sizeof(double), e);
    s->r2_pooled = mem_new(x->v, sizeof(double), e);
    s->n_nan = mem_new(x->v, sizeof(int32_t), e);
    s->n_edge = mem_new(x->v, sizeof(int32_t), e);
    s->sums = mem_new(cells, sizeof *s->sums, e);
    s->layer = mem_new(cells, sizeof *s->layer, e);
    s->taps = mem_new(n + 1, sizeof *s->taps, e);
    if (!s->r_mean || !s->r_pooled || !s->r2_pooled || !s->n_nan || !s->n_edge || !s->sums || !s->layer || !s->taps) return -1;
    if (!like->held) return 0;
    s->held = mem_new(x->folds * (1 + x->blocks) * h->v, sizeof *s->held, e);
    s->held_part = mem_new(x->folds * x->blocks * h->v, sizeof *s->held_part, e);
    return s->held && s->held_part ? 0 : -1;
}

/* layer [choosers] of one fold: the best mean inner score, the first of equals; sets without a score rank nowhere. */
static int choose(size_t *layer, const choosers *c, const encoded *x, const encoded_set *const *sets, size_t n, size_t fold, err *e)
{
    double *sum = mem_new(3 * c->n + 1, sizeof *sum, e), *count = sum + c->n, *best = sum + 2 * c->n;
    if (!sum) return -1;
    for (size_t k = 0; k < n; k++) {
        memset(sum, 0, 2 * c->n * sizeof *sum);
        for (size_t j = 0; j < x->v; j++) {
            double inner = sets[k]->inner_best[fold * x->v + j];
            if (isnan(inner) || !c->counts[j]) continue;
            sum[c->of[j]] += inner;
            count[c->of[j]]++;
        }
        for (size_t i = 0; i < c->n; i++) {
            double mean = count[i] > 0 ? sum[i] / count[i] : -INFINITY;
            if (k && !(mean > best[i])) continue;
            best[i] = mean;
            layer[i] = k;
        }
    }
    free(sum);
    return 0;
}

static void copy_cell(encoded_set *to, const encoded_set *from, size_t at, size_t layer)
{
    to->alpha[at] = from->alpha[at];
    to->inner_best[at] = from->inner_best[at];
    to->r[at] = from->r[at];
    to->r2[at] = from->r2[at];
    to->r2_train[at] = from->r2_train[at];
    to->sse[at] = from->sse[at];
    to->sums[at] = from->sums[at];
    to->layer[at] = (int32_t)layer;
}

static int fill(encoded_set *to, const choosers *c, const encoded *x, const held_columns *h, const encoded_set *const *sets, size_t n, err *e)
{
    size_t *layer = mem_new(c->n + 1, sizeof *layer, e), B = x->blocks;
    for (size_t f = 0; layer && f < x->folds; f++) {
        if (choose(layer, c, x, sets, n, f, e)) {
            free(layer);
            return -1;
        }
        for (size_t j = 0; j < x->v; j++) copy_cell(to, sets[layer[c->of[j]]], f * x->v + j, layer[c->of[j]]);
        for (size_t j = 0; to->held && j < h->v; j++) {
            const encoded_set *from = sets[layer[c->of[h->of[j]]]];
            for (size_t k = 0; k <= B; k++) to->held[(f * (1 + B) + k) * h->v + j] = from->held[(f * (1 + B) + k) * h->v + j];
            for (size_t k = 0; k < B; k++) to->held_part[(f * B + k) * h->v + j] = from->held_part[(f * B + k) * h->v + j];
        }
    }
    free(layer);
    return layer ? 0 : -1;
}

/* "NAME" of "NAME:tap" and of "NAME:tap+baseline"; its length. A set without a tap is a model of one layer. */
static size_t model_length(const encoded_set *s)
{
    size_t n = strcspn(s->name, ":");
    if (!s->name[n] && str_same(s->kind, "joint") && str_ends(s->name, "+baseline")) n -= strlen("+baseline");
    return n;
}

static bool same_model(const encoded_set *a, const encoded_set *b)
{
    size_t n = model_length(a);
    return str_same(a->kind, b->kind) && n == model_length(b) && strncmp(a->name, b->name, n) == 0;
}

/* Sets of bands of the user's own are no model's layers. */
static bool is_layer(const encoded_set *s)
{
    return str_same(s->kind, "model") || (str_same(s->kind, "joint") && str_ends(s->name, "+baseline"));
}

static int add_nested(encoded *x, size_t first, const choosers *c, const held_columns *h, err *e)
{
    const encoded_set **sets = mem_new(x->n_sets, sizeof *sets, e);
    encoded_set *to = &x->nested[x->n_nested++];
    size_t n = 0, length = model_length(&x->sets[first]);
    int status = -1;
    for (size_t i = first; sets && i < x->n_sets; i++)
        if (same_model(&x->sets[i], &x->sets[first])) sets[n++] = &x->sets[i];
    if (!sets || set_space(to, sets[0], x, h, n, e)) goto done;
    to->name = str_format(e, "%.*s%s", (int)length, x->sets[first].name, str_same(to->kind, "joint") ? "+baseline" : "");
    if (!to->name) goto done;
    for (size_t k = 0; k < n; k++) {
        const char *tap = sets[k]->name + length + (sets[k]->name[length] == ':');
        if (!(to->taps[k] = mem_text(tap, e))) goto done;
        if (str_same(to->kind, "joint") && str_ends(tap, "+baseline")) to->taps[k][strlen(tap) - strlen("+baseline")] = 0;
        to->n_taps++;
        if (sets[k]->p > to->p) to->p = sets[k]->p;
    }
    status = fill(to, c, x, h, sets, n, e);
done:
    free(sets);
    return status;
}

int nested_layers(encoded *x, const held_columns *h, err *e)
{
    choosers c = { 0 };
    int status = -1;
    if (!(x->nested = mem_new(x->n_sets + 1, sizeof *x->nested, e)) || choosers_new(&c, x, e)) goto done;
    for (size_t i = 0; i < x->n_sets; i++) {
        bool first = is_layer(&x->sets[i]);
        for (size_t k = 0; k < i && first; k++) first = !same_model(&x->sets[k], &x->sets[i]);
        if (first && add_nested(x, i, &c, h, e)) goto done;
    }
    status = 0;
done:
    free(c.of);
    free(c.counts);
    return status;
}
