/* SPDX-License-Identifier: MIT */
/* broca-localize: which units of a model respond more to one condition than to another? */
#include <math.h>

#include "broca/localize.h"
#include "stage.h"

typedef struct {
    common_options common;
    option_list activations;
    const char *stimuli, *contrast, *select, *per, *test, *match;
} stage_options;

#define AT(field) offsetof(stage_options, field)
static const option options[] = {
    { "activations", OPT_LIST, AT(activations), NULL, "FILE", false,
      "activations, a row an item; several: more taps or more items" },
    { "stimuli", OPT_TEXT, AT(stimuli), NULL, "FILE", false, "the stimuli with their conditions" },
    { "contrast", OPT_TEXT, AT(contrast), NULL, "S-N", true, "conditions: units that respond more to S than to N" },
    { "select", OPT_TEXT, AT(select), "top:1%", "top:1%|k:N|q:X|range:A-B", true,
      "share, number, q < X with t > 0, or percentiles of t" },
    { "per", OPT_ENUM, AT(per), "model", "layer model", true, "select in each tap, or in all taps together" },
    { "test", OPT_ENUM, AT(test), "welch", "welch paired onesample", true,
      "t test; paired: k-th S with k-th N; onesample: S against 0" },
    { "match", OPT_ENUM, AT(match), "tokens", "tokens covariate none", true,
      "token counts: matched pairs and covariate, covariate alone, or left as they are" },
    COMMON_OPTIONS(stage_options),
    { 0 }
};
static const option_help help = { "localize", "units of a model that respond more to one condition than to another",
                                  NULL, NULL };

static int choose(localize_options *l, const stage_options *o, stage *s)
{
    *l = localize_defaults();
    l->test = str_same(o->test, "welch")    ? LOCALIZE_WELCH
              : str_same(o->test, "paired") ? LOCALIZE_PAIRED
                                            : LOCALIZE_ONE_SAMPLE;
    l->match = str_same(o->match, "tokens")      ? MATCH_TOKENS
               : str_same(o->match, "covariate") ? MATCH_COVARIATE
                                                 : MATCH_NONE;
    if (l->test != LOCALIZE_WELCH && l->match != MATCH_NONE && parsed_given(s->parsed, "match"))
        return err_set(&s->err, ERR_USAGE, "--match %s goes with --test welch", o->match);
    if (l->test != LOCALIZE_WELCH) l->match = MATCH_NONE;
    l->per_layer = str_same(o->per, "layer");
    return localize_parse_select(l, o->select, &s->err) || stage_seed(s, &l->seed) ? -1 : 0;
}

static int read_inputs(localize_data **d, const stage_options *o, stage *s, bool one)
{
    int status = -1;
    stimuli *x = NULL;
    if (o->activations.n == 0) return stage_needs(s, "activations", NULL);
    if (stage_needs(s, "stimuli", o->stimuli) || stage_needs(s, "contrast", o->contrast)) return -1;
    for (size_t i = 0; i < o->activations.n; i++)
        if (stage_input(s, "activations", o->activations.at[i])) return -1;
    if (stage_input(s, "stimuli", o->stimuli) || stimuli_read(&x, o->stimuli, &s->err)) goto done;
    status = localize_read(d, o->activations.at, o->activations.n, x, o->contrast, one, &s->err);
done:
    stimuli_free(x);
    return status;
}

static void tell(const localizer *l)
{
    if (!isnan(l->tokens_pos)) log_info("tokens an item: %.1f against %.1f", l->tokens_pos, l->tokens_neg);
    if (!isnan(l->matched_pos))
        log_info("%zu pairs within 2 tokens: %.1f against %.1f", l->pairs, l->matched_pos, l->matched_neg);
    if (*l->why) log_warn("token counts: %s", l->why);
    if (!isnan(l->common))
        log_info("%.0f %% of the selected units are selected by all %zu t maps (unmatched, matched, covariate)",
                 100 * l->common, l->n_maps);
    if (l->n_infinite)
        log_warn("%zu units have no variance in either condition: kept out, listed in /kept_out", l->n_infinite);
}

static void conclude(stage *s, const stage_options *o, const localizer *l)
{
    stage_result(s, "%s: %zu of %zu units selected (%s), %zu and %zu items, token counts: %s", o->contrast,
                 l->n_selected, l->units, o->select, l->used_pos, l->used_neg, localize_match_name(l->used));
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
    if (!product || localizer_put(product, result, o.contrast, o.select, o.test, &s.err) || stage_commit(&s)) goto done;
    conclude(&s, &o, result);
done:
    localizer_free(result);
    localize_data_free(d);
    return stage_end(&s);
}
