/* SPDX-License-Identifier: MIT */
/* Models: folders and their damage, weights by seed, taps, the forward pass against its own definition. */
#include "check.h"

#include "broca/activations.h"
#include "broca/model.h"
#include "broca/num.h"

static const char *const small = "gpt2,layers=2,width=24,heads=3,vocab=50,context=80";
static const char *const small_llama = "llama,layers=2,width=24,heads=4,kv-heads=2,inner=40,vocab=50,context=80";

static model *make(const char *arch, uint64_t seed)
{
    err e = { 0 };
    model *m = NULL;
    if (model_architecture(&m, arch, seed, &e)) fail_msg("%s", err_text(&e));
    return m;
}

/* ---- running ---- */

enum { MOST = 80, WIDEST = 64 };
typedef struct {
    float rows[8][MOST * WIDEST]; /* one tap, up to 8 sequences */
    size_t calls, last;
    bool in_order;
} caught;

static int catch(void *user, size_t sequence, size_t tap, const float *rows, size_t length, size_t width, err *e)
{
    caught *c = user;
    (void)e;
    (void)tap;
    memcpy(c->rows[sequence], rows, length * width * sizeof *rows);
    c->in_order = c->in_order && (!c->calls || sequence > c->last);
    c->last = sequence;
    c->calls++;
    return 0;
}

static void run(const model *m, size_t n, const int32_t *const *ids, const size_t *length, const char *tap, caught *c,
                float *const *nll)
{
    err e = { 0 };
    model_batch b = { n, ids, length };
    memset(c, 0, sizeof *c);
    c->in_order = true;
    if (model_forward(m, &b, &tap, 1, catch, c, nll, &e)) fail_msg("%s", err_text(&e));
}

static void fill(int32_t *ids, size_t n, uint32_t salt)
{
    for (size_t i = 0; i < n; i++) ids[i] = (int32_t)rng_below(7, 901, (uint32_t)i, salt, 0, 50);
}

/* ---- forward ---- */

static void a_token_sees_its_past_only(void **state)
{
    (void)state;
    static caught a, b;
    const char *const archs[] = { small, small_llama };
    for (int k = 0; k < 2; k++) {
        model *m = make(archs[k], 3);
        int32_t x[40], y[40];
        const int32_t *px = x, *py = y;
        const size_t n = 40, shorter = 33;
        fill(x, n, 1);
        memcpy(y, x, sizeof y);
        y[33] = (y[33] + 1) % 50;
        run(m, 1, &px, &n, "final", &a, NULL);
        run(m, 1, &py, &n, "final", &b, NULL);
        assert_memory_equal(a.rows[0], b.rows[0], 33 * 24 * sizeof(float));
        assert_memory_not_equal(a.rows[0] + 33 * 24, b.rows[0] + 33 * 24, 24 * sizeof(float));
        run(m, 1, &px, &shorter, "final", &b, NULL);
        for (size_t i = 0; i < 33 * 24; i++) assert_near(b.rows[0][i], a.rows[0][i], 1e-5);
        model_free(m);
    }
}

static void neighbours_in_a_batch_change_nothing(void **state)
{
    (void)state;
    static caught alone, together;
    model *m = make(small_llama, 3);
    int32_t ids[5][MOST];
    const int32_t *p[5];
    const size_t length[5] = { 1, 80, 7, 33, 12 };
    for (size_t s = 0; s < 5; s++) {
        fill(ids[s], length[s], (uint32_t)s);
        p[s] = ids[s];
    }
    run(m, 5, p, length, "h.1.attn", &together, NULL);
    assert_int_equal(together.calls, 5);
    assert_true(together.in_order);
    for (size_t s = 0; s < 5; s++) {
        run(m, 1, p + s, length + s, "h.1.attn", &alone, NULL);
        for (size_t i = 0; i < length[s] * 24; i++) assert_near(together.rows[s][i], alone.rows[0][i], 1e-6);
    }
    model_free(m);
}

static void threads_change_no_byte(void **state)
{
    (void)state;
    static caught c[3];
    static int32_t ids[8][MOST];
    const int32_t *p[8];
    size_t length[8];
    float nll[3][8][MOST], *rows[8];
    model *m = make(small, 3);
    for (size_t s = 0; s < 8; s++) {
        length[s] = 80 - s;
        fill(ids[s], MOST, (uint32_t)s);
        p[s] = ids[s];
    }
    memset(nll, 0, sizeof nll);
    for (size_t k = 0; k < 3; k++) {
        threads_start(k + 1);
        for (size_t s = 0; s < 8; s++) rows[s] = nll[k][s];
        run(m, 8, p, length, "final", &c[k], rows);
    }
    threads_start(1);
    for (size_t k = 1; k < 3; k++) {
        assert_memory_equal(c[0].rows, c[k].rows, sizeof c[0].rows);
        assert_memory_equal(nll[0], nll[k], sizeof nll[0]);
    }
    model_free(m);
}

