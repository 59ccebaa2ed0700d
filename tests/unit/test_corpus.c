/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "broca/corpus.h"
#include "broca/store.h"

static corpus_texts *texts_of(const char *const *train, size_t n, const char *documents, double share, err *e)
{
    corpus_texts *t = NULL;
    corpus_recipe r = { .train = train, .n_train = n, .documents = documents, .validation = share, .seed = 7 };
    return corpus_texts_open(&t, &r, e) ? NULL : t;
}

static size_t documents_of(const char *text, const char *how)
{
    err e = { 0 };
    const char *path = test_write("documents.txt", text);
    corpus_texts *t = texts_of(&path, 1, how, 0, &e);
    if (!t) fail_msg("%s", err_text(&e));
    size_t n = corpus_texts_count(t, CORPUS_TRAIN);
    corpus_texts_free(t);
    return n;
}

static void documents_are_files_lines_or_stretches(void **state)
{
    (void)state;
    const char text[] = "one\n\n  \ntwo\r\n---\nthree\n---\n\n---\nfour";
    assert_int_equal(documents_of(text, "file"), 1);
    assert_int_equal(documents_of(text, "line"), 7);
    assert_int_equal(documents_of(text, "separator:---"), 3);
    assert_int_equal(documents_of(text, "separator:absent"), 1);
}

static void a_split_takes_each_document_once(void **state)
{
    (void)state;
    err e = { 0 };
    char name[8][32];
    const char *paths[8];
    for (int i = 0; i < 8; i++) {
        char text[32];
        snprintf(name[i], sizeof name[i], "split%d.txt", i);
        snprintf(text, sizeof text, "text number %d", i);
        paths[i] = strdup(test_write(name[i], text));
    }
    corpus_texts *t = texts_of(paths, 8, "file", .25, &e);
    assert_non_null(t);
    assert_int_equal(corpus_texts_count(t, CORPUS_TRAIN), 6);
    assert_int_equal(corpus_texts_count(t, CORPUS_VALIDATION), 2);
    assert_int_equal(corpus_texts_bytes(t, CORPUS_TRAIN) + corpus_texts_bytes(t, CORPUS_VALIDATION),
                     8 * strlen("text number 0"));
    corpus_texts_free(t);
    t = texts_of(paths, 8, "file", .999, &e); /* one is left to train on */
    assert_int_equal(corpus_texts_count(t, CORPUS_TRAIN), 1);
    corpus_texts_free(t);
    assert_null(texts_of(paths, 1, "file", .5, &e));
    assert_says(e, "cannot be split");
    for (int i = 0; i < 8; i++)
        free((void *)(uintptr_t)paths[i]);
}

static void refused(const char *text, size_t n, const char *says)
{
    err e = { 0 };
    const char *path = test_path("bad.txt");
    FILE *f = fopen(path, "wb");
    fwrite(text, 1, n, f);
    fclose(f);
    assert_null(texts_of(&path, 1, "file", 0, &e));
    assert_says(e, says);
    assert_int_equal(err_status(&e), 2);
}

static void texts_that_are_none_are_named(void **state)
{
    (void)state;
    err e = { 0 };
    refused("", 0, "is empty");
    refused(" \n\t\n", 4, "nothing but blanks");
    refused("caf\xe9 noir\n", 10, "no UTF-8 text: byte 3 (0xe9) on line 1");
    refused("one\ntwo\xc0\xaf", 9, "byte 7 (0xc0) on line 2"); /* an overlong slash */
    refused("\xed\xa0\x80", 3, "byte 0");                      /* half of a surrogate pair */
    refused("\xf4\x90\x80\x80", 4, "byte 0");                  /* beyond U+10FFFF */
    refused("ok \xe2\x82", 5, "byte 3");                       /* cut in a character */
    const char *folder = test_folder(), *absent = test_path("absent.txt");
    assert_null(texts_of(&folder, 1, "file", 0, &e));
    assert_says(e, "no regular file");
    assert_null(texts_of(&absent, 1, "file", 0, &e));
    assert_says(e, "cannot be opened");
    const char *twice[2];
    twice[0] = test_write("a.txt", "the same");
    twice[1] = test_write("b.txt", "the same");
    assert_null(texts_of(twice, 2, "file", 0, &e));
    assert_says(e, "hold the same text");
    assert_null(texts_of(twice, 1, "chapter", 0, &e));
    assert_says(e, "file, line or separator:TEXT");
}

