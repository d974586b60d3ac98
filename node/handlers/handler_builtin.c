/* builtin:echo, builtin:sleep, builtin:status: functions for tests, benchmarks and a first
 * try. They copy nothing: the answer's body is the request's very buffer, and the answer's
 * headers are built once for as long as the Content-Type stays the same. */
#include "handlers/answer_text.h"
#include "handlers/header_lines.h"
#include "handlers/sleepers.h"

#include "base/num.h"
#include "io/timer.h"

#include <assert.h>
#include <stdlib.h>

#define SLEEP_MAX_MS (24u * 60 * 60 * 1000) /* one day */

enum kind { KIND_ECHO, KIND_SLEEP, KIND_STATUS };

struct handler_target {
    struct handler_env env;
    enum kind kind;
    struct buf *headers; /* of the last answer; NULL: none yet */
    struct sleepers sleepers;
    struct timer *timer; /* KIND_SLEEP; due when the next sleeper is */
};

#define HEADER_BEFORE "Content-Type: "
#define HEADER_AFTER  "\r\n"

/* What a headers buffer of ours says as Content-Type. */
static struct bytes type_of_headers(const struct buf *headers)
{
    size_t before = sizeof HEADER_BEFORE - 1, after = sizeof HEADER_AFTER - 1;
    assert(headers->size >= before + after);
    return bytes_of(headers->data + before, headers->size - before - after);
}

/* Makes t->headers say Content-Type `type`. */
static int renew_headers(struct handler_target *t, struct bytes type)
{
    if (t->headers != NULL && bytes_equal(type, type_of_headers(t->headers))) {
        return 0;
    }
    struct buf *fresh;
    size_t before = sizeof HEADER_BEFORE - 1, after = sizeof HEADER_AFTER - 1;
    int rc = buf_new(&fresh, t->env.budget, before + type.size + after);
    if (rc != 0) {
        return rc;
    }
    memcpy(fresh->data, HEADER_BEFORE, before);
    memcpy(fresh->data + before, type.at, type.size);
    memcpy(fresh->data + before + type.size, HEADER_AFTER, after);
    buf_drop(&t->headers);
    t->headers = fresh;
    return 0;
}

/* The request's own body and Content-Type, as the result. Errors as buf_new(). */
static int echo_into(struct handler_target *t, struct result *out, const struct request *r)
{
    struct bytes type = header_lines_value(request_view(r).headers, "Content-Type");
    if (type.size > 0) {
        int rc = renew_headers(t, type);
        if (rc != 0) {
            return rc;
        }
        out->headers = buf_share(t->headers);
    }
    out->body = r->body == NULL ? NULL : buf_share(r->body);
    return 0;
}

/* RFC 9110 15: these have no content, and a 205 (15.3.6) must not send any. */
static bool status_has_content(uint16_t status)
{
    return status != 204 && status != 205 && status != 304;
}

static void answer_echo(struct handler_target *t, uint64_t execution_id, uint16_t status,
                        const struct request *r)
{
    struct execution_outcome out = {.end = EXECUTION_ANSWERED};
    out.result.status = status;
    out.result.failed = status >= 400;
    if (status_has_content(status) && echo_into(t, &out.result, r) != 0) {
        out = (struct execution_outcome){.end = EXECUTION_NO_MEMORY,
                                         .detail = "no memory for the answer"};
    }
    t->env.on_done(t->env.owner, execution_id, &out);
}

static void answer_bad_query(struct handler_target *t, uint64_t execution_id, const char *text)
{
    struct execution_outcome out;
    answer_text(&out, t->env.budget, 400, text);
    t->env.on_done(t->env.owner, execution_id, &out);
}

/* The number given as query parameter `name`. False: not there, or not a number in range. */
static bool query_number(struct bytes query, const char *name, uint64_t max, uint64_t *out)
{
    while (query.size > 0) {
        struct bytes value = bytes_cut_at(&query, '&');
        struct bytes key = bytes_cut_at(&value, '=');
        if (bytes_is(key, name)) {
            return num_parse(value, max, out) == 0;
        }
    }
    return false;
}

