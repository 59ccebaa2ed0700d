/* SPDX-License-Identifier: MIT */
/* broca-topography: is a map organised in space, beyond what smoothing alone would make? */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/localize.h"
#include "broca/topography.h"
#include "stage.h"

typedef struct {
    common_options common;
    option_list activations, maps;
    const char *localizer, *stimuli, *sheets, *weights, *layout, *threshold, *connectivity, *size;
    double smooth, spacing, least_peak;
    size_t permutations, least_size, noise;
    bool binary, normalise;
} stage_options;

#define AT(field) offsetof(stage_options, field)
static const option options[] = {
    { "localizer", OPT_TEXT, AT(localizer), NULL, "FILE", false, "the t maps" },
    { "map", OPT_LIST, AT(maps), NULL, "FILE", false, "instead: t maps of brains, NIfTI or GIFTI, with --weights voxels or mesh" },
    { "sheets", OPT_TEXT, AT(sheets), NULL, "PATH", false,
      "where units lie: a model folder, topography.safetensors, activations (default: the first --activations)" },
    { "activations", OPT_LIST, AT(activations), NULL, "FILE", false,
      "responses that the maps were made of: smoothed before the contrast, labels permuted, distance curves" },
    { "stimuli", OPT_TEXT, AT(stimuli), NULL, "FILE", false, "their conditions, with --activations" },
    { "weights", OPT_TEXT, AT(weights), "queen", "queen|rook|mesh:FILE|voxels:N", true,
      "neighbours: 8 or 4 on the sheet; vertices that share an edge of a face (GIFTI surface, or table with columns a, b, c); 6, 18 or 26 voxels" },
    { "binary", OPT_FLAG, AT(binary), NULL, NULL, true, "weights of 0 and 1 instead of rows that sum to 1" },
    { "smooth", OPT_REAL, AT(smooth), "2", "FWHM", true, "readout, in units of the sheet's spacing; 0: none" },
    { "spacing", OPT_REAL, AT(spacing), "1", "D", true, "distance of the readout's points" },
    { "normalise", OPT_FLAG, AT(normalise), NULL, NULL, true, "divide the readout by the mass of its kernel" },
    { "permutations", OPT_COUNT, AT(permutations), "999", NULL, true, "of positions, and of labels" },
    { "layout", OPT_ENUM, AT(layout), "auto", "auto given grid random optimised", true,
      "auto: the model's own, or, without a sheet, random by --seed; optimised: swaps, fitted to the responses" },
    { "threshold", OPT_TEXT, AT(threshold), "q:.05", "q:X|T", true, "clusters of units with q < X, or |t| >= T" },
    { "least-peak", OPT_REAL, AT(least_peak), "0", NULL, true, "least |t| of a cluster's peak; 0: the threshold" },
    { "least-size", OPT_COUNT, AT(least_size), "10", NULL, true, "units of a cluster that is kept" },
    { "connectivity", OPT_ENUM, AT(connectivity), "8", "4 8", true, "neighbours that a cluster grows over" },
    { "noise", OPT_COUNT, AT(noise), "0", NULL, true, "instead of a localizer: N maps of white noise, to see what these settings make of it" },
    { "size", OPT_TEXT, AT(size), "28x28", "RxC", true, "sheet of --noise" },
    COMMON_OPTIONS(stage_options),
    { 0 }
};
static const option_help help = {
    "topography", "Moran's I, clusters and distance curves of maps on a sheet or mesh", NULL,
    "Every smoothed I stands beside the I of the same responses with unit positions permuted before smoothing.\n"
    "Example: broca topography --localizer l.h5 --activations a.h5 --stimuli s.h5 --out t.h5\n"
};

typedef struct {
    stage s;
    stage_options o;
    topography_options t;
    topography_data *maps;
    localize_data *responses;
    double *covariate, **x; /* x [maps->n] responses, a row a unit */
    size_t *pos, *neg;
    topography_contrast contrast;
    topography_items items; /* n 0: no profile */
    double **all, *tokens;
    uint8_t *held;
    int8_t *side;
    graph *mesh;
    size_t neighbours; /* of a voxel; 0: not asked for */
} job;

enum { MOST_DIFFERENCE = 2 }; /* tokens between matched items: METHODS 6.3 */

