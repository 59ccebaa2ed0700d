/* SPDX-License-Identifier: MIT */
/* Simulated listeners: voxels with a planted share of variance from a model's features (0 ... .5) and from a baseline (.1). The
 * engine's r, R2 and product-measure split must give the truth back within their standard errors.
 *
 * LISTENERS=10000: that many voxels (make test-slow). LISTENERS_SVG=FILE: the figure docs/engine-truth.svg. */
#include <math.h>

#include "broca/num.h"
#include "check.h"

enum { N = 1000, MODEL = 10, BASE = 5, P = MODEL + BASE, FOLDS = 5, LEVELS = 6, ALPHAS = 22, CANDIDATES = 6 };
static const double base_share = .1;

typedef struct {
    size_t v;
    double *x, *y;                     /* [N×P], [N×v] */
    double *r, *r2, *model, *base;     /* [v] pooled over folds */
} study;

static double level_of(const study *s, size_t j)
{
    return .1 * (double)(j * LEVELS / s->v);
}

/* Weighted sum of columns [first, first+count) of x for voxel j, with mean 0 and variance 1 over the rows: the planted share is exact. */
static void mixture(double *out, const study *s, size_t j, size_t first, size_t count)
{
    for (size_t i = 0; i < N; i++) {
        out[i] = 0;
        for (size_t k = 0; k < count; k++)
            out[i] += s->x[i * P + first + k] * rng_normal(1, RNG_LISTENERS, (uint32_t)j, (uint32_t)(first + k), 1);
    }
    double mean = mean_f8(out, N), sd = sqrt(variance_f8(out, N, 0));
    for (size_t i = 0; i < N; i++) out[i] = (out[i] - mean) / sd;
}

static void plant(study *s)
{
    double *a = malloc(2 * N * sizeof *a), *b = a + N;
    for (uint32_t i = 0; i < N; i++)
        for (uint32_t k = 0; k < P; k++) s->x[i * P + k] = rng_normal(1, RNG_LISTENERS, i, k, 0);
    for (size_t j = 0; j < s->v; j++) {
        double share = level_of(s, j), noise = 1 - share - base_share;
        mixture(a, s, j, 0, MODEL);
        mixture(b, s, j, MODEL, BASE);
        for (uint32_t i = 0; i < N; i++)
            s->y[i * s->v + j] = sqrt(share) * a[i] + sqrt(base_share) * b[i] + sqrt(noise) * rng_normal(1, RNG_LISTENER_NOISE, i, (uint32_t)j, 0);
    }
    free(a);
}

/* Five folds of rows i mod 5 (rows are independent here), five inner ones alike. */
static void fit(study *s)
{
    err e = { 0 };
    int32_t given[N];
    double alphas[ALPHAS], gammas[CANDIDATES * 2];
    size_t v = s->v;
    folds *outer = NULL;
    fold_scheme scheme = { .kind = FOLD_GIVEN }, inner_scheme = { .kind = FOLD_RANDOM, .k = 5, .has_seed = true, .seed = 3 };
    fold_items items = { N, NULL, NULL, NULL, given };
    band bands[2] = { { 0, MODEL }, { MODEL, BASE } };
    nested_result out = { .score = malloc(v * sizeof(fit_score)), .share = malloc(2 * v * sizeof(double)) };
    double *sse = calloc(5 * v, sizeof *sse), *sst = sse + v, *yy = sst + v, *pp = yy + v, *yp = pp + v;
    for (size_t i = 0; i < N; i++) given[i] = (int32_t)(i % FOLDS);
    for (size_t a = 0; a < ALPHAS; a++) alphas[a] = pow(10, -1 + (double)a / 3);
    assert_int_equal(gamma_candidates(gammas, CANDIDATES, 2, 1, &e), 0);
    assert_int_equal(folds_make(&outer, &scheme, &items, NULL, &e), 0);
    for (size_t f = 0; f < FOLDS; f++) {
        folds *inner = NULL;
        assert_int_equal(folds_make(&inner, &inner_scheme, &items, outer->train + f * N, &e), 0);
        nested_problem q = { .x = s->x, .n = N, .p = P, .y = s->y, .v = v, .train = outer->train + f * N, .test = outer->test + f * N, .inner = inner,
                             .alphas = alphas, .n_alphas = ALPHAS, .select = SELECT_MSE, .standardise = true, .bands = bands, .n_bands = 2,
                             .divide_by_width = true, .gammas = gammas, .n_gammas = CANDIDATES };
        if (nested_ridge(&q, NULL, &out, &e)) fail_msg("%s", err_text(&e));
        for (size_t j = 0; j < v; j++) {
            fit_score one = out.score[j];
            sse[j] += one.sse;
            sst[j] += one.sst;
            yy[j] += one.yy;
            pp[j] += one.pp;
            yp[j] += one.yp;
            s->model[j] += out.share[j] / FOLDS;
            s->base[j] += out.share[v + j] / FOLDS;
        }
        folds_free(inner);
    }
    for (size_t j = 0; j < v; j++) {
        s->r2[j] = 1 - sse[j] / sst[j];
        s->r[j] = pp[j] > 0 ? yp[j] / sqrt(yy[j] * pp[j]) : 0;
    }
    folds_free(outer);
    free(out.score);
    free(out.share);
    free(sse);
}

