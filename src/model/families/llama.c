/* SPDX-License-Identifier: MIT */
/* Llama (Touvron et al. 2023) and its kin Mistral (sliding window) and Qwen2 (biases on q, k, v): RMSNorm, rotary positions
 * in pairs (i, i + head/2), grouped key/value heads, gated MLP; linear weights stored [out, in]. */
#include <string.h>

#include "../inside.h"

static int configure_rope(model_config *c, const json *j, const char *path, err *e)
{
    const json *r = json_get(j, "rope_scaling");
    const json *newer = json_get(j, "rope_parameters"); /* later versions of the library gather both there */
    c->rope = ROPE_PLAIN;
    c->rope_theta = 10000;
    if (config_real(j, "rope_theta", &c->rope_theta, path, e)) return -1;
    if (json_is_object(newer)) {
        if (config_real(newer, "rope_theta", &c->rope_theta, path, e)) return -1;
        r = newer;
    }
    if (!(c->rope_theta > 0)) return err_set(e, ERR_INPUT, "%s: rope_theta must be above 0", path);
    if (!json_is_object(r)) return 0;
    const char *type = json_text(json_get(r, "rope_type"), json_text(json_get(r, "type"), "default"));
    if (str_same(type, "default")) return 0;
    c->rope_factor = 1;
    if (config_real(r, "factor", &c->rope_factor, path, e)) return -1;
    if (!(c->rope_factor > 0)) return err_set(e, ERR_INPUT, "%s: rope_scaling: factor must be above 0", path);
    c->rope = ROPE_LINEAR;
    if (str_same(type, "linear")) return 0;
    if (!str_same(type, "llama3")) {
        err_set(e, ERR_INPUT, "%s: rope_scaling of type '%.40s' is not known", path, type);
        return err_hint(e, "known are default, linear, llama3");
    }
    c->rope = ROPE_LLAMA3;
    c->rope_low = 1;
    c->rope_high = 4;
    c->rope_original = (double)c->context;
    if (config_real(r, "low_freq_factor", &c->rope_low, path, e) || config_real(r, "high_freq_factor", &c->rope_high, path, e) ||
        config_real(r, "original_max_position_embeddings", &c->rope_original, path, e))
        return -1;
    if (c->rope_low > 0 && c->rope_high > c->rope_low && c->rope_original > 0) return 0;
    return err_set(e, ERR_INPUT, "%s: rope_scaling: high_freq_factor must be above low_freq_factor, above 0", path);
}

static int configure_kin(model_config *c, const json *j, const char *path, err *e)
{
    if (str_same(c->model_type, "mistral")) {
        if (!json_get(j, "sliding_window")) c->window = 4096; /* the library's default when the key is absent, not null */
        return config_size(j, "sliding_window", false, &c->window, path, e);
    }
    if (str_same(c->model_type, "qwen2")) {
        c->qkv_bias = true;
        if (!json_bool(json_get(j, "use_sliding_window"), false)) return 0;
        c->window = 4096;
        c->window_from = 28;
        double from = json_number(json_get(j, "max_window_layers"), 28);
        if (from >= 0 && from < 1e6) c->window_from = (size_t)from;
        if (json_get(j, "sliding_window") && json_is_null(json_get(j, "sliding_window"))) c->window = 0;
        return config_size(j, "sliding_window", false, &c->window, path, e);
    }
    c->qkv_bias = c->out_bias = json_bool(json_get(j, "attention_bias"), false);
    c->mlp_bias = json_bool(json_get(j, "mlp_bias"), false);
    return 0;
}

