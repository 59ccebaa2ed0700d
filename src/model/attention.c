/* SPDX-License-Identifier: MIT */
/* Causal attention of one (sequence, head) at a time, in blocks of QUERY_ROWS queries against the keys up to the block's end;
 * keys and values are copied side by side and padded with zeros, so that what a query gets depends on its position and its
 * past alone, not on the sequence's length or on its neighbours in the batch. Softmax sums in fp64. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "broca/num.h"
#include "inside.h"

static size_t round_up(size_t n)
{
    return (n + QUERY_ROWS - 1) / QUERY_ROWS * QUERY_ROWS;
}

/* Row-wise softmax over the keys [low, high] of scores that begin at key `first`; the others become 0. */
static void softmax_row(float *s, size_t first, size_t low, size_t high, size_t keys)
{
    float most = -INFINITY;
    double sum = 0;
    for (size_t k = low; k <= high; k++)
        if (s[k - first] > most) most = s[k - first];
    for (size_t k = first; k < low; k++) s[k - first] = 0;
    for (size_t k = low; k <= high; k++) {
        s[k - first] = expf(s[k - first] - most);
        sum += s[k - first];
    }
    float scale = (float)(1 / sum);
    for (size_t k = low; k <= high; k++) s[k - first] *= scale;
    for (size_t k = high + 1; k < keys; k++) s[k - first] = 0;
}

/* The scores of the past over their number: no softmax (METHODS 7.3, strict). */
static void linear_row(float *s, size_t at, size_t keys)
{
    float scale = (float)(1 / (double)(at + 1));
    for (size_t k = 0; k <= at; k++) s[k] *= scale;
    for (size_t k = at + 1; k < keys; k++) s[k] = 0;
}

static void copy_head(float *to, const float *from, size_t stride, size_t rows, size_t padded, size_t size)
{
    for (size_t i = 0; i < rows; i++) memcpy(to + i * size, from + i * stride, size * sizeof *to);
    memset(to + rows * size, 0, (padded - rows) * size * sizeof *to);
}

static void attend(const pass *p, size_t layer, size_t sequence, size_t head, float *scratch)
{
    const model_config *c = &p->m->config;
    size_t size = c->head_size, q_width = c->heads * size, kv_width = c->kv_heads * size, stride = q_width + 2 * kv_width;
    size_t begin = p->begin[sequence], length = p->length[sequence], padded = round_up(length);
    size_t kv_head = head / (c->heads / c->kv_heads), window = layer >= c->window_from ? c->window : 0;
    const float *rows = p->qkv + begin * stride;
    float *k = scratch, *v = k + padded * size, *q = v + padded * size, *o = q + QUERY_ROWS * size, *s = o + QUERY_ROWS * size;
    double scale = c->scale_scores ? 1 / sqrt((double)size) : 1;
    if (c->scale_by_layer) scale /= (double)(layer + 1);
    copy_head(k, rows + q_width + kv_head * size, stride, length, padded, size);
    copy_head(v, rows + q_width + kv_width + kv_head * size, stride, length, padded, size);
    for (size_t t = 0; t < length; t += QUERY_ROWS) {
        size_t count = length - t < QUERY_ROWS ? length - t : QUERY_ROWS, end = t + QUERY_ROWS;
        size_t first = window && t + 1 > window ? (t + 1 - window) / QUERY_ROWS * QUERY_ROWS : 0, keys = end - first;
        copy_head(q, rows + t * stride + head * size, stride, count, QUERY_ROWS, size);
        gemm_f4(false, true, QUERY_ROWS, keys, size, (float)scale, q, size, k + first * size, size, 0, s, keys);
        for (size_t i = 0; i < count; i++) {
            size_t at = t + i, low = window && at + 1 > window ? at + 1 - window : 0;
            if (c->attention == ATTEND_LINEAR) linear_row(s + i * keys, at, keys);
            else softmax_row(s + i * keys, first, low, at, end);
        }
        memset(s + count * keys, 0, (QUERY_ROWS - count) * keys * sizeof *s);
        gemm_f4(false, false, QUERY_ROWS, size, keys, 1, s, keys, v + first * size, size, 0, o, size);
        for (size_t i = 0; i < count; i++)
            memcpy(p->mixed + (begin + t + i) * q_width + head * size, o + i * size, size * sizeof *o);
    }
}

void attention_heads(const pass *p, size_t layer)
{
    const model_config *c = &p->m->config;
    long heads = (long)c->heads, tasks = (long)p->n * heads;
    if (c->attention == ATTEND_MEAN) {
        mean_attention(p);
        return;
    }
    if (lanes_fit(c)) {
        lanes_attention(p);
        return;
    }
#pragma omp parallel for schedule(dynamic) num_threads(threads_count())
    for (long i = 0; i < tasks; i++)
        attend(p, layer, (size_t)(i / heads), (size_t)(i % heads), p->scratch[omp_get_thread_num()]);
}
