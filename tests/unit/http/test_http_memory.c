/* The front when memory is short: one session, again and again, with another allocation of it
 * failing each time. Connections may be refused or broken; nothing may leak, crash, or leave
 * the owner without its last word. */
#include "heap_faults.h"
#include "lib_front.h"

#include <sys/socket.h>
#include <unistd.h>

#define TURNS_MAX 64000

/* Enough for what a session asks for; what has failed is not waited for. A busy machine may
 * need more of them. */
static unsigned turns = 60;

static struct front f;
static char sink[1u << 20];

#define GET(PATH) "GET " PATH " HTTP/1.1\r\nHost: x\r\n\r\n"

/* Sends what the socket takes and runs the loop; reads, if it is to, and forgets. */
static void say(int fd, struct bytes data, bool reads)
{
    for (unsigned i = 0; i < turns; i++) {
        ssize_t n = send(fd, data.at, data.size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            data = bytes_of(data.at + n, data.size - (size_t)n);
        }
        front_turn(&f);
        if (reads) {
            while (recv(fd, sink, sizeof sink, MSG_DONTWAIT) > 0) {
            }
        }
    }
}

static void say_text(int fd, const char *text)
{
    say(fd, bytes_text(text), true);
}

static void run_session(void)
{
    static char long_head[6000];
    memset(long_head, 'a', sizeof long_head);
    int fd = client_connect(&f);
    say_text(fd, GET("/a"));
    say_text(fd, "GET /b HTTP/1.1\r\nHost: x\r\nLong: ");
    say(fd, bytes_of(long_head, sizeof long_head), true);
    say_text(fd, "\r\n\r\n");
    say_text(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    say_text(fd, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7530\r\n");
    say(fd, bytes_of(f.big->data, 0x7530), true);
    say_text(fd, "\r\n0\r\n\r\n");
    say_text(fd, GET("/park") GET("/c") GET("/d"));
    if (f.parked_count > 0) {
        front_answer_parked(&f, "parked");
    }
    say(fd, bytes_text(GET("/big")), false); /* a write that must be queued */
    say_text(fd, GET("/e"));
    say_text(fd, "no request at all\r\n\r\n");
    close(fd);
}

static void any_one_allocation_may_fail(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    config.idle_timeout_ms = 0;
    bool hit = true;
    unsigned walked = 0;
    for (unsigned n = 1; hit; n++) {
        front_open(&f, &config);
        heap_faults_set(n);
        run_session();
        hit = heap_faults_hit();
        heap_faults_set(0);
        front_close(&f);
        assert_int_equal(f.heads, f.sent + f.broken + f.gone);
        if (!hit && f.sent < 9 && turns < TURNS_MAX) {
            turns *= 2; /* the same again, with more time */
            hit = true;
            n--;
        } else if (!hit) {
            assert_int_equal(f.sent, 9); /* the session as it is meant to be */
            assert_int_equal(f.refused, 1);
        }
        walked = n;
    }
    assert_true(walked > 15); /* else the session allocates nothing worth a test */
}

static void opening_may_find_no_memory(void **state)
{
    (void)state;
    struct http_server_config config = front_config();
    front_open(&f, &config); /* for its loop and callbacks */
    config.on_request = front_never;
    bool hit = true;
    for (unsigned n = 1; hit; n++) {
        struct http_server *s = NULL;
        struct errmsg em = {0};
        config.on_gone = front_never;
        config.on_sent = front_never_sent;
        heap_faults_set(n);
        int rc = http_server_open(&s, f.loop, &config, &em);
        hit = heap_faults_hit();
        heap_faults_set(0);
        assert_int_equal(rc, hit ? ERR_NOMEM : 0);
        assert_int_equal(s == NULL, hit);
        assert_int_equal(em.text[0] != '\0', hit);
        http_server_close(&s);
    }
    front_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_one_allocation_may_fail),
        cmocka_unit_test(opening_may_find_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
