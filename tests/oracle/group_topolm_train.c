/* SPDX-License-Identifier: MIT */
/* topolm_train: a tiny TopoLM followed through five steps of AdamW from given weights, layouts and neighbourhoods, in fp64 or
 * fp32: losses, gradients of each tensor, norms, weights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/store.h"
#include "broca/train.h"
#include "oracle.h"

typedef struct {
    size_t steps, micros, windows, length;
    int32_t *tokens, *targets;
    double *positions;
    int64_t *start, *units, *choice;
    size_t per_tap, places, chosen; /* neighbourhoods a tap, units a tap's lists hold, neighbourhoods used */
} inputs;

typedef struct {
    const oracle_case *c;
    oracle_result *r;
    store *in, *start, *want;
    trainer *t;
    inputs i;
    bool narrow;
    err e;
} run;

typedef struct { double loss, norm_absolute, norm_relative, gradient, weight; } tolerances;
static const tolerances wide = { 1e-10, 1e-10, 1e-10, 1e-10, 1e-9 }, narrow = { 2e-6, 0, 1e-5, 2e-6, 2e-6 };

/* Oracle names (blocks.0.fc1.weight) of ours (transformer.h.0.mlp.c_fc.weight). */
static void oracle_name(const char *ours, char *out, size_t room)
{
    static const char *const parts[][2] = { { "attn.c_attn", "qkv" }, { "attn.c_proj", "proj" }, { "mlp.c_fc", "fc1" },
                                            { "mlp.c_proj", "fc2" } };
    size_t layer;
    int used = 0;
    const char *rest = ours + strlen("transformer.");
    if (sscanf(rest, "h.%zu.%n", &layer, &used) != 1) {
        snprintf(out, room, "%s", rest);
        return;
    }
    rest += used;
    for (size_t k = 0; k < 4; k++)
        if (str_begins(rest, parts[k][0])) {
            snprintf(out, room, "blocks.%zu.%s%s", layer, parts[k][1], rest + strlen(parts[k][0]));
            return;
        }
    snprintf(out, room, "blocks.%zu.%s", layer, rest);
}

/* Ours [in×out] against theirs [out×in]. */
static bool is_turned(const train_tensor *s)
{
    return s->columns && strstr(s->name, ".h.");
}

static double value_at(const run *u, const void *array, size_t i)
{
    return trainer_element(u->t) == 8 ? ((const double *)array)[i] : (double)((const float *)array)[i];
}

static size_t turned(const train_tensor *s, size_t i)
{
    return is_turned(s) ? i % s->columns * s->rows + i / s->columns : i;
}

static int read_whole(store *s, const char *name, size_t count, double **out, err *e)
{
    size_t n;
    if (store_read_f8(s, name, out, &n, e)) return -1;
    return n == count ? 0 : err_set(e, ERR_INPUT, "%s has %zu numbers, not %zu", name, n, count);
}

static int load_weights(run *u)
{
    for (size_t k = 0; k < trainer_tensors(u->t); k++) {
        const train_tensor *s = trainer_tensor(u->t, k);
        char name[128];
        double *x = NULL;
        oracle_name(s->name, name, sizeof name);
        if (read_whole(u->start, name, s->elements, &x, &u->e)) {
            free(x);
            return -1;
        }
        for (size_t i = 0; i < s->elements; i++)
            if (u->narrow) ((float *)s->value)[i] = (float)x[turned(s, i)];
            else ((double *)s->value)[i] = x[turned(s, i)];
        free(x);
    }
    return 0;
}

/* gradient_S/NAME or weights_N/NAME of every tensor that the case holds. */
static int compare_tensors(run *u, const char *group, bool gradient, double tolerance)
{
    for (size_t k = 0; k < trainer_tensors(u->t); k++) {
        const train_tensor *s = trainer_tensor(u->t, k);
        char name[128], full[192];
        double *x = NULL, got;
        oracle_name(s->name, name, sizeof name);
        snprintf(full, sizeof full, "%s/%s", group, name);
        if (read_whole(u->want, full, s->elements, &x, &u->e)) {
            free(x);
            return -1;
        }
        for (size_t i = 0; i < s->elements; i++) {
            got = value_at(u, gradient ? s->gradient : s->value, i);
            oracle_near(u->r, full, &got, &x[turned(s, i)], 1, tolerance, gradient ? tolerance : 0);
        }
        free(x);
    }
    return 0;
}

static int compare_gradient_norms(run *u, size_t step, const double *want)
{
    const tolerances *tol = u->narrow ? &narrow : &wide;
    for (size_t k = 0; k < trainer_tensors(u->t); k++) {
        const train_tensor *s = trainer_tensor(u->t, k);
        double sum = 0, x;
        for (size_t i = 0; i < s->elements; i++) x = value_at(u, s->gradient, i), sum += x * x;
        sum = sqrt(sum);
        /* tensors come in one order on both sides: forward, gain before bias, weight before bias */
        oracle_near(u->r, "tensor_gradient_norm", &sum, want + step * trainer_tensors(u->t) + k, 1, tol->norm_absolute + 1e-9 * u->narrow,
                    tol->norm_relative);
    }
    return 0;
}

