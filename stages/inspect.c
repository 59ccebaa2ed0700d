/* SPDX-License-Identifier: MIT */
/* broca-inspect: what a file is, what it holds, what made it, and the command that repeats it. */
#include "foreign.h"
#include "largest.h"
#include "repeat.h"
#include "stage.h"
#include "token_file.h"

typedef struct {
    common_options common;
} inspect_options;

#define AT(field) offsetof(inspect_options, field)
static const option options[] = {
    { "json", OPT_FLAG, AT(common.json), NULL, NULL, false, "one JSON object on stdout" },
    { 0 }
};
static const option_help help = { "inspect", "kind, config, inputs, warnings, shapes of a file, and the command that repeats it",
                                  "FILE", "Reads products of broca, its token files too, and any other HDF5 file.\n" };

/* ---- small texts ---- */

static void add_shape(buffer *b, const store_shape_t *shape, const char *by)
{
    for (int i = 0; i < shape->rank; i++) buffer_printf(b, "%s%zu", i ? by : "", shape->dims[i]);
}

/* One line a member, nested ones indented; lists of scalars on one line. skip: a member shown elsewhere. */
static void add_pretty(buffer *b, const json *j, int indent, const char *skip)
{
    for (const json *c = json_first(j); c; c = json_next(c)) {
        if (skip && json_key(c) && str_same(json_key(c), skip)) continue;
        buffer_printf(b, "%*s", indent, "");
        buffer_printf(b, "%-*s ", json_key(c) ? 14 - (indent - 2) : 1, json_key(c) ? json_key(c) : "-");
        const json *first = json_first(c);
        if (json_is_object(c) || (first && (json_is_object(first) || json_is_array(first)))) {
            buffer_text(b, "\n");
            add_pretty(b, c, indent + 2, NULL);
            continue;
        }
        if (!json_is_array(c)) add_scalar(b, c);
        for (const json *x = json_is_array(c) ? json_first(c) : NULL; x; x = json_next(x)) {
            add_scalar(b, x);
            if (json_next(x)) buffer_text(b, ", ");
        }
        buffer_text(b, "\n");
    }
}

/* ---- what is gathered about a file ---- */

typedef struct {
    store *s;
    foreign_list sets;
    char *config_text, *inputs_text, **warnings;
    size_t n_warnings, bytes;
    json *config, *inputs, *sidecar;
    const char *sidecar_why; /* why there is none */
    buffer repeat;
    bool repeat_whole; /* from the sidecar: names the files too */
} facts;

static void facts_free(facts *f)
{
    store_close(f->s);
    foreign_free(&f->sets);
    free(f->config_text);
    free(f->inputs_text);
    free(f->warnings);
    json_free(f->config);
    json_free(f->inputs);
    json_free(f->sidecar);
    free(f->repeat.at);
}

static int read_json_attribute(store *s, const char *name, char **text, json **out, err *e)
{
    if (!store_has_attribute(s, "/", name)) return 0;
    if (store_get_text(s, "/", name, text, e)) return -1;
    return json_parse(out, *text, strlen(*text), name, e) ? err_while(e, "reading attribute %s of %s", name, store_path(s)) : 0;
}

/* A sidecar that was left behind by another file of this name would repeat the wrong command. */
static bool same_inputs(const json *a, const json *b)
{
    const json *x = json_first(a), *y = json_first(b);
    for (; x && y; x = json_next(x), y = json_next(y))
        if (!str_same(json_text(json_get(x, "sha256"), ""), json_text(json_get(y, "sha256"), ""))) return false;
    return !x && !y;
}

static void read_sidecar(facts *f, const char *path)
{
    err ignored = { 0 };
    char *name = str_format(&ignored, "%s.json", path);
    f->sidecar_why = "none";
    if (name && file_exists(name)) {
        f->sidecar_why = "unreadable";
        if (json_read(&f->sidecar, name, (size_t)16 << 20, &ignored)) f->sidecar = NULL;
    }
    if (f->sidecar && !same_inputs(f->inputs, json_get(f->sidecar, "inputs"))) {
        f->sidecar_why = "of another product (its inputs have other SHA-256)";
        json_free(f->sidecar);
        f->sidecar = NULL;
    }
    free(name);
}

