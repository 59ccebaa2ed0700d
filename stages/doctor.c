/* SPDX-License-Identifier: MIT */
/* broca-doctor: can this machine be trusted with an analysis? Every line is a check that was run here and now. */
#include <dlfcn.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "broca/encode.h"
#include "stage.h"

typedef struct {
    common_options common;
    const char *responses, *stimuli, *folds;
    bool leak;
} doctor_options;

#define AT(field) offsetof(doctor_options, field)
static const option options[] = {
    { "leak", OPT_FLAG, AT(leak), NULL, NULL, false, "test folds instead: does OASM, which knows only neighbours, predict?" },
    { "responses", OPT_TEXT, AT(responses), NULL, "FILE", false, "with --leak: the responses" },
    { "stimuli", OPT_TEXT, AT(stimuli), NULL, "FILE", false, "with --leak: items with groups" },
    { "folds", OPT_TEXT, AT(folds), NULL, "SCHEME", false, "with --leak: folds as broca encode takes them; default: its default" },
    { "threads", OPT_COUNT, AT(common.threads), "0", NULL, false, "processors to use, 0: all" },
    { "quiet", OPT_FLAG, AT(common.quiet), NULL, NULL, false, "failures only" },
    { "json", OPT_FLAG, AT(common.json), NULL, NULL, false, "one JSON object a check on stdout" },
    { 0 }
};
static const option_help help = { "doctor", "checks the machine: BLAS against a naive product, HDF5, disk, memory, libraries; or folds (--leak)", NULL,
                                  "Exit status 0: all well; 1: a check failed. A warning fails nothing.\n" };

typedef enum { OK, NOTE, WARN, FAILED } verdict;

typedef struct {
    const doctor_options *o;
    size_t run, failed, warned;
} doctor;

