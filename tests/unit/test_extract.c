/* SPDX-License-Identifier: MIT */
/* extract: each row against a forward pass of exactly the tokens that METHODS 2.3-2.5 name. The tokenizer of bytes makes
 * every token a character; one made here has tokens that span words. */
#include "check.h"

#include "broca/activations.h"
#include "broca/extract.h"
#include "broca/num.h"

enum { WIDTH = 16, LIMIT = 48 };
static const char *const arch = "gpt2,layers=2,width=16,heads=2,vocab=257,context=48";
static model *net;
static tokenizer *bytes, *spanning;

/* ---- a stimulus set by hand ---- */

static char *texts[] = { "the cat", "a dog ran", "so it goes on", "end" };
static char *ids[] = { "i1", "i2", "i3", "i4" };
static char *groups[] = { "g", "g", "h", "g" };
static int32_t word_item[] = { 0, 0, 1, 1, 1, 3 }, word_begin[] = { 0, 4, 0, 2, 6, 0 }, word_end[] = { 3, 7, 1, 5, 9, 3 };
static char *word_text[] = { "the", "cat", "a", "dog", "ran", "end" };
static double word_onset[] = { 0, 1, 2, 3, 4, 5 }, word_offset[] = { 1, 2, 3, 4, 5, 6 };

static stimuli items(bool grouped)
{
    return (stimuli){ .n = 4, .id = ids, .text = texts, .group = grouped ? groups : NULL, .words = 6, .word_item = word_item,
                      .word_text = word_text, .word_onset = word_onset, .word_offset = word_offset,
                      .word_begin = word_begin, .word_end = word_end };
}

/* ---- extraction into a file and back ---- */

static activations *extract(const stimuli *x, const tokenizer *t, const char *context, const char *pool, bool special,
                            size_t truncate, bool surprisal)
{
    err e = { 0 };
    extract_plan *p = NULL;
    store *s = NULL;
    activations *a = NULL;
    const char *const taps[] = { "h.0", "final" };
    extract_options o = { .special = special, .truncate = truncate };
    const char *path = test_path("activations.h5");
    if (extract_context(&o, context, &e) || extract_pool(&o, pool, &e) || extract_plan_new(&p, t, LIMIT, x, &o, &e) ||
        store_create(&s, path, "activations", NULL, &e) || extract_write(s, net, p, taps, 2, surprisal, &e) ||
        store_commit(s, &e) || activations_open(&a, path, &e))
        fail_msg("%s", err_text(&e));
    extract_plan_free(p);
    return a;
}

static void refused(const stimuli *x, const tokenizer *t, const char *context, const char *pool, size_t truncate, const char *says)
{
    err e = { 0 };
    extract_plan *p = NULL;
    extract_options o = { .special = true, .truncate = truncate };
    if (!extract_context(&o, context, &e) && !extract_pool(&o, pool, &e) && !extract_plan_new(&p, t, LIMIT, x, &o, &e))
        fail_msg("accepted, expected: %s", says);
    assert_says(e, says);
}

/* ---- the same by hand: the vector of the last token of a text after the start symbol ---- */

typedef struct {
    float rows[LIMIT * WIDTH];
} caught;

static int catch(void *user, size_t sequence, size_t tap, const float *rows, size_t length, size_t width, err *e)
{
    (void)e;
    (void)sequence;
    (void)tap;
    memcpy(((caught *)user)->rows, rows, length * width * sizeof *rows);
    return 0;
}

/* All vectors of `text` (with the start symbol unless bare), and its surprisals when nll is given. */
static void vectors(const char *text, bool special, caught *c, float *nll)
{
    err e = { 0 };
    int32_t all[LIMIT];
    size_t n = 0;
    const int32_t *p = all;
    const char *tap = "final";
    if (special) all[n++] = 256;
    for (const char *at = text; *at; at++) all[n++] = (unsigned char)*at;
    model_batch b = { 1, &p, &n };
    if (model_forward(net, &b, &tap, 1, catch, c, nll ? &nll : NULL, &e)) fail_msg("%s", err_text(&e));
}

