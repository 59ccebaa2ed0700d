/* SPDX-License-Identifier: MIT */
/* The page on maps: the finding, a table, the sheets of all taps side by side, histograms of t, distance curves. */
#include "broca/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/store.h"
#include "maps.h"
#include "network.h"
#include "sheets.h"
#include "style.h"
#include "svg.h"

enum { ACROSS = 4, BINS = 41 };

/* ---- the finding ---- */

static void span_of(const double *x, size_t n, double *mean, double *lo, double *hi)
{
    size_t valid = 0;
    *mean = 0;
    *lo = INFINITY;
    *hi = -INFINITY;
    for (size_t k = 0; k < n; k++) {
        if (isnan(x[k])) continue;
        *mean += x[k];
        *lo = fmin(*lo, x[k]);
        *hi = fmax(*hi, x[k]);
        valid++;
    }
    *mean = valid ? *mean / (double)valid : NAN;
}

static void p_range(buffer *b, const char *what, const double *p, size_t n)
{
    double mean, lo, hi;
    span_of(p, n, &mean, &lo, &hi);
    if (isnan(mean)) return;
    if (lo == hi) buffer_printf(b, ", p of permuted %s %.3g", what, lo);
    else buffer_printf(b, ", p of permuted %s %.3g to %.3g", what, lo, hi);
}

static void finding(buffer *b, const map_file *f, size_t n)
{
    double mean, lo, hi;
    for (size_t i = 0; i < n; i++) {
        span_of(f[i].I, f[i].n, &mean, &lo, &hi);
        buffer_text(b, i ? "<p class=\"second\">" : "<p class=\"finding\">");
        html_text(b, f[i].label);
        buffer_text(b, " (");
        html_text(b, f[i].contrast);
        buffer_printf(b, "): unsmoothed Moran’s I %.3f, %.3f to %.3f over %zu maps", mean, lo, hi, f[i].n);
        p_range(b, "positions", f[i].p, f[i].n);
        p_range(b, "labels", f[i].p_labels, f[i].n);
        buffer_text(b, ".");
        span_of(f[i].smoothed, f[i].n, &mean, &lo, &hi);
        if (!isnan(mean)) {
            buffer_printf(b, " Read out at FWHM %g it is %.3f", f[i].fwhm, mean);
            span_of(f[i].mean, f[i].n, &mean, &lo, &hi);
            buffer_printf(b, "; with unit positions permuted before smoothing %.3f.", mean);
        }
        if (!str_same(f[i].layout, "given") && !str_same(f[i].layout, "mesh")) {
            buffer_text(b, " The layout is not the model’s: ");
            html_text(b, f[i].layout);
            buffer_text(b, str_same(f[i].layout, "optimised") ? ", made afterwards from the same responses." : ".");
        }
        buffer_text(b, "</p>\n");
    }
}

/* ---- tables and figures ---- */

static void number(buffer *b, double v, const char *format)
{
    buffer_text(b, "<td class=\"n\">");
    if (isnan(v)) buffer_text(b, "–");
    else if (str_same(format, "p")) buffer_printf(b, "%.3g", v);
    else if (str_same(format, "1")) buffer_printf(b, "%.1f", v);
    else buffer_printf(b, "%.3f", v);
    buffer_text(b, "</td>");
}

static void table_of(buffer *b, const map_file *f, size_t n)
{
    buffer_text(b, "<div class=\"scroll\"><table><thead><tr><th>maps</th><th>tap</th><th class=\"n\">I</th><th class=\"n\">p, positions</th>"
                   "<th class=\"n\">p, labels</th><th class=\"n\">I, read out</th><th class=\"n\">positions permuted</th><th class=\"n\">± sd</th>"
                   "<th class=\"n\">p</th><th class=\"n\">least t</th><th class=\"n\">largest t</th><th class=\"n\">clusters kept</th></tr></thead>"
                   "<tbody>\n");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < f[i].n; k++) {
            buffer_text(b, "<tr><td>");
            html_text(b, f[i].label);
            buffer_text(b, "</td><td>");
            html_text(b, f[i].tap[k]);
            buffer_text(b, "</td>");
            number(b, f[i].I[k], "");
            number(b, f[i].p[k], "p");
            number(b, f[i].p_labels[k], "p");
            number(b, f[i].smoothed[k], "");
            number(b, f[i].mean[k], "");
            number(b, f[i].sd[k], "");
            number(b, f[i].p_presmooth[k], "p");
            number(b, f[i].t_min[k], "1");
            number(b, f[i].t_max[k], "1");
            buffer_printf(b, "<td class=\"n\">%.0f</td></tr>\n", f[i].kept[k]);
        }
    buffer_text(b, "</tbody></table></div>\n<p class=\"note\">Positions: values permuted over the units (is the sheet organised?). Labels: "
                   "conditions permuted over the items, same sheet (is selectivity clustered?). Read out: responses smoothed, then "
                   "contrasted; smoothing alone organises any map, hence the permuted positions beside it.</p>\n");
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The 99th percentile of |t| over all maps: one scale for the page that no single unit sets. */
static int limit_of(double *limit, const map_file *f, size_t n, err *e)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < f[i].n; k++)
            count += f[i].maps[k].d;
    double *all = mem_new(count, sizeof *all, e);
    if (!all) return -1;
    count = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < f[i].n; k++)
            for (size_t u = 0; u < f[i].maps[k].d; u++)
                if (isfinite(f[i].maps[k].t[u])) all[count++] = fabs(f[i].maps[k].t[u]);
    qsort(all, count, sizeof *all, by_value);
    *limit = count ? all[(size_t)(.99 * (double)(count - 1))] : 1;
    if (!(*limit > 0)) *limit = 1;
    free(all);
    return 0;
}

