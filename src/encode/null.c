/* SPDX-License-Identifier: MIT */
/* Null responses, refitted (METHODS 5.7): rotated within whole runs by one lag for all subjects, whole groups of items permuted
 * within classes of equal size, or phases randomised; confounds likewise. For what a model adds to a baseline, Freedman and Lane:
 * the baseline's full-sample fit stays and its residuals are rotated. A null response is a further neuroid of the same run, so that
 * the decompositions of the features are shared; afterwards its scores are moved to the null arrays. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sets.h"

static const char mark[] = "\x1f"; /* between a name and the number of its null */

/* ---- rotations ---- */

typedef struct { size_t runs, *length; } run_lengths;

static int run_lengths_new(run_lengths *x, const used_rows *u, err *e)
{
    *x = (run_lengths){ .length = mem_new(u->n + 1, sizeof *x->length, e) };
    if (!x->length) return -1;
    for (size_t i = 0; i < u->n; i++) {
        bool first = true;
        for (size_t k = 0; k < i && first; k++) first = u->run[k] != u->run[i];
        if (!first) continue;
        for (size_t k = i; k < u->n; k++) x->length[x->runs] += u->run[k] == u->run[i];
        x->runs++;
    }
    return 0;
}

/* Smallest lag in rows: 30 s or the gap. */
static size_t least_lag(const responses *r, double gap_s)
{
    return (size_t)ceil(fmax(30, gap_s) / r->tr - 1e-9);
}

static bool lags_equal(const size_t *a, const size_t *b, size_t runs)
{
    return memcmp(a, b, runs * sizeof *a) == 0;
}

/* One run: a shuffled list of all lags. */
static int shuffled_lags(size_t *lag, size_t count, size_t length, size_t least, uint64_t seed, err *e)
{
    size_t n = length - 2 * least + 1;
    size_t *all = mem_new(n, sizeof *all, e);
    if (!all) return -1;
    for (size_t i = 0; i < n; i++) all[i] = least + i;
    for (size_t i = 0; i < count; i++) {
        size_t k = i + rng_below(seed, RNG_NULL, (uint32_t)i, 0, 0, (uint32_t)(n - i));
        size_t other = all[k];
        all[k] = all[i];
        lag[i] = all[i] = other;
    }
    free(all);
    return 0;
}

/* lag [count×runs], all different; a single run takes a shuffled list, several runs are drawn until they differ. */
static int draw_lags(size_t **out, size_t *count, const run_lengths *x, size_t least, uint64_t seed, err *e)
{
    double different = 1;
    for (size_t k = 0; k < x->runs; k++) {
        if (x->length[k] < 4 * least)
            return err_set(e, ERR_INPUT, "--null circular: a run of %zu samples is too short to be rotated by %zu and more (4 times that)",
                           x->length[k], least);
        different *= (double)(x->length[k] - 2 * least + 1);
    }
    if ((double)*count > different) {
        log_warn("--null circular:%zu: there are %.0f different rotations, all of them are taken", *count, different);
        *count = (size_t)different;
    }
    size_t *lag = *out = mem_new(*count * x->runs + 1, sizeof *lag, e);
    if (!lag) return -1;
    if (x->runs == 1) return shuffled_lags(lag, *count, x->length[0], least, seed, e);
    for (size_t i = 0; i < *count; i++)
        for (uint32_t attempt = 0;; attempt++) {
            bool fresh = true;
            for (size_t k = 0; k < x->runs; k++)
                lag[i * x->runs + k] =
                    least + rng_below(seed, RNG_NULL, (uint32_t)i, (uint32_t)k, attempt, (uint32_t)(x->length[k] - 2 * least + 1));
            for (size_t j = 0; j < i && fresh; j++) fresh = !lags_equal(lag + i * x->runs, lag + j * x->runs, x->runs);
            if (fresh) break;
        }
    return 0;
}

/* ---- permuted groups ---- */

typedef struct {
    size_t groups, *group_of;  /* [n] of each used row; rows without groups are groups of their own */
    size_t *first, *size, *row; /* [groups] rows of a group, in their order: row[first..first+size) */
} item_groups;

