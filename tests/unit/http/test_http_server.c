/* The promises of http_server.h for well-behaved clients. */
#include "lib_front.h"

#include <stdlib.h>
#include <unistd.h>

static struct front f;

static void expect_answer(int fd, const char *request, const char *status_line, const char *end)
{
    client_say(&f, fd, request);
    char *got = client_read(&f, fd, end, NULL);
    if (strncmp(got, status_line, strlen(status_line)) != 0) {
        print_error("sent: %s\ngot: %s\n", request, got);
    }
    assert_memory_equal(got, status_line, strlen(status_line));
    free(got);
}

static void connection_serves_many_requests(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    front_open(&f, &config);
    int fd = client_connect(&f);
    for (unsigned i = 1; i <= 5; i++) {
        expect_answer(fd, "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n",
                      "\r\n\r\nGET /a b=c");
        assert_int_equal(f.sent, i);
    }
    assert_int_equal(http_server_connection_count(f.server), 1);
    close(fd);
    front_close(&f);
    assert_int_equal(f.requests, 5);
    assert_int_equal(f.sent, 5);
    assert_int_equal(f.gone + f.broken, 0);
}

static void body_is_echoed(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    front_open(&f, &config);
    int fd = client_connect(&f);
    expect_answer(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
                  "HTTP/1.1 200 OK\r\n", "\r\n\r\nhello");
    expect_answer(fd,
                  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX: y\r\n\r\n",
                  "HTTP/1.1 200 OK\r\n", "\r\n\r\nhello!");
    close(fd);
    front_close(&f);
    assert_int_equal(f.sent, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connection_serves_many_requests),
        cmocka_unit_test(body_is_echoed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
