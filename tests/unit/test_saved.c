/* SPDX-License-Identifier: MIT */
/* --save from responses to the product: predictions, weights and inner scores go through a file, so that what is read back has to
 * be what the scores were made of. */
#include "check.h"

#include "broca/encode.h"
#include "broca/num.h"

enum { ROWS = 120, WIDTH = 7, NEUROIDS = 520, CONSTANT = 300, GRID = 4 }; /* three blocks of neuroids, one excluded in the second */

static void ok(int status, const err *e)
{
    if (status) fail_msg("%s", err_text(e));
}

static float features[ROWS * WIDTH];
static double onset[ROWS];

static void write_features(void)
{
    err e = { 0 };
    store *s = NULL;
    char *id[ROWS], text[ROWS][16];
    const size_t dims[2] = { ROWS, WIDTH };
    ok(store_create(&s, test_path("m.h5"), "activations", NULL, &e), &e);
    for (size_t i = 0; i < ROWS; i++) {
        snprintf(text[i], sizeof text[i], "v%zu", i);
        id[i] = text[i];
        for (size_t k = 0; k < WIDTH; k++) features[i * WIDTH + k] = (float)(rng_normal(4, 1, (uint32_t)i, (uint32_t)k, 0) * (double)(k + 1) + 2.385);
    }
    ok(store_put_text(s, "item/id", id, ROWS, &e) || store_write_f4(s, "tap/h.0", 2, dims, features, &e) || store_commit(s, &e), &e);
}

static responses *listeners(void)
{
    err e = { 0 };
    responses *r = responses_make(ROWS, NEUROIDS, &e);
    assert_non_null(r);
    r->tr = 2;
    r->onset = onset;
    for (size_t i = 0; i < ROWS; i++) {
        char text[16];
        snprintf(text, sizeof text, "v%zu", i);
        onset[i] = 2 * (double)i;
        r->id[i] = arena_text(r->memory, text, strlen(text), &e);
        for (size_t j = 0; j < NEUROIDS; j++)
            r->data[i * NEUROIDS + j] = j == CONSTANT ? 3 : features[i * WIDTH + j % WIDTH] + (float)(j % 5) * (float)rng_normal(5, 1, (uint32_t)i, (uint32_t)j, 0);
    }
    for (size_t j = 0; j < NEUROIDS; j++) {
        char roi[24];
        snprintf(roi, sizeof roi, "r%zu", j);
        ok(responses_label(r, j, "s1", roi, (int32_t)j, &e), &e);
    }
    return r;
}

typedef struct { float *prediction, *weight; double *inner, *inner_best, *alpha, *r; size_t count; } product;

static product encoded_with(const char *scheme, bool standardise, size_t n_null)
{
    static double alphas[GRID] = { .1, 1, 10, 100 };
    static const char *const delays[] = { "0" };
    static char text[600];
    const char *list[] = { text };
    err e = { 0 };
    write_features();
    responses *r = listeners();
    encoded *x = NULL;
    store *s = NULL;
    product p = { .count = 0 };
    size_t n;
    snprintf(text, sizeof text, "m=%s:h.0", test_path("m.h5"));
    encode_options o = { .features = list, .n_features = 1, .delays = delays, .n_delays = 1, .candidates = 3, .alphas = alphas, .n_alphas = GRID,
                         .standardise_x = standardise, .folds = scheme, .inner = "contiguous:3,gap=0", .seed = 1,
                         .null = n_null ? NULL_CIRCULAR : NULL_NONE, .n_null = n_null,
                         .save_prediction = true, .save_weight = true, .save_inner = true };
    ok(encode(&x, r, NULL, &o, &e), &e);
    assert_int_equal(x->v, NEUROIDS);
    assert_int_equal(x->n_excluded, 1);
    p.count = x->folds;
    ok(store_create(&s, test_path("e.h5"), "encoding", NULL, &e) || encoded_put(s, x, &o, &e) || store_commit(s, &e), &e);
    encoded_free(x);
    ok(store_open(&s, test_path("e.h5"), "encoding", &e), &e);
    ok(store_read_f4(s, "set/m/prediction", &p.prediction, &n, &e), &e);
    assert_int_equal(n, ROWS * NEUROIDS);
    ok(store_read_f4(s, "set/m/weight", &p.weight, &n, &e), &e);
    assert_int_equal(n, WIDTH * NEUROIDS);
    ok(store_read_f8(s, "set/m/inner", &p.inner, &n, &e), &e);
    assert_int_equal(n, p.count * GRID * NEUROIDS);
    ok(store_read_f8(s, "set/m/inner_best", &p.inner_best, &n, &e) || store_read_f8(s, "set/m/r", &p.r, &n, &e) ||
           store_read_f8(s, "set/m/alpha", &p.alpha, &n, &e), &e);
    store_close(s);
    r->onset = NULL;
    responses_free(r);
    return p;
}

static void product_free(product *p)
{
    free(p->prediction);
    free(p->weight);
    free(p->inner);
    free(p->inner_best);
    free(p->alpha);
    free(p->r);
}

/* Alternate rows are the two folds; labels in a table. */
static const char *two_folds(void)
{
    static char text[600];
    FILE *f = fopen(test_path("folds.tsv"), "w");
    fprintf(f, "fold\n");
    for (size_t i = 0; i < ROWS; i++) fprintf(f, "%zu\n", i % 2);
    fclose(f);
    snprintf(text, sizeof text, "given:%s", test_path("folds.tsv"));
    return text;
}

