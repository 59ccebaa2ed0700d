/* SPDX-License-Identifier: MIT */
/* Responses from a table: a row a presentation, a column a neuroid. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/responses.h"

static const char *const known[] = { "id", "item", "run", "onset", "group", "repeat", "text", "condition", NULL };

static bool is_known(const char *name)
{
    for (size_t i = 0; known[i]; i++)
        if (str_same(known[i], name)) return true;
    return false;
}

static int whole_numbers(const table *t, const char *name, const char *path, arena *a, int32_t **out, err *e)
{
    size_t column, n = table_rows(t);
    double value;
    if (!table_has(t, name)) return 0;
    if (table_find(t, name, &column, e) || !(*out = arena_get(a, (n + 1) * sizeof **out, e))) return -1;
    for (size_t i = 0; i < n; i++) {
        if (table_number(t, i, column, &value, e)) return -1;
        if (value != floor(value) || fabs(value) > 1e9)
            return err_set(e, ERR_INPUT, "%s: row %zu: %s %g is no whole number", path, i + 1, name, value);
        (*out)[i] = (int32_t)value;
    }
    return 0;
}

static int text_cells(const table *t, const char *name, arena *a, char ***out, err *e)
{
    size_t column, n = table_rows(t);
    if (table_find(t, name, &column, e) || !(*out = arena_get(a, (n + 1) * sizeof **out, e))) return -1;
    for (size_t i = 0; i < n; i++) {
        const char *cell = table_cell(t, i, column);
        if (!((*out)[i] = arena_text(a, cell, strlen(cell), e))) return -1;
    }
    return 0;
}

/* "SUBJECT:ROI", or "ROI" of the only subject. */
static int name_neuroid(responses *r, size_t neuroid, const char *name, const char *only, err *e)
{
    char subject[256];
    snprintf(subject, sizeof subject, "%s", only ? only : "s1");
    const char *colon = strchr(name, ':');
    if (colon) snprintf(subject, sizeof subject, "%.*s", (int)(colon - name), name);
    int32_t index = 0;
    for (size_t j = 0; j < neuroid; j++) index += str_same(r->subject[j], subject);
    return responses_label(r, neuroid, subject, colon ? colon + 1 : name, index, e);
}

static int fill_neuroids(responses *r, const table *t, const char *subject, err *e)
{
    size_t v = 0;
    double value;
    for (size_t c = 0; c < table_columns(t); c++) {
        if (is_known(table_name(t, c))) continue;
        if (name_neuroid(r, v, table_name(t, c), subject, e)) return -1;
        for (size_t i = 0; i < r->n; i++) {
            if (table_number(t, i, c, &value, e)) return -1;
            r->data[i * r->v + v] = (float)value;
        }
        v++;
    }
    return 0;
}

static int fill_onsets(responses *r, const table *t, err *e)
{
    size_t column;
    if (!table_has(t, "onset")) return 0;
    if (table_find(t, "onset", &column, e) || !(r->onset = arena_get(r->memory, (r->n + 1) * sizeof *r->onset, e))) return -1;
    for (size_t i = 0; i < r->n; i++)
        if (table_number(t, i, column, &r->onset[i], e)) return -1;
    return 0;
}

int responses_from_table(responses **out, const table_source *source, const char *subject, double tr, err *e)
{
    const char *path = source->path;
    table *t = NULL;
    responses *r = NULL;
    size_t v = 0;
    int status = -1;
    if (table_open(&t, source, e)) goto done;
    for (size_t c = 0; c < table_columns(t); c++) v += !is_known(table_name(t, c));
    if (!v || !table_rows(t)) {
        err_set(e, ERR_INPUT, "%s: %zu rows and %zu columns of neuroids", path, table_rows(t), v);
        goto done;
    }
    if (!(r = responses_make(table_rows(t), v, e))) goto done;
    if (text_cells(t, table_has(t, "id") ? "id" : "item", r->memory, &r->id, e)) goto done;
    if (table_has(t, "group") && text_cells(t, "group", r->memory, &r->group, e)) goto done;
    if (whole_numbers(t, "run", path, r->memory, &r->run, e) || whole_numbers(t, "repeat", path, r->memory, &r->repeat, e) ||
        fill_onsets(r, t, e) || fill_neuroids(r, t, subject, e))
        goto done;
    r->tr = tr;
    if (!isnan(tr) && !r->onset) {
        err_set(e, ERR_INPUT, "%s: a time series (--tr) needs a column onset in seconds", path);
        goto done;
    }
    *out = r;
    r = NULL;
    status = 0;
done:
    if (status) err_while(e, "reading responses from the table %s", path);
    responses_free(r);
    table_free(t);
    return status;
}
