/* SPDX-License-Identifier: MIT */
/* The tensors of a network in forward order: names and shapes as Hugging Face has them, places in one array, first values
 * (CONTRACT "Determinism": element e of tensor t counted as [out×in], stream 1; norms 1, biases 0). Biases that the network
 * has not lie behind the others in the list, hold no place, and are written to its folder as zeros. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"

static size_t add(tensor_list *l, const tensor *s)
{
    err ignored = { 0 };
    if (l->n == l->room) {
        void *list = l->at;
        if (l->failed || mem_grow(&list, l->room * 2 + 64, sizeof *l->at, &ignored)) {
            l->failed = true;
            return NONE;
        }
        l->at = list;
        l->room = l->room * 2 + 64;
    }
    l->at[l->n] = *s;
    l->at[l->n].at = s->stored ? l->elements : NONE;
    if (s->stored) l->elements += s->rows * (s->columns ? s->columns : 1);
    return l->at[l->n++].at;
}

static size_t add_matrix(trainer *t, const char *name, size_t rows, size_t columns, bool in_out, double std, uint32_t *number)
{
    tensor s = { .rows = rows, .columns = columns, .in_out = in_out, .std = std, .number = (*number)++, .stored = true };
    snprintf(s.name, sizeof s.name, "%s", name);
    return add(&t->list, &s);
}

static size_t add_vector(trainer *t, const char *name, const char *part, size_t n, start_kind start, bool stored)
{
    tensor s = { .rows = n, .start = start, .stored = stored };
    snprintf(s.name, sizeof s.name, "%s.%s", name, part);
    return add(&t->list, &s);
}

static void add_norm(trainer *t, norm *n, const char *name, uint32_t *number)
{
    bool gpt2 = t->m.family == TRAIN_GPT2;
    ++*number;
    n->gain = add_vector(t, name, "weight", t->m.width, START_ONE, true);
    n->bias = gpt2 ? add_vector(t, name, "bias", t->m.width, START_ZERO, t->m.bias) : NONE;
}

static void add_conv(trainer *t, linear *l, const char *name, size_t in, size_t out, double std, uint32_t *number)
{
    char full[96];
    *l = (linear){ .in = in, .out = out, .in_out = true };
    snprintf(full, sizeof full, "%s.weight", name);
    l->w = add_matrix(t, full, in, out, true, std, number);
    l->bias = add_vector(t, name, "bias", out, START_ZERO, t->m.bias);
}

static void build_gpt2(trainer *t)
{
    const train_model *m = &t->m;
    size_t d = m->width;
    double std = m->init_std, residual = std / sqrt(2 * (double)m->layers);
    uint32_t number = 0;
    char name[64];
    t->tokens = add_matrix(t, "transformer.wte.weight", m->vocabulary, d, false, std, &number);
    t->positions = add_matrix(t, "transformer.wpe.weight", m->context, d, false, std, &number);
    for (size_t i = 0; i < m->layers; i++) {
        block *b = &t->blocks[i];
        snprintf(name, sizeof name, "transformer.h.%zu.ln_1", i);
        add_norm(t, &b->ln_1, name, &number);
        snprintf(name, sizeof name, "transformer.h.%zu.attn.c_attn", i);
        add_conv(t, &b->qkv, name, d, 3 * d, std, &number);
        snprintf(name, sizeof name, "transformer.h.%zu.attn.c_proj", i);
        add_conv(t, &b->out, name, d, d, residual, &number);
        snprintf(name, sizeof name, "transformer.h.%zu.ln_2", i);
        add_norm(t, &b->ln_2, name, &number);
        snprintf(name, sizeof name, "transformer.h.%zu.mlp.c_fc", i);
        add_conv(t, &b->up, name, d, m->inner, std, &number);
        snprintf(name, sizeof name, "transformer.h.%zu.mlp.c_proj", i);
        add_conv(t, &b->down, name, m->inner, d, residual, &number);
    }
    add_norm(t, &t->final, "transformer.ln_f", &number);
    t->head = m->tied ? t->tokens : add_matrix(t, "lm_head.weight", m->vocabulary, d, false, std, &number);
}

/* q, k, v (and gate, up) are one product: their weights [out×in] follow one another. */
static void add_parts(trainer *t, linear *l, size_t layer, const char *const *parts, const size_t *outs, size_t n, size_t in,
                      uint32_t *number)
{
    char name[96];
    *l = (linear){ .in = in, .bias = NONE };
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "model.layers.%zu.%s.weight", layer, parts[i]);
        size_t at = add_matrix(t, name, outs[i], in, false, t->m.init_std, number);
        if (i == 0) l->w = at;
        l->out += outs[i];
    }
}

