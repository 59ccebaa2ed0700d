/* SPDX-License-Identifier: MIT */
/* broca NAME [options] runs broca-NAME: beside this program, else from PATH. Without a name it lists the stages. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broca/base.h"

/* In the order of the path from stimuli to report. Summaries come from the programs themselves (--help, first line). */
static const char *const path_order[] = { "import", "tokenize", "extract", "localize", "glm", "group", "encode", "ceiling", "score",
                                          "similarity", "topography", "simulate", "corpus", "train", "steer", "behave", "report", "inspect",
                                          "export", "doctor", NULL };

typedef struct {
    char folder[3072]; /* of this executable; "" if /proc does not tell */
    char **names;      /* stages beside it, as NULL-terminated list */
    size_t n;
} stage_list;

static void find_folder(stage_list *l)
{
    ssize_t n = readlink("/proc/self/exe", l->folder, sizeof l->folder - 1);
    l->folder[n > 0 ? n : 0] = 0;
    char *slash = strrchr(l->folder, '/');
    if (slash) *slash = 0;
    else l->folder[0] = 0;
}

static int add_name(stage_list *l, const char *name, err *e)
{
    void *names = l->names;
    if (mem_grow(&names, l->n + 2, sizeof *l->names, e)) return -1;
    l->names = names;
    l->names[l->n + 1] = NULL;
    l->names[l->n] = mem_text(name, e);
    if (!l->names[l->n]) return -1;
    l->n++;
    return 0;
}

static size_t rank_of(const char *name)
{
    size_t i = 0;
    while (path_order[i] && !str_same(path_order[i], name)) i++;
    return i;
}

static int by_rank(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    size_t i = rank_of(x), j = rank_of(y);
    return i < j ? -1 : i > j ? 1 : strcmp(x, y);
}

static int find_stages(stage_list *l, err *e)
{
    char path[sizeof l->folder + 300];
    int status = 0;
    find_folder(l);
    DIR *d = *l->folder ? opendir(l->folder) : NULL;
    if (!d) return 0;
    for (struct dirent *f; !status && (f = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", l->folder, f->d_name);
        if (str_begins(f->d_name, "broca-") && !access(path, X_OK)) status = add_name(l, f->d_name + strlen("broca-"), e);
    }
    closedir(d);
    if (l->n > 1) qsort(l->names, l->n, sizeof *l->names, by_rank);
    return status;
}

/* The first line that `broca-NAME --help` prints, without "broca NAME: "; "" if there is none. */
static void ask_summary(const stage_list *l, const char *name, char *text, size_t room)
{
    char path[sizeof l->folder + 300], head[300];
    int ends[2];
    text[0] = 0;
    snprintf(path, sizeof path, "%s/broca-%s", l->folder, name);
    if (pipe(ends)) return;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        int nothing = open("/dev/null", O_RDWR);
        dup2(nothing, STDIN_FILENO);
        dup2(nothing, STDERR_FILENO);
        execl(path, path, "--help", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *f = fdopen(ends[0], "r");
    if (f && child > 0 && fgets(text, (int)room, f)) {
        text[strcspn(text, "\n")] = 0;
        snprintf(head, sizeof head, "broca %s: ", name);
        if (str_begins(text, head)) memmove(text, text + strlen(head), strlen(text + strlen(head)) + 1);
    }
    if (f) fclose(f);
    else close(ends[0]);
    if (child > 0) waitpid(child, NULL, 0);
}

static void print_stages(const stage_list *l)
{
    char summary[200];
    printf("broca %s: how well does a language model predict a human brain?\n\nUsage: broca STAGE [options]\n\n", BROCA_VERSION);
    for (size_t i = 0; i < l->n; i++) {
        ask_summary(l, l->names[i], summary, sizeof summary);
        printf("  %-11s %s\n", l->names[i], summary);
    }
    if (!l->n) printf("  no stage lies beside this program\n");
    printf("\n  broca STAGE --help         options of a stage (also: broca help STAGE)\n"
           "  broca --version            the version\n");
}

/* Returns only if there is no such program (errno ENOENT) or it cannot be run. */
static void run_stage(const stage_list *l, const char *name, char **argv)
{
    char path[sizeof l->folder + 300], program[280];
    snprintf(program, sizeof program, "broca-%.256s", name);
    argv[0] = program;
    snprintf(path, sizeof path, "%s/%s", l->folder, program);
    if (*l->folder) {
        execv(path, argv);
        if (errno != ENOENT) return;
    }
    execvp(program, argv);
}

static int no_such_stage(const stage_list *l, const char *name, err *e)
{
    if (*name == '-') err_set(e, ERR_USAGE, "unknown option '%s'", name);
    else if (errno == ENOENT || strchr(name, '/')) err_set(e, ERR_USAGE, "unknown stage '%s'", name);
    else return err_system(e, "broca-%s cannot be run", name);
    const char *nearest = l->n ? str_nearest(name, (const char *const *)l->names) : NULL;
    if (nearest && *name != '-') return err_hint(e, "did you mean 'broca %s'?", nearest);
    return err_hint(e, "broca --help lists the stages");
}

static int dispatch(const stage_list *l, int argc, char **argv, err *e)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    char ask[] = "--help", *help[] = { NULL, ask, NULL };
    if (str_same(name, "--version")) {
        printf("broca %s\n", BROCA_VERSION);
        return 0;
    }
    bool helping = str_same(name, "help") || str_same(name, "--help") || str_same(name, "-h");
    if (helping && argc < 3) {
        print_stages(l);
        return 0;
    }
    if (helping) name = argv[2];
    errno = ENOENT;
    if (*name && *name != '-' && !strchr(name, '/')) run_stage(l, name, helping ? help : argv + 1);
    return no_such_stage(l, name, e);
}

int main(int argc, char **argv)
{
    err e = { 0 };
    stage_list l = { 0 };
    log_start(&(log_options){ 0 });
    int status = find_stages(&l, &e) || dispatch(&l, argc, argv, &e);
    if (!status && fflush(stdout)) status = err_system(&e, "standard output");
    if (status) log_error(&e);
    for (size_t i = 0; i < l.n; i++) free(l.names[i]);
    free(l.names);
    return status ? err_status(&e) : 0;
}
