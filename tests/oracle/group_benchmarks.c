/* SPDX-License-Identifier: MIT */
/* oracles/benchmarks: arithmetic of ceilings. What papers' code computes is in group_papers.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"
#include "broca/store.h"
#include "oracle.h"

static const double RELATIVE = 1e-9;

double *benchmark_numbers(store *s, oracle_result *r, const char *name, size_t *count)
{
    double *out = NULL;
    err e = { 0 };
    if (store_read_f8(s, name, &out, count, &e)) {
        oracle_end(r, ORACLE_UNREADABLE, "%s: %s", name, e.text);
        return NULL;
    }
    return out;
}

static double *numbers(store *s, oracle_result *r, const char *name)
{
    size_t count;
    return benchmark_numbers(s, r, name, &count);
}

/* The case's main array and its three dimensions. */
static double *cube(store *s, oracle_result *r, const char *name, size_t dims[3])
{
    store_shape_t shape;
    err e = { 0 };
    if (store_shape(s, name, &shape, &e) || shape.rank != 3) {
        oracle_end(r, ORACLE_UNREADABLE, "%s is not an array of three dimensions", name);
        return NULL;
    }
    memcpy(dims, shape.dims, 3 * sizeof *dims);
    return numbers(s, r, name);
}

/* Means over the repeats in and out of the half. */
static void half_means(double *a, double *b, const double *data, const size_t dims[3], const double *half, size_t j)
{
    for (size_t i = 0; i < dims[0]; i++) {
        double sum[2] = { 0 }, n[2] = { 0 };
        for (size_t k = 0; k < dims[1]; k++) {
            int side = half[k] == 0;
            sum[side] += data[(i * dims[1] + k) * dims[2] + j];
            n[side]++;
        }
        a[i] = sum[0] / n[0];
        b[i] = sum[1] / n[1];
    }
}

static void check_split_half(store *s, oracle_result *r)
{
    size_t dims[3] = { 0 }, halves_count = 0;
    err e = { 0 };
    double *data = cube(s, r, "/data", dims), *halves = NULL, *want_r = numbers(s, r, "/expected/r");
    double *want_rho = numbers(s, r, "/expected/corrected"), *odd_even = numbers(s, r, "/expected/odd_even/r");
    double *order = NULL, *a = calloc(dims[0] + 1, sizeof *a), *b = calloc(dims[0] + 1, sizeof *b);
    double *half = calloc(dims[1] + 1, sizeof *half);
    if (store_read_f8(s, "/halves", &order, &halves_count, &e)) oracle_end(r, ORACLE_UNREADABLE, "%s", e.text);
    if (!data || !want_r || !want_rho || !odd_even || !order || !a || !b || !half) goto done;
    for (size_t k = 0; k < halves_count / dims[1]; k++) {
        /* a row lists the repeats; the first half of them (4 of 9) is one half */
        for (size_t i = 0; i < dims[1]; i++)
            half[(size_t)order[k * dims[1] + i]] = i < dims[1] / 2;
        for (size_t j = 0; j < dims[2]; j++) {
            half_means(a, b, data, dims, half, j);
            double got = pearson(a, b, dims[0]), rho = spearman_brown(got, 2);
            oracle_near(r, "r of halves", &got, &want_r[k * dims[2] + j], 1, 1e-12, RELATIVE);
            oracle_near(r, "corrected", &rho, &want_rho[k * dims[2] + j], 1, 1e-12, RELATIVE);
        }
    }
    for (size_t i = 0; i < dims[1]; i++)
        half[i] = i % 2 == 0;
    for (size_t j = 0; j < dims[2]; j++) {
        half_means(a, b, data, dims, half, j);
        double got = pearson(a, b, dims[0]);
        oracle_near(r, "odd and even", &got, &odd_even[j], 1, 1e-12, RELATIVE);
    }
done:
    free(data);
    free(halves);
    free(order);
    free(want_r);
    free(want_rho);
    free(odd_even);
    free(a);
    free(b);
    free(half);
}

