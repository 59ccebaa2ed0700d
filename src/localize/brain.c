/* SPDX-License-Identifier: MIT */
/* Maps of brains as products of kind `localizer`, so that topography and reports read them as they read maps of models. */
#include "brain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

int brain_map_room(brain_map *m, size_t v, arena *memory, err *e)
{
    double **columns[] = { &m->effect, &m->variance, &m->t, &m->p, &m->log_p, &m->q, &m->mean_pos, &m->mean_neg };
    for (size_t k = 0; k < sizeof columns / sizeof *columns; k++)
        if (!(*columns[k] = arena_get(memory, v * sizeof(double) + 1, e))) return -1;
    return (m->selected = arena_get(memory, v + 1, e)) ? 0 : -1;
}

int brain_map_finish(brain_map *m, size_t v, const char *select, err *e)
{
    localize_options o = localize_defaults();
    const localize_tap tap = { m->name, v, NULL };
    const localize_input in = { .n_taps = 1, .taps = &tap };
    for (size_t j = 0; j < v; j++) {
        m->log_p[j] = isfinite(m->t[j]) ? t_log_p(m->t[j], m->dof, TAIL_BOTH) : NAN;
        m->p[j] = exp(m->log_p[j]);
    }
    if (benjamini_hochberg(m->p, v, m->q, e) || localize_parse_select(&o, select, e)) return -1;
    m->n_selected = select_units(m->selected, m->t, m->q, &in, v, &o, NULL, e);
    return m->n_selected == SIZE_MAX ? -1 : 0;
}

int brain_column_f8(store *s, const char *group, const char *name, const double *values, size_t n, err *e)
{
    char full[600];
    snprintf(full, sizeof full, "%s/%s", group, name);
    return values ? store_write_f8(s, full, 1, &n, values, e) : 0;
}

int brain_column_i4(store *s, const char *group, const char *name, const int32_t *values, size_t n, err *e)
{
    char full[600];
    snprintf(full, sizeof full, "%s/%s", group, name);
    return values ? store_write_i4(s, full, 1, &n, values, e) : 0;
}

int brain_column_text(store *s, const char *group, const char *name, char *const *values, size_t n, err *e)
{
    char full[600];
    snprintf(full, sizeof full, "%s/%s", group, name);
    return values ? store_write_text(s, full, (const char *const *)values, n, e) : 0;
}

int brain_map_put(store *s, const brain_map *m, size_t v, err *e)
{
    char group[512], selected[540];
    int status = -1;
    double *dof = mem_new(v, sizeof *dof, e);
    if (!dof) return -1;
    for (size_t j = 0; j < v; j++) dof[j] = m->dof;
    snprintf(group, sizeof group, "/tap/%.400s", m->name);
    snprintf(selected, sizeof selected, "%s/selected", group);
    const struct {
        const char *name;
        const double *values;
    } columns[] = { { "t", m->t },           { "p", m->p },               { "log_p", m->log_p },   { "q", m->q },
                    { "dof", dof },          { "mean_pos", m->mean_pos }, { "mean_neg", m->mean_neg },
                    { "effect", m->effect }, { "variance", m->variance } };
    for (size_t k = 0; k < sizeof columns / sizeof *columns; k++)
        if (brain_column_f8(s, group, columns[k].name, columns[k].values, v, e)) goto done;
    if (store_write_u1(s, selected, 1, &v, m->selected, e) || store_set_int(s, group, "n_selected", (int64_t)m->n_selected, e)) goto done;
    status = 0;
done:
    free(dof);
    return status;
}

int brain_neuroids_put(store *s, const responses *r, err *e)
{
    return brain_column_text(s, "/neuroid", "subject", r->subject, r->v, e) || brain_column_text(s, "/neuroid", "roi", r->roi, r->v, e) ||
                   brain_column_i4(s, "/neuroid", "index", r->index, r->v, e) || brain_column_f8(s, "/neuroid", "x", r->x, r->v, e) ||
                   brain_column_f8(s, "/neuroid", "y", r->y, r->v, e) || brain_column_f8(s, "/neuroid", "z", r->z, r->v, e) ||
                   grid_put(s, &r->grid, e)
               ? -1
               : 0;
}

/* ---- the product of the first level ---- */

static int put_regions(store *s, const froi_table *f, err *e)
{
    const char *g = "/froi";
    if (!f) return 0;
    if (brain_column_text(s, g, "subject", f->subject, f->n, e) || brain_column_text(s, g, "roi", f->roi, f->n, e) ||
        brain_column_i4(s, g, "voxels", f->voxels, f->n, e) || brain_column_i4(s, g, "chosen", f->chosen, f->n, e) ||
        brain_column_f8(s, g, "effect", f->effect, f->n, e) || brain_column_f8(s, g, "parcel_effect", f->all, f->n, e) ||
        brain_column_text(s, g, "condition", f->conditions, f->n_conditions, e))
        return -1;
    const size_t dims[2] = { f->n, f->n_conditions };
    return store_write_f8(s, "/froi/response", 2, dims, f->condition, e);
}

static int put_designs(store *s, const glm *g, err *e)
{
    char name[64];
    for (size_t k = 0; k < g->runs; k++) {
        const glm_design *d = g->designs[k];
        const size_t dims[2] = { d->n, d->p };
        snprintf(name, sizeof name, "/design/run%zu/matrix", k + 1);
        if (store_write_f8(s, name, 2, dims, d->x, e)) return -1;
        snprintf(name, sizeof name, "/design/run%zu", k + 1);
        if (brain_column_text(s, name, "column", d->names, d->p, e)) return -1;
    }
    return 0;
}

int glm_put(store *s, const glm *g, const responses *r, const char *select, const char *test, err *e)
{
    char group[512];
    size_t selected = 0;
    for (size_t m = 0; m < g->n_maps; m++) {
        snprintf(group, sizeof group, "/tap/%.400s", g->maps[m].name);
        selected += g->maps[m].n_selected;
        if (brain_map_put(s, &g->maps[m], g->v, e) || store_set_text(s, group, "contrast", g->contrast[m], e)) return -1;
    }
    if (put_regions(s, g->froi, e) || put_designs(s, g, e) || brain_neuroids_put(s, r, e)) return -1;
    return store_set_text(s, "/", "contrast", g->contrast[0], e) || store_set_text(s, "/", "selection", select, e) ||
                   store_set_text(s, "/", "test", test, e) || store_set_text(s, "/", "match", "none", e) ||
                   store_set_int(s, "/", "n_selected", (int64_t)selected, e) || store_set_int(s, "/", "units", (int64_t)g->v, e) ||
                   store_set_int(s, "/", "runs", (int64_t)g->runs, e) || store_set_int(s, "/", "n_nan", (int64_t)g->n_constant, e) ||
                   store_set_text(s, "/", "froi_note", g->froi_why, e) || (isnan(g->rho) ? 0 : store_set_real(s, "/", "rho_median", g->rho, e))
               ? -1
               : 0;
}
