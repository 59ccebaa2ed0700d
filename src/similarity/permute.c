/* SPDX-License-Identifier: MIT */
/* Permutations that keep which pairs lie in one group: whole groups change places with groups of equal size. */
#include <stdlib.h>
#include <string.h>

#include "parts.h"

int members_new(members *m, const similarity_data *d, const uint8_t *used, err *e)
{
    size_t groups = d->groups ? d->groups : d->n, at = 0;
    *m = (members){ .groups = groups, .first = mem_new(groups + 1, sizeof *m->first, e), .item = mem_new(d->n + 1, sizeof *m->item, e) };
    if (!m->first || !m->item) return -1;
    for (size_t g = 0; g < groups; g++) {
        m->first[g] = at;
        if (!d->groups && used[g]) m->item[at++] = g;
        for (size_t i = 0; d->groups && i < d->n; i++)
            if (used[i] && d->group[i] == (int32_t)g) m->item[at++] = i;
    }
    m->first[groups] = at;
    return 0;
}

void members_free(members *m)
{
    free(m->first);
    free(m->item);
}

static size_t size_of(const members *m, size_t g)
{
    return m->first[g + 1] - m->first[g];
}

int members_permute(size_t *from, const members *m, uint64_t seed, size_t number, err *e)
{
    size_t *class = mem_new(m->groups + 1, sizeof *class, e), *to = mem_new(m->groups + 1, sizeof *to, e);
    uint8_t *done = mem_new(m->groups + 1, 1, e);
    int status = class && to && done ? 0 : -1;
    for (size_t g = 0; g < m->groups && !status; g++) {
        size_t n = 0, size = size_of(m, g);
        if (done[g]) continue;
        for (size_t k = g; k < m->groups; k++)
            if (size_of(m, k) == size) {
                class[n++] = k;
                done[k] = 1;
            }
        memcpy(to, class, n * sizeof *to);
        rng_shuffle(to, n, seed, RNG_NULL_GROUPS, (uint32_t)number, (uint32_t)size);
        for (size_t k = 0; k < n; k++)
            for (size_t i = 0; i < size; i++) from[m->item[m->first[class[k]] + i]] = m->item[m->first[to[k]] + i];
    }
    free(class);
    free(to);
    free(done);
    return status;
}
