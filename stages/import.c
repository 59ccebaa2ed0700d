/* SPDX-License-Identifier: MIT */
/* broca-import: other people's files into stimuli, responses and features. */
#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broca/responses.h"
#include "broca/stimuli.h"
#include "stage.h"

typedef struct {
    common_options common;
    const char *from, *as, *words, *id, *group, *subject, *stimuli, *mask, *parcels, *parcel_names, *surface, *frequencies;
    option_list columns, confounds;
    size_t radius_mm;
    double tr_s;
    bool inside;
} import_options;

#define AT(field) offsetof(import_options, field)
static const option options[] = {
    { "from", OPT_ENUM, AT(from), NULL, "table words langloc alice nifti gifti npy", true, "what the source is" },
    { "as", OPT_ENUM, AT(as), "stimuli", "stimuli responses features", true, "what to make of it" },
    { "words", OPT_TEXT, AT(words), NULL, "TABLE", false, "timed words of the items: columns item, word, onset, offset" },
    { "id", OPT_TEXT, AT(id), "story", "NAME", true, "item id of a table of timed words" },
    { "column", OPT_LIST, AT(columns), NULL, "NAME=HEADER", true, "table: its column HEADER is our column NAME, as text=sentence" },
    { "group", OPT_ENUM, AT(group), "given", "given similar", true,
      "table of stimuli: groups as given, or items with the same bag of words but one in one group" },
    { "frequencies", OPT_TEXT, AT(frequencies), NULL, "TABLE", false,
      "stimuli: counts of words (columns word, count) for log_frequency of items and word_log_frequency of timed words" },
    { "subject", OPT_TEXT, AT(subject), "s1", "NAME", true, "responses: whose columns without SUBJECT:, whose images" },
    { "radius", OPT_COUNT, AT(radius_mm), "6", "MM", true, "alice: spheres of 6 or 10 mm" },
    { "tr", OPT_REAL, AT(tr_s), "0", "S", true, "repetition time of responses, seconds; 0: as a header of images says, else items without time" },
    { "stimuli", OPT_TEXT, AT(stimuli), NULL, "FILE", false, "images, matrices: their rows are these items, in order, without time" },
    { "mask", OPT_TEXT, AT(mask), NULL, "IMAGE", false, "images: voxels (vertices) that are not 0 there; without: those with values everywhere" },
    { "parcels", OPT_TEXT, AT(parcels), NULL, "IMAGE", false, "images: regions by number; NIfTI parcels may be on another grid" },
    { "parcel-names", OPT_TEXT, AT(parcel_names), NULL, "TABLE", false, "names of the parcels: columns label and name" },
    { "in-parcels", OPT_FLAG, AT(inside), NULL, NULL, true, "images: neuroids inside of parcels alone" },
    { "surface", OPT_TEXT, AT(surface), NULL, "FILE", false, "gifti: where the vertices lie" },
    { "confounds", OPT_LIST, AT(confounds), NULL, "TABLE[:A,B]", false,
      "images: confounds with a row a volume, a table a run; columns named, else the six of motion, else all" },
    COMMON_OPTIONS(import_options),
    { 0 }
};
static const option_help help = {
    "import", "other people's files into stimuli, responses and features", "SOURCE...",
    "Sources\n"
    "  table   stimuli: columns text and, optionally, id group condition run onset duration; every further column is kept\n"
    "          features: column id, every further column a number: one tap `table`, a row an item (static vectors)\n"
    "          responses: column id and, optionally, run onset group repeat; every further column is a neuroid (SUBJECT:ROI)\n"
    "          packed by gzip or not; --column gives other headers our names\n"
    "  words   stimuli: one item from a table of timed words (columns word onset offset, optionally text)\n"
    "  langloc stimuli: the published language localizer's folder (ten tables of sentences and nonword lists)\n"
    "  alice   alice2016's folder: stimuli (TextGrid), responses (time courses, motion), features (published predictors)\n"
    "  nifti   responses: 4-D runs in order, or maps, a row each; .nii .nii.gz .hdr+.img; voxels are neuroids\n"
    "  gifti   responses: metric files of one surface; vertices are neuroids\n"
    "  npy     responses: matrices [presentations × neuroids]\n"
};

