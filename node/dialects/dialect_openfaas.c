/* OpenFaaS: API.md section 5. Names may carry a namespace, calls go by X-Call-Id. */
#include "dialects/answers.h"
#include "dialects/function_headers.h"
#include "dialects/invoke_options.h"
#include "dialects/native.h"
#include "dialects/target.h"

#include "dialects/openfaas_system.h"

#define NS_PER_MS 1000000u

/* The rest of an invocation once its function is known; `sub` is the path below the name. */
static enum dialect_verdict parse_call(const struct dialect_config *config,
                                       const struct http_request *in, struct text *scratch,
                                       struct op_request *out, struct http_answer *answer)
{
    struct op_invoke *invoke = &out->invoke;
    const char *fault = invoke_options_read(config, in, invoke);
    if (fault == NULL) {
        fault = chosen_id_read(in, "X-Call-Id", &invoke->client_id.text);
    }
    if (fault != NULL) {
        return answer_bad_request(answer, in, fault);
    }
    invoke->client_id.space = invoke->client_id.text.size > 0 ? ID_CALL : ID_GUID;
    function_headers_add(scratch, config, in, invoke->function, PREFER_NOT_OURS);
    invoke->request.method = in->method;
    invoke->request.query = in->query;
    invoke->request.headers = text_view(scratch);
    invoke->body = in->body;
    out->kind = OP_INVOKE;
    return DIALECT_OP;
}

/* ANY /function/{name}[/{path}] */
static enum dialect_verdict parse_sync(const struct dialect_config *config,
                                       const struct http_request *in, struct text *scratch,
                                       struct op_request *out, struct http_answer *answer)
{
    struct bytes path = in->path;
    bytes_cut_front(&path, "/function/");
    struct bytes name = target_cut_segment(&path);
    out->invoke.function = target_function_in_namespace(config, name);
    if (out->invoke.function.size == 0) {
        return answer_unknown_function(answer, in);
    }
    out->invoke.mode = INVOKE_SYNC;
    out->invoke.request.path = path;
    return parse_call(config, in, scratch, out, answer);
}

/* GET and DELETE /async-function/{call-id}; the id may contain slashes. */
static enum dialect_verdict parse_result(const struct dialect_config *config,
                                         const struct http_request *in, struct bytes id,
                                         struct op_request *out, struct http_answer *answer)
{
    out->id = target_path_id(id);
    if (bytes_is(in->method, "DELETE")) {
        out->kind = OP_CANCEL;
        return DIALECT_OP;
    }
    if (bytes_is(in->method, "GET") || bytes_is(in->method, "HEAD")) {
        return native_parse_collect(config, in, out, answer);
    }
    return answer_not_allowed(answer, in, "GET, HEAD, DELETE, POST");
}

/* POST /async-function/{name}[/{path}]; what is no function's name is a call's. */
static enum dialect_verdict parse_async(const struct dialect_config *config,
                                        const struct http_request *in, struct text *scratch,
                                        struct op_request *out, struct http_answer *answer)
{
    struct bytes rest = in->path;
    bytes_cut_front(&rest, "/async-function/");
    struct bytes path = rest;
    struct bytes name = target_cut_segment(&path);
    struct bytes function = target_function_in_namespace(config, name);
    bool is_post = bytes_is(in->method, "POST");
    if (function.size > 0 && !is_post) {
        return answer_not_allowed(answer, in, "POST");
    }
    if (!is_post) {
        return parse_result(config, in, rest, out, answer);
    }
    if (function.size == 0) {
        return answer_unknown_function(answer, in);
    }
    out->invoke.function = function;
    out->invoke.mode = INVOKE_ASYNC;
    out->invoke.request.path = path;
    return parse_call(config, in, scratch, out, answer);
}

static enum dialect_verdict openfaas_parse(const struct dialect_config *config,
                                           const struct http_request *in, struct text *scratch,
                                           struct op_request *out, struct http_answer *answer)
{
    struct bytes rest = in->path;
    if (bytes_cut_front(&rest, "/function/")) {
        return rest.size == 0 ? DIALECT_NOT_MINE : parse_sync(config, in, scratch, out, answer);
    }
    if (bytes_cut_front(&rest, "/async-function/")) {
        return rest.size == 0 ? DIALECT_NOT_MINE
                              : parse_async(config, in, scratch, out, answer);
    }
    return openfaas_answer_system(config, in, answer) ? DIALECT_ANSWER : DIALECT_NOT_MINE;
}

/* The id that the invocation has; else, where the core did not register it or no longer knows
 * it, the client's own is echoed as it was sent. */
static void add_call_id(struct http_answer *answer, const struct op_request *op,
                        const struct invocation_info *info)
{
    if (info->client_id.size == 0 && op->invoke.client_id.space == ID_CALL) {
        http_answer_header(answer, "X-Call-Id", op->invoke.client_id.text);
    } else {
        answer_add_call_id(answer, info);
    }
}

/* 202, empty. */
static void render_accepted(const struct dialect_config *config, const struct op_request *op,
                            const struct op_reply *reply, struct http_answer *answer)
{
    answer->status = 202;
    add_call_id(answer, op, &reply->info);
    answer_add_number(answer, "X-Start-Time", reply->info.created_at_ms * NS_PER_MS);
    answer_add_location(answer, config, "/v1/invocations/", &reply->info.guid);
    answer_add_retry_after(answer, &reply->info);
    text_add_str(&answer->headers, "Cache-Control: no-store\r\n");
}

static void render_function(const struct op_request *op, struct op_reply *reply,
                            struct http_answer *answer)
{
    add_call_id(answer, op, &reply->info);
    answer_add_number(answer, "X-Start-Time", reply->info.created_at_ms * NS_PER_MS);
    answer_add_duration(answer, reply->duration_ms);
    answer_function(answer, reply);
}

static void openfaas_render(const struct dialect_config *config, const struct http_request *in,
                            const struct op_request *op, struct op_reply *reply,
                            struct http_answer *answer)
{
    if (reply->outcome == OUT_ACCEPTED) {
        render_accepted(config, op, reply, answer);
    } else if (op->kind == OP_COLLECT || op->kind == OP_PEEK) {
        native_render_callback(config, in, op, reply, answer);
    } else if (reply->outcome == OUT_RESULT) {
        render_function(op, reply, answer);
    } else if (reply->outcome == OUT_CANCELED) {
        answer->status = 202;
        text_add_str(&answer->headers, "Cache-Control: no-store\r\n");
    } else if (reply->outcome == OUT_CONFLICT) {
        /* It knows 202 and 404 only: there is nothing left to cancel. */
        dialect_problem(answer, 404, "unknown-invocation", "the invocation has ended already",
                        in->path);
    } else {
        answer_refusal(answer, in, reply);
    }
    result_drop(&reply->result);
}

const struct dialect dialect_openfaas = {
    .name = "openfaas",
    .parse = openfaas_parse,
    .render = openfaas_render,
};
