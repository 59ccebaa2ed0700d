/* SPDX-License-Identifier: MIT */
/* The taps of a file, one after another, and the product of kind `similarity`. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/similarity.h"

void similarity_table_free(similarity_table *t)
{
    if (!t) return;
    for (size_t i = 0; t->tap && i < t->taps; i++) free(t->tap[i]);
    free(t->tap);
    free(t->score);
    free(t->value);
    free(t->null);
    free(t->ceiling);
    free(t);
}

static int choose_taps(similarity_table *t, const activations *a, const char *taps, err *e)
{
    size_t n = a->taps;
    char **names = taps ? str_split(taps, ',', &n, e) : NULL;
    if ((taps && !names) || !(t->tap = mem_new(n + 1, sizeof *t->tap, e))) goto failed;
    for (size_t i = 0; i < n; i++, t->taps++)
        if (!(t->tap[i] = mem_text(taps ? names[i] : a->tap[i], e))) goto failed;
    free(names);
    return 0;
failed:
    free(names);
    return -1;
}

static int compare_tap(similarity_table *t, size_t i, activations *a, const similarity_data *d, const similarity_options *o, err *e)
{
    float *rows = NULL;
    double *x = NULL;
    size_t width;
    int status = -1;
    if (activations_tap(a, t->tap[i], &rows, &width, e) || !(x = mem_new(d->n * width + 1, sizeof *x, e))) goto done;
    for (size_t k = 0; k < d->n * width; k++) x[k] = (double)rows[k];
    status = similarity_of(&t->score[i], t->value + i * t->subjects, t->null + i * t->permutations, x, width, d, o, e);
done:
    free(rows);
    free(x);
    return status ? err_while(e, "comparing the tap %s", t->tap[i]) : 0;
}

int similarity_run(similarity_table **out, activations *a, const char *taps, const similarity_data *d, const similarity_options *o, err *e)
{
    similarity_table *t = mem_new(1, sizeof *t, e);
    int status = -1;
    *out = NULL;
    if (!t || choose_taps(t, a, taps, e)) goto done;
    t->subjects = d->subjects;
    t->permutations = o->permutations;
    t->score = mem_new(t->taps + 1, sizeof *t->score, e);
    t->value = mem_new(t->taps * d->subjects + 1, sizeof *t->value, e);
    t->null = mem_new(t->taps * o->permutations + 1, sizeof *t->null, e);
    if (!t->score || !t->value || !t->null) goto done;
    if (o->metric == SIMILARITY_RSA && (!(t->ceiling = mem_new(d->subjects + 1, sizeof *t->ceiling, e)) || similarity_ceiling(t->ceiling, d, e))) goto done;
    for (size_t i = 0; i < t->taps; i++) {
        if (interrupted()) {
            err_set(e, ERR_INTERRUPTED, "interrupted at tap %zu of %zu", i + 1, t->taps);
            goto done;
        }
        if (compare_tap(t, i, a, d, o, e)) goto done;
        if (t->score[i].dropped) log_warn("%s: %zu of %zu items have no dissimilarity (a constant row) and are dropped", t->tap[i], t->score[i].dropped, d->n);
    }
    *out = t;
    t = NULL;
    status = 0;
done:
    similarity_table_free(t);
    return status;
}

static int put_columns(store *s, const similarity_table *t, err *e)
{
    double *column = mem_new(4 * t->taps + 1, sizeof *column, e), *p = column + t->taps, *z = p + t->taps, *log_p = z + t->taps;
    int32_t *dropped = mem_new(t->taps + 1, sizeof *dropped, e);
    int status = -1;
    if (!column || !dropped) goto done;
    for (size_t i = 0; i < t->taps; i++) {
        column[i] = t->score[i].mean;
        p[i] = t->score[i].p;
        log_p[i] = log(p[i]);
        z[i] = t->score[i].z;
        dropped[i] = (int32_t)t->score[i].dropped;
    }
    status = store_put_text(s, "row/tap", t->tap, t->taps, e) || store_put_f8(s, "row/mean", column, t->taps, e) || store_put_f8(s, "row/p", p, t->taps, e) ||
                     store_put_f8(s, "row/log_p", log_p, t->taps, e) || store_put_f8(s, "row/z", z, t->taps, e) ||
                     store_put_i4(s, "row/dropped", dropped, t->taps, e)
                 ? -1 : 0;
done:
    free(column);
    free(dropped);
    return status;
}

int similarity_put(store *s, const similarity_table *t, const similarity_data *d, const similarity_options *o, err *e)
{
    const size_t values[2] = { t->taps, t->subjects }, nulls[2] = { t->taps, t->permutations };
    if (put_columns(s, t, e) || store_write_f8(s, "value", 2, values, t->value, e) || store_write_f8(s, "null", 2, nulls, t->null, e) ||
        store_put_text(s, "subject/name", d->subject, d->subjects, e) || (t->ceiling && store_put_f8(s, "subject/ceiling", t->ceiling, d->subjects, e)))
        return -1;
    if (d->n_excluded && (store_put_text(s, "excluded/name", d->excluded, d->n_excluded, e) || store_put_text(s, "excluded/reason", d->reason, d->n_excluded, e)))
        return -1;
    return store_set_text(s, "/", "metric", o->metric == SIMILARITY_RSA ? "rsa" : "cka", e) ||
                   store_set_text(s, "/", "measure", o->metric == SIMILARITY_RSA ? "Spearman of 1 - Pearson" : o->rbf ? "unbiased HSIC, rbf" : "unbiased HSIC, linear", e) ||
                   store_set_int(s, "/", "items", (int64_t)d->n, e) || store_set_int(s, "/", "groups", (int64_t)d->groups, e)
               ? -1 : 0;
}
