/* SPDX-License-Identifier: MIT */
/* Option tables: popt splits the command line, this file gives the values their types. */
#include "broca/base.h"

#include <math.h>
#include <popt.h>
#include <stdlib.h>
#include <string.h>

struct parsed {
    arena *memory;
    const char **arguments;
    size_t n_arguments;
    const option *options;
    bool *given;
};

static size_t count_rows(const option *options)
{
    size_t n = 0;
    while (options[n].name) n++;
    return n;
}

static void *field_of(const option *o, void *fields)
{
    return (char *)fields + o->offset;
}

static int bad_value(const option *o, const char *text, const char *wanted, err *e)
{
    return err_set(e, ERR_USAGE, "--%s is %s, not '%s'", o->name, wanted, text);
}

static int set_enum(const option *o, void *field, const char *text, err *e)
{
    char **words = str_split(o->words, ' ', NULL, e);
    if (!words) return -1;
    int status = -1;
    for (size_t i = 0; words[i] && status; i++)
        if (str_same(words[i], text)) status = 0;
    if (status) {
        const char *nearest = str_nearest(text, (const char *const *)words);
        err_set(e, ERR_USAGE, "--%s is one of %s, not '%s'", o->name, o->words, text);
        if (nearest) err_hint(e, "did you mean '%s'?", nearest);
    } else {
        *(const char **)field = text;
    }
    free(words);
    return status;
}

static int add_to_list(option_list *list, const char *text, arena *a, err *e)
{
    const char **at = arena_get(a, (list->n + 1) * sizeof *at, e);
    if (!at) return -1;
    for (size_t i = 0; i < list->n; i++) at[i] = list->at[i];
    at[list->n++] = text;
    list->at = at;
    return 0;
}

/* text lives in the arena; NULL: a flag that is given. */
static int set_value(const option *o, void *fields, const char *text, arena *a, err *e)
{
    void *field = field_of(o, fields);
    switch (o->kind) {
    case OPT_FLAG: *(bool *)field = true; return 0;
    case OPT_TEXT: *(const char **)field = text; return 0;
    case OPT_LIST: return add_to_list(field, text, a, e);
    case OPT_ENUM: return set_enum(o, field, text, e);
    case OPT_COUNT: return parse_size(text, field) ? bad_value(o, text, "a whole number >= 0", e) : 0;
    case OPT_BYTES: return parse_bytes(text, field) ? bad_value(o, text, "a size as 512M or 4G", e) : 0;
    case OPT_REAL: break;
    }
    if (parse_double(text, field) || !isfinite(*(double *)field)) return bad_value(o, text, "a finite number", e);
    return 0;
}

static size_t field_size(const option *o)
{
    switch (o->kind) {
    case OPT_FLAG: return sizeof(bool);
    case OPT_LIST: return sizeof(option_list);
    case OPT_COUNT:
    case OPT_BYTES: return sizeof(size_t);
    case OPT_REAL: return sizeof(double);
    case OPT_TEXT:
    case OPT_ENUM: break;
    }
    return sizeof(const char *);
}

static int set_defaults(const option *options, void *fields, arena *a, err *e)
{
    for (const option *o = options; o->name; o++) {
        memset(field_of(o, fields), 0, field_size(o));
        if (o->fallback && set_value(o, fields, o->fallback, a, e))
            return err_while(e, "setting the default of --%s", o->name);
    }
    return 0;
}

static void print_wrapped(const char *text, size_t indent, size_t at)
{
    while (*text) {
        size_t n = strcspn(text, " ");
        if (at + n + 1 > 79 && at > indent) {
            printf("\n%*s", (int)indent, "");
            at = indent;
        }
        printf("%.*s", (int)n, text);
        at += n;
        text += n;
        while (*text == ' ') {
            putchar(' ');
            text++;
            at++;
        }
    }
    putchar('\n');
}

