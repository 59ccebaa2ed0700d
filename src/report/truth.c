/* SPDX-License-Identifier: MIT */
/* Simulated listeners: what was planted, beside what came out. */
#include <math.h>
#include <stdlib.h>

#include "finding.h"
#include "style.h"
#include "svg.h"

typedef struct {
    double value, lo, hi;
    const char *interval;
} estimate;

static const estimate unknown = { NAN, NAN, NAN, "" };

static int planted(store *s, const char *name, double *out, err *e)
{
    double *values = NULL, sum = 0;
    size_t n;
    if (store_read_f8(s, name, &values, &n, e)) return -1;
    for (size_t i = 0; i < n; i++) sum += values[i];
    *out = n ? sum / (double)n : NAN;
    free(values);
    return 0;
}

static int one_number(store *s, const char *name, double *out, err *e)
{
    double *values = NULL;
    size_t n;
    if (store_read_f8(s, name, &values, &n, e)) return -1;
    *out = n ? values[0] : NAN;
    free(values);
    return 0;
}

/* The average ceiling of the file with this target, with its interval. */
static int ceiling_of(estimate *out, const report_inputs *in, const char *target, err *e)
{
    *out = unknown;
    for (size_t i = 0; i < in->n_ceilings; i++) {
        store *s = NULL;
        char *of = NULL;
        int bad = store_open(&s, in->ceilings[i], "ceiling", e) || store_get_text(s, "/", "target", &of, e);
        if (!bad && str_same(of, target)) {
            bad = one_number(s, "average/ceiling", &out->value, e) || one_number(s, "average/lo", &out->lo, e) ||
                  one_number(s, "average/hi", &out->hi, e);
            out->interval = "bootstrap over listeners and folds";
        }
        free(of);
        store_close(s);
        if (bad) return -1;
    }
    return 0;
}

static estimate score_of(const score_rows *r, size_t row)
{
    if (row == SIZE_MAX) return unknown;
    return (estimate){ r->value[row], r->lo[row], r->hi[row], isnan(r->lo[row]) ? "" : r->interval[row] };
}

static void line(buffer *b, const char *what, double truth, const estimate *x)
{
    buffer_printf(b, "<tr><td class=\"wide\">%s</td><td class=\"n\">%.4f</td><td class=\"n\">%.4f</td>", what, truth, x->value);
    if (isnan(x->lo)) buffer_text(b, "<td class=\"n\">–</td><td></td><td></td></tr>\n");
    else {
        buffer_printf(b, "<td class=\"n\">%.4f to %.4f</td><td>%s</td><td>", x->lo, x->hi,
                      truth >= x->lo && truth <= x->hi ? "inside" : "outside");
        html_text(b, x->interval);
        buffer_text(b, "</td></tr>\n");
    }
}

static size_t delta_row(const score_rows *r, const char *target)
{
    const char *model = finding_model(r);
    return model ? finding_row(r, model, "nested", NULL, target, "average", "delta_r2") : SIZE_MAX;
}

/* ΔR² of many more listeners of the same kind who hear the same story: what to expect at this length of story. */
static int expected_line(buffer *b, const score_rows *r, const char *path, err *e)
{
    score_rows *all = NULL;
    char what[200];
    if (score_rows_read(&all, path, e)) return -1;
    size_t row = delta_row(all, "single");
    estimate ours = score_of(r, delta_row(r, "single"));
    if (row != SIZE_MAX) {
        snprintf(what, sizeof what, "cross-validated ΔR², single listeners (planted: mean of %d other listeners of the same kind)", all->count[row]);
        line(b, what, all->value[row], &ours);
    }
    score_rows_free(all);
    return 0;
}

int report_truth(buffer *b, const score_rows *r, const report_inputs *in, err *e)
{
    store *s = NULL;
    double single, group, model, baseline;
    estimate x;
    int status = -1;
    if (store_open(&s, in->truth, "responses", e)) goto done;
    if (planted(s, "truth/ceiling_single", &single, e) || planted(s, "truth/ceiling_group", &group, e) ||
        planted(s, "truth/r2_model", &model, e) || planted(s, "truth/r2_baseline", &baseline, e))
        goto done;
    buffer_text(b, "<h2>Planted and recovered</h2>\n<div class=\"scroll\"><table><thead><tr><th>quantity, average of regions</th>"
                   "<th class=\"n\">planted</th><th class=\"n\">estimate</th><th class=\"n\">95 %</th><th></th><th></th></tr></thead><tbody>\n");
    if (ceiling_of(&x, in, "group", e)) goto done;
    line(b, "ceiling of r, mean over listeners", group, &x);
    if (ceiling_of(&x, in, "single", e)) goto done;
    line(b, "ceiling of r, single listeners", single, &x);
    if (in->population && expected_line(b, r, in->population, e)) goto done;
    x = score_of(r, delta_row(r, "group"));
    line(b, "share of the model's own signal with unlimited data, mean over listeners (cross-validated ΔR² stays below)", model, &x);
    x = score_of(r, finding_row(r, "baseline", NULL, NULL, "group", "average", "r2"));
    line(b, "share of the baseline with unlimited data, mean over listeners", baseline, &x);
    buffer_text(b, "</tbody></table></div>\n");
    status = 0;
done:
    if (status) err_while(e, "reading the planted truth of %s", in->truth);
    store_close(s);
    return status;
}
