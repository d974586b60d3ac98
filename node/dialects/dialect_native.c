/* The native API: API.md section 3. Everything lies below /v1/. */
#include "dialects/answers.h"
#include "dialects/function_headers.h"
#include "dialects/info_json.h"
#include "dialects/invoke_options.h"
#include "dialects/native.h"
#include "dialects/prefer.h"
#include "dialects/target.h"

static void set_mode(const struct dialect_config *config, const struct prefer *prefer,
                     struct op_invoke *invoke)
{
    invoke->mode = INVOKE_SYNC;
    if (!prefer->respond_async) {
        return;
    }
    invoke->mode = INVOKE_ASYNC;
    if (prefer->has_wait && prefer->wait_s > 0) {
        uint64_t wait_ms = prefer->wait_s * 1000;
        invoke->mode = INVOKE_ASYNC_WAIT;
        invoke->wait_ms = wait_ms < config->wait_max_ms ? wait_ms : config->wait_max_ms;
    }
}

static enum prefer_use use_of(const struct prefer *prefer)
{
    if (!prefer->respond_async) {
        return PREFER_NOT_OURS;
    }
    return prefer->has_others ? PREFER_HONOURED : PREFER_USED_UP;
}

/* ANY /v1/functions/{name}[/{path}] */
static enum dialect_verdict parse_call(const struct dialect_config *config,
                                       const struct http_request *in, struct text *scratch,
                                       struct op_request *out, struct http_answer *answer)
{
    struct bytes path = in->path;
    bytes_cut_front(&path, "/v1/functions/");
    struct bytes function = target_function(config, target_cut_segment(&path));
    if (function.size == 0) {
        return answer_unknown_function(answer, in);
    }
    struct prefer prefer = prefer_read(in);
    out->kind = OP_INVOKE;
    struct op_invoke *invoke = &out->invoke;
    set_mode(config, &prefer, invoke);
    const char *fault = invoke_options_read(config, in, invoke);
    if (fault != NULL) {
        return answer_bad_request(answer, in, fault);
    }
    function_headers_add(scratch, config, in, function, use_of(&prefer));
    invoke->function = function;
    invoke->request = (struct request_view){
        .method = in->method, .path = path, .query = in->query, .headers = text_view(scratch)};
    invoke->body = in->body;
    return DIALECT_OP;
}

static bool is_get(const struct http_request *in)
{
    return bytes_is(in->method, "GET") || bytes_is(in->method, "HEAD");
}

/* ?redirect=false. NULL, or what is wrong. */
static const char *read_redirect(const struct http_request *in, bool *redirect)
{
    struct bytes value;
    *redirect = true;
    if (!http_query_value(in->query, "redirect", &value) || bytes_is(value, "true")) {
        return NULL;
    }
    *redirect = false;
    return bytes_is(value, "false") ? NULL : "redirect: true or false is allowed";
}

/* /v1/invocations/{id} */
static enum dialect_verdict parse_invocation(const struct http_request *in,
                                             struct op_request *out, struct http_answer *answer)
{
    if (bytes_is(in->method, "DELETE")) {
        out->kind = OP_CANCEL;
        return DIALECT_OP;
    }
    if (!is_get(in)) {
        return answer_not_allowed(answer, in, "GET, HEAD, DELETE");
    }
    bool redirect;
    const char *fault = read_redirect(in, &redirect);
    out->kind = OP_STATUS;
    return fault == NULL ? DIALECT_OP : answer_bad_request(answer, in, fault);
}

enum dialect_verdict native_parse_collect(const struct dialect_config *config,
                                          const struct http_request *in, struct op_request *out,
                                          struct http_answer *answer)
{
    out->kind = in->is_head || bytes_is(in->method, "HEAD") ? OP_PEEK : OP_COLLECT;
    const char *fault = collect_wait_read(config, in, &out->wait_ms);
    if (fault == NULL) {
        fault = claim_token_read(in, &out->claim_token);
    }
    return fault == NULL ? DIALECT_OP : answer_bad_request(answer, in, fault);
}

