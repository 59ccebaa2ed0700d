/* SPDX-License-Identifier: MIT */
/* broca-extract: what a language model computes over the stimuli. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broca/activations.h"
#include "broca/extract.h"
#include "stage.h"

typedef struct {
    common_options common;
    const char *stimuli, *model, *arch, *layers, *pool, *context, *special, *precision, *save_model;
    size_t truncate;
    bool untrained, surprisal, list;
} stage_options;

#define AT(field) offsetof(stage_options, field)
static const option options[] = {
    { "stimuli", OPT_TEXT, AT(stimuli), NULL, "FILE", false, "stimuli" },
    { "model", OPT_TEXT, AT(model), NULL, "DIR", false, "model folder: config.json, model.safetensors, tokenizer" },
    { "untrained", OPT_FLAG, AT(untrained), NULL, NULL, true, "weights drawn by --seed instead of those of --model" },
    { "arch", OPT_TEXT, AT(arch), NULL, "NAME,key=value...", true,
      "untrained network without files: gpt2, llama (layers width heads context vocab inner) or suma (d heads cycles "
      "attention residual mlp); tokenizer=bytes|DIR" },
    { "layers", OPT_TEXT, AT(layers), "all", "TAPS", true, "taps: names, h.A-B, all (embed, h.I, final), sublayers" },
    { "pool", OPT_ENUM, AT(pool), "last", "last mean sum first none word word-mean", true, "what of an item's tokens is a row" },
    { "context", OPT_TEXT, AT(context), "none", "none|group|window:N", true, "what the model has read before an item" },
    { "special", OPT_ENUM, AT(special), "yes", "yes no", true, "the tokenizer's start symbols in front of each context" },
    { "truncate", OPT_COUNT, AT(truncate), "0", NULL, true, "tokens kept: the first of an item, or the last of a group's context" },
    { "precision", OPT_ENUM, AT(precision), "fp32", "fp32 bf16", true, "arithmetic of the forward pass" },
    { "surprisal", OPT_FLAG, AT(surprisal), NULL, NULL, true, "-ln p of each token, nats" },
    { "list", OPT_FLAG, AT(list), NULL, NULL, false, "print the model's facts and taps, and stop" },
    { "save-model", OPT_TEXT, AT(save_model), NULL, "DIR", false, "write the model as a Hugging Face folder" },
    COMMON_OPTIONS(stage_options),
    { 0 }
};
static const option_help help = {
    "extract", "activations of a language model over stimuli", NULL,
    "--seed A:B with --untrained or --arch makes a file a seed: {seed} stands in --out.\n"
    "Example: broca extract --stimuli s.h5 --model DIR --context window:512 --pool word --out a.h5\n"
};

typedef struct {
    stage s;
    stage_options o;
    stimuli *x;
    tokenizer *t;
    extract_plan *plan;
    model *first; /* of the first seed, opened for the plan */
    char *arch; /* with the vocabulary of the tokenizer */
    char seed[24];
} job;

static bool untrained(const stage_options *o)
{
    return o->untrained || o->arch;
}

/* The value of tokenizer= in --arch, "bytes" without one; malloc'ed. */
static char *arch_tokenizer(const char *arch, err *e)
{
    const char *at = strstr(arch, ",tokenizer=");
    if (!at) return mem_text("bytes", e);
    at += strlen(",tokenizer=");
    return str_format(e, "%.*s", (int)strcspn(at, ","), at);
}

static int open_tokenizer(job *j)
{
    err *e = &j->s.err;
    if (!j->o.arch) return tokenizer_open(&j->t, j->o.model, e);
    char *name = arch_tokenizer(j->o.arch, e);
    if (!name) return -1;
    int status = str_same(name, "bytes") ? tokenizer_open_bytes(&j->t, e) : tokenizer_open(&j->t, name, e);
    free(name);
    if (status) return -1;
    if (strstr(j->o.arch, ",vocab=")) j->arch = mem_text(j->o.arch, e);
    else j->arch = str_format(e, "%s,vocab=%zu", j->o.arch, tokenizer_vocabulary(j->t));
    return j->arch ? 0 : -1;
}

static int open_model(job *j, uint64_t seed, model **out)
{
    err *e = &j->s.err;
    if (j->o.arch) return model_architecture(out, j->arch, seed, e);
    return j->o.untrained ? model_untrained(out, j->o.model, seed, e) : model_open(out, j->o.model, e);
}

static char *with_seed(const char *text, uint64_t seed, err *e)
{
    const char *at = strstr(text, "{seed}");
    if (!at) return mem_text(text, e);
    return str_format(e, "%.*s%llu%s", (int)(at - text), text, (unsigned long long)seed, at + strlen("{seed}"));
}