static int sheets_figure(buffer *b, const map_file *f, bool smooth, double limit, err *e)
{
    size_t n = 0;
    char title[300];
    sheet_panel *panel = mem_new(f->n, sizeof *panel, e);
    if (!panel) return -1;
    for (size_t k = 0; k < f->n; k++) {
        const map_tap *t = &f->maps[k];
        if (smooth && t->smooth)
            panel[n++] = (sheet_panel){ t->name, t->smooth_note, t->smooth_size[0], t->smooth_size[1], t->smooth, NULL };
        else if (!smooth && t->map)
            panel[n++] = (sheet_panel){ t->name, t->note, t->rows, t->columns, t->map, t->chosen };
    }
    if (smooth) snprintf(title, sizeof title, "%.200s, read out at FWHM %g", f->title, f->fwhm);
    else snprintf(title, sizeof title, "%.200s", f->title);
    if (n) {
        buffer_text(b, "<figure>");
        svg_sheets(b, title, panel, n, ACROSS, limit);
        buffer_text(b, "</figure>\n");
    }
    free(panel);
    return 0;
}

/* Share of the units in each of BINS bins from -limit to limit; what lies beyond is in the outermost. */
static void histogram(double *x, double *y, const map_tap *t, double limit)
{
    size_t n = 0;
    for (size_t k = 0; k < BINS; k++) {
        x[k] = limit * (2 * (double)k / (BINS - 1) - 1);
        y[k] = 0;
    }
    for (size_t u = 0; u < t->d; u++) {
        if (isnan(t->t[u])) continue;
        double place = (fmax(-limit, fmin(limit, t->t[u])) + limit) / (2 * limit) * (BINS - 1);
        y[(size_t)lround(place)]++;
        n++;
    }
    for (size_t k = 0; k < BINS && n; k++)
        y[k] /= (double)n;
}

static void curves(buffer *b, const map_file *f, const curve_panel *panel, size_t n, const char *x, const char *y,
                   const curve_panel *all, size_t n_all)
{
    if (n == 0) return;
    buffer_text(b, "<figure>");
    svg_curves(b, f->title, x, y, panel, n, ACROSS, all, n_all);
    buffer_text(b, "</figure>\n");
}

static size_t taps_of(const map_file *f, size_t n)
{
    size_t taps = 0;
    for (size_t i = 0; i < n; i++)
        taps += f[i].n;
    return taps;
}

static int histogram_figures(buffer *b, const map_file *f, size_t n, double limit, err *e)
{
    size_t all = taps_of(f, n), at = 0;
    int status = -1;
    double *values = mem_new(2 * BINS * all, sizeof *values, e);
    curve_panel *panel = mem_new(all, sizeof *panel, e);
    if (!values || !panel) goto done;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < f[i].n; k++, at++) {
            double *x = values + 2 * BINS * at;
            histogram(x, x + BINS, &f[i].maps[k], limit);
            panel[at] = (curve_panel){ f[i].maps[k].name, f[i].maps[k].curve_note, BINS, x, x + BINS, NULL, NULL, true };
        }
    at = 0;
    for (size_t i = 0; i < n; at += f[i++].n)
        curves(b, &f[i], panel + at, f[i].n, "t", "share of units", panel, all);
    status = 0;
done:
    free(values);
    free(panel);
    return status;
}

static int distance_figures(buffer *b, const map_file *f, size_t n, err *e)
{
    size_t all = 0, at = 0, *count = mem_new(n, sizeof *count, e);
    int status = -1;
    curve_panel *panel = mem_new(taps_of(f, n), sizeof *panel, e);
    if (!panel || !count) goto done;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < f[i].n; k++) {
            const map_tap *t = &f[i].maps[k];
            if (t->curve_n == 0) continue;
            panel[all++] = (curve_panel){ t->name, "", t->curve_n, t->distance, t->r, t->lo, t->hi, false };
            count[i]++;
        }
    for (size_t i = 0; i < n; at += count[i++])
        curves(b, &f[i], panel + at, count[i], "distance", "mean r of two units; band: permuted", panel, all);
    status = 0;
