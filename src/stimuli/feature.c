/* SPDX-License-Identifier: MIT */
/* Features that need no model: a value a word (METHODS 3.10). */
#include <string.h>

#include "broca/stimuli.h"

static float letters(const char *word)
{
    size_t n = 0;
    for (; *word; word++) /* UTF-8: count first bytes; punctuation of ASCII is no letter */
        if (((unsigned char)*word & 0xc0) == 0xc0 || strchr("'-", *word) ||
            ((*word | 32) >= 'a' && (*word | 32) <= 'z'))
            n++;
    return (float)n;
}

int stimuli_word_feature(const stimuli *x, const char *name, float *out, err *e)
{
    static const char *const names[] = { "word_rate", "word_letters", "word_log_frequency", NULL };
    if (!x->words) return err_set(e, ERR_INPUT, "these stimuli have no timed words, which the feature '%s' needs", name);
    bool rate = str_same(name, "word_rate");
    bool frequency = str_same(name, "word_log_frequency");
    if (frequency && !x->word_log_frequency) {
        err_set(e, ERR_INPUT, "these stimuli hold no word frequencies");
        return err_hint(e, "broca import --frequencies TABLE gives them");
    }
    if (!rate && !frequency && !str_same(name, "word_letters")) {
        const char *nearest = str_nearest(name, names);
        err_set(e, ERR_USAGE, "no built-in word feature is called '%s'", name);
        return nearest ? err_hint(e, "did you mean '%s'?", nearest) : err_hint(e, "there are word_rate, word_letters and word_log_frequency");
    }
    for (size_t i = 0; i < x->words; i++)
        out[i] = rate ? 1.0f : frequency ? (float)x->word_log_frequency[i] : letters(x->word_text[i]);
    return 0;
}
