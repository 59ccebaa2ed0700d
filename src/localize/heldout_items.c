/* SPDX-License-Identifier: MIT */
/* The items of a contrast in two halves, the units' standardised values of items, and the test over items. */
#include <math.h>
#include <stdlib.h>

#include "heldout.h"

/* ---- the two halves ---- */

static void half_free(half_items *h)
{
    free(h->item);
    free(h->label);
    free(h->tokens);
    free(h->axis);
}

static int half_new(half_items *h, size_t n, err *e)
{
    h->item = mem_new(n, sizeof *h->item, e);
    h->label = mem_new(n, 1, e);
    h->tokens = mem_new(n, sizeof *h->tokens, e);
    h->axis = mem_new(n, sizeof *h->axis, e);
    return h->item && h->label && h->tokens && h->axis ? 0 : -1;
}

int heldout_split(heldout_space *s, uint32_t number, err *e)
{
    size_t n = s->m->n_pos + s->m->n_neg;
    if (localize_halves(s->half, s->in, s->o->seed, number, e)) return -1;
    for (int k = 0; k < 2; k++)
        s->part[k].n = s->part[k].pos = 0;
    for (size_t i = 0; i < n; i++) {
        bool positive = i < s->m->n_pos;
        size_t item = positive ? s->m->pos[i] : s->m->neg[i - s->m->n_pos];
        half_items *h = &s->part[s->half[item]];
        h->item[h->n] = item;
        h->label[h->n] = positive;
        h->tokens[h->n++] = s->in->tokens ? s->in->tokens[item] : 0;
        h->pos += positive;
    }
    for (int k = 0; k < 2; k++)
        unit_axis(s->part[k].axis, s->part[k].tokens, s->part[k].n);
    return 0;
}

int heldout_map(double *t, const heldout_space *s, int which, const uint8_t *label, const double *tokens, size_t count,
                err *e)
{
    const half_items *h = &s->part[which];
    design_items v = { s->in, h->n, h->item, s->m->covariate ? h->tokens : NULL, h->axis, s->o->absolute };
    return designs_t(t, &v, label, tokens, count, s->units, e);
}

/* ---- values of items ---- */

/* Mean and sd of each unit over all items that have a condition. */
static int unit_scales(heldout_space *s, err *e)
{
    s->centre = mem_new(s->units, sizeof *s->centre, e);
    s->scale = mem_new(s->units, sizeof *s->scale, e);
    if (!s->centre || !s->scale) return -1;
    for (size_t k = 0, first = 0; k < s->in->n_taps; first += s->in->taps[k++].d) {
        const localize_tap *tap = &s->in->taps[k];
#pragma omp parallel for schedule(static) num_threads(threads_count())
        for (size_t u = 0; u < tap->d; u++) {
            double sum = 0, square = 0, n = 0;
            for (size_t i = 0; i < s->in->n; i++)
                if (item_counts(s->in, i)) {
                    sum += item_value(s, tap, i, u);
                    n++;
                }
            for (size_t i = 0; i < s->in->n; i++)
                if (item_counts(s->in, i)) square += pow(item_value(s, tap, i, u) - sum / n, 2);
            s->centre[first + u] = sum / n;
            s->scale[first + u] = sqrt(square / n);
        }
    }
    return 0;
}

void heldout_values(double *value, const heldout_space *s, const uint8_t *selected, const size_t *item, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double sum = 0, units = 0;
        for (size_t k = 0, first = 0; k < s->in->n_taps; first += s->in->taps[k++].d) {
            const localize_tap *tap = &s->in->taps[k];
            for (size_t u = 0; u < tap->d; u++)
                if (selected[first + u] && s->scale[first + u] > 0) {
                    sum += (item_value(s, tap, item[i], u) - s->centre[first + u]) / s->scale[first + u];
                    units++;
                }
        }
        value[i] = units > 0 ? sum / units : NAN;
    }
}

t_result heldout_test(const heldout_space *s, const double *value, const uint8_t *label, const double *tokens, size_t n,
                      double *work)
{
    double *v = work, *c = v + n;
    size_t pos = 0, neg = 0, n_pos = 0;
    for (size_t i = 0; i < n; i++)
        n_pos += label[i];
    for (size_t i = 0; i < n; i++) {
        size_t at = label[i] ? pos++ : n_pos + neg++;
        v[at] = value[i];
        c[at] = tokens[i];
    }
    return s->m->covariate ? covariate_t(v, c, n_pos, v + n_pos, c + n_pos, neg) : welch(v, n_pos, v + n_pos, neg);
}

double largest_of(const double *t, size_t n)
{
    double most = -INFINITY;
    for (size_t i = 0; i < n; i++)
        if (t[i] > most) most = t[i];
    return most;
}

/* ---- the space ---- */

int heldout_open(heldout_space *s, err *e)
{
    size_t n = s->m->n_pos + s->m->n_neg;
    s->half = mem_new(s->in->n, 1, e);
    s->work = mem_new(2 * n, sizeof *s->work, e);
    return !s->half || !s->work || half_new(&s->part[0], n, e) || half_new(&s->part[1], n, e) || unit_scales(s, e) ||
                   heldout_split(s, 0, e)
               ? -1
               : 0;
}

void heldout_close(heldout_space *s)
{
    half_free(&s->part[0]);
    half_free(&s->part[1]);
    free(s->half);
    free(s->work);
    free(s->centre);
    free(s->scale);
}
