/* API.md section 3, as requests and answers. */
#include "lib_exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

EXCHANGE_FIXTURE(x)

static const struct call_case {
    const char *name, *raw;
    enum invoke_mode mode;
    uint64_t wait_ms;
    const char *path, *query, *headers; /* what the function is given */
} calls[] = {
    {"no preference is synchronous", "POST /v1/functions/echo\nAccept: */*\n\n{}", INVOKE_SYNC,
     0, "", "", "Accept: */*\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n"},
    {"a wait alone is synchronous and passed on", "GET /v1/functions/echo\nPrefer: wait=5\n\n",
     INVOKE_SYNC, 0, "", "",
     "Prefer: wait=5\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n"},
    {"respond-async is asynchronous and ends here",
     "POST /v1/functions/echo\nPrefer: respond-async\n\n{}", INVOKE_ASYNC, 0, "", "",
     "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n"},
    {"respond-async with a wait",
     "POST /v1/functions/echo\nPrefer: Respond-Async, wait=5\n\n{}", INVOKE_ASYNC_WAIT, 5000,
     "", "", "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n"},
    {"two headers are one list; what is not ours is passed on",
     "POST /v1/functions/echo\nprefer: return=minimal; x=\"a,b\"\nPREFER: wait=7 , "
     "respond-async\n\n",
     INVOKE_ASYNC_WAIT, 7000, "", "",
     "Prefer: return=minimal; x=\"a,b\"\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: "
     "http\r\n"},
    {"a long wait is clamped", "POST /v1/functions/echo\nPrefer: respond-async, wait=9999\n\n",
     INVOKE_ASYNC_WAIT, 60000, "", "",
     "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\n"},
    {"path and query are not decoded",
     "PUT /v1/functions/dotted.name/a%2Fb//../c?x=%20&y=1?2\nHost: h:1\n\n", INVOKE_SYNC, 0,
     "/a%2Fb//../c", "x=%20&y=1?2",
     "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Host: h:1\r\nX-Forwarded-Proto: http\r\n"},
    {"headers of this connection, and ours, end here",
     "POST /v1/functions/echo/\nHost: h\nConnection: close, X-Hop\nX-Hop: 1\nTE: trailers\n"
     "Content-Length: 2\nExpect: 100-continue\nX-Call-Id: mine\nIdempotency-Key: k\n"
     "X-Attempt: 9\nTransfer-Encoding: chunked\nX-Keep: 1\nConnection: X-Hop-2\nx-hop-2: 1\n"
     "\n{}",
     INVOKE_SYNC, 0, "/", "",
     "X-Keep: 1\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Host: h\r\n"
     "X-Forwarded-Proto: http\r\n"},
    {"what a load balancer said is kept",
     "POST /v1/functions/echo\nHost: inner\nX-Forwarded-For: 198.51.100.1\n"
     "X-Forwarded-Host: outer\nX-Forwarded-Proto: https\n\n",
     INVOKE_SYNC, 0, "", "",
     "X-Forwarded-For: 198.51.100.1, 192.0.2.7\r\nX-Forwarded-Host: outer\r\n"
     "X-Forwarded-Proto: https\r\n"},
};

static void a_call_becomes_an_invocation(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        const struct call_case *c = &calls[i];
        print_message("  %s\n", c->name);
        ask(&x, c->raw);
        assert_int_equal(x.routing.verdict, DIALECT_OP);
        assert_string_equal(x.routing.dialect->name, "native");
        assert_int_equal(x.op.kind, OP_INVOKE);
        assert_int_equal(x.op.invoke.mode, c->mode);
        assert_int_equal(x.op.invoke.wait_ms, c->wait_ms);
        assert_int_equal(x.op.invoke.client_id.space, ID_GUID);
        bytes_are(x.op.invoke.request.path, c->path);
        bytes_are(x.op.invoke.request.query, c->query);
        bytes_are(x.op.invoke.request.headers, c->headers);
        bytes_are(x.op.invoke.request.method, strncmp(c->raw, "PUT", 3) == 0   ? "PUT"
                                              : strncmp(c->raw, "GET", 3) == 0 ? "GET"
                                                                               : "POST");
        assert_ptr_equal(x.op.invoke.body, x.in.body);
    }
}

