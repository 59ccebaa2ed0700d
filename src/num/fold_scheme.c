/* SPDX-License-Identifier: MIT */
/* Fold schemes as text: contiguous:K,gap=S | group:K[,seed=N] | logo | random:K[,seed=N] | given:FILE; and scikit-learn's:
 * kfold:K[,seed=N] | shufflesplit:K[,train=.9][,seed=N] | groupkfold:K[,seed=N] | stratified:K[,seed=N] | stratified21:K[,seed=N]. */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = { "contiguous", "group", "logo", "random", "given", "kfold", "shufflesplit", "groupkfold", "stratified",
                                     "stratified21", NULL };

static bool of_scikit_learn(fold_kind kind)
{
    return kind >= FOLD_KFOLD;
}

bool fold_scheme_parts_neighbours(const fold_scheme *s)
{
    return s->kind == FOLD_RANDOM || (of_scikit_learn(s->kind) && s->kind != FOLD_GROUP_KFOLD);
}

static int bad_scheme(const char *text, err *e)
{
    char word[64];
    size_t n = strcspn(text, ":,");
    snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), text);
    const char *near = str_nearest(word, kinds);
    err_set(e, ERR_USAGE, "'%s' is no fold scheme; expected contiguous:K,gap=S | group:K[,seed=N] | logo | random:K[,seed=N] "
            "| given:FILE; replicate modes: kfold:K,seed=N | shufflesplit:K,train=.9,seed=N | groupkfold:K,seed=N | stratified:K,seed=N | "
            "stratified21:K,seed=N", text);
    return near && !str_same(near, word) ? err_hint(e, "did you mean %s?", near) : -1;
}

/* "gap=10" or "seed=3" behind the K. */
static int parse_extra(fold_scheme *s, const char *extra, const char *text, err *e)
{
    size_t seed;
    if (str_begins(extra, "gap=")) {
        if (s->kind != FOLD_CONTIGUOUS) return err_set(e, ERR_USAGE, "'%s': only contiguous folds have a gap", text);
        if (parse_double(extra + 4, &s->gap_s) || !isfinite(s->gap_s) || s->gap_s < 0)
            return err_set(e, ERR_USAGE, "'%s': gap is a number of seconds >= 0, not '%s'", text, extra + 4);
        return 0;
    }
    if (str_begins(extra, "seed=")) {
        if (s->kind != FOLD_GROUP && s->kind != FOLD_RANDOM && !of_scikit_learn(s->kind))
            return err_set(e, ERR_USAGE, "'%s': only group and random folds have a seed", text);
        if (parse_size(extra + 5, &seed)) return err_set(e, ERR_USAGE, "'%s': seed is a whole number, not '%s'", text, extra + 5);
        if (of_scikit_learn(s->kind) && seed > UINT32_MAX) return err_set(e, ERR_USAGE, "'%s': seed is below 2^32", text);
        s->seed = seed;
        s->has_seed = true;
        return 0;
    }
    if (str_begins(extra, "train=") && s->kind == FOLD_SHUFFLE_SPLIT) {
        if (parse_double(extra + 6, &s->train_share) || !(s->train_share > 0 && s->train_share < 1))
            return err_set(e, ERR_USAGE, "'%s': train is a share between 0 and 1, not '%s'", text, extra + 6);
        return 0;
    }
    err_set(e, ERR_USAGE, "'%s': '%s' is not known; expected gap=SECONDS or seed=N", text, extra);
    return -1;
}

static fold_kind kind_of(const char *text, size_t n, bool *found)
{
    *found = false;
    for (int i = 0; kinds[i]; i++)
        if (strlen(kinds[i]) == n && strncmp(text, kinds[i], n) == 0) {
            *found = true;
            return (fold_kind)i;
        }
    return FOLD_CONTIGUOUS;
}

static int parse_count(fold_scheme *s, const char *text, const char *rest, err *e)
{
    int status = -1;
    size_t parts = 0;
    char **part = str_split(rest, ',', &parts, e);
    if (!part) return -1;
    if (parts == 0 || parse_size(part[0], &s->k)) {
        err_set(e, ERR_USAGE, "'%s': the number of folds is missing or not a whole number", text);
        goto done;
    }
    if (s->k < 2) {
        err_set(e, ERR_USAGE, "'%s': at least 2 folds are needed", text);
        goto done;
    }
    for (size_t i = 1; i < parts; i++)
        if (parse_extra(s, part[i], text, e)) goto done;
    status = 0;
done:
    free(part);
    return status;
}

int fold_scheme_parse(fold_scheme *out, const char *text, err *e)
{
    bool found;
    size_t n = strcspn(text, ":");
    const char *rest = text[n] ? text + n + 1 : NULL;
    memset(out, 0, sizeof *out);
    out->train_share = .9;
    out->kind = kind_of(text, n, &found);
    if (!found) return bad_scheme(text, e);
    if (out->kind == FOLD_LOGO)
        return rest ? err_set(e, ERR_USAGE, "'%s': logo takes no number; it has a fold for each group", text) : 0;
    if (!rest || !*rest) return bad_scheme(text, e);
    if (out->kind == FOLD_GIVEN) {
        if (strlen(rest) >= sizeof out->file) return err_set(e, ERR_USAGE, "'%s': the file name is too long", text);
        strcpy(out->file, rest);
        return 0;
    }
    return parse_count(out, text, rest, e);
}

int folds_inner(fold_scheme *out, const fold_scheme *outer, err *e)
{
    fold_scheme from = *outer;
    memset(out, 0, sizeof *out);
    out->k = 5;
    switch (from.kind) {
    case FOLD_CONTIGUOUS:
        out->kind = FOLD_CONTIGUOUS;
        out->gap_s = from.gap_s;
        return 0;
    case FOLD_GROUP:
    case FOLD_LOGO:
        out->kind = FOLD_GROUP;
        out->at_most = true;
        return 0;
    case FOLD_RANDOM:
        out->kind = FOLD_RANDOM;
        out->has_seed = from.has_seed;
        out->seed = from.seed;
        return 0;
    case FOLD_GIVEN:
    case FOLD_KFOLD:
    case FOLD_SHUFFLE_SPLIT:
    case FOLD_GROUP_KFOLD:
    case FOLD_STRATIFIED:
    case FOLD_STRATIFIED21:
        break;
    }
    err_set(e, ERR_USAGE, "%s outer folds have no default inner scheme", kinds[from.kind]);
    return err_hint(e, "name it: --inner contiguous:5,gap=10 or --inner group:5");
}

void fold_scheme_text(const fold_scheme *s, char *text, size_t room)
{
    const char *kind = kinds[s->kind];
    if (s->kind == FOLD_LOGO) snprintf(text, room, "logo");
    else if (s->kind == FOLD_GIVEN) snprintf(text, room, "given:%s", s->file);
    else if (s->kind == FOLD_CONTIGUOUS) snprintf(text, room, "contiguous:%zu,gap=%g", s->k, s->gap_s);
    else if (s->kind == FOLD_SHUFFLE_SPLIT) snprintf(text, room, "%s:%zu,train=%g,seed=%llu", kind, s->k, s->train_share, (unsigned long long)s->seed);
    else if (s->has_seed) snprintf(text, room, "%s:%zu,seed=%llu", kind, s->k, (unsigned long long)s->seed);
    else snprintf(text, room, "%s:%zu", kind, s->k);
}
