/* SPDX-License-Identifier: MIT */
/* Runs the plan: chunk by chunk of rows, the sequences that a chunk needs go through the model, their vectors are summed into
 * its rows (fp64), and the rows are written. A sequence that two chunks need is computed twice; chunks are large. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

enum { CHUNK_BYTES = 256 << 20, CHUNK_STEP = 1024 }; /* fixed, since the layout of the file follows the chunks */

typedef struct {
    size_t row, position;
} place;

typedef struct {
    const extract_plan *p;
    const model *m;
    store *s;
    const char *const *taps;
    size_t n_taps, *width;
    size_t first, rows, chunk;  /* rows of this chunk; rows of a full one */
    double **sum;               /* [n_taps] of [chunk×width] */
    float *out;                 /* [chunk × widest] */
    size_t *place_begin;        /* [sequences + 1] into places, by sequence */
    place *places;
    size_t *run;                /* sequences that go through now */
    size_t n_run;
    float **nll;                /* [sequences] or NULL */
    uint8_t *visited;           /* [sequences] its surprisal is there */
    progress bar;
} runner;

/* ---- what a chunk needs ---- */

/* Sorts the chunk's picks by sequence, stably: a row sums its vectors in the order of sequences and positions. */
static int sort_picks(runner *r, err *e)
{
    const extract_plan *p = r->p;
    size_t begin = p->pick_begin[r->first], end = p->pick_begin[r->first + r->rows], n = p->n_sequences;
    void *list = r->places;
    if (mem_grow(&list, end - begin + 1, sizeof *r->places, e)) return -1;
    r->places = list;
    memset(r->place_begin, 0, (n + 2) * sizeof *r->place_begin);
    for (size_t k = begin; k < end; k++) r->place_begin[p->picks[k].sequence + 2]++;
    for (size_t s = 0; s < n; s++) r->place_begin[s + 2] += r->place_begin[s + 1];
    r->n_run = 0;
    for (size_t s = 0; s < n; s++)
        if (r->place_begin[s + 2] > r->place_begin[s + 1]) r->run[r->n_run++] = s;
    for (size_t row = r->first, k = begin; row < r->first + r->rows; row++)
        for (; k < p->pick_begin[row + 1]; k++) {
            const pick *at = &p->picks[k];
            r->places[r->place_begin[at->sequence + 1]++] = (place){ row - r->first, at->position };
        }
    return 0; /* place_begin[s] .. place_begin[s + 1] are the places of s now */
}

static int take(void *user, size_t number, size_t tap, const float *rows, size_t length, size_t width, err *e)
{
    runner *r = user;
    size_t s = r->run[number];
    for (size_t k = r->place_begin[s]; k < r->place_begin[s + 1]; k++) {
        const float *from = rows + r->places[k].position * width;
        double *to = r->sum[tap] + r->places[k].row * width;
        for (size_t j = 0; j < width; j++) to[j] += (double)from[j];
    }
    if (tap == 0) progress_step(&r->bar, length);
    (void)e;
    return 0;
}

/* ---- running ---- */

static int forward(runner *r, size_t n_taps, err *e)
{
    int status = -1;
    const int32_t **ids = mem_new(r->n_run, sizeof *ids, e);
    size_t *length = mem_new(r->n_run, sizeof *length, e);
    float **nll = mem_new(r->n_run, sizeof *nll, e);
    if (!ids || !length || !nll) goto done;
    for (size_t k = 0; k < r->n_run; k++) {
        const sequence *s = &r->p->sequences[r->run[k]];
        ids[k] = s->ids;
        length[k] = s->length;
        if (r->nll) nll[k] = r->nll[r->run[k]];
        r->visited[r->run[k]] = 1;
    }
    model_batch batch = { r->n_run, ids, length };
    status = model_forward(r->m, &batch, r->taps, n_taps, take, r, r->nll ? nll : NULL, e);
done:
    free(ids);
    free(length);
    free(nll);
    return status;
}

static int finite_row(const runner *r, size_t tap, size_t row, const float *x, err *e)
{
    for (size_t j = 0; j < r->width[tap]; j++)
        if (!isfinite(x[j]))
            return err_set(e, ERR_INPUT, "tap %s, row %zu, unit %zu is not finite: the model overflows fp32", r->taps[tap],
                           r->first + row, j);
    return 0;
}

