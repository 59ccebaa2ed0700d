/* SPDX-License-Identifier: MIT */
/* SUMA (AlKhamissi et al. 2024; METHODS 7.1): an untrained network of one block, used several times with the same
 * weights: RMSNorm, attention of many small heads, no positions (order enters by the causal mask alone), no biases,
 * and, in an ablation, the gated MLP behind a second norm. Tensors carry Llama's names; there is no head. */
#include <string.h>

#include "../inside.h"

static int configure_attention(model_config *c, const json *j, const char *path, err *e)
{
    const char *name = json_text(json_get(j, "attention"), "softmax");
    for (int k = 0; attend_name((attend_kind)k); k++)
        if (str_same(attend_name((attend_kind)k), name)) {
            c->attention = (attend_kind)k;
            return 0;
        }
    err_set(e, ERR_INPUT, "%s: attention '%.40s' is not known", path, name);
    return err_hint(e, "known are softmax, mean, linear");
}

static void defaults(model_config *c)
{
    c->layers = 1;
    c->kv_heads = c->heads;
    c->norm_eps = 1e-6;
    c->act = ACT_SILU;
    c->rms_norm = c->gated = c->scale_scores = true;
    c->tied = false;
    if (c->mlp && !c->inner) c->inner = (c->width * 8 / 3 + 31) / 32 * 32; /* 10944 at 4096; the paper's code: 11008 */
    if (!c->mlp) c->inner = 0;
}

static int configure(model_config *c, const json *j, const char *path, err *e)
{
    c->vocabulary = 32000;
    c->cycles = 2;
    c->context = 4096;
    if (config_size(j, "hidden_size", true, &c->width, path, e) ||
        config_size(j, "num_attention_heads", true, &c->heads, path, e) ||
        config_size(j, "num_cycles", false, &c->cycles, path, e) ||
        config_size(j, "vocab_size", false, &c->vocabulary, path, e) ||
        config_size(j, "max_position_embeddings", false, &c->context, path, e))
        return -1;
    c->residual = json_bool(json_get(j, "residual"), true);
    c->mlp = json_bool(json_get(j, "mlp"), false);
    if (c->mlp && config_size(j, "intermediate_size", false, &c->inner, path, e)) return -1;
    defaults(c);
    if (config_real(j, "rms_norm_eps", &c->norm_eps, path, e)) return -1;
    if (c->width % c->heads)
        return err_set(e, ERR_INPUT, "%s: hidden_size %zu cannot be divided among %zu heads", path, c->width, c->heads);
    c->head_size = c->width / c->heads;
    c->has_head = false;
    return configure_attention(c, j, path, e);
}

static float *add_matrix(model *m, slot_list *l, const char *name, size_t out, size_t in, uint32_t number)
{
    slot s = { .rows = out, .columns = in, .number = number, .std = m->config.init_range, .zero_row = -1 };
    snprintf(s.name, sizeof s.name, "%s.weight", name);
    return slot_add(m, l, &s);
}

static float *add_gain(model *m, slot_list *l, const char *name, uint32_t number)
{
    slot s = { .rows = m->config.width, .start = START_ONE, .number = number, .zero_row = -1 };
    snprintf(s.name, sizeof s.name, "%s.weight", name);
    return slot_add(m, l, &s);
}

/* Numbers are those of a block with its MLP, so that a seed draws the same attention with and without it. */
static void build(model *m, slot_list *l)
{
    const model_config *c = &m->config;
    block_weights *b = &m->blocks[0];
    size_t d = c->width;
    *b = (block_weights){ 0 };
    m->tokens = add_matrix(m, l, "embed_tokens", c->vocabulary, d, 0);
    m->positions = m->head = NULL;
    b->ln_1.gain = add_gain(m, l, "layers.0.input_layernorm", 1);
    b->qkv = (linear){ .w = add_matrix(m, l, "layers.0.self_attn.q_proj", d, d, 2), .in = d, .out = 3 * d };
    add_matrix(m, l, "layers.0.self_attn.k_proj", d, d, 3);
    float *v = add_matrix(m, l, "layers.0.self_attn.v_proj", d, d, 4);
    if (c->attention == ATTEND_MEAN) b->qkv = (linear){ .w = v, .in = d, .out = d }; /* nobody asks for q and k */
    b->out = (linear){ .w = add_matrix(m, l, "layers.0.self_attn.o_proj", d, d, 5), .in = d, .out = d };
    if (c->mlp) {
        b->ln_2.gain = add_gain(m, l, "layers.0.post_attention_layernorm", 6);
        b->up =
            (linear){ .w = add_matrix(m, l, "layers.0.mlp.gate_proj", c->inner, d, 7), .in = d, .out = 2 * c->inner };
        add_matrix(m, l, "layers.0.mlp.up_proj", c->inner, d, 8);
        b->down = (linear){ .w = add_matrix(m, l, "layers.0.mlp.down_proj", d, c->inner, 9), .in = c->inner, .out = d };
    }
    m->final.gain = add_gain(m, l, "norm", 10);
}

static void write_config(const model_config *c, buffer *b)
{
    buffer_text(b, "  \"architectures\": [\"SumaModel\"],\n  \"model_type\": \"suma\",\n");
    buffer_printf(b, "  \"vocab_size\": %zu,\n  \"hidden_size\": %zu,\n  \"num_attention_heads\": %zu,\n",
                  c->vocabulary, c->width, c->heads);
    buffer_printf(b, "  \"num_cycles\": %zu,\n  \"attention\": \"%s\",\n  \"residual\": %s,\n", c->cycles,
                  attend_name(c->attention), c->residual ? "true" : "false");
    buffer_printf(b, "  \"mlp\": %s,\n  \"intermediate_size\": %zu,\n  \"max_position_embeddings\": %zu,\n",
                  c->mlp ? "true" : "false", c->inner, c->context);
    buffer_text(b, "  \"rms_norm_eps\": ");
    json_double(b, c->norm_eps);
    buffer_text(b, ",\n");
}

static const char *const types[] = { "suma", NULL };
static const char *const prefixes[] = { "model.", "", NULL };
static const char *const ignored[] = { ".rotary_emb.inv_freq", NULL };
const family family_suma = { "suma",  types,     prefixes, "norm.weight", "embed_tokens.weight",
                             ignored, configure, defaults, build,         write_config };
