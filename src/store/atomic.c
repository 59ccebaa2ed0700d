/* SPDX-License-Identifier: MIT */
/* Files that appear whole or not at all: temporary name in the same folder, fsync, rename, fsync of the folder; a lock. */
#include "broca/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct atomic {
    char *path, *temporary, *lock;
    int lock_fd;
};

bool file_exists(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0;
}

int folder_make(const char *path, err *e)
{
    char part[4096];
    size_t n = strlen(path);
    if (!n || n >= sizeof part) return err_set(e, ERR_INPUT, "'%.100s' is no folder's name", path);
    memcpy(part, path, n + 1);
    for (char *p = part + 1; *p; p++) {
        if (*p != '/') continue;
        *p = 0;
        if (mkdir(part, 0777) && errno != EEXIST) return err_system(e, "making the folder %s", part);
        *p = '/';
    }
    if (mkdir(part, 0777) && errno != EEXIST) return err_system(e, "making the folder %s", part);
    return 0;
}

static char *folder_of(const char *path, err *e)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return mem_text(".", e);
    if (slash == path) return mem_text("/", e);
    return str_format(e, "%.*s", (int)(slash - path), path);
}

static void discard(atomic *a)
{
    if (a->lock_fd >= 0) {
        unlink(a->lock);
        close(a->lock_fd);
    }
    free(a->path);
    free(a->temporary);
    free(a->lock);
    free(a);
}

/* Takes the lock; another process may unlink the file between open and flock, so look whether it is still the one there. */
static int take_lock(atomic *a, err *e)
{
    for (int tries = 0; tries < 100; tries++) {
        struct stat mine, there;
        int fd = open(a->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0) return err_system(e, "%s", a->lock);
        if (flock(fd, LOCK_EX | LOCK_NB)) {
            bool busy = errno == EWOULDBLOCK;
            close(fd);
            if (!busy) return err_system(e, "locking %s", a->lock);
            err_set(e, ERR_ENVIRONMENT, "%s is being written by another process", a->path);
            return err_hint(e, "wait until it ends; it holds %s", a->lock);
        }
        if (!fstat(fd, &mine) && !stat(a->lock, &there) && mine.st_ino == there.st_ino) {
            a->lock_fd = fd;
            return 0;
        }
        close(fd);
    }
    return err_set(e, ERR_ENVIRONMENT, "%s: the lock changes hands all the time", a->path);
}

int atomic_open(atomic **out, const char *path, err *e)
{
    char *folder = NULL;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    atomic *a = mem_new(1, sizeof *a, e);
    if (!a) return -1;
    a->lock_fd = -1;
    if (!*name) {
        err_set(e, ERR_USAGE, "'%s' is no file's name", path);
        goto fail;
    }
    if (!(folder = folder_of(path, e)) || folder_make(folder, e)) goto fail;
    a->path = mem_text(path, e);
    a->temporary = str_format(e, "%s/.%s.part", folder, name);
    a->lock = str_format(e, "%s/.%s.lock", folder, name);
    if (!a->path || !a->temporary || !a->lock || take_lock(a, e)) goto fail;
    free(folder);
    *out = a;
    return 0;
fail:
    free(folder);
    discard(a);
    return err_while(e, "opening %s for writing", path);
}

const char *atomic_temporary(const atomic *a)
{
    return a->temporary;
}

static int sync_path(const char *path, int flags, err *e)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0) return err_system(e, "%s", path);
    int bad = fsync(fd);
    if (bad) err_system(e, "flushing %s to the disk", path);
    close(fd);
    return bad ? -1 : 0;
}

int atomic_commit(atomic *a, err *e)
{
    char *folder = folder_of(a->path, e);
    int status = -1;
    if (!folder) goto done;
    if (sync_path(a->temporary, O_RDWR, e)) goto done;
    if (rename(a->temporary, a->path)) {
        err_system(e, "renaming %s to %s", a->temporary, a->path);
        goto done;
    }
    status = sync_path(folder, O_RDONLY | O_DIRECTORY, e);
done:
    free(folder);
    if (status) unlink(a->temporary);
    discard(a);
    return status;
}

void atomic_abandon(atomic *a)
{
    if (!a) return;
    unlink(a->temporary);
    discard(a);
}

int atomic_write(const char *path, const void *bytes, size_t n, err *e)
{
    atomic *a = NULL;
    if (atomic_open(&a, path, e)) return -1;
    FILE *f = fopen(atomic_temporary(a), "wb");
    if (!f) {
        err_system(e, "%s", atomic_temporary(a));
        goto fail;
    }
    bool bad = fwrite(bytes, 1, n, f) != n;
    if (bad) err_system(e, "writing %s", path);
    if (fclose(f) && !bad) {
        err_system(e, "writing %s", path);
        bad = true;
    }
    if (!bad) return atomic_commit(a, e);
fail:
    atomic_abandon(a);
    return -1;
}

int file_read(char **out, size_t *n, const char *path, size_t limit, err *e)
{
    struct stat s;
    char *text = NULL;
    FILE *f = fopen(path, "rb");
    if (!f || fstat(fileno(f), &s)) {
        err_system(e, "%s", path);
        if (errno == ENOENT || errno == ENOTDIR || errno == EACCES) e->kind = ERR_INPUT;
        goto fail;
    }
    if (S_ISDIR(s.st_mode)) {
        err_set(e, ERR_INPUT, "%s is a folder, a file is expected", path);
        goto fail;
    }
    if (s.st_size < 0 || (size_t)s.st_size > limit) {
        err_set(e, ERR_INPUT, "%s has %lld bytes, more than the limit of %zu", path, (long long)s.st_size, limit);
        goto fail;
    }
    size_t size = (size_t)s.st_size;
    if (!(text = mem_new(size + 1, 1, e))) goto fail;
    if (fread(text, 1, size, f) != size) {
        err_set(e, ERR_ENVIRONMENT, "%s: cannot read %zu bytes", path, size);
        goto fail;
    }
    fclose(f);
    *out = text;
    *n = size;
    return 0;
fail:
    if (f) fclose(f);
    free(text);
    return -1;
}
