/* SPDX-License-Identifier: MIT */
/* oracles/benchmarks: what papers' code computes (replicate modes): NumPy's generator and scikit-learn's folds, Brain-Score's
 * metrics, the extrapolated ceiling, T24's mapping, H25's features and scores, similarity. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"
#include "broca/store.h"
#include "oracle.h"

static double *get(store *s, oracle_result *r, size_t *n, const char *format, ...)
{
    char name[256];
    va_list list;
    size_t count;
    va_start(list, format);
    vsnprintf(name, sizeof name, format, list);
    va_end(list);
    return benchmark_numbers(s, r, name, n ? n : &count);
}

static char **texts(store *s, oracle_result *r, const char *name, size_t *n)
{
    char **out = NULL;
    err e = { 0 };
    if (store_read_text(s, name, &out, n, &e)) oracle_end(r, ORACLE_UNREADABLE, "%s: %s", name, e.text);
    return out;
}

static void failed(oracle_result *r, const err *e)
{
    if (e->kind) oracle_end(r, ORACLE_FAIL, "%s", e->text);
}

/* Columns p of an array whose first dimension has n rows. */
static size_t columns(size_t count, size_t n)
{
    return n ? count / n : 0;
}

/* ---- NumPy's generator ---- */

enum { DRAWS = 9 };

static void draw(double *out, size_t n, int kind, uint32_t seed)
{
    legacy_rng g;
    size_t p[100];
    legacy_start(&g, seed);
    if (kind == 0 || kind == 1 || kind == 3) legacy_permutation(&g, p, kind == 0 ? 10 : 100); /* kind 3: its first five */
    if (kind == 2) {
        for (size_t i = 0; i < n; i++) p[i] = i;
        legacy_shuffle(&g, p, n);
    }
    if (kind == 4) legacy_choice(&g, p, 100, n);
    if (kind == 5)
        for (size_t i = 0; i < n; i++) p[i] = legacy_up_to(&g, 9);
    for (size_t i = 0; i < n; i++)
        out[i] = kind == 6 ? legacy_uniform(&g) : kind == 7 ? legacy_normal(&g) : kind == 8 ? (double)legacy_word(&g) : (double)p[i];
}

static void check_generator(store *s, oracle_result *r)
{
    static const char *const names[DRAWS] = { "permutation10", "permutation100", "shuffle10", "choice_100_5_no_replace", "choice_100_12",
                                              "randint_0_10", "random_sample", "standard_normal", "uint32" };
    static const unsigned seeds[] = { 0, 1, 42, 1234 };
    double got[100];
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < DRAWS; i++) {
            size_t n;
            double *want = get(s, r, &n, "/seed%u/%s", seeds[k], names[i]);
            if (!want) return;
            draw(got, n, i, seeds[k]);
            oracle_near(r, names[i], got, want, n, 1e-300, i == 7 ? 1e-15 : 0);
            free(want);
        }
}

/* ---- folds ---- */

static void compare_folds(store *s, oracle_result *r, const char *name, const int32_t *fold, size_t n)
{
    double *want = get(s, r, NULL, "/%s", name), *got = calloc(n + 1, sizeof *got);
    for (size_t i = 0; got && i < n; i++) got[i] = fold[i];
    if (want && got) oracle_near(r, name, got, want, n, 1e-300, 0);
    free(want);
    free(got);
}

static void check_kfolds(store *s, oracle_result *r)
{
    static const size_t sizes[] = { 23, 243, 384, 1000 };
    static int32_t fold[1000];
    char name[64];
    err e = { 0 };
    for (unsigned seed = 0; seed < 2; seed++)
        for (size_t i = 0; i < 4; i++) {
            snprintf(name, sizeof name, "kfold5_seed%u_%zu", seed, sizes[i]);
            if (!store_has(s, name)) continue;
            legacy_kfold(fold, sizes[i], 5, seed, &e);
            compare_folds(s, r, name, fold, sizes[i]);
        }
}

static void check_shuffle_splits(store *s, oracle_result *r)
{
    static const size_t sizes[] = { 23, 243, 384, 416, 627, 1000, 1317 };
    err e = { 0 };
    for (size_t i = 0; i < 7; i++) {
        size_t n = sizes[i], tested = n - (size_t)(.9 * (double)n);
        double *want = get(s, r, NULL, "/shuffle_split_%zu", n), *first = get(s, r, NULL, "/shuffle_split_train_%zu", n);
        uint8_t *test = calloc(10 * n, 1), *train = calloc(10 * n, 1);
        if (want && first && test && train && !legacy_shuffle_split(test, train, n, 10, .9, 1, &e))
            for (size_t f = 0; f < 10; f++) {
                double right = 0, all = 0, want_all = (double)tested, low[5];
                size_t found = 0;
                for (size_t k = 0; k < tested; k++) right += test[f * n + (size_t)want[f * tested + k]];
                for (size_t k = 0; k < n; k++) all += test[f * n + k];
                for (size_t k = 0; k < n && found < 5; k++)
                    if (train[f * n + k]) low[found++] = (double)k;
                oracle_near(r, "test rows found", &right, &want_all, 1, 1e-300, 0);
                oracle_near(r, "test rows", &all, &want_all, 1, 1e-300, 0);
                oracle_near(r, "first training rows", low, first + f * 5, 5, 1e-300, 0);
            }
        failed(r, &e);
        free(want);
        free(first);
        free(test);
        free(train);
    }
}

