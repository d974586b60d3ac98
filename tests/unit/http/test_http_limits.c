/* Every limit of http_server_config, seen to be kept and to be answered. */
#include "lib_front.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct front f;

#define GET(PATH) "GET " PATH " HTTP/1.1\r\nHost: x\r\n\r\n"

/* Expects the connection's only answer to begin with `begin`, to hold `has`, and the end. */
static void expect_last(int fd, const char *begin, const char *has)
{
    char *got = client_read(&f, fd, NULL, NULL);
    bool right = strncmp(got, begin, strlen(begin)) == 0 && strstr(got, has) != NULL &&
                 strstr(got, "\r\nConnection: close\r\n") != NULL;
    if (!right) {
        print_error("got: %s\n", got);
    }
    assert_true(right);
    free(got);
    close(fd);
}

static void head_over_the_limit_is_refused_with_431(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    config.header_max = 1000;
    front_open(&f, &config);
    struct text t = {0};
    text_add_str(&t, "GET / HTTP/1.1\r\nHost: x\r\nA: ");
    while (t.size < 1000 - 4) {
        text_add_char(&t, 'a');
    }
    text_add_str(&t, "\r\n\r\n");
    assert_int_equal(t.size, 1000);
    int fd = client_connect(&f);
    client_send(&f, fd, text_view(&t)); /* just within it */
    free(client_read(&f, fd, "\r\n\r\nGET / ", NULL));
    t.at[t.size - 4] = 'a';
    t.at[t.size - 3] = 'a';
    t.at[t.size - 2] = '\r';
    t.at[t.size - 1] = '\n';
    text_add_str(&t, "\r\n");
    client_send(&f, fd, text_view(&t));
    expect_last(fd, "HTTP/1.1 431 ", "refused");

    text_clear(&t);
    text_add_str(&t, "GET /");
    while (t.size < 2000) {
        text_add_char(&t, 'a');
    }
    fd = client_connect(&f);
    client_send(&f, fd, text_view(&t)); /* a target without end */
    expect_last(fd, "HTTP/1.1 431 ", "refused");
    text_fini(&t);
    front_close(&f);
    assert_int_equal(f.refused, 2);
    assert_int_equal(f.requests, 1);
}

static void too_many_header_lines_are_refused_with_431(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    front_open(&f, &config);
    struct text t = {0};
    text_add_str(&t, "GET / HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 200; i++) {
        text_add_str(&t, "A: b\r\n");
    }
    text_add_str(&t, "\r\n");
    int fd = client_connect(&f);
    client_send(&f, fd, text_view(&t));
    expect_last(fd, "HTTP/1.1 431 ", "refused");
    text_fini(&t);
    front_close(&f);
}