static void say(doctor *d, verdict v, const char *check, const char *format, ...) BROCA_PRINTF(4, 5);
static void say(doctor *d, verdict v, const char *check, const char *format, ...)
{
    static const char *const marks[] = { "ok  ", "    ", "warn", "FAIL" }, *const words[] = { "ok", "note", "warning", "fail" };
    char text[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    d->run += v != NOTE;
    d->failed += v == FAILED;
    d->warned += v == WARN;
    if (d->o->common.json) {
        buffer b = { 0 };
        buffer_printf(&b, "{\"event\":\"result\",\"stage\":\"doctor\",\"check\":\"%s\",\"status\":\"%s\",\"text\":", check, words[v]);
        json_quote(&b, text);
        if (b.at) printf("%s}\n", b.at);
        free(b.at);
    } else if (!d->o->common.quiet || v == FAILED) {
        printf("%s  %-13s %s\n", marks[v], check, text);
    }
    fflush(stdout);
}

/* ---- matrix products against sums written out ---- */

typedef struct {
    size_t m, n, k;
} shape;

/* Odd, thin, one, and past the blocking of kernels. */
static const shape shapes[] = { { 1, 1, 1 }, { 3, 5, 7 }, { 17, 1, 33 }, { 1, 31, 255 }, { 65, 129, 63 }, { 127, 67, 515 } };

static double draw(size_t i, uint32_t which)
{
    return rng_normal(2, RNG_SIM_NOISE, (uint32_t)i, which, 0);
}

/* Element (i, j) of op(x), x stored row-major as rows × columns, or columns × rows when transposed. */
static size_t place(bool transposed, size_t i, size_t j, size_t rows, size_t columns)
{
    return transposed ? j * rows + i : i * columns + j;
}

/* Largest |error| in units of the bound that any order of summation keeps: (k + 3)·eps·(|alpha||A||B| + |beta||C|)
 * (Higham 2002, 3.5). Above 1 is wrong, not rounding. */
static double product_ratio(const shape *z, bool ta, bool tb, const double *a, const double *b, const double *before,
                            const double *after, double eps)
{
    double worst = 0;
    for (size_t i = 0; i < z->m; i++)
        for (size_t j = 0; j < z->n; j++) {
            long double sum = 0, size = 0;
            for (size_t l = 0; l < z->k; l++) {
                long double x = (long double)a[place(ta, i, l, z->m, z->k)] * (long double)b[place(tb, l, j, z->k, z->n)];
                sum += x;
                size += fabsl(x);
            }
            size_t at = i * z->n + j;
            long double want = 1.5L * sum - 0.5L * (long double)before[at];
            long double limit = (long double)(z->k + 3) * (long double)eps * (1.5L * size + 0.5L * fabsl((long double)before[at]));
            double ratio = (double)(fabsl((long double)after[at] - want) / limit);
            if (!(ratio <= worst)) worst = ratio; /* a NaN stays */
        }
    return worst;
}

static int fill(double **x, float **y, size_t n, uint32_t which, err *e)
{
    *x = mem_new(n, sizeof **x, e);
    *y = mem_new(n, sizeof **y, e);
    if (!*x || !*y) return -1;
    for (size_t i = 0; i < n; i++) {
        (*y)[i] = (float)draw(i, which);
        (*x)[i] = (double)(*y)[i]; /* the same numbers in both precisions */
    }
    return 0;
}

static int try_product(const shape *z, bool ta, bool tb, double *worst4, double *worst8, err *e)
{
    double *a = NULL, *b = NULL, *c = NULL, *d = NULL;
    float *fa = NULL, *fb = NULL, *fc = NULL;
    size_t lda = ta ? z->m : z->k, ldb = tb ? z->k : z->n, count = z->m * z->n;
    int status = -1;
    if (fill(&a, &fa, z->m * z->k, 0, e) || fill(&b, &fb, z->k * z->n, 1, e) || fill(&c, &fc, count, 2, e)) goto done;
    if (!(d = mem_copy(c, count * sizeof *c, e))) goto done;
    gemm_f8(ta, tb, z->m, z->n, z->k, 1.5, a, lda, b, ldb, -0.5, d, z->n);
    double ratio = product_ratio(z, ta, tb, a, b, c, d, DBL_EPSILON / 2);
    if (!(ratio <= *worst8)) *worst8 = ratio;
    gemm_f4(ta, tb, z->m, z->n, z->k, 1.5f, fa, lda, fb, ldb, -0.5f, fc, z->n);
    for (size_t i = 0; i < count; i++) d[i] = (double)fc[i];
    ratio = product_ratio(z, ta, tb, a, b, c, d, (double)FLT_EPSILON / 2);
    if (!(ratio <= *worst4)) *worst4 = ratio;
    status = 0;
done:
    free(a);
    free(b);
    free(c);
    free(d);
    free(fa);
    free(fb);
    free(fc);
    return status;
}

static int check_products(doctor *d, err *e)
{
    double worst4 = 0, worst8 = 0;
    size_t count = sizeof shapes / sizeof *shapes;
    for (size_t i = 0; i < count; i++)
        for (int t = 0; t < 4; t++)
            if (try_product(&shapes[i], t & 1, t >> 1, &worst4, &worst8, e)) return -1;
    say(d, worst4 <= 1 ? OK : FAILED, "gemm fp32", "%zu products of odd shapes against written-out sums: error %.3g of the bound",
        4 * count, worst4);
    say(d, worst8 <= 1 ? OK : FAILED, "gemm fp64", "%zu products of odd shapes against written-out sums: error %.3g of the bound",
        4 * count, worst8);
    return 0;
}

/* ||A v - w v|| over n·eps·||A||, all vectors at once; a few units are usual, 30 is LAPACK's own threshold. */
static int check_eigen(doctor *d, err *e)
{
    enum { N = 61 };
    double norm = 0, worst = 0, *a = mem_new((size_t)N * N, sizeof *a, e), *v = mem_new((size_t)N * N, sizeof *v, e), w[N];
    int status = -1;
    if (!a || !v) goto done;
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j <= i; j++) {
            double x = a[i * N + j] = a[j * N + i] = draw(i * N + j, 3);
            norm += (i == j ? 1 : 2) * x * x;
        }
    memcpy(v, a, (size_t)N * N * sizeof *v);
    if (eigen_symmetric(N, v, w, e)) goto done;
    for (size_t k = 0; k < N; k++)
        for (size_t i = 0; i < N; i++) {
            double r = -w[k] * v[k * N + i];
            for (size_t j = 0; j < N; j++) r += a[i * N + j] * v[k * N + j];
            if (!(fabs(r) <= worst)) worst = fabs(r);
        }
    worst /= N * DBL_EPSILON * sqrt(norm);
    say(d, worst <= 30 ? OK : FAILED, "LAPACK", "eigenvectors of a symmetric matrix of order %d: residual %.3g (limit 30)", N, worst);
    status = 0;
done:
    free(a);
    free(v);
    return status;
}

