/* SPDX-License-Identifier: MIT */
/* Praat TextGrid, long text form: the tier "word" as timed words. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"

typedef struct {
    const char *path;
    char *at;   /* rest of the file, cut into lines as it is read */
    size_t line;
} reader;

static char *next_line(reader *r)
{
    char *line = r->at;
    if (!line || !*line) return NULL;
    char *end = strchr(line, '\n');
    r->at = end ? end + 1 : NULL;
    if (end) *end = 0;
    size_t n = strlen(line);
    if (n && line[n - 1] == '\r') line[n - 1] = 0;
    r->line++;
    return line + strspn(line, " \t");
}

/* "xmin = 12.5" -> 12.5 when the line begins with key. */
static bool value_of(const char *line, const char *key, const char **value)
{
    size_t n = strlen(key);
    if (strncmp(line, key, n) != 0) return false;
    line += n;
    line += strspn(line, " \t");
    if (*line != '=' && *line != ':') return false;
    line++;
    *value = line + strspn(line, " \t");
    return true;
}

static int number_of(const reader *r, const char *text, double *out, err *e)
{
    char copy[64];
    snprintf(copy, sizeof copy, "%s", text);
    for (size_t n = strlen(copy); n && strchr(" \t", copy[n - 1]); n--) copy[n - 1] = 0;
    if (!parse_double(copy, out) && isfinite(*out)) return 0;
    return err_set(e, ERR_INPUT, "%s: line %zu: '%s' is no time", r->path, r->line, copy);
}

/* Quoted text in place; "" inside is one quote. Blanks at the ends of a label mean nothing and are cut. */
static int label_of(const reader *r, char *text, char **out, err *e)
{
    char *to = text, *from = text + 1;
    if (*text != '"') return err_set(e, ERR_INPUT, "%s: line %zu: a quoted label is expected", r->path, r->line);
    while (*from) {
        if (*from == '"') {
            if (from[1] != '"') break;
            from++;
        }
        *to++ = *from++;
    }
    if (*from != '"') return err_set(e, ERR_INPUT, "%s: line %zu: the label does not end", r->path, r->line);
    *to = 0;
    char *begin = text + strspn(text, " \t");
    while (to > begin && strchr(" \t", to[-1])) *--to = 0;
    *out = begin;
    return 0;
}

static bool is_clitic(const char *label)
{
    return label[0] == '\'' || str_same(label, "n't");
}

/* Joins label to the word before it: one word with the host's onset and the clitic's offset. */
static int join_clitic(timed_word *host, const char *label, double offset, arena *a, err *e)
{
    size_t n = strlen(host->text), m = strlen(label);
    char *text = arena_get(a, n + m + 1, e);
    if (!text) return -1;
    memcpy(text, host->text, n);
    memcpy(text + n, label, m);
    host->text = text;
    host->offset = offset;
    return 0;
}

typedef struct {
    timed_word *at;
    size_t n;
    bool after_pause; /* a clitic after a pause has no host */
    double last_end;
    char last_label[64];
    size_t intervals;
} word_list;

static int add_interval(word_list *l, const reader *r, char *label, double xmin, double xmax, arena *a, err *e)
{
    if (xmax < xmin)
        return err_set(e, ERR_INPUT, "%s: line %zu: interval '%s' ends at %.4f s, before it begins at %.4f s", r->path, r->line,
                       label, xmax, xmin);
    if (l->intervals && xmin < l->last_end - 1e-6)
        return err_set(e, ERR_INPUT, "%s: line %zu: intervals overlap: '%s' ends at %.4f s, '%s' begins at %.4f s", r->path,
                       r->line, l->last_label, l->last_end, label, xmin);
    l->intervals++;
    l->last_end = xmax;
    snprintf(l->last_label, sizeof l->last_label, "%s", label);
    bool pause = !*label || str_same(label, "sp");
    if (!pause && is_clitic(label) && l->n && !l->after_pause) {
        if (join_clitic(&l->at[l->n - 1], label, xmax, a, e)) return -1;
    } else if (!pause) {
        void *list = l->at;
        if (mem_grow(&list, l->n + 1, sizeof *l->at, e)) return -1;
        l->at = list;
        l->at[l->n++] = (timed_word){ .text = label, .onset = xmin, .offset = xmax };
    }
    l->after_pause = pause;
    return 0;
}

static int find_tier(reader *r, err *e)
{
    char *line;
    const char *value;
    while ((line = next_line(r)))
        if (value_of(line, "name", &value) && str_begins(value, "\"word\"")) return 0;
    err_set(e, ERR_INPUT, "%s: no interval tier called \"word\"", r->path);
    return err_hint(e, "the long text form of Praat's TextGrid is read; save it as such");
}

static int read_intervals(reader *r, word_list *l, arena *a, err *e)
{
    char *line;
    const char *value;
    double xmin = NAN, xmax = NAN, expected = NAN;
    while ((line = next_line(r))) {
        if (str_begins(line, "item [")) break; /* the next tier */
        if (value_of(line, "intervals: size", &value)) {
            if (number_of(r, value, &expected, e)) return -1;
        } else if (value_of(line, "xmin", &value)) {
            if (number_of(r, value, &xmin, e)) return -1;
        } else if (value_of(line, "xmax", &value)) {
            if (number_of(r, value, &xmax, e)) return -1;
        } else if (value_of(line, "text", &value)) {
            char *label = NULL;
            if (label_of(r, line + (value - line), &label, e)) return -1;
            if (isnan(xmin) || isnan(xmax))
                return err_set(e, ERR_INPUT, "%s: line %zu: label '%s' has no times", r->path, r->line, label);
            if (add_interval(l, r, label, xmin, xmax, a, e)) return -1;
            xmin = xmax = NAN;
        }
    }
    if (!isnan(expected) && (double)l->intervals != expected)
        return err_set(e, ERR_INPUT, "%s: %.0f intervals are announced, %zu are there; the file is cut short", r->path, expected,
                       l->intervals);
    return 0;
}

int stimuli_from_textgrid(stimuli **out, const char *path, const char *id, err *e)
{
    char *text = NULL;
    size_t bytes;
    word_list l = { .after_pause = true };
    arena *a = NULL;
    int status = -1;
    if (file_read(&text, &bytes, path, 64u << 20, e)) goto done;
    reader r = { .path = path, .at = text };
    if (!(a = arena_new(e))) goto done;
    if (find_tier(&r, e) || read_intervals(&r, &l, a, e)) goto done;
    status = stimuli_join(out, l.at, l.n, id, path, e);
done:
    if (status) err_while(e, "reading timed words from %s", path);
    arena_free(a);
    free(l.at);
    free(text);
    return status;
}
