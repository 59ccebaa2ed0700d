/* SPDX-License-Identifier: MIT */
/* How models were trained: loss and spatial loss along the run, and what topography costs at other alphas. */
#include "broca/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/store.h"
#include "html.h"
#include "plot.h"

enum { HEIGHT = 300, LEFT = 72, RIGHT = 110, BOTTOM = 52, BINS = 60, MOST = 4 };
static const char *const css[MOST] = { "s1", "s2", "s3", "s4" };

typedef struct {
    char name[64];
    size_t n, bins, n_validated;
    double tokens;                                       /* at the end, millions */
    double bin_x[BINS], bin_ce[BINS], bin_spatial[BINS]; /* means of training steps */
    double *at, *ce, *spatial;                           /* [n_validated] */
    double last_bits;
    double *memory;
} training_curve;

/* ---- reading ---- */

typedef struct {
    size_t tokens, ce, spatial, validation_ce, validation_spatial, bits;
} columns;

static int find_columns(const table *t, columns *c, err *e)
{
    return table_find(t, "tokens", &c->tokens, e) || table_find(t, "ce", &c->ce, e) ||
                   table_find(t, "spatial", &c->spatial, e) || table_find(t, "validation_ce", &c->validation_ce, e) ||
                   table_find(t, "validation_spatial", &c->validation_spatial, e) ||
                   table_find(t, "validation_bits_per_byte", &c->bits, e)
               ? -1
               : 0;
}

static int read_rows(training_curve *x, const table *t, const columns *c, err *e)
{
    double sum[3] = { 0 }, tokens = 0, ce, spatial, validation, bits;
    size_t in_bin = 0, each = (x->n + BINS - 1) / BINS;
    for (size_t i = 0; i < x->n; i++) {
        if (table_number(t, i, c->tokens, &tokens, e) || table_number(t, i, c->ce, &ce, e) ||
            table_number(t, i, c->spatial, &spatial, e) || table_number(t, i, c->validation_ce, &validation, e))
            return -1;
        sum[0] += tokens / 1e6;
        sum[1] += ce;
        sum[2] += spatial;
        if (++in_bin == each || i + 1 == x->n) {
            x->bin_x[x->bins] = sum[0] / (double)in_bin;
            x->bin_ce[x->bins] = sum[1] / (double)in_bin;
            x->bin_spatial[x->bins++] = sum[2] / (double)in_bin;
            memset(sum, 0, sizeof sum);
            in_bin = 0;
        }
        if (isnan(validation)) continue;
        if (table_number(t, i, c->validation_spatial, &x->spatial[x->n_validated], e) ||
            table_number(t, i, c->bits, &bits, e))
            return -1;
        x->at[x->n_validated] = tokens / 1e6;
        x->ce[x->n_validated++] = validation;
        x->last_bits = bits;
    }
    x->tokens = tokens / 1e6;
    return 0;
}

/* spec: NAME=train_log.tsv */
static int read_curve(training_curve *x, const char *spec, err *e)
{
    const char *equals = strchr(spec, '=');
    table *t = NULL;
    columns c;
    int status = -1;
    if (!equals || equals == spec) return err_set(e, ERR_USAGE, "--training is NAME=train_log.tsv, not '%s'", spec);
    snprintf(x->name, sizeof x->name, "%.*s", (int)(equals - spec), spec);
    if (table_read(&t, equals + 1, '\t', true, e) || find_columns(t, &c, e)) goto done;
    if (!(x->n = table_rows(t))) {
        err_set(e, ERR_INPUT, "%s has no rows", equals + 1);
        goto done;
    }
    if (!(x->memory = mem_new(3 * x->n, sizeof *x->memory, e))) goto done;
    x->at = x->memory;
    x->ce = x->at + x->n;
    x->spatial = x->ce + x->n;
    status = read_rows(x, t, &c, e);
done:
    table_free(t);
    return status;
}

/* ---- figures ---- */

/* Lines: means of training steps; dots: held-out text. */
static void draw_curves(buffer *b, const training_curve *x, size_t n, bool spatial, const char *label)
{
    const char *name[MOST];
    double lo = INFINITY, hi = -INFINITY, most = 0, y[MOST];
    plot p = plot_begin(b, HEIGHT, LEFT, RIGHT, BOTTOM, label);
    for (size_t i = 0; i < n; i++) {
        const double *bin = spatial ? x[i].bin_spatial : x[i].bin_ce, *held = spatial ? x[i].spatial : x[i].ce;
        for (size_t k = 0; k < x[i].bins; k++)
            plot_cover(&lo, &hi, bin[k]);
        for (size_t k = 0; k < x[i].n_validated; k++)
            plot_cover(&lo, &hi, held[k]);
        most = fmax(most, x[i].tokens);
    }
    if (spatial) plot_cover(&lo, &hi, 0);
    p.x = plot_scale_of(0, most, 4);
    p.y = plot_scale_of(lo, hi, 5);
    plot_y_axis(&p, label);
    plot_x_axis(&p, "tokens, millions");
    for (size_t i = 0; i < n; i++) {
        const double *bin = spatial ? x[i].bin_spatial : x[i].bin_ce, *held = spatial ? x[i].spatial : x[i].ce;
        plot_line_through(&p, css[i], x[i].bins, x[i].bin_x, bin);
        for (size_t k = 0; k < x[i].n_validated; k++)
            plot_dot(&p, css[i], plot_x(&p, x[i].at[k]), plot_y(&p, held[k]), 2.5,
                     "%s, held-out text after %.2f million tokens: %.4f", x[i].name, x[i].at[k], held[k]);
        name[i] = x[i].name;
        y[i] = plot_y(&p, bin[x[i].bins - 1]);
    }
    plot_names(&p, p.right + 8, n, name, css, y);
    plot_end(&p);
}

