/* SPDX-License-Identifier: MIT */
/* A training run: windows of a token file through the engine, step after step. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/corpus.h"
#include "training_inside.h"

static const double mean_weight = .02, guess_margin = 1; /* divergence */

typedef struct {
    const training_recipe *r;
    training_settings settings; /* with vocabulary, end symbol, and what the engine fills in */
    corpus *c;
    trainer *t;
    atomic *lock;
    training_log log;
    training_state at;
    training_identity id;
    int32_t *tokens;     /* of a step [micro_batches × windows][length + 1] */
    int32_t *validation; /* [n_validation][length + 1] */
    size_t n_validation;
    double *spatial; /* [taps] */
    progress progress;
} run;

/* ---- validation ---- */

static int load_validation(run *w, err *e)
{
    size_t length = w->settings.plan.length, n = corpus_about(w->c)->tokens[CORPUS_VALIDATION];
    w->n_validation = w->r->validation_windows;
    if (n < length + 1) {
        if (w->n_validation)
            log_warn("the token file has %zu validation tokens, less than a window: nothing is validated", n);
        w->n_validation = 0;
        return 0;
    }
    if (n - length < w->n_validation) w->n_validation = n - length;
    if (!(w->validation = mem_new(w->n_validation * (length + 1), sizeof *w->validation, e))) return -1;
    for (size_t i = 0; i < w->n_validation; i++)
        if (corpus_window(w->c, CORPUS_VALIDATION, train_validation_offset(i, w->n_validation, n, length), length + 1,
                          w->validation + i * (length + 1), e))
            return -1;
    return 0;
}

/* Nats per token become bits per byte by the bytes of text that a validation token has on average. */
static int validate(run *w, training_log_row *row, err *e)
{
    const corpus_facts *f = corpus_about(w->c);
    size_t taps = trainer_taps(w->t);
    if (trainer_evaluate(w->t, w->validation, w->n_validation, &row->ce, w->spatial, e)) return -1;
    row->bits_per_byte =
        row->ce * (double)f->tokens[CORPUS_VALIDATION] / (double)f->text_bytes[CORPUS_VALIDATION] / log(2);
    row->spatial = 0;
    for (size_t i = 0; i < taps; i++)
        row->spatial += w->spatial[i] / (double)taps;
    if (!w->settings.model.sheet_rows) row->spatial = NAN;
    row->validated = true;
    return 0;
}

/* ---- steps ---- */

static int load_windows(run *w, err *e)
{
    const train_plan *p = &w->settings.plan;
    size_t n = corpus_about(w->c)->tokens[CORPUS_TRAIN], row = p->length + 1;
    for (size_t i = 0; i < p->micro_batches * p->windows; i++) {
        size_t start = train_offset(w->r->seed, w->at.step, i, n, p->length);
        if (corpus_window(w->c, CORPUS_TRAIN, start, row, w->tokens + i * row, e)) return -1;
    }
    return 0;
}

/* A run whose loss has stayed above that of guessing will not come back. */
static int check_divergence(run *w, double ce, err *e)
{
    double guess = log((double)w->settings.model.vocabulary);
    w->at.mean_ce = w->at.step ? (1 - mean_weight) * w->at.mean_ce + mean_weight * ce : ce;
    if (w->at.step <= w->settings.plan.warmup || !(w->at.mean_ce > guess + guess_margin)) return 0;
    err_set(e, ERR_INPUT,
            "training diverged: at step %zu the running mean of the loss is %.2f nats, that of guessing %.2f",
            w->at.step, w->at.mean_ce, guess);
    return err_hint(e, "a lower peak or a longer warm-up; the last checkpoint is kept");
}

static int checkpoint(run *w, err *e)
{
    if (training_log_sync(&w->log, e)) return -1;
    w->at.log_bytes = w->log.bytes;
    if (checkpoint_write(w->r->out, w->t, &w->id, &w->at, e)) return -1;
    return 0;
}

static bool due(size_t step, size_t every)
{
    return every && step % every == 0;
}

static int one_step(run *w, training_log_row *row, err *e)
{
    const train_plan *p = &w->settings.plan;
    size_t per_step = p->micro_batches * p->windows * p->length;
    *row = (training_log_row){ .step = w->at.step,
                               .rate = train_rate(p, w->at.step),
                               .tokens = (w->at.step + 1) * per_step };
    if (load_windows(w, e) || trainer_step(w->t, w->tokens, w->at.step, row->rate, &row->stats, e)) return -1;
    if (check_divergence(w, row->stats.ce, e)) return -1;
    w->at.step++;
    if (w->n_validation && (w->at.step == p->steps || due(w->at.step, w->r->validate_every)) && validate(w, row, e))
        return -1;
    progress_note(&w->progress, "loss %.3f, spatial loss %.3f, ", row->stats.ce, row->stats.spatial);
    progress_step(&w->progress, per_step);
    return training_log_add(&w->log, row, e);
}

