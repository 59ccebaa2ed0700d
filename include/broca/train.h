/* SPDX-License-Identifier: MIT */
/* train: language models trained on processors, with the spatial smoothness loss of TopoLM (METHODS 8; Rathi et al. 2025).
 * Forward pass, hand-derived backward pass, spatial loss, AdamW. This header is the engine: token windows in, new weights
 * out. Files of tokens, the loop, checkpoints and the log are their callers' (corpus.h, stages/train.c).
 *
 * Everything random is a function of (seed, step, window, tap): the weights (stream 1), windows (2), layouts (3) and
 * neighbourhoods (4) of CONTRACT "Determinism". A checkpoint is therefore the weights, the moments, the number of updates
 * and the number of the next step; nothing else. The same bytes on any number of threads.
 *
 *     train_model m; train_plan p; trainer *t; train_stats s;
 *     train_defaults(&m, &p);  ... sizes ...
 *     if (trainer_new(&t, &m, &p, seed, e)) ...
 *     for (step = 0; step < p.steps; step++) {
 *         for (w = 0; w < p.micro_batches * p.windows; w++)
 *             corpus_window(c, CORPUS_TRAIN, train_offset(seed, step, w, tokens, p.length), p.length + 1, at + w * (p.length + 1), e);
 *         if (trainer_step(t, at, step, train_rate(&p, step), &s, e)) ...
 *     }
 *     trainer_save(t, "models/mine", true, e);
 */
#ifndef BROCA_TRAIN_H
#define BROCA_TRAIN_H

#include "broca/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what is trained (train/config.c) ---- */

typedef enum { TRAIN_GPT2, TRAIN_LLAMA } train_family;         /* LayerNorm, GELU (erf), learned positions | RMSNorm, SwiGLU, RoPE */
typedef enum { TRAIN_PRE, TRAIN_POST } train_placement;        /* taps: sublayer outputs | the stream after each addition (8.2) */
typedef enum { TRAIN_RANDOM, TRAIN_GRID } train_layout;        /* a permutation of the sheet a tap | row-major (8.3) */
typedef enum { TRAIN_FP32, TRAIN_BF16, TRAIN_FP64 } train_precision; /* BF16: products by oneDNN; weights and moments stay fp32 */

typedef struct {
    train_family family;
    size_t vocabulary, context, layers, width, heads;
    size_t kv_heads, inner;          /* 0: heads; 0: 4·width, llama: 2/3 of it rounded up to 32 */
    bool bias;                       /* gpt2: biases in linear layers and LayerNorm */
    bool tied;                       /* output = token embedding */
    double norm_eps, init_std, rope_theta;
    size_t sheet_rows, sheet_columns; /* rows·columns = width; 0, 0: no sheets (alpha must be 0) */
    train_placement placement;
    train_layout layout;
    size_t radius;                   /* neighbourhood: Chebyshev distance < radius; centres at least radius - 1 from each edge */
    size_t neighbourhoods;           /* drawn for each tap and micro-batch, without replacement */
    double alpha;                    /* CE + alpha · sum over taps of the spatial loss; 0: the loss is measured, not followed */
    bool maximum;                    /* a tap's loss: largest of its neighbourhoods instead of their mean */
    double activation_decay;         /* times the sum over taps of mean |row|² */
    train_precision precision;
    int32_t end;                     /* end symbol, for config.json; -1: none */
} train_model;

typedef struct {
    size_t windows, length, micro_batches; /* a micro-batch: windows × length tokens; a step: micro_batches of them */
    size_t warmup, steps;                  /* rate: 0 to peak in `warmup` steps, then cosine to floor at `steps` */
    double peak, floor;
    double beta1, beta2, epsilon, decay;   /* AdamW; decay on tensors of two dimensions */
    double clip;                           /* largest gradient norm */
} train_plan;