/* ---- BPE against a trainer of a few lines that counts everything anew for each merge ---- */

enum { WORDS = 60, MERGES = 60 };
typedef struct {
    int id[24];
    int n;
} word_ids;

static int byte_id(unsigned char c)
{
    return c >= 33 && c <= 126 ? c - 33 : c == ' ' ? 220 : -1; /* of those that occur here */
}

static void plain_merges(word_ids *w, int merges, int (*out)[2])
{
    static int count[512][512];
    for (int k = 0; k < merges; k++) {
        int best = 0, l = 0, r = 0;
        memset(count, 0, sizeof count);
        for (int i = 0; i < WORDS; i++)
            for (int j = 1; j < w[i].n; j++)
                count[w[i].id[j - 1]][w[i].id[j]]++;
        for (int a = 0; a < 512; a++)
            for (int b = 0; b < 512; b++)
                if (count[a][b] > best) best = count[l = a][r = b];
        out[k][0] = l;
        out[k][1] = r;
        for (int i = 0; i < WORDS; i++) {
            int n = 0;
            for (int j = 0; j < w[i].n; j++) {
                bool here = j + 1 < w[i].n && w[i].id[j] == l && w[i].id[j + 1] == r;
                w[i].id[n++] = here ? 256 + k : w[i].id[j];
                j += here;
            }
            w[i].n = n;
        }
    }
}

/* Words of 3-20 letters a-d: pairs that overlap (aaa) and counts that tie are frequent. */
static void random_words(word_ids *w, buffer *text)
{
    for (int i = 0; i < WORDS; i++) {
        int n = 3 + (int)rng_below(5, 1, (uint32_t)i, 0, 0, 18);
        w[i].n = 0;
        if (i) {
            w[i].id[w[i].n++] = byte_id(' ');
            buffer_text(text, " ");
        }
        for (int j = 0; j < n; j++) {
            char c = (char)('a' + rng_below(5, 1, (uint32_t)i, 1 + (uint32_t)j, 0, 4));
            w[i].id[w[i].n++] = byte_id((unsigned char)c);
            buffer_add(text, &c, 1);
        }
    }
}

static void token_text(int (*merge)[2], int id, char *out)
{
    if (id >= 256) {
        token_text(merge, merge[id - 256][0], out);
        token_text(merge, merge[id - 256][1], out);
    } else {
        size_t n = strlen(out);
        if (id == 220)
            strcpy(out + n, "\u0120");
        else
            out[n] = (char)(id + 33), out[n + 1] = 0;
    }
}

static void merges_are_those_of_counting_anew(void **state)
{
    (void)state;
    err e = { 0 };
    word_ids w[WORDS];
    int merge[MERGES][2];
    buffer text = { 0 }, json_text_ = { 0 };
    random_words(w, &text);
    plain_merges(w, MERGES, merge);
    const char *path = test_write("bpe.txt", text.at);
    corpus_texts *t = texts_of(&path, 1, "file", 0, &e);
    bpe_recipe r = { .vocabulary = 256 + MERGES };
    bpe_facts facts;
    if (bpe_train(t, &r, &json_text_, &facts, &e)) fail_msg("%s", err_text(&e));
    assert_int_equal(facts.pieces, WORDS);
    json *j = NULL;
    assert_int_equal(json_parse(&j, json_text_.at, json_text_.size, "made", &e), 0);
    const json *m = json_first(json_get(json_get(j, "model"), "merges"));
    for (int k = 0; k < MERGES; k++, m = json_next(m)) {
        char want[256] = "";
        token_text(merge, merge[k][0], want);
        strcat(want, " ");
        token_text(merge, merge[k][1], want);
        assert_string_equal(json_text(m, "none"), want);
    }
    json_free(j);
    free(json_text_.at);
    free(text.at);
    corpus_texts_free(t);
}

