/* SPDX-License-Identifier: MIT */
/* Names of taps (CONTRACT "Tap names") and `--layers`. */
#include <stdlib.h>
#include <string.h>

#include "broca/activations.h"
#include "inside.h"

static const struct {
    const char *name;
    tap_kind kind;
} parts[] = { { "", TAP_BLOCK }, { ".ln_1", TAP_LN_1 }, { ".attn", TAP_ATTN }, { ".ln_2", TAP_LN_2 }, { ".mlp", TAP_MLP } };

static int unknown(const model *m, const char *name, err *e)
{
    bool mlp = m->config.mlp;
    err_set(e, ERR_USAGE, "unknown tap '%s'", name);
    return err_hint(e, "taps are embed, h.0 to h.%zu, each with .ln_1 .attn%s, final%s; or all, sublayers, h.A-B",
                    m->facts.layers - 1, mlp ? " .ln_2 .mlp" : "", m->facts.has_head ? ", logits" : "");
}

static bool whole(const char *from, const char *to, size_t *out)
{
    char text[16];
    if (to <= from || to - from >= (long)sizeof text) return false;
    memcpy(text, from, (size_t)(to - from));
    text[to - from] = 0;
    return parse_size(text, out) == 0;
}

/* "h.A", "h.A-B", each with a part: the layers A to B. */
static bool parse_blocks(const char *name, size_t *first, size_t *last, tap_kind *kind, const char **part)
{
    if (!str_begins(name, "h.")) return false;
    const char *at = name + 2, *digits = at + strspn(at, "0123456789");
    if (!whole(at, digits, first)) return false;
    *last = *first;
    if (*digits == '-') {
        at = digits + 1;
        digits = at + strspn(at, "0123456789");
        if (!whole(at, digits, last)) return false;
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (str_same(parts[i].name, digits)) {
            *kind = parts[i].kind;
            *part = parts[i].name;
            return true;
        }
    return false;
}

bool tap_exists(const model *m, tap_kind kind)
{
    return m->config.mlp || (kind != TAP_LN_2 && kind != TAP_MLP);
}

int tap_parse(const model *m, const char *name, tap_id *out, err *e)
{
    size_t last;
    const char *part;
    if (str_same(name, "embed")) *out = (tap_id){ TAP_EMBED, 0 };
    else if (str_same(name, "final")) *out = (tap_id){ TAP_FINAL, 0 };
    else if (str_same(name, "logits")) *out = (tap_id){ TAP_LOGITS, 0 };
    else if (!parse_blocks(name, &out->layer, &last, &out->kind, &part) || last != out->layer || last >= m->facts.layers ||
             !tap_exists(m, out->kind))
        return unknown(m, name, e);
    if (out->kind == TAP_LOGITS && !m->facts.has_head)
        return err_set(e, ERR_INPUT, "the model has no head: there are no logits");
    return 0;
}

size_t model_tap_width(const model *m, const char *tap)
{
    return str_same(tap, "logits") ? m->facts.vocabulary : m->facts.width;
}

static void add_all(buffer *b, const model *m, bool sublayers)
{
    buffer_text(b, "embed\n");
    for (size_t l = 0; l < m->facts.layers; l++)
        for (size_t i = 0; i < (sublayers ? sizeof parts / sizeof *parts : 1); i++)
            if (tap_exists(m, parts[i].kind)) buffer_printf(b, "h.%zu%s\n", l, parts[i].name);
    buffer_text(b, "final\n");
}

static int add_word(buffer *b, const model *m, const char *word, err *e)
{
    size_t first, last;
    tap_kind kind;
    const char *part;
    tap_id id;
    if (str_same(word, "all") || str_same(word, "sublayers")) {
        add_all(b, m, str_same(word, "sublayers"));
        return 0;
    }
    if (parse_blocks(word, &first, &last, &kind, &part)) {
        if (first > last || last >= m->facts.layers || !tap_exists(m, kind)) return unknown(m, word, e);
        for (size_t l = first; l <= last; l++) buffer_printf(b, "h.%zu%s\n", l, part);
        return 0;
    }
    if (tap_parse(m, word, &id, e)) return -1;
    buffer_printf(b, "%s\n", word);
    return 0;
}

static int compare(const void *a, const void *b)
{
    return tap_compare(*(char *const *)a, *(char *const *)b);
}

int model_taps(const model *m, const char *layers, char ***names, size_t *n, err *e)
{
    buffer list = { 0 };
    char **words = NULL, **lines = NULL;
    size_t count = 0, kept = 0;
    int status = -1;
    if (!(words = str_split(layers, ',', &count, e))) goto done;
    for (size_t i = 0; i < count; i++)
        if (add_word(&list, m, words[i], e)) goto done;
    if (buffer_ok(&list, e) || !list.size) {
        if (!list.size) err_set(e, ERR_USAGE, "--layers names no tap");
        goto done;
    }
    list.at[list.size - 1] = 0; /* the last line ends the text */
    if (!(lines = str_split(list.at, '\n', &count, e))) goto done;
    qsort(lines, count, sizeof *lines, compare);
    for (size_t i = 0; i < count; i++)
        if (!kept || !str_same(lines[kept - 1], lines[i])) lines[kept++] = lines[i];
    lines[kept] = NULL;
    *names = lines;
    *n = kept;
    lines = NULL;
    status = 0;
done:
    free(list.at);
    free(words);
    free(lines);
    return status;
}
