/* SPDX-License-Identifier: MIT */
/* num up to ridge: the BLAS seam, folds, preparation of series, ridge, nested ridge. Closed forms, invariances, limits, and a
 * plain reference of the nested fit made of ridge_fit alone. */
#include "check.h"

#include "broca/num.h"

/* ---- memory and numbers of a test ---- */

static void *kept[1024];
static size_t n_kept;
static folds *made[64];
static size_t n_made;

static int release(void **state)
{
    (void)state;
    while (n_kept) free(kept[--n_kept]);
    while (n_made) folds_free(made[--n_made]);
    return 0;
}

static void *take(size_t count, size_t size)
{
    err e = { 0 };
    void *p = mem_new(count, size, &e);
    assert_non_null(p);
    assert_true(n_kept < sizeof kept / sizeof *kept);
    return kept[n_kept++] = p;
}

static double *numbers(size_t n)
{
    return take(n, sizeof(double));
}

static double *normal(size_t n, uint32_t which)
{
    double *x = numbers(n);
    for (size_t i = 0; i < n; i++) x[i] = rng_normal(2385, RNG_SIM_NOISE, (uint32_t)i, which, 0);
    return x;
}

static double *copy_of(const double *x, size_t n)
{
    return memcpy(numbers(n), x, n * sizeof *x);
}

static void ok(int status, const err *e)
{
    if (status) fail_msg("%s", err_text(e));
}

static void all_near(const double *a, const double *b, size_t n, double tolerance)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs(a[i] - b[i]) <= tolerance)) fail_msg("value %zu is %.15g, expected %.15g within %g", i, a[i], b[i], tolerance);
}

/* c = a [m×k] · b [k×n] */
static double *times(const double *a, const double *b, size_t m, size_t k, size_t n)
{
    double *c = numbers(m * n);
    for (size_t i = 0; i < m; i++)
        for (size_t l = 0; l < k; l++)
            for (size_t j = 0; j < n; j++) c[i * n + j] += a[i * k + l] * b[l * n + j];
    return c;
}

static double *turned(const double *a, size_t m, size_t n)
{
    double *t = numbers(m * n);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) t[j * m + i] = a[i * n + j];
    return t;
}

/* ---- BLAS seam ---- */

static void products_equal_the_naive_ones_inside_larger_matrices(void **state)
{
    (void)state;
    enum { M = 5, N = 7, K = 6, LD = 11 };
    for (int turn = 0; turn < 4; turn++) {
        bool ta = turn & 1, tb = turn & 2;
        double *a = normal(LD * LD, 1), *b = normal(LD * LD, 2), *c = normal(LD * LD, 3), *before = copy_of(c, LD * LD);
        float a4[LD * LD], b4[LD * LD], c4[LD * LD];
        for (size_t i = 0; i < LD * LD; i++) {
            a4[i] = (float)a[i];
            b4[i] = (float)b[i];
            c4[i] = (float)c[i];
        }
        gemm_f8(ta, tb, M, N, K, 2.385, a, LD, b, LD, -.7, c, LD);
        gemm_f4(ta, tb, M, N, K, 2.385f, a4, LD, b4, LD, -.7f, c4, LD);
        for (size_t i = 0; i < LD; i++)
            for (size_t j = 0; j < LD; j++) {
                double want = before[i * LD + j];
                if (i < M && j < N) {
                    want *= -.7;
                    for (size_t k = 0; k < K; k++)
                        want += 2.385 * (ta ? a[k * LD + i] : a[i * LD + k]) * (tb ? b[j * LD + k] : b[k * LD + j]);
                } else {
                    assert_true(c[i * LD + j] == want && c4[i * LD + j] == (float)want); /* beyond the matrix: untouched */
                }
                assert_near(c[i * LD + j], want, 1e-13);
                assert_near((double)c4[i * LD + j], want, 2e-5);
            }
    }
}

/* Orthogonal matrix with rows by Gram-Schmidt. */
static double *orthogonal(size_t n, uint32_t which)
{
    double *q = normal(n * n, which);
    for (size_t i = 0; i < n; i++) {
        for (int pass = 0; pass < 2; pass++)
            for (size_t k = 0; k < i; k++) {
                double dot = 0;
                for (size_t j = 0; j < n; j++) dot += q[i * n + j] * q[k * n + j];
                for (size_t j = 0; j < n; j++) q[i * n + j] -= dot * q[k * n + j];
            }
        double length = 0;
        for (size_t j = 0; j < n; j++) length += q[i * n + j] * q[i * n + j];
        for (size_t j = 0; j < n; j++) q[i * n + j] /= sqrt(length);
    }
    return q;
}

/* Sizes on both sides of every halving; a planted inverse. */
static void an_inverse_and_its_root_undo_the_matrix(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 2, 31, 32, 33, 97, 150 };
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n = sizes[s];
        double *q = normal(n * n, 5), *a = times(q, turned(q, n, n), n, n, n), *identity = numbers(n * n), *full = numbers(n * n);
        float *inverse_f4 = take(n * n, sizeof(float));
        for (size_t i = 0; i < n; i++) {
            a[i * n + i] += 2.385 * (double)n;
            identity[i * n + i] = 1;
        }
        for (size_t i = 0; i < n * n; i++) inverse_f4[i] = (float)a[i];
        double *inverse = copy_of(a, n * n), *v = copy_of(a, n * n), *product = copy_of(a, n * n), *square = numbers(n * n);
        err e = { 0 };
        ok(inverse_positive(n, inverse, &e), &e);
        ok(inverse_positive_f4(n, inverse_f4, &e), &e);
        ok(inverse_root(n, v, &e), &e);
        all_near(times(inverse, a, n, n, n), identity, n * n, 1e-12);
        for (size_t i = 0; i < n * n; i++) full[i] = (double)inverse_f4[i];
        all_near(times(full, a, n, n, n), identity, n * n, 1e-5);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < i; j++) assert_true(v[i * n + j] == 0);
        all_near(times(v, turned(v, n, n), n, n, n), inverse, n * n, 1e-13);
        triangle_product(true, n, v, n, product);
        triangle_product(false, n, v, n, product);
        all_near(product, identity, n * n, 1e-12);
        gram_upper(n, n, v, n, square);
        for (size_t i = 0; i < n; i++)
            for (size_t j = i; j < n; j++) assert_near(square[i * n + j], inverse[i * n + j], 1e-13);
    }
}

static void planted_eigenvalues_come_back_ascending_with_vectors_in_rows(void **state)
{
    (void)state;
    enum { N = 9 };
    double *q = orthogonal(N, 4), *a = numbers(N * N), w[N];
    static const double lambda[N] = { -3.2, -1e-3, 0, .5, .75, 2.385, 4, 10, 1e3 };
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            for (size_t k = 0; k < N; k++) a[i * N + j] += lambda[k] * q[k * N + i] * q[k * N + j];
    for (size_t i = 0; i < N; i++) /* the same bits on both sides of the diagonal */
        for (size_t j = 0; j < i; j++) a[i * N + j] = a[j * N + i];
    err e = { 0 };
    ok(eigen_symmetric(N, a, w, &e), &e);
    all_near(w, lambda, N, 1e-11);
    for (size_t i = 0; i < N; i++) {
        double dot = 0;
        for (size_t j = 0; j < N; j++) dot += a[i * N + j] * q[i * N + j];
        assert_near(fabs(dot), 1, 1e-10);
    }
    a[N + 2] = NAN;
    assert_int_equal(eigen_symmetric(N, a, w, &e), -1);
    assert_int_equal(e.kind, ERR_INPUT);
    assert_says(e, "value 11 of the matrix is not finite");
}

static void a_thin_svd_gives_the_matrix_back(void **state)
{
    (void)state;
    static const size_t shape[3][2] = { { 12, 5 }, { 5, 12 }, { 7, 7 } };
    err e = { 0 };
    for (int c = 0; c < 3; c++) {
        size_t m = shape[c][0], n = shape[c][1], r = m < n ? m : n;
        double *left = orthogonal(m, 5), *right = orthogonal(n, 6), *a = numbers(m * n);
        for (size_t i = 0; i < m; i++) /* singular values 1, 2, ..., r */
            for (size_t j = 0; j < n; j++)
                for (size_t k = 0; k < r; k++) a[i * n + j] += (double)(k + 1) * left[k * m + i] * right[k * n + j];
        double *work = copy_of(a, m * n), *u = numbers(m * r), *s = numbers(r), *vt = numbers(r * n), *us = numbers(m * r);
        ok(svd_thin(m, n, work, u, s, vt, &e), &e);
        for (size_t k = 0; k < r; k++) assert_near(s[k], (double)(r - k), 1e-12);
        for (size_t i = 0; i < m * r; i++) us[i] = u[i] * s[i % r];
        all_near(times(us, vt, m, r, n), a, m * n, 1e-12);
        double *utu = times(turned(u, m, r), u, r, m, r), *vvt = times(vt, turned(vt, r, n), r, n, r);
        for (size_t i = 0; i < r * r; i++) {
            assert_near(utu[i], i % (r + 1) == 0, 1e-13);
            assert_near(vvt[i], i % (r + 1) == 0, 1e-13);
        }
    }
    double bad[4] = { 1, 2, INFINITY, 4 }, u[4], s[2], vt[4];
    assert_int_equal(svd_thin(2, 2, bad, u, s, vt, &e), -1);
    assert_says(e, "value 2 of the matrix is not finite");
}

/* ---- fold schemes ---- */

static void schemes_are_read_and_written_alike(void **state)
{
    (void)state;
    static const char *const texts[] = { "contiguous:6,gap=10", "contiguous:5,gap=0", "contiguous:12,gap=2.5", "group:5",
                                         "group:7,seed=42", "logo", "random:4,seed=0", "random:10", "given:a,b:c.tsv" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fold_scheme s;
        err e = { 0 };
        char text[256];
        ok(fold_scheme_parse(&s, texts[i], &e), &e);
        fold_scheme_text(&s, text, sizeof text);
        assert_string_equal(text, texts[i]);
    }
    fold_scheme s;
    err e = { 0 };
    ok(fold_scheme_parse(&s, "contiguous:5", &e), &e);
    assert_true(s.kind == FOLD_CONTIGUOUS && s.k == 5 && s.gap_s == 0 && !s.has_seed && !s.at_most);
    ok(fold_scheme_parse(&s, "group:3,seed=9", &e), &e);
    assert_true(s.kind == FOLD_GROUP && s.k == 3 && s.has_seed && s.seed == 9);
}