static int configure(model_config *c, const json *j, const char *path, err *e)
{
    double padding;
    c->context = 2048;
    c->vocabulary = 32000;
    c->norm_eps = 1e-6;
    c->act = ACT_SILU;
    c->rms_norm = c->gated = c->scale_scores = true;
    if (config_size(j, "hidden_size", true, &c->width, path, e) || config_size(j, "num_hidden_layers", true, &c->layers, path, e) ||
        config_size(j, "num_attention_heads", true, &c->heads, path, e) ||
        config_size(j, "intermediate_size", true, &c->inner, path, e) ||
        config_size(j, "vocab_size", false, &c->vocabulary, path, e) ||
        config_size(j, "max_position_embeddings", false, &c->context, path, e))
        return -1;
    c->kv_heads = str_same(c->model_type, "mistral") ? 8 : str_same(c->model_type, "qwen2") ? 32 : c->heads;
    if (json_get(j, "num_key_value_heads") && json_is_null(json_get(j, "num_key_value_heads"))) c->kv_heads = c->heads;
    if (config_size(j, "num_key_value_heads", false, &c->kv_heads, path, e)) return -1;
    c->head_size = c->width / c->heads;
    if (config_size(j, "head_dim", false, &c->head_size, path, e)) return -1;
    if (!c->head_size || (json_is_null(json_get(j, "head_dim")) && c->width % c->heads))
        return err_set(e, ERR_INPUT, "%s: hidden_size %zu cannot be divided among %zu heads", path, c->width, c->heads);
    if (config_real(j, "rms_norm_eps", &c->norm_eps, path, e) || config_act(j, "hidden_act", &c->act, path, e)) return -1;
    c->tied = json_bool(json_get(j, "tie_word_embeddings"), false);
    padding = json_number(json_get(j, "pad_token_id"), -1);
    if (padding >= 0 && padding < (double)c->vocabulary) c->padding_row = (long)padding;
    if (configure_kin(c, j, path, e)) return -1;
    return configure_rope(c, j, path, e);
}

static void defaults(model_config *c)
{
    if (!c->inner) c->inner = (c->width * 8 / 3 + 31) / 32 * 32; /* two thirds of 4·width, as in the paper */
    if (!c->kv_heads) c->kv_heads = c->heads;
    c->norm_eps = 1e-6;
    c->act = ACT_SILU;
    c->rms_norm = c->gated = c->scale_scores = true;
    c->rope = ROPE_PLAIN;
    c->rope_theta = 10000;
}

static void add_norm(model *m, slot_list *l, norm_weights *w, const char *name, uint32_t *number)
{
    slot s = { .rows = m->config.width, .start = START_ONE, .number = (*number)++, .zero_row = -1 };
    snprintf(s.name, sizeof s.name, "%s.weight", name);
    w->gain = slot_add(m, l, &s);
    w->bias = NULL;
}

/* q, k, v (and gate, up) are one product: their weights [out×in] follow one another in memory. */
static void add_parts(model *m, slot_list *l, linear *w, size_t layer, const char *const *parts, const size_t *outs, size_t n,
                      size_t in, bool bias, uint32_t *number)
{
    slot s = { .zero_row = -1 };
    *w = (linear){ .in = in };
    for (size_t i = 0; i < n; i++) {
        s = (slot){ .rows = outs[i], .columns = in, .number = (*number)++, .std = m->config.init_range, .zero_row = -1 };
        snprintf(s.name, sizeof s.name, "layers.%zu.%s.weight", layer, parts[i]);
        float *at = slot_add(m, l, &s);
        if (i == 0) w->w = at;
        w->out += outs[i];
    }
    for (size_t i = 0; i < n && bias; i++) {
        s = (slot){ .rows = outs[i], .start = START_ZERO, .zero_row = -1 };
        snprintf(s.name, sizeof s.name, "layers.%zu.%s.bias", layer, parts[i]);
        float *at = slot_add(m, l, &s);
        if (i == 0) w->bias = at;
    }
}

