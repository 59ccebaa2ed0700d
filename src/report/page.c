/* SPDX-License-Identifier: MIT */
/* The page: the finding first, then the table, the figures, what was left out, how it was made and how to make it again. */
#include "broca/report.h"

#include <stdlib.h>
#include <string.h>

#include "finding.h"
#include "html.h"
#include "parts.h"
#include "style.h"

static const char *const targets[] = { "group", "single" };

static bool simulated(const score_rows *r)
{
    for (size_t i = 0; i < r->n_warnings; i++)
        if (str_begins(r->warning[i], "simulated listeners")) return true;
    return false;
}

static bool has_target(const score_rows *r, const char *target)
{
    return score_row_find(r, NULL, NULL, NULL, target, NULL, NULL, NULL) != SIZE_MAX;
}

static void paragraphs(buffer *b, const char *text)
{
    bool first = true;
    while (*text) {
        size_t n = strcspn(text, "\n");
        char part[4096];
        snprintf(part, sizeof part, "%.*s", (int)n, text);
        buffer_printf(b, "<p class=\"%s\">", first ? "finding" : "second");
        html_text(b, part);
        buffer_text(b, "</p>\n");
        first = false;
        text += n;
        text += *text == '\n';
    }
}

static int figures(buffer *b, const report_view *v, err *e)
{
    buffer_text(b, "<div class=\"grid\">\n");
    for (size_t i = 0; i < 2; i++) {
        if (!has_target(v->r, targets[i])) continue;
        if (figure_delta(b, v, targets[i], e) || figure_difference(b, v, targets[i], e)) return -1;
        if (figure_null(b, v, targets[i], e) || figure_ceiling(b, v, targets[i], e)) return -1;
    }
    if (figure_subjects(b, v, e)) return -1;
    buffer_text(b, "</div>\n<h2>Layers</h2>\n<p>Every layer, scored on the test folds. The headline uses none of these curves to choose: its layer is "
                   "chosen inside the training data of each fold.</p>\n<div class=\"grid\">\n");
    for (size_t i = 0; i < 2; i++)
        if (has_target(v->r, targets[i]) && figure_layers(b, v, targets[i], e)) return -1;
    buffer_text(b, "</div>\n");
    if (part_layers(b, v, e)) return -1;
    buffer_text(b, "<h2>Folds and penalties</h2>\n<div class=\"grid\">\n");
    if (figure_folds(b, v, e)) return -1;
    for (size_t i = 0; i < 2; i++)
        if (figure_alphas(b, v, targets[i], e)) return -1;
    buffer_text(b, "</div>\n");
    return 0;
}

static int body(buffer *b, const report_view *v, const report_inputs *in, const encoding_views *beside, const provenance *p, err *e)
{
    if (in->truth && report_truth(b, v->r, in, e)) return -1;
    part_mode(b, v);
    if (part_summary(b, v, e) || figures(b, v, e) || part_replicates(b, v, beside, e)) return -1;
    if (in->networks) {
        if (in->networks->n_localizers || in->networks->n_maps) buffer_text(b, "<h2>The language network of models</h2>\n");
        if (report_network(b, in->networks, e)) return -1;
    }
    if ((in->training.n_logs || in->training.sweep) && report_training(b, &in->training, e)) return -1;
    if (in->calibration && report_calibration(b, in->calibration, e)) return -1;
    if (part_excluded(b, v, in, e)) return -1;
    part_methods(b, v, in);
    part_references(b, v, p);
    return part_provenance(b, p, e);
}

int report_finding(char **out, const report_inputs *in, err *e)
{
    score_rows *r = NULL;
    buffer b = { 0 };
    int status = score_rows_read(&r, in->scores, e);
    if (!status) status = finding_text(&b, r, in->roi, e);
    if (status) free(b.at);
    else *out = b.at;
    score_rows_free(r);
    return status;
}

int report_page(buffer *b, const report_inputs *in, err *e)
{
    score_rows *r = NULL;
    encoding_views x = { 0 }, beside = { 0 };
    provenance *p = NULL;
    buffer finding = { 0 };
    int status = -1;
    if (score_rows_read(&r, in->scores, e) || finding_text(&finding, r, in->roi, e) ||
        encoding_views_read(&x, in->encodings, in->n_encodings, e) ||
        encoding_views_read(&beside, in->replicates, in->n_replicates, e) || provenance_read(&p, in, e))
        goto done;
    const char *roi = in->roi ? in->roi : "average", *model = finding_model(r), *seeds = finding_seeds(r), *reference = finding_reference(r);
    if (seeds && str_same(seeds, model)) seeds = NULL;
    if (reference && (str_same(reference, model) || (seeds && str_same(reference, seeds)))) reference = NULL; /* drawn as that */
    report_view v = { r, &x, model, seeds, reference, roi, finding_target(r, roi) };
    page_head(b, in->title);
    buffer_printf(b, "<p class=\"who\">%s</p>\n<h1>", simulated(r) ? "Simulated listeners with planted truth, not people." : "Responses of people.");
    html_text(b, in->title);
    buffer_text(b, "</h1>\n");
    paragraphs(b, finding.at);
    if (body(b, &v, in, &beside, p, e)) goto done;
    buffer_text(b, "</main>\n</body>\n</html>\n");
    status = e->kind == ERR_NONE ? buffer_ok(b, e) : -1;
done:
    if (status) err_while(e, "writing the report");
    free(finding.at);
    encoding_views_free(&x);
    encoding_views_free(&beside);
    provenance_free(p);
    score_rows_free(r);
    return status;
}
