#include "handlers/intake.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void put(struct intake *in, const char *text)
{
    for (; *text != '\0'; text++) {
        size_t size;
        uint8_t *room = intake_room(in, &size);
        assert_non_null(room);
        *room = (uint8_t)*text;
        intake_commit(in, 1);
    }
}

static void what_came_is_cut_to_its_length(void **state)
{
    (void)state;
    struct budget budget = {.limit = 1u << 20};
    struct intake in;
    intake_init(&in, &budget, 100000);
    put(&in, "abc");
    struct buf *got = intake_take(&in);
    assert_true(bytes_is(buf_view(got), "abc"));
    assert_int_equal(budget.used, sizeof *got + 3);
    assert_null(intake_take(&in));
    buf_drop(&got);
    assert_int_equal(budget.used, 0);
}

static void exactly_the_limit_is_allowed_and_one_more_is_not(void **state)
{
    (void)state;
    struct budget budget = {.limit = 1u << 20};
    struct intake in;
    size_t size;
    intake_init(&in, &budget, 5);
    put(&in, "12345");
    assert_non_null(intake_room(&in, &size)); /* as before an end of file */
    intake_commit(&in, 0);
    assert_int_equal(intake_error(&in), 0);
    put(&in, "6");
    assert_int_equal(intake_error(&in), ERR_TOOBIG);
    assert_null(intake_room(&in, &size));
    assert_int_equal(intake_append(&in, bytes_text("x")), ERR_TOOBIG);
    intake_fini(&in);
    assert_int_equal(budget.used, 0);
}

static void a_used_up_budget_refuses_only_when_a_byte_comes(void **state)
{
    (void)state;
    struct budget budget = {.limit = 100};
    struct intake in;
    size_t size;
    intake_init(&in, &budget, 1000);
    assert_non_null(intake_room(&in, &size));
    intake_commit(&in, 0);
    assert_int_equal(intake_error(&in), 0);
    put(&in, "1");
    assert_int_equal(intake_error(&in), ERR_FULL);
    intake_fini(&in);
    assert_int_equal(budget.used, 0);
}

static void an_expected_length_is_one_allocation(void **state)
{
    (void)state;
    struct budget budget = {.limit = 1u << 20};
    struct intake in;
    intake_init(&in, &budget, 10);
    assert_int_equal(intake_expect(&in, 6), 0);
    size_t charged = budget.used;
    assert_int_equal(intake_append(&in, bytes_text("abc")), 0);
    put(&in, "def");
    assert_int_equal(budget.used, charged);
    struct buf *got = intake_take(&in);
    assert_true(bytes_is(buf_view(got), "abcdef"));
    buf_drop(&got);
    assert_int_equal(intake_expect(&in, 11), ERR_TOOBIG);
    intake_fini(&in);
}

static void a_prefix_stands_before_what_came(void **state)
{
    (void)state;
    struct budget budget = {.limit = 1u << 20};
    struct intake in;
    intake_init(&in, &budget, 10);
    put(&in, "output");
    assert_int_equal(intake_prepend(&in, bytes_text("exit status 1\n")), 0);
    struct buf *got = intake_take(&in);
    assert_true(bytes_is(buf_view(got), "exit status 1\noutput"));
    buf_drop(&got);
    assert_int_equal(intake_prepend(&in, bytes_text("alone")), 0);
    got = intake_take(&in);
    assert_true(bytes_is(buf_view(got), "alone"));
    buf_drop(&got);
    assert_int_equal(budget.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_came_is_cut_to_its_length),
        cmocka_unit_test(exactly_the_limit_is_allowed_and_one_more_is_not),
        cmocka_unit_test(a_used_up_budget_refuses_only_when_a_byte_comes),
        cmocka_unit_test(an_expected_length_is_one_allocation),
        cmocka_unit_test(a_prefix_stands_before_what_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
