/* SPDX-License-Identifier: MIT */
/* One outer fold of nested cross-validated (banded) ridge: inner scores of every candidate and alpha, the choice, the refit on
 * all training rows, predictions and shares (METHODS 3.6, 3.8, 3.9). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ridge.h"

typedef struct {
    const nested_problem *q;
    fold_features *f;
    double *y;             /* [(n+t)×v] rows of the features */
    size_t n_candidates, n_inner;
    size_t *train, *predict; /* rows of one inner fold, in the features' numbering */
    double *mean_score;    /* [A×v] of one candidate */
    int32_t *count;        /* [A×v] */
    size_t *alpha;         /* [v] index of the best so far */
    int32_t *gamma;        /* [v] */
    double *best;          /* [v] */
    double smallest_alpha;
} work;

static const double *gamma_row(const work *w, size_t g)
{
    return w->q->gammas ? w->q->gammas + g * w->f->n_bands : NULL;
}

static int check(const nested_problem *q, err *e)
{
    if (!q->n_alphas || !q->v) return err_set(e, ERR_INPUT, "%zu alphas, %zu responses: nothing to fit", q->n_alphas, q->v);
    for (size_t a = 0; a < q->n_alphas; a++)
        if (!(q->alphas[a] >= 0) || isinf(q->alphas[a]))
            return err_set(e, ERR_INPUT, "alpha %zu is %g, expected a finite number >= 0", a, q->alphas[a]);
    if (q->n_bands > 1 && (!q->gammas || !q->n_gammas)) return err_set(e, ERR_INPUT, "several bands need candidates of gamma");
    return 0;
}

static int work_space(work *w, err *e)
{
    const nested_problem *q = w->q;
    size_t rows = w->f->n + w->f->t, cells;
    if (size_mul(q->n_alphas, q->v, &cells, e)) return -1;
    w->y = mem_new(rows * q->v, sizeof(double), e);
    w->train = mem_new(rows, sizeof(size_t), e);
    w->predict = mem_new(rows, sizeof(size_t), e);
    w->mean_score = mem_new(cells, sizeof(double), e);
    w->count = mem_new(cells, sizeof(int32_t), e);
    w->alpha = mem_new(q->v, sizeof(size_t), e);
    w->gamma = mem_new(q->v, sizeof(int32_t), e);
    w->best = mem_new(q->v, sizeof(double), e);
    if (!w->y || !w->train || !w->predict || !w->mean_score || !w->count || !w->alpha || !w->gamma || !w->best) return -1;
    for (size_t i = 0; i < rows; i++) {
        size_t row = i < w->f->n ? w->f->train_row[i] : w->f->test_row[i - w->f->n];
        memcpy(w->y + i * q->v, q->y + row * q->v, q->v * sizeof(double));
    }
    w->smallest_alpha = INFINITY;
    for (size_t a = 0; a < q->n_alphas; a++) w->smallest_alpha = fmin(w->smallest_alpha, q->alphas[a]);
    w->n_candidates = w->f->n_bands > 1 ? q->n_gammas : 1;
    w->n_inner = q->inner ? q->inner->count : 0;
    return 0;
}

static void work_free(work *w)
{
    fold_features_free(w->f);
    free(w->y);
    free(w->train);
    free(w->predict);
    free(w->mean_score);
    free(w->count);
    free(w->alpha);
    free(w->gamma);
    free(w->best);
}

static factor_plan inner_plan(work *w, size_t g, size_t k)
{
    factor_plan plan = { .gamma = gamma_row(w, g), .train = w->train, .predict = w->predict, .smallest_alpha = w->smallest_alpha };
    for (size_t i = 0; i < w->f->n; i++) {
        size_t row = w->f->train_row[i];
        if (w->q->inner->train[k * w->q->n + row]) w->train[plan.n++] = i;
        if (w->q->inner->test[k * w->q->n + row]) w->predict[plan.m++] = i;
    }
    return plan;
}

/* Mean inner score of one candidate for every alpha and response. */
static int score_candidate(work *w, size_t g, err *e)
{
    const nested_problem *q = w->q;
    size_t cells = q->n_alphas * q->v;
    memset(w->mean_score, 0, cells * sizeof(double));
    memset(w->count, 0, cells * sizeof(int32_t));
    for (size_t k = 0; k < w->n_inner; k++) {
        factor *f = NULL;
        factor_plan plan = inner_plan(w, g, k);
        int bad = factor_new(&f, w->f, &plan, e) || inner_scores(w->mean_score, w->count, f, &plan, q, w->y, e);
        factor_free(f);
        if (bad) return err_while(e, "scoring inner fold %zu", k + 1);
    }
    for (size_t i = 0; i < cells; i++) w->mean_score[i] = w->count[i] ? w->mean_score[i] / w->count[i] : NAN;
    return 0;
}

