/* SPDX-License-Identifier: MIT */
/* Folds as scikit-learn draws them from NumPy's legacy generator (METHODS 0): kfold, shufflesplit, groupkfold, stratified and
 * stratified21, the algorithm of scikit-learn before 0.22. Replicate modes need the same folds, not equally good ones. */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Cuts order[0..m) into K pieces, the first m mod K one longer. */
static void cut(int32_t *fold, const size_t *order, size_t m, size_t k)
{
    size_t at = 0;
    for (size_t f = 0; f < k; f++) {
        size_t width = m / k + (f < m % k);
        for (size_t i = 0; i < width; i++) fold[order[at++]] = (int32_t)f;
    }
}

static int draw_kfold(int32_t *fold, size_t n, size_t k, legacy_rng *g, err *e)
{
    size_t *order = mem_new(n + 1, sizeof *order, e);
    if (!order) return -1;
    legacy_permutation(g, order, n);
    cut(fold, order, n, k);
    free(order);
    return 0;
}

int legacy_kfold(int32_t *fold, size_t n, size_t k, uint32_t seed, err *e)
{
    legacy_rng g;
    legacy_start(&g, seed);
    return draw_kfold(fold, n, k, &g, e);
}

int legacy_shuffle_split(uint8_t *test, uint8_t *train, size_t n, size_t repeats, double train_share, uint32_t seed, err *e)
{
    legacy_rng g;
    size_t n_train = (size_t)floor(train_share * (double)n), n_test = n - n_train;
    size_t *order = mem_new(n + 1, sizeof *order, e);
    if (!order) return -1;
    legacy_start(&g, seed);
    memset(test, 0, repeats * n);
    memset(train, 0, repeats * n);
    for (size_t r = 0; r < repeats; r++) {
        legacy_permutation(&g, order, n);
        for (size_t i = 0; i < n; i++) (i < n_test ? test : train)[r * n + order[i]] = 1;
    }
    free(order);
    return 0;
}

/* ---- labels ---- */

typedef struct {
    size_t count;    /* different labels */
    size_t *of_row;  /* [n] number of the row's label in sorted order */
    size_t *size;    /* [count] rows of each */
    size_t *first;   /* [count] row of its first appearance */
} labels;

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void labels_free(labels *x)
{
    free(x->of_row);
    free(x->size);
    free(x->first);
}

static int labels_new(labels *x, const char *const *label, size_t n, err *e)
{
    const char **sorted = mem_new(n + 1, sizeof *sorted, e);
    *x = (labels){ .of_row = mem_new(n + 1, sizeof *x->of_row, e), .size = mem_new(n + 1, sizeof *x->size, e),
                   .first = mem_new(n + 1, sizeof *x->first, e) };
    if (!sorted || !x->of_row || !x->size || !x->first) {
        free(sorted);
        labels_free(x);
        return -1;
    }
    for (size_t i = 0; i < n; i++) sorted[i] = label[i];
    qsort(sorted, n, sizeof *sorted, by_text);
    for (size_t i = 0; i < n; i++)
        if (!i || !str_same(sorted[i], sorted[x->count - 1])) sorted[x->count++] = sorted[i];
    for (size_t i = n; i-- > 0;) {
        const char **found = bsearch(&label[i], sorted, x->count, sizeof *sorted, by_text);
        x->of_row[i] = (size_t)(found - sorted);
        x->size[x->of_row[i]]++;
        x->first[x->of_row[i]] = i;
    }
    free(sorted);
    return 0;
}

int legacy_group_kfold(int32_t *fold, const char *const *group, size_t n, size_t k, uint32_t seed, err *e)
{
    labels x;
    legacy_rng g;
    int status = -1;
    int32_t *of_group = NULL;
    if (labels_new(&x, group, n, e)) return -1;
    if (x.count < k) {
        err_set(e, ERR_INPUT, "%zu groups are too few for %zu folds", x.count, k);
        goto done;
    }
    if (!(of_group = mem_new(x.count, sizeof *of_group, e))) goto done;
    legacy_start(&g, seed);
    if (draw_kfold(of_group, x.count, k, &g, e)) goto done;
    for (size_t i = 0; i < n; i++) fold[i] = of_group[x.of_row[i]];
    status = 0;
done:
    free(of_group);
    labels_free(&x);
    return status;
}

/* ---- stratified ---- */

/* Before 0.22: a shuffled KFold of each class, classes in sorted order; a class of fewer items than folds is cut as if it had as
 * many as folds. */
static int stratified_before(int32_t *fold, const labels *x, size_t n, size_t k, legacy_rng *g, err *e)
{
    int32_t *own = mem_new((n > k ? n : k) + 1, sizeof *own, e);
    if (!own) return -1;
    for (size_t c = 0; c < x->count; c++) {
        size_t m = x->size[c] > k ? x->size[c] : k, at = 0;
        if (draw_kfold(own, m, k, g, e)) {
            free(own);
            return -1;
        }
        for (size_t i = 0; i < n; i++)
            if (x->of_row[i] == c) fold[i] = own[at++];
    }
    free(own);
    return 0;
}