/* ---- the same bytes on one thread and on two ---- */

enum { ROWS = 193, DEPTH = 77, BLOCKS = 5, WIDTH = 256 };

static void blocks_of(float *c, const float *a, const float *b, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int k = 0; k < BLOCKS; k++)
        gemm_f4(false, false, ROWS, WIDTH, DEPTH, 1, a, DEPTH, b + k * WIDTH, BLOCKS * WIDTH, 0, c + (size_t)k * ROWS * WIDTH,
                WIDTH);
}

static int check_same_bytes(doctor *d, err *e)
{
    size_t bytes = (size_t)ROWS * BLOCKS * WIDTH * sizeof(float);
    double *unused = NULL, *unused2 = NULL;
    float *a = NULL, *b = NULL, *one = mem_new(bytes, 1, e), *two = mem_new(bytes, 1, e);
    int status = -1, threads = threads_count() > 2 ? threads_count() : 2;
    if (!one || !two || fill(&unused, &a, ROWS * DEPTH, 4, e) || fill(&unused2, &b, DEPTH * BLOCKS * WIDTH, 5, e)) goto done;
    blocks_of(one, a, b, 1);
    bool same = true;
    for (int round = 0; round < 3 && same; round++) {
        memset(two, 0xff, bytes);
        blocks_of(two, a, b, round ? threads : 2);
        same = memcmp(one, two, bytes) == 0;
    }
    say(d, same ? OK : FAILED, "determinism", "blocks of %d columns have %s bytes on 1 and on up to %d threads", WIDTH,
        same ? "the same" : "OTHER", threads);
    status = 0;
done:
    free(unused);
    free(unused2);
    free(a);
    free(b);
    free(one);
    free(two);
    return status;
}

/* ---- known answers ---- */

static void check_known(doctor *d)
{
    static const uint32_t want[4] = { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 }; /* Philox4x32-10 of all zeros */
    rng_words got = rng_draw(0, 0, 0, 0, 0);
    say(d, memcmp(got.w, want, sizeof want) ? FAILED : OK, "Philox", "%08x %08x %08x %08x for all zeros", got.w[0], got.w[1], got.w[2],
        got.w[3]);
    sha_hex h = sha_bytes("abc", 3);
    bool good = str_same(h.hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    say(d, good ? OK : FAILED, "SHA-256", "%.16s... for abc", h.hex);
}

/* ---- HDF5: what was written is what is read ---- */

static int round_trip(const char *path, err *e)
{
    enum { N = 301, V = 259 };
    const size_t dims[2] = { N, V };
    const char *const names[] = { "broca", "h\xc3\xa9las" };
    double *x = mem_new((size_t)N * V, sizeof *x, e), *y = NULL;
    char **texts = NULL;
    size_t n = 0, m = 0;
    store *s = NULL;
    int status = -1;
    if (!x) return -1;
    for (size_t i = 0; i < (size_t)N * V; i++) x[i] = draw(i, 6);
    x[5] = NAN;
    if (store_create(&s, path, "doctor", NULL, e)) goto done;
    if (store_write_f8(s, "x", 2, dims, x, e) || store_write_text(s, "names", names, 2, e)) goto done;
    store *writer = s;
    s = NULL;
    if (store_commit(writer, e) || store_open(&s, path, "doctor", e)) goto done;
    if (store_read_f8(s, "x", &y, &n, e) || store_read_text(s, "names", &texts, &m, e)) goto done;
    if (n != (size_t)N * V || memcmp(x, y, n * sizeof *x) || m != 2 || strcmp(texts[1], names[1])) {
        err_set(e, ERR_ENVIRONMENT, "%s: other bytes were read than written", path);
        goto done;
    }
    status = 0;
done:
    store_close(s);
    free(x);
    free(y);
    free(texts);
    return status;
}

static void check_hdf5(doctor *d)
{
    err e = { 0 };
    char folder[512], path[600];
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.400s/broca-doctor-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) {
        say(d, FAILED, "HDF5", "%s; no temporary folder %s can be made", store_library(), folder);
        return;
    }
    snprintf(path, sizeof path, "%s/doctor.h5", folder);
    bool bad = round_trip(path, &e) != 0;
    say(d, bad ? FAILED : OK, "HDF5", "%s; %s%s", store_library(), bad ? "" : "written, read back, equal (in ",
        bad ? err_text(&e) : tmp && *tmp ? "$TMPDIR)" : "/tmp)");
    unlink(path);
    rmdir(folder);
}