static void curve_figures(buffer *b, const training_curve *x, size_t n)
{
    html_figure_begin(b, "Loss along training.", "Lines: means of training steps; dots: held-out text. Nats a token.");
    draw_curves(b, x, n, false, "cross-entropy, nats a token");
    html_figure_end(b);
    html_figure_begin(b, "Spatial loss along training.",
                      "Mean over sheets: ½ is no relation between correlation and distance, 0 a perfect one; measured "
                      "for the control, too.");
    draw_curves(b, x, n, true, "spatial loss");
    html_figure_end(b);
}

/* Runs of one length, as a line through the alphas. */
typedef struct {
    const table *t;
    const double *ce, *moran;
    size_t alpha, steps, first, n;
} sweep_runs;

static void draw_sweep(buffer *b, const sweep_runs *s)
{
    const double *ce = s->ce + s->first, *moran = s->moran + s->first;
    double lo[2] = { INFINITY, INFINITY }, hi[2] = { -INFINITY, -INFINITY };
    for (size_t i = 0; i < s->n; i++) {
        plot_cover(&lo[0], &hi[0], ce[i]);
        plot_cover(&lo[1], &hi[1], moran[i]);
    }
    html_figure_begin(b, "What topography costs.",
                      "Runs of %s steps, one an alpha, same seed and data: loss on held-out text against the unsmoothed "
                      "Moran’s I of the localizer’s t map, mean over sheets.",
                      table_cell(s->t, s->first, s->steps));
    plot p = plot_begin(b, HEIGHT, LEFT, 40, BOTTOM, "loss against Moran's I");
    p.x = plot_scale_of(lo[0] - .1 * (hi[0] - lo[0]), hi[0] + .1 * (hi[0] - lo[0]), 4);
    plot_cover(&lo[1], &hi[1], 0);
    p.y = plot_scale_of(lo[1], hi[1], 5);
    plot_y_axis(&p, "Moran’s I, unsmoothed");
    plot_x_axis(&p, "cross-entropy on held-out text, nats a token");
    plot_line_through(&p, "s1", s->n, ce, moran);
    for (size_t i = 0; i < s->n; i++) {
        double x = plot_x(&p, ce[i]), y = plot_y(&p, moran[i]);
        const char *alpha = table_cell(s->t, s->first + i, s->alpha);
        plot_dot(&p, "s1", x, y, 4.5, "alpha %s: %.4f nats a token, I %.3f", alpha, ce[i], moran[i]);
        plot_text(&p, "name s1", x, y + (i % 2 ? 20 : -10), "middle", "α %s", alpha);
    }
    plot_end(&p);
    html_figure_end(b);
}

/* A figure for each length of runs; rows of one length stand together. */
static int sweep_figures(buffer *b, const char *path, err *e)
{
    table *t = NULL;
    double *ce = NULL, *moran;
    size_t ce_column, moran_column, n;
    sweep_runs s = { 0 };
    int status = -1;
    if (table_read(&t, path, '\t', true, e) || table_find(t, "alpha", &s.alpha, e) || table_find(t, "steps", &s.steps, e) ||
        table_find(t, "validation_ce", &ce_column, e) || table_find(t, "moran_mean", &moran_column, e))
        goto done;
    n = table_rows(t);
    if (!n || !(ce = mem_new(2 * n, sizeof *ce, e))) goto done;
    moran = ce + n;
    for (size_t i = 0; i < n; i++)
        if (table_number(t, i, ce_column, &ce[i], e) || table_number(t, i, moran_column, &moran[i], e)) goto done;
    s.t = t, s.ce = ce, s.moran = moran;
    for (; s.first < n; s.first += s.n) {
        const char *steps = table_cell(t, s.first, s.steps);
        for (s.n = 1; s.first + s.n < n && !strcmp(steps, table_cell(t, s.first + s.n, s.steps)); s.n++) continue;
        draw_sweep(b, &s);
    }
    status = 0;
done:
    free(ce);
    table_free(t);
    return status;
}

/* ---- public ---- */

static void said(buffer *b, const training_curve *x)
{
    buffer_text(b, "<p class=\"second\">");
    html_text(b, x->name);
    buffer_printf(b, ": %.1f million tokens", x->tokens);
    if (x->n_validated) {
        buffer_printf(b, "; held-out text %.3f nats a token, %.3f bits a byte", x->ce[x->n_validated - 1],
                      x->last_bits);
        if (!isnan(x->spatial[x->n_validated - 1]))
            buffer_printf(b, ", spatial loss %.4f", x->spatial[x->n_validated - 1]);
    }
    buffer_text(b, ".</p>\n");
}

int report_training(buffer *b, const report_training_inputs *in, err *e)
{
    size_t n = in->n_logs < MOST ? in->n_logs : MOST;
    int status = -1;
    training_curve *x = mem_new(n, sizeof *x, e);
    if (!x) return -1;
    if (in->n_logs > MOST) {
        err_set(e, ERR_USAGE, "%zu logs of training are more than one figure shows; at most %d", in->n_logs, MOST);
        goto done;
    }
    for (size_t i = 0; i < n; i++)
        if (read_curve(&x[i], in->logs[i], e)) goto done;
    buffer_text(b, "<h2>Training</h2>\n");
    for (size_t i = 0; i < n; i++)
        said(b, &x[i]);
    buffer_text(b, "<div class=\"grid\">\n");
    if (n) curve_figures(b, x, n);
    status = in->sweep ? sweep_figures(b, in->sweep, e) : 0;
    buffer_text(b, "</div>\n");
done:
    if (status) err_while(e, "drawing how models were trained");
    for (size_t i = 0; i < n; i++)
        free(x[i].memory);
    free(x);
    return status;
}