/* One alpha for all responses: the mean of the inner score over them. */
static void choose_shared(work *w, size_t g)
{
    const nested_problem *q = w->q;
    double best, *mean = w->mean_score; /* the first column is overwritten by the means, which is all that is used then */
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
    size_t chosen = choose_alpha(mean, q->v, q->alphas, q->n_alphas, q->select, &best);
    if (g && !beats(best, w->best[0], q->select)) return;
    for (size_t j = 0; j < q->v; j++) {
        w->alpha[j] = chosen;
        w->gamma[j] = (int32_t)g;
        w->best[j] = best;
    }
}

static void choose_each(work *w, size_t g, size_t *nan_inner)
{
    const nested_problem *q = w->q;
    for (size_t j = 0; j < q->v; j++) {
        double best;
        size_t chosen = choose_alpha(w->mean_score + j, q->v, q->alphas, q->n_alphas, q->select, &best);
        for (size_t a = 0; nan_inner && a < q->n_alphas; a++) nan_inner[j] += w->n_inner - (size_t)w->count[a * q->v + j];
        if (g && !beats(best, w->best[j], q->select)) continue;
        w->alpha[j] = chosen;
        w->gamma[j] = (int32_t)g;
        w->best[j] = best;
    }
}

static int select_all(work *w, nested_result *out, err *e)
{
    const nested_problem *q = w->q;
    if (out->n_nan_inner) memset(out->n_nan_inner, 0, q->v * sizeof *out->n_nan_inner);
    if (!w->n_inner || (w->n_candidates == 1 && q->n_alphas == 1 && !out->inner && !out->inner_best)) {
        for (size_t j = 0; j < q->v; j++) w->best[j] = NAN; /* nothing to choose */
        return 0;
    }
    for (size_t g = 0; g < w->n_candidates; g++) {
        size_t cells = q->n_alphas * q->v;
        if (score_candidate(w, g, e)) return -1;
        if (out->inner) memcpy(out->inner + g * cells, w->mean_score, cells * sizeof(double));
        if (q->alpha_shared) choose_shared(w, g);
        else choose_each(w, g, out->n_nan_inner);
    }
    return 0;
}

/* Product measure of each band about the training mean: (2 y ŷ_b - ŷ_b ŷ) summed, over the sum of y². */
static void add_shares(const work *w, nested_result *out, const double *parts, size_t n_parts, size_t j, size_t column,
                       double mean)
{
    size_t v = w->q->v, t = w->f->t;
    double total = 0;
    for (size_t i = 0; i < t; i++) {
        double y = w->y[(w->f->n + i) * v + j] - mean;
        total += y * y;
    }
    for (size_t b = 0; b < n_parts; b++) {
        double sum = 0;
        for (size_t i = 0; i < t; i++) {
            double all = 0, own = parts[(b * t + i) * PANEL + column], y = w->y[(w->f->n + i) * v + j] - mean;
            for (size_t c = 0; c < n_parts; c++) all += parts[(c * t + i) * PANEL + column];
            sum += 2 * y * own - own * all;
        }
        out->share[b * v + j] = total > 0 ? sum / total : NAN;
    }
}

/* Refit of one candidate for the responses [first, first+width) of a panel that chose it. */
typedef struct {
    double *train, *z, *parts, *weight; /* [n×PANEL], [r×PANEL], [parts][t×PANEL], [p×PANEL] */
    double mean[PANEL];
} refit_space;

