/* SPDX-License-Identifier: MIT */
/* --mode replicate:NAME (METHODS 3.13, 9.2): what a paper's code did, flaws included, and what differs from strict, said in every
 * output. The regressions are in num/paper_fit.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sets.h"

enum { MOST_LINES = 8 };
/* 2^-5 ... 2^19: 0 is in the paper's grid, too, but can never be chosen. */
#define POWERS_OF_2 "0.03125,0.0625,0.125,0.25,0.5,1,2,4,8,16,32,64,128,256,512,1024,2048,4096,8192,16384,32768,65536,131072,262144,524288"

typedef struct {
    const char *name;
    paper_rule rule;
    const char *alphas, *folds, *aggregation;
    const char *differs[MOST_LINES];
} paper;

/* folds NULL: from the groups, see below. */
static const paper papers[] = {
    { "schrimpf2021", PAPER_SCHRIMPF2021, "0", "kfold:5,seed=1",
      "mean over folds per neuroid (NaN left out), median over a subject's neuroids, median over subjects; error: median absolute deviation over subjects",
      { "folds are shuffled single items: neighbours and members of a group of the test items are in training",
        "least squares of minimum norm, nothing standardised, no penalty: with more columns than items the training data are interpolated",
        "the model's published score is the maximum over layers on test data",
        "a constant prediction has r NaN and drops out of averages instead of counting 0" } },
    { "brainscore", PAPER_BRAINSCORE, "-3:3:7", NULL,
      "median over all subjects' neuroids in each fold, mean over folds; published: divided by the ceiling and clipped to 0 ... 1",
      { "nothing is standardised; one alpha for all neuroids, by leave-one-out errors of the training rows that ignore groups; of equal ones the smallest",
        "r has 1e-8 in its norms, so that a constant prediction counts 0",
        "neuroids of all subjects are pooled: subjects with more neuroids weigh more" } },
    { "tuckute2024", PAPER_TUCKUTE2024, "-30:29:60", "kfold:5,seed=0",
      "mean over folds per neuroid, with its standard error over folds (ddof 1)",
      { "folds are shuffled single items: sentences alike to a test sentence can be in training",
        "nothing is standardised: alphas 10^-30 ... 10^29 act on raw activations",
        "alpha per neuroid by leave-one-out errors of the training rows; of equal ones the smallest",
        "a constant prediction (sd below 1e-7) counts r = 0",
        "the layer was chosen on the items that are scored" } },
    { "hadidi2025", PAPER_HADIDI2025, POWERS_OF_2, NULL,
      "per subject: mean over neuroids, clipped at 0; R2 is out of sample, about the training mean, pooled over folds",
      { "alpha per neuroid by inner folds as himalaya chooses: 1e-10 ln(alpha) is added to the score; alpha 0 of the published grid can never win and is left out",
        "candidates of several bands: equal weights, then Dirichlet draws of NumPy's generator, anew in each fold; bands are not divided by their width",
        "the paper seeded NumPy only where labels were shuffled: its draws on contiguous folds cannot be repeated, ours are those after --seed",
        "a voxel whose target or prediction is within 1e-5 of constant counts r = 0",
        "the best layer and the best sigma of OASM were chosen by test score" } },
};

static const paper *find(const char *name, err *e)
{
    const char *names[sizeof papers / sizeof *papers + 1] = { NULL };
    for (size_t i = 0; i < sizeof papers / sizeof *papers; i++) {
        if (str_same(papers[i].name, name)) return &papers[i];
        names[i] = papers[i].name;
    }
    const char *near = str_nearest(name, names);
    err_set(e, ERR_USAGE, "--mode replicate:%s is not known; encode knows schrimpf2021, brainscore, tuckute2024 and hadidi2025", name);
    if (near) err_hint(e, "did you mean replicate:%s?", near);
    return NULL;
}

