/* SPDX-License-Identifier: MIT */
/* What --save asks for, on its way to the product: a file with the vectors of each job, a response after the other, written by the
 * threads as fits are made. Beside a journal it outlives a kill; what it holds of a job counts if its SHA-256 is the journal's. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sets.h"

struct saved {
    int file;
    char *path; /* NULL: the file has no name */
    size_t jobs, vectors; /* of a job: one a response */
    size_t *length; /* [jobs×SAVED_KINDS] values of a response */
    size_t *begin;  /* [jobs×SAVED_KINDS + 1] bytes */
};

static size_t value_bytes(saved_kind kind)
{
    return kind == SAVED_INNER ? sizeof(double) : sizeof(float);
}

/* A file without a name in TMPDIR or /tmp; -1. */
static int open_nameless(err *e)
{
    char path[4096];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%.4000s/broca-XXXXXX", folder && *folder ? folder : "/tmp");
    int file = mkostemp(path, O_CLOEXEC);
    if (file < 0) err_system(e, "%s cannot be made", path);
    else unlink(path);
    return file;
}

static int lay_out(saved *s, const size_t *length, err *e)
{
    size_t bytes;
    for (size_t i = 0; i < s->jobs * SAVED_KINDS; i++) {
        s->length[i] = length[i];
        if (size_mul(length[i], value_bytes((saved_kind)(i % SAVED_KINDS)), &bytes, e) || size_mul(bytes, s->vectors, &bytes, e) ||
            size_add(s->begin[i], bytes, &s->begin[i + 1], e))
            return -1;
    }
    return 0;
}

int saved_open(saved **out, const char *path, size_t jobs, size_t vectors, const size_t *length, err *e)
{
    size_t cells = jobs * SAVED_KINDS;
    saved *s = mem_new(1, sizeof *s, e);
    *out = NULL;
    if (!s) return -1;
    *s = (saved){ .file = -1, .jobs = jobs, .vectors = vectors };
    s->length = mem_new(cells, sizeof *s->length, e);
    s->begin = mem_new(cells + 1, sizeof *s->begin, e);
    if (!s->length || !s->begin || (path && !(s->path = mem_text(path, e))) || lay_out(s, length, e)) goto failed;
    if (!path) s->file = open_nameless(e);
    else if ((s->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666)) < 0) err_system(e, "%s cannot be made", path);
    if (s->file < 0) goto failed;
    if (ftruncate(s->file, (off_t)s->begin[cells])) {
        err_system(e, "%s cannot be written", path ? path : "a temporary file");
        goto failed;
    }
    *out = s;
    return 0;
failed:
    saved_close(s, false);
    return -1;
}

static int write_at(const saved *s, const void *bytes, size_t n, size_t at, err *e)
{
    const char *from = bytes;
    while (n) {
        ssize_t done = pwrite(s->file, from, n, (off_t)at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return err_system(e, "%s cannot be written", s->path ? s->path : "a temporary file");
        from += done;
        at += (size_t)done;
        n -= (size_t)done;
    }
    return 0;
}

static int read_at(const saved *s, void *bytes, size_t n, size_t at, err *e)
{
    char *to = bytes;
    while (n) {
        ssize_t done = pread(s->file, to, n, (off_t)at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return err_system(e, "%s cannot be read", s->path ? s->path : "a temporary file");
        to += done;
        at += (size_t)done;
        n -= (size_t)done;
    }
    return 0;
}

static size_t place_of(const saved *s, size_t job, saved_kind kind, size_t response)
{
    size_t i = job * SAVED_KINDS + kind;
    return s->begin[i] + response * s->length[i] * value_bytes(kind);
}

int saved_put(saved *s, size_t job, saved_kind kind, size_t response, const double *values, double divide, err *e)
{
    enum { AT_ONCE = 4096 };
    float part[AT_ONCE];
    size_t n = s->length[job * SAVED_KINDS + kind], at = place_of(s, job, kind, response);
    if (kind == SAVED_INNER) return write_at(s, values, n * sizeof *values, at, e);
    for (size_t first = 0; first < n; first += AT_ONCE) {
        size_t m = n - first < AT_ONCE ? n - first : AT_ONCE;
        for (size_t i = 0; i < m; i++) part[i] = (float)(values[first + i] / divide);
        if (write_at(s, part, m * sizeof *part, at + first * sizeof *part, e)) return -1;
    }
    return 0;
}

int saved_get(const saved *s, size_t job, saved_kind kind, size_t first, size_t count, void *out, err *e)
{
    return read_at(s, out, count * s->length[job * SAVED_KINDS + kind] * value_bytes(kind), place_of(s, job, kind, first), e);
}

size_t saved_length(const saved *s, size_t job, saved_kind kind)
{
    return s ? s->length[job * SAVED_KINDS + kind] : 0;
}

int saved_digest(const saved *s, size_t job, sha_hex *out, err *e)
{
    enum { PIECE = 1 << 20 };
    size_t at = s->begin[job * SAVED_KINDS], end = s->begin[(job + 1) * SAVED_KINDS];
    char *piece = mem_new(PIECE, 1, e);
    sha *sum = piece ? sha_new(e) : NULL;
    int status = sum ? 0 : -1;
    for (size_t n; at < end && !status; at += n) {
        n = end - at < PIECE ? end - at : PIECE;
        if (!(status = read_at(s, piece, n, at, e))) sha_add(sum, piece, n);
    }
    free(piece);
    if (sum) *out = sha_end(sum);
    return status;
}

void saved_unname(saved *s)
{
    if (!s || !s->path) return;
    unlink(s->path);
    free(s->path);
    s->path = NULL;
}

void saved_close(saved *s, bool keep)
{
    if (!s) return;
    if (!keep) saved_unname(s);
    if (s->file >= 0) close(s->file);
    free(s->path);
    free(s->length);
    free(s->begin);
    free(s);
}
