/* SPDX-License-Identifier: MIT */
/* Response profiles: the mean over the items of each condition, with an interval over items (METHODS 6.5). */
#include <math.h>

#include "broca/num.h"

size_t profile_by_label(profile_row *out, const double *value, const int32_t *label, size_t n, size_t n_labels)
{
    size_t rows = 0;
    for (size_t c = 0; c < n_labels; c++) {
        double sum = 0, square = 0;
        size_t m = 0;
        for (size_t i = 0; i < n; i++)
            if (label[i] >= 0 && (size_t)label[i] == c) {
                sum += value[i];
                m++;
            }
        if (m < 2) continue;
        double mean = sum / (double)m;
        for (size_t i = 0; i < n; i++)
            if (label[i] >= 0 && (size_t)label[i] == c) square += (value[i] - mean) * (value[i] - mean);
        double half = t_quantile(.975, (double)m - 1) * sqrt(square / (double)(m - 1) / (double)m);
        out[rows++] = (profile_row){ c, m, mean, mean - half, mean + half };
    }
    return rows;
}