/* ---- the machine ---- */

static void check_disk(doctor *d, const char *label, const char *folder)
{
    struct statvfs v;
    if (statvfs(folder, &v)) {
        say(d, FAILED, label, "%s cannot be asked", folder);
        return;
    }
    double free_gb = (double)v.f_bavail * (double)v.f_frsize / 1e9;
    say(d, free_gb < 0.01 ? FAILED : free_gb < 1 ? WARN : OK, label, "%.1f GB free of %.1f GB (%s)", free_gb,
        (double)v.f_blocks * (double)v.f_frsize / 1e9, folder);
}

static void check_memory(doctor *d)
{
    char line[200];
    size_t available = 0, total = 0;
    FILE *f = fopen("/proc/meminfo", "r");
    while (f && fgets(line, sizeof line, f)) {
        if (str_begins(line, "MemTotal:")) total = strtoul(line + strcspn(line, "0123456789"), NULL, 10);
        if (str_begins(line, "MemAvailable:")) available = strtoul(line + strcspn(line, "0123456789"), NULL, 10);
    }
    if (f) fclose(f);
    double gb = (double)available * 1024 / 1e9;
    say(d, !total ? NOTE : gb < 0.5 ? WARN : OK, "memory", "%.1f GB available of %.1f GB", gb, (double)total * 1024 / 1e9);
}

static void check_environment(doctor *d)
{
    const char *core = getenv("OPENBLAS_CORETYPE"), *threads = getenv("OPENBLAS_NUM_THREADS");
    if (core && *core) say(d, WARN, "core type", "OPENBLAS_CORETYPE=%s: results are those of that core, to the last bits", core);
    else say(d, OK, "core type", "OPENBLAS_CORETYPE is not set: the library chose the core above");
    say(d, NOTE, "BLAS threads", "OPENBLAS_NUM_THREADS is %s%s: changes nothing, BLAS runs on one thread inside our blocks",
        threads && *threads ? "" : "not set", threads && *threads ? threads : "");
}

/* In the folders of PATH, without running anything. */
static bool on_path(const char *program)
{
    char file[4096];
    const char *p = getenv("PATH");
    while (p && *p) {
        size_t n = strcspn(p, ":");
        snprintf(file, sizeof file, "%.*s/%s", (int)n, p, program);
        if (!access(file, X_OK)) return true;
        p += n + (p[n] == ':');
    }
    return false;
}

static void check_optional(doctor *d)
{
    static const struct {
        const char *name, *file, *package, *need;
    } libraries[] = {
        { "oneDNN", "libdnnl.so.2", "libdnnl2", "bf16 matrix products" },
        { "matio", "libmatio.so.11", "libmatio11", "import of MATLAB files" },
        { "OpenMPI", "libmpi.so.40", "libopenmpi3", "training on several machines" },
    }, programs[] = {
        { "curl", "curl", "curl", "pipeline/fetch of a URL" },
        { "xz", "xz", "xz-utils", "pipeline/fetch of an archive" },
        { "make", "make", "make", "experiments (pipeline/)" },
    };
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        void *handle = dlopen(libraries[i].file, RTLD_LAZY | RTLD_LOCAL);
        say(d, NOTE, libraries[i].name, "%s (optional; %s; this version does not use it yet)", handle ? "present" : "absent",
            libraries[i].need);
        if (handle) dlclose(handle);
    }
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        bool there = on_path(programs[i].file);
        say(d, there ? OK : WARN, programs[i].name, "%s (%s needs it%s%s)", there ? "present" : "absent", programs[i].need,
            there ? "" : "; Debian package ", there ? "" : programs[i].package);
    }
}

