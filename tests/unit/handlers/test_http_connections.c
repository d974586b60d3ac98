/* What becomes of the connections to an upstream. */
#include "lib_upstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct handler *const h = &handler_http;

static void connections_are_used_again_and_headers_shared(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    s->upstream.answer =
        "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 2\r\nDate: x\r\n\r\nok";
    struct bench_call call = {.body = "question"};
    struct buf *headers = stage_run(s, &call)->outcome.result.headers;
    for (size_t i = 0; i < 50; i++) {
        assert_ptr_equal(stage_run(s, &call)->outcome.result.headers, headers);
    }
    assert_int_equal(s->upstream.connections, 1);
    for (size_t i = 0; i < 16; i++) { /* as many as the concurrency */
        bench_start(&s->bench, h, s->target, &call);
    }
    bench_wait(&s->bench, 51 + 16);
    size_t connections = s->upstream.connections;
    assert_in_range(connections, 2, 16);
    for (size_t i = 0; i < 16; i++) {
        bench_start(&s->bench, h, s->target, &call);
    }
    bench_wait(&s->bench, 51 + 32);
    assert_in_range(s->upstream.connections, connections, 16);
    stage_close(s);
}

static void connection_that_went_stale_is_replaced(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    stage_expect(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", EXECUTION_ANSWERED);
    upstream_hang_up(&s->upstream);
    stage_expect(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", EXECUTION_ANSWERED);
    assert_int_equal(s->upstream.connections, 2);
    stage_close(s);
}

static void answers_without_a_length_end_with_the_connection(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    s->upstream.then = UPSTREAM_CLOSE;
    struct bench_outcome *o =
        stage_expect(s, "HTTP/1.0 200 OK\r\n\r\nto the end", EXECUTION_ANSWERED);
    assert_true(bench_body_is(o, "to the end"));
    stage_expect(s, "HTTP/1.0 200 OK\r\n\r\nto the end", EXECUTION_ANSWERED);
    assert_int_equal(s->upstream.connections, 2);
    stage_close(s);
}

static void stopped_call_closes_its_connection_and_says_nothing(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    s->upstream.answer = NULL;
    struct bench_call call = {.body = "x"};
    uint64_t id = bench_start(&s->bench, h, s->target, &call);
    while (s->upstream.requests == 0) {
        loop_turn(s->bench.loop, true);
    }
    h->stop(s->target, id + 1);
    assert_int_equal(s->upstream.open_connections, 1);
    h->stop(s->target, id);
    h->stop(s->target, id);
    while (s->upstream.open_connections > 0) {
        loop_turn(s->bench.loop, true);
    }
    uint64_t early = bench_start(&s->bench, h, s->target, &call);
    h->stop(s->target, early); /* before it was connected */
    assert_int_equal(s->bench.done_count, 0);
    stage_close(s);
}

static void answers_in_single_bytes_are_put_together(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    s->upstream.piece_size = 1;
    static const char *const answers[] = {
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-A: b\r\n"
        "Content-Length: 11\r\n\r\nhello world",
        "HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    };
    for (size_t i = 0; i < 4; i++) {
        struct bench_outcome *o = stage_expect(s, answers[i / 2], EXECUTION_ANSWERED);
        assert_true(bench_body_is(o, "hello world"));
        assert_true(bytes_is(buf_view(o->outcome.result.headers), "X-A: b\r\n"));
    }
    assert_int_equal(s->upstream.connections, 1);
    s->upstream.then = UPSTREAM_CLOSE;
    struct bench_outcome *o =
        stage_expect(s, "HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nto the end", EXECUTION_ANSWERED);
    assert_true(bench_body_is(o, "to the end"));
    stage_close(s);
}

static void connection_that_says_too_much_is_not_used_again(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
    };
    for (size_t i = 0; i < 3; i++) {
        assert_true(bench_body_is(stage_expect(s, answers[i], EXECUTION_ANSWERED), "ok"));
        assert_int_equal(s->upstream.connections, i + 1);
    }
    stage_close(s);
}

static void names_are_resolved_and_their_addresses_tried_in_turn(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    s->upstream.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    char target[64];
    h->close(s->target);
    snprintf(target, sizeof target, "http://localhost:%u/", s->upstream.port);
    s->target = bench_open(&s->bench, target); /* perhaps ::1 first, where nobody listens */
    struct bench_call call = {.body = "x"};
    for (size_t i = 0; i < 8; i++) {
        bench_start(&s->bench, h, s->target, &call);
    }
    h->stop(s->target, 3); /* while it waits for the name */
    bench_wait(&s->bench, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_true(bench_body_is(&s->bench.done[i], "ok"));
        assert_int_not_equal(s->bench.done[i].id, 3);
    }
    assert_true(stage_was_sent(s, "\r\nHost: localhost:"));
    stage_close(s);
}

static void target_closed_while_its_name_is_resolved_is_forgotten(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct handler_target *t = bench_open(&b, "http://localhost:1/");
    struct bench_call call = {.body = "x"};
    h->stop(t, bench_start(&b, h, t, &call));
    h->close(t);
    bench_fini(&b);
}

/* Starts the next call from within on_done, as the core does with a queue. */
struct chain {
    struct stage *stage;
    size_t left, done, depth, depth_max;
};

static void chain_start(struct chain *c)
{
    struct bench_call call = {.body = "x"};
    c->left--;
    bench_start(&c->stage->bench, h, c->stage->target, &call);
}

static void chain_done(void *owner, uint64_t id, struct execution_outcome *outcome)
{
    (void)id;
    struct chain *c = owner;
    result_drop(&outcome->result);
    c->done++;
    c->depth++;
    c->depth_max = c->depth > c->depth_max ? c->depth : c->depth_max;
    if (c->left > 0) {
        chain_start(c);
    }
    c->depth--;
}

static void calls_started_from_on_done_do_not_pile_up(void **state)
{
    (void)state;
    for (int refused = 0; refused < 2; refused++) {
        struct stage *s = calloc(1, sizeof *s);
        struct chain c = {.stage = s, .left = 500};
        bench_init(&s->bench);
        upstream_open(&s->upstream, &s->bench);
        s->upstream.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        s->bench.env.owner = &c;
        s->bench.env.on_done = chain_done;
        s->target = bench_open(&s->bench, upstream_target(&s->upstream, "/"));
        if (refused != 0) {
            upstream_close(&s->upstream);
            loop_turn(s->bench.loop, false);
        }
        chain_start(&c);
        while (c.done < 500) {
            loop_turn(s->bench.loop, true);
        }
        assert_int_equal(c.depth_max, 1);
        assert_in_range(s->upstream.connections, 0, 1);
        h->close(s->target);
        if (refused == 0) {
            upstream_close(&s->upstream);
        }
        bench_fini(&s->bench);
        free(s);
    }
}

static void nobody_listening_is_a_failure_that_says_so(void **state)
{
    (void)state;
    struct stage *s = stage_open("/");
    upstream_close(&s->upstream);
    loop_turn(s->bench.loop, false);
    struct bench_call call = {.body = "x"};
    struct bench_outcome *o = stage_run(s, &call);
    assert_int_equal(o->outcome.end, EXECUTION_FAILED);
    assert_non_null(strstr(o->detail, "onnect"));
    h->close(s->target);
    s->target = bench_open(&s->bench, "http://name.invalid:80/");
    o = stage_run(s, &call);
    assert_int_equal(o->outcome.end, EXECUTION_FAILED);
    assert_non_null(strstr(o->detail, "name.invalid"));
    h->close(s->target);
    bench_fini(&s->bench);
    free(s);
}

static void environment_names_no_proxy_for_us(void **state)
{
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    struct stage *s = stage_open("/");
    stage_expect(s, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", EXECUTION_ANSWERED);
    stage_close(s);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_used_again_and_headers_shared),
        cmocka_unit_test(connection_that_went_stale_is_replaced),
        cmocka_unit_test(answers_without_a_length_end_with_the_connection),
        cmocka_unit_test(stopped_call_closes_its_connection_and_says_nothing),
        cmocka_unit_test(answers_in_single_bytes_are_put_together),
        cmocka_unit_test(connection_that_says_too_much_is_not_used_again),
        cmocka_unit_test(names_are_resolved_and_their_addresses_tried_in_turn),
        cmocka_unit_test(target_closed_while_its_name_is_resolved_is_forgotten),
        cmocka_unit_test(calls_started_from_on_done_do_not_pile_up),
        cmocka_unit_test(nobody_listening_is_a_failure_that_says_so),
        cmocka_unit_test(environment_names_no_proxy_for_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
