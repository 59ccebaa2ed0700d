/* SPDX-License-Identifier: MIT */
/* oracle CASE...: checks each case and prints a line; with one case its status is the exit status. With --tsv FILE the lines
 * are written there too. Called by tests/oracle/run. */
#include "oracle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "broca/num.h"
#include "broca/store.h"

static const struct {
    const char *group;
    oracle_check check;
} groups[] = {
    { "hf", check_hf },
    { "tokenizers", check_tokenizers },
    { "ridge", check_ridge },
    { "stats", check_stats },
    { "benchmarks", check_benchmarks },
    { "moran", check_moran },
    { "readout_smoothing", check_readout_smoothing },
    { "clusters", check_clusters },
    { "spatial_loss", check_spatial_loss },
    { "topolm_train", check_topolm_train },
    { "glm", check_glm },
};

oracle_status oracle_end(oracle_result *r, oracle_status status, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(r->reason, sizeof r->reason, format, list);
    va_end(list);
    r->status = status;
    return status;
}

void oracle_near(oracle_result *r, const char *what, const double *got, const double *want, size_t n, double absolute,
                 double relative)
{
    r->tolerance = 1;
    for (size_t i = 0; i < n; i++) {
        if (isnan(want[i]) && isnan(got[i])) continue;
        if (isinf(want[i]) && got[i] == want[i]) continue;
        double error = fabs(got[i] - want[i]) / (absolute + relative * fabs(want[i]));
        if (isnan(error) || isinf(error)) error = INFINITY;
        if (!(error <= r->max_error)) r->max_error = error;
        if (error > 1 && r->status != ORACLE_FAIL)
            oracle_end(r, ORACLE_FAIL, "%s[%zu]: %.10g, expected %.10g", what, i, got[i], want[i]);
    }
}

int oracle_sibling(const oracle_case *c, const char *name, char *path, size_t room)
{
    snprintf(path, room, "%s/%s", c->folder, name);
    if (file_exists(path)) return 0;
    snprintf(path, room, "%s/%s", c->fallback, name);
    return *c->fallback && file_exists(path) ? 0 : -1;
}

static void case_open(oracle_case *c, const char *path)
{
    char full[4096];
    const char *shared = getenv("BROCA_SHARED");
    memset(c, 0, sizeof *c);
    c->path = path;
    snprintf(full, sizeof full, "%s", path);
    for (size_t n = strlen(full); n > 1 && full[n - 1] == '/'; n--) full[n - 1] = 0;
    char *slash = strrchr(full, '/');
    snprintf(c->name, sizeof c->name, "%.200s", slash ? slash + 1 : full);
    if (str_ends(c->name, ".h5")) c->name[strlen(c->name) - 3] = 0;
    if (slash) *slash = 0;
    snprintf(c->folder, sizeof c->folder, "%.1000s", slash ? full : ".");
    char *real = realpath(c->folder, NULL);
    const char *group = real ? strrchr(real, '/') : NULL;
    snprintf(c->group, sizeof c->group, "%s", group ? group + 1 : "");
    free(real);
    snprintf(c->shared, sizeof c->shared, "%s", shared ? shared : "../shared");
    if (!file_exists(c->shared)) c->shared[0] = 0;
    if (*c->shared) snprintf(c->fallback, sizeof c->fallback, "%.800s/oracles/%s", c->shared, c->group);
}

static oracle_status case_run(const char *path, oracle_result *r, oracle_case *c)
{
    memset(r, 0, sizeof *r);
    case_open(c, path);
    if (!file_exists(path)) return oracle_end(r, ORACLE_UNREADABLE, "no such case");
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (str_same(groups[i].group, c->group)) {
            oracle_status status = groups[i].check(c, r);
            return r->status == ORACLE_PASS ? status : r->status;
        }
    return oracle_end(r, ORACLE_SKIP, "group %s is not known yet", c->group);
}

static const char *word(oracle_status s)
{
    return s == ORACLE_PASS ? "pass" : s == ORACLE_SKIP ? "skip" : "fail";
}

int main(int argc, char **argv)
{
    FILE *tsv = NULL;
    oracle_status last = ORACLE_UNREADABLE;
    int first = 1;
    threads_start(0);
    blas_start();
    if (argc > 2 && str_same(argv[1], "--tsv")) {
        tsv = fopen(argv[2], "a");
        first = 3;
    }
    for (int i = first; i < argc; i++) {
        oracle_result r;
        oracle_case c;
        last = case_run(argv[i], &r, &c);
        printf("%-4s %s/%s", last == ORACLE_PASS ? "ok" : last == ORACLE_SKIP ? "SKIP" : "FAIL", c.group, c.name);
        if (r.tolerance > 0) printf("  error %.3g of %.3g allowed", r.max_error, r.tolerance);
        printf("%s%s\n", *r.reason ? "  " : "", r.reason);
        fflush(stdout);
        if (tsv)
            fprintf(tsv, "%s\t%s\t%s\t%.6g\t%.6g\t%s\n", c.group, c.name, word(last), r.max_error, r.tolerance, r.reason);
    }
    if (tsv && fclose(tsv)) return 1;
    return argc - first == 1 ? (int)last : 0;
}
