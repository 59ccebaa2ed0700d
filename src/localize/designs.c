/* SPDX-License-Identifier: MIT */
/* t maps of many designs at once: the same items with their labels split or permuted. Sums over the positives of every
 * design and unit are one matrix product a block of units; t follows from them.
 *
 * Without tokens: Welch. With tokens T as covariate: the t of condition in a regression on condition and T. The
 * activations are then residuals of their own regression on T, and a permutation deals (label, T) of the items over
 * them (Freedman & Lane 1983), so that the relation between T and activation stays as it is under every permutation. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

enum { UNITS = 256, DESIGNS = 32, FEW = 4 };

/* Units [first, first + count) of all taps, a row an item: x [n×UNITS], padded with zeros. */
static void copy_block(double *x, const design_items *v, size_t first, size_t count)
{
    size_t tap = 0, unit = first;
    memset(x, 0, v->n * UNITS * sizeof *x);
    while (unit >= v->in->taps[tap].d)
        unit -= v->in->taps[tap++].d;
    for (size_t j = 0; j < count; unit = 0, tap++) {
        const localize_tap *t = &v->in->taps[tap];
        size_t here = t->d - unit < count - j ? t->d - unit : count - j;
        for (size_t i = 0; i < v->n; i++)
            for (size_t k = 0; k < here; k++) {
                double value = (double)t->x[v->item[i] * t->d + unit + k];
                x[i * UNITS + j + k] = v->absolute ? fabs(value) : value;
            }
        j += here;
    }
}

/* sum [UNITS] = weights (NULL: 1) times the rows of x, in their order. */
static void sum_rows(double *sum, const double *weights, const double *x, size_t n)
{
    memset(sum, 0, UNITS * sizeof *sum);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < UNITS; j++)
            sum[j] += weights ? weights[i] * x[i * UNITS + j] : x[i * UNITS + j];
}

/* One block of units, each centred on its mean (and on T); ss [UNITS]: the squares that are left. */
static void load_block(double *x, double *ss, const design_items *v, size_t first, size_t count)
{
    double sum[UNITS];
    size_t n = v->n;
    copy_block(x, v, first, count);
    sum_rows(sum, NULL, x, n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < UNITS; j++)
            x[i * UNITS + j] -= sum[j] / (double)n;
    if (v->tokens) {
        sum_rows(sum, v->axis, x, n);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < UNITS; j++)
                x[i * UNITS + j] -= sum[j] * v->axis[i];
    }
    memset(ss, 0, UNITS * sizeof *ss);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < UNITS; j++)
            ss[j] += x[i * UNITS + j] * x[i * UNITS + j];
}

/* Unit vector along the centred x [n]; zero where x does not vary. */
void unit_axis(double *out, const double *x, size_t n)
{
    double mean = mean_f8(x, n), square = 0;
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] - mean;
    for (size_t i = 0; i < n; i++)
        square += out[i] * out[i];
    for (size_t i = 0; i < n; i++)
        out[i] = square > 0 ? out[i] / sqrt(square) : 0;
}

/* Rows of the products' left side: the label; with tokens its axis beside T, and T's. */
static int weights_of(double *w, const design_items *v, const uint8_t *label, const double *tokens, err *e)
{
    size_t n = v->n;
    double *own = mem_new(n, sizeof *own, e), along = 0;
    if (!own) return -1;
    for (size_t i = 0; i < n; i++)
        own[i] = label[i];
    if (!v->tokens) {
        memcpy(w, own, n * sizeof *w);
    } else {
        unit_axis(w + n, tokens, n);
        unit_axis(w, own, n);
        for (size_t i = 0; i < n; i++)
            along += w[i] * w[n + i];
        for (size_t i = 0; i < n; i++)
            own[i] = w[i] - along * w[n + i];
        unit_axis(w, own, n);
        if (1 - along * along < 1e-12) memset(w, 0, n * sizeof *w); /* condition is token count: nothing is left */
    }
    free(own);
    return 0;
}

static double welch_of(double sum, double square, double ss, double n, double pos)
{
    double neg = n - pos, mp = sum / pos, mn = -sum / neg; /* x is centred: the sums of both add up to 0 */
    double vp = (square - pos * mp * mp) / (pos - 1), vn = (ss - square - neg * mn * mn) / (neg - 1);
    double error = fmax(vp, 0) / pos + fmax(vn, 0) / neg;
    return error > 1e-13 * ss / (n * n) ? (mp - mn) / sqrt(error) : NAN; /* no variance: never selected */
}

