/* SPDX-License-Identifier: MIT */
/* First level: each run by itself, runs joined by fixed effects, contrasts as maps; functional regions by halves of the runs. */
#include "broca/glm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "brain.h"

typedef struct {
    const responses *r;
    const events *v;
    const glm_options *o;
    glm *g;
    arena *memory;
    size_t n_maps, conditions;
    double *weights;          /* [maps × conditions] */
    /* sums over runs of each half (odd, even runs in order of their number): [2][maps × v], betas [2][conditions × v] */
    double *effect[2], *variance[2], *beta[2];
    double dof[2];
    size_t runs[2];
    uint8_t *usable;          /* [v] */
} level;

static int room_for_sums(level *l, err *e)
{
    size_t v = l->r->v;
    for (int half = 0; half < 2; half++) {
        l->effect[half] = arena_get(l->memory, l->n_maps * v * sizeof(double), e);
        l->variance[half] = arena_get(l->memory, l->n_maps * v * sizeof(double), e);
        l->beta[half] = arena_get(l->memory, l->conditions * v * sizeof(double), e);
        if (!l->effect[half] || !l->variance[half] || !l->beta[half]) return -1;
    }
    l->weights = arena_get(l->memory, l->n_maps * l->conditions * sizeof(double), e);
    l->usable = arena_get(l->memory, v, e);
    if (!l->weights || !l->usable) return -1;
    memset(l->usable, 1, v);
    return 0;
}

/* "name=weights" or the weights, which are then the name. */
static int read_contrasts(level *l, err *e)
{
    glm *g = l->g;
    g->maps = arena_get(g->memory, l->n_maps * sizeof *g->maps, e);
    g->contrast = arena_get(g->memory, l->n_maps * sizeof *g->contrast, e);
    if (!g->maps || !g->contrast) return -1;
    for (size_t k = 0; k < l->n_maps; k++) {
        const char *text = l->o->contrasts[k], *equal = strchr(text, '='), *weights = equal ? equal + 1 : text;
        if (contrast_weights(l->weights + k * l->conditions, (const char *const *)l->v->conditions, l->conditions, weights, e)) return -1;
        size_t length = equal ? (size_t)(equal - text) : strlen(text);
        char *name = arena_text(g->memory, text, length, e);
        if (!name || !(g->contrast[k] = arena_text(g->memory, weights, strlen(weights), e))) return -1;
        for (char *c = name; *c; c++)
            if (*c == '/') *c = '|'; /* a name of a group in the product */
        for (size_t j = 0; j < k; j++)
            if (str_same(g->maps[j].name, name)) return err_set(e, ERR_USAGE, "two contrasts are called %s", name);
        g->maps[k].name = name;
        g->n_maps = k + 1;
    }
    return 0;
}

/* ---- one run ---- */

typedef struct {
    size_t n, first, k;
    double *frame, *confounds;
} run_rows;

static const confound *find_confound(const level *l, err *e)
{
    const char *name = l->o->confounds;
    for (size_t i = 0; i < l->r->n_confounds; i++)
        if (str_same(l->r->confounds[i].name, name) && !l->r->confounds[i].subject) return &l->r->confounds[i];
    err_set(e, ERR_USAGE, "the responses have no confound %s for all subjects", name);
    return NULL;
}

/* Rows of a run lie together, in order of time. */
static int rows_of_run(run_rows *out, const level *l, int32_t run, err *e)
{
    const responses *r = l->r;
    const confound *c = NULL;
    *out = (run_rows){ 0 };
    for (size_t i = 0; i < r->n; i++) {
        if (r->run[i] != run) continue;
        if (out->n == 0) out->first = i;
        else if (i != out->first + out->n) return err_set(e, ERR_INPUT, "the volumes of run %d do not lie together", run);
        out->n++;
    }
    if (l->o->confounds && !(c = find_confound(l, e))) return -1;
    out->frame = arena_get(l->memory, (out->n + 1) * sizeof *out->frame, e);
    if (!out->frame) return -1;
    memcpy(out->frame, r->onset + out->first, out->n * sizeof *out->frame);
    if (!c) return 0;
    out->k = c->k;
    out->confounds = c->at + out->first * c->k;
    return 0;
}

