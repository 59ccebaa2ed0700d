/* SPDX-License-Identifier: MIT */
/* What is trained and how: defaults, rules, memory, learning rate, window offsets (METHODS 8.1, 8.6; CONTRACT). */
#include <math.h>
#include <string.h>

#include "engine.h"

enum { LARGEST = 1 << 22, MOST_LAYERS = 10000 };

void train_defaults(train_model *m, train_plan *p)
{
    *m = (train_model){ .family = TRAIN_GPT2, .tied = true, .norm_eps = 1e-5, .init_std = .02, .rope_theta = 10000,
                        .placement = TRAIN_PRE, .layout = TRAIN_RANDOM, .radius = 5, .neighbourhoods = 5, .end = -1 };
    *p = (train_plan){ .windows = 16, .micro_batches = 1, .warmup = 100, .steps = 1200, .peak = 1e-3, .floor = 1e-4,
                       .beta1 = .9, .beta2 = .95, .epsilon = 1e-8, .decay = .1, .clip = 1 };
}

static int check_size(const char *key, size_t value, err *e)
{
    if (value >= 1 && value <= LARGEST) return 0;
    return err_set(e, ERR_USAGE, "%s is a whole number from 1 to %d, not %zu", key, LARGEST, value);
}

static int check_share(const char *key, double value, double most, err *e)
{
    if (value >= 0 && value <= most) return 0;
    return err_set(e, ERR_USAGE, "%s is a number from 0 to %g, not %g", key, most, value);
}

static int check_sheet(const train_model *m, err *e)
{
    if (!m->sheet_rows && !m->sheet_columns) {
        if (m->alpha > 0 || m->activation_decay > 0)
            return err_set(e, ERR_USAGE, "alpha %g and activation decay %g need a sheet", m->alpha, m->activation_decay);
        return 0;
    }
    if (m->sheet_rows * m->sheet_columns != m->width || m->sheet_rows > m->width || m->sheet_columns > m->width) {
        err_set(e, ERR_USAGE, "the width %zu is not %zu × %zu, the rows × columns of the sheet", m->width, m->sheet_rows,
                m->sheet_columns);
        return err_hint(e, "each tap's units lie on one sheet: choose a sheet with as many places as units");
    }
    if (!m->radius) return err_set(e, ERR_USAGE, "radius is at least 1");
    size_t n = sheet_neighbourhoods(m);
    if (m->neighbourhoods >= 1 && m->neighbourhoods <= n) return 0;
    err_set(e, ERR_USAGE, "%zu neighbourhoods cannot be drawn: a sheet of %zu × %zu has %zu of radius %zu", m->neighbourhoods,
            m->sheet_rows, m->sheet_columns, n, m->radius);
    return err_hint(e, "centres lie at least radius - 1 places from each edge");
}

static int check_model(train_model *m, err *e)
{
    if (m->layers > MOST_LAYERS) return err_set(e, ERR_USAGE, "layers is at most %d, not %zu", MOST_LAYERS, m->layers);
    if (check_size("vocabulary", m->vocabulary, e) || check_size("context", m->context, e) || check_size("layers", m->layers, e) ||
        check_size("width", m->width, e) || check_size("heads", m->heads, e))
        return -1;
    if (m->width % m->heads)
        return err_set(e, ERR_USAGE, "the width %zu cannot be divided among %zu heads", m->width, m->heads);
    if (!m->kv_heads) m->kv_heads = m->heads;
    if (!m->inner) m->inner = m->family == TRAIN_GPT2 ? 4 * m->width : (m->width * 8 / 3 + 31) / 32 * 32;
    if (check_size("inner", m->inner, e)) return -1;
    if (m->heads % m->kv_heads || (m->family == TRAIN_GPT2 && m->kv_heads != m->heads))
        return err_set(e, ERR_USAGE, "%zu heads cannot share %zu key/value heads%s", m->heads, m->kv_heads,
                       m->family == TRAIN_GPT2 ? " in a gpt2" : "");
    if (m->family == TRAIN_LLAMA && m->width / m->heads % 2)
        return err_set(e, ERR_USAGE, "heads of size %zu have no rotary pairs", m->width / m->heads);
    if (m->family == TRAIN_LLAMA && m->bias) return err_set(e, ERR_USAGE, "a llama has no biases");
    if (!(m->norm_eps > 0) || !(m->init_std > 0) || !(m->rope_theta > 0))
        return err_set(e, ERR_USAGE, "norm eps, init std and rope theta are numbers above 0");
    if (check_share("alpha", m->alpha, 1e6, e) || check_share("activation decay", m->activation_decay, 1e6, e)) return -1;
    if (m->end >= 0 && (size_t)m->end >= m->vocabulary)
        return err_set(e, ERR_USAGE, "the end symbol %d is not below the vocabulary %zu", m->end, m->vocabulary);
    return check_sheet(m, e);
}

