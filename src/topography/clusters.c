/* SPDX-License-Identifier: MIT */
/* Clusters grown from peaks, best neighbour first (METHODS 8.10). A heap holds the border of the growing cluster. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "parts.h"

typedef struct {
    size_t *at, n;
    const double *height;
} heap;

/* Higher first; ties: the smaller number. */
static bool before(const double *height, size_t a, size_t b)
{
    return height[a] != height[b] ? height[a] > height[b] : a < b;
}

static void push(heap *h, size_t unit)
{
    size_t i = h->n++;
    for (; i && before(h->height, unit, h->at[(i - 1) / 2]); i = (i - 1) / 2)
        h->at[i] = h->at[(i - 1) / 2];
    h->at[i] = unit;
}

static size_t pop(heap *h)
{
    size_t top = h->at[0], last = h->at[--h->n], i = 0;
    for (size_t child; (child = 2 * i + 1) < h->n; i = child) {
        if (child + 1 < h->n && before(h->height, h->at[child + 1], h->at[child])) child++;
        if (!before(h->height, h->at[child], last)) break;
        h->at[i] = h->at[child];
    }
    h->at[i] = last;
    return top;
}

typedef struct {
    const graph *g;
    double *height;    /* sign·map */
    uint8_t *seen;     /* in a cluster or on a border */
    size_t *seeds, *border;
} growth;

static void growth_free(growth *w)
{
    free(w->height);
    free(w->seen);
    free(w->seeds);
    free(w->border);
}

static int growth_new(growth *w, const graph *g, err *e)
{
    *w = (growth){ .g = g };
    w->height = mem_new(g->n, sizeof *w->height, e);
    w->seen = mem_new(g->n, 1, e);
    w->seeds = mem_new(g->n, sizeof *w->seeds, e);
    w->border = mem_new(g->n, sizeof *w->border, e);
    return w->height && w->seen && w->seeds && w->border ? 0 : -1;
}

/* Grows one cluster from seed; joined [..] gets its units in order, the count is returned. */
static size_t grow(growth *w, size_t seed, double threshold, size_t *joined)
{
    heap border = { w->border, 0, w->height };
    size_t n = 0;
    w->seen[seed] = 1;
    push(&border, seed);
    while (border.n) {
        size_t unit = pop(&border);
        joined[n++] = unit;
        for (size_t j = w->g->begin[unit]; j < w->g->begin[unit + 1]; j++) {
            size_t next = w->g->to[j];
            if (w->seen[next] || !(w->height[next] >= threshold)) continue; /* NaN is not >= */
            w->seen[next] = 1;
            push(&border, next);
        }
    }
    return n;
}

/* Seeds: units >= least_peak, highest first: a heap emptied in order. */
static size_t find_seeds(growth *w, double least_peak)
{
    heap h = { w->border, 0, w->height };
    size_t n = 0;
    for (size_t i = 0; i < w->g->n; i++)
        if (w->height[i] >= least_peak) push(&h, i);
    while (h.n)
        w->seeds[n++] = pop(&h);
    return n;
}

static void set_heights(growth *w, const double *map, int sign, const size_t *order)
{
    for (size_t i = 0; i < w->g->n; i++) {
        w->height[i] = (sign < 0 ? -1 : 1) * map[order ? order[i] : i];
        w->seen[i] = 0;
    }
}

static int check_rule(const cluster_rule *rule, err *e)
{
    if (!isnan(rule->threshold) && rule->least_peak >= rule->threshold) return 0;
    err_set(e, ERR_USAGE, "the least peak %g is below the threshold %g", rule->least_peak, rule->threshold);
    return err_hint(e, "a cluster is the connected part of {map >= threshold} that holds a peak >= least peak");
}

