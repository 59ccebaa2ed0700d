/* SPDX-License-Identifier: MIT */
/* Products with a packed operand equal the plain three loops, for any shape; side by side on one operand they give the same
 * bytes as one after another. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"
#include "check.h"

static float *draw(size_t n, uint32_t which)
{
    float *x = calloc(n + 1, sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = (float)rng_normal(3, RNG_SIM_FEATURES, (uint32_t)i, which, 0);
    return x;
}

static void compare(packed_kind kind, size_t m, size_t n, size_t k)
{
    err e = { 0 };
    packed *p = NULL;
    float *x = draw(m * k, 1), *b = draw(n * k, 2), *fast = calloc(m * n + 1, sizeof *fast), *plain = calloc(m * n + 1, sizeof *plain);
    uint16_t *rounded = calloc(m * k + 1, sizeof *rounded);
    int8_t *steps = calloc(m * k + 1, 1);
    bf16_round(rounded, x, m * k);
    for (size_t i = 0; i < m; i++) i8_round(steps + i * k, x + i * k, k);
    const void *from = kind == PACKED_BF16 ? (const void *)rounded : kind == PACKED_I8 ? (const void *)steps : x;
    if (packed_new(&p, kind, m, k, n, b, n, k, &e) || packed_product(p, from, fast, &e))
        fail_msg("%s", err_text(&e));
    packed_reference(plain, x, b, m, n, k, kind);
    for (size_t i = 0; i < m * n; i++) /* k sums of products near 1, in another order */
        if (fabsf(fast[i] - plain[i]) > 1e-6f * (float)(k + 10)) fail_msg("%zu×%zu×%zu, cell %zu: %g and %g", m, n, k, i, fast[i], plain[i]);
    packed_free(p);
    free(x);
    free(b);
    free(fast);
    free(plain);
    free(rounded);
    free(steps);
}

static void fp32_equals_the_loops(void **state)
{
    (void)state;
    compare(PACKED_F4, 256, 61, 37);
    compare(PACKED_F4, 256, 20, 246);
    compare(PACKED_F4, 1, 1, 1);
    compare(PACKED_F4, 256, 3, 0);
}

static void bf16_equals_the_loops(void **state)
{
    (void)state;
    if (!packed_has(PACKED_BF16)) skip(); /* no oneDNN, or no bf16 here */
    compare(PACKED_BF16, 256, 61, 37);
    compare(PACKED_BF16, 256, 130, 300);
}

static void int8_equals_the_loops(void **state)
{
    (void)state;
    if (!packed_has(PACKED_I8)) skip();
    compare(PACKED_I8, 256, 61, 37);
    compare(PACKED_I8, 256, 130, 300);
    compare(PACKED_I8, 256, 200, 800);
    compare(PACKED_I8, 256, 3, 0);
}

static void int8_rounds_to_nearest_even(void **state)
{
    (void)state;
    const float x[] = { 254, -254, 1, 3, -1, 2.385f, 0 }, tiny[] = { 1e-44f, 0 };
    int8_t out[7];
    assert_near(i8_round(out, x, 7), 2, 1e-6);
    const int8_t want[] = { 127, -127, 0, 2, 0, 1, 0 };
    assert_memory_equal(out, want, 7);
    assert_true(i8_round(out, tiny, 2) == 0 && out[0] == 0);
}

/* Rows of x and b that are stored turned, leading dimensions beyond the rows, sums that go on from what is there. */
static void compare_plain(bool ta, bool tb, bool add)
{
    enum { M = 70, N = 45, K = 33, LDA = 80, LDB = 64, LDC = 50 };
    err e = { 0 };
    float *x = draw(LDA * LDA, 1), *b = draw(LDB * LDB, 2), *fast = draw(M * LDC, 3), *plain = draw(M * LDC, 3);
    uint16_t *xr = calloc(LDA * LDA, sizeof *xr), *br = calloc(LDB * LDB, sizeof *br);
    bf16_round(xr, x, LDA * LDA);
    bf16_round(br, b, LDB * LDB);
    if (gemm_bf16(ta, tb, M, N, K, xr, LDA, br, LDB, add, fast, LDC, &e)) fail_msg("%s", err_text(&e));
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < LDC; j++) {
            float sum = add ? plain[i * LDC + j] : 0;
            for (size_t k = 0; k < K; k++) sum += bf16_value(xr[ta ? k * LDA + i : i * LDA + k]) * bf16_value(br[tb ? j * LDB + k : k * LDB + j]);
            if (j >= N) sum = plain[i * LDC + j]; /* beyond the product: untouched */
            assert_near(fast[i * LDC + j], sum, 5e-5);
        }
    free(x);
    free(b);
    free(fast);
    free(plain);
    free(xr);
    free(br);
}

static void bf16_products_of_plain_operands_equal_the_loops(void **state)
{
    (void)state;
    if (!packed_has(PACKED_BF16)) skip();
    for (int i = 0; i < 8; i++) compare_plain(i & 1, i & 2, i & 4);
}

static void bf16_rounds_to_nearest_even(void **state)
{
    (void)state;
    assert_int_equal(bf16_of(1.0f), 0x3f80);
    assert_int_equal(bf16_of(1.00390625f), 0x3f80); /* half way: to even */
    assert_int_equal(bf16_of(1.01171875f), 0x3f82);
    assert_int_equal(bf16_of(-2.385f), 0xc019);
    assert_true(bf16_value(bf16_of(-2.385f)) == -2.390625f);
}

static void side_by_side_gives_the_same_bytes(void **state)
{
    enum { M = 256, N = 70, K = 300, TIMES = 16 };
    (void)state;
    packed_kind kind = packed_has(PACKED_BF16) ? PACKED_BF16 : PACKED_F4;
    float *x = draw(M * K, 1), *b = draw(N * K, 2), *y = calloc((size_t)TIMES * M * N, sizeof *y);
    uint16_t *rounded = calloc(M * K, sizeof *rounded);
    err e = { 0 };
    packed *p = NULL;
    bf16_round(rounded, x, M * K);
    assert_int_equal(packed_new(&p, kind, M, K, N, b, N, K, &e), 0);
#pragma omp parallel for num_threads(4)
    for (size_t i = 0; i < TIMES; i++) {
        err own = { 0 };
        if (packed_product(p, kind == PACKED_BF16 ? (const void *)rounded : x, y + i * M * N, &own)) abort();
    }
    for (size_t i = 1; i < TIMES; i++) assert_memory_equal(y, y + i * M * N, M * N * sizeof *y);
    packed_free(p);
    free(x);
    free(b);
    free(y);
    free(rounded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fp32_equals_the_loops), cmocka_unit_test(bf16_equals_the_loops),
        cmocka_unit_test(int8_equals_the_loops),
        cmocka_unit_test(int8_rounds_to_nearest_even),
        cmocka_unit_test(bf16_products_of_plain_operands_equal_the_loops), cmocka_unit_test(bf16_rounds_to_nearest_even),
        cmocka_unit_test(side_by_side_gives_the_same_bytes),
    };
    threads_start(0);
    blas_start();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
