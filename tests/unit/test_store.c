/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "broca/store.h"

static int make(const char *path, err *e)
{
    store *s = NULL;
    const char *const texts[] = { "ŋå", "", "a longer text" };
    float f[600];
    double d[3] = { 2.385, NAN, -1e300 };
    int32_t i[4] = { 1, -2, 3, INT32_MAX };
    int64_t j[2] = { INT64_MIN, 7 };
    uint8_t u[5] = { 0, 1, 2, 254, 255 };
    for (int k = 0; k < 600; k++) f[k] = (float)k * 0.25f;
    if (store_create(&s, path, "stimuli", "{\"a\":1}", e)) return -1;
    if (store_write_f4(s, "tap/h.0", 2, (size_t[]){ 2, 300 }, f, e) || store_write_f8(s, "d", 1, (size_t[]){ 3 }, d, e) ||
        store_write_i4(s, "deep/er/i", 2, (size_t[]){ 2, 2 }, i, e) || store_write_i8(s, "j", 1, (size_t[]){ 2 }, j, e) ||
        store_write_u1(s, "u", 1, (size_t[]){ 5 }, u, e) || store_write_text(s, "t", texts, 3, e) ||
        store_write_f8(s, "empty", 2, (size_t[]){ 0, 7 }, d, e) || store_write_f8(s, "scalar", 0, NULL, d, e) ||
        store_write_f4(s, "cube", 3, (size_t[]){ 5, 6, 20 }, f, e) || store_set_real(s, "d", "tr", 2.5, e) ||
        store_input(s, "model", "m", "model", "00ff", e)) {
        store_close(s);
        return -1;
    }
    return store_commit(s, e);
}

static void every_type_and_shape_comes_back(void **state)
{
    (void)state;
    err e = { 0 };
    store *s = NULL;
    store_shape_t shape;
    float *f;
    double *d, real;
    int32_t *i;
    int64_t *j;
    uint8_t *u;
    char **t, *text;
    size_t n;
    const char *path = test_path("a.h5");
    if (make(path, &e)) fail_msg("%s", err_text(&e));
    assert_int_equal(store_open(&s, path, "stimuli", &e), 0);
    assert_int_equal(store_read_f4(s, "tap/h.0", &f, &n, &e), 0);
    assert_int_equal(n, 600);
    assert_near(f[599], 149.75, 0);
    float column[4];
    assert_int_equal(store_read_columns_f4(s, "tap/h.0", 298, 2, column, &e), 0);
    assert_near(column[2], 149.5, 0);
    assert_int_equal(store_read_f8(s, "d", &d, &n, &e), 0);
    assert_true(isnan(d[1]) && d[0] == 2.385);
    assert_int_equal(store_read_i4(s, "deep/er/i", &i, &n, &e), 0);
    assert_int_equal(i[3], INT32_MAX);
    assert_int_equal(store_read_i8(s, "j", &j, &n, &e), 0);
    assert_true(j[0] == INT64_MIN);
    assert_int_equal(store_read_u1(s, "u", &u, &n, &e), 0);
    assert_int_equal(u[4], 255);
    assert_int_equal(store_read_text(s, "t", &t, &n, &e), 0);
    assert_string_equal(t[0], "ŋå");
    assert_string_equal(t[1], "");
    assert_string_equal(t[2], "a longer text");
    assert_int_equal(store_shape(s, "empty", &shape, &e), 0);
    assert_int_equal(shape.dims[0], 0);
    assert_int_equal(shape.dims[1], 7);
    assert_int_equal(store_shape(s, "cube", &shape, &e), 0);
    assert_int_equal(shape.rank, 3);
    assert_int_equal(store_get_real(s, "d", "tr", &real, &e), 0);
    assert_near(real, 2.5, 0);
    assert_int_equal(store_get_text(s, "/", "inputs", &text, &e), 0);
    assert_string_equal(text, "[{\"role\":\"model\",\"kind\":\"model\",\"sha256\":\"00ff\"}]");
    free(text);
    char **names;
    assert_int_equal(store_list(s, "/", &names, &n, &e), 0);
    assert_string_equal(names[0], "cube");
    free(names);
    assert_true(store_is_group(s, "deep/er"));
    assert_false(store_has(s, "deep/nothing/i"));
    free(f); free(d); free(i); free(j); free(u); free(t);
    store_close(s);
}

static void equal_contents_make_equal_bytes(void **state)
{
    (void)state;
    err e = { 0 };
    sha_hex a, b;
    assert_int_equal(make(test_path("b1.h5"), &e), 0);
    sleep(1); /* times would show */
    assert_int_equal(make(test_path("b2.h5"), &e), 0);
    assert_int_equal(sha_file(test_path("b1.h5"), &a, &e), 0);
    assert_int_equal(sha_file(test_path("b2.h5"), &b, &e), 0);
    assert_string_equal(a.hex, b.hex);
}

