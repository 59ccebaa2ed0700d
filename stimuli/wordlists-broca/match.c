/* SPDX-License-Identifier: MIT */
/*
 * match WORDS COUNTS [N [SEED]] >stimuli.tsv: of the words of each category takes N (default 12) such that the four cells
 * (noun, verb) x (concrete, abstract) have the same numbers of words of each length and, as nearly as the words allow, the
 * same frequencies; within a cell the categories are made alike in mean length and mean log frequency.
 *
 * WORDS: a table word, class, concreteness, category. COUNTS: lines "word TAB count"; "-": no table, length alone.
 * A word that the table lacks counts 0.
 *
 * From the first N words of each category a chosen word changes places with one that is not, at random. The mismatch is a
 * whole number, so that every machine decides alike:
 *   3000 for each word of a length that one cell has and another lacks, over the six pairs of cells;
 *   4 |difference| of the sorted log frequencies (1/16 bit) of two cells;
 *   20 |difference| of the letters, and |difference| of the summed log frequencies, of two categories of a cell.
 * A change is kept if the mismatch rises by no more than a bound that falls to 0 (threshold accepting; Dueck & Scheuer 1990).
 * Random numbers: Philox4x32-10, key SEED (default 1), counter (step, 0, 0, 106); integer in [0, m) = floor(w m / 2^32).
 */
#include <Random123/philox.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM = 106, CELLS = 4, MOST_WORDS = 2000, MOST_CATEGORIES = 64, LETTERS = 24, STEPS = 4000000, BOUND = 12000 };

typedef struct {
    char text[LETTERS + 1], class[16], concreteness[16], category[24];
    int cell, group, length, frequency; /* frequency: log2(1 + count) in 1/16 bit */
    double count;
    bool chosen;
} word;

static word words[MOST_WORDS];
static int n_words, n_groups, per_group = 12;
static int group_cell[MOST_CATEGORIES];

static void fail(const char *what, const char *where)
{
    fprintf(stderr, "match: %s: %s\n", what, where);
    exit(2);
}

static int cell_of(const word *w)
{
    bool noun = !strcmp(w->class, "noun"), concrete = !strcmp(w->concreteness, "concrete");
    if (!noun && strcmp(w->class, "verb")) fail("neither noun nor verb", w->text);
    if (!concrete && strcmp(w->concreteness, "abstract")) fail("neither concrete nor abstract", w->text);
    return (noun ? 0 : 2) + (concrete ? 0 : 1);
}

static int group_of(const word *w)
{
    for (int i = 0; i < n_words; i++)
        if (!strcmp(words[i].category, w->category)) {
            if (words[i].cell != w->cell) fail("a category of two cells", w->category);
            return words[i].group;
        }
    if (n_groups == MOST_CATEGORIES) fail("too many categories", w->category);
    group_cell[n_groups] = w->cell;
    return n_groups++;
}

static void read_words(const char *path)
{
    char line[200];
    FILE *f = fopen(path, "r");
    if (!f) fail("cannot read", path);
    for (int row = 0; fgets(line, sizeof line, f); row++) {
        word w = { .chosen = false };
        if (sscanf(line, "%24[a-z]\t%15[a-z]\t%15[a-z]\t%23[a-z]", w.text, w.class, w.concreteness, w.category) != 4)
            fail("not word, class, concreteness, category", line);
        if (row == 0) continue; /* header */
        for (int i = 0; i < n_words; i++)
            if (!strcmp(words[i].text, w.text)) fail("stands twice", w.text);
        if (n_words == MOST_WORDS) fail("too many words", path);
        w.cell = cell_of(&w);
        w.group = group_of(&w);
        w.length = (int)strlen(w.text);
        words[n_words++] = w;
    }
    fclose(f);
}

static void read_counts(const char *path)
{
    char line[400], text[200];
    double count;
    FILE *f = fopen(path, "r");
    if (!f) fail("cannot read", path);
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "%199[^\t]\t%lf", text, &count) == 2)
            for (int i = 0; i < n_words; i++)
                if (!strcmp(words[i].text, text)) words[i].count = count;
    fclose(f);
    for (int i = 0; i < n_words; i++)
        words[i].frequency = (int)lround(16 * log2(1 + words[i].count));
}

