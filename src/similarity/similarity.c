/* SPDX-License-Identifier: MIT */
/* Both measures are sums over pairs of items of the model's cell times the people's, so that the people are averaged first and a
 * permutation costs one sum, however many they are. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

typedef struct {
    const similarity_data *d;
    uint8_t *used;       /* [n] */
    size_t n_used, pairs;
    uint32_t *a, *b;     /* [pairs] items of different groups */
    double **person;     /* [subjects] of [pairs] ranks about their mean, of norm 1 */
} pair_table;

static size_t pair_at(size_t i, size_t k, size_t n)
{
    return i * n - i * (i + 1) / 2 + k - i - 1; /* i < k, the upper triangle row by row */
}

static bool counts(const pair_table *t, size_t i, size_t k)
{
    return t->used[i] && t->used[k] && (!t->d->groups || t->d->group[i] != t->d->group[k]);
}

static int find_pairs(pair_table *t, err *e)
{
    size_t n = t->d->n;
    for (size_t i = 0; i < n; i++) {
        t->n_used += t->used[i];
        for (size_t k = i + 1; k < n; k++) t->pairs += counts(t, i, k);
    }
    if (t->n_used < 4 || t->pairs < 3)
        return err_set(e, ERR_INPUT, "%zu items with a dissimilarity and %zu pairs of different groups are left, too few", t->n_used, t->pairs);
    t->a = mem_new(t->pairs, sizeof *t->a, e);
    t->b = mem_new(t->pairs, sizeof *t->b, e);
    if (!t->a || !t->b) return -1;
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++)
            if (counts(t, i, k)) {
                t->a[at] = (uint32_t)i;
                t->b[at++] = (uint32_t)k;
            }
    return 0;
}

/* out [pairs]: ranks of the dissimilarities, centred, of norm 1; NaN if they are all equal. */
static int rank_pairs(double *out, const pair_table *t, const double *triangle, err *e)
{
    double *some = mem_new(t->pairs, sizeof *some, e), sum = 0, mean = ((double)t->pairs + 1) / 2;
    int status = -1;
    if (!some) return -1;
    for (size_t i = 0; i < t->pairs; i++) some[i] = triangle[pair_at(t->a[i], t->b[i], t->d->n)];
    if (ranks_average(some, t->pairs, out, e)) goto done;
    for (size_t i = 0; i < t->pairs; i++) sum += (out[i] - mean) * (out[i] - mean);
    for (size_t i = 0; i < t->pairs; i++) out[i] = sum > 0 ? (out[i] - mean) / sqrt(sum) : NAN;
    status = 0;
done:
    free(some);
    return status;
}

/* An item all of whose values are equal has no correlation with others. */
static void drop_constant_rows(uint8_t *used, const double *x, size_t n, size_t p)
{
    for (size_t i = 0; i < n; i++)
        if (column_constant(x + i * p, p, 1, NULL)) used[i] = 0;
}

static void pair_table_free(pair_table *t)
{
    for (size_t s = 0; t->person && s < t->d->subjects; s++) free(t->person[s]);
    free(t->person);
    free(t->used);
    free(t->a);
    free(t->b);
}

