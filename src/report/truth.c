/* SPDX-License-Identifier: MIT */
/* Simulated listeners: what was planted, beside what came out. */
#include <math.h>
#include <stdlib.h>

#include "finding.h"
#include "style.h"
#include "svg.h"

static double mean_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    return n ? sum / (double)n : NAN;
}

static int planted(store *s, const char *name, double *out, err *e)
{
    double *values = NULL;
    size_t n;
    if (store_read_f8(s, name, &values, &n, e)) return -1;
    *out = mean_of(values, n);
    free(values);
    return 0;
}

static void line(buffer *b, const char *what, double truth, double estimate, double lo, double hi, const char *note)
{
    buffer_printf(b, "<tr><td>%s</td><td class=\"n\">%.4f</td><td class=\"n\">%.4f</td>", what, truth, estimate);
    if (isnan(lo)) buffer_text(b, "<td class=\"n\">–</td><td>");
    else buffer_printf(b, "<td class=\"n\">%.4f to %.4f</td><td>%s", lo, hi, truth >= lo && truth <= hi ? "inside" : "OUTSIDE");
    html_text(b, note);
    buffer_text(b, "</td></tr>\n");
}

int report_truth(buffer *b, const score_rows *r, const char *path, err *e)
{
    store *s = NULL;
    double single, group, model, baseline;
    int status = -1;
    if (store_open(&s, path, "responses", e)) goto done;
    if (planted(s, "truth/ceiling_single", &single, e) || planted(s, "truth/ceiling_group", &group, e) ||
        planted(s, "truth/r2_model", &model, e) || planted(s, "truth/r2_baseline", &baseline, e))
        goto done;
    size_t g = finding_row(r, "baseline", NULL, NULL, "group", "average", "r");
    size_t one = finding_row(r, "baseline", NULL, NULL, "single", "average", "r");
    const char *name = finding_model(r);
    size_t delta = name ? finding_row(r, name, "nested", NULL, "group", "average", "delta_r2") : SIZE_MAX;
    buffer_text(b, "<div class=\"scroll\"><table><thead><tr><th>quantity"
                   "</th><th>planted</th><th>estimate</th><th>interval</th><th></th></tr></thead><tbody>\n");
    line(b, "ceiling of r, mean over listeners", group, g == SIZE_MAX ? NAN : r->ceiling[g], NAN, NAN, "");
    line(b, "ceiling of r, single listeners", single, one == SIZE_MAX ? NAN : r->ceiling[one], NAN, NAN, "");
    line(b, "share of the model beyond the baseline (ΔR²), mean over listeners", model, score_row_value(r, delta),
         delta == SIZE_MAX ? NAN : r->lo[delta], delta == SIZE_MAX ? NAN : r->hi[delta], "");
    line(b, "share of the baseline (R²), mean over listeners", baseline,
         score_row_value(r, finding_row(r, "baseline", NULL, NULL, "group", "average", "r2")), NAN, NAN, "");
    buffer_text(b, "</tbody></table></div>\n");
    status = 0;
done:
    if (status) err_while(e, "reading the planted truth of %s", path);
    store_close(s);
    return status;
}