static int put_chunk(runner *r, err *e)
{
    const extract_plan *p = r->p;
    bool mean = p->o.pool == POOL_MEAN || p->o.pool == POOL_WORD_MEAN;
    char name[256];
    for (size_t t = 0; t < r->n_taps; t++) {
        size_t d = r->width[t];
        for (size_t i = 0; i < r->rows; i++) {
            size_t row = r->first + i, n = p->pick_begin[row + 1] - p->pick_begin[row];
            double divisor = mean ? (double)n : 1;
            for (size_t j = 0; j < d; j++) r->out[i * d + j] = (float)(r->sum[t][i * d + j] / divisor);
            if (finite_row(r, t, i, r->out + i * d, e)) return -1;
        }
        snprintf(name, sizeof name, "tap/%s", r->taps[t]);
        const size_t start[2] = { r->first, 0 }, dims[2] = { r->rows, d };
        if (store_fill_f4(r->s, name, start, dims, r->out, e)) return -1;
    }
    return 0;
}

static int run_chunk(runner *r, err *e)
{
    for (size_t t = 0; t < r->n_taps; t++) memset(r->sum[t], 0, r->rows * r->width[t] * sizeof **r->sum);
    return sort_picks(r, e) || forward(r, r->n_taps, e) || put_chunk(r, e) ? -1 : 0;
}

/* Sequences that no row needed still have tokens whose surprisal was asked for. */
static int run_rest(runner *r, err *e)
{
    r->n_run = 0;
    for (size_t s = 0; s < r->p->n_sequences; s++)
        if (!r->visited[s]) r->run[r->n_run++] = s;
    return r->n_run ? forward(r, 0, e) : 0;
}

/* ---- memory ---- */

static void runner_free(runner *r)
{
    for (size_t t = 0; r->sum && t < r->n_taps; t++) free(r->sum[t]);
    if (r->nll) free(r->nll[0]);
    free(r->nll);
    free(r->sum);
    free(r->out);
    free(r->width);
    free(r->place_begin);
    free(r->places);
    free(r->run);
    free(r->visited);
}

static int nll_new(runner *r, err *e)
{
    const extract_plan *p = r->p;
    float *all = mem_new(p->facts.computed, sizeof *all, e);
    r->nll = all ? mem_new(p->n_sequences + 1, sizeof *r->nll, e) : NULL;
    if (!r->nll) {
        free(all);
        return -1;
    }
    r->nll[0] = all;
    for (size_t s = 0; s + 1 < p->n_sequences; s++) r->nll[s + 1] = r->nll[s] + p->sequences[s].length;
    return 0;
}

static int runner_new(runner *r, bool surprisal, err *e)
{
    const extract_plan *p = r->p;
    size_t all = 0, widest = 0, n = p->n_sequences;
    r->width = mem_new(r->n_taps, sizeof *r->width, e);
    r->sum = mem_new(r->n_taps, sizeof *r->sum, e);
    r->place_begin = mem_new(n + 2, sizeof *r->place_begin, e);
    r->run = mem_new(n, sizeof *r->run, e);
    r->visited = mem_new(n, 1, e);
    if (!r->width || !r->sum || !r->place_begin || !r->run || !r->visited) return -1;
    for (size_t t = 0; t < r->n_taps; t++) {
        size_t w = r->width[t] = model_tap_width(r->m, r->taps[t]);
        all += w;
        if (w > widest) widest = w;
    }
    r->chunk = (size_t)CHUNK_BYTES / (all * sizeof(double) + 1);
    r->chunk = r->chunk > CHUNK_STEP ? r->chunk / CHUNK_STEP * CHUNK_STEP : r->chunk ? r->chunk : 1;
    if (r->chunk > p->n_rows) r->chunk = p->n_rows;
    for (size_t t = 0; t < r->n_taps; t++)
        if (!(r->sum[t] = mem_new(r->chunk * r->width[t], sizeof **r->sum, e))) return -1;
    if (!(r->out = mem_new(r->chunk * widest, sizeof *r->out, e))) return -1;
    return surprisal ? nll_new(r, e) : 0;
}

/* ---- tables ---- */

