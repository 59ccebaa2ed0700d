/* SPDX-License-Identifier: MIT */
/* Small pieces of HTML (private to the room). */
#ifndef BROCA_REPORT_HTML_H
#define BROCA_REPORT_HTML_H

#include "broca/base.h"

/* From <!doctype to <main>: the title, the style. */
void page_head(buffer *b, const char *title);
/* Text with & < > " escaped. */
void html_text(buffer *b, const char *text);
/* What rounds to 0 has no sign. */
double html_rounded(double v, int digits);
/* +0.0123, in room [HTML_SIGNED], which is returned. */
enum { HTML_SIGNED = 32 };
const char *html_signed(double v, char *room);
/* A table cell: a number with so many digits after the point (– for NaN), or a text. */
void html_number(buffer *b, double v, int digits);
void html_cell(buffer *b, const char *text);
/* A table that may scroll sideways. heads: names, "|"-separated; one that begins with '#' is of numbers. */
void html_table_begin(buffer *b, const char *heads);
void html_table_end(buffer *b);
/* What is long is folded away. */
void html_fold_begin(buffer *b, const char *format, ...) BROCA_PRINTF(2, 3);
void html_fold_end(buffer *b);
/* A figure: its title and what it shows above the picture, as text that wraps. */
void html_figure_begin(buffer *b, const char *title, const char *format, ...) BROCA_PRINTF(3, 4);
void html_figure_end(buffer *b);

#endif
