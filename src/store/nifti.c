/* SPDX-License-Identifier: MIT */
/* NIfTI-1 and -2 by their published headers (nifti.nimh.nih.gov: nifti1.h, nifti2.h). niftilib allocates on the word of a header;
 * here sizes are compared with the length of the file first, and voxels are read a volume at a time. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/store.h"
#include "broca/volume.h"
#include "number.h"
#include "zstream.h"

struct volume {
    space space;
    char *path;
    zstream *data;
    size_t count, next, voxels;
    int rank;
    number_layout number;
    double slope, intercept, tr_s, zooms[4];
    uint8_t *raw; /* a volume as it lies in the file */
};

/* What both headers say, in one form. */
typedef struct {
    int64_t dim[8], type, bitpix, qform, sform, units;
    double pixdim[8], offset, slope, intercept, quatern[3], qoffset[3], srow[12];
    char magic[9];
} header;

typedef struct {
    const uint8_t *at;
    bool swap;
} raw_header;

static int64_t whole(const raw_header *h, size_t offset, size_t bytes)
{
    uint64_t w = number_word(h->at + offset, bytes, h->swap);
    return bytes == 2 ? (int16_t)w : bytes == 4 ? (int32_t)w : (int64_t)w;
}

static double real(const raw_header *h, size_t offset, size_t bytes)
{
    number_layout l = { 'f', bytes, h->swap };
    return number_value(&l, h->at + offset);
}

static void reals(double *out, const raw_header *h, size_t offset, size_t bytes, size_t n)
{
    for (size_t k = 0; k < n; k++) out[k] = real(h, offset + k * bytes, bytes);
}

static void header_one(header *h, const raw_header *r)
{
    for (size_t k = 0; k < 8; k++) h->dim[k] = whole(r, 40 + 2 * k, 2);
    h->type = whole(r, 70, 2);
    h->bitpix = whole(r, 72, 2);
    reals(h->pixdim, r, 76, 4, 8);
    h->offset = real(r, 108, 4);
    h->slope = real(r, 112, 4);
    h->intercept = real(r, 116, 4);
    h->units = r->at[123];
    h->qform = whole(r, 252, 2);
    h->sform = whole(r, 254, 2);
    reals(h->quatern, r, 256, 4, 3);
    reals(h->qoffset, r, 268, 4, 3);
    reals(h->srow, r, 280, 4, 12);
    memcpy(h->magic, r->at + 344, 4);
}

static void header_two(header *h, const raw_header *r)
{
    memcpy(h->magic, r->at + 4, 8);
    h->type = whole(r, 12, 2);
    h->bitpix = whole(r, 14, 2);
    for (size_t k = 0; k < 8; k++) h->dim[k] = whole(r, 16 + 8 * k, 8);
    reals(h->pixdim, r, 104, 8, 8);
    h->offset = (double)whole(r, 168, 8);
    h->slope = real(r, 176, 8);
    h->intercept = real(r, 184, 8);
    h->qform = whole(r, 344, 4);
    h->sform = whole(r, 348, 4);
    reals(h->quatern, r, 352, 8, 3);
    reals(h->qoffset, r, 376, 8, 3);
    reals(h->srow, r, 400, 8, 12);
    h->units = whole(r, 500, 4);
}

/* ---- numbers of the file ---- */

typedef struct {
    int code;
    char kind;
    size_t bytes;
    const char *refused; /* name of what is not read */
} datatype;

static const datatype *datatype_of(int64_t code)
{
    static const datatype types[] = {
        { 2, 'u', 1, NULL },   { 4, 'i', 2, NULL },   { 8, 'i', 4, NULL },    { 16, 'f', 4, NULL },
        { 64, 'f', 8, NULL },  { 256, 'i', 1, NULL }, { 512, 'u', 2, NULL },  { 768, 'u', 4, NULL },
        { 1024, 'i', 8, NULL }, { 1280, 'u', 8, NULL }, { 1, 'b', 0, "one bit a voxel" },
        { 32, 'c', 8, "complex numbers" },    { 128, 'c', 3, "RGB colours" },      { 1536, 'f', 16, "numbers of 128 bits" },
        { 1792, 'c', 16, "complex numbers" }, { 2048, 'c', 32, "complex numbers" }, { 2304, 'c', 4, "RGBA colours" },
    };
    for (size_t k = 0; k < sizeof types / sizeof *types; k++)
        if (types[k].code == code) return &types[k];
    return NULL;
}

/* ---- checks ---- */