int train_check(train_model *m, train_plan *p, err *e)
{
    if (check_model(m, e)) return -1;
    if (!p->length) p->length = m->context;
    if (check_size("windows", p->windows, e) || check_size("micro-batches", p->micro_batches, e) || check_size("steps", p->steps, e))
        return -1;
    if (p->length > m->context)
        return err_set(e, ERR_USAGE, "windows of %zu tokens are longer than the context %zu", p->length, m->context);
    if (!(p->peak > 0) || !isfinite(p->peak) || !(p->floor >= 0) || p->floor > p->peak)
        return err_set(e, ERR_USAGE, "the peak rate is above 0 and not below the floor; they are %g and %g", p->peak, p->floor);
    if (!(p->epsilon > 0) || !(p->clip > 0)) return err_set(e, ERR_USAGE, "epsilon and clip are numbers above 0");
    if (!(p->beta1 >= 0 && p->beta1 < 1) || !(p->beta2 >= 0 && p->beta2 < 1))
        return err_set(e, ERR_USAGE, "the betas are numbers in [0, 1), not %g and %g", p->beta1, p->beta2);
    return check_share("decay", p->decay, 1e3, e);
}

/* ---- sizes ---- */

size_t train_parameters(const train_model *m)
{
    size_t d = m->width, kv = d / m->heads * m->kv_heads, n = (m->tied ? 1 : 2) * m->vocabulary * d + d;
    if (m->family == TRAIN_LLAMA) return n + m->layers * (2 * d * d + 2 * d * kv + 3 * d * m->inner + 2 * d);
    n += m->context * d + m->layers * (4 * d * d + 2 * d * m->inner + 2 * d);
    if (m->bias) n += d + m->layers * (3 * d + d + m->inner + d + 2 * d);
    return n;
}

static size_t up_width(const train_model *m)
{
    return m->family == TRAIN_LLAMA ? 2 * m->inner : m->inner;
}

size_t train_memory(const train_model *m, const train_plan *p)
{
    size_t d = m->width, kv = d / m->heads * m->kv_heads, rows = p->windows * p->length, u = up_width(m);
    size_t element = m->precision == TRAIN_FP64 ? 8 : 4, taps = m->sheet_rows ? 2 * m->layers : 0;
    size_t layer = rows * (4 * d + d + 2 * kv + d + m->inner + u + m->heads + 4);
    size_t all = m->layers * layer + rows * (7 * d + u + d + 2 * kv) + taps * rows * d;
    all += (rows < HEAD_ROWS ? rows : HEAD_ROWS) * m->vocabulary;
    size_t thread = ROWS * (d > u ? d : u) + 2 * QUERIES * p->length + (taps ? rows * d + 3 * d * d : 0);
    return element * (4 * train_parameters(m) + all + (size_t)threads_count() * thread);
}

double train_flops(const train_model *m, const train_plan *p)
{
    double d = (double)m->width, kv = d / (double)m->heads * (double)m->kv_heads;
    double rows = (double)(p->windows * p->length * p->micro_batches);
    double each = 2 * d * d + 2 * d * kv + d * (double)(up_width(m) + m->inner);
    double weights = (double)m->layers * each + d * (double)m->vocabulary;
    double attention = (double)m->layers * d * (double)(p->length + 1); /* causal: half of the square, scores and mixture */
    return 6 * rows * (weights + attention);
}

/* ---- schedule and windows ---- */

double train_rate(const train_plan *p, size_t step)
{
    double s = (double)step, w = (double)p->warmup, n = (double)p->steps;
    if (step < p->warmup) return p->peak * s / w;
    if (step >= p->steps) return p->floor;
    return p->floor + .5 * (1 + cos(M_PI * (s - w) / (n - w))) * (p->peak - p->floor);
}

size_t train_offset(uint64_t seed, size_t step, size_t window, size_t tokens, size_t length)
{
    if (tokens <= length) return 0;
    uint64_t places = tokens - length;
    rng_words r = rng_draw(seed, RNG_WINDOWS, (uint32_t)window, (uint32_t)step, 0);
    if (places >> 32 == 0) return (size_t)((uint64_t)r.w[0] * places >> 32);
    __extension__ typedef unsigned __int128 wide;
    return (size_t)((wide)((uint64_t)r.w[0] << 32 | r.w[1]) * places >> 64);
}

size_t train_validation_offset(size_t i, size_t n, size_t tokens, size_t length)
{
    if (n < 2 || tokens <= length + 1) return 0;
    return i * (tokens - length - 1) / (n - 1);
}
