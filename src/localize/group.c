/* SPDX-License-Identifier: MIT */
/* Second level: one-sample t over subjects' maps, its largest value against random signs, means in parcels. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "brain.h"

static bool in_all(const responses *r, size_t voxel)
{
    for (size_t i = 0; i < r->n; i++) {
        double x = (double)r->data[i * r->v + voxel];
        if (!isfinite(x) || x == 0) return false;
    }
    return true;
}

static double t_of(double sum, double squares, double n)
{
    double mean = sum / n, variance = (squares - n * mean * mean) / (n - 1);
    return mean / sqrt(variance / n);
}

/* ---- the map ---- */

static int make_map(group_result *g, const responses *r, const char *select, err *e)
{
    brain_map *m = &g->map;
    double *x = mem_new(r->n, sizeof *x, e);
    if (!x) return -1;
    m->name = "group";
    m->dof = (double)r->n - 1;
    g->peak = g->trough = SIZE_MAX;
    for (size_t j = 0; j < r->v; j++) {
        bool ok = in_all(r, j);
        for (size_t i = 0; i < r->n; i++) x[i] = (double)r->data[i * r->v + j];
        t_result t = ok ? one_sample(x, r->n, 0) : (t_result){ NAN, NAN, NAN, NAN };
        g->common += ok;
        m->t[j] = isfinite(t.t) ? t.t : NAN;
        m->effect[j] = ok ? mean_f8(x, r->n) : NAN;
        m->variance[j] = ok ? variance_f8(x, r->n, 1) / (double)r->n : NAN;
        m->mean_pos[j] = m->effect[j];
        m->mean_neg[j] = NAN;
        if (isnan(m->t[j])) continue;
        g->finite++;
        if (g->peak == SIZE_MAX || m->t[j] > m->t[g->peak]) g->peak = j;
        if (g->trough == SIZE_MAX || m->t[j] < m->t[g->trough]) g->trough = j;
    }
    free(x);
    return brain_map_finish(m, r->v, select, e);
}

/* ---- random signs ---- */

/* The largest |t| when whole subjects change sign: the same signs for all voxels, so that their dependence stays. */
static double largest_flipped(const responses *r, const double *t, const double *sign)
{
    double most = 0;
    for (size_t j = 0; j < r->v; j++) {
        double sum = 0, squares = 0;
        if (isnan(t[j])) continue;
        for (size_t i = 0; i < r->n; i++) {
            double x = (double)r->data[i * r->v + j];
            sum += sign[i] * x;
            squares += x * x;
        }
        most = fmax(most, fabs(t_of(sum, squares, (double)r->n)));
    }
    return most;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int flip_signs(group_result *g, const responses *r, const group_options *o, err *e)
{
    size_t n = o->flips;
    double *null = mem_new(n, sizeof *null, e), *signs = mem_new((size_t)threads_count() * r->n, sizeof *signs, e);
    int status = -1;
    if (!null || !signs || !(g->p_fwe = arena_get(g->memory, r->v * sizeof *g->p_fwe + 1, e))) goto done;
#pragma omp parallel for schedule(dynamic) num_threads(threads_count())
    for (size_t k = 0; k < n; k++) {
        double *sign = signs + (size_t)omp_get_thread_num() * r->n;
        for (size_t i = 0; i < r->n; i++) sign[i] = rng_below(o->seed, RNG_SIGNS, (uint32_t)i, (uint32_t)k, 0, 2) ? 1 : -1;
        null[k] = largest_flipped(r, g->map.t, sign);
    }
    qsort(null, n, sizeof *null, by_value);
    g->limit = quantile_f8(null, n, .95);
    for (size_t j = 0; j < r->v; j++) {
        double t = fabs(g->map.t[j]) * (1 - 1e-12);
        size_t low = 0, high = n; /* the first that is at least t */
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (null[middle] < t) low = middle + 1;
            else high = middle;
        }
        g->p_fwe[j] = isnan(t) ? NAN : ((double)(n - low) + 1) / ((double)n + 1);
    }
    status = 0;
done:
    free(null);
    free(signs);
    return status;
}

