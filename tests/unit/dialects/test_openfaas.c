/* API.md section 5. */
#include "lib_exchange.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

EXCHANGE_FIXTURE(x)

static void calls_name_the_function_with_or_without_a_namespace(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *function, *path, *query, *call_id;
        enum invoke_mode mode;
    } cases[] = {
        {"POST /function/echo\n\nx", "echo", "", "", "", INVOKE_SYNC},
        {"DELETE /function/echo.openfaas-fn/a%2Fb?q=%20\n\n", "echo", "/a%2Fb", "q=%20", "",
         INVOKE_SYNC},
        {"GET /function/dotted.name\nX-Call-Id: trace-1\n\n", "dotted.name", "", "", "trace-1",
         INVOKE_SYNC},
        {"POST /function/dotted.name.ns/\n\n", "dotted.name", "/", "", "", INVOKE_SYNC},
        {"POST /async-function/echo\n\nx", "echo", "", "", "", INVOKE_ASYNC},
        {"POST /async-function/echo.openfaas-fn/main.css?user=1\nX-Call-Id: my/id 1\n\nx",
         "echo", "/main.css", "user=1", "my/id 1", INVOKE_ASYNC},
        {"POST /async-function/echo\nPrefer: wait=3\nX-Call-Id:\n\nx", "echo", "", "", "",
         INVOKE_ASYNC},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(&x, cases[i].raw);
        assert_int_equal(x.routing.verdict, DIALECT_OP);
        assert_string_equal(x.routing.dialect->name, "openfaas");
        const struct op_invoke *invoke = &x.op.invoke;
        assert_int_equal(x.op.kind, OP_INVOKE);
        assert_int_equal(invoke->mode, cases[i].mode);
        bytes_are(invoke->function, cases[i].function);
        bytes_are(invoke->request.path, cases[i].path);
        bytes_are(invoke->request.query, cases[i].query);
        bytes_are(invoke->client_id.text, cases[i].call_id);
        assert_int_equal(invoke->client_id.space,
                         cases[i].call_id[0] == '\0' ? ID_GUID : ID_CALL);
        assert_ptr_equal(invoke->body, x.in.body);
    }
}

static void callback_urls_are_checked_before_anything_is_accepted(void **state)
{
    (void)state;
    ask(&x, "POST /async-function/echo\nX-Callback-Url: http://example.com/x\n\n");
    assert_int_equal(x.routing.verdict, DIALECT_OP);
    bytes_are(x.op.invoke.callback_url, "http://example.com/x");
    static const char *const bad[] = {"foo",
                                      "ftp://h/x",
                                      "http://",
                                      "http://127.1:8080/",
                                      "http://[::ffff:10.0.0.1]/",
                                      "http://user:pw@h/"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct text raw = {0};
        text_addf(&raw, "POST /async-function/echo\nX-Callback-Url: %s\n\n%c", bad[i], 0);
        ask(&x, raw.at);
        assert_int_equal(x.routing.verdict, DIALECT_ANSWER);
        answer_status_is(&x, 400);
        answer_has(&x, "X-Callback-Url: ");
        text_fini(&raw);
    }
    /* On a synchronous call it is a header like any other. */
    ask(&x, "POST /function/echo\nX-Callback-Url: foo\n\n");
    assert_int_equal(x.routing.verdict, DIALECT_OP);
    assert_int_equal(x.op.invoke.callback_url.size, 0);
}

