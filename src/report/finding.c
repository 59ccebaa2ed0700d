/* SPDX-License-Identifier: MIT */
/* The finding in plain words (METHODS 5.3). */
#include "finding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"
#include "html.h"

static const char *subject_of(const char *target)
{
    return str_same(target, "group") ? "group" : "all";
}

size_t finding_row(const score_rows *r, const char *model, const char *layer, const char *kind, const char *target,
                   const char *roi, const char *measure)
{
    return score_row_find(r, model, layer, kind, target, roi, subject_of(target), measure);
}

static bool is_seed(const char *model)
{
    const char *dot = strrchr(model, '.');
    size_t ignored;
    return dot && dot[1] == 's' && !parse_size(dot + 2, &ignored);
}

/* "A - B": a difference of two models (score --against B). */
static const char *subtracted(const char *model)
{
    const char *minus = strstr(model, " - ");
    return minus ? minus + 3 : NULL;
}

const char *finding_reference(const score_rows *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const char *other = subtracted(r->model[i]);
        for (size_t k = 0; other && k < r->n; k++)
            if (str_same(r->model[k], other)) return r->model[k];
    }
    return NULL;
}

const char *finding_difference(const score_rows *r)
{
    const char *model = finding_model(r), *reference = finding_reference(r);
    size_t n = model ? strlen(model) : 0;
    for (size_t i = 0; i < r->n && model && reference; i++) {
        const char *other = subtracted(r->model[i]);
        if (other && str_same(other, reference) && strncmp(r->model[i], model, n) == 0 && r->model[i] + n + 3 == other) return r->model[i];
    }
    return NULL;
}

/* The model that the report is about: the first that is neither the baseline, nor a seed, nor a group of seeds, nor what others are
 * compared with. */
const char *finding_model(const score_rows *r)
{
    const char *fallback = finding_reference(r), *reference = fallback;
    for (size_t i = 0; i < r->n; i++) {
        if (str_same(r->model[i], "baseline") || is_seed(r->model[i]) || subtracted(r->model[i])) continue;
        if (reference && str_same(r->model[i], reference)) continue;
        if (str_begins(r->interval[i], "range over seeds")) {
            if (!fallback) fallback = r->model[i];
            continue;
        }
        bool seeds = false;
        for (size_t k = 0; k < r->n && !seeds; k++)
            seeds = str_same(r->model[k], r->model[i]) && str_begins(r->interval[k], "range over seeds");
        if (!seeds) return r->model[i];
    }
    return fallback;
}

/* Networks of another architecture may have seeds, too: "untrained" is the model's own. */
const char *finding_seeds(const score_rows *r)
{
    const char *first = NULL;
    for (size_t i = 0; i < r->n; i++) {
        if (!str_begins(r->interval[i], "range over seeds")) continue;
        if (str_same(r->model[i], "untrained")) return r->model[i];
        if (!first) first = r->model[i];
    }
    return first;
}

bool finding_seeds_are_reference(const score_rows *r)
{
    const char *seeds = finding_seeds(r), *reference = finding_reference(r);
    return seeds && reference && str_same(seeds, reference);
}

int finding_others(char ***list, size_t *n, const score_rows *r, err *e)
{
    char **all = NULL;
    size_t m = 0;
    const char *model = finding_model(r), *seeds = finding_seeds(r);
    if (score_distinct(&all, &m, r, r->model, NULL, e)) return -1;
    *n = 0;
    for (size_t i = 0; i < m; i++)
        if (!str_same(all[i], "baseline") && !is_seed(all[i]) && !str_same(all[i], model) && !(seeds && str_same(all[i], seeds)))
            all[(*n)++] = all[i];
    *list = all;
    return 0;
}

const char *finding_target(const score_rows *r, const char *roi)
{
    for (size_t i = 0; i < r->n; i++)
        if (str_same(r->target[i], "group") && str_same(r->roi[i], roi)) return "group";
    return "single";
}

/* Is this a region among others, not a summary of them? */
static bool is_region(const char *roi)
{
    return !str_same(roi, "average") && !str_same(roi, "mean");
}

static size_t count_rois(const score_rows *r, const char *target)
{
    char **rois = NULL;
    size_t n = 0, all = 0;
    err ignored = { 0 };
    if (score_distinct(&rois, &n, r, r->roi, target, &ignored)) return 0;
    for (size_t i = 0; i < n; i++) all += is_region(rois[i]);
    free(rois);
    return all;
}

static const char *only_subject(const score_rows *r, size_t *n)
{
    const char *one = NULL;
    char **list = NULL;
    size_t all = 0;
    err ignored = { 0 };
    *n = 0;
    if (score_distinct(&list, &all, r, r->subject, "single", &ignored)) return NULL;
    for (size_t i = 0; i < all; i++) {
        if (str_same(list[i], "all")) continue;
        one = list[i];
        ++*n;
    }
    free(list);
    return *n == 1 ? one : NULL;
}

