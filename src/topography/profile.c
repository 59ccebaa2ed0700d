/* SPDX-License-Identifier: MIT */
/* What clusters, and the selected units of a tap, do on items that made neither of them (METHODS 6.5, 8.10): clusters
 * grow on the t map of the items that are not held out; each unit is z-scored over all items; a cluster's response to
 * an item is the mean over its units (not a sum: clusters differ in size), a profile the mean over the held-out items
 * of each condition. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "analyse.h"

/* t of the items that are not held out. Columns: the contrast's items, first condition first. */
typedef struct {
    size_t n_pos, n_neg, *item;
    double *covariate; /* NULL: Welch */
} first_items;

static int first_new(first_items *f, const topography_items *items, err *e)
{
    size_t n = 0;
    *f = (first_items){ .item = mem_new(items->n, sizeof *f->item, e) };
    if (!f->item || (items->covariate && !(f->covariate = mem_new(items->n, sizeof *f->covariate, e)))) return -1;
    for (int side = 1; side >= 0; side--)
        for (size_t i = 0; i < items->n; i++)
            if (items->side[i] == side && !items->held[i]) {
                if (f->covariate) f->covariate[n] = items->covariate[i];
                f->item[n++] = i;
                if (side)
                    f->n_pos++;
                else
                    f->n_neg++;
            }
    return 0;
}

static t_result first_test(const first_items *f, const double *row, double *room)
{
    size_t n = f->n_pos + f->n_neg;
    for (size_t i = 0; i < n; i++)
        room[i] = row[f->item[i]];
    return f->covariate ? covariate_t(room, f->covariate, f->n_pos, room + f->n_pos, f->covariate + f->n_pos, f->n_neg)
                        : welch(room, f->n_pos, room + f->n_pos, f->n_neg);
}

/* Over all maps: t [units] and q [units], Benjamini-Hochberg over all of them together, as localize does. */
static int first_maps(double *t, double *q, const topography_input *taps, size_t n, const topography_items *items,
                      err *e)
{
    first_items f;
    size_t units = 0, first = 0;
    double *p = NULL, *room = NULL;
    int status = -1;
    for (size_t k = 0; k < n; k++)
        units += taps[k].d;
    if (first_new(&f, items, e)) goto done;
    p = mem_new(units, sizeof *p, e);
    room = mem_new((size_t)threads_count() * items->n, sizeof *room, e);
    if (!p || !room) goto done;
    for (size_t k = 0; k < n; first += taps[k++].d) {
#pragma omp parallel for schedule(static) num_threads(threads_count())
        for (size_t u = 0; u < taps[k].d; u++) {
            t_result r = first_test(&f, taps[k].all + u * items->n, room + (size_t)omp_get_thread_num() * items->n);
            t[first + u] = r.t;
            p[first + u] = isfinite(r.t) ? r.p : (double)NAN;
        }
    }
    status = benjamini_hochberg(p, units, q, e);
done:
    free(f.item);
    free(f.covariate);
    free(p);
    free(room);
    return status;
}

/* Adds the z of a unit to sum [n]; false: it does not vary. */
static bool add_unit(double *sum, const double *row, const topography_items *items)
{
    double mean = 0, square = 0, n = 0;
    for (size_t i = 0; i < items->n; i++)
        if (items->label[i] >= 0 || items->side[i] >= 0) {
            mean += row[i];
            n++;
        }
    mean /= n;
    for (size_t i = 0; i < items->n; i++)
        if (items->label[i] >= 0 || items->side[i] >= 0) square += (row[i] - mean) * (row[i] - mean);
    double sd = sqrt(square / n);
    if (!(sd > 0)) return false;
    for (size_t i = 0; i < items->n; i++)
        sum[i] += (row[i] - mean) / sd;
    return true;
}

/* The profile of the units with member[u] == which. */
static int profile_units(topography_profile *out, const topography_input *tap, const int32_t *member, int32_t which,
                         const topography_items *items, double *sum, int32_t *label, err *e)
{
    size_t units = 0, held = 0;
    memset(sum, 0, items->n * sizeof *sum);
    for (size_t u = 0; u < tap->d; u++)
        if (member[u] == which) units += add_unit(sum, tap->all + u * items->n, items);
    out->units = units;
    if (!units) return 0;
    for (size_t i = 0; i < items->n; i++)
        if (items->held[i]) {
            label[held] = items->label[i];
            sum[held++] = sum[i] / (double)units;
        }
    if (!(out->row = mem_new(items->n_labels, sizeof *out->row, e))) return -1;
    out->n = profile_by_label(out->row, sum, label, held, items->n_labels);
    return 0;
}

