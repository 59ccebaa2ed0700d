/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "broca/model.h"

static void encode(tokenizer *t, const char *text, size_t n, token_list *l)
{
    err e = { 0 };
    if (tokenizer_encode(t, text, n, true, l, &e)) fail_msg("%s", err_text(&e));
}

static tokenizer *open_text(const char *name, const char *text)
{
    err e = { 0 };
    tokenizer *t = NULL;
    if (tokenizer_open_file(&t, test_write(name, text), &e)) fail_msg("%s", err_text(&e));
    return t;
}

#define SPIECE(added)                                                                                                  \
    "{\"added_tokens\":[" added "],\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\","       \
    "\"prepend\":\"_\"},{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"_\"}]},"                     \
    "\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"_\"},"            \
    "\"content\":\" \"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" \","         \
    "\"start\":1,\"stop\":0}]},\"model\":{\"type\":\"BPE\",\"unk_token\":\"?\",\"byte_fallback\":true,\"fuse_unk\":true,\"vocab\":" \
    "{\"?\":0,\"_\":1,\"a\":2,\"b\":3,\"<0xC3>\":4,\"<0xA9>\":5,\"ab\":6,\"ab_\":7,\"_ab\":8},"                         \
    "\"merges\":[\"a b\",\"ab _\",\"_ ab\"]}}"

static void merges_go_by_rank_then_from_the_left_and_spans_are_bytes_of_the_text(void **state)
{
    (void)state;
    tokenizer *t = open_text("s.json", SPIECE(""));
    token_list l = { 0 };
    encode(t, "ab ab", 5, &l); /* _ab_ab: "ab" twice, then "ab _", then nothing is left of "_ ab" but the first */
    assert_int_equal(l.n, 3);
    assert_int_equal(l.id[0], 1);
    assert_int_equal(l.id[1], 7);
    assert_int_equal(l.id[2], 6);
    assert_int_equal(l.begin[1], 0);
    assert_int_equal(l.end[1], 3);
    assert_int_equal(l.end[2], 5);
    encode(t, "\xc3\xa9 x", 4, &l); /* bytes of a known fallback, then an unknown character */
    assert_int_equal(l.n, 5);
    assert_int_equal(l.id[1], 4);
    assert_int_equal(l.id[2], 5);
    assert_int_equal(l.begin[2], 0); /* a part of a character has the whole character */
    assert_int_equal(l.end[2], 2);
    assert_int_equal(l.id[4], 0);
    buffer b = { 0 };
    err e = { 0 };
    assert_int_equal(tokenizer_decode(t, l.id, 3, false, &b, &e), 0);
    assert_string_equal(b.at, "\xc3\xa9");
    free(b.at);
    token_list_free(&l);
    tokenizer_free(t);
}

static void a_story_of_a_megabyte_is_one_piece_and_takes_seconds_not_hours(void **state)
{
    (void)state;
    tokenizer *t = open_text("s2.json", SPIECE(""));
    token_list l = { 0 };
    size_t n = 1 << 20;
    char *text = malloc(n + 1);
    for (size_t i = 0; i < n; i++) text[i] = "ab ba"[rng_below(1, RNG_SIM_TEXT, (uint32_t)i, 0, 0, 5)];
    text[n] = 0;
    double start = clock_s();
    encode(t, text, n, &l);
    assert_true(clock_s() - start < 20);
    assert_true(l.n > n / 8);
    assert_int_equal(l.end[l.n - 1], n);
    free(text);
    token_list_free(&l);
    tokenizer_free(t);
}

static void bytes_come_back_from_the_byte_tokenizer(void **state)
{
    (void)state;
    err e = { 0 };
    tokenizer *t = NULL;
    token_list l = { 0 };
    buffer b = { 0 };
    assert_int_equal(tokenizer_open_bytes(&t, &e), 0);
    encode(t, "n\xc3\xb6", 3, &l);
    assert_int_equal(l.n, 4);
    assert_int_equal(l.id[0], 256);
    assert_int_equal(l.special[0], 1);
    assert_int_equal(l.begin[2], 1);
    assert_int_equal(tokenizer_decode(t, l.id, l.n, true, &b, &e), 0);
    assert_string_equal(b.at, "n\xc3\xb6");
    assert_int_equal(tokenizer_vocabulary(t), 257);
    free(b.at);
    token_list_free(&l);
    tokenizer_free(t);
}

static void fails(const char *name, const char *text, const char *why)
{
    err e = { 0 };
    tokenizer *t = NULL;
    assert_int_equal(tokenizer_open_file(&t, test_write(name, text), &e), -1);
    assert_says(e, why);
    assert_int_equal(err_status(&e), 2);
}

static void damaged_and_unknown_tokenizers_are_refused_with_the_part_named(void **state)
{
    (void)state;
    fails("x1.json", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0", "not JSON");
    fails("x2.json", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1},\"merges\":[\"a b\"]}}", "a token that the vocabulary has not");
    fails("x3.json", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}", "share the id 0");
    fails("x4.json", "{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}", "model type Unigram is not known yet");
    fails("x5.json", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":1e300},\"merges\":[]}}", "no ids");
    fails("x6.json", "{\"normalizer\":{\"type\":\"Precompiled\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}",
          "normalizer Precompiled is not known yet");
    fails("x7.json", "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"ab\"]}}", "not two tokens with a blank between");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_go_by_rank_then_from_the_left_and_spans_are_bytes_of_the_text),
        cmocka_unit_test(a_story_of_a_megabyte_is_one_piece_and_takes_seconds_not_hours),
        cmocka_unit_test(bytes_come_back_from_the_byte_tokenizer),
        cmocka_unit_test(damaged_and_unknown_tokenizers_are_refused_with_the_part_named),
    };
    return cmocka_run_group_tests(tests, NULL, test_clean);
}