/* The reference subtracts noise/R with the full R; ours takes the harmonic mean of R_i (METHODS 4.3). The two differ by
 * noise·(mean 1/R_i - 1/R), which is put back before values with gaps are compared. */
static void check_snr_set(store *s, oracle_result *r, const char *from, const char *to, double m)
{
    static const char *const names[] = { "sd_noise", "sd_signal", "ncsnr", "fraction", "r" };
    size_t dims[3] = { 0 };
    double *data = cube(s, r, from, dims), *want[5] = { NULL };
    double *one = calloc(dims[0] * dims[1] + 1, sizeof *one);
    bool all = data && one;
    char name[256];
    for (size_t k = 0; k < 5; k++) {
        snprintf(name, sizeof name, "/expected/%s/%s", to, names[k]);
        all = (want[k] = numbers(s, r, name)) && all;
    }
    for (size_t j = 0; all && j < dims[2]; j++) {
        double noise, signal, ratio, inverse = 0, got[5];
        for (size_t i = 0; i < dims[0]; i++) {
            double have = 0;
            for (size_t k = 0; k < dims[1]; k++) {
                one[i * dims[1] + k] = data[(i * dims[1] + k) * dims[2] + j];
                have += !isnan(one[i * dims[1] + k]);
            }
            inverse += 1 / have / (double)dims[0];
        }
        got[4] = snr_ceiling(one, dims[0], dims[1], m, &noise, &signal, &ratio);
        double correction = noise * (inverse - 1 / (double)dims[1]);
        if (correction > 1e-12 * noise) {
            signal += correction;
            ratio = sqrt(signal / noise);
            got[4] = sqrt(ratio * ratio / (ratio * ratio + 1 / m));
        }
        got[0] = sqrt(noise);
        got[1] = sqrt(signal);
        got[2] = ratio;
        got[3] = got[4] * got[4];
        for (size_t k = 0; k < 5; k++) {
            snprintf(name, sizeof name, "%s %s", to, names[k]);
            oracle_near(r, name, &got[k], &want[k][j], 1, 1e-12, RELATIVE);
        }
    }
    for (size_t k = 0; k < 5; k++)
        free(want[k]);
    free(data);
    free(one);
}

static void check_snr(store *s, oracle_result *r)
{
    check_snr_set(s, r, "/data", "average_of_1", 1);
    check_snr_set(s, r, "/data", "average_of_3", 3);
    check_snr_set(s, r, "/data", "average_of_5", 5);
    check_snr_set(s, r, "/data", "average_of_10", 10);
    check_snr_set(s, r, "/data_nan", "with_nan", 5);
}

typedef struct {
    double *loo, *loo_z, *pairs, *loo_mean, *ev, *ev_raw, *single, *upper;
} isc_expected;