const char *target_words(const score_rows *r, const char *target)
{
    size_t n;
    if (str_same(target, "group")) return "mean over subjects";
    const char *one = only_subject(r, &n);
    return one ? one : "single subjects";
}

/* "circular:199" in words. */
static void add_null_words(buffer *b, const char *null)
{
    const char *colon = strchr(null, ':');
    size_t n = colon ? (size_t)(colon - null) : strlen(null);
    const char *kind = strncmp(null, "circular", n) == 0 ? "rotations of the responses"
                       : strncmp(null, "group", n) == 0  ? "permutations of groups of responses"
                       : strncmp(null, "phase", n) == 0  ? "phase-randomised responses"
                                                         : NULL;
    if (kind && colon) buffer_printf(b, " (%s %s, each fitted anew)", colon + 1, kind);
    else buffer_printf(b, " (%s)", null);
}

/* Interval and p, or that none was asked for. */
static void add_certainty(buffer *b, const score_rows *r, size_t row)
{
    char lo[HTML_SIGNED], hi[HTML_SIGNED];
    bool interval = !isnan(r->lo[row]) && !isnan(r->hi[row]), p = !isnan(r->p[row]);
    if (interval) buffer_printf(b, ", 95 %% interval [%s, %s] (%s)", html_signed(r->lo[row], lo), html_signed(r->hi[row], hi), r->interval[row]);
    if (p) buffer_printf(b, ", p = %.3g", r->p[row]);
    if (p && *r->null[row]) add_null_words(b, r->null[row]);
}

static void add_missing(buffer *b, const score_rows *r, size_t row)
{
    bool interval = !isnan(r->lo[row]), p = !isnan(r->p[row]);
    if (!interval && !p) buffer_text(b, " No interval and no null were asked for, so this says nothing on chance.");
    else if (!interval) buffer_text(b, " No interval was asked for.");
    else if (!p) buffer_text(b, " No null was asked for.");
}

static void add_target(buffer *b, const score_rows *r, const char *target, const char *roi)
{
    size_t rois = count_rois(r, target), subjects;
    const char *one = only_subject(r, &subjects);
    if (str_same(target, "group")) buffer_text(b, "the mean over subjects");
    else if (one) buffer_printf(b, "“%s”", one);
    else buffer_printf(b, "%zu single subjects", subjects);
    if (str_same(roi, "average")) buffer_printf(b, ", average of %zu region%s", rois, rois == 1 ? "" : "s");
    else buffer_printf(b, ", region %s", roi);
}

static void add_seeds(buffer *b, const score_rows *r, const char *target, const char *roi, double delta)
{
    const char *seeds = finding_seeds(r), *model = finding_model(r);
    size_t row = seeds && !str_same(seeds, model) ? finding_row(r, seeds, "nested", NULL, target, roi, "delta_r2") : SIZE_MAX;
    if (row == SIZE_MAX) return;
    char value[HTML_SIGNED], lo[HTML_SIGNED], hi[HTML_SIGNED];
    if (finding_seeds_are_reference(r)) {
        buffer_printf(b, " Mean of %d %s sets: %s (%s to %s).", r->count[row], seeds, html_signed(r->value[row], value), html_signed(r->lo[row], lo),
                      html_signed(r->hi[row], hi));
        return;
    }
    buffer_printf(b, " The same network untrained, %d seeds: %s (%s to %s)%s.", r->count[row], html_signed(r->value[row], value),
                  html_signed(r->lo[row], lo), html_signed(r->hi[row], hi), delta <= r->hi[row] ? ", so training is not what this score shows" : "");
}

/* The difference to the model that others are compared with, where there is one. */
static void add_reference(buffer *b, const score_rows *r, const char *target, const char *roi)
{
    const char *difference = finding_difference(r);
    char value[HTML_SIGNED];
    size_t row = difference ? finding_row(r, difference, "nested", NULL, target, roi, "delta_r2") : SIZE_MAX;
    if (row == SIZE_MAX) return;
    buffer_printf(b, " Against %s its ΔR² differs by %s", finding_reference(r), html_signed(r->value[row], value));
    add_certainty(b, r, row);
    if (!isnan(r->lo[row])) buffer_text(b, r->lo[row] <= 0 && r->hi[row] >= 0 ? ": no difference that can be seen" : ": a difference");
    buffer_text(b, ".");
}

/* METHODS 5.7: a band of noise costs something, so that a Δ below 0 may yet be more than nothing. */
static void add_null(buffer *b, const score_rows *r, size_t row)
{
    if (isnan(r->p[row]) || isnan(r->null_mean[row])) return;
    char mean[HTML_SIGNED];
    buffer_printf(b, " Features unrelated to the responses would read %s on average here", html_signed(r->null_mean[row], mean));
    if (r->p[row] < .05 && !(r->value[row] > 0))
        buffer_text(b, ": the model holds something of the responses, yet predicts no better than the baseline alone");
    buffer_text(b, ".");
}

