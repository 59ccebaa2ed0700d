/* SPDX-License-Identifier: MIT */
/* The choice by screening: every alpha scored in fp32, and again in fp64 wherever it comes near the best; fp64 alone decides.
 * Responses go in chunks: screened block by block, then the contenders of a chunk together. */
#include "nested.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 32 * BLOCK };

/* Rounding of the screen is at most about 2e-6 (mse, r2) and 9e-6 (r) in units of a response's scale (tests/unit/test_screen.c
 * and the bench measure it); the window starts at this, and every chunk checks it against its own exact scores. */
static const double least_window[] = { 5e-6, 5e-6, 1.5e-5 };

typedef struct {
    work *w;
    const inner_operators *o;
    screen **screens;
    size_t g, first, width;        /* the candidate; columns of the chunk */
    float *score, *scale;          /* [A×CHUNK], [CHUNK] */
    uint8_t *unsure, *done;        /* [CHUNK], [A×CHUNK] scored in fp64 */
    double *exact, *sd;            /* [A×CHUNK], [CHUNK] of the training rows */
    int32_t *nans;                 /* [A×CHUNK] */
    size_t *pair;                  /* [A×CHUNK] a·CHUNK + j of the pairs at hand */
    size_t n_pairs;
} chunk;

static void chunk_free(chunk *c)
{
    void *owned[] = { c->score, c->scale, c->unsure, c->done, c->exact, c->sd, c->nans, c->pair };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
    for (size_t k = 0; c->screens && k < c->w->inner->count; k++) screen_free(c->screens[k]);
    free(c->screens);
}

static int chunk_new(chunk *c, work *w, const inner_operators *o, size_t g, err *e)
{
    size_t cells = w->q->n_alphas * CHUNK;
    *c = (chunk){ .w = w, .o = o, .g = g };
    c->screens = mem_new(w->inner->count + 1, sizeof *c->screens, e);
    c->score = mem_new(cells, sizeof *c->score, e);
    c->scale = mem_new(CHUNK, sizeof *c->scale, e);
    c->unsure = mem_new(CHUNK, 1, e);
    c->done = mem_new(cells, 1, e);
    c->exact = mem_new(cells, sizeof *c->exact, e);
    c->sd = mem_new(CHUNK, sizeof *c->sd, e);
    c->nans = mem_new(cells, sizeof *c->nans, e);
    c->pair = mem_new(cells, sizeof *c->pair, e);
    return c->screens && c->score && c->scale && c->unsure && c->done && c->exact && c->sd && c->nans && c->pair ? 0 : -1;
}

static int make_screens(chunk *c, err *e)
{
    trouble t = { 0 };
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_count())
    for (size_t k = 0; k < c->w->inner->count; k++) {
        err own = { 0 };
        if (screen_new(&c->screens[k], c->w->inner, c->o, k, c->w->q, &own)) trouble_note(&t, &own);
    }
    if (t.failed) *e = t.first;
    return t.failed ? -1 : 0;
}

/* ---- fp32 ---- */

HOT static void unit_variance(float *out, const double *y, size_t rows, const double *scale)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < BLOCK; j++) out[i * BLOCK + j] = (float)(y[i * BLOCK + j] * scale[j]);
}

static void screen_block(chunk *c, const block *b, float *y, float *score, screen_space *space)
{
    size_t A = c->w->q->n_alphas, at = b->first - c->first;
    float scale[BLOCK];
    uint8_t unsure[BLOCK];
    double inverse[BLOCK];
    for (size_t j = 0; j < BLOCK; j++) inverse[j] = b->sd[j] > 0 ? 1 / b->sd[j] : 0;
    unit_variance(y, b->y, c->w->f->n, inverse);
    screen_scores(score, scale, unsure, space, c->screens, c->w->inner, c->w->q, y);
    memcpy(c->scale + at, scale, b->width * sizeof *scale);
    memcpy(c->unsure + at, unsure, b->width);
    memcpy(c->sd + at, b->sd, b->width * sizeof *b->sd);
    for (size_t a = 0; a < A; a++) memcpy(c->score + a * CHUNK + at, score + a * BLOCK, b->width * sizeof *score);
}

