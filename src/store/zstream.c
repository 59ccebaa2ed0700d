/* SPDX-License-Identifier: MIT */
/* Files that may be compressed, by zlib: it tells a gzip file from a plain one by its first bytes, whatever the name says. */
#include "zstream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "broca/store.h"

struct zstream {
    gzFile file;
    char *path;
    size_t bytes; /* of the file as it lies there */
    size_t at;    /* bytes given out so far */
    bool plain;
};

enum { PIECE = 1 << 20 };

int zstream_open(zstream **out, const char *path, err *e)
{
    struct stat about;
    zstream *z = mem_new(1, sizeof *z, e);
    *out = NULL;
    if (!z) return -1;
    if (stat(path, &about) || !S_ISREG(about.st_mode)) {
        if (errno == ENOENT) err_set(e, ERR_INPUT, "%s: no such file", path);
        else err_set(e, ERR_INPUT, "%s is not a file that can be read", path);
        goto failed;
    }
    z->bytes = (size_t)about.st_size;
    if (z->bytes == 0) {
        err_set(e, ERR_INPUT, "%s is empty", path);
        goto failed;
    }
    if (!(z->path = mem_text(path, e))) goto failed;
    if (!(z->file = gzopen(path, "rb"))) {
        err_system(e, "%s cannot be opened", path);
        goto failed;
    }
    z->plain = gzdirect(z->file) != 0;
    *out = z;
    return 0;
failed:
    zstream_close(z);
    return -1;
}

size_t zstream_most(const zstream *z)
{
    return z->plain ? z->bytes : z->bytes < SIZE_MAX / ZSTREAM_MOST_RATIO ? z->bytes * ZSTREAM_MOST_RATIO : SIZE_MAX;
}

static int damaged(zstream *z, size_t wanted, err *e)
{
    int code;
    const char *why = gzerror(z->file, &code);
    if (code == Z_ERRNO) return err_system(e, "%s cannot be read", z->path);
    if (code == Z_DATA_ERROR || code == Z_MEM_ERROR || code == Z_STREAM_ERROR)
        return err_set(e, ERR_INPUT, "%s: damaged gzip data after %zu unpacked bytes (%s)", z->path, z->at, why);
    if (z->plain) err_set(e, ERR_INPUT, "%s ends after byte %zu, %zu more are expected", z->path, z->at, wanted);
    else err_set(e, ERR_INPUT, "%s: damaged gzip data: they end too early, after %zu unpacked bytes", z->path, z->at);
    return err_hint(e, "the file is cut short: copy it again");
}

int zstream_read(zstream *z, void *bytes, size_t n, err *e)
{
    char *to = bytes;
    while (n) {
        unsigned piece = n < PIECE ? (unsigned)n : PIECE;
        int got = gzread(z->file, to, piece);
        if (got <= 0) return damaged(z, n, e);
        z->at += (size_t)got;
        to += got;
        n -= (size_t)got;
    }
    return 0;
}

int zstream_skip(zstream *z, size_t n, err *e)
{
    char waste[4096];
    while (n) {
        size_t piece = n < sizeof waste ? n : sizeof waste;
        if (zstream_read(z, waste, piece, e)) return -1;
        n -= piece;
    }
    return 0;
}

int zstream_end(zstream *z, err *e)
{
    char waste[4096];
    int got, code;
    if (z->plain) return 0;
    while ((got = gzread(z->file, waste, sizeof waste)) > 0) z->at += (size_t)got;
    gzerror(z->file, &code);
    return got < 0 || (code != Z_OK && code != Z_STREAM_END) ? damaged(z, 0, e) : 0;
}

void zstream_close(zstream *z)
{
    if (!z) return;
    if (z->file) gzclose(z->file);
    free(z->path);
    free(z);
}

