/* SPDX-License-Identifier: MIT */
/* RSA and CKA of people against plain loops; what permutations keep; who is left out. */
#include "check.h"

#include "broca/similarity.h"

enum { ITEMS = 18, GROUP = 3, WIDTH = 5, PEOPLE = 3, NEUROIDS = 4, DRAWS = 39 };

static void ok(int status, const err *e)
{
    if (status) fail_msg("%s", err_text(e));
}

static double draw(size_t i, size_t j, uint32_t c)
{
    return rng_normal(9, RNG_SIM_FEATURES, (uint32_t)i, (uint32_t)j, c);
}

/* People see the model's first columns and noise; their own neuroids. */
static similarity_data *people(const double *x, bool grouped)
{
    err e = { 0 };
    similarity_data *d = mem_new(1, sizeof *d, &e);
    d->n = ITEMS;
    d->groups = grouped ? ITEMS / GROUP : 0;
    d->memory = arena_new(&e);
    d->group = mem_new(ITEMS, sizeof *d->group, &e);
    d->subject = mem_new(PEOPLE, sizeof *d->subject, &e);
    d->v = mem_new(PEOPLE, sizeof *d->v, &e);
    d->y = mem_new(PEOPLE, sizeof *d->y, &e);
    d->subjects = PEOPLE;
    for (size_t i = 0; i < ITEMS; i++) d->group[i] = (int32_t)(i / GROUP);
    for (size_t s = 0; s < PEOPLE; s++) {
        d->v[s] = NEUROIDS;
        d->y[s] = mem_new(ITEMS * NEUROIDS, sizeof(double), &e);
        for (size_t i = 0; i < ITEMS; i++)
            for (size_t j = 0; j < NEUROIDS; j++) d->y[s][i * NEUROIDS + j] = x[i * WIDTH + j] + .7 * draw(i, j, (uint32_t)s + 2);
    }
    return d;
}

static double *model(void)
{
    err e = { 0 };
    double *x = mem_new(ITEMS * WIDTH, sizeof *x, &e);
    for (size_t i = 0; i < ITEMS * WIDTH; i++) x[i] = draw(i, 0, 1) + (double)(i % WIDTH) * 2.385;
    return x;
}

/* 1 - r of every pair of different groups, in order; how many. */
static size_t dissimilarities(double *out, const double *x, size_t p, bool grouped)
{
    size_t m = 0;
    for (size_t i = 0; i < ITEMS; i++)
        for (size_t k = i + 1; k < ITEMS; k++)
            if (!grouped || i / GROUP != k / GROUP) out[m++] = 1 - pearson(x + i * p, x + k * p, p);
    return m;
}

static void rsa_is_spearman_over_pairs_of_different_groups(void **state)
{
    (void)state;
    err e = { 0 };
    double *x = model(), value[PEOPLE], null[DRAWS], a[ITEMS * ITEMS], b[ITEMS * ITEMS], before = 0;
    for (int grouped = 0; grouped < 2; grouped++) {
        similarity_data *d = people(x, grouped);
        similarity_options o = { .permutations = DRAWS, .seed = 1 };
        similarity_score score;
        ok(similarity_of(&score, value, null, x, WIDTH, d, &o, &e), &e);
        size_t m = dissimilarities(a, x, WIDTH, grouped);
        for (size_t s = 0; s < PEOPLE; s++) {
            double want;
            dissimilarities(b, d->y[s], NEUROIDS, grouped);
            ok(spearman(a, b, m, &want, &e), &e);
            assert_true(fabs(value[s] - want) < 1e-12);
        }
        assert_true(fabs(score.mean - (value[0] + value[1] + value[2]) / 3) < 1e-15);
        assert_true(score.mean > .3 && score.p == 1. / (1 + DRAWS)); /* planted: above every permutation */
        assert_true(score.mean != before);
        before = score.mean;
        similarity_data_free(d);
    }
    free(x);
}

