/* The last dialect: routes that nobody has, and the pages that describe us. */
#include "base/unreachable.h"
#include "dialects/answers.h"
#include "dialects/problem.h"

static bool is_get(const struct http_request *in)
{
    return bytes_is(in->method, "GET") || bytes_is(in->method, "HEAD");
}

/* /problems/<slug>: what `type` of a problem document points at. */
static void answer_problem_page(const struct problem_kind *kind, struct http_answer *answer)
{
    struct text *t = &answer->content;
    answer->status = 200;
    text_add_str(&answer->headers, "Content-Type: application/json\r\n");
    text_add_str(t, "{\"type\":\"/problems/");
    text_add_str(t, kind->slug);
    text_add_str(t, "\",\"title\":");
    text_add_json(t, bytes_text(kind->title));
    text_add_str(t, ",\"status\":");
    text_add_num(t, kind->status);
    text_add_str(t, ",\"meaning\":");
    text_add_json(t, bytes_text(kind->meaning));
    text_add_char(t, '}');
}

static enum dialect_verdict fallback_parse(const struct dialect_config *config,
                                           const struct http_request *in, struct text *scratch,
                                           struct op_request *out, struct http_answer *answer)
{
    (void)scratch;
    (void)out;
    struct bytes rest = in->path;
    bool is_document = bytes_is(in->path, "/openapi.json");
    const struct problem_kind *kind =
        bytes_cut_front(&rest, "/problems/") ? problem_kind_named(rest) : NULL;
    if (kind == NULL && !is_document) {
        dialect_problem(answer, 404, "unknown-route",
                        "there are /v1/functions/{name}, /v1/invocations/{id}, "
                        "/v1/callbacks/{id}, and the routes of other dialects; /openapi.json "
                        "names all",
                        in->path);
    } else if (!is_get(in)) {
        answer_not_allowed(answer, in, "GET, HEAD");
    } else if (is_document) {
        answer->status = 200;
        text_add_str(&answer->headers, "Content-Type: application/json\r\n");
        answer->stored_body = buf_share(config->openapi);
    } else {
        answer_problem_page(kind, answer);
    }
    return DIALECT_ANSWER;
}

/* It has no operations, so there is never a reply to render. */
static void fallback_render(const struct dialect_config *config, const struct http_request *in,
                            const struct op_request *op, struct op_reply *reply,
                            struct http_answer *answer)
{
    (void)config;
    (void)in;
    (void)op;
    (void)reply;
    (void)answer;
    UNREACHABLE("the fallback has no operations");
}

const struct dialect dialect_fallback = {
    .name = "other",
    .parse = fallback_parse,
    .render = fallback_render,
};
