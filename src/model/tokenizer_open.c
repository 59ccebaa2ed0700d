/* SPDX-License-Identifier: MIT */
/* Reading tokenizer.json, or vocab.json + merges.txt. What is not known yet is an error that names the part. */
#include "tokenizer.h"

#include <stdlib.h>
#include <string.h>

static const size_t largest_file = (size_t)256 << 20;

static int unknown_part(const char *what, const json *node, const char *path, err *e)
{
    return err_set(e, ERR_INPUT, "%s: %s %s is not known yet", path, what, json_text(json_get(node, "type"), "(without a type)"));
}

static size_t hash_text(const char *text, size_t n)
{
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)text[i]) * 1099511628211u;
    return (size_t)(h ^ (h >> 29));
}

int32_t vocabulary_find(const tokenizer *t, const char *text, size_t n)
{
    for (size_t i = hash_text(text, n) & (t->n_slots - 1);; i = (i + 1) & (t->n_slots - 1)) {
        int32_t id = t->slots[i];
        if (id < 0) return -1;
        if (strncmp(t->token[id], text, n) == 0 && !t->token[id][n]) return id;
    }
}

static void vocabulary_put(tokenizer *t, int32_t id)
{
    size_t i = hash_text(t->token[id], strlen(t->token[id])) & (t->n_slots - 1);
    while (t->slots[i] >= 0) i = (i + 1) & (t->n_slots - 1);
    t->slots[i] = id;
}

static size_t hash_pair(int32_t left, int32_t right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u;
    return (size_t)(h ^ (h >> 31));
}

const merge_entry *merge_find(const tokenizer *t, int32_t left, int32_t right)
{
    if (!t->n_merge_slots) return NULL;
    for (size_t i = hash_pair(left, right) & (t->n_merge_slots - 1);; i = (i + 1) & (t->n_merge_slots - 1)) {
        const merge_entry *m = &t->merges[i];
        if (m->left < 0) return NULL;
        if (m->left == left && m->right == right) return m;
    }
}

static void merge_put(tokenizer *t, merge_entry m)
{
    size_t i = hash_pair(m.left, m.right) & (t->n_merge_slots - 1);
    for (; t->merges[i].left >= 0; i = (i + 1) & (t->n_merge_slots - 1))
        if (t->merges[i].left == m.left && t->merges[i].right == m.right) break; /* the later one wins, as in the reference */
    t->merges[i] = m;
}

static size_t power_of_two(size_t n)
{
    size_t p = 16;
    while (p < n) p *= 2;
    return p;
}

static int token_place(tokenizer *t, const json *entry, const char *key, const char *path, err *e)
{
    double id = json_number(entry, -1);
    if (!(id >= 0 && id < 16777216) || id != (double)(int32_t)id)
        return err_set(e, ERR_INPUT, "%s: the token '%s' has no whole id below 16,777,216", path, key);
    size_t i = (size_t)id;
    if (i >= t->vocabulary)
        return err_set(e, ERR_INPUT, "%s: token '%s' has id %zu, the vocabulary has %zu entries", path, key, i, t->vocabulary);
    if (t->token[i] && !str_same(t->token[i], key))
        return err_set(e, ERR_INPUT, "%s: the tokens '%s' and '%s' share the id %zu", path, t->token[i], key, i);
    t->token[i] = arena_text(t->memory, key, strlen(key), e);
    return t->token[i] ? 0 : -1;
}

static double largest_id(const json *container, const char *key)
{
    double most = -1;
    for (const json *c = json_first(container); c; c = json_next(c)) {
        double id = json_number(key ? json_get(c, key) : c, -1);
        if (id > most) most = id;
    }
    return most;
}

