/* SPDX-License-Identifier: MIT */
/* The product of kind `localizer`. */
#include <math.h>
#include <stdlib.h>

#include "broca/localize.h"

static int put_map(store *s, const localizer_tap *t, const char *what, const double *values, err *e)
{
    int status;
    char *name = str_format(e, "/tap/%s/%s", t->name, what);
    if (!name) return -1;
    status = values ? store_write_f8(s, name, 1, &t->d, values, e) : 0;
    free(name);
    return status;
}

static int put_control(store *s, const localizer_tap *t, size_t controls, err *e)
{
    size_t dims[2] = { controls, t->d };
    char *name = t->control ? str_format(e, "/tap/%s/control", t->name) : NULL;
    int status = t->control && (!name || store_write_u1(s, name, 2, dims, t->control, e)) ? -1 : 0;
    free(name);
    return status;
}

static int put_tap(store *s, const localizer_tap *t, size_t controls, err *e)
{
    int status = -1;
    char *group = str_format(e, "/tap/%s", t->name), *selected = str_format(e, "/tap/%s/selected", t->name);
    if (!group || !selected) goto done;
    if (put_map(s, t, "t", t->t, e) || put_map(s, t, "p", t->p, e) || put_map(s, t, "log_p", t->log_p, e) ||
        put_map(s, t, "q", t->q, e) || put_map(s, t, "dof", t->dof, e) || put_map(s, t, "mean_pos", t->mean_pos, e) ||
        put_map(s, t, "mean_neg", t->mean_neg, e) || put_map(s, t, "t_plain", t->t_plain, e) ||
        put_map(s, t, "t_matched", t->t_matched, e) || put_map(s, t, "t_covariate", t->t_covariate, e) ||
        put_map(s, t, "t_activation", t->t_activation, e))
        goto done;
    if (store_write_u1(s, selected, 1, &t->d, t->selected, e) || put_control(s, t, controls, e)) goto done;
    if (store_set_int(s, group, "n_selected", (int64_t)t->n_selected, e)) goto done;
    status = 0;
done:
    free(group);
    free(selected);
    return status;
}

/* Units with t = ±inf: no variance in either condition. */
static int put_kept_out(store *s, const localizer *l, err *e)
{
    int status = -1;
    size_t n = l->n_infinite;
    const char **tap = mem_new(n, sizeof *tap, e);
    int64_t *unit = mem_new(n, sizeof *unit, e);
    double *t = mem_new(n, sizeof *t, e);
    if (!tap || !unit || !t) goto done;
    for (size_t i = 0; i < n; i++) {
        size_t k = 0, u = l->infinite[i];
        while (u >= l->taps[k].d)
            u -= l->taps[k++].d;
        tap[i] = l->taps[k].name;
        unit[i] = (int64_t)u;
        t[i] = l->taps[k].t[u];
    }
    if (n > 0 && (store_write_text(s, "/kept_out/tap", tap, n, e) ||
                  store_write_i8(s, "/kept_out/unit", 1, &n, unit, e) || store_write_f8(s, "/kept_out/t", 1, &n, t, e)))
        goto done;
    status = 0;
done:
    free(tap);
    free(unit);
    free(t);
    return status;
}

int localizer_put(store *s, const localizer *l, const char *contrast, const char *select, const char *test, err *e)
{
    const struct {
        const char *name;
        size_t value;
    } counts[] = { { "n_selected", l->n_selected }, { "units", l->units },
                   { "items_pos", l->items_pos },   { "items_neg", l->items_neg },
                   { "used_pos", l->used_pos },     { "used_neg", l->used_neg },
                   { "pairs", l->pairs },           { "n_nan", l->n_nan },
                   { "n_infinite", l->n_infinite }, { "n_maps", l->n_maps },
                   { "n_controls", l->n_controls }, { "n_permutations", l->n_permutations } };
    const struct {
        const char *name;
        double value;
    } reals[] = { { "tokens_pos", l->tokens_pos },
                  { "tokens_neg", l->tokens_neg },
                  { "tokens_matched_pos", l->matched_pos },
                  { "tokens_matched_neg", l->matched_neg },
                  { "common", l->common },
                  { "overlap_unmatched", l->unmatched },
                  { "r_unmatched", l->unmatched_r } };
    const struct {
        const char *name, *value;
    } texts[] = { { "contrast", contrast }, { "selection", select },
                  { "test", test },         { "match", localize_match_name(l->used) },
                  { "match_note", l->why }, { "heldout_note", l->heldout_why } };
    for (size_t k = 0; k < l->n_taps; k++)
        if (put_tap(s, &l->taps[k], l->n_controls, e)) return -1;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (store_set_int(s, "/", counts[i].name, (int64_t)counts[i].value, e)) return -1;
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        if (store_set_real(s, "/", reals[i].name, reals[i].value, e)) return -1;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (store_set_text(s, "/", texts[i].name, texts[i].value, e)) return -1;
    return put_kept_out(s, l, e);
}
