/* SPDX-License-Identifier: MIT */
/* broca-encode: nested cross-validated ridge from features to responses. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/encode.h"
#include "stage.h"

typedef struct {
    common_options common;
    const char *responses, *stimuli, *baseline, *target, *folds, *inner, *alphas, *downsample, *alpha_per, *select;
    const char *shuffle_labels, *highpass, *confounds, *standardize, *save, *null, *null_sets, *jackknife, *hrf, *gammas, *partition;
    option_list features, units, delays, bands;
    size_t drop_start, candidates;
    bool allow_random, add_mean;
} stage_options;

#define AT(field) offsetof(stage_options, field)
static const option options[] = {
    { "features", OPT_LIST, AT(features), NULL, "NAME=FILE[:TAP,...]", true, "a feature set; without taps, one for each tap of FILE; built-in ones: see below" },
    { "responses", OPT_TEXT, AT(responses), NULL, "FILE", false, "what is predicted" },
    { "stimuli", OPT_TEXT, AT(stimuli), NULL, "FILE", false, "items with groups, for group folds" },
    { "baseline", OPT_TEXT, AT(baseline), NULL, "A+B", true, "sets that form the baseline band; every other set is fitted alone and with it" },
    { "bands", OPT_LIST, AT(bands), NULL, "A+B", true, "a further banded fit of these sets" },
    { "candidates", OPT_COUNT, AT(candidates), "20", NULL, true, "of gamma for banded fits: equal, corners, random draws" },
    { "gammas", OPT_TEXT, AT(gammas), NULL, "G,G[;...]", true,
      "candidates of gamma instead: a weight a band (any scale), candidates separated by ';'; one: fixed bands" },
    { "partition", OPT_TEXT, AT(partition), NULL, "A,B[,C]", true, "variance of two or three sets: what each explains alone, what they share" },
    { "units", OPT_LIST, AT(units), NULL, "[NAME=]FILE[:WHAT]", true,
      "localizer: of set NAME (of all) only the units it selected; or the complement, or control.N" },
    { "target", OPT_ENUM, AT(target), "single", "single group", true, "each neuroid, or the mean over subjects" },
    { "add-mean", OPT_FLAG, AT(add_mean), NULL, NULL, true, "a further neuroid: z-scored mean of a subject's regions" },
    { "folds", OPT_TEXT, AT(folds), NULL, "SCHEME", true, "contiguous:K,gap=S | group:K | logo | random:K | given:FILE; scikit-learn's: see below" },
    { "shuffle-labels", OPT_TEXT, AT(shuffle_labels), NULL, "SEED[,N+N]", true,
      "replicate:hadidi2025: labels of the folds shuffled as NumPy does, of two data sets in turn where their rows are given" },
    { "inner", OPT_TEXT, AT(inner), NULL, "SCHEME", true, "inner folds; or loo | gcv of the training rows" },
    { "allow-random", OPT_FLAG, AT(allow_random), NULL, NULL, true, "let random folds pass, with a warning" },
    { "alphas", OPT_TEXT, AT(alphas), "-1:6:22", "GRID", true, "penalties, log10 LO:HI:N or a list" },
    { "alpha-per", OPT_ENUM, AT(alpha_per), "voxel", "voxel all", true, "one alpha for each neuroid, or for all" },
    { "select", OPT_ENUM, AT(select), "mse", "mse r2 r", true, "inner score that chooses" },
    { "downsample", OPT_TEXT, AT(downsample), "sum", "HOW", true, "words to samples: sum, mean, lanczos[:a]" },
    { "delays", OPT_LIST, AT(delays), NULL, "[NAME=]D,...", true, "TRs, or seconds as 2s; default 2-8 s; 0: undelayed" },
    { "hrf", OPT_TEXT, AT(hrf), NULL, "NAME", true,
      "words convolved with a haemodynamic response instead of delays: spm glover vmt nilearn-spm nilearn-glover [+derivative[+dispersion]]" },
    { "highpass", OPT_TEXT, AT(highpass), "0", "S[,scope=run]", true, "cut-off in seconds, per fold block; 0: none" },
    { "confounds", OPT_TEXT, AT(confounds), NULL, "NAME", true, "removed within each fold; NAME24: with differences and squares of both" },
    { "drop-start", OPT_COUNT, AT(drop_start), "0", NULL, true, "rows at the start of each run" },
    { "standardize", OPT_TEXT, AT(standardize), "X", "X,Y", true, "columns by training mean and sd: X, Y, X,Y or none" },
    { "null", OPT_TEXT, AT(null), NULL, "HOW:N", true, "N null responses, each fitted anew: circular:N rotations, group:N permuted groups, phase:N" },
    { "null-sets", OPT_TEXT, AT(null_sets), NULL, "A,B", true, "feature sets fitted to null responses, beside the baseline; default all" },
    { "jackknife", OPT_TEXT, AT(jackknife), NULL, "HOW", true, "left out of test and training: blocks of 30s, each group, or N-items" },
    { "save", OPT_TEXT, AT(save), NULL, "WHAT", true, "prediction, weight, inner (comma-separated)" },
    COMMON_OPTIONS(stage_options),
    { 0 }
};
static const option_help help = {
    "encode", "nested cross-validated ridge from features to responses", NULL,
    "Features that need no model: NAME=STIMULI:a,b with word_rate, has_word, word_letters (time series); item_words, item_characters,\n"
    "item_word_length, item_number, group_position or a column of numbers (items); baseline: all of them that there are.\n"
    "NAME=oasm:SIGMA: a Gaussian over neighbouring rows and nothing else, which must score 0 (broca doctor --leak).\n"
    "--mode replicate:schrimpf2021 | brainscore | tuckute2024 | hadidi2025 repeats what a paper's code did: its folds, its regression,\n"
    "its alphas, its r; what differs from strict is among the warnings and in the attribute differs_from_strict. Least squares in\n"
    "brainscore: --alphas 0. Folds of scikit-learn from NumPy's legacy generator: kfold:K,seed=N, shufflesplit:K,train=.9,seed=N,\n"
    "groupkfold:K[,seed=N], stratified:K,seed=N, stratified21:K,seed=N (before 0.22; strata are the groups).\n"
};

static int read_downsample(encode_options *o, const char *text, err *e)
{
    o->lanczos_lobes = 3;
    if (str_same(text, "sum")) o->downsample = DOWNSAMPLE_SUM;
    else if (str_same(text, "mean")) o->downsample = DOWNSAMPLE_MEAN;
    else if (str_same(text, "lanczos")) o->downsample = DOWNSAMPLE_LANCZOS;
    else if (str_begins(text, "lanczos:") && !parse_double(text + 8, &o->lanczos_lobes) && o->lanczos_lobes > 0 && o->lanczos_lobes < 100)
        o->downsample = DOWNSAMPLE_LANCZOS;
    else return err_set(e, ERR_USAGE, "--downsample is sum, mean or lanczos[:a], not '%s'", text);
    return 0;
}

/* Comma-separated words of a text, each of which must be known; flag[i] says which are there. */
static int read_words(bool *flag, const char *name, const char *text, const char *const *words, err *e)
{
    char **part = str_split(text, ',', NULL, e);
    int status = part ? 0 : -1;
    for (size_t i = 0; part && part[i] && !status; i++) {
        status = *part[i] && !str_same(part[i], "none") ? -1 : 0;
        for (size_t k = 0; words[k] && status; k++)
            if (str_same(words[k], part[i])) {
                flag[k] = true;
                status = 0;
            }
        if (status) err_set(e, ERR_USAGE, "--%s: '%s' is not known", name, part[i]);
    }
    free(part);
    return status;
}

