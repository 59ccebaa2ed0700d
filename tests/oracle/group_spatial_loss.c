/* SPDX-License-Identifier: MIT */
/* spatial_loss: TopoLM's loss of given activations, positions and neighbourhoods, and its gradient, in fp64 and fp32. The
 * gradient is compared column by column, relative to the column's largest entry. */
#include <math.h>
#include <stdlib.h>

#include "broca/store.h"
#include "broca/train.h"
#include "oracle.h"

typedef struct {
    size_t rows, units;
    double *x, *positions, *gradient, *gradient_maximum, *each, *loss, *loss_maximum;
    size_t *start, *member, n;
} spatial_case;

static void case_free(spatial_case *c)
{
    void *const all[] = { c->x, c->positions, c->gradient, c->gradient_maximum, c->each, c->loss, c->loss_maximum, c->start, c->member };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static int read_sizes(size_t **out, size_t *n, store *s, const char *name, err *e)
{
    int64_t *raw;
    if (store_read_i8(s, name, &raw, n, e)) return -1;
    size_t *to = mem_new(*n, sizeof *to, e);
    for (size_t i = 0; to && i < *n; i++) to[i] = (size_t)raw[i];
    free(raw);
    *out = to;
    return to ? 0 : -1;
}

static int read_optional(double **out, store *s, const char *name, err *e)
{
    size_t n;
    return store_has(s, name) ? store_read_f8(s, name, out, &n, e) : 0;
}

static int case_read(spatial_case *c, const char *path, err *e)
{
    store *s = NULL;
    store_shape_t shape;
    size_t n;
    int status = -1;
    if (store_open(&s, path, NULL, e) || store_shape(s, "activations", &shape, e)) goto done;
    c->rows = shape.dims[0];
    c->units = shape.dims[1];
    if (store_read_f8(s, "activations", &c->x, &n, e) || store_read_f8(s, "positions", &c->positions, &n, e) ||
        store_read_f8(s, "gradient", &c->gradient, &n, e) || store_read_f8(s, "loss_each", &c->each, &n, e) ||
        store_read_f8(s, "loss", &c->loss, &n, e) || read_optional(&c->loss_maximum, s, "loss_maximum", e) ||
        read_optional(&c->gradient_maximum, s, "gradient_maximum", e))
        goto done;
    if (read_sizes(&c->start, &c->n, s, "neighbourhood_start", e) || read_sizes(&c->member, &n, s, "neighbourhood_units", e)) goto done;
    c->n--;
    status = 0;
done:
    store_close(s);
    return status;
}

/* Each column relative to its largest entry; a column of zeros is met by zeros alone. `absolute`: entries are rounding. */
static void near_columns(oracle_result *r, const char *what, const double *got, const double *want, size_t rows, size_t units,
                         double tolerance, double absolute)
{
    for (size_t k = 0; k < units; k++) {
        double most = 0;
        char name[64];
        for (size_t i = 0; i < rows; i++) most = fmax(most, fabs(want[i * units + k]));
        snprintf(name, sizeof name, "%s, unit %zu", what, k);
        for (size_t i = 0; i < rows; i++)
            oracle_near(r, name, got + i * units + k, want + i * units + k, 1, most > absolute ? tolerance * most : absolute + 1e-300, 0);
    }
}

typedef struct { double loss, gradient, absolute; } bounds;

static int compare(const spatial_case *c, bool maximum, bool narrow, bounds b, oracle_result *r, err *e)
{
    size_t n = c->rows * c->units;
    spatial_sheet sheet = { .positions = c->positions, .units = c->units, .n = c->n, .start = c->start, .member = c->member };
    spatial_result out = { 0 };
    double *each = mem_new(c->n, sizeof *each, e), *gradient = mem_new(n, sizeof *gradient, e);
    float *x = mem_new(n, sizeof *x, e), *back = mem_new(n, sizeof *back, e);
    int status = -1;
    const double *want = maximum ? c->gradient_maximum : c->gradient;
    if (!each || !gradient || !x || !back) goto done;
    for (size_t i = 0; i < n; i++) x[i] = (float)c->x[i];
    if (narrow ? spatial_loss_f4(x, c->rows, &sheet, maximum, each, back, &out, e)
               : spatial_loss_f8(c->x, c->rows, &sheet, maximum, each, gradient, &out, e))
        goto done;
    for (size_t i = 0; narrow && i < n; i++) gradient[i] = (double)back[i];
    oracle_near(r, narrow ? "loss, fp32" : "loss", &out.loss, maximum ? c->loss_maximum : c->loss, 1, b.loss, 0);
    oracle_near(r, narrow ? "loss_each, fp32" : "loss_each", each, c->each, c->n, b.loss, 0);
    if (want) near_columns(r, narrow ? "gradient, fp32" : "gradient", gradient, want, c->rows, c->units, b.gradient, b.absolute);
    status = 0;
done:
    free(each);
    free(gradient);
    free(x);
    free(back);
    return status;
}

oracle_status check_spatial_loss(const oracle_case *oc, oracle_result *r)
{
    spatial_case c = { 0 };
    err e = { 0 };
    bool bad = str_same(oc->name, "rank_one"), rounding = str_same(oc->name, "two_samples");
    bounds wide = { 1e-12, bad ? 1e-8 : 1e-9, rounding ? 1e-12 : 0 }, narrow = { 1e-6, bad ? 1e-3 : 5e-6, rounding ? 1e-6 : 0 };
    if (case_read(&c, oc->path, &e)) {
        case_free(&c);
        return oracle_end(r, ORACLE_UNREADABLE, "%s", err_text(&e));
    }
    if (compare(&c, false, false, wide, r, &e) || compare(&c, false, true, narrow, r, &e) ||
        (c.loss_maximum && (compare(&c, true, false, wide, r, &e) || compare(&c, true, true, narrow, r, &e))))
        oracle_end(r, ORACLE_FAIL, "%s", err_text(&e));
    case_free(&c);
    return r->status;
}