static void surprisal_is_minus_log_softmax_of_the_logits(void **state)
{
    (void)state;
    static caught c;
    err e = { 0 };
    model *m = make(small, 5);
    int32_t ids[20];
    const int32_t *p = ids;
    const size_t n = 20;
    float nll[20], *rows = nll, last[50];
    fill(ids, n, 4);
    run(m, 1, &p, &n, "logits", &c, &rows);
    assert_true(isnan(nll[0]));
    for (size_t t = 1; t < n; t++) {
        const float *l = c.rows[0] + (t - 1) * 50;
        double sum = 0;
        for (size_t k = 0; k < 50; k++) sum += exp((double)l[k]);
        assert_near(nll[t], log(sum) - (double)l[ids[t]], 1e-5);
    }
    assert_int_equal(model_next(m, ids, n, last, &e), 0);
    for (size_t k = 0; k < 50; k++) assert_near(last[k], c.rows[0][19 * 50 + k], 1e-5);
    model_free(m);
}

/* h.I = h.(I-1) + h.I.attn + h.I.mlp: the taps are what they are called. */
static void sublayers_add_up_to_the_residual_stream(void **state)
{
    (void)state;
    static caught before, attn, mlp, after;
    model *m = make(small_llama, 9);
    int32_t ids[30];
    const int32_t *p = ids;
    const size_t n = 30;
    fill(ids, n, 2);
    run(m, 1, &p, &n, "h.0", &before, NULL);
    run(m, 1, &p, &n, "h.1.attn", &attn, NULL);
    run(m, 1, &p, &n, "h.1.mlp", &mlp, NULL);
    run(m, 1, &p, &n, "h.1", &after, NULL);
    for (size_t i = 0; i < n * 24; i++)
        assert_near(after.rows[0][i], (double)before.rows[0][i] + (double)attn.rows[0][i] + (double)mlp.rows[0][i], 1e-6);
    model_free(m);
}

static void bad_batches_are_refused(void **state)
{
    (void)state;
    static caught c;
    err e = { 0 };
    model *m = make(small, 3);
    int32_t ids[100] = { 0 };
    const int32_t *p = ids;
    size_t n = 81;
    const char *tap = "final";
    model_batch b = { 1, &p, &n };
    assert_int_equal(model_forward(m, &b, &tap, 1, catch, &c, NULL, &e), -1);
    assert_says(e, "sequence 0 has 81 tokens, the model takes 1 to 80");
    n = 3;
    ids[2] = 50;
    assert_int_equal(model_forward(m, &b, &tap, 1, catch, &c, NULL, &e), -1);
    assert_says(e, "token 2: id 50 is not in the model's vocabulary of 50");
    ids[2] = -1;
    assert_int_equal(model_next(m, ids, 3, c.rows[0], &e), -1);
    assert_says(e, "id -1");
    model_free(m);
}

/* ---- weights by seed ---- */

static void untrained_weights_are_those_of_the_contract(void **state)
{
    (void)state;
    static caught c;
    model *m = make("gpt2,layers=2,width=24,heads=3,vocab=50,context=80", 11);
    const int32_t id = 7, *p = &id;
    const size_t one = 1;
    run(m, 1, &p, &one, "embed", &c, NULL);
    for (uint32_t j = 0; j < 24; j++) { /* wte is tensor 0, wpe tensor 1 */
        double want = 0.02 * rng_normal(11, RNG_WEIGHTS, 7 * 24 + j, 0, 0) + 0.02 * rng_normal(11, RNG_WEIGHTS, j, 1, 0);
        assert_near(c.rows[0][j], want, 1e-8);
    }
    assert_true(model_is_untrained(m));
    assert_non_null(strstr(model_identity(m), "seed 11"));
    model_free(m);
}

static void architectures_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "gptt2,layers=2", "architecture 'gptt2' is not known" }, { "gpt2,layer=2", "did you mean layers" },
        { "gpt2,layers=0", "layers is a whole number" },           { "gpt2,width=10,heads=3", "cannot be divided among 3 heads" },
        { "gpt2,kv-heads=2", "gpt2 has no kv-heads" },             { "llama,heads=4,kv-heads=3", "cannot share 3 key/value heads" },
        { "gpt2,layers", "is not KEY=VALUE" },                     { "mistral,layers=2", "read from a folder only" },
        { "llama,width=12,heads=4", "no rotary pairs" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err e = { 0 };
        model *m = NULL;
        assert_int_equal(model_architecture(&m, cases[i].text, 1, &e), -1);
        assert_null(m);
        assert_int_equal(e.kind, ERR_USAGE);
        assert_says(e, cases[i].says);
    }
}

