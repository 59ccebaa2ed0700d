/* SPDX-License-Identifier: MIT */
/* Where every number comes from. A product's sidecar names its command and the files it read; those have sidecars, too: the
 * walk from the scores back to the data gives every file's hash, and the commands in the order in which they repeat it. */
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "parts.h"

enum { MOST_FILES = 400 };

typedef struct {
    char *path;
    sha_hex hash;
    json *side; /* NULL: a source that no stage made */
} file_fact;

struct provenance {
    size_t n;
    file_fact *file; /* inputs before what was made of them */
};

void provenance_free(provenance *p)
{
    if (!p) return;
    for (size_t i = 0; i < p->n; i++) {
        free(p->file[i].path);
        json_free(p->file[i].side);
    }
    free(p->file);
    free(p);
}

static bool known(const provenance *p, const char *path)
{
    for (size_t i = 0; i < p->n; i++)
        if (str_same(p->file[i].path, path)) return true;
    return false;
}

static int read_side(json **side, const char *path, err *e)
{
    err ignored = { 0 };
    char *name = str_format(e, "%s.json", path);
    if (!name) return -1;
    *side = NULL;
    if (file_exists(name) && json_read(side, name, (size_t)16 << 20, &ignored)) *side = NULL;
    err_clear(&ignored);
    free(name);
    return 0;
}

static int visit(provenance *p, const char *path, const char *sha256, int depth, err *e);

static int visit_inputs(provenance *p, const json *side, int depth, err *e)
{
    for (const json *i = json_first(json_get(side, "inputs")); i; i = json_next(i)) {
        const char *path = json_text(json_get(i, "path"), "");
        if (*path && visit(p, path, json_text(json_get(i, "sha256"), ""), depth + 1, e)) return -1;
    }
    return 0;
}

static int visit(provenance *p, const char *path, const char *sha256, int depth, err *e)
{
    file_fact f = { 0 };
    void *list;
    if (known(p, path) || p->n >= MOST_FILES || depth > 32) return 0;
    snprintf(f.hash.hex, sizeof f.hash.hex, "%s", sha256);
    if (!*sha256 && sha_file(path, &f.hash, e)) return -1;
    if (read_side(&f.side, path, e) || visit_inputs(p, f.side, depth, e)) goto fail;
    list = p->file;
    if (!(f.path = mem_text(path, e)) || mem_grow(&list, p->n + 1, sizeof *p->file, e)) goto fail;
    p->file = list;
    p->file[p->n++] = f;
    return 0;
fail:
    free(f.path);
    json_free(f.side);
    return -1;
}

int provenance_read(provenance **out, const report_inputs *in, err *e)
{
    provenance *p = mem_new(1, sizeof *p, e);
    *out = NULL;
    if (!p) return -1;
    int status = visit(p, in->scores, "", 0, e);
    for (size_t i = 0; i < in->n_encodings && !status; i++) status = visit(p, in->encodings[i], "", 0, e);
    for (size_t i = 0; i < in->n_replicates && !status; i++) status = visit(p, in->replicates[i], "", 0, e);
    for (size_t i = 0; i < in->n_ceilings && !status; i++) status = visit(p, in->ceilings[i], "", 0, e);
    if (!status) *out = p;
    else provenance_free(p);
    return status;
}

bool provenance_mentions(const provenance *p, const char *text)
{
    for (size_t i = 0; i < p->n; i++) {
        if (strstr(p->file[i].path, text)) return true;
        for (const json *c = json_first(json_get(p->file[i].side, "command")); c; c = json_next(c))
            if (strstr(json_text(c, ""), text)) return true;
    }
    return false;
}

