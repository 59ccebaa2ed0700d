/* SPDX-License-Identifier: MIT */
/* Events of runs from tables as BIDS has them: onset, duration, trial_type; further columns are passed over. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/glm.h"

typedef struct {
    table *t;
    size_t onset, duration, type, modulation, run;
    bool has_modulation, has_run;
} columns;

static int open_one(columns *c, const char *path, err *e)
{
    if (table_read(&c->t, path, 0, true, e) || table_find(c->t, "onset", &c->onset, e) || table_find(c->t, "duration", &c->duration, e) ||
        table_find(c->t, "trial_type", &c->type, e))
        return -1;
    c->has_modulation = table_has(c->t, "modulation");
    c->has_run = table_has(c->t, "run");
    if (c->has_modulation && table_find(c->t, "modulation", &c->modulation, e)) return -1;
    return c->has_run ? table_find(c->t, "run", &c->run, e) : 0;
}

static int number(const columns *c, size_t row, size_t column, const char *path, double *out, err *e)
{
    if (str_same(table_cell(c->t, row, column), "n/a")) *out = NAN;
    else if (table_number(c->t, row, column, out, e)) return -1;
    if (isfinite(*out)) return 0;
    return err_set(e, ERR_INPUT, "%s: row %zu: %s is '%s', a number is expected", path, row + 1, table_name(c->t, column), table_cell(c->t, row, column));
}

static int add(events *v, char **type, const columns *c, size_t run, const char *path, err *e)
{
    for (size_t i = 0; i < table_rows(c->t); i++, v->n++) {
        double named = (double)run;
        const char *text = table_cell(c->t, i, c->type);
        v->amplitude[v->n] = 1;
        if (number(c, i, c->onset, path, &v->onset[v->n], e) || number(c, i, c->duration, path, &v->duration[v->n], e) ||
            (c->has_modulation && number(c, i, c->modulation, path, &v->amplitude[v->n], e)) ||
            (c->has_run && number(c, i, c->run, path, &named, e)))
            return -1;
        if (v->duration[v->n] < 0) return err_set(e, ERR_INPUT, "%s: row %zu: duration is %g", path, i + 1, v->duration[v->n]);
        if (!(named >= 1 && named < 1e6 && floor(named) == named)) return err_set(e, ERR_INPUT, "%s: row %zu: run is %g, runs are numbered from 1", path, i + 1, named);
        if (!*text || str_same(text, "n/a")) return err_set(e, ERR_INPUT, "%s: row %zu has no trial_type", path, i + 1);
        v->run[v->n] = (int32_t)named;
        if (!(type[v->n] = arena_text(v->memory, text, strlen(text), e))) return -1;
    }
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Different names in alphabetical order, and the number of each event's. */
static int number_conditions(events *v, char **type, err *e)
{
    if (!(v->conditions = arena_get(v->memory, (v->n + 1) * sizeof *v->conditions, e))) return -1;
    memcpy(v->conditions, type, v->n * sizeof *type);
    qsort(v->conditions, v->n, sizeof *v->conditions, by_text);
    size_t m = 0;
    for (size_t i = 0; i < v->n; i++)
        if (m == 0 || !str_same(v->conditions[i], v->conditions[m - 1])) v->conditions[m++] = v->conditions[i];
    v->n_conditions = m;
    for (size_t i = 0; i < v->n; i++)
        for (size_t k = 0; k < m; k++)
            if (str_same(type[i], v->conditions[k])) v->condition[i] = (int32_t)k;
    return 0;
}

int events_read(events **out, const char *const *paths, size_t n, err *e)
{
    events *v = mem_new(1, sizeof *v, e);
    columns *c = mem_new(n, sizeof *c, e);
    char **type = NULL;
    size_t rows = 0, f = 0;
    int status = -1;
    *out = NULL;
    if (!v || !c || !(v->memory = arena_new(e))) goto done;
    for (f = 0; f < n; f++) {
        if (open_one(&c[f], paths[f], e)) goto done;
        rows += table_rows(c[f].t);
    }
    double **real[] = { &v->onset, &v->duration, &v->amplitude };
    int32_t **whole[] = { &v->run, &v->condition };
    for (size_t k = 0; k < 3; k++)
        if (!(*real[k] = arena_get(v->memory, (rows + 1) * sizeof(double), e))) goto done;
    for (size_t k = 0; k < 2; k++)
        if (!(*whole[k] = arena_get(v->memory, (rows + 1) * sizeof(int32_t), e))) goto done;
    if (!(type = mem_new(rows + 1, sizeof *type, e))) goto done;
    for (f = 0; f < n; f++)
        if (add(v, type, &c[f], f + 1, paths[f], e)) goto done;
    if (v->n == 0) {
        err_set(e, ERR_INPUT, "%s has no event", n ? paths[0] : "the list of tables");
        goto done;
    }
    if (number_conditions(v, type, e)) goto done;
    *out = v;
    v = NULL;
    status = 0;
done:
    if (status && f < n) err_while(e, "reading the events of %s", paths[f]);
    for (size_t k = 0; c && k < n; k++) table_free(c[k].t);
    free(c);
    free(type);
    events_free(v);
    return status;
}

void events_free(events *v)
{
    if (!v) return;
    arena_free(v->memory);
    free(v);
}
