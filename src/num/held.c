/* SPDX-License-Identifier: MIT */
/* Fits that keep alpha and gamma, with blocks of rows left out (num.h, held_fits). With the hat matrix H of all training rows
 * (its intercept included) the residuals of a block R that is left out are e = (I - H)_RR^-1 (y - Hy)_R, and the fit without R is
 * the fit on all rows to y - e in R (the identity behind leave-one-out, by blocks). One decomposition serves every alpha, every
 * response and every block. */
#include "nested.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct { size_t train, test, *train_row, *test_row; } block_rows; /* rows of a block, numbered as in the factor */

typedef struct {
    const work *w;
    const held_fits *h;
    factor *f;
    block_rows *block;       /* [blocks] */
    double ***root;          /* [A][blocks] Cholesky factors of (I - H)_RR [R×R]; NULL rows where nothing chose the alpha */
    size_t *list, n;         /* held responses of this candidate */
} held;

static void held_free(held *x)
{
    size_t A = x->w->q->n_alphas, B = x->h->blocks;
    for (size_t k = 0; x->block && k < B; k++) {
        free(x->block[k].train_row);
        free(x->block[k].test_row);
    }
    for (size_t a = 0; x->root && a < A; a++) {
        for (size_t k = 0; x->root[a] && k < B; k++) free(x->root[a][k]);
        free(x->root[a]);
    }
    free(x->root);
    free(x->block);
    free(x->list);
    factor_free(x->f);
}

static int find_blocks(held *x, err *e)
{
    const fold_features *f = x->w->f;
    x->block = mem_new(x->h->blocks + 1, sizeof *x->block, e);
    for (size_t k = 0; x->block && k < x->h->blocks; k++) {
        block_rows *b = &x->block[k];
        b->train_row = mem_new(f->n + 1, sizeof *b->train_row, e);
        b->test_row = mem_new(f->t + 1, sizeof *b->test_row, e);
        if (!b->train_row || !b->test_row) return -1;
        for (size_t i = 0; i < f->n; i++)
            if (x->h->block[f->train_row[i]] == (int32_t)k) b->train_row[b->train++] = i;
        for (size_t i = 0; i < f->t; i++)
            if (x->h->block[f->test_row[i]] == (int32_t)k) b->test_row[b->test++] = i;
    }
    return x->block ? 0 : -1;
}

/* Share of component i that stays in the residual, and that the fit takes. */
static double kept_share(const factor *f, size_t i, double alpha)
{
    if (!f->is_kernel) return 1 - f->lambda[i] * factor_shrink(f, i, alpha);
    return alpha * factor_shrink(f, i, alpha);
}

/* (I - H)_RR: of a kernel the components are a whole basis, so that I - H = left (I - shares) left' - 1/n without cancellation;
 * of singular values the rest of I stays. */
static int block_root(double **out, const held *x, const block_rows *b, double alpha, err *e)
{
    const factor *f = x->f;
    size_t m = b->train, r = f->r;
    double *root = *out = mem_new(m * m + 1, sizeof *root, e), *part = mem_new(m * r + 1, sizeof *part, e);
    double *rows = mem_new(m * r + 1, sizeof *rows, e);
    int status = root && part && rows ? 0 : -1;
    for (size_t i = 0; i < m && !status; i++)
        for (size_t k = 0; k < r; k++) {
            double share = kept_share(f, k, alpha), u = f->left[b->train_row[i] * r + k];
            rows[i * r + k] = u;
            part[i * r + k] = u * (f->is_kernel ? share : share - 1);
        }
    if (!status && m) {
        gemm_f8(false, true, m, m, r, 1, part, r, rows, r, 0, root, m);
        for (size_t i = 0; i < m * m; i++) root[i] -= 1 / (double)f->n;
        for (size_t i = 0; i < m && !f->is_kernel; i++) root[i * m + i] += 1;
        status = cholesky(m, root, e);
    }
    free(part);
    free(rows);
    return status;
}