/* ---- folders ---- */

static void saved_models_come_back_bit_for_bit(void **state)
{
    (void)state;
    static caught a, b;
    const char *const archs[] = { small, small_llama };
    for (int k = 0; k < 2; k++) {
        err e = { 0 };
        model *m = make(archs[k], 3), *again = NULL;
        const char *folder = test_path(k ? "saved-llama" : "saved-gpt2");
        int32_t ids[20];
        const int32_t *p = ids;
        const size_t n = 20;
        fill(ids, n, 4);
        if (model_save(m, folder, &e) || model_open(&again, folder, &e)) fail_msg("%s", err_text(&e));
        run(m, 1, &p, &n, "logits", &a, NULL);
        run(again, 1, &p, &n, "logits", &b, NULL);
        assert_memory_equal(a.rows[0], b.rows[0], n * 50 * sizeof(float));
        assert_false(model_is_untrained(again));
        assert_int_equal(strlen(model_identity(again)), 64);
        model_free(again);
        assert_int_equal(model_untrained(&again, folder, 3, &e), 0); /* the config alone and the seed give the same */
        run(again, 1, &p, &n, "logits", &b, NULL);
        assert_memory_equal(a.rows[0], b.rows[0], n * 50 * sizeof(float));
        model_free(again);
        model_free(m);
    }
}

/* CONTRACT: SHA-256 of the lines `sha256  name`, sorted by name. */
static void identity_is_the_hash_of_the_files(void **state)
{
    (void)state;
    err e = { 0 };
    model *m = make(small, 3), *again = NULL;
    const char *folder = test_path("identity");
    char path[1100], lines[400];
    sha_hex config, weights;
    assert_int_equal(model_save(m, folder, &e), 0);
    snprintf(path, sizeof path, "%s/config.json", folder);
    assert_int_equal(sha_file(path, &config, &e), 0);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    assert_int_equal(sha_file(path, &weights, &e), 0);
    snprintf(lines, sizeof lines, "%s  config.json\n%s  model.safetensors\n", config.hex, weights.hex);
    assert_int_equal(model_open(&again, folder, &e), 0);
    assert_string_equal(model_identity(again), sha_bytes(lines, strlen(lines)).hex);
    model_free(again);
    model_free(m);
}

/* A copy of the saved model whose weight file is header and data. */
static const char *damaged(const char *header, const void *data, size_t n, uint64_t claimed)
{
    static char folder[1024];
    err e = { 0 };
    char path[1100];
    snprintf(folder, sizeof folder, "%s", test_path("damaged"));
    model *m = make(small, 3);
    assert_int_equal(model_save(m, folder, &e), 0);
    model_free(m);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    FILE *f = fopen(path, "wb");
    uint64_t length = claimed ? claimed : strlen(header);
    assert_non_null(f);
    fwrite(&length, 8, 1, f);
    fwrite(header, 1, strlen(header), f);
    if (n) fwrite(data, 1, n, f);
    fclose(f);
    return folder;
}

static void headers_that_lie_are_refused(void **state)
{
    (void)state;
    static const char zeros[64];
    static const struct {
        const char *header, *says;
        size_t data;
        uint64_t claimed;
    } cases[] = {
        { "{}", "the header claims 4611686018427387904 bytes", 0, (uint64_t)1 << 62 },
        { "{}", "the header claims 3 bytes", 0, 3 },
        { "[]", "not a JSON object", 0, 0 },
        { "{\"a\":", "not JSON", 0, 0 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", "tensor a ends at byte 16 of the data, the file holds 8", 8, 0 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,16]}}", "3 elements of F32 are 12 bytes, the header gives it 16", 16, 0 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
          "a and b overlap", 12, 0 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", "belong to no tensor", 12, 0 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "cover 8 bytes of data, the file holds 12", 12, 0 },
        { "{\"a\":{\"dtype\":\"Q4\",\"shape\":[2],\"data_offsets\":[0,8]}}", "unknown dtype 'Q4'", 8, 0 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,8]}}", "overflows", 8, 0 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,8]}}", "dimension 0 is not a whole number", 8, 0 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", "not two rising whole numbers", 8, 0 },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", "not a whole number", 8, 0 },
        { "{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", "has no dtype", 8, 0 },
        { "{}", "the tensor transformer.wpe.weight is missing", 0, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err e = { 0 };
        model *m = NULL;
        const char *folder = damaged(cases[i].header, zeros, cases[i].data, cases[i].claimed);
        if (!model_open(&m, folder, &e)) fail_msg("case %zu was accepted", i);
        assert_null(m);
        assert_int_equal(e.kind, ERR_INPUT);
        assert_says(e, cases[i].says);
    }
}

