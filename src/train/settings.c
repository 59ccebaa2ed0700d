/* SPDX-License-Identifier: MIT */
/* Settings of a training run as text: one table of keys for --arch, --plan, files of settings, and the identity of a
 * run. */
#include "training_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum { KEY_COUNT, KEY_REAL, KEY_FLAG, KEY_WORD, KEY_SHEET } key_kind;
typedef struct {
    const char *name;
    key_kind kind;
    size_t offset;
    bool plan;         /* of the training plan, not of the model */
    const char *words; /* KEY_WORD: values, numbered from 0 */
    const char *help;
} setting;

#define MODEL(field) offsetof(training_settings, model.field)
#define PLAN(field) offsetof(training_settings, plan.field)
static const setting settings[] = {
    { "family", KEY_WORD, MODEL(family), false, "gpt2 llama", NULL },
    { "layers", KEY_COUNT, MODEL(layers), false, NULL, "blocks" },
    { "width", KEY_COUNT, MODEL(width), false, NULL, "units of the residual stream" },
    { "heads", KEY_COUNT, MODEL(heads), false, NULL, "attention heads" },
    { "kv-heads", KEY_COUNT, MODEL(kv_heads), false, NULL, "llama: key and value heads; 0: heads" },
    { "inner", KEY_COUNT, MODEL(inner), false, NULL, "units inside of the MLP; 0: 4 widths, llama 2/3 of them" },
    { "context", KEY_COUNT, MODEL(context), false, NULL, "positions" },
    { "bias", KEY_FLAG, MODEL(bias), false, NULL, "biases in linear layers and LayerNorm" },
    { "tied", KEY_FLAG, MODEL(tied), false, NULL, "the output is the token embedding" },
    { "norm-eps", KEY_REAL, MODEL(norm_eps), false, NULL, "epsilon of the norms" },
    { "init-std", KEY_REAL, MODEL(init_std), false, NULL, "sd of the initial weights" },
    { "rope-theta", KEY_REAL, MODEL(rope_theta), false, NULL, "llama: base of the rotary angles" },
    { "sheet", KEY_SHEET, MODEL(sheet_rows), false, NULL, "ROWSxCOLUMNS = width, or none" },
    { "placement", KEY_WORD, MODEL(placement), false, "pre post", "taps: sublayer outputs, or the stream after them" },
    { "layout", KEY_WORD, MODEL(layout), false, "random grid", "where units lie on their sheets" },
    { "radius", KEY_COUNT, MODEL(radius), false, NULL, "of neighbourhoods, Chebyshev distance below it" },
    { "neighbourhoods", KEY_COUNT, MODEL(neighbourhoods), false, NULL, "drawn for each tap and micro-batch" },
    { "alpha", KEY_REAL, MODEL(alpha), false, NULL, "weight of the spatial losses' sum over taps" },
    { "tap-loss", KEY_WORD, MODEL(maximum), false, "mean maximum", "of a tap's neighbourhoods" },
    { "activation-decay", KEY_REAL, MODEL(activation_decay), false, NULL,
      "times the mean squared length of the taps' rows" },
    { "precision", KEY_WORD, MODEL(precision), false, "fp32 bf16 fp64", "of the products" },
    { "steps", KEY_COUNT, PLAN(steps), true, NULL, "updates" },
    { "windows", KEY_COUNT, PLAN(windows), true, NULL, "windows of a micro-batch" },
    { "length", KEY_COUNT, PLAN(length), true, NULL, "tokens of a window; 0: the context" },
    { "micro-batches", KEY_COUNT, PLAN(micro_batches), true, NULL, "accumulated in a step" },
    { "warmup", KEY_COUNT, PLAN(warmup), true, NULL, "steps from rate 0 to the peak" },
    { "peak", KEY_REAL, PLAN(peak), true, NULL, "largest rate" },
    { "floor", KEY_REAL, PLAN(floor), true, NULL, "rate at the end of the cosine" },
    { "beta1", KEY_REAL, PLAN(beta1), true, NULL, "AdamW" },
    { "beta2", KEY_REAL, PLAN(beta2), true, NULL, "AdamW" },
    { "epsilon", KEY_REAL, PLAN(epsilon), true, NULL, "AdamW" },
    { "decay", KEY_REAL, PLAN(decay), true, NULL, "of tensors of two dimensions" },
    { "clip", KEY_REAL, PLAN(clip), true, NULL, "largest norm of the gradient" },
};
enum { SETTINGS = sizeof settings / sizeof *settings, FILE_LIMIT = 1 << 20 };
static const char *const architectures[] = { "topolm", "gpt2", "llama", NULL };

