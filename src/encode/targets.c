/* SPDX-License-Identifier: MIT */
/* Responses of a run: which neuroids are used, the filter, and per fold confounds, z-scores, group means (CONTRACT
 * "Encoding rules"). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sets.h"

enum { AT_ONCE = 256 }; /* columns that are read together: a chunk of the file */

static int exclude(encoded *x, const char *what, const char *reason, err *e)
{
    char **a = arena_get(x->memory, (x->n_excluded + 1) * sizeof *a, e), **b = arena_get(x->memory, (x->n_excluded + 1) * sizeof *b, e);
    if (!a || !b) return -1;
    for (size_t i = 0; i < x->n_excluded; i++) {
        a[i] = x->excluded[i];
        b[i] = x->reason[i];
    }
    a[x->n_excluded] = arena_text(x->memory, what, strlen(what), e);
    b[x->n_excluded] = arena_text(x->memory, reason, strlen(reason), e);
    if (!a[x->n_excluded] || !b[x->n_excluded]) return -1;
    x->excluded = a;
    x->reason = b;
    x->n_excluded++;
    return 0;
}

/* A neuroid that is constant or holds a NaN in any used presentation is left out, with its reason. */
static int usable_columns(targets *t, encoded *result, const used_rows *u, err *e)
{
    const responses *r = t->r;
    double *column = mem_new(u->n, sizeof *column, e);
    float *part = mem_new(r->n * AT_ONCE, sizeof *part, e);
    char name[256], reason[128];
    if (!column || !part || !(t->column = arena_get(t->memory, (r->v + 1) * sizeof *t->column, e))) goto fail;
    for (size_t i = 0; i < r->n_excluded; i++)
        if (exclude(result, r->excluded[i], r->reason[i], e)) goto fail;
    for (size_t j = 0; j < r->v; j++) {
        size_t bad = SIZE_MAX, width = r->v - j / AT_ONCE * AT_ONCE < AT_ONCE ? r->v % AT_ONCE : AT_ONCE;
        if (j % AT_ONCE == 0 && responses_columns(r, j, width, part, e)) goto fail;
        for (size_t i = 0; i < u->n; i++) {
            column[i] = (double)part[u->row[i] * width + j % AT_ONCE];
            if (!isfinite(column[i]) && bad == SIZE_MAX) bad = u->row[i];
        }
        bool constant = bad == SIZE_MAX && column_constant(column, u->n, 1, NULL);
        if (bad == SIZE_MAX && !constant) {
            t->column[t->v++] = j;
            continue;
        }
        if (null_number_of(r->subject[j], r->roi[j])) continue; /* of a neuroid that is listed */
        snprintf(name, sizeof name, "%s:%s:%d", r->subject[j], r->roi[j], r->index[j]);
        if (constant) snprintf(reason, sizeof reason, "constant in all %zu presentations", u->n);
        else snprintf(reason, sizeof reason, "not a finite number in presentation %zu", bad + 1);
        log_warn("neuroid %s is excluded: %s", name, reason);
        if (exclude(result, name, reason, e)) goto fail;
    }
    free(part);
    free(column);
    if (t->v) return 0;
    return err_set(e, ERR_INPUT, "every one of the %zu neuroids is constant or not finite", r->v);
fail:
    free(part);
    free(column);
    return -1;
}

static int filter(double *y, size_t v, const targets *t, err *e)
{
    double tr = t->r->tr;
    if (!(t->highpass_s > 0) || !v) return 0;
    if (!(tr > 0)) return err_set(e, ERR_INPUT, "--highpass needs responses with a tr");
    return highpass(y, t->n, v, t->block, tr, t->highpass_s, e);
}

