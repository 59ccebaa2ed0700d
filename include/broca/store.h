/* SPDX-License-Identifier: MIT */
/* store: files. HDF5 products of one kind each (CONTRACT.md "Files"), atomic files and locks, sidecars, tables, JSON. */
#ifndef BROCA_STORE_H
#define BROCA_STORE_H

#include "broca/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- atomic files: appear whole or not at all (store/atomic.c) ----
 * Temporary name `.NAME.part` in the same folder, fsync, rename, fsync of the folder. A lock `.NAME.lock` (flock) is held
 * from open to commit or abandon: a killed process leaves no lock; its .part is overwritten by the next run. */

typedef struct atomic atomic;
int atomic_open(atomic **out, const char *path, err *e);  /* creates missing folders; ERR_ENVIRONMENT if locked */
const char *atomic_temporary(const atomic *a);            /* path to write to */
int atomic_commit(atomic *a, err *e);                     /* fsync + rename; frees a whatever happens */
void atomic_abandon(atomic *a);                           /* removes the temporary; NULL is fine; frees a */
/* Writes bytes whole to path in one call. */
int atomic_write(const char *path, const void *bytes, size_t n, err *e);
/* Reads a whole file (malloc'ed, NUL-terminated beyond *n); ERR_INPUT if it does not exist or is larger than limit. */
int file_read(char **out, size_t *n, const char *path, size_t limit, err *e);
/* The same, unpacked where the file is a gzip one; limit counts unpacked bytes, too (store/zstream.c). */
int file_read_unpacked(char **out, size_t *n, const char *path, size_t limit, err *e);
bool file_exists(const char *path);
int folder_make(const char *path, err *e); /* with parents */

/* ---- HDF5 products (store/store.c, store/read.c, store/write.c): the only place that includes hdf5.h ----
 * Not thread-safe: call from one thread. */

typedef struct store store;
typedef enum { STORE_F4, STORE_F8, STORE_I4, STORE_I8, STORE_U1, STORE_TEXT } store_type;
typedef struct {
    store_type type;
    int rank;          /* 0 to 4 */
    size_t dims[4];
} store_shape_t;

/* Creates a product of a kind; nothing shows at path before store_commit. config may be NULL or JSON. */
int store_create(store **out, const char *path, const char *kind, const char *config, err *e);
/* Writes /warnings (those logged so far), attributes, closes, fsync, rename. Frees s whatever happens. */
int store_commit(store *s, err *e);
/* Opens for reading; kind NULL: any HDF5 file (oracles). ERR_INPUT names file, kind found and kind expected. */
int store_open(store **out, const char *path, const char *kind, err *e);
void store_close(store *s); /* readers; a writer that was not committed is abandoned; NULL is fine */
const char *store_path(const store *s);
const char *store_kind(const store *s); /* "" when the file has none */

bool store_has(store *s, const char *name);
int store_shape(store *s, const char *name, store_shape_t *shape, err *e);
/* Names below a group (children only, no recursion), sorted; *names is one allocation (free it). */
int store_list(store *s, const char *group, char ***names, size_t *n, err *e);
bool store_is_group(store *s, const char *name);

/* Whole arrays, malloc'ed, converted from any numeric type of the file; count checked against the shape. */
int store_read_f4(store *s, const char *name, float **out, size_t *count, err *e);
int store_read_f8(store *s, const char *name, double **out, size_t *count, err *e);
int store_read_i4(store *s, const char *name, int32_t **out, size_t *count, err *e);
int store_read_i8(store *s, const char *name, int64_t **out, size_t *count, err *e);
int store_read_u1(store *s, const char *name, uint8_t **out, size_t *count, err *e);
/* Texts of fixed or variable length: one allocation, (*out)[i] NUL-terminated. */
int store_read_text(store *s, const char *name, char ***out, size_t *count, err *e);
/* Columns [first, first + width) of a 2-D array [rows × columns] into out [rows × width]. */
int store_read_columns_f4(store *s, const char *name, size_t first, size_t width, float *out, err *e);

/* Columns of a fixed length into an arena (store/columns.c): a missing dataset leaves *out as it is and is no error; another
 * number of rows than n is ERR_INPUT. */
int store_column_text(store *s, const char *name, size_t n, arena *a, char ***out, err *e);
int store_column_f8(store *s, const char *name, size_t n, arena *a, double **out, err *e);
int store_column_i4(store *s, const char *name, size_t n, arena *a, int32_t **out, err *e);
/* Writes a 1-D column; NULL data writes nothing. */
int store_put_text(store *s, const char *name, char *const *texts, size_t n, err *e);
int store_put_f8(store *s, const char *name, const double *data, size_t n, err *e);
int store_put_i4(store *s, const char *name, const int32_t *data, size_t n, err *e);

