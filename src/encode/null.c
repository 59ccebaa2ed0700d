/* SPDX-License-Identifier: MIT */
/* The null of rotated responses with refit (METHODS 5.7): responses and confounds are rotated within each whole run by one lag
 * for all subjects, and everything is fitted and chosen anew. A rotation is a set of further neuroids for the same run, so that
 * the decompositions of the features are shared; afterwards their scores are moved to null_r and null_r2. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sets.h"

static const char mark[] = "\x1f"; /* between a name and the number of its rotation */

/* ---- lags ---- */

typedef struct {
    size_t runs, *first, *length; /* [runs] used rows of a run, in their order, are row[first..first+length) */
    size_t *row;                  /* [n] rows of the responses */
} run_rows;

static void run_rows_free(run_rows *r)
{
    free(r->first);
    free(r->length);
    free(r->row);
}

static int run_rows_new(run_rows *x, const used_rows *u, err *e)
{
    size_t at = 0;
    uint8_t *seen = mem_new(u->n + 1, 1, e);
    *x = (run_rows){ .first = mem_new(u->n + 1, sizeof *x->first, e), .length = mem_new(u->n + 1, sizeof *x->length, e),
                     .row = mem_new(u->n + 1, sizeof *x->row, e) };
    for (size_t i = 0; seen && x->first && x->length && x->row && i < u->n; i++) {
        if (seen[i]) continue;
        x->first[x->runs] = at;
        for (size_t k = i; k < u->n; k++)
            if (u->run[k] == u->run[i]) {
                seen[k] = 1;
                x->row[at++] = u->row[k];
            }
        x->length[x->runs] = at - x->first[x->runs];
        x->runs++;
    }
    free(seen);
    return at == u->n && u->n ? 0 : -1;
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

/* lag [count×runs], all different; a single run takes a shuffled list, several runs are drawn until they differ. */
static int draw_lags(size_t *lag, size_t count, const run_rows *x, size_t least, uint64_t seed, err *e)
{
    double different = 1;
    for (size_t k = 0; k < x->runs; k++) {
        if (x->length[k] < 4 * least)
            return err_set(e, ERR_INPUT, "--null circular: a run of %zu samples is too short to be rotated by %zu and more (4 times that)",
                           x->length[k], least);
        different *= (double)(x->length[k] - 2 * least + 1);
    }
    if ((double)count > different)
        return err_set(e, ERR_USAGE, "--null circular:%zu: there are %.0f different rotations", count, different);
    if (x->runs == 1) {
        size_t n = x->length[0] - 2 * least + 1;
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
    for (size_t i = 0; i < count; i++)
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

/* ---- more neuroids ---- */

static char *marked(arena *a, const char *name, size_t number, err *e)
{
    char text[600];
    snprintf(text, sizeof text, "%.500s%s%zu", name, mark, number);
    return arena_text(a, text, strlen(text), e);
}

/* Row that stands at row i after rotation by lag, within its run. from [all rows]. */
static void source_rows(size_t *from, size_t n, const run_rows *x, const size_t *lag)
{
    for (size_t i = 0; i < n; i++) from[i] = i; /* dropped rows stay */
    for (size_t k = 0; k < x->runs; k++)
        for (size_t i = 0; i < x->length[k]; i++)
            from[x->row[x->first[k] + (i + lag[k]) % x->length[k]]] = x->row[x->first[k] + i];
}

static int add_rotation(responses *to, const responses *r, size_t number, const size_t *from, const char *confounds, err *e)
{
    size_t base = number * r->v;
    for (size_t j = 0; j < r->v; j++) {
        to->subject[base + j] = number ? marked(to->memory, r->subject[j], number, e) : r->subject[j];
        to->roi[base + j] = number ? marked(to->memory, r->roi[j], number, e) : r->roi[j];
        to->index[base + j] = r->index[j];
        if (!to->subject[base + j] || !to->roi[base + j]) return -1;
    }
    for (size_t i = 0; i < r->n; i++) memcpy(to->data + i * to->v + base, r->data + from[i] * r->v, r->v * sizeof *r->data);
    for (size_t c = 0; c < r->n_confounds; c++) {
        const confound *old = &r->confounds[c];
        confound *new = &to->confounds[to->n_confounds];
        if (!confounds || !str_same(old->name, confounds)) continue;
        *new = *old;
        new->at = arena_get(to->memory, (r->n * old->k + 1) * sizeof *new->at, e);
        if (number && old->subject) new->subject = marked(to->memory, old->subject, number, e);
        if (!new->at || (old->subject && !new->subject)) return -1;
        for (size_t i = 0; i < r->n; i++) memcpy(new->at + i * old->k, old->at + from[i] * old->k, old->k * sizeof *new->at);
        to->n_confounds++;
        if (!old->subject && number)
            return err_set(e, ERR_USAGE, "--null: the confound '%s' is not given by subject and cannot be rotated", old->name);
    }
    return 0;
}

int null_responses(responses **out, const responses *r, const used_rows *u, const encode_options *o, double gap_s, err *e)
{
    int status = -1;
    run_rows x = { 0 };
    size_t *lag = NULL, *from = mem_new(r->n + 1, sizeof *from, e);
    responses *to = NULL;
    if (!(r->tr > 0)) {
        err_set(e, ERR_USAGE, "--null circular needs a time series");
        goto done;
    }
    if (!from || run_rows_new(&x, u, e) || !(lag = mem_new(o->n_null * x.runs + 1, sizeof *lag, e)) ||
        draw_lags(lag, o->n_null, &x, least_lag(r, gap_s), o->seed, e) || !(to = responses_make(r->n, r->v * (o->n_null + 1), e)))
        goto done;
    for (size_t i = 0; i < r->n; i++) {
        to->id[i] = r->id[i];
        to->run[i] = r->run[i];
    }
    to->onset = r->onset;
    to->group = r->group;
    to->tr = r->tr;
    to->confounds = arena_get(to->memory, (r->n_confounds * (o->n_null + 1) + 1) * sizeof *to->confounds, e);
    if (!to->confounds) goto done;
    for (size_t k = 0; k <= o->n_null; k++) {
        if (k) source_rows(from, r->n, &x, lag + (k - 1) * x.runs);
        else
            for (size_t i = 0; i < r->n; i++) from[i] = i;
        if (add_rotation(to, r, k, from, o->confounds, e)) goto done;
    }
    for (size_t i = 0; i < r->n_excluded; i++)
        if (responses_exclude(to, r->excluded[i], r->reason[i], e)) goto done;
    *out = to;
    to = NULL;
    status = 0;
done:
    if (to) responses_free(to);
    run_rows_free(&x);
    free(lag);
    free(from);
    return status;
}

/* ---- back to the neuroids that are ---- */

/* Number of the rotation a result neuroid belongs to, 0: none. The group has no marked subject, a mean no marked roi. */
static size_t rotation_of(const encoded *x, size_t j)
{
    const char *at = strchr(x->roi[j], mark[0]);
    if (!at) at = strchr(x->subject[j], mark[0]);
    return at ? (size_t)strtoull(at + 1, NULL, 10) : 0;
}

static bool begins(const char *long_name, const char *name)
{
    size_t n = strlen(name);
    return strncmp(long_name, name, n) == 0 && (!long_name[n] || long_name[n] == mark[0]);
}

int null_split(encoded *x, const encode_options *o, err *e)
{
    int status = -1;
    size_t all = x->v, v = 0;
    double **null = NULL; /* [sets][2] */
    size_t *keep = mem_new(all + 1, sizeof *keep, e), *to = mem_new(all + 1, sizeof *to, e);
    if (!keep || !to) goto done;
    for (size_t j = 0; j < all; j++)
        if (!rotation_of(x, j)) keep[v++] = j;
    for (size_t j = 0; j < all; j++) { /* which neuroid a rotated one is of; rotations follow one another in the same order */
        to[j] = SIZE_MAX;
        size_t guess = v ? j % v : 0;
        for (size_t k = 0; k < v && to[j] == SIZE_MAX; k++) {
            size_t c = keep[(guess + k) % v];
            if (x->index[c] == x->index[j] && begins(x->subject[j], x->subject[c]) && begins(x->roi[j], x->roi[c])) to[j] = (guess + k) % v;
        }
    }
    if (!(null = mem_new(2 * x->n_sets + 1, sizeof *null, e))) goto done;
    for (size_t i = 0; i < x->n_sets; i++) {
        encoded_set *s = &x->sets[i];
        double *r = null[2 * i] = mem_new(o->n_null * v + 1, sizeof(double), e);
        double *r2 = null[2 * i + 1] = mem_new(o->n_null * v + 1, sizeof(double), e);
        if (!r || !r2) goto done;
        for (size_t k = 0; k < o->n_null * v; k++) r[k] = r2[k] = NAN;
        for (size_t j = 0; j < all; j++) {
            size_t number = rotation_of(x, j);
            if (!number || to[j] == SIZE_MAX) continue;
            r[(number - 1) * v + to[j]] = s->r_mean[j];
            r2[(number - 1) * v + to[j]] = s->r2_pooled[j];
        }
    }
    for (size_t j = 0; j < v; j++) {
        x->subject[j] = x->subject[keep[j]];
        x->roi[j] = x->roi[keep[j]];
        x->index[j] = x->index[keep[j]];
    }
    if (encoded_columns(x, keep, v, o->n_alphas, e)) goto done;
    x->n_null = o->n_null;
    for (size_t i = 0; i < x->n_sets; i++) {
        x->sets[i].null_r = null[2 * i];
        x->sets[i].null_r2 = null[2 * i + 1];
        null[2 * i] = null[2 * i + 1] = NULL;
    }
    x->edges = x->choices = 0;
    for (size_t i = 0; i < x->n_sets; i++)
        for (size_t j = 0; j < v; j++) {
            x->edges += (size_t)x->sets[i].n_edge[j];
            x->choices += x->folds;
        }
    status = 0;
done:
    for (size_t i = 0; null && i < 2 * x->n_sets; i++) free(null[i]);
    free(null);
    free(keep);
    free(to);
    return status;
}
