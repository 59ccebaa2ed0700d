/* SPDX-License-Identifier: MIT */
/* Untrained weights (METHODS 2.6; CONTRACT "Determinism"): element e of tensor t, row-major as [out, in], is the normal number
 * of counter (e, t, 0) of the stream RNG_WEIGHTS, times the family's standard deviation. Norms are 1, biases 0. */
#include "inside.h"

static void draw(const slot *s, float *at, uint64_t seed)
{
    long n = (long)(s->rows * s->columns);
    size_t rows = s->rows, columns = s->columns;
#pragma omp parallel for schedule(static) num_threads(threads_count())
    for (long i = 0; i < n; i++) {
        size_t row = (size_t)i / columns, column = (size_t)i % columns, element = s->in_out ? column * rows + row : (size_t)i;
        at[i] = (float)(s->std * rng_normal(seed, RNG_WEIGHTS, (uint32_t)element, s->number, 0));
    }
    if (s->zero_row < 0) return;
    for (size_t j = 0; j < columns; j++) at[(size_t)s->zero_row * columns + j] = 0;
}

void weights_draw(model *m, uint64_t seed)
{
    m->untrained = true;
    for (size_t k = 0; k < m->slots.n; k++) {
        const slot *s = &m->slots.at[k];
        float *at = m->all + s->at;
        if (s->start == START_NORMAL) draw(s, at, seed);
        else
            for (size_t i = 0; i < s->rows; i++) at[i] = s->start == START_ONE ? 1 : 0;
    }
}
