/* SPDX-License-Identifier: MIT */
/* The list of tensors of a model (slots), one allocation for all of them, and their reading from safetensors. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inside.h"

float *slot_add(model *m, slot_list *l, const slot *s)
{
    err ignored = { 0 };
    size_t floats = s->rows * (s->columns ? s->columns : 1); /* sizes are below 2^22 each (config.c) */
    if (m->all) { /* second round: the list is there, only the places are asked for */
        float *at = m->all + l->floats;
        l->floats += floats;
        return at;
    }
    if (l->n == l->room) {
        void *list = l->at;
        if (l->failed || mem_grow(&list, l->room * 2 + 64, sizeof *l->at, &ignored)) {
            l->failed = true;
            return NULL;
        }
        l->at = list;
        l->room = l->room * 2 + 64;
    }
    l->at[l->n] = *s;
    l->at[l->n].at = l->floats;
    l->n++;
    l->floats += floats;
    return NULL;
}

static int has_room(size_t floats, err *e)
{
    double pages = (double)sysconf(_SC_PHYS_PAGES), page = (double)sysconf(_SC_PAGESIZE), bytes = (double)floats * sizeof(float);
    if (pages <= 0 || page <= 0 || bytes <= pages * page) return 0;
    return err_set(e, ERR_INPUT, "the model has %.3g parameters, %.3g GB in fp32; the machine has %.3g GB of memory",
                   (double)floats, bytes / 1e9, pages * page / 1e9);
}

int model_new(model **out, const model_config *c, err *e)
{
    model *m = mem_new(1, sizeof *m, e);
    if (!m) return -1;
    m->config = *c;
    m->blocks = mem_new(c->layers, sizeof *m->blocks, e);
    if (!m->blocks) goto failed;
    c->family->build(m, &m->slots);
    if (m->slots.failed) {
        err_memory(e, m->slots.room * 2 * sizeof *m->slots.at);
        goto failed;
    }
    m->floats = m->slots.floats;
    model_facts *f = &m->facts;
    snprintf(f->family, sizeof f->family, "%s", c->family->name);
    f->layers = c->layers;
    f->width = c->width;
    f->heads = c->heads;
    f->vocabulary = c->vocabulary;
    f->context = c->context;
    f->parameters = m->floats;
    f->has_head = c->tied || c->has_head;
    *out = m;
    return 0;
failed:
    model_free(m);
    return -1;
}

int model_allocate(model *m, err *e)
{
    slot_list places = { 0 };
    if (has_room(m->floats, e)) return -1;
    if (!(m->all = mem_new(m->floats, sizeof *m->all, e))) return -1;
    m->config.family->build(m, &places);
    return 0;
}

void model_free(model *m)
{
    if (!m) return;
    free(m->all);
    free(m->blocks);
    free(m->slots.at);
    free(m->identity);
    free(m);
}

/* ---- reading ---- */

static bool is_head(const char *name)
{
    return str_same(name, "lm_head.weight");
}

/* Published files have the names with or without the prefix of the whole model. */
static int find_prefix(const model *m, const char *folder, const safetensors *file, const char **prefix, err *e)
{
    const family *f = m->config.family;
    char name[160];
    for (size_t i = 0; f->prefixes[i]; i++) {
        *prefix = f->prefixes[i];
        snprintf(name, sizeof name, "%s%s", f->prefixes[i], f->probe);
        if (safetensors_find(file, name)) return 0;
        snprintf(name, sizeof name, "%s%s", f->prefixes[i], f->probe_also);
        if (safetensors_find(file, name)) return 0;
    }
    err_set(e, ERR_INPUT, "%s: the tensor %s%s is missing", folder, f->prefixes[0], f->probe);
    return err_hint(e, "do config.json and the weights belong together?");
}

static const st_tensor *find_slot(const slot *s, const char *prefix, const safetensors *file)
{
    char name[160];
    snprintf(name, sizeof name, "%s%s", is_head(s->name) ? "" : prefix, s->name);
    const st_tensor *t = safetensors_find(file, name);
    return t || !s->also ? t : safetensors_find(file, s->also);
}

static int check_shape(const slot *s, const st_tensor *t, err *e)
{
    if (s->columns ? t->rank == 2 && t->dims[0] == s->rows && t->dims[1] == s->columns : t->rank == 1 && t->dims[0] == s->rows)
        return 0;
    buffer shape = { 0 };
    for (int i = 0; i < t->rank; i++) buffer_printf(&shape, "%s%zu", i ? "×" : "", t->dims[i]);
    if (s->columns)
        err_set(e, ERR_INPUT, "%s: tensor %s is [%s], config.json asks for [%zu×%zu]", t->file, t->name,
                shape.at ? shape.at : "", s->rows, s->columns);
    else
        err_set(e, ERR_INPUT, "%s: tensor %s is [%s], config.json asks for [%zu]", t->file, t->name, shape.at ? shape.at : "",
                s->rows);
    free(shape.at);
    return -1;
}

static int missing(const slot *s, const char *prefix, const char *folder, err *e)
{
    err_set(e, ERR_INPUT, "%s: the tensor %s%s is missing", folder, is_head(s->name) ? "" : prefix, s->name);
    return err_hint(e, "a shard may be missing, or config.json belongs to another model");
}

static bool is_ignored(const family *f, const char *name)
{
    for (size_t i = 0; f->ignored[i]; i++)
        if (str_ends(name, f->ignored[i])) return true;
    return false;
}

static int order(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (const st_tensor *const *)a, y = (uintptr_t) * (const st_tensor *const *)b;
    return x < y ? -1 : x > y;
}

/* A tensor that nothing uses may mean that the config lies about a bias: say so. */
static void warn_unused(const model *m, const char *folder, const safetensors *file, const st_tensor **used)
{
    size_t unused = 0;
    const char *first = NULL;
    qsort(used, m->slots.n, sizeof *used, order);
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const st_tensor *t = safetensors_at(file, i);
        if (is_ignored(m->config.family, t->name) || (is_head(t->name) && m->config.tied)) continue;
        if (bsearch(&t, used, m->slots.n, sizeof *used, order)) continue;
        if (!unused++) first = t->name;
    }
    if (unused) log_warn("%s: %zu tensors of the weights are not used (%s%s)", folder, unused, first, unused > 1 ? " ..." : "");
}

int weights_read(model *m, const char *folder, const safetensors *file, err *e)
{
    const char *prefix = "";
    int status = -1;
    const st_tensor **found = mem_new(m->slots.n, sizeof *found, e);
    if (!found || find_prefix(m, folder, file, &prefix, e)) goto done;
    for (size_t i = 0; i < m->slots.n; i++) {
        const slot *s = &m->slots.at[i];
        if (!(found[i] = find_slot(s, prefix, file))) {
            missing(s, prefix, folder, e);
            goto done;
        }
        if (check_shape(s, found[i], e)) goto done;
    }
    if (model_allocate(m, e)) goto done; /* only now: the file holds what the config asks for */
    for (size_t i = 0; i < m->slots.n; i++)
        if (safetensors_read(found[i], m->all + m->slots.at[i].at, e)) goto done;
    warn_unused(m, folder, file, found);
    status = 0;
done:
    free(found);
    return status;
}
