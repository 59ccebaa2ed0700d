/* SPDX-License-Identifier: MIT */
/* topography: is a map of units (or voxels, vertices) organised in space? Moran's I with its moments and permutation p,
 * clusters grown from peaks, the readout of a sheet at the resolution of fMRI, correlation of units against distance,
 * layouts for models that have no sheet (METHODS 8.8-8.10, 8.12). A map is an array of values, one a unit; space is a graph of
 * neighbours or positions on a sheet. */
#ifndef BROCA_TOPOGRAPHY_H
#define BROCA_TOPOGRAPHY_H

#include "broca/base.h"
#include "broca/num.h"
#include "broca/store.h"
#include "broca/volume.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- who is whose neighbour (topography/graph.c) ---- */

/* Row i: neighbours to[begin[i]] .. to[begin[i+1]-1], rising, with weights. No unit is its own neighbour. */
typedef struct {
    size_t n;
    size_t *begin;  /* [n+1] */
    size_t *to;     /* [begin[n]] */
    double *weight; /* [begin[n]]; 1 until standardised */
} graph;

/* Pairs from[k] -> to[k], weight NULL: 1. A pair that occurs twice counts once (its first weight). ERR_INPUT: a unit >= n,
 * a pair of a unit with itself, a weight that is negative or not finite. The caller frees every graph with graph_free. */
int graph_edges(graph **out, size_t n, const size_t *from, const size_t *to, const double *weight, size_t count, err *e);
/* Rectangle of units, row-major; corners: 8 neighbours (queen), else 4 (rook). */
int graph_lattice(graph **out, size_t rows, size_t columns, bool corners, err *e);
/* Units on a lattice of spacing 1 at whole-numbered positions [n×2]; places may stay empty. ERR_INPUT: a position that is not
 * whole, or two units at one place (names them). */
int graph_positions(graph **out, const double *positions, size_t n, bool corners, err *e);
/* Vertices of a triangle mesh that share an edge of a face: faces [count×3], numbers of vertices. ERR_INPUT: a vertex >= n. */
int graph_mesh(graph **out, const int64_t *faces, size_t count, size_t n, err *e);
/* Voxels of a grid, index [n] their numbers there (i fastest), with 6 neighbours (faces), 18 (edges too) or 26 (corners too).
 * ERR_INPUT: a number beyond the grid, or twice (topography/images.c). */
int graph_voxels(graph **out, const int32_t *index, size_t n, const size_t shape[3], int neighbours, err *e);
/* The graph without the units with drop[i] != 0 (NULL: none) and without those that have no neighbour then. used [n] gets the
 * numbers of the units that are left, *n_used how many. */
int graph_keep(graph **out, const graph *g, const uint8_t *drop, size_t *used, size_t *n_used, err *e);
int graph_copy(graph **out, const graph *g, err *e);
void graph_standardise(graph *g); /* weights of each row sum to 1; rows without neighbours stay empty */
size_t graph_isolated(const graph *g); /* units without a neighbour */
void graph_free(graph *g); /* NULL is fine */

/* ---- Moran's I (topography/moran.c; METHODS 8.9) ---- */

typedef struct {
    size_t n;
    double I, expected; /* E[I] = -1/(n-1) */
    double s0, s1, s2, kurtosis;
    double variance_normality, variance_randomisation;
    double z_normality, z_randomisation, p_normality, p_randomisation; /* p two-sided */
} moran_result;

/* Of x [g->n], all finite; the weights as they are. Equal values: I NaN. Fewer than 4 units: ERR_INPUT. */
int moran(moran_result *out, const graph *g, const double *x, err *e);

typedef struct {
    size_t permutations, at_least; /* at_least: permuted I >= I (within 1e-12, so that rounding does not break ties) */
    double p;                      /* (at_least + 1)/(permutations + 1): more clustered than chance */
    double p_folded, p_two_sided;  /* folded at half (esda's p_sim); |I - E| */
    double mean, sd, z;            /* of the permuted I; sd with ddof 0 */
} moran_null;

