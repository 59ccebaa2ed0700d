/* SPDX-License-Identifier: MIT */
#include "alice.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broca/activations.h"
#include "broca/responses.h"

enum { DROPPED = 10, DELAYS = 4 };
static const long delays[DELAYS] = { 1, 2, 3, 4 };

static int delayed(double **out, const responses *r, const float *f, const activations *a, size_t d, err *e)
{
    double *x = mem_new(r->n * d + 1, sizeof *x, e), *count = mem_new(r->n + 1, sizeof *count, e), *all = NULL;
    size_t kept = r->n - DROPPED, wide = d * DELAYS;
    int status = -1;
    if (!x || !count || downsample_sum(x, count, f, a->word_onset, NULL, a->words, d, r->onset, r->run, r->n, r->tr, e)) goto done;
    if (delay_columns(&all, x, r->n, d, r->run, delays, DELAYS, e) || !(*out = mem_new(kept * wide + 1, sizeof **out, e))) goto done;
    memcpy(*out, all + DROPPED * wide, kept * wide * sizeof **out);
    status = 0;
done:
    free(x);
    free(count);
    free(all);
    return status;
}

/* Word rate with its delays, and sound power as published. */
static int read_baseline(path_design *d, const responses *r, const activations *words, const char *folder, err *e)
{
    char file[1024];
    activations *a = NULL;
    float *power = NULL, *ones = mem_new(words->words + 1, sizeof *ones, e);
    double *rate = NULL;
    size_t width = 0;
    int status = -1;
    snprintf(file, sizeof file, "%s/predictors.h5", folder);
    for (size_t i = 0; ones && i < words->words; i++) ones[i] = 1;
    if (!ones || activations_open(&a, file, e) || activations_tap(a, "sndpwr", &power, &width, e) || delayed(&rate, r, ones, words, 1, e)) goto done;
    d->base_p = DELAYS + 1;
    if (!(d->base = mem_new(d->n * d->base_p + 1, sizeof *d->base, e))) goto done;
    for (size_t i = 0; i < d->n; i++) {
        memcpy(d->base + i * d->base_p, rate + i * DELAYS, DELAYS * sizeof *rate);
        d->base[i * d->base_p + DELAYS] = (double)power[i + DROPPED];
    }
    status = 0;
done:
    activations_close(a);
    free(power);
    free(ones);
    free(rate);
    return status;
}

static int read_features(path_design *d, const responses *r, const char *folder, const char *const *taps, size_t n_taps, err *e)
{
    char file[1024];
    activations *a = NULL;
    int status = -1;
    snprintf(file, sizeof file, "%s/trained.h5", folder);
    if (activations_open(&a, file, e)) return -1;
    for (size_t k = 0; k < n_taps; k++) {
        float *rows = NULL;
        size_t width = 0;
        if (activations_tap(a, taps[k], &rows, &width, e) || delayed(&d->x[k], r, rows, a, width, e)) {
            free(rows);
            goto done;
        }
        d->p[k] = width * DELAYS;
        d->layers++;
        free(rows);
    }
    status = read_baseline(d, r, a, folder, e);
done:
    activations_close(a);
    return status;
}

static int clean(listeners *a, const responses *r, err *e)
{
    size_t n = a->design.n;
    uint8_t *all = mem_new(n + 1, 1, e);
    double *one = mem_new(n * r->v + 1, sizeof *one, e), *z = mem_new(n * 64 + 1, sizeof *z, e);
    int status = all && one && z ? 0 : -1;
    for (size_t i = 0; i < n && !status; i++) all[i] = 1;
    for (size_t s = 0; s < a->subjects && !status; s++) {
        const confound *c = NULL;
        for (size_t k = 0; k < r->n_confounds; k++)
            if (str_same(r->confounds[k].subject, r->subject[s * a->rois])) c = &r->confounds[k];
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < a->rois; j++) one[i * a->rois + j] = (double)r->data[(i + DROPPED) * r->v + s * a->rois + j];
            for (size_t j = 0; c && j < c->k && j < 64; j++) z[i * c->k + j] = c->at[(i + DROPPED) * c->k + j];
        }
        if (c) status = remove_confounds(one, n, a->rois, z, c->k, all, NULL, e);
        for (size_t i = 0; i < n; i++) memcpy(a->y + i * a->v + s * a->rois, one + i * a->rois, a->rois * sizeof *one);
    }
    free(all);
    free(one);
    free(z);
    return status;
}

/* Subjects lie side by side with the same regions in the same order. */
static int count_people(listeners *a, const responses *r, err *e)
{
    while (a->rois < r->v && str_same(r->subject[a->rois], r->subject[0])) a->rois++;
    a->subjects = r->v / a->rois;
    a->v = a->subjects * a->rois;
    for (size_t j = 0; j < r->v; j++)
        if (!str_same(r->roi[j], r->roi[j % a->rois])) return err_set(e, ERR_INPUT, "neuroid %zu is of another region", j);
    return 0;
}

int listeners_read(listeners *a, const char *folder, const char *const *taps, size_t n_taps, err *e)
{
    char file[1024];
    responses *r = NULL;
    path_design *d = &a->design;
    int status = -1;
    *a = (listeners){ 0 };
    snprintf(file, sizeof file, "%s/responses.h5", folder);
    if (responses_read(&r, file, e) || count_people(a, r, e)) goto done;
    d->n = r->n - DROPPED;
    d->tr = r->tr;
    d->run = mem_copy(r->run + DROPPED, d->n * sizeof *d->run, e);
    d->onset = mem_copy(r->onset + DROPPED, d->n * sizeof *d->onset, e);
    a->y = mem_new(d->n * a->v + 1, sizeof *a->y, e);
    if (!d->run || !d->onset || !a->y || clean(a, r, e) || read_features(d, r, folder, taps, n_taps, e)) goto done;
    status = 0;
done:
    responses_free(r);
    return status;
}

void listeners_free(listeners *a)
{
    for (size_t k = 0; k < a->design.layers; k++) free(a->design.x[k]);
    free(a->design.base);
    free(a->design.run);
    free(a->design.onset);
    free(a->y);
}
