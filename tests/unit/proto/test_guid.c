/* A GUID as text and back. */
#include "cmocka_first.h"

#include "base/err.h"
#include "proto/guid.h"

#include <stdio.h>

static void text_is_that_of_printf_and_comes_back(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4096; i++) {
        struct guid g, back;
        char expected[GUID_TEXT_SIZE + 1], text[GUID_TEXT_SIZE];
        size_t n = 0;
        for (uint32_t k = 0; k < GUID_SIZE; k++) {
            g.at[k] = (uint8_t)(i * 37 + k * (i >> 4));
            n += (size_t)snprintf(expected + n, sizeof expected - n, "%s%02x",
                                  k == 4 || k == 6 || k == 8 || k == 10 ? "-" : "", g.at[k]);
        }
        assert_true(bytes_is(guid_text(text, &g), expected));
        assert_int_equal(guid_parse(&back, bytes_of(text, sizeof text)), 0);
        assert_true(guid_equal(&g, &back));
    }
}

static void only_digits_are_digits(void **state)
{
    (void)state;
    char text[] = "00000000-0000-8000-8000-000000000000";
    for (uint32_t c = 1; c < 256; c++) {
        struct guid g;
        text[35] = (char)c;
        bool is_digit = strchr("0123456789abcdefABCDEF", (int)c) != NULL;
        assert_int_equal(guid_parse(&g, bytes_text(text)), is_digit ? 0 : ERR_MALFORMED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_that_of_printf_and_comes_back),
        cmocka_unit_test(only_digits_are_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
