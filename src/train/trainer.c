/* SPDX-License-Identifier: MIT */
/* The public calls of a trainer: made, stepped, evaluated. Arithmetic is the engine's. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"
#include "engine.h"

static const engine *engine_for(train_precision precision, err *e)
{
    if (precision == TRAIN_FP64) return &engine_f8;
    if (precision == TRAIN_FP32) return &engine_f4;
    if (packed_has(PACKED_BF16)) return &engine_bf16;
    err_set(e, ERR_USAGE, "bf16 needs oneDNN 2 in the build and a processor with avx512_bf16");
    err_hint(e, "libdnnl-dev, and build again; or train in fp32");
    return NULL;
}

int trainer_new(trainer **out, const train_model *m, const train_plan *p, uint64_t seed, err *e)
{
    trainer *t = mem_new(1, sizeof *t, e);
    if (!t) return -1;
    t->m = *m;
    t->p = *p;
    t->seed = seed;
    if (train_check(&t->m, &t->p, e) || !(t->run = engine_for(m->precision, e))) goto failed;
    t->head_size = t->m.width / t->m.heads;
    t->q_width = t->m.width;
    t->kv_width = t->head_size * t->m.kv_heads;
    if (tensors_build(t, e) || sheets_build(t, e) || !(t->work = t->run->work_new(t, e))) goto failed;
    tensors_draw(t);
    t->fresh = true;
    *out = t;
    return 0;
failed:
    trainer_free(t);
    return err_while(e, "preparing the training");
}

void trainer_free(trainer *t)
{
    if (!t) return;
    if (t->run) t->run->work_free(t->work);
    sheets_drop(t);
    pages_free(t->value);
    pages_free(t->gradient);
    pages_free(t->m1);
    pages_free(t->m2);
    free(t->tensors);
    free(t->blocks);
    free(t->list.at);
    free(t);
}

const train_model *trainer_model(const trainer *t)
{
    return &t->m;
}

const train_plan *trainer_plan(const trainer *t)
{
    return &t->p;
}

size_t trainer_tensors(const trainer *t)
{
    return t->n_tensors;
}

const train_tensor *trainer_tensor(const trainer *t, size_t i)
{
    return &t->tensors[i];
}

size_t trainer_element(const trainer *t)
{
    return t->run->element;
}

size_t trainer_updates(const trainer *t)
{
    return t->updates;
}

void trainer_set_updates(trainer *t, size_t updates)
{
    t->updates = updates;
}

size_t trainer_taps(const trainer *t)
{
    return t->taps;
}

const char *trainer_tap(const trainer *t, size_t tap)
{
    return t->tap_names[tap];
}

const float *trainer_positions(const trainer *t, size_t tap)
{
    return t->taps ? t->sheets[tap].place : NULL;
}

size_t trainer_neighbourhoods(const trainer *t)
{
    return t->n_neighbourhoods;
}

/* ---- a micro-batch ---- */

static int check_batch(const trainer *t, const train_batch *b, err *e)
{
    int32_t most = (int32_t)t->m.vocabulary;
    size_t n = b->windows * b->length;
    if (!n || b->windows > t->p.windows || b->length > t->p.length)
        return err_set(e, ERR_INPUT, "a batch of %zu windows of %zu tokens; the plan has room for %zu of %zu", b->windows, b->length,
                       t->p.windows, t->p.length);
    for (size_t i = 0; i < n; i++) {
        bool input = b->inputs[i] < 0 || b->inputs[i] >= most, target = b->targets[i] < -1 || b->targets[i] >= most;
        if (!input && !target) continue;
        err_set(e, ERR_INPUT, "window %zu, place %zu: the token %d is not below the vocabulary %zu", i / b->length,
                i % b->length + !input, input ? b->inputs[i] : b->targets[i], t->m.vocabulary);
        return err_hint(e, "were the tokens made by this model's tokenizer?");
    }
    return 0;
}

void trainer_begin(trainer *t)
{
    t->fresh = true; /* the first product overwrites */
}

int trainer_add(trainer *t, const train_batch *b, double weight, double *ce, double *spatial, train_stats *out, err *e)
{
    pass_result r = { .spatial = spatial };
    if (check_batch(t, b, e) || t->run->pass(t, b, weight, &r, e)) return -1;
    if (ce) *ce = r.ce;
    if (out) {
        out->guarded_units += r.guarded_units;
        out->guarded_neighbourhoods += r.guarded_neighbourhoods;
    }
    return 0;
}

