/* SPDX-License-Identifier: MIT */
/* What make calibrate found: how often true nulls are rejected, whether p is uniform, whether intervals cover, and that the shortcuts
 * fail. Read from its table, and from the table of p beside it where there is one. */
#include "broca/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"
#include "broca/store.h"
#include "html.h"
#include "plot.h"

typedef struct {
    const char *name, *status; /* borrowed from the table */
    double value, lo, hi, n;
} check_row;

typedef struct {
    table *checks, *p;         /* p: NULL where there is none */
    check_row *row;
    size_t n;
} calibration;

/* ---- reading ---- */

static void calibration_free(calibration *c)
{
    table_free(c->checks);
    table_free(c->p);
    free(c->row);
}

static int read_checks(calibration *c, err *e)
{
    size_t column[6];
    static const char *const name[6] = { "check", "value", "lo", "hi", "n", "status" };
    for (int k = 0; k < 6; k++)
        if (table_find(c->checks, name[k], &column[k], e)) return -1;
    c->n = table_rows(c->checks);
    if (!(c->row = mem_new(c->n + 1, sizeof *c->row, e))) return -1;
    for (size_t i = 0; i < c->n; i++) {
        check_row *r = &c->row[i];
        double *number[4] = { &r->value, &r->lo, &r->hi, &r->n };
        r->name = table_cell(c->checks, i, column[0]);
        r->status = table_cell(c->checks, i, column[5]);
        for (int k = 0; k < 4; k++)
            if (table_number(c->checks, i, column[1 + k], number[k], e)) return -1;
    }
    return 0;
}

/* FILE.tsv has its p in FILE.p.tsv. */
static int calibration_read(calibration *c, const char *path, err *e)
{
    char beside[2048];
    size_t stem = strlen(path) - (str_ends(path, ".tsv") ? 4 : 0);
    *c = (calibration){ 0 };
    if (table_read(&c->checks, path, '\t', true, e) || read_checks(c, e)) return -1;
    snprintf(beside, sizeof beside, "%.*s.p.tsv", (int)(stem < 2000 ? stem : 2000), path);
    return file_exists(beside) ? table_read(&c->p, beside, '\t', true, e) : 0;
}

static const check_row *find(const calibration *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (str_same(c->row[i].name, name)) return &c->row[i];
    return NULL;
}

/* ---- checks on one axis: what a sound method keeps within, and where each lies ---- */

enum { ROW = 30, BOTTOM = 52, LEFT = 190, RIGHT = 18, MOST = 16 };

typedef struct {
    const char *label, *check, *sound; /* sound: the check whose limits are drawn; NULL: its own */
    bool shortcut;
} shown_check;

static size_t present(shown_check *to, const shown_check *from, size_t n, const calibration *c)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (find(c, from[i].check) && (!from[i].sound || find(c, from[i].sound))) to[m++] = from[i];
    return m;
}

static plot_scale scale_of(const calibration *c, const shown_check *list, size_t n, bool zero)
{
    double lo = INFINITY, hi = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        const check_row *at = find(c, list[i].check), *sound = find(c, list[i].sound ? list[i].sound : list[i].check);
        plot_cover(&lo, &hi, at->value);
        plot_cover(&lo, &hi, sound->lo);
        plot_cover(&lo, &hi, sound->hi);
    }
    if (zero) plot_cover(&lo, &hi, 0);
    return plot_scale_of(lo, hi, 5);
}