static void options_of_an_invocation_are_taken_over(void **state)
{
    (void)state;
    ask(&x, "POST /v1/functions/echo\nPrefer: respond-async\n"
            "Idempotency-Key: \"8e03-\\\"x\"\nX-Deadline-Ms: 2500\n"
            "X-Callback-Url: https://example.com/hook?a=b\n\n{}");
    assert_int_equal(x.routing.verdict, DIALECT_OP);
    bytes_are(x.op.invoke.idempotency_key, "8e03-\\\"x");
    assert_int_equal(x.op.invoke.deadline_ms, 2500);
    bytes_are(x.op.invoke.callback_url, "https://example.com/hook?a=b");
    ask(&x,
        "POST /v1/functions/echo\nIdempotency-Key: 8e03-x\nX-Deadline-Ms: 99999999999999\n\n");
    bytes_are(x.op.invoke.idempotency_key, "8e03-x");
    assert_true(x.op.invoke.deadline_ms == UINT32_MAX);
}

static const struct answer_case {
    const char *raw, *expected;
} refused[] = {
    {"POST /v1/functions/nobody/x\n\n",
     "404\nContent-Type: application/problem+json\nCache-Control: no-store\n\n"
     "{\"type\":\"/problems/unknown-function\",\"title\":\"Unknown function\",\"status\":404,"
     "\"detail\":\"No function of that name is configured here. Nothing was "
     "accepted.\",\"instance\":\"/v1/functions/nobody/x\"}"},
    {"POST /v1/functions/a%20b\n\n",
     "404\nContent-Type: application/problem+json\nCache-Control: no-store\n\n"
     "{\"type\":\"/problems/unknown-function\",\"title\":\"Unknown function\",\"status\":404,"
     "\"detail\":\"No function of that name is configured here. Nothing was "
     "accepted.\",\"instance\":\"/v1/functions/a%20b\"}"},
    {"POST /v1/invocations/" GUID_A "\n\n",
     "405\nAllow: GET, HEAD, DELETE\nContent-Type: application/problem+json\n"
     "Cache-Control: no-store\n\n{\"type\":\"/problems/method-not-allowed\",\"title\":"
     "\"Method not allowed\",\"status\":405,\"detail\":\"The route exists, but not for this "
     "method; `Allow` names those that it has.\",\"instance\":\"/v1/invocations/" GUID_A "\"}"},
    {"PUT /v1/callbacks/" GUID_A "\n\n",
     "405\nAllow: GET, HEAD, DELETE\nContent-Type: application/problem+json\n"
     "Cache-Control: no-store\n\n{\"type\":\"/problems/method-not-allowed\",\"title\":"
     "\"Method not allowed\",\"status\":405,\"detail\":\"The route exists, but not for this "
     "method; `Allow` names those that it has.\",\"instance\":\"/v1/callbacks/" GUID_A "\"}"},
};

static void what_is_refused_is_a_problem_document(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        ask(&x, refused[i].raw);
        assert_int_equal(x.routing.verdict, DIALECT_ANSWER);
        answer_is(&x, refused[i].expected);
    }
}