static int set_shape(volume *v, const header *h, err *e)
{
    size_t n = 1;
    if (h->dim[0] < 1 || h->dim[0] > 7)
        return err_set(e, ERR_INPUT, "%s: dim[0] is %lld, an image has 1 to 7 dimensions", v->path, (long long)h->dim[0]);
    v->count = 1;
    v->rank = (int)h->dim[0] < 3 ? 3 : (int)h->dim[0];
    for (int k = 0; k < 3; k++) v->space.shape[k] = 1;
    for (int k = 1; k <= (int)h->dim[0]; k++) {
        if (h->dim[k] < 1) return err_set(e, ERR_INPUT, "%s: dim[%d] is %lld", v->path, k, (long long)h->dim[k]);
        if (k > 4 && h->dim[k] != 1)
            return err_set(e, ERR_INPUT, "%s has %lld values along dimension %d, 3-D and 4-D images are read", v->path, (long long)h->dim[k], k);
        if (k <= 3) v->space.shape[k - 1] = (size_t)h->dim[k];
        else if (k == 4) v->count = (size_t)h->dim[4];
        if (size_mul(n, (size_t)h->dim[k], &n, e)) return err_while(e, "reading the dimensions of %s", v->path);
    }
    v->voxels = space_voxels(&v->space);
    return 0;
}

static int set_numbers(volume *v, const header *h, err *e)
{
    const datatype *d = datatype_of(h->type);
    if (!d) return err_set(e, ERR_INPUT, "%s: no datatype of NIfTI has the code %lld", v->path, (long long)h->type);
    if (d->refused) {
        err_set(e, ERR_INPUT, "%s holds %s (datatype %d)", v->path, d->refused, d->code);
        return err_hint(e, "whole and floating numbers of 8 to 64 bits are read");
    }
    if (h->bitpix != (int64_t)(8 * d->bytes))
        return err_set(e, ERR_INPUT, "%s: bitpix is %lld, datatype %d has %zu bits: one of them is wrong", v->path, (long long)h->bitpix, d->code,
                       8 * d->bytes);
    v->number.kind = d->kind;
    v->number.bytes = d->bytes;
    bool scaled = isfinite(h->slope) && h->slope != 0;
    if (scaled && !isfinite(h->intercept)) return err_set(e, ERR_INPUT, "%s: scl_slope is %g, scl_inter %g", v->path, h->slope, h->intercept);
    v->slope = scaled ? h->slope : 1;
    v->intercept = scaled ? h->intercept : 0;
    return 0;
}

static int set_qform(space *s, const header *h, const char *path, err *e)
{
    double b = h->quatern[0], c = h->quatern[1], d = h->quatern[2], a = 1 - (b * b + c * c + d * d);
    double z = h->pixdim[0] < 0 ? -h->pixdim[3] : h->pixdim[3], x = h->pixdim[1], y = h->pixdim[2];
    if (!isfinite(a) || a < -1e-6 || !(x > 0) || !(y > 0) || z == 0 || !isfinite(x * y * z))
        return err_set(e, ERR_INPUT, "%s: the qform (quaternion %g %g %g, voxels %g × %g × %g) is no rotation of voxels", path, b, c, d, x, y, h->pixdim[3]);
    if (a < 1e-7) { /* a half turn: the three others alone, scaled to length 1 */
        double length = sqrt(b * b + c * c + d * d);
        a = 0;
        b /= length, c /= length, d /= length;
    } else a = sqrt(a);
    const double rotation[9] = { a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c),
                                 2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b),
                                 2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c };
    const double size[3] = { x, y, z };
    for (int row = 0; row < 3; row++) {
        for (int column = 0; column < 3; column++) s->affine[4 * row + column] = rotation[3 * row + column] * size[column];
        s->affine[4 * row + 3] = h->qoffset[row];
    }
    return 0;
}

static int set_space(volume *v, const header *h, err *e)
{
    space *s = &v->space;
    if (h->sform > 0) {
        s->from = SPACE_SFORM;
        memcpy(s->affine, h->srow, sizeof s->affine);
    } else if (h->qform > 0) {
        s->from = SPACE_QFORM;
        if (set_qform(s, h, v->path, e)) return -1;
    } else {
        s->from = SPACE_NONE;
        for (int k = 0; k < 3; k++) s->affine[5 * k] = h->pixdim[k + 1] > 0 && isfinite(h->pixdim[k + 1]) ? h->pixdim[k + 1] : 1;
    }
    for (int k = 0; k < 12; k++)
        if (!isfinite(s->affine[k])) return err_set(e, ERR_INPUT, "%s: the affine (%s) holds %g", v->path, s->from == SPACE_SFORM ? "sform" : "qform", s->affine[k]);
    return 0;
}

