/* SPDX-License-Identifier: MIT */
/* oracles/ridge: fixed and one-hot bands, leave-one-out, ties, edges, variance partitioning, folds, preparation. */
#include "oracle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"
#include "broca/store.h"

/* What is read lives until the end of the case. */
typedef struct {
    store *s;
    arena *a;
    err e;
    bool bad;
} file;

static void *keep(file *f, void *at, size_t bytes)
{
    void *copy = at ? arena_get(f->a, bytes + 1, &f->e) : NULL;
    if (copy) memcpy(copy, at, bytes);
    free(at);
    if (!copy) f->bad = true;
    return copy;
}

static double *real(file *f, const char *name, size_t *rows, size_t *columns)
{
    store_shape_t shape;
    double *x = NULL;
    size_t n;
    if (f->bad || store_shape(f->s, name, &shape, &f->e) || store_read_f8(f->s, name, &x, &n, &f->e)) {
        f->bad = true;
        return NULL;
    }
    if (rows) *rows = shape.rank > 0 ? shape.dims[0] : 1;
    if (columns) *columns = shape.rank > 1 ? shape.dims[1] : 1;
    return keep(f, x, n * sizeof *x);
}

static int32_t *whole(file *f, const char *name, size_t *n)
{
    int32_t *x = NULL;
    size_t count;
    if (f->bad || store_read_i4(f->s, name, &x, &count, &f->e)) {
        f->bad = true;
        return NULL;
    }
    if (n) *n = count;
    return keep(f, x, count * sizeof *x);
}

static void *space(file *f, size_t bytes)
{
    void *x = arena_get(f->a, bytes + 8, &f->e);
    if (x) memset(x, 0, bytes);
    else f->bad = true;
    return x;
}

static void want(oracle_result *r, file *f, const char *name, const double *got, size_t n, double tolerance)
{
    double *x = real(f, name, NULL, NULL);
    if (x) oracle_near(r, name, got, x, n, tolerance, tolerance);
}

/* One outer fold: rows [0, n) are trained on unless in is given; inner [n] holds the inner fold of a row or -1. */
typedef struct {
    const double *x, *y;
    size_t n, p, v, t;
    const uint8_t *train, *test;
    const int32_t *inner;
    const double *alphas;
    size_t n_alphas;
    select_by select;
    bool standardise, shared;
    inner_by by;
} one_fold;

static nested_problem problem_of(file *f, const one_fold *o, folds *inner)
{
    size_t K = 0;
    for (size_t i = 0; o->inner && i < o->n; i++)
        if (o->inner[i] >= 0 && (size_t)o->inner[i] + 1 > K) K = (size_t)o->inner[i] + 1;
    *inner = (folds){ .n = o->n, .count = K, .test = space(f, K * o->n), .train = space(f, K * o->n) };
    for (size_t k = 0; k < K && !f->bad; k++)
        for (size_t i = 0; i < o->n; i++) {
            inner->test[k * o->n + i] = o->train[i] && o->inner[i] == (int32_t)k;
            inner->train[k * o->n + i] = o->train[i] && o->inner[i] >= 0 && o->inner[i] != (int32_t)k;
        }
    return (nested_problem){ .x = o->x, .n = o->n, .p = o->p, .y = o->y, .v = o->v, .train = o->train, .test = o->test,
                             .inner = K ? inner : NULL, .alphas = o->alphas, .n_alphas = o->n_alphas, .select = o->select,
                             .alpha_shared = o->shared, .standardise = o->standardise, .by = o->by };
}

static uint8_t *filled(file *f, size_t n, uint8_t value)
{
    uint8_t *x = space(f, n);
    if (x) memset(x, value, n);
    return x;
}

/* ---- bands ---- */

