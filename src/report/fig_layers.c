/* SPDX-License-Identifier: MIT */
/* Every layer of the model, of the one it is compared with, of its untrained seeds (mean and range), and the baseline. */
#include <math.h>
#include <stdlib.h>

#include "figures.h"
#include "finding.h"
#include "svg.h"

enum { MOST_LAYERS = 256 };

typedef struct {
    double value[MOST_LAYERS], lo[MOST_LAYERS], hi[MOST_LAYERS];
    bool band;
} curve;

/* Layers of a target in the order of the rows; "nested" and "" are none. */
static int layers_of(char ***list, size_t *n, const score_rows *r, const char *target, err *e)
{
    char **all = NULL;
    size_t m = 0;
    if (score_distinct(&all, &m, r, r->layer, target, e)) return -1;
    *n = 0;
    for (size_t i = 0; i < m; i++)
        if (*all[i] && !str_same(all[i], "nested")) all[(*n)++] = all[i];
    *list = all;
    return 0;
}

static void fill(curve *c, const report_view *v, const char *model, char *const *layers, size_t n, const char *kind,
                 const char *target, const char *measure)
{
    c->band = n > 0;
    for (size_t i = 0; i < n; i++) {
        size_t row = finding_row(v->r, model, layers[i], kind, target, v->roi, measure);
        c->value[i] = score_row_value(v->r, row);
        c->lo[i] = row == SIZE_MAX ? NAN : v->r->lo[row];
        c->hi[i] = row == SIZE_MAX ? NAN : v->r->hi[row];
        c->band = c->band && !isnan(c->lo[i]) && !isnan(c->hi[i]);
    }
}

static void level(curve *c, double value, size_t n)
{
    for (size_t i = 0; i < n; i++) c->value[i] = value;
    c->band = false;
}

static svg_line line_of(const char *name, const char *css, const curve *c, size_t n)
{
    return (svg_line){ name, css, n, c->value, c->band ? c->lo : NULL, c->band ? c->hi : NULL };
}

static int layer_chart(buffer *b, const report_view *v, const char *target, bool delta, err *e)
{
    char **layers = NULL, y[200];
    size_t n = 0, lines = 0;
    const char *kind = delta ? NULL : "plain", *measure = delta ? "delta_r2" : "r";
    curve *c = mem_new(5, sizeof *c, e);
    svg_line line[5];
    int status = -1;
    if (!c || layers_of(&layers, &n, v->r, target, e)) goto done;
    status = 0;
    if (!n || n > MOST_LAYERS) goto done;
    fill(&c[0], v, v->model, layers, n, kind, target, measure);
    line[lines++] = line_of(v->model, "s1", &c[0], n);
    if (v->seeds) {
        fill(&c[1], v, v->seeds, layers, n, kind, target, measure);
        line[lines++] = line_of(v->seeds, "s2", &c[1], n);
    }
    if (v->reference) {
        fill(&c[4], v, v->reference, layers, n, kind, target, measure);
        c[4].band = false; /* two bands on one another are not legible */
        line[lines++] = line_of(v->reference, "s5", &c[4], n);
    }
    size_t base = finding_row(v->r, "baseline", NULL, NULL, target, v->roi, "r");
    if (!delta && base != SIZE_MAX) {
        level(&c[2], v->r->value[base], n);
        line[lines++] = line_of("baseline", "s3", &c[2], n);
        level(&c[3], v->r->ceiling[base], n);
        if (!isnan(v->r->ceiling[base])) line[lines++] = line_of("ceiling", "s4", &c[3], n);
    }
    snprintf(y, sizeof y, "%s", delta ? "ΔR² over the baseline" : "r (correlation)");
    svg_chart chart = { NULL, y, "layer", n, (const char *const *)layers, lines, line, true };
    html_figure_begin(b, delta ? "Layers, beyond the baseline." : "Layers, each alone.", "%s; %s.%s%s", target_words(v->r, target),
                      str_same(v->roi, "average") ? "average of the regions" : v->roi, v->seeds ? " Band of the untrained: range over seeds." : "",
                      c[0].band ? " Band of the model: its interval." : "");
    svg_line_chart(b, &chart);
    html_figure_end(b);
done:
    free(layers);
    free(c);
    return status;
}

int figure_layers(buffer *b, const report_view *v, const char *target, err *e)
{
    if (finding_row(v->r, v->model, "nested", NULL, target, v->roi, "delta_r2") != SIZE_MAX && layer_chart(b, v, target, true, e))
        return -1;
    return layer_chart(b, v, target, false, e);
}
