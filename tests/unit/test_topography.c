/* SPDX-License-Identifier: MIT */
/* Topography: Moran's I against its double sum, clusters against a brute-force checker, the readout against its formula;
 * planted organisation is found, noise is not, and each of the two nulls says what it is for. */
#include "check.h"

#include "broca/num.h"
#include "broca/topography.h"

static double normal(uint32_t a, uint32_t b, uint32_t c)
{
    return rng_normal(9, RNG_SIM_NOISE, a, b, c);
}

static graph *lattice(size_t rows, size_t columns, bool corners)
{
    graph *g = NULL;
    err e = { 0 };
    if (graph_lattice(&g, rows, columns, corners, &e)) fail_msg("%s", err_text(&e));
    return g;
}

static double *grid_positions(size_t rows, size_t columns)
{
    double *p = calloc(2 * rows * columns, sizeof *p);
    for (size_t k = 0; k < rows * columns; k++) {
        p[2 * k] = (double)(k / columns);
        p[2 * k + 1] = (double)(k % columns);
    }
    return p;
}

/* ---- graphs ---- */

static void lattices_have_the_neighbours_of_chess(void **state)
{
    (void)state;
    graph *queen = lattice(4, 6, true), *rook = lattice(4, 6, false);
    assert_int_equal(rook->begin[24], 2 * (4 * 5 + 3 * 6)); /* each edge in both directions */
    assert_int_equal(queen->begin[24], 2 * (4 * 5 + 3 * 6 + 2 * 3 * 5));
    for (size_t i = 0; i < 24; i++)
        for (size_t j = 0; j < 24; j++) {
            long dy = labs((long)(i / 6) - (long)(j / 6)), dx = labs((long)(i % 6) - (long)(j % 6));
            bool has[2] = { false, false };
            for (size_t k = queen->begin[i]; k < queen->begin[i + 1]; k++)
                has[0] = has[0] || queen->to[k] == j;
            for (size_t k = rook->begin[i]; k < rook->begin[i + 1]; k++)
                has[1] = has[1] || rook->to[k] == j;
            assert_int_equal(has[0], i != j && dx <= 1 && dy <= 1);
            assert_int_equal(has[1], dx + dy == 1);
        }
    graph_free(queen);
    graph_free(rook);
}

/* Units in any order, at places that do not begin at 0. */
static void positions_make_the_lattice_they_lie_on(void **state)
{
    (void)state;
    size_t order[30];
    double *grid = grid_positions(5, 6), moved[60], x[30], y[30];
    graph *at = NULL, *plain = lattice(5, 6, true);
    moran_result a, b;
    err e = { 0 };
    for (size_t i = 0; i < 30; i++)
        order[i] = i;
    rng_shuffle(order, 30, 3, RNG_SIM_TEXT, 0, 0);
    for (size_t k = 0; k < 30; k++) {
        x[k] = normal((uint32_t)k, 0, 1);
        y[order[k]] = x[k];
        moved[2 * order[k]] = grid[2 * k] - 3;
        moved[2 * order[k] + 1] = grid[2 * k + 1] + 17;
    }
    assert_int_equal(graph_positions(&at, moved, 30, true, &e), 0);
    assert_int_equal(moran(&a, plain, x, &e) || moran(&b, at, y, &e), 0);
    assert_near(a.I, b.I, 1e-14);
    graph_free(at);
    moved[8] = moved[20];
    moved[9] = moved[21];
    assert_int_equal(graph_positions(&at, moved, 30, true, &e), -1);
    assert_null(at);
    assert_says(e, "units 4 and 10 both lie at");
    moved[8] += .25;
    assert_int_equal(graph_positions(&at, moved, 30, true, &e), -1);
    assert_says(e, "unit 4 lies at");
    graph_free(plain);
    free(grid);
}

static void a_mesh_may_have_isolated_vertices(void **state)
{
    (void)state;
    const int64_t faces[] = { 0, 1, 2, 1, 3, 2, 3, 2, 1 };
    double map[] = { 2.385, 1.7, .9, 1.2, 7, 8 };
    graph *g = NULL;
    moran_map m;
    err e = { 0 };
    assert_int_equal(graph_mesh(&g, faces, 3, 6, &e), 0);
    assert_int_equal(g->begin[6], 10); /* 5 edges, however often a face repeats them */
    assert_int_equal(graph_isolated(g), 2);
    assert_int_equal(moran_of_map(&m, g, map, true, 0, 1, 0, NULL, &e), 0);
    assert_int_equal(m.used, 4);
    assert_int_equal(m.value.n, 4);
    map[0] = NAN;
    assert_int_equal(moran_of_map(&m, g, map, true, 0, 1, 0, NULL, &e), -1);
    assert_says(e, "Moran's I of 3 units");
    graph_free(g);
    assert_int_equal(graph_mesh(&g, faces, 3, 3, &e), -1);
    assert_says(e, "face 1 names vertex 3");
}

