/* SPDX-License-Identifier: MIT */
/*
 * time STORY [SEED] >words.tsv: when each word of a story would be heard, by a rule instead of a speaker. The README
 * beside this file says why each term is there. A line of STORY is a paragraph, blanks part the words. Times: whole
 * milliseconds, added as integers.
 *
 *   word    (90 + 55 * letters) ms * exp(0.08 z) / rate(t)          t: the word's onset, z: standard normal
 *   rate(t) exp(0.15 * sum over the periods P = 23, 37, 59 s of sin(2 pi (t / P + u_P)))     u_P: uniform in [0, 1)
 *   pause   after , ; : 180 ms, after . ? ! 450 ms, after a paragraph 900 ms, times exp(0.15 z); else none
 *
 * Random numbers: Philox4x32-10, counter (a, b, 0, stream), key (SEED mod 2^32, SEED div 2^32), default SEED 1; uniform
 * (w0 + 1/2) / 2^32, normal by Box-Muller (cosine of w0, w1). Streams: 111 word jitter (word, 0), 112 pause jitter
 * (word, 0), 113 phases (period, 0).
 */
#include <Random123/philox.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_JITTER = 111, PAUSE_JITTER = 112, PHASE = 113 };
enum { LEAD_MS = 2000, LINE = 65536 };

static const double pi = 3.14159265358979323846;
static const double period_s[] = { 23, 37, 59 };
enum { PERIODS = sizeof period_s / sizeof period_s[0] };

static uint64_t seed = 1;

static philox4x32_ctr_t draw(uint32_t stream, size_t a)
{
    philox4x32_ctr_t counter = { { (uint32_t)a, 0, 0, stream } };
    philox4x32_key_t key = { { (uint32_t)seed, (uint32_t)(seed >> 32) } };
    return philox4x32(counter, key);
}

static double unit(uint32_t w)
{
    return ((double)w + 0.5) / 4294967296.0;
}

static double normal(uint32_t stream, size_t a)
{
    philox4x32_ctr_t w = draw(stream, a);
    return sqrt(-2 * log(unit(w.v[0]))) * cos(2 * pi * (double)w.v[1] / 4294967296.0);
}

static double rate(long t_ms)
{
    double sum = 0;
    for (size_t p = 0; p < PERIODS; p++) {
        double phase = unit(draw(PHASE, p).v[0]);
        sum += sin(2 * pi * ((double)t_ms / 1000 / period_s[p] + phase));
    }
    return exp(0.15 * sum);
}

static long pause_ms(char last, int ends_paragraph)
{
    if (ends_paragraph) return 900;
    if (strchr(".?!", last)) return 450;
    return strchr(",;:", last) ? 180 : 0;
}

/* The letters of a printed word, in lower case, into bare; returns how many. */
static size_t letters_of(const char *text, char *bare)
{
    size_t n = 0;
    for (const char *c = text; *c; c++)
        if (isalpha((unsigned char)*c)) bare[n++] = (char)tolower((unsigned char)*c);
    bare[n] = '\0';
    return n;
}

static void print_time(long ms)
{
    printf("\t%ld.%03ld", ms / 1000, ms % 1000);
}

/* Prints the words of one paragraph; *t_ms and *index go on from there. */
static int paragraph(const char *path, size_t line, char *row, long *t_ms, size_t *index)
{
    static char bare[LINE];
    char *rest = NULL, *next = NULL;
    for (char *w = strtok_r(row, " ", &rest); w; w = next, ++*index) {
        next = strtok_r(NULL, " ", &rest);
        size_t letters = letters_of(w, bare);
        if (!letters) {
            fprintf(stderr, "time: %s:%zu: '%s' has no letter; punctuation belongs to its word\n", path, line, w);
            return -1;
        }
        double length = (90 + 55 * (double)letters) * exp(0.08 * normal(WORD_JITTER, *index)) / rate(*t_ms);
        double silence = (double)pause_ms(w[strlen(w) - 1], !next) * exp(0.15 * normal(PAUSE_JITTER, *index));
        long offset = *t_ms + lround(length);
        fputs(bare, stdout);
        print_time(*t_ms);
        print_time(offset);
        printf("\t%s\n", w);
        *t_ms = offset + lround(silence);
    }
    return 0;
}

int main(int argc, char **argv)
{
    static char row[LINE];
    char *end = NULL;
    long t_ms = LEAD_MS;
    size_t line = 0, index = 0;
    if (argc < 2 || argc > 3) {
        fputs("usage: time STORY [SEED] >words.tsv\n", stderr);
        return 2;
    }
    if (argc == 3) seed = strtoull(argv[2], &end, 10);
    if (argc == 3 && (*end || end == argv[2])) {
        fprintf(stderr, "time: seed '%s' is no whole number\n", argv[2]);
        return 2;
    }
    FILE *f = fopen(argv[1], "r");
    if (!f) {
        fprintf(stderr, "time: %s: %s\n", argv[1], strerror(errno));
        return 2;
    }
    puts("word\tonset\toffset\ttext");
    while (fgets(row, sizeof row, f)) {
        line++;
        if (!strchr(row, '\n') && !feof(f)) {
            fprintf(stderr, "time: %s:%zu: paragraph longer than %d bytes\n", argv[1], line, LINE - 2);
            return 2;
        }
        row[strcspn(row, "\r\n")] = '\0';
        if (paragraph(argv[1], line, row, &t_ms, &index)) return 2;
    }
    if (ferror(f) || fclose(f) || fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "time: reading or writing failed: %s\n", strerror(errno));
        return 1;
    }
    return 0;
}
