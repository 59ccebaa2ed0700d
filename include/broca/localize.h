/* SPDX-License-Identifier: MIT */
/* localize: units of a model that respond more to one condition than to another (METHODS 6.1, 6.3; strict column). */
#ifndef BROCA_LOCALIZE_H
#define BROCA_LOCALIZE_H

#include "broca/base.h"
#include "broca/stimuli.h"
#include "broca/store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { LOCALIZE_WELCH, LOCALIZE_PAIRED, LOCALIZE_ONE_SAMPLE } localize_test;
typedef enum { MATCH_TOKENS, MATCH_COVARIATE, MATCH_NONE } localize_match;
typedef enum { PICK_TOP, PICK_COUNT, PICK_Q, PICK_RANGE } localize_selection;

typedef struct {
    localize_test test;
    localize_match match;
    localize_selection select;
    double fraction; /* top: 0.01; k = fraction·units rounded half up */
    size_t count;    /* k */
    double q;        /* q < this and t > 0 */
    double from, to; /* range: percentiles of t, from <= rank < to */
    bool per_layer;  /* the pool of units: each tap, or all taps together */
    uint64_t seed;
} localize_options;

typedef struct {
    const char *name;
    size_t d;
    const float *x; /* [n×d], a row an item */
} localize_tap;

typedef struct {
    size_t n;
    const int8_t *condition; /* [n] 1: the first of the contrast (S), 0: the second (N), -1: neither */
    const int32_t *tokens;   /* [n] tokens of each item, NULL: not known */
    size_t n_taps;
    const localize_tap *taps;
} localize_input;

typedef struct {
    char *name;
    size_t d;
    double *t, *p, *log_p, *q, *dof, *mean_pos, *mean_neg; /* [d] of the map that selects */
    double *t_plain, *t_matched, *t_covariate;             /* [d] or NULL where that map was not made */
    uint8_t *selected;                                     /* [d] */
    size_t n_selected;
} localizer_tap;

typedef struct {
    size_t n_taps;
    localizer_tap *taps;
    size_t units, n_selected;
    localize_match used;             /* the map that selects */
    char why[192];                   /* why another than was asked for; else empty */
    size_t items_pos, items_neg;     /* of the contrast */
    size_t used_pos, used_neg;       /* of the map that selects */
    double tokens_pos, tokens_neg;   /* mean tokens over all items of a condition; NaN: not known */
    double matched_pos, matched_neg; /* over the matched pairs; NaN without */
    size_t pairs;                    /* matched pairs found */
    double common;                   /* share of the selected units that every map made selects; NaN with one map */
    size_t n_maps;
    size_t n_nan, n_infinite; /* units without variance: t NaN, or ±inf (kept out) */
    size_t *infinite;         /* [n_infinite] number of the unit, taps in order */
} localizer;

localize_options localize_defaults(void);
/* "top:1%", "top:0.01", "k:4096", "q:.05", "range:A-B"; ERR_USAGE. */
int localize_parse_select(localize_options *o, const char *text, err *e);
/* Positions and negatives of CONTRAST "S-N" (onesample: "S") among conditions [n]; the two names must occur. out [n].
 */
int localize_contrast(int8_t *out, const char *const *condition, size_t n, const char *contrast, bool one, err *e);

/* t map of every tap, BH over all units, selection of exactly k: t descending, ties by tap order, then unit. NaN is
 * never selected, ±inf is kept out and listed. Tokens (6.3): pairs |T_S - T_N| <= 2, T as covariate; fewer than 40
 * pairs or fewer than half of the smaller condition: T as covariate over all items, said in `why`. Paired: the k-th S
 * with the k-th N. */
int localize(localizer **out, const localize_input *in, const localize_options *o, err *e);
/* Kind `localizer` (CONTRACT); further: t_plain, t_matched, t_covariate where made, /kept_out/{tap,unit,t}. */
int localizer_put(store *s, const localizer *l, const char *contrast, const char *select, const char *test, err *e);
void localizer_free(localizer *l);
const char *localize_match_name(localize_match m);

/* What localize needs from files. Several activations files hold either more taps of the same items, or more items of
 * the same taps of the same model. Conditions are the stimuli's, matched by item id. Rows are items (--pool last, mean,
 * ...). */
typedef struct {
    localize_input in;
    int8_t *condition;
    int32_t *tokens;
    localize_tap *taps;
    char **id; /* [n] */
    arena *memory;
} localize_data;
int localize_read(localize_data **out, const char *const *paths, size_t count, const stimuli *conditions,
                  const char *contrast, bool one, err *e);
void localize_data_free(localize_data *d);

/* Pairs of items with nearly equal token counts: greedy by T, in seeded order among equals; pair_pos, pair_neg [min of
 * the two] get item numbers, *pairs their count. */
int localize_pairs(size_t *pair_pos, size_t *pair_neg, size_t *pairs, const int8_t *condition, const int32_t *tokens,
                   size_t n, int32_t most, uint64_t seed, err *e);

#ifdef __cplusplus
}
#endif
#endif