static int choose(job *j)
{
    const stage_options *o = &j->o;
    topography_options *t = &j->t;
    err *e = &j->s.err;
    *t = topography_defaults();
    bool voxels = str_begins(o->weights, "voxels:");
    if (voxels && (parse_size(o->weights + strlen("voxels:"), &j->neighbours) || (j->neighbours != 6 && j->neighbours != 18 && j->neighbours != 26)))
        return err_set(e, ERR_USAGE, "--weights voxels:N has 6, 18 or 26 neighbours, not '%s'", o->weights + strlen("voxels:"));
    if (voxels || str_begins(o->weights, "mesh:")) t->weights = WEIGHTS_MESH;
    else if (str_same(o->weights, "rook")) t->weights = WEIGHTS_ROOK;
    else if (!str_same(o->weights, "queen"))
        return err_set(e, ERR_USAGE, "--weights is queen, rook, mesh:FILE or voxels:N, not '%s'", o->weights);
    if (str_begins(o->threshold, "q:") ? parse_double(o->threshold + 2, &t->q) || !(t->q > 0 && t->q <= 1)
                                       : parse_double(o->threshold, &t->threshold) || !(t->threshold >= 0))
        return err_set(e, ERR_USAGE, "--threshold is q:X or a t >= 0, not '%s'", o->threshold);
    if (o->smooth < 0) return err_set(e, ERR_USAGE, "--smooth %g is below 0", o->smooth);
    t->layout = str_same(o->layout, "grid")        ? LAYOUT_GRID
                : str_same(o->layout, "random")    ? LAYOUT_RANDOM
                : str_same(o->layout, "optimised") ? LAYOUT_OPTIMISED
                                                   : LAYOUT_GIVEN;
    t->binary = o->binary;
    t->fwhm = o->smooth;
    t->spacing = o->spacing;
    t->normalise = o->normalise;
    t->permutations = o->permutations;
    t->least_size = o->least_size;
    t->four = str_same(o->connectivity, "4");
    if (o->least_peak > 0) t->least_peak = o->least_peak;
    return stage_seed(&j->s, &t->seed);
}

static int make_noise(job *j)
{
    const stage_options *o = &j->o;
    size_t rows, columns;
    char head[16] = { 0 };
    const char *x = strchr(o->size, 'x');
    if (o->localizer || o->activations.n || j->t.weights == WEIGHTS_MESH)
        return err_set(&j->s.err, ERR_USAGE, "--noise stands alone: no --localizer, --activations, mesh");
    if (!x || x - o->size >= (long)sizeof head) goto bad;
    memcpy(head, o->size, (size_t)(x - o->size));
    if (parse_size(head, &rows) || parse_size(x + 1, &columns)) goto bad;
    return topography_noise(&j->maps, o->noise, rows, columns, j->t.seed, &j->s.err);
bad:
    return err_set(&j->s.err, ERR_USAGE, "--size is ROWSxCOLUMNS, as 28x28, not '%s'", o->size);
}

/* Neighbours that the maps' units have among voxels or on a surface. */
static int read_neighbours(job *j)
{
    const char *path = j->o.weights + strlen("mesh:");
    if (j->neighbours ? topography_voxels(&j->mesh, j->maps, (int)j->neighbours, &j->s.err)
                      : stage_input(&j->s, "mesh", path) || topography_surface(&j->mesh, j->maps, path, &j->s.err))
        return -1;
    j->t.mesh = j->mesh;
    return 0;
}

static int read_images(job *j)
{
    const option_list *maps = &j->o.maps;
    if (j->t.weights != WEIGHTS_MESH) {
        err_set(&j->s.err, ERR_USAGE, "maps of brains have no sheet: --weights voxels:26 or mesh:FILE");
        return -1;
    }
    if (j->o.localizer || j->o.activations.n) return err_set(&j->s.err, ERR_USAGE, "--map stands in the place of --localizer and --activations");
    for (size_t i = 0; i < maps->n; i++)
        if (stage_input(&j->s, "map", maps->at[i])) return -1;
    return topography_maps(&j->maps, maps->at, maps->n, &j->s.err) || read_neighbours(j) ? -1 : 0;
}

