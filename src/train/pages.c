/* SPDX-License-Identifier: MIT */
/* Large arrays straight from the system: zeroed, aligned, in huge pages where those are to be had. The first sweep over two
 * gigabytes of small pages costs as much as a training step. */
#include <stdlib.h>
#include <sys/mman.h>

#include "engine.h"

enum { HUGE = 2 << 20, LEAD = 64 }; /* in front of the array: its length */

void *pages_new(size_t count, size_t size, err *e)
{
    size_t bytes, all;
    if (size_mul(count, size, &bytes, e) || size_add(bytes, LEAD + HUGE, &all, e)) return NULL;
    all = all / HUGE * HUGE;
    if (bytes < HUGE) all = bytes + LEAD;
    char *p = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        err_memory(e, bytes);
        return NULL;
    }
    if (all >= HUGE) madvise(p, all, MADV_HUGEPAGE); /* a wish */
    *(size_t *)(void *)p = all;
    return p + LEAD;
}

void pages_free(void *p)
{
    if (!p) return;
    char *at = (char *)p - LEAD;
    munmap(at, *(size_t *)(void *)at);
}
