/* SPDX-License-Identifier: MIT */
/* Folds (CONTRACT "Folds"; METHODS 3.7): a fold id for each used presentation, then test and training masks. */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double slack_s = 1e-9; /* onsets in decimal seconds: a difference of exactly the gap must count as inside */

typedef struct {
    size_t row;
    int32_t run;   /* number of the run in order of first appearance */
    double onset;
} placed;

static double onset_of(const fold_items *items, size_t i)
{
    return items->onset ? items->onset[i] : (double)i;
}

/* Number of the run in order of first appearance among used rows; runs are few, a linear search does. */
static int number_runs(int32_t *number, size_t *runs, const fold_items *items, const uint8_t *use, err *e)
{
    int32_t *seen = mem_new(items->n, sizeof *seen, e);
    if (!seen) return -1;
    *runs = 0;
    for (size_t i = 0; i < items->n; i++) {
        int32_t run = items->run ? items->run[i] : 0;
        size_t k = 0;
        if (use && !use[i]) continue;
        while (k < *runs && seen[k] != run) k++;
        if (k == *runs) seen[(*runs)++] = run;
        number[i] = (int32_t)k;
    }
    free(seen);
    return 0;
}

static int by_run_and_onset(const void *a, const void *b)
{
    const placed *p = a, *q = b;
    if (p->run != q->run) return p->run < q->run ? -1 : 1;
    if (p->onset != q->onset) return p->onset < q->onset ? -1 : 1;
    return p->row < q->row ? -1 : p->row > q->row; /* stable */
}

/* Cuts order[0..m) into K pieces, the first m mod K one longer. */
static void cut(int32_t *fold, const size_t *order, size_t m, size_t k)
{
    size_t at = 0;
    for (size_t f = 0; f < k; f++) {
        size_t width = m / k + (f < m % k);
        for (size_t i = 0; i < width; i++) fold[order[at++]] = (int32_t)f;
    }
}

static int assign_contiguous(int32_t *fold, const fold_scheme *s, const fold_items *items, const uint8_t *use, err *e)
{
    int status = -1;
    size_t m = 0, runs;
    int32_t *number = mem_new(items->n, sizeof *number, e);
    placed *p = mem_new(items->n, sizeof *p, e);
    size_t *order = mem_new(items->n, sizeof *order, e);
    if (!number || !p || !order || number_runs(number, &runs, items, use, e)) goto done;
    for (size_t i = 0; i < items->n; i++)
        if (!use || use[i]) p[m++] = (placed){ i, number[i], onset_of(items, i) };
    qsort(p, m, sizeof *p, by_run_and_onset);
    for (size_t i = 0; i < m; i++) order[i] = p[i].row;
    cut(fold, order, m, s->k);
    status = 0;
done:
    free(number);
    free(p);
    free(order);
    return status;
}

/* Groups in order of first appearance; of_row[i] is the number of row i's group. */
static int number_groups(size_t *of_row, size_t *sizes, size_t *groups, const fold_items *items, const uint8_t *use, err *e)
{
    const char **seen = mem_new(items->n, sizeof *seen, e);
    if (!seen) return -1;
    *groups = 0;
    for (size_t i = 0; i < items->n; i++) {
        size_t k = 0;
        if (use && !use[i]) continue;
        while (k < *groups && !str_same(seen[k], items->group[i])) k++;
        if (k == *groups) {
            sizes[k] = 0;
            seen[(*groups)++] = items->group[i];
        }
        of_row[i] = k;
        sizes[k]++;
    }
    free(seen);
    return 0;
}

/* Deals whole groups, in the order given, to the fold that has fewest items so far (ties: the lowest fold). */
static int deal(size_t *fold_of, const size_t *order, const size_t *sizes, size_t groups, size_t k, err *e)
{
    size_t *load = mem_new(k, sizeof *load, e);
    if (!load) return -1;
    for (size_t g = 0; g < groups; g++) {
        size_t lightest = 0;
        for (size_t f = 1; f < k; f++)
            if (load[f] < load[lightest]) lightest = f;
        fold_of[order[g]] = lightest;
        load[lightest] += sizes[order[g]];
    }
    free(load);
    return 0;
}

