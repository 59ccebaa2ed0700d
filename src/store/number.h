/* SPDX-License-Identifier: MIT */
/* Numbers as they lie in the files of others, in either byte order (private to the room). */
#ifndef BROCA_STORE_NUMBER_H
#define BROCA_STORE_NUMBER_H

#include "broca/base.h"

typedef struct {
    char kind;    /* f floating of 2, 4 or 8 bytes; i whole, u whole without a sign, b truth: of 1, 2, 4 or 8 */
    size_t bytes;
    bool swap;    /* the other byte order than this machine's */
} number_layout;

bool machine_is_little(void);
/* 1 to 8 bytes as a whole number without a sign. */
uint64_t number_word(const uint8_t *at, size_t bytes, bool swap);
/* Whole numbers of more than 53 bits are rounded. */
double number_value(const number_layout *l, const uint8_t *at);

#endif