/* GPT-2, tied, no biases, eps 1e-5, std .02, sheets none, `pre`, random layout, radius 5, 5 neighbourhoods, alpha 0, fp32;
 * 16 windows of the context, 1 micro-batch, AdamW (.9, .95, 1e-8, .1), clip 1, peak 1e-3, floor 1e-4, warm-up 100. Sizes 0. */
void train_defaults(train_model *m, train_plan *p);
/* Fills what is 0 by rule (kv_heads, inner, length = context) and checks all. ERR_USAGE names key and rule: "width 200 is
 * not 14 x 14 (sheet)". */
int train_check(train_model *m, train_plan *p, err *e);
/* Peak memory of a trainer, bytes: weights, gradient, moments, activations of a micro-batch, logits of a block. */
size_t train_memory(const train_model *m, const train_plan *p);
size_t train_parameters(const train_model *m);
/* Multiplications and additions of matrix products in one step. */
double train_flops(const train_model *m, const train_plan *p);
/* Learning rate of step s: peak·s/warmup, then floor + (1 + cos(pi(s - warmup)/(steps - warmup)))/2·(peak - floor). */
double train_rate(const train_plan *p, size_t step);
/* First token of a window: floor(w·(tokens - length)/2^32), counter (window, step, 0) of stream 2; window counts through the
 * micro-batches. With 2^32 tokens or more the second word widens w to 64 bits. */
size_t train_offset(uint64_t seed, size_t step, size_t window, size_t tokens, size_t length);
/* Offsets of n validation windows, evenly spread: floor(i·(tokens - length - 1)/(n - 1)). */
size_t train_validation_offset(size_t i, size_t n, size_t tokens, size_t length);

/* ---- the trainer (train/trainer.c) ---- */

typedef struct trainer trainer;

/* Checks as train_check, draws weights and layouts. Fails: ERR_USAGE, ERR_MEMORY; TRAIN_BF16 without oneDNN: ERR_USAGE. */
int trainer_new(trainer **out, const train_model *m, const train_plan *p, uint64_t seed, err *e);
void trainer_free(trainer *t);
const train_model *trainer_model(const trainer *t);
const train_plan *trainer_plan(const trainer *t);

/* The tensors in forward order, Hugging Face names and shapes ("transformer.h.0.attn.c_attn.weight" [in×out];
 * "model.layers.0.self_attn.q_proj.weight" [out×in]). Biases that the model has not are not among them. */
typedef struct {
    const char *name;
    size_t rows, columns;            /* columns 0: a vector */
    size_t elements;
    void *value, *gradient, *m, *v;  /* of trainer_element bytes each; m, v: AdamW's moments */
    bool decays;
} train_tensor;
size_t trainer_tensors(const trainer *t);
const train_tensor *trainer_tensor(const trainer *t, size_t i);
size_t trainer_element(const trainer *t);    /* bytes of a number: 4, or 8 for TRAIN_FP64 */
/* Number of updates so far (bias correction of the moments). A checkpoint keeps it beside values, m and v; a resumed run
 * writes into the tensors' memory and sets it. */
size_t trainer_updates(const trainer *t);
void trainer_set_updates(trainer *t, size_t updates);

/* Taps `h.I.attn`, `h.I.mlp` in this order; positions [width×2]: row, column on the sheet. NULL without sheets. */
size_t trainer_taps(const trainer *t);
const char *trainer_tap(const trainer *t, size_t tap);
const float *trainer_positions(const trainer *t, size_t tap);

typedef struct {
    double ce;             /* nats per token, mean over micro-batches */
    double spatial;        /* mean over taps and micro-batches, not weighted; NaN without sheets */
    double gradient_norm;  /* before clipping, of the gradient averaged over micro-batches */
    double clip_scale;     /* min(1, clip/(norm + 1e-6)) */
    size_t guarded_units, guarded_neighbourhoods; /* correlations that were not defined (8.4), summed over micro-batches */
} train_stats;

/* One step: micro_batches × windows windows of length + 1 tokens each (the last one is only a target), forward, backward,
 * clip, update with `rate`. `step` keys the draws. Fails before any weight changes: ERR_INPUT a token outside of the
 * vocabulary (names window and place); ERR_INPUT divergence: loss or gradient not finite (names step and what). */
