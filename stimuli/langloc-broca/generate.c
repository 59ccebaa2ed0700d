/* SPDX-License-Identifier: MIT */
/*
 * generate SENTENCES COMMON [SEED] >stimuli.tsv: the W, J and N items of a language localizer from its S items
 * (Fedorenko et al. 2010; METHODS 1.3). The README beside this file describes the rules and the nonword grammar.
 *
 * Random numbers: Philox4x32-10, counter (a, b, c, stream), key (SEED mod 2^32, SEED div 2^32), default SEED 1;
 * integer in [0, m) = floor(w0 * m / 2^32). A shuffle of n places takes counters (i, b, c), i < n. Streams:
 *   101  which word of a sentence is dealt in which round   (place, sentence, 0)
 *   102  which W item a sentence serves in a round          (place, round, deal)
 *   103  order of the words of a W item                     (place, item, try)
 *   104  J nonwords                                         (12 * item + place, try, draw)
 *   105  N nonwords                                         (12 * item + place, try, draw)
 */
#include <Random123/philox.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 12, LETTERS = 23, MAX_ITEMS = 999, MAX_COMMON = 8000, TRIES = 20000, DEALS = 100 };
enum { DEAL = 101, SERVE = 102, ORDER = 103, JABBERWOCKY = 104, NONWORDS = 105 };

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

typedef struct {
    char text[LETTERS + 1];
    bool content;
    char suffix[4]; /* inflection, "" if none */
} word;

typedef struct {
    word *at;
    size_t n;
} lexicon;

static word sentence[MAX_ITEMS][WORDS], list_w[MAX_ITEMS][WORDS], list_j[MAX_ITEMS][WORDS], list_n[MAX_ITEMS][WORDS];
static size_t items;
static uint64_t seed = 1;
static word common_words[MAX_COMMON], crude_parts[100], used_words[4 * MAX_ITEMS * WORDS];
static lexicon common = { common_words, 0 }, crude = { crude_parts, 0 }, used = { used_words, 0 };

static void fail(const char *format, ...)
{
    va_list a;
    va_start(a, format);
    fputs("generate: ", stderr);
    vfprintf(stderr, format, a);
    fputc('\n', stderr);
    va_end(a);
    exit(2);
}

/* ---- random numbers ---- */

static uint32_t below(uint32_t stream, size_t a, size_t b, size_t c, size_t m)
{
    philox4x32_ctr_t counter = { { (uint32_t)a, (uint32_t)b, (uint32_t)c, stream } };
    philox4x32_key_t key = { { (uint32_t)seed, (uint32_t)(seed >> 32) } };
    return (uint32_t)(((uint64_t)philox4x32(counter, key).v[0] * m) >> 32);
}

static void shuffle(size_t *p, size_t n, uint32_t stream, size_t b, size_t c)
{
    for (size_t i = 0; i < n; i++)
        p[i] = i;
    for (size_t i = 0; i < n; i++) {
        size_t j = i + below(stream, i, b, c, n - i), keep = p[i];
        p[i] = p[j];
        p[j] = keep;
    }
}

/* ---- reading ---- */

static bool has(const lexicon *x, const char *text)
{
    for (size_t i = 0; i < x->n; i++)
        if (!strcmp(x->at[i].text, text)) return true;
    return false;
}

static void check_word(const char *path, size_t line, const char *text)
{
    if (strlen(text) > LETTERS) fail("%s:%zu: '%s' is longer than %d letters", path, line, text, LETTERS);
    for (const char *c = text; *c; c++)
        if (*c < 'a' || *c > 'z') fail("%s:%zu: '%s': a word has the letters a-z only", path, line, text);
}

static void read_tag(const char *path, size_t line, word *w, const char *tag)
{
    size_t letters = strlen(w->text);
    w->content = tag[0] == 'C';
    if (!strcmp(tag, "F") || !strcmp(tag, "C")) return;
    if (strncmp(tag, "C+", 2) || !tag[2] || strlen(tag + 2) >= sizeof w->suffix)
        fail("%s:%zu: tag '%s' of '%s': expected F, C or C+suffix (up to 3 letters)", path, line, tag, w->text);
    strcpy(w->suffix, tag + 2);
    if (letters < strlen(w->suffix) + 2 || strcmp(w->text + letters - strlen(w->suffix), w->suffix))
        fail("%s:%zu: '%s' is no stem of two letters or more with the suffix '%s'", path, line, w->text, w->suffix);
}

