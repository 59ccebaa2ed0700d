/* SPDX-License-Identifier: MIT */
/* What a run takes at its peak, and --memory: responses whole where they fit, else read from their file in blocks; the
 * bytes of the product are the same. */
#include <math.h>

#include "sets.h"

/* Of one job: its features, the work on its fold, and what it gives until that is kept. */
static double job_bytes(const run_size *s, const fit_set *f, size_t threads)
{
    const encode_options *o = s->o;
    size_t t = s->n / s->folds;
    nested_size size = { s->n,     s->n - t,   t,           f->p,
                         s->out_v, f->n_bands, o->n_alphas, o->n_gammas ? o->n_gammas : o->candidates,
                         s->inner };
    double f8 = sizeof(double), v = (double)s->out_v, n = (double)s->n, B = (double)s->blocks, h = (double)s->held_v;
    double column = sizeof(fit_score) + (2 + (double)f->n_bands) * f8 + (double)o->n_alphas * (f8 + sizeof(int32_t)) +
                    (o->save_inner ? (double)o->n_alphas * f8 : 0);
    double held =
        B > 0 ? h * ((1 + B) * sizeof(fit_score) + B * sizeof(part_sums)) + n * n * (2 + (double)o->n_alphas / B) * f8
              : 0;
    return n * (double)f->p * f8 + nested_memory(&size, threads) + v * column + held;
}

/* Tables of a set: per fold, per neuroid. What --save asks for is in a file. */
static double set_bytes(const run_size *s, const fit_set *f)
{
    double f8 = sizeof(double), F = (double)s->folds, B = (double)s->blocks, banded = f->n_bands > 1 ? 1 : 0;
    double column = F * (6 * f8 + sizeof(product_sums) + banded * (sizeof(int32_t) + (double)f->n_bands * f8)) + 4 * f8;
    double held = B > 0 ? (double)s->held_v * F * ((1 + B) * sizeof(held_score) + B * sizeof(part_sums)) : 0;
    return (double)s->out_v * column + held;
}

/* A block of 256 neuroids on its way from that file to the product. */
static double put_bytes(const run_size *s, const fit_set *f)
{
    const encode_options *o = s->o;
    double most = o->save_prediction ? (double)s->all * 2 * sizeof(float) : 0;
    if (o->save_weight) most = fmax(most, (double)f->p * 2 * sizeof(float));
    if (o->save_inner) most = fmax(most, (double)((s->folds + 1) * o->n_alphas) * sizeof(double));
    return most * BLOCK_OF_RESPONSES;
}

run_memory memory_of(const run_size *s)
{
    enum { NAMES = 150 }; /* bytes a neuroid */
    double n = (double)s->n, v = (double)s->v, f8 = sizeof(double), job = 0, put = 0, threads = threads_count();
    bool side_by_side = s->out_v < JOBS_SIDE_BY_SIDE; /* a thread each */
    run_memory m = { .results = (double)s->out_v * ((double)s->folds * f8 + NAMES) };
    for (size_t i = 0; i < s->n_fits; i++) {
        job = fmax(job, job_bytes(s, &s->fits[i], side_by_side ? 1 : (size_t)threads));
        put = fmax(put, put_bytes(s, &s->fits[i]));
        m.results += set_bytes(s, &s->fits[i]) * (s->blocks || s->o->n_null ? 2 : 1); /* and the layers chosen */
    }
    m.fold = fmax(side_by_side ? job * fmin(threads, (double)(s->n_fits * s->folds)) : job, put);
    m.blocks = threads * n * BLOCK_OF_RESPONSES * (sizeof(float) + f8);
    m.responses = n * v * f8 + m.blocks;
    if (s->at_once)
        m.responses += n * v * f8 + (double)s->folds * n * (double)s->out_v * f8 +
                       (s->o->jackknife ? (double)s->folds * n * (double)s->held_v * f8 : 0);
    return m;
}

int memory_obey(bool *blocks, const run_size *s, const responses *r, size_t limit, err *e)
{
    const double libraries = 12e6; /* what BLAS and HDF5 take once they work */
    run_memory m = memory_of(s);
    bool whole_only = s->at_once || r->data;
    double there = (double)clock_peak_bytes() + libraries + m.fold + m.results, whole = there + m.responses,
           least = whole_only ? whole : there + m.blocks;
    *blocks = whole > (double)limit;
    if (least <= (double)limit) {
        if (*blocks) log_info("responses are read in blocks: whole, the run would take %.0f MB", whole / 1e6);
        return 0;
    }
    err_set(e, ERR_USAGE, "the run takes %.0f MB at its peak%s, --memory allows %.0f MB", least / 1e6,
            whole_only ? "" : " even with responses in blocks", (double)limit / 1e6);
    return err_hint(e, whole_only ? "the group, --add-mean, --confounds and --null need all responses at once"
                                  : "fewer --threads or features take less");
}
