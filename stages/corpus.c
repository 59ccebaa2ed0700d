/* SPDX-License-Identifier: MIT */
/* broca-corpus: text files -> one token file for training, by a tokenizer that is there or that is trained on them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broca/corpus.h"
#include "stage.h"

typedef struct {
    common_options common;
    const char *documents, *tokenizer, *end, *save_tokenizer;
    option_list held_out;
    double validation;
    size_t train_bpe;
} stage_options;

#define AT(field) offsetof(stage_options, field)
static const option options[] = {
    { "held-out", OPT_LIST, AT(held_out), NULL, "FILE", false,
      "text whose documents are all for validation (repeatable)" },
    { "validation", OPT_REAL, AT(validation), "0", NULL, true,
      "share of the other documents for validation, chosen by --seed" },
    { "documents", OPT_TEXT, AT(documents), "file", "file|line|separator:TEXT", true, "what is a document" },
    { "tokenizer", OPT_TEXT, AT(tokenizer), NULL, "DIR|FILE|bytes", false,
      "model folder or tokenizer.json; bytes: built in" },
    { "train-bpe", OPT_COUNT, AT(train_bpe), "0", NULL, true,
      "train a byte-level BPE of so many entries on the training documents; --memory limits its tables" },
    { "save-tokenizer", OPT_TEXT, AT(save_tokenizer), NULL, "FILE", false,
      "write the trained tokenizer.json here, too" },
    { "end", OPT_TEXT, AT(end), NULL, "TEXT", true,
      "symbol after each document, or none; default <|endoftext|>, </s> or <|end_of_text|>, whichever is one token" },
    COMMON_OPTIONS(stage_options),
    { 0 }
};
static const option_help help = {
    "corpus", "text files into one token file for training; trains byte-level BPE tokenizers", "FILE...",
    "Example: broca corpus --train-bpe 4096 --held-out last.txt --out novels.tok novels/*.txt\n"
};

typedef struct {
    stage s;
    stage_options o;
    corpus_texts *texts;
    tokenizer *tokenizer;
    char *json_path; /* of the tokenizer.json that enters the file, NULL: none */
    bool temporary;  /* json_path was made by this run */
} job;

static int check(job *j)
{
    const stage_options *o = &j->o;
    err *e = &j->s.err;
    if (!o->train_bpe && !o->tokenizer) {
        err_set(e, ERR_USAGE, "a tokenizer is needed");
        return err_hint(e, "--tokenizer DIR, --tokenizer bytes, or --train-bpe SIZE");
    }
    if (o->train_bpe && o->tokenizer)
        return err_set(e, ERR_USAGE, "--train-bpe makes a tokenizer, --tokenizer names one: not both");
    if (o->save_tokenizer && !o->train_bpe) return err_set(e, ERR_USAGE, "--save-tokenizer goes with --train-bpe");
    if (o->train_bpe && o->end && !*o->end)
        return err_set(e, ERR_USAGE, "--end is a symbol or none, not an empty text");
    return o->common.dry_run ? 0 : stage_needs(&j->s, "out", o->common.out);
}

static int open_texts(job *j)
{
    const char *const *files;
    uint64_t seed;
    corpus_recipe r = { .held_out = j->o.held_out.at,
                        .n_held_out = j->o.held_out.n,
                        .documents = j->o.documents,
                        .validation = j->o.validation };
    r.n_train = parsed_arguments(j->s.parsed, &files);
    r.train = files;
    if (stage_seed(&j->s, &seed)) return -1;
    r.seed = seed;
    if (corpus_texts_open(&j->texts, &r, &j->s.err)) return -1;
    for (size_t i = 0; i < corpus_texts_sources(j->texts); i++)
        if (stage_input_hashed(&j->s, "text", "", corpus_texts_path(j->texts, i), corpus_texts_sha256(j->texts, i)))
            return -1;
    return 0;
}