static void draw_checks(buffer *b, const calibration *c, const shown_check *list, size_t n, const char *x_label, bool zero)
{
    plot p = plot_begin(b, ROW * (double)n + 14 + BOTTOM, LEFT, RIGHT, BOTTOM, x_label);
    p.x = scale_of(c, list, n, zero);
    plot_x_axis(&p, x_label);
    for (size_t i = 0; i < n; i++) {
        const check_row *at = find(c, list[i].check), *sound = find(c, list[i].sound ? list[i].sound : list[i].check);
        double y = p.top + ROW * ((double)i + .5), lo = plot_x(&p, fmax(sound->lo, p.x.lo)), hi = plot_x(&p, fmin(sound->hi, p.x.hi));
        plot_text(&p, "row", p.left - 8, y + 5, "end", "%s", list[i].label);
        plot_box(&p, "band s3", lo, y - 9, fmax(hi - lo, 2), 18, "%s: %g to %g is sound", list[i].label, sound->lo, sound->hi);
        plot_dot(&p, list[i].shortcut ? "s2" : "s1", plot_x(&p, at->value), y, 5, "%s: %.4g of %g; sound: %g to %g", list[i].label, at->value, at->n,
                 sound->lo, sound->hi);
    }
    plot_end(&p);
}

static void legend(buffer *b, bool shortcuts)
{
    buffer_printf(b, "<p class=\"legend\"><span><span class=\"name gap\">▬</span> where a sound method lies</span> <span><span class=\"name s1\">●</span> as the "
                     "report does it</span> %s</p>\n", shortcuts ? "<span><span class=\"name s2\">●</span> shortcuts, which fail</span>" : "");
}

static void figure_checks(buffer *b, const calibration *c, const shown_check *all, size_t n, const char *title, const char *said, const char *x_label,
                          bool zero)
{
    shown_check list[MOST];
    size_t m = present(list, all, n, c);
    bool shortcuts = false;
    if (!m) return;
    for (size_t i = 0; i < m; i++) shortcuts = shortcuts || list[i].shortcut;
    html_figure_begin(b, title, "%s", said);
    legend(b, shortcuts);
    draw_checks(b, c, list, m, x_label, zero);
    html_figure_end(b);
}

/* ---- p of all data sets: flat where the null is calibrated ---- */

enum { PANEL = 96, PANEL_GAP = 26, MOST_BARS = 64 };

/* Counts of p by their steps of 1/bars; 0 where the table has none. */
static size_t count_p(size_t *count, size_t *bars, const calibration *c, const char *data, const char *test, err *e)
{
    size_t in, at, column, step, n = 0;
    if (table_find(c->p, "data", &in, e) || table_find(c->p, "test", &at, e) || table_find(c->p, "p", &column, e) || table_find(c->p, "steps", &step, e))
        return 0;
    memset(count, 0, MOST_BARS * sizeof *count);
    for (size_t i = 0; i < table_rows(c->p); i++) {
        double p, steps;
        if (!str_same(table_cell(c->p, i, in), data) || !str_same(table_cell(c->p, i, at), test)) continue;
        if (table_number(c->p, i, column, &p, e) || table_number(c->p, i, step, &steps, e)) return 0;
        if (!(steps >= 1 && steps <= MOST_BARS && p > 0 && p <= 1)) continue;
        *bars = (size_t)steps;
        count[(size_t)fmax(0, floor(p * steps + .5) - 1)]++;
        n++;
    }
    return n;
}

/* The central 99 % of a binomial count, by the normal distribution. */
static void expected(double *lo, double *hi, double n, double share)
{
    double half = normal_quantile(.995) * sqrt(n * share * (1 - share));
    *lo = fmax(0, n * share - half);
    *hi = n * share + half;
}

