/* SPDX-License-Identifier: MIT */
/* The planted signals: model features and baseline on the rows of the responses, through a haemodynamic response. */
#include "design.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"

/* With the `spm` response of METHODS 3.3, up to its scale, which the unit variance of the signals takes out. */
static void convolve(double *x, size_t n, size_t d, double tr, double *column)
{
    size_t taps = (size_t)floor(32 / tr) + 1;
    for (size_t j = 0; j < d; j++) {
        for (size_t i = 0; i < n; i++) column[i] = x[i * d + j];
        for (size_t i = 0; i < n; i++) {
            double sum = 0;
            for (size_t k = 0; k < taps && k <= i; k++) sum += hrf_at(hrf_shape_of(HRF_SPM), (double)k * tr) * column[i - k];
            x[i * d + j] = sum;
        }
    }
}

/* Columns to mean 0 and sd 1 (constant ones to 0). */
void design_standardise(double *x, size_t n, size_t d)
{
    for (size_t j = 0; j < d; j++) {
        double mean = 0, square = 0;
        for (size_t i = 0; i < n; i++) mean += x[i * d + j];
        mean /= (double)n;
        for (size_t i = 0; i < n; i++) square += (x[i * d + j] - mean) * (x[i * d + j] - mean);
        double sd = sqrt(square / (double)n);
        for (size_t i = 0; i < n; i++) x[i * d + j] = sd > 1e-12 * (fabs(mean) + 1) ? (x[i * d + j] - mean) / sd : 0;
    }
}

/* Removes from each column what the baseline column explains, so that the planted share of the model is its own. */
static void orthogonalise(double *x, const double *base, size_t n, size_t d)
{
    double norm = 0;
    for (size_t i = 0; i < n; i++) norm += base[i] * base[i];
    for (size_t j = 0; norm > 0 && j < d; j++) {
        double dot = 0;
        for (size_t i = 0; i < n; i++) dot += x[i * d + j] * base[i];
        for (size_t i = 0; i < n; i++) x[i * d + j] -= base[i] * dot / norm;
    }
}

static int word_design(design *q, const stimuli *x, const float *features, err *e)
{
    size_t n = q->n, m = x->words;
    int status = -1;
    float *ones = mem_new(m, sizeof *ones, e);
    double *scratch = mem_new(n, sizeof *scratch, e), *column = mem_new(n, sizeof *column, e);
    if (!ones || !scratch || !column) goto done;
    for (size_t i = 0; i < m; i++) ones[i] = 1;
    if (downsample_sum(q->model, scratch, features, x->word_onset, NULL, m, q->d, q->onset, NULL, n, q->tr, e) ||
        downsample_sum(q->base, scratch, ones, x->word_onset, NULL, m, 1, q->onset, NULL, n, q->tr, e))
        goto done;
    convolve(q->model, n, q->d, q->tr, column);
    convolve(q->base, n, 1, q->tr, column);
    status = 0;
done:
    free(ones);
    free(scratch);
    free(column);
    return status;
}

static int item_design(design *q, const stimuli *x, const float *features)
{
    for (size_t i = 0; i < q->n * q->d; i++) q->model[i] = (double)features[i];
    for (size_t i = 0; i < q->n; i++) q->base[i] = (double)strlen(x->text[i]);
    return 0;
}

static int count_rows(design *q, const stimuli *x, size_t rows, double tr, err *e)
{
    if (!(tr > 0)) {
        if (rows != x->n) return err_set(e, ERR_INPUT, "%zu rows of features for %zu items", rows, x->n);
        q->n = x->n;
        return 0;
    }
    if (!x->words) return err_set(e, ERR_INPUT, "the stimuli have no timed words, which a simulated time series needs");
    if (rows != x->words) return err_set(e, ERR_INPUT, "%zu rows of features for %zu words", rows, x->words);
    for (size_t i = 0; i < x->words; i++)
        if (!isfinite(x->word_onset[i])) return err_set(e, ERR_INPUT, "word %zu has no onset", i);
    double end = x->word_offset[x->words - 1];
    if (!(end / tr < 1e6)) return err_set(e, ERR_INPUT, "the words end at %g s: too long for a tr of %g s", end, tr);
    q->n = (size_t)ceil(end / tr) + 2; /* the response to the last words still comes */
    return 0;
}

int design_make(design *q, const stimuli *x, const float *features, size_t rows, size_t d, double tr, arena *a, err *e)
{
    q->d = d;
    q->tr = tr;
    if (count_rows(q, x, rows, tr, e)) return -1;
    if (q->n < 8) return err_set(e, ERR_INPUT, "%zu rows are too few to simulate", q->n);
    q->model = arena_get(a, q->n * d * sizeof *q->model, e);
    q->base = arena_get(a, q->n * sizeof *q->base, e);
    q->onset = arena_get(a, q->n * sizeof *q->onset, e);
    if (!q->model || !q->base || !q->onset) return -1;
    for (size_t i = 0; i < q->n; i++) q->onset[i] = tr * (double)i;
    if (tr > 0 ? word_design(q, x, features, e) : item_design(q, x, features)) return -1;
    design_standardise(q->base, q->n, 1);
    design_standardise(q->model, q->n, d);
    orthogonalise(q->model, q->base, q->n, d);
    return 0;
}