static void a_vocabulary_that_the_text_cannot_fill_is_refused(void **state)
{
    (void)state;
    err e = { 0 };
    buffer out = { 0 };
    const char *path = test_write("short.txt", "ab ab ab");
    corpus_texts *t = texts_of(&path, 1, "file", 0, &e);
    bpe_recipe r = { .vocabulary = 400, .end = "<end>" };
    assert_int_equal(bpe_train(t, &r, &out, NULL, &e), -1);
    assert_says(e, "occur twice for a vocabulary of 259, not of 400"); /* ab; blank + ab: 256 + 2 + the end */
    r.vocabulary = 256;
    assert_int_equal(bpe_train(t, &r, &out, NULL, &e), -1);
    assert_says(e, "too small");
    r.memory = 1 << 20;
    r.vocabulary = 300;
    assert_int_equal(bpe_train(t, &r, &out, NULL, &e), -1);
    assert_says(e, "at least 64M");
    corpus_texts_free(t);
    free(out.at);
}

/* 400,000 words that occur once take more than 64 MiB of tables; what is learnt from the frequent ones stays the same.
 */
static void rare_words_are_forgotten_for_lack_of_memory(void **state)
{
    (void)state;
    err e = { 0 };
    buffer text = { 0 }, free_of_limit = { 0 }, limited[2] = { { 0 } };
    bpe_facts facts;
    for (uint32_t i = 0; i < 400000; i++) {
        uint32_t h = i * 2654435761u; /* letters only: GPT-2's pieces end where digits begin */
        buffer_text(&text, " ");
        for (int k = 0; k < 8; k++)
            buffer_printf(&text, "%c", 'a' + (int)(h >> 4 * k & 15));
        if (i % 4 == 0) buffer_text(&text, i % 12 ? " the" : " other");
    }
    const char *path = test_write("many.txt", text.at);
    corpus_texts *t = texts_of(&path, 1, "file", 0, &e);
    bpe_recipe r = { .vocabulary = 259 };
    assert_int_equal(bpe_train(t, &r, &free_of_limit, &facts, &e), 0);
    assert_int_equal(facts.forgotten, 0);
    r.memory = (size_t)64 << 20;
    for (int i = 0; i < 2; i++) {
        threads_start(i ? 2 : 1);
        assert_int_equal(bpe_train(t, &r, &limited[i], &facts, &e), 0);
        assert_true(facts.floor >= 1 && facts.forgotten >= 300000 && facts.words < 1000);
    }
    assert_string_equal(limited[0].at, limited[1].at);
    assert_string_equal(limited[0].at, free_of_limit.at);
    assert_non_null(strstr(limited[0].at, "\"h e\""));
    r.vocabulary = 300; /* what was forgotten is not there to be merged */
    assert_int_equal(bpe_train(t, &r, &limited[0], &facts, &e), -1);
    assert_says(e, "occur twice for a vocabulary of");
    r.memory = 0;
    assert_int_equal(bpe_train(t, &r, &free_of_limit, &facts, &e), 0);
    for (int i = 0; i < 2; i++)
        free(limited[i].at);
    free(free_of_limit.at);
    free(text.at);
    corpus_texts_free(t);
}

/* ---- token files ---- */

static const char prose[] =
    "The ferry left the harbour, and the harbour left the ferry.\nN\u00e4ive caf\u00e9s don't close; they're closed.\n";

static const char *made(const char *name, const char *documents, size_t vocabulary, err *e)
{
    buffer json_bytes = { 0 };
    tokenizer *k = NULL;
    const char *text = test_write("prose.txt", prose), *out = test_path(name);
    const char *file = test_path("tokenizer.json");
    corpus_texts *t = texts_of(&text, 1, documents, str_same(documents, "line") ? .5 : 0, e);
    bpe_recipe r = { .vocabulary = vocabulary, .end = "<|endoftext|>" };
    corpus_options o = { .tokenizer = file };
    if (!t || bpe_train(t, &r, &json_bytes, NULL, e) || atomic_write(file, json_bytes.at, json_bytes.size, e) ||
        tokenizer_open_file(&k, file, e) || corpus_write(t, k, &o, out, NULL, e))
        fail_msg("%s", err_text(e));
    tokenizer_free(k);
    corpus_texts_free(t);
    free(json_bytes.at);
    return out;
}

