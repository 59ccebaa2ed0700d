/* SPDX-License-Identifier: MIT */
/* Models from folders, and what they are called. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"

const model_facts *model_about(const model *m)
{
    return &m->facts;
}

const char *model_identity(const model *m)
{
    return m->identity;
}

int32_t model_end(const model *m)
{
    return m->config.eos;
}

bool model_is_untrained(const model *m)
{
    return m->untrained;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* CONTRACT: SHA-256 of the lines `sha256  name` of config.json and the weight files, sorted by name. */
static int hash_folder(char **out, const char *folder, const char *const *weights, size_t n, err *e)
{
    buffer lines = { 0 };
    char *path = NULL;
    int status = -1;
    const char **names = mem_new(n + 1, sizeof *names, e);
    if (!names) goto done;
    names[0] = "config.json";
    for (size_t i = 0; i < n; i++) names[i + 1] = weights[i];
    qsort(names, n + 1, sizeof *names, compare_text);
    for (size_t i = 0; i <= n; i++) {
        sha_hex hash;
        free(path);
        if (!(path = str_format(e, "%s/%s", folder, names[i])) || sha_file(path, &hash, e)) goto done;
        buffer_printf(&lines, "%s  %s\n", hash.hex, names[i]);
    }
    if (buffer_ok(&lines, e)) goto done;
    *out = mem_text(sha_bytes(lines.at, lines.size).hex, e);
    status = *out ? 0 : -1;
done:
    free(path);
    free(names);
    free(lines.at);
    return status;
}

int model_open(model **out, const char *folder, err *e)
{
    model_config c;
    model *m = NULL;
    safetensors *file = NULL;
    const char *const *names;
    int status = -1;
    if (config_read(&c, folder, e)) return -1;
    if (safetensors_open(&file, folder, e) || model_new(&m, &c, e)) goto done;
    if (weights_read(m, folder, file, e)) goto done;
    size_t n = safetensors_files(file, &names);
    if (hash_folder(&m->identity, folder, names, n, e)) goto done;
    *out = m;
    m = NULL;
    status = 0;
done:
    if (status) err_while(e, "reading the model folder %s", folder);
    safetensors_close(file);
    model_free(m);
    return status;
}

int model_untrained(model **out, const char *folder, uint64_t seed, err *e)
{
    model_config c;
    model *m = NULL;
    char *hash = NULL;
    int status = -1;
    if (config_read(&c, folder, e)) return -1;
    if (hash_folder(&hash, folder, NULL, 0, e) || model_new(&m, &c, e) || model_allocate(m, e)) goto done;
    m->identity = str_format(e, "untrained %s, config %s, seed %llu", c.model_type, hash, (unsigned long long)seed);
    if (!m->identity) goto done;
    weights_draw(m, seed);
    *out = m;
    m = NULL;
    status = 0;
done:
    if (status) err_while(e, "making an untrained model of %s", folder);
    free(hash);
    model_free(m);
    return status;
}