/* Since 0.22: classes in order of appearance; the sorted labels are dealt to the folds in turn, which says how many of a class
 * each fold gets; then the folds of a class are shuffled. */
static int stratified_since(int32_t *fold, const labels *x, size_t n, size_t k, legacy_rng *g, err *e)
{
    size_t *own = mem_new(n + 1, sizeof *own, e), *number = mem_new(n + 1, sizeof *number, e), begin = 0, c = 0;
    if (!own || !number) {
        free(own);
        free(number);
        return -1;
    }
    for (size_t i = 0; i < n; i++) /* classes by first appearance */
        if (x->first[x->of_row[i]] == i) number[c++] = x->of_row[i];
    for (c = 0; c < x->count; c++) {
        size_t size = x->size[number[c]], at = 0;
        for (size_t f = 0; f < k; f++)
            for (size_t i = begin; i < begin + size; i++)
                if (i % k == f) own[at++] = f;
        begin += size;
        legacy_shuffle(g, own, size);
        at = 0;
        for (size_t i = 0; i < n; i++)
            if (x->of_row[i] == number[c]) fold[i] = (int32_t)own[at++];
    }
    free(own);
    free(number);
    return 0;
}

int legacy_stratified(int32_t *fold, const char *const *label, size_t n, size_t k, uint32_t seed, bool before_022, err *e)
{
    labels x;
    legacy_rng g;
    if (labels_new(&x, label, n, e)) return -1;
    legacy_start(&g, seed);
    int status = (before_022 ? stratified_before : stratified_since)(fold, &x, n, k, &g, e);
    labels_free(&x);
    return status;
}

/* ---- groups without a shuffle ---- */

static void swap(size_t *a, size_t *b)
{
    size_t other = *a;
    *a = *b;
    *b = other;
}

/* Orders at[lo..hi] by size as NumPy's argsort does, whose order of equals (its quicksort is not stable) decides the folds:
 * median of three, pieces of up to 17 by insertion. */
static void order_by_size(size_t *at, const size_t *size, size_t lo, size_t hi)
{
    while (hi > lo && hi - lo > 16) {
        size_t middle = lo + (hi - lo) / 2, i = lo, j = hi - 1;
        if (size[at[middle]] < size[at[lo]]) swap(&at[middle], &at[lo]);
        if (size[at[hi]] < size[at[middle]]) swap(&at[hi], &at[middle]);
        if (size[at[middle]] < size[at[lo]]) swap(&at[middle], &at[lo]);
        size_t pivot = size[at[middle]];
        swap(&at[middle], &at[j]);
        for (;;) {
            do i++;
            while (size[at[i]] < pivot);
            do j--;
            while (pivot < size[at[j]]);
            if (i >= j) break;
            swap(&at[i], &at[j]);
        }
        swap(&at[i], &at[hi - 1]);
        order_by_size(at, size, lo, i - 1);
        lo = i + 1;
    }
    for (size_t i = lo + 1; i <= hi; i++) {
        size_t one = at[i], j = i;
        for (; j > lo && size[one] < size[at[j - 1]]; j--) at[j] = at[j - 1];
        at[j] = one;
    }
}

int legacy_group_kfold_sizes(int32_t *fold, const char *const *group, size_t n, size_t k, err *e)
{
    labels x;
    int status = -1;
    size_t *order = NULL, *load = NULL;
    int32_t *of_group = NULL;
    if (labels_new(&x, group, n, e)) return -1;
    if (x.count < k || !x.count) {
        err_set(e, ERR_INPUT, "%zu groups are too few for %zu folds", x.count, k);
        goto done;
    }
    order = mem_new(x.count, sizeof *order, e);
    load = mem_new(k, sizeof *load, e);
    of_group = mem_new(x.count, sizeof *of_group, e);
    if (!order || !load || !of_group) goto done;
    for (size_t g = 0; g < x.count; g++) order[g] = g;
    order_by_size(order, x.size, 0, x.count - 1);
    for (size_t i = x.count; i-- > 0;) { /* the largest first, to the lightest fold */
        size_t lightest = 0;
        for (size_t f = 1; f < k; f++)
            if (load[f] < load[lightest]) lightest = f;
        of_group[order[i]] = (int32_t)lightest;
        load[lightest] += x.size[order[i]];
    }
    for (size_t i = 0; i < n; i++) fold[i] = of_group[x.of_row[i]];
    status = 0;
done:
    free(order);
    free(load);
    free(of_group);
    labels_free(&x);
    return status;
}