/* As if the others were many: with two people both have the root of their correlation. */
static void the_ceiling_of_two_people_is_the_root_of_their_agreement(void **state)
{
    (void)state;
    err e = { 0 };
    double *x = model(), a[ITEMS * ITEMS], b[ITEMS * ITEMS], ceiling[PEOPLE], r;
    similarity_data *d = people(x, true);
    free(d->y[2]);
    d->subjects = 2;
    size_t m = dissimilarities(a, d->y[0], NEUROIDS, true);
    dissimilarities(b, d->y[1], NEUROIDS, true);
    ok(spearman(a, b, m, &r, &e), &e);
    ok(similarity_ceiling(ceiling, d, &e), &e);
    assert_true(r > 0 && fabs(ceiling[0] - sqrt(r)) < 1e-12 && fabs(ceiling[1] - sqrt(r)) < 1e-12);
    d->subjects = 1;
    ok(similarity_ceiling(ceiling, d, &e), &e);
    assert_true(isnan(ceiling[0]));
    d->subjects = 2;
    similarity_data_free(d);
    free(x);
}

static void cka_is_that_of_the_kernels(void **state)
{
    (void)state;
    err e = { 0 };
    double *x = model(), value[PEOPLE], null[DRAWS], k[ITEMS * ITEMS], l[ITEMS * ITEMS], want;
    similarity_data *d = people(x, true);
    for (int rbf = 0; rbf < 2; rbf++) {
        similarity_options o = { .metric = SIMILARITY_CKA, .rbf = rbf, .permutations = DRAWS, .seed = 1 };
        similarity_score score;
        ok(similarity_of(&score, value, null, x, WIDTH, d, &o, &e), &e);
        for (size_t s = 0; s < PEOPLE; s++) { /* the unbiased estimate does not see the mean */
            if (rbf) ok(gram_rbf(k, x, ITEMS, WIDTH, &e) || gram_rbf(l, d->y[s], ITEMS, NEUROIDS, &e), &e);
            else {
                gram_linear(k, x, ITEMS, WIDTH);
                gram_linear(l, d->y[s], ITEMS, NEUROIDS);
            }
            ok(cka(k, l, ITEMS, true, &want, &e), &e);
            assert_true(fabs(value[s] - want) < 1e-9);
        }
        assert_true(score.p == 1. / (1 + DRAWS));
    }
    similarity_data_free(d);
    free(x);
}

static void threads_change_no_byte(void **state)
{
    (void)state;
    err e = { 0 };
    double *x = model(), value[2][PEOPLE], null[2][DRAWS];
    similarity_data *d = people(x, true);
    for (int metric = SIMILARITY_RSA; metric <= SIMILARITY_CKA; metric++) {
        similarity_options o = { .metric = (similarity_metric)metric, .permutations = DRAWS, .seed = 3 };
        similarity_score score;
        for (size_t k = 0; k < 2; k++) {
            threads_start(k ? 3 : 1);
            ok(similarity_of(&score, value[k], null[k], x, WIDTH, d, &o, &e), &e);
        }
        assert_memory_equal(value[0], value[1], sizeof value[0]);
        assert_memory_equal(null[0], null[1], sizeof null[0]);
    }
    threads_start(2);
    similarity_data_free(d);
    free(x);
}

static void a_constant_row_is_dropped_and_counted(void **state)
{
    (void)state;
    err e = { 0 };
    double *x = model(), value[PEOPLE], null[DRAWS];
    similarity_data *d = people(x, true);
    similarity_options o = { .permutations = DRAWS, .seed = 1 };
    similarity_score score;
    for (size_t k = 0; k < WIDTH; k++) x[4 * WIDTH + k] = 1.7;
    for (size_t k = 0; k < NEUROIDS; k++) d->y[1][9 * NEUROIDS + k] = -2;
    ok(similarity_of(&score, value, null, x, WIDTH, d, &o, &e), &e);
    assert_int_equal(score.dropped, 2);
    assert_true(isfinite(score.mean));
    x[7] = NAN;
    assert_int_equal(similarity_of(&score, value, null, x, WIDTH, d, &o, &e), -1);
    assert_says(e, "row 1, column 2");
    for (size_t i = 0; i < ITEMS * WIDTH; i++) x[i] = 1;
    assert_int_equal(similarity_of(&score, value, null, x, WIDTH, d, &o, &e), -1);
    assert_says(e, "0 items with a dissimilarity");
    similarity_data_free(d);
    free(x);
}

int main(void)
{
    blas_start();
    threads_start(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rsa_is_spearman_over_pairs_of_different_groups),
        cmocka_unit_test(the_ceiling_of_two_people_is_the_root_of_their_agreement),
        cmocka_unit_test(cka_is_that_of_the_kernels),
        cmocka_unit_test(threads_change_no_byte),
        cmocka_unit_test(a_constant_row_is_dropped_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