static void a_wrong_scheme_is_a_usage_error_that_says_what_is_wrong(void **state)
{
    (void)state;
    static const struct { const char *text, *says; } wrong[] = {
        { "contigous:6", "did you mean contiguous?" },      { "grp:5", "no fold scheme" },
        { "", "no fold scheme" },                           { "contiguous", "no fold scheme" },
        { "group:", "no fold scheme" },                     { "contiguous:six", "not a whole number" },
        { "contiguous:-6", "not a whole number" },          { "group:1", "at least 2 folds" },
        { "group:0", "at least 2 folds" },                  { "group:5,gap=10", "only contiguous folds have a gap" },
        { "contiguous:5,seed=1", "only group and random" }, { "contiguous:5,gap=-1", "seconds >= 0" },
        { "contiguous:5,gap=nan", "seconds >= 0" },         { "contiguous:5,gap=", "seconds >= 0" },
        { "random:5,seed=x", "seed is a whole number" },    { "contiguous:5,gp=3", "'gp=3' is not known" },
        { "logo:5", "logo takes no number" },               { "given:", "no fold scheme" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        fold_scheme s;
        err e = { 0 };
        assert_int_equal(fold_scheme_parse(&s, wrong[i].text, &e), -1);
        assert_int_equal(e.kind, ERR_USAGE);
        assert_says(e, wrong[i].says);
    }
}

static void inner_schemes_follow_the_outer_one(void **state)
{
    (void)state;
    static const struct { const char *outer, *inner; bool at_most; } pair[] = {
        { "contiguous:6,gap=10", "contiguous:5,gap=10", false },
        { "group:9,seed=3", "group:5", true },
        { "logo", "group:5", true },
        { "random:8,seed=3", "random:5,seed=3", false },
    };
    fold_scheme outer, inner;
    err e = { 0 };
    char text[256];
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
        ok(fold_scheme_parse(&outer, pair[i].outer, &e), &e);
        ok(folds_inner(&inner, &outer, &e), &e);
        fold_scheme_text(&inner, text, sizeof text);
        assert_string_equal(text, pair[i].inner);
        assert_int_equal(inner.at_most, pair[i].at_most);
    }
    ok(fold_scheme_parse(&outer, "given:x.tsv", &e), &e);
    assert_int_equal(folds_inner(&inner, &outer, &e), -1);
    assert_int_equal(e.kind, ERR_USAGE);
    assert_says(e, "--inner");
}

/* ---- folds ---- */

static folds *folds_of(const char *scheme, const fold_items *items, const uint8_t *use)
{
    fold_scheme s;
    folds *f = NULL;
    err e = { 0 };
    ok(fold_scheme_parse(&s, scheme, &e) || folds_make(&f, &s, items, use, &e), &e);
    return made[n_made++] = f;
}

static void refused(const char *scheme, const fold_items *items, const char *says)
{
    fold_scheme s;
    folds *f = (folds *)&s;
    err e = { 0 };
    ok(fold_scheme_parse(&s, scheme, &e), &e);
    assert_int_equal(folds_make(&f, &s, items, NULL, &e), -1);
    assert_null(f);
    assert_int_equal(e.kind, ERR_INPUT);
    assert_says(e, says);
}

/* Fold in which each used row is tested; every used row in exactly one. */
static void tested_in(int *fold, const folds *f, const uint8_t *use)
{
    for (size_t i = 0; i < f->n; i++) {
        int times_tested = 0;
        fold[i] = -1;
        for (size_t k = 0; k < f->count; k++)
            if (f->test[k * f->n + i]) {
                fold[i] = (int)k;
                times_tested++;
                assert_false(f->train[k * f->n + i]);
            }
        assert_int_equal(times_tested, !use || use[i]);
    }
}

static void contiguous_blocks_go_by_run_and_onset_and_the_first_are_longer(void **state)
{
    (void)state;
    /* run 7 comes first in the file; its rows are not in order of time */
    static const int32_t run[11] = { 7, 7, 7, 7, 7, 2, 2, 2, 2, 2, 2 };
    static const double onset[11] = { 8, 2, 4, 6, 0, 3, 1, 2, 9, 8, 7 };
    /* order of rows: 4 1 2 3 0 | 6 7 5 10 9 8; 11 = 3 + 3 + 3 + 2 */
    static const int want[11] = { 1, 0, 0, 1, 0, 2, 1, 2, 3, 3, 2 };
    int fold[11];
    folds *f = folds_of("contiguous:4", &(fold_items){ 11, run, onset, NULL, NULL }, NULL);
    assert_int_equal(f->count, 4);
    tested_in(fold, f, NULL);
    assert_memory_equal(fold, want, sizeof want);
}

/* Against the definition, pair by pair; onsets in steps of .1 s, so that differences of exactly the gap are rounded both ways. */
static void the_gap_takes_what_is_at_most_so_far_away_in_the_same_run(void **state)
{
    (void)state;
    enum { N = 90 };
    int32_t run[N];
    double onset[N];
    uint8_t use[N];
    for (size_t i = 0; i < N; i++) {
        run[i] = i < 40;
        onset[i] = .1 * (double)(i < 40 ? i : i - 40);
        use[i] = i % 7 != 3;
    }
    for (int masked = 0; masked < 2; masked++) {
        const uint8_t *u = masked ? use : NULL;
        folds *f = folds_of("contiguous:5,gap=.7", &(fold_items){ N, run, onset, NULL, NULL }, u);
        size_t left_out = 0;
        for (size_t k = 0; k < 5; k++)
            for (size_t i = 0; i < N; i++) {
                bool near = false;
                for (size_t j = 0; j < N; j++)
                    near = near || (f->test[k * N + j] && run[j] == run[i] &&
                                    labs(lround(10 * onset[i]) - lround(10 * onset[j])) <= 7);
                assert_int_equal(f->train[k * N + i], !near && (!u || u[i]));
                left_out += near && !f->test[k * N + i];
            }
        assert_true(left_out > 0);
    }
}

static void groups_stay_whole_and_go_where_fewest_items_are(void **state)
{
    (void)state;
    /* sizes A 3, B 1, C 2, D 2; C is in two places: A->0, B->1, C->1, D->0 (a tie: the lowest) */
    static const char *const group[8] = { "A", "C", "A", "B", "A", "D", "C", "D" };
    fold_items items = { 8, NULL, NULL, group, NULL };
    /* first appearance: A C B D -> A 0 (3), C 1 (2), B 1 (3), D 0 */
    static const int want[8] = { 0, 1, 0, 1, 0, 0, 1, 0 };
    int fold[8], again[8];
    tested_in(fold, folds_of("group:2", &items, NULL), NULL);
    assert_memory_equal(fold, want, sizeof want);
    bool differs = false;
    for (int seed = 0; seed < 8; seed++) {
        char text[32];
        snprintf(text, sizeof text, "group:3,seed=%d", seed);
        tested_in(fold, folds_of(text, &items, NULL), NULL);
        tested_in(again, folds_of(text, &items, NULL), NULL);
        assert_memory_equal(fold, again, sizeof fold);
        for (size_t i = 0; i < 8; i++)
            for (size_t j = 0; j < 8; j++)
                if (str_same(group[i], group[j])) assert_int_equal(fold[i], fold[j]);
        tested_in(again, folds_of("group:3", &items, NULL), NULL);
        differs = differs || memcmp(fold, again, sizeof fold) != 0;
    }
    assert_true(differs);
    fold_scheme s = { .kind = FOLD_GROUP, .k = 5, .at_most = true };
    err e = { 0 };
    static const char *const three[8] = { "A", "B", "C", "A", "B", "C", "A", "B" };
    items.group = three;
    ok(folds_make(&made[n_made], &s, &items, NULL, &e), &e);
    assert_int_equal(made[n_made++]->count, 3);
}

static void logo_random_and_given_folds(void **state)
{
    (void)state;
    enum { N = 23 };
    static const char *const group[6] = { "x", "y", "y", "z", "z", "x" };
    static const int by_group[6] = { 0, 1, 1, 2, 2, 0 };
    static const int32_t given[9] = { 30, 4, -1, 4, 30, 7, 7, -1, 7 };
    static const int by_number[9] = { 2, 0, -1, 0, 2, 1, 1, -1, 1 };
    int fold[N], other[N], size[4] = { 0 };
    folds *f = folds_of("logo", &(fold_items){ 6, NULL, NULL, group, NULL }, NULL);
    assert_int_equal(f->count, 3);
    tested_in(fold, f, NULL);
    assert_memory_equal(fold, by_group, sizeof by_group);

    fold_items items = { N, NULL, NULL, NULL, NULL };
    tested_in(fold, folds_of("random:4,seed=5", &items, NULL), NULL);
    for (size_t i = 0; i < N; i++) size[fold[i]]++;
    assert_true(size[0] == 6 && size[1] == 6 && size[2] == 6 && size[3] == 5);
    tested_in(other, folds_of("random:4,seed=5", &items, NULL), NULL);
    assert_memory_equal(fold, other, sizeof fold);
    tested_in(other, folds_of("random:4,seed=6", &items, NULL), NULL);
    assert_true(memcmp(fold, other, sizeof fold) != 0);
    tested_in(fold, folds_of("random:4", &items, NULL), NULL);
    tested_in(other, folds_of("random:4,seed=0", &items, NULL), NULL);
    assert_memory_equal(fold, other, sizeof fold);

    f = folds_of("given:any", &(fold_items){ 9, NULL, NULL, NULL, given }, NULL);
    assert_int_equal(f->count, 3);
    uint8_t ever[9];
    for (size_t i = 0; i < 9; i++) ever[i] = given[i] >= 0;
    tested_in(fold, f, ever);
    assert_memory_equal(fold, by_number, sizeof by_number);
    for (size_t k = 0; k < 3; k++) assert_true(!f->train[k * 9 + 2] && !f->train[k * 9 + 7]); /* -1: never */
}

/* Inner folds see the training rows alone: what the others are called or when they come must not matter. */
static void inner_folds_depend_on_the_used_rows_alone(void **state)
{
    (void)state;
    enum { N = 60 };
    static const char *const schemes[] = { "contiguous:4,gap=3", "group:3", "group:3,seed=4", "random:5,seed=1", "logo" };
    static char names[N][8];
    const char *group[N], *few[N];
    double onset[N], later[N];
    uint8_t use[N];
    size_t row[N], m = 0;
    for (size_t i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "g%zu", i / 6);
        group[i] = names[i];
        onset[i] = 2 * (double)i;
        use[i] = i < 18 || i >= 30;
        if (use[i]) {
            few[m] = group[i];
            later[m] = onset[i];
            row[m++] = i;
        }
    }
    for (size_t s = 0; s < sizeof schemes / sizeof *schemes; s++) {
        folds *masked = folds_of(schemes[s], &(fold_items){ N, NULL, onset, group, NULL }, use);
        folds *alone = folds_of(schemes[s], &(fold_items){ m, NULL, later, few, NULL }, NULL);
        assert_int_equal(masked->count, alone->count);
        for (size_t k = 0; k < alone->count; k++) {
            for (size_t i = 0; i < m; i++) {
                assert_int_equal(masked->test[k * N + row[i]], alone->test[k * m + i]);
                assert_int_equal(masked->train[k * N + row[i]], alone->train[k * m + i]);
            }
            for (size_t i = 0; i < N; i++) assert_true(use[i] || (!masked->test[k * N + i] && !masked->train[k * N + i]));
        }
    }
}

static void impossible_folds_are_refused(void **state)
{
    (void)state;
    static const char *const group[6] = { "x", "x", "y", "y", "x", "y" }, *const single[6] = { "x", "x", "x", "y", "x", "x" };
    static const int32_t one[6] = { 3, 3, -1, 3, 3, 3 };
    fold_items items = { 6, NULL, NULL, group, NULL };
    refused("group:3", &items, "2 groups are too few for 3 folds");
    refused("contiguous:4", &items, "fold 3 of 4 has 1 test presentations, at least 2");
    refused("contiguous:2,gap=5", &items, "no training presentations");
    refused("random:7", &items, "test presentations, at least 2");
    refused("given:file", &items, "there is none");
    refused("given:file", &(fold_items){ 6, NULL, NULL, NULL, one }, "1 different folds");
    refused("logo", &(fold_items){ 6, NULL, NULL, NULL, NULL }, "there is none");
    refused("logo", &(fold_items){ 6, NULL, NULL, single, NULL }, "fold 2 of 2 has 1 test");
    refused("group:2", &(fold_items){ 3, NULL, NULL, single, NULL }, "1 groups are too few");
}

