/* How exchanges and connections end: clients that vanish, slow readers, draining, closing.
 * Whatever happens, the owner gets exactly one last word for each exchange it has seen. */
#include "lib_front.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct front f;

#define GET(PATH) "GET " PATH " HTTP/1.1\r\nHost: x\r\n\r\n"

static void set_up(void)
{
    struct http_server_config config = front_config();
    front_open(&f, &config);
}

static void parked_request_hears_that_its_client_left(void **state)
{
    (void)state;
    set_up();
    int orderly = client_connect(&f), abrupt = client_connect(&f);
    client_say(&f, orderly, GET("/park"));
    client_say(&f, abrupt, GET("/park"));
    front_turn_until(&f, &f.parked_count, 2);
    close(orderly);
    front_turn_until(&f, &f.gone, 1);
    client_reset(abrupt);
    front_turn_until(&f, &f.gone, 2);
    assert_int_equal(f.parked_count, 0);
    front_close(&f);
    assert_int_equal(f.sent + f.broken, 0);
}

/* Pipelined bytes are held, and the end behind them is seen all the same. */
static void parked_request_with_more_behind_it_hears_it_too(void **state)
{
    (void)state;
    set_up();
    int fd = client_connect(&f);
    client_say(&f, fd, GET("/park") GET("/never"));
    front_turn_until(&f, &f.parked_count, 1);
    close(fd);
    front_turn_until(&f, &f.gone, 1);
    front_close(&f);
    assert_int_equal(f.requests, 1);
}

static void client_that_vanishes_in_its_body_is_told_of(void **state)
{
    (void)state;
    set_up();
    static const char *const begun[] = {
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    };
    for (unsigned i = 0; i < 2; i++) {
        int fd = client_connect(&f);
        client_say(&f, fd, begun[i]);
        front_turn_until(&f, &f.heads, i * 2 + 1);
        close(fd);
        front_turn_until(&f, &f.gone, i * 2 + 1);
        fd = client_connect(&f);
        client_say(&f, fd, begun[i]);
        front_turn_until(&f, &f.heads, i * 2 + 2);
        client_reset(fd);
        front_turn_until(&f, &f.gone, i * 2 + 2);
        assert_int_equal(f.budget.used, 0);
    }
    front_close(&f);
    assert_int_equal(f.requests, 0);
}

static void client_that_vanishes_in_its_head_concerns_nobody(void **state)
{
    (void)state;
    set_up();
    int fd = client_connect(&f);
    client_say(&f, fd, "GET / HTTP/1.1\r\nHos");
    while (http_server_connection_count(f.server) == 0) {
        front_turn(&f);
    }
    close(fd);
    while (http_server_connection_count(f.server) > 0) {
        front_turn(&f);
    }
    front_close(&f);
    assert_int_equal(f.heads + f.gone + f.refused, 0);
}

static void client_that_ends_its_side_gets_what_it_asked_for(void **state)
{
    (void)state;
    set_up();
    int fd = client_connect(&f);
    client_say(&f, fd, GET("/a") GET("/big"));
    shutdown(fd, SHUT_WR);
    size_t size;
    char *got = client_read(&f, fd, NULL, &size);
    assert_true(size > FRONT_BIG_SIZE);
    assert_memory_equal(got + size - FRONT_BIG_SIZE, f.big->data, FRONT_BIG_SIZE);
    free(got);
    close(fd);
    front_close(&f);
    assert_int_equal(f.sent, 2);
}

static void set_up_half_close(uint32_t half_close_ms)
{
    struct http_server_config config = front_config();
    config.half_close_ms = half_close_ms;
    front_open(&f, &config);
}

static void client_that_ended_its_side_hears_an_answer_that_comes_soon(void **state)
{
    (void)state;
    set_up_half_close(60000);
    int fd = client_connect(&f);
    client_say(&f, fd, GET("/park") GET("/a"));
    front_turn_until(&f, &f.parked_count, 1);
    shutdown(fd, SHUT_WR);
    for (int i = 0; i < 20; i++) {
        front_turn(&f);
    }
    front_answer_parked(&f, "soon");
    char *got = client_read(&f, fd, NULL, NULL); /* and the end */
    assert_non_null(strstr(got, "\r\n\r\nsoon"));
    assert_non_null(strstr(got, "GET /a "));
    free(got);
    close(fd);
    front_close(&f);
    assert_int_equal(f.sent, 2);
}

static void client_that_ended_its_side_is_gone_when_the_answer_takes_long(void **state)
{
    (void)state;
    set_up_half_close(20);
    int fd = client_connect(&f);
    client_say(&f, fd, GET("/park"));
    front_turn_until(&f, &f.parked_count, 1);
    shutdown(fd, SHUT_WR);
    front_turn_until(&f, &f.gone, 1);
    client_expect_end(&f, fd);
    close(fd);
    front_close(&f);
}

