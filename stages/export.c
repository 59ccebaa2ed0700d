/* SPDX-License-Identifier: MIT */
/* broca-export: any product as TSV or npy, so that every result opens in Python, R, Octave or a spreadsheet; maps of voxels as NIfTI. */
#include <math.h>

#include "foreign.h"
#include "nifti.h"
#include "npy.h"
#include "stage.h"

typedef struct {
    common_options common;
    const char *dataset, *to;
} export_options;

#define AT(field) offsetof(export_options, field)
static const option options[] = {
    { "dataset", OPT_TEXT, AT(dataset), NULL, "NAME", false, "one dataset, as broca inspect names it; without: all of them" },
    { "to", OPT_ENUM, AT(to), NULL, "tsv npy nifti", false, "format; without: by the end of --out, else tsv" },
    { "out", OPT_TEXT, AT(common.out), NULL, "FILE|DIR", false, "file for one dataset, folder for all of them" },
    { "quiet", OPT_FLAG, AT(common.quiet), NULL, NULL, false, "errors only" },
    { "json", OPT_FLAG, AT(common.json), NULL, NULL, false, "one JSON object a line on stdout" },
    { 0 }
};
static const option_help help = {
    "export", "datasets of any product as TSV or npy, maps of voxels as NIfTI", "FILE",
    "All of them: columns of one group that are equally long share GROUP.tsv; any other dataset has a file\n"
    "of its own; attributes are in attributes.tsv. In a TSV a matrix has the ids of its items or\n"
    "presentations in front and, over neuroids, SUBJECT:ROI as column names, which broca import reads.\n"
};

typedef struct {
    const foreign_dataset *d;
    void *data;    /* numbers */
    char **texts;
    size_t count;
} loaded;

static void unload(loaded *l)
{
    free(l->data);
    free(l->texts);
    *l = (loaded){ 0 };
}

static int load(loaded *l, store *s, const foreign_dataset *d, err *e)
{
    int status = -1;
    *l = (loaded){ .d = d };
    switch (d->shape.type) {
    case STORE_F4: status = store_read_f4(s, d->name, (float **)&l->data, &l->count, e); break;
    case STORE_F8: status = store_read_f8(s, d->name, (double **)&l->data, &l->count, e); break;
    case STORE_I4: status = store_read_i4(s, d->name, (int32_t **)&l->data, &l->count, e); break;
    case STORE_I8: status = store_read_i8(s, d->name, (int64_t **)&l->data, &l->count, e); break;
    case STORE_U1: status = store_read_u1(s, d->name, (uint8_t **)&l->data, &l->count, e); break;
    case STORE_TEXT: status = store_read_text(s, d->name, &l->texts, &l->count, e); break;
    }
    return status;
}

/* ---- one output file ---- */

typedef struct {
    atomic *a;
    FILE *f;
    buffer line;
    size_t lines;
} sink;

static int sink_open(sink *k, const char *path, err *e)
{
    *k = (sink){ 0 };
    if (atomic_open(&k->a, path, e)) return -1;
    k->f = fopen(atomic_temporary(k->a), "wb");
    if (k->f) return 0;
    err_system(e, "%s", path);
    atomic_abandon(k->a);
    k->a = NULL;
    return -1;
}

static int sink_line(sink *k, err *e)
{
    buffer_text(&k->line, "\n");
    if (buffer_ok(&k->line, e)) return -1;
    if (fwrite(k->line.at, 1, k->line.size, k->f) != k->line.size) return err_system(e, "writing");
    k->line.size = 0;
    if (++k->lines % 1024 == 0 && interrupted()) return err_set(e, ERR_INTERRUPTED, "interrupted; nothing is left");
    return 0;
}

/* Renames the file into place, or removes it if something failed. */
static int sink_close(sink *k, int status, const char *path, err *e)
{
    if (k->f) {
        if (!status && (ferror(k->f) || fflush(k->f))) status = err_system(e, "%s", path);
        if (fclose(k->f) && !status) status = err_system(e, "%s", path);
    }
    free(k->line.at);
    if (k->a && !status) return atomic_commit(k->a, e);
    atomic_abandon(k->a);
    return status ? err_while(e, "writing %s", path) : 0;
}

