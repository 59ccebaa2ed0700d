/* SPDX-License-Identifier: MIT */
/* Responses for screening: a response is a row, so that the operators are what is packed once and a response's sums run along
 * memory. Sums go in LANES parallel parts added in fixed order: the same bits on every machine with fp32. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ridge.h"

enum { LANES = 16 };

static inline float lanes_sum(const float *lane)
{
    float sum = 0;
    for (size_t l = 0; l < LANES; l++) sum += lane[l];
    return sum;
}

HOT void responses_as_rows(float *out, const double *y, size_t rows, const double *scale)
{
    enum { TILE = 16 };
    for (size_t i0 = 0; i0 < rows; i0 += TILE)
        for (size_t j = 0; j < BLOCK; j++)
            for (size_t i = i0; i < i0 + TILE && i < rows; i++) out[j * rows + i] = (float)(y[i * BLOCK + j] * scale[j]);
}

int fold_rows_new(fold_rows *x, const inner_set *s, bool rounded, err *e)
{
    size_t n = 1, all = 1;
    memset(x, 0, sizeof *x);
    for (size_t k = 0; k < s->count; k++) {
        if (s->fold[k].n > n) n = s->fold[k].n;
        if (s->fold[k].n + s->fold[k].m > all) all = s->fold[k].n + s->fold[k].m;
    }
    x->rows = mem_new(all * BLOCK, sizeof *x->rows, e);
    if (rounded) x->rounded = mem_new(n * BLOCK, sizeof *x->rounded, e);
    return x->rows && (x->rounded || !rounded) ? 0 : -1;
}

void fold_rows_free(fold_rows *x)
{
    free(x->rows);
    free(x->rounded);
}

/* Copies the listed elements of a row, run by run. */
static void take_listed(float *to, const float *from, const size_t *at, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t first = i;
        while (i < n && at[i] - at[first] == i - first) i++;
        memcpy(to + first, from + at[first], (i - first) * sizeof *to);
    }
}

HOT static float row_sum(const float *x, size_t n)
{
    float lane[LANES] = { 0 }, rest = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++) lane[l] += x[i + l];
    for (; i < n; i++) rest += x[i];
    return lanes_sum(lane) + rest;
}

HOT static float row_squares(const float *x, size_t n, float mean)
{
    float lane[LANES] = { 0 }, rest = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++) {
            float d = x[i + l] - mean;
            lane[l] += d * d;
        }
    for (; i < n; i++) rest += (x[i] - mean) * (x[i] - mean);
    return lanes_sum(lane) + rest;
}

void fold_rows_take(fold_rows *x, const inner_rows *r, const float *y, size_t rows, size_t width)
{
    x->n = r->n;
    x->m = r->m;
    for (size_t j = 0; j < width; j++) {
        float *train = x->rows + j * (r->n + r->m), *valid = train + r->n;
        take_listed(train, y + j * rows, r->train, r->n);
        take_listed(valid, y + j * rows, r->valid, r->m);
        x->step[j] = x->rounded ? i8_round(x->rounded + j * r->n, train, r->n) : 1;
        x->train_mean[j] = row_sum(train, r->n) / (float)r->n;
        x->valid_mean[j] = row_sum(valid, r->m) / (float)r->m;
        x->about_train[j] = row_squares(valid, r->m, x->train_mean[j]);
        x->about_valid[j] = row_squares(valid, r->m, x->valid_mean[j]);
    }
}

void add_scale(float *scale, uint8_t *unsure, const fold_rows *x, select_by select, float share, size_t width)
{
    for (size_t j = 0; j < width; j++) {
        float about = x->about_train[j] / (float)x->m, spread = x->about_valid[j] / (float)x->m;
        if (select != SELECT_MSE && !(spread > 1e-8f)) unsure[j] = 1;
        if (select == SELECT_MSE) scale[j] += share * (1 + about);
        else if (select == SELECT_R2) scale[j] += share * (1 + about) / spread;
        else scale[j] += share * (1 + 1 / sqrtf(spread));
        if (!isfinite(scale[j])) unsure[j] = 1;
    }
}

HOT static float row_errors(const float *y, const float *p, float step, size_t m)
{
    float lane[LANES] = { 0 }, rest = 0;
    size_t i = 0;
    for (; i + LANES <= m; i += LANES)
        for (size_t l = 0; l < LANES; l++) {
            float d = y[i + l] - step * p[i + l];
            lane[l] += d * d;
        }
    for (; i < m; i++) rest += (y[i] - step * p[i]) * (y[i] - step * p[i]);
    return lanes_sum(lane) + rest;
}

HOT static float row_products(const float *y, float y_mean, const float *p, float p_mean, size_t m)
{
    float lane[LANES] = { 0 }, rest = 0;
    size_t i = 0;
    for (; i + LANES <= m; i += LANES)
        for (size_t l = 0; l < LANES; l++) lane[l] += (y[i + l] - y_mean) * (p[i + l] - p_mean);
    for (; i < m; i++) rest += (y[i] - y_mean) * (p[i] - p_mean);
    return lanes_sum(lane) + rest;
}

void add_prediction_scores(float *score, size_t stride, const fold_rows *x, const float *p, select_by select, float share, size_t width)
{
    size_t m = x->m;
    for (size_t j = 0; j < width; j++) {
        const float *y = x->rows + j * (x->n + m) + x->n, *row = p + j * m;
        float *to = score + j * stride, step = x->step[j];
        if (select == SELECT_R) {
            float mean = row_sum(row, m) / (float)m, square = step * step * row_squares(row, m, mean);
            float product = step * row_products(y, x->valid_mean[j], row, mean, m);
            *to += square > 1e-13f * (float)m ? share * product / sqrtf(square * x->about_valid[j]) : NAN;
        } else {
            float error = row_errors(y, row, step, m);
            *to += select == SELECT_MSE ? -share * error / (float)m : share * (1 - error / x->about_valid[j]);
        }
    }
}
