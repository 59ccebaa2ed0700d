/* SPDX-License-Identifier: MIT */
/* One map after the other: Moran's I with both of its nulls, the readout beside its own null, clusters, distance curve. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyse.h"

enum { MOST_PAIRS_OF = 4096, SWEEPS = 200 };

topography_options topography_defaults(void)
{
    return (topography_options){ .fwhm = 2, .spacing = 1, .permutations = 999, .q = .05, .threshold = NAN,
                                 .least_peak = NAN, .least_size = 10, .seed = 1 };
}

typedef struct {
    const topography_input *in;
    const topography_contrast *contrast; /* NULL: no responses of this tap */
    const topography_options *o;
    uint32_t number;
    size_t s;                            /* items */
    topography_tap *out;
} job;

/* A layout that was fitted to the responses is organised whatever they are: no permutation says anything about it. */
static void no_p(moran_null *n)
{
    n->p = n->p_folded = n->p_two_sided = n->z = NAN;
}

static bool fitted(const job *j)
{
    return j->out->layout == LAYOUT_OPTIMISED;
}

/* ---- where the units lie ---- */

static int place_units(job *j, err *e)
{
    const topography_input *in = j->in;
    topography_tap *t = j->out;
    if (j->o->weights == WEIGHTS_MESH) return 0;
    if (!(t->positions = mem_new(2 * in->d, sizeof *t->positions, e))) return -1;
    if (j->o->layout == LAYOUT_GIVEN && !in->positions) {
        err_set(e, ERR_INPUT, "tap %s has no sheet", in->name);
        return err_hint(e, "--sheets with the model's folder, or --layout random for a model without one");
    }
    t->layout = j->o->layout;
    if (t->layout == LAYOUT_GIVEN) memcpy(t->positions, in->positions, 2 * in->d * sizeof *t->positions);
    else if (t->layout != LAYOUT_OPTIMISED) return layout_make(t->positions, in->d, t->layout, j->o->seed, j->number, e);
    else if (!j->contrast) return err_set(e, ERR_USAGE, "an optimised layout needs the responses: --activations, --stimuli");
    else return layout_optimise(t->positions, in->d, in->x, j->s, SWEEPS, j->o->seed, j->number, e);
    return 0;
}

int tap_graph(graph **out, const topography_tap *t, const topography_options *o, bool corners, err *e)
{
    const graph *m = o->mesh;
    if (o->weights != WEIGHTS_MESH) return graph_positions(out, t->positions, t->d, corners, e);
    if (!m || m->n != t->d)
        return err_set(e, ERR_INPUT, "the mesh has %zu vertices, map %s has %zu", m ? m->n : 0, t->name, t->d);
    return graph_copy(out, m, e);
}

/* ---- the map itself ---- */

/* The contrast of the responses must be the map: else labels and positions of something else would be permuted. */
static int check_contrast(const job *j, err *e)
{
    size_t d = j->in->d;
    int status = -1;
    double *t = mem_new(d, sizeof *t, e), *room = mem_new(2 * j->s, sizeof *room, e);
    if (!t || !room) goto done;
    contrast_rows(t, j->in->x, d, j->contrast, NULL, room);
    for (size_t u = 0; u < d; u++) {
        double want = j->in->t[u];
        if (!isfinite(want) && !isfinite(t[u])) continue;
        if (fabs(t[u] - want) <= 1e-5 * fmax(1, fabs(want))) continue;
        err_set(e, ERR_INPUT, "tap %s, unit %zu: t is %.8g in the map, %.8g in the responses", j->in->name, u, want, t[u]);
        err_hint(e, "give the activations and stimuli that the map was made of");
        goto done;
    }
    status = 0;
done:
    free(t);
    free(room);
    return status;
}

static int permute_labels(job *j, const graph *g, err *e)
{
    topography_tap *t = j->out;
    size_t n = 0, *used = mem_new(g->n, sizeof *used, e);
    uint8_t *drop = mem_new(g->n, 1, e);
    graph *kept = NULL;
    int status = -1;
    t->null_labels = mem_new(j->o->permutations, sizeof *t->null_labels, e);
    if (!used || !drop || !t->null_labels) goto done;
    for (size_t i = 0; i < g->n; i++)
        drop[i] = (uint8_t)!isfinite(t->t[i]);
    if (graph_keep(&kept, g, drop, used, &n, e)) goto done;
    if (!j->o->binary) graph_standardise(kept);
    if (labels_null(t->null_labels, j->o->permutations, kept, used, j->in->x, t->d, j->contrast, j->o->seed, e)) goto done;
    moran_against(&t->labels, t->unsmoothed.value.I, t->unsmoothed.value.expected, t->null_labels, j->o->permutations);
    status = 0;
done:
    free(used);
    free(drop);
    graph_free(kept);
    return status;
}

