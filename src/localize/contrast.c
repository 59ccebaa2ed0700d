/* SPDX-License-Identifier: MIT */
/* Which items a contrast compares: "S-N", "(S+W)-(J+N)", "S-W-J+N" (METHODS 1.3). */
#include <stdlib.h>
#include <string.h>

#include "broca/localize.h"

static size_t count_of(const char *const *condition, size_t n, const char *name, size_t length)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        m += condition[i] && strlen(condition[i]) == length && memcmp(condition[i], name, length) == 0;
    return m;
}

/* The conditions there are, at most a few, for the message. */
static void name_conditions(char *text, size_t room, const char *const *condition, size_t n)
{
    size_t shown = 0;
    *text = 0;
    for (size_t i = 0; i < n && shown < 8; i++) {
        bool before = false;
        if (!condition[i] || !*condition[i]) continue;
        for (size_t j = 0; j < i && !before; j++)
            before = condition[j] && str_same(condition[i], condition[j]);
        if (before) continue;
        size_t used = strlen(text);
        snprintf(text + used, room - used, "%s%.60s", shown++ ? " " : "", condition[i]);
    }
}

static void mark(int8_t *out, const char *const *condition, size_t n, const char *name, size_t length, int8_t side)
{
    for (size_t i = 0; i < n; i++)
        if (condition[i] && strlen(condition[i]) == length && memcmp(condition[i], name, length) == 0) out[i] = side;
}

/* "S-N" or, with one, "S". Names may hold a dash themselves: the first cut that gives two conditions counts. */
static bool two_names(int8_t *out, const char *const *condition, size_t n, const char *contrast, bool one)
{
    if (one && count_of(condition, n, contrast, strlen(contrast))) {
        mark(out, condition, n, contrast, strlen(contrast), 1);
        return true;
    }
    for (const char *c = one ? NULL : strchr(contrast, '-'); c; c = strchr(c + 1, '-'))
        if (count_of(condition, n, contrast, (size_t)(c - contrast)) && count_of(condition, n, c + 1, strlen(c + 1))) {
            mark(out, condition, n, contrast, (size_t)(c - contrast), 1);
            mark(out, condition, n, c + 1, strlen(c + 1), 0);
            return true;
        }
    return false;
}

/* Sums with signs: a sign before a parenthesis turns those inside. No condition twice, both sides there. */
static bool signed_names(int8_t *out, const char *const *condition, size_t n, const char *contrast)
{
    bool seen[2] = { false, false }, minus = false, inside = false, outer = false, name_next = false;
    for (const char *at = contrast; *at;) {
        if (*at == '+' || *at == '-') {
            if (name_next) return false;
            name_next = true;
            minus = (*at++ == '-') != (inside && outer);
        } else if (*at == '(' && !inside) {
            inside = true;
            outer = minus;
            at++;
        } else if (*at == ')' && inside) {
            inside = outer = false;
            at++;
        } else {
            size_t length = strcspn(at, "+-()");
            if (length == 0 || !count_of(condition, n, at, length)) return false;
            for (size_t i = 0; i < n; i++)
                if (condition[i] && strlen(condition[i]) == length && memcmp(condition[i], at, length) == 0 &&
                    out[i] >= 0)
                    return false;
            mark(out, condition, n, at, length, !minus);
            name_next = false;
            seen[minus] = true;
            at += length;
        }
    }
    return seen[0] && seen[1] && !inside && !name_next;
}

int localize_contrast(int8_t *out, const char *const *condition, size_t n, const char *contrast, bool one, err *e)
{
    char names[512];
    memset(out, -1, n);
    if (two_names(out, condition, n, contrast, one)) return 0;
    if (!one && signed_names(out, condition, n, contrast)) return 0;
    name_conditions(names, sizeof names, condition, n);
    err_set(e, ERR_USAGE, "--contrast %s: %s among the conditions: %s", contrast,
            one ? "that is not" : "two names joined by '-' are needed, and both must be", names);
    return err_hint(e, "--contrast S-N: units that respond more to S than to N; also \"(S+W)-(J+N)\"");
}