/* An option that the mode decides: given, it has to be what the mode takes; the config says what was used. */
static int decided(const char **field, const char *name, const char *value, const stage_options *o, stage *s)
{
    if (parsed_given(s->parsed, name) && !str_same(*field, value))
        return err_set(&s->err, ERR_USAGE, "--mode %s does without --%s, or says what it is: leave it out", o->common.mode, name);
    *field = value;
    return 0;
}

/* --mode replicate:NAME decides what its paper's code decided. */
static int read_mode(encode_options *q, stage_options *o, stage *s)
{
    const char *mode = o->common.mode;
    bool strict = str_same(mode, "strict");
    if (o->shuffle_labels && encode_shuffle(q, o->shuffle_labels, &s->err)) return -1;
    if (!strict && encode_replicate(q, mode + strlen("replicate:"), parsed_given(s->parsed, "alphas"), parsed_given(s->parsed, "candidates"), &s->err)) return -1;
    if (o->shuffle_labels && q->paper != PAPER_HADIDI2025) return err_set(&s->err, ERR_USAGE, "--shuffle-labels goes with --mode replicate:hadidi2025");
    if (strict) return 0;
    if (parsed_given(s->parsed, "jackknife")) return err_set(&s->err, ERR_USAGE, "--mode %s does without --jackknife: leave it out", mode);
    if (o->inner && q->paper != PAPER_HADIDI2025 && !str_same(o->inner, "loo"))
        return err_set(&s->err, ERR_USAGE, "--mode %s chooses alpha by leave-one-out: leave --inner out", mode);
    if (!parsed_given(s->parsed, "alphas")) o->alphas = encode_replicate_alphas(q->paper);
    if (q->paper != PAPER_HADIDI2025) o->inner = "loo";
    o->candidates = q->candidates;
    o->allow_random = q->allow_random;
    return decided(&o->standardize, "standardize", q->standardise_x ? "X" : "none", o, s) || decided(&o->select, "select", "mse", o, s) ||
                   decided(&o->alpha_per, "alpha-per", q->alpha_shared ? "all" : "voxel", o, s)
               ? -1 : 0;
}