/* What is expected out of sample lies between the planted truth and least: fitted noise costs up to P/n_train of the noise, less
 * where the penalties take a band away. */
typedef struct { double truth, least, mean, sd, covered; size_t n; } summary;

/* Of the voxels of a level: mean, sd, and the share whose estimate lies within 1.96 standard errors of what is expected. */
static summary summarise(const study *s, const double *x, size_t level, double truth, double least, double error)
{
    summary t = { .truth = truth, .least = least };
    double square = 0;
    for (size_t j = 0; j < s->v; j++) {
        if (j * LEVELS / s->v != level) continue;
        t.mean += x[j];
        square += x[j] * x[j];
        t.covered += x[j] >= least - 1.96 * error && x[j] <= truth + 1.96 * error;
        t.n++;
    }
    t.mean /= (double)t.n;
    t.sd = sqrt(fmax(square / (double)t.n - t.mean * t.mean, 0));
    t.covered /= (double)t.n;
    return t;
}

static void estimates(summary out[4], const study *s, size_t level)
{
    double share = .1 * (double)level, all = share + base_share, n_train = N * (FOLDS - 1.0) / FOLDS;
    double cost = (1 - all) * P / (n_train - P - 1), r = sqrt(all);
    double error_r2 = sqrt(4 * all * (1 - all) * (1 - all) / N), error_r = (1 - all) / sqrt(N);
    out[0] = summarise(s, s->r, level, r, r * sqrt(all / (all + cost)), error_r);
    out[1] = summarise(s, s->r2, level, all, all - cost, error_r2);
    out[2] = summarise(s, s->model, level, share, share - cost * MODEL / P, sqrt(4 * share * (1 - share) / N + 1e-5));
    out[3] = summarise(s, s->base, level, base_share, base_share - cost * BASE / P, sqrt(4 * base_share * (1 - base_share) / N));
}

/* ---- the figure ---- */

static void panel(FILE *f, double left, const char *title, const char *axis, const summary *t, const char *colour, double top)
{
    const double x0 = left + 50, y0 = 270, width = 220, height = 220;
    fprintf(f, "<g font-size='12'><text x='%g' y='30' font-size='14'>%s</text>\n", x0, title);
    fprintf(f, "<path class='axis' d='M%g %gV%gH%g'/>\n", x0, y0 - height, y0, x0 + width);
    for (int k = 0; k <= 4; k++) {
        double at = top * k / 4;
        fprintf(f, "<text x='%g' y='%g' text-anchor='end'>%.2g</text>\n", x0 - 6, y0 - height * k / 4 + 4, at);
    }
    fprintf(f, "<text x='%g' y='%g' text-anchor='middle'>planted share of the model</text>\n", x0 + width / 2, y0 + 36);
    fprintf(f, "<text transform='translate(%g %g) rotate(-90)' text-anchor='middle'>%s</text>\n", x0 - 38, y0 - height / 2, axis);
    fprintf(f, "<path class='truth' d='");
    for (int l = 0; l < LEVELS; l++) fprintf(f, "%c%.1f %.1f", l ? 'L' : 'M', x0 + width * l / 5.5, y0 - height * t[l].truth / top);
    fprintf(f, "'><title>planted</title></path>\n");
    for (int l = 0; l < LEVELS; l++) {
        double x = x0 + width * l / 5.5, y = y0 - height * t[l].mean / top, d = height * t[l].sd / top;
        fprintf(f, "<text x='%.1f' y='%g' text-anchor='middle'>.%d</text>\n", x, y0 + 16, l);
        fprintf(f, "<path stroke='%s' stroke-width='2' d='M%.1f %.1fV%.1f'/><circle cx='%.1f' cy='%.1f' r='4' fill='%s'><title>planted .%d: "
                   "estimated %.4f, expected %.4f to %.4f, sd over voxels %.4f, %.1f %% within 1.96 standard errors</title></circle>\n",
                colour, x, y - d, y + d, x, y, colour, l, t[l].mean, t[l].least, t[l].truth, t[l].sd, 100 * t[l].covered);
    }
    fprintf(f, "</g>\n");
}

