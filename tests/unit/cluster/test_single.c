/* One node alone: the life of an invocation, and the one collection of its callback. */
#include "lib_single.h"

#include "base/err.h"

#define LIMIT (64u << 20)

static void the_callback_is_served_once_and_then_gone(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct guid guid = single_ready(&s, "result");
    single_collect(&s, 1, &guid, 0);
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    struct cluster_effect *e = single_effect(&s, CLUSTER_COLLECT_SERVE);
    assert_true(bytes_is(buf_view(e->result.body), "result"));
    assert_true(bytes_is(e->view.function, "score"));
    assert_true(bytes_is(e->view.node, "alone"));
    assert_int_equal(e->view.result_status, 200);
    assert_int_equal(e->view.attempt, 1);
    cluster_sent(s.c, s.now_ms, 1, true);
    single_expect(&s, CLUSTER_COLLECTED, -1);
    assert_int_equal(s.effects[0].view.bytes, 6 + 6);
    single_collect(&s, 2, &guid, 1000);
    single_expect(&s, CLUSTER_COLLECT_GONE, -1);
    assert_int_equal(s.effects[0].view.state, INVOCATION_COLLECTED);
    single_fini(&s);
}

static void memory_of_a_collected_callback_is_free_at_once(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct guid guid = single_ready(&s, "result");
    size_t used = s.budget.used;
    single_collect(&s, 1, &guid, 0);
    single_take(&s);
    cluster_sent(s.c, s.now_ms, 1, true);
    single_take(&s);
    single_take(&s);
    assert_true(s.budget.used < used);
    assert_true(s.budget.used <= 52);
    assert_int_equal(cluster_sizes(s.c).invocations, 0);
    single_pass(&s, 60001);
    assert_int_equal(s.budget.used, 0);
    single_collect(&s, 2, &guid, 0);
    single_expect(&s, CLUSTER_COLLECT_UNKNOWN, -1);
    single_fini(&s);
}

static void a_broken_delivery_makes_it_collectable_again(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct guid guid = single_ready(&s, "result");
    single_collect(&s, 1, &guid, 0);
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    cluster_sent(s.c, s.now_ms, 1, false);
    single_expect(&s, -1);
    single_collect(&s, 2, &guid, 0);
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    single_fini(&s);
}

static void the_second_client_waits_in_line_and_is_told_gone(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct guid guid = single_ready(&s, "result");
    single_collect(&s, 1, &guid, 500);
    single_collect(&s, 2, &guid, 500);
    single_collect(&s, 3, &guid, 500);
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    cluster_sent(s.c, s.now_ms, 1, true);
    single_expect(&s, CLUSTER_COLLECTED, CLUSTER_COLLECT_GONE, CLUSTER_COLLECT_GONE, -1);
    single_fini(&s);
}

static void the_line_moves_up_when_the_first_leaves(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct guid guid = single_ready(&s, "result");
    single_collect(&s, 1, &guid, 500);
    single_collect(&s, 2, &guid, 500);
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    cluster_leave(s.c, s.now_ms, 1);
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    assert_int_equal(s.effects[0].ticket, 2);
    single_fini(&s);
}

static void who_stands_in_line_too_long_is_told_pending(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct guid guid = single_ready(&s, "result");
    single_collect(&s, 1, &guid, 0);
    single_collect(&s, 2, &guid, 200);
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    single_pass(&s, 199);
    single_expect(&s, -1);
    single_pass(&s, 2);
    single_expect(&s, CLUSTER_COLLECT_PENDING, -1);
    single_fini(&s);
}

static void a_parked_client_is_woken_by_the_result(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct invocation *inv = single_accept(&s, NULL);
    struct guid guid = invocation_guid(inv);
    single_expect(&s, CLUSTER_ACCEPTED, -1);
    single_collect(&s, 1, &guid, 0);
    single_expect(&s, CLUSTER_COLLECT_PENDING, -1);
    single_collect(&s, 2, &guid, 2000);
    single_expect(&s, -1);
    single_pass(&s, 1000);
    cluster_started(s.c, s.now_ms, inv);
    single_complete(&s, inv, "x");
    single_expect(&s, CLUSTER_READY, CLUSTER_COLLECT_SERVE, -1);
    single_fini(&s);
}