static int all_steps(run *w, training_log_row *row, err *e)
{
    const train_plan *p = &w->settings.plan;
    while (w->at.step < p->steps) {
        if (one_step(w, row, e)) return -1;
        bool stop = interrupted() && w->at.step < p->steps;
        if ((stop || w->at.step == p->steps || due(w->at.step, w->r->checkpoint_every)) && checkpoint(w, e)) return -1;
        if (!stop) continue;
        err_set(e, ERR_INTERRUPTED, "interrupted after step %zu of %zu; a checkpoint is written", w->at.step, p->steps);
        return err_hint(e, "resume with the same command and --resume");
    }
    return 0;
}

/* ---- start and end ---- */

static int prepare(run *w, err *e)
{
    const training_recipe *r = w->r;
    training_settings *s = &w->settings;
    *s = r->settings;
    if (corpus_open(&w->c, r->corpus, e) || corpus_verify(w->c, e)) return -1;
    const corpus_facts *f = corpus_about(w->c);
    s->model.vocabulary = f->vocabulary;
    s->model.end = f->end;
    if (train_check(&s->model, &s->plan, e)) return -1;
    if (f->tokens[CORPUS_TRAIN] < s->plan.length + 1)
        return err_set(e, ERR_INPUT, "%s has %zu training tokens, less than a window of %zu", r->corpus,
                       f->tokens[CORPUS_TRAIN], s->plan.length + 1);
    if (r->memory && train_memory(&s->model, &s->plan) > r->memory) {
        err_set(e, ERR_USAGE, "training takes %zu MB, --memory allows %zu MB", train_memory(&s->model, &s->plan) >> 20,
                r->memory >> 20);
        return err_hint(e, "fewer windows in more micro-batches take less (and are another training)");
    }
    w->id = (training_identity){ .settings = s, .seed = r->seed, .corpus_sha256 = f->sha256 };
    return 0;
}

static int start(run *w, err *e)
{
    const train_plan *p = &w->settings.plan;
    size_t n;
    char *log = str_format(e, "%s/train_log.tsv", w->r->out);
    int status = log ? atomic_open(&w->lock, log, e) : -1; /* its lock; the log itself grows in place */
    free(log);
    if (status) return -1;
    bool there = checkpoint_there(w->r->out);
    if (there && !w->r->resume) {
        err_set(e, ERR_USAGE, "%s holds a checkpoint of a training", w->r->out);
        return err_hint(e, "--resume goes on from it; remove %s/checkpoint to start anew", w->r->out);
    }
    if (trainer_new(&w->t, &w->settings.model, p, w->r->seed, e)) return -1;
    if (there && checkpoint_read(w->r->out, w->t, &w->id, &w->at, e)) return -1;
    if (size_mul(p->micro_batches * p->windows, p->length + 1, &n, e) ||
        !(w->tokens = mem_new(n, sizeof *w->tokens, e)) ||
        !(w->spatial = mem_new(trainer_taps(w->t) + 1, sizeof *w->spatial, e)))
        return -1;
    return load_validation(w, e) || training_log_open(&w->log, w->r->out, w->at.log_bytes, e) ? -1 : 0;
}

static int save(run *w, err *e)
{
    size_t n;
    const char *text = corpus_tokenizer(w->c, &n);
    char *path = str_format(e, "%s/tokenizer.json", w->r->out);
    int status = path ? 0 : -1;
    if (!status && text) status = atomic_write(path, text, n, e);
    free(path);
    return status ? -1 : trainer_save(w->t, w->r->out, w->r->half, e);
}

static int finish(run *w, training_log_row *row, training_result *out, err *e)
{
    const train_plan *p = &w->settings.plan;
    if (w->n_validation && !row->validated && validate(w, row, e)) return -1; /* resumed at its end */
    if (save(w, e)) return -1;
    out->steps = p->steps;
    out->parameters = train_parameters(&w->settings.model);
    out->train_tokens = corpus_about(w->c)->tokens[CORPUS_TRAIN];
    out->seen_tokens = p->steps * p->micro_batches * p->windows * p->length;
    out->validated = row->validated;
    out->ce = row->ce;
    out->bits_per_byte = row->bits_per_byte;
    out->spatial = row->spatial;
    return 0;
}

int training_run(const training_recipe *r, training_result *out, err *e)
{
    run w = { .r = r };
    training_log_row row = { 0 };
    int status = -1;
    *out = (training_result){ 0 };
    if (prepare(&w, e) || start(&w, e)) goto done;
    const train_plan *p = &w.settings.plan;
    size_t per_step = p->micro_batches * p->windows * p->length;
    out->first = w.at.step;
    if (out->first) log_info("resumes at step %zu of %zu", out->first, p->steps);
    progress_start(&w.progress, "tokens", p->steps * per_step);
    progress_resume(&w.progress, out->first * per_step);
    status = all_steps(&w, &row, e);
    progress_end(&w.progress);
    if (!status) status = finish(&w, &row, out, e);
done:
    training_log_close(&w.log);
    free(w.tokens);
    free(w.validation);
    free(w.spatial);
    trainer_free(w.t);
    corpus_free(w.c);
    atomic_abandon(w.lock);
    return status;
}
