/* SPDX-License-Identifier: MIT */
/* The page: finding, table, layer curve, what was left out, how it was made. */
#include "broca/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "finding.h"
#include "style.h"
#include "svg.h"

static void number(buffer *b, double v, int digits)
{
    if (isnan(v)) buffer_text(b, "<td class=\"n\">–</td>");
    else buffer_printf(b, "<td class=\"n\">%.*f</td>", digits, v);
}

static void text_cell(buffer *b, const char *text)
{
    buffer_text(b, "<td>");
    html_text(b, text);
    buffer_text(b, "</td>");
}

static const char *target_name(const char *target)
{
    return str_same(target, "group") ? "mean over listeners" : "single listeners";
}

/* One line of the main table: a model for one target, averaged over regions. */
static void summary_line(buffer *b, const score_rows *r, const char *model, const char *shown, const char *target)
{
    bool base = str_same(model, "baseline");
    const char *layer = base ? NULL : "nested", *kind = base ? "baseline" : "plain";
    size_t plain_r = finding_row(r, model, layer, kind, target, "average", "r");
    size_t plain_r2 = finding_row(r, model, layer, kind, target, "average", "r2");
    size_t delta = base ? SIZE_MAX : finding_row(r, model, layer, NULL, target, "average", "delta_r2");
    if (plain_r == SIZE_MAX && delta == SIZE_MAX) return;
    buffer_text(b, "<tr>");
    text_cell(b, shown);
    text_cell(b, target_name(target));
    number(b, score_row_value(r, plain_r), 3);
    number(b, score_row_value(r, plain_r2), 3);
    number(b, plain_r == SIZE_MAX ? NAN : r->ceiling[plain_r], 3);
    number(b, plain_r == SIZE_MAX ? NAN : r->normalised[plain_r], 3);
    number(b, score_row_value(r, delta), 4);
    if (delta != SIZE_MAX && !isnan(r->lo[delta])) {
        buffer_printf(b, "<td class=\"n\">%.4f to %.4f</td>", r->lo[delta], r->hi[delta]);
        text_cell(b, r->interval[delta]);
    } else {
        buffer_text(b, "<td class=\"n\">–</td><td></td>");
    }
    buffer_text(b, "</tr>\n");
}

static void summary_table(buffer *b, const score_rows *r)
{
    static const char *const targets[] = { "group", "single" };
    const char *model = finding_model(r), *seeds = finding_seeds(r);
    buffer_text(b, "<div class=\"scroll\"><table><thead><tr><th>features</th><th>target</th><th class=\"n\">r</th><th class=\"n\">R²</th>"
                   "<th class=\"n\">ceiling of r</th><th class=\"n\">normalised</th><th class=\"n\">ΔR²</th><th class=\"n\">from – to</th>"
                   "<th></th></tr></thead><tbody>\n");
    for (size_t i = 0; i < 2; i++) {
        char shown[200];
        summary_line(b, r, "baseline", "baseline", targets[i]);
        summary_line(b, r, model, model, targets[i]);
        if (!seeds || str_same(seeds, model)) continue;
        snprintf(shown, sizeof shown, "%s, mean over seeds", seeds);
        summary_line(b, r, seeds, shown, targets[i]);
    }
    buffer_text(b, "</tbody></table></div>\n<p class=\"note\">Averages over regions. r: mean over test folds; R²: pooled, about training means; "
                   "ΔR²: baseline and model together, minus the baseline (banded ridge); normalised: r divided by the ceiling of the same "
                   "target.</p>\n");
}

static void region_table(buffer *b, const score_rows *r, const char *target, err *e)
{
    char **rois = NULL;
    size_t n = 0;
    const char *model = finding_model(r);
    if (score_distinct(&rois, &n, r, r->roi, target, e) || !n) {
        free(rois);
        return;
    }
    buffer_printf(b, "<details><summary>By region, %s</summary><div class=\"scroll\"><table><thead><tr><th>region</th>"
                     "<th class=\"n\">baseline r</th><th class=\"n\">model r</th><th class=\"n\">ceiling of r</th><th class=\"n\">baseline R²</th>"
                     "<th class=\"n\">ΔR²</th></tr></thead><tbody>",
                  target_name(target));
    for (size_t i = 0; i < n; i++) {
        size_t base = finding_row(r, "baseline", NULL, NULL, target, rois[i], "r");
        buffer_text(b, "<tr>");
        text_cell(b, rois[i]);
        number(b, score_row_value(r, base), 3);
        number(b, score_row_value(r, finding_row(r, model, "nested", "plain", target, rois[i], "r")), 3);
        number(b, base == SIZE_MAX ? NAN : r->ceiling[base], 3);
        number(b, score_row_value(r, finding_row(r, "baseline", NULL, NULL, target, rois[i], "r2")), 3);
        number(b, score_row_value(r, finding_row(r, model, "nested", NULL, target, rois[i], "delta_r2")), 4);
        buffer_text(b, "</tr>\n");
    }
    buffer_text(b, "</tbody></table></div></details>\n");
    free(rois);
}