/* ---- Moran's I ---- */

static double double_sum(const graph *g, const double *x)
{
    size_t n = g->n;
    double mean = 0, num = 0, den = 0, s0 = 0;
    for (size_t i = 0; i < n; i++)
        mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        den += (x[i] - mean) * (x[i] - mean);
        for (size_t k = g->begin[i]; k < g->begin[i + 1]; k++) {
            num += g->weight[k] * (x[i] - mean) * (x[g->to[k]] - mean);
            s0 += g->weight[k];
        }
    }
    return (double)n / s0 * num / den;
}

static void moran_is_its_double_sum_whatever_the_unit(void **state)
{
    (void)state;
    graph *g = lattice(7, 9, true);
    double x[63], y[63];
    moran_result a, b;
    err e = { 0 };
    graph_standardise(g);
    for (uint32_t i = 0; i < 63; i++) {
        x[i] = normal(i, 0, 2) + .2 * (double)(i % 9);
        y[i] = 1e6 - 3 * x[i];
    }
    assert_int_equal(moran(&a, g, x, &e) || moran(&b, g, y, &e), 0);
    assert_near(a.I, double_sum(g, x), 1e-13);
    assert_near(a.I, b.I, 1e-9);
    assert_near(a.expected, -1. / 62, 1e-15);
    assert_near(a.s0, 63, 1e-12);
    for (uint32_t i = 0; i < 63; i++)
        y[i] = .1;
    assert_int_equal(moran(&b, g, y, &e), 0);
    assert_true(isnan(b.I) && isnan(b.p_randomisation) && isnan(b.variance_randomisation));
    assert_near(b.variance_normality, a.variance_normality, 1e-15);
    y[5] = INFINITY;
    assert_int_equal(moran(&b, g, y, &e), -1);
    assert_says(e, "unit 5 is inf");
    graph_free(g);
}

/* p of positions: 300 maps of noise, and one with a bump. */
static void noise_is_called_organised_in_five_percent(void **state)
{
    (void)state;
    graph *g = lattice(10, 10, true);
    size_t low = 0;
    double x[100];
    moran_map m;
    err e = { 0 };
    for (uint32_t k = 0; k < 300; k++) {
        for (uint32_t i = 0; i < 100; i++)
            x[i] = normal(i, k, 3);
        assert_int_equal(moran_of_map(&m, g, x, true, 99, 4, k, NULL, &e), 0);
        low += m.null.p <= .05;
    }
    if (low < 5 || low > 27) fail_msg("p <= .05 in %zu of 300 maps of noise", low); /* 15 expected, sd 3.8 */
    for (uint32_t i = 0; i < 100; i++)
        x[i] += 2.385 * exp(-(pow(i / 10 - 3., 2) + pow(i % 10 - 6., 2)) / 4);
    assert_int_equal(moran_of_map(&m, g, x, true, 999, 4, 0, NULL, &e), 0);
    assert_near(m.null.p, .001, 1e-12);
    assert_true(m.null.z > 4 && m.value.z_randomisation > 4);
    graph_free(g);
}

/* ---- readout ---- */

