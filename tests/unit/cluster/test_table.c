/* The table and the pool under it: everything is found, nothing else is, and memory follows
 * the number of items down as well as up. */
#include "cmocka_first.h"

#include "cluster/pool.h"
#include "cluster/table.h"

#include "base/rng.h"

struct item {
    struct guid key;
    uint32_t next, number;
};

static void *at(const void *owner, uint32_t handle)
{
    return pool_at(owner, handle);
}

static struct guid key_of(uint32_t number)
{
    struct guid key = {{0}};
    memcpy(key.at, &number, sizeof number);
    return key;
}

static uint32_t add(struct pool *pool, struct table *t, uint32_t number)
{
    uint32_t handle = pool_new(pool);
    assert_true(handle != 0);
    struct item *item = pool_at(pool, handle);
    *item = (struct item){.key = key_of(number), .number = number};
    assert_int_equal(pool_handle(pool, item), handle);
    assert_ptr_equal(pool_owner(item), pool);
    assert_int_equal(table_add(t, handle), 0);
    return handle;
}

#define COUNT 20000u

static void all_are_found(bool in_pool)
{
    struct pool pool;
    struct table t;
    pool_init(&pool, sizeof(struct item), &pool);
    struct table_config config = {.pool = in_pool ? &pool : NULL,
                                  .at = in_pool ? NULL : at,
                                  .owner = &pool,
                                  .next_offset = offsetof(struct item, next),
                                  .key = 99};
    assert_int_equal(table_init(&t, &config), 0);
    static uint32_t handles[COUNT];
    struct rng rng = {.state = 5};
    for (uint32_t i = 0; i < COUNT; i++) {
        handles[i] = add(&pool, &t, i);
    }
    assert_int_equal(t.count, COUNT);
    for (uint32_t round = 0; round < 2 * COUNT; round++) {
        uint32_t i = (uint32_t)rng_below(&rng, COUNT);
        struct guid key = key_of(i);
        assert_int_equal(table_find(&t, &key), handles[i]);
        if (handles[i] != 0 && rng_below(&rng, 2) == 0) {
            table_remove(&t, handles[i]);
            pool_free(&pool, handles[i]);
            handles[i] = 0;
            assert_int_equal(table_find(&t, &key), 0);
        } else if (handles[i] == 0 && rng_below(&rng, 4) == 0) {
            handles[i] = add(&pool, &t, i); /* the handle may have been another's before */
        }
    }
    struct guid stranger = key_of(COUNT + 1);
    assert_int_equal(table_find(&t, &stranger), 0);
    uint32_t segments = t.segment_count;
    uint32_t handle;
    while ((handle = table_any(&t)) != 0) {
        table_remove(&t, handle);
        pool_free(&pool, handle);
    }
    assert_int_equal(t.count, 0);
    assert_int_equal(pool.count, 0);
    assert_true(t.segment_count < segments);
    assert_int_equal(pool.empty_count, 1);
    table_fini(&t);
    pool_fini(&pool);
}

static void all_in_a_pool_are_found_and_nothing_else(void **state)
{
    (void)state;
    all_are_found(true);
}

static void all_elsewhere_are_found_and_nothing_else(void **state)
{
    (void)state;
    all_are_found(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_in_a_pool_are_found_and_nothing_else),
        cmocka_unit_test(all_elsewhere_are_found_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
