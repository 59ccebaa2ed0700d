/* SPDX-License-Identifier: MIT */
/* The scores as tables: over regions, by region, by subject, and the layers that were chosen. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "finding.h"
#include "html.h"
#include "parts.h"

static const char *const targets[] = { "group", "single" };

static void interval_cells(buffer *b, const score_rows *r, size_t row)
{
    if (row == SIZE_MAX || isnan(r->lo[row])) buffer_text(b, "<td class=\"n\">–</td>");
    else buffer_printf(b, "<td class=\"n\">%+.4f to %+.4f</td>", r->lo[row], r->hi[row]);
    if (row == SIZE_MAX || isnan(r->p[row])) buffer_text(b, "<td class=\"n\">–</td>");
    else buffer_printf(b, "<td class=\"n\">%.3g</td>", r->p[row]);
}

/* One line of the main table: a model for one target. */
static void summary_line(buffer *b, const report_view *v, const char *model, const char *shown, const char *target, const char *roi)
{
    const score_rows *r = v->r;
    bool base = str_same(model, "baseline");
    const char *layer = base ? NULL : "nested", *kind = base ? "baseline" : "plain";
    size_t plain = finding_row(r, model, layer, kind, target, roi, "r");
    size_t plain_r2 = finding_row(r, model, layer, kind, target, roi, "r2");
    size_t delta = base ? SIZE_MAX : finding_row(r, model, layer, NULL, target, roi, "delta_r2");
    if (plain == SIZE_MAX && delta == SIZE_MAX) return;
    buffer_text(b, "<tr>");
    html_cell(b, shown);
    html_cell(b, target_words(r, target));
    html_cell(b, str_same(roi, "average") ? "average" : roi);
    html_number(b, score_row_value(r, plain), 3);
    html_number(b, score_row_value(r, plain_r2), 3);
    html_number(b, plain == SIZE_MAX ? NAN : r->ceiling[plain], 3);
    html_number(b, plain == SIZE_MAX ? NAN : r->normalised[plain], 3);
    html_number(b, score_row_value(r, delta), 4);
    interval_cells(b, r, delta);
    buffer_text(b, "</tr>\n");
}

static bool of_seeds(const score_rows *r, const char *model)
{
    for (size_t i = 0; i < r->n; i++)
        if (str_same(r->model[i], model) && str_begins(r->interval[i], "range over seeds")) return true;
    return false;
}

static int summary(buffer *b, const report_view *v, const char *target, const char *roi, err *e)
{
    char shown[200], **others = NULL;
    size_t n;
    summary_line(b, v, "baseline", "baseline", target, roi);
    summary_line(b, v, v->model, v->model, target, roi);
    snprintf(shown, sizeof shown, "%.150s, mean of seeds", v->seeds ? v->seeds : "");
    if (v->seeds) summary_line(b, v, v->seeds, shown, target, roi);
    if (finding_others(&others, &n, v->r, e)) return -1;
    for (size_t i = 0; i < n; i++) {
        snprintf(shown, sizeof shown, of_seeds(v->r, others[i]) ? "%.150s, mean of seeds" : "%.150s", others[i]);
        summary_line(b, v, others[i], shown, target, roi);
    }
    free(others);
    return 0;
}

static int by_region(buffer *b, const report_view *v, const char *target, err *e)
{
    const char **rois = NULL;
    size_t n;
    int status = 0;
    if (figure_rois(&rois, &n, v, target, e)) return -1;
    if (n) {
        html_fold_begin(b, "By region, %s", target_words(v->r, target));
        html_table_begin(b, "features|target|region|#r|#R²|#ceiling of r|#normalised|#ΔR²|#from – to|#p");
        for (size_t i = 0; i < n && !status; i++) status = summary(b, v, target, rois[i], e);
        html_table_end(b);
        html_fold_end(b);
    }
    free(rois);
    return status;
}

static bool is_subject(const report_view *v, size_t i)
{
    const score_rows *r = v->r;
    return str_same(r->model[i], v->model) && str_same(r->layer[i], "nested") && str_same(r->target[i], "single") &&
           str_same(r->roi[i], v->roi) && str_same(r->measure[i], "delta_r2") && !str_same(r->subject[i], "all");
}

