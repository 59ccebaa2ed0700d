/* SPDX-License-Identifier: MIT */
/* Items × replicates of a fold's test rows, for split halves and signal-to-noise. */
#include <math.h>
#include <stdlib.h>

#include "data.h"

typedef struct {
    const ceiling_data *d;
    size_t f;
    const double *z;    /* [n×v] */
    double *table;      /* room for n × max(subjects, repeats) */
    const size_t *item; /* [n] */
    size_t items, most;
    ceiling_take take;
    void *into;
} maker;

static int of_subjects(const maker *m, const double *z, size_t stride, const size_t *column, size_t present,
                       size_t entry, err *e)
{
    size_t t = 0;
    for (size_t i = 0; i < m->d->n; i++) {
        if (!m->d->test[m->f * m->d->n + i]) continue;
        for (size_t k = 0; k < present; k++)
            m->table[t * present + k] = z[i * stride + column[k]];
        t++;
    }
    return m->take(m->into, m->table, t, present, entry, e);
}

/* Items of which this fold tests at least two presentations. */
static int of_repeats(const maker *m, size_t *seen, size_t j, err *e)
{
    const ceiling_data *d = m->d;
    size_t t = 0;
    for (size_t k = 0; k < m->items; k++)
        seen[k] = 0;
    for (size_t i = 0; i < m->items * m->most; i++)
        m->table[i] = NAN;
    for (size_t i = 0; i < d->n; i++)
        if (d->test[m->f * d->n + i]) m->table[m->item[i] * m->most + seen[m->item[i]]++] = m->z[i * d->v + j];
    for (size_t k = 0; k < m->items; k++) {
        if (seen[k] < 2) continue;
        for (size_t r = 0; r < m->most; r++)
            m->table[t * m->most + r] = m->table[k * m->most + r];
        t++;
    }
    if (t < 3) {
        err_set(e, ERR_INPUT, "fold %zu tests %zu items with two presentations or more; 3 are needed", m->f + 1, t);
        return err_hint(e, "repeats of an item must lie in one fold; --folds none takes all rows as one block");
    }
    return m->take(m->into, m->table, t, m->most, d->roi[j], e);
}

static int all_subject_tables(const maker *m, const ceiling_options *o, size_t *column, double *mean, err *e)
{
    const ceiling_data *d = m->d;
    for (size_t g = 0; g < d->rois; g++)
        for (size_t place = 0; place < d->width[g]; place++) {
            size_t present = 0;
            for (size_t s = 0; s < d->subjects; s++) {
                size_t j = ceiling_column(d, g, place, s);
                if (j != SIZE_MAX) column[present++] = j;
            }
            if (present >= 2 && of_subjects(m, m->z, d->v, column, present, g, e)) return -1;
        }
    if (!o->add_mean) return 0;
    for (size_t s = 0; s < d->subjects; s++)
        column[s] = s;
    if (ceiling_mean_series(mean, m->z, d, m->f, e)) return -1;
    return of_subjects(m, mean, d->subjects, column, d->subjects, d->rois, e);
}

int ceiling_tables(const ceiling_data *d, size_t f, const ceiling_options *o, ceiling_take take, void *into, err *e)
{
    int status = -1;
    maker m = { .d = d, .f = f, .take = take, .into = into };
    size_t *item = mem_new(d->n, sizeof *item, e), *column = mem_new(d->subjects + d->n, sizeof *column, e), widest;
    double *z = mem_new(d->n * d->v, sizeof *z, e), *mean = mem_new(d->n * d->subjects, sizeof *mean, e);
    if (!item || !column || !z || !mean || ceiling_repeats(item, &m.items, &m.most, d, e)) goto done;
    bool repeats = !o->group && m.most >= 2;
    if (!repeats && d->subjects < 2) {
        err_set(e, ERR_INPUT, "there is nothing to compare: one subject%s",
                o->group ? "" : ", and no item was presented twice (/presentation/repeat)");
        goto done;
    }
    if (!repeats && ceiling_matched(d, e)) goto done;
    if (repeats && o->add_mean) {
        err_set(e, ERR_USAGE, "--add-mean compares subjects; here presentations of an item are compared");
        goto done;
    }
    widest = m.most > d->subjects ? m.most : d->subjects;
    m.z = z;
    m.item = item;
    m.table = mem_new(d->n * widest, sizeof *m.table, e);
    if (!m.table || ceiling_fold(z, d, f, e)) goto done;
    if (!repeats) {
        status = all_subject_tables(&m, o, column, mean, e);
        goto done;
    }
    for (size_t j = 0; j < d->v; j++)
        if (of_repeats(&m, column, j, e)) goto done;
    status = 0;
done:
    free(item);
    free(column);
    free(z);
    free(mean);
    free(m.table);
    return status;
}
