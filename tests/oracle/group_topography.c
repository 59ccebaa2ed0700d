/* SPDX-License-Identifier: MIT */
/* oracles/moran, oracles/readout_smoothing, oracles/clusters. Tolerances are those of their READMEs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/topography.h"
#include "oracle.h"

/* An array of the case as fp64, or NULL with the case unreadable. */
static double *numbers(store *s, oracle_result *r, const char *name, size_t *n)
{
    double *out = NULL;
    size_t count = 0;
    err e = { 0 };
    if (store_read_f8(s, name, &out, &count, &e)) {
        oracle_end(r, ORACLE_UNREADABLE, "%s: %s", name, e.text);
        return NULL;
    }
    if (n) *n = count;
    return out;
}

static double scalar(store *s, oracle_result *r, const char *name)
{
    double *x = numbers(s, r, name, NULL), value = x ? x[0] : NAN;
    free(x);
    return value;
}

static double real_attribute(store *s, oracle_result *r, const char *name)
{
    double value = NAN;
    err e = { 0 };
    if (store_get_real(s, "/", name, &value, &e)) oracle_end(r, ORACLE_UNREADABLE, "%s", e.text);
    return value;
}

static void exact(oracle_result *r, const char *what, size_t got, double want)
{
    if ((double)got != want && r->status == ORACLE_PASS) oracle_end(r, ORACLE_FAIL, "%s: %zu, expected %g", what, got, want);
}

static void exact_list(oracle_result *r, const char *what, const size_t *got, size_t n, store *s, const char *name)
{
    size_t count = 0;
    double *want = numbers(s, r, name, &count);
    if (want && count < n) oracle_end(r, ORACLE_FAIL, "%s: %zu values, expected %zu", what, n, count);
    for (size_t i = 0; want && i < n && i < count; i++)
        exact(r, what, got[i], want[i]);
    free(want);
}

static size_t *indices(const double *x, size_t n)
{
    size_t *out = calloc(n + 1, sizeof *out);
    for (size_t i = 0; out && i < n; i++)
        out[i] = (size_t)x[i];
    return out;
}

/* Pairs given as two datasets. */
static graph *given_graph(store *s, oracle_result *r, size_t n, const char *rows, const char *columns, const char *weights)
{
    graph *g = NULL;
    size_t count = 0;
    err e = { 0 };
    double *a = numbers(s, r, rows, &count), *b = numbers(s, r, columns, NULL);
    double *w = weights ? numbers(s, r, weights, NULL) : NULL;
    if (a && b && (w || !weights)) {
        size_t *from = indices(a, count), *to = indices(b, count);
        if (graph_edges(&g, n, from, to, w, count, &e)) oracle_end(r, ORACLE_UNREADABLE, "%s", e.text);
        free(from);
        free(to);
    }
    free(a);
    free(b);
    free(w);
    return g;
}

/* ---- moran ---- */

/* The graph as broca would make it from the case's kind of space: NULL where the case gives weights only. */
static graph *own_graph(store *s, oracle_result *r, const char *name, size_t n)
{
    size_t rows = 0, columns = 0, count = 0;
    graph *g = NULL;
    err e = { 0 };
    bool rook = strstr(name, "rook") != NULL;
    if (str_begins(name, "mesh162") && !strstr(name, "inverse")) {
        double *x = numbers(s, r, "faces", &count);
        int64_t *faces = calloc(count + 1, sizeof *faces);
        for (size_t i = 0; x && faces && i < count; i++)
            faces[i] = (int64_t)x[i];
        if (x && graph_mesh(&g, faces, count / 3, 162, &e)) oracle_end(r, ORACLE_FAIL, "%s", e.text);
        free(x);
        free(faces);
        return g;
    }
    if (sscanf(name, "grid%zux%zu_", &rows, &columns) != 2) {
        if (sscanf(name, "grid%zu_", &rows) != 1) return NULL;
        columns = rows;
    }
    (void)n;
    if (graph_lattice(&g, rows, columns, !rook, &e)) oracle_end(r, ORACLE_FAIL, "%s", e.text);
    return g;
}

