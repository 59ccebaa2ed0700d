/* SPDX-License-Identifier: MIT */
/* broca-behave: what a language model does with text. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broca/behave.h"
#include "stage.h"

typedef struct {
    common_options common;
    const char *model, *prompt, *special;
    size_t tokens, top_k;
    double temperature, top_p;
    bool ids, no_stop;
} stage_options;

#define AT(field) offsetof(stage_options, field)
static const option options[] = {
    { "model", OPT_TEXT, AT(model), NULL, "DIR", false, "model folder" },
    { "prompt", OPT_TEXT, AT(prompt), NULL, "TEXT", true, "text to go on from" },
    { "tokens", OPT_COUNT, AT(tokens), "40", NULL, true, "new tokens at most" },
    { "temperature", OPT_REAL, AT(temperature), "0", NULL, true, "0: greedy; else tokens are drawn by --seed from softmax(logits / T)" },
    { "top-k", OPT_COUNT, AT(top_k), "0", NULL, true, "draw from the K most probable tokens; 0: all" },
    { "top-p", OPT_REAL, AT(top_p), "1", NULL, true, "draw from the fewest tokens that reach this probability" },
    { "special", OPT_ENUM, AT(special), "yes", "yes no", true, "the tokenizer's start symbols in front of the prompt" },
    { "ids", OPT_FLAG, AT(ids), NULL, NULL, false, "print token ids instead of text" },
    { "no-stop", OPT_FLAG, AT(no_stop), NULL, NULL, true, "go on after the end symbol" },
    COMMON_OPTIONS(stage_options),
    { 0 }
};
static const option_help help = { "behave", "what a language model does with text", "TASK",
                                  "Tasks\n  generate  a prompt goes on, greedy or sampled; --out: as JSON (prompt, ids, text)\n" };

static int print(const stage_options *o, const continuation *c, const char *text, err *e)
{
    for (size_t i = 0; o->ids && i < c->n; i++) printf("%s%d", i ? " " : "", c->ids[i]);
    if (o->ids) putchar('\n');
    else puts(text);
    return fflush(stdout) ? err_system(e, "standard output cannot be written") : 0;
}

static int write_json(stage *s, const stage_options *o, const continuation *c, const char *text)
{
    buffer b = { 0 };
    int status = -1;
    if (!o->common.out) return 0;
    buffer_text(&b, "{\"prompt\":");
    json_quote(&b, o->prompt);
    buffer_printf(&b, ",\"prompt_tokens\":%zu,\"ids\":[", c->prompt);
    for (size_t i = 0; i < c->n; i++) buffer_printf(&b, "%s%d", i ? "," : "", c->ids[i]);
    buffer_text(&b, "],\"text\":");
    json_quote(&b, text);
    buffer_text(&b, "}\n");
    if (buffer_ok(&b, &s->err) || atomic_write(o->common.out, b.at, b.size, &s->err)) goto done;
    sidecar side = { .product = o->common.out, .argc = s->argc, .argv = s->argv, .started_s = s->started_s,
                     .wall_s = clock_s() - s->wall0_s, .cpu_s = clock_cpu_s(), .blas = blas_name() };
    status = sidecar_write(&side, &s->err);
    if (status) unlink(o->common.out); /* both or none */
done:
    free(b.at);
    return status;
}

static int generate(stage *s, const stage_options *o)
{
    model *m = NULL;
    tokenizer *t = NULL;
    token_list prompt = { 0 };
    continuation c = { 0 };
    buffer text = { 0 };
    err *e = &s->err;
    behave_sampling how = { .temperature = o->temperature, .top_p = o->top_p, .top_k = o->top_k };
    int status = -1;
    if (stage_seed(s, &how.seed) || stage_needs(s, "model", o->model) || stage_needs(s, "prompt", o->prompt)) goto done;
    if (model_open(&m, o->model, e) || tokenizer_open(&t, o->model, e)) goto done;
    if (tokenizer_encode(t, o->prompt, strlen(o->prompt), str_same(o->special, "yes"), &prompt, e)) goto done;
    if (stage_plan(s, "%zu tokens after a prompt of %zu", o->tokens, prompt.n)) {
        status = 0;
        goto done;
    }
    if (behave_generate(&c, m, prompt.id, prompt.n, o->tokens, o->no_stop ? -1 : model_end(m), &how, e)) goto done;
    if (tokenizer_decode(t, c.ids, c.n - c.stopped, true, &text, e) || buffer_ok(&text, e)) goto done;
    if (print(o, &c, text.at ? text.at : "", e) || write_json(s, o, &c, text.at ? text.at : "")) goto done;
    stage_result(s, "%zu tokens after a prompt of %zu%s", c.n - c.prompt, c.prompt,
                 c.stopped ? ", to the end symbol" : c.full ? ", to the model's limit" : "");
    status = 0;
done:
    free(text.at);
    free(c.ids);
    token_list_free(&prompt);
    tokenizer_free(t);
    model_free(m);
    return status;
}

static int run(stage *s, const stage_options *o)
{
    const char *const *arguments;
    if (parsed_arguments(s->parsed, &arguments) == 1 && str_same(arguments[0], "generate")) return generate(s, o);
    err_set(&s->err, ERR_USAGE, "one task is needed");
    return err_hint(&s->err, "broca behave generate --model DIR --prompt TEXT");
}

int main(int argc, char **argv)
{
    stage s;
    stage_options o;
    if (!stage_begin(&s, argc, argv, &help, options, &o, &o.common)) run(&s, &o);
    return stage_end(&s);
}
