/* SPDX-License-Identifier: MIT */
/* The model's language network: what localizers selected, and what those units do on items that did not select them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/report.h"
#include "broca/store.h"
#include "dots.h"
#include "html.h"
#include "network.h"

enum { CONDITIONS = 4 }; /* that a figure can tell apart */

/* A file of kind localizer as the page needs it. */
typedef struct {
    char *label, *contrast, *selection, *match;
    int64_t selected, units, heldout_selected, permutations, controls;
    double tokens_pos, tokens_neg, unmatched, unmatched_r;
    bool heldout;
    double difference, t, p, p_permutation, p_control, split_r, split_dice, chance_dice;
    size_t n_profile, n_against;
    char **condition, **against;
    double *mean, *lo, *hi, *dice, *dice_chance;
} network;

/* ---- reading ---- */

static int read_text(char **out, store *s, const char *attribute, arena *a, err *e)
{
    char *text = NULL;
    if (store_has_attribute(s, "/", attribute) && store_get_text(s, "/", attribute, &text, e)) return -1;
    *out = arena_text(a, text ? text : "", text ? strlen(text) : 0, e);
    free(text);
    return *out ? 0 : -1;
}

static int read_real(double *out, store *s, const char *name, const char *attribute, err *e)
{
    *out = NAN;
    return store_has_attribute(s, name, attribute) ? store_get_real(s, name, attribute, out, e) : 0;
}

static int read_int(int64_t *out, store *s, const char *name, const char *attribute, err *e)
{
    *out = 0;
    return store_has_attribute(s, name, attribute) ? store_get_int(s, name, attribute, out, e) : 0;
}

static int read_mean(double *out, store *s, const char *name, err *e)
{
    double *values = NULL;
    size_t n;
    *out = NAN;
    if (!store_has(s, name)) return 0;
    if (store_read_f8(s, name, &values, &n, e)) return -1;
    double sum = 0, valid = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i])) {
            sum += values[i];
            valid++;
        }
    *out = valid > 0 ? sum / valid : NAN;
    free(values);
    return 0;
}

static int read_rows(size_t *n, store *s, const char *name, err *e)
{
    store_shape_t shape;
    *n = 0;
    if (!store_has(s, name)) return 0;
    if (store_shape(s, name, &shape, e)) return -1;
    if (shape.rank != 1) return err_set(e, ERR_INPUT, "%s: /%s is not a column", store_path(s), name);
    *n = shape.dims[0];
    return 0;
}

static int read_heldout(network *x, store *s, arena *a, err *e)
{
    const struct {
        const char *name;
        double *to;
    } reals[] = { { "difference", &x->difference },
                  { "t", &x->t },
                  { "p", &x->p },
                  { "p_permutation", &x->p_permutation },
                  { "p_control", &x->p_control },
                  { "chance_dice", &x->chance_dice } };
    x->heldout = store_has(s, "heldout");
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        *reals[i].to = NAN;
    x->split_r = x->split_dice = NAN;
    if (!x->heldout) return 0;
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        if (read_real(reals[i].to, s, "/heldout", reals[i].name, e)) return -1;
    if (read_int(&x->heldout_selected, s, "/heldout", "n_selected", e) ||
        read_int(&x->permutations, s, "/heldout", "n_permutations", e) ||
        read_int(&x->controls, s, "/heldout", "n_controls", e) || read_mean(&x->split_r, s, "heldout/split_r", e) ||
        read_mean(&x->split_dice, s, "heldout/split_dice", e) ||
        read_rows(&x->n_profile, s, "heldout/profile/condition", e))
        return -1;
    if (!x->n_profile) return 0;
    return store_column_text(s, "heldout/profile/condition", x->n_profile, a, &x->condition, e) ||
                   store_column_f8(s, "heldout/profile/mean", x->n_profile, a, &x->mean, e) ||
                   store_column_f8(s, "heldout/profile/lo", x->n_profile, a, &x->lo, e) ||
                   store_column_f8(s, "heldout/profile/hi", x->n_profile, a, &x->hi, e)
               ? -1
               : 0;
}

static int read_against(network *x, store *s, arena *a, err *e)
{
    if (read_rows(&x->n_against, s, "against/name", e) || !x->n_against) return x->n_against ? -1 : 0;
    return store_column_text(s, "against/name", x->n_against, a, &x->against, e) ||
                   store_column_f8(s, "against/dice", x->n_against, a, &x->dice, e) ||
                   store_column_f8(s, "against/chance_dice", x->n_against, a, &x->dice_chance, e)
               ? -1
               : 0;
}