/* One line "item<TAB>text<TAB>tags". */
static void read_sentence(const char *path, size_t line, char *row)
{
    char *tab = NULL, *blank = NULL;
    char *number = strtok_r(row, "\t", &tab), *text = strtok_r(NULL, "\t", &tab), *tags = strtok_r(NULL, "\t", &tab);
    if (!tags) fail("%s:%zu: expected three columns: item, text, tags", path, line);
    if (strtoul(number, NULL, 10) != items + 1) fail("%s:%zu: item '%s', expected %zu", path, line, number, items + 1);
    if (items == MAX_ITEMS) fail("%s:%zu: more than %d sentences", path, line, MAX_ITEMS);
    word *s = sentence[items++];
    size_t n = 0, t = 0;
    for (char *w = strtok_r(text, " ", &blank); w; w = strtok_r(NULL, " ", &blank), n++) {
        check_word(path, line, w);
        if (n < WORDS) strcpy(s[n].text, w);
    }
    if (n != WORDS) fail("%s:%zu: %zu words, expected %d", path, line, n, WORDS);
    for (char *w = strtok_r(tags, " ", &blank); w; w = strtok_r(NULL, " ", &blank), t++)
        if (t < WORDS) read_tag(path, line, &s[t], w);
    if (t != WORDS) fail("%s:%zu: %zu tags, expected %d", path, line, t, WORDS);
}

static void read_common(const char *path, size_t line, char *row)
{
    char *blank = NULL;
    if (row[0] == '#') return;
    for (char *w = strtok_r(row, " ", &blank); w; w = strtok_r(NULL, " ", &blank)) {
        if (*w == '~') {
            check_word(path, line, w + 1);
            if (crude.n == COUNT(crude_parts)) fail("%s:%zu: more than %zu parts", path, line, COUNT(crude_parts));
            strcpy(crude.at[crude.n++].text, w + 1);
            continue;
        }
        check_word(path, line, w);
        if (common.n == MAX_COMMON) fail("%s:%zu: more than %d words", path, line, MAX_COMMON);
        strcpy(common.at[common.n++].text, w);
    }
}

static void read_lines(const char *path, bool header, void (*take)(const char *, size_t, char *))
{
    char row[1024];
    size_t line = 0;
    FILE *f = fopen(path, "r");
    if (!f) fail("%s: %s", path, strerror(errno));
    while (fgets(row, sizeof row, f)) {
        line++;
        if (!strchr(row, '\n') && !feof(f)) fail("%s:%zu: line longer than %zu bytes", path, line, sizeof row - 2);
        row[strcspn(row, "\r\n")] = '\0';
        if (row[0] && !(header && line == 1)) take(path, line, row);
    }
    if (ferror(f)) fail("%s: %s", path, strerror(errno));
    fclose(f);
}

/* ---- W ---- */

/* True if b follows a in any sentence: such pairs ("of the") would bring phrases back into the lists. */
static bool neighbours(const char *a, const char *b)
{
    for (size_t s = 0; s < items; s++)
        for (size_t i = 0; i + 1 < WORDS; i++)
            if (!strcmp(sentence[s][i].text, a) && !strcmp(sentence[s][i + 1].text, b)) return true;
    return false;
}

static bool scrambled(const word *w)
{
    for (size_t i = 0; i + 1 < WORDS; i++)
        if (!strcmp(w[i].text, w[i + 1].text) || neighbours(w[i].text, w[i + 1].text)) return false;
    return true;
}

static bool serves(size_t sentence_of[][WORDS], size_t item, size_t rounds, size_t s)
{
    for (size_t r = 0; r < rounds; r++)
        if (sentence_of[item][r] == s) return true;
    return false;
}

/* sentence_of[item][round]: in each round every sentence gives one word to one item, and never twice to the same item.
 * (At most one word from a sentence is stricter than METHODS 1.3, and leaves no order to keep.) */
