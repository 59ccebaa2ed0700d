/* SPDX-License-Identifier: MIT */
/* The section on brains: the finding, slices of each map, effects in parcels and functional regions, histograms of t. */
#include "brains.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/report.h"
#include "broca/responses.h"
#include "broca/store.h"
#include "dots.h"
#include "html.h"
#include "maps.h"
#include "mosaic.h"
#include "sheets.h"

enum { SLICES = 21, BINS = 41, ACROSS = 4 };

/* ---- the finding ---- */

static void place(buffer *b, const brain_file *f, size_t unit)
{
    double mm[3];
    space_mm(&f->grid, (size_t)f->index[unit], mm);
    if (f->grid.from == SPACE_NONE) buffer_printf(b, "voxel %d", f->index[unit]);
    else buffer_printf(b, "(%.0f, %.0f, %.0f) mm", mm[0], mm[1], mm[2]);
    if (!responses_in_parcel(f->roi[unit])) return;
    buffer_text(b, ", ");
    html_text(b, f->roi[unit]);
}

static void finding(buffer *b, const brain_file *f, bool first)
{
    for (size_t k = 0; k < f->n; k++) {
        const brain_tap *t = &f->taps[k];
        buffer_printf(b, "<p class=\"%s\">", first && k == 0 ? "finding" : "second");
        html_text(b, f->label);
        if (f->subjects) buffer_printf(b, " (%zu subjects)", f->subjects);
        else buffer_printf(b, " (one subject, %zu run%s)", f->runs, f->runs == 1 ? "" : "s");
        if (!f->subjects) {
            buffer_text(b, ", ");
            html_text(b, t->name);
        }
        if (t->peak == SIZE_MAX) {
            buffer_text(b, ": no voxel has a t.</p>\n");
            continue;
        }
        buffer_printf(b, ": the largest t(%.0f) is %.2f at ", t->dof, t->t[t->peak]);
        place(b, f, t->peak);
        buffer_printf(b, ", the smallest %.2f at ", t->t[t->trough]);
        place(b, f, t->trough);
        buffer_printf(b, "; %zu of %zu voxels are selected (", t->n_selected, f->v);
        html_text(b, f->selection);
        buffer_text(b, ").");
        if (!isnan(f->limit_fwe))
            buffer_printf(b, " Under random signs of subjects the largest |t| of the brain exceeds %.2f in 5 %% of draws; p of the observed one %.2g.",
                          f->limit_fwe, f->p_fwe_peak);
        if (f->parcels_n) {
            size_t p = f->parcels_n - 1;
            buffer_printf(b, " All parcels together: mean t %.3f over %d voxels; the subjects’ means there differ from 0 with p %.2g.", f->parcel_t[p],
                          f->parcel_voxels[p], f->parcel_p[p]);
        }
        buffer_text(b, "</p>\n");
    }
}

/* ---- slices ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The 99.5th percentile of |t| over all maps: one scale for the section. */
static int limit_of(double *limit, const brain_file *f, size_t n, err *e)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += f[i].n * f[i].v;
    double *all = mem_new(count, sizeof *all, e);
    if (!all) return -1;
    count = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < f[i].n; k++)
            for (size_t j = 0; j < f[i].v; j++)
                if (isfinite(f[i].taps[k].t[j])) all[count++] = fabs(f[i].taps[k].t[j]);
    qsort(all, count, sizeof *all, by_value);
    *limit = count ? all[(size_t)(.995 * (double)(count - 1))] : 1;
    if (!(*limit > 0)) *limit = 1;
    free(all);
    return 0;
}

static int draw_map(buffer *b, const brain_file *f, const brain_tap *t, double limit, err *e)
{
    size_t n = space_voxels(&f->grid);
    double *value = mem_new(n, sizeof *value, e);
    uint8_t *inside = mem_new(n, 1, e), *parcel = mem_new(n, 1, e), *selected = mem_new(n, 1, e);
    bool any = false;
    int status = -1;
    if (!value || !inside || !parcel || !selected) goto done;
    for (size_t j = 0; j < f->v; j++) {
        size_t at = (size_t)f->index[j];
        inside[at] = 1;
        value[at] = t->t[j];
        parcel[at] = responses_in_parcel(f->roi[j]);
        selected[at] = t->selected && t->selected[j];
        any = any || parcel[at];
    }
    html_figure_begin(b, f->subjects ? f->label : t->name,
                      "Axial slices from bottom to top, left (L) of the person on the left, front up. White: t of 0; grey outline: the brain%s; black: "
                      "selected voxels; ring: the largest t.",
                      any ? "; green: parcels" : "");
    const mosaic m = { f->label, &f->grid, value, inside, any ? parcel : NULL, selected, t->peak == SIZE_MAX ? SIZE_MAX : (size_t)f->index[t->peak], limit };
    if (svg_mosaic(b, &m, SLICES, e)) goto done;
    html_figure_end(b);
    status = 0;
done:
    free(value);
    free(inside);
    free(parcel);
    free(selected);
    return status;
}