/* New dataset; groups on the way are made. rank 1..3 (0: scalar). Chunked with fletcher32 as CONTRACT.md says. */
int store_write_f4(store *s, const char *name, int rank, const size_t *dims, const float *data, err *e);
int store_write_f8(store *s, const char *name, int rank, const size_t *dims, const double *data, err *e);
int store_write_i4(store *s, const char *name, int rank, const size_t *dims, const int32_t *data, err *e);
int store_write_i8(store *s, const char *name, int rank, const size_t *dims, const int64_t *data, err *e);
int store_write_u1(store *s, const char *name, int rank, const size_t *dims, const uint8_t *data, err *e);
int store_write_text(store *s, const char *name, const char *const *texts, size_t count, err *e); /* fixed length */
/* Streaming: makes [rows × columns] of f4 or f8, then fills columns or rows as they are made. */
int store_make(store *s, const char *name, store_type type, int rank, const size_t *dims, err *e);
int store_fill_f4(store *s, const char *name, const size_t *start, const size_t *dims, const float *data, err *e);
int store_fill_f8(store *s, const char *name, const size_t *start, const size_t *dims, const double *data, err *e);

/* Attributes of the object at name ("/" = root). Reading a missing one is ERR_INPUT; *_or give a default instead. */
int store_set_text(store *s, const char *name, const char *attribute, const char *value, err *e);
int store_set_real(store *s, const char *name, const char *attribute, double value, err *e);
int store_set_int(store *s, const char *name, const char *attribute, int64_t value, err *e);
int store_get_text(store *s, const char *name, const char *attribute, char **out, err *e); /* malloc'ed */
int store_get_real(store *s, const char *name, const char *attribute, double *out, err *e);
int store_get_int(store *s, const char *name, const char *attribute, int64_t *out, err *e);
bool store_has_attribute(store *s, const char *name, const char *attribute);
int store_attributes(store *s, const char *name, char ***names, size_t *n, err *e); /* one allocation */

/* Records an input file: role, its kind ("" if not HDF5) and SHA-256, into the attribute `inputs`. For a folder (a model)
 * give the hash in sha256, else NULL and the file is hashed. */
int store_input(store *s, const char *role, const char *path, const char *kind, const char *sha256, err *e);

const char *store_library(void); /* "HDF5 1.10.8" */

/* ---- sidecar FILE.json beside a product (store/sidecar.c): command, version, commit, inputs, machine, times ---- */
typedef struct {
    const char *product;      /* path of the product */
    int argc; char **argv;
    double started_s, wall_s, cpu_s; /* started: seconds since the epoch */
    const char *blas;         /* library and core name */
    const char *inputs;       /* JSON array as in the attribute, or NULL */
} sidecar;
int sidecar_write(const sidecar *s, err *e);
const char *build_commit(void); /* the commit that was built, or "unknown" */

/* ---- tables: CSV/TSV by libcsv (store/table.c) ---- */
typedef struct table table;
/* separator 0: tab if the first line has one, else comma (TSV fields are not quoted). Every row must have as many cells as
 * the header. A gzip file is unpacked. header false: columns are called "1", "2", ... Blank-separated text (separator ' ') folds runs of blanks. */
int table_read(table **out, const char *path, char separator, bool header, err *e);
/* A user's table with his names: rename[i] is "name=header", the column that he calls header is our name. CSV or TSV with a
 * header line. */
typedef struct {
    const char *path;
    const char *const *rename;
    size_t n_rename;
} table_source;
int table_open(table **out, const table_source *source, err *e);
size_t table_rows(const table *t);
size_t table_columns(const table *t);
const char *table_name(const table *t, size_t column);
/* Index of a column, or -1 with an error that names the file and the nearest column. */
int table_find(const table *t, const char *name, size_t *column, err *e);
bool table_has(const table *t, const char *name);
const char *table_cell(const table *t, size_t row, size_t column); /* borrowed */
/* A cell as a number ("", "NA", "NaN" -> NaN); ERR_INPUT names file, row (1 = first after the header), column. */
int table_number(const table *t, size_t row, size_t column, double *out, err *e);
void table_free(table *t);
/* TSV writing: texts are written with tab, newline, backslash escaped as \t \n \\ ; numbers by %.17g shortened. */
void tsv_text(buffer *b, const char *text);
void tsv_number(buffer *b, double value);

/* ---- JSON (store/json.c; the only place that includes cJSON.h) ---- */
typedef struct json json; /* borrowed nodes of a document; free the root only */
/* ERR_INPUT names the file and the byte offset. limit: largest file in bytes. */
int json_read(json **out, const char *path, size_t limit, err *e);
int json_parse(json **out, const char *text, size_t n, const char *name, err *e);
void json_free(json *root);
const json *json_get(const json *object, const char *key); /* NULL if absent or not an object */
const json *json_first(const json *container);             /* first child of an array or object; NULL if none */
const json *json_next(const json *child);
const char *json_key(const json *child);                   /* key of an object's member */
size_t json_count(const json *container);
bool json_is_number(const json *j);
bool json_is_text(const json *j);
bool json_is_array(const json *j);
bool json_is_object(const json *j);
bool json_is_null(const json *j); /* true for NULL and for null */
double json_number(const json *j, double fallback);
bool json_bool(const json *j, bool fallback);
const char *json_text(const json *j, const char *fallback);
/* Text as a JSON string with quotes, appended. Numbers: shortest that reads back equal; NaN and inf become null. */
void json_quote(buffer *b, const char *text);
void json_double(buffer *b, double value);

#ifdef __cplusplus
}
#endif
#endif
