/* SPDX-License-Identifier: MIT */
/* Intervals by the crossed jackknife, p from null responses, and families (METHODS 5.6-5.8). Every replicate goes through the same
 * averages as the value itself: neuroids of a ROI, ROIs, subjects. */
#include "inference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double level = .95;
enum { EXACT_FLIPS = 20, RANDOM_FLIPS = 10000 };

/* ---- the averages ---- */

row_place row_place_of(const encoding *x, const score_row *row)
{
    row_place p = { SIZE_MAX, SIZE_MAX };
    for (size_t s = 0; s < x->subjects; s++)
        if (str_same(x->subject[s], row->subject)) p.subject = s;
    for (size_t g = 0; g < x->rois && !str_same(row->roi, "average"); g++)
        if (str_same(x->roi[g], row->roi)) p.roi = g;
    return p;
}

void score_cells(double *cell, const encoding *x, const double *values)
{
    size_t n = x->subjects * x->rois;
    for (size_t k = 0; k < n; k++) cell[k] = 0;
    for (size_t j = 0; j < x->v; j++)
        if (x->use[j] && !isnan(values[j])) cell[x->subject_of[j] * x->rois + x->roi_of[j]] += values[j];
    for (size_t k = 0; k < n; k++) cell[k] = x->cell_n[k] ? cell[k] / (double)x->cell_n[k] : NAN;
}

static double over_subjects(const encoding *x, const double *cell, size_t roi)
{
    double sum = 0, n = 0;
    for (size_t s = 0; s < x->subjects; s++)
        if (!isnan(cell[s * x->rois + roi])) {
            sum += cell[s * x->rois + roi];
            n++;
        }
    return n > 0 ? sum / n : NAN;
}

double row_value(const encoding *x, const double *cell, row_place p)
{
    double sum = 0, n = 0;
    if (p.roi != SIZE_MAX) return p.subject == SIZE_MAX ? over_subjects(x, cell, p.roi) : cell[p.subject * x->rois + p.roi];
    for (size_t g = 0; g < x->rois; g++) {
        double one = p.subject == SIZE_MAX ? over_subjects(x, cell, g) : cell[p.subject * x->rois + g];
        if (score_is_mean(x->roi[g]) || isnan(one)) continue;
        sum += one;
        n++;
    }
    return n > 0 ? sum / n : NAN;
}

/* Cells of every replicate: [n][subjects×rois], malloc'ed. */
static double *all_cells(const encoding *x, const double *values, size_t n, err *e)
{
    size_t cells = x->subjects * x->rois;
    double *out = values && n ? mem_new(n * cells + 1, sizeof *out, e) : NULL;
    for (size_t k = 0; out && k < n; k++) score_cells(out + k * cells, x, values + k * x->v);
    return out;
}

typedef struct {
    const encoding *x;
    double *value, *jack, *left, *left_jack, *null; /* cells of each */
    double *list;                                   /* [most replicates] */
    size_t cells;
} worker;

