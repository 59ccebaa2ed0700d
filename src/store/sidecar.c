/* SPDX-License-Identifier: MIT */
/* FILE.json beside a product: what may differ between equal products (times, machine), and how to repeat it. */
#include "broca/store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void add_processor(buffer *b)
{
    char line[512];
    FILE *f = fopen("/proc/cpuinfo", "r");
    const char *name = "unknown";
    while (f && fgets(line, sizeof line, f)) {
        if (!str_begins(line, "model name")) continue;
        char *colon = strchr(line, ':');
        if (colon) {
            colon[strcspn(colon, "\n")] = 0;
            name = colon + 2;
        }
        break;
    }
    json_quote(b, name);
    if (f) fclose(f);
}

static void add_machine(buffer *b)
{
    struct utsname u;
    if (uname(&u)) memset(&u, 0, sizeof u);
    buffer_text(b, "{\"system\":");
    json_quote(b, u.sysname);
    buffer_text(b, ",\"release\":");
    json_quote(b, u.release);
    buffer_text(b, ",\"architecture\":");
    json_quote(b, u.machine);
    buffer_text(b, ",\"processor\":");
    add_processor(b);
    buffer_printf(b, ",\"processors\":%ld,\"threads\":%d}", sysconf(_SC_NPROCESSORS_ONLN), threads_count());
}

int sidecar_write(const sidecar *s, err *e)
{
    buffer b = { 0 };
    char when[64] = "";
    time_t seconds = (time_t)s->started_s;
    struct tm parts;
    if (gmtime_r(&seconds, &parts)) strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &parts);
    buffer_text(&b, "{\n\"command\":[");
    for (int i = 0; i < s->argc; i++) {
        if (i) buffer_text(&b, ",");
        json_quote(&b, s->argv[i]);
    }
    buffer_printf(&b, "],\n\"version\":\"%s\",\"commit\":\"%s\",\n\"inputs\":%s,\n\"machine\":", BROCA_VERSION, build_commit(),
                  s->inputs ? s->inputs : "[]");
    add_machine(&b);
    buffer_text(&b, ",\n\"blas\":");
    json_quote(&b, s->blas ? s->blas : "");
    buffer_printf(&b, ",\n\"started\":\"%s\",\"wall_s\":%.3f,\"cpu_s\":%.3f,\"peak_bytes\":%zu\n}\n", when, s->wall_s, s->cpu_s,
                  clock_peak_bytes());
    char *path = str_format(e, "%s.json", s->product);
    int status = path && !buffer_ok(&b, e) ? atomic_write(path, b.at, b.size, e) : -1;
    free(path);
    free(b.at);
    return status;
}
