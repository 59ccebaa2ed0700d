/* SPDX-License-Identifier: MIT */
/* Inner scores of all alphas in fp32, to see which alphas an exact score could choose. y has unit variance and is centred on
 * the outer training rows. Two ways for an inner fold:
 *
 * - partial fractions, for many alphas. K = U diag(l) U' centred, W = K_val U, d_j = 1/(l_j + alpha), z = U'y, B = W'W:
 *   |p|² = sum_jk d_j d_k B_jk z_j z_k. For j != k, d_j d_k = (d_j - d_k)/(l_k - l_j), so with C_jk = B_jk/(l_k - l_j), C_jj = 0
 *   and f = C z, |p|² = 2 sum_j d_j z_j f_j + sum_j d_j² B_jj z_j²: two products serve every alpha, and no prediction is made.
 *   Pairs of nearly equal l take d_j d_k = (d_j² + d_k²)/2 instead. By antisymmetry of C the d_j of the first sum may be
 *   shifted by any number: by their weighted mean for r, which keeps |p|² exact relative to itself when alpha >> l.
 * - an operator an alpha (prediction = operator · y), where alphas are few or eigenvalues lie together. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ridge.h"

struct screen {
    size_t n, m, r, n_alphas;
    bool partial, ranks; /* ranks: by r */
    float *left;         /* [r×n] U' */
    float *cross;        /* mse, r2: [r×(n+m)] of training and validation rows; r: [r×n] */
    float *valid;        /* r: [r×m] W centred over validation rows, transposed */
    float *diagonal;     /* [r] B_jj */
    float *twice, *once; /* [A×2r]: 2(d - shift), d²; r: [A×r] d */
    size_t near;
    uint32_t *near_a, *near_b;
    float *near_value;
    float *apply;        /* [A][m×n] */
};

struct screen_space {
    float *rows;         /* [(n+m)×BLOCK] of an inner fold */
    float *z, *f, *c, *e, *s; /* [r×BLOCK], [r×BLOCK], [r×BLOCK], [2r×BLOCK], [2A×BLOCK] */
    float *prediction;   /* [m×BLOCK] */
};

void screen_free(screen *x)
{
    if (!x) return;
    void *owned[] = { x->left, x->cross, x->valid, x->diagonal, x->twice, x->once, x->near_a, x->near_b, x->near_value, x->apply };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
    free(x);
}

void screen_space_free(screen_space *x)
{
    if (!x) return;
    void *owned[] = { x->rows, x->z, x->f, x->c, x->e, x->s, x->prediction };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
    free(x);
}

screen_space *screen_space_new(const inner_set *s, screen *const *screens, const nested_problem *q, err *e)
{
    size_t rows = 1, m = 1, r = 1;
    screen_space *x = mem_new(1, sizeof *x, e);
    if (!x) return NULL;
    for (size_t k = 0; k < s->count; k++) {
        const screen *f = screens[k];
        if (f->n + f->m > rows) rows = f->n + f->m;
        if (f->m > m) m = f->m;
        if (f->r > r) r = f->r;
    }
    x->rows = mem_new(rows * BLOCK, sizeof(float), e);
    x->z = mem_new(r * BLOCK, sizeof(float), e);
    x->f = mem_new(r * BLOCK, sizeof(float), e);
    x->c = mem_new(r * BLOCK, sizeof(float), e);
    x->e = mem_new(2 * r * BLOCK, sizeof(float), e);
    x->s = mem_new(2 * q->n_alphas * BLOCK, sizeof(float), e);
    x->prediction = mem_new(m * BLOCK, sizeof(float), e);
    if (x->rows && x->z && x->f && x->c && x->e && x->s && x->prediction) return x;
    screen_space_free(x);
    return NULL;
}

/* ---- partial fractions: operators ---- */

static const double near_gap = 5e-3; /* relative; larger gaps amplify fp32 rounding less than 200 times */

/* The decomposition with components that matter: l, U [n×r], W [m×r] of K = U diag(l) U'. */
typedef struct {
    size_t n, m, r;
    double *l, *u, *w;
} spectrum;

static void spectrum_free(spectrum *s)
{
    free(s->l);
    free(s->u);
    free(s->w);
}