/* /v1/callbacks/{id} */
static enum dialect_verdict parse_callback(const struct dialect_config *config,
                                           const struct http_request *in,
                                           struct op_request *out, struct http_answer *answer)
{
    if (is_get(in)) {
        return native_parse_collect(config, in, out, answer);
    }
    if (!bytes_is(in->method, "DELETE")) {
        return answer_not_allowed(answer, in, "GET, HEAD, DELETE");
    }
    out->kind = OP_RELEASE;
    const char *fault = claim_token_read(in, &out->claim_token);
    if (fault == NULL && out->claim_token.size == 0) {
        fault = "Claim-Token: only who collected with a token can free the callback, by it";
    }
    return fault == NULL ? DIALECT_OP : answer_bad_request(answer, in, fault);
}

static enum dialect_verdict native_parse(const struct dialect_config *config,
                                         const struct http_request *in, struct text *scratch,
                                         struct op_request *out, struct http_answer *answer)
{
    struct bytes rest = in->path;
    if (!bytes_cut_front(&rest, "/v1/")) {
        return DIALECT_NOT_MINE;
    }
    if (bytes_cut_front(&rest, "functions/")) {
        return parse_call(config, in, scratch, out, answer);
    }
    bool is_callback = bytes_cut_front(&rest, "callbacks/");
    if (!is_callback && !bytes_cut_front(&rest, "invocations/")) {
        return DIALECT_NOT_MINE;
    }
    if (rest.size == 0 || memchr(rest.at, '/', rest.size) != NULL) {
        return DIALECT_NOT_MINE;
    }
    out->id = target_path_id(rest);
    return is_callback ? parse_callback(config, in, out, answer)
                       : parse_invocation(in, out, answer);
}

static void add_applied(struct http_answer *answer, const struct op_request *op, bool accepted)
{
    bool waited = op->invoke.mode == INVOKE_ASYNC_WAIT;
    struct text *t = &answer->headers;
    text_add_str(t, accepted ? "Preference-Applied: respond-async" : "Preference-Applied: ");
    if (waited) {
        text_add_str(t, accepted ? ", wait=" : "wait=");
        text_add_num(t, op->invoke.wait_ms / 1000);
    }
    text_add_str(t, "\r\n");
}

/* What Azure's SDKs poll: they want an absolute URL, the word of the status rather than its
 * code, and no redirect before they have read it. */
static void add_operation_location(const struct dialect_config *config, struct bytes guid,
                                   struct http_answer *answer)
{
    struct text *t = &answer->headers;
    if (config->base_url.size == 0 || config->status_conditions) {
        return;
    }
    text_add_str(t, "Operation-Location: ");
    text_add(t, config->base_url);
    text_add_str(t, "/v1/invocations/");
    text_add(t, guid);
    text_add_str(t, "?redirect=false\r\n");
}

/* The hot path of the whole node: the GUID is printed once, and nothing is allocated. */
static void render_accepted(const struct dialect_config *config, const struct op_request *op,
                            const struct op_reply *reply, struct http_answer *answer)
{
    char text[GUID_TEXT_SIZE];
    struct bytes guid = guid_text(text, &reply->info.guid);
    answer->status = 202;
    text_add_str(&answer->headers, "Location: ");
    text_add(&answer->headers, config->base_url);
    text_add_str(&answer->headers, "/v1/invocations/");
    text_add(&answer->headers, guid);
    text_add_str(&answer->headers, "\r\n");
    add_operation_location(config, guid, answer);
    answer_add_retry_after(answer, &reply->info);
    add_applied(answer, op, true);
    bool is_named = reply->info.client_id.size > 0;
    http_answer_header(answer, "X-Call-Id", is_named ? reply->info.client_id : guid);
    text_add_str(&answer->headers,
                 "Cache-Control: no-store\r\nContent-Type: application/json\r\n");
    info_json_accepted(&answer->content, &reply->info, guid);
}

