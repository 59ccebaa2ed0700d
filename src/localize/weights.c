/* SPDX-License-Identifier: MIT */
/* Contrasts of a linear model as text: signs, numbers, names of conditions, one level of parentheses. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/glm.h"

static const char *skip_blanks(const char *at)
{
    while (isspace((unsigned char)*at)) at++;
    return at;
}

/* The longest name that stands at `at` and ends there at a sign, a blank, a parenthesis or the end. */
static size_t name_at(const char *at, const char *const *names, size_t n, size_t *length)
{
    size_t best = SIZE_MAX;
    *length = 0;
    for (size_t k = 0; k < n; k++) {
        size_t m = strlen(names[k]);
        if (m <= *length || strncmp(at, names[k], m) != 0) continue;
        if (at[m] && !strchr("+-()", at[m]) && !isspace((unsigned char)at[m])) continue;
        best = k;
        *length = m;
    }
    return best;
}

static int absent(const char *at, const char *const *names, size_t n, const char *text, err *e)
{
    char there[300] = "", word[128];
    size_t length = strcspn(at, "+-() "), used = 0;
    for (size_t k = 0; k < n && used < sizeof there - 66; k++) used += (size_t)snprintf(there + used, sizeof there - used, "%s%.60s", k ? " " : "", names[k]);
    snprintf(word, sizeof word, "%.*s", (int)(length < 120 ? length : 120), at);
    err_set(e, ERR_INPUT, "the contrast %s names '%s': no event of a run has this condition", text, word);
    return err_hint(e, "conditions there are: %s", there);
}

int contrast_weights(double *out, const char *const *conditions, size_t n, const char *text, err *e)
{
    double outer = 1;
    bool inside = false, any = false;
    const char *at = skip_blanks(text);
    for (size_t k = 0; k < n; k++) out[k] = 0;
    while (*at) {
        double weight = 1;
        size_t length;
        if (*at == '+' || *at == '-') {
            weight = *at == '-' ? -1 : 1;
            at = skip_blanks(at + 1);
        } else if (any && *at != ')') goto bad;
        if (isdigit((unsigned char)*at) || *at == '.') {
            size_t named;
            if (name_at(at, conditions, n, &named) == SIZE_MAX) { /* else a name that begins with a digit */
                char *end;
                weight *= strtod(at, &end);
                at = skip_blanks(end);
                if (*at == '*') at = skip_blanks(at + 1);
            }
        }
        if (*at == '(' && !inside) {
            inside = true;
            outer = weight;
            any = false;
            at = skip_blanks(at + 1);
            continue;
        }
        size_t condition = name_at(at, conditions, n, &length);
        if (condition == SIZE_MAX) {
            if (!*at || strchr("+-()*", *at)) goto bad;
            return absent(at, conditions, n, text, e);
        }
        out[condition] += inside ? outer * weight : weight;
        any = true;
        at = skip_blanks(at + length);
        if (*at == ')' && inside) {
            inside = false;
            at = skip_blanks(at + 1);
        }
    }
    bool zero = true;
    for (size_t k = 0; k < n; k++) zero = zero && out[k] == 0;
    if (!inside && any && !zero) return 0;
bad:
    err_set(e, ERR_USAGE, "the contrast '%s' cannot be read", text);
    return err_hint(e, "as S-N, (S+W)-(J+N), S+N-2*F with names of conditions");
}
