/* SPDX-License-Identifier: MIT */
/* Options, the estimate as a whole, and the product. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data.h"

ceiling_options ceiling_defaults(void)
{
    return (ceiling_options){ .method = CEILING_ISC, .draws = 2000, .splits = 100, .subsets = 200, .seed = 1 };
}

int ceiling_highpass(ceiling_options *o, const char *text, err *e)
{
    char number[32] = { 0 };
    const char *comma = strchr(text, ',');
    size_t length = comma ? (size_t)(comma - text) : strlen(text);
    o->scope_run = comma && str_same(comma, ",scope=run");
    if (length < sizeof number) memcpy(number, text, length);
    if ((comma && !o->scope_run && !str_same(comma, ",scope=fold")) || parse_double(number, &o->highpass_s) ||
        !(o->highpass_s > 0) || !isfinite(o->highpass_s)) {
        err_set(e, ERR_USAGE, "--highpass is seconds, or seconds,scope=fold|run, not '%s'", text);
        return err_hint(e, "--highpass 128");
    }
    return 0;
}

int ceiling_groups(responses *r, const stimuli *x, err *e)
{
    if (r->group || !x->group) return 0;
    char **group = arena_get(r->memory, r->n * sizeof *group, e);
    if (!group) return -1;
    for (size_t i = 0; i < r->n; i++) {
        size_t at = r->id[i] ? stimuli_find(x, r->id[i]) : SIZE_MAX;
        if (at == SIZE_MAX) {
            err_set(e, ERR_INPUT, "presentation %zu (%s) is not among the stimuli", i + 1,
                    r->id[i] ? r->id[i] : "without id");
            return err_hint(e, "give the stimuli of these responses, or leave --stimuli out");
        }
        group[i] = arena_text(r->memory, x->group[at], strlen(x->group[at]), e);
        if (!group[i]) return -1;
    }
    r->group = group;
    return 0;
}

static double *missing(size_t n, err *e)
{
    double *x = mem_new(n, sizeof *x, e);
    for (size_t i = 0; x && i < n; i++)
        x[i] = NAN;
    return x;
}

static int make_room(ceiling *c, const ceiling_data *d, bool add_mean, err *e)
{
    c->memory = arena_new(e);
    c->n = d->rois + (add_mean ? 1 : 0);
    c->subjects = d->subjects;
    c->folds = d->folds;
    c->n_excluded = d->n_excluded;
    c->roi = mem_new(c->n, sizeof *c->roi, e);
    c->subject = mem_new(c->subjects, sizeof *c->subject, e);
    c->n_subjects = mem_new(c->n, sizeof *c->n_subjects, e);
    c->mean_r = missing(c->n, e);
    c->mean_r_lo = missing(c->n, e);
    c->mean_r_hi = missing(c->n, e);
    c->value = missing(c->n, e);
    c->lo = missing(c->n, e);
    c->hi = missing(c->n, e);
    c->loo = missing(c->n * c->subjects, e);
    c->corrected = missing(c->n * c->subjects, e);
    c->average = c->average_lo = c->average_hi = c->median = NAN;
    if (!c->memory || !c->roi || !c->subject || !c->n_subjects || !c->mean_r || !c->mean_r_lo || !c->mean_r_hi ||
        !c->value || !c->lo || !c->hi || !c->loo || !c->corrected)
        return -1;
    for (size_t g = 0; g < c->n; g++) {
        const char *name = g < d->rois ? d->roi_name[g] : "mean";
        if (g < d->rois && add_mean && str_same(name, "mean"))
            return err_set(e, ERR_USAGE, "--add-mean: a ROI is called 'mean' already");
        if (!(c->roi[g] = arena_text(c->memory, name, strlen(name), e))) return -1;
    }
    for (size_t s = 0; s < c->subjects; s++)
        if (!(c->subject[s] = arena_text(c->memory, d->subject_name[s], strlen(d->subject_name[s]), e))) return -1;
    c->folds_text = arena_text(c->memory, d->folds_text, strlen(d->folds_text), e);
    return c->folds_text ? 0 : -1;
}

static void finish(ceiling *c, const ceiling_data *d)
{
    double sum = 0;
    for (size_t g = 0; g < c->n; g++) {
        if (isnan(c->value[g])) {
            c->n_undefined++;
            if (c->curve) log_warn("%s: no ceiling: no neuroid's curve has an end below 1", c->roi[g]);
            else log_warn("%s: no ceiling: the agreement between listenings is not above 0 (r̄ %.3f, lower bound %.3f)",
                     c->roi[g], c->mean_r[g], c->mean_r_lo[g]);
        } else if (g < d->rois) {
            sum += c->value[g];
            c->n_average++;
        }
    }
    if (c->n_average > 0) c->average = sum / (double)c->n_average;
    if (c->n_nan > 0) log_warn("%zu correlations of constant series count 0 in the ceiling", c->n_nan);
}

int ceiling_estimate(ceiling **out, const responses *r, const ceiling_options *o, err *e)
{
    int status = -1;
    ceiling_data *d = NULL;
    ceiling *c = mem_new(1, sizeof *c, e);
    *out = NULL;
    if (!c || ceiling_data_new(&d, r, o, e) || make_room(c, d, o->add_mean, e)) goto done;
    if (o->method == CEILING_ISC         ? ceiling_isc(c, d, o, e)
        : o->method == CEILING_SPLITHALF ? ceiling_halves(c, d, o, e)
        : o->method == CEILING_EXTRAPOLATE ? ceiling_extrapolate(c, d, o, e)
        : o->noise                         ? ceiling_published(c, d, o, e)
                                           : ceiling_snr(c, d, o, e))
        goto done;
    finish(c, d);
    *out = c;
    c = NULL;
    status = 0;
done:
    if (status) err_while(e, "estimating the ceiling");
    ceiling_data_free(d);
    ceiling_free(c);
    return status;
}

void ceiling_free(ceiling *c)
{
    if (!c) return;
    extrapolation_free(c->curve);
    arena_free(c->memory);
    free(c->roi);
    free(c->subject);
    free(c->n_subjects);
    free(c->mean_r);
    free(c->mean_r_lo);
    free(c->mean_r_hi);
    free(c->value);
    free(c->lo);
    free(c->hi);
    free(c->loo);
    free(c->corrected);
    free(c);
}
