/* SPDX-License-Identifier: MIT */
/* One outer fold of nested cross-validated (banded) ridge: inner scores of every candidate and alpha, the choice, the refit on
 * all training rows, predictions, scores and shares (METHODS 3.6, 3.8, 3.9). Candidates one after another, blocks of responses
 * side by side. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ridge.h"

enum { SCREEN_FROM = 1024 }; /* responses; below, what screening saves is not worth its operators */

typedef struct {
    const nested_problem *q;
    nested_result *out;
    fold_features *f;
    inner_set *inner;
    size_t n_candidates, blocks;
    bool screened;
    choice c;
    double *sum;         /* [A×v] scores of one candidate, where all are wanted at once */
    int32_t *nans;       /* [A×v] */
    inner_operators *kept; /* of the only candidate, for the refit */
} work;

/* A block of responses: rows of the features, centred on the training rows. */
typedef struct {
    double *rows, *y;    /* [n×BLOCK] rows of the problem, [(n+t)×BLOCK] */
    double mean[BLOCK], sd[BLOCK];
    size_t first, width;
} block;

static void block_free(block *b)
{
    free(b->rows);
    free(b->y);
}

static int block_space(block *b, const work *w, err *e)
{
    *b = (block){ .rows = w->q->source ? mem_new(w->q->n * BLOCK, sizeof(double), e) : NULL };
    b->y = mem_new((w->f->n + w->f->t) * BLOCK, sizeof(double), e);
    return b->y && (b->rows || !w->q->source) ? 0 : -1;
}

HOT static void subtract_rows(double *y, size_t rows, const double *mean)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < BLOCK; j++) y[i * BLOCK + j] -= mean[j];
}

HOT static void sum_squares(double *sum, const double *y, size_t rows)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < BLOCK; j++) sum[j] += y[i * BLOCK + j] * y[i * BLOCK + j];
}

static int block_load(block *b, const work *w, size_t number, err *e)
{
    const nested_problem *q = w->q;
    size_t n = w->f->n, t = w->f->t;
    b->first = number * BLOCK;
    b->width = q->v - b->first < BLOCK ? q->v - b->first : BLOCK;
    if (q->source && q->source(q->context, b->first, b->width, b->rows, e)) return -1;
    for (size_t i = 0; i < n + t; i++) {
        size_t row = i < n ? w->f->train_row[i] : w->f->test_row[i - n];
        const double *from = q->source ? b->rows + row * b->width : q->y + row * q->v + b->first;
        memcpy(b->y + i * BLOCK, from, b->width * sizeof *from);
        memset(b->y + i * BLOCK + b->width, 0, (BLOCK - b->width) * sizeof *from);
    }
    column_means(b->mean, b->y, n, BLOCK);
    subtract_rows(b->y, n + t, b->mean);
    memset(b->sd, 0, sizeof b->sd);
    sum_squares(b->sd, b->y, n);
    for (size_t j = 0; j < BLOCK; j++) b->sd[j] = sqrt(b->sd[j] / (double)n);
    return 0;
}

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

static const double *gamma_row(const work *w, size_t g)
{
    return w->q->gammas ? w->q->gammas + g * w->f->n_bands : NULL;
}

static int work_space(work *w, err *e)
{
    const nested_problem *q = w->q;
    size_t cells;
    w->n_candidates = w->f->n_bands > 1 ? q->n_gammas : 1;
    w->blocks = (q->v + BLOCK - 1) / BLOCK;
    if (size_mul(q->n_alphas, q->v, &cells, e) || inner_set_new(&w->inner, w->f, q, e)) return -1;
    w->inner->test_apply = w->inner->by_inverse && w->n_candidates == 1 && !w->out->share && !w->out->weight;
    w->screened = q->v >= SCREEN_FROM && q->by == INNER_FOLDS && !q->alpha_shared && !q->exhaustive && !w->out->inner &&
                  w->inner->smallest_alpha > 0;
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
    inner_operators_free(w->kept, w->inner ? w->inner->count : 0);
    fold_features_free(w->f);
    inner_set_free(w->inner);
    free(w->c.alpha);
    free(w->c.gamma);
    free(w->c.best);
    free(w->sum);
    free(w->nans);
}

/* First error of a parallel loop. */
typedef struct { int failed; err first; } trouble;

static void note(trouble *t, const err *own)
{
#pragma omp critical(broca_nested)
    {
        if (!t->failed) t->first = *own;
        t->failed = 1;
    }
}