static void draw_panel(plot *p, const size_t *count, size_t bars, size_t n, const char *name, bool shortcut)
{
    double lo, hi, most = 0, width = (p->right - p->left) / (double)bars;
    expected(&lo, &hi, (double)n, 1 / (double)bars);
    for (size_t k = 0; k < bars; k++) most = fmax(most, (double)count[k]);
    p->y = plot_scale_of(0, fmax(most, hi), 3);
    for (double v = 0; v <= p->y.hi + 1e-9; v += p->y.step) {
        plot_line(p, v > 0 ? "grid" : "zero", p->left, plot_y(p, v), p->right, plot_y(p, v));
        plot_text(p, "tick", p->left - 6, plot_y(p, v) + 5, "end", "%.0f", v);
    }
    for (size_t k = 0; k < bars; k++)
        plot_box(p, shortcut ? "bar s2" : "bar s1", p->left + width * (double)k + 1, plot_y(p, (double)count[k]), width - 2,
                 p->bottom - plot_y(p, (double)count[k]), "%s: p from %.3f to %.3f: %zu of %zu data sets; %.0f to %.0f expected", name,
                 (double)k / (double)bars, (double)(k + 1) / (double)bars, count[k], n, lo, hi);
    plot_box(p, "band s3", p->left, plot_y(p, hi), p->right - p->left, plot_y(p, lo) - plot_y(p, hi), "%.0f to %.0f of %zu: 99 %% of such counts", lo, hi, n);
    plot_text(p, "row", p->left, p->top - 6, "start", "%s", name);
}

static int figure_p(buffer *b, const calibration *c, const char *data, const char *title, err *e)
{
    static const struct { const char *test, *name; bool shortcut; } panels[] = {
        { "group_r", "group, r", false }, { "group_delta_r2", "group, ΔR²", false }, { "single_r", "single, r", false },
        { "single_delta_r2", "single, ΔR²", false }, { "group_r_no_refit", "group, r: rotated without refit", true },
        { "single_r_no_refit", "single, r: rotated without refit", true },
    };
    enum { PANELS = sizeof panels / sizeof *panels };
    size_t count[MOST_BARS], bars = 1, n = count_p(count, &bars, c, data, panels[0].test, e);
    if (e->kind) return -1;
    if (!n) return 0;
    html_figure_begin(b, title, "%zu data sets without any link to the story, %zu refits each: p by its %zu steps. Flat is calibrated; the bar on the "
                      "left is p < .05.", n, bars - 1, bars);
    plot p = plot_begin(b, 14 + PANELS * (PANEL + PANEL_GAP) + 40, 64, 18, 52, title);
    plot_label(&p, "data sets (number)", true);
    for (size_t k = 0; k < PANELS; k++) {
        n = count_p(count, &bars, c, data, panels[k].test, e);
        if (e->kind) return -1;
        p.top = 14 + PANEL_GAP - 8 + (double)k * (PANEL + PANEL_GAP);
        p.bottom = p.top + PANEL;
        if (n) draw_panel(&p, count, bars, n, panels[k].name, panels[k].shortcut);
    }
    p.x = (plot_scale){ 0, 1, .2, 1 };
    p.top = p.bottom;
    plot_x_axis(&p, "p (probability)");
    plot_end(&p);
    html_figure_end(b);
    return 0;
}

/* ---- the section ---- */

static const shown_check rejected[][6] = {
#define OF(data)                                                                                                                     \
    {                                                                                                                                \
        { "group, r", data ".false_positives.group_r", NULL, false }, { "group, ΔR²", data ".false_positives.group_delta_r2", NULL, false }, \
            { "single, r", data ".false_positives.single_r", NULL, false },                                                          \
            { "single, ΔR²", data ".false_positives.single_delta_r2", NULL, false },                                                 \
            { "group, r, no refit", data ".shortcut_rotation_without_refit.group_r", data ".false_positives.group_r", true },        \
            { "single, r, no refit", data ".shortcut_rotation_without_refit.single_r", data ".false_positives.single_r", true },     \
    }
    OF("alice_surrogates"), OF("simulated_noise"),
#undef OF
};
static const shown_check covered[] = {
    { "single, shared, r", "coverage.single.shared_signal.r", NULL, false },
    { "single, shared, ΔR²", "coverage.single.shared_signal.delta_r2", NULL, false },
    { "single, own, r", "coverage.single.unshared_signal.r", NULL, false },
    { "single, own, ΔR²", "coverage.single.unshared_signal.delta_r2", NULL, false },
    { "group, shared, r", "coverage.group.shared_signal.r", NULL, false },
    { "group, shared, ΔR²", "coverage.group.shared_signal.delta_r2", NULL, false },
    { "120: single, shared, r", "coverage.120_items.single.shared_signal.r", NULL, false },
    { "120: single, own, r", "coverage.120_items.single.unshared_signal.r", NULL, false },
    { "120: group, shared, r", "coverage.120_items.group.shared_signal.r", NULL, false },
    { "t over subjects", "coverage.shortcut_t_over_subjects.r", "coverage.single.shared_signal.r", true },
    { "bootstrap of the group", "coverage.shortcut_group_bca_without_refit.r", "coverage.group.shared_signal.r", true },
    { "blocks within subjects", "coverage.shortcut_blocks_drawn_within_subjects.r", "coverage.single.shared_signal.r", true },
};
static const shown_check leaks[] = {
    { "contiguous, no filter", "noise.mean_r.contiguous_folds", NULL, false },
    { "filter by fold", "noise.mean_r.filter_by_fold_block", NULL, false },
    { "filter of whole runs", "noise.shortcut_whole_run_filter.mean_r", "noise.mean_r.filter_by_fold_block", true },
    { "shuffled folds", "noise.shortcut_shuffled_folds.mean_r", "noise.mean_r.filter_by_fold_block", true },
};

