/* SPDX-License-Identifier: MIT */
/* oracles/stats: t tests, tails, adjusted p, correlations, robust measures, the cosine filter, words to volumes.
 * Tolerances are those of its README: 1e-9 relative, log p 1e-8 relative. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"
#include "broca/store.h"
#include "oracle.h"

static const double RELATIVE = 1e-9, LOG_P = 1e-8, TINY = 0x1p-1022; /* TINY: so that 0 equals 0 */

/* An array of the case, or NULL: the case is unreadable then and the caller ends. */
static double *numbers(store *s, oracle_result *r, size_t *n, const char *format, ...) BROCA_PRINTF(4, 5);
static double *numbers(store *s, oracle_result *r, size_t *n, const char *format, ...)
{
    char name[256];
    double *out = NULL;
    size_t count = 0;
    err e = { 0 };
    va_list list;
    va_start(list, format);
    vsnprintf(name, sizeof name, format, list);
    va_end(list);
    if (store_read_f8(s, name, &out, &count, &e)) {
        oracle_end(r, ORACLE_UNREADABLE, "%s: %s", name, e.text);
        return NULL;
    }
    if (n) *n = count;
    return out;
}

static size_t columns_of(store *s, const char *name)
{
    store_shape_t shape;
    err e = { 0 };
    return store_shape(s, name, &shape, &e) || shape.rank < 2 ? 1 : shape.dims[1];
}

static void take_column(double *out, const double *x, size_t n, size_t columns, size_t j)
{
    for (size_t i = 0; i < n; i++)
        out[i] = x[i * columns + j];
}

/* ---- tails ---- */

static int check_student(store *s, oracle_result *r)
{
    static const struct {
        const char *name;
        tail which;
    } sides[] = { { "two_sided", TAIL_BOTH }, { "greater", TAIL_GREATER }, { "less", TAIL_LESS } };
    size_t n = 0;
    int status = -1;
    double *t = numbers(s, r, &n, "/student/t"), *dof = numbers(s, r, NULL, "/student/df"), *want = NULL;
    for (size_t k = 0; t && dof && k < 3; k++) {
        free(want);
        want = numbers(s, r, NULL, "/student/log_p_%s", sides[k].name);
        if (!want) goto done;
        for (size_t i = 0; i < n; i++) {
            double got = t_log_p(t[i], dof[i], sides[k].which);
            char what[96];
            snprintf(what, sizeof what, "log p %s of t %g, %g df", sides[k].name, t[i], dof[i]);
            oracle_near(r, what, &got, &want[i], 1, TINY, LOG_P);
        }
    }
    if (t && dof) status = 0;
done:
    free(t);
    free(dof);
    free(want);
    return status;
}

static void check_tails(store *s, oracle_result *r)
{
    size_t n = 0, m = 0;
    double *z = numbers(s, r, &n, "/normal/z"), *sf = numbers(s, r, NULL, "/normal/log_sf");
    double *p = numbers(s, r, &m, "/t_quantile/p"), *dof = numbers(s, r, NULL, "/t_quantile/df");
    double *t = numbers(s, r, NULL, "/t_quantile/t");
    if (z && sf && p && dof && t && !check_student(s, r)) {
        for (size_t i = 0; i < n; i++) {
            double got = normal_log_upper(z[i]);
            oracle_near(r, "normal log upper tail", &got, &sf[i], 1, TINY, LOG_P);
        }
        for (size_t i = 0; i < m; i++) {
            /* SciPy's inverse is good to 1e-8: its median is 1e-16, and at 1 df, p .9995 it is 9e-10 off tan(pi(p -
             * 1/2)) */
            double got = t_quantile(p[i], dof[i]);
            oracle_near(r, "t quantile", &got, &t[i], 1, 1e-15, LOG_P);
        }
    }
    free(z);
    free(sf);
    free(p);
    free(dof);
    free(t);
}

/* ---- t tests ---- */

enum { WELCH, STUDENT, PAIRED, ONE_SAMPLE };

static t_result test_of(int which, const double *a, size_t na, const double *b, size_t nb)
{
    return which == WELCH     ? welch(a, na, b, nb)
           : which == STUDENT ? student(a, na, b, nb)
           : which == PAIRED  ? paired(a, b, nb)
                              : one_sample(a, na, 0);
}