static topography_profile *add_profile(topography *t, err *e)
{
    void *list = t->profile;
    if (mem_grow(&list, t->n_profiles + 1, sizeof *t->profile, e)) return NULL;
    t->profile = list;
    t->profile[t->n_profiles] = (topography_profile){ 0 };
    return &t->profile[t->n_profiles++];
}

typedef struct {
    const topography_input *in;
    const topography_items *items;
    const topography_options *o;
    const double *t, *q;
    double *sum, *map;
    int32_t *label, *member;
} held_space;

static int profile_clusters(topography *t, size_t k, const held_space *s, int side, err *e)
{
    topography_tap *a = &t->taps[k];
    clusters **grown = &a->first_half[side];
    cluster_rule rule;
    graph *g = NULL;
    int status = -1;
    if (!significant(s->map, &rule, s->t, s->q, a->d, s->o, side ? -1 : 1)) return 0;
    if (tap_graph(&g, a, s->o, !s->o->four, e) || clusters_grow(grown, g, s->map, &rule, e)) goto done;
    for (size_t c = 0; c < (*grown)->count; c++) {
        topography_profile *p;
        if (!(*grown)->keep[c]) continue;
        if (!(p = add_profile(t, e))) goto done;
        p->tap = k;
        p->sign = side ? -1 : 1;
        p->cluster = c + 1;
        p->peak_unit = (*grown)->peak_unit[c];
        if (profile_units(p, s->in, (*grown)->label, (int32_t)c + 1, s->items, s->sum, s->label, e)) goto done;
    }
    status = 0;
done:
    graph_free(g);
    return status;
}

static int profile_selected(topography *t, size_t k, const held_space *s, err *e)
{
    topography_profile *p;
    if (!s->in->first) return 0;
    for (size_t u = 0; u < s->in->d; u++)
        s->member[u] = s->in->first[u];
    if (!(p = add_profile(t, e))) return -1;
    p->tap = k;
    return profile_units(p, s->in, s->member, 1, s->items, s->sum, s->label, e);
}

static int keep_labels(topography *t, const topography_items *items, err *e)
{
    if (!(t->label = mem_new(items->n_labels, sizeof *t->label, e))) return -1;
    for (; t->n_labels < items->n_labels; t->n_labels++)
        if (!(t->label[t->n_labels] = mem_text(items->labels[t->n_labels], e))) return -1;
    return 0;
}

int topography_profiles(topography *t, const topography_input *taps, const topography_items *items,
                        const topography_options *o, err *e)
{
    size_t units = 0, widest = 0, first = 0;
    double *map = NULL, *q = NULL;
    held_space s = { .items = items, .o = o };
    int status = -1;
    for (size_t k = 0; k < t->n; k++) {
        units += taps[k].d;
        if (taps[k].d > widest) widest = taps[k].d;
    }
    map = mem_new(units, sizeof *map, e);
    q = mem_new(units, sizeof *q, e);
    s.sum = mem_new(items->n, sizeof *s.sum, e);
    s.label = mem_new(items->n, sizeof *s.label, e);
    s.map = mem_new(widest, sizeof *s.map, e);
    s.member = mem_new(widest, sizeof *s.member, e);
    if (!map || !q || !s.sum || !s.label || !s.map || !s.member || keep_labels(t, items, e)) goto done;
    if (first_maps(map, q, taps, t->n, items, e)) goto done;
    for (size_t k = 0; k < t->n; first += taps[k++].d) {
        s.in = &taps[k];
        s.t = map + first;
        s.q = q + first;
        if (profile_selected(t, k, &s, e) || profile_clusters(t, k, &s, 0, e) || profile_clusters(t, k, &s, 1, e))
            goto done;
    }
    status = 0;
done:
    if (status) err_while(e, "making profiles of held-out items");
    free(map);
    free(q);
    free(s.sum);
    free(s.label);
    free(s.map);
    free(s.member);
    return status;
}
