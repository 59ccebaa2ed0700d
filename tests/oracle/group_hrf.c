/* SPDX-License-Identifier: MIT */
/* oracles/benchmarks hrf, hrf_regressors. */
#include "oracle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/num.h"
#include "broca/store.h"

static bool compare(oracle_result *r, store *s, const char *name, const double *got, size_t n)
{
    err e = { 0 };
    double *want = NULL;
    size_t count = 0;
    if (store_read_f8(s, name, &want, &count, &e) || count != n) {
        oracle_end(r, ORACLE_FAIL, "%s: %zu values, expected %zu %s", name, n, count, err_text(&e));
        free(want);
        return false;
    }
    oracle_near(r, name, got, want, n, 1e-9, 1e-8);
    free(want);
    return true;
}

static void kernels(store *s, oracle_result *r)
{
    static const struct { const char *group; double tr; size_t fine; } list[] = {
        { "tr0.72_os16", .72, 16 }, { "tr1.5_os20", 1.5, 20 }, { "tr1_os50", 1, 50 }, { "tr2_os1", 2, 1 }, { "tr2_os50", 2, 50 } };
    static const char *const names[] = { "spm", "spm_derivative", "spm_dispersion", "glover", "glover_derivative", "glover_dispersion" };
    err e = { 0 };
    double *h = NULL;
    size_t n;
    char path[128];
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < 6; k++) {
            if (hrf_kernel(&h, &n, k < 3 ? HRF_NILEARN_SPM : HRF_NILEARN_GLOVER, (hrf_part)(k % 3), list[i].tr, list[i].fine, &e)) {
                oracle_end(r, ORACLE_FAIL, "%s", err_text(&e));
                return;
            }
            snprintf(path, sizeof path, "%s/%s", list[i].group, names[k]);
            compare(r, s, path, h, n);
            free(h);
        }
    for (size_t tr = 1; tr <= 2; tr++) { /* SPM's own: 16 bins a volume, every 16th of them */
        double taken[64], sum = 0;
        size_t m = 0;
        for (double t = 0; t <= 32; t += (double)tr) sum += taken[m++] = hrf_at(hrf_shape_of(HRF_SPM), t);
        for (size_t i = 0; i < m; i++) taken[i] /= sum;
        snprintf(path, sizeof path, "spm_matlab_tr%zu", tr);
        compare(r, s, path, taken, m);
    }
}

static void regressors(store *s, oracle_result *r)
{
    err e = { 0 };
    double *onset = NULL, *duration = NULL, *amplitude = NULL, *frame = NULL;
    size_t m, n;
    if (store_read_f8(s, "onset", &onset, &m, &e) || store_read_f8(s, "duration", &duration, &m, &e) ||
        store_read_f8(s, "amplitude", &amplitude, &m, &e) || store_read_f8(s, "frame_times", &frame, &n, &e)) {
        oracle_end(r, ORACLE_UNREADABLE, "%s", err_text(&e));
        goto done;
    }
    static const struct { const char *name; hrf_kind kind; size_t parts; bool middle; } list[] = {
        { "expected/spm", HRF_NILEARN_SPM, 1, false }, { "expected/spm_derivative", HRF_NILEARN_SPM, 2, false },
        { "expected/spm_derivative_dispersion", HRF_NILEARN_SPM, 3, false }, { "expected/glover", HRF_NILEARN_GLOVER, 1, false },
        { "expected/glover_derivative_dispersion", HRF_NILEARN_GLOVER, 3, false }, { "expected/spm_frames_mid", HRF_NILEARN_SPM, 1, true } };
    static const long delays[] = { 1, 2, 3, 4 };
    double *out = calloc(n * 4, sizeof *out), *middle = calloc(n, sizeof *middle);
    for (size_t i = 0; i < n; i++) middle[i] = frame[i] + 1;
    for (size_t k = 0; k <= 6; k++) {
        bool fir = k == 6;
        if (hrf_events(out, onset, duration, amplitude, m, !fir && list[k].middle ? middle : frame, n, fir ? 1 : 50, fir ? HRF_NILEARN_SPM : list[k].kind,
                       fir ? 1 : list[k].parts, delays, fir ? 4 : 0, &e)) {
            oracle_end(r, ORACLE_FAIL, "%s", err_text(&e));
            break;
        }
        compare(r, s, fir ? "expected/fir_1234" : list[k].name, out, n * (fir ? 4 : list[k].parts));
    }
    static const char *const continuous[] = { "spm", "glover", "spm_sixth" };
    for (size_t k = 0; k < 6; k++) {
        char path[128];
        hrf_shape h = hrf_shape_of(k / 2 == 0 ? HRF_NILEARN_SPM : k / 2 == 1 ? HRF_NILEARN_GLOVER : HRF_SPM);
        for (size_t i = 0; i < n; i++) {
            out[i] = 0;
            for (size_t j = 0; j < m; j++) {
                double t = frame[i] - onset[j];
                out[i] += amplitude[j] * (k % 2 ? hrf_at(h, t) : hrf_integral(h, t) - hrf_integral(h, t - duration[j]));
            }
        }
        snprintf(path, sizeof path, "expected/continuous_%s_%s", k % 2 ? "impulses" : "boxcars", continuous[k / 2]);
        compare(r, s, path, out, n);
    }
    free(out);
    free(middle);
done:
    free(onset);
    free(duration);
    free(amplitude);
    free(frame);
}

oracle_status check_hrf(const oracle_case *c, oracle_result *r)
{
    err e = { 0 };
    store *s = NULL;
    if (store_open(&s, c->path, NULL, &e)) return oracle_end(r, ORACLE_UNREADABLE, "%s", err_text(&e));
    if (str_same(c->name, "hrf")) kernels(s, r);
    else regressors(s, r);
    store_close(s);
    return r->status;
}
