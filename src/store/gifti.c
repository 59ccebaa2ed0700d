/* SPDX-License-Identifier: MIT */
/* GIFTI 1.0 (Harwell et al. 2011): XML by expat, the only place that includes it; arrays in ASCII, base64 or zlib-compressed base64.
 * Metadata is passed over. Entities of the file's own are refused: nested ones grow without bound. */
#include <ctype.h>
#include <expat.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/store.h"
#include "broca/volume.h"
#include "number.h"
#include "zstream.h"

enum { MOST_ARRAYS = 100000 };
typedef enum { ASCII, BASE64, PACKED } encoding;

typedef struct {
    XML_Parser xml;
    gifti *g;
    const char *path;
    err *e;
    size_t file_bytes, room;
    bool failed, root, in_array, in_data, in_label;
    int64_t label_key;
    /* the array that is being read */
    gifti_array *array;
    encoding how;
    number_layout number;
    bool column_major, has_data;
    buffer text;
} reader;

static void fail(reader *r, const char *what, const char *detail)
{
    if (r->failed) return;
    r->failed = true;
    err_set(r->e, ERR_INPUT, "%s: line %lu: %s%s%s", r->path, (unsigned long)XML_GetCurrentLineNumber(r->xml), what, detail ? " " : "", detail ? detail : "");
    XML_StopParser(r->xml, XML_FALSE);
}

/* An error that is in *e already. */
static void failed(reader *r)
{
    r->failed = true;
    XML_StopParser(r->xml, XML_FALSE);
}

static const char *attribute(const char **list, const char *name)
{
    for (; *list; list += 2)
        if (str_same(list[0], name)) return list[1];
    return NULL;
}

static bool begin_type(reader *r, const char *type)
{
    static const struct {
        const char *name;
        char kind;
        size_t bytes;
    } types[] = { { "UINT8", 'u', 1 }, { "INT8", 'i', 1 },   { "INT16", 'i', 2 },   { "UINT16", 'u', 2 },  { "INT32", 'i', 4 },
                  { "UINT32", 'u', 4 }, { "INT64", 'i', 8 }, { "FLOAT32", 'f', 4 }, { "FLOAT64", 'f', 8 } };
    const char *name = type && str_begins(type, "NIFTI_TYPE_") ? type + strlen("NIFTI_TYPE_") : "";
    for (size_t k = 0; k < sizeof types / sizeof *types; k++)
        if (str_same(types[k].name, name)) {
            r->number.kind = types[k].kind;
            r->number.bytes = types[k].bytes;
            return true;
        }
    fail(r, "DataType is not read:", type ? type : "(none)");
    return false;
}

static bool begin_layout(reader *r, const char **list)
{
    const char *order = attribute(list, "ArrayIndexingOrder"), *how = attribute(list, "Encoding"), *end = attribute(list, "Endian");
    r->column_major = order && str_same(order, "ColumnMajorOrder");
    r->number.swap = end && str_same(end, "BigEndian") == machine_is_little();
    if (how && str_same(how, "ASCII")) r->how = ASCII;
    else if (how && str_same(how, "Base64Binary")) r->how = BASE64;
    else if (how && str_same(how, "GZipBase64Binary")) r->how = PACKED;
    else fail(r, how && str_begins(how, "External") ? "data in another file are not read: Encoding" : "Encoding is not known:", how ? how : "(none)");
    return !r->failed;
}

/* The most numbers that the file's bytes can hold, by encoding. */
static bool fits(const reader *r, size_t bytes)
{
    if (r->how == ASCII) return r->array->count <= r->file_bytes;
    if (r->how == BASE64) return bytes / 4 * 3 <= r->file_bytes;
    return bytes / ZSTREAM_MOST_RATIO <= r->file_bytes;
}