/* ---- preparation ---- */

static void delays_are_copies_shifted_inside_their_run(void **state)
{
    (void)state;
    enum { N = 14, D = 3, M = 5 };
    static const int32_t run[N] = { 1, 1, 1, 5, 5, 1, 1, 5, 5, 5, 1, 3, 1, 5 }; /* runs may be interleaved */
    static const long delays[M] = { 2, 0, -1, 1, 40 };
    double *x = normal(N * D, 7), *out = NULL;
    err e = { 0 };
    for (int runs = 0; runs < 2; runs++) {
        ok(delay_columns(&out, x, N, D, runs ? run : NULL, delays, M, &e), &e);
        for (size_t i = 0; i < N; i++)
            for (size_t k = 0; k < M; k++) {
                size_t own[N], m = 0, at = 0;
                for (size_t j = 0; j < N; j++)
                    if (!runs || run[j] == run[i]) {
                        if (j == i) at = m;
                        own[m++] = j;
                    }
                long from = (long)at - delays[k];
                for (size_t j = 0; j < D; j++) {
                    double want = from >= 0 && from < (long)m ? x[own[from] * D + j] : 0;
                    assert_true(out[i * D * M + k * D + j] == want);
                }
            }
        free(out);
    }
}

static void a_word_on_a_boundary_belongs_to_the_later_sample(void **state)
{
    (void)state;
    static const double onset[6] = { 20, 21.9999, 22, 26, 25.5, 19.9 }, sample[4] = { 20, 22, 24, 26 };
    static const float f[12] = { 1, 10, 2, 20, 4, 40, 8, 80, 16, 160, 32, 320 };
    static const double want[8] = { 3, 30, 4, 40, 16, 160, 8, 80 }, words[4] = { 2, 1, 1, 1 };
    static const int32_t word_run[6] = { 1, 1, 2, 2, 1, 1 }, run[4] = { 1, 1, 1, 2 };
    static const double by_run[8] = { 3, 30, 0, 0, 16, 160, 8, 80 };
    double out[8] = { 99, 99 }, count[4];
    err e = { 0 };
    ok(downsample_sum(out, count, f, onset, NULL, 6, 2, sample, run, 4, 2, &e), &e);
    all_near(out, want, 8, 0);
    all_near(count, words, 4, 0);
    ok(downsample_sum(out, NULL, f, onset, word_run, 6, 2, sample, run, 4, 2, &e), &e);
    all_near(out, by_run, 8, 0); /* the word at 22 is of run 2, which has no sample there */
    static const double unknown[6] = { 20, NAN, 22, 26, 25.5, 19.9 };
    assert_int_equal(downsample_sum(out, NULL, f, unknown, NULL, 6, 2, sample, run, 4, 2, &e), -1);
    assert_says(e, "word 1 has no onset");
    assert_int_equal(downsample_sum(out, NULL, f, onset, NULL, 6, 2, sample, run, 4, 0, &e), -1);
    assert_says(e, "repetition time");
}

static void lanczos_gives_the_example_and_keeps_runs_apart(void **state)
{
    (void)state;
    static const double onset[8] = { .4, 1, 2.7, 5.1, 1.4, 2, 3.7, 6.1 }, want[4] = { 2.724377, -1.217057, 3.114833, .109362 };
    static const float f[8] = { 1, 2, -1, 3, -2, -4, 2, -6 };
    static const int32_t word_run[8] = { 1, 1, 1, 1, 2, 2, 2, 2 }, run[8] = { 1, 1, 1, 1, 2, 2, 2, 2 };
    static const double sample[8] = { 0, 2, 4, 6, 1, 3, 5, 7 }; /* METHODS' times are the middles: a second later */
    double out[8], narrow[4], zero[2];
    err e = { 0 };
    ok(downsample_lanczos(out, f, onset, NULL, 4, 1, sample, NULL, 4, 2, 3, 1, &e), &e);
    all_near(out, want, 4, 5e-7);
    /* a second run, a second later, with values times -2; words of one never reach the other */
    ok(downsample_lanczos(out, f, onset, word_run, 8, 1, sample, run, 8, 2, 3, 1, &e), &e);
    for (size_t i = 0; i < 4; i++) {
        assert_near(out[i], want[i], 5e-7);
        assert_near(out[4 + i], -2 * out[i], 1e-12);
    }
    /* at the zeros of the sinc and beyond the window nothing is added; a word in the middle counts whole */
    static const double at[3] = { 3, 5, 11 };
    ok(downsample_lanczos(narrow, f, at, NULL, 3, 1, sample, NULL, 4, 2, 3, 1, &e), &e);
    static const double whole[4] = { 0, 1, 2, 0 };
    all_near(narrow, whole, 4, 1e-12);
    assert_int_equal(downsample_lanczos(zero, f, at, NULL, 3, 1, sample, NULL, 1, 2, 3, 1, &e), -1);
    assert_says(e, "at least 2 samples");
    assert_int_equal(downsample_lanczos(zero, f, at, NULL, 3, 1, sample, NULL, 2, 2, 0, 1, &e), -1);
    assert_says(e, "window > 0");
}

static double cosine(size_t k, size_t i, size_t n)
{
    return cos(M_PI * (double)k * ((double)i + .5) / (double)n);
}

static void slow_cosines_go_and_fast_ones_stay(void **state)
{
    (void)state;
    enum { N = 100, K = 4, V = 8 }; /* floor(2·100·2/100) = 4 */
    double *y = numbers(N * V), *before;
    err e = { 0 };
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < V; j++) y[i * V + j] = 1e3 * (double)(j > 5) + 2.385 * cosine(j, i, N);
    before = copy_of(y, N * V);
    ok(highpass(y, N, V, NULL, 2, 100, &e), &e);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < V; j++) assert_near(y[i * V + j], j <= K ? 0 : before[i * V + j] - 1e3 * (j > 5), 1e-12);
    /* a projection: once more changes nothing; the mean is 0 */
    double *noise = normal(N * V, 8), *once;
    ok(highpass(noise, N, V, NULL, 2, 100, &e), &e);
    once = copy_of(noise, N * V);
    ok(highpass(noise, N, V, NULL, 2, 100, &e), &e);
    all_near(noise, once, N * V, 1e-14);
    for (size_t j = 0; j < V; j++)
        for (size_t k = 0; k <= K; k++) {
            double sum = 0;
            for (size_t i = 0; i < N; i++) sum += once[i * V + j] * cosine(k, i, N);
            assert_near(sum, 0, 1e-12);
        }
}

static void blocks_are_filtered_as_if_they_were_alone(void **state)
{
    (void)state;
    enum { N = 120, V = 2 };
    int32_t block[N];
    size_t at[3] = { 0 };
    double *y = normal(N * V, 9), *apart[3];
    err e = { 0 };
    for (int b = 0; b < 3; b++) apart[b] = numbers(N * V);
    for (size_t i = 0; i < N; i++) { /* interleaved, of different lengths, with wild numbers */
        size_t b = i % 7 < 2 ? 0 : i < 70 ? 1 : 2;
        block[i] = (int32_t[]){ -5, 1000000, 3 }[b];
        memcpy(apart[b] + V * at[b]++, y + V * i, V * sizeof *y);
    }
    for (size_t b = 0; b < 3; b++) ok(highpass(apart[b], at[b], V, NULL, 2, 80, &e), &e);
    ok(highpass(y, N, V, block, 2, 80, &e), &e);
    memset(at, 0, sizeof at);
    for (size_t i = 0; i < N; i++) {
        size_t b = i % 7 < 2 ? 0 : i < 70 ? 1 : 2;
        assert_memory_equal(y + V * i, apart[b] + V * at[b]++, V * sizeof *y);
    }
}

static void a_filter_that_takes_a_quarter_is_refused(void **state)
{
    (void)state;
    double *y = normal(17, 10);
    err e = { 0 };
    ok(highpass(y, 16, 1, NULL, 2, 65 / 3.0, &e), &e); /* K = 2 */
    ok(highpass(y, 17, 1, NULL, 2, 17, &e), &e);       /* K = 4 < 17/4 */
    assert_int_equal(highpass(y, 16, 1, NULL, 2, 16, &e), -1); /* K = 4 = 16/4 */
    assert_int_equal(e.kind, ERR_INPUT);
    assert_says(e, "block of 16 samples");
    static const double bad[4][2] = { { 0, 128 }, { 2, 0 }, { NAN, 128 }, { 2, INFINITY } };
    for (int i = 0; i < 4; i++) assert_int_equal(highpass(y, 16, 1, NULL, bad[i][0], bad[i][1], &e), -1);
}

static void constant_is_relative_to_the_largest_value_of_the_used_rows(void **state)
{
    (void)state;
    double x[10] = { 1e6, 7, 1e6 + .9e-6, -3, 1e6, 8, 1e6, 0, 1e6, 2 };
    uint8_t use[5] = { 1, 1, 1, 1, 1 };
    assert_true(column_constant(x, 5, 2, use));
    x[2] = 1e6 + 1.2e-6;
    assert_false(column_constant(x, 5, 2, NULL));
    use[1] = 0;
    assert_true(column_constant(x, 5, 2, use));
    assert_false(column_constant(x + 1, 5, 2, use));
    x[4] = -1e6;
    assert_false(column_constant(x, 5, 2, use));
    double tiny[2] = { 1e-300, 2e-300 }, zero[2] = { 0, 0 };
    assert_false(column_constant(tiny, 2, 1, NULL));
    assert_true(column_constant(zero, 2, 1, NULL));
}

static void planted_confounds_are_removed_and_the_training_mean_stays(void **state)
{
    (void)state;
    enum { N = 60, K = 3, V = 2 };
    double *z = normal(N * K, 11), *b = normal(K * V, 12), *y, *beta = numbers(K * V), *zero = numbers(K * V);
    uint8_t train[N];
    double mean[K] = { 0 }, rows = 0;
    err e = { 0 };
    for (size_t i = 0; i < N; i++) train[i] = i < 20 || i >= 35;
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < K && train[i]; k++) mean[k] += z[i * K + k];
    for (size_t i = 0; i < N; i++) rows += train[i];
    y = times(z, b, N, K, V);
    for (size_t i = 0; i < N * V; i++) y[i] += 100 + (double)(i % V);
    ok(remove_confounds(y, N, V, z, K, train, beta, &e), &e);
    all_near(beta, b, K * V, 1e-12);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < V; j++) { /* all that is left is the mean on training rows, on test rows too */
            double want = 100 + (double)j;
            for (size_t k = 0; k < K; k++) want += mean[k] / rows * b[k * V + j];
            assert_near(y[i * V + j], want, 1e-11);
        }
    /* of noise, what is left is orthogonal to the confounds on training rows, and its training mean is the old one */
    y = normal(N * V, 13);
    double *old = copy_of(y, N * V);
    ok(remove_confounds(y, N, V, z, K, train, beta, &e), &e);
    for (size_t j = 0; j < V; j++) {
        double sum = 0, was = 0, dot[K] = { 0 };
        for (size_t i = 0; i < N; i++) {
            sum += train[i] ? y[i * V + j] : 0;
            was += train[i] ? old[i * V + j] : 0;
        }
        assert_near(sum, was, 1e-12);
        for (size_t i = 0; i < N; i++)
            for (size_t k = 0; k < K && train[i]; k++) dot[k] += (z[i * K + k] - mean[k] / rows) * y[i * V + j];
        all_near(dot, zero, K, 1e-11);
    }
}

