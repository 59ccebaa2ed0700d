/* SPDX-License-Identifier: MIT */
/* Text files that may be packed by gzip; the unpacked size is bounded before it is trusted. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "broca/store.h"

enum { STEP = 1 << 18 };

/* One or several gzip members one after the other; 0 at the end of the last, the zlib code otherwise. */
static int unpack(z_stream *z, char **out, size_t *n, size_t limit, const char *path, err *e)
{
    size_t room = 0;
    for (;;) {
        if (*n + STEP + 1 > room) {
            void *grown = *out;
            room = room ? 2 * room : 4 * STEP;
            if (mem_grow(&grown, room, 1, e)) return -1;
            *out = grown;
        }
        z->next_out = (Bytef *)*out + *n;
        z->avail_out = STEP;
        int code = inflate(z, Z_NO_FLUSH);
        *n += STEP - z->avail_out;
        if (*n > limit) return err_set(e, ERR_INPUT, "%s: more than %zu bytes when unpacked", path, limit);
        if (code == Z_STREAM_END && !z->avail_in) return 0;
        if (code == Z_STREAM_END) {
            if (inflateReset(z) != Z_OK) return err_memory(e, STEP);
            continue;
        }
        if (code != Z_OK || (!z->avail_in && z->avail_out))
            return err_set(e, ERR_INPUT, "%s: damaged gzip data (%s)", path,
                           code == Z_OK || code == Z_BUF_ERROR ? "it ends too early" : z->msg ? z->msg : "no stream");
    }
}

int file_read_unpacked(char **out, size_t *n, const char *path, size_t limit, err *e)
{
    char *packed = NULL, *text = NULL;
    size_t bytes = 0, size = 0;
    z_stream z = { 0 };
    if (file_read(&packed, &bytes, path, limit, e)) return -1;
    if (bytes < 2 || memcmp(packed, "\x1f\x8b", 2) != 0) {
        *out = packed;
        *n = bytes;
        return 0;
    }
    int status = -1;
    if (bytes > UINT32_MAX) {
        err_set(e, ERR_INPUT, "%s: more than 4 GiB of packed text", path);
        goto done;
    }
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK) {
        err_memory(e, STEP);
        goto done;
    }
    z.next_in = (Bytef *)packed;
    z.avail_in = (uInt)bytes;
    status = unpack(&z, &text, &size, limit, path, e);
    inflateEnd(&z);
    if (status) goto done;
    text[size] = 0;
    *out = text;
    *n = size;
    text = NULL;
done:
    free(packed);
    free(text);
    return status;
}