static void malformed_options_are_400(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *part;
    } cases[] = {
        {"POST /v1/functions/echo\nIdempotency-Key: \n\n", "Idempotency-Key: "},
        {"POST /v1/functions/echo\nIdempotency-Key: \"open\n\n", "Idempotency-Key: "},
        {"POST /v1/functions/echo\nIdempotency-Key: two words\n\n", "Idempotency-Key: "},
        {"POST /v1/functions/echo\nIdempotency-Key: a\nIdempotency-Key: b\n\n", "once"},
        {"POST /v1/functions/echo\nX-Deadline-Ms: 0\n\n", "X-Deadline-Ms: "},
        {"POST /v1/functions/echo\nX-Deadline-Ms: -1\n\n", "X-Deadline-Ms: "},
        {"POST /v1/functions/echo\nX-Deadline-Ms: soon\n\n", "X-Deadline-Ms: "},
        {"POST /v1/functions/echo\nPrefer: respond-async\nX-Callback-Url: foo\n\n",
         "an absolute http or https URL"},
        {"POST /v1/functions/echo\nPrefer: respond-async\nX-Callback-Url: "
         "http://169.254.169.254/\n\n",
         "internal address"},
        {"GET /v1/callbacks/" GUID_A "?wait=soon\n\n", "wait: "},
        {"GET /v1/callbacks/" GUID_A "?wait=-1\n\n", "wait: "},
        {"GET /v1/callbacks/" GUID_A "?wait=\n\n", "wait: "},
        {"GET /v1/callbacks/" GUID_A "\nClaim-Token: two words\n\n", "Claim-Token: "},
        {"GET /v1/callbacks/" GUID_A "\nClaim-Token:\n\n", "Claim-Token: "},
        {"DELETE /v1/callbacks/" GUID_A "\n\n", "Claim-Token: "},
        {"GET /v1/invocations/" GUID_A "?redirect=no\n\n", "redirect: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(&x, cases[i].raw);
        assert_int_equal(x.routing.verdict, DIALECT_ANSWER);
        answer_status_is(&x, 400);
        answer_has(&x, "/problems/bad-request");
        answer_has(&x, cases[i].part);
    }
}

static void keys_and_tokens_end_at_their_limit(void **state)
{
    (void)state;
    char raw[400];
    for (int over = 0; over <= 1; over++) {
        snprintf(raw, sizeof raw, "POST /v1/functions/echo\nIdempotency-Key: %0*d\n\n",
                 255 + over, 7);
        ask(&x, raw);
        assert_int_equal(x.routing.verdict, over == 0 ? DIALECT_OP : DIALECT_ANSWER);
        snprintf(raw, sizeof raw, "GET /v1/callbacks/x\nClaim-Token: %0*d\n\n", 64 + over, 7);
        ask(&x, raw);
        assert_int_equal(x.routing.verdict, over == 0 ? DIALECT_OP : DIALECT_ANSWER);
    }
}

static void ids_are_guids_in_any_spelling_or_the_clients_own(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        enum id_space space;
    } cases[] = {
        {"GET /v1/invocations/" GUID_A "\n\n", ID_GUID},
        {"GET /v1/invocations/018F3A5E7C218ABC9DEF00112233AABB\n\n", ID_GUID},
        {"GET /v1/invocations/{" GUID_A "}\n\n", ID_GUID},
        {"GET /v1/invocations/%7b" GUID_A "%7D\n\n", ID_GUID},
        {"GET /v1/invocations/%7b%7D\n\n", ID_CALL},
        {"GET /v1/invocations/" MODEL_GUID "\n\n", ID_CALL}, /* version 4: not ours */
        {"GET /v1/invocations/order-17\n\n", ID_CALL},
    };
    struct guid expected;
    assert_int_equal(guid_parse(&expected, bytes_text(GUID_A)), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(&x, cases[i].raw);
        assert_int_equal(x.routing.verdict, DIALECT_OP);
        assert_int_equal(x.op.kind, OP_STATUS);
        assert_int_equal(x.op.id.space, cases[i].space);
        assert_true(x.op.id.space != ID_GUID || guid_equal(&x.op.id.guid, &expected));
        assert_true(x.op.id.text.size > 0);
    }
}