static int translate(encode_options *q, stage_options *o, stage *s)
{
    static const char *const xy[] = { "X", "Y", NULL }, *const saved[] = { "prediction", "weight", "inner", NULL };
    bool standard[2] = { false, false }, save[3] = { false, false, false };
    *q = (encode_options){ .features = o->features.at, .n_features = o->features.n, .delays = o->delays.at, .n_delays = o->delays.n,
                           .baseline = o->baseline, .bands = o->bands.at, .n_bands = o->bands.n, .candidates = o->candidates,
                           .group = str_same(o->target, "group"), .add_mean = o->add_mean, .folds = o->folds, .inner = o->inner,
                           .allow_random = o->allow_random, .alpha_shared = str_same(o->alpha_per, "all"),
                           .select = str_same(o->select, "mse") ? SELECT_MSE : str_same(o->select, "r2") ? SELECT_R2 : SELECT_R,
                           .confounds = o->confounds, .drop_start = o->drop_start, .units = o->units.at, .n_units = o->units.n,
                           .null_sets = o->null_sets, .jackknife = o->jackknife, .partition = o->partition, .memory = o->common.memory };
    if (o->inner && (str_same(o->inner, "loo") || str_same(o->inner, "gcv"))) {
        q->inner_by = str_same(o->inner, "loo") ? INNER_LOO : INNER_GCV;
        q->inner = NULL;
    }
    if (encode_alphas(&q->alphas, &q->n_alphas, o->alphas, &s->err) || encode_highpass(q, o->highpass, &s->err) ||
        read_downsample(q, o->downsample, &s->err) || stage_seed(s, &q->seed) ||
        read_words(standard, "standardize", o->standardize, xy, &s->err) ||
        (o->save && read_words(save, "save", o->save, saved, &s->err)))
        return -1;
    if (o->gammas && encode_gammas(q, o->gammas, &s->err)) return -1;
    if (o->hrf && hrf_parse(&q->hrf, &q->hrf_parts, o->hrf, &s->err)) return -1;
    if (o->null && encode_null(q, o->null, &s->err)) return -1;
    if (q->candidates < 3) return err_set(&s->err, ERR_USAGE, "--candidates is at least 3 (equal weights and the corners)");
    q->standardise_x = standard[0];
    q->standardise_y = standard[1];
    q->save_prediction = save[0];
    q->save_weight = save[1];
    q->save_inner = save[2];
    return read_mode(q, o, s);
}

