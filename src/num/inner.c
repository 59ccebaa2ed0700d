/* SPDX-License-Identifier: MIT */
/* Inner scores of every alpha, and the choice among them (CONTRACT "Encoding rules"). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ridge.h"

/* One panel of responses: training part centred on its own mean, validation part as it is. */
typedef struct {
    double *train, *valid; /* [n×PANEL], [m×PANEL] */
    double *z, *scaled;    /* [r×PANEL] */
    double *prediction;    /* [m×PANEL], about the training mean */
    double mean[PANEL], sd[PANEL];
} panel;

static void panel_free(panel *p)
{
    free(p->train);
    free(p->valid);
    free(p->z);
    free(p->scaled);
    free(p->prediction);
}

static int panel_space(panel *p, const factor *f, err *e)
{
    p->train = mem_new(f->n * PANEL, sizeof(double), e);
    p->valid = mem_new(f->m * PANEL, sizeof(double), e);
    p->z = mem_new(f->r * PANEL, sizeof(double), e);
    p->scaled = mem_new(f->r * PANEL, sizeof(double), e);
    p->prediction = mem_new(f->m * PANEL, sizeof(double), e);
    return p->train && p->valid && p->z && p->scaled && p->prediction ? 0 : -1;
}

/* Columns [first, first + width) of y; the rest of the panel is zero. */
static void panel_fill(panel *p, const factor_plan *plan, const double *y, size_t v, size_t first, size_t width)
{
    memset(p->train, 0, plan->n * PANEL * sizeof(double));
    memset(p->valid, 0, plan->m * PANEL * sizeof(double));
    for (size_t i = 0; i < plan->n; i++)
        memcpy(p->train + i * PANEL, y + plan->train[i] * v + first, width * sizeof(double));
    for (size_t i = 0; i < plan->m; i++)
        memcpy(p->valid + i * PANEL, y + plan->predict[i] * v + first, width * sizeof(double));
    column_means(p->mean, p->train, plan->n, PANEL);
    for (size_t j = 0; j < PANEL; j++) {
        double sum = 0;
        for (size_t i = 0; i < plan->n; i++) {
            double d = p->train[i * PANEL + j] -= p->mean[j];
            sum += d * d;
        }
        p->sd[j] = sqrt(sum / (double)plan->n);
    }
}

static void panel_predict(panel *p, const factor *f, double alpha)
{
    for (size_t i = 0; i < f->r; i++) {
        double d = factor_shrink(f, i, alpha);
        for (size_t j = 0; j < PANEL; j++) p->scaled[i * PANEL + j] = d * p->z[i * PANEL + j];
    }
    gemm_f8(false, false, f->m, PANEL, f->r, 1, f->apply, f->r, p->scaled, PANEL, 0, p->prediction, PANEL);
    for (size_t i = 0; i < f->m; i++)
        for (size_t j = 0; j < PANEL; j++) p->prediction[i * PANEL + j] += p->mean[j];
}

static double one_score(const panel *p, size_t m, size_t j, select_by select)
{
    if (select == SELECT_MSE) {
        double sum = 0;
        for (size_t i = 0; i < m; i++) {
            double d = p->valid[i * PANEL + j] - p->prediction[i * PANEL + j];
            sum += d * d;
        }
        return -sum / (double)m;
    }
    fit_score s = score_fold(p->valid + j, p->prediction + j, m, PANEL, p->mean[j], p->sd[j]);
    return select == SELECT_R2 ? s.r2 : s.r;
}

int inner_scores(double *sum, int32_t *count, const factor *f, const factor_plan *plan, const nested_problem *q,
                 const double *y, err *e)
{
    panel p = { 0 };
    int status = -1;
    if (panel_space(&p, f, e)) goto done;
    for (size_t first = 0; first < q->v; first += PANEL) {
        size_t width = q->v - first < PANEL ? q->v - first : PANEL;
        panel_fill(&p, plan, y, q->v, first, width);
        gemm_f8(true, false, f->r, PANEL, f->n, 1, f->left, f->r, p.train, PANEL, 0, p.z, PANEL);
        for (size_t a = 0; a < q->n_alphas; a++) {
            panel_predict(&p, f, q->alphas[a]);
            for (size_t j = 0; j < width; j++) {
                double score = one_score(&p, f->m, j, q->select);
                size_t at = a * q->v + first + j;
                if (isnan(score)) continue;
                sum[at] += score;
                count[at]++;
            }
        }
    }
    status = 0;
done:
    panel_free(&p);
    return status;
}

static double slack(double best, select_by select)
{
    return select == SELECT_MSE ? 1e-12 * fabs(best) : 1e-12;
}

size_t choose_alpha(const double *score, size_t stride, const double *alphas, size_t n, select_by select, double *best)
{
    size_t chosen = 0;
    *best = NAN;
    for (size_t a = 0; a < n; a++)
        if (!isnan(score[a * stride]) && !(score[a * stride] <= *best)) *best = score[a * stride];
    if (isnan(*best)) { /* nothing to choose by: the largest alpha */
        for (size_t a = 1; a < n; a++)
            if (alphas[a] > alphas[chosen]) chosen = a;
        return chosen;
    }
    double least = *best - slack(*best, select), largest = -1;
    for (size_t a = 0; a < n; a++)
        if (score[a * stride] >= least && alphas[a] > largest) {
            largest = alphas[a];
            chosen = a;
        }
    *best = score[chosen * stride];
    return chosen;
}

bool beats(double score, double best, select_by select)
{
    if (isnan(score)) return false;
    return isnan(best) || score > best + slack(best, select);
}
