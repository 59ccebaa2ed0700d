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
    packed *left;        /* [r×n] U' */
    packed *cross;       /* mse, r2: [r×(n+m)] of training and validation rows; r: [r×n] */
    packed *valid;       /* r: [r×m] W centred over validation rows, transposed */
    float *diagonal;     /* [r] B_jj */
    packed *twice, *once; /* [A×2r]: d², 2(d - shift); r: [A×r] d */
    size_t near;
    uint32_t *near_a, *near_b;
    float *near_value;
    packed **apply;      /* [A] [m×n] */
};

struct screen_space {
    fold_rows rows;
    float *zf, *c, *s;        /* [BLOCK×2r] z and f, which become their products; [BLOCK×r]; [2][BLOCK×A] */
    float *prediction;        /* [BLOCK×m] */
};

void screen_free(screen *x)
{
    if (!x) return;
    packed *products[] = { x->left, x->cross, x->valid, x->twice, x->once };
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) packed_free(products[i]);
    for (size_t a = 0; x->apply && a < x->n_alphas; a++) packed_free(x->apply[a]);
    void *owned[] = { x->diagonal, x->near_a, x->near_b, x->near_value, x->apply };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
    free(x);
}

void screen_space_free(screen_space *x)
{
    if (!x) return;
    fold_rows_free(&x->rows);
    void *owned[] = { x->zf, x->c, x->s, x->prediction };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
    free(x);
}

screen_space *screen_space_new(const inner_set *s, screen *const *screens, const nested_problem *q, err *e)
{
    size_t m = 1, r = 1;
    screen_space *x = mem_new(1, sizeof *x, e);
    if (!x) return NULL;
    for (size_t k = 0; k < s->count; k++) {
        if (screens[k]->m > m) m = screens[k]->m;
        if (screens[k]->r > r) r = screens[k]->r;
    }
    x->zf = mem_new(2 * r * BLOCK, sizeof(float), e);
    x->c = mem_new(r * BLOCK, sizeof(float), e);
    x->s = mem_new(2 * q->n_alphas * BLOCK, sizeof(float), e);
    x->prediction = mem_new(m * BLOCK, sizeof(float), e);
    if (!fold_rows_new(&x->rows, s, false, e) && x->zf && x->c && x->s && x->prediction) return x;
    screen_space_free(x);
    return NULL;
}

/* ---- partial fractions: operators ---- */

enum { MOST_NEAR = 4096 }; /* pairs; beyond, and beyond MANY_NEAR a component, operators are quicker */
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

/* What is packed, before it is. */
typedef struct { float *left, *cross, *valid, *twice, *once; } plain;

static void plain_free(plain *p)
{
    free(p->left);
    free(p->cross);
    free(p->valid);
    free(p->twice);
    free(p->once);
}

static void fill_alphas(plain *p, const screen *x, const spectrum *s, const double *alphas)
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
            p->twice[a * 2 * r + j] = (float)(d * d);
            p->twice[a * 2 * r + r + j] = (float)(2 * (d - shift));
            p->once[a * r + j] = (float)d;
        }
    }
}

static int partial_space(screen *x, plain *p, const spectrum *s, size_t near, err *e)
{
    size_t r = s->r;
    x->partial = true;
    x->r = r;
    p->left = mem_new(r * s->n + 1, sizeof(float), e);
    p->cross = mem_new(r * (s->n + s->m) + 1, sizeof(float), e);
    p->valid = mem_new(r * s->m + 1, sizeof(float), e);
    p->twice = mem_new(2 * r * x->n_alphas + 1, sizeof(float), e);
    p->once = mem_new(r * x->n_alphas + 1, sizeof(float), e);
    x->diagonal = mem_new(r + 1, sizeof(float), e);
    x->near_a = mem_new(near + 1, sizeof *x->near_a, e);
    x->near_b = mem_new(near + 1, sizeof *x->near_b, e);
    x->near_value = mem_new(near + 1, sizeof(float), e);
    return p->left && p->cross && p->valid && x->diagonal && p->twice && p->once && x->near_a && x->near_b && x->near_value ? 0 : -1;
}

