/* Verda's asynchronous inference: API.md section 6. The deployment is a function and the
 * first segment of the path; the id travels in X-Inference-Id. */
#include "dialects/answers.h"
#include "dialects/function_headers.h"
#include "dialects/invoke_options.h"
#include "dialects/native.h"
#include "dialects/prefer.h"
#include "dialects/target.h"

enum verda_mode {
    VERDA_SYNC,      /* no preference that it knows */
    VERDA_ASYNC,     /* respond-async */
    VERDA_PROXY,     /* respond-async-proxy: fire and forget */
    VERDA_CONTAINER, /* respond-async-container: the function's own business */
};

/* The first preference that it knows counts. */
static enum verda_mode mode_of(const struct http_request *in)
{
    struct prefer_walk w = prefer_walk(in);
    struct preference one;
    while (prefer_next(&w, &one)) {
        if (bytes_is_nocase(one.name, "respond-async")) {
            return VERDA_ASYNC;
        }
        if (bytes_is_nocase(one.name, "respond-async-proxy")) {
            return VERDA_PROXY;
        }
        if (bytes_is_nocase(one.name, "respond-async-container")) {
            return VERDA_CONTAINER;
        }
    }
    return VERDA_SYNC;
}

/* ANY /{deployment}[/{path}] */
static enum dialect_verdict parse_call(const struct dialect_config *config,
                                       const struct http_request *in, struct text *scratch,
                                       struct op_request *out, struct http_answer *answer)
{
    struct bytes path = bytes_of(in->path.at + 1, in->path.size - 1);
    struct op_invoke *invoke = &out->invoke;
    invoke->function = target_function(config, target_cut_segment(&path));
    if (invoke->function.size == 0) {
        return DIALECT_NOT_MINE;
    }
    enum verda_mode mode = mode_of(in);
    invoke->mode = mode == VERDA_ASYNC || mode == VERDA_PROXY ? INVOKE_ASYNC : INVOKE_SYNC;
    invoke->drop_result = mode == VERDA_PROXY;
    const char *fault = invoke_options_read(config, in, invoke);
    if (fault == NULL && mode == VERDA_ASYNC) {
        fault = chosen_id_read(in, "X-Inference-Id", &invoke->client_id.text);
    }
    if (fault != NULL) {
        return answer_bad_request(answer, in, fault);
    }
    invoke->client_id.space = invoke->client_id.text.size > 0 ? ID_INFERENCE : ID_GUID;
    function_headers_add(scratch, config, in, invoke->function,
                         mode == VERDA_SYNC    ? PREFER_NOT_OURS
                         : mode == VERDA_ASYNC ? PREFER_HONOURED
                                               : PREFER_FOR_FUNCTION);
    invoke->request = (struct request_view){
        .method = in->method, .path = path, .query = in->query, .headers = text_view(scratch)};
    invoke->body = in->body;
    out->kind = OP_INVOKE;
    return DIALECT_OP;
}

/* GET /status/{deployment} and /result/{deployment}, with X-Inference-Id. */
static enum dialect_verdict parse_question(const struct dialect_config *config,
                                           const struct http_request *in,
                                           struct bytes deployment, struct op_request *out,
                                           struct http_answer *answer)
{
    struct bytes path = in->path;
    bool is_result = bytes_cut_front(&path, "/result/");
    if (!bytes_is(in->method, "GET") && !bytes_is(in->method, "HEAD")) {
        return answer_not_allowed(answer, in, "GET, HEAD");
    }
    out->function = target_function(config, deployment);
    if (out->function.size == 0) {
        return answer_unknown_function(answer, in);
    }
    struct bytes id;
    const char *fault = chosen_id_read(in, "X-Inference-Id", &id);
    if (fault == NULL && id.size == 0) {
        fault = "X-Inference-Id: the id of the inference request is needed";
    }
    if (fault != NULL) {
        return answer_bad_request(answer, in, fault);
    }
    out->id = target_id(id, ID_INFERENCE);
    out->kind = OP_STATUS;
    return is_result ? native_parse_collect(config, in, out, answer) : DIALECT_OP;
}

static enum dialect_verdict verda_parse(const struct dialect_config *config,
                                        const struct http_request *in, struct text *scratch,
                                        struct op_request *out, struct http_answer *answer)
{
    struct bytes rest = in->path;
    if (rest.size < 2 || rest.at[0] != '/') {
        return DIALECT_NOT_MINE;
    }
    if (bytes_cut_front(&rest, "/status/") || bytes_cut_front(&rest, "/result/")) {
        return rest.size == 0 ? DIALECT_NOT_MINE
                              : parse_question(config, in, rest, out, answer);
    }
    return parse_call(config, in, scratch, out, answer);
}

/* The id that the client chose, or ours. */
static struct bytes id_text(const struct invocation_info *info, char guid[GUID_TEXT_SIZE])
{
    if (info->client_id.size > 0) {
        return info->client_id;
    }
    guid_print(guid, &info->guid);
    return bytes_of(guid, GUID_TEXT_SIZE);
}

static void begin_json(struct http_answer *answer, uint16_t status)
{
    answer->status = status;
    /* Its client compares Content-Type as a whole: no charset may follow. */
    text_add_str(&answer->headers,
                 "Content-Type: application/json\r\nCache-Control: no-store\r\n");
}