static void check_isc_neuroid(const isc_expected *w, oracle_result *r, double *y, size_t n, size_t subjects, size_t j,
                              size_t v, double *loo)
{
    err e = { 0 };
    double mean = 0, upper = 0, pairwise = pairwise_r(y, n, subjects), raw = explainable_variance(y, n, subjects, &e);
    double corrected = raw - (1 - raw) / ((double)subjects - 1), want_pairs = 0, single = sqrt(fmax(pairwise, 0));
    size_t pairs = subjects * (subjects - 1) / 2;
    double *a = calloc(2 * n, sizeof *a), *all = a ? a + n : NULL;
    if (!a || leave_one_out_r(y, n, subjects, loo, &e)) {
        oracle_end(r, ORACLE_UNREADABLE, "no memory");
        free(a);
        return;
    }
    for (size_t i = 0; i < n; i++)
        all[i] = mean_f8(y + i * subjects, subjects);
    for (size_t k = 0; k < subjects; k++) {
        oracle_near(r, "leave-one-out", &loo[k], &w->loo[k * v + j], 1, 1e-12, RELATIVE);
        mean += loo[k] / (double)subjects;
        for (size_t i = 0; i < n; i++)
            a[i] = y[i * subjects + k];
        upper += pearson(a, all, n) / (double)subjects;
    }
    for (size_t k = 0; k < pairs; k++)
        want_pairs += w->pairs[k * v + j] / (double)pairs;
    oracle_near(r, "pairwise mean", &pairwise, &want_pairs, 1, 1e-12, RELATIVE);
    oracle_near(r, "leave-one-out mean", &mean, &w->loo_mean[j], 1, 1e-12, RELATIVE);
    oracle_near(r, "upper", &upper, &w->upper[j], 1, 1e-12, RELATIVE);
    oracle_near(r, "explainable variance", &raw, &w->ev_raw[j], 1, 1e-12, RELATIVE);
    oracle_near(r, "explainable variance, corrected", &corrected, &w->ev[j], 1, 1e-12, RELATIVE);
    oracle_near(r, "ceiling of a single subject", &single, &w->single[j], 1, 1e-12, RELATIVE);
    if (series_zscore(y, n, subjects, NULL, &e) || leave_one_out_r(y, n, subjects, loo, &e))
        oracle_end(r, ORACLE_FAIL, "%s", e.text);
    for (size_t k = 0; k < subjects; k++)
        oracle_near(r, "leave-one-out of z-scored", &loo[k], &w->loo_z[k * v + j], 1, 1e-12, RELATIVE);
    free(a);
}

static void check_isc(store *s, oracle_result *r)
{
    size_t dims[3] = { 0 };
    double *data = cube(s, r, "/data", dims); /* subject × time × neuroid */
    isc_expected w = { numbers(s, r, "/expected/leave_one_out"),
                       numbers(s, r, "/expected/loo_of_zscored"),
                       numbers(s, r, "/expected/pairwise"),
                       numbers(s, r, "/expected/leave_one_out_mean"),
                       numbers(s, r, "/expected/explainable_variance"),
                       numbers(s, r, "/expected/explainable_variance_raw"),
                       numbers(s, r, "/expected/r_single_to_group"),
                       numbers(s, r, "/expected/ceiling_upper") };
    double *y = calloc(dims[0] * dims[1] + 1, sizeof *y), *loo = calloc(dims[0] + 1, sizeof *loo);
    if (data && w.loo && w.loo_z && w.pairs && w.loo_mean && w.ev && w.ev_raw && w.single && w.upper && y && loo)
        for (size_t j = 0; j < dims[2]; j++) {
            for (size_t k = 0; k < dims[0]; k++)
                for (size_t i = 0; i < dims[1]; i++)
                    y[i * dims[0] + k] = data[(k * dims[1] + i) * dims[2] + j];
            check_isc_neuroid(&w, r, y, dims[1], dims[0], j, dims[2], loo);
        }
    if (r->status == ORACLE_PASS) oracle_end(r, ORACLE_PASS, "signal power and cc_max are not built");
    free(data);
    free(w.loo);
    free(w.loo_z);
    free(w.pairs);
    free(w.loo_mean);
    free(w.ev);
    free(w.ev_raw);
    free(w.single);
    free(w.upper);
    free(y);
    free(loo);
}

static const struct {
    const char *name;
    void (*check)(store *s, oracle_result *r);
} cases[] = {
    { "split_half_spearman_brown", check_split_half },
    { "nsd_noise_ceiling", check_snr },
    { "isc", check_isc },
};

oracle_status check_benchmarks(const oracle_case *c, oracle_result *r)
{
    if (str_begins(c->name, "hrf")) return check_hrf(c, r);
    store *s = NULL;
    err e = { 0 };
    bool known = false;
    if (store_open(&s, c->path, NULL, &e)) return oracle_end(r, ORACLE_UNREADABLE, "%s", e.text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases && !known; i++)
        if (str_same(cases[i].name, c->name)) {
            cases[i].check(s, r);
            known = true;
        }
    if (!known && !check_paper(c, s, r)) oracle_end(r, ORACLE_SKIP, "%s: no such kind of benchmark", c->name);
    store_close(s);
    return r->status;
}
