/* SPDX-License-Identifier: MIT */
/* Haemodynamic responses (METHODS 3.3): differences of two gamma densities, h(t) = g(t; a1, b1) - rho·g(t; a2, b2). Glover 1999
 * (NeuroImage 9, 416); the values of SPM and of nilearn's kernels, whose time axis ends at the length itself (so that its step
 * is not TR/oversampling) and whose densities are shifted by one bin of microtime. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"

static const double length_s = 32;

hrf_shape hrf_shape_of(hrf_kind kind)
{
    switch (kind) {
    case HRF_GLOVER:
    case HRF_NILEARN_GLOVER: return (hrf_shape){ 6, 12, 0.9, 0.9, 0.48 };
    case HRF_VMT: return (hrf_shape){ 6, 16, 1, 1, 0.1 };
    case HRF_NILEARN_SPM: return (hrf_shape){ 6, 16, 1, 1, 0.167 };
    default: return (hrf_shape){ 6, 16, 1, 1, 1.0 / 6 };
    }
}

int hrf_parse(hrf_kind *kind, size_t *parts, const char *text, err *e)
{
    static const char *const names[] = { "spm", "glover", "vmt", "nilearn-spm", "nilearn-glover", NULL };
    char head[64];
    const char *plus = strchr(text, '+');
    size_t n = plus ? (size_t)(plus - text) : strlen(text);
    *parts = !plus ? 1 : str_same(plus, "+derivative") ? 2 : str_same(plus, "+derivative+dispersion") ? 3 : 0;
    snprintf(head, sizeof head, "%.*s", (int)(n < 60 ? n : 60), text);
    for (size_t i = 0; names[i]; i++)
        if (str_same(names[i], head) && *parts) {
            *kind = (hrf_kind)i;
            return 0;
        }
    err_set(e, ERR_USAGE, "no haemodynamic response is called '%s'", text);
    const char *nearest = str_nearest(head, names);
    return nearest ? err_hint(e, "did you mean '%s' (and +derivative, +derivative+dispersion)?", nearest) : -1;
}

double hrf_at(hrf_shape s, double t)
{
    if (t < 0) return 0;
    return gamma_density(t, s.delay / s.dispersion, s.dispersion) -
           s.ratio * gamma_density(t, s.undershoot / s.u_dispersion, s.u_dispersion);
}

double hrf_integral(hrf_shape s, double t)
{
    if (t <= 0) return 0;
    return gamma_distribution(t, s.delay / s.dispersion, s.dispersion) -
           s.ratio * gamma_distribution(t, s.undershoot / s.u_dispersion, s.u_dispersion);
}

/* Values at first + i·step, of sum 1. */
static void sampled(double *h, size_t n, hrf_shape s, double first, double step)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += h[i] = hrf_at(s, first + step * (double)i);
    for (size_t i = 0; i < n; i++) h[i] /= sum;
}

int hrf_kernel(double **out, size_t *count, hrf_kind kind, hrf_part part, double tr, size_t oversampling, err *e)
{
    double bin = tr / (double)oversampling, step = bin, shift = 0, delta = part == HRF_DERIVATIVE ? 0.1 : 0.01;
    bool nilearn = kind == HRF_NILEARN_SPM || kind == HRF_NILEARN_GLOVER;
    hrf_shape s = hrf_shape_of(kind), other = s;
    if (!(tr > 0) || !oversampling || bin > length_s / 2) return err_set(e, ERR_INPUT, "a haemodynamic response cannot be sampled every %g s", bin);
    *count = nilearn ? (size_t)rint(length_s / bin) : (size_t)floor(length_s / bin + 1e-9) + 1;
    if (kind == HRF_VMT) *count = (size_t)ceil(length_s / bin - 1e-9); /* its end is left out */
    if (nilearn) {
        step = length_s / (double)(*count - 1);
        shift = bin;
    }
    double *h = mem_new(*count, sizeof *h, e), *moved = mem_new(*count, sizeof *moved, e);
    if (!h || !moved) {
        free(h);
        free(moved);
        return -1;
    }
    /* nilearn's dispersion derivative of the Glover kernel leaves the undershoot's dispersion at its default, 1, on both sides */
    if (part == HRF_DISPERSION && kind == HRF_NILEARN_GLOVER) s.u_dispersion = other.u_dispersion = 1;
    sampled(h, *count, s, -shift, step);
    if (part != HRF_CANONICAL) { /* finite differences, as the field's packages have them */
        if (part == HRF_DISPERSION) other.dispersion += delta;
        sampled(moved, *count, other, -shift - (part == HRF_DERIVATIVE ? delta : 0), step);
        for (size_t i = 0; i < *count; i++) h[i] = (h[i] - moved[i]) / delta;
    }
    free(moved);
    *out = h;
    return 0;
}

