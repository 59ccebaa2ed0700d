/* SPDX-License-Identifier: MIT */
/* The crossed bootstrap (METHODS 5.6): subjects and blocks are drawn, the same blocks for all of them, from sums that encode stored
 * for every block; nothing is refitted, so that the training's variance is not in it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inference.h"

static const double level = .95;
static const size_t all_draws = 10000, most_work = 4000000000u; /* products of draws, neuroids and parts */

enum { BASE, PLAIN, JOINT, SETS };

typedef struct {
    const encoding *x;
    const encoding_set *set[SETS];
    size_t draws, cells;
    double *r[SETS], *r2[SETS]; /* [(1+draws)×cells] of drawn blocks; row 0: nothing drawn */
    uint32_t *people;           /* [draws×subjects] how often a subject is drawn */
} resample;

static void resample_free(resample *b)
{
    for (int k = 0; k < SETS; k++) {
        free(b->r[k]);
        free(b->r2[k]);
    }
    free(b->people);
}

/* r (mean over folds, by how many of their rows are drawn) and pooled R² of one neuroid when block k counts weight[k] times. */
static void weigh(double *r, double *r2, const encoding *x, const encoding_set *t, size_t j, const double *weight)
{
    double sum_r = 0, count = 0, sse = 0, sst = 0;
    for (size_t first = 0, last; first < x->parts; first = last) {
        double all = 0, n = 0, y = 0, p = 0, yy = 0, pp = 0, yp = 0;
        for (last = first; last < x->parts && x->part_fold[last] == x->part_fold[first]; last++) {
            double w = weight[x->part_block[last]];
            const double *sum = t->part + last * 5 * x->v + j;
            all += (double)x->part_n[last];
            n += w * (double)x->part_n[last];
            y += w * sum[0];
            p += w * sum[x->v];
            yy += w * sum[2 * x->v];
            pp += w * sum[3 * x->v];
            yp += w * sum[4 * x->v];
        }
        if (n < 2) continue;
        double a = yy - y * y / n, b = pp - p * p / n, one = (yp - y * p / n) / sqrt(a) / sqrt(b);
        sum_r += a > 0 && b > 1e-18 * yy ? n / all * one : 0; /* a constant prediction counts 0 */
        sse += yy - 2 * yp + pp;
        sst += yy;
        count += n / all;
    }
    *r = count > 0 ? sum_r / count : NAN;
    *r2 = sst > 0 ? 1 - sse / sst : NAN;
}

static int cells_of_draw(const resample *b, int k, size_t draw, const double *weight, double *values)
{
    const encoding *x = b->x;
    double *r = values, *r2 = values + x->v;
    for (size_t j = 0; j < x->v; j++) {
        r[j] = r2[j] = NAN;
        if (x->use[j]) weigh(&r[j], &r2[j], x, b->set[k], j, weight);
    }
    score_cells(b->r[k] + draw * b->cells, x, r);
    score_cells(b->r2[k] + draw * b->cells, x, r2);
    return 0;
}

static int draw_all(resample *b, err *e)
{
    const encoding *x = b->x;
    int failed = 0;
#pragma omp parallel for schedule(static) num_threads(threads_count())
    for (size_t d = 0; d <= b->draws; d++) {
        err own = { 0 };
        double *weight = mem_new(x->blocks + 1, sizeof *weight, &own), *values = mem_new(2 * x->v + 1, sizeof *values, &own);
        for (size_t i = 0; weight && i < x->blocks; i++) {
            if (d == 0) weight[i] = 1;
            else weight[rng_below(1, RNG_RESAMPLE, (uint32_t)d, (uint32_t)i, 1, (uint32_t)x->blocks)]++;
        }
        for (size_t s = 0; d && s < x->subjects; s++)
            b->people[(d - 1) * x->subjects + rng_below(1, RNG_RESAMPLE, (uint32_t)d, (uint32_t)s, 0, (uint32_t)x->subjects)]++;
        for (int k = 0; k < SETS && weight && values; k++)
            if (b->set[k]) cells_of_draw(b, k, d, weight, values);
        if (!weight || !values) {
#pragma omp critical(broca_resample)
            {
                failed = 1;
                *e = own;
            }
        }
        free(weight);
        free(values);
    }
    return failed ? -1 : 0;
}