static void deal(size_t sentence_of[][WORDS], size_t attempt)
{
    size_t p[MAX_ITEMS];
    for (size_t r = 0; r < WORDS; r++) {
        shuffle(p, items, SERVE, r, attempt);
        for (size_t i = 0; i < items; i++) {
            size_t tries = 1;
            while (serves(sentence_of, i, r, p[i])) {
                size_t j = (i + tries) % items, keep = p[i];
                if (++tries > items)
                    fail("the words of %zu sentences cannot be dealt; more sentences are needed", items);
                if (serves(sentence_of, i, r, p[j]) || serves(sentence_of, j, r, p[i])) continue;
                p[i] = p[j];
                p[j] = keep;
            }
        }
        for (size_t i = 0; i < items; i++)
            sentence_of[i][r] = p[i];
    }
}

/* The words of W item k, dealt, in an order without neighbours of a sentence; false if none was found. */
static bool order_list(word *w, size_t k, const word *dealt)
{
    size_t order[WORDS];
    for (size_t try = 0; try < TRIES; try++) {
        shuffle(order, WORDS, ORDER, k, try);
        for (size_t i = 0; i < WORDS; i++)
            w[i] = dealt[order[i]];
        if (scrambled(w)) return true;
    }
    return false;
}

/* Now and then a list gets so many function words that no order will do: then all are dealt anew. */
static void make_w(void)
{
    static size_t sentence_of[MAX_ITEMS][WORDS], place[MAX_ITEMS][WORDS];
    size_t k = 0;
    for (size_t s = 0; s < items; s++)
        shuffle(place[s], WORDS, DEAL, s, 0);
    for (size_t attempt = 0; k < items; attempt++) {
        if (attempt == DEALS) fail("in %d deals some W item had no order without neighbours of a sentence", DEALS);
        deal(sentence_of, attempt);
        for (k = 0; k < items; k++) {
            word dealt[WORDS];
            for (size_t r = 0; r < WORDS; r++)
                dealt[r] = sentence[sentence_of[k][r]][place[sentence_of[k][r]][r]];
            if (!order_list(list_w[k], k, dealt)) break;
        }
    }
}

/* ---- nonwords: (onset nucleus coda) x syllables, in letters ---- */

/* A part stands as often in its table as its share is to be. */
static const char *const first_onset[] = { "b",   "c",   "d",   "f",  "g",  "h",  "j",  "k",  "l",  "m",  "n",
                                           "p",   "r",   "s",   "t",  "v",  "w",  "y",  "z",  "b",  "d",  "f",
                                           "g",   "l",   "m",   "n",  "p",  "r",  "s",  "t",  "bl", "br", "ch",
                                           "cl",  "cr",  "dr",  "fl", "fr", "gl", "gr", "pl", "pr", "sc", "sh",
                                           "sk",  "sl",  "sm",  "sn", "sp", "st", "sw", "th", "tr", "tw", "spl",
                                           "spr", "str", "thr", "",   "",   "",   "" };
static const char *const inner_onset[] = { "b",  "c",  "d",  "f",  "g",  "k",  "l",  "m",  "n",  "p", "r",
                                           "s",  "t",  "v",  "b",  "d",  "l",  "m",  "n",  "p",  "r", "t",
                                           "ch", "dr", "fl", "gr", "pl", "pr", "sh", "st", "th", "tr" };
static const char *const nucleus[] = { "a", "e", "i", "o", "u",  "a",  "e",  "i",  "o",  "u",  "a",
                                       "e", "i", "o", "u", "ai", "ea", "ee", "oa", "oi", "oo", "ou" };
static const char *const inner_coda[] = { "", "", "", "", "", "l", "m", "n", "n", "r", "s" };
static const char *const last_coda[] = { "b",  "d",  "g",  "k",  "l",  "m",  "n",  "p",  "r",  "t",  "d",  "g",
                                         "l",  "m",  "n",  "p",  "r",  "t",  "ck", "ch", "ff", "ft", "ld", "lf",
                                         "lk", "ll", "lm", "lp", "lt", "mp", "nd", "nk", "nt", "pt", "rb", "rd",
                                         "rk", "rm", "rn", "rp", "rt", "sh", "sk", "sp", "ss", "st", "th", "x" };