static void check_test(store *s, oracle_result *r, int which, const char *name, const double *a, size_t na,
                       const double *b, size_t nb, size_t d)
{
    double *t = numbers(s, r, NULL, "/expected/%s/t", name), *dof = numbers(s, r, NULL, "/expected/%s/df", name);
    double *p = numbers(s, r, NULL, "/expected/%s/p", name);
    double *both = numbers(s, r, NULL, "/expected/%s/log_p_two_sided", name);
    double *greater = numbers(s, r, NULL, "/expected/%s/log_p_greater", name);
    double *less = numbers(s, r, NULL, "/expected/%s/log_p_less", name);
    double *x = calloc(na + 1, sizeof *x), *y = calloc(nb + 1, sizeof *y);
    for (size_t j = 0; t && dof && p && both && greater && less && x && y && j < d; j++) {
        char what[64];
        take_column(x, a, na, d, j);
        take_column(y, b, nb, d, j);
        t_result got = test_of(which, x, na, y, nb);
        double up = t_log_p(got.t, got.dof, TAIL_GREATER), down = t_log_p(got.t, got.dof, TAIL_LESS);
        snprintf(what, sizeof what, "%s column %zu: t", name, j);
        oracle_near(r, what, &got.t, &t[j], 1, TINY, RELATIVE);
        oracle_near(r, "p", &got.p, &p[j], 1, TINY, LOG_P);
        if (isnan(t[j]) || isinf(t[j])) continue; /* SciPy's t has no log p there; ours is NaN or -inf */
        oracle_near(r, "df", &got.dof, &dof[j], 1, TINY, RELATIVE);
        oracle_near(r, "log p", &got.log_p, &both[j], 1, TINY, LOG_P);
        oracle_near(r, "log p greater", &up, &greater[j], 1, TINY, LOG_P);
        oracle_near(r, "log p less", &down, &less[j], 1, TINY, LOG_P);
    }
    free(t);
    free(dof);
    free(p);
    free(both);
    free(greater);
    free(less);
    free(x);
    free(y);
}

static void check_ttests(store *s, oracle_result *r)
{
    size_t ca = 0, cb = 0, d = columns_of(s, "/A");
    double *a = numbers(s, r, &ca, "/A"), *b = numbers(s, r, &cb, "/B"),
           *want = numbers(s, r, NULL, "/expected/cohen_d_pooled");
    if (a && b && want) {
        size_t na = ca / d, nb = cb / d;
        double *x = calloc(na, sizeof *x), *y = calloc(nb, sizeof *y);
        check_test(s, r, WELCH, "welch", a, na, b, nb, d);
        check_test(s, r, STUDENT, "student", a, na, b, nb, d);
        check_test(s, r, PAIRED, "paired_first17", a, na, b, nb, d);
        check_test(s, r, ONE_SAMPLE, "one_sample", a, na, b, nb, d);
        for (size_t j = 0; x && y && j < d; j++) {
            take_column(x, a, na, d, j);
            take_column(y, b, nb, d, j);
            double got = cohen_d(x, na, y, nb);
            oracle_near(r, "Cohen's d", &got, &want[j], 1, TINY, RELATIVE);
        }
        free(x);
        free(y);
    }
    free(a);
    free(b);
    free(want);
}

/* ---- adjusted p ---- */

static void check_adjusted(store *s, oracle_result *r)
{
    static const char *const methods[] = { "fdr_bh", "fdr_by", "holm", "bonferroni" };
    char **names = NULL;
    size_t count = 0;
    err e = { 0 };
    if (store_list(s, "/", &names, &count, &e)) {
        oracle_end(r, ORACLE_UNREADABLE, "%s", e.text);
        return;
    }
    for (size_t c = 0; c < count; c++) {
        size_t n = 0;
        if (!store_is_group(s, names[c])) continue;
        double *p = numbers(s, r, &n, "/%s/p", names[c]), *q = calloc(n + 1, sizeof *q);
        for (size_t k = 0; p && q && k < 4; k++) {
            char what[64];
            double *want = numbers(s, r, NULL, "/%s/%s", names[c], methods[k]);
            if (!want) break;
            if (k == 0) benjamini_hochberg(p, n, q, &e);
            if (k == 1) benjamini_yekutieli(p, n, q, &e);
            if (k == 2) holm(p, n, q, &e);
            if (k == 3) bonferroni(p, n, q);
            snprintf(what, sizeof what, "%s %s", names[c], methods[k]);
            oracle_near(r, what, q, want, n, 0x1p-1074, RELATIVE);
            free(want);
        }
        free(p);
        free(q);
    }
    free(names);
}

