/* SPDX-License-Identifier: MIT */
/* localize: units of a model that respond more to one condition than to another, and what they do on items that did not
 * select them (METHODS 6.1-6.6). */
#ifndef BROCA_LOCALIZE_H
#define BROCA_LOCALIZE_H

#include "broca/base.h"
#include "broca/num.h"
#include "broca/stimuli.h"
#include "broca/store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { LOCALIZE_WELCH, LOCALIZE_PAIRED, LOCALIZE_ONE_SAMPLE, LOCALIZE_PERMUTATION } localize_test;
typedef enum { MATCH_TOKENS, MATCH_COVARIATE, MATCH_NONE } localize_match;
typedef enum { PICK_TOP, PICK_COUNT, PICK_Q, PICK_RANGE } localize_selection;

typedef struct {
    localize_test test;
    localize_match match;
    localize_selection select;
    double fraction;     /* top: 0.01; k = fraction·units rounded half up */
    size_t count;        /* k */
    double q;            /* q < this and t > 0 */
    double from, to;     /* range: percentiles of t, from <= rank < to */
    bool per_layer;      /* the pool of units: each tap, or all taps together */
    bool absolute;       /* of the absolute value of each activation (METHODS 6.1) */
    bool ranks;          /* replicate (A24, A25): units with equal t share a rank, k ranks are taken */
    bool truncate;       /* replicate (A25): k = fraction·units rounded down */
    bool split_half;     /* localizer.heldout is made */
    size_t splits;       /* random halves for the stability */
    size_t permutations; /* of labels: --test permutation, and reselection in the held-out test */
    size_t controls;     /* layer-matched random sets of units */
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
    const int32_t *group; /* [n] items that are not to be split between halves, -1: none; may be NULL */
    const int32_t *label; /* [n] number of the item's condition, -1: none; may be NULL (no profile) */
    size_t n_labels;
    const char *const *labels; /* [n_labels] */
} localize_input;

typedef struct {
    char *name;
    size_t d;
    double *t, *p, *log_p, *q, *dof, *mean_pos, *mean_neg; /* [d] of the map that selects */
    double *t_plain, *t_matched, *t_covariate;             /* [d] or NULL where that map was not made */
    double *t_activation; /* [d] with options.absolute: the same map of the plain value */
    uint8_t *selected;    /* [d] */
    uint8_t *control;     /* [controls×d] or NULL */
    size_t n_selected;
} localizer_tap;

/* Random halves, items of a group together. The split of the test is fixed beforehand: number 0 of the seed (6.4). */
typedef struct {
    size_t select_pos, select_neg, report_pos, report_neg; /* items of the two halves */
    size_t n_selected;                                     /* units that the first half selects */
    uint8_t *selected;                                     /* [units] */
    bool covariate;                                        /* token count is a covariate in both halves */
    t_result test;                         /* of the second half's items: mean z-scored activation of those units */
    double mean_pos, mean_neg, difference; /* of the same values, in sd of a unit over all items */
    size_t n_permutations;
    double *null_t,
        *null_largest; /* [n_permutations] the test and the largest t of the map, labels permuted, units reselected */
    double largest, p_permutation, p_largest; /* p = (1 + number >= observed) / (1 + N) */
    size_t n_controls;
    double *control_t,
        p_control;         /* [n_controls] the test of layer-matched random units: a description, no test (6.6) */
    size_t n_items, *item; /* of the second half, every condition; of all units selected by the first half */
    double *value;
    size_t n_profile; /* conditions with at least 2 such items */
    size_t *profile_label, *profile_n;
    double *profile_mean, *profile_lo, *profile_hi; /* 95 % t interval over items */
    size_t n_splits;
    double *split_r, *split_dice, *split_jaccard; /* [n_splits] of the maps and selections of two halves */
    double chance_dice, chance_jaccard;
} localizer_heldout;

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
    double unmatched;                /* share of them that the plain map selects too; NaN with one map */
    double unmatched_r;              /* r between the selecting and the plain t map */
    size_t n_permutations;           /* of --test permutation; else 0 */
    size_t n_maps;
    size_t n_nan, n_infinite;          /* units without variance: t NaN, or ±inf (kept out) */
    size_t *infinite;                  /* [n_infinite] number of the unit, taps in order */
    size_t n_controls, controls_short; /* sets; (set, tap) pairs with fewer units left than were to be drawn */
    localizer_heldout *heldout;        /* NULL: not asked for, or not possible (heldout_why) */
    char heldout_why[192];
} localizer;

localize_options localize_defaults(void);
/* "top:1%", "top:0.01", "k:4096", "q:.05", "range:A-B"; ERR_USAGE. */
int localize_parse_select(localize_options *o, const char *text, err *e);
/* Positives and negatives of CONTRAST "S-N" (onesample: "S") among conditions [n]; all names must occur. Also sums of
 * conditions, "(S+W)-(J+N)", and "S-W-J+N": items of the conditions with + against those with -. out [n]. */
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
 * ...). Units that vary over all items by no more than rounding does (1e-6 of their size, or of the tap's median unit) are made
 * constant: no t, never selected. */
typedef struct {
    localize_input in;
    int8_t *condition;
    int32_t *tokens;
    localize_tap *taps;
    int32_t *group, *label;
    const char **labels;
    char **id; /* [n] */
    arena *memory;
} localize_data;
/* Group /heldout of l->heldout (NULL: nothing), with ids and conditions of d; /tap/NAME/selected_first_half. */
int localizer_put_heldout(store *s, const localizer *l, const localize_data *d, err *e);
int localize_read(localize_data **out, const char *const *paths, size_t count, const stimuli *conditions,
                  const char *contrast, bool one, err *e);
void localize_data_free(localize_data *d);

/* Pairs of items with nearly equal token counts: greedy by T, in seeded order among equals; pair_pos, pair_neg [min of
 * the two] get item numbers, *pairs their count. */
int localize_pairs(size_t *pair_pos, size_t *pair_neg, size_t *pairs, const int8_t *condition, const int32_t *tokens,
                   size_t n, int32_t most, uint64_t seed, err *e);

/* Halves [n] (0, 1) of all items: whole groups, and of every condition as equal a number as groups allow; random by
 * seed and number. A group of more than a tenth of the items is none. */
int localize_halves(uint8_t *half, const localize_input *in, uint64_t seed, uint32_t number, err *e);

/* The selection beside that of another localizer file over the taps that both have: 2|A and B|/(|A|+|B|), |A and B|/|A
 * or B|, r of the t maps, and what chance gives for sets of these sizes. ERR_INPUT: no tap in common, other widths. */
typedef struct {
    size_t units, selected, other_selected, common;
    double dice, jaccard, r, chance_dice, chance_jaccard;
} localizer_overlap;
int localizer_compare(localizer_overlap *out, const localizer *l, const char *path, err *e);
/* Group /against: a row a file, called names. */
int localizer_put_overlap(store *s, const char *const *names, const localizer_overlap *o, size_t n, err *e);
/* What /tap/NAME/selected of the product holds: the selected units, all others with a finite t, or control number c. */
enum { UNITS_SELECTED = -1, UNITS_COMPLEMENT = -2 };
int localizer_choose(localizer *l, long which, err *e);

#ifdef __cplusplus
}
#endif
#endif
