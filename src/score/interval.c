/* SPDX-License-Identifier: MIT */
/* Intervals that need no refit: t over subjects. Its target is new subjects who hear *this* stimulus (METHODS 5.6), and the
 * label says so: it does not cover other stimuli. */
#include <math.h>
#include <stdlib.h>

#include "broca/num.h"
#include "parts.h"

static void set_interval(score_row *row, const double *values, size_t n)
{
    if (n < 2) return;
    double half = t_quantile(.975, (double)n - 1) * sqrt(variance_f8(values, n, 1) / (double)n);
    row->lo = row->value - half;
    row->hi = row->value + half;
    row->interval = "t over subjects, this stimulus";
}

/* Values of the subjects that have all ROIs of the average, their means; 0 if they are not all subjects of every ROI (the
 * average of the ROIs' means is then no mean over subjects). */
static size_t subject_means(double *mean, const encoding *x, const double *cell)
{
    size_t n = 0;
    for (size_t s = 0; s < x->subjects; s++) {
        double sum = 0, rois = 0, there = 0;
        for (size_t g = 0; g < x->rois; g++) {
            if (score_is_mean(x->roi[g])) continue;
            rois++;
            if (isnan(cell[s * x->rois + g])) continue;
            sum += cell[s * x->rois + g];
            there++;
        }
        if (there > 0 && there < rois) return 0;
        if (there > 0) mean[n++] = sum / rois;
    }
    return n;
}

int score_intervals(scores *out, size_t first, const encoding *x, const double *cell, err *e)
{
    double *list = mem_new(x->subjects, sizeof *list, e);
    if (!list) return -1;
    for (size_t i = first; i < out->n_rows; i++) {
        score_row *row = &out->rows[i];
        size_t n = 0;
        for (size_t g = 0; g < x->rois; g++)
            for (size_t s = 0; s < x->subjects && str_same(x->roi[g], row->roi); s++)
                if (!isnan(cell[s * x->rois + g])) list[n++] = cell[s * x->rois + g];
        if (str_same(row->roi, "average")) n = subject_means(list, x, cell);
        set_interval(row, list, n);
    }
    free(list);
    return 0;
}
