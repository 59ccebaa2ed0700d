/* SPDX-License-Identifier: MIT */
/* Making responses in memory (private to the room). */
#ifndef BROCA_RESPONSES_BUILD_H
#define BROCA_RESPONSES_BUILD_H

#include "broca/responses.h"

/* Arena, ids, run (all 1), data [n×v] zeroed, subject, roi, index; tr NaN. */
responses *responses_new(size_t n, size_t v, err *e);
int responses_name(responses *r, size_t neuroid, const char *subject, const char *roi, int32_t index, err *e);
int responses_exclude(responses *r, const char *what, const char *reason, err *e);

#endif