static int examine(doctor *d, err *e)
{
    say(d, NOTE, "broca", "%s, commit %s", BROCA_VERSION, build_commit());
    say(d, NOTE, "BLAS", "%s", blas_name());
    check_environment(d);
    if (check_products(d, e) || check_eigen(d, e) || check_same_bytes(d, e)) return -1;
    say(d, threads_count() > 0 ? OK : FAILED, "threads", "%d of %ld processors", threads_count(), sysconf(_SC_NPROCESSORS_ONLN));
    check_known(d);
    check_hdf5(d);
    check_disk(d, "disk, here", ".");
    check_disk(d, "disk, tmp", getenv("TMPDIR") && *getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    check_memory(d);
    check_optional(d);
    if (!d->failed) return 0;
    err_set(e, ERR_ENVIRONMENT, "%zu of %zu checks failed", d->failed, d->run);
    return err_hint(e, "results of this machine are not to be trusted before that is mended");
}

/* ---- folds ---- */

static void say_row(doctor *d, const leak_row *x, double tr)
{
    char label[32], reach[64];
    snprintf(label, sizeof label, "sigma %g", x->sigma);
    if (tr > 0) snprintf(reach, sizeof reach, "%zu samples (%g s)", x->reach, (double)x->reach * tr);
    else snprintf(reach, sizeof reach, "%zu items", x->reach);
    bool leaks = x->predicted && x->r > 0 && x->p <= .05;
    if (x->apart) say(d, x->predicted ? FAILED : OK, label, "reaches %s, all test rows further from training: r %.6f%s", reach, x->r,
                      x->predicted ? ", should be 0" : "");
    else say(d, leaks ? FAILED : WARN, label, "reaches %s, over the gap: r %.4f, p %.3f against shuffled presentations%s", reach, x->r, x->p,
             leaks ? ": these folds leak" : "");
}

static int examine_folds(doctor *d, stage *s)
{
    const doctor_options *o = d->o;
    responses *r = NULL;
    stimuli *x = NULL;
    leak_row *rows = NULL;
    size_t n = 0, lag;
    char folds_text[256];
    int status = -1;
    if (stage_needs(s, "responses", o->responses) || responses_read(&r, o->responses, &s->err)) goto done;
    if (o->stimuli && stimuli_read(&x, o->stimuli, &s->err)) goto done;
    if (encode_leak(&rows, &n, folds_text, sizeof folds_text, r, x, o->folds, &s->err)) goto done;
    say(d, NOTE, "folds", "%s; %zu presentations, %zu neuroids", folds_text, r->n, r->v);
    if (r->tr > 0 && (lag = encode_correlated_lag(r)) != SIZE_MAX)
        say(d, NOTE, "gap", "the responses' autocorrelation falls under .1 at %g s: choose a gap of at least that", (double)lag * r->tr);
    for (size_t i = 0; i < n; i++) say_row(d, &rows[i], r->tr);
    status = 0;
    if (d->failed) {
        err_set(&s->err, ERR_ENVIRONMENT, "these folds leak: neighbourhood alone predicts (%zu of %zu checks)", d->failed, d->run);
        status = err_hint(&s->err, "contiguous folds with a gap, or whole groups (broca encode --help)");
    }
done:
    free(rows);
    responses_free(r);
    stimuli_free(x);
    return status;
}

int main(int argc, char **argv)
{
    doctor_options o = { .common = { .mode = "strict" } };
    doctor d = { .o = &o };
    stage s;
    if (stage_begin(&s, argc, argv, &help, options, &o, &o.common)) goto done;
    if (!o.leak && (o.responses || o.stimuli || o.folds)) {
        err_set(&s.err, ERR_USAGE, "--responses, --stimuli and --folds go with --leak");
        goto done;
    }
    if (o.leak ? examine_folds(&d, &s) : examine(&d, &s.err)) goto done;
    if (d.warned) stage_result(&s, "%zu checks passed, %zu with a warning", d.run, d.warned);
    else stage_result(&s, "%zu checks passed", d.run);
done:
    return stage_end(&s);
}