static void all_checks(buffer *b, const calibration *c)
{
    html_fold_begin(b, "All %zu checks", c->n);
    html_table_begin(b, "check|#value|#lowest allowed|#highest allowed|#n|status");
    for (size_t i = 0; i < c->n; i++) {
        const check_row *r = &c->row[i];
        buffer_text(b, "<tr>");
        html_cell(b, r->name);
        buffer_printf(b, "<td class=\"n\">%.4g</td><td class=\"n\">%.4g</td><td class=\"n\">%.4g</td><td class=\"n\">%.0f</td>", r->value, r->lo, r->hi, r->n);
        html_cell(b, r->status);
        buffer_text(b, "</tr>\n");
    }
    html_table_end(b);
    html_fold_end(b);
}

int report_calibration(buffer *b, const char *path, err *e)
{
    calibration c;
    size_t passed = 0;
    int status = -1;
    if (calibration_read(&c, path, e)) goto done;
    for (size_t i = 0; i < c.n; i++) passed += str_same(c.row[i].status, "pass");
    buffer_printf(b, "<h2>Are the nulls and intervals calibrated?</h2>\n<p>Where the truth is known, the same path must find it: <code>make calibrate</code>, "
                  "%zu of %zu checks passed.</p>\n<div class=\"grid\">\n", passed, c.n);
    figure_checks(b, &c, rejected[0], 6, "Phase-randomised listeners: p < .05.", "Responses of these listeners with their phases drawn anew: nothing is left of the "
                  "story. 5 % of such data sets should be found \"significant\".", "false positives (number of data sets)", true);
    figure_checks(b, &c, rejected[1], 6, "Simulated noise: p < .05.", "Autocorrelated noise, half of it shared by all listeners.", "false positives (number of data sets)", true);
    if (c.p && (figure_p(b, &c, "alice_surrogates", "Phase-randomised listeners: p.", e) || figure_p(b, &c, "simulated_noise", "Simulated noise: p.", e)))
        goto done;
    figure_checks(b, &c, covered, sizeof covered / sizeof *covered, "Do 95 % intervals hold what they promise?", "Simulated studies of 20 subjects and 240 "
                  "sentences (120: half as many) whose expected cross-validated score is known; signal shared by all, or each subject's own.", "coverage (share of studies)", false);
    figure_checks(b, &c, leaks, sizeof leaks / sizeof *leaks, "Scores of pure noise.", "Mean r of autocorrelated noise: 0 unless something leaks.", "r (correlation, mean over test folds)", true);
    buffer_text(b, "</div>\n");
    all_checks(b, &c);
    status = 0;
done:
    if (status) err_while(e, "drawing the calibration");
    calibration_free(&c);
    return status;
}