static const char *const sibilant_coda[] = { "ch", "sh", "ss", "x", "nch", "rch", "lsh" };
static const char *const open_end[] = { "a", "o", "y", "ee", "oo" }; /* a last syllable without coda */
static const char *const silent_e[] = { "be", "de", "fe", "ke", "le", "me", "ne", "pe", "re", "te", "ve" };

#define PICK(table) table[below(d->stream, d->slot, d->try, d->n++, COUNT(table))]

typedef struct {
    uint32_t stream;
    size_t slot, try, n;
} draws;

typedef struct {
    size_t letters, syllables;
    const char *suffix; /* what will follow: decides how the stem may end */
    char article;       /* 'a': begins with a consonant; 'n' (an): with a vowel; 0: either */
} shape;

static bool vowel(char c)
{
    return c && strchr("aeiou", c) != NULL;
}

/* Letter sequences that the tables can form across their edges but English spelling does not. */
static bool spellable(const char *t)
{
    static const char *const never[] = {
        "ce",  "ci",  "cy",  "cea", "ka",  "ko",  "ku",  "yi",  "ye",  "ya",  "wu",  "woo", "wou", "vu",  "ju",  "yu",
        "sce", "sci", "ska", "sko", "sku", "aix", "eax", "eex", "oax", "oix", "oox", "oux", "jj",  "vv",  "hh",  "ww",
        "yy",  "uu",  "ii",  "aa",  "oae", "sst", "ssp", "sss", "lll", "rrr", "nnn", "mmm", "ssh", "mth", "mch", "mdr",
        "mgr", "mc",  "mk",  "mv",  "mr",  "ml",  "md",  "mg",  "mf",  "mt",  "ms",  "mn",  "nm",  "nb",  "np",  "nr",
        "nl",  "sr",  "sv",  "sd",  "sg",  "sb",  "sf",  "sth", "sch", "sgr", "sdr", "rr",  "nst", "lr",  "ln",  "iy"
    };
    for (size_t i = 0; i < COUNT(never); i++)
        if (strstr(t, never[i])) return false;
    return true;
}

/* A long nucleus (two letters) takes a coda of one consonant or ch, sh, th. */
static bool fits(const char *core, const char *coda)
{
    static const char *const short_only[] = { "ck", "ff", "ll", "ss", "x" };
    if (strlen(core) == 1) return true;
    for (size_t i = 0; i < COUNT(short_only); i++)
        if (!strcmp(coda, short_only[i])) return false;
    return strlen(coda) < 2 || !strcmp(coda, "ch") || !strcmp(coda, "sh") || !strcmp(coda, "th");
}

/* The last syllable's nucleus and coda. Its end must carry the suffix: -es asks for a sibilant, -s for none; -ies,
 * -ied, -ed, -ing, -er, -est for a consonant; only without suffix or before -s may it be open or have a silent e. */
static bool close_stem(char *t, const shape *x, draws *d)
{
    const char *core = PICK(nucleus), *coda = NULL;
    bool bare = !x->suffix[0], plural = !strcmp(x->suffix, "s");
    uint32_t way = below(d->stream, d->slot, d->try, d->n++, 8);
    if (!strcmp(x->suffix, "es")) {
        coda = PICK(sibilant_coda);
    } else if (bare && x->letters == 2 && strlen(t)) {
        strcat(t, nucleus[way % 5]); /* consonant and short vowel; the first five of the table are short */
        return true;
    } else if (bare && way == 0) {
        strcat(t, PICK(open_end));
        return true;
    } else if ((bare || plural) && way == 1 && strlen(core) == 1 && x->letters > 3) {
        coda = PICK(silent_e);
    } else {
        coda = PICK(last_coda);
    }
    if (!fits(core, coda)) return false;
    if (plural && (strstr(coda, "ch") || strstr(coda, "sh") || strstr(coda, "ss") || strchr(coda, 'x'))) return false;
    if (!strcmp(x->suffix, "ly") && strchr(coda, 'l')) return false;
    strcat(strcat(t, core), coda);
    return true;
}

