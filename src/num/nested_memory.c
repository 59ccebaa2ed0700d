/* SPDX-License-Identifier: MIT */
/* What the work on an outer fold holds at its peak, and which of two forms of the refit holds less. */
#include <math.h>

#include "nested.h"

/* An operator [t×n] an alpha, or its two factors: with many rows of few columns the factors are smaller. */
bool operators_pay(const fold_features *f)
{
    size_t r = f->n < f->p ? f->n : f->p;
    return f->t * f->n < 2 * r * (f->n + f->t);
}

double nested_memory(const nested_size *s, size_t threads)
{
    double n = (double)s->n, t = (double)s->t, p = (double)s->p, A = (double)s->n_alphas, K = (double)s->inner, f8 = sizeof(double), f4 = sizeof(float);
    double m = n / K, in = n - m, r = n < p ? n : p, bands = (double)(s->bands > 1 ? s->bands : 1), many = s->v >= SCREEN_FROM ? 1 : 0;
    double all = (double)s->n_alphas * (double)(s->bands > 1 ? s->gammas : 1), T = (double)threads, rows = s->rows > 0 ? (double)s->rows : n + t;
    double features = (n + t) * p * f8, kernel = p > n ? bands * (n + t) * n * f8 : 0, spare = p > n ? (n + t) * p * f8 : 0;
    double columns = BLOCK * (rows + n + t) * f8, responses = (double)s->v * (3 * f8 + 4);
    double fixed = features + kernel + responses, most;
    if (p > n && s->n >= INVERSE_ROWS && s->n_alphas <= INVERSE_ALPHAS && many > 0) {
        double batch = all < OPERATORS_AT_ONCE ? all : OPERATORS_AT_ONCE, chunk = s->v < RESPONSES_AT_ONCE ? (double)s->v : RESPONSES_AT_ONCE;
        double kept = packed_has(PACKED_I8) ? 1.28 : 1, single = all > A ? 0 : 1, left = n * m; /* left: rows left out, squared, of all folds */
        double operators = batch * n * in * kept * f4, y = chunk * n * f4;
        double making = ceil(batch / A) * n * n * f8 + T * (n * n + 2 * m * in + m * m) * f4 + T * (n * n + m * in + m * m) * f8 + (all > batch ? y : 0);
        double scoring = y + chunk * batch * 2.25 * f4 + T * (columns + BLOCK * (n + in / 2 + m) * f4);
        /* one response in four is scored in fp64; a single candidate's refit is made meanwhile */
        double contenders = fmin((double)s->v, MOST_CONTENDERS) / 4, refits = A * (single > 0 ? t : n) * n * f8 + t * n * f8;
        double chosen = y + contenders * n * f8 + (n * n + T * (2 * n * n + left)) * f8 + single * refits;
        double held = single > 0 || s->v > MOST_GATHERED ? chunk : (double)s->v, gathered = held * (n + t) * f8, turning = (n * n + T * (n * n + t * n)) * f8;
        double fitting = refits + (single > 0 ? fmax(turning, gathered) : turning + gathered);
        double search = operators + (making > scoring ? making : scoring);
        most = search > chosen ? search : chosen;
        most = most > fitting ? most : fitting;
    } else {
        double factors = K * (in * r + m * r + r * A) * f8 + (n + t) * r * f8;
        double screens = many * K * (2 * r * n + 2 * r * A) * f4 + many * (t * n < 2 * r * (n + t) ? A / 2 * t * n * f8 : 0);
        double unit = n + t > 4096 ? 1 : many > 0 ? 4 : 1;
        double panel = unit * columns + many * BLOCK * (n + n + 3 * r) * f4 + 64 * (2 * n + 3 * m + n + t) * f8;
        most = factors + screens + T * panel;
    }
    return fixed + (most > spare ? most : spare);
}
