/* SPDX-License-Identifier: MIT */
/* The design of a run: responses of its conditions, confounds, drift, constant, in nilearn's order and scale. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/glm.h"

glm_design_rule glm_design_defaults(void)
{
    return (glm_design_rule){ .hrf = HRF_NILEARN_SPM, .parts = 1, .oversampling = 50, .drift = DRIFT_COSINE, .highpass_s = 128, .order = 2 };
}

static size_t each_condition(const glm_design_rule *r)
{
    return r->n_fir ? r->n_fir : r->parts;
}

static int name_column(glm_design *d, size_t column, err *e, const char *format, const char *text, long number)
{
    char name[512];
    if (str_same(format, "delay")) snprintf(name, sizeof name, "%.400s_delay_%ld", text, number);
    else if (str_same(format, "number")) snprintf(name, sizeof name, "%s%ld", text, number);
    else snprintf(name, sizeof name, "%.400s%s", text, format);
    return (d->names[column] = arena_text(d->memory, name, strlen(name), e)) ? 0 : -1;
}

/* ---- conditions ---- */

static int condition_columns(glm_design *d, const glm_design_rule *r, const events *v, size_t condition, int32_t run, const double *frame, err *e)
{
    static const char *const parts[] = { "", "_derivative", "_dispersion" };
    size_t m = 0, width = each_condition(r), first = condition * width;
    double *onset = mem_new(v->n, sizeof *onset, e), *duration = mem_new(v->n, sizeof *duration, e), *amplitude = mem_new(v->n, sizeof *amplitude, e);
    double *out = mem_new(d->n * width, sizeof *out, e);
    int status = -1;
    if (!onset || !duration || !amplitude || !out) goto done;
    for (size_t i = 0; i < v->n; i++) {
        if (v->run[i] != run || (size_t)v->condition[i] != condition) continue;
        onset[m] = v->onset[i];
        duration[m] = v->duration[i];
        amplitude[m++] = v->amplitude[i];
    }
    d->column[condition] = first;
    d->absent[condition] = m == 0;
    if (m && hrf_events(out, onset, duration, amplitude, m, frame, d->n, r->oversampling, r->hrf, r->parts, r->fir, r->n_fir, e)) goto done;
    for (size_t k = 0; k < width; k++) {
        if (name_column(d, first + k, e, r->n_fir ? "delay" : parts[k], v->conditions[condition], r->n_fir ? r->fir[k] : 0)) goto done;
        for (size_t i = 0; i < d->n; i++) d->x[i * d->p + first + k] = out[i * width + k];
    }
    status = 0;
done:
    free(onset);
    free(duration);
    free(amplitude);
    free(out);
    return status;
}

/* ---- drift ---- */

static double spacing(const double *frame, size_t n)
{
    return (frame[n - 1] - frame[0]) / (double)(n - 1);
}

static size_t drift_columns(const glm_design_rule *r, const double *frame, size_t n)
{
    double most = (double)n - 1;
    if (r->drift == DRIFT_NONE) return 0;
    if (r->drift == DRIFT_POLYNOMIAL) return r->order;
    return (size_t)fmin(most, floor(2 * (double)n * spacing(frame, n) / r->highpass_s + 1e-9));
}

static void cosines(glm_design *d, size_t first, size_t count)
{
    double n = (double)d->n, scale = sqrt(2 / n);
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < d->n; i++) d->x[i * d->p + first + k] = scale * cos(M_PI * ((double)i + .5) * (double)(k + 1) / n);
}