static const char *argument_name(const option *o)
{
    switch (o->kind) {
    case OPT_FLAG: return "";
    case OPT_TEXT:
    case OPT_LIST: return o->words ? o->words : "TEXT";
    case OPT_ENUM: return "WORD";
    case OPT_COUNT: return "N";
    case OPT_REAL: return o->words ? o->words : "X";
    case OPT_BYTES: return "SIZE";
    }
    return "";
}

static void print_option(const option *o)
{
    char head[128], text[1024];
    const char *value = argument_name(o);
    snprintf(head, sizeof head, "  --%s%s%s", o->name, *value ? " " : "", value);
    snprintf(text, sizeof text, "%s%s%s%s%s%s%s", o->help, o->kind == OPT_ENUM ? ": " : "", o->kind == OPT_ENUM ? o->words : "",
             o->kind == OPT_LIST ? "; may be repeated" : "", o->fallback ? " (default " : "", o->fallback ? o->fallback : "",
             o->fallback ? ")" : "");
    printf("%-27s ", head);
    if (strlen(head) > 27) printf("\n%28s", "");
    print_wrapped(text, 28, 28);
}

static void print_help(const option *options, const option_help *help)
{
    printf("broca %s: %s\n\nUsage: broca %s [options]%s%s\n\n", help->program, help->summary, help->program,
           help->arguments ? " " : "", help->arguments ? help->arguments : "");
    for (const option *o = options; o->name; o++) print_option(o);
    printf("  --help                     this text\n  --version                  the version\n");
    if (help->epilogue) printf("\n%s", help->epilogue);
}

static const char *strip(const char *bad)
{
    return bad + strspn(bad, "-");
}

static int report_bad(poptContext context, int code, const option *options, err *e)
{
    const char *bad = poptBadOption(context, POPT_BADOPTION_NOALIAS);
    if (code != POPT_ERROR_BADOPT) return err_set(e, ERR_USAGE, "%s: %s", bad, poptStrerror(code));
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(strip(bad), "="), strip(bad));
    const char **names = mem_new(count_rows(options) + 3, sizeof *names, e);
    if (!names) return -1;
    size_t n = 0;
    for (const option *o = options; o->name; o++) names[n++] = o->name;
    names[n++] = "help";
    names[n++] = "version";
    const char *nearest = str_nearest(word, names);
    err_set(e, ERR_USAGE, "unknown option '%s'", bad);
    if (nearest) err_hint(e, "did you mean --%s?", nearest);
    else err_hint(e, "--help lists the options");
    free(names);
    return -1;
}

enum { HELP = 100000, VERSION };

static struct poptOption *popt_table(const option *options, size_t n, err *e)
{
    struct poptOption *t = mem_new(n + 3, sizeof *t, e);
    if (!t) return NULL;
    for (size_t i = 0; i < n; i++)
        t[i] = (struct poptOption){ .longName = options[i].name, .val = (int)i + 1,
                                    .argInfo = options[i].kind == OPT_FLAG ? POPT_ARG_NONE : POPT_ARG_STRING };
    t[n] = (struct poptOption){ .longName = "help", .shortName = 'h', .val = HELP };
    t[n + 1] = (struct poptOption){ .longName = "version", .val = VERSION };
    return t;
}

static int take_options(poptContext context, parsed *p, const option *options, void *fields, const option_help *help,
                        bool *stop, err *e)
{
    int code;
    while ((code = poptGetNextOpt(context)) > 0) {
        if (code == HELP || code == VERSION) {
            if (code == HELP) print_help(options, help);
            else printf("broca %s\n", BROCA_VERSION);
            *stop = true;
            return 0;
        }
        const option *o = &options[code - 1];
        char *raw = poptGetOptArg(context);
        char *text = raw ? arena_text(p->memory, raw, strlen(raw), e) : NULL;
        bool lost = raw && !text;
        free(raw);
        if (lost || set_value(o, fields, text, p->memory, e)) return -1;
        p->given[code - 1] = true;
    }
    return code < -1 ? report_bad(context, code, options, e) : 0;
}