static int whole_map(job *j, err *e)
{
    topography_tap *t = j->out;
    graph *g = NULL;
    int status = -1;
    if (!(t->null = mem_new(j->o->permutations, sizeof *t->null, e))) return -1;
    if (tap_graph(&g, t, j->o, j->o->weights == WEIGHTS_QUEEN, e)) goto done;
    size_t isolated = graph_isolated(g);
    if (isolated) log_warn("%s: %zu units have no neighbour: not in Moran's I", t->name, isolated);
    if (moran_of_map(&t->unsmoothed, g, t->t, !j->o->binary, j->o->permutations, j->o->seed, j->number, t->null, e)) goto done;
    if (j->contrast && permute_labels(j, g, e)) goto done;
    status = 0;
done:
    graph_free(g);
    return status;
}

/* ---- the readout ---- */

/* Points run with coordinate 0 fastest; maps are written as [coordinate 0][coordinate 1]. */
static void turn(double *out, const double *points, const size_t size[2])
{
    for (size_t a = 0; a < size[0]; a++)
        for (size_t b = 0; b < size[1]; b++)
            out[a * size[1] + b] = points[b * size[0] + a];
}

/* What is read out: the responses, or the t map where there are none (units without a t add nothing). */
static double *readout_source(const job *j, err *e)
{
    size_t d = j->in->d;
    if (j->contrast) return mem_copy(j->in->x, d * j->s * sizeof(double), e);
    double *map = mem_new(d, sizeof *map, e);
    for (size_t u = 0; map && u < d; u++)
        map[u] = isfinite(j->in->t[u]) ? j->in->t[u] : 0;
    return map;
}

static int read_out(job *j, err *e)
{
    topography_tap *t = j->out;
    const topography_options *o = j->o;
    size_t s = j->contrast ? j->s : 1;
    readout *r = NULL;
    graph *g = NULL;
    double *x = NULL, *out = NULL, *map = NULL, *room = NULL;
    int status = -1;
    if (readout_new(&r, t->positions, t->d, o->fwhm, o->spacing, o->normalise, e)) goto done;
    if (readout_graph(&g, r, o->weights == WEIGHTS_QUEEN, e)) goto done;
    if (!o->binary) graph_standardise(g);
    x = readout_source(j, e);
    out = mem_new(r->n * s, sizeof *out, e);
    map = mem_new(r->n, sizeof *map, e);
    room = mem_new(2 * s, sizeof *room, e);
    t->smoothed_t = mem_new(r->n, sizeof *t->smoothed_t, e);
    t->null_presmooth = mem_new(o->permutations, sizeof *t->null_presmooth, e);
    if (!x || !out || !map || !room || !t->smoothed_t || !t->null_presmooth) goto done;
    readout_apply(r, x, s, out);
    if (j->contrast) contrast_rows(map, out, r->n, j->contrast, NULL, room);
    else memcpy(map, out, r->n * sizeof *map);
    t->smoothed_responses = j->contrast != NULL;
    t->points = r->n;
    memcpy(t->sides, r->size, sizeof t->sides);
    turn(t->smoothed_t, map, r->size);
    if (moran(&t->smoothed, g, map, e)) goto done;
    if (presmooth_null(t->null_presmooth, o->permutations, r, g, x, s, j->contrast, o->seed, j->number, e)) goto done;
    moran_against(&t->presmooth, t->smoothed.I, t->smoothed.expected, t->null_presmooth, o->permutations);
    status = 0;
done:
    if (status) err_while(e, "reading out %s at FWHM %g", t->name, o->fwhm);
    readout_free(r);
    graph_free(g);
    free(x);
    free(out);
    free(map);
    free(room);
    return status;
}

/* ---- clusters ---- */

bool significant(double *map, cluster_rule *rule, const double *t, const double *q, size_t d, const topography_options *o,
                 int sign)
{
    double least = INFINITY;
    for (size_t u = 0; u < d; u++) {
        double height = sign * t[u];
        bool in_it = isnan(o->threshold) ? q && q[u] < o->q && height > 0 : height >= o->threshold;
        map[u] = in_it && isfinite(height) ? t[u] : NAN;
        if (!isnan(map[u]) && height < least) least = height;
    }
    *rule = (cluster_rule){ least, isnan(o->least_peak) ? least : o->least_peak, o->least_size, sign };
    if (!isnan(o->threshold)) rule->threshold = o->threshold;
    if (rule->least_peak < rule->threshold) rule->least_peak = rule->threshold;
    return isfinite(least);
}