static void the_readout_is_a_gaussian_density(void **state)
{
    (void)state;
    const double positions[] = { 0, 0, 2.5, 1, 1, 3.25 }, x[] = { 2, -1, .5, 4, 1.5, 3 }; /* 3 units × 2 samples */
    double out[64], sigma = 1.7 / sqrt(8 * log(2));
    readout *r = NULL;
    err e = { 0 };
    assert_int_equal(readout_new(&r, positions, 3, 1.7, 1, false, &e), 0);
    assert_int_equal(r->size[0], 4); /* 0 to ceil(2.5) */
    assert_int_equal(r->size[1], 5);
    readout_apply(r, x, 2, out);
    for (size_t p = 0; p < r->n; p++) {
        assert_near(r->points[2 * p], (double)(p % 4), 0);
        for (size_t s = 0; s < 2; s++) {
            double want = 0;
            for (size_t k = 0; k < 3; k++) {
                double a = positions[2 * k] - (double)(p % 4), b = positions[2 * k + 1] - (double)(p / 4);
                want += x[2 * k + s] * exp(-(a * a + b * b) / (2 * sigma * sigma)) / (2 * M_PI * sigma * sigma);
            }
            assert_near(out[2 * p + s], want, 1e-14);
        }
    }
    readout_free(r);
    assert_int_equal(readout_new(&r, positions, 3, 1.7, .5, true, &e), 0);
    const double ones[] = { 1, 1, 1 };
    double flat[256];
    assert_true(r->n <= 256);
    readout_apply(r, ones, 1, flat);
    for (size_t p = 0; p < r->n; p++)
        assert_near(flat[p], 1, 1e-14);
    readout_free(r);
    assert_int_equal(readout_new(&r, positions, 3, 0, 1, false, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
    assert_null(r);
}

/* The figure of METHODS 8.9 on fewer maps: mean .603, sd .028, so that 80 maps are within .012 of it. */
static void smoothing_alone_makes_moran_of_point_six(void **state)
{
    (void)state;
    topography_data *d = NULL;
    topography *t = NULL;
    topography_options o = topography_defaults();
    double sum = 0;
    size_t low = 0;
    err e = { 0 };
    o.permutations = 39;
    if (topography_noise(&d, 80, 28, 28, 11, &e) || topography_analyse(&t, d->taps, 80, NULL, &o, &e))
        fail_msg("%s", err_text(&e));
    for (size_t k = 0; k < 80; k++) {
        sum += t->taps[k].smoothed.I / 80;
        low += t->taps[k].presmooth.p <= .05;
        assert_false(t->taps[k].smoothed_responses);
    }
    assert_near(sum, .603, .012);
    if (low > 11) fail_msg("p <= .05 in %zu of 80 maps of noise", low); /* 4 expected, sd 1.9 */
    topography_free(t);
    topography_data_free(d);
}

/* ---- clusters ---- */

/* Connected parts of {height >= threshold} by spreading labels until nothing changes; no seeds, no order. */
static void spread(size_t *part, const graph *g, const double *height, double threshold)
{
    bool changed = true;
    for (size_t i = 0; i < g->n; i++)
        part[i] = height[i] >= threshold ? i : SIZE_MAX;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < g->n; i++)
            for (size_t k = g->begin[i]; k < g->begin[i + 1] && part[i] != SIZE_MAX; k++)
                if (part[g->to[k]] < part[i]) {
                    part[i] = part[g->to[k]];
                    changed = true;
                }
    }
}

static void brute_force(const graph *g, const double *map, const cluster_rule *rule, const clusters *c)
{
    size_t n = g->n, part[400];
    double height[400], last = INFINITY;
    bool labelled[400] = { false };
    for (size_t i = 0; i < n; i++)
        height[i] = rule->sign * map[i];
    spread(part, g, height, rule->threshold);
    for (size_t k = 0; k < c->count; k++) {
        size_t peak = c->peak_unit[k], size = 0;
        double mass = 0;
        assert_true(height[peak] >= rule->least_peak && height[peak] <= last);
        last = height[peak];
        for (size_t i = 0; i < n; i++) {
            bool in_it = part[i] == part[peak] && part[i] != SIZE_MAX;
            assert_int_equal(c->label[i] == (int32_t)(k + 1), in_it);
            if (!in_it) continue;
            assert_true(height[i] <= height[peak]);
            labelled[i] = true;
            size++;
            mass += map[i];
        }
        assert_int_equal(c->size[k], size);
        assert_near(c->mass[k], mass, 1e-10);
        assert_near(c->peak[k], map[peak], 0);
        assert_int_equal(c->keep[k], size >= rule->least_size);
    }
    for (size_t i = 0; i < n; i++) /* what is in no cluster has no peak in its part */
        if (!labelled[i] && part[i] != SIZE_MAX)
            for (size_t j = 0; j < n; j++)
                assert_false(part[j] == part[i] && height[j] >= rule->least_peak);
}

/* Growth as METHODS words it: the highest neighbour of all, looked for anew each time. */
static void naive_growth(const graph *g, const double *map, const cluster_rule *rule, const clusters *c)
{
    bool in_it[400] = { false };
    for (size_t n = 0; n < c->size[0]; n++) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; n && i < g->n; i++) {
            bool border = false;
            for (size_t k = g->begin[i]; k < g->begin[i + 1]; k++)
                border = border || in_it[g->to[k]];
            if (!border || in_it[i] || !(rule->sign * map[i] >= rule->threshold)) continue;
            if (best == SIZE_MAX || rule->sign * map[i] > rule->sign * map[best]) best = i;
        }
        if (n) assert_int_equal(c->grown[n], best);
        else assert_int_equal(c->grown[0], c->peak_unit[0]);
        in_it[c->grown[n]] = true;
    }
}

static void clusters_equal_a_brute_force_checker(void **state)
{
    (void)state;
    size_t many = 0;
    for (uint32_t trial = 0; trial < 400; trial++) {
        size_t rows = 2 + rng_below(1, RNG_SIM_TEXT, trial, 0, 0, 18), columns = 1 + rng_below(1, RNG_SIM_TEXT, trial, 1, 0, 20);
        graph *g = lattice(rows, columns, trial % 2);
        double map[400];
        clusters *c = NULL;
        err e = { 0 };
        cluster_rule rule = { .2 * (double)(trial % 7) - .4, 0, trial % 5, trial % 3 ? 1 : -1 };
        rule.least_peak = rule.threshold + .3 * (double)(trial % 4);
        for (uint32_t i = 0; i < rows * columns; i++) {
            double v = normal(i, trial, 7);
            map[i] = i % 11 == trial % 11 ? NAN : trial % 4 ? v : round(2 * v) / 2; /* a quarter of the maps has ties */
        }
        assert_int_equal(clusters_grow(&c, g, map, &rule, &e), 0);
        brute_force(g, map, &rule, c);
        if (c->count) naive_growth(g, map, &rule, c);
        many += c->count > 3;
        clusters_free(c);
        graph_free(g);
    }
    assert_true(many > 100);
}