static void confounds_may_be_scaled_mixed_or_doubled(void **state)
{
    (void)state;
    enum { N = 50, K = 2, V = 3, WIDE = 5 };
    double *z = normal(N * K, 14), *wide = numbers(N * WIDE), *y = normal(N * V, 15), *other = copy_of(y, N * V), *test;
    uint8_t train[N];
    err e = { 0 };
    for (size_t i = 0; i < N; i++) {
        train[i] = i % 5 != 0;
        wide[i * WIDE] = 1e-6 * z[i * K] + 3; /* radians beside millimetres */
        wide[i * WIDE + 1] = 1e4 * z[i * K + 1];
        wide[i * WIDE + 2] = z[i * K] + z[i * K + 1];
        wide[i * WIDE + 3] = 5; /* constant: says nothing */
        wide[i * WIDE + 4] = wide[i * WIDE];
    }
    ok(remove_confounds(y, N, V, z, K, train, NULL, &e), &e);
    ok(remove_confounds(other, N, V, wide, WIDE, train, NULL, &e), &e);
    all_near(other, y, N * V, 1e-8); /* 3 beside 1e-6: the column has 9 to 10 digits left */
    /* the values of test responses enter nothing */
    test = normal(N * V, 15);
    test[0] = 1e6;
    ok(remove_confounds(test, N, V, z, K, train, NULL, &e), &e);
    all_near(test + V, y + V, (N - 1) * V, 0);
    test = copy_of(y, N * V);
    ok(remove_confounds(test, N, V, z, 0, train, NULL, &e), &e);
    all_near(test, y, N * V, 0);
    memset(train, 0, sizeof train);
    train[0] = train[1] = train[2] = 1;
    assert_int_equal(remove_confounds(y, N, V, z, K, train, NULL, &e), -1);
    assert_says(e, "3 training rows are too few for 2 confounds");
}

/* ---- plain ridge ---- */

static const double small_x[10] = { 1, 0, 2, 1, 3, -1, 4, 2, 5, 0 }, small_y[5] = { 1, 3, 2, 6, 4 };

static void ridge_gives_the_examples_and_their_leave_one_out_errors(void **state)
{
    (void)state;
    static const double alpha[3] = { 0, 1, 10 }, want[3][4] = { { .788235, 1.117647, .388235, .547344 },
                                                                { .732143, .946429, .625, .807515 },
                                                                { .429703, .405941, 1.748515, 2.663623 } };
    for (int a = 0; a < 3; a++) {
        double w[2], b, df, hat[5], loo = 0, trace = 0, direct = 0;
        err e = { 0 };
        ok(ridge_fit(small_x, 5, 2, small_y, 1, &alpha[a], true, w, &b, &e), &e);
        ok(ridge_hat(small_x, 5, 2, alpha[a], &df, hat, &e), &e);
        for (size_t i = 0; i < 5; i++) {
            double residual = small_y[i] - b - small_x[2 * i] * w[0] - small_x[2 * i + 1] * w[1], x[8], y[4], v[2], c;
            loo += residual * residual / (1 - hat[i]) / (1 - hat[i]) / 5;
            trace += hat[i];
            for (size_t k = 0, m = 0; k < 5; k++) /* and by leaving each row out in truth */
                if (k != i) {
                    memcpy(x + 2 * m, small_x + 2 * k, 2 * sizeof *x);
                    y[m++] = small_y[k];
                }
            ok(ridge_fit(x, 4, 2, y, 1, &alpha[a], true, v, &c, &e), &e);
            residual = small_y[i] - c - small_x[2 * i] * v[0] - small_x[2 * i + 1] * v[1];
            direct += residual * residual / 5;
        }
        assert_near(w[0], want[a][0], 5e-7);
        assert_near(w[1], want[a][1], 5e-7);
        assert_near(b, want[a][2], 5e-7);
        assert_near(loo, want[a][3], 5e-7);
        assert_near(trace, df + 1, 1e-12);
        if (a == 0) assert_near(df, 2, 1e-12);
        /* the identity is exact for least squares; in ridge the mean moves with the row left out */
        if (a == 0) assert_near(direct, loo, 1e-12);
    }
}

/* x'(y - xw - b) = alpha·w and the residuals sum to 0: the only solution for alpha > 0. */
static void solves(const double *x, size_t n, size_t p, const double *y, size_t v, const double *alpha, bool intercept)
{
    double *w = numbers(p * v), *b = numbers(v), *xw;
    err e = { 0 };
    ok(ridge_fit(x, n, p, y, v, alpha, intercept, w, b, &e), &e);
    xw = times(x, w, n, p, v);
    for (size_t j = 0; j < v; j++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) sum += y[i * v + j] - xw[i * v + j] - b[j];
        if (intercept) assert_near(sum, 0, 1e-10);
        else assert_true(b[j] == 0);
        for (size_t k = 0; k < p; k++) {
            double gradient = -alpha[j] * w[k * v + j];
            for (size_t i = 0; i < n; i++) gradient += x[i * p + k] * (y[i * v + j] - xw[i * v + j] - b[j]);
            assert_near(gradient, 0, 1e-9);
        }
    }
}

static void ridge_solves_the_normal_equations_for_each_alpha(void **state)
{
    (void)state;
    static const double alpha[5] = { 1e-3, .2385, 1, 100, 1e6 };
    static const size_t shape[3][2] = { { 40, 7 }, { 12, 30 }, { 9, 9 } };
    for (int s = 0; s < 3; s++) {
        size_t n = shape[s][0], p = shape[s][1];
        double *x = normal(n * p, 16), *y = normal(n * 5, 17);
        for (size_t i = 0; i < n * p; i++) x[i] += 3 * (double)(i % p == 2);
        solves(x, n, p, y, 5, alpha, true);
        solves(x, n, p, y, 5, alpha, false);
    }
}

static void ridge_without_penalty_is_the_solution_of_least_norm(void **state)
{
    (void)state;
    enum { N = 8, P = 20 };
    static const double zero[1] = { 0 };
    double *x = normal(N * P, 18), *y = normal(N, 19), *w = numbers(P), b, *fit, twice[10], v[4], least = 0, more = 0;
    err e = { 0 };
    ok(ridge_fit(x, N, P, y, 1, zero, true, w, &b, &e), &e);
    fit = times(x, w, N, P, 1);
    for (size_t i = 0; i < N; i++) assert_near(fit[i] + b, y[i], 1e-12);
    /* a direction that the centred rows do not see adds length, never a better fit */
    double *ones = numbers(P), *none = numbers(P), *u = normal(P, 20), c;
    for (size_t j = 0; j < P; j++) ones[j] = 1;
    double *xu = times(x, u, N, P, 1);
    ok(ridge_fit(x, N, P, xu, 1, zero, true, none, &c, &e), &e); /* the part of u that the rows see */
    for (size_t j = 0; j < P; j++) {
        least += w[j] * (u[j] - none[j]);
        more += w[j] * w[j];
    }
    assert_near(least, 0, 1e-11);
    assert_true(more > 0);
    /* two equal columns share the weight of one */
    for (size_t i = 0; i < 5; i++) twice[2 * i] = twice[2 * i + 1] = small_x[2 * i];
    double single[5], s;
    for (size_t i = 0; i < 5; i++) single[i] = small_x[2 * i];
    ok(ridge_fit(twice, 5, 2, small_y, 1, zero, true, v, &b, &e), &e);
    ok(ridge_fit(single, 5, 1, small_y, 1, zero, true, &s, &c, &e), &e);
    assert_near(v[0], s / 2, 1e-13);
    assert_near(v[1], s / 2, 1e-13);
    assert_near(b, c, 1e-13);
}

static void ridge_follows_scale_shift_order_and_the_limit_of_alpha(void **state)
{
    (void)state;
    enum { N = 30, P = 6, V = 2 };
    static const double alpha[V] = { 2.385, 50 }, scaled[V] = { 2.385 * 9, 50 * 9 }, huge[V] = { 1e12, 1e12 };
    double *x = normal(N * P, 21), *y = normal(N * V, 22), *w = numbers(P * V), *w2 = numbers(P * V), b[V], b2[V];
    double *x2 = numbers(N * P), *y2 = numbers(N * V);
    size_t order[N];
    err e = { 0 };
    for (size_t i = 0; i < N; i++) order[i] = i;
    rng_shuffle(order, N, 1, RNG_SPLITS, 0, 0);
    ok(ridge_fit(x, N, P, y, V, alpha, true, w, b, &e), &e);
    for (size_t i = 0; i < N * P; i++) x2[i] = 3 * x[i];
    ok(ridge_fit(x2, N, P, y, V, scaled, true, w2, b2, &e), &e);
    for (size_t i = 0; i < P * V; i++) assert_near(3 * w2[i], w[i], 1e-12);
    all_near(b2, b, V, 1e-12);
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < P; j++) x2[i * P + j] = x[order[i] * P + j] + 100;
        for (size_t j = 0; j < V; j++) y2[i * V + j] = y[order[i] * V + j] - 7;
    }
    ok(ridge_fit(x2, N, P, y2, V, alpha, true, w2, b2, &e), &e);
    all_near(w2, w, P * V, 1e-11);
    for (size_t j = 0; j < V; j++) {
        double sum = -7;
        for (size_t k = 0; k < P; k++) sum -= 100 * w[k * V + j];
        assert_near(b2[j], b[j] + sum, 1e-9);
    }
    ok(ridge_fit(x, N, P, y, V, huge, true, w2, b2, &e), &e); /* w -> x'(y - mean)/alpha, b -> mean */
    for (size_t j = 0; j < V; j++) {
        double mean = 0, xy = 0;
        for (size_t i = 0; i < N; i++) mean += y[i * V + j] / N;
        for (size_t i = 0; i < N; i++) xy += x[i * P] * (y[i * V + j] - mean);
        assert_near(b2[j], mean, 1e-9);
        assert_near(w2[j] * 1e12, xy, 1e-8);
    }
}

