#include "lib_exchange.h"

#include "dialects/openapi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const functions[] = {"echo", "score", "dotted.name"};

static struct bytes function_named(void *owner, struct bytes name)
{
    (void)owner;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (bytes_is(name, functions[i])) {
            return bytes_text(functions[i]);
        }
    }
    return bytes_of(NULL, 0);
}

static struct bytes function_of_model(void *owner, const struct guid *model)
{
    (void)owner;
    struct guid known;
    assert_int_equal(guid_parse(&known, bytes_text(MODEL_GUID)), 0);
    return guid_equal(model, &known) ? bytes_text("score") : bytes_of(NULL, 0);
}

static void each_function(void *owner, void (*visit)(void *arg, struct bytes name), void *arg)
{
    (void)owner;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        visit(arg, bytes_text(functions[i]));
    }
}

void exchange_init(struct exchange *x)
{
    *x = (struct exchange){0};
    x->config = (struct dialect_config){
        .status_pending_code = 200,
        .status_done_code = 303,
        .wait_max_ms = 60000,
        .jube_enabled = true,
        .jube_callback_enabled = true,
        .jube_callback_timeout_ms = 3000,
        .node_name = bytes_text("node-1"),
        .function_named = function_named,
        .function_of_model = function_of_model,
        .each_function = each_function,
    };
    assert_int_equal(guid_parse(&x->config.instance_guid, bytes_text(INSTANCE)), 0);
    assert_int_equal(openapi_make(&x->config.openapi), 0);
}

static void clear_answer(struct exchange *x)
{
    text_fini(&x->answer.headers);
    text_fini(&x->answer.content);
    buf_drop(&x->answer.stored_headers);
    buf_drop(&x->answer.stored_body);
    x->answer = (struct http_answer){0};
    buf_drop(&x->in.body);
}

void exchange_fini(struct exchange *x)
{
    clear_answer(x);
    buf_drop(&x->config.openapi);
    text_fini(&x->scratch);
    text_fini(&x->got);
}

static void read_headers(struct exchange *x, struct bytes *rest)
{
    x->in.headers = x->headers;
    x->in.header_count = 0;
    for (;;) {
        struct bytes line = bytes_cut_at(rest, '\n');
        if (line.size == 0) {
            return;
        }
        assert_true(x->in.header_count < HEADERS_MAX);
        struct http_header *h = &x->headers[x->in.header_count++];
        h->name = bytes_cut_at(&line, ':');
        h->value = bytes_trim(line);
    }
}

void ask(struct exchange *x, const char *raw)
{
    clear_answer(x);
    x->in = (struct http_request){.peer = bytes_text("192.0.2.7")};
    struct bytes rest = bytes_text(raw);
    struct bytes line = bytes_cut_at(&rest, '\n');
    x->in.method = bytes_cut_at(&line, ' ');
    x->in.target = line;
    x->in.path = bytes_cut_at(&line, '?');
    x->in.query = line;
    x->in.is_head = bytes_is(x->in.method, "HEAD");
    read_headers(x, &rest);
    if (rest.size > 0) {
        assert_int_equal(buf_copy(&x->in.body, NULL, rest), 0);
        x->in.content_length = rest.size;
    }
    x->routing = dialect_route(&x->config, &x->in, &x->scratch, &x->op, &x->answer);
}

void reply_with(struct exchange *x, struct op_reply *reply)
{
    assert_int_equal(x->routing.verdict, DIALECT_OP);
    x->routing.dialect->render(&x->config, &x->in, &x->op, reply, &x->answer);
    assert_null(reply->result.headers);
    assert_null(reply->result.body);
}

struct op_reply reply_of(enum op_outcome outcome, enum invocation_state state)
{
    struct op_reply reply = {.outcome = outcome};
    struct invocation_info *info = &reply.info;
    assert_int_equal(guid_parse(&info->guid, bytes_text(GUID_A)), 0);
    info->function = bytes_text("echo");
    info->node = bytes_text("node-1");
    info->state = state;
    info->created_at_ms = AT_MS;
    info->retry_after_s = 2;
    if (state == INVOCATION_QUEUED) {
        info->queue_position = 3;
    } else {
        info->started_at_ms = AT_MS + 100;
        info->attempt = 1;
    }
    if (state > INVOCATION_RUNNING) {
        info->completed_at_ms = AT_MS + 1250;
        info->expires_at_ms = AT_MS + 61250;
        info->result_status = state == INVOCATION_FAILED ? 500 : 200;
    }
    if (invocation_state_is_final(state)) {
        info->ended_at_ms = AT_MS + 2000;
        info->expires_at_ms = 0;
    }
    return reply;
}

struct op_reply reply_result(enum op_outcome outcome, uint16_t status, const char *headers,
                             const char *body)
{
    struct op_reply reply =
        reply_of(outcome, status >= 400 ? INVOCATION_FAILED : INVOCATION_SUCCEEDED);
    reply.result.status = status;
    reply.result.failed = status >= 400;
    reply.duration_ms = 1150;
    assert_int_equal(buf_copy(&reply.result.headers, NULL, bytes_text(headers)), 0);
    assert_int_equal(buf_copy(&reply.result.body, NULL, bytes_text(body)), 0);
    return reply;
}

static void add_without_returns(struct text *t, struct bytes b)
{
    for (size_t i = 0; i < b.size; i++) {
        if (b.at[i] != '\r') {
            text_add_char(t, (char)b.at[i]);
        }
    }
}

static const char *answer_text(struct exchange *x)
{
    const struct http_answer *a = &x->answer;
    struct text *t = &x->got;
    assert_false(text_failed(&a->headers) || text_failed(&a->content));
    text_clear(t);
    text_add_num(t, a->status);
    text_add_char(t, '\n');
    add_without_returns(t, text_view(&a->headers));
    add_without_returns(t, buf_view(a->stored_headers));
    text_add_char(t, '\n');
    if (a->stored_body != NULL) {
        text_add(t, a->before);
        text_add(t, buf_view(a->stored_body));
        text_add(t, a->after);
    } else {
        text_add(t, text_view(&a->content));
    }
    text_add_char(t, '\0');
    return t->at;
}

void answer_is(struct exchange *x, const char *expected)
{
    assert_string_equal(answer_text(x), expected);
}

static bool contains(struct exchange *x, const char *part)
{
    return strstr(answer_text(x), part) != NULL;
}

void answer_has(struct exchange *x, const char *part)
{
    if (!contains(x, part)) {
        fail_msg("\"%s\" is not in the answer:\n%s", part, x->got.at);
    }
}

void answer_lacks(struct exchange *x, const char *part)
{
    if (contains(x, part)) {
        fail_msg("\"%s\" is in the answer:\n%s", part, x->got.at);
    }
}

void answer_status_is(const struct exchange *x, uint16_t status)
{
    assert_int_equal(x->answer.status, status);
}

void bytes_are(struct bytes got, const char *expected)
{
    if (!bytes_is(got, expected)) {
        fail_msg("\"%.*s\" is not \"%s\"", BYTES_ARG(got), expected);
    }
}
