/* SPDX-License-Identifier: MIT */
/* Inside of the models (private to the room). GPT-2, Llama and SUMA are one pre-norm transformer with different parts:
 *
 *     x = embed                          h = ln_1(x)   [q k v] = h·Wqkv   a = attention(q, k, v)·Wo   x += a
 *                                        h = ln_2(x)   m = act(h·Wup)·Wdown (gated: act(g)*u)         x += m
 *
 * SUMA uses its one block `cycles` times, without the second line unless it has an MLP; its taps are the last cycle's.
 * A family says which config means what, and which tensor of the file goes where (a list of slots); everything else, from
 * reading to the forward pass, is written once. */
#ifndef BROCA_MODEL_INSIDE_H
#define BROCA_MODEL_INSIDE_H

#include "broca/model.h"
#include "safetensors.h"

typedef enum { ACT_GELU_TANH, ACT_GELU_ERF, ACT_SILU, ACT_RELU } act_kind;
/* LINEAR: scores divided by the number of visible tokens instead of a softmax; MEAN: the same weight for each of them. */
typedef enum { ATTEND_SOFTMAX, ATTEND_MEAN, ATTEND_LINEAR } attend_kind;
typedef enum { ROPE_NONE, ROPE_PLAIN, ROPE_LINEAR, ROPE_LLAMA3 } rope_kind;

typedef struct family family;

typedef struct {
    const family *family;
    char model_type[32];          /* as config.json says: "mistral" is computed by the family llama */
    size_t layers, width, heads, kv_heads, head_size, inner, vocabulary, context;
    size_t cycles;                /* each block is used so many times */
    attend_kind attention;
    bool residual, mlp;           /* x += a, or x = a; has the block a second half */
    double norm_eps;
    act_kind act;
    bool rms_norm, gated, tied, has_head;
    bool qkv_bias, out_bias, mlp_bias;
    bool scale_scores, scale_by_layer; /* gpt2: divide by sqrt(head_size); also by layer + 1 */
    rope_kind rope;
    double rope_theta, rope_factor, rope_low, rope_high, rope_original;
    size_t window, window_from;   /* 0: none; first layer that has the window */
    double init_range;
    long padding_row;             /* row of the embedding that starts at zero, -1: none */
    int32_t bos, eos;             /* -1: none */
} model_config;

typedef struct {
    float *w, *bias; /* bias may be NULL */
    size_t in, out;
    bool in_out;     /* stored [in×out] (GPT-2) instead of [out×in]: as the file has it, nothing is transposed */
} linear;
typedef struct { float *gain, *bias; } norm_weights;
typedef struct {
    norm_weights ln_1, ln_2;
    linear qkv, out, up, down; /* up: gate and up side by side when gated */
} block_weights;

typedef enum { START_NORMAL, START_ONE, START_ZERO } slot_start;
typedef struct {
    char name[96];       /* in the file, without prefix */
    const char *also;    /* another name that will do (tied head), or NULL */
    size_t at;           /* place in model.all, in floats */
    size_t rows, columns;/* shape in the file; columns 0: a vector */
    bool in_out;
    slot_start start;    /* untrained: how it begins */
    uint32_t number;     /* CONTRACT "Determinism": tensor number of the random words */
    double std;
    long zero_row;       /* -1: none */
} slot;
typedef struct {
    slot *at;
    size_t n, room;
    size_t floats;       /* of all slots */
    bool failed;
} slot_list;

struct model {
    model_facts facts;
    model_config config;
    float *all;            /* every weight, one allocation */
    size_t floats;
    float *tokens, *positions; /* [vocabulary×width], [context×width] or NULL */
    block_weights *blocks;
    norm_weights final;
    float *head;           /* [vocabulary×width]; tokens when tied; NULL: no head */
    slot_list slots;
    char *identity;
    bool untrained;
};

