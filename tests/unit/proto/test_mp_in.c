/* The pull reader reads what msgpack-c writes, and no input makes it read beyond, allocate or
 * believe. */
#include "base/err.h"
#include "base/rng.h"
#include "heap_faults.h"
#include "proto/mp_guard.h"
#include "proto/mp_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <msgpack.h>

static struct bytes packed(const msgpack_sbuffer *s)
{
    return bytes_of(s->data, s->size);
}

static void reads_what_msgpack_c_writes(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {0,     1,     127,        128,        255,       256,
                                       65535, 65536, UINT32_MAX, 1ull << 32, UINT64_MAX};
    static const size_t sizes[] = {0, 1, 31, 32, 255, 256, 65535, 65536};
    static char filler[65536];
    msgpack_sbuffer s;
    msgpack_packer p;
    msgpack_sbuffer_init(&s);
    msgpack_packer_init(&p, &s, msgpack_sbuffer_write);
    msgpack_pack_array(&p, 70000);
    for (size_t i = 0; i < 11; i++) {
        msgpack_pack_uint64(&p, numbers[i]);
    }
    for (size_t i = 0; i < 8; i++) {
        msgpack_pack_bin_with_body(&p, filler, sizes[i]);
        msgpack_pack_str_with_body(&p, filler, sizes[i]);
    }
    msgpack_pack_true(&p);
    msgpack_pack_false(&p);
    msgpack_pack_nil(&p);

    struct mp_in in = mp_in_of(packed(&s));
    assert_int_equal(mp_in_array(&in, 0, SIZE_MAX), 70000);
    for (size_t i = 0; i < 11; i++) {
        assert_false(mp_in_nil(&in));
        assert_int_equal(mp_in_uint(&in, UINT64_MAX), numbers[i]);
    }
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(mp_in_bin(&in, SIZE_MAX).size, sizes[i]);
        assert_int_equal(mp_in_str(&in, SIZE_MAX).size, sizes[i]);
    }
    assert_true(mp_in_bool(&in));
    assert_false(mp_in_bool(&in));
    assert_true(mp_in_nil(&in));
    mp_in_end(&in);
    assert_false(mp_in_failed(&in));
    msgpack_sbuffer_destroy(&s);
}

static void value_over_its_maximum_fails(void **state)
{
    (void)state;
    static const uint8_t number[] = {0xcd, 1, 0}, bin[] = {0xc4, 2, 0, 0}, str[] = {0xa2, 0, 0},
                         array[] = {0x92, 0, 0};
    struct mp_in in = mp_in_of(bytes_of(number, sizeof number));
    assert_int_equal(mp_in_uint(&in, 255), 0);
    assert_true(mp_in_failed(&in));
    in = mp_in_of(bytes_of(bin, sizeof bin));
    mp_in_bin(&in, 1);
    assert_true(mp_in_failed(&in));
    in = mp_in_of(bytes_of(str, sizeof str));
    mp_in_str(&in, 1);
    assert_true(mp_in_failed(&in));
    in = mp_in_of(bytes_of(array, sizeof array));
    assert_int_equal(mp_in_array(&in, 0, 1), 0);
    assert_true(mp_in_failed(&in));
    in = mp_in_of(bytes_of(array, sizeof array));
    assert_int_equal(mp_in_array(&in, 3, 9), 0);
    assert_true(mp_in_failed(&in));
}

static void failure_is_remembered(void **state)
{
    (void)state;
    static const uint8_t wire[] = {0xc0, 5, 0xc3, 0xa1, 'x'};
    struct mp_in in = mp_in_of(bytes_of(wire, sizeof wire));
    uint8_t fixed[4] = {1, 2, 3, 4};
    assert_int_equal(mp_in_uint(&in, 9), 0); /* a nil */
    assert_int_equal(mp_in_uint(&in, 9), 0);
    assert_false(mp_in_bool(&in));
    assert_int_equal(mp_in_str(&in, 9).size, 0);
    mp_in_fixed(&in, fixed, 4);
    assert_int_equal(fixed[3], 0);
    assert_true(mp_in_failed(&in));
}

