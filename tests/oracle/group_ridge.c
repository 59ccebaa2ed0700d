/* SPDX-License-Identifier: MIT */
/* oracles/ridge: plain ridge, nested cross-validation, banded search with given candidates, delays. */
#include "oracle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"
#include "broca/store.h"

typedef struct {
    store *s;
    double *x, *y, *x_test, *alphas;
    size_t n, p, v, n_test, n_alphas;
} data;

static int read_matrix(store *s, const char *name, double **out, size_t *rows, size_t *columns, err *e)
{
    store_shape_t shape;
    size_t count;
    if (!store_has(s, name)) return 0;
    if (store_shape(s, name, &shape, e) || store_read_f8(s, name, out, &count, e)) return -1;
    *rows = shape.dims[0];
    *columns = shape.rank > 1 ? shape.dims[1] : 1;
    return 0;
}

static int data_read(data *d, const char *path, err *e)
{
    size_t ignored;
    *d = (data){ 0 };
    if (store_open(&d->s, path, NULL, e)) return -1;
    return read_matrix(d->s, "X", &d->x, &d->n, &d->p, e) || read_matrix(d->s, "Y", &d->y, &d->n, &d->v, e) ||
                   read_matrix(d->s, "X_test", &d->x_test, &d->n_test, &d->p, e) ||
                   read_matrix(d->s, store_has(d->s, "alphas") ? "alphas" : "alpha_of_target", &d->alphas, &d->n_alphas, &ignored, e)
               ? -1 : 0;
}

static void data_free(data *d)
{
    store_close(d->s);
    free(d->x);
    free(d->y);
    free(d->x_test);
    free(d->alphas);
}

static bool attribute_says_no(const data *d, const char *name)
{
    err e = { 0 };
    int64_t value;
    return store_has_attribute(d->s, "/", name) && !store_get_int(d->s, "/", name, &value, &e) && value == 0;
}

static bool expect(oracle_result *r, const data *d, const char *name, const double *got, size_t n, double tolerance)
{
    err e = { 0 };
    double *want = NULL;
    size_t count;
    if (!store_has(d->s, name)) return true;
    if (store_read_f8(d->s, name, &want, &count, &e) || count < n) {
        oracle_end(r, ORACLE_UNREADABLE, "%s: %s", name, err_text(&e));
        free(want);
        return false;
    }
    oracle_near(r, name, got, want, n, tolerance, tolerance);
    free(want);
    return r->status == ORACLE_PASS;
}

/* ---- plain ---- */

static void predict(double *out, const double *x, size_t n, size_t p, size_t v, const double *w, const double *b)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < v; j++) {
            double sum = b[j];
            for (size_t k = 0; k < p; k++) sum += x[i * p + k] * w[k * v + j];
            out[i * v + j] = sum;
        }
}

/* Columns by mean and sd (ddof 0) of X; constant ones go. */
static void standardise_both(data *d)
{
    size_t kept = 0;
    for (size_t k = 0; k < d->p; k++) {
        double mean = 0, square = 0;
        if (column_constant(d->x + k, d->n, d->p, NULL)) continue;
        for (size_t i = 0; i < d->n; i++) mean += d->x[i * d->p + k] / (double)d->n;
        for (size_t i = 0; i < d->n; i++) square += pow(d->x[i * d->p + k] - mean, 2) / (double)d->n;
        for (size_t i = 0; i < d->n; i++) d->x[i * d->p + kept] = (d->x[i * d->p + k] - mean) / sqrt(square);
        for (size_t i = 0; i < d->n_test; i++) d->x_test[i * d->p + kept] = (d->x_test[i * d->p + k] - mean) / sqrt(square);
        kept++;
    }
    for (size_t i = 0; i < d->n; i++) memmove(d->x + i * kept, d->x + i * d->p, kept * sizeof(double));
    for (size_t i = 0; i < d->n_test; i++) memmove(d->x_test + i * kept, d->x_test + i * d->p, kept * sizeof(double));
    d->p = kept;
}

