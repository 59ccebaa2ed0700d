/* SPDX-License-Identifier: MIT */
/* Moran's I, its moments under normality and randomisation (Cliff and Ord), and permutations (METHODS 8.9). */
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "analyse.h"

static const double TIE = 1e-12; /* permuted maps with the same I differ in the last bits by the order of their sums */

void shuffled(size_t *order, size_t n, uint64_t seed, uint32_t stream, uint32_t permutation, uint32_t map)
{
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    rng_shuffle(order, n, seed, stream, permutation, map);
}

double moran_product(const graph *g, const double *z)
{
    double sum = 0;
    for (size_t i = 0; i < g->n; i++) {
        double lag = 0;
        for (size_t j = g->begin[i]; j < g->begin[i + 1]; j++)
            lag += g->weight[j] * z[g->to[j]];
        sum += z[i] * lag;
    }
    return sum;
}

static const double *weight_of(const graph *g, size_t i, size_t j)
{
    size_t lo = g->begin[i], hi = g->begin[i + 1];
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if (g->to[middle] < j) lo = middle + 1;
        else hi = middle;
    }
    return lo < g->begin[i + 1] && g->to[lo] == j ? &g->weight[lo] : NULL;
}

static int weight_sums(moran_result *r, const graph *g, err *e)
{
    double *both = mem_new(g->n, sizeof *both, e); /* row sum + column sum */
    if (!both) return -1;
    r->s0 = r->s1 = r->s2 = 0;
    for (size_t i = 0; i < g->n; i++)
        for (size_t j = g->begin[i]; j < g->begin[i + 1]; j++) {
            double w = g->weight[j];
            const double *back = weight_of(g, g->to[j], i);
            double sum = w + (back ? *back : 0);
            r->s0 += w;
            r->s1 += sum * sum * (back ? 1 : 2); /* without a way back the pair stands here for both of its orders */
            both[i] += w;
            both[g->to[j]] += w;
        }
    r->s1 /= 2;
    for (size_t i = 0; i < g->n; i++)
        r->s2 += both[i] * both[i];
    free(both);
    return 0;
}

static bool all_equal(const double *x, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (x[i] != x[0]) return false;
    return true;
}

static double two_sided(double z)
{
    return isnan(z) ? NAN : exp(fmin(0, normal_log_upper(fabs(z)) + M_LN2));
}

static void variances(moran_result *r)
{
    double n = (double)r->n, e2 = r->expected * r->expected, s02 = r->s0 * r->s0;
    double plain = n * r->s2 - 3 * s02, b = r->kurtosis;
    r->variance_normality = (n * n * r->s1 - plain) / (s02 * (n * n - 1)) - e2;
    r->variance_randomisation = (n * ((n * n - 3 * n + 3) * r->s1 - plain) - b * ((n * n - n) * r->s1 - 2 * n * r->s2 + 6 * s02)) /
                                    ((n - 1) * (n - 2) * (n - 3) * s02) -
                                e2;
    r->z_normality = (r->I - r->expected) / sqrt(r->variance_normality);
    r->z_randomisation = (r->I - r->expected) / sqrt(r->variance_randomisation);
    r->p_normality = two_sided(r->z_normality);
    r->p_randomisation = two_sided(r->z_randomisation);
}

/* z [n] centred; Σz² and Σz⁴. */
static void centre(double *z, const double *x, size_t n, double *squares, double *fourths)
{
    double mean = mean_f8(x, n);
    *squares = *fourths = 0;
    for (size_t i = 0; i < n; i++) {
        z[i] = x[i] - mean;
        *squares += z[i] * z[i];
        *fourths += z[i] * z[i] * z[i] * z[i];
    }
}

int moran(moran_result *out, const graph *g, const double *x, err *e)
{
    double squares, fourths, *z;
    moran_result r = { .n = g->n };
    if (g->n < 4) {
        err_set(e, ERR_INPUT, "Moran's I of %zu units", g->n);
        return err_hint(e, "at least 4 units with a value and a neighbour are needed");
    }
    for (size_t i = 0; i < g->n; i++)
        if (!isfinite(x[i])) return err_set(e, ERR_INPUT, "unit %zu is %g: it has no place in Moran's I", i, x[i]);
    if (!(z = mem_new(g->n, sizeof *z, e))) return -1;
    if (weight_sums(&r, g, e)) {
        free(z);
        return -1;
    }
    centre(z, x, g->n, &squares, &fourths);
    bool constant = all_equal(x, g->n);
    r.expected = -1 / ((double)g->n - 1);
    r.I = constant ? NAN : (double)g->n / r.s0 * moran_product(g, z) / squares;
    r.kurtosis = constant ? NAN : (double)g->n * fourths / (squares * squares);
    variances(&r);
    free(z);
    *out = r;
    return 0;
}

