/* SPDX-License-Identifier: MIT */
/* Refit of one candidate on all training rows for the responses that chose it: predictions of the test rows, by band when
 * shares are wanted, weights, scores. Three ways:
 * - by a decomposition, which serves any alpha: few responses, bands, weights;
 * - by an operator [t×n] an alpha that was chosen: many responses;
 * - by a Cholesky factor an alpha that was chosen, for large kernels: c = (K + alpha I)^-1 y, prediction = cross kernel · c; where
 *   more responses than test rows chose it, an operator cross kernel · (K + alpha I)^-1.
 * In the last two, responses of one alpha are worked together. */
#include "nested.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = RESPONSES_AT_ONCE, TILE = 16 /* of the kernels of products */ };

struct refit {
    size_t n, t, n_parts, g;
    bool weights;
    factor *f;
    double **apply;           /* [A] [t×n], NULL where nothing chose the alpha */
    double **root;            /* [A] Cholesky factors [n×n] */
    double *cross;            /* [n_parts][t×n] centred cross kernels */
};

/* Responses gathered by candidate and alpha: a panel a group of one alpha. */
typedef struct chosen {
    size_t n, groups;
    size_t *at;               /* [n] numbers of the responses, by candidate, alpha and number */
    size_t *begin;            /* [groups + 1] among at */
    double **y;               /* [groups][rows×width] about the mean, width a whole number of tiles */
    double *all, *mean, *sd;  /* all of them; [n], [n] */
} chosen;

static void list_free(double **list, size_t n)
{
    for (size_t a = 0; list && a < n; a++) free(list[a]);
    free(list);
}

static void refit_free(refit *x, size_t n_alphas)
{
    factor_free(x->f);
    list_free(x->apply, n_alphas);
    list_free(x->root, n_alphas);
    free(x->cross);
}

/* ---- operators ---- */

/* apply [t×n] = cross · (K + alpha I)^-1 from the Cholesky factor, or from a root of the inverse. */
static int operator_by_root(double **apply, const double *root, bool is_inverse, const double *cross, size_t t, size_t n, err *e)
{
    enum { SIDE = 32 };
    double *turned = mem_new(t * n + 1, sizeof *turned, e);
    if (!turned || !(*apply = mem_new(t * n + 1, sizeof **apply, e))) {
        free(turned);
        return -1;
    }
    for (size_t i = 0; i < t; i++)
        for (size_t j = 0; j < n; j++) turned[j * t + i] = cross[i * n + j];
    if (is_inverse) {
        triangle_product(true, n, root, t, turned);
        triangle_product(false, n, root, t, turned);
    } else cholesky_solve(n, root, t, turned);
    for (size_t j0 = 0; j0 < n; j0 += SIDE)
        for (size_t i = 0; i < t; i++)
            for (size_t j = j0; j < j0 + SIDE && j < n; j++) (*apply)[i * n + j] = turned[j * t + i];
    free(turned);
    return 0;
}

/* Factor of one alpha; an operator instead where more responses than test rows chose it, or where the choice made such. */
static int root_of(refit *x, const work *w, size_t a, size_t used, const double *kernel, err *e)
{
    size_t n = x->n;
    bool is_inverse = refit_can_open(w);
    double *k = x->root[a] = mem_copy(kernel, n * n * sizeof *k, e);
    for (size_t i = 0; k && i < n; i++) k[i * n + i] += w->q->alphas[a];
    if (!k || (is_inverse ? inverse_root(n, k, e) : cholesky(n, k, e))) return -1;
    if (!is_inverse && (x->n_parts > 1 || used <= x->t)) return 0;
    int status = operator_by_root(&x->apply[a], k, is_inverse, x->cross, x->t, n, e);
    free(x->root[a]);
    x->root[a] = NULL;
    return status;
}

static int operator_by_factor(refit *x, const work *w, size_t a, err *e)
{
    const factor *f = x->f;
    double *scaled = mem_new(x->t * f->r + 1, sizeof *scaled, e);
    x->apply[a] = mem_new(x->t * x->n + 1, sizeof *x->apply[a], e);
    if (!scaled || !x->apply[a]) {
        free(scaled);
        return -1;
    }
    for (size_t k = 0; k < f->r; k++) {
        double d = factor_shrink(f, k, w->q->alphas[a]);
        for (size_t i = 0; i < x->t; i++) scaled[i * f->r + k] = f->apply[i * f->r + k] * d;
    }
    gemm_f8(false, true, x->t, x->n, f->r, 1, scaled, f->r, f->left, f->r, 0, x->apply[a], x->n);
    free(scaled);
    return 0;
}

