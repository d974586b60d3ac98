/* Two nodes' links over loopback: order, batching, bodies, endings. */
#include "base/err.h"
#include "base/rng.h"
#include "lib_world.h"

#include <stdio.h>
#include <stdlib.h>

static struct node a, b;
static struct node *const both[] = {&a, &b};

/* Two nodes, `a` linked to `b` on `lane`; a.up_link and b.up_link are the two ends. */
static struct loop *linked(enum msg_lane lane)
{
    struct loop *l = loop_new();
    assert_non_null(l);
    node_open(&a, l, "a", NULL);
    node_open(&b, l, "b", NULL);
    char address[64];
    snprintf(address, sizeof address, "%.*s", BYTES_ARG(peers_address(b.peers)));
    node_dial(&a, address, lane);
    world_until(l, &a.up_count, 1);
    assert_int_equal(b.up_count, 1);
    assert_int_equal(a.opened, 1);
    assert_int_equal(b.accepted, 1);
    return l;
}

static void messages_arrive_in_the_order_sent(void **state)
{
    (void)state;
    struct loop *l = linked(LANE_CONTROL);
    size_t before = b.heard_count;
    for (uint64_t i = 0; i < 3000; i++) {
        node_ping(&a, a.up_link, i);
        if (i % 100 == 0) {
            loop_turn(l, false);
        }
    }
    world_until(l, &b.heard_count, before + 3000);
    for (size_t i = 0; i < 3000; i++) {
        assert_int_equal(b.heard[before + i].kind, MSG_PING);
        assert_int_equal(b.heard[before + i].value, i);
        assert_int_equal(b.heard[before + i].link, b.up_link);
    }
    world_end(l, both, 2);
}

static void messages_of_one_turn_leave_in_one_write(void **state)
{
    (void)state;
    struct loop *l = linked(LANE_CONTROL);
    uint64_t writes = peers_counters(a.peers)->writes;
    size_t before = b.heard_count;
    for (uint64_t i = 0; i < 1000; i++) {
        node_ping(&a, a.up_link, i);
    }
    world_until(l, &b.heard_count, before + 1000);
    assert_int_equal(peers_counters(a.peers)->writes, writes + 1);
    world_end(l, both, 2);
}

static void what_waited_for_company_goes_along(void **state)
{
    (void)state;
    struct loop *l = linked(LANE_CONTROL);
    uint64_t writes = peers_counters(a.peers)->writes;
    size_t before = b.heard_count;
    a.pings_along = true;
    loop_turn(l, false);
    assert_true(a.pings_along); /* nothing is written: nobody is asked */
    node_ping(&a, a.up_link, 1);
    world_until(l, &b.heard_count, before + 2);
    assert_int_equal(b.heard[before + 1].value, 4711);
    assert_int_equal(peers_counters(a.peers)->writes, writes + 1);
    world_end(l, both, 2);
}

static struct buf *body_of(struct node *n, size_t size)
{
    struct buf *body;
    assert_int_equal(buf_new(&body, &n->budget, size), 0);
    for (size_t i = 0; i < size; i++) {
        body->data[i] = (uint8_t)(i * 31 + (i >> 8));
    }
    return body;
}

static void send_body(struct node *n, struct buf *body)
{
    struct msg m = {.kind = MSG_CREATE};
    m.create.status = 200;
    m.create.has_payload = true;
    m.create.body = body;
    m.create.body_size = buf_size(body);
    node_send(n, n->up_link, &m);
}