static void assert_row(const float *row, const float *want)
{
    for (size_t j = 0; j < WIDTH; j++) assert_near(row[j], want[j], 1e-6);
}

static float *final_rows(activations *a)
{
    err e = { 0 };
    float *rows = NULL;
    size_t width = 0;
    if (activations_tap(a, "final", &rows, &width, &e)) fail_msg("%s", err_text(&e));
    assert_int_equal(width, WIDTH);
    return rows;
}

/* ---- contexts ---- */

static void items_alone_are_read_at_their_last_token(void **state)
{
    (void)state;
    static caught c;
    stimuli x = items(false);
    for (int special = 0; special < 2; special++) {
        activations *a = extract(&x, bytes, "none", "last", special, 0, false);
        float *rows = final_rows(a);
        assert_int_equal(a->n, 4);
        assert_string_equal(activations_row(a), "item");
        for (size_t i = 0; i < 4; i++) {
            vectors(texts[i], special, &c, NULL);
            assert_row(rows + i * WIDTH, c.rows + (strlen(texts[i]) - 1 + (size_t)special) * WIDTH);
            assert_int_equal(a->item_tokens[i], strlen(texts[i]));
            assert_string_equal(a->item[i], ids[i]);
        }
        free(rows);
        activations_close(a);
    }
}

static void items_of_a_group_see_those_before_them(void **state)
{
    (void)state;
    static caught c;
    static const char *const contexts[] = { "the cat", "the cat a dog ran", "so it goes on", "the cat a dog ran end" };
    stimuli x = items(true);
    activations *a = extract(&x, bytes, "group", "last", true, 0, false);
    float *rows = final_rows(a);
    for (size_t i = 0; i < 4; i++) {
        vectors(contexts[i], true, &c, NULL);
        assert_row(rows + i * WIDTH, c.rows + strlen(contexts[i]) * WIDTH);
    }
    /* the token of the joining blank belongs to the item after it */
    assert_int_equal(a->item_tokens[0], 7);
    assert_int_equal(a->item_tokens[1], 10);
    assert_int_equal(a->item_tokens[3], 4);
    free(rows);
    activations_close(a);
}

static void long_contexts_keep_their_last_tokens(void **state)
{
    (void)state;
    static caught c;
    stimuli x = items(true);
    activations *a = extract(&x, bytes, "group", "last", true, 9, false);
    float *rows = final_rows(a);
    vectors("the cat", true, &c, NULL);
    assert_row(rows, c.rows + 7 * WIDTH);
    vectors(" ran end", true, &c, NULL); /* eight characters beside the start symbol */
    assert_row(rows + 3 * WIDTH, c.rows + 8 * WIDTH);
    free(rows);
    activations_close(a);
    a = extract(&x, bytes, "none", "last", true, 4, false); /* none: the first ones */
    rows = final_rows(a);
    vectors("a d", true, &c, NULL);
    assert_row(rows + WIDTH, c.rows + 3 * WIDTH);
    free(rows);
    activations_close(a);
}

static void poolings_are_sums_means_first_and_all(void **state)
{
    (void)state;
    static caught c;
    static const char *const pools[] = { "mean", "sum", "first" };
    stimuli x = items(false);
    for (int k = 0; k < 3; k++) {
        activations *a = extract(&x, bytes, "none", pools[k], true, 0, false);
        float *rows = final_rows(a);
        vectors(texts[1], true, &c, NULL);
        for (size_t j = 0; j < WIDTH; j++) {
            double sum = 0;
            for (size_t t = 1; t <= 9; t++) sum += (double)c.rows[t * WIDTH + j];
            assert_near(rows[WIDTH + j], k == 0 ? sum / 9 : k == 1 ? sum : (double)c.rows[WIDTH + j], 1e-5);
        }
        free(rows);
        activations_close(a);
    }
    activations *a = extract(&x, bytes, "none", "none", true, 0, true);
    float *rows = final_rows(a);
    assert_true(a->per_token);
    assert_int_equal(a->n, 7 + 9 + 13 + 3);
    vectors(texts[1], true, &c, NULL);
    for (size_t t = 0; t < 9; t++) assert_row(rows + (7 + t) * WIDTH, c.rows + (1 + t) * WIDTH);
    assert_int_equal(a->token_item[7], 1);
    assert_int_equal(a->token_begin[9], 2);
    assert_int_equal(a->token_end[9], 3);
    free(rows);
    activations_close(a);
}

