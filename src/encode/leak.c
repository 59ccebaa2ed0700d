/* SPDX-License-Identifier: MIT */
/* Do the user's folds leak? OASM (METHODS 3.12) says nothing but which rows are neighbours: on folds that keep neighbours apart it
 * predicts the training mean, r 0 exactly; what it predicts beyond that, any model could. Its null: the same responses with their
 * presentations shuffled, as further neuroids of the same run. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sets.h"

static const double sigmas[] = { .1, .5, 1, 2, 4.8 };
enum { ALPHAS = 22 };

/* The responses and, to their right, `copies` of them in shuffled order. */
static int with_shuffled(responses **out, const responses *r, size_t copies, err *e)
{
    responses *to = responses_make(r->n, r->v * (copies + 1), e);
    size_t *row = mem_new(r->n + 1, sizeof *row, e);
    int status = -1;
    if (!to || !row) goto done;
    for (size_t i = 0; i < r->n; i++) to->id[i] = r->id[i];
    memcpy(to->run, r->run, r->n * sizeof *r->run);
    to->onset = r->onset;
    to->group = r->group;
    to->tr = r->tr;
    for (size_t k = 0; k <= copies; k++) {
        for (size_t i = 0; i < r->n; i++) row[i] = i;
        if (k) rng_shuffle(row, r->n, 1, RNG_LEAK, (uint32_t)k, 0);
        for (size_t i = 0; i < r->n; i++) memcpy(to->data + i * to->v + k * r->v, r->data + row[i] * r->v, r->v * sizeof *r->data);
        for (size_t j = 0; j < r->v; j++)
            if (responses_label(to, k * r->v + j, r->subject[j], r->roi[j], (int32_t)(k * r->v + j), e)) goto done;
    }
    *out = to;
    to = NULL;
    status = 0;
done:
    free(row);
    if (to) responses_free(to);
    return status;
}

/* Mean over the neuroids [first, first+v) that were fitted; *predicted: how many had a prediction that was not constant. */
static double mean_of(const encoded *x, size_t first, size_t v, size_t *predicted)
{
    const encoded_set *s = &x->sets[0];
    double sum = 0, n = 0;
    *predicted = 0;
    for (size_t j = first; j < first + v; j++) {
        if (isnan(s->r_mean[j])) continue;
        *predicted += (size_t)s->n_nan[j] < x->folds;
        sum += s->r_mean[j];
        n++;
    }
    return n > 0 ? sum / n : NAN;
}

static int one_sigma(leak_row *row, char *folds_text, size_t room, const responses *r, size_t v, const stimuli *x, const char *scheme, err *e)
{
    char spec[64];
    const char *features[] = { spec };
    double alphas[ALPHAS];
    encoded *result = NULL;
    size_t beyond = 0, copies = r->v / v - 1, ignored;
    encode_options o = { .features = features, .n_features = 1, .candidates = 3, .folds = scheme, .alphas = alphas, .n_alphas = ALPHAS,
                         .inner_by = INNER_LOO, .seed = 1, .leak_test = true };
    snprintf(spec, sizeof spec, "oasm=oasm:%g", row->sigma);
    for (size_t k = 0; k < ALPHAS; k++) alphas[k] = pow(10, -1 + (double)k / 3);
    if (encode(&result, r, x, &o, e)) return err_while(e, "testing the folds with OASM, sigma %g", row->sigma);
    snprintf(folds_text, room, "%s", result->folds_text);
    row->apart = result->oasm_apart;
    row->r = mean_of(result, 0, v, &row->predicted);
    for (size_t k = 1; k <= copies; k++) beyond += mean_of(result, k * v, v, &ignored) >= row->r;
    row->p = (1 + (double)beyond) / (1 + (double)copies);
    encoded_free(result);
    return 0;
}

int encode_leak(leak_row **rows, size_t *n, char *folds_text, size_t room, const responses *r, const stimuli *x, const char *scheme, err *e)
{
    responses *more = NULL;
    int status = -1;
    *n = sizeof sigmas / sizeof *sigmas;
    if (!(*rows = mem_new(*n, sizeof **rows, e)) || with_shuffled(&more, r, r->v <= 200 ? 99 : 19, e)) goto done;
    for (size_t i = 0; i < *n; i++) {
        (*rows)[i] = (leak_row){ .sigma = sigmas[i], .reach = 2 * oasm_radius(sigmas[i]) };
        if (one_sigma(&(*rows)[i], folds_text, room, more, r->v, x, scheme, e)) goto done;
    }
    status = 0;
done:
    if (more) responses_free(more);
    if (status) {
        free(*rows);
        *rows = NULL;
    }
    return status;
}

size_t encode_correlated_lag(const responses *r)
{
    for (size_t lag = 1; lag < r->n / 4; lag++) {
        double sum = 0, n = 0;
        for (size_t j = 0; j < r->v; j++) {
            double mean = 0, own = 0, variance = 0, pairs = 0;
            for (size_t i = 0; i < r->n; i++) mean += (double)r->data[i * r->v + j] / (double)r->n;
            for (size_t i = 0; i < r->n; i++) {
                double a = (double)r->data[i * r->v + j] - mean;
                variance += a * a / (double)r->n;
                if (i + lag >= r->n || r->run[i] != r->run[i + lag]) continue;
                own += a * ((double)r->data[(i + lag) * r->v + j] - mean);
                pairs++;
            }
            if (!(variance > 0) || pairs < 1) continue;
            sum += own / pairs / variance;
            n++;
        }
        if (n > 0 && sum / n < .1) return lag;
    }
    return SIZE_MAX;
}