static bool in_trouble(trouble *t)
{
    int failed;
#pragma omp atomic read
    failed = t->failed;
    return failed != 0;
}

/* ---- every alpha in fp64 ---- */

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
        if (exact_scores(x, w->inner, o, q, b->y, pair, n, score, nans, e)) goto done;
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
        if (bad) note(&t, &own);
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
    size_t chosen = choose_alpha(mean, q->v, q->alphas, q->n_alphas, q->select, &best);
    if (g && !beats(best, w->c.best[0], q->select)) return;
    for (size_t j = 0; j < q->v; j++) {
        w->c.alpha[j] = chosen;
        w->c.gamma[j] = (int32_t)g;
        w->c.best[j] = best;
    }
}

static void take(choice *c, size_t j, size_t g, size_t alpha, double best, select_by select)
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
        size_t chosen = choose_alpha(w->sum + j, q->v, q->alphas, q->n_alphas, q->select, &best);
        for (size_t a = 0; w->out->n_nan_inner && a < q->n_alphas; a++)
            w->out->n_nan_inner[j] += (size_t)w->nans[a * q->v + j];
        take(&w->c, j, g, chosen, best, q->select);
    }
}

/* ---- screened ---- */

typedef struct {
    float *y, *score, *scale; /* [(n+t)×BLOCK], [A×BLOCK], [BLOCK] */
    uint8_t *unsure, *done;   /* [BLOCK], [A×BLOCK] scored exactly */
    double *exact;            /* [A×BLOCK] */
    score_pair *pair;         /* [A×BLOCK] */
    double *pair_score;
    int32_t *nans;
    exact_space *x;
    screen_space *s;
} screening;

static void screening_free(screening *s)
{
    free(s->y);
    free(s->score);
    free(s->scale);
    free(s->unsure);
    free(s->done);
    free(s->exact);
    free(s->pair);
    free(s->pair_score);
    free(s->nans);
    exact_space_free(s->x);
    screen_space_free(s->s);
}

static int screening_new(screening *s, const work *w, screen *const *screens, err *e)
{
    size_t cells = w->q->n_alphas * BLOCK;
    *s = (screening){ .y = mem_new((w->f->n + w->f->t) * BLOCK, sizeof(float), e) };
    s->score = mem_new(cells, sizeof(float), e);
    s->scale = mem_new(BLOCK, sizeof(float), e);
    s->unsure = mem_new(BLOCK, 1, e);
    s->done = mem_new(cells, 1, e);
    s->exact = mem_new(cells, sizeof(double), e);
    s->pair = mem_new(cells, sizeof *s->pair, e);
    s->pair_score = mem_new(cells, sizeof(double), e);
    s->nans = mem_new(cells, sizeof(int32_t), e);
    s->x = exact_space_new(w->inner, e);
    s->s = screen_space_new(w->inner, screens, w->q, e);
    return s->y && s->score && s->scale && s->unsure && s->done && s->exact && s->pair && s->pair_score && s->nans && s->x && s->s
               ? 0 : -1;
}

HOT static void unit_variance(float *out, const double *y, size_t rows, const double *scale)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < BLOCK; j++) out[i * BLOCK + j] = (float)(y[i * BLOCK + j] * scale[j]);
}

/* Exact score in the units of the screen. */
static double scaled(const work *w, const block *b, size_t j, double score)
{
    return w->q->select == SELECT_MSE ? score / (b->sd[j] * b->sd[j]) : score;
}

/* The list of pairs that come within the window of the best and were not scored yet. A lone best of the only candidate needs
 * no exact score; several candidates are compared by exact ones. */
static size_t contenders(const work *w, const screening *s, const block *b, size_t g, double window, bool alone_too)
{
    size_t A = w->q->n_alphas, n = 0;
    for (size_t j = 0; j < b->width; j++) {
        double best = -INFINITY, wide = window * (double)s->scale[j];
        size_t count = 0;
        for (size_t a = 0; a < A; a++) best = fmax(best, (double)s->score[a * BLOCK + j]);
        if (g && !isnan(w->c.best[b->first + j])) {
            double so_far = scaled(w, b, j, w->c.best[b->first + j]);
            if (best < so_far - wide && !s->unsure[j]) continue;
        }
        for (size_t a = 0; a < A; a++) count += (double)s->score[a * BLOCK + j] >= best - wide;
        if (count == 1 && !alone_too && !s->unsure[j]) continue;
        for (size_t a = 0; a < A; a++)
            if ((s->unsure[j] || (double)s->score[a * BLOCK + j] >= best - wide) && !s->done[a * BLOCK + j])
                s->pair[n++] = (score_pair){ (uint16_t)j, (uint16_t)a };
    }
    return n;
}