static int screen_chunk(chunk *c, err *e)
{
    trouble t = { 0 };
    size_t blocks = (c->width + BLOCK - 1) / BLOCK, first = c->first / BLOCK;
#pragma omp parallel num_threads(threads_count())
    {
        err own = { 0 };
        block b;
        screen_space *space = screen_space_new(c->w->inner, c->screens, c->w->q, &own);
        float *y = mem_new(c->w->f->n * BLOCK, sizeof *y, &own), *score = mem_new(c->w->q->n_alphas * BLOCK, sizeof *score, &own);
        int bad = block_space(&b, c->w, &own) || !space || !y || !score;
#pragma omp for schedule(dynamic, 1)
        for (size_t k = 0; k < blocks; k++) {
            if (bad || in_trouble(&t)) continue;
            if (interrupted()) bad = err_set(&own, ERR_INTERRUPTED, "interrupted");
            else if (!(bad = block_load(&b, c->w, first + k, &own))) screen_block(c, &b, y, score, space);
        }
        if (bad) trouble_note(&t, &own);
        block_free(&b);
        screen_space_free(space);
        free(y);
        free(score);
    }
    if (t.failed) *e = t.first;
    return t.failed ? -1 : 0;
}

/* ---- which are scored again ---- */

/* An exact score in the units of the screen, where responses have unit variance. */
static double in_units(const chunk *c, size_t j, double score)
{
    return c->w->q->select == SELECT_MSE ? score / (c->sd[j] * c->sd[j]) : score;
}

/* Pairs of column j within the window of its best. A lone best of the only candidate needs no exact score; several candidates
 * are compared by exact ones. */
static void contenders(chunk *c, size_t j, double window)
{
    size_t A = c->w->q->n_alphas, count = 0;
    double best = -INFINITY, least;
    for (size_t a = 0; a < A; a++) best = fmax(best, (double)c->score[a * CHUNK + j]);
    least = best - window * (double)c->scale[j];
    if (c->g && !isnan(c->w->c.best[c->first + j]) && !c->unsure[j]) {
        double so_far = in_units(c, j, c->w->c.best[c->first + j]);
        double reach = so_far - window * (double)c->scale[j]; /* below, an alpha cannot beat the best so far */
        if (best < reach) return;
        least = fmax(least, reach);
    }
    for (size_t a = 0; a < A; a++) count += (double)c->score[a * CHUNK + j] >= least;
    if (count == 1 && c->w->n_candidates == 1 && !c->unsure[j]) return;
    for (size_t a = 0; a < A; a++) {
        size_t at = a * CHUNK + j;
        if ((c->unsure[j] || (double)c->score[at] >= least) && !c->done[at]) c->pair[c->n_pairs++] = at;
    }
}

