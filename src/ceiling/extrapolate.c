/* SPDX-License-Identifier: MIT */
/* The curve v0 (1 - exp(-x/tau)) of each neuroid through its mean scores at growing pools, and the ceiling v0 (METHODS 4.1).
 * Strict: x is the size of the pool, means weigh by 1/variance, neuroids whose v0 ends at 1 are left out, the interval resamples
 * subjects. Papers: x counts the subject itself, v0 is the median of 100 bootstraps of scores by RandomState(0). */
#include "extrapolate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BOOTSTRAPS = 100 };
static const double at_bound = 1 - 1e-6;

typedef struct {
    const ceiling_data *d;
    const ceiling_options *o;
    subject_subsets s;
    const double *r;     /* [subsets×folds×v] */
    size_t K;            /* sizes 2 ... subjects */
    double *x, *mean, *weight, *v0, *tau; /* [K] ... [BOOTSTRAPS] room of one neuroid */
    double *value;       /* [subsets·folds·5] scores of one neuroid, size by size */
} fitter;

static const double *score_of(const fitter *q, size_t subset, size_t f, size_t j)
{
    return &q->r[(subset * q->d->folds + f) * q->d->v + j];
}

/* Weighted mean and variance of the mean of neuroid j at each size; multiplicity [subjects] of a resample, or NULL. Sizes without
 * a score are left out: returns how many points there are. */
static size_t points_of(fitter *q, size_t j, const uint8_t *multiplicity)
{
    size_t n = 0;
    for (size_t k = 2; k <= q->d->subjects; k++) {
        double sum = 0, square = 0, weights = 0, count = 0;
        for (size_t i = 0; i < q->s.n; i++) {
            double w = 1;
            if (q->s.size[i] != k || !q->s.member[i * q->d->subjects + q->d->subject[j]]) continue;
            for (size_t h = 0; h < q->d->subjects && multiplicity; h++)
                if (q->s.member[i * q->d->subjects + h]) w *= multiplicity[h];
            for (size_t f = 0; f < q->d->folds && w > 0; f++) {
                double r = *score_of(q, i, f, j);
                if (isnan(r)) continue;
                sum += w * r;
                square += w * r * r;
                weights += w;
                count++;
            }
        }
        if (!(weights > 0)) continue;
        double mean = sum / weights, variance = fmax(square / weights - mean * mean, 0);
        q->x[n] = (double)k - 1;
        q->mean[n] = mean;
        q->weight[n++] = 1 / fmax(count > 1 ? variance / (count - 1) : variance, 1e-6);
    }
    return n;
}

static void fit_strict(fitter *q, extrapolation *c, size_t j)
{
    double sse;
    size_t n = points_of(q, j, NULL);
    for (size_t k = 0; k < q->K; k++) c->curve[k * c->v + j] = NAN;
    for (size_t k = 0; k < n; k++) c->curve[((size_t)q->x[k] - 1) * c->v + j] = q->mean[k];
    if (n >= 3) extrapolate_fit(q->x, q->mean, q->weight, n, &c->v0[j], &c->tau[j], &sse);
    c->at_bound[j] = c->v0[j] > at_bound;
}

/* All scores of neuroid j at size k as RandomState draws from them, into value; subsets with a NaN fold are dropped. */
static size_t scores_at(const fitter *q, size_t j, size_t k, double *value)
{
    size_t n = 0;
    for (size_t i = 0; i < q->s.n; i++) {
        bool whole = q->s.size[i] == k;
        for (size_t f = 0; f < q->d->folds && whole; f++) whole = !isnan(*score_of(q, i, f, j));
        for (size_t t = 0; whole && t < q->s.times[i * q->d->subjects + q->d->subject[j]]; t++)
            for (size_t f = 0; f < q->d->folds; f++) value[n++] = *score_of(q, i, f, j);
    }
    return n;
}

