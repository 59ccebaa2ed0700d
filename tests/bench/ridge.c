/* SPDX-License-Identifier: MIT */
/* bench/ridge ROW FOLDER [THREADS]: rows A, Ar, B, C of the encoding engine on synthetic data (features with a decaying
 * spectrum, one response in five pure noise). Without data in FOLDER it makes them (X.f4, Y.f4, shape.txt, gammas.f8); then it fits
 * every outer fold and writes r.f8 and alpha.f8, for the peers to compare with. Prints seconds and peak memory. With
 * BENCH_EXHAUSTIVE=1 every alpha is scored in fp64. `ridge peak FOLDER THREADS` prints the best GFLOP/s of sgemm, `ridge agree
 * FOLDER PEER` how far a peer's answers are from ours. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "broca/num.h"

typedef struct {
    const char *name;
    size_t n, p, v, bands, n_alphas, gammas, outer;
    double low, high;
    select_by select;
} shape;

static const shape shapes[] = {
    { "A", 384, 768, 12155, 1, 20, 1, 5, -5, 8, SELECT_R2 },   { "Ar", 384, 768, 12155, 1, 20, 1, 5, -5, 8, SELECT_R },
    { "B", 2500, 3072, 10000, 1, 10, 1, 5, 1, 7, SELECT_MSE }, { "C", 1250, 1536, 10000, 3, 10, 20, 5, 0, 6, SELECT_MSE },
    { "S", 200, 300, 2000, 1, 20, 1, 5, -5, 8, SELECT_R2 },    { "T", 700, 900, 2000, 3, 6, 8, 5, 0, 6, SELECT_MSE },
};

static float *file_read(const char *folder, const char *name, size_t cells)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    float *x = f ? malloc(cells * sizeof *x) : NULL;
    if (x && fread(x, sizeof *x, cells, f) != cells) {
        free(x);
        x = NULL;
    }
    if (f) fclose(f);
    return x;
}

static void file_write(const char *folder, const char *name, const void *at, size_t bytes)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(at, 1, bytes, f) != bytes || fclose(f)) {
        perror(path);
        exit(1);
    }
}

/* X = N(0,1)·diag(spectrum)·mixing is what a real layer looks like; here columns share 50 slow factors of falling size. */
static void make(const shape *s, const char *folder, float *x, float *y, double *gammas)
{
    enum { FACTORS = 50 };
    err e = { 0 };
    double *factors = calloc(s->n * FACTORS, sizeof *factors), *load = calloc(FACTORS * s->p, sizeof *load);
    for (size_t k = 0; k < FACTORS; k++) {
        double previous = 0;
        for (size_t i = 0; i < s->n; i++) {
            previous = 0.6 * previous + rng_normal(7, RNG_SIM_NOISE, (uint32_t)i, (uint32_t)k, 1);
            factors[i * FACTORS + k] = previous * pow((double)k + 1, -0.7);
        }
        for (size_t j = 0; j < s->p; j++) load[k * s->p + j] = rng_normal(7, RNG_SIM_NOISE, (uint32_t)j, (uint32_t)k, 2);
    }
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = 0; j < s->p; j++) {
            double sum = 0.3 * rng_normal(7, RNG_SIM_NOISE, (uint32_t)i, (uint32_t)j, 3);
            for (size_t k = 0; k < FACTORS; k++) sum += factors[i * FACTORS + k] * load[k * s->p + j];
            x[i * s->p + j] = (float)sum;
        }
#pragma omp parallel for
    for (size_t v = 0; v < s->v; v++)
        for (size_t i = 0; i < s->n; i++) {
            double sum = 0;
            for (uint32_t k = 0; k < 20 && v % 5; k++)
                sum += x[i * s->p + (k * 37 + v) % s->p] * rng_normal(7, RNG_SIM_NOISE, (uint32_t)v, k, 4);
            y[i * s->v + v] = (float)(sum / 12 + rng_normal(7, RNG_SIM_NOISE, (uint32_t)v, (uint32_t)i, 5));
        }
    file_write(folder, "X.f4", x, s->n * s->p * sizeof *x);
    file_write(folder, "Y.f4", y, s->n * s->v * sizeof *y);
    if (gammas) file_write(folder, "gammas.f8", gammas, s->gammas * s->bands * sizeof *gammas);
    free(factors);
    free(load);
    err_clear(&e);
}

static size_t low(size_t n, size_t folds_count, size_t k)
{
    size_t q = n / folds_count, r = n % folds_count;
    return k * q + (k < r ? k : r);
}

