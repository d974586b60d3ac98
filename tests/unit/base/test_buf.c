/* Buffers charge their budget before they exist and give everything back at the end. */
#include "cmocka_first.h"

#include "base/buf.h"
#include "base/err.h"

static void last_reference_gives_the_charge_back(void **state)
{
    (void)state;
    struct budget budget = {.limit = 1000};
    struct buf *a;
    assert_int_equal(buf_copy(&a, &budget, bytes_text("hello")), 0);
    assert_int_equal(budget.used, sizeof(struct buf) + 5);
    struct buf *b = buf_share(a);
    buf_drop(&a);
    assert_null(a);
    assert_true(bytes_is(buf_view(b), "hello"));
    assert_int_equal(budget.used, sizeof(struct buf) + 5);
    buf_drop(&b);
    assert_int_equal(budget.used, 0);
    buf_drop(&b); /* NULL is fine */
}

static void full_budget_refuses_and_charges_nothing(void **state)
{
    (void)state;
    struct budget budget = {.limit = 100};
    struct buf *b;
    assert_int_equal(buf_new(&b, &budget, 101), ERR_FULL);
    assert_null(b);
    assert_int_equal(budget.used, 0);
    assert_int_equal(buf_new(&b, &budget, 100 - sizeof(struct buf)), 0);
    assert_int_equal(budget.used, 100);
    struct buf *more;
    assert_int_equal(buf_new(&more, &budget, 0), ERR_FULL);
    buf_drop(&b);
}

static void size_beyond_the_header_is_too_big(void **state)
{
    (void)state;
    struct buf *b;
    assert_int_equal(buf_new(&b, NULL, (size_t)UINT32_MAX), ERR_TOOBIG);
    assert_null(b);
}

static void growing_and_shrinking_move_the_charge(void **state)
{
    (void)state;
    struct budget budget = {.limit = 1000};
    struct buf *b;
    assert_int_equal(buf_copy(&b, &budget, bytes_text("abc")), 0);
    assert_int_equal(buf_grow(&b, 500), 0);
    assert_int_equal(budget.used, sizeof(struct buf) + 500);
    assert_memory_equal(b->data, "abc", 3);
    assert_int_equal(buf_grow(&b, 2000), ERR_FULL);
    assert_int_equal(b->size, 500);
    buf_shrink(&b, 2);
    assert_true(bytes_is(buf_view(b), "ab"));
    assert_int_equal(budget.used, sizeof(struct buf) + 2);
    buf_drop(&b);
    assert_int_equal(budget.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_reference_gives_the_charge_back),
        cmocka_unit_test(full_budget_refuses_and_charges_nothing),
        cmocka_unit_test(size_beyond_the_header_is_too_big),
        cmocka_unit_test(growing_and_shrinking_move_the_charge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