static bool begin_dims(reader *r, const char **list)
{
    gifti_array *a = r->array;
    const char *rank = attribute(list, "Dimensionality");
    size_t n = 0, bytes;
    if (!rank || parse_size(rank, &n) || n < 1 || n > 6) {
        fail(r, "Dimensionality is not 1 to 6:", rank ? rank : "(none)");
        return false;
    }
    a->rank = (int)n;
    a->count = 1;
    for (size_t k = 0; k < n; k++) {
        char name[8];
        snprintf(name, sizeof name, "Dim%zu", k);
        const char *d = attribute(list, name);
        if (!d || parse_size(d, &a->dims[k]) || a->dims[k] == 0) {
            fail(r, "a dimension is no number above 0:", d ? d : name);
            return false;
        }
        if (size_mul(a->count, a->dims[k], &a->count, r->e)) {
            err_while(r->e, "reading the dimensions of an array in %s", r->path);
            failed(r);
            return false;
        }
    }
    if (size_mul(a->count, 8, &bytes, r->e)) {
        failed(r);
        return false;
    }
    if (!fits(r, a->count * r->number.bytes)) {
        err_set(r->e, ERR_INPUT, "%s: an array is said to have %zu numbers, the file has %zu bytes", r->path, a->count, r->file_bytes);
        failed(r);
    }
    return !r->failed;
}

static void begin_array(reader *r, const char **list)
{
    gifti *g = r->g;
    if (g->n == MOST_ARRAYS) {
        fail(r, "more arrays than are read", NULL);
        return;
    }
    if (g->n == r->room) {
        void *arrays = g->arrays;
        r->room = r->room ? 2 * r->room : 16;
        if (mem_grow(&arrays, r->room, sizeof *g->arrays, r->e)) {
            failed(r);
            return;
        }
        g->arrays = arrays;
    }
    r->array = &g->arrays[g->n++];
    memset(r->array, 0, sizeof *r->array);
    r->has_data = false;
    const char *intent = attribute(list, "Intent");
    if (!(r->array->intent = arena_text(g->memory, intent ? intent : "", intent ? strlen(intent) : 0, r->e))) {
        failed(r);
        return;
    }
    r->in_array = begin_type(r, attribute(list, "DataType")) && begin_layout(r, list) && begin_dims(r, list);
}

static void begin_label(reader *r, const char **list)
{
    const char *key = attribute(list, "Key");
    long number;
    if (!key) key = attribute(list, "Index");
    if (!key || parse_long(key, &number)) {
        fail(r, "a label's Key is no whole number:", key ? key : "(none)");
        return;
    }
    r->label_key = number;
    r->in_label = true;
    r->text.size = 0;
}

static void on_begin(void *user, const XML_Char *name, const XML_Char **list)
{
    reader *r = user;
    if (r->failed) return;
    if (!r->root) {
        if (!str_same(name, "GIFTI")) fail(r, "the root is not GIFTI but", name);
        r->root = true;
    } else if (str_same(name, "DataArray")) begin_array(r, list);
    else if (str_same(name, "Label")) begin_label(r, list);
    else if (str_same(name, "Data") && r->in_array) {
        r->in_data = true;
        r->text.size = 0;
    }
}

static void on_text(void *user, const XML_Char *text, int n)
{
    reader *r = user;
    if (r->failed || !(r->in_data || r->in_label)) return;
    buffer_add(&r->text, text, (size_t)n);
    if (r->text.failed) {
        buffer_ok(&r->text, r->e);
        failed(r);
    }
}

static void on_entity(void *user, const XML_Char *name, int parameter, const XML_Char *value, int n, const XML_Char *base,
                      const XML_Char *system, const XML_Char *public, const XML_Char *notation)
{
    (void)parameter, (void)value, (void)n, (void)base, (void)system, (void)public, (void)notation;
    fail(user, "the file defines an entity of its own, which is not read:", name);
}

/* ---- an array's numbers ---- */