static int spectrum_make(spectrum *s, const factor *f, err *e)
{
    double largest = 0;
    *s = (spectrum){ .n = f->n, .m = f->m };
    s->l = mem_new(f->r + 1, sizeof *s->l, e);
    s->u = mem_new(f->n * f->r + 1, sizeof *s->u, e);
    s->w = mem_new(f->m * f->r + 1, sizeof *s->w, e);
    if (!s->l || !s->u || !s->w) return -1;
    for (size_t j = 0; j < f->r; j++) {
        double l = f->is_kernel ? f->lambda[j] : f->lambda[j] * f->lambda[j];
        largest = fmax(largest, l);
    }
    for (size_t j = 0; j < f->r; j++) {
        double l = f->is_kernel ? f->lambda[j] : f->lambda[j] * f->lambda[j];
        s->r += l > 1e-10 * largest;
    }
    for (size_t j = 0, k = 0; j < f->r; j++) {
        double l = f->is_kernel ? f->lambda[j] : f->lambda[j] * f->lambda[j], scale = f->is_kernel ? 1 : f->lambda[j];
        if (!(l > 1e-10 * largest)) continue;
        s->l[k] = l;
        for (size_t i = 0; i < f->n; i++) s->u[i * s->r + k] = f->left[i * f->r + j];
        for (size_t i = 0; i < f->m; i++) s->w[i * s->r + k] = scale * f->apply[i * f->r + j];
        k++;
    }
    return 0;
}

static bool are_near(double a, double b)
{
    return fabs(a - b) < near_gap * (a + b) / 2;
}

static size_t count_near(const spectrum *s)
{
    size_t count = 0;
    for (size_t j = 0; j < s->r; j++)
        for (size_t k = j + 1; k < s->r; k++) count += are_near(s->l[j], s->l[k]);
    return count;
}

/* B becomes C: differences divided out, near pairs moved to their list. */
static void divide_gaps(screen *x, const spectrum *s, double *b)
{
    for (size_t j = 0; j < s->r; j++) {
        x->diagonal[j] = (float)b[j * s->r + j];
        b[j * s->r + j] = 0;
    }
    for (size_t j = 0; j < s->r; j++)
        for (size_t k = 0; k < s->r; k++) {
            if (j == k) continue;
            double *at = &b[j * s->r + k];
            if (!are_near(s->l[j], s->l[k])) {
                *at /= s->l[k] - s->l[j];
                continue;
            }
            if (k > j) {
                x->near_a[x->near] = (uint32_t)j;
                x->near_b[x->near] = (uint32_t)k;
                x->near_value[x->near++] = (float)*at;
            }
            *at = 0;
        }
}

static void fill_alphas(screen *x, const spectrum *s, const double *alphas)
{
    size_t r = s->r;
    for (size_t a = 0; a < x->n_alphas; a++) {
        double top = 0, bottom = 0, shift;
        for (size_t j = 0; j < r; j++) {
            double d = 1 / (s->l[j] + alphas[a]), weight = (double)x->diagonal[j] * d * d;
            top += weight * d;
            bottom += weight;
        }
        shift = x->ranks && bottom > 0 ? top / bottom : 0;
        for (size_t j = 0; j < r; j++) {
            double d = 1 / (s->l[j] + alphas[a]);
            x->twice[a * 2 * r + j] = (float)(2 * (d - shift));
            x->twice[a * 2 * r + r + j] = (float)(d * d);
            if (x->ranks) x->once[a * r + j] = (float)d;
        }
    }
}

static int partial_space(screen *x, const spectrum *s, size_t near, err *e)
{
    size_t r = s->r;
    x->partial = true;
    x->r = r;
    x->left = mem_new(r * s->n + 1, sizeof(float), e);
    x->cross = mem_new(r * (s->n + s->m) + 1, sizeof(float), e);
    x->valid = mem_new(r * s->m + 1, sizeof(float), e);
    x->diagonal = mem_new(r + 1, sizeof(float), e);
    x->twice = mem_new(2 * r * x->n_alphas + 1, sizeof(float), e);
    x->once = mem_new(r * x->n_alphas + 1, sizeof(float), e);
    x->near_a = mem_new(near + 1, sizeof *x->near_a, e);
    x->near_b = mem_new(near + 1, sizeof *x->near_b, e);
    x->near_value = mem_new(near + 1, sizeof(float), e);
    return x->left && x->cross && x->valid && x->diagonal && x->twice && x->once && x->near_a && x->near_b && x->near_value ? 0 : -1;
}

