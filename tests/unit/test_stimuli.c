/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "check.h"

#include "broca/stimuli.h"

#define HEAD "File type = \"ooTextFile\"\nObject class = \"TextGrid\"\n\nxmin = 0\nxmax = 9\ntiers? <exists>\nsize = 1\nitem []:\n" \
    "    item [1]:\n        class = \"IntervalTier\"\n        name = \"word\"\n        xmin = 0\n        xmax = 9\n"

static const char *interval(int i, double a, double b, const char *label)
{
    static char text[16][256];
    snprintf(text[i], sizeof text[i], "        intervals [%d]:\n            xmin = %g\n            xmax = %g\n            text = \"%s\"\n",
             i, a, b, label);
    return text[i];
}

static const char *grid(const char *name, int n, const char *const *parts)
{
    char all[4096];
    snprintf(all, sizeof all, "%s        intervals: size = %d\n", HEAD, n);
    for (int i = 0; parts[i]; i++) strcat(all, parts[i]);
    return test_write(name, all);
}

static void clitics_are_joined_to_their_host_and_pauses_are_no_words(void **state)
{
    (void)state;
    err e = { 0 };
    stimuli *x = NULL;
    const char *parts[] = { interval(1, 0, 1, "sp"), interval(2, 1, 1.5, "what "), interval(3, 1.5, 1.75, "'s"),
                            interval(4, 1.75, 2, ""), interval(5, 2, 3, "up"), interval(6, 3, 3.25, "n't"), NULL };
    assert_int_equal(stimuli_from_textgrid(&x, grid("a.TextGrid", 6, parts), "story", &e), 0);
    assert_int_equal(x->words, 2);
    assert_string_equal(x->text[0], "what's upn't");
    assert_near(x->word_onset[0], 1, 0);
    assert_near(x->word_offset[0], 1.75, 0);
    assert_near(x->word_offset[1], 3.25, 0);
    assert_int_equal(x->word_begin[1], 7);
    assert_int_equal(x->word_end[1], 12);
    stimuli_free(x);
}

static void a_clitic_after_a_pause_stays_a_word(void **state)
{
    (void)state;
    err e = { 0 };
    stimuli *x = NULL;
    const char *parts[] = { interval(1, 0, 1, "tree"), interval(2, 1, 2, "sp"), interval(3, 2, 3, "'tis"), NULL };
    assert_int_equal(stimuli_from_textgrid(&x, grid("b.TextGrid", 3, parts), "story", &e), 0);
    assert_int_equal(x->words, 2);
    stimuli_free(x);
}

static void overlapping_intervals_are_refused_with_both_names(void **state)
{
    (void)state;
    err e = { 0 };
    stimuli *x = NULL;
    const char *parts[] = { interval(1, 0, 1.5, "down"), interval(2, 1.25, 2, "under"), NULL };
    assert_int_equal(stimuli_from_textgrid(&x, grid("c.TextGrid", 2, parts), "story", &e), -1);
    assert_says(e, "'down' ends at 1.5000 s, 'under' begins at 1.2500 s");
    assert_int_equal(err_status(&e), 2);
}

static void a_textgrid_cut_short_is_refused(void **state)
{
    (void)state;
    err e = { 0 };
    stimuli *x = NULL;
    const char *parts[] = { interval(1, 0, 1.5, "down"), NULL };
    assert_int_equal(stimuli_from_textgrid(&x, grid("d.TextGrid", 2, parts), "story", &e), -1);
    assert_says(e, "2 intervals are announced, 1 are there");
}

static void a_table_keeps_every_column_and_comes_back_from_a_file(void **state)
{
    (void)state;
    err e = { 0 };
    stimuli *x = NULL, *y = NULL;
    store *s = NULL;
    const char *path = test_write("t.csv", "id,text,condition,group,run,plausible\na1,\"Yes, it is\",S,g1,2,0.5\na2,ŋå né,N,g2,2,0.7\n");
    assert_int_equal(stimuli_from_table(&x, &(table_source){ .path = path }, NULL, &e), 0);
    assert_int_equal(x->n, 2);
    assert_string_equal(x->text[0], "Yes, it is");
    assert_int_equal(x->n_extra, 1);
    assert_int_equal(store_create(&s, test_path("s.h5"), "stimuli", NULL, &e), 0);
    assert_int_equal(stimuli_put(s, x, &e), 0);
    assert_int_equal(store_commit(s, &e), 0);
    assert_int_equal(stimuli_read(&y, test_path("s.h5"), &e), 0);
    assert_string_equal(y->text[1], "ŋå né");
    assert_string_equal(y->group[1], "g2");
    assert_int_equal(y->run[0], 2);
    assert_string_equal(y->extra[0].name, "plausible");
    assert_string_equal(y->extra[0].value[1], "0.7");
    assert_int_equal(stimuli_find(y, "a2"), 1);
    assert_true(stimuli_find(y, "a3") == SIZE_MAX);
    stimuli_free(x);
    stimuli_free(y);
}