static void banded(file *f, const oracle_case *c, oracle_result *r)
{
    char path[1100];
    bool one_hot = str_same(c->name, "banded_one_hot"), fixed = str_same(c->name, "banded_fixed");
    file inputs = { .a = f->a };
    if (oracle_sibling(c, "banded_random_search.h5", path, sizeof path) || store_open(&inputs.s, path, NULL, &f->e)) {
        f->bad = true;
        return;
    }
    file *in = fixed ? f : &inputs;
    size_t n, p, v, nt, t, G = 1, A, B = 3;
    double *x = real(in, "X", &n, &p), *y = real(in, "Y", &n, &v);
    double *alphas = fixed ? real(f, "alpha", &A, NULL) : real(&inputs, "alphas", &A, NULL);
    double *gammas = fixed ? real(f, "gamma", NULL, NULL) : real(one_hot ? f : &inputs, "gammas", &G, NULL);
    int32_t *band_of = whole(in, "band", NULL), *train = whole(in, "train", &nt), *test = whole(in, "test", &t);
    int32_t *inner = fixed ? NULL : whole(&inputs, "inner", NULL);
    uint8_t *in_train = filled(f, n, 0), *in_test = filled(f, n, 0);
    int32_t *fold = space(f, n * sizeof *fold);
    if (f->bad || inputs.bad) goto done;
    for (size_t i = 0; i < n; i++) fold[i] = -1;
    for (size_t i = 0; i < nt; i++) {
        in_train[train[i]] = 1;
        fold[train[i]] = inner ? inner[i] : -1;
    }
    for (size_t i = 0; i < t; i++) in_test[test[i]] = 1;
    band bands[3] = { { 0, 0 } };
    for (size_t j = p; j-- > 0;) {
        bands[band_of[j]].first = j;
        bands[band_of[j]].width++;
    }
    folds folds_inner_of;
    one_fold o = { .x = x, .y = y, .n = n, .p = p, .v = v, .train = in_train, .test = in_test, .inner = fold, .alphas = alphas, .n_alphas = A };
    nested_problem q = problem_of(f, &o, &folds_inner_of);
    q.bands = bands;
    q.n_bands = B;
    q.gammas = gammas;
    q.n_gammas = G;
    nested_result out = { .alpha = space(f, v * 8), .gamma = space(f, v * 4), .prediction = space(f, t * v * 8), .weight = space(f, p * v * 8),
                          .share = one_hot ? space(f, B * v * 8) : NULL };
    if (f->bad || nested_ridge(&q, NULL, &out, &f->e)) {
        oracle_end(r, ORACLE_FAIL, "%s", err_text(&f->e));
        goto done;
    }
    if (str_same(c->name, "banded_group_ridge")) {
        double *delta = space(f, B * v * 8);
        for (size_t b = 0; b < B; b++)
            for (size_t j = 0; j < v; j++) delta[b * v + j] = log(gammas[(size_t)out.gamma[j] * B + b] / out.alpha[j]);
        want(r, f, "expected/voxel/delta", delta, B * v, 1e-9);
        want(r, f, "expected/voxel/coef", out.weight, p * v, 1e-6);
        want(r, f, "expected/voxel/prediction", out.prediction, t * v, 1e-6);
    } else {
        want(r, f, "expected/prediction", out.prediction, t * v, 1e-6);
        if (fixed) want(r, f, "expected/weight", out.weight, p * v, 1e-6);
        else {
            double *best = space(f, v * 8);
            for (size_t j = 0; j < v; j++) best[j] = out.gamma[j]; /* row k of the candidates is band k alone */
            want(r, f, "expected/best_band", best, v, 1e-12);
            want(r, f, "expected/alpha", out.alpha, v, 1e-12);
        }
    }
done:
    f->bad = f->bad || inputs.bad;
    store_close(inputs.s);
}

/* ---- leave-one-out, generalised cross-validation ---- */

