/* SPDX-License-Identifier: MIT */
/* glm: design matrices and fits of nilearn (statsmodels agrees on least squares). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/glm.h"
#include "broca/store.h"
#include "oracle.h"

static double *numbers(store *s, oracle_result *r, const char *name, size_t *n)
{
    double *out = NULL;
    err e = { 0 };
    size_t count = 0;
    if (store_read_f8(s, name, &out, &count, &e)) oracle_end(r, ORACLE_FAIL, "%s", e.text);
    if (n) *n = count;
    return out;
}

/* ---- designs ---- */

/* The case's events as events of run 1. */
static events *case_events(store *s, oracle_result *r, bool modulated)
{
    events *v = calloc(1, sizeof *v);
    char **type = NULL;
    err e = { 0 };
    size_t n = 0;
    if (!v || store_read_text(s, "trial_type", &type, &n, &e)) {
        oracle_end(r, ORACLE_FAIL, "%s", e.text);
        return v;
    }
    v->memory = arena_new(&e);
    v->n = n;
    static char *const names[] = { "F", "N", "S" };
    double *columns[] = { numbers(s, r, "onset", NULL), numbers(s, r, "duration", NULL), numbers(s, r, "modulation", NULL) };
    double **to[] = { &v->onset, &v->duration, &v->amplitude };
    for (size_t k = 0; k < 3; k++) {
        *to[k] = arena_get(v->memory, n * sizeof(double), &e);
        for (size_t i = 0; i < n && columns[k]; i++) (*to[k])[i] = k == 2 && !modulated ? 1 : columns[k][i];
        free(columns[k]);
    }
    v->run = arena_get(v->memory, n * sizeof *v->run, &e);
    v->condition = arena_get(v->memory, n * sizeof *v->condition, &e);
    v->conditions = arena_get(v->memory, sizeof names, &e);
    memcpy(v->conditions, names, sizeof names);
    v->n_conditions = 3;
    for (size_t i = 0; i < n; i++) {
        v->run[i] = 1;
        v->condition[i] = type[i][0] == 'F' ? 0 : type[i][0] == 'N' ? 1 : 2;
    }
    free(type);
    return v;
}

static glm_design_rule rule_of(const char *name, const long *fir)
{
    glm_design_rule rule = glm_design_defaults();
    if (str_begins(name, "glover")) rule.hrf = HRF_NILEARN_GLOVER;
    if (strstr(name, "derivative")) rule.parts = 2;
    if (str_begins(name, "fir")) {
        rule.fir = fir;
        rule.n_fir = 5;
    }
    rule.drift = strstr(name, "cosine") ? DRIFT_COSINE : strstr(name, "polynomial") ? DRIFT_POLYNOMIAL : DRIFT_NONE;
    return rule;
}

static void compare_names(oracle_result *r, store *s, const char *path, const glm_design *d)
{
    char **names = NULL;
    size_t n = 0;
    err e = { 0 };
    if (store_read_text(s, path, &names, &n, &e)) oracle_end(r, ORACLE_FAIL, "%s", e.text);
    else if (n != d->p) oracle_end(r, ORACLE_FAIL, "%s: %zu columns, expected %zu", path, d->p, n);
    for (size_t k = 0; names && k < n && n == d->p; k++)
        if (!str_same(names[k], d->names[k])) oracle_end(r, ORACLE_FAIL, "%s: column %zu is %s, expected %s", path, k, d->names[k], names[k]);
    free(names);
}

static oracle_status check_designs(store *s, oracle_result *r)
{
    static const long fir[] = { 0, 1, 2, 3, 4 };
    char **names = NULL;
    size_t count = 0, frames = 0;
    err e = { 0 };
    if (store_list(s, "expected", &names, &count, &e)) return oracle_end(r, ORACLE_FAIL, "%s", e.text);
    double *frame = numbers(s, r, "frame_times", &frames), *confounds = numbers(s, r, "confounds", NULL);
    for (size_t k = 0; k < count; k++) {
        char path[128];
        size_t cells = 0;
        glm_design *d = NULL;
        bool modulated = strstr(names[k], "modulated") != NULL;
        glm_design_rule rule = rule_of(names[k], fir);
        events *v = case_events(s, r, modulated);
        if (glm_design_make(&d, &rule, v, 1, frame, frames, confounds, modulated ? 0 : 2, NULL, &e)) oracle_end(r, ORACLE_FAIL, "%s", e.text);
        else {
            snprintf(path, sizeof path, "expected/%s/names", names[k]);
            compare_names(r, s, path, d);
            snprintf(path, sizeof path, "expected/%s/matrix", names[k]);
            double *want = numbers(s, r, path, &cells);
            if (want && cells == d->n * d->p) oracle_near(r, names[k], d->x, want, cells, 1e-9, 1e-9);
            free(want);
        }
        glm_design_free(d);
        events_free(v);
    }
    free(frame);
    free(confounds);
    free(names);
    return r->status;
}