static void draw(const char *path, summary all[LEVELS][4], size_t v)
{
    static const char *const titles[] = { "r", "R&#178;", "split: model", "split: baseline" }, *const axes[] = { "pooled r", "R&#178; about the training mean",
                                                                                                               "product measure", "product measure" };
    static const char *const colours[] = { "#0072b2", "#0072b2", "#d55e00", "#009e73" };
    static const double tops[] = { .8, .6, .6, .2 };
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1160 330' font-family='sans-serif' role='img'>\n"
               "<title>What %zu simulated voxels give back of what was planted</title>\n"
               "<style>text{fill:#222}.axis{fill:none;stroke:#888}.truth{fill:none;stroke:#888;stroke-dasharray:5 4}rect{fill:#fff}"
               "@media (prefers-color-scheme:dark){text{fill:#ddd}rect{fill:#111}}</style>\n<rect width='1160' height='330'/>\n", v);
    for (int k = 0; k < 4; k++) {
        summary t[LEVELS];
        for (int l = 0; l < LEVELS; l++) t[l] = all[l][k];
        panel(f, 285.0 * k, titles[k], axes[k], t, colours[k], tops[k]);
    }
    fprintf(f, "<text x='50' y='324' font-size='12'>%zu voxels, %d items, %d + %d columns, 5 folds; baseline share .1. Dots: means; bars: sd over voxels; dashed: "
               "planted.</text>\n</svg>\n", v, N, MODEL, BASE);
    assert_int_equal(fclose(f), 0);
}

static void what_was_planted_comes_back(void **state)
{
    (void)state;
    static const char *const names[] = { "r", "R2", "share of the model", "share of the baseline" };
    const char *many = getenv("LISTENERS"), *svg = getenv("LISTENERS_SVG");
    study s = { .v = many ? strtoul(many, NULL, 10) : 360 };
    summary all[LEVELS][4];
    s.x = malloc(N * P * sizeof *s.x);
    s.y = malloc(N * s.v * sizeof *s.y);
    s.r = calloc(4 * s.v, sizeof *s.r);
    s.r2 = s.r + s.v;
    s.model = s.r2 + s.v;
    s.base = s.model + s.v;
    plant(&s);
    fit(&s);
    for (size_t l = 0; l < LEVELS; l++) {
        estimates(all[l], &s, l);
        for (int k = 0; k < 4; k++) {
            summary t = all[l][k];
            double slack = .001 + 3 * t.sd / sqrt((double)t.n);
            printf("# planted .%zu: %s %.4f (sd %.4f), expected %.4f to %.4f, %.1f %% within 1.96 se\n", l, names[k], t.mean, t.sd, t.least, t.truth,
                   100 * t.covered);
            if (t.mean < t.least - slack || t.mean > t.truth + slack)
                fail_msg("planted .%zu: %s %.4f, expected %.4f to %.4f", l, names[k], t.mean, t.least, t.truth);
            if (t.covered < .9) fail_msg("planted .%zu: %s: %.1f %% of the voxels within 1.96 standard errors", l, names[k], 100 * t.covered);
        }
    }
    if (svg) draw(svg, all, s.v);
    free(s.x);
    free(s.y);
    free(s.r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_was_planted_comes_back) };
    blas_start();
    threads_start(0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
