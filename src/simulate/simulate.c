/* SPDX-License-Identifier: MIT */
/* Simulated listeners: y = √m·model + √b·baseline + √s·own + √k·motion + √rest·AR(1) noise, every part of unit variance. */
#include "broca/simulate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "design.h"
#include "broca/num.h"

enum { MOTION = 6 };

static int check(const simulation *q, err *e)
{
    const simulated_shares *s = &q->shares;
    double sum = s->model + s->baseline + s->specific + s->motion;
    if (!(s->model >= 0) || !(s->baseline >= 0) || !(s->specific >= 0) || !(s->motion >= 0) || !(sum <= 1 + 1e-12))
        return err_set(e, ERR_USAGE, "shares of variance are >= 0 and sum to at most 1 (here %g, %g, %g, %g)", s->model,
                       s->baseline, s->specific, s->motion);
    if (!(q->ar >= 0 && q->ar < 1)) return err_set(e, ERR_USAGE, "the noise's AR(1) coefficient is in [0, 1), not %g", q->ar);
    if (q->filter_blocks > 1000) return err_set(e, ERR_USAGE, "%zu blocks of the filter are too many", q->filter_blocks);
    if (!q->subjects || !q->neuroids) return err_set(e, ERR_USAGE, "at least one subject and one neuroid are needed");
    if (q->subjects > 65535 || q->first_subject > 65535 || q->neuroids > 65535)
        return err_set(e, ERR_USAGE, "at most 65,535 subjects and neuroids");
    return 0;
}

/* out [n]: unit-variance mixture of the design's model columns by normal weights of (roi, subject); subject 0: all. */
static void mixture(double *out, const design *x, uint64_t seed, uint32_t roi, uint32_t subject)
{
    memset(out, 0, x->n * sizeof *out);
    for (size_t j = 0; j < x->d; j++) {
        double w = rng_normal(seed, RNG_SIM_WEIGHTS, (uint32_t)j, roi, subject);
        for (size_t i = 0; i < x->n; i++) out[i] += w * x->model[i * x->d + j];
    }
    design_standardise(out, x->n, 1);
}

/* Stationary AR(1) of unit variance. */
static void noise(double *out, size_t n, double ar, uint64_t seed, uint32_t roi, uint32_t subject)
{
    double fresh = sqrt(1 - ar * ar);
    for (size_t i = 0; i < n; i++) {
        double z = rng_normal(seed, RNG_SIM_NOISE, (uint32_t)i, roi, subject);
        out[i] = i ? ar * out[i - 1] + fresh * z : z;
    }
}

/* Six slow random walks: what a head does. */
static void motion(double *out, size_t n, uint64_t seed, uint32_t subject)
{
    for (uint32_t k = 0; k < MOTION; k++)
        for (size_t i = 0; i < n; i++) {
            double step = rng_normal(seed, RNG_SIM_MOTION, (uint32_t)i, k, subject);
            out[i * MOTION + k] = (i ? out[(i - 1) * MOTION + k] : 0) + step;
        }
    design_standardise(out, n, MOTION);
}

static void moved(double *out, const double *walks, size_t n, uint64_t seed, uint32_t roi, uint32_t subject)
{
    memset(out, 0, n * sizeof *out);
    for (uint32_t k = 0; k < MOTION; k++) {
        double w = rng_normal(seed, RNG_SIM_MOTION, k + 0x80000000u, roi, subject);
        for (size_t i = 0; i < n; i++) out[i] += w * walks[i * MOTION + k];
    }
    design_standardise(out, n, 1);
}

