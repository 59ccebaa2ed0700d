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

/* theta_s = mean + subject + stimuli + both (Efron and Stein 1981; Owen 2007), so that the mean over S subjects has the variance
 * V_subjects + V_stimuli: V_subjects, the spread of subjects who met the same stimuli, holds (subject + both)/S whatever the score is;
 * V_stimuli = V_blocks - V_both is the jackknife's covariance of two subjects, and not below 0. V_blocks itself holds both/S once more,
 * and is no bound from below: what depends on two blocks at once, one of the test and one of the training, counts twice in a jackknife
 * (Efron and Stein 1981), which inflates V_blocks and V_both alike and cancels in their difference where subjects share no signal. */
crossed_interval interval_crossed(const crossed_sample *c, double level)
{
    crossed_interval x = { .v_subjects = c->v_subjects, .v_blocks = c->v_blocks, .v_both = 0 };
    double S = (double)c->subjects, m = (double)c->blocks, both = c->mean_v_blocks - c->v_blocks;
    if (c->subjects < 2) { /* this subject, or one pooled target: blocks alone */
        x.v = c->v_blocks;
        x.dof = m - 1;
    } else {
        x.v_both = fmax(0, c->group ? (S - 1) * both : both / (S - 1));
        x.v = c->v_subjects;
        x.dof = S - 1;
    }
    if (c->subjects > 1 && c->v_blocks > x.v_both) { /* Satterthwaite (1946) */
        x.v += c->v_blocks - x.v_both;
        x.dof = x.v * x.v / (c->v_subjects * c->v_subjects / (S - 1) + c->v_blocks * c->v_blocks / (m - 1) +
                             x.v_both * x.v_both / ((S - 1) * (m - 1)));
    }
    x.flat = x.v == 0;
    double half = x.flat ? 0 : t_quantile((1 + level) / 2, x.dof) * sqrt(x.v);
    x.bounds = (limits){ c->theta - half, c->theta + half };
    return x;
}