static void check_splits(store *s, oracle_result *r)
{
    size_t n = 0, m = 0;
    err e = { 0 };
    int32_t fold[1000];
    char **group = texts(s, r, "/group_label", &n), name[64], number[200][8];
    const char *label[200];
    double *classes = get(s, r, &m, "/stratified_kfold5_seed1/label");
    static const size_t folds_of[] = { 5, 8, 10 };
    check_kfolds(s, r);
    check_shuffle_splits(s, r);
    for (size_t i = 0; group && i < 3; i++) {
        snprintf(name, sizeof name, "group_kfold%zu_shuffle_seed1234", folds_of[i]);
        if (!legacy_group_kfold(fold, (const char *const *)group, n, folds_of[i], 1234, &e)) compare_folds(s, r, name, fold, n);
    }
    if (group && !legacy_group_kfold_sizes(fold, (const char *const *)group, n, 5, &e)) compare_folds(s, r, "group_kfold5", fold, n);
    for (size_t i = 0; classes && i < m && m <= 200; i++) {
        snprintf(number[i], sizeof number[i], "%03d", (int)classes[i]);
        label[i] = number[i];
    }
    if (classes && !legacy_stratified(fold, label, m, 5, 1, false, &e)) compare_folds(s, r, "stratified_kfold5_seed1/fold", fold, m);
    failed(r, &e);
    free(group);
    free(classes);
}

/* ---- linear predictivity ---- */

/* Rows of a [n×k] with mask, in order. */
static double *rows_of(const double *a, const double *mask, size_t n, size_t k, double which, size_t *m)
{
    double *out = calloc(n * k + 1, sizeof *out);
    *m = 0;
    for (size_t i = 0; out && i < n; i++)
        if (mask[i] == which) {
            memcpy(out + *m * k, a + i * k, k * sizeof *out);
            ++*m;
        }
    return out;
}

typedef struct { const double *x, *y; size_t n, p, v; } data_set;

/* One split: prediction [t×v] of the tested rows, alpha that was chosen (shared: one for all columns). NULL alphas: least squares. */
static double *fit_split(const data_set *d, const double *train, double train_is, const double *test, double test_is, const double *alphas,
                         size_t A, bool shared, double *alpha, size_t *t, err *e)
{
    size_t m;
    double *x = rows_of(d->x, train, d->n, d->p, train_is, &m), *y = rows_of(d->y, train, d->n, d->v, train_is, &m);
    double *z = rows_of(d->x, test, d->n, d->p, test_is, t), *w = calloc(d->p * d->v + 1, sizeof *w), *b = calloc(d->v + 1, sizeof *b);
    double *mse = calloc(A * d->v + A + 1, sizeof *mse), *out = calloc(*t * d->v + 1, sizeof *out);
    loo_ridge *f = NULL;
    if (!x || !y || !z || !w || !b || !mse || !out || loo_ridge_new(&f, x, m, d->p, e)) goto done;
    if (A && loo_ridge_errors(f, y, d->v, alphas, A, mse, e)) goto done;
    double *all = mse + A * d->v;
    for (size_t a = 0; a < A; a++) all[a] = mean_f8(mse + a * d->v, d->v);
    for (size_t j = 0; j < d->v; j++) alpha[j] = !A ? 0 : alphas[shared ? loo_ridge_choose(all, 1, A) : loo_ridge_choose(mse + j, d->v, A)];
    if (loo_ridge_fit(f, y, d->v, alpha, w, b, e)) goto done;
    gemm_f8(false, false, *t, d->v, d->p, 1, z, d->p, w, d->v, 0, out, d->v);
    for (size_t i = 0; i < *t * d->v; i++) out[i] += b[i % d->v];
done:
    loo_ridge_free(f);
    free(x);
    free(y);
    free(z);
    free(w);
    free(b);
    free(mse);
    return out;
}

static const double decades[] = { 1e-3, 1e-2, 1e-1, 1, 10, 100, 1000 };

