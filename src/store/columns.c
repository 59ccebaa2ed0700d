/* SPDX-License-Identifier: MIT */
/* One-dimensional columns of an expected length: how most kinds are read and written. */
#include <stdlib.h>
#include <string.h>

#include "broca/store.h"

static int check(store *s, const char *name, size_t count, size_t n, err *e)
{
    if (count == n) return 0;
    return err_set(e, ERR_INPUT, "%s: %s has %zu rows, expected %zu", store_path(s), name, count, n);
}

int store_column_text(store *s, const char *name, size_t n, arena *a, char ***out, err *e)
{
    char **texts = NULL;
    size_t count;
    int status = -1;
    if (!store_has(s, name)) return 0;
    if (store_read_text(s, name, &texts, &count, e) || check(s, name, count, n, e)) goto done;
    char **kept = arena_get(a, (n + 1) * sizeof *kept, e);
    if (!kept) goto done;
    for (size_t i = 0; i < n; i++)
        if (!(kept[i] = arena_text(a, texts[i], strlen(texts[i]), e))) goto done;
    *out = kept;
    status = 0;
done:
    free(texts);
    return status;
}

int store_column_f8(store *s, const char *name, size_t n, arena *a, double **out, err *e)
{
    double *values = NULL;
    size_t count;
    int status = -1;
    if (!store_has(s, name)) return 0;
    if (store_read_f8(s, name, &values, &count, e) || check(s, name, count, n, e)) goto done;
    double *kept = arena_get(a, (n + 1) * sizeof *kept, e);
    if (!kept) goto done;
    memcpy(kept, values, n * sizeof *kept);
    *out = kept;
    status = 0;
done:
    free(values);
    return status;
}

int store_column_i4(store *s, const char *name, size_t n, arena *a, int32_t **out, err *e)
{
    int32_t *values = NULL;
    size_t count;
    int status = -1;
    if (!store_has(s, name)) return 0;
    if (store_read_i4(s, name, &values, &count, e) || check(s, name, count, n, e)) goto done;
    int32_t *kept = arena_get(a, (n + 1) * sizeof *kept, e);
    if (!kept) goto done;
    memcpy(kept, values, n * sizeof *kept);
    *out = kept;
    status = 0;
done:
    free(values);
    return status;
}

int store_put_text(store *s, const char *name, char *const *texts, size_t n, err *e)
{
    return texts ? store_write_text(s, name, (const char *const *)texts, n, e) : 0;
}

int store_put_f8(store *s, const char *name, const double *data, size_t n, err *e)
{
    return data ? store_write_f8(s, name, 1, &n, data, e) : 0;
}

int store_put_i4(store *s, const char *name, const int32_t *data, size_t n, err *e)
{
    return data ? store_write_i4(s, name, 1, &n, data, e) : 0;
}