static void tokens_read_back_as_the_text(void **state)
{
    (void)state;
    err e = { 0 };
    corpus *c = NULL;
    const char *path = made("prose.tok", "file", 270, &e);
    if (corpus_open(&c, path, &e) || corpus_verify(c, &e)) fail_msg("%s", err_text(&e));
    const corpus_facts *f = corpus_about(c);
    assert_int_equal(f->vocabulary, 270);
    assert_int_equal(f->token_bytes, 2);
    assert_int_equal(f->end, 269);
    assert_int_equal(f->text_bytes[CORPUS_TRAIN], sizeof prose - 1);
    int32_t ids[200];
    size_t n = f->tokens[CORPUS_TRAIN], length;
    assert_int_equal(corpus_window(c, CORPUS_TRAIN, 0, n, ids, &e), 0);
    assert_int_equal(ids[n - 1], 269);
    assert_int_equal(corpus_window(c, CORPUS_TRAIN, 1, n, ids, &e), -1);
    assert_says(e, "training tokens, not");
    assert_int_equal(corpus_window(c, CORPUS_VALIDATION, 0, 1, ids, &e), -1);
    assert_int_equal(corpus_window(c, CORPUS_TRAIN, SIZE_MAX, 2, ids, &e), -1);
    tokenizer *k = NULL;
    buffer text = { 0 };
    assert_non_null(corpus_tokenizer(c, &length));
    assert_int_equal(tokenizer_open_file(&k, test_path("tokenizer.json"), &e), 0);
    assert_int_equal(corpus_window(c, CORPUS_TRAIN, 0, n, ids, &e), 0);
    assert_int_equal(tokenizer_decode(k, ids, n, true, &text, &e), 0);
    assert_int_equal(text.size, sizeof prose - 1);
    assert_memory_equal(text.at, prose, text.size);
    free(text.at);
    tokenizer_free(k);
    corpus_free(c);
}

static void documents_of_the_splits_do_not_mix(void **state)
{
    (void)state;
    err e = { 0 };
    corpus *c = NULL;
    if (corpus_open(&c, made("lines.tok", "line", 260, &e), &e)) fail_msg("%s", err_text(&e));
    const corpus_facts *f = corpus_about(c);
    int32_t id;
    for (int s = 0; s < 2; s++) {
        assert_int_equal(f->documents[s], 1);
        assert_int_equal(corpus_window(c, (corpus_split)s, f->tokens[s] - 1, 1, &id, &e), 0);
        assert_int_equal(id, f->end);
    }
    assert_int_equal(f->text_bytes[0] + f->text_bytes[1], sizeof prose - 1 - 2); /* without the line ends */
    corpus_free(c);
}

/* Writes the first `keep` bytes of a good file with bytes [at, at + n) replaced. */
static const char *damaged(const char *good, size_t n_good, size_t keep, size_t at, const void *bytes, size_t n)
{
    const char *path = test_path("damaged.tok");
    char *copy = malloc(n_good);
    memcpy(copy, good, n_good);
    memcpy(copy + at, bytes, n);
    FILE *f = fopen(path, "wb");
    fwrite(copy, 1, keep, f);
    fclose(f);
    free(copy);
    return path;
}