static void a_peak_below_the_threshold_is_refused(void **state)
{
    (void)state;
    graph *g = lattice(3, 3, true);
    double map[9] = { 0 };
    clusters *c = NULL;
    err e = { 0 };
    assert_int_equal(clusters_grow(&c, g, map, &(cluster_rule){ 2, 1, 1, 1 }, &e), -1);
    assert_says(e, "least peak 1 is below the threshold 2");
    assert_null(c);
    graph_free(g);
}

/* ---- distance ---- */

enum { SIDE = 9, UNITS = SIDE * SIDE, ITEMS = 48 };

/* Responses [UNITS × ITEMS]: smooth over the sheet if field, and an effect of condition on a bump. */
static void responses(double *x, uint32_t seed, bool field, double effect)
{
    double noise[UNITS];
    for (uint32_t s = 0; s < ITEMS; s++) {
        for (uint32_t u = 0; u < UNITS; u++)
            noise[u] = normal(u, s, 100 + seed);
        for (size_t u = 0; u < UNITS; u++) {
            double sum = 0;
            for (size_t k = 0; k < UNITS && field; k++) {
                double a = (double)(u / SIDE) - (double)(k / SIDE), b = (double)(u % SIDE) - (double)(k % SIDE);
                sum += noise[k] * exp(-(a * a + b * b) / 3);
            }
            double bump = exp(-(pow((double)(u / SIDE) - 2, 2) + pow((double)(u % SIDE) - 6, 2)) / 5);
            x[u * ITEMS + s] = (field ? sum : noise[u]) + (s < ITEMS / 2 ? effect * bump : 0);
        }
    }
}

static void correlation_falls_with_distance_where_it_was_planted(void **state)
{
    (void)state;
    double *x = calloc(UNITS * ITEMS, sizeof *x), *positions = grid_positions(SIDE, SIDE);
    distance_curve *c = NULL;
    err e = { 0 };
    responses(x, 1, true, 0);
    assert_int_equal(distance_correlation(&c, x, UNITS, ITEMS, positions, 99, 1, 0, &e), 0);
    assert_near(c->p, .01, 1e-12);
    assert_true(c->slope > .6 && c->r[0] > .5 && c->r[1] < c->r[0] && c->r[2] < c->r[1] && fabs(c->r[6]) < .2);
    assert_true(c->r[0] > c->hi[0] && c->null_mean[0] < .2);
    int64_t pairs = 0;
    for (size_t b = 0; b < c->bins; b++)
        pairs += c->pairs[b];
    assert_int_equal(pairs, UNITS * (UNITS - 1) / 2);
    distance_free(c);
    responses(x, 2, false, 0);
    for (size_t s = 0; s < ITEMS; s++)
        x[7 * ITEMS + s] = .1;
    assert_int_equal(distance_correlation(&c, x, UNITS, ITEMS, positions, 99, 1, 0, &e), 0);
    assert_true(c->p > .02 && fabs(c->slope) < .08);
    assert_int_equal(c->constant, 1);
    distance_free(c);
    free(x);
    free(positions);
}

/* ---- layouts ---- */

static void layouts_give_each_unit_a_place_of_its_own(void **state)
{
    (void)state;
    static const struct {
        size_t d, rows, columns;
    } sides[] = { { 784, 28, 28 }, { 192, 12, 16 }, { 768, 24, 32 }, { 196, 14, 14 }, { 2, 1, 2 }, { 97, 9, 11 }, { 1, 1, 1 } };
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        size_t rows, columns, d = sides[i].d;
        double *p = calloc(2 * d, sizeof *p), *q = calloc(2 * d, sizeof *q);
        graph *g = NULL;
        err e = { 0 };
        layout_sides(d, &rows, &columns);
        assert_int_equal(rows, sides[i].rows);
        assert_int_equal(columns, sides[i].columns);
        assert_int_equal(layout_make(p, d, LAYOUT_RANDOM, 5, 0, &e), 0);
        if (graph_positions(&g, p, d, true, &e)) fail_msg("%s", err_text(&e)); /* refuses two units at one place */
        graph_free(g);
        assert_int_equal(layout_make(q, d, LAYOUT_RANDOM, 5, 0, &e), 0);
        assert_memory_equal(p, q, 2 * d * sizeof *p);
        assert_int_equal(layout_make(q, d, LAYOUT_RANDOM, 6, 0, &e), 0);
        if (d > 2) assert_memory_not_equal(p, q, 2 * d * sizeof *p);
        free(p);
        free(q);
    }
}