static int assign_groups(int32_t *fold, size_t *count, const fold_scheme *s, const fold_items *items, const uint8_t *use,
                         err *e)
{
    int status = -1;
    size_t groups = 0, k = s->k;
    size_t *of_row = mem_new(items->n, sizeof *of_row, e), *sizes = mem_new(items->n, sizeof *sizes, e);
    size_t *order = mem_new(items->n, sizeof *order, e), *fold_of = mem_new(items->n, sizeof *fold_of, e);
    if (!of_row || !sizes || !order || !fold_of) goto done;
    if (!items->group) {
        err_set(e, ERR_INPUT, "folds by group need a group for each presentation; there is none");
        err_hint(e, "give the stimuli that hold groups, or name other folds");
        goto done;
    }
    if (number_groups(of_row, sizes, &groups, items, use, e)) goto done;
    if (s->kind == FOLD_LOGO) k = groups;
    if (s->at_most && groups < k) k = groups;
    if (groups < k || k < 2) {
        err_set(e, ERR_INPUT, "%zu groups are too few for %zu folds", groups, k < 2 ? 2 : k);
        goto done;
    }
    for (size_t g = 0; g < groups; g++) order[g] = g;
    if (s->has_seed) rng_shuffle(order, groups, s->seed, RNG_FOLDS, 0, 0);
    if (s->kind == FOLD_LOGO)
        for (size_t g = 0; g < groups; g++) fold_of[g] = g;
    else if (deal(fold_of, order, sizes, groups, k, e)) goto done;
    for (size_t i = 0; i < items->n; i++)
        if (!use || use[i]) fold[i] = (int32_t)fold_of[of_row[i]];
    *count = k;
    status = 0;
done:
    free(of_row);
    free(sizes);
    free(order);
    free(fold_of);
    return status;
}

static int assign_random(int32_t *fold, const fold_scheme *s, const fold_items *items, const uint8_t *use, err *e)
{
    size_t m = 0, *order = mem_new(items->n, sizeof *order, e);
    if (!order) return -1;
    for (size_t i = 0; i < items->n; i++)
        if (!use || use[i]) order[m++] = i;
    rng_shuffle(order, m, s->seed, RNG_FOLDS, 0, 0);
    cut(fold, order, m, s->k);
    free(order);
    return 0;
}

static int by_number(const void *a, const void *b)
{
    int32_t p = *(const int32_t *)a, q = *(const int32_t *)b;
    return p < q ? -1 : p > q;
}

/* Distinct given numbers, ascending, become folds 0, 1, ...; negative: never used. */
static int assign_given(int32_t *fold, size_t *count, const fold_items *items, const uint8_t *use, err *e)
{
    size_t m = 0, k = 0;
    if (!items->given) return err_set(e, ERR_INPUT, "given folds need a fold for each presentation; there is none");
    int32_t *values = mem_new(items->n, sizeof *values, e);
    if (!values) return -1;
    for (size_t i = 0; i < items->n; i++)
        if ((!use || use[i]) && items->given[i] >= 0) values[m++] = items->given[i];
    qsort(values, m, sizeof *values, by_number);
    for (size_t i = 0; i < m; i++)
        if (i == 0 || values[i] != values[k - 1]) values[k++] = values[i];
    for (size_t i = 0; i < items->n; i++) {
        if ((use && !use[i]) || items->given[i] < 0) continue;
        for (size_t j = 0; j < k; j++)
            if (values[j] == items->given[i]) fold[i] = (int32_t)j;
    }
    free(values);
    *count = k;
    return k >= 2 ? 0 : err_set(e, ERR_INPUT, "given folds: %zu different folds, at least 2 are needed", k);
}