/* ---- one value ---- */

/* Place of word in the blank-separated list, or -1. */
static int word_number(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (int k = 0; *list; k++) {
        size_t n = strcspn(list, " ");
        if (n == length && memcmp(list, word, n) == 0) return k;
        list += n + (list[n] == ' ');
    }
    return -1;
}

static void word_at(const char *list, int number, char *out, size_t room)
{
    for (; number > 0 && *list; number--)
        list += strcspn(list, " ") + 1;
    snprintf(out, room, "%.*s", (int)strcspn(list, " "), list);
}

static int read_sheet(size_t *rows, const char *text, const char *where, err *e)
{
    char head[32];
    const char *x = strchr(text, 'x');
    rows[0] = rows[1] = 0;
    if (str_same(text, "none")) return 0;
    if (x && (size_t)(x - text) < sizeof head) {
        snprintf(head, sizeof head, "%.*s", (int)(x - text), text);
        if (!parse_size(head, &rows[0]) && !parse_size(x + 1, &rows[1]) && rows[0] && rows[1]) return 0;
    }
    return err_set(e, ERR_USAGE, "%s: sheet is ROWSxCOLUMNS or none, not '%s'", where, text);
}

/* An enum or a bool, by the number of its word. */
static void set_number(void *field, const setting *k, int number)
{
    unsigned value = (unsigned)number;
    if (k->kind == KEY_FLAG || k->offset == MODEL(maximum))
        *(bool *)field = number != 0;
    else
        memcpy(field, &value, sizeof value);
}

static int get_number(const void *field, const setting *k)
{
    unsigned value = 0;
    if (k->kind == KEY_FLAG || k->offset == MODEL(maximum)) return *(const bool *)field;
    memcpy(&value, field, sizeof value);
    return (int)value;
}

static int read_value(training_settings *s, const setting *k, const char *text, const char *where, err *e)
{
    void *field = (char *)s + k->offset;
    const char *words = k->kind == KEY_FLAG ? "no yes" : k->words;
    switch (k->kind) {
    case KEY_COUNT:
        if (!parse_size(text, field)) return 0;
        return err_set(e, ERR_USAGE, "%s: %s is a whole number, not '%s'", where, k->name, text);
    case KEY_REAL:
        if (!parse_double(text, field) && isfinite(*(double *)field)) return 0;
        return err_set(e, ERR_USAGE, "%s: %s is a number, not '%s'", where, k->name, text);
    case KEY_SHEET:
        return read_sheet(field, text, where, e);
    case KEY_FLAG:
    case KEY_WORD:
        break;
    }
    int number = word_number(words, text);
    if (number < 0) return err_set(e, ERR_USAGE, "%s: %s is one of %s, not '%s'", where, k->name, words, text);
    set_number(field, k, number);
    return 0;
}

static int unknown_key(const char *key, const char *where, err *e)
{
    const char *words[SETTINGS + 1];
    size_t n = 0;
    for (size_t i = 0; i < SETTINGS; i++)
        if (settings[i].help) words[n++] = settings[i].name;
    words[n] = NULL;
    err_set(e, ERR_USAGE, "%s: unknown key '%s'", where, key);
    const char *nearest = str_nearest(key, words);
    return nearest ? err_hint(e, "did you mean %s?", nearest) : err_hint(e, "broca train --help lists the keys");
}