static void a_call_id_in_the_path_is_collected_or_canceled(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        enum op_kind kind;
        enum id_space space;
        const char *id;
    } cases[] = {
        {"GET /async-function/" GUID_A "?wait=0\n\n", OP_COLLECT, ID_GUID, GUID_A},
        {"HEAD /async-function/" GUID_A "\n\n", OP_PEEK, ID_GUID, GUID_A},
        {"GET /async-function/order/17\n\n", OP_COLLECT, ID_CALL, "order/17"},
        {"DELETE /async-function/order-17\n\n", OP_CANCEL, ID_CALL, "order-17"},
        {"DELETE /async-function/" MODEL_GUID "\n\n", OP_CANCEL, ID_CALL, MODEL_GUID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(&x, cases[i].raw);
        assert_int_equal(x.routing.verdict, DIALECT_OP);
        assert_int_equal(x.op.kind, cases[i].kind);
        assert_int_equal(x.op.id.space, cases[i].space);
        assert_true(x.op.id.is_encoded);
        bytes_are(x.op.id.text, cases[i].id);
    }
}

static void other_requests_are_answered_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        uint16_t status;
        const char *part;
    } cases[] = {
        {"GET /async-function/echo\n\n", 405, "\nAllow: POST\n"},
        {"HEAD /async-function/echo.openfaas-fn/x\n\n", 405, "\nAllow: POST\n"},
        {"DELETE /async-function/echo\n\n", 405, "\nAllow: POST\n"},
        {"PUT /async-function/order-17\n\n", 405, "\nAllow: GET, HEAD, DELETE, POST\n"},
        {"POST /async-function/nobody\n\nx", 404, "/problems/unknown-function"},
        {"POST /function/nobody.openfaas-fn\n\nx", 404, "/problems/unknown-function"},
        {"POST /function/na%20me\n\nx", 404, "/problems/unknown-function"},
        {"POST /function/\n\nx", 404, "/problems/unknown-route"},
        {"POST /async-function\n\nx", 404, "/problems/unknown-route"},
        {"POST /async-function/echo\nX-Call-Id: caf\xe9\n\nx", 400, "/problems/bad-request"},
        {"GET /healthz\n\n", 200, "\nContent-Type: text/plain; charset=utf-8\n"},
        {"GET /healthz\n\n", 200, "\n\nOK"},
        {"POST /healthz\n\n", 405, "\nAllow: GET, HEAD\n"},
        {"GET /system/info\n\n", 200,
         "{\"provider\":{\"provider\":\"callbackd\",\"version\":{"},
        {"GET /system/info\n\n", 200, "\"orchestration\":\"callbackd\""},
        {"GET /system/functions\n\n", 200, "[{\"name\":\"echo\","},
        {"GET /system/functions\n\n", 200, "\"availableReplicas\":1},{\"name\":\"score\","},
        {"POST /system/functions\n\n{}", 405, "\nAllow: GET, HEAD\n"},
        {"GET /system/namespaces\n\n", 200, "\n\n[\"openfaas-fn\"]"},
        {"GET /system/namespace/openfaas-fn\n\n", 200, "\n\n{\"name\":\"openfaas-fn\"}"},
        {"GET /system/namespace/dev\n\n", 404, "the one namespace is openfaas-fn"},
        {"POST /system/namespace/\n\n{}", 405, "\nAllow: GET, HEAD\n"},
        {"GET /system/function/echo.openfaas-fn\n\n", 200,
         "\n\n{\"name\":\"echo\",\"image\":\"\",\"namespace\":\"openfaas-fn\",\"labels\":{"
         "\"faas_function\":\"echo\"},\"annotations\":{},\"invocationCount\":0,\"replicas\":1,"
         "\"availableReplicas\":1}"},
        {"GET /system/function/nobody\n\n", 404, "/problems/unknown-function"},
        {"GET /system/secrets\n\n", 404, "/problems/unknown-route"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(&x, cases[i].raw);
        assert_int_equal(x.routing.verdict, DIALECT_ANSWER);
        answer_status_is(&x, cases[i].status);
        answer_has(&x, cases[i].part);
    }
}

