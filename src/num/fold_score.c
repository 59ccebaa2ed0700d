/* SPDX-License-Identifier: MIT */
/* Scores of one test fold (CONTRACT "Encoding rules"). */
#include "broca/num.h"

#include <math.h>

fit_score score_fold(const double *y, const double *prediction, size_t n, size_t stride, double train_mean, double train_sd)
{
    fit_score s = { .r = NAN, .r2 = NAN, .r2_train = NAN };
    double ym = 0, pm = 0, yy = 0, pp = 0, yp = 0, sse = 0, sst = 0;
    if (n == 0) return s;
    for (size_t i = 0; i < n; i++) {
        ym += y[i * stride];
        pm += prediction[i * stride];
    }
    ym /= (double)n;
    pm /= (double)n;
    for (size_t i = 0; i < n; i++) {
        double a = y[i * stride] - ym, b = prediction[i * stride] - pm, c = y[i * stride] - prediction[i * stride];
        double d = y[i * stride] - train_mean;
        yy += a * a;
        pp += b * b;
        yp += a * b;
        sse += c * c;
        sst += d * d;
    }
    bool constant = column_constant(y, n, stride, NULL);
    if (!constant) s.r2 = 1 - sse / yy;
    if (sst > 0) s.r2_train = 1 - sse / sst;
    if (!constant && sqrt(pp / (double)n) > 1e-9 * train_sd && train_sd > 0) s.r = yp / sqrt(yy) / sqrt(pp);
    if (s.r > 1) s.r = 1;
    if (s.r < -1) s.r = -1;
    s.sse = sse;
    s.sst = sst;
    s.yy = yy;
    s.pp = pp;
    s.yp = yp;
    return s;
}
