/* The promises of http_server.h for clients that behave well. */
#include "lib_front.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct front f;

static void set_up(void)
{
    struct http_server_config config = front_config();
    front_open(&f, &config);
}

/* Says `request` and expects an answer that begins and ends so. */
static void expect_answer(int fd, const char *request, const char *begin, const char *end)
{
    client_say(&f, fd, request);
    char *got = client_read(&f, fd, end, NULL);
    if (strncmp(got, begin, strlen(begin)) != 0) {
        print_error("sent: %s\ngot: %s\n", request, got);
    }
    assert_memory_equal(got, begin, strlen(begin));
    free(got);
}

static void expect_lines(const char *got, const char *has, const char *has_not)
{
    bool right = (has == NULL || strstr(got, has) != NULL) &&
                 (has_not == NULL || strstr(got, has_not) == NULL);
    if (!right) {
        print_error("got: %s\n", got);
    }
    assert_true(right);
}

#define GET(PATH) "GET " PATH " HTTP/1.1\r\nHost: x\r\n\r\n"
#define OK        "HTTP/1.1 200 OK\r\nDate: "

static void connection_serves_many_requests(void **state)
{
    (void)state;
    set_up();
    int fd = client_connect(&f);
    for (unsigned i = 1; i <= 5; i++) {
        expect_answer(fd, GET("/a?b=c"), OK, "\r\n\r\nGET /a b=c");
        assert_int_equal(f.sent, i);
    }
    assert_int_equal(http_server_connection_count(f.server), 1);
    close(fd);
    front_close(&f);
    assert_int_equal(f.requests, 5);
    assert_int_equal(f.sent, 5);
    assert_int_equal(f.gone + f.broken, 0);
}

static void body_comes_whole_by_size_and_by_chunks(void **state)
{
    (void)state;
    set_up();
    int fd = client_connect(&f);
    expect_answer(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", OK,
                  "\r\nContent-Length: 5\r\n\r\nhello");
    expect_answer(fd,
                  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
                  "5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX: y\r\n\r\n",
                  OK, "\r\nContent-Length: 6\r\n\r\nhello!");
    expect_answer(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", OK,
                  "\r\n\r\nPOST / ");
    expect_answer(fd,
                  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                  OK, "\r\n\r\nPOST / ");
    close(fd);
    front_close(&f);
    assert_int_equal(f.sent, 4);
}

