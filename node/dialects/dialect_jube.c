/* Jube's model invocation and one-shot Callback: API.md section 4. Paths are in any case, as
 * its routing is; its errors have an empty body or a JSON string. */
#include "dialects/answers.h"
#include "dialects/function_headers.h"
#include "dialects/invoke_options.h"
#include "dialects/json_object.h"
#include "dialects/target.h"

#include "base/num.h"
#include "base/timestamp.h"

static const char prefix[] = "/api/invoke/EntityAnalysisModel/";

/* Texts that its clients compare with, faults of spelling included. */
static const char text_empty[] = "\"Content body is zero length.\"";
static const char text_fatal[] = "\"A fatal error has occured in processing.  Please check the "
                                 "logs for more information.\"";
static const char text_full[] =
    "\"Maximum Queue threshold has been reached.  Please wait and retry.\"";

struct jube_path {
    bool is_callback;
    bool is_async; /* any other word behind the model is a synchronous call */
    bool is_guid;
    struct guid guid; /* of the model, or of the entry */
    struct bytes id;  /* as written */
};

/* As .NET reads it: its format P has parentheses. */
static bool read_guid(struct guid *out, struct bytes text)
{
    if (text.size > 2 && text.at[0] == '(' && text.at[text.size - 1] == ')') {
        text = bytes_of(text.at + 1, text.size - 2);
    }
    return target_guid(out, text) == 0;
}

static bool read_path(struct jube_path *out, struct bytes path)
{
    *out = (struct jube_path){0};
    if (!bytes_cut_front_nocase(&path, prefix)) {
        return false;
    }
    struct bytes first = bytes_cut_at(&path, '/');
    struct bytes second = bytes_cut_at(&path, '/');
    if (first.size == 0 || path.size > 0) {
        return false;
    }
    out->is_callback = bytes_is_nocase(first, "Callback") && second.size > 0;
    out->is_async = !out->is_callback && bytes_is_nocase(second, "async");
    out->id = out->is_callback ? second : first;
    out->is_guid = read_guid(&out->guid, out->id);
    return true;
}

static enum dialect_verdict answer_empty(struct http_answer *answer, uint16_t status)
{
    answer->status = status;
    text_add_str(&answer->headers, "Cache-Control: no-store\r\n");
    return DIALECT_ANSWER;
}

/* `text` is a JSON string already. */
static enum dialect_verdict answer_text(struct http_answer *answer, uint16_t status,
                                        const char *text)
{
    text_add_str(&answer->headers, "Content-Type: application/json\r\n");
    text_add_str(&answer->content, text);
    return answer_empty(answer, status);
}

static enum dialect_verdict answer_fault(struct http_answer *answer, const char *fault)
{
    text_add_str(&answer->headers, "Content-Type: application/json\r\n");
    text_add_json(&answer->content, bytes_text(fault));
    return answer_empty(answer, 400);
}

static enum dialect_verdict answer_405(struct http_answer *answer, const char *allow)
{
    http_answer_header(answer, "Allow", bytes_text(allow));
    return answer_empty(answer, 405);
}

static struct bytes function_of(const struct dialect_config *config,
                                const struct jube_path *path)
{
    if (!path->is_guid) {
        return bytes_of(NULL, 0);
    }
    struct bytes function = config->function_of_model(config->owner, &path->guid);
    if (function.size == 0) {
        char text[GUID_TEXT_SIZE];
        guid_print(text, &path->guid);
        function = config->function_named(config->owner, bytes_of(text, sizeof text));
    }
    return function;
}

