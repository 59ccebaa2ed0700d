/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/base.h"

static void philox_gives_the_known_answer_for_zeros(void **state)
{
    (void)state;
    rng_words w = rng_draw(0, 0, 0, 0, 0);
    assert_int_equal(w.w[0], 0x6627e8d5);
    assert_int_equal(w.w[1], 0xe169c58d);
    assert_int_equal(w.w[2], 0xbc57ac4c);
    assert_int_equal(w.w[3], 0x9b00dbd8);
}

static void a_shuffle_is_a_permutation_and_follows_the_formula(void **state)
{
    (void)state;
    size_t p[41], q[41], seen[41] = { 0 };
    for (size_t i = 0; i < 41; i++) p[i] = q[i] = i;
    rng_shuffle(p, 41, 77, RNG_FOLDS, 3, 4);
    for (uint32_t i = 0; i < 41; i++) {
        uint64_t w = rng_draw(77, RNG_FOLDS, i, 3, 4).w[0];
        size_t j = i + (size_t)((w * (41 - i)) >> 32), swap = q[i];
        q[i] = q[j];
        q[j] = swap;
        seen[p[i]]++;
    }
    assert_memory_equal(p, q, sizeof p);
    for (size_t i = 0; i < 41; i++) assert_int_equal(seen[i], 1);
}

static void normal_numbers_have_mean_0_and_variance_1(void **state)
{
    (void)state;
    double sum = 0, square = 0;
    const uint32_t n = 40000;
    for (uint32_t i = 0; i < n; i++) {
        double z = rng_normal(5, RNG_SIM_NOISE, i, 0, 0);
        sum += z;
        square += z * z;
    }
    assert_true(fabs(sum / n) < 4 / sqrt(n));
    assert_true(fabs(square / n - 1) < 4 * sqrt(2.0 / n));
}

