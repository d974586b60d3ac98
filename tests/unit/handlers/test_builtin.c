#include "lib_bench.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct handler *const h = &handler_builtin;

static void echo_answers_within_start_and_shares_the_body(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = bench_open(&b, "builtin:echo");
    struct bench_call call = {.headers = "Accept: */*\r\nContent-Type: text/x\r\n",
                              .body = "hi"};
    struct execution x = {.id = 7, .request = bench_request(&b, &call)};
    assert_int_equal(h->start(t, &x), 0);
    assert_int_equal(b.done_count, 1);
    assert_int_equal(b.done[0].id, 7);
    assert_int_equal(b.done[0].outcome.end, EXECUTION_ANSWERED);
    assert_int_equal(b.done[0].outcome.result.status, 200);
    assert_false(b.done[0].outcome.result.failed);
    assert_ptr_equal(b.done[0].outcome.result.body, x.request->body);
    assert_true(
        bytes_is(buf_view(b.done[0].outcome.result.headers), "Content-Type: text/x\r\n"));
    request_drop(&x.request);
    h->close(t);
    bench_fini(&b);
}

static void echo_shares_headers_while_the_type_stays(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = bench_open(&b, "builtin:echo");
    struct bench_call json = {.headers = "content-type:  application/json \r\n", .body = "{}"};
    struct bench_call none = {.headers = "X-Content-Type: a\r\n", .body = "x"};
    struct bench_call text = {.headers = "Content-Type: text/plain\r\n", .body = "x"};
    struct buf *first = bench_run(&b, h, t, &json)->outcome.result.headers;
    assert_ptr_equal(bench_run(&b, h, t, &json)->outcome.result.headers, first);
    assert_null(bench_run(&b, h, t, &none)->outcome.result.headers);
    assert_true(bench_has_header(bench_run(&b, h, t, &text), "Content-Type: text/plain\r\n"));
    assert_true(bytes_is(buf_view(first), "Content-Type: application/json\r\n"));
    h->close(t);
    bench_fini(&b);
}

static void echo_of_nothing_is_an_empty_200(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = bench_open(&b, "builtin:echo");
    struct bench_call call = {.method = "GET"};
    struct bench_outcome *o = bench_run(&b, h, t, &call);
    assert_int_equal(o->outcome.result.status, 200);
    assert_null(o->outcome.result.body);
    h->close(t);
    bench_fini(&b);
}

static void echo_without_memory_for_headers_says_so(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = bench_open(&b, "builtin:echo");
    struct bench_call call = {.headers = "Content-Type: text/x\r\n"};
    struct execution x = {.id = 1, .request = bench_request(&b, &call)};
    b.budget.limit = b.budget.used;
    assert_int_equal(h->start(t, &x), 0);
    assert_int_equal(b.done[0].outcome.end, EXECUTION_NO_MEMORY);
    request_drop(&x.request);
    h->close(t);
    bench_fini(&b);
}

static void sleepers_wake_in_the_order_they_are_due(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = bench_open(&b, "builtin:sleep");
    struct bench_call late = {.query = "a=b&ms=1000", .body = "late"};
    struct bench_call early = {.query = "ms=500", .body = "early"}; /* though started later */
    struct bench_call now = {.query = "ms=0", .body = "now"};
    uint64_t started_ns = loop_clock_ns();
    bench_start(&b, h, t, &late);
    bench_start(&b, h, t, &early);
    bench_start(&b, h, t, &now);
    assert_int_equal(b.done_count, 0);
    bench_wait(&b, 3);
    assert_true(loop_clock_ns() - started_ns >= UINT64_C(998000000));
    assert_true(bench_body_is(&b.done[0], "now"));
    assert_true(bench_body_is(&b.done[1], "early"));
    assert_true(bench_body_is(&b.done[2], "late"));
    h->close(t);
    bench_fini(&b);
}

