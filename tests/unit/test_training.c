/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "broca/corpus.h"
#include "broca/store.h"
#include "broca/training.h"

/* ---- settings ---- */

static void settings_are_read_from_lists(void **state)
{
    (void)state;
    err e = { 0 };
    training_settings s;
    assert_int_equal(
        training_arch(&s, "topolm,width=48,alpha=1.5,placement=post,tap-loss=maximum,layout=grid,bias=yes", &e), 0);
    assert_int_equal(s.model.width, 48);
    assert_int_equal(s.model.sheet_rows, 6); /* the squarest one */
    assert_int_equal(s.model.sheet_columns, 8);
    assert_near(s.model.alpha, 1.5, 0);
    assert_int_equal(s.model.placement, TRAIN_POST);
    assert_int_equal(s.model.layout, TRAIN_GRID);
    assert_true(s.model.maximum && s.model.bias);
    assert_int_equal(training_plan(&s, "steps=77,peak=2e-3,micro-batches=3", &e), 0);
    assert_int_equal(s.plan.steps, 77);
    assert_int_equal(s.plan.micro_batches, 3);
    assert_near(s.plan.peak, 2e-3, 0);
    assert_int_equal(training_arch(&s, "topolm,width=48,sheet=4x12", &e), 0);
    assert_int_equal(s.model.sheet_rows, 4);
    assert_int_equal(training_arch(&s, "gpt2", &e), 0);
    assert_int_equal(s.model.sheet_rows, 0);
    assert_true(s.model.bias);
    assert_int_equal(training_arch(&s, "llama,precision=bf16", &e), 0);
    assert_int_equal(s.model.family, TRAIN_LLAMA);
    assert_int_equal(s.model.precision, TRAIN_BF16);
}

static void refused(int status, const err *e, const char *says)
{
    assert_int_equal(status, -1);
    assert_says(*e, says);
    assert_int_equal(err_status(e), 2);
}

static void misspelt_settings_suggest_the_right_ones(void **state)
{
    (void)state;
    err e = { 0 };
    training_settings s;
    refused(training_arch(&s, "topolm,neighborhoods=5", &e), &e, "did you mean neighbourhoods?");
    refused(training_arch(&s, "topoml", &e), &e, "did you mean topolm?");
    refused(training_arch(&s, "topolm,steps=5", &e), &e, "steps belongs to --plan");
    refused(training_arch(&s, "topolm,family=gpt2", &e), &e, "unknown key 'family'");
    refused(training_arch(&s, "topolm,layout=rondom", &e), &e, "layout is one of random grid");
    refused(training_arch(&s, "topolm,alpha=nan", &e), &e, "alpha is a number");
    refused(training_arch(&s, "topolm,layers=-3", &e), &e, "layers is a whole number");
    refused(training_arch(&s, "topolm,sheet=14", &e), &e, "ROWSxCOLUMNS");
    refused(training_arch(&s, "topolm,layers", &e), &e, "'layers' is not KEY=VALUE");
    assert_int_equal(training_arch(&s, "topolm", &e), 0);
    refused(training_plan(&s, "warm-up=5", &e), &e, "did you mean warmup?");
    refused(training_plan(&s, "alpha=5", &e), &e, "alpha belongs to --arch");
}

static void a_file_has_both_kinds(void **state)
{
    (void)state;
    err e = { 0 };
    training_settings a, b;
    const char *path =
        test_write("run.conf", "# a run\narch = topolm\n\nwidth = 36 # six by six\nalpha=.5\nsteps = 9\n");
    assert_int_equal(training_file(&a, path, &e), 0);
    assert_int_equal(training_arch(&b, "topolm,width=36,alpha=.5", &e), 0);
    assert_int_equal(training_plan(&b, "steps=9", &e), 0);
    buffer x = { 0 }, y = { 0 };
    training_json(&a, &x);
    training_json(&b, &y);
    assert_string_equal(x.at, y.at);
    assert_non_null(strstr(x.at, "\"sheet\":\"6x6\",\"placement\":\"pre\""));
    free(x.at);
    free(y.at);
    refused(training_file(&a, test_write("bad.conf", "arch=topolm\nwarmpu = 3\n"), &e), &e,
            "bad.conf, line 2: unknown key 'warmpu'");
    assert_says(e, "did you mean warmup?");
    refused(training_file(&a, test_write("bad.conf", "width = 3\n"), &e), &e, "the first key is arch");
    refused(training_file(&a, test_write("bad.conf", "# nothing\n"), &e), &e, "holds no settings");
}