static void worker_free(worker *w)
{
    double *owned[] = { w->value, w->jack, w->left, w->left_jack, w->null, w->list };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

static int worker_new(worker *w, const encoding *x, const replicates *rep, err *e)
{
    size_t most = x->blocks + x->people + x->n_null + x->subjects + 1;
    *w = (worker){ .x = x, .cells = x->subjects * x->rois, .list = mem_new(most, sizeof(double), e) };
    w->value = all_cells(x, rep->value, 1, e);
    w->jack = all_cells(x, rep->jack, x->blocks, e);
    w->left = all_cells(x, rep->left, x->people, e);
    w->left_jack = all_cells(x, rep->left_jack, x->people * x->blocks, e);
    w->null = all_cells(x, rep->null, x->n_null, e);
    bool missing = (rep->jack && x->blocks && !w->jack) || (rep->left && x->people && !w->left) ||
                   (rep->left_jack && x->people && x->blocks && !w->left_jack) || (rep->null && x->n_null && !w->null);
    return w->list && w->value && !missing ? 0 : -1;
}

/* ---- intervals ---- */

static double block_variance(const worker *w, const double *jack, row_place p)
{
    for (size_t b = 0; b < w->x->blocks; b++) w->list[b] = row_value(w->x, jack + b * w->cells, p);
    return jackknife_variance(w->list, w->x->blocks, 1);
}

/* Values of the subjects that have one at this place. */
static size_t subject_values(const worker *w, row_place p, double *values)
{
    size_t n = 0;
    for (size_t s = 0; s < w->x->subjects; s++) {
        double one = row_value(w->x, w->value, (row_place){ s, p.roi });
        if (!isnan(one)) values[n++] = one;
    }
    return n;
}

static void single_subjects(crossed_sample *c, const worker *w, row_place p)
{
    c->subjects = subject_values(w, p, w->list);
    if (c->subjects < 2) return;
    c->v_subjects = variance_f8(w->list, c->subjects, 1) / (double)c->subjects;
    for (size_t s = 0; s < w->x->subjects; s++) {
        double own = block_variance(w, w->jack, (row_place){ s, p.roi });
        if (!isnan(own)) c->mean_v_blocks += own / (double)c->subjects;
    }
}

static void group_subjects(crossed_sample *c, const worker *w, row_place p)
{
    const encoding *x = w->x;
    for (size_t s = 0; s < x->people; s++) w->list[s] = row_value(x, w->left + s * w->cells, p);
    c->v_subjects = jackknife_variance(w->list, x->people, 1);
    for (size_t s = 0; s < x->people; s++)
        c->mean_v_blocks += block_variance(w, w->left_jack + s * x->blocks * w->cells, p) / (double)x->people;
    c->subjects = x->people;
    c->group = true;
}

static const char *jackknife_label(const crossed_sample *c, bool subject, bool flat)
{
    if (c->subjects > 1)
        return flat ? "crossed jackknife, new subjects and stimuli, no variance" : "crossed jackknife, new subjects and stimuli";
    if (subject) return flat ? "jackknife over blocks, this subject, no variance" : "jackknife over blocks, this subject";
    return flat ? "jackknife over blocks, no variance" : "jackknife over blocks";
}

static void jackknife_row(score_row *row, const worker *w, row_place p)
{
    crossed_sample c = { .theta = row->value, .blocks = w->x->blocks };
    bool subject = !w->x->group && p.subject != SIZE_MAX;
    c.v_blocks = block_variance(w, w->jack, p);
    if (w->x->group && w->left && w->left_jack) group_subjects(&c, w, p);
    else if (!subject) single_subjects(&c, w, p);
    crossed_interval i = interval_crossed(&c, level);
    if (isnan(i.v)) return;
    row->lo = i.bounds.lo;
    row->hi = i.bounds.hi;
    row->interval = jackknife_label(&c, subject && w->x->subjects > 1, i.flat);
}

/* The bootstrap's intervals come afterwards, for rows over subjects. */
static bool wants_jackknife(const score_options *o)
{
    return o->interval == INTERVAL_JACKKNIFE || o->interval == INTERVAL_BCA;
}

static void t_row(score_row *row, const worker *w, row_place p)
{
    size_t n = p.subject == SIZE_MAX ? subject_values(w, p, w->list) : 0;
    if (n < 2) return;
    limits t = interval_t(w->list, n, level);
    row->lo = t.lo;
    row->hi = t.hi;
    row->interval = "t over subjects, this stimulus";
}

/* "The mean is not 0 for this stimulus." */
static void subject_tests(score_row *row, const worker *w, row_place p)
{
    size_t n = p.subject == SIZE_MAX ? subject_values(w, p, w->list) : 0;
    if (n < 2) return;
    row->p_t = one_sample(w->list, n, 0).p;
    row->p_flip = n <= EXACT_FLIPS ? sign_flip_p(w->list, n, TAIL_BOTH) : sign_flip_random_p(w->list, n, TAIL_BOTH, RANDOM_FLIPS, 1);
}

/* ---- nulls ---- */

static void null_row(score_row *row, const worker *w, row_place p, const char *name, double *null)
{
    const encoding *x = w->x;
    for (size_t k = 0; k < x->n_null; k++) null[k] = row_value(x, w->null + k * w->cells, p);
    row->p = permutation_p(row->value, null, x->n_null, 1, TAIL_GREATER);
    row->null_mean = mean_f8(null, x->n_null);
    row->null = name;
}

/* Rows of one subject that are ROIs: a family. null [rows×N] of all rows. */
static int family(scores *out, const size_t *member, size_t m, const double *null, size_t first, size_t N, err *e)
{
    double *observed = mem_new(3 * m + 1, sizeof *observed, e), *p = observed + m, *q = observed + 2 * m;
    double *nulls = mem_new(N * m + 1, sizeof *nulls, e);
    int status = -1;
    if (!observed || !nulls) goto done;
    for (size_t j = 0; j < m; j++) {
        observed[j] = out->rows[member[j]].value;
        p[j] = out->rows[member[j]].p;
        for (size_t k = 0; k < N; k++) nulls[k * m + j] = null[(member[j] - first) * N + k];
    }
    if (benjamini_hochberg(p, m, q, e)) goto done;
    for (size_t j = 0; j < m; j++) out->rows[member[j]].q = q[j];
    if (permutation_max_p(p, observed, m, nulls, N, e)) goto done;
    for (size_t j = 0; j < m; j++) out->rows[member[j]].p_max = p[j];
    status = 0;
done:
    free(observed);
    free(nulls);
    return status;
}

static int families(scores *out, size_t first, const double *null, size_t N, err *e)
{
    size_t *member = mem_new(out->n_rows + 1, sizeof *member, e), m = 0;
    int status = member ? 0 : -1;
    for (size_t i = first; i <= out->n_rows && !status; i++) {
        bool ends = i == out->n_rows || (m && !str_same(out->rows[i].subject, out->rows[member[0]].subject));
        if (ends && m) {
            status = family(out, member, m, null, first, N, e);
            m = 0;
        }
        if (i == out->n_rows || str_same(out->rows[i].roi, "average") || score_is_mean(out->rows[i].roi)) continue;
        member[m++] = i;
    }
    free(member);
    return status;
}

/* Null values of rows over subjects, for drawing. */
static int keep_nulls(scores *out, size_t first, const double *null, size_t N, err *e)
{
    for (size_t i = first; i < out->n_rows; i++) {
        if (!str_same(out->rows[i].subject, "all") && !str_same(out->rows[i].subject, "group")) continue;
        void *list = out->nulls;
        if (mem_grow(&list, out->n_nulls + 1, sizeof *out->nulls, e)) return -1;
        out->nulls = list;
        double *value = arena_get(out->memory, N * sizeof *value, e);
        if (!value) return -1;
        memcpy(value, null + (i - first) * N, N * sizeof *value);
        out->nulls[out->n_nulls++] = (score_null){ i, N, value };
    }
    return 0;
}

int score_infer(scores *out, size_t first, const encoding *x, const replicates *rep, const score_options *o, bool keep_null, err *e)
{
    worker w;
    size_t rows = out->n_rows - first;
    double *null = NULL;
    const char *name = arena_text(out->memory, x->null, strlen(x->null), e);
    int status = -1;
    if (worker_new(&w, x, rep, e) || !name) goto done;
    if (w.null && !(null = mem_new(rows * x->n_null + 1, sizeof *null, e))) goto done;
    for (size_t i = 0; i < rows; i++) {
        score_row *row = &out->rows[first + i];
        row_place p = row_place_of(x, row);
        if (wants_jackknife(o) && w.jack) jackknife_row(row, &w, p);
        else if (o->interval != INTERVAL_NONE) t_row(row, &w, p);
        if (!x->group) subject_tests(row, &w, p);
        if (w.null) null_row(row, &w, p, name, null + i * x->n_null);
    }
    if (null && o->family == FAMILY_ROI && families(out, first, null, x->n_null, e)) goto done;
    status = null && keep_null ? keep_nulls(out, first, null, x->n_null, e) : 0;
done:
    free(null);
    worker_free(&w);
    return status;
}