/* part: key=value, is written into. */
typedef enum { ONLY_MODEL, ONLY_PLAN, BOTH } key_choice;
static int read_key(training_settings *s, char *part, key_choice choice, const char *where, err *e)
{
    char *equals = strchr(part, '=');
    if (!equals) return err_set(e, ERR_USAGE, "%s: '%s' is not KEY=VALUE", where, part);
    *equals = 0;
    for (size_t i = 0; i < SETTINGS; i++) {
        const setting *k = &settings[i];
        if (!k->help || !str_same(k->name, part)) continue;
        if (choice != BOTH && k->plan != (choice == ONLY_PLAN))
            return err_set(e, ERR_USAGE, "%s: %s belongs to --%s", where, k->name, k->plan ? "plan" : "arch");
        return read_value(s, k, equals + 1, where, e);
    }
    return unknown_key(part, where, e);
}

/* ---- lists and files ---- */

static int start(training_settings *s, const char *name, const char *where, err *e)
{
    train_defaults(&s->model, &s->plan);
    train_model *m = &s->model;
    m->layers = m->heads = 4;
    m->context = 128;
    m->width = 128;
    if (str_same(name, "topolm")) {
        m->width = 196;
        m->bias = false;
        m->alpha = .25;
        m->sheet_rows = SIZE_MAX; /* by the width, unless it is said */
    } else if (str_same(name, "gpt2") || str_same(name, "llama")) {
        m->family = str_same(name, "gpt2") ? TRAIN_GPT2 : TRAIN_LLAMA;
        m->bias = m->family == TRAIN_GPT2;
    } else {
        err_set(e, ERR_USAGE, "%s: architecture '%.60s' is not known; known are topolm, gpt2, llama", where, name);
        const char *nearest = str_nearest(name, architectures);
        return nearest ? err_hint(e, "did you mean %s?", nearest) : -1;
    }
    return 0;
}

/* The squarest sheet of the width. */
static void finish(training_settings *s)
{
    train_model *m = &s->model;
    if (m->sheet_rows != SIZE_MAX) return;
    size_t rows = 1;
    for (size_t r = 1; r * r <= m->width; r++)
        if (m->width % r == 0) rows = r;
    m->sheet_rows = rows;
    m->sheet_columns = m->width / rows;
}

int training_arch(training_settings *s, const char *text, err *e)
{
    size_t n = 0;
    int status = -1;
    char **parts = str_split(text, ',', &n, e);
    if (!parts) return -1;
    if (start(s, n ? parts[0] : "", "--arch", e)) goto done;
    for (size_t i = 1; i < n; i++)
        if (read_key(s, parts[i], ONLY_MODEL, "--arch", e)) goto done;
    finish(s);
    status = 0;
done:
    free(parts);
    return status;
}

int training_plan(training_settings *s, const char *text, err *e)
{
    size_t n = 0;
    int status = 0;
    char **parts = str_split(text, ',', &n, e);
    if (!parts) return -1;
    for (size_t i = 0; i < n && !status; i++)
        status = read_key(s, parts[i], ONLY_PLAN, "--plan", e);
    free(parts);
    return status;
}

/* A line without its comment and blanks: "key = value" -> "key=value". */
static void squeeze(char *line)
{
    char *out = line;
    line[strcspn(line, "#")] = 0;
    for (const char *c = line; *c; c++)
        if ((unsigned char)*c > ' ') *out++ = *c;
    *out = 0;
}