static int read_vocabulary(tokenizer *t, const json *vocab, const json *added, const char *path, err *e)
{
    if (!json_is_object(vocab)) return err_set(e, ERR_INPUT, "%s: the vocabulary is no object", path);
    double most = largest_id(vocab, NULL), most_added = largest_id(added, "id");
    if (most_added > most) most = most_added;
    if (!(most >= 0 && most < 16777216)) return err_set(e, ERR_INPUT, "%s: the vocabulary is empty or its ids are no ids", path);
    t->vocabulary = (size_t)most + 1;
    t->n_slots = power_of_two(2 * t->vocabulary + 2);
    t->token = arena_get(t->memory, (t->vocabulary + 1) * sizeof *t->token, e);
    t->slots = arena_get(t->memory, t->n_slots * sizeof *t->slots, e);
    if (!t->token || !t->slots) return -1;
    memset(t->slots, 0xff, t->n_slots * sizeof *t->slots);
    for (const json *c = json_first(vocab); c; c = json_next(c))
        if (token_place(t, c, json_key(c), path, e)) return -1;
    for (size_t i = 0; i < t->vocabulary; i++)
        if (t->token[i]) vocabulary_put(t, (int32_t)i);
    return 0;
}

/* A merge as "a b" or ["a", "b"]; both parts and the whole must be in the vocabulary. */
static int merge_add(tokenizer *t, const char *left, size_t nl, const char *right, size_t nr, size_t rank, const char *path,
                     err *e)
{
    char whole[1024];
    if (nl + nr >= sizeof whole) return err_set(e, ERR_INPUT, "%s: merge %zu is too long", path, rank);
    memcpy(whole, left, nl);
    memcpy(whole + nl, right, nr);
    int32_t a = vocabulary_find(t, left, nl), b = vocabulary_find(t, right, nr), c = vocabulary_find(t, whole, nl + nr);
    if (a < 0 || b < 0 || c < 0)
        return err_set(e, ERR_INPUT, "%s: merge %zu ('%.*s' + '%.*s') uses a token that the vocabulary has not", path, rank,
                       (int)nl, left, (int)nr, right);
    merge_put(t, (merge_entry){ a, b, (int32_t)rank, c });
    return 0;
}

static int merge_space(tokenizer *t, size_t count, err *e)
{
    t->n_merge_slots = power_of_two(2 * count + 2);
    t->merges = arena_get(t->memory, t->n_merge_slots * sizeof *t->merges, e);
    if (!t->merges) return -1;
    for (size_t i = 0; i < t->n_merge_slots; i++) t->merges[i].left = -1;
    return 0;
}

static int merge_line(tokenizer *t, const char *line, size_t n, size_t rank, const char *path, err *e)
{
    const char *blank = memchr(line, ' ', n);
    if (!blank || blank == line || blank == line + n - 1)
        return err_set(e, ERR_INPUT, "%s: merge %zu is not two tokens with a blank between: '%.*s'", path, rank, (int)n, line);
    return merge_add(t, line, (size_t)(blank - line), blank + 1, n - (size_t)(blank - line) - 1, rank, path, e);
}

static int read_merges(tokenizer *t, const json *merges, const char *path, err *e)
{
    size_t rank = 0;
    if (!json_is_array(merges)) return err_set(e, ERR_INPUT, "%s: model.merges is no array", path);
    if (merge_space(t, json_count(merges), e)) return -1;
    for (const json *c = json_first(merges); c; c = json_next(c), rank++) {
        const char *line = json_text(c, NULL);
        if (line) {
            if (merge_line(t, line, strlen(line), rank, path, e)) return -1;
            continue;
        }
        const json *left = json_first(c), *right = json_next(left);
        const char *a = json_text(left, NULL), *b = json_text(right, NULL);
        if (!a || !b) return err_set(e, ERR_INPUT, "%s: merge %zu is neither a text nor a pair", path, rank);
        if (merge_add(t, a, strlen(a), b, strlen(b), rank, path, e)) return -1;
    }
    return 0;
}

/* ---- components ---- */

static char *keep(tokenizer *t, const char *text, err *e)
{
    return arena_text(t->memory, text, strlen(text), e);
}

