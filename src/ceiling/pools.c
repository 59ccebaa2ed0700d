/* SPDX-License-Identifier: MIT */
/* Subsets of subjects, and the prediction of each member from the neuroids of the others (METHODS 4.1, steps 1 and 2). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "extrapolate.h"

enum { PAPER_DRAWS = 10, PAPER_HELD_OUT = 5, PAPER_ALL_UP_TO = 5, GRID = 22 };

void subsets_free(subject_subsets *s)
{
    free(s->member);
    free(s->times);
    free(s->size);
    *s = (subject_subsets){ 0 };
}

static int add_subset(subject_subsets *s, const size_t *who, size_t k, err *e)
{
    void *member = s->member, *times = s->times, *size = s->size;
    if (mem_grow(&member, (s->n + 1) * s->subjects, 1, e)) return -1;
    s->member = member;
    if (mem_grow(&times, (s->n + 1) * s->subjects, 1, e)) return -1;
    s->times = times;
    if (mem_grow(&size, s->n + 1, sizeof *s->size, e)) return -1;
    s->size = size;
    memset(s->member + s->n * s->subjects, 0, s->subjects);
    memset(s->times + s->n * s->subjects, 0, s->subjects);
    for (size_t i = 0; i < k; i++) s->member[s->n * s->subjects + who[i]] = s->times[s->n * s->subjects + who[i]] = 1;
    s->size[s->n++] = k;
    return 0;
}

static double choose(size_t n, size_t k)
{
    double c = 1;
    for (size_t i = 1; i <= k; i++) c = c * (double)(n - k + i) / (double)i;
    return round(c);
}

/* All subsets of size k in lexicographic order. */
static int all_of(subject_subsets *s, size_t k, err *e)
{
    size_t n = s->subjects, who[64];
    for (size_t i = 0; i < k; i++) who[i] = i;
    for (;;) {
        size_t i = k;
        if (add_subset(s, who, k, e)) return -1;
        while (i-- > 0 && who[i] == n - k + i) {}
        if (i == SIZE_MAX) return 0;
        who[i]++;
        for (size_t j = i + 1; j < k; j++) who[j] = who[j - 1] + 1;
    }
}

static bool is_there(const subject_subsets *s, size_t from, const size_t *who, size_t k)
{
    for (size_t i = from; i < s->n; i++) {
        bool same = true;
        for (size_t j = 0; j < k && same; j++) same = s->member[i * s->subjects + who[j]];
        if (same) return true;
    }
    return false;
}

static int some_of(subject_subsets *s, size_t k, size_t count, uint64_t seed, err *e)
{
    size_t from = s->n, who[64];
    for (uint32_t attempt = 0; s->n - from < count; attempt++) {
        for (size_t i = 0; i < s->subjects; i++) who[i] = i;
        rng_shuffle(who, s->subjects, seed, RNG_SUBSETS, (uint32_t)k, attempt);
        if (!is_there(s, from, who, k) && add_subset(s, who, k, e)) return -1;
    }
    return 0;
}

/* Ten ordered draws of a size, different as tuples only, and five members of each drawn with replacement to be predicted. */
static int paper_draws(subject_subsets *s, size_t k, legacy_rng *g, err *e)
{
    size_t drawn[PAPER_DRAWS][64], p[64], count = 0;
    while (count < PAPER_DRAWS) {
        bool fresh = true;
        legacy_permutation(g, p, s->subjects);
        for (size_t i = 0; i < count && fresh; i++) fresh = memcmp(drawn[i], p, k * sizeof *p) != 0;
        if (!fresh) continue;
        memcpy(drawn[count++], p, k * sizeof *p);
        if (add_subset(s, p, k, e)) return -1;
    }
    for (size_t i = s->n - PAPER_DRAWS; i < s->n; i++) {
        uint8_t *times = s->times + i * s->subjects;
        memset(times, 0, s->subjects);
        for (size_t j = 0; j < PAPER_HELD_OUT; j++) times[drawn[i + PAPER_DRAWS - s->n][legacy_up_to(g, (uint32_t)(k - 1))]]++;
    }
    return 0;
}

int subsets_new(subject_subsets *s, size_t subjects, const ceiling_options *o, err *e)
{
    legacy_rng g;
    *s = (subject_subsets){ .subjects = subjects };
    if (subjects > 64) return err_set(e, ERR_INPUT, "%zu subjects; extrapolation takes at most 64", subjects);
    legacy_start(&g, 0);
    for (size_t k = 2; k <= subjects; k++) {
        if (o->paper && subjects > PAPER_ALL_UP_TO) {
            if (paper_draws(s, k, &g, e)) return -1;
        } else if (o->paper || choose(subjects, k) <= (double)o->subsets) {
            if (all_of(s, k, e)) return -1;
        } else if (some_of(s, k, o->subsets, o->seed, e)) return -1;
    }
    return 0;
}

