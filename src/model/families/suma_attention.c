/* SPDX-License-Identifier: MIT */
/* Attention for hundreds of heads of a few dimensions (SUMA: 512 of 8). A matrix product a head would be thousands of
 * tiny calls that mostly pad; here LANES heads go side by side, one a lane, and every step of every head is the same
 * instruction:
 *
 *     q [size][LANES]   k, v [length][size][LANES]   scores [length][LANES]
 *
 * A row sees its own past in order, so that its bits depend neither on the sequence's length nor on the threads. The
 * plain way, for heads of any size, is attend() of attention.c. Also here: the mean over the past, which needs no
 * scores at all. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "../inside.h"

/* For the machine at hand; no fused multiply-add (-ffp-contract=off), so every clone gives the same bits. */
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HOT __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#else
#define HOT
#endif

enum { LANES = 16, LARGEST_SIZE = 32, MEAN_COLUMNS = 256 };
typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t bits __attribute__((vector_size(LANES * sizeof(int32_t))));
typedef double wide __attribute__((vector_size(LANES * sizeof(double))));

bool lanes_fit(const model_config *c)
{
    return c->head_size <= LARGEST_SIZE && c->heads >= LANES / 2 && c->kv_heads == c->heads && c->rope == ROPE_NONE &&
           !c->window && !c->scale_by_layer && c->attention != ATTEND_MEAN && c->family == &family_suma;
}

size_t lanes_scratch(const model_config *c, size_t longest)
{
    return LANES * (2 * longest * c->head_size + longest + 2 * c->head_size) + LANES;
}

/* scores [keys] of one query, times scale; most: the largest of them. */
HOT static void score_keys(const lanes *q, const lanes *k, size_t size, size_t keys, float scale, lanes *s, lanes *most)
{
    lanes top = { 0 };
    for (size_t j = 0; j < keys; j++, k += size) {
        lanes sum = q[0] * k[0];
        for (size_t i = 1; i < size; i++)
            sum += q[i] * k[i];
        sum *= scale;
        bits larger = j ? sum > top : ~(bits){ 0 };
        top = (lanes)(((bits)sum & larger) | ((bits)top & ~larger));
        s[j] = sum;
    }
    *most = top;
}

/* s becomes exp(s - most) <= 1; sum in fp64. exp(x) = 2^n·exp(r), |r| <= ln(2)/2, by its series to r^7 (5e-9). */
HOT static void exponentials(lanes *s, size_t keys, const lanes *most, wide *total)
{
    const float round = 12582912.0f; /* 1.5·2^23: adding it leaves a whole number in the lowest bits */
    const lanes top = *most;
    wide sum = { 0 };
    for (size_t j = 0; j < keys; j++) {
        lanes x = s[j] - top;
        bits low = x < -87.0f; /* exp would be subnormal: next to the largest, which is 1, it is nothing */
        x = (lanes)(((bits)x & ~low) | ((bits)(x * 0 - 87.0f) & low));
        lanes shifted = x * 1.44269504088896341f + round, n = shifted - round;
        lanes r = (x - n * 0.693359375f) + n * 2.12194440e-4f; /* ln 2 in two parts, the first with few bits */
        lanes y = r * (1.0f / 5040) + 1.0f / 720;
        y = y * r + 1.0f / 120;
        y = y * r + 1.0f / 24;
        y = y * r + 1.0f / 6;
        y = y * r + 0.5f;
        y = y * r + 1.0f;
        y = y * r + 1.0f;
        bits power = ((bits)shifted << 23) + (127 << 23);
        y *= (lanes)power;
        s[j] = y;
        sum += __builtin_convertvector(y, wide);
    }
    *total = sum;
}

/* o [size] = sum of s·v, times scale. */
HOT static void mix_values(const lanes *s, const lanes *v, size_t size, size_t keys, const lanes *scale, lanes *o)
{
    for (size_t i = 0; i < size; i++)
        o[i] = s[0] * v[i];
    for (size_t j = 1; j < keys; j++) {
        const lanes weight = s[j], *at = v + j * size;
        for (size_t i = 0; i < size; i++)
            o[i] += weight * at[i];
    }
    for (size_t i = 0; i < size; i++)
        o[i] *= *scale;
}

