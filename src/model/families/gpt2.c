/* SPDX-License-Identifier: MIT */
/* GPT-2 (Radford et al. 2019): learnt positions, LayerNorm before each sublayer, linear weights stored [in, out]. */
#include <math.h>
#include <string.h>

#include "../inside.h"

static int configure(model_config *c, const json *j, const char *path, err *e)
{
    c->context = 1024;
    c->vocabulary = 50257;
    c->norm_eps = 1e-5;
    c->act = ACT_GELU_TANH;
    if (config_size(j, "n_embd", true, &c->width, path, e) || config_size(j, "n_layer", true, &c->layers, path, e) ||
        config_size(j, "n_head", true, &c->heads, path, e) || config_size(j, "vocab_size", false, &c->vocabulary, path, e) ||
        config_size(j, "n_ctx", false, &c->context, path, e) || config_size(j, "n_positions", false, &c->context, path, e))
        return -1;
    c->inner = 4 * c->width;
    if (config_size(j, "n_inner", false, &c->inner, path, e)) return -1;
    if (config_real(j, "layer_norm_epsilon", &c->norm_eps, path, e)) return -1;
    if (config_act(j, "activation_function", &c->act, path, e)) return -1;
    if (c->width % c->heads)
        return err_set(e, ERR_INPUT, "%s: n_embd %zu cannot be divided among %zu heads", path, c->width, c->heads);
    if (json_bool(json_get(j, "add_cross_attention"), false))
        return err_set(e, ERR_INPUT, "%s: a GPT-2 with cross-attention is not known", path);
    c->kv_heads = c->heads;
    c->head_size = c->width / c->heads;
    c->tied = json_bool(json_get(j, "tie_word_embeddings"), true);
    c->qkv_bias = c->out_bias = c->mlp_bias = true;
    c->scale_scores = json_bool(json_get(j, "scale_attn_weights"), true);
    c->scale_by_layer = json_bool(json_get(j, "scale_attn_by_inverse_layer_idx"), false);
    return 0;
}

static void defaults(model_config *c)
{
    if (!c->inner) c->inner = 4 * c->width;
    c->kv_heads = c->heads;
    c->norm_eps = 1e-5;
    c->act = ACT_GELU_TANH;
    c->tied = true;
    c->qkv_bias = c->out_bias = c->mlp_bias = true;
    c->scale_scores = true;
}

static void add_norm(model *m, slot_list *l, norm_weights *w, const char *name, uint32_t *number)
{
    slot s = { .rows = m->config.width, .start = START_ONE, .number = (*number)++, .zero_row = -1 };
    snprintf(s.name, sizeof s.name, "%s.weight", name);
    w->gain = slot_add(m, l, &s);
    snprintf(s.name, sizeof s.name, "%s.bias", name);
    s.start = START_ZERO;
    w->bias = slot_add(m, l, &s);
}

static void add_linear(model *m, slot_list *l, linear *w, const char *name, size_t in, size_t out, double std, uint32_t *number)
{
    slot s = { .rows = in, .columns = out, .in_out = true, .start = START_NORMAL, .number = (*number)++, .std = std,
               .zero_row = -1 };
    *w = (linear){ .in = in, .out = out, .in_out = true };
    snprintf(s.name, sizeof s.name, "%s.weight", name);
    w->w = slot_add(m, l, &s);
    snprintf(s.name, sizeof s.name, "%s.bias", name);
    s = (slot){ .rows = out, .start = START_ZERO, .zero_row = -1 };
    snprintf(s.name, sizeof s.name, "%s.bias", name);
    w->bias = slot_add(m, l, &s);
}

static void build(model *m, slot_list *l)
{
    const model_config *c = &m->config;
    uint32_t number = 0;
    size_t d = c->width;
    double std = c->init_range, residual = std / sqrt(2 * (double)c->layers);
    char name[64];
    slot tokens = { .name = "wte.weight", .also = c->tied ? "lm_head.weight" : NULL, .rows = c->vocabulary, .columns = d,
                    .number = number++, .std = std, .zero_row = -1 };
    slot positions = { .name = "wpe.weight", .rows = c->context, .columns = d, .number = number++, .std = std, .zero_row = -1 };
    m->tokens = slot_add(m, l, &tokens);
    m->positions = slot_add(m, l, &positions);
    for (size_t i = 0; i < c->layers; i++) {
        block_weights *b = &m->blocks[i];
        snprintf(name, sizeof name, "h.%zu.ln_1", i);
        add_norm(m, l, &b->ln_1, name, &number);
        snprintf(name, sizeof name, "h.%zu.attn.c_attn", i);
        add_linear(m, l, &b->qkv, name, d, 3 * d, std, &number);
        snprintf(name, sizeof name, "h.%zu.attn.c_proj", i);
        add_linear(m, l, &b->out, name, d, d, residual, &number);
        snprintf(name, sizeof name, "h.%zu.ln_2", i);
        add_norm(m, l, &b->ln_2, name, &number);
        snprintf(name, sizeof name, "h.%zu.mlp.c_fc", i);
        add_linear(m, l, &b->up, name, d, c->inner, std, &number);
        snprintf(name, sizeof name, "h.%zu.mlp.c_proj", i);
        add_linear(m, l, &b->down, name, c->inner, d, residual, &number);
    }
    add_norm(m, l, &m->final, "ln_f", &number);
    m->head = m->tokens;
    if (c->tied) return;
    slot head = { .name = "lm_head.weight", .rows = c->vocabulary, .columns = d, .number = number, .std = std, .zero_row = -1 };
    m->head = c->has_head ? slot_add(m, l, &head) : NULL;
}

static void write_config(const model_config *c, buffer *b)
{
    buffer_printf(b, "  \"architectures\": [\"GPT2LMHeadModel\"],\n  \"model_type\": \"gpt2\",\n");
    buffer_printf(b, "  \"n_layer\": %zu,\n  \"n_embd\": %zu,\n  \"n_head\": %zu,\n  \"n_inner\": %zu,\n", c->layers, c->width,
                  c->heads, c->inner);
    buffer_printf(b, "  \"n_positions\": %zu,\n  \"vocab_size\": %zu,\n", c->context, c->vocabulary);
    buffer_printf(b, "  \"activation_function\": \"%s\",\n  \"layer_norm_epsilon\": ", act_name(c->act));
    json_double(b, c->norm_eps);
    buffer_text(b, ",\n");
    buffer_printf(b, "  \"scale_attn_weights\": %s,\n  \"scale_attn_by_inverse_layer_idx\": %s,\n",
                  c->scale_scores ? "true" : "false", c->scale_by_layer ? "true" : "false");
}

static const char *const types[] = { "gpt2", NULL };
static const char *const prefixes[] = { "transformer.", "", NULL };
static const char *const ignored[] = { ".attn.bias", ".attn.masked_bias", NULL };
const family family_gpt2 = { "gpt2", types, prefixes, "wpe.weight", "ln_f.weight", ignored, configure, defaults, build,
                             write_config };
