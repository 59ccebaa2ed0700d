/* SPDX-License-Identifier: MIT */
/* topolm_small REFERENCE TEXTS RUN STEPS [OUT]: trains a run of reference/topolm_small (topo_s1, control_s1, ...) from its inputs
 * and prints what can be compared, a line "name value" each: how the inputs agree, the largest differences from
 * first_100_steps.tsv (topo_s1), and after STEPS the held-out losses. With OUT the model is saved there. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/model.h"
#include "broca/num.h"
#include "broca/store.h"
#include "broca/train.h"

enum { STEPS = 1200, HELD_OUT = 64, LIMIT = 64 << 20 };

typedef struct {
    int32_t *id;
    size_t n, room;
} token_file;

typedef struct {
    const char *reference, *texts;
    json *check, *tokens;
    token_file train, held_out;
    trainer *t;
    uint64_t seed;
    double alpha;
    train_placement placement;
} setting;

/* ---- tokens ---- */

static int add_text(token_file *f, const tokenizer *k, const char *path, int32_t end, err *e)
{
    char *text = NULL;
    size_t bytes;
    token_list l = { 0 };
    void *at = f->id;
    int status = -1;
    if (file_read(&text, &bytes, path, LIMIT, e) || tokenizer_encode(k, text, bytes, false, &l, e)) goto done;
    if (mem_grow(&at, f->n + l.n + 1, sizeof *f->id, e)) goto done;
    f->id = at;
    memcpy(f->id + f->n, l.id, l.n * sizeof *l.id);
    f->n += l.n;
    f->id[f->n++] = end;
    status = 0;
done:
    free(text);
    token_list_free(&l);
    return status;
}

static int read_texts(setting *s, token_file *f, const char *key, const tokenizer *k, err *e)
{
    const json *texts = json_get(s->tokens, key);
    for (const json *j = json_first(texts); j; j = json_next(j)) {
        char *path = str_format(e, "%s/%s.txt", s->texts, json_key(j));
        int status = path ? add_text(f, k, path, (int32_t)tokenizer_vocabulary(k) - 1, e) : -1;
        free(path);
        if (status) return -1;
    }
    return 0;
}

static sha_hex hash_u2(const int32_t *id, size_t n)
{
    uint16_t *x = malloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = (uint16_t)id[i];
    sha_hex h = sha_bytes(x, n * sizeof *x);
    free(x);
    return h;
}

static int equal_hash(const char *name, sha_hex ours, const json *theirs)
{
    bool same = str_same(ours.hex, json_text(theirs, ""));
    printf("%s %s\n", name, same ? "equal" : "differ");
    return same ? 0 : -1;
}

static int read_tokens(setting *s, err *e)
{
    tokenizer *k = NULL;
    char *path = str_format(e, "%s/tokenizer.json", s->reference);
    int status = -1;
    if (!path || tokenizer_open_file(&k, path, e) || read_texts(s, &s->train, "train_texts", k, e) ||
        read_texts(s, &s->held_out, "held_out_texts", k, e))
        goto done;
    equal_hash("training_tokens", hash_u2(s->train.id, s->train.n), json_get(json_get(s->tokens, "train"), "sha256"));
    equal_hash("held_out_tokens", hash_u2(s->held_out.id, s->held_out.n), json_get(json_get(s->tokens, "held_out"), "sha256"));
    status = 0;
done:
    free(path);
    tokenizer_free(k);
    return status;
}

/* ---- what is drawn ---- */

static void check_draws(const setting *s, const json *seed, err *e)
{
    const train_plan *p = trainer_plan(s->t);
    size_t taps = trainer_taps(s->t), d = trainer_model(s->t)->width, k = trainer_model(s->t)->neighbourhoods, n = 0;
    uint32_t *offset = malloc(STEPS * p->windows * sizeof *offset);
    uint8_t *place = malloc(taps * d * 2), *choice = malloc(STEPS * taps * k);
    size_t *chosen = malloc(k * sizeof *chosen);
    for (size_t i = 0; i < STEPS; i++)
        for (size_t w = 0; w < p->windows; w++) offset[i * p->windows + w] = (uint32_t)train_offset(s->seed, i, w, s->train.n, p->length);
    equal_hash("window_offsets", sha_bytes(offset, STEPS * p->windows * sizeof *offset), json_get(seed, "offsets_sha256_uint32"));
    for (size_t t = 0; t < taps; t++)
        for (size_t i = 0; i < 2 * d; i++) place[t * 2 * d + i] = (uint8_t)trainer_positions(s->t, t)[i];
    equal_hash("layouts", sha_bytes(place, taps * d * 2), json_get(seed, "positions_sha256_uint8"));
    for (size_t i = 0; i < STEPS; i++)
        for (size_t t = 0; t < taps; t++) {
            trainer_draw(s->t, i, 0, t, chosen, e);
            for (size_t j = 0; j < k; j++) choice[n++] = (uint8_t)chosen[j];
        }
    equal_hash("neighbourhood_draws", sha_bytes(choice, n), json_get(seed, "choice_sha256_uint8"));
    free(offset);
    free(place);
    free(choice);
    free(chosen);
}