/* Saves a model, changes the bytes of its weight file at the place of `what` in the header or at an offset from the end. */
static const char *changed(const char *what, const char *with, long from_end, const void *bytes, size_t n, long cut)
{
    static char folder[1024];
    err e = { 0 };
    char path[1100], *all = NULL;
    size_t size = 0;
    model *m = make(small, 3);
    snprintf(folder, sizeof folder, "%s", test_path("changed"));
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    assert_int_equal(model_save(m, folder, &e), 0);
    model_free(m);
    FILE *f = fopen(path, "rb");
    fseek(f, 0, SEEK_END);
    size = (size_t)ftell(f);
    rewind(f);
    all = malloc(size);
    assert_int_equal(fread(all, 1, size, f), size);
    fclose(f);
    if (what) {
        char *at = memmem(all, size, what, strlen(what));
        assert_non_null(at);
        memcpy(at, with, strlen(with));
    }
    if (n) memcpy(all + size - from_end, bytes, n);
    f = fopen(path, "wb");
    fwrite(all, 1, size - (size_t)cut, f);
    fclose(f);
    free(all);
    return folder;
}

static void refused(const char *folder, const char *says)
{
    err e = { 0 };
    model *m = NULL;
    if (!model_open(&m, folder, &e)) fail_msg("accepted, expected: %s", says);
    assert_int_equal(e.kind, ERR_INPUT);
    assert_says(e, says);
}

static void damaged_weights_are_named(void **state)
{
    (void)state;
    const float nan_value = NAN, inf_value = -INFINITY;
    /* the last tensors are ln_f.weight, ln_f.bias: 24 numbers each */
    refused(changed(NULL, NULL, 4 * 24, &nan_value, 4, 0), "tensor transformer.ln_f.bias holds NaN at element 0");
    refused(changed(NULL, NULL, 4 * 20, &inf_value, 4, 0), "tensor transformer.ln_f.bias holds -inf at element 4");
    refused(changed(NULL, NULL, 0, NULL, 0, 100), "truncated");
    refused(changed("h.1.mlp.c_fc.weight", "h.1.mlp.c_fd.weight", 0, NULL, 0, 0), "tensor transformer.h.1.mlp.c_fc.weight is missing");
    refused(changed("[24,72]", "[72,24]", 0, NULL, 0, 0), "is [72×24], config.json asks for [24×72]");
    refused(changed("\"F32\"", "\"I32\"", 0, NULL, 0, 0), "of dtype I32");
}

static void nan_in_a_matrix_is_named_by_row_and_column(void **state)
{
    (void)state;
    /* behind h.1.mlp.c_proj.weight [96×24]: its bias and ln_f's two vectors, 24 numbers each */
    const float value = NAN;
    refused(changed(NULL, NULL, 4 * (72 + 2 * 24 - 5), &value, 4, 0), "tensor transformer.h.1.mlp.c_proj.weight holds NaN at row 94, column 5");
}

static void configs_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *config, *says;
    } cases[] = {
        { "{\"model_type\":\"gptj\"}", "architecture 'gptj' is not known; known are gpt2, llama" },
        { "{}", "model_type is missing" },
        { "{\"model_type\":\"gpt2\"", "not JSON" },
        { "{\"model_type\":\"gpt2\",\"n_embd\":24,\"n_layer\":2}", "n_head is missing" },
        { "{\"model_type\":\"gpt2\",\"n_embd\":1e30,\"n_layer\":2,\"n_head\":1}", "n_embd is not a whole number" },
        { "{\"model_type\":\"gpt2\",\"n_embd\":25,\"n_layer\":2,\"n_head\":2}", "cannot be divided among 2 heads" },
        { "{\"model_type\":\"gpt2\",\"n_embd\":24,\"n_layer\":2,\"n_head\":2,\"activation_function\":\"mish\"}", "'mish' is not known" },
        { "{\"model_type\":\"llama\",\"hidden_size\":24,\"num_hidden_layers\":2,\"num_attention_heads\":2,\"intermediate_size\":8,"
          "\"rope_scaling\":{\"type\":\"yarn\"}}", "rope_scaling of type 'yarn' is not known" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err e = { 0 };
        model *m = make(small, 3);
        char folder[1024], path[1100];
        snprintf(folder, sizeof folder, "%s", test_path("config"));
        assert_int_equal(model_save(m, folder, &e), 0);
        model_free(m);
        snprintf(path, sizeof path, "%s/config.json", folder);
        FILE *f = fopen(path, "w");
        fputs(cases[i].config, f);
        fclose(f);
        refused(folder, cases[i].says);
    }
    refused(test_path("nowhere"), "config.json");
}

