/* Questions about runs of bytes that are answered several bytes at a time. */
#include "cmocka_first.h"

#include "base/bytes.h"

static void every_byte_is_seen_at_every_place(void **state)
{
    (void)state;
    uint8_t text[19];
    for (size_t size = 0; size <= sizeof text; size++) {
        memset(text, '~', sizeof text);
        assert_true(bytes_is_visible(bytes_of(text, size)));
        for (size_t i = 0; i < size * 256; i++) {
            uint8_t c = (uint8_t)i;
            text[i / 256] = c;
            assert_int_equal(bytes_is_visible(bytes_of(text, size)), c > ' ' && c < 0x7f);
            text[i / 256] = '!';
        }
    }
}

static void a_word_is_letters_digits_and_three_signs(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        uint8_t text[] = {'a', (uint8_t)c, 'Z'};
        bool is_of_it = c != 0 && strchr("-_.0123456789abcdefghijklmnopqrstuvwxyz"
                                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                                         (int)c) != NULL;
        assert_int_equal(bytes_is_word(bytes_of(text, sizeof text)), is_of_it);
    }
    assert_false(bytes_is_word(bytes_of(NULL, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_seen_at_every_place),
        cmocka_unit_test(a_word_is_letters_digits_and_three_signs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