static int by_number(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static long mismatch(void)
{
    static int frequency[CELLS][MOST_WORDS];
    int lengths[CELLS][LETTERS + 1] = { { 0 } }, n[CELLS] = { 0 };
    long letters[MOST_CATEGORIES] = { 0 }, weight[MOST_CATEGORIES] = { 0 }, sum = 0;
    for (int i = 0; i < n_words; i++) {
        const word *w = &words[i];
        if (!w->chosen) continue;
        lengths[w->cell][w->length]++;
        frequency[w->cell][n[w->cell]++] = w->frequency;
        letters[w->group] += w->length;
        weight[w->group] += w->frequency;
    }
    for (int c = 0; c < CELLS; c++)
        qsort(frequency[c], (size_t)n[c], sizeof(int), by_number);
    for (int a = 0; a < CELLS; a++)
        for (int b = 0; b < a; b++) {
            for (int k = 0; k <= LETTERS; k++)
                sum += 3000L * abs(lengths[a][k] - lengths[b][k]);
            for (int i = 0; i < n[a] && i < n[b]; i++)
                sum += 4 * abs(frequency[a][i] - frequency[b][i]);
        }
    for (int a = 0; a < n_groups; a++)
        for (int b = 0; b < a; b++)
            if (group_cell[a] == group_cell[b]) sum += 20 * labs(letters[a] - letters[b]) + labs(weight[a] - weight[b]);
    return sum;
}

static void choose(uint64_t seed)
{
    philox4x32_key_t key = { { (uint32_t)seed, (uint32_t)(seed >> 32) } };
    int taken[MOST_CATEGORIES] = { 0 };
    for (int i = 0; i < n_words; i++)
        words[i].chosen = taken[words[i].group]++ < per_group;
    for (int g = 0; g < n_groups; g++)
        if (taken[g] < per_group) fail("too few words of a category", words[0].category);
    long now = mismatch();
    for (uint32_t k = 0; k < STEPS; k++) {
        philox4x32_ctr_t counter = { { k, 0, 0, STREAM } };
        philox4x32_ctr_t draw = philox4x32(counter, key);
        word *a = &words[((uint64_t)draw.v[0] * (uint64_t)n_words) >> 32];
        word *b = &words[((uint64_t)draw.v[1] * (uint64_t)n_words) >> 32];
        if (a->group != b->group || a->chosen == b->chosen) continue;
        a->chosen = !a->chosen;
        b->chosen = !b->chosen;
        long then = mismatch(), bound = k < STEPS / 2 ? (long)BOUND * (STEPS / 2 - k) / (STEPS / 2) : 0;
        if (then <= now + bound) {
            now = then;
        } else {
            a->chosen = !a->chosen;
            b->chosen = !b->chosen;
        }
    }
    fprintf(stderr, "match: mismatch %ld\n", now);
}

static void print(void)
{
    static const char *const name[CELLS] = { "NC", "NA", "VC", "VA" };
    int item = 0;
    puts("id\ttext\tcondition\tclass\tconcreteness\tcategory");
    for (int i = 0; i < n_words; i++)
        if (words[i].chosen)
            printf("w%03d\t%s\t%s\t%s\t%s\t%s\n", ++item, words[i].text, name[words[i].cell], words[i].class,
                   words[i].concreteness, words[i].category);
}

int main(int argc, char **argv)
{
    if (argc < 3) fail("usage", "match WORDS COUNTS|- [N [SEED]]");
    if (argc > 3) per_group = atoi(argv[3]);
    read_words(argv[1]);
    if (strcmp(argv[2], "-")) read_counts(argv[2]);
    if (per_group < 1) fail("N is a number of words", argv[3]);
    choose(argc > 4 ? strtoull(argv[4], NULL, 10) : 1);
    print();
    return 0;
}