/* Scores the pairs of the list; returns the largest |screen - exact| in units of the column's scale through *error. */
static int score_pairs(work *w, screening *s, const inner_operators *o, const block *b, size_t n, double *error, err *e)
{
    if (exact_scores(s->x, w->inner, o, w->q, b->y, s->pair, n, s->pair_score, s->nans, e)) return -1;
    for (size_t i = 0; i < n; i++) {
        size_t j = s->pair[i].column, at = s->pair[i].alpha * BLOCK + j;
        s->exact[at] = s->pair_score[i];
        s->done[at] = 1;
        if (w->out->n_nan_inner) w->out->n_nan_inner[b->first + j] += (size_t)s->nans[i];
        if (s->unsure[j] || isnan(s->exact[at])) continue;
        /* far below the best the square of a large prediction rounds coarsely, and nothing depends on it */
        double exact = scaled(w, b, j, s->exact[at]), size = 1 + fabs(exact);
        *error = fmax(*error, fabs((double)s->score[at] - exact) / ((double)s->scale[j] * size));
    }
    return 0;
}

/* The window is four times the largest rounding error that this block shows, and at least a stated one: every alpha of one
 * response is scored both ways to see it, besides all that are near the best. Too narrow a window is widened and tried again. */
static int choose_screened(work *w, screening *s, screen *const *screens, const inner_operators *o, const block *b, size_t g,
                           size_t counts[3], err *e)
{
    static const double least[] = { 1e-5, 1e-5, 3e-5 };
    const nested_problem *q = w->q;
    size_t A = q->n_alphas, n = 0;
    double window = least[q->select], error = 0, scale[BLOCK];
    for (size_t j = 0; j < BLOCK; j++) scale[j] = b->sd[j] > 0 ? 1 / b->sd[j] : 0;
    unit_variance(s->y, b->y, w->f->n, scale);
    screen_scores(s->score, s->scale, s->unsure, s->s, screens, w->inner, q, s->y);
    memset(s->done, 0, A * BLOCK);
    for (size_t a = 0; a < A; a++) s->pair[n++] = (score_pair){ 0, (uint16_t)a };
    if (score_pairs(w, s, o, b, n, &error, e)) return -1;
    for (;;) {
        if (4 * error > window) window = 8 * error;
        n = contenders(w, s, b, g, window, w->n_candidates > 1);
        if (n && score_pairs(w, s, o, b, n, &error, e)) return -1;
        counts[2] += n;
        if (4 * error <= window) break;
    }
    for (size_t j = 0; j < b->width; j++) {
        double best = NAN, score[UINT8_MAX + 1];
        size_t chosen = 0, exact = 0;
        bool large = A > UINT8_MAX + 1;
        double *list = large ? mem_new(A, sizeof *list, e) : score;
        if (!list) return -1;
        for (size_t a = 0; a < A; a++) {
            list[a] = s->done[a * BLOCK + j] ? s->exact[a * BLOCK + j] : NAN;
            exact += s->done[a * BLOCK + j];
        }
        counts[0]++;
        if (exact) {
            chosen = choose_alpha(list, 1, q->alphas, A, q->select, &best);
            counts[1]++;
            take(&w->c, b->first + j, g, chosen, best, q->select);
        } else if (w->n_candidates == 1) {
            for (size_t a = 0; a < A; a++)
                if (!((double)s->score[a * BLOCK + j] <= best)) {
                    best = (double)s->score[a * BLOCK + j];
                    chosen = a;
                }
            if (q->select == SELECT_MSE) best *= b->sd[j] * b->sd[j];
            take(&w->c, b->first + j, 0, chosen, best, q->select);
        }
        if (large) free(list);
    }
    return 0;
}

static void screens_free(screen **screens, size_t n)
{
    for (size_t k = 0; screens && k < n; k++) screen_free(screens[k]);
    free(screens);
}

static int screens_new(screen ***out, const work *w, const inner_operators *o, err *e)
{
    trouble t = { 0 };
    screen **screens = mem_new(w->inner->count + 1, sizeof *screens, e);
    if (!screens) return -1;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_count())
    for (size_t k = 0; k < w->inner->count; k++) {
        err own = { 0 };
        if (screen_new(&screens[k], w->inner, o, k, w->q, &own)) note(&t, &own);
    }
    if (t.failed) {
        *e = t.first;
        screens_free(screens, w->inner->count);
        return -1;
    }
    *out = screens;
    return 0;
}

