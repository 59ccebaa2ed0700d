/* SPDX-License-Identifier: MIT */
/* Sections of the page, a file each (private to the room). */
#ifndef BROCA_REPORT_PARTS_H
#define BROCA_REPORT_PARTS_H

#include "broca/report.h"
#include "figures.h"

int part_summary(buffer *b, const report_view *v, err *e);                         /* main table, by region, by subject */
int part_layers(buffer *b, const report_view *v, err *e);                          /* chosen layers; the best on test data beside */
int part_excluded(buffer *b, const report_view *v, const report_inputs *in, err *e); /* what was left out and why; warnings */
void part_mode(buffer *b, const report_view *v);                                   /* strict, or what a replicate mode does otherwise */
int part_replicates(buffer *b, const report_view *v, const encoding_views *x, err *e); /* what papers' codes read beside it */
void part_methods(buffer *b, const report_view *v, const report_inputs *in);       /* text for a paper */
/* Files that the page rests on: hashes, program, core; the commands that repeat them, first to last. */
typedef struct provenance provenance;
int provenance_read(provenance **out, const report_inputs *in, err *e);
void provenance_free(provenance *p);
bool provenance_mentions(const provenance *p, const char *text); /* a command or an input has this text in it */
int part_provenance(buffer *b, const provenance *p, err *e);
void part_references(buffer *b, const report_view *v, const provenance *p);

#endif
