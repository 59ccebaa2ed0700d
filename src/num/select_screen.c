/* SPDX-License-Identifier: MIT */
/* The choice by decompositions, screened: a few blocks of responses are scored in fp32 for every alpha, and again in fp64 wherever
 * an alpha comes near the best; fp64 alone decides. Where the refit waits for nothing else, it follows at once. */
#include "nested.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rounding of the screen is at most about 2e-6 (mse, r2) and 9e-6 (r) in units of a response's scale (tests/unit/test_screen.c
 * and the bench measure it); the window starts at this, and every unit checks it against its own exact scores. */
static const double least_window[] = { 5e-6, 5e-6, 1.5e-5 };

/* A unit of a few blocks, so that what is scored again fills a panel. */
enum { UNIT = 4, MANY_ROWS = 4096 };

typedef struct {
    block b[UNIT];
    size_t first, width, blocks;
    screen_space *space;
    exact_space *exact_space;
    refit_space *refit;            /* NULL: refitted later */
    float *y, *score;              /* [BLOCK×n] unit variance, [UNIT·BLOCK×A] */
    float scale[UNIT * BLOCK];
    uint8_t unsure[UNIT * BLOCK], *done; /* done [UNIT·BLOCK×A]: scored in fp64 */
    double *exact, *pair_score;    /* [UNIT·BLOCK×A] */
    score_pair *pair;              /* [UNIT·BLOCK×A] to be scored */
    int32_t *nans;                 /* [UNIT·BLOCK×A] */
    size_t n_pairs, screened, rescored, pairs;
} unit;

static void unit_free(unit *s)
{
    for (size_t k = 0; k < UNIT; k++) block_free(&s->b[k]);
    screen_space_free(s->space);
    exact_space_free(s->exact_space);
    refit_space_free(s->refit);
    void *owned[] = { s->y, s->score, s->done, s->exact, s->pair_score, s->pair, s->nans };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

/* Blocks a unit; 1 where even one is large. */
static size_t unit_blocks(const work *w)
{
    return w->f->n + w->f->t > MANY_ROWS ? 1 : UNIT;
}

static int unit_new(unit *s, const work *w, screen *const *screens, err *e)
{
    size_t cells = w->q->n_alphas * UNIT * BLOCK;
    memset(s, 0, sizeof *s);
    for (size_t k = 0; k < unit_blocks(w); k++)
        if (block_space(&s->b[k], w, e)) return -1;
    if (w->early && !(s->refit = refit_space_new(w->early, e))) return -1;
    s->space = screen_space_new(w->inner, screens, w->q, e);
    s->exact_space = exact_space_new(w->inner, e);
    s->y = mem_new(w->f->n * BLOCK, sizeof *s->y, e);
    s->score = mem_new(cells, sizeof *s->score, e);
    s->done = mem_new(cells, 1, e);
    s->exact = mem_new(cells, sizeof *s->exact, e);
    s->pair_score = mem_new(cells, sizeof *s->pair_score, e);
    s->pair = mem_new(cells, sizeof *s->pair, e);
    s->nans = mem_new(cells, sizeof *s->nans, e);
    return s->space && s->exact_space && s->y && s->score && s->done && s->exact && s->pair_score && s->pair && s->nans ? 0 : -1;
}

static double sd_of(const unit *s, size_t j)
{
    return s->b[j / BLOCK].sd[j % BLOCK];
}

/* An exact score in the units of the screen, where responses have unit variance. */
static double in_units(const work *w, double sd, double score)
{
    return w->q->select == SELECT_MSE ? score / (sd * sd) : score;
}

/* Pairs of column j within the window of its best. A lone best of the only candidate needs no exact score; several candidates
 * are compared by exact ones. */
static void list_column(unit *s, const work *w, size_t g, size_t j, double window)
{
    size_t A = w->q->n_alphas, count = 0, odd = 0;
    const float *score = s->score + j * A;
    double best = -INFINITY, least, scale = (double)s->scale[j];
    bool all = s->unsure[j];
    for (size_t a = 0; a < A; a++) {
        best = fmax(best, (double)score[a]);
        odd += isnan(score[a]) != 0;
    }
    least = best - window * scale;
    if (g && !isnan(w->c.best[s->first + j]) && !all) {
        double reach = in_units(w, sd_of(s, j), w->c.best[s->first + j]) - window * scale; /* below, it cannot beat the best so far */
        if (best < reach && !odd) return;
        least = fmax(least, reach);
    }
    for (size_t a = 0; a < A; a++) count += (double)score[a] >= least;
    if (count == 1 && w->n_candidates == 1 && !all && !odd) return;
    for (size_t a = 0; a < A; a++)
        if ((all || isnan(score[a]) || (double)score[a] >= least) && !s->done[j * A + a])
            s->pair[s->n_pairs++] = (score_pair){ (uint16_t)j, (uint16_t)a };
}

/* Scores the listed pairs in fp64; *error: the largest rounding that the screen shows, in units of a column's scale. */
static int score_again(unit *s, work *w, const inner_operators *o, double *error, err *e)
{
    size_t A = w->q->n_alphas;
    const double *y[UNIT] = { s->b[0].y, s->b[1].y, s->b[2].y, s->b[3].y };
    if (exact_scores(s->exact_space, w->inner, o, w->q, y, s->pair, s->n_pairs, s->pair_score, s->nans, e)) return -1;
    for (size_t i = 0; i < s->n_pairs; i++) {
        size_t j = s->pair[i].column, at = j * A + s->pair[i].alpha;
        s->exact[at] = s->pair_score[i];
        s->done[at] = 1;
        if (w->out->n_nan_inner) w->out->n_nan_inner[s->first + j] += (size_t)s->nans[i];
        if (s->unsure[j] || isnan(s->exact[at]) || isnan(s->score[at])) continue;
        /* far below the best the square of a large prediction rounds coarsely, and nothing depends on it */
        double exact = in_units(w, sd_of(s, j), s->exact[at]), size = (double)s->scale[j] * (1 + fabs(exact));
        *error = fmax(*error, fabs((double)s->score[at] - exact) / size);
    }
    s->pairs += s->n_pairs;
    return 0;
}

static void choose_column(unit *s, work *w, size_t g, size_t j)
{
    const nested_problem *q = w->q;
    size_t chosen = 0, exact = 0, A = q->n_alphas;
    double best = NAN;
    for (size_t a = 0; a < A; a++) {
        exact += s->done[j * A + a];
        if (!s->done[j * A + a]) s->exact[j * A + a] = NAN;
    }
    s->screened++;
    if (exact) {
        s->rescored++;
        chosen = choose_alpha(s->exact + j * A, 1, q->alphas, A, q->select, &best);
        take(&w->c, s->first + j, g, chosen, best, q->select);
    } else if (w->n_candidates == 1) {
        for (size_t a = 0; a < A; a++)
            if (!((double)s->score[j * A + a] <= best)) {
                best = (double)s->score[j * A + a];
                chosen = a;
            }
        if (q->select == SELECT_MSE) best *= sd_of(s, j) * sd_of(s, j);
        take(&w->c, s->first + j, 0, chosen, best, q->select);
    }
}

static int screen_blocks(unit *s, work *w, screen *const *screens, size_t number, err *e)
{
    double inverse[BLOCK];
    s->width = s->blocks = 0;
    s->first = number * unit_blocks(w) * BLOCK;
    for (size_t k = 0; k < unit_blocks(w) && number * unit_blocks(w) + k < w->blocks; k++) {
        block *b = &s->b[k];
        if (block_load(b, w, number * unit_blocks(w) + k, e)) return -1;
        for (size_t j = 0; j < BLOCK; j++) inverse[j] = b->sd[j] > 0 ? 1 / b->sd[j] : 0;
        responses_as_rows(s->y, b->y, w->f->n, inverse);
        if (screen_scores(s->score + k * BLOCK * w->q->n_alphas, s->scale + k * BLOCK, s->unsure + k * BLOCK, s->space, screens, w->inner,
                          w->q, s->y, w->f->n, e))
            return -1;
        s->width += b->width;
        s->blocks++;
    }
    return 0;
}

static int choose_unit(unit *s, work *w, const inner_operators *o, screen *const *screens, size_t g, size_t number, err *e)
{
    double window = least_window[w->q->select], error = 0;
    size_t A = w->q->n_alphas;
    if (screen_blocks(s, w, screens, number, e)) return -1;
    memset(s->done, 0, A * UNIT * BLOCK);
    for (bool probe = true;; probe = false) { /* all alphas of the first column show the rounding of the screen */
        s->n_pairs = 0;
        for (size_t a = 0; a < A && probe; a++) s->pair[s->n_pairs++] = (score_pair){ 0, (uint16_t)a };
        for (size_t j = probe; j < s->width; j++) list_column(s, w, g, j, window);
        if (s->n_pairs && score_again(s, w, o, &error, e)) return -1;
        if (4 * error <= window) break;
        window = 8 * error;
    }
    for (size_t j = 0; j < s->width; j++) choose_column(s, w, g, j);
    return s->refit ? refit_blocks(w->early, s->refit, w, s->b, s->blocks, e) : 0;
}

static int make_screens(screen **screens, const work *w, const inner_operators *o, err *e)
{
    trouble t = { 0 };
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_count())
    for (size_t k = 0; k < w->inner->count; k++) {
        err own = { 0 };
        if (screen_new(&screens[k], w->inner, o, k, w->q, &own)) trouble_note(&t, &own);
    }
    if (t.failed) *e = t.first;
    return t.failed ? -1 : 0;
}