/* Large enough to come in many reads, most of them straight into the body's buffer. */
static void large_body_comes_back_byte_for_byte(void **state)
{
    (void)state;
    set_up();
    size_t size = (1u << 20) - 1;
    struct text request = {0};
    text_addf(&request, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", size);
    text_add(&request, bytes_of(f.big->data, size));
    struct text chunked = {0};
    text_add_str(&chunked, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t at = 0; at < size; at += 70000) {
        size_t n = size - at < 70000 ? size - at : 70000;
        text_addf(&chunked, "%zx\r\n", n);
        text_add(&chunked, bytes_of(f.big->data + at, n));
        text_add_str(&chunked, "\r\n");
    }
    text_add_str(&chunked, "0\r\n\r\n");
    text_add_str(&request, GET("/close"));
    text_add_str(&chunked, GET("/close"));
    assert_false(text_failed(&request) || text_failed(&chunked));

    struct bytes both[] = {text_view(&request), text_view(&chunked)};
    for (size_t i = 0; i < 2; i++) {
        int fd = client_connect(&f);
        client_send(&f, fd, both[i]);
        size_t got_size;
        char *got = client_read(&f, fd, NULL, &got_size);
        const char *body = strstr(got, "\r\n\r\n") + 4;
        assert_true(got_size - (size_t)(body - got) > size);
        assert_memory_equal(body, f.big->data, size);
        expect_lines(body + size, "HTTP/1.1 200 OK", NULL);
        free(got);
        close(fd);
    }
    text_fini(&request);
    text_fini(&chunked);
    front_close(&f);
    assert_int_equal(f.sent, 4);
}

static void pipelined_requests_are_answered_in_order_one_at_a_time(void **state)
{
    (void)state;
    set_up();
    int fd = client_connect(&f);
    client_say(&f, fd,
               GET("/1") GET("/park") GET("/2") "POST / HTTP/1.1\r\nHost: x\r\n"
                                                "Content-Length: 3\r\n\r\nabc" GET("/park"));
    front_turn_until(&f, &f.parked_count, 1);
    for (int i = 0; i < 20; i++) {
        front_turn(&f);
    }
    assert_int_equal(f.requests, 2); /* the third waits for the second's answer */
    front_answer_parked(&f, "first");
    front_turn_until(&f, &f.parked_count, 1);
    assert_int_equal(f.requests, 5);
    front_answer_parked(&f, "second");
    char *got = client_read(&f, fd, "second", NULL);
    const char *at = got;
    static const char *const order[] = {"GET /1 ", "first", "GET /2 ", "abc", "second"};
    for (size_t i = 0; i < 5; i++) {
        at = strstr(at, order[i]);
        assert_non_null(at);
    }
    free(got);
    close(fd);
    front_close(&f);
    assert_int_equal(f.sent, 5);
}

static void endless_pipelining_is_not_read_while_a_request_waits(void **state)
{
    (void)state;
    set_up();
    int fd = client_connect(&f);
    client_say(&f, fd, GET("/park"));
    front_turn_until(&f, &f.parked_count, 1);
    struct text many = {0};
    unsigned count = 3000;
    for (unsigned i = 0; i < count; i++) {
        text_add_str(&many, GET("/x"));
    }
    assert_false(text_failed(&many));
    client_send(&f, fd, text_view(&many));
    text_fini(&many);
    for (int i = 0; i < 50; i++) {
        front_turn(&f);
    }
    assert_int_equal(f.requests, 1);
    front_answer_parked(&f, "done");
    client_say(&f, fd, GET("/close"));
    char *got = client_read(&f, fd, NULL, NULL);
    expect_lines(got, "bye", NULL);
    free(got);
    close(fd);
    front_close(&f);
    assert_int_equal(f.sent, count + 2);
}

/* The bytes stay with the system, which makes the client wait; the front's memory is bounded.
 */
static void flood_behind_a_waiting_request_is_left_to_the_system(void **state)
{
    (void)state;
    set_up();
    int fd = client_connect(&f);
    client_say(&f, fd, GET("/park"));
    front_turn_until(&f, &f.parked_count, 1);
    size_t sent = 0;
    unsigned refusals = 0; /* of the socket, one after the other */
    while (refusals < 100 && sent < (64u << 20)) {
        ssize_t n = send(fd, f.big->data, FRONT_BIG_SIZE, MSG_NOSIGNAL | MSG_DONTWAIT);
        refusals = n > 0 ? 0 : refusals + 1;
        sent += n > 0 ? (size_t)n : 0;
        front_turn(&f);
    }
    assert_true(sent < (64u << 20));
    front_answer_parked(&f, "done");
    free(client_read(&f, fd, "refused", NULL)); /* the flood was no request */
    close(fd);
    front_close(&f);
    assert_int_equal(f.sent, 1);
}

static void old_client_is_served_once_or_asks_to_stay(void **state)
{
    (void)state;
    set_up();
    int fd = client_connect(&f);
    expect_answer(fd, "GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", OK, "GET /a ");
    client_say(&f, fd, "GET /b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    char *got = client_read(&f, fd, "GET /b ", NULL);
    expect_lines(got, "\r\nConnection: keep-alive\r\n", "close");
    free(got);
    client_say(&f, fd, "GET /c HTTP/1.0\r\n\r\n");
    got = client_read(&f, fd, NULL, NULL);
    expect_lines(got, "\r\nConnection: close\r\n", "keep-alive");
    expect_lines(got, "\r\n\r\nGET /c ", NULL);
    free(got);
    close(fd);
    front_close(&f);
    assert_int_equal(f.sent, 3);
}

static void connection_ends_when_either_side_says_so(void **state)
{
    (void)state;
    set_up();
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\n\r\n",
        GET("/close"),
    };
    for (size_t i = 0; i < 2; i++) {
        int fd = client_connect(&f);
        client_say(&f, fd, requests[i]);
        char *got = client_read(&f, fd, NULL, NULL);
        expect_lines(got, "\r\nConnection: close\r\n", NULL);
        free(got);
        close(fd);
    }
    front_close(&f);
    assert_int_equal(f.sent, 2);
}

static void head_tells_the_length_and_sends_no_body(void **state)
{
    (void)state;
    set_up();
    int fd = client_connect(&f);
    client_say(&f, fd, "HEAD /big HTTP/1.1\r\nHost: x\r\n\r\n" GET("/close"));
    char *got = client_read(&f, fd, NULL, NULL);
    expect_lines(got, "\r\nContent-Length: 8388608\r\n\r\nHTTP/1.1 200 OK", NULL);
    free(got);
    close(fd);
    front_close(&f);
    assert_int_equal(f.sent, 2);
}

static void no_content_has_no_length(void **state)
{
    (void)state;
    set_up();
    int fd = client_connect(&f);
    client_say(&f, fd, GET("/none"));
    char *got = client_read(&f, fd, "\r\n\r\n", NULL);
    expect_lines(got, "HTTP/1.1 204 No Content\r\n", "Content-Length");
    free(got);
    close(fd);
    front_close(&f);
}

static void stored_answer_is_wrapped_and_keeps_its_headers(void **state)
{
    (void)state;
    set_up();
    int fd = client_connect(&f);
    client_say(&f, fd, "POST /wrap HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody");
    char *got = client_read(&f, fd, "\r\n\r\n<body>", NULL);
    expect_lines(got, "\r\nX-Ours: 1\r\nX-Theirs: 2\r\n", NULL);
    expect_lines(got, "\r\nContent-Length: 6\r\n", NULL);
    free(got);
    expect_answer(fd, GET("/wrap"), OK, "\r\n\r\n<>");
    close(fd);
    front_close(&f);
}

static void waiting_client_hears_continue_before_it_sends(void **state)
{
    (void)state;
    set_up();
    int fd = client_connect(&f);
    client_say(
        &f, fd,
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n");
    char *got = client_read(&f, fd, "\r\n\r\n", NULL);
    assert_string_equal(got, "HTTP/1.1 100 Continue\r\n\r\n");
    free(got);
    expect_answer(fd, "abc", OK, "\r\n\r\nabc");
    /* Some of the body is here already: the client did not wait, so it is told nothing. */
    expect_answer(fd,
                  "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue"
                  "\r\n\r\nabc",
                  OK, "\r\n\r\nabc");
    /* HTTP/1.0 knows no 100. */
    expect_answer(fd, "POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
                  OK, "\r\n\r\nabc");
    close(fd);
    front_close(&f);
    assert_int_equal(f.sent, 3);
}

static void waiting_client_is_answered_at_once_when_nobody_wants_the_body(void **state)
{
    (void)state;
    set_up();
    int fd = client_connect(&f);
    client_say(&f, fd,
               "POST /head HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue"
               "\r\n\r\n");
    char *got = client_read(&f, fd, NULL, NULL);
    expect_lines(got, "HTTP/1.1 200 OK\r\n", "100 Continue");
    expect_lines(got, "\r\nConnection: close\r\n", NULL); /* it may or may not send the body */
    free(got);
    close(fd);
    front_close(&f);
    assert_int_equal(f.sent, 1);
    assert_int_equal(f.requests, 0);
}

static void small_unwanted_body_is_skipped_and_the_connection_kept(void **state)
{
    (void)state;
    set_up();
    int fd = client_connect(&f);
    client_say(&f, fd, "POST /head HTTP/1.1\r\nHost: x\r\nContent-Length: 29\r\n\r\nGET /no ");
    char *got = client_read(&f, fd, "early", NULL);
    expect_lines(got, OK, "close");
    free(got);
    expect_answer(fd, "HTTP/1.1\r\nHost: x\r\n\r\n" GET("/yes"), OK, "GET /yes ");
    expect_answer(fd, GET("/head"), OK, "early");
    expect_answer(fd, GET("/after"), OK, "GET /after ");
    close(fd);
    front_close(&f);
    assert_int_equal(f.sent, 4);
    assert_int_equal(f.requests, 2);
    assert_int_equal(f.gone, 0);
}

static void large_unwanted_body_ends_the_connection_after_the_answer(void **state)
{
    (void)state;
    set_up();
    static const char *const heads[] = {
        "POST /head HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n",
        "POST /head HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nf4240\r\n",
    };
    for (size_t i = 0; i < 2; i++) {
        int fd = client_connect(&f);
        client_say(&f, fd, heads[i]);
        client_send(&f, fd, bytes_of(f.big->data, 1000000)); /* before it reads the answer */
        char *got = client_read(&f, fd, NULL, NULL);
        expect_lines(got, "\r\nConnection: close\r\n", NULL);
        expect_lines(got, "early", NULL);
        free(got);
        close(fd);
    }
    front_close(&f);
    assert_int_equal(f.sent, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connection_serves_many_requests),
        cmocka_unit_test(body_comes_whole_by_size_and_by_chunks),
        cmocka_unit_test(large_body_comes_back_byte_for_byte),
        cmocka_unit_test(pipelined_requests_are_answered_in_order_one_at_a_time),
        cmocka_unit_test(endless_pipelining_is_not_read_while_a_request_waits),
        cmocka_unit_test(flood_behind_a_waiting_request_is_left_to_the_system),
        cmocka_unit_test(old_client_is_served_once_or_asks_to_stay),
        cmocka_unit_test(connection_ends_when_either_side_says_so),
        cmocka_unit_test(head_tells_the_length_and_sends_no_body),
        cmocka_unit_test(no_content_has_no_length),
        cmocka_unit_test(stored_answer_is_wrapped_and_keeps_its_headers),
        cmocka_unit_test(waiting_client_hears_continue_before_it_sends),
        cmocka_unit_test(waiting_client_is_answered_at_once_when_nobody_wants_the_body),
        cmocka_unit_test(small_unwanted_body_is_skipped_and_the_connection_kept),
        cmocka_unit_test(large_unwanted_body_ends_the_connection_after_the_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
