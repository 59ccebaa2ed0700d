/* SPDX-License-Identifier: MIT */
/* A brain in axial slices: one picture for the values, paths for outlines, so that a page stays small and lines stay sharp. */
#include "mosaic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sheets.h"
#include "html.h"

enum { ACROSS = 7, CELL_GAP = 2, LABEL = 8 };
static const double LEAST_AREA = .08; /* of the largest slice: what has less is not shown */

/* How a grid is shown: which voxel axis is x, y, z, and whether it runs the other way. */
typedef struct {
    size_t axis[3], least[3], most[3]; /* of x, y, z; the box that is shown */
    bool flip[3];
    size_t width, height;              /* of a slice, voxels */
    size_t *slice, n;                  /* indices along the axis of z, bottom to top */
    size_t across, down;
} view;

/* Each direction is the voxel axis that moves most along it; without an affine i, j, k. */
static void orient(view *v, const space *s)
{
    bool taken[3] = { false };
    for (size_t d = 0; d < 3; d++) {
        size_t best = SIZE_MAX;
        for (size_t a = 0; a < 3; a++)
            if (!taken[a] && (best == SIZE_MAX || fabs(s->affine[4 * d + a]) > fabs(s->affine[4 * d + best]))) best = a;
        taken[best] = true;
        v->axis[d] = best;
        v->flip[d] = s->affine[4 * d + best] < 0;
    }
}

static size_t voxel_at(const view *v, const space *s, size_t x, size_t y, size_t z)
{
    size_t at[3];
    at[v->axis[0]] = x;
    at[v->axis[1]] = y;
    at[v->axis[2]] = z;
    return at[0] + s->shape[0] * (at[1] + s->shape[1] * at[2]);
}

/* Index along an axis of what is shown at place p from the left, or from the top for y. */
static size_t index_at(const view *v, size_t direction, size_t p)
{
    bool back = direction == 1 ? !v->flip[1] : v->flip[direction]; /* front is up: y falls from the top */
    return back ? v->most[direction] - p : v->least[direction] + p;
}

static size_t area(const view *v, const mosaic *m, size_t z)
{
    size_t n = 0;
    for (size_t y = v->least[1]; y <= v->most[1]; y++)
        for (size_t x = v->least[0]; x <= v->most[0]; x++) n += m->inside[voxel_at(v, m->grid, x, y, z)] != 0;
    return n;
}

/* Slices at the ends of which little is left. */
static void trim(view *v, const mosaic *m)
{
    double most = 0;
    if (v->least[0] == SIZE_MAX) return;
    for (size_t z = v->least[2]; z <= v->most[2]; z++) most = fmax(most, (double)area(v, m, z));
    while (v->least[2] < v->most[2] && (double)area(v, m, v->least[2]) < LEAST_AREA * most) v->least[2]++;
    while (v->least[2] < v->most[2] && (double)area(v, m, v->most[2]) < LEAST_AREA * most) v->most[2]--;
}

static void find_box(view *v, const mosaic *m)
{
    const size_t *shape = m->grid->shape;
    for (size_t d = 0; d < 3; d++) {
        v->least[d] = SIZE_MAX;
        v->most[d] = 0;
    }
    for (size_t i = 0; i < space_voxels(m->grid); i++) {
        if (!m->inside[i]) continue;
        size_t at[3] = { i % shape[0], i / shape[0] % shape[1], i / shape[0] / shape[1] };
        for (size_t d = 0; d < 3; d++) {
            size_t x = at[v->axis[d]];
            if (x < v->least[d]) v->least[d] = x;
            if (x > v->most[d]) v->most[d] = x;
        }
    }
    trim(v, m);
    v->width = v->most[0] - v->least[0] + 1;
    v->height = v->most[1] - v->least[1] + 1;
}

