/* SPDX-License-Identifier: MIT */
/* Inside of the trainer (private to the room). Arithmetic is written once, in *.inc, for a type `real`, and compiled for float
 * (engine_f4.c), double (engine_f8.c, which the tests of the derivatives need), and float with bf16 products (engine_bf16.c); all
 * are reached through `engine`.
 *
 *   config.c     sizes, rules, rate, window offsets          tensors.c    the list of tensors, their names and first values
 *   sheet.c      layouts, neighbourhoods, draws              trainer.c    the public calls
 *   save.c       folders and weight files
 *   numbers.inc  elementwise rows: exp, activations, norms   products.inc linear layers and their derivatives
 *   attention.inc  causal attention of one window and head   head.inc     logits, cross-entropy
 *   spatial.inc  the spatial loss                            pass.inc     forward and backward through the blocks
 *   update.inc   gradient norm and AdamW */
#ifndef BROCA_TRAIN_ENGINE_H
#define BROCA_TRAIN_ENGINE_H

#include "broca/train.h"

/* Elementwise loops for the machine at hand. No fused multiply-add (-ffp-contract=off), so every clone gives the same bits. */
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HOT __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#else
#define HOT
#endif

/* ROWS: token rows of a matrix product, done by one thread. HEAD_ROWS: rows whose logits are held at a time. QUERIES: of an
 * attention block. TILE: widest part of a weight's gradient done by one thread. PIECE: numbers of a part of AdamW's sweep. */
enum { ROWS = 256, HEAD_ROWS = 512, QUERIES = 64, TILE = 400, PIECE = 65536, MOST_TAPS = 65536 };

#define NONE SIZE_MAX

/* Places in the arrays of weights, gradients and moments, in numbers. */
typedef struct {
    size_t w, bias, in, out; /* bias: NONE without one */
    bool in_out;             /* [in×out] (GPT-2), else [out×in] */
} linear;
typedef struct { size_t gain, bias; } norm;
typedef struct {
    norm ln_1, ln_2;
    linear qkv, out, up, down; /* up of llama: gate and up, one after the other */
} block;

typedef enum { START_NORMAL, START_ONE, START_ZERO } start_kind;
typedef struct {
    char name[96];
    size_t at, rows, columns;
    start_kind start;
    double std;
    uint32_t number; /* of the random words */
    bool in_out;     /* elements are counted as if it were stored [out×in] */
    bool stored;     /* false: a bias that the model has not, written to the folder as zeros */
} tensor;

typedef struct {
    tensor *at;
    size_t n, room, elements;
    bool failed;
} tensor_list;

/* The neighbourhoods of one tap, in the order of their centres; each has `members` units in unit order. */
typedef struct {
    float *place;     /* [d×2] */
    double *position; /* the same as doubles */
    size_t *start, *member;
} tap_sheet;

typedef struct engine engine;
typedef struct work work; /* an engine's buffers */

struct trainer {
    train_model m;
    train_plan p;
    uint64_t seed;
    size_t head_size, q_width, kv_width;
    tensor_list list;
    train_tensor *tensors; /* the stored ones */
    size_t n_tensors;
    void *value, *gradient, *m1, *m2; /* [list.elements] */
    size_t tokens, positions, head;   /* places; positions NONE for llama; head = tokens when tied */
    block *blocks;
    norm final;
    size_t updates;
    bool fresh; /* the gradient holds nothing yet: the first product overwrites it */
    size_t taps, n_neighbourhoods, members;
    tap_sheet *sheets;
    size_t *drawn; /* [taps×k] */
    const size_t **drawn_of;
    char (*tap_names)[32];
    const engine *run;
    work *work;
};

typedef struct {
    double ce;
    double *spatial; /* [taps] or NULL */
    size_t guarded_units, guarded_neighbourhoods;
} pass_result;

struct engine {
    size_t element;
    work *(*work_new)(const trainer *t, err *e);
    void (*work_free)(work *w);
    /* Forward; with weight != 0 also backward: adds weight × gradient. */
    int (*pass)(trainer *t, const train_batch *b, double weight, pass_result *out, err *e);
    double (*gradient_norm)(trainer *t);
    void (*adam)(trainer *t, double rate, double scale);
};
extern const engine engine_f4, engine_f8, engine_bf16;

/* ---- tensors.c ---- */
int tensors_build(trainer *t, err *e);
void tensors_draw(trainer *t);

/* ---- sheet.c ---- */
int sheets_build(trainer *t, err *e);
void sheets_drop(trainer *t);
size_t sheet_neighbourhoods(const train_model *m); /* a tap has so many */

/* ---- pages.c: large arrays, zeroed, in huge pages where the system has them ---- */
void *pages_new(size_t count, size_t size, err *e);
void pages_free(void *p);

#endif