/* Plain ridge of one neuroid on the rows of one parity: w [WIDTH] and b. */
static void fit_plainly(double *w, double *b, const responses *r, size_t parity, size_t j, double alpha)
{
    err e = { 0 };
    double x[ROWS / 2 * WIDTH], y[ROWS / 2];
    for (size_t i = 0; i < ROWS / 2; i++) {
        y[i] = (double)r->data[(2 * i + parity) * NEUROIDS + j];
        for (size_t k = 0; k < WIDTH; k++) x[i * WIDTH + k] = (double)features[(2 * i + parity) * WIDTH + k];
    }
    ok(ridge_fit(x, ROWS / 2, WIDTH, y, 1, &alpha, true, w, b, &e), &e);
}

/* Predictions of each fold are its features times its weights; the product's weights are the mean of the folds'. */
static void predictions_are_features_times_weights(void **state)
{
    (void)state;
    product p = encoded_with(two_folds(), false, 0);
    responses *r = listeners();
    for (size_t j = 0; j < NEUROIDS; j++) {
        double w[2][WIDTH], b[2];
        for (size_t f = 0; f < 2 && j != CONSTANT; f++) fit_plainly(w[f], &b[f], r, 1 - f, j, p.alpha[f * NEUROIDS + j]);
        for (size_t i = 0; i < ROWS; i++) {
            double want = b[i % 2], got = (double)p.prediction[i * NEUROIDS + j];
            for (size_t k = 0; k < WIDTH; k++) want += (double)features[i * WIDTH + k] * w[i % 2][k];
            if (j == CONSTANT ? !isnan(got) : !(fabs(got - want) < 1e-5)) fail_msg("row %zu, neuroid %zu: %g, not %g", i, j, got, want);
        } /* values up to about 40: float32 keeps 2e-6 */
        for (size_t k = 0; k < WIDTH; k++) {
            double want = (w[0][k] + w[1][k]) / 2, got = (double)p.weight[k * NEUROIDS + j];
            if (j == CONSTANT ? !isnan(got) : !(fabs(got - want) < 1e-6)) fail_msg("weight %zu, neuroid %zu: %g, not %g", k, j, got, want);
        }
    }
    r->onset = NULL;
    responses_free(r);
    product_free(&p);
}

/* r of each fold from the saved predictions, and the best of the saved inner scores, are the product's. */
static void saved_vectors_are_those_of_the_scores(void **state)
{
    (void)state;
    product p = encoded_with("contiguous:4,gap=4", true, 0);
    responses *r = listeners();
    for (size_t f = 0; f < 4; f++)
        for (size_t j = 0; j < NEUROIDS; j++) {
            double y[ROWS], z[ROWS], best = -INFINITY;
            size_t n = 0;
            for (size_t i = f * ROWS / 4; i < (f + 1) * ROWS / 4; i++, n++) {
                y[n] = (double)r->data[i * NEUROIDS + j];
                z[n] = (double)p.prediction[i * NEUROIDS + j];
            }
            for (size_t a = 0; a < GRID; a++) best = fmax(best, p.inner[(f * GRID + a) * NEUROIDS + j]);
            if (j == CONSTANT) assert_true(isnan(z[0]) && isnan(p.inner[f * GRID * NEUROIDS + j]) && isnan(p.r[f * NEUROIDS + j]));
            else {
                assert_true(fabs(pearson(y, z, n) - p.r[f * NEUROIDS + j]) < 1e-6);
                assert_true(fabs(best - p.inner_best[f * NEUROIDS + j]) < 1e-12 * fabs(best) + 1e-15);
            }
        }
    r->onset = NULL;
    responses_free(r);
    product_free(&p);
}

/* Null responses are further columns of the run and none of the file. */
static void null_responses_save_nothing_and_move_nothing(void **state)
{
    (void)state;
    product with = encoded_with("contiguous:4,gap=4", true, 3), without = encoded_with("contiguous:4,gap=4", true, 0);
    assert_memory_equal(with.prediction, without.prediction, ROWS * NEUROIDS * sizeof(float));
    assert_memory_equal(with.weight, without.weight, WIDTH * NEUROIDS * sizeof(float));
    assert_memory_equal(with.inner, without.inner, 4 * GRID * NEUROIDS * sizeof(double));
    product_free(&with);
    product_free(&without);
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    err e = { 0 };
    static double alphas[] = { 1 };
    static const char *const delays[] = { "0" };
    char text[600];
    const char *list[] = { text };
    encoded *x = NULL;
    write_features();
    responses *r = listeners();
    snprintf(text, sizeof text, "m=%s:h.0", test_path("m.h5"));
    encode_options o = { .features = list, .n_features = 1, .delays = delays, .n_delays = 1, .candidates = 3, .alphas = alphas, .n_alphas = 1,
                         .folds = "contiguous:4,gap=4", .save_weight = true, .journal = "/not/there/e.h5.resume",
                         .identity = "0123456789012345678901234567890123456789012345678901234567890123" };
    assert_int_equal(encode(&x, r, NULL, &o, &e), -1);
    assert_int_equal(e.kind, ERR_ENVIRONMENT);
    assert_says(e, "/not/there/e.h5.resume.data");
    r->onset = NULL;
    responses_free(r);
}

int main(void)
{
    blas_start();
    threads_start(2);
    log_options quiet = { .quiet = true };
    log_start(&quiet);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predictions_are_features_times_weights),
        cmocka_unit_test(saved_vectors_are_those_of_the_scores),
        cmocka_unit_test(null_responses_save_nothing_and_move_nothing),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, test_clean);
}