/* Takes from the training mask of fold f what lies within the gap of its test rows, run by run. The test rows of a run are
 * an interval in order of onset, so only its ends matter. */
static void leave_gap(uint8_t *train, const uint8_t *test, const fold_items *items, const int32_t *number, size_t runs,
                      double gap_s, double *first, double *last)
{
    for (size_t r = 0; r < runs; r++) {
        first[r] = INFINITY;
        last[r] = -INFINITY;
    }
    for (size_t i = 0; i < items->n; i++) {
        if (!test[i]) continue;
        first[number[i]] = fmin(first[number[i]], onset_of(items, i));
        last[number[i]] = fmax(last[number[i]], onset_of(items, i));
    }
    for (size_t i = 0; i < items->n; i++) {
        if (!train[i] || !(first[number[i]] <= last[number[i]])) continue;
        double t = onset_of(items, i), away = fmax(fmax(first[number[i]] - t, t - last[number[i]]), 0);
        if (away <= gap_s + slack_s) train[i] = 0;
    }
}

static int leave_gaps(folds *out, const fold_scheme *s, const fold_items *items, const uint8_t *use, err *e)
{
    int status = -1;
    size_t runs = 0;
    double *ends = NULL;
    int32_t *number = mem_new(items->n, sizeof *number, e);
    if (!number || number_runs(number, &runs, items, use, e)) goto done;
    ends = mem_new(2 * runs + 2, sizeof *ends, e);
    if (!ends) goto done;
    for (size_t f = 0; f < out->count; f++)
        leave_gap(out->train + f * out->n, out->test + f * out->n, items, number, runs, s->gap_s, ends, ends + runs);
    status = 0;
done:
    free(number);
    free(ends);
    return status;
}

static int check_sizes(const folds *x, const fold_scheme *s, err *e)
{
    for (size_t f = 0; f < x->count; f++) {
        size_t test = 0, train = 0;
        for (size_t i = 0; i < x->n; i++) {
            test += x->test[f * x->n + i];
            train += x->train[f * x->n + i];
        }
        if (test < 2) {
            err_set(e, ERR_INPUT, "fold %zu of %zu has %zu test presentations, at least 2 are needed", f + 1, x->count, test);
            return err_hint(e, "fewer folds, or more data");
        }
        if (train == 0) {
            err_set(e, ERR_INPUT, "fold %zu of %zu has no training presentations", f + 1, x->count);
            return s->kind == FOLD_CONTIGUOUS && s->gap_s > 0 ? err_hint(e, "a gap of %g s leaves nothing over", s->gap_s)
                                                              : -1;
        }
    }
    return 0;
}

/* scikit-learn's folds of the used rows, in their order. */
static int assign_legacy(int32_t *fold, const fold_scheme *s, const fold_items *items, const uint8_t *use, err *e)
{
    size_t m = 0, *row = mem_new(items->n + 1, sizeof *row, e);
    const char **group = mem_new(items->n + 1, sizeof *group, e);
    int32_t *own = mem_new(items->n + 1, sizeof *own, e);
    int status = -1;
    if (!row || !group || !own) goto done;
    if (s->kind != FOLD_KFOLD && !items->group) {
        err_set(e, ERR_INPUT, "these folds need a group for each presentation; there is none");
        goto done;
    }
    for (size_t i = 0; i < items->n; i++)
        if (!use || use[i]) {
            group[m] = items->group ? items->group[i] : NULL;
            row[m++] = i;
        }
    uint32_t seed = (uint32_t)s->seed;
    if (s->kind == FOLD_KFOLD) status = legacy_kfold(own, m, s->k, seed, e);
    else if (s->kind != FOLD_GROUP_KFOLD) status = legacy_stratified(own, group, m, s->k, seed, s->kind == FOLD_STRATIFIED21, e);
    else status = s->has_seed ? legacy_group_kfold(own, group, m, s->k, seed, e) : legacy_group_kfold_sizes(own, group, m, s->k, e);
    for (size_t i = 0; i < m && !status; i++) fold[row[i]] = own[i];
done:
    free(row);
    free(group);
    free(own);
    return status;
}