/* Each token by hand: window N = 10 with the start symbol, so 9 characters, stride 5. */
static void windows_give_every_token_its_second_half(void **state)
{
    (void)state;
    static caught c;
    static char text[] = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789";
    char *one[] = { text }, *id[] = { "story" };
    stimuli x = { .n = 1, .id = id, .text = one };
    size_t n = strlen(text);
    float nll[LIMIT];
    activations *a = extract(&x, bytes, "window:10", "none", true, 0, true);
    float *rows = final_rows(a), *surprisal = NULL;
    err e = { 0 };
    size_t count = 0;
    assert_int_equal(store_read_f4(a->file, "surprisal", &surprisal, &count, &e), 0);
    assert_int_equal(count, n);
    assert_int_equal(a->n, n);
    for (size_t t = 0; t < n; t++) {
        size_t block = t < 9 ? 0 : (t - 9) / 5 + 1, first = 5 * block;
        char part[10] = { 0 };
        memcpy(part, text + first, n - first < 9 ? n - first : 9);
        vectors(part, true, &c, nll);
        assert_row(rows + t * WIDTH, c.rows + (1 + t - first) * WIDTH);
        assert_near(surprisal[t], nll[1 + t - first], 1e-5);
        assert_true(t < 9 || 1 + t - first >= 5); /* at least N/2 tokens before it */
    }
    free(surprisal);
    free(rows);
    activations_close(a);
}