static int make_roots(held *x, err *e)
{
    const nested_problem *q = x->w->q;
    x->root = mem_new(q->n_alphas + 1, sizeof *x->root, e);
    if (!x->root) return -1;
    for (size_t i = 0; i < x->n; i++) {
        size_t a = x->w->c.alpha[x->h->of[x->list[i]]];
        if (x->root[a]) continue;
        if (!(x->root[a] = mem_new(x->h->blocks + 1, sizeof **x->root, e))) return -1;
        for (size_t k = 0; k < x->h->blocks; k++)
            if (block_root(&x->root[a][k], x, &x->block[k], q->alphas[a], e)) {
                if (e->kind == ERR_INPUT) err_hint(e, "alpha %g fits the training rows exactly: leave it out of --alphas", q->alphas[a]);
                return err_while(e, "leaving out block %zu at alpha %g", k + 1, q->alphas[a]);
            }
    }
    return 0;
}

/* ---- one response ---- */

typedef struct {
    double *raw, *y, *z, *residual, *prediction; /* [all], [n+t], [r], [n], [t] */
    double *change, *apply;                      /* [r×blocks], [t×blocks] */
    double *shift, *own, *kept_y, *kept_p;       /* [blocks] mean of e; [n], [t], [t] */
} space;

static int space_new(space *s, const held *x, err *e)
{
    size_t n = x->f->n, t = x->f->m, r = x->f->r, B = x->h->blocks;
    struct { double **place; size_t n; } list[] = {
        { &s->raw, x->w->q->n }, { &s->y, n + t }, { &s->z, r }, { &s->residual, n }, { &s->prediction, t }, { &s->change, r * B },
        { &s->apply, t * B }, { &s->shift, B }, { &s->own, n }, { &s->kept_y, t }, { &s->kept_p, t },
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (!(*list[i].place = mem_new(list[i].n + 1, sizeof(double), e))) return -1;
    return 0;
}

static void space_free(space *s)
{
    double *owned[] = { s->raw, s->y, s->z, s->residual, s->prediction, s->change, s->apply, s->shift, s->own, s->kept_y, s->kept_p };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

/* z = left' y; the fit's residuals and predictions about the training mean. */
static void fit_whole(space *s, const held *x, double alpha)
{
    const factor *f = x->f;
    size_t n = f->n, t = f->m, r = f->r;
    gemm_f8(true, false, r, 1, n, 1, f->left, r, s->y, 1, 0, s->z, 1);
    for (size_t k = 0; k < r; k++) s->own[k] = s->z[k] * (1 - kept_share(f, k, alpha));
    memcpy(s->residual, s->y, n * sizeof(double));
    gemm_f8(false, false, n, 1, r, -1, f->left, r, s->own, 1, 1, s->residual, 1);
    for (size_t k = 0; k < r; k++) s->own[k] = s->z[k] * factor_shrink(f, k, alpha);
    gemm_f8(false, false, t, 1, r, 1, f->apply, r, s->own, 1, 0, s->prediction, 1);
}

/* change [r×blocks] = d ∘ left_R' e_R, shift = sum of e_R over n. */
static void leave_blocks_out(space *s, const held *x, size_t a)
{
    const factor *f = x->f;
    size_t r = f->r, B = x->h->blocks;
    double alpha = x->w->q->alphas[a];
    memset(s->change, 0, r * B * sizeof(double));
    for (size_t k = 0; k < B; k++) {
        const block_rows *b = &x->block[k];
        s->shift[k] = 0;
        for (size_t i = 0; i < b->train; i++) s->own[i] = s->residual[b->train_row[i]];
        if (b->train) cholesky_solve(b->train, x->root[a][k], 1, s->own);
        for (size_t i = 0; i < b->train; i++) {
            const double *u = f->left + b->train_row[i] * r;
            s->shift[k] += s->own[i] / (double)f->n;
            for (size_t c = 0; c < r; c++) s->change[c * B + k] += u[c] * s->own[i];
        }
    }
    for (size_t c = 0; c < r; c++) {
        double d = factor_shrink(f, c, alpha);
        for (size_t k = 0; k < B; k++) s->change[c * B + k] *= d;
    }
    if (B) gemm_f8(false, false, f->m, B, r, 1, f->apply, r, s->change, B, 0, s->apply, B);
}

/* Moments of the training rows without block b (NULL: of all); y is about the mean of all. */
static void moments(const space *s, size_t n, const block_rows *b, double *mean, double *sd)
{
    double sum = 0, square = 0, count = (double)(n - (b ? b->train : 0));
    for (size_t i = 0; i < n; i++) {
        sum += s->y[i];
        square += s->y[i] * s->y[i];
    }
    for (size_t i = 0; b && i < b->train; i++) {
        sum -= s->y[b->train_row[i]];
        square -= s->y[b->train_row[i]] * s->y[b->train_row[i]];
    }
    *mean = sum / count;
    *sd = sqrt(fmax(0, square / count - *mean * *mean));
}

static void put_scores(space *s, const held *x, size_t at)
{
    const nested_result *out = x->w->out;
    size_t n = x->f->n, t = x->f->m, B = x->h->blocks, v = x->h->v;
    const double *test = s->y + n;
    double mean, sd;
    moments(s, n, NULL, &mean, &sd);
    out->held[at] = score_fold(test, s->prediction, t, 1, mean, sd);
    for (size_t k = 0; k < B; k++) {
        const block_rows *b = &x->block[k];
        part_sums sums = { 0 };
        size_t kept = 0, next = 0;
        for (size_t i = 0; i < t; i++) {
            if (next < b->test && b->test_row[next] == i) {
                double y = test[i], p = s->prediction[i];
                sums = (part_sums){ sums.y + y, sums.p + p, sums.yy + y * y, sums.pp + p * p, sums.yp + y * p };
                next++;
                continue;
            }
            s->kept_y[kept] = test[i];
            s->kept_p[kept++] = s->prediction[i] - s->apply[i * B + k] - s->shift[k];
        }
        moments(s, n, b, &mean, &sd);
        fit_score *to = &out->held[(1 + k) * v + at];
        *to = (fit_score){ NAN, NAN, NAN, 0, 0, 0, 0, 0 };
        if (kept > 1 && n > b->train + 2) *to = score_fold(s->kept_y, s->kept_p, kept, 1, mean, sd);
        if (out->part) out->part[k * v + at] = sums;
    }
}

static int fit_one(space *s, const held *x, size_t at, err *e)
{
    const fold_features *f = x->w->f;
    size_t a = x->w->c.alpha[x->h->of[at]];
    double mean = 0;
    if (x->h->source(x->h->context, at, 1, s->raw, e)) return -1;
    for (size_t i = 0; i < f->n; i++) mean += s->raw[f->train_row[i]];
    mean /= (double)f->n;
    for (size_t i = 0; i < f->n; i++) s->y[i] = s->raw[f->train_row[i]] - mean;
    for (size_t i = 0; i < f->t; i++) s->y[f->n + i] = s->raw[f->test_row[i]] - mean;
    fit_whole(s, x, x->w->q->alphas[a]);
    leave_blocks_out(s, x, a);
    put_scores(s, x, at);
    return 0;
}

static int fit_all(const held *x, err *e)
{
    trouble t = { 0 };
#pragma omp parallel num_threads(threads_count())
    {
        err own = { 0 };
        space s = { 0 };
        int bad = space_new(&s, x, &own);
#pragma omp for schedule(dynamic, 16)
        for (size_t i = 0; i < x->n; i++)
            if (!bad && !in_trouble(&t)) bad = fit_one(&s, x, x->list[i], &own);
        if (bad) trouble_note(&t, &own);
        space_free(&s);
    }
    if (t.failed) *e = t.first;
    return t.failed ? -1 : 0;
}

int held_candidate(const work *w, size_t g, err *e)
{
    const fold_features *f = w->f;
    held x = { .w = w, .h = w->q->held };
    int status = -1;
    size_t *all = mem_new(f->n + f->t + 1, sizeof *all, e);
    x.list = mem_new(x.h->v + 1, sizeof *x.list, e);
    if (!all || !x.list) goto done;
    for (size_t j = 0; j < x.h->v; j++)
        if (w->c.gamma[x.h->of[j]] == (int32_t)g) x.list[x.n++] = j;
    if (x.n == 0) {
        status = 0;
        goto done;
    }
    for (size_t i = 0; i < f->n + f->t; i++) all[i] = i;
    factor_plan plan = { .gamma = gamma_row(w, g), .train = all, .predict = all + f->n, .n = f->n, .m = f->t,
                         .smallest_alpha = w->inner->smallest_alpha };
    if (factor_new(&x.f, f, &plan, e)) goto done;
    status = find_blocks(&x, e) || make_roots(&x, e) || fit_all(&x, e) ? -1 : 0;
done:
    free(all);
    held_free(&x);
    return status;
}