static int gather(facts *f, const char *path, err *e)
{
    if (store_open(&f->s, path, NULL, e)) {
        if (str_ends(path, ".h5.json")) err_hint(e, "this is a sidecar; inspect %.*s", (int)strlen(path) - 5, path);
        else if (!*e->hint && file_exists(path)) err_hint(e, "inspect reads HDF5 files; broca import reads other formats");
        return -1;
    }
    if (foreign_walk(&f->sets, f->s, "/", 0, e)) return -1;
    if (read_json_attribute(f->s, "config", &f->config_text, &f->config, e)) return -1;
    if (read_json_attribute(f->s, "inputs", &f->inputs_text, &f->inputs, e)) return -1;
    if (store_has(f->s, "warnings") && store_read_text(f->s, "warnings", &f->warnings, &f->n_warnings, e)) return -1;
    read_sidecar(f, path);
    f->repeat_whole = json_count(json_get(f->sidecar, "command")) > 0;
    if (f->repeat_whole) repeat_from_sidecar(&f->repeat, json_get(f->sidecar, "command"));
    else if (f->config && stage_of(f->s)) repeat_from_config(&f->repeat, f->s, f->config, f->inputs);
    return buffer_ok(&f->repeat, e);
}

/* ---- attributes ---- */

static bool shown_elsewhere(const char *object, const char *name)
{
    static const char *const root[] = { "kind", "schema", "broca", "config", "inputs" };
    for (size_t i = 0; i < sizeof root / sizeof *root; i++)
        if (str_same(object, "/") && str_same(name, root[i])) return true;
    return false;
}

static void add_attribute(buffer *b, store *s, const char *object, const char *name, bool as_json)
{
    err ignored = { 0 };
    char *text = NULL;
    double value;
    if (!store_get_text(s, object, name, &text, &ignored)) {
        if (as_json) json_quote(b, text);
        else buffer_text(b, text);
    } else if (!store_get_real(s, object, name, &value, &ignored)) {
        if (as_json) json_double(b, value);
        else tsv_number(b, value);
    } else {
        buffer_text(b, as_json ? "null" : "(neither a text nor a single number)");
    }
    free(text);
}

/* Attributes of one object, as lines or as members of a JSON object. */
static int add_attributes(buffer *b, store *s, const char *object, bool as_json, size_t *count, err *e)
{
    char **names = NULL;
    size_t n = 0;
    if (store_attributes(s, object, &names, &n, e)) return -1;
    for (size_t i = 0; i < n; i++) {
        char label[600];
        if (shown_elsewhere(object, names[i])) continue;
        snprintf(label, sizeof label, "%.300s%s%.250s", str_same(object, "/") ? "" : object, str_same(object, "/") ? "" : ".",
                 names[i]);
        if (as_json) {
            if (*count) buffer_text(b, ",");
            json_quote(b, label);
            buffer_text(b, ":");
        } else {
            buffer_printf(b, "%s  %-14s ", *count ? "" : "attributes\n", label);
        }
        add_attribute(b, s, object, names[i], as_json);
        if (!as_json) buffer_text(b, "\n");
        ++*count;
    }
    free(names);
    return 0;
}

static int all_attributes(buffer *b, const facts *f, bool as_json, err *e)
{
    size_t count = 0;
    char group[1024] = "", last[1024] = "";
    if (add_attributes(b, f->s, "/", as_json, &count, e)) return -1;
    for (size_t i = 0; i < f->sets.n; i++) {
        const char *name = f->sets.at[i].name;
        snprintf(group, sizeof group, "%.*s", (int)(strrchr(name, '/') - name), name);
        if (*group && !str_same(group, last) && add_attributes(b, f->s, group, as_json, &count, e)) return -1;
        snprintf(last, sizeof last, "%s", group);
        if (f->sets.at[i].known && add_attributes(b, f->s, name, as_json, &count, e)) return -1;
    }
    return 0;
}

/* ---- output ---- */

static bool is_tap(const facts *f, const foreign_dataset *d)
{
    return str_same(store_kind(f->s), "activations") && d->known && d->shape.rank == 2 && d->shape.type <= STORE_F8 &&
           str_begins(d->name, "/tap/");
}

static void text_largest(buffer *b, const foreign_dataset *d, const largest *l)
{
    buffer_printf(b, "  %-14s rms %.4g", d->name + strlen("/tap/"), l->rms);
    if (l->bad) buffer_printf(b, ", %zu not finite", l->bad);
    for (size_t i = 0; i < l->n; i++)
        buffer_printf(b, "%s%.4g (unit %zu, row %zu)", i % 3 ? ", " : "\n    ", l->top[i].value, l->top[i].unit, l->top[i].row);
    buffer_text(b, "\n");
}

static void json_largest(buffer *b, const foreign_dataset *d, const largest *l)
{
    json_quote(b, d->name + strlen("/tap/"));
    buffer_text(b, ":{\"rms\":");
    json_double(b, l->rms);
    buffer_printf(b, ",\"not_finite\":%zu,\"values\":[", l->bad);
    for (size_t i = 0; i < l->n; i++) {
        buffer_printf(b, "%s{\"unit\":%zu,\"row\":%zu,\"value\":", i ? "," : "", l->top[i].unit, l->top[i].row);
        json_double(b, l->top[i].value);
        buffer_text(b, "}");
    }
    buffer_text(b, "]}");
}

