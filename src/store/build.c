/* SPDX-License-Identifier: MIT */
/* The one object that knows the commit (the Makefile defines BROCA_COMMIT). */
#include "broca/store.h"

#ifndef BROCA_COMMIT
#define BROCA_COMMIT "unknown"
#endif

const char *build_commit(void)
{
    return BROCA_COMMIT;
}
