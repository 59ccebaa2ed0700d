/* SPDX-License-Identifier: MIT */
/* Ceiling of a mean over people of whom only the mean is at hand, and the noise that its authors published (METHODS 4.3): the
 * variance of the mean over items is that of the signal and 1/m of the noise. */
#include <math.h>
#include <stdlib.h>

#include "broca/num.h"
#include "data.h"

/* sd_noise of a ROI in the table, or NaN. */
static int noise_of(double *sd, const table *t, const char *roi, err *e)
{
    size_t name, column;
    *sd = NAN;
    if (table_find(t, "roi", &name, e) || table_find(t, "sd_noise", &column, e)) return -1;
    for (size_t i = 0; i < table_rows(t); i++) {
        if (!str_same(table_cell(t, i, name), roi)) continue;
        if (table_number(t, i, column, sd, e)) return -1;
        if (!(*sd > 0) || !isfinite(*sd)) return err_set(e, ERR_INPUT, "the noise of %s is %g, expected above 0", roi, *sd);
    }
    return 0;
}

/* Variance over items (ddof 1) of the ROI's neuroids, averaged. */
static double variance_of(const ceiling_data *d, size_t roi, double *room)
{
    double sum = 0, n = 0;
    for (size_t j = 0; j < d->v; j++) {
        if (d->roi[j] != roi) continue;
        for (size_t i = 0; i < d->n; i++) room[i] = d->y[i * d->v + j];
        sum += variance_f8(room, d->n, 1);
        n++;
    }
    return n > 0 ? sum / n : NAN;
}

int ceiling_published(ceiling *c, const ceiling_data *d, const ceiling_options *o, err *e)
{
    table *t = NULL;
    double *room = mem_new(d->n, sizeof *room, e), m = o->average;
    size_t found = 0;
    int status = -1;
    if (!room || table_open(&t, &(table_source){ .path = o->noise }, e)) goto done;
    if (!(m > 1)) {
        err_set(e, ERR_USAGE, "a ceiling from published noise needs --average, the number of people that the responses are the mean of");
        goto done;
    }
    for (size_t g = 0; g < d->rois; g++) {
        double sd, variance = variance_of(d, g, room);
        if (noise_of(&sd, t, c->roi[g], e)) goto done;
        if (isnan(sd) || isnan(variance)) continue;
        double signal = fmax(0, variance - sd * sd / m), ratio2 = signal / (sd * sd);
        c->n_subjects[g] = (int32_t)m;
        c->mean_r[g] = ratio2 / (ratio2 + 1);
        c->value[g] = ratio2 > 0 ? sqrt(ratio2 / (ratio2 + 1 / m)) : NAN;
        found++;
    }
    if (!found) {
        err_set(e, ERR_INPUT, "%s: no row for any of the %zu ROIs (the first is '%s')", o->noise, d->rois, c->roi[0]);
        err_hint(e, "a table with the columns roi and sd_noise");
        goto done;
    }
    status = 0;
done:
    if (status) err_while(e, "reading the published noise");
    table_free(t);
    free(room);
    return status;
}