static int input_files(stage *s, const char *role, const char *folder, const char *const *patterns, size_t n);

static int add_frequencies(stage *s, const import_options *o, stimuli *x)
{
    size_t unknown, words;
    if (stage_input(s, "frequencies", o->frequencies) || stimuli_add_frequency(x, o->frequencies, &unknown, &words, &s->err)) return -1;
    if (unknown) log_warn("%zu of %zu words have no frequency in the table and count as seen 0 times", unknown, words);
    return 0;
}

static int make_stimuli(stage *s, const import_options *o, const char *source)
{
    stimuli *x = NULL;
    char path[2048], note[80] = "";
    size_t joined;
    int status = -1;
    if (str_same(o->from, "alice")) {
        snprintf(path, sizeof path, "%.1500s/alice_stim_shared/DownTheRabbitHoleFinal_exp120_pad_1.TextGrid", source);
        if (stage_input(s, "textgrid", path) || stimuli_from_textgrid(&x, path, "alice", &s->err)) goto done;
    } else if (str_same(o->from, "langloc")) {
        const char *const patterns[] = { "langloc_fmri_run*_stim_set*.csv" };
        if (stimuli_from_langloc(&x, source, &s->err) || input_files(s, "langloc", source, patterns, 1)) goto done;
    } else if (str_same(o->from, "words")) {
        if (stage_input(s, "words", source) || stimuli_from_words(&x, source, o->id, &s->err)) goto done;
    } else {
        if (stage_input(s, "table", source) || (o->words && stage_input(s, "words", o->words))) goto done;
        const table_source from = { source, o->columns.at, o->columns.n };
        if (stimuli_from_table(&x, &from, o->words, &s->err)) goto done;
    }
    if (str_same(o->group, "similar")) {
        if (stimuli_group_similar(x, &joined, &s->err)) goto done;
        snprintf(note, sizeof note, ", %zu of them in groups of similar ones", joined);
    }
    if (o->frequencies && add_frequencies(s, o, x)) goto done;
    if (stage_plan(s, "%zu items, %zu timed words", x->n, x->words)) {
        status = 0;
        goto done;
    }
    store *product = stage_create(s, "stimuli");
    if (!product || stimuli_put(product, x, &s->err) || stage_commit(s)) goto done;
    stage_result(s, "%zu items%s, %zu timed words", x->n, note, x->words);
    status = 0;
done:
    stimuli_free(x);
    return status;
}

/* A set of files as one input: the SHA-256 of the lines `sha256  path`, sorted by path, as model_sha256 is. */
static int input_files(stage *s, const char *role, const char *folder, const char *const *patterns, size_t n)
{
    glob_t found = { 0 };
    char pattern[2048];
    int status = -1;
    buffer lines = { 0 };
    for (size_t i = 0; i < n; i++) {
        snprintf(pattern, sizeof pattern, "%.1500s/%s", folder, patterns[i]);
        if (glob(pattern, i ? GLOB_APPEND : 0, NULL, &found) == GLOB_NOSPACE) {
            err_set(&s->err, ERR_MEMORY, "the list of files of %s", folder);
            goto done;
        }
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        sha_hex hash;
        if (sha_file(found.gl_pathv[i], &hash, &s->err)) goto done;
        buffer_printf(&lines, "%s  %s\n", hash.hex, found.gl_pathv[i] + strlen(folder) + 1);
    }
    if (buffer_ok(&lines, &s->err)) goto done;
    sha_hex all = sha_bytes(lines.at, lines.size);
    status = stage_input_hashed(s, role, "", folder, all.hex);
done:
    free(lines.at);
    globfree(&found);
    return status;
}

/* ---- images and matrices ---- */

static bool is_image(const import_options *o)
{
    return str_same(o->from, "nifti") || str_same(o->from, "gifti") || str_same(o->from, "npy");
}