/* A contrast's weights on the columns of the design: on the first column of each condition. */
static int design_weights(double *c, const level *l, const glm_design *d, size_t map, int32_t run, err *e)
{
    memset(c, 0, d->p * sizeof *c);
    for (size_t k = 0; k < l->conditions; k++) {
        double w = l->weights[map * l->conditions + k];
        if (w != 0 && d->absent[k]) {
            err_set(e, ERR_INPUT, "condition %s of contrast %s has no event in run %d", l->v->conditions[k], l->g->maps[map].name, run);
            return err_hint(e, "leave the run out, or the condition");
        }
        c[d->column[k]] = w;
    }
    return 0;
}

static int add_run(level *l, const glm_fit *f, const glm_design *d, int32_t run, int half, err *e)
{
    size_t v = l->r->v;
    double *c = mem_new(d->p, sizeof *c, e), *effect = mem_new(v, sizeof *effect, e), *variance = mem_new(v, sizeof *variance, e);
    int status = -1;
    if (!c || !effect || !variance) goto done;
    for (size_t m = 0; m < l->n_maps; m++) {
        if (design_weights(c, l, d, m, run, e) || glm_contrast(f, c, effect, variance, e)) {
            err_while(e, "estimating %s in run %d", l->g->maps[m].name, run);
            goto done;
        }
        for (size_t j = 0; j < v; j++) {
            l->effect[half][m * v + j] += effect[j];
            l->variance[half][m * v + j] += variance[j];
        }
    }
    for (size_t k = 0; k < l->conditions; k++)
        for (size_t j = 0; j < v; j++) l->beta[half][k * v + j] += d->absent[k] ? NAN : f->beta[d->column[k] * v + j];
    for (size_t j = 0; j < v; j++) l->usable[j] = l->usable[j] && isfinite(f->dispersion[j]);
    l->dof[half] += f->dof;
    l->runs[half]++;
    status = 0;
done:
    free(c);
    free(effect);
    free(variance);
    return status;
}

static int fit_one(level *l, int32_t run, size_t at, double *rho, err *e)
{
    run_rows rows;
    glm_fit *f = NULL;
    const responses *r = l->r;
    if (rows_of_run(&rows, l, run, e)) return -1;
    if (glm_design_make(&l->g->designs[at], &l->o->rule, l->v, run, rows.frame, rows.n, rows.confounds, rows.k, NULL, e)) return -1;
    const glm_design *d = l->g->designs[at];
    l->g->runs = at + 1;
    int status = glm_fit_run(&f, d->x, d->n, d->p, r->data + rows.first * r->v, NULL, r->v, r->v, l->o->noise, e) ||
                         add_run(l, f, d, run, (int)(at % 2), e)
                     ? -1
                     : 0;
    if (status) err_while(e, "fitting run %d", run);
    else memcpy(rho + at * r->v, f->rho, r->v * sizeof *rho);
    glm_fit_free(f);
    return status;
}

/* Numbers of the runs in rising order. */
static int list_runs(int32_t **out, size_t *n, const responses *r, err *e)
{
    int32_t *list = mem_new(r->n, sizeof *list, e);
    *n = 0;
    if (!(*out = list)) return -1;
    for (size_t i = 0; i < r->n; i++) {
        size_t at = 0;
        while (at < *n && list[at] < r->run[i]) at++;
        if (at < *n && list[at] == r->run[i]) continue;
        memmove(list + at + 1, list + at, (*n - at) * sizeof *list);
        list[at] = r->run[i];
        (*n)++;
    }
    return 0;
}

static int check_events(const level *l, const int32_t *runs, size_t n, err *e)
{
    for (size_t i = 0; i < l->v->n; i++) {
        bool there = false;
        for (size_t k = 0; k < n && !there; k++) there = runs[k] == l->v->run[i];
        if (!there) return err_set(e, ERR_INPUT, "an event at %g s is of run %d, the responses have no such run", l->v->onset[i], l->v->run[i]);
    }
    for (size_t k = 0; k < n; k++) {
        bool there = false;
        for (size_t i = 0; i < l->v->n && !there; i++) there = l->v->run[i] == runs[k];
        if (there) continue;
        err_set(e, ERR_INPUT, "run %d has no events", runs[k]);
        return err_hint(e, "--events once a run, in order, or one table with a column run");
    }
    return 0;
}