/* x [n×p] (NULL: people alone). */
static int pair_table_new(pair_table *t, const similarity_data *d, const double *x, size_t p, err *e)
{
    size_t n = d->n, cells;
    int status = -1;
    double *triangle = NULL;
    *t = (pair_table){ .d = d, .used = mem_new(n, 1, e), .person = mem_new(d->subjects, sizeof *t->person, e) };
    if (!t->used || !t->person || size_mul(n, n, &cells, e) || !(triangle = mem_new(cells / 2 + 1, sizeof *triangle, e))) goto done;
    memset(t->used, 1, n);
    if (x) drop_constant_rows(t->used, x, n, p);
    for (size_t s = 0; s < d->subjects; s++) drop_constant_rows(t->used, d->y[s], n, d->v[s]);
    if (find_pairs(t, e)) goto done;
    for (size_t s = 0; s < d->subjects; s++) {
        if (!(t->person[s] = mem_new(t->pairs, sizeof **t->person, e))) goto done;
        rdm(triangle, RDM_CORRELATION, d->y[s], n, d->v[s]);
        if (rank_pairs(t->person[s], t, triangle, e)) goto done;
    }
    status = 0;
done:
    free(triangle);
    return status;
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* ---- what a permutation is worth ---- */

typedef struct {
    const pair_table *t;     /* RSA, else NULL */
    const double *model;     /* [n×n] cells of the model */
    const double *people;    /* [pairs], or [n×n] kernel: mean over people */
    size_t n;
    double scale;            /* CKA: 1/sqrt(HSIC(K,K)) */
} comparison;

static int compare(double *out, double *cells, const comparison *c, const size_t *from, err *e)
{
    size_t n = c->n;
    if (c->t) {
        *out = 0;
        for (size_t i = 0; i < c->t->pairs; i++) *out += c->people[i] * c->model[from[c->t->a[i]] * n + from[c->t->b[i]]];
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) cells[i * n + k] = c->model[from[i] * n + from[k]];
    if (hsic_unbiased(cells, c->people, n, out, e)) return -1;
    *out *= c->scale;
    return 0;
}

static int permute(double *null, const comparison *c, const members *m, const similarity_options *o, err *e)
{
    int failed = 0;
#pragma omp parallel num_threads(threads_count())
    {
        err own = { 0 };
        size_t *from = mem_new(c->n, sizeof *from, &own);
        double *cells = mem_new(c->t ? 1 : c->n * c->n, sizeof *cells, &own);
        bool bad = !from || !cells;
#pragma omp for schedule(dynamic, 1)
        for (size_t k = 0; k < o->permutations; k++)
            if (!bad) bad = members_permute(from, m, o->seed, k, &own) || compare(&null[k], cells, c, from, &own);
        free(from);
        free(cells);
        if (bad)
#pragma omp critical(broca_similarity)
        {
            if (!failed) *e = own;
            failed = 1;
        }
    }
    return failed ? -1 : 0;
}

static int finish(similarity_score *score, const double *value, double *null, const comparison *c, const members *m, const similarity_data *d,
                  const similarity_options *o, err *e)
{
    score->mean = mean_f8(value, d->subjects);
    if (permute(null, c, m, o, e)) return -1;
    score->p = permutation_p(score->mean, null, o->permutations, 1, TAIL_GREATER);
    score->z = permutation_z(score->mean, null, o->permutations, 1);
    return 0;
}

/* ---- RSA ---- */

static int rsa(similarity_score *score, double *value, double *null, const double *x, size_t p, const similarity_data *d, const similarity_options *o, err *e)
{
    pair_table t;
    members m = { 0 };
    size_t n = d->n;
    int status = -1;
    double *triangle = NULL, *model = NULL, *people = NULL, *full = NULL;
    if (pair_table_new(&t, d, x, p, e)) goto done;
    triangle = mem_new(n * (n - 1) / 2 + 1, sizeof *triangle, e);
    model = mem_new(t.pairs, sizeof *model, e);
    people = mem_new(t.pairs, sizeof *people, e);
    full = mem_new(n * n, sizeof *full, e);
    if (!triangle || !model || !people || !full || members_new(&m, d, t.used, e)) goto done;
    rdm(triangle, RDM_CORRELATION, x, n, p);
    if (rank_pairs(model, &t, triangle, e)) goto done;
    for (size_t i = 0; i < t.pairs; i++) {
        full[t.a[i] * n + t.b[i]] = full[t.b[i] * n + t.a[i]] = model[i];
        for (size_t s = 0; s < d->subjects; s++) people[i] += t.person[s][i] / (double)d->subjects;
    }
    for (size_t s = 0; s < d->subjects; s++) value[s] = dot(t.person[s], model, t.pairs);
    score->dropped = n - t.n_used;
    comparison c = { &t, full, people, n, 1 };
    status = finish(score, value, null, &c, &m, d, o, e);
done:
    pair_table_free(&t);
    members_free(&m);
    free(triangle);
    free(model);
    free(people);
    free(full);
    return status;
}

int similarity_ceiling(double *ceiling, const similarity_data *d, err *e)
{
    pair_table t;
    size_t S = d->subjects;
    double *others = NULL, mean = 0;
    int status = -1;
    for (size_t s = 0; s < S; s++) ceiling[s] = NAN;
    if (S < 2) return 0;
    if (pair_table_new(&t, d, NULL, 0, e) || !(others = mem_new(t.pairs, sizeof *others, e))) goto done;
    for (size_t s = 0; s < S; s++)
        for (size_t k = s + 1; k < S; k++) mean += dot(t.person[s], t.person[k], t.pairs) * 2 / (double)(S * (S - 1));
    double rho = (double)(S - 1) * mean / (1 + (double)(S - 2) * mean); /* of the mean of S - 1 people */
    for (size_t s = 0; s < S && mean > 0; s++) {
        for (size_t i = 0; i < t.pairs; i++) {
            others[i] = 0;
            for (size_t k = 0; k < S; k++) others[i] += k == s ? 0 : t.person[k][i];
        }
        ceiling[s] = dot(t.person[s], others, t.pairs) / sqrt(dot(others, others, t.pairs)) / sqrt(rho);
    }
    status = 0;
done:
    pair_table_free(&t);
    free(others);
    return status;
}

/* ---- CKA ---- */

/* Kernel [n×n] of the rows about the mean of each column. */
static int kernel_of(double *k, const double *x, size_t n, size_t p, bool rbf, err *e)
{
    double *centred = mem_copy(x, n * p * sizeof *x, e);
    if (!centred) return -1;
    for (size_t j = 0; j < p; j++) {
        double mean = 0;
        for (size_t i = 0; i < n; i++) mean += x[i * p + j] / (double)n;
        for (size_t i = 0; i < n; i++) centred[i * p + j] -= mean;
    }
    int status = 0;
    if (rbf) status = gram_rbf(k, centred, n, p, e);
    else gram_linear(k, centred, n, p);
    free(centred);
    return status;
}

static int aligned(similarity_score *score, double *value, double *null, const double *x, size_t p, const similarity_data *d,
                   const similarity_options *o, err *e)
{
    size_t n = d->n, cells;
    int status = -1;
    double kk, ll, kl, *k = NULL, *l = NULL, *people = NULL;
    uint8_t *used = mem_new(n, 1, e);
    members m = { 0 };
    if (!used || size_mul(n, n, &cells, e)) goto done;
    memset(used, 1, n);
    k = mem_new(cells, sizeof *k, e);
    l = mem_new(cells, sizeof *l, e);
    people = mem_new(cells, sizeof *people, e);
    if (!k || !l || !people || members_new(&m, d, used, e)) goto done;
    if (kernel_of(k, x, n, p, o->rbf, e) || hsic_unbiased(k, k, n, &kk, e)) goto done;
    for (size_t s = 0; s < d->subjects; s++) {
        if (kernel_of(l, d->y[s], n, d->v[s], o->rbf, e) || hsic_unbiased(l, l, n, &ll, e) || hsic_unbiased(k, l, n, &kl, e)) goto done;
        value[s] = kk > 0 && ll > 0 ? kl / sqrt(kk) / sqrt(ll) : NAN;
        for (size_t i = 0; i < cells; i++) people[i] += l[i] / sqrt(ll) / (double)d->subjects;
    }
    score->dropped = 0;
    comparison c = { NULL, k, people, n, 1 / sqrt(kk) };
    status = finish(score, value, null, &c, &m, d, o, e);
done:
    members_free(&m);
    free(used);
    free(k);
    free(l);
    free(people);
    return status;
}

int similarity_of(similarity_score *score, double *value, double *null, const double *x, size_t p, const similarity_data *d,
                  const similarity_options *o, err *e)
{
    for (size_t i = 0; i < d->n * p; i++)
        if (!isfinite(x[i])) return err_set(e, ERR_INPUT, "row %zu, column %zu of the activations is not finite", i / p, i % p);
    return (o->metric == SIMILARITY_RSA ? rsa : aligned)(score, value, null, x, p, d, o, e);
}