/* ---- parcels and functional regions ---- */

static void parcel_table(buffer *b, const brain_file *f)
{
    html_table_begin(b, "parcel|#voxels|#mean t|#mean effect|#95 % from|#to|#p over subjects");
    for (size_t k = 0; k < f->parcels_n - (f->parcels_n == 2); k++) { /* one parcel is all of them */
        buffer_text(b, "<tr>");
        html_cell(b, k + 1 == f->parcels_n ? "all parcels" : f->parcel[k]);
        html_number(b, f->parcel_voxels[k], 0);
        html_number(b, f->parcel_t[k], 3);
        html_number(b, f->parcel_effect[k], 3);
        html_number(b, f->parcel_lo[k], 3);
        html_number(b, f->parcel_hi[k], 3);
        html_number(b, f->parcel_p[k], 4);
        buffer_text(b, "</tr>\n");
    }
    html_table_end(b);
    buffer_text(b, "<p class=\"note\">Mean t: average of the voxels’ t. Effect: each subject’s mean over the parcel’s voxels; interval and p over subjects");
    if (f->parcels_n > 2) buffer_printf(b, ", p of one parcel uncorrected for the %zu that are listed", f->parcels_n - 1);
    buffer_text(b, ".</p>\n");
}

static void region_table(buffer *b, const brain_file *f)
{
    buffer heads = { 0 };
    buffer_text(&heads, f->subjects ? "functional region|#subjects|#effect|#95 % from|#to|#p" : "functional region|#voxels|#effect");
    for (size_t c = 0; c < f->conditions; c++) {
        buffer_text(&heads, "|#");
        buffer_text(&heads, f->condition[c]);
    }
    html_table_begin(b, heads.at ? heads.at : "");
    for (size_t k = 0; k < f->froi_n; k++) {
        buffer_text(b, "<tr>");
        html_cell(b, f->froi[k]);
        html_number(b, f->froi_count[k], 0);
        html_number(b, f->froi_effect[k], 3);
        if (f->froi_lo) {
            html_number(b, f->froi_lo[k], 3);
            html_number(b, f->froi_hi[k], 3);
            html_number(b, f->froi_p ? f->froi_p[k] : NAN, 4);
        }
        for (size_t c = 0; c < f->conditions; c++) html_number(b, f->froi_response[k * f->conditions + c], 3);
        buffer_text(b, "</tr>\n");
    }
    html_table_end(b);
    buffer_text(b, "<p class=\"note\">Functional regions: in each parcel the voxels with the highest t on one half of the runs, measured on the other half; "
                   "both ways, averaged. Choosing and measuring never share a run.</p>\n");
    free(heads.at);
}

/* A row a parcel: effect with its interval; where there are functional regions of the same name, theirs beside. */
static int effect_figure(buffer *b, const brain_file *f, err *e)
{
    size_t n = f->parcels_n > 1 ? f->parcels_n - 1 : f->froi_n;
    dot_row *row = mem_new(n, sizeof *row, e);
    if (!row) return -1;
    for (size_t k = 0; k < n; k++) {
        row[k].name = f->parcels_n > 1 ? f->parcel[k] : f->froi[k];
        if (f->parcels_n > 1)
            row[k].mark[row[k].n++] = (dot_mark){ MARK_CIRCLE, "s1", "all voxels of the parcel", f->parcel_effect[k], f->parcel_lo[k], f->parcel_hi[k], "95 % over subjects" };
        for (size_t r = 0; r < f->froi_n; r++)
            if (str_same(f->froi[r], row[k].name))
                row[k].mark[row[k].n++] = (dot_mark){ MARK_DIAMOND, "s2", "functional region", f->froi_effect[r], f->froi_lo ? f->froi_lo[r] : NAN,
                                                      f->froi_hi ? f->froi_hi[r] : NAN, "95 % over subjects" };
    }
    html_figure_begin(b, "Effect of the contrast in each region", "%s", "In the units of the maps; lines: 95 % intervals over subjects.");
    dot_legend(b, row, n, NULL);
    svg_dot_rows(b, row, n, "effect", "effects in regions");
    html_figure_end(b);
    free(row);
    return 0;
}

/* ---- histograms ---- */

static void histogram(double *x, double *y, const brain_file *f, const brain_tap *t, double limit)
{
    double count = 0;
    for (size_t i = 0; i < BINS; i++) x[i] = limit * (2 * (double)i / (BINS - 1) - 1);
    for (size_t j = 0; j < f->v; j++) {
        if (isnan(t->t[j])) continue;
        y[(size_t)lround((fmax(-limit, fmin(limit, t->t[j])) + limit) / (2 * limit) * (BINS - 1))]++;
        count++;
    }
    for (size_t i = 0; i < BINS && count > 0; i++) y[i] /= count;
}