static enum dialect_verdict parse_invoke(const struct dialect_config *config,
                                         const struct http_request *in, struct text *scratch,
                                         struct op_request *out, struct http_answer *answer)
{
    struct jube_path path;
    read_path(&path, in->path);
    struct bytes function = function_of(config, &path);
    if (function.size == 0) {
        return answer_empty(answer, 404);
    }
    struct op_invoke *invoke = &out->invoke;
    invoke->mode = path.is_async && config->jube_callback_enabled ? INVOKE_ASYNC : INVOKE_SYNC;
    const char *fault = invoke_options_read(config, in, invoke);
    if (fault != NULL) {
        return answer_fault(answer, fault);
    }
    if (!in->head_only && in->body == NULL) {
        return answer_text(answer, 400, text_empty);
    }
    if (!in->head_only && !json_text_is_object(buf_view(in->body))) {
        return answer_text(answer, 400, text_fatal);
    }
    function_headers_add(scratch, config, in, function, PREFER_NOT_OURS);
    out->kind = OP_INVOKE;
    invoke->function = function;
    invoke->request = (struct request_view){
        .method = in->method, .query = in->query, .headers = text_view(scratch)};
    invoke->body = in->body;
    invoke->ttl_ms = config->jube_callback_timeout_ms;
    return DIALECT_OP;
}

/* ?timeout=MS, its name in any case. What is no integer is not there; below 0 is 0. */
static uint64_t read_timeout(const struct dialect_config *config, struct bytes query)
{
    while (query.size > 0) {
        struct bytes value = bytes_cut_at(&query, '&');
        uint64_t timeout_ms;
        if (!bytes_is_nocase(bytes_cut_at(&value, '='), "timeout")) {
            continue;
        }
        bool below_zero = bytes_cut_front(&value, "-");
        if (num_parse(value, INT32_MAX, &timeout_ms) != 0) {
            return OP_WAIT_DEFAULT;
        }
        if (below_zero) {
            return 0;
        }
        return timeout_ms < config->wait_max_ms ? timeout_ms : config->wait_max_ms;
    }
    return OP_WAIT_DEFAULT;
}

static enum dialect_verdict parse_callback(const struct dialect_config *config,
                                           const struct http_request *in,
                                           const struct jube_path *path, struct op_request *out,
                                           struct http_answer *answer)
{
    if (!path->is_guid) {
        return answer_405(answer, "POST"); /* it matches only the other template */
    }
    if (!config->jube_callback_enabled) {
        return answer_empty(answer, 404);
    }
    const char *fault = claim_token_read(in, &out->claim_token);
    if (fault != NULL) {
        return answer_fault(answer, fault);
    }
    out->kind = bytes_is(in->method, "HEAD") ? OP_PEEK : OP_COLLECT;
    out->id = (struct op_id){.space = ID_GUID, .guid = path->guid};
    out->wait_ms = read_timeout(config, in->query);
    out->default_wait_jube = true;
    return DIALECT_OP;
}

static enum dialect_verdict jube_parse(const struct dialect_config *config,
                                       const struct http_request *in, struct text *scratch,
                                       struct op_request *out, struct http_answer *answer)
{
    struct jube_path path;
    if (!read_path(&path, in->path)) {
        return DIALECT_NOT_MINE;
    }
    if (!config->jube_enabled) {
        return answer_empty(answer, 403);
    }
    if (bytes_is(in->method, "POST")) {
        return path.is_callback ? answer_empty(answer, 404)
                                : parse_invoke(config, in, scratch, out, answer);
    }
    bool is_get = bytes_is(in->method, "GET") || bytes_is(in->method, "HEAD");
    if (path.is_callback && is_get) {
        return parse_callback(config, in, &path, out, answer);
    }
    return answer_405(answer, path.is_callback ? "GET, HEAD, POST" : "POST");
}

static void add_guid(struct text *t, const char *name, const struct guid *guid)
{
    text_add_str(t, name);
    char *to = text_reserve(t, GUID_TEXT_SIZE);
    if (to != NULL) {
        guid_print(to, guid);
        text_commit(t, GUID_TEXT_SIZE);
    }
    text_add_char(t, '"');
}

