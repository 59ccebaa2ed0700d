/* SPDX-License-Identifier: MIT */
/* Strict, or what a paper's code did: named on every page, with what differs (METHODS "Modes", 3.13, 12). */
#include <string.h>

#include "html.h"
#include "parts.h"

static const char strict[] = "test data are separated from training data in time or by groups of items; layer, penalties and weights of bands are "
                             "chosen on training data alone; a baseline, untrained networks and a ceiling of the same folds and target stand "
                             "beside the score.";

static const struct {
    const char *name, *differs;
} replicate[] = {
    { "schrimpf2021", "sentences or words of one passage lie in training and test; ordinary least squares without penalty or scaling; the score is "
                      "the best layer on the test data, as a median over neuroids and subjects divided by an extrapolated ceiling; no baseline." },
    { "brainscore", "one penalty for all neuroids, chosen by leave-one-out that ignores the groups of the folds; no scaling; scores divided by the "
                    "ceiling are clipped to 0 … 1; no baseline, no interval." },
    { "tuckute2024", "folds are shuffled, so sentences that are nearly the same may lie in training and test; features are not scaled; 60 penalties "
                     "from 10⁻³⁰ to 10²⁹, chosen by leave-one-out; the layer was chosen on the same sentences; no baseline." },
    { "alkhamissi2024", "units of a localizer on whole items cut to 12 tokens, then the folds and penalties of brainscore; no baseline." },
    { "hadidi2025", "the best layer and the best width of position features are chosen on test data; scores are clipped at 0 for each subject; the "
                    "test treats samples as independent." },
};

void part_mode(buffer *b, const report_view *v)
{
    const encoding_view *x = encoding_view_of(v->x, v->target);
    char room[64];
    const char *mode = encoding_setting(x, "mode", room, sizeof room), *differs = NULL;
    if (!x) return;
    if (!str_begins(mode, "replicate:")) {
        buffer_text(b, "<p class=\"mode\"><b>Mode: strict.</b> What differs from common practice: ");
        html_text(b, strict);
        if (str_begins(x->folds_text, "random")) buffer_text(b, " <b>But the folds are random, by the user's wish: neighbours of test items are in training.</b>");
        buffer_text(b, "</p>\n");
        return;
    }
    for (size_t i = 0; i < sizeof replicate / sizeof *replicate; i++)
        if (str_same(replicate[i].name, mode + strlen("replicate:"))) differs = replicate[i].differs;
    buffer_text(b, "<p class=\"mode\"><b>Mode: ");
    html_text(b, mode);
    buffer_text(b, ".</b> This repeats what a published code did, to compare with its figures; what differs from strict: ");
    html_text(b, differs ? differs : "see the methods of that paper.");
    buffer_text(b, "</p>\n");
}
