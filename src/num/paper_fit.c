/* SPDX-License-Identifier: MIT */
/* One outer fold as papers' code fitted it (METHODS 3.13, 9.2). Columns of Y in blocks of a fixed width. */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ridge.h"

enum { WIDTH = 4 * BLOCK };

typedef struct {
    const nested_problem *q;
    nested_result *out;
    paper_rule rule;
    size_t n, t;             /* training rows, test rows */
    double *z;               /* [t×p] test rows of x */
    double *all, *train;     /* [rows×WIDTH] one block of y: all rows, training rows */
    loo_ridge *f;
    double *mse, *alpha;     /* [A×v], [v] */
} fold_fit;

static double *pick_rows(const double *a, const uint8_t *mask, size_t n, size_t k, size_t *count, err *e)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) m += mask[i] != 0;
    double *out = mem_new(m * k + 1, sizeof *out, e);
    *count = m;
    m = 0;
    for (size_t i = 0; i < n && out; i++)
        if (mask[i]) memcpy(out + m++ * k, a + i * k, k * sizeof *out);
    return out;
}

static void fold_fit_free(fold_fit *w)
{
    free(w->z);
    free(w->all);
    free(w->train);
    loo_ridge_free(w->f);
    free(w->mse);
    free(w->alpha);
}

/* Columns [first, first+width) of y into all and train. */
static int load(fold_fit *w, size_t first, size_t width, err *e)
{
    const nested_problem *q = w->q;
    if (q->source && q->source(q->context, first, width, w->all, e)) return -1;
    for (size_t i = 0; i < q->n && !q->source; i++) memcpy(w->all + i * width, q->y + i * q->v + first, width * sizeof *w->all);
    for (size_t i = 0, m = 0; i < q->n; i++)
        if (q->train[i]) memcpy(w->train + m++ * width, w->all + i * width, width * sizeof *w->all);
    return 0;
}

/* Leave-one-out errors of all responses, then an alpha for each or for all. */
static int choose(fold_fit *w, err *e)
{
    const nested_problem *q = w->q;
    size_t A = q->n_alphas, v = q->v;
    if (A == 1 && q->alphas[0] == 0) return 0; /* least squares */
    double *part = mem_new(A * WIDTH, sizeof *part, e), *mean = mem_new(A, sizeof *mean, e);
    int status = part && mean ? 0 : -1;
    for (size_t first = 0; first < v && !status; first += WIDTH) {
        size_t width = v - first < WIDTH ? v - first : WIDTH;
        status = load(w, first, width, e) || loo_ridge_errors(w->f, w->train, width, q->alphas, A, part, e) ? -1 : 0;
        for (size_t a = 0; a < A && !status; a++) memcpy(w->mse + a * v + first, part + a * width, width * sizeof *part);
    }
    for (size_t a = 0; a < A && !status; a++) mean[a] = mean_f8(w->mse + a * v, v);
    size_t shared = status ? 0 : loo_ridge_choose(mean, 1, A);
    for (size_t j = 0; j < v && !status; j++) {
        size_t chosen = q->alpha_shared ? shared : loo_ridge_choose(w->mse + j, v, A);
        w->alpha[j] = q->alphas[chosen];
        if (w->out->inner_best) w->out->inner_best[j] = -w->mse[chosen * v + j];
        for (size_t a = 0; a < A && w->out->inner; a++) w->out->inner[a * v + j] = -w->mse[a * v + j];
    }
    free(part);
    free(mean);
    return status;
}

static void put_scores(const fold_fit *w, size_t first, size_t width, const double *prediction)
{
    const nested_problem *q = w->q;
    for (size_t j = 0; j < width; j++) {
        double mean = 0, sd = 0;
        for (size_t i = 0; i < w->n; i++) mean += w->train[i * width + j] / (double)w->n;
        for (size_t i = 0; i < w->n; i++) sd += (w->train[i * width + j] - mean) * (w->train[i * width + j] - mean) / (double)w->n;
        if (w->out->y_mean) w->out->y_mean[first + j] = mean;
        if (w->out->score) {
            fit_score *s = &w->out->score[first + j];
            *s = score_fold(w->all + j, prediction + j, w->t, width, mean, sqrt(sd));
            s->r = paper_r(w->rule, w->all + j, prediction + j, w->t, width);
        }
        for (size_t i = 0; i < w->t && w->out->prediction; i++) w->out->prediction[i * q->v + first + j] = prediction[i * width + j];
    }
}

/* Column j of a block [rows×width]. */
static void take_column(double *out, const double *from, size_t rows, size_t width, size_t j)
{
    for (size_t i = 0; i < rows; i++) out[i] = from[i * width + j];
}