static void check_graph(oracle_result *r, const graph *got, const graph *want)
{
    exact(r, "units", got->n, (double)want->n);
    if (r->status != ORACLE_PASS) return;
    exact(r, "neighbours", got->begin[got->n], (double)want->begin[want->n]);
    for (size_t i = 0; i < got->n && r->status == ORACLE_PASS; i++)
        exact(r, "neighbours of a unit", got->begin[i + 1], (double)want->begin[i + 1]);
    for (size_t j = 0; r->status == ORACLE_PASS && j < got->begin[got->n]; j++) {
        exact(r, "a neighbour", got->to[j], (double)want->to[j]);
        oracle_near(r, "weight", &got->weight[j], &want->weight[j], 1, 1e-15, 1e-15);
    }
}

/* Own graph of the whole sheet or mesh, units dropped as the case says; must equal the weights that the case gives. */
static void check_space(const oracle_case *c, store *s, oracle_result *r, const graph *given)
{
    const char *whole = store_has(s, "sheet") ? "sheet" : store_has(s, "map") ? "map" : "values";
    size_t n = 0, n_used = 0;
    err e = { 0 };
    double *map = numbers(s, r, whole, &n);
    graph *g = map ? own_graph(s, r, c->name, n) : NULL, *kept = NULL;
    size_t *used = calloc(n + 1, sizeof *used);
    uint8_t *drop = calloc(n + 1, 1);
    if (!g) goto done; /* the case gives weights only */
    exact(r, "units of the graph", g->n, (double)n);
    if (r->status != ORACLE_PASS) goto done;
    for (size_t i = 0; i < n; i++)
        drop[i] = isnan(map[i]) || (str_same(whole, "map") && map[i] == 0);
    if (graph_keep(&kept, g, drop, used, &n_used, &e)) {
        oracle_end(r, ORACLE_FAIL, "%s", e.text);
        goto done;
    }
    if (!strstr(c->name, "binary")) graph_standardise(kept);
    if (store_has(s, "used_units")) exact_list(r, "used unit", used, n_used, s, "used_units");
    check_graph(r, kept, given);
done:
    free(map);
    free(used);
    free(drop);
    graph_free(g);
    graph_free(kept);
}

static void check_permutations(store *s, oracle_result *r, const graph *g, const double *x, const moran_result *m)
{
    size_t n = g->n, cells = 0, count;
    double *order = numbers(s, r, "permutations", &cells), *want = numbers(s, r, "permutation_I", &count);
    double *null = calloc(count + 1, sizeof *null), *moved = calloc(n + 1, sizeof *moved);
    moran_null a;
    err e = { 0 };
    if (!order || !want || !null || !moved) goto done;
    for (size_t k = 0; k < count; k++) {
        moran_result one;
        for (size_t i = 0; i < n; i++)
            moved[i] = x[(size_t)order[k * n + i]];
        if (moran(&one, g, moved, &e)) oracle_end(r, ORACLE_FAIL, "%s", e.text);
        null[k] = one.I;
    }
    oracle_near(r, "permuted I", null, want, count, 1e-12, 0);
    moran_against(&a, m->I, m->expected, null, count);
    exact(r, "count_at_least", a.at_least, scalar(s, r, "count_at_least"));
    const struct {
        const char *name;
        double got, absolute;
    } values[] = { { "p_greater", a.p, 1e-12 },          { "p_folded", a.p_folded, 1e-12 },
                   { "p_two_sided", a.p_two_sided, 1e-12 }, { "permutation_mean", a.mean, 1e-12 },
                   { "permutation_sd", a.sd, 1e-12 },       { "permutation_z", a.z, 1e-9 } };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        double want_one = scalar(s, r, values[i].name);
        oracle_near(r, values[i].name, &values[i].got, &want_one, 1, values[i].absolute, 0);
    }