static void item_groups_free(item_groups *g)
{
    free(g->group_of);
    free(g->first);
    free(g->size);
    free(g->row);
}

static int item_groups_new(item_groups *g, const used_rows *u, err *e)
{
    size_t at = 0;
    *g = (item_groups){ .group_of = mem_new(u->n + 1, sizeof(size_t), e), .first = mem_new(u->n + 1, sizeof(size_t), e),
                        .size = mem_new(u->n + 1, sizeof(size_t), e), .row = mem_new(u->n + 1, sizeof(size_t), e) };
    if (!g->group_of || !g->first || !g->size || !g->row) return -1;
    for (size_t i = 0; i < u->n; i++) {
        size_t k = i;
        if (u->group)
            for (k = 0; k < i && !str_same(u->group[k], u->group[i]); k++) {
            }
        g->group_of[i] = k < i ? g->group_of[k] : g->groups++;
        g->size[g->group_of[i]]++;
    }
    for (size_t k = 0; k < g->groups; k++) {
        g->first[k] = at;
        for (size_t i = 0; i < u->n; i++)
            if (g->group_of[i] == k) g->row[at++] = i;
    }
    return 0;
}

/* Groups of equal size are a class; one that is alone in its class stays in place. */
static int check_classes(const item_groups *g, const used_rows *u, err *e)
{
    size_t alone = 0;
    for (size_t k = 0; k < g->groups; k++) {
        size_t like = 0;
        for (size_t j = 0; j < g->groups; j++) like += g->size[j] == g->size[k];
        alone += like == 1;
    }
    if (alone * 3 > g->groups) {
        err_set(e, ERR_INPUT, "--null group: %zu of %zu groups have a size of their own and cannot be exchanged", alone, g->groups);
        return err_hint(e, "more than a third would stay in place: the null would be the data");
    }
    if (alone) log_warn("--null group: %zu of %zu groups have a size of their own and stay in place", alone, g->groups);
    if (!u->group) log_info("--null group: the items have no groups, items are permuted");
    return 0;
}

static int permuted_rows(size_t *from, const item_groups *g, size_t number, uint64_t seed, err *e)
{
    size_t *class = mem_new(g->groups + 1, sizeof *class, e), *to = mem_new(g->groups + 1, sizeof *to, e);
    uint8_t *done = mem_new(g->groups + 1, 1, e);
    int status = class && to && done ? 0 : -1;
    for (size_t k = 0; k < g->groups && !status; k++) {
        size_t n = 0;
        if (done[k]) continue;
        for (size_t j = k; j < g->groups; j++)
            if (g->size[j] == g->size[k]) {
                class[n++] = j;
                done[j] = 1;
            }
        memcpy(to, class, n * sizeof *to);
        rng_shuffle(to, n, seed, RNG_NULL_GROUPS, (uint32_t)number, (uint32_t)g->size[k]);
        for (size_t j = 0; j < n; j++)
            for (size_t i = 0; i < g->size[k]; i++) from[g->row[g->first[to[j]] + i]] = g->row[g->first[class[j]] + i];
    }
    free(class);
    free(to);
    free(done);
    return status;
}

/* ---- what a null does to a series ---- */

typedef struct {
    null_kind kind;
    const used_rows *u;
    uint64_t seed;
    run_lengths runs;
    size_t *lag;        /* [N×runs] */
    item_groups groups;
    size_t *from;       /* [n] space */
} null_maker;

static void null_maker_free(null_maker *m)
{
    free(m->runs.length);
    free(m->lag);
    item_groups_free(&m->groups);
    free(m->from);
}

static int null_maker_new(null_maker *m, size_t *n, const responses *r, const used_rows *u, const encode_options *o, double gap_s, err *e)
{
    *m = (null_maker){ .kind = o->null, .u = u, .seed = o->seed, .from = mem_new(u->n + 1, sizeof(size_t), e) };
    if (!m->from) return -1;
    if (o->null != NULL_GROUP && !(r->tr > 0)) {
        err_set(e, ERR_USAGE, "--null %s needs a time series", o->null == NULL_PHASE ? "phase" : "circular");
        return err_hint(e, "--null group:%zu permutes groups of items", *n);
    }
    if (o->null == NULL_GROUP) return item_groups_new(&m->groups, u, e) ? -1 : check_classes(&m->groups, u, e);
    if (o->null == NULL_PHASE) return 0;
    return run_lengths_new(&m->runs, u, e) ? -1 : draw_lags(&m->lag, n, &m->runs, least_lag(r, gap_s), o->seed, e);
}