static void a_parked_client_is_told_pending_when_its_wait_is_over(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct invocation *inv = single_accept(&s, NULL);
    struct guid guid = invocation_guid(inv);
    single_collect(&s, 1, &guid, 2000);
    single_expect(&s, CLUSTER_ACCEPTED, -1);
    single_pass(&s, 1999);
    single_expect(&s, -1);
    single_pass(&s, 1);
    single_expect(&s, CLUSTER_COLLECT_PENDING, -1);
    single_complete(&s, inv, "x");
    single_expect(&s, CLUSTER_READY, -1);
    assert_int_equal(cluster_sizes(s.c).votes, 0);
    single_fini(&s);
}

static void an_orphan_expires_at_its_ttl_and_is_counted(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct guid guid = single_ready(&s, "result");
    single_pass(&s, 2999);
    single_expect(&s, -1);
    single_pass(&s, 1);
    single_expect(&s, CLUSTER_EXPIRED, -1);
    single_collect(&s, 1, &guid, 0);
    single_expect(&s, CLUSTER_COLLECT_GONE, -1);
    assert_int_equal(s.effects[0].view.state, INVOCATION_EXPIRED);
    single_fini(&s);
}

static void nothing_is_served_after_its_deadline_even_before_the_tick(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct guid guid = single_ready(&s, "result");
    s.now_ms += 3000;
    single_collect(&s, 1, &guid, 100);
    single_expect(&s, CLUSTER_EXPIRED, CLUSTER_COLLECT_GONE, -1);
    single_fini(&s);
}

static void queued_and_running_and_ready_can_be_canceled(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct invocation *queued = single_accept(&s, NULL);
    struct guid guid = invocation_guid(queued);
    single_expect(&s, CLUSTER_ACCEPTED, -1);
    cluster_cancel(s.c, s.now_ms, 1, &guid, bytes_text(""));
    single_expect(&s, CLUSTER_CANCELED, CLUSTER_CANCEL_DONE, -1);
    cluster_cancel(s.c, s.now_ms, 1, &guid, bytes_text(""));
    single_expect(&s, CLUSTER_CANCEL_CONFLICT, -1);
    assert_int_equal(s.effects[0].view.state, INVOCATION_CANCELED);
    guid = single_ready(&s, "x");
    cluster_cancel(s.c, s.now_ms, 2, &guid, bytes_text(""));
    single_expect(&s, CLUSTER_CANCELED, CLUSTER_CANCEL_DONE, -1);
    guid = single_guid(&s);
    cluster_cancel(s.c, s.now_ms, 3, &guid, bytes_text(""));
    single_expect(&s, CLUSTER_CANCEL_UNKNOWN, -1);
    single_fini(&s);
}

static void cancel_waits_for_the_one_who_is_being_served(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct guid guid = single_ready(&s, "x");
    single_collect(&s, 1, &guid, 0);
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    cluster_cancel(s.c, s.now_ms, 2, &guid, bytes_text(""));
    single_expect(&s, -1);
    cluster_sent(s.c, s.now_ms, 1, true);
    single_expect(&s, CLUSTER_COLLECTED, CLUSTER_CANCEL_CONFLICT, -1);
    guid = single_ready(&s, "x");
    single_collect(&s, 1, &guid, 0);
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    cluster_cancel(s.c, s.now_ms, 2, &guid, bytes_text(""));
    cluster_sent(s.c, s.now_ms, 1, false);
    single_expect(&s, CLUSTER_CANCELED, CLUSTER_CANCEL_DONE, -1);
    single_fini(&s);
}

static void canceling_tells_the_parked_clients(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct invocation *inv = single_accept(&s, NULL);
    struct guid guid = invocation_guid(inv);
    single_collect(&s, 1, &guid, 1000);
    single_collect(&s, 2, &guid, 1000);
    single_expect(&s, CLUSTER_ACCEPTED, -1);
    cluster_cancel(s.c, s.now_ms, 3, &guid, bytes_text(""));
    single_expect(&s, CLUSTER_CANCELED, CLUSTER_COLLECT_GONE, CLUSTER_COLLECT_GONE,
                  CLUSTER_CANCEL_DONE, -1);
    single_fini(&s);
}

