/* SPDX-License-Identifier: MIT */
/* broca-glm: which voxels respond more to one condition than to another, run by run? */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/glm.h"
#include "stage.h"

typedef struct {
    common_options common;
    const char *responses, *hrf, *drift, *noise, *confounds, *select, *froi;
    option_list events, contrasts;
    double highpass_s;
} stage_options;

#define AT(field) offsetof(stage_options, field)
static const option options[] = {
    { "responses", OPT_TEXT, AT(responses), NULL, "FILE", false, "a subject's runs: a time series of kind responses" },
    { "events", OPT_LIST, AT(events), NULL, "TABLE", false,
      "onset, duration (s), trial_type and, optionally, modulation: a table a run in order, or one with a column run" },
    { "contrast", OPT_LIST, AT(contrasts), NULL, "[NAME=]S-N", true, "also (S+W)-(J+N), S+N-2*F; the first one chooses functional regions" },
    { "hrf", OPT_TEXT, AT(hrf), "nilearn-spm", "NAME[+derivative[+dispersion]]", true, "spm, glover, vmt, nilearn-spm, nilearn-glover" },
    { "drift", OPT_TEXT, AT(drift), "cosine", "cosine|polynomial:N|none", true, "slow regressors of each run" },
    { "highpass", OPT_REAL, AT(highpass_s), "128", "S", true, "cut-off of the cosines, seconds" },
    { "noise", OPT_ENUM, AT(noise), "ar1", "ar1 ols", true, "noise of each voxel: AR(1), whitened; or independent" },
    { "confounds", OPT_TEXT, AT(confounds), NULL, "NAME|none", true, "confounds of the responses; without: motion where it is there" },
    { "select", OPT_TEXT, AT(select), "q:.05", "top:1%|k:N|q:X", true, "voxels that the product calls selected" },
    { "froi", OPT_TEXT, AT(froi), "10%", "SHARE|none", true,
      "functional regions: the share of each parcel's voxels with the highest t on odd runs, measured on even runs, and the other way round" },
    COMMON_OPTIONS(stage_options),
    { 0 }
};
static const option_help help = {
    "glm", "linear models of runs: t maps of contrasts, functional regions", NULL,
    "Each run is fitted by itself; effects are averaged over runs (fixed effects).\n"
    "Example: broca glm --responses s1.h5 --events run1.tsv --events run2.tsv --contrast S-N --out s1.glm.h5\n"
};

static int read_drift(glm_design_rule *r, const stage_options *o, err *e)
{
    r->highpass_s = o->highpass_s;
    if (str_same(o->drift, "cosine")) r->drift = DRIFT_COSINE;
    else if (str_same(o->drift, "none")) r->drift = DRIFT_NONE;
    else if (str_begins(o->drift, "polynomial:") && !parse_size(o->drift + strlen("polynomial:"), &r->order) && r->order <= 10) r->drift = DRIFT_POLYNOMIAL;
    else return err_set(e, ERR_USAGE, "--drift is cosine, polynomial:N (N up to 10) or none, not '%s'", o->drift);
    if (r->drift == DRIFT_COSINE && !(o->highpass_s > 0)) return err_set(e, ERR_USAGE, "--highpass %g is not above 0", o->highpass_s);
    return 0;
}

/* "10%" or ".1". */
static int read_share(double *share, const char *text, err *e)
{
    char number[32] = "";
    size_t n = strlen(text);
    bool percent = n && text[n - 1] == '%';
    *share = 0;
    if (str_same(text, "none")) return 0;
    if (n < sizeof number) memcpy(number, text, percent ? n - 1 : n);
    if (parse_double(number, share) || !(*share > 0 && *share <= (percent ? 100 : 1)))
        return err_set(e, ERR_USAGE, "--froi is a share, as 10%% or .1, or none, not '%s'", text);
    if (percent) *share /= 100;
    return 0;
}

static const char *choose_confounds(const stage_options *o, const responses *r)
{
    if (o->confounds) return str_same(o->confounds, "none") ? NULL : o->confounds;
    for (size_t i = 0; i < r->n_confounds; i++)
        if (str_same(r->confounds[i].name, "motion") && !r->confounds[i].subject) return "motion";
    return NULL;
}

static void tell(const glm *g)
{
    if (g->n_constant) log_warn("%zu voxels do not vary or hold NaN in some run: they have no t", g->n_constant);
    if (!isnan(g->rho)) log_info("AR(1): median rho %.2f over voxels and runs", g->rho);
    for (size_t m = 0; m < g->n_maps; m++) {
        double least = INFINITY, most = -INFINITY;
        for (size_t j = 0; j < g->v; j++) {
            least = fmin(least, g->maps[m].t[j]);
            most = fmax(most, g->maps[m].t[j]);
        }
        log_info("%s: t(%.0f) from %.3f to %.3f, %zu voxels selected", g->maps[m].name, g->maps[m].dof, least, most, g->maps[m].n_selected);
    }
    if (*g->froi_why) log_info("functional regions: %s", g->froi_why);
    for (size_t k = 0; g->froi && k < g->froi->n; k++)
        log_info("%s %s: %d of %d voxels, effect %.4f (whole parcel %.4f)", g->froi->subject[k], g->froi->roi[k], g->froi->chosen[k], g->froi->voxels[k],
                 g->froi->effect[k], g->froi->all[k]);
}

static int run(stage *s, const stage_options *o)
{
    responses *r = NULL;
    events *v = NULL;
    glm *g = NULL;
    store *product;
    int status = -1;
    glm_options w = { .contrasts = o->contrasts.at, .n_contrasts = o->contrasts.n, .rule = glm_design_defaults(), .select = o->select,
                      .noise = str_same(o->noise, "ar1") ? NOISE_AR1 : NOISE_OLS };
    if (hrf_parse(&w.rule.hrf, &w.rule.parts, o->hrf, &s->err) || read_drift(&w.rule, o, &s->err) || read_share(&w.froi, o->froi, &s->err)) goto done;
    if (stage_needs(s, "responses", o->responses) || stage_needs(s, "events", o->events.n ? o->events.at[0] : NULL) ||
        stage_needs(s, "contrast", o->contrasts.n ? o->contrasts.at[0] : NULL) || stage_input(s, "responses", o->responses))
        goto done;
    for (size_t i = 0; i < o->events.n; i++)
        if (stage_input(s, "events", o->events.at[i])) goto done;
    if (responses_read(&r, o->responses, &s->err) || events_read(&v, o->events.at, o->events.n, &s->err)) goto done;
    w.confounds = choose_confounds(o, r);
    if (stage_plan(s, "%zu volumes × %zu voxels, %zu events of %zu conditions", r->n, r->v, v->n, v->n_conditions)) goto done;
    if (glm_runs(&g, r, v, &w, &s->err)) goto done;
    tell(g);
    product = stage_create(s, "localizer");
    if (!product || glm_put(product, g, r, o->select, o->noise, &s->err) || stage_commit(s)) goto done;
    stage_result(s, "%s: %zu runs, %zu of %zu voxels selected (%s)", g->maps[0].name, g->runs, g->maps[0].n_selected, g->v, o->select);
    status = 0;
done:
    glm_free(g);
    events_free(v);
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
