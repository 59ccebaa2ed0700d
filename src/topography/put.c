/* SPDX-License-Identifier: MIT */
/* The product of kind `topography`: a group a tap, and the main values of all taps as columns of /table. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

typedef struct {
    store *s;
    const char *tap;
    err *e;
} place;

static int put_f8(const place *p, const char *name, int rank, const size_t *dims, const double *values)
{
    char full[512];
    if (!values) return 0;
    snprintf(full, sizeof full, "/tap/%s/%s", p->tap, name);
    return store_write_f8(p->s, full, rank, dims, values, p->e);
}

static int put_column(const place *p, const char *name, const double *values, size_t n)
{
    return put_f8(p, name, 1, &n, values);
}

static int put_one(const place *p, const char *name, double value)
{
    return put_column(p, name, &value, 1);
}

static int put_counts(const place *p, const char *name, const size_t *values, size_t n)
{
    char full[512];
    int64_t *out = mem_new(n, sizeof *out, p->e);
    if (!out) return -1;
    for (size_t i = 0; i < n; i++)
        out[i] = (int64_t)values[i];
    snprintf(full, sizeof full, "/tap/%s/%s", p->tap, name);
    int status = store_write_i8(p->s, full, 1, &n, out, p->e);
    free(out);
    return status;
}

static int put_u1(const place *p, const char *name, const uint8_t *values, size_t n)
{
    char full[512];
    if (!values) return 0;
    snprintf(full, sizeof full, "/tap/%s/%s", p->tap, name);
    return store_write_u1(p->s, full, 1, &n, values, p->e);
}

static int put_clusters(const place *p, const topography_clusters *k, const char *side)
{
    const clusters *c = k->grown;
    char group[512], name[64];
    if (!c) return 0;
    const size_t centre[2] = { c->count, 2 };
    snprintf(group, sizeof group, "/tap/%s/clusters/%s/label", p->tap, side);
    if (store_write_i4(p->s, group, 1, &c->n, c->label, p->e)) return -1;
    snprintf(group, sizeof group, "/tap/%s/clusters/%s", p->tap, side);
    if (store_set_real(p->s, group, "threshold", k->rule.threshold, p->e) ||
        store_set_real(p->s, group, "least_peak", k->rule.least_peak, p->e) ||
        store_set_int(p->s, group, "least_size", (int64_t)k->rule.least_size, p->e))
        return -1;
    if (c->count == 0) return 0;
#define NAME(x) (snprintf(name, sizeof name, "clusters/%s/%s", side, x), name)
    return put_counts(p, NAME("size"), c->size, c->count) || put_counts(p, NAME("peak_unit"), c->peak_unit, c->count) ||
                   put_column(p, NAME("peak"), c->peak, c->count) || put_column(p, NAME("mass"), c->mass, c->count) ||
                   put_column(p, NAME("p"), k->p, c->count) || put_u1(p, NAME("keep"), c->keep, c->count) ||
                   put_f8(p, NAME("centre"), 2, centre, k->centre)
               ? -1
               : 0;
#undef NAME
}

static int put_distance(const place *p, const distance_curve *c)
{
    char name[512];
    if (!c) return 0;
    snprintf(name, sizeof name, "/tap/%s/distance/pairs", p->tap);
    return store_write_i8(p->s, name, 1, &c->bins, c->pairs, p->e) ||
                   put_column(p, "distance/distance", c->distance, c->bins) || put_column(p, "distance/r", c->r, c->bins) ||
                   put_column(p, "distance/null_mean", c->null_mean, c->bins) ||
                   put_column(p, "distance/null_lo", c->lo, c->bins) || put_column(p, "distance/null_hi", c->hi, c->bins) ||
                   put_one(p, "distance/slope", c->slope) || put_one(p, "distance/p", c->p)
               ? -1
               : 0;
}

/* Clusters of the items that are not held out: whose profiles /profile has. */
static int put_first_half(const place *p, const topography_tap *t)
{
    static const char *const side[] = { "positive", "negative" };
    char name[512];
    for (int k = 0; k < 2; k++) {
        const clusters *c = t->first_half[k];
        if (!c) continue;
        snprintf(name, sizeof name, "/tap/%s/clusters/first_half/%s", p->tap, side[k]);
        if (store_write_i4(p->s, name, 1, &c->n, c->label, p->e)) return -1;
    }
    return 0;
}

