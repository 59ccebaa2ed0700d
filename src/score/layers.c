/* SPDX-License-Identifier: MIT */
/* From folds to neuroids: which layer a fold takes, and what it then scores. */
#include <math.h>
#include <stdlib.h>

#include "parts.h"

bool score_is_mean(const char *roi)
{
    return str_same(roi, "mean");
}

int score_nested(size_t *choice, const encoding *x, const size_t *sets, size_t n, err *e)
{
    double *sum = mem_new(x->subjects, sizeof *sum, e), *count = mem_new(x->subjects, sizeof *count, e);
    double *best = mem_new(x->subjects, sizeof *best, e);
    int status = sum && count && best ? 0 : -1;
    for (size_t f = 0; f < x->folds && status == 0; f++)
        for (size_t k = 0; k < n; k++) {
            for (size_t s = 0; s < x->subjects; s++)
                sum[s] = count[s] = 0;
            for (size_t j = 0; j < x->v; j++) {
                if (score_is_mean(x->roi_text[j])) continue;
                double inner = x->use[j] ? x->sets[sets[k]].inner[f * x->v + j] : NAN;
                if (isnan(inner)) continue; /* a constant prediction inside the training data ranks nowhere */
                sum[x->subject_of[j]] += inner;
                count[x->subject_of[j]]++;
            }
            for (size_t s = 0; s < x->subjects; s++) {
                double mean = count[s] > 0 ? sum[s] / count[s] : -INFINITY;
                if (k > 0 && !(mean > best[s])) continue;
                best[s] = mean;
                choice[f * x->subjects + s] = sets[k];
            }
        }
    free(sum);
    free(count);
    free(best);
    return status;
}

void score_set_values(double *r, double *r2, const encoding *x, const encoding_set *t)
{
    for (size_t j = 0; j < x->v; j++) {
        double sum = 0, sse = 0, sst = 0;
        r[j] = r2[j] = NAN;
        for (size_t f = 0; f < x->folds && x->use[j]; f++) {
            size_t at = f * x->v + j;
            sum += isnan(t->r[at]) ? 0 : t->r[at];
            sse += t->sse ? t->sse[at] : NAN;
            sst += x->sst ? x->sst[at] : NAN;
        }
        if (!x->use[j]) continue;
        r[j] = sum / (double)x->folds;
        r2[j] = 1 - sse / sst;
    }
}

void score_neuroids(double *r, double *r2, const encoding *x, const size_t *choice, size_t *n_nan)
{
    for (size_t j = 0; j < x->v; j++) {
        double sum_r = 0, sse = 0, sst = 0, mean_r2 = 0, folds = 0;
        bool exact = x->sst != NULL;
        r[j] = r2[j] = NAN;
        if (!x->use[j]) continue;
        for (size_t f = 0; f < x->folds; f++) {
            const encoding_set *set = &x->sets[choice[f * x->subjects + x->subject_of[j]]];
            size_t at = f * x->v + j;
            if (isnan(set->r[at]))
                ++*n_nan;
            else
                sum_r += set->r[at];
            exact = exact && set->sse;
            if (exact) {
                sse += set->sse[at];
                sst += x->sst[at];
            }
            if (isnan(set->r2_train[at])) continue;
            mean_r2 += set->r2_train[at];
            folds++;
        }
        r[j] = sum_r / (double)x->folds;
        r2[j] = exact ? 1 - sse / sst : folds > 0 ? mean_r2 / folds : NAN;
    }
}