/* First three numbers (as [out×in]) and sums, in units of what float32 rounding of their prints allows. */
static double weight_difference(const train_tensor *s, const json *j)
{
    const float *x = s->value;
    bool in_out = strstr(s->name, ".h.") != NULL;
    double sum = 0, squares = 0, most = 0;
    size_t i = 0;
    for (size_t k = 0; k < s->elements; k++) sum += (double)x[k], squares += (double)x[k] * (double)x[k];
    for (const json *f = json_first(json_get(j, "first")); f; f = json_next(f), i++)
        most = fmax(most, fabs((double)x[in_out ? i * s->columns : i] / json_number(f, NAN) - 1));
    most = fmax(most, fabs(sum - json_number(json_get(j, "sum"), NAN)) / fabs(sum));
    return fmax(most, fabs(squares / json_number(json_get(j, "sum_of_squares"), NAN) - 1));
}

static void check_weights(const setting *s, const json *seed)
{
    static const char *const names[] = { "wte.weight", "wpe.weight" };
    double most = 0;
    size_t n = 0;
    for (const json *j = json_first(json_get(seed, "weights")); j; j = json_next(j)) {
        const train_tensor *found = NULL;
        while (n < trainer_tensors(s->t) && !(found = trainer_tensor(s->t, n++))->columns) found = NULL;
        most = found ? fmax(most, weight_difference(found, j)) : INFINITY;
        if (n <= 2 && found && !str_ends(found->name, names[n - 1])) most = INFINITY;
    }
    printf("weights_relative_difference %.3g\n", most);
}

static void check_validation(const setting *s)
{
    size_t i = 0, wrong = 0;
    for (const json *j = json_first(json_get(s->check, "validation_offsets")); j; j = json_next(j), i++)
        wrong += train_validation_offset(i, HELD_OUT, s->held_out.n, 128) != (size_t)json_number(j, -1);
    printf("validation_offsets %s\n", i == HELD_OUT && !wrong ? "equal" : "differ");
}

/* ---- the run ---- */

static void windows_at(const token_file *f, const size_t *offset, size_t n, size_t length, int32_t *out)
{
    for (size_t i = 0; i < n; i++) memcpy(out + i * (length + 1), f->id + offset[i], (length + 1) * sizeof *out);
}

typedef struct { double ce, spatial, norm; size_t n; } differences;

static int cell(const table *first, size_t step, const char *name, double *out, err *e)
{
    size_t column;
    return table_find(first, name, &column, e) || table_number(first, step, column, out, e) ? -1 : 0;
}

static int compare_step(differences *d, const table *first, size_t step, const train_stats *s, err *e)
{
    double ce, spatial, gradient;
    if (cell(first, step, "train_ce", &ce, e) || cell(first, step, "train_spatial", &spatial, e) ||
        cell(first, step, "grad_norm", &gradient, e))
        return -1;
    d->ce = fmax(d->ce, fabs(s->ce - ce));
    d->spatial = fmax(d->spatial, fabs(s->spatial - spatial));
    d->norm = fmax(d->norm, fabs(s->gradient_norm - gradient));
    d->n++;
    return 0;
}