/* Powers of the time from 0 to 1, each freed of those before it. */
static void polynomials(glm_design *d, size_t first, size_t count, const double *frame)
{
    double most = frame[d->n - 1];
    for (size_t k = 0; k < count; k++) {
        size_t at = first + k;
        for (size_t i = 0; i < d->n; i++) d->x[i * d->p + at] = pow(frame[i] / most, (double)(k + 1));
        for (int pass = 0; pass < 2; pass++)
            for (size_t j = 0; j <= k; j++) { /* j = k: the constant */
                size_t other = first + j;
                double product = 0, square = 0;
                for (size_t i = 0; i < d->n; i++) {
                    double x = j == k ? 1 : d->x[i * d->p + other];
                    product += d->x[i * d->p + at] * x;
                    square += x * x;
                }
                for (size_t i = 0; i < d->n; i++) d->x[i * d->p + at] -= product / square * (j == k ? 1 : d->x[i * d->p + other]);
            }
    }
}

/* ---- all of it ---- */

static int check_frames(const glm_design_rule *r, const double *frame, size_t n, err *e)
{
    if (n < 4) return err_set(e, ERR_INPUT, "a run of %zu volumes", n);
    double step = spacing(frame, n);
    for (size_t i = 1; i < n; i++)
        if (!(fabs(frame[i] - frame[i - 1] - step) <= 1e-3 * step)) return err_set(e, ERR_INPUT, "volumes are not evenly spaced: %g s after %g s", frame[i], frame[i - 1]);
    if (r->drift == DRIFT_COSINE && !(r->highpass_s > 2 * step)) return err_set(e, ERR_USAGE, "a high-pass of %g s needs more than 2 volumes of %g s", r->highpass_s, step);
    return 0;
}

int glm_design_make(glm_design **out, const glm_design_rule *r, const events *v, int32_t run, const double *frame, size_t n, const double *confounds,
                size_t k, const char *const *names, err *e)
{
    glm_design *d = NULL;
    int status = -1;
    *out = NULL;
    if (check_frames(r, frame, n, e)) goto done;
    size_t conditions = v->n_conditions * each_condition(r), drifts = drift_columns(r, frame, n), p = conditions + k + drifts + 1;
    if (p >= n) {
        err_set(e, ERR_INPUT, "a design of %zu columns (%zu of conditions, %zu confounds, %zu of drift) for %zu volumes", p, conditions, k, drifts, n);
        goto done;
    }
    if (!(d = mem_new(1, sizeof *d, e)) || !(d->memory = arena_new(e))) goto done;
    d->n = n;
    d->p = p;
    d->x = arena_get(d->memory, n * p * sizeof *d->x, e);
    d->names = arena_get(d->memory, p * sizeof *d->names, e);
    d->column = arena_get(d->memory, (v->n_conditions + 1) * sizeof *d->column, e);
    d->absent = arena_get(d->memory, v->n_conditions + 1, e);
    if (!d->x || !d->names || !d->column || !d->absent) goto done;
    for (size_t c = 0; c < v->n_conditions; c++)
        if (condition_columns(d, r, v, c, run, frame, e)) goto done;
    for (size_t c = 0; c < k; c++) {
        if (names ? name_column(d, conditions + c, e, "", names[c], 0) : name_column(d, conditions + c, e, "number", "c", (long)c)) goto done;
        for (size_t i = 0; i < n; i++) d->x[i * p + conditions + c] = confounds[i * k + c];
    }
    if (r->drift == DRIFT_COSINE) cosines(d, conditions + k, drifts);
    if (r->drift == DRIFT_POLYNOMIAL) polynomials(d, conditions + k, drifts, frame);
    for (size_t c = 0; c < drifts; c++)
        if (name_column(d, conditions + k + c, e, "number", "drift_", (long)c + 1)) goto done;
    for (size_t i = 0; i < n; i++) d->x[i * p + p - 1] = 1;
    if (name_column(d, p - 1, e, "", "constant", 0)) goto done;
    *out = d;
    d = NULL;
    status = 0;
done:
    if (status) err_while(e, "making the design of run %d", run);
    glm_design_free(d);
    return status;
}

void glm_design_free(glm_design *d)
{
    if (!d) return;
    arena_free(d->memory);
    free(d);
}