static void set_time(volume *v, const header *h)
{
    double unit = (h->units & 0x38) == 8 ? 1 : (h->units & 0x38) == 16 ? 1e-3 : (h->units & 0x38) == 24 ? 1e-6 : NAN;
    double step = h->pixdim[4] * unit;
    v->tr_s = v->count > 1 && step > 0 && isfinite(step) ? step : NAN;
    for (int k = 0; k < 4; k++) v->zooms[k] = h->pixdim[k + 1];
}

/* ---- opening ---- */

static int read_header(volume *v, zstream *z, header *h, size_t *read, err *e)
{
    uint8_t bytes[540];
    if (zstream_read(z, bytes, 348, e)) return err_while(e, "reading the NIfTI header of %s", v->path);
    raw_header r = { bytes, false };
    int64_t size = whole(&r, 0, 4);
    if (size != 348 && size != 540) {
        r.swap = v->number.swap = true;
        size = whole(&r, 0, 4);
    }
    *read = 348;
    if (size == 348) header_one(h, &r);
    else if (size == 540) {
        if (zstream_read(z, bytes + 348, 540 - 348, e)) return err_while(e, "reading the NIfTI-2 header of %s", v->path);
        *read = 540;
        header_two(h, &r);
    } else return err_set(e, ERR_INPUT, "%s is no NIfTI file: sizeof_hdr is neither 348 nor 540 in either byte order", v->path);
    return 0;
}

/* Whether the voxels follow in this file: "n+1", "n+2"; or in an .img: "ni1", "ni2". */
static int check_magic(const volume *v, const header *h, size_t read, bool *single, err *e)
{
    char one = read == 348 ? '1' : '2';
    *single = h->magic[1] == '+';
    if (h->magic[0] == 'n' && (*single || h->magic[1] == 'i') && h->magic[2] == one && h->magic[3] == 0) return 0;
    err_set(e, ERR_INPUT, "%s has no magic word of NIfTI", v->path);
    return err_hint(e, "ANALYZE 7.5 headers look so: they do not say where left is, convert the image to NIfTI first");
}

static int open_image(volume *v, zstream **z, const char *path, err *e)
{
    size_t n = strlen(path);
    bool packed = str_ends(path, ".hdr.gz");
    char *other = mem_text(path, e);
    if (!other) return -1;
    if (!packed && !str_ends(path, ".hdr")) {
        err_set(e, ERR_INPUT, "%s: its voxels are in a file of their own, but its name does not end in .hdr", path);
        free(other);
        return -1;
    }
    memcpy(other + n - (packed ? 6 : 3), "img", 3);
    if (packed && !file_exists(other)) other[n - 3] = 0;
    zstream_close(*z);
    *z = NULL;
    int status = zstream_open(z, other, e);
    if (status) err_while(e, "looking for the voxels of %s", v->path);
    free(other);
    return status;
}

static int find_voxels(volume *v, zstream **z, const header *h, size_t read, err *e)
{
    bool single;
    size_t bytes, end;
    if (check_magic(v, h, read, &single, e)) return -1;
    double least = single ? (double)read + 4 : 0;
    if (!(h->offset >= least && h->offset < 9e15 && floor(h->offset) == h->offset))
        return err_set(e, ERR_INPUT, "%s: vox_offset is %g, voxels begin at byte %g or later", v->path, h->offset, least);
    if (!single && open_image(v, z, v->path, e)) return -1;
    if (size_mul(v->voxels, v->count, &bytes, e) || size_mul(bytes, v->number.bytes, &bytes, e) || size_add(bytes, (size_t)h->offset, &end, e))
        return err_while(e, "reading the dimensions of %s", v->path);
    if (end > zstream_most(*z))
        return err_set(e, ERR_INPUT, "%s: %zu × %zu × %zu × %zu voxels end at byte %zu, the file %s %zu bytes", v->path, v->space.shape[0],
                       v->space.shape[1], v->space.shape[2], v->count, end, "cannot hold more than", zstream_most(*z));
    return zstream_skip(*z, (size_t)h->offset - (single ? read : 0), e);
}

int volume_open(volume **out, const char *path, err *e)
{
    header h = { 0 };
    size_t read = 0, bytes;
    volume *v = mem_new(1, sizeof *v, e);
    *out = NULL;
    if (!v || !(v->path = mem_text(path, e))) goto failed;
    if (zstream_open(&v->data, path, e) || read_header(v, v->data, &h, &read, e)) goto failed;
    bool single;
    if (check_magic(v, &h, read, &single, e) || set_shape(v, &h, e) || set_numbers(v, &h, e) || set_space(v, &h, e)) goto failed;
    set_time(v, &h);
    if (find_voxels(v, &v->data, &h, read, e) || size_mul(v->voxels, v->number.bytes, &bytes, e)) goto failed;
    if (!(v->raw = mem_new(bytes, 1, e))) goto failed;
    *out = v;
    return 0;
failed:
    volume_close(v);
    return -1;
}

