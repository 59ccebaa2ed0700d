/* SPDX-License-Identifier: MIT */
/* broca-train: trains a language model on a token file, with or without the spatial smoothness loss. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broca/corpus.h"
#include "broca/training.h"
#include "stage.h"

typedef struct {
    common_options common;
    const char *corpus, *arch, *plan, *config, *weights;
    size_t validate_every, validation_windows, checkpoint_every;
} stage_options;

#define AT(field) offsetof(stage_options, field)
static const option options[] = {
    { "corpus", OPT_TEXT, AT(corpus), NULL, "FILE", false, "token file of broca corpus" },
    { "arch", OPT_TEXT, AT(arch), NULL, "NAME,key=value...", true, "topolm, gpt2 or llama and its sizes; keys below" },
    { "plan", OPT_TEXT, AT(plan), NULL, "key=value,...", true, "batch, schedule, optimiser; keys below" },
    { "config", OPT_TEXT, AT(config), NULL, "FILE", false,
      "both from a file of lines key = value, the first one arch = NAME" },
    { "validate-every", OPT_COUNT, AT(validate_every), "250", NULL, false,
      "steps between validations; 0: at the end only" },
    { "validation-windows", OPT_COUNT, AT(validation_windows), "64", NULL, false, "windows to validate on; 0: none" },
    { "checkpoint-every", OPT_COUNT, AT(checkpoint_every), "250", NULL, false,
      "steps between checkpoints in OUT/checkpoint; 0: at the end and on a signal" },
    { "weights", OPT_ENUM, AT(weights), "f32", "f32 f16", true, "of the model folder" },
    COMMON_OPTIONS(stage_options),
    { 0 }
};

static const char example[] =
    "--out is a folder: a Hugging Face model folder when training is done; train_log.tsv and checkpoint/ lie in it. "
    "The same\n"
    "command with --resume goes on from the last checkpoint, to the same bytes; without one it starts.\n"
    "Example: broca train --corpus novels.tok --arch topolm,layers=4,width=196,context=128,alpha=.25 \\\n"
    "           --plan steps=7500,windows=16,peak=1e-3 --out models/mine --resume\n\n";

static int read_settings(stage *s, const stage_options *o, training_recipe *r)
{
    err *e = &s->err;
    if (o->config && o->arch) return err_set(e, ERR_USAGE, "--config names an architecture, --arch another: not both");
    if (!o->config && stage_needs(s, "arch", o->arch)) return -1;
    if (o->config ? stage_input(s, "config", o->config) || training_file(&r->settings, o->config, e)
                  : training_arch(&r->settings, o->arch, e))
        return -1;
    return o->plan ? training_plan(&r->settings, o->plan, e) : 0;
}

/* What --dry-run says: sizes, arithmetic, memory, disk. */
static int plan(stage *s, const training_recipe *r)
{
    training_settings t = r->settings;
    corpus *c = NULL;
    int status = -1;
    if (corpus_open(&c, r->corpus, &s->err)) return -1;
    t.model.vocabulary = corpus_about(c)->vocabulary;
    t.model.end = corpus_about(c)->end;
    if (train_check(&t.model, &t.plan, &s->err)) goto done;
    size_t parameters = train_parameters(&t.model),
           seen = t.plan.steps * t.plan.micro_batches * t.plan.windows * t.plan.length;
    status = stage_plan(s,
                        "%zu parameters; %zu steps, %zu tokens (%.2f passes over %zu); %.3g floating-point operations; "
                        "%zu MB of memory, "
                        "%zu MB of disk for checkpoints",
                        parameters, t.plan.steps, seen, (double)seen / (double)corpus_about(c)->tokens[CORPUS_TRAIN],
                        corpus_about(c)->tokens[CORPUS_TRAIN], train_flops(&t.model, &t.plan) * (double)t.plan.steps,
                        train_memory(&t.model, &t.plan) >> 20, (parameters * 3 * 2 * sizeof(float)) >> 20);
done:
    corpus_free(c);
    return status;
}

static int write_sidecar(stage *s, const char *folder)
{
    char *product = str_format(&s->err, "%s/train", folder);
    sidecar side = { .product = product,
                     .argc = s->argc,
                     .argv = s->argv,
                     .started_s = s->started_s,
                     .wall_s = clock_s() - s->wall0_s,
                     .cpu_s = clock_cpu_s(),
                     .blas = blas_name() };
    int status = product ? sidecar_write(&side, &s->err) : -1;
    free(product);
    return status;
}

static int run(stage *s, const stage_options *o)
{
    training_recipe r = { .corpus = o->corpus,
                          .out = o->common.out,
                          .validate_every = o->validate_every,
                          .validation_windows = o->validation_windows,
                          .checkpoint_every = o->checkpoint_every,
                          .memory = o->common.memory,
                          .half = str_same(o->weights, "f16"),
                          .resume = o->common.resume };
    training_result done;
    char heard[64] = "";
    if (stage_needs(s, "corpus", o->corpus) || stage_seed(s, &r.seed) || read_settings(s, o, &r)) return -1;
    if (!o->common.dry_run && stage_needs(s, "out", o->common.out)) return -1;
    if (o->common.dry_run) return plan(s, &r) < 0 ? -1 : 0;
    if (training_run(&r, &done, &s->err) || write_sidecar(s, o->common.out)) return -1;
    if (r.settings.model.sheet_rows) snprintf(heard, sizeof heard, ", spatial loss %.4f", done.spatial);
    if (!done.validated)
        stage_result(s, "%zu parameters, %zu tokens; nothing was validated", done.parameters, done.seen_tokens);
    else
        stage_result(s, "%zu parameters, %zu tokens: validation loss %.4f nats a token, %.4f bits a byte%s",
                     done.parameters, done.seen_tokens, done.ce, done.bits_per_byte, heard);
    return 0;
}

int main(int argc, char **argv)
{
    stage s;
    stage_options o;
    buffer epilogue = { 0 };
    buffer_text(&epilogue, example);
    training_keys(&epilogue);
    const option_help help = { "train", "language models, with the spatial loss of TopoLM or without", NULL,
                               epilogue.at };
    if (!stage_begin(&s, argc, argv, &help, options, &o, &o.common)) run(&s, &o);
    free(epilogue.at);
    return stage_end(&s);
}
