/* SPDX-License-Identifier: MIT */
/* What a run has finished, kept beside its product while it runs (FILE.resume): after a kill the same command goes on from
 * there. A header names the run; a record holds a job's results with their SHA-256, and what is torn at the end is cut off. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sets.h"

static const char title[] = "broca encode journal 1\n";
enum { DIGEST = 64, HEAD = sizeof title - 1 + DIGEST + 1 };
static const double quiet_s = 1, sync_s = 2; /* short runs write nothing; a long one syncs now and then */

struct journal {
    FILE *f;
    char *path;
    size_t jobs, found;
    void **payload; /* [jobs] */
    size_t *bytes;
    double opened_s, synced_s;
    bool broken, head_written;
    char head[HEAD + 1];
};

static sha_hex digest(uint64_t job, uint64_t bytes, const void *payload)
{
    err e = { 0 };
    sha *s = sha_new(&e);
    sha_hex none = { "" };
    if (!s) return none;
    sha_add(s, &job, sizeof job);
    sha_add(s, &bytes, sizeof bytes);
    sha_add(s, payload, bytes);
    return sha_end(s);
}

/* One record; false at the end or where the file is torn. */
static bool read_record(journal *j, FILE *f, off_t size)
{
    uint64_t head[2];
    char sum[DIGEST];
    off_t at = ftello(f);
    if (fread(head, sizeof *head, 2, f) != 2 || head[0] >= j->jobs || head[1] > (uint64_t)(size - at)) return false;
    void *payload = malloc(head[1] + 1);
    bool good = payload && fread(payload, 1, head[1], f) == head[1] && fread(sum, 1, DIGEST, f) == DIGEST;
    if (good) {
        sha_hex want = digest(head[0], head[1], payload);
        good = memcmp(want.hex, sum, DIGEST) == 0;
    }
    if (!good || j->payload[head[0]]) {
        free(payload);
        return good;
    }
    j->payload[head[0]] = payload;
    j->bytes[head[0]] = head[1];
    j->found++;
    return true;
}

/* Takes over what a killed run left. 1: it is another run's. */
static int read_file(journal *j)
{
    char head[HEAD];
    struct stat info;
    FILE *f = fopen(j->path, "rb");
    if (!f) return 0;
    if (fstat(fileno(f), &info) || fread(head, 1, HEAD, f) != HEAD || memcmp(head, j->head, HEAD) != 0) {
        fclose(f);
        return 1;
    }
    off_t good = HEAD;
    while (read_record(j, f, info.st_size)) good = ftello(f);
    fclose(f);
    j->head_written = true;
    if (truncate(j->path, good)) j->broken = true;
    return 0;
}

int journal_open(journal **out, const char *path, const char *identity, size_t jobs, bool must_match, err *e)
{
    journal *j = mem_new(1, sizeof *j, e);
    *out = NULL;
    if (!j) return -1;
    j->jobs = jobs;
    j->opened_s = j->synced_s = clock_s();
    j->path = mem_text(path, e);
    j->payload = mem_new(jobs + 1, sizeof *j->payload, e);
    j->bytes = mem_new(jobs + 1, sizeof *j->bytes, e);
    if (!j->path || !j->payload || !j->bytes) goto failed;
    snprintf(j->head, sizeof j->head, "%s%.64s\n", title, identity);
    if (read_file(j)) {
        if (must_match) {
            err_set(e, ERR_INPUT, "%s belongs to another run (other options, inputs or program): it cannot be resumed", path);
            err_hint(e, "without --resume it is replaced");
            goto failed;
        }
        unlink(path);
    } else if (must_match && !j->found) log_info("%s: nothing to resume, starting afresh", path);
    if (j->found) log_info("resumed: %zu of %zu fits were done before", j->found, jobs);
    *out = j;
    return 0;
failed:
    journal_close(j, false);
    return -1;
}

bool journal_find(const journal *j, size_t job, const void **payload, size_t *bytes)
{
    if (!j || !j->payload[job]) return false;
    *payload = j->payload[job];
    *bytes = j->bytes[job];
    return true;
}

static bool write_head(journal *j)
{
    if (!j->f && !(j->f = fopen(j->path, "ab"))) return false;
    if (j->head_written) return true;
    j->head_written = true;
    return fwrite(j->head, 1, HEAD, j->f) == HEAD;
}

bool journal_holds(const journal *j)
{
    return j && j->head_written;
}

bool journal_takes(const journal *j)
{
    return j && clock_s() - j->opened_s >= quiet_s;
}

void journal_add(journal *j, size_t job, const void *payload, size_t bytes)
{
    uint64_t head[2] = { job, bytes };
    if (!journal_takes(j)) return;
    sha_hex sum = digest(job, bytes, payload);
#pragma omp critical(broca_journal)
    if (!j->broken) {
        j->broken = !write_head(j) || fwrite(head, sizeof *head, 2, j->f) != 2 || fwrite(payload, 1, bytes, j->f) != bytes ||
                    fwrite(sum.hex, 1, DIGEST, j->f) != DIGEST || fflush(j->f);
        if (!j->broken && clock_s() - j->synced_s > sync_s) {
            j->broken = fdatasync(fileno(j->f)) != 0;
            j->synced_s = clock_s();
        }
        if (j->broken) log_info("%s cannot be written: this run could not be resumed after a kill", j->path);
    }
}

void journal_close(journal *j, bool finished)
{
    if (!j) return;
    if (j->f) fclose(j->f);
    if (finished && j->path) unlink(j->path);
    for (size_t i = 0; j->payload && i < j->jobs; i++) free(j->payload[i]);
    free(j->payload);
    free(j->bytes);
    free(j->path);
    free(j);
}
