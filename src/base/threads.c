/* SPDX-License-Identifier: MIT */
#include "broca/base.h"

#include <omp.h>
#include <signal.h>

static int count = 1;
static volatile sig_atomic_t caught;

void threads_start(size_t n)
{
    count = n ? (n > 1024 ? 1024 : (int)n) : omp_get_num_procs();
    omp_set_dynamic(0);
    omp_set_num_threads(1);
}

int threads_count(void)
{
    return count;
}

static void remember(int number)
{
    caught = number;
}

void interrupt_catch(void)
{
    struct sigaction act = { .sa_handler = remember };
    sigemptyset(&act.sa_mask);
    act.sa_flags = (int)SA_RESETHAND; /* a second signal ends the process */
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
}

bool interrupted(void)
{
    return caught != 0;
}
