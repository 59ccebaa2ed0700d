/* SPDX-License-Identifier: MIT */
/* broca-similarity: do activations and responses lay items out alike? */
#include <math.h>
#include <stdlib.h>

#include "broca/similarity.h"
#include "stage.h"

typedef struct {
    common_options common;
    const char *activations, *responses, *stimuli, *taps, *metric, *kernel;
    size_t permutations;
} stage_options;

#define AT(field) offsetof(stage_options, field)
static const option options[] = {
    { "activations", OPT_TEXT, AT(activations), NULL, "FILE", false, "a row an item" },
    { "responses", OPT_TEXT, AT(responses), NULL, "FILE", false, "of the same items; repeats are averaged" },
    { "stimuli", OPT_TEXT, AT(stimuli), NULL, "FILE", false, "groups of items, where the responses have none" },
    { "taps", OPT_TEXT, AT(taps), NULL, "TAP,...", true, "of the activations; default all" },
    { "metric", OPT_ENUM, AT(metric), "rsa", "rsa cka", true, "dissimilarities of pairs of items, or alignment of kernels" },
    { "kernel", OPT_ENUM, AT(kernel), "linear", "linear rbf", true, "of cka" },
    { "permutations", OPT_COUNT, AT(permutations), "999", NULL, true, "of whole groups of equal size (of items without groups) for p" },
    COMMON_OPTIONS(stage_options),
    { 0 }
};
static const option_help help = {
    "similarity", "representational similarity (RSA) and kernel alignment (CKA) of activations and responses", NULL,
    "rsa: Spearman's correlation of 1 - Pearson between items over pairs of different groups, per person and their mean; the ceiling is\n"
    "that of a person with many others. cka: the unbiased HSIC, which random features do not raise.\n"
    "Example: broca similarity --activations a.h5 --responses r.h5 --stimuli s.h5 --metric rsa --out rsa.h5\n"
};

static void say(stage *s, const similarity_table *t, const stage_options *o)
{
    size_t best = 0;
    for (size_t i = 1; i < t->taps; i++)
        if (t->score[i].mean > t->score[best].mean) best = i;
    char ceiling[64] = "";
    if (t->ceiling) snprintf(ceiling, sizeof ceiling, "; ceiling of a person %.3f", mean_f8(t->ceiling, t->subjects));
    stage_result(s, "%s of %zu taps with %zu people; highest mean %.3f (%s, p %.4f, chosen among them: no result)%s", o->metric, t->taps, t->subjects,
                 t->score[best].mean, t->tap[best], t->score[best].p, ceiling);
}

int main(int argc, char **argv)
{
    stage_options o;
    stage s;
    activations *a = NULL;
    responses *r = NULL;
    stimuli *x = NULL;
    similarity_data *d = NULL;
    similarity_table *t = NULL;
    similarity_options q = { 0 };
    if (stage_begin(&s, argc, argv, &help, options, &o, &o.common)) goto done;
    q = (similarity_options){ .metric = *o.metric == 'r' ? SIMILARITY_RSA : SIMILARITY_CKA, .rbf = *o.kernel == 'r', .permutations = o.permutations };
    if (q.rbf && q.metric == SIMILARITY_RSA) {
        err_set(&s.err, ERR_USAGE, "--kernel goes with --metric cka");
        goto done;
    }
    if (stage_seed(&s, &q.seed) || stage_needs(&s, "activations", o.activations) || stage_needs(&s, "responses", o.responses)) goto done;
    if (!o.common.dry_run && stage_needs(&s, "out", o.common.out)) goto done;
    if (stage_input(&s, "activations", o.activations) || activations_open(&a, o.activations, &s.err)) goto done;
    if (stage_input(&s, "responses", o.responses) || responses_read(&r, o.responses, &s.err)) goto done;
    if (o.stimuli && (stage_input(&s, "stimuli", o.stimuli) || stimuli_read(&x, o.stimuli, &s.err))) goto done;
    if (similarity_data_read(&d, r, a, x, q.metric, &s.err)) goto done;
    if (!d->groups) log_warn("the items have no groups: pairs that share time or topic count like others");
    if (stage_plan(&s, "%zu items in %zu groups, %zu people, %zu taps; memory: %.0f MB", d->n, d->groups, d->subjects, a->taps,
                   (double)d->n * (double)d->n * 8 * (double)(d->subjects + 4) / 1e6))
        goto done;
    if (similarity_run(&t, a, o.taps, d, &q, &s.err)) goto done;
    store *product = stage_create(&s, "similarity");
    if (!product || similarity_put(product, t, d, &q, &s.err) || stage_commit(&s)) goto done;
    say(&s, t, &o);
done:
    similarity_table_free(t);
    similarity_data_free(d);
    stimuli_free(x);
    responses_free(r);
    activations_close(a);
    return stage_end(&s);
}
