/* SPDX-License-Identifier: MIT */
/* The run: folds, then every (fit, outer fold) as a job of its own. */
#include "broca/encode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sets.h"

typedef struct {
    const encode_options *o;
    used_rows rows;
    feature_list features;
    fit_set *fits;
    size_t n_fits;
    folds *outer, **inner;   /* over the used rows; [F] */
    int32_t *block;          /* [n] of the filter */
    targets targets;
    double **ready;          /* [F] series of each fold [n×v], where all columns are needed at once; else NULL */
    fold_series *series;     /* [F] */
    held_columns held;       /* of the jackknife */
    held_series *held_series; /* [F] */
    int32_t *jack_block;     /* [n]; NULL: no jackknife */
    const fit_set **owner;   /* [v] first fit of each column */
    journal *journal;
    encoded *result;
} run;

static void run_free(run *q)
{
    for (size_t f = 0; q->outer && f < q->outer->count; f++) {
        if (q->inner) folds_free(q->inner[f]);
        if (q->ready) free(q->ready[f]);
        if (q->held_series) free((void *)q->held_series[f].without);
    }
    free(q->held_series);
    held_columns_free(&q->held);
    free(q->jack_block);
    free(q->owner);
    free(q->inner);
    free(q->ready);
    free(q->series);
    folds_free(q->outer);
    fits_free(q->fits, q->n_fits);
    feature_list_free(&q->features);
    used_rows_free(&q->rows);
    targets_free(&q->targets);
    free(q->block);
}

void encoded_set_free(encoded_set *s)
{
    void *owned[] = { s->name, s->alpha, s->inner_best, s->r, s->r2, s->r2_train, s->sse, s->gamma, s->share, s->r_mean, s->r_pooled,
                      s->r2_pooled, s->sums, s->null_r, s->null_r2, s->null_delta_r, s->null_delta_r2, s->jack_r, s->jack_r2, s->left_r,
                      s->left_r2, s->left_jack_r, s->left_jack_r2, s->part, s->held, s->held_part, s->layer, s->n_nan, s->n_edge };
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++) free(owned[k]);
    for (size_t k = 0; k < s->n_taps; k++) free(s->taps[k]);
    free(s->taps);
}

void encoded_free(encoded *x)
{
    if (!x) return;
    for (size_t i = 0; i < x->n_sets; i++) encoded_set_free(&x->sets[i]);
    for (size_t i = 0; i < x->n_nested; i++) encoded_set_free(&x->nested[i]);
    void *owned[] = { x->sets,       x->nested,    x->test,   x->train,          x->sst,    x->block,
                      x->part_block, x->part_fold, x->part_n, x->saved_response, x->draw_of };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
    saved_close(x->saved, false);
    arena_free(x->memory);
    free(x);
}

/* ---- folds ---- */

static int outer_scheme(fold_scheme *s, const run *q, const responses *r, err *e)
{
    const char *text = q->o->folds;
    char papers[128];
    if (!text && q->o->paper) {
        if (paper_outer_folds(papers, sizeof papers, q->o, &q->rows, e)) return -1;
        text = papers;
    }
    if (!text && r->tr > 0) text = "contiguous:6,gap=10";
    if (!text && q->rows.group) text = "group:5";
    if (!text) {
        err_set(e, ERR_USAGE, "items without times and without groups have no default folds");
        return err_hint(e, "--folds group:5 with --stimuli that have groups, or --folds random:5 --allow-random");
    }
    if (fold_scheme_parse(s, text, e)) return err_while(e, "reading --folds");
    if (!fold_scheme_parts_neighbours(s) || q->o->paper || q->o->leak_test) return 0;
    if (!q->o->allow_random) {
        err_set(e, ERR_USAGE, "random folds leak where neighbours are alike, and are refused in strict mode");
        return err_hint(e, "--allow-random makes them, with a warning in every output");
    }
    log_warn("folds are random: neighbours of test items are in training, scores can be inflated by leakage");
    return 0;
}

static int read_given(int32_t **out, const fold_scheme *s, const used_rows *u, err *e)
{
    table *t = NULL;
    size_t column = 0;
    double value;
    int status = -1;
    if (table_read(&t, s->file, 0, true, e)) return -1;
    if (table_columns(t) > 1 && table_find(t, "fold", &column, e)) goto done;
    if (table_rows(t) != u->all) {
        err_set(e, ERR_INPUT, "%s: %zu rows, there are %zu presentations", s->file, table_rows(t), u->all);
        goto done;
    }
    if (!(*out = mem_new(u->n, sizeof **out, e))) goto done;
    for (size_t i = 0; i < u->n; i++) {
        if (table_number(t, u->row[i], column, &value, e)) goto done;
        if (value != floor(value) || value < -1 || value > 1e6) {
            err_set(e, ERR_INPUT, "%s: row %zu: %g is no fold", s->file, u->row[i] + 1, value);
            goto done;
        }
        (*out)[i] = (int32_t)value;
    }
    status = 0;
done:
    table_free(t);
    return status;
}

/* The inner scheme; *given gets the labels of `given` inner folds, which may lie in another file than the outer ones'. */
static int inner_scheme(fold_scheme *inner, int32_t **given, const fold_scheme *outer, const run *q, err *e)
{
    const encode_options *o = q->o;
    if (o->inner ? fold_scheme_parse(inner, o->inner, e) : o->paper ? paper_inner_folds(inner, outer) : folds_inner(inner, outer, e))
        return o->inner ? err_while(e, "reading --inner") : -1;
    if (fold_scheme_parts_neighbours(inner) && !o->allow_random) return err_set(e, ERR_USAGE, "--inner %s needs --allow-random", o->inner);
    return inner->kind == FOLD_GIVEN ? read_given(given, inner, &q->rows, e) : 0;
}

static size_t groups_in(const used_rows *u, const uint8_t *train)
{
    size_t groups = 0;
    for (size_t i = 0; i < u->n && u->group; i++) {
        bool first = train[i];
        for (size_t k = 0; k < i && first; k++) first = !train[k] || !str_same(u->group[k], u->group[i]);
        groups += first;
    }
    return groups;
}

