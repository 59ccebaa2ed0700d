/* SPDX-License-Identifier: MIT */
/* alice2016 (Brennan et al. 2016): 28 listeners × 6 regions × 362 volumes of 2 s. fmri/alice2016.md tells its quirks. */
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/responses.h"

enum { REGIONS = 6, MOTION = 6, DROPPED = 10, MAX_SUBJECTS = 256 };
static const char *const regions[REGIONS] = { "LATL", "RATL", "LPTL", "LIPL", "LPreM", "LIFG" };
static const double tr_s = 2.0, first_onset_s = 20.0; /* ten volumes were dropped from the time courses: row k is 20 + 2k s */

typedef struct {
    char name[32];
    char course[1024], motion[1024];
    double *values; /* [rows×6] */
    double *moved;  /* [rows×6] */
    bool usable;
} listener;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const listener *)a)->name, ((const listener *)b)->name);
}

/* Reads rows × columns numbers of a blank-separated file. */
static int read_numbers(double **out, size_t *rows, size_t columns, const char *path, err *e)
{
    table *t = NULL;
    double *values = NULL;
    int status = -1;
    if (table_read(&t, path, ' ', false, e)) goto done;
    if (table_columns(t) != columns) {
        err_set(e, ERR_INPUT, "%s: %zu columns, expected %zu", path, table_columns(t), columns);
        goto done;
    }
    if (!(values = mem_new(table_rows(t) * columns, sizeof *values, e))) goto done;
    for (size_t i = 0; i < table_rows(t); i++)
        for (size_t j = 0; j < columns; j++) {
            if (table_number(t, i, j, &values[i * columns + j], e)) goto done;
            if (!isfinite(values[i * columns + j])) {
                err_set(e, ERR_INPUT, "%s: row %zu, column %zu is not a finite number", path, i + 1, j + 1);
                goto done;
            }
        }
    *rows = table_rows(t);
    *out = values;
    values = NULL;
    status = 0;
done:
    free(values);
    table_free(t);
    return status;
}

static int find_listeners(listener *l, size_t *n, const char *folder, int radius_mm, err *e)
{
    char path[600];
    snprintf(path, sizeof path, "%.500s/alice_data_shared/%dmm", folder, radius_mm);
    DIR *d = opendir(path);
    if (!d) {
        err_system(e, "%s", path);
        e->kind = ERR_INPUT;
        return err_hint(e, "obtain the data with: pipeline/fetch alice2016");
    }
    *n = 0;
    for (struct dirent *f; (f = readdir(d)) && *n < MAX_SUBJECTS;) {
        const char *dash = strstr(f->d_name, "-timecourses.txt");
        if (!dash || dash == f->d_name || (size_t)(dash - f->d_name) >= sizeof l->name) continue;
        listener *s = &l[(*n)++];
        memset(s, 0, sizeof *s);
        memcpy(s->name, f->d_name, (size_t)(dash - f->d_name));
        snprintf(s->course, sizeof s->course, "%s/%.255s", path, f->d_name);
    }
    closedir(d);
    if (!*n) return err_set(e, ERR_INPUT, "%s: no sNN-timecourses.txt", path);
    qsort(l, *n, sizeof *l, by_name);
    return 0;
}

/* The motion files are called sNN-rp_SOMETHING.txt, SOMETHING differing between subjects. */
static int find_motion(listener *l, size_t n, const char *folder, err *e)
{
    char path[600], head[48];
    snprintf(path, sizeof path, "%.500s/alice_data_shared", folder);
    DIR *d = opendir(path);
    if (!d) return err_system(e, "%s", path);
    for (struct dirent *f; (f = readdir(d));)
        for (size_t i = 0; i < n; i++) {
            snprintf(head, sizeof head, "%s-rp_", l[i].name);
            if (str_begins(f->d_name, head)) snprintf(l[i].motion, sizeof l[i].motion, "%s/%.255s", path, f->d_name);
        }
    closedir(d);
    for (size_t i = 0; i < n; i++)
        if (!*l[i].motion) return err_set(e, ERR_INPUT, "%s: no motion file %s-rp_*.txt", path, l[i].name);
    return 0;
}

static bool all_equal(const double *x, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (x[i] != x[0]) return false;
    return true;
}

/* Motion has the ten volumes more that the time courses lost: cut them from its front. */
static int read_listener(listener *s, size_t *rows, err *e)
{
    size_t n, m;
    if (read_numbers(&s->values, &n, REGIONS, s->course, e)) return -1;
    if (*rows && n != *rows)
        return err_set(e, ERR_INPUT, "%s: %zu volumes, the subjects before have %zu", s->course, n, *rows);
    *rows = n;
    s->usable = !all_equal(s->values, n * REGIONS);
    if (!s->usable) return 0;
    if (read_numbers(&s->moved, &m, MOTION, s->motion, e)) return -1;
    if (m != n + DROPPED)
        return err_set(e, ERR_INPUT, "%s: %zu rows, expected %zu + %d", s->motion, m, n, DROPPED);
    memmove(s->moved, s->moved + DROPPED * MOTION, n * MOTION * sizeof *s->moved);
    return 0;
}

