/* SPDX-License-Identifier: MIT */
/* Numbers of either byte order: npy, NIfTI and GIFTI read theirs here. */
#include "number.h"

#include <math.h>
#include <string.h>

bool machine_is_little(void)
{
    const uint16_t one = 1;
    return *(const uint8_t *)&one == 1;
}

uint64_t number_word(const uint8_t *at, size_t bytes, bool swap)
{
    uint64_t word = 0;
    bool little = machine_is_little() != swap; /* of the file */
    for (size_t k = 0; k < bytes; k++) word |= (uint64_t)at[k] << 8 * (little ? k : bytes - 1 - k);
    return word;
}

static double from_half(uint64_t h)
{
    int exponent = (int)(h >> 10 & 31), mantissa = (int)(h & 1023);
    double x = exponent == 31 ? (mantissa ? NAN : INFINITY) : exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    return h & 0x8000 ? -x : x;
}

double number_value(const number_layout *l, const uint8_t *at)
{
    uint64_t w = number_word(at, l->bytes, l->swap);
    uint32_t low = (uint32_t)w;
    float f;
    double d;
    if (l->kind == 'f') {
        memcpy(&f, &low, sizeof f);
        memcpy(&d, &w, sizeof d);
        return l->bytes == 2 ? from_half(w) : l->bytes == 4 ? (double)f : d;
    }
    if (l->kind != 'i') return (double)w;
    switch (l->bytes) {
    case 1: return (double)(int8_t)w;
    case 2: return (double)(int16_t)w;
    case 4: return (double)(int32_t)w;
    default: return (double)(int64_t)w;
    }
}
