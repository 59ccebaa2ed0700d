/* SPDX-License-Identifier: MIT */
/* Bytes of a file that may be compressed (private to the room; the only use of zlib). */
#ifndef BROCA_STORE_ZSTREAM_H
#define BROCA_STORE_ZSTREAM_H

#include "broca/base.h"

/* zlib packs at most about 1,030 : 1; what a header promises beyond that is not in the file. */
enum { ZSTREAM_MOST_RATIO = 1100 };

typedef struct zstream zstream;
int zstream_open(zstream **out, const char *path, err *e);
/* Bytes that can follow from the start at most: the length of a plain file, ZSTREAM_MOST_RATIO times that of a compressed one. */
size_t zstream_most(const zstream *z);
int zstream_read(zstream *z, void *bytes, size_t n, err *e); /* all n, or an error that says where the file ends */
int zstream_skip(zstream *z, size_t n, err *e);
int zstream_end(zstream *z, err *e); /* reads what is left, so that checksums are checked; does not free */
void zstream_close(zstream *z);      /* NULL is fine */

/* A zlib or gzip stream in memory that must give exactly n bytes. */
int zstream_unpack(void *out, size_t n, const void *packed, size_t n_packed, err *e);
/* Adds bytes compressed, as gzip without name and time or as a bare zlib stream: equal bytes give equal files. */
int zstream_pack(buffer *out, const void *bytes, size_t n, bool gzip, err *e);
uint32_t zstream_crc(const void *bytes, size_t n);

#endif