static int digit(unsigned char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* In place; the number of bytes, or SIZE_MAX where something else stands there. */
static size_t from_base64(uint8_t *text, size_t n)
{
    uint32_t word = 0;
    size_t got = 0, out = 0, pads = 0;
    for (size_t i = 0; i < n; i++) {
        if (isspace(text[i])) continue;
        if (text[i] == '=') {
            pads++;
            continue;
        }
        int d = digit(text[i]);
        if (d < 0 || pads) return SIZE_MAX;
        word = word << 6 | (uint32_t)d;
        if (++got % 4) continue;
        text[out++] = (uint8_t)(word >> 16);
        text[out++] = (uint8_t)(word >> 8);
        text[out++] = (uint8_t)word;
    }
    if (got % 4 == 1 || pads > 2 || (pads && (got + pads) % 4)) return SIZE_MAX;
    if (got % 4 == 2) text[out++] = (uint8_t)(word >> 4);
    if (got % 4 == 3) {
        text[out++] = (uint8_t)(word >> 10);
        text[out++] = (uint8_t)(word >> 2);
    }
    return out;
}

static size_t row_major(const gifti_array *a, size_t place) /* of an element that lies at `place` in column-major order */
{
    size_t index[6], at = 0;
    for (int k = 0; k < a->rank; k++, place /= a->dims[k - 1]) index[k] = place % a->dims[k];
    for (int k = 0; k < a->rank; k++) at = at * a->dims[k] + index[k];
    return at;
}

static void store_number(reader *r, size_t place, double value)
{
    r->array->at[r->column_major ? row_major(r->array, place) : place] = value;
}

static void read_ascii(reader *r)
{
    const char *at = r->text.at ? r->text.at : "";
    for (size_t k = 0; k < r->array->count; k++) {
        char *end;
        double x = strtod(at, &end);
        if (end == at) {
            fail(r, "an array has fewer numbers than its dimensions say, or something else stands among them", NULL);
            return;
        }
        store_number(r, k, r->number.kind == 'f' && r->number.bytes == 4 ? (double)(float)x : x);
        at = end;
    }
    while (isspace((unsigned char)*at)) at++;
    if (*at) fail(r, "an array has more numbers than its dimensions say", NULL);
}

static void read_binary(reader *r)
{
    size_t bytes = r->array->count * r->number.bytes, n = from_base64((uint8_t *)r->text.at, r->text.size);
    uint8_t *unpacked = NULL;
    if (n == SIZE_MAX) {
        fail(r, "the data are no base64", NULL);
        return;
    }
    if (r->how == PACKED) {
        if (!(unpacked = mem_new(bytes, 1, r->e)) || zstream_unpack(unpacked, bytes, r->text.at, n, r->e)) {
            err_while(r->e, "reading an array of %s", r->path);
            failed(r);
            goto done;
        }
    } else if (n != bytes) {
        char text[128];
        snprintf(text, sizeof text, "an array of %zu bytes by its dimensions has %zu", bytes, n);
        fail(r, text, NULL);
        goto done;
    }
    for (size_t k = 0; k < r->array->count; k++) store_number(r, k, number_value(&r->number, (unpacked ? unpacked : (const uint8_t *)r->text.at) + k * r->number.bytes));
done:
    free(unpacked);
}

static void end_data(reader *r)
{
    r->in_data = false;
    if (r->has_data) {
        fail(r, "an array has two Data elements", NULL);
        return;
    }
    if (!(r->array->at = mem_new(r->array->count, sizeof *r->array->at, r->e))) {
        failed(r);
        return;
    }
    r->has_data = true;
    if (r->how == ASCII) read_ascii(r);
    else if (r->text.at) read_binary(r);
    else fail(r, "an array has no data", NULL);
}

static void end_label(reader *r)
{
    gifti *g = r->g;
    size_t n = r->text.size;
    void *keys = g->key, *names = g->name;
    r->in_label = false;
    if (mem_grow(&keys, g->n_labels + 1, sizeof *g->key, r->e)) goto bad;
    g->key = keys;
    if (mem_grow(&names, g->n_labels + 1, sizeof *g->name, r->e)) goto bad;
    g->name = names;
    g->key[g->n_labels] = r->label_key;
    if (!(g->name[g->n_labels] = arena_text(g->memory, n ? r->text.at : "", n, r->e))) goto bad;
    g->n_labels++;
    return;
bad:
    failed(r);
}

static void on_end(void *user, const XML_Char *name)
{
    reader *r = user;
    if (r->failed) return;
    if (str_same(name, "Data") && r->in_data) end_data(r);
    else if (str_same(name, "Label") && r->in_label) end_label(r);
    else if (str_same(name, "DataArray") && r->in_array) {
        if (!r->has_data) fail(r, "an array has no Data", NULL);
        r->in_array = false;
    }
}

/* ---- the file ---- */

static int check_triangles(const gifti *g, const char *path, err *e)
{
    const gifti_array *points = gifti_find(g, "NIFTI_INTENT_POINTSET"), *faces = gifti_find(g, "NIFTI_INTENT_TRIANGLE");
    if (points && (points->rank != 2 || points->dims[1] != 3))
        return err_set(e, ERR_INPUT, "%s: the point set is not [vertices × 3]", path);
    if (!faces) return 0;
    if (faces->rank != 2 || faces->dims[1] != 3) return err_set(e, ERR_INPUT, "%s: the triangles are not [triangles × 3]", path);
    for (size_t k = 0; k < faces->count; k++)
        if (!(faces->at[k] >= 0 && faces->at[k] == floor(faces->at[k]) && (!points || faces->at[k] < (double)points->dims[0])))
            return err_set(e, ERR_INPUT, "%s: triangle %zu names vertex %g of %zu", path, k / 3, faces->at[k], points ? points->dims[0] : 0);
    return 0;
}

static int parse(reader *r, const char *bytes, size_t n)
{
    int status = -1;
    if (!(r->xml = XML_ParserCreate(NULL))) return err_memory(r->e, 1);
    XML_SetUserData(r->xml, r);
    XML_SetElementHandler(r->xml, on_begin, on_end);
    XML_SetCharacterDataHandler(r->xml, on_text);
    XML_SetEntityDeclHandler(r->xml, on_entity);
    for (size_t at = 0; at <= n && !r->failed;) { /* in pieces: a length is an int */
        size_t piece = n - at < (1u << 28) ? n - at : 1u << 28;
        bool last = at + piece == n;
        if (XML_Parse(r->xml, bytes + at, (int)piece, last) == XML_STATUS_ERROR && !r->failed) {
            err_set(r->e, ERR_INPUT, "%s: line %lu: %s", r->path, (unsigned long)XML_GetCurrentLineNumber(r->xml), XML_ErrorString(XML_GetErrorCode(r->xml)));
            err_hint(r->e, "the XML is damaged or cut short");
            r->failed = true;
        }
        if (last) break;
        at += piece;
    }
    if (!r->failed) status = 0;
    XML_ParserFree(r->xml);
    return status;
}

int gifti_read(gifti **out, const char *path, err *e)
{
    char *bytes = NULL;
    size_t n = 0;
    int status = -1;
    reader r = { .path = path, .e = e };
    *out = NULL;
    if (file_read(&bytes, &n, path, SIZE_MAX / 2, e)) return -1;
    if (n == 0) {
        err_set(e, ERR_INPUT, "%s is empty", path);
        goto done;
    }
    r.file_bytes = n;
    if (!(r.g = mem_new(1, sizeof *r.g, e)) || !(r.g->memory = arena_new(e)) || parse(&r, bytes, n) || check_triangles(r.g, path, e)) goto done;
    if (r.g->n == 0) {
        err_set(e, ERR_INPUT, "%s holds no array", path);
        goto done;
    }
    *out = r.g;
    r.g = NULL;
    status = 0;
done:
    gifti_free(r.g);
    free(r.text.at);
    free(bytes);
    return status;
}

const gifti_array *gifti_find(const gifti *g, const char *intent)
{
    for (size_t k = 0; k < g->n; k++)
        if (str_same(g->arrays[k].intent, intent)) return &g->arrays[k];
    return NULL;
}

const char *gifti_label(const gifti *g, double key)
{
    for (size_t k = 0; k < g->n_labels; k++)
        if ((double)g->key[k] == key) return g->name[k];
    return NULL;
}

void gifti_free(gifti *g)
{
    if (!g) return;
    for (size_t k = 0; k < g->n; k++) free(g->arrays[k].at);
    free(g->arrays);
    free(g->key);
    free(g->name);
    arena_free(g->memory);
    free(g);
}
