/* SPDX-License-Identifier: MIT */
/* Split halves (METHODS 4.2): r between the means of two random halves of the replicates, averaged over folds and
 * neuroids of a ROI, Spearman-Brown, median over splits. */
#include <math.h>
#include <stdlib.h>

#include "data.h"

typedef struct {
    const ceiling_options *o;
    double *sum;     /* [entries×splits] of r */
    double *count;   /* [entries] tables */
    size_t *repeats; /* [entries] */
    size_t *order;   /* scratch [most repeats] */
    size_t room;
    size_t n_nan;
} halves;

/* Means over the two halves of each item; an item that lacks one of them is left out. Returns items kept. */
static size_t means(double *a, double *b, const double *cells, size_t items, size_t repeats, const size_t *order)
{
    size_t n = 0;
    for (size_t i = 0; i < items; i++) {
        double sum[2] = { 0 }, have[2] = { 0 };
        for (size_t k = 0; k < repeats; k++) {
            double x = cells[i * repeats + order[k]];
            int side = k >= repeats / 2;
            if (isnan(x)) continue;
            sum[side] += x;
            have[side]++;
        }
        if (have[0] == 0 || have[1] == 0) continue;
        a[n] = sum[0] / have[0];
        b[n++] = sum[1] / have[1];
    }
    return n;
}

static int take(void *into, const double *cells, size_t items, size_t repeats, size_t entry, err *e)
{
    halves *h = into;
    double *a = mem_new(2 * items, sizeof *a, e), *b = a ? a + items : NULL;
    void *order = h->order;
    if (!a) return -1;
    if (repeats > h->room) {
        if (mem_grow(&order, repeats, sizeof *h->order, e)) {
            free(a);
            return -1;
        }
        h->order = order;
        h->room = repeats;
    }
    for (size_t k = 0; k < h->o->splits; k++) {
        for (size_t i = 0; i < repeats; i++)
            h->order[i] = i;
        rng_shuffle(h->order, repeats, h->o->seed, RNG_SPLITS, (uint32_t)k, 0);
        double r = pearson(a, b, means(a, b, cells, items, repeats, h->order));
        if (isnan(r))
            h->n_nan++; /* constant half: 0 with a count, as in scores */
        else
            h->sum[entry * h->o->splits + k] += r;
    }
    h->count[entry]++;
    if (repeats > h->repeats[entry]) h->repeats[entry] = repeats;
    free(a);
    return 0;
}

int ceiling_halves(ceiling *c, const ceiling_data *d, const ceiling_options *o, err *e)
{
    int status = -1;
    halves h = { .o = o };
    double *rho = mem_new(o->splits, sizeof *rho, e);
    h.sum = mem_new(c->n * o->splits, sizeof *h.sum, e);
    h.count = mem_new(c->n, sizeof *h.count, e);
    h.repeats = mem_new(c->n, sizeof *h.repeats, e);
    if (!rho || !h.sum || !h.count || !h.repeats) goto done;
    for (size_t f = 0; f < d->folds; f++)
        if (ceiling_tables(d, f, o, take, &h, e)) goto done;
    for (size_t g = 0; g < c->n; g++) {
        double repeats = (double)h.repeats[g], m = o->average > 0 ? o->average : o->group ? repeats : 1;
        if (h.count[g] == 0) continue;
        for (size_t k = 0; k < o->splits; k++)
            rho[k] = spearman_brown(h.sum[g * o->splits + k] / h.count[g], 2);
        double reliability = median_f8(rho, o->splits); /* of the mean of all replicates */
        c->n_subjects[g] = (int32_t)h.repeats[g];
        c->mean_r[g] = spearman_brown(reliability, 1 / repeats);
        c->value[g] = reliability > 0 ? sqrt(spearman_brown(reliability, m / repeats)) : NAN;
    }
    c->n_nan = h.n_nan;
    status = 0;
done:
    free(rho);
    free(h.sum);
    free(h.count);
    free(h.repeats);
    free(h.order);
    return status;
}