int trainer_update(trainer *t, double rate, train_stats *out, err *e)
{
    double size = t->run->gradient_norm(t);
    if (!isfinite(size)) return err_set(e, ERR_INPUT, "the training diverged: gradient norm %g", size);
    double scale = t->p.clip / (size + 1e-6);
    if (scale > 1) scale = 1;
    t->updates++;
    t->run->adam(t, rate, scale);
    if (out) {
        out->gradient_norm = size;
        out->clip_scale = scale;
    }
    return 0;
}

/* ---- windows ---- */

/* Splits windows of length + 1 tokens into inputs and targets. */
static void split_windows(const int32_t *tokens, size_t windows, size_t length, int32_t *inputs, int32_t *targets)
{
    for (size_t i = 0; i < windows; i++) {
        memcpy(inputs + i * length, tokens + i * (length + 1), length * sizeof *inputs);
        memcpy(targets + i * length, tokens + i * (length + 1) + 1, length * sizeof *targets);
    }
}

static double mean_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return n ? sum / (double)n : NAN;
}

static int draw_all(trainer *t, size_t step, size_t micro, err *e)
{
    for (size_t i = 0; i < t->taps; i++)
        if (trainer_draw(t, step, micro, i, t->drawn + i * t->m.neighbourhoods, e)) return -1;
    return 0;
}

int trainer_step(trainer *t, const int32_t *tokens, size_t step, double rate, train_stats *out, err *e)
{
    size_t n = t->p.windows * t->p.length, micros = t->p.micro_batches;
    int status = -1;
    train_stats s = { 0 };
    int32_t *inputs = mem_new(2 * n, sizeof *inputs, e);
    double *spatial = mem_new(t->taps, sizeof *spatial, e), ce;
    if (!inputs || !spatial) goto done;
    train_batch b = { .inputs = inputs, .targets = inputs + n, .windows = t->p.windows, .length = t->p.length,
                      .chosen = t->drawn_of, .n_chosen = t->m.neighbourhoods };
    trainer_begin(t);
    for (size_t k = 0; k < micros; k++) {
        split_windows(tokens + k * b.windows * (b.length + 1), b.windows, b.length, inputs, inputs + n);
        if (draw_all(t, step, k, e) || trainer_add(t, &b, 1 / (double)micros, &ce, spatial, &s, e)) {
            err_while(e, "in micro-batch %zu of step %zu", k, step);
            goto done;
        }
        s.ce += ce / (double)micros;
        s.spatial += mean_of(spatial, t->taps) / (double)micros;
    }
    status = trainer_update(t, rate, &s, e);
    if (status) err_while(e, "in step %zu (cross-entropy %.4g)", step, s.ce);
    if (!status) *out = s;
done:
    if (status && strstr(err_text(e), "diverged"))
        err_hint(e, "a lower peak rate, a longer warm-up or a smaller clip; the last checkpoint is sound");
    free(inputs);
    free(spatial);
    return status;
}

int trainer_evaluate(trainer *t, const int32_t *tokens, size_t n, double *ce, double *spatial, err *e)
{
    size_t room = t->p.windows * t->p.length;
    int status = -1;
    int32_t *inputs = mem_new(2 * room, sizeof *inputs, e);
    double *each = mem_new(t->taps, sizeof *each, e), one;
    if (!inputs || !each) goto done;
    *ce = 0;
    for (size_t i = 0; spatial && i < t->taps; i++) spatial[i] = 0;
    for (size_t from = 0; from < n; from += t->p.windows) {
        size_t count = n - from < t->p.windows ? n - from : t->p.windows;
        double share = (double)count / (double)n;
        train_batch b = { .inputs = inputs, .targets = inputs + room, .windows = count, .length = t->p.length };
        split_windows(tokens + from * (b.length + 1), count, b.length, inputs, inputs + room);
        if (trainer_add(t, &b, 0, &one, each, NULL, e)) {
            err_while(e, "in the windows from %zu of the evaluation", from);
            goto done;
        }
        *ce += one * share;
        for (size_t i = 0; spatial && i < t->taps; i++) spatial[i] += each[i] * share;
    }
    status = 0;
done:
    free(inputs);
    free(each);
    return status;
}
