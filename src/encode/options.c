/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sets.h"

static int bad_alphas(const char *text, err *e)
{
    return err_set(e, ERR_USAGE, "--alphas is LO:HI:N (powers of ten) or a list of finite numbers >= 0, not '%s'", text);
}

static int log_grid(double **out, size_t *n, char *const *part, const char *text, err *e)
{
    double lo, hi;
    if (parse_double(part[0], &lo) || parse_double(part[1], &hi) || parse_size(part[2], n)) return bad_alphas(text, e);
    if (!isfinite(lo) || !isfinite(hi) || !(hi >= lo) || fabs(lo) > 300 || fabs(hi) > 300 || !*n || *n > 10000)
        return bad_alphas(text, e);
    if (!(*out = mem_new(*n, sizeof **out, e))) return -1;
    for (size_t i = 0; i < *n; i++) (*out)[i] = pow(10, *n == 1 ? lo : lo + (hi - lo) * (double)i / (double)(*n - 1));
    return 0;
}

int encode_alphas(double **out, size_t *n, const char *text, err *e)
{
    size_t parts;
    char **part = str_split(text, ':', &parts, e);
    int status = -1;
    *out = NULL;
    if (!part) return -1;
    if (parts == 3) {
        status = log_grid(out, n, part, text, e);
        goto done;
    }
    free(part);
    if (!(part = str_split(text, ',', n, e)) || !(*out = mem_new(*n, sizeof **out, e))) goto done;
    for (size_t i = 0; i < *n; i++)
        if (parse_double(part[i], &(*out)[i]) || !isfinite((*out)[i]) || (*out)[i] < 0) {
            bad_alphas(text, e);
            goto done;
        }
    status = 0;
done:
    free(part);
    if (status) {
        free(*out);
        *out = NULL;
    }
    return status;
}

int encode_highpass(encode_options *o, const char *text, err *e)
{
    char number[64];
    size_t n = strcspn(text, ",");
    snprintf(number, sizeof number, "%.*s", (int)n, text);
    const char *scope = text[n] ? text + n + 1 : "scope=fold";
    if (parse_double(number, &o->highpass_s) || !isfinite(o->highpass_s) || o->highpass_s < 0 ||
        (!str_same(scope, "scope=fold") && !str_same(scope, "scope=run"))) {
        err_set(e, ERR_USAGE, "--highpass is SECONDS or SECONDS,scope=run, not '%s'", text);
        return -1;
    }
    o->highpass_run = str_same(scope, "scope=run");
    return 0;
}

int encode_null(encode_options *o, const char *text, err *e)
{
    static const char *const names[] = { "circular", "group", "phase", NULL };
    static const null_kind kinds[] = { NULL_CIRCULAR, NULL_GROUP, NULL_PHASE };
    size_t n = strcspn(text, ":");
    o->null = NULL_NONE;
    for (size_t k = 0; names[k]; k++)
        if (strlen(names[k]) == n && strncmp(names[k], text, n) == 0) o->null = kinds[k];
    if (o->null == NULL_NONE || !text[n] || parse_size(text + n + 1, &o->n_null) || !o->n_null || o->n_null > 100000)
        return err_set(e, ERR_USAGE, "--null is circular:N, group:N or phase:N, N null responses, not '%s'", text);
    return 0;
}

static int bad_gammas(const char *text, err *e)
{
    return err_set(e, ERR_USAGE, "--gammas is a list of weights >= 0, not all 0, of two and more bands, as 1,1;1,0, not '%s'", text);
}

int encode_gammas(encode_options *o, const char *text, err *e)
{
    char **row = str_split(text, ';', &o->n_gammas, e), **part = NULL;
    int status = -1;
    size_t n;
    if (!row) return -1;
    for (size_t i = 0; i < o->n_gammas; i++) {
        double sum = 0;
        free(part);
        if (!(part = str_split(row[i], ',', &n, e))) goto done;
        if (n < 2 || (i && n != o->gamma_bands)) {
            bad_gammas(text, e);
            goto done;
        }
        o->gamma_bands = n;
        if (!o->gammas && !(o->gammas = mem_new(o->n_gammas * n, sizeof *o->gammas, e))) goto done;
        double *g = o->gammas + i * n;
        for (size_t b = 0; b < n; b++) {
            if (parse_double(part[b], &g[b]) || !isfinite(g[b]) || g[b] < 0) {
                bad_gammas(text, e);
                goto done;
            }
            sum += g[b];
        }
        if (!(sum > 0)) {
            bad_gammas(text, e);
            goto done;
        }
        for (size_t b = 0; b < n; b++) g[b] /= sum;
    }
    status = 0;
done:
    free(part);
    free(row);
    return status;
}

int encode_shuffle(encode_options *o, const char *text, err *e)
{
    char *part[3], copy[64];
    size_t n = 0, seed;
    snprintf(copy, sizeof copy, "%.60s", text);
    for (char *at = strtok(copy, ",+"); at && n < 3; at = strtok(NULL, ",+")) part[n++] = at;
    bool good = n != 2 && n && strlen(text) < sizeof copy && !parse_size(part[0], &seed) && seed <= UINT32_MAX;
    for (size_t i = 1; i < n && good; i++) good = !parse_size(part[i], &o->shuffle_parts[i - 1]) && o->shuffle_parts[i - 1] > 0;
    if (!good) return err_set(e, ERR_USAGE, "--shuffle-labels is SEED or SEED,ROWS+ROWS, not '%s'", text);
    o->shuffle_labels = true;
    o->shuffle_seed = (uint32_t)seed;
    return 0;
}

int candidates_of(double **out, size_t *n, size_t bands, const encode_options *o, const encoded *x, size_t fold, err *e)
{
    if (o->gammas && bands != o->gamma_bands)
        return err_set(e, ERR_USAGE, "--gammas has %zu weights a candidate, a joint fit has %zu bands", o->gamma_bands, bands);
    *n = o->gammas ? o->n_gammas : o->candidates;
    if (!(*out = mem_new(*n * bands, sizeof **out, e))) return -1;
    if (o->gammas) memcpy(*out, o->gammas, *n * bands * sizeof **out);
    else if (x->draw_of ? paper_candidates(*out, *n, bands, o, x->rows, x->draw_of[fold], e) : gamma_candidates(*out, *n, bands, o->seed, e)) {
        free(*out);
        *out = NULL;
        return -1;
    }
    return 0;
}