/* Everything that is left, at most limit bytes. */
static int read_rest(zstream *z, buffer *b, size_t limit, err *e)
{
    char piece[16384];
    int got, code;
    while ((got = gzread(z->file, piece, sizeof piece)) > 0) {
        z->at += (size_t)got;
        if (z->at > limit) return err_set(e, ERR_INPUT, "%s: more than %zu bytes when unpacked", z->path, limit);
        buffer_add(b, piece, (size_t)got);
    }
    gzerror(z->file, &code);
    if (got < 0 || (code != Z_OK && code != Z_STREAM_END)) return damaged(z, 1, e);
    return buffer_ok(b, e);
}

int file_read_unpacked(char **out, size_t *n, const char *path, size_t limit, err *e)
{
    zstream *z = NULL;
    buffer b = { 0 };
    char *bytes = NULL;
    if (file_read(&bytes, n, path, limit, e)) return -1;
    if (*n < 2 || memcmp(bytes, "\x1f\x8b", 2) != 0) {
        *out = bytes;
        return 0;
    }
    free(bytes);
    buffer_text(&b, ""); /* one byte at least, though nothing may be packed */
    int status = zstream_open(&z, path, e) || read_rest(z, &b, limit, e) ? -1 : 0;
    zstream_close(z);
    if (status) free(b.at);
    else {
        *out = b.at;
        *n = b.size;
    }
    return status;
}

int zstream_unpack(void *out, size_t n, const void *packed, size_t n_packed, err *e)
{
    z_stream s = { 0 };
    char more;
    if (n > UINT32_MAX || n_packed > UINT32_MAX) return err_set(e, ERR_INPUT, "a compressed block of %zu bytes is too large", n);
    if (inflateInit2(&s, 15 + 32) != Z_OK) return err_memory(e, sizeof s); /* 32: zlib or gzip by the first bytes */
    s.next_in = (Bytef *)(uintptr_t)packed;
    s.avail_in = (uInt)n_packed;
    s.next_out = n ? out : (Bytef *)&more;
    s.avail_out = (uInt)n;
    int code = inflate(&s, Z_SYNC_FLUSH);
    if (code == Z_OK || code == Z_BUF_ERROR) { /* full: is anything left? */
        size_t so_far = s.total_out;
        s.next_out = (Bytef *)&more;
        s.avail_out = 1;
        int last = inflate(&s, Z_SYNC_FLUSH);
        if (last == Z_STREAM_END || s.total_out != so_far) code = last == Z_STREAM_END && s.total_out == so_far ? Z_STREAM_END : Z_OK;
    }
    size_t got = s.total_out;
    inflateEnd(&s);
    if (code == Z_STREAM_END && got == n) return 0;
    if (code == Z_DATA_ERROR || code == Z_NEED_DICT) return err_set(e, ERR_INPUT, "a compressed block is damaged");
    return err_set(e, ERR_INPUT, "a compressed block gives %s than the %zu bytes that are promised", got < n ? "less" : "more", n);
}

int zstream_pack(buffer *out, const void *bytes, size_t n, bool gzip, err *e)
{
    z_stream s = { 0 };
    char piece[16384];
    int code = Z_OK;
    if (deflateInit2(&s, 6, Z_DEFLATED, gzip ? 15 + 16 : 15, 8, Z_DEFAULT_STRATEGY) != Z_OK) return err_memory(e, sizeof s);
    s.next_in = (Bytef *)(uintptr_t)bytes;
    while (code != Z_STREAM_END) {
        size_t left = n - (size_t)((const char *)s.next_in - (const char *)bytes);
        s.avail_in = left < (1u << 30) ? (uInt)left : 1u << 30;
        s.next_out = (Bytef *)piece;
        s.avail_out = sizeof piece;
        code = deflate(&s, s.avail_in == left ? Z_FINISH : Z_NO_FLUSH);
        buffer_add(out, piece, sizeof piece - s.avail_out);
    }
    deflateEnd(&s);
    return buffer_ok(out, e);
}

uint32_t zstream_crc(const void *bytes, size_t n)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, n);
}
