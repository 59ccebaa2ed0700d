/* SPDX-License-Identifier: MIT */
/* Items that are nearly the same sentence (METHODS 9.2): their bags of lower-case words differ by at most one word. Two bags of
 * equal size are similar when a word of one stands for a word of the other; bags whose sizes differ by one, when one holds the
 * other. So each item is filed under its bag, and under its bag without each of its words; items that meet are joined. */
#include <stdlib.h>
#include <string.h>

#include "build.h"

typedef struct {
    char *key;
    size_t item;
} entry;

static bool is_letter(unsigned char c)
{
    return c >= 0x80 || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static int by_word(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int stimuli_bag(char ***words, size_t *m, char **copy, const char *text, err *e)
{
    char *p = *copy = mem_text(text, e);
    *m = 0;
    *words = p ? mem_new(strlen(text) / 2 + 2, sizeof **words, e) : NULL;
    if (!*words) return -1;
    while (*p) {
        while (*p && !is_letter((unsigned char)*p)) p++;
        if (!*p) break;
        (*words)[(*m)++] = p;
        for (; is_letter((unsigned char)*p) || (*p == '\'' && is_letter((unsigned char)p[1])); p++)
            if (*p >= 'A' && *p <= 'Z') *p = (char)(*p - 'A' + 'a');
        if (*p) *p++ = 0;
    }
    qsort(*words, *m, sizeof **words, by_word);
    return 0;
}

static char *key_without(char *const *words, size_t m, size_t left_out, arena *a, err *e)
{
    buffer b = { 0 };
    for (size_t k = 0; k < m; k++)
        if (k != left_out) buffer_printf(&b, "%s ", words[k]);
    char *key = buffer_ok(&b, e) ? NULL : arena_text(a, b.at ? b.at : "", b.size, e);
    free(b.at);
    return key;
}

static int file_item(entry **list, size_t *n, size_t item, const char *text, arena *a, err *e)
{
    char **words = NULL, *copy = NULL;
    size_t m;
    int status = -1;
    void *grown = *list;
    if (stimuli_bag(&words, &m, &copy, text, e) || mem_grow(&grown, *n + m + 1, sizeof **list, e)) goto done;
    *list = grown;
    for (size_t k = m > 1 ? 0 : m; k <= m; k++) { /* of a single word nothing would be left to agree in */
        char *key = key_without(words, m, k, a, e);
        if (!key) goto done;
        (*list)[(*n)++] = (entry){ key, item };
    }
    status = 0;
done:
    free(words);
    free(copy);
    return status;
}

static int by_key(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order ? order : (x->item > y->item) - (x->item < y->item);
}

static size_t root_of(size_t *up, size_t i)
{
    while (up[i] != i) i = up[i] = up[up[i]];
    return i;
}

static void join(size_t *up, size_t a, size_t b)
{
    a = root_of(up, a);
    b = root_of(up, b);
    if (a < b) up[b] = a; /* a group is called by its first item */
    else up[a] = b;
}

int stimuli_group_similar(stimuli *x, size_t *joined, err *e)
{
    entry *list = NULL;
    size_t n = 0, *up = mem_new(x->n, sizeof *up, e), *size = mem_new(x->n, sizeof *size, e);
    arena *keys = arena_new(e);
    int status = -1;
    if (!up || !size || !keys || !(x->group = arena_get(x->memory, (x->n + 1) * sizeof *x->group, e))) goto done;
    for (size_t i = 0; i < x->n; i++) {
        up[i] = i;
        if (file_item(&list, &n, i, x->text[i], keys, e)) goto done;
    }
    qsort(list, n, sizeof *list, by_key);
    for (size_t i = 1; i < n; i++)
        if (str_same(list[i].key, list[i - 1].key)) join(up, list[i].item, list[i - 1].item);
    for (size_t i = 0; i < x->n; i++) size[root_of(up, i)]++;
    *joined = 0;
    for (size_t i = 0; i < x->n; i++) {
        x->group[i] = x->id[root_of(up, i)];
        *joined += size[root_of(up, i)] > 1;
    }
    status = 0;
done:
    if (status) err_while(e, "looking for items that are nearly the same");
    arena_free(keys);
    free(list);
    free(up);
    free(size);
    return status;
}