static void what_must_not_be_lost_is_not_kept_for_a_client_that_ended_its_side(void **state)
{
    (void)state;
    set_up_half_close(60000);
    int first = client_connect(&f), behind = client_connect(&f);
    client_say(&f, first, GET("/collect"));
    front_turn_until(&f, &f.parked_count, 1);
    shutdown(first, SHUT_WR);
    front_turn_until(&f, &f.gone, 1);
    client_expect_end(&f, first);

    client_say(&f, behind,
               GET("/park") GET("/collect")); /* its end is known before it begins */
    front_turn_until(&f, &f.parked_count, 1);
    shutdown(behind, SHUT_WR);
    for (int i = 0; i < 20; i++) {
        front_turn(&f);
    }
    front_answer_parked(&f, "first");
    front_turn_until(&f, &f.gone, 2);
    close(first);
    close(behind);
    front_close(&f);
    assert_int_equal(f.sent, 1);
}

static void request_that_will_never_be_whole_ends_at_once(void **state)
{
    (void)state;
    set_up_half_close(60000);
    int fd = client_connect(&f);
    client_say(&f, fd, GET("/big") "GET /half HTT");
    shutdown(fd, SHUT_WR);
    size_t size;
    free(client_read(&f, fd, NULL, &size));
    assert_true(size > FRONT_BIG_SIZE);
    close(fd);
    front_close(&f);
    assert_int_equal(f.refused, 0);
}

static void slow_reader_gets_every_byte(void **state)
{
    (void)state;
    set_up();
    int fd = client_connect(&f);
    client_say(&f, fd, GET("/big"));
    front_turn_until(&f, &f.requests, 1);
    for (int i = 0; i < 20; i++) {
        front_turn(&f);
    }
    assert_int_equal(f.sent, 0); /* the rest waits for the reader */
    assert_int_equal(f.big->refs, 2);
    client_say(&f, fd, GET("/after")); /* waits for its turn */
    size_t size;
    char *got = client_read(&f, fd, "GET /after ", &size);
    const char *body = strstr(got, "\r\n\r\n") + 4;
    assert_memory_equal(body, f.big->data, FRONT_BIG_SIZE);
    free(got);
    assert_int_equal(f.sent, 2);
    assert_int_equal(f.big->refs, 1);
    close(fd);
    front_close(&f);
}

static void answer_that_breaks_off_is_incomplete(void **state)
{
    (void)state;
    set_up();
    int fd = client_connect(&f);
    client_say(&f, fd, GET("/big"));
    front_turn_until(&f, &f.requests, 1);
    client_reset(fd);
    front_turn_until(&f, &f.broken, 1);
    while (http_server_connection_count(f.server) > 0) {
        front_turn(&f);
    }
    assert_int_equal(f.big->refs, 1);
    front_close(&f);
    assert_int_equal(f.sent + f.gone, 0);
}