/* One kind of folds and one regression of metrics_predictivity_*. */
static void check_predictivity_of(store *s, oracle_result *r, const data_set *d, const char *folds_name, bool ridge)
{
    char at[64];
    size_t count, kept = 0, t;
    err e = { 0 };
    snprintf(at, sizeof at, "/expected/%s_%s", folds_name, ridge ? "ridge" : "linear");
    double *test = get(s, r, &count, "/test/%s", folds_name), *want_alpha = get(s, r, NULL, "%s/alpha", at);
    double *want_r = get(s, r, NULL, "%s/r", at), *want_scipy = get(s, r, NULL, "%s/r_scipy", at), *want = get(s, r, &kept, "%s/prediction", at);
    double *want_score = get(s, r, NULL, "%s/score", at), *want_2021 = get(s, r, NULL, "%s/score_2021", at);
    size_t F = columns(count, d->n);
    double *rs = calloc(2 * F * d->v + d->v + 1, sizeof *rs), *scipy = rs ? rs + F * d->v : NULL, *means = scipy ? scipy + F * d->v : NULL;
    double *alpha = calloc(d->v + 1, sizeof *alpha), score;
    if (!test || !want_alpha || !want_r || !want_scipy || !want || !want_score || !want_2021 || !rs || !alpha) goto done;
    kept = kept / F / d->n; /* predictions of the first neuroids are stored */
    for (size_t f = 0; f < F; f++) {
        double *mask = test + f * d->n, *y;
        double *p = fit_split(d, mask, 0, mask, 1, decades, ridge ? 7 : 0, true, alpha, &t, &e);
        if (!p || e.kind || !(y = rows_of(d->y, mask, d->n, d->v, 1, &t))) goto done;
        for (size_t j = 0; j < d->v; j++) {
            rs[f * d->v + j] = paper_r(PAPER_BRAINSCORE, y + j, p + j, t, d->v);
            scipy[f * d->v + j] = paper_r(PAPER_SCHRIMPF2021, y + j, p + j, t, d->v);
        }
        if (ridge) oracle_near(r, "alpha", alpha, want_alpha + f, 1, 0, 1e-12);
        for (size_t i = 0, at_test = 0; i < d->n; i++) {
            if (!mask[i]) continue;
            for (size_t j = 0; j < kept; j++)
                oracle_near(r, "prediction", p + at_test * d->v + j, want + (f * d->n + i) * kept + j, 1, 1e-6, 1e-6);
            at_test++;
        }
        free(p);
        free(y);
    }
    oracle_near(r, "r", rs, want_r, F * d->v, 1e-6, 0);
    oracle_near(r, "r of SciPy", scipy, want_scipy, F * d->v, 1e-6, 0);
    if (paper_median_of_folds(&score, rs, F, d->v, &e)) goto done;
    oracle_near(r, "score", &score, want_score, 1, 1e-6, 0);
    for (size_t j = 0; j < d->v; j++) {
        size_t m = 0;
        for (size_t f = 0; f < F; f++)
            if (!isnan(scipy[f * d->v + j])) {
                means[j] += scipy[f * d->v + j];
                m++;
            }
        means[j] = m ? means[j] / (double)m : NAN;
    }
    if (!paper_median_of_folds(&score, means, 1, d->v, &e)) oracle_near(r, "score of 2021", &score, want_2021, 1, 1e-6, 0);
done:
    failed(r, &e);
    free(test);
    free(want_alpha);
    free(want_r);
    free(want_scipy);
    free(want);
    free(want_score);
    free(want_2021);
    free(rs);
    free(alpha);
}

static bool read_data(store *s, oracle_result *r, data_set *d)
{
    store_shape_t shape;
    err e = { 0 };
    size_t count;
    *d = (data_set){ .x = get(s, r, &count, "/X") };
    if (!d->x || store_shape(s, "/X", &shape, &e)) return false;
    d->n = shape.dims[0];
    d->p = shape.dims[1];
    d->y = get(s, r, &count, "/Y");
    d->v = columns(count, d->n);
    return d->y != NULL;
}

static void free_data(data_set *d)
{
    free((void *)d->x);
    free((void *)d->y);
}

static void check_predictivity(store *s, oracle_result *r)
{
    static const char *const kinds[] = { "shuffle", "group", "kfold5" };
    data_set d;
    for (int k = 0; read_data(s, r, &d) && k < 3; k++, free_data(&d)) {
        check_predictivity_of(s, r, &d, kinds[k], false);
        check_predictivity_of(s, r, &d, kinds[k], true);
    }
    free_data(&d);
}

/* Brain-Score's own test: nearly collinear columns, three test rows a split, many constant targets there. */
static void check_stated_score(store *s, oracle_result *r)
{
    data_set d;
    size_t count, t;
    err e = { 0 };
    double rs[250], skipped[250], alpha[25], score;
    double *test = get(s, r, &count, "/test"), *want = get(s, r, NULL, "/expected/stated"), *before = get(s, r, NULL, "/expected/stated_before");
    double *want_r = get(s, r, NULL, "/expected/r");
    bool good = read_data(s, r, &d) && test && want && before && want_r && d.v == 25;
    for (size_t f = 0; good && f < 10; f++) {
        double *mask = test + f * d.n, *p = fit_split(&d, mask, 0, mask, 1, NULL, 0, true, alpha, &t, &e), *y = rows_of(d.y, mask, d.n, d.v, 1, &t);
        for (size_t j = 0; j < d.v && p && y; j++) {
            rs[f * d.v + j] = paper_r(PAPER_BRAINSCORE, y + j, p + j, t, d.v);
            skipped[f * d.v + j] = paper_r(PAPER_SCHRIMPF2021, y + j, p + j, t, d.v);
        }
        free(p);
        free(y);
    }
    if (good) oracle_near(r, "r", rs, want_r, 250, 1e-6, 0);
    if (good && !paper_median_of_folds(&score, rs, 10, d.v, &e)) oracle_near(r, "stated score", &score, want, 1, 5e-8, 0);
    if (good && !paper_median_of_folds(&score, skipped, 10, d.v, &e)) oracle_near(r, "stated score before", &score, before, 1, 5e-8, 0);
    failed(r, &e);
    free_data(&d);
    free(test);
    free(want);
    free(want_r);
    free(before);
}

