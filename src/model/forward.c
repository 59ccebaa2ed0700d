/* SPDX-License-Identifier: MIT */
/* The forward pass. Sequences go through in groups of about GROUP_ROWS tokens, one after the other without padding between
 * them; the rows of a group are cut into fixed blocks (the last one padded with zero rows to full width), each block done by
 * one thread with single-threaded BLAS. So the bytes do not depend on the number of threads. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"
#include "inside.h"

/* BLOCK_ROWS: token rows of a matrix product. NEXT_ROWS: the same for one short sequence, where padding would be the work. */
enum { GROUP_ROWS = 4096, BLOCK_ROWS = 256, NEXT_ROWS = 32 };

typedef struct {
    const tap_id *taps;
    size_t n;
    size_t first;      /* number of the group's first sequence in the batch */
    model_sink sink;
    void *user;
} outlet;

/* ---- one group ---- */

static void pass_free(pass *p)
{
    float *const all[] = { p->x, p->h, p->o, p->qkv, p->mixed, p->cosine, p->sine };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    for (int t = 0; p->scratch && t < threads_count(); t++) free(p->scratch[t]);
    free(p->scratch);
    free(p->begin);
    free(p->length);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Buffers for groups of at most `rows` rows, `sequences` sequences and `longest` tokens a sequence. */
static int pass_new(pass *p, size_t rows, size_t sequences, err *e)
{
    const model_config *c = &p->m->config;
    size_t d = c->width, size = c->head_size, q = c->heads * size, kv = c->kv_heads * size;
    size_t padded = (p->longest + QUERY_ROWS - 1) / QUERY_ROWS * QUERY_ROWS;
    size_t all = (rows + p->block - 1) / p->block * p->block;
    p->begin = mem_new(sequences, sizeof *p->begin, e);
    p->length = mem_new(sequences, sizeof *p->length, e);
    p->x = mem_new(all * d, sizeof(float), e);
    p->h = mem_new(all * d, sizeof(float), e);
    p->o = mem_new(all * d, sizeof(float), e);
    p->qkv = mem_new(all * (q + 2 * kv), sizeof(float), e);
    p->mixed = mem_new(all * q, sizeof(float), e);
    if (!p->begin || !p->length || !p->x || !p->h || !p->o || !p->qkv || !p->mixed) return -1;
    size_t inner = p->block * p->m->blocks[0].up.out;
    size_t attention = 2 * padded * size + 2 * QUERY_ROWS * size + QUERY_ROWS * padded;
    if (lanes_fit(c)) attention = lanes_scratch(c, p->longest);
    p->scratch_floats = larger(larger(inner, attention), HEAD_ROWS * c->vocabulary);
    p->scratch = mem_new((size_t)threads_count(), sizeof *p->scratch, e);
    for (int t = 0; p->scratch && t < threads_count(); t++)
        if (!(p->scratch[t] = mem_new(p->scratch_floats, sizeof(float), e))) return -1;
    return p->scratch ? rotary_tables(p, e) : -1;
}

/* Takes the sequences first ... first + n - 1 of the batch; rows beyond the last one are zero. */
static void pass_load(pass *p, const model_batch *batch, size_t first, size_t n)
{
    size_t d = p->m->config.width;
    p->n = n;
    p->rows = 0;
    p->ids = batch->ids + first;
    for (size_t s = 0; s < n; s++) {
        p->begin[s] = p->rows;
        p->length[s] = batch->length[first + s];
        p->rows += p->length[s];
    }
    p->blocks = (p->rows + p->block - 1) / p->block;
    for (size_t s = 0; s < n; s++)
        for (size_t t = 0; t < p->length[s]; t++) {
            float *x = p->x + (p->begin[s] + t) * d;
            memcpy(x, p->m->tokens + (size_t)p->ids[s][t] * d, d * sizeof *x);
            for (size_t i = 0; p->m->positions && i < d; i++) x[i] += p->m->positions[t * d + i];
        }
    memset(p->x + p->rows * d, 0, (p->blocks * p->block - p->rows) * d * sizeof *p->x);
}

static void add_rows(const model_config *c, float *x, const float *o, size_t n)
{
    if (!c->residual) {
        memcpy(x, o, n * sizeof *x);
        return;
    }
    for (size_t i = 0; i < n; i++) x[i] += o[i];
}

typedef enum { STEP_QKV, STEP_OUT, STEP_NORM, STEP_MLP } step;

static void run_block(const pass *p, size_t layer, step what, size_t first, float *scratch)
{
    const model_config *c = &p->m->config;
    const block_weights *w = &p->m->blocks[layer];
    size_t d = c->width, rows = p->block;
    float *x = p->x + first * d, *h = p->h + first * d, *o = p->o + first * d;
    switch (what) {
    case STEP_QKV:
        norm_rows(c, &w->ln_1, x, h, rows);
        linear_rows(&w->qkv, h, d, p->qkv + first * w->qkv.out, rows);
        if (c->rope != ROPE_NONE) rotate_rows(p, p->qkv + first * w->qkv.out, first, rows);
        break;
    case STEP_OUT:
        linear_rows(&w->out, p->mixed + first * w->out.in, w->out.in, o, rows);
        break;
    case STEP_NORM:
        add_rows(c, x, o, rows * d);
        if (c->mlp) norm_rows(c, &w->ln_2, x, h, rows);
        break;
    case STEP_MLP:
        linear_rows(&w->up, h, d, scratch, rows);
        act_rows(c, scratch, w->up.out, rows);
        linear_rows(&w->down, scratch, w->up.out, o, rows);
        add_rows(c, x, o, rows * d);
        break;
    }
}

static void run_blocks(const pass *p, size_t layer, step what)
{
    long blocks = (long)p->blocks;
#pragma omp parallel for schedule(dynamic) num_threads(threads_count())
    for (long b = 0; b < blocks; b++) run_block(p, layer, what, (size_t)b * p->block, p->scratch[omp_get_thread_num()]);
}

static void run_final(const pass *p)
{
    const model_config *c = &p->m->config;
    long blocks = (long)p->blocks;
#pragma omp parallel for schedule(static) num_threads(threads_count())
    for (long b = 0; b < blocks; b++) {
        size_t at = (size_t)b * p->block * c->width;
        norm_rows(c, &p->m->final, p->x + at, p->h + at, p->block);
    }
}

static int emit(const pass *p, const outlet *to, tap_kind kind, size_t layer, const float *rows, err *e)
{
    size_t d = p->m->config.width;
    for (size_t k = 0; k < to->n; k++) {
        if (to->taps[k].kind != kind || to->taps[k].layer != layer) continue;
        for (size_t s = 0; s < p->n; s++)
            if (to->sink(to->user, to->first + s, k, rows + p->begin[s] * d, p->length[s], d, e)) return -1;
    }
    return 0;
}

static int emit_logits(const pass *p, const outlet *to, err *e)
{
    size_t d = p->m->config.width, v = p->m->config.vocabulary, padded = (p->longest + HEAD_ROWS - 1) / HEAD_ROWS * HEAD_ROWS;
    int status = -1;
    float *h = mem_new(padded * d, sizeof *h, e), *logits = h ? mem_new(padded * v, sizeof *logits, e) : NULL;
    if (!logits) goto done;
    for (size_t k = 0; k < to->n; k++) {
        if (to->taps[k].kind != TAP_LOGITS) continue;
        for (size_t s = 0; s < p->n; s++) {
            long blocks = (long)((p->length[s] + HEAD_ROWS - 1) / HEAD_ROWS);
            memset(h, 0, padded * d * sizeof *h);
            memcpy(h, p->h + p->begin[s] * d, p->length[s] * d * sizeof *h);
#pragma omp parallel for schedule(static) num_threads(threads_count())
            for (long b = 0; b < blocks; b++) head_rows(p->m, h + (size_t)b * HEAD_ROWS * d, logits + (size_t)b * HEAD_ROWS * v);
            if (to->sink(to->user, to->first + s, k, logits, p->length[s], v, e)) goto done;
        }
    }
    status = 0;
done:
    free(h);
    free(logits);
    return status;
}

static bool wants(const outlet *to, tap_kind kind)
{
    for (size_t k = 0; k < to->n; k++)
        if (to->taps[k].kind == kind) return true;
    return false;
}

/* The layers that somebody waits for. */
static size_t layers_needed(const pass *p, const outlet *to, bool head)
{
    size_t most = 0;
    if (head || wants(to, TAP_FINAL) || wants(to, TAP_LOGITS)) return p->m->config.layers;
    for (size_t k = 0; k < to->n; k++)
        if (to->taps[k].kind != TAP_EMBED) most = larger(most, to->taps[k].layer + 1);
    return most;
}

/* One use of a block; `to` NULL: nobody looks (a cycle before the last one). */
static int run_layer(const pass *p, const outlet *to, size_t l, err *e)
{
    static const outlet nobody;
    if (!to) to = &nobody;
    run_blocks(p, l, STEP_QKV);
    if (emit(p, to, TAP_LN_1, l, p->h, e)) return -1;
    attention_heads(p, l);
    run_blocks(p, l, STEP_OUT);
    if (emit(p, to, TAP_ATTN, l, p->o, e)) return -1;
    run_blocks(p, l, STEP_NORM);
    if (!p->m->config.mlp) return emit(p, to, TAP_BLOCK, l, p->x, e);
    if (emit(p, to, TAP_LN_2, l, p->h, e)) return -1;
    run_blocks(p, l, STEP_MLP);
    return emit(p, to, TAP_MLP, l, p->o, e) || emit(p, to, TAP_BLOCK, l, p->x, e) ? -1 : 0;
}

static int run_layers(const pass *p, const outlet *to, bool head, err *e)
{
    size_t layers = layers_needed(p, to, head);
    if (emit(p, to, TAP_EMBED, 0, p->x, e)) return -1;
    for (size_t l = 0; l < layers; l++)
        for (size_t c = 1; c <= p->m->config.cycles; c++)
            if (run_layer(p, c == p->m->config.cycles ? to : NULL, l, e)) return -1;
    if (!head && !wants(to, TAP_FINAL) && !wants(to, TAP_LOGITS)) return 0;
    run_final(p);
    if (emit(p, to, TAP_FINAL, 0, p->h, e)) return -1;
    return wants(to, TAP_LOGITS) ? emit_logits(p, to, e) : 0;
}

/* ---- batches ---- */

static int check_batch(const model *m, const model_batch *b, err *e)
{
    for (size_t s = 0; s < b->n; s++) {
        if (b->length[s] < 1 || b->length[s] > m->facts.context) {
            err_set(e, ERR_INPUT, "sequence %zu has %zu tokens, the model takes 1 to %zu", s, b->length[s], m->facts.context);
            return err_hint(e, "--context window:N reads running text in pieces");
        }
        for (size_t t = 0; t < b->length[s]; t++)
            if (b->ids[s][t] < 0 || (size_t)b->ids[s][t] >= m->facts.vocabulary)
                return err_set(e, ERR_INPUT, "sequence %zu, token %zu: id %d is not in the model's vocabulary of %zu", s, t,
                               b->ids[s][t], m->facts.vocabulary);
    }
    return 0;
}

static size_t group_end(const model_batch *b, size_t first, size_t *rows)
{
    size_t s = first;
    *rows = 0;
    while (s < b->n && (s == first || *rows + b->length[s] <= GROUP_ROWS)) *rows += b->length[s++];
    return s;
}

static void measure(const model_batch *b, size_t *rows, size_t *sequences, size_t *longest)
{
    *rows = *sequences = *longest = 0;
    for (size_t s = 0; s < b->n; s++) *longest = larger(*longest, b->length[s]);
    for (size_t s = 0, end; s < b->n; s = end) {
        size_t n;
        end = group_end(b, s, &n);
        *rows = larger(*rows, n);
        *sequences = larger(*sequences, end - s);
    }
}

int model_forward(const model *m, const model_batch *batch, const char *const *taps, size_t n_taps, model_sink sink, void *user,
                  float *const *nll, err *e)
{
    pass p = { .m = m, .block = BLOCK_ROWS };
    tap_id *ids = mem_new(n_taps, sizeof *ids, e);
    size_t rows, sequences;
    int status = -1;
    if (!ids) goto done;
    for (size_t k = 0; k < n_taps; k++)
        if (tap_parse(m, taps[k], &ids[k], e)) goto done;
    if (nll && !m->head) {
        err_set(e, ERR_INPUT, "the model has no head: there is no surprisal");
        goto done;
    }
    if (check_batch(m, batch, e)) goto done;
    measure(batch, &rows, &sequences, &p.longest);
    if (batch->n && pass_new(&p, rows, sequences, e)) goto done;
    for (size_t s = 0, end; s < batch->n; s = end) {
        outlet to = { ids, n_taps, s, sink, user };
        end = group_end(batch, s, &rows);
        pass_load(&p, batch, s, end - s);
        if (run_layers(&p, &to, nll != NULL, e)) goto done;
        if (nll) head_nll(&p, nll + s);
        if (interrupted()) {
            err_set(e, ERR_INTERRUPTED, "interrupted after %zu of %zu sequences", end, batch->n);
            goto done;
        }
    }
    status = 0;
done:
    if (status) err_while(e, "computing the forward pass");
    pass_free(&p);
    free(ids);
    return status;
}

int model_next(const model *m, const int32_t *ids, size_t n, float *logits, err *e)
{
    pass p = { .m = m, .block = NEXT_ROWS, .longest = n };
    const model_batch one = { 1, &ids, &n };
    const outlet none = { 0 };
    size_t d = m->config.width, v = m->config.vocabulary;
    int status = -1;
    float *h = NULL;
    if (!m->head) return err_set(e, ERR_INPUT, "the model has no head: it cannot continue a text");
    if (check_batch(m, &one, e)) goto done;
    if (pass_new(&p, n, 1, e) || !(h = mem_new((size_t)HEAD_ROWS * d, sizeof *h, e))) goto done;
    pass_load(&p, &one, 0, 1);
    if (run_layers(&p, &none, true, e)) goto done;
    memcpy(h, p.h + (n - 1) * d, d * sizeof *h);
    head_rows(m, h, p.scratch[0]);
    memcpy(logits, p.scratch[0], v * sizeof *logits);
    status = 0;
done:
    if (status) err_while(e, "computing the next token");
    pass_free(&p);
    free(h);
    return status;
}
