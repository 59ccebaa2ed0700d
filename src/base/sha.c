/* SPDX-License-Identifier: MIT */
/* SHA-256 by nettle. */
#include "broca/base.h"

#include <nettle/sha2.h>
#include <stdlib.h>

struct sha {
    struct sha256_ctx context;
};

sha *sha_new(err *e)
{
    sha *s = mem_new(1, sizeof *s, e);
    if (s) sha256_init(&s->context);
    return s;
}

void sha_add(sha *s, const void *bytes, size_t n)
{
    sha256_update(&s->context, n, bytes);
}

static sha_hex finish(struct sha256_ctx *context)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha_hex out = { { 0 } };
    sha256_digest(context, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        out.hex[2 * i] = digits[digest[i] >> 4];
        out.hex[2 * i + 1] = digits[digest[i] & 15];
    }
    return out;
}

sha_hex sha_end(sha *s)
{
    sha_hex out = finish(&s->context);
    free(s);
    return out;
}

sha_hex sha_bytes(const void *bytes, size_t n)
{
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, n, bytes);
    return finish(&context);
}

int sha_file(const char *path, sha_hex *out, err *e)
{
    struct sha256_ctx context;
    uint8_t block[1 << 16];
    size_t n;
    FILE *f = fopen(path, "rb");
    if (!f) {
        err_system(e, "%s", path);
        e->kind = ERR_INPUT;
        return -1;
    }
    sha256_init(&context);
    while ((n = fread(block, 1, sizeof block, f)) > 0) sha256_update(&context, n, block);
    bool bad = ferror(f) != 0;
    fclose(f);
    if (bad) return err_set(e, ERR_INPUT, "%s: cannot be read (is it a folder?)", path);
    *out = finish(&context);
    return 0;
}