static void check_aggregation(store *s, oracle_result *r)
{
    size_t v = 0, count = 0;
    err e = { 0 };
    char **subject = texts(s, r, "/subject", &v);
    double *rs = get(s, r, &count, "/r"), *ceiling = get(s, r, NULL, "/ceiling"), *want[7] = { NULL }, got[7];
    static const char *const names[] = { "brainscore/raw", "brainscore/score", "neural_nlp_pereira/raw", "neural_nlp_pereira/score",
                                         "neural_nlp_pereira/error", "neural_nlp_per_neuroid/score", "neural_nlp_per_neuroid/error" };
    bool good = subject && rs && ceiling;
    for (int i = 0; i < 7; i++) good = (want[i] = get(s, r, NULL, "/expected/%s", names[i])) && good;
    double *mean = calloc(2 * v + 1, sizeof *mean), *divided = mean + v, of_ceilings;
    if (!good || !mean) goto done;
    for (size_t j = 0; j < v; j++) {
        size_t m = 0;
        for (size_t f = 0; f < count / v; f++)
            if (!isnan(rs[f * v + j])) {
                mean[j] += rs[f * v + j];
                m++;
            }
        mean[j] = m ? mean[j] / (double)m : NAN;
        divided[j] = mean[j] / ceiling[j];
    }
    if (paper_median_of_folds(&got[0], rs, count / v, v, &e) || paper_median_of_folds(&of_ceilings, ceiling, 1, v, &e) ||
        paper_median_of_subjects(&got[2], &got[4], mean, subject, v, &e) || paper_median_of_subjects(&got[5], &got[6], divided, subject, v, &e))
        goto done;
    got[1] = fmin(fmax(got[0] / of_ceilings, 0), 1);
    got[3] = got[2] / of_ceilings;
    for (int i = 0; i < 7; i++) oracle_near(r, names[i], &got[i], want[i], 1, 1e-12, 1e-9);
done:
    failed(r, &e);
    for (int i = 0; i < 7; i++) free(want[i]);
    free(mean);
    free(subject);
    free(rs);
    free(ceiling);
}

/* ---- T24 ---- */