static void damaged_files_are_refused(void **state)
{
    (void)state;
    err e = { 0 };
    corpus *c = NULL;
    char *good;
    size_t n;
    assert_int_equal(file_read(&good, &n, made("good.tok", "file", 270, &e), 1 << 20, &e), 0);
    for (size_t keep = 0; keep < n; keep += 1 + n / 61) {
        assert_int_equal(corpus_open(&c, damaged(good, n, keep, 0, good, 8), &e), -1);
        assert_says(e, keep < 256 ? "too few for a token file" : "cut short");
    }
    assert_int_equal(corpus_open(&c, damaged(good, n, n, 0, "BROCAHDF", 8), &e), -1);
    assert_says(e, "is no token file");
    uint32_t version = 9;
    assert_int_equal(corpus_open(&c, damaged(good, n, n, 8, &version, 4), &e), -1);
    assert_says(e, "version 9");
    for (size_t at = 16; at < 128; at += 8) { /* sizes and offsets: huge */
        uint64_t huge = UINT64_MAX - 7;
        if (corpus_open(&c, damaged(good, n, n, at, &huge, 8), &e) == 0)
            fail_msg("the header's field at %zu is not checked", at);
        assert_int_equal(err_status(&e), 2);
    }
    uint16_t beyond = 270;
    int32_t ids[4];
    assert_int_equal(corpus_open(&c, damaged(good, n, n, 256 + 2 * 3, &beyond, 2), &e), 0);
    assert_int_equal(corpus_window(c, CORPUS_TRAIN, 0, 4, ids, &e), -1);
    assert_says(e, "token 3 is 270, beyond the vocabulary of 270");
    assert_int_equal(corpus_verify(c, &e), -1);
    corpus_free(c);
    beyond = 1;
    assert_int_equal(corpus_open(&c, damaged(good, n, n, 256 + 2 * 3, &beyond, 2), &e), 0);
    assert_int_equal(corpus_verify(c, &e), -1);
    assert_says(e, "not those it was written with");
    corpus_free(c);
    free(good);
}

/* More than 65,536 entries: four bytes a token. */
static void a_large_vocabulary_has_wide_tokens(void **state)
{
    (void)state;
    err e = { 0 };
    buffer b = { 0 };
    tokenizer *k = NULL;
    corpus *c = NULL;
    int32_t id;
    buffer_text(&b,
                "{\"added_tokens\":[{\"id\":70000,\"content\":\"<|endoftext|>\",\"special\":true}],\"normalizer\":null,"
                "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true},\"post_"
                "processor\":null,"
                "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{");
    for (int i = 0; i < 69999; i++)
        buffer_printf(&b, "\"t%d\":%d,", i, i);
    buffer_text(&b, "\"z\":69999,");
    buffer_text(&b, "\"<|endoftext|>\":70000},\"merges\":[]}}");
    const char *file = test_write("wide.json", b.at), *text = test_write("z.txt", "zz");
    corpus_texts *t = texts_of(&text, 1, "file", 0, &e);
    corpus_options o = { .tokenizer = file };
    const char *out = test_path("wide.tok");
    if (tokenizer_open_file(&k, file, &e) || corpus_write(t, k, &o, out, NULL, &e) || corpus_open(&c, out, &e))
        fail_msg("%s", err_text(&e));
    assert_int_equal(corpus_about(c)->token_bytes, 4);
    assert_int_equal(corpus_window(c, CORPUS_TRAIN, 0, 1, &id, &e), 0);
    assert_int_equal(id, 69999);
    assert_int_equal(corpus_window(c, CORPUS_TRAIN, 2, 1, &id, &e), 0);
    assert_int_equal(id, 70000);
    corpus_free(c);
    tokenizer_free(k);
    corpus_texts_free(t);
    free(b.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_files_lines_or_stretches),
        cmocka_unit_test(a_split_takes_each_document_once),
        cmocka_unit_test(texts_that_are_none_are_named),
        cmocka_unit_test(merges_are_those_of_counting_anew),
        cmocka_unit_test(rare_words_are_forgotten_for_lack_of_memory),
        cmocka_unit_test(a_vocabulary_that_the_text_cannot_fill_is_refused),
        cmocka_unit_test(tokens_read_back_as_the_text),
        cmocka_unit_test(documents_of_the_splits_do_not_mix),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(a_large_vocabulary_has_wide_tokens),
    };
    threads_start(2);
    return cmocka_run_group_tests(tests, NULL, test_clean);
}