static int put_sink(const fold_fit *w, size_t first, size_t width, const double *prediction, const double *weight, err *e)
{
    const fit_sink *sink = w->out->sink;
    size_t t = w->t, p = w->q->p;
    if (!sink) return 0;
    double *one = mem_new(2 * t + p + 1, sizeof *one, e);
    if (!one) return -1;
    for (size_t j = 0; j < width; j++) {
        take_column(one, w->all, t, width, j);
        take_column(one + t, prediction, t, width, j);
        if (sink->weights) take_column(one + 2 * t, weight, p, width, j);
        sink->take(sink->context, first + j, one, one + t, sink->weights ? one + 2 * t : NULL);
    }
    free(one);
    return 0;
}

static int fit_block(fold_fit *w, size_t first, size_t width, err *e)
{
    const nested_problem *q = w->q;
    int status = -1;
    double *weight = mem_new(q->p * width + 1, sizeof *weight, e), *b = mem_new(width, sizeof *b, e);
    double *prediction = mem_new(w->t * width + 1, sizeof *prediction, e);
    if (!weight || !b || !prediction || load(w, first, width, e)) goto done;
    if (loo_ridge_fit(w->f, w->train, width, w->alpha + first, weight, b, e)) goto done;
    gemm_f8(false, false, w->t, width, q->p, 1, w->z, q->p, weight, width, 0, prediction, width);
    for (size_t i = 0; i < w->t; i++)
        for (size_t j = 0; j < width; j++) prediction[i * width + j] += b[j];
    for (size_t i = 0, m = 0; i < q->n; i++) /* the test rows to the front of all */
        if (q->test[i]) memmove(w->all + m++ * width, w->all + i * width, width * sizeof *w->all);
    put_scores(w, first, width, prediction);
    for (size_t i = 0; i < q->p && w->out->weight; i++) memcpy(w->out->weight + i * q->v + first, weight + i * width, width * sizeof *weight);
    status = put_sink(w, first, width, prediction, weight, e);
done:
    free(weight);
    free(b);
    free(prediction);
    return status;
}

static int by_leave_one_out(fold_fit *w, err *e)
{
    const nested_problem *q = w->q;
    int status = -1;
    double *x = pick_rows(q->x, q->train, q->n, q->p, &w->n, e);
    w->z = pick_rows(q->x, q->test, q->n, q->p, &w->t, e);
    w->all = mem_new(q->n * WIDTH, sizeof *w->all, e);
    w->train = mem_new(q->n * WIDTH, sizeof *w->train, e);
    w->mse = mem_new(q->n_alphas * q->v, sizeof *w->mse, e);
    w->alpha = mem_new(q->v, sizeof *w->alpha, e);
    if (!x || !w->z || !w->all || !w->train || !w->mse || !w->alpha || loo_ridge_new(&w->f, x, w->n, q->p, e) || choose(w, e)) goto done;
    for (size_t first = 0; first < q->v; first += WIDTH)
        if (fit_block(w, first, q->v - first < WIDTH ? q->v - first : WIDTH, e)) goto done;
    if (w->out->alpha) memcpy(w->out->alpha, w->alpha, q->v * sizeof *w->alpha);
    w->out->dropped = 0;
    status = 0;
done:
    free(x);
    return status;
}

/* The paper's r in the place of ours; then whoever else wants the fit. */
typedef struct { nested_result *out; const fit_sink *next; paper_rule rule; size_t t; } paper_scores;

static void take_scores(void *context, size_t response, const double *y, const double *prediction, const double *weight)
{
    const paper_scores *s = context;
    if (s->out->score) s->out->score[response].r = paper_r(s->rule, y, prediction, s->t, 1);
    if (s->next) s->next->take(s->next->context, response, y, prediction, weight);
}

static int by_inner_folds(const nested_problem *q, paper_rule rule, nested_result *out, err *e)
{
    nested_problem own = *q;
    paper_scores scores = { out, out->sink, rule, 0 };
    fit_sink sink = { &scores, out->sink && out->sink->weights, take_scores };
    for (size_t i = 0; i < q->n; i++) scores.t += q->test[i] != 0;
    own.himalaya = true;
    out->sink = &sink;
    int status = nested_ridge(&own, NULL, out, e);
    out->sink = scores.next;
    return status;
}

int paper_ridge(const nested_problem *q, paper_rule rule, nested_result *out, err *e)
{
    fold_fit w = { .q = q, .out = out, .rule = rule };
    if (!q->n_alphas || !q->v || !q->p) return err_set(e, ERR_INPUT, "%zu alphas, %zu responses, %zu columns: nothing to fit", q->n_alphas, q->v, q->p);
    if (rule == PAPER_HADIDI2025) return by_inner_folds(q, rule, out, e);
    for (size_t i = 0; i < q->n * q->p; i++)
        if (!isfinite(q->x[i])) return err_set(e, ERR_INPUT, "features: row %zu, column %zu is not finite", i / q->p, i % q->p);
    int status = by_leave_one_out(&w, e);
    fold_fit_free(&w);
    return status;
}