static int image_inputs(stage *s, const import_options *o, const char *const *paths, size_t n)
{
    const char *const more[][2] = { { "mask", o->mask }, { "parcels", o->parcels }, { "parcel-names", o->parcel_names },
                                    { "surface", o->surface }, { "stimuli", o->stimuli } };
    for (size_t i = 0; i < n; i++)
        if (stage_input(s, o->from, paths[i])) return -1;
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        if (more[i][1] && stage_input(s, more[i][0], more[i][1])) return -1;
    for (size_t i = 0; i < o->confounds.n; i++) {
        char path[2048];
        const char *source = o->confounds.at[i], *colon = file_exists(source) ? NULL : strrchr(source, ':');
        snprintf(path, sizeof path, "%.*s", colon ? (int)(colon - source) : 2047, source);
        if (stage_input(s, "confounds", path)) return -1;
    }
    return 0;
}

static int read_images(responses **r, stage *s, const import_options *o, const char *const *paths, size_t n)
{
    stimuli *x = NULL;
    int status = -1;
    image_source from = { .paths = paths, .n = n, .mask = o->mask, .parcels = o->parcels, .parcel_names = o->parcel_names,
                          .inside = o->inside, .surface = o->surface, .subject = o->subject, .tr_s = o->tr_s,
                          .confounds = o->confounds.at, .n_confounds = o->confounds.n };
    if (o->inside && !o->parcels) {
        err_set(&s->err, ERR_USAGE, "--in-parcels needs --parcels");
        goto done;
    }
    if (image_inputs(s, o, paths, n) || (o->stimuli && stimuli_read(&x, o->stimuli, &s->err))) goto done;
    if (x) {
        from.ids = (const char *const *)x->id;
        from.n_ids = x->n;
    }
    status = str_same(o->from, "nifti")   ? responses_from_nifti(r, &from, &s->err)
             : str_same(o->from, "gifti") ? responses_from_gifti(r, &from, &s->err)
                                          : responses_from_npy(r, &from, &s->err);
done:
    stimuli_free(x);
    return status;
}

static int make_responses(stage *s, const import_options *o, const char *const *sources, size_t n_sources)
{
    const char *source = sources[0];
    responses *r = NULL;
    const table_source from = { source, o->columns.at, o->columns.n };
    int status = -1;
    if (str_same(o->from, "words") || str_same(o->from, "langloc")) {
        err_set(&s->err, ERR_USAGE, "--from %s gives stimuli, not responses", o->from);
        goto done;
    }
    if (is_image(o)) {
        if (read_images(&r, s, o, sources, n_sources)) goto done;
    } else if (str_same(o->from, "alice")) {
        char series[64];
        snprintf(series, sizeof series, "alice_data_shared/%dmm/*", (int)o->radius_mm);
        const char *const patterns[] = { series, "alice_data_shared/*-rp*" };
        if (responses_from_alice(&r, source, (int)o->radius_mm, &s->err)) goto done;
        if (input_files(s, "alice2016", source, patterns, 2)) goto done;
    } else if (stage_input(s, "table", source) || responses_from_table(&r, &from, o->subject, o->tr_s > 0 ? o->tr_s : NAN, &s->err)) {
        goto done;
    }
    if (stage_plan(s, "%zu presentations × %zu neuroids", r->n, r->v)) {
        status = 0;
        goto done;
    }
    store *product = stage_create(s, "responses");
    if (!product || responses_put(product, r, &s->err) || stage_commit(s)) goto done;
    stage_result(s, "%zu presentations × %zu neuroids, %zu excluded", r->n, r->v, r->n_excluded);
    status = 0;
done:
    responses_free(r);
    return status;
}

