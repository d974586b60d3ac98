/* Many time limits, one timer. */
#include "cmocka_first.h"
#include "http/http_waits.h"

#define WAITERS 100

static struct loop *loop;
static struct http_waits waits;
static struct http_wait waiters[WAITERS];
static unsigned due_count;
static const struct http_wait *due[WAITERS];
static uint64_t due_at_ms[WAITERS];

static void on_due(void *owner, struct http_wait *w)
{
    assert_ptr_equal(owner, &loop);
    assert_true(due_count < WAITERS);
    due[due_count] = w;
    due_at_ms[due_count] = loop_now_ms(loop);
    due_count++;
}

static int set_up(void **state)
{
    (void)state;
    loop = loop_new();
    assert_non_null(loop);
    assert_true(http_waits_init(&waits, loop, on_due, &loop));
    waits.spans_ms[HTTP_WAIT_IDLE] = 300; /* far enough for a busy machine */
    waits.spans_ms[HTTP_WAIT_HEAD] = 20;
    waits.spans_ms[HTTP_WAIT_BODY] = 0;
    for (size_t i = 0; i < WAITERS; i++) {
        http_wait_init(&waiters[i]);
    }
    due_count = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_waits_fini(&waits);
    loop_run(loop);
    loop_free(&loop);
    return 0;
}

static void waits_end_in_order_of_their_deadlines_never_early(void **state)
{
    (void)state;
    uint64_t begun_ms = loop_now_ms(loop);
    http_wait_begin(&waits, &waiters[0], HTTP_WAIT_IDLE);
    http_wait_begin(&waits, &waiters[1], HTTP_WAIT_HEAD);
    http_wait_begin(&waits, &waiters[2], HTTP_WAIT_IDLE);
    http_wait_begin(&waits, &waiters[3], HTTP_WAIT_HEAD);
    loop_run(loop); /* ends by itself: no deadline is left, so no timer is */
    assert_int_equal(due_count, 4);
    static const unsigned order[] = {1, 3, 0, 2};
    for (unsigned i = 0; i < 4; i++) {
        assert_ptr_equal(due[i], &waiters[order[i]]);
        assert_true(due_at_ms[i] >= begun_ms + (i < 2 ? 20 : 300));
    }
}

static void ended_wait_is_never_due_and_renewed_one_later(void **state)
{
    (void)state;
    http_wait_begin(&waits, &waiters[0], HTTP_WAIT_HEAD);
    http_wait_begin(&waits, &waiters[1], HTTP_WAIT_HEAD);
    http_wait_begin(&waits, &waiters[2], HTTP_WAIT_HEAD);
    http_wait_end(&waiters[1]);
    http_wait_end(&waiters[1]); /* harmless */
    http_wait_begin(&waits, &waiters[0], HTTP_WAIT_IDLE);
    loop_run(loop);
    assert_int_equal(due_count, 2);
    assert_ptr_equal(due[0], &waiters[2]);
    assert_ptr_equal(due[1], &waiters[0]);
}

static void span_of_zero_is_for_ever(void **state)
{
    (void)state;
    http_wait_begin(&waits, &waiters[0], HTTP_WAIT_HEAD);
    http_wait_begin(&waits, &waiters[0], HTTP_WAIT_BODY); /* ends the other, too */
    loop_run(loop);
    assert_int_equal(due_count, 0);
}

/* Who came together goes a few at a time: the others have their turn between them. */
static void many_that_are_due_at_once_end_in_several_turns(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WAITERS; i++) {
        http_wait_begin(&waits, &waiters[i], HTTP_WAIT_HEAD);
    }
    while (due_count < WAITERS) {
        unsigned before = due_count;
        loop_turn(loop, true);
        assert_true(due_count - before <= 2 * 8); /* a turn may run timers before and after */
    }
    for (unsigned i = 0; i < WAITERS; i++) {
        assert_ptr_equal(due[i], &waiters[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(waits_end_in_order_of_their_deadlines_never_early,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(ended_wait_is_never_due_and_renewed_one_later, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(span_of_zero_is_for_ever, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_that_are_due_at_once_end_in_several_turns, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
