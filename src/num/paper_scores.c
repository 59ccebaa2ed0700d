/* SPDX-License-Identifier: MIT */
/* Scores as four papers' code makes them of predictions (METHODS 3.13, 5.2, 5.4, 9.2): their correlations, which differ in what a
 * constant counts, and their ways from folds × neuroids to one number. */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>

double paper_r(paper_rule rule, const double *y, const double *prediction, size_t n, size_t stride)
{
    double my = 0, mp = 0, yy = 0, pp = 0, yp = 0;
    for (size_t i = 0; i < n; i++) {
        my += y[i * stride] / (double)n;
        mp += prediction[i * stride] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        double a = y[i * stride] - my, b = prediction[i * stride] - mp;
        yy += a * a;
        pp += b * b;
        yp += a * b;
    }
    double sy = sqrt(yy), sp = sqrt(pp);
    switch (rule) {
    case PAPER_SCHRIMPF2021: return sy <= 1e-13 * fabs(my) * sqrt((double)n) || sp <= 1e-13 * fabs(mp) * sqrt((double)n) ? NAN : yp / sy / sp;
    case PAPER_BRAINSCORE: return yp / ((sy + 1e-8) * (sp + 1e-8));
    case PAPER_TUCKUTE2024: return sy / sqrt((double)n) < 1e-7 || sp / sqrt((double)n) < 1e-7 ? 0 : yp / sy / sp;
    case PAPER_HADIDI2025: return sy <= 1e-5 * fabs(my) || sp <= 1e-5 * fabs(mp) || !(sy > 0 && sp > 0) ? 0 : yp / sy / sp;
    case PAPER_NONE: break;
    }
    return NAN;
}

/* Median of the values that are numbers. */
static int median_of(const double *x, size_t n, size_t stride, double *out, err *e)
{
    size_t m = 0;
    double *kept = mem_new(n + 1, sizeof *kept, e);
    if (!kept) return -1;
    for (size_t i = 0; i < n; i++)
        if (!isnan(x[i * stride])) kept[m++] = x[i * stride];
    *out = median_f8(kept, m);
    free(kept);
    return 0;
}

int paper_median_of_folds(double *score, const double *r, size_t count, size_t v, err *e)
{
    double sum = 0;
    for (size_t f = 0; f < count; f++) {
        double median;
        if (median_of(r + f * v, v, 1, &median, e)) return -1;
        sum += median;
    }
    *score = sum / (double)count;
    return 0;
}

int paper_median_of_subjects(double *score, double *deviation, const double *r, char *const *subject, size_t v, err *e)
{
    size_t subjects = 0;
    double *of_subject = mem_new(v + 1, sizeof *of_subject, e), *own = mem_new(v + 1, sizeof *own, e);
    int status = -1;
    if (!of_subject || !own) goto done;
    for (size_t j = 0; j < v; j++) {
        bool first = true;
        size_t m = 0;
        for (size_t k = 0; k < j && first; k++) first = !str_same(subject[k], subject[j]);
        for (size_t k = j; k < v && first; k++)
            if (str_same(subject[k], subject[j]) && !isnan(r[k])) own[m++] = r[k];
        if (m) of_subject[subjects++] = median_f8(own, m);
    }
    if (median_of(of_subject, subjects, 1, score, e)) goto done;
    for (size_t k = 0; k < subjects; k++) of_subject[k] = fabs(of_subject[k] - *score);
    *deviation = median_f8(of_subject, subjects);
    status = 0;
done:
    free(of_subject);
    free(own);
    return status;
}

double paper_r2_out_of_sample(const double *sse, const double *sst, size_t count, size_t stride)
{
    double e = 0, t = 0;
    for (size_t f = 0; f < count; f++) {
        e += sse[f * stride];
        t += sst[f * stride];
    }
    return 1 - e / t;
}

double paper_omega(double both, double llm, double simple)
{
    if (llm == 0) return 100;
    double share = ((both > llm ? both : llm) - simple) / llm;
    return 100 * (1 - fmin(fmax(share, 0), 1));
}