static int truth_new(simulated_truth **out, size_t n, size_t rois, err *e)
{
    simulated_truth *t = mem_new(1, sizeof *t, e);
    if (!t) return -1;
    *out = t;
    if (!(t->memory = arena_new(e))) return -1;
    t->rois = rois;
    t->model = arena_get(t->memory, n * rois * sizeof(double), e);
    t->baseline = arena_get(t->memory, n * rois * sizeof(double), e);
    t->ceiling_single = arena_get(t->memory, rois * sizeof(double), e);
    t->ceiling_group = arena_get(t->memory, rois * sizeof(double), e);
    t->pairwise = arena_get(t->memory, rois * sizeof(double), e);
    t->r2_model = arena_get(t->memory, rois * sizeof(double), e);
    t->r2_baseline = arena_get(t->memory, rois * sizeof(double), e);
    return t->model && t->baseline && t->ceiling_single && t->ceiling_group && t->pairwise && t->r2_model && t->r2_baseline
               ? 0 : -1;
}

void simulated_truth_free(simulated_truth *t)
{
    if (!t) return;
    arena_free(t->memory);
    free(t);
}

/* The rows that the analysis keeps, cut into the filter's blocks. */
static int block_rows(int32_t **out, size_t kept, size_t blocks, err *e)
{
    int32_t *b = mem_new(kept, sizeof *b, e);
    size_t row = 0;
    if (!b) return -1;
    for (size_t k = 0; k < blocks; k++)
        for (size_t i = 0; i < kept / blocks + (k < kept % blocks); i++) b[row++] = (int32_t)k;
    *out = b;
    return 0;
}

enum { DRAWS = 256 };

/* What DRAWS people have of their own whom nobody else meets (their subject numbers are above 65,535), and their motion, through
 * the analysis' filter: rest [kept×DRAWS], walks [DRAWS][kept×MOTION]. */
static int draw_rest(double *rest, double *walks, const design *x, const simulation *q, const int32_t *block, size_t kept, err *e)
{
    size_t n = x->n, skip = n - kept;
    double left = 1 - q->shares.model - q->shares.baseline - q->shares.specific - q->shares.motion;
    double *part = mem_new(n, sizeof *part, e), *walk = mem_new(n * MOTION, sizeof *walk, e);
    int status = part && walk ? 0 : -1;
    for (uint32_t s = 0; s < DRAWS && !status; s++) {
        uint32_t nobody = 65536 + s;
        double *own = walks + s * kept * MOTION;
        noise(part, n, q->ar, q->seed, 0, nobody);
        for (size_t i = 0; i < kept; i++) rest[i * DRAWS + s] = sqrt(left > 0 ? left : 0) * part[i + skip];
        mixture(part, x, q->seed, 0, nobody);
        for (size_t i = 0; i < kept; i++) rest[i * DRAWS + s] += sqrt(q->shares.specific) * part[i + skip];
        motion(walk, n, q->seed, nobody);
        moved(part, walk, n, q->seed, 0, nobody);
        for (size_t i = 0; i < kept; i++) rest[i * DRAWS + s] += sqrt(q->shares.motion) * part[i + skip];
        memcpy(own, walk + skip * MOTION, kept * MOTION * sizeof *own);
        if (q->highpass_s > 0) status = highpass(own, kept, MOTION, block, q->tr_s, q->highpass_s, e);
    }
    if (!status && q->highpass_s > 0) status = highpass(rest, kept, DRAWS, block, q->tr_s, q->highpass_s, e);
    free(part);
    free(walk);
    return status;
}

/* The planted signals of one region through the filter, and the people who hear them. */
typedef struct {
    const double *signal;      /* [kept×3]: model, baseline, both */
    const double *rest, *walks;
    const int32_t *block;
    size_t kept, blocks, people;
    bool clean;                /* motion is removed, with betas of the rows outside the block */
    double *heard;             /* [kept×DRAWS] what people's series are inside one block after that */
    uint8_t *train;            /* [kept] */
} listeners;

/* Every person's series as block b is tested. Confounds that are taken out take some signal along, and their betas add noise:
 * a perfect model cannot reach more than what is left. */
