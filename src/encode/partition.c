/* SPDX-License-Identifier: MIT */
/* Variance partitioning of two or three sets (METHODS 3.9): R2 of separately fitted (banded) models of every subset, and what
 * exactly the sets of a subset explain together and no other set does. Nothing is clipped. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sets.h"

int partition_names(char ***out, size_t *n, const encode_options *o, err *e)
{
    if (!(*out = str_split(o->partition, ',', n, e))) return -1;
    bool twice = false;
    for (size_t i = 0; i < *n; i++)
        for (size_t k = 0; k < i; k++) twice = twice || str_same((*out)[i], (*out)[k]);
    if (*n >= 2 && *n <= 3 && !twice) return 0;
    err_set(e, ERR_USAGE, "--partition is A,B or A,B,C, two or three different feature sets, not '%s'", o->partition);
    free(*out);
    *out = NULL;
    return -1;
}

static void join(char *text, size_t room, char *const *set, size_t n, size_t subset, const char *sign)
{
    *text = 0;
    for (size_t k = 0; k < n; k++)
        if (subset >> k & 1) snprintf(text + strlen(text), room - strlen(text), "%s%s", *text ? sign : "", set[k]);
}

void partition_fit(char *name, size_t room, char *const *set, size_t n, size_t subset)
{
    join(name, room, set, n, subset, "+");
}

static const encoded_set *find(const encoded *x, const char *name)
{
    for (size_t i = 0; i < x->n_sets; i++)
        if (str_same(x->sets[i].name, name)) return &x->sets[i];
    return NULL;
}

/* /partition/sets: "A", "B", "A & B"; /partition/r2 [2^k - 1 × v]: pooled over folds, about the training mean. */
int partition_put(store *s, const encoded *x, const encode_options *o, err *e)
{
    char **set = NULL, name[1024];
    size_t sets, parts, v = x->v;
    double *r2 = NULL, of_subset[8], part[8];
    char *label[8] = { NULL };
    int status = -1;
    if (!o->partition) return 0;
    if (partition_names(&set, &sets, o, e)) return -1;
    parts = ((size_t)1 << sets) - 1;
    const size_t dims[2] = { parts, v };
    if (!(r2 = mem_new(parts * v, sizeof *r2, e))) goto done;
    for (size_t j = 0; j < v; j++) {
        for (size_t subset = 1; subset <= parts; subset++) {
            partition_fit(name, sizeof name, set, sets, subset);
            const encoded_set *t = find(x, name);
            of_subset[subset] = t ? t->r2_pooled[j] : NAN;
        }
        variance_partition(part, of_subset, sets);
        for (size_t subset = 1; subset <= parts; subset++) r2[(subset - 1) * v + j] = part[subset];
    }
    for (size_t subset = 1; subset <= parts; subset++) {
        join(name, sizeof name, set, sets, subset, " & ");
        if (!(label[subset - 1] = mem_text(name, e))) goto done;
    }
    status = store_put_text(s, "partition/sets", label, parts, e) || store_write_f8(s, "partition/r2", 2, dims, r2, e) ? -1 : 0;
done:
    for (size_t i = 0; i < 8; i++) free(label[i]);
    free(set);
    free(r2);
    return status;
}
