/* SPDX-License-Identifier: MIT */
/* The crossed jackknife of METHODS 5.6: subjects and blocks of stimuli are both random, and every subject had every block. */
#include "broca/num.h"

#include <math.h>

/* (m-1)/m times the squares about the mean of the values with one of m left out. */
double jackknife_variance(const double *left_out, size_t m, size_t stride)
{
    double mean = 0, square = 0;
    if (m < 2) return NAN;
    for (size_t k = 0; k < m; k++) mean += left_out[k * stride];
    mean /= (double)m;
    for (size_t k = 0; k < m; k++) square += (left_out[k * stride] - mean) * (left_out[k * stride] - mean);
    return ((double)m - 1) / (double)m * square;
}

crossed_interval interval_crossed(const crossed_sample *c, double level)
{
    crossed_interval x = { .v_subjects = c->v_subjects, .v_blocks = c->v_blocks, .v_both = 0 };
    double S = (double)c->subjects, m = (double)c->blocks, both = c->mean_v_blocks - c->v_blocks;
    if (c->subjects < 2) { /* this subject, or one pooled target: blocks alone */
        x.v = c->v_blocks;
        x.dof = m - 1;
    } else {
        x.v_both = c->group ? (S - 1) * both : both / (S - 1);
        x.v = fmax(c->v_subjects + c->v_blocks - x.v_both, fmax(c->v_subjects, c->v_blocks));
        x.dof = x.v * x.v / (c->v_subjects * c->v_subjects / (S - 1) + c->v_blocks * c->v_blocks / (m - 1));
    }
    x.flat = x.v == 0;
    double half = x.flat ? 0 : t_quantile((1 + level) / 2, x.dof) * sqrt(x.v);
    x.bounds = (limits){ c->theta - half, c->theta + half };
    return x;
}
