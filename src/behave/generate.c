/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "broca/behave.h"

static int check(const behave_sampling *how, err *e)
{
    if (!(how->temperature >= 0)) return err_set(e, ERR_USAGE, "the temperature is at least 0, not %g", how->temperature);
    if (!(how->top_p > 0 && how->top_p <= 1)) return err_set(e, ERR_USAGE, "top-p is above 0 and at most 1, not %g", how->top_p);
    return 0;
}

int behave_generate(continuation *out, const model *m, const int32_t *prompt, size_t n, size_t tokens, int32_t stop_id,
                    const behave_sampling *how, err *e)
{
    const model_facts *f = model_about(m);
    continuation c = { .n = n, .prompt = n };
    size_t room, *order = NULL;
    int status = -1;
    float *logits = NULL;
    double *p = NULL;
    if (check(how, e)) return -1;
    if (!n) return err_set(e, ERR_INPUT, "the prompt has no tokens");
    if (size_add(n, tokens, &room, e)) return -1;
    if (room > f->context) room = f->context > n ? f->context : n;
    if (!(c.ids = mem_new(room, sizeof *c.ids, e)) || !(logits = mem_new(f->vocabulary, sizeof *logits, e)) ||
        !(order = mem_new(f->vocabulary, sizeof *order, e)) || !(p = mem_new(f->vocabulary, sizeof *p, e)))
        goto done;
    memcpy(c.ids, prompt, n * sizeof *prompt);
    for (size_t k = 0; k < tokens && !c.stopped; k++) {
        if (c.n >= f->context && c.n > n) {
            c.full = true;
            break;
        }
        if (model_next(m, c.ids, c.n, logits, e)) goto done;
        if (c.n == room) { /* the prompt fills the limit: no place for what comes next */
            c.full = true;
            break;
        }
        c.ids[c.n] = (int32_t)behave_choose(logits, f->vocabulary, how, c.n, order, p);
        c.stopped = stop_id >= 0 && c.ids[c.n] == stop_id;
        c.n++;
        if (interrupted()) {
            err_set(e, ERR_INTERRUPTED, "interrupted after %zu tokens", k + 1);
            goto done;
        }
    }
    *out = c;
    c.ids = NULL;
    status = 0;
done:
    free(c.ids);
    free(logits);
    free(order);
    free(p);
    return status;
}
