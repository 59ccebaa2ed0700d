/* SPDX-License-Identifier: MIT */
/* The engine in mixed precision: operands of the products of weights in bf16, everything else, and every sum, in fp32. */
#define REAL_IS_FLOAT
#define MIXED
#define NAME(x) x##_bf16
#define gemm gemm_f4
#define sqrt_real sqrtf
#include <stdint.h>
typedef float real;
typedef uint16_t op;
#include "engine.inc"