static const paper *by_rule(paper_rule rule)
{
    for (size_t i = 0; i < sizeof papers / sizeof *papers; i++)
        if (papers[i].rule == rule) return &papers[i];
    return NULL;
}

int encode_replicate(encode_options *o, const char *name, bool alphas_given, bool candidates_given, err *e)
{
    const paper *p = find(name, e);
    if (!p) return -1;
    o->paper = p->rule;
    o->allow_random = true;
    o->standardise_x = p->rule == PAPER_HADIDI2025;
    o->standardise_y = false;
    o->select = SELECT_MSE;
    o->alpha_shared = p->rule == PAPER_BRAINSCORE;
    o->inner_by = p->rule == PAPER_HADIDI2025 ? INNER_FOLDS : INNER_LOO;
    if (p->rule == PAPER_HADIDI2025 && !candidates_given) o->candidates = 1000;
    if (alphas_given) return 0;
    free(o->alphas);
    o->alphas = NULL;
    return encode_alphas(&o->alphas, &o->n_alphas, p->alphas, e);
}

const char *encode_replicate_alphas(paper_rule rule)
{
    return by_rule(rule)->alphas;
}

/* Groups of the used rows, at most `most` + 1 are counted. */
static size_t count_groups(char *const *group, size_t n, size_t most)
{
    size_t count = 0;
    for (size_t i = 0; i < n && count <= most; i++) {
        bool first = true;
        for (size_t k = 0; k < i && first; k++) first = !str_same(group[k], group[i]);
        count += first;
    }
    return count;
}

int paper_outer_folds(char *text, size_t room, const encode_options *o, const used_rows *u, err *e)
{
    const paper *p = by_rule(o->paper);
    *text = 0;
    if (p->folds) snprintf(text, room, "%s", p->folds);
    else if (p->rule == PAPER_BRAINSCORE && u->group) {
        size_t groups = count_groups(u->group, u->n, 10);
        snprintf(text, room, "groupkfold:%zu,seed=1234", groups < 10 ? groups : 10);
    } else if (p->rule == PAPER_BRAINSCORE) snprintf(text, room, "shufflesplit:10,train=0.9,seed=1");
    else if (u->group && count_groups(u->group, u->n, 20) <= 20) snprintf(text, room, "logo");
    if (*text) return 0;
    err_set(e, ERR_USAGE, "--mode replicate:%s needs --folds here", p->name);
    return err_hint(e, "the paper's: given:FILE (Pereira: passage number × half of the topics), contiguous:13 (Fedorenko), logo (Blank, by story)");
}

int paper_inner_folds(fold_scheme *inner, const fold_scheme *outer)
{
    *inner = *outer; /* the outer folds that are left: stories, given labels */
    if (outer->kind == FOLD_CONTIGUOUS) inner->k = 8;
    return 0;
}

/* ---- labels in NumPy's shuffled order ---- */

/* The generator after the shuffle of the labels; order [rows] of this run's part: row i has the label of row order[i]. */
static int start_shuffled(legacy_rng *g, size_t *order, const encode_options *o, size_t rows, err *e)
{
    const size_t *parts = o->shuffle_parts;
    size_t own = parts[0] && rows == parts[1] ? 1 : 0, room = parts[0] > parts[1] ? parts[0] : parts[1];
    if (parts[0] && (rows != parts[own] || parts[0] == parts[1]))
        return err_set(e, ERR_USAGE, "--shuffle-labels: %zu rows are used, its parts have %zu and %zu", rows, parts[0], parts[1]);
    size_t *other = mem_new((room > rows ? room : rows) + 1, sizeof *other, e);
    if (!other) return -1;
    legacy_start(g, o->shuffle_seed);
    for (size_t k = 0; k < (parts[0] ? 2 : 1); k++) {
        legacy_permutation(g, other, parts[0] ? parts[k] : rows);
        if (k == own && order) memcpy(order, other, rows * sizeof *order);
    }
    free(other);
    return 0;
}

