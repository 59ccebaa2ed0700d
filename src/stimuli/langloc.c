/* SPDX-License-Identifier: MIT */
/* The published language localizer (stimuli/langloc.md): ten tables, a row an item, whose columns are called stim1 to
 * stim14; stim1 is a running number within the condition, stim2 to stim13 are the twelve words in capitals, stim14 is S
 * or N. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"

enum { RUNS = 2, SETS = 5, WORDS = 12 };

/* The words in lower case joined by blanks. */
static int item_text(char **out, const table *t, size_t row, const size_t *column, const char *path, arena *a, err *e)
{
    char text[512] = "";
    size_t used = 0;
    for (size_t k = 1; k <= WORDS; k++) {
        const char *word = table_cell(t, row, column[k]);
        if (!*word || used + strlen(word) + 2 > sizeof text)
            return err_set(e, ERR_INPUT, "%s: row %zu: word %zu is empty or too long", path, row + 1, k);
        if (k > 1) text[used++] = ' ';
        for (; *word; word++)
            text[used++] = (char)tolower((unsigned char)*word);
    }
    return (*out = arena_text(a, text, used, e)) ? 0 : -1;
}

static int add_row(stimuli *x, const table *t, size_t row, const size_t *column, const char *path, int run, int set,
                   err *e)
{
    const char *condition = table_cell(t, row, column[WORDS + 1]), *number = table_cell(t, row, column[0]);
    char id[96], name[32];
    size_t at = x->n;
    if (!str_same(condition, "S") && !str_same(condition, "N"))
        return err_set(e, ERR_INPUT, "%s: row %zu: condition '%.20s', expected S or N", path, row + 1, condition);
    int n = snprintf(id, sizeof id, "run%d.set%d.%s%.20s", run, set, condition, number);
    int m = snprintf(name, sizeof name, "run%d.set%d", run, set);
    if (item_text(&x->text[at], t, row, column, path, x->memory, e)) return -1;
    x->id[at] = arena_text(x->memory, id, (size_t)n, e);
    x->condition[at] = arena_text(x->memory, condition, 1, e);
    x->extra[0].value[at] = arena_text(x->memory, name, (size_t)m, e);
    if (!x->id[at] || !x->condition[at] || !x->extra[0].value[at]) return -1;
    if (stimuli_find(x, id) != SIZE_MAX)
        return err_set(e, ERR_INPUT, "%s: row %zu: %s occurs twice", path, row + 1, id);
    x->n++;
    return 0;
}

static int add_table(stimuli *x, const char *folder, int run, int set, size_t room, err *e)
{
    char path[2048], name[16];
    table *t = NULL;
    size_t column[WORDS + 2];
    int status = -1;
    snprintf(path, sizeof path, "%.1900s/langloc_fmri_run%d_stim_set%d.csv", folder, run, set);
    if (table_read(&t, path, ',', true, e)) goto done;
    for (size_t k = 0; k < WORDS + 2; k++) {
        snprintf(name, sizeof name, "stim%zu", k + 1);
        if (table_find(t, name, &column[k], e)) goto done;
    }
    if (x->n + table_rows(t) > room) {
        err_set(e, ERR_INPUT, "%s: %zu rows, more than a set of the localizer has", path, table_rows(t));
        goto done;
    }
    for (size_t row = 0; row < table_rows(t); row++)
        if (add_row(x, t, row, column, path, run, set, e)) goto done;
    status = 0;
done:
    table_free(t);
    return status;
}

int stimuli_from_langloc(stimuli **out, const char *folder, err *e)
{
    enum { MOST_ROWS = 1000, ROOM = RUNS * SETS * MOST_ROWS };
    static char set_name[] = "set";
    int status = -1;
    stimuli *x = stimuli_new(e);
    if (!x) return -1;
    x->id = arena_get(x->memory, ROOM * sizeof *x->id, e);
    x->text = arena_get(x->memory, ROOM * sizeof *x->text, e);
    x->condition = arena_get(x->memory, ROOM * sizeof *x->condition, e);
    x->extra = arena_get(x->memory, sizeof *x->extra, e);
    if (!x->id || !x->text || !x->condition || !x->extra) goto done;
    x->n_extra = 1;
    x->extra[0].name = set_name;
    if (!(x->extra[0].value = arena_get(x->memory, ROOM * sizeof *x->id, e))) goto done;
    for (int run = 1; run <= RUNS; run++)
        for (int set = 1; set <= SETS; set++)
            if (add_table(x, folder, run, set, ROOM, e)) goto done;
    *out = x;
    x = NULL;
    status = 0;
done:
    if (status) err_while(e, "reading the localizer in %s", folder);
    stimuli_free(x);
    return status;
}
