/* SPDX-License-Identifier: MIT */
/* Screening operators by inverses (operator.c says how), inverted in fp32 where the kernel allows it: what they are wrong by is
 * measured against fp64 (select_inverse.c), which alone decides. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ridge.h"

/* Up to this ratio of the kernel's trace to alpha it is inverted in fp32: the worst relative error of the inverse is of the order
 * of this times 6e-8. */
static const double fp32_strain = 6e5;

HOT static void narrow(float *to, const double *from, size_t n)
{
    for (size_t i = 0; i < n; i++) to[i] = (float)from[i];
}

HOT static void add_row(double *sum, const float *row, size_t n)
{
    for (size_t j = 0; j < n; j++) sum[j] += (double)row[j];
}

HOT static void subtract_row(float *row, const double *sums, double times, size_t n)
{
    for (size_t j = 0; j < n; j++) row[j] = (float)((double)row[j] - times * sums[j]);
}

/* g [n×n] = G~ in fp32. */
static int inverse_in_f4(float *g, double *sums, const double *k, size_t n, double alpha, err *e)
{
    double total = 0;
    narrow(g, k, n * n);
    for (size_t i = 0; i < n; i++) g[i * n + i] = (float)(k[i * n + i] + alpha);
    if (inverse_positive_f4(n, g, e)) return -1;
    memset(sums, 0, n * sizeof *sums);
    for (size_t i = 0; i < n; i++) add_row(sums, g + i * n, n); /* symmetric: columns for rows */
    for (size_t i = 0; i < n; i++) total += sums[i];
    for (size_t i = 0; i < n; i++) subtract_row(g + i * n, sums, sums[i] / total, n);
    return 0;
}

/* Operator of a fold, rows of all that is left out: [left×n] = -(G~_RR)^-1 G~_RT. The inverse is formed, because a product with it
 * is three times as fast as two triangular solves. */
static int operator_f4(float *operator, quick_space *x, size_t n, const inner_rows *r, err *e)
{
    for (size_t i = 0; i < r->left; i++) {
        const float *row = x->g + r->out[i] * n;
        for (size_t j = 0; j < r->left; j++) x->own[i * r->left + j] = row[r->out[j]];
        for (size_t j = 0; j < r->n; j++) x->rest[i * r->n + j] = row[r->train[j]];
    }
    if (inverse_positive_f4(r->left, x->own, e)) return -1;
    gemm_f4(false, false, r->left, r->n, r->left, -1, x->own, r->left, x->rest, r->n, 0, operator, r->n);
    return 0;
}

static int operator_f8(float *operator, quick_space *x, size_t n, const inner_rows *r, err *e)
{
    for (size_t i = 0; i < r->left; i++) {
        const double *row = x->g_f8 + r->out[i] * n;
        for (size_t j = 0; j < r->left; j++) x->own_f8[i * r->left + j] = row[r->out[j]];
        for (size_t j = 0; j < r->n; j++) x->rest_f8[i * r->n + j] = -row[r->train[j]];
    }
    if (solve_positive(r->left, x->own_f8, r->n, x->rest_f8, e)) return -1;
    narrow(operator, x->rest_f8, r->left * r->n);
    return 0;
}

/* Operator of fold k, of rows that are predicted only. */
static int make_operator(quick *q, quick_space *x, size_t k, size_t n, const inner_rows *r, bool single, packed_kind kind, err *e)
{
    float *all = x->operator;
    if (kind == PACKED_I8) {
        if (!(q->plain[k] = mem_new(r->m * r->n, sizeof **q->plain, e))) return -1;
        if (r->left == r->m) all = q->plain[k];
    }
    if (single ? operator_f4(all, x, n, r, e) : operator_f8(all, x, n, r, e)) return -1;
    float *to = kind == PACKED_I8 ? q->plain[k] : all;
    for (size_t i = 0; i < r->m; i++)
        if (to != all || r->place[i] != i) memmove(to + i * r->n, all + r->place[i] * r->n, r->n * sizeof *all); /* places rise */
    return packed_new(&q->fast[k], kind, BLOCK, kind == PACKED_I8 ? r->n : r->n + r->m, r->m, to, r->m, r->n, e);
}

void quick_space_free(quick_space *x)
{
    void *owned[] = { x->g, x->rest, x->own, x->operator, x->sums, x->g_f8, x->rest_f8, x->own_f8 };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

/* The most rows that a fold leaves out, and the largest operator. */
static void largest(size_t *left, size_t *cells, const inner_set *s)
{
    *left = *cells = 1;
    for (size_t k = 0; k < s->count; k++) {
        const inner_rows *r = &s->fold[k];
        *left = r->left > *left ? r->left : *left;
        *cells = r->left * r->n > *cells ? r->left * r->n : *cells;
    }
}

int quick_space_new(quick_space *x, const inner_set *s, size_t n, err *e)
{
    size_t left, cells;
    *x = (quick_space){ 0 };
    largest(&left, &cells, s);
    x->g = mem_new(n * n, sizeof *x->g, e);
    x->rest = mem_new(cells, sizeof *x->rest, e);
    x->own = mem_new(left * left, sizeof *x->own, e);
    x->operator = mem_new(cells, sizeof *x->operator, e);
    x->sums = mem_new(n, sizeof *x->sums, e);
    return x->g && x->rest && x->own && x->operator && x->sums ? 0 : -1;
}

static int by_fp64(quick_space *x, const inner_set *s, const double *kernel, size_t n, double alpha, err *e)
{
    if (!x->g_f8) {
        size_t left, cells;
        largest(&left, &cells, s);
        x->g_f8 = mem_new(n * n, sizeof *x->g_f8, e);
        x->rest_f8 = mem_new(cells, sizeof *x->rest_f8, e);
        x->own_f8 = mem_new(left * left, sizeof *x->own_f8, e);
        if (!x->g_f8 || !x->rest_f8 || !x->own_f8) return -1;
    }
    return inverse_free_intercept(x->g_f8, kernel, n, alpha, x->sums, e);
}

int quick_new(quick *q, quick_space *x, const inner_set *s, const double *kernel, size_t n, double alpha, packed_kind kind, err *e)
{
    double trace = 0;
    *q = (quick){ .plain = mem_new(s->count + 1, sizeof *q->plain, e), .fast = mem_new(s->count + 1, sizeof *q->fast, e) };
    if (!q->plain || !q->fast) return -1;
    for (size_t i = 0; i < n; i++) trace += kernel[i * n + i];
    bool single = trace <= fp32_strain * alpha;
    if (single ? inverse_in_f4(x->g, x->sums, kernel, n, alpha, e) : by_fp64(x, s, kernel, n, alpha, e)) return -1;
    q->strain = single ? trace / alpha : 0;
    for (size_t k = 0; k < s->count; k++)
        if (make_operator(q, x, k, n, &s->fold[k], single, kind, e)) return -1;
    return 0;
}

void quick_free(quick *q, const inner_set *s)
{
    for (size_t k = 0; k < s->count; k++) {
        if (q->plain) free(q->plain[k]);
        if (q->fast) packed_free(q->fast[k]);
    }
    free(q->plain);
    free(q->fast);
    *q = (quick){ 0 };
}
