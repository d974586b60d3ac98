/* Random ids. */
#include "cmocka_first.h"
#include "io/ids.h"

#include <string.h>

/* Not a test of randomness: it finds the buffer left as it was, and the same id twice. */
static void ids_differ_from_each_other_in_every_byte_sooner_or_later(void **state)
{
    (void)state;
    uint8_t first[16], changed[16] = {0};
    ids_random(first);
    for (int i = 0; i < 100; i++) {
        uint8_t next[16];
        ids_random(next);
        assert_memory_not_equal(next, first, sizeof first);
        for (size_t at = 0; at < sizeof next; at++) {
            changed[at] |= next[at] ^ first[at];
        }
    }
    for (size_t at = 0; at < sizeof changed; at++) {
        assert_int_not_equal(changed[at], 0);
    }
}

/* Over the end of a block, and with nothing left behind of what was given out. */
static void ids_from_a_block_never_repeat_and_are_wiped(void **state)
{
    (void)state;
    struct ids_block block = {0};
    static uint8_t given[2 * IDS_DRAWN_AT_ONCE + 3][16];
    size_t count = sizeof given / sizeof given[0];
    const uint8_t zero[16] = {0};
    for (size_t i = 0; i < count; i++) {
        ids_random_from(&block, given[i]);
        assert_memory_equal(block.random[block.left], zero, sizeof zero);
        for (size_t earlier = 0; earlier < i; earlier++) {
            assert_memory_not_equal(given[i], given[earlier], sizeof given[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_differ_from_each_other_in_every_byte_sooner_or_later),
        cmocka_unit_test(ids_from_a_block_never_repeat_and_are_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
