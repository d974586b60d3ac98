/* Whoever connects to the cluster port can waste a little of our time, and nothing else. */
#include "lib_world.h"
#include "proto/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SENT_MAX (512u * 1024)

static struct node node, other;
static struct node *const all[] = {&node, &other};

static struct loop *alone(void)
{
    struct loop *l = loop_new();
    assert_non_null(l);
    node_open(&node, l, "node", NULL);
    return l;
}

/* Sends the bytes; the link must end as malformed, and the connection with it. */
static void refused(const void *at, size_t size)
{
    struct loop *l = alone();
    int fd = raw_dial(&node);
    raw_send(fd, at, size);
    world_until(l, &node.closed, 1);
    assert_int_equal(node.last_end, LINK_END_MALFORMED);
    assert_int_equal(node.troubles, 1);
    uint8_t byte;
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    close(fd);
    assert_int_equal(node.budget.used, 0);
    world_end(l, all, 1);
}

static void frame_over_the_limit_of_strangers_ends_the_link(void **state)
{
    (void)state;
    static const uint8_t bomb[] = {0xff, 0xff, 0xff, 0xff};
    uint8_t head[FRAME_HEAD_SIZE];
    struct frame f = {.type = MSG_HELLO, .version = 1};
    refused(bomb, sizeof bomb);
    frame_write_head(head, &f, MSG_HELLO_MAX - FRAME_HEAD_SIZE + 1);
    refused(head, sizeof head);
}

static void frame_shorter_than_its_head_ends_the_link(void **state)
{
    (void)state;
    static const uint8_t empty[16] = {0}, http[] = "GET / HTTP/1.1\r\n\r\n";
    refused(empty, sizeof empty);
    refused(http, sizeof http - 1);
}

static void hostile_message_ends_the_link(void **state)
{
    (void)state;
    static const uint8_t bodies[][8] = {{0xdd, 4, 0, 0, 0}, {0xdf, 2, 0, 0, 0},       {0xc1},
                                        {0x99, 1},          {0x91, 0x91, 0x91, 0x91}, {0}};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        uint8_t wire[FRAME_HEAD_SIZE + 8];
        struct frame f = {.type = MSG_HELLO, .version = 1, .sent_ms = 1};
        frame_write_head(wire, &f, 8);
        memcpy(wire + FRAME_HEAD_SIZE, bodies[i], 8);
        refused(wire, sizeof wire);
    }
}

static void unknown_kind_is_passed_over(void **state)
{
    (void)state;
    struct loop *l = alone();
    int fd = raw_dial(&node);
    uint8_t wire[FRAME_HEAD_SIZE + 5] = {0};
    struct frame f = {.type = 200, .version = 9, .sent_ms = 1};
    frame_write_head(wire, &f, 5);
    raw_send(fd, wire, sizeof wire);
    f.type = MSG_LEAVE;
    frame_write_head(wire, &f, 2);
    wire[FRAME_HEAD_SIZE] = 0x91;
    wire[FRAME_HEAD_SIZE + 1] = 0xc3;
    raw_send(fd, wire, FRAME_HEAD_SIZE + 2);
    world_until(l, &node.heard_count, 1);
    assert_int_equal(node.heard[0].kind, MSG_LEAVE);
    assert_int_equal(peers_counters(node.peers)->unknown_kinds, 1);
    close(fd);
    world_until(l, &node.closed, 1);
    world_end(l, all, 1);
}

static void strangers_make_room_for_newcomers(void **state)
{
    (void)state;
    struct loop *l = alone();
    int fds[100];
    for (int i = 0; i < 100; i++) {
        fds[i] = raw_dial(&node);
    }
    world_until(l, &node.accepted, 100);
    world_until(l, &node.closed, 36);
    assert_int_equal(node.closed, 36);
    assert_int_equal(peers_counters(node.peers)->accepted_refused, 36);
    node_open(&other, l, "other", NULL);
    char address[64];
    snprintf(address, sizeof address, "%.*s", BYTES_ARG(peers_address(node.peers)));
    node_dial(&other, address, LANE_CONTROL);
    world_until(l, &other.up_count, 1);
    for (int i = 0; i < 100; i++) {
        close(fds[i]);
    }
    world_end(l, all, 2);
}

