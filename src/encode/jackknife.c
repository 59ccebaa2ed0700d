/* SPDX-License-Identifier: MIT */
/* The jackknife with refit (METHODS 5.6): blocks of the stimuli, about 30 s of a run, a group, or so many items, are left out of
 * test and training while alpha, gamma and layer are held; of a group target the subjects, too, one by one, alone and with each
 * block. Filter, confounds and scales of a fold stay, as they do for inner folds; X and y are centred anew. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sets.h"

enum { LEAST_BLOCKS = 3 };

/* ---- blocks ---- */

/* Rows of each run in their order, cut into pieces of about `rows` rows, the first longer by one. */
static int pieces_of_runs(int32_t *block, size_t *count, const used_rows *u, double rows, bool whole, err *e)
{
    uint8_t *seen = mem_new(u->n + 1, 1, e);
    if (!seen) return -1;
    for (size_t i = 0; i < u->n; i++) {
        size_t n = 0, at = 0;
        if (seen[i]) continue;
        for (size_t k = i; k < u->n; k++) n += whole || u->run[k] == u->run[i];
        size_t m = (size_t)fmax(1, floor((double)n / rows + .5));
        for (size_t k = i; k < u->n; k++) {
            if (!whole && u->run[k] != u->run[i]) continue;
            size_t longer = n % m, each = n / m, cut = longer * (each + 1);
            block[k] = (int32_t)(*count + (at < cut ? at / (each + 1) : longer + (at - cut) / each));
            seen[k] = 1;
            at++;
        }
        *count += m;
    }
    free(seen);
    return 0;
}

static void number_groups(int32_t *block, size_t *count, const used_rows *u)
{
    for (size_t i = 0; i < u->n; i++) {
        size_t k = 0;
        while (k < i && !str_same(u->group[k], u->group[i])) k++;
        block[i] = k < i ? block[k] : (int32_t)(*count)++;
    }
}

static int bad_blocks(const char *text, err *e)
{
    return err_set(e, ERR_USAGE, "--jackknife is SECONDS as 30s, group, or N-items, not '%s'", text);
}

static int make_blocks(int32_t *block, size_t *count, const responses *r, const used_rows *u, const char *text, err *e)
{
    char number[64];
    double value = 0;
    size_t digits = strcspn(text, "s-");
    if (str_same(text, "group")) {
        if (!u->group) return err_set(e, ERR_USAGE, "--jackknife group: the items have no groups");
        number_groups(block, count, u);
        return 0;
    }
    snprintf(number, sizeof number, "%.*s", (int)(digits < 60 ? digits : 60), text);
    if (parse_double(number, &value) || !(value > 0) || !isfinite(value)) return bad_blocks(text, e);
    if (str_same(text + digits, "-items")) return pieces_of_runs(block, count, u, value, !(r->tr > 0), e);
    if (!str_same(text + digits, "s")) return bad_blocks(text, e);
    if (!(r->tr > 0)) {
        err_set(e, ERR_USAGE, "--jackknife %s: the responses are no time series", text);
        return err_hint(e, "--jackknife group, or %zu-items", u->n / 24 ? u->n / 24 : 1);
    }
    return pieces_of_runs(block, count, u, fmax(1, value / r->tr), false, e);
}

int jackknife_blocks(int32_t **out, size_t *count, const responses *r, const used_rows *u, const char *text, err *e)
{
    *count = 0;
    if (!(*out = mem_new(u->n + 1, sizeof **out, e)) || make_blocks(*out, count, r, u, text, e)) return -1;
    if (*count >= LEAST_BLOCKS) return 0;
    return err_set(e, ERR_INPUT, "--jackknife %s makes %zu blocks of %zu presentations, at least %d are needed", text, *count, u->n, LEAST_BLOCKS);
}

/* ---- the responses that are held ---- */

void held_columns_free(held_columns *h)
{
    free(h->of);
    free(h->left);
}

/* Subjects of the columns that are no null, in order of appearance. */
static void list_people(held_columns *h, const targets *t)
{
    for (size_t j = 0; j < t->v; j++) {
        char *subject = t->r->subject[t->column[j]];
        bool new = !null_number_of(subject, "");
        for (size_t k = 0; k < h->people && new; k++) new = !str_same(h->left[k], subject);
        if (new) h->left[h->people++] = subject;
    }
}