/* Evenly spaced, one of them that of the mark. */
static int choose_slices(view *v, const mosaic *m, size_t most, err *e)
{
    size_t depth = v->most[2] - v->least[2] + 1, marked = SIZE_MAX;
    v->n = depth < most ? depth : most;
    if (!(v->slice = mem_new(v->n, sizeof *v->slice, e))) return -1;
    if (m->mark != SIZE_MAX) {
        const size_t *shape = m->grid->shape;
        size_t at[3] = { m->mark % shape[0], m->mark / shape[0] % shape[1], m->mark / shape[0] / shape[1] };
        marked = at[v->axis[2]];
    }
    for (size_t k = 0; k < v->n; k++) {
        size_t up = (size_t)lround(((double)k + .5) * (double)depth / (double)v->n - .5);
        v->slice[k] = v->flip[2] ? v->most[2] - up : v->least[2] + up;
    }
    size_t nearest = SIZE_MAX;
    for (size_t k = 0; k < v->n && marked != SIZE_MAX; k++) {
        size_t far = v->slice[k] > marked ? v->slice[k] - marked : marked - v->slice[k];
        size_t best = nearest == SIZE_MAX ? SIZE_MAX : v->slice[nearest] > marked ? v->slice[nearest] - marked : marked - v->slice[nearest];
        if (far < best) nearest = k;
    }
    if (nearest != SIZE_MAX) v->slice[nearest] = marked;
    v->across = v->n < ACROSS ? v->n : ACROSS;
    v->down = (v->n + v->across - 1) / v->across;
    return 0;
}

static void corner(const view *v, size_t k, size_t *x, size_t *y)
{
    *x = k % v->across * (v->width + CELL_GAP);
    *y = k / v->across * (v->height + LABEL + CELL_GAP) + LABEL;
}

/* ---- the picture ---- */

static void paint(uint8_t *rgba, size_t wide, const view *v, const mosaic *m)
{
    for (size_t k = 0; k < v->n; k++) {
        size_t x0, y0;
        corner(v, k, &x0, &y0);
        for (size_t y = 0; y < v->height; y++)
            for (size_t x = 0; x < v->width; x++) {
                size_t i = voxel_at(v, m->grid, index_at(v, 0, x), index_at(v, 1, y), v->slice[k]);
                uint8_t *to = rgba + 4 * ((y0 + y) * wide + x0 + x);
                if (!m->inside[i]) continue; /* transparent */
                diverging_colour(to, m->value[i], m->limit);
                to[3] = 255;
            }
    }
}

static void base64(buffer *b, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t word = (uint32_t)bytes[i] << 16 | (i + 1 < n ? (uint32_t)bytes[i + 1] << 8 : 0) | (i + 2 < n ? bytes[i + 2] : 0);
        const char four[4] = { digits[word >> 18], digits[word >> 12 & 63], i + 1 < n ? digits[word >> 6 & 63] : '=', i + 2 < n ? digits[word & 63] : '=' };
        buffer_add(b, four, 4);
    }
}

/* ---- outlines ---- */

static bool within(const view *v, const mosaic *m, const uint8_t *set, size_t k, size_t x, size_t y)
{
    if (x >= v->width || y >= v->height) return false; /* -1 wraps */
    return set[voxel_at(v, m->grid, index_at(v, 0, x), index_at(v, 1, y), v->slice[k])] != 0;
}

/* Edges between the set and what is not in it; those of one line are one stroke. */
static void outline(buffer *b, const view *v, const mosaic *m, const uint8_t *set, const char *style)
{
    bool open = false;
    for (size_t k = 0; k < v->n; k++) {
        size_t x0, y0;
        corner(v, k, &x0, &y0);
        for (int across = 0; across < 2; across++) {
            size_t lines = across ? v->width : v->height, length = across ? v->height : v->width;
            for (size_t line = 0; line <= lines; line++)
                for (size_t at = 0; at < length; at++) {
                    size_t run = 0;
                    for (; at + run < length; run++) {
                        size_t p = at + run;
                        bool one = across ? within(v, m, set, k, line - 1, p) : within(v, m, set, k, p, line - 1);
                        bool other = across ? within(v, m, set, k, line, p) : within(v, m, set, k, p, line);
                        if (one == other) break;
                    }
                    if (run == 0) continue;
                    if (!open) buffer_printf(b, "<path fill=\"none\" vector-effect=\"non-scaling-stroke\" %s d=\"", style);
                    open = true;
                    if (across) buffer_printf(b, "M%zu %zuv%zu", x0 + line, y0 + at, run);
                    else buffer_printf(b, "M%zu %zuh%zu", x0 + at, y0 + line, run);
                    at += run - 1;
                }
        }
    }
    if (open) buffer_text(b, "\"/>");
}