static int by_alpha(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

/* All alphas of the first column show the rounding of the screen; the rest by the window. Sorted by alpha, then column. */
static void list_pairs(chunk *c, double window, bool probe)
{
    c->n_pairs = 0;
    for (size_t a = 0; a < c->w->q->n_alphas && probe; a++) c->pair[c->n_pairs++] = a * CHUNK;
    for (size_t j = probe; j < c->width; j++) contenders(c, j, window);
    qsort(c->pair, c->n_pairs, sizeof *c->pair, by_alpha);
}

/* ---- fp64 by decompositions: blocks ---- */

static int exact_block(chunk *c, const block *b, exact_space *x, err *e)
{
    size_t A = c->w->q->n_alphas, at = b->first - c->first, n = 0;
    score_pair *pair = mem_new(A * BLOCK, sizeof *pair, e);
    double *score = mem_new(A * BLOCK, sizeof *score, e);
    int32_t *nans = mem_new(A * BLOCK, sizeof *nans, e);
    int status = -1;
    if (!pair || !score || !nans) goto done;
    for (size_t j = 0; j < b->width; j++)
        for (size_t a = 0; a < A; a++)
            if (c->done[a * CHUNK + at + j] == 2) pair[n++] = (score_pair){ (uint16_t)j, (uint16_t)a };
    if (exact_scores(x, c->w->inner, c->o, c->w->q, b->y, pair, n, score, nans, e)) goto done;
    for (size_t i = 0; i < n; i++) {
        size_t cell = pair[i].alpha * CHUNK + at + pair[i].column;
        c->exact[cell] = score[i];
        c->nans[cell] = nans[i];
    }
    status = 0;
done:
    free(pair);
    free(score);
    free(nans);
    return status;
}

static int exact_blocks(chunk *c, err *e)
{
    trouble t = { 0 };
    size_t blocks = (c->width + BLOCK - 1) / BLOCK, first = c->first / BLOCK;
    uint8_t wanted[CHUNK / BLOCK] = { 0 };
    for (size_t i = 0; i < c->n_pairs; i++) {
        c->done[c->pair[i]] = 2; /* asked for */
        wanted[c->pair[i] % CHUNK / BLOCK] = 1;
    }
#pragma omp parallel num_threads(threads_count())
    {
        err own = { 0 };
        block b;
        exact_space *x = exact_space_new(c->w->inner, &own);
        int bad = block_space(&b, c->w, &own) || !x;
#pragma omp for schedule(dynamic, 1)
        for (size_t k = 0; k < blocks; k++) {
            if (bad || in_trouble(&t) || !wanted[k]) continue;
            bad = block_load(&b, c->w, first + k, &own) || exact_block(c, &b, x, &own);
        }
        if (bad) trouble_note(&t, &own);
        block_free(&b);
        exact_space_free(x);
    }
    if (t.failed) *e = t.first;
    return t.failed ? -1 : 0;
}

/* ---- fp64 by inverses: an operator an alpha, columns of the whole chunk together ---- */

typedef struct {
    double *y;       /* [n_columns][n] */
    size_t *of;      /* [CHUNK] place of a column, SIZE_MAX where none is */
} columns;

static int gather_columns(columns *g, chunk *c, err *e)
{
    trouble t = { 0 };
    size_t n = c->w->f->n, count = 0, blocks = (c->width + BLOCK - 1) / BLOCK, first = c->first / BLOCK;
    g->of = mem_new(CHUNK, sizeof *g->of, e);
    if (!g->of) return -1;
    for (size_t j = 0; j < CHUNK; j++) g->of[j] = SIZE_MAX;
    for (size_t i = 0; i < c->n_pairs; i++) g->of[c->pair[i] % CHUNK] = 0;
    for (size_t j = 0; j < c->width; j++)
        if (g->of[j] != SIZE_MAX) g->of[j] = count++;
    if (!(g->y = mem_new(count * n + 1, sizeof *g->y, e))) return -1;
#pragma omp parallel num_threads(threads_count())
    {
        err own = { 0 };
        block b;
        int bad = block_space(&b, c->w, &own);
#pragma omp for schedule(dynamic, 1)
        for (size_t k = 0; k < blocks; k++) {
            bool any = false;
            for (size_t j = k * BLOCK; j < (k + 1) * BLOCK; j++) any = any || g->of[j] != SIZE_MAX;
            if (bad || !any || (bad = block_load(&b, c->w, first + k, &own))) continue;
            for (size_t j = 0; j < b.width; j++) {
                size_t place = g->of[k * BLOCK + j];
                for (size_t i = 0; place != SIZE_MAX && i < n; i++) g->y[place * n + i] = b.y[i * BLOCK + j];
            }
        }
        if (bad) trouble_note(&t, &own);
        block_free(&b);
    }
    if (t.failed) *e = t.first;
    return t.failed ? -1 : 0;
}

/* Pairs [first, last) of one alpha, at most PANEL. */
static void exact_group(chunk *c, const columns *g, exact_space *x, size_t first, size_t last)
{
    const double *y[PANEL];
    double score[PANEL];
    int32_t nans[PANEL];
    for (size_t i = first; i < last; i++) y[i - first] = g->y + g->of[c->pair[i] % CHUNK] * c->w->f->n;
    exact_columns(x, c->w->inner, c->o, c->w->q, y, last - first, c->pair[first] / CHUNK, score, nans);
    for (size_t i = first; i < last; i++) {
        c->exact[c->pair[i]] = score[i - first];
        c->nans[c->pair[i]] = nans[i - first];
    }
}

static int exact_by_alpha(chunk *c, err *e)
{
    trouble t = { 0 };
    columns g = { 0 };
    size_t n = 0, *begin = mem_new(c->n_pairs + 1, sizeof *begin, e);
    int status = -1;
    if (!begin || gather_columns(&g, c, e)) goto done;
    for (size_t i = 0; i < c->n_pairs; i++)
        if (!n || c->pair[i] / CHUNK != c->pair[begin[n - 1]] / CHUNK || i - begin[n - 1] == PANEL) begin[n++] = i;
    begin[n] = c->n_pairs;
#pragma omp parallel num_threads(threads_count())
    {
        err own = { 0 };
        exact_space *x = exact_space_new(c->w->inner, &own);
#pragma omp for schedule(dynamic, 1)
        for (size_t k = 0; k < n; k++)
            if (x) exact_group(c, &g, x, begin[k], begin[k + 1]);
        if (!x) trouble_note(&t, &own);
        exact_space_free(x);
    }
    if (t.failed) *e = t.first;
    status = t.failed ? -1 : 0;
done:
    free(begin);
    free(g.y);
    free(g.of);
    return status;
}

/* ---- the choice ---- */

/* Scores the listed pairs in fp64; *error: the largest rounding that the screen shows, in units of a column's scale. */
static int score_again(chunk *c, double *error, err *e)
{
    if (c->w->inner->by_inverse ? exact_by_alpha(c, e) : exact_blocks(c, e)) return -1;
    for (size_t i = 0; i < c->n_pairs; i++) {
        size_t at = c->pair[i], j = at % CHUNK;
        c->done[at] = 1;
        if (c->w->out->n_nan_inner) c->w->out->n_nan_inner[c->first + j] += (size_t)c->nans[at];
        if (c->unsure[j] || isnan(c->exact[at])) continue;
        /* far below the best the square of a large prediction rounds coarsely, and nothing depends on it */
        double exact = in_units(c, j, c->exact[at]), size = (double)c->scale[j] * (1 + fabs(exact));
        *error = fmax(*error, fabs((double)c->score[at] - exact) / size);
    }
    return 0;
}

static void choose_column(chunk *c, size_t j)
{
    const nested_problem *q = c->w->q;
    size_t chosen = 0, exact = 0;
    double best = NAN;
    for (size_t a = 0; a < q->n_alphas; a++) {
        exact += c->done[a * CHUNK + j];
        if (!c->done[a * CHUNK + j]) c->exact[a * CHUNK + j] = NAN;
    }
    c->w->c.screened++;
    if (exact) {
        c->w->c.rescored++;
        chosen = choose_alpha(c->exact + j, CHUNK, q->alphas, q->n_alphas, q->select, &best);
        take(&c->w->c, c->first + j, c->g, chosen, best, q->select);
    } else if (c->w->n_candidates == 1) {
        for (size_t a = 0; a < q->n_alphas; a++)
            if (!((double)c->score[a * CHUNK + j] <= best)) {
                best = (double)c->score[a * CHUNK + j];
                chosen = a;
            }
        if (q->select == SELECT_MSE) best *= c->sd[j] * c->sd[j];
        take(&c->w->c, c->first + j, 0, chosen, best, q->select);
    }
}

static int choose_chunk(chunk *c, err *e)
{
    double window = least_window[c->w->q->select], error = 0;
    if (screen_chunk(c, e)) return -1;
    memset(c->done, 0, c->w->q->n_alphas * CHUNK);
    for (bool probe = true;; probe = false) {
        list_pairs(c, window, probe);
        if (c->n_pairs && score_again(c, &error, e)) return -1;
        c->w->c.pairs += c->n_pairs;
        if (4 * error <= window) break;
        window = 8 * error;
    }
    for (size_t j = 0; j < c->width; j++) choose_column(c, j);
    return 0;
}

int select_screened(work *w, const inner_operators *o, size_t g, err *e)
{
    chunk c;
    int status = -1;
    if (chunk_new(&c, w, o, g, e) || make_screens(&c, e)) goto done;
    for (c.first = 0; c.first < w->q->v; c.first += CHUNK) {
        c.width = w->q->v - c.first < CHUNK ? w->q->v - c.first : CHUNK;
        if (choose_chunk(&c, e)) goto done;
    }
    status = 0;
done:
    chunk_free(&c);
    return status;
}
