/* SPDX-License-Identifier: MIT */
/* What the words of --select mean. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/localize.h"

localize_options localize_defaults(void)
{
    return (localize_options){
        .test = LOCALIZE_WELCH, .match = MATCH_TOKENS, .select = PICK_TOP, .fraction = .01, .seed = 1,
        .splits = 100, .permutations = 1000
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