/* Null `number` (from 1) of the used rows of y [n×v]. */
static int null_make(double *out, const double *y, size_t v, null_maker *m, size_t number, err *e)
{
    const used_rows *u = m->u;
    if (m->kind == NULL_PHASE) return phase_surrogate(out, y, u->n, v, u->run, m->seed, (uint32_t)number, e);
    if (m->kind == NULL_GROUP ? permuted_rows(m->from, &m->groups, number, m->seed, e)
                              : rotation_rows(m->from, u->run, u->n, m->lag + (number - 1) * m->runs.runs, e))
        return -1;
    for (size_t i = 0; i < u->n; i++) memcpy(out + i * v, y + m->from[i] * v, v * sizeof *out);
    return 0;
}

/* ---- more neuroids ---- */

static char *marked(arena *a, const char *name, size_t number, err *e)
{
    char text[600];
    snprintf(text, sizeof text, "%.500s%s%zu", name, mark, number);
    return arena_text(a, text, strlen(text), e);
}

static int label(responses *to, const responses *r, size_t number, err *e)
{
    size_t first = number * r->v;
    for (size_t j = 0; j < r->v; j++) {
        to->subject[first + j] = number ? marked(to->memory, r->subject[j], number, e) : r->subject[j];
        to->roi[first + j] = number ? marked(to->memory, r->roi[j], number, e) : r->roi[j];
        to->index[first + j] = r->index[j];
        if (!to->subject[first + j] || !to->roi[first + j]) return -1;
    }
    return 0;
}

/* Copies of the confounds for each of the numbers listed, transformed like the responses of null `number` (0: as they are). */
static int add_confounds(responses *to, const responses *r, null_maker *m, size_t number, const size_t *numbers, size_t n,
                         const char *name, err *e)
{
    for (size_t c = 0; c < r->n_confounds; c++) {
        const confound *old = &r->confounds[c];
        int status = -1;
        if (!name || !str_same(old->name, name)) continue;
        if (!old->subject && number)
            return err_set(e, ERR_USAGE, "--null: the confound '%s' is not given by subject and cannot be rotated", old->name);
        double *at = arena_get(to->memory, (r->n * old->k + 1) * sizeof *at, e);
        double *used = mem_new(m->u->n * old->k + 1, sizeof *used, e), *made = mem_new(m->u->n * old->k + 1, sizeof *made, e);
        if (at && used && made) {
            memcpy(at, old->at, r->n * old->k * sizeof *at);
            for (size_t i = 0; i < m->u->n; i++) memcpy(used + i * old->k, old->at + m->u->row[i] * old->k, old->k * sizeof *used);
            status = number ? null_make(made, used, old->k, m, number, e) : 0;
            for (size_t i = 0; number && !status && i < m->u->n; i++)
                memcpy(at + m->u->row[i] * old->k, made + i * old->k, old->k * sizeof *at);
        }
        free(used);
        free(made);
        for (size_t i = 0; i < n && !status; i++) {
            confound *new = &to->confounds[to->n_confounds++];
            *new = *old;
            new->at = at;
            if (numbers[i] && !(new->subject = marked(to->memory, old->subject, numbers[i], e))) status = -1;
        }
        if (status) return -1;
    }
    return 0;
}

/* The null of y - base, with base added again (NULL: none), as neuroids of number `as`; rows that are not used stay. */
static int add_null(responses *to, const responses *r, null_maker *m, size_t number, size_t as, const double *base, double *room, err *e)
{
    size_t n = m->u->n, v = r->v;
    double *y = room, *made = room + n * v;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < v; j++) y[i * v + j] = (double)r->data[m->u->row[i] * v + j] - (base ? base[i * v + j] : 0);
    if (null_make(made, y, v, m, number, e)) return -1;
    for (size_t i = 0; i < r->n; i++) memcpy(to->data + i * to->v + as * v, r->data + i * v, v * sizeof *r->data);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < v; j++)
            to->data[m->u->row[i] * to->v + as * v + j] = (float)(made[i * v + j] + (base ? base[i * v + j] : 0));
    return label(to, r, as, e);
}

