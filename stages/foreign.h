/* SPDX-License-Identifier: MIT */
/* Any HDF5 file, perhaps damaged, perhaps not of broca: its datasets by name, read in a child process, because libhdf5
 * crashes on some damaged files. For stages that take whatever a user has (inspect, export). */
#ifndef BROCA_FOREIGN_H
#define BROCA_FOREIGN_H

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broca/base.h"
#include "broca/store.h"

enum { FOREIGN_DEPTH = 32, FOREIGN_MOST = 1000000, FOREIGN_CPU_S = 3600 };

typedef struct {
    char *name; /* "/tap/h.0" */
    store_shape_t shape;
    bool known; /* false: why tells what it is instead */
    char why[200];
} foreign_dataset;

typedef struct {
    foreign_dataset *at;
    size_t n;
} foreign_list;

static inline void foreign_free(foreign_list *l)
{
    for (size_t i = 0; i < l->n; i++) free(l->at[i].name);
    free(l->at);
    *l = (foreign_list){ 0 };
}

static inline int foreign_add(foreign_list *l, store *s, const char *name, err *e)
{
    void *at = l->at;
    err why = { 0 };
    if (l->n >= FOREIGN_MOST) return err_set(e, ERR_INPUT, "%s: more than %d datasets", store_path(s), FOREIGN_MOST);
    if (mem_grow(&at, l->n + 1, sizeof *l->at, e)) return -1;
    l->at = at;
    foreign_dataset *d = &l->at[l->n];
    memset(d, 0, sizeof *d);
    if (!(d->name = mem_text(name, e))) return -1;
    l->n++;
    d->known = !store_shape(s, name, &d->shape, &why);
    const char *text = why.text, *path = store_path(s);
    if (str_begins(text, path)) text += strlen(path) + (text[strlen(path)] == ':' ? 2 : 0);
    if (str_begins(text, name) && text[strlen(name)] == ' ') text += strlen(name) + 1;
    if (!d->known) snprintf(d->why, sizeof d->why, "%.*s", (int)strcspn(text, "\n"), text);
    return 0;
}

/* Every dataset below group ("/": the whole file) in the order of names. Groups that contain themselves end at a depth. */
static inline int foreign_walk(foreign_list *l, store *s, const char *group, int depth, err *e)
{
    char **names = NULL, path[1024];
    size_t n = 0;
    if (depth > FOREIGN_DEPTH) return err_set(e, ERR_INPUT, "%s: groups nest deeper than %d", store_path(s), FOREIGN_DEPTH);
    if (store_list(s, group, &names, &n, e)) return -1;
    int status = 0;
    for (size_t i = 0; i < n && !status; i++) {
        int length = snprintf(path, sizeof path, "%s/%s", str_same(group, "/") ? "" : group, names[i]);
        if (length < 0 || (size_t)length >= sizeof path) status = err_set(e, ERR_INPUT, "%s: a name is too long", store_path(s));
        else status = store_is_group(s, path) ? foreign_walk(l, s, path, depth + 1, e) : foreign_add(l, s, path, e);
    }
    free(names);
    return status;
}

static inline const char *foreign_type(store_type type)
{
    static const char *const names[] = { "f4", "f8", "i4", "i8", "u1", "text" };
    return names[type];
}

static inline void foreign_limits(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    setrlimit(RLIMIT_CPU, &(struct rlimit){ FOREIGN_CPU_S, FOREIGN_CPU_S });
#ifndef __SANITIZE_ADDRESS__ /* ASan itself reserves terabytes of addresses */
    rlim_t bytes = (rlim_t)sysconf(_SC_PHYS_PAGES) * (rlim_t)sysconf(_SC_PAGESIZE);
    setrlimit(RLIMIT_AS, &(struct rlimit){ bytes, bytes });
#endif
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Goes on in a child. There it returns 0: read the file, then _exit with the stage's status. In the parent it returns 1 with
 * the child's exit status, or *e set if it crashed; -1 if there can be no child. */
static inline int foreign_fork(const char *path, int *status, err *e)
{
    int how = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) return err_system(e, "a child process to read %s", path);
    if (child == 0) {
        foreign_limits();
        return 0;
    }
    while (waitpid(child, &how, 0) < 0)
        if (errno != EINTR) return err_system(e, "waiting for the reader of %s", path);
        else if (interrupted()) kill(child, SIGTERM);
    *status = WIFEXITED(how) ? WEXITSTATUS(how) : 1;
    if (!WIFSIGNALED(how)) return 1;
    int number = WTERMSIG(how);
    if (number == SIGPIPE) { /* who read the output has gone, as head does: this process ends as the child did */
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    if (number == SIGTERM || number == SIGINT) err_set(e, ERR_INTERRUPTED, "%s: interrupted", path);
    else if (number == SIGKILL) err_set(e, ERR_ENVIRONMENT, "%s: its reader was killed (out of memory?)", path);
    else {
        err_set(e, ERR_INPUT, "%s: reading it crashed the HDF5 library (signal %d)", path, number);
        err_hint(e, "the file is damaged; make it again");
    }
    return 1;
}

#endif
