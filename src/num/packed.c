/* SPDX-License-Identifier: MIT */
/* Products with an operand that is packed once: by oneDNN where it is built in (the only file that includes its header), else
 * by OpenBLAS. oneDNN's primitives are shared by threads, so that each call brings its own scratchpad: the library's own would be
 * shared, too. Within OpenMP regions, and outside by threads_start, each call is single-threaded. */
#include "broca/num.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ridge.h"

static void reference_i8(float *y, const float *x, const float *b, size_t m, size_t n, size_t k)
{
    int8_t *row = calloc(2 * k + 1, 1), *column = row + k;
    for (size_t i = 0; row && i < m; i++) {
        i8_round(row, x + i * k, k);
        for (size_t j = 0; j < n; j++) {
            float step = i8_round(column, b + j * k, k);
            int32_t sum = 0;
            for (size_t l = 0; l < k; l++) sum += row[l] * column[l];
            y[i * n + j] = step * (float)sum;
        }
    }
    free(row);
}

/* y [m×n] = x [m×k] · b', the plain way (rounded and summed as the fast one does): what tests compare with. */
void packed_reference(float *y, const float *x, const float *b, size_t m, size_t n, size_t k, packed_kind kind)
{
    if (kind == PACKED_I8) {
        reference_i8(y, x, b, m, n, k);
        return;
    }
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            float sum = 0;
            for (size_t l = 0; l < k; l++)
                sum += kind == PACKED_F4 ? x[i * k + l] * b[j * k + l] : bf16_value(bf16_of(x[i * k + l])) * bf16_value(bf16_of(b[j * k + l]));
            y[i * n + j] = sum;
        }
}

HOT float i8_round(int8_t *out, const float *x, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i++) {
        float size = x[i] < 0 ? -x[i] : x[i];
        most = size > most ? size : most;
    }
    float by = most > 0 ? 127 / most : 0;
    if (!(by <= FLT_MAX)) by = 0; /* too small to matter */
    for (size_t i = 0; i < n; i++) {
        union { float f; int32_t i; } bits = { x[i] * by + 12582912.0f }; /* 1.5 * 2^23: the fraction is rounded away */
        out[i] = (int8_t)(bits.i - 0x4b400000);
    }
    return by > 0 ? most / 127 : 0;
}

void bf16_round(uint16_t *out, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] = bf16_of(x[i]);
}

#ifdef BROCA_ONEDNN
#include <oneapi/dnnl/dnnl.h>

struct packed {
    size_t m, stride, y_stride, n, k;
    packed_kind kind;
    void *b;                           /* packed */
    float *step;                       /* I8: [n] of b's rows */
    dnnl_primitive_t product;
    dnnl_memory_desc_t x_form, b_form, y_form, scratch_form;
    size_t scratch;
};

static dnnl_engine_t engine;

static int failed(dnnl_status_t s, const char *what, err *e)
{
    if (s == dnnl_success) return 0;
    if (s == dnnl_out_of_memory) return err_memory(e, 0);
    return err_set(e, ERR_ENVIRONMENT, "oneDNN: %s failed (status %d)", what, (int)s);
}

static int start(err *e)
{
    dnnl_status_t s = dnnl_success;
#pragma omp critical(broca_onednn)
    if (!engine) s = dnnl_engine_create(&engine, dnnl_cpu, 0);
    return failed(s, "starting", e);
}

bool packed_has(packed_kind kind)
{
#if defined(__x86_64__)
    if (kind == PACKED_BF16) return __builtin_cpu_supports("avx512bf16");
    if (kind == PACKED_I8) return __builtin_cpu_supports("avx512vnni");
#endif
    return kind == PACKED_F4;
}

const char *packed_name(void)
{
    static char name[48];
    const dnnl_version_t *v = dnnl_version();
    snprintf(name, sizeof name, "; oneDNN %d.%d.%d", v->major, v->minor, v->patch);
    return name;
}

static dnnl_data_type_t type_of(packed_kind kind)
{
    return kind == PACKED_BF16 ? dnnl_bf16 : kind == PACKED_I8 ? dnnl_s8 : dnnl_f32;
}