static int put_moran(const place *p, const topography_tap *t, size_t permutations)
{
    const moran_result *m = &t->unsmoothed.value;
    const moran_null *n = &t->unsmoothed.null;
    return put_one(p, "I", m->I) || put_one(p, "expected", m->expected) || put_one(p, "z", m->z_randomisation) ||
                   put_one(p, "p_analytic", m->p_randomisation) || put_one(p, "z_normality", m->z_normality) ||
                   put_one(p, "p_normality", m->p_normality) || put_one(p, "p", n->p) ||
                   put_one(p, "p_folded", n->p_folded) || put_one(p, "p_two_sided", n->p_two_sided) ||
                   put_one(p, "null_mean", n->mean) || put_one(p, "null_sd", n->sd) ||
                   put_column(p, "null", t->null, permutations) ||
                   (t->null_labels && (put_column(p, "null_labels", t->null_labels, permutations) ||
                                       put_one(p, "p_labels", t->labels.p)))
               ? -1
               : 0;
}

static int put_smoothed(const place *p, const topography_tap *t, size_t permutations)
{
    if (!t->smoothed_t) return 0;
    return put_one(p, "smoothed", t->smoothed.I) || put_one(p, "p_presmooth", t->presmooth.p) ||
                   put_one(p, "presmooth_mean", t->presmooth.mean) || put_one(p, "presmooth_sd", t->presmooth.sd) ||
                   put_column(p, "null_presmooth", t->null_presmooth, permutations) ||
                   put_f8(p, "smoothed_t", 2, t->sides, t->smoothed_t)
               ? -1
               : 0;
}

static int put_tap(store *s, const topography_tap *t, size_t permutations, err *e)
{
    place p = { s, t->name, e };
    const size_t dims[2] = { t->d, 2 };
    char group[512];
    if (put_column(&p, "t", t->t, t->d) || put_f8(&p, "positions", 2, dims, t->positions) ||
        put_u1(&p, "selected", t->selected, t->d) || put_moran(&p, t, permutations) || put_smoothed(&p, t, permutations) ||
        put_clusters(&p, &t->side[0], "positive") || put_clusters(&p, &t->side[1], "negative") ||
        put_first_half(&p, t) || put_distance(&p, t->distance))
        return -1;
    snprintf(group, sizeof group, "/tap/%s", t->name);
    return store_set_text(s, group, "layout", t->positions ? layout_name(t->layout) : "mesh", e) ||
                   store_set_int(s, group, "n_nan", (int64_t)t->n_nan, e) ||
                   store_set_int(s, group, "n_infinite", (int64_t)t->n_infinite, e) ||
                   store_set_int(s, group, "used", (int64_t)t->unsmoothed.used, e)
               ? -1
               : 0;
}

/* ---- /table ---- */

static double largest(const topography_tap *t, bool count)
{
    const clusters *c = t->side[0].grown;
    double size = 0, kept = 0;
    for (size_t i = 0; c && i < c->count; i++) {
        size = fmax(size, (double)c->size[i]);
        kept += c->keep[i];
    }
    return count ? kept : size;
}

static double column_of(const topography_tap *t, size_t column)
{
    double lo = INFINITY, hi = -INFINITY, positive = 0;
    for (size_t u = 0; u < t->d; u++) {
        if (!isfinite(t->t[u])) continue;
        lo = fmin(lo, t->t[u]);
        hi = fmax(hi, t->t[u]);
        positive += t->t[u] > 0;
    }
    const double values[] = { t->unsmoothed.value.I,
                              t->unsmoothed.value.expected,
                              t->unsmoothed.value.z_randomisation,
                              t->unsmoothed.null.p,
                              t->null_labels ? t->labels.p : NAN,
                              t->smoothed_t ? t->smoothed.I : NAN,
                              t->smoothed_t ? t->presmooth.mean : NAN,
                              t->smoothed_t ? t->presmooth.sd : NAN,
                              t->smoothed_t ? t->presmooth.p : NAN,
                              t->distance ? t->distance->slope : NAN,
                              t->distance ? t->distance->p : NAN,
                              lo,
                              hi,
                              positive,
                              largest(t, true),
                              largest(t, false) };
    return values[column];
}

