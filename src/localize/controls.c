/* SPDX-License-Identifier: MIT */
/* Control units (METHODS 6.6, C1): as many as are selected, tap by tap, at random from those that are not; and the
 * choice of what a product calls selected. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

int controls_of(uint8_t *control, size_t *missing, const uint8_t *selected, const double *t, size_t d, uint32_t tap,
                size_t count, uint64_t seed, err *e)
{
    size_t *left = mem_new(d, sizeof *left, e), *order = mem_new(d, sizeof *order, e), n = 0, wanted = 0;
    int status = -1;
    if (!left || !order) goto done;
    for (size_t u = 0; u < d; u++) {
        wanted += selected[u];
        if (!selected[u] && isfinite(t[u])) left[n++] = u;
    }
    for (size_t c = 0; c < count; c++) {
        memcpy(order, left, n * sizeof *order);
        rng_shuffle(order, n, seed, RNG_CONTROLS, (uint32_t)c, tap);
        memset(control + c * d, 0, d);
        for (size_t i = 0; i < wanted && i < n; i++)
            control[c * d + order[i]] = 1;
        *missing += wanted > n;
    }
    status = 0;
done:
    free(left);
    free(order);
    return status;
}

int controls_draw(localizer *l, const localize_options *o, err *e)
{
    if (!o->controls) return 0;
    for (size_t k = 0; k < l->n_taps; k++) {
        localizer_tap *t = &l->taps[k];
        if (!(t->control = mem_new(o->controls * t->d, 1, e))) return -1;
        if (controls_of(t->control, &l->controls_short, t->selected, t->t, t->d, (uint32_t)k, o->controls, o->seed, e))
            return -1;
    }
    l->n_controls = o->controls;
    return 0;
}

int localizer_choose(localizer *l, long which, err *e)
{
    if (which == UNITS_SELECTED) return 0;
    if (which != UNITS_COMPLEMENT && (which < 0 || (size_t)which >= l->n_controls))
        return err_set(e, ERR_USAGE, "there is no control number %ld among %zu", which, l->n_controls);
    l->n_selected = 0;
    for (size_t k = 0; k < l->n_taps; k++) {
        localizer_tap *t = &l->taps[k];
        t->n_selected = 0;
        for (size_t u = 0; u < t->d; u++) {
            t->selected[u] =
                which == UNITS_COMPLEMENT ? !t->selected[u] && isfinite(t->t[u]) : t->control[(size_t)which * t->d + u];
            t->n_selected += t->selected[u];
        }
        l->n_selected += t->n_selected;
    }
    return 0;
}