/* ---- runs ---- */

static const char *token_file(void)
{
    static char path[1024];
    err e = { 0 };
    buffer text = { 0 };
    tokenizer *k = NULL;
    corpus_texts *t = NULL;
    if (*path) return path;
    for (uint32_t i = 0; i < 4000; i++)
        buffer_printf(&text, "%c%s", 'a' + (char)rng_below(3, 1, i, 0, 0, 6), i % 100 == 99 ? "\n" : "");
    const char *file = test_write("letters.txt", text.at);
    corpus_recipe r = { .train = &file, .n_train = 1, .documents = "line", .validation = .2, .seed = 1 };
    snprintf(path, sizeof path, "%s", test_path("letters.tok"));
    if (corpus_texts_open(&t, &r, &e) || tokenizer_open_bytes(&k, &e) ||
        corpus_write(t, k, &(corpus_options){ 0 }, path, NULL, &e))
        fail_msg("%s", err_text(&e));
    tokenizer_free(k);
    corpus_texts_free(t);
    free(text.at);
    return path;
}

static training_recipe recipe(const char *name)
{
    err e = { 0 };
    training_recipe r = {
        .corpus = token_file(), .out = test_path(name), .seed = 3, .validation_windows = 4, .checkpoint_every = 4
    };
    if (training_arch(&r.settings, "topolm,layers=1,width=16,heads=2,context=16,radius=2,neighbourhoods=2", &e) ||
        training_plan(&r.settings, "steps=8,windows=3,warmup=2", &e))
        fail_msg("%s", err_text(&e));
    return r;
}

static void same_files(const char *a, const char *b, const char *const *names)
{
    for (; *names; names++) {
        char one[1024], other[1024];
        char *x, *y;
        size_t n, m;
        err e = { 0 };
        snprintf(one, sizeof one, "%s/%s", a, *names);
        snprintf(other, sizeof other, "%s/%s", b, *names);
        if (file_read(&x, &n, one, 1 << 24, &e) || file_read(&y, &m, other, 1 << 24, &e)) fail_msg("%s", err_text(&e));
        if (n != m || memcmp(x, y, n)) fail_msg("%s and %s differ", one, other);
        free(x);
        free(y);
    }
}
static const char *const model_files[] = { "config.json", "model.safetensors", "topography.safetensors",
                                           "train_log.tsv", NULL };

static void the_loss_falls_and_the_log_has_every_step(void **state)
{
    (void)state;
    err e = { 0 };
    training_result done;
    table *t = NULL;
    training_recipe r = recipe("run");
    double first, last;
    r.validate_every = 3;
    training_plan(&r.settings, "steps=60", &e);
    if (training_run(&r, &done, &e)) fail_msg("%s", err_text(&e));
    assert_int_equal(done.seen_tokens, 60 * 3 * 16);
    assert_true(done.validated && done.ce < 5 && done.spatial > 0 && done.spatial < 1);
    /* 100 letters and their end: a byte a token but for the end */
    assert_near(done.bits_per_byte, done.ce / log(2) * 1.01, 1e-9);
    char path[1100];
    snprintf(path, sizeof path, "%s/train_log.tsv", r.out);
    assert_int_equal(table_read(&t, path, 0, true, &e), 0);
    assert_int_equal(table_rows(t), 60);
    size_t ce, validation;
    assert_int_equal(table_find(t, "ce", &ce, &e) | table_find(t, "validation_ce", &validation, &e), 0);
    assert_int_equal(table_number(t, 0, ce, &first, &e) | table_number(t, 59, ce, &last, &e), 0);
    assert_true(last < first - .5);
    assert_string_equal(table_cell(t, 0, validation), "");
    assert_int_equal(table_number(t, 59, validation, &last, &e), 0);
    assert_near(last, done.ce, 0);
    table_free(t);
}

static void a_finished_run_resumes_to_the_same_files(void **state)
{
    (void)state;
    err e = { 0 };
    training_result a, b;
    training_recipe r = recipe("whole"), again = recipe("again");
    if (training_run(&r, &a, &e) || training_run(&again, &b, &e)) fail_msg("%s", err_text(&e));
    same_files(r.out, again.out, model_files);
    again.resume = true;
    if (training_run(&again, &b, &e)) fail_msg("%s", err_text(&e));
    assert_int_equal(b.first, 8);
    assert_near(a.ce, b.ce, 0);
    same_files(r.out, again.out, model_files);
}

