/* SPDX-License-Identifier: MIT */
/* The engine in fp32. */
#define REAL_IS_FLOAT
#define NAME(x) x##_f4
#define gemm gemm_f4
#define sqrt_real sqrtf
typedef float real, op;
#include "engine.inc"
