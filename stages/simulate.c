/* SPDX-License-Identifier: MIT */
/* broca-simulate: responses with planted truth. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/activations.h"
#include "broca/simulate.h"
#include "stage.h"

typedef struct {
    common_options common;
    const char *stimuli, *features;
    size_t subjects, first_subject, neuroids, drop_start, filter_blocks;
    bool motion_removed;
    double signal, baseline, specific, motion, ar, tr_s, highpass_s;
} simulate_options;

#define AT(field) offsetof(simulate_options, field)
static const option options[] = {
    { "stimuli", OPT_TEXT, AT(stimuli), NULL, "FILE", false, "items, or a story with timed words (--tr)" },
    { "features", OPT_TEXT, AT(features), NULL, "FILE:TAP", true, "activations whose mixture is the planted model signal" },
    { "subjects", OPT_COUNT, AT(subjects), "20", NULL, true, "listeners" },
    { "first-subject", OPT_COUNT, AT(first_subject), "1", NULL, true, "number of the first; the same seed, other people" },
    { "neuroids", OPT_COUNT, AT(neuroids), "6", NULL, true, "per subject, a region each" },
    { "signal", OPT_REAL, AT(signal), "0.1", NULL, true, "share of variance: model features, the same for all" },
    { "baseline", OPT_REAL, AT(baseline), "0.05", NULL, true, "share of variance: word rate, or item length" },
    { "specific", OPT_REAL, AT(specific), "0", NULL, true, "share of variance: model features, the subject's own mixture" },
    { "motion", OPT_REAL, AT(motion), "0", NULL, true, "share of variance: the subject's motion" },
    { "ar", OPT_REAL, AT(ar), "0.4", NULL, true, "AR(1) coefficient of the noise, the rest of the variance" },
    { "tr", OPT_REAL, AT(tr_s), "0", "S", true, "repetition time; 0: a row an item" },
    { "highpass", OPT_REAL, AT(highpass_s), "0", "S", true, "filter of the analysis to come, for the planted ceilings" },
    { "filter-blocks", OPT_COUNT, AT(filter_blocks), "6", NULL, true, "contiguous blocks (outer folds) of that filter" },
    { "motion-removed", OPT_FLAG, AT(motion_removed), NULL, NULL, true, "the analysis will remove motion, for the planted ceilings" },
    { "drop-start", OPT_COUNT, AT(drop_start), "0", NULL, true, "rows that the analysis will drop, for the planted ceilings" },
    COMMON_OPTIONS(simulate_options),
    { 0 }
};
static const option_help help = { "simulate", "responses with planted truth, to calibrate and to plan", NULL, NULL };

/* "FILE:TAP" -> the rows of one tap; *path is a copy of FILE. */
static int read_features(stage *s, const char *text, activations **a, float **rows, size_t *width)
{
    const char *colon = strrchr(text, ':');
    char path[2048];
    if (!colon || colon == text || (size_t)(colon - text) >= sizeof path)
        return err_set(&s->err, ERR_USAGE, "--features is FILE:TAP, not '%s'", text);
    snprintf(path, sizeof path, "%.*s", (int)(colon - text), text);
    if (stage_input(s, "features", path) || activations_open(a, path, &s->err)) return -1;
    return activations_tap(*a, colon + 1, rows, width, &s->err);
}

/* The config with the features' file by its content: where it lies is not to change a byte of the product. */
static int configure(stage *s, simulate_options *o)
{
    const char *given = o->features;
    char *named = str_format(&s->err, "FILE_%.8s%s", s->inputs[s->n_inputs - 1].sha256, strrchr(given, ':'));
    if (!named) return -1;
    o->features = named;
    free(s->config);
    s->config = options_config(options, o, &s->err);
    o->features = given;
    free(named);
    return s->config ? 0 : -1;
}

static simulation plan(const simulate_options *o, uint64_t seed)
{
    simulation q = { .subjects = o->subjects, .first_subject = o->first_subject, .neuroids = o->neuroids,
                     .shares = { o->signal, o->baseline, o->specific, o->motion }, .ar = o->ar, .tr_s = o->tr_s,
                     .highpass_s = o->highpass_s, .filter_blocks = o->filter_blocks, .drop_start = o->drop_start,
                     .motion_removed = o->motion_removed,
                     .seed = seed };
    return q;
}

int main(int argc, char **argv)
{
    simulate_options o;
    stage s;
    stimuli *x = NULL;
    activations *a = NULL;
    float *rows = NULL;
    responses *r = NULL;
    simulated_truth *truth = NULL;
    size_t width;
    uint64_t seed;
    if (stage_begin(&s, argc, argv, &help, options, &o, &o.common)) goto done;
    if (stage_needs(&s, "stimuli", o.stimuli) || stage_needs(&s, "features", o.features) || stage_seed(&s, &seed)) goto done;
    if (!o.common.dry_run && stage_needs(&s, "out", o.common.out)) goto done;
    if (stage_input(&s, "stimuli", o.stimuli) || stimuli_read(&x, o.stimuli, &s.err)) goto done;
    if (read_features(&s, o.features, &a, &rows, &width) || configure(&s, &o)) goto done;
    if (stage_plan(&s, "%zu subjects × %zu neuroids from %zu features", o.subjects, o.neuroids, width)) goto done;
    simulation q = plan(&o, seed);
    log_warn("simulated listeners (planted truth), not people");
    if (simulate_responses(&r, &truth, x, rows, a->per_word ? a->words : a->n, width, &q, &s.err)) goto done;
    store *product = stage_create(&s, "responses");
    if (!product || responses_put(product, r, &s.err) || simulated_truth_put(product, truth, &q, &s.err)) goto done;
    if (stage_commit(&s)) goto done;
    stage_result(&s, "%zu presentations × %zu neuroids; planted ceiling of roi1: group %.3f, single %.3f", r->n, r->v,
                 truth->ceiling_group[0], truth->ceiling_single[0]);
done:
    simulated_truth_free(truth);
    responses_free(r);
    free(rows);
    activations_close(a);
    stimuli_free(x);
    return stage_end(&s);
}
