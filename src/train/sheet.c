/* SPDX-License-Identifier: MIT */
/* Sheets: where the units of a tap lie, its neighbourhoods, and which of them a step uses (METHODS 8.3; CONTRACT streams 3, 4). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

/* Places from radius - 1 to side - radius. */
static size_t centres(size_t side, size_t radius)
{
    return side + 1 >= 2 * radius ? side + 2 - 2 * radius : 0;
}

size_t sheet_neighbourhoods(const train_model *m)
{
    return centres(m->sheet_rows, m->radius) * centres(m->sheet_columns, m->radius);
}

static bool within(long a, long b, long radius)
{
    return a - b < radius && b - a < radius;
}

static bool is_centre(long at, size_t side, long radius)
{
    return at >= radius - 1 && at <= (long)side - radius;
}

/* unit k lies at place p[k] of the sheet, row-major. */
static int place_units(const trainer *t, tap_sheet *s, size_t tap, err *e)
{
    size_t d = t->m.width, columns = t->m.sheet_columns;
    size_t *p = mem_new(d, sizeof *p, e);
    if (!p) return -1;
    for (size_t i = 0; i < d; i++) p[i] = i;
    if (t->m.layout == TRAIN_RANDOM) rng_shuffle(p, d, t->seed, RNG_LAYOUT, (uint32_t)tap, 0);
    for (size_t k = 0; k < d; k++) {
        s->position[2 * k] = (double)(p[k] / columns);
        s->position[2 * k + 1] = (double)(p[k] % columns);
    }
    free(p);
    return 0;
}

static int check_places(const trainer *t, const double *positions, err *e)
{
    size_t d = t->m.width, columns = t->m.sheet_columns;
    uint8_t *taken = mem_new(d, 1, e);
    if (!taken) return -1;
    for (size_t k = 0; k < d; k++) {
        double row = positions[2 * k], column = positions[2 * k + 1];
        bool whole = row >= 0 && column >= 0 && row < (double)t->m.sheet_rows && column < (double)columns && floor(row) == row &&
                     floor(column) == column;
        size_t place = whole ? (size_t)row * columns + (size_t)column : 0;
        if (whole && !taken[place]++) continue;
        free(taken);
        return err_set(e, ERR_INPUT, "unit %zu lies at (%g, %g), which is %s of the sheet of %zu × %zu", k, row, column,
                       whole ? "another unit's place" : "no place", t->m.sheet_rows, columns);
    }
    free(taken);
    return 0;
}

/* Lists in unit order: centres as they come among the units, members too. */
static void list_neighbourhoods(const trainer *t, tap_sheet *s)
{
    size_t d = t->m.width, n = 0, at = 0;
    long radius = (long)t->m.radius;
    for (size_t c = 0; c < d; c++) {
        long row = (long)s->position[2 * c], column = (long)s->position[2 * c + 1];
        if (!is_centre(row, t->m.sheet_rows, radius) || !is_centre(column, t->m.sheet_columns, radius)) continue;
        s->start[n++] = at;
        for (size_t k = 0; k < d; k++)
            if (within((long)s->position[2 * k], row, radius) && within((long)s->position[2 * k + 1], column, radius))
                s->member[at++] = k;
    }
    s->start[n] = at;
    for (size_t k = 0; k < 2 * d; k++) s->place[k] = (float)s->position[k];
}

int trainer_place(trainer *t, size_t tap, const double *positions, err *e)
{
    if (tap >= t->taps) return err_set(e, ERR_INPUT, "there is no tap %zu; the model has %zu", tap, t->taps);
    if (check_places(t, positions, e)) return err_while(e, "laying out %s", t->tap_names[tap]);
    memcpy(t->sheets[tap].position, positions, 2 * t->m.width * sizeof *positions);
    list_neighbourhoods(t, &t->sheets[tap]);
    return 0;
}

size_t trainer_members(const trainer *t, size_t tap, size_t k, const size_t **members)
{
    const tap_sheet *s = &t->sheets[tap];
    *members = s->member + s->start[k];
    return s->start[k + 1] - s->start[k];
}

int sheets_build(trainer *t, err *e)
{
    size_t d = t->m.width, members, k = t->m.neighbourhoods;
    if (!t->m.sheet_rows) return 0;
    t->taps = 2 * t->m.layers;
    t->n_neighbourhoods = sheet_neighbourhoods(&t->m);
    t->members = (2 * t->m.radius - 1) * (2 * t->m.radius - 1);
    t->sheets = mem_new(t->taps, sizeof *t->sheets, e);
    t->drawn_of = mem_new(t->taps, sizeof *t->drawn_of, e);
    t->drawn = mem_new(t->taps * k, sizeof *t->drawn, e);
    t->tap_names = mem_new(t->taps, sizeof *t->tap_names, e);
    if (!t->sheets || !t->drawn_of || !t->drawn || !t->tap_names || size_mul(t->n_neighbourhoods, t->members, &members, e)) return -1;
    for (size_t i = 0; i < t->taps; i++) {
        tap_sheet *s = &t->sheets[i];
        t->drawn_of[i] = t->drawn + i * k;
        snprintf(t->tap_names[i], sizeof t->tap_names[i], "h.%zu.%s", i / 2, i % 2 ? "mlp" : "attn");
        s->place = mem_new(2 * d, sizeof *s->place, e);
        s->position = mem_new(2 * d, sizeof *s->position, e);
        s->start = mem_new(t->n_neighbourhoods + 1, sizeof *s->start, e);
        s->member = mem_new(members, sizeof *s->member, e);
        if (!s->place || !s->position || !s->start || !s->member || place_units(t, s, i, e)) return -1;
        list_neighbourhoods(t, s);
    }
    return 0;
}

void sheets_drop(trainer *t)
{
    for (size_t i = 0; t->sheets && i < t->taps; i++) {
        free(t->sheets[i].place);
        free(t->sheets[i].position);
        free(t->sheets[i].start);
        free(t->sheets[i].member);
    }
    free(t->sheets);
    free(t->drawn);
    free(t->drawn_of);
    free(t->tap_names);
}

int trainer_draw(const trainer *t, size_t step, size_t micro, size_t tap, size_t *chosen, err *e)
{
    size_t n = t->n_neighbourhoods;
    size_t *p = mem_new(n, sizeof *p, e);
    if (!p) return -1;
    for (size_t i = 0; i < n; i++) p[i] = i;
    rng_shuffle(p, n, t->seed, RNG_NEIGHBOURHOODS, (uint32_t)step, (uint32_t)(tap + MOST_TAPS * micro));
    for (size_t i = 0; i < t->m.neighbourhoods; i++) chosen[i] = p[i];
    free(p);
    return 0;
}