/* ---- correlations ---- */

static void check_pairs(store *s, oracle_result *r, const double *x, const double *y, size_t n, size_t d)
{
    static const char *const names[] = { "pearson", "pearson_p", "spearman", "spearman_p", "kendall_b" };
    double *a = calloc(n, sizeof *a), *b = calloc(n, sizeof *b), *want[5] = { NULL };
    err e = { 0 };
    bool all = a && b;
    for (size_t k = 0; k < 5; k++)
        all = (want[k] = numbers(s, r, NULL, "/expected/%s", names[k])) && all;
    for (size_t j = 0; all && j < d; j++) {
        double got[5] = { NAN, NAN, NAN, NAN, NAN };
        take_column(a, x, n, d, j);
        take_column(b, y, n, d, j);
        got[0] = pearson(a, b, n);
        got[1] = correlation_p(got[0], n);
        if (spearman(a, b, n, &got[2], &e)) got[2] = NAN;
        got[3] = correlation_p(got[2], n);
        got[4] = kendall_b(a, b, n);
        for (size_t k = 0; k < 5; k++) {
            bool offset = j == 5 && k < 2; /* offset 1e8: 1e-6, says the README */
            /* p of |r| = 1: rounding of r decides between 0 and 1e-180 */
            oracle_near(r, names[k], &got[k], &want[k][j], 1, k % 2 && k < 4 ? 1e-100 : TINY, offset ? 1e-6 : RELATIVE);
        }
    }
    for (size_t k = 0; k < 5; k++)
        free(want[k]);
    free(a);
    free(b);
}

static void check_transforms(store *s, oracle_result *r)
{
    size_t n = 0;
    double *from = numbers(s, r, &n, "/expected/spearman_brown/r"),
           *two = numbers(s, r, NULL, "/expected/spearman_brown/k2");
    double *five = numbers(s, r, NULL, "/expected/spearman_brown/k5");
    for (size_t i = 0; from && two && five && i < n; i++) {
        double k2 = spearman_brown(from[i], 2), k5 = spearman_brown(from[i], 5);
        oracle_near(r, "Spearman-Brown, 2", &k2, &two[i], 1, TINY, RELATIVE);
        oracle_near(r, "Spearman-Brown, 5", &k5, &five[i], 1, TINY, RELATIVE);
    }
    free(from);
    free(two);
    free(five);
}

static void check_correlations(store *s, oracle_result *r)
{
    size_t count = 0, d = columns_of(s, "/X"), n;
    double *x = numbers(s, r, &count, "/X"), *y = numbers(s, r, NULL, "/Y");
    double *ranks = numbers(s, r, NULL, "/expected/ranks_of_X1");
    err e = { 0 };
    n = count / d;
    if (x && y && ranks) {
        double *one = calloc(n, sizeof *one), *got = calloc(n, sizeof *got);
        if (one && got) {
            take_column(one, x, n, d, 1);
            if (!ranks_average(one, n, got, &e)) oracle_near(r, "ranks", got, ranks, n, 0, 0x1p-52);
        }
        free(one);
        free(got);
        check_pairs(s, r, x, y, n, d);
        check_transforms(s, r);
    }
    free(x);
    free(y);
    free(ranks);
}

/* ---- robust ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void check_robust(store *s, oracle_result *r)
{
    static const double at[6] = { 0, .025, .25, .5, .975, 1 };
    static const char *const names[] = { "mean", "median", "mad", "sem", "sd0", "mad_normal" };
    for (int c = 0; c < 4; c++) {
        size_t n = 0;
        err e = { 0 };
        double *x = numbers(s, r, &n, "/case%d/x", c), *q = numbers(s, r, NULL, "/case%d/quantiles", c);
        double got[6] = { 0 }, quantile[6];
        if (!x || !q) {
            free(x);
            free(q);
            return;
        }
        got[0] = mean_f8(x, n);
        if (mad_f8(x, n, &got[2], &e)) got[2] = NAN;
        got[3] = sqrt(variance_f8(x, n, 1) / (double)n);
        got[4] = sqrt(variance_f8(x, n, 0));
        got[5] = got[2] / 0.6744897501960817;
        got[1] = median_f8(x, n);
        qsort(x, n, sizeof *x, by_value);
        for (size_t k = 0; k < 6; k++) {
            double *want = numbers(s, r, NULL, "/case%d/%s", c, names[k]);
            quantile[k] = quantile_f8(x, n, at[k]);
            if (want) oracle_near(r, names[k], &got[k], want, 1, TINY, RELATIVE);
            free(want);
        }
        oracle_near(r, "quantiles", quantile, q, 6, TINY, RELATIVE);
        free(x);
        free(q);
    }
}

/* ---- signals ---- */