static void checkpoints_of_others_are_refused(void **state)
{
    (void)state;
    err e = { 0 };
    training_result done;
    training_recipe r = recipe("one");
    if (training_run(&r, &done, &e)) fail_msg("%s", err_text(&e));
    refused(training_run(&r, &done, &e), &e, "holds a checkpoint of a training");
    r.resume = true;
    training_recipe other = r;
    training_plan(&other.settings, "peak=2e-3", &e);
    other.settings.model.alpha = 0;
    refused(training_run(&other, &done, &e), &e, "alpha 0.25 instead of 0, peak 0.001 instead of 0.002");
    other = r;
    other.seed = 4;
    refused(training_run(&other, &done, &e), &e, "another seed: 3 instead of 4");
    other = r;
    const char *text = test_write("other.txt", "abc abc\nabcd\n");
    tokenizer *k = NULL;
    corpus_texts *t = NULL;
    corpus_recipe c = { .train = &text, .n_train = 1, .documents = "file" };
    other.corpus = test_path("other.tok");
    if (corpus_texts_open(&t, &c, &e) || tokenizer_open_bytes(&k, &e) ||
        corpus_write(t, k, &(corpus_options){ 0 }, other.corpus, NULL, &e))
        fail_msg("%s", err_text(&e));
    refused(training_run(&other, &done, &e), &e, "less than a window of 17");
    training_plan(&other.settings, "length=8", &e);
    refused(training_run(&other, &done, &e), &e, "length 16 instead of 8");
    tokenizer_free(k);
    corpus_texts_free(t);
}

static void damaged_checkpoints_are_refused(void **state)
{
    (void)state;
    err e = { 0 };
    training_result done;
    training_recipe r = recipe("damaged");
    char path[1100];
    if (training_run(&r, &done, &e)) fail_msg("%s", err_text(&e));
    r.resume = true;
    snprintf(path, sizeof path, "%s/train_log.tsv", r.out);
    assert_int_equal(truncate(path, 40), 0);
    refused(training_run(&r, &done, &e), &e, "shorter than its checkpoint says");
    snprintf(path, sizeof path, "%s/checkpoint/weights-8.safetensors", r.out);
    FILE *f = fopen(path, "r+b");
    fseek(f, -3, SEEK_END);
    fputc('x', f);
    fclose(f);
    refused(training_run(&r, &done, &e), &e, "its SHA-256 is not that of the checkpoint");
    unlink(path);
    refused(training_run(&r, &done, &e), &e, "weights-8.safetensors");
}

static void a_run_that_diverges_stops(void **state)
{
    (void)state;
    err e = { 0 };
    training_result done;
    training_recipe r = recipe("diverges");
    training_plan(&r.settings, "steps=400,peak=80,floor=80,clip=1e9", &e);
    refused(training_run(&r, &done, &e), &e, "diverged");
}

static void what_does_not_fit_is_said_before_training(void **state)
{
    (void)state;
    err e = { 0 };
    training_result done;
    training_recipe r = recipe("unfit");
    r.memory = 1000;
    refused(training_run(&r, &done, &e), &e, "--memory allows");
    r = recipe("unfit");
    r.settings.model.width = 15;
    r.settings.model.heads = 3;
    refused(training_run(&r, &done, &e), &e, "the width 15 is not 4 × 4");
    r = recipe("unfit");
    r.corpus = test_write("no.tok", "not a token file");
    refused(training_run(&r, &done, &e), &e, "too few for a token file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_read_from_lists),
        cmocka_unit_test(misspelt_settings_suggest_the_right_ones),
        cmocka_unit_test(a_file_has_both_kinds),
        cmocka_unit_test(the_loss_falls_and_the_log_has_every_step),
        cmocka_unit_test(a_finished_run_resumes_to_the_same_files),
        cmocka_unit_test(checkpoints_of_others_are_refused),
        cmocka_unit_test(damaged_checkpoints_are_refused),
        cmocka_unit_test(a_run_that_diverges_stops),
        cmocka_unit_test(what_does_not_fit_is_said_before_training),
    };
    threads_start(1);
    log_start(&(log_options){ .quiet = true, .stage = "test" });
    return cmocka_run_group_tests(tests, NULL, test_clean);
}