/* Bytes of the header changed at random: an error or a model, never a crash (run it under ASan). */
static void flipped_bytes_never_crash(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < 300; k++) {
        err e = { 0 };
        model *m = NULL;
        char path[1100];
        const char *folder = changed(NULL, NULL, 0, NULL, 0, 0);
        snprintf(path, sizeof path, "%s/%s", folder, k % 3 ? "model.safetensors" : "config.json");
        FILE *f = fopen(path, "r+b");
        assert_non_null(f);
        fseek(f, 0, SEEK_END);
        uint32_t size = (uint32_t)ftell(f), reach = k % 2 ? size : size < 3000 ? size : 3000;
        for (uint32_t j = 0; j < 1 + k % 4; j++) {
            fseek(f, (long)rng_below(k, 902, j, 0, 0, reach), SEEK_SET);
            fputc((int)rng_below(k, 902, j, 1, 0, 256), f);
        }
        if (k % 5 == 0) assert_int_equal(ftruncate(fileno(f), (off_t)rng_below(k, 902, 9, 0, 0, size)), 0);
        fclose(f);
        if (model_open(&m, folder, &e)) assert_true(e.kind == ERR_INPUT || e.kind == ERR_MEMORY);
        model_free(m);
    }
}

/* ---- taps ---- */

static void layers_are_named_once_in_the_order_of_the_network(void **state)
{
    (void)state;
    static const struct {
        const char *layers, *names;
    } cases[] = {
        { "all", "embed h.0 h.1 h.2 h.3 h.4 h.5 h.6 h.7 h.8 h.9 h.10 final" },
        { "h.9-10,h.2,embed,h.9", "embed h.2 h.9 h.10" },
        { "final,h.0-1.attn,logits", "h.0.attn h.1.attn final logits" },
        { "h.3.mlp,h.3,h.3.ln_1,h.3.ln_2,h.3.attn", "h.3.ln_1 h.3.attn h.3.ln_2 h.3.mlp h.3" },
    };
    model *m = make("gpt2,layers=11,width=8,heads=2,vocab=9,context=4", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err e = { 0 };
        char **names = NULL, text[400] = "";
        size_t n = 0;
        assert_int_equal(model_taps(m, cases[i].layers, &names, &n, &e), 0);
        for (size_t k = 0; k < n; k++) snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", k ? " " : "", names[k]);
        assert_string_equal(text, cases[i].names);
        free(names);
    }
    static const char *const bad[] = { "h.11", "h.5-4", "h.1.ln_3", "hello", "", "h.", "h.0-", "embed,,final" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err e = { 0 };
        char **names = NULL;
        size_t n = 0;
        if (!model_taps(m, bad[i], &names, &n, &e)) fail_msg("'%s' was accepted", bad[i]);
        assert_int_equal(e.kind, ERR_USAGE);
    }
    model_free(m);
}

static int start(void **state)
{
    (void)state;
    threads_start(1);
    blas_start();
    log_start(&(log_options){ .quiet = true, .stage = "test" });
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_sees_its_past_only),
        cmocka_unit_test(neighbours_in_a_batch_change_nothing),
        cmocka_unit_test(threads_change_no_byte),
        cmocka_unit_test(surprisal_is_minus_log_softmax_of_the_logits),
        cmocka_unit_test(sublayers_add_up_to_the_residual_stream),
        cmocka_unit_test(bad_batches_are_refused),
        cmocka_unit_test(untrained_weights_are_those_of_the_contract),
        cmocka_unit_test(architectures_are_checked),
        cmocka_unit_test(saved_models_come_back_bit_for_bit),
        cmocka_unit_test(identity_is_the_hash_of_the_files),
        cmocka_unit_test(headers_that_lie_are_refused),
        cmocka_unit_test(damaged_weights_are_named),
        cmocka_unit_test(nan_in_a_matrix_is_named_by_row_and_column),
        cmocka_unit_test(configs_are_checked),
        cmocka_unit_test(flipped_bytes_never_crash),
        cmocka_unit_test(layers_are_named_once_in_the_order_of_the_network),
    };
    return cmocka_run_group_tests(tests, start, test_clean);
}
