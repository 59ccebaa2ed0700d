/* SPDX-License-Identifier: MIT */
/* broca-localize: which units of a model respond more to one condition than to another? */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/localize.h"
#include "stage.h"

typedef struct {
    common_options common;
    option_list activations, against;
    const char *stimuli, *condition, *contrast, *select, *per, *test, *match, *value, *set;
    bool split_half;
    size_t controls, permutations, splits;
} stage_options;

#define AT(field) offsetof(stage_options, field)
static const option options[] = {
    { "activations", OPT_LIST, AT(activations), NULL, "FILE", false,
      "activations, a row an item; several: more taps or more items" },
    { "stimuli", OPT_TEXT, AT(stimuli), NULL, "FILE", false, "the stimuli with their conditions" },
    { "condition", OPT_TEXT, AT(condition), "condition", "COLUMN", true, "column of the stimuli that holds the conditions" },
    { "contrast", OPT_TEXT, AT(contrast), NULL, "S-N", true,
      "conditions: units that respond more to S than to N; also (S+W)-(J+N)" },
    { "select", OPT_TEXT, AT(select), "top:1%", "top:1%|k:N|q:X|range:A-B", true,
      "share, number, q < X with t > 0, or percentiles of t" },
    { "per", OPT_ENUM, AT(per), "model", "layer model", true, "select in each tap, or in all taps together" },
    { "test", OPT_ENUM, AT(test), "welch", "welch paired onesample permutation", true,
      "t test; paired: k-th S with k-th N; onesample: S against 0; permutation: p of t by permuted labels" },
    { "match", OPT_ENUM, AT(match), "tokens", "tokens covariate none", true,
      "token counts: matched pairs and covariate, covariate alone, or left as they are" },
    { "value", OPT_ENUM, AT(value), "activation", "activation absolute", true, "what of a unit is compared" },
    { "split-half", OPT_FLAG, AT(split_half), NULL, NULL, true,
      "select on one half of the items, report on the other: test, permuted labels, profile of conditions, stability" },
    { "splits", OPT_COUNT, AT(splits), "100", NULL, true, "random halves for the stability of t map and selection" },
    { "permutations", OPT_COUNT, AT(permutations), "1000", NULL, true, "of labels: --test permutation, --split-half" },
    { "controls", OPT_COUNT, AT(controls), "0", NULL, true,
      "sets of random units, as many in each tap as are selected, from those that are not" },
    { "set", OPT_ENUM, AT(set), "selected", "selected complement random", true,
      "which units the product calls selected, for encode --units: also the others, or a control by --seed" },
    { "against", OPT_LIST, AT(against), NULL, "FILE", false,
      "localizers of the same model: overlap of the selections" },
    COMMON_OPTIONS(stage_options),
    { 0 }
};
static const option_help help = {
    "localize", "units of a model that respond more to one condition than to another", NULL,
    "--mode replicate:A24 (arXiv 2406.15109) or A25 (2411.02280): what their code selects, units with equal t\n"
    "together, token counts as they are; A25: absolute values, k rounded down.\n"
};

static bool is_mode(const stage_options *o, const char *name)
{
    return str_begins(o->common.mode, "replicate:") && str_same(o->common.mode + strlen("replicate:"), name);
}

/* METHODS 6.1, the columns of the published codes. */
static int replicate(localize_options *l, stage_options *o, stage *s)
{
    if (str_same(o->common.mode, "strict")) return 0;
    if (!is_mode(o, "A24") && !is_mode(o, "A25")) {
        err_set(&s->err, ERR_USAGE, "--mode %s: localize knows replicate:A24 and replicate:A25", o->common.mode);
        return err_hint(&s->err, "A24: SUMA and the benchmark suite; A25: language networks of 18 models");
    }
    static const char *const fixed[] = { "match", "per", "test", "value" };
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (parsed_given(s->parsed, fixed[i]))
            return err_set(&s->err, ERR_USAGE, "--mode %s says what --%s is: leave it out", o->common.mode, fixed[i]);
    if (!parsed_given(s->parsed, "select") && is_mode(o, "A24")) o->select = "k:4096";
    if (!str_begins(o->select, "top:") && !str_begins(o->select, "k:"))
        return err_set(&s->err, ERR_USAGE, "--mode %s selects top:SHARE or k:N, not %s", o->common.mode, o->select);
    o->match = "none";
    if (is_mode(o, "A25")) o->value = "absolute";
    l->ranks = true;
    l->truncate = is_mode(o, "A25");
    free(s->config); /* what was filled in decides bytes too */
    s->config = options_config(options, o, &s->err);
    return s->config ? 0 : -1;
}