static void degrees_of_freedom_have_their_closed_form(void **state)
{
    (void)state;
    enum { N = 25, P = 4 };
    double *q = orthogonal(N, 23), *x = numbers(N * P), hat[N], df, last = INFINITY;
    static const double s[P] = { 5, 3, 1, .5 };
    err e = { 0 };
    /* columns orthogonal to one another and to the constant, of length s: the first row of q is made constant */
    for (size_t i = 0; i < N; i++) q[i] = 1;
    for (size_t r = 1; r <= P; r++)
        for (int pass = 0; pass < 2; pass++)
            for (size_t k = 0; k < r; k++) {
                double dot = 0, length = 0;
                for (size_t i = 0; i < N; i++) {
                    dot += q[r * N + i] * q[k * N + i];
                    length += q[k * N + i] * q[k * N + i];
                }
                for (size_t i = 0; i < N; i++) q[r * N + i] -= dot / length * q[k * N + i];
            }
    for (size_t j = 0; j < P; j++) {
        double length = 0;
        for (size_t i = 0; i < N; i++) length += q[(j + 1) * N + i] * q[(j + 1) * N + i];
        for (size_t i = 0; i < N; i++) x[i * P + j] = 10 + s[j] * q[(j + 1) * N + i] / sqrt(length);
    }
    for (double alpha = 0; alpha < 2000; alpha = 3 * alpha + .25) {
        double want = 0, y_hat, w[P], b, unit[N] = { 0 };
        for (size_t j = 0; j < P; j++) want += s[j] * s[j] / (s[j] * s[j] + alpha);
        ok(ridge_hat(x, N, P, alpha, &df, hat, &e), &e);
        assert_near(df, want, 1e-11);
        assert_true(df < last);
        last = df;
        unit[3] = 1; /* the diagonal is what a response moves its own prediction by */
        ok(ridge_fit(x, N, P, unit, 1, &alpha, true, w, &b, &e), &e);
        y_hat = b;
        for (size_t j = 0; j < P; j++) y_hat += x[3 * P + j] * w[j];
        assert_near(hat[3], y_hat, 1e-12);
    }
    double *wide = normal(6 * 15, 24);
    ok(ridge_hat(wide, 6, 15, 0, &df, hat, &e), &e);
    assert_near(df, 5, 1e-12);
    for (size_t i = 0; i < 6; i++) assert_near(hat[i], 1, 1e-12);
}

static void ridge_refuses_what_is_no_number(void **state)
{
    (void)state;
    static const double bad[3] = { -1, NAN, INFINITY };
    double w[2], b, df, x[10], fine = 1;
    for (int i = 0; i < 3; i++) {
        err e = { 0 };
        assert_int_equal(ridge_fit(small_x, 5, 2, small_y, 1, &bad[i], true, w, &b, &e), -1);
        assert_int_equal(e.kind, ERR_INPUT);
        assert_says(e, "alpha");
        assert_int_equal(ridge_hat(small_x, 5, 2, bad[i], &df, NULL, &e), -1);
    }
    err e = { 0 };
    memcpy(x, small_x, sizeof x);
    x[7] = NAN;
    assert_int_equal(ridge_fit(x, 5, 2, small_y, 1, &fine, true, w, &b, &e), -1);
    assert_says(e, "not finite");
    assert_int_equal(ridge_fit(x, 0, 2, small_y, 1, &fine, true, w, &b, &e), -1);
    assert_int_equal(ridge_fit(x, 5, 0, small_y, 1, &fine, true, w, &b, &e), -1);
}

/* ---- scores of a fold ---- */

static void scores_have_their_closed_forms(void **state)
{
    (void)state;
    enum { N = 9 };
    double y[2 * N], p[2 * N], sse = 0, about_test = 0, about_train = 0, mean = 0;
    for (size_t i = 0; i < N; i++) {
        y[2 * i] = rng_normal(3, RNG_SIM_NOISE, (uint32_t)i, 0, 0);
        p[2 * i] = .5 * y[2 * i] + .3 * rng_normal(3, RNG_SIM_NOISE, (uint32_t)i, 1, 0) + .1;
        y[2 * i + 1] = p[2 * i + 1] = NAN; /* a neighbour that must not be read */
        mean += y[2 * i] / N;
    }
    for (size_t i = 0; i < N; i++) {
        sse += (y[2 * i] - p[2 * i]) * (y[2 * i] - p[2 * i]);
        about_test += (y[2 * i] - mean) * (y[2 * i] - mean);
        about_train += (y[2 * i] - .4) * (y[2 * i] - .4);
    }
    fit_score s = score_fold(y, p, N, 2, .4, 1);
    assert_near(s.r2, 1 - sse / about_test, 1e-14);
    assert_near(s.r2_train, 1 - sse / about_train, 1e-14);
    double a[N], b[N], turned_p[N];
    for (size_t i = 0; i < N; i++) {
        a[i] = y[2 * i];
        b[i] = p[2 * i];
        turned_p[i] = 5 - 1e4 * p[2 * i];
    }
    assert_near(s.r, pearson(a, b, N), 1e-14);
    assert_near(score_fold(a, turned_p, N, 1, .4, 1).r, -s.r, 1e-12);
    s = score_fold(a, a, N, 1, .4, 1);
    assert_true(s.r <= 1 && s.r2 == 1 && s.r2_train == 1);
    assert_near(s.r, 1, 1e-15);
}

static void constant_responses_and_predictions_have_no_r(void **state)
{
    (void)state;
    double y[4] = { 1, 2, 3, 6 }, flat[4] = { 3, 3, 3, 3 }, p[4];
    fit_score s = score_fold(flat, y, 4, 1, 0, 1);
    assert_true(isnan(s.r) && isnan(s.r2) && !isnan(s.r2_train));
    s = score_fold(y, flat, 4, 1, 3, 2);
    assert_true(isnan(s.r));
    assert_near(s.r2, 0, 1e-15); /* the mean of y */
    /* sd of the prediction against 1e-9 of the training sd, here .5e-9·2 and 2e-9·2 times sd(±1) = 1 */
    for (size_t i = 0; i < 4; i++) p[i] = i % 2 ? .5e-9 * 2 : -.5e-9 * 2;
    assert_true(isnan(score_fold(y, p, 4, 1, 0, 2).r));
    for (size_t i = 0; i < 4; i++) p[i] *= 4;
    assert_near(score_fold(y, p, 4, 1, 0, 2).r, pearson(y, p, 4), 1e-12);
    assert_true(isnan(score_fold(y, y, 4, 1, 0, 0).r)); /* constant in training */
}

/* ---- candidates of gamma ---- */

static void candidates_are_equal_weights_corners_and_dirichlet_draws(void **state)
{
    (void)state;
    err e = { 0 };
    for (size_t bands = 2; bands <= 4; bands++) {
        enum { COUNT = 4001 };
        double *g = numbers(COUNT * bands), *same = numbers(COUNT * bands), *fewer = numbers(20 * bands), *other = numbers(20 * bands);
        ok(gamma_candidates(g, COUNT, bands, 42, &e) || gamma_candidates(same, COUNT, bands, 42, &e), &e);
        ok(gamma_candidates(fewer, 20, bands, 42, &e) || gamma_candidates(other, 20, bands, 43, &e), &e);
        assert_memory_equal(g, same, COUNT * bands * sizeof *g);
        assert_memory_equal(g, fewer, 20 * bands * sizeof *g); /* more candidates begin with the fewer */
        assert_true(memcmp(fewer, other, 20 * bands * sizeof *g) != 0);
        for (size_t i = 0; i < COUNT; i++) {
            double sum = 0;
            for (size_t b = 0; b < bands; b++) {
                assert_true(g[i * bands + b] >= 0);
                sum += g[i * bands + b];
                if (i == 0) assert_near(g[b], 1 / (double)bands, 1e-16);
                else if (i <= bands) assert_true(g[i * bands + b] == (double)(b == i - 1));
            }
            assert_near(sum, 1, 1e-14);
        }
        for (int turn = 0; turn < 2; turn++) { /* mean 1/B, variance (1/B)(1 - 1/B)/(Bc + 1); 2,000 draws: 5 standard errors */
            double c = turn ? 1.0 : .1, B = (double)bands, n = 0, s = 0, ss = 0, want = (1 / B) * (1 - 1 / B) / (B * c + 1);
            for (size_t i = bands + 1 + (size_t)turn; i < COUNT; i += 2, n++) {
                s += g[i * bands + bands - 1];
                ss += g[i * bands + bands - 1] * g[i * bands + bands - 1];
            }
            assert_near(s / n, 1 / B, 5 * sqrt(want / n));
            assert_near(ss / n - s / n * s / n, want, 5 * .1 / sqrt(n)); /* sd of a squared deviation is below .1 */
        }
    }
    double none;
    assert_int_equal(gamma_candidates(&none, 0, 2, 1, &e), -1);
    assert_int_equal(gamma_candidates(&none, 1, 0, 1, &e), -1);
}

/* ---- nested ridge ---- */

enum { GRID = 22 };

typedef struct {
    nested_problem q;
    nested_result r;
    size_t t;
    double *x, *y;
    uint8_t *train, *test;
    double grid[GRID];
} nest;

static void nest_results(nest *s)
{
    size_t v = s->q.v, bands = s->q.n_bands ? s->q.n_bands : 1, gammas = s->q.n_gammas ? s->q.n_gammas : 1;
    s->t = 0;
    for (size_t i = 0; i < s->q.n; i++) s->t += s->q.test[i];
    s->r = (nested_result){ .alpha = numbers(v), .gamma = take(v, sizeof(int32_t)), .inner_best = numbers(v),
                            .inner = numbers(gammas * s->q.n_alphas * v), .prediction = numbers(s->t * v),
                            .share = numbers(bands * v), .y_mean = numbers(v), .weight = numbers(s->q.p * v),
                            .n_nan_inner = take(v, sizeof(size_t)) };
}

/* Rows of 4 folds with gaps, the second under test; responses with shares of signal from 0 to nearly 1; an offset in x and y. */
static nest *nest_new(size_t n, size_t p, size_t v)
{
    nest *s = take(1, sizeof *s);
    double *w = normal(p * v, 31), *noise = normal(n * v, 32), *offset = normal(p, 33);
    s->x = normal(n * p, 30);
    s->y = times(s->x, w, n, p, v);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < v; j++) {
            double share = (double)(j % 11) / 10.5;
            s->y[i * v + j] = sqrt(share / (double)p) * s->y[i * v + j] + sqrt(1 - share) * noise[i * v + j] + 5;
        }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < p; j++) s->x[i * p + j] = s->x[i * p + j] * exp(offset[j] / 2) + 2 * offset[j];
    folds *outer = folds_of("contiguous:4,gap=2", &(fold_items){ n, NULL, NULL, NULL, NULL }, NULL);
    s->train = outer->train + n;
    s->test = outer->test + n;
    folds *inner = folds_of("contiguous:5,gap=2", &(fold_items){ n, NULL, NULL, NULL, NULL }, s->train);
    for (size_t a = 0; a < GRID; a++) s->grid[a] = pow(10, -1 + (double)a / 3);
    s->q = (nested_problem){ .x = s->x, .n = n, .p = p, .y = s->y, .v = v, .train = s->train, .test = s->test, .inner = inner,
                             .alphas = s->grid, .n_alphas = GRID, .select = SELECT_MSE, .standardise = true };
    nest_results(s);
    return s;
}

static void nest_run(nest *s)
{
    err e = { 0 };
    ok(nested_ridge(&s->q, NULL, &s->r, &e), &e);
}

/* Columns by mean and sd of the training rows, times scale[j] (NULL: 1). */
static double *standardised(const nested_problem *q, const double *scale)
{
    double *x = numbers(q->n * q->p);
    for (size_t j = 0; j < q->p; j++) {
        double sum = 0, square = 0, m = 0;
        for (size_t i = 0; i < q->n; i++)
            if (q->train[i]) {
                sum += q->x[i * q->p + j];
                m++;
            }
        for (size_t i = 0; i < q->n; i++)
            if (q->train[i]) square += pow(q->x[i * q->p + j] - sum / m, 2);
        for (size_t i = 0; i < q->n; i++)
            x[i * q->p + j] = (q->x[i * q->p + j] - sum / m) / (q->standardise ? sqrt(square / m) : 1) * (scale ? scale[j] : 1);
    }
    return x;
}