/* The operator of f: rows of C U' for training columns; for mse and r2 -W'(y - mean of training) beside it. */
static void fill_cross(screen *x, const spectrum *s, const double *cu)
{
    size_t n = s->n, m = s->m, r = s->r, width = x->ranks ? n : n + m;
    for (size_t j = 0; j < r; j++) {
        double sum = 0;
        for (size_t i = 0; i < m && !x->ranks; i++) sum += s->w[i * r + j];
        for (size_t i = 0; i < n; i++) {
            x->left[j * n + i] = (float)s->u[i * r + j];
            x->cross[j * width + i] = (float)(cu[j * n + i] + sum / (double)n);
        }
        for (size_t i = 0; i < m && !x->ranks; i++) x->cross[j * width + n + i] = (float)-s->w[i * r + j];
    }
}

static int by_partial_fractions(screen *x, spectrum *s, const nested_problem *q, size_t near, err *e)
{
    int status = -1;
    size_t r = s->r, m = s->m;
    double *b = mem_new(r * r + 1, sizeof *b, e), *cu = mem_new(r * s->n + 1, sizeof *cu, e), *w = NULL;
    if (!b || !cu || partial_space(x, s, near, e) || !(w = mem_copy(s->w, (m * r + 1) * sizeof *w, e))) goto done;
    for (size_t j = 0; j < r && x->ranks; j++) { /* r does not see the mean of a prediction */
        double mean = 0;
        for (size_t i = 0; i < m; i++) mean += w[i * r + j] / (double)m;
        for (size_t i = 0; i < m; i++) {
            w[i * r + j] -= mean;
            x->valid[j * m + i] = (float)w[i * r + j];
        }
    }
    gemm_f8(true, false, r, r, m, 1, w, r, w, r, 0, b, r);
    divide_gaps(x, s, b);
    gemm_f8(false, true, r, s->n, r, 1, b, r, s->u, r, 0, cu, s->n);
    fill_cross(x, s, cu);
    fill_alphas(x, s, q->alphas);
    status = 0;
done:
    free(b);
    free(cu);
    free(w);
    return status;
}

/* ---- an operator an alpha ---- */

static int apply_by_factor(screen *x, const factor *f, const double *shrink, err *e)
{
    int status = -1;
    size_t n = f->n, m = f->m, r = f->r, A = x->n_alphas;
    double *scaled = mem_new(m * r + 1, sizeof *scaled, e), *one = mem_new(m * n + 1, sizeof *one, e);
    if (!scaled || !one) goto done;
    for (size_t a = 0; a < A; a++) {
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < r; j++) scaled[i * r + j] = f->apply[i * r + j] * shrink[j * A + a];
        gemm_f8(false, true, m, n, r, 1, scaled, r, f->left, r, 0, one, n);
        for (size_t i = 0; i < m; i++) {
            double sum = 0;
            for (size_t j = 0; j < n; j++) sum += one[i * n + j];
            for (size_t j = 0; j < n; j++) x->apply[(a * m + i) * n + j] = (float)(one[i * n + j] + (1 - sum) / (double)n);
        }
    }
    status = 0;
done:
    free(scaled);
    free(one);
    return status;
}

static int by_operators(screen *x, const inner_operators *o, size_t k, err *e)
{
    size_t cells = x->n_alphas * x->m * x->n;
    if (!(x->apply = mem_new(cells, sizeof(float), e))) return -1;
    if (o->fold) return apply_by_factor(x, o->fold[k], o->shrink[k], e);
    for (size_t i = 0; i < cells; i++) x->apply[i] = (float)o->apply[k][i];
    return 0;
}

