/* SPDX-License-Identifier: MIT */
/* How alike two selections are: of two random halves (METHODS 6.4), of two stimulus sets. Beside each measure, what two
 * sets of these sizes share by chance. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "heldout.h"

static void overlap_of(localizer_overlap *o, const uint8_t *a, const uint8_t *b, size_t n)
{
    for (size_t u = 0; u < n; u++) {
        o->selected += a[u] != 0;
        o->other_selected += b[u] != 0;
        o->common += a[u] && b[u];
    }
    o->units += n;
}

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

static void overlap_end(localizer_overlap *o)
{
    double a = (double)o->selected, b = (double)o->other_selected, both = (double)o->common;
    double expected = share(a * b, (double)o->units);
    o->dice = share(2 * both, a + b);
    o->jaccard = share(both, a + b - both);
    o->chance_dice = share(2 * expected, a + b);
    o->chance_jaccard = share(expected, a + b - expected);
}

/* r over the units that have a finite t in both; a and b are overwritten. */
static double r_of_maps(double *a, double *b, size_t n)
{
    size_t m = 0;
    for (size_t u = 0; u < n; u++)
        if (isfinite(a[u]) && isfinite(b[u])) {
            a[m] = a[u];
            b[m++] = b[u];
        }
    return m > 1 ? pearson(a, b, m) : NAN;
}

int heldout_stability(localizer_heldout *out, heldout_space *s, double *t, err *e)
{
    uint8_t *selected = mem_new(2 * s->units, 1, e);
    int status = -1;
    if (!selected) goto done;
    for (size_t k = 0; k < s->o->splits; k++) {
        localizer_overlap o = { 0 };
        if (heldout_split(s, (uint32_t)k + 1, e)) goto done;
        for (int h = 0; h < 2; h++) {
            double *map = t + (size_t)h * s->units;
            if (heldout_map(map, s, h, s->part[h].label, s->part[h].tokens, 1, e)) goto done;
            if (select_units(selected + (size_t)h * s->units, map, NULL, s->in, s->units, &s->pick, NULL, e) ==
                SIZE_MAX)
                goto done;
        }
        overlap_of(&o, selected, selected + s->units, s->units);
        overlap_end(&o);
        out->split_dice[k] = o.dice;
        out->split_jaccard[k] = o.jaccard;
        out->split_r[k] = r_of_maps(t, t + s->units, s->units);
        out->chance_dice = o.chance_dice;
        out->chance_jaccard = o.chance_jaccard;
    }
    status = 0;
done:
    free(selected);
    return status;
}

/* ---- another localizer file ---- */

typedef struct {
    double *a, *b;
    size_t n;
} joined;

static int join_tap(joined *j, localizer_overlap *o, const localizer_tap *t, store *s, err *e)
{
    char name[300];
    uint8_t *selected = NULL;
    double *map = NULL;
    size_t n = 0, m = 0;
    void *a = j->a, *b = j->b;
    int status = -1;
    snprintf(name, sizeof name, "tap/%.200s/selected", t->name);
    if (store_read_u1(s, name, &selected, &n, e)) goto done;
    snprintf(name, sizeof name, "tap/%.200s/t", t->name);
    if (store_read_f8(s, name, &map, &m, e)) goto done;
    if (n != t->d || m != t->d) {
        err_set(e, ERR_INPUT, "%s: tap %s has %zu units, here it has %zu", store_path(s), t->name, n, t->d);
        err_hint(e, "the other localizer must be of the same model");
        goto done;
    }
    if (mem_grow(&a, j->n + n, sizeof(double), e)) goto done;
    j->a = a;
    if (mem_grow(&b, j->n + n, sizeof(double), e)) goto done;
    j->b = b;
    memcpy(j->a + j->n, t->t, n * sizeof(double));
    memcpy(j->b + j->n, map, n * sizeof(double));
    j->n += n;
    overlap_of(o, t->selected, selected, n);
    status = 0;
done:
    free(selected);
    free(map);
    return status;
}

int localizer_compare(localizer_overlap *out, const localizer *l, const char *path, err *e)
{
    store *s = NULL;
    joined j = { 0 };
    int status = -1;
    char name[300];
    *out = (localizer_overlap){ 0 };
    if (store_open(&s, path, "localizer", e)) goto done;
    for (size_t k = 0; k < l->n_taps; k++) {
        snprintf(name, sizeof name, "tap/%.200s/selected", l->taps[k].name);
        if (store_has(s, name) && join_tap(&j, out, &l->taps[k], s, e)) goto done;
    }
    if (j.n == 0) {
        err_set(e, ERR_INPUT, "%s: it has none of these taps", path);
        goto done;
    }
    overlap_end(out);
    out->r = r_of_maps(j.a, j.b, j.n);
    status = 0;
done:
    if (status) err_while(e, "comparing with the localizer %s", path);
    store_close(s);
    free(j.a);
    free(j.b);
    return status;
}
