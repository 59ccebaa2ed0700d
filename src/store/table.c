/* SPDX-License-Identifier: MIT */
/* Tables: CSV and TSV by libcsv, blank-separated numbers by a small loop. */
#include "broca/store.h"

#include <csv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct table {
    char *path;
    arena *memory;
    char **cells; /* header first, then the rows */
    size_t n, room, columns, rows;
    char **names;
};

typedef struct {
    table *t;
    err *e;
    size_t in_row, row; /* cells of this row so far; rows ended */
    bool failed;
} filler;

static int add_cell(table *t, const char *text, size_t length, err *e)
{
    if (t->n == t->room) {
        void *cells = t->cells;
        size_t room = t->room ? 2 * t->room : 1024;
        if (mem_grow(&cells, room, sizeof *t->cells, e)) return -1;
        t->cells = cells;
        t->room = room;
    }
    if (!(t->cells[t->n] = arena_text(t->memory, text, length, e))) return -1;
    t->n++;
    return 0;
}

static void on_cell(void *text, size_t length, void *user)
{
    filler *f = user;
    if (f->failed) return;
    f->failed = add_cell(f->t, text ? text : "", text ? length : 0, f->e) != 0;
    f->in_row++;
}

static void end_row(filler *f)
{
    table *t = f->t;
    if (f->failed) return;
    f->row++;
    if (f->row == 1) {
        t->columns = f->in_row;
    } else if (f->in_row != t->columns) {
        err_set(f->e, ERR_INPUT, "%s: line %zu has %zu cells, the first line has %zu", t->path, f->row, f->in_row, t->columns);
        f->failed = true;
    }
    f->in_row = 0;
}

static void on_row(int end, void *user)
{
    (void)end;
    end_row(user);
}

static int no_blank(unsigned char c)
{
    (void)c;
    return 0;
}

static int read_separated(table *t, const char *text, size_t n, char separator, err *e)
{
    struct csv_parser p;
    filler f = { .t = t, .e = e };
    if (csv_init(&p, CSV_STRICT | CSV_STRICT_FINI)) return err_memory(e, sizeof p);
    csv_set_delim(&p, (unsigned char)separator);
    if (separator == '\t') csv_set_quote(&p, 0x1f); /* cells of a TSV are not quoted */
    csv_set_space_func(&p, no_blank); /* blanks at the ends of cells are theirs */
    bool bad = csv_parse(&p, text, n, on_cell, on_row, &f) != n || csv_fini(&p, on_cell, on_row, &f);
    int code = csv_error(&p);
    csv_free(&p);
    if (f.failed) return -1;
    if (!bad) return 0;
    return err_set(e, ERR_INPUT, "%s: line %zu: %s", t->path, f.row + 1,
                   code == CSV_EPARSE ? "a quote stands where none may stand, or does not end" : csv_strerror(code));
}

static int read_blanks(table *t, const char *text, err *e)
{
    filler f = { .t = t, .e = e };
    while (*text && !f.failed) {
        text += strspn(text, " \t\r");
        if (*text == '\n' || !*text) {
            if (f.in_row) end_row(&f);
            text += *text != 0;
            continue;
        }
        size_t n = strcspn(text, " \t\r\n");
        f.failed = add_cell(t, text, n, e) != 0;
        f.in_row++;
        text += n;
    }
    if (f.in_row) end_row(&f);
    return f.failed ? -1 : 0;
}

static bool is_utf8(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t more = p[i] < 0x80 ? 0 : p[i] >= 0xc2 && p[i] < 0xe0 ? 1 : (p[i] & 0xf0) == 0xe0 ? 2 : p[i] >= 0xf0 && p[i] < 0xf5 ? 3 : 9;
        if (more == 9 || i + more >= n + (more == 0)) return false;
        for (size_t k = 1; k <= more; k++)
            if ((p[i + k] & 0xc0) != 0x80) return false;
        i += more + 1;
    }
    return true;
}

static int name_columns(table *t, bool header, err *e)
{
    char number[32];
    if (!t->columns) return err_set(e, ERR_INPUT, "%s: no rows", t->path);
    if (!(t->names = arena_get(t->memory, t->columns * sizeof *t->names, e))) return -1;
    for (size_t c = 0; c < t->columns; c++) {
        snprintf(number, sizeof number, "%zu", c + 1);
        t->names[c] = header ? t->cells[c] : arena_text(t->memory, number, strlen(number), e);
        if (!t->names[c]) return -1;
        for (size_t b = 0; header && b < c; b++)
            if (str_same(t->names[b], t->names[c]))
                return err_set(e, ERR_INPUT, "%s: two columns are called '%s'", t->path, t->names[c]);
    }
    t->rows = t->n / t->columns - header;
    if (header) memmove(t->cells, t->cells + t->columns, (t->n - t->columns) * sizeof *t->cells);
    return 0;
}

