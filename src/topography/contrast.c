/* SPDX-License-Identifier: MIT */
/* The contrast of the responses, made again for smoothed responses and for permuted labels (METHODS 6.1, 6.3, 8.12 g). */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "analyse.h"

void contrast_rows(double *t, const double *x, size_t rows, const topography_contrast *c, const size_t *order, double *room)
{
    size_t n = c->n_pos + c->n_neg;
    double *values = room, *covariate = room + n;
    for (size_t i = 0; c->covariate && i < n; i++)
        covariate[i] = c->covariate[order ? order[i] : i];
    for (size_t k = 0; k < rows; k++) {
        const double *row = x + k * n;
        for (size_t i = 0; order && i < n; i++)
            values[i] = row[order[i]];
        if (order) row = values;
        t_result r = c->covariate ? covariate_t(row, covariate, c->n_pos, row + c->n_pos, covariate + c->n_pos, c->n_neg)
                                  : welch(row, c->n_pos, row + c->n_pos, c->n_neg);
        t[k] = r.t;
    }
}

/* The residuals of each unit after the covariate. They alone need to change places (Freedman and Lane 1983): the part that the
 * covariate explains stays with its item, and t of the condition beside the covariate does not see it. */
static void take_off(double *residual, const double *x, size_t d, const topography_contrast *c)
{
    size_t n = c->n_pos + c->n_neg;
    double mean = mean_f8(c->covariate, n), cc = 0;
    for (size_t i = 0; i < n; i++)
        cc += (c->covariate[i] - mean) * (c->covariate[i] - mean);
    for (size_t k = 0; k < d; k++) {
        const double *row = x + k * n;
        double m = mean_f8(row, n), xc = 0;
        for (size_t i = 0; i < n; i++)
            xc += (row[i] - m) * (c->covariate[i] - mean);
        double slope = cc > 0 ? xc / cc : 0;
        for (size_t i = 0; i < n; i++)
            residual[k * n + i] = row[i] - m - slope * (c->covariate[i] - mean);
    }
}

/* t of every unit with labels permuted. With a covariate the residuals change places, else the items. */
static void permuted_t(double *t, double *moved, const double *x, size_t d, const topography_contrast *c,
                       const size_t *order, double *room)
{
    size_t n = c->n_pos + c->n_neg;
    if (!c->covariate) {
        contrast_rows(t, x, d, c, order, room);
        return;
    }
    for (size_t k = 0; k < d; k++)
        for (size_t i = 0; i < n; i++)
            moved[k * n + i] = x[k * n + order[i]]; /* x: residuals; the covariate keeps its place */
    contrast_rows(t, moved, d, c, NULL, room);
}

typedef struct {
    double *residual, *t, *moved, *room, *kept;
    size_t *order;
} label_space;

static void label_free(label_space *w)
{
    free(w->residual);
    free(w->t);
    free(w->moved);
    free(w->room);
    free(w->kept);
    free(w->order);
}

static int label_new(label_space *w, size_t d, size_t n, bool covariate, err *e)
{
    size_t threads = (size_t)threads_count(), cells;
    memset(w, 0, sizeof *w);
    if (size_mul(d, n, &cells, e)) return -1;
    w->t = mem_new(threads * d, sizeof *w->t, e);
    w->kept = mem_new(threads * d, sizeof *w->kept, e);
    w->room = mem_new(threads * 2 * n, sizeof *w->room, e);
    w->order = mem_new(threads * n, sizeof *w->order, e);
    if (!w->t || !w->kept || !w->room || !w->order) return -1;
    if (!covariate) return 0;
    w->residual = mem_new(cells, sizeof *w->residual, e);
    w->moved = mem_new(threads * cells, sizeof *w->moved, e);
    return w->residual && w->moved ? 0 : -1;
}

