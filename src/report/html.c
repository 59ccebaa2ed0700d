/* SPDX-License-Identifier: MIT */
#include "html.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "style.h"

void page_head(buffer *b, const char *title)
{
    buffer_text(b, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    html_text(b, title);
    buffer_text(b, "</title>\n<style>\n");
    buffer_text(b, report_style);
    buffer_text(b, "</style>\n</head>\n<body>\n<main>\n");
}

void html_text(buffer *b, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&': buffer_text(b, "&amp;"); break;
        case '<': buffer_text(b, "&lt;"); break;
        case '>': buffer_text(b, "&gt;"); break;
        case '"': buffer_text(b, "&quot;"); break;
        default: buffer_add(b, text, 1);
        }
    }
}

double html_rounded(double v, int digits)
{
    return fabs(v) < .5 * pow(10, -digits) ? 0 : v;
}

const char *html_signed(double v, char *room)
{
    snprintf(room, HTML_SIGNED, fabs(v) < 5e-5 ? "%.4f" : "%+.4f", html_rounded(v, 4));
    return room;
}

void html_number(buffer *b, double v, int digits)
{
    if (isnan(v)) buffer_text(b, "<td class=\"n\">–</td>");
    else buffer_printf(b, "<td class=\"n\">%.*f</td>", digits, html_rounded(v, digits));
}

void html_cell(buffer *b, const char *text)
{
    buffer_text(b, "<td>");
    html_text(b, text);
    buffer_text(b, "</td>");
}

void html_table_begin(buffer *b, const char *heads)
{
    char head[200];
    buffer_text(b, "<div class=\"scroll\"><table><thead><tr>");
    while (*heads) {
        size_t n = strcspn(heads, "|");
        bool number = *heads == '#';
        snprintf(head, sizeof head, "%.*s", (int)(n - number), heads + number);
        buffer_text(b, number ? "<th class=\"n\">" : "<th>");
        html_text(b, head);
        buffer_text(b, "</th>");
        heads += n + (heads[n] == '|');
    }
    buffer_text(b, "</tr></thead><tbody>\n");
}

void html_table_end(buffer *b)
{
    buffer_text(b, "</tbody></table></div>\n");
}

/* The text of a format, escaped. */
static void escaped(buffer *b, const char *format, va_list list)
{
    char text[2000];
    vsnprintf(text, sizeof text, format, list);
    html_text(b, text);
}

void html_fold_begin(buffer *b, const char *format, ...)
{
    va_list list;
    buffer_text(b, "<details><summary>");
    va_start(list, format);
    escaped(b, format, list);
    va_end(list);
    buffer_text(b, "</summary>\n");
}

void html_fold_end(buffer *b)
{
    buffer_text(b, "</details>\n");
}

void html_figure_begin(buffer *b, const char *title, const char *format, ...)
{
    va_list list;
    buffer_text(b, "<figure><figcaption><b>");
    html_text(b, title);
    buffer_text(b, "</b> ");
    va_start(list, format);
    escaped(b, format, list);
    va_end(list);
    buffer_text(b, "</figcaption>\n");
}

void html_figure_end(buffer *b)
{
    buffer_text(b, "</figure>\n");
}
