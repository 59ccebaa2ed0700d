/* SPDX-License-Identifier: MIT */
/* Writes a model as a Hugging Face folder: config.json and model.safetensors in fp32 with the published names. */
#include <stdlib.h>
#include <string.h>

#include "broca/store.h"
#include "broca/tensors.h"
#include "inside.h"

static void full_name(const model *m, const slot *s, char *name, size_t room)
{
    snprintf(name, room, "%s%s", str_same(s->name, "lm_head.weight") ? "" : m->config.family->prefixes[0], s->name);
}

static int write_weights(const model *m, const char *path, err *e)
{
    int status = -1;
    stored_tensor *list = mem_new(m->slots.n, sizeof *list, e);
    char (*names)[160] = mem_new(m->slots.n, sizeof *names, e);
    if (list && names) {
        for (size_t i = 0; i < m->slots.n; i++) {
            const slot *s = &m->slots.at[i];
            full_name(m, s, names[i], sizeof names[i]);
            list[i] = (stored_tensor){ .name = names[i], .rows = s->rows, .columns = s->columns, .at = m->all + s->at };
        }
        status = tensors_write(path, list, m->slots.n, e);
    }
    free(list);
    free(names);
    return status;
}

static int write_config_file(const model *m, const char *path, err *e)
{
    const model_config *c = &m->config;
    buffer b = { 0 };
    buffer_text(&b, "{\n");
    c->family->write_config(c, &b);
    buffer_text(&b, "  \"initializer_range\": ");
    json_double(&b, c->init_range);
    buffer_printf(&b, ",\n  \"tie_word_embeddings\": %s,\n", c->tied ? "true" : "false");
    if (c->bos >= 0) buffer_printf(&b, "  \"bos_token_id\": %d,\n", c->bos);
    if (c->eos >= 0) buffer_printf(&b, "  \"eos_token_id\": %d,\n", c->eos);
    buffer_text(&b, "  \"torch_dtype\": \"float32\"\n}\n");
    int status = buffer_ok(&b, e) ? -1 : atomic_write(path, b.at, b.size, e);
    free(b.at);
    return status;
}

int model_save(const model *m, const char *folder, err *e)
{
    int status = -1;
    char *weights = str_format(e, "%s/model.safetensors", folder), *config = str_format(e, "%s/config.json", folder);
    if (!weights || !config || folder_make(folder, e)) goto done;
    if (write_weights(m, weights, e)) goto done;
    status = write_config_file(m, config, e);
done:
    if (status) err_while(e, "saving the model to %s", folder);
    free(weights);
    free(config);
    return status;
}