/* Some patterns (Oniguruma's) have a set inside a set, which means their union; PCRE2 wants it flat. */
static void flatten_sets(char *pattern)
{
    char *to = pattern;
    size_t depth = 0;
    for (const char *p = pattern; *p; p++) {
        if (*p == '\\' && p[1]) {
            *to++ = *p++;
        } else if (*p == '[' && p[1] != ':') {
            if (depth++) continue;
        } else if (*p == ']' && depth) {
            if (--depth) continue;
        }
        *to++ = *p;
    }
    *to = 0;
}

static int compile(split_step *s, const char *given, const char *path, err *e)
{
    int code;
    size_t at;
    char *pattern = mem_text(given, e);
    if (!pattern) return -1;
    flatten_sets(pattern);
    s->pattern = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
    free(pattern);
    if (s->pattern) return 0;
    char why[128] = "";
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
    return err_set(e, ERR_INPUT, "%s: the pattern '%.200s' fails at %zu: %s", path, given, at, why);
}

/* Runs read(t, node) on a component or on each of a Sequence's. */
typedef int (*component)(tokenizer *t, const json *node, const char *path, err *e);
static int each(tokenizer *t, const json *node, const char *list, component read, const char *path, err *e)
{
    if (json_is_null(node)) return 0;
    if (!str_same(json_text(json_get(node, "type"), ""), "Sequence")) return read(t, node, path, e);
    for (const json *c = json_first(json_get(node, list)); c; c = json_next(c))
        if (each(t, c, list, read, path, e)) return -1;
    return 0;
}

static int grow_steps(tokenizer *t, void **steps, size_t n, size_t size, err *e)
{
    void *more = arena_get(t->memory, (n + 1) * size, e);
    if (!more) return -1;
    if (n) memcpy(more, *steps, n * size);
    *steps = more;
    return 0;
}

static int read_normalizer(tokenizer *t, const json *node, const char *path, err *e)
{
    const char *type = json_text(json_get(node, "type"), "");
    void *steps = t->norm;
    if (grow_steps(t, &steps, t->n_norm, sizeof *t->norm, e)) return -1;
    t->norm = steps;
    norm_step *s = &t->norm[t->n_norm++];
    if (str_same(type, "Prepend")) {
        s->kind = NORM_PREPEND;
        return (s->to = keep(t, json_text(json_get(node, "prepend"), ""), e)) ? 0 : -1;
    }
    if (str_same(type, "Replace")) {
        const char *from = json_text(json_get(json_get(node, "pattern"), "String"), NULL);
        if (!from) return err_set(e, ERR_INPUT, "%s: normalizer Replace with a regular expression is not known yet", path);
        s->kind = NORM_REPLACE;
        s->from = keep(t, from, e);
        s->to = keep(t, json_text(json_get(node, "content"), ""), e);
        return s->from && s->to ? 0 : -1;
    }
    if (str_same(type, "NFC")) s->kind = NORM_NFC;
    else if (str_same(type, "NFKC")) s->kind = NORM_NFKC;
    else if (str_same(type, "Lowercase")) s->kind = NORM_LOWERCASE;
    else return unknown_part("normalizer", node, path, e);
    return 0;
}