/* CONTRACT stream 3, METHODS 8.12: unit k lies at (p[k]/14, p[k] mod 14) of a shuffle with counter (i, tap, 0). */
static void the_random_layout_is_that_of_the_reference(void **state)
{
    (void)state;
    double at[392];
    size_t p[196];
    err e = { 0 };
    for (size_t i = 0; i < 196; i++)
        p[i] = i;
    for (uint32_t i = 0; i < 196; i++) {
        size_t j = i + rng_below(1, 3, i, 2, 0, 196 - i), swap = p[i];
        p[i] = p[j];
        p[j] = swap;
    }
    assert_int_equal(layout_make(at, 196, LAYOUT_RANDOM, 1, 2, &e), 0);
    for (size_t k = 0; k < 196; k++) {
        assert_near(at[2 * k], (double)(p[k] / 14), 0);
        assert_near(at[2 * k + 1], (double)(p[k] % 14), 0);
    }
}

static void swaps_bring_units_that_agree_together(void **state)
{
    (void)state;
    double *x = calloc(UNITS * ITEMS, sizeof *x), at[2 * UNITS], random[2 * UNITS];
    distance_curve *a = NULL, *b = NULL;
    err e = { 0 };
    responses(x, 3, true, 0);
    assert_int_equal(layout_make(random, UNITS, LAYOUT_RANDOM, 1, 0, &e), 0);
    assert_int_equal(layout_optimise(at, UNITS, x, ITEMS, 100, 1, 0, &e), 0);
    assert_int_equal(distance_correlation(&a, x, UNITS, ITEMS, random, 9, 1, 0, &e), 0);
    assert_int_equal(distance_correlation(&b, x, UNITS, ITEMS, at, 9, 1, 0, &e), 0);
    assert_true(fabs(a->slope) < .1 && b->slope > .5);
    distance_free(a);
    distance_free(b);
    free(x);
}

/* ---- the analysis ---- */

typedef struct {
    double x[UNITS * ITEMS], t[UNITS], q[UNITS], covariate[ITEMS], *positions;
    topography_contrast contrast;
    topography_input in;
} material;

/* Tokens differ between the conditions when covariate. */
static material *made(uint32_t seed, bool field, double effect, bool covariate)
{
    material *m = calloc(1, sizeof *m);
    double p[UNITS];
    err e = { 0 };
    responses(m->x, seed, field, effect);
    m->contrast = (topography_contrast){ ITEMS / 2, ITEMS / 2, covariate ? m->covariate : NULL };
    for (uint32_t s = 0; s < ITEMS; s++)
        m->covariate[s] = 10 + 4 * (s < ITEMS / 2) + (double)rng_below(seed, RNG_SIM_TEXT, s, 9, 0, 8);
    for (size_t u = 0; u < UNITS; u++) {
        const double *a = m->x + u * ITEMS, *b = a + ITEMS / 2;
        t_result r = covariate ? covariate_t(a, m->covariate, ITEMS / 2, b, m->covariate + ITEMS / 2, ITEMS / 2)
                               : welch(a, ITEMS / 2, b, ITEMS / 2);
        m->t[u] = r.t;
        p[u] = r.p;
    }
    benjamini_hochberg(p, UNITS, m->q, &e);
    m->positions = grid_positions(SIDE, SIDE);
    m->in = (topography_input){ "h.0.attn", UNITS, m->t, m->q, NULL, m->positions, m->x, NULL, NULL };
    return m;
}

static void unmade(material *m)
{
    free(m->positions);
    free(m);
}

static topography *analysed(const material *m, topography_options o)
{
    topography *t = NULL;
    err e = { 0 };
    if (topography_analyse(&t, &m->in, 1, &m->contrast, &o, &e)) fail_msg("%s", err_text(&e));
    return t;
}

/* A sheet whose units agree with their neighbours, and no effect of condition: the p of positions sees the sheet, the p of
 * labels must not. */
static void labels_say_nothing_of_a_sheet_without_selectivity(void **state)
{
    (void)state;
    for (int covariate = 0; covariate < 2; covariate++) {
        size_t positions = 0, labels = 0, n = 80;
        topography_options o = topography_defaults();
        o.permutations = 39;
        o.fwhm = 0;
        for (uint32_t k = 0; k < n; k++) {
            material *m = made(1000 + k, true, 0, covariate);
            topography *t = analysed(m, o);
            positions += t->taps[0].unsmoothed.null.p <= .05;
            labels += t->taps[0].labels.p <= .05;
            topography_free(t);
            unmade(m);
        }
        assert_true(positions >= n - 2);
        if (labels > 11) fail_msg("labels: p <= .05 in %zu of %zu sheets without effect (covariate %d)", labels, n, covariate);
    }
}

