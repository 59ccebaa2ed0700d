/* SPDX-License-Identifier: MIT */
/* broca-simulate: responses with planted truth. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/activations.h"
#include "broca/report.h"
#include "broca/simulate.h"
#include "stage.h"

typedef struct {
    common_options common;
    const char *stimuli, *features, *power, *curve;
    size_t items, volumes, runs, per_group, width, studies;
    double ceiling, delta_r2, baseline_r2;
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
    { "power", OPT_TEXT, AT(power), NULL, "S,S,...", true, "plan a study instead: numbers of subjects to compare (docs/power.md)" },
    { "curve", OPT_TEXT, AT(curve), NULL, "FILE.svg", false, "power: the curve over subjects as a picture" },
    { "items", OPT_COUNT, AT(items), "0", NULL, true, "power: items that everybody reads" },
    { "volumes", OPT_COUNT, AT(volumes), "0", NULL, true, "power: volumes of all runs, with --tr" },
    { "runs", OPT_COUNT, AT(runs), "1", NULL, true, "power: runs" },
    { "per-group", OPT_COUNT, AT(per_group), "1", NULL, true, "power: items of a group (passage)" },
    { "width", OPT_COUNT, AT(width), "20", NULL, true, "power: features of the model" },
    { "ceiling", OPT_REAL, AT(ceiling), "0.4", NULL, true, "power: r of a perfect model with one subject" },
    { "delta-r2", OPT_REAL, AT(delta_r2), "0.05", NULL, true,
      "power: share of the variance of the mean over the first number of subjects that the model explains beyond the baseline" },
    { "baseline-r2", OPT_REAL, AT(baseline_r2), "0.05", NULL, true, "power: that of the baseline" },
    { "studies", OPT_COUNT, AT(studies), "500", NULL, true, "power: simulated studies for each number of subjects" },
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

/* ---- --power ---- */

static size_t *read_subjects(const char *text, size_t *n, err *e)
{
    char **part = str_split(text, ',', n, e);
    size_t *list = part ? mem_new(*n + 1, sizeof *list, e) : NULL;
    for (size_t i = 0; list && i < *n; i++)
        if (parse_size(part[i], &list[i]) || list[i] < 2 || list[i] > 10000) {
            err_set(e, ERR_USAGE, "--power is numbers of subjects (2 to 10000), as 10,20,40, not '%s'", text);
            free(list);
            list = NULL;
        }
    free(part);
    return list;
}

/* The table, whole or not at all. */
static int write_power(const char *path, const power_row *rows, const power_plan *p, err *e)
{
    buffer b = { 0 };
    int status = -1;
    buffer_text(&b, "subjects\tpower\tpower_lo\tpower_hi\tmean_delta_r2\tmean_interval_width\tstudies\n");
    for (size_t i = 0; i < p->n_subjects; i++)
        buffer_printf(&b, "%zu\t%.4f\t%.4f\t%.4f\t%.5f\t%.5f\t%zu\n", rows[i].subjects, rows[i].power, rows[i].lo, rows[i].hi,
                      rows[i].mean_delta, rows[i].mean_width, p->studies);
    if (!buffer_ok(&b, e)) status = atomic_write(path, b.at, b.size, e);
    free(b.at);
    return status;
}

static int write_curve(const char *path, const power_row *rows, const power_plan *p, err *e)
{
    buffer b = { 0 };
    int status = report_power(&b, rows, p, e) ? -1 : atomic_write(path, b.at, b.size, e);
    free(b.at);
    return status;
}

/* A bar a row: the curve. */
static void show_power(const power_row *rows, size_t n)
{
    static const char bar[] = "########################################";
    for (size_t i = 0; i < n; i++)
        log_info("%5zu subjects: power %.2f [%.2f, %.2f] %-40.*s Delta R2 %.4f, interval %.4f wide", rows[i].subjects, rows[i].power,
                 rows[i].lo, rows[i].hi, (int)(rows[i].power * 40 + .5), bar, rows[i].mean_delta, rows[i].mean_width);
}

static int plan_study(stage *s, const simulate_options *o, uint64_t seed)
{
    int status = -1;
    power_plan p = { .runs = o->runs, .tr_s = o->volumes ? o->tr_s : 0, .rows = o->volumes ? o->volumes : o->items, .per_group = o->per_group,
                     .width = o->width, .ceiling = o->ceiling, .delta_r2 = o->delta_r2, .baseline_r2 = o->baseline_r2, .studies = o->studies,
                     .seed = seed };
    size_t *subjects = read_subjects(o->power, &p.n_subjects, &s->err);
    power_row *rows = mem_new(p.n_subjects + 1, sizeof *rows, &s->err);
    p.subjects = subjects;
    if (!subjects || !rows) goto done;
    if (!o->items == !o->volumes || (o->volumes && !(o->tr_s > 0))) {
        err_set(&s->err, ERR_USAGE, "--power needs --items N, or --volumes N and --tr S");
        goto done;
    }
    if (stage_plan(s, "%zu studies for each of %zu numbers of subjects, %zu rows", p.studies, p.n_subjects, p.rows) ||
        power_estimate(rows, &p, &s->err))
        goto done;
    show_power(rows, p.n_subjects);
    if (o->common.out && write_power(o->common.out, rows, &p, &s->err)) goto done;
    if (o->curve && write_curve(o->curve, rows, &p, &s->err)) goto done;
    stage_result(s, "power %.2f with %zu subjects, %.2f with %zu (interval of Delta R2 above 0)", rows[0].power, rows[0].subjects,
                 rows[p.n_subjects - 1].power, rows[p.n_subjects - 1].subjects);
    status = 0;
done:
    free(subjects);
    free(rows);
    return status;
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
    if (o.power) {
        if (!stage_seed(&s, &seed)) plan_study(&s, &o, seed);
        goto done;
    }
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