/* What null [count] says about I; NaN among them are left out and not counted. */
void moran_against(moran_null *out, double I, double expected, const double *null, size_t count);
/* I of x [g->n] with its values permuted: null [count]; permutation k is a shuffle of stream RNG_POSITIONS, counter (., k, map). */
int moran_permuted(double *null, size_t count, const graph *g, const double *x, uint64_t seed, uint32_t map, err *e);

/* A map with NaN: they are dropped, then units without neighbours, then rows are standardised (unless binary). */
typedef struct {
    moran_result value;
    moran_null null;
    size_t used; /* units left */
} moran_map;
/* samples [count] (may be NULL) receives the permuted I. All values equal: I NaN, p NaN. */
int moran_of_map(moran_map *out, const graph *g, const double *map, bool standardise, size_t count, uint64_t seed,
                 uint32_t number, double *samples, err *e);

/* ---- the readout (topography/readout.c; METHODS 8.8) ---- */

typedef struct {
    size_t d, n;         /* units, points */
    size_t size[2];      /* points along coordinate 0 and coordinate 1; point p is (p mod size[0], p / size[0]) */
    double fwhm, spacing;
    double *points;      /* [n×2] */
    double *kernel;      /* [n×d] exp(-r²/2σ²)/(2πσ²), not normalised */
    double *mass;        /* [n] sum of the kernel over units */
} readout;

/* Points from floor(min) to ceil(max) of the positions [d×2] in steps of spacing. normalise: each point's kernel is divided by
 * its mass. ERR_USAGE: fwhm or spacing not above 0. ERR_INPUT: positions not finite, a grid that is too large. */
int readout_new(readout **out, const double *positions, size_t d, double fwhm, double spacing, bool normalise, err *e);
/* out [n×s] = readout of x [d×s], a column a sample. */
void readout_apply(const readout *r, const double *x, size_t s, double *out);
/* The points as a lattice. */
int readout_graph(graph **out, const readout *r, bool corners, err *e);
void readout_free(readout *r);

/* ---- clusters (topography/clusters.c; METHODS 8.10) ---- */

typedef struct {
    double threshold, least_peak; /* least_peak >= threshold */
    size_t least_size;
    int sign;                     /* -1: clusters of -map, threshold and peaks of -map */
} cluster_rule;

typedef struct {
    size_t n, count;
    int32_t *label;   /* [n] 0: none; 1, 2, ... by falling peak */
    size_t *size, *peak_unit;
    double *peak, *mass; /* of the map itself, also for sign -1 */
    uint8_t *keep;       /* size >= least_size */
    size_t *grown;       /* [grown_n] units in the order in which they joined, cluster by cluster */
    size_t grown_n;
} clusters;

/* Grows clusters of map [g->n] (NaN: never joins): the highest free unit >= least_peak is a seed; its highest neighbour joins
 * while >= threshold; ties: smallest number. Fails: ERR_USAGE least_peak < threshold. */
int clusters_grow(clusters **out, const graph *g, const double *map, const cluster_rule *rule, err *e);
void clusters_free(clusters *c);
/* Largest |mass| of a cluster of sign rule->sign, 0 without one, when the values of map change places: null [count], stream
 * RNG_POSITIONS with counter (., k, map number). NaN move with the values. */
int clusters_null(double *null, size_t count, const graph *g, const double *map, const cluster_rule *rule, uint64_t seed,
                  uint32_t number, err *e);

/* ---- correlation between units against distance (topography/distance.c) ---- */

typedef struct {
    size_t bins;
    double *distance, *r;            /* [bins] mean distance and mean r of the pairs in [k + 1/2, k + 3/2) (first: from 0) */
    double *null_mean, *lo, *hi;     /* [bins] positions permuted: mean, 2.5 % and 97.5 % */
    int64_t *pairs;                  /* [bins] */
    double slope;                    /* Pearson between r and 1/(1 + distance) over all pairs (as in the spatial loss) */
    double p;                        /* (#{permuted >= slope} + 1)/(count + 1) */
    size_t constant;                 /* units without variance: in no pair */
} distance_curve;