/* Endings that look like an inflection the stem does not have. */
static bool looks_inflected(const char *t)
{
    static const char *const end[] = { "ed", "ing", "er", "est", "ly" };
    size_t n = strlen(t);
    for (size_t i = 0; i < COUNT(end); i++)
        if (n >= strlen(end[i]) && !strcmp(t + n - strlen(end[i]), end[i])) return true;
    return false;
}

/* One candidate of the wanted shape into t, or false. */
static bool candidate(char *t, const shape *x, draws *d)
{
    t[0] = '\0';
    for (size_t s = 0; s < x->syllables; s++) {
        strcat(t, s ? PICK(inner_onset) : PICK(first_onset));
        if (s + 1 == x->syllables) break;
        const char *core = PICK(nucleus), *coda = PICK(inner_coda);
        if (strlen(core) > 1 && coda[0]) return false;
        strcat(strcat(t, core), coda);
        if (strlen(t) >= x->letters) return false;
    }
    if (strlen(t) >= x->letters || !close_stem(t, x, d) || strlen(t) != x->letters) return false;
    if (x->article && vowel(t[0]) != (x->article == 'n')) return false;
    return spellable(t) && !looks_inflected(t);
}

static bool in_sentences(const char *text)
{
    for (size_t s = 0; s < items; s++)
        for (size_t i = 0; i < WORDS; i++)
            if (!strcmp(sentence[s][i].text, text)) return true;
    return false;
}

/* Neither the stem nor stem + suffix may be a word, nor a nonword of this item, nor (from 4 letters on) of another. */
static bool is_new(const char *stem, const word *full, const word *item, size_t n)
{
    if (in_sentences(stem) || in_sentences(full->text) || has(&common, stem) || has(&common, full->text)) return false;
    for (size_t i = 0; i < n; i++)
        if (!strcmp(item[i].text, full->text)) return false;
    for (size_t i = 0; i < crude.n; i++)
        if (strstr(full->text, crude.at[i].text)) return false;
    return strlen(stem) < 4 || !(has(&used, stem) || has(&used, full->text));
}

static void remember(const char *text)
{
    strcpy(used.at[used.n++].text, text); /* at most two for each J and N word: the array holds them all */
}

/* item[n] becomes a nonword; its suffix is that of the shape. Length is kept exactly; the number of syllables may move
 * by one when it cannot be had with that length. */
static void invent(word *item, size_t n, const shape *wanted, draws d)
{
    static const int change[] = { 0, -1, 1, -2, 2 };
    for (d.try = 0; d.try < COUNT(change) * TRIES; d.try++) {
        shape x = *wanted;
        int step = change[d.try / TRIES];
        char stem[8 * LETTERS];
        if ((int)x.syllables + step < 1) continue;
        x.syllables = (size_t)((int)x.syllables + step);
        d.n = 0;
        if (!candidate(stem, &x, &d)) continue;
        snprintf(item[n].text, sizeof item[n].text, "%.*s%s", LETTERS - 3, stem, x.suffix);
        if (!is_new(stem, &item[n], item, n)) continue;
        remember(stem);
        if (x.suffix[0]) remember(item[n].text);
        return;
    }
    fail("no nonword of %zu letters and %zu syllables with suffix '%s' was found for slot %zu", wanted->letters,
         wanted->syllables, wanted->suffix, d.slot);
}

/* Syllables by spelling: groups of vowels, a final silent e not counted. */
static size_t syllables(const char *t, size_t letters)
{
    size_t n = 0;
    bool before = false;
    for (size_t i = 0; i < letters; i++) {
        bool now = vowel(t[i]) || (t[i] == 'y' && i > 0);
        n += now && !before;
        before = now;
    }
    bool silent = letters > 2 && t[letters - 1] == 'e' && !vowel(t[letters - 2]);
    if (silent && !(t[letters - 2] == 'l' && !vowel(t[letters - 3]))) n--;
    return n ? n : 1;
}

static char article_before(const word *w, size_t i)
{
    if (!i || w[i - 1].content) return 0;
    return !strcmp(w[i - 1].text, "a") ? 'a' : !strcmp(w[i - 1].text, "an") ? 'n' : 0;
}

