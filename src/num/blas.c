/* SPDX-License-Identifier: MIT */
/* The seam to BLAS and LAPACK: the only file that includes cblas.h. LAPACK by its Fortran names out of libopenblas itself,
 * because liblapacke would go through another library. Row-major here is column-major transposed there. */
#include "broca/num.h"

#include <cblas.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ridge.h"

/* Fortran passes the length of each character argument behind the others. */
extern void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work,
                    const int *lwork, int *iwork, const int *liwork, int *info, size_t, size_t);
extern void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t);
extern void dlauum_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t);
extern void spotrf_(const char *uplo, const int *n, float *a, const int *lda, int *info, size_t);
extern void slauum_(const char *uplo, const int *n, float *a, const int *lda, int *info, size_t);
extern void dgesdd_(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
                    const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info,
                    size_t);
extern void dgesvd_(const char *jobu, const char *jobvt, const int *m, const int *n, double *a, const int *lda, double *s,
                    double *u, const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *info,
                    size_t, size_t);

static char name_text[256] = "OpenBLAS";

void blas_start(void)
{
    const char *config = openblas_get_config(), *kind = "serial";
    char version[32] = "";
    openblas_set_num_threads(1); /* enough for the pthread build; the openmp build obeys the default of threads_start */
    if (openblas_get_parallel() == 1) kind = "pthread";
    if (openblas_get_parallel() == 2) kind = "openmp";
    if (config && sscanf(config, "OpenBLAS %31s", version) != 1) version[0] = 0;
    snprintf(name_text, sizeof name_text, "OpenBLAS %s (%s), core %s%s", version, kind, openblas_get_corename(), packed_name());
}

const char *blas_name(void)
{
    return name_text;
}

static CBLAS_TRANSPOSE op(bool transposed)
{
    return transposed ? CblasTrans : CblasNoTrans;
}

static size_t at_least_one(size_t n)
{
    return n ? n : 1;
}

void gemm_f4(bool ta, bool tb, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda, const float *b,
             size_t ldb, float beta, float *c, size_t ldc)
{
    cblas_sgemm(CblasRowMajor, op(ta), op(tb), (blasint)m, (blasint)n, (blasint)k, alpha, a, (blasint)at_least_one(lda), b,
                (blasint)at_least_one(ldb), beta, c, (blasint)at_least_one(ldc));
}

void gemm_f8(bool ta, bool tb, size_t m, size_t n, size_t k, double alpha, const double *a, size_t lda, const double *b,
             size_t ldb, double beta, double *c, size_t ldc)
{
    cblas_dgemm(CblasRowMajor, op(ta), op(tb), (blasint)m, (blasint)n, (blasint)k, alpha, a, (blasint)at_least_one(lda), b,
                (blasint)at_least_one(ldb), beta, c, (blasint)at_least_one(ldc));
}

static int finite_or_error(const double *a, size_t n, const char *what, err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(a[i])) return err_set(e, ERR_INPUT, "%s: value %zu of the matrix is not finite", what, i);
    return 0;
}

static int fits_int(size_t n, const char *what, err *e)
{
    if (n <= INT_MAX) return 0;
    return err_set(e, ERR_INPUT, "%s: dimension %zu is beyond LAPACK's integers", what, n);
}

/* ---- positive definite matrices ---- */

enum { LEAF = 32 };

static size_t half_of(size_t n)
{
    size_t h = (n / 2 + 15) / 16 * 16; /* whole tiles of the kernels */
    return h < n ? h : n / 2;
}

#define REAL double
#define FN(name) name
#define LAPACK(name) d##name
#define CBLAS(name) cblas_d##name
#define NOT_POSITIVE " (LAPACK info %d): larger alphas"
#include "triangle.inc"
#undef REAL
#undef FN
#undef LAPACK
#undef CBLAS
#undef NOT_POSITIVE

#define REAL float
#define FN(name) name##_f4
#define LAPACK(name) s##name
#define CBLAS(name) cblas_s##name
#define NOT_POSITIVE " in fp32 (LAPACK info %d)"
#include "triangle.inc"

int solve_positive(size_t n, double *a, size_t m, double *b, err *e)
{
    if (cholesky(n, a, e)) return -1;
    cholesky_solve(n, a, m, b);
    return 0;
}

void triangle_product(bool turned, size_t n, const double *v, size_t m, double *b)
{
    if (n == 0 || m == 0) return;
    cblas_dtrmm(CblasRowMajor, CblasLeft, CblasUpper, op(turned), CblasNonUnit, (blasint)n, (blasint)m, 1, v, (blasint)n, b, (blasint)m);
}