/* ---- TSV ---- */

/* The shortest text that reads back as the same float. */
static void add_float(buffer *b, float value)
{
    char text[40];
    if (!isfinite(value)) {
        tsv_number(b, (double)value);
        return;
    }
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) break;
    }
    buffer_text(b, text);
}

static void add_cell(buffer *b, const loaded *l, size_t i)
{
    switch (l->d->shape.type) {
    case STORE_F4: add_float(b, ((const float *)l->data)[i]); return;
    case STORE_F8: tsv_number(b, ((const double *)l->data)[i]); return;
    case STORE_I4: buffer_printf(b, "%d", (int)((const int32_t *)l->data)[i]); return;
    case STORE_I8: buffer_printf(b, "%lld", (long long)((const int64_t *)l->data)[i]); return;
    case STORE_U1: buffer_printf(b, "%d", ((const uint8_t *)l->data)[i]); return;
    case STORE_TEXT: tsv_text(b, l->texts[i]); return;
    }
}

static const char *last_part(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

/* Columns of equal length side by side. */
static int write_columns(const char *path, const loaded *columns, size_t n, err *e)
{
    sink k;
    int status = 0;
    if (sink_open(&k, path, e)) return -1;
    for (size_t j = 0; j < n; j++) {
        if (j) buffer_text(&k.line, "\t");
        tsv_text(&k.line, last_part(columns[j].d->name));
    }
    status = sink_line(&k, e);
    for (size_t i = 0; i < columns[0].count && !status; i++) {
        for (size_t j = 0; j < n; j++) {
            if (j) buffer_text(&k.line, "\t");
            add_cell(&k.line, &columns[j], i);
        }
        status = sink_line(&k, e);
    }
    return sink_close(&k, status, path, e);
}

/* Texts of a dataset with exactly n rows, or NULL: names of rows or of columns. */
static char **labels(store *s, const char *name, size_t n)
{
    err ignored = { 0 };
    store_shape_t shape;
    char **texts = NULL;
    size_t count = 0;
    if (!n || !store_has(s, name) || store_shape(s, name, &shape, &ignored)) return NULL;
    if (shape.type != STORE_TEXT || shape.rank != 1 || shape.dims[0] != n) return NULL;
    return store_read_text(s, name, &texts, &count, &ignored) ? NULL : texts;
}

typedef struct {
    char **row, **subject, **roi;
    bool numbered; /* SUBJECT:ROI alone would not tell the columns apart */
} names;

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool any_twice(char *const *a, char *const *b, size_t n)
{
    err ignored = { 0 };
    bool twice = false;
    char **joined = mem_new(n, sizeof *joined, &ignored);
    for (size_t i = 0; joined && i < n; i++)
        if (!(joined[i] = str_format(&ignored, "%s\t%s", a[i], b ? b[i] : ""))) twice = true;
    if (joined && !twice) qsort(joined, n, sizeof *joined, by_text);
    for (size_t i = 1; joined && !twice && i < n; i++) twice = str_same(joined[i - 1], joined[i]);
    for (size_t i = 0; joined && i < n; i++) free(joined[i]);
    free(joined);
    return twice || !joined;
}

static void find_names(names *x, store *s, const store_shape_t *shape)
{
    size_t rows = shape->rank == 2 ? shape->dims[0] : 0, columns = shape->dims[shape->rank - 1];
    *x = (names){ 0 };
    if (!(x->row = labels(s, "/presentation/id", rows))) x->row = labels(s, "/item/id", rows);
    x->subject = labels(s, "/neuroid/subject", columns);
    if (!x->subject) return;
    x->roi = labels(s, "/neuroid/roi", columns);
    x->numbered = any_twice(x->subject, x->roi, columns);
}

static void add_column_name(buffer *b, const names *x, size_t j)
{
    if (x->subject) tsv_text(b, x->subject[j]);
    if (x->subject && x->roi) {
        buffer_text(b, ":");
        tsv_text(b, x->roi[j]);
    }
    if (!x->subject || x->numbered) buffer_printf(b, "%s%zu", x->subject ? ":" : "", j);
}

/* A matrix, a row a line; of three dimensions the first two are written in front. */
static int write_matrix(const char *path, store *s, const loaded *l, err *e)
{
    sink k;
    names x;
    const size_t *dims = l->d->shape.dims;
    int rank = l->d->shape.rank, status;
    size_t columns = dims[rank - 1], rows = rank == 3 ? dims[0] * dims[1] : dims[0];
    if (sink_open(&k, path, e)) return -1;
    find_names(&x, s, &l->d->shape);
    if (rank == 3) buffer_text(&k.line, "first\tsecond\t");
    if (x.row) buffer_text(&k.line, "id\t");
    for (size_t j = 0; j < columns; j++) {
        if (j) buffer_text(&k.line, "\t");
        add_column_name(&k.line, &x, j);
    }
    status = sink_line(&k, e);
    for (size_t i = 0; i < rows && !status; i++) {
        if (rank == 3) buffer_printf(&k.line, "%zu\t%zu\t", i / dims[1], i % dims[1]);
        if (x.row) tsv_text(&k.line, x.row[i]);
        if (x.row) buffer_text(&k.line, "\t");
        for (size_t j = 0; j < columns; j++) {
            if (j) buffer_text(&k.line, "\t");
            add_cell(&k.line, l, i * columns + j);
        }
        status = sink_line(&k, e);
    }
    free(x.row);
    free(x.subject);
    free(x.roi);
    return sink_close(&k, status, path, e);
}

static int write_npy(const char *path, const loaded *l, err *e)
{
    static const size_t sizes[] = { 4, 8, 4, 8, 1 };
    sink k;
    int status = 0;
    if (sink_open(&k, path, e)) return -1;
    if (l->d->shape.type == STORE_TEXT) npy_texts(k.f, &l->d->shape, l->texts, l->count);
    else {
        npy_header(k.f, npy_type(l->d->shape.type), &l->d->shape);
        size_t size = sizes[l->d->shape.type];
        if (fwrite(l->data, size, l->count, k.f) != l->count) status = err_system(e, "writing");
    }
    return sink_close(&k, status, path, e);
}

static int write_one(const char *path, store *s, const foreign_dataset *d, bool npy, err *e)
{
    loaded l;
    if (load(&l, s, d, e)) return -1;
    int status = npy                ? write_npy(path, &l, e)
                 : d->shape.rank < 2 ? write_columns(path, &l, 1, e)
                                     : write_matrix(path, s, &l, e);
    unload(&l);
    return status;
}

/* ---- the whole file ---- */

typedef struct {
    store *s;
    const foreign_list *l;
    const char *folder;
    bool npy, *done;
    char **files; /* names taken, so that two datasets never share one */
    size_t n_files;
} whole;

/* FOLDER/NAME.END: "/tap/h.0" -> tap.h.0.tsv; what is awkward in a file name becomes _ . */
static char *file_for(whole *w, const char *name, const char *end, err *e)
{
    void *files = w->files;
    char *base = mem_text(*name == '/' ? name + 1 : name, e), *path = NULL;
    if (!base || mem_grow(&files, w->n_files + 1, sizeof *w->files, e)) goto done;
    w->files = files;
    for (char *p = base; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '/') *p = '.';
        else if (c <= ' ' || c == 127 || strchr("\\:*?\"<>|", c) || (c == '.' && p == base)) *p = '_';
    }
    path = str_format(e, "%s/%s.%s", w->folder, base, end);
    for (size_t i = 0, k = 2; path && i < w->n_files; i++) {
        if (!str_same(path, w->files[i])) continue;
        free(path);
        path = str_format(e, "%s/%s.%zu.%s", w->folder, base, k++, end);
        i = (size_t)-1; /* the new name against all of them again */
    }
    if (path) w->files[w->n_files++] = path;
done:
    free(base);
    return path;
}