/* Surprisal does not depend on which rows are asked for. */
static void surprisal_is_whole_whatever_the_rows_are(void **state)
{
    (void)state;
    static char text[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    char *one[] = { text }, *id[] = { "story" };
    stimuli x = { .n = 1, .id = id, .text = one };
    static const char *const pools[] = { "none", "last" };
    float *s[2] = { 0 };
    err e = { 0 };
    size_t count = 0;
    for (int k = 0; k < 2; k++) {
        activations *a = extract(&x, bytes, "window:10", pools[k], false, 0, true);
        assert_int_equal(store_read_f4(a->file, "surprisal", &s[k], &count, &e), 0);
        assert_string_equal(activations_row(a), k ? "item" : "token");
        activations_close(a);
    }
    assert_int_equal(count, 36);
    assert_true(isnan(s[0][0])); /* no start symbol: nothing before the first */
    assert_memory_equal(s[0] + 1, s[1] + 1, 35 * sizeof(float));
    free(s[0]);
    free(s[1]);
}

/* ---- words ---- */

static void words_are_read_where_they_end(void **state)
{
    (void)state;
    static caught c;
    static const size_t last[] = { 3, 7, 1, 5, 9, 3 }; /* positions behind the start symbol */
    stimuli x = items(false);
    activations *a = extract(&x, bytes, "none", "word", true, 0, false);
    float *rows = final_rows(a);
    assert_true(a->per_word);
    assert_int_equal(a->words, 6);
    for (size_t w = 0; w < 6; w++) {
        vectors(texts[word_item[w]], true, &c, NULL);
        assert_row(rows + w * WIDTH, c.rows + last[w] * WIDTH);
        assert_string_equal(a->word_text[w], word_text[w]);
        assert_near(a->word_onset[w], word_onset[w], 0);
    }
    free(rows);
    activations_close(a);
    a = extract(&x, bytes, "none", "word-mean", true, 0, false);
    rows = final_rows(a);
    vectors("the cat", true, &c, NULL);
    for (size_t j = 0; j < WIDTH; j++)
        assert_near(rows[WIDTH + j],
                    ((double)c.rows[5 * WIDTH + j] + (double)c.rows[6 * WIDTH + j] + (double)c.rows[7 * WIDTH + j]) / 3, 1e-6);
    free(rows);
    activations_close(a);
}

/* A SentencePiece-like vocabulary whose merges run across blanks: "a dog " is d o g with the blank before it in one token. */
static void make_spanning(void)
{
    err e = { 0 };
    const char *path = test_write(
        "spanning.json",
        "{\"version\":\"1.0\",\"added_tokens\":[],\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},"
        "\"content\":\"_\"},\"pre_tokenizer\":null,\"post_processor\":null,\"decoder\":null,\"model\":{\"type\":\"BPE\","
        "\"dropout\":null,\"unk_token\":null,\"byte_fallback\":false,\"fuse_unk\":false,\"vocab\":{\"_\":0,\"a\":1,\"d\":2,"
        "\"o\":3,\"g\":4,\"r\":5,\"n\":6,\"a_\":7,\"a_d\":8,\"n_\":9,\"c\":10,\"t\":11,\"h\":12,\"e\":13,\"i\":14,\"s\":15,"
        "\"t_\":16},\"merges\":[\"a _\",\"a_ d\",\"n _\",\"t _\"]}}");
    if (tokenizer_open_file(&spanning, path, &e)) fail_msg("%s", err_text(&e));
}

/* "a dog ran": tokens a_d o g _ r a n. No token ends inside "a": a_d covers it, looking one letter ahead. "dog": o, g. */
static void words_inside_a_token_take_it_and_are_counted(void **state)
{
    (void)state;
    err e = { 0 };
    char *one[] = { (char[]){ "a dog ran" } }, *id[] = { "i" };
    int32_t item[] = { 0, 0, 0 }, begin[] = { 0, 2, 6 }, end[] = { 1, 5, 9 };
    char *names[] = { (char[]){ "a" }, (char[]){ "dog" }, (char[]){ "ran" } };
    double times[] = { 0, 1, 2 };
    stimuli x = { .n = 1, .id = id, .text = one, .words = 3, .word_item = item, .word_text = names, .word_onset = times,
                  .word_offset = times, .word_begin = begin, .word_end = end };
    token_list l = { 0 };
    assert_int_equal(tokenizer_encode(spanning, one[0], 9, true, &l, &e), 0);
    assert_int_equal(l.n, 7);
    assert_int_equal(l.id[0], 8);
    activations *words = extract(&x, spanning, "none", "word", true, 0, false);
    activations *means = extract(&x, spanning, "none", "word-mean", true, 0, false), *all;
    all = extract(&x, spanning, "none", "none", true, 0, false);
    float *w = final_rows(words), *m = final_rows(means), *t = final_rows(all);
    assert_row(w, t);                         /* a: the token that covers it */
    assert_row(w + WIDTH, t + 2 * WIDTH);     /* dog: g, not the token that began in a */
    assert_row(w + 2 * WIDTH, t + 6 * WIDTH); /* ran: n */
    for (size_t j = 0; j < WIDTH; j++) /* a_d ends inside dog too */
        assert_near(m[WIDTH + j], ((double)t[j] + (double)t[WIDTH + j] + (double)t[2 * WIDTH + j]) / 3, 1e-6);
    int64_t ahead = 0;
    assert_int_equal(store_get_int(words->file, "/", "words_look_ahead", &ahead, &e), 0);
    assert_int_equal(ahead, 1);
    free(w);
    free(m);
    free(t);
    token_list_free(&l);
    activations_close(words);
    activations_close(means);
    activations_close(all);
}

/* In a group an item's tokens are those of its own context: "n_" would see that another item follows. */
static void tokens_of_a_group_do_not_see_the_next_item(void **state)
{
    (void)state;
    char *two[] = { (char[]){ "ran" }, (char[]){ "dog" } }, *id[] = { "i", "j" }, *group[] = { "g", "g" };
    stimuli grouped = { .n = 2, .id = id, .text = two, .group = group }, alone = { .n = 2, .id = id, .text = two };
    activations *a = extract(&grouped, spanning, "group", "last", true, 0, false);
    activations *b = extract(&alone, spanning, "none", "last", true, 0, false);
    float *x = final_rows(a), *y = final_rows(b);
    assert_row(x, y);
    free(x);
    free(y);
    activations_close(a);
    activations_close(b);
}

/* ---- errors ---- */

static void impossible_requests_are_named(void **state)
{
    (void)state;
    static char long_text[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    char *one[] = { long_text }, *id[] = { "story" }, *empty[] = { (char[]){ "" } };
    stimuli x = items(false), story = { .n = 1, .id = id, .text = one }, nothing = { .n = 1, .id = id, .text = empty };
    refused(&story, bytes, "none", "last", 0, "item 0 (story) has 53 tokens, the model takes 48 at once");
    refused(&story, bytes, "none", "last", 0, "--context window:48");
    refused(&nothing, bytes, "none", "last", 0, "item 0 (story) has no tokens");
    refused(&nothing, bytes, "window", "last", 0, "has no tokens");
    refused(&x, bytes, "group", "last", 0, "the stimuli have no groups");
    refused(&story, bytes, "window", "word", 0, "no word table");
    refused(&x, bytes, "window:49", "last", 0, "beyond the model's limit of 48");
    refused(&x, bytes, "window:1", "last", 0, "at least 2");
    refused(&x, bytes, "windw", "last", 0, "did you mean window");
    refused(&x, bytes, "none", "frist", 0, "did you mean first");
    refused(&x, bytes, "none", "last", 1, "leaves special tokens only");
    refused(&x, bytes, "window", "last", 9, "a window has its own length");
    refused(&x, bytes, "none", "word", 5, "word 1 ('cat') of item i1 lies beyond the limit of tokens");
}

static void taps_that_are_not_there_are_named(void **state)
{
    (void)state;
    err e = { 0 };
    float *rows = NULL;
    size_t width = 0;
    stimuli x = items(false);
    activations *a = extract(&x, bytes, "none", "last", true, 0, false);
    assert_int_equal(activations_tap(a, "h.7", &rows, &width, &e), -1);
    assert_says(e, "has no tap 'h.7'");
    assert_says(e, "h.0 final");
    assert_string_equal(activations_attribute(a, "pooling"), "last");
    assert_string_equal(activations_attribute(a, "items_cut"), "0");
    assert_string_equal(activations_attribute(a, "nothing"), "");
    activations_close(a);
}

static int start(void **state)
{
    (void)state;
    err e = { 0 };
    threads_start(2);
    blas_start();
    log_start(&(log_options){ .quiet = true, .stage = "test" });
    if (model_architecture(&net, arch, 4, &e) || tokenizer_open_bytes(&bytes, &e)) return -1;
    make_spanning();
    return 0;
}

static int end(void **state)
{
    model_free(net);
    tokenizer_free(bytes);
    tokenizer_free(spanning);
    return test_clean(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_alone_are_read_at_their_last_token),
        cmocka_unit_test(items_of_a_group_see_those_before_them),
        cmocka_unit_test(long_contexts_keep_their_last_tokens),
        cmocka_unit_test(poolings_are_sums_means_first_and_all),
        cmocka_unit_test(windows_give_every_token_its_second_half),
        cmocka_unit_test(surprisal_is_whole_whatever_the_rows_are),
        cmocka_unit_test(words_are_read_where_they_end),
        cmocka_unit_test(words_inside_a_token_take_it_and_are_counted),
        cmocka_unit_test(tokens_of_a_group_do_not_see_the_next_item),
        cmocka_unit_test(impossible_requests_are_named),
        cmocka_unit_test(taps_that_are_not_there_are_named),
    };
    return cmocka_run_group_tests(tests, start, end);
}
