/* SPDX-License-Identifier: MIT */
/* Reads a ceiling, and asks whether it was made as the encoding was. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"
#include "parts.h"

static int read_texts(ceiling_file *c, store *s, err *e)
{
    int status = -1;
    char *target = NULL, *metric = NULL;
    if (store_get_text(s, "/", "target", &target, e) || store_get_text(s, "/", "metric", &metric, e)) goto done;
    c->group = str_same(target, "group");
    if (!c->group && !str_same(target, "single")) {
        err_set(e, ERR_INPUT, "%s: target is '%s', expected group or single", c->path, target);
        goto done;
    }
    if (!str_same(metric, "r")) {
        err_set(e, ERR_INPUT, "%s: a ceiling of %s; scores are divided by ceilings of r, and by their squares", c->path,
                metric);
        goto done;
    }
    if (store_has_attribute(s, "/", "config") && store_get_text(s, "/", "config", &c->config, e)) goto done;
    if (store_has_attribute(s, "/", "folds") && store_get_text(s, "/", "folds", &c->folds, e)) goto done;
    status = 0;
done:
    free(target);
    free(metric);
    return status;
}

static int read_loo(ceiling_file *c, store *s, err *e)
{
    size_t cells = 0;
    if (c->group || !store_has(s, "/loo/corrected")) return 0;
    if (store_read_text(s, "/loo/subject", &c->subject, &c->subjects, e) ||
        store_read_f8(s, "/loo/corrected", &c->corrected, &cells, e))
        return -1;
    if (cells != c->subjects * c->n) return err_set(e, ERR_INPUT, "%s: /loo/corrected is not subjects × ROIs", c->path);
    return 0;
}

/* METHODS 4.4: no ratio for fewer than 10 subjects unless the lower bound of r̄ is above .05. */
static int read_certainty(ceiling_file *c, store *s, err *e)
{
    int status = -1;
    char *method = NULL;
    double *lo = NULL;
    int32_t *subjects = NULL;
    size_t n = 0, m = 0;
    if (!(c->ratio = mem_new(c->n, 1, e)) || store_get_text(s, "/", "method", &method, e)) goto done;
    memset(c->ratio, 1, c->n);
    if (str_same(method, "isc")) {
        if (store_read_f8(s, "/mean_r_lo", &lo, &n, e) || store_read_i4(s, "/n_subjects", &subjects, &m, e)) goto done;
        if (n != c->n || m != c->n) {
            err_set(e, ERR_INPUT, "%s: /mean_r_lo and /n_subjects need an entry a ROI", c->path);
            goto done;
        }
        for (size_t g = 0; g < c->n; g++)
            c->ratio[g] = subjects[g] >= 10 || lo[g] > .05;
    }
    status = 0;
done:
    free(method);
    free(lo);
    free(subjects);
    return status;
}

int ceiling_file_read(ceiling_file **out, const char *path, err *e)
{
    int status = -1;
    store *s = NULL;
    size_t n = 0, m = 0;
    ceiling_file *c = mem_new(1, sizeof *c, e);
    *out = NULL;
    if (!c) return -1;
    c->path = path;
    if (store_open(&s, path, "ceiling", e) || read_texts(c, s, e) ||
        store_read_text(s, "/neuroid/roi", &c->roi, &c->n, e) || store_read_f8(s, "/ceiling", &c->value, &n, e) ||
        store_read_f8(s, "/ceiling_r2", &c->value_r2, &m, e))
        goto done;
    if (n != c->n || m != c->n) {
        err_set(e, ERR_INPUT, "%s: /ceiling has %zu entries, /neuroid/roi %zu", path, n, c->n);
        goto done;
    }
    if (read_loo(c, s, e) || read_certainty(c, s, e)) goto done;
    *out = c;
    c = NULL;
    status = 0;
done:
    store_close(s);
    ceiling_file_free(c);
    if (status) err_while(e, "reading the ceiling %s", path);
    return status;
}

void ceiling_file_free(ceiling_file *c)
{
    if (!c) return;
    void *owned[] = { c->roi, c->subject, c->value, c->value_r2, c->corrected, c->ratio, c->config, c->folds };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        free(owned[i]);
    free(c);
}

static void as_text(char *text, size_t room, const json *value)
{
    bool none = json_is_null(value) || (json_is_number(value) && json_number(value, 0) == 0) || str_same(json_text(value, ""), "0");
    if (none)
        snprintf(text, room, "none");
    else if (json_is_number(value))
        snprintf(text, room, "%g", json_number(value, 0));
    else
        snprintf(text, room, "%s", json_text(value, "?"));
}

/* Schemes are compared as what they mean; a default is not written out in the encoding's configuration. */
static bool other_folds(const char *ours, const char *theirs)
{
    fold_scheme a, b;
    char as[256], bs[256];
    err e = { 0 };
    if (!ours || !theirs || fold_scheme_parse(&a, ours, &e) || fold_scheme_parse(&b, theirs, &e))
        return ours && theirs && !str_same(ours, theirs);
    fold_scheme_text(&a, as, sizeof as);
    fold_scheme_text(&b, bs, sizeof bs);
    return !str_same(as, bs);
}

void score_compare_configs(const encoding *x, const ceiling_file *c)
{
    static const char *const keys[] = { "highpass", "confounds", "drop-start" };
    json *a = NULL, *b = NULL;
    err e = { 0 };
    if (!x->config || !c->config || json_parse(&a, x->config, strlen(x->config), x->path, &e) ||
        json_parse(&b, c->config, strlen(c->config), c->path, &e))
        goto done;
    const char *scheme = json_text(json_get(a, "folds"), NULL);
    if (other_folds(scheme, c->folds))
        log_warn("%s has folds %s, its ceiling %s has %s: the two were not made alike", x->path, scheme, c->path,
                 c->folds);
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        char ours[256], theirs[256];
        as_text(ours, sizeof ours, json_get(a, keys[k]));
        as_text(theirs, sizeof theirs, json_get(b, keys[k]));
        if (!str_same(ours, theirs))
            log_warn("%s has %s %s, its ceiling %s has %s: the two were not made alike", x->path, keys[k], ours,
                     c->path, theirs);
    }
done:
    json_free(a);
    json_free(b);
}