static const char gpt2_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static int read_split(tokenizer *t, const json *node, const char *path, err *e)
{
    const char *type = json_text(json_get(node, "type"), "");
    void *steps = t->split;
    if (grow_steps(t, &steps, t->n_split, sizeof *t->split, e)) return -1;
    t->split = steps;
    split_step *s = &t->split[t->n_split++];
    if (str_same(type, "ByteLevel")) {
        s->kind = SPLIT_BYTELEVEL;
        s->prefix_space = json_bool(json_get(node, "add_prefix_space"), false);
        return json_bool(json_get(node, "use_regex"), true) ? compile(s, gpt2_pattern, path, e) : 0;
    }
    if (str_same(type, "Split")) {
        const char *pattern = json_text(json_get(json_get(node, "pattern"), "Regex"), NULL);
        const char *behaviour = json_text(json_get(node, "behavior"), "");
        s->kind = SPLIT_PATTERN;
        s->removed = str_same(behaviour, "Removed");
        if (!pattern || (!s->removed && !str_same(behaviour, "Isolated")) || json_bool(json_get(node, "invert"), false))
            return err_set(e, ERR_INPUT, "%s: pre-tokenizer Split other than by a Regex, Isolated or Removed, is not known yet",
                           path);
        return compile(s, pattern, path, e);
    }
    if (str_same(type, "Digits")) {
        s->kind = SPLIT_DIGITS;
        return compile(s, json_bool(json_get(node, "individual_digits"), false) ? "\\p{N}" : "\\p{N}+", path, e);
    }
    if (str_same(type, "Metaspace")) {
        const char *scheme = json_text(json_get(node, "prepend_scheme"), "always");
        s->kind = SPLIT_METASPACE;
        s->replacement = keep(t, json_text(json_get(node, "replacement"), "\xe2\x96\x81"), e);
        s->prepend_always = str_same(scheme, "always");
        s->prepend_first = str_same(scheme, "first");
        s->split = json_bool(json_get(node, "split"), true);
        return s->replacement ? 0 : -1;
    }
    return unknown_part("pre-tokenizer", node, path, e);
}

static int special_add(tokenizer *t, int32_t **list, size_t *n, double id, const char *path, err *e)
{
    void *more = *list;
    if (!(id >= 0 && id < (double)t->vocabulary))
        return err_set(e, ERR_INPUT, "%s: the post-processor uses the id %g, the vocabulary has %zu", path, id, t->vocabulary);
    if (grow_steps(t, &more, *n, sizeof **list, e)) return -1;
    *list = more;
    (*list)[(*n)++] = (int32_t)id;
    return 0;
}

static int read_template(tokenizer *t, const json *node, const char *path, err *e)
{
    bool after = false;
    for (const json *c = json_first(json_get(node, "single")); c; c = json_next(c)) {
        const json *special = json_get(c, "SpecialToken");
        if (!special) {
            after = true;
            continue;
        }
        const char *name = json_text(json_get(special, "id"), "");
        const json *ids = json_get(json_get(json_get(node, "special_tokens"), name), "ids");
        for (const json *i = json_first(ids); i; i = json_next(i))
            if (after ? special_add(t, &t->after, &t->n_after, json_number(i, -1), path, e)
                      : special_add(t, &t->before, &t->n_before, json_number(i, -1), path, e))
                return -1;
    }
    return 0;
}

static int read_post(tokenizer *t, const json *node, const char *path, err *e)
{
    const char *type = json_text(json_get(node, "type"), "");
    bool roberta = str_same(type, "RobertaProcessing");
    if (str_same(type, "TemplateProcessing")) return read_template(t, node, path, e);
    if (!roberta && !str_same(type, "BertProcessing") && !str_same(type, "ByteLevel"))
        return unknown_part("post-processor", node, path, e);
    if (!str_same(type, "BertProcessing")) {
        t->trim_offsets = json_bool(json_get(node, "trim_offsets"), true);
        t->trim_prefix = json_bool(json_get(node, "add_prefix_space"), true);
    }
    if (str_same(type, "ByteLevel")) return 0;
    const json *cls = json_next(json_first(json_get(node, "cls"))), *sep = json_next(json_first(json_get(node, "sep")));
    return special_add(t, &t->before, &t->n_before, json_number(cls, -1), path, e) ||
                   special_add(t, &t->after, &t->n_after, json_number(sep, -1), path, e)
               ? -1 : 0;
}

