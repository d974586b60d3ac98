/* What is queued comes out in order, payloads uncopied, and never half a frame. */
#include "base/err.h"
#include "base/rng.h"
#include "heap_faults.h"
#include "proto/frame_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define LIMIT (320u * 1024)

static struct buf *make_buf(size_t size, uint8_t fill)
{
    struct buf *b;
    assert_int_equal(buf_new(&b, NULL, size), 0);
    memset(b->data, fill, size);
    return b;
}

static int add_frame(struct frame_queue *q, uint8_t type, size_t size, struct buf *payload)
{
    struct frame head = {.type = type, .version = 1};
    frame_queue_begin(q, &head);
    for (size_t i = 0; i < size; i++) {
        frame_queue_add(q, &type, 1);
    }
    if (payload != NULL) {
        frame_queue_add_buf(q, payload, 0, buf_size(payload));
    }
    return frame_queue_end(q, LIMIT);
}

/* Takes `size` bytes out of the queue, as a write that took so many. */
static void take_out(struct frame_queue *q, uint8_t *to, size_t size)
{
    struct bytes runs[64];
    size_t at = 0;
    while (at < size) {
        size_t n = frame_queue_peek(q, runs, 64);
        assert_true(n > 0);
        size_t took = 0;
        for (size_t i = 0; i < n && at < size; i++) {
            size_t part = runs[i].size < size - at ? runs[i].size : size - at;
            memcpy(to + at, runs[i].at, part);
            at += part;
            took += part;
        }
        frame_queue_sent(q, took);
    }
}

static void payload_is_sent_from_where_it_lies(void **state)
{
    (void)state;
    struct frame_queue q;
    struct bytes runs[8];
    frame_queue_init(&q);
    struct buf *payload = make_buf(5000, 0xee);
    assert_int_equal(add_frame(&q, 1, 10, payload), 0);
    assert_int_equal(add_frame(&q, 2, 10, NULL), 0);
    assert_int_equal(frame_queue_peek(&q, runs, 8), 3);
    assert_ptr_equal(runs[1].at, payload->data);
    assert_int_equal(runs[1].size, 5000);
    assert_int_equal(payload->refs, 2);
    assert_int_equal(frame_queue_size(&q), 2 * FRAME_HEAD_SIZE + 20 + 5000);
    frame_queue_sent(&q, FRAME_HEAD_SIZE + 10 + 4999);
    assert_int_equal(payload->refs, 2);
    frame_queue_sent(&q, 1);
    assert_int_equal(payload->refs, 1);
    frame_queue_fini(&q);
    buf_drop(&payload);
}

static void small_frames_become_one_run(void **state)
{
    (void)state;
    struct frame_queue q;
    struct bytes runs[8];
    frame_queue_init(&q);
    struct buf *tiny = make_buf(100, 3);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(add_frame(&q, 1, 60, tiny), 0);
    }
    assert_int_equal(frame_queue_peek(&q, runs, 8), 1);
    assert_int_equal(tiny->refs, 1);
    frame_queue_fini(&q);
    buf_drop(&tiny);
}

static void emptied_queue_allocates_no_more(void **state)
{
    (void)state;
    struct frame_queue q;
    frame_queue_init(&q);
    uint8_t out[1000];
    for (int i = 0; i < 1000; i++) {
        if (i == 1) {
            heap_faults_set(0);
        }
        assert_int_equal(add_frame(&q, 1, 100, NULL), 0);
        take_out(&q, out, frame_queue_size(&q));
    }
    assert_int_equal(heap_faults_count(), 0);
    frame_queue_fini(&q);
}

static void frames_come_out_in_order_whatever_the_socket_takes(void **state)
{
    (void)state;
    struct rng rng = {7};
    struct frame_queue q;
    struct frame_reader r;
    frame_queue_init(&q);
    frame_reader_init(&r, LIMIT);
    size_t sizes[256];
    uint8_t *wire = malloc(400000);
    assert_non_null(wire);
    size_t queued = 0, read = 0;
    while (read < 2000) {
        while (queued - read < 20) {
            size_t size = rng_below(&rng, 500);
            struct buf *payload =
                rng_below(&rng, 2) ? make_buf(rng_below(&rng, 9000), 0) : NULL;
            memset(payload == NULL ? wire : payload->data, (int)(queued % 251),
                   buf_size(payload));
            assert_int_equal(add_frame(&q, (uint8_t)(queued % 251), size, payload), 0);
            sizes[queued++ % 256] = size + buf_size(payload);
            buf_drop(&payload);
        }
        size_t n = 1 + rng_below(&rng, frame_queue_size(&q));
        take_out(&q, wire, n);
        frame_reader_feed(&r, bytes_of(wire, n));
        struct frame f;
        while (frame_reader_next(&r, &f)) {
            assert_int_equal(f.type, read % 251);
            assert_int_equal(f.body.size, sizes[read % 256]);
            for (size_t i = 0; i < f.body.size; i++) {
                assert_int_equal(f.body.at[i], f.type);
            }
            read++;
        }
    }
    free(wire);
    frame_reader_fini(&r);
    frame_queue_fini(&q);
}

static void frame_over_the_limit_is_taken_back(void **state)
{
    (void)state;
    struct frame_queue q;
    frame_queue_init(&q);
    struct buf *huge = make_buf(LIMIT + 1, 1);
    assert_int_equal(add_frame(&q, 1, 10, NULL), 0);
    size_t before = frame_queue_size(&q);
    assert_int_equal(add_frame(&q, 2, 100, huge), ERR_TOOBIG);
    assert_int_equal(frame_queue_size(&q), before);
    assert_int_equal(huge->refs, 1);
    assert_int_equal(add_frame(&q, 3, 10, NULL), 0);
    uint8_t out[100];
    take_out(&q, out, frame_queue_size(&q));
    assert_int_equal(out[4], 1);
    assert_int_equal(out[FRAME_HEAD_SIZE + 10 + 4], 3);
    frame_queue_fini(&q);
    buf_drop(&huge);
}

static void frame_that_finds_no_memory_is_taken_back(void **state)
{
    (void)state;
    struct buf *payload = make_buf(3000, 9);
    for (unsigned nth = 1;; nth++) {
        struct frame_queue q;
        frame_queue_init(&q);
        heap_faults_set(nth);
        size_t sound = 0;
        for (uint8_t i = 0; i < 40; i++) {
            int rc = add_frame(&q, i, 1000, payload);
            assert_true(rc == 0 || rc == ERR_NOMEM);
            sound += rc == 0;
        }
        bool hit = heap_faults_hit();
        heap_faults_set(0);
        assert_int_equal(sound, hit ? 39 : 40);
        assert_int_equal(frame_queue_size(&q), sound * (FRAME_HEAD_SIZE + 4000));
        frame_queue_fini(&q);
        assert_int_equal(payload->refs, 1);
        if (!hit) {
            assert_true(nth > 4);
            break;
        }
    }
    buf_drop(&payload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payload_is_sent_from_where_it_lies),
        cmocka_unit_test(small_frames_become_one_run),
        cmocka_unit_test(emptied_queue_allocates_no_more),
        cmocka_unit_test(frames_come_out_in_order_whatever_the_socket_takes),
        cmocka_unit_test(frame_over_the_limit_is_taken_back),
        cmocka_unit_test(frame_that_finds_no_memory_is_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
