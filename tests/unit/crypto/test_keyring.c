/* Keyrings: what is a secret, and what is derived from it. */
#include "cmocka_first.h"

#include "crypto/crypto.h"
#include "crypto/keyring.h"

#define A "0123456789abcdef0123456789abcdef"
#define B "fedcba9876543210fedcba9876543210"

static int parse(struct keyring *k, const char *text)
{
    struct errmsg em = {{0}};
    int rc = keyring_parse(k, bytes_text(text), bytes_text("callbackd"), &em);
    assert_int_equal(rc != 0, em.text[0] != '\0');
    assert_null(strstr(em.text, "0123456789abcdef"));
    return rc;
}

static void hkdf_is_that_of_rfc_5869(void **state)
{
    (void)state;
    /* Test case 1 */
    uint8_t secret[22], salt[13], purpose[10], made[42];
    memset(secret, 0x0b, sizeof secret);
    for (size_t i = 0; i < sizeof salt; i++) {
        salt[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < sizeof purpose; i++) {
        purpose[i] = (uint8_t)(0xf0 + i);
    }
    static const uint8_t want[sizeof made] = {
        0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a, 0x90, 0x43, 0x4f, 0x64, 0xd0, 0x36,
        0x2f, 0x2a, 0x2d, 0x2d, 0x0a, 0x90, 0xcf, 0x1a, 0x5a, 0x4c, 0x5d, 0xb0, 0x2d, 0x56,
        0xec, 0xc4, 0xc5, 0xbf, 0x34, 0x00, 0x72, 0x08, 0xd5, 0xb8, 0x87, 0x18, 0x58, 0x65};
    assert_int_equal(crypto_hkdf_sha256(made, sizeof made, bytes_of(secret, sizeof secret),
                                        bytes_of(salt, sizeof salt),
                                        bytes_of(purpose, sizeof purpose)),
                     0);
    assert_memory_equal(made, want, sizeof made);
}

static void one_secret_a_line_in_their_order(void **state)
{
    (void)state;
    struct keyring k, alone;
    assert_int_equal(parse(&k, "# new\n\n  " A " \r\n# old\n" B), 0);
    assert_int_equal(k.count, 2);
    assert_int_equal(parse(&alone, A "\n"), 0);
    assert_memory_equal(&k.keys[0], &alone.keys[0], sizeof k.keys[0]);
    assert_memory_not_equal(&k.keys[1], &alone.keys[0], sizeof k.keys[1]);
    struct bytes second = bytes_of(k.keys[1].name, sizeof k.keys[1].name);
    assert_ptr_equal(keyring_find(&k, second), &k.keys[1]);
    assert_null(keyring_find(&alone, second));
    assert_null(keyring_find(&k, bytes_of(NULL, 0)));
    keyring_wipe(&k);
    assert_null(keyring_find(&k, second));
}

static void a_secret_belongs_to_the_clusters_name(void **state)
{
    (void)state;
    struct keyring here, there;
    assert_int_equal(keyring_parse(&here, bytes_text(A), bytes_text("one"), NULL), 0);
    assert_int_equal(keyring_parse(&there, bytes_text(A), bytes_text("two"), NULL), 0);
    assert_memory_not_equal(here.keys[0].key, there.keys[0].key, KEYRING_KEY_SIZE);
    assert_memory_not_equal(here.keys[0].name, there.keys[0].name, KEYRING_NAME_SIZE);
}

static void what_is_no_secret_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "\n# nothing\n",
        "0123456789abcdef0123456789abcde",      /* one short */
        "0123456789abcdef 0123456789abcdef012", /* a space inside */
        A "\x7f",
        A "\xc3\xa4",
        A "\n" A,
        A "\n" B "\nshort",
        A "0\n" A "1\n" A "2\n" A "3\n" A "4\n" A "5\n" A "6\n" A "7\n" A "8\n",
    };
    struct keyring k;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(parse(&k, bad[i]), ERR_MALFORMED);
        assert_int_equal(k.count, 0);
    }
    static char longest[KEYRING_SECRET_MAX + 2];
    memset(longest, 'x', KEYRING_SECRET_MAX + 1);
    assert_int_equal(parse(&k, longest), ERR_MALFORMED);
    longest[KEYRING_SECRET_MAX] = '\0';
    assert_int_equal(parse(&k, longest), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hkdf_is_that_of_rfc_5869),
        cmocka_unit_test(one_secret_a_line_in_their_order),
        cmocka_unit_test(a_secret_belongs_to_the_clusters_name),
        cmocka_unit_test(what_is_no_secret_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
