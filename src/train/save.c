/* SPDX-License-Identifier: MIT */
/* A trained network as a Hugging Face folder, and its weights alone at full precision (CONTRACT "Model folders that broca
 * writes"). */
#include <stdlib.h>
#include <string.h>

#include "broca/store.h"
#include "broca/tensors.h"
#include "engine.h"

/* ---- weights ---- */

/* all: with the biases that the model has not, as zeros; the library's models have them always. */
static stored_tensor *tensor_table(const trainer *t, bool all, stored_type type, size_t *n, err *e)
{
    stored_tensor *list = mem_new(t->list.n, sizeof *list, e);
    *n = 0;
    for (size_t i = 0; list && i < t->list.n; i++) {
        const tensor *s = &t->list.at[i];
        if (!s->stored && !all) continue;
        list[(*n)++] = (stored_tensor){ .name = s->name, .rows = s->rows, .columns = s->columns, .type = type,
                                        .wide = t->run->element == 8,
                                        .at = s->stored ? (char *)t->value + s->at * t->run->element : NULL };
    }
    return list;
}

int trainer_write_weights(const trainer *t, const char *path, err *e)
{
    size_t n;
    stored_tensor *list = tensor_table(t, false, t->run->element == 8 ? STORED_F64 : STORED_F32, &n, e);
    int status = list ? tensors_write(path, list, n, e) : -1;
    free(list);
    return status;
}

int trainer_read_weights(trainer *t, const char *path, err *e)
{
    size_t n;
    stored_tensor *list = tensor_table(t, false, STORED_F32, &n, e);
    int status = list ? tensors_read(path, list, n, e) : -1;
    free(list);
    return status;
}

static int write_sheets(const trainer *t, const char *path, err *e)
{
    stored_tensor *list = mem_new(t->taps, sizeof *list, e);
    if (!list) return -1;
    for (size_t i = 0; i < t->taps; i++)
        list[i] = (stored_tensor){ .name = t->tap_names[i], .rows = t->m.width, .columns = 2, .at = t->sheets[i].place };
    int status = tensors_write(path, list, t->taps, e);
    free(list);
    return status;
}

/* ---- config.json ---- */

static void add_gpt2(const train_model *m, buffer *b)
{
    buffer_text(b, "  \"architectures\": [\"GPT2LMHeadModel\"],\n  \"model_type\": \"gpt2\",\n");
    buffer_printf(b, "  \"n_layer\": %zu,\n  \"n_embd\": %zu,\n  \"n_head\": %zu,\n  \"n_inner\": %zu,\n", m->layers, m->width,
                  m->heads, m->inner);
    buffer_printf(b, "  \"n_positions\": %zu,\n  \"vocab_size\": %zu,\n", m->context, m->vocabulary);
    buffer_text(b, "  \"activation_function\": \"gelu\",\n  \"layer_norm_epsilon\": ");
    json_double(b, m->norm_eps);
    buffer_text(b, ",\n  \"attn_pdrop\": 0.0,\n  \"embd_pdrop\": 0.0,\n  \"resid_pdrop\": 0.0,\n");
}

static void add_llama(const train_model *m, buffer *b)
{
    buffer_text(b, "  \"architectures\": [\"LlamaForCausalLM\"],\n  \"model_type\": \"llama\",\n");
    buffer_printf(b, "  \"num_hidden_layers\": %zu,\n  \"hidden_size\": %zu,\n  \"num_attention_heads\": %zu,\n", m->layers,
                  m->width, m->heads);
    buffer_printf(b, "  \"num_key_value_heads\": %zu,\n  \"head_dim\": %zu,\n  \"intermediate_size\": %zu,\n", m->kv_heads,
                  m->width / m->heads, m->inner);
    buffer_printf(b, "  \"max_position_embeddings\": %zu,\n  \"vocab_size\": %zu,\n", m->context, m->vocabulary);
    buffer_text(b, "  \"hidden_act\": \"silu\",\n  \"rms_norm_eps\": ");
    json_double(b, m->norm_eps);
    buffer_text(b, ",\n  \"rope_theta\": ");
    json_double(b, m->rope_theta);
    buffer_text(b, ",\n  \"rope_scaling\": null,\n  \"attention_bias\": false,\n  \"mlp_bias\": false,\n");
}

static void add_topography(const train_model *m, buffer *b)
{
    buffer_printf(b, ",\n  \"topography\": {\n    \"sheet\": [%zu, %zu],\n    \"placement\": \"%s\",\n    \"alpha\": ", m->sheet_rows,
                  m->sheet_columns, m->placement == TRAIN_PRE ? "pre" : "post");
    json_double(b, m->alpha);
    buffer_printf(b, ",\n    \"radius\": %zu,\n    \"neighbourhoods\": %zu\n  }", m->radius, m->neighbourhoods);
}

static int write_config(const trainer *t, const char *path, bool half, err *e)
{
    const train_model *m = &t->m;
    buffer b = { 0 };
    buffer_text(&b, "{\n");
    if (m->family == TRAIN_GPT2) add_gpt2(m, &b);
    else add_llama(m, &b);
    buffer_text(&b, "  \"initializer_range\": ");
    json_double(&b, m->init_std);
    buffer_printf(&b, ",\n  \"tie_word_embeddings\": %s,\n", m->tied ? "true" : "false");
    if (m->end >= 0) buffer_printf(&b, "  \"bos_token_id\": %d,\n  \"eos_token_id\": %d,\n", m->end, m->end);
    buffer_printf(&b, "  \"torch_dtype\": \"%s\"", half ? "float16" : "float32");
    if (t->taps) add_topography(m, &b);
    buffer_text(&b, "\n}\n");
    int status = buffer_ok(&b, e) ? -1 : atomic_write(path, b.at, b.size, e);
    free(b.at);
    return status;
}

int trainer_save(const trainer *t, const char *folder, bool half, err *e)
{
    int status = -1;
    size_t n;
    stored_tensor *list = tensor_table(t, true, half ? STORED_F16 : STORED_F32, &n, e);
    char *weights = str_format(e, "%s/model.safetensors", folder), *config = str_format(e, "%s/config.json", folder);
    char *sheets = str_format(e, "%s/topography.safetensors", folder);
    if (!list || !weights || !config || !sheets || folder_make(folder, e)) goto done;
    if (tensors_write(weights, list, n, e) || (t->taps && write_sheets(t, sheets, e))) goto done;
    status = write_config(t, config, half, e);
done:
    if (status) err_while(e, "saving the model to %s", folder);
    free(list);
    free(weights);
    free(config);
    free(sheets);
    return status;
}
