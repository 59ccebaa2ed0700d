/* SPDX-License-Identifier: MIT */
/* train_log.tsv: a line a step. Numbers are printed so that they read back equal: the log of a resumed run has the same
 * bytes. */
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "training_inside.h"

static const char header[] =
    "step\ttokens\trate\tce\tspatial\tgradient_norm\tclip_scale\tguarded_units\tvalidation_ce\t"
    "validation_bits_per_byte\tvalidation_spatial\n";

static int cut(training_log *l, size_t bytes, err *e)
{
    struct stat s;
    if (stat(l->path, &s) || s.st_size < (off_t)bytes) {
        err_set(e, ERR_INPUT, "%s is shorter than its checkpoint says (%zu bytes)", l->path, bytes);
        return err_hint(e, "remove the folder checkpoint to start anew");
    }
    if (truncate(l->path, (off_t)bytes)) return err_system(e, "%s", l->path);
    return 0;
}

int training_log_open(training_log *l, const char *folder, size_t bytes, err *e)
{
    *l = (training_log){ 0 };
    if (!(l->path = str_format(e, "%s/train_log.tsv", folder))) return -1;
    if (bytes && cut(l, bytes, e)) return -1;
    if (!(l->f = fopen(l->path, bytes ? "ab" : "wb"))) return err_system(e, "%s", l->path);
    l->bytes = bytes;
    if (bytes) return 0;
    l->bytes = sizeof header - 1;
    return fputs(header, l->f) < 0 ? err_system(e, "writing %s", l->path) : 0;
}

static void number(buffer *b, double x)
{
    if (!isnan(x)) tsv_number(b, x);
}

int training_log_add(training_log *l, const training_log_row *r, err *e)
{
    const double before[] = { r->rate, r->stats.ce, r->stats.spatial, r->stats.gradient_norm, r->stats.clip_scale };
    const double after[] = { r->ce, r->bits_per_byte, r->spatial };
    buffer b = { 0 };
    buffer_printf(&b, "%zu\t%zu", r->step, r->tokens);
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        buffer_text(&b, "\t");
        number(&b, before[i]);
    }
    buffer_printf(&b, "\t%zu", r->stats.guarded_units);
    for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
        buffer_text(&b, "\t");
        if (r->validated) number(&b, after[i]);
    }
    buffer_text(&b, "\n");
    int status = buffer_ok(&b, e);
    if (!status && fwrite(b.at, 1, b.size, l->f) != b.size) status = err_system(e, "writing %s", l->path);
    l->bytes += b.size;
    free(b.at);
    return status;
}

int training_log_sync(training_log *l, err *e)
{
    if (fflush(l->f) || fsync(fileno(l->f))) return err_system(e, "writing %s", l->path);
    return 0;
}

void training_log_close(training_log *l)
{
    if (l->f) fclose(l->f);
    free(l->path);
    *l = (training_log){ 0 };
}