/* x [d×s]: a row a unit, a column an item; positions [d×2]. */
int distance_correlation(distance_curve **out, const double *x, size_t d, size_t s, const double *positions, size_t count,
                         uint64_t seed, uint32_t number, err *e);
void distance_free(distance_curve *c);

/* ---- layouts for models without a sheet (topography/layout.c) ---- */

typedef enum { LAYOUT_GIVEN, LAYOUT_GRID, LAYOUT_RANDOM, LAYOUT_OPTIMISED } layout_kind;
const char *layout_name(layout_kind k);
/* Sides of the sheet of d units: the most square rectangle of d places with sides within 1:2, else the smallest near-square
 * one with empty places. */
void layout_sides(size_t d, size_t *rows, size_t *columns);
/* positions [d×2]: grid (row-major), or a random permutation of the places: stream RNG_LAYOUT, counter (index, tap). */
int layout_make(double *positions, size_t d, layout_kind kind, uint64_t seed, uint32_t tap, err *e);
/* From the random layout, swaps of two places that raise the correlation of r_ij with 1/(1 + distance) over all pairs are kept;
 * sweeps × d proposals. It is fitted to x [d×s]: I of a map of the same responses has no null of permuted positions. */
int layout_optimise(double *positions, size_t d, const double *x, size_t s, size_t sweeps, uint64_t seed, uint32_t tap, err *e);

/* ---- the analysis (topography/analyse.c) and the product (topography/put.c) ---- */

typedef enum { WEIGHTS_QUEEN, WEIGHTS_ROOK, WEIGHTS_MESH } weights_kind;

typedef struct {
    weights_kind weights;
    bool binary;          /* weights are not standardised by rows */
    const graph *mesh;    /* WEIGHTS_MESH: the graph of the vertices; no sheet, no readout */
    double fwhm, spacing; /* fwhm 0: no readout */
    bool normalise;
    size_t permutations;
    layout_kind layout;
    double q, threshold;  /* clusters: units with q < this; or |t| >= threshold where threshold is not NaN */
    double least_peak;    /* NaN: the threshold */
    size_t least_size;
    bool four;            /* 4 neighbours in clusters instead of 8 */
    uint64_t seed;
} topography_options;
topography_options topography_defaults(void);

/* The responses that a map was made of, so that labels and positions can be permuted: items of the first condition first. */
typedef struct {
    size_t n_pos, n_neg;
    const double *covariate; /* [n_pos + n_neg] or NULL: t of the condition beside it, else Welch's t (METHODS 6.1, 6.3) */
} topography_contrast;

typedef struct {
    const char *name;
    size_t d;
    const double *t, *q;      /* [d]; q may be NULL */
    const uint8_t *selected;  /* [d] or NULL */
    const double *positions;  /* [d×2] or NULL: laid out as the options say */
    const double *x;          /* [d × (n_pos + n_neg)] a row a unit, or NULL: no responses at hand */
    const double *all;        /* [d × items of a profile], or NULL */
    const uint8_t *first;     /* [d] units that the items that are not held out select, or NULL */
} topography_input;

/* Items of every condition for profiles of held-out items. */
typedef struct {
    size_t n;
    const int32_t *label;         /* [n] -1: none */
    size_t n_labels;
    const char *const *labels;    /* [n_labels] */
    const uint8_t *held;          /* [n] 1: reported, in no map */
    const int8_t *side;           /* [n] of the contrast that made the map: 1 first condition, 0 second, -1 neither */
    const double *covariate;      /* [n] or NULL, as in the map */
} topography_items;

typedef struct {
    cluster_rule rule;
    clusters *grown;
    double *p, *centre;       /* [count] of the mass against permuted positions; [count×2] centre of gravity, NULL on a mesh */
} topography_clusters;