static void bodies_arrive_whole_and_are_charged_once(void **state)
{
    (void)state;
    struct loop *l = linked(LANE_BULK);
    struct rng rng = {3};
    struct buf *largest = body_of(&a, MSG_CHUNK_MAX);
    b.expect_body = buf_view(largest);
    size_t before = b.heard_count;
    for (size_t i = 0; i < 60; i++) {
        struct buf *body;
        size_t size = i % 3 == 0 ? MSG_CHUNK_MAX : rng_below(&rng, 20000);
        assert_int_equal(
            buf_copy(&body, &a.budget, bytes_of(largest->data, size == 0 ? 1 : size)), 0);
        send_body(&a, body);
        buf_drop(&body);
    }
    assert_true(a.budget.used > 20u * MSG_CHUNK_MAX); /* the queue holds them */
    world_until(l, &b.heard_count, before + 60);
    assert_int_equal(b.budget.used, sizeof(struct buf) + buf_size(b.keep));
    buf_drop(&largest);
    while (a.budget.used > 0) { /* the last is given back once it was written */
        loop_turn(l, false);
    }
    world_end(l, both, 2);
}

static void body_without_room_is_told_and_the_link_lives(void **state)
{
    (void)state;
    struct loop *l = linked(LANE_BULK);
    b.budget.limit = 1000;
    struct buf *body = body_of(&a, 5000);
    size_t before = b.heard_count;
    send_body(&a, body);
    buf_drop(&body);
    node_ping(&a, a.up_link, 7);
    world_until(l, &b.heard_count, before + 2);
    assert_true(b.heard[before].no_room);
    assert_int_equal(b.heard[before + 1].value, 7);
    assert_int_equal(peers_counters(b.peers)->no_room, 1);
    world_end(l, both, 2);
}

static void dialling_where_nobody_listens_is_refused(void **state)
{
    (void)state;
    struct loop *l = linked(LANE_CONTROL);
    char address[64];
    snprintf(address, sizeof address, "%.*s", BYTES_ARG(peers_address(b.peers)));
    peers_close(&b.peers);
    world_until(l, &a.closed, 1);
    assert_int_equal(a.last_end, LINK_END_CLOSED);
    assert_int_equal(a.last_closed, a.up_link);
    node_dial(&a, address, LANE_CONTROL);
    world_until(l, &a.closed, 2);
    assert_int_equal(a.last_end, LINK_END_REFUSED);
    assert_int_equal(a.last_closed, a.last_dialled);
    node_dial(&a, "no port", LANE_CONTROL);
    world_until(l, &a.closed, 3);
    assert_int_equal(a.last_end, LINK_END_UNREACHABLE);
    assert_int_equal(peers_counters(a.peers)->dials_failed, 2);
    world_end(l, both, 2);
}

static void name_is_resolved_before_it_is_dialled(void **state)
{
    (void)state;
    struct loop *l = linked(LANE_CONTROL);
    struct bytes host = peers_address(b.peers);
    bytes_cut_at(&host, ':');
    char address[64];
    snprintf(address, sizeof address, "localhost:%.*s", BYTES_ARG(host));
    node_dial(&a, address, LANE_CONTROL);
    world_until(l, &a.up_count, 2);
    world_end(l, both, 2);
}

static void last_words_arrive_before_the_end(void **state)
{
    (void)state;
    struct loop *l = linked(LANE_CONTROL);
    struct msg m = {.kind = MSG_REJECT,
                    .reject = {REJECT_DUPLICATE, bytes_text("there is one")}};
    /* What `a` has sent and `b` never reads must not destroy the answer. */
    for (uint64_t i = 0; i < 1000; i++) {
        node_ping(&a, a.up_link, i);
    }
    node_send(&b, b.up_link, &m);
    node_hang_up(&b, b.up_link);
    node_ping(&b, b.up_link, 1); /* after the end: ignored */
    world_until(l, &a.closed, 1);
    struct heard last = a.heard[a.heard_count - 1];
    assert_int_equal(last.kind, MSG_REJECT);
    assert_int_equal(last.value, REJECT_DUPLICATE);
    assert_int_equal(a.last_end, LINK_END_CLOSED);
    world_until(l, &b.closed, 1);
    assert_int_equal(b.last_end, LINK_END_OURS);
    assert_int_equal(b.last_closed, b.up_link);
    loop_turn(l, false);
    assert_int_equal(b.closed, 1);
    world_end(l, both, 2);
}