static int check(job *j, uint64_t first, uint64_t last)
{
    const stage_options *o = &j->o;
    err *e = &j->s.err;
    if (o->arch && (o->model || o->untrained))
        return err_set(e, ERR_USAGE, "--arch is a network without files: it does not go with --%s", o->model ? "model" : "untrained");
    if (!o->arch && stage_needs(&j->s, "model", o->model)) return -1;
    if (str_same(o->precision, "bf16")) return err_set(e, ERR_USAGE, "--precision bf16 is not there yet; use fp32");
    if (o->list) return 0;
    if (stage_needs(&j->s, "stimuli", o->stimuli) || (!o->common.dry_run && stage_needs(&j->s, "out", o->common.out))) return -1;
    if (last == first) return 0;
    if (!untrained(o)) return err_set(e, ERR_USAGE, "--seed %s: a trained model has no seed", o->common.seed);
    if (o->common.out && !strstr(o->common.out, "{seed}"))
        return err_set(e, ERR_USAGE, "--seed %s writes a file a seed: {seed} must stand in --out", o->common.seed);
    if (o->save_model && !strstr(o->save_model, "{seed}"))
        return err_set(e, ERR_USAGE, "--seed %s: {seed} must stand in --save-model", o->common.seed);
    return 0;
}

static int list(job *j, uint64_t seed)
{
    model *m = NULL;
    char **taps = NULL;
    size_t n = 0;
    int status = -1;
    if (j->o.arch && open_tokenizer(j)) return -1;
    if (open_model(j, seed, &m) || model_taps(m, "sublayers", &taps, &n, &j->s.err)) goto done;
    const model_facts *f = model_about(m);
    printf("%s: %zu layers, width %zu, %zu heads, vocabulary %zu, context %zu, %zu parameters\n%s %s\n", f->family, f->layers,
           f->width, f->heads, f->vocabulary, f->context, f->parameters, model_is_untrained(m) ? "untrained" : "sha256",
           model_identity(m));
    for (size_t i = 0; i < n; i++) printf("%s\t%zu\n", taps[i], model_tap_width(m, taps[i]));
    if (f->has_head) printf("logits\t%zu\n", f->vocabulary);
    status = 0;
done:
    free(taps);
    model_free(m);
    return status;
}

static int describe(job *j, store *p, const model *m, uint64_t seed)
{
    err *e = &j->s.err;
    if (store_set_text(p, "/", "tokenizer_sha256", tokenizer_hash(j->t).hex, e)) return -1;
    if (!model_is_untrained(m)) return store_set_text(p, "/", "model_sha256", model_identity(m), e);
    return store_set_text(p, "/", "arch", model_identity(m), e) || store_set_int(p, "/", "seed", (int64_t)seed, e) ? -1 : 0;
}

static const char *const tokenizer_files[] = { "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json",
                                               "merges.txt", NULL };

/* A saved model keeps the tokenizer's files of the folder that it came from. */
static int copy_tokenizer(job *j, const char *folder)
{
    err *e = &j->s.err;
    char *from = j->o.arch ? arch_tokenizer(j->o.arch, e) : mem_text(j->o.model, e);
    int status = from ? 0 : -1;
    for (size_t i = 0; !status && tokenizer_files[i]; i++) {
        const char *name = tokenizer_files[i];
        char *path = str_format(e, "%s/%s", from, name), *to = str_format(e, "%s/%s", folder, name), *bytes = NULL;
        size_t n = 0;
        status = path && to ? 0 : -1;
        if (!status && file_exists(path) && !str_same(path, to))
            status = file_read(&bytes, &n, path, (size_t)1 << 30, e) || atomic_write(to, bytes, n, e) ? -1 : 0;
        free(bytes);
        free(path);
        free(to);
    }
    free(from);
    return status;
}

/* *made: the folder, if it was not there before; malloc'ed. */
static int save(job *j, const model *m, uint64_t seed, char **made)
{
    if (!j->o.save_model) return 0;
    char *folder = with_seed(j->o.save_model, seed, &j->s.err);
    bool there = folder && file_exists(folder);
    int status = folder && !model_save(m, folder, &j->s.err) ? copy_tokenizer(j, folder) : -1;
    if (there) free(folder);
    else *made = folder;
    return status;
}

/* After a failure nothing is left of a model folder that this run made. */
static void unsave(const char *folder)
{
    static const char *const weights[] = { "config.json", "model.safetensors", NULL };
    const char *const *const lists[] = { weights, tokenizer_files };
    char path[4096];
    for (size_t l = 0; l < 2; l++)
        for (size_t i = 0; lists[l][i]; i++) {
            snprintf(path, sizeof path, "%s/%s", folder, lists[l][i]);
            unlink(path);
        }
    rmdir(folder);
}

/* tokenizer=DIR in --arch by its content: where the folder lies is not to change a byte of the product. malloc'ed. */
static char *arch_by_content(const job *j, err *e)
{
    const char *arch = j->o.arch, *at = strstr(arch, ",tokenizer=");
    if (!at || str_begins(at, ",tokenizer=bytes")) return mem_text(arch, e);
    at += strlen(",tokenizer=");
    return str_format(e, "%.*sFILE_%.8s%s", (int)(at - arch), arch, tokenizer_hash(j->t).hex, at + strcspn(at, ","));
}

