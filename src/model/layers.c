/* SPDX-License-Identifier: MIT */
/* The parts of a block that see each token row alone: norms, linear layers, activation functions. */
#include <math.h>
#include <string.h>

#include "broca/num.h"
#include "inside.h"

/* Four partial sums: a fixed order that the processor can run side by side. */
static double sum_of(const float *x, size_t n)
{
    double s[4] = { 0 };
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++) s[k] += (double)x[i + k];
    for (; i < n; i++) s[0] += (double)x[i];
    return (s[0] + s[1]) + (s[2] + s[3]);
}

static double squares_about(const float *x, size_t n, double mean)
{
    double s[4] = { 0 };
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++) s[k] += ((double)x[i + k] - mean) * ((double)x[i + k] - mean);
    for (; i < n; i++) s[0] += ((double)x[i] - mean) * ((double)x[i] - mean);
    return (s[0] + s[1]) + (s[2] + s[3]);
}

/* LayerNorm (Ba et al. 2016) or RMSNorm (Zhang & Sennrich 2019). */
void norm_rows(const model_config *c, const norm_weights *w, const float *x, float *out, size_t rows)
{
    size_t d = c->width;
    for (size_t r = 0; r < rows; r++, x += d, out += d) {
        double mean = c->rms_norm ? 0 : sum_of(x, d) / (double)d;
        double scale = 1 / sqrt(squares_about(x, d, mean) / (double)d + c->norm_eps);
        for (size_t i = 0; i < d; i++) out[i] = (float)(((double)x[i] - mean) * scale) * w->gain[i];
        if (w->bias)
            for (size_t i = 0; i < d; i++) out[i] += w->bias[i];
    }
}

/* out [rows×l->out] = in·W + bias, in with in_stride floats a row. */
void linear_rows(const linear *l, const float *in, size_t in_stride, float *out, size_t rows)
{
    if (l->bias)
        for (size_t r = 0; r < rows; r++) memcpy(out + r * l->out, l->bias, l->out * sizeof *out);
    gemm_f4(false, !l->in_out, rows, l->out, l->in, 1, in, in_stride, l->w, l->in_out ? l->out : l->in, l->bias ? 1 : 0, out,
            l->out);
}

static float gelu_tanh(float x)
{
    const float k = 0.79788456080286535588f; /* sqrt(2/pi) */
    return 0.5f * x * (1 + tanhf(k * (x + 0.044715f * x * x * x)));
}

static float gelu_erf(float x)
{
    return 0.5f * x * (1 + erff(x * 0.70710678118654752440f));
}

static float act(act_kind kind, float x)
{
    switch (kind) {
    case ACT_GELU_TANH: return gelu_tanh(x);
    case ACT_GELU_ERF: return gelu_erf(x);
    case ACT_SILU: return x / (1 + expf(-x));
    default: return x > 0 ? x : 0;
    }
}

/* In place on u [rows×stride]: act of the first n columns, times the next n when gated (Shazeer 2020). */
void act_rows(const model_config *c, float *u, size_t stride, size_t rows)
{
    size_t n = c->inner;
    for (size_t r = 0; r < rows; r++, u += stride)
        for (size_t i = 0; i < n; i++) u[i] = c->gated ? act(c->act, u[i]) * u[n + i] : act(c->act, u[i]);
}