static int screen_all(work *w, const inner_operators *o, size_t g, err *e)
{
    trouble t = { 0 };
    screen **screens = NULL;
    size_t screened = 0, rescored = 0, pairs = 0;
    if (screens_new(&screens, w, o, e)) return -1;
#pragma omp parallel num_threads(threads_count()) reduction(+ : screened, rescored, pairs)
    {
        err own = { 0 };
        block b;
        screening s = { 0 };
        size_t counts[3] = { 0 };
        int bad = block_space(&b, w, &own) || screening_new(&s, w, screens, &own);
#pragma omp for schedule(dynamic, 1)
        for (size_t k = 0; k < w->blocks; k++) {
            if (bad || in_trouble(&t)) continue;
            if (interrupted()) bad = err_set(&own, ERR_INTERRUPTED, "interrupted");
            else bad = block_load(&b, w, k, &own) || choose_screened(w, &s, screens, o, &b, g, counts, &own);
        }
        if (bad) note(&t, &own);
        screened += counts[0];
        rescored += counts[1];
        pairs += counts[2];
        block_free(&b);
        screening_free(&s);
    }
    screens_free(screens, w->inner->count);
    w->c.screened += screened;
    w->c.rescored += rescored;
    w->c.pairs += pairs;
    if (t.failed) *e = t.first;
    return t.failed ? -1 : 0;
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
    if (!factor_new(&whole, w->f, &plan, e)) status = score_all(w, NULL, whole, e);
    factor_free(whole);
    free(all);
    return status;
}

static int candidate(work *w, size_t g, err *e)
{
    size_t cells = w->q->n_alphas * w->q->v;
    inner_operators *o = NULL;
    int status = -1;
    if (w->q->by != INNER_FOLDS) {
        if (candidate_by_rows(w, g, e)) return -1;
    } else {
        if (inner_operators_new(&o, w->f, w->inner, w->q, gamma_row(w, g), e)) return -1;
        if (w->screened ? screen_all(w, o, g, e) : score_all(w, o, NULL, e)) goto done;
    }
    if (!w->screened) {
        if (w->out->inner) memcpy(w->out->inner + g * cells, w->sum, cells * sizeof(double));
        if (w->q->alpha_shared) choose_shared(w, g);
        else choose_each(w, g);
    }
    if (w->n_candidates == 1 && o && o->test) {
        w->kept = o;
        o = NULL;
    }
    status = 0;
done:
    inner_operators_free(o, w->inner->count);
    return status;
}

static int select_all(work *w, err *e)
{
    const nested_problem *q = w->q;
    if (w->out->n_nan_inner) memset(w->out->n_nan_inner, 0, q->v * sizeof *w->out->n_nan_inner);
    bool nothing = (q->by == INNER_FOLDS && !w->inner->count) ||
                   (w->n_candidates == 1 && q->n_alphas == 1 && !w->out->inner && !w->out->inner_best);
    for (size_t j = 0; j < q->v && nothing; j++) w->c.best[j] = NAN;
    for (size_t g = 0; g < w->n_candidates && !nothing; g++)
        if (candidate(w, g, e)) return w->n_candidates > 1 ? err_while(e, "scoring candidate %zu of gamma", g + 1) : -1;
    return 0;
}

/* ---- refit ---- */

/* Product measure of each band about the training mean: (2 y ŷ_b - ŷ_b ŷ) summed, over the sum of y². */
static void put_shares(const work *w, const block *b, const double *parts, size_t n_parts, size_t panel, size_t j, double *sum)
{
    size_t t = w->f->t, n = w->f->n, v = w->q->v;
    double total = 0;
    for (size_t i = 0; i < t; i++) {
        double y = b->y[(n + i) * BLOCK + panel + j];
        total += y * y;
    }
    for (size_t c = 0; c < n_parts; c++) {
        double share = 0;
        for (size_t i = 0; i < t; i++) {
            double own = parts[(c * t + i) * PANEL + j];
            share += 2 * b->y[(n + i) * BLOCK + panel + j] * own - own * sum[i];
        }
        w->out->share[c * v + b->first + panel + j] = total > 0 ? share / total : NAN;
    }
}

