/* SPDX-License-Identifier: MIT */
/* Log, warnings that travel with products, progress. One log per process. */
#include "broca/base.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static log_options settings;
static const char **kept;
static size_t n_kept;

void log_start(const log_options *o)
{
    settings = *o;
}

static void quote(FILE *to, const char *text)
{
    fputc('"', to);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') fprintf(to, "\\%c", c);
        else if (c == '\n') fputs("\\n", to);
        else if (c < 0x20) fprintf(to, "\\u%04x", c);
        else fputc(c, to);
    }
    fputc('"', to);
}

static void event(const char *kind, const char *text)
{
    printf("{\"event\":\"%s\",\"stage\":", kind);
    quote(stdout, settings.stage ? settings.stage : "");
    fputs(",\"text\":", stdout);
    quote(stdout, text);
    puts("}");
    fflush(stdout);
}

static void line(const char *kind, const char *mark, const char *text)
{
    if (settings.json) event(kind, text);
    else fprintf(stderr, "broca%s%s: %s%s\n", settings.stage ? " " : "", settings.stage ? settings.stage : "", mark, text);
}

#define FORMAT_TEXT(text, format)                                                                                      \
    char text[2048];                                                                                                   \
    va_list list;                                                                                                      \
    va_start(list, format);                                                                                            \
    vsnprintf(text, sizeof text, format, list);                                                                        \
    va_end(list)

void log_info(const char *format, ...)
{
    FORMAT_TEXT(text, format);
    if (!settings.quiet) line("info", "", text);
}

void log_keep(const char *text)
{
    for (size_t i = 0; i < n_kept; i++)
        if (str_same(kept[i], text)) return;
    const char **more = realloc(kept, (n_kept + 1) * sizeof *kept);
    if (!more) return;
    kept = more;
    char *copy = strdup(text);
    if (copy) kept[n_kept++] = copy;
}

void log_warn(const char *format, ...)
{
    FORMAT_TEXT(text, format);
    log_keep(text);
    if (!settings.quiet) line("warning", "warning: ", text);
}

size_t log_warnings(const char *const **texts)
{
    *texts = kept;
    return n_kept;
}

void log_result(const char *format, ...)
{
    FORMAT_TEXT(text, format);
    if (settings.json || !settings.quiet) line("result", "", text);
}

void log_error(const err *e)
{
    line("error", "", err_text(e));
}

static bool on_terminal(void)
{
    return isatty(STDERR_FILENO) && !settings.json;
}

void progress_start(progress *p, const char *what, size_t total)
{
    memset(p, 0, sizeof *p);
    p->total = total;
    p->start_s = p->shown_s = clock_s();
    snprintf(p->what, sizeof p->what, "%s", what);
}

static void show(const progress *p, size_t done, double now)
{
    char text[1200];
    double used = now - p->start_s, share = (double)done / (double)(p->total ? p->total : 1);
    double rate = used > 0 ? (double)(done - p->first) / used : 0;
    snprintf(text, sizeof text, "%s: %3.0f %%, %zu of %zu, %s%.1f a second, %.0f s left", p->what, 100 * share, done, p->total,
             p->note, rate, rate > 0 ? (double)(p->total - done) / rate : 0);
    if (on_terminal()) fprintf(stderr, "\r\033[K%s", text);
    else line("progress", "", text);
}

void progress_step(progress *p, size_t by)
{
    if (settings.quiet && !settings.json) return;
#pragma omp critical(broca_progress)
    {
        double now = clock_s();
        p->done += by;
        size_t tenth = p->total ? 10 * p->done / p->total : 0;
        /* short work needs no progress: nothing is shown in the first two seconds */
        bool due = on_terminal() ? now - p->shown_s > 0.2 : tenth > p->printed;
        if (due && now - p->start_s > 2 && p->done < p->total) {
            show(p, p->done, now);
            p->shown_s = now;
            p->printed = tenth;
        }
    }
}

void progress_resume(progress *p, size_t done)
{
    p->done = p->first = done;
    p->printed = p->total ? 10 * done / p->total : 0;
}

void progress_note(progress *p, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(p->note, sizeof p->note, format, list);
    va_end(list);
}

void progress_end(progress *p)
{
    if (!settings.quiet && on_terminal() && p->shown_s > p->start_s) fputs("\r\033[K", stderr);
}