static int choose_blocks(work *w, const inner_operators *o, screen *const *screens, size_t g, err *e)
{
    trouble t = { 0 };
    size_t screened = 0, rescored = 0, pairs = 0;
#pragma omp parallel num_threads(threads_count()) reduction(+ : screened, rescored, pairs)
    {
        err own = { 0 };
        unit s;
        int bad = unit_new(&s, w, screens, &own);
#pragma omp for schedule(dynamic, 1)
        for (size_t k = 0; k < (w->blocks + unit_blocks(w) - 1) / unit_blocks(w); k++) {
            if (bad || in_trouble(&t)) continue;
            if (interrupted()) bad = err_set(&own, ERR_INTERRUPTED, "interrupted");
            else bad = choose_unit(&s, w, o, screens, g, k, &own);
        }
        screened += s.screened;
        rescored += s.rescored;
        pairs += s.pairs;
        if (bad) trouble_note(&t, &own);
        unit_free(&s);
    }
    w->c.screened += screened;
    w->c.rescored += rescored;
    w->c.pairs += pairs;
    if (t.failed) *e = t.first;
    return t.failed ? -1 : 0;
}

int select_screened(work *w, const inner_operators *o, size_t g, err *e)
{
    screen **screens = mem_new(w->inner->count + 1, sizeof *screens, e);
    if (!screens) return -1;
    int status = make_screens(screens, w, o, e) || choose_blocks(w, o, screens, g, e) ? -1 : 0;
    for (size_t k = 0; k < w->inner->count; k++) screen_free(screens[k]);
    free(screens);
    return status;
}