static int choose(localize_options *l, stage_options *o, stage *s)
{
    *l = localize_defaults();
    if (replicate(l, o, s)) return -1;
    l->test = str_same(o->test, "welch")         ? LOCALIZE_WELCH
              : str_same(o->test, "paired")      ? LOCALIZE_PAIRED
              : str_same(o->test, "permutation") ? LOCALIZE_PERMUTATION
                                                 : LOCALIZE_ONE_SAMPLE;
    l->match = str_same(o->match, "tokens")      ? MATCH_TOKENS
               : str_same(o->match, "covariate") ? MATCH_COVARIATE
                                                 : MATCH_NONE;
    bool two_sets = l->test == LOCALIZE_WELCH || l->test == LOCALIZE_PERMUTATION;
    if (!two_sets && l->match != MATCH_NONE && parsed_given(s->parsed, "match"))
        return err_set(&s->err, ERR_USAGE, "--match %s goes with --test welch or permutation", o->match);
    if (!two_sets) l->match = MATCH_NONE;
    if (!two_sets && o->split_half)
        return err_set(&s->err, ERR_USAGE, "--split-half goes with --test welch or permutation");
    if (l->test == LOCALIZE_PERMUTATION && o->permutations == 0)
        return err_set(&s->err, ERR_USAGE, "--test permutation needs --permutations above 0");
    l->per_layer = str_same(o->per, "layer");
    l->absolute = str_same(o->value, "absolute");
    l->split_half = o->split_half;
    l->splits = o->splits;
    l->permutations = o->permutations;
    l->controls = o->controls ? o->controls : str_same(o->set, "random");
    return localize_parse_select(l, o->select, &s->err) || stage_seed(s, &l->seed) ? -1 : 0;
}

/* The published code reads the first 12 tokens of an item. */
static void tell_truncation(const stage_options *o, const localize_data *d)
{
    int32_t most = 0;
    if (str_same(o->common.mode, "strict")) return;
    for (size_t i = 0; d->tokens && i < d->in.n; i++)
        most = d->tokens[i] > most ? d->tokens[i] : most;
    if (!d->tokens || most > 12)
        log_warn("%s reads the first 12 tokens of an item, these activations %s: broca extract --truncate 12",
                 o->common.mode, d->tokens ? "more" : "do not say how many");
}

static int read_inputs(localize_data **d, const stage_options *o, stage *s, bool one)
{
    int status = -1;
    stimuli *x = NULL;
    if (o->activations.n == 0) return stage_needs(s, "activations", NULL);
    if (stage_needs(s, "stimuli", o->stimuli) || stage_needs(s, "contrast", o->contrast)) return -1;
    for (size_t i = 0; i < o->activations.n; i++)
        if (stage_input(s, "activations", o->activations.at[i])) return -1;
    for (size_t i = 0; i < o->against.n; i++)
        if (stage_input(s, "against", o->against.at[i])) return -1;
    if (stage_input(s, "stimuli", o->stimuli) || stimuli_read(&x, o->stimuli, &s->err) ||
        stimuli_use_condition(x, o->condition, &s->err))
        goto done;
    status = localize_read(d, o->activations.at, o->activations.n, x, o->contrast, one, &s->err);
done:
    stimuli_free(x);
    return status;
}