/* --layout auto: a model without a sheet gets a random permutation, which is said. */
static int settle_layout(job *j)
{
    const stage_options *o = &j->o;
    store *s = NULL;
    if (!str_same(o->layout, "auto") || o->sheets || j->t.weights == WEIGHTS_MESH) return 0;
    if (o->activations.n) {
        if (store_open(&s, o->activations.at[0], "activations", &j->s.err)) return -1;
        bool has_sheets = store_has(s, "sheet");
        store_close(s);
        if (has_sheets) return 0; /* LAYOUT_GIVEN */
    }
    j->t.layout = LAYOUT_RANDOM;
    return 0;
}

static int read_maps(job *j)
{
    const stage_options *o = &j->o;
    if (o->noise) return make_noise(j);
    if (settle_layout(j)) return -1;
    bool flat = j->t.weights != WEIGHTS_MESH && j->t.layout == LAYOUT_GIVEN;
    const char *sheets = !flat ? NULL : o->sheets ? o->sheets : o->activations.n ? o->activations.at[0] : NULL;
    if (o->maps.n) return read_images(j);
    if (stage_needs(&j->s, "localizer", o->localizer) || stage_input(&j->s, "localizer", o->localizer)) return -1;
    if (flat && !sheets) {
        err_set(&j->s.err, ERR_USAGE, "where do the units lie? --sheets or --activations is needed");
        return err_hint(&j->s.err, "for a model without a sheet: --layout random");
    }
    if (topography_read(&j->maps, o->localizer, sheets, &j->s.err)) return -1;
    return j->t.weights == WEIGHTS_MESH ? read_neighbours(j) : 0;
}

/* The items of the contrast as localize chose them: all, or the matched pairs. */
static int choose_items(job *j, size_t *n_pos, size_t *n_neg)
{
    const localize_input *in = &j->responses->in;
    *n_pos = *n_neg = 0;
    if (str_same(j->maps->match, "tokens")) {
        if (localize_pairs(j->pos, j->neg, n_pos, in->condition, in->tokens, in->n, MOST_DIFFERENCE, j->maps->seed, &j->s.err))
            return -1;
        *n_neg = *n_pos;
        return 0;
    }
    for (size_t i = 0; i < in->n; i++) {
        if (in->condition[i] == 1) j->pos[(*n_pos)++] = i;
        if (in->condition[i] == 0) j->neg[(*n_neg)++] = i;
    }
    return 0;
}

static size_t item(const job *j, size_t i)
{
    return i < j->contrast.n_pos ? j->pos[i] : j->neg[i - j->contrast.n_pos];
}

static double value_of(const job *j, const localize_tap *from, size_t item_number, size_t unit)
{
    double x = (double)from->x[item_number * from->d + unit];
    return j->maps->absolute ? fabs(x) : x;
}

/* Which items are reported and which made the map, where the localizer has halves. */
static int choose_profile(job *j)
{
    const localize_data *r = j->responses;
    size_t n = r->in.n;
    err *e = &j->s.err;
    if (!j->maps->n_held) return 0;
    if (!(j->held = mem_new(n, 1, e)) || !(j->side = mem_new(n, 1, e))) return -1;
    memset(j->side, -1, n);
    for (size_t i = 0; i < j->contrast.n_pos; i++)
        j->side[j->pos[i]] = 1;
    for (size_t i = 0; i < j->contrast.n_neg; i++)
        j->side[j->neg[i]] = 0;
    for (size_t k = 0; k < j->maps->n_held; k++) {
        size_t i = 0;
        while (i < n && !str_same(r->id[i], j->maps->held[k]))
            i++;
        if (i == n) return err_set(e, ERR_INPUT, "item %s of the localizer is not among the activations", j->maps->held[k]);
        j->held[i] = 1;
    }
    j->items = (topography_items){ n, r->label, r->in.n_labels, r->labels, j->held, j->side, NULL };
    if (!j->contrast.covariate) return 0;
    if (!(j->tokens = mem_new(n, sizeof *j->tokens, e))) return -1;
    for (size_t i = 0; i < n; i++)
        j->tokens[i] = (double)r->in.tokens[i];
    j->items.covariate = j->tokens;
    return 0;
}

