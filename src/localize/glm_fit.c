/* SPDX-License-Identifier: MIT */
/* Least squares of many voxels on one design, with or without AR(1) noise. Voxels with the same rho (to hundredths) share a
 * whitened design and its pseudo-inverse; every voxel's sums run over time in order, so no thread count changes a bit. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "broca/glm.h"

enum { BLOCK = 256, SIDE = 100 }; /* rho from -SIDE to SIDE hundredths */

typedef struct {
    size_t n, p, rank;
    double *back;       /* [p×n] pseudo-inverse */
    double *covariance; /* [p×p] */
    double *space;      /* [p×p] or NULL */
} solver;

static void whiten(double *out, const double *x, size_t n, size_t p, double rho)
{
    memcpy(out, x, p * sizeof *out);
    for (size_t i = 1; i < n; i++)
        for (size_t j = 0; j < p; j++) out[i * p + j] = x[i * p + j] - rho * x[(i - 1) * p + j];
}

/* By the singular values of the design with columns of length 1: those below max(n, p)·eps of the largest count as zero. */
static int solver_make(solver *s, const double *x, double rho, double *rows, err *e)
{
    size_t n = s->n, p = s->p, r = n < p ? n : p;
    double *a = mem_new(n * p, sizeof *a, e), *u = mem_new(n * r, sizeof *u, e), *values = mem_new(r, sizeof *values, e);
    double *vt = mem_new(r * p, sizeof *vt, e), *length = mem_new(p, sizeof *length, e);
    int status = -1;
    if (!a || !u || !values || !vt || !length) goto done;
    whiten(a, x, n, p, rho);
    for (size_t j = 0; j < p; j++) {
        double square = 0;
        for (size_t i = 0; i < n; i++) square += a[i * p + j] * a[i * p + j];
        length[j] = square > 0 ? sqrt(square) : 1;
        for (size_t i = 0; i < n; i++) a[i * p + j] /= length[j];
    }
    if (svd_thin(n, p, a, u, values, vt, e)) goto done;
    s->rank = 0;
    for (size_t k = 0; k < r; k++) s->rank += values[k] > values[0] * (double)(n > p ? n : p) * 2.3e-16;
    for (size_t j = 0; j < p; j++) {
        for (size_t i = 0; i < n; i++) {
            double sum = 0;
            for (size_t k = 0; k < s->rank; k++) sum += vt[k * p + j] / values[k] * u[i * r + k];
            s->back[j * n + i] = sum / length[j];
        }
        for (size_t l = 0; l < p; l++) {
            double sum = 0, same = 0;
            for (size_t k = 0; k < s->rank; k++) {
                sum += vt[k * p + j] * vt[k * p + l] / (values[k] * values[k]);
                same += vt[k * p + j] * vt[k * p + l];
            }
            s->covariance[j * p + l] = sum / (length[j] * length[l]);
            if (rows) rows[j * p + l] = same * length[l] / length[j];
        }
    }
    status = 0;
done:
    free(a);
    free(u);
    free(values);
    free(vt);
    free(length);
    return status;
}

typedef struct {
    const double *x;
    const float *y4;
    const double *y8;
    size_t stride, n, p, v;
    const solver *solvers;
    const int32_t *bin;  /* solver of each voxel; NULL: the first */
    glm_fit *f;
    double *lag[5];      /* [v] of residuals: sum of squares, of neighbours' products, sum, first, last; NULL: not wanted */
} pass;

/* One voxel: y [n] as measured; w [n] and xw [n×p] are room. */
static void fit_voxel(const pass *q, size_t j, const double *y, double *w, double *residual)
{
    size_t n = q->n, p = q->p, bin = q->bin ? (size_t)q->bin[j] : 0;
    const solver *s = &q->solvers[bin];
    double rho = q->bin ? q->f->binned[j] : 0, sse = 0, *beta = q->f->beta;
    w[0] = y[0];
    for (size_t i = 1; i < n; i++) w[i] = y[i] - rho * y[i - 1];
    for (size_t k = 0; k < p; k++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) sum += s->back[k * n + i] * w[i];
        beta[k * q->v + j] = sum;
    }
    for (size_t i = 0; i < n; i++) {
        double fitted = 0;
        for (size_t k = 0; k < p; k++) fitted += (q->x[i * p + k] - (i ? rho * q->x[(i - 1) * p + k] : 0)) * beta[k * q->v + j];
        residual[i] = w[i] - fitted;
        sse += residual[i] * residual[i];
    }
    q->f->dispersion[j] = sse / q->f->dof;
    if (!q->lag[0]) return;
    double product = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += residual[i];
        if (i) product += residual[i] * residual[i - 1];
    }
    q->lag[0][j] = sse;
    q->lag[1][j] = product;
    q->lag[2][j] = sum;
    q->lag[3][j] = residual[0];
    q->lag[4][j] = residual[n - 1];
}

static bool usable(const double *y, size_t n)
{
    return isfinite(sum_f8(y, n)) && !column_constant(y, n, 1, NULL);
}

