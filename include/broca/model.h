/* SPDX-License-Identifier: MIT */
/* model: language models from their published folders or from an architecture and a seed. Tokenizers, weights, forward
 * pass, taps (CONTRACT "Tap names"). Computes in fp32; half precision is a storage format. */
#ifndef BROCA_MODEL_H
#define BROCA_MODEL_H

#include "broca/base.h"
#include "broca/store.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- tokenizers (model/tokenizer*.c) ---- */

typedef struct tokenizer tokenizer;
typedef struct {
    size_t n, room;
    int32_t *id;
    int64_t *begin, *end; /* bytes of the text; [0,0) for special tokens that the post-processor adds */
    uint8_t *special;     /* 1: added by the post-processor; never pooled */
} token_list;
void token_list_free(token_list *l); /* frees the arrays, zeroes *l */

/* tokenizer.json, or vocab.json + merges.txt (+ tokenizer_config.json, special_tokens_map.json) in a model folder.
 * Unknown kinds fail with ERR_INPUT that names the part ("model type WordPiece is not known yet"). */
int tokenizer_open(tokenizer **out, const char *folder, err *e);
/* A tokenizer.json of any name. */
int tokenizer_open_file(tokenizer **out, const char *path, err *e);
/* Built in: ids 0-255 are bytes, 256 = start of text (vocabulary 257). */
int tokenizer_open_bytes(tokenizer **out, err *e);
/* Appends nothing: *out is overwritten (its memory is reused). special: run the post-processor (start symbols). */
int tokenizer_encode(const tokenizer *t, const char *text, size_t bytes, bool special, token_list *out, err *e);
int tokenizer_decode(const tokenizer *t, const int32_t *ids, size_t n, bool skip_special, buffer *out, err *e);
size_t tokenizer_vocabulary(const tokenizer *t);  /* with added tokens */
sha_hex tokenizer_hash(const tokenizer *t);       /* of the file(s) it was read from */
void tokenizer_free(tokenizer *t);

/* ---- models (model/config.c, safetensors.c, weights.c, families/, forward.c, untrained.c) ---- */

typedef struct model model;

typedef struct {
    char family[32];       /* "gpt2", "llama" */
    size_t layers, width, heads, vocabulary, context; /* context: position limit */
    size_t parameters;
    bool has_head;
} model_facts;

/* Weights by mmap; f32, f16, bf16; one file or shards with an index. Fails: unknown architecture (nearest known one),
 * missing tensor, wrong shape, NaN or inf in a weight (names tensor and element), a header that lies. */
int model_open(model **out, const char *folder, err *e);
/* A folder's config with weights drawn from our generator (CONTRACT "Determinism"); needs no weight files. */
int model_untrained(model **out, const char *folder, uint64_t seed, err *e);
/* "gpt2,layers=4,width=128,heads=4,vocab=257,context=512" or "llama,...": architecture without any file. */
int model_architecture(model **out, const char *text, uint64_t seed, err *e);
const model_facts *model_about(const model *m);
/* SHA-256 of the lines `sha256  name` of config.json and weight files, sorted by name; arch + seed text for others. */
const char *model_identity(const model *m);
bool model_is_untrained(const model *m);
int32_t model_end(const model *m); /* id of the end symbol (config.json's eos_token_id), -1: none */
/* Writes config.json + model.safetensors (f32, Hugging Face names). */
int model_save(const model *m, const char *folder, err *e);
void model_free(model *m);

/* Resolves `--layers`: names, ranges "h.0-11", "all" (embed, every h.I, final), "sublayers" (adds h.I.{ln_1,attn,ln_2,mlp}).
 * *names is one allocation. ERR_USAGE names the unknown tap and lists the known ones. */
int model_taps(const model *m, const char *layers, char ***names, size_t *n, err *e);
size_t model_tap_width(const model *m, const char *tap);

typedef struct {
    size_t n;               /* sequences */
    const int32_t *const *ids;
    const size_t *length;   /* each 1..context */
} model_batch;
/* Called for every finished fixed block of sequences and every wanted tap, from one thread at a time, in a fixed order of
 * sequences; row-major [length×width] of one sequence. */
typedef int (*model_sink)(void *user, size_t sequence, size_t tap, const float *rows, size_t length, size_t width, err *e);
/* Causal forward pass of every sequence alone (ragged, no padding). taps: names from model_taps. nll (may be NULL):
 * per sequence an array [length] that receives -ln p(token | before), NaN for the first token. */
int model_forward(const model *m, const model_batch *batch, const char *const *taps, size_t n_taps, model_sink sink,
                  void *user, float *const *nll, err *e);
/* Logits [vocabulary] after the last token of ids; ties of an argmax: the smallest id. */
int model_next(const model *m, const int32_t *ids, size_t n, float *logits, err *e);

#ifdef __cplusplus
}
#endif
#endif