static int fit_runs(level *l, err *e)
{
    int32_t *runs = NULL;
    size_t n = 0, m = 0;
    double *rho = NULL;
    int status = -1;
    if (list_runs(&runs, &n, l->r, e) || check_events(l, runs, n, e)) goto done;
    if (!(l->g->designs = arena_get(l->g->memory, n * sizeof *l->g->designs, e)) || !(rho = mem_new(n * l->r->v, sizeof *rho, e))) goto done;
    for (size_t k = 0; k < n; k++)
        if (fit_one(l, runs[k], k, rho, e)) goto done;
    for (size_t k = 0; k < n * l->r->v; k++)
        if (isfinite(rho[k])) rho[m++] = rho[k];
    l->g->rho = l->o->noise == NOISE_AR1 ? median_f8(rho, m) : NAN;
    status = 0;
done:
    free(runs);
    free(rho);
    return status;
}

/* ---- maps ---- */

static double mean_weighted(const level *l, size_t map, size_t voxel, double sign)
{
    double sum = 0, weights = 0;
    for (size_t k = 0; k < l->conditions; k++) {
        double w = sign * l->weights[map * l->conditions + k];
        if (w <= 0) continue;
        sum += w * (l->beta[0][k * l->r->v + voxel] + l->beta[1][k * l->r->v + voxel]) / (double)l->g->runs;
        weights += w;
    }
    return weights > 0 ? sum / weights : NAN;
}

static int make_map(level *l, size_t m, err *e)
{
    brain_map *map = &l->g->maps[m];
    size_t v = l->r->v;
    double runs = (double)l->g->runs;
    if (brain_map_room(map, v, l->g->memory, e)) return -1;
    map->dof = l->dof[0] + l->dof[1];
    for (size_t j = 0; j < v; j++) {
        double effect = (l->effect[0][m * v + j] + l->effect[1][m * v + j]) / runs;
        double variance = (l->variance[0][m * v + j] + l->variance[1][m * v + j]) / (runs * runs);
        bool ok = l->usable[j] && variance > 0;
        map->effect[j] = ok ? effect : NAN;
        map->variance[j] = ok ? variance : NAN;
        map->t[j] = ok ? effect / sqrt(variance) : NAN;
        map->mean_pos[j] = ok ? mean_weighted(l, m, j, 1) : NAN;
        map->mean_neg[j] = ok ? mean_weighted(l, m, j, -1) : NAN;
    }
    return brain_map_finish(map, v, l->o->select, e);
}

/* ---- functional regions ---- */

typedef struct {
    double t;
    size_t voxel;
} ranked;

static int by_t(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->t != y->t) return x->t > y->t ? -1 : 1;
    return (x->voxel > y->voxel) - (x->voxel < y->voxel);
}

/* The voxels of a parcel in order of t in one half; *n of them. */
static void rank_voxels(ranked *list, size_t *n, const level *l, size_t row, int half)
{
    const froi_table *f = l->g->froi;
    size_t v = l->r->v;
    *n = 0;
    for (size_t j = 0; j < v; j++) {
        if (!l->usable[j] || !str_same(l->r->roi[j], f->roi[row]) || !str_same(l->r->subject[j], f->subject[row])) continue;
        double variance = l->variance[half][j];
        if (variance > 0) list[(*n)++] = (ranked){ l->effect[half][j] / sqrt(variance), j };
    }
    qsort(list, *n, sizeof *list, by_t);
}

static void measure(level *l, size_t row, const ranked *list, size_t n, size_t chosen, int half)
{
    froi_table *f = l->g->froi;
    size_t v = l->r->v;
    double runs = (double)l->runs[half];
    for (size_t i = 0; i < n; i++) {
        size_t j = list[i].voxel;
        f->all[row] += l->effect[half][j] / runs / (double)n / 2;
        if (i >= chosen) continue;
        f->effect[row] += l->effect[half][j] / runs / (double)chosen / 2;
        for (size_t k = 0; k < l->conditions; k++) f->condition[row * l->conditions + k] += l->beta[half][k * v + j] / runs / (double)chosen / 2;
    }
}