static int read_decoder(tokenizer *t, const json *node, const char *path, err *e)
{
    const char *type = json_text(json_get(node, "type"), "");
    void *steps = t->decode;
    if (grow_steps(t, &steps, t->n_decode, sizeof *t->decode, e)) return -1;
    t->decode = steps;
    decode_step *s = &t->decode[t->n_decode++];
    if (str_same(type, "ByteLevel")) s->kind = DECODE_BYTELEVEL;
    else if (str_same(type, "ByteFallback")) s->kind = DECODE_BYTEFALLBACK;
    else if (str_same(type, "Fuse")) s->kind = DECODE_FUSE;
    else if (str_same(type, "Replace")) {
        s->kind = DECODE_REPLACE;
        s->from = keep(t, json_text(json_get(json_get(node, "pattern"), "String"), ""), e);
        s->to = keep(t, json_text(json_get(node, "content"), ""), e);
        if (!s->from || !s->to) return -1;
        if (!*s->from) return err_set(e, ERR_INPUT, "%s: decoder Replace without a plain pattern is not known yet", path);
    } else if (str_same(type, "Strip")) {
        s->kind = DECODE_STRIP;
        s->from = keep(t, json_text(json_get(node, "content"), " "), e);
        s->start = (size_t)json_number(json_get(node, "start"), 0);
        s->stop = (size_t)json_number(json_get(node, "stop"), 0);
        if (!s->from) return -1;
    } else if (str_same(type, "Metaspace")) {
        s->kind = DECODE_METASPACE;
        s->from = keep(t, json_text(json_get(node, "replacement"), "\xe2\x96\x81"), e);
        s->prepend = !str_same(json_text(json_get(node, "prepend_scheme"), "always"), "never");
        if (!s->from) return -1;
    } else {
        return unknown_part("decoder", node, path, e);
    }
    return 0;
}

/* ---- added tokens ---- */

static int normalized_content(const tokenizer *t, added_token *a, err *e)
{
    aligned text = { 0 };
    int status = -1;
    if (aligned_original(&text, a->content, strlen(a->content), e)) goto done;
    if (a->normalized && normalize(t, &text, e)) goto done;
    a->normalized_content = arena_text(t->memory, text.at, text.n, e);
    a->normalized_length = text.n;
    status = a->normalized_content ? 0 : -1;
done:
    aligned_free(&text);
    return status;
}

static int added_add(tokenizer *t, const char *content, double id, bool special, bool normalized, const json *flags,
                     const char *path, err *e)
{
    void *steps = t->added;
    if (!(id >= 0 && id < (double)t->vocabulary) || !*content)
        return err_set(e, ERR_INPUT, "%s: the added token '%s' has the id %g", path, content, id);
    if (grow_steps(t, &steps, t->n_added, sizeof *t->added, e)) return -1;
    t->added = steps;
    added_token *a = &t->added[t->n_added++];
    *a = (added_token){ .id = (int32_t)id, .length = strlen(content), .special = special, .normalized = normalized,
                        .lstrip = json_bool(json_get(flags, "lstrip"), false), .rstrip = json_bool(json_get(flags, "rstrip"), false),
                        .single_word = json_bool(json_get(flags, "single_word"), false) };
    a->content = keep(t, content, e);
    if (!a->content) return -1;
    if (!t->token[a->id] && !(t->token[a->id] = keep(t, content, e))) return -1;
    return normalized_content(t, a, e);
}

static int read_added(tokenizer *t, const json *list, const char *path, err *e)
{
    for (const json *c = json_first(list); c; c = json_next(c))
        if (added_add(t, json_text(json_get(c, "content"), ""), json_number(json_get(c, "id"), -1),
                      json_bool(json_get(c, "special"), false), json_bool(json_get(c, "normalized"), true), c, path, e))
            return -1;
    return 0;
}

/* ---- files ---- */