/* ---- words to samples ---- */

/* Impulses of one run's words on the grid of bins from the run's first sample on. */
static void place_words(double *grid, size_t bins, const float *f, const double *onset, const int32_t *word_run, size_t m, size_t d,
                        size_t column, int32_t run, double start, double bin)
{
    memset(grid, 0, bins * sizeof *grid);
    for (size_t k = 0; k < m; k++) {
        double at = floor((onset[k] - start) / bin + 1e-9);
        if ((word_run && word_run[k] != run) || at < 0 || at >= (double)bins) continue;
        grid[(size_t)at] += (double)f[k * d + column];
    }
}

int hrf_words(double *out, const float *f, const double *onset, const int32_t *word_run, size_t m, size_t d, const double *sample,
              const int32_t *run, size_t n, double tr, hrf_kind kind, size_t parts, err *e)
{
    size_t fine = kind == HRF_VMT ? 1 : kind >= HRF_NILEARN_SPM ? 50 : 16, length = 0, bins = 0;
    double *kernel[3] = { NULL }, *grid = NULL, bin = tr / (double)fine, last = 0;
    int status = -1;
    for (size_t k = 0; k < parts; k++)
        if (hrf_kernel(&kernel[k], &length, kind, (hrf_part)k, tr, fine, e)) goto done;
    for (size_t i = 0; i < n; i++) { /* the longest run */
        for (size_t j = 0; j < n; j++)
            if (run[j] == run[i]) last = fmax(last, sample[j] - sample[i]);
        if (i && run[i] == run[i - 1]) continue;
    }
    bins = (size_t)ceil((last + tr) / bin) + 1;
    if (!(grid = mem_new(bins, sizeof *grid, e))) goto done;
    for (size_t i = 0; i < n; i++) {
        bool first = true;
        double start = sample[i];
        for (size_t j = 0; j < i && first; j++) first = run[j] != run[i];
        if (!first) continue;
        for (size_t j = i; j < n; j++)
            if (run[j] == run[i]) start = fmin(start, sample[j]);
        for (size_t c = 0; c < d; c++) {
            place_words(grid, bins, f, onset, word_run, m, d, c, run[i], start, bin);
            for (size_t j = i; j < n; j++) {
                if (run[j] != run[i]) continue;
                size_t at = (size_t)floor((sample[j] - start) / bin + 1e-6);
                for (size_t k = 0; k < parts; k++) {
                    double sum = 0;
                    for (size_t t = 0; t <= at && t < length; t++) sum += kernel[k][t] * grid[at - t];
                    out[j * d * parts + k * d + c] = sum;
                }
            }
        }
    }
    status = 0;
done:
    for (size_t k = 0; k < 3; k++) free(kernel[k]);
    free(grid);
    return status;
}

/* ---- events to regressors ---- */

/* First bin at or after t. */
static size_t bin_of(const double *grid, size_t n, double t)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (grid[middle] < t) low = middle + 1;
        else high = middle;
    }
    return low < n ? low : n - 1;
}

static double interpolate(const double *x, const double *y, size_t n, double at)
{
    size_t k = bin_of(x, n, at);
    if (k == 0) return y[0];
    return y[k - 1] + (y[k] - y[k - 1]) * (at - x[k - 1]) / (x[k] - x[k - 1]);
}