static int make_inner(run *q, const fold_scheme *outer, fold_items items, err *e)
{
    fold_scheme inner;
    int32_t *given = NULL;
    int status = -1;
    if (inner_scheme(&inner, &given, outer, q, e)) goto done;
    if (given && q->o->shuffle_labels && paper_shuffle_given(given, q->rows.n, q->o, e)) goto done;
    items.given = given;
    fold_scheme_text(&inner, q->result->inner_text, sizeof q->result->inner_text);
    for (size_t f = 0; f < q->outer->count; f++) {
        fold_scheme own = inner;
        const uint8_t *train = q->outer->train + f * q->rows.n;
        size_t groups = own.kind == FOLD_GROUP && !q->o->inner ? groups_in(&q->rows, train) : SIZE_MAX;
        if (groups < own.k) own.k = groups < 2 ? 2 : groups;
        if (folds_make(&q->inner[f], &own, &items, train, e)) {
            err_while(e, "making the inner folds of outer fold %zu", f + 1);
            goto done;
        }
    }
    status = 0;
done:
    free(given);
    return status;
}

static int make_folds_of(run *q, fold_items items, const responses *r, err *e)
{
    fold_scheme outer;
    int32_t *given = NULL;
    if (outer_scheme(&outer, q, r, e)) return -1;
    if (outer.kind == FOLD_GIVEN && read_given(&given, &outer, &q->rows, e)) return -1;
    items.given = given;
    int status = given && q->o->shuffle_labels ? paper_shuffle_given(given, q->rows.n, q->o, e) : 0;
    if (!status) status = folds_make(&q->outer, &outer, &items, NULL, e);
    free(given);
    if (status) return err_while(e, "making the outer folds");
    if (outer.kind == FOLD_SHUFFLE_SPLIT && q->o->save_prediction)
        return err_set(e, ERR_USAGE, "--save prediction: shufflesplit tests an item several times, it has no one prediction");
    fold_scheme_text(&outer, q->result->folds_text, sizeof q->result->folds_text);
    if (!(q->inner = mem_new(q->outer->count, sizeof *q->inner, e))) return -1;
    if (q->o->paper == PAPER_HADIDI2025 && paper_order(&q->result->draw_of, q->outer, &outer, items.group, e)) return -1;
    if (q->o->inner_by == INNER_FOLDS) return make_inner(q, &outer, items, e);
    snprintf(q->result->inner_text, sizeof q->result->inner_text, "%s", q->o->inner_by == INNER_LOO ? "loo" : "gcv");
    if (q->rows.onset && r->tr > 0 && !q->o->leak_test)
        log_warn("leave-one-out inside the training rows looks at neighbours in time and picks alpha too small");
    return 0;
}

static int make_folds(run *q, const responses *r, err *e)
{
    fold_items items = { q->rows.n, q->rows.run, q->rows.onset, (const char *const *)q->rows.group, NULL };
    shuffled_items s = { 0 };
    q->result->rows = q->rows.n;
    int status = q->o->shuffle_labels ? paper_shuffle(&s, &items, q->o, e) : 0;
    if (!status) status = make_folds_of(q, items, r, e);
    shuffled_items_free(&s);
    return status;
}

/* The filter's blocks: rows of a run that are tested in the same fold; whole runs for scope=run. */
static int make_blocks(run *q, err *e)
{
    size_t n = q->rows.n;
    if (!(q->block = mem_new(n, sizeof *q->block, e))) return -1;
    if (!(q->o->highpass_s > 0)) return 0;
    if (q->o->highpass_run) log_warn("the high-pass filter spans whole runs (scope=run): test rows leak into training through it");
    int32_t next = 0;
    for (size_t i = 0; i < n; i++) {
        q->block[i] = -1;
        for (size_t k = 0; k < i && q->block[i] < 0; k++) {
            bool same = q->rows.run[k] == q->rows.run[i];
            for (size_t f = 0; f < q->outer->count && same && !q->o->highpass_run; f++)
                same = q->outer->test[f * n + k] == q->outer->test[f * n + i];
            if (same) q->block[i] = q->block[k];
        }
        if (q->block[i] < 0) q->block[i] = next++;
    }
    return 0;
}

static void warn_short_blocks(const run *q, double tr)
{
    size_t n = q->rows.n;
    if (!(q->o->highpass_s > 0) || q->o->highpass_run) return;
    for (size_t i = 0; i < n; i++) {
        size_t length = 0;
        for (size_t k = 0; k < n; k++) length += q->block[k] == q->block[i];
        if ((double)length * tr < q->o->highpass_s / 2) {
            log_warn("test blocks of %g s are shorter than half of the high-pass cut-off of %g s: the filter takes signal away",
                     (double)length * tr, q->o->highpass_s);
            return;
        }
    }
}

/* ---- results ---- */

static int set_space(encoded_set *s, const fit_set *fit, const run *q, err *e)
{
    size_t F = q->outer->count, v = q->targets.out_v, cells = F * v;
    if (!(s->name = mem_text(fit->name, e))) return -1;
    s->kind = fit->kind;
    s->p = fit->p;
    s->n_bands = fit->n_bands;
    double **tables[] = { &s->alpha, &s->inner_best, &s->r, &s->r2, &s->r2_train, &s->sse };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (!(*tables[i] = mem_new(cells, sizeof(double), e))) return -1;
    s->r_mean = mem_new(v, sizeof(double), e);
    s->r_pooled = mem_new(v, sizeof(double), e);
    s->r2_pooled = mem_new(v, sizeof(double), e);
    s->n_nan = mem_new(v, sizeof(int32_t), e);
    s->n_edge = mem_new(v, sizeof(int32_t), e);
    s->sums = mem_new(cells, sizeof *s->sums, e);
    if (!s->r_mean || !s->r_pooled || !s->r2_pooled || !s->n_nan || !s->n_edge || !s->sums) return -1;
    if (fit->n_bands > 1) {
        s->gamma = mem_new(cells, sizeof(int32_t), e);
        s->share = mem_new(cells * fit->n_bands, sizeof(double), e);
        if (!s->gamma || !s->share) return -1;
    }
    for (size_t i = 0; fit->column && i < cells; i++) /* neuroids that are not fitted */
        for (size_t k = 0; k < sizeof tables / sizeof *tables; k++) (*tables[k])[i] = NAN;
    if (!q->jack_block) return 0;
    s->held = mem_new(F * (1 + q->result->blocks) * q->held.v, sizeof *s->held, e);
    s->held_part = mem_new(F * q->result->blocks * q->held.v, sizeof *s->held_part, e);
    return s->held && s->held_part ? 0 : -1;
}