static int borrow_presentations(responses *to, const responses *r, size_t copies, err *e)
{
    for (size_t i = 0; i < r->n; i++) {
        to->id[i] = r->id[i];
        to->run[i] = r->run[i];
    }
    to->onset = r->onset;
    to->group = r->group;
    to->tr = r->tr;
    to->confounds = arena_get(to->memory, (r->n_confounds * copies + 1) * sizeof *to->confounds, e);
    return to->confounds ? 0 : -1;
}

int null_responses(responses **out, size_t *count, const responses *r, const used_rows *u, const encode_options *o, double gap_s,
                   const double *base, err *e)
{
    int status = -1;
    null_maker m = { 0 };
    responses *to = NULL;
    const size_t itself = 0;
    double *room = mem_new(2 * u->n * r->v + 1, sizeof *room, e);
    if (!room || null_maker_new(&m, count, r, u, o, gap_s, e)) goto done;
    size_t N = *count, copies = 1 + N * (base ? 2 : 1);
    if (!(to = responses_make(r->n, r->v * copies, e)) || borrow_presentations(to, r, copies, e) || label(to, r, 0, e)) goto done;
    for (size_t i = 0; i < r->n; i++) memcpy(to->data + i * to->v, r->data + i * r->v, r->v * sizeof *r->data);
    if (add_confounds(to, r, &m, 0, &itself, 1, o->confounds, e)) goto done;
    for (size_t k = 1; k <= N; k++) {
        const size_t numbers[2] = { k, N + k };
        if (interrupted()) {
            err_set(e, ERR_INTERRUPTED, "interrupted while making null responses");
            goto done;
        }
        if (add_null(to, r, &m, k, k, NULL, room, e) || (base && add_null(to, r, &m, k, N + k, base, room, e)) ||
            add_confounds(to, r, &m, k, numbers, base ? 2 : 1, o->confounds, e))
            goto done;
    }
    for (size_t i = 0; i < r->n_excluded; i++)
        if (responses_exclude(to, r->excluded[i], r->reason[i], e)) goto done;
    *out = to;
    to = NULL;
    status = 0;
done:
    responses_free(to);
    null_maker_free(&m);
    free(room);
    return status;
}

/* ---- back to the neuroids that are ---- */

/* The group has no marked subject, a mean no marked roi. */
size_t null_number_of(const char *subject, const char *roi)
{
    const char *at = strchr(roi, mark[0]);
    if (!at) at = strchr(subject, mark[0]);
    return at ? (size_t)strtoull(at + 1, NULL, 10) : 0;
}

size_t null_number(const encoded *x, size_t j)
{
    return null_number_of(x->subject[j], x->roi[j]);
}

static bool begins(const char *long_name, const char *name)
{
    size_t n = strlen(name);
    return strncmp(long_name, name, n) == 0 && (!long_name[n] || long_name[n] == mark[0]);
}

typedef struct {
    size_t v, *keep, *to; /* neuroids that are: [v] their columns; [all] which of them a null is of, or SIZE_MAX */
} null_map;

static int null_map_new(null_map *m, const encoded *x, err *e)
{
    *m = (null_map){ .keep = mem_new(x->v + 1, sizeof *m->keep, e), .to = mem_new(x->v + 1, sizeof *m->to, e) };
    if (!m->keep || !m->to) return -1;
    for (size_t j = 0; j < x->v; j++)
        if (!null_number(x, j)) m->keep[m->v++] = j;
    for (size_t j = 0; j < x->v; j++) { /* nulls follow one another in the same order */
        m->to[j] = SIZE_MAX;
        size_t guess = m->v ? j % m->v : 0;
        for (size_t k = 0; k < m->v && m->to[j] == SIZE_MAX; k++) {
            size_t c = m->keep[(guess + k) % m->v];
            if (x->index[c] == x->index[j] && begins(x->subject[j], x->subject[c]) && begins(x->roi[j], x->roi[c]))
                m->to[j] = (guess + k) % m->v;
        }
    }
    return 0;
}

