#include "lib_single.h"

#include <stdarg.h>

void single_init(struct single *s, size_t limit)
{
    *s = (struct single){.budget.limit = limit, .now_ms = 1000};
    struct cluster_config config = {.node_id = {{1, 2, 3, 4, 5, 6, 7, 8}},
                                    .node_name = bytes_text("alone"),
                                    .retention_ms = 60000,
                                    .redelivery_ms = 10000,
                                    .seed = 7,
                                    .budget = &s->budget};
    s->c = cluster_new(&config, s->now_ms);
    assert_non_null(s->c);
}

static void drop_taken(struct single *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->effects[i].kind == CLUSTER_COLLECT_SERVE) {
            result_drop(&s->effects[i].result);
        }
    }
    s->count = 0;
}

void single_fini(struct single *s)
{
    drop_taken(s);
    cluster_free(&s->c);
    assert_int_equal(s->budget.used, 0);
}

void single_take(struct single *s)
{
    drop_taken(s);
    while (s->count < SINGLE_EFFECTS_MAX && cluster_next_effect(s->c, &s->effects[s->count])) {
        s->count++;
    }
    assert_true(s->count < SINGLE_EFFECTS_MAX);
}

void single_expect(struct single *s, ...)
{
    single_take(s);
    va_list kinds;
    va_start(kinds, s);
    uint32_t i = 0;
    for (int kind = va_arg(kinds, int); kind != -1; kind = va_arg(kinds, int)) {
        assert_true(i < s->count);
        assert_int_equal(s->effects[i].kind, kind);
        i++;
    }
    va_end(kinds);
    assert_int_equal(i, s->count);
}

struct cluster_effect *single_effect(struct single *s, enum cluster_effect_kind kind)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->effects[i].kind == kind) {
            return &s->effects[i];
        }
    }
    fail_msg("no effect of kind %d", (int)kind);
    return NULL;
}

void single_pass(struct single *s, uint64_t ms)
{
    uint64_t end = s->now_ms + ms;
    for (;;) {
        uint64_t due = cluster_deadline_ms(s->c);
        if (due > end) {
            break;
        }
        s->now_ms = due > s->now_ms ? due : s->now_ms;
        cluster_tick(s->c, s->now_ms);
    }
    s->now_ms = end;
}

struct guid single_guid(struct single *s)
{
    uint8_t random[GUID_SIZE] = {0};
    s->made++;
    memcpy(random, &s->made, sizeof s->made);
    return guid_make(random, cluster_home_tag(s->c));
}

struct invocation *single_accept(struct single *s, const struct cluster_accept *extra)
{
    struct request *request;
    struct request_view view = {.method = bytes_text("POST"), .path = bytes_text("/a")};
    assert_int_equal(request_new(&request, &s->budget, &view, NULL), 0);
    struct cluster_accept a =
        extra != NULL ? *extra : (struct cluster_accept){.ttl_ms = 3000, .max_attempts = 2};
    if (a.function.size == 0) {
        a.function = bytes_text("score");
    }
    a.guid = single_guid(s);
    a.request = request;
    struct invocation *inv;
    assert_int_equal(cluster_accept(s->c, s->now_ms, &a, &inv), 0);
    request_drop(&request);
    return inv;
}

void single_complete(struct single *s, struct invocation *inv, const char *body)
{
    struct result r = {.status = 200};
    assert_int_equal(buf_copy(&r.body, &s->budget, bytes_text(body)), 0);
    assert_int_equal(buf_copy(&r.headers, &s->budget, bytes_text("A: b\r\n")), 0);
    cluster_complete(s->c, s->now_ms, inv, &r);
}

struct guid single_ready(struct single *s, const char *body)
{
    struct invocation *inv = single_accept(s, NULL);
    struct guid guid = invocation_guid(inv);
    cluster_started(s->c, s->now_ms, inv);
    single_complete(s, inv, body);
    single_expect(s, CLUSTER_ACCEPTED, CLUSTER_READY, -1);
    return guid;
}

void single_collect(struct single *s, uint64_t ticket, const struct guid *guid,
                    uint32_t wait_ms)
{
    struct cluster_collect in = {.ticket = ticket, .guid = *guid, .wait_ms = wait_ms};
    cluster_collect(s->c, s->now_ms, &in);
}

void single_collect_by(struct single *s, uint64_t ticket, const struct guid *guid,
                       const char *token)
{
    struct cluster_collect in = {
        .ticket = ticket, .guid = *guid, .wait_ms = 100, .token = bytes_text(token)};
    cluster_collect(s->c, s->now_ms, &in);
}
