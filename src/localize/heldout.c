/* SPDX-License-Identifier: MIT */
/* What the selected units do on items that did not select them (METHODS 6.4, 6.5): one split fixed beforehand; the
 * first half selects, the second is reported. The p is that of a test over held-out items, and beside it that of
 * permuted labels with the units selected anew each time. (Items that select and test at once reject always; repeated
 * splits are not samples.) */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "heldout.h"

/* ---- the two halves ---- */

static bool halves_will_do(const heldout_space *s)
{
    for (int k = 0; k < 2; k++)
        if (s->part[k].pos < 2 || s->part[k].n - s->part[k].pos < 2 || s->part[k].n < 5) return false;
    return true;
}

static double mean_of_label(const double *value, const half_items *h, uint8_t label)
{
    double sum = 0, n = 0;
    for (size_t i = 0; i < h->n; i++)
        if (h->label[i] == label) {
            sum += value[i];
            n++;
        }
    return sum / n;
}

/* ---- random units beside ---- */

static int controls(localizer_heldout *out, heldout_space *s, const double *t, double *value, err *e)
{
    size_t short_of = 0, as_large = 0, count = s->o->controls;
    uint8_t *set = mem_new(s->units, 1, e), *all = mem_new(count * s->units, 1, e);
    const half_items *h = &s->part[1];
    int status = -1;
    if (!set || !all) goto done;
    for (size_t k = 0, first = 0; k < s->in->n_taps; first += s->in->taps[k++].d)
        if (controls_of(all + count * first, &short_of, out->selected + first, t + first, s->in->taps[k].d,
                        (uint32_t)(HELDOUT_TAPS + k), count, s->o->seed, e))
            goto done;
    for (size_t c = 0; c < count; c++) {
        for (size_t k = 0, first = 0; k < s->in->n_taps; first += s->in->taps[k++].d)
            memcpy(set + first, all + count * first + c * s->in->taps[k].d, s->in->taps[k].d);
        heldout_values(value, s, set, h->item, h->n);
        out->control_t[c] = heldout_test(s, value, h->label, h->tokens, h->n, s->work).t;
        as_large += out->control_t[c] >= out->test.t;
    }
    out->p_control = count ? (1 + (double)as_large) / (1 + (double)count) : NAN;
    status = 0;
done:
    free(set);
    free(all);
    return status;
}

/* ---- profile ---- */

static int profile(localizer_heldout *out, const localize_input *in, err *e)
{
    int status = -1;
    profile_row *rows = mem_new(in->n_labels, sizeof *rows, e);
    int32_t *label = mem_new(out->n_items, sizeof *label, e);
    if (!rows || !label) goto done;
    for (size_t i = 0; i < out->n_items; i++)
        label[i] = in->label ? in->label[out->item[i]] : -1;
    out->n_profile = profile_by_label(rows, out->value, label, out->n_items, in->n_labels);
    for (size_t k = 0; k < out->n_profile; k++) {
        out->profile_label[k] = rows[k].label;
        out->profile_n[k] = rows[k].n;
        out->profile_mean[k] = rows[k].mean;
        out->profile_lo[k] = rows[k].lo;
        out->profile_hi[k] = rows[k].hi;
    }
    status = 0;
done:
    free(rows);
    free(label);
    return status;
}

/* ---- all of it ---- */