static int read_confounds(targets *t, const used_rows *u, const encode_options *o, err *e)
{
    const responses *r = t->r;
    size_t m = r->n_confounds;
    if (!o->confounds) return 0;
    t->confound = arena_get(t->memory, (m + 1) * sizeof *t->confound, e);
    t->confound_k = arena_get(t->memory, (m + 1) * sizeof *t->confound_k, e);
    t->confound_subject = arena_get(t->memory, (m + 1) * sizeof *t->confound_subject, e);
    if (!t->confound || !t->confound_k || !t->confound_subject) return -1;
    for (size_t i = 0; i < m; i++) {
        const confound *c = &r->confounds[i];
        if (!str_same(c->name, o->confounds)) continue;
        double *z = arena_get(t->memory, (u->n * c->k + 1) * sizeof *z, e);
        if (!z) return -1;
        for (size_t k = 0; k < u->n; k++) memcpy(z + k * c->k, c->at + u->row[k] * c->k, c->k * sizeof *z);
        if (filter(z, c->k, t, e)) return -1;
        t->confound[t->n_confounds] = z;
        t->confound_k[t->n_confounds] = c->k;
        t->confound_subject[t->n_confounds++] = c->subject;
    }
    if (!t->n_confounds) return err_set(e, ERR_USAGE, "the responses have no confound called '%s'", o->confounds);
    if (!(t->confound_of = arena_get(t->memory, (t->v + 1) * sizeof *t->confound_of, e))) return -1;
    for (size_t j = 0; j < t->v; j++) {
        const char *subject = r->subject[t->column[j]];
        if (j && str_same(subject, r->subject[t->column[j - 1]])) {
            t->confound_of[j] = t->confound_of[j - 1];
            continue;
        }
        t->confound_of[j] = SIZE_MAX;
        for (size_t i = 0; i < t->n_confounds && t->confound_of[j] == SIZE_MAX; i++)
            if (!t->confound_subject[i] || str_same(t->confound_subject[i], subject)) t->confound_of[j] = i;
    }
    return 0;
}

typedef struct {
    const char *subject, *roi;
    size_t column;
} named;

static int by_name(const void *a, const void *b)
{
    const named *x = a, *y = b;
    int order = strcmp(x->subject, y->subject);
    if (!order) order = strcmp(x->roi, y->roi);
    return order ? order : x->column < y->column ? -1 : x->column > y->column;
}

/* Place of each column of the file within its subject's ROI, to match neuroids over subjects; [r->v], malloc'ed. */
static size_t *places_in_rois(const responses *r, err *e)
{
    size_t *place = mem_new(r->v + 1, sizeof *place, e);
    named *list = mem_new(r->v + 1, sizeof *list, e);
    for (size_t j = 0; place && list && j < r->v; j++) list[j] = (named){ r->subject[j], r->roi[j], j };
    if (place && list) qsort(list, r->v, sizeof *list, by_name);
    for (size_t i = 1; place && list && i < r->v; i++)
        if (str_same(list[i].subject, list[i - 1].subject) && str_same(list[i].roi, list[i - 1].roi))
            place[list[i].column] = place[list[i - 1].column] + 1;
    if (!list) {
        free(place);
        place = NULL;
    }
    free(list);
    return place;
}

static size_t result_neuroid(targets *t, char *subject, char *roi, int32_t index)
{
    for (size_t k = 0; k < t->out_v; k++)
        if (t->index[k] == index && str_same(t->roi[k], roi) && str_same(t->subject[k], subject)) return k;
    t->subject[t->out_v] = subject;
    t->roi[t->out_v] = roi;
    t->index[t->out_v] = index;
    return t->out_v++;
}

static int name_results(targets *t, err *e)
{
    const responses *r = t->r;
    static char group[] = "group", mean[] = "mean";
    t->subject = arena_get(t->memory, (2 * t->v + 1) * sizeof *t->subject, e);
    t->roi = arena_get(t->memory, (2 * t->v + 1) * sizeof *t->roi, e);
    t->index = arena_get(t->memory, (2 * t->v + 1) * sizeof *t->index, e);
    t->place = arena_get(t->memory, (t->v + 1) * sizeof *t->place, e);
    if (!t->subject || !t->roi || !t->index || !t->place) return -1;
    size_t *place = t->group ? places_in_rois(r, e) : NULL;
    if (t->group && !place) return -1;
    for (size_t j = 0; j < t->v; j++) {
        size_t c = t->column[j];
        if (t->group) {
            t->place[j] = result_neuroid(t, group, r->roi[c], (int32_t)place[c]);
            continue;
        }
        t->subject[t->out_v] = r->subject[c];
        t->roi[t->out_v] = r->roi[c];
        t->index[t->out_v] = r->index[c];
        t->place[j] = t->out_v++;
    }
    free(place);
    for (size_t j = 0; j < t->v && t->add_mean; j++) result_neuroid(t, t->group ? group : r->subject[t->column[j]], mean, 0);
    return 0;
}