/* Layers of a model in the order of the rows, "nested" and "" left out. */
static int layers_of(char ***list, size_t *n, const score_rows *r, const char *target, err *e)
{
    char **all = NULL;
    size_t m = 0;
    if (score_distinct(&all, &m, r, r->layer, target, e)) return -1;
    *n = 0;
    for (size_t i = 0; i < m; i++)
        if (*all[i] && !str_same(all[i], "nested")) all[(*n)++] = all[i];
    *list = all;
    return 0;
}

enum { MOST_LAYERS = 256 };
typedef struct {
    double value[MOST_LAYERS], lo[MOST_LAYERS], hi[MOST_LAYERS];
    bool band;
} curve;

static void fill_curve(curve *c, const score_rows *r, const char *model, char *const *layers, size_t n, const char *kind,
                       const char *target, const char *measure)
{
    for (size_t i = 0; i < n; i++) {
        size_t row = model ? finding_row(r, model, layers[i], kind, target, "average", measure) : SIZE_MAX;
        c->value[i] = score_row_value(r, row);
        c->lo[i] = row == SIZE_MAX ? NAN : r->lo[row];
        c->hi[i] = row == SIZE_MAX ? NAN : r->hi[row];
        c->band = i ? c->band && !isnan(c->lo[i]) : !isnan(c->lo[i]);
    }
}

static void level(curve *c, double v, size_t n)
{
    for (size_t i = 0; i < n; i++) c->value[i] = v;
    c->band = false;
}

static svg_line line_of(const char *name, const char *css, const curve *c, size_t n)
{
    return (svg_line){ name, css, n, c->value, c->band ? c->lo : NULL, c->band ? c->hi : NULL };
}

static void layer_chart(buffer *b, const score_rows *r, const char *target, bool delta, err *e)
{
    char **layers = NULL, title[200], y[64];
    size_t n = 0, lines = 0;
    const char *model = finding_model(r), *seeds = finding_seeds(r), *kind = delta ? NULL : "plain";
    const char *measure = delta ? "delta_r2" : "r";
    curve *c = mem_new(4, sizeof *c, e);
    svg_line line[4];
    if (!c || layers_of(&layers, &n, r, target, e) || !n || n > MOST_LAYERS) goto done;
    fill_curve(&c[0], r, model, layers, n, kind, target, measure);
    line[lines++] = line_of(model, "s1", &c[0], n);
    if (seeds && !str_same(seeds, model)) {
        fill_curve(&c[1], r, seeds, layers, n, kind, target, measure);
        line[lines++] = line_of(seeds, "s2", &c[1], n);
    }
    size_t base = finding_row(r, "baseline", NULL, NULL, target, "average", "r");
    if (!delta && base != SIZE_MAX) {
        level(&c[2], r->value[base], n);
        line[lines++] = line_of("baseline", "s3", &c[2], n);
        level(&c[3], r->ceiling[base], n);
        if (!isnan(r->ceiling[base])) line[lines++] = line_of("ceiling", "s4", &c[3], n);
    }
    snprintf(title, sizeof title, "%s, %s", delta ? "Beyond the baseline" : "Each layer alone", target_name(target));
    snprintf(y, sizeof y, "%s", delta ? "ΔR², average of regions" : "r, average of regions");
    svg_chart chart = { title, y, "layer", n, (const char *const *)layers, lines, line, true };
    buffer_text(b, "<figure>");
    svg_line_chart(b, &chart);
    buffer_text(b, "</figure>\n");
done:
    free(layers);
    free(c);
}

static void charts(buffer *b, const score_rows *r, err *e)
{
    static const char *const targets[] = { "group", "single" };
    buffer_text(b, "<h2>Layers</h2>\n<p>Every layer, scored on the test folds. The headline uses none of these curves to choose: its "
                   "layer is chosen inside the training data of each fold. Bands: range over untrained seeds; for single "
                   "listeners the 95 % t interval over listeners, for this stimulus.</p>\n<div class=\"grid\">\n");
    for (size_t i = 0; i < 2; i++) {
        if (score_row_find(r, NULL, NULL, NULL, targets[i], NULL, NULL, NULL) == SIZE_MAX) continue;
        layer_chart(b, r, targets[i], true, e);
        layer_chart(b, r, targets[i], false, e);
    }
    buffer_text(b, "</div>\n");
}

