/* SPDX-License-Identifier: MIT */
/* base: what every other room stands on. Errors, checked memory, strings, log and progress, clocks, threads,
 * counter-based random numbers, SHA-256, option tables. Includes nothing of broca. */
#ifndef BROCA_BASE_H
#define BROCA_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BROCA_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define BROCA_PRINTF(f, a)
#endif

/* ---- errors: a fixed-size chain of the caller's, so that it works without memory (base/err.c) ---- */

typedef enum {
    ERR_NONE = 0,
    ERR_ENVIRONMENT, /* disk, I/O, a missing program: exit 1 */
    ERR_MEMORY,      /* exit 1 */
    ERR_INPUT,       /* damaged or contradictory input: exit 2 */
    ERR_USAGE,       /* misspelt or impossible options: exit 2 */
    ERR_INTERRUPTED  /* SIGTERM/SIGINT after a checkpoint: exit 3 */
} err_kind;

typedef struct err {
    err_kind kind;
    char text[1536];  /* the deepest message, then a line "  while ..." a caller */
    char hint[512];   /* what to do; may be empty */
} err;

/* Sets the message (overwrites an older one). Always returns -1, so that `return err_set(...)` reads well. */
int err_set(err *e, err_kind kind, const char *format, ...) BROCA_PRINTF(3, 4);
/* Appends a line "  while FORMAT". Returns -1. */
int err_while(err *e, const char *format, ...) BROCA_PRINTF(2, 3);
/* Sets the hint. Returns -1. */
int err_hint(err *e, const char *format, ...) BROCA_PRINTF(2, 3);
/* ERR_MEMORY: "cannot get N bytes". Returns -1. */
int err_memory(err *e, size_t bytes);
/* ERR_ENVIRONMENT: FORMAT + ": " + strerror(errno). Returns -1. */
int err_system(err *e, const char *format, ...) BROCA_PRINTF(2, 3);
/* Whole text with the hint as the last line; points into *e or into a static empty text. */
const char *err_text(const err *e);
/* Exit status of the kind: 0, 1, 2 or 3. */
int err_status(const err *e);
void err_clear(err *e);

/* ---- checked memory (base/mem.c) ---- */

/* count × size zeroed bytes (at least 1), NULL with *e set on overflow or lack of memory. Free with free(). */
void *mem_new(size_t count, size_t size, err *e);
/* Resizes *p (may be NULL) to count × size bytes; on failure *p is kept and -1 returned. New bytes are not zeroed. */
int mem_grow(void **p, size_t count, size_t size, err *e);
/* Copy of n bytes / of a text; NULL with *e set on failure. */
void *mem_copy(const void *from, size_t bytes, err *e);
char *mem_text(const char *text, err *e);
/* a·b or a+b without overflow: 0, or -1 with *e ERR_INPUT "size overflows". */
int size_mul(size_t a, size_t b, size_t *out, err *e);
int size_add(size_t a, size_t b, size_t *out, err *e);
/* Test hook: the n-th allocation from now (1 = next) fails; 0 switches it off. */
void mem_fail_at(long n);

/* Arena: many small blocks that die together. */
typedef struct arena arena;
arena *arena_new(err *e);
void *arena_get(arena *a, size_t bytes, err *e); /* zeroed, 16-byte aligned */
char *arena_text(arena *a, const char *text, size_t length, err *e);
void arena_free(arena *a);

/* Growing byte buffer, always NUL-terminated beyond its end. Zero-initialise; free(b.at). */
typedef struct {
    char *at;
    size_t size, room;
    bool failed; /* an addition failed for lack of memory; check once at the end with buffer_ok */
} buffer;
void buffer_add(buffer *b, const void *bytes, size_t n);
void buffer_text(buffer *b, const char *text);
void buffer_printf(buffer *b, const char *format, ...) BROCA_PRINTF(2, 3);
int buffer_ok(const buffer *b, err *e);

/* ---- strings and numbers (base/str.c) ---- */

