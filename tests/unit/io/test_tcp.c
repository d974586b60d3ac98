/* Listener and streams: both ends on one loop. */
#include "cmocka_first.h"
#include "io/listener.h"
#include "io/tcp_stream.h"

#include <stdlib.h>

#define TURNS_MAX  1000000 /* of the loop, for what must happen */
#define BLOCK_SIZE (16u << 20)

struct end {
    struct tcp_stream *stream;
    uint8_t room[65536];
    size_t read_size;
    uint64_t sum; /* of all bytes read */
    unsigned opened, ended, written, closed;
    int open_rc, end_rc, written_rc;
    bool has_no_room, closes_on_data;
};

struct place {
    struct loop *loop;
    struct tcp_listener *listener;
    struct end server, client;
    unsigned announced, listener_closed;
    bool takes_none, refuses;
};

static void on_open(void *owner, int rc)
{
    struct end *e = owner;
    e->opened++;
    e->open_rc = rc;
}

static uint8_t *on_room(void *owner, size_t *size)
{
    struct end *e = owner;
    *size = sizeof e->room;
    return e->has_no_room ? NULL : e->room;
}

static void on_data(void *owner, struct bytes data)
{
    struct end *e = owner;
    assert_ptr_equal(data.at, e->room);
    e->read_size += data.size;
    for (size_t i = 0; i < data.size; i++) {
        e->sum += data.at[i];
    }
    if (e->closes_on_data) {
        tcp_stream_close(e->stream);
    }
}

static void on_end(void *owner, int rc)
{
    struct end *e = owner;
    e->ended++;
    e->end_rc = rc;
}

static void on_written(void *owner, int rc)
{
    struct end *e = owner;
    e->written++;
    e->written_rc = rc;
}

static void on_closed(void *owner)
{
    struct end *e = owner;
    e->closed++;
    e->stream = NULL;
}

static const struct tcp_stream_events events = {on_open, on_room,    on_data,
                                                on_end,  on_written, on_closed};

static void on_connection(void *owner)
{
    struct place *p = owner;
    p->announced++;
    if (p->refuses) {
        tcp_listener_refuse(p->listener);
    } else if (!p->takes_none) {
        int rc = tcp_stream_accept(&p->server.stream, p->listener, &events, &p->server);
        assert_int_equal(rc, 0);
        assert_int_equal(tcp_stream_read_start(p->server.stream), 0);
    }
}

static void on_listener_closed(void *owner)
{
    struct place *p = owner;
    p->listener_closed++;
}

static void turn_until(struct place *p, const unsigned *count, unsigned target)
{
    for (int i = 0; i < TURNS_MAX && *count < target; i++) {
        loop_turn(p->loop, false);
    }
    assert_true(*count >= target);
}

static void place_open(struct place *p)
{
    *p = (struct place){.loop = loop_new()};
    assert_non_null(p->loop);
    union address at;
    assert_int_equal(address_parse(&at, bytes_text("127.0.0.1:0")), 0);
    const struct tcp_listener_events on = {
        .owner = p, .on_connection = on_connection, .on_closed = on_listener_closed};
    assert_int_equal(tcp_listener_open(&p->listener, p->loop, &at, &on, NULL), 0);
}

static void place_dial(struct place *p)
{
    union address at;
    tcp_listener_address(p->listener, &at);
    assert_int_equal(tcp_stream_dial(&p->client.stream, p->loop, &at, &events, &p->client), 0);
}

static void place_close(struct place *p)
{
    tcp_listener_close(&p->listener);
    struct end *ends[] = {&p->server, &p->client};
    for (size_t i = 0; i < 2; i++) {
        if (ends[i]->stream != NULL) {
            tcp_stream_close(ends[i]->stream);
            tcp_stream_close(ends[i]->stream); /* any number of times */
        }
    }
    loop_run(p->loop);
    assert_int_equal(p->listener_closed, 1);
    loop_free(&p->loop);
}

static void connect_both(struct place *p)
{
    place_open(p);
    place_dial(p);
    turn_until(p, &p->announced, 1);
    turn_until(p, &p->client.opened, 1);
    assert_int_equal(p->client.open_rc, 0);
    assert_int_equal(tcp_stream_read_start(p->client.stream), 0);
}