static void a_planted_patch_is_found_by_every_measure(void **state)
{
    (void)state;
    material *m = made(5, false, 2.385, false);
    topography_options o = topography_defaults();
    o.permutations = 199;
    o.least_size = 5;
    topography *t = analysed(m, o);
    const topography_tap *a = &t->taps[0];
    assert_near(a->unsmoothed.null.p, .005, 1e-12);
    assert_near(a->labels.p, .005, 1e-12);
    assert_near(a->presmooth.p, .005, 1e-12);
    assert_true(a->smoothed_responses && a->smoothed.I > a->unsmoothed.value.I);
    const clusters *c = a->side[0].grown;
    assert_non_null(c);
    assert_int_equal(c->keep[0], 1);
    assert_near(a->side[0].p[0], .005, 1e-12);
    assert_near(a->side[0].centre[0], 2, .6);
    assert_near(a->side[0].centre[1], 6, .6);
    for (size_t u = 0; u < UNITS; u++)
        assert_true(c->label[u] == 0 || (m->q[u] < .05 && m->t[u] > 0));
    /* the readout as [coordinate 0][coordinate 1]: its highest point lies on the patch */
    size_t top = 0;
    for (size_t p = 0; p < a->points; p++)
        if (a->smoothed_t[p] > a->smoothed_t[top]) top = p;
    assert_near((double)(top / a->sides[1]), 2, 1);
    assert_near((double)(top % a->sides[1]), 6, 1);
    topography_free(t);
    unmade(m);
    m = made(5, false, 2.385, true); /* found beside a covariate that differs between the conditions, too */
    o.fwhm = 0;
    t = analysed(m, o);
    assert_true(t->taps[0].labels.p <= .01 && t->taps[0].unsmoothed.null.p <= .01);
    assert_true(t->taps[0].labels.sd > .01);
    topography_free(t);
    unmade(m);
}

/* The sheet that a model was trained with, not the order of its units, decides. */
static void a_wrong_layout_scrambles_the_map(void **state)
{
    (void)state;
    material *m = made(6, true, 1, false);
    topography_options o = topography_defaults();
    o.permutations = 99;
    o.layout = LAYOUT_RANDOM;
    topography *random = analysed(m, o);
    o.layout = LAYOUT_OPTIMISED;
    topography *fitted = analysed(m, o);
    o.layout = LAYOUT_GIVEN;
    topography *given = analysed(m, o);
    assert_true(given->taps[0].unsmoothed.value.I > .5);
    assert_true(fabs(random->taps[0].unsmoothed.value.I) < .2);
    assert_true(random->taps[0].unsmoothed.null.p > .01);
    assert_true(fitted->taps[0].unsmoothed.value.I > .3);
    assert_true(isnan(fitted->taps[0].unsmoothed.null.p) && isnan(fitted->taps[0].labels.p)); /* circular */
    assert_true(isnan(fitted->taps[0].presmooth.p) && isnan(fitted->taps[0].distance->p));
    topography_free(random);
    topography_free(fitted);
    topography_free(given);
    unmade(m);
}

static void units_without_a_t_are_left_out_and_counted(void **state)
{
    (void)state;
    material *m = made(7, false, 1, false);
    topography_options o = topography_defaults();
    o.permutations = 19;
    for (size_t s = 0; s < ITEMS; s++)
        m->x[40 * ITEMS + s] = .1;
    for (size_t s = 0; s < ITEMS; s++)
        m->x[41 * ITEMS + s] = s < ITEMS / 2;
    m->t[40] = m->q[40] = m->q[41] = NAN;
    m->t[41] = INFINITY;
    topography *t = analysed(m, o);
    assert_int_equal(t->taps[0].n_nan, 1);
    assert_int_equal(t->taps[0].n_infinite, 1);
    assert_int_equal(t->taps[0].unsmoothed.used, UNITS - 2);
    assert_false(isnan(t->taps[0].unsmoothed.value.I) || isnan(t->taps[0].labels.p));
    if (t->taps[0].side[0].grown) assert_int_equal(t->taps[0].side[0].grown->label[41], 0);
    topography_free(t);
    unmade(m);
}

static void responses_of_something_else_are_refused(void **state)
{
    (void)state;
    material *m = made(8, false, 0, false);
    topography *t = NULL;
    topography_options o = topography_defaults();
    err e = { 0 };
    m->t[13] += .01;
    assert_int_equal(topography_analyse(&t, &m->in, 1, &m->contrast, &o, &e), -1);
    assert_null(t);
    assert_says(e, "tap h.0.attn, unit 13");
    m->in.positions = NULL;
    assert_int_equal(topography_analyse(&t, &m->in, 1, NULL, &o, &e), -1);
    assert_says(e, "no sheet");
    unmade(m);
}