/* malloc'ed printf; NULL with *e on failure. */
char *str_format(err *e, const char *format, ...) BROCA_PRINTF(2, 3);
/* The nearest of words (NULL-terminated) to word by edit distance <= max(2, length/3), or NULL. */
const char *str_nearest(const char *word, const char *const *words);
/* Whole text as a number; -1 (no error set) if anything else stands there. parse_double takes nan and inf too. */
int parse_double(const char *text, double *out);
int parse_size(const char *text, size_t *out);   /* decimal digits only */
int parse_long(const char *text, long *out);
int parse_bytes(const char *text, size_t *out);  /* 512, 10K, 3M, 4G, 1T (binary multiples) */
/* true if a and b are equal / a begins with b */
bool str_same(const char *a, const char *b);
bool str_begins(const char *text, const char *head);
bool str_ends(const char *text, const char *tail);
/* Splits text at every separator into a NULL-terminated list (one allocation, free() it); *n may be NULL. */
char **str_split(const char *text, char separator, size_t *n, err *e);

/* ---- log, warnings, progress (base/log.c) ----
 * One log per process: quiet and json are set by the stage. Lines go to stderr; --json objects to stdout. */

typedef struct {
    bool quiet, json;
    const char *stage; /* name shown in front: "broca encode" */
} log_options;
void log_start(const log_options *o);
void log_info(const char *format, ...) BROCA_PRINTF(1, 2);
/* Prints, and keeps the text: store_commit writes all warnings so far to /warnings. Equal texts are kept once. */
void log_warn(const char *format, ...) BROCA_PRINTF(1, 2);
void log_keep(const char *text); /* keeps a warning that an input file carries, without printing it again */
size_t log_warnings(const char *const **texts); /* borrowed, valid until the next warning */
void log_result(const char *format, ...) BROCA_PRINTF(1, 2); /* the stage's closing finding; JSON event "result" */
void log_error(const err *e);                                 /* prints "broca STAGE: text" or JSON event "error" */

typedef struct {
    size_t total, done, printed, first;
    double start_s, shown_s;
    char what[64], note[64];
} progress;
/* Rate, share and time left on a terminal; a line each 10 % elsewhere. Safe to step from OpenMP threads. */
void progress_start(progress *p, const char *what, size_t total);
void progress_step(progress *p, size_t by);
void progress_resume(progress *p, size_t done); /* after start: so much was done before this process */
void progress_note(progress *p, const char *format, ...) BROCA_PRINTF(2, 3); /* shown before the rate from now on */
void progress_end(progress *p);

/* ---- clocks, threads, signals (base/clock.c, base/threads.c) ---- */

double clock_s(void);          /* monotonic seconds */
double clock_cpu_s(void);      /* processor seconds of the process */
size_t clock_peak_bytes(void); /* peak resident memory of the process */

/* n = 0: all processors. Makes OpenMP's default 1, so that BLAS called outside of a region stays single-threaded in
 * OpenBLAS's openmp build too; every region says num_threads(threads_count()). */
void threads_start(size_t n);
int threads_count(void);
/* SIGINT and SIGTERM set a flag that long loops ask for at their checkpoints. */
void interrupt_catch(void);
bool interrupted(void);

/* ---- counter-based random numbers: Philox4x32-10 (base/rng.c; Salmon et al. 2011; CONTRACT "Determinism") ---- */