static void put_weights(const work *w, const refit_space *s, size_t g, size_t at, size_t j)
{
    const double *gamma = gamma_row(w, g), *weight = refit_weights(s);
    for (size_t k = 0; k < w->f->p; k++) {
        double scale = w->f->scale[k] * (gamma ? sqrt(gamma[w->f->band_of[k]]) : 1);
        w->out->weight[w->f->column[k] * w->q->v + at] = weight[k * PANEL + j] * scale;
    }
}

static void put_column(const work *w, const block *b, const refit_space *s, size_t g, size_t panel, size_t j, double *line)
{
    size_t n_parts, t = w->f->t, n = w->f->n, at = b->first + panel + j, column = panel + j;
    const double *parts = refit_parts(s, &n_parts);
    double *sum = line, *y = line + t;
    for (size_t i = 0; i < t; i++) {
        sum[i] = 0;
        for (size_t c = 0; c < n_parts; c++) sum[i] += parts[(c * t + i) * PANEL + j];
    }
    if (w->out->y_mean) w->out->y_mean[at] = b->mean[column];
    if (w->out->share) put_shares(w, b, parts, n_parts, panel, j, sum);
    if (w->out->weight) put_weights(w, s, g, at, j);
    for (size_t i = 0; i < t; i++) {
        sum[i] += b->mean[column];
        y[i] = b->y[(n + i) * BLOCK + column] + b->mean[column];
        if (w->out->prediction) w->out->prediction[i * w->q->v + at] = sum[i];
    }
    if (w->out->score) w->out->score[at] = score_fold(y, sum, t, 1, b->mean[column], b->sd[column]);
}

static int refit_one(const work *w, const refit *x, size_t g, const block *b, refit_space *s, double *line)
{
    for (size_t panel = 0; panel < b->width; panel += PANEL) {
        size_t alpha[PANEL], any = 0;
        for (size_t j = 0; j < PANEL; j++) {
            size_t at = b->first + panel + j;
            bool own = panel + j < b->width && w->c.gamma[at] == (int32_t)g;
            alpha[j] = own ? w->c.alpha[at] : SIZE_MAX;
            any += own;
        }
        if (!any) continue;
        refit_panel(s, x, w->q, b->y + panel, alpha);
        for (size_t j = 0; j < PANEL; j++)
            if (alpha[j] != SIZE_MAX) put_column(w, b, s, g, panel, j, line);
    }
    return 0;
}

static bool block_uses(const work *w, size_t number, size_t g)
{
    for (size_t j = number * BLOCK; j < (number + 1) * BLOCK && j < w->q->v; j++)
        if (w->c.gamma[j] == (int32_t)g) return true;
    return false;
}

static int refit_candidate(work *w, size_t g, err *e)
{
    trouble t = { 0 };
    refit *x = NULL;
    uint8_t *used = mem_new(w->q->n_alphas, 1, e);
    bool any = false;
    if (!used) return -1;
    for (size_t j = 0; j < w->q->v; j++)
        if (w->c.gamma[j] == (int32_t)g) used[w->c.alpha[j]] = any = true;
    if (!any || refit_new(&x, w->f, w->inner, w->kept, w->q, w->out, gamma_row(w, g), used, e)) {
        free(used);
        return any ? -1 : 0;
    }
#pragma omp parallel num_threads(threads_count())
    {
        err own = { 0 };
        block b;
        refit_space *s = refit_space_new(x, &own);
        double *line = mem_new(2 * w->f->t + 1, sizeof *line, &own);
        int bad = block_space(&b, w, &own) || !s || !line;
#pragma omp for schedule(dynamic, 1)
        for (size_t k = 0; k < w->blocks; k++) {
            if (bad || in_trouble(&t) || !block_uses(w, k, g)) continue;
            bad = block_load(&b, w, k, &own) || refit_one(w, x, g, &b, s, line);
        }
        if (bad) note(&t, &own);
        block_free(&b);
        refit_space_free(s);
        free(line);
    }
    refit_free(x);
    free(used);
    if (t.failed) *e = t.first;
    return t.failed ? -1 : 0;
}

int nested_ridge(const nested_problem *q, const uint8_t *keep, nested_result *out, err *e)
{
    work w = { .q = q, .out = out };
    int status = -1;
    if (check(q, e) || fold_features_new(&w.f, q, keep, e) || work_space(&w, e)) goto done;
    out->dropped = q->p - w.f->p;
    if (select_all(&w, e)) goto done;
    if (out->weight) memset(out->weight, 0, q->p * q->v * sizeof(double));
    for (size_t g = 0; g < w.n_candidates; g++)
        if (refit_candidate(&w, g, e)) goto done;
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