static int make_product(packed *p, err *e)
{
    dnnl_dims_t x = { (dnnl_dim_t)p->m, (dnnl_dim_t)p->k }, apart = { (dnnl_dim_t)p->stride, 1 }, y_apart = { (dnnl_dim_t)p->y_stride, 1 }, b = { (dnnl_dim_t)p->k, (dnnl_dim_t)p->n }, y = { (dnnl_dim_t)p->m, (dnnl_dim_t)p->n };
    dnnl_data_type_t type = type_of(p->kind);
    dnnl_memory_desc_t any;
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_primitive_desc_t plan = NULL;
    dnnl_status_t s = dnnl_memory_desc_init_by_strides(&p->x_form, 2, x, type, apart);
    if (!s) s = dnnl_memory_desc_init_by_tag(&any, 2, b, type, dnnl_format_tag_any);
    if (!s) s = dnnl_memory_desc_init_by_strides(&p->y_form, 2, y, p->kind == PACKED_I8 ? dnnl_s32 : dnnl_f32, y_apart);
    if (!s) s = dnnl_matmul_desc_init(&matmul, &p->x_form, &any, NULL, &p->y_form);
    if (!s) s = dnnl_primitive_attr_create(&attributes);
    if (!s) s = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (!s) s = dnnl_primitive_desc_create(&plan, &matmul, attributes, engine, NULL);
    if (!s) {
        p->b_form = *dnnl_primitive_desc_query_md(plan, dnnl_query_weights_md, 0);
        p->scratch_form = *dnnl_primitive_desc_query_md(plan, dnnl_query_scratchpad_md, 0);
        p->scratch = dnnl_memory_desc_get_size(&p->scratch_form);
        s = dnnl_primitive_create(&p->product, plan);
    }
    dnnl_primitive_desc_destroy(plan);
    dnnl_primitive_attr_destroy(attributes);
    return failed(s, "making a product", e);
}

typedef struct { const dnnl_memory_desc_t *form; void *at; int role; } operand;

static dnnl_status_t execute(const_dnnl_primitive_t what, const operand *o, int n)
{
    dnnl_exec_arg_t args[4];
    dnnl_memory_t memory[4] = { 0 };
    dnnl_stream_t stream = NULL;
    dnnl_status_t s = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
    for (int i = 0; i < n && !s; i++) {
        s = dnnl_memory_create(&memory[i], o[i].form, engine, o[i].at);
        args[i] = (dnnl_exec_arg_t){ o[i].role, memory[i] };
    }
    if (!s) s = dnnl_primitive_execute(what, stream, n, args);
    if (!s) s = dnnl_stream_wait(stream);
    for (int i = 0; i < n; i++) dnnl_memory_destroy(memory[i]);
    dnnl_stream_destroy(stream);
    return s;
}

static int pack(packed *p, const void *b, err *e)
{
    dnnl_dims_t shape = { (dnnl_dim_t)p->k, (dnnl_dim_t)p->n }, stride = { 1, (dnnl_dim_t)p->k };
    dnnl_memory_desc_t plain;
    dnnl_primitive_desc_t plan = NULL;
    dnnl_primitive_t reorder = NULL;
    void *to = NULL;
    if (posix_memalign(&to, 64, dnnl_memory_desc_get_size(&p->b_form) + 64)) return err_memory(e, dnnl_memory_desc_get_size(&p->b_form));
    p->b = to;
    dnnl_status_t s = dnnl_memory_desc_init_by_strides(&plain, 2, shape, p->kind == PACKED_I8 ? dnnl_s8 : dnnl_f32, stride);
    if (!s) s = dnnl_reorder_primitive_desc_create(&plan, &plain, engine, &p->b_form, engine, NULL);
    if (!s) s = dnnl_primitive_create(&reorder, plan);
    if (!s) {
        void *from = NULL; /* oneDNN reads it only, but takes no const */
        memcpy(&from, &b, sizeof from);
        operand o[] = { { &plain, from, DNNL_ARG_FROM }, { &p->b_form, p->b, DNNL_ARG_TO } };
        s = execute(reorder, o, 2);
    }
    dnnl_primitive_destroy(reorder);
    dnnl_primitive_desc_destroy(plan);
    return failed(s, "packing", e);
}

/* Rounds b row by row before it is packed. */
static int pack_i8(packed *p, const float *b, err *e)
{
    int8_t *rounded = mem_new(p->n * p->k + 1, 1, e);
    p->step = mem_new(p->n + 1, sizeof *p->step, e);
    int status = rounded && p->step ? 0 : -1;
    for (size_t j = 0; j < p->n && !status; j++) p->step[j] = i8_round(rounded + j * p->k, b + j * p->k, p->k);
    if (!status) status = make_product(p, e) || pack(p, rounded, e) ? -1 : 0;
    free(rounded);
    return status;
}

