/* SPDX-License-Identifier: MIT */
/* How many subjects and how long a recording an honest interval needs: simulated studies of a plan, each analysed as it will be. */
#include <math.h>
#include <stdlib.h>

#include "broca/simulate.h"

/* Variance of the mean of S subjects whose pairs correlate with isc. */
static double group_variance(double isc, size_t subjects)
{
    return isc + (1 - isc) / (double)subjects;
}

static int design_of(study_design *d, const power_plan *p, size_t subjects, err *e)
{
    double isc = p->ceiling * p->ceiling, variance = group_variance(isc, p->subjects[0]);
    double model = p->delta_r2 * variance, base = p->baseline_r2 * variance;
    if (!(p->ceiling > 0 && p->ceiling < 1)) return err_set(e, ERR_USAGE, "a ceiling of %g is none: r of a perfect model with one subject", p->ceiling);
    if (!(p->delta_r2 >= 0 && p->baseline_r2 >= 0)) return err_set(e, ERR_USAGE, "shares of variance are at least 0");
    if (model + base > isc) {
        err_set(e, ERR_USAGE, "Delta R2 %g and the baseline's %g of the mean of %zu subjects are more than the ceiling allows", p->delta_r2,
                p->baseline_r2, p->subjects[0]);
        return err_hint(e, "with a ceiling of %g their sum is at most %.3f", p->ceiling, isc / variance);
    }
    *d = study_defaults();
    d->subjects = subjects;
    d->rows = p->rows;
    d->runs = p->runs;
    d->tr_s = p->tr_s;
    d->per_group = p->per_group;
    d->width = p->width;
    d->shared = model + base;
    d->stimulus = isc - model - base;
    d->explained_by_baseline = model + base > 0 ? base / (model + base) : 0;
    d->group = true;
    d->seed = p->seed;
    return 0;
}

/* Wilson's interval of a share. */
static void share_interval(power_row *r, double n)
{
    double z = normal_quantile(.975), centre = (r->power + z * z / (2 * n)) / (1 + z * z / n);
    double half = z / (1 + z * z / n) * sqrt(r->power * (1 - r->power) / n + z * z / (4 * n * n));
    r->lo = fmax(0, centre - half);
    r->hi = fmin(1, centre + half);
}

static int estimate(power_row *r, const power_plan *p, size_t subjects, err *e)
{
    study_design d;
    study_plan *plan = NULL;
    int failed = 0, status = -1;
    double n = (double)p->studies;
    study_result *list = mem_new(p->studies + 1, sizeof *list, e);
    progress bar;
    *r = (power_row){ .subjects = subjects };
    if (!list || design_of(&d, p, subjects, e) || study_plan_new(&plan, &d, e)) goto done;
    progress_start(&bar, "studies", p->studies);
#pragma omp parallel for schedule(dynamic, 4) num_threads(threads_count())
    for (size_t i = 0; i < p->studies; i++) {
        err own = { 0 };
        int stop;
#pragma omp atomic read
        stop = failed;
        if (stop) continue;
        if (interrupted()) err_set(&own, ERR_INTERRUPTED, "interrupted at study %zu of %zu", i + 1, p->studies);
        else study_run(&list[i], plan, (uint32_t)i, &own);
        progress_step(&bar, 1);
        if (!own.kind) continue;
#pragma omp critical(broca_power)
        {
            if (!failed) *e = own;
            failed = 1;
        }
    }
    progress_end(&bar);
    if (failed) goto done;
    for (size_t i = 0; i < p->studies; i++) {
        r->power += (list[i].delta.lo > 0) / n;
        r->mean_delta += list[i].delta.theta / n;
        r->mean_width += (list[i].delta.hi - list[i].delta.lo) / n;
    }
    share_interval(r, n);
    status = 0;
done:
    study_plan_free(plan);
    free(list);
    return status;
}

int power_estimate(power_row *rows, const power_plan *p, err *e)
{
    if (!p->n_subjects || !p->studies) return err_set(e, ERR_USAGE, "power needs numbers of subjects and of studies");
    for (size_t i = 0; i < p->n_subjects; i++)
        if (estimate(&rows[i], p, p->subjects[i], e)) return err_while(e, "planning with %zu subjects", p->subjects[i]);
    return 0;
}
