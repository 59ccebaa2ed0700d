/* SPDX-License-Identifier: MIT */
/* Opening, creating, committing products. */
#include "hdf5_store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static herr_t deepest(unsigned n, const H5E_error2_t *frame, void *user)
{
    (void)n;
    if (frame->desc && *frame->desc) snprintf(user, 160, "%s", frame->desc); /* upward walk: the first frame is deepest */
    return 1;
}

static bool disk_is_full(const char *path)
{
    struct statvfs v;
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash) *slash = 0;
    else snprintf(folder, sizeof folder, ".");
    return statvfs(folder, &v) == 0 && v.f_bavail * v.f_frsize < 1 << 20;
}

int hdf5_error(store *s, err *e, const char *format, ...)
{
    char what[400], why[160] = "";
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, deepest, why);
    char *detail = strstr(why, ": time = "); /* failed writes carry several lines: time, buffer address */
    if (detail) *detail = 0;
    if (s->atomic && disk_is_full(s->path))
        return err_set(e, ERR_ENVIRONMENT, "%s: %s: no space left on the device", s->path, what);
    err_set(e, s->atomic ? ERR_ENVIRONMENT : ERR_INPUT, "%s: %s%s%s%s", s->path, what, *why ? " (" : "", why, *why ? ")" : "");
    return s->atomic ? -1 : err_hint(e, "the file is damaged or of another format; make it again");
}

hid_t hdf5_type(store_type type)
{
    switch (type) {
    case STORE_F4: return H5T_IEEE_F32LE;
    case STORE_F8: return H5T_IEEE_F64LE;
    case STORE_I4: return H5T_STD_I32LE;
    case STORE_I8: return H5T_STD_I64LE;
    case STORE_U1: return H5T_STD_U8LE;
    case STORE_TEXT: break;
    }
    return H5T_C_S1;
}

static void library_start(void)
{
    static bool started;
    if (started) return;
    started = true;
    H5dont_atexit(); /* its exit handler crashes on files whose last write failed; products are closed by us */
    H5open();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static store *store_new(const char *path, err *e)
{
    library_start();
    store *s = mem_new(1, sizeof *s, e);
    if (!s) return NULL;
    s->file = -1;
    s->path = mem_text(path, e);
    if (s->path) return s;
    free(s);
    return NULL;
}

static void discard(store *s)
{
    if (s->file >= 0) H5Fclose(s->file);
    atomic_abandon(s->atomic);
    free(s->inputs.at);
    free(s->kind);
    free(s->path);
    free(s);
}

static hid_t access_properties(void)
{
    hid_t p = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(p, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    H5Pset_fclose_degree(p, H5F_CLOSE_STRONG);
    return p;
}

int store_create(store **out, const char *path, const char *kind, const char *config, err *e)
{
    store *s = store_new(path, e);
    if (!s) return -1;
    if (atomic_open(&s->atomic, path, e)) goto fail;
    if (!(s->kind = mem_text(kind, e))) goto fail;
    hid_t access = access_properties(), creation = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_obj_track_times(creation, false);
    s->file = H5Fcreate(atomic_temporary(s->atomic), H5F_ACC_TRUNC, creation, access);
    H5Pclose(access);
    H5Pclose(creation);
    if (s->file < 0) {
        hdf5_error(s, e, "cannot be created");
        goto fail;
    }
    if (store_set_text(s, "/", "kind", kind, e) || store_set_int(s, "/", "schema", 1, e) ||
        store_set_text(s, "/", "broca", BROCA_VERSION, e) || store_set_text(s, "/", "config", config ? config : "{}", e))
        goto fail;
    *out = s;
    return 0;
fail:
    discard(s);
    return -1;
}

static int finish(store *s, err *e)
{
    const char *const *warnings;
    size_t n = log_warnings(&warnings);
    if (n && store_write_text(s, "warnings", warnings, n, e)) return -1;
    buffer_text(&s->inputs, s->inputs.size ? "]" : "[]");
    if (buffer_ok(&s->inputs, e) || store_set_text(s, "/", "inputs", s->inputs.at, e)) return -1;
    if (H5Fflush(s->file, H5F_SCOPE_GLOBAL) < 0) return hdf5_error(s, e, "cannot be written");
    herr_t closed = H5Fclose(s->file);
    s->file = -1;
    return closed < 0 ? hdf5_error(s, e, "cannot be closed") : 0;
}

int store_commit(store *s, err *e)
{
    int status = finish(s, e);
    if (!status) {
        atomic *a = s->atomic;
        s->atomic = NULL;
        status = atomic_commit(a, e);
    }
    discard(s);
    return status;
}

void store_close(store *s)
{
    if (s) discard(s);
}

static int check_signature(store *s, err *e)
{
    static const char signature[8] = "\211HDF\r\n\032\n";
    char head[8] = { 0 };
    struct stat st;
    FILE *f = fopen(s->path, "rb");
    if (!f) {
        err_system(e, "%s", s->path);
        e->kind = ERR_INPUT;
        return -1;
    }
    size_t got = fread(head, 1, sizeof head, f);
    bool known = !fstat(fileno(f), &st) && st.st_size >= 0;
    fclose(f);
    if (!known || got != sizeof head || memcmp(head, signature, sizeof head) != 0)
        return err_set(e, ERR_INPUT, "%s: not an HDF5 file", s->path);
    s->bytes = (size_t)st.st_size;
    return 0;
}

int store_open(store **out, const char *path, const char *kind, err *e)
{
    store *s = store_new(path, e);
    if (!s) return -1;
    if (check_signature(s, e)) goto fail;
    hid_t access = access_properties();
    s->file = H5Fopen(path, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    if (s->file < 0) {
        hdf5_error(s, e, "cannot be opened");
        goto fail;
    }
    if (store_has_attribute(s, "/", "kind") && store_get_text(s, "/", "kind", &s->kind, e)) goto fail;
    if (!s->kind && !(s->kind = mem_text("", e))) goto fail;
    if (kind && !str_same(kind, s->kind)) {
        err_set(e, ERR_INPUT, "%s: a file of kind '%s', expected '%s'", path, s->kind, kind);
        goto fail;
    }
    *out = s;
    return 0;
fail:
    discard(s);
    return -1;
}

const char *store_path(const store *s)
{
    return s->path;
}

const char *store_kind(const store *s)
{
    return s->kind ? s->kind : "";
}

int store_input(store *s, const char *role, const char *path, const char *kind, const char *sha256, err *e)
{
    sha_hex hash;
    if (!sha256) {
        if (sha_file(path, &hash, e)) return -1;
        sha256 = hash.hex;
    }
    buffer_text(&s->inputs, s->inputs.size ? ",{\"role\":" : "[{\"role\":");
    json_quote(&s->inputs, role);
    buffer_text(&s->inputs, ",\"kind\":");
    json_quote(&s->inputs, kind);
    buffer_printf(&s->inputs, ",\"sha256\":\"%s\"}", sha256);
    return buffer_ok(&s->inputs, e);
}

const char *store_library(void)
{
    static char text[32];
    unsigned a = 0, b = 0, c = 0;
    library_start();
    H5get_libversion(&a, &b, &c);
    snprintf(text, sizeof text, "HDF5 %u.%u.%u", a, b, c);
    return text;
}
