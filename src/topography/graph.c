/* SPDX-License-Identifier: MIT */
/* Graphs of neighbours: lattices, units at positions, triangle meshes, given pairs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

typedef struct {
    size_t from, to, at; /* at: place in the caller's list, so that sorting keeps the first of equal pairs */
} pair;

static int by_place(const void *a, const void *b)
{
    const pair *x = a, *y = b;
    if (x->from != y->from) return x->from < y->from ? -1 : 1;
    if (x->to != y->to) return x->to < y->to ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static int graph_new(graph **out, size_t n, size_t edges, err *e)
{
    graph *g = mem_new(1, sizeof *g, e);
    if (!g) return -1;
    g->n = n;
    g->begin = mem_new(n + 1, sizeof *g->begin, e);
    g->to = mem_new(edges, sizeof *g->to, e);
    g->weight = mem_new(edges, sizeof *g->weight, e);
    if (!g->begin || !g->to || !g->weight) {
        graph_free(g);
        return -1;
    }
    *out = g;
    return 0;
}

static int check_pair(size_t n, size_t from, size_t to, const double *weight, err *e)
{
    if (from >= n || to >= n)
        return err_set(e, ERR_INPUT, "a pair of neighbours names unit %zu, there are %zu", from >= n ? from : to, n);
    if (from == to) return err_set(e, ERR_INPUT, "unit %zu is given as its own neighbour", from);
    if (weight && !(*weight >= 0 && isfinite(*weight)))
        return err_set(e, ERR_INPUT, "the weight of units %zu and %zu is %g", from, to, *weight);
    return 0;
}

int graph_edges(graph **out, size_t n, const size_t *from, const size_t *to, const double *weight, size_t count, err *e)
{
    int status = -1;
    graph *g = NULL;
    pair *list = mem_new(count, sizeof *list, e);
    *out = NULL;
    if (!list || graph_new(&g, n, count, e)) goto done;
    for (size_t k = 0; k < count; k++) {
        if (check_pair(n, from[k], to[k], weight ? &weight[k] : NULL, e)) goto done;
        list[k] = (pair){ from[k], to[k], k };
    }
    qsort(list, count, sizeof *list, by_place);
    size_t kept = 0;
    for (size_t k = 0; k < count; k++) {
        if (k && list[k].from == list[k - 1].from && list[k].to == list[k - 1].to) continue;
        g->to[kept] = list[k].to;
        g->weight[kept++] = weight ? weight[list[k].at] : 1;
        g->begin[list[k].from + 1] = kept;
    }
    for (size_t i = 1; i <= n; i++)
        if (g->begin[i] < g->begin[i - 1]) g->begin[i] = g->begin[i - 1];
    *out = g;
    g = NULL;
    status = 0;
done:
    free(list);
    graph_free(g);
    return status;
}

/* place [rows×columns]: the unit there, or SIZE_MAX. Neighbours rise because places are walked by row for row-major units
 * only; graph_edges sorts for all others. */
static int graph_places(graph **out, const size_t *place, size_t rows, size_t columns, size_t n, bool corners, err *e)
{
    int status = -1;
    size_t room, count = 0;
    size_t *from = NULL, *to = NULL;
    if (size_mul(n, 8, &room, e)) return -1;
    from = mem_new(room, sizeof *from, e);
    to = mem_new(room, sizeof *to, e);
    if (!from || !to) goto done;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            size_t unit = place[r * columns + c];
            if (unit == SIZE_MAX) continue;
            for (int k = 0; k < 9; k++) {
                size_t y = r + (size_t)(k / 3) - 1, x = c + (size_t)(k % 3) - 1; /* -1 wraps to a number that is too large */
                if (k == 4 || (!corners && k % 2 == 0) || y >= rows || x >= columns) continue;
                if (place[y * columns + x] == SIZE_MAX) continue;
                from[count] = unit;
                to[count++] = place[y * columns + x];
            }
        }
    status = graph_edges(out, n, from, to, NULL, count, e);
done:
    free(from);
    free(to);
    return status;
}

int graph_lattice(graph **out, size_t rows, size_t columns, bool corners, err *e)
{
    size_t n;
    *out = NULL;
    if (size_mul(rows, columns, &n, e)) return -1;
    size_t *place = mem_new(n, sizeof *place, e);
    if (!place) return -1;
    for (size_t i = 0; i < n; i++)
        place[i] = i;
    int status = graph_places(out, place, rows, columns, n, corners, e);
    free(place);
    return status;
}

/* Least position and number of places along each coordinate. */
static int extent(const double *positions, size_t n, double least[2], size_t size[2], err *e)
{
    for (size_t axis = 0; axis < 2; axis++) {
        double lo = positions[axis], hi = lo;
        for (size_t k = 0; k < n; k++) {
            double p = positions[2 * k + axis];
            if (!isfinite(p) || floor(p) != p) {
                err_set(e, ERR_INPUT, "unit %zu lies at %g on coordinate %zu: neighbours need whole-numbered positions", k, p,
                        axis);
                return err_hint(e, "positions in units of the sheet's spacing");
            }
            lo = fmin(lo, p);
            hi = fmax(hi, p);
        }
        if (hi - lo > 1e6) return err_set(e, ERR_INPUT, "positions reach from %g to %g: no sheet is that large", lo, hi);
        least[axis] = lo;
        size[axis] = (size_t)(hi - lo) + 1;
    }
    if (size[0] > (size_t)1 << 28 || size[1] > ((size_t)1 << 28) / size[0])
        return err_set(e, ERR_INPUT, "a sheet of %zu by %zu places is too large", size[0], size[1]);
    return 0;
}

