/* SPDX-License-Identifier: MIT */
/* The product of kind `ceiling`. */
#include <math.h>
#include <stdlib.h>

#include "data.h"

static int put_rois(store *s, const ceiling *c, const char *target, err *e)
{
    int status = -1;
    size_t n = c->n, grid[2] = { c->subjects, c->n };
    double *square = mem_new(n, sizeof *square, e);
    const char **who = mem_new(n, sizeof *who, e);
    if (!square || !who) goto done;
    for (size_t g = 0; g < n; g++) {
        square[g] = c->value[g] * c->value[g];
        who[g] = target;
    }
    if (store_write_text(s, "/neuroid/subject", who, n, e) ||
        store_write_text(s, "/neuroid/roi", (const char *const *)c->roi, n, e) ||
        store_write_f8(s, "/ceiling", 1, &n, c->value, e) || store_write_f8(s, "/ceiling_r2", 1, &n, square, e) ||
        store_write_f8(s, "/interval/lo", 1, &n, c->lo, e) || store_write_f8(s, "/interval/hi", 1, &n, c->hi, e) ||
        store_write_f8(s, "/mean_r", 1, &n, c->mean_r, e) || store_write_f8(s, "/mean_r_lo", 1, &n, c->mean_r_lo, e) ||
        store_write_f8(s, "/mean_r_hi", 1, &n, c->mean_r_hi, e) ||
        store_write_i4(s, "/n_subjects", 1, &n, c->n_subjects, e))
        goto done;
    if (store_write_text(s, "/loo/subject", (const char *const *)c->subject, c->subjects, e) ||
        store_write_f8(s, "/loo/r", 2, grid, c->loo, e) ||
        store_write_f8(s, "/loo/corrected", 2, grid, c->corrected, e))
        goto done;
    status = 0;
done:
    free(square);
    free(who);
    return status;
}

static const char *method_name(ceiling_method m)
{
    return m == CEILING_ISC ? "isc" : m == CEILING_SPLITHALF ? "splithalf" : m == CEILING_SNR ? "snr" : "extrapolate";
}

static int put_curve(store *s, const extrapolation *x, const ceiling *c, const ceiling_options *o, err *e)
{
    size_t v = x->v, K = x->K, one = 1, grid[2] = { K, v };
    if (store_write_text(s, "/fit/subject", x->subject, v, e) || store_write_text(s, "/fit/roi", x->roi, v, e) ||
        store_write_f8(s, "/fit/v0", 1, &v, x->v0, e) || store_write_f8(s, "/fit/tau", 1, &v, x->tau, e) ||
        store_write_i4(s, "/fit/at_bound", 1, &v, x->at_bound, e) || store_write_i4(s, "/curve/subjects", 1, &K, x->subjects, e) ||
        store_write_f8(s, "/curve/value", 2, grid, x->curve, e) || store_write_f8(s, "/fit/median", 1, &one, &c->median, e))
        return -1;
    if (o->paper && (store_write_f8(s, "/fit/lo", 1, &v, x->lo, e) || store_write_f8(s, "/fit/hi", 1, &v, x->hi, e))) return -1;
    return store_set_int(s, "/curve", "subsets", (int64_t)x->subsets, e) ||
                   store_set_text(s, "/", "mode", !o->paper ? "strict" : o->paper == PAPER_BRAINSCORE ? "replicate:brainscore" : "replicate:schrimpf2021", e)
               ? -1 : 0;
}

int ceiling_put(store *s, const ceiling *c, const ceiling_options *o, err *e)
{
    const char *target = o->group ? "group" : "single";
    size_t one = 1;
    if (put_rois(s, c, target, e) || (c->curve && put_curve(s, c->curve, c, o, e))) return -1;
    if (store_write_f8(s, "/average/ceiling", 1, &one, &c->average, e) ||
        store_write_f8(s, "/average/lo", 1, &one, &c->average_lo, e) ||
        store_write_f8(s, "/average/hi", 1, &one, &c->average_hi, e) ||
        store_set_int(s, "/average", "n", (int64_t)c->n_average, e))
        return -1;
    if (store_set_text(s, "/", "target", target, e) || store_set_text(s, "/", "metric", "r", e) ||
        store_set_text(s, "/", "method", method_name(o->method), e) ||
        store_set_text(s, "/", "folds", c->folds_text, e) ||
        store_set_text(s, "/", "confounds", o->confounds ? o->confounds : "", e) ||
        store_set_text(s, "/", "highpass_scope", o->highpass_s > 0 ? o->scope_run ? "run" : "fold" : "none", e) ||
        store_set_text(
            s, "/interval", "kind",
            o->method == CEILING_ISC && o->draws > 0 ? "percentile bootstrap over subjects and folds"
            : o->method == CEILING_EXTRAPOLATE && o->draws > 0 && !o->paper ? "percentile bootstrap over subjects" : "none", e))
        return -1;
    if (o->noise && store_set_text(s, "/", "noise", "published", e)) return -1;
    return store_set_real(s, "/", "highpass", o->highpass_s, e) ||
                   store_set_int(s, "/", "drop_start", (int64_t)o->drop_start, e) ||
                   store_set_int(s, "/", "subjects", (int64_t)c->subjects, e) ||
                   store_set_int(s, "/", "n_undefined", (int64_t)c->n_undefined, e) ||
                   store_set_int(s, "/", "n_nan", (int64_t)c->n_nan, e) ||
                   store_set_int(s, "/", "n_excluded", (int64_t)c->n_excluded, e)
               ? -1
               : 0;
}
