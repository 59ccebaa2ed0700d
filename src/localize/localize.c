/* SPDX-License-Identifier: MIT */
/* The maps of METHODS 6.3: plain, over matched pairs, with tokens as covariate; one of them selects, all are compared.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

enum { FEWEST_PAIRS = 40, WITHIN_TOKENS = 2 };
enum { PLAIN, MATCHED, COVARIATE, MAPS };

typedef struct {
    t_map map[MAPS];
    bool made[MAPS];
} maps;

static int all_items(t_map *m, const localize_input *in, err *e)
{
    m->pos = mem_new(in->n, sizeof *m->pos, e);
    m->neg = mem_new(in->n, sizeof *m->neg, e);
    if (!m->pos || !m->neg) return -1;
    for (size_t i = 0; i < in->n; i++) {
        if (in->condition[i] == 1) m->pos[m->n_pos++] = i;
        if (in->condition[i] == 0) m->neg[m->n_neg++] = i;
    }
    return 0;
}

static double mean_tokens(const localize_input *in, const size_t *items, size_t n)
{
    double sum = 0;
    if (!in->tokens || n == 0) return NAN;
    for (size_t i = 0; i < n; i++)
        sum += in->tokens[items[i]];
    return sum / (double)n;
}

static bool two_sets(const localize_options *o)
{
    return o->test == LOCALIZE_WELCH || o->test == LOCALIZE_PERMUTATION;
}

/* Items of the contrast; for a profile, of every condition. */
static bool asked(const localize_input *in, const localize_options *o, size_t item)
{
    return in->condition[item] >= 0 || (o->split_half && in->label && in->label[item] >= 0);
}

static int check(const localize_input *in, const t_map *plain, const localize_options *o, err *e)
{
    if (plain->n_pos < 2 || (o->test != LOCALIZE_ONE_SAMPLE && plain->n_neg < 2))
        return err_set(e, ERR_INPUT, "the contrast has %zu and %zu items; at least 2 of each are needed", plain->n_pos,
                       plain->n_neg);
    if (o->test == LOCALIZE_PAIRED && plain->n_pos != plain->n_neg)
        return err_set(e, ERR_INPUT, "--test paired needs as many items of both conditions, not %zu and %zu",
                       plain->n_pos, plain->n_neg);
    for (size_t k = 0; k < in->n_taps; k++)
        for (size_t i = 0; i < in->n; i++)
            for (size_t u = 0; asked(in, o, i) && u < in->taps[k].d; u++)
                if (!isfinite(in->taps[k].x[i * in->taps[k].d + u]))
                    return err_set(e, ERR_INPUT, "tap %s: item %zu, unit %zu is not finite", in->taps[k].name, i + 1,
                                   u);
    return 0;
}

static bool tokens_vary(const localize_input *in, const t_map *plain)
{
    for (size_t i = 0; i < plain->n_pos + plain->n_neg; i++) {
        size_t item = i < plain->n_pos ? plain->pos[i] : plain->neg[i - plain->n_pos];
        if (in->tokens[item] != in->tokens[plain->pos[0]]) return true;
    }
    return false;
}

/* Which maps can be made, and which of them selects. */
static int choose_maps(maps *x, localizer *l, const localize_input *in, const localize_options *o, err *e)
{
    t_map *plain = &x->map[PLAIN], *matched = &x->map[MATCHED], *with = &x->map[COVARIATE];
    size_t smaller = plain->n_pos < plain->n_neg ? plain->n_pos : plain->n_neg;
    x->made[PLAIN] = true;
    l->used = MATCH_NONE;
    if (o->match == MATCH_NONE) return 0;
    if (!two_sets(o)) {
        snprintf(l->why, sizeof l->why,
                 "tokens are not matched: a %s test compares other things than two sets of items",
                 o->test == LOCALIZE_PAIRED ? "paired" : "one-sample");
        return 0;
    }
    if (!in->tokens) {
        snprintf(l->why, sizeof l->why, "the activations do not say how many tokens an item has");
        return 0;
    }
    if (!tokens_vary(in, plain)) {
        snprintf(l->why, sizeof l->why, "every item has the same number of tokens");
        return 0;
    }
    if (all_items(with, in, e)) return -1;
    with->covariate = x->made[COVARIATE] = true;
    matched->pos = mem_new(in->n, sizeof *matched->pos, e);
    matched->neg = mem_new(in->n, sizeof *matched->neg, e);
    if (!matched->pos || !matched->neg) return -1;
    if (localize_pairs(matched->pos, matched->neg, &l->pairs, in->condition, in->tokens, in->n, WITHIN_TOKENS, o->seed,
                       e))
        return -1;
    matched->n_pos = matched->n_neg = l->pairs;
    l->matched_pos = mean_tokens(in, matched->pos, l->pairs);
    l->matched_neg = mean_tokens(in, matched->neg, l->pairs);
    bool enough = l->pairs >= FEWEST_PAIRS && 2 * l->pairs >= smaller;
    matched->covariate = x->made[MATCHED] = enough;
    l->used = o->match == MATCH_TOKENS && enough ? MATCH_TOKENS : MATCH_COVARIATE;
    if (o->match == MATCH_TOKENS && !enough)
        snprintf(l->why, sizeof l->why,
                 "not matchable: %zu pairs within %d tokens (at least %d and half of %zu are needed); "
                 "token count is a covariate instead, an extrapolation",
                 l->pairs, WITHIN_TOKENS, FEWEST_PAIRS, smaller);
    return 0;
}