static int all_largest(buffer *b, const facts *f, bool as_json, err *e)
{
    largest l;
    bool first = true;
    for (size_t i = 0; i < f->sets.n; i++) {
        const foreign_dataset *d = &f->sets.at[i];
        if (!is_tap(f, d)) continue;
        if (find_largest(f->s, d, &l, e)) return -1;
        if (first && !as_json) buffer_printf(b, "the %d largest |values| of each tap (units and rows from 0)\n", LARGEST);
        if (!first && as_json) buffer_text(b, ",");
        first = false;
        if (as_json) json_largest(b, d, &l);
        else text_largest(b, d, &l);
    }
    return 0;
}

static void add_version(buffer *b, store *s)
{
    err ignored = { 0 };
    int64_t schema;
    char *version = NULL;
    if (!store_get_int(s, "/", "schema", &schema, &ignored)) buffer_printf(b, ", schema %lld", (long long)schema);
    if (!store_get_text(s, "/", "broca", &version, &ignored)) buffer_printf(b, ", broca %s", version);
    free(version);
}

static void text_datasets(buffer *b, const facts *f)
{
    size_t width = 12;
    for (size_t i = 0; i < f->sets.n; i++)
        if (strlen(f->sets.at[i].name) > width && strlen(f->sets.at[i].name) < 40) width = strlen(f->sets.at[i].name);
    buffer_printf(b, "datasets%s\n", f->sets.n ? "" : "       none");
    for (size_t i = 0; i < f->sets.n; i++) {
        const foreign_dataset *d = &f->sets.at[i];
        buffer_printf(b, "  %-*s %-4s ", (int)width, d->name, d->known ? foreign_type(d->shape.type) : "?");
        if (!d->known) buffer_text(b, d->why);
        else if (d->shape.rank == 0) buffer_text(b, "scalar");
        else {
            buffer_text(b, "[");
            add_shape(b, &d->shape, " × ");
            buffer_text(b, "]");
        }
        buffer_text(b, "\n");
    }
}

static int print_text(buffer *b, const facts *f, err *e)
{
    buffer_printf(b, "file           %s, %zu bytes\nkind           %s", store_path(f->s), f->bytes,
                  *store_kind(f->s) ? store_kind(f->s) : "none: HDF5, but not of broca");
    add_version(b, f->s);
    buffer_text(b, f->config ? "\nconfig\n" : "\n");
    add_pretty(b, f->config, 2, NULL);
    if (f->inputs) buffer_printf(b, "inputs%s\n", json_first(f->inputs) ? "" : "         none");
    for (const json *i = json_first(f->inputs); i; i = json_next(i))
        buffer_printf(b, "  %-14s %-12s sha256 %s\n", json_text(json_get(i, "role"), ""), json_text(json_get(i, "kind"), ""),
                      json_text(json_get(i, "sha256"), ""));
    if (*store_kind(f->s)) buffer_printf(b, "warnings%s\n", f->n_warnings ? "" : "       none");
    for (size_t i = 0; i < f->n_warnings; i++) buffer_printf(b, "  %s\n", f->warnings[i]);
    text_datasets(b, f);
    if (all_attributes(b, f, false, e) || all_largest(b, f, false, e)) return -1;
    if (f->sidecar) {
        buffer_printf(b, "made (%s.json)\n", store_path(f->s));
        add_pretty(b, f->sidecar, 2, "command");
    } else {
        buffer_printf(b, "sidecar        %s\n", f->sidecar_why);
    }
    if (f->repeat.size) buffer_printf(b, "repeat%s\n  %s\n", f->repeat_whole ? "" : " (no command beside it: FILE_... are the "
                                      "inputs with these SHA-256)", f->repeat.at);
    return 0;
}

static void add_json_value(buffer *b, const json *j)
{
    bool object = json_is_object(j);
    if (!object && !json_is_array(j)) {
        if (json_is_text(j)) json_quote(b, json_text(j, ""));
        else if (json_is_number(j)) json_double(b, json_number(j, 0));
        else buffer_text(b, json_is_null(j) ? "null" : json_bool(j, false) ? "true" : "false");
        return;
    }
    buffer_text(b, object ? "{" : "[");
    for (const json *c = json_first(j); c; c = json_next(c)) {
        if (object) json_quote(b, json_key(c));
        if (object) buffer_text(b, ":");
        add_json_value(b, c);
        if (json_next(c)) buffer_text(b, ",");
    }
    buffer_text(b, object ? "}" : "]");
}

