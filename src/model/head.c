/* SPDX-License-Identifier: MIT */
/* The output head: logits, and the surprisal of each token given those before it. */
#include <math.h>
#include <omp.h>

#include "broca/num.h"
#include "inside.h"

void head_rows(const model *m, const float *h, float *logits)
{
    size_t d = m->config.width, v = m->config.vocabulary;
    gemm_f4(false, true, HEAD_ROWS, v, d, 1, h, d, m->head, d, 0, logits, v);
}

/* -ln softmax(logits)[id]; the sum in fp64. */
static float surprisal(const float *logits, size_t n, int32_t id)
{
    float most = logits[0];
    double sum = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > most) most = logits[i];
    for (size_t i = 0; i < n; i++) sum += (double)expf(logits[i] - most);
    return (float)(log(sum) + (double)most - (double)logits[id]);
}

/* h holds the normed last layer; row r of a sequence tells what comes at r + 1. */
static void nll_block(const pass *p, size_t first, float *const *nll, float *logits)
{
    size_t s = 0, v = p->m->config.vocabulary;
    head_rows(p->m, p->h + first * p->m->config.width, logits);
    for (size_t i = 0; i < HEAD_ROWS && first + i < p->rows; i++) {
        while (first + i >= p->begin[s] + p->length[s]) s++;
        size_t t = first + i - p->begin[s];
        if (t + 1 < p->length[s]) nll[s][t + 1] = surprisal(logits + i * v, v, p->ids[s][t + 1]);
    }
}

void head_nll(const pass *p, float *const *nll)
{
    long blocks = (long)((p->rows + HEAD_ROWS - 1) / HEAD_ROWS);
    for (size_t s = 0; s < p->n; s++) nll[s][0] = NAN;
#pragma omp parallel for schedule(dynamic) num_threads(threads_count())
    for (long b = 0; b < blocks; b++) nll_block(p, (size_t)b * HEAD_ROWS, nll, p->scratch[omp_get_thread_num()]);
}