static int each_alpha(refit *x, const work *w, const size_t *used, const double *kernel, err *e)
{
    trouble t = { 0 };
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_count())
    for (size_t a = 0; a < w->q->n_alphas; a++) {
        err own = { 0 };
        if (used[a] && !x->apply[a] && (x->root ? root_of(x, w, a, used[a], kernel, &own) : operator_by_factor(x, w, a, &own))) trouble_note(&t, &own);
    }
    if (t.failed) *e = t.first;
    return t.failed ? -1 : 0;
}

static int cross_kernels(refit *x, const work *w, double *kernel, err *e)
{
    const fold_features *f = w->f;
    size_t n = f->n, t = f->t, *all = mem_new(n + t, sizeof *all, e);
    double *mean = mem_new(n, sizeof *mean, e);
    x->cross = mem_new(x->n_parts * t * n + 1, sizeof *x->cross, e);
    int status = all && mean && x->cross ? 0 : -1;
    for (size_t i = 0; i < n + t && !status; i++) all[i] = i;
    factor_plan plan = { .gamma = gamma_row(w, x->g), .train = all, .predict = all + n, .n = n, .m = t };
    for (size_t b = 0; b < x->n_parts && x->n_parts > 1 && !status; b++) centred_kernel(kernel, x->cross + b * t * n, f, &plan, b, mean);
    if (x->n_parts > 1) plan.m = 0;
    if (!status) centred_kernel(kernel, x->cross, f, &plan, SIZE_MAX, mean);
    free(all);
    free(mean);
    return status;
}

static int by_cholesky(refit *x, const work *w, const size_t *used, err *e)
{
    bool ready = x->apply != NULL; /* while alphas were chosen: is one left over? */
    for (size_t a = 0; a < w->q->n_alphas && ready; a++) ready = !used[a] || x->apply[a];
    if (ready) return 0;
    size_t n = w->f->n;
    double *kernel = mem_new(n * n, sizeof *kernel, e);
    x->root = mem_new(w->q->n_alphas + 1, sizeof *x->root, e);
    if (!x->apply) x->apply = mem_new(w->q->n_alphas + 1, sizeof *x->apply, e);
    int status = !kernel || !x->root || !x->apply ? -1 : 0;
    if (!status) {
        free(x->cross);
        status = cross_kernels(x, w, kernel, e) || each_alpha(x, w, used, kernel, e) ? -1 : 0;
    }
    free(kernel);
    return status;
}

static int by_factor(refit *x, const work *w, const size_t *used, err *e)
{
    const fold_features *f = w->f;
    size_t *all = mem_new(f->n + f->t + 1, sizeof *all, e);
    if (!all) return -1;
    for (size_t i = 0; i < f->n + f->t; i++) all[i] = i;
    factor_plan plan = { .gamma = gamma_row(w, x->g), .train = all, .predict = all + f->n, .n = f->n, .m = f->t,
                         .parts = x->n_parts > 1, .weights = x->weights, .smallest_alpha = w->inner->smallest_alpha };
    int status = factor_new(&x->f, f, &plan, e);
    free(all);
    if (status || x->n_parts > 1 || x->weights || w->q->v < SCREEN_FROM || !operators_pay(f)) return status;
    x->apply = mem_new(w->q->n_alphas + 1, sizeof *x->apply, e);
    return x->apply ? each_alpha(x, w, used, NULL, e) : -1;
}

static int refit_new(refit *x, const work *w, size_t g, const size_t *used, err *e)
{
    refit *early = w->early;
    *x = (refit){ .n = w->f->n, .t = w->f->t, .g = g, .n_parts = w->out->share && w->f->n_bands > 1 ? w->f->n_bands : 1,
                  .weights = wants_weights(w->out) };
    if (early) {
        x->apply = early->apply;
        early->apply = NULL;
    }
    return w->inner->by_inverse && !x->weights ? by_cholesky(x, w, used, e) : by_factor(x, w, used, e);
}

/* ---- one response ---- */

