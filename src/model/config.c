/* SPDX-License-Identifier: MIT */
/* config.json of a model folder: which family, which sizes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

enum { CONFIG_LIMIT = 16 * 1024 * 1024, LARGEST = 1 << 22, MOST_LAYERS = 10000 };

static const family *const families[] = { &family_gpt2, &family_llama, &family_suma, NULL };

const family *family_find(const char *model_type, err *e, const char *where)
{
    const char *known[32];
    size_t n = 0;
    buffer list = { 0 };
    for (size_t f = 0; families[f]; f++)
        for (size_t i = 0; families[f]->types[i]; i++) {
            if (str_same(families[f]->types[i], model_type)) return families[f];
            known[n++] = families[f]->types[i];
        }
    known[n] = NULL;
    for (size_t i = 0; i < n; i++) buffer_printf(&list, "%s%s", i ? ", " : "", known[i]);
    err_set(e, ERR_INPUT, "%s: architecture '%.60s' is not known; known are %s", where, model_type, list.at ? list.at : "");
    const char *nearest = str_nearest(model_type, known);
    if (nearest) err_hint(e, "the nearest one is '%s'", nearest);
    free(list.at);
    return NULL;
}

int config_size(const json *j, const char *key, bool needed, size_t *out, const char *path, err *e)
{
    const json *v = json_get(j, key);
    if (json_is_null(v)) return needed ? err_set(e, ERR_INPUT, "%s: %s is missing", path, key) : 0;
    double x = json_number(v, -1);
    if (!(x >= 1) || x > LARGEST || floor(x) != x)
        return err_set(e, ERR_INPUT, "%s: %s is not a whole number from 1 to %d", path, key, LARGEST);
    *out = (size_t)x;
    return 0;
}

int config_real(const json *j, const char *key, double *out, const char *path, err *e)
{
    const json *v = json_get(j, key);
    if (json_is_null(v)) return 0;
    double x = json_number(v, NAN);
    if (!isfinite(x) || x < 0) return err_set(e, ERR_INPUT, "%s: %s is not a number >= 0", path, key);
    *out = x;
    return 0;
}

static const struct {
    const char *name;
    act_kind act;
} acts[] = {
    { "gelu_new", ACT_GELU_TANH }, { "gelu_pytorch_tanh", ACT_GELU_TANH }, { "gelu_fast", ACT_GELU_TANH },
    { "gelu", ACT_GELU_ERF },      { "silu", ACT_SILU },                   { "swish", ACT_SILU },
    { "relu", ACT_RELU },
};

const char *act_name(act_kind act)
{
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (acts[i].act == act) return acts[i].name;
    return "";
}

int config_act(const json *j, const char *key, act_kind *out, const char *path, err *e)
{
    const json *v = json_get(j, key);
    if (json_is_null(v)) return 0;
    const char *name = json_text(v, "");
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (str_same(acts[i].name, name)) {
            *out = acts[i].act;
            return 0;
        }
    err_set(e, ERR_INPUT, "%s: %s '%.40s' is not known", path, key, name);
    return err_hint(e, "known are gelu_new, gelu_pytorch_tanh, gelu, silu, relu");
}

const char *attend_name(attend_kind kind)
{
    return kind == ATTEND_SOFTMAX ? "softmax" : kind == ATTEND_MEAN ? "mean" : kind == ATTEND_LINEAR ? "linear" : NULL;
}

int config_check(const model_config *c, const char *path, err *e)
{
    if (c->heads * c->head_size > LARGEST || c->layers > MOST_LAYERS)
        return err_set(e, ERR_INPUT, "%s: %zu layers, %zu heads of size %zu are beyond what can be", path, c->layers, c->heads,
                       c->head_size);
    if (c->kv_heads == 0 || c->heads % c->kv_heads)
        return err_set(e, ERR_INPUT, "%s: %zu heads cannot share %zu key/value heads", path, c->heads, c->kv_heads);
    if (c->rope != ROPE_NONE && c->head_size % 2)
        return err_set(e, ERR_INPUT, "%s: heads of size %zu have no rotary pairs", path, c->head_size);
    return 0;
}

static bool names_a_bare_model(const json *j)
{
    const char *name = json_text(json_first(json_get(j, "architectures")), "");
    return str_ends(name, "Model") && !str_ends(name, "LMHeadModel");
}

int config_read(model_config *c, const char *folder, err *e)
{
    json *j = NULL;
    int status = -1;
    char *path = str_format(e, "%s/config.json", folder);
    memset(c, 0, sizeof *c);
    if (!path || json_read(&j, path, CONFIG_LIMIT, e)) goto done;
    const char *type = json_text(json_get(j, "model_type"), NULL);
    if (!type) {
        err_set(e, ERR_INPUT, "%s: model_type is missing", path);
        goto done;
    }
    if (!(c->family = family_find(type, e, path))) goto done;
    if (json_is_object(json_get(j, "quantization_config"))) {
        err_set(e, ERR_INPUT, "%s: quantised weights are not known", path);
        goto done;
    }
    snprintf(c->model_type, sizeof c->model_type, "%s", type);
    c->has_head = !names_a_bare_model(j);
    c->padding_row = -1;
    c->init_range = 0.02;
    c->cycles = 1;
    c->residual = c->mlp = true;
    if (c->family->configure(c, j, path, e)) goto done;
    if (config_real(j, "initializer_range", &c->init_range, path, e)) goto done;
    double id = json_number(json_get(j, "bos_token_id"), -1);
    c->bos = id >= 0 && id < (double)c->vocabulary ? (int32_t)id : -1;
    id = json_number(json_get(j, "eos_token_id"), -1);
    c->eos = id >= 0 && id < (double)c->vocabulary ? (int32_t)id : -1;
    status = config_check(c, path, e);
done:
    if (status) err_while(e, "reading the model folder %s", folder);
    json_free(j);
    free(path);
    return status;
}