static int read_network(network *x, const char *path, arena *a, err *e)
{
    store *s = NULL;
    int status = -1;
    if (store_open(&s, path, "localizer", e)) goto done;
    if (!(x->label = file_label(path, a, e)) || read_text(&x->contrast, s, "contrast", a, e) ||
        read_text(&x->selection, s, "selection", a, e) || read_text(&x->match, s, "match", a, e) ||
        read_int(&x->selected, s, "/", "n_selected", e) || read_int(&x->units, s, "/", "units", e) ||
        read_real(&x->tokens_pos, s, "/", "tokens_pos", e) || read_real(&x->tokens_neg, s, "/", "tokens_neg", e) ||
        read_real(&x->unmatched, s, "/", "overlap_unmatched", e) ||
        read_real(&x->unmatched_r, s, "/", "r_unmatched", e) || read_heldout(x, s, a, e) || read_against(x, s, a, e))
        goto done;
    status = 0;
done:
    if (status) err_while(e, "reading the localizer %s", path);
    store_close(s);
    return status;
}

/* ---- writing ---- */

static void token_words(buffer *b, const network *x)
{
    if (str_same(x->match, "tokens"))
        buffer_text(b, "token counts matched");
    else if (str_same(x->match, "covariate"))
        buffer_text(b, "token count taken off as a covariate");
    else
        buffer_text(b, "token counts left as they are");
}

static bool found(const network *x)
{
    return x->p < .05 && x->t > 0 && !(x->p_permutation > .05);
}

static void selected_words(buffer *b, const network *x)
{
    buffer_printf(b, "%lld of %lld units selected by ", (long long)x->selected, (long long)x->units);
    html_text(b, x->contrast);
    buffer_text(b, " (");
    html_text(b, x->selection);
    buffer_text(b, ", ");
    token_words(b, x);
    buffer_text(b, ").");
}

static void sentence(buffer *b, const network *x, bool first)
{
    buffer_printf(b, "<p class=\"%s\">", first ? "finding" : "second");
    html_text(b, x->label);
    buffer_text(b, ": ");
    selected_words(b, x);
    if (x->heldout && !isnan(x->t)) {
        buffer_printf(b, " On items that did not select them they %s: %.2f sd, t %.1f, p %.2g",
                      found(x) ? "respond more to the first condition, too" : "show no difference that can be relied on",
                      x->difference, x->t, x->p);
        if (!isnan(x->p_permutation))
            buffer_printf(b, "; labels permuted and units selected anew: p %.2g", x->p_permutation);
        buffer_text(b, ".");
    }
    buffer_text(b, "</p>\n");
}

/* NAME.sN: length of NAME, 0 for other labels. */
static size_t stem_of(const char *label)
{
    const char *dot = strrchr(label, '.');
    size_t ignored;
    return dot && dot != label && dot[1] == 's' && !parse_size(dot + 2, &ignored) ? (size_t)(dot - label) : 0;
}

/* Networks that differ in their seed alone, n of them from x on: one sentence. */
static void seeds_sentence(buffer *b, const network *x, size_t n)
{
    double lo = INFINITY, hi = -INFINITY, sum = 0;
    size_t tested = 0, yes = 0;
    for (size_t i = 0; i < n; i++) {
        if (!x[i].heldout || isnan(x[i].t)) continue;
        lo = fmin(lo, x[i].difference);
        hi = fmax(hi, x[i].difference);
        sum += x[i].difference;
        tested++;
        yes += found(&x[i]);
    }
    buffer_printf(b, "<p class=\"second\">%.*s, %zu seeds: ", (int)stem_of(x->label), x->label, n);
    selected_words(b, x);
    if (tested) {
        buffer_printf(b, " On items that did not select them %zu of %zu respond more to the first condition, too: %.2f sd, %.2f to %.2f.", yes,
                      tested, sum / (double)tested, lo, hi);
        if (yes && (str_begins(x->label, "untrained") || str_begins(x->label, "suma")))
            buffer_text(b, " These networks learned nothing: such a difference alone is no sign of language.");
    }
    buffer_text(b, "</p>\n");
}

static void sentences(buffer *b, const network *x, size_t n)
{
    for (size_t i = 0, same; i < n; i += same) {
        size_t stem = stem_of(x[i].label);
        same = 1;
        while (stem && i + same < n && stem_of(x[i + same].label) == stem && !memcmp(x[i].label, x[i + same].label, stem))
            same++;
        if (same > 1) seeds_sentence(b, &x[i], same);
        else sentence(b, &x[i], i == 0);
    }
}

static void p_cell(buffer *b, double p)
{
    if (isnan(p))
        buffer_text(b, "<td class=\"n\">–</td>");
    else
        buffer_printf(b, "<td class=\"n\">%.2g</td>", p);
}

