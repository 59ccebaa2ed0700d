/* SPDX-License-Identifier: MIT */
/* Confounds beside images: tables with a row a volume, one a run, as the usual preprocessing programs write them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "images.h"

static const char *const rigid[] = { "trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z" };

/* The columns that are taken: those named, else the six of a rigid body where all are there, else all. */
static int choose(size_t **columns, size_t *k, const table *t, const char *named, err *e)
{
    size_t n = 0;
    char **names = named ? str_split(named, ',', &n, e) : NULL;
    bool motion = !named;
    int status = -1;
    if (named && !names) return -1;
    for (size_t i = 0; i < 6; i++) motion = motion && table_has(t, rigid[i]);
    *k = named ? n : motion ? 6 : table_columns(t);
    if (!(*columns = mem_new(*k + 1, sizeof **columns, e))) goto done;
    for (size_t i = 0; i < *k; i++) {
        if (!named && !motion) (*columns)[i] = i;
        else if (table_find(t, named ? names[i] : rigid[i], &(*columns)[i], e)) goto done;
    }
    status = 0;
done:
    free(names);
    return status;
}

/* A run's rows into c, whose columns are those of the first table. */
static int fill(confound *c, size_t first, size_t rows, const table *t, const size_t *columns, const char *path, err *e)
{
    if (table_rows(t) != rows) return err_set(e, ERR_INPUT, "%s has %zu rows, its run has %zu volumes", path, table_rows(t), rows);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < c->k; j++) {
            double value;
            const char *cell = table_cell(t, i, columns[j]);
            if (str_same(cell, "n/a")) value = NAN;
            else if (table_number(t, i, columns[j], &value, e)) return -1;
            if (!isfinite(value)) {
                err_set(e, ERR_INPUT, "%s: row %zu: %s is '%s'", path, i + 1, table_name(t, columns[j]), cell);
                return err_hint(e, "name the columns that are whole: --confounds FILE:trans_x,trans_y,...");
            }
            c->at[(first + i) * c->k + j] = value;
        }
    return 0;
}

static size_t rows_of_run(const responses *r, size_t run, size_t *first)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        if ((size_t)r->run[i] == run + 1) {
            if (n++ == 0) *first = i;
        }
    return n;
}

static int read_one(responses *r, confound *c, const char *source, size_t run, err *e)
{
    table *t = NULL;
    size_t k = 0, first = 0, rows = rows_of_run(r, run, &first), *columns = NULL;
    int status = -1;
    const char *colon = file_exists(source) ? NULL : strrchr(source, ':');
    char *path = colon ? str_format(e, "%.*s", (int)(colon - source), source) : mem_text(source, e);
    if (!path || table_read(&t, path, 0, true, e) || choose(&columns, &k, t, colon ? colon + 1 : NULL, e)) goto done;
    if (!c->at) {
        c->k = k;
        if (!(c->at = arena_get(r->memory, (r->n * k + 1) * sizeof *c->at, e))) goto done;
    }
    if (k != c->k) {
        err_set(e, ERR_INPUT, "%s gives %zu columns, the runs before it %zu", path, k, c->k);
        goto done;
    }
    status = fill(c, first, rows, t, columns, path, e);
done:
    if (status) err_while(e, "reading the confounds of run %zu", run + 1);
    free(path);
    free(columns);
    table_free(t);
    return status;
}

int image_confounds(responses *r, const image_source *s, err *e)
{
    if (s->n_confounds == 0) return 0;
    if (isnan(r->tr)) return err_set(e, ERR_USAGE, "confounds go with a time series, these images are items");
    if (s->n_confounds != s->n) return err_set(e, ERR_USAGE, "%zu tables of confounds for %zu runs", s->n_confounds, s->n);
    if (!(r->confounds = arena_get(r->memory, sizeof *r->confounds, e))) return -1;
    if (!(r->confounds->name = arena_text(r->memory, "motion", 6, e))) return -1;
    for (size_t f = 0; f < s->n; f++)
        if (read_one(r, r->confounds, s->confounds[f], f, e)) return -1;
    r->n_confounds = 1;
    return 0;
}