/* The config of the file of seed 3 is that of --seed 3, not of the range it was made in. */
static int set_seed(job *j, uint64_t seed)
{
    const char *arch = j->o.arch;
    char *named = arch ? arch_by_content(j, &j->s.err) : NULL;
    if (arch && !named) return -1;
    snprintf(j->seed, sizeof j->seed, "%llu", (unsigned long long)seed);
    j->o.common.seed = j->seed;
    j->o.arch = named;
    free(j->s.config);
    j->s.config = options_config(options, &j->o, &j->s.err);
    j->o.arch = arch;
    free(named);
    return j->s.config ? 0 : -1;
}

/* A TopoLM's folder says where its units lie: copied to /sheet/NAME. */
static int open_sheets(job *j, sheets **out)
{
    err *e = &j->s.err;
    *out = NULL;
    if (!j->o.model) return 0;
    char *path = str_format(e, "%s/topography.safetensors", j->o.model);
    int status = path ? 0 : -1;
    if (!status && file_exists(path)) status = stage_input(&j->s, "sheets", path) || sheets_read(out, j->o.model, e) ? -1 : 0;
    free(path);
    return status;
}

static int put_sheets(store *p, const sheets *x, const model *m, char *const *taps, size_t n, err *e)
{
    for (size_t i = 0; x && i < n; i++)
        if (sheets_put(p, x, taps[i], model_tap_width(m, taps[i]), e)) return -1;
    return 0;
}

static int extract_one(job *j, uint64_t seed)
{
    sheets *x = NULL;
    model *m = NULL;
    char **taps = NULL, *out = NULL, *made = NULL;
    size_t n = 0;
    int status = -1;
    err *e = &j->s.err;
    size_t inputs = j->s.n_inputs;
    m = j->first; /* of the first seed: opened already for the plan */
    j->first = NULL;
    if (set_seed(j, seed) || (!m && open_model(j, seed, &m)) || model_taps(m, j->o.layers, &taps, &n, e)) goto done;
    if (!j->o.arch && stage_input_hashed(&j->s, "model", "model", j->o.model, sha_bytes(model_identity(m), strlen(model_identity(m))).hex))
        goto done;
    if (!model_is_untrained(m)) snprintf(j->s.inputs[inputs].sha256, sizeof j->s.inputs[inputs].sha256, "%s", model_identity(m));
    if (save(j, m, seed, &made) || !(out = with_seed(j->o.common.out, seed, e)) || open_sheets(j, &x)) goto done;
    store *p = stage_create_at(&j->s, out, "activations");
    if (!p || describe(j, p, m, seed) || extract_write(p, m, j->plan, (const char *const *)taps, n, j->o.surprisal, e)) goto done;
    if (put_sheets(p, x, m, taps, n, e)) goto done;
    if (stage_commit(&j->s)) goto done;
    const extract_facts *f = extract_about(j->plan);
    stage_result(&j->s, "%s: %zu rows of %zu taps from %zu tokens in %zu sequences", out, f->rows, n, f->tokens, f->sequences);
    status = 0;
done:
    for (; j->s.n_inputs > inputs; j->s.n_inputs--) free(j->s.inputs[j->s.n_inputs - 1].path);
    sheets_free(x);
    if (status && made) unsave(made);
    free(made);
    free(out);
    free(taps);
    model_free(m);
    return status;
}

static int prepare(job *j, uint64_t seed)
{
    extract_options o = { .special = str_same(j->o.special, "yes"), .truncate = j->o.truncate };
    err *e = &j->s.err;
    if (extract_context(&o, j->o.context, e) || extract_pool(&o, j->o.pool, e)) return -1;
    if (stage_input(&j->s, "stimuli", j->o.stimuli) || stimuli_read(&j->x, j->o.stimuli, e) || open_tokenizer(j)) return -1;
    if (open_model(j, seed, &j->first) || extract_plan_new(&j->plan, j->t, model_about(j->first)->context, j->x, &o, e)) return -1;
    const extract_facts *f = extract_about(j->plan);
    if (f->look_ahead) log_info("%zu words end inside a token: the vector of that token sees past them", f->look_ahead);
    if (f->cut) log_warn("%zu items lost tokens to the limit of the context", f->cut);
    return 0;
}

static int run(job *j)
{
    uint64_t first, last;
    if (stage_seeds(&j->s, &first, &last) || check(j, first, last)) return -1;
    if (j->o.list) return list(j, first);
    if (prepare(j, first)) return -1;
    const extract_facts *f = extract_about(j->plan);
    if (stage_plan(&j->s, "%zu rows from %zu tokens; %zu tokens in %zu sequences (longest %zu) go through the model, %llu times",
                   f->rows, f->tokens, f->computed, f->sequences, f->longest, (unsigned long long)(last - first + 1)))
        return 0;
    for (uint64_t seed = first; seed <= last; seed++)
        if (extract_one(j, seed)) return -1;
    return 0;
}

int main(int argc, char **argv)
{
    job j = { 0 };
    if (!stage_begin(&j.s, argc, argv, &help, options, &j.o, &j.o.common)) run(&j);
    model_free(j.first);
    extract_plan_free(j.plan);
    tokenizer_free(j.t);
    stimuli_free(j.x);
    free(j.arch);
    return stage_end(&j.s);
}
