/* SPDX-License-Identifier: MIT */
/* `--arch gpt2,layers=4,width=128,...`, `--arch suma,d=4096,heads=512,...`: a network without any file. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"

/* 0: not said. */
typedef struct {
    size_t layers, width, heads, kv_heads, inner, vocabulary, context, cycles, attention, residual, mlp;
} sizes;

enum { GPT2 = 1, LLAMA = 2, SUMA = 4, EACH = 7, LARGEST = 1 << 22 };
static const struct {
    const char *key;
    size_t offset;
    int families;
    const char *words; /* NULL: a whole number; else one of these, numbered from 0 */
} keys[] = {
    { "layers", offsetof(sizes, layers), GPT2 | LLAMA, NULL },
    { "width", offsetof(sizes, width), EACH, NULL },
    { "d", offsetof(sizes, width), SUMA, NULL },
    { "heads", offsetof(sizes, heads), EACH, NULL },
    { "inner", offsetof(sizes, inner), EACH, NULL },
    { "vocab", offsetof(sizes, vocabulary), EACH, NULL },
    { "context", offsetof(sizes, context), EACH, NULL },
    { "kv-heads", offsetof(sizes, kv_heads), LLAMA, NULL },
    { "cycles", offsetof(sizes, cycles), SUMA, NULL },
    { "attention", offsetof(sizes, attention), SUMA, "softmax mean linear" },
    { "residual", offsetof(sizes, residual), SUMA, "no yes" },
    { "mlp", offsetof(sizes, mlp), SUMA, "no yes" },
};
enum { KEYS = sizeof keys / sizeof *keys };

static int family_bit(const family *f)
{
    return f == &family_gpt2 ? GPT2 : f == &family_llama ? LLAMA : SUMA;
}

/* Place of word in the blank-separated list, or -1. */
static int word_number(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (int k = 0; *list; k++) {
        size_t n = strcspn(list, " ");
        if (n == length && memcmp(list, word, n) == 0) return k;
        list += n + (list[n] == ' ');
    }
    return -1;
}

static int read_value(size_t *value, size_t key, const char *given, const char *text, err *e)
{
    if (keys[key].words) {
        int number = word_number(keys[key].words, given);
        if (number < 0)
            return err_set(e, ERR_USAGE, "--arch %s: %s is one of %s, not '%s'", text, keys[key].key, keys[key].words,
                           given);
        *value = (size_t)number;
        return 0;
    }
    if (parse_size(given, value) || *value < 1 || *value > LARGEST)
        return err_set(e, ERR_USAGE, "--arch %s: %s is a whole number from 1 to %d, not '%s'", text, keys[key].key,
                       LARGEST, given);
    return 0;
}

static int read_key(sizes *s, const family *f, char *part, const char *text, err *e)
{
    const char *words[KEYS + 2] = { "tokenizer" };
    char *equals = strchr(part, '=');
    buffer known = { 0 };
    size_t value, n = 1;
    if (!equals) return err_set(e, ERR_USAGE, "--arch %s: '%s' is not KEY=VALUE", text, part);
    *equals = 0;
    if (str_same(part, "tokenizer")) return 0; /* extract's */
    for (size_t i = 0; i < KEYS; i++) {
        bool fits = keys[i].families & family_bit(f);
        if (fits) words[n++] = keys[i].key;
        if (fits) buffer_printf(&known, "%s, ", keys[i].key);
        if (!str_same(keys[i].key, part)) continue;
        free(known.at);
        if (!fits) return err_set(e, ERR_USAGE, "--arch %s: %s has no %s", text, f->name, part);
        if (read_value(&value, i, equals + 1, text, e)) return -1;
        memcpy((char *)s + keys[i].offset, &value, sizeof value);
        return 0;
    }
    err_set(e, ERR_USAGE, "--arch %s: unknown key '%s'", text, part);
    const char *nearest = str_nearest(part, words);
    if (nearest)
        err_hint(e, "did you mean %s?", nearest);
    else
        err_hint(e, "keys are %stokenizer", known.at ? known.at : "");
    free(known.at);
    return -1;
}

/* What is not said: a small transformer, or SUMA as published. */
static sizes fallback(const family *f)
{
    sizes s = {
        .layers = 4, .width = 128, .heads = 4, .vocabulary = 257, .context = 512, .cycles = 1, .residual = 1, .mlp = 1
    };
    if (f == &family_suma)
        s = (sizes){ .layers = 1, .width = 4096, .vocabulary = 257, .context = 4096, .cycles = 2, .residual = 1 };
    return s;
}

static int configure(model_config *c, const sizes *s, const char *text, err *e)
{
    c->layers = s->layers;
    c->width = s->width;
    c->heads = s->heads ? s->heads : (s->width + 7) / 8; /* heads of 8 */
    c->kv_heads = s->kv_heads;
    c->inner = s->inner;
    c->vocabulary = s->vocabulary;
    c->context = s->context;
    c->cycles = s->cycles;
    c->attention = (attend_kind)s->attention;
    c->residual = s->residual;
    c->mlp = s->mlp;
    if (c->width % c->heads)
        return err_set(e, ERR_USAGE, "--arch %s: width %zu cannot be divided among %zu heads", text, c->width,
                       c->heads);
    if (c->inner && !c->mlp) {
        err_set(e, ERR_USAGE, "--arch %s: inner is the width of an MLP, and there is none", text);
        return err_hint(e, "add mlp=yes");
    }
    c->head_size = c->width / c->heads;
    c->family->defaults(c);
    c->has_head = c->family != &family_suma;
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

static char *identity(const model_config *c, uint64_t seed, err *e)
{
    unsigned long long number = seed;
    if (c->family == &family_suma)
        return str_format(e,
                          "suma,d=%zu,heads=%zu,cycles=%zu,attention=%s,residual=%s,mlp=%s,inner=%zu,vocab=%zu,context="
                          "%zu, seed %llu",
                          c->width, c->heads, c->cycles, attend_name(c->attention), c->residual ? "yes" : "no",
                          c->mlp ? "yes" : "no", c->inner, c->vocabulary, c->context, number);
    return str_format(e, "%s,layers=%zu,width=%zu,heads=%zu,kv-heads=%zu,inner=%zu,vocab=%zu,context=%zu, seed %llu",
                      c->family->name, c->layers, c->width, c->heads, c->kv_heads, c->inner, c->vocabulary, c->context,
                      number);
}

int model_architecture(model **out, const char *text, uint64_t seed, err *e)
{
    sizes s;
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
        err_set(e, ERR_USAGE, "--arch: '%s' is read from a folder only; gpt2, llama and suma need no file", parts[0]);
        goto done;
    }
    s = fallback(c.family);
    for (size_t i = 1; i < n; i++)
        if (read_key(&s, c.family, parts[i], text, e)) goto done;
    if (configure(&c, &s, text, e) || model_new(&m, &c, e) || model_allocate(m, e)) goto done;
    if (!(m->identity = identity(&c, seed, e))) goto done;
    weights_draw(m, seed);
    *out = m;
    m = NULL;
    status = 0;
done:
    free(parts);
    model_free(m);
    return status;
}