static void ring(buffer *b, const view *v, const mosaic *m)
{
    for (size_t k = 0; k < v->n && m->mark != SIZE_MAX; k++)
        for (size_t y = 0; y < v->height; y++)
            for (size_t x = 0; x < v->width; x++) {
                size_t x0, y0;
                if (voxel_at(v, m->grid, index_at(v, 0, x), index_at(v, 1, y), v->slice[k]) != m->mark) continue;
                corner(v, k, &x0, &y0);
                buffer_printf(b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"none\" stroke=\"#111\" stroke-width=\"1.4\" vector-effect=\"non-scaling-stroke\"/>",
                              (double)(x0 + x) + .5, (double)(y0 + y) + .5);
            }
}

static void labels(buffer *b, const view *v, const mosaic *m, double scale)
{
    for (size_t k = 0; k < v->n; k++) {
        size_t x0, y0;
        double mm[3];
        corner(v, k, &x0, &y0);
        space_mm(m->grid, voxel_at(v, m->grid, v->least[0], v->least[1], v->slice[k]), mm);
        double x = (double)x0 * scale, y = ((double)y0 - 1.5) * scale;
        if (m->grid->from == SPACE_NONE) buffer_printf(b, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\">slice %zu</text>", x, y, v->slice[k]);
        else buffer_printf(b, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\">%sz = %.0f mm</text>", x, y, k ? "" : "L · ", mm[2] == 0 ? 0. : mm[2]);
    }
}

int svg_mosaic(buffer *b, const mosaic *m, size_t slices, err *e)
{
    view v = { 0 };
    uint8_t *rgba = NULL;
    buffer png = { 0 };
    int status = -1;
    orient(&v, m->grid);
    find_box(&v, m);
    if (v.least[0] == SIZE_MAX) return err_set(e, ERR_INPUT, "%s: no voxel has a value", m->title);
    if (choose_slices(&v, m, slices, e)) goto done;
    size_t wide = v.across * (v.width + CELL_GAP), high = v.down * (v.height + LABEL + CELL_GAP);
    double scale = 1000 / (double)wide;
    if (!(rgba = mem_new(wide * high, 4, e))) goto done;
    paint(rgba, wide, &v, m);
    if (png_encode(&png, rgba, wide, high, e)) goto done;
    buffer_printf(b, "<svg viewBox=\"0 0 1000 %.0f\" role=\"img\" aria-label=\"", (double)high * scale);
    html_text(b, m->title);
    buffer_printf(b, "\"><g transform=\"scale(%.5f)\"><image width=\"%zu\" height=\"%zu\" style=\"image-rendering:pixelated\" href=\"data:image/png;base64,",
                  scale, wide, high);
    base64(b, (const uint8_t *)png.at, png.size);
    buffer_text(b, "\"/>");
    outline(b, &v, m, m->inside, "stroke=\"#8a8a8a\" stroke-width=\"1\"");
    if (m->parcel) outline(b, &v, m, m->parcel, "stroke=\"#00795a\" stroke-width=\"1.2\"");
    if (m->selected) outline(b, &v, m, m->selected, "stroke=\"#111\" stroke-width=\"1.6\"");
    ring(b, &v, m);
    buffer_text(b, "</g>");
    labels(b, &v, m, scale);
    buffer_text(b, "</svg>\n");
    status = buffer_ok(b, e);
done:
    free(v.slice);
    free(rgba);
    free(png.at);
    return status;
}
