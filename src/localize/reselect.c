/* SPDX-License-Identifier: MIT */
/* The held-out test under permuted labels, the units selected anew each time (METHODS 6.4, C4 of 6.6). Labels are dealt
 * anew within each half; with the covariate, label and token count together over residuals (designs.c). */
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "heldout.h"

enum { AT_ONCE = 32 };

static void deal_half(const half_items *h, uint8_t *label, double *tokens, size_t *order, size_t number, uint32_t what,
                      uint64_t seed)
{
    for (size_t i = 0; i < h->n; i++)
        order[i] = i;
    rng_shuffle(order, h->n, seed, RNG_SPLITS, (uint32_t)number, what);
    for (size_t i = 0; i < h->n; i++) {
        label[i] = h->label[order[i]];
        tokens[i] = h->tokens[order[i]];
    }
}

/* Of one thread. */
typedef struct {
    uint8_t *label, *selected;
    double *tokens, *value, *work;
    size_t *order;
    err error;
    bool failed;
} worker;

static int worker_new(worker *w, const heldout_space *s, err *e)
{
    size_t n = s->part[0].n + s->part[1].n;
    w->label = mem_new(n, 1, e);
    w->selected = mem_new(s->units, 1, e);
    w->tokens = mem_new(n, sizeof *w->tokens, e);
    w->value = mem_new(n, sizeof *w->value, e);
    w->work = mem_new(2 * n, sizeof *w->work, e);
    w->order = mem_new(n, sizeof *w->order, e);
    return w->label && w->selected && w->tokens && w->value && w->work && w->order ? 0 : -1;
}

static void worker_free(worker *w)
{
    void *all[] = { w->label, w->selected, w->tokens, w->value, w->work, w->order };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* Permutation `number`, its map t [units] over the first half: the test over the second. */
static int permuted_test(double *out, const heldout_space *s, worker *w, const double *t, size_t number, err *e)
{
    const half_items *h = &s->part[1];
    double along = 0;
    if (select_units(w->selected, t, NULL, s->in, s->units, &s->pick, NULL, e) == SIZE_MAX) return -1;
    heldout_values(w->value, s, w->selected, h->item, h->n);
    for (size_t i = 0; i < h->n; i++)
        along += h->axis[i] * w->value[i]; /* residuals, as in designs.c */
    for (size_t i = 0; s->m->covariate && i < h->n; i++)
        w->value[i] -= along * h->axis[i];
    deal_half(h, w->label, w->tokens, w->order, number, DRAW_SECOND_HALF, s->o->seed);
    *out = heldout_test(s, w->value, w->label, w->tokens, h->n, w->work).t;
    return 0;
}

typedef struct {
    uint8_t *label;     /* [AT_ONCE × items of the first half] */
    double *tokens, *t; /* the same; [AT_ONCE×units] */
    worker *own;
} permute_space;

static int permute_new(permute_space *p, const heldout_space *s, err *e)
{
    p->label = mem_new(AT_ONCE * s->part[0].n, 1, e);
    p->tokens = mem_new(AT_ONCE * s->part[0].n, sizeof(double), e);
    p->t = mem_new(AT_ONCE * s->units, sizeof(double), e);
    p->own = mem_new((size_t)threads_count(), sizeof *p->own, e);
    if (!p->label || !p->tokens || !p->t || !p->own) return -1;
    for (int k = 0; k < threads_count(); k++)
        if (worker_new(&p->own[k], s, e)) return -1;
    return 0;
}

static void permute_free(permute_space *p)
{
    for (int k = 0; p->own && k < threads_count(); k++)
        worker_free(&p->own[k]);
    free(p->own);
    free(p->label);
    free(p->tokens);
    free(p->t);
}

/* Permutations first ... first + many - 1. */
static int permute_some(localizer_heldout *out, const heldout_space *s, permute_space *p, size_t first, size_t many,
                        err *e)
{
    size_t n = s->part[0].n;
    for (size_t i = 0; i < many; i++)
        deal_half(&s->part[0], p->label + i * n, p->tokens + i * n, p->own[0].order, first + i, DRAW_FIRST_HALF,
                  s->o->seed);
    if (heldout_map(p->t, s, 0, p->label, p->tokens, many, e)) return -1;
#pragma omp parallel for schedule(dynamic) num_threads(threads_count())
    for (size_t i = 0; i < many; i++) {
        worker *w = &p->own[omp_get_thread_num()];
        const double *t = p->t + i * s->units;
        out->null_largest[first + i] = largest_of(t, s->units);
        if (!w->failed && permuted_test(&out->null_t[first + i], s, w, t, first + i, &w->error)) w->failed = true;
    }
    for (int k = 0; k < threads_count(); k++)
        if (p->own[k].failed) {
            *e = p->own[k].error;
            return -1;
        }
    if (!interrupted()) return 0;
    return err_set(e, ERR_INTERRUPTED, "interrupted after %zu of %zu permutations", first + many, s->o->permutations);
}

int heldout_permute(localizer_heldout *out, const heldout_space *s, err *e)
{
    permute_space p = { 0 };
    size_t total = s->o->permutations, as_large = 0, larger_map = 0;
    int status = -1;
    if (permute_new(&p, s, e)) goto done;
    for (size_t k = 0; k < total; k += AT_ONCE)
        if (permute_some(out, s, &p, k, total - k < AT_ONCE ? total - k : AT_ONCE, e)) goto done;
    for (size_t k = 0; k < total; k++) {
        as_large += !(out->null_t[k] < out->test.t);
        larger_map += out->null_largest[k] >= out->largest;
    }
    out->p_permutation = total ? (1 + (double)as_large) / (1 + (double)total) : NAN;
    out->p_largest = total ? (1 + (double)larger_map) / (1 + (double)total) : NAN;
    status = 0;
done:
    permute_free(&p);
    return status;
}
