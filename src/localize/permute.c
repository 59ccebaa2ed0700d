/* SPDX-License-Identifier: MIT */
/* p of every unit by permuted labels, in place of Student's: the share of permutations in which |t| is at least the one
 * observed, the observed one counted (Phipson & Smyth 2010). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

enum { AT_ONCE = 32 };

/* Labels and tokens of the items of m, dealt anew over them: number 0 is what was observed. */
static int deal(uint8_t *label, double *tokens, const t_map *m, const double *own, size_t number, uint64_t seed, err *e)
{
    size_t n = m->n_pos + m->n_neg, *order = mem_new(n, sizeof *order, e);
    if (!order) return -1;
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    if (number) rng_shuffle(order, n, seed, RNG_SPLITS, (uint32_t)number, DRAW_LABELS);
    for (size_t i = 0; i < n; i++) {
        label[i] = order[i] < m->n_pos;
        tokens[i] = own[order[i]];
    }
    free(order);
    return 0;
}

static void count_larger(uint32_t *larger, const double *t, const t_map *m, size_t many, size_t units)
{
#pragma omp parallel for schedule(static) num_threads(threads_count())
    for (size_t u = 0; u < units; u++) {
        double own = fabs(m->result[u].t) * (1 - 1e-9); /* equal ones differ by rounding */
        for (size_t k = 0; k < many; k++)
            larger[u] += fabs(t[k * units + u]) >= own;
    }
}

int map_permute(t_map *m, const localize_input *in, size_t units, const localize_options *o, err *e)
{
    size_t n = m->n_pos + m->n_neg;
    size_t *item = mem_new(n, sizeof *item, e);
    double *own = mem_new(n, sizeof *own, e), *axis = mem_new(n, sizeof *axis, e);
    double *tokens = mem_new(AT_ONCE * n, sizeof *tokens, e), *t = mem_new(AT_ONCE * units, sizeof *t, e);
    uint8_t *label = mem_new(AT_ONCE * n, 1, e);
    uint32_t *larger = mem_new(units, sizeof *larger, e);
    int status = -1;
    if (!item || !own || !axis || !tokens || !t || !label || !larger) goto done;
    for (size_t i = 0; i < n; i++)
        item[i] = i < m->n_pos ? m->pos[i] : m->neg[i - m->n_pos];
    for (size_t i = 0; i < n; i++)
        own[i] = in->tokens ? in->tokens[item[i]] : 0;
    unit_axis(axis, own, n);
    design_items v = { in, n, item, m->covariate ? own : NULL, axis, o->absolute };
    for (size_t k = 1; k <= o->permutations; k += AT_ONCE) {
        size_t many = o->permutations - k + 1 < AT_ONCE ? o->permutations - k + 1 : AT_ONCE;
        for (size_t i = 0; i < many; i++)
            if (deal(label + i * n, tokens + i * n, m, own, k + i, o->seed, e)) goto done;
        if (designs_t(t, &v, label, tokens, many, units, e)) goto done;
        count_larger(larger, t, m, many, units);
        if (interrupted()) {
            err_set(e, ERR_INTERRUPTED, "interrupted after %zu of %zu permutations", k + many - 1, o->permutations);
            goto done;
        }
    }
    for (size_t u = 0; u < units; u++) {
        if (!isfinite(m->result[u].t)) continue;
        m->result[u].p = (1 + (double)larger[u]) / (1 + (double)o->permutations);
        m->result[u].log_p = log(m->result[u].p);
    }
    status = 0;
done:
    free(item);
    free(own);
    free(axis);
    free(tokens);
    free(t);
    free(label);
    free(larger);
    return status;
}