/* ---- one member from the others ---- */

/* Columns of z [n×v] whose subject has mask[subject] set, but for `without`, or (only) of one subject. */
static double *columns(const double *z, const ceiling_data *d, const uint8_t *mask, size_t without, size_t only, size_t *p, err *e)
{
    size_t count = 0;
    for (size_t j = 0; j < d->v; j++) count += only == SIZE_MAX ? mask[d->subject[j]] && d->subject[j] != without : d->subject[j] == only;
    double *out = mem_new(d->n * count + 1, sizeof *out, e);
    *p = count;
    if (!out) return NULL;
    for (size_t i = 0, at = 0; i < d->n; i++)
        for (size_t j = 0; j < d->v; j++)
            if (only == SIZE_MAX ? mask[d->subject[j]] && d->subject[j] != without : d->subject[j] == only) out[at++] = z[i * d->v + j];
    return out;
}

static int predict_member(double *r, const subject_subsets *s, size_t subset, size_t member, size_t f, const double *z, const ceiling_data *d,
                          const ceiling_options *o, err *e)
{
    double alphas[GRID];
    size_t p, v, A = GRID, at = 0;
    double *x = columns(z, d, s->member + subset * s->subjects, member, SIZE_MAX, &p, e), *y = columns(z, d, NULL, 0, member, &v, e);
    nested_result out = { .score = mem_new(v + 1, sizeof(fit_score), e) };
    int status = -1;
    if (!x || !y || !out.score) goto done;
    for (size_t a = 0; a < GRID; a++) alphas[a] = pow(10, -1 + (double)a / 3);
    if (o->paper == PAPER_SCHRIMPF2021) alphas[0] = 0, A = 1;
    if (o->paper == PAPER_BRAINSCORE)
        for (A = 0; A < 7; A++) alphas[A] = pow(10, (double)A - 3);
    nested_problem q = { .x = x, .n = d->n, .p = p, .y = y, .v = v, .train = d->train + f * d->n, .test = d->test + f * d->n,
                         .inner = o->paper ? NULL : d->inner[f], .alphas = alphas, .n_alphas = A, .select = SELECT_MSE,
                         .alpha_shared = o->paper == PAPER_BRAINSCORE, .standardise = !o->paper };
    if (o->paper ? paper_ridge(&q, o->paper, &out, e) : nested_ridge(&q, NULL, &out, e)) goto done;
    for (size_t j = 0; j < d->v; j++)
        if (d->subject[j] == member) {
            double own = out.score[at++].r;
            r[(subset * d->folds + f) * d->v + j] = isnan(own) && !o->paper ? 0 : own; /* NaN counts 0 in strict scores */
        }
    status = 0;
done:
    if (status) err_while(e, "predicting subject %s from %zu others in fold %zu", d->subject_name[member], s->size[subset] - 1, f + 1);
    free(x);
    free(y);
    free(out.score);
    return status;
}

int pools_predict(double *r, const subject_subsets *s, const ceiling_data *d, const ceiling_options *o, err *e)
{
    progress bar;
    int failed = 0;
    double *z = mem_new(d->n * d->v, sizeof *z, e);
    if (!z) return -1;
    for (size_t i = 0; i < s->n * d->folds * d->v; i++) r[i] = NAN;
    progress_start(&bar, "subsets", s->n * d->folds);
    for (size_t f = 0; f < d->folds && !failed; f++) {
        if (o->paper) memcpy(z, d->y, d->n * d->v * sizeof *z); /* raw */
        else if (ceiling_fold(z, d, f, e)) {
            failed = 1;
            break;
        }
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads_count())
        for (size_t k = 0; k < s->n; k++) {
            err own = { 0 };
            int stop;
#pragma omp atomic read
            stop = failed;
            for (size_t h = 0; h < s->subjects && !stop && !own.kind; h++) {
                if (interrupted()) err_set(&own, ERR_INTERRUPTED, "interrupted");
                else if (s->times[k * s->subjects + h]) predict_member(r, s, k, h, f, z, d, o, &own);
            }
            progress_step(&bar, 1);
            if (!own.kind) continue;
#pragma omp critical(broca_pools)
            {
                if (!failed) *e = own;
                failed = 1;
            }
        }
    }
    progress_end(&bar);
    free(z);
    return failed ? -1 : 0;
}