static int result_space(run *q, err *e)
{
    encoded *x = q->result;
    size_t F = q->outer->count, v = q->targets.out_v, n = q->rows.n;
    x->n = q->rows.all;
    x->v = v;
    x->folds = F;
    x->test = mem_new(F * x->n, 1, e);
    x->train = mem_new(F * x->n, 1, e);
    x->sst = mem_new(F * v, sizeof(double), e);
    x->sets = mem_new(q->n_fits, sizeof *x->sets, e);
    x->subject = arena_get(x->memory, (v + 1) * sizeof *x->subject, e);
    x->roi = arena_get(x->memory, (v + 1) * sizeof *x->roi, e);
    x->index = arena_get(x->memory, (v + 1) * sizeof *x->index, e);
    if (!x->test || !x->train || !x->sst || !x->sets || !x->subject || !x->roi || !x->index) return -1;
    for (size_t j = 0; j < v; j++) {
        x->subject[j] = arena_text(x->memory, q->targets.subject[j], strlen(q->targets.subject[j]), e);
        x->roi[j] = arena_text(x->memory, q->targets.roi[j], strlen(q->targets.roi[j]), e);
        x->index[j] = q->targets.index[j];
        if (!x->subject[j] || !x->roi[j]) return -1;
    }
    for (size_t f = 0; f < F; f++)
        for (size_t i = 0; i < n; i++) {
            x->test[f * x->n + q->rows.row[i]] = q->outer->test[f * n + i];
            x->train[f * x->n + q->rows.row[i]] = q->outer->train[f * n + i];
        }
    for (size_t i = 0; i < q->n_fits; i++) {
        x->n_sets++;
        if (set_space(&x->sets[i], &q->fits[i], q, e)) return -1;
    }
    return 0;
}

/* Series of all columns at once, where they need one another or are read many times and cost something to make. */
static bool all_at_once(const run *q, size_t v)
{
    enum { MOST = 1u << 30 }; /* bytes of all folds */
    if (q->o->group || q->o->add_mean) return true;
    return q->o->confounds && v < MOST / sizeof(double) / q->rows.n / q->outer->count;
}

static int make_series(run *q, err *e)
{
    size_t F = q->outer->count, v = q->targets.out_v, n = q->rows.n;
    if (!(q->ready = mem_new(F, sizeof *q->ready, e)) || !(q->series = mem_new(F, sizeof *q->series, e))) return -1;
    for (size_t f = 0; f < F; f++) {
        const uint8_t *train = q->outer->train + f * n;
        if (all_at_once(q, q->targets.v)) {
            if (!(q->ready[f] = mem_new(n * v, sizeof(double), e))) return -1;
            if (targets_fold(q->ready[f], &q->targets, train, q->o->standardise_y, e))
                return err_while(e, "preparing the responses of fold %zu", f + 1);
        }
        q->series[f] = (fold_series){ &q->targets, train, q->o->standardise_y, q->ready[f] };
    }
    if (!q->jack_block) return 0;
    if (!(q->held_series = mem_new(F, sizeof *q->held_series, e))) return -1;
    for (size_t f = 0; f < F; f++) {
        double *without = NULL;
        q->held_series[f] = (held_series){ &q->held, &q->series[f], NULL };
        if (q->held.people && held_without(&without, &q->held, &q->targets, q->outer->train + f * n, e)) {
            free(without);
            return err_while(e, "leaving subjects out of the group in fold %zu", f + 1);
        }
        q->held_series[f].without = without;
    }
    return 0;
}

/* Which columns a fit is made of: the neuroids that are; with the baseline, and for the sets that --null-sets names, null responses:
 * a joint set's are Freedman and Lane's. */
static bool has_null(const fit_set *fit, const encode_options *o)
{
    size_t n = strcspn(fit->name, ":+");
    if (!o->null_sets || str_same(fit->kind, "baseline")) return true;
    for (const char *p = o->null_sets; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, fit->name, n) == 0 && (!p[n] || p[n] == ',')) return true;
    return false;
}

static bool fits_number(const fit_set *fit, const encode_options *o, size_t number)
{
    if (!number || str_same(fit->kind, "baseline")) return true;
    return has_null(fit, o) && fit->over_baseline == (number > o->n_null);
}

static int choose_columns(run *q, err *e)
{
    size_t v = q->targets.out_v;
    if (!(q->owner = mem_new(v + 1, sizeof *q->owner, e))) return -1;
    for (size_t i = 0; i < q->n_fits; i++) {
        fit_set *fit = &q->fits[i];
        size_t *place = mem_new(v + 1, sizeof *place, e);
        fit->column = mem_new(v + 1, sizeof *fit->column, e);
        fit->held_of = mem_new(q->held.v + 1, sizeof *fit->held_of, e);
        for (size_t j = 0; place && fit->column && fit->held_of && j < v; j++) {
            if (!fits_number(fit, q->o, null_number_of(q->targets.subject[j], q->targets.roi[j]))) continue;
            place[j] = fit->n_columns;
            if (!q->owner[j]) q->owner[j] = fit;
            fit->column[fit->n_columns++] = j;
        }
        for (size_t j = 0; place && fit->held_of && j < q->held.v; j++) fit->held_of[j] = place[q->held.of[j]];
        free(place);
        if (!fit->n_columns || !fit->held_of) return -1;
    }
    return 0;
}

/* Columns of a fit out of the series of a fold, neighbours together. */
typedef struct { fold_series *series; const fit_set *fit; } fit_series;

static int fit_series_read(void *context, size_t first, size_t width, double *out, err *e)
{
    const fit_series *s = context;
    const size_t *column = s->fit->column + first;
    size_t n = s->series->targets->n, m;
    if (column[width - 1] - column[0] == width - 1) return fold_series_read(s->series, column[0], width, out, e);
    double *part = mem_new(n * width, sizeof *part, e);
    int status = part ? 0 : -1;
    for (size_t j = 0; j < width && !status; j += m) {
        for (m = 1; j + m < width && column[j + m] == column[j] + m; m++) {
        }
        status = fold_series_read(s->series, column[j], m, part, e);
        for (size_t i = 0; i < n && !status; i++) memcpy(out + i * width + j, part + i * m, m * sizeof *part);
    }
    free(part);
    return status;
}

/* ---- one job: a fit on an outer fold ---- */