/* Our lists of neighbourhoods from their positions are theirs. */
static int check_lists(run *u, size_t tap)
{
    const size_t *members;
    for (size_t k = 0; k < u->i.per_tap; k++) {
        const int64_t *start = u->i.start + tap * (u->i.per_tap + 1) + k, *list = u->i.units + tap * u->i.places + start[0];
        size_t n = trainer_members(u->t, tap, k, &members);
        bool same = n == (size_t)(start[1] - start[0]);
        for (size_t i = 0; same && i < n; i++) same = members[i] == (size_t)list[i];
        if (!same) return err_set(&u->e, ERR_INPUT, "neighbourhood %zu of tap %zu is another list", k, tap);
    }
    return 0;
}

static int one_step(run *u, size_t step, const double *rate, const double *ce, const double *spatial, const double *norm, const double *scale,
                    const double *tensor_norm)
{
    const tolerances *tol = u->narrow ? &narrow : &wide;
    size_t taps = trainer_taps(u->t), n = u->i.windows * u->i.length;
    size_t chosen[16][8];
    const size_t *list[16];
    train_stats s = { 0 };
    char group[32];
    trainer_begin(u->t);
    for (size_t k = 0; k < u->i.micros; k++) {
        size_t at = step * u->i.micros + k;
        double got, each[16];
        for (size_t tap = 0; tap < taps; tap++) {
            list[tap] = chosen[tap];
            for (size_t j = 0; j < u->i.chosen; j++) chosen[tap][j] = (size_t)u->i.choice[(at * taps + tap) * u->i.chosen + j];
        }
        train_batch b = { .inputs = u->i.tokens + at * n, .targets = u->i.targets + at * n, .windows = u->i.windows,
                          .length = u->i.length, .chosen = list, .n_chosen = u->i.chosen };
        if (trainer_add(u->t, &b, 1 / (double)u->i.micros, &got, each, &s, &u->e)) return -1;
        oracle_near(u->r, "ce", &got, ce + at, 1, tol->loss, 0);
        oracle_near(u->r, "spatial", each, spatial + at * taps, taps, tol->loss, 0);
    }
    if (tensor_norm) compare_gradient_norms(u, step, tensor_norm);
    snprintf(group, sizeof group, "gradient_%zu", step);
    if (store_is_group(u->want, group) && compare_tensors(u, group, true, u->narrow ? narrow.gradient : wide.gradient)) return -1;
    if (trainer_update(u->t, rate[step], &s, &u->e)) return -1;
    oracle_near(u->r, "gradient_norm", &s.gradient_norm, norm + step, 1, tol->norm_absolute, tol->norm_relative);
    oracle_near(u->r, "clip_scale", &s.clip_scale, scale + step, 1, tol->norm_absolute, tol->norm_relative);
    snprintf(group, sizeof group, "weights_%zu", step + 1);
    return store_is_group(u->want, group) ? compare_tensors(u, group, false, u->narrow ? narrow.weight : wide.weight) : 0;
}

static int read_inputs(run *u)
{
    store_shape_t shape; /* [step, micro-batch, window, time] */
    size_t n;
    if (store_shape(u->in, "tokens", &shape, &u->e)) return -1;
    u->i.steps = shape.dims[0], u->i.micros = shape.dims[1], u->i.windows = shape.dims[2], u->i.length = shape.dims[3];
    if (store_read_i4(u->in, "tokens", &u->i.tokens, &n, &u->e) || store_read_i4(u->in, "targets", &u->i.targets, &n, &u->e) ||
        store_read_f8(u->in, "positions", &u->i.positions, &n, &u->e) || store_read_i8(u->in, "neighbourhood_choice", &u->i.choice, &n, &u->e))
        return -1;
    u->i.chosen = n / (u->i.steps * u->i.micros * 4);
    if (store_read_i8(u->in, "neighbourhood_start", &u->i.start, &n, &u->e)) return -1;
    u->i.per_tap = n / 4 - 1;
    if (store_read_i8(u->in, "neighbourhood_units", &u->i.units, &n, &u->e)) return -1;
    u->i.places = n / 4;
    return 0;
}

static int whole(run *u, const char *name, size_t *out)
{
    int64_t x;
    if (store_get_int(u->in, "/", name, &x, &u->e)) return -1;
    *out = (size_t)x;
    return 0;
}

static int real_of(run *u, store *s, const char *name, double *out)
{
    return store_get_real(s, "/", name, out, &u->e);
}

