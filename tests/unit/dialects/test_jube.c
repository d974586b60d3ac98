/* API.md section 4: Jube's routes, codes and texts. */
#include "lib_exchange.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MODEL_ROUTE "/api/invoke/EntityAnalysisModel/" MODEL_GUID
#define CALLBACK    "/api/invoke/EntityAnalysisModel/Callback/"
#define EMPTY       "\nCache-Control: no-store\n\n"
#define TEXT        "\nContent-Type: application/json\nCache-Control: no-store\n\n"
#define FATAL                                                                                  \
    "\"A fatal error has occured in processing.  Please check the logs for more "              \
    "information.\""

EXCHANGE_FIXTURE(x)

static void posts_invoke_the_function_of_the_model(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        enum invoke_mode mode;
        bool callbacks;
    } cases[] = {
        {"POST " MODEL_ROUTE "\n\n{}", INVOKE_SYNC, true},
        {"POST " MODEL_ROUTE "/\n\n{}", INVOKE_SYNC, true},
        {"POST " MODEL_ROUTE "/async\n\n{}", INVOKE_ASYNC, true},
        {"POST /API/Invoke/entityanalysismodel/90C425FD101A420B91D1CB7A24A969CC/ASYNC\n\n{}",
         INVOKE_ASYNC, true},
        {"POST /api/invoke/EntityAnalysisModel/%7B" MODEL_GUID "%7D/Async\n\n{}", INVOKE_ASYNC,
         true},
        {"POST " MODEL_ROUTE "/later\n\n{}", INVOKE_SYNC, true},
        {"POST " MODEL_ROUTE "/async\n\n{}", INVOKE_SYNC, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        x.config.jube_callback_enabled = cases[i].callbacks;
        ask(&x, cases[i].raw);
        assert_int_equal(x.routing.verdict, DIALECT_OP);
        assert_string_equal(x.routing.dialect->name, "jube");
        assert_int_equal(x.op.kind, OP_INVOKE);
        assert_int_equal(x.op.invoke.mode, cases[i].mode);
        bytes_are(x.op.invoke.function, "score");
        bytes_are(x.op.invoke.request.method, "POST");
        bytes_are(x.op.invoke.request.path, "");
        assert_int_equal(x.op.invoke.ttl_ms, 3000);
        assert_ptr_equal(x.op.invoke.body, x.in.body);
    }
}

static void what_is_refused_has_jubes_code_and_text(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *expected;
    } cases[] = {
        {"POST " MODEL_ROUTE "/async\n\n", "400" TEXT "\"Content body is zero length.\""},
        {"POST " MODEL_ROUTE "\n\n[1]", "400" TEXT FATAL},
        {"POST " MODEL_ROUTE "/async\n\n{\"a\":1", "400" TEXT FATAL},
        {"POST " MODEL_ROUTE "/async\nX-Deadline-Ms: x\n\n{}",
         "400" TEXT "\"X-Deadline-Ms: a positive number of milliseconds is needed\""},
        {"POST /api/invoke/EntityAnalysisModel/" INSTANCE "\n\n{}", "404" EMPTY},
        {"POST /api/invoke/EntityAnalysisModel/score\n\n{}", "404" EMPTY},
        {"POST " CALLBACK GUID_A "\n\n{}", "404" EMPTY},
        {"GET " MODEL_ROUTE "\n\n", "405\nAllow: POST" EMPTY},
        {"GET " CALLBACK "not-a-guid\n\n", "405\nAllow: POST" EMPTY},
        {"DELETE " CALLBACK GUID_A "\n\n", "405\nAllow: GET, HEAD, POST" EMPTY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(&x, cases[i].raw);
        assert_int_equal(x.routing.verdict, DIALECT_ANSWER);
        answer_is(&x, cases[i].expected);
    }
    ask(&x, "GET /api/invoke/Tag\n\n");
    assert_string_equal(x.routing.dialect->name, "other");
}