/* Columns of the fit side by side, band by band, and which of them vary on the training rows before the filter. */
static int join_parts(double **x, uint8_t **keep, band *bands, const fit_set *fit, const run *q, const uint8_t *train, err *e)
{
    size_t n = q->rows.n, p = fit->p, at = 0;
    *x = mem_new(n * p, sizeof **x, e);
    *keep = mem_new(p, 1, e);
    if (!*x || !*keep) return -1;
    for (size_t b = 0; b < fit->n_bands; b++) {
        bands[b].first = at;
        for (size_t k = 0; k < fit->n_parts; k++) {
            const feature_set *f = fit->part[k];
            if (fit->band[k] != b) continue;
            for (size_t i = 0; i < n; i++) memcpy(*x + i * p + at, f->x + i * f->p, f->p * sizeof **x);
            at += f->p;
        }
        bands[b].width = at - bands[b].first;
    }
    for (size_t j = 0; j < p; j++) (*keep)[j] = !column_constant(*x + j, n, p, train);
    if (q->o->highpass_s > 0) return highpass(*x, n, p, q->block, q->targets.r->tr, q->o->highpass_s, e);
    return 0;
}

enum { MOST_BANDS = 16, DIGEST = 64 };

static void keep_scores(encoded_set *s, const run *q, const fit_set *fit, size_t f, const fit_score *score)
{
    size_t v = q->targets.out_v;
    for (size_t k = 0; k < fit->n_columns; k++) {
        size_t at = f * v + fit->column[k];
        s->r[at] = score[k].r;
        s->r2[at] = score[k].r2;
        s->r2_train[at] = score[k].r2_train;
        s->sse[at] = score[k].sse;
        s->sums[at] = (product_sums){ score[k].yy, score[k].pp, score[k].yp };
    }
}

/* About the training mean: the same for every fit that has the column; the first of them writes it. */
static void keep_totals(run *q, const fit_set *fit, size_t f, const fit_score *score)
{
    for (size_t k = 0; k < fit->n_columns; k++)
        if (q->owner[fit->column[k]] == fit) q->result->sst[f * q->targets.out_v + fit->column[k]] = score[k].sst;
}

static void keep_held(encoded_set *s, const run *q, size_t f, const nested_result *r)
{
    size_t rows = (1 + q->result->blocks) * q->held.v, parts = q->result->blocks * q->held.v;
    for (size_t i = 0; i < rows; i++) s->held[f * rows + i] = (held_score){ r->held[i].r, r->held[i].sse, r->held[i].sst };
    memcpy(s->held_part + f * parts, r->part, parts * sizeof *s->held_part);
}

/* rows [rows×n_columns] to their columns of [rows×v]. */
static void scatter(void *to, const void *from, size_t rows, const run *q, const fit_set *fit, size_t size)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < fit->n_columns; k++)
            memcpy((char *)to + (i * q->targets.out_v + fit->column[k]) * size, (const char *)from + (i * fit->n_columns + k) * size, size);
}

static size_t test_rows(const run *q, size_t f)
{
    size_t t = 0;
    for (size_t i = 0; i < q->rows.n; i++) t += q->outer->test[f * q->rows.n + i];
    return t;
}

/* The file of what --save asks for, and the place in it of each neuroid that is no null response. */
static int save_space(run *q, err *e)
{
    encoded *x = q->result;
    const encode_options *o = q->o;
    size_t F = q->outer->count, jobs = q->n_fits * F, real = 0;
    size_t *length = mem_new(jobs * SAVED_KINDS, sizeof *length, e);
    char *path = o->journal ? str_format(e, "%s.data", o->journal) : NULL;
    int status = -1;
    if (!length || (o->journal && !path) || !(x->saved_response = mem_new(x->v + 1, sizeof *x->saved_response, e))) goto done;
    for (size_t j = 0; j < x->v; j++)
        x->saved_response[j] = null_number_of(q->targets.subject[j], q->targets.roi[j]) ? SIZE_MAX : real++;
    for (size_t i = 0; i < jobs; i++) {
        const fit_set *fit = &q->fits[i / F];
        length[i * SAVED_KINDS + SAVED_PREDICTION] = o->save_prediction ? test_rows(q, i % F) : 0;
        length[i * SAVED_KINDS + SAVED_WEIGHT] = o->save_weight ? fit->p : 0;
        length[i * SAVED_KINDS + SAVED_INNER] = o->save_inner && fit->n_bands < 2 ? o->n_alphas : 0;
    }
    status = saved_open(&x->saved, path, jobs, real, length, e);
done:
    free(length);
    free(path);
    return status;
}

/* Where the fits of a job go as they are made. */
typedef struct {
    const run *q;
    const fit_set *fit;
    size_t job, t;
    int failed;
    err first;
} job_saver;

static void save_vector(job_saver *s, saved_kind kind, size_t response, const double *values)
{
    err own = { 0 };
    const encoded *x = s->q->result;
    size_t place = x->saved_response[s->fit->column[response]];
    double divide = kind == SAVED_WEIGHT ? (double)x->folds : 1; /* the product has the mean over folds */
    if (place == SIZE_MAX || !saved_length(x->saved, s->job, kind) || !saved_put(x->saved, s->job, kind, place, values, divide, &own)) return;
#pragma omp critical(broca_encode)
    {
        if (!s->failed) s->first = own;
        s->failed = 1;
    }
}

static void save_fit(void *context, size_t response, const double *y, const double *prediction, const double *weight)
{
    (void)y;
    save_vector(context, SAVED_PREDICTION, response, prediction);
    if (weight) save_vector(context, SAVED_WEIGHT, response, weight);
}

/* inner [A×responses] */
static int save_inner(job_saver *s, const double *inner, err *e)
{
    size_t A = s->q->o->n_alphas, m = s->fit->n_columns;
    double *one = mem_new(A + 1, sizeof *one, e);
    for (size_t j = 0; one && j < m; j++) {
        for (size_t a = 0; a < A; a++) one[a] = inner[a * m + j];
        save_vector(s, SAVED_INNER, j, one);
    }
    free(one);
    return one ? 0 : -1;
}

/* Everything else that a job gives, in one piece of memory: what the journal keeps. */
typedef struct {
    char *at;
    size_t bytes;
    size_t counts[3]; /* columns dropped, responses screened, scored again */
    char *digest;     /* [64] of what is saved of the job */
    nested_result r;
} job_result;