static void operations_follow_from_method_and_path(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        enum op_kind kind;
        uint64_t wait_ms;
        const char *token;
    } cases[] = {
        {"GET /v1/invocations/" GUID_A "\n\n", OP_STATUS, 0, ""},
        {"HEAD /v1/invocations/" GUID_A "?redirect=false\n\n", OP_STATUS, 0, ""},
        {"DELETE /v1/invocations/" GUID_A "\n\n", OP_CANCEL, 0, ""},
        {"GET /v1/callbacks/" GUID_A "\n\n", OP_COLLECT, OP_WAIT_DEFAULT, ""},
        {"GET /v1/callbacks/" GUID_A "?wait=0\n\n", OP_COLLECT, 0, ""},
        {"GET /v1/callbacks/" GUID_A "?wait=250\nPrefer: wait=9\n\n", OP_COLLECT, 250, ""},
        {"GET /v1/callbacks/" GUID_A "?wait=99999999999999999999999\n\n", OP_COLLECT, 60000,
         ""},
        {"GET /v1/callbacks/" GUID_A "\nPrefer: wait=2\n\n", OP_COLLECT, 2000, ""},
        {"GET /v1/callbacks/" GUID_A "\nPrefer: wait=soon\n\n", OP_COLLECT, OP_WAIT_DEFAULT,
         ""},
        {"GET /v1/callbacks/" GUID_A "\nClaim-Token: t-1\n\n", OP_COLLECT, OP_WAIT_DEFAULT,
         "t-1"},
        {"HEAD /v1/callbacks/" GUID_A "\n\n", OP_PEEK, OP_WAIT_DEFAULT, ""},
        {"DELETE /v1/callbacks/" GUID_A "\nClaim-Token: t-1\n\n", OP_RELEASE, 0, "t-1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(&x, cases[i].raw);
        assert_int_equal(x.routing.verdict, DIALECT_OP);
        assert_int_equal(x.op.kind, cases[i].kind);
        assert_true(x.op.wait_ms == cases[i].wait_ms);
        bytes_are(x.op.claim_token, cases[i].token);
        assert_int_equal(x.op.function.size, 0);
    }
}

static void accepted_is_202_with_everything_the_client_needs(void **state)
{
    (void)state;
    ask(&x, "POST /v1/functions/echo\nPrefer: respond-async\n\n{}");
    struct op_reply reply = reply_of(OUT_ACCEPTED, INVOCATION_QUEUED);
    reply_with(&x, &reply);
    answer_is(&x, "202\n"
                  "Location: /v1/invocations/" GUID_A "\n"
                  "Retry-After: 2\n"
                  "Preference-Applied: respond-async\n"
                  "X-Call-Id: " GUID_A "\n"
                  "Cache-Control: no-store\n"
                  "Content-Type: application/json\n"
                  "\n"
                  "{\"id\":\"" GUID_A "\",\"function\":\"echo\",\"status\":\"queued\","
                  "\"created_at\":\"2026-11-20T12:00:00.000Z\","
                  "\"status_url\":\"/v1/invocations/" GUID_A "\","
                  "\"callback_url\":\"/v1/callbacks/" GUID_A "\"}");
}

static void with_a_base_url_locations_are_absolute(void **state)
{
    (void)state;
    x.config.base_url = bytes_text("https://cb.example");
    ask(&x, "POST /v1/functions/echo\nPrefer: respond-async\n\nx");
    struct op_reply reply = reply_of(OUT_ACCEPTED, INVOCATION_QUEUED);
    reply_with(&x, &reply);
    answer_has(&x, "202\nLocation: https://cb.example/v1/invocations/" GUID_A "\n"
                   "Operation-Location: https://cb.example/v1/invocations/" GUID_A
                   "?redirect=false\n");
    x.config.status_conditions = true;
    ask(&x, "POST /v1/functions/echo\nPrefer: respond-async\n\nx");
    reply = reply_of(OUT_ACCEPTED, INVOCATION_QUEUED);
    reply_with(&x, &reply);
    answer_lacks(&x, "Operation-Location");
}