static void switches_of_jube_are_obeyed(void **state)
{
    (void)state;
    x.config.jube_callback_enabled = false;
    ask(&x, "GET " CALLBACK GUID_A "\n\n");
    answer_is(&x, "404" EMPTY);
    x.config.jube_enabled = false;
    static const char *const all[] = {"POST " MODEL_ROUTE "\n\n{}",
                                      "POST " MODEL_ROUTE "/async\n\n",
                                      "GET " CALLBACK GUID_A "\n\n"};
    for (size_t i = 0; i < 3; i++) {
        ask(&x, all[i]);
        answer_is(&x, "403" EMPTY);
    }
}

static void a_body_still_to_come_is_not_an_empty_one(void **state)
{
    (void)state;
    ask(&x, "POST " MODEL_ROUTE "/async\nContent-Length: 9\n\n");
    answer_status_is(&x, 400);
    x.in.head_only = true;
    text_clear(&x.answer.headers);
    x.routing = dialect_route(&x.config, &x.in, &x.scratch, &x.op, &x.answer);
    assert_int_equal(x.routing.verdict, DIALECT_OP);
}

static void accepted_is_200_around_the_requests_own_object(void **state)
{
    (void)state;
    ask(&x, "POST " MODEL_ROUTE "/async\n\n{\"a\" : 1.50,\"b\":\"O'Brien\"}");
    struct op_reply reply = reply_of(OUT_ACCEPTED, INVOCATION_QUEUED);
    struct buf *body = x.in.body;
    reply_with(&x, &reply);
    answer_is(&x, "200" TEXT "{\"payload\":{\"a\" : 1.50,\"b\":\"O'Brien\"},"
                  "\"entityAnalysisModelInstanceName\":\"node-1\","
                  "\"createdDate\":\"2026-11-20T12:00:00.0000000+00:00\","
                  "\"entityAnalysisModelGuid\":\"" MODEL_GUID "\","
                  "\"entityAnalysisModelInstanceGuid\":\"" INSTANCE "\","
                  "\"entityAnalysisModelInstanceEntryGuid\":\"" GUID_A "\"}");
    assert_ptr_equal(x.answer.stored_body, body); /* not a copy */
    assert_int_equal(body->refs, 2);
}

static void the_callback_waits_as_its_timeout_says(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        uint64_t wait_ms;
    } cases[] = {
        {"GET " CALLBACK GUID_A "\n\n", OP_WAIT_DEFAULT},
        {"GET " CALLBACK GUID_A "?timeout=250\n\n", 250},
        {"GET " CALLBACK GUID_A "?a=b&Timeout=250\n\n", 250},
        {"GET " CALLBACK GUID_A "?timeout=999999999\n\n", 60000},
        {"GET " CALLBACK GUID_A "?timeout=0\n\n", 0},
        {"GET " CALLBACK GUID_A "?timeout=-5\n\n", 0},
        {"GET " CALLBACK GUID_A "?timeout=abc\n\n", OP_WAIT_DEFAULT},
        {"GET " CALLBACK GUID_A "?timeout=\n\n", OP_WAIT_DEFAULT},
        {"GET " CALLBACK GUID_A "?timeout=99999999999\n\n", OP_WAIT_DEFAULT},
    };
    struct guid expected;
    assert_int_equal(guid_parse(&expected, bytes_text(GUID_A)), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(&x, cases[i].raw);
        assert_int_equal(x.routing.verdict, DIALECT_OP);
        assert_int_equal(x.op.kind, OP_COLLECT);
        assert_int_equal(x.op.id.space, ID_GUID);
        assert_true(guid_equal(&x.op.id.guid, &expected));
        assert_true(x.op.wait_ms == cases[i].wait_ms);
        assert_true(x.op.default_wait_jube);
    }
}