static int job_space(job_result *j, const encoded_set *s, const fit_set *fit, const run *q, err *e)
{
    size_t v = fit->n_columns, d = sizeof(double), at = 0, blocks = q->result->blocks, h = q->jack_block ? q->held.v : 0;
    struct { void **place; size_t bytes; } list[] = {
        { (void **)&j->r.score, v * sizeof(fit_score) },
        { (void **)&j->r.alpha, v * d },
        { (void **)&j->r.inner_best, v * d },
        { (void **)&j->r.share, s->share ? fit->n_bands * v * d : 0 },
        { (void **)&j->r.held, (1 + blocks) * h * sizeof(fit_score) },
        { (void **)&j->r.part, blocks * h * sizeof(part_sums) },
        { (void **)&j->r.gamma, s->gamma ? v * sizeof(int32_t) : 0 },
        { (void **)&j->digest, q->result->saved ? DIGEST : 0 },
    };
    j->bytes = sizeof j->counts;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) j->bytes += list[i].bytes;
    if (!(j->at = mem_new(j->bytes + 1, 1, e))) return -1;
    at = sizeof j->counts; /* the counts stand in front */
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (list[i].bytes) *list[i].place = j->at + at;
        at += list[i].bytes;
    }
    return 0;
}

static int fit_job(job_result *j, job_saver *saver, err *e)
{
    const run *q = saver->q;
    const fit_set *fit = saver->fit;
    size_t n = q->rows.n, f = saver->job % q->outer->count;
    int status = -1;
    double *x = NULL, *gammas = NULL;
    size_t n_gammas = 0;
    uint8_t *keep = NULL;
    band bands[MOST_BANDS];
    const uint8_t *train = q->outer->train + f * n, *test = q->outer->test + f * n;
    if (join_parts(&x, &keep, bands, fit, q, train, e)) goto done;
    if (fit->n_bands > 1 && candidates_of(&gammas, &n_gammas, fit->n_bands, q->o, q->result, f, e)) goto done;
    fit_series series = { &q->series[f], fit };
    held_fits held = { .v = q->held.v, .source = held_series_read, .context = q->jack_block ? &q->held_series[f] : NULL, .of = fit->held_of,
                       .blocks = q->result->blocks, .block = q->jack_block };
    nested_problem problem = { .x = x, .n = n, .p = fit->p, .source = fit_series_read, .context = &series, .v = fit->n_columns,
                               .held = q->jack_block ? &held : NULL,
                               .train = train, .test = test, .inner = q->inner[f], .alphas = q->o->alphas, .n_alphas = q->o->n_alphas,
                               .select = q->o->select, .by = q->o->inner_by, .alpha_shared = q->o->alpha_shared,
                               .standardise = q->o->standardise_x && !fit->as_is, .bands = bands, .n_bands = fit->n_bands, .divide_by_width = fit->divide,
                               .gammas = gammas, .n_gammas = n_gammas };
    fit_sink sink = { saver, q->o->save_weight, save_fit };
    if (q->o->save_prediction || q->o->save_weight) j->r.sink = &sink;
    if (saved_length(q->result->saved, saver->job, SAVED_INNER) && !(j->r.inner = mem_new(fit->n_columns * q->o->n_alphas, sizeof(double), e))) goto done;
    if (q->o->paper ? paper_ridge(&problem, q->o->paper, &j->r, e) : nested_ridge(&problem, keep, &j->r, e)) goto done;
    if (j->r.inner && save_inner(saver, j->r.inner, e)) goto done;
    size_t counts[3] = { j->r.dropped, j->r.screened, j->r.rescored };
    memcpy(j->at, counts, sizeof counts);
    if (saver->failed) *e = saver->first;
    status = saver->failed ? -1 : 0;
done:
    free(j->r.inner);
    free(gammas);
    free(x);
    free(keep);
    return status;
}

static void keep_job(run *q, const job_result *j, encoded_set *s, const fit_set *fit, size_t f)
{
    size_t v = q->targets.out_v, counts[3], d = sizeof(double);
    memcpy(counts, j->at, sizeof counts);
    scatter(s->alpha + f * v, j->r.alpha, 1, q, fit, d);
    scatter(s->inner_best + f * v, j->r.inner_best, 1, q, fit, d);
    if (s->gamma) scatter(s->gamma + f * v, j->r.gamma, 1, q, fit, sizeof *s->gamma);
    if (s->share) scatter(s->share + f * fit->n_bands * v, j->r.share, fit->n_bands, q, fit, d);
    keep_scores(s, q, fit, f, j->r.score);
    keep_totals(q, fit, f, j->r.score);
    if (s->held) keep_held(s, q, f, &j->r);
#pragma omp critical(broca_encode)
    {
        if (counts[0] > s->dropped) s->dropped = counts[0];
        q->result->screened += counts[1];
        q->result->rescored += counts[2];
    }
}

/* The job's results as a killed run left them; what was saved is to be whole. */
static bool find_job(job_result *j, const run *q, size_t number)
{
    const void *before;
    size_t bytes;
    sha_hex sum;
    err ignored = { 0 };
    if (!journal_find(q->journal, number, &before, &bytes) || bytes != j->bytes) return false;
    const char *digest = j->digest ? (const char *)before + (j->digest - j->at) : NULL;
    if (digest && (saved_digest(q->result->saved, number, &sum, &ignored) || memcmp(sum.hex, digest, DIGEST) != 0)) return false;
    memcpy(j->at, before, bytes);
    return true;
}

static int note_job(job_result *j, const run *q, size_t number, err *e)
{
    sha_hex sum;
    if (!journal_takes(q->journal)) return 0;
    if (j->digest) {
        if (saved_digest(q->result->saved, number, &sum, e)) return -1;
        memcpy(j->digest, sum.hex, DIGEST);
    }
    journal_add(q->journal, number, j->at, j->bytes);
    return 0;
}

static int run_job(run *q, size_t number, err *e)
{
    size_t F = q->outer->count, f = number % F;
    const fit_set *fit = &q->fits[number / F];
    encoded_set *s = &q->result->sets[number / F];
    job_result j = { 0 };
    job_saver saver = { .q = q, .fit = fit, .job = number };
    int status = -1;
    if (job_space(&j, s, fit, q, e)) goto done;
    if (!find_job(&j, q, number) && (fit_job(&j, &saver, e) || note_job(&j, q, number, e))) goto done;
    keep_job(q, &j, s, fit, f);
    status = 0;
done:
    if (status) err_while(e, "fitting %s, outer fold %zu", fit->name, f + 1);
    free(j.at);
    return status;
}