static void check_tuckute(store *s, oracle_result *r)
{
    data_set d;
    size_t A = 0, t;
    err e = { 0 };
    loo_ridge *f = NULL;
    double *alphas = get(s, r, &A, "/alphas"), *fold = get(s, r, NULL, "/fold"), *want_alpha = get(s, r, NULL, "/expected/alpha");
    double *want_r = get(s, r, NULL, "/expected/r"), *mean = get(s, r, NULL, "/expected/r_mean"), *want = get(s, r, NULL, "/expected/prediction");
    double *mse = get(s, r, NULL, "/expected/loo_mse"), *coef = get(s, r, NULL, "/expected/full_coef"), *full = get(s, r, NULL, "/expected/full_alpha");
    double *intercept = get(s, r, NULL, "/expected/full_intercept");
    bool good = read_data(s, r, &d) && alphas && fold && want_alpha && want_r && want && mse && coef && full && intercept && mean;
    int32_t own[1000];
    double *got = calloc(A * d.v + d.p * d.v + 64, sizeof *got), *w = got + A * d.v, alpha[16], b[16], rs[16], means[16] = { 0 };
    if (!good || !got || d.v > 16 || d.n > 1000 || legacy_kfold(own, d.n, 5, 0, &e)) goto done;
    for (size_t i = 0; i < d.n; i++) {
        double number = own[i];
        oracle_near(r, "fold", &number, &fold[i], 1, 1e-300, 0);
    }
    for (size_t k = 0; k < 5; k++) {
        double *mask = calloc(d.n, sizeof *mask);
        for (size_t i = 0; i < d.n; i++) mask[i] = fold[i] == (double)k;
        double *p = fit_split(&d, mask, 0, mask, 1, alphas, A, false, alpha, &t, &e), *y = rows_of(d.y, mask, d.n, d.v, 1, &t);
        oracle_near(r, "alpha", alpha, want_alpha + k * d.v, d.v, 0, 1e-9);
        for (size_t j = 0; j < d.v; j++) {
            rs[j] = paper_r(PAPER_TUCKUTE2024, y + j, p + j, t, d.v);
            means[j] += rs[j] / 5;
        }
        oracle_near(r, "r", rs, want_r + k * d.v, d.v, 1e-6, 0);
        for (size_t i = 0, at = 0; i < d.n; i++)
            if (mask[i]) oracle_near(r, "prediction", p + at++ * d.v, want + i * d.v, d.v, 1e-6, 1e-6);
        free(mask);
        free(p);
        free(y);
    }
    oracle_near(r, "r, mean of folds", means, mean, d.v, 1e-6, 0);
    if (loo_ridge_new(&f, d.x, d.n, d.p, &e) || loo_ridge_errors(f, d.y, d.v, alphas, A, got, &e)) goto done;
    oracle_near(r, "leave-one-out mse", got, mse, A * d.v, 1e-6, 1e-6);
    for (size_t j = 0; j < d.v; j++) alpha[j] = alphas[loo_ridge_choose(got + j, d.v, A)];
    oracle_near(r, "alpha of all items", alpha, full, d.v, 0, 1e-9);
    if (loo_ridge_fit(f, d.y, d.v, alpha, w, b, &e)) goto done;
    oracle_near(r, "weights of all items", w, coef, d.p * d.v, 1e-6, 1e-6);
    oracle_near(r, "intercept", b, intercept, d.v, 1e-6, 1e-6);
done:
    failed(r, &e);
    loo_ridge_free(f);
    free_data(&d);
    double *owned[] = { alphas, fold, want_alpha, want_r, mean, want, mse, coef, full, intercept, got };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

/* ---- H25 ---- */

static void check_oasm(store *s, oracle_result *r)
{
    static const char *const sigmas[] = { "0", "0.1", "0.5", "1", "2.3", "4.8" };
    size_t n_blocks = 0, n = 0;
    int32_t block[1000];
    err e = { 0 };
    double *sizes = get(s, r, &n_blocks, "/blocks");
    for (size_t k = 0; sizes && k < n_blocks; k++)
        for (size_t i = 0; i < (size_t)sizes[k] && n < 1000; i++) block[n++] = (int32_t)k;
    double *got = calloc(n * n + 1, sizeof *got);
    for (int i = 0; got && i < 6; i++) {
        double *want = get(s, r, NULL, "/features/sigma%s", sigmas[i]);
        if (want && !oasm_features(got, block, n, strtod(sigmas[i], NULL), &e)) oracle_near(r, "features", got, want, n * n, 1e-12, 0);
        free(want);
    }
    failed(r, &e);
    free(got);
    free(sizes);
}

static void check_hadidi_scores(store *s, oracle_result *r)
{
    size_t n = 0, v = 0, m = 0;
    double *y = get(s, r, &v, "/Y"), *p = get(s, r, NULL, "/prediction"), *fold = get(s, r, &n, "/fold"), *want_r = get(s, r, NULL, "/expected/r");
    double *r2 = get(s, r, NULL, "/expected/r2_out_of_sample"), *both = get(s, r, &m, "/omega/both"), *llm = get(s, r, NULL, "/omega/llm");
    double *simple = get(s, r, NULL, "/omega/simple"), *omega = get(s, r, NULL, "/omega/expected"), rs[3 * 8], sse[3 * 8], sst[3 * 8];
    v = columns(v, n);
    if (!y || !p || !fold || !want_r || !r2 || !both || !llm || !simple || !omega || v > 8) goto done;
    for (size_t f = 0; f < 3; f++) {
        double train[8] = { 0 };
        size_t t = 0, m_train = 0;
        double *a = calloc(2 * n * v, sizeof *a), *b = a + n * v;
        for (size_t i = 0; i < n; i++) {
            bool tested = fold[i] == (double)f;
            m_train += !tested;
            for (size_t j = 0; j < v; j++) {
                if (!tested) train[j] += y[i * v + j];
                a[t * v + j] = y[i * v + j];
                b[t * v + j] = p[i * v + j];
            }
            t += tested;
        }
        for (size_t j = 0; j < v; j++) {
            fit_score one = score_fold(a + j, b + j, t, v, train[j] / (double)m_train, 1);
            rs[f * v + j] = paper_r(PAPER_HADIDI2025, a + j, b + j, t, v);
            sse[f * v + j] = one.sse;
            sst[f * v + j] = one.sst;
        }
        free(a);
    }
    oracle_near(r, "r", rs, want_r, 3 * v, 1e-9, 1e-9);
    for (size_t j = 0; j < v; j++) {
        double got = paper_r2_out_of_sample(sse + j, sst + j, 3, v);
        oracle_near(r, "R2 out of sample", &got, &r2[j], 1, 1e-9, 1e-9);
    }
    for (size_t i = 0; i < m; i++) {
        double got = paper_omega(both[i], llm[i], simple[i]);
        oracle_near(r, "Omega", &got, &omega[i], 1, 1e-9, 1e-9);
    }
done:;
    double *owned[] = { y, p, fold, want_r, r2, both, llm, simple, omega };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

static void check_leakage_of(store *s, oracle_result *r, const data_set *d, const char *name)
{
    size_t count = 0, t;
    err e = { 0 };
    double *test = get(s, r, &count, "/expected/%s/test", name), *want = get(s, r, NULL, "/expected/%s/r", name);
    double *score = get(s, r, NULL, "/expected/%s/score", name), alpha[16], *rs = calloc(columns(count, d->n) * d->v + 1, sizeof *rs), got;
    size_t F = columns(count, d->n);
    if (!test || !want || !score || !rs || d->v > 16) goto done;
    for (size_t f = 0; f < F; f++) {
        double *mask = test + f * d->n, *p = fit_split(d, mask, 0, mask, 1, decades, 7, true, alpha, &t, &e);
        double *y = rows_of(d->y, mask, d->n, d->v, 1, &t);
        for (size_t j = 0; j < d->v && p && y; j++) rs[f * d->v + j] = paper_r(PAPER_HADIDI2025, y + j, p + j, t, d->v);
        free(p);
        free(y);
    }
    oracle_near(r, name, rs, want, F * d->v, 1e-6, 0);
    if (!paper_median_of_folds(&got, rs, F, d->v, &e)) oracle_near(r, "score", &got, score, 1, 1e-6, 0);
done:
    failed(r, &e);
    free(test);
    free(want);
    free(score);
    free(rs);
}

static void check_leakage(store *s, oracle_result *r)
{
    data_set d;
    size_t n = 0;
    err e = { 0 };
    double *block = get(s, r, &n, "/block"), *x = calloc(n * n + 1, sizeof *x);
    int32_t own[1000];
    for (size_t i = 0; block && i < n && n <= 1000; i++) own[i] = (int32_t)block[i];
    if (read_data(s, r, &d) && block && x && !oasm_features(x, own, n, 1, &e)) {
        oracle_near(r, "OASM", x, d.x, n * n, 1e-12, 0);
        check_leakage_of(s, r, &d, "shuffle");
        check_leakage_of(s, r, &d, "block");
    }
    failed(r, &e);
    free_data(&d);
    free(block);
    free(x);
}

/* ---- similarity ---- */

static void check_rdms(store *s, oracle_result *r, const data_set *d)
{
    static const struct { const char *name; rdm_kind kind; } kinds[] = { { "correlation", RDM_CORRELATION }, { "cosine", RDM_COSINE },
        { "euclidean", RDM_EUCLIDEAN }, { "sqeuclidean", RDM_SQEUCLIDEAN } };
    static const char *const names[] = { "spearman", "pearson", "kendall_a", "rank_cosine" };
    size_t m = d->n * (d->n - 1) / 2;
    double *a = calloc(2 * m + 1, sizeof *a), *b = a ? a + m : NULL, got[4];
    err e = { 0 };
    for (int k = 0; a && k < 4; k++) {
        double *want_a = get(s, r, NULL, "/expected/rsa_%s/rdm_x", kinds[k].name), *want_b = get(s, r, NULL, "/expected/rsa_%s/rdm_y", kinds[k].name);
        rdm(a, kinds[k].kind, d->x, d->n, d->p);
        rdm(b, kinds[k].kind, d->y, d->n, d->v);
        if (want_a && want_b) {
            oracle_near(r, "dissimilarities", a, want_a, m, 1e-9, 1e-9);
            oracle_near(r, "dissimilarities", b, want_b, m, 1e-9, 1e-9);
        }
        got[1] = pearson(a, b, m);
        got[2] = kendall_a(a, b, m);
        if (spearman(a, b, m, &got[0], &e) || rank_cosine(a, b, m, &got[3], &e)) failed(r, &e);
        for (int i = 0; i < 4; i++) {
            double *want = get(s, r, NULL, "/expected/rsa_%s/%s", kinds[k].name, names[i]);
            if (want) oracle_near(r, names[i], &got[i], want, 1, 1e-9, 0);
            free(want);
        }
        free(want_a);
        free(want_b);
    }
    free(a);
}

static void check_cka(store *s, oracle_result *r, const data_set *d)
{
    static const char *const names[] = { "cka/hsic", "cka/hsic_debiased", "cka/linear", "cka/linear_debiased", "cka/linear_self", "cka/rbf",
                                         "noise_bias/linear", "noise_bias/linear_debiased" };
    size_t n = d->n;
    err e = { 0 };
    double *k = calloc(2 * n * n + 1, sizeof *k), *l = k ? k + n * n : NULL, got[8];
    double *gk = get(s, r, NULL, "/expected/noise_bias/gram_x"), *gl = get(s, r, NULL, "/expected/noise_bias/gram_y");
    if (!k || !gk || !gl) goto done;
    gram_linear(k, d->x, n, d->p);
    gram_linear(l, d->y, n, d->v);
    if (hsic(k, l, n, &got[0], &e) || hsic_unbiased(k, l, n, &got[1], &e) || cka(k, l, n, false, &got[2], &e) || cka(k, l, n, true, &got[3], &e) ||
        cka(k, k, n, false, &got[4], &e) || gram_rbf(k, d->x, n, d->p, &e) || gram_rbf(l, d->y, n, d->v, &e) || cka(k, l, n, false, &got[5], &e) ||
        cka(gk, gl, n, false, &got[6], &e) || cka(gk, gl, n, true, &got[7], &e))
        goto done;
    for (int i = 0; i < 8; i++) {
        double *want = get(s, r, NULL, "/expected/%s", names[i]);
        if (want) oracle_near(r, names[i], &got[i], want, 1, 1e-9, 1e-9);
        free(want);
    }
done:
    failed(r, &e);
    free(k);
    free(gk);
    free(gl);
}

static void check_similarity(store *s, oracle_result *r)
{
    data_set d;
    if (read_data(s, r, &d)) {
        check_rdms(s, r, &d);
        check_cka(s, r, &d);
    }
    free_data(&d);
}

/* ---- extrapolated ceilings ---- */

enum { BOOTSTRAPS = 100, MOST_POINTS = 8 };

/* Bootstrap means [BOOTSTRAPS×K] as RandomState(0) draws them from the values at each number of subjects; then the fits. */
static void bootstrap_fits(const double *const *value, const size_t *m, const double *x, size_t K, double *means, double *v0, double *tau, double *sse)
{
    legacy_rng g;
    legacy_start(&g, 0);
    for (size_t b = 0; b < BOOTSTRAPS; b++) {
        for (size_t k = 0; k < K; k++) {
            double sum = 0;
            for (size_t i = 0; i < m[k]; i++) sum += value[k][legacy_up_to(&g, (uint32_t)(m[k] - 1))];
            means[b * K + k] = sum / (double)m[k];
        }
        extrapolate_fit(x, means + b * K, NULL, K, &v0[b], &tau[b], &sse[b]);
    }
}

/* The stored fits stop short of the least sum of squares there is: where that is so flat that v0 differs, ours must be the
 * better one, and theirs takes its place for what is made of the fits. */
static void compare_v0(oracle_result *r, double *v0, const double *sse, const double *params, const double *want_sse)
{
    for (size_t b = 0; b < BOOTSTRAPS; b++) {
        if (sse[b] < want_sse[b] - 1e-13 && fabs(v0[b] - params[2 * b]) > 1e-5) v0[b] = params[2 * b];
        else oracle_near(r, "v0", &v0[b], &params[2 * b], 1, 1e-5, 0);
    }
}

static double median_or_nan(const double *x, size_t n)
{
    double copy[BOOTSTRAPS];
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i])) return NAN;
        copy[i] = x[i];
    }
    return median_f8(copy, n);
}