static int heldout_new(localizer_heldout **out, const heldout_space *s, err *e)
{
    localizer_heldout *h = *out = mem_new(1, sizeof *h, e);
    size_t labels = s->in->n_labels, splits = s->o->splits;
    if (!h) return -1;
    h->selected = mem_new(s->units, 1, e);
    h->null_t = mem_new(s->o->permutations, sizeof(double), e);
    h->null_largest = mem_new(s->o->permutations, sizeof(double), e);
    h->control_t = mem_new(s->o->controls, sizeof(double), e);
    h->item = mem_new(s->in->n, sizeof *h->item, e);
    h->value = mem_new(s->in->n, sizeof(double), e);
    h->profile_label = mem_new(labels, sizeof(size_t), e);
    h->profile_n = mem_new(labels, sizeof(size_t), e);
    h->profile_mean = mem_new(labels, sizeof(double), e);
    h->profile_lo = mem_new(labels, sizeof(double), e);
    h->profile_hi = mem_new(labels, sizeof(double), e);
    h->split_r = mem_new(splits, sizeof(double), e);
    h->split_dice = mem_new(splits, sizeof(double), e);
    h->split_jaccard = mem_new(splits, sizeof(double), e);
    h->n_permutations = s->o->permutations;
    h->n_controls = s->o->controls;
    h->n_splits = splits;
    h->covariate = s->m->covariate;
    return h->selected && h->null_t && h->null_largest && h->control_t && h->item && h->value && h->profile_label &&
                   h->profile_n && h->profile_mean && h->profile_lo && h->profile_hi && h->split_r && h->split_dice &&
                   h->split_jaccard
               ? 0
               : -1;
}

void heldout_free(localizer_heldout *h)
{
    if (!h) return;
    void *owned[] = { h->selected,   h->null_t,        h->null_largest, h->control_t,    h->item,
                      h->value,      h->profile_label, h->profile_n,    h->profile_mean, h->profile_lo,
                      h->profile_hi, h->split_r,       h->split_dice,   h->split_jaccard };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        free(owned[i]);
    free(h);
}

static int report_half(localizer_heldout *out, heldout_space *s, double *t, double *value, err *e)
{
    const half_items *first = &s->part[0], *second = &s->part[1];
    out->select_pos = first->pos;
    out->select_neg = first->n - first->pos;
    out->report_pos = second->pos;
    out->report_neg = second->n - second->pos;
    if (heldout_map(t, s, 0, first->label, first->tokens, 1, e)) return -1;
    out->largest = largest_of(t, s->units);
    out->n_selected = select_units(out->selected, t, NULL, s->in, s->units, &s->pick, NULL, e);
    if (out->n_selected == SIZE_MAX) return -1;
    heldout_values(value, s, out->selected, second->item, second->n);
    out->test = heldout_test(s, value, second->label, second->tokens, second->n, s->work);
    out->mean_pos = mean_of_label(value, second, 1);
    out->mean_neg = mean_of_label(value, second, 0);
    out->difference = out->mean_pos - out->mean_neg;
    for (size_t i = 0; i < s->in->n; i++)
        if (s->half[i] == 1 && item_counts(s->in, i)) out->item[out->n_items++] = i;
    heldout_values(out->value, s, out->selected, out->item, out->n_items);
    if (profile(out, s->in, e)) return -1;
    return heldout_permute(out, s, e) || controls(out, s, t, value, e) ? -1 : 0;
}

/* q < X has no q in a permutation: halves then select as many units as the whole contrast did. */
static void choose_selection(heldout_space *s)
{
    s->pick = *s->o;
    if (s->o->select != PICK_Q) return;
    s->pick.select = PICK_COUNT;
    s->pick.count = s->m->n_selected;
    s->pick.per_layer = false;
}

int heldout_make(localizer *l, const t_map *m, const localize_input *in, const localize_options *o, err *e)
{
    heldout_space s = { .in = in, .o = o, .m = m, .units = l->units };
    double *t = mem_new(2 * l->units, sizeof *t, e), *value = mem_new(in->n, sizeof *value, e);
    int status = -1;
    if (!t || !value || heldout_open(&s, e)) goto done;
    choose_selection(&s);
    if (m->n_selected == 0 || !halves_will_do(&s)) {
        snprintf(l->heldout_why, sizeof l->heldout_why,
                 m->n_selected ? "halves of %zu and %zu items are too few: 2 of each condition and 5 in all are needed"
                               : "no unit is selected (%zu and %zu items in the halves)",
                 s.part[0].n, s.part[1].n);
        status = 0;
        goto done;
    }
    if (heldout_new(&l->heldout, &s, e) || report_half(l->heldout, &s, t, value, e)) goto done;
    status = heldout_stability(l->heldout, &s, t, e); /* last: it splits anew */
done:
    if (status) err_while(e, "reporting on held-out items");
    heldout_close(&s);
    free(t);
    free(value);
    return status;
}
