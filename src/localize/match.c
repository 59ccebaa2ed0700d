/* SPDX-License-Identifier: MIT */
/* Pairs of items with nearly equal numbers of tokens (METHODS 6.3). Both conditions are sorted by T and walked
 * together: each S, from the shortest, takes the shortest N that is left within reach, which finds as many pairs as
 * there can be. */
#include <stdlib.h>

#include "broca/localize.h"

typedef struct {
    int32_t tokens;
    size_t rank; /* place in the seeded order, so that ties do not follow the order of the file */
    size_t item;
} entry;

static int by_tokens(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->tokens != y->tokens) return x->tokens < y->tokens ? -1 : 1;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

static size_t collect(entry *list, size_t *order, const int8_t *condition, const int32_t *tokens, size_t n,
                      int8_t which, uint64_t seed)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (condition[i] == which) list[m++] = (entry){ tokens[i], 0, i };
    for (size_t i = 0; i < m; i++)
        order[i] = i;
    rng_shuffle(order, m, seed, RNG_MATCH, (uint32_t)which, 0);
    for (size_t i = 0; i < m; i++)
        list[order[i]].rank = i;
    qsort(list, m, sizeof *list, by_tokens);
    return m;
}

int localize_pairs(size_t *pair_pos, size_t *pair_neg, size_t *pairs, const int8_t *condition, const int32_t *tokens,
                   size_t n, int32_t most, uint64_t seed, err *e)
{
    int status = -1;
    entry *pos = mem_new(n, sizeof *pos, e), *neg = mem_new(n, sizeof *neg, e);
    size_t *order = mem_new(n, sizeof *order, e);
    *pairs = 0;
    if (!pos || !neg || !order) goto done;
    size_t m = collect(pos, order, condition, tokens, n, 1, seed),
           k = collect(neg, order, condition, tokens, n, 0, seed);
    for (size_t i = 0, j = 0; i < m && j < k;) {
        int32_t longer = neg[j].tokens - pos[i].tokens;
        if (longer > most) {
            i++;
        } else if (longer < -most) {
            j++;
        } else {
            pair_pos[*pairs] = pos[i++].item;
            pair_neg[(*pairs)++] = neg[j++].item;
        }
    }
    status = 0;
done:
    free(pos);
    free(neg);
    free(order);
    return status;
}