static void draining_server_closes_the_idle_and_serves_the_others(void **state)
{
    (void)state;
    set_up();
    int idle = client_connect(&f), parked = client_connect(&f), half = client_connect(&f);
    client_say(&f, idle, GET("/a"));
    free(client_read(&f, idle, "GET /a ", NULL));
    client_say(&f, parked, GET("/park"));
    client_say(&f, half, "GET /half HTT");
    front_turn_until(&f, &f.parked_count, 1);
    while (http_server_connection_count(f.server) < 3) {
        front_turn(&f);
    }
    http_server_stop_listening(f.server);
    http_server_drain(f.server);
    client_expect_end(&f, idle);
    client_say(&f, half, "P/1.1\r\nHost: x\r\n\r\n");
    char *got = client_read(&f, half, NULL, NULL);
    assert_non_null(strstr(got, "\r\nConnection: close\r\n"));
    free(got);
    front_answer_parked(&f, "still");
    got = client_read(&f, parked, NULL, NULL);
    assert_non_null(strstr(got, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(got, "\r\n\r\nstill"));
    free(got);
    close(idle);
    close(parked);
    close(half);
    while (http_server_connection_count(f.server) > 0) {
        front_turn(&f);
    }
    front_close(&f);
}

static void owner_hears_when_the_last_client_is_gone(void **state)
{
    (void)state;
    set_up();
    f.closes_on_empty = true;
    int idle = client_connect(&f), parked = client_connect(&f);
    client_say(&f, parked, GET("/park"));
    front_turn_until(&f, &f.parked_count, 1);
    while (http_server_connection_count(f.server) < 2) {
        front_turn(&f);
    }
    http_server_stop_listening(f.server);
    http_server_drain(f.server);
    client_expect_end(&f, idle);
    assert_int_equal(f.emptied, 0);
    front_answer_parked(&f, "last");
    free(client_read(&f, parked, NULL, NULL));
    front_turn_until(&f, &f.emptied, 1);
    assert_null(f.server);
    close(idle);
    close(parked);
    front_close(&f);
    assert_int_equal(f.emptied, 1);

    set_up(); /* nobody is there: at once */
    f.closes_on_empty = true;
    http_server_stop_listening(f.server);
    http_server_drain(f.server);
    assert_int_equal(f.emptied, 1);
    front_close(&f);
}

static void connection_made_while_draining_is_closed(void **state)
{
    (void)state;
    set_up();
    http_server_drain(f.server);
    int fd = client_connect(&f);
    client_expect_end(&f, fd);
    close(fd);
    front_close(&f);
}

static void server_that_stopped_listening_serves_on(void **state)
{
    (void)state;
    set_up();
    int fd = client_connect(&f);
    client_say(&f, fd, GET("/a"));
    free(client_read(&f, fd, "GET /a ", NULL));
    http_server_stop_listening(f.server);
    front_turn(&f);
    int late = client_connect(&f);
    char byte;
    front_turn(&f);
    assert_true(recv(late, &byte, 1, MSG_DONTWAIT) <= 0);
    assert_int_equal(http_server_connection_count(f.server), 1);
    client_say(&f, fd, GET("/b"));
    free(client_read(&f, fd, "GET /b ", NULL));
    close(fd);
    close(late);
    front_close(&f);
}

static void closing_gives_each_exchange_its_last_word_at_once(void **state)
{
    (void)state;
    set_up();
    int parked = client_connect(&f), writing = client_connect(&f), body = client_connect(&f);
    client_say(&f, parked, GET("/park"));
    client_say(&f, writing, GET("/big"));
    client_say(&f, body, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
    front_turn_until(&f, &f.heads, 3);
    assert_int_equal(f.requests, 2);
    http_server_close(&f.server);
    assert_int_equal(f.gone, 2);
    assert_int_equal(f.broken, 1);
    front_close(&f);
    close(parked);
    close(writing);
    close(body);
    assert_int_equal(f.gone + f.broken, 3);
}

static void owner_may_close_from_inside_a_request(void **state)
{
    (void)state;
    set_up();
    f.closes_on_request = true;
    int fd = client_connect(&f);
    client_say(&f, fd, GET("/a") GET("/b"));
    front_turn_until(&f, &f.gone, 1);
    front_close(&f);
    close(fd);
    assert_int_equal(f.requests, 1);
    assert_int_equal(f.gone, 1);
}

static void taken_port_and_wrong_address_are_named(void **state)
{
    (void)state;
    set_up();
    struct http_server_config config = front_config();
    char address[64];
    struct bytes bound = http_server_address(f.server);
    assert_true(bound.size < sizeof address);
    memcpy(address, bound.at, bound.size);
    address[bound.size] = '\0';
    config.listen = bytes_text(address);
    config.on_request = front_never;
    config.on_gone = front_never;
    config.on_sent = front_never_sent;
    struct http_server *second;
    struct errmsg em;
    assert_int_equal(http_server_open(&second, f.loop, &config, &em), ERR_INUSE);
    assert_null(second);
    assert_non_null(strstr(em.text, address));
    assert_non_null(strstr(em.text, "in use"));
    config.listen = bytes_text("localhost");
    assert_int_equal(http_server_open(&second, f.loop, &config, &em), ERR_MALFORMED);
    assert_non_null(strstr(em.text, "localhost"));
    config.listen = bytes_text("192.0.2.1:80");
    assert_int_equal(http_server_open(&second, f.loop, &config, &em), ERR_IO);
    front_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parked_request_hears_that_its_client_left),
        cmocka_unit_test(parked_request_with_more_behind_it_hears_it_too),
        cmocka_unit_test(client_that_vanishes_in_its_body_is_told_of),
        cmocka_unit_test(client_that_vanishes_in_its_head_concerns_nobody),
        cmocka_unit_test(client_that_ends_its_side_gets_what_it_asked_for),
        cmocka_unit_test(client_that_ended_its_side_hears_an_answer_that_comes_soon),
        cmocka_unit_test(client_that_ended_its_side_is_gone_when_the_answer_takes_long),
        cmocka_unit_test(what_must_not_be_lost_is_not_kept_for_a_client_that_ended_its_side),
        cmocka_unit_test(request_that_will_never_be_whole_ends_at_once),
        cmocka_unit_test(slow_reader_gets_every_byte),
        cmocka_unit_test(answer_that_breaks_off_is_incomplete),
        cmocka_unit_test(draining_server_closes_the_idle_and_serves_the_others),
        cmocka_unit_test(owner_hears_when_the_last_client_is_gone),
        cmocka_unit_test(connection_made_while_draining_is_closed),
        cmocka_unit_test(server_that_stopped_listening_serves_on),
        cmocka_unit_test(closing_gives_each_exchange_its_last_word_at_once),
        cmocka_unit_test(owner_may_close_from_inside_a_request),
        cmocka_unit_test(taken_port_and_wrong_address_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
