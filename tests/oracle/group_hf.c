/* SPDX-License-Identifier: MIT */
/* oracles/hf: every array of expected.h5 against the forward pass: taps, hidden states, logits, surprisal, greedy. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/model.h"
#include "broca/store.h"
#include "oracle.h"

typedef struct {
    oracle_result *r;
    store *file;
    size_t n, tokens;
    int32_t *input;
    int64_t *begin;
    size_t *length;
    const int32_t **ids;
    char **taps;         /* in the order that was asked */
    float **rows;        /* [n_taps] of all sequences together */
    size_t *width, n_taps;
    double absolute, relative;
} hf_case;

static int unreadable(oracle_result *r, const err *e)
{
    oracle_end(r, ORACLE_UNREADABLE, "%.500s", e->text);
    return -1;
}

static int sink(void *user, size_t sequence, size_t tap, const float *rows, size_t length, size_t width, err *e)
{
    hf_case *c = user;
    (void)e;
    memcpy(c->rows[tap] + (size_t)c->begin[sequence] * width, rows, length * width * sizeof *rows);
    return 0;
}

static int load(hf_case *c, err *e)
{
    size_t n = 0;
    if (store_read_i4(c->file, "input_ids", &c->input, &c->tokens, e)) return -1;
    if (store_read_i8(c->file, "item_begin", &c->begin, &n, e)) return -1;
    if (n < 2 || c->begin[0] != 0 || (size_t)c->begin[n - 1] != c->tokens)
        return err_set(e, ERR_INPUT, "item_begin does not cover input_ids");
    c->n = n - 1;
    c->length = mem_new(c->n, sizeof *c->length, e);
    c->ids = mem_new(c->n, sizeof *c->ids, e);
    if (!c->length || !c->ids) return -1;
    for (size_t i = 0; i < c->n; i++) {
        if (c->begin[i + 1] <= c->begin[i]) return err_set(e, ERR_INPUT, "item_begin does not rise");
        c->length[i] = (size_t)(c->begin[i + 1] - c->begin[i]);
        c->ids[i] = c->input + c->begin[i];
    }
    if (store_get_real(c->file, "/", "tolerance_abs", &c->absolute, e)) return -1;
    return store_get_real(c->file, "/", "tolerance_rel", &c->relative, e);
}

static void compare(hf_case *c, const char *name, const float *got, size_t count)
{
    double *want = NULL, *mine;
    size_t n = 0;
    err e = { 0 };
    if (store_read_f8(c->file, name, &want, &n, &e)) {
        unreadable(c->r, &e);
    } else if (n != count) {
        oracle_end(c->r, ORACLE_FAIL, "%s: %zu values, expected %zu", name, count, n);
    } else if ((mine = mem_new(n, sizeof *mine, &e))) {
        for (size_t i = 0; i < n; i++) mine[i] = (double)got[i];
        oracle_near(c->r, name, mine, want, n, c->absolute, c->relative);
        free(mine);
    }
    free(want);
}

static void compare_hidden(hf_case *c, size_t layers)
{
    char name[64], tap[64];
    for (size_t k = 0; k <= layers; k++) {
        snprintf(name, sizeof name, "hidden_states/%zu", k);
        if (!store_has(c->file, name)) {
            oracle_end(c->r, ORACLE_FAIL, "%s is not in the case, the model has %zu layers", name, layers);
            return;
        }
        if (k == 0) snprintf(tap, sizeof tap, "embed");
        else if (k == layers) snprintf(tap, sizeof tap, "final");
        else snprintf(tap, sizeof tap, "h.%zu", k - 1);
        for (size_t i = 0; i < c->n_taps; i++)
            if (str_same(c->taps[i], tap)) compare(c, name, c->rows[i], c->tokens * c->width[i]);
    }
}

static int forward(hf_case *c, const model *m, const model_batch *batch, float **nll, err *e)
{
    char **listed = NULL, name[256];
    int status = -1;
    if (store_list(c->file, "tap", &listed, &c->n_taps, e)) return -1;
    c->taps = mem_new(c->n_taps + 1, sizeof *c->taps, e);
    c->rows = mem_new(c->n_taps + 1, sizeof *c->rows, e);
    c->width = mem_new(c->n_taps + 1, sizeof *c->width, e);
    if (!c->taps || !c->rows || !c->width) goto done;
    for (size_t i = 0; i < c->n_taps; i++)
        if (!(c->taps[i] = mem_text(listed[i], e))) goto done;
    if (store_has(c->file, "logits")) {
        if (!(c->taps[c->n_taps] = mem_text("logits", e))) goto done;
        c->n_taps++;
    }
    for (size_t i = 0; i < c->n_taps; i++) {
        c->width[i] = model_tap_width(m, c->taps[i]);
        if (!(c->rows[i] = mem_new(c->tokens * c->width[i], sizeof(float), e))) goto done;
    }
    if (model_forward(m, batch, (const char *const *)c->taps, c->n_taps, sink, c, nll, e)) goto done;
    for (size_t i = 0; i < c->n_taps; i++) {
        bool logits = str_same(c->taps[i], "logits");
        snprintf(name, sizeof name, "%s%.200s", logits ? "" : "tap/", c->taps[i]);
        compare(c, name, c->rows[i], c->tokens * c->width[i]);
    }
    if (!str_same(model_about(m)->family, "suma")) compare_hidden(c, model_about(m)->layers); /* its taps are all it has */
    status = 0;
done:
    free(listed);
    return status;
}

