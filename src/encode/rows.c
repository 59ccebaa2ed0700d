/* SPDX-License-Identifier: MIT */
/* Which presentations are used, with their runs, onsets and groups. */
#include <stdlib.h>
#include <string.h>

#include "sets.h"

void used_rows_free(used_rows *u)
{
    free(u->row);
    free(u->run);
    free(u->all_run);
    free(u->onset);
    free(u->group);
}

static int find_groups(used_rows *u, const responses *r, const stimuli *x, err *e)
{
    if (r->group) {
        for (size_t i = 0; i < u->n; i++) u->group[i] = r->group[u->row[i]];
        return 0;
    }
    for (size_t i = 0; i < u->n; i++) {
        size_t item = stimuli_find(x, r->id[u->row[i]]);
        if (item == SIZE_MAX)
            return err_set(e, ERR_INPUT, "presentation %zu is of the item '%s', which the stimuli do not have", u->row[i] + 1,
                           r->id[u->row[i]]);
        u->group[i] = x->group[item];
    }
    return 0;
}

int used_rows_new(used_rows *u, const responses *r, const stimuli *x, size_t drop_start, err *e)
{
    *u = (used_rows){ .all = r->n };
    u->row = mem_new(r->n, sizeof *u->row, e);
    u->run = mem_new(r->n, sizeof *u->run, e);
    u->all_run = mem_copy(r->run, r->n * sizeof *r->run, e);
    u->onset = r->onset ? mem_new(r->n, sizeof *u->onset, e) : NULL;
    bool grouped = r->group || (x && x->group);
    u->group = grouped ? mem_new(r->n, sizeof *u->group, e) : NULL;
    if (!u->row || !u->run || !u->all_run || (r->onset && !u->onset) || (grouped && !u->group)) return -1;
    for (size_t i = 0; i < r->n; i++) {
        size_t seen = 0;
        for (size_t k = 0; k < i && seen < drop_start; k++) seen += r->run[k] == r->run[i];
        if (seen < drop_start) continue;
        u->row[u->n] = i;
        u->run[u->n] = r->run[i];
        if (u->onset) u->onset[u->n] = r->onset[i];
        u->n++;
    }
    if (u->n < 4) return err_set(e, ERR_INPUT, "%zu of %zu presentations are left after --drop-start %zu", u->n, r->n, drop_start);
    return grouped ? find_groups(u, r, x, e) : 0;
}
