/* SPDX-License-Identifier: MIT */
/* Confounds that are made of others: NAME24 of NAME (METHODS 3.5; Friston et al. 1996 took 24 of 6 motion parameters). */
#include <string.h>

#include "broca/responses.h"

/* values, first differences within runs (0 at the first row of a run), squares of both */
static void expand(double *to, const double *from, size_t k, const responses *r)
{
    for (size_t i = 0; i < r->n; i++) {
        size_t before = i;
        while (before-- > 0 && r->run[before] != r->run[i]) {}
        for (size_t j = 0; j < k; j++) {
            double value = from[i * k + j], step = before == SIZE_MAX ? 0 : value - from[before * k + j];
            double *row = to + i * 4 * k + j;
            row[0] = value;
            row[k] = step;
            row[2 * k] = value * value;
            row[3 * k] = step * step;
        }
    }
}

int responses_derive_confound(responses *r, const char *name, err *e)
{
    size_t n = name ? strlen(name) : 0, had = r->n_confounds;
    if (n < 3 || !str_ends(name, "24")) return 0;
    for (size_t i = 0; i < had; i++)
        if (str_same(r->confounds[i].name, name)) return 0;
    confound *all = arena_get(r->memory, (2 * had + 1) * sizeof *all, e);
    if (!all) return -1;
    if (had) memcpy(all, r->confounds, had * sizeof *all);
    r->confounds = all;
    for (size_t i = 0; i < had; i++) {
        const confound *base = &all[i];
        if (strlen(base->name) != n - 2 || strncmp(base->name, name, n - 2) != 0) continue;
        confound *c = &all[r->n_confounds];
        *c = (confound){ .subject = base->subject, .k = 4 * base->k };
        c->name = arena_text(r->memory, name, n, e);
        c->at = arena_get(r->memory, (r->n * c->k + 1) * sizeof *c->at, e);
        if (!c->name || !c->at) return -1;
        expand(c->at, base->at, base->k, r);
        r->n_confounds++;
    }
    return 0;
}
