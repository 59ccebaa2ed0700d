/* SPDX-License-Identifier: MIT */
/* PNG (W3C, 2nd edition): signature, header, one compressed block of rows, end. Small pictures for pages, hence one filter: none. */
#include <stdlib.h>
#include <string.h>

#include "broca/volume.h"
#include "zstream.h"

static void big_endian(buffer *b, uint32_t x)
{
    const uint8_t bytes[4] = { (uint8_t)(x >> 24), (uint8_t)(x >> 16), (uint8_t)(x >> 8), (uint8_t)x };
    buffer_add(b, bytes, 4);
}

static void chunk(buffer *b, const char type[4], const void *bytes, size_t n)
{
    big_endian(b, (uint32_t)n);
    size_t first = b->size;
    buffer_add(b, type, 4);
    buffer_add(b, bytes, n);
    if (!b->failed) big_endian(b, zstream_crc(b->at + first, n + 4));
}

int png_encode(buffer *out, const uint8_t *rgba, size_t width, size_t height, err *e)
{
    static const uint8_t signature[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    buffer rows = { 0 }, packed = { 0 }, head = { 0 };
    int status = -1;
    if (width == 0 || height == 0 || width > 1 << 15 || height > 1 << 15) return err_set(e, ERR_INPUT, "a picture of %zu × %zu points", width, height);
    for (size_t y = 0; y < height; y++) {
        buffer_add(&rows, "", 1); /* filter 0 */
        buffer_add(&rows, rgba + 4 * width * y, 4 * width);
    }
    if (buffer_ok(&rows, e) || zstream_pack(&packed, rows.at, rows.size, false, e)) goto done;
    big_endian(&head, (uint32_t)width);
    big_endian(&head, (uint32_t)height);
    buffer_add(&head, "\x08\x06\0\0\0", 5); /* 8 bits, RGB with opacity */
    if (buffer_ok(&head, e)) goto done;
    buffer_add(out, signature, sizeof signature);
    chunk(out, "IHDR", head.at, head.size);
    chunk(out, "IDAT", packed.at, packed.size);
    chunk(out, "IEND", "", 0);
    status = buffer_ok(out, e);
done:
    free(rows.at);
    free(packed.at);
    free(head.at);
    return status;
}