/* The tokenizer.json of a folder that has one; vocab.json + merges.txt are kept by the tokenizer's hash only. */
static int open_tokenizer(job *j)
{
    err *e = &j->s.err;
    const char *name = j->o.tokenizer;
    if (str_same(name, "bytes")) return tokenizer_open_bytes(&j->tokenizer, e);
    if (str_ends(name, ".json"))
        j->json_path = mem_text(name, e);
    else
        j->json_path = str_format(e, "%s/tokenizer.json", name);
    if (!j->json_path) return -1;
    if (file_exists(j->json_path)) {
        if (tokenizer_open_file(&j->tokenizer, j->json_path, e)) return -1;
    } else {
        free(j->json_path);
        j->json_path = NULL;
        if (tokenizer_open(&j->tokenizer, name, e)) return -1;
    }
    return stage_input_hashed(&j->s, "tokenizer", "tokenizer", name, tokenizer_hash(j->tokenizer).hex);
}

static int train_tokenizer(job *j)
{
    buffer made = { 0 };
    bpe_facts f;
    err *e = &j->s.err;
    const char *end = !j->o.end ? "<|endoftext|>" : str_same(j->o.end, "none") ? NULL : j->o.end;
    bpe_recipe r = { .vocabulary = j->o.train_bpe, .end = end, .memory = j->o.common.memory };
    int status = -1;
    if (bpe_train(j->texts, &r, &made, &f, e)) goto done;
    log_info("%zu different words of %llu; the last merge joins a pair that occurs %llu times", f.words,
             (unsigned long long)f.pieces, (unsigned long long)f.last_count);
    if (f.forgotten)
        log_warn("for lack of memory words of up to about %llu occurrences were forgotten, %.2g %% of all",
                 (unsigned long long)f.floor, 100 * (double)f.forgotten / (double)f.pieces);
    if (f.long_pieces)
        log_warn("%llu words of more than 1024 bytes were not counted", (unsigned long long)f.long_pieces);
    j->temporary = !j->o.save_tokenizer;
    j->json_path =
        j->o.save_tokenizer ? mem_text(j->o.save_tokenizer, e) : str_format(e, "%s.tokenizer.json", j->o.common.out);
    if (!j->json_path || atomic_write(j->json_path, made.at, made.size, e)) goto done;
    status = tokenizer_open_file(&j->tokenizer, j->json_path, e);
done:
    free(made.at);
    return status;
}

static int write_sidecar(job *j)
{
    sidecar side = { .product = j->o.common.out,
                     .argc = j->s.argc,
                     .argv = j->s.argv,
                     .started_s = j->s.started_s,
                     .wall_s = clock_s() - j->s.wall0_s,
                     .cpu_s = clock_cpu_s(),
                     .blas = blas_name() };
    if (!sidecar_write(&side, &j->s.err)) return 0;
    unlink(j->o.common.out); /* both or none */
    return -1;
}

static int run(job *j)
{
    corpus_facts f;
    corpus_options c = { .end = j->o.end, .config = j->s.config };
    if (check(j) || open_texts(j)) return -1;
    if (stage_plan(&j->s, "%zu texts: %zu documents (%zu bytes) for training, %zu (%zu) for validation",
                   corpus_texts_sources(j->texts), corpus_texts_count(j->texts, CORPUS_TRAIN),
                   corpus_texts_bytes(j->texts, CORPUS_TRAIN), corpus_texts_count(j->texts, CORPUS_VALIDATION),
                   corpus_texts_bytes(j->texts, CORPUS_VALIDATION)))
        return 0;
    if (j->o.train_bpe ? train_tokenizer(j) : open_tokenizer(j)) return -1;
    c.tokenizer = j->json_path;
    if (corpus_write(j->texts, j->tokenizer, &c, j->o.common.out, &f, &j->s.err) || write_sidecar(j)) return -1;
    stage_result(&j->s, "%zu + %zu tokens of %zu + %zu documents (training + validation), %.3f bytes a token",
                 f.tokens[CORPUS_TRAIN], f.tokens[CORPUS_VALIDATION], f.documents[CORPUS_TRAIN],
                 f.documents[CORPUS_VALIDATION], (double)f.text_bytes[CORPUS_TRAIN] / (double)f.tokens[CORPUS_TRAIN]);
    return 0;
}

int main(int argc, char **argv)
{
    job j = { 0 };
    if (!stage_begin(&j.s, argc, argv, &help, options, &j.o, &j.o.common)) run(&j);
    if (j.temporary && j.json_path) unlink(j.json_path);
    corpus_texts_free(j.texts);
    tokenizer_free(j.tokenizer);
    free(j.json_path);
    return stage_end(&j.s);
}
