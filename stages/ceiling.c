/* SPDX-License-Identifier: MIT */
/* broca-ceiling: how well could any model do on these responses? */
#include <math.h>

#include "broca/ceiling.h"
#include "stage.h"

typedef struct {
    common_options common;
    const char *responses, *stimuli, *method, *target, *folds, *highpass, *confounds, *noise;
    size_t drop_start, draws, splits, subsets;
    double average;
    bool add_mean, allow_random;
} stage_options;

#define AT(field) offsetof(stage_options, field)
static const option options[] = {
    { "responses", OPT_TEXT, AT(responses), NULL, "FILE", false, "responses" },
    { "stimuli", OPT_TEXT, AT(stimuli), NULL, "FILE", false, "the stimuli, where folds go by their groups" },
    { "method", OPT_ENUM, AT(method), "isc", "isc splithalf snr extrapolate", true,
      "isc: subjects against one another; splithalf, snr: repeats of items, or subjects; extrapolate: a subject predicted from pools of others" },
    { "subsets", OPT_COUNT, AT(subsets), "200", NULL, true, "extrapolate: subsets of subjects of a size, all where there are not more" },
    { "target", OPT_ENUM, AT(target), "single", "group single", true, "the mean over subjects, or one subject" },
    { "folds", OPT_TEXT, AT(folds), NULL, "SCHEME|none", true, "as encode; none: the whole as one block" },
    { "highpass", OPT_TEXT, AT(highpass), NULL, "S[,scope=fold|run]", true, "high-pass filter, seconds, as encode" },
    { "confounds", OPT_TEXT, AT(confounds), NULL, "NAME", true, "confounds to remove in every fold, as encode" },
    { "drop-start", OPT_COUNT, AT(drop_start), "0", NULL, true, "rows dropped at the start of every run, as encode" },
    { "add-mean", OPT_FLAG, AT(add_mean), NULL, NULL, true,
      "an entry 'mean': the z-scored mean of each subject's ROIs" },
    { "draws", OPT_COUNT, AT(draws), "2000", NULL, true,
      "isc: bootstrap draws over subjects and folds; 0: no interval" },
    { "splits", OPT_COUNT, AT(splits), "100", NULL, true, "splithalf: random halves" },
    { "average", OPT_REAL, AT(average), "0", NULL, true,
      "splithalf, snr: replicates averaged in the target; 0: one, or all for group" },
    { "noise", OPT_TEXT, AT(noise), NULL, "TABLE", false,
      "snr: published noise (columns roi, sd_noise of one person), where the responses are the mean of --average people" },
    { "allow-random", OPT_FLAG, AT(allow_random), NULL, NULL, true, "accept random folds" },
    COMMON_OPTIONS(stage_options),
    { 0 }
};
static const option_help help = {
    "ceiling", "the score that a perfect model would get on these responses", NULL,
    "Say the same folds, filter, confounds and rows as to encode: score divides like by like.\n"
};

static int read_mode(ceiling_options *c, const stage_options *o, stage *s)
{
    const char *mode = o->common.mode;
    if (str_same(mode, "strict")) return 0;
    if (str_same(mode, "replicate:schrimpf2021")) c->paper = PAPER_SCHRIMPF2021;
    else if (str_same(mode, "replicate:brainscore")) c->paper = PAPER_BRAINSCORE;
    else return err_set(&s->err, ERR_USAGE, "--mode %s: ceiling knows replicate:schrimpf2021 and replicate:brainscore", mode);
    if (c->method != CEILING_EXTRAPOLATE) return err_set(&s->err, ERR_USAGE, "--mode %s goes with --method extrapolate", mode);
    log_warn("mode %s: subsets of ordered tuples of sorted subjects by RandomState(0) (the paper's order of a set cannot be repeated), %s, nothing "
             "standardised, the axis counts the predicted subject, any failed fit makes a ceiling NaN, neuroids at the bound of 1 stay",
             mode, c->paper == PAPER_SCHRIMPF2021 ? "least squares of minimum norm" : "one alpha for all neuroids by leave-one-out");
    return 0;
}