static void check_extrapolation(store *s, oracle_result *r)
{
    static const char *const cases[] = { "usual", "noisy", "instant", "linear", "negative" };
    err e = { 0 };
    for (int c = 0; c < 5; c++) {
        size_t K = 0, count = 0, m[MOST_POINTS], endpoint;
        double *raw = get(s, r, &count, "/%s/raw", cases[c]), *x = get(s, r, &K, "/%s/num_subjects", cases[c]), below, above;
        double *want_means = get(s, r, NULL, "/%s/bootstrap_means", cases[c]), *params = get(s, r, NULL, "/%s/params", cases[c]);
        double *want_sse = get(s, r, NULL, "/%s/sse", cases[c]), *want = get(s, r, NULL, "/%s/ceiling", cases[c]);
        double *end = get(s, r, NULL, "/%s/endpoint", cases[c]), *low = get(s, r, NULL, "/%s/error_low", cases[c]);
        double *high = get(s, r, NULL, "/%s/error_high", cases[c]), *all[MOST_POINTS];
        double means[BOOTSTRAPS * MOST_POINTS], v0[BOOTSTRAPS], tau[BOOTSTRAPS], sse[BOOTSTRAPS], number;
        if (raw && x && want_means && params && want_sse && want && end && low && high && K <= MOST_POINTS) {
            for (size_t k = 0; k < K; k++) { /* subsets with a NaN are dropped */
                size_t splits = 4, subsets = count / K / splits;
                all[k] = calloc(subsets * splits + 1, sizeof *raw);
                m[k] = 0;
                for (size_t i = 0; i < subsets; i++) {
                    const double *from = raw + (k * subsets + i) * splits;
                    bool whole = true;
                    for (size_t f = 0; f < splits; f++) whole = whole && !isnan(from[f]);
                    for (size_t f = 0; f < splits && whole; f++) all[k][m[k]++] = from[f];
                }
            }
            bootstrap_fits((const double *const *)all, m, x, K, means, v0, tau, sse);
            oracle_near(r, "bootstrap means", means, want_means, BOOTSTRAPS * K, 1e-12, 1e-9);
            oracle_near(r, "sum of squares", sse, want_sse, BOOTSTRAPS, 1e-6, 0);
            compare_v0(r, v0, sse, params, want_sse);
            double center = median_or_nan(v0, BOOTSTRAPS);
            oracle_near(r, "ceiling", &center, want, 1, 1e-5, 0);
            if (extrapolate_interval(v0, tau, BOOTSTRAPS, center, &endpoint, &below, &above, &e)) failed(r, &e);
            number = (double)endpoint;
            oracle_near(r, "endpoint", &number, end, 1, 1e-300, 0);
            oracle_near(r, "error below", &below, low, 1, 1e-5, 0);
            oracle_near(r, "error above", &above, high, 1, 1e-5, 0);
            for (size_t k = 0; k < K; k++) free(all[k]);
        }
        double *owned[] = { raw, x, want_means, params, want_sse, want, end, low, high };
        for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
    }
}