/* Heads [first, first + count) of one row, from their places side by side into lanes; lanes beyond are zero. */
static void spread(lanes *to, const float *row, size_t count, size_t size)
{
    float *at = (float *)to;
    memset(to, 0, size * sizeof *to);
    for (size_t h = 0; h < count; h++)
        for (size_t i = 0; i < size; i++)
            at[i * LANES + h] = row[h * size + i];
}

static void gather(float *row, const lanes *from, size_t count, size_t size)
{
    const float *at = (const float *)from;
    for (size_t h = 0; h < count; h++)
        for (size_t i = 0; i < size; i++)
            row[h * size + i] = at[i * LANES + h];
}

static lanes *aligned(float *at)
{
    uintptr_t place = (uintptr_t)at, step = sizeof(lanes);
    return (lanes *)((place + step - 1) / step * step);
}

static void attend_lanes(const pass *p, size_t sequence, size_t group, float *scratch)
{
    const model_config *c = &p->m->config;
    size_t size = c->head_size, d = c->heads * size, first = group * LANES, length = p->length[sequence];
    size_t count = c->heads - first < LANES ? c->heads - first : LANES;
    const float *rows = p->qkv + p->begin[sequence] * 3 * d + first * size;
    lanes *q = aligned(scratch), *o = q + size, *s = o + size, *k = s + p->longest, *v = k + p->longest * size;
    float scale = c->scale_scores ? (float)(1 / sqrt((double)size)) : 1;
    for (size_t t = 0; t < length; t++) {
        lanes most, weight;
        spread(q, rows + t * 3 * d, count, size);
        spread(k + t * size, rows + t * 3 * d + d, count, size);
        spread(v + t * size, rows + t * 3 * d + 2 * d, count, size);
        score_keys(q, k, size, t + 1, scale, s, &most);
        for (size_t h = 0; h < LANES; h++)
            weight[h] = (float)(1 / (double)(t + 1)); /* ATTEND_LINEAR */
        if (c->attention == ATTEND_SOFTMAX) {
            wide sum;
            exponentials(s, t + 1, &most, &sum);
            for (size_t h = 0; h < LANES; h++)
                weight[h] = (float)(1 / sum[h]);
        }
        mix_values(s, v, size, t + 1, &weight, o);
        gather(p->mixed + (p->begin[sequence] + t) * d + first * size, o, count, size);
    }
}

void lanes_attention(const pass *p)
{
    long groups = (long)((p->m->config.heads + LANES - 1) / LANES), tasks = (long)p->n * groups;
#pragma omp parallel for schedule(dynamic) num_threads(threads_count())
    for (long i = 0; i < tasks; i++)
        attend_lanes(p, (size_t)(i / groups), (size_t)(i % groups), p->scratch[omp_get_thread_num()]);
}

/* qkv holds v alone (families/suma.c): a running sum in fp64 over its number. */
void mean_attention(const pass *p)
{
    size_t d = p->m->config.heads * p->m->config.head_size, parts = (d + MEAN_COLUMNS - 1) / MEAN_COLUMNS;
    long tasks = (long)(p->n * parts);
#pragma omp parallel for schedule(static) num_threads(threads_count())
    for (long i = 0; i < tasks; i++) {
        size_t sequence = (size_t)i / parts, first = (size_t)i % parts * MEAN_COLUMNS;
        size_t count = d - first < MEAN_COLUMNS ? d - first : MEAN_COLUMNS;
        double sum[MEAN_COLUMNS] = { 0 };
        for (size_t t = 0; t < p->length[sequence]; t++) {
            size_t at = (p->begin[sequence] + t) * d + first;
            for (size_t u = 0; u < count; u++)
                sum[u] += (double)p->qkv[at + u];
            for (size_t u = 0; u < count; u++)
                p->mixed[at + u] = (float)(sum[u] / (double)(t + 1));
        }
    }
}