static int assign(int32_t *fold, size_t *count, const fold_scheme *s, const fold_items *items, const uint8_t *use, err *e)
{
    *count = s->k;
    switch (s->kind) {
    case FOLD_CONTIGUOUS: return assign_contiguous(fold, s, items, use, e);
    case FOLD_GROUP:
    case FOLD_LOGO: return assign_groups(fold, count, s, items, use, e);
    case FOLD_RANDOM: return assign_random(fold, s, items, use, e);
    case FOLD_GIVEN: return assign_given(fold, count, items, use, e);
    case FOLD_SHUFFLE_SPLIT: return 0; /* no partition: its masks are made by themselves */
    case FOLD_KFOLD:
    case FOLD_GROUP_KFOLD:
    case FOLD_STRATIFIED:
    case FOLD_STRATIFIED21: return assign_legacy(fold, s, items, use, e);
    }
    return err_set(e, ERR_INPUT, "unknown fold scheme");
}

static folds *folds_new(size_t n, size_t count, const int32_t *fold, err *e)
{
    folds *x = mem_new(1, sizeof *x, e);
    if (!x) return NULL;
    x->n = n;
    x->count = count;
    x->test = mem_new(count * n, 1, e);
    x->train = mem_new(count * n, 1, e);
    if (!x->test || !x->train) {
        folds_free(x);
        return NULL;
    }
    for (size_t f = 0; f < count; f++)
        for (size_t i = 0; i < n; i++) {
            x->test[f * n + i] = fold[i] == (int32_t)f;
            x->train[f * n + i] = fold[i] >= 0 && fold[i] != (int32_t)f;
        }
    return x;
}

static int draw_shuffle_split(folds *x, const fold_scheme *s, const uint8_t *use, err *e)
{
    size_t m = 0;
    for (size_t i = 0; i < x->n; i++) m += !use || use[i];
    uint8_t *test = mem_new(s->k * m + 1, 1, e), *train = mem_new(s->k * m + 1, 1, e);
    int status = test && train ? legacy_shuffle_split(test, train, m, s->k, s->train_share, (uint32_t)s->seed, e) : -1;
    for (size_t f = 0; f < s->k && !status; f++)
        for (size_t i = 0, at = 0; i < x->n; i++) {
            bool used = !use || use[i];
            x->test[f * x->n + i] = used && test[f * m + at];
            x->train[f * x->n + i] = used && train[f * m + at];
            at += used;
        }
    free(test);
    free(train);
    return status;
}

int folds_make(folds **out, const fold_scheme *scheme, const fold_items *items, const uint8_t *use, err *e)
{
    int status = -1;
    size_t count = 0;
    folds *x = NULL;
    *out = NULL;
    int32_t *fold = mem_new(items->n, sizeof *fold, e);
    if (!fold) return -1;
    for (size_t i = 0; i < items->n; i++) fold[i] = -1;
    if (assign(fold, &count, scheme, items, use, e)) goto done;
    x = folds_new(items->n, count, fold, e);
    if (!x) goto done;
    if (scheme->kind == FOLD_CONTIGUOUS && leave_gaps(x, scheme, items, use, e)) goto done;
    if (scheme->kind == FOLD_SHUFFLE_SPLIT && draw_shuffle_split(x, scheme, use, e)) goto done;
    if (check_sizes(x, scheme, e)) goto done;
    *out = x;
    x = NULL;
    status = 0;
done:
    free(fold);
    folds_free(x);
    return status;
}

void folds_free(folds *f)
{
    if (!f) return;
    free(f->test);
    free(f->train);
    free(f);
}