static int measure(topography_clusters *k, const double *positions, const double *null, size_t count, err *e)
{
    const clusters *c = k->grown;
    const size_t *unit = c->grown;
    k->p = mem_new(c->count, sizeof *k->p, e);
    k->centre = positions ? mem_new(2 * c->count, sizeof *k->centre, e) : NULL;
    if (!k->p || (positions && !k->centre)) return -1;
    for (size_t i = 0; i < c->count; i++) {
        size_t at_least = 0;
        for (size_t n = 0; n < count; n++)
            at_least += null[n] >= fabs(c->mass[i]) * (1 - 1e-12);
        k->p[i] = ((double)at_least + 1) / ((double)count + 1);
        for (size_t n = 0; n < c->size[i]; n++, unit++)
            for (size_t axis = 0; positions && axis < 2; axis++)
                k->centre[2 * i + axis] += positions[2 * *unit + axis] / (double)c->size[i];
    }
    return 0;
}

static int grow_clusters(job *j, err *e)
{
    topography_tap *t = j->out;
    size_t count = j->o->permutations;
    graph *g = NULL;
    double *map = mem_new(t->d, sizeof *map, e), *null = mem_new(count, sizeof *null, e);
    int status = -1;
    if (!map || !null || tap_graph(&g, t, j->o, !j->o->four, e)) goto done;
    for (size_t side = 0; side < 2; side++) {
        topography_clusters *k = &t->side[side];
        if (!significant(map, &k->rule, j->in->t, j->in->q, t->d, j->o, side ? -1 : 1)) continue;
        if (clusters_grow(&k->grown, g, map, &k->rule, e)) goto done;
        if (clusters_null(null, count, g, map, &k->rule, j->o->seed, j->number, e)) goto done;
        if (measure(k, t->positions, null, count, e)) goto done;
        for (size_t i = 0; fitted(j) && i < k->grown->count; i++)
            k->p[i] = NAN;
    }
    status = 0;
done:
    graph_free(g);
    free(map);
    free(null);
    return status;
}

/* ---- all of it ---- */

static int analyse_tap(job *j, err *e)
{
    const topography_input *in = j->in;
    topography_tap *t = j->out;
    t->d = in->d;
    t->name = mem_text(in->name, e);
    t->t = mem_copy(in->t, in->d * sizeof *t->t, e);
    if (!t->name || !t->t) return -1;
    if (in->selected && !(t->selected = mem_copy(in->selected, in->d, e))) return -1;
    for (size_t u = 0; u < in->d; u++) {
        t->n_nan += isnan(in->t[u]) ? 1 : 0;
        t->n_infinite += isinf(in->t[u]) ? 1 : 0;
    }
    if (j->contrast && check_contrast(j, e)) return -1;
    if (place_units(j, e) || whole_map(j, e) || grow_clusters(j, e)) return -1;
    if (t->positions && j->o->fwhm > 0 && read_out(j, e)) return -1;
    if (t->positions && j->contrast && t->d <= MOST_PAIRS_OF &&
        distance_correlation(&t->distance, in->x, t->d, j->s, t->positions, j->o->permutations, j->o->seed, j->number, e))
        return -1;
    if (fitted(j)) {
        no_p(&t->unsmoothed.null);
        no_p(&t->labels);
        no_p(&t->presmooth);
        if (t->distance) t->distance->p = NAN;
    }
    return 0;
}

int topography_analyse(topography **out, const topography_input *taps, size_t n, const topography_contrast *contrast,
                       const topography_options *o, err *e)
{
    int status = -1;
    topography *t = mem_new(1, sizeof *t, e);
    progress bar;
    *out = NULL;
    if (!t || !(t->taps = mem_new(n, sizeof *t->taps, e))) goto done;
    t->options = *o;
    t->options.mesh = NULL; /* the caller's */
    progress_start(&bar, "maps", n);
    for (size_t k = 0; k < n; k++) {
        job j = { &taps[k], contrast && taps[k].x ? contrast : NULL, o, (uint32_t)k, 0, &t->taps[k] };
        if (j.contrast) j.s = contrast->n_pos + contrast->n_neg;
        t->n = k + 1; /* what was reached is freed */
        if (analyse_tap(&j, e)) {
            err_while(e, "analysing the map of %s", taps[k].name);
            goto done;
        }
        progress_step(&bar, 1);
    }
    progress_end(&bar);
    *out = t;
    t = NULL;
    status = 0;
done:
    topography_free(t);
    return status;
}

void topography_free(topography *t)
{
    if (!t) return;
    for (size_t k = 0; k < t->n; k++) {
        topography_tap *a = &t->taps[k];
        void *owned[] = { a->name, a->t,          a->positions,     a->selected, a->null,
                          a->null_labels, a->smoothed_t, a->null_presmooth };
        for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
            free(owned[i]);
        for (size_t side = 0; side < 2; side++) {
            clusters_free(a->side[side].grown);
            free(a->side[side].p);
            free(a->side[side].centre);
            clusters_free(a->first_half[side]);
        }
        distance_free(a->distance);
    }
    for (size_t k = 0; k < t->n_profiles; k++)
        free(t->profile[k].row);
    for (size_t k = 0; k < t->n_labels; k++)
        free(t->label[k]);
    free(t->profile);
    free(t->label);
    free(t->taps);
    free(t);
}
