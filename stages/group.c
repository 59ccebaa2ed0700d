/* SPDX-License-Identifier: MIT */
/* broca-group: what do subjects' maps have in common? */
#include <math.h>
#include <stdlib.h>

#include "broca/glm.h"
#include "stage.h"

typedef struct {
    common_options common;
    const char *responses, *map, *select;
    option_list glm;
    size_t flips;
} stage_options;

#define AT(field) offsetof(stage_options, field)
static const option options[] = {
    { "responses", OPT_TEXT, AT(responses), NULL, "FILE", false, "maps of kind responses, a row a subject (broca import --from nifti)" },
    { "glm", OPT_LIST, AT(glm), NULL, "FILE", false, "instead: a file of broca glm for each subject" },
    { "map", OPT_TEXT, AT(map), NULL, "NAME", true, "--glm: which contrast, where there are several" },
    { "select", OPT_TEXT, AT(select), "q:.05", "top:1%|k:N|q:X", true, "voxels that the product calls selected" },
    { "flips", OPT_COUNT, AT(flips), "2000", "N", true, "random signs of subjects for p of the largest |t| (family-wise); 0: none" },
    COMMON_OPTIONS(stage_options),
    { 0 }
};
static const option_help help = {
    "group", "one-sample t over subjects' maps, means in parcels and functional regions", NULL,
    "Voxels with NaN or an exact 0 in any subject lie outside of the common mask: they have no t.\n"
    "Example: broca group --responses maps.h5 --out group.h5\n"
};

static void tell(const group_result *g, const responses *r)
{
    const double *t = g->map.t;
    log_info("%zu subjects, %zu of %zu voxels in all of them", g->subjects, g->common, g->v);
    for (int side = 0; side < 2; side++) {
        size_t j = side ? g->trough : g->peak, i = (size_t)r->index[j];
        const size_t *shape = r->grid.shape;
        if (!shape[0]) log_info("t %s %.6f at neuroid %zu", side ? "min" : "max", t[j], j);
        else log_info("t %s %.6f at (%zu, %zu, %zu)%s%s", side ? "min" : "max", t[j], i % shape[0], i / shape[0] % shape[1], i / shape[0] / shape[1],
                      g->parcels.n ? ", " : "", g->parcels.n ? r->roi[j] : "");
    }
    if (g->p_fwe) log_info("|t| above %.3f in 5 %% of random signs; largest: p %.4g", g->limit, g->p_fwe[g->peak]);
    for (size_t k = 0; k < g->parcels.n; k++)
        log_info("%s: mean t %.4f over %d voxels; t of subjects' means %.3f, p %.3g", g->parcels.roi[k], g->parcels.mean_t[k], g->parcels.voxels[k],
                 g->parcels.over[k].t, g->parcels.over[k].p);
    for (size_t k = 0; k < g->n_regions; k++)
        log_info("functional region %s: effect %.4f [%.4f, %.4f] over %d subjects, p %.3g", g->regions[k], g->region_effect[k], g->region_lo[k],
                 g->region_hi[k], g->region_subjects[k], g->region_t[k].p);
}

static int run(stage *s, const stage_options *o)
{
    responses *r = NULL;
    group_result *g = NULL;
    store *product;
    int status = -1;
    group_options w = { .select = o->select, .flips = o->flips };
    if (stage_seed(s, &w.seed)) goto done;
    if (!o->glm.n && (stage_needs(s, "responses", o->responses) || stage_input(s, "responses", o->responses))) goto done;
    if (o->glm.n && o->responses) {
        err_set(&s->err, ERR_USAGE, "--responses or --glm, not both");
        goto done;
    }
    for (size_t i = 0; i < o->glm.n; i++)
        if (stage_input(s, "glm", o->glm.at[i])) goto done;
    if (o->glm.n ? group_read(&r, o->glm.at, o->glm.n, o->map, &s->err) : responses_read(&r, o->responses, &s->err)) goto done;
    if (stage_plan(s, "%zu subjects × %zu voxels, %zu random signs", r->n, r->v, o->flips)) goto done;
    if (group_maps(&g, r, &w, &s->err) || (o->glm.n && group_regions(g, o->glm.at, o->glm.n, &s->err))) goto done;
    tell(g, r);
    product = stage_create(s, "localizer");
    if (!product || group_put(product, g, r, o->select, &s->err) || stage_commit(s)) goto done;
    stage_result(s, "%zu subjects: t from %.3f to %.3f, %zu of %zu voxels selected (%s)", g->subjects, g->map.t[g->trough], g->map.t[g->peak],
                 g->map.n_selected, g->common, o->select);
    status = 0;
done:
    group_free(g);
    responses_free(r);
    return status;
}

int main(int argc, char **argv)
{
    stage_options o;
    stage s;
    if (!stage_begin(&s, argc, argv, &help, options, &o, &o.common)) run(&s, &o);
    return stage_end(&s);
}
