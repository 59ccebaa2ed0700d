/* SPDX-License-Identifier: MIT */
/* The only place that includes hdf5.h (private to the room). */
#ifndef BROCA_HDF5_STORE_H
#define BROCA_HDF5_STORE_H

#include <hdf5.h>

#include "broca/store.h"

struct store {
    hid_t file;
    char *path;
    char *kind;
    size_t bytes;    /* size of the file, for readers: a header cannot promise much more than it holds */
    atomic *atomic;  /* writers */
    buffer inputs;   /* JSON array so far */
};

/* ERR_INPUT (readers) or ERR_ENVIRONMENT (writers) with the deepest message of HDF5's stack. Returns -1. */
int hdf5_error(store *s, err *e, const char *format, ...) BROCA_PRINTF(3, 4);
hid_t hdf5_type(store_type type);

#endif