static void arm(struct handler_target *t)
{
    uint64_t due_at_ms = sleepers_due_at_ms(&t->sleepers);
    uint64_t now_ms = loop_now_ms(t->env.loop);
    if (due_at_ms == UINT64_MAX) {
        timer_stop(t->timer);
    } else {
        timer_start(t->timer, due_at_ms > now_ms ? due_at_ms - now_ms : 0);
    }
}

static void on_due(void *owner)
{
    struct handler_target *t = owner;
    struct sleeper awake;
    uint64_t now_ms = loop_now_ms(t->env.loop);
    /* As many as there are now: each answer may start the next sleep, of 0 ms perhaps. */
    for (size_t left = t->sleepers.count; left > 0; left--) {
        if (!sleepers_take_due(&t->sleepers, now_ms, &awake)) {
            break;
        }
        answer_echo(t, awake.execution_id, 200, awake.request);
        request_drop(&awake.request);
    }
    arm(t);
}

static int start_sleep(struct handler_target *t, const struct execution *x, struct bytes query)
{
    uint64_t ms;
    if (!query_number(query, "ms", SLEEP_MAX_MS, &ms)) {
        answer_bad_query(t, x->id, "?ms= must be a number of milliseconds, 0 to 86400000\n");
        return 0;
    }
    uint64_t due_at_ms = loop_now_ms(t->env.loop) + ms;
    int rc = sleepers_add(&t->sleepers, due_at_ms, x->id, x->request);
    if (rc == 0 && sleepers_due_at_ms(&t->sleepers) == due_at_ms) {
        arm(t);
    }
    return rc;
}

static void start_status(struct handler_target *t, const struct execution *x,
                         struct bytes query)
{
    uint64_t code;
    if (!query_number(query, "code", 599, &code) || code < 200) {
        answer_bad_query(t, x->id, "?code= must be a status code, 200 to 599\n");
        return;
    }
    answer_echo(t, x->id, (uint16_t)code, x->request);
}

static int builtin_start(struct handler_target *t, const struct execution *x)
{
    switch (t->kind) {
    case KIND_ECHO:
        answer_echo(t, x->id, 200, x->request);
        return 0;
    case KIND_SLEEP:
        return start_sleep(t, x, request_view(x->request).query);
    case KIND_STATUS:
        start_status(t, x, request_view(x->request).query);
        return 0;
    }
    return ERR_IO;
}

static void builtin_stop(struct handler_target *t, uint64_t execution_id)
{
    if (t->kind == KIND_SLEEP) {
        sleepers_remove(&t->sleepers, execution_id);
        arm(t);
    }
}

static void builtin_close(struct handler_target *t)
{
    timer_close(&t->timer);
    sleepers_fini(&t->sleepers);
    buf_drop(&t->headers);
    free(t);
}

static bool kind_parse(struct bytes name, enum kind *out)
{
    static const char *const names[] = {
        [KIND_ECHO] = "echo", [KIND_SLEEP] = "sleep", [KIND_STATUS] = "status"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (bytes_is(name, names[i])) {
            *out = (enum kind)i;
            return true;
        }
    }
    return false;
}

static int builtin_open(const struct handler_env *env, const struct handler_function *function,
                        struct handler_target **out, struct errmsg *em)
{
    *out = NULL;
    enum kind kind;
    struct bytes name = function->target;
    bytes_cut_front_nocase(&name, handler_builtin.scheme);
    if (!kind_parse(name, &kind)) {
        return err_set(em, ERR_MALFORMED,
                       "no builtin '%.*s'; there are builtin:echo, builtin:sleep, "
                       "builtin:status",
                       BYTES_ARG(name));
    }
    struct handler_target *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return err_set(em, ERR_NOMEM, "out of memory");
    }
    t->env = *env;
    t->kind = kind;
    if (kind == KIND_SLEEP) {
        t->timer = timer_new(env->loop, on_due, t);
        if (t->timer == NULL || sleepers_init(&t->sleepers, function->concurrency) != 0) {
            builtin_close(t);
            return err_set(em, ERR_NOMEM, "out of memory");
        }
    }
    *out = t;
    return 0;
}

const struct handler handler_builtin = {
    .scheme = "builtin:",
    .open = builtin_open,
    .start = builtin_start,
    .stop = builtin_stop,
    .close = builtin_close,
};
