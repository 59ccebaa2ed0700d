/* SPDX-License-Identifier: MIT */
/* The command that repeats a product: as its sidecar tells, else put together from its config and inputs. */
#ifndef BROCA_REPEAT_H
#define BROCA_REPEAT_H

#include <string.h>

#include "broca/base.h"
#include "broca/store.h"

static inline void add_scalar(buffer *b, const json *j)
{
    if (json_is_text(j)) buffer_text(b, json_text(j, ""));
    else if (json_is_number(j)) json_double(b, json_number(j, 0));
    else if (json_is_null(j)) buffer_text(b, "-");
    else buffer_text(b, json_bool(j, false) ? "yes" : "no");
}

/* A word as a shell takes it. */
static inline void add_word(buffer *b, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=,+-%@";
    bool quote = !*word || strspn(word, plain) != strlen(word);
    if (quote) buffer_text(b, "'");
    for (; *word; word++) {
        if (*word == '\'') buffer_text(b, "'\\''");
        else buffer_add(b, word, 1);
    }
    if (quote) buffer_text(b, "'");
}

static inline void add_option(buffer *b, const char *name, const json *value)
{
    buffer text = { 0 };
    if (json_is_null(value) || (!json_is_text(value) && !json_is_number(value) && !json_bool(value, false))) return;
    buffer_printf(b, " --%s", name);
    if (json_is_text(value) || json_is_number(value)) {
        add_scalar(&text, value);
        buffer_text(b, " ");
        add_word(b, text.at ? text.at : "");
    }
    free(text.at);
}

static inline const char *stage_of(store *s)
{
    static const char *const made[][2] = { { "stimuli", "import" }, { "tokens", "tokenize" }, { "activations", "extract" },
                                           { "localizer", "localize" }, { "encoding", "encode" }, { "ceiling", "ceiling" },
                                           { "scores", "score" }, { "topography", "topography" }, { "mapping", "steer" } };
    if (str_same(store_kind(s), "responses")) return store_has(s, "truth") ? "simulate" : "import";
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        if (str_same(made[i][0], store_kind(s))) return made[i][1];
    return NULL;
}

static inline void repeat_from_sidecar(buffer *b, const json *command)
{
    for (const json *c = json_first(command); c; c = json_next(c)) {
        const char *word = json_text(c, ""), *slash = strrchr(word, '/');
        if (c != json_first(command)) {
            buffer_text(b, " ");
            add_word(b, word);
            continue;
        }
        const char *base = slash ? slash + 1 : word;
        if (str_begins(base, "broca-")) buffer_printf(b, "broca %s", base + strlen("broca-"));
        else add_word(b, base);
    }
}

static inline void repeat_from_config(buffer *b, store *s, const json *config, const json *inputs)
{
    buffer_printf(b, "broca %s", stage_of(s));
    for (const json *i = json_first(inputs); i; i = json_next(i))
        buffer_printf(b, " --%s FILE_%.8s", json_text(json_get(i, "role"), "input"), json_text(json_get(i, "sha256"), ""));
    for (const json *c = json_first(config); c; c = json_next(c)) {
        const json *only = json_is_array(c) ? json_first(c) : c;
        for (const json *x = only; x; x = json_is_array(c) ? json_next(x) : NULL) add_option(b, json_key(c), x);
    }
    buffer_text(b, " --out ");
    const char *slash = strrchr(store_path(s), '/');
    add_word(b, slash ? slash + 1 : store_path(s));
}

#endif