static int train_run(setting *s, size_t steps, const table *first, err *e)
{
    const train_plan *p = trainer_plan(s->t);
    differences d = { 0 };
    size_t offset[64];
    double began = clock_s(), cpu = clock_cpu_s();
    train_stats stats = { 0 };
    int32_t *at = mem_new(p->windows * (p->length + 1), sizeof *at, e);
    if (!at) return -1;
    for (size_t i = 0; i < steps; i++) {
        for (size_t w = 0; w < p->windows; w++) offset[w] = train_offset(s->seed, i, w, s->train.n, p->length);
        windows_at(&s->train, offset, p->windows, p->length, at);
        if (trainer_step(s->t, at, i, train_rate(p, i), &stats, e)) break;
        if (first && i < table_rows(first) && compare_step(&d, first, i, &stats, e)) break;
        if (i % 50 == 0) fprintf(stderr, "step %zu: CE %.4f, spatial loss %.4f, gradient norm %.4f\n", i, stats.ce, stats.spatial, stats.gradient_norm);
    }
    free(at);
    if (trainer_updates(s->t) != steps) return -1;
    if (first) printf("compared_steps %zu\nce_difference %.3g\nspatial_difference %.3g\nnorm_difference %.3g\n", d.n, d.ce, d.spatial, d.norm);
    double tokens = (double)(steps * p->windows * p->length);
    printf("tokens_per_second %.0f\ntokens_per_cpu_second %.0f\n", tokens / (clock_s() - began), tokens / (clock_cpu_s() - cpu));
    return 0;
}

static int held_out(setting *s, err *e)
{
    double ce, spatial[64], mean = 0;
    size_t offset[HELD_OUT], taps = trainer_taps(s->t);
    int32_t at[HELD_OUT * 129];
    for (size_t i = 0; i < HELD_OUT; i++) offset[i] = train_validation_offset(i, HELD_OUT, s->held_out.n, 128);
    windows_at(&s->held_out, offset, HELD_OUT, 128, at);
    if (trainer_evaluate(s->t, at, HELD_OUT, &ce, spatial, e)) return -1;
    for (size_t i = 0; i < taps; i++) mean += spatial[i] / (double)taps;
    printf("held_out_ce %.5f\nheld_out_spatial %.5f\n", ce, mean);
    return 0;
}

static int prepare(setting *s, const char *run, err *e)
{
    train_model m;
    train_plan p;
    train_defaults(&m, &p);
    m.vocabulary = 4096, m.context = 128, m.layers = 4, m.width = 196, m.heads = 4, m.sheet_rows = m.sheet_columns = 14;
    m.end = 4095;
    m.alpha = str_begins(run, "control") ? 0 : .25;
    m.placement = str_begins(run, "post") ? TRAIN_POST : TRAIN_PRE;
    s->seed = str_ends(run, "2") ? 2 : 1;
    return trainer_new(&s->t, &m, &p, s->seed, e);
}

int main(int argc, char **argv)
{
    setting s = { 0 };
    err e = { 0 };
    table *first = NULL;
    size_t steps;
    char path[2048];
    int status = 1;
    if (argc < 5 || parse_size(argv[4], &steps)) {
        fprintf(stderr, "usage: topolm_small REFERENCE TEXTS RUN STEPS [OUT]\n");
        return 2;
    }
    threads_start(getenv("THREADS") ? (size_t)atoi(getenv("THREADS")) : 0);
    blas_start();
    s.reference = argv[1];
    s.texts = argv[2];
    snprintf(path, sizeof path, "%s/inputs_check.json", s.reference);
    if (json_read(&s.check, path, LIMIT, &e)) goto done;
    snprintf(path, sizeof path, "%s/tokens.json", s.reference);
    if (json_read(&s.tokens, path, LIMIT, &e) || read_tokens(&s, &e) || prepare(&s, argv[3], &e)) goto done;
    const json *seed = json_get(s.check, s.seed == 1 ? "seed_1" : "seed_2");
    check_draws(&s, seed, &e);
    check_weights(&s, seed);
    check_validation(&s);
    snprintf(path, sizeof path, "%s/first_100_steps.tsv", s.reference);
    if (str_same(argv[3], "topo_s1") && table_read(&first, path, '\t', true, &e)) goto done;
    if (train_run(&s, steps, first, &e) || held_out(&s, &e)) goto done;
    if (argc > 5 && trainer_save(s.t, argv[5], false, &e)) goto done;
    status = 0;
done:
    if (status) fprintf(stderr, "topolm_small: %s\n", err_text(&e));
    trainer_free(s.t);
    free(s.train.id);
    free(s.held_out.id);
    json_free(s.check);
    json_free(s.tokens);
    table_free(first);
    return status;
}