/* NAME=oasm:SIGMA: no file. */
static bool is_oasm(const char *feature)
{
    const char *equals = strchr(feature, '=');
    return equals && str_begins(equals + 1, "oasm:") && !file_exists(equals + 1);
}

/* The files inside NAME=FILE[:taps], hashed as inputs. */
static int note_features(stage *s, const option_list *features)
{
    for (size_t i = 0; i < features->n; i++) {
        char path[2048];
        const char *equals = strchr(features->at[i], '=');
        if (!equals) return err_set(&s->err, ERR_USAGE, "--features is NAME=FILE[:tap,...], not '%s'", features->at[i]);
        if (is_oasm(features->at[i])) continue;
        snprintf(path, sizeof path, "%s", equals + 1);
        char *colon = strrchr(path, ':');
        if (!file_exists(path) && colon) *colon = 0;
        if (stage_input(s, "features", path)) return -1;
    }
    return 0;
}

static int note_units(stage *s, const option_list *units)
{
    for (size_t i = 0; i < units->n; i++) {
        encode_units u;
        if (encode_units_parse(&u, units->at[i], &s->err) || stage_input(s, "units", u.path)) return -1;
    }
    return 0;
}

/* A list whose texts name files, each the same but that its file, which begins at `at`, is called by content. */
static int name_files(char **out, const option_list *given, const stage_input_file *files, size_t (*at)(const char *), err *e)
{
    for (size_t i = 0; i < given->n; i++) {
        const char *text = given->at[i];
        size_t begin = at(text);
        if (begin == SIZE_MAX) out[i] = mem_text(text, e); /* names none */
        else {
            out[i] = str_format(e, "%.*sFILE_%.8s%s", (int)begin, text, files->sha256, text + begin + strlen(files->path));
            files++;
        }
        if (!out[i]) return -1;
    }
    return 0;
}

static size_t after_equals(const char *feature)
{
    return is_oasm(feature) ? SIZE_MAX : (size_t)(strchr(feature, '=') + 1 - feature);
}

static size_t units_path(const char *text)
{
    encode_units u;
    err ignored = { 0 }; /* it was parsed before */
    return encode_units_parse(&u, text, &ignored) ? 0 : u.path_at;
}

/* The config with files by their content: where they lie is not to change a byte of the product. Inputs of the stage: first
 * those of the features, then those of the units are at `units`. */
static int configure(stage *s, stage_options *o, size_t first, size_t units)
{
    option_list features = o->features, kept = o->units;
    int status = -1;
    char **named = mem_new(features.n + 1, sizeof *named, &s->err), **localizers = mem_new(kept.n + 1, sizeof *localizers, &s->err);
    if (!named || !localizers || name_files(named, &features, s->inputs + first, after_equals, &s->err) ||
        name_files(localizers, &kept, s->inputs + units, units_path, &s->err))
        goto done;
    o->features.at = (const char **)named;
    o->units.at = (const char **)localizers;
    free(s->config);
    s->config = options_config(options, o, &s->err);
    o->features = features;
    o->units = kept;
    status = s->config ? 0 : -1;
done:
    for (size_t i = 0; named && i < features.n; i++) free(named[i]);
    for (size_t i = 0; localizers && i < kept.n; i++) free(localizers[i]);
    free(named);
    free(localizers);
    return status;
}

