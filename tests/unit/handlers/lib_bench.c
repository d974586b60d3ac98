#include "lib_bench.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define WAIT_MAX_MS  30000u
#define BODY_MAX     (1024u * 1024)
#define BUDGET_LIMIT (64u * 1024 * 1024)

static void on_done(void *owner, uint64_t execution_id, struct execution_outcome *outcome)
{
    struct bench *b = owner;
    assert_true(b->done_count < BENCH_OUTCOMES_MAX);
    struct bench_outcome *o = &b->done[b->done_count++];
    o->id = execution_id;
    o->outcome = *outcome;
    if (outcome->detail != NULL) {
        snprintf(o->detail, sizeof o->detail, "%s", outcome->detail);
        o->outcome.detail = o->detail;
    }
}

void bench_init(struct bench *b)
{
    signal(SIGPIPE, SIG_IGN); /* as the node does */
    *b = (struct bench){.budget = {.limit = BUDGET_LIMIT}};
    b->loop = loop_new();
    assert_non_null(b->loop);
    b->env = (struct handler_env){
        .loop = b->loop,
        .budget = &b->budget,
        .body_max = BODY_MAX,
        .header_max = 32u * 1024,
        .concurrency_total = 16,
        .owner = b,
        .on_done = on_done,
    };
}

void bench_fini(struct bench *b)
{
    for (size_t i = 0; i < b->done_count; i++) {
        result_drop(&b->done[i].outcome.result);
    }
    loop_run(b->loop);
    assert_int_equal(b->budget.used, 0);
    loop_free(&b->loop);
}

struct handler_target *bench_open(struct bench *b, const char *target)
{
    struct handler_function function = {.target = bytes_text(target), .concurrency = 16};
    return bench_open_as(b, &function);
}

struct handler_target *bench_open_as(struct bench *b, const struct handler_function *function)
{
    struct errmsg em = {{0}};
    struct handler_target *t;
    const struct handler *h = handler_for(function->target);
    assert_non_null(h);
    if (h->open(&b->env, function, &t, &em) != 0) {
        fail_msg("%.*s: %s", BYTES_ARG(function->target), em.text);
    }
    assert_non_null(t);
    return t;
}

const char *bench_refusal(struct bench *b, const char *target, int code)
{
    struct handler_function function = {.target = bytes_text(target), .concurrency = 16};
    return bench_refusal_of(b, &function, code);
}

const char *bench_refusal_of(struct bench *b, const struct handler_function *function, int code)
{
    static struct errmsg em;
    struct handler_target *t;
    const struct handler *h = handler_for(function->target);
    assert_non_null(h);
    assert_int_equal(h->open(&b->env, function, &t, &em), code);
    assert_null(t);
    return em.text;
}

struct request *bench_request(struct bench *b, const struct bench_call *call)
{
    struct request_view v = {
        .method = bytes_text(call->method == NULL ? "POST" : call->method),
        .path = bytes_text(call->path),
        .query = bytes_text(call->query),
        .headers = bytes_text(call->headers),
    };
    struct buf *body = NULL;
    if (call->body != NULL) {
        size_t size = call->body_size == 0 ? strlen(call->body) : call->body_size;
        assert_int_equal(buf_copy(&body, &b->budget, bytes_of(call->body, size)), 0);
    }
    struct request *r;
    assert_int_equal(request_new(&r, &b->budget, &v, body), 0);
    buf_drop(&body);
    return r;
}

uint64_t bench_start(struct bench *b, const struct handler *h, struct handler_target *t,
                     const struct bench_call *call)
{
    struct execution x = {
        .id = ++b->last_id,
        .request = bench_request(b, call),
        .call_id = bytes_text("the-call-id"),
        .guid = {{1, 2, 3}},
        .attempt = 1,
        .forwarded_for = bytes_text("192.0.2.7"),
        .forwarded_host = bytes_text("front.example"),
        .forwarded_proto = bytes_text("https"),
    };
    loop_refresh(b->loop);
    assert_int_equal(h->start(t, &x), 0);
    request_drop(&x.request);
    return x.id;
}

void bench_wait(struct bench *b, size_t count)
{
    uint64_t until_ns = loop_clock_ns() + WAIT_MAX_MS * UINT64_C(1000000);
    while (b->done_count < count) {
        bool is_alive = loop_turn(b->loop, true);
        assert_true(is_alive || b->done_count == count);
        assert_true(loop_clock_ns() < until_ns);
    }
    assert_int_equal(b->done_count, count);
}

struct bench_outcome *bench_run(struct bench *b, const struct handler *h,
                                struct handler_target *t, const struct bench_call *call)
{
    size_t before = b->done_count;
    uint64_t id = bench_start(b, h, t, call);
    bench_wait(b, before + 1);
    struct bench_outcome *o = &b->done[before];
    assert_int_equal(o->id, id);
    return o;
}

static bool has(struct bytes all, const char *text)
{
    return all.size > 0 && memmem(all.at, all.size, text, strlen(text)) != NULL;
}

bool bench_body_is(const struct bench_outcome *o, const char *text)
{
    return bytes_is(buf_view(o->outcome.result.body), text);
}

bool bench_body_has(const struct bench_outcome *o, const char *text)
{
    return has(buf_view(o->outcome.result.body), text);
}

bool bench_has_header(const struct bench_outcome *o, const char *line)
{
    return has(buf_view(o->outcome.result.headers), line);
}