static void json_datasets(buffer *b, const facts *f)
{
    for (size_t i = 0; i < f->sets.n; i++) {
        const foreign_dataset *d = &f->sets.at[i];
        buffer_text(b, i ? ",{\"name\":" : "{\"name\":");
        json_quote(b, d->name);
        buffer_printf(b, ",\"type\":%s%s%s,\"shape\":[", d->known ? "\"" : "", d->known ? foreign_type(d->shape.type) : "null",
                      d->known ? "\"" : "");
        add_shape(b, &d->shape, ",");
        buffer_text(b, "]}");
    }
}

static int print_json(buffer *b, const facts *f, err *e)
{
    err ignored = { 0 };
    int64_t schema;
    char *version = NULL;
    buffer_text(b, "{\"event\":\"result\",\"stage\":\"inspect\",\"file\":");
    json_quote(b, store_path(f->s));
    buffer_printf(b, ",\"bytes\":%zu,\"kind\":", f->bytes);
    json_quote(b, store_kind(f->s));
    if (!store_get_int(f->s, "/", "schema", &schema, &ignored)) buffer_printf(b, ",\"schema\":%lld", (long long)schema);
    if (!store_get_text(f->s, "/", "broca", &version, &ignored)) {
        buffer_text(b, ",\"broca\":");
        json_quote(b, version);
    }
    free(version);
    buffer_text(b, ",\"config\":");
    add_json_value(b, f->config);
    buffer_text(b, ",\"inputs\":");
    add_json_value(b, f->inputs);
    buffer_text(b, ",\"warnings\":[");
    for (size_t i = 0; i < f->n_warnings; i++) {
        if (i) buffer_text(b, ",");
        json_quote(b, f->warnings[i]);
    }
    buffer_text(b, "],\"datasets\":[");
    json_datasets(b, f);
    buffer_text(b, "],\"attributes\":{");
    if (all_attributes(b, f, true, e)) return -1;
    buffer_text(b, "},\"largest\":{");
    if (all_largest(b, f, true, e)) return -1;
    buffer_text(b, "},\"sidecar\":");
    add_json_value(b, f->sidecar);
    buffer_text(b, ",\"repeat\":");
    if (f->repeat.size) json_quote(b, f->repeat.at);
    else buffer_text(b, "null");
    buffer_text(b, "}\n");
    return 0;
}

/* In a file of ours everything can be read. */
static int all_known(const facts *f, err *e)
{
    size_t bad = 0;
    for (size_t i = 0; i < f->sets.n; i++) bad += !f->sets.at[i].known;
    if (!bad || !*store_kind(f->s)) return 0;
    err_set(e, ERR_INPUT, "%s: %zu of %zu datasets cannot be opened", store_path(f->s), bad, f->sets.n);
    return err_hint(e, "the file is damaged; make it again");
}

static int inspect(const char *path, bool as_json, err *e)
{
    facts f = { 0 };
    buffer b = { 0 };
    bool tokens = token_file(path);
    int status = tokens ? token_file_inspect(&b, path, as_json, e) : gather(&f, path, e);
    FILE *file = status ? NULL : fopen(path, "rb");
    if (file && !fseeko(file, 0, SEEK_END)) f.bytes = (size_t)ftello(file);
    if (file) fclose(file);
    if (!status && !tokens) status = as_json ? print_json(&b, &f, e) : print_text(&b, &f, e);
    if (!status) status = buffer_ok(&b, e);
    if (!status && (fwrite(b.at, 1, b.size, stdout) != b.size || fflush(stdout))) status = err_system(e, "standard output");
    if (!status && !tokens) status = all_known(&f, e);
    free(b.at);
    facts_free(&f);
    return status;
}

int main(int argc, char **argv)
{
    inspect_options o = { .common = { .mode = "strict" } };
    stage s;
    const char *const *files = NULL;
    int status = 0;
    if (stage_begin(&s, argc, argv, &help, options, &o, &o.common)) goto done;
    if (parsed_arguments(s.parsed, &files) != 1) {
        err_set(&s.err, ERR_USAGE, "one FILE is needed");
        goto done;
    }
    signal(SIGINT, SIG_DFL); /* nothing to finish */
    signal(SIGTERM, SIG_DFL);
    int parent = foreign_fork(files[0], &status, &s.err);
    if (parent == 0) inspect(files[0], o.common.json, &s.err);
done:
    if (s.err.kind == ERR_NONE && status) return stage_end(&s), status;
    return stage_end(&s);
}
