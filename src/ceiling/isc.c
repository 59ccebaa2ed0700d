/* SPDX-License-Identifier: MIT */
/* Inter-subject correlation (METHODS 4.4): r̄ over pairs and folds, then the root; leave-one-out values corrected for
 * the finite number of others; interval by bootstrap over subjects × folds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"

/* r of every pair of subjects: r[((f·entries + g)·S + s)·S + o], mean over the places of a ROI; NaN where a subject
 * lacks it. */
typedef struct {
    double *r, *loo; /* loo [entries×S]: sum over folds */
    size_t folds, entries, subjects, n_nan;
} pairs;

static double *pair_at(const pairs *p, size_t f, size_t g, size_t s, size_t o)
{
    return &p->r[((f * p->entries + g) * p->subjects + s) * p->subjects + o];
}

/* A constant test series has no correlation: 0 with a count, as in the scores that the ceiling divides. */
static double counted(double r, size_t *n_nan)
{
    if (!isnan(r)) return r;
    ++*n_nan;
    return 0;
}

/* Adds one place: series [t×present] of the subjects present. */
static int add_place(pairs *p, const double *series, size_t t, const size_t *who, size_t present, size_t f, size_t g,
                     double weight, err *e)
{
    int status = -1;
    double *columns = mem_new(t * present, sizeof *columns, e), *loo = mem_new(present, sizeof *loo, e);
    if (!columns || !loo || leave_one_out_r(series, t, present, loo, e)) goto done;
    for (size_t i = 0; i < t; i++)
        for (size_t k = 0; k < present; k++)
            columns[k * t + i] = series[i * present + k];
    for (size_t a = 0; a < present; a++) {
        p->loo[g * p->subjects + who[a]] += weight * counted(loo[a], &p->n_nan);
        for (size_t b = 0; b < a; b++) {
            double r = weight * counted(pearson(columns + a * t, columns + b * t, t), &p->n_nan);
            *pair_at(p, f, g, who[a], who[b]) += r;
            *pair_at(p, f, g, who[b], who[a]) += r;
        }
    }
    status = 0;
done:
    free(columns);
    free(loo);
    return status;
}

/* Test rows of the given columns of z [n×stride]. */
static size_t gather(double *out, const double *z, size_t stride, const ceiling_data *d, size_t f, const size_t *column,
                     size_t present)
{
    size_t t = 0;
    for (size_t i = 0; i < d->n; i++) {
        if (!d->test[f * d->n + i]) continue;
        for (size_t k = 0; k < present; k++)
            out[t * present + k] = z[i * stride + column[k]];
        t++;
    }
    return t;
}

static int add_fold(pairs *p, const ceiling_data *d, size_t f, bool add_mean, err *e)
{
    int status = -1;
    size_t S = d->subjects, *who = mem_new(2 * S, sizeof *who, e), *column;
    double *z = mem_new(d->n * d->v, sizeof *z, e), *mean = mem_new(d->n * S, sizeof *mean, e);
    double *series = mem_new(d->n * S, sizeof *series, e);
    if (!who || !z || !mean || !series || ceiling_fold(z, d, f, e)) goto done;
    column = who + S;
    for (size_t g = 0; g < d->rois; g++)
        for (size_t place = 0; place < d->width[g]; place++) {
            size_t present = 0;
            for (size_t s = 0; s < S; s++) {
                size_t j = ceiling_column(d, g, place, s);
                if (j == SIZE_MAX) continue;
                who[present] = s;
                column[present++] = j;
            }
            size_t t = gather(series, z, d->v, d, f, column, present);
            if (add_place(p, series, t, who, present, f, g, 1 / (double)d->width[g], e)) goto done;
        }
    if (add_mean) {
        for (size_t s = 0; s < S; s++)
            who[s] = column[s] = s;
        if (ceiling_mean_series(mean, z, d, f, e)) goto done;
        size_t t = gather(series, mean, S, d, f, column, S);
        if (add_place(p, series, t, who, S, f, d->rois, 1, e)) goto done;
    }
    status = 0;
done:
    free(who);
    free(z);
    free(mean);
    free(series);
    return status;
}

static bool present(const ceiling_data *d, size_t g, size_t s)
{
    return g == d->rois || ceiling_column(d, g, 0, s) != SIZE_MAX; /* "mean": every subject */
}

/* r̄ with subject s counted weight[s] times and fold f counted often[f] times; pairs of a subject with itself are
 * dropped. */
static double weighted_mean(const pairs *p, const uint8_t *here, size_t g, const double *weight, const double *often)
{
    double sum = 0, total = 0;
    for (size_t f = 0; f < p->folds; f++) {
        if (often[f] == 0) continue;
        for (size_t s = 0; s < p->subjects; s++) {
            if (weight[s] == 0 || !here[s]) continue;
            double row = 0, count = 0;
            for (size_t o = 0; o < s; o++) {
                if (!here[o]) continue;
                row += weight[o] * *pair_at(p, f, g, s, o);
                count += weight[o];
            }
            sum += often[f] * weight[s] * row;
            total += often[f] * weight[s] * count;
        }
    }
    return total > 0 ? sum / total : NAN;
}

static double root_of(double mean_r, double subjects, bool group)
{
    if (isnan(mean_r)) return NAN;
    if (mean_r <= 0) return 0;
    return sqrt(group ? spearman_brown(mean_r, subjects) : mean_r);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* 2.5 and 97.5 percentiles of what is a number; NaN if more than one in twenty draws gave none. */
static void percentiles(double *x, size_t n, double *lo, double *hi)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(x[i])) x[m++] = x[i];
    *lo = *hi = NAN;
    if (m == 0 || m * 20 < n * 19) return;
    qsort(x, m, sizeof *x, by_value);
    *lo = quantile_f8(x, m, .025);
    *hi = quantile_f8(x, m, .975);
}