static void sha256_of_abc_is_the_published_one(void **state)
{
    (void)state;
    assert_string_equal(sha_bytes("abc", 3).hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    err e = { 0 };
    sha *s = sha_new(&e);
    sha_add(s, "a", 1);
    sha_add(s, "bc", 2);
    assert_string_equal(sha_end(s).hex, sha_bytes("abc", 3).hex);
}

static void an_error_is_a_chain_with_its_hint_last(void **state)
{
    (void)state;
    err e = { 0 };
    assert_int_equal(err_set(&e, ERR_INPUT, "row %d is odd", 7), -1);
    err_while(&e, "reading %s", "x.h5");
    err_hint(&e, "extract it again");
    assert_string_equal(err_text(&e), "row 7 is odd\n  while reading x.h5\n  hint: extract it again");
    assert_int_equal(err_status(&e), 2);
}

static void a_text_longer_than_the_struct_is_cut_not_overrun(void **state)
{
    (void)state;
    err e = { 0 };
    char long_text[5000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    err_set(&e, ERR_INPUT, "%s", long_text);
    for (int i = 0; i < 10; i++) err_while(&e, "%s", long_text);
    err_hint(&e, "%s", long_text);
    assert_true(strlen(e.text) < sizeof e.text);
    assert_true(strlen(e.hint) < sizeof e.hint);
    assert_true(str_ends(e.hint, "..."));
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    err e = { 0 };
    size_t out;
    assert_int_equal(size_mul(SIZE_MAX / 2, 3, &out, &e), -1);
    assert_int_equal(e.kind, ERR_INPUT);
    assert_null(mem_new(SIZE_MAX / 2, 3, &e));
}

static void numbers_are_whole_texts_or_nothing(void **state)
{
    (void)state;
    double d;
    size_t n;
    long l;
    assert_int_equal(parse_double("2.385e0", &d), 0);
    assert_true(d == 2.385);
    assert_int_equal(parse_double("2.385x", &d), -1);
    assert_int_equal(parse_double("", &d), -1);
    assert_int_equal(parse_size("18446744073709551616", &n), -1);
    assert_int_equal(parse_size("-1", &n), -1);
    assert_int_equal(parse_long("-17", &l), 0);
    assert_int_equal(l, -17);
    assert_int_equal(parse_bytes("3M", &n), 0);
    assert_int_equal(n, 3u << 20);
    assert_int_equal(parse_bytes("3Q", &n), -1);
}

typedef struct {
    bool flag;
    const char *text, *word;
    option_list list;
    size_t count, bytes;
    double real;
} fields;

static const option table[] = {
    { "flag", OPT_FLAG, offsetof(fields, flag), NULL, NULL, true, "a flag" },
    { "text", OPT_TEXT, offsetof(fields, text), NULL, NULL, true, "a text" },
    { "word", OPT_ENUM, offsetof(fields, word), "mean", "sum mean lanczos", true, "a word" },
    { "list", OPT_LIST, offsetof(fields, list), NULL, NULL, true, "a list" },
    { "count", OPT_COUNT, offsetof(fields, count), "7", NULL, true, "a count" },
    { "real", OPT_REAL, offsetof(fields, real), "0.1", NULL, true, "a number" },
    { "memory", OPT_BYTES, offsetof(fields, bytes), NULL, NULL, false, "decides no byte" },
    { 0 }
};
static const option_help help = { "test", "a test", NULL, NULL };

static int parse(fields *f, parsed **p, err *e, int argc, const char **argv)
{
    bool stop;
    *p = NULL;
    return options_parse(p, table, f, argc, (char **)argv, &help, &stop, e);
}

static void options_take_defaults_and_values_and_write_their_config(void **state)
{
    (void)state;
    fields f;
    err e = { 0 };
    parsed *p;
    const char *argv[] = { "x", "--list", "a\"b", "--list=c", "--real", "2.385", "--memory", "2G", "--flag", NULL };
    assert_int_equal(parse(&f, &p, &e, 9, argv), 0);
    char *config = options_config(table, &f, &e);
    assert_string_equal(config, "{\"flag\":true,\"text\":null,\"word\":\"mean\",\"list\":[\"a\\\"b\",\"c\"],\"count\":7,"
                                "\"real\":2.385}");
    assert_int_equal(f.bytes, (size_t)2 << 30);
    assert_true(parsed_given(p, "real"));
    assert_false(parsed_given(p, "count"));
    free(config);
    parsed_free(p);
}

static void misspelt_options_and_words_suggest_the_nearest(void **state)
{
    (void)state;
    fields f;
    err e = { 0 };
    parsed *p;
    const char *unknown[] = { "x", "--cuont", "3", NULL }, *word[] = { "x", "--word", "lanzcos", NULL };
    const char *number[] = { "x", "--real", "nan", NULL }, *extra[] = { "x", "file", NULL };
    assert_int_equal(parse(&f, &p, &e, 3, unknown), -1);
    assert_non_null(strstr(err_text(&e), "did you mean --count?"));
    assert_int_equal(err_status(&e), 2);
    assert_int_equal(parse(&f, &p, &e, 3, word), -1);
    assert_non_null(strstr(err_text(&e), "did you mean 'lanczos'?"));
    assert_int_equal(parse(&f, &p, &e, 3, number), -1);
    assert_int_equal(parse(&f, &p, &e, 2, extra), -1);
    assert_non_null(strstr(err_text(&e), "unexpected argument 'file'"));
}

static void every_allocation_of_parsing_may_fail(void **state)
{
    (void)state;
    const char *argv[] = { "x", "--list", "a", "--word", "sum", "--text", "t", NULL };
    long n = 1;
    for (;; n++) {
        fields f;
        err e = { 0 };
        parsed *p;
        mem_fail_at(n);
        int status = parse(&f, &p, &e, 7, argv);
        mem_fail_at(0);
        if (!status) {
            parsed_free(p);
            break;
        }
        assert_int_equal(e.kind, ERR_MEMORY);
        assert_true(n < 1000);
    }
    assert_true(n > 3);
}

static void arenas_give_zeroed_aligned_blocks_of_any_size(void **state)
{
    (void)state;
    err e = { 0 };
    arena *a = arena_new(&e);
    for (size_t i = 0; i < 2000; i++) {
        size_t n = i % 7 == 0 ? 70000 : i % 97;
        unsigned char *p = arena_get(a, n, &e);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t j = 0; j < n; j++) assert_int_equal(p[j], 0);
        memset(p, 0xff, n);
    }
    arena_free(a);
}

static void warnings_are_kept_once(void **state)
{
    (void)state;
    const char *const *texts;
    log_start(&(log_options){ .quiet = true });
    log_warn("first %d", 1);
    log_warn("second");
    log_keep("first 1");
    assert_int_equal(log_warnings(&texts), 2);
    assert_string_equal(texts[0], "first 1");
}

static void splitting_keeps_empty_parts(void **state)
{
    (void)state;
    size_t n;
    err e = { 0 };
    char **parts = str_split("a,,b,", ',', &n, &e);
    assert_int_equal(n, 4);
    assert_string_equal(parts[1], "");
    assert_string_equal(parts[2], "b");
    assert_null(parts[4]);
    free(parts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_known_answer_for_zeros),
        cmocka_unit_test(a_shuffle_is_a_permutation_and_follows_the_formula),
        cmocka_unit_test(normal_numbers_have_mean_0_and_variance_1),
        cmocka_unit_test(sha256_of_abc_is_the_published_one),
        cmocka_unit_test(an_error_is_a_chain_with_its_hint_last),
        cmocka_unit_test(a_text_longer_than_the_struct_is_cut_not_overrun),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(numbers_are_whole_texts_or_nothing),
        cmocka_unit_test(options_take_defaults_and_values_and_write_their_config),
        cmocka_unit_test(misspelt_options_and_words_suggest_the_nearest),
        cmocka_unit_test(every_allocation_of_parsing_may_fail),
        cmocka_unit_test(arenas_give_zeroed_aligned_blocks_of_any_size),
        cmocka_unit_test(warnings_are_kept_once),
        cmocka_unit_test(splitting_keeps_empty_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
