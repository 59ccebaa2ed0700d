/* SPDX-License-Identifier: MIT */
/* npy arrays (NEP 1: magic, version, header length, a Python dict of descr, fortran_order and shape, the numbers). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "broca/store.h"
#include "broca/volume.h"
#include "number.h"

enum { LONGEST_HEADER = 1 << 20 };

typedef struct {
    number_layout number;
    bool fortran;
} layout;

/* The text after 'KEY': in the dict, or NULL. */
static const char *after_key(const char *dict, const char *key)
{
    for (const char *at = strstr(dict, key); at; at = strstr(at + 1, key)) {
        const char *end = at + strlen(key);
        if (at == dict || (at[-1] != '\'' && at[-1] != '"') || *end != at[-1]) continue;
        for (end++; isspace((unsigned char)*end); end++) {}
        if (*end++ != ':') continue;
        while (isspace((unsigned char)*end)) end++;
        return end;
    }
    return NULL;
}

static int read_descr(number_layout *n, const char *dict, const char *path, err *e)
{
    char descr[16] = { 0 }, order;
    const char *at = after_key(dict, "descr");
    if (!at) return err_set(e, ERR_INPUT, "%s: the npy header has no descr", path);
    if (*at != '\'' && *at != '"') {
        err_set(e, ERR_INPUT, "%s holds a structured array", path);
        return err_hint(e, "save one array of plain numbers");
    }
    const char *end = strchr(at + 1, *at);
    if (!end || end - at - 1 >= (long)sizeof descr || end - at - 1 < 2) return err_set(e, ERR_INPUT, "%s: the npy header's descr cannot be read", path);
    memcpy(descr, at + 1, (size_t)(end - at - 1));
    order = descr[0];
    bool ordered = order == '<' || order == '>' || order == '|' || order == '=';
    n->kind = ordered ? descr[1] : descr[0];
    if (parse_size(descr + (ordered ? 2 : 1), &n->bytes)) n->bytes = 0;
    bool number = (n->kind == 'f' && (n->bytes == 2 || n->bytes == 4 || n->bytes == 8)) || (n->kind == 'b' && n->bytes == 1) ||
                  ((n->kind == 'i' || n->kind == 'u') && (n->bytes == 1 || n->bytes == 2 || n->bytes == 4 || n->bytes == 8));
    if (!number) {
        err_set(e, ERR_INPUT, "%s: numbers of type '%s' are not read", path, descr);
        return err_hint(e, "float16 to float64, whole numbers of 8 to 64 bits, bool; objects, texts and complex numbers are not");
    }
    n->swap = n->bytes > 1 && order == (machine_is_little() ? '>' : '<');
    return 0;
}

static int read_shape(npy_array *a, const char *dict, const char *path, err *e)
{
    const char *at = after_key(dict, "shape");
    if (!at || *at != '(') return err_set(e, ERR_INPUT, "%s: the npy header has no shape", path);
    a->rank = 0;
    a->count = 1;
    for (at++; *at && *at != ')';) {
        char *end;
        while (isspace((unsigned char)*at)) at++;
        if (*at == ')') break;
        if (!isdigit((unsigned char)*at)) return err_set(e, ERR_INPUT, "%s: the shape in the npy header is no tuple of sizes (\"%.20s\")", path, at);
        if (a->rank == 8) return err_set(e, ERR_INPUT, "%s has more than 8 dimensions", path);
        unsigned long long d = strtoull(at, &end, 10);
        a->dims[a->rank++] = (size_t)d;
        if (size_mul(a->count, (size_t)d, &a->count, e)) return err_while(e, "reading the shape of %s", path);
        for (at = end; isspace((unsigned char)*at) || *at == ',' || *at == 'L'; at++) {}
    }
    return *at == ')' ? 0 : err_set(e, ERR_INPUT, "%s: the shape in the npy header does not end", path);
}

/* Element `row-major` of the array, where it lies in Fortran order. */
static size_t fortran_place(const npy_array *a, size_t element)
{
    size_t at = 0, index[8];
    for (int k = a->rank; k-- > 0; element /= a->dims[k]) index[k] = element % a->dims[k];
    for (int k = a->rank; k-- > 0;) at = at * a->dims[k] + index[k];
    return at;
}

static int read_numbers(npy_array *a, const layout *l, const uint8_t *data, size_t n, const char *path, err *e)
{
    size_t bytes;
    if (size_mul(a->count, l->number.bytes, &bytes, e)) return err_while(e, "reading the shape of %s", path);
    if (bytes != n) {
        err_set(e, ERR_INPUT, "%s: the header promises %zu bytes of numbers, %zu follow it", path, bytes, n);
        return err_hint(e, "the file is cut short or not what its header says: save it again");
    }
    if (!(a->at = mem_new(a->count, sizeof *a->at, e))) return -1;
    for (size_t i = 0; i < a->count; i++) a->at[i] = number_value(&l->number, data + l->number.bytes * (l->fortran ? fortran_place(a, i) : i));
    return 0;
}

int npy_read(npy_array *out, const char *path, err *e)
{
    char *file = NULL, *dict = NULL;
    size_t n, length, begin;
    layout l = { 0 };
    npy_array a = { 0 };
    int status = -1;
    if (file_read(&file, &n, path, SIZE_MAX / 2, e)) return -1;
    const uint8_t *b = (const uint8_t *)file;
    if (n >= 4 && memcmp(file, "PK\3\4", 4) == 0) {
        err_set(e, ERR_INPUT, "%s is an archive (.npz)", path);
        err_hint(e, "unpack it and give one .npy file");
        goto done;
    }
    if (n < 10 || memcmp(file, "\x93NUMPY", 6)) {
        err_set(e, ERR_INPUT, "%s is no npy file: its first bytes are not \\x93NUMPY", path);
        goto done;
    }
    if (b[6] < 1 || b[6] > 3) {
        err_set(e, ERR_INPUT, "%s: version %d.%d of the npy format is not known", path, b[6], b[7]);
        goto done;
    }
    begin = b[6] == 1 ? 10 : 12;
    length = (size_t)b[8] | (size_t)b[9] << 8 | (b[6] > 1 && n > 11 ? (size_t)b[10] << 16 | (size_t)b[11] << 24 : 0);
    if (n < begin || length > n - begin || length > LONGEST_HEADER) {
        err_set(e, ERR_INPUT, "%s: the npy header is said to have %zu bytes, the file has %zu", path, length, n);
        goto done;
    }
    if (!(dict = mem_new(length + 1, 1, e))) goto done;
    memcpy(dict, file + begin, length);
    if (read_descr(&l.number, dict, path, e) || read_shape(&a, dict, path, e)) goto done;
    const char *order = after_key(dict, "fortran_order");
    if (!order || !(str_begins(order, "True") || str_begins(order, "False"))) {
        err_set(e, ERR_INPUT, "%s: the npy header has no fortran_order", path);
        goto done;
    }
    l.fortran = *order == 'T';
    if (read_numbers(&a, &l, b + begin + length, n - begin - length, path, e)) goto done;
    *out = a;
    status = 0;
done:
    free(dict);
    free(file);
    return status;
}

void npy_free(npy_array *a)
{
    free(a->at);
    a->at = NULL;
}