static void refit_columns(const work *w, const factor *f, refit_space *s, size_t g, size_t first, size_t width,
                          nested_result *out)
{
    size_t v = w->q->v, n = w->f->n, t = w->f->t;
    memset(s->train, 0, n * PANEL * sizeof(double));
    for (size_t i = 0; i < n; i++) memcpy(s->train + i * PANEL, w->y + i * v + first, width * sizeof(double));
    column_means(s->mean, s->train, n, PANEL);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < PANEL; j++) s->train[i * PANEL + j] -= s->mean[j];
    gemm_f8(true, false, f->r, PANEL, n, 1, f->left, f->r, s->train, PANEL, 0, s->z, PANEL);
    for (size_t i = 0; i < f->r; i++)
        for (size_t j = 0; j < width; j++) s->z[i * PANEL + j] *= factor_shrink(f, i, w->q->alphas[w->alpha[first + j]]);
    for (size_t b = 0; b < f->n_parts; b++)
        gemm_f8(false, false, t, PANEL, f->r, 1, f->apply + b * t * f->r, f->r, s->z, PANEL, 0, s->parts + b * t * PANEL, PANEL);
    if (out->weight && w->f->p)
        gemm_f8(false, false, w->f->p, PANEL, f->r, 1, f->to_weight, f->r, s->z, PANEL, 0, s->weight, PANEL);
    for (size_t j = 0; j < width; j++) {
        size_t at = first + j;
        if (w->gamma[at] != (int32_t)g) continue;
        if (out->y_mean) out->y_mean[at] = s->mean[j];
        for (size_t i = 0; out->prediction && i < t; i++) {
            double sum = s->mean[j];
            for (size_t b = 0; b < f->n_parts; b++) sum += s->parts[(b * t + i) * PANEL + j];
            out->prediction[i * v + at] = sum;
        }
        if (out->share) add_shares(w, out, s->parts, f->n_parts, at, j, s->mean[j]);
        for (size_t k = 0; out->weight && k < w->f->p; k++) {
            const double *gamma = gamma_row(w, g);
            double scale = w->f->scale[k] * (gamma ? sqrt(gamma[w->f->band_of[k]]) : 1);
            out->weight[w->f->column[k] * v + at] = s->weight[k * PANEL + j] * scale;
        }
    }
}

static bool candidate_used(const work *w, size_t g, size_t first, size_t width)
{
    for (size_t j = first; j < first + width; j++)
        if (w->gamma[j] == (int32_t)g) return true;
    return false;
}

static int refit_candidate(work *w, size_t g, nested_result *out, err *e)
{
    size_t v = w->q->v, n = w->f->n, t = w->f->t;
    factor *f = NULL;
    refit_space s = { 0 };
    int status = -1;
    if (!candidate_used(w, g, 0, v)) return 0;
    for (size_t i = 0; i < n; i++) w->train[i] = i;
    for (size_t i = 0; i < t; i++) w->predict[i] = n + i;
    factor_plan plan = { .gamma = gamma_row(w, g), .train = w->train, .predict = w->predict, .n = n, .m = t,
                         .parts = out->share != NULL && w->f->n_bands > 1, .weights = out->weight != NULL,
                         .smallest_alpha = w->smallest_alpha };
    if (factor_new(&f, w->f, &plan, e)) goto done;
    s.train = mem_new(n * PANEL, sizeof(double), e);
    s.z = mem_new(f->r * PANEL, sizeof(double), e);
    s.parts = mem_new(f->n_parts * t * PANEL, sizeof(double), e);
    s.weight = mem_new(w->f->p * PANEL, sizeof(double), e);
    if (!s.train || !s.z || !s.parts || !s.weight) goto done;
    for (size_t first = 0; first < v; first += PANEL) {
        size_t width = v - first < PANEL ? v - first : PANEL;
        if (candidate_used(w, g, first, width)) refit_columns(w, f, &s, g, first, width, out);
    }
    status = 0;
done:
    free(s.train);
    free(s.z);
    free(s.parts);
    free(s.weight);
    factor_free(f);
    return status;
}

int nested_ridge(const nested_problem *q, const uint8_t *keep, nested_result *out, err *e)
{
    work w = { .q = q };
    int status = -1;
    if (check(q, e) || fold_features_new(&w.f, q, keep, e) || work_space(&w, e)) goto done;
    out->dropped = q->p - w.f->p;
    if (select_all(&w, out, e)) goto done;
    if (out->weight) memset(out->weight, 0, q->p * q->v * sizeof(double));
    for (size_t g = 0; g < w.n_candidates; g++)
        if (refit_candidate(&w, g, out, e)) goto done;
    for (size_t j = 0; j < q->v; j++) {
        if (out->alpha) out->alpha[j] = q->alphas[w.alpha[j]];
        if (out->gamma) out->gamma[j] = w.gamma[j];
        if (out->inner_best) out->inner_best[j] = w.best[j];
    }
    status = 0;
done:
    work_free(&w);
    return status;
}
