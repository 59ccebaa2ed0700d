/* SPDX-License-Identifier: MIT */
/* Random halves of the items. Sentences and the jabberwocky made from them are one group and go together; every
 * condition is cut as evenly as the groups allow. */
#include <stdlib.h>
#include <string.h>

#include "parts.h"

enum { LARGEST_SHARE = 10 }; /* a tenth of the items: "group 0" of items that have none is no group */

/* unit [n]: number of what goes together. Returns how many there are. */
static size_t number_units(size_t *unit, size_t *of_group, size_t *size, const localize_input *in, size_t groups)
{
    size_t n = 0;
    for (size_t i = 0; in->group && i < in->n; i++)
        if (in->group[i] >= 0) size[in->group[i]]++;
    for (size_t g = 0; g < groups; g++)
        of_group[g] = SIZE_MAX;
    for (size_t i = 0; i < in->n; i++) {
        size_t g = in->group && in->group[i] >= 0 ? (size_t)in->group[i] : SIZE_MAX;
        if (g == SIZE_MAX || size[g] * LARGEST_SHARE > in->n) {
            unit[i] = n++;
            continue;
        }
        if (of_group[g] == SIZE_MAX) of_group[g] = n++;
        unit[i] = of_group[g];
    }
    return n;
}

/* Kinds of items that are to be even: the conditions; without their names, the sides of the contrast. */
static size_t kind_of(const localize_input *in, size_t item)
{
    if (in->label) return (size_t)(in->label[item] + 1);
    return (size_t)(in->condition[item] + 1);
}

/* Units in random order, each to the half that has fewer of its kinds so far. */
static void fill_halves(uint8_t *of_unit, const size_t *first, const size_t *member, size_t units, const size_t *order,
                        long *balance, const localize_input *in)
{
    for (size_t k = 0; k < units; k++) {
        size_t u = order[k];
        long lean = 0;
        for (size_t j = first[u]; j < first[u + 1]; j++)
            lean += balance[kind_of(in, member[j])];
        of_unit[u] = lean > 0 ? 1 : lean < 0 ? 0 : (uint8_t)(k % 2);
        for (size_t j = first[u]; j < first[u + 1]; j++)
            balance[kind_of(in, member[j])] += of_unit[u] ? -1 : 1;
    }
}

int localize_halves(uint8_t *half, const localize_input *in, uint64_t seed, uint32_t number, err *e)
{
    size_t groups = 0, kinds = 3 + (in->label ? in->n_labels : 0), n = in->n;
    for (size_t i = 0; in->group && i < n; i++)
        if (in->group[i] >= 0 && (size_t)in->group[i] >= groups) groups = (size_t)in->group[i] + 1;
    size_t *unit = mem_new(n, sizeof *unit, e), *of_group = mem_new(groups, sizeof *of_group, e);
    size_t *size = mem_new(groups, sizeof *size, e), *first = mem_new(n + 2, sizeof *first, e);
    size_t *member = mem_new(n, sizeof *member, e), *order = mem_new(n, sizeof *order, e);
    uint8_t *of_unit = mem_new(n, 1, e);
    long *balance = mem_new(kinds, sizeof *balance, e);
    int status = -1;
    if (!unit || !of_group || !size || !first || !member || !order || !of_unit || !balance) goto done;
    size_t units = number_units(unit, of_group, size, in, groups);
    for (size_t i = 0; i < n; i++)
        first[unit[i] + 2]++;
    for (size_t u = 1; u < units; u++)
        first[u + 1] += first[u];
    for (size_t i = 0; i < n; i++)
        member[first[unit[i] + 1]++] = i;
    for (size_t u = 0; u < units; u++)
        order[u] = u;
    rng_shuffle(order, units, seed, RNG_SPLITS, number, DRAW_HALVES);
    fill_halves(of_unit, first, member, units, order, balance, in);
    for (size_t i = 0; i < n; i++)
        half[i] = of_unit[unit[i]];
    status = 0;
done:
    free(unit);
    free(of_group);
    free(size);
    free(first);
    free(member);
    free(order);
    free(of_unit);
    free(balance);
    return status;
}