static void threads_change_no_byte(void **state)
{
    (void)state;
    material *m = made(9, true, .5, true);
    topography_options o = topography_defaults();
    o.permutations = 150; /* no multiple of the blocks */
    o.threshold = .5; /* some clusters, whatever the effect */
    topography *runs[4];
    for (size_t k = 0; k < 4; k++) {
        topography_input map = m->in;
        err e = { 0 };
        threads_start(k % 2 ? 4 : 1);
        if (k >= 2) map.x = NULL;
        if (topography_analyse(&runs[k], &map, 1, k < 2 ? &m->contrast : NULL, &o, &e)) fail_msg("%s", err_text(&e));
    }
    for (size_t k = 0; k < 4; k += 2) {
        const topography_tap *a = &runs[k]->taps[0], *b = &runs[k + 1]->taps[0];
        assert_memory_equal(a->null, b->null, 150 * sizeof(double));
        assert_memory_equal(a->null_presmooth, b->null_presmooth, 150 * sizeof(double));
        if (k == 0) assert_memory_equal(a->null_labels, b->null_labels, 150 * sizeof(double));
        assert_memory_equal(a->smoothed_t, b->smoothed_t, a->points * sizeof(double));
        if (k == 0) assert_memory_equal(a->distance->hi, b->distance->hi, a->distance->bins * sizeof(double));
        assert_non_null(a->side[0].grown);
        assert_memory_equal(a->side[0].p, b->side[0].p, a->side[0].grown->count * sizeof(double));
    }
    for (size_t k = 0; k < 4; k++)
        topography_free(runs[k]);
    threads_start(1);
    unmade(m);
}

/* ---- profiles of held-out items ---- */

typedef struct {
    material *m;
    int32_t label[ITEMS];
    uint8_t held[ITEMS], chosen[UNITS];
    int8_t side[ITEMS];
    topography_items items;
    topography_options o;
} reported;

/* Every other item is held out; every sixth is of a third condition, in no contrast. */
static reported *halved(bool covariate)
{
    static const char *const names[] = { "S", "N", "W" };
    reported *r = calloc(1, sizeof *r);
    r->m = made(5, false, 2.385, covariate);
    for (size_t s = 0; s < ITEMS; s++) {
        r->label[s] = s % 6 == 5 ? 2 : s < ITEMS / 2 ? 0 : 1;
        r->side[s] = s % 6 == 5 ? -1 : s < ITEMS / 2;
        r->held[s] = s % 4 < 2;
    }
    for (size_t u = 0; u < UNITS; u++)
        r->chosen[u] = u % 7 == 3;
    r->m->in.all = r->m->x;
    r->m->in.first = r->chosen;
    r->items = (topography_items){ ITEMS, r->label, 3, names, r->held, r->side, covariate ? r->m->covariate : NULL };
    r->o = topography_defaults();
    r->o.permutations = 3;
    r->o.fwhm = 0;
    r->o.least_size = 3;
    return r;
}

static topography *profiled(const reported *r)
{
    topography *t = analysed(r->m, r->o);
    err e = { 0 };
    if (topography_profiles(t, &r->m->in, &r->items, &r->o, &e)) fail_msg("%s", err_text(&e));
    return t;
}

/* Mean z of the units with member[u] == which in item s. */
static double mean_z(const reported *r, const int32_t *member, int32_t which, size_t s)
{
    double sum = 0, n = 0;
    for (size_t u = 0; u < UNITS; u++) {
        const double *x = r->m->x + u * ITEMS;
        if (member[u] != which) continue;
        sum += (x[s] - mean_f8(x, ITEMS)) / sqrt(variance_f8(x, ITEMS, 0));
        n++;
    }
    return sum / n;
}

static void check_profile(const reported *r, const topography_profile *p, const int32_t *member, int32_t which)
{
    assert_int_equal(p->n, 3);
    for (size_t c = 0; c < 3; c++) {
        double v[ITEMS];
        size_t n = 0;
        for (size_t s = 0; s < ITEMS; s++)
            if (r->held[s] && r->label[s] == (int32_t)c) v[n++] = mean_z(r, member, which, s);
        double half = t_quantile(.975, (double)n - 1) * sqrt(variance_f8(v, n, 1) / (double)n);
        assert_int_equal(p->row[c].n, n);
        assert_int_equal(p->row[c].label, c);
        assert_near(p->row[c].mean, mean_f8(v, n), 1e-12);
        assert_near(p->row[c].hi - p->row[c].mean, half, 1e-12);
        assert_near(p->row[c].mean - p->row[c].lo, half, 1e-12);
    }
}