int trainer_step(trainer *t, const int32_t *tokens, size_t step, double rate, train_stats *out, err *e);

/* Mean cross-entropy and spatial loss over ALL neighbourhoods of each tap, in batches of the plan's `windows` windows.
 * tokens [n][length + 1]. spatial [taps] may be NULL. Changes nothing. n is a multiple of `windows`, else the last batch is
 * smaller (its correlations come from fewer rows; batches are weighted by their windows). */
int trainer_evaluate(trainer *t, const int32_t *tokens, size_t n, double *ce, double *spatial, err *e);

/* ---- files (train/save.c) ---- */

/* A Hugging Face folder (CONTRACT "Model folders that broca writes"): config.json, model.safetensors (half: f16, else f32;
 * biases that the model has not are stored as zeros), with sheets topography.safetensors. The tokenizer is the caller's. */
int trainer_save(const trainer *t, const char *folder, bool half, err *e);
/* Weights alone, at full precision (f32, f64), by the tensors' names; reading checks every name and shape. */
int trainer_write_weights(const trainer *t, const char *path, err *e);
int trainer_read_weights(trainer *t, const char *path, err *e);

/* ---- parts of a step, for tests and for other loops (train/trainer.c) ---- */

typedef struct {
    const int32_t *inputs, *targets; /* [windows×length]; a target of -1 does not count */
    size_t windows, length;          /* at most those of the plan */
    const size_t *const *chosen;     /* [taps] lists of neighbourhoods; NULL: all of them */
    size_t n_chosen;
} train_batch;
/* Neighbourhoods of tap at a step's micro-batch: the first k of a shuffle of all, counter (i, step, tap + 65536·micro), stream 4. */
int trainer_draw(const trainer *t, size_t step, size_t micro, size_t tap, size_t *chosen, err *e);
size_t trainer_neighbourhoods(const trainer *t); /* how many a tap has */
/* Units of neighbourhood k of a tap, in unit order; *members is the trainer's. Returns their number. */
size_t trainer_members(const trainer *t, size_t tap, size_t k, const size_t **members);
/* Another layout of one tap: positions [width×2], whole numbers, each place of the sheet once; its neighbourhoods are listed
 * anew, in the order of their centres' units. ERR_INPUT names the first unit that is wrong. */
int trainer_place(trainer *t, size_t tap, const double *positions, err *e);
/* Sets the gradient to 0. */
void trainer_begin(trainer *t);
/* Adds weight times the gradient of CE + alpha·sum of spatial losses of one micro-batch; spatial [taps] may be NULL. */
int trainer_add(trainer *t, const train_batch *b, double weight, double *ce, double *spatial, train_stats *out, err *e);
/* Norm, clipping, AdamW. Fails on a norm that is not finite. */
int trainer_update(trainer *t, double rate, train_stats *out, err *e);

/* ---- the spatial loss alone (train/spatial.c; METHODS 8.4) ---- */

typedef struct {
    const double *positions;      /* [units×2] */
    size_t units, n;              /* n neighbourhoods */
    const size_t *start, *member; /* neighbourhood k: member[start[k] .. start[k+1]) */
} spatial_sheet;
typedef struct {
    double loss;                  /* mean over neighbourhoods, or the largest */
    size_t guarded_units, guarded_neighbourhoods;
} spatial_result;
/* x [rows×units]; gradient [rows×units] is overwritten, NULL: not wanted; each [n] may be NULL. Means in fp64, centred columns
 * and products in the type of x, statistics over pairs in fp64. */
int spatial_loss_f4(const float *x, size_t rows, const spatial_sheet *s, bool maximum, double *each, float *gradient,
                    spatial_result *out, err *e);
int spatial_loss_f8(const double *x, size_t rows, const spatial_sheet *s, bool maximum, double *each, double *gradient,
                    spatial_result *out, err *e);

#ifdef __cplusplus
}
#endif
#endif