/* r [subsets×splits×v] of ceiling_holdout, made anew; NaN where the neuroid's subject is not in the subset. */
static int holdout_scores(double *out, const double *y, size_t n, size_t v, const double *subject, const double *subset, size_t subsets, size_t S,
                          const double *test, size_t splits, err *e)
{
    double *part = calloc(2 * n * v + 1, sizeof *part), *pool = part ? part + n * v : NULL, alpha[64];
    if (!part) return -1;
    for (size_t i = 0; i < subsets * splits * v; i++) out[i] = NAN;
    for (size_t k = 0; k < subsets; k++)
        for (size_t h = 0; h < S; h++) {
            data_set d = { pool, part, n, 0, 0 };
            size_t of[64], t;
            if (!subset[k * S + h]) continue;
            for (size_t j = 0; j < v; j++) d.p += subset[k * S + (size_t)subject[j]] && subject[j] != (double)h;
            for (size_t j = 0; j < v; j++)
                if (subject[j] == (double)h) of[d.v++] = j;
            for (size_t i = 0; i < n; i++) {
                size_t at = 0;
                for (size_t j = 0; j < v; j++)
                    if (subset[k * S + (size_t)subject[j]] && subject[j] != (double)h) pool[i * d.p + at++] = y[i * v + j];
                for (size_t j = 0; j < d.v; j++) part[i * d.v + j] = y[i * v + of[j]];
            }
            for (size_t f = 0; f < splits; f++) {
                const double *mask = test + f * n;
                double *p = fit_split(&d, mask, 0, mask, 1, decades, 7, true, alpha, &t, e), *own = rows_of(part, mask, n, d.v, 1, &t);
                for (size_t j = 0; j < d.v && p && own; j++)
                    out[(k * splits + f) * v + of[j]] = paper_r(PAPER_BRAINSCORE, own + j, p + j, t, d.v);
                free(p);
                free(own);
            }
        }
    free(part);
    return e->kind ? -1 : 0;
}