static int run_pass(const pass *q, err *e)
{
    size_t n = q->n, blocks = (q->v + BLOCK - 1) / BLOCK, threads = (size_t)threads_count(), room = (BLOCK + 2) * n;
    double *all = mem_new(threads, room * sizeof *all, e);
    if (!all) return -1;
#pragma omp parallel for schedule(dynamic) num_threads(threads_count())
    for (size_t b = 0; b < blocks; b++) {
        double *y = all + (size_t)omp_get_thread_num() * room, *w = y + BLOCK * n, *residual = w + n;
        size_t first = b * BLOCK, width = q->v - first < BLOCK ? q->v - first : BLOCK;
        for (size_t i = 0; i < n; i++) /* rows as they lie, columns as they are needed */
            for (size_t j = 0; j < width; j++) {
                size_t at = i * q->stride + first + j;
                y[j * n + i] = q->y4 ? (double)q->y4[at] : q->y8[at];
            }
        for (size_t j = 0; j < width; j++) {
            if (usable(y + j * n, n)) {
                fit_voxel(q, first + j, y + j * n, w, residual);
                continue;
            }
            for (size_t k = 0; k < q->p; k++) q->f->beta[k * q->v + first + j] = NAN;
            q->f->dispersion[first + j] = NAN;
            for (size_t k = 0; k < 5 && q->lag[0]; k++) q->lag[k][first + j] = NAN;
        }
    }
    free(all);
    return 0;
}

/* Residuals less the mean of all of them (of all voxels: nilearn's), then rho of lag 1 over lag 0, each over its own count. */
static void estimate(glm_fit *f, double *const lag[5])
{
    double total = 0, n = (double)f->n, count = 0;
    for (size_t j = 0; j < f->v; j++)
        if (isfinite(lag[2][j])) {
            total += lag[2][j];
            count += n;
        }
    double m = count > 0 ? total / count : 0;
    for (size_t j = 0; j < f->v; j++) {
        double zero = lag[0][j] - 2 * m * lag[2][j] + n * m * m;
        double one = lag[1][j] - m * (2 * lag[2][j] - lag[3][j] - lag[4][j]) + (n - 1) * m * m;
        f->rho[j] = (one / (n - 1)) / (zero / n);
        f->binned[j] = isfinite(f->rho[j]) ? trunc(fmax(-1, fmin(1, f->rho[j])) * SIDE) / SIDE : 0;
        f->bin[j] = (int32_t)lrint(f->binned[j] * SIDE) + SIDE;
    }
}

static void solver_free(solver *s)
{
    free(s->back);
    free(s->covariance);
}

/* A solver for every rho that occurs; f->bin becomes its number. */
static int solvers_make(solver **out, glm_fit *f, const double *x, err *e)
{
    int32_t number[2 * SIDE + 1];
    size_t used = 0;
    solver *s = mem_new(2 * SIDE + 1, sizeof *s, e);
    *out = s;
    if (!s) return -1;
    memset(number, -1, sizeof number);
    for (int k = 0; k <= 2 * SIDE; k++) {
        bool there = false;
        for (size_t j = 0; j < f->v && !there; j++) there = f->bin[j] == k;
        if (!there) continue;
        solver *one = &s[used];
        *one = (solver){ .n = f->n, .p = f->p };
        number[k] = (int32_t)used++;
        if (!(one->back = mem_new(f->p * f->n, sizeof *one->back, e)) || !(one->covariance = mem_new(f->p * f->p, sizeof *one->covariance, e)) ||
            solver_make(one, x, (double)(k - SIDE) / SIDE, used == 1 ? f->space : NULL, e))
            return -1;
    }
    f->bins = used;
    for (size_t j = 0; j < f->v; j++) f->bin[j] = number[f->bin[j]];
    return 0;
}

static int keep_covariances(glm_fit *f, const solver *s, err *e)
{
    free(f->covariance);
    if (!(f->covariance = mem_new(f->bins * f->p * f->p, sizeof *f->covariance, e))) return -1;
    for (size_t b = 0; b < f->bins; b++) memcpy(f->covariance + b * f->p * f->p, s[b].covariance, f->p * f->p * sizeof *f->covariance);
    return 0;
}

static void solvers_free(solver *s)
{
    for (size_t k = 0; s && k <= 2 * SIDE; k++) solver_free(&s[k]);
    free(s);
}

static glm_fit *fit_new(size_t n, size_t p, size_t v, err *e)
{
    glm_fit *f = mem_new(1, sizeof *f, e);
    if (!f) return NULL;
    f->n = n;
    f->p = p;
    f->v = v;
    f->beta = mem_new(p * v, sizeof *f->beta, e);
    f->dispersion = mem_new(v, sizeof *f->dispersion, e);
    f->rho = mem_new(v, sizeof *f->rho, e);
    f->binned = mem_new(v, sizeof *f->binned, e);
    f->bin = mem_new(v, sizeof *f->bin, e);
    f->space = mem_new(p * p, sizeof *f->space, e);
    if (f->beta && f->dispersion && f->rho && f->binned && f->bin && f->space) return f;
    glm_fit_free(f);
    return NULL;
}