static void a_wait_that_ended_is_said_in_preference_applied(void **state)
{
    (void)state;
    ask(&x, "POST /v1/functions/echo\nPrefer: respond-async, wait=3\n\n{}");
    struct op_reply reply = reply_of(OUT_ACCEPTED, INVOCATION_RUNNING);
    reply_with(&x, &reply);
    answer_status_is(&x, 202);
    answer_has(&x, "\nPreference-Applied: respond-async, wait=3\n");

    ask(&x, "POST /v1/functions/echo\nPrefer: respond-async, wait=3\n\n{}");
    reply = reply_result(OUT_RESULT, 201, "Content-Type: text/plain\r\n", "hello");
    reply.was_waiting = true;
    reply_with(&x, &reply);
    answer_is(&x,
              "201\nX-Call-Id: " GUID_A "\nX-Duration-Seconds: 1.150000\n"
              "Preference-Applied: wait=3\nVary: Prefer\nContent-Type: text/plain\n\nhello");
}

static void a_synchronous_call_gives_the_functions_answer(void **state)
{
    (void)state;
    ask(&x, "POST /v1/functions/echo\n\n{}");
    struct op_reply reply =
        reply_result(OUT_RESULT, 418, "Vary: Accept\r\nCache-Control: max-age=5\r\n", "tea");
    reply_with(&x, &reply);
    answer_is(&x, "418\nX-Call-Id: " GUID_A "\nX-Duration-Seconds: 1.150000\nVary: Prefer\n"
                  "Vary: Accept\nCache-Control: max-age=5\n\ntea");
    assert_non_null(x.answer.stored_headers); /* handed on, not copied */
}

static void our_headers_replace_the_functions_of_the_same_name(void **state)
{
    (void)state;
    ask(&x, "GET /v1/callbacks/" GUID_A "\n\n");
    struct op_reply reply = reply_result(
        OUT_RESULT, 200,
        "Set-Cookie: a=1\r\nx-call-id: theirs\r\nSet-Cookie: b=2\r\ncache-control: public\r\n"
        "Date: yesterday\r\nX-Duration-Seconds: 9\r\n",
        "1");
    reply_with(&x, &reply);
    answer_is(&x, "200\nX-Call-Id: " GUID_A "\nX-Callback: delivered\nX-Function-Name: echo\n"
                  "X-Function-Status: 200\nX-Duration-Seconds: 1.150000\n"
                  "Cache-Control: no-store\nSet-Cookie: a=1\nSet-Cookie: b=2\n\n1");
}

