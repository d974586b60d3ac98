/* Any request that the front lets through, by the dialects, and any reply rendered to it.
 *
 * The input is "METHOD target\nName: value\n...\n\nbody"; what the front would have refused is
 * mended here, as no dialect ever sees it. Beyond not crashing: somebody takes every request,
 * every answer has a status, and neither the answer's headers nor the function's hold a line
 * that nobody meant (response splitting). */
#include "fuzz.h"

#include "core/webhook_url.h"
#include "dialects/dialect.h"
#include "dialects/openapi.h"

#include <assert.h>
#include <stdlib.h>

#define HEADERS_MAX 32
#define TEXT_MAX    4096u

static struct bytes function_named(void *owner, struct bytes name)
{
    (void)owner;
    return bytes_is(name, "echo") ? bytes_text("echo") : bytes_of(NULL, 0);
}

static struct bytes function_of_model(void *owner, const struct guid *model)
{
    (void)owner;
    return model->at[0] == 0x90 ? bytes_text("echo") : bytes_of(NULL, 0);
}

static void each_function(void *owner, void (*visit)(void *arg, struct bytes name), void *arg)
{
    (void)owner;
    visit(arg, bytes_text("echo"));
}

struct input {
    char text[TEXT_MAX]; /* the head, mended */
    struct http_header headers[HEADERS_MAX];
    struct http_request request;
};

/* A value has no control characters but the tab. */
static void mend(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t c = (uint8_t)text[i];
        if (c == 0x7f || (c < 0x20 && c != '\n' && c != '\t')) {
            text[i] = '?';
        }
    }
}

static void read_input(struct input *in, struct bytes data)
{
    struct http_request *r = &in->request;
    struct bytes head = data;
    const uint8_t *gap = memmem(data.at, data.size, "\n\n", 2);
    if (gap != NULL) {
        head.size = (size_t)(gap - data.at);
        data = bytes_of(gap + 2, data.size - head.size - 2);
    } else {
        data.size = 0;
    }
    head.size = head.size < TEXT_MAX ? head.size : TEXT_MAX;
    memcpy(in->text, head.at, head.size);
    mend(in->text, head.size);
    struct bytes rest = bytes_of(in->text, head.size);
    struct bytes line = bytes_cut_at(&rest, '\n');
    *r = (struct http_request){.peer = bytes_text("192.0.2.7"), .headers = in->headers};
    r->method = bytes_cut_at(&line, ' ');
    r->target = line.size > 0 ? line : bytes_text("*");
    line = r->target;
    r->path = bytes_cut_at(&line, '?');
    r->query = line;
    if (r->path.size == 0) {
        r->path = bytes_text("/");
    }
    while (rest.size > 0 && r->header_count < HEADERS_MAX) {
        line = bytes_cut_at(&rest, '\n');
        struct http_header *h = &in->headers[r->header_count];
        h->name = bytes_cut_at(&line, ':');
        h->value = bytes_trim(line);
        r->header_count += h->name.size > 0;
    }
    if (data.size > 0) {
        int rc = buf_copy(&r->body, NULL, data);
        assert(rc == 0);
    }
}

/* Lines of "name: value\r\n" and nothing else. */
static void check_lines(struct bytes lines)
{
    while (lines.size > 0) {
        struct bytes line = bytes_cut_at(&lines, '\n');
        assert(line.size > 3 && line.at[line.size - 1] == '\r');
        assert(memchr(line.at, '\r', line.size - 1) == NULL);
        assert(memchr(line.at, '\0', line.size) == NULL);
        assert(memmem(line.at, line.size, ": ", 2) != NULL);
    }
}

static void check_answer(struct http_answer *answer)
{
    assert(answer->status >= 200 && answer->status <= 599);
    check_lines(text_view(&answer->headers));
    text_fini(&answer->headers);
    text_fini(&answer->content);
    buf_drop(&answer->stored_headers);
    buf_drop(&answer->stored_body);
    *answer = (struct http_answer){0};
}

static bool is_possible(const struct op_request *op, enum op_outcome outcome)
{
    switch (outcome) {
    case OUT_ACCEPTED:
        return op->kind == OP_INVOKE && op->invoke.mode != INVOKE_SYNC;
    case OUT_RESULT:
        return op->kind == OP_INVOKE || op->kind == OP_COLLECT;
    case OUT_PENDING:
        return op->kind == OP_COLLECT || op->kind == OP_PEEK || op->kind == OP_RELEASE;
    case OUT_READY:
        return op->kind == OP_PEEK;
    case OUT_STATUS:
        return op->kind == OP_STATUS;
    case OUT_CANCELED:
        return op->kind == OP_CANCEL;
    case OUT_RELEASED:
        return op->kind == OP_RELEASE;
    default:
        return true;
    }
}

static void render_all(const struct dialect_config *config, const struct dialect *dialect,
                       const struct http_request *in, const struct op_request *op)
{
    for (int outcome = 0; outcome < OUT_COUNT; outcome++) {
        if (!is_possible(op, (enum op_outcome)outcome)) {
            continue;
        }
        struct http_answer answer = {0};
        struct op_reply reply = {.outcome = (enum op_outcome)outcome};
        reply.info.function = bytes_text("echo");
        reply.info.client_id = op->invoke.client_id.text;
        reply.info.state = (enum invocation_state)(outcome % INVOCATION_STATE_COUNT);
        reply.info.created_at_ms = 1795176000000u;
        if (outcome == OUT_RESULT || outcome == OUT_READY) {
            reply.result.status = 200;
            int rc = buf_copy(&reply.result.headers, NULL,
                              bytes_text("Date: x\r\nx-call-id: 1\r\nA: b\r\n"));
            assert(rc == 0);
        }
        dialect->render(config, in, op, &reply, &answer);
        assert(reply.result.headers == NULL && reply.result.body == NULL);
        check_answer(&answer);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dialect_config config = {.status_pending_code = 200,
                                           .status_done_code = 303,
                                           .wait_max_ms = 60000,
                                           .jube_enabled = true,
                                           .jube_callback_enabled = true,
                                           .jube_callback_timeout_ms = 3000,
                                           .function_named = function_named,
                                           .function_of_model = function_of_model,
                                           .each_function = each_function};
    if (config.openapi == NULL && openapi_make(&config.openapi) != 0) {
        abort();
    }
    if (size == 0) {
        return 0;
    }
    struct input in;
    struct text scratch = {0};
    struct op_request op;
    struct http_answer answer = {0};
    read_input(&in, bytes_of(data, size));
    struct dialect_routing routing =
        dialect_route(&config, &in.request, &scratch, &op, &answer);
    if (routing.verdict == DIALECT_ANSWER) {
        check_answer(&answer);
    } else {
        assert(routing.verdict == DIALECT_OP);
        check_lines(op.invoke.request.headers);
        assert(op.wait_ms <= config.wait_max_ms || op.wait_ms == OP_WAIT_DEFAULT);
        render_all(&config, routing.dialect, &in.request, &op);
    }
    text_fini(&scratch);
    buf_drop(&in.request.body);
    webhook_url_fault(bytes_of(data, size), NULL);
    webhook_allow_is_valid(bytes_of(data, size));
    return 0;
}