static int take_arguments(poptContext context, parsed *p, const option_help *help, err *e)
{
    const char **left = poptGetArgs(context);
    size_t n = 0;
    while (left && left[n]) n++;
    if (n && !help->arguments) {
        err_set(e, ERR_USAGE, "unexpected argument '%s'", left[0]);
        return err_hint(e, "inputs are options; --help lists them");
    }
    if (!(p->arguments = arena_get(p->memory, (n + 1) * sizeof *p->arguments, e))) return -1;
    for (size_t i = 0; i < n; i++)
        if (!(p->arguments[i] = arena_text(p->memory, left[i], strlen(left[i]), e))) return -1;
    p->n_arguments = n;
    return 0;
}

int options_parse(parsed **out, const option *options, void *fields, int argc, char **argv, const option_help *help,
                  bool *help_wanted, err *e)
{
    size_t n = count_rows(options);
    struct poptOption *t = NULL;
    poptContext context = NULL;
    bool stop = false;
    int status = -1;
    parsed *p = mem_new(1, sizeof *p, e);
    if (!p) return -1;
    p->options = options;
    if (!(p->memory = arena_new(e)) || !(p->given = arena_get(p->memory, n + 1, e))) goto done;
    if (set_defaults(options, fields, p->memory, e)) goto done;
    if (!(t = popt_table(options, n, e))) goto done;
    context = poptGetContext(NULL, argc, (const char **)argv, t, 0);
    if (!context) {
        err_memory(e, sizeof *t);
        goto done;
    }
    if (take_options(context, p, options, fields, help, &stop, e)) goto done;
    if (!stop && take_arguments(context, p, help, e)) goto done;
    *help_wanted = stop;
    *out = p;
    p = NULL;
    status = 0;
done:
    if (context) poptFreeContext(context);
    free(t);
    parsed_free(p);
    return status;
}

size_t parsed_arguments(const parsed *p, const char *const **arguments)
{
    *arguments = p->arguments;
    return p->n_arguments;
}

bool parsed_given(const parsed *p, const char *name)
{
    for (size_t i = 0; p->options[i].name; i++)
        if (str_same(p->options[i].name, name)) return p->given[i];
    return false;
}

void parsed_free(parsed *p)
{
    if (!p) return;
    arena_free(p->memory);
    free(p);
}

/* ---- the attribute `config` ---- */

static void add_quoted(buffer *b, const char *text)
{
    if (!text) {
        buffer_text(b, "null");
        return;
    }
    buffer_text(b, "\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') buffer_printf(b, "\\%c", c);
        else if (c < 0x20) buffer_printf(b, "\\u%04x", c);
        else buffer_add(b, text, 1);
    }
    buffer_text(b, "\"");
}

static void add_number(buffer *b, double value)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        double back;
        if (!parse_double(text, &back) && back == value) break;
    }
    buffer_text(b, text);
}

static void add_value(buffer *b, const option *o, const void *field)
{
    switch (o->kind) {
    case OPT_FLAG: buffer_text(b, *(const bool *)field ? "true" : "false"); return;
    case OPT_TEXT:
    case OPT_ENUM: add_quoted(b, *(const char *const *)field); return;
    case OPT_COUNT:
    case OPT_BYTES: buffer_printf(b, "%zu", *(const size_t *)field); return;
    case OPT_REAL: add_number(b, *(const double *)field); return;
    case OPT_LIST: break;
    }
    const option_list *list = field;
    buffer_text(b, "[");
    for (size_t i = 0; i < list->n; i++) {
        if (i) buffer_text(b, ",");
        add_quoted(b, list->at[i]);
    }
    buffer_text(b, "]");
}

char *options_config(const option *options, const void *fields, err *e)
{
    buffer b = { 0 };
    bool first = true;
    buffer_text(&b, "{");
    for (const option *o = options; o->name; o++) {
        if (!o->bytes) continue;
        if (!first) buffer_text(&b, ",");
        first = false;
        add_quoted(&b, o->name);
        buffer_text(&b, ":");
        add_value(&b, o, (const char *)fields + o->offset);
    }
    buffer_text(&b, "}");
    if (!buffer_ok(&b, e)) return b.at;
    free(b.at);
    return NULL;
}