static int resample_new(resample *b, const encoding *x, const encoding_set *const *set, err *e)
{
    *b = (resample){ .x = x, .set = { set[BASE], set[PLAIN], set[JOINT] }, .draws = all_draws, .cells = x->subjects * x->rois };
    if (!(b->people = mem_new(b->draws * x->subjects + 1, sizeof *b->people, e))) return -1;
    for (int k = 0; k < SETS; k++) {
        if (!set[k]) continue;
        b->r[k] = mem_new((b->draws + 1) * b->cells, sizeof(double), e);
        b->r2[k] = mem_new((b->draws + 1) * b->cells, sizeof(double), e);
        if (!b->r[k] || !b->r2[k]) return -1;
    }
    return draw_all(b, e);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- BCa of rows over subjects ---- */

/* Values of the subjects at a ROI (SIZE_MAX: their average) after a draw of blocks: minus as well where it is given. */
static double subject_value(const resample *b, const double *plus, const double *minus, size_t draw, size_t subject, size_t roi)
{
    row_place p = { subject, roi };
    double value = row_value(b->x, plus + draw * b->cells, p);
    return minus ? value - row_value(b->x, minus + draw * b->cells, p) : value;
}

static int bca_row(score_row *row, const resample *b, const double *plus, const double *minus, err *e)
{
    const encoding *x = b->x;
    size_t S = x->subjects, roi = row_place_of(x, row).roi;
    double *made = mem_new(b->draws + S + 1, sizeof *made, e), *left = made + b->draws, theta = 0;
    if (!made) return -1;
    for (size_t d = 0; d < b->draws; d++) {
        double sum = 0, n = 0;
        for (size_t s = 0; s < S; s++) {
            double times = b->people[d * S + s], one = times > 0 ? subject_value(b, plus, minus, d + 1, s, roi) : NAN;
            if (isnan(one)) continue;
            sum += times * one;
            n += times;
        }
        made[d] = n > 0 ? sum / n : NAN;
    }
    for (size_t s = 0; s < S; s++) theta += subject_value(b, plus, minus, 0, s, roi) / (double)S;
    for (size_t s = 0; s < S; s++) left[s] = (theta * (double)S - subject_value(b, plus, minus, 0, s, roi)) / ((double)S - 1);
    if (!isnan(theta)) {
        qsort(made, b->draws, sizeof *made, by_value);
        bca_interval i = interval_bca(theta, made, b->draws, jackknife_acceleration(left, S), level);
        row->bca_lo = i.bounds.lo;
        row->bca_hi = i.bounds.hi;
    }
    free(made);
    return 0;
}

static const double *sums_of(const resample *b, const score_row *row, const double **minus)
{
    bool squared = str_ends(row->measure, "r2"), delta = str_begins(row->measure, "delta");
    int k = str_same(row->kind, "plain") ? PLAIN : str_same(row->kind, "joint") ? JOINT : BASE;
    *minus = delta ? (squared ? b->r2[BASE] : b->r[BASE]) : NULL;
    if (delta && !*minus) return NULL;
    return squared ? b->r2[k] : b->r[k];
}

static int bca_rows(scores *out, const resample *b, const char *model, const score_options *o, err *e)
{
    for (size_t i = 0; i < out->n_rows; i++) {
        score_row *row = &out->rows[i];
        const double *minus, *plus;
        if (!str_same(row->model, model) || !str_same(row->layer, "nested") || !str_same(row->target, "single") ||
            !str_same(row->subject, "all") || str_same(row->measure, "omega") || !(plus = sums_of(b, row, &minus)))
            continue;
        if (bca_row(row, b, plus, minus, e)) return -1;
        if (o->interval != INTERVAL_BCA || isnan(row->bca_lo)) continue;
        row->lo = row->bca_lo;
        row->hi = row->bca_hi;
        row->interval = "crossed BCa, new subjects and stimuli, training variance not included";
    }
    return 0;
}

/* ---- Omega ---- */

/* 100·(1 - clip((B - S)/L, 0, 1)) of a subject's averages over ROIs, unclipped, B at least L. */
static double omega_of(const resample *b, size_t draw, size_t subject)
{
    double S = subject_value(b, b->r2[BASE], NULL, draw, subject, SIZE_MAX), L = subject_value(b, b->r2[PLAIN], NULL, draw, subject, SIZE_MAX);
    double B = fmax(L, subject_value(b, b->r2[JOINT], NULL, draw, subject, SIZE_MAX));
    return L > 0 ? 100 * (1 - fmin(1, fmax(0, (B - S) / L))) : 100; /* as METHODS 5.4 has it for L = 0 */
}

static const score_row *plain_row(const scores *out, const char *model, const char *subject, const encoding *x)
{
    return score_find(out, model, "nested", "plain", x->group ? "group" : "single", "average", subject, "r2");
}

static int omega_row(scores *out, const resample *b, const score_row *like, size_t subject, const uint8_t *defined, err *e)
{
    const encoding *x = b->x;
    double *made = mem_new(b->draws + 1, sizeof *made, e), sum = 0, n = 0;
    score_row row = *like;
    if (!made) return -1;
    for (size_t s = 0; s < x->subjects; s++)
        if (defined[s] && (subject == SIZE_MAX || s == subject)) {
            sum += omega_of(b, 0, s);
            n++;
        }
    for (size_t d = 0; d < b->draws; d++) {
        double total = 0, count = 0;
        for (size_t s = 0; s < x->subjects; s++) {
            double times = subject == SIZE_MAX ? b->people[d * x->subjects + s] : s == subject;
            if (!defined[s] || !(times > 0)) continue;
            total += times * omega_of(b, d + 1, s);
            count += times;
        }
        made[d] = count > 0 ? total / count : sum / n;
    }
    qsort(made, b->draws, sizeof *made, by_value);
    limits i = interval_percentile(made, b->draws, level);
    row.kind = "joint";
    row.measure = "omega";
    row.value = sum / n;
    row.n = (size_t)n;
    row.lo = i.lo;
    row.hi = i.hi;
    row.interval = subject != SIZE_MAX ? "bootstrap over blocks" : "crossed bootstrap, subjects for whom it is defined";
    row.null = "";
    row.ceiling = row.normalised = row.bca_lo = row.bca_hi = row.p = row.null_mean = row.p_max = row.q = row.p_t = row.p_flip = NAN;
    free(made);
    return score_add(out, &row, e);
}

/* Reported only where the model alone explains something: its lower bound is above 0. */
static int omega_rows(scores *out, const resample *b, const char *model, err *e)
{
    const encoding *x = b->x;
    uint8_t *defined = mem_new(x->subjects + 1, 1, e);
    size_t n = 0;
    int status = defined ? 0 : -1;
    for (size_t s = 0; s < x->subjects && !status; s++) {
        const score_row *row = plain_row(out, model, x->subject[s], x);
        defined[s] = row && row->lo > 0;
        n += defined[s];
    }
    for (size_t s = 0; s < x->subjects && !status; s++) {
        if (!defined[s]) continue;
        const score_row like = *plain_row(out, model, x->subject[s], x);
        status = omega_row(out, b, &like, s, defined, e);
    }
    if (!status && !x->group && n) {
        const score_row *all = plain_row(out, model, "all", x);
        if (all) {
            const score_row like = *all;
            status = omega_row(out, b, &like, SIZE_MAX, defined, e);
        }
    }
    if (n < x->subjects)
        log_info("%s: Omega is not defined for %zu of %zu %s: the model alone does not predict above 0 with certainty", model,
                 x->subjects - n, x->subjects, x->group ? "group" : "subjects");
    free(defined);
    return status;
}

int score_resample(scores *out, const encoding *x, const encoding_set *base, const encoding_set *plain, const encoding_set *joint,
                   const score_options *o, err *e)
{
    const encoding_set *set[SETS] = { base && base->part ? base : NULL, plain && plain->part ? plain : NULL, joint && joint->part ? joint : NULL };
    const char *model = plain ? plain->model : joint ? joint->model : NULL;
    resample b = { 0 };
    int status = -1;
    if (!x->parts || !model || !set[PLAIN] || o->interval == INTERVAL_NONE || o->interval == INTERVAL_T) return 0;
    if (all_draws * x->v * x->parts * 3 > most_work) {
        log_info("%zu neuroids are too many for the crossed bootstrap: intervals are the jackknife's alone", x->v);
        return 0;
    }
    if (resample_new(&b, x, set, e)) goto done;
    if (!x->group && x->subjects > 1 && bca_rows(out, &b, model, o, e)) goto done;
    if (set[BASE] && set[JOINT] && omega_rows(out, &b, model, e)) goto done;
    status = 0;
done:
    resample_free(&b);
    return status;
}