static size_t rows_of(double *to, const double *from, const uint8_t *mask, size_t n, size_t width)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (mask[i]) memcpy(to + m++ * width, from + i * width, width * sizeof *to);
    return m;
}

typedef struct {
    double *xa, *ya, *xb, *yb, *w, *b, *p; /* training rows, predicted rows, weights, intercepts, predictions */
    size_t na, nb;
} plain;

static void plain_fit(plain *f, const nested_problem *q, const double *x, const uint8_t *train, const uint8_t *test,
                      const double *alpha)
{
    err e = { 0 };
    if (!f->xa)
        *f = (plain){ numbers(q->n * q->p), numbers(q->n * q->v), numbers(q->n * q->p), numbers(q->n * q->v),
                      numbers(q->p * q->v), numbers(q->v), numbers(q->n * q->v), 0, 0 };
    f->na = rows_of(f->xa, x, train, q->n, q->p);
    rows_of(f->ya, q->y, train, q->n, q->v);
    f->nb = rows_of(f->xb, x, test, q->n, q->p);
    rows_of(f->yb, q->y, test, q->n, q->v);
    ok(ridge_fit(f->xa, f->na, q->p, f->ya, q->v, alpha, true, f->w, f->b, &e), &e);
    gemm_f8(false, false, f->nb, q->v, q->p, 1, f->xb, q->p, f->w, q->v, 0, f->p, q->v);
    for (size_t i = 0; i < f->nb * q->v; i++) f->p[i] += f->b[i % q->v];
}

static double plain_score(const plain *f, size_t j, size_t v, select_by select)
{
    double sse = 0, sst = 0, mean = 0, y[512], p[512];
    for (size_t i = 0; i < f->nb; i++) {
        y[i] = f->yb[i * v + j];
        p[i] = f->p[i * v + j];
        mean += y[i] / (double)f->nb;
    }
    for (size_t i = 0; i < f->nb; i++) {
        sse += (y[i] - p[i]) * (y[i] - p[i]);
        sst += (y[i] - mean) * (y[i] - mean);
    }
    if (select == SELECT_MSE) return -sse / (double)f->nb;
    if (column_constant(y, f->nb, 1, NULL)) return NAN;
    return select == SELECT_R2 ? 1 - sse / sst : pearson(y, p, f->nb);
}

/* Mean inner scores [A×v] and counts of NaN [v], by ridge_fit fold by fold and alpha by alpha. */
static void plain_inner(double *score, size_t *n_nan, const nested_problem *q, const double *x)
{
    plain f = { 0 };
    double *alpha = numbers(q->v), *count = numbers(q->n_alphas * q->v);
    memset(score, 0, q->n_alphas * q->v * sizeof *score);
    for (size_t k = 0; k < q->inner->count; k++)
        for (size_t a = 0; a < q->n_alphas; a++) {
            for (size_t j = 0; j < q->v; j++) alpha[j] = q->alphas[a];
            plain_fit(&f, q, x, q->inner->train + k * q->n, q->inner->test + k * q->n, alpha);
            for (size_t j = 0; j < q->v; j++) {
                double one = plain_score(&f, j, q->v, q->select);
                if (isnan(one)) n_nan[j]++;
                else score[a * q->v + j] += one;
                count[a * q->v + j] += !isnan(one);
            }
        }
    for (size_t i = 0; i < q->n_alphas * q->v; i++) score[i] = count[i] > 0 ? score[i] / count[i] : NAN;
}

static double slack_of(double best, select_by select)
{
    return select == SELECT_MSE ? 1e-12 * fabs(best) : 1e-12;
}

static double plain_choice(const double *score, size_t j, const nested_problem *q)
{
    double best = -INFINITY, alpha = -1, largest = 0;
    for (size_t a = 0; a < q->n_alphas; a++) {
        if (score[a * q->v + j] > best) best = score[a * q->v + j];
        if (q->alphas[a] > largest) largest = q->alphas[a];
    }
    for (size_t a = 0; a < q->n_alphas; a++)
        if (score[a * q->v + j] >= best - slack_of(best, q->select) && q->alphas[a] > alpha) alpha = q->alphas[a];
    return alpha < 0 ? largest : alpha;
}

static void equals_the_plain_reference(size_t n, size_t p, size_t v, select_by select)
{
    nest *s = nest_new(n, p, v);
    double *score = numbers(GRID * v), *x, *xw;
    size_t *n_nan = take(v, sizeof *n_nan), differ = 0;
    plain f = { 0 };
    s->q.select = select;
    for (size_t i = 0; i < n; i++) /* a response that is constant in one inner validation set */
        if (s->q.inner->test[2 * n + i]) s->y[i * v + v - 1] = 4;
    nest_run(s);
    x = standardised(&s->q, NULL);
    plain_inner(score, n_nan, &s->q, x);
    all_near(s->r.inner, score, GRID * v, 1e-9);
    for (size_t j = 0; j < v; j++) {
        assert_near(s->r.alpha[j], plain_choice(score, j, &s->q), 0);
        assert_int_equal(s->r.n_nan_inner[j], n_nan[j]);
        if (j) differ += s->r.alpha[j] != s->r.alpha[j - 1];
    }
    assert_true(differ > v / 4);
    assert_int_equal(n_nan[v - 1], select == SELECT_MSE ? 0 : GRID);
    plain_fit(&f, &s->q, x, s->train, s->test, s->r.alpha);
    all_near(s->r.prediction, f.p, s->t * v, 1e-9);
    all_near(s->r.weight, f.w, p * v, 1e-9);
    xw = times(f.xb, s->r.weight, s->t, p, v); /* the mean is that of the training rows */
    for (size_t i = 0; i < s->t * v; i++) assert_near(xw[i] + s->r.y_mean[i % v], s->r.prediction[i], 1e-9);
    for (size_t j = 0; j < v; j++) {
        fit_score score_j = score_fold(f.yb + j, s->r.prediction + j, s->t, v, s->r.y_mean[j], 1);
        assert_near(s->r.share[j], score_j.r2_train, 1e-9); /* one band has all of it */
    }
}

static void nested_ridge_equals_plain_ridge_fold_by_fold(void **state)
{
    (void)state;
    equals_the_plain_reference(120, 15, 70, SELECT_MSE);
    release(state);
    equals_the_plain_reference(64, 90, 70, SELECT_MSE); /* more columns than rows */
    release(state);
    equals_the_plain_reference(90, 60, 30, SELECT_R); /* fewer than the outer rows, more than the inner ones */
    release(state);
    equals_the_plain_reference(80, 20, 30, SELECT_R2);
    release(state);
    equals_the_plain_reference(60, 70, 30, SELECT_R);
}

static void a_shared_alpha_is_that_of_the_mean_score(void **state)
{
    (void)state;
    enum { V = 23 };
    nest *s = nest_new(80, 30, V);
    double *score = numbers(GRID * V), mean[GRID];
    size_t *n_nan = take(V, sizeof *n_nan);
    s->q.alpha_shared = true;
    s->q.select = SELECT_R2;
    nest_run(s);
    plain_inner(score, n_nan, &s->q, standardised(&s->q, NULL));
    for (size_t a = 0; a < GRID; a++) mean[a] = mean_f8(score + a * V, V);
    nested_problem one = s->q;
    one.v = 1;
    double want = plain_choice(mean, 0, &one);
    for (size_t j = 0; j < V; j++) assert_near(s->r.alpha[j], want, 0);
}

/* Two bands: every (gamma, alpha) is plain ridge on columns scaled by sqrt(gamma/width). */
static void banded_ridge_equals_plain_ridge_on_scaled_columns(void **state)
{
    (void)state;
    enum { V = 24, CANDIDATES = 7 };
    static const size_t wide[2] = { 12, 70 };
    for (int c = 0; c < 2; c++) {
        size_t p = 8 + wide[c], used[CANDIDATES] = { 0 };
        nest *s = nest_new(72, p, V);
        band bands[2] = { { 0, 8 }, { 8, wide[c] } };
        double gammas[CANDIDATES * 2], *scale[CANDIDATES], *x[CANDIDATES], *best = numbers(V), *alpha = numbers(V);
        int32_t *gamma = take(V, sizeof *gamma);
        err e = { 0 };
        ok(gamma_candidates(gammas, CANDIDATES, 2, 7, &e), &e);
        s->q.bands = bands;
        s->q.n_bands = 2;
        s->q.divide_by_width = true;
        s->q.gammas = gammas;
        s->q.n_gammas = CANDIDATES;
        nest_results(s);
        nest_run(s);
        for (size_t g = 0; g < CANDIDATES; g++) {
            double *score = numbers(GRID * V);
            size_t *n_nan = take(V, sizeof *n_nan);
            scale[g] = numbers(p);
            for (size_t j = 0; j < p; j++) scale[g][j] = j < 8 ? sqrt(gammas[2 * g] / 8) : sqrt(gammas[2 * g + 1] / (double)wide[c]);
            x[g] = standardised(&s->q, scale[g]);
            plain_inner(score, n_nan, &s->q, x[g]);
            all_near(s->r.inner + g * GRID * V, score, GRID * V, 1e-9);
            for (size_t j = 0; j < V; j++) {
                double a = plain_choice(score, j, &s->q), top = -INFINITY;
                for (size_t k = 0; k < GRID; k++)
                    if (s->grid[k] == a) top = score[k * V + j];
                if (g && !(top > best[j] + slack_of(best[j], SELECT_MSE))) continue;
                best[j] = top;
                alpha[j] = a;
                gamma[j] = (int32_t)g;
            }
        }
        for (size_t j = 0; j < V; j++) used[gamma[j]]++;
        assert_memory_equal(s->r.gamma, gamma, V * sizeof *gamma);
        all_near(s->r.alpha, alpha, V, 0);
        all_near(s->r.inner_best, best, V, 1e-9);
        for (size_t g = 0; g < CANDIDATES; g++) {
            plain f = { 0 };
            if (!used[g]) continue;
            plain_fit(&f, &s->q, x[g], s->train, s->test, s->r.alpha);
            for (size_t j = 0; j < V; j++) {
                if (s->r.gamma[j] != (int32_t)g) continue;
                for (size_t k = 0; k < p; k++) assert_near(s->r.weight[k * V + j], f.w[k * V + j] * scale[g][k], 1e-9);
                for (size_t i = 0; i < s->t; i++) assert_near(s->r.prediction[i * V + j], f.p[i * V + j], 1e-9);
            }
        }
        assert_true(used[0] + used[1] + used[2] < V); /* a draw was chosen too */
    }
}

