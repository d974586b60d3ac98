/* Numbers are read whole or not at all. */
#include "cmocka_first.h"

#include "base/err.h"
#include "base/num.h"

static int parse(const char *text, uint64_t max)
{
    uint64_t value = 77;
    int rc = num_parse(bytes_text(text), max, &value);
    assert_true(rc == 0 || value == 77);
    return rc;
}

static void only_digits_within_the_limit_are_numbers(void **state)
{
    (void)state;
    uint64_t value;
    assert_int_equal(num_parse(bytes_text("0"), 0, &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(num_parse(bytes_text("18446744073709551615"), UINT64_MAX, &value), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(parse("18446744073709551616", UINT64_MAX), ERR_TOOBIG);
    assert_int_equal(parse("256", 255), ERR_TOOBIG);
    assert_int_equal(parse("9", 5), ERR_TOOBIG);
    assert_int_equal(parse("", 9), ERR_MALFORMED);
    assert_int_equal(parse("-1", 9), ERR_MALFORMED);
    assert_int_equal(parse("+1", 9), ERR_MALFORMED);
    assert_int_equal(parse(" 1", 9), ERR_MALFORMED);
    assert_int_equal(parse("1x", 9), ERR_MALFORMED);
    assert_int_equal(parse("0x1", 9), ERR_MALFORMED);
}

static void sizes_know_binary_units(void **state)
{
    (void)state;
    uint64_t value;
    assert_int_equal(num_parse_size(bytes_text("12"), &value), 0);
    assert_int_equal(value, 12);
    assert_int_equal(num_parse_size(bytes_text("2KiB"), &value), 0);
    assert_int_equal(value, 2048);
    assert_int_equal(num_parse_size(bytes_text("16 MiB"), &value), 0);
    assert_int_equal(value, 16u << 20);
    assert_int_equal(num_parse_size(bytes_text("1GiB"), &value), 0);
    assert_int_equal(value, 1u << 30);
    assert_int_equal(num_parse_size(bytes_text("1MB"), &value), ERR_MALFORMED);
    assert_int_equal(num_parse_size(bytes_text("GiB"), &value), ERR_MALFORMED);
    assert_int_equal(num_parse_size(bytes_text("17179869184GiB"), &value), ERR_TOOBIG);
}

static void printing_is_the_inverse(void **state)
{
    (void)state;
    const uint64_t samples[] = {0, 9, 10, 12345, UINT64_MAX};
    for (size_t i = 0; i < 5; i++) {
        char out[NUM_TEXT_MAX];
        uint64_t back;
        size_t n = num_print(out, samples[i]);
        assert_int_equal(num_parse(bytes_of(out, n), UINT64_MAX, &back), 0);
        assert_true(back == samples[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_digits_within_the_limit_are_numbers),
        cmocka_unit_test(sizes_know_binary_units),
        cmocka_unit_test(printing_is_the_inverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