/* When it is accepted again by its idempotency key it may have ended, and then the core no
 * longer knows the client's id. */
static struct bytes accepted_id(const struct op_request *op, const struct invocation_info *info,
                                char guid[GUID_TEXT_SIZE])
{
    bool is_forgotten = info->client_id.size == 0 && op->invoke.client_id.text.size > 0;
    return is_forgotten ? op->invoke.client_id.text : id_text(info, guid);
}

static void render_accepted(const struct op_request *op, const struct op_reply *reply,
                            struct http_answer *answer)
{
    if (op->invoke.drop_result) {
        answer->status = 202;
        text_add_str(&answer->headers, "Cache-Control: no-store\r\n");
        return;
    }
    char guid[GUID_TEXT_SIZE];
    struct bytes id = accepted_id(op, &reply->info, guid);
    begin_json(answer, 202);
    http_answer_header(answer, "X-Inference-Id", id);
    text_add_str(&answer->headers, "Location: /result/");
    text_add(&answer->headers, reply->info.function);
    text_add_str(&answer->headers, "\r\n");
    answer_add_retry_after(answer, &reply->info);

    struct text *t = &answer->content;
    text_add_str(t, "{\"Id\":");
    text_add_json(t, id);
    text_add_str(t, ",\"StatusPath\":\"/status/");
    text_add(t, reply->info.function);
    text_add_str(t, "\",\"ResultPath\":\"/result/");
    text_add(t, reply->info.function);
    text_add_str(t, "\"}");
}

/* "Error" of what did not end well; there is no status word for that. False: there is none. */
static bool add_error(struct text *t, const struct invocation_info *info)
{
    if (info->state == INVOCATION_CANCELED) {
        text_add_str(t, "\"the inference request was canceled\"");
    } else if (info->state == INVOCATION_EXPIRED) {
        text_add_str(t, "\"nobody collected the result within its time to live\"");
    } else if (info->state == INVOCATION_FAILED || info->result_status >= 400) {
        text_add_str(t, "\"the inference failed with status ");
        text_add_num(t, info->result_status);
        text_add_char(t, '"');
    } else {
        return false;
    }
    return true;
}

/* The id that was asked for: of what has ended, the core no longer knows the client's. */
static struct bytes asked_id(const struct op_request *op, const struct invocation_info *info,
                             char guid[GUID_TEXT_SIZE])
{
    return op->id.space == ID_INFERENCE ? op->id.text : id_text(info, guid);
}

static void add_status(struct text *t, const struct op_request *op,
                       const struct invocation_info *info)
{
    char guid[GUID_TEXT_SIZE];
    text_add_str(t, "{\"Id\":");
    text_add_json(t, asked_id(op, info, guid));
    text_add_str(t, ",\"Error\":");
    if (!add_error(t, info)) {
        text_add_str(t, "null");
    }
    text_add_str(t, info->state == INVOCATION_QUEUED    ? ",\"Status\":\"Queue\"}"
                    : info->state == INVOCATION_RUNNING ? ",\"Status\":\"Inference\"}"
                                                        : ",\"Status\":\"Completed\"}");
}

static void add_inference_id(struct http_answer *answer, const struct op_request *op,
                             const struct invocation_info *info)
{
    char guid[GUID_TEXT_SIZE];
    http_answer_header(answer, "X-Inference-Id", asked_id(op, info, guid));
}

static void render_result(const struct dialect_config *config, const struct http_request *in,
                          const struct op_request *op, struct op_reply *reply,
                          struct http_answer *answer)
{
    if (reply->outcome == OUT_RESULT || reply->outcome == OUT_READY) {
        add_inference_id(answer, op, &reply->info);
    }
    if (reply->outcome != OUT_PENDING) {
        native_render_callback(config, in, op, reply, answer);
        return;
    }
    add_inference_id(answer, op, &reply->info);
    add_status(&answer->content, op, &reply->info);
    text_add_str(&answer->headers, "Location: /status/");
    text_add(&answer->headers, reply->info.function);
    text_add_str(&answer->headers, "\r\n");
    answer_pending(answer, reply);
}

static void verda_render(const struct dialect_config *config, const struct http_request *in,
                         const struct op_request *op, struct op_reply *reply,
                         struct http_answer *answer)
{
    if (reply->outcome == OUT_ACCEPTED) {
        render_accepted(op, reply, answer);
    } else if (op->kind == OP_COLLECT || op->kind == OP_PEEK) {
        render_result(config, in, op, reply, answer);
    } else if (reply->outcome == OUT_STATUS) {
        begin_json(answer, 200);
        add_inference_id(answer, op, &reply->info);
        add_status(&answer->content, op, &reply->info);
    } else if (reply->outcome == OUT_RESULT) {
        add_inference_id(answer, op, &reply->info);
        answer_add_call_id(answer, &reply->info);
        text_add_str(&answer->headers, "Vary: Prefer\r\n");
        answer_function(answer, reply);
    } else {
        answer_refusal(answer, in, reply);
    }
    result_drop(&reply->result);
}

const struct dialect dialect_verda = {
    .name = "verda",
    .parse = verda_parse,
    .render = verda_render,
};