/* The product measure by its definition, from weights; the shares sum to r2_train. */
static void shares_are_the_product_measure_and_sum_to_r2_train(void **state)
{
    (void)state;
    enum { V = 20, P = 30 };
    nest *s = nest_new(90, P, V);
    static const band bands[3] = { { 0, 5 }, { 5, 15 }, { 20, 10 } };
    double gammas[10 * 3], *x, *xb = numbers(90 * P), *yb = numbers(90 * V);
    err e = { 0 };
    ok(gamma_candidates(gammas, 10, 3, 1, &e), &e);
    s->q.bands = bands;
    s->q.n_bands = 3;
    s->q.divide_by_width = true;
    s->q.gammas = gammas;
    s->q.n_gammas = 10;
    nest_results(s);
    nest_run(s);
    x = standardised(&s->q, NULL);
    rows_of(xb, x, s->test, 90, P);
    rows_of(yb, s->y, s->test, 90, V);
    for (size_t j = 0; j < V; j++) {
        double sum = 0, total = 0;
        for (size_t i = 0; i < s->t; i++) total += pow(yb[i * V + j] - s->r.y_mean[j], 2);
        for (size_t b = 0; b < 3; b++) {
            double want = 0;
            for (size_t i = 0; i < s->t; i++) {
                double own = 0, all = s->r.prediction[i * V + j] - s->r.y_mean[j];
                for (size_t k = bands[b].first; k < bands[b].first + bands[b].width; k++)
                    own += xb[i * P + k] * s->r.weight[k * V + j];
                want += (2 * (yb[i * V + j] - s->r.y_mean[j]) * own - own * all) / total;
            }
            assert_near(s->r.share[b * V + j], want, 1e-9);
            sum += s->r.share[b * V + j];
            for (size_t k = bands[b].first; k < bands[b].first + bands[b].width; k++)
                if (gammas[3 * s->r.gamma[j] + b] == 0) assert_true(s->r.weight[k * V + j] == 0);
        }
        assert_near(sum, score_fold(yb + j, s->r.prediction + j, s->t, V, s->r.y_mean[j], 1).r2_train, 1e-10);
    }
}

/* METHODS 3.8: with columns divided by sqrt(p) the corner gamma_b = 1 is the plain fit of band b on the same grid. */
static void a_corner_of_gamma_is_the_plain_fit_of_its_band(void **state)
{
    (void)state;
    enum { V = 15, N = 60 };
    for (size_t p = 20; p <= 90; p += 70) {
        nest *joint = nest_new(N, p, V), *alone = nest_new(N, p, V);
        band bands[2] = { { 0, 4 }, { 4, p - 4 } }, only[1] = { { 0, p - 4 } };
        static const double corner[2] = { 0, 1 };
        joint->q.bands = bands;
        joint->q.n_bands = 2;
        joint->q.gammas = corner;
        joint->q.n_gammas = 1;
        joint->q.divide_by_width = alone->q.divide_by_width = true;
        double *x = numbers(N * p);
        for (size_t i = 0; i < N; i++) memcpy(x + i * (p - 4), alone->x + i * p + 4, (p - 4) * sizeof *x);
        alone->q.x = x;
        alone->q.p = p - 4;
        alone->q.bands = only;
        alone->q.n_bands = 1;
        nest_results(joint);
        nest_run(joint);
        nest_run(alone);
        all_near(joint->r.alpha, alone->r.alpha, V, 0);
        all_near(joint->r.inner, alone->r.inner, GRID * V, 1e-10);
        all_near(joint->r.prediction, alone->r.prediction, joint->t * V, 1e-10);
        all_near(joint->r.weight + 4 * V, alone->r.weight, (p - 4) * V, 1e-10);
        for (size_t j = 0; j < V; j++) {
            assert_near(joint->r.share[j], 0, 1e-15);
            assert_near(joint->r.share[V + j], alone->r.share[j], 1e-10);
        }
    }
}

/* Does column j of every result have the same bits in a and b? */
static void same_bits(const nest *a, const nest *b, size_t v)
{
    size_t va = a->q.v, vb = b->q.v, bands = a->q.n_bands ? a->q.n_bands : 1, gammas = a->q.n_gammas ? a->q.n_gammas : 1;
    const struct { const double *a, *b; size_t rows; } table[] = {
        { a->r.alpha, b->r.alpha, 1 },           { a->r.inner_best, b->r.inner_best, 1 },
        { a->r.inner, b->r.inner, gammas * GRID }, { a->r.prediction, b->r.prediction, a->t },
        { a->r.share, b->r.share, bands },       { a->r.y_mean, b->r.y_mean, 1 },
        { a->r.weight, b->r.weight, a->q.p } };
    for (size_t k = 0; k < sizeof table / sizeof *table; k++)
        for (size_t i = 0; i < table[k].rows; i++)
            if (memcmp(table[k].a + i * va, table[k].b + i * vb, v * sizeof(double)))
                fail_msg("table %zu, row %zu differs between %zu and %zu responses", k, i, va, vb);
    assert_memory_equal(a->r.gamma, b->r.gamma, v * sizeof *a->r.gamma);
    assert_memory_equal(a->r.n_nan_inner, b->r.n_nan_inner, v * sizeof(size_t));
}

/* The first `few` responses alone, on rows of their own. */
static nest *fewer(const nest *s, size_t few)
{
    nest *part = take(1, sizeof *part);
    *part = *s;
    part->y = numbers(s->q.n * few);
    for (size_t i = 0; i < s->q.n; i++) memcpy(part->y + i * few, s->y + i * s->q.v, few * sizeof *part->y);
    part->q.y = part->y;
    part->q.v = few;
    nest_results(part);
    return part;
}

/* The edges of panels (64) and blocks (256) are where a sum could change its order; the noise has a wild scale. */
static void a_noise_voxel_leaves_the_others_alone(void **state)
{
    (void)state;
    static const size_t width[] = { 1, 12, 63, 64, 127, 255, 256, 300 };
    static const band bands[2] = { { 0, 6 }, { 6, 14 } };
    for (int banded = 0; banded < 2; banded++)
        for (size_t k = 0; k < sizeof width / sizeof *width; k++)
            for (int wide = 0; wide < 2; wide++) {
                size_t v = width[k];
                nest *s = nest_new(50, wide ? 60 : 20, v + 1);
                double gammas[5 * 2];
                err e = { 0 };
                band two[2] = { bands[0], { 6, s->q.p - 6 } };
                ok(gamma_candidates(gammas, 5, 2, 3, &e), &e);
                for (size_t i = 0; i < 50; i++)
                    s->y[i * (v + 1) + v] = 1e8 * rng_normal(8, RNG_SIM_NOISE, (uint32_t)i, 0, 0);
                if (banded) {
                    s->q.bands = two;
                    s->q.n_bands = 2;
                    s->q.gammas = gammas;
                    s->q.n_gammas = 5;
                    s->q.divide_by_width = true;
                    nest_results(s);
                }
                nest *part = fewer(s, v);
                nest_run(s);
                nest_run(part);
                same_bits(part, s, v);
                release(state);
            }
}

static void threads_change_no_byte(void **state)
{
    (void)state;
    enum { V = 600 };
    nest *s = nest_new(60, 80, V);
    static const band bands[2] = { { 0, 6 }, { 6, 74 } };
    double gammas[4 * 2];
    err e = { 0 };
    ok(gamma_candidates(gammas, 4, 2, 3, &e), &e);
    s->q.bands = bands;
    s->q.n_bands = 2;
    s->q.gammas = gammas;
    s->q.n_gammas = 4;
    nest_results(s);
    nest_run(s);
    for (size_t threads = 2; threads <= 3; threads++) {
        nest *other = fewer(s, V);
        threads_start(threads);
        nest_run(other);
        threads_start(1);
        same_bits(s, other, V);
    }
}

/* Rows in another order, with their masks: the same fit up to rounding. */
static void rows_may_be_exchanged(void **state)
{
    (void)state;
    enum { N = 70, V = 18 };
    for (size_t p = 12; p <= 100; p += 88) {
        nest *s = nest_new(N, p, V), *t = nest_new(N, p, V);
        size_t order[N], place[N], k = 0;
        for (size_t i = 0; i < N; i++) order[i] = i;
        rng_shuffle(order, N, 4, RNG_SPLITS, 0, 0);
        folds *inner = made[n_made - 1];
        t->train = take(N, 1);
        t->test = take(N, 1);
        for (size_t i = 0; i < N; i++) {
            memcpy(t->x + i * p, s->x + order[i] * p, p * sizeof *t->x);
            memcpy(t->y + i * V, s->y + order[i] * V, V * sizeof *t->y);
            t->train[i] = s->train[order[i]];
            t->test[i] = s->test[order[i]];
            for (size_t f = 0; f < inner->count; f++) {
                inner->train[f * N + i] = s->q.inner->train[f * N + order[i]];
                inner->test[f * N + i] = s->q.inner->test[f * N + order[i]];
            }
        }
        t->q.train = t->train;
        t->q.test = t->test;
        for (size_t i = 0; i < N; i++)
            if (s->test[i]) place[i] = k++;
        nest_run(s);
        nest_run(t);
        all_near(t->r.alpha, s->r.alpha, V, 0);
        all_near(t->r.inner, s->r.inner, GRID * V, 1e-10);
        all_near(t->r.weight, s->r.weight, p * V, 1e-10);
        k = 0;
        for (size_t i = 0; i < N; i++)
            if (t->test[i]) all_near(t->r.prediction + V * k++, s->r.prediction + V * place[order[i]], V, 1e-10);
    }
}

/* Test responses, and rows in the gap, must not move a bit of what is learnt. */
static void nothing_is_learnt_from_test_rows_or_the_gap(void **state)
{
    (void)state;
    enum { N = 60, P = 10, V = 9 };
    nest *s = nest_new(N, P, V), *t = nest_new(N, P, V);
    size_t gap = 0;
    for (size_t i = 0; i < N; i++) {
        gap += !t->train[i] && !t->test[i];
        for (size_t j = 0; j < V && !t->train[i]; j++) t->y[i * V + j] = 1e6 * (double)(i + j);
        for (size_t j = 0; j < P && !t->train[i] && !t->test[i]; j++) t->x[i * P + j] = -1e6 * (double)(i + j);
    }
    assert_int_equal(gap, 4);
    nest_run(s);
    nest_run(t);
    memcpy(t->r.share, s->r.share, V * sizeof(double)); /* a score, which is of the test rows */
    same_bits(s, t, V);
}

static void standardised_columns_may_be_scaled_and_shifted(void **state)
{
    (void)state;
    enum { N = 60, P = 14, V = 11 };
    nest *s = nest_new(N, P, V), *t = nest_new(N, P, V);
    for (size_t i = 0; i < N * P; i++) t->x[i] = (i % P == 3 ? -250 : 1e-3) * t->x[i] + (double)(i % P);
    nest_run(s);
    nest_run(t);
    all_near(t->r.alpha, s->r.alpha, V, 0);
    all_near(t->r.prediction, s->r.prediction, s->t * V, 1e-8);
    for (size_t j = 0; j < V; j++) assert_near(t->r.weight[3 * V + j], -s->r.weight[3 * V + j], 1e-8);
    s->q.standardise = t->q.standardise = false; /* then the scale is the user's penalty */
    nest_run(s);
    nest_run(t);
    bool moved = false;
    for (size_t i = 0; i < s->t * V; i++) moved = moved || fabs(t->r.prediction[i] - s->r.prediction[i]) > 1e-3;
    assert_true(moved);
    plain f = { 0 };
    plain_fit(&f, &s->q, standardised(&s->q, NULL), s->train, s->test, s->r.alpha);
    all_near(s->r.prediction, f.p, s->t * V, 1e-9);
}