static void check_highpass(store *s, oracle_result *r)
{
    static const double cutoffs[] = { 100, 128, 1000000 };
    size_t count = 0, v = columns_of(s, "/x");
    double *x = numbers(s, r, &count, "/x"), *tr = numbers(s, r, NULL, "/tr"),
           *y = x ? malloc(count * sizeof *y) : NULL;
    err e = { 0 };
    for (size_t k = 0; y && tr && k < 3; k++) {
        double *want = numbers(s, r, NULL, "/expected/cosine_%.0f/filtered", cutoffs[k]);
        if (!want) break;
        memcpy(y, x, count * sizeof *y);
        if (highpass(y, count / v, v, NULL, *tr, cutoffs[k], &e))
            oracle_end(r, ORACLE_FAIL, "%s", e.text);
        else
            oracle_near(r, "cosine filter", y, want, count, 1e-10, RELATIVE);
        free(want);
    }
    if (r->status == ORACLE_PASS)
        oracle_end(r, ORACLE_PASS,
                   "cosine filters; Butterworth, Savitzky-Golay and polynomial detrending are not built");
    free(x);
    free(tr);
    free(y);
}

typedef struct {
    const double *x, *time, *sample;
    size_t words, d, n;
    double tr;
} words_case;

/* The library takes features as float; a double is the sum of three floats, and both methods are linear. */
static int downsampled(double *out, double *count, const words_case *w, double shift, double lobes, double mult, err *e)
{
    int status = -1;
    size_t cells = w->words * w->d;
    float *part = mem_new(cells, sizeof *part, e);
    double *rest = mem_copy(w->x, cells * sizeof *rest, e), *piece = mem_new(w->n * w->d, sizeof *piece, e);
    double *sample = mem_new(w->n, sizeof *sample, e);
    memset(out, 0, w->n * w->d * sizeof *out);
    if (!part || !rest || !piece || !sample) goto done;
    for (size_t i = 0; i < w->n; i++)
        sample[i] = w->sample[i] - shift;
    for (int k = 0; k < 3; k++) {
        for (size_t i = 0; i < cells; i++) {
            part[i] = (float)rest[i];
            rest[i] -= (double)part[i];
        }
        memset(piece, 0, w->n * w->d * sizeof *piece);
        if (lobes > 0 ? downsample_lanczos(piece, part, w->time, NULL, w->words, w->d, sample, NULL, w->n, w->tr, lobes,
                                           mult, e)
                      : downsample_sum(piece, count, part, w->time, NULL, w->words, w->d, sample, NULL, w->n, w->tr, e))
            goto done;
        for (size_t i = 0; i < w->n * w->d; i++)
            out[i] += piece[i];
    }
    status = 0;
done:
    free(part);
    free(rest);
    free(piece);
    free(sample);
    return status;
}

static void check_lanczos(store *s, oracle_result *r, const words_case *w, double *out, err *e)
{
    static const struct {
        const char *name;
        bool middle;
        double lobes, mult;
    } cases[] = {
        { "tr0_w2_c1.0", false, 2, 1 },   { "tr0_w3_c0.5", false, 3, .5 },   { "tr0_w3_c1.0", false, 3, 1 },
        { "tr_mid_w2_c1.0", true, 2, 1 }, { "tr_mid_w3_c0.5", true, 3, .5 }, { "tr_mid_w3_c1.0", true, 3, 1 },
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        double *want = numbers(s, r, NULL, "/expected/lanczos_%s", cases[k].name);
        if (!want) return;
        /* ours reads the middle of a volume: to read its start, the volumes begin half a TR earlier */
        if (downsampled(out, NULL, w, cases[k].middle ? 0 : w->tr / 2, cases[k].lobes, cases[k].mult, e))
            oracle_end(r, ORACLE_FAIL, "%s: %s", cases[k].name, e->text);
        else
            oracle_near(r, cases[k].name, out, want, w->n * w->d, 1e-12, RELATIVE);
        free(want);
    }
}

