/* SPDX-License-Identifier: MIT */
/* The choice with every alpha scored in fp64. */
#include "nested.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int score_block(work *w, const inner_operators *o, const factor *whole, exact_space *x, const block *b, err *e)
{
    const nested_problem *q = w->q;
    size_t A = q->n_alphas, n_pairs = A * PANEL;
    score_pair *pair = mem_new(n_pairs, sizeof *pair, e);
    double *score = mem_new(n_pairs, sizeof *score, e), *space = whole ? mem_new(loo_space(whole), sizeof *space, e) : NULL;
    int32_t *nans = mem_new(n_pairs, sizeof *nans, e);
    int status = -1;
    if (!pair || !score || !nans || (whole && !space)) goto done;
    for (size_t first = 0; first < b->width; first += PANEL) {
        size_t width = b->width - first < PANEL ? b->width - first : PANEL, n = 0;
        if (whole) {
            loo_scores(score, whole, q, b->y + first, space);
            for (size_t a = 0; a < A; a++)
                memcpy(w->sum + a * q->v + b->first + first, score + a * PANEL, width * sizeof *score);
            continue;
        }
        for (size_t j = 0; j < width; j++)
            for (size_t a = 0; a < A; a++) pair[n++] = (score_pair){ (uint16_t)(first + j), (uint16_t)a };
        if (exact_scores(x, w->inner, o, q, (const double *const[]){ b->y }, pair, n, score, nans, e)) goto done;
        for (size_t i = 0; i < n; i++) {
            size_t at = pair[i].alpha * q->v + b->first + pair[i].column;
            w->sum[at] = score[i];
            w->nans[at] = nans[i];
        }
    }
    status = 0;
done:
    free(pair);
    free(score);
    free(nans);
    free(space);
    return status;
}

static int score_all(work *w, const inner_operators *o, const factor *whole, err *e)
{
    trouble t = { 0 };
#pragma omp parallel num_threads(threads_count())
    {
        err own = { 0 };
        block b;
        exact_space *x = exact_space_new(w->inner, &own);
        int bad = block_space(&b, w, &own) || !x;
#pragma omp for schedule(dynamic, 1)
        for (size_t k = 0; k < w->blocks; k++) {
            if (bad || in_trouble(&t)) continue;
            if (interrupted()) bad = err_set(&own, ERR_INTERRUPTED, "interrupted");
            else bad = block_load(&b, w, k, &own) || score_block(w, o, whole, x, &b, &own);
        }
        if (bad) trouble_note(&t, &own);
        block_free(&b);
        exact_space_free(x);
    }
    if (t.failed) *e = t.first;
    return t.failed ? -1 : 0;
}

/* One alpha for all responses: the mean of the inner score over them. */
static void choose_shared(work *w, size_t g)
{
    const nested_problem *q = w->q;
    double best, *mean = w->sum; /* the first column is overwritten by the means, which is all that is used then */
    for (size_t a = 0; a < q->n_alphas; a++) {
        double sum = 0;
        size_t n = 0;
        for (size_t j = 0; j < q->v; j++)
            if (!isnan(mean[a * q->v + j])) {
                sum += mean[a * q->v + j];
                n++;
            }
        mean[a * q->v] = n ? sum / (double)n : NAN;
    }
    size_t chosen = q->himalaya ? choose_himalaya(mean, q->v, q->alphas, q->n_alphas, &best)
                                : choose_alpha(mean, q->v, q->alphas, q->n_alphas, q->select, &best);
    if (g && !beats(best, w->c.best[0], q->select)) return;
    for (size_t j = 0; j < q->v; j++) {
        w->c.alpha[j] = chosen;
        w->c.gamma[j] = (int32_t)g;
        w->c.best[j] = best;
    }
}

void take(choice *c, size_t j, size_t g, size_t alpha, double best, select_by select)
{
    if (g && !beats(best, c->best[j], select)) return;
    c->alpha[j] = alpha;
    c->gamma[j] = (int32_t)g;
    c->best[j] = best;
}

static void choose_each(work *w, size_t g)
{
    const nested_problem *q = w->q;
    for (size_t j = 0; j < q->v; j++) {
        double best;
        size_t chosen = q->himalaya ? choose_himalaya(w->sum + j, q->v, q->alphas, q->n_alphas, &best)
                                    : choose_alpha(w->sum + j, q->v, q->alphas, q->n_alphas, q->select, &best);
        for (size_t a = 0; w->out->n_nan_inner && a < q->n_alphas; a++)
            w->out->n_nan_inner[j] += (size_t)w->nans[a * q->v + j];
        take(&w->c, j, g, chosen, best, q->select);
    }
}

int select_exact(work *w, const inner_operators *o, const factor *whole, size_t g, err *e)
{
    size_t cells = w->q->n_alphas * w->q->v;
    if (score_all(w, o, whole, e)) return -1;
    if (w->out->inner) memcpy(w->out->inner + g * cells, w->sum, cells * sizeof(double));
    if (w->q->alpha_shared) choose_shared(w, g);
    else choose_each(w, g);
    return 0;
}