int targets_new(targets *t, encoded *result, const responses *r, const used_rows *u, const int32_t *block,
                const encode_options *o, err *e)
{
    *t = (targets){ .n = u->n, .r = r, .group = o->group, .add_mean = o->add_mean, .row = u->row, .block = block, .highpass_s = o->highpass_s };
    if (!(t->memory = arena_new(e)) || usable_columns(t, result, u, e) || name_results(t, e)) return -1;
    return read_confounds(t, u, o, e);
}

/* Columns [first, first+width) of the targets, filtered, into out [n×stride]: what t->y holds where it is there. */
static int make_columns(double *out, size_t stride, const targets *t, size_t first, size_t width, err *e)
{
    const size_t *column = t->column + first;
    float *part = mem_new(t->r->n * width, sizeof *part, e);
    double *y = mem_new(t->n * width, sizeof *y, e);
    int status = part && y ? 0 : -1;
    for (size_t j = 0, m; j < width && !status; j += m) { /* neighbours of the file together */
        for (m = 1; j + m < width && column[j + m] == column[j] + m; m++) {
        }
        status = responses_columns(t->r, column[j], m, part, e);
        for (size_t i = 0; i < t->n && !status; i++)
            for (size_t k = 0; k < m; k++) y[i * width + j + k] = (double)part[t->row[i] * m + k];
    }
    if (!status) status = filter(y, width, t, e);
    for (size_t i = 0; i < t->n && !status; i++) memcpy(out + i * stride, y + i * width, width * sizeof *y);
    free(part);
    free(y);
    return status;
}

int targets_load(targets *t, err *e)
{
    if (!(t->y = mem_new(t->n * t->v, sizeof *t->y, e))) return -1;
    for (size_t first = 0; first < t->v; first += AT_ONCE)
        if (make_columns(t->y + first, t->v, t, first, t->v - first < AT_ONCE ? t->v - first : AT_ONCE, e)) return -1;
    return 0;
}

void targets_free(targets *t)
{
    free(t->y);
    arena_free(t->memory);
    *t = (targets){ 0 };
}

/* ---- one fold ---- */

/* Confounds removed from columns [first, first+width) of the targets, in out [n×width]. */
static int free_block(double *out, const targets *t, size_t first, size_t width, const uint8_t *train, err *e)
{
    double *part = mem_new(t->n * width, sizeof *part, e);
    int status = part ? 0 : -1;
    for (size_t j = 0; j < width && !status;) { /* neighbours of one subject together */
        size_t own = t->confound_of[first + j], m = 1;
        while (j + m < width && t->confound_of[first + j + m] == own) m++;
        for (size_t i = 0; i < t->n; i++) memcpy(part + i * m, out + i * width + j, m * sizeof *part);
        if (own != SIZE_MAX) status = remove_confounds(part, t->n, m, t->confound[own], t->confound_k[own], train, NULL, e);
        for (size_t i = 0; i < t->n && !status; i++) memcpy(out + i * width + j, part + i * m, m * sizeof *part);
        j += m;
    }
    free(part);
    return status;
}

static void train_moments(const double *y, size_t n, size_t stride, const uint8_t *train, double *mean, double *sd)
{
    double sum = 0, square = 0, count = 0;
    for (size_t i = 0; i < n; i++)
        if (train[i]) {
            sum += y[i * stride];
            count++;
        }
    *mean = sum / count;
    for (size_t i = 0; i < n; i++)
        if (train[i]) square += (y[i * stride] - *mean) * (y[i * stride] - *mean);
    *sd = sqrt(square / count);
}

static void z_score(double *y, size_t n, size_t stride, const uint8_t *train)
{
    double mean, sd;
    train_moments(y, n, stride, train, &mean, &sd);
    for (size_t i = 0; i < n; i++) y[i * stride] = sd > 0 ? (y[i * stride] - mean) / sd : 0;
}