static int check_design(const double *x, size_t n, size_t p, err *e)
{
    for (size_t k = 0; k < n * p; k++)
        if (!isfinite(x[k])) return err_set(e, ERR_INPUT, "the design holds %g at row %zu, column %zu", x[k], k / p, k % p);
    return n > p ? 0 : err_set(e, ERR_INPUT, "%zu rows for a design of %zu columns", n, p);
}

int glm_fit_run(glm_fit **out, const double *x, size_t n, size_t p, const float *y4, const double *y8, size_t stride, size_t v, noise_kind noise,
                err *e)
{
    glm_fit *f = NULL;
    solver *s = NULL;
    double *lags = NULL;
    int status = -1;
    *out = NULL;
    if (check_design(x, n, p, e) || !(f = fit_new(n, p, v, e))) goto done;
    for (size_t j = 0; j < v; j++) f->bin[j] = SIDE;
    if (solvers_make(&s, f, x, e)) goto done;
    f->rank = s[0].rank;
    f->dof = (double)n - (double)f->rank;
    pass q = { .x = x, .y4 = y4, .y8 = y8, .stride = stride, .n = n, .p = p, .v = v, .solvers = s, .f = f };
    if (noise == NOISE_AR1) {
        if (!(lags = mem_new(5 * v, sizeof *lags, e))) goto done;
        for (size_t k = 0; k < 5; k++) q.lag[k] = lags + k * v;
    }
    if (run_pass(&q, e)) goto done;
    if (noise == NOISE_AR1) {
        estimate(f, q.lag);
        solvers_free(s);
        s = NULL;
        if (solvers_make(&s, f, x, e)) goto done;
        memset(q.lag, 0, sizeof q.lag);
        q.solvers = s;
        q.bin = f->bin;
        if (run_pass(&q, e)) goto done;
    }
    if (keep_covariances(f, s, e)) goto done;
    *out = f;
    f = NULL;
    status = 0;
done:
    solvers_free(s);
    free(lags);
    glm_fit_free(f);
    return status;
}

int glm_contrast(const glm_fit *f, const double *c, double *effect, double *variance, err *e)
{
    size_t p = f->p;
    double size = 0;
    for (size_t j = 0; j < p; j++) size = fmax(size, fabs(c[j]));
    for (size_t j = 0; j < p; j++) { /* c must be a combination of the design's rows: c = c·P */
        double sum = 0;
        for (size_t k = 0; k < p; k++) sum += c[k] * f->space[k * p + j];
        if (fabs(sum - c[j]) <= 1e-6 * size) continue;
        err_set(e, ERR_INPUT, "the design cannot tell this contrast: its columns depend on one another (rank %zu of %zu)", f->rank, p);
        return err_hint(e, "conditions without events in a run, or that always come together, have no effect of their own");
    }
    for (size_t j = 0; j < f->v; j++) {
        const double *covariance = f->covariance + (size_t)f->bin[j] * p * p;
        double sum = 0, square = 0;
        for (size_t k = 0; k < p; k++) {
            if (c[k] == 0) continue;
            sum += c[k] * f->beta[k * f->v + j];
            for (size_t l = 0; l < p; l++) square += c[k] * covariance[k * p + l] * c[l];
        }
        effect[j] = sum;
        variance[j] = square * f->dispersion[j];
    }
    return 0;
}

int glm_f(const glm_fit *f, const double *c, size_t q, double *F, err *e)
{
    size_t p = f->p;
    double *m = mem_new(q * q, sizeof *m, e), *b = mem_new(q, sizeof *b, e), *x = mem_new(q, sizeof *x, e);
    int status = -1;
    if (!m || !b || !x) goto done;
    for (size_t j = 0; j < f->v; j++) {
        const double *covariance = f->covariance + (size_t)f->bin[j] * p * p;
        for (size_t r = 0; r < q; r++) {
            b[r] = 0;
            for (size_t k = 0; k < p; k++) b[r] += c[r * p + k] * f->beta[k * f->v + j];
            x[r] = b[r];
            for (size_t s = 0; s < q; s++) {
                m[r * q + s] = 0;
                for (size_t k = 0; k < p; k++)
                    for (size_t l = 0; l < p; l++) m[r * q + s] += c[r * p + k] * covariance[k * p + l] * c[s * p + l];
            }
        }
        if (solve_positive(q, m, 1, x, e)) goto done;
        double sum = 0;
        for (size_t r = 0; r < q; r++) sum += b[r] * x[r];
        F[j] = sum / (double)q / f->dispersion[j];
    }
    status = 0;
done:
    free(m);
    free(b);
    free(x);
    return status;
}

void glm_fit_free(glm_fit *f)
{
    if (!f) return;
    double *owned[] = { f->beta, f->dispersion, f->rho, f->binned, f->covariance, f->space };
    for (size_t k = 0; k < sizeof owned / sizeof *owned; k++) free(owned[k]);
    free(f->bin);
    free(f);
}