int screen_new(screen **out, const inner_set *s, const inner_operators *o, size_t k, const nested_problem *q, err *e)
{
    enum { FEW_ALPHAS = 10, MANY_NEAR = 8 };
    int status = -1;
    spectrum p = { 0 };
    screen *x = mem_new(1, sizeof *x, e);
    *out = NULL;
    if (!x) return -1;
    x->n = s->fold[k].n;
    x->m = s->fold[k].m;
    x->n_alphas = q->n_alphas;
    x->ranks = q->select == SELECT_R;
    if (o->fold && q->n_alphas > FEW_ALPHAS) {
        if (spectrum_make(&p, o->fold[k], e)) goto done;
        size_t near = count_near(&p);
        if (p.r && near <= MANY_NEAR * p.r) status = by_partial_fractions(x, &p, q, near, e);
    }
    if (!x->partial) status = by_operators(x, o, k, e);
    if (!status) {
        *out = x;
        x = NULL;
    }
done:
    spectrum_free(&p);
    screen_free(x);
    return status;
}

/* ---- scores ---- */

/* Moments of a fold's columns: means of training and validation rows, sums of squares of validation rows about either. */
typedef struct { float train[BLOCK], valid[BLOCK], about_train[BLOCK], about_valid[BLOCK]; } moments;

HOT static void fold_moments(moments *s, const float *rows, size_t n, size_t m)
{
    memset(s, 0, sizeof *s);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < BLOCK; j++) s->train[j] += rows[i * BLOCK + j];
    for (size_t i = n; i < n + m; i++)
        for (size_t j = 0; j < BLOCK; j++) s->valid[j] += rows[i * BLOCK + j];
    for (size_t j = 0; j < BLOCK; j++) {
        s->train[j] /= (float)n;
        s->valid[j] /= (float)m;
    }
    for (size_t i = n; i < n + m; i++)
        for (size_t j = 0; j < BLOCK; j++) {
            float a = rows[i * BLOCK + j] - s->train[j], b = rows[i * BLOCK + j] - s->valid[j];
            s->about_train[j] += a * a;
            s->about_valid[j] += b * b;
        }
}

HOT static void products(screen_space *w, const screen *x)
{
    size_t r = x->r;
    for (size_t i = 0; i < r; i++) {
        const float *z = w->z + i * BLOCK, *f = w->f + i * BLOCK, b = x->diagonal[i];
        float *first = w->e + i * BLOCK, *second = w->e + (r + i) * BLOCK;
        for (size_t j = 0; j < BLOCK; j++) {
            first[j] = z[j] * f[j];
            second[j] = b * z[j] * z[j];
        }
    }
    for (size_t t = 0; t < x->near; t++) {
        const float *za = w->z + x->near_a[t] * BLOCK, *zb = w->z + x->near_b[t] * BLOCK, b = x->near_value[t];
        float *ea = w->e + (r + x->near_a[t]) * BLOCK, *eb = w->e + (r + x->near_b[t]) * BLOCK;
        for (size_t j = 0; j < BLOCK; j++) {
            float add = b * za[j] * zb[j];
            ea[j] += add;
            eb[j] += add;
        }
    }
}

HOT static void multiply_rows(float *a, const float *b, size_t cells)
{
    for (size_t i = 0; i < cells; i++) a[i] *= b[i];
}

/* Squared norm of the prediction (r) or of the error less that of the target (mse, r2) to s [A×BLOCK]; r: inner products with
 * the target to s + A×BLOCK. */
static void partial_sums(screen_space *w, const screen *x)
{
    size_t n = x->n, m = x->m, r = x->r, width = x->ranks ? n : n + m;
    gemm_f4(false, false, r, BLOCK, n, 1, x->left, n, w->rows, BLOCK, 0, w->z, BLOCK);
    gemm_f4(false, false, r, BLOCK, width, 1, x->cross, width, w->rows, BLOCK, 0, w->f, BLOCK);
    products(w, x);
    gemm_f4(false, false, x->n_alphas, BLOCK, 2 * r, 1, x->twice, 2 * r, w->e, BLOCK, 0, w->s, BLOCK);
    if (!x->ranks) return;
    gemm_f4(false, false, r, BLOCK, m, 1, x->valid, m, w->rows + n * BLOCK, BLOCK, 0, w->c, BLOCK);
    multiply_rows(w->c, w->z, r * BLOCK);
    gemm_f4(false, false, x->n_alphas, BLOCK, r, 1, x->once, r, w->c, BLOCK, 0, w->s + x->n_alphas * BLOCK, BLOCK);
}

