/* SPDX-License-Identifier: MIT */
/* How the power of a planned study grows with its subjects: a picture of its own, for a protocol or a page. */
#include <math.h>
#include <stdlib.h>

#include "broca/report.h"
#include "plot.h"

enum { HEIGHT = 330, LEFT = 64, RIGHT = 24, BOTTOM = 52 };
static const double usual = .8; /* the power that most protocols ask for */

static int by_subjects(const void *a, const void *b)
{
    size_t x = ((const power_row *)a)->subjects, y = ((const power_row *)b)->subjects;
    return (x > y) - (x < y);
}

static void draw_band(const plot *p, const power_row *row, size_t n)
{
    buffer_text(p->b, "<polygon class=\"band s1\" points=\"");
    for (size_t i = 0; i < n; i++) buffer_printf(p->b, "%.1f,%.1f ", plot_x(p, (double)row[i].subjects), plot_y(p, row[i].hi));
    for (size_t i = n; i-- > 0;) buffer_printf(p->b, "%.1f,%.1f ", plot_x(p, (double)row[i].subjects), plot_y(p, row[i].lo));
    buffer_text(p->b, "\"/>");
}

static void draw_curve(const plot *p, const power_row *row, size_t n, size_t studies)
{
    buffer_text(p->b, "<polyline class=\"line s1\" points=\"");
    for (size_t i = 0; i < n; i++) buffer_printf(p->b, "%.1f,%.1f ", plot_x(p, (double)row[i].subjects), plot_y(p, row[i].power));
    buffer_text(p->b, "\"/>");
    for (size_t i = 0; i < n; i++)
        plot_dot(p, "s1", plot_x(p, (double)row[i].subjects), plot_y(p, row[i].power), 4,
                 "%zu subjects: power %.2f (95 %% interval %.2f to %.2f, %zu studies); cross-validated ΔR² %.4f, its interval %.4f wide on average",
                 row[i].subjects, row[i].power, row[i].lo, row[i].hi, studies, row[i].mean_delta, row[i].mean_width);
}

int report_power(buffer *b, const power_row *rows, const power_plan *plan, err *e)
{
    char title[200];
    size_t n = plan->n_subjects;
    power_row *row = mem_copy(rows, n * sizeof *row, e);
    if (!row) return -1;
    qsort(row, n, sizeof *row, by_subjects);
    snprintf(title, sizeof title, "Power over subjects: %zu %s, ceiling %g, ΔR² %g, baseline R² %g", plan->rows,
             plan->tr_s > 0 ? "volumes" : "items", plan->ceiling, plan->delta_r2, plan->baseline_r2);
    plot p = plot_begin_file(b, HEIGHT, LEFT, RIGHT, BOTTOM, title);
    plot_text(&p, "title", 8, 20, "start", "%zu %s, ceiling %g, ΔR² %g", plan->rows, plan->tr_s > 0 ? "volumes" : "items", plan->ceiling, plan->delta_r2);
    p.top += 24;
    p.x = plot_scale_of(0, (double)row[n - 1].subjects, 6);
    p.y = plot_scale_of(0, 1, 5);
    plot_y_axis(&p, "power (share of studies)");
    plot_x_axis(&p, "subjects (number)");
    plot_line(&p, "rule", p.left, plot_y(&p, usual), p.right, plot_y(&p, usual));
    draw_band(&p, row, n);
    draw_curve(&p, row, n, plan->studies);
    plot_end(&p);
    free(row);
    return buffer_ok(b, e);
}
