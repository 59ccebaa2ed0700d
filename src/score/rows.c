/* SPDX-License-Identifier: MIT */
/* Neuroids into ROIs, subjects and rows; the division by a ceiling comes after the aggregation (METHODS 4.7, 5.2). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"
#include "parts.h"

static const char *keep(scores *out, const char *text, err *e)
{
    return arena_text(out->memory, text, strlen(text), e);
}

int score_add(scores *out, const score_row *row, err *e)
{
    void *rows = out->rows;
    if (mem_grow(&rows, out->n_rows + 1, sizeof *out->rows, e)) return -1;
    out->rows = rows;
    score_row *to = &out->rows[out->n_rows];
    *to = *row;
    const char **texts[] = { &to->model,   &to->layer,   &to->kind,     &to->target, &to->roi,
                             &to->subject, &to->measure, &to->interval, &to->null,   &to->units,  &to->baseline };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!(*texts[i] = keep(out, *texts[i], e))) return -1;
    out->n_rows++;
    return 0;
}

/* One number for each (subject, ROI): mean or median over neuroids, NaN where there are none; counts [subjects×rois].
 */
static int make_cells(double *cell, size_t *count, const encoding *x, const double *values, bool median, err *e)
{
    double *list = mem_new(x->v, sizeof *list, e);
    if (!list) return -1;
    for (size_t s = 0; s < x->subjects; s++)
        for (size_t g = 0; g < x->rois; g++) {
            size_t m = 0;
            for (size_t j = 0; j < x->v; j++)
                if (x->use[j] && x->subject_of[j] == s && x->roi_of[j] == g && !isnan(values[j])) list[m++] = values[j];
            count[s * x->rois + g] = m;
            cell[s * x->rois + g] = m == 0 ? NAN : median ? median_f8(list, m) : mean_f8(list, m);
        }
    free(list);
    return 0;
}

/* Ceiling of a ROI for a subject (SIZE_MAX: over subjects); NaN where there is none or where it must not be divided by.
 */
static double ceiling_of(const encoding *x, const ceiling_file *c, size_t subject, size_t roi, bool squared,
                         bool *ratio)
{
    *ratio = false;
    for (size_t g = 0; c && g < c->n; g++) {
        double value = c->value[g];
        if (!str_same(c->roi[g], x->roi[roi])) continue;
        *ratio = c->ratio[g];
        if (!x->group && subject != SIZE_MAX && c->corrected && !isnan(value)) {
            value = NAN;
            for (size_t s = 0; s < c->subjects; s++)
                if (str_same(c->subject[s], x->subject[subject])) value = c->corrected[s * c->n + g];
            if (!(value > 0)) value = NAN; /* this subject does not follow the others */
            if (squared) value *= value;
        } else if (squared) {
            value = c->value_r2[g];
        }
        if (isnan(value)) *ratio = false;
        return value;
    }
    return NAN;
}

typedef struct {
    scores *out;
    const encoding *x;
    const ceiling_file *c;
    score_row row;
    bool squared;
} maker;

/* The rows of one subject (or over subjects): a ROI each, and their average. */
static int subject_rows(maker *m, size_t subject, const char *name, const double *value, const size_t *n, err *e)
{
    double sum = 0, rois = 0, above = 0, below = 0;
    size_t entered = 0;
    m->row.subject = name;
    for (size_t g = 0; g < m->x->rois; g++) {
        bool ratio;
        if (isnan(value[g])) continue;
        m->row.roi = m->x->roi[g];
        m->row.value = value[g];
        m->row.n = n[g];
        m->row.ceiling = ceiling_of(m->x, m->c, subject, g, m->squared, &ratio);
        m->row.normalised = ratio ? value[g] / m->row.ceiling : NAN;
        if (score_add(m->out, &m->row, e)) return -1;
        if (score_is_mean(m->x->roi[g])) continue; /* a mean time course is no part of the average of scores */
        sum += value[g];
        rois++;
        entered = subject == SIZE_MAX ? (n[g] > entered ? n[g] : entered) : entered + n[g];
        if (ratio) {
            above += value[g];
            below += m->row.ceiling;
        }
    }
    if (rois == 0) return 0;
    double dividing = 0;
    for (size_t g = 0; g < m->x->rois; g++) {
        bool ratio;
        if (score_is_mean(m->x->roi[g])) continue;
        if (!isnan(value[g]) && !isnan(ceiling_of(m->x, m->c, subject, g, m->squared, &ratio)) && ratio) dividing++;
    }
    m->row.roi = "average";
    m->row.value = sum / rois;
    m->row.n = entered;
    m->row.ceiling = dividing > 0 ? below / dividing : NAN;
    m->row.normalised = dividing > 0 ? above / below : NAN; /* the same ROIs above and below */
    return score_add(m->out, &m->row, e);
}