static void check_downsampling(store *s, oracle_result *r)
{
    err e = { 0 };
    words_case w = { .d = columns_of(s, "/X") };
    double *x = numbers(s, r, NULL, "/X"), *time = numbers(s, r, &w.words, "/time"),
           *sample = numbers(s, r, &w.n, "/tr_start");
    double *sum = numbers(s, r, NULL, "/expected/box_sum"), *mean = numbers(s, r, NULL, "/expected/box_mean");
    double *number = numbers(s, r, NULL, "/expected/box_count");
    double *out = calloc(w.n * w.d + 1, sizeof *out), *count = calloc(w.n + 1, sizeof *count);
    if (x && time && sample && sum && mean && number && out && count) {
        w.x = x;
        w.time = time;
        w.sample = sample;
        w.tr = sample[1] - sample[0];
        if (downsampled(out, count, &w, 0, 0, 0, &e)) oracle_end(r, ORACLE_FAIL, "%s", e.text);
        oracle_near(r, "box sum", out, sum, w.n * w.d, 1e-12, RELATIVE);
        oracle_near(r, "box count", count, number, w.n, TINY, RELATIVE);
        for (size_t i = 0; i < w.n * w.d; i++)
            out[i] /= count[i / w.d] > 0 ? count[i / w.d] : 1;
        oracle_near(r, "box mean", out, mean, w.n * w.d, 1e-12, RELATIVE);
        check_lanczos(s, r, &w, out, &e);
    }
    free(x);
    free(time);
    free(sample);
    free(sum);
    free(mean);
    free(number);
    free(out);
    free(count);
}

/* ---- intervals ---- */

enum { RESAMPLES = 500, SAMPLE = 20 };
typedef double (*statistic)(const double *x, const double *y, size_t n);

static double of_mean(const double *x, const double *y, size_t n)
{
    (void)y;
    return mean_f8(x, n);
}

static double of_median(const double *x, const double *y, size_t n)
{
    double sorted[SAMPLE];
    (void)y;
    memcpy(sorted, x, n * sizeof *x);
    return median_f8(sorted, n);
}

static void near_one(store *s, oracle_result *r, const char *name, const char *what, const double *got, size_t n)
{
    double *want = numbers(s, r, NULL, "/expected/%s/%s", name, what);
    char text[96];
    snprintf(text, sizeof text, "%s: %s", name, what);
    /* an acceleration that is 0 but for rounding: 1e-15 */
    if (want) oracle_near(r, text, got, want, n, 1e-15, RELATIVE);
    free(want);
}

static void check_interval(store *s, oracle_result *r, const char *name, statistic f, const double *x, const double *y,
                           const uint8_t *draw)
{
    double made[RESAMPLES], a[SAMPLE], b[SAMPLE], left[SAMPLE], theta = f(x, y, SAMPLE);
    for (size_t k = 0; k < RESAMPLES; k++) {
        for (size_t i = 0; i < SAMPLE; i++) {
            a[i] = x[draw[k * SAMPLE + i]];
            b[i] = y[draw[k * SAMPLE + i]];
        }
        made[k] = f(a, b, SAMPLE);
    }
    for (size_t k = 0; k < SAMPLE; k++) {
        for (size_t i = 0; i < SAMPLE - 1; i++) {
            a[i] = x[i + (i >= k)];
            b[i] = y[i + (i >= k)];
        }
        left[k] = f(a, b, SAMPLE - 1);
    }
    double se = sqrt(variance_f8(made, RESAMPLES, 1));
    qsort(made, RESAMPLES, sizeof *made, by_value);
    limits percentile = interval_percentile(made, RESAMPLES, .95), basic = interval_basic(theta, made, RESAMPLES, .95);
    bca_interval bca = interval_bca(theta, made, RESAMPLES, jackknife_acceleration(left, SAMPLE), .95);
    double pair[2] = { percentile.lo, percentile.hi }, other[2] = { basic.lo, basic.hi }, levels[2] = { bca.level_lo, bca.level_hi };
    double bounds[2] = { bca.bounds.lo, bca.bounds.hi }, same[2] = { theta, theta };
    near_one(s, r, name, "theta", &theta, 1);
    near_one(s, r, name, "se", &se, 1);
    near_one(s, r, name, "percentile", pair, 2);
    near_one(s, r, name, "basic", other, 2);
    near_one(s, r, name, "z0", &bca.z0, 1);
    near_one(s, r, name, "acceleration", &bca.acceleration, 1);
    near_one(s, r, name, "levels", levels, 2);
    if (!bca.flat) near_one(s, r, name, "bca", bounds, 2);
    else oracle_near(r, "constant: bca is the value itself, as the case suggests", bounds, same, 2, TINY, 0);
}

