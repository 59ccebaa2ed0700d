/* SPDX-License-Identifier: MIT */
/* Attributes, groups, names. */
#include "hdf5_store.h"

#include <stdlib.h>
#include <string.h>

static int put(store *s, const char *name, const char *attribute, hid_t type, const void *value, err *e)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t object = H5Oopen(s->file, name, H5P_DEFAULT);
    if (H5Aexists(object, attribute) > 0) H5Adelete(object, attribute);
    hid_t a = H5Acreate2(object, attribute, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool bad = a < 0 || H5Awrite(a, type, value) < 0;
    if (bad) hdf5_error(s, e, "attribute %s of %s cannot be written", attribute, name);
    if (a >= 0) H5Aclose(a);
    if (object >= 0) H5Oclose(object);
    H5Sclose(space);
    return bad ? -1 : 0;
}

int store_set_text(store *s, const char *name, const char *attribute, const char *value, err *e)
{
    size_t n = strlen(value);
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, n ? n : 1);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
    int status = put(s, name, attribute, type, value, e);
    H5Tclose(type);
    return status;
}

int store_set_real(store *s, const char *name, const char *attribute, double value, err *e)
{
    return put(s, name, attribute, H5T_IEEE_F64LE, &value, e);
}

int store_set_int(store *s, const char *name, const char *attribute, int64_t value, err *e)
{
    return put(s, name, attribute, H5T_STD_I64LE, &value, e);
}

bool store_has_attribute(store *s, const char *name, const char *attribute)
{
    return H5Aexists_by_name(s->file, name, attribute, H5P_DEFAULT) > 0;
}

static hid_t open_attribute(store *s, const char *name, const char *attribute, err *e)
{
    hid_t a = H5Aopen_by_name(s->file, name, attribute, H5P_DEFAULT, H5P_DEFAULT);
    if (a < 0) err_set(e, ERR_INPUT, "%s: %s has no attribute %s", s->path, name, attribute);
    return a;
}

static int get_number(store *s, const char *name, const char *attribute, hid_t type, void *out, err *e)
{
    hid_t a = open_attribute(s, name, attribute, e);
    if (a < 0) return -1;
    hid_t space = H5Aget_space(a);
    bool bad = H5Sget_simple_extent_npoints(space) != 1 || H5Aread(a, type, out) < 0;
    if (bad) hdf5_error(s, e, "attribute %s of %s is no number", attribute, name);
    H5Sclose(space);
    H5Aclose(a);
    return bad ? -1 : 0;
}

int store_get_real(store *s, const char *name, const char *attribute, double *out, err *e)
{
    return get_number(s, name, attribute, H5T_NATIVE_DOUBLE, out, e);
}

int store_get_int(store *s, const char *name, const char *attribute, int64_t *out, err *e)
{
    return get_number(s, name, attribute, H5T_NATIVE_INT64, out, e);
}

static int get_variable(hid_t a, hid_t type, char **out, err *e)
{
    char *text = NULL;
    if (H5Aread(a, type, &text) < 0 || !text) return -1;
    *out = mem_text(text, e);
    H5free_memory(text);
    return *out ? 0 : -1;
}

static int get_fixed(hid_t a, hid_t type, char **out, err *e)
{
    size_t n = H5Tget_size(type);
    if (n > (size_t)256 << 20) return -1;
    char *text = mem_new(n + 1, 1, e);
    if (!text) return -1;
    if (H5Aread(a, type, text) < 0) {
        free(text);
        return -1;
    }
    *out = text;
    return 0;
}

int store_get_text(store *s, const char *name, const char *attribute, char **out, err *e)
{
    hid_t a = open_attribute(s, name, attribute, e);
    if (a < 0) return -1;
    hid_t type = H5Aget_type(a), space = H5Aget_space(a);
    int status = -1;
    if (H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_npoints(space) == 1)
        status = H5Tis_variable_str(type) > 0 ? get_variable(a, type, out, e) : get_fixed(a, type, out, e);
    if (status && e->kind != ERR_MEMORY) hdf5_error(s, e, "attribute %s of %s is no text", attribute, name);
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(a);
    return status;
}

bool store_has(store *s, const char *name)
{
    /* H5Lexists fails when a group on the way is missing: ask step by step */
    char part[512];
    size_t n = strlen(name);
    if (!n || n >= sizeof part) return false;
    for (size_t i = 1; i <= n; i++) {
        if (i < n && name[i] != '/') continue;
        memcpy(part, name, i);
        part[i] = 0;
        if (H5Lexists(s->file, part, H5P_DEFAULT) <= 0) return false;
    }
    return true;
}

bool store_is_group(store *s, const char *name)
{
    H5O_info_t info;
    return H5Oget_info_by_name2(s->file, name, &info, H5O_INFO_BASIC, H5P_DEFAULT) >= 0 && info.type == H5O_TYPE_GROUP;
}

typedef struct {
    char **at;
    size_t n;
    err *e;
} name_list;

static int keep_name(name_list *l, const char *name)
{
    void *at = l->at;
    if (mem_grow(&at, l->n + 1, sizeof *l->at, l->e)) return -1;
    l->at = at;
    if (!(l->at[l->n] = mem_text(name, l->e))) return -1;
    l->n++;
    return 0;
}

static herr_t on_link(hid_t group, const char *name, const H5L_info_t *info, void *user)
{
    (void)group;
    (void)info;
    return keep_name(user, name);
}

static herr_t on_attribute(hid_t object, const char *name, const H5A_info_t *info, void *user)
{
    (void)object;
    (void)info;
    return keep_name(user, name);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "h.2" before "h.10" would be nicer to people, but sorted bytes are what other programs expect. */
static int pack(name_list *l, char ***names, size_t *n, err *e)
{
    size_t bytes = 0;
    for (size_t i = 0; i < l->n; i++) bytes += strlen(l->at[i]) + 1;
    if (l->n) qsort(l->at, l->n, sizeof *l->at, by_text);
    char **out = mem_new((l->n + 1) * sizeof *out + bytes, 1, e);
    if (!out) return -1;
    char *to = (char *)(out + l->n + 1);
    for (size_t i = 0; i < l->n; i++) {
        size_t length = strlen(l->at[i]) + 1;
        memcpy(to, l->at[i], length);
        out[i] = to;
        to += length;
    }
    *names = out;
    *n = l->n;
    return 0;
}

static int end_list(name_list *l, bool bad, store *s, const char *what, char ***names, size_t *n, err *e)
{
    int status = -1;
    if (bad && e->kind != ERR_MEMORY) hdf5_error(s, e, "%s cannot be listed", what);
    else if (!bad) status = pack(l, names, n, e);
    for (size_t i = 0; i < l->n; i++) free(l->at[i]);
    free(l->at);
    return status;
}

int store_list(store *s, const char *group, char ***names, size_t *n, err *e)
{
    name_list l = { .e = e };
    bool bad = H5Literate_by_name(s->file, group, H5_INDEX_NAME, H5_ITER_INC, NULL, on_link, &l, H5P_DEFAULT) < 0;
    return end_list(&l, bad, s, group, names, n, e);
}

int store_attributes(store *s, const char *name, char ***names, size_t *n, err *e)
{
    name_list l = { .e = e };
    bool bad = H5Aiterate_by_name(s->file, name, H5_INDEX_NAME, H5_ITER_INC, NULL, on_attribute, &l, H5P_DEFAULT) < 0;
    return end_list(&l, bad, s, name, names, n, e);
}