static int hear(const listeners *p, size_t b, err *e)
{
    double *y = mem_new(p->kept, sizeof *y, e);
    int status = y ? 0 : -1;
    for (size_t i = 0; i < p->kept; i++) p->train[i] = (size_t)p->block[i] != b || p->blocks == 1;
    for (size_t s = 0; s < DRAWS && !status; s++) {
        for (size_t i = 0; i < p->kept; i++) y[i] = p->signal[i * 3 + 2] + p->rest[i * DRAWS + s];
        if (p->clean) status = remove_confounds(y, p->kept, 1, p->walks + s * p->kept * MOTION, MOTION, p->train, NULL, e);
        for (size_t i = 0; i < p->kept; i++) p->heard[i * DRAWS + s] = y[i];
    }
    free(y);
    return status;
}

static double zero_if_undefined(double r)
{
    return isnan(r) ? 0 : r;
}

/* Adds a block's share of what a perfect model scores: r inside the block of the true signal with single people and with means
 * of groups, and of pairs of people. */
static void add_block(simulated_truth *t, size_t roi, const listeners *p, size_t first, size_t n, double *work)
{
    double *truth = work, *one = work + n, *two = work + 2 * n, blocks = (double)p->blocks;
    size_t size = p->people < DRAWS ? p->people : DRAWS, groups = DRAWS / size;
    for (size_t i = 0; i < n; i++) truth[i] = p->signal[(first + i) * 3 + 2];
    for (size_t s = 0; s < DRAWS; s++) {
        for (size_t i = 0; i < n; i++) {
            one[i] = p->heard[(first + i) * DRAWS + s];
            two[i] = p->heard[(first + i) * DRAWS + (s + 1) % DRAWS];
        }
        t->ceiling_single[roi] += zero_if_undefined(pearson(truth, one, n)) / blocks / DRAWS;
        t->pairwise[roi] += zero_if_undefined(pearson(one, two, n)) / blocks / DRAWS;
    }
    for (size_t g = 0; g < groups; g++) {
        for (size_t i = 0; i < n; i++) {
            one[i] = 0;
            for (size_t s = 0; s < size; s++) one[i] += p->heard[(first + i) * DRAWS + g * size + s];
        }
        t->ceiling_group[roi] += zero_if_undefined(pearson(truth, one, n)) / blocks / (double)groups;
    }
}

static double block_squares(const double *x, size_t stride, size_t first, size_t n)
{
    double mean = 0, square = 0;
    for (size_t i = first; i < first + n; i++) mean += x[i * stride] / (double)n;
    for (size_t i = first; i < first + n; i++) square += (x[i * stride] - mean) * (x[i * stride] - mean);
    return square;
}

static int fill_roi(simulated_truth *t, size_t roi, const listeners *p, double *work, err *e)
{
    double model = 0, base = 0, all = 0;
    size_t first = 0;
    for (size_t b = 0; b < p->blocks; b++) {
        size_t n = p->kept / p->blocks + (b < p->kept % p->blocks);
        if (hear(p, b, e)) return -1;
        add_block(t, roi, p, first, n, work);
        model += block_squares(p->signal, 3, first, n);
        base += block_squares(p->signal + 1, 3, first, n);
        all += block_squares(p->signal + 2, 3, first, n);
        for (size_t s = 0; s < DRAWS; s++) all += block_squares(p->rest + s, DRAWS, first, n) / DRAWS / (double)p->people;
        first += n;
    }
    t->r2_model[roi] = model / all;
    t->r2_baseline[roi] = base / all;
    return 0;
}