static bool same_group(const char *a, const char *b)
{
    size_t n = (size_t)(last_part(a) - a);
    return n == (size_t)(last_part(b) - b) && !strncmp(a, b, n);
}

static bool is_column_beside(const whole *w, size_t i, size_t first)
{
    const foreign_dataset *d = &w->l->at[i];
    return !w->done[i] && d->known && d->shape.rank == 1 && same_group(d->name, w->l->at[first].name);
}

/* The length that most columns of the group of `first` have (the first one of those, in order of names). */
static size_t common_length(const whole *w, size_t first, size_t *members)
{
    size_t best = 0, length = 0;
    for (size_t i = first; i < w->l->n; i++) {
        size_t n = 0;
        if (!is_column_beside(w, i, first)) continue;
        for (size_t j = first; j < w->l->n; j++)
            n += is_column_beside(w, j, first) && w->l->at[j].shape.dims[0] == w->l->at[i].shape.dims[0];
        if (n <= best) continue;
        best = n;
        length = w->l->at[i].shape.dims[0];
    }
    *members = best;
    return length;
}

/* GROUP.tsv of the columns beside `first` that are as long as most of them. */
static int write_group(whole *w, size_t first, err *e)
{
    size_t members, n = 0, length = common_length(w, first, &members);
    const char *name = w->l->at[first].name;
    if (members < 2) return 0;
    int status = -1;
    loaded *columns = mem_new(members, sizeof *columns, e);
    char *group = str_format(e, "%.*s", (int)(last_part(name) - name - 1), name);
    if (!columns || !group) goto done;
    for (size_t i = first; i < w->l->n; i++) {
        if (!is_column_beside(w, i, first) || w->l->at[i].shape.dims[0] != length) continue;
        if (load(&columns[n], w->s, &w->l->at[i], e)) goto done;
        if (str_same(last_part(columns[n].d->name), "id")) { /* what names the rows comes first */
            loaded id = columns[n];
            memmove(columns + 1, columns, n * sizeof *columns);
            columns[0] = id;
        }
        n++;
    }
    for (size_t i = w->l->n; i-- > first;)
        if (is_column_beside(w, i, first) && w->l->at[i].shape.dims[0] == length) w->done[i] = true;
    const char *path = file_for(w, group, "tsv", e);
    status = path ? write_columns(path, columns, n, e) : -1;
done:
    for (size_t i = 0; columns && i < n; i++) unload(&columns[i]);
    free(columns);
    free(group);
    return status;
}

