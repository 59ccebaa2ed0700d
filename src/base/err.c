/* SPDX-License-Identifier: MIT */
/* Error chains in a fixed-size struct of the caller's, so that they work without memory. */
#include "broca/base.h"

#include <errno.h>
#include <string.h>

static void append(char *text, size_t room, const char *format, va_list list)
{
    size_t used = strlen(text);
    if (used + 1 >= room) return;
    int n = vsnprintf(text + used, room - used, format, list);
    if (n >= 0 && (size_t)n >= room - used) memcpy(text + room - 4, "...", 4); /* cut: say so */
}

int err_set(err *e, err_kind kind, const char *format, ...)
{
    va_list list;
    if (!e) return -1;
    e->kind = kind;
    e->text[0] = e->hint[0] = 0;
    va_start(list, format);
    append(e->text, sizeof e->text, format, list);
    va_end(list);
    return -1;
}

int err_while(err *e, const char *format, ...)
{
    char line[400] = "\n  while ";
    va_list list;
    if (!e) return -1;
    va_start(list, format);
    append(line, sizeof line, format, list);
    va_end(list);
    size_t used = strlen(e->text), n = strlen(line);
    if (used + n + 1 <= sizeof e->text) memcpy(e->text + used, line, n + 1);
    return -1;
}

int err_hint(err *e, const char *format, ...)
{
    va_list list;
    if (!e) return -1;
    e->hint[0] = 0;
    va_start(list, format);
    append(e->hint, sizeof e->hint, format, list);
    va_end(list);
    return -1;
}

int err_memory(err *e, size_t bytes)
{
    return err_set(e, ERR_MEMORY, "cannot get %zu bytes of memory", bytes);
}

int err_system(err *e, const char *format, ...)
{
    int number = errno;
    va_list list;
    if (!e) return -1;
    e->kind = ERR_ENVIRONMENT;
    e->text[0] = e->hint[0] = 0;
    va_start(list, format);
    append(e->text, sizeof e->text - 128, format, list);
    va_end(list);
    size_t used = strlen(e->text);
    snprintf(e->text + used, sizeof e->text - used, ": %s", strerror(number));
    return -1;
}

const char *err_text(const err *e)
{
    static _Thread_local char all[sizeof e->text + sizeof e->hint + 16];
    if (!e) return "";
    if (!e->hint[0]) return e->text;
    snprintf(all, sizeof all, "%s\n  hint: %s", e->text, e->hint);
    return all;
}

int err_status(const err *e)
{
    switch (e->kind) {
    case ERR_NONE: return 0;
    case ERR_INPUT:
    case ERR_USAGE: return 2;
    case ERR_INTERRUPTED: return 3;
    case ERR_ENVIRONMENT:
    case ERR_MEMORY: break;
    }
    return 1;
}

void err_clear(err *e)
{
    e->kind = ERR_NONE;
    e->text[0] = e->hint[0] = 0;
}