static void status_follows_the_state(void **state)
{
    (void)state;
    static const struct {
        enum invocation_state state;
        const char *query;
        uint16_t pending, done, status;
        const char *has, *lacks;
    } cases[] = {
        {INVOCATION_QUEUED, "", 200, 303, 200, "\nRetry-After: 2\n", "Location"},
        {INVOCATION_QUEUED, "", 202, 303, 202, "\"queue_position\":3", "started_at"},
        {INVOCATION_RUNNING, "", 202, 303, 202, "\"started_at\":\"2026-11-20T12:00:00.100Z\"",
         "queue_position"},
        {INVOCATION_SUCCEEDED, "", 202, 303, 303, "\nLocation: /v1/callbacks/" GUID_A "\n",
         "Retry-After"},
        {INVOCATION_SUCCEEDED, "", 200, 302, 302, "\nExpires: Fri, 20 Nov 2026 12:01:01 GMT\n",
         "Retry-After"},
        {INVOCATION_FAILED, "", 200, 200, 200, "\"status\":\"failed\"", "Location"},
        {INVOCATION_SUCCEEDED, "?redirect=false", 200, 303, 200, "\"expires_at\":", "Location"},
        {INVOCATION_SUCCEEDED, "?redirect=true", 200, 303, 303, "\"attempt\":1", "Retry-After"},
        {INVOCATION_COLLECTED, "", 202, 303, 200, "\"ended_at\":\"2026-11-20T12:00:02.000Z\"",
         "callback_url"},
        {INVOCATION_EXPIRED, "", 202, 303, 200, "\"status\":\"expired\"", "cancel_url"},
        {INVOCATION_CANCELED, "", 202, 303, 200, "\"status\":\"canceled\"", "Expires"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char raw[100];
        x.config.status_pending_code = cases[i].pending;
        x.config.status_done_code = cases[i].done;
        snprintf(raw, sizeof raw, "GET /v1/invocations/%s%s\n\n", GUID_A, cases[i].query);
        ask(&x, raw);
        struct op_reply reply = reply_of(OUT_STATUS, cases[i].state);
        reply_with(&x, &reply);
        answer_status_is(&x, cases[i].status);
        answer_has(&x, cases[i].has);
        answer_lacks(&x, cases[i].lacks);
        answer_has(&x, "\nCache-Control: no-store\nContent-Type: application/json\n");
    }
}

static void the_status_body_names_all_that_is_known(void **state)
{
    (void)state;
    ask(&x, "GET /v1/invocations/" GUID_A "\n\n");
    struct op_reply reply = reply_of(OUT_STATUS, INVOCATION_RUNNING);
    reply.info.estimated_completion_at_ms = AT_MS + 5000;
    reply.info.webhook = WEBHOOK_PENDING;
    reply_with(&x, &reply);
    answer_is(&x,
              "200\nRetry-After: 2\nCache-Control: no-store\nContent-Type: application/json\n\n"
              "{\"id\":\"" GUID_A "\",\"function\":\"echo\",\"status\":\"running\","
              "\"node\":\"node-1\",\"created_at\":\"2026-11-20T12:00:00.000Z\","
              "\"started_at\":\"2026-11-20T12:00:00.100Z\","
              "\"estimated_completion_at\":\"2026-11-20T12:00:05.000Z\",\"attempt\":1,"
              "\"webhook\":\"pending\",\"callback_url\":\"/v1/callbacks/" GUID_A "\","
              "\"cancel_url\":\"/v1/invocations/" GUID_A "\"}");
}

static void secas_status_body_lists_the_transitions(void **state)
{
    (void)state;
    x.config.status_conditions = true;
    ask(&x, "GET /v1/invocations/" GUID_A "\n\n");
    struct op_reply reply = reply_of(OUT_STATUS, INVOCATION_FAILED);
    reply_with(&x, &reply);
    answer_status_is(&x, 303);
    answer_has(&x, "\n\n{\"status\":{\"state\":\"failed\",\"conditions\":["
                   "{\"type\":\"Accepted\",\"status\":\"True\",\"lastTransitionTime\":"
                   "\"2026-11-20T12:00:00.000Z\",\"reason\":\"InvocationAccepted\",\"message\":"
                   "\"The invocation was accepted and queued.\"},"
                   "{\"type\":\"Started\",\"status\":\"True\",\"lastTransitionTime\":"
                   "\"2026-11-20T12:00:00.100Z\",\"reason\":\"FunctionStarted\",\"message\":"
                   "\"The function was started.\"},"
                   "{\"type\":\"Completed\",\"status\":\"True\",\"lastTransitionTime\":"
                   "\"2026-11-20T12:00:01.250Z\",\"reason\":\"FunctionFailed\",\"message\":"
                   "\"The function failed; the callback says how.\"}]}}");
}

static void every_refusal_has_its_code_and_slug(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        enum op_outcome outcome;
        uint16_t status;
        const char *slug;
        bool retry;
    } cases[] = {
        {"POST /v1/functions/echo\n\n", OUT_UNKNOWN_FUNCTION, 404, "unknown-function", false},
        {"POST /v1/functions/echo\n\n", OUT_QUEUE_FULL, 429, "queue-full", true},
        {"POST /v1/functions/echo\n\n", OUT_DRAINING, 503, "draining", true},
        {"POST /v1/functions/echo\n\n", OUT_NO_MEMORY, 503, "out-of-memory", true},
        {"POST /v1/functions/echo\n\n", OUT_NOT_REPLICATED, 503, "not-replicated", true},
        {"POST /v1/functions/echo\n\n", OUT_IDEMPOTENCY_MISMATCH, 422, "idempotency-mismatch",
         false},
        {"POST /v1/functions/echo\n\n", OUT_ID_IN_USE, 409, "conflict", false},
        {"POST /v1/functions/echo\n\n", OUT_BAD_REQUEST, 400, "bad-request", false},
        {"GET /v1/invocations/1\n\n", OUT_UNKNOWN, 404, "unknown-invocation", false},
        {"GET /v1/callbacks/1\n\n", OUT_UNKNOWN, 404, "unknown-invocation", false},
        {"GET /v1/callbacks/1\n\n", OUT_NO_QUORUM, 503, "no-quorum", true},
        {"GET /v1/callbacks/1\n\n", OUT_GONE, 410, "gone", false},
        {"DELETE /v1/invocations/1\n\n", OUT_CONFLICT, 409, "conflict", false},
        {"DELETE /v1/invocations/1\n\n", OUT_UNKNOWN, 404, "unknown-invocation", false},
        {"DELETE /v1/invocations/1\n\n", OUT_NO_QUORUM, 503, "no-quorum", true},
        {"DELETE /v1/callbacks/1\nClaim-Token: t\n\n", OUT_GONE, 410, "gone", false},
        {"DELETE /v1/callbacks/1\nClaim-Token: t\n\n", OUT_PENDING, 409, "conflict", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(&x, cases[i].raw);
        struct op_reply reply = reply_of(cases[i].outcome, INVOCATION_COLLECTED);
        reply_with(&x, &reply);
        answer_status_is(&x, cases[i].status);
        char part[64];
        snprintf(part, sizeof part, "\"type\":\"/problems/%s\"", cases[i].slug);
        answer_has(&x, part);
        answer_has(&x, "\nContent-Type: application/problem+json\nCache-Control: no-store\n");
        (cases[i].retry ? answer_has : answer_lacks)(&x, "\nRetry-After: 2\n");
    }
}

static void a_callback_says_what_became_of_it(void **state)
{
    (void)state;
    ask(&x, "GET /v1/callbacks/" GUID_A "\n\n");
    struct op_reply reply = reply_of(OUT_PENDING, INVOCATION_RUNNING);
    reply_with(&x, &reply);
    answer_status_is(&x, 202);
    answer_has(&x,
               "202\nLocation: /v1/invocations/" GUID_A "\nRetry-After: 2\nX-Call-Id: " GUID_A
               "\nX-Callback: pending\nCache-Control: no-store\n");

    ask(&x, "GET /v1/callbacks/" GUID_A "\n\n");
    reply = reply_of(OUT_GONE, INVOCATION_EXPIRED);
    reply_with(&x, &reply);
    answer_has(&x, "410\nX-Callback: gone\n");
    answer_has(&x, "\"invocation_status\":\"expired\"}");

    ask(&x, "GET /v1/callbacks/" GUID_A "\n\n");
    reply = reply_of(OUT_UNKNOWN, INVOCATION_QUEUED);
    reply_with(&x, &reply);
    answer_has(&x, "404\nX-Callback: unknown\n");

    ask(&x, "DELETE /v1/callbacks/" GUID_A "\nClaim-Token: t\n\n");
    reply = reply_of(OUT_RELEASED, INVOCATION_COLLECTED);
    reply_with(&x, &reply);
    answer_is(&x, "204\nCache-Control: no-store\n\n");
}

static void a_failed_callback_keeps_its_own_code(void **state)
{
    (void)state;
    ask(&x, "GET /v1/callbacks/" GUID_A "\n\n");
    struct op_reply reply =
        reply_result(OUT_RESULT, 502, "Content-Type: application/problem+json\r\n", "{}");
    reply_with(&x, &reply);
    answer_has(&x, "502\n");
    answer_has(&x, "\nX-Callback: delivered\n");
    answer_has(&x, "\nX-Function-Status: 502\n");
}

static void head_tells_the_same_and_takes_nothing(void **state)
{
    (void)state;
    ask(&x, "HEAD /v1/callbacks/" GUID_A "\n\n");
    struct op_reply reply = reply_result(OUT_READY, 200, "Content-Type: text/plain\r\n", "x");
    buf_drop(&reply.result.body);
    reply_with(&x, &reply);
    answer_has(&x, "200\nX-Call-Id: " GUID_A "\n");
    answer_has(&x, "\nContent-Type: text/plain\n");
}

static void canceling_answers_with_the_status(void **state)
{
    (void)state;
    ask(&x, "DELETE /v1/invocations/" GUID_A "\n\n");
    struct op_reply reply = reply_of(OUT_CANCELED, INVOCATION_CANCELED);
    reply_with(&x, &reply);
    answer_status_is(&x, 200);
    answer_has(&x, "\"status\":\"canceled\"");

    ask(&x, "DELETE /v1/invocations/" GUID_A "\n\n");
    reply = reply_of(OUT_CONFLICT, INVOCATION_COLLECTED);
    reply_with(&x, &reply);
    answer_status_is(&x, 409);
    answer_has(&x, "\"invocation_status\":\"collected\"");
}

static void unknown_routes_are_404_and_problem_types_are_pages(void **state)
{
    (void)state;
    static const char *const nowhere[] = {"GET /\n\n",
                                          "GET /v1\n\n",
                                          "GET /v1/\n\n",
                                          "GET /v2/functions/echo\n\n",
                                          "GET /v1/invocations/\n\n",
                                          "GET /v1/invocations/a/b\n\n",
                                          "GET /problems/none\n\n",
                                          "OPTIONS *\n\n"};
    for (size_t i = 0; i < sizeof nowhere / sizeof nowhere[0]; i++) {
        ask(&x, nowhere[i]);
        answer_status_is(&x, 404);
        answer_has(&x, "/problems/unknown-route");
        assert_string_equal(x.routing.dialect->name, "other");
    }
    ask(&x, "GET /problems/queue-full\n\n");
    answer_has(&x, "200\nContent-Type: application/json\n\n{\"type\":\"/problems/queue-full\"");
    ask(&x, "POST /problems/queue-full\n\n");
    answer_has(&x, "405\nAllow: GET, HEAD\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXCHANGE_TEST(a_call_becomes_an_invocation),
        EXCHANGE_TEST(options_of_an_invocation_are_taken_over),
        EXCHANGE_TEST(what_is_refused_is_a_problem_document),
        EXCHANGE_TEST(malformed_options_are_400),
        EXCHANGE_TEST(keys_and_tokens_end_at_their_limit),
        EXCHANGE_TEST(ids_are_guids_in_any_spelling_or_the_clients_own),
        EXCHANGE_TEST(operations_follow_from_method_and_path),
        EXCHANGE_TEST(accepted_is_202_with_everything_the_client_needs),
        EXCHANGE_TEST(with_a_base_url_locations_are_absolute),
        EXCHANGE_TEST(a_wait_that_ended_is_said_in_preference_applied),
        EXCHANGE_TEST(a_synchronous_call_gives_the_functions_answer),
        EXCHANGE_TEST(our_headers_replace_the_functions_of_the_same_name),
        EXCHANGE_TEST(status_follows_the_state),
        EXCHANGE_TEST(the_status_body_names_all_that_is_known),
        EXCHANGE_TEST(secas_status_body_lists_the_transitions),
        EXCHANGE_TEST(every_refusal_has_its_code_and_slug),
        EXCHANGE_TEST(a_callback_says_what_became_of_it),
        EXCHANGE_TEST(a_failed_callback_keeps_its_own_code),
        EXCHANGE_TEST(head_tells_the_same_and_takes_nothing),
        EXCHANGE_TEST(canceling_answers_with_the_status),
        EXCHANGE_TEST(unknown_routes_are_404_and_problem_types_are_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