static void notes(buffer *b, const score_rows *r)
{
    buffer_text(b, "<h2>What was left out, and what to know</h2>\n<ul>\n");
    for (size_t i = 0; i < r->n_warnings; i++) {
        buffer_text(b, "<li>");
        html_text(b, r->warning[i]);
        buffer_text(b, "</li>\n");
    }
    buffer_text(b, "<li>ΔR² of features that carry nothing is slightly below zero, since a fit to noise costs something: a small "
                   "negative value is no evidence against unique variance, a small positive one none for it.</li>\n");
    if (score_row_find(r, NULL, NULL, NULL, NULL, NULL, NULL, NULL) != SIZE_MAX && isnan(r->p[0]))
        buffer_text(b, "<li>Intervals and p of single models are not in this report: they need refits with blocks left out and "
                       "rotated responses.</li>\n");
    buffer_text(b, "</ul>\n");
}

static void config_of(buffer *b, store *s, err *e)
{
    char *config = NULL;
    if (store_get_text(s, "/", "config", &config, e)) return;
    buffer_text(b, "<pre>");
    html_text(b, config);
    buffer_text(b, "</pre>\n");
    free(config);
}

static int provenance(buffer *b, const char *path, err *e)
{
    store *s = NULL;
    sha_hex hash;
    const char *slash = strrchr(path, '/');
    if (sha_file(path, &hash, e) || store_open(&s, path, NULL, e)) return -1;
    buffer_text(b, "<h3>");
    html_text(b, slash ? slash + 1 : path);
    buffer_printf(b, " (%s)</h3>\n<p class=\"hash\">SHA-256 %s</p>\n", store_kind(s), hash.hex);
    config_of(b, s, e);
    store_close(s);
    return e->kind == ERR_NONE ? 0 : -1;
}

static int made(buffer *b, const report_inputs *in, err *e)
{
    buffer_printf(b, "<h2>How it was made</h2>\n<p>broca %s, commit %s. Nested cross-validated ridge regression: features of a layer are "
                     "summed over the words of each volume, delayed, filtered and standardised; the penalty of each response series "
                     "is chosen by inner folds of the training data; ΔR² is that of a banded model of baseline and layer against "
                     "the baseline alone (Dupré la Tour et al. 2022). Ceilings are inter-subject correlations after the same filter, "
                     "on the same test folds, for the same target.</p>\n<details><summary>Settings and hashes</summary>\n",
                  BROCA_VERSION, build_commit());
    if (provenance(b, in->scores, e)) return -1;
    for (size_t i = 0; i < in->n_encodings; i++)
        if (provenance(b, in->encodings[i], e)) return -1;
    buffer_text(b, "</details>\n<p>To repeat a file: <code>broca inspect FILE</code> prints the command that made it.</p>\n");
    return 0;
}

static bool simulated(const score_rows *r)
{
    for (size_t i = 0; i < r->n_warnings; i++)
        if (str_begins(r->warning[i], "simulated listeners")) return true;
    return false;
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

int report_finding(char **out, const report_inputs *in, err *e)
{
    score_rows *r = NULL;
    buffer b = { 0 };
    int status = score_rows_read(&r, in->scores, e);
    if (!status) status = finding_text(&b, r, e);
    if (status) free(b.at);
    else *out = b.at;
    score_rows_free(r);
    return status;
}

int report_page(buffer *b, const report_inputs *in, err *e)
{
    score_rows *r = NULL;
    char *finding = NULL;
    int status = -1;
    if (score_rows_read(&r, in->scores, e) || report_finding(&finding, in, e)) goto done;
    buffer_text(b, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    html_text(b, in->title);
    buffer_text(b, "</title>\n<style>\n");
    buffer_text(b, report_style);
    buffer_text(b, "</style>\n</head>\n<body>\n<main>\n");
    buffer_printf(b, "<p class=\"who\">%s</p>\n", simulated(r) ? "Simulated listeners with planted truth, not people." : "Real listeners.");
    buffer_text(b, "<h1>");
    html_text(b, in->title);
    buffer_text(b, "</h1>\n");
    paragraphs(b, finding);
    if (in->truth && report_truth(b, r, in, e)) goto done;
    summary_table(b, r);
    region_table(b, r, "group", e);
    region_table(b, r, "single", e);
    charts(b, r, e);
    notes(b, r);
    if (made(b, in, e)) goto done;
    buffer_text(b, "</main>\n</body>\n</html>\n");
    status = e->kind == ERR_NONE ? buffer_ok(b, e) : -1;
done:
    if (status) err_while(e, "writing the report");
    free(finding);
    score_rows_free(r);
    return status;
}