/* Options that change no byte of a product are no part of how to repeat it; *skip: the value that follows. */
static bool changes_nothing(const char *word, bool *skip)
{
    static const char *const valued[] = { "--threads", "--memory" }, *const flags[] = { "--quiet", "--json", "--resume", "--force" };
    *skip = false;
    for (size_t i = 0; i < sizeof valued / sizeof *valued; i++) {
        size_t n = strlen(valued[i]);
        if (strncmp(word, valued[i], n) || (word[n] && word[n] != '=')) continue;
        *skip = !word[n];
        return true;
    }
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (str_same(word, flags[i])) return true;
    return false;
}

static void add_word(buffer *b, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=,+-%@";
    bool quote = !*word || strspn(word, plain) != strlen(word);
    html_text(b, quote ? " '" : " ");
    html_text(b, word);
    if (quote) html_text(b, "'");
}

/* "broca encode --features ..." */
static void command_line(buffer *b, const json *command)
{
    bool first = true, skip = false, next = false;
    for (const json *c = json_first(command); c; c = json_next(c)) {
        const char *word = json_text(c, ""), *slash = strrchr(word, '/');
        if (first) {
            const char *program = slash ? slash + 1 : word;
            buffer_text(b, "broca ");
            html_text(b, str_begins(program, "broca-") ? program + 6 : program);
            first = false;
            continue;
        }
        if (next) {
            next = false;
            continue;
        }
        if (changes_nothing(word, &skip)) {
            next = skip;
            continue;
        }
        add_word(b, word);
    }
    buffer_text(b, "\n");
}

/* "OpenBLAS 0.3.21 (pthread), core Haswell": how it was built decides no byte, the core does. */
static void without_build(char *room, size_t size, const char *text)
{
    size_t n = 0;
    for (bool inside = false; *text && n + 1 < size; text++) {
        if (*text == '(') inside = true;
        if (!inside && !(*text == ' ' && text[1] == '(')) room[n++] = *text;
        if (*text == ')') inside = false;
    }
    room[n] = 0;
}

/* Values that the sidecars agree on, or those that they differ in. */
static void add_distinct(buffer *b, const provenance *p, const char *name, const char *before)
{
    size_t said = 0;
    for (size_t i = 0; i < p->n; i++) {
        char value[200], other[200];
        without_build(value, sizeof value, json_text(json_get(p->file[i].side, name), ""));
        bool seen = !*value;
        for (size_t k = 0; k < i && !seen; k++) {
            without_build(other, sizeof other, json_text(json_get(p->file[k].side, name), ""));
            seen = str_same(other, value);
        }
        if (seen) continue;
        buffer_text(b, said++ ? ", " : before);
        html_text(b, value);
    }
}

int part_provenance(buffer *b, const provenance *p, err *e)
{
    size_t made = 0;
    for (size_t i = 0; i < p->n; i++) made += p->file[i].side != NULL;
    buffer_text(b, "<h2>Where it comes from</h2>\n<p>This page: broca " BROCA_VERSION ", commit ");
    html_text(b, build_commit());
    buffer_text(b, ". Its products:");
    add_distinct(b, p, "version", " broca ");
    add_distinct(b, p, "commit", ", commit ");
    add_distinct(b, p, "blas", "; kernels: ");
    buffer_text(b, ". Equal inputs, program and core give equal bytes, whatever the number of threads.</p>\n");
    html_fold_begin(b, "Files and their SHA-256 (%zu, %zu of them made by broca)", p->n, made);
    html_table_begin(b, "file|SHA-256");
    for (size_t i = 0; i < p->n; i++) {
        buffer_text(b, "<tr>");
        html_cell(b, p->file[i].path);
        buffer_text(b, "<td class=\"hash\">");
        html_text(b, p->file[i].hash.hex);
        buffer_text(b, "</td></tr>\n");
    }
    html_table_end(b);
    html_fold_end(b);
    html_fold_begin(b, "The commands that repeat it");
    buffer_text(b, "<pre>");
    for (size_t i = 0; i < p->n; i++)
        if (p->file[i].side) command_line(b, json_get(p->file[i].side, "command"));
    buffer_text(b, "</pre>\n");
    html_fold_end(b);
    return buffer_ok(b, e);
}
