/* SPDX-License-Identifier: MIT */
/* A trained BPE as tokenizer.json: byte-level pre-tokenizer with GPT-2's pattern, as Hugging Face's `tokenizers` saves
 * it. */
#include "corpus_inside.h"

#include <stdlib.h>

#include "broca/store.h"

/* In byte-level vocabularies a printable byte stands for itself, the others are U+0100, U+0101, ... in their order. */
static bool itself(unsigned byte)
{
    return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

unsigned char bpe_first_byte(size_t id)
{
    size_t k = 0;
    for (int own = 1; own >= 0; own--)
        for (unsigned byte = 0; byte < 256; byte++)
            if (itself(byte) == (bool)own && k++ == id) return (unsigned char)byte;
    return 0;
}

static unsigned letter(unsigned char byte)
{
    unsigned before = 0;
    if (itself(byte)) return byte;
    for (unsigned b = 0; b < byte; b++)
        before += !itself(b);
    return 256 + before;
}

int bpe_key(const bpe_model *m, size_t id, buffer *out, err *e)
{
    out->size = 0;
    for (size_t i = m->begin[id]; i < m->begin[id + 1]; i++) {
        unsigned c = letter((unsigned char)m->text.at[i]);
        char two[2] = { (char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f)) };
        if (c < 128) two[0] = (char)c;
        buffer_add(out, two, c < 128 ? 1 : 2);
    }
    return buffer_ok(out, e);
}

static int add_vocabulary(const bpe_model *m, const char *end, buffer *out, err *e)
{
    buffer key = { 0 };
    int status = -1;
    for (size_t i = 0; i < m->n; i++) {
        if (bpe_key(m, i, &key, e)) goto done;
        buffer_text(out, i ? "," : "");
        json_quote(out, key.at);
        buffer_printf(out, ":%zu", i);
    }
    if (end) {
        buffer_text(out, ",");
        json_quote(out, end);
        buffer_printf(out, ":%zu", m->n);
    }
    status = 0;
done:
    free(key.at);
    return status;
}

static int add_merges(const bpe_model *m, buffer *out, err *e)
{
    buffer key = { 0 }, both = { 0 };
    int status = -1;
    for (size_t i = 0; i < m->n_merges; i++) {
        if (bpe_key(m, m->merge[i].left, &key, e)) goto done;
        both.size = 0;
        buffer_text(&both, key.at);
        if (bpe_key(m, m->merge[i].right, &key, e)) goto done;
        buffer_text(&both, " ");
        buffer_text(&both, key.at);
        if (buffer_ok(&both, e)) goto done;
        buffer_text(out, i ? "," : "");
        json_quote(out, both.at);
    }
    status = 0;
done:
    free(key.at);
    free(both.at);
    return status;
}

int bpe_json(const bpe_model *m, const char *end, buffer *out, err *e)
{
    buffer_text(out, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[");
    if (end) {
        buffer_printf(out, "{\"id\":%zu,\"content\":", m->n);
        json_quote(out, end);
        buffer_text(out,
                    ",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}");
    }
    buffer_text(
        out,
        "],\"normalizer\":null,"
        "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true}"
        ","
        "\"post_processor\":null,"
        "\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true},"
        "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,\"continuing_subword_prefix\":null,"
        "\"end_of_word_suffix\":null,\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":false,\"vocab\":{");
    if (add_vocabulary(m, end, out, e)) return -1;
    buffer_text(out, "},\"merges\":[");
    if (add_merges(m, out, e)) return -1;
    buffer_text(out, "]}}");
    return buffer_ok(out, e);
}

int bpe_train(const corpus_texts *t, const bpe_recipe *r, buffer *out, bpe_facts *facts, err *e)
{
    static const size_t least_memory = (size_t)64 << 20;
    bpe_facts f = { 0 };
    words w = { 0 };
    bpe_model m = { 0 };
    size_t tokens = r->vocabulary - (r->end != NULL);
    int status = -1;
    if (r->vocabulary < 257 + (size_t)(r->end != NULL))
        return err_set(e, ERR_USAGE, "a vocabulary of %zu is too small: 256 bytes, one merge%s", r->vocabulary,
                       r->end ? " and the end symbol are 258" : " are 257");
    if (r->memory && r->memory < least_memory)
        return err_set(e, ERR_USAGE, "%zu bytes are too few to count words; at least 64M", r->memory);
    if (bpe_count(t, r->memory, &w, &f, e) || bpe_merge(&m, &w, tokens, r->end, &f, e) || bpe_json(&m, r->end, out, e))
        goto done;
    if (facts) *facts = f;
    status = 0;
done:
    if (status) err_while(e, "training a tokenizer of %zu entries", r->vocabulary);
    words_free(&w);
    bpe_model_free(&m);
    return status;
}