struct family {
    const char *name;
    const char *const *types;    /* model_type values, NULL-terminated */
    const char *const *prefixes; /* of tensor names, tried in order */
    const char *probe;           /* tensor that tells the prefix; probe_also when the first is not stored */
    const char *probe_also;
    const char *const *ignored;  /* endings of buffers that published files carry */
    int (*configure)(model_config *c, const json *j, const char *path, err *e);
    /* Architecture without file: sizes of c are set where the user said them, else 0. */
    void (*defaults)(model_config *c);
    /* Adds every tensor in forward order; with m->all set, also points the weights into it. */
    void (*build)(model *m, slot_list *l);
    void (*write_config)(const model_config *c, buffer *b);
};
extern const family family_gpt2, family_llama, family_suma;

/* ---- config.c ---- */
int config_read(model_config *c, const char *folder, err *e);
const family *family_find(const char *model_type, err *e, const char *where);
/* Whole number >= 1 of a key; *out keeps its value when the key is absent or null unless needed. */
int config_size(const json *j, const char *key, bool needed, size_t *out, const char *path, err *e);
int config_real(const json *j, const char *key, double *out, const char *path, err *e);
int config_act(const json *j, const char *key, act_kind *out, const char *path, err *e);
int config_check(const model_config *c, const char *path, err *e);
const char *act_name(act_kind act);
const char *attend_name(attend_kind kind); /* softmax, mean, linear; NULL beyond the last one */

/* ---- weights.c ---- */
int model_new(model **out, const model_config *c, err *e);
int model_allocate(model *m, err *e);
int weights_read(model *m, const char *folder, const safetensors *file, err *e);
/* For families' build: adds a slot of rows×columns (columns 0: vector) and gives its place (NULL while counting). */
float *slot_add(model *m, slot_list *l, const slot *s);
int slot_error(const slot_list *l, err *e);

/* ---- untrained.c ---- */
void weights_draw(model *m, uint64_t seed);

/* ---- taps.c ---- */
typedef enum { TAP_EMBED, TAP_LN_1, TAP_ATTN, TAP_LN_2, TAP_MLP, TAP_BLOCK, TAP_FINAL, TAP_LOGITS } tap_kind;
typedef struct { tap_kind kind; size_t layer; } tap_id;
int tap_parse(const model *m, const char *name, tap_id *out, err *e);
bool tap_exists(const model *m, tap_kind kind); /* no ln_2 and mlp in a block without its second half */

/* ---- layers.c, attention.c, rotary.c, head.c, forward.c: the forward pass of one group of sequences ---- */
enum { QUERY_ROWS = 32, HEAD_ROWS = 32 };
typedef struct {
    const model *m;
    size_t n, *begin, *length;  /* sequences and their first rows */
    const int32_t *const *ids;  /* [n] */
    size_t rows, block, blocks; /* rows used; rows a block; blocks of the padded buffers */
    size_t longest;
    float *x, *h, *o, *qkv, *mixed; /* residual stream; normed; sublayer output; projections; attention's mixture */
    float *cosine, *sine;       /* rotary tables [longest × head_size/2], or NULL */
    float **scratch;            /* one a thread */
    size_t scratch_floats;
} pass;
void attention_heads(const pass *p, size_t layer);
/* families/suma_attention.c: many small heads, one a lane; and the running mean. */
bool lanes_fit(const model_config *c);
size_t lanes_scratch(const model_config *c, size_t longest); /* floats */
void lanes_attention(const pass *p);
void mean_attention(const pass *p);
int rotary_tables(pass *p, err *e);
void rotate_rows(const pass *p, float *rows, size_t first, size_t count);
void linear_rows(const linear *l, const float *in, size_t in_stride, float *out, size_t rows);
void act_rows(const model_config *c, float *u, size_t stride, size_t rows);
void norm_rows(const model_config *c, const norm_weights *w, const float *x, float *out, size_t rows);
/* Logits of rows of h (HEAD_ROWS of them, [HEAD_ROWS×vocabulary]). */
void head_rows(const model *m, const float *h, float *logits);
void head_nll(const pass *p, float *const *nll);

#endif