/* ---- fits ---- */

typedef struct {
    store *s;
    oracle_result *r;
    const char *noise;
    double tolerance;
    size_t v; /* voxels compared: the last one is constant */
} fit_case;

static void compare(const fit_case *c, const char *what, const double *got)
{
    char path[128];
    snprintf(path, sizeof path, "expected/%s/%s", c->noise, what);
    double *want = numbers(c->s, c->r, path, NULL);
    if (want) oracle_near(c->r, path, got, want, c->v, c->tolerance, c->tolerance);
    free(want);
}

static void compare_betas(const fit_case *c, const glm_fit *f)
{
    char path[128];
    snprintf(path, sizeof path, "expected/%s/beta", c->noise);
    double *want = numbers(c->s, c->r, path, NULL);
    for (size_t k = 0; want && k < f->p; k++) oracle_near(c->r, path, f->beta + k * f->v, want + k * f->v, c->v, c->tolerance, c->tolerance);
    free(want);
}

static void compare_contrast(const fit_case *c, const glm_fit *f, const char *name)
{
    char path[128];
    err e = { 0 };
    double effect[64], variance[64], t[64], p[64], z[64];
    snprintf(path, sizeof path, "contrast/%s", name);
    double *weights = numbers(c->s, c->r, path, NULL);
    if (!weights || glm_contrast(f, weights, effect, variance, &e)) {
        oracle_end(c->r, ORACLE_FAIL, "%s", e.text);
        free(weights);
        return;
    }
    for (size_t j = 0; j < c->v; j++) {
        t[j] = effect[j] / sqrt(variance[j]);
        p[j] = exp(t_log_p(t[j], f->dof, TAIL_GREATER));
        z[j] = t[j] > 0 ? -normal_quantile(p[j]) : normal_quantile(exp(t_log_p(t[j], f->dof, TAIL_LESS)));
    }
    const struct {
        const char *what;
        const double *got;
    } all[] = { { "effect", effect }, { "variance", variance }, { "t", t }, { "p_one_sided", p }, { "z", z } };
    for (size_t k = 0; k < 5; k++) {
        snprintf(path, sizeof path, "%s/%s", name, all[k].what);
        compare(c, path, all[k].got);
    }
    free(weights);
}

static void check_fit(const fit_case *c, const double *x, const double *y, size_t n, size_t p, size_t v)
{
    glm_fit *f = NULL;
    err e = { 0 };
    double F[64], s_n[18] = { 0 };
    noise_kind noise = str_same(c->noise, "ar1") ? NOISE_AR1 : NOISE_OLS;
    if (glm_fit_run(&f, x, n, p, NULL, y, v, v, noise, &e)) {
        oracle_end(c->r, ORACLE_FAIL, "%s", e.text);
        return;
    }
    compare_betas(c, f);
    compare(c, "dispersion", f->dispersion);
    if (noise == NOISE_AR1) {
        compare(c, "rho", f->rho);
        compare(c, "rho_binned", f->binned);
    }
    compare_contrast(c, f, "S");
    compare_contrast(c, f, "SmN");
    compare_contrast(c, f, "SpNm2F");
    s_n[2] = 1; /* S, N */
    s_n[9 + 1] = 1;
    if (glm_f(f, s_n, 2, F, &e)) oracle_end(c->r, ORACLE_FAIL, "%s", e.text);
    else compare(c, "F_S_N/F", F);
    glm_fit_free(f);
}

oracle_status check_glm(const oracle_case *c, oracle_result *r)
{
    store *s = NULL;
    err e = { 0 };
    size_t cells = 0, voxels = 0;
    if (store_open(&s, c->path, NULL, &e)) return oracle_end(r, ORACLE_UNREADABLE, "%s", e.text);
    if (store_has(s, "frame_times")) check_designs(s, r);
    else {
        enum { N = 120, P = 9, V = 8 };
        double *x = numbers(s, r, "X", &cells), *y = numbers(s, r, "Y", &voxels);
        if (!x || !y || cells != N * P || voxels != N * V) oracle_end(r, ORACLE_FAIL, "X is not [120 × 9] or Y not [120 × 8]");
        else {
            check_fit(&(fit_case){ s, r, "ols", 1e-8, V - 1 }, x, y, N, P, V);
            check_fit(&(fit_case){ s, r, "ar1", 1e-6, V - 1 }, x, y, N, P, V);
        }
        free(x);
        free(y);
    }
    store_close(s);
    return r->status;
}