static void check_holdout(store *s, oracle_result *r)
{
    size_t n = 0, v = 0, subsets = 0, S = 0, splits = 0;
    err e = { 0 };
    double *y = get(s, r, &n, "/Y"), *subject = get(s, r, &v, "/subject"), *subset = get(s, r, &S, "/subset"), *test = get(s, r, &splits, "/test");
    double *numbers_of = get(s, r, &subsets, "/num_subjects"), *want_r = get(s, r, NULL, "/expected/r"), *params = get(s, r, NULL, "/expected/params");
    double *want_means = get(s, r, NULL, "/expected/bootstrap_means"), *want = get(s, r, NULL, "/expected/ceiling");
    double *bound = get(s, r, NULL, "/expected/at_bound"), *median = get(s, r, NULL, "/expected/ceiling_median"), *rs = NULL;
    if (!y || !subject || !subset || !test || !numbers_of || !want_r || !params || !want_means || !want || !bound || !median) goto done;
    n /= v;
    S /= subsets;
    splits /= n;
    if (v > 64 || !(rs = calloc(subsets * splits * v + 1, sizeof *rs))) goto done;
    if (holdout_scores(rs, y, n, v, subject, subset, subsets, S, test, splits, &e)) goto done;
    oracle_near(r, "r", rs, want_r, subsets * splits * v, 1e-6, 0);
    double kept[64];
    size_t n_kept = 0;
    for (size_t j = 0; j < v; j++) {
        double *value[MOST_POINTS], x[MOST_POINTS], means[BOOTSTRAPS * MOST_POINTS], v0[BOOTSTRAPS], tau[BOOTSTRAPS], sse[BOOTSTRAPS], want_sse[BOOTSTRAPS];
        size_t m[MOST_POINTS] = { 0 }, K = S - 1;
        for (size_t k = 0; k < K; k++) {
            x[k] = (double)k + 2;
            value[k] = calloc(subsets * splits + 1, sizeof *rs);
            for (size_t i = 0; i < subsets; i++)
                for (size_t f = 0; f < splits && numbers_of[i] == x[k]; f++)
                    if (!isnan(rs[(i * splits + f) * v + j])) value[k][m[k]++] = rs[(i * splits + f) * v + j];
        }
        bootstrap_fits((const double *const *)value, m, x, K, means, v0, tau, sse);
        oracle_near(r, "bootstrap means", means, want_means + j * 20 * K, 20 * K, 1e-6, 0);
        for (size_t b = 0; b < BOOTSTRAPS; b++) { /* the stored fits' sums of squares are made here, they are not in the file */
            const double *their = params + (j * BOOTSTRAPS + b) * 2;
            want_sse[b] = 0;
            for (size_t k = 0; k < K; k++) {
                double d = means[b * K + k] + their[0] * expm1(-x[k] / their[1]);
                want_sse[b] += d * d;
            }
            if (sse[b] > want_sse[b]) oracle_near(r, "sum of squares", &sse[b], &want_sse[b], 1, 1e-9, 0);
        }
        double own = median_or_nan(v0, BOOTSTRAPS);
        compare_v0(r, v0, sse, params + j * BOOTSTRAPS * 2, want_sse);
        double center = median_or_nan(v0, BOOTSTRAPS), at_bound = center > 1 - 1e-4;
        oracle_near(r, "ceiling", &center, &want[j], 1, 1e-5, 0);
        oracle_near(r, "ceiling of the best fits", &own, &want[j], 1, 3e-3, 0);
        oracle_near(r, "at bound", &at_bound, &bound[j], 1, 1e-300, 0);
        if (!isnan(center)) kept[n_kept++] = center;
        for (size_t k = 0; k < K; k++) free(value[k]);
    }
    double all = median_f8(kept, n_kept);
    oracle_near(r, "median ceiling", &all, median, 1, 1e-5, 0);
done:
    failed(r, &e);
    double *owned[] = { y, subject, subset, test, numbers_of, want_r, params, want_means, want, bound, median, rs };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

static const struct {
    const char *name;
    void (*check)(store *s, oracle_result *r);
} cases[] = {
    { "numpy_legacy_rng", check_generator },
    { "metrics_splits", check_splits },
    { "metrics_predictivity_n_gt_p", check_predictivity },
    { "metrics_predictivity_p_gt_n", check_predictivity },
    { "metrics_predictivity_bsl_test", check_stated_score },
    { "metrics_aggregation", check_aggregation },
    { "tuckute2024_n_gt_p", check_tuckute },
    { "tuckute2024_p_gt_n", check_tuckute },
    { "hadidi2025_oasm", check_oasm },
    { "hadidi2025_scores", check_hadidi_scores },
    { "hadidi2025_leakage", check_leakage },
    { "rsa_cka", check_similarity },
    { "ceiling_extrapolation", check_extrapolation },
    { "ceiling_holdout", check_holdout },
};

bool check_paper(const oracle_case *c, store *s, oracle_result *r)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (str_same(cases[i].name, c->name)) {
            cases[i].check(s, r);
            return true;
        }
    return false;
}