static int prepare(run *u)
{
    train_model m;
    train_plan p;
    char *tap = NULL;
    int64_t bias;
    int status = -1;
    train_defaults(&m, &p);
    if (whole(u, "vocab", &m.vocabulary) || whole(u, "context", &m.context) || whole(u, "layers", &m.layers) || whole(u, "d", &m.width) ||
        whole(u, "heads", &m.heads) || whole(u, "side", &m.sheet_rows) || whole(u, "radius", &m.radius) ||
        whole(u, "neighbourhoods_per_tap", &m.neighbourhoods) || real_of(u, u->in, "layer_norm_epsilon", &m.norm_eps) ||
        real_of(u, u->in, "beta1", &p.beta1) || real_of(u, u->in, "beta2", &p.beta2) || real_of(u, u->in, "epsilon", &p.epsilon) ||
        real_of(u, u->in, "clip", &p.clip) || real_of(u, u->in, "weight_decay", &p.decay) || real_of(u, u->in, "peak_lr", &p.peak) ||
        real_of(u, u->in, "floor_lr", &p.floor) || whole(u, "warmup", &p.warmup) || whole(u, "total", &p.steps) ||
        whole(u, "batch", &p.windows) || whole(u, "micro_batches", &p.micro_batches) || real_of(u, u->want, "alpha", &m.alpha) ||
        store_get_int(u->want, "/", "bias", &bias, &u->e) || store_get_text(u->want, "/", "tap", &tap, &u->e))
        goto done;
    m.sheet_columns = m.sheet_rows;
    m.bias = bias != 0;
    m.placement = str_same(tap, "post") ? TRAIN_POST : TRAIN_PRE;
    m.precision = u->narrow ? TRAIN_FP32 : TRAIN_FP64;
    if (trainer_new(&u->t, &m, &p, 1, &u->e) || read_inputs(u) || load_weights(u)) goto done;
    for (size_t k = 0; k < trainer_taps(u->t); k++)
        if (trainer_place(u->t, k, u->i.positions + k * 2 * m.width, &u->e) || check_lists(u, k)) goto done;
    status = 0;
done:
    free(tap);
    return status;
}

static int follow(run *u)
{
    double *rate = NULL, *ce = NULL, *spatial = NULL, *gradient = NULL, *scale = NULL, *tensor = NULL;
    size_t n;
    int status = -1;
    if (store_read_f8(u->want, "learning_rate", &rate, &n, &u->e) || store_read_f8(u->want, "ce", &ce, &n, &u->e) ||
        store_read_f8(u->want, "spatial", &spatial, &n, &u->e) || store_read_f8(u->want, "gradient_norm", &gradient, &n, &u->e) ||
        store_read_f8(u->want, "clip_scale", &scale, &n, &u->e) || store_read_f8(u->want, "tensor_gradient_norm", &tensor, &n, &u->e))
        goto done;
    if (n != u->i.steps * trainer_tensors(u->t)) {
        err_set(&u->e, ERR_INPUT, "%zu tensors, the case has %zu", trainer_tensors(u->t), n / u->i.steps);
        goto done;
    }
    for (size_t s = 0; s < u->i.steps; s++) {
        double ours = train_rate(trainer_plan(u->t), s);
        oracle_near(u->r, "learning_rate", &ours, rate + s, 1, 1e-15, 0);
        if (one_step(u, s, rate, ce, spatial, gradient, scale, tensor)) goto done;
    }
    status = 0;
done:
    free(rate);
    free(ce);
    free(spatial);
    free(gradient);
    free(scale);
    free(tensor);
    return status;
}

oracle_status check_topolm_train(const oracle_case *c, oracle_result *r)
{
    run u = { .c = c, .r = r, .narrow = strstr(c->name, "float32") != NULL };
    char in[2048], start[2048];
    bool bias = strstr(c->name, "bias") != NULL;
    if (oracle_sibling(c, "inputs.h5", in, sizeof in) || oracle_sibling(c, bias ? "initial_bias.h5" : "initial_nobias.h5", start, sizeof start))
        return oracle_end(r, ORACLE_UNREADABLE, "inputs.h5 or the initial weights are missing");
    bool bad = store_open(&u.want, c->path, NULL, &u.e) || store_open(&u.in, in, NULL, &u.e) || store_open(&u.start, start, NULL, &u.e);
    if (!bad) bad = prepare(&u) || follow(&u);
    if (bad) oracle_end(r, ORACLE_FAIL, "%s", err_text(&u.e));
    trainer_free(u.t);
    free(u.i.tokens);
    free(u.i.targets);
    free(u.i.positions);
    free(u.i.start);
    free(u.i.units);
    free(u.i.choice);
    store_close(u.want);
    store_close(u.in);
    store_close(u.start);
    return r->status;
}