static void any_column_may_hold_the_text_or_the_condition(void **state)
{
    (void)state;
    err e = { 0 };
    stimuli *x = NULL;
    const char *const rename[] = { "text=word" };
    const table_source source = { .rename = rename, .n_rename = 1, .path = test_write("m.csv", ",word,category,class\n0,dog,concrete,noun\n1,think,abstract,verb\n") };
    assert_int_equal(stimuli_from_table(&x, &source, NULL, &e), 0);
    assert_string_equal(x->text[1], "think");
    assert_int_equal(x->n_extra, 3);
    assert_string_equal(x->extra[0].name, "column1");
    assert_null(x->condition);
    assert_int_equal(stimuli_use_condition(x, "class", &e), 0);
    assert_string_equal(x->condition[1], "verb");
    assert_int_equal(stimuli_use_condition(x, "condition", &e), 0);
    assert_int_equal(stimuli_use_condition(x, "clas", &e), -1);
    assert_says(e, "no column 'clas'; beside condition there are: column1 category class");
    stimuli_free(x);
}

/* The ten tables, two rows each; the last row of the last one is given. */
static const char *localizer(const char *last)
{
    char name[64], text[600];
    for (int k = 0; k < 10; k++) {
        snprintf(name, sizeof name, "langloc_fmri_run%d_stim_set%d.csv", k / 5 + 1, k % 5 + 1);
        snprintf(text, sizeof text,
                 "stim1,stim2,stim3,stim4,stim5,stim6,stim7,stim8,stim9,stim10,stim11,stim12,stim13,stim14\n"
                 "1,THE,DOG,THAT,WE,SAW,RAN,OVER,A,HILL,TO,ITS,OWNER%d,S\n%s\n",
                 k, k == 9 ? last : "1,BLA,FRO,TIV,MUP,SOG,DAF,REB,LIT,NUX,VOM,GAP,SEF,N");
        test_write(name, text);
    }
    static char folder[512];
    snprintf(folder, sizeof folder, "%s", test_path("langloc_fmri_run1_stim_set1.csv"));
    *strrchr(folder, '/') = 0;
    return folder;
}

static void the_published_localizer_is_read_from_its_ten_tables(void **state)
{
    (void)state;
    err e = { 0 };
    stimuli *x = NULL;
    assert_int_equal(stimuli_from_langloc(&x, localizer("2,BLA,FRO,TIV,MUP,SOG,DAF,REB,LIT,NUX,VOM,GAP,SEF,N"), &e), 0);
    assert_int_equal(x->n, 20);
    assert_string_equal(x->text[2], "the dog that we saw ran over a hill to its owner1");
    assert_string_equal(x->id[19], "run2.set5.N2");
    assert_string_equal(x->condition[18], "S");
    assert_string_equal(x->extra[0].value[19], "run2.set5");
    stimuli_free(x);
    assert_int_equal(stimuli_from_langloc(&x, localizer("2,BLA,FRO,TIV,MUP,SOG,DAF,REB,LIT,NUX,VOM,GAP,SEF,W"), &e), -1);
    assert_says(e, "row 2: condition 'W', expected S or N");
    assert_int_equal(stimuli_from_langloc(&x, localizer("2,BLA,FRO,,MUP,SOG,DAF,REB,LIT,NUX,VOM,GAP,SEF,N"), &e), -1);
    assert_says(e, "row 2: word 3 is empty");
    assert_int_equal(stimuli_from_langloc(&x, localizer("1,BLA,FRO,TIV,MUP,SOG,DAF,REB,LIT,NUX,VOM,GAP,SEF,S"), &e), -1);
    assert_says(e, "run2.set5.S1 occurs twice");
}

