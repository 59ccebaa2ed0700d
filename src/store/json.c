/* SPDX-License-Identifier: MIT */
/* JSON by cJSON; a node is a cJSON node under another name. */
#include "broca/store.h"

#include <cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const cJSON *node(const json *j)
{
    return (const cJSON *)(const void *)j;
}

static const json *back(const cJSON *c)
{
    return (const json *)(const void *)c;
}

int json_parse(json **out, const char *text, size_t n, const char *name, err *e)
{
    const char *end = text;
    cJSON *root = cJSON_ParseWithLengthOpts(text, n, &end, false);
    size_t at = root ? (size_t)(end - text) : end ? (size_t)(end - text) : 0;
    if (root) {
        while (at < n && strchr(" \t\r\n", text[at]) && text[at]) at++;
        if (at == n) {
            *out = (json *)(void *)root;
            return 0;
        }
        cJSON_Delete(root);
    }
    return err_set(e, ERR_INPUT, "%s: not JSON at byte %zu of %zu", name, at, n);
}

int json_read(json **out, const char *path, size_t limit, err *e)
{
    char *text = NULL;
    size_t n;
    if (file_read(&text, &n, path, limit, e)) return -1;
    int status = json_parse(out, text, n, path, e);
    free(text);
    return status;
}

void json_free(json *root)
{
    cJSON_Delete((cJSON *)(void *)root);
}

const json *json_get(const json *object, const char *key)
{
    if (!cJSON_IsObject(node(object))) return NULL;
    return back(cJSON_GetObjectItemCaseSensitive(node(object), key));
}

const json *json_first(const json *container)
{
    if (!cJSON_IsObject(node(container)) && !cJSON_IsArray(node(container))) return NULL;
    return back(node(container)->child);
}

const json *json_next(const json *child)
{
    return child ? back(node(child)->next) : NULL;
}

const char *json_key(const json *child)
{
    return child ? node(child)->string : NULL;
}

size_t json_count(const json *container)
{
    size_t n = 0;
    for (const json *c = json_first(container); c; c = json_next(c)) n++;
    return n;
}

bool json_is_number(const json *j)
{
    return cJSON_IsNumber(node(j));
}

bool json_is_text(const json *j)
{
    return cJSON_IsString(node(j));
}

bool json_is_array(const json *j)
{
    return cJSON_IsArray(node(j));
}

bool json_is_object(const json *j)
{
    return cJSON_IsObject(node(j));
}

bool json_is_null(const json *j)
{
    return !j || cJSON_IsNull(node(j));
}

double json_number(const json *j, double fallback)
{
    return cJSON_IsNumber(node(j)) ? node(j)->valuedouble : fallback;
}

bool json_bool(const json *j, bool fallback)
{
    return cJSON_IsBool(node(j)) ? cJSON_IsTrue(node(j)) : fallback;
}

const char *json_text(const json *j, const char *fallback)
{
    return cJSON_IsString(node(j)) ? node(j)->valuestring : fallback;
}

void json_quote(buffer *b, const char *text)
{
    buffer_text(b, "\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') buffer_printf(b, "\\%c", c);
        else if (c == '\n') buffer_text(b, "\\n");
        else if (c == '\t') buffer_text(b, "\\t");
        else if (c < 0x20) buffer_printf(b, "\\u%04x", c);
        else buffer_add(b, text, 1);
    }
    buffer_text(b, "\"");
}

void json_double(buffer *b, double value)
{
    char text[40];
    double again;
    if (!isfinite(value)) {
        buffer_text(b, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (!parse_double(text, &again) && again == value) break;
    }
    buffer_text(b, text);
}