static void convolve_at(double *out, size_t stride, const double *grid, const double *events, size_t bins, size_t late, const double *kernel, size_t length,
                        const double *frame, size_t n, double *space)
{
    for (size_t i = 0; i < bins; i++) {
        double sum = 0;
        for (size_t t = 0; t <= i && t < length; t++) sum += kernel[t] * events[i - t];
        space[i] = sum;
    }
    for (size_t i = 0; i < n; i++) out[i * stride] = interpolate(grid, space + late, bins - late, frame[i]);
}

/* Column k loses what the columns before it explain (in place, modified Gram-Schmidt would differ: least squares by SVD). */
static int orthogonalise(double *x, size_t n, size_t columns, err *e)
{
    for (size_t k = 1; k < columns; k++) {
        double alpha = 0, w[8], b, *before = mem_new(n * k, sizeof *before, e), *y = mem_new(n, sizeof *y, e);
        int bad = !before || !y;
        for (size_t i = 0; i < n && !bad; i++) {
            memcpy(before + i * k, x + i * columns, k * sizeof *x);
            y[i] = x[i * columns + k];
        }
        bad = bad || ridge_fit(before, n, k, y, 1, &alpha, false, w, &b, e);
        for (size_t i = 0; i < n && !bad; i++)
            for (size_t j = 0; j < k; j++) x[i * columns + k] -= before[i * k + j] * w[j];
        free(before);
        free(y);
        if (bad) return -1;
    }
    return 0;
}

int hrf_events(double *out, const double *onset, const double *duration, const double *amplitude, size_t m, const double *frame, size_t n,
               size_t oversampling, hrf_kind kind, size_t parts, const long *fir, size_t n_fir, err *e)
{
    static const double before_s = -24;
    int status = -1;
    size_t columns = n_fir ? n_fir : parts;
    double first = frame[0], last = frame[n - 1], end, *grid = NULL, *events = NULL, *space = NULL;
    if (n < 3 || columns == 0 || columns > 8) return err_set(e, ERR_INPUT, "%zu frames, %zu columns", n, columns);
    end = last * (1 + 1 / (double)(n - 1));
    double tr = (last - first) / (double)(n - 1);
    size_t bins = (size_t)rint((double)(n - 1) / (last - first) * (end - first - before_s) * (double)oversampling + 1);
    grid = mem_new(bins, sizeof *grid, e);
    events = mem_new(bins + 1, sizeof *events, e);
    space = mem_new(bins, sizeof *space, e);
    if (!grid || !events || !space) goto done;
    for (size_t i = 0; i < bins; i++) grid[i] = first + before_s + (end - first - before_s) * (double)i / (double)(bins - 1);
    for (size_t j = 0; j < m; j++) {
        size_t on = bin_of(grid, bins, onset[j]), off = bin_of(grid, bins, onset[j] + duration[j]);
        if (off == on && on < bins - 1) off++; /* an event fills a bin at least */
        for (size_t i = on; i < off; i++) events[i] += amplitude[j];
    }
    for (size_t k = 0; k < columns; k++) {
        double *kernel = NULL;
        size_t length = 0;
        if (n_fir) {
            length = ((size_t)fir[k] + 1) * oversampling;
            if (!(kernel = mem_new(length, sizeof *kernel, e))) goto done;
            for (size_t i = (size_t)fir[k] * oversampling; i < length; i++) kernel[i] = 1 / (double)oversampling;
        } else if (hrf_kernel(&kernel, &length, kind, (hrf_part)k, tr, oversampling, e)) goto done;
        size_t late = n_fir ? oversampling - 1 : 0; /* a delay's mean over the frame that begins at a bin */
        convolve_at(out + k, columns, grid, events, bins, late, kernel, length, frame, n, space);
        free(kernel);
    }
    status = n_fir ? 0 : orthogonalise(out, n, columns, e);
done:
    free(grid);
    free(events);
    free(space);
    return status;
}
