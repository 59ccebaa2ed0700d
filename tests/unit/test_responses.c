/* SPDX-License-Identifier: MIT */
#include "check.h"

#include "broca/responses.h"

static void a_table_gives_neuroids_by_subject_and_region(void **state)
{
    (void)state;
    err e = { 0 };
    responses *r = NULL;
    const char *path = test_write("r.csv", "id,group,anna:IFG,anna:PTL,ben:IFG\ni1,g,1.5,2,3\ni2,g,4,NaN,6\n");
    assert_int_equal(responses_from_table(&r, &(table_source){ .path = path }, NULL, NAN, &e), 0);
    assert_int_equal(r->n, 2);
    assert_int_equal(r->v, 3);
    assert_string_equal(r->subject[2], "ben");
    assert_string_equal(r->roi[1], "PTL");
    assert_int_equal(r->index[1], 1);
    assert_int_equal(r->index[2], 0);
    assert_near(r->data[0], 1.5, 0);
    assert_true(isnan(r->data[4]));
    responses_free(r);
}

static void a_time_series_without_onsets_is_refused(void **state)
{
    (void)state;
    err e = { 0 };
    responses *r = NULL;
    assert_int_equal(responses_from_table(&r, &(table_source){ .path = test_write("r2.csv", "id,v\na,1\nb,2\n") }, NULL, 2, &e), -1);
    assert_says(e, "needs a column onset");
}

static void a_cell_that_is_no_number_is_named(void **state)
{
    (void)state;
    err e = { 0 };
    responses *r = NULL;
    assert_int_equal(responses_from_table(&r, &(table_source){ .path = test_write("r3.csv", "id,v\na,1\nb,two\n") }, NULL, NAN, &e), -1);
    assert_says(e, "row 2, column 'v': 'two' is no number");
}

static void responses_come_back_from_a_file_with_confounds_and_exclusions(void **state)
{
    (void)state;
    err e = { 0 };
    store *s = NULL;
    responses *q = NULL, *r = responses_make(3, 2, &e);
    confound c[2] = { { "motion", "s1", 2, (double[]){ 1, 2, 3, 4, 5, 6 } }, { "drift", NULL, 1, (double[]){ 7, 8, 9 } } };
    r->confounds = c;
    r->n_confounds = 2;
    r->tr = 2;
    r->onset = (double[]){ 20, 22, 24 };
    for (size_t i = 0; i < 3; i++) r->id[i] = (char *)(i == 0 ? "a" : i == 1 ? "b" : "c");
    assert_int_equal(responses_label(r, 0, "s1", "IFG", 0, &e), 0);
    assert_int_equal(responses_label(r, 1, "s2", "IFG", 0, &e), 0);
    assert_int_equal(responses_exclude(r, "s33", "all 0", &e), 0);
    r->data[5] = 2.385f;
    assert_int_equal(store_create(&s, test_path("r.h5"), "responses", NULL, &e), 0);
    assert_int_equal(responses_put(s, r, &e), 0);
    assert_int_equal(store_commit(s, &e), 0);
    assert_int_equal(responses_read(&q, test_path("r.h5"), &e), 0);
    assert_near(q->tr, 2, 0);
    assert_near(q->data[5], 2.385, 1e-6);
    assert_int_equal(q->n_confounds, 2);
    for (size_t i = 0; i < 2; i++) {
        const confound *got = &q->confounds[i];
        if (str_same(got->name, "motion")) {
            assert_string_equal(got->subject, "s1");
            assert_near(got->at[5], 6, 0);
        } else {
            assert_null(got->subject);
            assert_near(got->at[2], 9, 0);
        }
    }
    assert_string_equal(q->excluded[0], "s33");
    assert_string_equal(q->reason[0], "all 0");
    responses_free(q);
    responses_free(r);
}

/* Two runs of 2 and 3 rows, one motion parameter: values, steps within runs, squares of both. */
static void motion24_has_steps_within_runs_and_squares(void **state)
{
    (void)state;
    static const int32_t run[] = { 1, 1, 2, 2, 2 };
    static const double motion[] = { 2.385, 3, -1, 0.5, 4 }, step[] = { 0, 0.615, 0, 1.5, 3.5 };
    err e = { 0 };
    responses *r = responses_make(5, 1, &e);
    memcpy(r->run, run, sizeof run);
    r->confounds = arena_get(r->memory, sizeof *r->confounds, &e);
    r->confounds[0] = (confound){ .name = "motion", .k = 1, .at = arena_get(r->memory, sizeof motion, &e) };
    memcpy(r->confounds[0].at, motion, sizeof motion);
    r->n_confounds = 1;
    assert_int_equal(responses_derive_confound(r, "rotation24", &e), 0);
    assert_int_equal(r->n_confounds, 1);
    assert_int_equal(responses_derive_confound(r, "motion24", &e), 0);
    assert_int_equal(r->n_confounds, 2);
    const confound *c = &r->confounds[1];
    assert_string_equal(c->name, "motion24");
    assert_int_equal(c->k, 4);
    for (int i = 0; i < 5; i++) {
        assert_near(c->at[4 * i], motion[i], 0);
        assert_near(c->at[4 * i + 1], step[i], 1e-12);
        assert_near(c->at[4 * i + 2], motion[i] * motion[i], 0);
        assert_near(c->at[4 * i + 3], step[i] * step[i], 1e-12);
    }
    responses_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(motion24_has_steps_within_runs_and_squares),
        cmocka_unit_test(a_table_gives_neuroids_by_subject_and_region),
        cmocka_unit_test(a_time_series_without_onsets_is_refused),
        cmocka_unit_test(a_cell_that_is_no_number_is_named),
        cmocka_unit_test(responses_come_back_from_a_file_with_confounds_and_exclusions),
    };
    return cmocka_run_group_tests(tests, NULL, test_clean);
}