typedef struct {
    char *name;
    size_t d;
    double *t, *positions;    /* positions NULL on a mesh */
    uint8_t *selected;        /* or NULL */
    layout_kind layout;
    size_t n_nan, n_infinite; /* t NaN or ±inf: left out of everything */
    moran_map unsmoothed;
    double *null;             /* [permutations] permuted positions */
    double *null_labels;      /* [permutations] permuted condition labels, NULL without responses */
    moran_null labels;
    bool smoothed_responses;  /* the readout smoothed the responses, then contrasted; else it smoothed the t map */
    size_t points, sides[2];
    double *smoothed_t;       /* [points] as [coordinate 0][coordinate 1], NULL without a readout */
    moran_result smoothed;
    double *null_presmooth;   /* [permutations] positions permuted before smoothing */
    moran_null presmooth;
    topography_clusters side[2]; /* t > 0, t < 0; grown NULL where no unit passes */
    clusters *first_half[2];     /* grown on the items that are not held out, or NULL */
    distance_curve *distance; /* NULL without responses or on a mesh */
} topography_tap;

/* Held-out responses by condition: mean z of the units. */
typedef struct {
    size_t tap, units, peak_unit; /* tap: number of the map; units that vary */
    int sign;                     /* of a cluster; 0: the units that the other items selected */
    size_t cluster;               /* its label in first_half */
    size_t n;
    profile_row *row;             /* [n] */
} topography_profile;

typedef struct {
    size_t n;
    topography_tap *taps;
    topography_options options;
    size_t n_profiles, n_labels;
    topography_profile *profile;
    char **label;                 /* [n_labels] */
} topography;

/* What a localizer file tells, ready for topography_analyse but for x and layouts (topography/read.c). */
typedef struct {
    size_t n;
    topography_input *taps;
    char *contrast, *test, *match; /* as localize wrote them: "S-N", "welch", "none" */
    char *condition;               /* the column of the stimuli that the contrast names */
    uint64_t seed;                 /* of the localizer: which items were matched */
    space grid;                    /* maps of brains: the voxels (vertices) of which index [d] are these; shape 0: none */
    int32_t *index;
    bool absolute;                 /* its maps are of absolute values */
    size_t n_held;                 /* items that its first half did not use; 0: no halves */
    char **held;                   /* [n_held] their ids */
    arena *memory;
} topography_data;
/* Maps of a file of kind localizer; sheets_path as in sheets_read, NULL: no sheets. Where some taps have a sheet, the others are
 * left out with a warning. */
int topography_read(topography_data **out, const char *localizer, const char *sheets_path, err *e);
/* maps of white noise on rows × columns units: what the readout and its null make of no topography at all. */
int topography_noise(topography_data **out, size_t maps, size_t rows, size_t columns, uint64_t seed, err *e);
/* Faces of a mesh: a table whose columns a, b, c number the vertices of a triangle from 0; n vertices. */
int topography_mesh(graph **out, const char *path, size_t n, err *e);
/* t maps in NIfTI (voxels with a value that is not 0) or GIFTI files, one after the other. */
int topography_maps(topography_data **out, const char *const *paths, size_t n, err *e);
/* Neighbours for WEIGHTS_MESH: among the voxels of the maps; or on a surface, GIFTI (.gii) or a table as above. Maps of some of its
 * vertices are spread over all, NaN elsewhere. ERR_INPUT: another number of vertices; a vertex that has a value and lies in no face. */
int topography_voxels(graph **out, const topography_data *d, int neighbours, err *e);
int topography_surface(graph **out, topography_data *d, const char *path, err *e);
void topography_data_free(topography_data *d); /* NULL is fine */

/* contrast NULL: no responses. Fails: ERR_INPUT where t and the contrast of the responses differ by more than 1e-5 (other
 * items or another model than the map was made of), positions that are no lattice, fewer than 4 units left. */
int topography_analyse(topography **out, const topography_input *taps, size_t n, const topography_contrast *contrast,
                       const topography_options *o, err *e);
/* Adds t->profile to an analysis of the same taps, all of which have `all` (topography/profile.c; METHODS 6.5, 8.10). */
int topography_profiles(topography *t, const topography_input *taps, const topography_items *items,
                        const topography_options *o, err *e);
/* Kind `topography` (CONTRACT). */
int topography_put(store *s, const topography *t, err *e);
void topography_free(topography *t);

#ifdef __cplusplus
}
#endif
#endif