static void check_intervals(store *s, oracle_result *r)
{
    double *x = numbers(s, r, NULL, "/x"), *y = numbers(s, r, NULL, "/y"), *tied = numbers(s, r, NULL, "/tied");
    double *want = numbers(s, r, NULL, "/expected/t_interval"), constant[SAMPLE];
    uint8_t *draw = NULL;
    size_t n = 0;
    err e = { 0 };
    if (store_read_u1(s, "/resamples", &draw, &n, &e) || n != RESAMPLES * SAMPLE) oracle_end(r, ORACLE_UNREADABLE, "/resamples");
    else if (x && y && tied && want) {
        limits t = interval_t(x, SAMPLE, .95);
        double bounds[2] = { t.lo, t.hi };
        for (size_t i = 0; i < SAMPLE; i++) constant[i] = 2;
        oracle_near(r, "t interval", bounds, want, 2, 0, RELATIVE);
        check_interval(s, r, "mean", of_mean, x, y, draw);
        check_interval(s, r, "median", of_median, x, y, draw);
        check_interval(s, r, "pearson", pearson, x, y, draw);
        check_interval(s, r, "mean_tied", of_mean, tied, y, draw);
        check_interval(s, r, "constant", of_mean, constant, y, draw);
    }
    free(x);
    free(y);
    free(tied);
    free(want);
    free(draw);
}

/* ---- nulls ---- */

static void check_permutation(store *s, oracle_result *r)
{
    static const char *const names[] = { "p_greater", "p_less", "p_two_sided", "z", "p_max" };
    static const tail tails[] = { TAIL_GREATER, TAIL_LESS, TAIL_BOTH };
    size_t m = 0, cells = 0;
    err e = { 0 };
    double *observed = numbers(s, r, &m, "/observed"), *null = numbers(s, r, &cells, "/null"), *got = calloc(m + 1, sizeof *got);
    for (size_t k = 0; observed && null && got && m && k < 5; k++) {
        double *want = numbers(s, r, NULL, "/expected/%s", names[k]);
        for (size_t j = 0; j < m; j++)
            got[j] = k < 3 ? permutation_p(observed[j], null + j, cells / m, m, tails[k]) : permutation_z(observed[j], null + j, cells / m, m);
        if (k == 4) permutation_max_p(got, observed, m, null, cells / m, &e);
        if (want) oracle_near(r, names[k], got, want, m, TINY, RELATIVE);
        free(want);
    }
    free(observed);
    free(null);
    free(got);
}

static void check_sign_flips(store *s, oracle_result *r)
{
    size_t n = 0, d = columns_of(s, "/x");
    double *x = numbers(s, r, &n, "/x"), *up = numbers(s, r, NULL, "/expected/p_greater");
    double *both = numbers(s, r, NULL, "/expected/p_two_sided"), *column = calloc(n + 1, sizeof *column);
    for (size_t j = 0; x && up && both && column && j < d; j++) {
        take_column(column, x, n / d, d, j);
        double greater = sign_flip_p(column, n / d, TAIL_GREATER), two = sign_flip_p(column, n / d, TAIL_BOTH);
        oracle_near(r, "greater", &greater, &up[j], 1, TINY, RELATIVE);
        oracle_near(r, "two-sided", &two, &both[j], 1, TINY, RELATIVE);
    }
    free(x);
    free(up);
    free(both);
    free(column);
}

typedef struct {
    double *prediction, *y, *want, *p, *observed;
    int32_t *run, *shift;
    size_t cells, rows, rotations, d;
} rotation_case;