static oracle_status check_plain(data *d, const oracle_case *c, oracle_result *r)
{
    err e = { 0 };
    int64_t standard = 0;
    bool each = str_same(c->name, "plain_alpha_per_target"), bad_scale = str_same(c->name, "plain_bad_scale");
    if (store_has_attribute(d->s, "/", "standardize") && store_get_int(d->s, "/", "standardize", &standard, &e))
        return oracle_end(r, ORACLE_UNREADABLE, "%s", err_text(&e));
    if (standard) standardise_both(d);
    size_t A = each ? 1 : d->n_alphas, pv = d->p * d->v, tv = d->n_test * d->v;
    double *w = calloc(A * pv, sizeof *w), *b = calloc(A * d->v, sizeof *b), *y = calloc(A * tv + 1, sizeof *y);
    double *alpha = calloc(d->v, sizeof *alpha);
    for (size_t a = 0; a < A && w && b && y && alpha; a++) {
        for (size_t j = 0; j < d->v; j++) alpha[j] = d->alphas[each ? j : a];
        if (ridge_fit(d->x, d->n, d->p, d->y, d->v, alpha, !attribute_says_no(d, "intercept"), w + a * pv, b + a * d->v, &e)) {
            oracle_end(r, ORACLE_FAIL, "%s", err_text(&e));
            break;
        }
        predict(y + a * tv, d->x_test, d->n_test, d->p, d->v, w + a * pv, b + a * d->v);
    }
    double tolerance = str_same(c->name, "plain_square") ? 1e-4 : 1e-6;
    if (r->status == ORACLE_PASS) {
        expect(r, d, "expected/prediction", y, A * tv, tolerance);
        if (!bad_scale) { /* there the prediction is the firm quantity, says its note */
            expect(r, d, standard ? "expected/coef_standardized" : "expected/coef", w, A * pv, tolerance);
            expect(r, d, "expected/intercept", b, A * d->v, tolerance);
        }
    }
    free(w);
    free(b);
    free(y);
    free(alpha);
    return r->status;
}

static oracle_status check_freedom(data *d, oracle_result *r)
{
    err e = { 0 };
    double *df = calloc(d->n_alphas, sizeof *df), *hat = calloc(d->n_alphas * d->n, sizeof *hat);
    for (size_t a = 0; a < d->n_alphas; a++)
        if (ridge_hat(d->x, d->n, d->p, d->alphas[a], &df[a], hat + a * d->n, &e)) oracle_end(r, ORACLE_FAIL, "%s", err_text(&e));
    expect(r, d, "expected/df", df, d->n_alphas, 1e-9);
    expect(r, d, "expected/hat_diagonal", hat, d->n_alphas * d->n, 1e-9);
    free(df);
    free(hat);
    return r->status;
}

/* ---- nested ---- */

typedef struct {
    int32_t *test, *inner, *run;
    uint8_t *train, *inner_train;
    size_t F, K;
} masks;

static void masks_free(masks *m)
{
    free(m->test);
    free(m->inner);
    free(m->run);
    free(m->train);
    free(m->inner_train);
}

static int masks_read(masks *m, const data *d, err *e)
{
    size_t count;
    *m = (masks){ 0 };
    if (store_read_i4(d->s, "fold/test", &m->test, &count, e) || store_read_u1(d->s, "fold/train", &m->train, &count, e)) return -1;
    m->F = count / d->n;
    if (store_read_i4(d->s, "fold/inner", &m->inner, &count, e)) return -1;
    if (store_has(d->s, "fold/inner_train") && store_read_u1(d->s, "fold/inner_train", &m->inner_train, &count, e)) return -1;
    if (store_has(d->s, "run") && store_read_i4(d->s, "run", &m->run, &count, e)) return -1;
    for (size_t i = 0; i < m->F * d->n; i++)
        if (m->inner[i] >= 0 && (size_t)m->inner[i] + 1 > m->K) m->K = (size_t)m->inner[i] + 1;
    return 0;
}

/* Inner folds of outer fold f; count may be smaller than K there. */
static folds inner_of(const masks *m, const data *d, size_t f, uint8_t *test, uint8_t *train)
{
    size_t count = 0;
    memset(test, 0, m->K * d->n);
    memset(train, 0, m->K * d->n);
    for (size_t i = 0; i < d->n; i++)
        if (m->inner[f * d->n + i] + 1 > (int32_t)count) count = (size_t)m->inner[f * d->n + i] + 1;
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < d->n; i++) {
            int32_t own = m->inner[f * d->n + i];
            test[k * d->n + i] = own == (int32_t)k;
            train[k * d->n + i] = m->inner_train ? m->inner_train[(f * m->K + k) * d->n + i] : own >= 0 && own != (int32_t)k;
        }
    return (folds){ d->n, count, test, train };
}

typedef struct {
    char group[128];
    select_by select;
    bool shared, scale_y, delayed;
    bool banded;
} variant;

typedef struct {
    double *alpha, *r, *r2, *r2_train, *prediction, *r_mean, *r_pooled, *r2_pooled;
} outcome;

