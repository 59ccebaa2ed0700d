/* SPDX-License-Identifier: MIT */
/* What every stage's main does alike: options, start-up, inputs and their hashes, the product and its sidecar, the exit
 * status. A stage: stage_begin, stage_input..., one analysis, stage_create, write, stage_commit, stage_result, stage_end. */
#ifndef BROCA_STAGE_H
#define BROCA_STAGE_H

#include "broca/base.h"
#include "broca/num.h"
#include "broca/store.h"

typedef struct {
    const char *out, *seed, *mode;
    size_t threads, memory;
    bool resume, force, quiet, json, dry_run;
} common_options;

/* Rows for a stage's option table; its options struct must have a member `common_options common`. */
#define COMMON_OPTIONS(type)                                                                                           \
    { "out", OPT_TEXT, offsetof(type, common.out), NULL, "FILE", false, "product to write; replaced whole" },          \
    { "threads", OPT_COUNT, offsetof(type, common.threads), "0", NULL, false,                                          \
      "processors to use, 0: all; changes speed, never a byte" },                                                      \
    { "memory", OPT_BYTES, offsetof(type, common.memory), NULL, NULL, false, "limit, as 4G; 0: no limit" },            \
    { "seed", OPT_TEXT, offsetof(type, common.seed), "1", "N|A:B", true, "seed of everything random" },                \
    { "mode", OPT_TEXT, offsetof(type, common.mode), "strict", "strict|replicate:NAME", true,                          \
      "strict, or what a paper's code did" },                                                                          \
    { "resume", OPT_FLAG, offsetof(type, common.resume), NULL, NULL, false, "go on from a checkpoint if there is one" }, \
    { "force", OPT_FLAG, offsetof(type, common.force), NULL, NULL, false, "break the lock of a dead process" },        \
    { "quiet", OPT_FLAG, offsetof(type, common.quiet), NULL, NULL, false, "errors only" },                             \
    { "json", OPT_FLAG, offsetof(type, common.json), NULL, NULL, false, "one JSON object a line on stdout" },          \
    { "dry-run", OPT_FLAG, offsetof(type, common.dry_run), NULL, NULL, false, "say what would be done, and stop" }

typedef struct {
    char role[64];
    char kind[32];
    char *path;
    char sha256[65];
} stage_input_file;

typedef struct {
    err err;
    const char *name;
    int argc;
    char **argv;
    const option *options;
    void *fields;
    common_options *common;
    parsed *parsed;
    char *config;             /* JSON of the options that decide bytes */
    stage_input_file *inputs;
    size_t n_inputs;
    store *product;
    double started_s, wall0_s;
    bool stop;                /* --help or --dry-run: end with 0 and no product */
} stage;

/* Parses, starts log, threads, BLAS and signals. Nonzero: go straight to stage_end. fields is the stage's options struct,
 * common points at its common_options member. */
int stage_begin(stage *s, int argc, char **argv, const option_help *help, const option *options, void *fields,
                common_options *common);
/* Says which inputs are needed and missing: value NULL -> ERR_USAGE "--NAME is needed". */
int stage_needs(stage *s, const char *name, const char *value);
/* Hashes an input file, notes its role, keeps the warnings that it carries. A folder: give its hash and kind "model". */
int stage_input(stage *s, const char *role, const char *path);
int stage_input_hashed(stage *s, const char *role, const char *kind, const char *path, const char *sha256);
/* One seed of --seed; ERR_USAGE for A:B. stage_seeds: both ends. */
int stage_seed(stage *s, uint64_t *seed);
int stage_seeds(stage *s, uint64_t *first, uint64_t *last);
/* --dry-run: prints the plan and returns 1 (the caller goes to done); else 0. */
int stage_plan(stage *s, const char *format, ...) BROCA_PRINTF(2, 3);
/* The product at --out (needed) of a kind, with config and inputs; owned by s until stage_commit. NULL on error. */
store *stage_create(stage *s, const char *kind);
store *stage_create_at(stage *s, const char *path, const char *kind); /* --seed A:B: a file a seed */
/* Commits the product and writes its sidecar. */
int stage_commit(stage *s);
void stage_result(stage *s, const char *format, ...) BROCA_PRINTF(2, 3);
/* Abandons what was not committed, prints the error, frees. Returns the exit status 0, 1, 2, 3. */
int stage_end(stage *s);

#endif