typedef struct {
    const double *y; /* [t] test rows about the training mean */
    double mean, sd;
    const double *parts; /* [n_parts][t] with a stride */
    size_t stride, next; /* between rows, between parts */
    const double *weight; /* [kept columns] with a stride; NULL: not made */
    size_t weight_stride;
    double *weights;      /* [p] space, 0 where a column is dropped */
} fitted;

/* Product measure of each band about the training mean: (2 y ŷ_b - ŷ_b ŷ) summed, over the sum of y². */
static void put_shares(const work *w, const refit *x, const fitted *c, size_t at, const double *sum)
{
    double total = 0;
    for (size_t i = 0; i < x->t; i++) total += c->y[i] * c->y[i];
    for (size_t b = 0; b < x->n_parts; b++) {
        double share = 0;
        for (size_t i = 0; i < x->t; i++) {
            double own = c->parts[b * c->next + i * c->stride];
            share += 2 * c->y[i] * own - own * sum[i];
        }
        w->out->share[b * w->q->v + at] = total > 0 ? share / total : NAN;
    }
}

static void put_weights(const work *w, const refit *x, const fitted *c, size_t at)
{
    const double *gamma = gamma_row(w, x->g);
    for (size_t k = 0; k < w->f->p; k++) {
        double scale = w->f->scale[k] * (gamma ? sqrt(gamma[w->f->band_of[k]]) : 1);
        c->weights[w->f->column[k]] = c->weight[k * c->weight_stride] * scale;
    }
    for (size_t k = 0; k < w->q->p && w->out->weight; k++) w->out->weight[k * w->q->v + at] = c->weights[k];
}

/* line [2t] is space. */
static void put_response(const work *w, const refit *x, const fitted *c, size_t at, double *line)
{
    double *sum = line, *y = line + x->t;
    for (size_t i = 0; i < x->t; i++) {
        sum[i] = 0;
        for (size_t b = 0; b < x->n_parts; b++) sum[i] += c->parts[b * c->next + i * c->stride];
    }
    if (w->out->y_mean) w->out->y_mean[at] = c->mean;
    if (w->out->share) put_shares(w, x, c, at, sum);
    if (c->weight) put_weights(w, x, c, at);
    for (size_t i = 0; i < x->t; i++) {
        sum[i] += c->mean;
        y[i] = c->y[i] + c->mean;
        if (w->out->prediction) w->out->prediction[i * w->q->v + at] = sum[i];
    }
    if (w->out->score) w->out->score[at] = score_fold(y, sum, x->t, 1, c->mean, c->sd);
    if (w->out->sink) w->out->sink->take(w->out->sink->context, at, y, sum, c->weight ? c->weights : NULL);
}

/* ---- by a decomposition, panel by panel ---- */

typedef struct { double *z, *scaled, *parts, *weight, *weights, *line, *test; } panel_space;

static int panel_new(panel_space *s, const refit *x, const work *w, err *e)
{
    s->z = mem_new((x->f->r + 1) * PANEL, sizeof(double), e);
    s->scaled = mem_new((x->f->r + 1) * PANEL, sizeof(double), e);
    s->parts = mem_new(x->n_parts * x->t * PANEL + 1, sizeof(double), e);
    s->weight = mem_new((x->weights ? w->f->p : 0) * PANEL + 1, sizeof(double), e);
    s->weights = mem_new((x->weights ? w->q->p : 0) + 1, sizeof(double), e);
    s->line = mem_new(2 * x->t + 1, sizeof(double), e);
    s->test = mem_new(x->t + 1, sizeof(double), e);
    return s->z && s->scaled && s->parts && s->weight && s->weights && s->line && s->test ? 0 : -1;
}

static void panel_free(panel_space *s)
{
    free(s->z);
    free(s->scaled);
    free(s->parts);
    free(s->weight);
    free(s->weights);
    free(s->line);
    free(s->test);
}

static void panel_fit(panel_space *s, const work *w, const refit *x, const double *y, const size_t *alpha)
{
    const factor *f = x->f;
    gemm_f8(true, false, f->r, PANEL, f->n, 1, f->left, f->r, y, BLOCK, 0, s->z, PANEL);
    for (size_t i = 0; i < f->r; i++)
        for (size_t j = 0; j < PANEL; j++)
            s->scaled[i * PANEL + j] = alpha[j] == SIZE_MAX ? 0 : s->z[i * PANEL + j] * factor_shrink(f, i, w->q->alphas[alpha[j]]);
    for (size_t b = 0; b < f->n_parts; b++)
        gemm_f8(false, false, x->t, PANEL, f->r, 1, f->apply + b * x->t * f->r, f->r, s->scaled, PANEL, 0,
                s->parts + b * x->t * PANEL, PANEL);
    if (x->weights && w->f->p)
        gemm_f8(false, false, w->f->p, PANEL, f->r, 1, f->to_weight, f->r, s->scaled, PANEL, 0, s->weight, PANEL);
}