static outcome outcome_new(const data *d, size_t F)
{
    outcome o = { calloc(F * d->v, 8), calloc(F * d->v, 8), calloc(F * d->v, 8), calloc(F * d->v, 8),
                  calloc(d->n * d->v, 8), calloc(d->v, 8), calloc(d->v, 8), calloc(d->v, 8) };
    for (size_t i = 0; i < d->n * d->v; i++) o.prediction[i] = NAN;
    return o;
}

static void outcome_free(outcome *o)
{
    double *owned[] = { o->alpha, o->r, o->r2, o->r2_train, o->prediction, o->r_mean, o->r_pooled, o->r2_pooled };
    for (size_t i = 0; i < 8; i++) free(owned[i]);
}

static void moments(const double *y, size_t n, size_t stride, const uint8_t *use, double *mean, double *sd)
{
    double sum = 0, square = 0, count = 0;
    for (size_t i = 0; i < n; i++) sum += use[i] ? y[i * stride] : 0, count += use[i];
    *mean = sum / count;
    for (size_t i = 0; i < n; i++) square += use[i] ? pow(y[i * stride] - *mean, 2) : 0;
    *sd = sqrt(square / count);
}

/* X as the case wants it for a fold: delayed after standardising, or as it is. */
static double *fold_x(const data *d, const masks *m, const variant *q, size_t f, size_t *p, err *e)
{
    double *x = mem_copy(d->x, d->n * d->p * sizeof *x, e), *out = NULL;
    *p = d->p;
    if (!x || !q->delayed) return x;
    int64_t *stored = NULL;
    long delays[16];
    size_t n_delays;
    for (size_t k = 0; k < d->p; k++) {
        double mean, sd;
        moments(x + k, d->n, d->p, m->train + f * d->n, &mean, &sd);
        for (size_t i = 0; i < d->n; i++) x[i * d->p + k] = (x[i * d->p + k] - mean) / sd;
    }
    if (!store_read_i8(d->s, "delays", &stored, &n_delays, e) && n_delays <= 16) {
        for (size_t i = 0; i < n_delays; i++) delays[i] = (long)stored[i];
        delay_columns(&out, x, d->n, d->p, m->run, delays, n_delays, e);
        *p = d->p * n_delays;
    }
    free(stored);
    free(x);
    return out;
}

static int run_fold(outcome *o, const data *d, const masks *m, const variant *q, size_t f, err *e)
{
    int status = -1;
    size_t t = 0, p;
    uint8_t *test = calloc(d->n, 1), *inner_test = calloc(m->K * d->n, 1), *inner_train = calloc(m->K * d->n, 1);
    double *x = fold_x(d, m, q, f, &p, e), *y = mem_copy(d->y, d->n * d->v * sizeof *y, e), *got = calloc(d->n * d->v, sizeof *got);
    double *mean = calloc(d->v, sizeof *mean), *sd = calloc(d->v, sizeof *sd);
    const uint8_t *train = m->train + f * d->n;
    if (!x || !y || !test || !inner_test || !inner_train || !got || !mean || !sd) goto done;
    for (size_t i = 0; i < d->n; i++) t += test[i] = m->test[i] == (int32_t)f;
    for (size_t j = 0; j < d->v; j++) {
        moments(y + j, d->n, d->v, train, &mean[j], &sd[j]);
        for (size_t i = 0; q->scale_y && i < d->n; i++) y[i * d->v + j] /= sd[j];
    }
    folds inner = inner_of(m, d, f, inner_test, inner_train);
    nested_problem problem = { .x = x, .n = d->n, .p = p, .y = y, .v = d->v, .train = train, .test = test, .inner = &inner,
                               .alphas = d->alphas, .n_alphas = d->n_alphas, .select = q->select, .alpha_shared = q->shared,
                               .standardise = !q->delayed };
    nested_result result = { .alpha = o->alpha + f * d->v, .prediction = got };
    if (nested_ridge(&problem, NULL, &result, e)) goto done;
    double *column = calloc(2 * t, sizeof *column);
    for (size_t j = 0; j < d->v; j++) {
        size_t k = 0;
        for (size_t i = 0; i < d->n; i++) {
            if (!test[i]) continue;
            column[k] = d->y[i * d->v + j];
            column[t + k] = got[k * d->v + j] * (q->scale_y ? sd[j] : 1);
            o->prediction[i * d->v + j] = column[t + k];
            k++;
        }
        fit_score s = score_fold(column, column + t, t, 1, mean[j], sd[j]);
        o->r[f * d->v + j] = s.r;
        o->r2[f * d->v + j] = s.r2;
        o->r2_train[f * d->v + j] = s.r2_train;
        o->r_mean[j] += s.r / (double)m->F;
    }
    free(column);
    status = 0;
done:
    free(test);
    free(inner_test);
    free(inner_train);
    free(x);
    free(y);
    free(got);
    free(mean);
    free(sd);
    return status;
}