static void a_token_gets_the_same_answer_again_and_nobody_else(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct cluster_accept a = {.ttl_ms = 60000};
    struct invocation *inv = single_accept(&s, &a);
    struct guid guid = invocation_guid(inv);
    single_complete(&s, inv, "again");
    single_take(&s);
    single_collect_by(&s, 1, &guid, "mine");
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    cluster_sent(s.c, s.now_ms, 1, true);
    single_expect(&s, -1);
    single_collect_by(&s, 2, &guid, "mine");
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    assert_true(bytes_is(buf_view(s.effects[0].result.body), "again"));
    cluster_sent(s.c, s.now_ms, 2, true);
    single_collect_by(&s, 3, &guid, "other");
    single_expect(&s, CLUSTER_COLLECT_GONE, -1);
    single_collect(&s, 4, &guid, 100);
    single_expect(&s, CLUSTER_COLLECT_GONE, -1);
    cluster_status(s.c, s.now_ms, 5, &guid, bytes_text(""));
    single_expect(&s, CLUSTER_STATUS, -1);
    assert_int_equal(s.effects[0].view.state, INVOCATION_COLLECTED);
    single_pass(&s, 10000);
    single_expect(&s, CLUSTER_COLLECTED, -1);
    single_collect_by(&s, 6, &guid, "mine");
    single_expect(&s, CLUSTER_COLLECT_GONE, -1);
    single_fini(&s);
}

static void a_token_whose_connection_broke_keeps_the_callback_for_a_while(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct cluster_accept a = {.ttl_ms = 60000};
    struct invocation *inv = single_accept(&s, &a);
    struct guid guid = invocation_guid(inv);
    single_complete(&s, inv, "again");
    single_take(&s);
    single_collect_by(&s, 1, &guid, "mine");
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    cluster_sent(s.c, s.now_ms, 1, false);
    single_collect(&s, 2, &guid, 100);
    single_pass(&s, 100);
    single_expect(&s, CLUSTER_COLLECT_PENDING, -1);
    single_collect_by(&s, 3, &guid, "mine");
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    cluster_sent(s.c, s.now_ms, 3, false);
    single_pass(&s, 10000);
    single_expect(&s, -1);
    single_collect(&s, 4, &guid, 100);
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    single_fini(&s);
}

static void release(struct single *s, uint64_t ticket, const struct guid *guid,
                    const char *token)
{
    struct cluster_collect in = {.ticket = ticket, .guid = *guid, .token = bytes_text(token)};
    cluster_release(s->c, s->now_ms, &in);
}

static void the_token_frees_it_early(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct guid guid = single_ready(&s, "x");
    single_collect_by(&s, 1, &guid, "mine");
    single_take(&s);
    cluster_sent(s.c, s.now_ms, 1, true);
    release(&s, 2, &guid, "other");
    single_expect(&s, CLUSTER_COLLECT_GONE, -1);
    release(&s, 3, &guid, "mine");
    single_expect(&s, CLUSTER_COLLECTED, CLUSTER_RELEASED, -1);
    release(&s, 4, &guid, "mine");
    single_expect(&s, CLUSTER_COLLECT_GONE, -1);
    single_fini(&s);
}

static void peek_tells_and_never_takes(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct guid guid = single_ready(&s, "x");
    struct cluster_collect in = {.ticket = 1, .guid = guid, .peek = true};
    cluster_collect(s.c, s.now_ms, &in);
    single_expect(&s, CLUSTER_COLLECT_PEEKED, -1);
    assert_true(bytes_is(buf_view(s.effects[0].result.body), "x"));
    single_collect(&s, 2, &guid, 0);
    single_expect(&s, CLUSTER_COLLECT_SERVE, -1);
    single_fini(&s);
}