/* Rows of units, columns of the chosen items; for profiles, of all. */
static int turn_taps(job *j)
{
    size_t s = j->contrast.n_pos + j->contrast.n_neg;
    err *e = &j->s.err;
    if (!(j->x = mem_new(j->maps->n, sizeof *j->x, e)) || !(j->all = mem_new(j->maps->n, sizeof *j->all, e))) return -1;
    for (size_t k = 0; k < j->maps->n; k++) {
        topography_input *t = &j->maps->taps[k];
        const localize_tap *from = NULL;
        for (size_t i = 0; i < j->responses->in.n_taps; i++)
            if (str_same(j->responses->taps[i].name, t->name)) from = &j->responses->taps[i];
        if (!from || from->d != t->d)
            return err_set(e, ERR_INPUT, "the activations have no tap %s of %zu units", t->name, t->d);
        if (!(j->x[k] = mem_new(t->d * s, sizeof **j->x, e))) return -1;
        for (size_t i = 0; i < s; i++)
            for (size_t u = 0; u < t->d; u++)
                j->x[k][u * s + i] = value_of(j, from, item(j, i), u);
        t->x = j->x[k];
        if (!j->items.n) continue;
        if (!(j->all[k] = mem_new(t->d * j->items.n, sizeof **j->all, e))) return -1;
        for (size_t i = 0; i < j->items.n; i++)
            for (size_t u = 0; u < t->d; u++)
                j->all[k][u * j->items.n + i] = value_of(j, from, i, u);
        t->all = j->all[k];
    }
    return 0;
}

static int read_stimuli(job *j)
{
    stimuli *x = NULL;
    int status = stage_input(&j->s, "stimuli", j->o.stimuli) || stimuli_read(&x, j->o.stimuli, &j->s.err) ||
                         stimuli_use_condition(x, j->maps->condition, &j->s.err) ||
                         localize_read(&j->responses, j->o.activations.at, j->o.activations.n, x, j->maps->contrast, false,
                                       &j->s.err)
                     ? -1
                     : 0;
    stimuli_free(x);
    return status;
}

static int read_responses(job *j)
{
    const stage_options *o = &j->o;
    err *e = &j->s.err;
    for (size_t i = 0; i < o->activations.n; i++)
        if (stage_input(&j->s, "activations", o->activations.at[i])) return -1;
    if (!o->stimuli) return 0;
    if (o->activations.n == 0) return stage_needs(&j->s, "activations", NULL);
    if (!str_same(j->maps->test, "welch")) {
        err_set(e, ERR_INPUT, "the maps come from a %s test: their labels cannot be permuted here", j->maps->test);
        return err_hint(e, "without --stimuli the t maps alone are analysed");
    }
    if (read_stimuli(j)) return -1;
    const localize_input *in = &j->responses->in;
    j->pos = mem_new(in->n, sizeof *j->pos, e);
    j->neg = mem_new(in->n, sizeof *j->neg, e);
    j->covariate = mem_new(in->n, sizeof *j->covariate, e);
    if (!j->pos || !j->neg || !j->covariate) return -1;
    bool counts = !str_same(j->maps->match, "none");
    if (counts && !in->tokens) return err_set(e, ERR_INPUT, "the maps take token counts off, the activations have none");
    if (choose_items(j, &j->contrast.n_pos, &j->contrast.n_neg)) return -1;
    for (size_t i = 0; counts && i < j->contrast.n_pos + j->contrast.n_neg; i++)
        j->covariate[i] = (double)in->tokens[item(j, i)];
    if (counts) j->contrast.covariate = j->covariate;
    return choose_profile(j) || turn_taps(j) ? -1 : 0;
}

/* Of noise maps: means, and how often each p is .05 or less. */
static void tell_noise(const topography *t)
{
    double I = 0, smoothed = 0, n = (double)t->n;
    size_t raw = 0, read = 0;
    for (size_t k = 0; k < t->n; k++) {
        I += t->taps[k].unsmoothed.value.I / n;
        smoothed += t->taps[k].smoothed.I / n;
        raw += t->taps[k].unsmoothed.null.p <= .05;
        read += t->taps[k].presmooth.p <= .05;
    }
    log_info("white noise: I %.4f unsmoothed, %.4f read out; p <= .05 in %.1f %% and %.1f %%", I, smoothed,
             100 * (double)raw / n, 100 * (double)read / n);
}

