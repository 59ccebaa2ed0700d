/* SPDX-License-Identifier: MIT */
/* What most unit tests need: cmocka, and files in a folder of their own. */
#ifndef BROCA_TEST_CHECK_H
#define BROCA_TEST_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broca/base.h"

/* A fresh folder under $TMPDIR or /tmp; the same one for the whole program. */
static inline const char *test_folder(void)
{
    static char path[512];
    if (!*path) {
        const char *tmp = getenv("TMPDIR");
        snprintf(path, sizeof path, "%.400s/broca-test-XXXXXX", tmp ? tmp : "/tmp");
        if (!mkdtemp(path)) abort();
    }
    return path;
}

static inline const char *test_path(const char *name)
{
    static char path[4][1024];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", test_folder(), name);
    return p;
}

static inline const char *test_write(const char *name, const char *text)
{
    const char *path = test_path(name);
    FILE *f = fopen(path, "wb");
    if (!f) abort();
    fputs(text, f);
    fclose(f);
    return path;
}

static inline int test_clean(void **state)
{
    char command[600];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", test_folder());
    return system(command);
}

#define assert_near(a, b, tolerance)                                                                                   \
    do {                                                                                                               \
        double a_ = (a), b_ = (b);                                                                                     \
        if (!(fabs(a_ - b_) <= (tolerance))) fail_msg("%s = %.12g, expected %.12g within %g", #a, a_, b_, (double)(tolerance)); \
    } while (0)

#define assert_says(e, text)                                                                                           \
    do {                                                                                                               \
        if (!strstr(err_text(&(e)), text)) fail_msg("error says \"%s\", not \"%s\"", err_text(&(e)), text);            \
    } while (0)

#endif