static double *copy_t(const t_map *m, size_t first, size_t d, err *e)
{
    double *t = mem_new(d, sizeof *t, e);
    for (size_t u = 0; t && u < d; u++)
        t[u] = m->result[first + u].t;
    return t;
}

static int fill_tap(localizer_tap *out, const localize_tap *tap, const maps *x, const t_map *m, size_t first, err *e)
{
    size_t d = out->d = tap->d;
    out->name = mem_text(tap->name, e);
    out->t = copy_t(m, first, d, e);
    out->p = mem_new(d, sizeof *out->p, e);
    out->log_p = mem_new(d, sizeof *out->log_p, e);
    out->dof = mem_new(d, sizeof *out->dof, e);
    out->q = mem_copy(m->q + first, d * sizeof *out->q, e);
    out->mean_pos = mem_copy(m->mean_pos + first, d * sizeof *out->q, e);
    out->mean_neg = mem_copy(m->mean_neg + first, d * sizeof *out->q, e);
    out->selected = mem_copy(m->selected + first, d, e);
    if (!out->name || !out->t || !out->p || !out->log_p || !out->dof || !out->q || !out->mean_pos || !out->mean_neg ||
        !out->selected)
        return -1;
    for (size_t u = 0; u < d; u++) {
        out->p[u] = m->result[first + u].p;
        out->log_p[u] = m->result[first + u].log_p;
        out->dof[u] = m->result[first + u].dof;
        out->n_selected += out->selected[u];
    }
    if (!(out->t_plain = copy_t(&x->map[PLAIN], first, d, e))) return -1;
    if (x->made[MATCHED] && !(out->t_matched = copy_t(&x->map[MATCHED], first, d, e))) return -1;
    if (x->made[COVARIATE] && !(out->t_covariate = copy_t(&x->map[COVARIATE], first, d, e))) return -1;
    return 0;
}

/* What matching changes: the selecting map beside the plain one. */
static int compare_plain(localizer *l, const t_map *plain, const t_map *m, err *e)
{
    double *a = mem_new(l->units, sizeof *a, e), *b = mem_new(l->units, sizeof *b, e);
    size_t n = 0, both = 0;
    int status = -1;
    if (!a || !b) goto done;
    for (size_t u = 0; u < l->units; u++) {
        both += m->selected[u] && plain->selected[u];
        if (!isfinite(plain->result[u].t) || !isfinite(m->result[u].t)) continue;
        a[n] = plain->result[u].t;
        b[n++] = m->result[u].t;
    }
    if (m->n_selected) l->unmatched = (double)both / (double)m->n_selected;
    if (n > 1) l->unmatched_r = pearson(a, b, n);
    status = 0;
done:
    free(a);
    free(b);
    return status;
}

/* The t of the plain values beside that of the absolute ones (METHODS 6.1: both maps are saved). */
static int add_activation_map(localizer *l, const localize_input *in, const t_map *m, const localize_options *o, err *e)
{
    t_map other = { .n_pos = m->n_pos, .n_neg = m->n_neg, .covariate = m->covariate };
    localize_options plain = *o;
    int status = -1;
    if (!o->absolute) return 0;
    plain.absolute = false;
    plain.test = o->test == LOCALIZE_PERMUTATION ? LOCALIZE_WELCH : o->test; /* its p is not kept */
    other.pos = mem_copy(m->pos, m->n_pos * sizeof *m->pos, e);
    other.neg = mem_copy(m->neg, m->n_neg * sizeof *m->neg, e);
    if (!other.pos || !other.neg || map_make(&other, in, l->units, &plain, e)) goto done;
    for (size_t k = 0, first = 0; k < l->n_taps; first += l->taps[k++].d)
        if (!(l->taps[k].t_activation = copy_t(&other, first, l->taps[k].d, e))) goto done;
    status = 0;
done:
    map_free(&other);
    return status;
}