/* Over subjects: mean (or median) of their values. */
static int over_subjects(maker *m, const double *cell, bool median, err *e)
{
    int status = -1;
    const encoding *x = m->x;
    double *list = mem_new(x->subjects, sizeof *list, e), *value = mem_new(x->rois, sizeof *value, e);
    size_t *n = mem_new(x->rois, sizeof *n, e);
    if (!list || !value || !n) goto done;
    for (size_t g = 0; g < x->rois; g++) {
        for (size_t s = 0; s < x->subjects; s++)
            if (!isnan(cell[s * x->rois + g])) list[n[g]++] = cell[s * x->rois + g];
        value[g] = n[g] == 0 ? NAN : median ? median_f8(list, n[g]) : mean_f8(list, n[g]);
    }
    status = subject_rows(m, SIZE_MAX, "all", value, n, e);
done:
    free(list);
    free(value);
    free(n);
    return status;
}

/* Median over all neuroids of all subjects: subjects with more of them weigh more. */
static int pooled_rows(maker *m, const double *values, err *e)
{
    int status = -1;
    const encoding *x = m->x;
    double *list = mem_new(x->v, sizeof *list, e), *value = mem_new(x->rois, sizeof *value, e);
    size_t *n = mem_new(x->rois, sizeof *n, e);
    if (!list || !value || !n) goto done;
    for (size_t g = 0; g < x->rois; g++) {
        for (size_t j = 0; j < x->v; j++)
            if (x->use[j] && x->roi_of[j] == g && !isnan(values[j])) list[n[g]++] = values[j];
        value[g] = n[g] ? median_f8(list, n[g]) : NAN;
    }
    status = subject_rows(m, SIZE_MAX, x->group ? "group" : "all", value, n, e);
done:
    free(list);
    free(value);
    free(n);
    return status;
}

int score_rows(scores *out, const encoding *x, const ceiling_file *c, const score_label *label, const double *values,
               score_aggregate how, err *e)
{
    int status = -1;
    bool median = how == AGGREGATE_MEDIAN;
    double *cell = mem_new(x->subjects * x->rois, sizeof *cell, e);
    size_t *count = mem_new(x->subjects * x->rois, sizeof *count, e);
    maker m = { out,
                x,
                c,
                { .model = label->model,
                  .layer = label->layer,
                  .kind = label->kind,
                  .measure = label->measure,
                  .target = x->group ? "group" : "single",
                  .interval = "none",
                  .null = "",
                  .units = x->units,
                  .baseline = str_same(label->kind, "plain") ? "" : x->baseline,
                  .lo = NAN,
                  .hi = NAN,
                  .bca_lo = NAN,
                  .bca_hi = NAN,
                  .p = NAN,
                  .null_mean = NAN,
                  .p_max = NAN,
                  .q = NAN,
                  .p_t = NAN,
                  .p_flip = NAN },
                label->squared };
    if (!cell || !count) goto done;
    if (how == AGGREGATE_POOLED) {
        status = pooled_rows(&m, values, e);
        goto done;
    }
    if (make_cells(cell, count, x, values, median, e)) goto done;
    for (size_t s = 0; s < x->subjects; s++)
        if (subject_rows(&m, s, x->subject[s], cell + s * x->rois, count + s * x->rois, e)) goto done;
    if (!x->group && over_subjects(&m, cell, median, e)) goto done;
    status = 0;
done:
    free(cell);
    free(count);
    return status;
}
