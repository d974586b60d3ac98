/* When memory is given back. */
#include "cmocka_first.h"
#include "io/memory_return.h"

#define STEP MEMORY_RETURN_STEP_SIZE

static void growing_and_small_falls_give_nothing_back(void **state)
{
    (void)state;
    struct memory_return m = {0};
    for (uint64_t size = 0; size < 10 * STEP; size += STEP / 2) {
        assert_false(memory_return_look(&m, size + STEP / 2));
        assert_false(memory_return_look(&m, size + 1));
    }
}

static void a_fall_by_a_step_gives_back_once(void **state)
{
    (void)state;
    struct memory_return m = {0};
    assert_false(memory_return_look(&m, 3 * STEP));
    assert_false(memory_return_look(&m, 2 * STEP + 1));
    assert_true(memory_return_look(&m, 2 * STEP));
    assert_false(memory_return_look(&m, 2 * STEP));
    m.step_size = 0; /* however long that took */
    assert_false(memory_return_look(&m, STEP + 1));
    assert_true(memory_return_look(&m, STEP));
}

static void the_mark_follows_the_size_up_again(void **state)
{
    (void)state;
    struct memory_return m = {0};
    memory_return_look(&m, 2 * STEP);
    assert_true(memory_return_look(&m, 0));
    m.step_size = 0;
    assert_false(memory_return_look(&m, STEP));
    assert_true(memory_return_look(&m, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growing_and_small_falls_give_nothing_back),
        cmocka_unit_test(a_fall_by_a_step_gives_back_once),
        cmocka_unit_test(the_mark_follows_the_size_up_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
