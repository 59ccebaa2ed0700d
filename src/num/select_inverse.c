/* SPDX-License-Identifier: MIT */
/* The choice by inverses, for large kernels and few alphas: candidates (gamma, alpha) in batches, responses in chunks.
 *
 *   every pair (response, candidate)   int8 products, where a processor has them
 *   pairs near the response's best     fp32 products
 *   pairs still near it, at the end    fp64, which alone decides
 *
 * "Near" is a window in units of the response's scale, at least four times the largest difference seen between a step and the
 * next one (thousands of pairs, among them all candidates of one response a chunk, and the candidates that fp32 inverts worst):
 * a true best is lost only if it is wrong by more than twice as much. What fp32 is wrong by grows with a candidate's strain
 * (mixed.c), and so does its half of the window. A step that shows larger differences is done again with a wider window. */
#include "nested.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = RESPONSES_AT_ONCE, BATCH = OPERATORS_AT_ONCE, PROBES = 2 };

static const double fp32_reach = 4e-6, i8_window = 8e-4;
static const double unit_strain = 3e4; /* at this strain fp32 is wrong by twice as much as at none */

/* A candidate that may be a response's best; score NaN: fp64 must say. always: to see what fp32 is wrong by. */
typedef struct {
    uint32_t candidate;
    bool always;
    float score;
} contender;
typedef struct {
    contender *at;
    uint32_t n, room;
} contenders;

typedef struct {
    work *w;
    packed_kind kind;
    size_t n, first, width;        /* training rows; columns of the chunk */
    size_t begin, count;           /* candidates of the batch */
    quick *operators;              /* [BATCH] */
    float *y, *score;              /* [CHUNK][n] unit variance; [BATCH×CHUNK] */
    uint8_t *done;                 /* [BATCH×CHUNK] scored in fp32 */
    uint32_t *pair;                /* [BATCH×CHUNK] c·CHUNK + j, to be scored in fp32 */
    size_t n_pairs;
    float *scale, *floor;          /* [v] of rounding; what the best fp32 score so far is at least */
    float *blur;                   /* [all candidates] reach of one in units of a response's scale */
    uint8_t *unsure;               /* [v] */
    double *sd;                    /* [v] */
    contenders *list;              /* [v] */
    double reach, error;           /* half the window of fp32 at no strain; largest difference to fp64, likewise */
} search;