static void what_was_sent_at_the_end_of_a_node_arrives(void **state)
{
    (void)state;
    struct loop *l = linked(LANE_CONTROL);
    struct msg m = {.kind = MSG_LEAVE, .leave = {true}};
    node_send(&b, b.up_link, &m);
    peers_close(&b.peers);
    world_until(l, &a.closed, 1);
    assert_int_equal(a.heard[a.heard_count - 1].kind, MSG_LEAVE);
    world_end(l, both, 2);
}

static void what_waits_at_the_end_of_a_link_still_arrives(void **state)
{
    (void)state;
    struct loop *l = linked(LANE_BULK);
    struct buf *body = body_of(&b, MSG_CHUNK_MAX);
    a.expect_body = buf_view(body);
    size_t before = a.heard_count;
    for (int i = 0; i < 40; i++) { /* ten megabytes: more than the system takes at once */
        send_body(&b, body);
    }
    node_hang_up(&b, b.up_link);
    world_until(l, &a.heard_count, before + 40);
    world_until(l, &a.closed, 1);
    assert_int_equal(a.last_end, LINK_END_CLOSED);
    assert_int_equal(b.last_end, LINK_END_OURS);
    buf_drop(&body);
    world_end(l, both, 2);
}

static void links_can_be_closed_from_inside_an_event(void **state)
{
    (void)state;
    struct loop *l = linked(LANE_CONTROL);
    size_t before = b.heard_count;
    b.ends_on_ping = true;
    for (uint64_t i = 0; i < 100; i++) {
        node_ping(&a, a.up_link, i);
    }
    world_until(l, &a.closed, 1);
    assert_int_equal(b.heard_count, before + 1); /* no event comes after the end */
    assert_int_equal(b.closed, 0);
    world_end(l, both, 2);
}

static void long_list_of_members_goes_in_parts(void **state)
{
    (void)state;
    static char name[MSG_NAME_MAX];
    static struct msg_peer peers[MSG_PEERS_MAX];
    struct loop *l = linked(LANE_CONTROL);
    memset(name, 'n', sizeof name);
    for (size_t i = 0; i < MSG_PEERS_MAX; i++) {
        peers[i].node_name = peers[i].zone = peers[i].address = bytes_of(name, sizeof name);
    }
    struct msg m = {.kind = MSG_PEERS, .peers = {MSG_PEERS_MAX, peers}};
    size_t before = b.heard_count;
    node_send(&a, a.up_link, &m);
    uint64_t total = 0;
    for (size_t i = before; total < MSG_PEERS_MAX; i++) {
        world_until(l, &b.heard_count, i + 1);
        assert_int_equal(b.heard[i].kind, MSG_PEERS);
        total += b.heard[i].value;
    }
    assert_int_equal(total, MSG_PEERS_MAX);
    assert_true(b.heard_count > before + 1);
    world_end(l, both, 2);
}

static void message_over_its_limit_is_not_sent_and_the_link_lives(void **state)
{
    (void)state;
    struct loop *l = linked(LANE_BULK);
    struct buf *huge = body_of(&a, MSG_BULK_MAX + 1);
    struct msg m = {.kind = MSG_PAYLOAD};
    m.payload.chunk = buf_view(huge);
    m.payload.hold = huge;
    node_send(&a, a.up_link, &m);
    buf_drop(&huge);
    assert_int_equal(peers_counters(a.peers)->unsendable, 1);
    size_t before = b.heard_count;
    node_ping(&a, a.up_link, 9);
    world_until(l, &b.heard_count, before + 1);
    assert_int_equal(b.heard[before].value, 9);
    world_end(l, both, 2);
}

static void address_in_use_is_said(void **state)
{
    (void)state;
    struct loop *l = linked(LANE_CONTROL);
    struct peers_config config = {.listen = peers_address(a.peers)};
    struct peers *p;
    struct errmsg em;
    assert_int_equal(peers_open(&p, l, &config, &em), ERR_INUSE);
    assert_null(p);
    assert_non_null(strstr(em.text, "in use"));
    world_end(l, both, 2);
}