static void by_subject(buffer *b, const report_view *v)
{
    const score_rows *r = v->r;
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) n += is_subject(v, i);
    if (n < 2) return;
    html_fold_begin(b, "By subject (%zu)", n);
    html_table_begin(b, "subject|#baseline r|#model r|#ceiling of r|#ΔR²|#from – to|#p");
    for (size_t i = 0; i < r->n; i++) {
        if (!is_subject(v, i)) continue;
        size_t base = score_row_find(r, "baseline", NULL, NULL, "single", v->roi, r->subject[i], "r");
        size_t alone = score_row_find(r, v->model, "nested", "plain", "single", v->roi, r->subject[i], "r");
        buffer_text(b, "<tr>");
        html_cell(b, r->subject[i]);
        html_number(b, score_row_value(r, base), 3);
        html_number(b, score_row_value(r, alone), 3);
        html_number(b, base == SIZE_MAX ? NAN : r->ceiling[base], 3);
        html_number(b, r->value[i], 4);
        interval_cells(b, r, i);
        buffer_text(b, "</tr>\n");
    }
    html_table_end(b);
    html_fold_end(b);
}

/* What "from – to" is, for each of the features that have one. */
static void which_intervals(buffer *b, const report_view *v)
{
    const char *const models[] = { v->model, v->seeds };
    buffer_text(b, "<p class=\"note\">From – to:");
    size_t said = 0;
    for (size_t m = 0; m < 2; m++)
        for (size_t i = 0; i < 2; i++) {
            size_t row = models[m] ? finding_row(v->r, models[m], "nested", NULL, targets[i], v->roi, "delta_r2") : SIZE_MAX;
            if (row == SIZE_MAX || isnan(v->r->lo[row])) continue;
            buffer_text(b, said++ ? "; " : " ");
            html_text(b, models[m]);
            buffer_text(b, ", ");
            html_text(b, target_words(v->r, targets[i]));
            buffer_text(b, str_begins(v->r->interval[row], "range") ? ": " : ": 95 %, ");
            html_text(b, v->r->interval[row]);
        }
    buffer_text(b, said ? ".</p>\n" : " no interval was asked for.</p>\n");
}

static void p_cell(buffer *b, double p)
{
    if (isnan(p)) buffer_text(b, "<td class=\"n\">–</td>");
    else buffer_printf(b, "<td class=\"n\">%.3g</td>", p);
}

static void other_line(buffer *b, const report_view *v, const char *target, const char *roi)
{
    const score_rows *r = v->r;
    size_t row = finding_row(r, v->model, "nested", NULL, target, roi, "delta_r2");
    if (row == SIZE_MAX || (isnan(r->bca_lo[row]) && isnan(r->p_max[row]) && isnan(r->p_t[row]) && isnan(r->q[row]))) return;
    buffer_text(b, "<tr>");
    html_cell(b, target_words(r, target));
    html_cell(b, roi);
    html_number(b, r->value[row], 4);
    if (isnan(r->bca_lo[row])) buffer_text(b, "<td class=\"n\">–</td>");
    else buffer_printf(b, "<td class=\"n\">%+.4f to %+.4f</td>", r->bca_lo[row], r->bca_hi[row]);
    p_cell(b, r->p_max[row]);
    p_cell(b, r->q[row]);
    p_cell(b, r->p_t[row]);
    p_cell(b, r->p_flip[row]);
    buffer_text(b, "</tr>\n");
}

/* What stands beside the strict interval and p. */
static int other_tests(buffer *b, const report_view *v, err *e)
{
    buffer lines = { 0 };
    int status = 0;
    for (size_t t = 0; t < 2 && !status; t++) {
        const char **rois = NULL;
        size_t n;
        status = figure_rois(&rois, &n, v, targets[t], e);
        for (size_t i = 0; i < n && !status; i++) other_line(&lines, v, targets[t], rois[i]);
        free(rois);
    }
    if (lines.size && !status) {
        html_fold_begin(b, "Other intervals and tests of ΔR²");
        html_table_begin(b, "target|region|#ΔR²|#bootstrap (BCa), 95 %|#p, maximum over regions|#q over regions|#p of t|#p of sign flips");
        buffer_add(b, lines.at, lines.size);
        html_table_end(b);
        buffer_text(b, "<p class=\"note\">Bootstrap: subjects and blocks drawn, the same blocks for all, without fitting again, so it leaves out what "
                       "training adds. Maximum and q (Benjamini and Hochberg): within the regions of one target. t and sign flips over subjects test "
                       "whether the mean is 0 for this stimulus, not whether the model is unrelated to the responses.</p>\n");
        html_fold_end(b);
    }
    free(lines.at);
    return status;
}