/* The operator of f: rows of C U' for training columns; for mse and r2 -W'(y - mean of training) beside it. */
static void fill_cross(plain *p, const screen *x, const spectrum *s, const double *cu)
{
    size_t n = s->n, m = s->m, r = s->r, width = x->ranks ? n : n + m;
    for (size_t j = 0; j < r; j++) {
        double total = 0;
        for (size_t i = 0; i < m && !x->ranks; i++) total += s->w[i * r + j];
        for (size_t i = 0; i < n; i++) {
            p->left[j * n + i] = (float)s->u[i * r + j];
            p->cross[j * width + i] = (float)(cu[j * n + i] + total / (double)n);
        }
        for (size_t i = 0; i < m && !x->ranks; i++) p->cross[j * width + n + i] = (float)-s->w[i * r + j];
    }
}

static int pack_all(screen *x, const plain *p, err *e)
{
    size_t n = x->n, m = x->m, r = x->r, A = x->n_alphas;
    if (packed_new(&x->left, PACKED_F4, BLOCK, n + m, 2 * r, p->left, r, n, e) ||
        packed_new(&x->cross, PACKED_F4, BLOCK, n + m, 2 * r, p->cross, r, x->ranks ? n : n + m, e) ||
        packed_new(&x->twice, PACKED_F4, BLOCK, 2 * r, A, p->twice, A, 2 * r, e))
        return -1;
    if (!x->ranks) return 0;
    if (packed_new(&x->valid, PACKED_F4, BLOCK, n + m, r, p->valid, r, m, e)) return -1;
    return packed_new(&x->once, PACKED_F4, BLOCK, r, A, p->once, A, r, e);
}

static int by_partial_fractions(screen *x, spectrum *s, const nested_problem *q, size_t near, err *e)
{
    int status = -1;
    size_t r = s->r, m = s->m;
    plain p = { 0 };
    double *b = mem_new(r * r + 1, sizeof *b, e), *cu = mem_new(r * s->n + 1, sizeof *cu, e), *w = NULL;
    if (!b || !cu || partial_space(x, &p, s, near, e) || !(w = mem_copy(s->w, (m * r + 1) * sizeof *w, e))) goto done;
    for (size_t j = 0; j < r && x->ranks; j++) { /* r does not see the mean of a prediction */
        double mean = 0;
        for (size_t i = 0; i < m; i++) mean += w[i * r + j] / (double)m;
        for (size_t i = 0; i < m; i++) {
            w[i * r + j] -= mean;
            p.valid[j * m + i] = (float)w[i * r + j];
        }
    }
    gemm_f8(true, false, r, r, m, 1, w, r, w, r, 0, b, r);
    divide_gaps(x, s, b);
    gemm_f8(false, true, r, s->n, r, 1, b, r, s->u, r, 0, cu, s->n);
    fill_cross(&p, x, s, cu);
    fill_alphas(&p, x, s, q->alphas);
    status = pack_all(x, &p, e);
done:
    plain_free(&p);
    free(b);
    free(cu);
    free(w);
    return status;
}

/* ---- an operator an alpha ---- */

static int by_operators(screen *x, const factor *f, const double *shrink, err *e)
{
    int status = -1;
    size_t n = f->n, m = f->m, r = f->r, A = x->n_alphas;
    double *scaled = mem_new(m * r + 1, sizeof *scaled, e), *one = mem_new(m * n + 1, sizeof *one, e);
    float *apply = mem_new(m * n + 1, sizeof *apply, e);
    if (!(x->apply = mem_new(A + 1, sizeof *x->apply, e)) || !scaled || !one || !apply) goto done;
    for (size_t a = 0; a < A; a++) {
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < r; j++) scaled[i * r + j] = f->apply[i * r + j] * shrink[j * A + a];
        gemm_f8(false, true, m, n, r, 1, scaled, r, f->left, r, 0, one, n);
        for (size_t i = 0; i < m; i++) {
            double sum = 0;
            for (size_t j = 0; j < n; j++) sum += one[i * n + j];
            for (size_t j = 0; j < n; j++) apply[i * n + j] = (float)(one[i * n + j] + (1 - sum) / (double)n);
        }
        if (packed_new(&x->apply[a], PACKED_F4, BLOCK, n + m, m, apply, m, n, e)) goto done;
    }
    status = 0;