static void however_many_peek_all_hear_of_it_at_once(void **state)
{
    (void)state;
    enum { MANY = 100 };
    struct single s;
    single_init(&s, LIMIT);
    struct invocation *inv = single_accept(&s, NULL);
    struct guid guid = invocation_guid(inv);
    for (uint32_t i = 0; i < MANY; i++) {
        struct cluster_collect in = {
            .ticket = i + 1, .guid = guid, .peek = true, .wait_ms = 5000};
        cluster_collect(s.c, s.now_ms, &in);
    }
    single_expect(&s, CLUSTER_ACCEPTED, -1);
    single_complete(&s, inv, "x");
    single_take(&s);
    uint32_t told = 0;
    for (uint32_t i = 0; i < s.count; i++) {
        told += s.effects[i].kind == CLUSTER_COLLECT_PEEKED;
    }
    assert_int_equal(told, MANY);
    single_fini(&s);
}

static void another_functions_invocation_is_unknown(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct guid guid = single_ready(&s, "x");
    struct cluster_collect in = {.ticket = 1, .guid = guid, .function = bytes_text("other")};
    cluster_collect(s.c, s.now_ms, &in);
    single_expect(&s, CLUSTER_COLLECT_UNKNOWN, -1);
    single_fini(&s);
}

static void status_asks_the_core_how_far_it_is(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct invocation *inv = single_accept(&s, NULL);
    struct guid guid = invocation_guid(inv);
    single_take(&s);
    cluster_status(s.c, s.now_ms, 1, &guid, bytes_text(""));
    single_expect(&s, CLUSTER_ASK_PROGRESS, -1);
    assert_ptr_equal(s.effects[0].inv, inv);
    struct cluster_progress p = {.queue_position = 3, .estimate_ms = 50};
    cluster_answer_progress(s.c, s.now_ms, s.effects[0].ticket, &p);
    single_expect(&s, CLUSTER_STATUS, -1);
    assert_int_equal(s.effects[0].view.progress.queue_position, 3);
    assert_int_equal(s.effects[0].view.state, INVOCATION_QUEUED);
    cluster_status(s.c, s.now_ms, 2, &guid, bytes_text(""));
    single_expect(&s, CLUSTER_ASK_PROGRESS, -1);
    single_pass(&s, 1000);
    single_expect(&s, CLUSTER_STATUS, -1);
    single_fini(&s);
}

static void resolve(struct single *s, uint64_t ticket, enum id_space space)
{
    struct cluster_name name = {.space = (uint8_t)space, .key = bytes_text("me")};
    cluster_resolve(s->c, s->now_ms, ticket, &name);
}

static void a_name_has_one_owner_while_the_invocation_is_known(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct cluster_accept a = {.ttl_ms = 3000, .client_id = bytes_text("me")};
    struct invocation *inv = single_accept(&s, &a);
    struct cluster_register r = {.ticket = 1,
                                 .name = {.space = ID_CALL, .key = bytes_text("me")},
                                 .guid = invocation_guid(inv),
                                 .keep_ms = 100};
    cluster_register(s.c, s.now_ms, &r);
    single_expect(&s, CLUSTER_ACCEPTED, CLUSTER_REGISTERED, -1);
    assert_false(s.effects[1].found);
    struct cluster_register other = r;
    other.guid = single_guid(&s);
    cluster_register(s.c, s.now_ms, &other);
    single_expect(&s, CLUSTER_REGISTERED, -1);
    assert_true(s.effects[0].found);
    assert_true(guid_equal(&s.effects[0].guid, &r.guid));
    single_pass(&s, 70000);
    resolve(&s, 2, ID_CALL);
    single_take(&s);
    assert_true(single_effect(&s, CLUSTER_RESOLVED)->found);
    single_complete(&s, inv, "x");
    single_pass(&s, 3000 + 60000 + 2000);
    resolve(&s, 3, ID_CALL);
    single_take(&s);
    assert_false(single_effect(&s, CLUSTER_RESOLVED)->found);
    resolve(&s, 4, ID_INFERENCE);
    single_expect(&s, CLUSTER_RESOLVED, -1);
    assert_false(s.effects[0].found);
    single_fini(&s);
}

