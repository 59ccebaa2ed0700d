/* SPDX-License-Identifier: MIT */
/* What a localizer says of held-out items, and of other localizers: groups /heldout and /against. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/localize.h"

static int put_numbers(store *s, const localizer_heldout *h, err *e)
{
    const struct {
        const char *name;
        int64_t value;
    } counts[] = { { "select_pos", (int64_t)h->select_pos },
                   { "select_neg", (int64_t)h->select_neg },
                   { "report_pos", (int64_t)h->report_pos },
                   { "report_neg", (int64_t)h->report_neg },
                   { "n_selected", (int64_t)h->n_selected },
                   { "covariate", h->covariate },
                   { "n_permutations", (int64_t)h->n_permutations },
                   { "n_controls", (int64_t)h->n_controls },
                   { "n_splits", (int64_t)h->n_splits } };
    const struct {
        const char *name;
        double value;
    } reals[] = { { "t", h->test.t },
                  { "dof", h->test.dof },
                  { "p", h->test.p },
                  { "log_p", h->test.log_p },
                  { "mean_pos", h->mean_pos },
                  { "mean_neg", h->mean_neg },
                  { "difference", h->difference },
                  { "p_permutation", h->n_permutations ? h->p_permutation : (double)NAN },
                  { "largest_t", h->largest },
                  { "p_largest", h->n_permutations ? h->p_largest : (double)NAN },
                  { "p_control", h->n_controls ? h->p_control : (double)NAN },
                  { "chance_dice", h->chance_dice },
                  { "chance_jaccard", h->chance_jaccard } };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (store_set_int(s, "/heldout", counts[i].name, counts[i].value, e)) return -1;
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        if (store_set_real(s, "/heldout", reals[i].name, reals[i].value, e)) return -1;
    return 0;
}

static int put_items(store *s, const localizer_heldout *h, const localize_data *d, err *e)
{
    size_t n = h->n_items;
    int status = -1;
    char **id = mem_new(n, sizeof *id, e), **condition = mem_new(n, sizeof *condition, e);
    static char none[] = "";
    if (!id || !condition) goto done;
    for (size_t i = 0; i < n; i++) {
        int32_t label = d->label ? d->label[h->item[i]] : -1;
        id[i] = d->id[h->item[i]];
        condition[i] = label >= 0 ? (char *)(uintptr_t)d->labels[label] : none;
    }
    status = store_put_text(s, "/heldout/item/id", id, n, e) ||
                     store_put_text(s, "/heldout/item/condition", condition, n, e) ||
                     store_put_f8(s, "/heldout/item/value", h->value, n, e)
                 ? -1
                 : 0;
done:
    free(id);
    free(condition);
    return status;
}

static int put_profile(store *s, const localizer_heldout *h, const localize_data *d, err *e)
{
    size_t n = h->n_profile;
    char **name = mem_new(n, sizeof *name, e);
    int32_t *items = mem_new(n, sizeof *items, e);
    int status = -1;
    if (!name || !items) goto done;
    for (size_t i = 0; i < n; i++) {
        name[i] = (char *)(uintptr_t)d->labels[h->profile_label[i]];
        items[i] = (int32_t)h->profile_n[i];
    }
    status = n == 0 || !(store_put_text(s, "/heldout/profile/condition", name, n, e) ||
                         store_put_i4(s, "/heldout/profile/n", items, n, e) ||
                         store_put_f8(s, "/heldout/profile/mean", h->profile_mean, n, e) ||
                         store_put_f8(s, "/heldout/profile/lo", h->profile_lo, n, e) ||
                         store_put_f8(s, "/heldout/profile/hi", h->profile_hi, n, e))
                 ? 0
                 : -1;
done:
    free(name);
    free(items);
    return status;
}

static int put_first_half(store *s, const localizer *l, err *e)
{
    for (size_t k = 0, first = 0; k < l->n_taps; first += l->taps[k++].d) {
        char *name = str_format(e, "/tap/%s/selected_first_half", l->taps[k].name);
        int status = name ? store_write_u1(s, name, 1, &l->taps[k].d, l->heldout->selected + first, e) : -1;
        free(name);
        if (status) return -1;
    }
    return 0;
}

int localizer_put_heldout(store *s, const localizer *l, const localize_data *d, err *e)
{
    const localizer_heldout *h = l->heldout;
    if (!h) return 0;
    if (put_items(s, h, d, e) || put_profile(s, h, d, e) || put_numbers(s, h, e) || put_first_half(s, l, e)) return -1;
    if (h->n_permutations && (store_put_f8(s, "/heldout/null_t", h->null_t, h->n_permutations, e) ||
                              store_put_f8(s, "/heldout/null_largest", h->null_largest, h->n_permutations, e)))
        return -1;
    if (h->n_controls && store_put_f8(s, "/heldout/control_t", h->control_t, h->n_controls, e)) return -1;
    if (!h->n_splits) return 0;
    return store_put_f8(s, "/heldout/split_r", h->split_r, h->n_splits, e) ||
                   store_put_f8(s, "/heldout/split_dice", h->split_dice, h->n_splits, e) ||
                   store_put_f8(s, "/heldout/split_jaccard", h->split_jaccard, h->n_splits, e)
               ? -1
               : 0;
}

int localizer_put_overlap(store *s, const char *const *names, const localizer_overlap *o, size_t n, err *e)
{
    double *column = mem_new(n, sizeof *column, e);
    static const struct {
        const char *name;
        size_t at;
    } columns[] = { { "dice", offsetof(localizer_overlap, dice) },
                    { "jaccard", offsetof(localizer_overlap, jaccard) },
                    { "r", offsetof(localizer_overlap, r) },
                    { "chance_dice", offsetof(localizer_overlap, chance_dice) },
                    { "chance_jaccard", offsetof(localizer_overlap, chance_jaccard) } };
    int status = -1;
    if (!column || (n && store_write_text(s, "/against/name", names, n, e))) goto done;
    for (size_t k = 0; n && k < sizeof columns / sizeof *columns; k++) {
        char name[64];
        snprintf(name, sizeof name, "/against/%s", columns[k].name);
        for (size_t i = 0; i < n; i++)
            memcpy(&column[i], (const char *)&o[i] + columns[k].at, sizeof *column);
        if (store_put_f8(s, name, column, n, e)) goto done;
    }
    status = 0;
done:
    free(column);
    return status;
}
