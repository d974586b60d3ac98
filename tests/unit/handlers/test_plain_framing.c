#include "handlers/plain_framing.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void framing_follows_rfc_9112(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        unsigned status;
        bool is_head;
        enum framing framing;
        uint64_t size;
    } rows[] = {
        {"Content-Length: 5\r\n", 200, false, FRAMING_SIZED, 5},
        {"content-length: 5\r\nContent-Length: 5\r\n", 200, false, FRAMING_SIZED, 5},
        {"Content-Length: 5\r\nContent-Length: 6\r\n", 200, false, FRAMING_BAD, 0},
        {"Content-Length: 5, 5\r\n", 200, false, FRAMING_BAD, 0},
        {"Content-Length: -1\r\n", 200, false, FRAMING_BAD, 0},
        {"Content-Length: 99999999999999999999\r\n", 200, false, FRAMING_BAD, 0},
        {"Content-Length:\r\n", 200, false, FRAMING_BAD, 0},
        {"Content-Length: 0\r\n", 200, false, FRAMING_NONE, 0},
        {"Transfer-Encoding: Chunked\r\n", 200, false, FRAMING_CHUNKS, 0},
        {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 200, false, FRAMING_BAD, 0},
        {"Transfer-Encoding: gzip\r\n", 200, false, FRAMING_TO_END, 0},
        {"", 200, false, FRAMING_TO_END, 0},
        {"", 204, false, FRAMING_NONE, 0},
        {"Content-Length: 5\r\n", 304, false, FRAMING_NONE, 0},
        {"Content-Length: 5\r\n", 200, true, FRAMING_NONE, 0},
        {"Transfer-Encoding: chunked\r\n", 200, true, FRAMING_NONE, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct answer_framing f =
            plain_framing(bytes_text(rows[i].lines), rows[i].status, 1, rows[i].is_head);
        if (f.framing != rows[i].framing) {
            fail_msg("row %zu: %d, not %d", i, f.framing, rows[i].framing);
        }
        if (f.framing == FRAMING_SIZED) {
            assert_int_equal(f.size, rows[i].size);
        }
    }
}

static void connection_stays_when_both_sides_can_tell_where_it_ends(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        unsigned minor;
        bool may_stay;
    } rows[] = {
        {"Content-Length: 1\r\n", 1, true},
        {"Content-Length: 1\r\n", 0, false},
        {"Content-Length: 1\r\nConnection: keep-alive\r\n", 0, true},
        {"Content-Length: 1\r\nConnection: x, Close\r\n", 1, false},
        {"Content-Length: 1\r\nConnection: closed\r\n", 1, true},
        {"X: y\r\n", 1, false},
        {"Connection: keep-alive\r\n", 1, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct answer_framing f =
            plain_framing(bytes_text(rows[i].lines), 200, rows[i].minor, false);
        if (f.may_stay != rows[i].may_stay) {
            fail_msg("row %zu", i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(framing_follows_rfc_9112),
        cmocka_unit_test(connection_stays_when_both_sides_can_tell_where_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