int paper_shuffle_given(int32_t *label, size_t n, const encode_options *o, err *e)
{
    legacy_rng g;
    size_t *order = mem_new(n + 1, sizeof *order, e);
    int32_t *before = mem_copy(label, n * sizeof *label, e);
    int status = order && before ? start_shuffled(&g, order, o, n, e) : -1;
    for (size_t i = 0; i < n && !status; i++) label[i] = before[order[i]];
    free(order);
    free(before);
    return status;
}

/* Groups are labels and move; rows are numbers: blocks of consecutive ones are cut from the shuffled order. */
int paper_shuffle(shuffled_items *out, fold_items *items, const encode_options *o, err *e)
{
    legacy_rng g;
    size_t n = items->n, *order = mem_new(n + 1, sizeof *order, e);
    int status = -1;
    out->group = mem_new(n + 1, sizeof *out->group, e);
    out->onset = mem_new(n + 1, sizeof *out->onset, e);
    if (!order || !out->group || !out->onset || start_shuffled(&g, order, o, n, e)) goto done;
    for (size_t i = 0; i < n; i++) {
        if (items->group) out->group[i] = (char *)items->group[order[i]];
        out->onset[order[i]] = (double)i;
    }
    if (items->group) items->group = (const char *const *)out->group;
    items->onset = out->onset;
    items->run = NULL;
    status = 0;
done:
    free(order);
    return status;
}

void shuffled_items_free(shuffled_items *s)
{
    free(s->group);
    free(s->onset);
}

/* First tested row of a fold. */
static size_t first_row(const folds *f, size_t fold)
{
    size_t i = 0;
    while (i < f->n && !f->test[fold * f->n + i]) i++;
    return i;
}

int paper_order(size_t **draw_of, const folds *outer, const fold_scheme *scheme, const char *const *group, err *e)
{
    size_t F = outer->count, *rank = *draw_of = mem_new(F + 1, sizeof *rank, e);
    if (!rank) return -1;
    for (size_t f = 0; f < F; f++) {
        if (scheme->kind != FOLD_LOGO) rank[f] = f;
        for (size_t k = 0; k < F && scheme->kind == FOLD_LOGO; k++) rank[f] += strcmp(group[first_row(outer, k)], group[first_row(outer, f)]) < 0;
    }
    return 0;
}

/* As himalaya draws them from NumPy's generator: half with a concentration of .1, half of 1, taken in turns, the first replaced by
 * equal weights; the folds one after another go on with the same generator. */
int paper_candidates(double *out, size_t count, size_t bands, const encode_options *o, size_t rows, size_t fold, err *e)
{
    legacy_rng g;
    size_t half = (count + 1) / 2;
    double *drawn = mem_new(2 * half * bands, sizeof *drawn, e);
    int status = drawn ? 0 : -1;
    if (o->shuffle_labels && !status) status = start_shuffled(&g, NULL, o, rows, e);
    else legacy_start(&g, (uint32_t)o->seed);
    for (size_t f = 0; f <= fold && !status; f++) {
        legacy_dirichlet(&g, drawn, half, bands, .1);
        legacy_dirichlet(&g, drawn + half * bands, half, bands, 1);
    }
    for (size_t i = 0; i < count && !status; i++)
        for (size_t b = 0; b < bands; b++) out[i * bands + b] = i ? drawn[(i % 2 * half + i / 2) * bands + b] : 1 / (double)bands;
    free(drawn);
    return status;
}

void paper_warn(const encode_options *o, const char *folds_text)
{
    const paper *p = by_rule(o->paper);
    log_warn("mode replicate:%s repeats what the paper's code did (folds %s); what differs from strict follows", p->name, folds_text);
    for (size_t i = 0; i < MOST_LINES && p->differs[i]; i++) log_warn("replicate:%s: %s", p->name, p->differs[i]);
    log_warn("replicate:%s: aggregation: %s", p->name, p->aggregation);
}