static bool expect_in(oracle_result *r, const data *d, const variant *q, const char *what, const double *got, size_t n, double tol)
{
    char name[256];
    snprintf(name, sizeof name, "%s/%s", q->group, what);
    return expect(r, d, name, got, n, tol);
}

static void check_variant(const data *d, const masks *m, const variant *q, oracle_result *r)
{
    err e = { 0 };
    outcome o = outcome_new(d, m->F);
    for (size_t f = 0; f < m->F; f++)
        if (run_fold(&o, d, m, q, f, &e)) {
            oracle_end(r, ORACLE_FAIL, "%s: %s", q->group, err_text(&e));
            goto done;
        }
    expect_in(r, d, q, "alpha", o.alpha, m->F * d->v, 1e-12);
    expect_in(r, d, q, "prediction", o.prediction, d->n * d->v, 1e-6);
    expect_in(r, d, q, "r", o.r, m->F * d->v, 1e-6);
    expect_in(r, d, q, "r2", o.r2, m->F * d->v, 1e-6);
    expect_in(r, d, q, "r2_train", o.r2_train, m->F * d->v, 1e-6);
    expect_in(r, d, q, "r_mean", o.r_mean, d->v, 1e-6);
done:
    outcome_free(&o);
}

static oracle_status check_nested(const data *d, const oracle_case *c, oracle_result *r)
{
    static const char *const selects[] = { "mse", "r2", "r" };
    err e = { 0 };
    masks m;
    size_t variants = 0;
    if (masks_read(&m, d, &e)) {
        oracle_end(r, ORACLE_UNREADABLE, "%s", err_text(&e));
        goto done;
    }
    variant flat = { .select = SELECT_MSE, .delayed = str_same(c->name, "n_gt_p_delays"),
                     .scale_y = str_same(c->name, "n_gt_p_standardize_y") };
    for (size_t k = 0; k < 6 && r->status == ORACLE_PASS; k++) {
        variant q = flat;
        q.select = (select_by)(k / 2);
        q.shared = k % 2;
        snprintf(q.group, sizeof q.group, "expected/%s_%s", selects[k / 2], q.shared ? "shared" : "voxel");
        if (!store_has(d->s, q.group)) continue;
        variants++;
        check_variant(d, &m, &q, r);
    }
    snprintf(flat.group, sizeof flat.group, "%s", store_has(d->s, "expected/outer") ? "expected/outer" : "expected");
    char alpha[256];
    snprintf(alpha, sizeof alpha, "%s/alpha", flat.group);
    if (r->status == ORACLE_PASS && store_has(d->s, alpha)) {
        variants++;
        check_variant(d, &m, &flat, r);
    }
    if (!variants && r->status == ORACLE_PASS) oracle_end(r, ORACLE_UNREADABLE, "no expected alphas");
done:
    masks_free(&m);
    return r->status;
}

/* ---- banded, candidates given ---- */