/* The mean of the ceilings of the ROIs that have one, by draw k. */
static double average_of_draw(const ceiling *c, const double *drawn, size_t k, const ceiling_options *o, size_t rois)
{
    double sum = 0, n = 0;
    for (size_t g = 0; g < rois; g++) {
        if (isnan(c->value[g])) continue;
        sum += root_of(drawn[g * o->draws + k], c->n_subjects[g], o->group);
        n++;
    }
    return n > 0 ? sum / n : NAN;
}

static int bootstrap(ceiling *c, const pairs *p, const uint8_t *here, const ceiling_options *o, size_t rois, err *e)
{
    int status = -1;
    size_t S = p->subjects, B = o->draws;
    double *drawn = mem_new(p->entries * B, sizeof *drawn, e), *sorted = mem_new(B, sizeof *sorted, e);
    double *weight = mem_new(S, sizeof *weight, e), *often = mem_new(p->folds, sizeof *often, e);
    if (!drawn || !sorted || !weight || !often) goto done;
    for (size_t k = 0; k < B; k++) {
        memset(weight, 0, S * sizeof *weight);
        memset(often, 0, p->folds * sizeof *often);
        for (uint32_t s = 0; s < S; s++)
            weight[rng_below(o->seed, RNG_BOOTSTRAP, s, (uint32_t)k, 0, (uint32_t)S)]++;
        for (uint32_t f = 0; f < p->folds; f++)
            often[rng_below(o->seed, RNG_BOOTSTRAP, f, (uint32_t)k, 1, (uint32_t)p->folds)]++;
        for (size_t g = 0; g < p->entries; g++)
            drawn[g * B + k] = weighted_mean(p, here + g * S, g, weight, often);
    }
    for (size_t g = 0; g < p->entries; g++) {
        memcpy(sorted, drawn + g * B, B * sizeof *sorted);
        percentiles(sorted, B, &c->mean_r_lo[g], &c->mean_r_hi[g]);
        if (!(c->mean_r_lo[g] > 0)) c->value[g] = NAN; /* a lower bound <= 0: no ceiling */
        if (isnan(c->value[g])) continue;
        c->lo[g] = root_of(c->mean_r_lo[g], c->n_subjects[g], o->group);
        c->hi[g] = root_of(c->mean_r_hi[g], c->n_subjects[g], o->group);
    }
    for (size_t k = 0; k < B; k++)
        sorted[k] = average_of_draw(c, drawn, k, o, rois);
    percentiles(sorted, B, &c->average_lo, &c->average_hi);
    status = 0;
done:
    free(drawn);
    free(sorted);
    free(weight);
    free(often);
    return status;
}

static void leave_one_out(ceiling *c, const pairs *p, const uint8_t *here)
{
    for (size_t g = 0; g < p->entries; g++) {
        double others = (double)c->n_subjects[g] - 1, rho = spearman_brown(c->mean_r[g], others);
        for (size_t s = 0; s < p->subjects; s++) {
            size_t at = s * p->entries + g;
            c->loo[at] = here[g * p->subjects + s] ? p->loo[g * p->subjects + s] / (double)p->folds : NAN;
            c->corrected[at] = c->mean_r[g] > 0 ? c->loo[at] / sqrt(rho) : NAN;
        }
    }
}

int ceiling_isc(ceiling *c, const ceiling_data *d, const ceiling_options *o, err *e)
{
    int status = -1;
    pairs p = { .folds = d->folds, .entries = c->n, .subjects = d->subjects };
    size_t cells;
    uint8_t *here = NULL;
    double *weight = NULL, *often = NULL;
    if (d->subjects < 2) {
        err_set(e, ERR_INPUT, "inter-subject correlation needs at least 2 subjects, the responses have %zu",
                d->subjects);
        err_hint(e, "--method snr or splithalf if items are repeated");
        return -1;
    }
    if (ceiling_matched(d, e)) return -1;
    if (size_mul(p.folds * p.entries, p.subjects * p.subjects, &cells, e) || !(p.r = mem_new(cells, sizeof *p.r, e)))
        goto done;
    if (!(p.loo = mem_new(p.entries * p.subjects, sizeof *p.loo, e))) goto done;
    if (!(here = mem_new(p.entries * p.subjects, 1, e)) || !(weight = mem_new(p.subjects, sizeof *weight, e)))
        goto done;
    if (!(often = mem_new(p.folds, sizeof *often, e))) goto done;
    for (size_t f = 0; f < d->folds; f++)
        if (add_fold(&p, d, f, o->add_mean, e)) goto done;
    for (size_t s = 0; s < p.subjects; s++)
        weight[s] = 1;
    for (size_t f = 0; f < p.folds; f++)
        often[f] = 1;
    for (size_t g = 0; g < p.entries; g++) {
        for (size_t s = 0; s < p.subjects; s++) {
            here[g * p.subjects + s] = present(d, g, s);
            c->n_subjects[g] += here[g * p.subjects + s];
        }
        c->mean_r[g] = weighted_mean(&p, here + g * p.subjects, g, weight, often);
        c->value[g] = c->mean_r[g] > 0 ? root_of(c->mean_r[g], c->n_subjects[g], o->group) : NAN;
    }
    c->n_nan = p.n_nan;
    leave_one_out(c, &p, here);
    if (o->draws > 0 && bootstrap(c, &p, here, o, d->rois, e)) goto done;
    status = 0;
done:
    free(p.r);
    free(p.loo);
    free(here);
    free(weight);
    free(often);
    return status;
}