static void a_noiseless_truth_is_found_with_the_smallest_alpha(void **state)
{
    (void)state;
    enum { N = 80, P = 9, V = 5 };
    static const double grid[3] = { 100, 0, 1e-9 }; /* in any order */
    nest *s = nest_new(N, P, V);
    double *w = normal(P * V, 40), *y = times(s->x, w, N, P, V), *yb = numbers(N * V);
    for (size_t i = 0; i < N * V; i++) y[i] += 3;
    s->q.y = y;
    s->q.alphas = grid;
    s->q.n_alphas = 3;
    for (int zero = 1; zero >= 0; zero--) {
        static const double without[3] = { 1e-4, 10, 100 };
        if (!zero) s->q.alphas = without;
        nest_run(s);
        rows_of(yb, y, s->test, N, V);
        all_near(s->r.prediction, yb, s->t * V, zero ? 1e-7 : 1e-3);
        for (size_t j = 0; j < V; j++) assert_true(s->r.alpha[j] <= 1e-4);
    }
}

static void equal_scores_go_to_the_largest_alpha(void **state)
{
    (void)state;
    enum { N = 60, V = 3 };
    nest *s = nest_new(N, 12, V);
    for (size_t i = 0; i < N; i++) s->y[i * V + 1] = 2.5; /* constant: every alpha predicts it */
    for (size_t i = 0; i < N; i++)
        if (s->test[i]) s->y[i * V + 1] = -7;
    for (int select = SELECT_MSE; select <= SELECT_R; select++) {
        s->q.select = (select_by)select;
        nest_run(s);
        assert_near(s->r.alpha[1], s->grid[GRID - 1], 0);
        for (size_t i = 0; i < s->t; i++) assert_near(s->r.prediction[i * V + 1], 2.5, 1e-13);
        assert_int_equal(s->r.n_nan_inner[1], select == SELECT_MSE ? 0 : 5 * GRID);
        if (select != SELECT_MSE) assert_true(isnan(s->r.inner_best[1]));
        assert_true(s->r.alpha[0] > 0 && !isnan(s->r.inner_best[0]));
    }
}

static void alphas_may_come_in_any_order(void **state)
{
    (void)state;
    enum { N = 60, V = 15 };
    nest *s = nest_new(N, 12, V), *t = nest_new(N, 12, V);
    for (size_t a = 0; a < GRID; a++) t->grid[a] = s->grid[(a * 5 + 3) % GRID];
    t->q.alphas = t->grid;
    nest_run(s);
    nest_run(t);
    all_near(t->r.alpha, s->r.alpha, V, 0);
    all_near(t->r.prediction, s->r.prediction, s->t * V, 1e-12);
    for (size_t a = 0; a < GRID; a++) all_near(t->r.inner + a * V, s->r.inner + (a * 5 + 3) % GRID * V, V, 1e-12);
}

static void constant_and_unwanted_columns_are_dropped_and_counted(void **state)
{
    (void)state;
    enum { N = 60, P = 13, V = 7 };
    nest *s = nest_new(N, P, V), *t = nest_new(N, P, V);
    uint8_t keep[P];
    err e = { 0 };
    for (size_t j = 0; j < P; j++) keep[j] = j != 4;
    for (size_t i = 0; i < N; i++) {
        s->x[i * P + 9] = s->train[i] ? .1 : 50; /* varies on test rows alone */
        size_t k = 0;
        for (size_t j = 0; j < P; j++)
            if (j != 4 && j != 9) t->x[i * (P - 2) + k++] = s->x[i * P + j];
    }
    t->q.p = P - 2;
    ok(nested_ridge(&s->q, keep, &s->r, &e), &e);
    nest_run(t);
    assert_int_equal(s->r.dropped, 2);
    assert_int_equal(t->r.dropped, 0);
    assert_memory_equal(s->r.prediction, t->r.prediction, s->t * V * sizeof(double));
    for (size_t j = 0; j < V; j++) assert_true(s->r.weight[4 * V + j] == 0 && s->r.weight[9 * V + j] == 0);
    memset(keep, 0, sizeof keep); /* none left: the training mean */
    ok(nested_ridge(&s->q, keep, &s->r, &e), &e);
    assert_int_equal(s->r.dropped, P);
    for (size_t i = 0; i < s->t * V; i++) {
        assert_near(s->r.prediction[i], s->r.y_mean[i % V], 1e-14);
        assert_near(s->r.y_mean[i % V], t->r.y_mean[i % V], 1e-14);
    }
}

static void nested_refused(nest *s, const char *says)
{
    err e = { 0 };
    assert_int_equal(nested_ridge(&s->q, NULL, &s->r, &e), -1);
    assert_int_equal(e.kind, ERR_INPUT);
    assert_says(e, says);
}

static void nested_ridge_refuses_what_it_cannot_fit(void **state)
{
    (void)state;
    enum { N = 40, P = 5 };
    static const double bad[3] = { -1e-300, NAN, INFINITY };
    static const band bands[2] = { { 0, 2 }, { 2, 3 } };
    nest *s = nest_new(N, P, 3);
    for (int i = 0; i < 3; i++) {
        s->grid[7] = bad[i];
        nested_refused(s, "alpha 7");
    }
    s->grid[7] = 1;
    s->q.n_alphas = 0;
    nested_refused(s, "nothing to fit");
    s->q.n_alphas = GRID;
    s->q.v = 0;
    nested_refused(s, "nothing to fit");
    s->q.v = 3;
    s->q.bands = bands;
    s->q.n_bands = 2;
    nested_refused(s, "gamma");
    s->q.n_bands = 0;
    for (size_t i = 0; i < N; i++) {
        double was = s->x[i * P + 3];
        s->x[i * P + 3] = i % 2 ? NAN : -INFINITY;
        char says[64];
        snprintf(says, sizeof says, "row %zu, column 3 is not finite", i);
        if (s->train[i] || s->test[i]) nested_refused(s, says);
        else nest_run(s); /* rows of the gap are not read */
        s->x[i * P + 3] = was;
    }
    uint8_t *few = take(N, 1);
    few[0] = few[1] = 1;
    s->q.train = few;
    nested_refused(s, "2 training rows");
}

/* Every allocation may fail: one error, nothing leaked (under ASan), nothing half done. */
static void lack_of_memory_is_one_error(void **state)
{
    (void)state;
    nest *s = nest_new(40, 50, 3);
    static const band bands[2] = { { 0, 20 }, { 20, 30 } };
    static const double gammas[4] = { .5, .5, 1, 0 };
    s->q.bands = bands;
    s->q.n_bands = s->q.n_gammas = 2;
    s->q.gammas = gammas;
    nest_results(s);
    long at = 1;
    for (int status = -1; status; at++) {
        err e = { 0 };
        mem_fail_at(at);
        status = nested_ridge(&s->q, NULL, &s->r, &e);
        mem_fail_at(0);
        if (status) assert_int_equal(e.kind, ERR_MEMORY);
        assert_true(at < 100000);
    }
    assert_true(at > 20);
    fold_items items = { 40, NULL, NULL, NULL, NULL };
    fold_scheme scheme = { .kind = FOLD_CONTIGUOUS, .k = 4, .gap_s = 1 };
    folds *f = NULL;
    for (at = 1; !f; at++) {
        err e = { 0 };
        mem_fail_at(at);
        int status = folds_make(&f, &scheme, &items, NULL, &e);
        mem_fail_at(0);
        assert_int_equal(status, f ? 0 : -1);
        if (!f) assert_int_equal(e.kind, ERR_MEMORY);
    }
    folds_free(f);
    double w[2], b, alpha = 1;
    at = 1;
    for (int status = -1; status; at++) {
        err e = { 0 };
        mem_fail_at(at);
        status = ridge_fit(small_x, 5, 2, small_y, 1, &alpha, true, w, &b, &e);
        mem_fail_at(0);
        if (status) assert_int_equal(e.kind, ERR_MEMORY);
    }
}

#define TEST(f) cmocka_unit_test_teardown(f, release)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(products_equal_the_naive_ones_inside_larger_matrices),
        TEST(an_inverse_and_its_root_undo_the_matrix),
        TEST(planted_eigenvalues_come_back_ascending_with_vectors_in_rows),
        TEST(a_thin_svd_gives_the_matrix_back),
        TEST(schemes_are_read_and_written_alike),
        TEST(a_wrong_scheme_is_a_usage_error_that_says_what_is_wrong),
        TEST(inner_schemes_follow_the_outer_one),
        TEST(contiguous_blocks_go_by_run_and_onset_and_the_first_are_longer),
        TEST(the_gap_takes_what_is_at_most_so_far_away_in_the_same_run),
        TEST(groups_stay_whole_and_go_where_fewest_items_are),
        TEST(logo_random_and_given_folds),
        TEST(inner_folds_depend_on_the_used_rows_alone),
        TEST(impossible_folds_are_refused),
        TEST(delays_are_copies_shifted_inside_their_run),
        TEST(a_word_on_a_boundary_belongs_to_the_later_sample),
        TEST(lanczos_gives_the_example_and_keeps_runs_apart),
        TEST(slow_cosines_go_and_fast_ones_stay),
        TEST(blocks_are_filtered_as_if_they_were_alone),
        TEST(a_filter_that_takes_a_quarter_is_refused),
        TEST(constant_is_relative_to_the_largest_value_of_the_used_rows),
        TEST(planted_confounds_are_removed_and_the_training_mean_stays),
        TEST(confounds_may_be_scaled_mixed_or_doubled),
        TEST(ridge_gives_the_examples_and_their_leave_one_out_errors),
        TEST(ridge_solves_the_normal_equations_for_each_alpha),
        TEST(ridge_without_penalty_is_the_solution_of_least_norm),
        TEST(ridge_follows_scale_shift_order_and_the_limit_of_alpha),
        TEST(degrees_of_freedom_have_their_closed_form),
        TEST(ridge_refuses_what_is_no_number),
        TEST(scores_have_their_closed_forms),
        TEST(constant_responses_and_predictions_have_no_r),
        TEST(candidates_are_equal_weights_corners_and_dirichlet_draws),
        TEST(nested_ridge_equals_plain_ridge_fold_by_fold),
        TEST(a_shared_alpha_is_that_of_the_mean_score),
        TEST(banded_ridge_equals_plain_ridge_on_scaled_columns),
        TEST(shares_are_the_product_measure_and_sum_to_r2_train),
        TEST(a_corner_of_gamma_is_the_plain_fit_of_its_band),
        TEST(a_noise_voxel_leaves_the_others_alone),
        TEST(threads_change_no_byte),
        TEST(rows_may_be_exchanged),
        TEST(nothing_is_learnt_from_test_rows_or_the_gap),
        TEST(standardised_columns_may_be_scaled_and_shifted),
        TEST(a_noiseless_truth_is_found_with_the_smallest_alpha),
        TEST(equal_scores_go_to_the_largest_alpha),
        TEST(alphas_may_come_in_any_order),
        TEST(constant_and_unwanted_columns_are_dropped_and_counted),
        TEST(nested_ridge_refuses_what_it_cannot_fit),
        TEST(lack_of_memory_is_one_error),
    };
    threads_start(1);
    blas_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
