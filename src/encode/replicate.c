/* SPDX-License-Identifier: MIT */
/* --mode replicate:NAME (METHODS 3.13, 9.2): what a paper's code did, flaws included, and what differs from strict, said in every
 * output. The regressions are in num/paper_fit.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sets.h"

enum { MOST_LINES = 8 };

typedef struct {
    const char *name;
    paper_rule rule;
    const char *alphas, *folds, *aggregation;
    const char *differs[MOST_LINES];
} paper;

/* alphas "hadidi": 2^-5 ... 2^19 (0 is in the paper's grid, but can never be chosen). folds NULL: from the groups, see below. */
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
    { "hadidi2025", PAPER_HADIDI2025, "hadidi", NULL,
      "per subject: mean over neuroids, clipped at 0; R2 is out of sample, about the training mean, pooled over folds",
      { "alpha per neuroid by inner folds as himalaya chooses: 1e-10 ln(alpha) is added to the score; alpha 0 of the published grid can never win and is left out",
        "candidates of several bands: equal weights, then Dirichlet draws of our generator (the paper's NumPy draws are not repeated); bands are not divided by their width",
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

static int powers_of_two(double **out, size_t *n, err *e)
{
    *n = 25;
    if (!(*out = mem_new(*n, sizeof **out, e))) return -1;
    for (size_t i = 0; i < *n; i++) (*out)[i] = ldexp(1, (int)i - 5);
    return 0;
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
    return str_same(p->alphas, "hadidi") ? powers_of_two(&o->alphas, &o->n_alphas, e) : encode_alphas(&o->alphas, &o->n_alphas, p->alphas, e);
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

int paper_candidates(double *out, size_t count, size_t bands, uint64_t seed, err *e)
{
    double *all = mem_new((count + bands) * bands, sizeof *all, e); /* equal weights, corners, draws: no corners here */
    int status = all ? gamma_candidates(all, count + bands, bands, seed, e) : -1;
    if (!status) {
        memcpy(out, all, bands * sizeof *out);
        memcpy(out + bands, all + (1 + bands) * bands, (count - 1) * bands * sizeof *out);
    }
    free(all);
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
