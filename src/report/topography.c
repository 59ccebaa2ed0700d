/* SPDX-License-Identifier: MIT */
/* The page on maps: the finding, a table, the sheets of all taps side by side, histograms of t, distance curves. */
#include "broca/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/store.h"
#include "sheets.h"
#include "style.h"
#include "svg.h"

enum { ACROSS = 4, BINS = 41 };

typedef struct {
    char *name;
    size_t d, rows, columns;
    double *t, *positions; /* positions NULL on a mesh */
    uint8_t *selected;
    double *map, *smooth;  /* [rows×columns]; [smooth_size] */
    uint8_t *chosen;       /* [rows×columns] or NULL */
    size_t smooth_size[2], curve_n;
    double *distance, *r, *lo, *hi; /* [curve_n] */
    char note[96], smooth_note[96], curve_note[96];
} map_tap;

typedef struct {
    const char *path;
    char *label, *contrast, *match, *layout;
    size_t n;
    char **tap;
    double *I, *p, *p_labels, *smoothed, *mean, *sd, *p_presmooth, *t_min, *t_max, *kept;
    double fwhm;
    map_tap *maps;
    arena *memory;
} map_file;

/* ---- reading ---- */

static int read_dataset(double **out, size_t *n, store *s, const char *tap, const char *what, arena *a, err *e)
{
    char name[512];
    store_shape_t shape;
    snprintf(name, sizeof name, "tap/%s/%s", tap, what);
    *out = NULL;
    *n = 0;
    if (!store_has(s, name)) return 0;
    if (store_shape(s, name, &shape, e)) return -1;
    if (shape.rank == 1) {
        *n = shape.dims[0];
        return store_column_f8(s, name, *n, a, out, e);
    }
    double *values = NULL;
    if (store_read_f8(s, name, &values, n, e)) return -1;
    if ((*out = arena_get(a, *n * sizeof **out + 1, e))) memcpy(*out, values, *n * sizeof **out);
    free(values);
    return *out ? 0 : -1;
}

static int read_selected(map_tap *t, store *s, arena *a, err *e)
{
    char name[512];
    uint8_t *values = NULL;
    size_t n = 0;
    snprintf(name, sizeof name, "tap/%s/selected", t->name);
    if (!store_has(s, name)) return 0;
    if (store_read_u1(s, name, &values, &n, e)) return -1;
    if (n == t->d && (t->selected = arena_get(a, n, e))) memcpy(t->selected, values, n);
    free(values);
    if (n != t->d) return err_set(e, ERR_INPUT, "%s: /%s has %zu units, the map has %zu", store_path(s), name, n, t->d);
    return t->selected ? 0 : -1;
}

/* Units as a picture: row = coordinate 0, column = coordinate 1, from the least position. */
static int picture(map_tap *t, arena *a, err *e)
{
    double least[2] = { INFINITY, INFINITY }, most[2] = { -INFINITY, -INFINITY };
    for (size_t k = 0; k < 2 * t->d; k++) {
        least[k % 2] = fmin(least[k % 2], t->positions[k]);
        most[k % 2] = fmax(most[k % 2], t->positions[k]);
    }
    if (!(most[0] - least[0] < 4096 && most[1] - least[1] < 4096))
        return err_set(e, ERR_INPUT, "the sheet of %s is too large to draw", t->name);
    t->rows = (size_t)(most[0] - least[0]) + 1;
    t->columns = (size_t)(most[1] - least[1]) + 1;
    t->map = arena_get(a, t->rows * t->columns * sizeof *t->map, e);
    t->chosen = t->selected ? arena_get(a, t->rows * t->columns, e) : NULL;
    if (!t->map || (t->selected && !t->chosen)) return -1;
    for (size_t i = 0; i < t->rows * t->columns; i++)
        t->map[i] = NAN;
    for (size_t k = 0; k < t->d; k++) {
        size_t at = (size_t)(t->positions[2 * k] - least[0]) * t->columns + (size_t)(t->positions[2 * k + 1] - least[1]);
        t->map[at] = t->t[k];
        if (t->chosen) t->chosen[at] = t->selected[k];
    }
    return 0;
}

static int read_smooth(map_tap *t, store *s, arena *a, err *e)
{
    char name[512];
    store_shape_t shape;
    size_t n;
    if (read_dataset(&t->smooth, &n, s, t->name, "smoothed_t", a, e) || !t->smooth) return t->smooth ? -1 : 0;
    snprintf(name, sizeof name, "tap/%s/smoothed_t", t->name);
    if (store_shape(s, name, &shape, e)) return -1;
    if (shape.rank != 2) return err_set(e, ERR_INPUT, "%s: /%s is no picture", store_path(s), name);
    memcpy(t->smooth_size, shape.dims, sizeof t->smooth_size);
    return 0;
}

static int read_curve(map_tap *t, store *s, arena *a, err *e)
{
    size_t n[4];
    if (read_dataset(&t->distance, &n[0], s, t->name, "distance/distance", a, e) ||
        read_dataset(&t->r, &n[1], s, t->name, "distance/r", a, e) ||
        read_dataset(&t->lo, &n[2], s, t->name, "distance/null_lo", a, e) ||
        read_dataset(&t->hi, &n[3], s, t->name, "distance/null_hi", a, e))
        return -1;
    if (n[1] != n[0] || n[2] != n[0] || n[3] != n[0])
        return err_set(e, ERR_INPUT, "%s: the distance curve of %s has columns of different lengths", store_path(s), t->name);
    t->curve_n = n[0];
    return 0;
}