/* Jobs in parallel, a fit and fold each. */
static int run_all(run *q, err *e)
{
    size_t jobs = q->n_fits * q->outer->count;
    progress bar;
    int failed = 0;
    if (!q->o->leak_test) progress_start(&bar, "fits", jobs);
    /* few responses: jobs side by side; many: a job at a time, its blocks of responses side by side. The bytes are the same. */
    int side_by_side = q->targets.out_v < JOBS_SIDE_BY_SIDE ? threads_count() : 1;
#pragma omp parallel for schedule(dynamic, 1) num_threads(side_by_side) if (side_by_side > 1)
    for (size_t k = 0; k < jobs; k++) {
        err own = { 0 };
        int stop;
#pragma omp atomic read
        stop = failed;
        if (stop) continue;
        if (interrupted()) err_set(&own, ERR_INTERRUPTED, "interrupted at fit %zu of %zu", k + 1, jobs);
        else run_job(q, k, &own);
        if (!q->o->leak_test) progress_step(&bar, 1);
        if (!own.kind) continue;
#pragma omp critical(broca_encode)
        {
            if (!failed) *e = own;
            failed = 1;
        }
    }
    if (!q->o->leak_test) progress_end(&bar);
    return failed ? -1 : 0;
}

/* ---- summaries over folds ---- */

static double pooled_r(const encoded_set *s, size_t folds_count, size_t v, size_t j)
{
    product_sums all = { 0 };
    for (size_t f = 0; f < folds_count; f++) {
        const product_sums *one = &s->sums[f * v + j];
        all.yy += one->yy;
        all.pp += one->pp;
        all.yp += one->yp;
    }
    return all.yy > 0 && all.pp > 1e-18 * all.yy ? all.yp / sqrt(all.yy) / sqrt(all.pp) : NAN;
}

void encoded_set_summarise(encoded_set *s, encoded *x, const encode_options *o)
{
    size_t F = x->folds, v = x->v;
    double lo = INFINITY, hi = -INFINITY;
    for (size_t a = 0; a < o->n_alphas; a++) {
        lo = fmin(lo, o->alphas[a]);
        hi = fmax(hi, o->alphas[a]);
    }
    for (size_t j = 0; j < v; j++) {
        double r = 0, sse = 0, sst = 0;
        for (size_t f = 0; f < F; f++) {
            size_t at = f * v + j;
            if (isnan(s->r[at])) s->n_nan[j]++;
            else r += s->r[at];
            s->n_edge[j] += o->n_alphas > 1 && (s->alpha[at] == lo || s->alpha[at] == hi);
            sse += s->sse[at];
            sst += x->sst[at];
        }
        bool left_out = o->paper == PAPER_SCHRIMPF2021; /* NaN counts 0 elsewhere */
        s->r_mean[j] = left_out ? r / (double)(F - (size_t)s->n_nan[j]) : r / (double)F;
        if (isnan(sse)) s->r_mean[j] = NAN; /* not fitted */
        s->r_pooled[j] = pooled_r(s, F, v, j);
        s->r2_pooled[j] = sst > 0 ? 1 - sse / sst : NAN;
    }
}

static void count_edges(encoded *x)
{
    for (size_t i = 0; i < x->n_sets; i++)
        for (size_t j = 0; j < x->v; j++) {
            x->edges += (size_t)x->sets[i].n_edge[j];
            x->choices += x->folds;
        }
}

static void warn_edges(const encoded *x, const encode_options *o)
{
    if (o->n_alphas < 2 || x->edges * 10 <= x->choices) return;
    log_warn("%zu of %zu chosen alphas (%.0f %%) are at an end of the grid: widen --alphas", x->edges, x->choices,
             100.0 * (double)x->edges / (double)x->choices);
}

/* OASM on folds that keep neighbours apart must predict nothing; a sigma that reaches over the gap is refused in strict mode. */
static int check_oasm(run *q, const responses *r, err *e)
{
    for (size_t i = 0; i < q->features.n; i++) {
        const feature_set *f = &q->features.at[i];
        if (!f->oasm) continue;
        int32_t *block = mem_new(q->rows.n, sizeof *block, e);
        if (!block || oasm_blocks(block, r, &q->rows, e)) {
            free(block);
            return -1;
        }
        q->result->oasm_apart = oasm_apart(q->outer, block, q->rows.n, f->reach);
        free(block);
        if (q->result->oasm_apart || q->o->allow_random || q->o->leak_test || q->o->paper) continue;
        err_set(e, ERR_USAGE, "features %s: OASM reaches %zu samples, more than these folds keep between test and training rows of a block",
                f->name, f->reach);
        return r->tr > 0 ? err_hint(e, "a gap of at least %g s, or a smaller sigma; broca doctor --leak tests folds as they are", (double)f->reach * r->tr)
                         : err_hint(e, "folds that keep whole groups, or a smaller sigma; broca doctor --leak tests folds as they are");
    }
    return 0;
}

static int prepare(run *q, const responses *r, const stimuli *x, err *e)
{
    const encode_options *o = q->o;
    if (used_rows_new(&q->rows, r, x, o->drop_start, e)) return -1;
    if (o->drop_start) log_warn("the first %zu presentations of every run are dropped (--drop-start)", o->drop_start);
    if (make_folds(q, r, e) || make_blocks(q, e)) return -1;
    warn_short_blocks(q, r->tr);
    if (features_read(&q->features, r, &q->rows, o, e) || check_oasm(q, r, e) || fits_make(&q->fits, &q->n_fits, &q->features, o, e)) return -1;
    for (size_t i = 0; i < q->n_fits; i++)
        if (q->fits[i].n_bands > MOST_BANDS) return err_set(e, ERR_USAGE, "%s has %zu bands, at most %d", q->fits[i].name, q->fits[i].n_bands, MOST_BANDS);
        else if (o->gammas && q->fits[i].n_bands > 1 && q->fits[i].n_bands != o->gamma_bands)
            return err_set(e, ERR_USAGE, "--gammas has %zu weights a candidate, %s has %zu bands", o->gamma_bands, q->fits[i].name, q->fits[i].n_bands);
    if (o->paper) paper_warn(o, q->result->folds_text);
    if (!o->paper && o->alpha_shared && o->select == SELECT_MSE && !o->standardise_y && !o->group)
        log_warn("one alpha for all neuroids, chosen by mse, depends on the units of the responses");
    return 0;
}

