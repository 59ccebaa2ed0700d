/* SPDX-License-Identifier: MIT */
/* Variance partitioning over separately fitted models (METHODS 3.9): what exactly the sets of a subset share and no other set
 * has, by inclusion and exclusion. No clipping. */
#include "broca/num.h"

void variance_partition(double *part, const double *r2, size_t sets)
{
    size_t full = ((size_t)1 << sets) - 1;
    part[0] = 0;
    for (size_t s = 1; s <= full; s++) {
        double sum = 0;
        for (size_t t = s;; t = (t - 1) & s) { /* every subset of s, the empty one too */
            size_t with = (full & ~s) | t;
            double value = with ? r2[with] : 0;
            sum += __builtin_popcountll(t) % 2 ? value : -value;
            if (!t) break;
        }
        part[s] = sum;
    }
}
