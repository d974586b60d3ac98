#include "obs/log.h"
#include "obs/log_gate.h"

#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct bench {
    int ends[2]; /* of a pipe, or of a pair of sockets */
    struct log *log;
    char buffer[1 << 17];
    size_t size;
};

static uint64_t noon(void)
{
    return 1795176000123u; /* 2026-11-20T12:00:00.123Z */
}

static struct bench *bench_new(enum log_level level, bool with_socket)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    int rc = with_socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, b->ends) : pipe(b->ends);
    assert_int_equal(rc, 0);
    assert_int_equal(fcntl(b->ends[0], F_SETFL, O_NONBLOCK), 0);
    b->log = log_new(&(struct log_config){
        .fd = b->ends[1], .level = level, .node = bytes_text("no\"de"), .wall_ms = noon});
    assert_non_null(b->log);
    return b;
}

static void bench_free(struct bench *b)
{
    log_free(&b->log);
    close(b->ends[0]);
    close(b->ends[1]);
    free(b);
}

/* Everything that was written since the last call. */
static struct bytes taken(struct bench *b)
{
    b->size = 0;
    ssize_t n = read(b->ends[0], b->buffer, sizeof b->buffer);
    while (n > 0) {
        b->size += (size_t)n;
        n = read(b->ends[0], b->buffer + b->size, sizeof b->buffer - b->size);
    }
    return bytes_of(b->buffer, b->size);
}

static const struct guid some_guid = {.at = {0x90, 0xc4, 0x25, 0xfd, 0x10, 0x1a, 0x42, 0x0b,
                                             0x91, 0xd1, 0xcb, 0x7a, 0x24, 0xa9, 0x69, 0xcc}};

static void a_line_is_one_json_object_with_the_promised_keys(void **state)
{
    (void)state;
    struct bench *b = bench_new(LOG_INFO, false);
    struct log_line *line = log_begin(b->log, LOG_INFO, "ready");
    log_text(line, "listen", bytes_text("127.0.0.1:8080"));
    log_num(line, "port", 8080);
    log_bool(line, "on", true);
    log_guid(line, "id", &some_guid);
    log_error(line, ERR_INUSE);
    log_end(line);
    assert_true(bytes_is(taken(b), "{\"time\":\"2026-11-20T12:00:00.123Z\",\"level\":\"info\","
                                   "\"node\":\"no\\\"de\",\"event\":\"ready\","
                                   "\"listen\":\"127.0.0.1:8080\",\"port\":8080,\"on\":true,"
                                   "\"id\":\"90c425fd\",\"error\":\"already in use\"}\n"));
    bench_free(b);
}

static void lines_below_the_level_are_not_written(void **state)
{
    (void)state;
    struct bench *b = bench_new(LOG_WARN, false);
    assert_null(log_begin(b->log, LOG_INFO, "x"));
    assert_null(log_begin(NULL, LOG_ERROR, "x"));
    log_text(NULL, "a", bytes_text("b"));
    log_guid(NULL, "a", &some_guid);
    log_end(NULL);
    log_event(b->log, LOG_DEBUG, "x", "a", bytes_text("b"));
    assert_int_equal(taken(b).size, 0);
    log_event(b->log, LOG_WARN, "y", "a", bytes_text("b"));
    assert_true(taken(b).size > 0);
    bench_free(b);
}

static void a_guid_is_whole_only_in_debug_lines(void **state)
{
    (void)state;
    struct bench *b = bench_new(LOG_DEBUG, false);
    struct log_line *line = log_begin(b->log, LOG_DEBUG, "x");
    log_guid(line, "id", &some_guid);
    log_end(line);
    struct bytes whole = taken(b);
    assert_non_null(memmem(whole.at, whole.size, "90c425fd-101a-420b-91d1-cb7a24a969cc", 36));
    line = log_begin(b->log, LOG_INFO, "x");
    log_guid(line, "id", &some_guid);
    log_end(line);
    struct bytes cut = taken(b);
    assert_null(memmem(cut.at, cut.size, "101a", 4));
    bench_free(b);
}