static int check_arrays(hf_case *c, const model *m, err *e)
{
    int status = -1;
    model_batch batch = { c->n, c->ids, c->length };
    bool wanted = store_has(c->file, "surprisal");
    float *all = mem_new(c->tokens, sizeof *all, e), **nll = mem_new(c->n, sizeof *nll, e);
    if (!all || !nll) goto done;
    for (size_t i = 0; i < c->n; i++) nll[i] = all + c->begin[i];
    if (forward(c, m, &batch, wanted ? nll : NULL, e)) goto done;
    if (wanted) compare(c, "surprisal", all, c->tokens);
    status = 0;
done:
    free(all);
    free(nll);
    return status;
}

/* Continues prompt_ids by argmax (ties: smallest id) and compares id by id. */
static int check_greedy(hf_case *c, const model *m, err *e)
{
    int32_t *want = NULL, *prompt = NULL, *ids = NULL;
    size_t n = 0, n_prompt = 0, v = model_about(m)->vocabulary;
    float *logits = mem_new(v, sizeof *logits, e);
    int status = -1;
    if (!logits || store_read_i4(c->file, "greedy/ids", &want, &n, e) ||
        store_read_i4(c->file, "greedy/prompt_ids", &prompt, &n_prompt, e) || !(ids = mem_new(n, sizeof *ids, e)))
        goto done;
    for (size_t i = 0; i < n; i++) {
        size_t best = 0;
        if (i < n_prompt) {
            ids[i] = prompt[i];
            continue;
        }
        if (model_next(m, ids, i, logits, e)) goto done;
        for (size_t k = 1; k < v; k++)
            if (logits[k] > logits[best]) best = k;
        ids[i] = (int32_t)best;
        if (ids[i] != want[i] && c->r->status != ORACLE_FAIL)
            oracle_end(c->r, ORACLE_FAIL, "greedy/ids[%zu]: %d, expected %d", i, ids[i], want[i]);
    }
    status = 0;
done:
    free(want);
    free(prompt);
    free(ids);
    free(logits);
    return status;
}

/* Families of later issues are known by their config alone. */
static bool known(const char *folder, char *type, size_t room)
{
    static const char *const families[] = { "gpt2", "llama", "mistral", "qwen2", "suma" };
    char path[2048];
    json *j = NULL;
    bool found = false;
    err e = { 0 };
    snprintf(path, sizeof path, "%.1900s/config.json", folder);
    snprintf(type, room, "unreadable config.json");
    if (json_read(&j, path, 1 << 24, &e)) return false;
    snprintf(type, room, "%.60s", json_text(json_get(j, "model_type"), "no model_type"));
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) found = found || str_same(families[i], type);
    json_free(j);
    return found;
}

static int where(const oracle_case *c, store *file, char *folder, size_t room, err *e)
{
    char *dir = NULL;
    int n;
    if (!store_has_attribute(file, "/", "model_dir")) {
        snprintf(folder, room, "%s", c->path);
        return 0;
    }
    if (store_get_text(file, "/", "model_dir", &dir, e)) return -1;
    n = str_same(dir, ".") ? snprintf(folder, room, "%s", c->path) : snprintf(folder, room, "%s/%s", c->path, dir);
    free(dir);
    return n > 0 && (size_t)n < room ? 0 : err_set(e, ERR_INPUT, "model_dir is too long");
}

static void hf_free(hf_case *c)
{
    for (size_t i = 0; i < c->n_taps; i++) {
        if (c->taps) free(c->taps[i]);
        if (c->rows) free(c->rows[i]);
    }
    free(c->taps);
    free(c->rows);
    free(c->width);
    free(c->length);
    free(c->ids);
    free(c->begin);
    free(c->input);
    store_close(c->file);
}

oracle_status check_hf(const oracle_case *c, oracle_result *r)
{
    hf_case h = { .r = r };
    model *m = NULL;
    err e = { 0 };
    char path[1024], folder[3072], type[64];
    snprintf(path, sizeof path, "%.1000s/expected.h5", c->path);
    if (store_open(&h.file, path, NULL, &e) || where(c, h.file, folder, sizeof folder, &e)) {
        unreadable(r, &e);
        goto done;
    }
    snprintf(path, sizeof path, "%.1000s/model.bin", c->path);
    if (file_exists(path)) {
        oracle_end(r, ORACLE_SKIP, "weights in llama2.c's .bin are not known yet");
        goto done;
    }
    if (!known(folder, type, sizeof type)) {
        char weights[3200];
        snprintf(weights, sizeof weights, "%.3000s/config.json", folder);
        if (file_exists(weights)) oracle_end(r, ORACLE_SKIP, "architecture %s is not known yet", type);
        else oracle_end(r, ORACLE_UNREADABLE, "%s", type);
        goto done;
    }
    if (load(&h, &e) || model_open(&m, folder, &e) || check_arrays(&h, m, &e) ||
        (store_has(h.file, "greedy/ids") && check_greedy(&h, m, &e)))
        unreadable(r, &e);
done:
    model_free(m);
    hf_free(&h);
    return r->status;
}