static int prepare_jackknife(run *q, const responses *r, err *e)
{
    encoded *x = q->result;
    if (!q->o->jackknife) return 0;
    if (jackknife_blocks(&q->jack_block, &x->blocks, r, &q->rows, q->o->jackknife, e) || held_columns_new(&q->held, &q->targets, e)) return -1;
    if (!(x->block = mem_new(q->rows.all + 1, sizeof *x->block, e))) return -1;
    for (size_t i = 0; i < q->rows.all; i++) x->block[i] = -1;
    for (size_t i = 0; i < q->rows.n; i++) x->block[q->rows.row[i]] = q->jack_block[i];
    return 0;
}

/* What is made of the fits of all folds. */
static int finish(run *q, err *e)
{
    encoded *x = q->result;
    const encode_options *o = q->o;
    if ((o->n_null || q->jack_block) && nested_layers(x, &q->held, e)) return -1;
    for (size_t i = 0; i < x->n_sets; i++) encoded_set_summarise(&x->sets[i], x, o);
    for (size_t i = 0; i < x->n_nested; i++) encoded_set_summarise(&x->nested[i], x, o);
    count_edges(x);
    if (o->n_null && null_split(x, o, e)) return -1;
    return q->jack_block ? jackknife_finish(x, &q->held, q->outer->test, q->jack_block, q->rows.n, e) : 0;
}

static run_size size_of(const run *q, size_t v, size_t out_v)
{
    return (run_size){ .o = q->o, .fits = q->fits, .n_fits = q->n_fits, .n = q->rows.n, .all = q->rows.all, .folds = q->outer->count,
                       .inner = q->inner[0] ? q->inner[0]->count : 1, .v = v, .out_v = out_v, .held_v = q->held.v,
                       .blocks = q->result->blocks, .at_once = all_at_once(q, v) };
}

/* Filtered responses in memory, unless --memory wants them read from the file block by block. */
static int load_targets(run *q, err *e)
{
    const targets *t = &q->targets;
    run_size size = size_of(q, t->v, t->out_v);
    bool blocks = false;
    if (q->o->memory && memory_obey(&blocks, &size, t->r, q->o->memory, e)) return -1;
    return blocks ? 0 : targets_load(&q->targets, e);
}

static int encode_once(encoded **out, const responses *r, const stimuli *x, const encode_options *o, err *e)
{
    run q = { .o = o };
    int status = -1;
    if (!(q.result = mem_new(1, sizeof *q.result, e))) return -1;
    if (!(q.result->memory = arena_new(e)) || prepare(&q, r, x, e)) goto done;
    if (targets_new(&q.targets, q.result, r, &q.rows, q.block, o, e) || prepare_jackknife(&q, r, e) || choose_columns(&q, e) ||
        load_targets(&q, e) || result_space(&q, e) || make_series(&q, e))
        goto done;
    if (o->journal && journal_open(&q.journal, o->journal, o->identity, q.n_fits * q.outer->count, o->resume, e)) goto done;
    bool saves = o->save_prediction || o->save_weight || o->save_inner;
    if ((saves && save_space(&q, e)) || run_all(&q, e)) {
        bool over = e->kind != ERR_INTERRUPTED && e->kind != ERR_ENVIRONMENT && e->kind != ERR_MEMORY;
        saved_close(q.result->saved, !over && journal_holds(q.journal));
        journal_close(q.journal, over);
        q.result->saved = NULL;
        goto done;
    }
    journal_close(q.journal, true);
    saved_unname(q.result->saved);
    if (finish(&q, e)) goto done;
    *out = q.result;
    q.result = NULL;
    status = 0;
done:
    encoded_free(q.result);
    run_free(&q);
    return status;
}

/* The baseline's fit of every neuroid to all rows, by least squares beside the confounds, as METHODS 5.7 (Freedman and Lane) wants
 * it: learnt on filtered series, given for unfiltered ones. base [n×r->v], excluded neuroids 0. */
static int baseline_part(double *base, const run *q, err *e)
{
    const targets *t = &q->targets;
    const fit_set *fit = q->fits; /* the baseline comes first */
    size_t n = q->rows.n, p = fit->p, most = 0, at = 0;
    int status = -1;
    for (size_t i = 0; i < t->n_confounds; i++) most = t->confound_k[i] > most ? t->confound_k[i] : most;
    double *raw = mem_new(n * p + 1, sizeof *raw, e), *x = mem_new(n * (p + most) + 1, sizeof *x, e), *filtered = NULL;
    double *y = mem_new(n + 1, sizeof *y, e), *w = mem_new(p + most + 1, sizeof *w, e), b, zero = 0;
    if (!raw || !x || !y || !w) goto done;
    for (size_t k = 0; k < fit->n_parts; k++) {
        for (size_t i = 0; i < n; i++) memcpy(raw + i * p + at, fit->part[k]->x + i * fit->part[k]->p, fit->part[k]->p * sizeof *raw);
        at += fit->part[k]->p;
    }
    if (!(filtered = mem_copy(raw, n * p * sizeof *raw, e))) goto done;
    if (q->o->highpass_s > 0 && highpass(filtered, n, p, q->block, t->r->tr, q->o->highpass_s, e)) goto done;
    for (size_t j = 0; j < t->v; j++) {
        size_t own = t->n_confounds ? t->confound_of[j] : SIZE_MAX, k = own == SIZE_MAX ? 0 : t->confound_k[own];
        for (size_t i = 0; i < n; i++) {
            memcpy(x + i * (p + k), filtered + i * p, p * sizeof *x);
            if (k) memcpy(x + i * (p + k) + p, t->confound[own] + i * k, k * sizeof *x);
            y[i] = t->y[i * t->v + j];
        }
        if (ridge_fit(x, n, p + k, y, 1, &zero, true, w, &b, e)) goto done;
        gemm_f8(false, false, n, 1, p, 1, raw, p, w, 1, 0, base + t->column[j], t->r->v);
    }
    status = 0;
done:
    free(raw);
    free(filtered);
    free(x);
    free(y);
    free(w);
    if (status) err_while(e, "fitting the baseline to all rows");
    return status;
}