static void container_that_promises_more_than_it_holds_is_refused_without_memory(void **state)
{
    (void)state;
    static const uint8_t bombs[][5] = {
        {0xdd, 0x04, 0, 0, 0},   {0xdd, 0xff, 0xff, 0xff, 0xff}, {0xdf, 0x02, 0, 0, 0},
        {0xc6, 0xff, 0, 0, 0},   {0xdb, 0xff, 0xff, 0xff, 0xff}, {0xc9, 0xff, 0, 0, 0},
        {0xdc, 0xff, 0xff, 0, 0}};
    heap_faults_set(0);
    for (size_t i = 0; i < sizeof bombs / sizeof bombs[0]; i++) {
        size_t size;
        struct bytes b = bytes_of(bombs[i], 5);
        assert_int_equal(mp_guard(b, &size), ERR_MALFORMED);
        struct mp_in in = mp_in_of(b);
        assert_int_equal(mp_in_array(&in, 0, SIZE_MAX), 0);
        assert_true(mp_in_failed(&in));
        in = mp_in_of(b);
        mp_in_skip(&in, 1);
        assert_true(mp_in_failed(&in));
    }
    assert_int_equal(heap_faults_count(), 0);
}

static void nesting_is_allowed_to_the_limit_and_not_beyond(void **state)
{
    (void)state;
    uint8_t wire[4096];
    size_t size;
    memset(wire, 0x91, sizeof wire);
    assert_int_equal(mp_guard(bytes_of(wire, sizeof wire), &size), ERR_MALFORMED);
    for (size_t depth = 0; depth <= 6; depth++) {
        memset(wire, 0x91, depth);
        wire[depth] = 0x90;
        int rc = mp_guard(bytes_of(wire, depth + 1), &size);
        assert_int_equal(rc, depth <= MP_DEPTH_MAX ? 0 : ERR_MALFORMED);
        if (rc == 0) {
            assert_int_equal(size, depth + 1);
        }
    }
    static const uint8_t siblings[] = {0x93, 0x91, 0x91, 1, 0x82, 1, 2, 3, 0x91, 4, 0xc0};
    assert_int_equal(mp_guard(bytes_of(siblings, sizeof siblings), &size), 0);
    assert_int_equal(size, sizeof siblings);
}

/* Whatever the guard lets through, msgpack-c takes, and with the same length. */
static void guard_and_msgpack_c_agree(void **state)
{
    (void)state;
    struct rng rng = {1};
    size_t passed = 0;
    for (int round = 0; round < 200000; round++) {
        uint8_t wire[24];
        size_t n = 1 + rng_below(&rng, sizeof wire), size = 0;
        for (size_t i = 0; i < n; i++) {
            wire[i] =
                (uint8_t)(rng_below(&rng, 3) ? rng_next(&rng) : 0x90 + rng_below(&rng, 4));
        }
        if (mp_guard(bytes_of(wire, n), &size) != 0) {
            continue;
        }
        msgpack_unpacked tree;
        size_t used = 0;
        msgpack_unpacked_init(&tree);
        assert_int_equal(msgpack_unpack_next(&tree, (const char *)wire, n, &used),
                         MSGPACK_UNPACK_SUCCESS);
        assert_int_equal(used, size);
        msgpack_unpacked_destroy(&tree);
        passed++;
    }
    assert_true(passed > 10000);
}

static void truncation_is_refused_everywhere(void **state)
{
    (void)state;
    static const uint8_t wire[] = {0x96, 0xcd, 1,    2,    0xc4, 3,  7,  8,  9,  0xd9, 2,
                                   'a',  'b',  0x92, 1,    0xcf, 0,  0,  0,  0,  0,    0,
                                   0,    9,    0xc3, 0xd8, 1,    0,  1,  2,  3,  4,    5,
                                   6,    7,    8,    9,    10,   11, 12, 13, 14, 15};
    size_t size;
    assert_int_equal(mp_guard(bytes_of(wire, sizeof wire), &size), 0);
    assert_int_equal(size, sizeof wire);
    for (size_t n = 0; n < sizeof wire; n++) {
        uint8_t *cut = malloc(n + 1); /* the sanitizer sees a read beyond it */
        assert_non_null(cut);
        memcpy(cut + 1, wire, n);
        assert_int_equal(mp_guard(bytes_of(cut + 1, n), &size), ERR_MALFORMED);
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_msgpack_c_writes),
        cmocka_unit_test(value_over_its_maximum_fails),
        cmocka_unit_test(failure_is_remembered),
        cmocka_unit_test(container_that_promises_more_than_it_holds_is_refused_without_memory),
        cmocka_unit_test(nesting_is_allowed_to_the_limit_and_not_beyond),
        cmocka_unit_test(guard_and_msgpack_c_agree),
        cmocka_unit_test(truncation_is_refused_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