/* Contiguous folds; inner ones of the training rows. */
static void cut(uint8_t *train, uint8_t *test, uint8_t *inner_train, uint8_t *inner_test, size_t n, size_t fold_number, size_t count)
{
    size_t m = 0, at = 0;
    for (size_t i = 0; i < n; i++) {
        test[i] = i >= low(n, count, fold_number) && i < low(n, count, fold_number + 1);
        train[i] = !test[i];
        m += train[i];
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < 5 && train[i]; k++) {
            inner_test[k * n + i] = at >= low(m, 5, k) && at < low(m, 5, k + 1);
            inner_train[k * n + i] = !inner_test[k * n + i];
        }
        at += train[i];
    }
}

typedef struct { const float *y; size_t n, v; } matrix;
static int columns(void *context, size_t first, size_t width, double *out, err *e)
{
    const matrix *m = context;
    (void)e;
    for (size_t i = 0; i < m->n; i++)
        for (size_t j = 0; j < width; j++) out[i * width + j] = (double)m->y[i * m->v + first + j];
    return 0;
}

/* Best of ten single-threaded products side by side, of the engine's shape: GFLOP/s. */
static double peak(void)
{
    enum { M = 400, N = 256, K = 1600 };
    double best = 0;
    for (int round = 0; round < 10; round++) {
        double start = clock_s(), done = 0;
#pragma omp parallel num_threads(threads_count()) reduction(+ : done)
        {
            float *a = calloc(M * K, sizeof *a), *b = calloc(K * N, sizeof *b), *c = calloc(M * N, sizeof *c);
            for (size_t i = 0; i < M * K; i++) a[i] = (float)(i % 7);
            for (size_t i = 0; i < K * N; i++) b[i] = (float)(i % 5);
            for (int k = 0; k < 30; k++) {
                gemm_f4(false, false, M, N, K, 1, a, K, b, N, 0, c, N);
                done += 2.0 * M * N * K;
            }
            free(a);
            free(b);
            free(c);
        }
        best = fmax(best, done / (clock_s() - start) / 1e9);
    }
    return best;
}

static double *numbers(const char *folder, const char *name, size_t *n)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    struct stat info;
    if (!f || fstat(fileno(f), &info)) return NULL;
    *n = (size_t)info.st_size / sizeof(double);
    double *x = malloc(*n * sizeof *x);
    if (fread(x, sizeof *x, *n, f) != *n) *n = 0;
    fclose(f);
    return x;
}

/* Share of equal alphas, and the largest difference of r where they are. */
static int agree(const char *folder, const char *peer)
{
    char name[256];
    size_t n, m, equal = 0;
    double worst = 0;
    double *alpha = numbers(folder, "ours_alpha.f8", &n), *r = numbers(folder, "ours_r.f8", &n);
    snprintf(name, sizeof name, "%s_alpha.f8", peer);
    double *their_alpha = numbers(folder, name, &m);
    snprintf(name, sizeof name, "%s_r.f8", peer);
    double *their_r = numbers(folder, name, &m);
    if (!alpha || !r || !their_alpha || !their_r || n != m) return 1;
    for (size_t i = 0; i < n; i++) {
        if (fabs(alpha[i] / their_alpha[i] - 1) > 1e-3) continue;
        equal++;
        if (fabs(r[i] - their_r[i]) > worst) worst = fabs(r[i] - their_r[i]);
    }
    printf("alphas equal %.4f, r within %.1e there\n", (double)equal / (double)n, worst);
    return 0;
}