static void accepted_is_202_and_empty(void **state)
{
    (void)state;
    ask(&x, "POST /async-function/echo\n\nx");
    struct op_reply reply = reply_of(OUT_ACCEPTED, INVOCATION_QUEUED);
    reply_with(&x, &reply);
    answer_is(&x, "202\nX-Call-Id: " GUID_A "\nX-Start-Time: 1795176000000000000\n"
                  "Location: /v1/invocations/" GUID_A "\nRetry-After: 2\n"
                  "Cache-Control: no-store\n\n");

    ask(&x, "POST /async-function/echo\nX-Call-Id: mine\n\nx");
    reply = reply_of(OUT_ACCEPTED, INVOCATION_QUEUED);
    reply_with(&x, &reply);
    answer_has(&x, "202\nX-Call-Id: mine\n");
    answer_has(&x, "\nLocation: /v1/invocations/" GUID_A "\n");
}

static void a_synchronous_answer_carries_three_headers(void **state)
{
    (void)state;
    ask(&x, "POST /function/echo\nX-Call-Id: mine\n\nx");
    struct op_reply reply = reply_result(
        OUT_RESULT, 302, "Location: /x\r\nX-Start-Time: 1\r\nX-Duration-Seconds: 2\r\n", "y");
    reply_with(&x, &reply);
    answer_is(&x, "302\nX-Call-Id: mine\nX-Start-Time: 1795176000000000000\n"
                  "X-Duration-Seconds: 1.150000\nLocation: /x\n\ny");
}

static void outcomes_have_their_codes(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        enum op_outcome outcome;
        uint16_t status;
        const char *part;
    } cases[] = {
        {"GET /async-function/mine\n\n", OUT_PENDING, 202, "\nX-Callback: pending\n"},
        {"GET /async-function/mine\n\n", OUT_GONE, 410, "\nX-Callback: gone\n"},
        {"GET /async-function/mine\n\n", OUT_UNKNOWN, 404, "\nX-Callback: unknown\n"},
        {"GET /async-function/mine\n\n", OUT_NO_QUORUM, 503, "\nRetry-After: 2\n"},
        {"DELETE /async-function/mine\n\n", OUT_CANCELED, 202, "\n\n"},
        {"DELETE /async-function/mine\n\n", OUT_CONFLICT, 404, "has ended already"},
        {"DELETE /async-function/mine\n\n", OUT_UNKNOWN, 404, "/problems/unknown-invocation"},
        {"POST /async-function/echo\n\n", OUT_ID_IN_USE, 409, "is in use already"},
        {"POST /async-function/echo\n\n", OUT_QUEUE_FULL, 429, "\nRetry-After: 2\n"},
        {"POST /async-function/echo\n\n", OUT_NOT_REPLICATED, 503, "\nRetry-After: 2\n"},
        {"POST /function/echo\n\n", OUT_DRAINING, 503, "\nRetry-After: 2\n"},
        {"POST /function/echo\n\n", OUT_NO_MEMORY, 503, "/problems/out-of-memory"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(&x, cases[i].raw);
        struct op_reply reply = reply_of(cases[i].outcome, INVOCATION_CANCELED);
        reply_with(&x, &reply);
        answer_status_is(&x, cases[i].status);
        answer_has(&x, cases[i].part);
    }
    ask(&x, "GET /async-function/mine\n\n");
    struct op_reply reply = reply_result(OUT_RESULT, 200, "", "result");
    reply.info.client_id = bytes_text("mine");
    reply_with(&x, &reply);
    answer_has(&x, "200\nX-Call-Id: mine\nX-Callback: delivered\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXCHANGE_TEST(calls_name_the_function_with_or_without_a_namespace),
        EXCHANGE_TEST(callback_urls_are_checked_before_anything_is_accepted),
        EXCHANGE_TEST(a_call_id_in_the_path_is_collected_or_canceled),
        EXCHANGE_TEST(other_requests_are_answered_at_once),
        EXCHANGE_TEST(accepted_is_202_and_empty),
        EXCHANGE_TEST(a_synchronous_answer_carries_three_headers),
        EXCHANGE_TEST(outcomes_have_their_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