static void build_llama(trainer *t)
{
    static const char *const qkv[] = { "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj" };
    static const char *const out[] = { "self_attn.o_proj" }, *const up[] = { "mlp.gate_proj", "mlp.up_proj" };
    static const char *const down[] = { "mlp.down_proj" };
    const train_model *m = &t->m;
    size_t d = m->width;
    const size_t outs_qkv[] = { t->q_width, t->kv_width, t->kv_width }, outs_up[] = { m->inner, m->inner };
    uint32_t number = 0;
    char name[64];
    t->tokens = add_matrix(t, "model.embed_tokens.weight", m->vocabulary, d, false, m->init_std, &number);
    t->positions = NONE;
    for (size_t i = 0; i < m->layers; i++) {
        block *b = &t->blocks[i];
        snprintf(name, sizeof name, "model.layers.%zu.input_layernorm", i);
        add_norm(t, &b->ln_1, name, &number);
        add_parts(t, &b->qkv, i, qkv, outs_qkv, 3, d, &number);
        add_parts(t, &b->out, i, out, &d, 1, t->q_width, &number);
        snprintf(name, sizeof name, "model.layers.%zu.post_attention_layernorm", i);
        add_norm(t, &b->ln_2, name, &number);
        add_parts(t, &b->up, i, up, outs_up, 2, d, &number);
        add_parts(t, &b->down, i, down, &d, 1, m->inner, &number);
    }
    add_norm(t, &t->final, "model.norm", &number);
    t->head = m->tied ? t->tokens : add_matrix(t, "lm_head.weight", m->vocabulary, d, false, m->init_std, &number);
}

static void *place(const trainer *t, void *array, size_t at)
{
    return (char *)array + at * t->run->element;
}

int tensors_build(trainer *t, err *e)
{
    if (!(t->blocks = mem_new(t->m.layers, sizeof *t->blocks, e))) return -1;
    if (t->m.family == TRAIN_GPT2) build_gpt2(t);
    else build_llama(t);
    if (t->list.failed) return err_memory(e, (t->list.room * 2 + 64) * sizeof *t->list.at);
    size_t n = t->list.elements;
    t->value = pages_new(n, t->run->element, e);
    t->gradient = t->value ? pages_new(n, t->run->element, e) : NULL;
    t->m1 = t->gradient ? pages_new(n, t->run->element, e) : NULL;
    t->m2 = t->m1 ? pages_new(n, t->run->element, e) : NULL;
    t->tensors = mem_new(t->list.n, sizeof *t->tensors, e);
    if (!t->m2 || !t->tensors) return -1;
    for (size_t i = 0; i < t->list.n; i++) {
        const tensor *s = &t->list.at[i];
        if (!s->stored) continue;
        t->tensors[t->n_tensors++] = (train_tensor){
            .name = s->name, .rows = s->rows, .columns = s->columns, .elements = s->rows * (s->columns ? s->columns : 1),
            .value = place(t, t->value, s->at), .gradient = place(t, t->gradient, s->at), .m = place(t, t->m1, s->at),
            .v = place(t, t->m2, s->at), .decays = s->columns > 0,
        };
    }
    return 0;
}

/* The numbers are rounded to fp32 in fp64 training, too: both start from the same weights. */
static void draw(const trainer *t, const tensor *s)
{
    size_t rows = s->rows, columns = s->columns ? s->columns : 1;
    long n = (long)(rows * columns);
    float *at_f4 = (float *)t->value + s->at;
    double *at_f8 = (double *)t->value + s->at;
    bool wide = t->run->element == 8;
#pragma omp parallel for schedule(static) num_threads(threads_count())
    for (long i = 0; i < n; i++) {
        size_t row = (size_t)i / columns, column = (size_t)i % columns, element = s->in_out ? column * rows + row : (size_t)i;
        float x = s->start == START_ONE ? 1 : 0;
        if (s->start == START_NORMAL)
            x = (float)(s->std * rng_normal(t->seed, RNG_WEIGHTS, (uint32_t)element, s->number, 0));
        if (wide) at_f8[i] = x;
        else at_f4[i] = x;
    }
}

void tensors_draw(trainer *t)
{
    for (size_t i = 0; i < t->list.n; i++)
        if (t->list.at[i].stored) draw(t, &t->list.at[i]);
}
