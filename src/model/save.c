/* SPDX-License-Identifier: MIT */
/* Writes a model as a Hugging Face folder: config.json and model.safetensors in fp32 with the published names. */
#include <stdlib.h>
#include <string.h>

#include "broca/store.h"
#include "inside.h"

static void full_name(const model *m, const slot *s, char *name, size_t room)
{
    snprintf(name, room, "%s%s", str_same(s->name, "lm_head.weight") ? "" : m->config.family->prefixes[0], s->name);
}

static size_t slot_bytes(const slot *s)
{
    return s->rows * (s->columns ? s->columns : 1) * sizeof(float);
}

/* The header is padded with blanks to 8 bytes, so that tensors lie aligned in a mapping. */
static void write_header(const model *m, buffer *b)
{
    char name[160];
    size_t at = 0;
    buffer_text(b, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < m->slots.n; i++) {
        const slot *s = &m->slots.at[i];
        full_name(m, s, name, sizeof name);
        buffer_printf(b, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%zu", name, s->rows);
        if (s->columns) buffer_printf(b, ",%zu", s->columns);
        buffer_printf(b, "],\"data_offsets\":[%zu,%zu]}", at, at + slot_bytes(s));
        at += slot_bytes(s);
    }
    buffer_text(b, "}");
    while (b->size % 8) buffer_text(b, " ");
}

static int write_weights(const model *m, const char *path, err *e)
{
    buffer header = { 0 };
    atomic *file = NULL;
    FILE *f = NULL;
    int status = -1;
    unsigned char length[8];
    write_header(m, &header);
    if (buffer_ok(&header, e) || atomic_open(&file, path, e)) goto done;
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)header.size >> (8 * i));
    if (!(f = fopen(atomic_temporary(file), "wb"))) {
        err_system(e, "%s cannot be written", path);
        goto done;
    }
    /* slots lie in memory in their order without gaps */
    bool bad = fwrite(length, 1, 8, f) != 8 || fwrite(header.at, 1, header.size, f) != header.size ||
               fwrite(m->all, sizeof(float), m->floats, f) != m->floats;
    if (fclose(f) || bad) {
        err_system(e, "%s cannot be written", path);
        goto done;
    }
    status = atomic_commit(file, e);
    file = NULL;
done:
    atomic_abandon(file);
    free(header.at);
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