/* The request's object verbatim, between two pieces of ours: the body is not copied. */
static void render_accepted(const struct dialect_config *config, const struct http_request *in,
                            const struct op_reply *reply, struct http_answer *answer)
{
    struct jube_path path;
    read_path(&path, in->path);
    struct text *t = &answer->content;
    text_add_str(t, ",\"entityAnalysisModelInstanceName\":");
    text_add_json(t, config->node_name);
    text_add_str(t, ",\"createdDate\":\"");
    timestamp_add_dotnet(t, reply->info.created_at_ms);
    add_guid(t, "\",\"entityAnalysisModelGuid\":\"", &path.guid);
    add_guid(t, ",\"entityAnalysisModelInstanceGuid\":\"", &config->instance_guid);
    add_guid(t, ",\"entityAnalysisModelInstanceEntryGuid\":\"", &reply->info.guid);
    text_add_char(t, '}');

    answer->status = 200;
    text_add_str(&answer->headers,
                 "Content-Type: application/json\r\nCache-Control: no-store\r\n");
    answer->before = bytes_text("{\"payload\":");
    answer->stored_body = buf_share(in->body);
    answer->after = text_view(t);
}

/* Without its parameters; empty: the function gave none. */
static struct bytes media_type_of(struct bytes headers)
{
    while (headers.size > 0) {
        struct bytes line = bytes_cut_at(&headers, '\n');
        if (bytes_is_nocase(bytes_cut_at(&line, ':'), "Content-Type")) {
            line = bytes_cut_at(&line, '\r');
            return bytes_trim(bytes_cut_at(&line, ';'));
        }
    }
    return bytes_of(NULL, 0);
}

/* 200 and its JSON, said to be that whatever the function calls it: a program answers with the
 * request's own type, which Jube does not look at. Of a failure its clients know nothing but
 * 404; with strict codes they are told the function's own. */
static void render_result(const struct dialect_config *config, struct op_reply *reply,
                          struct http_answer *answer)
{
    struct result *result = &reply->result;
    answer_add_call_id(answer, &reply->info);
    if (result->failed && !config->jube_strict_codes) {
        answer_add_number(answer, "X-Function-Status", result->status);
        answer_empty(answer, 404);
        return;
    }
    text_add_str(&answer->headers, "Cache-Control: no-store\r\n");
    struct bytes type = media_type_of(buf_view(result->headers));
    if (type.size == 0 || (!result->failed && !bytes_is_nocase(type, "application/json"))) {
        text_add_str(&answer->headers, "Content-Type: application/json\r\n");
    }
    answer_function(answer, reply);
    answer->status = result->failed ? result->status : 200;
}

static void render_refusal(const struct dialect_config *config, const struct op_reply *reply,
                           struct http_answer *answer)
{
    switch (reply->outcome) {
    case OUT_QUEUE_FULL:
    case OUT_TENANT_FULL:
        answer_add_retry_after(answer, &reply->info);
        answer_text(answer, config->jube_strict_codes ? 429 : 400, text_full);
        return;
    case OUT_DRAINING:
    case OUT_NO_MEMORY:
    case OUT_NO_QUORUM:
    case OUT_NOT_REPLICATED:
        answer_add_retry_after(answer, &reply->info);
        answer_empty(answer, 503);
        return;
    case OUT_BAD_REQUEST:
        answer_fault(answer, reply->detail != NULL ? reply->detail : "bad request");
        return;
    case OUT_IDEMPOTENCY_MISMATCH:
        answer_empty(answer, 422);
        return;
    case OUT_ID_IN_USE:
        answer_empty(answer, 409);
        return;
    case OUT_GONE:
        answer_empty(answer, config->jube_strict_codes ? 410 : 404);
        return;
    default:
        answer_empty(answer, 404); /* pending at the end of the wait, and unknown */
    }
}

static void jube_render(const struct dialect_config *config, const struct http_request *in,
                        const struct op_request *op, struct op_reply *reply,
                        struct http_answer *answer)
{
    (void)op;
    if (reply->outcome == OUT_ACCEPTED) {
        render_accepted(config, in, reply, answer);
    } else if (reply->outcome == OUT_RESULT || reply->outcome == OUT_READY) {
        render_result(config, reply, answer);
    } else {
        render_refusal(config, reply, answer);
    }
    result_drop(&reply->result);
}

const struct dialect dialect_jube = {
    .name = "jube",
    .has_no_problems = true,
    .parse = jube_parse,
    .render = jube_render,
};