static int clusters_new(clusters **out, size_t n, size_t most, err *e)
{
    clusters *c = mem_new(1, sizeof *c, e);
    if (!c) return -1;
    c->n = n;
    c->label = mem_new(n, sizeof *c->label, e);
    c->size = mem_new(most, sizeof *c->size, e);
    c->peak_unit = mem_new(most, sizeof *c->peak_unit, e);
    c->peak = mem_new(most, sizeof *c->peak, e);
    c->mass = mem_new(most, sizeof *c->mass, e);
    c->keep = mem_new(most, 1, e);
    c->grown = mem_new(n, sizeof *c->grown, e);
    if (!c->label || !c->size || !c->peak_unit || !c->peak || !c->mass || !c->keep || !c->grown) {
        clusters_free(c);
        return -1;
    }
    *out = c;
    return 0;
}

int clusters_grow(clusters **out, const graph *g, const double *map, const cluster_rule *rule, err *e)
{
    growth w;
    clusters *c = NULL;
    int status = -1;
    *out = NULL;
    if (check_rule(rule, e)) return -1;
    if (growth_new(&w, g, e)) goto done;
    set_heights(&w, map, rule->sign, NULL);
    size_t seeds = find_seeds(&w, rule->least_peak);
    if (clusters_new(&c, g->n, seeds, e)) goto done;
    for (size_t s = 0; s < seeds; s++) {
        size_t k = c->count, *joined = c->grown + c->grown_n;
        if (w.seen[w.seeds[s]]) continue;
        c->size[k] = grow(&w, w.seeds[s], rule->threshold, joined);
        c->peak_unit[k] = w.seeds[s];
        c->peak[k] = map[w.seeds[s]];
        for (size_t i = 0; i < c->size[k]; i++) {
            c->label[joined[i]] = (int32_t)(k + 1);
            c->mass[k] += map[joined[i]];
        }
        c->keep[k] = c->size[k] >= rule->least_size;
        c->grown_n += c->size[k];
        c->count++;
    }
    *out = c;
    c = NULL;
    status = 0;
done:
    growth_free(&w);
    clusters_free(c);
    return status;
}

static double largest_mass(growth *w, const cluster_rule *rule, size_t *joined)
{
    double largest = 0;
    size_t seeds = find_seeds(w, rule->least_peak);
    for (size_t s = 0; s < seeds; s++) {
        double mass = 0;
        if (w->seen[w->seeds[s]]) continue;
        size_t n = grow(w, w->seeds[s], rule->threshold, joined);
        for (size_t i = 0; i < n; i++)
            mass += w->height[joined[i]];
        if (mass > largest) largest = mass;
    }
    return largest;
}

int clusters_null(double *null, size_t count, const graph *g, const double *map, const cluster_rule *rule, uint64_t seed,
                  uint32_t number, err *e)
{
    size_t threads = (size_t)threads_count(), made = 0;
    int status = -1;
    growth *w = mem_new(threads, sizeof *w, e);
    size_t *order = mem_new(threads * g->n, sizeof *order, e), *joined = mem_new(threads * g->n, sizeof *joined, e);
    if (!w || !order || !joined || check_rule(rule, e)) goto done;
    for (; made < threads; made++)
        if (growth_new(&w[made], g, e)) {
            made++; /* what it reached is freed */
            goto done;
        }
#pragma omp parallel for schedule(static) num_threads(threads_count())
    for (size_t k = 0; k < count; k++) {
        size_t me = (size_t)omp_get_thread_num(), *own = order + me * g->n;
        shuffled(own, g->n, seed, RNG_POSITIONS, (uint32_t)k, number);
        set_heights(&w[me], map, rule->sign, own);
        null[k] = largest_mass(&w[me], rule, joined + me * g->n);
    }
    status = 0;
done:
    for (size_t i = 0; w && i < made; i++)
        growth_free(&w[i]);
    free(w);
    free(order);
    free(joined);
    return status;
}

void clusters_free(clusters *c)
{
    if (!c) return;
    free(c->label);
    free(c->size);
    free(c->peak_unit);
    free(c->peak);
    free(c->mass);
    free(c->keep);
    free(c->grown);
    free(c);
}