static int null_base(double **base, const responses *r, const stimuli *x, const encode_options *o, err *e)
{
    run q = { .o = o };
    int status = -1;
    if (!(q.result = mem_new(1, sizeof *q.result, e))) return -1;
    if (!(q.result->memory = arena_new(e)) || prepare(&q, r, x, e)) goto done;
    if (targets_new(&q.targets, q.result, r, &q.rows, q.block, o, e) || targets_load(&q.targets, e)) goto done;
    if (!(*base = mem_new(q.rows.n * r->v + 1, sizeof **base, e))) goto done;
    status = baseline_part(*base, &q, e);
done:
    encoded_free(q.result);
    run_free(&q);
    return status;
}

static int encode_with_null(encoded **out, const responses *r, const stimuli *x, const encode_options *o, err *e)
{
    int status = -1;
    used_rows rows = { 0 };
    fold_scheme outer = { .gap_s = 10 }; /* the default scheme's */
    responses *more = NULL;
    double *base = NULL;
    encode_options own = *o;
    if (o->add_mean && o->group) return err_set(e, ERR_USAGE, "--null and --add-mean do not go together for the group");
    if (o->alpha_shared) return err_set(e, ERR_USAGE, "--null and --alpha-per all do not go together: null responses would choose alpha, too");
    if ((o->folds && fold_scheme_parse(&outer, o->folds, e)) || used_rows_new(&rows, r, x, o->drop_start, e)) goto done;
    double all = (double)r->v * (1 + (double)o->n_null * (o->baseline ? 2 : 1)) * ((double)r->n * sizeof(float) + (double)rows.n * sizeof(double));
    if (o->memory && all > (double)o->memory) {
        err_set(e, ERR_USAGE, "null responses alone take %.0f MB, --memory allows %.0f MB", all / 1e6, (double)o->memory / 1e6);
        goto done;
    }
    if (o->baseline && null_base(&base, r, x, o, e)) goto done;
    if (null_responses(&more, &own.n_null, r, &rows, &own, outer.gap_s, base, e)) goto done;
    status = encode_once(out, more, x, &own, e);
done:
    responses_free(more);
    used_rows_free(&rows);
    free(base);
    return status;
}

/* Every neuroid of the file has its column (CONTRACT): excluded ones are NaN. */
static int put_back_excluded(encoded *x, const responses *r, const encode_options *o, err *e)
{
    int status = -1;
    size_t next = 0, extra = 0, v;
    if (o->group) return 0;
    while (extra < x->v && str_same(x->roi[x->v - 1 - extra], "mean") && o->add_mean) extra++; /* --add-mean's come last */
    v = r->v + extra;
    if (v == x->v) return 0;
    size_t *map = mem_new(v, sizeof *map, e);
    char **subject = arena_get(x->memory, (v + 1) * sizeof *subject, e), **roi = arena_get(x->memory, (v + 1) * sizeof *roi, e);
    int32_t *index = arena_get(x->memory, (v + 1) * sizeof *index, e);
    if (!map || !subject || !roi || !index) goto done;
    for (size_t j = 0; j < v; j++) {
        bool kept = j >= r->v || (next < x->v - extra && x->index[next] == r->index[j] && str_same(x->subject[next], r->subject[j]) &&
                                  str_same(x->roi[next], r->roi[j]));
        map[j] = kept ? next : SIZE_MAX;
        subject[j] = kept ? x->subject[next] : arena_text(x->memory, r->subject[j], strlen(r->subject[j]), e);
        roi[j] = kept ? x->roi[next] : arena_text(x->memory, r->roi[j], strlen(r->roi[j]), e);
        index[j] = kept ? x->index[next] : r->index[j];
        if (!subject[j] || !roi[j]) goto done;
        next += kept;
    }
    if (next != x->v) {
        err_set(e, ERR_INPUT, "two neuroids have the same subject, roi and index: they cannot be told apart");
        goto done;
    }
    if (encoded_columns(x, map, v, e)) goto done;
    x->subject = subject;
    x->roi = roi;
    x->index = index;
    status = 0;
done:
    free(map);
    return status;
}

int encode(encoded **out, const responses *r, const stimuli *x, const encode_options *o, err *e)
{
    if (o->paper && (o->jackknife || o->n_null)) {
        err_set(e, ERR_USAGE, "--mode replicate has neither --jackknife nor --null: the paper's code had none");
        return err_hint(e, "strict mode has both");
    }
    if (o->n_null ? encode_with_null(out, r, x, o, e) : encode_once(out, r, x, o, e)) return -1;
    if (put_back_excluded(*out, r, o, e)) {
        encoded_free(*out);
        *out = NULL;
        return -1;
    }
    if (!o->leak_test) warn_edges(*out, o);
    return 0;
}

int encode_plan(buffer *b, const responses *r, const stimuli *x, const encode_options *o, err *e)
{
    run q = { .o = o };
    int status = -1;
    if (!(q.result = mem_new(1, sizeof *q.result, e))) return -1;
    if (!(q.result->memory = arena_new(e)) || prepare(&q, r, x, e)) goto done;
    size_t widest = 0, bytes = 0;
    run_size size = size_of(&q, r->v, r->v);
    run_memory m = memory_of(&size);
    for (size_t i = 0; i < q.n_fits; i++) widest = q.fits[i].p > widest ? q.fits[i].p : widest;
    for (size_t i = 0; i < q.features.n; i++) bytes += q.features.at[i].p * q.rows.n * sizeof(double);
    buffer_printf(b, "%zu rows, %zu neuroids, %zu fits of up to %zu columns, %s (inner %s), %zu alphas, %zu candidates\n", q.rows.n,
                  r->v, q.n_fits, widest, q.result->folds_text, q.result->inner_text, o->n_alphas, o->candidates);
    buffer_printf(b, "memory: features %.0f MB + a fold on %d threads %.0f MB + results %.0f MB + responses %.0f MB (%.0f MB with --memory below that)",
                  (double)bytes / 1e6, threads_count(), m.fold / 1e6, m.results / 1e6, m.responses / 1e6, (size.at_once ? m.responses : m.blocks) / 1e6);
    status = buffer_ok(b, e);
done:
    encoded_free(q.result);
    run_free(&q);
    return status;
}
