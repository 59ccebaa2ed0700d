/* SPDX-License-Identifier: MIT */
/* One outer fold of nested cross-validated (banded) ridge: inner scores of every candidate and alpha, the choice, the refit on
 * all training rows, predictions, scores and shares (METHODS 3.6, 3.8, 3.9). Candidates one after another, blocks of responses
 * side by side. */
#include "nested.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- set-up ---- */

static int check(const nested_problem *q, err *e)
{
    if (!q->n_alphas || !q->v) return err_set(e, ERR_INPUT, "%zu alphas, %zu responses: nothing to fit", q->n_alphas, q->v);
    if (q->n_alphas > UINT16_MAX) return err_set(e, ERR_INPUT, "%zu alphas, at most %d", q->n_alphas, UINT16_MAX);
    for (size_t a = 0; a < q->n_alphas; a++)
        if (!(q->alphas[a] >= 0) || isinf(q->alphas[a]))
            return err_set(e, ERR_INPUT, "alpha %zu is %g, expected a finite number >= 0", a, q->alphas[a]);
    if (q->n_bands > 1 && (!q->gammas || !q->n_gammas)) return err_set(e, ERR_INPUT, "several bands need candidates of gamma");
    return 0;
}

static int work_space(work *w, err *e)
{
    const nested_problem *q = w->q;
    size_t cells;
    w->n_candidates = w->f->n_bands > 1 ? q->n_gammas : 1;
    w->blocks = (q->v + BLOCK - 1) / BLOCK;
    if (size_mul(q->n_alphas, q->v, &cells, e) || inner_set_new(&w->inner, w->f, q, e)) return -1;
    w->screened = q->v >= SCREEN_FROM && q->by == INNER_FOLDS && !q->alpha_shared && !q->exhaustive && !q->himalaya && !w->out->inner &&
                  w->inner->smallest_alpha > 0;
    w->inner->whole = w->screened && w->n_candidates == 1 && !w->inner->by_inverse && !wants_weights(w->out) &&
                      !(w->out->share && w->f->n_bands > 1) && operators_pay(w->f);
    w->c.alpha = mem_new(q->v, sizeof(size_t), e);
    w->c.gamma = mem_new(q->v, sizeof(int32_t), e);
    w->c.best = mem_new(q->v, sizeof(double), e);
    if (!w->screened) {
        w->sum = mem_new(cells, sizeof(double), e);
        w->nans = mem_new(cells, sizeof(int32_t), e);
        if (!w->sum || !w->nans) return -1;
    }
    return w->c.alpha && w->c.gamma && w->c.best ? 0 : -1;
}

static void work_free(work *w)
{
    refit_close(w->early, w->q->n_alphas);
    chosen_close(w->chosen);
    fold_features_free(w->f);
    inner_set_free(w->inner);
    free(w->c.alpha);
    free(w->c.gamma);
    free(w->c.best);
    free(w->sum);
    free(w->nans);
}

/* ---- the choice ---- */

static int candidate_by_rows(work *w, size_t g, err *e)
{
    size_t *all = mem_new(w->f->n + 1, sizeof *all, e);
    factor *whole = NULL;
    int status = -1;
    if (!all) return -1;
    for (size_t i = 0; i < w->f->n; i++) all[i] = i;
    factor_plan plan = { .gamma = gamma_row(w, g), .train = all, .predict = all, .n = w->f->n, .smallest_alpha = w->inner->smallest_alpha };
    if (!factor_new(&whole, w->f, &plan, e)) status = select_exact(w, NULL, whole, g, e);
    factor_free(whole);
    free(all);
    return status;
}

static int candidate(work *w, size_t g, err *e)
{
    inner_operators *o = NULL;
    int status = -1;
    if (w->q->by != INNER_FOLDS) {
        if (candidate_by_rows(w, g, e)) return -1;
    } else {
        if (inner_operators_new(&o, w->f, w->inner, w->q, gamma_row(w, g), e)) return -1;
        if (o->whole && !(w->early = refit_open(w, o->whole, e))) {
            o->whole = NULL;
            goto done;
        }
        o->whole = NULL;
        if (w->screened ? select_screened(w, o, g, e) : select_exact(w, o, NULL, g, e)) goto done;
    }
    status = 0;
done:
    inner_operators_free(o, w->inner, w->q->n_alphas);
    return status;
}

static int select_all(work *w, err *e)
{
    const nested_problem *q = w->q;
    if (w->out->n_nan_inner) memset(w->out->n_nan_inner, 0, q->v * sizeof *w->out->n_nan_inner);
    bool nothing = (q->by == INNER_FOLDS && !w->inner->count) ||
                   (w->n_candidates == 1 && q->n_alphas == 1 && !w->out->inner && !w->out->inner_best);
    for (size_t j = 0; j < q->v && nothing; j++) w->c.best[j] = NAN;
    if (!nothing && w->screened && w->inner->by_inverse) return select_inverse(w, e);
    for (size_t g = 0; g < w->n_candidates && !nothing; g++)
        if (candidate(w, g, e)) return w->n_candidates > 1 ? err_while(e, "scoring candidate %zu of gamma", g + 1) : -1;
    return 0;
}

int nested_ridge(const nested_problem *q, const uint8_t *keep, nested_result *out, err *e)
{
    work w = { .q = q, .out = out };
    int status = -1;
    if (check(q, e) || fold_features_new(&w.f, q, keep, e) || work_space(&w, e)) goto done;
    out->dropped = q->p - w.f->p;
    if (select_all(&w, e)) goto done;
    for (size_t g = 0; g < w.n_candidates; g++)
        if (((!w.early || w.inner->by_inverse) && refit_candidate(&w, g, e)) || (q->held && held_candidate(&w, g, e))) goto done;
    for (size_t j = 0; j < q->v; j++) {
        if (out->alpha) out->alpha[j] = q->alphas[w.c.alpha[j]];
        if (out->gamma) out->gamma[j] = w.c.gamma[j];
        if (out->inner_best) out->inner_best[j] = w.c.best[j];
    }
    out->screened = w.c.screened;
    out->rescored = w.c.rescored;
    out->pairs = w.c.pairs;
    status = 0;
done:
    work_free(&w);
    return status;
}
