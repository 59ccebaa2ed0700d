/* SPDX-License-Identifier: MIT */
#include "bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 1000 };
static const double alpha = 10, level = .95;

typedef struct {
    const study_design *d;
    const folds *outer;
    double *x, *base, *y, *prediction; /* [n×width], [n×base], [n×S], [n] */
    double *mean, *z, *target;         /* [n], [n×width] and [n] training rows */
} sample;

static int sample_new(sample *s, const study_design *d, const study_plan *p, err *e)
{
    size_t n = d->rows;
    *s = (sample){ .d = d, .outer = study_outer(p), .x = mem_new(n * d->width, sizeof(double), e), .base = mem_new(n * d->base_width, sizeof(double), e),
                   .y = mem_new(n * d->subjects, sizeof(double), e), .prediction = mem_new(n, sizeof(double), e), .mean = mem_new(n, sizeof(double), e),
                   .z = mem_new(n * d->width, sizeof(double), e), .target = mem_new(n, sizeof(double), e) };
    return s->x && s->base && s->y && s->prediction && s->mean && s->z && s->target ? 0 : -1;
}

static void sample_free(sample *s)
{
    double *owned[] = { s->x, s->base, s->y, s->prediction, s->mean, s->z, s->target };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

/* The mean of subjects who count weight[s] times. */
static void average(sample *s, const double *weight)
{
    size_t S = s->d->subjects;
    double sum = 0;
    for (size_t k = 0; k < S; k++) sum += weight[k];
    for (size_t i = 0; i < s->d->rows; i++) {
        s->mean[i] = 0;
        for (size_t k = 0; k < S; k++) s->mean[i] += weight[k] / sum * s->y[i * S + k];
    }
}

static int predict(sample *s, err *e)
{
    size_t n = s->d->rows, w = s->d->width;
    double weight[64], b;
    for (size_t f = 0; f < s->outer->count; f++) {
        size_t m = 0;
        for (size_t i = 0; i < n; i++) {
            if (!s->outer->train[f * n + i]) continue;
            memcpy(s->z + m * w, s->x + i * w, w * sizeof *s->z);
            s->target[m++] = s->mean[i];
        }
        if (ridge_fit(s->z, m, w, s->target, 1, &alpha, true, weight, &b, e)) return -1;
        for (size_t i = 0; i < n; i++) {
            if (!s->outer->test[f * n + i]) continue;
            s->prediction[i] = b;
            for (size_t j = 0; j < w; j++) s->prediction[i] += weight[j] * s->x[i * w + j];
        }
    }
    return 0;
}

/* r with passage k counted times[k] times. */
static double score(const sample *s, const double *times)
{
    size_t n = s->d->rows;
    double r = 0, rows = 0;
    for (size_t f = 0; f < s->outer->count; f++) {
        double m = 0, y = 0, p = 0, yy = 0, pp = 0, yp = 0;
        for (size_t i = 0; i < n; i++) {
            if (!s->outer->test[f * n + i]) continue;
            double t = times[i / s->d->per_group], a = s->mean[i], b = s->prediction[i];
            m += t, y += t * a, p += t * b, yy += t * a * a, pp += t * b * b, yp += t * a * b;
        }
        if (m < 1) continue;
        r += m * (yp - y * p / m) / sqrt((yy - y * y / m) * (pp - p * p / m));
        rows += m;
    }
    return r / rows;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A draw of m out of m: how often each. */
static void draw(double *times, size_t m, uint64_t seed, uint32_t number, uint32_t which)
{
    memset(times, 0, m * sizeof *times);
    for (uint32_t k = 0; k < m; k++) times[rng_below(seed * 1000003 + number, RNG_RESAMPLE, which, k, 0, (uint32_t)m)]++;
}

int group_bootstrap_run(group_bootstrap *out, const study_design *d, const study_plan *p, uint32_t number, err *e)
{
    size_t S = d->subjects, passages = d->rows / d->per_group;
    double people[64], times[256], left[64], *made = mem_new(DRAWS, sizeof *made, e);
    sample s;
    int status = -1;
    if (sample_new(&s, d, p, e) || !made) goto done;
    study_draw(s.x, s.base, s.y, p, number);
    for (size_t k = 0; k < S; k++) people[k] = 1;
    for (size_t k = 0; k < passages; k++) times[k] = 1;
    average(&s, people);
    if (predict(&s, e)) goto done;
    out->theta = score(&s, times);
    for (size_t k = 0; k < S; k++) {
        people[k] = 0;
        average(&s, people);
        left[k] = score(&s, times);
        people[k] = 1;
    }
    for (uint32_t k = 0; k < DRAWS; k++) {
        draw(people, S, d->seed, number, 2 * k);
        draw(times, passages, d->seed, number, 2 * k + 1);
        average(&s, people);
        made[k] = score(&s, times);
    }
    qsort(made, DRAWS, sizeof *made, by_value);
    bca_interval i = interval_bca(out->theta, made, DRAWS, jackknife_acceleration(left, S), level);
    out->bca = i.bounds;
    out->z0 = i.z0;
    out->bias = mean_f8(made, DRAWS) - out->theta;
    out->percentile = interval_percentile(made, DRAWS, level);
    status = 0;
done:
    sample_free(&s);
    free(made);
    return status;
}
