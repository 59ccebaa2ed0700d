/* SPDX-License-Identifier: MIT */
/* Words to TRs (METHODS 3.1). */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int check_times(const double *onset, size_t m, const double *sample, size_t n, err *e)
{
    for (size_t k = 0; k < m; k++)
        if (!isfinite(onset[k])) {
            err_set(e, ERR_INPUT, "word %zu has no onset", k);
            return err_hint(e, "features of time series need a time for each word");
        }
    for (size_t i = 0; i < n; i++)
        if (!isfinite(sample[i])) return err_set(e, ERR_INPUT, "presentation %zu has no onset", i);
    return 0;
}

static bool same_run(const int32_t *word_run, size_t k, const int32_t *run, size_t i)
{
    return !word_run || !run || word_run[k] == run[i];
}

int downsample_sum(double *out, double *count, const float *f, const double *onset, const int32_t *word_run, size_t m,
                   size_t d, const double *sample, const int32_t *run, size_t n, double tr, err *e)
{
    if (!(tr > 0)) return err_set(e, ERR_INPUT, "the repetition time is %g s, expected > 0", tr);
    if (check_times(onset, m, sample, n, e)) return -1;
    memset(out, 0, n * d * sizeof *out);
    if (count) memset(count, 0, n * sizeof *count);
    for (size_t k = 0; k < m; k++)
        for (size_t i = 0; i < n; i++) {
            if (onset[k] < sample[i] || onset[k] >= sample[i] + tr || !same_run(word_run, k, run, i)) continue;
            for (size_t j = 0; j < d; j++) out[i * d + j] += (double)f[k * d + j];
            if (count) count[i] += 1;
        }
    return 0;
}

/* Three-lobe (a = 3) windowed sinc, not normalised. */
static double lanczos(double t, double a)
{
    double x = fabs(t);
    if (x < 1e-20) return 1;
    if (x > a) return 0;
    return a * sin(M_PI * x) * sin(M_PI * x / a) / (M_PI * M_PI * x * x);
}

/* cutoff_mult / mean spacing of the samples of row i's run; 0 if the run has one sample. */
static double run_cutoff(const double *sample, const int32_t *run, size_t n, size_t i, double cutoff_mult)
{
    size_t m = 0;
    double first = 0, last = 0;
    for (size_t j = 0; j < n; j++) {
        if (run && run[j] != run[i]) continue;
        if (m++ == 0) first = sample[j];
        last = sample[j];
    }
    return m > 1 ? cutoff_mult * (double)(m - 1) / (last - first) : 0;
}

int downsample_lanczos(double *out, const float *f, const double *onset, const int32_t *word_run, size_t m, size_t d,
                       const double *sample, const int32_t *run, size_t n, double tr, double a, double cutoff_mult, err *e)
{
    double cutoff = 0;
    if (!(tr > 0) || !(a > 0)) return err_set(e, ERR_INPUT, "Lanczos needs a TR and a window > 0, not %g and %g", tr, a);
    if (check_times(onset, m, sample, n, e)) return -1;
    memset(out, 0, n * d * sizeof *out);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || (run && run[i] != run[i - 1])) cutoff = run_cutoff(sample, run, n, i, cutoff_mult);
        if (!(cutoff > 0) || !isfinite(cutoff))
            return err_set(e, ERR_INPUT, "presentation %zu: Lanczos needs at least 2 samples a run, in order of time", i);
        for (size_t k = 0; k < m; k++) {
            double w = same_run(word_run, k, run, i) ? lanczos((sample[i] + tr / 2 - onset[k]) * cutoff, a) : 0;
            if (w == 0) continue;
            for (size_t j = 0; j < d; j++) out[i * d + j] += w * (double)f[k * d + j];
        }
    }
    return 0;
}