static void traffic_is_counted_by_peer_and_lane(void **state)
{
    (void)state;
    struct loop *l = linked(LANE_BULK);
    size_t before = b.heard_count;
    for (uint64_t i = 0; i < 100; i++) {
        node_ping(&a, a.up_link, i);
    }
    world_until(l, &b.heard_count, before + 100);
    struct peers_traffic t, u;
    bool found_a = false, found_b = false;
    for (size_t i = 0; peers_traffic_at(a.peers, i, &t); i++) {
        found_b =
            found_b || (bytes_is(t.peer, "b") && t.lane == LANE_BULK && t.sent_size > 1700);
    }
    for (size_t i = 0; peers_traffic_at(b.peers, i, &u); i++) {
        found_a =
            found_a || (bytes_is(u.peer, "a") && u.lane == LANE_BULK && u.received_size > 1700);
    }
    assert_true(found_a && found_b);
    world_end(l, both, 2);
}

static void every_counter_can_be_told_by_name(void **state)
{
    (void)state;
    struct loop *l = linked(LANE_CONTROL);
    const char *name;
    uint64_t value;
    size_t n = 0;
    while (peers_counter_at(a.peers, n, &name, &value)) {
        assert_true(strcmp(name, "dials") != 0 || value == 1);
        assert_true(strcmp(name, "messages_sent") != 0 || value == 1);
        assert_true(strcmp(name, "malformed") != 0 || value == 0);
        n++;
    }
    assert_int_equal(n, sizeof(struct peers_counters) / sizeof(uint64_t));
    world_end(l, both, 2);
}

static void seeds_are_said_with_every_address_of_a_name(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    assert_non_null(l);
    node_open(&a, l, "a", "10.0.0.1:7000");
    node_open(&b, l, "b", "dns:localhost:7001");
    world_until(l, &a.seeds, 1);
    assert_string_equal(a.last_seed, "10.0.0.1:7000");
    world_until(l, &b.seeds, 1);
    assert_non_null(strstr(b.last_seed, ":7001"));
    world_end(l, both, 2);
}

static void wrong_seed_is_said_at_the_start(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct bytes seeds[] = {bytes_text("10.0.0.1:7000"), bytes_text("dns:name")};
    struct peers_config config = {
        .listen = bytes_text("127.0.0.1:0"), .seeds = seeds, .seed_count = 2};
    struct errmsg em;
    struct peers *p;
    assert_true(peers_open(&p, l, &config, &em) != 0);
    assert_null(p);
    assert_non_null(strstr(em.text, "dns:name"));
    loop_run(l);
    loop_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_arrive_in_the_order_sent),
        cmocka_unit_test(messages_of_one_turn_leave_in_one_write),
        cmocka_unit_test(what_waited_for_company_goes_along),
        cmocka_unit_test(bodies_arrive_whole_and_are_charged_once),
        cmocka_unit_test(body_without_room_is_told_and_the_link_lives),
        cmocka_unit_test(dialling_where_nobody_listens_is_refused),
        cmocka_unit_test(name_is_resolved_before_it_is_dialled),
        cmocka_unit_test(last_words_arrive_before_the_end),
        cmocka_unit_test(what_was_sent_at_the_end_of_a_node_arrives),
        cmocka_unit_test(what_waits_at_the_end_of_a_link_still_arrives),
        cmocka_unit_test(links_can_be_closed_from_inside_an_event),
        cmocka_unit_test(long_list_of_members_goes_in_parts),
        cmocka_unit_test(message_over_its_limit_is_not_sent_and_the_link_lives),
        cmocka_unit_test(address_in_use_is_said),
        cmocka_unit_test(traffic_is_counted_by_peer_and_lane),
        cmocka_unit_test(every_counter_can_be_told_by_name),
        cmocka_unit_test(seeds_are_said_with_every_address_of_a_name),
        cmocka_unit_test(wrong_seed_is_said_at_the_start),
    };
    int failed = cmocka_run_group_tests_name("plain", tests, NULL, NULL);
    return failed + cmocka_run_group_tests_name("TLS", tests, world_secure, world_plain);
}