static int fill_ceilings(simulated_truth *t, const design *x, const simulation *q, err *e)
{
    size_t n = x->n, kept = n - q->drop_start, rois = t->rois, skip = q->drop_start, blocks = q->filter_blocks ? q->filter_blocks : 1;
    double *part = mem_new(kept * 3, sizeof *part, e), *rest = mem_new(kept * DRAWS, sizeof *rest, e);
    double *work = mem_new(3 * kept, sizeof *work, e), *walks = mem_new(DRAWS * kept * MOTION, sizeof *walks, e);
    double *heard = mem_new(kept * DRAWS, sizeof *heard, e), a = sqrt(q->shares.model), b = sqrt(q->shares.baseline);
    uint8_t *train = mem_new(kept, 1, e);
    int32_t *block = NULL;
    int status = -1;
    if (!part || !rest || !work || !walks || !heard || !train || block_rows(&block, kept, blocks, e)) goto done;
    if (draw_rest(rest, walks, x, q, block, kept, e)) goto done;
    for (size_t r = 0; r < rois; r++) {
        for (size_t i = 0; i < kept; i++) {
            part[i * 3] = a * t->model[(i + skip) * rois + r];
            part[i * 3 + 1] = b * t->baseline[(i + skip) * rois + r];
            part[i * 3 + 2] = part[i * 3] + part[i * 3 + 1];
        }
        if (q->highpass_s > 0 && highpass(part, kept, 3, block, q->tr_s, q->highpass_s, e)) goto done;
        listeners p = { part, rest, walks, block, kept, blocks, q->subjects, q->motion_removed, heard, train };
        if (fill_roi(t, r, &p, work, e)) goto done;
    }
    status = 0;
done:
    free(part);
    free(rest);
    free(work);
    free(walks);
    free(heard);
    free(train);
    free(block);
    return status;
}

static int fill_presentations(responses *r, const stimuli *x, const design *q, err *e)
{
    char name[32];
    if (q->tr > 0 && !(r->onset = arena_get(r->memory, r->n * sizeof *r->onset, e))) return -1;
    if (q->tr > 0) r->tr = q->tr;
    for (size_t i = 0; i < r->n; i++) {
        if (q->tr > 0) {
            r->onset[i] = q->onset[i];
            snprintf(name, sizeof name, "volume%zu", i);
        }
        const char *id = q->tr > 0 ? name : x->id[i];
        if (!(r->id[i] = arena_text(r->memory, id, strlen(id), e))) return -1;
    }
    if (q->tr > 0 || !x->group) return 0;
    if (!(r->group = arena_get(r->memory, (r->n + 1) * sizeof *r->group, e))) return -1;
    for (size_t i = 0; i < r->n; i++)
        if (!(r->group[i] = arena_text(r->memory, x->group[i], strlen(x->group[i]), e))) return -1;
    return 0;
}

static int add_motion(responses *r, const char *subject, const double *walks, err *e)
{
    confound *c = &r->confounds[r->n_confounds++];
    c->name = arena_text(r->memory, "motion", 6, e);
    c->subject = arena_text(r->memory, subject, strlen(subject), e);
    c->k = MOTION;
    c->at = arena_get(r->memory, r->n * MOTION * sizeof *c->at, e);
    if (!c->name || !c->subject || !c->at) return -1;
    memcpy(c->at, walks, r->n * MOTION * sizeof *walks);
    return 0;
}

static int fill_subject(responses *r, size_t number, const simulated_truth *t, const design *x, const simulation *q,
                        double *part, double *walks, err *e)
{
    const simulated_shares *s = &q->shares;
    uint32_t subject = (uint32_t)(q->first_subject + number);
    double left = 1 - s->model - s->baseline - s->specific - s->motion;
    char name[32], roi[32];
    size_t rois = t->rois;
    snprintf(name, sizeof name, "sim%u", subject);
    motion(walks, x->n, q->seed, subject);
    for (size_t j = 0; j < rois; j++) {
        size_t column = number * rois + j;
        snprintf(roi, sizeof roi, "roi%zu", j + 1);
        if (responses_label(r, column, name, roi, (int32_t)j, e)) return -1;
        noise(part, x->n, q->ar, q->seed, (uint32_t)j, subject);
        mixture(part + x->n, x, q->seed, (uint32_t)j, subject);
        moved(part + 2 * x->n, walks, x->n, q->seed, (uint32_t)j, subject);
        for (size_t i = 0; i < x->n; i++)
            r->data[i * r->v + column] = (float)(sqrt(s->model) * t->model[i * rois + j] +
                sqrt(s->baseline) * t->baseline[i * rois + j] + sqrt(s->specific) * part[x->n + i] +
                sqrt(s->motion) * part[2 * x->n + i] + sqrt(left > 0 ? left : 0) * part[i]);
    }
    return x->tr > 0 ? add_motion(r, name, walks, e) : 0;
}