static double mean_r(const encoded_set *s, size_t v)
{
    double sum = 0, n = 0;
    for (size_t j = 0; j < v; j++)
        if (!isnan(s->r_mean[j])) {
            sum += s->r_mean[j];
            n++;
        }
    return n > 0 ? sum / n : 0;
}

static void say(stage *s, const encoded *x)
{
    const encoded_set *best = NULL, *base = NULL;
    for (size_t i = 0; i < x->n_sets; i++) {
        const encoded_set *t = &x->sets[i];
        if (str_same(t->kind, "baseline")) base = t;
        else if (str_same(t->kind, "model") && (!best || mean_r(t, x->v) > mean_r(best, x->v))) best = t;
    }
    char text[300] = "";
    if (base) snprintf(text, sizeof text, "; baseline mean r %.3f", mean_r(base, x->v));
    if (x->screened) snprintf(text + strlen(text), sizeof text - strlen(text), "; %.1f %% of the choices scored again in fp64",
                              100.0 * (double)x->rescored / (double)x->screened);
    stage_result(s, "%zu sets × %zu folds × %zu neuroids; highest mean r %.3f (%s, chosen on test data: no result)%s", x->n_sets, x->folds,
                 x->v, best ? mean_r(best, x->v) : 0, best ? best->name : "none", text);
}

/* What decides the result, in 64 characters: options, inputs, program, kernels. The journal lies beside the product. */
static int name_run(encode_options *q, stage *s, sha_hex *identity, char **journal)
{
    sha *sum = sha_new(&s->err);
    if (!sum) return -1;
    sha_add(sum, s->config, strlen(s->config));
    for (size_t i = 0; i < s->n_inputs; i++) sha_add(sum, s->inputs[i].sha256, strlen(s->inputs[i].sha256));
    sha_add(sum, build_commit(), strlen(build_commit()));
    sha_add(sum, blas_name(), strlen(blas_name()));
    *identity = sha_end(sum);
    if (!(*journal = str_format(&s->err, "%s.resume", s->common->out))) return -1;
    q->identity = identity->hex;
    q->journal = *journal;
    q->resume = s->common->resume;
    return 0;
}

int main(int argc, char **argv)
{
    stage_options o;
    stage s;
    encode_options q = { 0 };
    responses *r = NULL;
    stimuli *x = NULL;
    encoded *result = NULL;
    buffer plan = { 0 };
    sha_hex identity;
    char *journal = NULL;
    if (stage_begin(&s, argc, argv, &help, options, &o, &o.common)) goto done;
    if (translate(&q, &o, &s) || stage_needs(&s, "responses", o.responses)) goto done;
    if (!o.common.dry_run && stage_needs(&s, "out", o.common.out)) goto done;
    if (stage_input(&s, "responses", o.responses) || note_features(&s, &o.features)) goto done;
    if (o.stimuli && (stage_input(&s, "stimuli", o.stimuli) || stimuli_read(&x, o.stimuli, &s.err))) goto done;
    if (note_units(&s, &o.units) || configure(&s, &o, 1, s.n_inputs - o.units.n)) goto done;
    /* with a limit they stay in the file until encode knows whether they fit; null responses are made of all of them */
    bool in_file = q.memory && !q.n_null;
    if ((in_file ? responses_open : responses_read)(&r, o.responses, &s.err) || responses_derive_confound(r, o.confounds, &s.err)) goto done;
    if (o.common.dry_run && encode_plan(&plan, r, x, &q, &s.err)) goto done;
    if (stage_plan(&s, "%s", plan.at)) goto done;
    if (name_run(&q, &s, &identity, &journal)) goto done;
    if (encode(&result, r, x, &q, &s.err)) goto done;
    store *product = stage_create(&s, "encoding");
    if (!product || encoded_put(product, result, &q, &s.err) || stage_commit(&s)) goto done;
    say(&s, result);
done:
    encoded_free(result);
    responses_free(r);
    stimuli_free(x);
    free(q.alphas);
    free(q.gammas);
    free(plan.at);
    free(journal);
    return stage_end(&s);
}