/* A stream is a purpose. Listed here, never reused. */
enum {
    RNG_WEIGHTS = 1,        /* (element, tensor, 0) */
    RNG_WINDOWS = 2,        /* (window, step, 0) */
    RNG_LAYOUT = 3,         /* (index, tap, 0) */
    RNG_NEIGHBOURHOODS = 4, /* (index, step, tap) */
    RNG_FOLDS = 5,          /* shuffles of presentations or groups */
    RNG_GAMMA = 6,          /* Dirichlet draws of banded ridge (band, draw, try) */
    RNG_SPLITS = 7,         /* split halves */
    RNG_BOOTSTRAP = 8,
    RNG_MATCH = 9,          /* order in which localizer items are matched */
    RNG_CONTROLS = 10,      /* random control units */
    RNG_NULL = 11,          /* lags of rotated responses (rotation, run, try) */
    RNG_SIGNS = 85,         /* signs of subjects in a group (subject, flip) */
    RNG_CORPUS = 41,        /* shuffle of documents that chooses those for validation */
    RNG_SAMPLE = 50,        /* sampled continuations (position, 0, 0) */
    RNG_SIGN_FLIPS = 65,    /* (draw, word of 32 subjects, 0) */
    RNG_PHASES = 66,        /* phases of surrogates (surrogate, run, frequency) */
    RNG_NULL_GROUPS = 67,   /* permuted groups of items (place, permutation, class) */
    RNG_STUDIES = 68,       /* simulated studies of power and calibration (number, subject or column, study) */
    RNG_RESAMPLE = 69,      /* crossed bootstrap (draw, place, 0 subjects, 1 blocks) */
    RNG_LEAK = 60,          /* shuffled presentations of the leak test (index, copy, 0) */
    RNG_SUBSETS = 61,       /* subsets of subjects of the extrapolated ceiling (index, size, attempt) */
    RNG_EXTRAPOLATE = 62,   /* its resampled subjects (draw, place, 0) */
    RNG_LISTENERS = 63,     /* simulated listeners of the tests: features (row, column, 0), weights (voxel, column, 1) */
    RNG_LISTENER_NOISE = 64, /* (row, voxel, 0) */
    RNG_SIM_FEATURES = 20, RNG_SIM_WEIGHTS = 21, RNG_SIM_NOISE = 22, RNG_SIM_TEXT = 23, RNG_SIM_MOTION = 24
    /* 101-109: stimuli/langloc-broca; 111-119: stimuli/simulated-story (their own programs) */
};
typedef struct { uint32_t w[4]; } rng_words;
rng_words rng_draw(uint64_t seed, uint32_t stream, uint32_t a, uint32_t b, uint32_t c);
double rng_uniform(uint64_t seed, uint32_t stream, uint32_t a, uint32_t b, uint32_t c); /* (w0 + 1/2)/2^32 */
double rng_normal(uint64_t seed, uint32_t stream, uint32_t a, uint32_t b, uint32_t c);  /* Box-Muller, cosine */
uint32_t rng_below(uint64_t seed, uint32_t stream, uint32_t a, uint32_t b, uint32_t c, uint32_t m); /* floor(w0·m/2^32) */
/* Shuffles p[0..n-1]: for i: swap p[i], p[i + floor(w·(n-i)/2^32)], counter (i, b, c). */
void rng_shuffle(size_t *p, size_t n, uint64_t seed, uint32_t stream, uint32_t b, uint32_t c);

/* ---- SHA-256 (base/sha.c; nettle) ---- */

typedef struct sha sha;
typedef struct { char hex[65]; } sha_hex;
sha *sha_new(err *e);
void sha_add(sha *s, const void *bytes, size_t n);
sha_hex sha_end(sha *s); /* frees s */
sha_hex sha_bytes(const void *bytes, size_t n);
int sha_file(const char *path, sha_hex *out, err *e);

/* ---- option tables (base/options.c; popt) ----
 * One table drives parsing, --help, suggestions for misspelt options, and the `config` attribute. */

typedef enum {
    OPT_FLAG,  /* bool */
    OPT_TEXT,  /* const char *, NULL without a value */
    OPT_LIST,  /* option_list: may be given several times */
    OPT_ENUM,  /* const char *, one of the blank-separated words */
    OPT_COUNT, /* size_t >= 0 */
    OPT_REAL,  /* double, finite */
    OPT_BYTES  /* size_t, 4G; 0 without a value */
} option_kind;

typedef struct {
    const char **at; /* at[0..n-1] */
    size_t n;
} option_list;

typedef struct {
    const char *name; /* without dashes; NULL ends the table */
    option_kind kind;
    size_t offset;          /* of the field in the stage's options struct */
    const char *fallback;   /* default as text, NULL: unset / false / empty */
    const char *words;      /* OPT_ENUM: allowed words; OPT_TEXT: name shown in help */
    bool bytes;             /* does it decide bytes of the result (enters `config`) */
    const char *help;
} option;

typedef struct {
    const char *program, *summary, *arguments; /* arguments: shown after [options]; NULL: none allowed */
    const char *epilogue;                      /* text after the options in --help; may be NULL */
} option_help;

typedef struct parsed parsed; /* owns every text that the options point to */

/* Parses argv (argv[0] is skipped) into *fields. 0 and *help_wanted for --help (text printed to stdout).
 * Fails: ERR_USAGE with the nearest option or word as hint. Free with parsed_free after the last use of the fields. */
int options_parse(parsed **out, const option *table, void *fields, int argc, char **argv, const option_help *help,
                  bool *help_wanted, err *e);
size_t parsed_arguments(const parsed *p, const char *const **arguments); /* leftover arguments, borrowed */
bool parsed_given(const parsed *p, const char *name);                    /* was the option on the command line */
/* Every option with bytes = true as one JSON object, keys in table order. malloc'ed. */
char *options_config(const option *table, const void *fields, err *e);
void parsed_free(parsed *p);

#define BROCA_VERSION "0.1.0"

#ifdef __cplusplus
}
#endif
#endif
