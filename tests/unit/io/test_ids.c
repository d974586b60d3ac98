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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_differ_from_each_other_in_every_byte_sooner_or_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
