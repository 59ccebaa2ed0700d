/* SPDX-License-Identifier: MIT */
#include "stage.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int check_common(stage *s)
{
    const char *mode = s->common->mode;
    if (!str_same(mode, "strict") && !str_begins(mode, "replicate:")) {
        err_set(&s->err, ERR_USAGE, "--mode is strict or replicate:NAME, not '%s'", mode);
        return -1;
    }
    return 0;
}

int stage_begin(stage *s, int argc, char **argv, const option_help *help, const option *options, void *fields,
                common_options *common)
{
    bool help_wanted = false;
    memset(s, 0, sizeof *s);
    s->argc = argc;
    s->argv = argv;
    s->options = options;
    s->fields = fields;
    s->common = common;
    s->name = help->program;
    s->started_s = (double)time(NULL);
    s->wall0_s = clock_s();
    log_start(&(log_options){ .stage = help->program });
    if (options_parse(&s->parsed, options, fields, argc, argv, help, &help_wanted, &s->err)) return -1;
    if (help_wanted) {
        s->stop = true;
        return 1;
    }
    log_start(&(log_options){ .quiet = common->quiet, .json = common->json, .stage = help->program });
    if (check_common(s)) return -1;
    threads_start(common->threads);
    blas_start();
    interrupt_catch();
    s->config = options_config(options, fields, &s->err);
    return s->config ? 0 : -1;
}

int stage_needs(stage *s, const char *name, const char *value)
{
    if (value && *value) return 0;
    err_set(&s->err, ERR_USAGE, "--%s is needed", name);
    return err_hint(&s->err, "broca %s --help lists the options", s->name);
}

static int input_keep(stage *s, const char *role, const char *kind, const char *path, const char *sha256)
{
    void *list = s->inputs;
    if (mem_grow(&list, s->n_inputs + 1, sizeof *s->inputs, &s->err)) return -1;
    s->inputs = list;
    stage_input_file *f = &s->inputs[s->n_inputs];
    memset(f, 0, sizeof *f);
    snprintf(f->role, sizeof f->role, "%s", role);
    snprintf(f->kind, sizeof f->kind, "%s", kind);
    snprintf(f->sha256, sizeof f->sha256, "%s", sha256);
    f->path = mem_text(path, &s->err);
    if (!f->path) return -1;
    s->n_inputs++;
    return 0;
}

static int inherit_warnings(store *file, err *e)
{
    char **texts = NULL;
    size_t n = 0;
    if (!store_has(file, "warnings")) return 0;
    if (store_read_text(file, "warnings", &texts, &n, e)) return -1;
    for (size_t i = 0; i < n; i++) log_keep(texts[i]);
    free(texts);
    return 0;
}

static bool looks_like_hdf5(const char *path)
{
    static const char signature[8] = "\211HDF\r\n\032\n";
    char head[8] = { 0 };
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    size_t got = fread(head, 1, sizeof head, f);
    fclose(f);
    return got == sizeof head && memcmp(head, signature, sizeof head) == 0;
}

int stage_input(stage *s, const char *role, const char *path)
{
    sha_hex hash;
    store *file = NULL;
    int status = -1;
    if (sha_file(path, &hash, &s->err)) goto done;
    if (looks_like_hdf5(path)) {
        if (store_open(&file, path, NULL, &s->err)) goto done;
        if (inherit_warnings(file, &s->err)) goto done;
    }
    if (input_keep(s, role, file ? store_kind(file) : "", path, hash.hex)) goto done;
    status = 0;
done:
    store_close(file);
    if (status) err_while(&s->err, "reading --%s", role);
    return status;
}

int stage_input_hashed(stage *s, const char *role, const char *kind, const char *path, const char *sha256)
{
    return input_keep(s, role, kind, path, sha256);
}