static void leave_one_out(file *f, oracle_result *r)
{
    size_t n, p, v, t, A;
    double *train_x = real(f, "X", &n, &p), *test_x = real(f, "X_test", &t, NULL), *train_y = real(f, "Y", NULL, &v), *alphas = real(f, "alphas", &A, NULL);
    double *error = real(f, "expected/squared_error", NULL, NULL);
    double *x = space(f, (n + t) * p * 8), *y = space(f, (n + t) * v * 8), *inner = space(f, A * v * 8), *expect = space(f, A * v * 8);
    uint8_t *train = filled(f, n + t, 0), *test = filled(f, n + t, 1);
    if (f->bad) return;
    memcpy(x, train_x, n * p * 8);
    memcpy(x + n * p, test_x, t * p * 8);
    memcpy(y, train_y, n * v * 8);
    memset(train, 1, n);
    memset(test, 0, n);
    for (size_t a = 0; a < A; a++)
        for (size_t j = 0; j < v; j++)
            for (size_t i = 0; i < n; i++) expect[a * v + j] -= error[(i * v + j) * A + a] / (double)n;
    one_fold o = { .x = x, .y = y, .n = n + t, .p = p, .v = v, .train = train, .test = test, .alphas = alphas, .n_alphas = A, .by = INNER_LOO };
    nested_result out = { .alpha = space(f, v * 8), .inner = inner, .inner_best = space(f, v * 8), .prediction = space(f, t * v * 8) };
    static const char *const names[] = { "expected/voxel/alpha", "expected/voxel_r2/alpha", "expected/shared/alpha", "" };
    for (size_t k = 0; k < 4 && !f->bad; k++) {
        folds none;
        o.select = k == 1 ? SELECT_R2 : SELECT_MSE;
        o.shared = k == 2;
        o.by = k == 3 ? INNER_GCV : INNER_LOO;
        nested_problem q = problem_of(f, &o, &none);
        if (nested_ridge(&q, NULL, &out, &f->e)) {
            oracle_end(r, ORACLE_FAIL, "%s", err_text(&f->e));
            return;
        }
        if (k < 3) want(r, f, names[k], out.alpha, k == 2 ? 1 : v, 1e-12);
        if (k == 0) {
            oracle_near(r, "mean squared errors", inner, expect, A * v, 1e-9, 1e-9);
            want(r, f, "expected/voxel/best_score", out.inner_best, v, 1e-9);
            want(r, f, "expected/voxel/prediction", out.prediction, t * v, 1e-6);
        }
        if (k == 1) want(r, f, "expected/voxel_r2/best_score", out.inner_best, v, 1e-9);
        if (k == 2) want(r, f, "expected/shared/prediction", out.prediction, t * v, 1e-6);
        if (k == 3) {
            for (size_t i = 0; i < A * v; i++) inner[i] = -inner[i];
            want(r, f, "expected/gcv", inner, A * v, 1e-9);
        }
    }
}

/* ---- ties ---- */

static void choose(file *f, oracle_result *r, const char *what, const double *alphas, size_t A, select_by select, double scale)
{
    size_t n, p, v;
    double *x = real(f, "X", &n, &p), *y = real(f, "Y", NULL, &v);
    int32_t *inner = whole(f, "inner", NULL);
    uint8_t *train = filled(f, n, 1), *test = filled(f, n, 0);
    folds made;
    if (f->bad) return;
    for (size_t i = 0; i < n * v; i++) y[i] *= scale;
    one_fold o = { .x = x, .y = y, .n = n, .p = p, .v = v, .train = train, .test = test, .inner = inner, .alphas = alphas, .n_alphas = A, .select = select };
    nested_problem q = problem_of(f, &o, &made);
    nested_result out = { .alpha = space(f, v * 8) };
    if (nested_ridge(&q, NULL, &out, &f->e)) oracle_end(r, ORACLE_FAIL, "%s", err_text(&f->e));
    else want(r, f, what, out.alpha, v, 1e-12);
}

static void ties(file *f, const oracle_case *c, oracle_result *r)
{
    size_t A;
    if (str_same(c->name, "ties_no_information")) {
        static const char *const orders[] = { "scale1_ascending", "scale1_descending", "scale1e5_ascending", "scale1e5_descending" };
        for (size_t k = 0; k < 12 && !f->bad; k++) {
            char name[128];
            snprintf(name, sizeof name, "expected/%s/alphas", orders[k / 3]);
            double *alphas = real(f, name, &A, NULL);
            if (alphas) choose(f, r, "expected/project_rule", alphas, A, (select_by)(k % 3), k < 6 ? 1 : 1e5);
        }
        return;
    }
    double *alphas = real(f, "alphas", &A, NULL);
    if (f->bad) return;
    if (str_same(c->name, "ties_noiseless")) {
        choose(f, r, "expected/alpha_mse", alphas, A, SELECT_MSE, 1);
        choose(f, r, "expected/alpha_r", alphas, A, SELECT_R, 1);
        return;
    }
    double units[] = { 1, 1e-4, 1e-6 };
    for (size_t k = 0; k < (str_same(c->name, "ties_small_units") ? 3u : 1u); k++) choose(f, r, "expected/alpha", alphas, A, SELECT_MSE, units[k]);
}

/* ---- edges ---- */

