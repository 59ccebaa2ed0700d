/* SPDX-License-Identifier: MIT */
/* From timed words to one item with spans. */
#include "build.h"

#include <math.h>
#include <string.h>

static int check_times(const timed_word *w, size_t n, const char *path, err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (!(w[i].offset >= w[i].onset))
            return err_set(e, ERR_INPUT, "%s: word %zu '%s' ends at %.4f s, before its onset %.4f s", path, i + 1, w[i].text,
                           w[i].offset, w[i].onset);
        if (i && w[i].onset < w[i - 1].offset - 1e-6)
            return err_set(e, ERR_INPUT, "%s: words overlap: %zu '%s' ends at %.4f s, %zu '%s' begins at %.4f s", path, i,
                           w[i - 1].text, w[i - 1].offset, i + 1, w[i].text, w[i].onset);
    }
    return 0;
}

static int allocate(stimuli *x, size_t n, size_t bytes, err *e)
{
    arena *a = x->memory;
    x->id = arena_get(a, sizeof *x->id, e);
    x->text = arena_get(a, sizeof *x->text, e);
    x->run = arena_get(a, sizeof *x->run, e);
    x->word_item = arena_get(a, (n + 1) * sizeof *x->word_item, e);
    x->word_text = arena_get(a, (n + 1) * sizeof *x->word_text, e);
    x->word_onset = arena_get(a, (n + 1) * sizeof *x->word_onset, e);
    x->word_offset = arena_get(a, (n + 1) * sizeof *x->word_offset, e);
    x->word_begin = arena_get(a, (n + 1) * sizeof *x->word_begin, e);
    x->word_end = arena_get(a, (n + 1) * sizeof *x->word_end, e);
    char *text = arena_get(a, bytes + 1, e);
    if (!x->id || !x->text || !x->run || !x->word_item || !x->word_text || !x->word_onset || !x->word_offset ||
        !x->word_begin || !x->word_end || !text)
        return -1;
    x->text[0] = text;
    x->run[0] = 1;
    return 0;
}

int stimuli_join(stimuli **out, const timed_word *words, size_t n, const char *id, const char *path, err *e)
{
    stimuli *x = NULL;
    size_t bytes = 0;
    if (!n) return err_set(e, ERR_INPUT, "%s: no words", path);
    if (check_times(words, n, path, e)) return -1;
    for (size_t i = 0; i < n; i++) bytes += strlen(words[i].text) + 1;
    if (bytes > INT32_MAX) return err_set(e, ERR_INPUT, "%s: the text is longer than 2 GiB", path);
    if (!(x = stimuli_new(e))) return -1;
    if (allocate(x, n, bytes, e)) goto fail;
    if (!(x->id[0] = arena_text(x->memory, id, strlen(id), e))) goto fail;
    x->n = 1;
    x->words = n;
    char *to = x->text[0];
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(words[i].text);
        if (i) *to++ = ' ';
        memcpy(to, words[i].text, length);
        x->word_begin[i] = (int32_t)(to - x->text[0]);
        to += length;
        x->word_end[i] = (int32_t)(to - x->text[0]);
        x->word_onset[i] = words[i].onset;
        x->word_offset[i] = words[i].offset;
        if (!(x->word_text[i] = arena_text(x->memory, words[i].text, length, e))) goto fail;
    }
    *out = x;
    return 0;
fail:
    stimuli_free(x);
    return -1;
}