int stage_seeds(stage *s, uint64_t *first, uint64_t *last)
{
    const char *text = s->common->seed, *colon = strchr(text, ':');
    char head[32] = { 0 };
    size_t a, b, length = colon ? (size_t)(colon - text) : strlen(text);
    if (length >= sizeof head) goto bad;
    memcpy(head, text, length);
    if (parse_size(head, &a)) goto bad;
    b = a;
    if (colon && parse_size(colon + 1, &b)) goto bad;
    if (b < a || b - a > 9999) goto bad;
    *first = a;
    *last = b;
    return 0;
bad:
    return err_set(&s->err, ERR_USAGE, "--seed is a whole number N or a range A:B with A <= B, not '%s'", text);
}

int stage_seed(stage *s, uint64_t *seed)
{
    uint64_t last;
    if (stage_seeds(s, seed, &last)) return -1;
    if (last != *seed) return err_set(&s->err, ERR_USAGE, "one seed is needed here, --seed says %s", s->common->seed);
    return 0;
}

int stage_plan(stage *s, const char *format, ...)
{
    va_list list;
    if (!s->common->dry_run) return 0;
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    putchar('\n');
    s->stop = true;
    return 1;
}

store *stage_create_at(stage *s, const char *path, const char *kind)
{
    if (store_create(&s->product, path, kind, s->config, &s->err)) return NULL;
    for (size_t i = 0; i < s->n_inputs; i++) {
        const stage_input_file *f = &s->inputs[i];
        if (store_input(s->product, f->role, f->path, f->kind, f->sha256, &s->err)) return NULL;
    }
    return s->product;
}

store *stage_create(stage *s, const char *kind)
{
    if (stage_needs(s, "out", s->common->out)) return NULL;
    return stage_create_at(s, s->common->out, kind);
}

static char *inputs_json(const stage *s)
{
    buffer b = { 0 };
    buffer_text(&b, "[");
    for (size_t i = 0; i < s->n_inputs; i++) {
        buffer_text(&b, i ? ",{\"role\":" : "{\"role\":");
        json_quote(&b, s->inputs[i].role);
        buffer_text(&b, ",\"path\":");
        json_quote(&b, s->inputs[i].path);
        buffer_printf(&b, ",\"sha256\":\"%s\"}", s->inputs[i].sha256);
    }
    buffer_text(&b, "]");
    if (b.failed) {
        free(b.at);
        return NULL;
    }
    return b.at;
}

/* The sidecar goes first: without room for it no product appears that make would believe. */
int stage_commit(stage *s)
{
    char *path = mem_text(store_path(s->product), &s->err), *inputs = NULL, *beside = NULL;
    store *product = s->product;
    int status = -1;
    if (!path || !(beside = str_format(&s->err, "%s.json", path))) goto done;
    inputs = inputs_json(s);
    sidecar side = { .product = path, .argc = s->argc, .argv = s->argv, .started_s = s->started_s,
                     .wall_s = clock_s() - s->wall0_s, .cpu_s = clock_cpu_s(), .blas = blas_name(), .inputs = inputs };
    if (sidecar_write(&side, &s->err)) goto done;
    s->product = NULL; /* store_commit frees it whatever happens */
    status = store_commit(product, &s->err);
    if (status) unlink(beside);
done:
    free(beside);
    free(inputs);
    free(path);
    return status;
}

void stage_result(stage *s, const char *format, ...)
{
    char text[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    log_result("%s (%.1f s, %.0f MB)", text, clock_s() - s->wall0_s, (double)clock_peak_bytes() / 1e6);
}

int stage_end(stage *s)
{
    int status = s->err.kind != ERR_NONE ? err_status(&s->err) : 0;
    if (s->err.kind != ERR_NONE) log_error(&s->err);
    store_close(s->product);
    for (size_t i = 0; i < s->n_inputs; i++) free(s->inputs[i].path);
    free(s->inputs);
    free(s->config);
    parsed_free(s->parsed);
    return status;
}