done:
    free(order);
    free(want);
    free(null);
    free(moved);
}

oracle_status check_moran(const oracle_case *c, oracle_result *r)
{
    store *s = NULL;
    err e = { 0 };
    size_t n = 0;
    moran_result m;
    if (store_open(&s, c->path, NULL, &e)) return oracle_end(r, ORACLE_UNREADABLE, "%s", e.text);
    double *x = numbers(s, r, "values", &n);
    graph *g = x ? given_graph(s, r, n, "weight_row", "weight_column", "weight") : NULL;
    if (!g) goto done;
    if (moran(&m, g, x, &e)) {
        oracle_end(r, ORACLE_FAIL, "%s", e.text);
        goto done;
    }
    const struct {
        const char *name;
        double got, absolute, relative;
    } values[] = { { "I", m.I, 1e-12, 0 },
                   { "expected", m.expected, 1e-12, 0 },
                   { "S0", m.s0, 1e-12, 1e-12 },
                   { "S1", m.s1, 1e-12, 1e-12 },
                   { "S2", m.s2, 1e-12, 1e-12 },
                   { "kurtosis", m.kurtosis, 1e-12, 1e-12 },
                   { "variance_normality", m.variance_normality, 1e-300, 1e-11 },
                   { "variance_randomisation", m.variance_randomisation, 1e-300, 1e-11 },
                   { "z_normality", m.z_normality, 1e-12, 1e-10 },
                   { "z_randomisation", m.z_randomisation, 1e-12, 1e-10 },
                   { "p_normality", m.p_normality, 1e-9, 0 },
                   { "p_randomisation", m.p_randomisation, 1e-9, 0 } };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        double want = scalar(s, r, values[i].name);
        if (isnan(want) != isnan(values[i].got))
            oracle_end(r, ORACLE_FAIL, "%s: %g, expected %g", values[i].name, values[i].got, want);
        else oracle_near(r, values[i].name, &values[i].got, &want, 1, values[i].absolute, values[i].relative);
    }
    check_space(c, s, r, g);
    if (store_has(s, "permutations")) check_permutations(s, r, g, x, &m);
done:
    free(x);
    graph_free(g);
    store_close(s);
    return r->status;
}

/* ---- readout_smoothing ---- */