/* The same from predictions: s [a] = |error|², or |prediction - its mean|² and its inner product with the target. */
HOT static void prediction_sums(float *square, float *product, const float *p, const float *y, size_t m, bool ranks, const float *mean)
{
    float s[BLOCK] = { 0 }, c[BLOCK] = { 0 }, middle[BLOCK] = { 0 };
    if (!ranks) {
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < BLOCK; j++) {
                float d = y[i * BLOCK + j] - p[i * BLOCK + j];
                s[j] += d * d;
            }
        memcpy(square, s, sizeof s);
        return;
    }
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < BLOCK; j++) middle[j] += p[i * BLOCK + j];
    for (size_t j = 0; j < BLOCK; j++) middle[j] /= (float)m;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < BLOCK; j++) {
            float d = p[i * BLOCK + j] - middle[j];
            s[j] += d * d;
            c[j] += d * (y[i * BLOCK + j] - mean[j]);
        }
    memcpy(square, s, sizeof s);
    memcpy(product, c, sizeof c);
}

static void operator_sums(screen_space *w, const screen *x, const moments *s)
{
    for (size_t a = 0; a < x->n_alphas; a++) {
        gemm_f4(false, false, x->m, BLOCK, x->n, 1, x->apply + a * x->m * x->n, x->n, w->rows, BLOCK, 0, w->prediction, BLOCK);
        prediction_sums(w->s + a * BLOCK, w->s + (x->n_alphas + a) * BLOCK, w->prediction, w->rows + x->n * BLOCK, x->m, x->ranks,
                        s->valid);
    }
}

HOT static void add_scores(float *score, uint8_t *unsure, const screen *x, const moments *s, const float *sums, select_by select,
                           float share)
{
    size_t A = x->n_alphas;
    for (size_t a = 0; a < A; a++) {
        const float *square = sums + a * BLOCK, *product = sums + (A + a) * BLOCK;
        float *to = score + a * BLOCK;
        for (size_t j = 0; j < BLOCK; j++) {
            float error = square[j] + (x->partial ? s->about_train[j] : 0);
            if (select == SELECT_MSE) to[j] -= share * error / (float)x->m;
            else if (select == SELECT_R2) to[j] += share * (1 - error / s->about_valid[j]);
            else {
                /* a prediction that hardly varies: whether it counts as constant is for the exact score to say */
                if (!(square[j] > 1e-13f * (float)x->m)) unsure[j] = 1;
                else to[j] += share * product[j] / sqrtf(square[j] * s->about_valid[j]);
            }
        }
    }
}

void screen_scores(float *score, float *scale, uint8_t *unsure, screen_space *w, screen *const *screens, const inner_set *s,
                   const nested_problem *q, const float *y)
{
    float share = 1 / (float)s->count;
    memset(score, 0, q->n_alphas * BLOCK * sizeof *score);
    memset(unsure, 0, BLOCK);
    for (size_t j = 0; j < BLOCK; j++) scale[j] = 0;
    for (size_t k = 0; k < s->count; k++) {
        const screen *x = screens[k];
        const inner_rows *r = &s->fold[k];
        moments m;
        for (size_t i = 0; i < r->n; i++) memcpy(w->rows + i * BLOCK, y + r->train[i] * BLOCK, BLOCK * sizeof *y);
        for (size_t i = 0; i < r->m; i++) memcpy(w->rows + (r->n + i) * BLOCK, y + r->valid[i] * BLOCK, BLOCK * sizeof *y);
        fold_moments(&m, w->rows, r->n, r->m);
        if (x->partial) partial_sums(w, x);
        else operator_sums(w, x, &m);
        for (size_t j = 0; j < BLOCK; j++) {
            float about = m.about_train[j] / (float)r->m, spread = m.about_valid[j] / (float)r->m;
            if (q->select != SELECT_MSE && !(spread > 1e-8f)) unsure[j] = 1; /* hardly varies in this fold */
            if (q->select == SELECT_MSE) scale[j] += share * (1 + about);
            else if (q->select == SELECT_R2) scale[j] += share * (1 + about) / spread;
            else scale[j] += share * (1 + 1 / sqrtf(spread));
        }
        add_scores(score, unsure, x, &m, w->s, q->select, share);
    }
    for (size_t j = 0; j < BLOCK; j++)
        if (!isfinite(scale[j])) unsure[j] = 1;
}