/* ---- to one number ---- */

static int aggregate_hadidi(double *score, const double *value, char *const *subject, size_t v, err *e)
{
    size_t subjects = 0;
    double sum = 0;
    uint8_t *seen = mem_new(v + 1, 1, e);
    if (!seen) return -1;
    for (size_t j = 0; j < v; j++) {
        double own = 0, n = 0;
        if (seen[j]) continue;
        for (size_t k = j; k < v; k++)
            if (str_same(subject[k], subject[j])) {
                seen[k] = 1;
                if (isnan(value[k])) continue;
                own += value[k];
                n++;
            }
        if (n > 0) {
            sum += fmax(own / n, 0);
            subjects++;
        }
    }
    *score = subjects ? sum / (double)subjects : NAN;
    free(seen);
    return 0;
}

static int put_number(store *s, const encoded_set *t, const char *name, double value, err *e)
{
    char path[512];
    snprintf(path, sizeof path, "set/%.400s/%s", t->name, name);
    return store_put_f8(s, path, &value, 1, e);
}

static int put_tuckute(store *s, const encoded *x, const encoded_set *t, err *e)
{
    char path[512];
    double *error = mem_new(x->v + 1, sizeof *error, e), *column = mem_new(x->folds + 1, sizeof *column, e);
    int status = -1;
    if (!error || !column) goto done;
    for (size_t j = 0; j < x->v; j++) {
        for (size_t f = 0; f < x->folds; f++) column[f] = t->r[f * x->v + j];
        error[j] = sqrt(variance_f8(column, x->folds, 1) / (double)x->folds);
    }
    snprintf(path, sizeof path, "set/%.400s/r_error", t->name);
    status = store_put_f8(s, path, error, x->v, e);
done:
    free(error);
    free(column);
    return status;
}

static int put_aggregate(store *s, const encoded *x, const encoded_set *t, paper_rule rule, err *e)
{
    double score, error = NAN;
    switch (rule) {
    case PAPER_SCHRIMPF2021:
        return paper_median_of_subjects(&score, &error, t->r_mean, x->subject, x->v, e) || put_number(s, t, "score", score, e) ||
               put_number(s, t, "score_error", error, e) ? -1 : 0;
    case PAPER_BRAINSCORE: return paper_median_of_folds(&score, t->r, x->folds, x->v, e) || put_number(s, t, "score", score, e) ? -1 : 0;
    case PAPER_TUCKUTE2024: return put_tuckute(s, x, t, e);
    case PAPER_HADIDI2025:
        return aggregate_hadidi(&score, t->r_mean, x->subject, x->v, e) || put_number(s, t, "score", score, e) ||
               aggregate_hadidi(&score, t->r2_pooled, x->subject, x->v, e) || put_number(s, t, "score_r2", score, e) ? -1 : 0;
    case PAPER_NONE: break;
    }
    return 0;
}

int paper_put(store *s, const encoded *x, const encode_options *o, err *e)
{
    const paper *p = by_rule(o->paper);
    char mode[64], differs[2048] = "";
    if (!p) return store_set_text(s, "/", "mode", "strict", e);
    snprintf(mode, sizeof mode, "replicate:%s", p->name);
    for (size_t i = 0; i < MOST_LINES && p->differs[i]; i++)
        snprintf(differs + strlen(differs), sizeof differs - strlen(differs), "%s%s", i ? "; " : "", p->differs[i]);
    if (store_set_text(s, "/", "mode", mode, e) || store_set_text(s, "/", "aggregation", p->aggregation, e) ||
        store_set_text(s, "/", "differs_from_strict", differs, e))
        return -1;
    for (size_t i = 0; i < x->n_sets; i++)
        if (put_aggregate(s, x, &x->sets[i], o->paper, e)) return -1;
    return 0;
}