static void tell_heldout(const localizer *l, const localize_data *d)
{
    const localizer_heldout *h = l->heldout;
    if (*l->heldout_why) log_warn("held-out items: %s", l->heldout_why);
    if (!h) return;
    log_info("held out: %zu units of one half, %zu and %zu items of the other: %.3f sd, t %.2f, p %.3g%s",
             h->n_selected, h->report_pos, h->report_neg, h->difference, h->test.t, h->test.p,
             h->covariate ? " (token count a covariate)" : "");
    if (h->n_permutations)
        log_info("held out: p %.4g by %zu permutations with reselection", h->p_permutation, h->n_permutations);
    if (h->n_controls)
        log_info("held out: p %.3g among %zu layer-matched random sets (a description)", h->p_control, h->n_controls);
    for (size_t i = 0; i < h->n_profile; i++)
        log_info("held out: %s %.3f [%.3f, %.3f] over %zu items", d->labels[h->profile_label[i]], h->profile_mean[i],
                 h->profile_lo[i], h->profile_hi[i], h->profile_n[i]);
    if (h->n_splits)
        log_info("halves: mean r of t maps %.3f, mean Dice %.3f (chance %.3f) over %zu splits",
                 mean_f8(h->split_r, h->n_splits), mean_f8(h->split_dice, h->n_splits), h->chance_dice, h->n_splits);
}

static void tell(const localizer *l)
{
    if (!isnan(l->tokens_pos) && !isnan(l->tokens_neg))
        log_info("tokens an item: %.1f against %.1f", l->tokens_pos, l->tokens_neg);
    if (!isnan(l->matched_pos))
        log_info("%zu pairs within 2 tokens: %.1f against %.1f", l->pairs, l->matched_pos, l->matched_neg);
    if (*l->why) log_warn("token counts: %s", l->why);
    if (!isnan(l->common))
        log_info("%.0f %% of the selected units are selected by all t maps (unmatched, %scovariate), %.0f %% by the unmatched "
                 "one; r with its t %.3f",
                 100 * l->common, l->n_maps > 2 ? "matched, " : "", 100 * l->unmatched, l->unmatched_r);
    if (l->n_infinite)
        log_warn("%zu units have no variance in either condition: kept out, listed in /kept_out", l->n_infinite);
}

static void conclude(stage *s, const stage_options *o, const localizer *l)
{
    stage_result(s, "%s: %zu of %zu units selected (%s), %zu and %zu items, token counts: %s", o->contrast,
                 l->n_selected, l->units, o->select, l->used_pos, l->used_neg, localize_match_name(l->used));
}

/* Overlap with other localizers; then what the product calls selected. */
static int finish(stage *s, const stage_options *o, store *product, localizer *l, const localize_data *d)
{
    size_t n = o->against.n;
    int status = -1;
    localizer_overlap *with = mem_new(n, sizeof *with, &s->err);
    if (!with) return -1;
    for (size_t i = 0; i < n; i++) {
        if (localizer_compare(&with[i], l, o->against.at[i], &s->err)) goto done;
        log_info("%s: Dice %.3f (chance %.3f), r of t %.3f", o->against.at[i], with[i].dice, with[i].chance_dice,
                 with[i].r);
    }
    long which = str_same(o->set, "complement") ? UNITS_COMPLEMENT : str_same(o->set, "random") ? 0 : UNITS_SELECTED;
    if (localizer_choose(l, which, &s->err)) goto done;
    if (localizer_put(product, l, o->contrast, o->select, o->test, &s->err) ||
        localizer_put_heldout(product, l, d, &s->err) || store_set_text(product, "/", "set", o->set, &s->err) ||
        store_set_text(product, "/", "condition", o->condition, &s->err))
        goto done;
    status = localizer_put_overlap(product, o->against.at, with, n, &s->err);
done:
    free(with);
    return status;
}

int main(int argc, char **argv)
{
    stage s;
    stage_options o;
    localize_options l;
    localize_data *d = NULL;
    localizer *result = NULL;
    store *product;
    if (stage_begin(&s, argc, argv, &help, options, &o, &o.common)) goto done;
    if (choose(&l, &o, &s) || read_inputs(&d, &o, &s, l.test == LOCALIZE_ONE_SAMPLE)) goto done;
    if (stage_plan(&s, "t maps of %zu taps over %zu items", d->in.n_taps, d->in.n)) goto done;
    if (localize(&result, &d->in, &l, &s.err)) goto done;
    product = stage_create(&s, "localizer");
    tell(result); /* before the commit: warnings enter the product */
    tell_heldout(result, d);
    tell_truncation(&o, d);
    if (!product || finish(&s, &o, product, result, d) || stage_commit(&s)) goto done;
    conclude(&s, &o, result);
done:
    localizer_free(result);
    localize_data_free(d);
    return stage_end(&s);
}
