/* Frames survive any way of being cut into pieces, and no length is believed unchecked. */
#include "base/err.h"
#include "heap_faults.h"
#include "proto/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define LIMIT 40000u

static size_t put_frame(uint8_t *to, uint8_t type, size_t body_size)
{
    struct frame f = {.type = type, .flags = 0x5a, .version = 0x0102, .sent_ms = 77};
    frame_write_head(to, &f, body_size);
    memset(to + FRAME_HEAD_SIZE, type, body_size);
    return FRAME_HEAD_SIZE + body_size;
}

static void head_has_the_golden_bytes(void **state)
{
    (void)state;
    uint8_t head[FRAME_HEAD_SIZE];
    struct frame f = {
        .type = 7, .flags = 0x81, .version = 0x0102, .sent_ms = 0x1122334455667788};
    frame_write_head(head, &f, 0x203);
    static const uint8_t golden[FRAME_HEAD_SIZE] = {
        0, 0, 0x02, 0x0f, 7, 0x81, 1, 2, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
    assert_memory_equal(head, golden, sizeof golden);
}

/* Frames of these sizes, fed in pieces of `step` bytes; each piece in memory of its own, so
 * that the sanitizer sees a read beyond it. */
static void feed_in_steps(const uint8_t *wire, size_t size, size_t step)
{
    static const size_t sizes[] = {0, 1, 200, 30000, 3, 0};
    struct frame_reader r;
    frame_reader_init(&r, LIMIT);
    size_t seen = 0;
    for (size_t at = 0; at < size; at += step) {
        size_t n = size - at < step ? size - at : step;
        uint8_t *piece = malloc(n);
        assert_non_null(piece);
        memcpy(piece, wire + at, n);
        frame_reader_feed(&r, bytes_of(piece, n));
        struct frame f;
        while (frame_reader_next(&r, &f)) {
            assert_int_equal(f.type, seen + 1);
            assert_int_equal(f.flags, 0x5a);
            assert_int_equal(f.version, 0x0102);
            assert_int_equal(f.sent_ms, 77);
            assert_int_equal(f.body.size, sizes[seen]);
            for (size_t i = 0; i < f.body.size; i++) {
                assert_int_equal(f.body.at[i], f.type);
            }
            seen++;
        }
        free(piece);
    }
    assert_int_equal(frame_reader_error(&r), 0);
    assert_int_equal(seen, 6);
    frame_reader_fini(&r);
}

static void frames_come_out_whole_however_they_were_cut(void **state)
{
    (void)state;
    uint8_t *wire = malloc(40000);
    assert_non_null(wire);
    size_t n = put_frame(wire, 1, 0);
    n += put_frame(wire + n, 2, 1);
    n += put_frame(wire + n, 3, 200);
    n += put_frame(wire + n, 4, 30000);
    n += put_frame(wire + n, 5, 3);
    n += put_frame(wire + n, 6, 0);
    for (size_t step = 1; step < 60; step++) {
        feed_in_steps(wire, n, step);
    }
    for (size_t step = 60; step <= n; step += 997) {
        feed_in_steps(wire, n, step);
    }
    feed_in_steps(wire, n, n);
    free(wire);
}

static void rest_of_a_cut_frame_can_be_received_in_place(void **state)
{
    (void)state;
    uint8_t *wire = malloc(40000);
    assert_non_null(wire);
    size_t n = put_frame(wire, 9, 20000);
    struct frame_reader r;
    struct frame f;
    frame_reader_init(&r, LIMIT);
    size_t room;
    assert_null(frame_reader_room(&r, &room));
    frame_reader_feed(&r, bytes_of(wire, 10));
    assert_false(frame_reader_next(&r, &f));
    assert_null(frame_reader_room(&r, &room)); /* the head is not here yet */
    frame_reader_feed(&r, bytes_of(wire + 10, 90));
    assert_false(frame_reader_next(&r, &f));
    uint8_t *to = frame_reader_room(&r, &room);
    assert_non_null(to);
    assert_int_equal(room, n - 100);
    memcpy(to, wire + 100, room - 1);
    frame_reader_filled(&r, room - 1);
    assert_false(frame_reader_next(&r, &f));
    to = frame_reader_room(&r, &room);
    assert_int_equal(room, 1);
    *to = wire[n - 1];
    frame_reader_filled(&r, 1);
    assert_true(frame_reader_next(&r, &f));
    assert_int_equal(f.body.size, 20000);
    assert_memory_equal(f.body.at, wire + FRAME_HEAD_SIZE, 20000);
    assert_false(frame_reader_next(&r, &f));
    assert_int_equal(frame_reader_error(&r), 0);
    frame_reader_fini(&r);
    free(wire);
}

static int error_of(const uint8_t *wire, size_t size, uint32_t limit)
{
    struct frame_reader r;
    struct frame f;
    frame_reader_init(&r, limit);
    frame_reader_feed(&r, bytes_of(wire, size));
    while (frame_reader_next(&r, &f)) {
    }
    int error = frame_reader_error(&r);
    frame_reader_fini(&r);
    return error;
}

static void length_over_the_limit_is_refused_before_any_allocation(void **state)
{
    (void)state;
    static const uint8_t bomb[16] = {0xff, 0xff, 0xff, 0xff};
    uint8_t over[FRAME_HEAD_SIZE], at_limit[FRAME_HEAD_SIZE];
    struct frame f = {.type = 1};
    frame_write_head(over, &f, LIMIT - FRAME_HEAD_SIZE + 1);
    frame_write_head(at_limit, &f, LIMIT - FRAME_HEAD_SIZE);
    heap_faults_set(0);
    for (size_t size = 4; size <= 16; size++) {
        assert_int_equal(error_of(bomb, size, LIMIT), ERR_TOOBIG);
        assert_int_equal(error_of(over, size, LIMIT), ERR_TOOBIG);
    }
    assert_int_equal(heap_faults_count(), 0);
    assert_int_equal(error_of(at_limit, sizeof at_limit, LIMIT), 0);
}

static void length_shorter_than_the_head_is_refused(void **state)
{
    (void)state;
    for (uint8_t length = 0; length < FRAME_HEAD_SIZE - 4; length++) {
        uint8_t wire[16] = {0, 0, 0, length};
        assert_int_equal(error_of(wire, 4, LIMIT), ERR_MALFORMED);
        assert_int_equal(error_of(wire, 16, LIMIT), ERR_MALFORMED);
    }
}

static void error_stays_and_nothing_more_is_read(void **state)
{
    (void)state;
    uint8_t wire[100] = {0};
    struct frame_reader r;
    struct frame f;
    frame_reader_init(&r, LIMIT);
    frame_reader_feed(&r, bytes_of(wire, 16));
    assert_false(frame_reader_next(&r, &f));
    put_frame(wire, 1, 10);
    frame_reader_feed(&r, bytes_of(wire, 26));
    assert_false(frame_reader_next(&r, &f));
    assert_int_equal(frame_reader_error(&r), ERR_MALFORMED);
    frame_reader_fini(&r);
}

static void raised_limit_counts_from_the_next_frame(void **state)
{
    (void)state;
    uint8_t wire[400];
    size_t first = put_frame(wire, 1, 100);
    size_t n = first + put_frame(wire + first, 2, 200);
    struct frame_reader r;
    struct frame f;
    frame_reader_init(&r, 116);
    frame_reader_feed(&r, bytes_of(wire, n));
    assert_true(frame_reader_next(&r, &f));
    frame_reader_set_limit(&r, 216);
    assert_true(frame_reader_next(&r, &f));
    assert_int_equal(f.type, 2);
    assert_int_equal(error_of(wire, n, 116), ERR_TOOBIG);
    frame_reader_fini(&r);
}

static void no_memory_for_a_cut_frame_is_an_error_not_a_crash(void **state)
{
    (void)state;
    uint8_t wire[300];
    put_frame(wire, 1, 200);
    heap_faults_set(1);
    assert_int_equal(error_of(wire, 100, LIMIT), ERR_NOMEM);
    assert_true(heap_faults_hit());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_has_the_golden_bytes),
        cmocka_unit_test(frames_come_out_whole_however_they_were_cut),
        cmocka_unit_test(rest_of_a_cut_frame_can_be_received_in_place),
        cmocka_unit_test(length_over_the_limit_is_refused_before_any_allocation),
        cmocka_unit_test(length_shorter_than_the_head_is_refused),
        cmocka_unit_test(error_stays_and_nothing_more_is_read),
        cmocka_unit_test(raised_limit_counts_from_the_next_frame),
        cmocka_unit_test(no_memory_for_a_cut_frame_is_an_error_not_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
