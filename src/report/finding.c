/* SPDX-License-Identifier: MIT */
/* The finding in plain words (METHODS 5.3). */
#include "finding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* The model that the report is about: the first that is neither the baseline, nor a seed, nor a group of seeds. */
const char *finding_model(const score_rows *r)
{
    const char *fallback = NULL;
    for (size_t i = 0; i < r->n; i++) {
        if (str_same(r->model[i], "baseline") || is_seed(r->model[i])) continue;
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

/* The group of seeds, or NULL. */
const char *finding_seeds(const score_rows *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (str_begins(r->interval[i], "range over seeds")) return r->model[i];
    return NULL;
}

static size_t count_rois(const score_rows *r, const char *target)
{
    char **rois = NULL;
    size_t n = 0, all = 0;
    err ignored = { 0 };
    if (score_distinct(&rois, &n, r, r->roi, target, &ignored)) return 0;
    for (size_t i = 0; i < n; i++) all += !str_same(rois[i], "average");
    free(rois);
    return all;
}

static void add_interval(buffer *b, const score_rows *r, size_t row)
{
    if (isnan(r->lo[row]) || isnan(r->hi[row])) return;
    buffer_printf(b, " [%.3f, %.3f", r->lo[row], r->hi[row]);
    if (!str_same(r->interval[row], "none")) buffer_printf(b, "; %s", r->interval[row]);
    buffer_text(b, "]");
    if (!isnan(r->p[row])) buffer_printf(b, ", p = %.3g", r->p[row]);
}

static void add_target(buffer *b, const score_rows *r, const char *target)
{
    size_t rois = count_rois(r, target);
    if (str_same(target, "group")) buffer_text(b, "the mean over listeners");
    else buffer_text(b, "single listeners");
    buffer_printf(b, ", average of %zu region%s", rois, rois == 1 ? "" : "s");
}

static void add_seeds(buffer *b, const score_rows *r, const char *target)
{
    const char *seeds = finding_seeds(r);
    size_t row = seeds ? finding_row(r, seeds, "nested", NULL, target, "average", "delta_r2") : SIZE_MAX;
    if (row == SIZE_MAX) return;
    buffer_printf(b, " The same network untrained, %d seeds: %+.4f (%+.4f to %+.4f).", r->count[row], r->value[row], r->lo[row],
                  r->hi[row]);
}

static void add_sentence(buffer *b, const score_rows *r, const char *model, const char *target, bool first)
{
    size_t row = finding_row(r, model, "nested", NULL, target, "average", "delta_r2");
    if (row == SIZE_MAX) return;
    char name[300];
    double delta = r->value[row];
    snprintf(name, sizeof name, str_same(model, "trained") ? "The %.200s model" : "The model %.200s", model);
    bool nothing = !(delta > 0) || (!isnan(r->lo[row]) && r->lo[row] <= 0);
    if (first && nothing)
        buffer_printf(b, "%s adds nothing beyond the baseline that can be seen here: ΔR² = %+.4f", name, delta);
    else if (first)
        buffer_printf(b, "%s adds ΔR² = %+.4f beyond the baseline", name, delta);
    else
        buffer_text(b, "For ");
    if (!first) {
        add_target(b, r, target);
        buffer_printf(b, ": ΔR² = %+.4f", delta);
        add_interval(b, r, row);
        if (nothing) buffer_text(b, ", which is nothing beyond the baseline");
        buffer_text(b, ".");
    } else {
        add_interval(b, r, row);
        buffer_text(b, " (");
        add_target(b, r, target);
        buffer_text(b, ", layer chosen inside the training data).");
    }
    add_seeds(b, r, target);
}

static void add_scale(buffer *b, const score_rows *r, const char *target)
{
    size_t base = finding_row(r, "baseline", NULL, NULL, target, "average", "r");
    const char *model = finding_model(r);
    size_t alone = model ? finding_row(r, model, "nested", "plain", target, "average", "r") : SIZE_MAX;
    if (base == SIZE_MAX) return;
    buffer_printf(b, " The baseline alone reaches r = %.3f", r->value[base]);
    if (alone != SIZE_MAX) buffer_printf(b, ", the model alone r = %.3f", r->value[alone]);
    if (!isnan(r->ceiling[base])) buffer_printf(b, "; a perfect model would reach %.3f", r->ceiling[base]);
    buffer_text(b, ".");
}

int finding_text(buffer *b, const score_rows *r, err *e)
{
    const char *model = finding_model(r);
    bool group = model && finding_row(r, model, "nested", NULL, "group", "average", "delta_r2") != SIZE_MAX;
    if (!model) return err_set(e, ERR_INPUT, "the scores have no model, only a baseline");
    if (group) {
        add_sentence(b, r, model, "group", true);
        add_scale(b, r, "group");
        buffer_text(b, "\n");
        add_sentence(b, r, model, "single", false);
    } else {
        add_sentence(b, r, model, "single", true);
        add_scale(b, r, "single");
    }
    if (!b->size) buffer_text(b, "No baseline was given, so nothing can be said about what the model adds.");
    return buffer_ok(b, e);
}