static void profiles_are_those_of_held_out_items(void **state)
{
    (void)state;
    for (int covariate = 0; covariate < 2; covariate++) {
        reported *r = halved(covariate);
        topography *t = profiled(r);
        const clusters *c = t->taps[0].first_half[0];
        int32_t chosen[UNITS];
        assert_non_null(c);
        assert_true(t->n_profiles >= 2 && t->profile[0].sign == 0 && t->profile[1].sign == 1);
        for (size_t u = 0; u < UNITS; u++)
            chosen[u] = r->chosen[u];
        check_profile(r, &t->profile[0], chosen, 1);
        check_profile(r, &t->profile[1], c->label, 1);
        assert_int_equal(t->profile[1].units, c->size[0]);
        assert_true(t->profile[1].row[0].mean > t->profile[1].row[1].mean + 1); /* the planted effect */
        topography_free(t);
        unmade(r->m);
        free(r);
    }
}

/* Clusters do not know the items that their profiles are made of: an effect in those alone makes none. */
static void held_out_items_make_no_cluster(void **state)
{
    (void)state;
    reported *r = halved(false);
    topography *t = profiled(r), *other;
    int32_t label[UNITS];
    memcpy(label, t->taps[0].first_half[0]->label, sizeof label);
    for (size_t u = 0; u < UNITS; u++)
        for (size_t s = 0; s < ITEMS; s++)
            if (r->held[s] && r->side[s] == 1 && u < 20) r->m->x[u * ITEMS + s] += 50;
    for (size_t u = 0; u < UNITS; u++)
        r->m->t[u] = welch(r->m->x + u * ITEMS, ITEMS / 2, r->m->x + u * ITEMS + ITEMS / 2, ITEMS / 2).t;
    other = profiled(r);
    assert_memory_equal(other->taps[0].first_half[0]->label, label, sizeof label);
    assert_true(fabs(other->profile[0].row[0].mean - t->profile[0].row[0].mean) > .1);
    topography_free(t);
    topography_free(other);
    unmade(r->m);
    free(r);
}

static void every_allocation_of_a_profile_may_fail(void **state)
{
    (void)state;
    reported *r = halved(true);
    int status = -1;
    for (long k = 1; status && k < 500; k++) {
        topography *t = analysed(r->m, r->o);
        err e = { 0 };
        mem_fail_at(k);
        status = topography_profiles(t, &r->m->in, &r->items, &r->o, &e);
        mem_fail_at(0);
        if (status) assert_int_equal(e.kind, ERR_MEMORY);
        topography_free(t);
    }
    assert_int_equal(status, 0);
    unmade(r->m);
    free(r);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    material *m = made(10, false, 2, true);
    topography_options o = topography_defaults();
    int status = -1;
    o.permutations = 3;
    for (int optimised = 0; optimised < 2; optimised++) {
        o.layout = optimised ? LAYOUT_OPTIMISED : LAYOUT_GIVEN;
        status = -1;
        for (long k = 1; status && k < 1000; k++) {
            err e = { 0 };
            topography *t = NULL;
            mem_fail_at(k);
            status = topography_analyse(&t, &m->in, 1, &m->contrast, &o, &e);
            mem_fail_at(0);
            if (status) assert_int_equal(e.kind, ERR_MEMORY);
            if (status) assert_null(t);
            topography_free(t);
        }
        assert_int_equal(status, 0);
    }
    unmade(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lattices_have_the_neighbours_of_chess),
        cmocka_unit_test(positions_make_the_lattice_they_lie_on),
        cmocka_unit_test(a_mesh_may_have_isolated_vertices),
        cmocka_unit_test(moran_is_its_double_sum_whatever_the_unit),
        cmocka_unit_test(noise_is_called_organised_in_five_percent),
        cmocka_unit_test(the_readout_is_a_gaussian_density),
        cmocka_unit_test(smoothing_alone_makes_moran_of_point_six),
        cmocka_unit_test(clusters_equal_a_brute_force_checker),
        cmocka_unit_test(a_peak_below_the_threshold_is_refused),
        cmocka_unit_test(correlation_falls_with_distance_where_it_was_planted),
        cmocka_unit_test(layouts_give_each_unit_a_place_of_its_own),
        cmocka_unit_test(the_random_layout_is_that_of_the_reference),
        cmocka_unit_test(swaps_bring_units_that_agree_together),
        cmocka_unit_test(labels_say_nothing_of_a_sheet_without_selectivity),
        cmocka_unit_test(a_planted_patch_is_found_by_every_measure),
        cmocka_unit_test(a_wrong_layout_scrambles_the_map),
        cmocka_unit_test(units_without_a_t_are_left_out_and_counted),
        cmocka_unit_test(responses_of_something_else_are_refused),
        cmocka_unit_test(threads_change_no_byte),
        cmocka_unit_test(profiles_are_those_of_held_out_items),
        cmocka_unit_test(held_out_items_make_no_cluster),
        cmocka_unit_test(every_allocation_of_a_profile_may_fail),
        cmocka_unit_test(every_allocation_may_fail),
    };
    log_start(&(log_options){ .quiet = true, .stage = "test" });
    threads_start(0);
    blas_start();
    return cmocka_run_group_tests(tests, NULL, test_clean);
}
