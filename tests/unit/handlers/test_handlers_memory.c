/* Handlers when memory is short: the same calls again and again, each time with another
 * allocation failing. An execution may be refused or end without an answer; nothing may leak,
 * crash, be reported twice or never. */
#include "heap_faults.h"
#include "lib_upstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const headers = "Content-Type: text/x\r\nX-One: 1\r\n";

/* One execution that may fail; its outcome is dropped. */
static void run_one(struct bench *b, const struct handler *h, struct handler_target *t,
                    struct request *r)
{
    struct execution x = {
        .id = ++b->last_id,
        .request = r,
        .call_id = bytes_text("the-call-id"),
        .attempt = 1,
        .forwarded_for = bytes_text("192.0.2.7"),
    };
    size_t before = b->done_count;
    int rc = h->start(t, &x);
    if (rc != 0) {
        assert_int_equal(b->done_count, before); /* refused: no second word */
        return;
    }
    bench_wait(b, before + 1);
    struct execution_outcome *o = &b->done[before].outcome;
    if (!heap_faults_hit()) {
        assert_int_equal(o->end, EXECUTION_ANSWERED);
    }
    result_drop(&o->result);
    b->done_count = 0;
}

/* Opens, calls twice, closes; with allocation `n` failing. True when it did fail. */
static bool walk(struct bench *b, const char *target, unsigned n)
{
    static char body[9000];
    memset(body, 'x', sizeof body);
    struct bench_call call = {
        .query = "ms=0", .headers = headers, .body = body, .body_size = sizeof body};
    struct request *r = bench_request(b, &call);
    const struct handler *h = handler_for(bytes_text(target));
    struct handler_target *t;
    struct errmsg em = {{0}};
    struct handler_function function = {.target = bytes_text(target), .concurrency = 4};
    heap_faults_set(n);
    int rc = h->open(&b->env, &function, &t, &em);
    if (rc == 0) {
        run_one(b, h, t, r);
        run_one(b, h, t, r);
    }
    bool hit = heap_faults_hit();
    heap_faults_set(0);
    if (rc == 0) {
        h->close(t);
    } else {
        assert_null(t);
        assert_true(em.text[0] != '\0');
    }
    request_drop(&r);
    return hit;
}

static void walk_all(const char *target)
{
    bool hit = true;
    unsigned n = 1;
    for (; hit; n++) {
        struct bench b;
        bench_init(&b);
        hit = walk(&b, target, n);
        bench_fini(&b);
    }
    assert_true(n > 3); /* some did fail */
}

static void builtins_survive_any_failing_allocation(void **state)
{
    (void)state;
    walk_all("builtin:echo");
    walk_all("builtin:sleep");
    walk_all("builtin:status");
}

static void programs_survive_any_failing_allocation(void **state)
{
    (void)state;
    walk_all("exec:/bin/cat -");
    walk_all("exec:/bin/false");
}

static void upstreams_survive_any_failing_allocation(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
        "0\r\n\r\n",
    };
    for (size_t i = 0; i < 2; i++) {
        bool hit = true;
        unsigned n = 1;
        for (; hit; n++) {
            struct bench b;
            struct upstream u;
            bench_init(&b);
            upstream_open(&u, &b);
            u.answer = answers[i];
            hit = walk(&b, upstream_target(&u, "/"), n);
            upstream_close(&u);
            bench_fini(&b);
        }
        assert_true(n > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builtins_survive_any_failing_allocation),
        cmocka_unit_test(programs_survive_any_failing_allocation),
        cmocka_unit_test(upstreams_survive_any_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
