/* SPDX-License-Identifier: MIT */
/* broca-report: scores and encodings as one self-contained page. */
#include <stdlib.h>

#include "broca/report.h"
#include "stage.h"

typedef struct {
    common_options common;
    const char *title, *roi, *scores, *truth, *population, *sweep, *calibration;
    option_list encodings, ceilings, replicates, localizers, topography, training, brains;
} report_options;

#define AT(field) offsetof(report_options, field)
static const option options[] = {
    { "scores", OPT_TEXT, AT(scores), NULL, "FILE", false, "file of kind scores" },
    { "encoding", OPT_LIST, AT(encodings), NULL, "FILE", false, "encodings that the scores were made from" },
    { "replicate", OPT_LIST, AT(replicates), NULL, "FILE", false, "encodings of a replicate mode, shown beside" },
    { "truth", OPT_TEXT, AT(truth), NULL, "FILE", false, "simulated responses: planted values beside the estimates" },
    { "ceiling", OPT_LIST, AT(ceilings), NULL, "FILE", false, "ceilings, for their intervals beside the planted ones" },
    { "population", OPT_TEXT, AT(population), NULL, "FILE", false, "scores of many more simulated listeners: the expected score" },
    { "localizer", OPT_LIST, AT(localizers), NULL, "FILE", false, "language units of models: a page of their own without --scores" },
    { "topography", OPT_LIST, AT(topography), NULL, "FILE", false, "maps on sheets, side by side: a page of their own without --scores" },
    { "maps", OPT_LIST, AT(brains), NULL, "FILE", false, "maps of broca glm and group as slices of brains, topography of such maps: a page of their own without --scores" },
    { "training", OPT_LIST, AT(training), NULL, "NAME=train_log.tsv", false, "how a model was trained: its curves" },
    { "sweep", OPT_TEXT, AT(sweep), NULL, "FILE", false, "table of runs over alpha: loss against topography, a figure for each number of steps" },
    { "calibration", OPT_TEXT, AT(calibration), NULL, "FILE", false, "table of make calibrate: false positives, p and coverage where the truth is known" },
    { "roi", OPT_TEXT, AT(roi), NULL, "NAME", true, "region of the first sentence; without: the average of the regions" },
    { "title", OPT_TEXT, AT(title), "Brain scores", "TEXT", true, "title of the page" },
    COMMON_OPTIONS(report_options),
    { 0 }
};
static const option_help help = { "report", "one self-contained HTML page: the finding first", NULL, NULL };

static void network_page(stage *s, const report_options *o, const report_networks *in)
{
    buffer page = { 0 };
    const char *title = parsed_given(s->parsed, "title") ? o->title : in->n_localizers || in->n_maps ? "Language network and sheets" : "Maps of brains";
    const report_training_inputs training = { o->training.at, o->training.n, o->sweep };
    if (stage_plan(s, "a page from %zu localizers and %zu files of maps", in->n_localizers, in->n_maps + in->n_brains) ||
        stage_needs(s, "out", o->common.out))
        return;
    if (!report_network_page(&page, title, in, &training, &s->err) && !atomic_write(o->common.out, page.at, page.size, &s->err))
        stage_result(s, "%s: %zu localizers, %zu files of maps", o->common.out, in->n_localizers, in->n_maps + in->n_brains);
    free(page.at);
}

int main(int argc, char **argv)
{
    report_options o;
    stage s;
    buffer page = { 0 };
    char *finding = NULL;
    if (stage_begin(&s, argc, argv, &help, options, &o, &o.common)) goto done;
    const report_networks networks = { o.localizers.at, o.localizers.n, o.topography.at, o.topography.n, o.brains.at, o.brains.n };
    bool any = networks.n_localizers || networks.n_maps || networks.n_brains;
    if (any && !o.scores) {
        network_page(&s, &o, &networks);
        goto done;
    }
    if (stage_needs(&s, "scores", o.scores)) goto done;
    if (stage_plan(&s, "a page from %s and %zu encodings", o.scores, o.encodings.n)) goto done;
    if (stage_needs(&s, "out", o.common.out)) goto done;
    report_inputs in = { o.title, o.roi, o.scores, o.encodings.at, o.encodings.n, o.replicates.at, o.replicates.n, o.truth,
                         o.ceilings.at, o.ceilings.n, o.population, any ? &networks : NULL,
                         { o.training.at, o.training.n, o.sweep }, o.calibration };
    if (report_page(&page, &in, &s.err) || report_finding(&finding, &in, &s.err)) goto done;
    if (atomic_write(o.common.out, page.at, page.size, &s.err)) goto done;
    stage_result(&s, "%s", finding);
done:
    free(finding);
    free(page.at);
    return stage_end(&s);
}
