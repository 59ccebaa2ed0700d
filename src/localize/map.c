/* SPDX-License-Identifier: MIT */
/* t of every unit, then the units that are selected by it. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

typedef struct {
    double *pos, *neg, *token_pos, *token_neg;
} columns;

static double value_of(float x, bool absolute)
{
    return absolute ? fabs((double)x) : (double)x;
}

static void unit_test(t_map *m, size_t at, const float *x, size_t d, const columns *c, const localize_options *o)
{
    for (size_t i = 0; i < m->n_pos; i++)
        c->pos[i] = value_of(x[m->pos[i] * d], o->absolute);
    for (size_t i = 0; i < m->n_neg; i++)
        c->neg[i] = value_of(x[m->neg[i] * d], o->absolute);
    m->mean_pos[at] = mean_f8(c->pos, m->n_pos);
    m->mean_neg[at] = mean_f8(c->neg, m->n_neg);
    m->result[at] = m->covariate ? covariate_t(c->pos, c->token_pos, m->n_pos, c->neg, c->token_neg, m->n_neg)
                    : o->test == LOCALIZE_PAIRED     ? paired(c->pos, c->neg, m->n_pos)
                    : o->test == LOCALIZE_ONE_SAMPLE ? one_sample(c->pos, m->n_pos, 0)
                                                     : welch(c->pos, m->n_pos, c->neg, m->n_neg);
}

/* p of units with ±inf are out of the family, like the units themselves. */
static int adjust(t_map *m, size_t units, err *e)
{
    double *p = mem_new(units, sizeof *p, e);
    int status = -1;
    if (!p) return -1;
    for (size_t u = 0; u < units; u++)
        p[u] = isfinite(m->result[u].t) ? m->result[u].p : NAN;
    status = benjamini_hochberg(p, units, m->q, e);
    free(p);
    return status;
}

int map_make(t_map *m, const localize_input *in, size_t units, const localize_options *o, err *e)
{
    size_t room = m->n_pos + m->n_neg, threads = (size_t)threads_count(), first = 0;
    double *values = mem_new(threads * room, sizeof *values, e), *tokens = mem_new(room, sizeof *tokens, e);
    int status = -1;
    m->result = mem_new(units, sizeof *m->result, e);
    m->q = mem_new(units, sizeof *m->q, e);
    m->mean_pos = mem_new(units, sizeof *m->mean_pos, e);
    m->mean_neg = mem_new(units, sizeof *m->mean_neg, e);
    m->selected = mem_new(units, 1, e);
    if (!values || !tokens || !m->result || !m->q || !m->mean_pos || !m->mean_neg || !m->selected) goto done;
    for (size_t i = 0; m->covariate && i < room; i++)
        tokens[i] = in->tokens[i < m->n_pos ? m->pos[i] : m->neg[i - m->n_pos]];
    for (size_t k = 0; k < in->n_taps; k++) {
        const localize_tap *tap = &in->taps[k];
        double *one = values;
#pragma omp parallel for schedule(static) num_threads(threads_count())
        for (size_t u = 0; u < tap->d; u++) {
            double *own = one + (size_t)omp_get_thread_num() * room;
            columns c = { own, own + m->n_pos, tokens, tokens + m->n_pos };
            unit_test(m, first + u, tap->x + u, tap->d, &c, o);
        }
        first += tap->d;
    }
    if (o->test == LOCALIZE_PERMUTATION && map_permute(m, in, units, o, e)) goto done;
    status = adjust(m, units, e);
done:
    free(values);
    free(tokens);
    return status;
}

typedef struct {
    double t;
    size_t unit;
} ranked;

static int by_t_descending(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->t != y->t) return x->t > y->t ? -1 : 1;
    return (x->unit > y->unit) - (x->unit < y->unit);
}

/* Number of entries of the sorted list that share the first k distinct values of t: the published selection ranks by
 * unique(-t), so that units with equal t come together (METHODS 6.1, traps). */
static size_t end_of_ranks(const ranked *list, size_t n, size_t k)
{
    size_t ranks = 0, i = 0;
    for (; i < n; i++) {
        ranks += i == 0 || list[i].t != list[i - 1].t;
        if (ranks > k) break;
    }
    return i;
}

static size_t top_of(size_t count, const localize_options *o)
{
    return (size_t)floor(o->fraction * (double)count + (o->truncate ? 1e-9 : 0.5));
}

/* Selects in one pool of units [first, first + count); how many more it was asked for than there are. */
static size_t select_pool(uint8_t *selected, const double *t, const double *q, ranked *list, size_t first, size_t count,
                          const localize_options *o)
{
    size_t n = 0, begin = 0, end = 0;
    for (size_t u = first; u < first + count; u++) {
        if (isnan(t[u]) || (!o->ranks && isinf(t[u]))) continue;
        if (o->select == PICK_Q) selected[u] = q[u] < o->q && t[u] > 0;
        list[n++] = (ranked){ t[u], u };
    }
    if (o->select == PICK_Q) return 0;
    qsort(list, n, sizeof *list, by_t_descending);
    if (o->select == PICK_TOP) end = top_of(count, o);
    if (o->select == PICK_COUNT) end = o->count;
    if (o->select == PICK_RANGE) { /* percentiles count from the lowest t */
        begin = n - (size_t)floor(o->to / 100 * (double)n + 0.5);
        end = n - (size_t)floor(o->from / 100 * (double)n + 0.5);
    } else if (o->ranks) {
        end = end_of_ranks(list, n, end);
    }
    for (size_t i = begin; i < end && i < n; i++)
        selected[list[i].unit] = 1;
    return end > n ? end - n : 0;
}

size_t select_units(uint8_t *selected, const double *t, const double *q, const localize_input *in, size_t units,
                    const localize_options *o, size_t *missing, err *e)
{
    ranked *list = mem_new(units, sizeof *list, e);
    size_t n = 0, beyond = 0;
    if (!list) return SIZE_MAX;
    memset(selected, 0, units);
    if (o->per_layer) {
        for (size_t k = 0, first = 0; k < in->n_taps; first += in->taps[k++].d)
            beyond += select_pool(selected, t, q, list, first, in->taps[k].d, o);
    } else {
        beyond = select_pool(selected, t, q, list, 0, units, o);
    }
    free(list);
    if (missing) *missing = beyond;
    for (size_t u = 0; u < units; u++)
        n += selected[u];
    return n;
}

int map_select(t_map *m, const localize_input *in, size_t units, const localize_options *o, err *e)
{
    double *t = mem_new(units, sizeof *t, e);
    size_t missing = 0;
    if (!t) return -1;
    for (size_t u = 0; u < units; u++)
        t[u] = m->result[u].t;
    m->n_selected = select_units(m->selected, t, m->q, in, units, o, &missing, e);
    free(t);
    if (missing) log_warn("%zu units more were to be selected than have a finite t", missing);
    return m->n_selected == SIZE_MAX ? -1 : 0;
}

void map_free(t_map *m)
{
    free(m->pos);
    free(m->neg);
    free(m->result);
    free(m->q);
    free(m->mean_pos);
    free(m->mean_neg);
    free(m->selected);
}
