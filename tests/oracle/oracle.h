/* SPDX-License-Identifier: MIT */
/* The oracle runner: one check function a group of cases; CONTRACT.md "Checks that others read". */
#ifndef BROCA_ORACLE_H
#define BROCA_ORACLE_H

#include "broca/base.h"
#include "broca/store.h"

typedef struct {
    const char *path;    /* the case: a folder or an .h5 file */
    char name[256];      /* base name without .h5 */
    char group[128];     /* name of the parent folder */
    char folder[1024];   /* the parent folder */
    char fallback[1024]; /* shared/oracles/GROUP: where sibling files are looked for next; "" if there is no shared */
    char shared[1024];   /* the shared folder, "" if there is none */
} oracle_case;

typedef enum { ORACLE_PASS = 0, ORACLE_FAIL = 1, ORACLE_UNREADABLE = 2, ORACLE_SKIP = 77 } oracle_status;
typedef struct {
    oracle_status status;
    double max_error, tolerance; /* max_error in units of its own; NaN: exact comparison */
    char reason[512];            /* what failed first, or why it is skipped */
} oracle_result;

/* Sets status and reason; returns the status, so that `return oracle_end(...)` reads well. A case whose kind is not known
 * yet ends with ORACLE_SKIP and says which feature is missing. */
oracle_status oracle_end(oracle_result *r, oracle_status status, const char *format, ...) BROCA_PRINTF(3, 4);
/* Compares got with want (NaN equals NaN): |got - want| <= absolute + relative·|want|. Updates max_error (largest
 * |difference|/(absolute + relative·|want|)) and tolerance (1); on failure sets ORACLE_FAIL and the reason, once. */
void oracle_near(oracle_result *r, const char *what, const double *got, const double *want, size_t n, double absolute,
                 double relative);
/* A sibling file beside the case or in the fallback; 0 and the path, or -1. */
int oracle_sibling(const oracle_case *c, const char *name, char *path, size_t room);

typedef oracle_status (*oracle_check)(const oracle_case *c, oracle_result *r);
oracle_status check_hf(const oracle_case *c, oracle_result *r);
oracle_status check_tokenizers(const oracle_case *c, oracle_result *r);
oracle_status check_ridge(const oracle_case *c, oracle_result *r);
oracle_status check_ridge_more(const oracle_case *c, oracle_result *r); /* called by check_ridge */
oracle_status check_stats(const oracle_case *c, oracle_result *r);
oracle_status check_hrf(const oracle_case *c, oracle_result *r); /* called by check_benchmarks */
oracle_status check_benchmarks(const oracle_case *c, oracle_result *r);
/* Shared by the files of the group benchmarks: an array, NULL and ORACLE_UNREADABLE without it; a case of papers' code, false
 * where it is none. */
double *benchmark_numbers(store *s, oracle_result *r, const char *name, size_t *count);
bool check_paper(const oracle_case *c, store *s, oracle_result *r);
oracle_status check_moran(const oracle_case *c, oracle_result *r);
oracle_status check_readout_smoothing(const oracle_case *c, oracle_result *r);
oracle_status check_clusters(const oracle_case *c, oracle_result *r);
oracle_status check_spatial_loss(const oracle_case *c, oracle_result *r);
oracle_status check_topolm_train(const oracle_case *c, oracle_result *r);
oracle_status check_glm(const oracle_case *c, oracle_result *r);

#endif