static int fill(responses *r, const simulated_truth *t, const design *x, const simulation *q, err *e)
{
    double *part = mem_new(x->n * 3, sizeof *part, e), *walks = mem_new(x->n * MOTION, sizeof *walks, e);
    int status = part && walks ? 0 : -1;
    r->confounds = arena_get(r->memory, q->subjects * sizeof *r->confounds, e);
    if (!r->confounds) status = -1;
    for (size_t s = 0; s < q->subjects && !status; s++) status = fill_subject(r, s, t, x, q, part, walks, e);
    free(part);
    free(walks);
    return status;
}

static void plant(simulated_truth *t, const design *x, uint64_t seed, double *column)
{
    for (size_t j = 0; j < t->rois; j++) {
        mixture(column, x, seed, (uint32_t)j, 0);
        for (size_t i = 0; i < x->n; i++) {
            t->model[i * t->rois + j] = column[i];
            t->baseline[i * t->rois + j] = x->base[i];
        }
    }
}

int simulate_responses(responses **out, simulated_truth **truth, const stimuli *x, const float *features, size_t rows, size_t d,
                       const simulation *q, err *e)
{
    design made = { 0 };
    responses *r = NULL;
    simulated_truth *t = NULL;
    double *column = NULL;
    arena *a = NULL;
    int status = -1;
    if (check(q, e) || !(a = arena_new(e))) goto done;
    if (design_make(&made, x, features, rows, d, q->tr_s, a, e)) goto done;
    if (q->drop_start + 8 > made.n || made.n - q->drop_start < 4 * q->filter_blocks) {
        err_set(e, ERR_USAGE, "%zu of %zu rows dropped leave too few for %zu blocks", q->drop_start, made.n, q->filter_blocks);
        goto done;
    }
    if (truth_new(&t, made.n, q->neuroids, e) || !(column = mem_new(made.n, sizeof *column, e))) goto done;
    plant(t, &made, q->seed, column);
    if (fill_ceilings(t, &made, q, e)) goto done;
    if (!(r = responses_make(made.n, q->subjects * q->neuroids, e))) goto done;
    if (fill_presentations(r, x, &made, e) || fill(r, t, &made, q, e)) goto done;
    *out = r;
    *truth = t;
    r = NULL;
    t = NULL;
    status = 0;
done:
    if (status) err_while(e, "simulating responses");
    free(column);
    responses_free(r);
    simulated_truth_free(t);
    arena_free(a);
    return status;
}

int simulated_truth_put(store *s, const simulated_truth *t, const simulation *q, err *e)
{
    store_shape_t shape;
    if (store_put_f8(s, "truth/ceiling_single", t->ceiling_single, t->rois, e) ||
        store_put_f8(s, "truth/ceiling_group", t->ceiling_group, t->rois, e) ||
        store_put_f8(s, "truth/pairwise_r", t->pairwise, t->rois, e) ||
        store_put_f8(s, "truth/r2_model", t->r2_model, t->rois, e) ||
        store_put_f8(s, "truth/r2_baseline", t->r2_baseline, t->rois, e))
        return -1;
    if (store_shape(s, "data", &shape, e)) return -1;
    const size_t dims[2] = { shape.dims[0], t->rois };
    if (store_write_f8(s, "truth/model", 2, dims, t->model, e) || store_write_f8(s, "truth/baseline", 2, dims, t->baseline, e))
        return -1;
    return store_set_real(s, "truth", "share_model", q->shares.model, e) ||
                   store_set_real(s, "truth", "share_baseline", q->shares.baseline, e) ||
                   store_set_real(s, "truth", "share_specific", q->shares.specific, e) ||
                   store_set_real(s, "truth", "share_motion", q->shares.motion, e) ||
                   store_set_real(s, "truth", "ar", q->ar, e)
               ? -1 : 0;
}
