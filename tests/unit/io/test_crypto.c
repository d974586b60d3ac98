/* The primitives give what their standards say. */
#include "cmocka_first.h"

#include "crypto/crypto.h"
#include "io/interface.h"

static void hmac_is_that_of_rfc_4231(void **state)
{
    (void)state;
    /* Test case 2: key "Jefe", data "what do ya want for nothing?", here in three parts. */
    const struct bytes parts[] = {bytes_text("what do ya "), bytes_text(""),
                                  bytes_text("want for nothing?")};
    static const uint8_t want[CRYPTO_SHA256_SIZE] = {
        0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24,
        0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27,
        0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43};
    uint8_t mac[CRYPTO_SHA256_SIZE];
    assert_int_equal(crypto_hmac_sha256(mac, bytes_text("Jefe"), parts, 3), 0);
    assert_memory_equal(mac, want, sizeof mac);
}

static void base64_goes_there_and_back(void **state)
{
    (void)state;
    const char *const rows[][2] = {
        {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
    for (size_t i = 0; i < 4; i++) {
        struct text encoded = {0}, decoded = {0};
        crypto_add_base64(&encoded, bytes_text(rows[i][0]));
        assert_true(bytes_is(text_view(&encoded), rows[i][1]));
        assert_int_equal(crypto_add_decoded(&decoded, text_view(&encoded)), 0);
        assert_true(bytes_is(text_view(&decoded), rows[i][0]));
        text_fini(&encoded);
        text_fini(&decoded);
    }
}

static void what_is_no_base64_is_refused(void **state)
{
    (void)state;
    const char *const rows[] = {"", "Zg", "Zg=", "Z!==", "Zm9v\n"};
    for (size_t i = 0; i < 5; i++) {
        struct text decoded = {0};
        assert_int_equal(crypto_add_decoded(&decoded, bytes_text(rows[i])), ERR_MALFORMED);
        text_fini(&decoded);
    }
}

static void own_address_is_none_of_loopback(void **state)
{
    (void)state;
    char text[INTERFACE_TEXT_MAX] = "";
    int rc = interface_address(text);
    assert_true(rc == ERR_NOTFOUND || rc == 0); /* a machine may have loopback alone */
    assert_true(rc != 0 || (text[0] != '\0' && strncmp(text, "127.", 4) != 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hmac_is_that_of_rfc_4231),
        cmocka_unit_test(base64_goes_there_and_back),
        cmocka_unit_test(what_is_no_base64_is_refused),
        cmocka_unit_test(own_address_is_none_of_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
