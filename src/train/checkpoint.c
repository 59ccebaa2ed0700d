/* SPDX-License-Identifier: MIT */
/* Checkpoints: weights in safetensors, the rest in HDF5 beside them. state.h5 names the weights that belong to it and
 * their SHA-256; it is renamed into place last, so that a pair is whole whenever it can be seen. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "training_inside.h"

static char *state_path(const char *folder, err *e)
{
    return str_format(e, "%s/checkpoint/state.h5", folder);
}

bool checkpoint_there(const char *folder)
{
    err e = { 0 };
    char *path = state_path(folder, &e);
    bool there = path && file_exists(path);
    free(path);
    return there;
}

/* Removes what no checkpoint needs: weights of older ones, what a killed process left. */
static void sweep(const char *folder, const char *weights)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/checkpoint", folder);
    DIR *d = opendir(path);
    for (struct dirent *x = d ? readdir(d) : NULL; x; x = readdir(d)) {
        bool mine = str_begins(x->d_name, "weights-") || str_begins(x->d_name, ".weights-");
        if (!mine || str_same(x->d_name, weights)) continue;
        snprintf(path, sizeof path, "%s/checkpoint/%s", folder, x->d_name);
        unlink(path);
    }
    if (d) closedir(d);
}

/* ---- writing ---- */

static int put_moments(store *s, const trainer *t, err *e)
{
    char name[256];
    bool wide = trainer_element(t) == sizeof(double);
    for (size_t i = 0; i < trainer_tensors(t); i++) {
        const train_tensor *x = trainer_tensor(t, i);
        const size_t dims[1] = { x->elements };
        const void *const data[2] = { x->m, x->v };
        for (int k = 0; k < 2; k++) {
            snprintf(name, sizeof name, "%c/%s", "mv"[k], x -> name);
            if (wide ? store_write_f8(s, name, 1, dims, data[k], e) : store_write_f4(s, name, 1, dims, data[k], e))
                return -1;
        }
    }
    return 0;
}

static int put_layouts(store *s, const trainer *t, err *e)
{
    char name[256];
    const size_t dims[2] = { trainer_model(t)->width, 2 };
    for (size_t i = 0; i < trainer_taps(t); i++) {
        if (!trainer_positions(t, i)) return 0;
        snprintf(name, sizeof name, "layout/%s", trainer_tap(t, i));
        if (store_write_f4(s, name, 2, dims, trainer_positions(t, i), e)) return -1;
    }
    return 0;
}

static int put_state(store *s, const training_identity *id, const training_state *at, size_t updates,
                     const char *weights, const char *sha256, err *e)
{
    return store_set_int(s, "/", "step", (int64_t)at->step, e) ||
                   store_set_int(s, "/", "updates", (int64_t)updates, e) ||
                   store_set_int(s, "/", "seed", (int64_t)id->seed, e) ||
                   store_set_int(s, "/", "log_bytes", (int64_t)at->log_bytes, e) ||
                   store_set_real(s, "/", "mean_ce", at->mean_ce, e) ||
                   store_set_text(s, "/", "corpus_sha256", id->corpus_sha256, e) ||
                   store_set_text(s, "/", "weights", weights, e) || store_set_text(s, "/", "weights_sha256", sha256, e)
               ? -1
               : 0;
}

int checkpoint_write(const char *folder, const trainer *t, const training_identity *id, const training_state *at,
                     err *e)
{
    char weights[64];
    buffer config = { 0 };
    sha_hex hash;
    store *s = NULL;
    int status = -1;
    snprintf(weights, sizeof weights, "weights-%zu.safetensors", at->step);
    char *path = state_path(folder, e), *file = str_format(e, "%s/checkpoint/%s", folder, weights);
    training_json(id->settings, &config);
    if (!path || !file || buffer_ok(&config, e)) goto done;
    if (trainer_write_weights(t, file, e) || sha_file(file, &hash, e)) goto done;
    if (store_create(&s, path, "checkpoint", config.at, e)) goto done;
    if (put_state(s, id, at, trainer_updates(t), weights, hash.hex, e) || put_moments(s, t, e) || put_layouts(s, t, e))
        goto done;
    status = store_commit(s, e);
    s = NULL;
    if (!status) sweep(folder, weights);
done:
    store_close(s);
    if (status && file) unlink(file); /* a step has one checkpoint: it is not the one before */
    if (status) err_while(e, "writing the checkpoint of step %zu", at->step);
    free(config.at);
    free(path);
    free(file);
    return status;
}

/* ---- reading ---- */