static void streams_know_their_addresses(void **state)
{
    (void)state;
    static struct place p;
    connect_both(&p);
    union address peer, local;
    char peer_text[ADDRESS_TEXT_MAX], local_text[ADDRESS_TEXT_MAX];
    assert_int_equal(tcp_stream_peer(p.server.stream, &peer), 0);
    assert_int_equal(tcp_stream_local(p.client.stream, &local), 0);
    address_print(&peer, peer_text);
    address_print(&local, local_text);
    assert_string_equal(peer_text, local_text);
    place_close(&p);
    assert_int_equal(p.server.closed, 1);
    assert_int_equal(p.client.closed, 1);
}

static void parts_arrive_in_order_and_small_ones_at_once(void **state)
{
    (void)state;
    static struct place p;
    connect_both(&p);
    struct bytes parts[] = {bytes_text("ab"), bytes_of(NULL, 0), bytes_text("c")};
    assert_int_equal(tcp_stream_write(p.client.stream, parts, 3), 0);
    assert_int_equal(tcp_stream_unsent_size(p.client.stream), 0);
    for (int i = 0; i < TURNS_MAX && p.server.read_size < 3; i++) {
        loop_turn(p.loop, false);
    }
    assert_memory_equal(p.server.room, "abc", 3);
    assert_int_equal(tcp_stream_write(p.client.stream, parts, 0), 0);
    tcp_stream_send_end(p.client.stream);
    turn_until(&p, &p.server.ended, 1);
    assert_int_equal(p.server.end_rc, 0);
    place_close(&p);
    assert_int_equal(p.client.written, 0); /* nothing was queued */
}

static void what_the_system_does_not_take_is_queued_and_sent_later(void **state)
{
    (void)state;
    static struct place p;
    connect_both(&p);
    tcp_stream_read_stop(p.server.stream);
    uint8_t *block = malloc(BLOCK_SIZE);
    assert_non_null(block);
    uint64_t sum = 0;
    for (size_t i = 0; i < BLOCK_SIZE; i++) {
        block[i] = (uint8_t)(i * 7);
        sum += block[i];
    }
    /* Cut so that the system's limit falls into the midst of a part. */
    struct bytes parts[] = {bytes_of(block, 5), bytes_of(block + 5, BLOCK_SIZE - 6),
                            bytes_of(block + BLOCK_SIZE - 1, 1)};
    size_t sent = 0;
    unsigned queued = 0;
    do { /* until one waits whole behind another; what waited may be gone a moment later */
        int rc = tcp_stream_write(p.client.stream, parts, 3);
        assert_true(rc == 0 || rc == TCP_STREAM_QUEUED);
        queued += rc == TCP_STREAM_QUEUED;
        sent++;
    } while (tcp_stream_unsent_size(p.client.stream) <= BLOCK_SIZE);
    assert_true(queued >= 2);
    assert_int_equal(p.client.written, 0);
    assert_int_equal(tcp_stream_read_start(p.server.stream), 0);
    turn_until(&p, &p.client.written, queued);
    assert_int_equal(p.client.written_rc, 0);
    for (int i = 0; i < TURNS_MAX && p.server.read_size < sent * BLOCK_SIZE; i++) {
        loop_turn(p.loop, false);
    }
    assert_int_equal(p.server.read_size, sent * BLOCK_SIZE);
    assert_int_equal(p.server.sum, sent * sum);
    place_close(&p);
    free(block);
}

static void closing_gives_queued_memory_back_before_the_last_word(void **state)
{
    (void)state;
    static struct place p;
    connect_both(&p);
    tcp_stream_read_stop(p.server.stream);
    uint8_t *block = calloc(1, BLOCK_SIZE);
    assert_non_null(block);
    struct bytes part = bytes_of(block, BLOCK_SIZE);
    unsigned queued = 0;
    do {
        queued += tcp_stream_write(p.client.stream, &part, 1) == TCP_STREAM_QUEUED;
    } while (tcp_stream_unsent_size(p.client.stream) == 0);
    tcp_stream_close(p.client.stream);
    assert_int_equal(p.client.closed, 0); /* not from inside */
    assert_int_equal(tcp_stream_write(p.client.stream, &part, 1), ERR_CLOSED);
    assert_int_equal(tcp_stream_read_start(p.client.stream), ERR_CLOSED);
    turn_until(&p, &p.client.closed, 1);
    assert_int_equal(p.client.written, queued);
    assert_int_equal(p.client.written_rc, ERR_CLOSED);
    free(block);
    place_close(&p);
}