int table_read(table **out, const char *path, char separator, bool header, err *e)
{
    char *text = NULL, *body;
    size_t n;
    int status = -1;
    table *t = mem_new(1, sizeof *t, e);
    if (!t) return -1;
    if (!(t->memory = arena_new(e)) || !(t->path = mem_text(path, e))) goto done;
    if (file_read_unpacked(&text, &n, path, (size_t)1 << 32, e)) goto done;
    body = text;
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        body += 3;
        n -= 3;
    }
    if (strlen(body) != n || !is_utf8((const unsigned char *)body, n)) {
        err_set(e, ERR_INPUT, "%s: not a text in UTF-8 (or it holds a NUL byte)", path);
        goto done;
    }
    if (!separator) {
        size_t first = strcspn(body, "\n");
        separator = memchr(body, '\t', first) ? '\t' : ',';
    }
    if (separator == ' ' ? read_blanks(t, body, e) : read_separated(t, body, n, separator, e)) goto done;
    if (name_columns(t, header, e)) goto done;
    *out = t;
    t = NULL;
    status = 0;
done:
    free(text);
    table_free(t);
    return status;
}

static int rename_column(table *t, const char *rule, err *e)
{
    const char *equals = strchr(rule, '=');
    size_t column;
    if (!equals || equals == rule || !equals[1])
        return err_set(e, ERR_USAGE, "a column is renamed by NAME=HEADER, not '%s'", rule);
    char *name = arena_text(t->memory, rule, (size_t)(equals - rule), e);
    if (!name || table_find(t, equals + 1, &column, e)) return -1;
    if (table_has(t, name) && !str_same(t->names[column], name))
        return err_set(e, ERR_USAGE, "%s: '%s' would rename a column to '%s', which is there", t->path, rule, name);
    t->names[column] = name;
    return 0;
}

int table_open(table **out, const table_source *source, err *e)
{
    table *t = NULL;
    if (table_read(&t, source->path, 0, true, e)) return -1;
    for (size_t i = 0; i < source->n_rename; i++)
        if (rename_column(t, source->rename[i], e)) {
            table_free(t);
            return -1;
        }
    *out = t;
    return 0;
}

size_t table_rows(const table *t)
{
    return t->rows;
}

size_t table_columns(const table *t)
{
    return t->columns;
}

const char *table_name(const table *t, size_t column)
{
    return t->names[column];
}

bool table_has(const table *t, const char *name)
{
    for (size_t c = 0; c < t->columns; c++)
        if (str_same(t->names[c], name)) return true;
    return false;
}

int table_find(const table *t, const char *name, size_t *column, err *e)
{
    for (size_t c = 0; c < t->columns; c++)
        if (str_same(t->names[c], name)) {
            *column = c;
            return 0;
        }
    err_set(e, ERR_INPUT, "%s: no column '%s'", t->path, name);
    const char **names = mem_new(t->columns + 1, sizeof *names, e);
    if (!names) return -1;
    for (size_t c = 0; c < t->columns; c++) names[c] = t->names[c];
    const char *nearest = str_nearest(name, names);
    if (nearest) err_hint(e, "did you mean '%s'?", nearest);
    free(names);
    return -1;
}

const char *table_cell(const table *t, size_t row, size_t column)
{
    return t->cells[row * t->columns + column];
}

int table_number(const table *t, size_t row, size_t column, double *out, err *e)
{
    const char *cell = table_cell(t, row, column);
    *out = NAN;
    if (!*cell || str_same(cell, "NA") || str_same(cell, "NaN")) return 0;
    if (!parse_double(cell, out)) return 0;
    return err_set(e, ERR_INPUT, "%s: row %zu, column '%s': '%.60s' is no number", t->path, row + 1, t->names[column], cell);
}

void table_free(table *t)
{
    if (!t) return;
    free(t->cells);
    free(t->path);
    arena_free(t->memory);
    free(t);
}

void tsv_text(buffer *b, const char *text)
{
    for (; *text; text++) {
        if (*text == '\t') buffer_text(b, "\\t");
        else if (*text == '\n') buffer_text(b, "\\n");
        else if (*text == '\\') buffer_text(b, "\\\\");
        else buffer_add(b, text, 1);
    }
}

void tsv_number(buffer *b, double value)
{
    if (isfinite(value)) json_double(b, value);
    else buffer_text(b, isnan(value) ? "NaN" : value > 0 ? "inf" : "-inf");
}