/* What comes after the selection: controls, held-out items. */
static int add_rest(localizer *l, const localize_input *in, const t_map *m, const localize_options *o, err *e)
{
    if (o->test == LOCALIZE_PERMUTATION) l->n_permutations = o->permutations;
    if (add_activation_map(l, in, m, o, e) || controls_draw(l, o, e)) return -1;
    if (l->controls_short)
        log_warn("%zu draws of control units in a tap found fewer units left than are selected there",
                 l->controls_short);
    if (!o->split_half) return 0;
    if (two_sets(o)) return heldout_make(l, m, in, o, e);
    snprintf(l->heldout_why, sizeof l->heldout_why, "halves are for tests of two sets of items, welch and permutation");
    return 0;
}

static int fill(localizer *l, const localize_input *in, const maps *x, const t_map *m, err *e)
{
    size_t shared = 0;
    l->infinite = mem_new(l->units, sizeof *l->infinite, e);
    l->taps = mem_new(in->n_taps, sizeof *l->taps, e);
    if (!l->infinite || !l->taps) return -1;
    for (size_t k = 0, first = 0; k < in->n_taps; first += in->taps[k++].d, l->n_taps++)
        if (fill_tap(&l->taps[k], &in->taps[k], x, m, first, e)) {
            l->n_taps++; /* what was reached is freed */
            return -1;
        }
    for (size_t u = 0; u < l->units; u++) {
        bool by_all = m->selected[u];
        if (isnan(m->result[u].t)) l->n_nan++;
        if (isinf(m->result[u].t)) l->infinite[l->n_infinite++] = u;
        for (int k = 0; k < MAPS; k++)
            by_all = by_all && (!x->made[k] || x->map[k].selected[u]);
        shared += by_all;
    }
    for (int k = 0; k < MAPS; k++)
        l->n_maps += x->made[k];
    l->unmatched = l->unmatched_r = NAN;
    if (l->n_maps > 1 && compare_plain(l, &x->map[PLAIN], m, e)) return -1;
    l->n_selected = m->n_selected;
    l->common = l->n_maps > 1 && m->n_selected > 0 ? (double)shared / (double)m->n_selected : NAN;
    l->used_pos = m->n_pos;
    l->used_neg = m->n_neg;
    return 0;
}

int localize(localizer **out, const localize_input *in, const localize_options *o, err *e)
{
    int status = -1;
    maps x = { 0 };
    localizer *l = mem_new(1, sizeof *l, e);
    t_map *plain = &x.map[PLAIN];
    *out = NULL;
    if (!l || all_items(plain, in, e)) goto done;
    if (o->test == LOCALIZE_ONE_SAMPLE) plain->n_neg = 0;
    if (check(in, plain, o, e)) goto done;
    for (size_t k = 0; k < in->n_taps; k++)
        l->units += in->taps[k].d;
    l->items_pos = plain->n_pos;
    l->items_neg = plain->n_neg;
    l->tokens_pos = mean_tokens(in, plain->pos, plain->n_pos);
    l->tokens_neg = mean_tokens(in, plain->neg, plain->n_neg);
    l->matched_pos = l->matched_neg = NAN;
    if (choose_maps(&x, l, in, o, e)) goto done;
    for (int k = 0; k < MAPS; k++)
        if (x.made[k] && (map_make(&x.map[k], in, l->units, o, e) || map_select(&x.map[k], in, l->units, o, e)))
            goto done;
    t_map *m = &x.map[l->used == MATCH_TOKENS ? MATCHED : l->used == MATCH_COVARIATE ? COVARIATE : PLAIN];
    if (fill(l, in, &x, m, e) || add_rest(l, in, m, o, e)) goto done;
    *out = l;
    l = NULL;
    status = 0;
done:
    for (int k = 0; k < MAPS; k++)
        map_free(&x.map[k]);
    localizer_free(l);
    if (status) err_while(e, "computing the contrast");
    return status;
}

void localizer_free(localizer *l)
{
    if (!l) return;
    for (size_t k = 0; k < l->n_taps; k++) {
        localizer_tap *t = &l->taps[k];
        void *owned[] = { t->name,         t->t,        t->p,       t->log_p,     t->q,           t->dof,
                          t->mean_pos,     t->mean_neg, t->t_plain, t->t_matched, t->t_covariate, t->selected,
                          t->t_activation, t->control };
        for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
            free(owned[i]);
    }
    heldout_free(l->heldout);
    free(l->taps);
    free(l->infinite);
    free(l);
}
