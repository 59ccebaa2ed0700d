/* SPDX-License-Identifier: MIT */
#include "broca/base.h"

#include <sys/resource.h>
#include <time.h>

double clock_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double clock_cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

size_t clock_peak_bytes(void)
{
    struct rusage use;
    if (getrusage(RUSAGE_SELF, &use)) return 0;
    return (size_t)use.ru_maxrss * 1024;
}