static void the_callback_is_the_stored_json(void **state)
{
    (void)state;
    ask(&x, "GET " CALLBACK GUID_A "\n\n");
    struct op_reply reply = reply_result(OUT_RESULT, 201, "Server: x\r\n", "{\"r\":0.5}");
    reply_with(&x, &reply);
    answer_is(&x, "200\nX-Call-Id: " GUID_A "\nCache-Control: no-store\n"
                  "Content-Type: application/json\nServer: x\n\n{\"r\":0.5}");

    ask(&x, "POST " MODEL_ROUTE "\n\n{}");
    reply = reply_result(OUT_RESULT, 200, "Content-Type: application/json; a=b\r\n", "{}");
    reply_with(&x, &reply);
    answer_is(&x, "200\nX-Call-Id: " GUID_A "\nCache-Control: no-store\n"
                  "Content-Type: application/json; a=b\n\n{}");

    ask(&x, "POST " MODEL_ROUTE "\n\n{}");
    reply = reply_result(OUT_RESULT, 200, "content-type: text/plain\r\n", "{}");
    reply_with(&x, &reply);
    answer_is(&x, "200\nX-Call-Id: " GUID_A "\nCache-Control: no-store\n"
                  "Content-Type: application/json\n\n{}");
}

static void a_failure_is_404_or_its_own_code_with_strict_codes(void **state)
{
    (void)state;
    ask(&x, "GET " CALLBACK GUID_A "\n\n");
    struct op_reply reply = reply_result(OUT_RESULT, 500, "", "{\"why\":1}");
    reply_with(&x, &reply);
    answer_is(&x, "404\nX-Call-Id: " GUID_A "\nX-Function-Status: 500" EMPTY);

    x.config.jube_strict_codes = true;
    ask(&x, "GET " CALLBACK GUID_A "\n\n");
    reply = reply_result(OUT_RESULT, 500, "", "{\"why\":1}");
    reply_with(&x, &reply);
    answer_status_is(&x, 500);
    answer_has(&x, "\n\n{\"why\":1}");
}

static void every_refusal_has_two_codes(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        enum op_outcome outcome;
        uint16_t code, strict;
    } cases[] = {
        {"POST " MODEL_ROUTE "/async\n\n{}", OUT_QUEUE_FULL, 400, 429},
        {"POST " MODEL_ROUTE "/async\n\n{}", OUT_DRAINING, 503, 503},
        {"POST " MODEL_ROUTE "/async\n\n{}", OUT_NO_MEMORY, 503, 503},
        {"POST " MODEL_ROUTE "/async\n\n{}", OUT_NOT_REPLICATED, 503, 503},
        {"POST " MODEL_ROUTE "/async\n\n{}", OUT_UNKNOWN_FUNCTION, 404, 404},
        {"POST " MODEL_ROUTE "/async\n\n{}", OUT_IDEMPOTENCY_MISMATCH, 422, 422},
        {"GET " CALLBACK GUID_A "\n\n", OUT_PENDING, 404, 404},
        {"GET " CALLBACK GUID_A "\n\n", OUT_GONE, 404, 410},
        {"GET " CALLBACK GUID_A "\n\n", OUT_UNKNOWN, 404, 404},
        {"GET " CALLBACK GUID_A "\n\n", OUT_NO_QUORUM, 503, 503},
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        x.config.jube_strict_codes = i % 2 == 1;
        ask(&x, cases[i / 2].raw);
        struct op_reply reply = reply_of(cases[i / 2].outcome, INVOCATION_COLLECTED);
        reply_with(&x, &reply);
        answer_status_is(&x, i % 2 == 1 ? cases[i / 2].strict : cases[i / 2].code);
        bool full = cases[i / 2].outcome == OUT_QUEUE_FULL;
        (full ? answer_has : answer_lacks)(
            &x, "\"Maximum Queue threshold has been reached.  Please wait and retry.\"");
        (full || x.answer.status == 503 ? answer_has : answer_lacks)(&x, "Retry-After: 2\n");
        assert_true(full || x.answer.content.size == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXCHANGE_TEST(posts_invoke_the_function_of_the_model),
        EXCHANGE_TEST(what_is_refused_has_jubes_code_and_text),
        EXCHANGE_TEST(switches_of_jube_are_obeyed),
        EXCHANGE_TEST(a_body_still_to_come_is_not_an_empty_one),
        EXCHANGE_TEST(accepted_is_200_around_the_requests_own_object),
        EXCHANGE_TEST(the_callback_waits_as_its_timeout_says),
        EXCHANGE_TEST(the_callback_is_the_stored_json),
        EXCHANGE_TEST(a_failure_is_404_or_its_own_code_with_strict_codes),
        EXCHANGE_TEST(every_refusal_has_two_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