void gram_upper(size_t m, size_t k, const double *a, size_t lda, double *c)
{
    if (m == 0) return;
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasNoTrans, (blasint)m, (blasint)k, 1, a, (blasint)at_least_one(lda), 0, c, (blasint)m);
}

int inverse_root(size_t n, double *a, err *e)
{
    if (cholesky(n, a, e)) return -1;
    invert_upper(n, a, n);
    for (size_t i = 1; i < n; i++) memset(a + i * n, 0, i * sizeof *a);
    return 0;
}

int eigen_symmetric(size_t n, double *a, double *w, err *e)
{
    int status = -1, order = (int)n, lwork = -1, liwork = -1, info = 0, iask = 0;
    double ask = 0, *work = NULL;
    int *iwork = NULL;
    if (n == 0) return 0;
    if (fits_int(n, "eigen-decomposition", e)) return -1;
    if (finite_or_error(a, n * n, "eigen-decomposition", e)) return -1;
    dsyevd_("V", "U", &order, a, &order, w, &ask, &lwork, &iask, &liwork, &info, 1, 1);
    if (ask > INT_MAX) return err_set(e, ERR_INPUT, "eigen-decomposition: order %zu is too large for LAPACK", n);
    lwork = (int)ask;
    liwork = iask;
    work = mem_new((size_t)lwork, sizeof *work, e);
    iwork = mem_new((size_t)liwork, sizeof *iwork, e);
    if (!work || !iwork) goto done;
    dsyevd_("V", "U", &order, a, &order, w, work, &lwork, iwork, &liwork, &info, 1, 1);
    if (info) {
        err_set(e, ERR_INPUT, "eigen-decomposition of order %zu did not converge (LAPACK info %d)", n, info);
        goto done;
    }
    status = 0; /* column-major eigenvectors in columns are row-major ones in rows */
done:
    free(work);
    free(iwork);
    return status;
}

/* dgesdd fails to converge on rare matrices that dgesvd still does. In LAPACK's eyes the matrix is a' [n×m], so its left
 * vectors are our vt and the reverse. */
static int svd_slow(int cols, int rows, int r, double *a, double *u, double *s, double *vt, err *e)
{
    int lwork = -1, info = 0;
    double ask = 0;
    dgesvd_("S", "S", &cols, &rows, a, &cols, s, vt, &cols, u, &r, &ask, &lwork, &info, 1, 1);
    lwork = (int)ask;
    double *work = mem_new((size_t)lwork, sizeof *work, e);
    if (!work) return -1;
    dgesvd_("S", "S", &cols, &rows, a, &cols, s, vt, &cols, u, &r, work, &lwork, &info, 1, 1);
    free(work);
    if (info) return err_set(e, ERR_INPUT, "SVD of %d×%d did not converge (LAPACK info %d)", rows, cols, info);
    return 0;
}

int svd_thin(size_t m, size_t n, double *a, double *u, double *s, double *vt, err *e)
{
    int status = -1, rows = (int)m, cols = (int)n, r = rows < cols ? rows : cols, lwork = -1, info = 0;
    double ask = 0, *work = NULL, *copy = NULL;
    int *iwork = NULL;
    if (m == 0 || n == 0) return 0;
    if (fits_int(m, "SVD", e) || fits_int(n, "SVD", e)) return -1;
    if (finite_or_error(a, m * n, "SVD", e)) return -1;
    copy = mem_copy(a, m * n * sizeof *a, e);
    iwork = mem_new(8 * (size_t)r, sizeof *iwork, e);
    if (!copy || !iwork) goto done;
    dgesdd_("S", &cols, &rows, a, &cols, s, vt, &cols, u, &r, &ask, &lwork, iwork, &info, 1);
    if (ask > INT_MAX) {
        err_set(e, ERR_INPUT, "SVD: %zu×%zu is too large for LAPACK", m, n);
        goto done;
    }
    lwork = (int)ask;
    work = mem_new((size_t)lwork, sizeof *work, e);
    if (!work) goto done;
    dgesdd_("S", &cols, &rows, a, &cols, s, vt, &cols, u, &r, work, &lwork, iwork, &info, 1);
    status = info ? svd_slow(cols, rows, r, copy, u, s, vt, e) : 0;
done:
    free(work);
    free(iwork);
    free(copy);
    return status;
}
