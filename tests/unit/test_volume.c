/* SPDX-License-Identifier: MIT */
/* Images and arrays of others: every file of the mirror's formats folder is read or refused as stated there; own small files are
 * damaged byte by byte and never crash a reader. */
#include <hdf5.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "broca/store.h"
#include "broca/volume.h"

static char folder[128], formats[1024];

static const char *in_folder(const char *name)
{
    static char path[2][512];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static void need_formats(void)
{
    if (*formats) return;
    print_message("no ../shared/data/formats (BROCA_SHARED names another place)\n");
    skip();
}

/* A dataset of any rank as doubles, or NULL. */
static double *expected(hid_t file, const char *name, size_t *n)
{
    hid_t d = H5Lexists(file, name, H5P_DEFAULT) > 0 ? H5Dopen2(file, name, H5P_DEFAULT) : -1;
    if (d < 0) return NULL;
    hid_t s = H5Dget_space(d);
    *n = (size_t)H5Sget_simple_extent_npoints(s);
    double *out = calloc(*n + 1, sizeof *out);
    assert_true(*n == 0 || H5Dread(d, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0);
    H5Sclose(s);
    H5Dclose(d);
    return out;
}

static void expected_text(char text[64], hid_t group, const char *name)
{
    hid_t a = H5Aopen(group, name, H5P_DEFAULT), type = H5Aget_type(a);
    char *value = NULL;
    assert_true(H5Aread(a, type, &value) >= 0);
    snprintf(text, 64, "%s", value);
    free(value);
    H5Tclose(type);
    H5Aclose(a);
}

typedef void (*visitor)(hid_t file, const char *name);
static size_t each_group(const char *kind, visitor see)
{
    char path[1200], name[256];
    H5G_info_t info;
    snprintf(path, sizeof path, "%s/%s/expected.h5", formats, kind);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(file >= 0);
    assert_true(H5Gget_info(file, &info) >= 0);
    for (hsize_t k = 0; k < info.nlinks; k++) {
        H5Lget_name_by_idx(file, ".", H5_INDEX_NAME, H5_ITER_INC, k, name, sizeof name, H5P_DEFAULT);
        see(file, name);
    }
    H5Fclose(file);
    return (size_t)info.nlinks;
}

static void close_to(const char *file, size_t at, double got, double want, double relative)
{
    if (isnan(want) && isnan(got)) return;
    if (got == want || fabs(got - want) <= relative * fabs(want)) return;
    fail_msg("%s: value %zu is %.17g, expected %.17g", file, at, got, want);
}

/* ---- NIfTI ---- */

static void compare_voxels(volume *v, const char *name, const double *want)
{
    const space *s = volume_space(v);
    size_t ni = s->shape[0], nj = s->shape[1], nk = s->shape[2], nt = volume_count(v);
    double *got = calloc(ni * nj * nk, sizeof *got), relative = strstr(name, "scaled") || strstr(name, "bold") ? 1e-6 : 0;
    err e = { 0 };
    for (size_t t = 0; t < nt; t++) {
        if (volume_next(v, got, &e)) fail_msg("%s", err_text(&e));
        for (size_t i = 0; i < ni; i++)
            for (size_t j = 0; j < nj; j++)
                for (size_t k = 0; k < nk; k++) {
                    size_t at = ((i * nj + j) * nk + k) * nt + t;
                    close_to(name, at, got[i + ni * (j + nj * k)], want[at], relative);
                }
    }
    assert_int_equal(volume_next(v, got, &e), -1);
    free(got);
}

static void see_nifti(hid_t file, const char *name)
{
    char path[1200], from[64];
    size_t n;
    err e = { 0 };
    volume *v = NULL;
    snprintf(path, sizeof path, "%s/nifti/%s", formats, name);
    if (str_same(name, "analyze75.img")) memcpy(strrchr(path, '.'), ".hdr", 4);
    hid_t group = H5Gopen2(file, name, H5P_DEFAULT);
    double *want = expected(group, "data", &n), *affine = expected(group, "affine", &n), *zooms = expected(group, "zooms", &n), got[4];
    if (!affine) { /* to be refused */
        assert_int_equal(volume_open(&v, path, &e), -1);
        assert_int_equal(e.kind, ERR_INPUT);
        assert_non_null(strstr(e.text, path));
        goto done;
    }
    if (volume_open(&v, path, &e)) fail_msg("%s", err_text(&e));
    expected_text(from, group, "affine_from");
    const space *s = volume_space(v);
    assert_int_equal(s->from, str_same(from, "sform") ? SPACE_SFORM : str_same(from, "qform") ? SPACE_QFORM : SPACE_NONE);
    for (size_t k = 0; s->from != SPACE_NONE && k < 12; k++) close_to(name, k, s->affine[k], affine[k] == 0 ? s->affine[k] * 1e-6 : affine[k], 1e-6);
    for (size_t k = 0; s->from != SPACE_NONE && k < 12; k++) assert_true(fabs(s->affine[k] - affine[k]) < 1e-5);
    volume_zooms(v, got);
    assert_int_equal(volume_rank(v), n);
    for (size_t k = 0; k < n; k++) close_to(name, k, got[k], zooms[k], 1e-6);
    if (str_begins(name, "bold")) assert_true(volume_tr(v) == 2);
    else assert_true(isnan(volume_tr(v)));
    compare_voxels(v, name, want);
done:
    H5Gclose(group);
    volume_close(v);
    free(want);
    free(affine);
    free(zooms);
}

static void nifti_files_of_the_mirror_are_read_as_stated(void **state)
{
    (void)state;
    need_formats();
    assert_true(each_group("nifti", see_nifti) >= 30);
}

/* ---- GIFTI ---- */

static void compare_array(const char *name, const gifti_array *a, const double *want, size_t n)
{
    assert_non_null(a);
    assert_int_equal(a->count, n);
    for (size_t k = 0; k < n; k++) close_to(name, k, a->at[k], want[k], 0);
}

static void see_gifti(hid_t file, const char *name)
{
    char path[1200];
    size_t n = 0, m = 0;
    err e = { 0 };
    gifti *g = NULL;
    snprintf(path, sizeof path, "%s/gifti/%s", formats, name);
    if (gifti_read(&g, path, &e)) fail_msg("%s", err_text(&e));
    hid_t group = H5Gopen2(file, name, H5P_DEFAULT);
    double *points = expected(group, "vertices", &n), *faces = expected(group, "triangles", &m), *data, *keys;
    if (points) {
        compare_array(name, gifti_find(g, "NIFTI_INTENT_POINTSET"), points, n);
        compare_array(name, gifti_find(g, "NIFTI_INTENT_TRIANGLE"), faces, m);
    }
    if ((data = expected(group, "data", &n))) {
        size_t each = n / g->n; /* [vertices × arrays] */
        for (size_t k = 0; k < g->n; k++)
            for (size_t i = 0; i < each; i++) close_to(name, i, g->arrays[k].at[i], data[i * g->n + k], 0);
        assert_int_equal(g->arrays[0].count * g->n, n);
    }
    if ((keys = expected(group, "keys", &n))) {
        assert_int_equal(g->n_labels, n);
        for (size_t k = 0; k < n; k++) assert_true((double)g->key[k] == keys[k]);
        assert_string_equal(gifti_label(g, 2), "PostTemp & co");
        assert_null(gifti_label(g, 99));
    }
    assert_true(points || data);
    free(points);
    free(faces);
    free(data);
    free(keys);
    H5Gclose(group);
    gifti_free(g);
}

static void gifti_files_of_the_mirror_are_read_as_stated(void **state)
{
    (void)state;
    need_formats();
    assert_true(each_group("gifti", see_gifti) >= 13);
}

/* ---- npy ---- */

static void see_npy(hid_t file, const char *name)
{
    char path[1200];
    size_t n = 0;
    err e = { 0 };
    npy_array a;
    snprintf(path, sizeof path, "%s/npy/%s.npy", formats, name);
    double *want = expected(file, name, &n);
    if (npy_read(&a, path, &e)) fail_msg("%s", err_text(&e));
    assert_int_equal(a.count, n);
    for (size_t k = 0; k < n; k++) {
        close_to(name, k, a.at[k], want[k], 0);
        assert_true(isnan(want[k]) || signbit(a.at[k]) == signbit(want[k]));
    }
    npy_free(&a);
    free(want);
}

static void npy_files_of_the_mirror_are_read_as_stated(void **state)
{
    static const char *const refused[] = { "refuse_complex.npy", "refuse_object_pickle.npy", "refuse_structured.npy", "refuse_unicode.npy",
                                           "archive.npz" };
    (void)state;
    need_formats();
    assert_true(each_group("npy", see_npy) >= 19);
    for (size_t k = 0; k < sizeof refused / sizeof *refused; k++) {
        char path[1200];
        err e = { 0 };
        npy_array a;
        snprintf(path, sizeof path, "%s/npy/%s", formats, refused[k]);
        assert_int_equal(npy_read(&a, path, &e), -1);
        assert_int_equal(e.kind, ERR_INPUT);
        assert_non_null(strstr(e.text, refused[k]));
    }
}

/* ---- damaged ones ---- */

/* All of a file: header, every volume or array. */
static int read_all(const char *path, err *e)
{
    int status = 0;
    if (str_ends(path, ".gii")) {
        gifti *g = NULL;
        status = gifti_read(&g, path, e);
        gifti_free(g);
    } else if (str_ends(path, ".npy")) {
        npy_array a;
        if (!(status = npy_read(&a, path, e))) npy_free(&a);
    } else {
        volume *v = NULL;
        double *out = NULL;
        if (!(status = volume_open(&v, path, e))) {
            out = mem_new(space_voxels(volume_space(v)), sizeof *out, e);
            for (size_t t = 0; out && !status && t < volume_count(v); t++) status = volume_next(v, out, e);
        }
        free(out);
        volume_close(v);
    }
    return status;
}

static void damaged_files_of_the_mirror_are_refused_by_name(void **state)
{
    (void)state;
    need_formats();
    char path[1200];
    json *list = NULL;
    err e = { 0 };
    size_t seen = 0;
    snprintf(path, sizeof path, "%s/damaged/manifest.json", formats);
    assert_int_equal(json_read(&list, path, 1 << 20, &e), 0);
    for (const json *j = json_first(list); j; j = json_next(j)) {
        const char *name = json_text(json_get(j, "file"), "");
        if (!str_ends(name, ".nii") && !str_ends(name, ".nii.gz") && !str_ends(name, ".hdr") && !str_ends(name, ".gii") && !str_ends(name, ".npy")) continue;
        err one = { 0 };
        snprintf(path, sizeof path, "%s/damaged/%s", formats, name);
        seen++;
        if (str_same(name, "nifti_not_gzip.nii.gz")) { /* reading it is allowed: its first bytes say what it is */
            assert_int_equal(read_all(path, &one), 0);
            continue;
        }
        if (!read_all(path, &one)) fail_msg("%s is read", name);
        if (one.kind != ERR_INPUT || !strstr(one.text, "damaged/")) fail_msg("%s: %s", name, err_text(&one));
    }
    json_free(list);
    assert_true(seen >= 35);
}

/* ---- own files, damaged ---- */

static const char own_gifti[] =
    "<?xml version=\"1.0\"?>\n<!DOCTYPE GIFTI SYSTEM \"http://gifti.projects.nitrc.org/gifti.dtd\">\n"
    "<GIFTI Version=\"1.0\" NumberOfDataArrays=\"2\"><LabelTable><Label Key=\"3\">left &lt;IFG&gt;</Label></LabelTable>"
    "<DataArray Intent=\"NIFTI_INTENT_POINTSET\" DataType=\"NIFTI_TYPE_FLOAT32\" ArrayIndexingOrder=\"RowMajorOrder\" "
    "Dimensionality=\"2\" Dim0=\"4\" Dim1=\"3\" Encoding=\"ASCII\" Endian=\"LittleEndian\"><Data>0 0 0 1 0 0 0 1 0 0 0 1.5</Data></DataArray>"
    "<DataArray Intent=\"NIFTI_INTENT_TRIANGLE\" DataType=\"NIFTI_TYPE_INT32\" ArrayIndexingOrder=\"RowMajorOrder\" Dimensionality=\"2\" "
    "Dim0=\"2\" Dim1=\"3\" Encoding=\"Base64Binary\" Endian=\"LittleEndian\"><Data>AAAAAAEAAAACAAAAAAAAAAIAAAADAAAA</Data></DataArray></GIFTI>\n";

static void make_own(void)
{
    space s = { { 4, 3, 2 }, SPACE_SFORM, { -2, 0, 0, 9, 0, 2, 0, -4, 0, 0, 2, 1 } };
    float data[48];
    err e = { 0 };
    static const char head[] = "\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }          \n";
    char npy[80 + 24] = { 0 };
    for (size_t k = 0; k < 48; k++) data[k] = (float)k * 1.25f - 3;
    assert_int_equal(volume_write(in_folder("own.nii"), &s, data, 2, 1.5, &e), 0);
    assert_int_equal(volume_write(in_folder("own.nii.gz"), &s, data, 1, NAN, &e), 0);
    assert_int_equal(atomic_write(in_folder("own.gii"), own_gifti, strlen(own_gifti), &e), 0);
    memcpy(npy, head, 80);
    memcpy(npy + 80, data, 24);
    assert_int_equal(atomic_write(in_folder("own.npy"), npy, 104, &e), 0);
}

static void own_files_read_back(void **state)
{
    (void)state;
    volume *v = NULL;
    err e = { 0 };
    double out[24], mm[3];
    gifti *g = NULL;
    npy_array a;
    make_own();
    assert_int_equal(volume_open(&v, in_folder("own.nii"), &e), 0);
    assert_int_equal(volume_count(v), 2);
    assert_true(volume_tr(v) == 1.5);
    assert_int_equal(volume_next(v, out, &e), 0);
    assert_int_equal(volume_next(v, out, &e), 0);
    assert_true(out[5] == 29 * 1.25 - 3);
    space_mm(volume_space(v), 1 + 4 * (2 + 3 * 1), mm);
    assert_true(mm[0] == 7 && mm[1] == 0 && mm[2] == 3);
    volume_close(v);
    assert_int_equal(gifti_read(&g, in_folder("own.gii"), &e), 0);
    assert_string_equal(gifti_label(g, 3), "left <IFG>");
    assert_true(gifti_find(g, "NIFTI_INTENT_TRIANGLE")->at[5] == 3);
    gifti_free(g);
    if (npy_read(&a, in_folder("own.npy"), &e)) fail_msg("%s", err_text(&e));
    assert_true(a.rank == 2 && a.dims[1] == 3 && a.at[5] == 5 * 1.25 - 3);
    npy_free(&a);
}

/* Flips, cuts and overwrites bytes by a counter: reading succeeds or gives an error with a name, and never crashes (run under
 * ASan and UBSan by `make asan test`). */
static void damage(const char *name, size_t rounds)
{
    char *bytes = NULL, path[64];
    size_t n = 0, read = 0;
    err e = { 0 };
    assert_int_equal(file_read(&bytes, &n, in_folder(name), 1 << 20, &e), 0);
    char *copy = malloc(n);
    snprintf(path, sizeof path, "damaged.%s", name);
    for (size_t k = 0; k < rounds; k++) {
        size_t length = n;
        err one = { 0 };
        memcpy(copy, bytes, n);
        if (k < n) copy[k] = (char)(copy[k] ^ (1 << k % 8)); /* every byte once */
        else if (k % 4 == 0) length = rng_below(1, 4000, (uint32_t)k, 0, 0, (uint32_t)n);
        else
            for (size_t i = 0; i < k % 4; i++)
                copy[rng_below(1, 4000, (uint32_t)k, 1, (uint32_t)i, (uint32_t)n)] = (char)rng_below(1, 4000, (uint32_t)k, 2, (uint32_t)i, 256);
        FILE *f = fopen(in_folder(path), "wb");
        assert_int_equal(fwrite(copy, 1, length, f), length);
        fclose(f);
        if (!read_all(in_folder(path), &one)) read++;
        else if (!one.kind || !*one.text) fail_msg("%s, round %zu: no error is set", name, k);
    }
    assert_true(read > 0 && read < rounds); /* some bytes matter, some do not */
    free(copy);
    free(bytes);
}

static void damaged_bytes_never_crash_a_reader(void **state)
{
    (void)state;
    make_own();
    damage("own.nii", 900);
    damage("own.nii.gz", 700);
    damage("own.gii", 1600);
    damage("own.npy", 400);
}

/* ---- joining grids ---- */

static void halves_between_grids_go_to_the_even_voxel(void **state)
{
    (void)state;
    space three = { { 4, 1, 1 }, SPACE_SFORM, { 3, 0, 0, 0, 0, 3, 0, 0, 0, 0, 3, 0 } };
    space two = { { 6, 1, 1 }, SPACE_SFORM, { 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0 } };
    size_t at[6];
    err e = { 0 };
    assert_int_equal(space_nearest(at, &three, &two, &e), 0); /* 0, 1.5, 3, 4.5 */
    assert_true(at[0] == 0 && at[1] == 2 && at[2] == 3 && at[3] == 4);
    two.affine[0] = -2; /* x falls with i: only voxel 0 is inside */
    assert_int_equal(space_nearest(at, &three, &two, &e), 0);
    assert_true(at[0] == 0 && at[1] == SIZE_MAX);
}

static void another_grid_without_an_affine_is_an_error(void **state)
{
    (void)state;
    space a = { { 4, 3, 2 }, SPACE_SFORM, { 3, 0, 0, 0, 0, 3, 0, 0, 0, 0, 3, 0 } }, b = a;
    size_t at[24];
    err e = { 0 };
    b.from = SPACE_NONE;
    assert_int_equal(space_nearest(at, &a, &b, &e), 0); /* one shape: voxel by voxel */
    assert_int_equal(at[23], 23);
    b.shape[0] = 5;
    assert_int_equal(space_nearest(at, &a, &b, &e), -1);
    assert_non_null(strstr(e.text, "no affine"));
    b.from = SPACE_SFORM;
    b.affine[0] = 0;
    assert_int_equal(space_nearest(at, &a, &b, &e), -1);
    assert_non_null(strstr(e.text, "cannot be inverted"));
}

int main(void)
{
    const char *shared = getenv("BROCA_SHARED");
    snprintf(formats, sizeof formats, "%.900s/data/formats", shared ? shared : "../shared");
    if (!file_exists(formats)) *formats = 0;
    snprintf(folder, sizeof folder, "/tmp/broca-volume-%d", (int)getpid());
    err e = { 0 };
    folder_make(folder, &e);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nifti_files_of_the_mirror_are_read_as_stated),
        cmocka_unit_test(gifti_files_of_the_mirror_are_read_as_stated),
        cmocka_unit_test(npy_files_of_the_mirror_are_read_as_stated),
        cmocka_unit_test(damaged_files_of_the_mirror_are_refused_by_name),
        cmocka_unit_test(own_files_read_back),
        cmocka_unit_test(damaged_bytes_never_crash_a_reader),
        cmocka_unit_test(halves_between_grids_go_to_the_even_voxel),
        cmocka_unit_test(another_grid_without_an_affine_is_an_error),
    };
    int failures = cmocka_run_group_tests_name("volume", tests, NULL, NULL);
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) ? 1 : failures;
}