static void ids_that_stand_twice_are_refused(void **state)
{
    (void)state;
    err e = { 0 };
    stimuli *x = NULL;
    assert_int_equal(stimuli_from_table(&x, &(table_source){ .path = test_write("u.csv", "id,text\na,one\nb,two\na,three\n") }, NULL, &e), -1);
    assert_says(e, "the id 'a' stands twice");
}

static void words_are_placed_in_their_items_text_in_order(void **state)
{
    (void)state;
    err e = { 0 };
    stimuli *x = NULL;
    const char *items = test_write("i.csv", "id,text\nt,the cat the dog\n");
    const char *words = test_write("w.tsv", "item\tword\tonset\toffset\nt\tthe\t0\t1\nt\tcat\t1\t2\nt\tthe\t2\t3\nt\tdog\t3\t4\n");
    assert_int_equal(stimuli_from_table(&x, &(table_source){ .path = items }, words, &e), 0);
    assert_int_equal(x->word_begin[2], 8);
    stimuli_free(x);
    words = test_write("w2.tsv", "item\tword\tonset\toffset\nt\tdog\t0\t1\nt\tcat\t1\t2\n");
    assert_int_equal(stimuli_from_table(&x, &(table_source){ .path = items }, words, &e), -1);
    assert_says(e, "row 2: 'cat' does not occur in what is left");
}

static void word_features_count_words_and_letters(void **state)
{
    (void)state;
    err e = { 0 };
    stimuli *x = NULL;
    float rate[2], letters[2];
    const char *path = test_write("words.tsv", "word\tonset\toffset\ttext\ndont\t0\t1\tDon't,\nwell\t1.5\t2\twell!\n");
    assert_int_equal(stimuli_from_words(&x, path, "story", &e), 0);
    assert_string_equal(x->text[0], "Don't, well!");
    assert_int_equal(stimuli_word_feature(x, "word_rate", rate, &e), 0);
    assert_int_equal(stimuli_word_feature(x, "word_letters", letters, &e), 0);
    assert_near(rate[0] + rate[1], 2, 0);
    assert_near(letters[0], 5, 0);
    assert_near(letters[1], 4, 0);
    assert_int_equal(stimuli_word_feature(x, "word_rat", rate, &e), -1);
    assert_says(e, "did you mean 'word_rate'?");
    stimuli_free(x);
}

/* b: a word of a replaced, in another order and case; d: a with a word more; e: d's neighbour, so of the same chain; c is two
 * words away from all. */
static void items_alike_but_for_one_word_share_a_group(void **state)
{
    (void)state;
    stimuli *x = NULL;
    size_t joined = 0;
    err e = { 0 };
    const char *path = test_write("similar.csv", "id,text,group\na,The old dog sat down.,1\nb,\"sat down the OLD, cat\",2\n"
                                                 "c,The red cow ran down,3\nd,the old dog sat down there,4\n"
                                                 "e,the old dog sat right there,5\nf,Go,6\ng,Stay,7\n");
    assert_int_equal(stimuli_from_table(&x, &(table_source){ .path = path }, NULL, &e), 0);
    assert_int_equal(stimuli_group_similar(x, &joined, &e), 0);
    static const char *const expected[] = { "a", "a", "c", "a", "a", "f", "g" };
    for (size_t i = 0; i < x->n; i++) assert_string_equal(x->group[i], expected[i]);
    assert_int_equal(joined, 4);
    stimuli_free(x);
}

static void a_users_headers_are_given_our_names(void **state)
{
    (void)state;
    static const char *const rename[] = { "id=item_id", "text=sentence" }, *const twice[] = { "id=sentence" }, *const none[] = { "id=itm" };
    stimuli *x = NULL;
    err e = { 0 };
    const char *path = test_write("renamed.csv", "item_id,sentence,id2\nB.1,one,q\n");
    assert_int_equal(stimuli_from_table(&x, &(table_source){ path, rename, 2 }, NULL, &e), 0);
    assert_string_equal(x->id[0], "B.1");
    assert_string_equal(x->text[0], "one");
    stimuli_free(x);
    x = NULL;
    path = test_write("renamed2.csv", "id,sentence\nB.1,one\n");
    assert_int_equal(stimuli_from_table(&x, &(table_source){ path, twice, 1 }, NULL, &e), -1);
    assert_non_null(strstr(err_text(&e), "would rename a column to 'id', which is there"));
    err_clear(&e);
    assert_int_equal(stimuli_from_table(&x, &(table_source){ path, none, 1 }, NULL, &e), -1);
    assert_non_null(strstr(err_text(&e), "no column 'itm'"));
    err_clear(&e);
}