static void a_wrong_kind_and_a_missing_dataset_are_named(void **state)
{
    (void)state;
    err e = { 0 };
    store *s = NULL;
    double *d;
    size_t n;
    assert_int_equal(make(test_path("c.h5"), &e), 0);
    assert_int_equal(store_open(&s, test_path("c.h5"), "responses", &e), -1);
    assert_says(e, "a file of kind 'stimuli', expected 'responses'");
    assert_int_equal(store_open(&s, test_path("c.h5"), NULL, &e), 0);
    assert_int_equal(store_read_f8(s, "nothing", &d, &n, &e), -1);
    assert_says(e, "no dataset nothing");
    assert_int_equal(store_read_f8(s, "t", &d, &n, &e), -1);
    assert_says(e, "holds texts");
    store_close(s);
    assert_int_equal(store_open(&s, test_write("text.h5", "not at all"), NULL, &e), -1);
    assert_says(e, "not an HDF5 file");
}

/* Flipped bytes and truncation: an error or the same numbers, never others. (The library itself can crash on some damaged
 * files of other programs; with this layout none of these does.) */
static void damage_never_gives_other_numbers(void **state)
{
    (void)state;
    err e = { 0 };
    char *bytes = NULL;
    size_t n;
    assert_int_equal(make(test_path("d.h5"), &e), 0);
    assert_int_equal(file_read(&bytes, &n, test_path("d.h5"), 1 << 24, &e), 0);
    for (uint32_t k = 0; k < 400; k++) {
        size_t at = rng_below(8, RNG_SPLITS, k, 0, 0, (uint32_t)n), length = k % 4 == 3 ? at : n;
        char old = bytes[at];
        bytes[at] = (char)(old ^ (1 << (k % 8)));
        FILE *f = fopen(test_path("damaged.h5"), "wb");
        fwrite(bytes, 1, length, f);
        fclose(f);
        bytes[at] = old;
        store *s = NULL;
        float *data = NULL;
        size_t count;
        if (store_open(&s, test_path("damaged.h5"), NULL, &e)) continue;
        if (!store_read_f4(s, "tap/h.0", &data, &count, &e)) {
            assert_int_equal(count, 600);
            for (int i = 0; i < 600; i++) assert_near(data[i], i * 0.25, 0);
            free(data);
        }
        store_close(s);
    }
    free(bytes);
}

static void a_product_that_is_not_committed_leaves_nothing(void **state)
{
    (void)state;
    err e = { 0 };
    store *s = NULL;
    assert_int_equal(store_create(&s, test_path("gone.h5"), "scores", NULL, &e), 0);
    store_close(s);
    assert_false(file_exists(test_path("gone.h5")));
    assert_false(file_exists(test_path(".gone.h5.part")));
    assert_false(file_exists(test_path(".gone.h5.lock")));
}

static void a_file_that_another_process_writes_is_locked(void **state)
{
    (void)state;
    err e = { 0 };
    atomic *a = NULL, *b = NULL;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    const char *path = test_path("locked.txt");
    pid_t child = fork();
    if (!child) {
        if (atomic_open(&a, path, &e)) _exit(1);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        pause();
        _exit(0);
    }
    char c;
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_int_equal(atomic_open(&b, path, &e), -1);
    assert_says(e, "is being written by another process");
    assert_int_equal(err_status(&e), 1);
    kill(child, SIGKILL); /* a dead process holds no lock */
    waitpid(child, NULL, 0);
    assert_int_equal(atomic_open(&b, path, &e), 0);
    atomic_abandon(b);
}

static void every_allocation_of_writing_may_fail(void **state)
{
    (void)state;
    for (long n = 1; n < 200; n++) {
        err e = { 0 };
        mem_fail_at(n);
        int status = make(test_path("m.h5"), &e);
        mem_fail_at(0);
        if (!status) return;
        assert_int_equal(e.kind, ERR_MEMORY);
        assert_false(file_exists(test_path("m.h5")));
    }
    fail_msg("writing never succeeded");
}

static void tables_are_read_with_quotes_tabs_and_blanks(void **state)
{
    (void)state;
    err e = { 0 };
    table *t = NULL;
    double x;
    assert_int_equal(table_read(&t, test_write("a.csv", "\xef\xbb\xbfid,\"te,xt\"\r\n1,\"a \"\"b\"\"\"\r\n2, c \r\n"), 0, true, &e), 0);
    assert_int_equal(table_rows(t), 2);
    assert_string_equal(table_name(t, 1), "te,xt");
    assert_string_equal(table_cell(t, 0, 1), "a \"b\"");
    assert_string_equal(table_cell(t, 1, 1), " c ");
    table_free(t);
    assert_int_equal(table_read(&t, test_write("b.tsv", "a\tb\n\"1\t2\nNA\t\n"), 0, true, &e), 0);
    assert_string_equal(table_cell(t, 0, 0), "\"1");
    assert_int_equal(table_number(t, 1, 0, &x, &e), 0);
    assert_true(isnan(x));
    assert_int_equal(table_number(t, 0, 0, &x, &e), -1);
    assert_says(e, "row 1, column 'a': '\"1' is no number");
    table_free(t);
    assert_int_equal(table_read(&t, test_write("c.txt", "  1e0   2\n\n 3\t4 \n"), ' ', false, &e), 0);
    assert_int_equal(table_rows(t), 2);
    assert_int_equal(table_number(t, 1, 1, &x, &e), 0);
    assert_near(x, 4, 0);
    table_free(t);
}

