/* SPDX-License-Identifier: MIT */
/* train ROW FOLDER THREADS: steps of a GPT-2 of 124M parameters (12 × 768, vocabulary 50,257), 4 windows of 256 tokens a step.
 * Rows: E fp32, Es fp32 with the spatial loss, Eb and Ebs the same in bf16; S... : a small network, for trying this out.
 * The first weights, the tokens, the layouts and the neighbourhoods lie in FOLDER for the peer. Prints seconds a step. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"
#include "broca/store.h"
#include "broca/train.h"

enum { STEPS = 6, WARM = 2, SEED = 1 };

static int write_numbers(const char *folder, const char *name, const void *at, size_t bytes, err *e)
{
    char *path = str_format(e, "%s/%s", folder, name);
    int status = path ? atomic_write(path, at, bytes, e) : -1;
    free(path);
    return status;
}

static void settings(const char *row, train_model *m, train_plan *p)
{
    bool small = row[0] == 'S';
    train_defaults(m, p);
    m->vocabulary = small ? 500 : 50257;
    m->context = small ? 64 : 1024;
    m->layers = small ? 2 : 12;
    m->width = small ? 48 : 768;
    m->heads = small ? 4 : 12;
    m->bias = true;
    m->sheet_rows = m->sheet_columns = 0;
    p->windows = 4;
    p->length = small ? 64 : 256;
    p->peak = 3e-4, p->floor = 3e-5, p->warmup = 2, p->steps = 100;
    if (strchr(row, 's')) {
        m->sheet_rows = small ? 6 : 24;
        m->sheet_columns = small ? 8 : 32;
        m->radius = small ? 2 : 5;
        m->alpha = 2.5;
    }
    if (strchr(row, 'b')) m->precision = TRAIN_BF16;
}

/* Positions [taps×width×2] f4 and members of the drawn neighbourhoods [steps×taps×k×members] i4. */
static int write_sheets(const trainer *t, const char *folder, err *e)
{
    const train_model *m = trainer_model(t);
    size_t taps = trainer_taps(t), d = m->width, k = m->neighbourhoods, members = (2 * m->radius - 1) * (2 * m->radius - 1), n = 0;
    float *positions = mem_new(taps * d * 2, sizeof *positions, e);
    int32_t *drawn = mem_new(STEPS * taps * k * members, sizeof *drawn, e);
    size_t *chosen = mem_new(k, sizeof *chosen, e);
    int status = -1;
    if (!positions || !drawn || !chosen) goto done;
    for (size_t i = 0; i < taps; i++) memcpy(positions + i * d * 2, trainer_positions(t, i), d * 2 * sizeof *positions);
    for (size_t s = 0; s < STEPS; s++)
        for (size_t i = 0; i < taps; i++) {
            const size_t *list;
            if (trainer_draw(t, s, 0, i, chosen, e)) goto done;
            for (size_t j = 0; j < k; j++)
                for (size_t q = 0, of = trainer_members(t, i, chosen[j], &list); q < of; q++) drawn[n++] = (int32_t)list[q];
        }
    status = write_numbers(folder, "positions.f4", positions, taps * d * 2 * sizeof *positions, e) ||
             write_numbers(folder, "neighbourhoods.i4", drawn, n * sizeof *drawn, e);
done:
    free(positions);
    free(drawn);
    free(chosen);
    return status;
}

static int run(const char *row, const char *folder, err *e)
{
    train_model m;
    train_plan p;
    trainer *t = NULL;
    train_stats s[STEPS];
    double wall[STEPS], cpu[STEPS], all = 0, work = 0;
    int status = -1;
    settings(row, &m, &p);
    size_t n = p.windows * (p.length + 1);
    int32_t *tokens = mem_new(STEPS * n, sizeof *tokens, e);
    char *weights = str_format(e, "%s/weights.safetensors", folder);
    if (!tokens || !weights || folder_make(folder, e) || trainer_new(&t, &m, &p, SEED, e)) goto done;
    for (size_t i = 0; i < STEPS * n; i++) tokens[i] = (int32_t)rng_below(SEED, 100, (uint32_t)i, 0, 0, (uint32_t)m.vocabulary);
    if (!file_exists(weights) && trainer_write_weights(t, weights, e)) goto done;
    if (write_numbers(folder, "tokens.i4", tokens, STEPS * n * sizeof *tokens, e) || (trainer_taps(t) && write_sheets(t, folder, e)))
        goto done;
    for (size_t i = 0; i < STEPS; i++) {
        double at = clock_s(), used = clock_cpu_s();
        if (trainer_step(t, tokens + i * n, i, train_rate(&p, i), &s[i], e)) goto done;
        wall[i] = clock_s() - at;
        cpu[i] = clock_cpu_s() - used;
    }
    for (size_t i = WARM; i < STEPS; i++) all += wall[i] / (STEPS - WARM), work += cpu[i] / (STEPS - WARM);
    printf("seconds\t%.4f\tcpu\t%.4f\tmb\t%.0f\tgflop\t%.1f\tcore\t%s\n", all, work, (double)clock_peak_bytes() / 1048576,
           train_flops(trainer_model(t), trainer_plan(t)) / 1e9, blas_name());
    for (size_t i = 0; i < STEPS; i++)
        printf("step%zu\t%.4f\tce%zu\t%.6f\tspatial%zu\t%.6f\tnorm%zu\t%.5f\n", i, wall[i], i, s[i].ce, i, s[i].spatial, i, s[i].gradient_norm);
    status = 0;
done:
    trainer_free(t);
    free(tokens);
    free(weights);
    return status;
}

int main(int argc, char **argv)
{
    err e = { 0 };
    size_t threads;
    if (argc < 4 || parse_size(argv[3], &threads)) {
        fprintf(stderr, "usage: train ROW FOLDER THREADS\n");
        return 2;
    }
    threads_start(threads);
    blas_start();
    if (!run(argv[1], argv[2], &e)) return 0;
    fprintf(stderr, "train: %s\n", err_text(&e));
    return 1;
}