int part_summary(buffer *b, const report_view *v, err *e)
{
    html_table_begin(b, "features|target|region|#r|#R²|#ceiling of r|#normalised|#ΔR²|#from – to|#p");
    for (size_t i = 0; i < 2; i++) {
        if (summary(b, v, targets[i], v->roi, e) || (!str_same(v->roi, "average") && summary(b, v, targets[i], "average", e))) return -1;
    }
    html_table_end(b);
    which_intervals(b, v);
    buffer_text(b, "<p class=\"note\">r: correlation, mean over test folds. R²: pooled over folds, about training means. ΔR²: baseline and model "
                   "together (banded ridge) minus the baseline alone, on the same folds. Normalised: r divided by the ceiling of the "
                   "same target. –: not asked for, or not defined.</p>\n");
    for (size_t i = 0; i < 2; i++)
        if (by_region(b, v, targets[i], e)) return -1;
    by_subject(b, v);
    return other_tests(b, v, e);
}

/* ---- layers ---- */

static const char *oracle_layer(const score_rows *r, const char *model, const char *kind, const char *target)
{
    for (size_t i = 0; i < r->n_oracles; i++)
        if (str_same(r->oracle_model[i], model) && str_same(r->oracle_kind[i], kind) && str_same(r->oracle_target[i], target))
            return r->oracle_layer[i];
    return "–";
}

/* "h.2 (5 of 6 folds), h.0 (1)": layers by how often they were chosen for a target. */
static void chosen(buffer *b, const score_rows *r, const char *model, const char *kind, const char *target, err *e)
{
    size_t *count = mem_new(r->n_choices, sizeof *count, e), shown = 0, all = 0;
    if (!count) return;
    for (size_t i = 0; i < r->n_choices; i++) {
        if (!str_same(r->choice_model[i], model) || !str_same(r->choice_kind[i], kind) || !str_same(r->choice_target[i], target)) continue;
        all++;
        for (size_t k = 0; k <= i; k++) /* the first choice of a layer counts for all of them */
            if (str_same(r->choice_layer[k], r->choice_layer[i]) && str_same(r->choice_model[k], model) &&
                str_same(r->choice_kind[k], kind) && str_same(r->choice_target[k], target)) {
                count[k]++;
                break;
            }
    }
    for (size_t left = r->n_choices; left--;) {
        size_t best = SIZE_MAX;
        for (size_t k = 0; k < r->n_choices; k++)
            if (count[k] && (best == SIZE_MAX || count[k] > count[best])) best = k;
        if (best == SIZE_MAX) break;
        buffer_printf(b, "%s", shown++ ? ", " : "");
        html_text(b, r->choice_layer[best]);
        buffer_printf(b, " (%zu of %zu)", count[best], all);
        count[best] = 0;
    }
    free(count);
}

int part_layers(buffer *b, const report_view *v, err *e)
{
    const char *const models[] = { v->model, v->seeds }, *const kinds[] = { "joint", "plain" };
    if (!v->r->n_choices) return 0;
    html_fold_begin(b, "Which layers were chosen");
    html_table_begin(b, "features|target|fit|chosen inside the training data, folds × subjects|best on test data (not used)");
    for (size_t m = 0; m < 2; m++)
        for (size_t t = 0; t < 2; t++)
            for (size_t k = 0; k < 2; k++) {
                buffer cell = { 0 };
                if (models[m]) chosen(&cell, v->r, models[m], kinds[k], targets[t], e);
                if (cell.size) {
                    buffer_text(b, "<tr>");
                    html_cell(b, models[m]);
                    html_cell(b, target_words(v->r, targets[t]));
                    html_cell(b, k == 0 ? "with the baseline" : "alone");
                    buffer_printf(b, "<td>%s</td>", cell.at);
                    html_cell(b, oracle_layer(v->r, models[m], kinds[k], targets[t]));
                    buffer_text(b, "</tr>\n");
                }
                free(cell.at);
            }
    html_table_end(b);
    html_fold_end(b);
    return e->kind == ERR_NONE ? 0 : -1;
}
