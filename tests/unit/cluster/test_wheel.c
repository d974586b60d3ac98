/* The wheel gives out what is due, never early, never late, whatever was added and removed. */
#include "cmocka_first.h"

#include "cluster/wheel.h"

#include "base/rng.h"

struct item {
    struct wheel_link link;
    uint64_t due_ms;
};

static uint64_t due_at(const void *owner, const void *item)
{
    (void)owner;
    return ((const struct item *)item)->due_ms;
}

struct bench {
    struct pool pool;
    struct wheel wheel;
    struct rng rng;
    uint64_t now_ms;
};

static void bench_init(struct bench *b, uint64_t now_ms)
{
    b->rng.state = now_ms + 3;
    b->now_ms = now_ms;
    pool_init(&b->pool, sizeof(struct item), NULL);
    struct wheel_config config = {
        .pool = &b->pool, .link_offset = offsetof(struct item, link), .due_at_ms = due_at};
    wheel_init(&b->wheel, &config, now_ms);
}

static uint32_t add(struct bench *b, uint64_t due_ms)
{
    uint32_t handle = pool_new(&b->pool);
    assert_true(handle != 0);
    *(struct item *)pool_at(&b->pool, handle) = (struct item){.due_ms = due_ms};
    wheel_add(&b->wheel, handle);
    return handle;
}

static uint64_t some_span(struct bench *b)
{
    static const uint64_t spans[] = {1, 3, 200, 300, 5000, 70000, 20000000, 6000000000};
    return rng_below(&b->rng, spans[rng_below(&b->rng, 8)]);
}

#define COUNT 300

static void items_come_when_they_are_due(uint64_t start_ms)
{
    struct bench b;
    bench_init(&b, start_ms);
    uint32_t live[COUNT] = {0};
    for (int round = 0; round < 20000; round++) {
        uint32_t i = (uint32_t)rng_below(&b.rng, COUNT);
        if (live[i] == 0) {
            live[i] = add(&b, b.now_ms + some_span(&b));
        } else if (rng_below(&b.rng, 3) == 0) {
            wheel_remove(&b.wheel, live[i]);
            wheel_remove(&b.wheel, live[i]);
            pool_free(&b.pool, live[i]);
            live[i] = 0;
        }
        uint64_t next_ms = b.now_ms + some_span(&b);
        uint64_t earliest = UINT64_MAX;
        for (uint32_t k = 0; k < COUNT; k++) {
            if (live[k] != 0) {
                const struct item *item = pool_at(&b.pool, live[k]);
                earliest = item->due_ms < earliest ? item->due_ms : earliest;
            }
        }
        assert_true(wheel_deadline_ms(&b.wheel) <= earliest ||
                    wheel_deadline_ms(&b.wheel) <= b.now_ms);
        if (rng_below(&b.rng, 2) == 0) {
            continue;
        }
        b.now_ms = next_ms;
        uint32_t handle;
        while ((handle = wheel_pop(&b.wheel, b.now_ms)) != 0) {
            const struct item *item = pool_at(&b.pool, handle);
            assert_true(item->due_ms <= b.now_ms);
            for (uint32_t k = 0; k < COUNT; k++) {
                live[k] = live[k] == handle ? 0 : live[k];
            }
            pool_free(&b.pool, handle);
        }
        for (uint32_t k = 0; k < COUNT; k++) {
            if (live[k] != 0) {
                const struct item *item = pool_at(&b.pool, live[k]);
                assert_true(item->due_ms > b.now_ms);
            }
        }
        if (round % 100 == 0) {
            wheel_validate(&b.wheel);
        }
    }
    pool_fini(&b.pool);
}

static void nothing_is_early_and_nothing_is_late(void **state)
{
    (void)state;
    items_come_when_they_are_due(0);
    items_come_when_they_are_due(247844601);
    items_come_when_they_are_due(((uint64_t)1 << 32) - 100);
}

static void an_empty_wheel_has_no_deadline(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 77);
    assert_true(wheel_deadline_ms(&b.wheel) == UINT64_MAX);
    assert_int_equal(wheel_pop(&b.wheel, 1000), 0);
    uint32_t handle = add(&b, 5);
    assert_true(wheel_deadline_ms(&b.wheel) <= 1000);
    assert_int_equal(wheel_pop(&b.wheel, 1000), handle);
    pool_fini(&b.pool);
}

/* Moving them all in one call would stall the loop; nothing may come early or late by it. */
static void a_crowd_moves_down_in_pieces(void **state)
{
    (void)state;
    enum { CROWD = 20000 };
    struct bench b;
    bench_init(&b, 1);
    for (uint32_t i = 0; i < CROWD; i++) {
        add(&b, 70000 + i % 7);
    }
    uint32_t calls = 0;
    while (wheel_deadline_ms(&b.wheel) < 70000) {
        assert_int_equal(wheel_pop(&b.wheel, 69999), 0);
        wheel_validate(&b.wheel);
        calls++;
        assert_true(calls < 1000);
    }
    assert_true(calls > 4);
    uint32_t early = 0, due = 0;
    while (wheel_deadline_ms(&b.wheel) <= 70000) {
        due += wheel_pop(&b.wheel, 70000) != 0;
    }
    while (wheel_deadline_ms(&b.wheel) <= 70006) {
        early += wheel_pop(&b.wheel, 70006) != 0;
    }
    assert_int_equal(due, (CROWD + 6) / 7);
    assert_int_equal(due + early, CROWD);
    assert_int_equal(b.wheel.count, 0);
    pool_fini(&b.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_early_and_nothing_is_late),
        cmocka_unit_test(an_empty_wheel_has_no_deadline),
        cmocka_unit_test(a_crowd_moves_down_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
