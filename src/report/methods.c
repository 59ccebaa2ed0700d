/* SPDX-License-Identifier: MIT */
/* How it was done, in sentences that a paper can take over; every one follows from the run's own settings. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "finding.h"
#include "html.h"
#include "parts.h"

typedef struct {
    buffer *b;
    const encoding_view *x;
    char room[600];
} teller;

static const char *setting(teller *t, const char *name)
{
    return encoding_setting(t->x, name, t->room, sizeof t->room);
}

static bool has(teller *t, const char *name)
{
    const char *value = setting(t, name);
    return *value && !str_same(value, "0");
}

/* "text VALUE text", the value escaped. */
static void say(teller *t, const char *before, const char *name, const char *after)
{
    buffer_text(t->b, before);
    html_text(t->b, setting(t, name));
    buffer_text(t->b, after);
}

static void features(teller *t)
{
    bool series = has(t, "delays") || has(t, "hrf") || has(t, "highpass");
    buffer_text(t->b, "Each layer is a set of features. ");
    if (has(t, "hrf")) say(t, "Word vectors are convolved with a haemodynamic response (", "hrf", "). ");
    else if (series) {
        say(t, "Word vectors are brought to the samples of the responses (", "downsample", " over the words of a sample)");
        if (has(t, "delays")) say(t, " and delayed (", "delays", ")");
        buffer_text(t->b, "; delays do not cross runs. ");
    } else buffer_text(t->b, "A row is an item. ");
    if (has(t, "drop-start")) say(t, "The first ", "drop-start", " samples of each run are dropped. ");
    if (has(t, "highpass"))
        say(t, "Features and responses are filtered alike (discrete cosines, cut-off ", "highpass",
            strstr(setting(t, "highpass"), "scope=run") ? " s, over whole runs). " : " s, each fold's block by itself, so that no test sample enters training). ");
    if (has(t, "confounds")) say(t, "Confounds (", "confounds", ") are removed from the responses with weights from training samples. ");
    if (strchr(setting(t, "standardize"), 'X')) buffer_text(t->b, "Columns are standardised by mean and sd of the training samples. ");
}

static void model(teller *t)
{
    const encoding_view *x = t->x;
    buffer_printf(t->b, "Ridge regression with an unpenalised intercept predicts each response in %zu outer folds (", x->folds);
    html_text(t->b, x->folds_text);
    buffer_text(t->b, "). The penalty ");
    buffer_text(t->b, str_same(setting(t, "alpha-per"), "all") ? "of all responses together" : "of each response");
    buffer_printf(t->b, " is one of %zu values (", x->n_grid);
    html_text(t->b, setting(t, "alphas"));
    buffer_text(t->b, "), chosen inside the training data (inner folds: ");
    html_text(t->b, *x->inner_text ? x->inner_text : "none");
    say(t, "; by ", "select", "). ");
    if (has(t, "baseline")) {
        say(t, "The baseline is ", "baseline", ". ");
        say(t, "ΔR² is R² of baseline and layer together, as bands with penalties of their own (", "candidates",
            " candidate weightings, the corners among them, chosen by inner folds), minus R² of the baseline alone. ");
    }
    if (has(t, "units")) buffer_text(t->b, "Only units that a localizer selected enter. ");
    buffer_text(t->b, "R² is pooled over folds: 1 − ΣSSE/ΣSST about the training means. The layer is the one with the best inner score, averaged over "
                      "the target's responses, in each outer fold; no test sample has a say. ");
}

static void inference(teller *t, const report_view *v)
{
    const score_rows *r = v->r;
    size_t row = finding_row(r, v->model, "nested", NULL, v->target, v->roi, "delta_r2");
    if (row == SIZE_MAX) return;
    if (!isnan(r->lo[row])) {
        buffer_text(t->b, "Intervals are 95 %: ");
        html_text(t->b, r->interval[row]);
        buffer_text(t->b, ". ");
        if (strstr(r->interval[row], "jackknife"))
            buffer_text(t->b, "Blocks of the stimulus are left out of training and test together, for all subjects alike, and the model is fitted again "
                              "with layer, penalties and weights of bands held. ");
        if (str_begins(r->interval[row], "crossed jackknife"))
            buffer_text(t->b, "To the variance over subjects is added how two subjects' scores vary together when blocks are left out; degrees of freedom "
                              "are Satterthwaite's. ");
    }
    if (!isnan(r->p[row]))
        buffer_text(t->b, "p is the share of refits (the observed one among them) whose score reaches the observed one; in each the responses' residuals "
                          "of the baseline are rotated or permuted and put back on the baseline's fit, and layer, penalties and weights are chosen "
                          "anew. ");
}

static void ceilings(buffer *b, const report_view *v, const report_inputs *in)
{
    err ignored = { 0 };
    bool any = false;
    for (size_t i = 0; i < v->r->n && !any; i++) any = !isnan(v->r->ceiling[i]);
    if (!any) return;
    buffer_text(b, "The ceiling is the score that a perfect model of the same target would get on these folds");
    for (size_t i = 0; i < in->n_ceilings; i++) {
        store *s = NULL;
        char *method = NULL, *target = NULL;
        if (!store_open(&s, in->ceilings[i], "ceiling", &ignored) && !store_get_text(s, "/", "method", &method, &ignored) &&
            !store_get_text(s, "/", "target", &target, &ignored)) {
            const char *how = str_same(method, "isc")         ? "agreement between subjects after the same filter"
                              : str_same(method, "splithalf") ? "split halves"
                              : str_same(method, "snr")       ? "signal and noise variance"
                              : str_same(method, "extrapolate") ? "other subjects as predictors, extrapolated" : method;
            buffer_text(b, i ? "; " : ": ");
            html_text(b, target);
            buffer_text(b, ", ");
            html_text(b, how);
        }
        free(method);
        free(target);
        store_close(s);
    }
    err_clear(&ignored);
    buffer_text(b, ". Scores are averaged first and divided then. ");
}

void part_methods(buffer *b, const report_view *v, const report_inputs *in)
{
    teller t = { .b = b, .x = encoding_view_of(v->x, v->target) };
    if (!t.x && v->x->n) t.x = &v->x->at[0];
    if (!t.x) return;
    buffer_text(b, "<h2>Methods</h2>\n<p>");
    features(&t);
    buffer_text(b, "</p>\n<p>");
    model(&t);
    buffer_text(b, "</p>\n<p>");
    inference(&t, v);
    ceilings(b, v, in);
    if (v->seeds && !finding_seeds_are_reference(v->r))
        buffer_text(b, "Untrained networks have the same architecture and another seed each; their mean and range are shown, and seeds are not subjects: "
                       "they narrow no interval. ");
    buffer_text(b, "</p>\n");
}