static void search_free(search *x)
{
    for (size_t j = 0; x->list && j < x->w->q->v; j++) free(x->list[j].at);
    for (size_t c = 0; x->operators && c < BATCH; c++)
        if (x->operators[c].fast) quick_free(&x->operators[c], x->w->inner);
    void *owned[] = { x->operators, x->y, x->score, x->done, x->pair, x->scale, x->floor, x->blur, x->unsure, x->sd, x->list };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

static int search_new(search *x, work *w, double reach, err *e)
{
    size_t v = w->q->v, n = w->f->n;
    *x = (search){ .w = w, .n = n, .reach = reach, .kind = packed_has(PACKED_I8) ? PACKED_I8 : PACKED_F4 };
    x->operators = mem_new(BATCH, sizeof *x->operators, e);
    x->y = mem_new(CHUNK * n, sizeof *x->y, e);
    x->score = mem_new(BATCH * CHUNK, sizeof *x->score, e);
    x->done = mem_new(BATCH * CHUNK, 1, e);
    x->pair = mem_new(BATCH * CHUNK, sizeof *x->pair, e);
    x->scale = mem_new(v, sizeof *x->scale, e);
    x->floor = mem_new(v, sizeof *x->floor, e);
    x->blur = mem_new(w->n_candidates * w->q->n_alphas + 1, sizeof *x->blur, e);
    x->unsure = mem_new(v, 1, e);
    x->sd = mem_new(v, sizeof *x->sd, e);
    x->list = mem_new(v, sizeof *x->list, e);
    if (!x->operators || !x->y || !x->score || !x->done || !x->pair || !x->scale || !x->floor || !x->blur || !x->unsure || !x->sd || !x->list) return -1;
    for (size_t j = 0; j < v; j++) x->floor[j] = NAN;
    return 0;
}

static size_t gamma_number(const search *x, size_t candidate)
{
    return candidate / x->w->q->n_alphas;
}

static double alpha_of(const search *x, size_t candidate)
{
    return x->w->q->alphas[candidate % x->w->q->n_alphas];
}

/* ---- operators of a batch ---- */

static int make_operators(search *x, err *e)
{
    trouble t = { 0 };
    size_t first = gamma_number(x, x->begin), gammas = gamma_number(x, x->begin + x->count - 1) - first + 1;
    double **kernel = mem_new(gammas, sizeof *kernel, e);
    if (!kernel) return -1;
    for (size_t g = 0; g < gammas && !t.failed; g++) /* side by side within */
        if (whole_kernel(&kernel[g], x->w->f, gamma_row(x->w, first + g), e)) t.failed = 1;
    if (t.failed) t.first = *e;
#pragma omp parallel num_threads(threads_count())
    {
        err bad = { 0 };
        quick_space space;
        if (quick_space_new(&space, x->w->inner, x->n, &bad)) trouble_note(&t, &bad);
#pragma omp for schedule(dynamic, 1)
        for (size_t c = 0; c < x->count; c++) {
            err own = { 0 };
            const double *k = kernel[gamma_number(x, x->begin + c) - first];
            if (in_trouble(&t) || interrupted()) continue;
            if (quick_new(&x->operators[c], &space, x->w->inner, k, x->n, alpha_of(x, x->begin + c), x->kind, &own)) trouble_note(&t, &own);
        }
        quick_space_free(&space);
    }
    for (size_t g = 0; g < gammas; g++) free(kernel[g]);
    free(kernel);
    for (size_t c = 0; c < x->count; c++) x->blur[x->begin + c] = (float)(x->reach * (1 + x->operators[c].strain / unit_strain));
    if (t.failed) *e = t.first;
    else if (interrupted()) return err_set(e, ERR_INTERRUPTED, "interrupted");
    return t.failed ? -1 : 0;
}

/* ---- every pair ---- */

typedef struct {
    block b;
    fold_rows rows;
    float *prediction; /* [BLOCK×m] */
} block_work;

static void block_work_free(block_work *s)
{
    block_free(&s->b);
    fold_rows_free(&s->rows);
    free(s->prediction);
}

static int block_work_new(block_work *s, const search *x, err *e)
{
    size_t m = 1;
    memset(s, 0, sizeof *s);
    for (size_t k = 0; k < x->w->inner->count; k++) m = x->w->inner->fold[k].m > m ? x->w->inner->fold[k].m : m;
    if (block_space(&s->b, x->w, e) || fold_rows_new(&s->rows, x->w->inner, x->kind == PACKED_I8, e)) return -1;
    s->prediction = mem_new(m * BLOCK, sizeof *s->prediction, e);
    return s->prediction ? 0 : -1;
}

static int score_block(search *x, block_work *s, err *e)
{
    const inner_set *in = x->w->inner;
    select_by select = x->w->q->select;
    size_t first = s->b.first, at = first - x->first, width = s->b.width;
    float *y = x->y + at * x->n, share = 1 / (float)in->count, scale[BLOCK] = { 0 };
    double inverse[BLOCK];
    for (size_t j = 0; j < BLOCK; j++) inverse[j] = s->b.sd[j] > 0 ? 1 / s->b.sd[j] : 0;
    responses_as_rows(y, s->b.y, x->n, inverse);
    memcpy(x->sd + first, s->b.sd, width * sizeof *x->sd);
    for (size_t c = 0; c < x->count; c++) memset(x->score + c * CHUNK + at, 0, BLOCK * sizeof *x->score);
    uint8_t unsure[BLOCK] = { 0 };
    for (size_t k = 0; k < in->count; k++) {
        fold_rows_take(&s->rows, &in->fold[k], y, x->n, BLOCK);
        add_scale(scale, unsure, &s->rows, select, share, BLOCK);
        const void *train = s->rows.rounded ? (const void *)s->rows.rounded : s->rows.rows;
        for (size_t c = 0; c < x->count; c++) {
            if (packed_product(x->operators[c].fast[k], train, s->prediction, e)) return -1;
            add_prediction_scores(x->score + c * CHUNK + at, 1, &s->rows, s->prediction, select, share, BLOCK);
        }
    }
    memcpy(x->scale + first, scale, width * sizeof *scale);
    memcpy(x->unsure + first, unsure, width);
    return 0;
}

static int score_chunk(search *x, err *e)
{
    trouble t = { 0 };
    size_t blocks = (x->width + BLOCK - 1) / BLOCK, first = x->first / BLOCK;
#pragma omp parallel num_threads(threads_count())
    {
        err own = { 0 };
        block_work s;
        int bad = block_work_new(&s, x, &own);
#pragma omp for schedule(dynamic, 1)
        for (size_t k = 0; k < blocks; k++) {
            if (bad || in_trouble(&t)) continue;
            if (interrupted()) bad = err_set(&own, ERR_INTERRUPTED, "interrupted");
            else bad = block_load(&s.b, x->w, first + k, &own) || score_block(x, &s, &own);
        }
        if (bad) trouble_note(&t, &own);
        block_work_free(&s);
    }
    if (t.failed) *e = t.first;
    return t.failed ? -1 : 0;
}

/* ---- pairs near the best: fp32 ---- */

/* How far the score of candidate c of the batch can be from the exact one, for response j of the chunk. */
static double reach_of(const search *x, size_t c, size_t j, double window)
{
    double step = x->done[c * CHUNK + j] ? 0 : window / 2;
    return (step + (double)x->blur[x->begin + c]) * (double)x->scale[x->first + j];
}

/* Pairs that may be the best and were not scored in fp32 yet; probe: all of the chunk's first column. */
static void list_pairs(search *x, double window, bool probe)
{
    x->n_pairs = 0;
    for (size_t j = 0; j < x->width; j++) {
        double least = (double)x->floor[x->first + j];
        if (x->unsure[x->first + j]) continue;
        for (size_t c = 0; c < x->count; c++) /* fmax passes NaN over */
            least = fmax(least, (double)x->score[c * CHUNK + j] - reach_of(x, c, j, window));
        for (size_t c = 0; c < x->count; c++) {
            size_t at = c * CHUNK + j;
            bool near = (double)x->score[at] + reach_of(x, c, j, window) >= least;
            if (((probe && j == 0) || near) && !x->done[at]) x->pair[x->n_pairs++] = (uint32_t)at;
        }
    }
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Pairs [first, last) of one candidate, at most PANEL. */
static void score_group(search *x, fold_rows *rows, float *y, float *prediction, size_t first, size_t last, double *error)
{
    const inner_set *in = x->w->inner;
    const quick *o = &x->operators[x->pair[first] / CHUNK];
    size_t width = last - first;
    float score[PANEL] = { 0 }, share = 1 / (float)in->count;
    for (size_t i = 0; i < width; i++) memcpy(y + i * x->n, x->y + x->pair[first + i] % CHUNK * x->n, x->n * sizeof *y);
    for (size_t k = 0; k < in->count; k++) {
        const inner_rows *r = &in->fold[k];
        fold_rows_take(rows, r, y, x->n, width);
        gemm_f4(false, true, width, r->m, r->n, 1, rows->rows, r->n + r->m, o->plain[k], r->n, 0, prediction, r->m);
        add_prediction_scores(score, 1, rows, prediction, x->w->q->select, share, width);
    }
    for (size_t i = 0; i < width; i++) {
        size_t at = x->pair[first + i];
        double off = fabs((double)score[i] - (double)x->score[at]) / ((double)x->scale[x->first + at % CHUNK] * (1 + fabs((double)score[i])));
        if (off > *error) *error = off; /* NaN is passed over */
        x->score[at] = score[i];
        x->done[at] = 1;
    }
}

static int score_again(search *x, double *error, err *e)
{
    trouble t = { 0 };
    double worst = *error;
    size_t n = 0, *begin = mem_new(x->n_pairs + 1, sizeof *begin, e);
    if (!begin) return -1;
    qsort(x->pair, x->n_pairs, sizeof *x->pair, by_number);
    for (size_t i = 0; i < x->n_pairs; i++)
        if (!n || x->pair[i] / CHUNK != x->pair[begin[n - 1]] / CHUNK || i - begin[n - 1] == PANEL) begin[n++] = i;
    begin[n] = x->n_pairs;
#pragma omp parallel num_threads(threads_count()) reduction(max : worst)
    {
        err own = { 0 };
        fold_rows rows;
        float *y = mem_new(PANEL * x->n, sizeof *y, &own), *prediction = mem_new(PANEL * x->n, sizeof *prediction, &own);
        bool bad = fold_rows_new(&rows, x->w->inner, false, &own) || !y || !prediction;
#pragma omp for schedule(dynamic, 1)
        for (size_t k = 0; k < n; k++)
            if (!bad) score_group(x, &rows, y, prediction, begin[k], begin[k + 1], &worst);
        if (bad) trouble_note(&t, &own);
        fold_rows_free(&rows);
        free(y);
        free(prediction);
    }
    free(begin);
    *error = worst;
    if (t.failed) *e = t.first;
    return t.failed ? -1 : 0;
}

/* ---- what may be the best ---- */

static int contender_add(contenders *l, contender new, err *e)
{
    if (l->n == l->room) {
        void *at = l->at;
        uint32_t room = l->room ? 2 * l->room : 4;
        if (mem_grow(&at, room, sizeof *l->at, e)) return -1;
        l->at = at;
        l->room = room;
    }
    l->at[l->n++] = new;
    return 0;
}

/* Can the candidate still be the best of response j? */
static bool may_win(const search *x, size_t j, contender c)
{
    return c.always || isnan(c.score) || c.score + x->blur[c.candidate] * x->scale[j] >= x->floor[j];
}

static void contenders_prune(const search *x, size_t j)
{
    contenders *l = &x->list[j];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->n; i++)
        if (may_win(x, j, l->at[i])) l->at[kept++] = l->at[i];
    l->n = kept;
}

/* The batch's candidate that fp32 inverts worst. */
static size_t most_strained(const search *x)
{
    size_t worst = 0;
    for (size_t c = 1; c < x->count; c++)
        if (x->operators[c].strain > x->operators[worst].strain) worst = c;
    return worst;
}

static int keep_contenders(search *x, err *e)
{
    size_t strained = most_strained(x);
    for (size_t j = 0; j < x->width; j++) {
        size_t at = x->first + j;
        bool unsure = x->unsure[at], probe = j < PROBES && x->operators[strained].strain > 0;
        float *floor = &x->floor[at];
        for (size_t c = 0; c < x->count && !unsure; c++)
            if (x->kind == PACKED_F4 || x->done[c * CHUNK + j])
                *floor = fmaxf(*floor, x->score[c * CHUNK + j] - x->blur[x->begin + c] * x->scale[at]);
        for (size_t c = 0; c < x->count; c++) {
            bool is_fp32 = x->kind == PACKED_F4 || x->done[c * CHUNK + j];
            contender new = { (uint32_t)(x->begin + c), is_fp32 && probe && c == strained, unsure ? NAN : x->score[c * CHUNK + j] };
            if ((is_fp32 || isnan(new.score)) && may_win(x, at, new) && contender_add(&x->list[at], new, e)) return -1;
        }
        contenders_prune(x, at);
    }
    return 0;
}

static int search_chunk(search *x, err *e)
{
    double window = i8_window, error = 0;
    if (score_chunk(x, e)) return -1;
    memset(x->done, 0, x->count * CHUNK);
    for (bool probe = true; x->kind == PACKED_I8; probe = false) {
        list_pairs(x, window, probe);
        if (x->n_pairs && score_again(x, &error, e)) return -1;
        if (4 * error <= window) break;
        window = 8 * error;
    }
    return keep_contenders(x, e);
}

static int search_batches(search *x, err *e)
{
    size_t all = x->w->n_candidates * x->w->q->n_alphas;
    for (x->begin = 0; x->begin < all; x->begin += x->count) {
        x->count = all - x->begin < BATCH ? all - x->begin : BATCH;
        if (make_operators(x, e)) return -1;
        for (x->first = 0; x->first < x->w->q->v; x->first += CHUNK) {
            x->width = x->w->q->v - x->first < CHUNK ? x->w->q->v - x->first : CHUNK;
            if (search_chunk(x, e)) return -1;
        }
        for (size_t c = 0; c < x->count; c++) quick_free(&x->operators[c], x->w->inner);
    }
    return 0;
}

/* ---- fp64 ---- */

typedef struct { uint32_t candidate, place, entry; } exact_pair; /* place: of the response in the round */

/* Responses that more than one candidate contends for. */
typedef struct {
    size_t n, n_pairs;
    size_t *at;          /* [n] numbers of the responses */
    double *y;           /* [n][training rows] */
    exact_pair *pair;    /* by candidate and place */
    double *score;       /* [n_pairs] */
} round_of;

static void round_free(round_of *r)
{
    free(r->at);
    free(r->y);
    free(r->pair);
    free(r->score);
}

static int by_candidate(const void *a, const void *b)
{
    const exact_pair *x = a, *y = b;
    if (x->candidate != y->candidate) return x->candidate < y->candidate ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static int round_pairs(round_of *r, const search *x, err *e)
{
    size_t count = 0;
    for (size_t i = 0; i < r->n; i++) count += x->list[r->at[i]].n;
    r->pair = mem_new(count + 1, sizeof *r->pair, e);
    r->score = mem_new(count + 1, sizeof *r->score, e);
    r->y = mem_new(r->n * x->n + 1, sizeof *r->y, e);
    if (!r->pair || !r->score || !r->y) return -1;
    for (size_t i = 0; i < r->n; i++)
        for (uint32_t k = 0; k < x->list[r->at[i]].n; k++)
            r->pair[r->n_pairs++] = (exact_pair){ x->list[r->at[i]].at[k].candidate, (uint32_t)i, k };
    qsort(r->pair, r->n_pairs, sizeof *r->pair, by_candidate);
    return 0;
}

static int round_load(round_of *r, const search *x, err *e)
{
    trouble t = { 0 };
    size_t n = x->n, first = r->at[0] / BLOCK, last = r->at[r->n - 1] / BLOCK;
#pragma omp parallel num_threads(threads_count())
    {
        err own = { 0 };
        block b;
        int bad = block_space(&b, x->w, &own);
#pragma omp for schedule(dynamic, 1)
        for (size_t k = first; k <= last; k++) {
            size_t i = 0;
            while (i < r->n && r->at[i] < k * BLOCK) i++;
            if (bad || i == r->n || r->at[i] >= (k + 1) * BLOCK || (bad = block_load(&b, x->w, k, &own))) continue;
            for (; i < r->n && r->at[i] < (k + 1) * BLOCK; i++)
                for (size_t row = 0; row < n; row++) r->y[i * n + row] = b.y[row * BLOCK + r->at[i] - b.first];
        }
        if (bad) trouble_note(&t, &own);
        block_free(&b);
    }
    if (t.failed) *e = t.first;
    return t.failed ? -1 : 0;
}

typedef struct {
    exact_space *columns;
    left_out *l;
    double *g; /* [n×n] */
} inverse_space;

/* Pairs [first, last) of one candidate. */
static int exact_candidate(round_of *r, search *x, const double *kernel, size_t first, size_t last, inverse_space *space, err *e)
{
    const inner_set *in = x->w->inner;
    if (left_out_set(space->l, kernel, alpha_of(x, r->pair[first].candidate), in, space->g, e)) return -1;
    if (x->w->early && refit_operator(x->w->early, r->pair[first].candidate % x->w->q->n_alphas, space->l->v, e)) return -1;
    for (size_t from = first; from < last; from += PANEL) {
        size_t width = last - from < PANEL ? last - from : PANEL;
        const double *y[PANEL];
        int32_t nans[PANEL];
        for (size_t i = 0; i < width; i++) y[i] = r->y + r->pair[from + i].place * x->n;
        exact_columns(space->columns, in, space->l, x->w->q->select, y, width, r->score + from, nans);
        for (size_t i = 0; i < width && x->w->out->n_nan_inner; i++) {
#pragma omp atomic
            x->w->out->n_nan_inner[r->at[r->pair[from + i].place]] += (size_t)nans[i];
        }
    }
    return 0;
}

/* Pairs [first, last) of one gamma: its kernel once, alphas side by side. */
static int exact_gamma(round_of *r, search *x, size_t first, size_t last, err *e)
{
    trouble t = { 0 };
    size_t n = 0, *begin = mem_new(x->w->q->n_alphas + 1, sizeof *begin, e);
    double *kernel = NULL;
    if (!begin || whole_kernel(&kernel, x->w->f, gamma_row(x->w, gamma_number(x, r->pair[first].candidate)), e)) {
        free(begin);
        return -1;
    }
    for (size_t i = first; i < last; i++)
        if (!n || r->pair[i].candidate != r->pair[i - 1].candidate) begin[n++] = i;
    begin[n] = last;
#pragma omp parallel num_threads(threads_count())
    {
        err own = { 0 };
        inverse_space space = { .columns = exact_space_new(x->w->inner, &own), .g = mem_new(x->n * x->n, sizeof(double), &own) };
        int bad = !space.columns || !space.g || left_out_new(&space.l, x->w->inner, &own);
#pragma omp for schedule(dynamic, 1)
        for (size_t k = 0; k < n; k++)
            if (!bad && !in_trouble(&t)) bad = exact_candidate(r, x, kernel, begin[k], begin[k + 1], &space, &own);
        if (bad) trouble_note(&t, &own);
        exact_space_free(space.columns);
        left_out_free(space.l, x->w->inner->count);
        free(space.g);
    }
    free(begin);
    free(kernel);
    if (t.failed) *e = t.first;
    return t.failed ? -1 : 0;
}

/* What fp32 is wrong by, in units of a column's scale. */
static void note_error(search *x, size_t j, contender c, double exact)
{
    if (x->w->q->select == SELECT_MSE) exact /= x->sd[j] * x->sd[j];
    double off = fabs((double)c.score - exact) / ((double)x->scale[j] * (1 + fabs(exact))) / ((double)x->blur[c.candidate] / x->reach);
    if (off > x->error) x->error = off;
}

/* Exact scores of response j are at score[] of its contenders, in order of candidates. */
static void choose_exact(search *x, size_t j, const double *score)
{
    const nested_problem *q = x->w->q;
    const contenders *l = &x->list[j];
    double some[UINT8_MAX + 1];
    for (uint32_t i = 0; i < l->n;) {
        size_t g = gamma_number(x, l->at[i].candidate), chosen;
        double best;
        for (size_t a = 0; a < q->n_alphas; a++) some[a] = NAN;
        for (; i < l->n && gamma_number(x, l->at[i].candidate) == g; i++) some[l->at[i].candidate % q->n_alphas] = score[i];
        chosen = choose_alpha(some, 1, q->alphas, q->n_alphas, q->select, &best);
        if (x->w->c.gamma[j] < 0 || beats(best, x->w->c.best[j], q->select)) {
            x->w->c.alpha[j] = chosen;
            x->w->c.gamma[j] = (int32_t)g;
            x->w->c.best[j] = best;
        }
    }
}

static int exact_round(search *x, round_of *r, err *e)
{
    double *score = NULL;
    size_t *begin = NULL, sum = 0;
    if (round_pairs(r, x, e) || round_load(r, x, e)) return -1;
    for (size_t first = 0, last; first < r->n_pairs; first = last) {
        size_t g = gamma_number(x, r->pair[first].candidate);
        for (last = first; last < r->n_pairs && gamma_number(x, r->pair[last].candidate) == g; last++) continue;
        if (exact_gamma(r, x, first, last, e)) return -1;
    }
    score = mem_new(r->n_pairs + 1, sizeof *score, e);
    begin = mem_new(r->n + 1, sizeof *begin, e);
    if (score && begin) {
        for (size_t i = 0; i < r->n; sum += x->list[r->at[i++]].n) begin[i] = sum;
        for (size_t i = 0; i < r->n_pairs; i++) {
            const exact_pair *p = &r->pair[i];
            score[begin[p->place] + p->entry] = r->score[i];
            note_error(x, r->at[p->place], x->list[r->at[p->place]].at[p->entry], r->score[i]);
        }
        for (size_t i = 0; i < r->n; i++) choose_exact(x, r->at[i], score + begin[i]);
    }
    int status = score && begin ? 0 : -1;
    free(score);
    free(begin);
    return status;
}

/* Pairs (response, gamma) of the round. */
static size_t count_gammas(const search *x, const round_of *r)
{
    size_t count = 0;
    for (size_t i = 0; i < r->n; i++) {
        const contenders *l = &x->list[r->at[i]];
        for (uint32_t k = 0; k < l->n; k++) count += !k || gamma_number(x, l->at[k].candidate) != gamma_number(x, l->at[k - 1].candidate);
    }
    return count;
}

static void choose_alone(search *x, size_t j)
{
    const contender *only = x->list[j].at;
    x->w->c.alpha[j] = only->candidate % x->w->q->n_alphas;
    x->w->c.gamma[j] = (int32_t)gamma_number(x, only->candidate);
    x->w->c.best[j] = (double)only->score * (x->w->q->select == SELECT_MSE ? x->sd[j] * x->sd[j] : 1);
}

static int decide(search *x, err *e)
{
    size_t j = 0, v = x->w->q->v;
    if (refit_can_open(x->w) && !x->w->early && !(x->w->early = refit_open_inverse(x->w, e))) return -1;
    while (j < v) {
        round_of r = { .at = mem_new(MOST_CONTENDERS, sizeof *r.at, e) };
        if (!r.at) return -1;
        for (; j < v && r.n < MOST_CONTENDERS; j++) {
            contenders_prune(x, j);
            x->w->c.gamma[j] = -1;
            if (x->list[j].n == 1 && !isnan(x->list[j].at->score)) choose_alone(x, j);
            else r.at[r.n++] = j;
        }
        int bad = r.n && exact_round(x, &r, e);
        x->w->c.rescored += count_gammas(x, &r);
        x->w->c.pairs += r.n_pairs;
        round_free(&r);
        if (bad) return -1;
    }
    x->w->c.screened += v * x->w->n_candidates;
    return 0;
}

int select_inverse(work *w, err *e)
{
    double reach = fp32_reach;
    for (;;) {
        search x;
        w->c.screened = w->c.rescored = w->c.pairs = 0;
        if (w->out->n_nan_inner) memset(w->out->n_nan_inner, 0, w->q->v * sizeof *w->out->n_nan_inner);
        int bad = search_new(&x, w, reach, e) || search_batches(&x, e) || decide(&x, e);
        double error = x.error;
        search_free(&x);
        if (bad) return -1;
        if (2 * error <= reach) return 0;
        reach = 4 * error;
    }
}