static int fit_paper(fitter *q, extrapolation *c, size_t j, err *e)
{
    legacy_rng g;
    double sse, copy[BOOTSTRAPS], below, above;
    size_t K = q->K, endpoint, *begin = mem_new(K + 1, sizeof *begin, e);
    bool failed = false;
    if (!begin) return -1;
    for (size_t k = 0; k < K; k++) {
        size_t n = scores_at(q, j, k + 2, q->value + begin[k]);
        begin[k + 1] = begin[k] + n;
        q->x[k] = (double)k + 2;
        c->curve[k * c->v + j] = n ? mean_f8(q->value + begin[k], n) : NAN;
    }
    legacy_start(&g, 0);
    for (size_t b = 0; b < BOOTSTRAPS; b++) {
        for (size_t k = 0; k < K; k++) {
            size_t n = begin[k + 1] - begin[k];
            double sum = 0;
            for (size_t i = 0; i < n; i++) sum += q->value[begin[k] + legacy_up_to(&g, (uint32_t)(n - 1))];
            q->mean[k] = n ? sum / (double)n : NAN;
        }
        failed = !extrapolate_fit(q->x, q->mean, NULL, K, &q->v0[b], &q->tau[b], &sse) || failed;
        copy[b] = q->v0[b];
    }
    free(begin);
    if (failed) return 0; /* NumPy's median: NaN if any fit failed */
    c->v0[j] = median_f8(copy, BOOTSTRAPS);
    memcpy(copy, q->tau, sizeof copy);
    c->tau[j] = median_f8(copy, BOOTSTRAPS);
    c->at_bound[j] = c->v0[j] > at_bound;
    if (extrapolate_interval(q->v0, q->tau, BOOTSTRAPS, c->v0[j], &endpoint, &below, &above, e)) return -1;
    c->lo[j] = c->v0[j] - below;
    c->hi[j] = c->v0[j] + above;
    return 0;
}

/* Median over the neuroids of a ROI (SIZE_MAX: all) that have a value; papers keep those at the bound. */
static double median_of_roi(const double *v0, const fitter *q, size_t roi, double *values, size_t *n)
{
    *n = 0;
    for (size_t j = 0; j < q->d->v; j++)
        if ((roi == SIZE_MAX || q->d->roi[j] == roi) && !isnan(v0[j]) && (q->o->paper || v0[j] <= at_bound)) values[(*n)++] = v0[j];
    return median_f8(values, *n);
}

/* Subjects resampled: medians of each ROI over the neuroids of those that were drawn. */
static int interval_over_subjects(ceiling *c, fitter *q, err *e)
{
    size_t S = q->d->subjects, v = q->d->v, kept, draws = q->o->draws;
    double *v0 = mem_new(v, sizeof *v0, e), *values = mem_new(v + 1, sizeof *values, e), *all = mem_new((c->n + 1) * draws, sizeof *all, e), tau, sse;
    uint8_t *times = mem_new(S, 1, e);
    int status = -1;
    if (!v0 || !values || !all || !times) goto done;
    for (size_t b = 0; b < draws; b++) {
        memset(times, 0, S);
        for (uint32_t i = 0; i < S; i++) times[rng_below(q->o->seed, RNG_EXTRAPOLATE, (uint32_t)b, i, 0, (uint32_t)S)]++;
        for (size_t j = 0; j < v; j++) {
            size_t n = times[q->d->subject[j]] ? points_of(q, j, times) : 0;
            v0[j] = NAN;
            if (n >= 3) extrapolate_fit(q->x, q->mean, q->weight, n, &v0[j], &tau, &sse);
        }
        for (size_t g = 0; g < c->n; g++) all[g * draws + b] = median_of_roi(v0, q, g, values, &kept);
        double sum = 0, n = 0;
        for (size_t g = 0; g < c->n; g++)
            if (!isnan(all[g * draws + b])) {
                sum += all[g * draws + b];
                n++;
            }
        all[c->n * draws + b] = n > 0 ? sum / n : NAN;
    }
    for (size_t g = 0; g <= c->n; g++) {
        size_t n = 0;
        for (size_t b = 0; b < draws; b++)
            if (!isnan(all[g * draws + b])) all[g * draws + n++] = all[g * draws + b];
        if (g == c->n && n < draws)
            log_warn("the interval is of %zu of %zu resamples: the others hold fewer than 4 different subjects", n, draws);
        if (n < 20) continue;
        median_f8(all + g * draws, n); /* sorts */
        double lo = quantile_f8(all + g * draws, n, .025), hi = quantile_f8(all + g * draws, n, .975);
        if (g < c->n) c->lo[g] = lo, c->hi[g] = hi;
        else c->average_lo = lo, c->average_hi = hi;
    }
    status = 0;
done:
    free(v0);
    free(values);
    free(all);
    free(times);
    return status;
}

void extrapolation_free(extrapolation *x)
{
    if (!x) return;
    free(x->v0);
    free(x->tau);
    free(x->lo);
    free(x->hi);
    free(x->at_bound);
    free(x->curve);
    free(x->subjects);
    free(x->subject);
    free(x->roi);
    free(x);
}