static int list_regions(level *l, err *e)
{
    glm *g = l->g;
    const responses *r = l->r;
    froi_table *f = arena_get(g->memory, sizeof *f, e);
    size_t room = 0;
    if (!f) return -1;
    for (size_t j = 0; j < r->v; j++) {
        bool seen = !responses_in_parcel(r->roi[j]);
        for (size_t k = 0; k < f->n && !seen; k++) seen = str_same(f->roi[k], r->roi[j]) && str_same(f->subject[k], r->subject[j]);
        if (seen) continue;
        if (f->n == room) {
            char **roi = arena_get(g->memory, (2 * room + 16) * sizeof *roi, e), **subject = arena_get(g->memory, (2 * room + 16) * sizeof *subject, e);
            if (!roi || !subject) return -1;
            if (room) memcpy(roi, f->roi, room * sizeof *roi), memcpy(subject, f->subject, room * sizeof *subject);
            f->roi = roi;
            f->subject = subject;
            room = 2 * room + 16;
        }
        f->roi[f->n] = arena_text(g->memory, r->roi[j], strlen(r->roi[j]), e);
        f->subject[f->n] = arena_text(g->memory, r->subject[j], strlen(r->subject[j]), e);
        if (!f->roi[f->n] || !f->subject[f->n]) return -1;
        f->n++;
    }
    g->froi = f;
    return 0;
}

static int make_regions(level *l, err *e)
{
    glm *g = l->g;
    if (l->o->froi <= 0) return 0;
    if (g->runs < 2) {
        snprintf(g->froi_why, sizeof g->froi_why, "one run: voxels cannot be chosen on other runs than they are measured on");
        return 0;
    }
    if (list_regions(l, e)) return -1;
    froi_table *f = g->froi;
    if (f->n == 0) {
        g->froi = NULL;
        snprintf(g->froi_why, sizeof g->froi_why, "no parcels: broca import --parcels names the regions");
        return 0;
    }
    f->n_conditions = l->conditions;
    f->conditions = arena_get(g->memory, l->conditions * sizeof *f->conditions, e);
    f->voxels = arena_get(g->memory, f->n * sizeof *f->voxels, e);
    f->chosen = arena_get(g->memory, f->n * sizeof *f->chosen, e);
    f->effect = arena_get(g->memory, f->n * sizeof *f->effect, e);
    f->all = arena_get(g->memory, f->n * sizeof *f->all, e);
    f->condition = arena_get(g->memory, f->n * l->conditions * sizeof *f->condition, e);
    ranked *list = mem_new(l->r->v, sizeof *list, e);
    if (!list || !f->conditions || !f->voxels || !f->chosen || !f->effect || !f->all || !f->condition) {
        free(list);
        return -1;
    }
    for (size_t k = 0; k < l->conditions; k++)
        if (!(f->conditions[k] = arena_text(g->memory, l->v->conditions[k], strlen(l->v->conditions[k]), e))) {
            free(list);
            return -1;
        }
    for (size_t row = 0; row < f->n; row++)
        for (int half = 0; half < 2; half++) {
            size_t n = 0;
            rank_voxels(list, &n, l, row, half);
            size_t chosen = (size_t)floor(l->o->froi * (double)n + .5);
            if (chosen == 0 && n > 0) chosen = 1;
            f->voxels[row] = (int32_t)n;
            f->chosen[row] = (int32_t)chosen;
            measure(l, row, list, n, chosen, !half);
        }
    free(list);
    return 0;
}

/* ---- all of it ---- */

int glm_runs(glm **out, const responses *r, const events *v, const glm_options *o, err *e)
{
    level l = { .r = r, .v = v, .o = o, .n_maps = o->n_contrasts, .conditions = v->n_conditions };
    int status = -1;
    *out = NULL;
    if (isnan(r->tr)) {
        err_set(e, ERR_INPUT, "these responses are items, a linear model of events needs a time series");
        err_hint(e, "broca import --tr; maps of subjects go to broca group");
        goto done;
    }
    if (!(l.g = mem_new(1, sizeof *l.g, e)) || !(l.g->memory = arena_new(e)) || !(l.memory = arena_new(e))) goto done;
    l.g->v = r->v;
    if (room_for_sums(&l, e) || read_contrasts(&l, e) || fit_runs(&l, e)) goto done;
    for (size_t m = 0; m < l.n_maps; m++)
        if (make_map(&l, m, e)) goto done;
    for (size_t j = 0; j < r->v; j++) l.g->n_constant += !l.usable[j];
    if (make_regions(&l, e)) goto done;
    *out = l.g;
    l.g = NULL;
    status = 0;
done:
    arena_free(l.memory);
    glm_free(l.g);
    return status;
}

void glm_free(glm *g)
{
    if (!g) return;
    for (size_t k = 0; k < g->runs; k++) glm_design_free(g->designs[k]);
    arena_free(g->memory);
    free(g);
}