static size_t find_mean(const targets *t, const char *subject)
{
    for (size_t k = 0; k < t->out_v; k++)
        if (str_same(t->roi[k], "mean") && str_same(t->subject[k], t->group ? "group" : subject)) return k;
    return SIZE_MAX;
}

/* The z-scored mean of a subject's neuroids goes into its entry "mean" (group: the mean of those over subjects). */
static int add_means(double *out, const double *z, const targets *t, size_t v, const char *without, const uint8_t *train, err *e)
{
    double *sum = mem_new(t->n, sizeof *sum, e);
    if (!sum) return -1;
    for (size_t j = 0; j < v; j++) {
        const char *subject = t->r->subject[t->column[j]];
        bool first = !without || !str_same(subject, without);
        for (size_t k = 0; k < j && first; k++) first = !str_same(subject, t->r->subject[t->column[k]]);
        if (!first) continue;
        memset(sum, 0, t->n * sizeof *sum);
        for (size_t c = j; c < v; c++)
            if (str_same(subject, t->r->subject[t->column[c]]))
                for (size_t i = 0; i < t->n; i++) sum[i] += z[i * v + c];
        z_score(sum, t->n, 1, train);
        size_t to = find_mean(t, subject);
        for (size_t i = 0; i < t->n; i++) out[i * t->out_v + to] += sum[i];
    }
    free(sum);
    return 0;
}

/* people [out_v]: columns that went into each result neuroid; 0: what is there is no series. */
static int fold_columns(double *out, size_t *people, double *y, const targets *t, size_t v, const char *without, const uint8_t *train,
                        bool standardise, err *e)
{
    for (size_t j = 0; j < v; j++) {
        double *z = y + j;
        if (without && str_same(without, t->r->subject[t->column[j]])) continue;
        if (!t->group && !t->add_mean && !standardise) {
            for (size_t i = 0; i < t->n; i++) out[i * t->out_v + t->place[j]] = z[i * v];
            continue;
        }
        if (!t->group && !standardise) /* raw for itself, z-scored for the mean */
            for (size_t i = 0; i < t->n; i++) out[i * t->out_v + t->place[j]] = z[i * v];
        z_score(z, t->n, v, train);
        if (t->group || standardise)
            for (size_t i = 0; i < t->n; i++) out[i * t->out_v + t->place[j]] += z[i * v];
        people[t->place[j]]++;
    }
    return t->add_mean ? add_means(out, y, t, v, without, train, e) : 0;
}

int targets_fold_without(double *out, const targets *t, size_t columns, const char *subject, const uint8_t *train, bool standardise, err *e)
{
    int status = -1;
    double *y = mem_new(t->n * columns + 1, sizeof *y, e);
    size_t *people = mem_new(t->out_v + 1, sizeof *people, e);
    if (!y || !people) goto done;
    for (size_t i = 0; i < t->n; i++) memcpy(y + i * columns, t->y + i * t->v, columns * sizeof *y);
    if (t->n_confounds && free_block(y, t, 0, columns, train, e)) goto done;
    memset(out, 0, t->n * t->out_v * sizeof *out);
    if (fold_columns(out, people, y, t, columns, subject, train, standardise, e)) goto done;
    for (size_t k = 0; k < t->out_v && t->group; k++)
        for (size_t i = 0; i < t->n && people[k]; i++) out[i * t->out_v + k] /= (double)people[k];
    status = 0;
done:
    free(people);
    free(y);
    return status;
}

int targets_fold(double *out, const targets *t, const uint8_t *train, bool standardise, err *e)
{
    return targets_fold_without(out, t, t->v, NULL, train, standardise, e);
}

int fold_series_read(void *context, size_t first, size_t width, double *out, err *e)
{
    const fold_series *f = context;
    const targets *t = f->targets;
    const double *from = f->ready ? f->ready : t->y;
    size_t v = f->ready ? t->out_v : t->v;
    if (!from && make_columns(out, width, t, first, width, e)) return -1;
    for (size_t i = 0; from && i < t->n; i++) memcpy(out + i * width, from + i * v + first, width * sizeof *out);
    if (f->ready) return 0;
    if (t->n_confounds && free_block(out, t, first, width, f->train, e)) return -1;
    for (size_t j = 0; j < width && f->standardise; j++) z_score(out + j, t->n, width, f->train);
    return 0;
}