static int read_tap(map_file *f, size_t k, store *s, err *e)
{
    map_tap *t = &f->maps[k];
    size_t n;
    t->name = f->tap[k];
    if (read_dataset(&t->t, &t->d, s, t->name, "t", f->memory, e) || read_selected(t, s, f->memory, e) ||
        read_dataset(&t->positions, &n, s, t->name, "positions", f->memory, e))
        return -1;
    if (!t->t || (t->positions && n != 2 * t->d))
        return err_set(e, ERR_INPUT, "%s: map %s is not whole", store_path(s), t->name);
    if (t->positions && picture(t, f->memory, e)) return -1;
    if (read_smooth(t, s, f->memory, e) || read_curve(t, s, f->memory, e)) return -1;
    snprintf(t->note, sizeof t->note, "I %.3f, p %.3g", f->I[k], f->p[k]);
    snprintf(t->smooth_note, sizeof t->smooth_note, "%.3f (null %.3f)", f->smoothed[k], f->mean[k]);
    size_t language = 0;
    for (size_t u = 0; t->selected && u < t->d; u++)
        language += t->selected[u];
    snprintf(t->curve_note, sizeof t->curve_note, "%zu of %zu selected", language, t->d);
    return 0;
}

static int read_table(map_file *f, store *s, err *e)
{
    const struct {
        const char *name;
        double **to;
    } columns[] = { { "I", &f->I },
                    { "p", &f->p },
                    { "p_labels", &f->p_labels },
                    { "smoothed", &f->smoothed },
                    { "presmooth_mean", &f->mean },
                    { "presmooth_sd", &f->sd },
                    { "p_presmooth", &f->p_presmooth },
                    { "t_min", &f->t_min },
                    { "t_max", &f->t_max },
                    { "clusters_kept", &f->kept } };
    store_shape_t shape;
    if (store_shape(s, "table/tap", &shape, e)) return -1;
    if (shape.rank != 1) return err_set(e, ERR_INPUT, "%s: /table/tap is not a column", store_path(s));
    f->n = shape.dims[0];
    if (store_column_text(s, "table/tap", f->n, f->memory, &f->tap, e)) return -1;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        char name[64];
        snprintf(name, sizeof name, "table/%s", columns[i].name);
        if (store_column_f8(s, name, f->n, f->memory, columns[i].to, e)) return -1;
        if (!*columns[i].to) return err_set(e, ERR_INPUT, "%s: no /%s", store_path(s), name);
    }
    return 0;
}

static int read_text(char **out, store *s, const char *attribute, arena *a, err *e)
{
    char *text = NULL;
    if (store_has_attribute(s, "/", attribute) && store_get_text(s, "/", attribute, &text, e)) return -1;
    *out = arena_text(a, text ? text : "", text ? strlen(text) : 0, e);
    free(text);
    return *out ? 0 : -1;
}

static int file_label(map_file *f, err *e)
{
    const char *slash = strrchr(f->path, '/'), *name = slash ? slash + 1 : f->path, *dot = strrchr(name, '.');
    f->label = arena_text(f->memory, name, dot ? (size_t)(dot - name) : strlen(name), e);
    return f->label ? 0 : -1;
}

static int read_map_file(map_file *f, const char *path, err *e)
{
    int status = -1;
    store *s = NULL;
    f->path = path;
    if (!(f->memory = arena_new(e)) || store_open(&s, path, "topography", e)) goto done;
    if (file_label(f, e) || read_table(f, s, e) || store_get_real(s, "/", "fwhm", &f->fwhm, e) ||
        read_text(&f->contrast, s, "contrast", f->memory, e) || read_text(&f->match, s, "match", f->memory, e) ||
        read_text(&f->layout, s, "layout", f->memory, e))
        goto done;
    if (!(f->maps = arena_get(f->memory, f->n * sizeof *f->maps + 1, e))) goto done;
    for (size_t k = 0; k < f->n; k++)
        if (read_tap(f, k, s, e)) goto done;
    status = 0;
done:
    if (status) err_while(e, "reading the maps of %s", path);
    store_close(s);
    return status;
}

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
    if (smooth) snprintf(title, sizeof title, "%.200s, read out at FWHM %g", f->label, f->fwhm);
    else snprintf(title, sizeof title, "%.200s", f->label);
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
    svg_curves(b, f->label, x, y, panel, n, ACROSS, all, n_all);
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

int report_sheets(buffer *b, const char *const *paths, size_t n, err *e)
{
    int status = -1;
    map_file *f = mem_new(n, sizeof *f, e);
    if (!f) return -1;
    for (size_t i = 0; i < n; i++)
        if (read_map_file(&f[i], paths[i], e)) goto done;
    finding(b, f, n);
    table_of(b, f, n);
    status = figures(b, f, n, e);
done:
    for (size_t i = 0; i < n; i++)
        arena_free(f[i].memory);
    free(f);
    return status;
}

int report_sheets_page(buffer *b, const char *title, const char *const *paths, size_t n, err *e)
{
    buffer_text(b, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    html_text(b, title);
    buffer_text(b, "</title>\n<style>\n");
    buffer_text(b, report_style);
    buffer_text(b, "</style>\n</head>\n<body>\n<main>\n<h1>");
    html_text(b, title);
    buffer_text(b, "</h1>\n");
    if (report_sheets(b, paths, n, e)) return -1;
    buffer_printf(b, "<p class=\"note\">broca %s, commit %s. Each file: <code>broca inspect FILE</code> prints what it was made of and "
                     "the command that makes it again.</p>\n</main>\n</body>\n</html>\n",
                  BROCA_VERSION, build_commit());
    return buffer_ok(b, e);
}