/* ---- J and N ---- */

static size_t stem_length(const word *w)
{
    return strlen(w->text) - strlen(w->suffix);
}

/* The place before i whose content word has the same stem, or i. */
static size_t same_stem(const word *s, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (s[j].content && stem_length(&s[j]) == stem_length(&s[i]) &&
            !strncmp(s[j].text, s[i].text, stem_length(&s[i])))
            return j;
    return i;
}

/* A stem that occurs with and without suffix in one item must suit both: it is made for the suffix that asks most. */
static const char *hardest_suffix(const word *s, size_t i)
{
    const char *hardest = s[i].suffix;
    for (size_t j = i + 1; j < WORDS; j++)
        if (s[j].content && same_stem(s, j) == i && !hardest[0]) hardest = s[j].suffix;
    return hardest;
}

static void make_j(size_t k)
{
    const word *s = sentence[k];
    word *j = list_j[k];
    memcpy(j, s, sizeof list_j[k]);
    for (size_t i = 0; i < WORDS; i++) {
        if (!s[i].content) continue;
        size_t twin = same_stem(s, i), n = stem_length(&s[i]);
        if (twin == i) {
            shape x = { n, syllables(s[i].text, n), hardest_suffix(s, i), article_before(s, i) };
            invent(j, i, &x, (draws){ JABBERWOCKY, k * WORDS + i, 0, 0 });
        } else {
            memcpy(j[i].text, j[twin].text, n);
        }
        strcpy(j[i].text + n, s[i].suffix);
    }
}

/* Letters of each word of the S item. A nonword has two or more, so each one-letter word takes a letter from the
 * longest. */
static void list_lengths(const word *s, size_t *letters)
{
    for (size_t i = 0; i < WORDS; i++)
        letters[i] = strlen(s[i].text);
    for (size_t i = 0; i < WORDS; i++) {
        if (letters[i] > 1) continue;
        size_t longest = 0;
        for (size_t j = 1; j < WORDS; j++)
            if (letters[j] > letters[longest]) longest = j;
        letters[longest]--;
        letters[i]++;
    }
}

static void make_n(size_t k)
{
    size_t letters[WORDS];
    list_lengths(sentence[k], letters);
    for (size_t i = 0; i < WORDS; i++) {
        const char *t = sentence[k][i].text;
        shape x = { letters[i], syllables(t, strlen(t)), "", 0 };
        invent(list_n[k], i, &x, (draws){ NONWORDS, k * WORDS + i, 0, 0 });
    }
}

static void print_items(char condition, word list[][WORDS], bool from_one_sentence)
{
    for (size_t k = 0; k < items; k++) {
        printf("%c%03zu\t", condition + 'a' - 'A', k + 1);
        for (size_t i = 0; i < WORDS; i++)
            printf("%s%s", i ? " " : "", list[k][i].text);
        printf("\t%c\t%zu\t%zu\n", condition, from_one_sentence ? k + 1 : 0, k + 1);
    }
}

int main(int argc, char **argv)
{
    char *end = NULL;
    if (argc < 3 || argc > 4) fail("usage: generate SENTENCES COMMON [SEED] >stimuli.tsv");
    if (argc == 4) seed = strtoull(argv[3], &end, 10);
    if (argc == 4 && (*end || end == argv[3])) fail("seed '%s' is no whole number", argv[3]);
    read_lines(argv[1], true, read_sentence);
    read_lines(argv[2], false, read_common);
    if (items < WORDS) fail("%s: %zu sentences, at least %d are needed to deal W", argv[1], items, WORDS);
    make_w();
    for (size_t k = 0; k < items; k++)
        make_j(k);
    for (size_t k = 0; k < items; k++)
        make_n(k);
    puts("id\ttext\tcondition\tgroup\titem"); /* only now: a failure leaves no half table */
    print_items('S', sentence, true);
    print_items('W', list_w, false);
    print_items('J', list_j, true);
    print_items('N', list_n, true);
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "generate: standard output: %s\n", strerror(errno));
        return 1;
    }
    return 0;
}
