/* SPDX-License-Identifier: MIT */
/* activations: files of kind `activations` (CONTRACT "Files"), read. A row an item, a word or a token. They are written by
 * extract and by other programs, and read by localize, encode and every later stage; hence a header of the model's line.
 * Also the sheets of taps, which lie in model folders and in files of this kind. */
#ifndef BROCA_ACTIVATIONS_H
#define BROCA_ACTIVATIONS_H

#include "broca/base.h"
#include "broca/store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    size_t n;                /* rows of every tap */
    size_t taps;
    char **tap;              /* [taps] names in the order of the network: embed, h.0, h.0.ln_1, ..., h.1, ..., final */
    size_t items;
    char **item;             /* [items] ids in presentation order */
    int32_t *item_run;       /* [items] or NULL */
    int32_t *item_tokens;    /* [items] tokens without special ones, or NULL (files of other programs) */
    bool per_word, per_token;/* what a row is; neither: a row an item, n == items */
    size_t words;            /* == n if per_word, else 0 */
    int32_t *word_item;      /* [words] index of the item */
    char **word_text;        /* [words] */
    double *word_onset, *word_offset; /* [words] seconds on the clock of the responses, NaN unknown */
    int32_t *word_begin, *word_end;   /* [words] bytes of the item's text, or NULL */
    size_t tokens;           /* == n if per_token, else 0 */
    int32_t *token_item;     /* [tokens] */
    int32_t *token_begin, *token_end; /* [tokens] bytes of the item's text */
    arena *memory;           /* owns every text and array above */
    store *file;
} activations;

/* Opens a file of kind activations and reads its tables; taps are read one at a time by activations_tap. The caller closes.
 * Fails: ERR_INPUT for another kind, no tap, taps of different numbers of rows, rows that do not fit the tables. */
int activations_open(activations **out, const char *path, err *e);
/* The rows [n×width] of one tap, malloc'ed (free). Fails: ERR_USAGE names the unknown tap, the nearest and the known ones. */
int activations_tap(activations *a, const char *tap, float **rows, size_t *width, err *e);
/* Width of a tap without reading it. */
int activations_width(activations *a, const char *tap, size_t *width, err *e);
bool activations_has(const activations *a, const char *tap);
/* What a row is: "item", "word" or "token". */
const char *activations_row(const activations *a);
/* An attribute of the root ("model_sha256", "context", "pooling", "arch", "seed" ...) in the file's memory, "" if absent;
 * numbers are printed. */
const char *activations_attribute(activations *a, const char *name);
void activations_close(activations *a); /* NULL is fine */

/* ---- sheets: where the units of a tap lie (model/sheets.c; METHODS 8.3) ---- */

typedef struct {
    size_t n;
    char **tap;    /* [n] in the order of the network */
    size_t *d;     /* [n] units */
    double **at;   /* [n] of [d×2]: coordinate 0, coordinate 1, in units of the sheet's spacing */
    arena *memory; /* owns all of it */
} sheets;

/* path: a model folder with topography.safetensors, such a file, or a file of kind activations with /sheet. Where config.json
 * beside the file says `placement` "post", the sheets called h.I.mlp are those of the block outputs h.I, and h.I.attn (the
 * stream between the sublayers) is no tap of broca: left out with a warning. The caller frees *out with sheets_free.
 * Fails: ERR_INPUT for a sheet that is not [d×2] finite numbers, a place without sheets. */
int sheets_read(sheets **out, const char *path, err *e);
/* Index of a tap's sheet, SIZE_MAX without one. */
size_t sheets_find(const sheets *s, const char *tap);
/* Writes the sheet of a tap with d units to /sheet/TAP, nothing without one. ERR_INPUT: a sheet of another number of units. */
int sheets_put(store *file, const sheets *s, const char *tap, size_t d, err *e);
void sheets_free(sheets *s); /* NULL is fine */

/* Order of tap names in the network: negative, 0, positive (h.2 comes before h.10; embed first, final and logits last). */
int tap_compare(const char *a, const char *b);

#ifdef __cplusplus
}
#endif
#endif