static void stopped_sleeper_never_answers(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = bench_open(&b, "builtin:sleep");
    struct bench_call call = {.query = "ms=5"}, day = {.query = "ms=86400000"};
    uint64_t days[15];
    for (size_t i = 0; i < 15; i++) {
        days[i] = bench_start(&b, h, t, &day);
    }
    uint64_t last = bench_start(&b, h, t, &call);
    for (size_t i = 0; i < 15; i += 2) {
        h->stop(t, days[i]);
    }
    h->stop(t, 4711);
    bench_wait(&b, 1);
    assert_int_equal(b.done[0].id, last);
    for (size_t i = 1; i < 15; i += 2) {
        h->stop(t, days[i]);
    }
    h->close(t);
    bench_fini(&b); /* would wait a day for a forgotten one */
}

static void more_sleepers_than_the_concurrency_are_refused(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = bench_open(&b, "builtin:sleep");
    struct bench_call day = {.query = "ms=86400000"};
    for (size_t i = 0; i < 16; i++) {
        bench_start(&b, h, t, &day);
    }
    struct execution x = {.id = 99, .request = bench_request(&b, &day)};
    assert_int_equal(h->start(t, &x), ERR_FULL);
    request_drop(&x.request);
    for (uint64_t id = 1; id <= 16; id++) {
        h->stop(t, id);
    }
    h->close(t);
    bench_fini(&b);
}

static void wrong_parameters_are_answered_with_400(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *sleep = bench_open(&b, "builtin:sleep");
    struct handler_target *status = bench_open(&b, "builtin:status");
    static const char *const queries[] = {
        "", "ms=", "ms=-1", "ms=1x", "ms=86400001", "code=199", "code=600", "code=abc"};
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        struct bench_call call = {.query = queries[i], .body = "x"};
        struct handler_target *both[] = {sleep, status};
        for (size_t k = 0; k < 2; k++) {
            struct bench_outcome *o = bench_run(&b, h, both[k], &call);
            assert_int_equal(o->outcome.end, EXECUTION_ANSWERED);
            assert_int_equal(o->outcome.result.status, 400);
            assert_true(o->outcome.result.failed);
            assert_true(bench_has_header(o, "Content-Type: text/plain"));
            assert_true(bench_body_has(o, "must be"));
        }
    }
    h->close(sleep);
    h->close(status);
    bench_fini(&b);
}

static void status_answers_with_the_code_asked_for(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = bench_open(&b, "builtin:status");
    static const struct {
        const char *query;
        uint16_t status;
        bool failed, has_body;
    } rows[] = {
        {"code=200", 200, false, true},  {"code=204", 204, false, false},
        {"code=304", 304, false, false}, {"code=404", 404, true, true},
        {"code=599", 599, true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench_call call = {
            .query = rows[i].query, .headers = "Content-Type: a/b\r\n", .body = "body"};
        struct bench_outcome *o = bench_run(&b, h, t, &call);
        assert_int_equal(o->outcome.result.status, rows[i].status);
        assert_int_equal(o->outcome.result.failed, rows[i].failed);
        assert_int_equal(o->outcome.result.body != NULL, rows[i].has_body);
        assert_int_equal(o->outcome.result.headers != NULL, rows[i].has_body);
    }
    h->close(t);
    bench_fini(&b);
}

static void unknown_builtins_and_schemes_are_refused(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_non_null(strstr(bench_refusal(&b, "builtin:ech", ERR_MALFORMED), "builtin:echo"));
    assert_null(handler_for(bytes_text("ftp://x")));
    assert_null(handler_for(bytes_text("")));
    bench_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echo_answers_within_start_and_shares_the_body),
        cmocka_unit_test(echo_shares_headers_while_the_type_stays),
        cmocka_unit_test(echo_of_nothing_is_an_empty_200),
        cmocka_unit_test(echo_without_memory_for_headers_says_so),
        cmocka_unit_test(sleepers_wake_in_the_order_they_are_due),
        cmocka_unit_test(stopped_sleeper_never_answers),
        cmocka_unit_test(more_sleepers_than_the_concurrency_are_refused),
        cmocka_unit_test(wrong_parameters_are_answered_with_400),
        cmocka_unit_test(status_answers_with_the_code_asked_for),
        cmocka_unit_test(unknown_builtins_and_schemes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
