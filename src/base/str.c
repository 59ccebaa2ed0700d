/* SPDX-License-Identifier: MIT */
/* Strings and numbers. */
#include "broca/base.h"

#include <errno.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

char *str_format(err *e, const char *format, ...)
{
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int n = vsnprintf(NULL, 0, format, list);
    va_end(list);
    char *text = n >= 0 ? mem_new((size_t)n + 1, 1, e) : NULL;
    if (text) vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}

enum { LONGEST = 63 };

static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b), row[LONGEST + 1];
    if (n > LONGEST || m > LONGEST) return SIZE_MAX;
    for (size_t j = 0; j <= m; j++) row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = corner + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            corner = row[j];
            row[j] = best;
        }
    }
    return row[m];
}

const char *str_nearest(const char *word, const char *const *words)
{
    const char *nearest = NULL;
    size_t limit = strlen(word) / 3 > 2 ? strlen(word) / 3 : 2, best = limit + 1;
    for (; *words; words++) {
        size_t d = distance(word, *words);
        if (d < best && d < strlen(*words)) {
            best = d;
            nearest = *words;
        }
    }
    return nearest;
}

int parse_double(const char *text, double *out)
{
    char *end;
    if (!*text || isspace((unsigned char)*text)) return -1;
    double value = strtod(text, &end);
    if (*end) return -1;
    *out = value;
    return 0;
}

int parse_size(const char *text, size_t *out)
{
    size_t value = 0;
    if (!*text) return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return -1;
        if (__builtin_mul_overflow(value, (size_t)10, &value)) return -1;
        if (__builtin_add_overflow(value, (size_t)(*text - '0'), &value)) return -1;
    }
    *out = value;
    return 0;
}

int parse_long(const char *text, long *out)
{
    char *end;
    if (!*text || isspace((unsigned char)*text)) return -1;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (*end || errno) return -1;
    *out = value;
    return 0;
}

int parse_bytes(const char *text, size_t *out)
{
    static const char units[] = "KMGT";
    char digits[32];
    size_t n = strlen(text), value, factor = 1;
    if (!n || n >= sizeof digits) return -1;
    memcpy(digits, text, n + 1);
    const char *unit = strchr(units, toupper((unsigned char)digits[n - 1]));
    if (unit && *unit) {
        digits[n - 1] = 0;
        factor = (size_t)1 << (10 * (unit - units + 1));
    }
    if (parse_size(digits, &value) || __builtin_mul_overflow(value, factor, &value)) return -1;
    *out = value;
    return 0;
}

bool str_same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

bool str_begins(const char *text, const char *head)
{
    return strncmp(text, head, strlen(head)) == 0;
}

bool str_ends(const char *text, const char *tail)
{
    size_t n = strlen(text), m = strlen(tail);
    return n >= m && strcmp(text + n - m, tail) == 0;
}

char **str_split(const char *text, char separator, size_t *n, err *e)
{
    size_t parts = 1, length = strlen(text);
    for (const char *p = text; *p; p++) parts += *p == separator;
    char **list = mem_new((parts + 1) * sizeof *list + length + 1, 1, e);
    if (!list) return NULL;
    char *copy = (char *)(list + parts + 1);
    memcpy(copy, text, length + 1);
    for (size_t i = 0; i < parts; i++) {
        list[i] = copy;
        char *end = strchr(copy, separator);
        if (end) {
            *end = 0;
            copy = end + 1;
        }
    }
    if (n) *n = parts;
    return list;
}