int labels_null(double *null, size_t count, const graph *g, const size_t *used, const double *x, size_t d,
                const topography_contrast *c, uint64_t seed, err *e)
{
    size_t n = c->n_pos + c->n_neg;
    double s0 = sum_f8(g->weight, g->begin[g->n]);
    label_space w;
    int status = -1;
    if (label_new(&w, d, n, c->covariate != NULL, e)) goto done;
    if (c->covariate) take_off(w.residual, x, d, c);
#pragma omp parallel for schedule(static) num_threads(threads_count())
    for (size_t k = 0; k < count; k++) {
        size_t me = (size_t)omp_get_thread_num(), *order = w.order + me * n;
        double *t = w.t + me * d, *kept = w.kept + me * d;
        shuffled(order, n, seed, RNG_LABELS, (uint32_t)k, 0); /* the same labels for all taps: they belong to items */
        permuted_t(t, w.moved ? w.moved + me * d * n : NULL, c->covariate ? w.residual : x, d, c, order, w.room + me * 2 * n);
        for (size_t i = 0; i < g->n; i++)
            kept[i] = t[used[i]];
        null[k] = moran_value(g, kept, s0);
    }
    status = 0;
done:
    label_free(&w);
    return status;
}

enum { BLOCK = 64 }; /* permutations that one product smooths: fixed, so that threads change no byte */

/* The same for a single map: a column a permutation. */
static int presmooth_map(double *null, size_t count, const readout *r, const graph *g, const double *x, uint64_t seed,
                         uint32_t number, err *e)
{
    size_t threads = (size_t)threads_count(), d = r->d, blocks = (count + BLOCK - 1) / BLOCK;
    double s0 = sum_f8(g->weight, g->begin[g->n]);
    size_t *order = mem_new(threads * d, sizeof *order, e);
    double *moved = mem_new(threads * d * BLOCK, sizeof *moved, e), *out = mem_new(threads * r->n * BLOCK, sizeof *out, e);
    double *map = mem_new(threads * r->n, sizeof *map, e);
    int status = -1;
    if (!order || !moved || !out || !map) goto done;
#pragma omp parallel for schedule(static) num_threads(threads_count())
    for (size_t b = 0; b < blocks; b++) {
        size_t me = (size_t)omp_get_thread_num(), *own = order + me * d, width = count - b * BLOCK;
        double *y = moved + me * d * BLOCK, *smooth = out + me * r->n * BLOCK, *one = map + me * r->n;
        if (width > BLOCK) width = BLOCK;
        for (size_t k = 0; k < width; k++) {
            shuffled(own, d, seed, RNG_POSITIONS, (uint32_t)(b * BLOCK + k), number);
            for (size_t i = 0; i < d; i++)
                y[i * BLOCK + k] = x[own[i]];
        }
        readout_apply(r, y, BLOCK, smooth);
        for (size_t k = 0; k < width; k++) {
            for (size_t i = 0; i < r->n; i++)
                one[i] = smooth[i * BLOCK + k];
            null[b * BLOCK + k] = moran_value(g, one, s0);
        }
    }
    status = 0;
done:
    free(order);
    free(moved);
    free(out);
    free(map);
    return status;
}

/* Responses moved to permuted places, read out, contrasted: I of each. */
int presmooth_null(double *null, size_t count, const readout *r, const graph *g, const double *x, size_t s,
                   const topography_contrast *c, uint64_t seed, uint32_t number, err *e)
{
    if (!c) return presmooth_map(null, count, r, g, x, seed, number, e);
    size_t threads = (size_t)threads_count(), d = r->d;
    double s0 = sum_f8(g->weight, g->begin[g->n]);
    size_t *order = mem_new(threads * d, sizeof *order, e);
    double *moved = mem_new(threads * d * s, sizeof *moved, e), *out = mem_new(threads * r->n * s, sizeof *out, e);
    double *t = mem_new(threads * r->n, sizeof *t, e), *room = mem_new(threads * 2 * s, sizeof *room, e);
    int status = -1;
    if (!order || !moved || !out || !t || !room) goto done;
#pragma omp parallel for schedule(static) num_threads(threads_count())
    for (size_t k = 0; k < count; k++) {
        size_t me = (size_t)omp_get_thread_num(), *own = order + me * d;
        double *y = moved + me * d * s, *smooth = out + me * r->n * s, *map = t + me * r->n;
        shuffled(own, d, seed, RNG_POSITIONS, (uint32_t)k, number);
        for (size_t i = 0; i < d; i++)
            memcpy(y + i * s, x + own[i] * s, s * sizeof *y);
        readout_apply(r, y, s, smooth);
        contrast_rows(map, smooth, r->n, c, NULL, room + me * 2 * s);
        null[k] = moran_value(g, map, s0);
    }
    status = 0;
done:
    free(order);
    free(moved);
    free(out);
    free(t);
    free(room);
    return status;
}