static double partial_of(double along, double token, double ss, double n)
{
    double rest = ss - along * along - token * token;
    return rest > 1e-13 * ss ? along / sqrt(rest / (n - 3)) : NAN;
}

typedef struct {
    double *x, *square, *ss, *sums, *squares;
} block_space;

static int space_new(block_space *b, size_t n, err *e)
{
    b->x = mem_new(n * UNITS, sizeof(double), e);
    b->square = mem_new(n * UNITS, sizeof(double), e);
    b->ss = mem_new(UNITS, sizeof(double), e);
    b->sums = mem_new((size_t)2 * DESIGNS * UNITS, sizeof(double), e);
    b->squares = mem_new((size_t)DESIGNS * UNITS, sizeof(double), e);
    return b->x && b->square && b->ss && b->sums && b->squares ? 0 : -1;
}

static void space_free(block_space *b)
{
    free(b->x);
    free(b->square);
    free(b->ss);
    free(b->sums);
    free(b->squares);
}

/* One block of units under `many` designs; rows of w beyond the last design are zero. */
static void block_t(double *t, const design_items *v, block_space *b, const double *w, const double *pos, size_t many,
                    size_t first, size_t units)
{
    size_t count = units - first < UNITS ? units - first : UNITS, n = v->n;
    size_t padded = many <= FEW ? FEW : DESIGNS, rows = v->tokens ? 2 * padded : padded;
    load_block(b->x, b->ss, v, first, count);
    gemm_f8(false, false, rows, UNITS, n, 1, w, n, b->x, UNITS, 0, b->sums, UNITS);
    if (!v->tokens) {
        for (size_t i = 0; i < n * UNITS; i++)
            b->square[i] = b->x[i] * b->x[i];
        gemm_f8(false, false, padded, UNITS, n, 1, w, n, b->square, UNITS, 0, b->squares, UNITS);
    }
    for (size_t k = 0; k < many; k++)
        for (size_t j = 0; j < count; j++)
            t[k * units + first + j] =
                v->tokens
                    ? partial_of(b->sums[2 * k * UNITS + j], b->sums[(2 * k + 1) * UNITS + j], b->ss[j], (double)n)
                    : welch_of(b->sums[k * UNITS + j], b->squares[k * UNITS + j], b->ss[j], (double)n, pos[k]);
}

static int some_designs(double *t, const design_items *v, const uint8_t *label, const double *tokens, size_t many,
                        size_t units, err *e)
{
    size_t n = v->n, rows = v->tokens ? 2 : 1, threads = (size_t)threads_count();
    double *w = mem_new(DESIGNS * rows * n, sizeof *w, e), pos[DESIGNS] = { 0 };
    block_space *space = mem_new(threads, sizeof *space, e);
    int status = -1;
    if (!w || !space) goto done;
    for (size_t k = 0; k < threads; k++)
        if (space_new(&space[k], n, e)) goto done;
    for (size_t k = 0; k < many; k++) {
        if (weights_of(w + k * rows * n, v, label + k * n, v->tokens ? tokens + k * n : NULL, e)) goto done;
        for (size_t i = 0; i < n; i++)
            pos[k] += label[k * n + i];
    }
    long blocks = (long)((units + UNITS - 1) / UNITS);
#pragma omp parallel for schedule(dynamic) num_threads(threads_count())
    for (long b = 0; b < blocks; b++)
        block_t(t, v, &space[omp_get_thread_num()], w, pos, many, (size_t)b * UNITS, units);
    status = 0;
done:
    for (size_t k = 0; space && k < threads; k++)
        space_free(&space[k]);
    free(space);
    free(w);
    return status;
}

int designs_t(double *t, const design_items *v, const uint8_t *label, const double *tokens, size_t count, size_t units,
              err *e)
{
    for (size_t k = 0; k < count; k += DESIGNS) {
        size_t many = count - k < DESIGNS ? count - k : DESIGNS;
        if (some_designs(t + k * units, v, label + k * v->n, tokens ? tokens + k * v->n : NULL, many, units, e))
            return -1;
    }
    return 0;
}