done:
    free(scaled);
    free(one);
    free(apply);
    return status;
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
    const factor *f = o->fold[k];
    if (q->n_alphas > FEW_ALPHAS || 4 * f->r * (x->n + x->m) < q->n_alphas * x->m * x->n) { /* few alphas of few columns, too */
        if (spectrum_make(&p, f, e)) goto done;
        size_t near = count_near(&p);
        if (p.r && near <= MANY_NEAR * p.r && near <= MOST_NEAR) status = by_partial_fractions(x, &p, q, near, e);
    }
    if (!x->partial) status = by_operators(x, o->fold[k], o->shrink[k], e);
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

/* z and f become diagonal∘z² with what near pairs add, and z∘f. */
HOT static void products(screen_space *w, const screen *x)
{
    size_t r = x->r;
    float add[MOST_NEAR];
    for (size_t j = 0; j < BLOCK; j++) {
        float *z = w->zf + 2 * j * r, *f = z + r;
        for (size_t t = 0; t < x->near; t++) add[t] = x->near_value[t] * z[x->near_a[t]] * z[x->near_b[t]];
        for (size_t i = 0; i < r; i++) {
            f[i] *= z[i];
            z[i] = x->diagonal[i] * z[i] * z[i];
        }
        for (size_t t = 0; t < x->near; t++) {
            z[x->near_a[t]] += add[t];
            z[x->near_b[t]] += add[t];
        }
    }
}

HOT static void multiply(float *c, const float *zf, size_t r)
{
    for (size_t j = 0; j < BLOCK; j++)
        for (size_t i = 0; i < r; i++) c[j * r + i] *= zf[2 * j * r + i];
}

/* To s [BLOCK×A]: squared norm of the prediction (r), or of the error less that of the target (mse, r2); r: inner products with
 * the target to s + BLOCK×A. */
static int partial_sums(screen_space *w, const screen *x, err *e)
{
    const float *rows = w->rows.rows;
    if (packed_product(x->left, rows, w->zf, e) || packed_product(x->cross, rows, w->zf + x->r, e)) return -1;
    if (x->ranks) {
        if (packed_product(x->valid, rows + x->n, w->c, e)) return -1;
        multiply(w->c, w->zf, x->r);
        if (packed_product(x->once, w->c, w->s + x->n_alphas * BLOCK, e)) return -1;
    }
    products(w, x);
    return packed_product(x->twice, w->zf, w->s, e);
}

HOT static void add_partial_scores(float *score, const screen *x, const screen_space *w, select_by select, float share)
{
    size_t A = x->n_alphas;
    for (size_t j = 0; j < BLOCK; j++) {
        const float *square = w->s + j * A, *product = w->s + (BLOCK + j) * A;
        float *to = score + j * A, about = w->rows.about_train[j], spread = w->rows.about_valid[j];
        for (size_t a = 0; a < A; a++) {
            if (select == SELECT_MSE) to[a] -= share * (square[a] + about) / (float)x->m;
            else if (select == SELECT_R2) to[a] += share * (1 - (square[a] + about) / spread);
            /* a prediction that hardly varies: whether it counts as constant is for the exact score to say */
            else to[a] += square[a] > 1e-13f * (float)x->m ? share * product[a] / sqrtf(square[a] * spread) : NAN;
        }
    }
}

int screen_scores(float *score, float *scale, uint8_t *unsure, screen_space *w, screen *const *screens, const inner_set *s,
                  const nested_problem *q, const float *y, size_t rows, err *e)
{
    float share = 1 / (float)s->count;
    memset(score, 0, q->n_alphas * BLOCK * sizeof *score);
    memset(unsure, 0, BLOCK);
    memset(scale, 0, BLOCK * sizeof *scale);
    for (size_t k = 0; k < s->count; k++) {
        const screen *x = screens[k];
        fold_rows_take(&w->rows, &s->fold[k], y, rows, BLOCK);
        add_scale(scale, unsure, &w->rows, q->select, share, BLOCK);
        if (x->partial) {
            if (partial_sums(w, x, e)) return -1;
            add_partial_scores(score, x, w, q->select, share);
        }
        for (size_t a = 0; a < x->n_alphas && !x->partial; a++) {
            if (packed_product(x->apply[a], w->rows.rows, w->prediction, e)) return -1;
            add_prediction_scores(score + a, x->n_alphas, &w->rows, w->prediction, q->select, share, BLOCK);
        }
    }
    return 0;
}
