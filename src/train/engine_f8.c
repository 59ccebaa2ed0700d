/* SPDX-License-Identifier: MIT */
/* The engine in fp64: derivatives that central differences can check, and a measure of what fp32 loses. */
#define NAME(x) x##_f8
#define gemm gemm_f8
#define sqrt_real sqrt
typedef double real, op;
#include "engine.inc"