/* A row a volume, called as in the responses, so that encode needs no times for them. */
static int put_predictors(store *p, const double *rate, const double *power, size_t n, err *e)
{
    const size_t dims[2] = { n, 1 };
    int status = -1;
    char **ids = mem_new(n + 1, sizeof *ids, e);
    float *column = mem_new(n + 1, sizeof *column, e);
    if (!ids || !column) goto done;
    for (size_t k = 0; k < n; k++)
        if (!(ids[k] = str_format(e, "volume%zu", k))) goto done;
    if (store_put_text(p, "item/id", ids, n, e)) goto done;
    for (size_t k = 0; k < n; k++) column[k] = (float)rate[k];
    if (store_write_f4(p, "tap/rate", 2, dims, column, e)) goto done;
    for (size_t k = 0; k < n; k++) column[k] = (float)power[k];
    if (store_write_f4(p, "tap/sndpwr", 2, dims, column, e)) goto done;
    status = store_set_text(p, "/", "pooling", "volume", e);
done:
    for (size_t k = 0; ids && k < n; k++) free(ids[k]);
    free(ids);
    free(column);
    return status;
}

/* A user's own numbers of items: ratings, static vectors. */
static int make_table_features(stage *s, const import_options *o, const char *source)
{
    const table_source from = { source, o->columns.at, o->columns.n };
    char **ids = NULL;
    float *values = NULL;
    size_t n, width;
    int status = -1;
    if (stage_input(s, "table", source) || stimuli_table_features(&ids, &values, &n, &width, &from, &s->err)) goto done;
    if (stage_plan(s, "%zu items × %zu columns", n, width)) {
        status = 0;
        goto done;
    }
    store *product = stage_create(s, "activations");
    if (!product || store_put_text(product, "item/id", ids, n, &s->err) ||
        store_write_f4(product, "tap/table", 2, (const size_t[]){ n, width }, values, &s->err) ||
        store_set_text(product, "/", "pooling", "item", &s->err) || stage_commit(s))
        goto done;
    stage_result(s, "%zu items × %zu columns, tap table", n, width);
    status = 0;
done:
    free(ids);
    free(values);
    return status;
}

static int make_features(stage *s, const import_options *o, const char *source)
{
    if (str_same(o->from, "table")) return make_table_features(s, o, source);
    double *rate = NULL, *power = NULL;
    size_t n;
    int status = -1;
    if (!str_same(o->from, "alice")) {
        err_set(&s->err, ERR_USAGE, "--as features is there for --from table and --from alice");
        goto done;
    }
    const char *const patterns[] = { "alice_data_shared/s18-rate.txt", "alice_data_shared/s18-sndpwr.txt" };
    if (alice_predictors(&rate, &power, &n, source, &s->err) || input_files(s, "alice2016", source, patterns, 2)) goto done;
    if (stage_plan(s, "%zu volumes × 2 predictors", n)) {
        status = 0;
        goto done;
    }
    store *product = stage_create(s, "activations");
    if (!product || put_predictors(product, rate, power, n, &s->err) || stage_commit(s)) goto done;
    stage_result(s, "%zu volumes, taps rate and sndpwr (published, already convolved)", n);
    status = 0;
done:
    free(rate);
    free(power);
    return status;
}

int main(int argc, char **argv)
{
    import_options o;
    stage s;
    const char *const *arguments;
    if (stage_begin(&s, argc, argv, &help, options, &o, &o.common)) goto done;
    if (stage_needs(&s, "from", o.from) || (!o.common.dry_run && stage_needs(&s, "out", o.common.out))) goto done;
    size_t n = parsed_arguments(s.parsed, &arguments);
    if (n == 0 || (n > 1 && !is_image(&o))) {
        err_set(&s.err, ERR_USAGE, "one SOURCE is needed, %zu are given", n);
        goto done;
    }
    if (is_image(&o) && !str_same(o.as, "responses")) {
        err_set(&s.err, ERR_USAGE, "--from %s gives responses: --as responses", o.from);
        goto done;
    }
    if (str_same(o.as, "stimuli")) make_stimuli(&s, &o, arguments[0]);
    else if (str_same(o.as, "responses")) make_responses(&s, &o, arguments, n);
    else make_features(&s, &o, arguments[0]);
done:
    return stage_end(&s);
}