static void peer_that_never_reads_is_left(void **state)
{
    (void)state;
    struct loop *l = alone();
    int fd = raw_dial(&node);
    world_until(l, &node.accepted, 1);
    uint64_t link = 1; /* the first incoming one */
    static uint64_t seqs[MSG_SEQS_MAX];
    for (size_t i = 0; i < MSG_SEQS_MAX; i++) {
        seqs[i] = (i & 1) ? 0 : UINT64_MAX / 2; /* 36 KB a message */
    }
    node.up_max[0] = MSG_CONTROL_MAX;
    node.up_links[node.up_count++] = link;
    struct msg m = {.kind = MSG_FETCH, .seqs = {.count = MSG_SEQS_MAX, .seqs = seqs}};
    size_t sent = 0;
    while (node.closed == 0 && sent < 2000) {
        node_send(&node, link, &m);
        loop_turn(l, false);
        sent++;
    }
    assert_int_equal(node.closed, 1);
    assert_int_equal(node.last_end, LINK_END_RESET);
    assert_int_equal(peers_counters(node.peers)->unsent_full, 1);
    assert_true(node.unsent_told > 0);
    assert_true(node.last_unsent > LINK_UNSENT_MARK);
    assert_true(sent * 36900 < 24u << 20); /* 16 MiB of ours, and what the system took */
    close(fd);
    world_end(l, all, 1);
}

static void slow_peer_is_told_of_and_recovers(void **state)
{
    (void)state;
    struct loop *l = alone();
    int fd = raw_dial(&node);
    world_until(l, &node.accepted, 1);
    static uint64_t seqs[MSG_SEQS_MAX];
    node.up_max[0] = MSG_CONTROL_MAX;
    node.up_links[node.up_count++] = 1;
    struct msg m = {.kind = MSG_FETCH, .seqs = {.count = MSG_SEQS_MAX, .seqs = seqs}};
    while (node.last_unsent <= LINK_UNSENT_MARK) {
        node_send(&node, 1, &m);
        loop_turn(l, false);
    }
    static uint8_t sink[SENT_MAX];
    while (node.last_unsent > LINK_UNSENT_MARK) {
        assert_true(recv(fd, sink, sizeof sink, MSG_DONTWAIT) != 0);
        loop_turn(l, false);
    }
    assert_int_equal(node.closed, 0);
    close(fd);
    world_end(l, all, 1);
}

static void connection_that_says_nothing_costs_nothing(void **state)
{
    (void)state;
    struct loop *l = alone();
    for (int i = 0; i < 300; i++) {
        int fd = raw_dial(&node);
        raw_send(fd, "\0\0", 2); /* begins a frame and leaves */
        close(fd);
        loop_turn(l, false);
    }
    world_until(l, &node.closed, 300);
    world_end(l, all, 1);
}

static void node_out_of_descriptors_refuses_and_recovers(void **state)
{
    (void)state;
    struct loop *l = alone();
    struct rlimit before, tight;
    int fds[10];
    for (int i = 0; i < 10; i++) {
        fds[i] = raw_dial(&node); /* waits to be accepted */
    }
    int next = dup(fds[0]);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = before;
    tight.rlim_cur = (rlim_t)next + 2;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    uint8_t byte;
    for (int i = 2; i < 10; i++) { /* the loop is not kept busy by those it cannot take */
        while (recv(fds[i], &byte, 1, MSG_DONTWAIT) < 0) {
            loop_turn(l, false);
        }
    }
    assert_int_equal(node.accepted, 2);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    int late = raw_dial(&node);
    world_until(l, &node.accepted, 3);
    close(late);
    for (int i = 0; i < 10; i++) {
        close(fds[i]);
    }
    world_until(l, &node.closed, 3);
    world_end(l, all, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frame_over_the_limit_of_strangers_ends_the_link),
        cmocka_unit_test(frame_shorter_than_its_head_ends_the_link),
        cmocka_unit_test(hostile_message_ends_the_link),
        cmocka_unit_test(unknown_kind_is_passed_over),
        cmocka_unit_test(strangers_make_room_for_newcomers),
        cmocka_unit_test(peer_that_never_reads_is_left),
        cmocka_unit_test(slow_peer_is_told_of_and_recovers),
        cmocka_unit_test(connection_that_says_nothing_costs_nothing),
        cmocka_unit_test(node_out_of_descriptors_refuses_and_recovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