/* ---- parcels ---- */

static void interval(const double *x, size_t n, double *mean, double *lo, double *hi)
{
    double half = n > 1 ? t_quantile(.975, (double)n - 1) * sqrt(variance_f8(x, n, 1) / (double)n) : NAN;
    *mean = mean_f8(x, n);
    *lo = *mean - half;
    *hi = *mean + half;
}

/* parcel2 before parcel10 */
static int by_name(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

static int list_parcels(parcel_table *p, const responses *r, arena *memory, err *e)
{
    size_t room = 0;
    for (size_t j = 0; j < r->v; j++) {
        bool seen = !responses_in_parcel(r->roi[j]);
        for (size_t k = 0; k < p->n && !seen; k++) seen = str_same(p->roi[k], r->roi[j]);
        if (seen) continue;
        if (p->n + 1 >= room) { /* one more for all of them */
            char **roi = arena_get(memory, (2 * room + 16) * sizeof *roi, e);
            if (!roi) return -1;
            if (room) memcpy(roi, p->roi, room * sizeof *roi);
            p->roi = roi;
            room = 2 * room + 16;
        }
        if (!(p->roi[p->n++] = arena_text(memory, r->roi[j], strlen(r->roi[j]), e))) return -1;
    }
    qsort(p->roi, p->n, sizeof *p->roi, by_name);
    if (p->n) p->roi[p->n++] = "parcels";
    return 0;
}

static int make_parcels(group_result *g, const responses *r, err *e)
{
    parcel_table *p = &g->parcels;
    arena *a = g->memory;
    if (list_parcels(p, r, a, e)) return -1;
    size_t n = p->n;
    double *x = mem_new(r->n, sizeof *x, e);
    p->voxels = arena_get(a, (n + 1) * sizeof *p->voxels, e);
    p->mean_t = arena_get(a, (n + 1) * sizeof *p->mean_t, e);
    p->over = arena_get(a, (n + 1) * sizeof *p->over, e);
    p->effect = arena_get(a, (n + 1) * sizeof *p->effect, e);
    p->lo = arena_get(a, (n + 1) * sizeof *p->lo, e);
    p->hi = arena_get(a, (n + 1) * sizeof *p->hi, e);
    if (!x || !p->voxels || !p->mean_t || !p->over || !p->effect || !p->lo || !p->hi) {
        free(x);
        return -1;
    }
    for (size_t k = 0; k < n; k++) {
        memset(x, 0, r->n * sizeof *x);
        for (size_t j = 0; j < r->v; j++) {
            bool inside = k + 1 == n ? responses_in_parcel(r->roi[j]) : str_same(r->roi[j], p->roi[k]);
            if (!inside || isnan(g->map.t[j])) continue;
            p->voxels[k]++;
            p->mean_t[k] += g->map.t[j];
            for (size_t i = 0; i < r->n; i++) x[i] += (double)r->data[i * r->v + j];
        }
        double voxels = p->voxels[k];
        p->mean_t[k] = voxels > 0 ? p->mean_t[k] / voxels : NAN;
        for (size_t i = 0; i < r->n; i++) x[i] = voxels > 0 ? x[i] / voxels : NAN;
        p->over[k] = one_sample(x, r->n, 0);
        interval(x, r->n, &p->effect[k], &p->lo[k], &p->hi[k]);
    }
    free(x);
    return 0;
}

int group_maps(group_result **out, const responses *r, const group_options *o, err *e)
{
    group_result *g = NULL;
    int status = -1;
    *out = NULL;
    if (r->n < 2) {
        err_set(e, ERR_INPUT, "a t over subjects of %zu subject", r->n);
        return err_hint(e, "give the maps of two subjects or more, a row each");
    }
    if (!isnan(r->tr)) {
        err_set(e, ERR_INPUT, "these responses are a time series, maps of subjects are expected");
        return err_hint(e, "broca glm makes a map of a subject's runs");
    }
    if (!(g = mem_new(1, sizeof *g, e)) || !(g->memory = arena_new(e))) goto done;
    g->subjects = r->n;
    g->v = r->v;
    g->limit = NAN;
    if (brain_map_room(&g->map, r->v, g->memory, e) || make_map(g, r, o->select, e)) goto done;
    if (g->finite == 0) {
        err_set(e, ERR_INPUT, "no voxel has a value in all %zu subjects and varies over them", r->n);
        goto done;
    }
    if ((o->flips && flip_signs(g, r, o, e)) || make_parcels(g, r, e)) goto done;
    *out = g;
    g = NULL;
    status = 0;
done:
    group_free(g);
    return status;
}

void group_free(group_result *g)
{
    if (!g) return;
    arena_free(g->memory);
    free(g);
}

/* ---- the product ---- */

static int put_results(store *s, const char *group, const t_result *t, size_t n, err *e)
{
    double *column = mem_new(3 * n, sizeof *column, e);
    if (!column) return -1;
    for (size_t k = 0; k < n; k++) {
        column[k] = t[k].t;
        column[n + k] = t[k].p;
        column[2 * n + k] = t[k].log_p;
    }
    int status = brain_column_f8(s, group, "t", column, n, e) || brain_column_f8(s, group, "p", column + n, n, e) ||
                         brain_column_f8(s, group, "log_p", column + 2 * n, n, e)
                     ? -1
                     : 0;
    free(column);
    return status;
}

static int put_parcels(store *s, const parcel_table *p, err *e)
{
    const char *g = "/parcel";
    if (p->n == 0) return 0;
    return brain_column_text(s, g, "roi", p->roi, p->n, e) || brain_column_i4(s, g, "voxels", p->voxels, p->n, e) ||
                   brain_column_f8(s, g, "mean_t", p->mean_t, p->n, e) || brain_column_f8(s, g, "effect", p->effect, p->n, e) ||
                   brain_column_f8(s, g, "lo", p->lo, p->n, e) || brain_column_f8(s, g, "hi", p->hi, p->n, e) ||
                   put_results(s, g, p->over, p->n, e)
               ? -1
               : 0;
}

static int put_regions(store *s, const group_result *g, err *e)
{
    const char *at = "/froi";
    const size_t dims[2] = { g->n_regions, g->n_conditions };
    if (g->n_regions == 0) return 0;
    return brain_column_text(s, at, "roi", g->regions, g->n_regions, e) || brain_column_i4(s, at, "subjects", g->region_subjects, g->n_regions, e) ||
                   brain_column_f8(s, at, "effect", g->region_effect, g->n_regions, e) || brain_column_f8(s, at, "lo", g->region_lo, g->n_regions, e) ||
                   brain_column_f8(s, at, "hi", g->region_hi, g->n_regions, e) || put_results(s, at, g->region_t, g->n_regions, e) ||
                   brain_column_text(s, at, "condition", g->conditions, g->n_conditions, e) ||
                   store_write_f8(s, "/froi/response", 2, dims, g->region_condition, e)
               ? -1
               : 0;
}

int group_put(store *s, const group_result *g, const responses *r, const char *select, err *e)
{
    if (brain_map_put(s, &g->map, g->v, e) || brain_column_f8(s, "/tap/group", "p_fwe", g->p_fwe, g->v, e) || brain_neuroids_put(s, r, e) ||
        put_parcels(s, &g->parcels, e) || put_regions(s, g, e) || brain_column_text(s, "/subject", "id", r->id, r->n, e))
        return -1;
    return store_set_text(s, "/", "contrast", "group", e) || store_set_text(s, "/", "selection", select, e) ||
                   store_set_text(s, "/", "test", "onesample", e) || store_set_text(s, "/", "match", "none", e) ||
                   store_set_int(s, "/", "n_selected", (int64_t)g->map.n_selected, e) || store_set_int(s, "/", "units", (int64_t)g->v, e) ||
                   store_set_int(s, "/", "subjects", (int64_t)g->subjects, e) || store_set_int(s, "/", "common", (int64_t)g->common, e) ||
                   (g->p_fwe ? store_set_real(s, "/", "max_t_95", g->limit, e) : 0)
               ? -1
               : 0;
}