static void a_dropped_result_counts_as_collected(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    struct cluster_accept a = {.ttl_ms = 3000, .drop_result = true};
    struct invocation *inv = single_accept(&s, &a);
    single_complete(&s, inv, "x");
    single_expect(&s, CLUSTER_ACCEPTED, CLUSTER_READY, CLUSTER_COLLECTED, -1);
    single_fini(&s);
}

static void a_full_budget_refuses_and_forgets_tombstones_first(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, 40000);
    struct invocation *inv = NULL;
    for (uint32_t i = 0; i < 60; i++) {
        struct guid guid = single_ready(&s, "x");
        single_collect(&s, 1, &guid, 0);
        single_take(&s);
        cluster_sent(s.c, s.now_ms, 1, true);
        single_take(&s);
        single_take(&s);
    }
    assert_true(cluster_sizes(s.c).tombstones > 50);
    struct request *request;
    struct request_view view = {.method = bytes_text("POST")};
    assert_int_equal(request_new(&request, &s.budget, &view, NULL), 0);
    struct cluster_accept a = {.function = bytes_text("f"), .request = request};
    int rc = 0;
    uint32_t accepted = 0;
    while (rc == 0) {
        a.guid = single_guid(&s);
        rc = cluster_accept(s.c, s.now_ms, &a, &inv);
        accepted += rc == 0;
        single_take(&s);
    }
    assert_int_equal(rc, ERR_FULL);
    assert_null(inv);
    assert_true(accepted > 100);
    assert_int_equal(cluster_sizes(s.c).tombstones, 0);
    request_drop(&request);
    single_fini(&s);
}

static void many_expire_in_bounded_steps(void **state)
{
    (void)state;
    struct single s;
    single_init(&s, LIMIT);
    for (uint32_t i = 0; i < 3000; i++) {
        single_ready(&s, "x");
    }
    s.now_ms += 3000;
    uint32_t ticks = 0, expired = 0;
    while (cluster_deadline_ms(s.c) <= s.now_ms) {
        cluster_tick(s.c, s.now_ms);
        ticks++;
        struct cluster_effect e;
        while (cluster_next_effect(s.c, &e)) {
            expired += e.kind == CLUSTER_EXPIRED;
        }
    }
    assert_int_equal(expired, 3000);
    assert_true(ticks >= 3000 / 512);
    single_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_callback_is_served_once_and_then_gone),
        cmocka_unit_test(memory_of_a_collected_callback_is_free_at_once),
        cmocka_unit_test(a_broken_delivery_makes_it_collectable_again),
        cmocka_unit_test(the_second_client_waits_in_line_and_is_told_gone),
        cmocka_unit_test(the_line_moves_up_when_the_first_leaves),
        cmocka_unit_test(who_stands_in_line_too_long_is_told_pending),
        cmocka_unit_test(a_parked_client_is_woken_by_the_result),
        cmocka_unit_test(a_parked_client_is_told_pending_when_its_wait_is_over),
        cmocka_unit_test(an_orphan_expires_at_its_ttl_and_is_counted),
        cmocka_unit_test(nothing_is_served_after_its_deadline_even_before_the_tick),
        cmocka_unit_test(queued_and_running_and_ready_can_be_canceled),
        cmocka_unit_test(cancel_waits_for_the_one_who_is_being_served),
        cmocka_unit_test(canceling_tells_the_parked_clients),
        cmocka_unit_test(a_token_gets_the_same_answer_again_and_nobody_else),
        cmocka_unit_test(a_token_whose_connection_broke_keeps_the_callback_for_a_while),
        cmocka_unit_test(the_token_frees_it_early),
        cmocka_unit_test(peek_tells_and_never_takes),
        cmocka_unit_test(however_many_peek_all_hear_of_it_at_once),
        cmocka_unit_test(another_functions_invocation_is_unknown),
        cmocka_unit_test(status_asks_the_core_how_far_it_is),
        cmocka_unit_test(a_name_has_one_owner_while_the_invocation_is_known),
        cmocka_unit_test(a_dropped_result_counts_as_collected),
        cmocka_unit_test(a_full_budget_refuses_and_forgets_tombstones_first),
        cmocka_unit_test(many_expire_in_bounded_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
