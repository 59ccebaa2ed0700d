/* SPDX-License-Identifier: MIT */
/* What the words of --select and --contrast mean. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/localize.h"

localize_options localize_defaults(void)
{
    return (localize_options){
        .test = LOCALIZE_WELCH, .match = MATCH_TOKENS, .select = PICK_TOP, .fraction = .01, .seed = 1
    };
}

const char *localize_match_name(localize_match m)
{
    return m == MATCH_TOKENS ? "tokens" : m == MATCH_COVARIATE ? "covariate" : "none";
}

static int parse_top(localize_options *o, const char *text)
{
    char number[32];
    size_t n = strlen(text);
    bool percent = n > 0 && text[n - 1] == '%';
    if (n >= sizeof number) return -1;
    memcpy(number, text, n + 1);
    if (percent) number[n - 1] = 0;
    if (parse_double(number, &o->fraction)) return -1;
    if (percent) o->fraction /= 100;
    return o->fraction > 0 && o->fraction <= 1 ? 0 : -1;
}

static int parse_range(localize_options *o, const char *text)
{
    char from[32] = { 0 };
    const char *dash = strchr(text, '-');
    if (!dash || (size_t)(dash - text) >= sizeof from) return -1;
    memcpy(from, text, (size_t)(dash - text));
    if (parse_double(from, &o->from) || parse_double(dash + 1, &o->to)) return -1;
    return o->from >= 0 && o->from < o->to && o->to <= 100 ? 0 : -1;
}

int localize_parse_select(localize_options *o, const char *text, err *e)
{
    int bad = -1;
    if (str_begins(text, "top:")) {
        o->select = PICK_TOP;
        bad = parse_top(o, text + 4);
    } else if (str_begins(text, "k:")) {
        o->select = PICK_COUNT;
        bad = parse_size(text + 2, &o->count) || o->count == 0;
    } else if (str_begins(text, "q:")) {
        o->select = PICK_Q;
        bad = parse_double(text + 2, &o->q) || !(o->q > 0 && o->q <= 1);
    } else if (str_begins(text, "range:")) {
        o->select = PICK_RANGE;
        bad = parse_range(o, text + 6);
    }
    if (!bad) return 0;
    err_set(e, ERR_USAGE, "--select is top:SHARE, k:N, q:X or range:A-B, not '%s'", text);
    return err_hint(e, "top:1%%, k:4096, q:.05, range:90-100 (percentiles of t)");
}

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

int localize_contrast(int8_t *out, const char *const *condition, size_t n, const char *contrast, bool one, err *e)
{
    const char *dash = one ? contrast + strlen(contrast) : NULL;
    char names[512];
    if (one && count_of(condition, n, contrast, strlen(contrast)) == 0) dash = NULL;
    /* names may hold a dash themselves: the first cut that gives two conditions counts */
    for (const char *c = one ? NULL : strchr(contrast, '-'); c && !dash; c = strchr(c + 1, '-'))
        if (count_of(condition, n, contrast, (size_t)(c - contrast)) && count_of(condition, n, c + 1, strlen(c + 1)))
            dash = c;
    if (!dash) {
        name_conditions(names, sizeof names, condition, n);
        err_set(e, ERR_USAGE, "--contrast %s: %s among the conditions: %s", contrast,
                one ? "that is not" : "two names joined by '-' are needed, and both must be", names);
        return err_hint(e, "--contrast S-N: units that respond more to S than to N");
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = condition[i] ? condition[i] : "";
        out[i] = -1;
        if (strlen(name) == (size_t)(dash - contrast) && memcmp(name, contrast, strlen(name)) == 0)
            out[i] = 1;
        else if (!one && str_same(name, dash + 1))
            out[i] = 0;
    }
    return 0;
}
