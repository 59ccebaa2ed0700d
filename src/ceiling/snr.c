/* SPDX-License-Identifier: MIT */
/* Signal-to-noise ceiling (METHODS 4.3): both variances averaged over folds and neuroids of a ROI, then the root. */
#include <math.h>
#include <stdlib.h>

#include "data.h"

typedef struct {
    double *noise, *signal, *count; /* [entries] */
    size_t *repeats;
} variances;

static int take(void *into, const double *cells, size_t items, size_t repeats, size_t entry, err *e)
{
    variances *v = into;
    double noise, signal;
    if (snr_variances(cells, items, repeats, &noise, &signal))
        return err_set(e, ERR_INPUT, "fewer than 2 items with two presentations or more");
    v->noise[entry] += noise;
    v->signal[entry] += signal;
    v->count[entry]++;
    if (repeats > v->repeats[entry]) v->repeats[entry] = repeats;
    return 0;
}

int ceiling_snr(ceiling *c, const ceiling_data *d, const ceiling_options *o, err *e)
{
    int status = -1;
    variances v = { mem_new(c->n, sizeof(double), e), mem_new(c->n, sizeof(double), e),
                    mem_new(c->n, sizeof(double), e), mem_new(c->n, sizeof(size_t), e) };
    if (!v.noise || !v.signal || !v.count || !v.repeats) goto done;
    for (size_t f = 0; f < d->folds; f++)
        if (ceiling_tables(d, f, o, take, &v, e)) goto done;
    for (size_t g = 0; g < c->n; g++) {
        double m = o->average > 0 ? o->average : o->group ? (double)v.repeats[g] : 1;
        if (v.count[g] == 0) continue;
        c->n_subjects[g] = (int32_t)v.repeats[g];
        if (v.noise[g] == 0) {
            log_warn("%s: presentations do not differ at all; its ceiling is 1", c->roi[g]);
            c->value[g] = c->mean_r[g] = 1;
            continue;
        }
        double ratio2 = v.signal[g] / v.noise[g];
        c->mean_r[g] = ratio2 > 0 ? ratio2 / (ratio2 + 1) : 0;
        c->value[g] = ratio2 > 0 ? sqrt(ratio2 / (ratio2 + 1 / m)) : NAN;
    }
    status = 0;
done:
    free(v.noise);
    free(v.signal);
    free(v.count);
    free(v.repeats);
    return status;
}
