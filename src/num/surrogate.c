/* SPDX-License-Identifier: MIT */
/* Phase-randomised surrogates (Theiler et al. 1992; METHODS 5.9). Phases that are the same for all columns are a circular
 * convolution that is the same for all columns: the amplitude of every frequency, the mean, the variance and what columns have in
 * common stay. (A rotation is the special case of phases that rise with the frequency.) */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

int phase_kernel(double *h, size_t n, const double *phase, err *e)
{
    double *cosine = mem_new(n + 1, sizeof *cosine, e), *sine = mem_new(n + 1, sizeof *sine, e);
    int status = cosine && sine ? 0 : -1;
    for (size_t i = 0; i < n && !status; i++) {
        cosine[i] = cos(2 * pi * (double)i / (double)n);
        sine[i] = sin(2 * pi * (double)i / (double)n);
    }
    for (size_t i = 0; i < n && !status; i++) {
        double sum = 1; /* frequency 0 */
        for (size_t k = 1; 2 * k < n; k++) {
            size_t at = k * i % n;
            sum += 2 * (cosine[at] * cos(phase[k]) - sine[at] * sin(phase[k]));
        }
        if (n % 2 == 0) sum += i % 2 ? -1 : 1; /* the highest one */
        h[i] = sum / (double)n;
    }
    free(cosine);
    free(sine);
    return status;
}

/* The rows of one run, y [n×v] -> out: the circulant matrix of the kernel times y. */
static int convolve(double *out, const double *y, size_t n, size_t v, const double *h, err *e)
{
    double *c = mem_new(n * n, sizeof *c, e);
    if (!c) return -1;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) c[i * n + k] = h[(i + n - k) % n];
    gemm_f8(false, false, n, v, n, 1, c, n, y, v, 0, out, v);
    free(c);
    return 0;
}

int phase_convolve(double *out, const double *y, size_t n, size_t v, const double *phase, err *e)
{
    double *h = mem_new(n + 1, sizeof *h, e);
    int status = h && !phase_kernel(h, n, phase, e) ? convolve(out, y, n, v, h, e) : -1;
    free(h);
    return status;
}

static int surrogate_run(double *out, const double *y, size_t v, const size_t *row, size_t length, const double *phase, err *e)
{
    double *in = mem_new(length * v + 1, sizeof *in, e), *made = mem_new(length * v + 1, sizeof *made, e);
    int status = -1;
    if (!in || !made) goto done;
    for (size_t k = 0; k < length; k++) memcpy(in + k * v, y + row[k] * v, v * sizeof *in);
    if (phase_convolve(made, in, length, v, phase, e)) goto done;
    for (size_t k = 0; k < length; k++) memcpy(out + row[k] * v, made + k * v, v * sizeof *in);
    status = 0;
done:
    free(in);
    free(made);
    return status;
}

int phase_surrogate(double *out, const double *y, size_t n, size_t v, const int32_t *run, uint64_t seed, uint32_t number, err *e)
{
    uint8_t *seen = mem_new(n + 1, 1, e);
    size_t *row = mem_new(n + 1, sizeof *row, e), runs = 0;
    double *phase = mem_new(n + 1, sizeof *phase, e);
    int status = seen && row && phase ? 0 : -1;
    for (size_t i = 0; i < n && !status; i++) {
        size_t length = 0;
        if (seen[i]) continue;
        for (size_t k = i; k < n; k++)
            if (!run || run[k] == run[i]) {
                seen[k] = 1;
                row[length++] = k;
            }
        for (size_t k = 0; k <= length / 2; k++) phase[k] = 2 * pi * rng_uniform(seed, RNG_PHASES, number, (uint32_t)runs, (uint32_t)k);
        status = surrogate_run(out, y, v, row, length, phase, e);
        runs++;
    }
    free(seen);
    free(row);
    free(phase);
    return status;
}