/* The case has a row a sample, readout_apply a column a sample. */
static double *transposed(const double *x, size_t rows, size_t columns)
{
    double *out = calloc(rows * columns + 1, sizeof *out);
    for (size_t i = 0; out && i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            out[j * rows + i] = x[i * columns + j];
    return out;
}

static void check_smoothed(store *s, oracle_result *r, const readout *o, const double *x, size_t samples, const char *name)
{
    double *want = numbers(s, r, name, NULL), *got = calloc(samples * o->n + 1, sizeof *got), largest = 0;
    if (want && got) {
        double *rows = NULL;
        readout_apply(o, x, samples, got);
        rows = transposed(got, o->n, samples);
        for (size_t i = 0; i < samples * o->n; i++)
            largest = fmax(largest, fabs(want[i]));
        oracle_near(r, name, rows, want, samples * o->n, 1e-12 * largest, 0);
        free(rows);
    }
    free(want);
    free(got);
}

oracle_status check_readout_smoothing(const oracle_case *c, oracle_result *r)
{
    store *s = NULL;
    err e = { 0 };
    size_t m2 = 0, cells = 0, p2 = 0;
    readout *o = NULL, *normal = NULL;
    if (store_open(&s, c->path, NULL, &e)) return oracle_end(r, ORACLE_UNREADABLE, "%s", e.text);
    double *positions = numbers(s, r, "positions", &m2), *a = numbers(s, r, "activations", &cells);
    double *points = numbers(s, r, "points", &p2), *mass = numbers(s, r, "kernel_mass", NULL), *x = NULL;
    if (!positions || !a || !points || !mass) goto done;
    size_t d = m2 / 2, samples = cells / d;
    double fwhm = real_attribute(s, r, "fwhm"), spacing = real_attribute(s, r, "spacing");
    if (readout_new(&o, positions, d, fwhm, spacing, false, &e) || readout_new(&normal, positions, d, fwhm, spacing, true, &e)) {
        oracle_end(r, ORACLE_FAIL, "%s", e.text);
        goto done;
    }
    exact(r, "points", o->n, (double)p2 / 2);
    if (r->status != ORACLE_PASS || !(x = transposed(a, samples, d))) goto done;
    oracle_near(r, "point", o->points, points, p2, 1e-12, 0);
    oracle_near(r, "kernel mass", o->mass, mass, o->n, 0, 1e-12);
    check_smoothed(s, r, o, x, samples, "smoothed");
    check_smoothed(s, r, normal, x, samples, "smoothed_normalised");
done:
    free(positions);
    free(a);
    free(points);
    free(mass);
    free(x);
    readout_free(o);
    readout_free(normal);
    store_close(s);
    return r->status;
}

/* ---- clusters ---- */

static void compare_clusters(store *s, oracle_result *r, const clusters *k)
{
    size_t count = 0, first = 0;
    double *label = numbers(s, r, "label", NULL), *keep = numbers(s, r, "keep", &count);
    double *peak = numbers(s, r, "peak_value", NULL), *mass = numbers(s, r, "mass", NULL);
    double *growth = numbers(s, r, "first_growth", &first);
    if (label && keep && peak && mass && growth) {
        exact(r, "clusters", k->count, (double)count);
        for (size_t i = 0; i < k->n; i++)
            exact(r, "label", (size_t)k->label[i], label[i]);
        for (size_t i = 0; r->status == ORACLE_PASS && i < count; i++)
            exact(r, "keep", k->keep[i], keep[i]);
        exact_list(r, "size", k->size, k->count, s, "size");
        exact_list(r, "peak unit", k->peak_unit, k->count, s, "peak_unit");
        if (r->status == ORACLE_PASS) {
            oracle_near(r, "peak", k->peak, peak, count, 1e-12, 1e-12);
            oracle_near(r, "mass", k->mass, mass, count, 1e-12, 1e-12);
            exact(r, "units of the first cluster", k->count ? k->size[0] : 0, (double)first);
            exact_list(r, "first growth", k->grown, k->count ? k->size[0] : 0, s, "first_growth");
        }
    }
    free(label);
    free(keep);
    free(peak);
    free(mass);
    free(growth);
}

oracle_status check_clusters(const oracle_case *c, oracle_result *r)
{
    store *s = NULL;
    err e = { 0 };
    store_shape_t shape;
    size_t n = 0;
    graph *g = NULL;
    clusters *k = NULL;
    if (store_open(&s, c->path, NULL, &e)) return oracle_end(r, ORACLE_UNREADABLE, "%s", e.text);
    double *map = numbers(s, r, "map", &n), connectivity = scalar(s, r, "connectivity");
    cluster_rule rule = { real_attribute(s, r, "threshold"), real_attribute(s, r, "least_peak"),
                          (size_t)real_attribute(s, r, "least_size"), (int)real_attribute(s, r, "sign") };
    if (!map || r->status != ORACLE_PASS || store_shape(s, "map", &shape, &e)) goto done;
    if (connectivity == 0) g = given_graph(s, r, n, "neighbour_row", "neighbour_column", NULL);
    else if (graph_lattice(&g, shape.dims[0], shape.dims[1], connectivity == 8, &e)) oracle_end(r, ORACLE_FAIL, "%s", e.text);
    if (!g) goto done;
    if (clusters_grow(&k, g, map, &rule, &e)) oracle_end(r, ORACLE_FAIL, "%s", e.text);
    else compare_clusters(s, r, k);
done:
    free(map);
    graph_free(g);
    clusters_free(k);
    store_close(s);
    return r->status;
}