int packed_new(packed **out, packed_kind kind, size_t m, size_t stride, size_t y_stride, const float *b, size_t n, size_t k, err *e)
{
    *out = NULL;
    packed *p = mem_new(1, sizeof *p, e);
    if (!p) return -1;
    p->m = m;
    p->stride = stride;
    p->y_stride = y_stride;
    p->n = n;
    p->k = k;
    p->kind = kind;
    if (start(e) || (n && k && (kind == PACKED_I8 ? pack_i8(p, b, e) : make_product(p, e) || pack(p, b, e)))) {
        packed_free(p);
        return -1;
    }
    *out = p;
    return 0;
}

/* Sums of int8 products become floats where they lie. By oneDNN a primitive would hold the steps and be compiled anew for each operand. */
HOT static void take_steps(float *y, const float *step, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        union { float f; int32_t i; } sum = { y[j] };
        y[j] = step[j] * (float)sum.i;
    }
}

int packed_product(const packed *p, const void *x, float *y, err *e)
{
    enum { SMALL = 16384 };
    _Alignas(64) char small[SMALL];
    void *scratch = small, *from;
    if (!p->n) return 0;
    if (!p->k) {
        for (size_t i = 0; i < p->m; i++) memset(y + i * p->y_stride, 0, p->n * sizeof *y);
        return 0;
    }
    if (p->scratch > SMALL && posix_memalign(&scratch, 64, p->scratch)) return err_memory(e, p->scratch);
    memcpy(&from, &x, sizeof from);
    operand o[] = { { &p->x_form, from, DNNL_ARG_SRC }, { &p->b_form, p->b, DNNL_ARG_WEIGHTS }, { &p->y_form, y, DNNL_ARG_DST },
                    { &p->scratch_form, scratch, DNNL_ARG_SCRATCHPAD } };
    dnnl_status_t s = execute(p->product, o, 4);
    for (size_t i = 0; i < p->m && p->step; i++) take_steps(y + i * p->y_stride, p->step, p->n);
    if (scratch != small) free(scratch);
    return failed(s, "a product", e);
}

/* ---- products of plain operands ---- */

typedef struct {
    bool ta, tb, add;
    size_t m, n, k, lda, ldb, ldc;
} shape;
typedef struct {
    shape of;
    dnnl_primitive_t product;
    dnnl_memory_desc_t a_form, b_form, c_form, scratch_form;
    size_t scratch;
} plain;

enum { MOST_PLAINS = 256 };
static plain plains[MOST_PLAINS];
static size_t n_plains;

static void describe(dnnl_memory_desc_t *form, bool turned, size_t rows, size_t columns, size_t leading, dnnl_data_type_t type, dnnl_status_t *s)
{
    dnnl_dims_t size = { (dnnl_dim_t)rows, (dnnl_dim_t)columns };
    dnnl_dims_t stride = { turned ? 1 : (dnnl_dim_t)leading, turned ? (dnnl_dim_t)leading : 1 };
    if (!*s) *s = dnnl_memory_desc_init_by_strides(form, 2, size, type, stride);
}

static int plain_make(plain *p, const shape *of, err *e)
{
    dnnl_status_t s = dnnl_success;
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_post_ops_t after = NULL;
    dnnl_primitive_desc_t plan = NULL;
    p->of = *of;
    describe(&p->a_form, of->ta, of->m, of->k, of->lda, dnnl_bf16, &s);
    describe(&p->b_form, of->tb, of->k, of->n, of->ldb, dnnl_bf16, &s);
    describe(&p->c_form, false, of->m, of->n, of->ldc, dnnl_f32, &s);
    if (!s) s = dnnl_matmul_desc_init(&matmul, &p->a_form, &p->b_form, NULL, &p->c_form);
    if (!s) s = dnnl_primitive_attr_create(&attributes);
    if (!s) s = dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user);
    if (!s) s = dnnl_post_ops_create(&after);
    if (!s && of->add) s = dnnl_post_ops_append_sum(after, 1);
    if (!s) s = dnnl_primitive_attr_set_post_ops(attributes, after);
    if (!s) s = dnnl_primitive_desc_create(&plan, &matmul, attributes, engine, NULL);
    if (!s) {
        p->scratch_form = *dnnl_primitive_desc_query_md(plan, dnnl_query_scratchpad_md, 0);
        p->scratch = dnnl_memory_desc_get_size(&p->scratch_form);
        s = dnnl_primitive_create(&p->product, plan);
    }
    dnnl_primitive_desc_destroy(plan);
    dnnl_primitive_attr_destroy(attributes);
    dnnl_post_ops_destroy(after);
    return failed(s, "planning a product", e);
}

