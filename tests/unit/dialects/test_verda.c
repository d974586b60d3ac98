/* API.md section 6. */
#include "lib_exchange.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define FORWARDED "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n"

EXCHANGE_FIXTURE(x)

static void the_preference_decides_how_a_deployment_is_called(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        enum invoke_mode mode;
        bool drop;
        const char *path, *headers, *id;
    } cases[] = {
        {"POST /echo/\n\nx", INVOKE_SYNC, false, "/", FORWARDED, ""},
        {"GET /echo?a=b\nPrefer: return=minimal, wait=3\n\n", INVOKE_SYNC, false, "",
         "Prefer: return=minimal, wait=3\r\n" FORWARDED, ""},
        {"POST /echo/v1/infer\nPrefer: respond-async\n\nx", INVOKE_ASYNC, false, "/v1/infer",
         FORWARDED, ""},
        {"POST /echo\nprefer: RESPOND-ASYNC, a=b\nX-Inference-Id: mine\n\nx", INVOKE_ASYNC,
         false, "", "X-Inference-Id: mine\r\nPrefer: a=b\r\n" FORWARDED, "mine"},
        {"POST /echo\nPrefer: respond-async-proxy, a=b\n\nx", INVOKE_ASYNC, true, "",
         "Prefer: respond-async, a=b\r\n" FORWARDED, ""},
        {"POST /echo\nPrefer: respond-async-container\n\nx", INVOKE_SYNC, false, "",
         "Prefer: respond-async\r\n" FORWARDED, ""},
        {"POST /echo\nPrefer: respond-async-proxy, respond-async\n\nx", INVOKE_ASYNC, true, "",
         "Prefer: respond-async\r\n" FORWARDED, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(&x, cases[i].raw);
        assert_int_equal(x.routing.verdict, DIALECT_OP);
        assert_string_equal(x.routing.dialect->name, "verda");
        const struct op_invoke *invoke = &x.op.invoke;
        assert_int_equal(invoke->mode, cases[i].mode);
        assert_int_equal(invoke->drop_result, cases[i].drop);
        bytes_are(invoke->function, "echo");
        bytes_are(invoke->request.path, cases[i].path);
        bytes_are(invoke->request.headers, cases[i].headers);
        bytes_are(invoke->client_id.text, cases[i].id);
        assert_int_equal(invoke->client_id.space,
                         cases[i].id[0] == '\0' ? ID_GUID : ID_INFERENCE);
    }
}

static void status_and_result_are_asked_by_header(void **state)
{
    (void)state;
    ask(&x, "GET /status/echo\nX-Inference-Id: mine\n\n");
    assert_int_equal(x.routing.verdict, DIALECT_OP);
    assert_int_equal(x.op.kind, OP_STATUS);
    assert_int_equal(x.op.id.space, ID_INFERENCE);
    bytes_are(x.op.id.text, "mine");
    bytes_are(x.op.function, "echo");

    ask(&x, "GET /result/echo?wait=5\nX-Inference-Id: " GUID_A "\nClaim-Token: t\n\n");
    assert_int_equal(x.op.kind, OP_COLLECT);
    assert_int_equal(x.op.id.space, ID_GUID);
    assert_true(x.op.wait_ms == 5);
    bytes_are(x.op.claim_token, "t");
    bytes_are(x.op.function, "echo");
}

static void what_cannot_be_asked_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        uint16_t status;
        const char *part;
    } cases[] = {
        {"GET /status/echo\n\n", 400, "X-Inference-Id: "},
        {"GET /result/echo\nX-Inference-Id:\n\n", 400, "X-Inference-Id: "},
        {"GET /status/nobody\nX-Inference-Id: 1\n\n", 404, "/problems/unknown-function"},
        {"POST /status/echo\nX-Inference-Id: 1\n\n", 405, "\nAllow: GET, HEAD\n"},
        {"DELETE /result/echo\nX-Inference-Id: 1\n\n", 405, "\nAllow: GET, HEAD\n"},
        {"GET /status/\nX-Inference-Id: 1\n\n", 404, "/problems/unknown-route"},
        {"GET /status/echo/x\nX-Inference-Id: 1\n\n", 404, "/problems/unknown-function"},
        {"POST /nobody\nPrefer: respond-async\n\nx", 404, "/problems/unknown-route"},
        {"POST /echo\nPrefer: respond-async\nX-Inference-Id: \xff\n\nx", 400, "255 visible"},
        {"POST /echo\nPrefer: respond-async\nX-Callback-Url: http://10.0.0.1/\n\nx", 400,
         "internal address"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(&x, cases[i].raw);
        assert_int_equal(x.routing.verdict, DIALECT_ANSWER);
        answer_status_is(&x, cases[i].status);
        answer_has(&x, cases[i].part);
    }
}

static void accepted_names_the_id_and_two_paths(void **state)
{
    (void)state;
    ask(&x, "POST /echo\nPrefer: respond-async\n\nx");
    struct op_reply reply = reply_of(OUT_ACCEPTED, INVOCATION_QUEUED);
    reply_with(&x, &reply);
    answer_is(&x, "202\nContent-Type: application/json\nCache-Control: no-store\n"
                  "X-Inference-Id: " GUID_A "\nLocation: /result/echo\nRetry-After: 2\n\n"
                  "{\"Id\":\"" GUID_A "\",\"StatusPath\":\"/status/echo\","
                  "\"ResultPath\":\"/result/echo\"}");

    ask(&x, "POST /echo\nPrefer: respond-async\nX-Inference-Id: a\"b\n\nx");
    reply = reply_of(OUT_ACCEPTED, INVOCATION_QUEUED);
    reply.info.client_id = bytes_text("a\"b");
    reply_with(&x, &reply);
    answer_has(&x, "\nX-Inference-Id: a\"b\n");
    answer_has(&x, "{\"Id\":\"a\\\"b\",");

    ask(&x, "POST /echo\nPrefer: respond-async-proxy\n\nx");
    reply = reply_of(OUT_ACCEPTED, INVOCATION_QUEUED);
    reply_with(&x, &reply);
    answer_is(&x, "202\nCache-Control: no-store\n\n");
}