static void item_features_count_words_characters_and_places(void **state)
{
    (void)state;
    stimuli *x = NULL;
    float *f = NULL;
    size_t width;
    err e = { 0 };
    char rows[2000] = "id,text,group,run,rating,remark\na,Fünf alte Hunde,g,1,2.5,x\nb, two  words ,h,1,-1,y\n";
    for (int i = 0; i < 22; i++) snprintf(rows + strlen(rows), sizeof rows - strlen(rows), "g%d,w,g,2,0,z\n", i);
    const char *path = test_write("features.csv", rows);
    assert_int_equal(stimuli_from_table(&x, &(table_source){ .path = path }, NULL, &e), 0);
    const struct { const char *name; float first, second, last; } expected[] = {
        { "item_words", 3, 2, 1 }, { "item_characters", 15, 12, 1 }, { "item_word_length", 13.0f / 3, 4, 1 },
        { "item_number", 1, 2, 22 }, { "rating", 2.5f, -1, 0 },
    };
    for (size_t k = 0; k < sizeof expected / sizeof *expected; k++) {
        assert_int_equal(stimuli_item_feature(x, expected[k].name, &f, &width, &e), 0);
        assert_int_equal(width, 1);
        assert_true(f[0] == expected[k].first && f[1] == expected[k].second && f[23] == expected[k].last);
        free(f);
    }
    assert_int_equal(stimuli_item_feature(x, "group_position", &f, &width, &e), 0);
    assert_int_equal(width, 11);
    assert_true(f[0] == 1 && f[11] == 1 && f[2 * 11 + 1] == 1); /* g1, h1, g2 */
    assert_true(f[11 * 11 + 10] == 1 && f[11 * 11 + 9] == 0 && f[23 * 11 + 10] == 10); /* g11: the ramp begins; g23: saturated */
    free(f);
    assert_int_equal(stimuli_item_feature(x, "remark", &f, &width, &e), -1);
    assert_non_null(strstr(err_text(&e), "item 'a': 'x' in the column 'remark' is no number"));
    err_clear(&e);
    assert_int_equal(stimuli_item_feature(x, "item_wrods", &f, &width, &e), -1);
    assert_non_null(strstr(err_text(&e), "no feature of these stimuli is called 'item_wrods'"));
    err_clear(&e);
    stimuli_free(x);
}

/* counts 6 + 3 and 1, three types: 13 in all; "zzz" is unknown. */
static void frequencies_are_mean_logs_and_unknown_words_count_as_never_seen(void **state)
{
    (void)state;
    stimuli *x = NULL;
    float *f = NULL;
    size_t unknown, words, width;
    err e = { 0 };
    const char *path = test_write("frequent.csv", "id,text\na,The the cat.\nb,zzz\n");
    const char *with[] = { test_write("counts.csv", "rank,count,word\n1,6,the\n2,3,The\n3,1,cat\n"), NULL };
    assert_int_equal(stimuli_from_table(&x, &(table_source){ .path = path }, NULL, &e), 0);
    assert_int_equal(stimuli_add_frequency(x, with[0], &unknown, &words, &e), 0);
    assert_int_equal(unknown, 1);
    assert_int_equal(words, 4);
    assert_int_equal(stimuli_item_feature(x, "log_frequency", &f, &width, &e), 0);
    assert_true(fabs((double)f[0] - (2 * log(10.0 / 13) + log(2.0 / 13)) / 3) < 1e-6);
    assert_true(fabs((double)f[1] - log(1.0 / 13)) < 1e-6);
    free(f);
    assert_int_equal(stimuli_add_frequency(x, with[0], &unknown, &words, &e), -1);
    assert_non_null(strstr(err_text(&e), "has a column log_frequency already"));
    err_clear(&e);
    with[0] = test_write("bare.tsv", "the\t9\ncat\tmany\n");
    stimuli_free(x);
    x = NULL;
    assert_int_equal(stimuli_from_table(&x, &(table_source){ .path = path }, NULL, &e), 0);
    assert_int_equal(stimuli_add_frequency(x, with[0], &unknown, &words, &e), -1);
    assert_non_null(strstr(err_text(&e), "'many' is no number"));
    err_clear(&e);
    stimuli_free(x);
}