/* All maps of the section side by side. */
static int histograms(buffer *b, const brain_file *f, size_t n, double limit, err *e)
{
    size_t maps = 0, at = 0;
    for (size_t i = 0; i < n; i++) maps += f[i].n;
    double *values = mem_new(2 * BINS * maps, sizeof *values, e);
    curve_panel *panel = mem_new(maps, sizeof *panel, e);
    int status = values && panel ? 0 : -1;
    for (size_t i = 0; !status && i < n; i++)
        for (size_t k = 0; k < f[i].n; k++, at++) {
            double *x = values + 2 * BINS * at;
            histogram(x, x + BINS, &f[i], &f[i].taps[k], limit);
            panel[at] = (curve_panel){ f[i].subjects ? f[i].label : f[i].taps[k].name, "", BINS, x, x + BINS, NULL, NULL, true };
        }
    if (!status) {
        html_figure_begin(b, "Histograms of t", "%s", "Share of voxels; what lies beyond the scale is in the outermost bars.");
        buffer_printf(b, "<div style=\"max-width:%zupx\">", 40 + 260 * (maps < ACROSS ? maps : ACROSS));
        svg_curves(b, "", "t", "share of voxels", panel, maps, ACROSS, panel, maps);
        buffer_text(b, "</div>\n");
        html_figure_end(b);
    }
    free(values);
    free(panel);
    return status;
}

/* ---- the section ---- */

static int one_file(buffer *b, const brain_file *f, double limit, err *e)
{
    buffer_text(b, "<h3>");
    html_text(b, f->label);
    buffer_text(b, "</h3>\n");
    for (size_t k = 0; k < f->n; k++)
        if (draw_map(b, f, &f->taps[k], limit, e)) return -1;
    if ((f->parcels_n > 2 || f->froi_n) && effect_figure(b, f, e)) return -1;
    if (f->parcels_n) parcel_table(b, f);
    if (f->froi_n) region_table(b, f);
    return 0;
}

/* Moran's I and clusters of maps on voxels and surfaces. */
static int topography_table(buffer *b, const char *const *paths, size_t n, err *e)
{
    map_file *f = mem_new(n, sizeof *f, e);
    int status = -1;
    if (!f) return -1;
    for (size_t i = 0; i < n; i++)
        if (read_map_file(&f[i], paths[i], e)) goto done;
    html_table_begin(b, "map|#Moran’s I|#p of permuted places|#least t|#largest t|#clusters kept, t &gt; 0");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < f[i].n; k++) {
            buffer_text(b, "<tr>");
            html_cell(b, f[i].n > 1 ? f[i].tap[k] : f[i].label);
            html_number(b, f[i].I[k], 4);
            html_number(b, f[i].p[k], 4);
            html_number(b, f[i].t_min[k], 3);
            html_number(b, f[i].t_max[k], 3);
            html_number(b, f[i].kept[k], 0);
            buffer_text(b, "</tr>\n");
        }
    html_table_end(b);
    buffer_text(b, "<p class=\"note\">Maps of a scanner are smooth: that neighbours agree is no finding by itself.</p>\n");
    status = 0;
done:
    for (size_t i = 0; i < n; i++) arena_free(f[i].memory);
    free(f);
    return status;
}

static int slices_of_all(buffer *b, const char *const *paths, size_t n, err *e)
{
    brain_file *f = mem_new(n, sizeof *f, e);
    double limit;
    int status = -1;
    if (!f) return -1;
    for (size_t i = 0; i < n; i++)
        if (read_brain_file(&f[i], paths[i], e)) goto done;
    if (limit_of(&limit, f, n, e)) goto done;
    for (size_t i = 0; i < n; i++) finding(b, &f[i], i == 0);
    svg_scale(b, "t, the same colours in every figure", limit);
    for (size_t i = 0; i < n; i++)
        if (one_file(b, &f[i], limit, e)) goto done;
    status = histograms(b, f, n, 2 * limit, e);
done:
    for (size_t i = 0; i < n; i++) arena_free(f[i].memory);
    free(f);
    return status;
}

/* Files of kind topography to the end of the list. */
static int sort_kinds(const char **sorted, size_t *drawn, const char *const *paths, size_t n, err *e)
{
    size_t last = n;
    *drawn = 0;
    for (size_t i = n; i-- > 0;) {
        store *s = NULL;
        if (store_open(&s, paths[i], NULL, e)) return -1;
        if (str_same(store_kind(s), "topography")) sorted[--last] = paths[i];
        store_close(s);
    }
    for (size_t i = 0; i < n; i++) {
        bool later = false;
        for (size_t k = last; k < n && !later; k++) later = sorted[k] == paths[i];
        if (!later) sorted[(*drawn)++] = paths[i];
    }
    return 0;
}

int report_brains(buffer *b, const char *const *paths, size_t n, err *e)
{
    size_t drawn = 0;
    const char **sorted = mem_new(n, sizeof *sorted, e);
    int status = -1;
    if (!sorted || sort_kinds(sorted, &drawn, paths, n, e)) goto done;
    if (drawn && slices_of_all(b, sorted, drawn, e)) goto done;
    if (drawn < n && topography_table(b, sorted + drawn, n - drawn, e)) goto done;
    status = 0;
done:
    free(sorted);
    return status;
}