static void build(model *m, slot_list *l)
{
    static const char *const qkv[] = { "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj" };
    static const char *const out[] = { "self_attn.o_proj" }, *const up[] = { "mlp.gate_proj", "mlp.up_proj" };
    static const char *const down[] = { "mlp.down_proj" };
    const model_config *c = &m->config;
    uint32_t number = 0;
    char name[64];
    size_t d = c->width, q = c->heads * c->head_size, kv = c->kv_heads * c->head_size;
    const size_t outs_qkv[] = { q, kv, kv }, outs_up[] = { c->inner, c->inner };
    slot tokens = { .name = "embed_tokens.weight", .also = c->tied ? "lm_head.weight" : NULL, .rows = c->vocabulary,
                    .columns = d, .number = number++, .std = c->init_range, .zero_row = c->padding_row };
    m->tokens = slot_add(m, l, &tokens);
    m->positions = NULL;
    for (size_t i = 0; i < c->layers; i++) {
        block_weights *b = &m->blocks[i];
        snprintf(name, sizeof name, "layers.%zu.input_layernorm", i);
        add_norm(m, l, &b->ln_1, name, &number);
        add_parts(m, l, &b->qkv, i, qkv, outs_qkv, 3, d, c->qkv_bias, &number);
        add_parts(m, l, &b->out, i, out, &d, 1, q, c->out_bias, &number);
        snprintf(name, sizeof name, "layers.%zu.post_attention_layernorm", i);
        add_norm(m, l, &b->ln_2, name, &number);
        add_parts(m, l, &b->up, i, up, outs_up, 2, d, c->mlp_bias, &number);
        add_parts(m, l, &b->down, i, down, &d, 1, c->inner, c->mlp_bias, &number);
    }
    add_norm(m, l, &m->final, "norm", &number);
    m->head = m->tokens;
    if (c->tied) return;
    slot head = { .name = "lm_head.weight", .rows = c->vocabulary, .columns = d, .number = number, .std = c->init_range,
                  .zero_row = -1 };
    m->head = c->has_head ? slot_add(m, l, &head) : NULL;
}

static void write_rope(const model_config *c, buffer *b)
{
    buffer_printf(b, "  \"rope_theta\": %.17g,\n  \"rope_scaling\": ", c->rope_theta);
    if (c->rope == ROPE_LINEAR)
        buffer_printf(b, "{\"rope_type\": \"linear\", \"type\": \"linear\", \"factor\": %.17g},\n", c->rope_factor);
    else if (c->rope == ROPE_LLAMA3)
        buffer_printf(b,
                      "{\"rope_type\": \"llama3\", \"factor\": %.17g, \"low_freq_factor\": %.17g, \"high_freq_factor\": %.17g, "
                      "\"original_max_position_embeddings\": %.0f},\n",
                      c->rope_factor, c->rope_low, c->rope_high, c->rope_original);
    else
        buffer_text(b, "null,\n");
}

static void write_config(const model_config *c, buffer *b)
{
    bool mistral = str_same(c->model_type, "mistral"), qwen2 = str_same(c->model_type, "qwen2");
    buffer_printf(b, "  \"architectures\": [\"%sForCausalLM\"],\n  \"model_type\": \"%s\",\n",
                  mistral ? "Mistral" : qwen2 ? "Qwen2" : "Llama", c->model_type);
    buffer_printf(b, "  \"num_hidden_layers\": %zu,\n  \"hidden_size\": %zu,\n  \"num_attention_heads\": %zu,\n", c->layers,
                  c->width, c->heads);
    buffer_printf(b, "  \"num_key_value_heads\": %zu,\n  \"head_dim\": %zu,\n  \"intermediate_size\": %zu,\n", c->kv_heads,
                  c->head_size, c->inner);
    buffer_printf(b, "  \"max_position_embeddings\": %zu,\n  \"vocab_size\": %zu,\n", c->context, c->vocabulary);
    buffer_printf(b, "  \"hidden_act\": \"%s\",\n  \"rms_norm_eps\": ", act_name(c->act));
    json_double(b, c->norm_eps);
    buffer_text(b, ",\n");
    write_rope(c, b);
    if (mistral || qwen2) {
        if (c->window) buffer_printf(b, "  \"sliding_window\": %zu,\n", c->window);
        else buffer_text(b, "  \"sliding_window\": null,\n");
    }
    if (qwen2)
        buffer_printf(b, "  \"use_sliding_window\": %s,\n  \"max_window_layers\": %zu,\n", c->window ? "true" : "false",
                      c->window ? c->window_from : c->layers);
    if (!mistral && !qwen2)
        buffer_printf(b, "  \"attention_bias\": %s,\n  \"mlp_bias\": %s,\n", c->qkv_bias ? "true" : "false",
                      c->mlp_bias ? "true" : "false");
}

static const char *const types[] = { "llama", "mistral", "qwen2", NULL };
static const char *const prefixes[] = { "model.", "", NULL };
static const char *const ignored[] = { ".rotary_emb.inv_freq", NULL };
const family family_llama = { "llama", types, prefixes, "norm.weight", "embed_tokens.weight", ignored, configure, defaults,
                              build, write_config };