int held_columns_new(held_columns *h, const targets *t, err *e)
{
    *h = (held_columns){ .left = mem_new(t->v + 1, sizeof *h->left, e) };
    if (!h->left) return -1;
    if (t->group) list_people(h, t);
    if (h->people == 1) h->people = 0; /* nobody is left without him */
    for (size_t j = 0; j < t->out_v; j++) h->real += !null_number_of(t->subject[j], t->roi[j]);
    h->v = h->real * (1 + h->people);
    if (!(h->of = mem_new(h->v + 1, sizeof *h->of, e))) return -1;
    for (size_t j = 0, at = 0; j < t->out_v; j++)
        if (!null_number_of(t->subject[j], t->roi[j])) {
            for (size_t s = 0; s <= h->people; s++) h->of[s * h->real + at] = j;
            at++;
        }
    return 0;
}

/* Columns before the first null: the neuroids of the file. */
static size_t real_columns(const targets *t)
{
    size_t n = 0;
    while (n < t->v && !null_number_of(t->r->subject[t->column[n]], t->r->roi[t->column[n]])) n++;
    return n;
}

int held_without(double **out, const held_columns *h, const targets *t, const uint8_t *train, err *e)
{
    size_t n = t->n, wide = h->people * h->real, columns = real_columns(t);
    double *series = mem_new(n * t->out_v + 1, sizeof *series, e);
    *out = mem_new(n * wide + 1, sizeof **out, e);
    int status = series && *out ? 0 : -1;
    for (size_t s = 0; s < h->people && !status; s++) {
        status = targets_fold_without(series, t, columns, h->left[s], train, false, e);
        for (size_t i = 0; i < n && !status; i++)
            for (size_t j = 0; j < h->real; j++) (*out)[i * wide + s * h->real + j] = series[i * t->out_v + h->of[j]];
    }
    free(series);
    return status;
}

int held_series_read(void *context, size_t first, size_t width, double *out, err *e)
{
    const held_series *s = context;
    const held_columns *h = s->columns;
    size_t n = s->series->targets->n, wide = h->people * h->real;
    double *part = mem_new(n * width + 1, sizeof *part, e);
    int status = part ? 0 : -1;
    for (size_t j = 0, m = 1; j < width && !status; j += m) {
        size_t at = first + j;
        for (m = 1; j + m < width && at + m < h->real && h->of[at + m] == h->of[at] + m; m++) {
        }
        if (at < h->real) status = fold_series_read((void *)s->series, h->of[at], m, part, e);
        for (size_t i = 0; i < n && !status; i++)
            for (size_t k = 0; k < m; k++) out[i * width + j + k] = at < h->real ? part[i * m + k] : s->without[i * wide + at + k - h->real];
    }
    free(part);
    return status;
}

/* ---- from folds to the whole ---- */

/* Mean r (undefined ones count 0) and pooled R² over the folds in which the block left at least two rows. A fold counts in r by the share
 * of its rows that is left: with the weight of a whole one its other blocks would move the mean by more than their part, and the
 * jackknife of a mean over folds of k blocks would be too large by k/(k - 1). */
static void over_folds(double *r, double *r2, const encoded_set *s, const encoded *x, size_t held_v, size_t row, size_t column,
                       const double *left)
{
    double sum = 0, count = 0, sse = 0, sst = 0;
    for (size_t f = 0; f < x->folds; f++) {
        const held_score *one = &s->held[(f * (1 + x->blocks) + row) * held_v + column];
        double weight = row ? left[f * x->blocks + row - 1] : 1;
        if (weight <= 0) continue;
        sum += isnan(one->r) ? 0 : weight * one->r;
        sse += one->sse;
        sst += one->sst;
        count += weight;
    }
    *r = count > 0 ? sum / count : NAN;
    *r2 = sst > 0 ? 1 - sse / sst : NAN;
}