static void constant_voxels(file *f, oracle_result *r)
{
    static const char *const selects[] = { "mse", "r2", "r" };
    size_t n, p, v, A;
    double *x = real(f, "X", &n, &p), *y = real(f, "Y", NULL, &v), *alphas = real(f, "alphas", &A, NULL);
    int32_t *inner = whole(f, "fold/inner", NULL), *test_of = whole(f, "fold/test", NULL);
    for (size_t k = 0; k < 12 && !f->bad; k++) {
        size_t fold = k / 3, t = 0;
        char name[128];
        uint8_t *train = filled(f, n, 0), *test = filled(f, n, 0);
        for (size_t i = 0; i < n; i++) {
            t += test[i] = test_of[i] == (int32_t)fold;
            train[i] = !test[i];
        }
        folds made;
        one_fold o = { .x = x, .y = y, .n = n, .p = p, .v = v, .train = train, .test = test, .inner = inner + fold * n, .alphas = alphas,
                       .n_alphas = A, .select = (select_by)(k % 3), .standardise = true };
        nested_problem q = problem_of(f, &o, &made);
        nested_result out = { .alpha = space(f, v * 8), .prediction = space(f, t * v * 8), .score = space(f, v * sizeof(fit_score)) };
        if (nested_ridge(&q, NULL, &out, &f->e)) {
            oracle_end(r, ORACLE_FAIL, "%s", err_text(&f->e));
            return;
        }
        snprintf(name, sizeof name, "expected/fold%zu/%s/himalaya_alpha", fold, selects[k % 3]);
        want(r, f, name, out.alpha, 3, 1e-12);
        snprintf(name, sizeof name, "expected/fold%zu/%s/prediction", fold, selects[k % 3]);
        double *expect = real(f, name, NULL, NULL);
        for (size_t i = 0; i < t && expect; i++) /* the last response is constant in training: the references choose otherwise there */
            oracle_near(r, name, out.prediction + i * v, expect + i * v, 5, 1e-6, 1e-6);
        if (!isnan(out.score[3].r) || !isnan(out.score[4].r)) oracle_end(r, ORACLE_FAIL, "a constant response has an r");
    }
}

static void nan_voxel(file *f, oracle_result *r)
{
    size_t n, v, found = 0;
    double *y = real(f, "Y", &n, &v), got[16];
    for (size_t j = 0; !f->bad && j < v && found < 16; j++) {
        bool finite = true;
        for (size_t i = 0; i < n; i++) finite = finite && isfinite(y[i * v + j]);
        if (!finite) got[found++] = (double)j;
    }
    if (!f->bad && found != 1) oracle_end(r, ORACLE_FAIL, "%zu neuroids with NaN", found);
    else want(r, f, "expected/excluded_neuroid", got, 1, 1e-12);
}

/* ---- variance partitioning ---- */

static void partition(file *f, size_t sets, oracle_result *r)
{
    size_t n, p, v, A, F, full = ((size_t)1 << sets) - 1;
    double *part_x[3] = { NULL }, *y = real(f, "Y", &n, &v), *alphas = real(f, "alphas", &A, NULL);
    for (size_t k = 0; k < sets; k++) {
        char name[4] = { 'X', '_', (char)('A' + k), 0 };
        part_x[k] = real(f, name, &n, &p);
    }
    int32_t *inner = whole(f, "fold/inner", &F), *test_of = whole(f, "fold/test", NULL);
    if (f->bad) return;
    F /= n;
    double *mean = space(f, (full + 1) * v * 8);
    for (size_t s = 1; s <= full && !f->bad; s++) {
        size_t width = (size_t)__builtin_popcountll(s) * p, at = 0;
        double *x = space(f, n * width * 8), *r2 = space(f, F * v * 8);
        char name[64], label[4] = "";
        for (size_t k = 0; k < sets; k++) {
            if (!(s >> k & 1)) continue;
            label[strlen(label)] = (char)('A' + k);
            for (size_t i = 0; i < n; i++) memcpy(x + i * width + at, part_x[k] + i * p, p * 8);
            at += p;
        }
        for (size_t fold = 0; fold < F && !f->bad; fold++) {
            uint8_t *train = filled(f, n, 0), *test = filled(f, n, 0);
            for (size_t i = 0; i < n; i++) {
                test[i] = test_of[i] == (int32_t)fold;
                train[i] = !test[i];
            }
            folds made;
            one_fold o = { .x = x, .y = y, .n = n, .p = width, .v = v, .train = train, .test = test, .inner = inner + fold * n,
                           .alphas = alphas, .n_alphas = A, .standardise = true };
            nested_problem q = problem_of(f, &o, &made);
            nested_result out = { .score = space(f, v * sizeof(fit_score)) };
            if (nested_ridge(&q, NULL, &out, &f->e)) {
                oracle_end(r, ORACLE_FAIL, "%s", err_text(&f->e));
                return;
            }
            for (size_t j = 0; j < v; j++) mean[s * v + j] += (r2[fold * v + j] = out.score[j].r2) / (double)F;
        }
        snprintf(name, sizeof name, "expected/r2/%s", label);
        want(r, f, name, r2, F * v, 1e-6);
    }
    double *parts = space(f, (full + 1) * v * 8);
    for (size_t j = 0; j < v && !f->bad; j++) {
        double r2[8] = { 0 }, out[8];
        for (size_t s = 1; s <= full; s++) r2[s] = mean[s * v + j];
        variance_partition(out, r2, sets);
        for (size_t s = 1; s <= full; s++) parts[s * v + j] = out[s];
    }
    for (size_t s = 1; s <= full && !f->bad; s++) {
        char name[64], label[4] = "";
        for (size_t k = 0; k < sets; k++)
            if (s >> k & 1) label[strlen(label)] = (char)('A' + k);
        snprintf(name, sizeof name, "expected/part/%s_%s%s", strlen(label) == 1 ? "unique" : "shared", label,
                 strlen(label) > 1 && s != full ? "_only" : "");
        want(r, f, name, parts + s * v, v, 1e-6);
    }
}

