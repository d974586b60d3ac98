/* Whichever allocation fails, a link ends or goes on; nothing is lost, half sent or leaked. */
#include "heap_faults.h"
#include "lib_world.h"

#include <stdio.h>
#include <stdlib.h>

#define BODIES 12

static struct node a, b;
static struct node *const both[] = {&a, &b};

static void send_bodies(struct node *n, struct buf *body)
{
    for (uint64_t i = 0; i < BODIES; i++) {
        struct msg m = {.kind = MSG_CREATE};
        m.create.status = 200;
        m.create.has_payload = true;
        m.create.body = body;
        m.create.body_size = buf_size(body);
        node_send(n, n->up_link, &m);
    }
}

/* Turns until nothing more can happen: the bodies were heard, or the link has ended at both
 * ends (a connection that found no memory at once never told of a link). */
static bool exchange(struct loop *l, struct buf *body)
{
    bool sent = false;
    uint64_t limit = loop_clock_ns() + 10000000000u;
    while (b.heard_count < BODIES + 1) {
        loop_turn(l, false);
        if (a.up_count > 0 && !sent && a.closed == 0) {
            send_bodies(&a, body);
            sent = true;
        }
        if (a.closed > 0 && b.closed == b.accepted) {
            return false;
        }
        assert_true(loop_clock_ns() < limit);
    }
    return true;
}

/* True when the n-th allocation after the nodes were opened was hit. */
static bool run_with_fault(unsigned nth)
{
    struct loop *l = loop_new();
    assert_non_null(l);
    node_open(&a, l, "a", NULL);
    node_open(&b, l, "b", NULL);
    char address[64];
    snprintf(address, sizeof address, "%.*s", BYTES_ARG(peers_address(b.peers)));
    struct buf *body;
    assert_int_equal(buf_new(&body, &a.budget, 200000), 0);
    memset(body->data, 7, 200000);
    b.expect_body = buf_view(body);
    heap_faults_set(nth);
    node_dial(&a, address, LANE_BULK);
    bool whole = exchange(l, body);
    bool hit = heap_faults_hit();
    heap_faults_set(0);
    assert_true(whole || hit);
    if (!whole) { /* and it works again */
        a.up_count = b.heard_count = 0;
        a.closed = b.closed = b.accepted = 0;
        node_dial(&a, address, LANE_BULK);
        assert_true(exchange(l, body));
    }
    buf_drop(&body);
    world_end(l, both, 2);
    return hit;
}

static void every_failing_allocation_is_survived(void **state)
{
    (void)state;
    unsigned nth = 1;
    while (run_with_fault(nth)) {
        nth++;
    }
    assert_true(nth > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failing_allocation_is_survived),
    };
    int failed = cmocka_run_group_tests_name("plain", tests, NULL, NULL);
    return failed + cmocka_run_group_tests_name("TLS", tests, world_secure, world_plain);
}