static int read_bpe(tokenizer *t, const json *model_node, const json *added, const char *path, err *e)
{
    const char *type = json_text(json_get(model_node, "type"), NULL);
    if (type ? !str_same(type, "BPE") : !json_get(model_node, "merges")) return unknown_part("model type", model_node, path, e);
    if (read_vocabulary(t, json_get(model_node, "vocab"), added, path, e)) return -1;
    if (read_merges(t, json_get(model_node, "merges"), path, e)) return -1;
    const char *prefix = json_text(json_get(model_node, "continuing_subword_prefix"), "");
    const char *suffix = json_text(json_get(model_node, "end_of_word_suffix"), "");
    if (*prefix) return err_set(e, ERR_INPUT, "%s: continuing_subword_prefix is not known yet", path);
    if (*suffix && !(t->end_of_word = keep(t, suffix, e))) return -1;
    t->fuse_unknown = json_bool(json_get(model_node, "fuse_unk"), false);
    t->byte_fallback = json_bool(json_get(model_node, "byte_fallback"), false);
    t->ignore_merges = json_bool(json_get(model_node, "ignore_merges"), false);
    const char *unknown = json_text(json_get(model_node, "unk_token"), NULL);
    t->unknown = unknown ? vocabulary_find(t, unknown, strlen(unknown)) : -1;
    if (unknown && t->unknown < 0) return err_set(e, ERR_INPUT, "%s: the unknown token '%s' is not in the vocabulary", path, unknown);
    return 0;
}

static tokenizer *tokenizer_new(err *e)
{
    tokenizer *t = mem_new(1, sizeof *t, e);
    if (!t) return NULL;
    t->unknown = -1;
    t->memory = arena_new(e);
    if (t->memory) return t;
    free(t);
    return NULL;
}

void tokenizer_free(tokenizer *t)
{
    if (!t) return;
    for (size_t i = 0; i < t->n_split; i++) pcre2_code_free(t->split[i].pattern);
    arena_free(t->memory);
    free(t);
}

int tokenizer_open_file(tokenizer **out, const char *path, err *e)
{
    json *root = NULL;
    int status = -1;
    tokenizer *t = tokenizer_new(e);
    if (!t) return -1;
    if (sha_file(path, &t->hash, e) || json_read(&root, path, largest_file, e)) goto done;
    const json *added = json_get(root, "added_tokens");
    if (read_bpe(t, json_get(root, "model"), added, path, e)) goto done;
    if (each(t, json_get(root, "normalizer"), "normalizers", read_normalizer, path, e) ||
        each(t, json_get(root, "pre_tokenizer"), "pretokenizers", read_split, path, e) ||
        each(t, json_get(root, "post_processor"), "processors", read_post, path, e) ||
        each(t, json_get(root, "decoder"), "decoders", read_decoder, path, e) || read_added(t, added, path, e))
        goto done;
    *out = t;
    t = NULL;
    status = 0;
done:
    if (status) err_while(e, "reading the tokenizer %s", path);
    json_free(root);
    tokenizer_free(t);
    return status;
}

static int read_merges_file(tokenizer *t, const char *path, err *e)
{
    char *text = NULL;
    size_t n, lines = 0, rank = 0;
    int status = -1;
    if (file_read(&text, &n, path, largest_file, e)) return -1;
    for (size_t i = 0; i < n; i++) lines += text[i] == '\n';
    if (merge_space(t, lines + 1, e)) goto done;
    for (char *line = text; line && *line;) {
        char *end = strchr(line, '\n');
        size_t length = end ? (size_t)(end - line) : strlen(line);
        while (length && line[length - 1] == '\r') length--;
        if (length && !str_begins(line, "#version") && merge_line(t, line, length, rank++, path, e)) goto done;
        line = end ? end + 1 : NULL;
    }
    status = 0;
done:
    free(text);
    return status;
}