double moran_value(const graph *g, double *x, double s0)
{
    double squares, fourths;
    for (size_t i = 0; i < g->n; i++)
        if (!isfinite(x[i])) return NAN;
    if (all_equal(x, g->n)) return NAN;
    centre(x, x, g->n, &squares, &fourths);
    return (double)g->n / s0 * moran_product(g, x) / squares;
}

void moran_against(moran_null *out, double I, double expected, const double *null, size_t count)
{
    moran_null r = { 0 };
    double sum = 0, square = 0;
    size_t far = 0;
    for (size_t k = 0; k < count; k++) {
        if (isnan(null[k])) continue;
        r.permutations++;
        r.at_least += null[k] >= I - TIE;
        far += fabs(null[k] - expected) >= fabs(I - expected) - TIE;
        sum += null[k];
    }
    double n = (double)r.permutations, at_least = (double)r.at_least;
    r.mean = n > 0 ? sum / n : NAN;
    for (size_t k = 0; k < count; k++)
        if (!isnan(null[k])) square += (null[k] - r.mean) * (null[k] - r.mean);
    r.sd = n > 0 ? sqrt(square / n) : NAN;
    bool none = isnan(I) || r.permutations == 0;
    r.z = none ? NAN : (I - r.mean) / r.sd;
    r.p = none ? NAN : (at_least + 1) / (n + 1);
    r.p_folded = none ? NAN : (fmin(at_least, n - at_least) + 1) / (n + 1);
    r.p_two_sided = none ? NAN : ((double)far + 1) / (n + 1);
    *out = r;
}

int moran_permuted(double *null, size_t count, const graph *g, const double *x, uint64_t seed, uint32_t map, err *e)
{
    size_t n = g->n, threads = (size_t)threads_count();
    double squares, fourths, s0 = sum_f8(g->weight, g->begin[n]);
    double *z = mem_new(n, sizeof *z, e), *moved = mem_new(threads * n, sizeof *moved, e);
    size_t *order = mem_new(threads * n, sizeof *order, e);
    int status = -1;
    if (!z || !moved || !order) goto done;
    centre(z, x, n, &squares, &fourths);
    bool constant = all_equal(x, n);
#pragma omp parallel for schedule(static) num_threads(threads_count())
    for (size_t k = 0; k < count; k++) {
        size_t *own = order + (size_t)omp_get_thread_num() * n;
        double *y = moved + (size_t)omp_get_thread_num() * n;
        shuffled(own, n, seed, RNG_POSITIONS, (uint32_t)k, map);
        for (size_t i = 0; i < n; i++)
            y[i] = z[own[i]];
        null[k] = constant ? NAN : (double)n / s0 * moran_product(g, y) / squares;
    }
    status = 0;
done:
    free(z);
    free(moved);
    free(order);
    return status;
}

int moran_of_map(moran_map *out, const graph *g, const double *map, bool standardise, size_t count, uint64_t seed,
                 uint32_t number, double *samples, err *e)
{
    int status = -1;
    size_t n = 0, *used = mem_new(g->n, sizeof *used, e);
    uint8_t *drop = mem_new(g->n, 1, e);
    double *x = mem_new(g->n, sizeof *x, e), *null = mem_new(count, sizeof *null, e);
    graph *kept = NULL;
    if (!used || !drop || !x || !null) goto done;
    for (size_t i = 0; i < g->n; i++)
        drop[i] = (uint8_t)!isfinite(map[i]);
    if (graph_keep(&kept, g, drop, used, &n, e)) goto done;
    if (standardise) graph_standardise(kept);
    for (size_t i = 0; i < n; i++)
        x[i] = map[used[i]];
    if (moran(&out->value, kept, x, e) || moran_permuted(null, count, kept, x, seed, number, e)) goto done;
    moran_against(&out->null, out->value.I, out->value.expected, null, count);
    for (size_t k = 0; k < count && samples; k++)
        samples[k] = null[k];
    out->used = n;
    status = 0;
done:
    graph_free(kept);
    free(used);
    free(drop);
    free(x);
    free(null);
    return status;
}