/* ---- folds ---- */

static int attribute_or_scalar(file *f, const char *group, const char *name, double otherwise, double *out)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", group, name);
    *out = otherwise;
    if (!store_has(f->s, path)) return 0;
    double *x = real(f, path, NULL, NULL);
    if (x) *out = x[0];
    return x ? 0 : -1;
}

static void compare_folds(file *f, oracle_result *r, const char *group, const folds *made, const char *fold_name, const char *train_name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", group, fold_name);
    double *fold = real(f, path, NULL, NULL), *got = space(f, made->n * 8);
    for (size_t i = 0; fold && i < made->n; i++) {
        got[i] = -1;
        for (size_t k = 0; k < made->count; k++)
            if (made->test[k * made->n + i]) got[i] = (double)k;
    }
    if (fold) oracle_near(r, path, got, fold, made->n, 1e-12, 0);
    snprintf(path, sizeof path, "%s/%s", group, train_name);
    if (!store_has(f->s, path)) return;
    double *train = space(f, made->count * made->n * 8);
    for (size_t i = 0; i < made->count * made->n; i++) train[i] = made->train[i];
    want(r, f, path, train, made->count * made->n, 0.1);
}

static void inner_folds(file *f, oracle_result *r, const char *group, const folds *outer, const fold_scheme *scheme, const fold_items *items)
{
    char path[256];
    snprintf(path, sizeof path, "%s/inner_fold", group);
    if (!store_has(f->s, path)) return;
    double *fold = real(f, path, NULL, NULL), *got = space(f, outer->count * outer->n * 8);
    snprintf(path, sizeof path, "%s/inner_train", group);
    double *train = real(f, path, NULL, NULL);
    if (f->bad) return;
    for (size_t k = 0; k < outer->count; k++) {
        folds *inner = NULL;
        if (folds_make(&inner, scheme, items, outer->train + k * outer->n, &f->e)) {
            oracle_end(r, ORACLE_FAIL, "%s: %s", group, err_text(&f->e));
            return;
        }
        for (size_t i = 0; i < outer->n; i++) {
            got[k * outer->n + i] = -1;
            for (size_t b = 0; b < inner->count; b++) {
                if (inner->test[b * outer->n + i]) got[k * outer->n + i] = (double)b;
                double mask = inner->train[b * outer->n + i];
                oracle_near(r, "inner_train", &mask, train + (k * inner->count + b) * outer->n + i, 1, 0.1, 0);
            }
        }
        folds_free(inner);
    }
    oracle_near(r, "inner_fold", got, fold, outer->count * outer->n, 1e-12, 0);
}

