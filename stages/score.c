/* SPDX-License-Identifier: MIT */
/* broca-score: encodings and ceilings into a table of scores. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broca/score.h"
#include "stage.h"

typedef struct {
    common_options common;
    option_list encoding, ceiling;
    const char *aggregate, *layer, *interval, *family, *against;
} stage_options;

#define AT(field) offsetof(stage_options, field)
static const option options[] = { { "encoding", OPT_LIST, AT(encoding), NULL, "FILE", false,
                                    "encodings; several: more models or targets" },
                                  { "ceiling", OPT_LIST, AT(ceiling), NULL, "FILE", false, "ceilings, one a target" },
                                  { "aggregate", OPT_ENUM, AT(aggregate), "subject", "subject median pooled", true,
                                    "mean over neuroids then subjects; medians; or the median over all neuroids" },
                                  { "layer", OPT_TEXT, AT(layer), "nested", "nested|TAP", true,
                                    "chosen inside the training data of each fold, or one tap" },
                                  { "interval", OPT_ENUM, AT(interval), "jackknife", "jackknife bca t none", true,
                                    "crossed jackknife with refit, crossed bootstrap, t over subjects, or none" },
                                  { "family", OPT_ENUM, AT(family), "roi", "roi voxel", true,
                                    "p by the maximum and by false discovery rate over ROIs, or over neuroids" },
                                  { "against", OPT_TEXT, AT(against), NULL, "NAME", true,
                                    "a model, or a group of seeds, that every other is compared with, paired" },
                                  COMMON_OPTIONS(stage_options),
                                  { 0 } };
static const option_help help = { "score", "encodings and ceilings into a table of scores", NULL,
                                  "Beside the product FILE.h5 the same rows are written to FILE.tsv.\n" };

static int read_inputs(stage *s, const stage_options *o)
{
    if (o->encoding.n == 0) return stage_needs(s, "encoding", NULL);
    if (stage_needs(s, "out", o->common.out)) return -1;
    for (size_t i = 0; i < o->encoding.n; i++)
        if (stage_input(s, "encoding", o->encoding.at[i])) return -1;
    for (size_t i = 0; i < o->ceiling.n; i++)
        if (stage_input(s, "ceiling", o->ceiling.at[i])) return -1;
    return 0;
}

static char *table_path(const char *product, err *e)
{
    size_t n = strlen(product);
    return str_format(e, "%.*s.tsv", (int)(str_ends(product, ".h5") ? n - 3 : n), product);
}

static void warn(const scores *x)
{
    if (x->n_nan) log_warn("%zu correlations of constant predictions or responses count as 0", x->n_nan);
    if (!x->exact_pooling) log_warn("an encoding holds no sums of squares: pooled R2 is the mean of the folds' R2");
    if (x->n_no_ratio)
        log_warn(
            "%zu ROIs: fewer than 10 subjects and a lower bound of their mutual r <= .05; not divided by the ceiling",
            x->n_no_ratio);
}

/* The first sentence's number for each model that has one. */
static void tell(stage *s, const scores *x, const score_options *o)
{
    size_t told = 0;
    for (size_t i = 0; i < x->n_rows; i++) {
        const score_row *r = &x->rows[i];
        bool over = str_same(r->subject, "all") || str_same(r->subject, "group");
        if (!over || !str_same(r->roi, "average") || !str_same(r->layer, o->layer)) continue;
        if (!str_same(r->measure, "delta_r2")) continue;
        char text[128] = "";
        if (str_begins(r->interval, "range over seeds")) snprintf(text, sizeof text, " (mean over seeds)");
        else if (!isnan(r->lo)) snprintf(text, sizeof text, " [%.4f, %.4f] (%.40s)", r->lo, r->hi, r->interval);
        if (!isnan(r->p)) snprintf(text + strlen(text), sizeof text - strlen(text), ", p %.4g, null mean %.4f", r->p, r->null_mean);
        log_info("%s, %s: delta R2 over the baseline %.4f%s", r->model, r->target, r->value, text);
        told++;
    }
    stage_result(s, "%zu rows of scores, %zu models and targets with a delta over the baseline", x->n_rows, told);
}

int main(int argc, char **argv)
{
    stage s;
    stage_options o;
    scores *x = NULL;
    char *tsv = NULL;
    store *product;
    if (stage_begin(&s, argc, argv, &help, options, &o, &o.common) || read_inputs(&s, &o)) goto done;
    score_options how = { str_same(o.aggregate, "subject")  ? AGGREGATE_SUBJECT
                          : str_same(o.aggregate, "median") ? AGGREGATE_MEDIAN
                                                            : AGGREGATE_POOLED,
                          o.layer,
                          str_same(o.interval, "jackknife") ? INTERVAL_JACKKNIFE
                          : str_same(o.interval, "bca")     ? INTERVAL_BCA
                          : str_same(o.interval, "t")       ? INTERVAL_T
                                                            : INTERVAL_NONE,
                          str_same(o.family, "roi") ? FAMILY_ROI : FAMILY_VOXEL,
                          o.against };
    if (stage_plan(&s, "scores of %zu encodings with %zu ceilings", o.encoding.n, o.ceiling.n)) goto done;
    if (score(&x, o.encoding.at, o.encoding.n, o.ceiling.at, o.ceiling.n, &how, &s.err)) goto done;
    warn(x);
    if (!(tsv = table_path(o.common.out, &s.err))) goto done;
    product = stage_create(&s, "scores");
    if (!product || scores_put(product, x, &how, &s.err) || scores_tsv(x, tsv, &s.err)) goto done;
    if (stage_commit(&s)) {
        unlink(tsv); /* both or none */
        goto done;
    }
    tell(&s, x, &how);
done:
    free(tsv);
    scores_free(x);
    return stage_end(&s);
}