static int check_identity(store *s, const training_identity *id, err *e)
{
    char *config = NULL, *corpus = NULL;
    json *theirs = NULL;
    int64_t seed;
    int status = -1;
    if (store_get_text(s, "/", "config", &config, e) || store_get_text(s, "/", "corpus_sha256", &corpus, e) ||
        store_get_int(s, "/", "seed", &seed, e) || json_parse(&theirs, config, strlen(config), store_path(s), e))
        goto done;
    if (settings_same(id->settings, theirs, store_path(s), e)) goto done;
    if ((uint64_t)seed != id->seed) {
        err_set(e, ERR_INPUT, "%s is the checkpoint of another seed: %llu instead of %llu", store_path(s),
                (unsigned long long)seed, (unsigned long long)id->seed);
        goto done;
    }
    if (!str_same(corpus, id->corpus_sha256)) {
        err_set(e, ERR_INPUT, "%s was trained on another corpus (%.12s... instead of %.12s...)", store_path(s), corpus,
                id->corpus_sha256);
        goto done;
    }
    status = 0;
done:
    free(config);
    free(corpus);
    json_free(theirs);
    return status;
}

static int count_of(store *s, const char *name, size_t most, size_t *out, err *e)
{
    int64_t value;
    if (store_get_int(s, "/", name, &value, e)) return -1;
    if (value < 0 || (uint64_t)value > most)
        return err_set(e, ERR_INPUT, "%s: %s %lld is not within 0 and %zu", store_path(s), name, (long long)value,
                       most);
    *out = (size_t)value;
    return 0;
}

static int get_moments(store *s, trainer *t, err *e)
{
    char name[256];
    size_t element = trainer_element(t), count;
    for (size_t i = 0; i < trainer_tensors(t); i++) {
        const train_tensor *x = trainer_tensor(t, i);
        void *const data[2] = { x->m, x->v };
        for (int k = 0; k < 2; k++) {
            float *f4 = NULL;
            double *f8 = NULL;
            snprintf(name, sizeof name, "%c/%s", "mv"[k], x -> name);
            if (element == sizeof(double) ? store_read_f8(s, name, &f8, &count, e)
                                          : store_read_f4(s, name, &f4, &count, e))
                return -1;
            bool fits = count == x->elements;
            if (fits) memcpy(data[k], f8 ? (void *)f8 : (void *)f4, count * element);
            free(f4);
            free(f8);
            if (!fits)
                return err_set(e, ERR_INPUT, "%s: /%s has %zu elements, not %zu", store_path(s), name, count,
                               x->elements);
        }
    }
    return 0;
}

/* Layouts are drawn by the seed; those of the checkpoint must be the same, or the map would be another. */
static int check_layouts(store *s, const trainer *t, err *e)
{
    char name[256];
    for (size_t i = 0; i < trainer_taps(t); i++) {
        float *at = NULL;
        size_t count;
        if (!trainer_positions(t, i)) return 0;
        snprintf(name, sizeof name, "layout/%s", trainer_tap(t, i));
        if (store_read_f4(s, name, &at, &count, e)) return -1;
        bool same =
            count == 2 * trainer_model(t)->width && memcmp(at, trainer_positions(t, i), count * sizeof *at) == 0;
        free(at);
        if (!same) return err_set(e, ERR_INPUT, "%s: /%s is not the layout of this seed", store_path(s), name);
    }
    return 0;
}

static int get_weights(store *s, const char *folder, trainer *t, err *e)
{
    char *name = NULL, *sha256 = NULL, *path = NULL;
    sha_hex found;
    int status = -1;
    if (store_get_text(s, "/", "weights", &name, e) || store_get_text(s, "/", "weights_sha256", &sha256, e)) goto done;
    if (strchr(name, '/') || !(path = str_format(e, "%s/checkpoint/%s", folder, name))) {
        if (path == NULL) err_set(e, ERR_INPUT, "%s: '%s' is no file beside it", store_path(s), name);
        goto done;
    }
    if (sha_file(path, &found, e)) goto done;
    if (!str_same(found.hex, sha256)) {
        err_set(e, ERR_INPUT, "%s is damaged: its SHA-256 is not that of the checkpoint", path);
        goto done;
    }
    status = trainer_read_weights(t, path, e);
    if (!status) sweep(folder, name);
done:
    free(name);
    free(sha256);
    free(path);
    return status;
}

int checkpoint_read(const char *folder, trainer *t, const training_identity *id, training_state *at, err *e)
{
    store *s = NULL;
    size_t updates;
    int status = -1;
    char *path = state_path(folder, e);
    if (!path || store_open(&s, path, "checkpoint", e)) goto done;
    if (check_identity(s, id, e) || count_of(s, "step", id->settings->plan.steps, &at->step, e) ||
        count_of(s, "updates", SIZE_MAX / 2, &updates, e) ||
        count_of(s, "log_bytes", SIZE_MAX / 2, &at->log_bytes, e) || store_get_real(s, "/", "mean_ce", &at->mean_ce, e))
        goto done;
    if (check_layouts(s, t, e) || get_weights(s, folder, t, e) || get_moments(s, t, e)) goto done;
    trainer_set_updates(t, updates);
    status = 0;
done:
    if (status) err_while(e, "resuming in %s", folder);
    store_close(s);
    free(path);
    return status;
}