int main(int argc, char **argv)
{
    const shape *s = NULL;
    err e = { 0 };
    threads_start(argc > 3 ? (size_t)atoi(argv[3]) : 2);
    blas_start();
    if (argc > 3 && str_same(argv[1], "peak")) {
        printf("%.0f\n", peak());
        return 0;
    }
    if (argc > 3 && str_same(argv[1], "agree")) return agree(argv[2], argv[3]);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes && argc > 2; i++)
        if (str_same(shapes[i].name, argv[1])) s = &shapes[i];
    if (!s) {
        fprintf(stderr, "usage: ridge A|Ar|B|C|S|T FOLDER [THREADS]\n");
        return 2;
    }
    const char *folder = argv[2];
    mkdir(folder, 0777);
    double *gammas = s->bands > 1 ? calloc(s->gammas * s->bands, sizeof *gammas) : NULL;
    if (gammas && gamma_candidates(gammas, s->gammas, s->bands, 1, &e)) return 1;
    for (size_t g = 1; gammas && g <= s->bands; g++) /* himalaya's group ridge has no corners */
        for (size_t b = 0; b < s->bands; b++) gammas[g * s->bands + b] = b == g - 1 ? 0.9 : 0.1 / (double)(s->bands - 1);
    float *x = file_read(folder, "X.f4", s->n * s->p), *y = file_read(folder, "Y.f4", s->n * s->v);
    if (!x || !y) {
        x = malloc(s->n * s->p * sizeof *x);
        y = malloc(s->n * s->v * sizeof *y);
        make(s, folder, x, y, gammas);
    }
    double *wide = malloc(s->n * s->p * sizeof *wide), *alphas = calloc(s->n_alphas, sizeof *alphas);
    for (size_t i = 0; i < s->n * s->p; i++) wide[i] = (double)x[i];
    for (size_t a = 0; a < s->n_alphas; a++) alphas[a] = pow(10, s->low + (s->high - s->low) * (double)a / (double)(s->n_alphas - 1));
    size_t outer = s->bands > 1 ? 1 : s->outer, screened = 0, rescored = 0, pairs = 0;
    double *alpha = calloc(outer * s->v, sizeof *alpha), *r = calloc(outer * s->v, sizeof *r), *gamma = calloc(s->v, sizeof *gamma);
    fit_score *score = calloc(s->v, sizeof *score);
    int32_t *candidate = calloc(s->v, sizeof *candidate);
    uint8_t *train = calloc(s->n, 1), *test = calloc(s->n, 1), *inner_train = calloc(5 * s->n, 1), *inner_test = calloc(5 * s->n, 1);
    band bands[8];
    for (size_t b = 0; b < s->bands; b++) bands[b] = (band){ b * (s->p / s->bands), s->p / s->bands };
    matrix m = { y, s->n, s->v };
    double start = clock_s(), cpu = clock_cpu_s();
    for (size_t f = 0; f < outer; f++) {
        memset(inner_train, 0, 5 * s->n);
        memset(inner_test, 0, 5 * s->n);
        cut(train, test, inner_train, inner_test, s->n, outer == 1 ? 4 : f, s->outer);
        folds inner = { s->n, 5, inner_test, inner_train };
        nested_problem q = { .x = wide, .n = s->n, .p = s->p, .source = columns, .context = &m, .v = s->v, .train = train, .test = test,
                             .inner = &inner, .alphas = alphas, .n_alphas = s->n_alphas, .select = s->select, .standardise = true,
                             .exhaustive = getenv("BENCH_EXHAUSTIVE") != NULL, .bands = bands, .n_bands = s->bands, .gammas = gammas,
                             .n_gammas = s->gammas };
        nested_result out = { .score = score, .alpha = alpha + f * s->v, .gamma = candidate };
        if (nested_ridge(&q, NULL, &out, &e)) {
            fprintf(stderr, "%s\n", err_text(&e));
            return 1;
        }
        for (size_t j = 0; j < s->v; j++) r[f * s->v + j] = score[j].r;
        screened += out.screened;
        rescored += out.rescored;
        pairs += out.pairs;
    }
    double seconds = clock_s() - start, used = clock_cpu_s() - cpu, mean = 0;
    for (size_t i = 0; i < outer * s->v; i++) mean += isnan(r[i]) ? 0 : r[i] / (double)(outer * s->v);
    for (size_t j = 0; j < s->v; j++) gamma[j] = candidate[j];
    file_write(folder, "ours_r.f8", r, outer * s->v * sizeof *r);
    file_write(folder, "ours_alpha.f8", alpha, outer * s->v * sizeof *alpha);
    file_write(folder, "ours_gamma.f8", gamma, s->v * sizeof *gamma);
    size_t t = s->n / s->outer;
    nested_size size = { s->n, s->n - t, t, s->p, s->v, s->bands, s->n_alphas, s->gammas, 5 };
    double own = (double)(s->n * s->p * 12 + s->n * s->v * 4 + outer * s->v * 16 + s->v * (sizeof *score + 12)); /* the bench's arrays */
    double planned = (own + nested_memory(&size, (size_t)threads_count())) / 1e6 + 25; /* 25 MB: programs and libraries */
    printf("planned_mb\t%.0f\tseconds\t%.3f\tcpu\t%.3f\tmb\t%.0f\tmean_r\t%.6f\trescored\t%.4f\tpairs\t%.4f\tcore\t%s\n", planned, seconds, used, (double)clock_peak_bytes() / 1e6,
           mean, screened ? (double)rescored / (double)screened : 1,
           screened ? (double)pairs / (double)screened / (double)s->n_alphas : 1, blas_name());
    return 0;
}