static void bytes_without_room_wait_until_there_is_some(void **state)
{
    (void)state;
    static struct place p;
    connect_both(&p);
    p.server.has_no_room = true;
    struct bytes part = bytes_text("later");
    assert_int_equal(tcp_stream_write(p.client.stream, &part, 1), 0);
    for (int i = 0; i < 20; i++) {
        loop_turn(p.loop, false);
    }
    assert_int_equal(p.server.read_size, 0);
    p.server.has_no_room = false;
    for (int i = 0; i < TURNS_MAX && p.server.read_size < 5; i++) {
        loop_turn(p.loop, false);
    }
    assert_int_equal(p.server.ended, 0);
    place_close(&p);
}

static void stream_may_be_closed_from_inside_an_event(void **state)
{
    (void)state;
    static struct place p;
    connect_both(&p);
    p.server.closes_on_data = true;
    struct bytes part = bytes_text("x");
    assert_int_equal(tcp_stream_write(p.client.stream, &part, 1), 0);
    turn_until(&p, &p.server.closed, 1);
    turn_until(&p, &p.client.ended, 1);
    place_close(&p);
}

static void dialling_a_closed_port_is_refused(void **state)
{
    (void)state;
    static struct place p;
    place_open(&p);
    union address at;
    tcp_listener_address(p.listener, &at);
    tcp_listener_close(&p.listener);
    turn_until(&p, &p.listener_closed, 1);
    assert_int_equal(tcp_stream_dial(&p.client.stream, p.loop, &at, &events, &p.client), 0);
    turn_until(&p, &p.client.opened, 1);
    assert_int_equal(p.client.open_rc, ERR_REFUSED);
    tcp_stream_close(p.client.stream);
    loop_run(p.loop);
    assert_int_equal(p.client.closed, 1);
    loop_free(&p.loop);
}

static void stream_closed_while_dialling_hears_no_outcome(void **state)
{
    (void)state;
    static struct place p;
    place_open(&p);
    place_dial(&p);
    tcp_stream_close(p.client.stream);
    place_close(&p);
    assert_int_equal(p.client.opened, 0);
    assert_int_equal(p.client.closed, 1);
}

static void refused_connection_ends_at_once(void **state)
{
    (void)state;
    static struct place p;
    place_open(&p);
    p.refuses = true;
    place_dial(&p);
    turn_until(&p, &p.client.opened, 1);
    assert_int_equal(tcp_stream_read_start(p.client.stream), 0);
    turn_until(&p, &p.client.ended, 1);
    place_close(&p);
}

static void connection_that_nobody_took_is_announced_again(void **state)
{
    (void)state;
    static struct place p;
    place_open(&p);
    p.takes_none = true;
    place_dial(&p);
    turn_until(&p, &p.announced, 1);
    p.takes_none = false;
    while (p.announced < 2) {
        loop_turn(p.loop, true);
    }
    assert_non_null(p.server.stream);
    place_close(&p);
}

static void second_listener_is_told_that_the_port_is_taken(void **state)
{
    (void)state;
    static struct place p;
    place_open(&p);
    union address at;
    tcp_listener_address(p.listener, &at);
    assert_int_not_equal(address_port(&at), 0);
    struct tcp_listener *second;
    const struct tcp_listener_events on = {.owner = &p, .on_connection = on_connection};
    struct errmsg em = {0};
    assert_int_equal(tcp_listener_open(&second, p.loop, &at, &on, &em), ERR_INUSE);
    assert_null(second);
    char text[ADDRESS_TEXT_MAX];
    address_print(&at, text);
    assert_non_null(strstr(em.text, text));
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_know_their_addresses),
        cmocka_unit_test(parts_arrive_in_order_and_small_ones_at_once),
        cmocka_unit_test(what_the_system_does_not_take_is_queued_and_sent_later),
        cmocka_unit_test(closing_gives_queued_memory_back_before_the_last_word),
        cmocka_unit_test(bytes_without_room_wait_until_there_is_some),
        cmocka_unit_test(stream_may_be_closed_from_inside_an_event),
        cmocka_unit_test(dialling_a_closed_port_is_refused),
        cmocka_unit_test(stream_closed_while_dialling_hears_no_outcome),
        cmocka_unit_test(refused_connection_ends_at_once),
        cmocka_unit_test(connection_that_nobody_took_is_announced_again),
        cmocka_unit_test(second_listener_is_told_that_the_port_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
