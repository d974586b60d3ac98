/* Requests that mean harm, or that two servers in a row might read differently (request
 * smuggling). Each is followed by an innocent request: after a refusal that one must not be
 * answered, because nobody knows where it begins. Every case runs twice: sent at once, and
 * byte by byte. */
#include "lib_front.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct front f;

struct hostile {
    const char *what;
    const char *request;
    size_t size;
    const char *statuses; /* of all answers; the innocent request's is the last 200 */
};

#define CASE(WHAT, REQUEST, STATUSES)                                                          \
    {                                                                                          \
        WHAT, REQUEST, sizeof(REQUEST) - 1, STATUSES                                           \
    }
#define HOST    "Host: x\r\n"
#define CHUNKED "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

static const struct hostile cases[] = {
    /* Two ways to tell the length of a body: RFC 9112 6.1, 6.3. */
    CASE("two equal lengths",
         "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", "400"),
    CASE("two lengths",
         "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"),
    CASE("list of lengths", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\na", "400"),
    CASE("length with sign", "POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\na", "400"),
    CASE("negative length", "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\na", "400"),
    CASE("hexadecimal length", "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\na",
         "400"),
    CASE("empty length", "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", "400"),
    CASE("length beyond 64 bits",
         "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551617\r\n\r\na", "400"),
    CASE("length beyond the limit",
         "POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775807\r\n\r\na", "413"),
    CASE("length with spaces inside", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1 1\r\n\r\na",
         "400"),
    CASE("length and chunked",
         "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\n\r\n",
         "400"),
    CASE("chunked and length",
         "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
         "0\r\n\r\n",
         "400"),
    CASE("chunked twice",
         "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"
         "\r\n\r\n0\r\n\r\n",
         "400"),
    CASE("chunked twice in a line",
         "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
         "400"),
    CASE("coding before chunked",
         "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "400"),
    CASE("chunked is not the last",
         "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", "400"),
    CASE("identity", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", "400"),
    CASE("misspelt chunked", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n",
         "400"),
    CASE("vertical tab before chunked",
         "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", "400"),
    CASE("space before the colon of the coding",
         "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400"),
    CASE("chunked in HTTP/1.0",
         "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
    /* Chunks: RFC 9112 7.1. */
    CASE("chunk size is no number", CHUNKED "xyz\r\nabc\r\n0\r\n\r\n", "400"),
    CASE("chunk size with 0x", CHUNKED "0x1\r\na\r\n0\r\n\r\n", "400"),
    CASE("negative chunk size", CHUNKED "-1\r\na\r\n0\r\n\r\n", "400"),
    CASE("chunk size beyond 64 bits", CHUNKED "10000000000000001\r\na\r\n0\r\n\r\n", "400"),
    CASE("space after the chunk size", CHUNKED "1 \r\na\r\n0\r\n\r\n", "400"),
    CASE("chunk longer than it says", CHUNKED "1\r\nab\r\n0\r\n\r\n", "400"),
    CASE("chunk does not end in CRLF", CHUNKED "1\r\naXX0\r\n\r\n", "400"),
    CASE("chunk ends in LF", CHUNKED "1\r\na\n0\r\n\r\n", "400"),
    CASE("chunk size ends in LF", CHUNKED "1\na\r\n0\r\n\r\n", "400"),
    CASE("chunk size ends in CR", CHUNKED "1\ra\r\n0\r\n\r\n", "400"),
    CASE("extension with a bare LF", CHUNKED "1;a\na\r\n0\r\n\r\n", "400"),
    CASE("last chunk ends in LF", CHUNKED "0\n\n", "400"),
    CASE("trailer ends in LF", CHUNKED "0\r\nA: b\n\n", "400"),
    CASE("good chunks", CHUNKED "1\r\na\r\n2;x=y\r\nbc\r\n0\r\nA: b\r\n\r\n", "200 200"),
    /* llhttp of Debian 12 passes it over, that of Debian 13 refuses it. */
    CASE("trailer that would frame", CHUNKED "0\r\nContent-Length: 30\r\n\r\n", "200 200|400"),
    /* Lines: RFC 9112 2.2, 5. */
    CASE("lines end in LF", "GET / HTTP/1.1\nHost: x\n\n", "400"),
    CASE("one line ends in LF", "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", "400"),
    CASE("the head ends in LF", "GET / HTTP/1.1\r\nHost: x\r\n\n", "400"),
    CASE("the request line ends in LF", "GET / HTTP/1.1\nHost: x\r\n\r\n", "400"),
    CASE("one line ends in CR", "GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", "400"),
    CASE("CR CR LF", "GET / HTTP/1.1\r\nHost: x\r\r\n\r\n", "400"),
    CASE("folded line", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", "400"),
    CASE("folded with a tab", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc\r\n\r\n", "400"),
    CASE("folded at the front", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", "400"),
    CASE("folded coding",
         "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "400"),
    CASE("space before a colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "400"),
    CASE("space in a name", "GET / HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n", "400"),
    CASE("no name", "GET / HTTP/1.1\r\nHost: x\r\n: c\r\n\r\n", "400"),
    CASE("no colon", "GET / HTTP/1.1\r\nHost: x\r\nabc\r\n\r\n", "400"),
    CASE("NUL in a name", "GET / HTTP/1.1\r\nHost: x\r\nA\0: c\r\n\r\n", "400"),
    CASE("NUL in a value", "GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n", "400"),
    CASE("control character in a value", "GET / HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n", "400"),
    CASE("DEL in a value", "GET / HTTP/1.1\r\nHost: x\r\nA: \x7f\r\n\r\n", "400"),
    CASE("bracket in a name", "GET / HTTP/1.1\r\nHost: x\r\n(A): c\r\n\r\n", "400"),
    CASE("high byte in a name", "GET / HTTP/1.1\r\nHost: x\r\n\xc3\xa4: c\r\n\r\n", "400"),
    CASE("high byte in a value", "GET / HTTP/1.1\r\nHost: x\r\nA: \xc3\xa4\r\n\r\n", "200 200"),
    CASE("empty value", "GET / HTTP/1.1\r\nHost: x\r\nA:\r\nB: \r\n\r\n", "200 200"),
    CASE("empty lines in front", "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "200 200"),
    /* The request line: RFC 9112 3. */
    CASE("two spaces before the target", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    CASE("two spaces before the version", "GET /  HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    CASE("space after the version", "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", "400"),
    CASE("space in front", " GET / HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    CASE("tab for a space", "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    CASE("space in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    CASE("control character in the target", "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    CASE("high byte in the target", "GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    CASE("fragment in the target", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    CASE("target without a slash", "GET a HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    CASE("target of another scheme", "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    CASE("star for GET", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    CASE("star for OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "200 200"),
    CASE("absolute target", "GET http://x/a?b HTTP/1.1\r\nHost: x\r\n\r\n", "200 200"),
    CASE("absolute target without a host", "GET http:///a HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    CASE("absolute target with a user", "GET http://u@x/a HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    CASE("CONNECT", "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    CASE("no version: HTTP/0.9", "GET /\r\nHost: x\r\n\r\n", "505"),
    CASE("unknown method", "FROB / HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    CASE("method in small letters", "get / HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    CASE("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
    CASE("HTTP/2.0", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", "505"),
    CASE("HTTP/0.9", "GET / HTTP/0.9\r\nHost: x\r\n\r\n", "505"),
    CASE("HTTP/1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", "505"),
    CASE("HTTP/1.10", "GET / HTTP/1.10\r\nHost: x\r\n\r\n", "400"),
    CASE("another protocol", "GET / ICE/1.1\r\nHost: x\r\n\r\n", "400"),
    CASE("RTSP", "OPTIONS / RTSP/1.0\r\nHost: x\r\n\r\n", "400"),
    CASE("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400"),
    /* Host: RFC 9112 3.2. */
    CASE("no host", "GET / HTTP/1.1\r\n\r\n", "400"),
    CASE("two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "400"),
    CASE("host with a space", "GET / HTTP/1.1\r\nHost: x y\r\n\r\n", "400"),
    CASE("host with a path", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", "400"),
    CASE("host with a user", "GET / HTTP/1.1\r\nHost: u@x\r\n\r\n", "400"),
    CASE("list of hosts", "GET / HTTP/1.1\r\nHost: x, y\r\n\r\n", "400"),
    CASE("empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "200 200"),
    CASE("IPv6 host", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "200 200"),
    /* Expect and Upgrade: RFC 9110 10.1.1, 7.8. */
    CASE("another expectation", "POST / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", "417"),
    CASE("upgrade to WebSocket",
         "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
         "200 200"),
    CASE("upgrade to HTTP/2",
         "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
         "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
         "200 200"),
    CASE("upgrade with a body",
         "POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n"
         "Content-Length: 3\r\n\r\nabc",
         "200 200"),
    CASE("upgrade with chunks",
         "POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n"
         "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
         "200 200"),
    CASE("body of a GET", "GET / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", "200 200"),
};

/* False: the server has closed already, which a hostile client must expect. */
static bool try_send(int fd, const char *at, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN) {
            return false;
        }
        n = n < 0 ? 0 : n;
        at += n;
        size -= (size_t)n;
        front_turn(&f);
    }
    return true;
}

static void list_statuses(const char *got, char *out, size_t room)
{
    size_t size = 0;
    out[0] = '\0';
    for (const char *at = got; (at = strstr(at, "HTTP/1.1 ")) != NULL; at += 9) {
        int n = snprintf(out + size, room - size, "%s%.3s", size == 0 ? "" : " ", at + 9);
        assert_true(n > 0 && (size_t)n < room - size);
        size += (size_t)n;
    }
}

/* `wanted` is one list of statuses, or two with a bar between, either of which is right. */
static bool is_allowed(const char *wanted, const char *found)
{
    const char *bar = strchr(wanted, '|');
    size_t first = bar == NULL ? strlen(wanted) : (size_t)(bar - wanted);
    if (strlen(found) == first && memcmp(wanted, found, first) == 0) {
        return true;
    }
    return bar != NULL && strcmp(bar + 1, found) == 0;
}

/* False: the answers were others. All cases run, so that one run tells all that is wrong. */
static bool run_case(const struct hostile *c, size_t step)
{
    static const char innocent[] = "GET /close HTTP/1.1\r\nHost: x\r\n\r\n";
    int fd = client_connect(&f);
    bool sent = true;
    for (size_t i = 0; i < c->size && sent; i += step) {
        sent = try_send(fd, c->request + i, c->size - i < step ? c->size - i : step);
    }
    if (sent) {
        try_send(fd, innocent, sizeof innocent - 1);
    }
    shutdown(fd, SHUT_WR);
    char *got = client_read(&f, fd, NULL, NULL);
    char statuses[64];
    list_statuses(got, statuses, sizeof statuses);
    bool right = is_allowed(c->statuses, statuses);
    if (!right) {
        print_error("%s, in steps of %zu: %s, not %s\n", c->what, step, statuses, c->statuses);
    }
    free(got);
    close(fd);
    return right;
}

static void hostile_requests_are_refused_and_end_the_connection(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    front_open(&f, &config);
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wrong += run_case(&cases[i], cases[i].size) ? 0 : 1;
        wrong += run_case(&cases[i], 1) ? 0 : 1;
    }
    front_close(&f);
    assert_int_equal(wrong, 0);
    assert_int_equal(f.gone + f.broken, f.heads - f.sent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_requests_are_refused_and_end_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