/* What interval and p say together. The null asks whether the model is related to these responses at all, the interval how the
 * score would fare with new subjects and stimuli: they may differ, and then both are said. */
typedef enum { NOT_ASKED, NOTHING, HERE_ONLY, SOMETHING } verdict;

static verdict verdict_of(const score_rows *r, size_t row)
{
    bool interval = !isnan(r->lo[row]), p = !isnan(r->p[row]);
    if (!(r->value[row] > 0)) return NOTHING;
    if (!interval && !p) return NOT_ASKED;
    if (p && r->p[row] >= .05) return NOTHING;
    if (interval && r->lo[row] <= 0) return p ? HERE_ONLY : NOTHING;
    return SOMETHING;
}

static void first_sentence(buffer *b, const score_rows *r, const char *model, const char *target, const char *roi, size_t row)
{
    char name[300], baseline[300] = "", delta[HTML_SIGNED];
    static const struct { const char *what, *where; } says[] = {
        [NOT_ASKED] = { "reads more than the baseline", "" },
        [NOTHING] = { "adds nothing beyond the baseline", " that can be seen here" },
        [HERE_ONLY] = { "adds something beyond the baseline", " in these data, but the interval includes 0" },
        [SOMETHING] = { "adds something beyond the baseline", "" },
    };
    snprintf(name, sizeof name, str_same(model, "trained") ? "The %.200s model" : "The model %.200s", model);
    if (r->baseline && *r->baseline[row]) snprintf(baseline, sizeof baseline, " (%.250s)", r->baseline[row]);
    verdict v = verdict_of(r, row);
    buffer_printf(b, "%s %s%s%s: ΔR² = %s", name, says[v].what, baseline, says[v].where, html_signed(r->value[row], delta));
    add_certainty(b, r, row);
    buffer_text(b, ", ");
    add_target(b, r, target, roi);
    buffer_text(b, ", layer chosen inside the training data.");
    add_missing(b, r, row);
}

static void later_sentence(buffer *b, const score_rows *r, const char *target, const char *roi, size_t row)
{
    char delta[HTML_SIGNED];
    buffer_text(b, "For ");
    add_target(b, r, target, roi);
    buffer_printf(b, ": ΔR² = %s", html_signed(r->value[row], delta));
    add_certainty(b, r, row);
    verdict v = verdict_of(r, row);
    buffer_text(b, v == NOTHING     ? ": nothing beyond the baseline that can be seen."
                   : v == HERE_ONLY ? ": something in these data, but the interval includes 0."
                                    : ".");
    add_missing(b, r, row);
}

static void add_sentence(buffer *b, const score_rows *r, const char *model, const char *target, const char *roi, bool first)
{
    size_t row = finding_row(r, model, "nested", NULL, target, roi, "delta_r2");
    if (row == SIZE_MAX) return;
    if (first) first_sentence(b, r, model, target, roi, row);
    else later_sentence(b, r, target, roi, row);
    add_null(b, r, row);
    add_reference(b, r, target, roi);
    add_seeds(b, r, target, roi, r->value[row]);
}

static void add_scale(buffer *b, const score_rows *r, const char *target, const char *roi)
{
    size_t base = finding_row(r, "baseline", NULL, NULL, target, roi, "r");
    const char *model = finding_model(r);
    size_t alone = model ? finding_row(r, model, "nested", "plain", target, roi, "r") : SIZE_MAX;
    if (base == SIZE_MAX) return;
    buffer_printf(b, " The baseline alone reaches r = %.3f", r->value[base]);
    if (alone != SIZE_MAX) buffer_printf(b, ", the model alone r = %.3f", r->value[alone]);
    if (!isnan(r->ceiling[base])) buffer_printf(b, "; a perfect model would reach %.3f", r->ceiling[base]);
    buffer_text(b, ".");
}

int finding_text(buffer *b, const score_rows *r, const char *wanted, err *e)
{
    const char *model = finding_model(r), *roi = wanted ? wanted : "average", *target = finding_target(r, roi);
    if (!model) return err_set(e, ERR_INPUT, "the scores have no model, only a baseline");
    if (finding_row(r, model, NULL, NULL, target, roi, NULL) == SIZE_MAX)
        return err_set(e, ERR_USAGE, "the scores have no region '%s'", roi);
    if (finding_row(r, model, "nested", NULL, target, roi, "delta_r2") == SIZE_MAX) {
        buffer_text(b, "No baseline was given (or one layer only), so nothing can be said about what the model adds.");
        return buffer_ok(b, e);
    }
    add_sentence(b, r, model, target, roi, true);
    add_scale(b, r, target, roi);
    if (str_same(target, "group")) {
        buffer_text(b, "\n");
        add_sentence(b, r, model, "single", roi, false);
        add_scale(b, r, "single", roi);
    }
    if (!str_same(roi, "average")) {
        buffer_text(b, "\n");
        add_sentence(b, r, model, target, "average", false);
        add_scale(b, r, target, "average");
    }
    return buffer_ok(b, e);
}