static void block_fit(panel_space *s, const work *w, const refit *x, const block *b)
{
    for (size_t first = 0; first < b->width; first += PANEL) {
        size_t alpha[PANEL], any = 0;
        for (size_t j = 0; j < PANEL; j++) {
            bool own = first + j < b->width && w->c.gamma[b->first + first + j] == (int32_t)x->g;
            alpha[j] = own ? w->c.alpha[b->first + first + j] : SIZE_MAX;
            any += own;
        }
        if (!any) continue;
        panel_fit(s, w, x, b->y + first, alpha);
        for (size_t j = 0; j < PANEL; j++) {
            if (alpha[j] == SIZE_MAX) continue;
            for (size_t i = 0; i < x->t; i++) s->test[i] = b->y[(x->n + i) * BLOCK + first + j];
            fitted c = { .y = s->test, .mean = b->mean[first + j], .sd = b->sd[first + j], .parts = s->parts + j, .stride = PANEL,
                         .next = x->t * PANEL, .weight = x->weights ? s->weight + j : NULL, .weight_stride = PANEL,
                         .weights = s->weights };
            put_response(w, x, &c, b->first + first + j, s->line);
        }
    }
}

/* Candidate and alpha that response j chose, as one number; SIZE_MAX for candidates other than g (SIZE_MAX: any). */
static size_t choice_of(const work *w, size_t j, size_t g)
{
    if (w->c.gamma[j] < 0 || (g != SIZE_MAX && w->c.gamma[j] != (int32_t)g)) return SIZE_MAX;
    return (size_t)w->c.gamma[j] * w->q->n_alphas + w->c.alpha[j];
}

static bool block_uses(const work *w, size_t number, size_t g)
{
    for (size_t j = number * BLOCK; j < (number + 1) * BLOCK && j < w->q->v; j++)
        if (choice_of(w, j, g) != SIZE_MAX) return true;
    return false;
}

static int fit_blocks(const work *w, const refit *x, err *e)
{
    trouble t = { 0 };
#pragma omp parallel num_threads(threads_count())
    {
        err own = { 0 };
        block b;
        panel_space s = { 0 };
        int bad = block_space(&b, w, &own) || panel_new(&s, x, w, &own);
#pragma omp for schedule(dynamic, 1)
        for (size_t k = 0; k < w->blocks; k++) {
            if (bad || in_trouble(&t) || !block_uses(w, k, x->g)) continue;
            if (!(bad = block_load(&b, w, k, &own))) block_fit(&s, w, x, &b);
        }
        if (bad) trouble_note(&t, &own);
        block_free(&b);
        panel_free(&s);
    }
    if (t.failed) *e = t.first;
    return t.failed ? -1 : 0;
}

/* ---- by alpha, responses of a chunk together ---- */

static size_t panel_width(size_t n)
{
    return (n + TILE - 1) / TILE * TILE;
}

/* Places of the responses [first, last) of candidate g in order of choices, then of numbers: place[j - first]; counts them in c->n. */
static int chosen_places(chosen *c, size_t *place, const work *w, size_t g, size_t first, size_t last, err *e)
{
    size_t choices = w->n_candidates * w->q->n_alphas, *next = mem_new(choices + 1, sizeof *next, e);
    if (!next) return -1;
    for (size_t j = first; j < last; j++) {
        size_t key = choice_of(w, j, g);
        if (key != SIZE_MAX) next[key + 1]++;
    }
    for (size_t k = 0; k < choices; k++) next[k + 1] += next[k];
    c->n = next[choices];
    for (size_t j = first; j < last; j++) {
        size_t key = choice_of(w, j, g);
        if (key != SIZE_MAX) place[j - first] = next[key]++;
    }
    free(next);
    return 0;
}