static void summary(buffer *b, const network *x, size_t n)
{
    html_table_begin(b, "model|#units|#tokens|matched by|#difference, sd|#t|#p|#p, reselected|#p, random units|#r, halves|"
                        "#Dice, halves|#chance|#common|#Dice, other set");
    for (size_t i = 0; i < n; i++) {
        buffer_text(b, "<tr>");
        html_cell(b, x[i].label);
        buffer_printf(b, "<td class=\"n\">%lld</td>", (long long)x[i].selected);
        if (isnan(x[i].tokens_pos) || isnan(x[i].tokens_neg))
            buffer_text(b, "<td class=\"n\">–</td>");
        else
            buffer_printf(b, "<td class=\"n\">%.1f / %.1f</td>", x[i].tokens_pos, x[i].tokens_neg);
        html_cell(b, x[i].match);
        html_number(b, x[i].difference, 2);
        html_number(b, x[i].t, 1);
        p_cell(b, x[i].p);
        p_cell(b, x[i].p_permutation);
        p_cell(b, x[i].p_control);
        html_number(b, x[i].split_r, 2);
        html_number(b, x[i].split_dice, 2);
        html_number(b, x[i].chance_dice, 3);
        html_number(b, x[i].unmatched, 2);
        html_number(b, x[i].n_against ? x[i].dice[0] : (double)NAN, 2);
        buffer_text(b, "</tr>\n");
    }
    html_table_end(b);
    buffer_text(b, "<p class=\"note\">Difference, t, p: one half of the items selects, the other is reported (one "
                   "split, fixed beforehand): Welch’s test, or that of "
                   "the condition beside token count, over held-out items of the mean z-scored activation. Reselected: "
                   "the share of label permutations, units "
                   "selected anew in each, with as large a t. Random units: the share of layer-matched random sets "
                   "with as large a t, a description and no test. "
                   "Halves: 100 random splits, means. Other items: the same model with another stimulus set.</p>\n");
}

static bool same_conditions(const network *a, const network *b)
{
    if (a->n_profile != b->n_profile) return false;
    for (size_t i = 0; i < a->n_profile; i++)
        if (!str_same(a->condition[i], b->condition[i])) return false;
    return true;
}

dot_mark condition_mark(size_t which, const char *name, double value, double lo, double hi)
{
    static const char *const css[CONDITIONS] = { "s1", "s2", "s4", "s3" };
    static const mark_shape shape[CONDITIONS] = { MARK_CIRCLE, MARK_DIAMOND, MARK_TRIANGLE, MARK_TICK };
    return (dot_mark){ shape[which], css[which], name, value, lo, hi, NULL };
}

/* Profiles of files with the same conditions in one figure, a row a model. */
static int profiles(buffer *b, const network *x, size_t n, err *e)
{
    bool *drawn = mem_new(n, sizeof *drawn, e);
    dot_row *row = mem_new(n, sizeof *row, e);
    int status = -1;
    if (!drawn || !row) goto done;
    for (size_t i = 0; i < n; i++) {
        size_t rows = 0;
        if (drawn[i] || x[i].n_profile < 2) continue;
        for (size_t k = i; k < n; k++) {
            if (drawn[k] || !same_conditions(&x[i], &x[k])) continue;
            drawn[k] = true;
            dot_row *r = &row[rows++];
            *r = (dot_row){ .name = x[k].label, .n = x[k].n_profile < CONDITIONS ? x[k].n_profile : CONDITIONS };
            for (size_t c = 0; c < r->n; c++)
                r->mark[c] = condition_mark(c, x[k].condition[c], x[k].mean[c], x[k].lo[c], x[k].hi[c]);
        }
        html_figure_begin(b, "What the selected units respond to.",
                          "Items that did not select them; mean over the units, each z-scored over all items; bars: 95 %% intervals over items.");
        dot_legend(b, row, rows, NULL);
        svg_dot_rows(b, row, rows, "mean response (z)", "response profile of the selected units");
        html_figure_end(b);
    }
    status = 0;
done:
    free(drawn);
    free(row);
    return status;
}

int part_localizers(buffer *b, const char *const *paths, size_t n, err *e)
{
    arena *a = arena_new(e);
    network *x = mem_new(n, sizeof *x, e);
    int status = -1;
    if (!a || !x) goto done;
    for (size_t i = 0; i < n; i++)
        if (read_network(&x[i], paths[i], a, e)) goto done;
    sentences(b, x, n);
    summary(b, x, n);
    buffer_text(b, "<div class=\"grid\">\n");
    if (profiles(b, x, n, e)) goto done;
    buffer_text(b, "</div>\n");
    status = 0;
done:
    free(x);
    arena_free(a);
    return status;
}