static bool same_shape(const shape *a, const shape *b)
{
    return a->ta == b->ta && a->tb == b->tb && a->add == b->add && a->m == b->m && a->n == b->n && a->k == b->k && a->lda == b->lda &&
           a->ldb == b->ldb && a->ldc == b->ldc;
}

/* Plans stay where they are, so that a finder needs no lock after this. */
static const plain *plain_find(const shape *of, err *e)
{
    const plain *found = NULL;
#pragma omp critical(broca_onednn_plain)
    {
        for (size_t i = 0; i < n_plains && !found; i++)
            if (same_shape(&plains[i].of, of)) found = &plains[i];
        if (!found && n_plains == MOST_PLAINS) err_set(e, ERR_ENVIRONMENT, "more than %d shapes of bf16 products", MOST_PLAINS);
        else if (!found && !plain_make(&plains[n_plains], of, e)) found = &plains[n_plains++];
    }
    return found;
}

int gemm_bf16(bool ta, bool tb, size_t m, size_t n, size_t k, const uint16_t *a, size_t lda, const uint16_t *b, size_t ldb, bool add,
              float *c, size_t ldc, err *e)
{
    const shape of = { ta, tb, add, m, n, k, lda, ldb, ldc };
    void *scratch = NULL, *from, *with;
    if (!packed_has(PACKED_BF16)) return err_set(e, ERR_USAGE, "this processor does not multiply bf16");
    const plain *p = start(e) ? NULL : plain_find(&of, e);
    if (!p) return -1;
    if (p->scratch && posix_memalign(&scratch, 64, p->scratch)) return err_memory(e, p->scratch);
    memcpy(&from, &a, sizeof from); /* oneDNN reads them only, but takes no const */
    memcpy(&with, &b, sizeof with);
    operand o[] = { { &p->a_form, from, DNNL_ARG_SRC }, { &p->b_form, with, DNNL_ARG_WEIGHTS }, { &p->c_form, c, DNNL_ARG_DST },
                    { &p->scratch_form, scratch, DNNL_ARG_SCRATCHPAD } };
    dnnl_status_t s = execute(p->product, o, p->scratch ? 4 : 3);
    free(scratch);
    return failed(s, "a product", e);
}

size_t packed_bytes(const packed *p)
{
    return p->b ? dnnl_memory_desc_get_size(&p->b_form) : 0;
}

void packed_free(packed *p)
{
    if (!p) return;
    if (p->product) dnnl_primitive_destroy(p->product);
    free(p->b);
    free(p->step);
    free(p);
}

#else

struct packed {
    size_t m, stride, y_stride, n, k;
    float *b; /* [n×k] */
};

const char *packed_name(void)
{
    return "";
}

bool packed_has(packed_kind kind)
{
    return kind == PACKED_F4;
}

int packed_new(packed **out, packed_kind kind, size_t m, size_t stride, size_t y_stride, const float *b, size_t n, size_t k, err *e)
{
    *out = NULL;
    if (kind != PACKED_F4) return err_set(e, ERR_USAGE, "bf16 and int8 need a build with oneDNN 2");
    packed *p = mem_new(1, sizeof *p, e);
    if (!p) return -1;
    p->m = m;
    p->stride = stride;
    p->y_stride = y_stride;
    p->n = n;
    p->k = k;
    if (!(p->b = mem_copy(b, n * k * sizeof *b, e))) {
        free(p);
        return -1;
    }
    *out = p;
    return 0;
}

int packed_product(const packed *p, const void *x, float *y, err *e)
{
    (void)e;
    gemm_f4(false, true, p->m, p->n, p->k, 1, x, p->stride, p->b, p->k, 0, y, p->y_stride);
    return 0;
}

int gemm_bf16(bool ta, bool tb, size_t m, size_t n, size_t k, const uint16_t *a, size_t lda, const uint16_t *b, size_t ldb, bool add,
              float *c, size_t ldc, err *e)
{
    (void)ta, (void)tb, (void)m, (void)n, (void)k, (void)a, (void)lda, (void)b, (void)ldb, (void)add, (void)c, (void)ldc;
    return err_set(e, ERR_USAGE, "bf16 needs a build with oneDNN 2");
}

size_t packed_bytes(const packed *p)
{
    return p->n * p->k * sizeof *p->b;
}

void packed_free(packed *p)
{
    if (p) free(p->b);
    free(p);
}
#endif