static void compare_rotations(const rotation_case *c, oracle_result *r)
{
    size_t n = c->rows, *from = calloc(n, sizeof *from);
    double *a = calloc(n, sizeof *a), *b = calloc(n, sizeof *b), *null = calloc(c->rotations, sizeof *null);
    err e = { 0 };
    for (size_t j = 0; from && a && b && null && j < c->d; j++) {
        take_column(b, c->y, n, c->d, j);
        take_column(a, c->prediction, n, c->d, j);
        double observed = pearson(a, b, n);
        oracle_near(r, "r", &observed, &c->observed[j], 1, TINY, RELATIVE);
        for (size_t k = 0; k < c->rotations; k++) {
            size_t lag[2] = { (size_t)c->shift[2 * k], (size_t)c->shift[2 * k + 1] };
            rotation_rows(from, c->run, n, lag, &e);
            for (size_t i = 0; i < n; i++) a[i] = c->prediction[from[i] * c->d + j];
            null[k] = pearson(a, b, n);
            oracle_near(r, "rotated r", &null[k], &c->want[k * c->d + j], 1, 1e-15, RELATIVE);
        }
        double p = permutation_p(observed, null, c->rotations, 1, TAIL_GREATER);
        oracle_near(r, "p", &p, &c->p[j], 1, TINY, RELATIVE);
    }
    free(from);
    free(a);
    free(b);
    free(null);
}

static void check_rotations(store *s, oracle_result *r)
{
    rotation_case c = { .prediction = numbers(s, r, &c.cells, "/prediction"), .y = numbers(s, r, NULL, "/y"),
                        .want = numbers(s, r, NULL, "/expected/null"), .p = numbers(s, r, NULL, "/expected/p_greater"),
                        .observed = numbers(s, r, NULL, "/expected/r"), .d = columns_of(s, "/prediction") };
    size_t n = 0, m = 0;
    err e = { 0 };
    if (store_read_i4(s, "/run", &c.run, &n, &e) || store_read_i4(s, "/shifts", &c.shift, &m, &e)) oracle_end(r, ORACLE_UNREADABLE, "%s", e.text);
    else if (c.prediction && c.y && c.want && c.p && c.observed) {
        c.rows = n;
        c.rotations = m / 2;
        compare_rotations(&c, r);
    }
    free(c.prediction);
    free(c.y);
    free(c.want);
    free(c.p);
    free(c.observed);
    free(c.run);
    free(c.shift);
}

static void check_phases(store *s, oracle_result *r)
{
    static const char *const names[] = { "n24", "n25" };
    for (size_t k = 0; k < 2; k++) {
        char data[32];
        size_t cells = 0, v;
        err e = { 0 };
        snprintf(data, sizeof data, "/%s/x", names[k]);
        v = columns_of(s, data);
        double *x = numbers(s, r, &cells, "%s", data), *phase = numbers(s, r, NULL, "/%s/phases", names[k]);
        double *want = numbers(s, r, NULL, "/%s/surrogate", names[k]), *got = calloc(cells + 1, sizeof *got);
        if (x && phase && want && got) {
            if (phase_convolve(got, x, cells / v, v, phase, &e)) oracle_end(r, ORACLE_FAIL, "%s", e.text);
            else oracle_near(r, names[k], got, want, cells, 1e-13, RELATIVE);
        }
        free(x);
        free(phase);
        free(want);
        free(got);
    }
}

static const struct {
    const char *name;
    void (*check)(store *s, oracle_result *r);
} cases[] = {
    { "tails", check_tails },
    { "ttests", check_ttests },
    { "multiple_comparisons", check_adjusted },
    { "correlations", check_correlations },
    { "robust", check_robust },
    { "highpass", check_highpass },
    { "downsampling", check_downsampling },
    { "intervals", check_intervals },
    { "permutation_p", check_permutation },
    { "sign_flip_exact", check_sign_flips },
    { "circular_shift", check_rotations },
    { "phase_randomisation", check_phases },
};

oracle_status check_stats(const oracle_case *c, oracle_result *r)
{
    store *s = NULL;
    err e = { 0 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (str_same(cases[i].name, c->name)) {
            if (store_open(&s, c->path, NULL, &e)) return oracle_end(r, ORACLE_UNREADABLE, "%s", e.text);
            cases[i].check(s, r);
            store_close(s);
            return r->status;
        }
    return oracle_end(r, ORACLE_SKIP, "%s: no such kind of statistics", c->name);
}