/* Lists the responses [first, last) of candidate g (SIZE_MAX: of all) by candidate and alpha, in groups of at most PANEL. */
static int chosen_list(chosen *c, size_t *place, const work *w, size_t g, size_t first, size_t last, err *e)
{
    size_t rows = w->f->n + w->f->t, cells = 0;
    if (chosen_places(c, place, w, g, first, last, e)) return -1;
    c->at = mem_new(c->n + 1, sizeof *c->at, e);
    c->begin = mem_new(c->n + 1, sizeof *c->begin, e);
    c->y = mem_new(c->n + 1, sizeof *c->y, e);
    c->mean = mem_new(c->n + 1, sizeof *c->mean, e);
    c->sd = mem_new(c->n + 1, sizeof *c->sd, e);
    if (!c->at || !c->begin || !c->y || !c->mean || !c->sd) return -1;
    for (size_t j = first; j < last; j++)
        if (choice_of(w, j, g) != SIZE_MAX) c->at[place[j - first]] = j;
    for (size_t i = 0; i < c->n; i++)
        if (!i || i - c->begin[c->groups - 1] == PANEL || choice_of(w, c->at[i], g) != choice_of(w, c->at[i - 1], g)) c->begin[c->groups++] = i;
    c->begin[c->groups] = c->n;
    for (size_t k = 0; k < c->groups; k++) cells += rows * panel_width(c->begin[k + 1] - c->begin[k]);
    if (!(c->all = mem_new(cells + 1, sizeof *c->all, e))) return -1;
    for (size_t k = 0, at = 0; k < c->groups; k++) {
        c->y[k] = c->all + at;
        at += rows * panel_width(c->begin[k + 1] - c->begin[k]);
    }
    return 0;
}

static size_t group_of(const chosen *c, size_t place)
{
    size_t low = 0, high = c->groups; /* begin[low] <= place < begin[high] */
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (c->begin[middle] <= place) low = middle;
        else high = middle;
    }
    return low;
}

/* Copies the chosen columns of a block to their panels, row by row. */
static void chosen_take(chosen *c, const work *w, size_t g, const block *b, const size_t *place)
{
    double *to[BLOCK];
    size_t from[BLOCK], apart[BLOCK], n = 0;
    for (size_t j = 0; j < b->width; j++) {
        if (choice_of(w, b->first + j, g) == SIZE_MAX) continue;
        size_t at = place[j], k = group_of(c, at);
        c->mean[at] = b->mean[j];
        c->sd[at] = b->sd[j];
        to[n] = c->y[k] + at - c->begin[k];
        apart[n] = panel_width(c->begin[k + 1] - c->begin[k]);
        from[n++] = j;
    }
    for (size_t i = 0; i < w->f->n + w->f->t; i++)
        for (size_t k = 0; k < n; k++) to[k][i * apart[k]] = b->y[i * BLOCK + from[k]];
}

/* Responses [first, last) of candidate g (SIZE_MAX: of all); first and last at edges of blocks. */
static int chosen_gather(chosen *c, const work *w, size_t g, size_t first, size_t last, err *e)
{
    trouble t = { 0 };
    size_t *place = mem_new(last - first + 1, sizeof *place, e);
    *c = (chosen){ 0 };
    if (!place || chosen_list(c, place, w, g, first, last, e)) {
        free(place);
        return -1;
    }
#pragma omp parallel num_threads(threads_count())
    {
        err own = { 0 };
        block b;
        int bad = block_space(&b, w, &own);
#pragma omp for schedule(dynamic, 1)
        for (size_t k = first / BLOCK; k < (last + BLOCK - 1) / BLOCK; k++) {
            if (bad || !block_uses(w, k, g) || (bad = block_load(&b, w, k, &own))) continue;
            chosen_take(c, w, g, &b, place + (k * BLOCK - first));
        }
        if (bad) trouble_note(&t, &own);
        block_free(&b);
    }
    free(place);
    if (t.failed) *e = t.first;
    return t.failed ? -1 : 0;
}