static int put_items(store *s, const extract_plan *p, err *e)
{
    const stimuli *x = p->x;
    return store_put_text(s, "item/id", x->id, x->n, e) || store_put_i4(s, "item/run", x->run, x->n, e) ||
                   store_put_i4(s, "item/tokens", p->item_tokens, x->n, e) || store_put_text(s, "item/group", x->group, x->n, e) ||
                   store_put_text(s, "item/condition", x->condition, x->n, e)
               ? -1
               : 0;
}

static int put_words(store *s, const stimuli *x, err *e)
{
    size_t n = x->words;
    return store_put_i4(s, "word/item", x->word_item, n, e) || store_put_text(s, "word/text", x->word_text, n, e) ||
                   store_put_f8(s, "word/onset", x->word_onset, n, e) || store_put_f8(s, "word/offset", x->word_offset, n, e) ||
                   store_put_i4(s, "word/begin", x->word_begin, n, e) || store_put_i4(s, "word/end", x->word_end, n, e)
               ? -1
               : 0;
}

static int put_tokens(store *s, const extract_plan *p, float *const *nll, err *e)
{
    size_t n = p->n_tokens;
    const size_t dims[2] = { n, 2 };
    int status = -1;
    int32_t *item = mem_new(n, sizeof *item, e), *span = mem_new(2 * n, sizeof *span, e);
    float *surprisal = mem_new(n, sizeof *surprisal, e);
    if (!item || !span || !surprisal) goto done;
    for (size_t i = 0; i < n; i++) {
        const token_row *t = &p->tokens[i];
        item[i] = t->item;
        span[2 * i] = t->begin;
        span[2 * i + 1] = t->end;
        if (nll) surprisal[i] = nll[t->at.sequence][t->at.position];
    }
    if (store_put_i4(s, "token/item", item, n, e) || store_write_i4(s, "token/span", 2, dims, span, e)) goto done;
    status = nll ? store_write_f4(s, "surprisal", 1, &n, surprisal, e) : 0;
done:
    free(item);
    free(span);
    free(surprisal);
    return status;
}

static int put_facts(store *s, const extract_plan *p, err *e)
{
    static const char *const contexts[] = { "none", "group", "window" };
    static const char *const pools[] = { "last", "mean", "sum", "first", "none", "word", "word-mean" };
    const extract_facts *f = &p->facts;
    if (store_set_text(s, "/", "context", contexts[p->o.context], e) || store_set_text(s, "/", "pooling", pools[p->o.pool], e) ||
        store_set_text(s, "/", "special", p->o.special ? "yes" : "no", e) ||
        store_set_int(s, "/", "words_look_ahead", (int64_t)f->look_ahead, e) ||
        store_set_int(s, "/", "items_cut", (int64_t)f->cut, e))
        return -1;
    return p->o.context == CONTEXT_WINDOW ? store_set_int(s, "/", "window", (int64_t)f->longest, e) : 0;
}

/* ---- public ---- */

int extract_write(store *s, const model *m, const extract_plan *p, const char *const *taps, size_t n_taps, bool surprisal, err *e)
{
    runner r = { .p = p, .m = m, .s = s, .taps = taps, .n_taps = n_taps };
    int status = -1;
    bool words = p->o.pool == POOL_WORD || p->o.pool == POOL_WORD_MEAN;
    char name[256];
    if (runner_new(&r, surprisal, e)) goto done;
    if (put_items(s, p, e) || put_facts(s, p, e) || (words && put_words(s, p->x, e))) goto done;
    for (size_t t = 0; t < n_taps; t++) {
        const size_t dims[2] = { p->n_rows, r.width[t] };
        snprintf(name, sizeof name, "tap/%s", taps[t]);
        if (store_make(s, name, STORE_F4, 2, dims, e)) goto done;
    }
    progress_start(&r.bar, "tokens", p->facts.computed);
    for (r.first = 0; r.first < p->n_rows; r.first += r.rows) {
        r.rows = p->n_rows - r.first < r.chunk ? p->n_rows - r.first : r.chunk;
        if (run_chunk(&r, e)) goto done;
    }
    if (surprisal && run_rest(&r, e)) goto done;
    progress_end(&r.bar);
    if ((surprisal || p->o.pool == POOL_NONE) && put_tokens(s, p, r.nll, e)) goto done;
    status = 0;
done:
    if (status) err_while(e, "extracting activations");
    runner_free(&r);
    return status;
}