static void one_fold_case(file *f, const char *group, bool grouped, oracle_result *r)
{
    char path[256];
    double K, gap, error, inner_K;
    size_t n = 0;
    char **groups = NULL;
    fold_items items = { 0 };
    folds *made = NULL;
    if (attribute_or_scalar(f, group, "K", 0, &K) || attribute_or_scalar(f, group, "gap", 0, &gap) ||
        attribute_or_scalar(f, group, "error", 0, &error) || attribute_or_scalar(f, group, "inner_K", 0, &inner_K))
        return;
    fold_scheme scheme = { .kind = grouped ? FOLD_GROUP : FOLD_CONTIGUOUS, .k = (size_t)K, .gap_s = gap };
    if (grouped) {
        snprintf(path, sizeof path, "%s/group", group);
        if (store_read_text(f->s, path, &groups, &n, &f->e)) {
            f->bad = true;
            return;
        }
    } else {
        snprintf(path, sizeof path, "%s/run", group);
        items.run = whole(f, path, &n);
        snprintf(path, sizeof path, "%s/onset", group);
        items.onset = real(f, path, NULL, NULL);
    }
    items.n = n;
    items.group = (const char *const *)groups;
    err e = { 0 };
    int failed = f->bad ? 0 : folds_make(&made, &scheme, &items, NULL, &e);
    if (f->bad) return;
    if (failed != (error > 0 ? -1 : 0)) oracle_end(r, ORACLE_FAIL, "%s: %s", group, failed ? err_text(&e) : "no error, one is expected");
    else if (!failed) {
        compare_folds(f, r, group, made, "fold", "train");
        fold_scheme inner = scheme;
        inner.k = (size_t)inner_K;
        if (inner_K > 0) inner_folds(f, r, group, made, &inner, &items);
    }
    folds_free(made);
    free(groups);
}

static void fold_cases(file *f, bool grouped, oracle_result *r)
{
    char **names = NULL;
    size_t n;
    if (store_list(f->s, "/", &names, &n, &f->e)) {
        f->bad = true;
        return;
    }
    for (size_t i = 0; i < n && !f->bad; i++) one_fold_case(f, names[i], grouped, r);
    free(names);
}

/* ---- preparation ---- */

static void standardise_runs(file *f, oracle_result *r)
{
    static const char *const names[] = { "X", "Y" };
    int32_t *run = whole(f, "run", NULL);
    for (size_t k = 0; k < 2 && !f->bad; k++) {
        size_t n, d;
        char expected[32];
        double *x = real(f, names[k], &n, &d);
        snprintf(expected, sizeof expected, "expected/%s", names[k]);
        if (x && series_zscore_runs(x, n, d, run, &f->e)) f->bad = true;
        else want(r, f, expected, x, n * d, 1e-9);
    }
}

static void confounds(file *f, oracle_result *r)
{
    static const char *const names[] = { "X", "Y" };
    size_t n, k;
    double *z = real(f, "C", &n, &k);
    int32_t *fold = whole(f, "fold", NULL);
    for (size_t s = 0; s < 2 && !f->bad; s++) {
        size_t d, F = 3;
        char expected[32];
        double *x = real(f, names[s], NULL, &d), *out = space(f, F * n * d * 8);
        for (size_t c = 0; c < F && !f->bad; c++) {
            uint8_t *train = filled(f, n, 0);
            for (size_t i = 0; i < n; i++) train[i] = fold[i] != (int32_t)c;
            memcpy(out + c * n * d, x, n * d * 8);
            if (remove_confounds(out + c * n * d, n, d, z, k, train, NULL, &f->e)) f->bad = true;
        }
        snprintf(expected, sizeof expected, "expected/%s", names[s]);
        want(r, f, expected, out, F * n * d, 1e-9);
    }
}

oracle_status check_ridge_more(const oracle_case *c, oracle_result *r)
{
    file f = { 0 };
    const char *name = c->name;
    if (!(f.a = arena_new(&f.e)) || store_open(&f.s, c->path, NULL, &f.e)) f.bad = true;
    else if (str_begins(name, "banded_")) banded(&f, c, r);
    else if (str_begins(name, "loo_")) leave_one_out(&f, r);
    else if (str_begins(name, "ties_")) ties(&f, c, r);
    else if (str_same(name, "edge_constant_voxels")) constant_voxels(&f, r);
    else if (str_same(name, "edge_nan_voxel")) nan_voxel(&f, r);
    else if (str_same(name, "varpart_2sets")) partition(&f, 2, r);
    else if (str_same(name, "varpart_3sets")) partition(&f, 3, r);
    else if (str_same(name, "folds_contiguous")) fold_cases(&f, false, r);
    else if (str_same(name, "folds_group")) fold_cases(&f, true, r);
    else if (str_same(name, "prep_standardize_per_run")) standardise_runs(&f, r);
    else if (str_same(name, "prep_confounds")) confounds(&f, r);
    else oracle_end(r, ORACLE_SKIP, "this case of ridge is not known yet");
    if (f.bad && r->status == ORACLE_PASS) oracle_end(r, ORACLE_UNREADABLE, "%s", err_text(&f.e));
    store_close(f.s);
    arena_free(f.a);
    return r->status;
}