int training_file(training_settings *s, const char *path, err *e)
{
    char *text = NULL, **lines = NULL, where[256];
    size_t size, n = 0;
    bool started = false;
    int status = -1;
    if (file_read(&text, &size, path, FILE_LIMIT, e) || !(lines = str_split(text, '\n', &n, e))) goto done;
    for (size_t i = 0; i < n; i++) {
        snprintf(where, sizeof where, "%.200s, line %zu", path, i + 1);
        squeeze(lines[i]);
        if (!*lines[i]) continue;
        if (str_begins(lines[i], "arch=") && !started) {
            if (start(s, lines[i] + strlen("arch="), where, e)) goto done;
            started = true;
            continue;
        }
        if (!started) {
            err_set(e, ERR_USAGE, "%s: the first key is arch: topolm, gpt2 or llama", where);
            goto done;
        }
        if (read_key(s, lines[i], BOTH, where, e)) goto done;
    }
    if (!started) {
        err_set(e, ERR_USAGE, "%s holds no settings", path);
        goto done;
    }
    finish(s);
    status = 0;
done:
    free(lines);
    free(text);
    return status;
}

/* ---- written and compared ---- */

static void value_text(const training_settings *s, const setting *k, char *out, size_t room)
{
    const void *field = (const char *)s + k->offset;
    const size_t *count = field;
    buffer number = { 0 };
    switch (k->kind) {
    case KEY_COUNT:
        snprintf(out, room, "%zu", count[0]);
        break;
    case KEY_REAL:
        json_double(&number, *(const double *)field);
        snprintf(out, room, "%s", number.at ? number.at : "");
        free(number.at);
        break;
    case KEY_SHEET:
        if (count[0])
            snprintf(out, room, "%zux%zu", count[0], count[1]);
        else
            snprintf(out, room, "none");
        break;
    case KEY_FLAG:
    case KEY_WORD:
        word_at(k->kind == KEY_FLAG ? "no yes" : k->words, get_number(field, k), out, room);
        break;
    }
}

void training_json(const training_settings *s, buffer *out)
{
    char text[64];
    buffer_text(out, "{");
    for (size_t i = 0; i < SETTINGS; i++) {
        value_text(s, &settings[i], text, sizeof text);
        bool number = settings[i].kind == KEY_COUNT || settings[i].kind == KEY_REAL;
        buffer_printf(out, number ? "%s\"%s\":%s" : "%s\"%s\":\"%s\"", i ? "," : "", settings[i].name, text);
    }
    buffer_text(out, "}");
}

int settings_same(const training_settings *s, const json *theirs, const char *where, err *e)
{
    char mine[64], other[64];
    buffer all = { 0 };
    for (size_t i = 0; i < SETTINGS; i++) {
        const json *j = json_get(theirs, settings[i].name);
        buffer number = { 0 };
        value_text(s, &settings[i], mine, sizeof mine);
        if (json_is_number(j)) json_double(&number, json_number(j, 0));
        snprintf(other, sizeof other, "%.60s", json_is_text(j) ? json_text(j, "") : number.at ? number.at : "absent");
        free(number.at);
        if (!str_same(mine, other))
            buffer_printf(&all, "%s%s %s instead of %s", all.size ? ", " : "", settings[i].name, other, mine);
    }
    if (!all.size) return 0;
    err_set(e, ERR_INPUT, "%s is the checkpoint of another configuration: %.400s", where, all.at ? all.at : "");
    free(all.at);
    return err_hint(e, "give the settings it was started with, or train into another folder");
}

void training_keys(buffer *out)
{
    for (int plan = 0; plan < 2; plan++) {
        buffer_printf(out, "Keys of --%s\n", plan ? "plan" : "arch");
        for (size_t i = 0; i < SETTINGS; i++) {
            const setting *k = &settings[i];
            if (!k->help || k->plan != (plan == 1)) continue;
            buffer_printf(out, "  %-17s %s%s%s%s\n", k->name, k->help, k->words || k->kind == KEY_FLAG ? " (" : "",
                          k->words              ? k->words
                          : k->kind == KEY_FLAG ? "no yes"
                                                : "",
                          k->words || k->kind == KEY_FLAG ? ")" : "");
        }
    }
}