int graph_positions(graph **out, const double *positions, size_t n, bool corners, err *e)
{
    double least[2];
    size_t size[2];
    int status = -1;
    *out = NULL;
    if (n == 0) return err_set(e, ERR_INPUT, "a sheet without units");
    if (extent(positions, n, least, size, e)) return -1;
    size_t *place = mem_new(size[0] * size[1], sizeof *place, e);
    if (!place) return -1;
    memset(place, 0xff, size[0] * size[1] * sizeof *place);
    for (size_t k = 0; k < n; k++) {
        size_t *at = &place[(size_t)(positions[2 * k] - least[0]) * size[1] + (size_t)(positions[2 * k + 1] - least[1])];
        if (*at != SIZE_MAX) {
            err_set(e, ERR_INPUT, "units %zu and %zu both lie at (%g, %g)", *at, k, positions[2 * k], positions[2 * k + 1]);
            err_hint(e, "a layout gives each unit a place of its own");
            goto done;
        }
        *at = k;
    }
    status = graph_places(out, place, size[0], size[1], n, corners, e);
done:
    free(place);
    return status;
}

int graph_mesh(graph **out, const int64_t *faces, size_t count, size_t n, err *e)
{
    int status = -1;
    size_t room, k = 0;
    size_t *from = NULL, *to = NULL;
    *out = NULL;
    if (size_mul(count, 6, &room, e)) return -1;
    from = mem_new(room, sizeof *from, e);
    to = mem_new(room, sizeof *to, e);
    if (!from || !to) goto done;
    for (size_t f = 0; f < count; f++)
        for (size_t c = 0; c < 3; c++) {
            int64_t a = faces[3 * f + c], b = faces[3 * f + (c + 1) % 3];
            if (a < 0 || (uint64_t)a >= n || b < 0 || (uint64_t)b >= n) {
                err_set(e, ERR_INPUT, "face %zu names vertex %lld, the map has %zu", f,
                        (long long)(a < 0 || (uint64_t)a >= n ? a : b), n);
                err_hint(e, "the mesh and the map must have the same vertices, numbered from 0");
                goto done;
            }
            from[k] = (size_t)a;
            to[k++] = (size_t)b;
            from[k] = (size_t)b;
            to[k++] = (size_t)a;
        }
    status = graph_edges(out, n, from, to, NULL, k, e);
done:
    free(from);
    free(to);
    return status;
}

int graph_keep(graph **out, const graph *g, const uint8_t *drop, size_t *used, size_t *n_used, err *e)
{
    size_t n = 0, edges = 0, *number = mem_new(g->n, sizeof *number, e);
    graph *k = NULL;
    *out = NULL;
    if (!number || graph_new(&k, g->n, g->begin[g->n], e)) {
        free(number);
        return -1;
    }
    for (size_t i = 0; i < g->n; i++) {
        bool alone = true;
        for (size_t j = g->begin[i]; j < g->begin[i + 1] && alone; j++)
            alone = drop && drop[g->to[j]];
        number[i] = alone || (drop && drop[i]) ? SIZE_MAX : n;
        if (number[i] != SIZE_MAX) used[n++] = i;
    }
    for (size_t u = 0; u < n; u++) {
        for (size_t j = g->begin[used[u]]; j < g->begin[used[u] + 1]; j++) {
            if (number[g->to[j]] == SIZE_MAX) continue;
            k->to[edges] = number[g->to[j]];
            k->weight[edges++] = g->weight[j];
        }
        k->begin[u + 1] = edges;
    }
    k->n = *n_used = n;
    free(number);
    *out = k;
    return 0;
}

int graph_copy(graph **out, const graph *g, err *e)
{
    *out = NULL;
    if (graph_new(out, g->n, g->begin[g->n], e)) return -1;
    memcpy((*out)->begin, g->begin, (g->n + 1) * sizeof *g->begin);
    memcpy((*out)->to, g->to, g->begin[g->n] * sizeof *g->to);
    memcpy((*out)->weight, g->weight, g->begin[g->n] * sizeof *g->weight);
    return 0;
}

void graph_standardise(graph *g)
{
    for (size_t i = 0; i < g->n; i++) {
        double sum = sum_f8(g->weight + g->begin[i], g->begin[i + 1] - g->begin[i]);
        for (size_t j = g->begin[i]; j < g->begin[i + 1] && sum > 0; j++)
            g->weight[j] /= sum;
    }
}

size_t graph_isolated(const graph *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        n += g->begin[i] == g->begin[i + 1];
    return n;
}

void graph_free(graph *g)
{
    if (!g) return;
    free(g->begin);
    free(g->to);
    free(g->weight);
    free(g);
}