static void chosen_free(chosen *c)
{
    void *owned[] = { c->at, c->begin, c->y, c->all, c->mean, c->sd };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

void chosen_close(chosen *c)
{
    if (c) chosen_free(c);
    free(c);
}

/* Group k, whose y is overwritten; parts [n_parts][t×PANEL] and line [3t] are space. */
static void group_fit(const work *w, const refit *x, const chosen *c, size_t k, double *parts, double *line)
{
    size_t n = x->n, t = x->t, first = c->begin[k], last = c->begin[k + 1], width = panel_width(last - first), a = w->c.alpha[c->at[first]];
    double *y = c->y[k], *test = line + 2 * t;
    if (x->root && x->root[a]) cholesky_solve(n, x->root[a], width, y);
    for (size_t b = 0; b < x->n_parts; b++) {
        const double *apply = x->root && x->root[a] ? x->cross + b * t * n : x->apply[a];
        gemm_f8(false, false, t, width, n, 1, apply, n, y, width, 0, parts + b * t * PANEL, PANEL);
    }
    for (size_t j = first; j < last; j++) {
        for (size_t i = 0; i < t; i++) test[i] = y[(n + i) * width + j - first];
        fitted one = { .y = test, .mean = c->mean[j], .sd = c->sd[j], .parts = parts + j - first, .stride = PANEL, .next = t * PANEL };
        put_response(w, x, &one, c->at[j], line);
    }
}

/* Groups of the refit's candidate. */
static int fit_groups(const work *w, const refit *x, const chosen *c, err *e)
{
    trouble t = { 0 };
#pragma omp parallel num_threads(threads_count())
    {
        err own = { 0 };
        double *parts = mem_new(x->n_parts * x->t * PANEL + 1, sizeof *parts, &own), *line = mem_new(3 * x->t + 1, sizeof *line, &own);
        bool bad = !parts || !line;
#pragma omp for schedule(dynamic, 1)
        for (size_t k = 0; k < c->groups; k++)
            if (!bad && w->c.gamma[c->at[c->begin[k]]] == (int32_t)x->g) group_fit(w, x, c, k, parts, line);
        if (bad) trouble_note(&t, &own);
        free(parts);
        free(line);
    }
    if (t.failed) *e = t.first;
    return t.failed ? -1 : 0;
}

/* ---- by an operator an alpha, block by block while alphas are chosen ---- */

struct refit_space {
    double *y, *parts, *line; /* [n×PANEL], [t×PANEL], [2t + t] */
    uint16_t *column;         /* of the blocks, by alpha */
};

enum { MOST_BLOCKS = 16 };

refit *refit_open(const work *w, factor *whole, err *e)
{
    refit *x = mem_new(1, sizeof *x, e);
    if (!x) {
        factor_free(whole);
        return NULL;
    }
    *x = (refit){ .n = w->f->n, .t = w->f->t, .n_parts = 1, .f = whole, .apply = mem_new(w->q->n_alphas + 1, sizeof *x->apply, e) };
    if (x->apply) return x;
    refit_close(x, 0);
    return NULL;
}

bool refit_can_open(const work *w)
{
    return w->q->v >= SCREEN_FROM && w->n_candidates == 1 && !wants_weights(w->out) && !(w->out->share && w->f->n_bands > 1) && w->f->t;
}

refit *refit_open_inverse(const work *w, err *e)
{
    size_t n = w->f->n;
    refit *x = mem_new(1, sizeof *x, e);
    double *kernel = mem_new(n * n, sizeof *kernel, e);
    if (x) *x = (refit){ .n = n, .t = w->f->t, .n_parts = 1, .apply = mem_new(w->q->n_alphas + 1, sizeof *x->apply, e) };
    int status = !x || !kernel || !x->apply || cross_kernels(x, w, kernel, e) ? -1 : 0;
    free(kernel);
    if (!status) return x;
    refit_close(x, w->q->n_alphas);
    return NULL;
}

int refit_operator(refit *x, size_t alpha, const double *root, err *e)
{
    return x->apply[alpha] ? 0 : operator_by_root(&x->apply[alpha], root, true, x->cross, x->t, x->n, e);
}

void refit_close(refit *x, size_t n_alphas)
{
    if (!x) return;
    refit_free(x, n_alphas);
    free(x);
}

refit_space *refit_space_new(const refit *x, err *e)
{
    refit_space *s = mem_new(1, sizeof *s, e);
    if (!s) return NULL;
    s->y = mem_new(x->n * PANEL, sizeof *s->y, e);
    s->parts = mem_new(x->t * PANEL + 1, sizeof *s->parts, e);
    s->line = mem_new(3 * x->t + 1, sizeof *s->line, e);
    s->column = mem_new(MOST_BLOCKS * BLOCK, sizeof *s->column, e);
    if (s->y && s->parts && s->line && s->column) return s;
    refit_space_free(s);
    return NULL;
}

void refit_space_free(refit_space *s)
{
    if (!s) return;
    free(s->y);
    free(s->parts);
    free(s->line);
    free(s->column);
    free(s);
}

/* Columns of the blocks that one alpha fits, at most PANEL. */
static void fit_panel(const refit *x, refit_space *s, const work *w, const block *b, const uint16_t *column, size_t n, const double *apply)
{
    size_t width = panel_width(n);
    for (size_t i = 0; i < x->n; i++) {
        for (size_t j = 0; j < n; j++) s->y[i * width + j] = b[column[j] / BLOCK].y[i * BLOCK + column[j] % BLOCK];
        for (size_t j = n; j < width; j++) s->y[i * width + j] = 0;
    }
    gemm_f8(false, false, x->t, width, x->n, 1, apply, x->n, s->y, width, 0, s->parts, width);
    for (size_t j = 0; j < n; j++) {
        const block *own = &b[column[j] / BLOCK];
        size_t at = column[j] % BLOCK;
        double *test = s->line + 2 * x->t;
        for (size_t i = 0; i < x->t; i++) test[i] = own->y[(x->n + i) * BLOCK + at];
        fitted one = { .y = test, .mean = own->mean[at], .sd = own->sd[at], .parts = s->parts + j, .stride = width, .next = x->t * width };
        put_response(w, x, &one, own->first + at, s->line);
    }
}

int refit_blocks(refit *x, refit_space *s, const work *w, const block *b, size_t blocks, err *e)
{
    for (size_t a = 0; a < w->q->n_alphas; a++) {
        size_t n = 0;
        int bad = 0;
        for (size_t k = 0; k < blocks; k++)
            for (size_t j = 0; j < b[k].width; j++)
                if (w->c.alpha[b[k].first + j] == a) s->column[n++] = (uint16_t)(k * BLOCK + j);
        if (!n) continue;
#pragma omp critical(broca_refit)
        if (!x->apply[a]) bad = operator_by_factor(x, w, a, e);
        if (bad) return -1;
        for (size_t first = 0; first < n; first += PANEL)
            fit_panel(x, s, w, b, s->column + first, n - first < PANEL ? n - first : PANEL, x->apply[a]);
    }
    return 0;
}

/* The end of the blocks from `first` on that hold at most CHUNK responses of candidate g, one block at least. */
static size_t chunk_end(const work *w, size_t g, size_t first)
{
    size_t last = first, count = 0;
    while (last < w->q->v) {
        size_t end = last + BLOCK < w->q->v ? last + BLOCK : w->q->v;
        for (size_t j = last; j < end; j++) count += w->c.gamma[j] == (int32_t)g;
        if (count > CHUNK && last > first) break;
        last = end;
    }
    return last;
}

static int fit_by_alpha(work *w, const refit *x, err *e)
{
    if (w->n_candidates > 1 && w->q->v <= MOST_GATHERED) { /* read once for all candidates */
        if (!w->chosen) {
            if (!(w->chosen = mem_new(1, sizeof *w->chosen, e)) || chosen_gather(w->chosen, w, SIZE_MAX, 0, w->q->v, e)) return -1;
        }
        return fit_groups(w, x, w->chosen, e);
    }
    for (size_t first = 0, last; first < w->q->v; first = last) {
        chosen c;
        last = chunk_end(w, x->g, first);
        int bad = chosen_gather(&c, w, x->g, first, last, e) || (c.n && fit_groups(w, x, &c, e));
        chosen_free(&c);
        if (bad) return -1;
    }
    return 0;
}

int refit_candidate(work *w, size_t g, err *e)
{
    refit x = { 0 };
    bool any = false;
    int status = -1;
    size_t *used = mem_new(w->q->n_alphas, sizeof *used, e);
    if (!used) return -1;
    for (size_t j = 0; j < w->q->v; j++)
        if (w->c.gamma[j] == (int32_t)g) {
            used[w->c.alpha[j]]++;
            any = true;
        }
    if (!any) status = 0;
    else if (!refit_new(&x, w, g, used, e)) status = x.f && !x.apply ? fit_blocks(w, &x, e) : fit_by_alpha(w, &x, e);
    refit_free(&x, w->q->n_alphas);
    free(used);
    return status;
}