static int fill_times(responses *r, err *e)
{
    char name[32];
    if (!(r->onset = arena_get(r->memory, (r->n + 1) * sizeof *r->onset, e))) return -1;
    for (size_t k = 0; k < r->n; k++) {
        r->onset[k] = first_onset_s + tr_s * (double)k;
        int length = snprintf(name, sizeof name, "volume%zu", k);
        if (!(r->id[k] = arena_text(r->memory, name, (size_t)length, e))) return -1;
    }
    r->tr = tr_s;
    return 0;
}

static int fill_subject(responses *r, const listener *s, size_t number, err *e)
{
    for (size_t j = 0; j < REGIONS; j++) {
        size_t column = number * REGIONS + j;
        if (responses_label(r, column, s->name, regions[j], (int32_t)j, e)) return -1;
        for (size_t k = 0; k < r->n; k++) r->data[k * r->v + column] = (float)s->values[k * REGIONS + j];
    }
    confound *c = &r->confounds[r->n_confounds++];
    c->name = arena_text(r->memory, "motion", 6, e);
    c->subject = arena_text(r->memory, s->name, strlen(s->name), e);
    c->k = MOTION;
    c->at = arena_get(r->memory, r->n * MOTION * sizeof *c->at, e);
    if (!c->name || !c->subject || !c->at) return -1;
    memcpy(c->at, s->moved, r->n * MOTION * sizeof *c->at);
    return 0;
}

static int fill(responses **out, const listener *l, size_t n, size_t rows, err *e)
{
    size_t usable = 0, number = 0;
    char reason[160];
    for (size_t i = 0; i < n; i++) usable += l[i].usable;
    if (!usable) return err_set(e, ERR_INPUT, "no subject has usable time courses");
    responses *r = responses_make(rows, usable * REGIONS, e);
    if (!r) return -1;
    r->confounds = arena_get(r->memory, usable * sizeof *r->confounds, e);
    if (!r->confounds || fill_times(r, e)) goto fail;
    for (size_t i = 0; i < n; i++) {
        if (l[i].usable) {
            if (fill_subject(r, &l[i], number++, e)) goto fail;
            continue;
        }
        snprintf(reason, sizeof reason, "all %zu × %d values are %g", rows, REGIONS, l[i].values[0]);
        if (responses_exclude(r, l[i].name, reason, e)) goto fail;
        log_warn("subject %s is excluded: %s", l[i].name, reason);
    }
    *out = r;
    return 0;
fail:
    responses_free(r);
    return -1;
}

int responses_from_alice(responses **out, const char *folder, int radius_mm, err *e)
{
    size_t n = 0, rows = 0;
    int status = -1;
    listener *l = mem_new(MAX_SUBJECTS, sizeof *l, e);
    if (!l) return -1;
    if (radius_mm != 6 && radius_mm != 10) {
        err_set(e, ERR_USAGE, "alice2016 has spheres of 6 and of 10 mm, not of %d", radius_mm);
        goto done;
    }
    if (find_listeners(l, &n, folder, radius_mm, e) || find_motion(l, n, folder, e)) goto done;
    for (size_t i = 0; i < n; i++)
        if (read_listener(&l[i], &rows, e)) goto done;
    status = fill(out, l, n, rows, e);
done:
    for (size_t i = 0; i < n; i++) {
        free(l[i].values);
        free(l[i].moved);
    }
    free(l);
    if (status) err_while(e, "reading alice2016 from %s", folder);
    return status;
}

int alice_predictors(double **rate, double **sound_power, size_t *n, const char *folder, err *e)
{
    char path[1024];
    size_t m;
    *rate = *sound_power = NULL;
    snprintf(path, sizeof path, "%.900s/alice_data_shared/s18-rate.txt", folder);
    if (read_numbers(rate, n, 1, path, e)) return err_while(e, "reading alice2016 from %s", folder);
    snprintf(path, sizeof path, "%.900s/alice_data_shared/s18-sndpwr.txt", folder);
    if (!read_numbers(sound_power, &m, 1, path, e)) {
        if (m == *n) return 0;
        err_set(e, ERR_INPUT, "%s: %zu rows, the rate has %zu", path, m, *n);
    }
    free(*rate);
    free(*sound_power);
    return err_while(e, "reading alice2016 from %s", folder);
}