static const char *const columns[] = { "I",           "expected",    "z",     "p",          "p_labels",
                                       "smoothed",    "presmooth_mean", "presmooth_sd", "p_presmooth", "distance_slope",
                                       "distance_p",  "t_min",       "t_max", "units_t_positive", "clusters_kept",
                                       "largest_cluster" };

static int put_table(store *s, const topography *t, err *e)
{
    int status = -1;
    const char **names = mem_new(t->n, sizeof *names, e);
    double *values = mem_new(t->n, sizeof *values, e);
    if (!names || !values) goto done;
    for (size_t k = 0; k < t->n; k++)
        names[k] = t->taps[k].name;
    if (store_write_text(s, "/table/tap", names, t->n, e)) goto done;
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        char name[64];
        for (size_t k = 0; k < t->n; k++)
            values[k] = column_of(&t->taps[k], c);
        snprintf(name, sizeof name, "/table/%s", columns[c]);
        if (store_write_f8(s, name, 1, &t->n, values, e)) goto done;
    }
    status = 0;
done:
    free(names);
    free(values);
    return status;
}

/* /profile: a row a (map, set of units, condition). */
static int put_profiles(store *s, const topography *t, err *e)
{
    size_t n = 0, at = 0;
    int status = -1;
    for (size_t k = 0; k < t->n_profiles; k++)
        n += t->profile[k].n;
    if (n == 0) return 0;
    char **tap = mem_new(n, sizeof *tap, e), **condition = mem_new(n, sizeof *condition, e);
    int32_t *whole = mem_new(5 * n, sizeof *whole, e);
    double *real = mem_new(3 * n, sizeof *real, e);
    if (!tap || !condition || !whole || !real) goto done;
    for (size_t k = 0; k < t->n_profiles; k++)
        for (size_t i = 0; i < t->profile[k].n; i++, at++) {
            const topography_profile *p = &t->profile[k];
            const int32_t counts[5] = { p->sign, (int32_t)p->cluster, (int32_t)p->units, (int32_t)p->peak_unit, (int32_t)p->row[i].n };
            const double values[3] = { p->row[i].mean, p->row[i].lo, p->row[i].hi };
            tap[at] = t->taps[p->tap].name;
            condition[at] = t->label[p->row[i].label];
            for (size_t c = 0; c < 5; c++)
                whole[c * n + at] = counts[c];
            for (size_t c = 0; c < 3; c++)
                real[c * n + at] = values[c];
        }
    if (store_put_text(s, "/profile/tap", tap, n, e) || store_put_text(s, "/profile/condition", condition, n, e)) goto done;
    static const char *const whole_names[] = { "sign", "cluster", "units", "peak_unit", "n" }, *const real_names[] = { "mean", "lo", "hi" };
    for (size_t c = 0; c < 8; c++) {
        char name[64];
        snprintf(name, sizeof name, "/profile/%s", c < 5 ? whole_names[c] : real_names[c - 5]);
        if (c < 5 ? store_put_i4(s, name, whole + c * n, n, e) : store_put_f8(s, name, real + (c - 5) * n, n, e)) goto done;
    }
    status = 0;
done:
    free(tap);
    free(condition);
    free(whole);
    free(real);
    return status;
}

int topography_put(store *s, const topography *t, err *e)
{
    static const char *const weights[] = { "queen", "rook", "mesh" };
    const topography_options *o = &t->options;
    for (size_t k = 0; k < t->n; k++)
        if (put_tap(s, &t->taps[k], o->permutations, e)) return -1;
    if (store_set_text(s, "/", "weights", weights[o->weights], e) ||
        store_set_text(s, "/", "standardised", o->binary ? "no" : "yes", e) ||
        store_set_text(s, "/", "layout", o->weights == WEIGHTS_MESH ? "mesh" : layout_name(o->layout), e) ||
        store_set_real(s, "/", "fwhm", o->fwhm, e) || store_set_real(s, "/", "spacing", o->spacing, e) ||
        store_set_int(s, "/", "permutations", (int64_t)o->permutations, e) ||
        store_set_int(s, "/", "layout_seed", (int64_t)o->seed, e) ||
        store_set_text(s, "/", "smoothed_what", t->n && t->taps[0].smoothed_responses ? "responses" : "t map", e))
        return -1;
    return put_table(s, t, e) || put_profiles(s, t, e) ? -1 : 0;
}