static int choose(ceiling_options *c, const stage_options *o, stage *s)
{
    *c = ceiling_defaults();
    c->method = str_same(o->method, "isc") ? CEILING_ISC : str_same(o->method, "snr") ? CEILING_SNR
                : str_same(o->method, "splithalf") ? CEILING_SPLITHALF : CEILING_EXTRAPOLATE;
    if (read_mode(c, o, s)) return -1;
    c->subsets = o->subsets;
    if (!o->subsets) return err_set(&s->err, ERR_USAGE, "--subsets must be at least 1");
    c->group = str_same(o->target, "group");
    c->folds = o->folds;
    c->confounds = o->confounds;
    c->drop_start = o->drop_start;
    c->add_mean = o->add_mean;
    c->allow_random = o->allow_random;
    c->draws = o->draws;
    c->splits = o->splits;
    c->average = o->average;
    c->noise = o->noise;
    if (o->noise && c->method != CEILING_SNR) return err_set(&s->err, ERR_USAGE, "--noise goes with --method snr");
    if (o->average < 0) return err_set(&s->err, ERR_USAGE, "--average is a number of replicates, not %g", o->average);
    if (o->splits == 0) return err_set(&s->err, ERR_USAGE, "--splits must be at least 1");
    if (o->highpass && ceiling_highpass(c, o->highpass, &s->err)) return -1;
    return stage_seed(s, &c->seed);
}

static void tell(stage *s, const stage_options *o, const ceiling *c)
{
    char interval[64] = "";
    if (!isnan(c->average_lo)) snprintf(interval, sizeof interval, " [%.3f, %.3f]", c->average_lo, c->average_hi);
    if (c->curve) log_info("median over all neuroids %.3f; %zu subsets of subjects", c->median, c->curve->subsets);
    stage_result(s,
                 "ceiling of r, %s: %.3f%s, mean of %zu ROIs (%zu without a ceiling), %zu subjects, %zu rows dropped",
                 o->target, c->average, interval, c->n_average, c->n_undefined, c->subjects, o->drop_start);
}

/* Groups of items, where the responses do not hold them. */
static int join_stimuli(stage *s, const stage_options *o, responses *r)
{
    stimuli *x = NULL;
    int status = -1;
    if (!o->stimuli) return 0;
    if (stage_input(s, "stimuli", o->stimuli) || stimuli_read(&x, o->stimuli, &s->err)) goto done;
    status = ceiling_groups(r, x, &s->err);
done:
    stimuli_free(x);
    return status;
}

int main(int argc, char **argv)
{
    stage s;
    stage_options o;
    ceiling_options c;
    responses *r = NULL;
    ceiling *result = NULL;
    store *product;
    if (stage_begin(&s, argc, argv, &help, options, &o, &o.common)) goto done;
    if (stage_needs(&s, "responses", o.responses) || choose(&c, &o, &s)) goto done;
    if (stage_input(&s, "responses", o.responses) || responses_read(&r, o.responses, &s.err) ||
        responses_derive_confound(r, o.confounds, &s.err))
        goto done;
    if (join_stimuli(&s, &o, r) || (o.noise && stage_input(&s, "noise", o.noise))) goto done;
    if (stage_plan(&s, "ceiling of %zu neuroids, %zu presentations, target %s", r->v, r->n, o.target)) goto done;
    if (ceiling_estimate(&result, r, &c, &s.err)) goto done;
    product = stage_create(&s, "ceiling");
    if (!product || ceiling_put(product, result, &c, &s.err) || stage_commit(&s)) goto done;
    tell(&s, &o, result);
done:
    ceiling_free(result);
    responses_free(r);
    return stage_end(&s);
}