static void status_knows_three_words_and_an_error(void **state)
{
    (void)state;
    static const struct {
        enum invocation_state state;
        const char *rest;
    } cases[] = {
        {INVOCATION_QUEUED, "\"Error\":null,\"Status\":\"Queue\"}"},
        {INVOCATION_RUNNING, "\"Error\":null,\"Status\":\"Inference\"}"},
        {INVOCATION_SUCCEEDED, "\"Error\":null,\"Status\":\"Completed\"}"},
        {INVOCATION_COLLECTED, "\"Error\":null,\"Status\":\"Completed\"}"},
        {INVOCATION_FAILED,
         "\"Error\":\"the inference failed with status 500\",\"Status\":\"Completed\"}"},
        {INVOCATION_CANCELED,
         "\"Error\":\"the inference request was canceled\",\"Status\":\"Completed\"}"},
        {INVOCATION_EXPIRED,
         "\"Error\":\"nobody collected the result within its time to live\","
         "\"Status\":\"Completed\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(&x, "GET /status/echo\nX-Inference-Id: " GUID_A "\n\n");
        struct op_reply reply = reply_of(OUT_STATUS, cases[i].state);
        reply_with(&x, &reply);
        answer_status_is(&x, 200);
        answer_has(&x, "200\nContent-Type: application/json\n");
        answer_has(&x, "\n\n{\"Id\":\"" GUID_A "\",");
        answer_has(&x, cases[i].rest);
    }
}

static void the_result_is_the_functions_answer(void **state)
{
    (void)state;
    ask(&x, "GET /result/echo\nX-Inference-Id: " GUID_A "\n\n");
    struct op_reply reply =
        reply_result(OUT_RESULT, 200, "Content-Type: application/json\r\n", "{\"result\":1}");
    reply_with(&x, &reply);
    answer_is(&x, "200\nX-Inference-Id: " GUID_A "\nX-Call-Id: " GUID_A
                  "\nX-Callback: delivered\nX-Function-Name: echo\nX-Function-Status: 200\n"
                  "X-Duration-Seconds: 1.150000\nCache-Control: no-store\n"
                  "Content-Type: application/json\n\n{\"result\":1}");

    ask(&x, "POST /echo\n\nx");
    reply = reply_result(OUT_RESULT, 200, "Content-Type: text/plain\r\n", "sync");
    reply_with(&x, &reply);
    answer_has(&x, "200\nX-Inference-Id: " GUID_A "\n");
    answer_has(&x, "\nContent-Type: text/plain\n\nsync");
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
        {"GET /result/echo\nX-Inference-Id: 1\n\n", OUT_PENDING, 202,
         "\nLocation: /status/echo\n"},
        {"GET /result/echo\nX-Inference-Id: 1\n\n", OUT_PENDING, 202,
         "\"Error\":null,\"Status\":\"Inference\"}"},
        {"GET /result/echo\nX-Inference-Id: 1\n\n", OUT_GONE, 410, "/problems/gone"},
        {"GET /result/echo\nX-Inference-Id: 1\n\n", OUT_UNKNOWN, 404, "X-Callback: unknown"},
        {"GET /result/echo\nX-Inference-Id: 1\n\n", OUT_NO_QUORUM, 503, "Retry-After: 2"},
        {"GET /status/echo\nX-Inference-Id: 1\n\n", OUT_UNKNOWN, 404, "unknown-invocation"},
        {"POST /echo\nPrefer: respond-async\n\n", OUT_ID_IN_USE, 409, "/problems/conflict"},
        {"POST /echo\nPrefer: respond-async\n\n", OUT_QUEUE_FULL, 429, "Retry-After: 2"},
        {"POST /echo\n\n", OUT_DRAINING, 503, "Retry-After: 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(&x, cases[i].raw);
        struct op_reply reply = reply_of(cases[i].outcome, INVOCATION_RUNNING);
        reply_with(&x, &reply);
        answer_status_is(&x, cases[i].status);
        answer_has(&x, cases[i].part);
    }
}

static void names_of_other_routes_are_reserved(void **state)
{
    (void)state;
    static const char *const reserved[] = {
        "v1",     "V1",      "api",          "function",       "system",  "status",
        "result", "healthz", "openapi.json", "async-function", "problems"};
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        assert_true(dialect_name_is_reserved(bytes_text(reserved[i])));
    }
    static const char *const usable[] = {"echo", "v10", "statuses", "functions", ""};
    for (size_t i = 0; i < sizeof usable / sizeof usable[0]; i++) {
        assert_false(dialect_name_is_reserved(bytes_text(usable[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXCHANGE_TEST(the_preference_decides_how_a_deployment_is_called),
        EXCHANGE_TEST(status_and_result_are_asked_by_header),
        EXCHANGE_TEST(what_cannot_be_asked_is_refused),
        EXCHANGE_TEST(accepted_names_the_id_and_two_paths),
        EXCHANGE_TEST(status_knows_three_words_and_an_error),
        EXCHANGE_TEST(the_result_is_the_functions_answer),
        EXCHANGE_TEST(outcomes_have_their_codes),
        EXCHANGE_TEST(names_of_other_routes_are_reserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