static void wasteful_chunks_are_refused_with_431(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    config.header_max = 1000;
    front_open(&f, &config);
    int fd = client_connect(&f);
    client_say(&f, fd, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;a=");
    struct text t = {0};
    for (int i = 0; i < 20000; i++) {
        text_add_char(&t, 'a');
    }
    client_send(&f, fd, text_view(&t));
    expect_last(fd, "HTTP/1.1 431 ", "refused");
    text_fini(&t);
    front_close(&f);
    assert_int_equal(f.gone, 1); /* the owner had seen the head */
}

static void body_over_the_limit_is_refused_with_413_before_it_is_read(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    config.body_max = 1000;
    front_open(&f, &config);
    int fd = client_connect(&f);
    client_say(&f, fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
    free(client_read(&f, fd, "refused", NULL)); /* at once */
    close(fd);

    fd = client_connect(&f);
    client_say(&f, fd,
               "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n"
               "Expect: 100-continue\r\n\r\n");
    expect_last(fd, "HTTP/1.1 413 ", "refused");

    /* One that sends everything before it reads can read the answer nevertheless. */
    fd = client_connect(&f);
    client_say(&f, fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n");
    client_send(&f, fd, bytes_of(f.big->data, 4000000));
    expect_last(fd, "HTTP/1.1 413 ", "refused");
    assert_int_equal(f.heads, 0);

    fd = client_connect(&f);
    client_say(&f, fd,
               "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n");
    client_send(&f, fd, bytes_of(f.big->data, 1000));
    client_say(&f, fd, "\r\n1\r\na\r\n0\r\n\r\n");
    expect_last(fd, "HTTP/1.1 413 ", "refused");
    assert_int_equal(f.heads, 1);
    assert_int_equal(f.gone, 1);
    front_close(&f);
    assert_int_equal(f.requests, 0);
}

static void body_within_the_limit_passes(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    config.body_max = 3;
    front_open(&f, &config);
    int fd = client_connect(&f);
    client_say(&f, fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    free(client_read(&f, fd, "\r\n\r\nabc", NULL));
    client_say(&f, fd,
               "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
               "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n");
    free(client_read(&f, fd, "\r\n\r\nabc", NULL));
    close(fd);
    front_close(&f);
    assert_int_equal(f.sent, 2);
}

static void body_without_memory_is_refused_with_503_and_retry_after(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    front_open(&f, &config);
    static const char *const requests[] = {
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    };
    for (size_t i = 0; i < 2; i++) {
        f.budget.limit = 4000;
        int fd = client_connect(&f);
        client_say(&f, fd, requests[i]);
        expect_last(fd, "HTTP/1.1 503 ", "\r\nRetry-After: 1\r\n");
        assert_int_equal(f.budget.used, 0);
    }
    int fd = client_connect(&f);
    client_say(&f, fd, GET("/a")); /* what needs no memory is served on */
    free(client_read(&f, fd, "GET /a ", NULL));
    close(fd);
    front_close(&f);
    assert_int_equal(f.refused_status, 503);
    assert_int_equal(f.gone, 2);
}

static void growing_body_that_finds_no_memory_is_refused(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    front_open(&f, &config);
    f.budget.limit = 10000;
    int fd = client_connect(&f);
    client_say(&f, fd,
               "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n");
    client_send(&f, fd, bytes_of(f.big->data, 0xffff));
    expect_last(fd, "HTTP/1.1 503 ", "refused");
    assert_int_equal(f.budget.used, 0);
    front_close(&f);
}

static void large_heads_and_floods_are_charged_like_bodies(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    config.header_max = 65536;
    front_open(&f, &config);
    f.budget.limit = 30000;
    int fd = client_connect(&f);
    client_say(&f, fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    free(client_read(&f, fd, "GET / ", NULL));
    assert_int_equal(f.budget.used, 0); /* an ordinary request costs nothing of it */
    client_say(&f, fd, "GET / HTTP/1.1\r\nHost: x\r\nA: ");
    struct text t = {0};
    for (int i = 0; i < 60000; i++) {
        text_add_char(&t, 'a');
    }
    client_send(&f, fd, bytes_of(t.at, 8000));
    while (f.budget.used == 0) {
        front_turn(&f);
    }
    client_send(&f, fd, text_view(&t));
    expect_last(fd, "HTTP/1.1 503 ", "\r\nRetry-After: 1\r\n");
    assert_int_equal(f.budget.used, 0);

    f.budget.limit = 1000;
    fd = client_connect(&f);
    client_say(&f, fd, GET("/park"));
    front_turn_until(&f, &f.parked_count, 1);
    client_send(&f, fd, bytes_of(t.at, 16000)); /* held behind the parked one */
    front_turn_until(&f, &f.gone, 1);
    text_fini(&t);
    close(fd);
    front_close(&f);
}

/* Those that are here are busy. */
static void connection_over_the_limit_hears_503(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    config.connections_max = 2;
    front_open(&f, &config);
    int first = client_connect(&f), second = client_connect(&f);
    client_say(&f, first, GET("/park"));
    client_say(&f, second, GET("/park"));
    front_turn_until(&f, &f.parked_count, 2);
    int third = client_connect(&f);
    client_say(&f, third, GET("/never"));
    expect_last(third, "HTTP/1.1 503 ", "\r\nRetry-After: 1\r\n");
    assert_int_equal(f.refused_connections, 1);
    assert_int_equal(http_server_turned_away(f.server), 1);
    front_answer_parked(&f, "one");
    free(client_read(&f, first, "one", NULL));
    close(first);
    while (http_server_connection_count(f.server) > 1) {
        front_turn(&f);
    }
    third = client_connect(&f);
    client_say(&f, third, GET("/b"));
    free(client_read(&f, third, "GET /b ", NULL));
    close(second);
    close(third);
    front_close(&f);
    assert_int_equal(f.requests, 3);
}

/* Even when they are told so, they are few. */
static void flood_of_connections_is_bounded(void **state)
{
    (void)state;
    enum { FLOOD = 400 };
    static int fds[FLOOD];
    struct http_server_config config = front_config();
    config.connections_max = 1;
    front_open(&f, &config);
    int busy = client_connect(&f);
    client_say(&f, busy, GET("/park"));
    front_turn_until(&f, &f.parked_count, 1);
    for (int i = 0; i < FLOOD; i++) {
        fds[i] = client_connect(&f);
        front_turn(&f);
    }
    while (http_server_turned_away(f.server) < FLOOD) {
        front_turn(&f);
    }
    assert_true(http_server_connection_count(f.server) <= 1 + 256);
    front_answer_parked(&f, "served");
    free(client_read(&f, busy, "served", NULL));
    for (int i = 0; i < FLOOD; i++) {
        close(fds[i]);
    }
    close(busy);
    front_close(&f);
    assert_int_equal(f.requests, 1);
}

static void turn_for(unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        front_turn(&f);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

/* In this order: who never asked, who is slow with the head, who was served and is idle. */
static void idle_and_slow_connections_make_way_for_new_ones(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    config.connections_max = 4;
    front_open(&f, &config);
    int idle = client_connect(&f), slow = client_connect(&f);
    int silent = client_connect(&f), busy = client_connect(&f);
    client_say(&f, idle, GET("/a"));
    free(client_read(&f, idle, "GET /a ", NULL));
    client_say(&f, slow, "GET /slow HTT");
    client_say(&f, busy, GET("/park"));
    front_turn_until(&f, &f.parked_count, 1);
    while (http_server_connection_count(f.server) < 4) {
        front_turn(&f);
    }
    int young = client_connect(&f);
    expect_last(young, "HTTP/1.1 503 ", "refused"); /* the others are spared for a second */
    turn_for(1100);
    int const victims[] = {silent, slow, idle};
    int fresh[3];
    for (int i = 0; i < 3; i++) {
        fresh[i] = client_connect(&f);
        client_say(&f, fresh[i], GET("/park"));
        front_turn_until(&f, &f.parked_count, (unsigned)i + 2);
        client_expect_end(&f, victims[i]);
        close(victims[i]);
    }
    assert_int_equal(http_server_made_way(f.server), 3);
    assert_int_equal(http_server_connection_count(f.server), 4);
    int late = client_connect(&f);
    expect_last(late, "HTTP/1.1 503 ", "refused");
    close(busy);
    for (int i = 0; i < 3; i++) {
        close(fresh[i]);
    }
    front_close(&f);
}

static void new_connection_must_ask_in_time(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    config.head_timeout_ms = 1000; /* what is said at once is read long before */
    front_open(&f, &config);
    int silent = client_connect(&f), served = client_connect(&f);
    client_say(&f, served, GET("/a"));
    free(client_read(&f, served, "GET /a ", NULL));
    client_expect_end(&f, silent);
    client_say(&f, served, GET("/b")); /* a kept one has its own time */
    free(client_read(&f, served, "GET /b ", NULL));
    close(silent);
    close(served);
    front_close(&f);
}

static void idle_connection_is_closed_in_time(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    config.idle_timeout_ms = 20;
    front_open(&f, &config);
    int served = client_connect(&f);
    client_say(&f, served, GET("/a"));
    free(client_read(&f, served, "GET /a ", NULL));
    client_expect_end(&f, served);
    close(served);
    front_close(&f);
    assert_int_equal(f.refused, 0);
}

/* A byte now and then, until nobody wants another: a quick machine must not come to the limit
 * of a head's size. */
static void drip_until_408(int fd)
{
    while (f.refused == 0) {
        ssize_t n = send(fd, "a", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        assert_true(n == 1 || errno == EAGAIN);
        loop_turn(f.loop, true);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    expect_last(fd, "HTTP/1.1 408 ", "refused");
    front_close(&f);
    assert_int_equal(f.refused_status, 408);
}

/* A byte now and then does not prolong the time that a head may take. */
static void slow_head_is_refused_with_408(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    config.head_timeout_ms = 1000; /* the first bytes come in time, however busy it is */
    front_open(&f, &config);
    int fd = client_connect(&f);
    client_say(&f, fd, "GET / HTTP/1.1\r\nHost: x\r\nA: ");
    drip_until_408(fd);
}

static void stalled_body_is_refused_with_408(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    config.body_timeout_ms = 20;
    front_open(&f, &config);
    static const char *const heads[] = {
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    };
    for (size_t i = 0; i < 2; i++) {
        int fd = client_connect(&f);
        client_say(&f, fd, heads[i]);
        expect_last(fd, "HTTP/1.1 408 ", "refused");
    }
    front_close(&f);
    assert_int_equal(f.gone, 2);
    assert_int_equal(f.requests, 0);
}

/* A byte now and then is progress, and not enough. */
static void body_slower_than_the_least_rate_is_refused_with_408(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    config.body_timeout_ms = 100;
    config.body_rate_min = 1u << 20;
    front_open(&f, &config);
    int fd = client_connect(&f);
    client_say(&f, fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    drip_until_408(fd);
}

static void body_that_nobody_wants_is_not_skipped_for_ever(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    config.body_timeout_ms = 100;
    config.body_rate_min = 1u << 20;
    front_open(&f, &config);
    int fd = client_connect(&f);
    client_say(&f, fd, "POST /head HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n");
    free(client_read(&f, fd, "early", NULL));
    while (http_server_connection_count(f.server) > 0) {
        ssize_t n = send(fd, "a", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        assert_true(n == 1 || errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
        loop_turn(f.loop, true);
    }
    close(fd);
    front_close(&f);
}

static void parked_request_has_no_time_limit_of_the_front(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    config.idle_timeout_ms = 5;
    config.head_timeout_ms = 1000; /* for the request; the others it would outlive */
    config.body_timeout_ms = 5;
    config.write_timeout_ms = 5;
    front_open(&f, &config);
    int fd = client_connect(&f), other = client_connect(&f);
    client_say(&f, fd, GET("/park"));
    front_turn_until(&f, &f.parked_count, 1);
    client_expect_end(&f, other); /* its time is over: so much time has passed */
    front_answer_parked(&f, "at last");
    free(client_read(&f, fd, "at last", NULL));
    close(fd);
    close(other);
    front_close(&f);
}

static void reader_that_takes_nothing_is_closed(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    config.write_timeout_ms = 20;
    front_open(&f, &config);
    int fd = client_connect(&f);
    client_say(&f, fd, GET("/big"));
    front_turn_until(&f, &f.broken, 1);
    int error = 0;
    for (int i = 0; i < 1000 && error == 0; i++) {
        socklen_t size = sizeof error;
        front_turn(&f);
        assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_equal(error, ECONNRESET); /* the system keeps nothing for it */
    close(fd);
    front_close(&f);
    assert_int_equal(f.sent, 0);
    assert_int_equal(f.gone, 0);
}

/* It reads all the time, and would be done in half a second. */
static void reader_slower_than_the_least_rate_is_closed(void **state)
{
    (void)state;
    static char room[32768];
    struct http_server_config config = front_config();
    config.write_timeout_ms = 40;
    config.write_rate_min = 1u << 30;
    front_open(&f, &config);
    int fd = client_connect(&f);
    client_say(&f, fd, GET("/big"));
    for (ssize_t n = 1; n != 0 && f.broken == 0;) {
        n = recv(fd, room, sizeof room, MSG_DONTWAIT);
        assert_true(n > 0 || errno == EAGAIN);
        front_turn(&f);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    close(fd);
    front_close(&f);
    assert_int_equal(f.broken, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_over_the_limit_is_refused_with_431),
        cmocka_unit_test(too_many_header_lines_are_refused_with_431),
        cmocka_unit_test(wasteful_chunks_are_refused_with_431),
        cmocka_unit_test(body_over_the_limit_is_refused_with_413_before_it_is_read),
        cmocka_unit_test(body_within_the_limit_passes),
        cmocka_unit_test(body_without_memory_is_refused_with_503_and_retry_after),
        cmocka_unit_test(growing_body_that_finds_no_memory_is_refused),
        cmocka_unit_test(large_heads_and_floods_are_charged_like_bodies),
        cmocka_unit_test(connection_over_the_limit_hears_503),
        cmocka_unit_test(flood_of_connections_is_bounded),
        cmocka_unit_test(idle_and_slow_connections_make_way_for_new_ones),
        cmocka_unit_test(new_connection_must_ask_in_time),
        cmocka_unit_test(idle_connection_is_closed_in_time),
        cmocka_unit_test(slow_head_is_refused_with_408),
        cmocka_unit_test(stalled_body_is_refused_with_408),
        cmocka_unit_test(body_slower_than_the_least_rate_is_refused_with_408),
        cmocka_unit_test(body_that_nobody_wants_is_not_skipped_for_ever),
        cmocka_unit_test(parked_request_has_no_time_limit_of_the_front),
        cmocka_unit_test(reader_that_takes_nothing_is_closed),
        cmocka_unit_test(reader_slower_than_the_least_rate_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