/* tokenizer_config.json names the special tokens: texts, or objects with a content. */
static int read_config(tokenizer *t, const char *path, err *e)
{
    static const char *const names[] = { "bos_token", "eos_token", "unk_token", "pad_token" };
    json *root = NULL;
    int status = -1;
    if (!file_exists(path)) return added_add(t, "<|endoftext|>", vocabulary_find(t, "<|endoftext|>", 13), true, false, NULL, path, e);
    if (json_read(&root, path, largest_file, e)) return -1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const json *c = json_get(root, names[i]);
        const char *text = json_text(c, json_text(json_get(c, "content"), NULL));
        bool known = !text;
        for (size_t k = 0; text && k < t->n_added; k++) known = known || str_same(t->added[k].content, text);
        int32_t id = known ? -1 : vocabulary_find(t, text, strlen(text));
        if (id >= 0 && added_add(t, text, id, true, false, NULL, path, e)) goto done;
    }
    status = 0;
done:
    json_free(root);
    return status;
}

static int byte_level_parts(tokenizer *t, const char *path, err *e)
{
    t->split = arena_get(t->memory, sizeof *t->split, e);
    t->decode = arena_get(t->memory, sizeof *t->decode, e);
    if (!t->split || !t->decode) return -1;
    t->split[0].kind = SPLIT_BYTELEVEL;
    t->decode[0].kind = DECODE_BYTELEVEL;
    t->n_split = t->n_decode = 1;
    return compile(&t->split[0], gpt2_pattern, path, e);
}

static int hash_both(tokenizer *t, const char *a, const char *b, err *e)
{
    sha_hex x, y;
    if (sha_file(a, &x, e) || sha_file(b, &y, e)) return -1;
    char lines[256];
    int n = snprintf(lines, sizeof lines, "%s  vocab.json\n%s  merges.txt\n", x.hex, y.hex);
    t->hash = sha_bytes(lines, (size_t)n);
    return 0;
}

static int open_two_files(tokenizer **out, const char *folder, err *e)
{
    char vocab[4096], merges[4096], config[4096];
    json *root = NULL;
    int status = -1;
    snprintf(vocab, sizeof vocab, "%.4000s/vocab.json", folder);
    snprintf(merges, sizeof merges, "%.4000s/merges.txt", folder);
    snprintf(config, sizeof config, "%.4000s/tokenizer_config.json", folder);
    tokenizer *t = tokenizer_new(e);
    if (!t) return -1;
    if (json_read(&root, vocab, largest_file, e) || hash_both(t, vocab, merges, e)) goto done;
    if (read_vocabulary(t, root, NULL, vocab, e)) goto done;
    if (vocabulary_find(t, "\xc4\xa0", 2) < 0) {
        err_set(e, ERR_INPUT, "%s: a vocabulary that is not byte-level (no blank) is not known yet", vocab);
        goto done;
    }
    if ( read_merges_file(t, merges, e)) goto done;
    if (byte_level_parts(t, vocab, e) || read_config(t, config, e)) goto done;
    *out = t;
    t = NULL;
    status = 0;
done:
    if (status) err_while(e, "reading the tokenizer of %s", folder);
    json_free(root);
    tokenizer_free(t);
    return status;
}

int tokenizer_open(tokenizer **out, const char *folder, err *e)
{
    char path[4096];
    snprintf(path, sizeof path, "%.4000s/tokenizer.json", folder);
    if (file_exists(path)) return tokenizer_open_file(out, path, e);
    snprintf(path, sizeof path, "%.4000s/vocab.json", folder);
    if (file_exists(path)) return open_two_files(out, folder, e);
    return err_set(e, ERR_INPUT, "%s: neither tokenizer.json nor vocab.json + merges.txt", folder);
}

int tokenizer_open_bytes(tokenizer **out, err *e)
{
    tokenizer *t = tokenizer_new(e);
    if (!t) return -1;
    t->bytes_only = true;
    t->vocabulary = 257;
    t->hash = sha_bytes("bytes", 5);
    t->before = arena_get(t->memory, sizeof *t->before, e);
    if (!t->before) {
        tokenizer_free(t);
        return -1;
    }
    t->before[0] = 256;
    t->n_before = 1;
    *out = t;
    return 0;
}
