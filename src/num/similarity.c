/* SPDX-License-Identifier: MIT */
/* Representational similarity (Kriegeskorte et al. 2008) and centred kernel alignment (Kornblith et al. 2019; unbiased estimator
 * of HSIC: Song et al. 2012). METHODS 5.11, 5.12. */
#include "broca/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- dissimilarity ---- */

static double dissimilarity(rdm_kind kind, const double *a, const double *b, size_t p)
{
    double d = 0, ab = 0, aa = 0, bb = 0;
    if (kind == RDM_CORRELATION) return 1 - pearson(a, b, p);
    for (size_t j = 0; j < p; j++) {
        d += (a[j] - b[j]) * (a[j] - b[j]);
        ab += a[j] * b[j];
        aa += a[j] * a[j];
        bb += b[j] * b[j];
    }
    if (kind == RDM_COSINE) return aa > 0 && bb > 0 ? 1 - ab / sqrt(aa) / sqrt(bb) : NAN;
    return kind == RDM_EUCLIDEAN ? sqrt(d) : d;
}

void rdm(double *out, rdm_kind kind, const double *x, size_t n, size_t p)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++) out[at++] = dissimilarity(kind, x + i * p, x + k * p, p);
}

double kendall_a(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++) {
            double s = (a[i] - a[k]) * (b[i] - b[k]);
            sum += s > 0 ? 1 : s < 0 ? -1 : 0;
        }
    return n > 1 ? sum / ((double)n * (double)(n - 1) / 2) : NAN;
}

int rank_cosine(const double *a, const double *b, size_t n, double *out, err *e)
{
    double *ra = mem_new(n + 1, sizeof *ra, e), *rb = mem_new(n + 1, sizeof *rb, e), ab = 0, aa = 0, bb = 0;
    int status = -1;
    if (!ra || !rb || ranks_average(a, n, ra, e) || ranks_average(b, n, rb, e)) goto done;
    for (size_t i = 0; i < n; i++) {
        ab += ra[i] * rb[i];
        aa += ra[i] * ra[i];
        bb += rb[i] * rb[i];
    }
    *out = ab / sqrt(aa) / sqrt(bb);
    status = 0;
done:
    free(ra);
    free(rb);
    return status;
}

/* ---- kernels ---- */

void gram_linear(double *k, const double *x, size_t n, size_t p)
{
    gemm_f8(false, true, n, n, p, 1, x, p, x, p, 0, k, n);
}

int gram_rbf(double *k, const double *x, size_t n, size_t p, err *e)
{
    size_t m = 0;
    double *some = mem_new(n * n + 1, sizeof *some, e);
    if (!some) return -1;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            k[i * n + j] = dissimilarity(RDM_SQEUCLIDEAN, x + i * p, x + j * p, p);
            if (k[i * n + j] > 0) some[m++] = k[i * n + j];
        }
    double width = median_f8(some, m);
    free(some);
    for (size_t i = 0; i < n * n; i++) k[i] = m ? exp(-k[i] / (2 * width)) : 1;
    return 0;
}

/* H k H */
static double *centred(const double *k, size_t n, err *e)
{
    double *c = mem_copy(k, n * n * sizeof *c, e), *mean = mem_new(n, sizeof *mean, e), all = 0;
    if (!c || !mean) {
        free(c);
        free(mean);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) all += (mean[i] = mean_f8(k + i * n, n)) / (double)n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) c[i * n + j] += all - mean[i] - mean[j];
    free(mean);
    return c;
}

int hsic(const double *k, const double *l, size_t n, double *out, err *e)
{
    double *a = centred(k, n, e), *b = centred(l, n, e);
    int status = a && b ? 0 : -1;
    *out = 0;
    for (size_t i = 0; i < n * n && !status; i++) *out += a[i] * b[i];
    free(a);
    free(b);
    return status;
}

int hsic_unbiased(const double *k, const double *l, size_t n, double *out, err *e)
{
    double trace = 0, sum_k = 0, sum_l = 0, both = 0, m = (double)n;
    if (n < 4) return err_set(e, ERR_INPUT, "%zu items are too few for the unbiased HSIC (4)", n);
    for (size_t i = 0; i < n; i++) {
        double row_k = 0, row_l = 0;
        for (size_t j = 0; j < n; j++) {
            if (i == j) continue;
            trace += k[i * n + j] * l[i * n + j];
            row_k += k[i * n + j];
            row_l += l[i * n + j];
        }
        sum_k += row_k;
        sum_l += row_l;
        both += row_k * row_l;
    }
    *out = (trace + sum_k * sum_l / ((m - 1) * (m - 2)) - 2 / (m - 2) * both) / (m * (m - 3));
    return 0;
}

int cka(const double *k, const double *l, size_t n, bool unbiased, double *out, err *e)
{
    int (*estimate)(const double *, const double *, size_t, double *, err *) = unbiased ? hsic_unbiased : hsic;
    double kl, kk, ll;
    if (estimate(k, l, n, &kl, e) || estimate(k, k, n, &kk, e) || estimate(l, l, n, &ll, e)) return -1;
    *out = kk > 0 && ll > 0 ? kl / sqrt(kk) / sqrt(ll) : NAN;
    return 0;
}