static int finish_set(encoded_set *s, const encoded *x, const held_columns *h, const double *left, err *e)
{
    size_t B = x->blocks, S = h->people, v = h->real;
    struct { double **r, **r2; size_t n; } list[] = { { &s->jack_r, &s->jack_r2, B * v }, { &s->left_r, &s->left_r2, S * v },
                                                      { &s->left_jack_r, &s->left_jack_r2, S * B * v } };
    for (size_t i = 0; i < 3; i++)
        if (list[i].n && (!(*list[i].r = mem_new(list[i].n, sizeof(double), e)) || !(*list[i].r2 = mem_new(list[i].n, sizeof(double), e))))
            return -1;
    for (size_t j = 0; j < v; j++)
        for (size_t k = 0; k <= S; k++) {
            size_t column = k * v + j;
            if (k) over_folds(&s->left_r[(k - 1) * v + j], &s->left_r2[(k - 1) * v + j], s, x, h->v, 0, column, left);
            for (size_t b = 0; b < B; b++) {
                size_t at = k ? ((k - 1) * B + b) * v + j : b * v + j;
                over_folds(k ? &s->left_jack_r[at] : &s->jack_r[at], k ? &s->left_jack_r2[at] : &s->jack_r2[at], s, x, h->v, 1 + b, column, left);
            }
        }
    free(s->held);
    s->held = NULL;
    return 0;
}

static int take_parts(encoded_set *s, const encoded *x, const held_columns *h, err *e)
{
    if (!s->held_part || !(s->part = mem_new(x->parts * h->real + 1, sizeof *s->part, e))) return s->held_part ? -1 : 0;
    for (size_t k = 0; k < x->parts; k++) {
        size_t from = ((size_t)x->part_fold[k] * x->blocks + (size_t)x->part_block[k]) * h->v;
        memcpy(s->part + k * h->real, s->held_part + from, h->real * sizeof *s->part);
    }
    return 0;
}

/* left [F][blocks]: the share of a fold's test rows outside the block; 0 where fewer than two are. */
static int find_parts(encoded *x, const uint8_t *test, const int32_t *block, size_t n, double *left, err *e)
{
    size_t B = x->blocks, F = x->folds;
    x->part_block = mem_new(F * B + 1, sizeof *x->part_block, e);
    x->part_fold = mem_new(F * B + 1, sizeof *x->part_fold, e);
    x->part_n = mem_new(F * B + 1, sizeof *x->part_n, e);
    if (!x->part_block || !x->part_fold || !x->part_n) return -1;
    for (size_t f = 0; f < F; f++)
        for (size_t b = 0; b < B; b++) {
            int32_t shared = 0, tested = 0;
            for (size_t i = 0; i < n; i++) {
                tested += test[f * n + i];
                shared += test[f * n + i] && block[i] == (int32_t)b;
            }
            left[f * B + b] = tested - shared > 1 ? (double)(tested - shared) / tested : 0;
            if (!shared) continue;
            x->part_fold[x->parts] = (int32_t)f;
            x->part_block[x->parts] = (int32_t)b;
            x->part_n[x->parts++] = shared;
        }
    return 0;
}

int jackknife_finish(encoded *x, const held_columns *h, const uint8_t *test, const int32_t *block, size_t n, err *e)
{
    int status = -1;
    double *left = mem_new(x->folds * x->blocks + 1, sizeof *left, e);
    if (!left || find_parts(x, test, block, n, left, e)) goto done;
    x->people = h->people;
    x->left = arena_get(x->memory, (h->people + 1) * sizeof *x->left, e);
    for (size_t s = 0; x->left && s < h->people; s++)
        if (!(x->left[s] = arena_text(x->memory, h->left[s], strlen(h->left[s]), e))) goto done;
    if (!x->left) goto done;
    for (size_t i = 0; i < x->n_sets + x->n_nested; i++) {
        encoded_set *s = i < x->n_sets ? &x->sets[i] : &x->nested[i - x->n_sets];
        bool drawn = i >= x->n_sets || str_same(s->kind, "baseline");
        if ((drawn && take_parts(s, x, h, e)) || finish_set(s, x, h, left, e)) goto done;
        free(s->held_part);
        s->held_part = NULL;
    }
    status = 0;
done:
    free(left);
    return status;
}
