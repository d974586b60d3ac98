/* SipHash-2-4-128 against the first of its authors' test vectors. */
#include "cmocka_first.h"

#include "base/siphash.h"

static void the_authors_vectors_come_out(void **state)
{
    (void)state;
    static const uint8_t of_nothing[16] = {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6,
                                           0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93};
    static const uint8_t of_zero[16] = {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44,
                                        0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45};
    static const uint64_t key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    uint8_t out[16];
    siphash_128(out, bytes_of("", 0), key);
    assert_memory_equal(out, of_nothing, 16);
    siphash_128(out, bytes_of("\0", 1), key);
    assert_memory_equal(out, of_zero, 16);
}

static void every_length_counts(void **state)
{
    (void)state;
    static const uint64_t key[2] = {1, 2};
    static const uint8_t zeros[40];
    uint8_t before[16] = {0}, now[16];
    for (size_t size = 0; size < sizeof zeros; size++) {
        siphash_128(now, bytes_of(zeros, size), key);
        assert_memory_not_equal(now, before, 16);
        memcpy(before, now, 16);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_authors_vectors_come_out),
        cmocka_unit_test(every_length_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