static extrapolation *room(const ceiling *c, const ceiling_data *d, err *e)
{
    extrapolation *x = mem_new(1, sizeof *x, e);
    if (!x) return NULL;
    x->v = d->v;
    x->K = d->subjects - 1;
    x->v0 = mem_new(d->v, sizeof(double), e);
    x->tau = mem_new(d->v, sizeof(double), e);
    x->lo = mem_new(d->v, sizeof(double), e);
    x->hi = mem_new(d->v, sizeof(double), e);
    x->at_bound = mem_new(d->v, sizeof(int32_t), e);
    x->curve = mem_new(d->v * x->K, sizeof(double), e);
    x->subjects = mem_new(x->K, sizeof(int32_t), e);
    x->subject = mem_new(d->v, sizeof *x->subject, e);
    x->roi = mem_new(d->v, sizeof *x->roi, e);
    if (!x->v0 || !x->tau || !x->lo || !x->hi || !x->at_bound || !x->curve || !x->subjects || !x->subject || !x->roi) {
        extrapolation_free(x);
        return NULL;
    }
    for (size_t k = 0; k < x->K; k++) x->subjects[k] = (int32_t)k + 2;
    for (size_t j = 0; j < d->v; j++) {
        x->v0[j] = x->tau[j] = x->lo[j] = x->hi[j] = NAN;
        x->subject[j] = c->subject[d->subject[j]]; /* in the memory of the ceiling */
        x->roi[j] = c->roi[d->roi[j]];
    }
    return x;
}

static void say_left_out(const extrapolation *x, bool paper)
{
    size_t bound = 0, none = 0, below = 0;
    for (size_t j = 0; j < x->v; j++) {
        bound += x->at_bound[j] != 0;
        none += isnan(x->v0[j]) != 0;
        below += x->v0[j] < x->curve[(x->K - 1) * x->v + j];
    }
    if (bound) log_warn("%zu of %zu neuroids end at the bound of 1, a ceiling without meaning%s", bound, x->v, paper ? "; they stay in the median, as in the paper" : ": left out");
    if (below)
        log_warn("%zu of %zu neuroids: the extrapolated value is below the score from the largest pool; the curve flattens sooner than scores do", below, x->v);
    if (none) log_warn("%zu of %zu neuroids have no fit: left out", none, x->v);
}

int ceiling_extrapolate(ceiling *c, const ceiling_data *d, const ceiling_options *o, err *e)
{
    int status = -1;
    fitter q = { .d = d, .o = o, .K = d->subjects - 1 };
    double *r = NULL, *values = mem_new(d->v + 1, sizeof *values, e);
    size_t cells, kept;
    if (o->group) {
        err_set(e, ERR_USAGE, "--method extrapolate: the score of one subject, extrapolated to an infinite pool; the target is single");
        goto done;
    }
    if (d->subjects < 4) {
        err_set(e, ERR_INPUT, "--method extrapolate: %zu subjects give too few points for the curve, at least 4", d->subjects);
        err_hint(e, "--method isc");
        goto done;
    }
    if (subsets_new(&q.s, d->subjects, o, e) || size_mul(q.s.n, d->folds * d->v, &cells, e) || !(r = mem_new(cells, sizeof *r, e))) goto done;
    q.r = r;
    q.x = mem_new(q.K, sizeof *q.x, e);
    q.mean = mem_new(q.K, sizeof *q.mean, e);
    q.weight = mem_new(q.K, sizeof *q.weight, e);
    q.v0 = mem_new(BOOTSTRAPS, sizeof *q.v0, e);
    q.tau = mem_new(BOOTSTRAPS, sizeof *q.tau, e);
    q.value = mem_new(q.s.n * d->folds * 5 + 1, sizeof *q.value, e);
    if (!values || !q.x || !q.mean || !q.weight || !q.v0 || !q.tau || !q.value || !(c->curve = room(c, d, e))) goto done;
    if (pools_predict(r, &q.s, d, o, e)) goto done;
    c->curve->subsets = q.s.n;
    for (size_t j = 0; j < d->v; j++) {
        if (!o->paper) fit_strict(&q, c->curve, j);
        else if (fit_paper(&q, c->curve, j, e)) goto done;
    }
    for (size_t g = 0; g < c->n; g++) {
        c->value[g] = median_of_roi(c->curve->v0, &q, g, values, &kept);
        c->n_subjects[g] = (int32_t)d->subjects;
    }
    c->median = median_of_roi(c->curve->v0, &q, SIZE_MAX, values, &kept);
    say_left_out(c->curve, o->paper != PAPER_NONE);
    status = !o->paper && o->draws ? interval_over_subjects(c, &q, e) : 0;
done:
    subsets_free(&q.s);
    free(q.x);
    free(q.mean);
    free(q.weight);
    free(q.v0);
    free(q.tau);
    free(q.value);
    free(r);
    free(values);
    return status;
}