static void render_function(const struct op_request *op, struct op_reply *reply,
                            struct http_answer *answer)
{
    answer_add_call_id(answer, &reply->info);
    answer_add_duration(answer, reply->duration_ms);
    if (op->invoke.mode == INVOKE_ASYNC_WAIT) {
        add_applied(answer, op, false);
    }
    text_add_str(&answer->headers, "Vary: Prefer\r\n");
    answer_function(answer, reply);
}

static void add_status_body(const struct dialect_config *config,
                            const struct invocation_info *info, struct http_answer *answer)
{
    text_add_str(&answer->headers,
                 "Cache-Control: no-store\r\nContent-Type: application/json\r\n");
    if (config->status_conditions) {
        info_json_conditions(&answer->content, info);
    } else {
        info_json_status(&answer->content, info);
    }
}

static void render_status(const struct dialect_config *config, const struct http_request *in,
                          const struct op_reply *reply, struct http_answer *answer)
{
    const struct invocation_info *info = &reply->info;
    bool redirect = true;
    read_redirect(in, &redirect);
    answer->status = 200;
    if (invocation_state_is_ready(info->state)) {
        if (redirect && config->status_done_code != 200) {
            answer->status = config->status_done_code;
            answer_add_location(answer, config, "/v1/callbacks/", &info->guid);
        }
        answer_add_expires(answer, info);
    } else if (!invocation_state_is_final(info->state)) {
        answer->status = config->status_pending_code;
        answer_add_retry_after(answer, info);
    }
    add_status_body(config, info, answer);
}

void native_render_callback(const struct dialect_config *config, const struct http_request *in,
                            const struct op_request *op, struct op_reply *reply,
                            struct http_answer *answer)
{
    switch (reply->outcome) {
    case OUT_RESULT:
    case OUT_READY:
        answer_callback(answer, reply);
        return;
    case OUT_PENDING:
        if (op->kind == OP_RELEASE) {
            dialect_problem(answer, 409, "conflict",
                            "the callback is not bound to this token now", in->path);
            return;
        }
        answer_add_location(answer, config, "/v1/invocations/", &reply->info.guid);
        info_json_status(&answer->content, &reply->info);
        answer_pending(answer, reply);
        return;
    case OUT_RELEASED:
        answer->status = 204;
        text_add_str(&answer->headers, "Cache-Control: no-store\r\n");
        return;
    case OUT_GONE:
        text_add_str(&answer->headers, "X-Callback: gone\r\n");
        break;
    case OUT_UNKNOWN:
        text_add_str(&answer->headers, "X-Callback: unknown\r\n");
        break;
    default:
        break;
    }
    answer_refusal(answer, in, reply);
}

static void native_render(const struct dialect_config *config, const struct http_request *in,
                          const struct op_request *op, struct op_reply *reply,
                          struct http_answer *answer)
{
    bool is_callback = op->kind == OP_COLLECT || op->kind == OP_PEEK || op->kind == OP_RELEASE;
    if (reply->outcome == OUT_ACCEPTED) {
        render_accepted(config, op, reply, answer);
    } else if (is_callback) {
        native_render_callback(config, in, op, reply, answer);
    } else if (reply->outcome == OUT_RESULT) {
        render_function(op, reply, answer);
    } else if (reply->outcome == OUT_STATUS) {
        render_status(config, in, reply, answer);
    } else if (reply->outcome == OUT_CANCELED) {
        answer->status = 200;
        add_status_body(config, &reply->info, answer);
    } else {
        answer_refusal(answer, in, reply);
    }
    result_drop(&reply->result);
}

const struct dialect dialect_native = {
    .name = "native",
    .parse = native_parse,
    .render = native_render,
};