static oracle_status check_banded(data *d, oracle_result *r)
{
    static const char *const selects[] = { "mse", "r2", "r" };
    err e = { 0 };
    int32_t *band_of = NULL, *inner = NULL, *train = NULL, *test = NULL;
    double *gammas = NULL;
    size_t count, G, t, nt;
    if (store_read_i4(d->s, "band", &band_of, &count, &e) || store_read_i4(d->s, "inner", &inner, &count, &e) ||
        store_read_i4(d->s, "train", &train, &nt, &e) || store_read_i4(d->s, "test", &test, &t, &e) ||
        store_read_f8(d->s, "gammas", &gammas, &G, &e))
        return oracle_end(r, ORACLE_UNREADABLE, "%s", err_text(&e));
    band bands[8] = { { 0, 0 } };
    size_t B = 0, K = 0;
    for (size_t j = 0; j < d->p; j++) {
        size_t b = (size_t)band_of[j];
        if (b >= B) bands[B++].first = j;
        bands[b].width++;
    }
    G /= B;
    uint8_t *in_train = calloc(d->n, 1), *in_test = calloc(d->n, 1);
    for (size_t i = 0; i < nt; i++) {
        in_train[train[i]] = 1;
        if ((size_t)inner[i] + 1 > K) K = (size_t)inner[i] + 1;
    }
    for (size_t i = 0; i < t; i++) in_test[test[i]] = 1;
    uint8_t *inner_test = calloc(K * d->n, 1), *inner_train = calloc(K * d->n, 1);
    for (size_t k = 0; k < K; k++)
        for (size_t i = 0; i < nt; i++) {
            inner_test[k * d->n + (size_t)train[i]] = inner[i] == (int32_t)k;
            inner_train[k * d->n + (size_t)train[i]] = inner[i] != (int32_t)k;
        }
    folds inner_folds = { d->n, K, inner_test, inner_train };
    double *alpha = calloc(d->v, 8), *got = calloc(t * d->v, 8), *share = calloc(B * d->v, 8), *weight = calloc(d->p * d->v, 8);
    double *chosen = calloc(d->v, 8);
    int32_t *gamma = calloc(d->v, sizeof *gamma);
    for (size_t k = 0; k < 6 && r->status == ORACLE_PASS; k++) {
        variant q = { .select = (select_by)(k / 2), .shared = k % 2 };
        snprintf(q.group, sizeof q.group, "expected/%s_%s", selects[k / 2], q.shared ? "shared" : "voxel");
        nested_problem problem = { .x = d->x, .n = d->n, .p = d->p, .y = d->y, .v = d->v, .train = in_train, .test = in_test,
                                   .inner = &inner_folds, .alphas = d->alphas, .n_alphas = d->n_alphas, .select = q.select,
                                   .alpha_shared = q.shared, .bands = bands, .n_bands = B, .gammas = gammas, .n_gammas = G };
        nested_result result = { .alpha = alpha, .gamma = gamma, .prediction = got, .share = share, .weight = weight };
        if (nested_ridge(&problem, NULL, &result, &e)) {
            oracle_end(r, ORACLE_FAIL, "%s: %s", q.group, err_text(&e));
            break;
        }
        for (size_t j = 0; j < d->v; j++) chosen[j] = gamma[j];
        expect_in(r, d, &q, "candidate", chosen, d->v, 1e-12);
        expect_in(r, d, &q, "alpha", alpha, d->v, 1e-12);
        expect_in(r, d, &q, "prediction", got, t * d->v, 1e-6);
        expect_in(r, d, &q, "share_train_mean", share, B * d->v, 1e-6);
        expect_in(r, d, &q, "weight", weight, d->p * d->v, 1e-6);
    }
    void *owned[] = { band_of, inner, train, test, gammas, in_train, in_test, inner_test, inner_train, alpha, got, share, weight, chosen, gamma };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
    return r->status;
}

/* ---- delays ---- */

static oracle_status check_delays(const data *d, oracle_result *r)
{
    static const struct { const char *name; long delay[4]; size_t n; } cases[] = {
        { "expected/delays_0_2_m1_per_run", { 0, 2, -1 }, 3 }, { "expected/delays_1234_per_run", { 1, 2, 3, 4 }, 4 },
        { "expected/delays_25_per_run", { 25 }, 1 }
    };
    err e = { 0 };
    int32_t *run = NULL;
    size_t count;
    if (store_read_i4(d->s, "run", &run, &count, &e)) return oracle_end(r, ORACLE_UNREADABLE, "%s", err_text(&e));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double *out = NULL;
        if (delay_columns(&out, d->x, d->n, d->p, run, cases[i].delay, cases[i].n, &e)) oracle_end(r, ORACLE_FAIL, "%s", err_text(&e));
        else expect(r, d, cases[i].name, out, d->n * d->p * cases[i].n, 1e-12);
        free(out);
    }
    free(run);
    return r->status;
}

oracle_status check_ridge(const oracle_case *c, oracle_result *r)
{
    data d;
    err e = { 0 };
    if (data_read(&d, c->path, &e)) oracle_end(r, ORACLE_UNREADABLE, "%s", err_text(&e));
    else if (str_same(c->name, "plain_degrees_of_freedom")) check_freedom(&d, r);
    else if (str_begins(c->name, "plain_")) check_plain(&d, c, r);
    else if (str_begins(c->name, "n_gt_p") || str_begins(c->name, "p_gt_n")) check_nested(&d, c, r);
    else if (str_same(c->name, "banded_random_search")) check_banded(&d, r);
    else if (str_same(c->name, "prep_delays")) check_delays(&d, r);
    else check_ridge_more(c, r);
    data_free(&d);
    return r->status;
}
