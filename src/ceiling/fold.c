/* SPDX-License-Identifier: MIT */
/* One fold's series, and how neuroids of several subjects are brought together. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"

size_t ceiling_column(const ceiling_data *d, size_t roi, size_t place, size_t subject)
{
    return d->column[d->first[roi] + place * d->subjects + subject];
}

int ceiling_matched(const ceiling_data *d, err *e)
{
    for (size_t g = 0; g < d->rois; g++)
        for (size_t s = 0; s < d->subjects; s++) {
            size_t have = 0;
            for (size_t p = 0; p < d->width[g]; p++)
                have += ceiling_column(d, g, p, s) != SIZE_MAX;
            if (have == 0 || have == d->width[g]) continue;
            err_set(e, ERR_INPUT, "ROI %s: subject %s has %zu usable neuroids, another has %zu; they cannot be matched",
                    d->roi_name[g], d->subject_name[s], have, d->width[g]);
            return err_hint(e, "average the neuroids of a ROI within each subject first");
        }
    return 0;
}

int ceiling_fold(double *out, const ceiling_data *d, size_t f, err *e)
{
    const uint8_t *train = d->train + f * d->n;
    int status = -1;
    double *own, *z;
    if (!d->confound) return series_fold(out, d->y, d->n, d->v, NULL, 0, train, e);
    own = mem_new(d->n * d->v, sizeof *own, e);
    z = mem_new(d->n * d->v, sizeof *z, e);
    if (!own || !z) goto done;
    for (size_t s = 0; s < d->subjects; s++) {
        size_t w = 0, at = 0;
        for (size_t j = 0; j < d->v; j++)
            w += d->subject[j] == s;
        for (size_t i = 0; i < d->n; i++)
            for (size_t j = 0; j < d->v; j++)
                if (d->subject[j] == s) own[at++] = d->y[i * d->v + j];
        if (series_fold(z, own, d->n, w, d->confound[s], d->confound_k[s], train, e)) {
            err_while(e, "removing the confounds of subject %s in fold %zu", d->subject_name[s], f + 1);
            goto done;
        }
        at = 0;
        for (size_t i = 0; i < d->n; i++)
            for (size_t j = 0; j < d->v; j++)
                if (d->subject[j] == s) out[i * d->v + j] = z[at++];
    }
    status = 0;
done:
    free(own);
    free(z);
    return status;
}

int ceiling_mean_series(double *mean, const double *z, const ceiling_data *d, size_t f, err *e)
{
    memset(mean, 0, d->n * d->subjects * sizeof *mean);
    for (size_t j = 0; j < d->v; j++) {
        double weight = 1 / (double)d->width[d->roi[j]]; /* a ROI counts once, however many neuroids it has */
        for (size_t i = 0; i < d->n; i++)
            mean[i * d->subjects + d->subject[j]] += weight * z[i * d->v + j];
    }
    return series_zscore(mean, d->n, d->subjects, d->train + f * d->n, e);
}

int ceiling_repeats(size_t *item, size_t *items, size_t *most, const ceiling_data *d, err *e)
{
    size_t *seen = mem_new(d->n, sizeof *seen, e);
    *items = *most = 0;
    if (!seen) return -1;
    for (size_t i = 0; i < d->n; i++) {
        item[i] = SIZE_MAX;
        for (size_t j = 0; d->repeat && d->id[i] && j < i && item[i] == SIZE_MAX; j++)
            if (str_same(d->id[i], d->id[j])) item[i] = item[j];
        if (item[i] == SIZE_MAX) item[i] = (*items)++;
        seen[item[i]]++;
        if (seen[item[i]] > *most) *most = seen[item[i]];
    }
    free(seen);
    return 0;
}