done:
    free(panel);
    free(count);
    return status;
}

static double selected_share(const map_tap *t)
{
    double n = 0;
    if (!t->selected) return NAN;
    for (size_t u = 0; u < t->d; u++)
        n += t->selected[u];
    return n / (double)t->d;
}

/* Taps of the first file on the x axis; a file with other taps has gaps. */
static int share_figure(buffer *b, const map_file *f, size_t n, err *e)
{
    static const char *const css[] = { "s1", "s2", "s3", "s4" };
    int status = -1;
    double *values = mem_new(4 * f->n, sizeof *values, e);
    svg_line line[4];
    if (!values) return -1;
    for (size_t i = 0; i < n && i < 4; i++) {
        line[i] = (svg_line){ f[i].label, css[i], f->n, values + i * f->n, NULL, NULL };
        for (size_t k = 0; k < f->n; k++) {
            values[i * f->n + k] = NAN;
            for (size_t j = 0; j < f[i].n; j++)
                if (str_same(f[i].tap[j], f->tap[k])) values[i * f->n + k] = selected_share(&f[i].maps[j]);
        }
    }
    svg_chart chart = { "Share of selected units by tap", "share", "tap", f->n, (const char *const *)f->tap, n < 4 ? n : 4, line, true };
    buffer_text(b, "<figure>");
    svg_line_chart(b, &chart);
    buffer_text(b, "</figure>\n");
    status = 0;
    free(values);
    return status;
}

/* ---- public ---- */

static int figures(buffer *b, const map_file *f, size_t n, err *e)
{
    double limit;
    if (limit_of(&limit, f, n, e)) return -1;
    buffer_text(b, "<h2>Sheets</h2>\n<p>Every unit at its place, coloured by t; black: contours of the selected units. One scale for all "
                   "sheets, 0 is white, the ends are the 99th percentile of |t|.</p>\n");
    svg_scale(b, "t", limit);
    buffer_text(b, "<div class=\"grid\">\n");
    for (size_t i = 0; i < n; i++)
        if (sheets_figure(b, &f[i], false, limit, e)) return -1;
    buffer_text(b, "</div>\n<details><summary>The same, read out as a scanner would</summary><div class=\"grid\">\n");
    for (size_t i = 0; i < n; i++)
        if (sheets_figure(b, &f[i], true, limit, e)) return -1;
    buffer_text(b, "</div></details>\n<h2>Correlation between units against their distance</h2>\n<div class=\"grid\">\n");
    if (distance_figures(b, f, n, e)) return -1;
    buffer_text(b, "</div>\n<h2>Histograms of t, and where the selected units are</h2>\n<div class=\"grid\">\n");
    if (histogram_figures(b, f, n, limit, e)) return -1;
    if (n && share_figure(b, f, n, e)) return -1;
    buffer_text(b, "</div>\n");
    return 0;
}

static int sheets(buffer *b, const char *const *paths, size_t n, err *e)
{
    int status = -1;
    map_file *f = mem_new(n, sizeof *f, e);
    if (!f) return -1;
    for (size_t i = 0; i < n; i++)
        if (read_map_file(&f[i], paths[i], e)) goto done;
    finding(b, f, n);
    table_of(b, f, n);
    status = figures(b, f, n, e) || part_clusters(b, f, n, e) ? -1 : 0;
done:
    for (size_t i = 0; i < n; i++)
        arena_free(f[i].memory);
    free(f);
    return status;
}

int report_network(buffer *b, const report_networks *in, err *e)
{
    if (in->n_localizers && part_localizers(b, in->localizers, in->n_localizers, e)) return -1;
    if (in->n_maps && in->n_localizers) buffer_text(b, "<h2>Organised in space?</h2>\n");
    if (in->n_maps && sheets(b, in->maps, in->n_maps, e)) return -1;
    if (!in->n_brains) return 0;
    buffer_text(b, "<h2>Brains</h2>\n");
    return report_brains(b, in->brains, in->n_brains, e);
}

int report_network_page(buffer *b, const char *title, const report_networks *in, const report_training_inputs *training, err *e)
{
    page_head(b, title);
    buffer_text(b, "<h1>");
    html_text(b, title);
    buffer_text(b, "</h1>\n");
    if (report_network(b, in, e)) return -1;
    if ((training->n_logs || training->sweep) && report_training(b, training, e)) return -1;
    buffer_printf(b, "<p class=\"note\">broca %s, commit %s. Each file: <code>broca inspect FILE</code> prints what it was made of and "
                     "the command that makes it again.</p>\n</main>\n</body>\n</html>\n",
                  BROCA_VERSION, build_commit());
    return buffer_ok(b, e);
}
