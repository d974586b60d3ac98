/* Alarms ring in the order of their times, whatever was set, moved or cleared in between. */
#include "cmocka_first.h"

#include "base/alarms.h"
#include "base/backoff.h"
#include "base/rng.h"

#define COUNT 200

static void alarms_ring_in_order_after_any_changes(void **state)
{
    (void)state;
    struct rng rng = {.state = 42};
    struct alarms as = {0};
    struct alarm alarm[COUNT] = {0};
    assert_true(alarms_reserve(&as, COUNT));
    for (int round = 0; round < 2000; round++) {
        struct alarm *a = &alarm[rng_below(&rng, COUNT)];
        if (rng_below(&rng, 3) == 0) {
            alarm_clear(&as, a);
        } else {
            alarm_set(&as, a, rng_below(&rng, 1000));
        }
    }
    uint32_t set = 0;
    for (int i = 0; i < COUNT; i++) {
        set += alarm[i].place != 0;
    }
    uint64_t last_ms = 0;
    struct alarm *due;
    while ((due = alarms_due(&as, UINT64_MAX)) != NULL) {
        assert_true(due->at_ms >= last_ms);
        last_ms = due->at_ms;
        set--;
    }
    assert_int_equal(set, 0);
    assert_true(alarms_deadline_ms(&as) == UINT64_MAX);
    alarms_fini(&as);
}

static void nothing_rings_early(void **state)
{
    (void)state;
    struct alarms as = {0};
    struct alarm a = {0};
    assert_true(alarms_reserve(&as, 1));
    alarm_set(&as, &a, 100);
    assert_null(alarms_due(&as, 99));
    assert_int_equal(alarms_deadline_ms(&as), 100);
    assert_ptr_equal(alarms_due(&as, 100), &a);
    assert_null(alarms_due(&as, 100));
    alarms_fini(&as);
}

static void backoff_doubles_with_jitter_within_its_limits(void **state)
{
    (void)state;
    assert_int_equal(backoff_ms(500, 60000, 1, 0, 0), 250);
    assert_int_equal(backoff_ms(500, 60000, 1, 0, 250), 500);
    assert_int_equal(backoff_ms(500, 60000, 3, 0, 0), 1000);
    assert_int_equal(backoff_ms(500, 60000, 30, 0, 0), 30000);
    assert_int_equal(backoff_ms(500, 60000, 1, 7000, 0), 7000);
    assert_int_equal(backoff_ms(500, 60000, 1, 900000, 0), 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alarms_ring_in_order_after_any_changes),
        cmocka_unit_test(nothing_rings_early),
        cmocka_unit_test(backoff_doubles_with_jitter_within_its_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
