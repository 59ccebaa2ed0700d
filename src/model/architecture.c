/* SPDX-License-Identifier: MIT */
/* `--arch gpt2,layers=4,width=128,...`: a network without any file. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"

typedef struct {
    size_t layers, width, heads, kv_heads, inner, vocabulary, context, tied;
} sizes;

static const struct {
    const char *key;
    size_t offset;
    bool llama_only;
} keys[] = {
    { "layers", offsetof(sizes, layers), false },     { "width", offsetof(sizes, width), false },
    { "heads", offsetof(sizes, heads), false },       { "inner", offsetof(sizes, inner), false },
    { "vocab", offsetof(sizes, vocabulary), false },  { "context", offsetof(sizes, context), false },
    { "kv-heads", offsetof(sizes, kv_heads), true },
};
enum { KEYS = sizeof keys / sizeof *keys, LARGEST = 1 << 22 };

static int read_key(sizes *s, const family *f, char *part, const char *text, err *e)
{
    const char *words[KEYS + 2] = { NULL };
    char *equals = strchr(part, '=');
    size_t value;
    if (!equals) return err_set(e, ERR_USAGE, "--arch %s: '%s' is not KEY=VALUE", text, part);
    *equals = 0;
    if (str_same(part, "tokenizer")) return 0; /* extract's */
    for (size_t i = 0; i < KEYS; i++) {
        words[i] = keys[i].key;
        if (!str_same(keys[i].key, part)) continue;
        if (keys[i].llama_only && str_same(f->name, "gpt2"))
            return err_set(e, ERR_USAGE, "--arch %s: gpt2 has no %s", text, part);
        if (parse_size(equals + 1, &value) || value < 1 || value > LARGEST)
            return err_set(e, ERR_USAGE, "--arch %s: %s is a whole number from 1 to %d, not '%s'", text, part, LARGEST, equals + 1);
        memcpy((char *)s + keys[i].offset, &value, sizeof value);
        return 0;
    }
    words[KEYS] = "tokenizer";
    err_set(e, ERR_USAGE, "--arch %s: unknown key '%s'", text, part);
    const char *nearest = str_nearest(part, words);
    if (nearest) return err_hint(e, "did you mean %s?", nearest);
    return err_hint(e, "keys are layers, width, heads, kv-heads, inner, vocab, context, tokenizer");
}

static int configure(model_config *c, const sizes *s, const char *text, err *e)
{
    c->layers = s->layers;
    c->width = s->width;
    c->heads = s->heads;
    c->kv_heads = s->kv_heads;
    c->inner = s->inner;
    c->vocabulary = s->vocabulary;
    c->context = s->context;
    if (c->width % c->heads)
        return err_set(e, ERR_USAGE, "--arch %s: width %zu cannot be divided among %zu heads", text, c->width, c->heads);
    c->head_size = c->width / c->heads;
    c->family->defaults(c);
    c->has_head = true;
    c->init_range = 0.02;
    c->padding_row = -1;
    c->bos = c->eos = -1;
    snprintf(c->model_type, sizeof c->model_type, "%s", c->family->name);
    if (config_check(c, "--arch", e)) {
        e->kind = ERR_USAGE;
        return -1;
    }
    return 0;
}

int model_architecture(model **out, const char *text, uint64_t seed, err *e)
{
    sizes s = { .layers = 4, .width = 128, .heads = 4, .vocabulary = 257, .context = 512 };
    model_config c = { 0 };
    model *m = NULL;
    size_t n = 0;
    int status = -1;
    char **parts = str_split(text, ',', &n, e);
    if (!parts) return -1;
    if (!(c.family = family_find(n ? parts[0] : "", e, "--arch"))) {
        e->kind = ERR_USAGE;
        goto done;
    }
    if (!str_same(parts[0], c.family->name)) {
        err_set(e, ERR_USAGE, "--arch: '%s' is read from a folder only; gpt2 and llama need no file", parts[0]);
        goto done;
    }
    for (size_t i = 1; i < n; i++)
        if (read_key(&s, c.family, parts[i], text, e)) goto done;
    if (configure(&c, &s, text, e) || model_new(&m, &c, e) || model_allocate(m, e)) goto done;
    m->identity = str_format(e, "%s,layers=%zu,width=%zu,heads=%zu,kv-heads=%zu,inner=%zu,vocab=%zu,context=%zu, seed %llu",
                             c.family->name, c.layers, c.width, c.heads, c.kv_heads, c.inner, c.vocabulary, c.context,
                             (unsigned long long)seed);
    if (!m->identity) goto done;
    weights_draw(m, seed);
    *out = m;
    m = NULL;
    status = 0;
done:
    free(parts);
    model_free(m);
    return status;
}