static int add_attributes(sink *k, store *s, const char *object, err *e)
{
    char **list = NULL;
    size_t n = 0;
    int status = 0;
    if (store_attributes(s, object, &list, &n, e)) return -1;
    for (size_t i = 0; i < n && !status; i++) {
        err ignored = { 0 };
        char *text = NULL;
        double value;
        buffer_text(&k->line, object);
        buffer_text(&k->line, "\t");
        tsv_text(&k->line, list[i]);
        buffer_text(&k->line, "\t");
        if (!store_get_text(s, object, list[i], &text, &ignored)) tsv_text(&k->line, text);
        else if (!store_get_real(s, object, list[i], &value, &ignored)) tsv_number(&k->line, value);
        free(text);
        status = sink_line(k, e);
    }
    free(list);
    return status;
}

static int write_attributes(whole *w, err *e)
{
    sink k;
    char group[1024] = "", last[1024] = "";
    const char *path = file_for(w, "attributes", "tsv", e);
    if (!path || sink_open(&k, path, e)) return -1;
    buffer_text(&k.line, "object\tattribute\tvalue");
    int status = sink_line(&k, e) || add_attributes(&k, w->s, "/", e) ? -1 : 0;
    for (size_t i = 0; i < w->l->n && !status; i++) {
        const char *name = w->l->at[i].name;
        snprintf(group, sizeof group, "%.*s", (int)(last_part(name) - name - 1), name);
        if (*group && !str_same(group, last)) status = add_attributes(&k, w->s, group, e);
        snprintf(last, sizeof last, "%s", group);
        if (!status && w->l->at[i].known) status = add_attributes(&k, w->s, name, e);
    }
    return sink_close(&k, status, path, e);
}