static void words_of_a_story_have_frequencies_that_come_back_from_a_file(void **state)
{
    (void)state;
    stimuli *x = NULL, *y = NULL;
    store *s = NULL;
    float out[2];
    size_t unknown, words;
    err e = { 0 };
    const char *path = test_write("timed.tsv", "word\tonset\toffset\nThe\t1\t1.2\ncat\t1.2\t1.5\n");
    assert_int_equal(stimuli_from_words(&x, path, "story", &e), 0);
    assert_int_equal(stimuli_word_feature(x, "word_log_frequency", out, &e), -1);
    assert_non_null(strstr(err_text(&e), "hold no word frequencies"));
    err_clear(&e);
    assert_int_equal(stimuli_add_frequency(x, test_write("counts2.tsv", "the\t9\ncat\t1\n"), &unknown, &words, &e), 0);
    char file[512];
    snprintf(file, sizeof file, "%s", test_path("timed.h5"));
    assert_int_equal(store_create(&s, file, "stimuli", NULL, &e), 0);
    assert_int_equal(stimuli_put(s, x, &e), 0);
    assert_int_equal(store_commit(s, &e), 0);
    assert_int_equal(stimuli_read(&y, file, &e), 0);
    assert_int_equal(stimuli_word_feature(y, "word_log_frequency", out, &e), 0);
    assert_true(fabs((double)out[0] - log(10.0 / 12)) < 1e-6 && fabs((double)out[1] - log(2.0 / 12)) < 1e-6);
    stimuli_free(x);
    stimuli_free(y);
}

static void a_table_of_numbers_becomes_features_of_items(void **state)
{
    (void)state;
    char **ids = NULL;
    float *values = NULL;
    size_t n, width;
    err e = { 0 };
    const char *path = test_write("vectors.csv", "x,id,y\n1.5,a,2\n-3,b,4\n");
    assert_int_equal(stimuli_table_features(&ids, &values, &n, &width, &(table_source){ .path = path }, &e), 0);
    assert_true(n == 2 && width == 2 && values[0] == 1.5f && values[1] == 2 && values[2] == -3 && values[3] == 4);
    assert_string_equal(ids[1], "b");
    free(ids);
    free(values);
    path = test_write("vectors2.csv", "id,y\na,\n");
    assert_int_equal(stimuli_table_features(&ids, &values, &n, &width, &(table_source){ .path = path }, &e), -1);
    assert_non_null(strstr(err_text(&e), "row 1, column 'y' is no finite number"));
    err_clear(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clitics_are_joined_to_their_host_and_pauses_are_no_words),
        cmocka_unit_test(a_clitic_after_a_pause_stays_a_word),
        cmocka_unit_test(overlapping_intervals_are_refused_with_both_names),
        cmocka_unit_test(a_textgrid_cut_short_is_refused),
        cmocka_unit_test(a_table_keeps_every_column_and_comes_back_from_a_file),
        cmocka_unit_test(any_column_may_hold_the_text_or_the_condition),
        cmocka_unit_test(the_published_localizer_is_read_from_its_ten_tables),
        cmocka_unit_test(ids_that_stand_twice_are_refused),
        cmocka_unit_test(words_are_placed_in_their_items_text_in_order),
        cmocka_unit_test(items_alike_but_for_one_word_share_a_group),
        cmocka_unit_test(a_users_headers_are_given_our_names),
        cmocka_unit_test(item_features_count_words_characters_and_places),
        cmocka_unit_test(frequencies_are_mean_logs_and_unknown_words_count_as_never_seen),
        cmocka_unit_test(words_of_a_story_have_frequencies_that_come_back_from_a_file),
        cmocka_unit_test(a_table_of_numbers_becomes_features_of_items),
        cmocka_unit_test(word_features_count_words_and_letters),
    };
    return cmocka_run_group_tests(tests, NULL, test_clean);
}