const space *volume_space(const volume *v)
{
    return &v->space;
}

size_t volume_count(const volume *v)
{
    return v->count;
}

double volume_tr(const volume *v)
{
    return v->tr_s;
}

int volume_rank(const volume *v)
{
    return v->rank;
}

void volume_zooms(const volume *v, double zooms[4])
{
    memcpy(zooms, v->zooms, sizeof v->zooms);
}

int volume_next(volume *v, double *out, err *e)
{
    if (v->next == v->count) return err_set(e, ERR_INPUT, "%s has no volume after the last of %zu", v->path, v->count);
    if (zstream_read(v->data, v->raw, v->voxels * v->number.bytes, e)) return err_while(e, "reading volume %zu of %s", v->next, v->path);
    bool scaled = v->slope != 1 || v->intercept != 0;
    for (size_t i = 0; i < v->voxels; i++) {
        double x = number_value(&v->number, v->raw + i * v->number.bytes);
        out[i] = scaled ? x * v->slope + v->intercept : x;
    }
    return ++v->next == v->count ? zstream_end(v->data, e) : 0;
}

void volume_close(volume *v)
{
    if (!v) return;
    zstream_close(v->data);
    free(v->raw);
    free(v->path);
    free(v);
}

int volume_read(space *s, double **out, const char *path, err *e)
{
    volume *v = NULL;
    int status = -1;
    double *data = NULL;
    *out = NULL;
    if (volume_open(&v, path, e)) goto done;
    if (v->count != 1) {
        err_set(e, ERR_INPUT, "%s has %zu volumes, a map of one is expected", path, v->count);
        goto done;
    }
    if (!(data = mem_new(v->voxels, sizeof *data, e)) || volume_next(v, data, e)) goto done;
    *s = v->space;
    *out = data;
    data = NULL;
    status = 0;
done:
    free(data);
    volume_close(v);
    return status;
}

/* ---- writing ---- */

static void put(buffer *b, size_t at, const void *bytes, size_t n)
{
    memcpy(b->at + at, bytes, n);
}

static void put_short(buffer *b, size_t at, int value_of)
{
    int16_t x = (int16_t)value_of;
    put(b, at, &x, sizeof x);
}

static void put_float(buffer *b, size_t at, double value_of)
{
    float x = (float)value_of;
    put(b, at, &x, sizeof x);
}

/* In the byte order of this machine: sizeof_hdr tells. */
static void write_header(buffer *b, const space *s, size_t count, double tr)
{
    int32_t size = 348;
    put(b, 0, &size, sizeof size);
    put_short(b, 40, count > 1 ? 4 : 3);
    for (size_t k = 0; k < 7; k++) put_short(b, 42 + 2 * k, k < 3 ? (int)s->shape[k] : k == 3 ? (int)count : 1);
    put_short(b, 70, 16);
    put_short(b, 72, 32);
    put_float(b, 76, 1);
    for (size_t k = 0; k < 3; k++)
        put_float(b, 80 + 4 * k, sqrt(s->affine[k] * s->affine[k] + s->affine[4 + k] * s->affine[4 + k] + s->affine[8 + k] * s->affine[8 + k]));
    put_float(b, 92, isnan(tr) ? 1 : tr);
    put_float(b, 108, 352);
    b->at[123] = isnan(tr) ? 2 : 2 | 8; /* millimetres, seconds */
    put_short(b, 254, s->from == SPACE_NONE ? 0 : 2);
    for (size_t k = 0; k < 12; k++) put_float(b, 280 + 4 * k, s->affine[k]);
    put(b, 344, "n+1", 4);
}

int volume_write(const char *path, const space *s, const float *data, size_t count, double tr, err *e)
{
    buffer plain = { 0 }, packed = { 0 };
    char nothing[352] = { 0 };
    int status = -1;
    for (size_t k = 0; k < 3; k++)
        if (s->shape[k] > INT16_MAX || count > INT16_MAX) return err_set(e, ERR_INPUT, "%s: NIfTI-1 has no image of %zu × %zu × %zu × %zu voxels", path, s->shape[0], s->shape[1], s->shape[2], count);
    buffer_add(&plain, nothing, sizeof nothing);
    if (buffer_ok(&plain, e)) goto done;
    write_header(&plain, s, count, tr);
    buffer_add(&plain, data, space_voxels(s) * count * sizeof *data);
    if (buffer_ok(&plain, e)) goto done;
    bool pack = str_ends(path, ".gz");
    if (pack && zstream_pack(&packed, plain.at, plain.size, true, e)) goto done;
    status = atomic_write(path, pack ? packed.at : plain.at, pack ? packed.size : plain.size, e);
done:
    free(plain.at);
    free(packed.at);
    return status;
}
