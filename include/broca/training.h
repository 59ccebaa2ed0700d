/* SPDX-License-Identifier: MIT */
/* training: a training run around the engine of train.h. Settings as text, the loop over a token file, validation, the log,
 * checkpoints. Belongs to the room `train`.
 *
 * A run's folder, which at its end is a Hugging Face model folder:
 *
 *     config.json  model.safetensors  tokenizer.json  topography.safetensors     written when training is done
 *     train_log.tsv                     a line a step: step tokens rate ce spatial gradient_norm clip_scale guarded_units
 *                                       validation_ce validation_bits_per_byte validation_spatial (nats per token; empty cells
 *                                       where nothing was validated). validation_* are measured after the step's update.
 *     checkpoint/state.h5               kind checkpoint: step, updates, length of the log, identity of settings and corpus,
 *                                       moments /m/TENSOR, /v/TENSOR, layouts /layout/TAP, name and SHA-256 of the weights
 *     checkpoint/weights-STEP.safetensors   the weights at full precision
 *
 * A checkpoint is written to new names, state.h5 last, and the old one removed only then: whenever the run dies, and on a full
 * disk, one whole checkpoint is there. A resumed run gives the same bytes as one that was not disturbed: what the log holds
 * beyond the checkpoint is cut off. */
#ifndef BROCA_TRAINING_H
#define BROCA_TRAINING_H

#include "broca/base.h"
#include "broca/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- settings as text (train/settings.c) ---- */

typedef struct {
    train_model model; /* vocabulary and end symbol are those of the corpus */
    train_plan plan;
} training_settings;

/* "NAME,key=value,...": topolm (gpt2 without biases, with sheets), gpt2, llama; keys of the model. What is not said: 4 layers,
 * 4 heads, context 128; topolm: width 196, the squarest sheet, alpha .25; else width 128, no sheet. Overwrites *s.
 * ERR_USAGE for an unknown key names the nearest. */
int training_arch(training_settings *s, const char *text, err *e);
/* "key=value,...": keys of the training plan; other settings keep their values. */
int training_plan(training_settings *s, const char *text, err *e);
/* A file of lines `key = value` (# begins a comment): arch, then keys of both kinds. Overwrites *s. */
int training_file(training_settings *s, const char *path, err *e);
/* Every key with its value as one JSON object; what decides the bytes of the weights. */
void training_json(const training_settings *s, buffer *out);
/* Keys and what they mean, a line each, for --help. */
void training_keys(buffer *out);

/* ---- the run (train/training.c) ---- */

typedef struct {
    const char *corpus, *out; /* token file; folder */
    training_settings settings;
    uint64_t seed;
    size_t validate_every, validation_windows; /* steps; 0: at the end only. 0: no validation */
    size_t checkpoint_every;                   /* steps; 0: at the end and when interrupted */
    size_t memory;                             /* refuse what needs more; 0: no limit */
    bool half, resume;                         /* f16 weights in the model folder; go on from the checkpoint if there is one */
} training_recipe;

typedef struct {
    size_t first, steps, parameters; /* first step of this process (0: from the start) */
    size_t train_tokens, seen_tokens;
    bool validated;
    double ce, bits_per_byte, spatial; /* on the validation windows at the end; spatial NaN without sheets */
} training_result;

/* Fails: ERR_USAGE settings that do not fit each other, the corpus or the memory; a checkpoint in `out` without `resume`.
 * ERR_INPUT a damaged token file or checkpoint, a checkpoint of other settings, seed or corpus (names what differs),
 * divergence: a loss that is not finite, or whose running mean exceeds that of guessing by 1 after warm-up.
 * ERR_ENVIRONMENT a full disk, a folder that another process trains in. ERR_INTERRUPTED after a checkpoint. */
int training_run(const training_recipe *r, training_result *out, err *e);

#ifdef __cplusplus
}
#endif
#endif