static int export_all(store *s, const foreign_list *l, const char *folder, bool npy, size_t *files, err *e)
{
    whole w = { .s = s, .l = l, .folder = folder, .npy = npy, .done = mem_new(l->n, sizeof *w.done, e) };
    int status = !w.done || folder_make(folder, e) || write_attributes(&w, e) ? -1 : 0;
    for (size_t i = 0; i < l->n && !status; i++) {
        const foreign_dataset *d = &l->at[i];
        if (w.done[i]) continue;
        if (!d->known) {
            log_warn("%s is left out: %s", d->name, d->why);
            continue;
        }
        bool root = last_part(d->name) == d->name + 1;
        if (!npy && !root && d->shape.rank == 1 && write_group(&w, i, e)) status = -1;
        if (status || w.done[i]) continue;
        const char *path = file_for(&w, d->name, npy ? "npy" : "tsv", e);
        status = path ? write_one(path, s, d, npy, e) : -1;
    }
    *files = w.n_files;
    for (size_t i = 0; i < w.n_files; i++) free(w.files[i]);
    free(w.files);
    free(w.done);
    return status;
}

/* ---- options ---- */

static const foreign_dataset *find_dataset(store *s, const foreign_list *l, const char *name, err *e)
{
    const char **all = mem_new(l->n + 1, sizeof *all, e), *plain = name + (*name == '/');
    const foreign_dataset *found = NULL;
    if (!all) return NULL;
    for (size_t i = 0; i < l->n; i++) {
        all[i] = l->at[i].name + 1;
        if (str_same(all[i], plain)) found = &l->at[i];
    }
    const char *nearest = str_nearest(plain, all);
    if (found && !found->known) {
        err_set(e, ERR_INPUT, "%s: %s: %s", store_path(s), name, found->why);
        found = NULL;
    } else if (!found) {
        bool group = store_has(s, name) && store_is_group(s, name);
        err_set(e, ERR_INPUT, "%s: %s %s", store_path(s), group ? "a group, no dataset:" : "no dataset", name);
        if (nearest && !group) err_hint(e, "did you mean '%s'?", nearest);
        else err_hint(e, "broca inspect %s lists them", store_path(s));
    }
    free(all);
    return found;
}

static int export_file(const char *path, const export_options *o, stage *s)
{
    store *file = NULL;
    foreign_list l = { 0 };
    size_t files = 1;
    int status = -1;
    bool npy = o->to ? str_same(o->to, "npy") : str_ends(o->common.out, ".npy");
    bool nifti = o->to ? str_same(o->to, "nifti") : str_ends(o->common.out, ".nii") || str_ends(o->common.out, ".nii.gz");
    if (store_open(&file, path, NULL, &s->err) || foreign_walk(&l, file, "/", 0, &s->err)) goto done;
    if (nifti && !o->dataset) {
        err_set(&s->err, ERR_USAGE, "--to nifti writes one --dataset");
        goto done;
    }
    if (o->dataset) {
        const foreign_dataset *d = find_dataset(file, &l, o->dataset, &s->err);
        if (d && nifti) {
            if (write_nifti(o->common.out, file, d->name, &d->shape, &s->err)) goto done;
        } else if (!d || write_one(o->common.out, file, d, npy, &s->err)) goto done;
    } else if (export_all(file, &l, o->common.out, npy, &files, &s->err)) {
        goto done;
    }
    stage_result(s, "%zu file%s: %s", files, files == 1 ? "" : "s", o->common.out);
    status = 0;
done:
    foreign_free(&l);
    store_close(file);
    return status ? err_while(&s->err, "exporting %s", path) : 0;
}

int main(int argc, char **argv)
{
    export_options o = { .common = { .mode = "strict" } };
    stage s;
    const char *const *files = NULL;
    int status = 0;
    if (stage_begin(&s, argc, argv, &help, options, &o, &o.common)) goto done;
    if (parsed_arguments(s.parsed, &files) != 1) {
        err_set(&s.err, ERR_USAGE, "one FILE is needed");
        goto done;
    }
    if (stage_needs(&s, "out", o.common.out)) goto done;
    if (foreign_fork(files[0], &status, &s.err) == 0) export_file(files[0], &o, &s);
done:
    if (s.err.kind == ERR_NONE && status) return stage_end(&s), status;
    return stage_end(&s);
}
