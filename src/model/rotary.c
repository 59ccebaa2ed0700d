/* SPDX-License-Identifier: MIT */
/* Rotary positions (Su et al. 2021) in half-split pairs (i, i + head/2), with the scalings that published configs name. */
#include <math.h>

#include "inside.h"

/* llama3: long waves are slowed by the factor, short ones kept, between them a linear mixture of both. */
static double scaled(const model_config *c, double frequency)
{
    if (c->rope == ROPE_LINEAR) return frequency / c->rope_factor;
    if (c->rope != ROPE_LLAMA3) return frequency;
    double wave = 2 * M_PI / frequency;
    if (wave < c->rope_original / c->rope_high) return frequency;
    if (wave > c->rope_original / c->rope_low) return frequency / c->rope_factor;
    double share = (c->rope_original / wave - c->rope_low) / (c->rope_high - c->rope_low);
    return (1 - share) * frequency / c->rope_factor + share * frequency;
}

int rotary_tables(pass *p, err *e)
{
    const model_config *c = &p->m->config;
    size_t half = c->head_size / 2;
    if (c->rope == ROPE_NONE) return 0;
    p->cosine = mem_new(p->longest * half, sizeof *p->cosine, e);
    p->sine = mem_new(p->longest * half, sizeof *p->sine, e);
    if (!p->cosine || !p->sine) return -1;
    for (size_t i = 0; i < half; i++) {
        double frequency = scaled(c, pow(c->rope_theta, -2.0 * (double)i / (double)c->head_size));
        for (size_t t = 0; t < p->longest; t++) {
            p->cosine[t * half + i] = (float)cos((double)t * frequency);
            p->sine[t * half + i] = (float)sin((double)t * frequency);
        }
    }
    return 0;
}

static void rotate_head(float *x, const float *cosine, const float *sine, size_t half)
{
    for (size_t i = 0; i < half; i++) {
        float a = x[i], b = x[i + half];
        x[i] = a * cosine[i] - b * sine[i];
        x[i + half] = b * cosine[i] + a * sine[i];
    }
}

/* Rows first ... of the group's q, k, v; padding rows beyond the last sequence are left alone. */
void rotate_rows(const pass *p, float *rows, size_t first, size_t count)
{
    const model_config *c = &p->m->config;
    size_t size = c->head_size, half = size / 2, heads = c->heads + c->kv_heads, stride = (heads + c->kv_heads) * size, s = 0;
    for (size_t i = 0; i < count && first + i < p->rows; i++) {
        while (first + i >= p->begin[s] + p->length[s]) s++;
        size_t t = first + i - p->begin[s];
        for (size_t h = 0; h < heads; h++)
            rotate_head(rows + i * stride + h * size, p->cosine + t * half, p->sine + t * half, half);
    }
}