static void whatever_stands_in_a_value_the_line_is_json_and_short(void **state)
{
    (void)state;
    struct bench *b = bench_new(LOG_INFO, false);
    char wild[9000];
    for (size_t i = 0; i < sizeof wild; i++) {
        wild[i] = (char)(i * 7);
    }
    for (size_t size = 0; size < sizeof wild; size += 137) {
        struct log_line *line = log_begin(b->log, LOG_INFO, "wild");
        for (size_t i = 0; i < 12; i++) {
            log_text(line, "value", bytes_of(wild, size));
        }
        log_end(line);
        struct bytes got = taken(b);
        json_error_t error;
        json_t *json = json_loadb((const char *)got.at, got.size, JSON_ALLOW_NUL, &error);
        assert_non_null(json);
        assert_true(got.size <= LOG_LINE_MAX);
        assert_ptr_equal(memchr(got.at, '\n', got.size), got.at + got.size - 1);
        json_decref(json);
    }
    bench_free(b);
}

static void a_reader_that_is_behind_loses_lines_and_learns_how_many(void **state)
{
    bool with_socket = *(bool *)*state;
    struct bench *b = bench_new(LOG_INFO, with_socket);
    char filler[400];
    memset(filler, 'x', sizeof filler);
    for (size_t i = 0; i < 5000; i++) { /* would block for ever, if it could block */
        log_event(b->log, LOG_INFO, "flood", "x", bytes_of(filler, sizeof filler));
    }
    uint64_t dropped = log_dropped(b->log);
    assert_true(dropped > 0 && dropped < 5000);
    while (taken(b).size > 0) {
    }
    log_event(b->log, LOG_INFO, "after", "x", bytes_text(""));
    char wanted[64];
    int n = snprintf(wanted, sizeof wanted, ",\"dropped\":%llu}", (unsigned long long)dropped);
    struct bytes got = taken(b);
    assert_non_null(memmem(got.at, got.size, wanted, (size_t)n));
    log_event(b->log, LOG_INFO, "after", "x", bytes_text(""));
    got = taken(b);
    assert_null(memmem(got.at, got.size, "dropped", 7));
    bench_free(b);
}

static void a_repeated_event_passes_once_an_interval(void **state)
{
    (void)state;
    struct log_gate gate;
    uint64_t held_back;
    log_gate_init(&gate, 1000, 42);
    assert_true(log_gate_pass(&gate, 5, bytes_text("a"), &held_back));
    for (uint64_t at = 6; at < 1005; at++) {
        assert_false(log_gate_pass(&gate, at, bytes_text("a"), &held_back));
    }
    assert_true(log_gate_pass(&gate, 10, bytes_text("another"), &held_back));
    assert_int_equal(held_back, 0);
    assert_true(log_gate_pass(&gate, 1005, bytes_text("a"), &held_back));
    assert_int_equal(held_back, 999);
    assert_true(log_gate_pass(&gate, 9999, bytes_text("a"), &held_back));
    assert_int_equal(held_back, 0);
}

static void many_repeated_events_do_not_let_each_other_through(void **state)
{
    (void)state;
    struct log_gate gate;
    uint64_t held_back;
    log_gate_init(&gate, 60000, 7);
    for (uint32_t again = 0; again < 3; again++) {
        for (uint32_t i = 0; i < LOG_GATE_PLACES; i++) {
            struct bytes key = bytes_of(&i, sizeof i);
            assert_int_equal(log_gate_pass(&gate, 1000 + again, key, &held_back), again == 0);
        }
    }
    assert_true(log_gate_pass(&gate, 2000, bytes_text("one more"), &held_back));
}

int main(void)
{
    static bool pipe_end = false, socket_end = true;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_one_json_object_with_the_promised_keys),
        cmocka_unit_test(lines_below_the_level_are_not_written),
        cmocka_unit_test(a_guid_is_whole_only_in_debug_lines),
        cmocka_unit_test(whatever_stands_in_a_value_the_line_is_json_and_short),
        cmocka_unit_test_prestate(a_reader_that_is_behind_loses_lines_and_learns_how_many,
                                  &pipe_end),
        cmocka_unit_test_prestate(a_reader_that_is_behind_loses_lines_and_learns_how_many,
                                  &socket_end),
        cmocka_unit_test(a_repeated_event_passes_once_an_interval),
        cmocka_unit_test(many_repeated_events_do_not_let_each_other_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