static void bad_tables_are_refused_by_line(void **state)
{
    (void)state;
    err e = { 0 };
    table *t = NULL;
    size_t column;
    assert_int_equal(table_read(&t, test_write("x.csv", "a,b\n1,2\n3\n"), 0, true, &e), -1);
    assert_says(e, "line 3 has 1 cells, the first line has 2");
    assert_int_equal(table_read(&t, test_write("y.csv", "a,b\n1,\"2\n3,4\n"), 0, true, &e), -1);
    assert_int_equal(table_read(&t, test_write("z.csv", "a,a\n1,2\n"), 0, true, &e), -1);
    assert_says(e, "two columns are called 'a'");
    assert_int_equal(table_read(&t, test_write("u.csv", "a\n\xff\n"), 0, true, &e), -1);
    assert_says(e, "UTF-8");
    assert_int_equal(table_read(&t, test_write("e.csv", ""), 0, true, &e), -1);
    assert_int_equal(table_read(&t, test_write("n.csv", "onset,text\n1,2\n"), 0, true, &e), 0);
    assert_int_equal(table_find(t, "onsett", &column, &e), -1);
    assert_says(e, "did you mean 'onset'?");
    table_free(t);
}

static void json_says_where_it_breaks(void **state)
{
    (void)state;
    err e = { 0 };
    json *j = NULL;
    assert_int_equal(json_parse(&j, "{\"a\": [1, 2,, 3]}", 17, "x.json", &e), -1);
    assert_says(e, "x.json: not JSON at byte");
    assert_int_equal(json_parse(&j, "{\"a\": 1} trailing", 17, "x.json", &e), -1);
    assert_int_equal(json_parse(&j, "{\"a\": [1, 2.5], \"b\": null}", 26, "x.json", &e), 0);
    assert_int_equal(json_count(json_get(j, "a")), 2);
    assert_near(json_number(json_next(json_first(json_get(j, "a"))), 0), 2.5, 0);
    assert_true(json_is_null(json_get(j, "b")) && json_is_null(json_get(j, "c")));
    json_free(j);
}

static void a_packed_table_is_read_and_a_damaged_one_named(void **state)
{
    (void)state;
    /* "a,b\n1,2\n" by gzip -n */
    static const unsigned char packed[] = { 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x4b, 0xd4, 0x49, 0xe2, 0x32, 0xd4, 0x31, 0xe2, 0x02, 0x00, 0x7b, 0x07, 0x97, 0x0a, 0x08, 0x00, 0x00, 0x00 };
    char path[512];
    table *t = NULL;
    err e = { 0 };
    double value;
    snprintf(path, sizeof path, "%s", test_path("packed.csv.gz"));
    assert_int_equal(atomic_write(path, packed, sizeof packed, &e), 0);
    assert_int_equal(table_read(&t, path, 0, true, &e), 0);
    assert_int_equal(table_rows(t), 1);
    assert_int_equal(table_number(t, 0, 1, &value, &e), 0);
    assert_true(value == 2);
    table_free(t);
    assert_int_equal(atomic_write(path, packed, sizeof packed - 9, &e), 0);
    assert_int_equal(table_read(&t, path, 0, true, &e), -1);
    assert_non_null(strstr(err_text(&e), "damaged gzip data"));
    err_clear(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_and_shape_comes_back),
        cmocka_unit_test(equal_contents_make_equal_bytes),
        cmocka_unit_test(a_wrong_kind_and_a_missing_dataset_are_named),
        cmocka_unit_test(damage_never_gives_other_numbers),
        cmocka_unit_test(a_product_that_is_not_committed_leaves_nothing),
        cmocka_unit_test(a_file_that_another_process_writes_is_locked),
        cmocka_unit_test(every_allocation_of_writing_may_fail),
        cmocka_unit_test(tables_are_read_with_quotes_tabs_and_blanks),
        cmocka_unit_test(bad_tables_are_refused_by_line),
        cmocka_unit_test(a_packed_table_is_read_and_a_damaged_one_named),
        cmocka_unit_test(json_says_where_it_breaks),
    };
    return cmocka_run_group_tests(tests, NULL, test_clean);
}
