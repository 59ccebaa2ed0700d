/* SPDX-License-Identifier: MIT */
/* Maps of brains: neighbours among voxels, surfaces, maps in files of their own. */
#include "check.h"

#include "broca/num.h"
#include "broca/topography.h"

static void voxels_have_6_18_or_26_neighbours(void **state)
{
    (void)state;
    static const int kinds[] = { 6, 18, 26 }, corner[] = { 3, 6, 7 };
    const size_t shape[3] = { 3, 4, 5 };
    int32_t index[60];
    for (int32_t k = 0; k < 60; k++) index[k] = k;
    for (size_t k = 0; k < 3; k++) {
        graph *g = NULL;
        err e = { 0 };
        assert_int_equal(graph_voxels(&g, index, 60, shape, kinds[k], &e), 0);
        size_t middle = 1 + 3 * (1 + 4 * 2);
        assert_int_equal(g->begin[1], corner[k]);
        assert_int_equal(g->begin[middle + 1] - g->begin[middle], kinds[k]);
        for (size_t i = 0; i < 60; i++) /* there and back, no further than a step */
            for (size_t j = g->begin[i]; j < g->begin[i + 1]; j++) {
                size_t o = g->to[j];
                assert_true(labs((long)(o % 3) - (long)(i % 3)) <= 1 && labs((long)(o / 12) - (long)(i / 12)) <= 1);
            }
        graph_free(g);
    }
}

static void voxels_outside_of_the_mask_are_no_neighbours(void **state)
{
    (void)state;
    const size_t shape[3] = { 5, 1, 1 };
    const int32_t index[] = { 4, 0, 1 }, twice[] = { 2, 2, 1 }, beyond[] = { 5, 0, 1 };
    graph *g = NULL;
    err e = { 0 };
    assert_int_equal(graph_voxels(&g, index, 3, shape, 6, &e), 0);
    assert_true(g->begin[1] == 0 && g->begin[2] == 1 && g->to[0] == 2);
    graph_free(g);
    assert_int_equal(graph_voxels(&g, twice, 3, shape, 6, &e), -1);
    assert_says(e, "units 0 and 1 are both voxel 2");
    assert_int_equal(graph_voxels(&g, beyond, 3, shape, 6, &e), -1);
    assert_says(e, "voxel 5 of a grid of 5");
    assert_int_equal(graph_voxels(&g, index, 3, shape, 8, &e), -1);
    assert_says(e, "6, 18 or 26");
}

/* A gradient along x is organised, its values in random places are not; a voxel with NaN is left out. */
static void maps_of_files_are_read_on_their_voxels(void **state)
{
    (void)state;
    space s = { { 8, 7, 6 }, SPACE_SFORM, { 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0 } };
    float data[336];
    topography_data *d = NULL;
    topography *t = NULL;
    graph *g = NULL;
    err e = { 0 };
    for (size_t k = 0; k < 336; k++) data[k] = (float)(k % 8) - 3.25f;
    data[0] = 0; /* outside */
    data[100] = NAN;
    const char *path = test_path("gradient.nii.gz"), *paths[] = { path };
    assert_int_equal(volume_write(path, &s, data, 1, NAN, &e), 0);
    assert_int_equal(topography_maps(&d, paths, 1, &e), 0);
    assert_int_equal(d->taps[0].d, 334);
    assert_string_equal(d->taps[0].name, "gradient");
    assert_int_equal(d->index[0], 1);
    assert_int_equal(topography_voxels(&g, d, 26, &e), 0);
    topography_options o = topography_defaults();
    o.weights = WEIGHTS_MESH;
    o.mesh = g;
    o.permutations = 99;
    o.threshold = 3;
    assert_int_equal(topography_analyse(&t, d->taps, 1, NULL, &o, &e), 0);
    assert_true(t->taps[0].unsmoothed.value.I > .7 && t->taps[0].unsmoothed.null.p == .01);
    assert_true(fabs(t->taps[0].unsmoothed.null.mean) < .03);
    topography_free(t);
    graph_free(g);
    topography_data_free(d);
}

/* A square of two triangles, and a vertex of no face. */
static const char surface[] =
    "<GIFTI Version=\"1.0\" NumberOfDataArrays=\"2\"><DataArray Intent=\"NIFTI_INTENT_POINTSET\" DataType=\"NIFTI_TYPE_FLOAT32\" "
    "ArrayIndexingOrder=\"RowMajorOrder\" Dimensionality=\"2\" Dim0=\"5\" Dim1=\"3\" Encoding=\"ASCII\" Endian=\"LittleEndian\">"
    "<Data>0 0 0 1 0 0 1 1 0 0 1 0 9 9 9</Data></DataArray><DataArray Intent=\"NIFTI_INTENT_TRIANGLE\" DataType=\"NIFTI_TYPE_INT32\" "
    "ArrayIndexingOrder=\"RowMajorOrder\" Dimensionality=\"2\" Dim0=\"2\" Dim1=\"3\" Encoding=\"ASCII\" Endian=\"LittleEndian\">"
    "<Data>0 1 2 0 2 3</Data></DataArray></GIFTI>";

static const char *own_map(const char *name, const char *values)
{
    char text[1024];
    snprintf(text, sizeof text,
             "<GIFTI Version=\"1.0\" NumberOfDataArrays=\"1\"><DataArray Intent=\"NIFTI_INTENT_TTEST\" DataType=\"NIFTI_TYPE_FLOAT32\" "
             "ArrayIndexingOrder=\"RowMajorOrder\" Dimensionality=\"1\" Dim0=\"5\" Encoding=\"ASCII\" Endian=\"LittleEndian\"><Data>%s</Data>"
             "</DataArray></GIFTI>",
             values);
    return test_write(name, text);
}

static void a_vertex_with_a_value_and_without_a_face_is_an_error(void **state)
{
    (void)state;
    char mesh[256];
    topography_data *d = NULL;
    graph *g = NULL;
    err e = { 0 };
    snprintf(mesh, sizeof mesh, "%s", test_write("square.surf.gii", surface));
    const char *good = own_map("good.func.gii", "1 2 3.5 4 NaN"), *paths[] = { good };
    assert_int_equal(topography_maps(&d, paths, 1, &e), 0);
    assert_int_equal(topography_surface(&g, d, mesh, &e), 0); /* without a value it is the medial wall */
    assert_int_equal(graph_isolated(g), 1);
    assert_int_equal(g->begin[5], 10);
    graph_free(g);
    topography_data_free(d);
    paths[0] = own_map("bad.func.gii", "1 2 3.5 4 5");
    assert_int_equal(topography_maps(&d, paths, 1, &e), 0);
    assert_int_equal(topography_surface(&g, d, mesh, &e), -1);
    assert_says(e, "1 vertices with a value in map bad lie in no face, the first is 4");
    topography_data_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(voxels_have_6_18_or_26_neighbours),
        cmocka_unit_test(voxels_outside_of_the_mask_are_no_neighbours),
        cmocka_unit_test(maps_of_files_are_read_on_their_voxels),
        cmocka_unit_test(a_vertex_with_a_value_and_without_a_face_is_an_error),
    };
    log_start(&(log_options){ .quiet = true, .stage = "test" });
    threads_start(0);
    blas_start();
    return cmocka_run_group_tests(tests, NULL, test_clean);
}