static void tell(const job *j, const topography *t)
{
    if (j->o.noise) {
        tell_noise(t);
        return;
    }
    if (t->n_profiles) log_info("%zu profiles of held-out items: /profile", t->n_profiles);
    for (size_t k = 0; k < t->n; k++) {
        const topography_tap *a = &t->taps[k];
        char smoothed[96] = "", labels[48] = "";
        if (a->smoothed_t)
            snprintf(smoothed, sizeof smoothed, "; at FWHM %g %.3f, positions permuted before it %.3f ± %.3f (p %.3g)",
                     j->t.fwhm, a->smoothed.I, a->presmooth.mean, a->presmooth.sd, a->presmooth.p);
        if (a->null_labels) snprintf(labels, sizeof labels, ", labels %.3g", a->labels.p);
        log_info("%s: I %.4f (p of positions %.3g%s)%s", a->name, a->unsmoothed.value.I, a->unsmoothed.null.p, labels, smoothed);
        if (a->n_infinite) log_warn("%s: %zu units with t = ±inf are left out", a->name, a->n_infinite);
    }
    if (j->t.layout == LAYOUT_OPTIMISED)
        log_warn("the layout was optimised on these responses after training: I has no p, and says nothing about the model");
    else if (j->t.layout != LAYOUT_GIVEN && j->t.weights != WEIGHTS_MESH)
        log_warn("the layout is %s (seed %llu), not the model's: the model has no sheet", layout_name(j->t.layout),
                 (unsigned long long)j->t.seed);
}

static int describe(job *j, store *product)
{
    err *e = &j->s.err;
    return store_set_text(product, "/", "contrast", j->maps->contrast, e) || store_set_text(product, "/", "match", j->maps->match, e)
               ? -1
               : 0;
}

static void conclude(job *j, const topography *t)
{
    double sum = 0, lowest = INFINITY, highest = -INFINITY;
    size_t n = 0;
    for (size_t k = 0; k < t->n; k++) {
        double I = t->taps[k].unsmoothed.value.I;
        if (isnan(I)) continue;
        sum += I;
        lowest = fmin(lowest, I);
        highest = fmax(highest, I);
        n++;
    }
    if (n == 0) stage_result(&j->s, "%s: no map varies: Moran's I is not defined", j->maps->contrast);
    else
        stage_result(&j->s, "%s: unsmoothed Moran's I %.3f (%.3f to %.3f over %zu maps, %s)", j->maps->contrast, sum / (double)n,
                     lowest, highest, n, j->o.weights);
}

static void job_free(job *j)
{
    for (size_t k = 0; j->x && k < j->maps->n; k++)
        free(j->x[k]);
    for (size_t k = 0; j->all && k < j->maps->n; k++)
        free(j->all[k]);
    free(j->x);
    free(j->all);
    free(j->tokens);
    free(j->held);
    free(j->side);
    free(j->covariate);
    free(j->pos);
    free(j->neg);
    topography_data_free(j->maps);
    localize_data_free(j->responses);
    graph_free(j->mesh);
}

int main(int argc, char **argv)
{
    job j = { 0 };
    topography *t = NULL;
    store *product;
    if (stage_begin(&j.s, argc, argv, &help, options, &j.o, &j.o.common)) goto done;
    if (choose(&j) || read_maps(&j) || read_responses(&j)) goto done;
    if (stage_plan(&j.s, "%zu maps, %zu permutations", j.maps->n, j.t.permutations)) goto done;
    if (topography_analyse(&t, j.maps->taps, j.maps->n, j.responses ? &j.contrast : NULL, &j.t, &j.s.err)) goto done;
    if (j.items.n && topography_profiles(t, j.maps->taps, &j.items, &j.t, &j.s.err)) goto done;
    tell(&j, t); /* before the commit: warnings enter the product */
    product = stage_create(&j.s, "topography");
    if (!product || topography_put(product, t, &j.s.err) || describe(&j, product) || stage_commit(&j.s)) goto done;
    conclude(&j, t);
done:
    topography_free(t);
    job_free(&j);
    return stage_end(&j.s);
}