/* null_r, null_r2 of one set from the neuroids of numbers first+1 .. first+N; NaN where nothing was fitted. */
static int take_null(encoded_set *s, const encoded *x, const null_map *m, size_t N, size_t first, double **r, double **r2, err *e)
{
    *r = mem_new(N * m->v + 1, sizeof(double), e);
    *r2 = mem_new(N * m->v + 1, sizeof(double), e);
    if (!*r || !*r2) return -1;
    for (size_t k = 0; k < N * m->v; k++) (*r)[k] = (*r2)[k] = NAN;
    for (size_t j = 0; j < x->v; j++) {
        size_t number = null_number(x, j);
        if (number <= first || number > first + N || m->to[j] == SIZE_MAX) continue;
        (*r)[(number - first - 1) * m->v + m->to[j]] = s->r_mean[j];
        (*r2)[(number - first - 1) * m->v + m->to[j]] = s->r2_pooled[j];
    }
    return 0;
}

static bool all_nan(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isnan(x[i])) return false;
    return true;
}

static int split_set(encoded_set *s, const encoded *x, const null_map *m, size_t N, const double *base_r, const double *base_r2, err *e)
{
    size_t cells = N * m->v;
    bool over = base_r && str_same(s->kind, "joint");
    if (take_null(s, x, m, N, over ? N : 0, &s->null_r, &s->null_r2, e)) return -1;
    if (over && all_nan(s->null_r2, cells)) { /* a joint set of bands of its own */
        free(s->null_r);
        free(s->null_r2);
        over = false;
        if (take_null(s, x, m, N, 0, &s->null_r, &s->null_r2, e)) return -1;
    }
    if (all_nan(s->null_r2, cells)) { /* not asked of this set */
        free(s->null_r);
        free(s->null_r2);
        s->null_r = s->null_r2 = NULL;
    }
    if (!over || !s->null_r) return 0;
    s->null_delta_r = mem_new(cells + 1, sizeof(double), e);
    s->null_delta_r2 = mem_new(cells + 1, sizeof(double), e);
    if (!s->null_delta_r || !s->null_delta_r2) return -1;
    for (size_t i = 0; i < cells; i++) {
        s->null_delta_r[i] = s->null_r[i] - base_r[i];
        s->null_delta_r2[i] = s->null_r2[i] - base_r2[i];
    }
    return 0;
}

int null_split(encoded *x, const encode_options *o, err *e)
{
    int status = -1;
    null_map m = { 0 };
    double *base_r = NULL, *base_r2 = NULL;
    if (null_map_new(&m, x, e)) goto done;
    for (size_t i = 0; i < x->n_sets && !base_r && o->baseline; i++)
        if (str_same(x->sets[i].kind, "baseline") && take_null(&x->sets[i], x, &m, o->n_null, o->n_null, &base_r, &base_r2, e)) goto done;
    for (size_t i = 0; i < x->n_sets + x->n_nested; i++)
        if (split_set(i < x->n_sets ? &x->sets[i] : &x->nested[i - x->n_sets], x, &m, o->n_null, base_r, base_r2, e)) goto done;
    x->n_null = 0; /* the null arrays have their columns already */
    for (size_t j = 0; j < m.v; j++) {
        x->subject[j] = x->subject[m.keep[j]];
        x->roi[j] = x->roi[m.keep[j]];
        x->index[j] = x->index[m.keep[j]];
    }
    if (encoded_columns(x, m.keep, m.v, e)) goto done;
    x->n_null = o->n_null;
    x->edges = x->choices = 0;
    for (size_t i = 0; i < x->n_sets; i++)
        for (size_t j = 0; j < m.v; j++) {
            x->edges += (size_t)x->sets[i].n_edge[j];
            x->choices += x->folds;
        }
    status = 0;
done:
    free(m.keep);
    free(m.to);
    free(base_r);
    free(base_r2);
    return status;
}
